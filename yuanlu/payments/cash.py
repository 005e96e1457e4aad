"""Cash over the counter: a payment that is paid when it is written down. Nobody outside is asked about it.

It has the ids, facts, states and laws of every other payment; a named person's word takes the place of the channel's.
A till that was cut off tells its cash later, under the ids it made, with the times of its own clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from yuanlu import ids
from yuanlu.amounts.lines import as_text, checked
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import Channel, Evidence, Figures, Outcome, Word, digest_of
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import DIFFERENCE, OWED, Move, cash
from yuanlu.payments.rules import (
    DESCRIPTION,
    ChargeAsk,
    ChargeSeen,
    GuardsConfirmed,
    Mode,
    Payment,
    PaymentOpened,
    PaymentPaid,
    State,
    asked_before,
)

AHEAD_MAX = timedelta(minutes=5)
BEHIND_MAX = timedelta(days=7)
"""How far a till's clock may be from ours before we believe ours: a week without a network is no wrong clock."""
CLOCK_OFF = "clock_off"
TOLD_LATE = "told_late"
"""What a payment in cash says of itself (`reason`): our clock counts, or its drawer was counted before it was told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashTaken(Fact):
    """Cash changed hands. `told_at` is the till's clock; it counts unless it is `far_off` from ours."""

    handed_fen: int
    change_fen: int
    told_at: str
    far_off: bool


def take(ask: ChargeAsk, seen: ChargeSeen, at: datetime) -> Change[Payment] | Stay[Payment]:
    """Write cash down as paid at once. Again with the same id and content is the same payment.

    Law: paid_at is when it was taken by the till's clock, never after now; by ours, where the till's is far off. What
    was taken before its drawer was counted, and is told after, changes no drawer: it explains the count's difference.
    Raises Denied: payment.id_taken, payment.currency, payment.amount, payment.till_unknown, till.locked,
    payment.handed_short; see `lines.checked`.
    """
    if (known := asked_before(ask, seen)) is not None:
        return Stay(known)
    if seen.store_id is None:
        raise Denied("payment.till_unknown", till=ask.till_id)
    if seen.locked_at is not None and (ask.taken_at or at) >= seen.locked_at:
        raise Denied("till.locked", till=ask.till_id)
    handed = ask.handed_fen or ask.amount.amount
    change = handed - ask.amount.amount
    if change < 0:
        raise Denied("payment.handed_short", handed_fen=handed, amount_fen=ask.amount.amount)
    told_at = ask.taken_at or at
    far_off = is_far_off(told_at, at)
    reason = CLOCK_OFF if far_off else TOLD_LATE if seen.is_counted else ""
    payment = Payment(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.PAYMENT),
        state=State.PAID,
        channel=Channel.CASH,
        mode=Mode.HANDED,
        till_id=ask.till_id,
        store_id=seen.store_id,
        amount_fen=ask.amount.amount,
        currency=ask.amount.currency,
        description=ask.description or DESCRIPTION,
        fingerprint=ask.fingerprint,
        code_mark="",
        code_tail="",
        opened_at=at,
        opened_by=ask.who,
        sent_at=at,
        give_up_at=at,
        paid_at=when(ask, at),
        last_word=Word.SETTLED,
        reason=reason,
        policy=seen.policy,
        figures=Figures(payer=ask.amount.amount, handed=handed, change=change).text,
        lines=as_text(checked(ask.lines, ask.amount.amount)) if ask.lines else "",
    )
    told = CashTaken(handed_fen=handed, change_fen=change, told_at=told_at.isoformat(), far_off=far_off)
    return Change(
        row=payment,
        at=at,
        who=ask.who,
        moves=(Move(DIFFERENCE if seen.is_counted else cash(ask.till_id), OWED, payment.amount),),
        facts=(
            PaymentOpened(
                amount_fen=payment.amount_fen, channel=payment.channel, mode=payment.mode, till_id=payment.till_id
            ),
            *((GuardsConfirmed(guards=" ".join(ask.guards)),) if ask.guards else ()),
            told,
            PaymentPaid(amount_fen=payment.amount_fen, channel_number=""),
        ),
        evidence=(person_said(payment.id, "take", told, at),),
    )


def when(ask: ChargeAsk, at: datetime) -> datetime:
    """When the cash was taken, as the books have it."""
    told_at = ask.taken_at or at
    return at if is_far_off(told_at, at) else min(told_at, at)


def is_far_off(told_at: datetime, at: datetime) -> bool:
    """Whether a till's clock is too far from ours to be believed."""
    return not -BEHIND_MAX <= told_at - at <= AHEAD_MAX


def word_of(payment: Payment, at: datetime) -> Outcome:
    """What is known of cash: our own books are the word, as the channel's answer is elsewhere."""
    said = {"payment": payment.id, "state": payment.state, "amount_fen": payment.amount_fen, "by": payment.opened_by}
    evidence = _said(ids.new(ids.Kind.EVIDENCE, at), "look", said, at)
    return Outcome(word=Word.SETTLED, amount=payment.amount, at=payment.paid_at, evidence=evidence)


def person_said(object_id: str, operation: str, told: Fact, at: datetime) -> Evidence:
    """What a named person wrote down, as evidence of a state."""
    return _said(ids.derived(ids.Kind.EVIDENCE, at, object_id, operation), operation, told, at)


def _said(evidence_id: str, operation: str, told: object, at: datetime) -> Evidence:
    body = msgspec.json.encode(told).decode()
    return Evidence(
        id=evidence_id,
        kind="person",
        at=at,
        body=body,
        digest=digest_of(body.encode()),
        operation=operation,
    )
