"""Drills: what to read by which key, and what somebody did and got wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from yuanlu import db, ids
from yuanlu.ids import Kind
from yuanlu.reading import Read, View, maker, rows_by_id
from yuanlu.training.rules import ERRORS_DAYS, Drill, Record

BY_ID = rows_by_id(Drill)
_made = maker(Drill)
_RECORDS = """
  select drill, count(*) as tries, max(done_at) filter (where outcome = 'right') as right_at,
    min(seconds) filter (where outcome = 'right') as best, max(done_at) as last_at
  from drills where merchant_id = $1 and account = $2 group by drill order by drill
"""
_ERRORS = """
  select c.what, max(c.opened_at) as last_at from cases c
  join payments p on p.merchant_id = c.merchant_id and p.id = c.payment_id
  where c.merchant_id = $1 and c.id >= $2 and p.opened_by = $3 group by c.what
"""


def by_id(merchant_id: str, drill_id: str) -> View[Drill | None]:
    """A drill that was done, or None."""
    return View((Read(BY_ID, merchant_id, drill_id),), lambda found: _made(found[0][0]) if found[0] else None)


async def records(pool: asyncpg.Pool[Any], merchant_id: str, account: str) -> Sequence[Record]:
    """What somebody did of each drill they tried.

    Raises Busy when the database stays away.
    """
    found = await db.read(pool, merchant_id, _RECORDS, merchant_id, account)
    return [Record(**row) for row in found]


async def errors(pool: asyncpg.Pool[Any], merchant_id: str, account: str, at: datetime) -> Mapping[str, datetime]:
    """The cases of the last 30 days about what somebody charged: of each kind when the last was opened.

    Raises Busy when the database stays away.
    """
    since = ids.since(Kind.CASE, at - timedelta(days=ERRORS_DAYS))
    found = await db.read(pool, merchant_id, _ERRORS, merchant_id, since, account)
    return {row["what"]: row["last_at"] for row in found}
