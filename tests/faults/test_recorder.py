"""The recorder under fire: its connections are cut, its callers vanish, and two processes send it the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from tests.faults.audit import Audit, snapshot
from yuanlu import db, ids
from yuanlu.app import ROWS
from yuanlu.change import Change, Look
from yuanlu.channels.contract import Channel, Evidence, Outcome, Word
from yuanlu.channels.registry import FACTS
from yuanlu.errors import Broken
from yuanlu.ids import Kind
from yuanlu.ledger.accounts import HELD, OWED, Move
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import rules as payments
from yuanlu.payments.rules import ChargeAsk, ChargeSeen, Payment
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder
from yuanlu.refunds import rules as refunds
from yuanlu.refunds import store as refund_store
from yuanlu.refunds.rules import Refund, RefundAsk, RefundSeen

AT = datetime.now(UTC).replace(microsecond=0)


def recorder(database: db.Database, **more: int) -> Recorder:
    return Recorder(lambda: db.connect(database, db.Role.RECORDER, deadline_within=30), ROWS, **more)


def word(said: Word, amount: Money | None = None) -> Outcome:
    """What a channel says, with its evidence."""
    evidence = Evidence(id=ids.new(Kind.EVIDENCE, AT), kind="answer", at=AT, body="{}", digest="0", operation="query")
    return Outcome(word=said, amount=amount, evidence=evidence)


class Shop:
    """A merchant with a till, on a database, and values of what may happen to it."""

    def __init__(self, merchant_id: str, store_id: str, till_id: str) -> None:
        self.merchant_id = merchant_id
        self.store_id = store_id
        self.till_id = till_id

    def charge(self, fen: int = 1000, payment_id: str = "") -> Change[Payment]:
        ask = ChargeAsk(
            merchant_id=self.merchant_id,
            id=payment_id or ids.new(Kind.PAYMENT),
            till_id=self.till_id,
            amount=Money(fen),
            who="cashier",
            channel=Channel.WECHAT,
        )
        seen = ChargeSeen(known=None, store_id=self.store_id, channels=frozenset({"wechat"}), same_code=None)
        change = payments.open_payment(FACTS, ask, seen, AT)
        assert isinstance(change, Change)
        return change

    def paid(self, payment: Payment) -> Change[Payment]:
        change = payments.hear(FACTS, word(Word.SETTLED, payment.amount), payment, AT)
        assert isinstance(change, Change)
        return change

    def refund(self, payment: Payment, fen: int) -> Change[Refund]:
        ask = RefundAsk(
            merchant_id=self.merchant_id,
            id=ids.new(Kind.REFUND),
            payment_id=payment.id,
            amount=Money(fen),
            who="cashier",
        )
        change = refunds.open_refund(FACTS, ask, RefundSeen(None, payment), AT)
        assert isinstance(change, Change)
        return change


async def opened_shop(pools: db.Pools) -> Shop:
    merchant_id = await merchants.add_merchant(pools.recorder, "shop", AT)
    store_id = await merchants.add_store(pools.recorder, merchant_id, "s", AT)
    return Shop(merchant_id, store_id, await merchants.add_till(pools.recorder, merchant_id, store_id, "t", AT))


@pytest.fixture
async def shop(pools: db.Pools) -> Shop:
    return await opened_shop(pools)


@pytest.fixture
async def books(database: db.Database) -> AsyncIterator[Recorder]:
    opened = recorder(database)
    yield opened
    await opened.close()


async def look(database: db.Database) -> None:
    """The books hold every law, as far as they go."""
    connection = await db.connect(database)
    wrong = Audit(await snapshot(connection)).always().found
    await connection.close()
    assert not wrong


async def a_paid_one(books: Recorder, shop: Shop, fen: int = 1000) -> Payment:
    opened = shop.charge(fen)
    assert await books.record(opened)
    paid = shop.paid(opened.row)
    assert await books.record(paid)
    return paid.row


@pytest.mark.parametrize(
    "at",
    [
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2026, 11, 26, 20, 5, 7, 1, tzinfo=timezone(timedelta(hours=8))),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
    ids=str,
)
async def test_a_moment_is_recorded_to_the_microsecond_from_any_zone(
    books: Recorder, shop: Shop, pools: db.Pools, at: datetime
) -> None:
    opened = shop.charge()
    assert await books.record(replace(opened, looks=(Look("payment.drive", opened.row.id, at),)))
    assert await pools.recorder.fetchval("select run_at from jobs where object_id = $1", opened.row.id) == at


async def test_a_moment_without_a_zone_is_refused(books: Recorder, shop: Shop, database: db.Database) -> None:
    opened = shop.charge()
    with pytest.raises(Broken):
        await books.record(replace(opened, looks=(Look("payment.drive", opened.row.id, AT.replace(tzinfo=None)),)))
    await look(database)


async def test_only_the_change_that_breaks_a_floor_is_rolled_back(
    books: Recorder, shop: Shop, database: db.Database
) -> None:
    good = [shop.charge() for _ in range(40)]
    bad = replace(shop.charge(), moves=(Move(HELD, OWED, Money(5)),))
    changes = [*good[:20], bad, *good[20:]]

    told = await asyncio.gather(*(books.record(change) for change in changes), return_exceptions=True)

    assert [answer for answer in told if answer is not True] == [told[20]]
    assert isinstance(told[20], Broken)
    await look(database)


async def test_a_cancelled_caller_whose_change_breaks_a_floor_harms_nobody_else(
    books: Recorder, shop: Shop, database: db.Database
) -> None:
    await books.record(shop.charge())  # the connection is open: what follows is one batch
    bad = replace(shop.charge(), moves=(Move(HELD, OWED, Money(5)),))
    good = [shop.charge() for _ in range(30)]
    waiting = [asyncio.ensure_future(books.record(change)) for change in (bad, *good)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting[0].cancel()

    told = await asyncio.gather(*waiting[1:], return_exceptions=True)

    assert told == [True] * 30
    await look(database)


async def test_a_caller_cancelled_in_flight_leaves_its_change_whole(
    books: Recorder, shop: Shop, database: db.Database, pools: db.Pools
) -> None:
    changes = [shop.charge() for _ in range(60)]
    waiting = [asyncio.ensure_future(books.record(change)) for change in changes]
    for turn, task in enumerate(waiting):
        if turn % 3 == 0:
            await asyncio.sleep(0)
            task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await books.close()

    count = await pools.recorder.fetchval("select count(*) from payments")
    assert 40 <= count <= 60
    assert await pools.recorder.fetchval("select count(*) from facts") == count
    await look(database)


async def test_a_stale_change_is_told_so_and_its_neighbours_are_recorded(books: Recorder, shop: Shop) -> None:
    opened = [shop.charge() for _ in range(10)]
    assert all(await asyncio.gather(*(books.record(change) for change in opened)))
    ahead = replace(opened[3], row=replace(opened[3].row, version=5))

    told = await asyncio.gather(
        *(books.record(ahead if place == 3 else shop.paid(change.row)) for place, change in enumerate(opened))
    )

    assert told == [place != 3 for place in range(10)]


async def test_a_draw_that_does_not_fit_is_told_and_the_others_of_its_batch_are_taken(
    books: Recorder, shop: Shop, database: db.Database
) -> None:
    payment = await a_paid_one(books, shop)
    told = await asyncio.gather(*(books.record(shop.refund(payment, fen)) for fen in (600, 600, 300, 200, 100)))
    assert sum(fen for fen, taken in zip((600, 600, 300, 200, 100), told, strict=True) if taken) <= 1000
    assert any(told)
    await look(database)


async def a_late_paid_one(books: Recorder, shop: Shop) -> Payment:
    """Paid after it was given up, so that it may still lose its money again."""
    payment = shop.charge().row
    assert await books.record(shop.charge(payment_id=payment.id))
    late = replace(shop.paid(payment).row, state=payments.State.LATE_PAID)
    assert await books.record(Change(row=late, at=AT, who="channel"))
    return late


def lost(payment: Payment) -> Change[Payment]:
    """The change that takes a payment's money away, decided while nothing was drawn of it."""
    change = payments.hear(FACTS, word(Word.ENDED), payment, AT)
    assert isinstance(change, Change)
    assert change.row.state is payments.State.CLOSED
    return change


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
@pytest.mark.parametrize("refund_first", [True, False], ids=["refund first", "loss first"])
async def test_a_payment_that_loses_its_money_and_a_refund_of_it_at_once_are_stale_not_broken(
    books: Recorder, shop: Shop, database: db.Database, together: bool, refund_first: bool
) -> None:
    """A draw moves no version: neither side sees the other's decision, and exactly one of them may be recorded."""
    payment = await a_late_paid_one(books, shop)
    pair = [shop.refund(payment, 400), lost(payment)]
    if not refund_first:
        pair.reverse()
    if together:
        told = await asyncio.gather(*(books.record(change) for change in pair))
    else:
        told = [await books.record(change) for change in pair]
    assert sorted(told) == [False, True]
    connection = await db.connect(database)
    row = await connection.fetchrow("select state, back_fen from payments where id = $1", payment.id)
    await connection.close()
    assert tuple(row) in {("LATE_PAID", 400), ("CLOSED", 0)}


