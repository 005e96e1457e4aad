"""What people decide about a case: claim, ask, approve, confirm, offer, decline, object, withdraw, reopen.

The table is total: a cell names the state an event leads to, `·` stays, and `!` is refused (`case.not_now`), nothing is
changed. Laws beside it:

- Whoever asked does not approve; of two who approve, the second is another person; who was objected to is barred.
- A decision carries the version it was made on. If the case has moved since, it is refused with how it stands now.
- An approval and its refund's number are one Change: there is no approved case without a refund.
- Every decision names a person and the head of the chain of what was in the case when it was made (`on_chain`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu.cases import clockwork, declines
from yuanlu.cases.chain import Item
from yuanlu.cases.rules import (
    BY_PEOPLE,
    DEAD,
    TO_OBJECT,
    Case,
    CaseSeen,
    Conclusion,
    State,
    closed,
    declined,
    demand_may_decide,
    demand_no_repayment,
    demand_refund_ended,
    entered,
    frozen,
    policy_facts,
    refund_of,
    remedied,
    to_review,
    turned,
)
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.machine import Turn, parse
from yuanlu.money import Money
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.people.rules import Person, Role, demand
from yuanlu.policies import rules as policies
from yuanlu.policies.rules import Ruling as Ruled
from yuanlu.refunds.rules import OPEN as OPEN_REFUNDS
from yuanlu.refunds.rules import State as RefundState

CLAIM_FOR = timedelta(minutes=30)
OFFER_MAX = timedelta(days=30)
OLD = timedelta(days=90)
"""A payment of so long ago takes two people."""
ENDED = tuple(state for state in RefundState if state not in OPEN_REFUNDS)


class Event(StrEnum):
    """What people do with a case; the table's columns."""

    CLAIM = "claim"
    RELEASE = "release"
    ASK = "ask"
    ANSWER = "answer"
    APPROVE = "approve"
    APPROVE_FIRST = "approve_first"
    CONFIRM = "confirm"
    SEND_BACK = "send_back"
    OFFER = "offer"
    ACCEPT = "accept"
    ACCEPT_FIRST = "accept_first"
    SETTLE = "settle"
    TURN_DOWN = "turn_down"
    DECLINE = "decline"
    OBJECT = "object"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    NOTE = "note"


TABLE = parse(
    State,
    tuple(Event),
    """
| | CLAIM | RELEASE | ASK | ANSWER | APPROVE | APPROVE_FIRST | CONFIRM | SEND_BACK | OFFER | ACCEPT | ACCEPT_FIRST | SETTLE | TURN_DOWN | DECLINE | OBJECT | WITHDRAW | REOPEN | NOTE |
| --- | --- |
| OPENED | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | CLOSED | ! | · |
| REVIEW | · | · | NEEDS_INFO | ! | REMEDY | SECOND | ! | ! | OFFERED | ! | ! | ! | ! | DECLINED | ! | CLOSED | ! | · |
| SECOND | · | · | ! | ! | ! | ! | REMEDY | REVIEW | ! | ! | ! | ! | ! | ! | ! | CLOSED | ! | · |
| NEEDS_INFO | ! | ! | ! | REVIEW | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | CLOSED | ! | · |
| OFFERED | ! | ! | ! | ! | ! | ! | ! | ! | ! | REMEDY | SECOND | CLOSED | REVIEW | ! | ! | CLOSED | ! | · |
| REMEDY | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | · |
| ATTENTION | · | · | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | · |
| DECLINED | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | REVIEW | CLOSED | ! | · |
| CLOSED | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | ! | REVIEW | · |
""",  # noqa: E501
)
"""APPROVE_FIRST and ACCEPT_FIRST: a second person must confirm. SETTLE: a voucher or exchange is accepted. NOTE: all
that only adds to a case (a message, a file, a judgement, an escalation, a legal hold)."""

