"""What a case is, and which remedy puts it right. What people decide about one is in `review.py`.

A case is a thread about one payment, from "something is wrong" to closed. It moves no money itself: it asks the
channel what really happened, keeps the answer as evidence, chooses the remedy from that answer, and has the payment
or a refund carry it out under ids taken from the case, so doing it again is doing the same.

    OPENED      reported; not checked live yet              REMEDY     the remedy is being carried out
    REVIEW      a person decides                            ATTENTION  the remedy is in trouble, a person must look
    SECOND      waits for a second person                   DECLINED   may be objected to
    NEEDS_INFO  the customer was asked for more             CLOSED     see `conclusion`
    OFFERED     a counter-offer is open

Whether the remedy is carried out at once or a person decides is told by a `Judge`: the verdict of the policy, handed
in. The way it takes is told by a `Guide`: `refunds.routes.route`, the one rule for that. Holder and deadline are set by
`clockwork.passed`, through which every Change goes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from yuanlu import ids
from yuanlu.cases.chain import Audience, CaseItemAdded, Item, linked
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.channels.contract import Channel, Facts, Outcome, Word
from yuanlu.errors import Busy, Denied
from yuanlu.facts import Fact
from yuanlu.lawbook.shelf import Book
from yuanlu.masking import Found, masked
from yuanlu.money import Money
from yuanlu.payments.rules import HAS_MONEY, OPEN, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Person, Purse, Staff, may
from yuanlu.policies import rules as policies
from yuanlu.policies.rules import Facts as PolicyFacts
from yuanlu.policies.rules import Policy, Table, Verdict
from yuanlu.policies.rules import Ruling as Ruled
from yuanlu.policies.table import default as default_policy
from yuanlu.policies.table import kept
from yuanlu.refunds.routes import Route, Way, route
from yuanlu.refunds.rules import Refund, RefundAsk
from yuanlu.refunds.rules import State as RefundState
from yuanlu.repayments import rules as repayments
from yuanlu.repayments.rules import Repayment

DRIVE = "cases.drive"
WAKE = "cases.drive.wake"
LATE_PAID = "cases.late_paid.wake"
"""Look whether a payment was paid after we gave it up, and open its case if nobody has."""
AGAIN = timedelta(seconds=5)
SLOW = timedelta(minutes=10)
TO_OBJECT = timedelta(days=15)
"""How long a decision may be objected to, where no law pack says otherwise."""
UNPAID = (Word.ENDED, Word.ABSENT, Word.REFUSED)
"""Clear answers of the live check that nothing is paid."""


class State(StrEnum):
    OPENED = "OPENED"
    REVIEW = "REVIEW"
    SECOND = "SECOND"
    NEEDS_INFO = "NEEDS_INFO"
    OFFERED = "OFFERED"
    REMEDY = "REMEDY"
    ATTENTION = "ATTENTION"
    DECLINED = "DECLINED"
    CLOSED = "CLOSED"


class What(StrEnum):
    """What went wrong, as the person who reports it says."""

    WRONG_AMOUNT = "wrong_amount"
    WRONG_CODE = "wrong_code"
    CHARGED_TWICE = "charged_twice"
    WRONG_CUSTOMER = "wrong_customer"
    WRONG_PAYEE = "wrong_payee"
    """It went to somebody else's code."""
    REQUEST = "request"
    """No mistake of the scan: the customer asks for a refund. A person decides, unless the policy does."""
    OTHER = "other"
    LATE_PAID = "late_paid"
    """Opened by itself: paid after we had given the payment up."""
    OUTSIDE_REFUND = "outside_refund"
    """Opened by itself: the channel paid a refund back that we never asked for."""
    CONTRADICTED = "contradicted"
    """Opened by itself: the channel says about the payment what our books cannot take in."""


DRIVEN = (State.OPENED, State.REMEDY)
"""What goes on by itself."""

CUSTOMER = "customer"
"""Who acts on the page of a receipt."""

BY_PEOPLE = (
    What.WRONG_AMOUNT,
    What.WRONG_CODE,
    What.CHARGED_TWICE,
    What.WRONG_CUSTOMER,
    What.WRONG_PAYEE,
    What.REQUEST,
    What.OTHER,
)


class Remedy(StrEnum):
    """What puts it right."""

    NONE = "none"
    CANCEL = "cancel"
    """Not paid yet: the payment is reversed (scanned) or closed (shown)."""
    REFUND_ALL = "refund_all"
    REFUND_DIFFERENCE = "refund_difference"
    REPAYMENT = "repayment"
    """The way it came is shut: two people pay to a named account."""


