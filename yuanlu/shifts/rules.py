"""A shift at a till: opened with a counted float, handed over with counts, closed with a report.

What was taken and given back in a shift follows from the payments and refunds of its till and its span of time:
they carry no shift, so none can be in two, and taking money costs nothing more. Cash belongs where it was taken by the
till's clock, all else where it was asked for.

A count never moves the past. What the drawer holds more or less than the books say is posted once, at the close, with
a reason and the name of who closed; at a hand-over it is written down who found it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import msgspec

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import BANK, DIFFERENCE, FLOAT, SAFE, Move, cash
from yuanlu.machine import Turn, parse
from yuanlu.masking import kept
from yuanlu.money import Money
from yuanlu.people.rules import Person, Staff, demand, may

CASH = "cash"
Amounts = Mapping[str, int]
"""Fen by tender."""


class State(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Deed(StrEnum):
    COUNT = "count"
    HAND_OVER = "hand_over"
    CLOSE = "close"


TABLE = parse(
    State,
    tuple(Deed),
    """
    |        | COUNT | HAND_OVER | CLOSE  |
    | ------ | ----- | --------- | ------ |
    | OPEN   | ·     | ·         | CLOSED |
    | CLOSED | !     | !         | !      |
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift(Row):
    """A shift as it stands. `counted`, `expected`, `reasons`: of the close, by tender, as JSON."""

    table = "shifts"

    state: State
    till_id: str
    store_id: str
    cashier: str
    """Who answers for the drawer now."""
    float_fen: int
    currency: str
    fingerprint: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None = None
    closed_by: str = ""
    counted: str = ""
    expected: str = ""
    reasons: str = ""
    safe_fen: int = 0
    bank_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftOpened(Fact):
    till_id: str
    float_fen: int
    drift_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftCounted(Fact):
    """Somebody looked into the drawer in between. `difference_fen`: of the cash; below zero, some is missing."""

    counted: Amounts
    expected: Amounts
    reasons: Mapping[str, str]
    difference_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftHandedOver(Fact):
    """From one cashier to the next, with what was still open then."""

    cashier: str
    taker: str
    counted: Amounts
    expected: Amounts
    reasons: Mapping[str, str]
    difference_fen: int
    still_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftClosed(Fact):
    counted: Amounts
    expected: Amounts
    reasons: Mapping[str, str]
    difference_fen: int
    safe_fen: int
    bank_fen: int
    still_open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What passed in one tender. Units: numbers, fen."""

    tender: str
    taken: int = 0
    taken_fen: int = 0
    back: int = 0
    back_fen: int = 0


@dataclass(frozen=True, slots=True)
class Pending:
    """Something of this till that has no end yet: a payment, a refund, a case."""

    kind: str
    id: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """Cash told after its drawer was counted: it belongs to an earlier shift, and is in none of this one's figures."""

    payment_id: str
    amount_fen: int
    taken_at: datetime
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftAsk:
    """A shift to open. `float_fen`: the cash counted in the drawer."""

    merchant_id: str
    id: str
    till_id: str
    float_fen: int
    by: Person

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        return hashlib.sha256("\x1f".join((self.till_id, str(self.float_fen), self.by.id)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OpeningSeen:
    """What an opening is decided on. `loose_fen`: cash taken less paid out since the drawer was counted last.

    `drift_fen`: what its account holds besides: what was recorded in the very moment of a count, and is in none.
    """

    shift: Shift | None
    store_id: str | None
    open_id: str = ""
    loose_fen: int = 0
    drift_fen: int = 0


@dataclass(frozen=True, slots=True)
class ShiftSeen:
    """What a shift is decided on: itself, what passed in it, what is still open, who takes over, what was told late."""

    shift: Shift | None
    totals: Sequence[Total] = ()
    pending: Sequence[Pending] = ()
    taker: Staff | None = None
    late: Sequence[Late] = ()

    @property
    def expected(self) -> Amounts:
        """What should be there, by tender: of cash with the float, of all else what was taken less what went back."""
        return expected(self.shift.float_fen if self.shift else 0, self.totals)


def expected(float_fen: int, totals: Sequence[Total]) -> Amounts:
    """What should be there, by tender."""
    found = {each.tender: each.taken_fen - each.back_fen for each in totals}
    return {**found, CASH: found.get(CASH, 0) + float_fen}


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAsk:
    """What was counted, by tender; cash must be. `reasons`: why it is not what it should be. `version`: the shift as
    whoever asks saw it, so asking twice counts once."""

    by: Person
    counted: Amounts
    reasons: Mapping[str, str] = field(default_factory=dict)
    version: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "reasons", {tender: kept(why) for tender, why in self.reasons.items() if why})


def open_shift(ask: ShiftAsk, seen: OpeningSeen, at: datetime) -> Change[Shift] | Stay[Shift]:
    """Open a shift: whoever opens it answers for the drawer. Again with the same id and content is the same.

    Law: after it the drawer's account holds what was counted; what that is more than in the books came from the float.
    What a count missed, recorded in its very moment, explains its difference, as cash that is told late does.
    Raises Denied: shift.id_taken, payment.till_unknown, staff.not_allowed, staff.other_store, shift.open_already.
    """
    if seen.shift is not None:
        if seen.shift.fingerprint != ask.fingerprint:
            raise Denied("shift.id_taken", id=ask.id)
        return Stay(seen.shift)
    if seen.store_id is None:
        raise Denied("payment.till_unknown", till=ask.till_id)
    demand(ask.by, "shift", seen.store_id)
    if seen.open_id:
        raise Denied("shift.open_already", shift=seen.open_id)
    shift = Shift(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.SHIFT),
        state=State.OPEN,
        till_id=ask.till_id,
        store_id=seen.store_id,
        cashier=ask.by.id,
        float_fen=ask.float_fen,
        currency="CNY",
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.by.id,
    )
    return Change(
        row=shift,
        at=at,
        who=ask.by.id,
        moves=(
            *_move(DIFFERENCE, cash(ask.till_id), seen.drift_fen),
            *_move(cash(ask.till_id), FLOAT, ask.float_fen - seen.loose_fen),
        ),
        facts=(ShiftOpened(till_id=ask.till_id, float_fen=ask.float_fen, drift_fen=seen.drift_fen),),
    )


