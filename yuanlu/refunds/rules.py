"""What a refund may become, where its money is meanwhile, and what we do next.

One number for life: a refund is made with its id, the id is its number at the channel, and sending twice under one
number pays once. What is unclear is asked about, never sent under a new number and never ended by a timer.

    RESERVED     its money is held; it may still be cancelled       WAITING      the channel said "not now"
    READY        free to be sent                                    SENT         sent; not certain yet
    DONE         the channel says the payer has it                  PROVEN       a second, independent word agrees
    REFUSED      a clear, final no: the money is the merchant's     CANCELLED    taken back before it was sent
    STRANDED     it left the merchant, it cannot reach the payer    REDIRECTING  sent on to another card of the payer
    RECALLING    sent back to the merchant's card                   RETURNED     the merchant has it; still owed
    SUPERSEDED   a new refund took its place                        MANUAL       no clear word for too long
    EXTERNAL     seen at the channel, never made by us

Where the money is follows from the state alone (`PLACE`), so every change of state posts what it must: no
transition can forget a move or a draw. `docs/reference/words.md` maps the 23 rows of the reference to this table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from yuanlu import ids
from yuanlu.amounts.lines import added, back, of_text, pieces_of, pieces_text
from yuanlu.change import Change, Draw, Look, Row, Stay
from yuanlu.channels.contract import (
    Channel,
    Evidence,
    Facts,
    News,
    Operation,
    Outcome,
    QueryRefund,
    Reason,
    Rescue,
    RescueTo,
    SendRefund,
    Word,
)
from yuanlu.errors import Broken, Denied
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import HELD, OWED, SUSPENSE, Move, cash, due
from yuanlu.machine import Turn, parse
from yuanlu.masking import kept
from yuanlu.money import Money
from yuanlu.payments.cash import person_said
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.people.rules import Person, Purse, demand
from yuanlu.refunds.windows import parts_left, refund_shuts_at

DRIVE = "refunds.drive"
UNCLEAR_MAX = timedelta(hours=24)
"""After this long without a clear word a person is asked too; the channel goes on being asked."""
SLOW = timedelta(hours=1)
LOOK_IN_CASH = timedelta(days=1)
"""How often a refund in cash is looked at that nobody has paid out yet."""
PROVE_AFTER = timedelta(hours=24)
"""When a refund that is DONE is asked about once more: final is never sealed against the channel's own word."""


class State(StrEnum):
    RESERVED = "RESERVED"
    READY = "READY"
    SENT = "SENT"
    WAITING = "WAITING"
    DONE = "DONE"
    PROVEN = "PROVEN"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"
    STRANDED = "STRANDED"
    REDIRECTING = "REDIRECTING"
    RECALLING = "RECALLING"
    RETURNED = "RETURNED"
    SUPERSEDED = "SUPERSEDED"
    MANUAL = "MANUAL"
    EXTERNAL = "EXTERNAL"


HEARD = (Word.SETTLED, Word.PENDING, Word.DEFERRED, Word.UNKNOWN, Word.ABSENT, Word.REFUSED, Word.STRANDED)

TABLE = parse(
    State,
    HEARD,
    """
    |                              | SETTLED  | PENDING | DEFERRED | UNKNOWN | ABSENT | REFUSED  | STRANDED |
    | ---------------------------- | -------- | ------- | -------- | ------- | ------ | -------- | -------- |
    | RESERVED, READY              | !        | !       | ·        | ·       | ·      | !        | !        |
    | SENT                         | DONE     | ·       | WAITING  | ·       | READY  | REFUSED  | STRANDED |
    | WAITING                      | DONE     | SENT    | ·        | ·       | ·      | REFUSED  | STRANDED |
    | MANUAL                       | DONE     | ·       | ·        | ·       | ·      | REFUSED  | STRANDED |
    | STRANDED                     | DONE     | ·       | ·        | ·       | !      | REFUSED  | ·        |
    | REDIRECTING                  | DONE     | ·       | ·        | ·       | !      | STRANDED | STRANDED |
    | RECALLING                    | RETURNED | ·       | ·        | ·       | !      | STRANDED | STRANDED |
    | DONE                         | PROVEN   | ·       | ·        | ·       | !      | !        | STRANDED |
    | PROVEN                       | ·        | ·       | ·        | ·       | !      | !        | STRANDED |
    | EXTERNAL                     | PROVEN   | ·       | ·        | ·       | !      | !        | STRANDED |
    | REFUSED                      | !        | !       | ·        | ·       | ·      | ·        | !        |
    | CANCELLED                    | !        | !       | ·        | ·       | ·      | ·        | !        |
    | RETURNED, SUPERSEDED         | ·        | ·       | ·        | ·       | !      | ·        | !        |
    """,
)

