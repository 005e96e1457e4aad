"""What a repayment may become: money that goes back to a named account, because its own road is shut.

The road it came is the rule; this is the exception. It opens only while the channel's own facts or a refused refund say
that the road is shut, it takes two people and a proof, and it draws on the payment like a refund: never more goes back
than was paid, by whichever roads. The account is sealed under the repayment's own key, which is deleted when its
purpose ends: nobody reads it again, the books stay.

    PROPOSED   one person has asked; the money is held     APPROVED   another one agreed: it may be paid by hand
    PAID       paid, with proof                            REFUSED    not paid: the money is the merchant's again
    EXPIRED    nobody agreed in time

What is APPROVED does not end by a timer: it may have been paid already, and only a person knows. It is told overdue.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Draw, Look, Row, Stay
from yuanlu.channels.contract import Channel, Evidence, Facts
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import HELD, OWED, REPAID, Move
from yuanlu.money import Money
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.people.rules import Person, Role, demand
from yuanlu.refunds import rules as refunds
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.windows import parts_left, refund_shuts_at

DRIVE = "repayments.drive"
PROPOSED_FOR = timedelta(days=7)
"""How long a proposal waits for its second person."""
PAY_WITHIN = timedelta(days=3)
"""After this an approved repayment that nobody has paid or refused is told overdue."""
HELD_LOOK = timedelta(days=1)
KEEP_AFTER_END = timedelta(days=30)
"""How long the account stays readable after the end: a transfer that bounces comes back within days."""
KEEP_MAX = timedelta(days=90)
"""And never longer than this after it was given."""


class State(StrEnum):
    PROPOSED = "PROPOSED"
    APPROVED = "APPROVED"
    PAID = "PAID"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


OPEN = (State.PROPOSED, State.APPROVED)
PLACE = {
    State.PROPOSED: HELD,
    State.APPROVED: HELD,
    State.PAID: REPAID,
    State.REFUSED: OWED,
    State.EXPIRED: OWED,
}
"""In which account its money is, by state. OWED: with the merchant, and no part of the payment is drawn."""


class Because(StrEnum):
    """Why the original road is shut."""

    WINDOW_OVER = "window_over"
    NO_PARTS_LEFT = "no_parts_left"
    REFUND_REFUSED = "refund_refused"


SHUT_BY = (refunds.State.REFUSED, refunds.State.RETURNED)
"""States of a refund that say that the payer cannot be reached the way the money came."""


class Refusal(StrEnum):
    """Why it will not be paid."""

    WITHDRAWN = "withdrawn"
    WRONG_ACCOUNT = "wrong_account"
    ROAD_OPEN = "road_open"
    OTHER = "other"


class Match(StrEnum):
    """How the payer's name and the account's agree."""

    EXACT = "exact"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repayment(Row):
    """A repayment as it stands. `account` is sealed; `account_mark` a keyed hash of it."""

    table = "repayments"

    state: State
    payment_id: str
    case_id: str
    refund_id: str
    channel: Channel
    amount_fen: int
    currency: str
    because: Because
    match: Match
    account: str
    account_tail: str
    fingerprint: str
    opened_at: datetime
    opened_by: str
    expires_at: datetime
    """When a proposal ends, or an approved one is overdue."""
    forget_at: datetime
    """When the account is made unreadable."""
    approved_at: datetime | None = None
    approved_by: str = ""
    paid_at: datetime | None = None
    paid_by: str = ""
    proof: str = ""
    """Id of the evidence that it was paid."""
    ended_at: datetime | None = None
    is_overdue: bool = False
    is_forgotten: bool = False

    @property
    def amount(self) -> Money:
        return Money(self.amount_fen, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentProposed(Fact):
    payment_id: str
    amount_fen: int
    because: str
    match: str
    account_tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentApproved(Fact):
    proposed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentAccountRead(Fact):
    account_tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentPaid(Fact):
    amount_fen: int
    proof: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentRefused(Fact):
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentExpired(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentOverdue(Fact):
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentAccountForgotten(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RepaymentAsk:
    """A wish to repay to a named account. `account` is sealed, `account_mark` a keyed hash of its content."""

    merchant_id: str
    id: str
    payment_id: str
    amount: Money
    because: Because
    match: Match
    account: str
    account_tail: str
    account_mark: str
    who: str
    role: str = "machine"
    refund_id: str = ""
    case_id: str = ""

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content = (
            self.payment_id, str(self.amount.amount), self.amount.currency, self.because, self.refund_id, self.case_id,
            self.account_mark,
        )  # fmt: skip
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseBeside:
    """The open case about a payment, as its repayment sees it. There is one at most."""

    id: str
    opened_by: str
    is_waiting: bool
    """A person must look at it: it may take another road."""
    owes_fen: int
    """What shall go back, as it was decided; 0 while nobody has."""
    repayment_id: str = ""
    """The repayment that it waits for."""


@dataclass(frozen=True, slots=True)
class RepaymentSeen:
    """What a repayment is decided on: itself, its payment, all refunds of that, and the open case about it."""

    repayment: Repayment | None
    payment: Payment | None
    refunds: Sequence[Refund] = ()
    case: CaseBeside | None = None


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same once width, case, spaces and the dots inside names are set aside."""
    first, second = _plain(one), _plain(other)
    return bool(first) and first == second


