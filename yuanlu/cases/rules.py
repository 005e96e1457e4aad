"""What a case may become, and which remedy puts it right.

A case is a thread about one payment, from "something is wrong" to closed. It moves no money itself: it asks the
channel what really happened, keeps the answer as evidence, chooses the remedy from that answer, and has the payment
or a refund carry it out under ids taken from the case, so doing it again is doing the same.

    OPENED     reported; not checked yet                    REMEDY     the remedy is being carried out
    CLOSED     put right, or nothing had to be              ATTENTION  a person must look
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import Outcome, Word
from yuanlu.errors import Busy, Denied
from yuanlu.facts import Fact
from yuanlu.money import Money
from yuanlu.payments.rules import HAS_MONEY, OPEN, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import Refund, RefundAsk
from yuanlu.refunds.rules import State as RefundState

DRIVE = "cases.drive"
WAKE = "cases.drive.wake"
LATE_PAID = "cases.late_paid.wake"
"""Look whether a payment was paid after we gave it up, and open its case if nobody has."""
AGAIN = timedelta(seconds=5)
SLOW = timedelta(minutes=10)
UNPAID = (Word.ENDED, Word.ABSENT, Word.REFUSED)
"""Clear answers of the live check that nothing is paid."""


class State(StrEnum):
    OPENED = "OPENED"
    REMEDY = "REMEDY"
    ATTENTION = "ATTENTION"
    CLOSED = "CLOSED"


class What(StrEnum):
    """What went wrong, as the person who reports it says."""

    WRONG_AMOUNT = "wrong_amount"
    WRONG_CODE = "wrong_code"
    CHARGED_TWICE = "charged_twice"
    WRONG_CUSTOMER = "wrong_customer"
    OTHER = "other"
    LATE_PAID = "late_paid"
    """Opened by itself: paid after we had given the payment up."""
    OUTSIDE_REFUND = "outside_refund"
    """Opened by itself: the channel paid a refund back that we never asked for."""
    CONTRADICTED = "contradicted"
    """Opened by itself: the channel says about the payment what our books cannot take in."""


BY_PEOPLE = (What.WRONG_AMOUNT, What.WRONG_CODE, What.CHARGED_TWICE, What.WRONG_CUSTOMER, What.OTHER)


class Remedy(StrEnum):
    """What puts it right."""

    NONE = "none"
    CANCEL = "cancel"
    """Not paid yet: the payment is reversed (scanned) or closed (shown)."""
    REFUND_ALL = "refund_all"
    REFUND_DIFFERENCE = "refund_difference"


class Conclusion(StrEnum):
    """How a case ended."""

    OPEN = ""
    MONEY_BACK = "money_back"
    ENDED_UNPAID = "ended_unpaid"
    NOTHING_PAID = "nothing_paid"
    NOTHING_OWED = "nothing_owed"
    NOTED = "noted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Row):
    """A case as it stands. `remedy_fen` is what shall go back; `attempt` counts its refunds."""

    table = "cases"

    state: State
    payment_id: str
    what: What
    meant_fen: int | None
    said: str
    fingerprint: str
    opened_at: datetime
    opened_by: str
    remedy: Remedy = Remedy.NONE
    remedy_fen: int = 0
    refund_id: str = ""
    attempt: int = 0
    looks: int = 0
    conclusion: Conclusion = Conclusion.OPEN
    note: str = ""
    """Why a person must look."""
    closed_at: datetime | None = None
    incident: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Fact):
    payment_id: str
    what: str
    meant_fen: int | None
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChecked(Fact):
    """The payment was checked live at the channel."""

    word: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyChosen(Fact):
    remedy: str
    amount_fen: int
    refund_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNeedsPerson(Fact):
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed(Fact):
    conclusion: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAsk:
    """A report. `meant_fen`: what should have been charged (wrong amount only)."""

    merchant_id: str
    id: str
    payment_id: str
    what: What
    who: str
    meant: Money | None = None
    said: str = ""

    @property
    def fingerprint(self) -> str:
        """Hash of everything reported but the id."""
        meant = "" if self.meant is None else f"{self.meant.amount} {self.meant.currency}"
        content = (self.payment_id, self.what, meant, self.said)
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """What a case is decided on: itself, its payment, its refund of this attempt, and another open case."""

    case: Case | None
    payment: Payment | None
    refund: Refund | None = None
    other: str | None = None
    """Id of another open case about the same payment."""


def open_case(ask: CaseAsk, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Write a report down.

    Asking again with the same id and content gives the same case back. Raises Denied: case.id_taken,
    case.payment_unknown, case.meant_missing, case.meant_unexpected, case.meant_invalid, case.already_open.
    """
    if seen.case is not None:
        if seen.case.fingerprint != ask.fingerprint:
            raise Denied("case.id_taken", id=ask.id)
        return Stay(seen.case)
    payment = seen.payment
    if payment is None:
        raise Denied("case.payment_unknown", id=ask.payment_id)
    if ask.what is What.WRONG_AMOUNT and ask.meant is None:
        raise Denied("case.meant_missing")
    if ask.what is not What.WRONG_AMOUNT and ask.meant is not None:
        raise Denied("case.meant_unexpected", what=ask.what)
    if ask.meant is not None and (ask.meant.currency != payment.currency or ask.meant.amount < 0):
        raise Denied("case.meant_invalid")
    if seen.other is not None:
        raise Denied("case.already_open", case=seen.other)
    case = Case(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.CASE),
        state=State.OPENED,
        payment_id=payment.id,
        what=ask.what,
        meant_fen=None if ask.meant is None else ask.meant.amount,
        said=ask.said,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.who,
    )
    opened = CaseOpened(payment_id=payment.id, what=ask.what, meant_fen=case.meant_fen, said=ask.said)
    return Change(row=case, at=at, who=ask.who, facts=(opened,), looks=(Look(DRIVE, case.id, at),))