ROADS: Mapping[tuple[State, str], State] = {
    (State.OPENED, "remedy"): State.REMEDY,
    (State.OPENED, "a person decides"): State.REVIEW,
    (State.OPENED, "the policy declines"): State.DECLINED,
    (State.OPENED, "a person must look"): State.ATTENTION,
    (State.OPENED, "nothing to do"): State.CLOSED,
    (State.REMEDY, "done"): State.CLOSED,
    (State.REMEDY, "trouble"): State.ATTENTION,
    (State.REMEDY, "paid meanwhile"): State.OPENED,
    (State.REMEDY, "the approval lapsed"): State.REVIEW,
    (State.ATTENTION, "decide"): State.REMEDY,
    (State.ATTENTION, "decide, first of two"): State.SECOND,
    (State.SECOND, "sent back to its trouble"): State.ATTENTION,
    (State.ATTENTION, "a repayment is proposed"): State.REMEDY,
    (State.ATTENTION, "note"): State.CLOSED,
    (State.NEEDS_INFO, "no answer in time"): State.REVIEW,
    (State.OFFERED, "not accepted in time"): State.REVIEW,
    (State.DECLINED, "no objection in time"): State.CLOSED,
    (State.CLOSED, "the channel takes it back"): State.ATTENTION,
}
"""What happens without a verb of review, for the picture."""


class OfferKind(StrEnum):
    PART = "part"
    VOUCHER = "voucher"
    EXCHANGE = "exchange"


class Place(StrEnum):
    """Where a case may be taken further."""

    CONSUMER_ASSOCIATION = "consumer_association"
    HOTLINE = "12315"
    PLATFORM = "platform"
    COUNSEL = "counsel"


class Status(StrEnum):
    """How far it is there."""

    PREPARED = "prepared"
    FILED = "filed"
    ANSWERED = "answered"
    CLOSED = "closed"


class Fault(StrEnum):
    """Whose fault a mistake was: a judgement, with a name to it."""

    PAYER = "payer"
    CASHIER = "cashier"
    SYSTEM = "system"
    NETWORK = "network"
    BANK = "bank"
    GOODS_DATA = "goods_data"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClaimed(Fact):
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReleased(Fact):
    """Nobody works at it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseInfoAsked(Fact):
    """The customer was asked for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAnswered(Fact):
    """The customer answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseUnanswered(Fact):
    """The customer did not answer in time; a person decides on what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseApproved(Fact):
    """`needs_second`: another person must confirm before anything is carried out."""

    amount_fen: int
    needs_second: bool
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseConfirmed(Fact):
    amount_fen: int
    approver: str
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSentBack(Fact):
    """The second person does not confirm."""

    approver: str
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseBackInTrouble(Fact):
    """The second person does not confirm what was decided of a case in trouble: somebody must look again."""

    approver: str
    why: str
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(Fact):
    offer: str
    amount_fen: int
    until: str
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferAccepted(Fact):
    offer: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTurnedDown(Fact):
    offer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferExpired(Fact):
    offer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseObjected(Fact):
    """`decided_by` does not decide it again."""

    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWithdrawn(Fact):
    """Whoever asked wants nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseReopened(Fact):
    conclusion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEscalated(Fact):
    place: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHoldSet(Fact):
    """Nothing of this case may be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHoldLifted(Fact):
    """The rules of keeping and forgetting count again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultJudged(Fact):
    fault: str
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who acts, on which version of the case, and what they say with it (messages, made and sealed)."""

    by: Person
    version: int
    items: tuple[Item, ...] = ()


Decided = Change[Case] | Stay[Case]


def _there(seen: CaseSeen) -> Case:
    if seen.case is None:
        raise Denied("case.unknown")
    return seen.case


def _stale(case: Case) -> Denied:
    return Denied(
        "case.stale",
        id=case.id,
        state=case.state.value,
        version=case.version,
        holder=case.holder,
        claimed_by=case.claimed_by,
        decided_by=case.decided_by,
        conclusion=case.conclusion.value,
    )


def allows(state: State, event: Event) -> bool:
    """Whether a case in this state takes this event."""
    return TABLE.turn(state, event) is not Turn.CLASH


def _demand_event(case: Case, event: Event) -> None:
    if not allows(case.state, event):
        raise Denied("case.not_now", id=case.id, state=case.state.value, verb=event.value)


def _decides(act: Act, verb: str, event: Event, seen: CaseSeen, at: datetime) -> Case:
    """The case, if this person may decide it now, on exactly what they saw.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, case.stale, case.not_now, case.claimed.
    """
    case = _there(seen)
    demand(act.by, verb, case.store_id)
    if act.version != case.version:
        raise _stale(case)
    _demand_event(case, event)
    _demand_free(case, act.by, at)
    return case


