"""Cases: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from yuanlu.cases.rules import Case, CaseSeen
from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.reading import Read, Select, View, maker, over_keys, rows_by_id
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Case)
OPEN_OF_PAYMENT = over_keys(
    "select k.place, t.id from keys k join cases t on t.merchant_id = k.merchant_id and t.payment_id = k.a"
    " where t.state <> 'CLOSED' and t.id <> k.b"
)


def _of_case(names: str, table: str, column: str) -> Select:
    return over_keys(
        f"select k.place, {names} from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
        f" join {table} t on t.merchant_id = c.merchant_id and t.id = c.{column}"
    )


PAYMENT_OF = _of_case(", ".join(f"t.{each.name}" for each in fields(Payment)), "payments", "payment_id")
REFUND_OF = _of_case(", ".join(f"t.{each.name}" for each in fields(Refund)), "refunds", "refund_id")
OPEN_BESIDE = over_keys(
    "select k.place, t.id from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join cases t on t.merchant_id = c.merchant_id and t.payment_id = c.payment_id"
    " where t.state <> 'CLOSED' and t.id <> c.id"
)
made = maker(Case)


def one(found: Sequence[Mapping[str, Any]]) -> Case | None:
    """The case of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, case_id: str) -> View[CaseSeen]:
    """A case with its payment, the refund of its present attempt, and another open case about the payment."""
    reads = (
        Read(BY_ID, merchant_id, case_id),
        Read(PAYMENT_OF, merchant_id, case_id),
        Read(REFUND_OF, merchant_id, case_id),
        Read(OPEN_BESIDE, merchant_id, case_id),
    )

    def make(found: Found) -> CaseSeen:
        other = found[3][0]["id"] if found[3] else None
        return CaseSeen(one(found[0]), payments.one(found[1]), refunds.one(found[2]), other)

    return View(reads, make)


def for_ask(merchant_id: str, case_id: str, payment_id: str) -> View[CaseSeen]:
    """What a new case is decided on: whether it is known, its payment, and another open case about it."""
    reads = (
        Read(BY_ID, merchant_id, case_id),
        Read(payments.BY_ID, merchant_id, payment_id),
        Read(OPEN_OF_PAYMENT, merchant_id, payment_id, case_id),
    )

    def make(found: Found) -> CaseSeen:
        other = found[2][0]["id"] if found[2] else None
        return CaseSeen(one(found[0]), payments.one(found[1]), None, other)

    return View(reads, make)