async def test_cutting_the_recording_connections_again_and_again_loses_nothing_acknowledged(
    shop: Shop, database: db.Database, pools: db.Pools
) -> None:
    books = recorder(database, batch_max=8)
    acknowledged: list[str] = []
    stop = asyncio.Event()

    async def one(seed: int) -> None:
        chance = Random(seed)
        while not stop.is_set():
            change = shop.charge(chance.randint(1, 999))
            if await books.record(change):
                acknowledged.append(change.row.id)

    callers = [asyncio.create_task(one(seed)) for seed in range(24)]
    killer = await db.connect(database)
    cut = 0
    chance = Random(7)
    for _ in range(200):
        if cut >= 25:
            break
        await asyncio.sleep(chance.uniform(0.01, 0.08))
        cut += await killer.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where usename = 'yuanlu_recorder' and datname = current_database() and pid <> pg_backend_pid()"
        )
    stop.set()
    await asyncio.gather(*callers)
    await books.close()

    assert cut >= 25
    kept = {row["id"] for row in await killer.fetch("select id from payments")}
    assert acknowledged
    assert set(acknowledged) <= kept
    await killer.close()
    await look(database)


async def _mixed(database: db.Database, shops: list[Shop], seed: int, seconds: float) -> int:
    """Random changes of shared rows, as fast as they go: charges, payments, refunds, ends, wakes."""
    books, pools = recorder(database), await db.open_pools(database)
    reader = Reader(pools.recorder)
    chance = Random(seed)
    known: list[Payment] = []
    ends = asyncio.get_running_loop().time() + seconds
    done = 0

    async def one() -> None:
        nonlocal done
        while asyncio.get_running_loop().time() < ends:
            shop = chance.choice(shops)
            if len(known) < 6 or chance.random() < 0.1:
                opened = shop.charge(10_000)
                if await books.record(opened) and await books.record(paid := shop.paid(opened.row)):
                    known.append(paid.row)
                continue
            payment = chance.choice(known)
            owner = next(each for each in shops if each.merchant_id == payment.merchant_id)
            change = owner.refund(payment, chance.randint(1, 3))
            if not await books.record(change):
                continue
            seen = await reader.see(refund_store.to_drive(payment.merchant_id, change.row.id))
            for _ in range(3):
                step = refunds.next_step(FACTS, replace(seen, sibling_sent_at=None), AT + timedelta(minutes=5))
                if not isinstance(step, Change):
                    break
                looks = (*step.looks, Look("cases.drive.wake", chance.choice(known).id, AT))
                if not await books.record(replace(step, looks=looks)):
                    break
                seen = replace(seen, refund=step.row)
            if seen.refund is not None and seen.refund.state is refunds.State.SENT:
                said = chance.choice((Word.SETTLED, Word.REFUSED, Word.STRANDED, Word.PENDING))
                heard = refunds.hear(FACTS, word(said), seen.refund, AT + timedelta(minutes=6))
                if isinstance(heard, Change):
                    await books.record(heard)
            done += 1

    try:
        await asyncio.gather(*(one() for _ in range(40)))
    finally:
        await reader.close()
        await books.close()
        await pools.close()
    return done


async def test_random_batches_from_several_recorders_never_lock_each_other_out(
    database: db.Database, pools: db.Pools
) -> None:
    shops = [await opened_shop(pools) for _ in range(4)]

    done = await asyncio.gather(*(_mixed(database, shops, seed, 5.0) for seed in range(3)))

    assert min(done) > 20
    watcher = await db.connect(database)
    await asyncio.sleep(0.2)
    assert await watcher.fetchval("select deadlocks from pg_stat_database where datname = current_database()") == 0
    await watcher.close()
    await look(database)


async def test_a_refund_and_a_case_of_payments_locked_crosswise_wait_and_do_not_lock(
    database: db.Database, shop: Shop, books: Recorder
) -> None:
    """A draw locks its payment, a child's foreign key holds its parent: the two locks must get along."""
    payment = await a_paid_one(books, shop)
    first, second = await db.connect(database), await db.connect(database)
    await first.execute("begin")
    await first.execute("select 1 from payments where id = $1 for key share".replace("$1", f"'{payment.id}'"))
    try:
        async with asyncio.timeout(3):
            assert await books.record(shop.refund(payment, 10))
    finally:
        await first.execute("rollback")
        await first.close()
        await second.close()
