"""The reports' SQL, and the path it is read by: connections of its own that cannot slow those that take money.

Payments, refunds, cases and questions are walked along their keys: ids begin with their time, so a span of days is a
range of the primary key, and no index is kept for reports. Everything is added up in the database: what comes back is
a few rows. What is looked up one by one (a case's payment, its facts) stands behind `offset 0`, so the planner does not
turn it into a walk through the whole table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import asyncpg

from yuanlu import db, ids
from yuanlu.errors import Busy, Denied
from yuanlu.guards import store as guards
from yuanlu.ids import Kind
from yuanlu.insight.rules import HELD_BY, MISTAKES, NOT_WRONG, SLACK, Days, Group
from yuanlu.payments.rules import HAS_MONEY
from yuanlu.refunds import rules as refunds

WAIT_SECONDS = 5.0
WAITING_MAX = 16
"""How long, and how many, wait for another report to be done."""
ROWS_MAX = 20_000

T = TypeVar("T")
Rows = Sequence[Mapping[str, Any]]


class Reports:
    """Makes reports, one at a time for a merchant, and in all as many as there are connections."""

    def __init__(self, pool: asyncpg.Pool[Any], *, wait_seconds: float = WAIT_SECONDS) -> None:
        self._pool = pool
        self._places = asyncio.Semaphore(pool.get_max_size())
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._wait_seconds = wait_seconds
        self._waiting = 0

    async def made(self, merchant_id: str, make: Callable[[asyncpg.Pool[Any]], Awaitable[T]]) -> T:
        """What this makes, when it is this merchant's turn.

        Raises Denied: report.busy, report.too_slow. Raises Busy: the database is away.
        """
        async with AsyncExitStack() as stack:
            await self._turn(merchant_id, stack)
            try:
                return await make(self._pool)
            except Busy as no:
                if isinstance(no.__cause__, asyncpg.QueryCanceledError | TimeoutError):
                    raise Denied("report.too_slow") from no
                raise

    async def _turn(self, merchant_id: str, stack: AsyncExitStack) -> None:
        if self._waiting >= WAITING_MAX:
            raise Denied("report.busy")
        turn = self._turns.setdefault(merchant_id, asyncio.Lock())
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await stack.enter_async_context(turn)
                await stack.enter_async_context(self._places)
        except TimeoutError:
            raise Denied("report.busy") from None
        finally:
            self._waiting -= 1


@dataclass(frozen=True, slots=True)
class Of:
    """What a report is about: whose, which days, which store (empty: all of them)."""

    merchant_id: str
    days: Days
    store_id: str = ""

    def span(self, kind: Kind) -> tuple[str, str]:
        """The range of ids in which everything of these days lies, and a little more."""
        return ids.since(kind, self.days.since - SLACK), ids.since(kind, self.days.until + SLACK)


async def _read(pool: asyncpg.Pool[Any], of: Of, kind: Kind, sql: str, *more: object) -> Rows:
    """Rows of a report. Its SQL knows $1 merchant, $2 and $3 the range of ids, $4 and $5 the moments, $6 the store.

    Raises Denied: report.too_large.
    """
    low, high = of.span(kind)
    rows: Rows = await db.read(
        pool, of.merchant_id, f"{sql} limit {ROWS_MAX + 1}",
        of.merchant_id, low, high, of.days.since, of.days.until, of.store_id, *more,
    )  # fmt: skip
    if len(rows) > ROWS_MAX:
        raise Denied("report.too_large", max_rows=ROWS_MAX)
    return rows


_IN_DAYS = "{t}.merchant_id = $1 and {t}.id >= $2 and {t}.id < $3 and {t}.opened_at >= $4 and {t}.opened_at < $5"
_PAYMENTS = f"payments p where {_IN_DAYS.format(t='p')} and ($6 = '' or p.store_id = $6)"
_DAY = "(p.opened_at at time zone interval '8 hours')::date"
_HOUR = "date_part('hour', p.opened_at at time zone interval '8 hours')"

_RATE = f"""
  with counts as materialized (
    select {_DAY} as day, p.store_id, count(*) as payments, sum(p.amount_fen)::bigint as taken_fen,
      count(nullif(p.back_fen, 0)) as refunded, sum(p.back_fen)::bigint as back_fen
    from {_PAYMENTS} and p.state = any($7) group by 1, 2
  ) select * from counts order by day, store_id
