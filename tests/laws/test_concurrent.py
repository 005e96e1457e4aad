"""The laws on the real database: refunds, cancels, news and repeats of the same few payments, all at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.audit import Audit, snapshot
from tests.laws.model import said
from yuanlu import db, ids
from yuanlu.app import FOLLOWED, FOLLOWERS, ROWS
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import CaseAsk, What
from yuanlu.channels.contract import Channel, Outcome, Step, Word
from yuanlu.clock import SetClock
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk

WORDS = (Word.SETTLED, Word.SETTLED, Word.PENDING, Word.UNKNOWN, Word.DEFERRED, Word.ABSENT, Word.REFUSED)
DEEDS = ("refund", "refund", "refund", "drive", "drive", "news", "stranded", "cancel", "again", "case", "pay_news")


class Shop:
    """One merchant with a payment, over two desks that know nothing of each other, as two processes would."""

    def __init__(self, desks: list[Desk], merchant_id: str, till_id: str, clock: SetClock, seed: int) -> None:
        self.desks = desks
        self.merchant_id = merchant_id
        self.till_id = till_id
        self.clock = clock
        self.chance = Random(seed)
        self.payment_id = ids.new(Kind.PAYMENT, clock.now())
        self.asks: list[RefundAsk] = []

    async def pay(self) -> None:
        ask = ChargeAsk(
            merchant_id=self.merchant_id,
            id=self.payment_id,
            till_id=self.till_id,
            amount=Money(1000),
            who="cashier",
            code="130123456789012345",
        )
        await payments.request(self.desks[0], ask)
        await payments.learn(self.desks[0], self.merchant_id, self.payment_id, said(self.clock.now(), Word.SETTLED))

    async def do(self, deed: str) -> None:
        """One deed, at either desk. A rule's no is an answer like any other."""
        desk = self.chance.choice(self.desks)
        known = self.chance.choice(self.asks) if self.asks else None
        merchant_id, now = self.merchant_id, self.clock.now()
        try:
            match deed:
                case "refund":
                    await refunds.request(desk, self._ask())
                case "case":
                    case_id = ids.new(Kind.CASE, now)
                    ask = CaseAsk(
                        merchant_id=merchant_id, id=case_id, payment_id=self.payment_id, what=What.WRONG_CODE, who="c"
                    )
                    await cases.request(desk, ask)
                case "pay_news":
                    word = self.chance.choice((Word.SETTLED, Word.ENDED, Word.PENDING, Word.UNKNOWN))
                    await payments.learn(desk, merchant_id, self.payment_id, said(now, word, "notice"))
                case _ if known is None:
                    return
                case "again":
                    await refunds.request(desk, known)
                case "drive":
                    await refunds.drive(desk, merchant_id, known.id)
                case "news":
                    await refunds.learn(desk, merchant_id, known.id, said(now, self.chance.choice(WORDS), "notice"))
                case "stranded":
                    await refunds.learn(desk, merchant_id, known.id, said(now, Word.STRANDED, "notice"))
                case "cancel":
                    await refunds.cancel(desk, merchant_id, known.id, "boss")
        except (Denied, Busy):
            return

    def _ask(self) -> RefundAsk:
        ask = RefundAsk(
            merchant_id=self.merchant_id,
            id=ids.new(Kind.REFUND, self.clock.now()),
            payment_id=self.payment_id,
            amount=Money(self.chance.choice((1, 300, 400, 600, 1000))),
            who="cashier",
        )
        self.asks.append(ask)
        return ask


class Installation:
    """Two desks on one database, and a channel that says anything."""

    def __init__(self, database: db.Database, pools: db.Pools) -> None:
        self.clock = SetClock(datetime.now(UTC).replace(microsecond=0))
        self.pools = pools
        self.chance = Random(0)
        self.readers = [Reader(pools.recorder) for _ in range(2)]
        self.recorders = [
            Recorder(lambda: db.connect(database, db.Role.RECORDER, deadline_within=30), ROWS, followed=FOLLOWED)
            for _ in range(2)
        ]
        self.desks = [
            Desk(reader, recorder, self.ask, self.clock, mark_key=b"k" * 32, followers=FOLLOWERS)
            for reader, recorder in zip(self.readers, self.recorders, strict=True)
        ]

    async def ask(self, step: Step) -> Outcome:
        await asyncio.sleep(0)
        return said(self.clock.now(), self.chance.choice(WORDS))

    async def shop(self, seed: int) -> Shop:
        pool, now = self.pools.recorder, self.clock.now()
        merchant_id = await merchants.add_merchant(pool, "shop", now)
        store_id = await merchants.add_store(pool, merchant_id, "s", now)
        till_id = await merchants.add_till(pool, merchant_id, store_id, "t", now)
        await merchants.set_channel(pool, merchant_id, Channel.WECHAT, {}, now)
        shop = Shop(self.desks, merchant_id, till_id, self.clock, seed)
        await shop.pay()
        return shop

    async def close(self) -> None:
        for each in (*self.readers, *self.recorders):
            await each.close()


@pytest.fixture
async def installation(database: db.Database, pools: db.Pools) -> AsyncIterator[Installation]:
    made = Installation(database, pools)
    yield made
    await made.close()


BURSTS = st.lists(
    st.tuples(st.sampled_from((0, 1, 61, 4000)), st.lists(st.sampled_from(DEEDS), max_size=12)), max_size=6
)


async def played(
    installation: Installation, database: db.Database, bursts: list[tuple[int, list[str]]], seed: int
) -> None:
    """Do each burst all at once; the books hold every law between any two."""
    installation.chance = Random(seed)
    shop = await installation.shop(seed)
    connection = await db.connect(database)
    try:
        for seconds, deeds in bursts:
            installation.clock.step(timedelta(seconds=seconds))
            await asyncio.gather(*(shop.do(deed) for deed in deeds))
            wrong = Audit(await snapshot(connection, [shop.merchant_id])).always().found
            assert not wrong, f"seed {seed}: {wrong}"
    finally:
        await connection.close()


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(bursts=BURSTS, seed=st.integers(0, 10**6))
async def test_whatever_comes_at_once_the_books_hold_every_law(
    installation: Installation, database: db.Database, bursts: list[tuple[int, list[str]]], seed: int
) -> None:
    await played(installation, database, bursts, seed)


@pytest.mark.long
@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(bursts=BURSTS, seed=st.integers(0, 10**6))
async def test_whatever_comes_at_once_for_long_the_books_hold_every_law(
    installation: Installation, database: db.Database, bursts: list[tuple[int, list[str]]], seed: int
) -> None:
    await played(installation, database, bursts, seed)
