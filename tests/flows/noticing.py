"""A shop whose facts somebody asked to know: real books, a clock, a worker, a post that speaks to loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from tests.flows.scene import Scene, said, settled
from yuanlu import ids
from yuanlu.app import FOLLOWERS, PEN, App
from yuanlu.channels.contract import Operation, Outcome, Reason, Step, Word
from yuanlu.clock import SetClock
from yuanlu.config import Settings
from yuanlu.db import Database, Pools
from yuanlu.desk import Desk
from yuanlu.ids import Kind
from yuanlu.letters import Letter, Receipt, Way
from yuanlu.losses import flow as losses
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.notify import flow
from yuanlu.notify.flow import NewSecret
from yuanlu.notify.post import Post
from yuanlu.notify.rules import TYPES, Delivery
from yuanlu.notify.store import delivery_made
from yuanlu.payments.rules import Payment
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import Refund, RefundAsk
from yuanlu.seal import Seal
from yuanlu.worker import Worker

WITHIN = {Way.WEBHOOK: 0.4, Way.SMS: 0.4, Way.EMAIL: 3.0, Way.APPRISE: 5.0}


class Noticing(Scene):
    """A scene with a post. `tell` is what the desk tells by: a test may stand in between."""

    def __init__(self, database: Database, pools: Pools, settings: Settings, post: Post) -> None:
        super().__init__(database, pools)
        self.clock = SetClock(datetime.now(UTC))
        self.settings = settings
        self.post = post
        self.tell: Callable[[Letter], Any] = post.carry
        self.seal = Seal(pools.recorder, b"m" * 32)
        self.desk = self.new_desk()

    def new_desk(self) -> Desk:
        return Desk(
            self.reader, self.recorder, self._ask, self.clock,
            mark_key=b"k" * 32, followers=FOLLOWERS, seal=self.seal, tell=self._tell,
            mails=self.settings.mails,
        )  # fmt: skip

    async def _tell(self, letter: Letter) -> Receipt:
        receipt: Receipt = await self.tell(letter)
        return receipt

    @property
    def worker(self) -> Worker:
        return Worker(cast("App", self), concurrency=8)

    async def work(self) -> None:
        """Run what is due now."""
        await self.worker.once()

    async def later(self, **span: float) -> None:
        """Time passes; then what is due runs."""
        self.clock.step(timedelta(**span))
        await self.work()

    async def until_told(self, steps: int = 60) -> None:
        """Let time pass, minute by minute and longer, until nothing is due to be sent any more."""
        for step in range(steps):
            await self.work()
            if not await self.jobs("notify.%"):
                return
            self.clock.step(timedelta(minutes=1 + step * 5))

    async def jobs(self, name: str) -> int:
        """How many jobs of these names there are."""
        found: int = await self.pools.recorder.fetchval("select count(*) from jobs where name like $1", name)
        return found

    async def hook(self, target: str, *types: str, way: Way = Way.WEBHOOK, **more: Any) -> NewSecret:
        """Somebody asks to know."""
        given = {"merchant_id": self.merchant_id, "hook_id": ids.new(Kind.HOOK), "who": "boss"} | more
        return await flow.add(self.desk, way=way, target=target, types=types, **given)

    async def deliveries(self, **wanted: str) -> list[Delivery]:
        """All deliveries, in the order of their objects."""
        rows = await self.pools.recorder.fetch("select * from deliveries order by object_id, id")
        found = [delivery_made(row) for row in rows]
        return [each for each in found if all(getattr(each, name) == value for name, value in wanted.items())]

    async def recorded(self, object_id: str, kinds: Any = TYPES) -> list[tuple[int, int, str]]:
        """The facts of an object that are told, in order."""
        rows = await self.pools.recorder.fetch(
            "select transition, seq, kind from facts where object_id = $1 order by transition, seq", object_id
        )
        return [(row["transition"], row["seq"], row["kind"]) for row in rows if row["kind"] in kinds]

    async def facts_of(self, kind: str) -> list[str]:
        """The bodies of all facts of a kind."""
        rows = await self.pools.recorder.fetch("select body from facts where kind = $1 order by recorded_at", kind)
        return [row["body"] for row in rows]

    async def refund(self, payment: Payment, fen: int, outcome: Outcome | None = None, **more: Any) -> Refund:
        """A refund that is asked for, sent, and answered at once."""
        self.says[Operation.REFUND] = outcome or settled(fen)
        ask = RefundAsk(
            merchant_id=self.merchant_id, id=ids.new(Kind.REFUND), payment_id=payment.id, amount=Money(fen), who="boss",
            **more,
        )  # fmt: skip
        refund = await refunds.request(self.desk, ask)
        return await refunds.drive(self.desk, self.merchant_id, refund.id)

    async def neighbour(self) -> Noticing:
        """Another merchant of the same installation."""
        other = Noticing.__new__(Noticing)
        other.__dict__.update(self.__dict__)
        pool, now = self.pools.recorder, self.clock.now()
        other.merchant_id = await merchants.add_merchant(pool, "Neighbour", now)
        store_id = await merchants.add_store(pool, other.merchant_id, "store", now)
        other.till_id = await merchants.add_till(pool, other.merchant_id, store_id, "till", now)
        for channel in ("wechat", "alipay"):
            await merchants.set_channel(pool, other.merchant_id, channel, {}, now)
        return other


@asynccontextmanager
async def noticing(
    database: Database, pools: Pools, state: Path, *, within: Mapping[Way, float] = WITHIN, **settings: Any
) -> AsyncIterator[Noticing]:
    """The shop, until the block ends. `within`: the post's deadlines in seconds."""
    made = replace(Settings(state=state, hooks_on_loopback=1), **settings)
    async with Post(made, PEN, within=within) as post:
        scene = Noticing(database, pools, made, post)
        pool, now = pools.recorder, scene.clock.now()
        scene.merchant_id = await merchants.add_merchant(pool, "Corner shop 街角小店", now)
        store_id = await merchants.add_store(pool, scene.merchant_id, "store", now)
        scene.till_id = await merchants.add_till(pool, scene.merchant_id, store_id, "till", now)
        for channel in ("wechat", "alipay"):
            await merchants.set_channel(pool, scene.merchant_id, channel, {}, now)
        scene.says[Operation.QUERY] = lambda step: settled(_amount(step))
        yield scene
        await scene.reader.close()
        await scene.recorder.close()


async def short(shop: Noticing) -> None:
    """The float of WeChat Pay runs short: a refund waits there for funds. Whoever asked is told."""
    payment = await shop.paid(12800)
    await shop.refund(payment, 2800, said(Word.DEFERRED, reason=Reason.FUNDS_SHORT))
    await losses.watch(shop.desk, shop.merchant_id, "wechat")
    await shop.work()


def _amount(step: Step) -> int:
    return step.amount.amount if step.amount is not None else 0
