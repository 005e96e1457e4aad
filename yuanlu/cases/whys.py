"""Why a payment or refund is not what the customer hoped for: the cause, the money, what to do now, what to say.

Two tables decide. The state says what became of the money, and nothing else does: a channel's code never overrules
it. The code says which of the seven causes it was (`channels.diagnosis`) and of which kind (`causes.toml`); where
there is none, the state has words of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from yuanlu.cases.causes import taxonomy
from yuanlu.channels.diagnosis import Cause, Diagnosis
from yuanlu.payments.rules import Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.rules import State as RefundState


class Became(StrEnum):
    """What became of the money, as far as anybody knows."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    UNKNOWN = "unknown"
    BACK = "back"
    NOT_BACK = "not_back"
    BACK_LATER = "back_later"
    """Nothing is wrong that waiting, or a person of the shop, does not mend."""
    BACK_UNKNOWN = "back_unknown"


OF_PAYMENT: Mapping[PaymentState, Became] = {
    PaymentState.SENT: Became.UNKNOWN,
    PaymentState.SHOWN: Became.UNKNOWN,
    PaymentState.PAID: Became.TAKEN,
    PaymentState.FAILED: Became.NOT_TAKEN,
    PaymentState.REVERSING: Became.UNKNOWN,
    PaymentState.REVERSED: Became.NOT_TAKEN,
    PaymentState.CLOSING: Became.UNKNOWN,
    PaymentState.CLOSED: Became.NOT_TAKEN,
    PaymentState.LATE_PAID: Became.TAKEN,
}
OF_REFUND: Mapping[RefundState, Became] = {
    RefundState.RESERVED: Became.BACK_LATER,
    RefundState.READY: Became.BACK_LATER,
    RefundState.SENT: Became.BACK_UNKNOWN,
    RefundState.WAITING: Became.BACK_LATER,
    RefundState.DONE: Became.BACK,
    RefundState.PROVEN: Became.BACK,
    RefundState.REFUSED: Became.NOT_BACK,
    RefundState.CANCELLED: Became.NOT_BACK,
    RefundState.STRANDED: Became.BACK_LATER,
    RefundState.REDIRECTING: Became.BACK_UNKNOWN,
    RefundState.RECALLING: Became.BACK_LATER,
    RefundState.RETURNED: Became.NOT_BACK,
    RefundState.SUPERSEDED: Became.BACK_LATER,
    RefundState.MANUAL: Became.BACK_UNKNOWN,
    RefundState.EXTERNAL: Became.BACK,
}
SURE = frozenset({Became.TAKEN, Became.BACK})
"""The money is where it should be: no cause is looked for."""
MENDED = frozenset({Cause.SYSTEM, Cause.NETWORK})
"""Causes that somebody can mend: a ticket about them helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The answer. `kind`: of the taxonomy, or nothing; `money`: what became of it; `diagnosis`: of the last code."""

    cause: Cause
    kind: str
    money: Became
    diagnosis: Diagnosis | None

    @property
    def is_for_ticket(self) -> bool:
        """Whether somebody can mend it who should hear of it."""
        return self.cause in MENDED


def of_payment(payment: Payment, diagnosis: Diagnosis | None) -> Why:
    """Why a payment is as it is. `diagnosis`: of its last code, if any; what contradicts our books is unknown."""
    money = Became.UNKNOWN if payment.incident else OF_PAYMENT[payment.state]
    return _why(money, diagnosis)


def of_refund(refund: Refund, diagnosis: Diagnosis | None) -> Why:
    """Why a refund is as it is."""
    money = Became.BACK_UNKNOWN if refund.incident else OF_REFUND[refund.state]
    return _why(money, diagnosis)


def _why(money: Became, diagnosis: Diagnosis | None) -> Why:
    if diagnosis is None or money in SURE:
        return Why(cause=Cause.NONE, kind="", money=money, diagnosis=None)
    kind = taxonomy().by_code(f"{diagnosis.channel}/{diagnosis.code}", diagnosis.cause) if diagnosis.known else None
    cause = Cause(kind.cause) if kind else diagnosis.cause  # the taxonomy is finer than the books
    return Why(cause=cause, kind=kind.id if kind else "", money=money, diagnosis=diagnosis)
