"""What the chain stands on: facts and moves as lines, pages, and how far everything has been recorded for good."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from yuanlu import db
from yuanlu.audit.chain import Line, Page

MARGIN = timedelta(seconds=5)
"""How long ago something must have been recorded: more than the clock of a database is ever set back."""
LINES_MAX = 20_000
OBJECT_MAX = 1000
"""So many moments of one object are looked for at once."""
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
_SPAN = _lines("{t}.merchant_id = $1 and {t}.recorded_at > $2 and {t}.recorded_at <= $3")
_RECORDED_SINCE = f"select * from ({_SPAN}) t order by {_ORDER}"
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
_PAGES_SINCE = "select * from audit_pages where merchant_id = $1 and number >= $2 order by number"
_BEFORE = """
  with newest as (
    select number, until, octet_length(lines) as letters from audit_pages where merchant_id = $1
    order by number desc limit $2
  ), summed as (select number, until, letters, sum(letters) over (order by number desc) as all_letters from newest),
  first as (select min(until) as until from summed where all_letters - letters < $3)
  select p.* from audit_pages p, first where p.merchant_id = $1 and p.until < first.until
  order by p.until desc, p.number desc limit 1
"""
"""The page before those that are checked. These begin with a whole run of the worker: its pages share `until`."""

_END = """
  select p.number, p.until, p.chain, (select count(*) from (
      (select from facts where merchant_id = $1 and recorded_at > p.until limit $2)
      union all (select from moves where merchant_id = $1 and recorded_at > p.until limit $2)) waiting) as waiting
  from (select 1) one left join lateral (
    select number, until, chain from audit_pages where merchant_id = $1 order by number desc limit 1) p on true
"""
_SLICE = """
  with pages as (
    select number, lines, octet_length(lines) as letters from audit_pages
    where merchant_id = $1 and until >= $4 and number <= least($2, coalesce((
      select number from audit_pages where merchant_id = $1 and until >= $3 order by until, number desc limit 1), $2))
    order by number desc limit $5
  ), summed as (
    select number, lines, letters, sum(letters) over (order by number desc) as all_letters,
      sum(letters) over () as total from pages
  )
  select number, lines, (select count(*) from pages) = $5 or all_letters < total as is_more
  from summed where all_letters - letters < $6 order by number desc
"""
_SLICE_OF_OBJECT = """
  with moments as (
    select distinct recorded_at from (
      select recorded_at from facts where merchant_id = $1 and object_id = $7
      union all select recorded_at from moves where merchant_id = $1 and object_id = $7) t
    where recorded_at < $3 and recorded_at >= $4
      and recorded_at <= coalesce((select until from audit_pages where merchant_id = $1 and number = $2), 'infinity')
    order by recorded_at desc limit $5
  ), runs as (
    select distinct (select p.until from audit_pages p where p.merchant_id = $1 and p.until >= m.recorded_at
      order by p.until limit 1) as until from moments m
  ), pages as (
    select p.number, p.lines, octet_length(p.lines) as letters from runs r
    join audit_pages p on p.merchant_id = $1 and p.until = r.until where p.number <= $2
  ), summed as (
    select number, lines, letters, sum(letters) over (order by number desc) as all_letters,
      sum(letters) over () as total from pages
  )
  select number, lines, (select count(*) from moments) = $5 or all_letters < total as is_more
  from summed where all_letters - letters < $6 order by number desc
"""
"""`$2` to `$4`: up to this page, before this moment, not before that one; `$5`, `$6`: so many, so many letters."""

_SAID = f"""
  select k.n, f.kind as fact, f.who, f.at as happened_at, f.evidence_id, f.body,
    m.source, m.target, m.amount_fen, m.currency, l.digest
  from unnest($2::timestamptz[], $3::text[], $4::int[], $5::text[], $6::int[])
    with ordinality k(at, object_id, transition, kind, seq, n)
  left join facts f on k.kind = 'fact' and f.merchant_id = $1 and f.object_id = k.object_id
    and f.transition = k.transition and f.seq = k.seq and f.recorded_at = k.at
  left join moves m on k.kind = 'move' and m.merchant_id = $1 and m.object_id = k.object_id
    and m.transition = k.transition and m.seq = k.seq and m.recorded_at = k.at
  left join lateral ({
    _lines(
        "{t}.merchant_id = $1 and {t}.object_id = k.object_id and {t}.transition = k.transition"
        " and {t}.seq = k.seq and {t}.recorded_at = k.at"
    )
}) l on l.kind = k.kind
  where ($7 = '' or f.who = $7) and ($8 = '' or f.kind = $8 or $8 = 'move' and k.kind = 'move')
  order by k.n
"""

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


async def pages_since(connection: asyncpg.Connection[Any], merchant_id: str, number: int) -> AsyncIterator[Page]:
    """A merchant's pages from this one on, in order; in a transaction."""
    async for row in connection.cursor(_PAGES_SINCE, merchant_id, number, prefetch=4):
        yield _page(row)


async def recorded_since(
    connection: asyncpg.Connection[Any], merchant_id: str, after: datetime, until: datetime
) -> AsyncIterator[Line]:
    """A merchant's lines of a span in order, as they are now; in a transaction."""
    async for row in connection.cursor(_RECORDED_SINCE, merchant_id, after, until, prefetch=1000):
        yield _line(row)


async def before_newest(
    connection: asyncpg.Connection[Any], merchant_id: str, pages_max: int, letters_max: int
) -> Page | None:
    """The page before a merchant's newest pages, of which there are so many at most; None: these are all."""
    row = await connection.fetchrow(_BEFORE, merchant_id, pages_max, letters_max)
    return _page(row) if row else None


async def end_of(pool: asyncpg.Pool[Any], merchant_id: str, waiting_max: int) -> Mapping[str, Any]:
    """The end of a merchant's chain, and how many lines wait for the next page, as far as they are counted."""
    row: Mapping[str, Any] = (await db.read(pool, merchant_id, _END, merchant_id, waiting_max))[0]
    return row


async def slice_of(
    pool: asyncpg.Pool[Any],
    merchant_id: str,
    number: int,
    *,
    since: datetime,
    until: datetime,
    object_id: str,
    pages_max: int,
    letters_max: int,
) -> Sequence[Mapping[str, Any]]:
    """A merchant's pages at or before this one, newest first, and whether there are more; only those with an object."""
    span = (merchant_id, number, until, since)
    if object_id:
        return await db.read(pool, merchant_id, _SLICE_OF_OBJECT, *span, OBJECT_MAX, letters_max, object_id)
    return await db.read(pool, merchant_id, _SLICE, *span, pages_max, letters_max)


async def said(
    pool: asyncpg.Pool[Any], merchant_id: str, lines: Sequence[Line], *, who: str = "", kind: str = ""
) -> Sequence[Mapping[str, Any]]:
    """What these lines say in the books now; with a wish, only those that are so. Shape: `n` counts them from 1."""
    columns = zip(*((each.at, each.object_id, each.transition, each.kind, each.seq) for each in lines), strict=True)
    return await db.read(pool, merchant_id, _SAID, merchant_id, *map(list, columns), who, kind) if lines else []