class Conclusion(StrEnum):
    """How a case ended."""

    OPEN = ""
    MONEY_BACK = "money_back"
    ENDED_UNPAID = "ended_unpaid"
    NOTHING_PAID = "nothing_paid"
    NOTHING_OWED = "nothing_owed"
    NOTED = "noted"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    """It was declined, and the time to object is over."""
    SETTLED_OTHERWISE = "settled_otherwise"
    """By a voucher or an exchange that the customer accepted."""


Judge = Callable[["CaseSeen", int, datetime], Verdict]
"""Tells the verdict about a report whose payment was checked, for so many fen that shall go back. Pure."""
Guide = Callable[["CaseSeen", datetime], Route]
"""Tells which way the money of a case goes back, and until when that is open. Pure: see `guided`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Row):
    """A case as it stands. `remedy_fen` is what shall go back; `attempt` counts its refunds.

    Of a decision: `verdict`, `policy`, `policy_line` (what the policy said), `decided_by`, `seconded_by`,
    `approved_fen`, `reason_code` (declined). `barred`: who may not decide it any more, by blanks. `stands_since`: the
    version with which it came into its state. `escalations`: where it went, as `place=status`, by blanks.
    """

    table = "cases"

    state: State
    payment_id: str
    what: What
    meant_fen: int | None
    fingerprint: str
    opened_at: datetime
    opened_by: str
    remedy: Remedy = Remedy.NONE
    remedy_fen: int = 0
    refund_id: str = ""
    repayment_id: str = ""
    """The repayment it waits for, or that paid it."""
    way: str = ""
    """How this remedy is carried out: `close`, `reverse`, `refund`, `offline`. Empty until it sets out."""
    attempt: int = 0
    looks: int = 0
    conclusion: Conclusion = Conclusion.OPEN
    note: str = ""
    """Why a person must look; it stays while a second person is waited for."""
    closed_at: datetime | None = None
    incident: str = ""
    store_id: str = ""
    cause: str = ""
    twin_id: str = ""
    """The other charge of one mistake, which stays if this one goes back (see `twins`)."""
    asked_fen: int | None = None
    holder: str = ""
    due_at: datetime | None = None
    due_what: str = ""
    due_steps: int = 0
    """How often its deadline went by since it came into its state."""
    promised_on: date | None = None
    """The day by which the money is promised to be on its way back."""
    promised_certain: bool = True
    """False: it lies in a year whose working days are not published yet."""
    promise_broken: bool = False
    """It was said openly that the promised day was not kept."""
    overdue_since: datetime | None = None
    """When what is overdue was due first."""
    warn_at: datetime | None = None
    """When a window that is about to shut is warned of next."""
    warned: str = ""
    """Of which windows was warned, and with which lead time (seconds): `name@end=lead`, by blanks."""
    stands_since: int = 1
    claimed_by: str = ""
    claimed_until: datetime | None = None
    policy: str = ""
    policy_line: str = ""
    verdict: str = ""
    approved_fen: int = 0
    decided_by: str = ""
    seconded_by: str = ""
    reason_code: str = ""
    object_until: datetime | None = None
    offer_kind: str = ""
    offer_fen: int = 0
    offer_until: datetime | None = None
    barred: str = ""
    fault: str = ""
    fault_by: str = ""
    escalations: str = ""
    legal_hold: bool = False
    chain: str = ""
    chain_length: int = 0
    said_id: str = ""
    """The message of the thread with the words it was reported with; empty where nothing was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Fact):
    """What was said with it is the first message of the thread."""

    payment_id: str
    what: str
    meant_fen: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseToReview(Fact):
    """A person decides; `line` is that of the policy which says so, `asked_fen` what shall go back."""

    verdict: str
    policy: str
    line: str
    asked_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDeclined(Fact):
    """`reason_code`: of `declines.toml`; `object_until`: until when one may object; `on_chain`: what was known."""

    reason_code: str
    policy: str
    line: str
    object_until: str
    on_chain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalLapsed(Fact):
    """Who had approved may not any more, and it was not carried out yet."""

    approver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CasePromised(Fact):
    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseUncertain(Fact):
    """The promised day lies in a year whose working days are not published yet."""

    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken(Fact):
    """The promised day is over, and the money is not back."""

    on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChecked(Fact):
    """The payment was checked live at the channel."""

    word: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyChosen(Fact):
    """`policy`, `line`: of the policy that ruled on it, if one did; `on_chain`: what was known."""

    remedy: str
    amount_fen: int
    refund_id: str
    policy: str = ""
    line: str = ""
    on_chain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemedyOvertaken(Fact):
    """It was paid before it could be ended, as the facts of `rests_on` tell: it is checked again, then sent back."""

    payment_state: str
    rests_on: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTaken(Fact):
    """The way that the remedy takes, why, and until when it is open (empty: no end is known)."""

    way: str
    route: str
    until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNeedsPerson(Fact):
    """`rests_on`: the refund or payment whose facts hold the channel's word; `on_chain`: what was known."""

    why: str
    rests_on: str = ""
    on_chain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClosed(Fact):
    """`rests_on`: the refund or payment whose facts hold the channel's word; `on_chain`: what was known."""

    conclusion: str
    amount_fen: int
    rests_on: str = ""
    on_chain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAsk:
    """A report. `meant`: what should have been charged (wrong amount only); `asked`: what shall go back (request).

    `said`: the reporter's own words, masked. Before it is decided about they become `words`, a message of the thread,
    and `said_mark`, their keyed hash: neither the case nor its facts hold them. `masked`: what was masked in them.
    """

    merchant_id: str
    id: str
    payment_id: str
    what: What
    who: str
    meant: Money | None = None
    said: str = field(default="", repr=False)
    asked: Money | None = None
    cause: str = ""
    words: Item | None = None
    said_mark: str = ""
    masked: tuple[Found, ...] = ()
    bringing: tuple[Item, ...] = ()
    """What brought the case about, where that is a thing of ours: it is the first in its chain."""

    def __post_init__(self) -> None:
        text, found = masked(self.said.strip())
        object.__setattr__(self, "said", text)
        object.__setattr__(self, "masked", tuple(dict.fromkeys((*self.masked, *found))))

    @property
    def fingerprint(self) -> str:
        """Hash of everything reported but the id; of the words, their keyed hash."""
        meant = "" if self.meant is None else f"{self.meant.amount} {self.meant.currency}"
        content: tuple[str, ...] = (self.payment_id, self.what, meant, self.said_mark)
        if self.asked is not None or self.cause:
            content += ("" if self.asked is None else f"{self.asked.amount} {self.asked.currency}", self.cause)
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A thing that is in a case: who may read it, and the words of a message, sealed."""

    audience: str
    said: str


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """What a case is decided on: itself, its payment, its refund of this attempt, another open case, its approvers.

    `refunds`: those of its payment that are its own or contradict our books; `repayments`: all of its payment.
    """

    case: Case | None
    payment: Payment | None
    refund: Refund | None = None
    other: str | None = None
    """Id of another open case about the same payment."""
    approvers: tuple[Staff, ...] = ()
    """The staff rows of whoever decided and confirmed it, as they stand."""
    near: tuple[Payment, ...] = ()
    """Its twin; when money is decided, all charges that may be of the same mistake."""
    cases: tuple[Case, ...] = ()
    """The other cases about its payment and those near it that are open, or by which something was given back."""
    policy: Policy | None = None
    """The version that was frozen onto the payment; None: the built-in one."""
    replies: tuple[datetime, ...] = ()
    """By when complaints about the payment must be answered."""
    item: KeptItem | None = None
    """The thing that shall enter it, where it is in it already."""
    refunds: tuple[Refund, ...] = ()
    repayments: tuple[Repayment, ...] = ()
    proof_digest: str = ""
    """Of the proof that its repayment was paid."""
    purse: Purse = field(default_factory=Purse)
    """What people may send back; read where money is decided."""


def guided(facts: Mapping[Channel, Facts], book: Book, seen: CaseSeen, at: datetime) -> Route:
    """The way for what a case is to put right."""
    assert seen.payment is not None
    is_repaying = any(each.state in repayments.OPEN for each in seen.repayments)
    return route(facts[seen.payment.channel], book, seen.payment, seen.refunds, at, is_repaying=is_repaying)


def by_policy(table: Table, seen: CaseSeen, back_fen: int, at: datetime, *, cause: str = "") -> Verdict:
    """The verdict of the policy that was frozen onto the payment. `cause`: the one found, where nobody reported one.

    What was charged twice and nobody reported waits for a person, unless the merchant's own policy says otherwise: two
    equal sales a minute apart are also just two sales. What a customer reported on their own page always does: nobody
    of the shop has looked at it yet, and whoever has a receipt could say that too much was charged.
    """
    assert seen.case is not None
    assert seen.payment is not None
    verdict = policies.decide(table, policy_facts(seen.case, seen.payment, back_fen, at, cause))
    if seen.case.opened_by == CUSTOMER and verdict.verdict is Ruled.APPROVE:
        return replace(verdict, verdict=Ruled.REVIEW)
    found_by_itself = seen.case.what is What.CHARGED_TWICE and seen.case.opened_by == "system"
    if found_by_itself and not table.policy and verdict.verdict is Ruled.APPROVE:
        return replace(verdict, verdict=Ruled.REVIEW)
    return verdict


def frozen(policy: Policy | None) -> Table:
    """The table of the version that was frozen onto a payment; None: the built-in one."""
    return default_policy() if policy is None else kept(policy.content, policy.id)


def policy_facts(case: Case, payment: Payment, back_fen: int, at: datetime, cause: str = "") -> PolicyFacts:
    """What a policy decides on, when so many fen shall go back. `cause`: as for `by_policy`."""
    age = at - (payment.paid_at or payment.opened_at)
    return PolicyFacts(
        amount_fen=back_fen,
        age_hours=max(age // timedelta(hours=1), 0),
        what=case.what.value,
        cause=case.cause or cause,
        channel=payment.channel.value,
        tender=payment.mode.value,
    )


def with_a_person(ruling: Judge, seen: CaseSeen, back_fen: int, at: datetime) -> Verdict:
    """The verdict of a ruling, but nothing is approved without a person."""
    verdict = ruling(seen, back_fen, at)
    return replace(verdict, verdict=Ruled.REVIEW) if verdict.verdict is Ruled.APPROVE else verdict


def built_in(seen: CaseSeen, back_fen: int, at: datetime) -> Verdict:
    """The verdict where a merchant has no policy of its own."""
    return by_policy(default_policy(), seen, back_fen, at)


def entered(change: Change[Case], *items: Item) -> Change[Case]:
    """The same change, with these things in it: each is a link of the chain, and its evidence is kept."""
    row, facts, kept = change.row, list(change.facts), list(change.evidence)
    for item in items:
        chain = linked(row.chain, item.kind, item.id, item.digest, change.at)
        row = replace(row, chain=chain, chain_length=row.chain_length + 1)
        facts.append(
            CaseItemAdded(
                item=item.id, item_kind=item.kind, digest=item.digest, chain=chain, audience=item.audience.value
            )
        )
        kept += [item.evidence] if item.evidence is not None else []
    return replace(change, row=row, facts=tuple(facts), evidence=tuple(kept))


def open_case(ask: CaseAsk, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Write a report down.

    Asking again with the same id and content gives the same case back. Raises Denied: case.id_taken,
    case.payment_unknown, case.meant_missing, case.meant_unexpected, case.meant_invalid, case.asked_unexpected,
    case.asked_invalid, case.already_open.
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
    _demand_asked(ask, payment)
    if seen.other is not None:
        raise Denied("case.already_open", case=seen.other)
    case = Case(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.CASE),
        state=State.OPENED,
        payment_id=payment.id,
        what=ask.what,
        meant_fen=None if ask.meant is None else ask.meant.amount,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.who,
        store_id=payment.store_id,
        asked_fen=None if ask.asked is None else ask.asked.amount,
        cause=ask.cause,
        said_id="" if ask.words is None else ask.words.id,
    )
    opened = CaseOpened(payment_id=payment.id, what=ask.what, meant_fen=case.meant_fen)
    change = Change(row=case, at=at, who=ask.who, facts=(opened,), looks=(Look(DRIVE, case.id, at),))
    return entered(change, *ask.bringing, *(() if ask.words is None else (ask.words,)))


def _demand_asked(ask: CaseAsk, payment: Payment) -> None:
    if ask.asked is None:
        return
    if ask.what is not What.REQUEST:
        raise Denied("case.asked_unexpected", what=ask.what)
    if ask.asked.currency != payment.currency or not 0 < ask.asked.amount <= payment.amount_fen:
        raise Denied("case.asked_invalid", amount_fen=payment.amount_fen)


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
    """The refund that carries the remedy out, in the name of whoever decided it."""
    return RefundAsk(
        merchant_id=case.merchant_id,
        id=case.refund_id,
        payment_id=case.payment_id,
        amount=Money(case.remedy_fen),
        who=case.decided_by or "system",
        reason=case.what,
        case_id=case.id,
    )


def choose(
    outcome: Outcome,
    seen: CaseSeen,
    at: datetime,
    *,
    guide: Guide,
    ruling: Judge = built_in,
    object_within: timedelta = TO_OBJECT,
) -> Change[Case] | Stay[Case]:
    """Choose the remedy, once the channel was asked live and the payment has learnt what it answered.

    Law: only a payment that has its money opens a refund; what is not certain is waited for, not guessed. What people
    reported is carried out, put before a person or declined as the ruling says.
    """
    case, payment = seen.case, seen.payment
    if case is None or payment is None:
        raise Denied("case.unknown")
    if case.state is not State.OPENED:
        return Stay(case)
    checked = (CaseChecked(word=outcome.word, code=outcome.code),)
    change = _chosen(case, payment, outcome, guide(seen, at), seen, at)
    if change.row.state is State.REMEDY and change.row.remedy is not Remedy.CANCEL and case.what in BY_PEOPLE:
        change = _ruled(change, seen, ruling(seen, change.row.remedy_fen, at), at, object_within)
    change = replace(change, facts=(*checked, *change.facts))
    told = outcome.evidence
    if told is None:
        return change
    return entered(change, Item(kind=told.kind, id=told.id, digest=told.digest, who="channel", evidence=told))


def _ruled(
    change: Change[Case], seen: CaseSeen, verdict: Verdict, at: datetime, object_within: timedelta
) -> Change[Case]:
    """The remedy as the policy has it: carried out, put before a person, or declined with the policy's line."""
    assert seen.case is not None
    back, word = change.row.remedy_fen, verdict.verdict.value
    if verdict.verdict is Ruled.APPROVE:
        row = replace(_with(seen.case, verdict), approved_fen=back, decided_by="system")
        return remedied(row, at, change.row.remedy, back)
    row = replace(_with(seen.case, verdict), asked_fen=back)
    if verdict.verdict is Ruled.DECLINE:
        return declined(replace(row, reason_code="policy"), at, "system", at + object_within)
    told = CaseToReview(verdict=word, policy=verdict.policy, line=str(verdict.line), asked_fen=back)
    return to_review(row, at, "system", told)


