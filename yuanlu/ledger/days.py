"""What each account took in and gave out on each day that is over: its moves, added up once and for all.

Moves are only ever added, and a move is of the moment at which it is recorded; so a day of China that has been over for
`SETTLES` gets no more of them. What is read (`web/parts/lists.py`, `moves.py`) is these days and the moves since.
Law: a day holds the sum of its moves; `GET /v1/books?whole=true` adds up every move and says where it does not.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import asyncpg

from yuanlu.clock import midnight

SETTLES = timedelta(hours=1)
"""How long after a day's end its last move may still be on its way; a batch has 30 seconds (`recorder.DEADLINE`)."""
AT_ONCE = timedelta(days=7)
"""Days that are added up in one transaction."""

SINCE = """coalesce(
  (select day::timestamp at time zone 'Asia/Shanghai' from account_days_until where merchant_id = $1), '-infinity')"""
"""SQL: from which moment on the moves of merchant $1 are not in `account_days`."""

_FIRST = """
  insert into account_days_until (merchant_id, day)
    select $1, (recorded_at at time zone 'Asia/Shanghai')::date from moves
    where merchant_id = $1 and not exists (select from account_days_until where merchant_id = $1)
    order by recorded_at limit 1
  on conflict do nothing
"""
_HELD = """
  select day, ((clock_timestamp() - $2::interval) at time zone 'Asia/Shanghai')::date as over
  from account_days_until where merchant_id = $1 for update
"""
SIDES = """
  select side.account, m.currency, (m.recorded_at at time zone 'Asia/Shanghai')::date as day,
    side.in_fen, side.out_fen, side.ins, side.outs
  from moves m cross join lateral
    (values (target, amount_fen, 0, 1, 0), (source, 0, amount_fen, 0, 1)) side (account, in_fen, out_fen, ins, outs)
  where m.merchant_id = $1"""
"""SQL: both sides of each move of merchant $1, and its day in China."""
_ADDED = f"""
  insert into account_days (merchant_id, account, currency, day, in_fen, out_fen, ins, outs)
    select $1, account, currency, day, sum(in_fen), sum(out_fen), sum(ins), sum(outs)
    from ({SIDES} and recorded_at >= $2 and recorded_at < $3) sides group by account, currency, day
"""
_UNTIL = "update account_days_until set day = $2 where merchant_id = $1"


async def add_up(pool: asyncpg.Pool[Any], merchant_id: str) -> int:
    """Add up the days of a merchant that are over and are not yet; answers how many days that were.

    Whoever comes second waits, and finds nothing to do. Dying in the midst leaves whole weeks.
    """
    await pool.execute(_FIRST, merchant_id)
    added = 0
    while span := await _some(pool, merchant_id):
        added += span
    return added


async def _some(pool: asyncpg.Pool[Any], merchant_id: str) -> int:
    async with pool.acquire() as connection, connection.transaction():
        held = await connection.fetchrow(_HELD, merchant_id, SETTLES)
        if held is None or held["day"] >= held["over"]:
            return 0
        first: date = held["day"]
        until: date = min(first + AT_ONCE, held["over"])
        await connection.execute(_ADDED, merchant_id, midnight(first), midnight(until))
        await connection.execute(_UNTIL, merchant_id, until)
        return (until - first).days
