"""What is known of a till before it charges, one read each, all travel together; tunings, questions, counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from yuanlu import db, ids
from yuanlu.guards import tuning
from yuanlu.guards.questions import Question, QuestionAsk, QuestionSeen
from yuanlu.guards.rules import AMOUNTS_MAX, BOUNDS, Earlier, Tuning, defaults
from yuanlu.guards.tuning import StoreTuning, TuningSeen
from yuanlu.ids import Kind
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

_TAKEN = "('PAID', 'LATE_PAID')"
_NOTHING_TAKEN = "('FAILED', 'REVERSED', 'CLOSED')"

EARLIER = over_keys(
    "select k.place, p.amount_fen, p.opened_at, case when p.opened_at >= k.at then p.lines else '' end as lines"
    " from keys k cross join lateral (select looked.* from ("
    " select q.amount_fen, q.lines, q.opened_at, q.till_id, q.state, q.id from payments q"
    f" where q.merchant_id = k.merchant_id order by q.id desc limit 1000) looked"
    f" where looked.till_id = k.a and looked.state not in {_NOTHING_TAKEN} order by looked.id desc"
    f" limit {AMOUNTS_MAX}) p"
)
"""Charges of a till, the newest first, of the last thousand of the merchant: bounded, whatever is in the books.

What was sold comes along since a moment (k.at) only: of an earlier one it says nothing any more."""
SAME_CODE = over_keys(
    "select k.place, p.opened_at from keys k cross join lateral (select looked.* from ("
    " select q.opened_at, q.code_mark, q.state, q.id from payments q where q.merchant_id = k.merchant_id"
    " order by q.id desc limit 1000) looked"
    f" where looked.code_mark = k.a and looked.state not in {_NOTHING_TAKEN} order by looked.id desc limit 1) p"
)
TILL = over_keys(
    "select k.place, t.store_id, g.content from keys k join tills t on t.merchant_id = k.merchant_id and t.id = k.a"
    " left join guard_tunings g on g.merchant_id = t.merchant_id and g.id = t.store_id"
)
TUNING = over_keys(
    f"select k.place, s.id as store_id, {', '.join(f't.{each.name}' for each in fields(StoreTuning))} from keys k"
    " join stores s on s.merchant_id = k.merchant_id and s.id = k.a"
    " left join guard_tunings t on t.merchant_id = s.merchant_id and t.id = s.id"
)
QUESTION = rows_by_id(Question)
_tuning, _question = maker(StoreTuning), maker(Question)
_LINES_SINCE = timedelta(seconds=BOUNDS["twice_within"][1])


@dataclass(frozen=True, slots=True)
class TillSeen:
    """What is known of a till and a code. `store_id` None: there is no such till."""

    store_id: str | None
    tuning: Tuning
    earlier: Sequence[Earlier]
    code_seconds: int | None


def _ago(at: datetime, then: datetime) -> int:
    return max(0, int((at - then).total_seconds()))


def of_till(merchant_id: str, till_id: str, code_mark: str, at: datetime) -> View[TillSeen]:
    """What is known of a till, and of a code if there is one (`code_mark`: its keyed hash), at a moment."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> TillSeen:
        return TillSeen(
            store_id=found[0][0]["store_id"] if found[0] else None,
            tuning=tuning.tuning_of(found[0][0]["content"] or "") if found[0] else defaults(),
            earlier=[Earlier(row["amount_fen"], _ago(at, row["opened_at"]), row["lines"]) for row in found[1]],
            code_seconds=_ago(at, found[2][0]["opened_at"]) if len(found) > 2 and found[2] else None,
        )

    reads = (Read(TILL, merchant_id, till_id), Read(EARLIER, merchant_id, till_id, at=at - _LINES_SINCE))
    return View((*reads, Read(SAME_CODE, merchant_id, code_mark)) if code_mark else reads, make)


def tuning_of(merchant_id: str, store_id: str) -> View[TuningSeen]:
    """What a store said of its guards, and whether there is such a store."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> TuningSeen:
        row = found[0][0] if found[0] else None
        return TuningSeen(row is not None, _tuning(row) if row is not None and row["id"] is not None else None)

    return View((Read(TUNING, merchant_id, store_id),), make)


def for_question(ask: QuestionAsk) -> View[QuestionSeen]:
    """What a question is decided on."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> QuestionSeen:
        return QuestionSeen(found[0][0]["store_id"] if found[0] else None, _question(found[1][0]) if found[1] else None)

    return View((Read(TILL, ask.merchant_id, ask.till_id), Read(QUESTION, ask.merchant_id, ask.id)), make)


_COUNTS = f"""
  select q.store_id, q.guard, count(*) as asked,
    count(*) filter (where q.reply = 'confirmed') as confirmed,
    count(*) filter (where q.reply = 'changed') as changed,
    count(*) filter (where q.reply = 'confirmed' and p.state in {_TAKEN} and p.back_fen = 0) as in_vain,
    count(*) filter (where q.reply = 'confirmed' and p.back_fen > 0) as went_back
  from guard_questions q
  left join payments p on p.merchant_id = q.merchant_id and p.id = q.sale_id and p.store_id = q.store_id
  where q.merchant_id = $1 and q.id >= $2 and q.id < $3 and ($4 = '' or q.store_id = $4)
  group by q.store_id, q.guard order by q.store_id, q.guard
"""
_SALES = f"""
  select p.store_id, count(*) as sales from payments p
  where p.merchant_id = $1 and p.id >= $2 and p.id < $3 and ($4 = '' or p.store_id = $4) and p.state in {_TAKEN}
  group by p.store_id order by p.store_id
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How often a guard asked in a store, and what came of it.

    `in_vain`: confirmed, and all of the money stayed. `went_back`: confirmed, and some of it went back all the same.
    """

    store_id: str
    guard: str
    asked: int
    confirmed: int
    changed: int
    in_vain: int
    went_back: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What was asked in a span. `sales`: by store, how many charges took money in it."""

    items: Sequence[Count]
    sales: Mapping[str, int]


async def counted(pool: asyncpg.Pool[Any], merchant_id: str, since: datetime, until: datetime, store_id: str) -> Counts:
    """What the guards of a store (empty: of each) asked in a span: two walks along the keys, by the time in the ids.

    Raises Busy when the database stays away or the counting takes too long.
    """

    async def of(kind: Kind, sql: str) -> Sequence[Mapping[str, Any]]:
        bounds = (ids.since(kind, since), ids.since(kind, until))
        found: Sequence[Mapping[str, Any]] = await db.read(pool, merchant_id, sql, merchant_id, *bounds, store_id)
        return found

    items, sales = await of(Kind.QUESTION, _COUNTS), await of(Kind.PAYMENT, _SALES)
    return Counts([Count(**row) for row in items], {row["store_id"]: row["sales"] for row in sales})
