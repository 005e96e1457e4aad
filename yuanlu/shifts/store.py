"""Shifts: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from yuanlu import ids
from yuanlu.payments.cash import BEHIND_MAX, TOLD_LATE
from yuanlu.people import store as people
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.refunds.store import TILL
from yuanlu.shifts.rules import Late, OpeningSeen, Pending, Shift, ShiftAsk, ShiftSeen, Total

Found = Sequence[Sequence[Mapping[str, Any]]]

CLOCKS_MAX = timedelta(days=1)
"""How far the clock that made a payment's id may be from ours: ids bound what is looked through."""
PENDING_MAX = LATE_MAX = 200

BY_ID = rows_by_id(Shift)
OPEN_AT = over_keys(
    "select k.place, s.id from keys k join shifts s on s.merchant_id = k.merchant_id and s.till_id = k.a"
    " and s.state = 'OPEN'"
)
LOOSE = over_keys("""
  select t.place, t.loose_fen, (t.held_fen - t.loose_fen)::bigint as drift_fen from (select k.place,
    coalesce((select sum(m.amount_fen) from moves m where m.merchant_id = k.merchant_id
      and m.source = 'cash:' || k.a and m.source like 'cash:%'), 0)
    - coalesce((select sum(m.amount_fen) from moves m where m.merchant_id = k.merchant_id
      and m.target = 'cash:' || k.a and m.target like 'cash:%'), 0) as held_fen,
    coalesce((select sum(p.amount_fen) from payments p where p.merchant_id = k.merchant_id and p.till_id = k.a
      and p.channel = 'cash' and p.paid_at >= l.counted_at), 0)::bigint
    - coalesce((select sum(r.amount_fen) from refunds r where r.merchant_id = k.merchant_id and r.till_id = k.a
      and r.till_id <> '' and r.done_at >= l.counted_at), 0)::bigint as loose_fen
  from keys k, lateral (select coalesce(max(s.closed_at), '-infinity') as counted_at from shifts s
    where s.merchant_id = k.merchant_id and s.till_id = k.a) l) t
""")
"""Cash taken less cash paid out since the last shift of this till was closed; and what its account holds besides.

Both as of one moment. What is recorded in the very moment of a count is in the account and in no count. Read once a
shift; two indexes hold nothing but the moves of drawers.
"""
TOTALS = over_keys("""
  select k.place, t.tender, sum(t.taken)::bigint as taken, sum(t.taken_fen)::bigint as taken_fen,
    sum(t.back)::bigint as back, sum(t.back_fen)::bigint as back_fen
  from keys k join shifts s on s.merchant_id = k.merchant_id and s.id = k.a, lateral (
    select p.channel as tender, 1 as taken, p.amount_fen as taken_fen, 0 as back, 0 as back_fen from payments p
    where p.merchant_id = k.merchant_id and p.till_id = s.till_id and p.channel <> 'cash'
      and p.id between 'YP' || k.b and 'YP' || k.d and p.state in ('PAID', 'LATE_PAID')
      and p.opened_at >= s.opened_at and (s.closed_at is null or p.opened_at < s.closed_at)
    union all
    select p.channel, 1, p.amount_fen, 0, 0 from payments p
    where p.merchant_id = k.merchant_id and p.till_id = s.till_id and p.channel = 'cash'
      and p.paid_at >= s.opened_at and (s.closed_at is null or p.paid_at < s.closed_at)
    union all
    select r.channel, 0, 0, 1, r.amount_fen from refunds r join payments p
      on p.merchant_id = r.merchant_id and p.id = r.payment_id and p.till_id = s.till_id
    where r.merchant_id = k.merchant_id and r.channel <> 'cash' and r.id between 'YR' || k.b and 'YR' || k.d
      and r.state not in ('REFUSED', 'CANCELLED', 'RETURNED', 'SUPERSEDED')
      and r.opened_at >= s.opened_at and (s.closed_at is null or r.opened_at < s.closed_at)
    union all
    select r.channel, 0, 0, 1, r.amount_fen from refunds r
    where r.merchant_id = k.merchant_id and r.till_id = s.till_id and r.till_id <> ''
      and r.done_at >= s.opened_at and (s.closed_at is null or r.done_at < s.closed_at)
  ) t group by k.place, t.tender order by t.tender
""")
PENDING = over_keys(f"""
  select k.place, o.* from keys k join shifts s on s.merchant_id = k.merchant_id and s.id = k.a, lateral (
    (select 'payment' as kind, p.id, p.state from payments p
     where p.merchant_id = k.merchant_id and p.till_id = s.till_id and p.id between 'YP' || k.b and 'YP' || k.d
       and p.state in ('SENT', 'SHOWN', 'REVERSING', 'CLOSING') limit {PENDING_MAX})
    union all
    (select 'refund', r.id, r.state from refunds r join payments p
       on p.merchant_id = r.merchant_id and p.id = r.payment_id and p.till_id = s.till_id
     where r.merchant_id = k.merchant_id and r.id between 'YR' || k.b and 'YR' || k.d
       and r.state in ('RESERVED', 'READY', 'SENT', 'WAITING', 'MANUAL', 'STRANDED', 'REDIRECTING', 'RECALLING')
     limit {PENDING_MAX})
    union all
    (select 'case', c.id, c.state from cases c join payments p
       on p.merchant_id = c.merchant_id and p.id = c.payment_id and p.till_id = s.till_id
     where c.merchant_id = k.merchant_id and c.id between 'YC' || k.b and 'YC' || k.d and c.state <> 'CLOSED'
     limit {PENDING_MAX})
  ) o order by o.id
""")
LATE = over_keys(f"""
  select k.place, p.id, p.amount_fen, p.paid_at, p.opened_at from keys k
    join shifts s on s.merchant_id = k.merchant_id and s.id = k.a, lateral (
      select coalesce(max(b.closed_at), s.opened_at) as counted_at from shifts b
      where b.merchant_id = k.merchant_id and b.till_id = s.till_id and b.opened_at < s.opened_at) l,
    lateral (select p.id, p.amount_fen, p.paid_at, p.opened_at from payments p
      where p.merchant_id = k.merchant_id and p.till_id = s.till_id and p.channel = 'cash' and p.reason = '{TOLD_LATE}'
        and p.paid_at >= l.counted_at - interval '{BEHIND_MAX.days} days' and p.paid_at < s.opened_at
        and p.opened_at >= l.counted_at and (s.closed_at is null or p.opened_at < s.closed_at)
      order by p.paid_at, p.id limit {LATE_MAX}) p
  order by p.paid_at, p.id
""")
"""Cash of earlier shifts that was told from the close of the last one on, until this one closed."""
made = maker(Shift)


