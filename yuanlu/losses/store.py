"""Losses and the refund float: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from yuanlu.channels.contract import Channel
from yuanlu.clock import CHINA
from yuanlu.losses.floats import Ahead, Float, FloatSeen
from yuanlu.losses.rules import Loss, LossAsk, LossSeen
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Loss)
CASE = over_keys("select k.place, c.id from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a")
FLOAT = rows_by_id(Float)
made = maker(Loss)
made_float = maker(Float)
PAST = timedelta(days=90)

OPEN_REFUNDS = over_keys("""
  select k.place, coalesce(sum(r.amount_fen), 0)::bigint as open_fen,
    coalesce(sum(r.amount_fen) filter (where r.waiting_for = 'funds_short'), 0)::bigint as waiting_fen,
    count(*) filter (where r.waiting_for = 'funds_short') as waiting
  from keys k join refunds r on r.merchant_id = k.merchant_id and r.channel = k.a
    and r.state in ('RESERVED', 'READY', 'SENT', 'WAITING', 'MANUAL') and r.release_at < k.at
  group by k.place
""")
"""Refunds that may leave before a moment. Its index holds the open ones alone."""
CASES_AHEAD = over_keys("""
  select k.place, coalesce(sum(f.fen) filter (where c.state = 'REMEDY'), 0)::bigint as promised_fen,
    coalesce(sum(f.fen) filter (where c.state <> 'REMEDY'), 0)::bigint as review_fen
  from keys k join cases c on c.merchant_id = k.merchant_id
    and c.state in ('REMEDY', 'REVIEW', 'SECOND', 'ATTENTION', 'NEEDS_INFO', 'OFFERED')
  join payments p on p.merchant_id = c.merchant_id and p.id = c.payment_id and p.channel = k.a
    and p.state in ('PAID', 'LATE_PAID'),
  lateral (select least(p.amount_fen - p.back_fen, coalesce(nullif(c.remedy_fen, 0), c.asked_fen,
    p.amount_fen - coalesce(c.meant_fen, 0)))::bigint as fen) f
  where f.fen > 0 and not (c.state = 'REMEDY' and c.remedy = 'repayment')
    and not exists (select 1 from refunds r where r.merchant_id = c.merchant_id and r.id = c.refund_id)
  group by k.place
""")
"""Cases whose refund is not there yet: promised, and still to be decided."""
CASES_PAST = over_keys("""
  select k.place, count(*) as decided, count(*) filter (where c.conclusion = 'money_back') as paid_back
  from keys k join cases c on c.merchant_id = k.merchant_id and c.state in ('CLOSED', 'DECLINED')
    and c.opened_at >= k.at
  join payments p on p.merchant_id = c.merchant_id and p.id = c.payment_id and p.channel = k.a
    and p.state in ('PAID', 'LATE_PAID')
  group by k.place
""")
KNOWN = over_keys("""
  select k.place,
    coalesce(sum(case when m.source = k.a then m.amount_fen else -m.amount_fen end), 0)::bigint as known_fen
  from keys k join moves m on m.merchant_id = k.merchant_id and m.recorded_at >= k.at
    and (m.source = k.a or m.target = k.a)
  group by k.place
""")
"""What came in from a channel since a moment, less what went back."""


def by_id(merchant_id: str, loss_id: str) -> View[LossSeen]:
    """One loss."""
    return View(
        (Read(BY_ID, merchant_id, loss_id),), lambda found: LossSeen(made(found[0][0]) if found[0] else None, True)
    )


def for_ask(ask: LossAsk) -> View[LossSeen]:
    """What a new loss is decided on."""
    reads = (Read(BY_ID, ask.merchant_id, ask.id), Read(CASE, ask.merchant_id, ask.case_id))
    return View(reads, lambda found: LossSeen(made(found[0][0]) if found[0] else None, bool(found[1])))


def ahead(merchant_id: str, channel: Channel, days: int, at: datetime) -> View[FloatSeen]:
    """What is known of a channel account: all that may be needed within some days, and what came in today."""
    midnight = at.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    reads = (
        Read(FLOAT, merchant_id, channel),
        Read(OPEN_REFUNDS, merchant_id, channel, at=at + timedelta(days=days)),
        Read(CASES_AHEAD, merchant_id, channel),
        Read(CASES_PAST, merchant_id, channel, at=at - PAST),
        Read(KNOWN, merchant_id, f"due:{channel}", at=midnight),
    )

    def make(found: Found) -> FloatSeen:
        told = made_float(found[0][0]) if found[0] else None
        known: dict[str, int] = {}
        for rows in found[1:]:
            known |= {name: value for row in rows for name, value in dict(row).items() if name != "place"}
        return FloatSeen(told, Ahead(channel=channel, **known))

    return View(reads, make)
