"""Statements: what to read by which key, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any

import asyncpg

from yuanlu import db
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.statements.rules import Statement

BY_ID = rows_by_id(Statement)
made = maker(Statement)
_NAMES = ", ".join(each.name for each in fields(Statement))
_LISTED = f"""
select {_NAMES} from statements
where merchant_id = $1 and ($2 = '' or channel = $2) and day <= $3 and (day, channel, paper) < ($3, $4, $5)
order by day desc, channel desc, paper desc limit $6
"""


SINCE = over_keys("select k.place, m.created_at from keys k join merchants m on m.merchant_id = k.merchant_id")


def since(merchant_id: str) -> View[datetime | None]:
    """Since when there is a merchant: of days before there is nothing to be had."""
    return View((Read(SINCE, merchant_id),), lambda found: found[0][0]["created_at"] if found[0] else None)


def by_id(merchant_id: str, statement_id: str) -> View[Statement | None]:
    """A statement, by its id."""
    return View((Read(BY_ID, merchant_id, statement_id),), lambda found: made(found[0][0]) if found[0] else None)


async def listed(
    pool: asyncpg.Pool[Any], merchant_id: str, channel: str, before: tuple[date, str, str], limit: int
) -> Sequence[Statement]:
    """Statements before a place in the list, the newest first."""
    day, of_channel, paper = before
    found = await db.read(pool, merchant_id, _LISTED, merchant_id, channel, day, of_channel, paper, limit)
    return [made(row) for row in found]
