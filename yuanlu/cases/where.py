"""Where is my refund: stage, who has it, the number to ask with, what comes next and when, whether it is late (S78).

Total: whatever a payment, a refund and a case may be, there is an answer. Three tables say it, one for each of them; a
refund's word counts first, then the case's, then the payment's. The moment of what comes next is worked out from the
channel's own promise; where there is none, none is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from yuanlu import words
from yuanlu.clock import business_day
from yuanlu.lawbook import promises
from yuanlu.lawbook.promises import Expected
from yuanlu.lawbook.shelf import Book
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import UNCLEAR_MAX, Refund
from yuanlu.refunds.rules import State as RefundState

NOBODY = "nobody"
NOT_OURS = ("customer", NOBODY)
"""Whose time is not ours: what waits for the customer is not late."""
GRACE = timedelta(minutes=15)
"""A worker that is a little behind is not "late" to a customer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNow:
    """What of a case matters to whoever waits for money: its state, who holds it, and what was promised."""

    state: str
    conclusion: str = ""
    holder: str = ""
    due_at: datetime | None = None
    promised_on: date | None = None
    promised_certain: bool = True


@dataclass(frozen=True, slots=True)
class Where:
    """Where money on its way back is. Words are under `where.<stage>`.

    Shape: `holder` is one of customer, cashier, manager, finance, owner, channel, system, or nobody when it has an end;
    `reference` is the number to ask with: the channel's, else ours. `certain` False: `next_at` is counted over a year
    whose working days are not published yet. `window` is what shuts next, where something does, at `shuts_at`.
    """

    stage: str
    holder: str
    reference: str
    next_event: str
    next_at: datetime | None
    overdue: bool
    certain: bool
    zh: str
    en: str
    window: str = ""
    shuts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row of the tables: stage, holder, next event."""

    stage: str
    holder: str
    next_event: str = ""
    next_at: datetime | None = None
    overdue: bool = False
    certain: bool = True


OF_REFUND: Mapping[RefundState, _Standing] = {
    RefundState.RESERVED: _Standing("held", "system", "sent"),
    RefundState.READY: _Standing("ready", "system", "sent"),
    RefundState.SENT: _Standing("sent", "channel", "arrives"),
    RefundState.WAITING: _Standing("waiting", "channel", "sent"),
    RefundState.MANUAL: _Standing("unclear", "finance", "resolved", overdue=True),
    RefundState.DONE: _Standing("arriving", "channel", "arrives"),
    RefundState.PROVEN: _Standing("arriving", "channel", "arrives"),
    RefundState.EXTERNAL: _Standing("arriving", "channel", "arrives"),
    RefundState.REFUSED: _Standing("refused", "finance", "another_way"),
    RefundState.CANCELLED: _Standing("cancelled", NOBODY),
    RefundState.STRANDED: _Standing("stranded", "finance", "redirected"),
    RefundState.REDIRECTING: _Standing("redirecting", "channel", "arrives"),
    RefundState.RECALLING: _Standing("recalling", "channel", "another_way"),
    RefundState.RETURNED: _Standing("returned", "finance", "another_way"),
    RefundState.SUPERSEDED: _Standing("superseded", NOBODY),
}

OF_CASE: Mapping[str, _Standing] = {
    "OPENED": _Standing("checking", "system", "checked"),
    "REVIEW": _Standing("review", "manager", "decided"),
    "SECOND": _Standing("second", "finance", "decided"),
    "NEEDS_INFO": _Standing("needs_info", "customer", "answered"),
    "OFFERED": _Standing("offered", "customer", "answered"),
    "REMEDY": _Standing("remedy", "system", "sent"),
    "ATTENTION": _Standing("attention", "finance", "resolved"),
    "DECLINED": _Standing("declined", "customer", "objection"),
    "CLOSED": _Standing("closed", NOBODY),
}

OF_PAYMENT: Mapping[PaymentState, _Standing] = {
    PaymentState.SENT: _Standing("not_certain", "system", "checked"),
    PaymentState.SHOWN: _Standing("not_paid", "customer", "checked"),
    PaymentState.REVERSING: _Standing("reversing", "channel", "ended"),
    PaymentState.CLOSING: _Standing("reversing", "channel", "ended"),
    PaymentState.REVERSED: _Standing("reversed", NOBODY),
    PaymentState.CLOSED: _Standing("nothing_taken", NOBODY),
    PaymentState.FAILED: _Standing("nothing_taken", NOBODY),
    PaymentState.PAID: _Standing("not_asked", NOBODY),
    PaymentState.LATE_PAID: _Standing("not_asked", "system", "checked"),
}

BACK_WITH_PEOPLE = (RefundState.REFUSED, RefundState.CANCELLED, RefundState.RETURNED, RefundState.STRANDED)
"""A refund that goes no further by itself: the case, while it is open, says who acts and by when."""
ARRIVING = (RefundState.DONE, RefundState.PROVEN, RefundState.EXTERNAL)


def where(book: Book, payment: Payment, refund: Refund | None, case: CaseNow | None, at: datetime) -> Where:
    """Where the money of a refund is, or that of a payment nobody has asked back yet."""
    standing = _standing(book, payment, refund, case, at)
    reference = payment.id if refund is None else refund.channel_number or refund.id
    said = _told(standing, reference)
    return Where(
        stage=standing.stage,
        holder=standing.holder,
        reference=reference,
        next_event=standing.next_event,
        next_at=standing.next_at,
        overdue=standing.overdue,
        certain=standing.certain,
        zh=said["zh"],
        en=said["en"],
    )


def _told(standing: _Standing, reference: str) -> dict[str, str]:
    said = words.both(f"where.{standing.stage}", reference=reference)
    for code, holds in (("where.uncertain", not standing.certain), ("where.overdue", standing.overdue)):
        if holds:
            said = {lang: f"{said[lang]}\n{more}" for lang, more in words.both(code).items()}
    return said


def _standing(book: Book, payment: Payment, refund: Refund | None, case: CaseNow | None, at: datetime) -> _Standing:
    if payment.incident or (refund is not None and refund.incident):
        return _due(_Standing("incident", "finance", "resolved"), case, at)
    if refund is None:
        return _without_refund(payment, case, at)
    standing = _of_refund(book, refund, at)
    if refund.state in BACK_WITH_PEOPLE and case is not None and case.state != "CLOSED":
        return _due(standing, case, at)
    return _late_promise(standing, case, at)


def _without_refund(payment: Payment, case: CaseNow | None, at: datetime) -> _Standing:
    """Nothing was sent yet: a payment without its money has its own end, otherwise the case says where it stands."""
    if payment.state not in HAS_MONEY or case is None:
        return OF_PAYMENT[payment.state]
    return _due(OF_CASE[case.state], case, at)


def _due(standing: _Standing, case: CaseNow | None, at: datetime) -> _Standing:
    """With who holds the case and by when it is due."""
    if case is None or standing.holder == NOBODY:
        return standing
    holder = case.holder or standing.holder
    return _late_promise(_timed(replace(standing, holder=holder), case.due_at, at, timedelta()), case, at)


def _late_promise(standing: _Standing, case: CaseNow | None, at: datetime) -> _Standing:
    """Late too, when the promised day is over and the money is neither there nor declined; and how sure that day is."""
    if case is None or case.promised_on is None or standing.holder in NOT_OURS:
        return standing
    late = standing.overdue or business_day(at) > case.promised_on
    return replace(standing, overdue=late, certain=standing.certain and case.promised_certain)


def _timed(standing: _Standing, next_at: datetime | None, at: datetime, grace: timedelta = GRACE) -> _Standing:
    late = next_at is not None and at > next_at + grace and standing.holder not in NOT_OURS
    return replace(standing, next_at=next_at, overdue=standing.overdue or late)


def _of_refund(book: Book, refund: Refund, at: datetime) -> _Standing:
    standing = OF_REFUND[refund.state]
    match refund.state:
        case RefundState.RESERVED | RefundState.READY:
            return _timed(standing, refund.release_at, at)
        case RefundState.WAITING:
            short = refund.waiting_for == "funds_short"
            found = replace(standing, stage="funds_short", holder="finance") if short else standing
            return _timed(found, refund.release_at, at)
        case RefundState.SENT if refund.unclear_since is not None:
            by = refund.unclear_since + UNCLEAR_MAX
            return _timed(replace(standing, stage="confirming", next_event="resolved"), by, at)
        case RefundState.SENT:
            said = _expected(book, refund, refund.sent_at or refund.opened_at)
            return _timed(replace(standing, certain=said.certain), said.by, at)
        case state if state in ARRIVING:
            return _arriving(book, refund, standing, at)
        case _:
            return standing


def _expected(book: Book, refund: Refund, sent_at: datetime) -> Expected:
    into = promises.place_of(book, refund.channel, refund.received_into)
    return promises.expected(book, refund.channel, into, sent_at)


def _arriving(book: Book, refund: Refund, standing: _Standing, at: datetime) -> _Standing:
    """The channel says it is done: it is there once the channel's own span is over, at once where it promises none."""
    said = _expected(book, refund, refund.done_at or refund.ended_at or refund.opened_at)
    if said.by is None or at >= said.by:
        return replace(standing, stage="arrived", holder=NOBODY, next_event="")
    return replace(standing, next_at=said.by, certain=said.certain)
