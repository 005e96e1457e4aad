"""Who holds a case, and until when: every open case has one holder and one next deadline.

`passed` is the one place that every Change of a case goes through. What turns a case sets the clock anew; what only
adds to it does not. When a deadline goes by, the job `cases.clock` finds out what that means: an offer that ends, a
time to object that is over, a question that stays unanswered, or somebody late. Then the next one up holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu.cases.rules import Case, CasePromised, Conclusion, PromiseBroken, Remedy, State
from yuanlu.change import Change, Look, Stay
from yuanlu.clock import business_day
from yuanlu.facts import Fact
from yuanlu.lawbook import promises
from yuanlu.lawbook.shelf import Book

CLOCK = "cases.clock"


class Holder(StrEnum):
    """Who has the ball."""

    CUSTOMER = "customer"
    CASHIER = "cashier"
    MANAGER = "manager"
    FINANCE = "finance"
    OWNER = "owner"
    CHANNEL = "channel"
    SYSTEM = "system"


class Due(StrEnum):
    """What is due next."""

    CHECK = "check"
    REVIEW = "review"
    SECOND = "second"
    ANSWER = "answer"
    OFFER = "offer"
    REMEDY = "remedy"
    ATTEND = "attend"
    OBJECTION = "objection"


LADDER: Mapping[Holder, Holder] = {
    Holder.CASHIER: Holder.MANAGER,
    Holder.MANAGER: Holder.OWNER,
    Holder.FINANCE: Holder.OWNER,
    Holder.OWNER: Holder.OWNER,
    Holder.SYSTEM: Holder.MANAGER,
    Holder.CHANNEL: Holder.FINANCE,
    Holder.CUSTOMER: Holder.MANAGER,
}
"""Who holds it next when somebody is late."""


@dataclass(frozen=True, slots=True)
class Term:
    """Of a state: who holds it, what is due, and within which span (working hours, where there is a calendar)."""

    holder: Holder
    due: Due
    within: timedelta


TERMS: Mapping[State, Term] = {
    State.OPENED: Term(Holder.SYSTEM, Due.CHECK, timedelta(minutes=30)),
    State.REVIEW: Term(Holder.MANAGER, Due.REVIEW, timedelta(days=2)),
    State.SECOND: Term(Holder.FINANCE, Due.SECOND, timedelta(days=1)),
    State.NEEDS_INFO: Term(Holder.CUSTOMER, Due.ANSWER, timedelta(days=7)),
    State.OFFERED: Term(Holder.CUSTOMER, Due.OFFER, timedelta(days=3)),
    State.REMEDY: Term(Holder.CHANNEL, Due.REMEDY, timedelta(days=3)),
    State.ATTENTION: Term(Holder.FINANCE, Due.ATTEND, timedelta(days=1)),
    State.DECLINED: Term(Holder.CUSTOMER, Due.OBJECTION, timedelta(days=15)),
}

After = Callable[[datetime, timedelta], datetime]
"""The moment a span of working time after another: days of the calendar that count, hours as they are."""


def plain_hours(at: datetime, span: timedelta) -> datetime:
    """Every day counts."""
    return at + span


@dataclass(frozen=True, slots=True)
class Clockwork:
    """The terms, and how time is counted."""

    after: After = plain_hours
    terms: Mapping[State, Term] | None = None

    def term(self, state: State) -> Term:
        return (self.terms or TERMS)[state]

    def due(self, case: Case, at: datetime) -> datetime:
        """When what the case now waits for is due: a time somebody was promised is that time, whatever the day."""
        promised = {State.OFFERED: case.offer_until, State.DECLINED: case.object_until}.get(case.state)
        return promised or self.after(at, self.term(case.state).within)


PLAIN = Clockwork()

PARTS: Mapping[State, str] = {
    State.REVIEW: "review",
    State.SECOND: "second",
    State.NEEDS_INFO: "needs_info",
    State.OFFERED: "offer",
    State.ATTENTION: "attention",
    State.DECLINED: "objection",
}
"""Which part of the shop's promises in the lawbook says how long a state may last."""