COMMANDS: Mapping[tuple[State, str], State] = {
    (State.RESERVED, "release"): State.READY,
    (State.RESERVED, "cancel"): State.CANCELLED,
    (State.READY, "cancel"): State.CANCELLED,
    (State.READY, "send"): State.SENT,
    (State.RESERVED, "pay out in cash"): State.DONE,
    (State.READY, "pay out in cash"): State.DONE,
    (State.WAITING, "try again"): State.READY,
    (State.SENT, "unclear too long"): State.MANUAL,
    (State.MANUAL, "resolve as done"): State.DONE,
    (State.MANUAL, "resolve as refused"): State.REFUSED,
    (State.MANUAL, "resolve as ready"): State.READY,
    (State.STRANDED, "rescue"): State.REDIRECTING,
    (State.STRANDED, "recall"): State.RECALLING,
    (State.RETURNED, "supersede"): State.SUPERSEDED,
}
"""What we decide ourselves; for the picture."""


def _placed(out: str) -> dict[State, str]:
    held, stranded, back = HELD, SUSPENSE, OWED
    return {
        State.RESERVED: held,
        State.READY: held,
        State.SENT: held,
        State.WAITING: held,
        State.MANUAL: held,
        State.DONE: out,
        State.PROVEN: out,
        State.EXTERNAL: out,
        State.STRANDED: stranded,
        State.REDIRECTING: stranded,
        State.RECALLING: stranded,
        State.REFUSED: back,
        State.CANCELLED: back,
        State.RETURNED: back,
        State.SUPERSEDED: back,
    }


PLACE: Mapping[Channel, Mapping[State, str]] = {
    channel: _placed("cash" if channel is Channel.CASH else due(channel)) for channel in Channel
}
"""In which account a refund's money is, by state. OWED: with the merchant, and no part of the payment is drawn."""


def place(refund: Refund, state: State) -> str:
    """Where its money is in this state; that of cash that was paid out left the drawer it was paid from."""
    found = PLACE[refund.channel][state]
    if found != "cash":
        return found
    if not refund.till_id:
        raise Broken(f"{refund.id} is {state}, and no drawer paid it")
    return cash(refund.till_id)


