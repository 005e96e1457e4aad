"""A shop with one till and both channels, whose outside says what the test tells it to say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from yuanlu import ids, jobs
from yuanlu.app import FOLLOWED, FOLLOWERS, ROWS
from yuanlu.channels.contract import REMOTE, Channel, Evidence, Operation, Outcome, Reason, Step, Word
from yuanlu.clock import SetClock
from yuanlu.db import Database, Pools, Role, connect
from yuanlu.desk import Desk
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.people import flow as people
from yuanlu.people.rules import Person
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder
from yuanlu.seal import Seal
from yuanlu.worker import VERBS

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
CODES = {Channel.WECHAT: "134567890123456789", Channel.ALIPAY: "281234567890123456"}


class Scene:
    """One merchant's books, a clock, and `says`: what the outside answers to each operation."""

    def __init__(self, database: Database, pools: Pools) -> None:
        self.clock = SetClock(NOON)
        self.pools = pools
        self.reader = Reader(pools.recorder)
        self.recorder = Recorder(lambda: connect(database, Role.RECORDER, deadline_within=30), ROWS, followed=FOLLOWED)
        self.seal = Seal(pools.recorder, b"s" * 32)
        self.desk = Desk(
            self.reader,
            self.recorder,
            self._ask,
            self.clock,
            mark_key=b"k" * 32,
            followers=FOLLOWERS,
            seal=self.seal,
        )
        self.says: dict[Operation, Outcome | Callable[[Step], Outcome]] = {}
        self.steps: list[Step] = []
        self.merchant_id = self.till_id = ""

    async def _ask(self, step: Step) -> Outcome:
        self.steps.append(step)
        told = self.says.get(step.operation, Outcome(word=Word.UNKNOWN, code="client.timeout"))
        outcome = told(step) if callable(told) else told
        return heard(outcome, step.operation, self.clock.now())

    async def pay(self, fen: int, channel: Channel = Channel.WECHAT, code: str = "") -> Payment:
        """A payment by code, as it stands after the answer."""
        ask = ChargeAsk(
            merchant_id=self.merchant_id,
            id=ids.new(ids.Kind.PAYMENT),
            till_id=self.till_id,
            amount=Money(fen),
            who="cashier",
            code=code or CODES[channel],
        )
        return await payments.request(self.desk, ask)

    async def paid(self, fen: int, channel: Channel = Channel.WECHAT) -> Payment:
        """A payment that has its money."""
        self.says |= {Operation.PAY: settled(fen), Operation.QUERY: settled(fen)}
        return await self.pay(fen, channel)

    async def staff(self, role: str, name: str = "王芳") -> Person:
        """A member of staff, as rules see them."""
        return (await people.add(self.desk, self.merchant_id, role=role, name=name, who="boss")).person

    async def work(self) -> list[str]:
        """Run every job that is due, until none is; answers their names."""
        ran: list[str] = []
        while due := await jobs.lease(self.pools.recorder, self.clock.now(), 10):
            for job in due:
                ran.append(job.name)
                await VERBS[job.name](self.desk, job.merchant_id, job.object_id)
                await jobs.finish(self.pools.recorder, job, self.clock.now())
        return ran

    async def facts(self, object_id: str) -> list[str]:
        """What happened to an object, in order."""
        rows = await self.pools.recorder.fetch(
            "select kind from facts where object_id = $1 order by transition, seq", object_id
        )
        return [row["kind"] for row in rows]


def settled(fen: int) -> Outcome:
    return Outcome(word=Word.SETTLED, amount=Money(fen), channel_number="4200001")


def said(word: Word, code: str = "", reason: Reason | None = None) -> Outcome:
    return Outcome(word=word, code=code, reason=reason)


def heard(outcome: Outcome, operation: Operation | str, at: datetime, kind: str = "answer") -> Outcome:
    """The outcome with the evidence it came with."""
    told = Evidence(
        id=ids.new(ids.Kind.EVIDENCE), kind=kind, at=at, body="", digest="", operation=str(operation), status=200
    )
    return Outcome(**{name: getattr(outcome, name) for name in outcome.__slots__ if name != "evidence"}, evidence=told)


@asynccontextmanager
async def standing(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    """The shop, until the block ends."""
    scene = Scene(database, pools)
    pool = pools.recorder
    scene.merchant_id = await merchants.add_merchant(pool, "Shop", NOON)
    store_id = await merchants.add_store(pool, scene.merchant_id, "store", NOON)
    scene.till_id = await merchants.add_till(pool, scene.merchant_id, store_id, "till", NOON)
    for channel in REMOTE:
        await merchants.set_channel(pool, scene.merchant_id, channel, {}, NOON)
    yield scene
    await scene.reader.close()
    await scene.recorder.close()
