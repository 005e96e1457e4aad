"""Payments: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from yuanlu.payments.rules import ChargeAsk, ChargeSeen, Payment
from yuanlu.policies import store as policies
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Payment)
_COLUMNS = ", ".join(f"t.{each.name}" for each in fields(Payment))
FOR_CHARGE = over_keys(
    "select k.place, i.store_id as till_store,"
    " (select array_agg(c.channel) from channel_accounts c where c.merchant_id = k.merchant_id) as channels,"
    " (select s.id from payments s where s.merchant_id = k.merchant_id and s.till_id = k.b and s.amount_fen = k.c"
    "   and s.code_mark = k.d and s.code_mark <> '' and s.state in ('SENT', 'REVERSING', 'CLOSING')) as same_code,"
    " (select w.locked_at from stations w where w.merchant_id = k.merchant_id and w.id = k.b"
    "   and w.locked_at is not null) as till_locked_at,"
    f" {policies.id_in_force('i.store_id')} as policy_in_force,"
    f" {_COLUMNS} from keys k left join tills i on i.merchant_id = k.merchant_id and i.id = k.b and i.closed_at is null"
    " left join payments t on t.merchant_id = k.merchant_id and t.id = k.a"
)
"""All a charge is decided on in one read: it stands in the path of every payment."""
COUNTED = over_keys(
    "select k.place from keys k, lateral (select s.opened_at, s.closed_at from shifts s where s.merchant_id ="
    " k.merchant_id and s.till_id = k.a order by s.opened_at desc limit 1) l"
    " where l.opened_at > k.at or l.closed_at > k.at"
)
"""Whether a drawer was counted since a moment: at the close of a shift, or at the opening of the next.

The shifts of a till follow one another, so the last one tells."""
made = maker(Payment)


def one(found: Sequence[Mapping[str, Any]]) -> Payment | None:
    """The payment of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, payment_id: str, believed: Payment | None = None) -> View[Payment | None]:
    """One payment, or None."""
    return View((Read(BY_ID, merchant_id, payment_id),), lambda found: one(found[0]), believed)


def _charge_seen(found: Found) -> ChargeSeen:
    row = found[0][0]
    return ChargeSeen(
        known=made(row) if row["id"] else None,
        store_id=row["till_store"],
        channels=frozenset(row["channels"] or ()),
        same_code=row["same_code"],
        policy=row["policy_in_force"] or "",
        locked_at=row["till_locked_at"],
    )


def for_charge(ask: ChargeAsk, at: datetime) -> View[ChargeSeen]:
    """What a charge is decided on. `at`: now, for the policy in force."""
    key = Read(FOR_CHARGE, ask.merchant_id, ask.id, ask.till_id, ask.amount.amount, ask.code_mark, at)
    return View((key,), _charge_seen)


def for_cash(ask: ChargeAsk, at: datetime, taken_at: datetime) -> View[ChargeSeen]:
    """What cash is decided on: a charge, and whether the drawer was counted since it was taken."""
    charge = for_charge(ask, at)
    counted = Read(COUNTED, ask.merchant_id, ask.till_id, at=taken_at)
    return View((*charge.reads, counted), lambda found: replace(charge.make(found[:-1]), is_counted=bool(found[-1])))