def _plain(name: str) -> str:
    wide = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in wide if not each.isspace() and each not in "·•・.．'’-")


def match_of(payer_name: str, account_name: str, statement: str) -> Match:
    """How payer and account agree: by name, or by what a person states.

    Raises Denied: repayment.name_differs.
    """
    if same_name(payer_name, account_name):
        return Match.EXACT
    if not statement.strip():
        raise Denied("repayment.name_differs")
    return Match.STATEMENT


def demand_shut(
    facts: Mapping[Channel, Facts], because: Because, refund_id: str, seen: RepaymentSeen, at: datetime
) -> None:
    """That the money cannot go back the way it came, and that no refund may still pay it out.

    Raises Denied: repayment.refund_open, repayment.road_open.
    """
    assert seen.payment is not None
    if any(refund.state in refunds.OPEN or refund.incident for refund in seen.refunds):
        raise Denied("repayment.refund_open", payment=seen.payment.id)
    bound = facts[seen.payment.channel]
    is_shut = {
        Because.WINDOW_OVER: at > refund_shuts_at(bound, seen.payment),
        Because.NO_PARTS_LEFT: parts_left(bound, seen.payment) == 0,
        Because.REFUND_REFUSED: any(one.id == refund_id and one.state in SHUT_BY for one in seen.refunds),
    }
    if not is_shut[because]:
        raise Denied("repayment.road_open", payment=seen.payment.id)


def demand_case(ask: RepaymentAsk, case: CaseBeside | None) -> None:
    """That a payment with an open case is repaid for that case alone, while it waits for people, and as it decided.

    Raises Denied: repayment.case_unknown, repayment.case_open, repayment.case_not_waiting, repayment.case_amount.
    """
    if case is None:
        if ask.case_id:
            raise Denied("repayment.case_unknown", id=ask.case_id)
        return
    if ask.case_id != case.id:
        raise Denied("repayment.case_open", case=case.id)
    if not case.is_waiting:
        raise Denied("repayment.case_not_waiting", case=case.id)
    if case.owes_fen and ask.amount.amount != case.owes_fen:
        raise Denied("repayment.case_amount", amount_fen=case.owes_fen)


def demand_waited_for(row: Repayment, who: str, case: CaseBeside | None) -> None:
    """That an open case about the payment waits for this repayment and takes no other way; and is not who agrees' own.

    Law: a case that waits for a repayment does nothing else until that has ended.
    Raises Denied: repayment.case_open, repayment.case_not_waiting, case.own.
    """
    if case is not None and case.id != row.case_id:
        raise Denied("repayment.case_open", case=case.id)
    if row.case_id and (case is None or case.repayment_id != row.id):
        raise Denied("repayment.case_not_waiting", case=row.case_id)
    if case is not None and case.opened_by == who:
        raise Denied("case.own")


