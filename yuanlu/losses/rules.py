"""Who bears what when money is lost, and what came of it.

A loss is written down once, with its case, its cause and who bears it: the merchant, the cashier, the provider or the
payer (who got too much and has not given it back). What is recovered and what is written off is added up against it.
Its moves are between accounts of their own and touch no payer's money: what went back to whom stands in the refunds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import LOST, WRITTEN_OFF, Move, loss
from yuanlu.money import Money
from yuanlu.people.rules import Person, Role, demand

ALONE_MAX_FEN = 20_000
"""Up to this whoever recorded a loss may write it off alone."""


class State(StrEnum):
    OPEN = "OPEN"
    SETTLED = "SETTLED"
    """All of it is recovered or written off."""


class Bearer(StrEnum):
    MERCHANT = "merchant"
    CASHIER = "cashier"
    PROVIDER = "provider"
    PAYER = "payer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss(Row):
    """A loss as it stands. Law: recovered and written off never exceed the amount."""

    table = "losses"

    state: State
    case_id: str
    cause: str
    bearer: Bearer
    amount_fen: int
    recovered_fen: int = 0
    written_off_fen: int = 0
    currency: str
    fingerprint: str
    recorded_at: datetime
    recorded_by: str
    settled_at: datetime | None = None

    @property
    def open_fen(self) -> int:
        return self.amount_fen - self.recovered_fen - self.written_off_fen


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRecorded(Fact):
    case_id: str
    cause: str
    bearer: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LossRecovered(Fact):
    amount_fen: int
    open_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWrittenOff(Fact):
    amount_fen: int
    open_fen: int
    recorded_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LossAsk:
    """A loss to write down. `cause`: a code of what went wrong."""

    merchant_id: str
    id: str
    case_id: str
    cause: str
    bearer: Bearer
    amount: Money
    who: str
    role: str = "machine"

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content = (self.case_id, self.cause, self.bearer, str(self.amount.amount), self.amount.currency)
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class LossSeen:
    """What a loss is decided on: itself, and whether its case is there."""

    loss: Loss | None
    has_case: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Money recovered, or written off. `version`: the loss as whoever asks saw it, so asking twice counts once."""

    amount: Money
    version: int
    who: str
    role: str = "machine"


def record(ask: LossAsk, seen: LossSeen, at: datetime) -> Change[Loss] | Stay[Loss]:
    """Write a loss down.

    Asking again with the same id and content gives the same loss back. Raises Denied: loss.id_taken, staff.not_allowed,
    loss.case_unknown, loss.amount.
    """
    if seen.loss is not None:
        if seen.loss.fingerprint != ask.fingerprint:
            raise Denied("loss.id_taken", id=ask.id)
        return Stay(seen.loss)
    demand(Person(ask.who, Role(ask.role)), "lose")
    if not seen.has_case:
        raise Denied("loss.case_unknown", id=ask.case_id)
    if ask.amount.amount <= 0:
        raise Denied("loss.amount", open_fen=0)
    row = Loss(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.LOSS),
        state=State.OPEN,
        case_id=ask.case_id,
        cause=ask.cause,
        bearer=ask.bearer,
        amount_fen=ask.amount.amount,
        currency=ask.amount.currency,
        fingerprint=ask.fingerprint,
        recorded_at=at,
        recorded_by=ask.who,
    )
    told = LossRecorded(case_id=row.case_id, cause=row.cause, bearer=row.bearer, amount_fen=row.amount_fen)
    return Change(row=row, at=at, who=ask.who, facts=(told,), moves=(Move(LOST, loss(row.bearer), ask.amount),))


def recover(ask: Settling, seen: LossSeen, at: datetime) -> Change[Loss]:
    """Money came back from the bearer.

    Raises Denied: loss.unknown, staff.not_allowed, loss.stale, loss.amount.
    """
    row = _open(ask, seen)
    after = replace(row, recovered_fen=row.recovered_fen + ask.amount.amount)
    told = LossRecovered(amount_fen=ask.amount.amount, open_fen=after.open_fen)
    return _settled(ask, after, told, Move(loss(row.bearer), LOST, ask.amount), at)


def write_off(ask: Settling, seen: LossSeen, at: datetime) -> Change[Loss]:
    """Nobody will make it good.

    Law: above the limit it takes another person than the one who recorded it; parts count together.
    Raises Denied: loss.unknown, staff.not_allowed, loss.stale, loss.amount, loss.same_person.
    """
    row = _open(ask, seen)
    after = replace(row, written_off_fen=row.written_off_fen + ask.amount.amount)
    if after.written_off_fen > ALONE_MAX_FEN and ask.who == row.recorded_by:
        raise Denied("loss.same_person", limit_fen=ALONE_MAX_FEN)
    told = LossWrittenOff(amount_fen=ask.amount.amount, open_fen=after.open_fen, recorded_by=row.recorded_by)
    return _settled(ask, after, told, Move(loss(row.bearer), WRITTEN_OFF, ask.amount), at)


def _open(ask: Settling, seen: LossSeen) -> Loss:
    if seen.loss is None:
        raise Denied("loss.unknown")
    demand(Person(ask.who, Role(ask.role)), "lose")
    if seen.loss.version != ask.version:
        raise Denied("loss.stale", id=seen.loss.id, version=seen.loss.version, open_fen=seen.loss.open_fen)
    if ask.amount.currency != seen.loss.currency or not 0 < ask.amount.amount <= seen.loss.open_fen:
        raise Denied("loss.amount", open_fen=seen.loss.open_fen)
    return seen.loss


def _settled(ask: Settling, row: Loss, fact: Fact, move: Move, at: datetime) -> Change[Loss]:
    is_settled = not row.open_fen
    after = replace(
        row,
        version=row.version + 1,
        state=State.SETTLED if is_settled else State.OPEN,
        settled_at=at if is_settled else None,
    )
    return Change(row=after, at=at, who=ask.who, facts=(fact,), moves=(move,))