def _says(act: Act, verb: str, event: Event, seen: CaseSeen) -> Case:
    """The case, if the customer's side may do this: on the decision they saw, whatever was only added to it since.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, case.stale, case.not_now.
    """
    case = _there(seen)
    demand(act.by, verb, case.store_id)
    if not case.stands_since <= act.version <= case.version:
        raise _stale(case)
    _demand_event(case, event)
    return case


def is_claimed(case: Case, at: datetime) -> bool:
    """Whether somebody works at it: a claim ends by itself."""
    return bool(case.claimed_by) and case.claimed_until is not None and at < case.claimed_until


def claim(by: Person, seen: CaseSeen, at: datetime) -> Decided:
    """Take a case to work at, for a while; again takes it anew.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, case.not_now, case.claimed, case.own,
    case.barred, case.same_person.
    """
    case = _there(seen)
    demand(by, "claim", case.store_id)
    _demand_event(case, Event.CLAIM)
    _demand_free(case, by, at)
    demand_may_decide(case, by)
    _demand_other(case, by)
    row = replace(case, version=case.version + 1, claimed_by=by.id, claimed_until=at + CLAIM_FOR)
    return Change(row=row, at=at, who=by.id, facts=(CaseClaimed(until=(at + CLAIM_FOR).isoformat()),))


def release(by: Person, seen: CaseSeen, at: datetime) -> Decided:
    """Put a case back. An owner may put back what another took.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, case.not_now, case.claimed.
    """
    case = _there(seen)
    demand(by, "release", case.store_id)
    _demand_event(case, Event.RELEASE)
    if not case.claimed_by:
        return Stay(case)
    if is_claimed(case, at) and case.claimed_by != by.id and by.role is not Role.OWNER:
        raise Denied("case.claimed", by=case.claimed_by)
    row = replace(case, version=case.version + 1, claimed_by="", claimed_until=None)
    return Change(row=row, at=at, who=by.id, facts=(CaseReleased(),))