def count(ask: CountAsk, seen: ShiftSeen, at: datetime) -> Change[Shift] | Stay[Shift]:
    """Somebody above the cashier counts the drawer in between. Nothing moves: it is written down.

    Raises Denied: see `_counted`.
    """
    shift, differences = _counted(ask, seen, Deed.COUNT, may_be_cashier=False)
    told = ShiftCounted(
        counted=ask.counted, expected=seen.expected, reasons=ask.reasons, difference_fen=differences[CASH]
    )
    return Change(row=replace(shift, version=shift.version + 1), at=at, who=ask.by.id, facts=(told,))


def hand_over(ask: CountAsk, taker_id: str, seen: ShiftSeen, at: datetime) -> Change[Shift] | Stay[Shift]:
    """Another cashier answers for the drawer from now on; both stand in the fact, with the count between them.

    Raises Denied: shift.taker_unknown, shift.same_cashier; see `_counted`.
    """
    was = seen.shift
    if was is not None and was.version == ask.version + 1 and was.cashier == taker_id:
        return Stay(was)
    shift, differences = _counted(ask, seen, Deed.HAND_OVER)
    taker = seen.taker
    if taker is None or not taker.is_active(at) or not may(taker.role, "shift"):
        raise Denied("shift.taker_unknown", staff=taker_id)
    demand(taker.person, "shift", shift.store_id)
    if taker.id == shift.cashier:
        raise Denied("shift.same_cashier", staff=taker_id)
    told = ShiftHandedOver(
        cashier=shift.cashier,
        taker=taker.id,
        counted=ask.counted,
        expected=seen.expected,
        reasons=ask.reasons,
        difference_fen=differences[CASH],
        still_open=len(seen.pending),
    )
    row = replace(shift, version=shift.version + 1, cashier=taker.id)
    return Change(row=row, at=at, who=ask.by.id, facts=(told,))


