"""The clock of a case counts in the working days and by the promises of the lawbook."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.making import case
from yuanlu.cases import clockwork
from yuanlu.cases.clockwork import PARTS, TERMS, Clockwork
from yuanlu.cases.rules import Case, State
from yuanlu.change import Change
from yuanlu.clock import business_day
from yuanlu.lawbook import promises, shelf

EVE = datetime(2026, 9, 30, 4, tzinfo=UTC)
"""Noon in China on the last day before the National Day holiday."""
BOOK = shelf.read().on(business_day(EVE))
WORK = clockwork.of_book(BOOK)


def turned(state: State, at: datetime, work: Clockwork = WORK) -> Case:
    """A case that comes into this state now."""
    before = case(State.OPENED, holder="system", due_at=at)
    decision = Change(row=replace(before, version=3, state=state), at=at, who="system")
    passed = clockwork.passed(before, decision, work)
    assert isinstance(passed, Change)
    return passed.row


@pytest.mark.parametrize("state", PARTS)
def test_each_state_that_waits_for_people_lasts_as_many_working_days_as_are_promised(state: State) -> None:
    """S62. S69."""
    row = turned(state, EVE)
    assert row.due_at is not None
    assert (
        BOOK.calendar.between(business_day(EVE), business_day(row.due_at))
        == promises.part(BOOK, PARTS[state]).working_days
    )
    assert BOOK.calendar.is_working_day(business_day(row.due_at))


def test_a_review_over_national_day_is_due_when_the_shop_has_worked_two_days() -> None:
    """S62. S69."""
    assert turned(State.REVIEW, EVE).due_at == datetime(2026, 10, 9, 4, tzinfo=UTC)
    assert turned(State.REVIEW, EVE, clockwork.PLAIN).due_at == EVE + timedelta(days=2)


def test_the_live_check_is_due_in_minutes_on_any_day() -> None:
    holiday = EVE + timedelta(days=2)
    assert WORK.due(case(State.OPENED), holiday) == holiday + TERMS[State.OPENED].within


def test_what_was_promised_to_the_customer_is_a_day_that_is_worked() -> None:
    """S62."""
    row = turned(State.REMEDY, EVE)
    assert row.promised_on == date(2026, 10, 10)  # a Saturday that is worked


def test_who_is_late_over_a_holiday_is_given_working_days_again() -> None:
    """S69."""
    late = clockwork.overdue(turned(State.REVIEW, EVE), datetime(2026, 10, 9, 4, tzinfo=UTC), WORK)
    assert late.row.due_at == datetime(2026, 10, 10, 16, tzinfo=UTC)  # when the Saturday that is worked is over
    assert late.row.holder == "manager"
    later = clockwork.overdue(late.row, late.row.due_at, WORK)
    assert (later.row.holder, later.row.due_at) == ("finance", datetime(2026, 10, 13, 16, tzinfo=UTC))
