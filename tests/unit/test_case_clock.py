"""Who holds a case and until when; and what it means that a deadline went by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.making import NOON, after, case, changed, kinds, payment
from yuanlu.cases import clockwork, review
from yuanlu.cases.clockwork import CLOCK, PLAIN, RANKS, TERMS, Clockwork, Holder
from yuanlu.cases.rules import Case, CaseSeen, Conclusion, Remedy, State
from yuanlu.change import Change, Look, Stay
from yuanlu.clock import business_day
from yuanlu.lawbook import shelf
from yuanlu.lawbook.shapes import Promises
from yuanlu.lawbook.workdays import day_end
from yuanlu.payments.rules import State as PaymentState

S = State
BOOK = shelf.read().on(date(2026, 11, 23))


def wound(row: Case, before: Case | None = None, work: Clockwork = PLAIN, at: datetime = NOON) -> Change[Case]:
    return changed(clockwork.passed(before, Change(row=row, at=at, who="x"), work))


def test_every_state_but_closed_has_a_term() -> None:
    assert set(TERMS) == set(State) - {S.CLOSED}


@pytest.mark.parametrize("state", TERMS)
def test_a_case_that_comes_into_a_state_has_its_holder_and_deadline(state: State) -> None:
    """S69."""
    change = wound(case(state))
    assert (change.row.holder, change.row.due_what) == (TERMS[state].holder, TERMS[state].due)
    assert change.row.due_at == NOON + TERMS[state].within
    assert Look(CLOCK, change.row.id, change.row.due_at) in change.looks
    assert change.row.stands_since == change.row.version


def test_what_only_adds_to_a_case_does_not_put_its_deadline_off() -> None:
    """S67."""
    before = wound(case(S.REVIEW)).row
    change = wound(replace(before, version=3, claimed_by="YW"), before, at=after(days=1))
    assert (change.row.due_at, change.looks) == (before.due_at, ())
    assert change.row.stands_since == before.stands_since


def test_a_closed_case_has_no_deadline_and_no_job() -> None:
    before = wound(case(S.REVIEW)).row
    change = wound(replace(before, state=S.CLOSED), before)
    assert (change.row.holder, change.row.due_at, change.row.due_what) == ("", None, "")
    assert change.looks == (Look(CLOCK, change.row.id, None),)


def test_a_stay_is_left_alone() -> None:
    assert clockwork.passed(case(), Stay(case())) == Stay(case())


def test_a_time_somebody_was_promised_is_that_time_whatever_the_calendar() -> None:
    """S75."""
    slow = Clockwork(after=lambda at, span: at + 3 * span)
    assert wound(case(S.OFFERED, offer_until=after(99)), None, slow).row.due_at == after(99)
    assert wound(case(S.DECLINED, object_until=after(98)), None, slow).row.due_at == after(98)
    assert wound(case(S.REVIEW), None, slow).row.due_at == NOON + 3 * TERMS[S.REVIEW].within


def test_a_payment_that_is_being_ended_is_held_by_us_not_by_the_channel() -> None:
    assert wound(case(S.REMEDY, remedy=Remedy.CANCEL)).row.holder == Holder.SYSTEM
    assert wound(case(S.REMEDY, remedy=Remedy.REFUND_ALL)).row.holder == Holder.CHANNEL


def test_a_day_is_promised_when_a_refund_is_approved_and_said_openly_when_not_kept() -> None:
    """S62."""
    change = wound(case(S.REMEDY, remedy=Remedy.REFUND_ALL))
    assert change.row.promised_on == business_day(NOON + TERMS[S.REMEDY].within)
    assert kinds(change) == ("CasePromised",)
    for days, told in ((3, ()), (4, ("PromiseBroken",))):
        done = replace(change.row, state=S.CLOSED, conclusion=Conclusion.MONEY_BACK)
        closed = wound(done, change.row, at=NOON + timedelta(days=days))
        assert kinds(closed) == told
        late = wound(replace(closed.row, version=9), closed.row, at=NOON + timedelta(days=99))
        assert kinds(late) == (), "what is closed promises nothing any more"


def test_a_promised_day_that_went_by_is_said_to_be_broken_on_the_next_morning_and_once() -> None:
    """S62. S69: nobody waits for the money to say so."""
    row = wound(case(S.REMEDY, remedy=Remedy.REFUND_ALL)).row
    assert row.due_at is not None
    late = changed(clockwork.passed(row, ticked(row, row.due_at))).row
    over = day_end(business_day(NOON + TERMS[S.REMEDY].within))
    assert clockwork.look_at(late) == over
    assert ticked(late, over - timedelta(seconds=1)) == Stay(late)
    change = changed(clockwork.passed(late, ticked(late, over)))
    assert kinds(change) == ("PromiseBroken",)
    assert change.looks == (Look(CLOCK, row.id, late.due_at),)
    assert ticked(change.row, over) == Stay(change.row)


def test_a_day_in_a_year_that_is_not_published_is_promised_as_not_certain() -> None:
    """S62."""
    row = case(S.REMEDY, remedy=Remedy.REFUND_ALL)
    for at, sure in ((datetime(2026, 12, 28, 4, tzinfo=UTC), True), (datetime(2026, 12, 30, 4, tzinfo=UTC), False)):
        change = wound(row, None, clockwork.of_book(BOOK), at)
        assert change.row.promised_certain is sure
        assert kinds(change) == ("CasePromised",) + (() if sure else ("PromiseUncertain",))


# Late.


def ticked(row: Case, at: datetime, work: Clockwork = PLAIN) -> Change[Case] | Stay[Case]:
    return review.tick(work, CaseSeen(row, payment(PaymentState.PAID)), at)


def test_before_the_deadline_nothing_happens() -> None:
    row = wound(case(S.REVIEW)).row
    assert row.due_at is not None
    assert ticked(row, row.due_at - timedelta(seconds=1)) == Stay(row)
    assert isinstance(ticked(row, row.due_at), Change)


@pytest.mark.parametrize("state", [S.OPENED, S.REVIEW, S.SECOND, S.REMEDY, S.ATTENTION])
def test_who_is_late_hands_it_up_the_ladder_and_no_outcome_is_decided(state: State) -> None:
    """S69."""
    row = wound(case(state)).row
    first = row.due_at
    holders = [Holder(row.holder)]
    for step in (1, 2, 3, 4):
        assert row.due_at is not None
        change = changed(ticked(row, row.due_at, clockwork.of_book(BOOK)))
        assert (change.row.state, change.row.due_steps, kinds(change)) == (state, step, ("CaseOverdue",))
        assert change.row.due_at is not None
        assert change.row.due_at > row.due_at
        assert change.row.overdue_since == first
        row = changed(clockwork.passed(row, change)).row
        holders.append(Holder(row.holder))
    ladder = [Holder(step.to) for step in BOOK.one(Promises).ladder]
    assert holders[1:] == [max(holders[0], up, key=RANKS.index) for up in [*ladder, ladder[-1]]]
    assert holders[-1] == Holder.OWNER


def test_a_clock_that_slept_takes_the_step_of_today_at_once() -> None:
    """S69."""
    row = wound(case(S.REVIEW)).row
    assert row.due_at is not None
    change = changed(ticked(row, row.due_at + timedelta(days=14), clockwork.of_book(BOOK)))
    assert (change.row.holder, change.row.due_steps) == (Holder.OWNER, 1)


def test_what_is_late_never_goes_down_the_ladder() -> None:
    """S69: the ladder asks the manager first; what finance has stays with finance."""
    row = wound(case(S.ATTENTION)).row
    assert row.due_at is not None
    assert changed(ticked(row, row.due_at, clockwork.of_book(BOOK))).row.holder == Holder.FINANCE


def test_a_late_step_is_looked_at_again_at_its_new_time() -> None:
    row = wound(case(S.REVIEW)).row
    assert row.due_at is not None
    change = changed(clockwork.passed(row, ticked(row, row.due_at)))
    assert change.looks == (Look(CLOCK, row.id, change.row.due_at),)


@pytest.mark.parametrize(
    ("state", "goal", "fact", "given"),
    [
        (S.NEEDS_INFO, S.REVIEW, "CaseUnanswered", {}),
        (S.OFFERED, S.REVIEW, "OfferExpired", {"offer_until": after(60), "offer_kind": "part"}),
        (S.DECLINED, S.CLOSED, "CaseClosed", {"object_until": after(60)}),
    ],
)
def test_what_waits_for_the_customer_ends_by_time(state: State, goal: State, fact: str, given: Any) -> None:
    """S75."""
    row = wound(case(state, **given)).row
    assert row.due_at is not None
    change = changed(ticked(row, row.due_at))
    assert (change.row.state, kinds(change)) == (goal, (fact,))
    if goal is S.CLOSED:
        assert change.row.conclusion is Conclusion.DECLINED
