"""Staff: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from yuanlu.people.rules import Staff
from yuanlu.reading import Read, View, maker, rows_by_id

BY_ID = rows_by_id(Staff)
made = maker(Staff)

_OF_MERCHANT = """
  select merchant_id, id, version, role, name, store_id, since, until from staff
  where merchant_id = $1 and id > $2 order by id limit $3
"""
_STORES = "select id from stores where merchant_id = $1 and (id = $2 or name = $2) order by id limit 2"


def one(found: Sequence[Mapping[str, Any]]) -> Staff | None:
    """The member of staff of a read by id, if there is one."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, staff_id: str) -> View[Staff | None]:
    """A member of staff."""
    return View((Read(BY_ID, merchant_id, staff_id),), lambda found: one(found[0]))


async def of_merchant(pool: asyncpg.Pool[Any], merchant_id: str, after: str, most: int) -> Sequence[Staff]:
    """The staff of a merchant, those who left too, oldest first."""
    return [made(row) for row in await pool.fetch(_OF_MERCHANT, merchant_id, after, most)]


async def stores_called(pool: asyncpg.Pool[Any], merchant_id: str, wish: str) -> Sequence[str]:
    """The ids of a merchant's stores with this name or id."""
    return [row["id"] for row in await pool.fetch(_STORES, merchant_id, wish)]