def one(found: Sequence[Mapping[str, Any]]) -> Shift | None:
    """The shift of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, shift_id: str) -> View[Shift | None]:
    """One shift, or None."""
    return View((Read(BY_ID, merchant_id, shift_id),), lambda found: one(found[0]))


def for_opening(ask: ShiftAsk) -> View[OpeningSeen]:
    """What an opening is decided on."""
    reads = (
        Read(BY_ID, ask.merchant_id, ask.id),
        Read(TILL, ask.merchant_id, ask.till_id),
        Read(OPEN_AT, ask.merchant_id, ask.till_id),
        Read(LOOSE, ask.merchant_id, ask.till_id),
    )

    def make(found: Found) -> OpeningSeen:
        store_id = found[1][0]["store_id"] if found[1] else None
        open_id = found[2][0]["id"] if found[2] else ""
        return OpeningSeen(one(found[0]), store_id, open_id, found[3][0]["loose_fen"], found[3][0]["drift_fen"])

    return View(reads, make)


def whole(shift: Shift, at: datetime, taker_id: str = "") -> View[ShiftSeen]:
    """A shift with what passed in it and what is still open at its till; and who takes it over."""
    low = _around(shift.opened_at - CLOCKS_MAX)
    high = _around((shift.closed_at or at) + CLOCKS_MAX)
    reads = (
        Read(BY_ID, shift.merchant_id, shift.id),
        Read(TOTALS, shift.merchant_id, shift.id, low, d=high),
        Read(PENDING, shift.merchant_id, shift.id, low, d=high),
        Read(people.BY_ID, shift.merchant_id, taker_id),
        Read(LATE, shift.merchant_id, shift.id),
    )

    def make(found: Found) -> ShiftSeen:
        totals = tuple(
            Total(
                tender=row["tender"],
                taken=row["taken"],
                taken_fen=row["taken_fen"],
                back=row["back"],
                back_fen=row["back_fen"],
            )
            for row in found[1]
        )
        pending = tuple(Pending(row["kind"], row["id"], row["state"]) for row in found[2])
        late = tuple(
            Late(payment_id=row["id"], amount_fen=row["amount_fen"], taken_at=row["paid_at"], told_at=row["opened_at"])
            for row in found[4]
        )
        return ShiftSeen(one(found[0]), totals, pending, people.one(found[3]), late)

    return View(reads, make)


def _around(at: datetime) -> str:
    """What ids made at this moment begin with, behind their kind."""
    return ids.new(ids.Kind.SHIFT, at)[2:12]