"""
"""`materialized`: the order is made of the few groups. Else the planner sorts a million payments to group them."""


@dataclass(frozen=True, slots=True)
class RateOfDay:
    """The payments of a day in a store that took money, and how many of them gave some back until now."""

    day: date
    store_id: str
    payments: int
    taken_fen: int
    refunded: int
    back_fen: int


async def refund_rate(pool: asyncpg.Pool[Any], of: Of) -> Sequence[RateOfDay]:
    """How much of what was taken goes back, by the day and store of the payment."""
    rows = await _read(pool, of, Kind.PAYMENT, _RATE, [state.value for state in HAS_MONEY])
    return [RateOfDay(**row) for row in rows]


_BACK = """
  back as materialized (
    select r.id, r.state, r.case_id, r.opened_at, r.sent_at, r.done_at, coalesce(c.opened_at, r.opened_at) as asked_at
    from refunds r
    cross join lateral (select p.store_id from payments p where p.merchant_id = $1 and p.id = r.payment_id offset 0) p
    left join lateral (select k.opened_at from cases k where k.merchant_id = $1 and k.id = r.case_id offset 0) c on true
    where r.merchant_id = $1 and r.id >= $2 and r.id < $3 and ($6 = '' or p.store_id = $6)
      and coalesce(c.opened_at, r.opened_at) >= $4 and coalesce(c.opened_at, r.opened_at) < $5
  ), done as materialized (
    select * from back where state = any($7) and done_at is not null and sent_at is not null
  ), told as materialized (
    select d.id, d.opened_at, d.done_at, f.kind, f.at, f.recorded_at, f.transition, f.seq,
      case when f.kind in ('CaseOverdue', 'RemedyChosen') then f.body::jsonb end as body
    from done d cross join lateral (
      select f.* from facts f where f.merchant_id = $1 and f.object_id = d.case_id and d.case_id <> ''
        and f.recorded_at >= d.asked_at - interval '1 day' and f.kind = any($9) offset 0
    ) f
  ), decided as (
    select id, max(at) as at from told where kind = 'RemedyChosen' and at <= opened_at group by id
  ), way as (
    select d.id, d.asked_at, greatest(d.asked_at, coalesce(x.at, d.opened_at)) as decided_at, d.sent_at, d.done_at
    from done d left join decided x on x.id = d.id
  ), moments as (
    select id, asked_at, decided_at, greatest(decided_at, sent_at) as sent_at,
      greatest(decided_at, sent_at, done_at) as done_at from way
  ), held as (
    select id, case
        when kind = 'CaseOverdue' then body ->> 'next_holder'
        when body ->> 'remedy' = 'cancel' then 'system' when body ->> 'remedy' = 'repayment' then 'finance'
        else ($10::text[])[array_position($9::text[], kind)] end as holder,
      least(coalesce(lead(at) over (partition by id order by recorded_at, transition, seq), done_at), done_at)
        - least(at, done_at) as span
    from told
  ), of_case as (
    select id, holder, sum(extract(epoch from greatest(span, interval '0'))::double precision) as seconds
    from held where holder <> '' group by 1, 2
  ), spans as (
    select 'stage' as sort, s.name, extract(epoch from s.span)::double precision as seconds
    from moments m cross join lateral (values
      ('decided', m.decided_at - m.asked_at), ('sent', m.sent_at - m.decided_at), ('arrived', m.done_at - m.sent_at),
      ('whole', m.done_at - m.asked_at)) s (name, span)
    union all select 'holder', holder, seconds from of_case where seconds > 0
  )"""
_TIME_BACK = f"""
  with {_BACK}
  select sort, name, count(*) as count, sum(seconds) as total,
    percentile_cont(0.5) within group (order by seconds) as median,
    percentile_cont(0.9) within group (order by seconds) as p90
  from spans group by sort, name
  union all select 'open', '', count(*), 0, 0, 0 from back where state = any($8)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """How long a part of the way took, or somebody held it. Units: seconds. `total`: of all of them together."""

    name: str
    count: int
    median: float
    p90: float
    total: float


@dataclass(frozen=True, slots=True)
class TimeBack:
    """Refunds asked for in some days that have arrived: how long each stage took, and each holder. `open`: how many are
    still on their way."""

    stages: Sequence[Took]
    holders: Sequence[Took]
    open: int