OPEN = tuple(state for state, place in PLACE[Channel.WECHAT].items() if place in (HELD, SUSPENSE))
DRIVEN = (
    State.RESERVED,
    State.READY,
    State.SENT,
    State.WAITING,
    State.MANUAL,
    State.STRANDED,
    State.REDIRECTING,
    State.RECALLING,
    State.DONE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Row):
    """A refund as it stands."""

    table = "refunds"

    state: State
    payment_id: str
    case_id: str
    channel: Channel
    amount_fen: int
    total_fen: int
    """The payment's whole amount: channels want it said with every refund."""
    currency: str
    reason: str
    fingerprint: str
    opened_at: datetime
    opened_by: str
    release_at: datetime
    """Not sent before this: the undo window, the channel's gap, or the next try after "not now"."""
    sent_at: datetime | None = None
    sent_times: int = 0
    asked_at: datetime | None = None
    absent_at: datetime | None = None
    unclear_since: datetime | None = None
    looks: int = 0
    waits: int = 0
    last_word: str = ""
    code: str = ""
    waiting_for: str = ""
    """Who or what holds it: gap, channel, cashier, funds_short, too_many_calls, people; empty when it has an end."""
    channel_number: str = ""
    received_into: str = ""
    done_at: datetime | None = None
    done_by: str = ""
    """Which source said DONE first; another one makes it PROVEN."""
    ended_at: datetime | None = None
    proposed_by: str = ""
    proposal: str = ""
    recalled: bool = False
    """Its money was sent towards the merchant's card, and that was not the end: "settled" no longer says who has it."""
    incident: str = ""
    figures: str = ""
    """What the channel says about who gets how much of it (`Figures.text`)."""
    lines: str = ""
    """Which pieces it is for (`amounts.lines`), if it was asked for by line."""
    line_turn: int = 0
    """Which refund by line of its payment it is: one after the other, so no piece goes back twice."""
    till_id: str = ""
    """Cash: from which drawer it was paid."""

    @property
    def amount(self) -> Money:
        return Money(self.amount_fen, self.currency)

    @property
    def total(self) -> Money:
        return Money(self.total_fen, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChecked(Fact):
    """Its payment was checked live at the channel before it was asked for (S54)."""

    word: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(Fact):
    amount_fen: int
    payment_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReleased(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCancelled(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSent(Fact):
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAccepted(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundUnclear(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundWaits(Fact):
    reason: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundNotThere(Fact):
    """The channel has no such number (asked twice, apart): it may be sent again, under the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundDone(Fact):
    amount_fen: int
    channel_number: str
    received_into: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CashPaidOut(Fact):
    """Somebody counted it into the customer's hand."""

    amount_fen: int
    till_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundProven(Fact):
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRefused(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundStranded(Fact):
    code: str
    was: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRescueProposed(Fact):
    to: str
    card_tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRedirected(Fact):
    to: str
    card_tail: str
    proposed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReturned(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSuperseded(Fact):
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundUnclearTooLong(Fact):
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResolutionProposed(Fact):
    end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundResolved(Fact):
    end: str
    proposed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFoundOutside(Fact):
    amount_fen: int
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundContradicted(Fact):
    word: str
    code: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundAsk:
    """A wish to send money back."""

    merchant_id: str
    id: str
    payment_id: str
    amount: Money
    who: str
    reason: str = ""
    case_id: str = ""
    undo_within: timedelta = timedelta()
    """How long it may still be cancelled before it is sent."""
    lines: tuple[tuple[str, int], ...] = ()
    """Pieces by line; the amount then follows from them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", kept(self.reason))

    by: Person | None = None
    """Who asks, where it is not the step of a case: it then counts towards what they may send back."""

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content: tuple[str, ...] = (
            self.payment_id,
            str(self.amount.amount),
            self.amount.currency,
            self.reason,
            self.case_id,
        )
        if self.lines:
            content += (pieces_text(dict(self.lines)),)
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RefundSeen:
    """What a refund is decided on: itself, its payment, and when a sibling last left."""

    refund: Refund | None
    payment: Payment | None
    sibling_sent_at: datetime | None = None
    by_line: tuple[Refund, ...] = ()
    """The payment's refunds by line; read only where a refund is asked for by line."""
    purse: Purse = field(default_factory=Purse)
    """What people may send back; read where one of them asks."""


NOT_RETURNED = ("REFUSED", "CANCELLED", "RETURNED", "SUPERSEDED")
"""States in which a refund's pieces are not with the payer's money: they may go back by another."""


def _by_lines(ask: RefundAsk, seen: RefundSeen, payment: Payment) -> RefundAsk:
    """The wish with the amount that follows from its pieces and from those that went back before."""
    returned = added([pieces_of(each.lines) for each in seen.by_line if each.state not in NOT_RETURNED])
    fen = back(of_text(payment.lines), payment.amount_fen, returned, dict(ask.lines))
    return replace(ask, amount=Money(fen, payment.currency))


def open_refund(
    facts: Mapping[Channel, Facts], ask: RefundAsk, seen: RefundSeen, at: datetime, *, checked: Outcome | None = None
) -> Change[Refund] | Stay[Refund]:
    """Write a refund down and hold its money.

    Asking again with the same id and content gives the same refund back. `checked`: what the channel said of the
    payment just before; it is kept with the refund. (That of a case is kept with the case.) Raises Denied:
    refund.id_taken, refund.payment_unknown, refund.not_paid, refund.contradicted, refund.amount, refund.currency,
    refund.over_limit, refund.too_late, refund.too_many_parts; lines.none, lines.unknown, lines.over;
    staff.not_allowed, staff.other_store, staff.over_limit, staff.over_day.
    """
    if seen.refund is not None:
        if seen.refund.fingerprint != ask.fingerprint:
            raise Denied("refund.id_taken", id=ask.id)
        return Stay(seen.refund)
    payment = seen.payment
    if payment is None:
        raise Denied("refund.payment_unknown", id=ask.payment_id)
    if payment.state not in HAS_MONEY:
        raise Denied("refund.not_paid", id=payment.id, state=payment.state)
    if checked is not None and checked.word is not Word.SETTLED:
        raise Denied("refund.contradicted", id=payment.id, word=checked.word, channel=payment.channel)
    fingerprint = ask.fingerprint
    if ask.lines:
        ask = _by_lines(ask, seen, payment)
    if ask.amount.currency != payment.currency:
        raise Denied("refund.currency", currency=ask.amount.currency)
    if ask.amount.amount <= 0:
        raise Denied("refund.amount", min_fen=1)
    if ask.amount > payment.rest:
        raise Denied("refund.over_limit", rest_fen=payment.rest.amount)
    spend = None
    if ask.by is not None:
        demand(ask.by, "refund", payment.store_id)
        seen.purse.demand(ask.by, ask.amount.amount, at)
        spend = seen.purse.spend(ask.by, ask.amount.amount, at)
    bound = facts[payment.channel]
    if at > refund_shuts_at(bound, payment):
        raise Denied("refund.too_late", channel=payment.channel, days=bound.refund_open_for.days)
    if parts_left(bound, payment) == 0:
        raise Denied("refund.too_many_parts", channel=payment.channel, parts_max=bound.refund_parts_max)
    refund = Refund(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.REFUND),
        state=State.RESERVED,
        payment_id=payment.id,
        case_id=ask.case_id,
        channel=payment.channel,
        amount_fen=ask.amount.amount,
        total_fen=payment.amount_fen,
        currency=payment.currency,
        reason=ask.reason,
        fingerprint=fingerprint,
        opened_at=at,
        opened_by=ask.who,
        release_at=at + ask.undo_within,
        lines=pieces_text(dict(ask.lines)),
        line_turn=max((each.line_turn for each in seen.by_line), default=0) + 1 if ask.lines else 0,
    )
    requested = RefundRequested(amount_fen=refund.amount_fen, payment_id=payment.id, reason=ask.reason)
    told: tuple[Fact, ...] = () if checked is None else (PaymentChecked(word=checked.word, code=checked.code),)
    return Change(
        row=refund,
        at=at,
        who=ask.who,
        draw=Draw(payment.id, refund.amount),
        spend=spend,
        moves=(Move(OWED, HELD, refund.amount),),
        facts=(*told, requested),
        looks=(Look(DRIVE, refund.id, refund.release_at),),
        evidence=() if checked is None or checked.evidence is None else (checked.evidence,),
    )


def next_step(facts: Mapping[Channel, Facts], seen: RefundSeen, at: datetime) -> Change[Refund] | Stay[Refund]:
    """What to do about a refund now: release it, send it, ask about it, or nothing yet.

    Law: it is SENT before anything leaves, so a crash in between is an unclear refund, never a second one.
    Raises Denied: refund.unknown.
    """
    refund = seen.refund
    if refund is None:
        raise Denied("refund.unknown")
    if refund.channel is Channel.CASH and refund.state not in (State.RESERVED, State.READY):
        return Stay(refund)  # there is nobody to ask
    bound = facts[refund.channel]
    match refund.state:
        case State.RESERVED | State.READY | State.WAITING if refund.incident:
            return Stay(refund)  # nothing is sent while the channel contradicts our books
        case State.RESERVED | State.WAITING if at < refund.release_at:
            return Stay(refund)
        case State.RESERVED:
            return _to(refund, State.READY, at, "system", (RefundReleased(),), look=at, waiting_for="")
        case State.WAITING:
            return _to(refund, State.READY, at, "system", (RefundReleased(),), look=at, waiting_for="")
        case State.READY if refund.channel is Channel.CASH:
            if refund.waiting_for == "cashier" and at < refund.release_at:
                return Stay(refund)
            again_at = at + LOOK_IN_CASH
            return _to(refund, State.READY, at, "system", (), look=again_at, waiting_for="cashier", release_at=again_at)
        case State.READY:
            free_at = refund.opened_at if seen.sibling_sent_at is None else seen.sibling_sent_at + bound.refund_gap
            if at < free_at:
                if refund.waiting_for == "gap" and refund.release_at == free_at:
                    return Stay(refund)
                return _to(refund, State.READY, at, "system", (), look=free_at, waiting_for="gap", release_at=free_at)
            return _sent(bound, refund, at)
        case State.SENT if _overdue(refund, at):
            since = (refund.unclear_since or at).isoformat()
            return _to(
                refund, State.MANUAL, at, "system", (RefundUnclearTooLong(since=since),), look=at, waiting_for="people"
            )
        case state if state in DRIVEN:
            return Stay(refund, query(refund))
        case _:
            return Stay(refund)


def _overdue(refund: Refund, at: datetime) -> bool:
    return refund.unclear_since is not None and at > refund.unclear_since + UNCLEAR_MAX


def _sent(bound: Facts, refund: Refund, at: datetime) -> Change[Refund]:
    change = _to(
        refund,
        State.SENT,
        at,
        "system",
        (RefundSent(times=refund.sent_times + 1),),
        look=at + bound.refund_query_after,
        waiting_for="channel",
        sent_at=at,
        sent_times=refund.sent_times + 1,
        absent_at=None,
        unclear_since=None,
        last_word="",
    )
    step = SendRefund(
        merchant_id=refund.merchant_id,
        channel=refund.channel,
        payment_id=refund.payment_id,
        amount=refund.total,
        refund_id=refund.id,
        back=refund.amount,
        reason=refund.reason,
    )
    return replace(change, step=step)


def query(refund: Refund) -> QueryRefund:
    """The step that asks what became of a refund."""
    return QueryRefund(
        merchant_id=refund.merchant_id,
        channel=refund.channel,
        payment_id=refund.payment_id,
        amount=refund.total,
        refund_id=refund.id,
        back=refund.amount,
    )


def _to(
    refund: Refund,
    state: State,
    at: datetime,
    who: str,
    facts: tuple[Fact, ...],
    *,
    look: datetime | None,
    evidence: Evidence | None = None,
    **fields: object,
) -> Change[Refund]:
    """Go to a state, with the posting and the draw that follow from where the money was and now is."""
    row = replace(refund, version=refund.version + 1, state=state, **fields)  # type: ignore[arg-type]
    was, now = place(refund, refund.state), place(row, state)
    drawn = (now != OWED) - (was != OWED)
    if row.state not in OPEN:
        row = replace(row, waiting_for="")
    return Change(
        row=row,
        at=at,
        who=who,
        draw=Draw(refund.payment_id, Money(drawn * refund.amount_fen, refund.currency)) if drawn else None,
        moves=(Move(was, now, refund.amount),) if was != now else (),
        facts=facts,
        looks=(Look(DRIVE, refund.id, look),),
        evidence=(evidence,) if evidence else (),
    )


def hear(
    facts: Mapping[Channel, Facts], outcome: Outcome, refund: Refund | None, at: datetime
) -> Change[Refund] | Stay[Refund]:
    """The one door for news about a refund: reply, callback and query all come through here.

    Raises Denied: refund.unknown.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if outcome.word not in HEARD:
        raise Broken(f"{outcome.word} is no word about a refund")
    if outcome.word is Word.SETTLED and outcome.amount is not None and outcome.amount != refund.amount:
        return _clash(refund, outcome, at, f"amount {outcome.amount.amount}, not {refund.amount_fen}")
    bound = facts[refund.channel]
    # What waits to be sent once more was sent before: the word may be about that. It counts by rank, as if SENT.
    sent_before = refund.state is State.READY and refund.sent_times
    turn = TABLE.turn(State.SENT if sent_before else refund.state, outcome.word)
    if turn in (Turn.CLASH, State.STRANDED) and _is_overtaken(refund, outcome):
        return Stay(refund)
    if turn is Turn.CLASH:
        return _clash(refund, outcome, at, f"{outcome.word} heard when {refund.state}")
    if turn is State.DONE and refund.recalled:
        return _clash(refund, outcome, at, "settled after a recall: the payer or the merchant may have it")
    if turn is State.READY and refund.state is State.SENT and not _twice(refund, bound, at):
        return _noted(bound, replace(refund, absent_at=refund.absent_at or at), outcome, at)
    if turn is State.PROVEN and _source(outcome) == refund.done_by:
        return _noted(bound, refund, outcome, at)
    if not isinstance(turn, State) or turn is refund.state:
        return _noted(bound, refund, outcome, at)
    return _turned(bound, refund, turn, outcome, at)


def _is_overtaken(refund: Refund, outcome: Outcome) -> bool:
    """Whether a word is older than what we know: "no such number" from before it was there, "running" from before it
    ended, or the first stranding told once more while the money is already on its way elsewhere: there only the
    channel's fresh answer decides."""
    if outcome.word in (Word.ABSENT, Word.PENDING):
        return outcome.set_out_before(refund.asked_at)
    if outcome.word is Word.STRANDED and _was_sent_on(refund):
        return _is_notice(outcome) or outcome.set_out_before(refund.asked_at)
    return False


def _was_sent_on(refund: Refund) -> bool:
    """Whether it was stranded once and is on another way, or has ended there."""
    on_the_way = (State.REDIRECTING, State.RECALLING, State.RETURNED, State.SUPERSEDED)
    return refund.state in on_the_way or (refund.state is State.DONE and '"rescue"' in refund.proposal)


def _twice(refund: Refund, bound: Facts, at: datetime) -> bool:
    """Whether ABSENT was heard before, long enough ago: one such answer may have overtaken the request itself."""
    return refund.absent_at is not None and at >= refund.absent_at + bound.absent_gap


def _is_notice(outcome: Outcome) -> bool:
    return outcome.evidence is not None and outcome.evidence.kind == "notice"


def _source(outcome: Outcome) -> str:
    """Which door a word came through: an answer to an operation, or a notice."""
    if outcome.evidence is None:
        return ""
    return f"{outcome.evidence.kind}:{outcome.evidence.operation}"


def _turned(bound: Facts, refund: Refund, state: State, outcome: Outcome, at: datetime) -> Change[Refund]:
    fields: dict[str, object] = {
        "last_word": outcome.word,
        "code": outcome.code,
        "asked_at": at,
        "absent_at": None,
        "unclear_since": None,
        "channel_number": outcome.channel_number or refund.channel_number,
        "received_into": outcome.received_into or refund.received_into,
        "figures": outcome.figures.text if outcome.figures else refund.figures,
    }
    look: datetime | None = None
    fact: Fact
    match state:
        case State.DONE:
            fact = RefundDone(
                amount_fen=refund.amount_fen,
                channel_number=str(fields["channel_number"]),
                received_into=str(fields["received_into"]),
            )
            fields |= {"done_at": outcome.at or at, "done_by": _source(outcome), "ended_at": at}
            look = at + PROVE_AFTER
        case State.PROVEN:
            fact = RefundProven(by=_source(outcome))
        case State.REFUSED:
            fact = RefundRefused(code=outcome.code)
            fields["ended_at"] = at
        case State.STRANDED:
            fact = RefundStranded(code=outcome.code, was=refund.state)
            fields |= {"waiting_for": "people", "proposed_by": "", "proposal": ""}
            fields |= {"done_at": None, "done_by": "", "ended_at": None}
            fields["recalled"] = refund.recalled or _may_still_be_recalled(refund, outcome)
            look = at + SLOW
        case State.RETURNED:
            fact = RefundReturned()
            fields["ended_at"] = at
        case State.WAITING:
            pause = bound.refund_retry_gaps[min(refund.waits, len(bound.refund_retry_gaps) - 1)]
            reason = outcome.reason or Reason.BUSY
            fact = RefundWaits(reason=reason, code=outcome.code)
            look = at + pause
            fields |= {"waiting_for": reason, "release_at": look, "waits": refund.waits + 1}
        case State.SENT:
            fact = RefundAccepted(code=outcome.code)
            fields["waiting_for"] = "channel"
            look = at + bound.refund_query_gaps[0]
        case State.READY:
            fact = RefundNotThere()
            look = at
        case _:
            raise Broken(f"nothing heard turns a refund to {state}")
    return _to(refund, state, at, "channel", (fact,), look=look, evidence=outcome.evidence, **fields)


def _may_still_be_recalled(refund: Refund, outcome: Outcome) -> bool:
    """Whether the recall may be under way although the refund is called stranded (a notice comes again, a query was
    too early). Only the refusal of the recall itself says that it is not."""
    refused = outcome.evidence is not None and outcome.evidence.operation == Operation.RESCUE
    return refund.state is State.RECALLING and not refused


def _noted(bound: Facts, refund: Refund, outcome: Outcome, at: datetime) -> Change[Refund] | Stay[Refund]:
    """No new state. While it is driven: write down what was heard and when to look again."""
    if refund.state is State.DONE:
        at_rest = outcome.word is not Word.UNKNOWN or at < (refund.ended_at or at) + PROVE_AFTER
        if at_rest and at < (refund.ended_at or at) + PROVE_AFTER:
            return Stay(refund)
        return _to(
            refund,
            refund.state,
            at,
            "channel",
            (),
            look=None if at_rest else at + SLOW,
            evidence=outcome.evidence,
            asked_at=at,
        )
    if refund.state not in DRIVEN or refund.state in (State.RESERVED, State.READY, State.WAITING):
        return Stay(refund)
    facts: tuple[Fact, ...] = ()
    if outcome.word != refund.last_word and outcome.word is Word.PENDING:
        facts = (RefundAccepted(code=outcome.code),)
    elif outcome.word != refund.last_word and outcome.word is Word.UNKNOWN:
        facts = (RefundUnclear(code=outcome.code),)
    unclear = outcome.word is Word.UNKNOWN
    return _to(
        refund,
        refund.state,
        at,
        "channel",
        facts,
        look=at + _pace(bound, refund, outcome),
        evidence=outcome.evidence,
        asked_at=at,
        looks=refund.looks + 1,
        last_word=outcome.word,
        code=outcome.code,
        absent_at=refund.absent_at if outcome.word in (Word.ABSENT, Word.UNKNOWN) else None,
        unclear_since=(refund.unclear_since or at) if unclear else None,
        channel_number=outcome.channel_number or refund.channel_number,
        figures=outcome.figures.text if outcome.figures else refund.figures,
    )


def _pace(bound: Facts, refund: Refund, outcome: Outcome) -> timedelta:
    """When to ask again: at the channel's own gaps; a first ABSENT is asked again just after it may count."""
    if refund.state in (State.MANUAL, State.STRANDED):
        return SLOW
    if outcome.word is Word.ABSENT:
        return bound.absent_gap
    if not refund.looks:
        return bound.refund_query_after
    return bound.refund_query_gaps[min(refund.looks - 1, len(bound.refund_query_gaps) - 1)]


def _clash(refund: Refund, outcome: Outcome, at: datetime, why: str) -> Change[Refund] | Stay[Refund]:
    if refund.incident == why:
        return Stay(refund)
    return Change(
        row=replace(refund, version=refund.version + 1, incident=why, waiting_for="people"),
        at=at,
        who="channel",
        facts=(RefundContradicted(word=outcome.word, code=outcome.code, why=why),),
        evidence=(outcome.evidence,) if outcome.evidence else (),
    )


def cancel(who: str, refund: Refund | None, at: datetime) -> Change[Refund] | Stay[Refund]:
    """Take a refund back before it was sent.

    Raises Denied: refund.unknown, refund.already_sent.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if refund.state is State.CANCELLED:
        return Stay(refund)
    if refund.state not in (State.RESERVED, State.READY) or refund.sent_times or refund.incident:
        raise Denied("refund.already_sent", id=refund.id, state=refund.state)
    return _to(refund, State.CANCELLED, at, who, (RefundCancelled(),), look=None, ended_at=at)


def pay_out(
    by: Person, till_id: str, store_id: str | None, refund: Refund | None, at: datetime
) -> Change[Refund] | Stay[Refund]:
    """A named person gave the cash of a refund back, out of this till's drawer (in `store_id`).

    Law: once; again from the same drawer is the same. Nobody outside is asked: their word ends it.
    Raises Denied: refund.unknown, refund.not_cash, refund.not_waiting, payment.till_unknown, staff.not_allowed,
    staff.other_store.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if refund.channel is not Channel.CASH:
        raise Denied("refund.not_cash", channel=refund.channel)
    if store_id is None:
        raise Denied("payment.till_unknown", till=till_id)
    demand(by, "hand_out", store_id)
    if refund.state is State.DONE and (refund.till_id, refund.done_by) == (till_id, by.id):
        return Stay(refund)
    is_free = refund.state is State.READY or (refund.state is State.RESERVED and refund.release_at <= at)
    if not is_free or refund.incident:
        raise Denied("refund.not_waiting", id=refund.id, state=refund.state)
    told = CashPaidOut(amount_fen=refund.amount_fen, till_id=till_id)
    done = RefundDone(amount_fen=refund.amount_fen, channel_number="", received_into="")
    fields = {"till_id": till_id, "done_at": at, "done_by": by.id, "ended_at": at, "last_word": Word.SETTLED}
    evidence = person_said(refund.id, "pay_out", told, at)
    return _to(refund, State.DONE, at, by.id, (told, done), look=None, evidence=evidence, **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class RescueAsk:
    """Where stranded money shall go instead. Card and name live in memory only; `card_mark` is their keyed hash.

    The second person keys the card in again: what two people typed alike is not a slip.
    """

    to: RescueTo
    bank_type: str = ""
    card_number: str = field(default="", repr=False)
    holder_name: str = field(default="", repr=False)
    card_mark: str = ""

    @property
    def plan(self) -> str:
        """What is kept of it until the second person agrees."""
        kept = {"rescue": self.to, "bank_type": self.bank_type, "mark": self.card_mark, "tail": self.card_number[-4:]}
        return msgspec.json.encode(kept).decode()


def propose_rescue(
    facts: Mapping[Channel, Facts], who: str, ask: RescueAsk, refund: Refund | None, at: datetime
) -> Change[Refund] | Stay[Refund]:
    """First of two people: where stranded money shall go.

    Raises Denied: refund.unknown, refund.not_stranded, refund.no_rescue, refund.rescue_incomplete.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if refund.state is not State.STRANDED:
        raise Denied("refund.not_stranded", id=refund.id, state=refund.state)
    if not facts[refund.channel].has_rescue:
        raise Denied("refund.no_rescue", channel=refund.channel)
    if ask.to is RescueTo.PAYER_CARD and not (ask.bank_type and ask.card_number and ask.holder_name):
        raise Denied("refund.rescue_incomplete")
    if (refund.proposed_by, refund.proposal) == (who, ask.plan):
        return Stay(refund)
    proposed = RefundRescueProposed(to=ask.to, card_tail=ask.card_number[-4:])
    return _to(refund, State.STRANDED, at, who, (proposed,), look=at + SLOW, proposed_by=who, proposal=ask.plan)


def approve_rescue(who: str, ask: RescueAsk, refund: Refund | None, at: datetime) -> Change[Refund] | Stay[Refund]:
    """Second of two people: the same destination again; then it is sent.

    Raises Denied: refund.unknown, refund.nothing_proposed, refund.same_person, refund.proposal_differs.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if refund.state is not State.STRANDED or '"rescue"' not in refund.proposal:
        raise Denied("refund.nothing_proposed", id=refund.id, state=refund.state)
    if who == refund.proposed_by:
        raise Denied("refund.same_person", who=who)
    if ask.plan != refund.proposal:
        raise Denied("refund.proposal_differs", id=refund.id)
    state = State.REDIRECTING if ask.to is RescueTo.PAYER_CARD else State.RECALLING
    sent = RefundRedirected(to=ask.to, card_tail=ask.card_number[-4:], proposed_by=refund.proposed_by)
    change = _to(
        refund,
        state,
        at,
        who,
        (sent,),
        look=at + timedelta(minutes=1),
        waiting_for="channel",
        asked_at=at,
        last_word="",
        looks=0,
    )
    step = Rescue(
        merchant_id=refund.merchant_id,
        channel=refund.channel,
        payment_id=refund.payment_id,
        amount=refund.total,
        refund_id=refund.id,
        back=refund.amount,
        channel_refund_number=refund.channel_number,
        to=ask.to,
        bank_type=ask.bank_type,
        card_number=ask.card_number,
        holder_name=ask.holder_name,
    )
    return replace(change, step=step)


class End(StrEnum):
    """How two people may end a refund that no channel answers for."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    READY = "READY"


RESOLVABLE = (State.MANUAL,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What two people say became of a refund, and on what proof."""

    end: End
    proof: Evidence

    @property
    def plan(self) -> str:
        """What the second person must agree to."""
        return msgspec.json.encode({"resolve": self.end, "proof": self.proof.digest}).decode()


def propose_resolution(
    who: str, resolution: Resolution, refund: Refund | None, at: datetime
) -> Change[Refund] | Stay[Refund]:
    """First of two people: what became of it, with proof.

    Raises Denied: refund.unknown, refund.not_manual, refund.not_sendable.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if refund.state not in RESOLVABLE and not refund.incident:
        raise Denied("refund.not_manual", id=refund.id, state=refund.state)
    if resolution.end is End.READY and PLACE[refund.channel][refund.state] != HELD:
        raise Denied("refund.not_sendable", id=refund.id, state=refund.state)  # it may have been paid, or replaced
    if (refund.proposed_by, refund.proposal) == (who, resolution.plan):
        return Stay(refund)
    proposed = RefundResolutionProposed(end=resolution.end)
    return _to(
        refund,
        refund.state,
        at,
        who,
        (proposed,),
        look=at + SLOW if refund.state in DRIVEN else None,
        evidence=resolution.proof,
        proposed_by=who,
        proposal=resolution.plan,
    )


def approve_resolution(
    who: str, resolution: Resolution, refund: Refund | None, at: datetime, *, rest: Money | None = None
) -> Change[Refund] | Stay[Refund]:
    """Second of two people: the same end on the same proof. `rest` is what of the payment may still go back.

    Raises Denied: refund.unknown, refund.nothing_proposed, refund.same_person, refund.proposal_differs,
    refund.over_limit, refund.not_sendable.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if '"resolve"' not in refund.proposal or (refund.state not in RESOLVABLE and not refund.incident):
        raise Denied("refund.nothing_proposed", id=refund.id, state=refund.state)
    if who == refund.proposed_by:
        raise Denied("refund.same_person", who=who)
    if resolution.plan != refund.proposal:
        raise Denied("refund.proposal_differs", id=refund.id)
    state = State(resolution.end)
    place = PLACE[refund.channel]
    if state is State.READY and place[refund.state] != HELD:
        raise Denied("refund.not_sendable", id=refund.id, state=refund.state)
    if rest is not None and place[refund.state] == OWED != place[state] and refund.amount > rest:
        raise Denied("refund.over_limit", rest_fen=rest.amount)
    resolved = RefundResolved(end=resolution.end, proposed_by=refund.proposed_by)
    ended = state is not State.READY
    look = {State.READY: at, State.DONE: at + PROVE_AFTER}.get(state)
    return _to(
        refund,
        state,
        at,
        who,
        (resolved,),
        look=look,
        evidence=resolution.proof,
        proposed_by="",
        proposal="",
        incident="",
        unclear_since=None,
        ended_at=at if ended else None,
        done_at=at if state is State.DONE else None,
        done_by="people" if state is State.DONE else "",
    )


def supersede(who: str, by: str, refund: Refund | None, at: datetime) -> Change[Refund] | Stay[Refund]:
    """A new refund of the same case takes the place of one whose money came back.

    Raises Denied: refund.unknown, refund.not_returned.
    """
    if refund is None:
        raise Denied("refund.unknown")
    if refund.state is State.SUPERSEDED:
        return Stay(refund)
    if refund.state is not State.RETURNED:
        raise Denied("refund.not_returned", id=refund.id, state=refund.state)
    return _to(refund, State.SUPERSEDED, at, who, (RefundSuperseded(by=by),), look=None)


def found_outside(news: News, seen: RefundSeen, at: datetime) -> Change[Refund] | Stay[Refund]:
    """Post a refund that the channel made and we never asked for.

    Its id follows from the channel's number, so hearing of it twice posts it once. Raises Denied:
    refund.payment_unknown; refund.does_not_fit when more went back than was paid.
    """
    payment = seen.payment
    if payment is None:
        raise Denied("refund.payment_unknown", id=news.payment_id)
    outcome = news.outcome
    if seen.refund is not None:
        return Stay(seen.refund)
    back = outcome.amount or payment.rest
    if payment.state not in HAS_MONEY or back > payment.rest or back.amount <= 0:
        raise Denied("refund.does_not_fit", id=payment.id, rest_fen=payment.rest.amount)
    refund = Refund(
        merchant_id=payment.merchant_id,
        id=outside_id(payment, news.refund_id),
        state=State.EXTERNAL,
        payment_id=payment.id,
        case_id="",
        channel=payment.channel,
        amount_fen=back.amount,
        total_fen=payment.amount_fen,
        currency=payment.currency,
        reason=f"made outside: {news.refund_id}",
        fingerprint="",
        opened_at=at,
        opened_by="channel",
        release_at=at,
        sent_at=outcome.at or at,
        last_word=outcome.word,
        code=outcome.code,
        channel_number=outcome.channel_number,
        received_into=outcome.received_into,
        figures=outcome.figures.text if outcome.figures else "",
        done_at=outcome.at or at,
        done_by=_source(outcome),
        ended_at=at,
    )
    return Change(
        row=refund,
        at=at,
        who="channel",
        draw=Draw(payment.id, back),
        moves=(Move(OWED, due(refund.channel), back),),
        facts=(RefundFoundOutside(amount_fen=back.amount, number=news.refund_id),),
        evidence=(outcome.evidence,) if outcome.evidence else (),
    )


def outside_id(payment: Payment, number: str) -> str:
    """The id we give to a refund that was made outside under a number of its own."""
    return ids.derived(ids.Kind.REFUND, payment.opened_at, payment.channel, payment.id, number)
