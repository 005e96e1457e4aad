"""Repayments: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund
from yuanlu.repayments.rules import Repayment, RepaymentSeen

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Repayment)
_REFUND = ", ".join(f"t.{each.name}" for each in fields(Refund))
REFUNDS_OF_PAYMENT = over_keys(
    f"select k.place, {_REFUND} from keys k join refunds t on t.merchant_id = k.merchant_id and t.payment_id = k.a"
)
PAYMENT_OF = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Payment))} from keys k"
    " join repayments r on r.merchant_id = k.merchant_id and r.id = k.a"
    " join payments t on t.merchant_id = r.merchant_id and t.id = r.payment_id"
)
REFUNDS_OF = over_keys(
    f"select k.place, {_REFUND} from keys k join repayments r on r.merchant_id = k.merchant_id and r.id = k.a"
    " join refunds t on t.merchant_id = r.merchant_id and t.payment_id = r.payment_id"
)
made = maker(Repayment)


def _seen(found: Found) -> RepaymentSeen:
    repayment = made(found[0][0]) if found[0] else None
    return RepaymentSeen(repayment, payments.one(found[1]), [refunds.made(row) for row in found[2]])


def by_id(merchant_id: str, repayment_id: str) -> View[RepaymentSeen]:
    """A repayment with its payment and all refunds of that."""
    reads = (
        Read(BY_ID, merchant_id, repayment_id),
        Read(PAYMENT_OF, merchant_id, repayment_id),
        Read(REFUNDS_OF, merchant_id, repayment_id),
    )
    return View(reads, _seen)


def for_ask(merchant_id: str, repayment_id: str, payment_id: str) -> View[RepaymentSeen]:
    """What a new repayment is decided on."""
    reads = (
        Read(BY_ID, merchant_id, repayment_id),
        Read(payments.BY_ID, merchant_id, payment_id),
        Read(REFUNDS_OF_PAYMENT, merchant_id, payment_id),
    )
    return View(reads, _seen)
