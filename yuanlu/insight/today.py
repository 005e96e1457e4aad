"""The figures of a day beside those of the day before. Read by ranges of ids, which are ordered by time.

Law: what a merchant's day costs to read follows the payments of two days, not those of all time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from yuanlu import db, ids
from yuanlu.clock import CHINA
from yuanlu.ids import Kind

UNCERTAIN_AFTER = timedelta(hours=1)
_LOOKED_BACK = timedelta(days=7)

_TAKEN = """
select coalesce(sum(amount_fen) filter (where id >= $2), 0)::bigint as today,
       coalesce(sum(amount_fen) filter (where id < $2), 0)::bigint as before
from payments where merchant_id = $1 and id >= $3 and state in ('PAID', 'LATE_PAID')
"""
_BACK = """
select coalesce(sum(amount_fen) filter (where id >= $2), 0)::bigint as today,
       coalesce(sum(amount_fen) filter (where id < $2), 0)::bigint as before
from refunds where merchant_id = $1 and id >= $3 and state not in ('CANCELLED', 'REFUSED')
"""
_UNCERTAIN = """
select count(*) from payments
where merchant_id = $1 and id >= $3 and state in ('SENT', 'REVERSING', 'CLOSING') and sent_at < $2
"""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of China so far, and the whole day before. Units: fen. `back`: asked back that day and not given up."""

    taken_fen: int
    taken_before_fen: int
    back_fen: int
    back_before_fen: int
    uncertain: int
    """Payments of the last week of which nobody knows for over an hour what became of them."""


def rate(back_fen: int, taken_fen: int) -> str:
    """What part goes back, as people read it: `2.5 %`; a dash where nothing was taken."""
    if not taken_fen:
        return "—"
    tenths = (back_fen * 1000 + taken_fen // 2) // taken_fen
    return f"{tenths // 10}.{tenths % 10} %"


async def day(pool: asyncpg.Pool[Any], merchant_id: str, now: datetime) -> Day:
    """The figures of today. Raises Busy while the database is away."""
    midnight = now.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    before = midnight - timedelta(days=1)

    async def two_days(sql: str, kind: Kind) -> Mapping[str, int]:
        bounds = ids.since(kind, midnight), ids.since(kind, before)
        (row,) = await db.read(pool, merchant_id, sql, merchant_id, *bounds)
        return dict(row)

    taken, back = await two_days(_TAKEN, Kind.PAYMENT), await two_days(_BACK, Kind.REFUND)
    week = ids.since(Kind.PAYMENT, now - _LOOKED_BACK)
    (unclear,) = await db.read(pool, merchant_id, _UNCERTAIN, merchant_id, now - UNCERTAIN_AFTER, week)
    return Day(taken["today"], taken["before"], back["today"], back["before"], unclear["count"])