def close(ask: CountAsk, safe_fen: int, bank_fen: int, seen: ShiftSeen, at: datetime) -> Change[Shift] | Stay[Shift]:
    """Close a shift: the difference is posted, the cash leaves the drawer: to the safe, to the bank, the rest as float.

    Law: the drawer's account is then at zero. What is still open does not hold the close up: it is told.
    Raises Denied: shift.moved_more; see `_counted`.
    """
    was = seen.shift
    if was is not None and was.state is State.CLOSED and _is_again(ask, safe_fen, bank_fen, was):
        return Stay(was)
    shift, differences = _counted(ask, seen, Deed.CLOSE)
    held = ask.counted[CASH]
    if safe_fen + bank_fen > held:
        raise Denied("shift.moved_more", counted_fen=held)
    drawer = cash(shift.till_id)
    told = ShiftClosed(
        counted=ask.counted,
        expected=seen.expected,
        reasons=ask.reasons,
        difference_fen=differences[CASH],
        safe_fen=safe_fen,
        bank_fen=bank_fen,
        still_open=len(seen.pending),
    )
    row = replace(
        shift,
        version=shift.version + 1,
        state=State.CLOSED,
        closed_at=at,
        closed_by=ask.by.id,
        counted=_text(ask.counted),
        expected=_text(seen.expected),
        reasons=_text(ask.reasons),
        safe_fen=safe_fen,
        bank_fen=bank_fen,
    )
    moves = (
        *_move(drawer, DIFFERENCE, differences[CASH]),
        *_move(SAFE, drawer, safe_fen),
        *_move(BANK, drawer, bank_fen),
        *_move(FLOAT, drawer, held - safe_fen - bank_fen),
    )
    return Change(row=row, at=at, who=ask.by.id, moves=moves, facts=(told,))


def _counted(ask: CountAsk, seen: ShiftSeen, deed: Deed, *, may_be_cashier: bool = True) -> tuple[Shift, Amounts]:
    """The shift, if this may be done to it now by whoever asks, and by tender what is more than it should be (or less).

    Raises Denied: shift.unknown, staff.not_allowed, staff.other_store, shift.closed, shift.stale, shift.cash_uncounted,
    shift.reason_missing.
    """
    shift = seen.shift
    if shift is None:
        raise Denied("shift.unknown")
    own = may_be_cashier and ask.by.id == shift.cashier
    demand(ask.by, "shift" if own else "count", shift.store_id)
    if TABLE.turn(shift.state, deed) is Turn.CLASH:
        raise Denied("shift.closed", id=shift.id, by=shift.closed_by)
    if shift.version != ask.version:
        raise Denied("shift.stale", id=shift.id, version=shift.version)
    if CASH not in ask.counted:
        raise Denied("shift.cash_uncounted")
    differences = {tender: fen - seen.expected.get(tender, 0) for tender, fen in ask.counted.items()}
    for tender, fen in differences.items():
        if fen and tender not in ask.reasons:
            raise Denied("shift.reason_missing", channel=tender, difference_fen=fen)
    return shift, differences


def _is_again(ask: CountAsk, safe_fen: int, bank_fen: int, shift: Shift) -> bool:
    asked = (ask.version + 1, ask.by.id, _text(ask.counted), _text(ask.reasons), safe_fen, bank_fen)
    done = (shift.version, shift.closed_by, shift.counted, shift.reasons, shift.safe_fen, shift.bank_fen)
    return asked == done


def _move(source: str, target: str, fen: int) -> tuple[Move, ...]:
    """A move of this much; the other way round where it is below zero."""
    if not fen:
        return ()
    return (Move(source, target, Money(fen)),) if fen > 0 else (Move(target, source, Money(-fen)),)


def _text(found: Mapping[str, int] | Mapping[str, str]) -> str:
    return msgspec.json.encode(dict(sorted(found.items()))).decode()
