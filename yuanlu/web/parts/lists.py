"""What pages show of many objects: bounded reads as one merchant's reader, keyset-paged.

Newest first by id (ids are time-ordered). A filter is applied to at most `LOOKED_MAX` rows a page: a page may come
back short with a `next`, so no wish, however rare what it looks for, walks through a whole table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from yuanlu import db
from yuanlu.cases.rules import Case
from yuanlu.change import Row
from yuanlu.errors import Denied
from yuanlu.ledger.days import SIDES, SINCE
from yuanlu.refunds.rules import OPEN
from yuanlu.told import told
from yuanlu.web.parts import stores
from yuanlu.web.parts.shapes import (
    BooksTold,
    EvidenceTold,
    HappenedTold,
    PaidTold,
    TillsTold,
    TillTold,
    TimelineTold,
)

LOOKED_MAX = 2000
_LAST = "Z" * 29


async def read(pool: asyncpg.Pool[Any], merchant_id: str, sql: str, *args: object) -> Sequence[Mapping[str, Any]]:
    """Read with the eyes of one merchant.

    Raises Busy when the database stays away or the reading takes too long.
    """
    found: Sequence[Mapping[str, Any]] = await db.read(pool, merchant_id, sql, *args)
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """Some rows, and behind which id the next page begins (None: there is none)."""

    rows: Sequence[Mapping[str, Any]]
    next: str | None


async def page(
    pool: asyncpg.Pool[Any],
    merchant_id: str,
    row_type: type[Row],
    after: str,
    limit: int,
    wanted: Mapping[str, str],
    *,
    payment_id: str = "",
    store_id: str = "",
) -> Found:
    """The rows behind `after` that are as `wanted` (column to value, empty: any), of one store or of all."""
    filters = {column: value for column, value in wanted.items() if value}
    names = ", ".join(each.name for each in fields(row_type))
    of_payment = "and payment_id = $5" if payment_id else "and $5 = ''"
    conditions = "".join(f" and {column} = ${place}" for place, column in enumerate(filters, 6))
    if store_id:
        conditions += " and " + stores.IN_STORE[row_type.table].format(t="looked", store=f"${len(filters) + 6}")
    sql = f"""
      with looked as materialized (
        select {names} from {row_type.table} where merchant_id = $1 and id < $2 {of_payment}
        order by id desc limit $3
      ), edge as (select min(id) as edge, count(*) as many from looked)
      select edge.edge, edge.many, found.* from edge left join lateral (
        select * from looked where true{conditions} order by id desc limit $4
      ) found on true order by found.id desc"""
    values = [*filters.values(), *([store_id] if store_id else [])]
    looked = LOOKED_MAX if values else limit + 1
    rows = await read(pool, merchant_id, sql, merchant_id, after or _LAST, looked, limit + 1, payment_id, *values)
    edge, many = rows[0]["edge"], rows[0]["many"]
    found = [row for row in rows if row["id"] is not None]
    if len(found) > limit:
        return Found(found[:limit], found[limit - 1]["id"])
    return Found(found, edge if many == looked else None)


_QUEUE = """
  with looked as materialized (
    select {names} from cases where merchant_id = $1 and state <> 'CLOSED' and {of}
    and (due_at, id) > ($2, $3) order by due_at, id limit $4
  ), edge as (select count(*) as many, max(due_at) as due, (array_agg(id order by due_at desc, id desc))[1] as edge
    from looked)
  select edge.many, edge.due as edge_due, edge.edge, found.* from edge left join lateral (
    select * from looked where ($6 = '' or state = $6) and ($7 = '' or store_id = $7)
    and ($8 = '' or claimed_until > $9) order by due_at, id limit $5
  ) found on true order by found.due_at, found.id"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