def _with(case: Case, verdict: Verdict) -> Case:
    return replace(case, verdict=verdict.verdict.value, policy=verdict.policy, policy_line=str(verdict.line))


def turned(case: Case, at: datetime, state: State, who: str, *facts: Fact) -> Change[Case]:
    """The case in this state. What was due of the state before is not due any more."""
    row = replace(case, version=case.version + 1, state=state, claimed_by="", claimed_until=None)
    look = Look(DRIVE, row.id, at if state in DRIVEN else None)
    return Change(row=row, at=at, who=who, facts=facts, looks=(look,))


def to_review(case: Case, at: datetime, who: str, *facts: Fact) -> Change[Case]:
    """Before a person: whatever was decided, claimed or offered before counts no more.

    The number and amount of a refund of before stay: that is how the case knows it as its own.
    """
    row = replace(
        case,
        approved_fen=0,
        decided_by="",
        seconded_by="",
        reason_code="",
        object_until=None,
        offer_kind="",
        offer_fen=0,
        offer_until=None,
        conclusion=Conclusion.OPEN,
        closed_at=None,
        note="",
        twin_id="",
    )
    return turned(row, at, State.REVIEW, who, *facts)


def declined(case: Case, at: datetime, who: str, until: datetime) -> Change[Case]:
    """Declined, for the reason in the row. It may be objected to until then."""
    told = CaseDeclined(
        reason_code=case.reason_code,
        policy=case.policy,
        line=case.policy_line,
        object_until=until.isoformat(),
        on_chain=case.chain,
    )
    row = replace(case, decided_by=who, object_until=until, offer_kind="", offer_fen=0, offer_until=None)
    return turned(row, at, State.DECLINED, who, told)


