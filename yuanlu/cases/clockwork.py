"""Who holds a case, and until when: every open case has one holder, one next deadline and one job that looks at it.

`passed` is the one place that every Change of a case goes through. What turns a case sets the clock anew; what only
adds to it does not. The job `cases.clock` comes at the earliest of three moments (`look_at`):

- `due_at`: an offer or a time to object ends, a question stays unanswered, or somebody is late: then the next one up
  the ladder of the lawbook holds it.
- `warn_at`: a window is about to shut (S67). Of each window and lead time is warned once: what was told stands in the
  row, so a crash, a second run and a clock that jumped change nothing about it. Of several lead times that have come,
  the latest is told; of what has shut, nothing.
- the end of the promised day: it is said openly that it was not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial

from yuanlu.cases.rules import Case, CasePromised, PromiseBroken, PromiseUncertain, Remedy, State
from yuanlu.change import Change, Look, Stay
from yuanlu.clock import business_day
from yuanlu.facts import Fact
from yuanlu.lawbook import promises
from yuanlu.lawbook.promises import Late
from yuanlu.lawbook.shelf import Book
from yuanlu.lawbook.workdays import day_end
from yuanlu.refunds.windows import Window

CLOCK = "cases.clock"


class Holder(StrEnum):
    """Who has the ball, the lowest first: what is late goes up, never down."""

    CUSTOMER = "customer"
    CHANNEL = "channel"
    SYSTEM = "system"
    CASHIER = "cashier"
    MANAGER = "manager"
    FINANCE = "finance"
    OWNER = "owner"


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


RANKS = tuple(Holder)


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


Ladder = Callable[[datetime, datetime], Late | None]
"""The step on which something stands that was due then, at a moment."""
Windows = Callable[[Case, datetime], Sequence[Window]]
"""What of a case is open at a moment, and when it shuts."""


def no_ladder(_: datetime, __: datetime) -> None:
    """Who is late is told so, and keeps it."""


def none_shut(_: Case, __: datetime) -> Sequence[Window]:
    """Nothing ever shuts."""
    return ()


def every_year(_: date) -> bool:
    """The working days of every year are known."""
    return True


@dataclass(frozen=True, slots=True)
class Clockwork:
    """The terms, how time is counted, of which years that is certain, and who is asked when something is late."""

    after: After = plain_hours
    terms: Mapping[State, Term] | None = None
    knows: Callable[[date], bool] = every_year
    late: Ladder = no_ladder

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
    return Clockwork(book.calendar.after, terms, book.calendar.knows, partial(promises.late, book))


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseWarned(Fact):
    """A window is about to shut, and `holder` has the case. `lead`: so many seconds before it people are warned."""

    window: str
    shuts_at: str
    holder: str
    lead: int


def passed(
    before: Case | None, decision: Change[Case] | Stay[Case], clockwork: Clockwork = PLAIN, shown: Windows = none_shut
) -> Change[Case] | Stay[Case]:
    """The decision with its holder, deadline and warnings: the one place that every Change of a case goes through.

    Law: a case that is open has one holder, one deadline and one job at the next moment; a closed one has none of them.
    """
    if isinstance(decision, Stay):
        return decision
    case, at = decision.row, decision.at
    was_open = before is not None and before.state is not State.CLOSED
    turns = before is None or before.state is not case.state or (before.due_at is None and was_open)
    row = _wound(case, at, clockwork) if turns else case
    row, broken = _broken(row, at) if was_open else (row, ())
    row, promised = _promised(row, at, clockwork) if turns else (row, ())
    row, warned = _warned(row, at, shown(row, at), turns=turns)
    looks = decision.looks
    if before is None or look_at(row) != look_at(before):
        looks = (*looks, Look(CLOCK, row.id, look_at(row)))
    return replace(decision, row=row, facts=(*decision.facts, *broken, *promised, *warned), looks=looks)


def look_at(case: Case) -> datetime | None:
    """When the clock of a case looks at it next; None: it is closed."""
    if case.due_at is None:
        return None
    over = day_end(case.promised_on) if case.promised_on is not None and not case.promise_broken else None
    return min(moment for moment in (case.due_at, case.warn_at, over) if moment is not None)


def _wound(case: Case, at: datetime, clockwork: Clockwork) -> Case:
    row = replace(case, stands_since=case.version, due_steps=0, overdue_since=None)
    if case.state is State.CLOSED:
        return replace(row, holder="", due_at=None, due_what="")
    term = clockwork.term(case.state)
    held = {Remedy.CANCEL: Holder.SYSTEM, Remedy.REPAYMENT: Holder.FINANCE} if case.state is State.REMEDY else {}
    holder = held.get(case.remedy, term.holder)
    return replace(row, holder=holder.value, due_at=clockwork.due(case, at), due_what=term.due.value)


def _broken(case: Case, at: datetime) -> tuple[Case, tuple[Fact, ...]]:
    """It is said openly, once, that a promised day went by without the money."""
    day = case.promised_on
    if day is None or case.promise_broken or business_day(at) <= day:
        return case, ()
    return replace(case, promise_broken=True), (PromiseBroken(on=day.isoformat()),)


def _promised(case: Case, at: datetime, clockwork: Clockwork) -> tuple[Case, tuple[Fact, ...]]:
    """A day is promised when a refund is approved: where its year is not published yet, that is said beside it."""
    if case.state is not State.REMEDY or case.remedy is Remedy.CANCEL or case.due_at is None:
        return case, ()
    day = business_day(case.due_at)
    certain = clockwork.knows(business_day(at)) and clockwork.knows(day)
    row = replace(case, promised_on=day, promised_certain=certain, promise_broken=False)
    unsure = () if certain else (PromiseUncertain(on=day.isoformat()),)
    return row, (CasePromised(on=day.isoformat()), *unsure)


def _warned(case: Case, at: datetime, shown: Sequence[Window], *, turns: bool) -> tuple[Case, tuple[Fact, ...]]:
    """The warnings that are due, and when the next one is.

    Law: of each window and lead time once, and no more of a longer lead time after a shorter one. What the customer is
    given time for this very moment says itself until when.
    """
    told: dict[str, int] = {mark: lead for mark, lead in warned_of(case).items() if _end_of(mark) > at}
    facts: list[Fact] = []
    for window in shown:
        lead, mark = window.lead(at), f"{window.name}@{window.shuts_at.isoformat()}"
        if lead is None or told.get(mark, lead.total_seconds() + 1) <= lead.total_seconds():
            continue
        told[mark] = int(lead.total_seconds())
        if not (turns and window.name == case.due_what):
            facts.append(
                CaseWarned(
                    window=window.name, shuts_at=window.shuts_at.isoformat(), holder=case.holder, lead=told[mark]
                )
            )
    moments = [moment for window in shown if (moment := window.next_warning(at)) is not None]
    kept = " ".join(f"{mark}={lead}" for mark, lead in sorted(told.items()))
    return replace(case, warned=kept, warn_at=min(moments, default=None)), tuple(facts)


def warned_of(case: Case) -> Mapping[str, int]:
    """Of which windows was warned, as `name@end`, and the shortest lead time (seconds) it was done with."""
    pairs = (each.rpartition("=") for each in case.warned.split())
    return {mark: int(lead) for mark, _, lead in pairs}


def warned_ends(case: Case) -> Mapping[str, datetime]:
    """Of which windows was warned and when they shut, by name; of two with one name the next to shut."""
    ends = sorted((_end_of(mark), mark.partition("@")[0]) for mark in warned_of(case))
    return {name: end for end, name in reversed(ends)}


def _end_of(mark: str) -> datetime:
    return datetime.fromisoformat(mark.partition("@")[2])


def is_due(case: Case, at: datetime) -> bool:
    """Whether the deadline of an open case has come."""
    return case.state is not State.CLOSED and case.due_at is not None and case.due_at <= at


def is_to_look(case: Case, at: datetime) -> bool:
    """Whether there is something else for the clock of an open case to say."""
    moment = look_at(case)
    return case.state is not State.CLOSED and moment is not None and moment <= at


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOverdue(Fact):
    """`holder` was late with `due`; now `next_holder` has it. `step` counts."""

    due: str
    holder: str
    next_holder: str
    step: int


def overdue(case: Case, at: datetime, clockwork: Clockwork = PLAIN) -> Change[Case]:
    """Somebody is late: whoever the lawbook's ladder names by now holds it, until its next step.

    What the case waits for stays due, and whose job it is stays known: a deadline decides no outcome. At the top, and
    where a ladder names somebody lower than who holds it, it stays where it is, with as much time again.
    """
    since = case.overdue_since or case.due_at or at
    late = clockwork.late(since, at)
    holder = Holder(case.holder) if case.holder else Holder.SYSTEM
    up = holder if late is None else max(holder, Holder(late.step.to), key=RANKS.index)
    again = clockwork.after(at, clockwork.term(case.state).within)
    row = replace(
        case,
        version=case.version + 1,
        holder=up.value,
        due_at=again if late is None or late.next_at is None else late.next_at,
        due_steps=case.due_steps + 1,
        overdue_since=since,
    )
    told = CaseOverdue(due=case.due_what, holder=holder.value, next_holder=up.value, step=row.due_steps)
    return Change(row=row, at=at, who="system", facts=(told,))
