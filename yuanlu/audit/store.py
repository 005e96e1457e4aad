"""What the chain stands on: facts and moves as lines, pages, and how far everything has been recorded for good."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from yuanlu.audit.chain import Line, Page

MARGIN = timedelta(seconds=5)
"""How long ago something must have been recorded: more than the clock of a database is ever set back."""
LINES_MAX = 20_000
ALONE_KEY = 7_115_004

_LINES = """
  select f.merchant_id, f.recorded_at as at, 'fact' as kind, f.object_id, f.transition, f.seq,
    encode(sha256(convert_to(json_build_array(f.kind, f.who, (extract(epoch from f.at) * 1000000)::bigint,
      f.evidence_id, f.body, e.body)::text, 'UTF8')), 'hex') as digest
  from facts f left join lateral (
    select encode(sha256(convert_to(e.body || e.digest, 'UTF8')), 'hex') as body from evidence e
    where f.evidence_id <> '' and e.merchant_id = f.merchant_id and e.object_id = f.object_id and e.id = f.evidence_id
    limit 1) e on true
  where {of_facts}
  union all
  select m.merchant_id, m.recorded_at, 'move', m.object_id, m.transition, m.seq,
    encode(sha256(convert_to(json_build_array(m.source, m.target, m.amount_fen, m.currency)::text, 'UTF8')), 'hex')
  from moves m where {of_moves}
"""
_ORDER = 'at, object_id, transition, kind collate "C", seq'


def _lines(where: str) -> str:
    return _LINES.format(of_facts=where.replace("{t}", "f"), of_moves=where.replace("{t}", "m"))


_NEW = f"""
  select * from ({_lines("{t}.recorded_at > $1 and {t}.recorded_at <= $2")}) t order by {_ORDER} limit $3
"""
_RECORDED = f"""
  select * from ({_lines("{t}.merchant_id = $1 and {t}.recorded_at <= $2")}) t order by {_ORDER}
"""
_WAITING = """
  select count(*) as lines, min(recorded_at) as since from (
    select recorded_at from facts where merchant_id = $1 and recorded_at > $2
    union all select recorded_at from moves where merchant_id = $1 and recorded_at > $2) t
  where recorded_at < clock_timestamp() - $3::interval
"""
_HORIZON = """
  select least(clock_timestamp(), min(xact_start) filter (where pid <> pg_backend_pid())) - $1::interval
  from pg_stat_activity where datname = current_database() and usename = session_user
"""
"""Whatever is recorded is recorded after its transaction began: what is older than the oldest that runs is complete."""

_LINKED_UNTIL = "select coalesce(max(until), '-infinity') from audit_pages"
_LAST = (
    "select distinct on (merchant_id) * from audit_pages where merchant_id = any($1) order by merchant_id, number desc"
)
_ENDS = "select distinct on (merchant_id) * from audit_pages order by merchant_id, number desc"
_PAGES = "select * from audit_pages where merchant_id = $1 order by number"
_ADD = "insert into audit_pages (merchant_id, number, until, lines, chain) values ($1, $2, $3, $4, $5)"


def _line(row: Mapping[str, Any]) -> Line:
    return Line(row["at"], row["object_id"], row["transition"], row["kind"], row["seq"], row["digest"])


def _page(row: Mapping[str, Any]) -> Page:
    return Page(row["merchant_id"], row["number"], row["until"], row["lines"], row["chain"])


async def is_alone(connection: asyncpg.Connection[Any]) -> bool:
    """Whether nobody else chains at this moment; true until the transaction ends."""
    found: bool = await connection.fetchval("select pg_try_advisory_xact_lock($1)", ALONE_KEY)
    return found


async def horizon(connection: asyncpg.Connection[Any], margin: timedelta) -> datetime:
    """Up to when everything that will ever be recorded has been."""
    found: datetime = await connection.fetchval(_HORIZON, margin)
    return found


async def linked_until(connection: asyncpg.Connection[Any]) -> datetime:
    """Up to when everything is chained."""
    found: datetime = await connection.fetchval(_LINKED_UNTIL)
    return found


async def waiting(
    connection: asyncpg.Connection[Any], merchant_id: str, until: datetime, late: timedelta
) -> tuple[int, datetime | None]:
    """How many of a merchant's lines are not chained and that late, and since when."""
    row = await connection.fetchrow(_WAITING, merchant_id, until, late)
    return row["lines"], row["since"]


async def new_lines(
    connection: asyncpg.Connection[Any], after: datetime, until: datetime
) -> tuple[Mapping[str, Sequence[Line]], datetime]:
    """What was recorded behind a time, of each merchant in order; and up to when that is all."""
    rows = await connection.fetch(_NEW, after, until, LINES_MAX + 1)
    if len(rows) > LINES_MAX:
        cut = rows[-1]["at"]
        rows = [row for row in rows if row["at"] < cut]
        until = rows[-1]["at"]
    found: dict[str, list[Line]] = {}
    for row in rows:
        found.setdefault(row["merchant_id"], []).append(_line(row))
    return found, until


async def last_pages(connection: asyncpg.Connection[Any], merchants: Sequence[str] | None = None) -> dict[str, Page]:
    """The end of the chain of each of these merchants (None: of all) that has one."""
    rows = await (connection.fetch(_ENDS) if merchants is None else connection.fetch(_LAST, list(merchants)))
    return {row["merchant_id"]: _page(row) for row in rows}


async def add(connection: asyncpg.Connection[Any], pages: Sequence[Page]) -> None:
    """Keep new pages."""
    rows = [(page.merchant_id, page.number, page.until, page.lines, page.chain) for page in pages]
    await connection.executemany(_ADD, rows)


async def kept(connection: asyncpg.Connection[Any], merchant_id: str) -> AsyncIterator[Page]:
    """A merchant's pages in order; in a transaction."""
    async for row in connection.cursor(_PAGES, merchant_id, prefetch=4):
        yield _page(row)


async def recorded(connection: asyncpg.Connection[Any], merchant_id: str, until: datetime) -> AsyncIterator[Line]:
    """A merchant's lines in order, as they are now; in a transaction."""
    async for row in connection.cursor(_RECORDED, merchant_id, until, prefetch=1000):
        yield _line(row)
