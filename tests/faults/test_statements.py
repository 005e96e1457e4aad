"""The statement of a day between the channel and us: asked for until it is there, taken once, whatever goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests import statements as made
from tests.faults.complaining import Moment, World, emptied, opened
from yuanlu.channels.contract import REMOTE, Channel, Paper
from yuanlu.clock import business_day, midnight
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.evidence import keeping
from yuanlu.evidence.shelves import Disk
from yuanlu.people.rules import Person, Role
from yuanlu.sim.payers import Wallet
from yuanlu.sim.plants import What as Plant
from yuanlu.statements import flow, rules
from yuanlu.statements.rules import State, Statement
from yuanlu.statements.store import made as row_of

BOTH = pytest.mark.parametrize("channel", list(REMOTE))
WECHAT, ALIPAY = Channel.WECHAT, Channel.ALIPAY
FINANCE = Person("finance", Role.FINANCE)


@pytest.fixture
async def world(database: Database, spot: Path) -> AsyncIterator[World]:
    async with opened(database, spot) as one:
        yield one


async def all_of(world: World) -> list[Statement]:
    return [
        row_of(row) for row in await world.connection.fetch("select * from statements order by day, channel, paper")
    ]


async def sold(world: World, channel: Channel) -> date:
    """A day of two payments that is over; answers it. It is some minutes past midnight."""
    await world.paid(channel)
    await world.paid(channel, 720)
    day = business_day(world.clock.now())
    await world.wait((midnight(day + timedelta(days=1)) - world.clock.now()).total_seconds() + 600)
    return day


async def one(world: World, channel: Channel, paper: Paper, day: date) -> Statement:
    return await flow.see(world.app.desk, world.merchant_id, rules.statement_id(world.merchant_id, channel, paper, day))


@BOTH
async def test_each_day_is_asked_for_when_the_channel_has_it_and_taken(world: World, channel: Channel) -> None:
    """S54."""
    day = await sold(world, channel)
    wanted = await flow.want_daily(world.app.desk, world.merchant_id)
    assert wanted == 4
    assert await flow.want_daily(world.app.desk, world.merchant_id) == 0
    assert {row.state for row in await all_of(world)} == {State.WAITING}
    hours = flow.BOUNDS[channel].ready_after
    assert (await one(world, channel, Paper.TRADES, day)).look_at == midnight(day + timedelta(days=1)) + hours
    await world.wait(hours=11)
    for paper in flow.BOUNDS[channel].daily:
        row = await one(world, channel, paper, day)
        assert (row.state, row.agrees, row.taken_by) == (State.TAKEN, "yes", "channel")
        said = await world.connection.fetch(
            "select operation, body from evidence where object_id = $1 order by operation", row.id
        )
        assert [each["operation"] for each in said] == ["statement_ask", "statement_fetch"]
        assert said[1]["body"] == f"{row.size_bytes} bytes"
        table = await flow.table(world.app.desk, world.app.files, row)
        amounts = [each["amount_fen"] for each in table.to_pylist() if each["kind"] == "payment"]
        assert sorted(amounts) == [720, 12800]
    other = next(each for each in REMOTE if each is not channel)
    await world.wait(hours=2)
    assert (await one(world, other, Paper.TRADES, day)).state is State.NONE
    assert len(await world.facts("StatementNone")) == 2
    assert await world.connection.fetchval("select count(*) from jobs where name = $1", rules.DRIVE) == 0


async def test_days_that_a_worker_missed_are_wanted_and_none_before_there_was_a_shop(world: World) -> None:
    first = await sold(world, WECHAT)
    await world.sim.agenda.advance(5 * 86400.0)
    await flow.want_daily(world.app.desk, world.merchant_id)
    today = business_day(world.clock.now())
    assert sorted({row.day for row in await all_of(world)}) == [today - timedelta(days=back) for back in (3, 2, 1)]
    assert rules.days_wanted(world.clock.now(), world.clock.now() - timedelta(days=2)) == [
        today - timedelta(days=2), today - timedelta(days=1),
    ]  # fmt: skip
    assert first < today - timedelta(days=3)


@BOTH
async def test_a_statement_that_is_late_is_asked_for_until_it_is_there(world: World, channel: Channel) -> None:
    day = await sold(world, channel)
    code = "STATEMENT_CREATING" if channel is WECHAT else "BILL_NOT_EXIST"
    world.trouble("refusal", "bill", code=code, count=3)
    await flow.want(world.app.desk, world.merchant_id, channel, day, FINANCE, [Paper.TRADES])
    await world.work()
    row = await one(world, channel, Paper.TRADES, day)
    assert (row.state, row.code, row.tries) == (State.WAITING, code, 1)
    await world.wait(hours=1)
    row = await one(world, channel, Paper.TRADES, day)
    assert (row.state, row.tries, row.lines) == (State.TAKEN, 4, 2)


@BOTH
async def test_no_answer_at_all_is_no_answer(world: World, channel: Channel) -> None:
    day = await sold(world, channel)
    world.trouble("error_500", "bill", count=2)
    await flow.want(world.app.desk, world.merchant_id, channel, day, FINANCE, [Paper.TRADES])
    await world.work()
    assert (await one(world, channel, Paper.TRADES, day)).state is State.WAITING
    await world.wait(hours=1)
    assert (await one(world, channel, Paper.TRADES, day)).state is State.TAKEN


async def test_bytes_that_are_not_what_was_promised_are_not_taken(world: World) -> None:
    day = await sold(world, WECHAT)
    await flow.want(world.app.desk, world.merchant_id, WECHAT, day, FINANCE, [Paper.TRADES])
    world.sim.world.plants[Wallet.WECHAT].add(Plant.HASH, count=1)
    await world.work()
    row = await one(world, WECHAT, Paper.TRADES, day)
    assert (row.state, row.code, row.storage_key) == (State.WAITING, "client.mismatch", "")
    assert len(await world.facts("StatementSpoilt")) == 1
    await world.wait(minutes=10)
    assert (await one(world, WECHAT, Paper.TRADES, day)).state is State.TAKEN


async def test_a_statement_that_never_comes_is_overdue_once(world: World) -> None:
    day = await sold(world, ALIPAY)
    world.trouble("refusal", "bill", code="BILL_NOT_EXIST", count=1000)
    await flow.want(world.app.desk, world.merchant_id, ALIPAY, day, FINANCE, [Paper.TRADES])
    await world.wait(hours=40)
    assert len(await world.facts("StatementOverdue")) == 1
    assert (await one(world, ALIPAY, Paper.TRADES, day)).state is State.WAITING


@BOTH
@pytest.mark.parametrize("moment", list(Moment))
async def test_a_service_that_dies_anywhere_takes_it_once_all_the_same(
    database: Database, spot: Path, channel: Channel, moment: Moment
) -> None:
    """The same story, with the service dying at each of its seams in turn."""
    seam, over = 1, False
    while not over:
        async with emptied(database), opened(database, spot / f"{channel}{moment}{seam}") as world:
            day = await sold(world, channel)
            with world.people():
                await flow.want(world.app.desk, world.merchant_id, channel, day, FINANCE, [Paper.TRADES])
            before = len(world.desk.calls)
            world.desk.dies = {before + seam: moment}
            await world.wait(hours=2)
            over = bool(world.desk.dies)
            row = await one(world, channel, Paper.TRADES, day)
            assert (row.state, row.lines, row.agrees) == (State.TAKEN, 2, "yes"), seam
            assert len(await world.facts("StatementTaken")) == 1
        seam += 1
    assert seam > 3


class Full(Disk):
    """A disk that fails once, before or after it put something down."""

    def __init__(self, root: Path, *, after: bool) -> None:
        super().__init__(root)
        self.after, self.failed = after, False

    async def put(self, key: str, content: bytes) -> None:
        if self.failed or self.after:
            await super().put(key, content)
        if not self.failed:
            self.failed = True
            raise Denied("file.no_room")


@pytest.mark.parametrize("after", [False, True])
async def test_a_store_that_fails_between_bytes_and_row_is_asked_again(world: World, spot: Path, after: bool) -> None:
    day = await sold(world, WECHAT)
    world.app.files.shelf = Full(spot / "full", after=after)
    await flow.want(world.app.desk, world.merchant_id, WECHAT, day, FINANCE, [Paper.TRADES])
    await world.work()
    assert (await one(world, WECHAT, Paper.TRADES, day)).state is State.WAITING
    await world.wait(minutes=10)
    row = await one(world, WECHAT, Paper.TRADES, day)
    assert row.state is State.TAKEN
    assert (await flow.content(world.app.desk, world.app.files, row))[:2] == b"\x1f\x8b"


async def test_what_is_kept_is_sealed_and_stays_when_files_are_swept(world: World) -> None:
    day = await sold(world, WECHAT)
    await flow.want(world.app.desk, world.merchant_id, WECHAT, day, FINANCE, [Paper.TRADES])
    await world.work()
    row = await one(world, WECHAT, Paper.TRADES, day)
    body = await world.app.files.shelf.get(row.storage_key)
    assert body is not None
    assert body[:2] != b"\x1f\x8b"
    later = datetime.now(UTC) + timedelta(days=400)
    await keeping.sweep_files(world.app.desk, world.app.files, world.app.pools.reader, world.merchant_id, later)
    assert await flow.content(world.app.desk, world.app.files, row)


# By hand


async def handed_in(world: World, content: bytes, **more: object) -> Statement:
    return await flow.take(world.app.desk, world.app.files, world.merchant_id, content, FINANCE, **more)  # type: ignore[arg-type]


async def test_a_statement_is_handed_in_once_however_often(world: World) -> None:
    content = made.wechat(made.payment(1), made.refund(2))
    row = await handed_in(world, content, name="bill.csv")
    assert (row.state, row.day, row.channel, row.paper, row.taken_by) == (
        State.TAKEN, date(2026, 11, 22), "wechat", Paper.TRADES, "finance",
    )  # fmt: skip
    assert await handed_in(world, content, name="other.csv") == row
    assert len(await world.facts("StatementTaken")) == 1


async def test_a_whole_file_takes_the_place_of_one_that_was_cut_off(world: World) -> None:
    lines = made.wechat_lines([made.payment(1), made.payment(2)])
    cut = await handed_in(world, made.written(lines[:2]))
    assert [problem.code for problem in rules.problems_of(cut)] == ["summary_missing"]
    whole = await handed_in(world, made.written(lines))
    assert (whole.id, whole.version, whole.lines, whole.agrees) == (cut.id, cut.version + 1, 2, "yes")
    assert await world.app.files.shelf.get(cut.storage_key) is not None
    assert cut.storage_key in (await world.facts("StatementTaken"))[-1]


async def test_a_statement_that_was_handed_in_is_not_asked_for_again(world: World) -> None:
    day = await sold(world, ALIPAY)
    await flow.want(world.app.desk, world.merchant_id, ALIPAY, day, FINANCE)
    await world.work()
    before = await all_of(world)
    await flow.want(world.app.desk, world.merchant_id, ALIPAY, day, FINANCE)
    await world.wait(hours=2)
    assert await all_of(world) == before


@pytest.mark.parametrize(
    ("content", "more", "code"),
    [
        (made.wechat(made.payment(1, 商户号="1900000999")), {}, "statement.other_account"),
        (made.wechat(made.payment(1)), {"day": date(2026, 11, 20)}, "statement.other_day"),
        (made.wechat(made.payment(1), made.payment(2, 交易时间="2026-11-25 10:00:00")), {}, "statement.several_days"),
        (made.wechat(), {}, "statement.day_unknown"),
        (made.wechat(made.payment(1)), {"channel": "alipay"}, "statement.other_channel"),
        (b"", {}, "statement.empty"),
        (b"hello\n", {}, "statement.not_one"),
    ],
)
async def test_what_is_not_the_statement_of_a_day_of_ours_is_refused(
    world: World, content: bytes, more: dict[str, object], code: str
) -> None:
    with pytest.raises(Denied) as no:
        await handed_in(world, content, **more)
    assert no.value.code == code
    assert await all_of(world) == []


@pytest.mark.parametrize("role", [Role.CASHIER, Role.MANAGER, Role.TRAINEE, Role.AUDITOR, Role.RISK])
async def test_who_may_not_speak_for_the_books_hands_nothing_in(world: World, role: Role) -> None:
    by = Person("somebody", role)
    with pytest.raises(Denied) as no:
        await flow.take(world.app.desk, world.app.files, world.merchant_id, made.wechat(made.payment(1)), by)
    assert no.value.code == "staff.not_allowed"
    with pytest.raises(Denied) as no:
        await flow.want(world.app.desk, world.merchant_id, WECHAT, date(2026, 11, 22), by)
    assert no.value.code == "staff.not_allowed"


async def test_only_days_that_a_channel_can_have_are_asked_for(world: World) -> None:
    today = business_day(world.clock.now())
    for channel, day, papers, code in (
        (WECHAT, today, (), "statement.day_not_over"),
        (WECHAT, today - timedelta(days=120), (), "statement.day_too_old"),
        (ALIPAY, today - timedelta(days=1), (Paper.PAID,), "statement.channel_cannot"),
        ("unionpay", today - timedelta(days=1), (), "channel.unknown"),
    ):
        with pytest.raises(Denied) as no:
            await flow.want(world.app.desk, world.merchant_id, channel, day, FINANCE, papers)
        assert no.value.code == code