def of_book(book: Book) -> Clockwork:
    """The clockwork by what counts on a day: the spans the shop promises, in working days."""
    spans = {state: timedelta(days=promises.part(book, part).working_days) for state, part in PARTS.items()}
    terms = {state: replace(term, within=spans.get(state, term.within)) for state, term in TERMS.items()}
    return Clockwork(book.calendar.after, terms)


def passed(
    before: Case | None, decision: Change[Case] | Stay[Case], clockwork: Clockwork = PLAIN
) -> Change[Case] | Stay[Case]:
    """The decision with its holder and deadline: the one place that every Change of a case goes through.

    Law: a case that is open has one holder, one deadline and a job at that time; a closed one has none of them.
    """
    if isinstance(decision, Stay):
        return decision
    case = decision.row
    turns = before is None or before.state is not case.state or before.due_at is None
    row = _wound(case, decision.at, clockwork) if turns else case
    row, promised = _promised(before, row, turns=turns)
    looks = decision.looks
    if before is None or row.due_at != before.due_at:
        looks = (*looks, Look(CLOCK, row.id, row.due_at))
    return replace(decision, row=row, facts=(*decision.facts, *promised), looks=looks)


def _wound(case: Case, at: datetime, clockwork: Clockwork) -> Case:
    if case.state is State.CLOSED:
        return replace(case, stands_since=case.version, holder="", due_at=None, due_what="", due_steps=0)
    term = clockwork.term(case.state)
    held = {Remedy.CANCEL: Holder.SYSTEM, Remedy.REPAYMENT: Holder.FINANCE} if case.state is State.REMEDY else {}
    holder = held.get(case.remedy, term.holder)
    return replace(
        case,
        stands_since=case.version,
        holder=holder.value,
        due_at=clockwork.due(case, at),
        due_what=term.due.value,
        due_steps=0,
    )


def _promised(before: Case | None, case: Case, *, turns: bool) -> tuple[Case, tuple[Fact, ...]]:
    """A day is promised when a refund is approved; it is said openly when the day was not kept."""
    if not turns:
        return case, ()
    if case.state is State.REMEDY and case.remedy is not Remedy.CANCEL and case.due_at is not None:
        day = business_day(case.due_at)
        return replace(case, promised_on=day), (CasePromised(on=day.isoformat()),)
    day_before = before.promised_on if before is not None else None
    is_back = case.state is State.CLOSED and case.conclusion is Conclusion.MONEY_BACK
    if is_back and day_before is not None and case.closed_at is not None and business_day(case.closed_at) > day_before:
        return case, (PromiseBroken(on=day_before.isoformat()),)
    return case, ()


def is_due(case: Case, at: datetime) -> bool:
    """Whether the deadline of an open case has come."""
    return case.state is not State.CLOSED and case.due_at is not None and case.due_at <= at


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOverdue(Fact):
    """`holder` was late with `due`; now `next_holder` has it. `step` counts."""

    due: str
    holder: str
    next_holder: str
    step: int


def overdue(case: Case, at: datetime, clockwork: Clockwork = PLAIN) -> Change[Case]:
    """Somebody is late: the next one up the ladder holds it, with as much time again.

    What the case waits for stays due, and whose job it is stays known: a deadline decides no outcome.
    """
    holder = Holder(case.holder) if case.holder else Holder.SYSTEM
    up, step = LADDER[holder], case.due_steps + 1
    due_at = clockwork.after(at, clockwork.term(case.state).within)
    row = replace(case, version=case.version + 1, holder=up.value, due_at=due_at, due_steps=step)
    told = CaseOverdue(due=case.due_what, holder=holder.value, next_holder=up.value, step=step)
    return Change(row=row, at=at, who="system", facts=(told,))
