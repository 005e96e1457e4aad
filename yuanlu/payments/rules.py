"""What a payment may become, and what we do next.

A payment is what we asked a channel to take, and what we have heard. It is written down as SENT before anything
leaves; the code it charges is never written down at all. When no clear answer comes in time it is *reversed*, not
refunded, and the reverse is repeated until its answer is clear. There is no "refunded" state: that is a sum over
the refunds of a payment (`back_fen`).

    SENT       asked for; the answer is not clear yet          SHOWN      our QR is on the screen
    PAID       the money is here                               FAILED     a clear no; nothing was taken
    REVERSING  we end it whatever became of it                 REVERSED   it ended; nothing was taken, or it went back
    CLOSING    we end an order that cannot be reversed         CLOSED     it ended unpaid
    LATE_PAID  it was paid after we gave it up: a case opens by itself and the money goes back
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu import ids, masking
from yuanlu.amounts.lines import Line, as_text, checked
from yuanlu.change import Change, Look, Row, Stay, drawn
from yuanlu.channels import codes
from yuanlu.channels.contract import (
    Channel,
    Close,
    Facts,
    Outcome,
    Pay,
    Query,
    Reason,
    Reverse,
    Show,
    Step,
    Word,
)
from yuanlu.clock import business_day
from yuanlu.errors import Broken, Denied
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import OWED, Move, due
from yuanlu.machine import Turn, parse
from yuanlu.money import Money

AMOUNT_MAX_FEN = 100_000_000
"""One million yuan: no code payment comes near it; a slip of the hand does."""

DESCRIPTION = "门店收款"
"""What the payer's bill says when the till says nothing: channels demand some words."""
DRIVE = "payments.drive"
UNCLEAR_EVERY_MAX = timedelta(minutes=30)


class State(StrEnum):
    SENT = "SENT"
    SHOWN = "SHOWN"
    PAID = "PAID"
    FAILED = "FAILED"
    REVERSING = "REVERSING"
    REVERSED = "REVERSED"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    LATE_PAID = "LATE_PAID"


class Mode(StrEnum):
    """Who scans whom."""

    SCANNED = "scanned"
    """We scan the code the payer shows (被扫)."""
    SHOWN = "shown"
    """The payer scans the code we show (主扫)."""
    HANDED = "handed"
    """Cash over the counter."""


HEARD = (
    Word.SETTLED,
    Word.PENDING,
    Word.DEFERRED,
    Word.UNKNOWN,
    Word.ABSENT,
    Word.REFUSED,
    Word.ENDED,
    Word.SHOWN,
    Word.BARRED,
)

TABLE = parse(
    State,
    HEARD,
    """
    |                  | SETTLED   | PENDING   | DEFERRED | UNKNOWN | ABSENT   | REFUSED  | ENDED    | SHOWN | BARRED  |
    | ---------------- | --------- | --------- | -------- | ------- | -------- | -------- | -------- | ----- | ------- |
    | SENT             | PAID      | ·         | FAILED   | ·       | ·        | FAILED   | FAILED   | SHOWN | ·       |
    | SHOWN            | PAID      | ·         | ·        | ·       | ·        | FAILED   | CLOSED   | SHOWN | ·       |
    | REVERSING        | ·         | ·         | ·        | ·       | REVERSED | REVERSED | REVERSED | ·     | CLOSING |
    | CLOSING          | LATE_PAID | ·         | ·        | ·       | CLOSED   | CLOSED   | CLOSED   | ·     | ·       |
    | REVERSED         | LATE_PAID | REVERSING | ·        | ·       | ·        | ·        | ·        | ·     | ·       |
    | CLOSED           | LATE_PAID | CLOSING   | ·        | ·       | ·        | ·        | ·        | ·     | ·       |
    | FAILED           | LATE_PAID | REVERSING | ·        | ·       | ·        | ·        | ·        | ·     | ·       |
    | PAID             | ·         | ·         | ·        | ·       | !        | !        | !        | ·     | ·       |
    | LATE_PAID        | ·         | ·         | ·        | ·       | !        | !        | REVERSED | ·     | ·       |
    """,
)

