"""Staff: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import asyncpg

from yuanlu import db
from yuanlu.people.limits import LimitTable, limits_of
from yuanlu.people.rules import LIMITS, Leaver, Purse, Staff
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

BY_ID = rows_by_id(Staff)
made = maker(Staff)

_OF_MERCHANT = """
  select merchant_id, id, version, role, name, store_id, since, until from staff
  where merchant_id = $1 and id > $2 order by id limit $3
"""
_STORES = "select id from stores where merchant_id = $1 and (id = $2 or name = $2) order by id limit 2"


PURSE = over_keys(
    "select k.place, a.who, a.spent_fen, '' as content from keys k"
    " join allowances a on a.merchant_id = k.merchant_id and a.day = k.a::date"
    " union all select k.place, '', 0, l.content from keys k join lateral ("
    "select content from limits where merchant_id = k.merchant_id and agreed_at is not null"
    " order by agreed_at desc, id desc limit 1) l on true"
)
"""What each has sent back on a day of China, and the merchant's own limits, where it has some."""


def purse(merchant_id: str, day: date) -> View[Purse]:
    """What people of a merchant may still send back on this day of China."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> Purse:
        spent = {row["who"]: row["spent_fen"] for row in found[0] if not row["content"]}
        own = next((row["content"] for row in found[0] if row["content"]), "")
        return Purse(limits_of(own) if own else LIMITS, spent, day)

    return View((Read(PURSE, merchant_id, day.isoformat()),), make)


LIMITS_BY_ID = rows_by_id(LimitTable)
LIMITS_IN_FORCE = over_keys(
    f"select k.place, {', '.join(f'l.{each.name}' for each in fields(LimitTable))} from keys k join lateral ("
    "select * from limits where merchant_id = k.merchant_id and agreed_at is not null"
    " order by agreed_at desc, id desc limit 1) l on true"
)
made_limits = maker(LimitTable)


def limits_by_id(merchant_id: str, table_id: str) -> View[LimitTable | None]:
    """A table of limits."""
    return View((Read(LIMITS_BY_ID, merchant_id, table_id),), lambda found: _limits(found[0]))


def limits_in_force(merchant_id: str) -> View[LimitTable | None]:
    """The merchant's own limits that count now; None: the built-in ones."""
    return View((Read(LIMITS_IN_FORCE, merchant_id),), lambda found: _limits(found[0]))


_LIMIT_TABLES = f"""
  select {", ".join(each.name for each in fields(LimitTable))} from limits
  where merchant_id = $1 and ($2 = '' or state = $2) and ($3 = '' or id < $3) order by id desc limit $4
"""


async def limit_tables(
    pool: asyncpg.Pool[Any], merchant_id: str, state: str, after: str, most: int
) -> Sequence[LimitTable]:
    """Tables of limits, newest first. Raises Busy when the database stays away."""
    return [
        made_limits(row) for row in await db.read(pool, merchant_id, _LIMIT_TABLES, merchant_id, state, after, most)
    ]


def _limits(found: Sequence[Mapping[str, Any]]) -> LimitTable | None:
    return made_limits(found[0]) if found else None


def one(found: Sequence[Mapping[str, Any]]) -> Staff | None:
    """The member of staff of a read by id, if there is one."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, staff_id: str) -> View[Staff | None]:
    """A member of staff."""
    return View((Read(BY_ID, merchant_id, staff_id),), lambda found: one(found[0]))


OTHER_OWNER = over_keys(
    "select k.place from keys k where exists (select from staff t where t.merchant_id = k.merchant_id and t.id <> k.a"
    " and t.role = 'owner' and t.store_id = '' and t.until is null)"
)


def leaver(merchant_id: str, staff_id: str) -> View[Leaver]:
    """What it is decided on whether somebody leaves."""
    reads = (Read(BY_ID, merchant_id, staff_id), Read(OTHER_OWNER, merchant_id, staff_id))
    return View(reads, lambda found: Leaver(one(found[0]), bool(found[1])))


async def of_merchant(pool: asyncpg.Pool[Any], merchant_id: str, after: str, most: int) -> Sequence[Staff]:
    """The staff of a merchant, those who left too, oldest first."""
    return [made(row) for row in await pool.fetch(_OF_MERCHANT, merchant_id, after, most)]


async def stores_called(pool: asyncpg.Pool[Any], merchant_id: str, wish: str) -> Sequence[str]:
    """The ids of a merchant's stores with this name or id."""
    return [row["id"] for row in await pool.fetch(_STORES, merchant_id, wish)]