def ask(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """Ask the customer for more.

    Raises Denied: see `_decides`; case.words_missing.
    """
    case = _decides(act, "ask", Event.ASK, seen, at)
    _demand_words(act)
    change = turned(case, at, State.NEEDS_INFO, act.by.id, CaseInfoAsked())
    return entered(change, *act.items)


def answer(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """The customer answers: a person decides.

    Raises Denied: see `_says`; case.words_missing.
    """
    case = _says(act, "answer", Event.ANSWER, seen)
    _demand_words(act)
    return entered(to_review(case, at, act.by.id, CaseAnswered()), *act.items)


def approve(act: Act, amount: Money | None, seen: CaseSeen, at: datetime) -> Decided:
    """Send the whole back, or this part. Where the policy or the tier wants two people, the first of them.

    Raises Denied: see `_decides`; case.own, case.barred, case.amount, case.refund_open.
    """
    case = _decides(act, "approve", Event.APPROVE, seen, at)
    demand_refund_ended(seen, ENDED)
    rest_fen = _paid(seen).rest.amount
    whole = rest_fen if case.asked_fen is None else min(case.asked_fen, rest_fen)
    return _approved(act, case, whole if amount is None else amount.amount, seen, at)


def decide(by: Person, refund: Money | None, seen: CaseSeen, at: datetime) -> Decided:
    """What becomes of a case whose remedy is in trouble: refund this much, or (None) close it as noted.

    A refund takes what every approval takes (see `approve`): a name, the policy, the tier, a second person. One that
    may still pay out is never replaced by another. Raises Denied: case.unknown, case.not_waiting, case.claimed,
    case.refund_open, case.repayment_open, case.amount, case.own, case.barred, staff.not_allowed, staff.other_store.
    """
    case = _there(seen)
    demand(by, "attend", case.store_id)
    if refund is not None:
        demand(by, "approve", case.store_id)
    if case.state is not State.ATTENTION:
        raise Denied("case.not_waiting", id=case.id, state=case.state)
    _demand_free(case, by, at)
    demand_refund_ended(seen, DEAD)
    demand_no_repayment(seen)
    if refund is None:
        return closed(case, at, Conclusion.NOTED, who=by.id)
    return _approved(Act(by=by, version=case.version), case, refund.amount, seen, at)


def confirm(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """Second of two people: it is carried out.

    Raises Denied: see `_decides`; case.own, case.barred, case.same_person, case.amount, case.refund_open,
    staff.over_limit, staff.over_day.
    """
    case = _decides(act, "confirm", Event.CONFIRM, seen, at)
    demand_may_decide(case, act.by)
    _demand_other(case, act.by)
    demand_refund_ended(seen, ENDED)
    _demand_amount(_paid(seen), case.approved_fen)
    first = _approver(seen, case)
    if first is None or not seen.purse.covers(first, case.approved_fen):
        seen.purse.demand(act.by, case.approved_fen, at)
    seen.purse.demand_day(act.by, case.approved_fen, at)
    told = CaseConfirmed(amount_fen=case.approved_fen, approver=case.decided_by, on_chain=case.chain)
    return _carried_out(act, replace(case, seconded_by=act.by.id), case.approved_fen, seen, at, told, by=act.by)


def send_back(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """Second of two people does not confirm: a person decides again, in ATTENTION if it came from there.

    Raises Denied: see `_decides`; case.words_missing.
    """
    case = _decides(act, "send_back", Event.SEND_BACK, seen, at)
    _demand_words(act)
    if not case.note:
        told = CaseSentBack(approver=case.decided_by, on_chain=case.chain)
        return entered(to_review(case, at, act.by.id, told), *act.items)
    again = CaseBackInTrouble(approver=case.decided_by, why=case.note, on_chain=case.chain)
    row = replace(case, approved_fen=0, decided_by="")
    return entered(turned(row, at, State.ATTENTION, act.by.id, again), *act.items)


def offer(act: Act, kind: OfferKind, amount: Money, until: datetime, seen: CaseSeen, at: datetime) -> Decided:
    """Offer something else: a part, a voucher, an exchange, open until a time.

    Raises Denied: see `_decides`; case.own, case.barred, case.words_missing, case.amount, case.offer_until.
    """
    case = _decides(act, "offer", Event.OFFER, seen, at)
    demand_may_decide(case, act.by)
    _demand_words(act)
    if kind is OfferKind.PART:
        _demand_amount(_paid(seen), amount.amount)
    elif amount.amount < 0:
        raise Denied("case.amount", rest_fen=_paid(seen).rest.amount)
    if not at < until <= at + OFFER_MAX:
        raise Denied("case.offer_until", days=OFFER_MAX.days)
    told = OfferMade(offer=kind.value, amount_fen=amount.amount, until=until.isoformat(), on_chain=case.chain)
    row = replace(case, offer_kind=kind.value, offer_fen=amount.amount, offer_until=until, decided_by=act.by.id)
    change = turned(row, at, State.OFFERED, act.by.id, told)
    return entered(change, *act.items)


def accept(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """The customer accepts the offer.

    Raises Denied: see `_says`; case.offer_over, case.amount, case.refund_open.
    """
    case = _says(act, "accept", Event.ACCEPT, seen)
    if case.offer_until is None or at >= case.offer_until:
        raise Denied("case.offer_over")
    told = OfferAccepted(offer=case.offer_kind, amount_fen=case.offer_fen)
    if case.offer_kind != OfferKind.PART:
        change = closed(case, at, Conclusion.SETTLED_OTHERWISE, case.offer_fen, who=act.by.id)
        return entered(replace(change, facts=(told, *change.facts)), *act.items)
    maker = _approver(seen, case)
    demand_refund_ended(seen, ENDED)
    _demand_amount(_paid(seen), case.offer_fen)
    if maker is None or _needs_second(seen, maker, case.offer_fen, at):
        change = turned(replace(case, approved_fen=case.offer_fen), at, State.SECOND, act.by.id, told)
        return entered(change, *act.items)
    return _carried_out(act, replace(case, approved_fen=case.offer_fen), case.offer_fen, seen, at, told, by=maker)


def turn_down(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """The customer does not accept the offer: a person decides.

    Raises Denied: see `_says`.
    """
    case = _says(act, "turn_down", Event.TURN_DOWN, seen)
    return entered(to_review(case, at, act.by.id, OfferTurnedDown(offer=case.offer_kind)), *act.items)


def decline(
    act: Act, reason_code: str, seen: CaseSeen, at: datetime, *, object_within: timedelta = TO_OBJECT
) -> Decided:
    """Decline, for a reason of the fixed set, with words for the customer. It may be objected to.

    Raises Denied: see `_decides`; case.own, case.barred, case.reason_unknown, case.words_missing.
    """
    case = _decides(act, "decline", Event.DECLINE, seen, at)
    demand_may_decide(case, act.by)
    if reason_code not in declines.reasons():
        raise Denied("case.reason_unknown", known=sorted(declines.reasons()))
    _demand_words(act)
    change = declined(replace(case, reason_code=reason_code), at, act.by.id, at + object_within)
    return entered(change, *act.items)


def object_to(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """The customer objects to a decision, once: another person decides.

    Raises Denied: see `_says`; case.objection_over, case.words_missing.
    """
    case = _says(act, "object", Event.OBJECT, seen)
    if case.object_until is None or at >= case.object_until:
        raise Denied("case.objection_over")
    _demand_words(act)
    told = CaseObjected(decided_by=case.decided_by)
    people = [] if case.decided_by == "system" else [case.decided_by]
    barred = " ".join(dict.fromkeys([*case.barred.split(), *people]))
    change = to_review(replace(case, barred=barred), at, act.by.id, told)
    return entered(change, *act.items)


def withdraw(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """Whoever asked wants nothing any more. What opened by itself is not theirs to withdraw.

    Raises Denied: see `_says`; case.not_asked.
    """
    case = _says(act, "withdraw", Event.WITHDRAW, seen)
    if case.what not in BY_PEOPLE:
        raise Denied("case.not_asked")
    change = closed(case, at, Conclusion.WITHDRAWN, who=act.by.id)
    return entered(replace(change, facts=(CaseWithdrawn(), *change.facts)), *act.items)


def reopen(act: Act, seen: CaseSeen, at: datetime) -> Decided:
    """Take a closed case up again, on new evidence: what it is stands in the words.

    Raises Denied: see `_decides`; case.words_missing, case.already_open.
    """
    case = _decides(act, "reopen", Event.REOPEN, seen, at)
    _demand_words(act)
    if seen.other is not None:
        raise Denied("case.already_open", case=seen.other)
    return entered(to_review(case, at, act.by.id, CaseReopened(conclusion=case.conclusion.value)), *act.items)


def escalate(act: Act, place: Place, status: Status, seen: CaseSeen, at: datetime) -> Decided:
    """Write down that it is taken further, and how far it is there.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store.
    """
    case = _there(seen)
    demand(act.by, "escalate", case.store_id)
    been = escalations_of(case)
    if been.get(place) == status and not act.items:
        return Stay(case)
    been = {**been, place: status}
    text = " ".join(f"{one.value}={been[one].value}" for one in Place if one in been)
    row = replace(case, version=case.version + 1, escalations=text)
    told = CaseEscalated(place=place.value, status=status.value)
    return entered(Change(row=row, at=at, who=act.by.id, facts=(told,)), *act.items)


def escalations_of(case: Case) -> Mapping[Place, Status]:
    """Where a case was taken, and how far it is there."""
    pairs = (each.partition("=") for each in case.escalations.split())
    return {Place(place): Status(status) for place, _, status in pairs}


def hold(act: Act, *, on: bool, seen: CaseSeen, at: datetime) -> Decided:
    """Set or lift the legal hold: while it is on, nothing of the case may be deleted.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, case.words_missing.
    """
    case = _there(seen)
    demand(act.by, "hold", case.store_id)
    if case.legal_hold is on:
        return Stay(case)
    _demand_words(act)
    row = replace(case, version=case.version + 1, legal_hold=on)
    told = LegalHoldSet() if on else LegalHoldLifted()
    return entered(Change(row=row, at=at, who=act.by.id, facts=(told,)), *act.items)


def judge(act: Act, fault: Fault, seen: CaseSeen, at: datetime) -> Decided:
    """Say whose fault it was, with a name to it and why.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, case.words_missing.
    """
    case = _there(seen)
    demand(act.by, "judge", case.store_id)
    if (case.fault, case.fault_by) == (fault.value, act.by.id) and not act.items:
        return Stay(case)
    _demand_words(act)
    row = replace(case, version=case.version + 1, fault=fault.value, fault_by=act.by.id)
    told = FaultJudged(fault=fault.value, on_chain=case.chain)
    return entered(Change(row=row, at=at, who=act.by.id, facts=(told,)), *act.items)


def add(item: Item, case: Case | None, at: datetime, *, known: bool) -> Decided:
    """Let something enter a case, whatever its state; what is in it already does not enter again.

    Raises Denied: case.unknown.
    """
    if case is None:
        raise Denied("case.unknown")
    if known:
        return Stay(case)
    row = replace(case, version=case.version + 1)
    return entered(Change(row=row, at=at, who=item.who), item)


def tick(work: clockwork.Clockwork, seen: CaseSeen, at: datetime) -> Decided:
    """What it means that a deadline went by, or that a warning is due. Law: no time decides about money.

    Raises Denied: case.unknown.
    """
    case = _there(seen)
    if not clockwork.is_due(case, at):
        if not clockwork.is_to_look(case, at):
            return Stay(case)
        return Change(row=replace(case, version=case.version + 1), at=at, who="system")  # `passed` says what there is
    match case.state:
        case State.OFFERED:
            return to_review(case, at, "system", OfferExpired(offer=case.offer_kind))
        case State.NEEDS_INFO:
            return to_review(case, at, "system", CaseUnanswered())
        case State.DECLINED:
            return closed(case, at, Conclusion.DECLINED)
        case _:
            return clockwork.overdue(case, at, work)


def _approved(act: Act, case: Case, amount_fen: int, seen: CaseSeen, at: datetime) -> Change[Case]:
    """The one rule by which a person sends money back, from wherever it is decided: alone, or as the first of two.

    Raises Denied: case.own, case.barred, case.amount.
    """
    payment = _paid(seen)
    demand_may_decide(case, act.by)
    _demand_amount(payment, amount_fen)
    needs_second = _needs_second(seen, act.by, amount_fen, at)
    told = CaseApproved(amount_fen=amount_fen, needs_second=needs_second, on_chain=case.chain)
    row = replace(case, approved_fen=amount_fen, decided_by=act.by.id, seconded_by="")
    if not needs_second:
        return _carried_out(act, row, amount_fen, seen, at, told, by=act.by)
    change = turned(row, at, State.SECOND, act.by.id, told)
    return entered(change, *act.items)


def _carried_out(
    act: Act, row: Case, amount_fen: int, seen: CaseSeen, at: datetime, told: Fact, *, by: Person
) -> Change[Case]:
    """The remedy, in the same Change as the decision, and out of the day of whose word it is."""
    again = bool(row.refund_id) and seen.refund is None
    change = remedied(row, at, refund_of(_paid(seen), amount_fen), amount_fen, who=act.by.id, again=again)
    spend = seen.purse.spend(by, amount_fen, at)
    return entered(replace(change, facts=(told, *change.facts), spend=spend), *act.items)


def _needs_second(seen: CaseSeen, by: Person, amount_fen: int, at: datetime) -> bool:
    """Whether the policy, the amount, their day or the age of the payment wants a second person.

    The frozen policy is asked again for this very amount: it ruled on what was asked, and of many a case in trouble
    it never ruled at all.
    """
    case, payment = _there(seen), _paid(seen)
    is_old = payment.paid_at is not None and at - payment.paid_at > OLD
    ruled = policies.decide(frozen(seen.policy), policy_facts(case, payment, amount_fen, at)).verdict
    return Ruled.SECOND in (case.verdict, ruled) or is_old or not seen.purse.is_within(by, amount_fen, at)


def _approver(seen: CaseSeen, case: Case) -> Person | None:
    """Who decided (or made the offer), as they stand now."""
    return next((staff.person for staff in seen.approvers if staff.id == case.decided_by), None)


def _paid(seen: CaseSeen) -> Payment:
    """Its payment. Raises Denied: case.amount where it has no money to send back."""
    if seen.payment is None:
        raise Denied("case.unknown")
    if seen.payment.state not in HAS_MONEY:
        raise Denied("case.amount", rest_fen=0)
    return seen.payment


def _demand_amount(payment: Payment, amount_fen: int) -> None:
    if not 0 < amount_fen <= payment.rest.amount:
        raise Denied("case.amount", rest_fen=payment.rest.amount)


def _demand_free(case: Case, by: Person, at: datetime) -> None:
    if is_claimed(case, at) and case.claimed_by != by.id:
        raise Denied("case.claimed", by=case.claimed_by)


def _demand_other(case: Case, by: Person) -> None:
    if case.state is State.SECOND and by.id == case.decided_by:
        raise Denied("case.same_person")


def _demand_words(act: Act) -> None:
    if not act.items:
        raise Denied("case.words_missing")