def own_id(payment: Payment, what: What) -> str:
    """The id of a case that opens by itself: the same however often the same thing is heard."""
    marks = {
        What.LATE_PAID: str(payment.ended_at),
        What.OUTSIDE_REFUND: str(payment.parts),
        What.CONTRADICTED: payment.incident,
    }
    return ids.derived(ids.Kind.CASE, payment.opened_at, payment.id, what, marks[what])


def refund_id(case: Case, attempt: int) -> str:
    """The id of a case's refund: it follows from the case, so asking again asks for the same."""
    return ids.derived(ids.Kind.REFUND, case.opened_at, case.id, str(attempt))


def refund_ask(case: Case) -> RefundAsk:
    """The refund that carries the remedy out."""
    return RefundAsk(
        merchant_id=case.merchant_id,
        id=case.refund_id,
        payment_id=case.payment_id,
        amount=Money(case.remedy_fen),
        who=case.opened_by,
        reason=case.what,
        case_id=case.id,
    )


def choose(outcome: Outcome, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Choose the remedy, once the channel was asked live and the payment has learnt what it answered.

    Law: only a payment that has its money opens a refund; what is not certain is waited for, not guessed.
    """
    case, payment = seen.case, seen.payment
    if case is None or payment is None:
        raise Denied("case.unknown")
    if case.state is not State.OPENED:
        return Stay(case)
    evidence = (outcome.evidence,) if outcome.evidence else ()
    checked = (CaseChecked(word=outcome.word, code=outcome.code),)
    change = _chosen(case, payment, outcome, at)
    return replace(change, facts=(*checked, *change.facts), evidence=evidence)


def _chosen(case: Case, payment: Payment, outcome: Outcome, at: datetime) -> Change[Case]:
    match payment.state:
        case _ if payment.incident:
            return _attention(case, at, f"the channel contradicts our books: {payment.incident}")
        case PaymentState.PAID | PaymentState.LATE_PAID if outcome.word is Word.SETTLED:
            return _refund_of(case, payment, at)
        case PaymentState.PAID | PaymentState.LATE_PAID if outcome.word is Word.ENDED and not payment.rest.amount:
            return _refund_of(case, payment, at)  # all of it went back already: some channels call that closed
        case PaymentState.FAILED | PaymentState.REVERSED | PaymentState.CLOSED if outcome.word in UNPAID:
            return _closed(case, at, Conclusion.NOTHING_PAID)
        case state if state in OPEN:
            return _remedied(case, at, Remedy.CANCEL, 0)
        case _:
            return _again(case, at)  # the live check was not answered clearly: ask again before anything is decided


def _refund_of(case: Case, payment: Payment, at: datetime) -> Change[Case]:
    rest = payment.rest.amount
    match case.what:
        case What.OTHER:
            return _attention(case, at, "the reporter must say what is wrong, or a person chooses the remedy")
        case What.OUTSIDE_REFUND:
            return _attention(case, at, "a refund was made at the channel that we never asked for")
        case What.CONTRADICTED:
            return _attention(case, at, "the channel contradicted our books")
        case What.WRONG_AMOUNT if payment.state is not PaymentState.LATE_PAID:
            difference = payment.amount_fen - (case.meant_fen or 0)
            if difference <= 0 or not rest:
                return _closed(case, at, Conclusion.NOTHING_OWED)
            if payment.back_fen:  # for this mistake, or for something else? only a person knows what is still owed
                return _attention(case, at, "part of it has already gone back")
            whole = difference == payment.amount_fen
            return _remedied(case, at, Remedy.REFUND_ALL if whole else Remedy.REFUND_DIFFERENCE, difference)
        case _ if not rest:
            return _closed(case, at, Conclusion.NOTHING_OWED)
        case _:
            return _remedied(case, at, Remedy.REFUND_ALL, rest)


def _remedied(case: Case, at: datetime, remedy: Remedy, amount_fen: int, who: str = "system") -> Change[Case]:
    attempt = case.attempt + (remedy is not Remedy.CANCEL)
    row = replace(
        case,
        version=case.version + 1,
        state=State.REMEDY,
        remedy=remedy,
        remedy_fen=amount_fen,
        attempt=attempt,
        refund_id=refund_id(case, attempt) if remedy is not Remedy.CANCEL else "",
        note="",
    )
    chosen = RemedyChosen(remedy=remedy, amount_fen=amount_fen, refund_id=row.refund_id)
    return Change(row=row, at=at, who=who, facts=(chosen,), looks=(Look(DRIVE, row.id, at),))


def _again(case: Case, at: datetime) -> Change[Case]:
    row = replace(case, version=case.version + 1, looks=case.looks + 1)
    pause = min(AGAIN * 2 ** min(case.looks, 10), SLOW)
    return Change(row=row, at=at, who="system", looks=(Look(DRIVE, row.id, at + pause),))


def _attention(case: Case, at: datetime, why: str) -> Change[Case]:
    row = replace(
        case,
        version=case.version + 1,
        state=State.ATTENTION,
        note=why,
        conclusion=Conclusion.OPEN,
        closed_at=None,
    )
    return Change(row=row, at=at, who="system", facts=(CaseNeedsPerson(why=why),), looks=(Look(DRIVE, row.id, None),))


def _closed(case: Case, at: datetime, conclusion: Conclusion, amount_fen: int = 0, who: str = "system") -> Change[Case]:
    row = replace(case, version=case.version + 1, state=State.CLOSED, conclusion=conclusion, closed_at=at, note="")
    closed = CaseClosed(conclusion=conclusion, amount_fen=amount_fen)
    looks = [Look(DRIVE, row.id, None)]
    if conclusion in (Conclusion.NOTHING_PAID, Conclusion.ENDED_UNPAID):
        looks.append(Look(LATE_PAID, row.payment_id, at))  # it may have turned late paid while this case was deciding
    return Change(row=row, at=at, who=who, facts=(closed,), looks=tuple(looks))


def next_step(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Whether a case in its remedy is done with it, waits on, or needs a person.

    The flow carries out what the returned row asks for (`OPENED`: check; `REMEDY`: cancel or refund).
    Law: a case that closed with the money back is open again as soon as the channel takes that word back.
    """
    case, payment, refund = seen.case, seen.payment, seen.refund
    if case is None or payment is None:
        raise Denied("case.unknown")
    if refund is not None and not _is_own(case, refund):
        return Stay(case) if case.state is State.CLOSED else _attend_stranger(case, at)
    if case.state is State.CLOSED:
        return _reopened(seen, case, at)
    if case.state is State.REMEDY and case.remedy is Remedy.CANCEL:
        return _cancelled(case, payment, at)
    if refund is None or case.state is State.OPENED:
        return Stay(case)
    if _has_arrived(refund):
        return _closed(case, at, Conclusion.MONEY_BACK, refund.amount_fen)
    why = _trouble(refund)
    known = case.state is State.ATTENTION and case.note == why
    return _attention(case, at, why) if why and not known else Stay(case)


def _has_arrived(refund: Refund) -> bool:
    return refund.state in (RefundState.DONE, RefundState.PROVEN) and not refund.incident


def _trouble(refund: Refund) -> str:
    """Why a person must look at a case because of its refund; nothing, if nobody has to."""
    if refund.incident:
        return f"the channel contradicts our books: {refund.incident}"
    match refund.state:
        case RefundState.REFUSED:
            return f"the channel refused the refund: {refund.code}"
        case RefundState.CANCELLED:
            return "the refund was cancelled before it was sent"
        case RefundState.STRANDED:
            return "the money cannot reach the payer; two people choose another card"
        case RefundState.MANUAL:
            return "no clear word about the refund for too long"
        case RefundState.RETURNED:
            return "the money came back to the merchant; the payer is still owed it"
        case _:
            return ""


def _is_own(case: Case, refund: Refund) -> bool:
    """Whether the case asked for this refund: ids are made by callers, anybody may have taken the number first."""
    return refund.fingerprint == refund_ask(case).fingerprint


def _attend_stranger(case: Case, at: datetime) -> Change[Case] | Stay[Case]:
    """The number of the case's refund is taken by a refund that the case did not ask for."""
    if case.state is State.ATTENTION:
        return Stay(case)
    return _attention(case, at, "another refund was made under the number of this case's refund")


def _reopened(seen: CaseSeen, case: Case, at: datetime) -> Change[Case] | Stay[Case]:
    """A case closed as paid back needs a person when the channel takes its word back: final is never sealed.

    Raises Busy while another case about the payment is open: the wake comes again.
    """
    why = _trouble(seen.refund) if seen.refund is not None else ""
    if case.conclusion is not Conclusion.MONEY_BACK or not why:
        return Stay(case)
    if seen.other is not None:
        raise Busy("case.already_open")
    return _attention(case, at, why)


def _cancelled(case: Case, payment: Payment, at: datetime) -> Change[Case] | Stay[Case]:
    match payment.state:
        case _ if payment.incident:
            return _attention(case, at, f"the channel contradicts our books: {payment.incident}")
        case PaymentState.REVERSED | PaymentState.CLOSED:
            return _closed(case, at, Conclusion.ENDED_UNPAID)
        case PaymentState.FAILED:
            return _closed(case, at, Conclusion.NOTHING_PAID)
        case state if state in HAS_MONEY:  # paid before it could be ended: check it again, then refund
            row = replace(case, version=case.version + 1, state=State.OPENED, remedy=Remedy.NONE)
            return Change(row=row, at=at, who="system", looks=(Look(DRIVE, row.id, at),))
        case _:
            return Stay(case)


def wait(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Look again later: nothing could be decided yet."""
    if seen.case is None:
        raise Denied("case.unknown")
    if seen.case.state in (State.CLOSED, State.ATTENTION):
        return Stay(seen.case)
    return _again(seen.case, at)


def attend(why: str, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Hand a case to a person, because its remedy was denied by a rule."""
    if seen.case is None:
        raise Denied("case.unknown")
    if seen.case.state is not State.REMEDY:
        return Stay(seen.case)
    return _attention(seen.case, at, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person decides for a case that needs one: refund this much, or close it as noted."""

    refund: Money | None
    who: str


def decide(decision: Decision, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """A person chooses the remedy of a case that needs one.

    A refund that may still pay out is never replaced by another. Raises Denied: case.unknown, case.not_waiting,
    case.refund_open, case.amount.
    """
    case, payment, refund = seen.case, seen.payment, seen.refund
    if case is None or payment is None:
        raise Denied("case.unknown")
    if case.state is not State.ATTENTION:
        raise Denied("case.not_waiting", id=case.id, state=case.state)
    ended = (RefundState.REFUSED, RefundState.CANCELLED, RefundState.RETURNED)
    if refund is not None and _is_own(case, refund) and (refund.state not in ended or refund.incident):
        raise Denied("case.refund_open", refund=refund.id, state=refund.state)
    if decision.refund is None:
        return _closed(case, at, Conclusion.NOTED, who=decision.who)
    if not 0 < decision.refund.amount <= payment.rest.amount:
        raise Denied("case.amount", rest_fen=payment.rest.amount)
    whole = decision.refund.amount == payment.amount_fen
    remedy = Remedy.REFUND_ALL if whole else Remedy.REFUND_DIFFERENCE
    return _remedied(case, at, remedy, decision.refund.amount, who=decision.who)
