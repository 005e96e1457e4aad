"""One line for the cashier: what stands with a payment, a refund, a case, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from yuanlu.cases.rules import Case, Conclusion, Remedy
from yuanlu.cases.rules import State as CaseState
from yuanlu.channels.contract import Channel, Figures, Operation, Reason, Word
from yuanlu.channels.diagnosis import Cause, diagnose
from yuanlu.channels.law import diagnosis_of
from yuanlu.payments.rules import Mode, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.rules import State as RefundState
from yuanlu.told import both, shown_money

Says = tuple[str, str]

_PAYMENT: Mapping[PaymentState, str] = {
    PaymentState.SENT: "pay.asked",
    PaymentState.SHOWN: "pay.shown",
    PaymentState.PAID: "pay.paid",
    PaymentState.FAILED: "pay.failed",
    PaymentState.REVERSING: "pay.reversing",
    PaymentState.REVERSED: "pay.reversed",
    PaymentState.CLOSING: "pay.closing",
    PaymentState.CLOSED: "pay.closed",
    PaymentState.LATE_PAID: "pay.late",
}

_FUNDS = frozenset({"NOTENOUGH", "ACQ.BUYER_BALANCE_NOT_ENOUGH", "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH"})
_CODE = frozenset({"AUTHCODEEXPIRE", "AUTH_CODE_ERROR", "AUTH_CODE_INVALID", "ACQ.PAYMENT_AUTH_CODE_INVALID"})
_FAILED: Mapping[Cause, str] = {Cause.LIMIT: "pay.limit", Cause.ACCOUNT: "pay.account"}

_REFUND: Mapping[RefundState, str] = {
    RefundState.RESERVED: "refund.reserved",
    RefundState.READY: "refund.ready",
    RefundState.SENT: "refund.sent",
    RefundState.WAITING: "refund.later",
    RefundState.DONE: "refund.done",
    RefundState.PROVEN: "refund.done",
    RefundState.REFUSED: "refund.closed",
    RefundState.CANCELLED: "refund.cancelled",
    RefundState.STRANDED: "refund.stranded",
    RefundState.REDIRECTING: "refund.redirecting",
    RefundState.RECALLING: "refund.recalling",
    RefundState.RETURNED: "refund.returned",
    RefundState.SUPERSEDED: "refund.superseded",
    RefundState.MANUAL: "refund.manual",
    RefundState.EXTERNAL: "refund.external",
}

_CASE: Mapping[CaseState, str] = {
    CaseState.OPENED: "case.opened",
    CaseState.REVIEW: "case.review",
    CaseState.SECOND: "case.second",
    CaseState.NEEDS_INFO: "case.needs_info",
    CaseState.OFFERED: "case.offered",
    CaseState.REMEDY: "case.refunding",
    CaseState.DECLINED: "case.declined",
    CaseState.ATTENTION: "case.attention",
    CaseState.CLOSED: "case.closed",
}


@lru_cache(maxsize=512)
def book_of(channel: Channel, code: str) -> str:
    """In which book of codes a channel's code stands: WeChat Pay's newest, or that of its v2."""
    if channel is Channel.WECHAT and not diagnose("wechat_v3", code).known and diagnose("wechat_v2", code).known:
        return "wechat_v2"
    return channel.value


def operation_of(payment: Payment) -> Operation:
    """In which operation a payment's last code was heard, near enough for the books of codes."""
    return Operation.SHOW if payment.mode is Mode.SHOWN else Operation.PAY


def of_payment(payment: Payment, at: datetime) -> Says:
    """What stands with a payment."""
    state = payment.state
    if payment.incident:
        return both("pay.incident", {})
    if state is PaymentState.SENT and payment.reason == Reason.PAYER_CONFIRMS:
        waited = max(int((at - payment.sent_at).total_seconds()), 0)
        most = int((payment.give_up_at - payment.sent_at).total_seconds())
        return both("pay.waiting", {"n": min(waited, most), "max": most})
    if state is PaymentState.SENT and payment.last_word == Word.UNKNOWN:
        return both("pay.unknown", {})
    if state is PaymentState.FAILED:
        return both(_failed(payment), {})
    if payment.channel is Channel.CASH:
        change_fen = Figures.of_text(payment.figures).change or 0
        told = {"amount": shown_money(payment.amount_fen), "change": shown_money(change_fen)}
        return both("pay.cash_change" if change_fen else "pay.cash", told)
    return both(_PAYMENT[state], {"amount": shown_money(payment.amount_fen, payment.currency)})


def _failed(payment: Payment) -> str:
    if payment.code in _FUNDS:
        return "pay.funds"
    if payment.code in _CODE:
        return "pay.expired"
    told = diagnosis_of(book_of(payment.channel, payment.code), payment.code, operation_of(payment))
    return _FAILED.get(told.cause, "pay.failed")


def of_refund(refund: Refund, at: datetime) -> Says:
    """What stands with a refund."""
    facts: dict[str, object] = {
        "amount": shown_money(refund.amount_fen, refund.currency),
        "reason": refund.code,
        "n": max(int((refund.release_at - at).total_seconds()), 0),
    }
    if refund.incident:
        return both("refund.incident", {})
    if refund.waiting_for == Reason.FUNDS_SHORT:
        return both("refund.balance", {})
    if refund.channel is Channel.CASH and refund.state in (RefundState.READY, RefundState.DONE):
        return both("refund.cash_ready" if refund.state is RefundState.READY else "refund.cash_done", facts)
    if refund.state is RefundState.READY and refund.waiting_for == "gap":
        return both("refund.wait1m", facts)
    if refund.state is RefundState.SENT and refund.last_word == Word.UNKNOWN:
        return both("refund.unknown", {})
    return both(_REFUND[refund.state], facts)


def of_case(case: Case) -> Says:
    """What stands with a case."""
    code = _CASE[case.state]
    if case.state is CaseState.REMEDY and case.remedy is Remedy.CANCEL:
        code = "case.cancelling"
    if case.state is CaseState.REMEDY and case.remedy is Remedy.REPAYMENT:
        code = "case.repaying"
    if case.state is CaseState.CLOSED and case.conclusion is not Conclusion.OPEN:
        code = f"conclusion.{case.conclusion}"
    return both(code, _of_case(case))


def _of_case(case: Case) -> Mapping[str, object]:
    return {
        "amount_fen": case.remedy_fen,
        "approved_fen": case.approved_fen,
        "why": case.note,
        "holder": case.holder or "system",
    }
