"""Which cases one person may approve by one act: what is plain, little, and asked for one and the same reason.

About a single case nothing is judged here that is not judged of every approval: `review.approve` decides, and only what
it would carry out at once, without a second person, goes along. Each is then approved by itself, on the version that
was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from yuanlu.cases import review, twins
from yuanlu.cases.review import Act
from yuanlu.cases.rules import BY_PEOPLE, Case, CaseSeen, State, What
from yuanlu.change import Change
from yuanlu.errors import Denied
from yuanlu.people.rules import Person
from yuanlu.people.stepup import REFUND_FREE_FEN

MOST = 20
"""So many are still read before they are approved."""
REASONS = tuple(what for what in BY_PEOPLE if what is not What.OTHER)
"""What can be an equal reason: "other" is a different thing each time."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A case that somebody would approve, and the causes that were found about it."""

    id: str
    seen: CaseSeen
    causes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What would go back for a case. `no`: why it does not go along; then nothing would."""

    id: str
    case: Case | None
    amount_fen: int = 0
    no: Denied | None = None


@dataclass(frozen=True, slots=True)
class Together:
    """Some cases, each weighed. `no`: why those that may go along by themselves do not go along with each other.

    Law: where `no` is None, those without one are 1 to `MOST`, for one reason, and within what their approver may send
    back today.
    """

    items: tuple[Weighed, ...]
    no: Denied | None = None

    @property
    def those(self) -> tuple[Weighed, ...]:
        """The cases that go along."""
        return tuple(each for each in self.items if each.no is None)

    @property
    def sum_fen(self) -> int:
        """What they come to."""
        return sum(each.amount_fen for each in self.those)


def weigh(by: Person, chosen: Sequence[Chosen], at: datetime) -> Together:
    """Which of these one person may approve together, now."""
    items = tuple(_weighed(by, each, at) for each in chosen)
    return Together(items, _no(by, chosen, Together(items), at))


def _weighed(by: Person, one: Chosen, at: datetime) -> Weighed:
    case = one.seen.case
    if case is None or by.store_id not in ("", case.store_id):
        return Weighed(one.id, None, no=Denied("case.unknown"))
    try:
        return Weighed(one.id, case, _amount_fen(by, case, one, at))
    except Denied as no:
        return Weighed(one.id, case, no=no)


def _amount_fen(by: Person, case: Case, one: Chosen, at: datetime) -> int:
    """What would be sent back at once. Raises Denied: why it is looked at by itself; what `review.approve` raises."""
    decision = review.approve(Act(by=by, version=case.version), None, one.seen, at)
    decision = twins.passed(one.seen, decision)
    assert isinstance(decision, Change)  # an approval is never nothing
    row = decision.row
    if row.state is State.SECOND:
        raise Denied("case.together_second")
    if row.approved_fen > REFUND_FREE_FEN:
        raise Denied("case.together_large", limit_fen=REFUND_FREE_FEN)
    if one.causes or case.what not in REASONS or case.barred or case.escalations or case.legal_hold:
        raise Denied("case.together_doubtful")
    return row.approved_fen


def _no(by: Person, chosen: Sequence[Chosen], found: Together, at: datetime) -> Denied | None:
    if len(chosen) > MOST:
        return Denied("case.together_many", most=MOST)
    if not found.those:
        return Denied("case.together_none")
    if len({each.case.what for each in found.those if each.case is not None}) > 1:
        return Denied("case.together_reason")
    purse = next(each.seen.purse for each in chosen if each.seen.case is not None)
    try:
        purse.demand_day(by, found.sum_fen, at)
    except Denied as no:
        return no
    return None