def propose(
    facts: Mapping[Channel, Facts], ask: RepaymentAsk, seen: RepaymentSeen, at: datetime
) -> Change[Repayment] | Stay[Repayment]:
    """First of two people: write a repayment down and hold its money.

    Asking again with the same id and content gives the same repayment back. Raises Denied: repayment.id_taken,
    staff.not_allowed, repayment.payment_unknown, repayment.not_paid, repayment.amount, repayment.over_limit,
    repayment.refund_open, repayment.road_open; see `demand_case`.
    """
    if seen.repayment is not None:
        if seen.repayment.fingerprint != ask.fingerprint:
            raise Denied("repayment.id_taken", id=ask.id)
        return Stay(seen.repayment)
    demand(Person(ask.who, Role(ask.role)), "repay")
    payment = seen.payment
    if payment is None:
        raise Denied("repayment.payment_unknown", id=ask.payment_id)
    if payment.state not in HAS_MONEY:
        raise Denied("repayment.not_paid", id=payment.id)
    if ask.amount.currency != payment.currency or ask.amount.amount <= 0:
        raise Denied("repayment.amount")
    demand_case(ask, seen.case)
    demand_shut(facts, ask.because, ask.refund_id, seen, at)
    rest = min([payment.rest, *(refund.amount for refund in seen.refunds if refund.id == ask.refund_id)])
    if ask.amount > rest:
        raise Denied("repayment.over_limit", rest_fen=rest.amount)
    if not ask.account:
        raise Denied("repayment.account")
    row = Repayment(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.REPAYMENT),
        state=State.PROPOSED,
        payment_id=payment.id,
        case_id=ask.case_id,
        refund_id=ask.refund_id,
        channel=payment.channel,
        amount_fen=ask.amount.amount,
        currency=payment.currency,
        because=ask.because,
        match=ask.match,
        account=ask.account,
        account_tail=ask.account_tail,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.who,
        expires_at=at + PROPOSED_FOR,
        forget_at=at + KEEP_MAX,
    )
    told = RepaymentProposed(
        payment_id=payment.id,
        amount_fen=row.amount_fen,
        because=row.because,
        match=row.match,
        account_tail=row.account_tail,
    )
    return Change(
        row=row,
        at=at,
        who=ask.who,
        draw=Draw(payment.id, row.amount),
        moves=(Move(OWED, HELD, row.amount),),
        facts=(told,),
        looks=(Look(DRIVE, row.id, row.expires_at),),
    )


def approve(
    facts: Mapping[Channel, Facts], who: str, role: str, seen: RepaymentSeen, at: datetime
) -> Change[Repayment] | Stay[Repayment]:
    """Second of two people: it may be paid. The road is looked at once more, and so is the case.

    Raises Denied: repayment.unknown, staff.not_allowed, repayment.same_person, repayment.not_waiting,
    repayment.refund_open, repayment.road_open; see `demand_waited_for`.
    """
    row = _there(seen)
    demand(Person(who, Role(role)), "pay_out")
    if row.state is State.APPROVED and row.approved_by == who:
        return Stay(row)
    if row.state is not State.PROPOSED:
        raise Denied("repayment.not_waiting", id=row.id, state=row.state)
    if row.opened_by == who:
        raise Denied("repayment.same_person")
    demand_waited_for(row, who, seen.case)
    demand_shut(facts, row.because, row.refund_id, seen, at)
    told = RepaymentApproved(proposed_by=row.opened_by)
    return _to(row, State.APPROVED, at, who, told, approved_at=at, approved_by=who, expires_at=at + PAY_WITHIN)


def read_account(who: str, role: str, seen: RepaymentSeen, at: datetime) -> Change[Repayment]:
    """Somebody reads the account, to pay to it: written down before it is opened.

    Raises Denied: repayment.unknown, staff.not_allowed, repayment.not_approved, repayment.forgotten.
    """
    row = _there(seen)
    demand(Person(who, Role(role)), "pay_out")
    if row.is_forgotten:
        raise Denied("repayment.forgotten", id=row.id)
    if row.state is not State.APPROVED:
        raise Denied("repayment.not_approved", id=row.id, state=row.state)
    told = RepaymentAccountRead(account_tail=row.account_tail)
    return Change(row=replace(row, version=row.version + 1), at=at, who=who, facts=(told,))


def pay(who: str, role: str, proof: Evidence, seen: RepaymentSeen, at: datetime) -> Change[Repayment] | Stay[Repayment]:
    """It was paid, with proof (the bank's receipt).

    Law: what a person has paid is written down, whatever became of the road meanwhile: refusing it would lose it.
    Raises Denied: repayment.unknown, staff.not_allowed, repayment.proof, repayment.not_approved.
    """
    row = _there(seen)
    demand(Person(who, Role(role)), "pay_out")
    if not proof.digest:
        raise Denied("repayment.proof")
    if row.state is State.PAID and row.proof == proof.id:
        return Stay(row)
    if row.state is not State.APPROVED:
        raise Denied("repayment.not_approved", id=row.id, state=row.state)
    told = RepaymentPaid(amount_fen=row.amount_fen, proof=proof.id, digest=proof.digest)
    change = _to(row, State.PAID, at, who, told, paid_at=at, paid_by=who, proof=proof.id)
    return replace(change, evidence=(proof,))


