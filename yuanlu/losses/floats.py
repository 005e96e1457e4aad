"""The refund float: what a channel account will need in the next days, against what is known to be in it.

Refunds are paid out of what the merchant has at the channel. A refund that finds too little there waits
(`funds_short`), and so does the customer. So what is coming is added up:

    open       refunds that hold their money and have not left or are not certain
    promised   cases whose remedy is being carried out and has no refund yet
    expected   cases a person must decide, weighted by how many of the decided ones were paid back (per mille)

What is known to be there is what our books saw come in today less what went back today: what came before was paid out
to the bank, as the channels do the day after. A merchant may hold more there; the channel's word (`funds_short`)
is what proves a shortage, the sum only warns of one. All amounts are whole fen, all shares whole per mille.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from yuanlu.change import Change, Row, Stay
from yuanlu.channels.contract import Channel
from yuanlu.facts import Fact

FLOAT_WAKE = "losses.float.wake"
"""Look whether a channel account runs short. The object is the channel."""
EVERY = timedelta(minutes=5)
"""Refunds asked for in one stretch of this length are looked at together, at its end."""
DAYS = 3
SHARE_ALL = 1000
SHARE_FROM_CASES = 20
"""Below this many decided cases the past says little: all that is asked for is expected to be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is known of one channel account. Units: fen, and numbers of refunds and cases."""

    channel: Channel
    open_fen: int = 0
    promised_fen: int = 0
    review_fen: int = 0
    known_fen: int = 0
    waiting_fen: int = 0
    """Part of `open_fen`: refunds the channel itself has put off for want of funds."""
    waiting: int = 0
    decided: int = 0
    paid_back: int = 0
    """Of the decided cases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What one channel account will need, and whether that is there."""

    channel: Channel
    open_fen: int
    promised_fen: int
    expected_fen: int
    share_per_mille: int
    need_fen: int
    known_fen: int
    short_fen: int
    waiting: int
    waiting_fen: int
    is_short: bool
    """The channel says so already, or it will be."""


def share(ahead: Ahead) -> int:
    """How many of the decided cases were paid back, in per mille, rounded up: rather too much than too little."""
    if ahead.decided < SHARE_FROM_CASES:
        return SHARE_ALL
    return -(-ahead.paid_back * SHARE_ALL // ahead.decided)


def forecast(ahead: Ahead) -> Forecast:
    """What the account will need.

    Law: need = open + promised + expected; short = need - known, never below 0 nor below what waits already.
    """
    expected = -(-ahead.review_fen * share(ahead) // SHARE_ALL)
    need = ahead.open_fen + ahead.promised_fen + expected
    short = max(need - max(ahead.known_fen, 0), ahead.waiting_fen, 0)
    return Forecast(
        channel=ahead.channel,
        open_fen=ahead.open_fen,
        promised_fen=ahead.promised_fen,
        expected_fen=expected,
        share_per_mille=share(ahead),
        need_fen=need,
        known_fen=ahead.known_fen,
        short_fen=short,
        waiting=ahead.waiting,
        waiting_fen=ahead.waiting_fen,
        is_short=short > 0,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Float(Row):
    """What was last told of a channel account; its id is the channel. It is written only when that turns."""

    table = "floats"

    short_fen: int
    need_fen: int
    known_fen: int
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatShort(Fact):
    """The account will run short, or has."""

    channel: str
    need_fen: int
    known_fen: int
    short_fen: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatEnough(Fact):
    channel: str


@dataclass(frozen=True, slots=True)
class FloatSeen:
    """What a warning is decided on."""

    told: Float | None
    ahead: Ahead


def watch(merchant_id: str, seen: FloatSeen, at: datetime) -> Change[Float] | Stay[Any]:
    """Warn when an account runs short, and say when it no longer does. Quiet when neither turned.

    A shortage that doubled is told again.
    """
    told, now = seen.told, forecast(seen.ahead)
    was_short = told.short_fen if told else 0
    fact: Fact
    if now.is_short and (not was_short or now.short_fen >= 2 * was_short):
        fact = FloatShort(
            channel=now.channel,
            need_fen=now.need_fen,
            known_fen=now.known_fen,
            short_fen=now.short_fen,
            waiting=now.waiting,
        )
    elif was_short and not now.is_short:
        fact = FloatEnough(channel=now.channel)
    else:
        return Stay(told)
    row = Float(
        merchant_id=merchant_id,
        id=now.channel,
        short_fen=now.short_fen,
        need_fen=now.need_fen,
        known_fen=now.known_fen,
        changed_at=at,
    )
    if told is not None:
        row = replace(row, version=told.version + 1)
    return Change(row=row, at=at, who="system", facts=(fact,))


def next_look(at: datetime) -> datetime:
    """The end of the stretch this moment lies in."""
    seconds = int(EVERY.total_seconds())
    return at + timedelta(seconds=seconds - int(at.timestamp()) % seconds, microseconds=-at.microsecond)


def total(forecasts: Sequence[Forecast]) -> int:
    """What is short over all channels."""
    return sum(each.short_fen for each in forecasts)