async def queue(
    pool: asyncpg.Pool[Any],
    merchant_id: str,
    after: str,
    limit: int,
    at: datetime,
    *,
    state: str = "",
    store_id: str = "",
    claimed_by: str = "",
) -> Found:
    """The open cases behind `after` (microseconds of the deadline and id), the next due first.

    Each wish has an index that gives its rows in order, of a state in a store too; which of those a person claimed
    are as wished is looked for in at most `LOOKED_MAX` rows.
    """
    text, _, case_id = after.partition("-")
    due = _EPOCH + int(text) * _MICRO if case_id else _EPOCH
    wishes = ((state, "state = $6"), (store_id, "store_id = $7"))
    of = "claimed_by = $8 and claimed_by <> ''" if claimed_by else " and ".join(of for wish, of in wishes if wish)
    names = ", ".join(each.name for each in fields(Case))
    rows = await read(
        pool, merchant_id, _QUEUE.format(names=names, of=of or "true"), merchant_id, due, case_id,
        LOOKED_MAX if claimed_by else limit + 1, limit + 1, state, store_id, claimed_by, at,
    )  # fmt: skip
    found = [row for row in rows if row["id"] is not None]
    if len(found) > limit:
        return Found(found[:limit], _behind(found[limit - 1]["due_at"], found[limit - 1]["id"]))
    is_more = claimed_by and rows[0]["many"] == LOOKED_MAX
    return Found(found, _behind(rows[0]["edge_due"], rows[0]["edge"]) if is_more else None)


def _behind(due: datetime, case_id: str) -> str:
    return f"{(due - _EPOCH) // _MICRO}-{case_id}"


_PAID = """
  select p.id, p.channel, p.code_tail, coalesce(s.name, '') as store_name from payments p
  left join stores s on s.merchant_id = p.merchant_id and s.id = p.store_id
  where p.merchant_id = $1 and p.id = any($2)
"""


async def paid(pool: asyncpg.Pool[Any], merchant_id: str, payments: Sequence[str]) -> Mapping[str, PaidTold]:
    """What a list of cases says of their payments, by id: one read, of each by its key."""
    rows = await read(pool, merchant_id, _PAID, merchant_id, payments) if payments else ()
    return {
        row["id"]: PaidTold(channel=row["channel"], code_tail=row["code_tail"], store_name=row["store_name"])
        for row in rows
    }


_TIMELINE = """
  with objects as (
    select $2::text as id
    union all (select id from refunds where merchant_id = $1 and payment_id = $2 order by id limit 500)
    union all (select id from cases where merchant_id = $1 and payment_id = $2 order by id limit 500)
    union all (select id from repayments where merchant_id = $1 and payment_id = $2 order by id limit 500)
    union all (select l.id from losses l join cases c on c.merchant_id = l.merchant_id and c.id = l.case_id
      where l.merchant_id = $1 and c.payment_id = $2 order by l.id limit 500)
  )
  select (select count(*) from payments where merchant_id = $1 and id = $2) as there, f.* from (select 1) one
  left join lateral (
    select f.at, f.who, f.kind, f.object_id, f.evidence_id, f.body from facts f join objects o on o.id = f.object_id
    where f.merchant_id = $1 order by f.recorded_at, f.transition, f.object_id, f.seq offset $3 limit $4
  ) f on true
"""


async def timeline(pool: asyncpg.Pool[Any], merchant_id: str, payment_id: str, after: int, limit: int) -> TimelineTold:
    """What happened to a payment, its refunds and its cases, in the order in which it was recorded.

    Raises Denied: payment.unknown.
    """
    rows = await read(pool, merchant_id, _TIMELINE, merchant_id, payment_id, after, limit + 1)
    if not rows[0]["there"]:
        raise Denied("payment.unknown")
    happened = [_happened(row) for row in rows[:limit] if row["kind"] is not None]
    return TimelineTold(items=happened, next=after + limit if len(rows) > limit else None)


def _happened(row: Mapping[str, Any]) -> HappenedTold:
    facts = msgspec.json.decode(row["body"])
    what_zh, what_en = told(row["kind"], facts)
    return HappenedTold(
        at=row["at"],
        who=row["who"],
        kind=row["kind"],
        object=row["object_id"],
        what_zh=what_zh,
        what_en=what_en,
        evidence=row["evidence_id"],
        facts=facts,
    )


_EVIDENCE = """
  select kind, at, operation, status, took_ms, digest, body from evidence
  where merchant_id = $1 and object_id = $2 and id = $3 limit 1
"""


async def whole_books(pool: asyncpg.Pool[Any], merchant_id: str) -> BooksTold:
    """The same, with every move added up anew, and the days that are not the sum of their moves: twenty at most."""
    found = await books(pool, merchant_id, whole=True)
    differ = [f"{row['day']} {row['account']}" for row in await read(pool, merchant_id, _DIFFER, merchant_id)]
    return msgspec.structs.replace(found, balanced=found.balanced and not differ, differ=differ)