def _chosen(case: Case, payment: Payment, outcome: Outcome, road: Route, seen: CaseSeen, at: datetime) -> Change[Case]:
    match road.way:
        case Way.WAIT if road.why in ("incident", "repaying"):
            return _attention(case, at, _why(road, seen))
        case Way.CLOSE | Way.REVERSE:
            return remedied(case, at, Remedy.CANCEL, 0)
        case Way.NONE if payment.state not in HAS_MONEY and outcome.word in UNPAID:
            return closed(case, at, Conclusion.NOTHING_PAID)
        case _ if payment.state in OPEN:
            return remedied(case, at, Remedy.CANCEL, 0)  # its end is under way, or can only be waited for
        case _ if payment.state in HAS_MONEY and outcome.word is Word.SETTLED:
            return _refund_of(case, payment, at)
        case _ if payment.state in HAS_MONEY and outcome.word is Word.ENDED and not payment.rest.amount:
            return _refund_of(case, payment, at)  # all of it went back already: some channels call that closed
        case _:
            return _again(case, at)  # the live check was not answered clearly: ask again before anything is decided


def _why(road: Route, seen: CaseSeen) -> str:
    """Why a person must look: there is no way that the system may take by itself."""
    match road.why:
        case "too_late":
            return "too late for the way it came; two people repay it"
        case "no_parts_left":
            return "the channel takes no further part; two people repay it"
        case "no_rescue":
            return "it cannot reach the payer, and the channel has no other card"
        case "stranded":
            return "the money cannot reach the payer; two people choose another card"
        case "repaying":
            return "the payment is being repaid by another road"
        case "under_way":
            return "a refund is under way"
        case "incident":
            assert seen.payment is not None
            told = [seen.payment.incident, *(refund.incident for refund in seen.refunds)]
            return f"the channel contradicts our books: {next(filter(None, told))}"
        case _:
            return "nothing of it can go back any more"


