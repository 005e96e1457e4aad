"""Objects for tests, made by small functions that take only what matters in the scenario."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from yuanlu import ids
from yuanlu.cases import rules as cases
from yuanlu.change import Change
from yuanlu.channels.contract import Channel, Evidence, Facts, Outcome, Reason, Word
from yuanlu.ids import Kind
from yuanlu.lawbook import shelf
from yuanlu.money import Money
from yuanlu.payments import rules as payments
from yuanlu.refunds import rules as refunds

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
"""Noon in Shanghai: the moment from which tests count."""

MERCHANT, TILL, STORE = (ids.derived(kind, NOON, "test") for kind in (Kind.MERCHANT, Kind.TILL, Kind.STORE))
PAYMENT, REFUND, CASE = (ids.derived(kind, NOON, "test") for kind in (Kind.PAYMENT, Kind.REFUND, Kind.CASE))
CODE = "134567890123456789"
"""Shaped as a WeChat payment code (channels.md 8, row 2)."""

_MINUTE = timedelta(minutes=1)
WECHAT = Facts(
    valid_from="2026-11-23",
    source="channels.md 2.6, written down here once more",
    refund_open_for=timedelta(days=365),
    refund_parts_max=50,
    refund_gap=_MINUTE,
    refund_query_after=_MINUTE,
    refund_query_gaps=(_MINUTE, _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE),
    refund_retry_gaps=(_MINUTE, 5 * _MINUTE, 15 * _MINUTE),
    absent_gap=timedelta(seconds=30),
    pay_query_after=timedelta(seconds=5),
    pay_query_every=timedelta(seconds=5),
    pay_within=timedelta(seconds=45),
    reverse_not_before=timedelta(seconds=15),
    reverse_every=timedelta(seconds=5),
    reverse_within=timedelta(days=7),
    shown_for=timedelta(hours=2),
    shown_query_every=timedelta(seconds=7),
    has_rescue=True,
    last_look_after=5 * _MINUTE,
)
ALIPAY = replace(
    WECHAT,
    refund_parts_max=None,
    refund_gap=timedelta(seconds=3),
    refund_query_after=timedelta(seconds=10),
    reverse_not_before=timedelta(),
    pay_within=timedelta(seconds=60),
    has_rescue=False,
)
RAILS = {Channel.WECHAT: WECHAT, Channel.ALIPAY: ALIPAY}
GUIDE = partial(cases.guided, RAILS, shelf.read().on(date(2026, 11, 23)))
"""Which way the money of a case goes back."""


FRESH = NOON + timedelta(days=4000)
"""When a fresh question was asked: after everything else in a test."""


def after(seconds: float = 0, **span: float) -> datetime:
    """A moment so long after noon."""
    return NOON + timedelta(seconds=seconds, **span)


def heard(word: Word, reason: Reason | None = None, **told: Any) -> Outcome:
    """An outcome as an answer of the channel to a fresh question; `by` names the operation or `notice`."""
    by = told.pop("by", "query")
    kind = "notice" if by == "notice" else "answer"
    if kind == "answer":
        told.setdefault("asked_at", FRESH)
    evidence = Evidence(
        id=ids.new(Kind.EVIDENCE),
        kind=kind,
        at=NOON,
        body="{}",
        digest="0" * 64,
        operation="" if kind == "notice" else by,
    )
    return Outcome(word=word, reason=reason, evidence=evidence, **told)


def payment(state: payments.State = payments.State.SENT, **given: Any) -> payments.Payment:
    """A payment of 128.00, sent at noon. What has money was paid ten seconds later."""
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": PAYMENT,
        "version": 3,
        "state": state,
        "channel": Channel.WECHAT,
        "mode": payments.Mode.SCANNED,
        "till_id": TILL,
        "store_id": STORE,
        "amount_fen": 12800,
        "currency": "CNY",
        "description": "tea",
        "fingerprint": "f",
        "code_mark": "m",
        "code_tail": "6789",
        "opened_at": NOON,
        "opened_by": "cashier",
        "sent_at": NOON,
        "give_up_at": after(45),
    }
    if state in payments.HAS_MONEY:
        values["paid_at"] = after(10)
    if state in (payments.State.FAILED, payments.State.REVERSED, payments.State.CLOSED):
        values["ended_at"] = after(60)
    return payments.Payment(**values | given)


def shown(state: payments.State = payments.State.SHOWN, **given: Any) -> payments.Payment:
    """A payment of our own code on the screen, open for two hours."""
    values = {"mode": payments.Mode.SHOWN, "code_mark": "", "code_tail": "", "give_up_at": after(hours=2)}
    return payment(state, **values | given)


def refund(state: refunds.State = refunds.State.SENT, **given: Any) -> refunds.Refund:
    """A refund of 115.20 of 128.00, asked for at noon; sent at once, if it has been sent."""
    unsent = (refunds.State.RESERVED, refunds.State.READY, refunds.State.CANCELLED, refunds.State.EXTERNAL)
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": REFUND,
        "version": 4,
        "state": state,
        "payment_id": PAYMENT,
        "case_id": CASE,
        "channel": Channel.WECHAT,
        "amount_fen": 11520,
        "total_fen": 12800,
        "currency": "CNY",
        "reason": "wrong_amount",
        "fingerprint": "f",
        "opened_at": NOON,
        "opened_by": "cashier",
        "release_at": NOON,
        "sent_at": None if state in unsent else NOON,
        "sent_times": 0 if state in unsent else 1,
    }
    if state in (refunds.State.DONE, refunds.State.PROVEN, refunds.State.EXTERNAL):
        values |= {"done_at": after(60), "ended_at": after(60), "done_by": "answer:refund_query", "asked_at": after(60)}
    return refunds.Refund(**values | given)


def case(state: cases.State = cases.State.OPENED, **given: Any) -> cases.Case:
    """A case: 128.00 was charged where 12.80 was meant."""
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": CASE,
        "version": 2,
        "state": state,
        "payment_id": PAYMENT,
        "what": cases.What.WRONG_AMOUNT,
        "meant_fen": 1280,
        "fingerprint": "f",
        "opened_at": NOON,
        "opened_by": "cashier",
    }
    return cases.Case(**values | given)


def fen(amount: int) -> Money:
    """So many fen."""
    return Money(amount)


def kinds(change: Change[Any]) -> tuple[str, ...]:
    """The names of a change's facts, in order."""
    return tuple(fact.kind for fact in change.facts)


def moved(change: Change[Any]) -> list[tuple[str, str, int]]:
    """The moves of a change: source, target, fen."""
    return [(move.source, move.target, move.money.amount) for move in change.moves]


def changed(decision: object) -> Change[Any]:
    """The decision, which must be a Change."""
    assert isinstance(decision, Change), f"nothing was changed: {decision}"
    return decision
