"""Reports over HTTP: every figure equals a count row by row, for nobody else's rows, and payments go on meanwhile."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.web.conftest import Shop
from tests.web.test_guards import question
from tests.web.test_refunds_and_cases import later
from tests.web.test_review import hire
from yuanlu import db, ids
from yuanlu.bench.ground import inserted
from yuanlu.cases.rules import Case, Conclusion, Remedy, State, What
from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.guards.rules import Guard
from yuanlu.ids import Kind
from yuanlu.insight import rules, store
from yuanlu.insight.rules import Days
from yuanlu.insight.store import Of, Reports
from yuanlu.merchants import store as merchants
from yuanlu.payments import store as payments
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.sheets import text_of

NAMES = ("refund-rate", "time-back", "causes", "mistakes", "guards", "change")
DAYS = "from=2026-11-01&to=2026-11-20"
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)
READERS = {"owner", "finance", "risk", "manager", "auditor"}


@dataclass
class Books:
    """What was made, to be counted row by row."""

    payments: list[Payment] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """A moment of a day of China."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=CHINA).astimezone(UTC)


async def made(shop: Shop, merchant: str, tills: Sequence[tuple[str, str]], shift: int = 0) -> Books:
    """Payments and cases around the ends of some days, in several stores, of several people; written as they are.

    One payment is made by the flow, the others are copies of it.
    """
    books, connection = Books(), await db.connect(shop.app.database)
    try:
        row = await connection.fetchrow("select * from payments limit 1")
        first = payments.made(row)
        for number in range(90):
            day = FIRST + timedelta(days=(number * 7) % 24 - 2)
            moment = at(day, (number * 5 + shift) % 24, 59 if number % 2 else 0)
            store_id, till = tills[number // 5 % len(tills)]
            payment = replace(
                first, merchant_id=merchant, id=ids.new(Kind.PAYMENT, moment), till_id=till, store_id=store_id,
                opened_at=moment, opened_by=f"clerk {number % 3}", amount_fen=1000 + number,
                state=PaymentState.FAILED if number % 11 == 0 else PaymentState.PAID,
                back_fen=0 if number % 11 == 0 or number % 4 else number + 1, code_mark="", channel_number="",
            )  # fmt: skip
            await inserted(connection, payment)
            books.payments.append(payment)
            if number % 3 == 0:
                whats, ends = list(What), list(Conclusion)
                reported = moment + timedelta(days=number % 5, minutes=3)
                case = Case(
                    merchant_id=merchant, id=ids.new(Kind.CASE, reported), version=3, state=State.CLOSED,
                    payment_id=payment.id, what=whats[number // 3 % len(whats)], meant_fen=None, fingerprint="",
                    opened_at=reported, opened_by="till", remedy=Remedy.REFUND_ALL, remedy_fen=number,
                    conclusion=ends[number // 3 % len(ends)], store_id=store_id, closed_at=reported,
                    cause="input.amount.decimal_slip" if number % 9 == 0 else "",
                )  # fmt: skip
                await inserted(connection, case)
                books.cases.append(case)
    finally:
        await connection.close()
    return books


def in_days(moment: datetime, first: date = FIRST, last: date = LAST) -> bool:
    return first <= moment.astimezone(CHINA).date() <= last


def is_mistake(case: Case) -> bool:
    return case.what in rules.MISTAKES and case.conclusion not in rules.NOT_WRONG


@dataclass
class Ledger:
    """A shop with two stores whose books are known, and a neighbour with others."""

    shop: Shop
    here: str
    there: str
    books: Books


@pytest.fixture
async def ledger(shop: Shop) -> Ledger:
    await shop.paid()
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    here = (await shop.get("/v1/tills")).told["items"][0]["store"]
    there = await merchants.add_store(pool, shop.merchant_id, "分店", now)
    second = await merchants.add_till(pool, shop.merchant_id, there, "till 2", now)
    neighbour = await pool.fetchrow(
        "select merchant_id, store_id, id from tills where merchant_id <> $1", shop.merchant_id
    )
    books = await made(shop, shop.merchant_id, [(here, shop.till), (there, second)])
    await made(shop, neighbour["merchant_id"], [(neighbour["store_id"], neighbour["id"])], shift=3)
    await hire(shop, "olga", "owner")
    await hire(shop, "near", "manager", here)
    return Ledger(shop, here, there, books)


async def told(ledger: Ledger, name: str, who: str = "olga", more: str = "") -> Any:
    answer = await ledger.shop.get(f"/v1/reports/{name}?{DAYS}{more}", who=who)
    assert answer.status == 200, answer.raw
    return answer.told


@pytest.mark.parametrize("store_of", ["", "here", "there"])
async def test_the_refund_rate_is_that_of_a_count_row_by_row(ledger: Ledger, store_of: str) -> None:
    only = {"": "", "here": ledger.here, "there": ledger.there}[store_of]
    wanted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for each in ledger.books.payments:
        if in_days(each.opened_at) and each.state in HAS_MONEY and only in ("", each.store_id):
            sums = wanted[each.opened_at.astimezone(CHINA).date().isoformat(), each.store_id]
            for place, more in enumerate((1, each.amount_fen, each.back_fen > 0, each.back_fen)):
                sums[place] += more
    found = await told(ledger, "refund-rate", more=f"&store={only}")
    items = {
        (one["day"], one["store"]): [one["payments"], one["taken_fen"], one["refunded"], one["back_fen"]]
        for one in found["items"]
    }
    assert items == wanted
    assert len(items) >= 5
    assert found["payments"] == sum(sums[0] for sums in wanted.values())
    assert found["back_fen"] == sum(sums[3] for sums in wanted.values())


async def test_causes_are_those_of_a_count_row_by_row(ledger: Ledger) -> None:
    wanted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for case in ledger.books.cases:
        if in_days(case.opened_at) and is_mistake(case):
            wanted[case.cause or case.what][0] += 1
            wanted[case.cause or case.what][1] += case.remedy_fen
    found = await told(ledger, "causes")
    assert {one["cause"]: [one["count"], one["fen"]] for one in found["items"]} == wanted
    assert len(wanted) > 2
    counts = [one["count"] for one in found["items"]]
    assert counts == sorted(counts, reverse=True)
    assert found["items"][-1]["up_to"] == 1.0


@pytest.mark.parametrize("by", ["store", "till", "cashier"])
async def test_mistakes_are_those_of_a_count_row_by_row(ledger: Ledger, by: str) -> None:
    key = {"store": "store_id", "till": "till_id", "cashier": "opened_by"}[by]
    wrong = {case.payment_id for case in ledger.books.cases if is_mistake(case)}
    wanted: Counter[tuple[str, int, str]] = Counter()
    for each in ledger.books.payments:
        if in_days(each.opened_at):
            place = getattr(each, key), each.opened_at.astimezone(CHINA).hour
            wanted[(*place, "payments")] += 1
            wanted[(*place, "mistakes")] += each.id in wrong
    found = await told(ledger, "mistakes", more=f"&by={by}")
    items = {
        (one["key"], hour["hour"], sort): hour[sort]
        for one in found["items"] for hour in one["hours"] for sort in ("payments", "mistakes")
    }  # fmt: skip
    assert items == dict(wanted)
    assert sum(one["mistakes"] for one in found["items"]) > 5


async def test_before_and_after_are_those_of_a_count_row_by_row(ledger: Ledger) -> None:
    wrong = {case.payment_id for case in ledger.books.cases if is_mistake(case)}
    found = (
        await ledger.shop.get(
            "/v1/reports/change?from=2026-11-11&to=2026-11-20&before_from=2026-11-01&before_to=2026-11-08", who="olga"
        )
    ).told
    for part, first, last in (("before", FIRST, date(2026, 11, 8)), ("after", date(2026, 11, 11), LAST)):
        of = [each for each in ledger.books.payments if in_days(each.opened_at, first, last)]
        assert (found[part]["payments"], found[part]["mistakes"]) == (len(of), len({one.id for one in of} & wrong))
        assert found[part]["mistakes"] > 0
    assert 0 < found["p"] <= 1
    usual = (await ledger.shop.get("/v1/reports/change?from=2026-11-11&to=2026-11-20", who="olga")).told
    assert (usual["before"]["from"], usual["before"]["to"]) == ("2026-11-01", "2026-11-10")


async def test_who_belongs_to_a_store_gets_the_report_of_it_and_of_no_other(ledger: Ledger) -> None:
    for name in NAMES:
        mine = await told(ledger, name, who="near")
        assert mine["store"] == ledger.here
        assert mine == await told(ledger, name, who="olga", more=f"&store={ledger.here}")
        no = await ledger.shop.get(f"/v1/reports/{name}?{DAYS}&store={ledger.there}", who="near")
        assert (no.status, no.code) == (403, "staff.other_store")


async def test_days_that_make_no_report_are_refused(ledger: Ledger) -> None:
    for days in ("from=2026-11-20&to=2026-11-01", "from=2024-01-01&to=2026-11-01", "from=0001-01-01&to=0001-01-02"):
        no = await ledger.shop.get(f"/v1/reports/refund-rate?{days}", who="olga")
        assert (no.status, no.code) == (422, "report.span"), days
    assert (await ledger.shop.get("/v1/reports/refund-rate?from=x", who="olga")).code == "request.invalid"


@pytest.mark.parametrize("name", NAMES)
async def test_a_table_is_read_back_as_it_was(ledger: Ledger, name: str) -> None:
    """With its mark, so that Excel takes it for what it is; a name that looks like a formula does not run."""
    await ledger.shop.app.pools.recorder.execute("update stores set name = '=1+1' where id = $1", ledger.here)
    await question(ledger.shop, Guard.TIMES_10, reply="confirmed")
    for lang, word in (("zh", "笔数"), ("en", "Payments")):
        answer = await ledger.shop.get(f"/v1/reports/{name}.csv?{DAYS}&lang={lang}", who="olga")
        assert answer.status == 200, answer.raw
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}-2026-11-01-2026-11-20.csv"'
        assert answer.raw.startswith("\ufeff".encode())
        rows = list(csv.reader(io.StringIO(text_of(answer.raw))))
        assert len({len(row) for row in rows}) == 1
        if name == "refund-rate":
            assert any(word in head for head in rows[0])
            assert "'=1+1" in {row[1] for row in rows}
            found = await told(ledger, name)
            assert [row[2] for row in rows[1:]] == [str(one["payments"]) for one in found["items"]]
            assert rows[1][3] == f"{found['items'][0]['taken_fen'] / 100:.2f}"


def held_by(told: Sequence[Mapping[str, Any]], until: datetime) -> Mapping[str, float]:
    """Who held a case for how many seconds, one fact after the other."""
    seconds: dict[str, float] = defaultdict(float)
    holder, since = "", until
    for fact in told:
        body = json.loads(fact["body"])
        if fact["kind"] in rules.HELD_BY:
            seconds[holder] += max(0.0, (min(fact["at"], until) - since).total_seconds())
            holder, since = rules.HELD_BY[fact["kind"]], min(fact["at"], until)
            holder = body.get("next_holder", holder)
            holder = {"cancel": "system", "repayment": "finance"}.get(body.get("remedy", ""), holder)
    seconds[holder] += max(0.0, (until - since).total_seconds())
    return {name: each for name, each in seconds.items() if name and each}


async def test_how_long_money_takes_is_that_of_the_rows_and_facts(shop: Shop) -> None:
    """Of real cases, one by one: who held it when follows from the facts, and adds up to the whole way."""
    await hire(shop, "olga", "owner")
    await hire(shop, "anna", "manager")
    for number in range(4):
        payment, case = await shop.paid(), ids.new(Kind.CASE, shop.app.clock.now())
        wish = {"id": case, "payment": payment, "what": "request", "said": "不要了"}
        assert (await shop.post("/v1/cases", wish)).status == 201
        await later(shop, 600 * number + 60)
        if number == 2:
            version = (await shop.get(f"/v1/cases/{case}")).told["version"]
            asked = await shop.post(f"/v1/cases/{case}/ask", {"version": version, "words": "请补一张照片"}, who="anna")
            assert asked.status == 200, asked.raw
            await later(shop, 900)
            said = {"version": asked.told["version"], "words": "已补"}
            answered = await shop.post(f"/v1/cases/{case}/answer", said)
            assert answered.status == 200, answered.raw
        version = (await shop.get(f"/v1/cases/{case}")).told["version"]
        if number:
            amount = {"version": version, "amount_fen": 100 * number}
            answer = await shop.post(f"/v1/cases/{case}/approve", amount, who="anna")
            assert answer.status == 200, answer.raw
    for _ in range(4):
        await later(shop, 600)
    pool = shop.app.pools.recorder
    rows = await pool.fetch(
        "select r.*, c.opened_at as asked_at from refunds r join cases c on c.id = r.case_id"
        " where r.state in ('DONE', 'PROVEN')"
    )
    assert len(rows) == 3
    found = (await shop.get("/v1/reports/time-back", who="olga")).told
    stages, held = ({one["name"]: one for one in found[each]} for each in ("stages", "holders"))
    wanted: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        told = await pool.fetch(
            "select * from facts where object_id = $1 order by recorded_at, transition, seq", row["case_id"]
        )
        for name, seconds in held_by(told, row["done_at"]).items():
            wanted[name].append(seconds)
    whole = [max(0.0, (row["done_at"] - row["asked_at"]).total_seconds()) for row in rows]
    assert set(stages) == {"decided", "sent", "arrived", "whole"}
    assert stages["whole"]["count"] == len(rows)
    assert stages["whole"]["median_seconds"] == pytest.approx(statistics.median(whole), abs=1)
    assert stages["decided"]["median_seconds"] > 600
    assert {"manager", "customer", "system"} <= set(wanted)
    for name, seconds in wanted.items():
        assert (held[name]["count"], held[name]["total_seconds"]) == (len(seconds), pytest.approx(sum(seconds))), name
        assert held[name]["median_seconds"] == pytest.approx(statistics.median(seconds))
    assert sum(one["total_seconds"] for one in found["holders"]) == pytest.approx(sum(whole), abs=len(rows))
    assert sum(one["share"] for one in found["holders"]) == pytest.approx(1)
    parts = sum(stages[name]["total_seconds"] for name in ("decided", "sent", "arrived"))
    assert parts == pytest.approx(stages["whole"]["total_seconds"])
    for row in await pool.fetch("select * from cases where state <> 'CLOSED'"):
        told = await pool.fetch(
            "select * from facts where object_id = $1 and kind = any($2) order by recorded_at, transition, seq",
            row["id"], list(rules.HELD_BY),
        )  # fmt: skip
        assert rules.HELD_BY[told[-1]["kind"]] == row["holder"], told[-1]["kind"]


async def test_median_and_ninety_percent_are_those_of_the_statistics_module(ledger: Ledger) -> None:
    pool = ledger.shop.app.pools.reports
    for number in (1, 2, 7, 100):
        values = [(place * 7919) % 1013 / 7 for place in range(number)]
        row = await pool.fetchrow(
            "select percentile_cont(0.5) within group (order by v) as m, percentile_cont(0.9) within group (order by v)"
            " as p from unnest($1::double precision[]) v",
            values,
        )
        cuts = statistics.quantiles(values, n=10, method="inclusive") if number > 1 else values * 9
        assert (row["m"], row["p"]) == (pytest.approx(statistics.median(values)), pytest.approx(cuts[8]))


async def test_guards_are_counted_over_all_stores(ledger: Ledger) -> None:
    today = ledger.shop.app.clock.now().astimezone(CHINA).date().isoformat()
    await question(ledger.shop, Guard.TIMES_10, reply="confirmed", sale=ids.new(Kind.PAYMENT))
    await question(ledger.shop, Guard.TIMES_10)
    await question(ledger.shop, Guard.TWICE, reply="changed")
    found = (await ledger.shop.get(f"/v1/reports/guards?from={today}&to={today}", who="olga")).told
    assert [(one["guard"], one["asked"], one["confirmed"], one["changed"]) for one in found["items"]] == [
        ("amount.times_10", 2, 1, 0), ("amount.twice", 1, 0, 1),
    ]  # fmt: skip
    assert found["sales"] == 1


async def test_only_the_roles_of_the_table_read_reports(shop: Shop) -> None:
    for role in ("owner", "finance", "risk", "manager", "cashier", "trainee", "auditor"):
        await hire(shop, role, role)
        for name in NAMES:
            for path in (f"/v1/reports/{name}", f"/v1/reports/{name}.csv"):
                assert (await shop.get(path, who=role)).status == (200 if role in READERS else 403), (role, path)


async def test_a_report_that_is_too_slow_is_stopped_and_payments_go_on(shop: Shop) -> None:
    """Something keeps the report's table from being read: it is told so, and meanwhile somebody pays."""
    await hire(shop, "olga", "owner")
    pools = await db.open_pools(shop.app.database, reports_within=0.5)
    shop.app.reports = Reports(pools.reports)
    locking = await db.connect(shop.app.database)
    try:
        async with locking.transaction():
            await locking.execute("lock table guard_questions in access exclusive mode")
            report = asyncio.create_task(shop.get("/v1/reports/guards", who="olga"))
            await shop.paid()
            answer = await report
        assert (answer.status, answer.code) == (503, "report.too_slow")
        assert (await shop.get("/v1/reports/guards", who="olga")).status == 200
    finally:
        await locking.close()
        await pools.close()


async def test_a_merchant_makes_one_report_at_a_time_and_who_waits_too_long_is_told(shop: Shop) -> None:
    reports = Reports(shop.app.pools.reports, wait_seconds=0.2)
    going, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Any) -> int:
        going.set()
        await go_on.wait()
        return 1

    first = asyncio.create_task(reports.made("M", slow))
    await going.wait()
    for merchant in ("M", "N"):  # its own turn, and the only place
        with pytest.raises(Denied, match=r"report\.busy"):
            await reports.made(merchant, slow)
    go_on.set()
    assert await first == 1
    assert await reports.made("N", slow) == 1


async def test_reports_can_write_nothing_and_are_read_where_the_settings_say(shop: Shop) -> None:
    """Of a replica too, as the reader: no row of anybody is shown where no merchant is named."""
    database = shop.app.database
    apart = await db.open_pools(database, reports_url=database.url)
    try:
        for pool, size in ((shop.app.pools.reports, 1), (apart.reports, 2)):
            with pytest.raises((asyncpg.ReadOnlySQLTransactionError, asyncpg.InsufficientPrivilegeError)):
                await pool.execute("delete from payments")
            assert await pool.fetchval("show default_transaction_read_only") == "on"
            assert await pool.fetchval("select current_user") == db.Role.READER
            assert await pool.fetchval("select count(*) from payments") == 0
            assert await store.refund_rate(pool, Of(shop.merchant_id, Days(FIRST, LAST))) == []
            assert pool.get_max_size() == size
    finally:
        await apart.close()