WAYS: Mapping[Remedy, tuple[Way, ...]] = {
    Remedy.CANCEL: (Way.CLOSE, Way.REVERSE),
    Remedy.REFUND_ALL: (Way.REFUND, Way.CASH),
    Remedy.REFUND_DIFFERENCE: (Way.REFUND, Way.CASH),
}
"""Which ways carry a remedy out by themselves. Of a repayment people do."""


def set_out(guide: Guide, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Choose the way of a remedy, when it is about to be carried out: the window may have shut since it was decided.

    Law: a case sets out one way only, and on none that is shut. What is due is due before the way shuts.
    """
    case, payment = seen.case, seen.payment
    if case is None or payment is None:
        raise Denied("case.unknown")
    if case.state is not State.REMEDY or case.way or case.remedy not in WAYS or seen.refund is not None:
        return Stay(case)
    road = guide(_known(seen) if case.decided_by not in ("", "system") else seen, at)
    if road.way in WAYS[case.remedy]:
        due_at = case.due_at if road.until is None or case.due_at is None else min(case.due_at, road.until)
        row = replace(case, version=case.version + 1, way=road.way.value, due_at=due_at)
        until = "" if road.until is None else road.until.isoformat()
        told = RouteTaken(way=road.way, route=road.why, until=until)
        return Change(row=row, at=at, who="system", facts=(told,))
    if case.remedy is Remedy.CANCEL and road.why != "incident":
        return Stay(case)  # closing or reversing already, too late to, or it has its end: the payment says what comes
    return _attention(case, at, _why(road, seen))


def _known(seen: CaseSeen) -> CaseSeen:
    """As a person saw it who decided all the same: what contradicts our books is never taken back by the channel."""
    assert seen.payment is not None
    settled = tuple(replace(refund, incident="") for refund in seen.refunds)
    return replace(seen, payment=replace(seen.payment, incident=""), refunds=settled)


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
                return closed(case, at, Conclusion.NOTHING_OWED)
            if payment.back_fen:  # for this mistake, or for something else? only a person knows what is still owed
                return _attention(case, at, "part of it has already gone back")
            whole = difference == payment.amount_fen
            return remedied(case, at, Remedy.REFUND_ALL if whole else Remedy.REFUND_DIFFERENCE, difference)
        case _ if not rest:
            return closed(case, at, Conclusion.NOTHING_OWED)
        case What.REQUEST if case.asked_fen is not None and payment.state is not PaymentState.LATE_PAID:
            return remedied(case, at, refund_of(payment, min(case.asked_fen, rest)), min(case.asked_fen, rest))
        case _:
            return remedied(case, at, Remedy.REFUND_ALL, rest)


def refund_of(payment: Payment, amount_fen: int) -> Remedy:
    """The remedy that sends this much back."""
    return Remedy.REFUND_ALL if amount_fen == payment.amount_fen else Remedy.REFUND_DIFFERENCE


def remedied(
    case: Case, at: datetime, remedy: Remedy, amount_fen: int, who: str = "system", *, again: bool = False
) -> Change[Case]:
    """The remedy, chosen: from now on it is carried out.

    Law: whoever approves a refund has its number in the same Change. `again`: the refund of this attempt was never
    made, so its number is used.
    """
    attempt = case.attempt + (remedy is not Remedy.CANCEL and not again)
    row = replace(
        case,
        version=case.version + 1,
        state=State.REMEDY,
        remedy=remedy,
        remedy_fen=amount_fen,
        attempt=attempt,
        refund_id=refund_id(case, attempt) if remedy is not Remedy.CANCEL else "",
        way="",
        note="",
        conclusion=Conclusion.OPEN,
        closed_at=None,
        claimed_by="",
        claimed_until=None,
    )
    chosen = RemedyChosen(
        remedy=remedy,
        amount_fen=amount_fen,
        refund_id=row.refund_id,
        policy=case.policy,
        line=case.policy_line,
        on_chain=case.chain,
    )
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
    told = CaseNeedsPerson(why=why, rests_on=_rests_on(case), on_chain=case.chain)
    return Change(row=row, at=at, who="system", facts=(told,), looks=(Look(DRIVE, row.id, None),))


def _rests_on(case: Case) -> str:
    """Whose facts hold what was last heard: its repayment, its refund of this attempt, else the payment."""
    if case.remedy is Remedy.REPAYMENT:
        return case.repayment_id
    return case.refund_id or case.payment_id


def closed(case: Case, at: datetime, conclusion: Conclusion, amount_fen: int = 0, who: str = "system") -> Change[Case]:
    """The end of a case, until new evidence or the channel opens it again."""
    row = replace(
        case, version=case.version + 1, state=State.CLOSED, conclusion=conclusion, closed_at=at, note="",
        claimed_by="", claimed_until=None,
    )  # fmt: skip
    told = CaseClosed(conclusion=conclusion, amount_fen=amount_fen, rests_on=_rests_on(case), on_chain=case.chain)
    looks = [Look(DRIVE, row.id, None)]
    if conclusion in (Conclusion.NOTHING_PAID, Conclusion.ENDED_UNPAID):
        looks.append(Look(LATE_PAID, row.payment_id, at))  # it may have turned late paid while this case was deciding
    return Change(row=row, at=at, who=who, facts=(told,), looks=tuple(looks))


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
    if case.remedy is Remedy.REPAYMENT and case.state in (State.REMEDY, State.CLOSED):
        return _repaid(seen, case, at)
    if case.state is State.ATTENTION and (found := _offered(seen)) is not None:
        return _waits_for(case, found, at)
    if case.state is State.CLOSED:
        return _reopened(seen, case, at)
    if case.state is State.REMEDY and case.remedy is Remedy.CANCEL:
        return _cancelled(case, payment, at)
    if refund is None or case.state is State.OPENED:
        return _lapsed(seen, case, at)
    if case.state not in (State.REMEDY, State.ATTENTION):
        return _unsettled(case, refund, at)
    if _has_arrived(refund):
        return closed(case, at, Conclusion.MONEY_BACK, refund.amount_fen)
    why = _trouble(refund)
    known = case.state is State.ATTENTION and case.note == why
    return _attention(case, at, why) if why and not known else Stay(case)


def _offered(seen: CaseSeen) -> Repayment | None:
    """The repayment that people proposed for this case, if nothing else may still pay."""
    case, refund = seen.case, seen.refund
    if case is None or (refund is not None and (refund.state not in DEAD or refund.incident)):
        return None
    open_ones = (each for each in seen.repayments if each.state in repayments.OPEN and each.case_id == case.id)
    return next((each for each in open_ones if case.remedy_fen in (0, each.amount_fen)), None)


def _waits_for(case: Case, repayment: Repayment, at: datetime) -> Change[Case]:
    """From now on the case waits for this repayment, and takes no other way.

    The number and amount of a refund of before stay: that is how the case knows it as its own.
    """
    row = replace(
        case,
        version=case.version + 1,
        state=State.REMEDY,
        remedy=Remedy.REPAYMENT,
        remedy_fen=repayment.amount_fen,
        repayment_id=repayment.id,
        way=Way.OFFLINE.value,
        note="",
        claimed_by="",
        claimed_until=None,
    )
    chosen = RemedyChosen(remedy=Remedy.REPAYMENT, amount_fen=repayment.amount_fen, refund_id="", on_chain=case.chain)
    road = RouteTaken(way=Way.OFFLINE, route=repayment.because, until=repayment.expires_at.isoformat())
    return Change(row=row, at=at, who=repayment.opened_by, facts=(chosen, road), looks=(Look(DRIVE, row.id, None),))


_UNPAID = {
    repayments.State.REFUSED: "the repayment was refused",
    repayments.State.EXPIRED: "nobody agreed to the repayment in time",
}


def _repaid(seen: CaseSeen, case: Case, at: datetime) -> Change[Case] | Stay[Case]:
    """What became of the repayment a case waits for, or was closed with.

    Law: it pays one way only; should the channel say that a refund of before arrived after all, a person must look.
    """
    own = next((each for each in seen.repayments if each.id == case.repayment_id), None)
    refund = seen.refund
    both = refund is not None and (refund.state not in DEAD or refund.incident)
    if own is None or own.state in repayments.OPEN:
        return Stay(case)
    if own.state is not repayments.State.PAID:
        return _attention(case, at, _UNPAID[own.state]) if case.state is State.REMEDY else Stay(case)
    if case.state is State.REMEDY:
        change = closed(case, at, Conclusion.MONEY_BACK, own.amount_fen, who=own.paid_by)
        proof = Item(kind="person", id=own.proof, digest=seen.proof_digest, who=own.paid_by, audience=Audience.INTERNAL)
        return entered(change, proof)
    if not both or case.conclusion is not Conclusion.MONEY_BACK:
        return Stay(case)
    if seen.other is not None:
        raise Busy("case.already_open")
    return _attention(case, at, "repaid, and the refund of before may have arrived too")


def _lapsed(seen: CaseSeen, case: Case, at: datetime) -> Change[Case] | Stay[Case]:
    """Whether what was approved may be carried out: whoever approved it must still be there, and be allowed to."""
    if case.state is not State.REMEDY:
        return Stay(case)
    known = {staff.id: staff for staff in seen.approvers}
    for verb, who in (("approve", case.decided_by), ("confirm", case.seconded_by)):
        staff = known.get(who)
        if staff is None:
            continue
        is_here = staff.store_id in ("", case.store_id)
        if not (is_here and staff.is_active(at) and may(staff.role, verb)):
            return to_review(case, at, "system", ApprovalLapsed(approver=who))
    return Stay(case)


def _unsettled(case: Case, refund: Refund, at: datetime) -> Change[Case] | Stay[Case]:
    """While people talk, money of an earlier attempt got into trouble: that comes first."""
    late = refund.incident or refund.state in (RefundState.STRANDED, RefundState.MANUAL, RefundState.RETURNED)
    why = _trouble(refund)
    known = case.state is State.SECOND and case.note == why  # a first person decided just because of it
    return _attention(case, at, why) if late and not known else Stay(case)


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
            return closed(case, at, Conclusion.ENDED_UNPAID)
        case PaymentState.FAILED:
            return closed(case, at, Conclusion.NOTHING_PAID)
        case state if state in HAS_MONEY:  # paid before it could be ended: check it again, then refund
            row = replace(case, version=case.version + 1, state=State.OPENED, remedy=Remedy.NONE)
            told = RemedyOvertaken(payment_state=state, rests_on=payment.id)
            return Change(row=row, at=at, who="system", facts=(told,), looks=(Look(DRIVE, row.id, at),))
        case _:
            return Stay(case)


def wait(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Look again later: nothing could be decided yet."""
    if seen.case is None:
        raise Denied("case.unknown")
    if seen.case.state not in DRIVEN:
        return Stay(seen.case)
    return _again(seen.case, at)


def attend(why: str, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Hand a case to a person, because its remedy was denied by a rule."""
    if seen.case is None:
        raise Denied("case.unknown")
    if seen.case.state is not State.REMEDY:
        return Stay(seen.case)
    return _attention(seen.case, at, why)


DEAD = (RefundState.REFUSED, RefundState.CANCELLED, RefundState.RETURNED)
"""Refunds that pay out no more."""


def demand_refund_ended(seen: CaseSeen, ended: tuple[RefundState, ...]) -> None:
    """There is no second number while the first may still pay out.

    Raises Denied: case.refund_open.
    """
    case, refund = seen.case, seen.refund
    assert case is not None
    if refund is not None and _is_own(case, refund) and (refund.state not in ended or refund.incident):
        raise Denied("case.refund_open", refund=refund.id, state=refund.state)


def demand_no_repayment(seen: CaseSeen) -> None:
    """Nothing else is decided while a repayment of the payment is open, which may pay the same.

    Raises Denied: case.repayment_open.
    """
    for each in seen.repayments:
        if each.state in repayments.OPEN:
            raise Denied("case.repayment_open", repayment=each.id, state=each.state)


def demand_may_decide(case: Case, by: Person) -> None:
    """Whoever asked cannot approve, and whoever was objected to does not decide again.

    Raises Denied: case.own, case.barred.
    """
    if by.id == case.opened_by:
        raise Denied("case.own")
    if by.id in case.barred.split():
        raise Denied("case.barred")