def refuse(
    who: str, role: str, because: Refusal, seen: RepaymentSeen, at: datetime
) -> Change[Repayment] | Stay[Repayment]:
    """It will not be paid, and was not: the money is the merchant's again.

    Raises Denied: repayment.unknown, staff.not_allowed, repayment.ended.
    """
    row = _there(seen)
    demand(Person(who, Role(role)), "repay")
    if row.state is State.REFUSED:
        return Stay(row)
    if row.state not in OPEN:
        raise Denied("repayment.ended", id=row.id, state=row.state)
    return _to(row, State.REFUSED, at, who, RepaymentRefused(why=because))


def next_step(seen: RepaymentSeen, at: datetime) -> Change[Repayment] | Stay[Repayment]:
    """What time brings: a proposal ends, an approved one is overdue. Forgetting is the flow's (`is_to_forget`).

    Raises Denied: repayment.unknown.
    """
    row = _there(seen)
    if row.state is State.PROPOSED and at >= row.expires_at:
        return _to(row, State.EXPIRED, at, "system", RepaymentExpired())
    if row.state is State.APPROVED and at >= row.expires_at and not row.is_overdue:
        return _to(row, State.APPROVED, at, "system", RepaymentOverdue(amount_fen=row.amount_fen), is_overdue=True)
    return Stay(row)


def is_to_forget(row: Repayment, at: datetime) -> bool:
    """Whether the account has served its purpose."""
    return not row.is_forgotten and at >= row.forget_at


def kept_longer(seen: RepaymentSeen, at: datetime) -> Change[Repayment] | Stay[Repayment]:
    """A legal hold keeps the account: whether it is lifted is looked at again.

    Raises Denied: repayment.unknown.
    """
    row = _there(seen)
    if not is_to_forget(row, at):
        return Stay(row)
    later = replace(row, version=row.version + 1, forget_at=at + HELD_LOOK)
    return Change(row=later, at=at, who="system", looks=(Look(DRIVE, row.id, _next_look(later)),))


def forgotten(seen: RepaymentSeen, at: datetime) -> Change[Repayment] | Stay[Repayment]:
    """The account's key is deleted: write that down, and drop the sealed text.

    Raises Denied: repayment.unknown.
    """
    row = _there(seen)
    if row.is_forgotten:
        return Stay(row)
    return _to(row, row.state, at, "system", RepaymentAccountForgotten(), is_forgotten=True, account="")


def _there(seen: RepaymentSeen) -> Repayment:
    if seen.repayment is None:
        raise Denied("repayment.unknown")
    return seen.repayment


def _to(row: Repayment, state: State, at: datetime, who: str, fact: Fact, **given: object) -> Change[Repayment]:
    """Go to a state, with the posting and the draw that follow from where the money was and now is."""
    was, now = PLACE[row.state], PLACE[state]
    after = replace(row, version=row.version + 1, state=state, **given)  # type: ignore[arg-type]
    if state not in OPEN and row.state in OPEN:
        after = replace(after, ended_at=at, forget_at=min(row.forget_at, at + KEEP_AFTER_END))
    if state in (State.REFUSED, State.EXPIRED):
        after = replace(after, forget_at=min(after.forget_at, at))  # it has no purpose any more
    return Change(
        row=after,
        at=at,
        who=who,
        draw=Draw(row.payment_id, -row.amount) if now == OWED and was != OWED else None,
        moves=(Move(was, now, row.amount),) if was != now else (),
        facts=(fact,),
        looks=(Look(DRIVE, row.id, _next_look(after)),),
    )


def _next_look(row: Repayment) -> datetime | None:
    """When time brings something next; None: nothing any more."""
    waits = [] if row.is_forgotten else [row.forget_at]
    if row.state is State.PROPOSED or (row.state is State.APPROVED and not row.is_overdue):
        waits.append(row.expires_at)
    return min(waits, default=None)
