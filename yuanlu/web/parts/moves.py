"""Moves as they are told: those of an account by day, and those of a payment and its refunds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import asyncpg
from msgspec import Meta, Struct

from yuanlu import ids
from yuanlu.clock import midnight
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.ledger.days import SINCE
from yuanlu.web.parts.lists import read
from yuanlu.web.parts.shapes import END, Limit, Wish

DAYS = 31
"""Days that are summed in one answer."""
OF_ONE_MAX = 200
"""Moves of one payment and its refunds: a payment has at most fifty parts, each of which moves twice or thrice."""
_PLACE = r"[0-9]{1,16}\.[0-9A-Z]{29}\.[0-9]{1,9}\.[0-9]{1,4}"

AccountName = Annotated[str, Meta(pattern=f"^[a-z]+(:[A-Za-z0-9_]+)?{END}", max_length=64, examples=["due:wechat"])]


class MovesWish(Wish):
    """Which moves: of one account, on one day of China (today, where none is said), newest first."""

    account: AccountName
    day: date | None = None
    after: Annotated[str, Meta(pattern=f"^({_PLACE})?{END}")] = ""
    limit: Limit = 50


class DaysWish(Wish):
    """Which days of an account: the 31 that end with this one (today, where none is said)."""

    account: AccountName
    day: date | None = None


class MoveTold(Struct, frozen=True, kw_only=True):
    """Money from one account to another. `object`: the payment, refund, shift, loss or repayment that moved it;
    `payment`: the payment, where it is one or a refund of one."""

    at: datetime
    object: str
    payment: str
    source: str
    target: str
    amount_fen: int
    currency: str


class MovesTold(Struct, frozen=True, kw_only=True):
    """Moves, newest first; `next` is the `after` of the following page."""

    items: Sequence[MoveTold]
    next: str | None


class DayTold(Struct, frozen=True, kw_only=True):
    """What came into an account and left it on a day of China, in fen, and how many moves that were."""

    day: date
    in_fen: int
    out_fen: int
    moves: int


class DaysTold(Struct, frozen=True, kw_only=True):
    """Days on which something moved, newest first. `earlier_fen`: what the account held before the first of them."""

    items: Sequence[DayTold]
    earlier_fen: int
    first: date
    last: date


def span(first: date, last: date) -> tuple[datetime, datetime]:
    """The moments from which and before which it is one of these days in China."""
    return midnight(first), midnight(last + timedelta(days=1))


_COLUMNS = (
    "recorded_at, object_id, transition, seq, source, target, m.amount_fen, m.currency,"
    " coalesce(r.payment_id, '') as of_id"
)
_FROM = "moves m left join refunds r on r.merchant_id = m.merchant_id and r.id = m.object_id"
_OF_DAY = f"""
  select {_COLUMNS} from {_FROM}
  where m.merchant_id = $1 and (source = $2 or target = $2) and recorded_at >= $3 and recorded_at < $4
    and (recorded_at, object_id, transition, seq) < ($5, $6, $7, $8)
  order by recorded_at desc, object_id desc, transition desc, seq desc limit $9
"""
_OF_OBJECTS = f"""
  select {_COLUMNS} from {_FROM}
  where m.merchant_id = $1
    and object_id in (select $2 union all select id from refunds where merchant_id = $1 and payment_id = $2)
  order by recorded_at, object_id, transition, seq limit {OF_ONE_MAX}
"""
_IS_THERE = "select from payments where merchant_id = $1 and id = $2"
_DAYS = f"""
  select day, sum(moves)::bigint as moves, sum(in_fen)::bigint as in_fen, sum(out_fen)::bigint as out_fen from (
    select day, ins + outs as moves, in_fen, out_fen from account_days
      where merchant_id = $1 and account = $2 and day between $5 and $6
    union all
    select (recorded_at at time zone 'Asia/Shanghai')::date, 1,
      case when target = $2 then amount_fen else 0 end, case when source = $2 then amount_fen else 0 end
      from moves where merchant_id = $1 and (source = $2 or target = $2)
        and recorded_at >= greatest($3, {SINCE}) and recorded_at < $4
  ) each group by day order by day desc
"""
_EARLIER = f"""
  select (
    select coalesce(sum(in_fen - out_fen), 0) from account_days where merchant_id = $1 and account = $2 and day < $4
  )::bigint + (
    select coalesce(sum(case when target = $2 then amount_fen else -amount_fen end), 0) from moves
      where merchant_id = $1 and (source = $2 or target = $2) and recorded_at >= {SINCE} and recorded_at < $3
  )::bigint as fen
"""


async def of_day(pool: asyncpg.Pool[Any], merchant_id: str, wish: MovesWish, today: date) -> MovesTold:
    """The moves of an account on a day. Raises Busy when the database stays away."""
    first, end = span(wish.day or today, wish.day or today)
    behind = _behind(wish.after) if wish.after else (end, "", 0, 0)
    rows = await read(pool, merchant_id, _OF_DAY, merchant_id, wish.account, first, end, *behind, wish.limit + 1)
    shown = rows[: wish.limit]
    return MovesTold(items=[_told(row) for row in shown], next=_name_of(shown[-1]) if len(rows) > len(shown) else None)


async def of_payment(pool: asyncpg.Pool[Any], merchant_id: str, payment_id: str) -> MovesTold:
    """All moves of a payment and of its refunds, oldest first.

    Raises Denied: payment.unknown; Busy when the database stays away.
    """
    rows = await read(pool, merchant_id, _OF_OBJECTS, merchant_id, payment_id)
    if not rows and not await read(pool, merchant_id, _IS_THERE, merchant_id, payment_id):
        raise Denied("payment.unknown")
    return MovesTold(items=[_told(row) for row in rows], next=None)


async def days(pool: asyncpg.Pool[Any], merchant_id: str, wish: DaysWish, today: date) -> DaysTold:
    """What moved on an account, by day. Law: `earlier_fen` and the days come to its balance at the end of the last.

    Raises Busy when the database stays away.
    """
    last = wish.day or today
    since = last - timedelta(days=DAYS - 1)
    first, end = span(since, last)
    rows = await read(pool, merchant_id, _DAYS, merchant_id, wish.account, first, end, since, last)
    earlier = await read(pool, merchant_id, _EARLIER, merchant_id, wish.account, first, since)
    items = [DayTold(day=row["day"], in_fen=row["in_fen"], out_fen=row["out_fen"], moves=row["moves"]) for row in rows]
    return DaysTold(items=items, earlier_fen=earlier[0]["fen"], first=since, last=last)


def _told(row: Mapping[str, Any]) -> MoveTold:
    is_payment = ids.is_id(row["object_id"], Kind.PAYMENT)
    return MoveTold(
        payment=row["object_id"] if is_payment else row["of_id"],
        at=row["recorded_at"], object=row["object_id"], source=row["source"], target=row["target"],
        amount_fen=row["amount_fen"], currency=row["currency"],
    )  # fmt: skip


_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


def _name_of(row: Mapping[str, Any]) -> str:
    """A move's place among all, as a text that says it exactly."""
    micros = (row["recorded_at"] - _ZERO) // timedelta(microseconds=1)
    return f"{micros}.{row['object_id']}.{row['transition']}.{row['seq']}"


def _behind(after: str) -> tuple[datetime, str, int, int]:
    micros, object_id, transition, seq = after.split(".")
    return _ZERO + timedelta(microseconds=int(micros)), object_id, int(transition), int(seq)
