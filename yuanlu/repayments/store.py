"""Repayments: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import asyncpg

from yuanlu.errors import Denied
from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund
from yuanlu.repayments.rules import CaseBeside, Repayment, RepaymentSeen

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
_CASE = (
    "c.id, c.opened_by, c.state = 'ATTENTION' as is_waiting, c.remedy_fen as owes_fen,"
    " case when c.state = 'REMEDY' and c.remedy = 'repayment' then c.repayment_id else '' end as repayment_id"
)
CASE_OF_PAYMENT = over_keys(
    f"select k.place, {_CASE} from keys k join cases c on c.merchant_id = k.merchant_id and c.payment_id = k.a"
    " where c.state <> 'CLOSED'"
)
CASE_OF = over_keys(
    f"select k.place, {_CASE} from keys k join repayments r on r.merchant_id = k.merchant_id and r.id = k.a"
    " join cases c on c.merchant_id = r.merchant_id and c.payment_id = r.payment_id where c.state <> 'CLOSED'"
)
OPEN_OF_PAYMENT = over_keys(
    "select k.place, r.id from keys k join repayments r on r.merchant_id = k.merchant_id and r.payment_id = k.a"
    " where r.state in ('PROPOSED', 'APPROVED')"
)
REFUNDS_OF = over_keys(
    f"select k.place, {_REFUND} from keys k join repayments r on r.merchant_id = k.merchant_id and r.id = k.a"
    " join refunds t on t.merchant_id = r.merchant_id and t.payment_id = r.payment_id"
)
made = maker(Repayment)


def _seen(found: Found) -> RepaymentSeen:
    repayment = made(found[0][0]) if found[0] else None
    case = found[3][0] if found[3] else None
    beside = None if case is None else CaseBeside(**{each.name: case[each.name] for each in fields(CaseBeside)})
    return RepaymentSeen(repayment, payments.one(found[1]), [refunds.made(row) for row in found[2]], beside)


def by_id(merchant_id: str, repayment_id: str) -> View[RepaymentSeen]:
    """A repayment with its payment, all refunds of that, and the open case about it."""
    reads = (
        Read(BY_ID, merchant_id, repayment_id),
        Read(PAYMENT_OF, merchant_id, repayment_id),
        Read(REFUNDS_OF, merchant_id, repayment_id),
        Read(CASE_OF, merchant_id, repayment_id),
    )
    return View(reads, _seen)


def for_ask(merchant_id: str, repayment_id: str, payment_id: str) -> View[RepaymentSeen]:
    """What a new repayment is decided on."""
    reads = (
        Read(BY_ID, merchant_id, repayment_id),
        Read(payments.BY_ID, merchant_id, payment_id),
        Read(REFUNDS_OF_PAYMENT, merchant_id, payment_id),
        Read(CASE_OF_PAYMENT, merchant_id, payment_id),
    )
    return View(reads, _seen)


def is_open(merchant_id: str, payment_id: str) -> View[bool]:
    """Whether a repayment of this payment may still be paid."""
    return View((Read(OPEN_OF_PAYMENT, merchant_id, payment_id),), lambda found: bool(found[0]))


async def demand_not_held(merchant_id: str, payment_id: str, connection: asyncpg.Connection[Any]) -> None:
    """No case about this payment is under legal hold; their rows stay locked until the transaction ends.

    Raises Denied: data.held.
    """
    sql = "select id, legal_hold from cases where merchant_id = $1 and payment_id = $2 order by id for share"
    for case in await connection.fetch(sql, merchant_id, payment_id):
        if case["legal_hold"]:
            raise Denied("data.held", case=case["id"])