async def time_back(pool: asyncpg.Pool[Any], of: Of) -> TimeBack:
    """How long it takes until money is back, of what was asked for in these days."""
    arrived = [refunds.State.DONE.value, refunds.State.PROVEN.value]
    rows = await _read(
        pool, of, Kind.REFUND, _TIME_BACK, arrived, [state.value for state in refunds.OPEN],
        list(HELD_BY), list(HELD_BY.values()),
    )  # fmt: skip

    def took(sort: str) -> Sequence[Took]:
        found = [row for row in rows if row["sort"] == sort]
        return [Took(row["name"], row["count"], row["median"], row["p90"], row["total"]) for row in found]

    return TimeBack(took("stage"), took("holder"), sum(row["count"] for row in rows if row["sort"] == "open"))


_MISTAKEN = "c.what = any($7) and not c.conclusion = any($8)"
_CAUSES = f"""
  select coalesce(nullif(c.cause, ''), c.what) as key, count(*) as count, sum(c.remedy_fen)::bigint as fen
  from cases c where {_IN_DAYS.format(t="c")} and ($6 = '' or c.store_id = $6) and {_MISTAKEN} group by 1 order by 1
"""
_WHICH = ([each.value for each in MISTAKES], [each.value for each in NOT_WRONG])


async def causes(pool: asyncpg.Pool[Any], of: Of) -> Sequence[tuple[str, int, int]]:
    """What went wrong, of the mistakes reported in these days: cause (or what was said), how often, fen put right."""
    rows = await _read(pool, of, Kind.CASE, _CAUSES, *_WHICH)
    return [(row["key"], row["count"], row["fen"]) for row in rows]


_WRONG = f"""
  select distinct p.id, p.store_id, p.till_id, p.opened_by, p.opened_at from cases c
  cross join lateral (
    select p.* from payments p where p.merchant_id = $1 and p.id = c.payment_id and p.opened_at >= $4
      and p.opened_at < $5 and p.id >= $2 and p.id < $3 and ($6 = '' or p.store_id = $6) offset 0
  ) p
  where c.merchant_id = $1 and c.id >= 'YC' || substr($2, 3) and {_MISTAKEN}
"""
"""Payments of these days that somebody said a scan went wrong with; the case comes after the payment."""
_BY: Mapping[Group, str] = {Group.STORE: "p.store_id", Group.TILL: "p.till_id", Group.CASHIER: "p.opened_by"}
_HEAT = """
  with wrong as materialized ({wrong}),
  counts as materialized (select {by} as key, {hour} as hour, count(*) as payments from {payments} group by 1, 2),
  mistakes as materialized (select {by} as key, {hour} as hour, count(*) as mistakes from wrong p group by 1, 2)
  select key, hour::int as hour, n.payments, coalesce(m.mistakes, 0) as mistakes
  from counts n left join mistakes m using (key, hour) order by key, hour
"""


@dataclass(frozen=True, slots=True)
class HourOf:
    """What one store, till or cashier charged in an hour of the day, and with how much of it a scan went wrong."""

    key: str
    hour: int
    payments: int
    mistakes: int


async def mistakes(pool: asyncpg.Pool[Any], of: Of, by: Group) -> Sequence[HourOf]:
    """Where and when scans go wrong, by the hour of the payment."""
    sql = _HEAT.format(wrong=_WRONG, by=_BY[by], hour=_HOUR, payments=_PAYMENTS)
    return [HourOf(**row) for row in await _read(pool, of, Kind.PAYMENT, sql, *_WHICH)]


_TWO = f"""
  with wrong as materialized ({_WRONG})
  select (select count(*) from {_PAYMENTS}) as payments, (select count(*) from wrong) as mistakes
"""


@dataclass(frozen=True, slots=True)
class Part:
    """The payments of some days, and with how many of them a scan went wrong."""

    payments: int
    mistakes: int


async def mistaken(pool: asyncpg.Pool[Any], of: Of) -> Part:
    """How many payments of these days were mistaken."""
    (row,) = await _read(pool, of, Kind.PAYMENT, _TWO, *_WHICH)
    return Part(row["payments"], row["mistakes"])


async def guarded(pool: asyncpg.Pool[Any], of: Of) -> guards.Counts:
    """What the guards asked in these days, and what came of it."""
    return await guards.counted(pool, of.merchant_id, of.days.since, of.days.until, of.store_id)


_NAMES = """
  select id, name from stores where merchant_id = $1 and id = any($2)
  union all select id, name from tills where merchant_id = $1 and id = any($2)
"""


async def named(pool: asyncpg.Pool[Any], merchant_id: str, keys: Sequence[str]) -> Mapping[str, str]:
    """What these stores and tills are called."""
    rows = await db.read(pool, merchant_id, _NAMES, merchant_id, list(keys)) if keys else []
    return {row["id"]: row["name"] for row in rows}
