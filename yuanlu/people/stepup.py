"""Step-up, as a rule: somebody is sure of exactly this act, once.

`guarded` puts it round any other rule: what a step-up permits and that it is spent are one Change, recorded whole or
not at all. The database takes each step-up once (`step_ups_spent`), whoever comes at the same time.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.people.signin import By

FRESH_FOR = timedelta(minutes=5)
REFUND_FREE_FEN = 20_000
"""Up to here a refund or an approval needs no step-up."""

S = TypeVar("S")
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody is sure of. `payee`: whom money goes to, as the object says it (for a refund: the payment)."""

    verb: str
    object_id: str
    amount_fen: int = 0
    payee: str = ""

    @property
    def digest(self) -> str:
        """What it is known by: another verb, object, amount or payee has another."""
        text = "\x1f".join((self.verb, self.object_id, str(self.amount_fen), self.payee))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp(Row):
    """One proof for one act."""

    table = "step_ups"

    staff_id: str
    digest: str
    by: By
    proof: str
    made_at: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppedUp(Fact):
    """Somebody proved themselves for one act."""

    verb: str
    object_id: str
    amount_fen: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpUsed(Fact):
    """This was permitted by a step-up, which is spent."""

    step_up: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUpEnded(Fact):
    """A step-up permits nothing any more, though its time was not over."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What a rule sees of a step-up: whether one is demanded of this person, and the one they name."""

    is_demanded: bool
    step_up: StepUp | None = None
    is_spent: bool = False


def make(row: StepUp, act: Act, is_proof_used: bool, seen: StepUp | None, at: datetime) -> Change[StepUp]:
    """Write a proof down.

    Raises Denied: signin.passkey_wrong (its answer proved something already).
    """
    if seen is not None or is_proof_used:
        raise Denied("signin.passkey_wrong")
    row = replace(row, version=1, digest=act.digest, made_at=at, until=at + FRESH_FOR)
    fact = SteppedUp(verb=act.verb, object_id=act.object_id, amount_fen=act.amount_fen, by=row.by)
    return Change(row=row, at=at, who=row.staff_id, facts=(fact,))


def demand(act: Act, who: str, proof: Proof, at: datetime) -> StepUp | None:
    """The step-up that permits this act; None where none is demanded.

    Raises Denied: step_up.needed, step_up.used, step_up.stale, step_up.differs.
    """
    if not proof.is_demanded:
        return None
    row = proof.step_up
    if row is None or row.staff_id != who:
        raise Denied("step_up.needed", verb=act.verb, object=act.object_id, amount_fen=act.amount_fen, payee=act.payee)
    if not hmac.compare_digest(row.digest, act.digest):
        raise Denied("step_up.differs")
    if proof.is_spent:
        raise Denied("step_up.used")
    if at >= row.until:
        raise Denied("step_up.stale")
    return row


def guarded(
    act_of: Callable[[R], Act | None],
    who: str,
    rule: Callable[[S, datetime], Change[R] | Stay[R]],
    seen: tuple[S, Proof],
    at: datetime,
) -> Change[R] | Stay[R]:
    """What the rule decides, if it is permitted. What changes nothing needs no permission.

    `act_of`: what would be done, read off the row that would be written; None where nobody need be sure of it.
    Raises what `demand` and the rule raise.
    """
    ground, proof = seen
    decision = rule(ground, at)
    act = act_of(decision.row) if isinstance(decision, Change) else None
    if isinstance(decision, Stay) or act is None:
        return decision
    spent = demand(act, who, proof, at)
    if spent is None:
        return decision
    return replace(decision, step_up=spent.id, facts=(*decision.facts, StepUpUsed(step_up=spent.id)))


def end(who: str, seen: StepUp | None, at: datetime) -> Change[StepUp] | Stay[StepUp]:
    """Let a step-up permit nothing any more."""
    assert seen is not None  # rows are never taken away
    if at >= seen.until:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, until=at)
    return Change(row=row, at=at, who=who, facts=(StepUpEnded(),))


def spend(act: Act, who: str, proof: Proof, at: datetime) -> Change[StepUp] | None:
    """Spend a step-up on an act that changes no row of its own; None where none is demanded.

    Raises Denied: see `demand`.
    """
    row = demand(act, who, proof, at)
    if row is None:
        return None
    row = replace(row, version=row.version + 1)
    return Change(row=row, at=at, who=who, step_up=row.id, facts=(StepUpUsed(step_up=row.id),))