COMMANDS: Mapping[tuple[State, str], State] = {
    (State.SENT, "cancel"): State.REVERSING,
    (State.SHOWN, "cancel"): State.CLOSING,
    (State.SENT, "out of time"): State.REVERSING,
    (State.SHOWN, "out of time"): State.CLOSING,
}
"""What we decide ourselves; for the picture."""

HAS_MONEY = (State.PAID, State.LATE_PAID)
OPEN = (State.SENT, State.SHOWN, State.REVERSING, State.CLOSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Row):
    """A payment as it stands. `back_fen` and `parts` belong to the draws of its refunds."""

    table = "payments"
    written_once = frozenset({
        "channel", "mode", "till_id", "store_id", "amount_fen", "currency", "description", "fingerprint", "code_mark",
        "code_tail", "opened_at", "opened_by", "sent_at", "give_up_at", "policy", "lines",
    })  # fmt: skip

    state: State
    channel: Channel
    mode: Mode
    till_id: str
    store_id: str
    amount_fen: int
    currency: str
    back_fen: int = drawn()
    parts: int = drawn()
    description: str
    fingerprint: str
    """Hash of what was asked: the same id with another content is refused."""
    code_mark: str
    """Keyed hash of the payer's code; the code itself is not kept."""
    code_tail: str
    qr: str = ""
    opened_at: datetime
    opened_by: str
    sent_at: datetime
    give_up_at: datetime
    paid_at: datetime | None = None
    ended_at: datetime | None = None
    asked_at: datetime | None = None
    absent_at: datetime | None = None
    looks: int = 0
    last_word: str = ""
    code: str = ""
    reason: str = ""
    channel_number: str = ""
    payer: str = ""
    """Keyed hash of who paid, as the channel calls them: to be compared, and nothing else."""
    incident: str = ""
    policy: str = ""
    """The version of the refund policy in force when it was made; empty: the built-in one."""
    figures: str = ""
    """What the channel says about who paid how much (`Figures.text`)."""
    lines: str = ""
    """What was sold (`amounts.lines`)."""

    @property
    def amount(self) -> Money:
        return Money(self.amount_fen, self.currency)

    @property
    def rest(self) -> Money:
        """What may still go back."""
        return Money(self.amount_fen - self.back_fen, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOpened(Fact):
    amount_fen: int
    channel: str
    mode: str
    till_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardsConfirmed(Fact):
    """The cashier was asked whether the amount is right, and said so: `guards` are the questions, parted by spaces."""

    guards: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentShown(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWaits(Fact):
    reason: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentUnclear(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPaid(Fact):
    amount_fen: int
    channel_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReversing(Fact):
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReversed(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentClosing(Fact):
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentClosed(Fact):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLatePaid(Fact):
    amount_fen: int
    channel_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentContradicted(Fact):
    """The channel says what cannot be: nothing moves, a person must look."""

    word: str
    code: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeAsk:
    """A wish to be paid. `code` is the payer's code (mode SCANNED), `code_mark` its keyed hash; `channel` is needed
    only when we show our own code."""

    merchant_id: str
    id: str
    till_id: str
    amount: Money
    who: str
    description: str = ""
    code: str = field(default="", repr=False)
    code_mark: str = ""
    typed: bool = False
    no_id_card: bool = False
    """The cashier was asked and says that it is no identity card."""
    channel: Channel | None = None
    lines: tuple[Line, ...] = ()
    """What is sold: so that parts of it can go back to the fen."""
    guards: tuple[str, ...] = ()
    """What the cashier was asked about the amount before, and confirmed: kept as a fact, not part of the content."""
    handed_fen: int = 0
    """Cash: what the payer handed over."""
    taken_at: datetime | None = None
    """Cash: when it was taken, by the till's clock, where it is told later."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "description", masking.kept(self.description))
        if self.lines:
            lines = tuple(replace(each, name=masking.kept(each.name)) for each in self.lines)
            object.__setattr__(self, "lines", lines)

    @property
    def mode(self) -> Mode:
        if self.channel is Channel.CASH:
            return Mode.HANDED
        return Mode.SCANNED if self.code else Mode.SHOWN

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content: tuple[str, ...] = (
            self.till_id,
            str(self.amount.amount),
            self.amount.currency,
            self.description,
            self.code_mark,
            self.mode,
            self.channel or "",
        )
        if self.lines:
            content += (as_text(self.lines),)
        if self.channel is Channel.CASH:
            content += (str(self.handed_fen),)
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ChargeSeen:
    """What a charge is decided on: is it known, is the till, is the code in use, which channels has the merchant."""

    known: Payment | None
    store_id: str | None
    channels: frozenset[str]
    same_code: str | None
    """Id of an open payment of the same code, till and amount."""
    policy: str = ""
    """The version of the refund policy in force at this till; empty: the built-in one."""
    is_counted: bool = False
    """Cash: its drawer was counted since it was taken, with it in."""
    locked_at: datetime | None = None
    """Since when its till is locked (`stations`)."""


def asked_before(ask: ChargeAsk, seen: ChargeSeen) -> Payment | None:
    """The payment that this very wish made before; None: it is new, and of a sum that can be taken.

    Raises Denied: payment.id_taken, payment.currency, payment.amount.
    """
    if seen.known is not None:
        if seen.known.fingerprint != ask.fingerprint:
            raise Denied("payment.id_taken", id=ask.id)
        return seen.known
    if ask.amount.currency != "CNY":
        raise Denied("payment.currency", currency=ask.amount.currency)
    if not 0 < ask.amount.amount <= AMOUNT_MAX_FEN:
        raise Denied("payment.amount", min_fen=1, max_fen=AMOUNT_MAX_FEN)
    return None


def open_payment(
    facts: Mapping[Channel, Facts], ask: ChargeAsk, seen: ChargeSeen, at: datetime
) -> Change[Payment] | Stay[Payment]:
    """Write a payment down as SENT, with the step that charges it.

    Asking again with the same id and content gives the same payment back, and no step: what was once sent is never
    sent again by a repeated wish. Raises Denied: payment.id_taken, payment.amount, payment.currency,
    payment.till_unknown, till.locked, payment.code_in_use, payment.channel_off, payment.channel_missing; see
    `lines.checked`.
    """
    if (known := asked_before(ask, seen)) is not None:
        return Stay(known)
    if seen.store_id is None:
        raise Denied("payment.till_unknown", till=ask.till_id)
    if seen.locked_at is not None:
        raise Denied("till.locked", till=ask.till_id)
    if seen.same_code is not None:
        raise Denied("payment.code_in_use", payment=seen.same_code)
    channel = ask.channel
    if channel is None:
        raise Denied("payment.channel_missing")
    if channel not in seen.channels:
        raise Denied("payment.channel_off", channel=channel)
    bound = facts[channel]
    by_code = ask.mode is Mode.SCANNED
    give_up_at = at + (bound.pay_within if by_code else bound.shown_for)
    payment = Payment(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.PAYMENT),
        state=State.SENT,
        channel=channel,
        mode=ask.mode,
        till_id=ask.till_id,
        store_id=seen.store_id,
        amount_fen=ask.amount.amount,
        currency=ask.amount.currency,
        description=ask.description or DESCRIPTION,
        fingerprint=ask.fingerprint,
        code_mark=ask.code_mark,
        code_tail=ask.code[-4:],
        opened_at=at,
        opened_by=ask.who,
        sent_at=at,
        give_up_at=give_up_at,
        policy=seen.policy,
        lines=as_text(checked(ask.lines, ask.amount.amount)) if ask.lines else "",
    )
    opened = PaymentOpened(amount_fen=payment.amount_fen, channel=channel, mode=payment.mode, till_id=payment.till_id)
    return Change(
        row=payment,
        at=at,
        who=ask.who,
        facts=(opened, GuardsConfirmed(guards=" ".join(ask.guards))) if ask.guards else (opened,),
        looks=(Look(DRIVE, payment.id, at + bound.pay_query_after),),
        step=_pay(payment, ask.code) if by_code else _show(payment),
    )


def scanned(ask: ChargeAsk, at: datetime) -> ChargeAsk:
    """Say at once what is wrong with a scanned code, before money moves; else the wish with its code tidied.

    The wallet decides the channel; the cashier picks one only to show our own code.
    Raises Denied: scan.not_payable, payment.wrong_wallet, payment.channel_missing.
    """
    if ask.mode is Mode.SHOWN:
        if ask.channel is None:
            raise Denied("payment.channel_missing")
        return ask
    found = codes.recognise(ask.code, typed=ask.typed, today=business_day(at), no_id_card=ask.no_id_card)
    if not found.ok or found.wallet is None:
        raise Denied(
            "scan.not_payable",
            kind=str(found.kind),
            wallet=found.wallet,
            question=found.question,
            advice_zh=found.advice_zh,
            advice_en=found.advice_en,
        )
    if ask.channel is not None and ask.channel.value != found.wallet.value:
        raise Denied("payment.wrong_wallet", channel=ask.channel, wallet=found.wallet)
    return replace(ask, code=found.code, channel=Channel(found.wallet))


def _pay(payment: Payment, code: str) -> Pay:
    return Pay(
        merchant_id=payment.merchant_id,
        channel=payment.channel,
        payment_id=payment.id,
        amount=payment.amount,
        code=code,
        description=payment.description,
        store_id=payment.store_id,
        till_id=payment.till_id,
        expires_at=payment.give_up_at + timedelta(minutes=5),
    )


def _show(payment: Payment) -> Show:
    return Show(
        merchant_id=payment.merchant_id,
        channel=payment.channel,
        payment_id=payment.id,
        amount=payment.amount,
        description=payment.description,
        store_id=payment.store_id,
        till_id=payment.till_id,
        expires_at=payment.give_up_at,
    )


def query(payment: Payment) -> Query:
    """The step that asks what became of a payment."""
    return Query(
        merchant_id=payment.merchant_id,
        channel=payment.channel,
        payment_id=payment.id,
        amount=payment.amount,
        scanned=payment.mode is Mode.SCANNED,
    )


def _end(payment: Payment) -> Step:
    """The step that ends a payment: reverse what was scanned, close what was shown, ask where neither is allowed."""
    kind: type[Reverse | Close]
    if payment.state is State.REVERSING:
        kind = Reverse
    elif payment.mode is Mode.SHOWN and payment.last_word != Word.BARRED:
        kind = Close
    else:
        return query(payment)
    return kind(
        merchant_id=payment.merchant_id,
        channel=payment.channel,
        payment_id=payment.id,
        amount=payment.amount,
    )


def next_step(facts: Mapping[Channel, Facts], payment: Payment | None, at: datetime) -> Change[Payment] | Stay[Payment]:
    """What to do about a payment now.

    Law: only SENT, SHOWN, REVERSING and CLOSING are driven; REVERSED and CLOSED are looked at once more, later,
    because a request that was lost on its way may still arrive; FAILED only when somebody says that it was paid.
    """
    if payment is None:
        raise Denied("payment.unknown")
    bound = facts[payment.channel]
    match payment.state:
        case State.SENT if payment.mode is Mode.SHOWN:
            return _ended(payment, at, "out of time") if at >= payment.give_up_at else Stay(payment, _show(payment))
        case State.SENT | State.SHOWN | State.REVERSED | State.CLOSED | State.FAILED:
            return Stay(payment, query(payment))
        case State.REVERSING if at < payment.sent_at + bound.reverse_not_before:
            return Stay(payment)
        case State.REVERSING | State.CLOSING:
            return Stay(payment, _end(payment))
        case _:
            return Stay(payment)


def cancel(
    facts: Mapping[Channel, Facts], who: str, payment: Payment | None, at: datetime
) -> Change[Payment] | Stay[Payment]:
    """Give a payment up before it is paid. Cashiers never choose between reversing and refunding: this is the first.

    Raises Denied: payment.unknown, payment.already_paid.
    """
    if payment is None:
        raise Denied("payment.unknown")
    if payment.state in HAS_MONEY:
        raise Denied("payment.already_paid", id=payment.id)
    if payment.state not in (State.SENT, State.SHOWN):
        return Stay(payment)
    change = _ended(payment, at, "cancelled", who=who)
    first = payment.sent_at + facts[payment.channel].reverse_not_before
    if change.row.state is State.REVERSING and at < first:
        return replace(change, looks=(Look(DRIVE, payment.id, first),), step=None)
    return change


def _ended(payment: Payment, at: datetime, why: str, who: str = "system") -> Change[Payment]:
    reversing = payment.mode is Mode.SCANNED
    row = replace(
        payment,
        version=payment.version + 1,
        state=State.REVERSING if reversing else State.CLOSING,
        absent_at=None,
    )
    return Change(
        row=row,
        at=at,
        who=who,
        facts=(PaymentReversing(why=why) if reversing else PaymentClosing(why=why),),
        looks=(Look(DRIVE, row.id, at + timedelta(seconds=5)),),
        step=_end(row),
    )


def hear(
    facts: Mapping[Channel, Facts], outcome: Outcome, payment: Payment | None, at: datetime
) -> Change[Payment] | Stay[Payment]:
    """The one door for news about a payment: reply, callback and query all come through here.

    Raises Denied: payment.unknown.
    """
    if payment is None:
        raise Denied("payment.unknown")
    if outcome.word not in HEARD:
        raise Broken(f"{outcome.word} is no word about a payment")
    if outcome.word is Word.SETTLED and outcome.amount is not None and outcome.amount != payment.amount:
        return _clash(payment, outcome, at, f"amount {outcome.amount.amount}, not {payment.amount_fen}")
    bound = facts[payment.channel]
    if _is_overtaken(bound, payment, outcome, at):
        return Stay(payment)
    if _is_dead(payment, outcome, bound, at):
        outcome = replace(outcome, word=Word.ENDED)
    turn = TABLE.turn(payment.state, outcome.word)
    if turn is State.LATE_PAID and _is_doubtful(payment, outcome):
        return _doubted(payment, outcome, at)
    if outcome.word is Word.ENDED and payment.state in HAS_MONEY and payment.back_fen:
        turn = Turn.CLASH
        if not payment.rest.amount:
            return Stay(payment)  # all of it went back by our own refunds: the channel calls that closed
    if turn is Turn.CLASH:
        return _clash(payment, outcome, at, f"{outcome.word} heard when {payment.state}")
    if turn in (State.REVERSED, State.CLOSED) and outcome.word is Word.ABSENT and not _twice(payment, bound, at):
        return _noted(bound, replace(payment, absent_at=payment.absent_at or at), outcome, at)
    if not isinstance(turn, State) or turn is payment.state:
        return _noted(bound, payment, outcome, at)
    return _turned(bound, payment, turn, outcome, at)


def _is_overtaken(bound: Facts, payment: Payment, outcome: Outcome, at: datetime) -> bool:
    """Whether it answers a question older than the word that paid or ended the payment.

    Law: nothing is lost by not believing it: what is paid stays so, what is ended is looked at once more.
    """
    if not outcome.set_out_before(payment.asked_at):
        return False
    if payment.state in (State.REVERSED, State.CLOSED):
        return at < (payment.ended_at or at) + bound.last_look_after
    return payment.state in HAS_MONEY


def _is_dead(payment: Payment, outcome: Outcome, bound: Facts, at: datetime) -> bool:
    """Whether "not paid" is the last word: what we showed cannot be scanned any more.

    Alipay knows no trade until the payer scans, so neither close nor query of such an order ever says more. A QR made
    at the last moment of its time lives as long again.
    """
    return (
        payment.state in (State.SHOWN, State.CLOSING, State.CLOSED)
        and payment.mode is Mode.SHOWN
        and outcome.word is Word.PENDING
        and outcome.reason is Reason.NOT_PAID
        and at >= payment.give_up_at + bound.shown_for
    )


def _is_doubtful(payment: Payment, outcome: Outcome) -> bool:
    """Whether a "paid" may have been said before the payment ended: a slow answer, or a notice that comes again.

    Only the answer to a question asked after the end proves a late payment.
    """
    if payment.state is State.CLOSING or outcome.evidence is None:
        return False
    return outcome.asked_at is None or outcome.set_out_before(payment.ended_at)


def _doubted(payment: Payment, outcome: Outcome, at: datetime) -> Change[Payment]:
    """Keep the word as evidence, and ask anew."""
    return Change(
        row=replace(payment, version=payment.version + 1),
        at=at,
        who="channel",
        looks=(Look(DRIVE, payment.id, at),),
        evidence=(outcome.evidence,) if outcome.evidence else (),
        step=query(payment),
    )


def _twice(payment: Payment, bound: Facts, at: datetime) -> bool:
    """Whether "no such order" was heard before, long enough ago: a lost request may still be on its way."""
    return payment.absent_at is not None and at >= payment.absent_at + bound.absent_gap


def _noted(bound: Facts, payment: Payment, outcome: Outcome, at: datetime) -> Change[Payment] | Stay[Payment]:
    """No new state. While it is open: write down what was heard and when to look again, or run out of time."""
    final = payment.state not in OPEN
    if payment.state in HAS_MONEY:
        return Stay(payment)
    if final and at < (payment.ended_at or at) + bound.last_look_after:
        return Stay(payment)
    at_rest = final and outcome.word in (Word.ENDED, Word.ABSENT, Word.REFUSED)
    out_of_time = payment.state in (State.SENT, State.SHOWN) and at >= payment.give_up_at
    changed = (outcome.word, outcome.reason or "") != (payment.last_word, payment.reason)
    facts: tuple[Fact, ...] = ()
    if changed and not final and outcome.word is Word.PENDING:
        facts = (PaymentWaits(reason=outcome.reason or "", code=outcome.code),)
    elif changed and not final and outcome.word is Word.UNKNOWN:
        facts = (PaymentUnclear(code=outcome.code),)
    row = replace(
        payment,
        looks=payment.looks + 1,
        qr=outcome.qr or payment.qr,  # shown twice: the newer picture killed the older one
        last_word=outcome.word,
        reason=outcome.reason or "",
        code=outcome.code,
        asked_at=at,
        absent_at=payment.absent_at if outcome.word in (Word.ABSENT, Word.UNKNOWN) else None,
        channel_number=outcome.channel_number or payment.channel_number,
        payer=outcome.payer or payment.payer,
        figures=outcome.figures.text if outcome.figures else payment.figures,
    )
    evidence = (outcome.evidence,) if outcome.evidence else ()
    if out_of_time:
        ended = _ended(row, at, "out of time")
        return replace(ended, facts=(*facts, *ended.facts), evidence=evidence)
    look = Look(DRIVE, row.id, None if at_rest else at + _pace(bound, row))
    accepted = payment.state is State.SENT and not payment.looks and outcome.reason is Reason.PROCESSING
    return Change(
        row=replace(row, version=payment.version + 1),
        at=at,
        who="channel",
        facts=facts,
        looks=(look,),
        evidence=evidence,
        step=query(row) if accepted else None,  # "accepted" proves nothing yet: ask at once, the cashier is waiting
    )


def _pace(bound: Facts, payment: Payment) -> timedelta:
    """When to look again: the channel's own pace while a payer is at it, then ever more slowly, never not at all."""
    if payment.state in (State.SENT, State.SHOWN):
        return bound.pay_query_every if payment.mode is Mode.SCANNED else bound.shown_query_every
    doubled: int = 2 ** min(payment.looks // 10, 10)
    return min(bound.reverse_every * doubled, UNCLEAR_EVERY_MAX)


def contradict(why: str, outcome: Outcome, payment: Payment | None, at: datetime) -> Change[Payment] | Stay[Payment]:
    """Write down that the channel says about a payment what our books cannot take in: a person must look.

    Raises Denied: payment.unknown.
    """
    if payment is None:
        raise Denied("payment.unknown")
    return _clash(payment, outcome, at, why)


def _clash(payment: Payment, outcome: Outcome, at: datetime, why: str) -> Change[Payment] | Stay[Payment]:
    if payment.incident == why:
        return Stay(payment)
    return Change(
        row=replace(payment, version=payment.version + 1, incident=why),
        at=at,
        who="channel",
        facts=(PaymentContradicted(word=outcome.word, code=outcome.code, why=why),),
        evidence=(outcome.evidence,) if outcome.evidence else (),
    )


def _turned(bound: Facts, payment: Payment, state: State, outcome: Outcome, at: datetime) -> Change[Payment]:
    """A new state, with its posting, its fact and its next look. What was shown is closed, never reversed."""
    if payment.mode is Mode.SHOWN:
        state = {State.REVERSING: State.CLOSING, State.REVERSED: State.CLOSED}.get(state, state)
    row = replace(
        payment,
        version=payment.version + 1,
        state=state,
        asked_at=at,
        absent_at=None,
        last_word=outcome.word,
        code=outcome.code,
        reason=outcome.reason or "",
        qr=outcome.qr,
        channel_number=outcome.channel_number or payment.channel_number,
        payer=outcome.payer or payment.payer,
        figures=outcome.figures.text if outcome.figures else payment.figures,
        paid_at=(outcome.at or at) if state in HAS_MONEY else None,
        ended_at=at if state in (State.FAILED, State.REVERSED, State.CLOSED) else payment.ended_at,
    )
    fact, look_after = _news(bound, payment, row, outcome)
    return Change(
        row=row,
        at=at,
        who="channel",
        moves=_moves(payment, row),
        facts=(fact,),
        looks=(Look(DRIVE, row.id, None if look_after is None else at + look_after),),
        evidence=(outcome.evidence,) if outcome.evidence else (),
        step=_end(row) if state is State.CLOSING and payment.state is State.REVERSING else None,
    )


def _moves(was: Payment, now: Payment) -> tuple[Move, ...]:
    """Paid: the channel owes it, we owe it. Taken for paid, but it had gone back: the same the other way round."""
    if (was.state in HAS_MONEY) == (now.state in HAS_MONEY):
        return ()
    if now.state in HAS_MONEY:
        return (Move(due(now.channel), OWED, now.amount),)
    return (Move(OWED, due(now.channel), now.amount),)


def _news(bound: Facts, was: Payment, row: Payment, outcome: Outcome) -> tuple[Fact, timedelta | None]:
    """The fact of a new state, and when to look next (None: never)."""
    match row.state:
        case State.PAID:
            return PaymentPaid(amount_fen=row.amount_fen, channel_number=row.channel_number), None
        case State.LATE_PAID:
            return PaymentLatePaid(amount_fen=row.amount_fen, channel_number=row.channel_number), None
        case State.FAILED:
            return PaymentFailed(code=outcome.code), None
        case State.SHOWN:
            return PaymentShown(), bound.shown_query_every
        case State.REVERSED:
            return PaymentReversed(code=outcome.code), bound.last_look_after
        case State.CLOSED:
            return PaymentClosed(code=outcome.code), bound.last_look_after
        case State.REVERSING:
            return PaymentReversing(why="it can still be paid"), timedelta()
        case State.CLOSING if was.state is State.REVERSING:
            return PaymentClosing(why="it cannot be reversed"), bound.reverse_every
        case State.CLOSING:
            return PaymentClosing(why="it can still be paid"), timedelta()
        case State.SENT:
            raise Broken("nothing turns back to SENT")