async def evidence(pool: asyncpg.Pool[Any], merchant_id: str, object_id: str, evidence_id: str) -> EvidenceTold:
    """One piece of evidence.

    Raises Denied: evidence.unknown.
    """
    rows = await read(pool, merchant_id, _EVIDENCE, merchant_id, object_id, evidence_id)
    if not rows:
        raise Denied("evidence.unknown")
    return EvidenceTold(**dict(rows[0]))


_TILLS = """
  select t.id, t.name, t.store_id as store, s.name as store_name from tills t
  join stores s on s.merchant_id = t.merchant_id and s.id = t.store_id
  where t.merchant_id = $1 and t.id > $2 and t.closed_at is null and ($4 = '' or t.store_id = $4)
  order by t.id limit $3
"""


async def tills(pool: asyncpg.Pool[Any], merchant_id: str, after: str, limit: int, *, store_id: str = "") -> TillsTold:
    """The tills of a merchant, or of one store of it, oldest first."""
    rows = await read(pool, merchant_id, _TILLS, merchant_id, after, limit + 1, store_id)
    items = [TillTold(**dict(row)) for row in rows[:limit]]
    return TillsTold(items=items, next=items[-1].id if len(rows) > limit else None)


_BOOKS = f"""
  with since as materialized (select case when $3 then '-infinity' else {SINCE} end as at),
  entries as (
    select account, sum(fen)::bigint as fen, sum(moves)::bigint as moves from (
      select account, in_fen - out_fen as fen, ins as moves from account_days where merchant_id = $1 and not $3
      union all
      select account, in_fen - out_fen, ins from ({SIDES} and recorded_at >= (select at from since)) moved
    ) both_sides group by account
  ), kept as (select account, balance_fen from accounts where merchant_id = $1)
  select coalesce(e.account, k.account) as account, coalesce(e.fen, 0) as fen, coalesce(e.moves, 0) as moves,
    k.balance_fen as kept_fen,
    (select coalesce(sum(amount_fen), 0)::bigint from refunds where merchant_id = $1 and state = any($2))
      + (select coalesce(sum(amount_fen), 0)::bigint from repayments
         where merchant_id = $1 and state in ('PROPOSED', 'APPROVED')) as open_fen
  from entries e full join kept k on k.account = e.account
"""
_DIFFER = f"""
  with moved as (
    select account, currency, day, sum(in_fen) as in_fen, sum(out_fen) as out_fen, sum(ins) as ins, sum(outs) as outs
    from ({SIDES} and recorded_at < {SINCE}) sides group by account, currency, day
  )
  select coalesce(m.day, d.day) as day, coalesce(m.account, d.account) as account
  from moved m full join (select * from account_days where merchant_id = $1) d
    on d.account = m.account and d.currency = m.currency and d.day = m.day
  where (m.in_fen, m.out_fen, m.ins, m.outs) is distinct from (d.in_fen, d.out_fen, d.ins, d.outs)
  order by 1, 2 limit 20
"""
HELD_STATES = tuple(state.value for state in OPEN if state.value not in {"STRANDED", "REDIRECTING", "RECALLING"})
"""The states whose money is HELD; what is stranded lies in SUSPENSE."""


async def books(pool: asyncpg.Pool[Any], merchant_id: str, *, whole: bool = False) -> BooksTold:
    """The merchant's books, as one snapshot. `whole`: every move is added up anew, and days that were are not believed.

    Law: accounts sum to zero; a kept balance equals its moves; HELD equals the open refunds and repayments.
    """
    rows = await read(pool, merchant_id, _BOOKS, merchant_id, list(HELD_STATES), whole)
    accounts = {row["account"]: row["fen"] for row in rows}
    kept_fits = all(row["kept_fen"] in (None, row["fen"]) for row in rows)
    held, open_fen = accounts.get("held", 0), rows[0]["open_fen"] if rows else 0
    return BooksTold(
        balanced=kept_fits and not sum(accounts.values()) and held == open_fen,
        accounts=accounts,
        moves=sum(row["moves"] for row in rows),
        held_fen=held,
        open_refunds_fen=open_fen,
    )
