"""Refunds: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.people import store as people
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.refunds.rules import Refund, RefundSeen

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Refund)
PAYMENT_OF = over_keys(
    "select k.place, r.payment_id, (select max(s.sent_at) from refunds s where s.merchant_id = r.merchant_id"
    " and s.payment_id = r.payment_id and s.id <> r.id) as sibling_sent_at"
    " from keys k join refunds r on r.merchant_id = k.merchant_id and r.id = k.a"
)
WHOLE_PAYMENT_OF = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Payment))} from keys k"
    " join refunds r on r.merchant_id = k.merchant_id and r.id = k.a"
    " join payments t on t.merchant_id = r.merchant_id and t.id = r.payment_id"
)
ALL_OF_PAYMENT = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Refund))} from keys k"
    " join refunds t on t.merchant_id = k.merchant_id and t.payment_id = k.a order by t.id"
)
BY_LINE = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Refund))} from keys k"
    " join refunds t on t.merchant_id = k.merchant_id and t.payment_id = k.a where t.line_turn > 0"
)
TILL = over_keys(
    "select k.place, t.store_id from keys k join tills t on t.merchant_id = k.merchant_id and t.id = k.a"
    " and t.closed_at is null"
)
made = maker(Refund)


def one(found: Sequence[Mapping[str, Any]]) -> Refund | None:
    """The refund of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, refund_id: str, believed: Refund | None = None) -> View[Refund | None]:
    """One refund, or None."""
    return View((Read(BY_ID, merchant_id, refund_id),), lambda found: one(found[0]), believed)


def with_till(merchant_id: str, refund_id: str, till_id: str) -> View[tuple[Refund | None, str | None]]:
    """A refund, and the store of a till that is open (None: there is no such till)."""
    reads = (Read(BY_ID, merchant_id, refund_id), Read(TILL, merchant_id, till_id))
    return View(reads, lambda found: (one(found[0]), found[1][0]["store_id"] if found[1] else None))


def with_payment(merchant_id: str, refund_id: str) -> View[RefundSeen]:
    """A refund and its payment."""
    reads = (Read(BY_ID, merchant_id, refund_id), Read(WHOLE_PAYMENT_OF, merchant_id, refund_id))
    return View(reads, lambda found: RefundSeen(one(found[0]), payments.one(found[1])))


def for_ask(
    merchant_id: str, refund_id: str, payment_id: str, *, by_line: bool = False, day: date | None = None
) -> View[RefundSeen]:
    """What a new refund is decided on: whether it is known, its payment, (by line) those by line before it, and what
    people may send back on a day of China, where one of them asks.
    """
    reads: tuple[Read, ...] = (Read(BY_ID, merchant_id, refund_id), Read(payments.BY_ID, merchant_id, payment_id))
    if by_line:
        reads = (*reads, Read(BY_LINE, merchant_id, payment_id))

    def make(found: Found) -> RefundSeen:
        before = tuple(map(made, found[2])) if by_line else ()
        return RefundSeen(one(found[0]), payments.one(found[1]), by_line=before)

    if day is None:
        return View(reads, make)
    purse = people.purse(merchant_id, day)
    return View((*reads, *purse.reads), lambda found: replace(make(found[:-1]), purse=purse.make(found[-1:])))


def to_drive(merchant_id: str, refund_id: str) -> View[RefundSeen]:
    """What the next step of a refund is decided on: itself, and when a sibling last left."""

    def make(found: Found) -> RefundSeen:
        sibling = found[1][0]["sibling_sent_at"] if found[1] else None
        return RefundSeen(one(found[0]), None, sibling)

    return View((Read(BY_ID, merchant_id, refund_id), Read(PAYMENT_OF, merchant_id, refund_id)), make)


@dataclass(frozen=True, slots=True)
class Refunded:
    """A payment and all its refunds, the oldest first."""

    payment: Payment | None
    refunds: tuple[Refund, ...]


def of_payment(merchant_id: str, payment_id: str) -> View[Refunded]:
    """A payment and all its refunds."""
    reads = (Read(payments.BY_ID, merchant_id, payment_id), Read(ALL_OF_PAYMENT, merchant_id, payment_id))
    return View(reads, lambda found: Refunded(payments.one(found[0]), tuple(made(each) for each in found[1])))
