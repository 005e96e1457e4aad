"""Working days of China, judged by a library that was made by others."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.lawbook import shelf
from yuanlu.lawbook.workdays import Promised, day_end

SHELF = shelf.read()
TODAY = date(2026, 11, 26)
CALENDAR = SHELF.on(TODAY).calendar
ONE = timedelta(days=1)

DAYS = st.dates(date(2025, 1, 1), date(2026, 12, 31))


def days_of(year: int) -> list[date]:
    return [date(year, 1, 1) + n * ONE for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]


@pytest.mark.parametrize("year", [2025, 2026])
def test_every_day_of_both_years_is_what_the_judge_says(year: int) -> None:
    """S62."""
    assert [day for day in days_of(year) if CALENDAR.is_working_day(day) != chinese_calendar.is_workday(day)] == []


@given(DAYS, st.integers(1, 60))
def test_so_many_working_days_on_is_the_day_the_judge_counts_to(day: date, days: int) -> None:
    """S62."""
    promised = CALENDAR.add_working_days(day, days)
    assert promised.on is not None
    if promised.on.year > 2026:
        assert not promised.certain
        return
    assert promised.certain
    assert chinese_calendar.is_workday(promised.on)
    assert len(chinese_calendar.get_workdays(day + ONE, promised.on)) == days
    assert CALENDAR.between(day, promised.on) == days


@given(DAYS, st.integers(1, 365))
def test_more_days_end_later_and_never_on_a_holiday(day: date, days: int) -> None:
    here, there = CALENDAR.add_working_days(day, days), CALENDAR.add_working_days(day, days + 1)
    assert here.on is not None
    assert there.on is not None
    assert day <= here.on < there.on
    assert CALENDAR.is_working_day(here.on)
    assert here.certain or not there.certain


@given(DAYS, st.integers(1, 60))
def test_who_begins_later_does_not_end_sooner(day: date, days: int) -> None:
    here, there = CALENDAR.add_working_days(day, days).on, CALENDAR.add_working_days(day + ONE, days).on
    assert here is not None
    assert there is not None
    assert here <= there


def test_no_days_on_is_the_day_itself_or_the_next_working_day() -> None:
    assert CALENDAR.add_working_days(date(2026, 11, 26), 0) == Promised(date(2026, 11, 26))
    assert CALENDAR.add_working_days(date(2026, 10, 1), 0) == Promised(date(2026, 10, 8))


def test_a_promise_over_national_day_counts_the_saturday_that_is_worked() -> None:
    """S62."""
    assert CALENDAR.add_working_days(date(2026, 9, 30), 3) == Promised(date(2026, 10, 10))


def test_a_year_that_is_not_published_is_not_certain() -> None:
    """S62."""
    assert CALENDAR.add_working_days(date(2026, 12, 31), 1) == Promised(date(2027, 1, 1), certain=False)
    assert CALENDAR.add_working_days(date(2024, 6, 3), 1) == Promised(date(2024, 6, 4), certain=False)


def test_a_notice_counts_from_the_day_it_was_published() -> None:
    before, after = SHELF.on(date(2025, 11, 3)).calendar, SHELF.on(date(2025, 11, 4)).calendar
    assert not before.add_working_days(date(2026, 1, 5), 1).certain
    assert after.add_working_days(date(2026, 1, 5), 1).certain


@pytest.mark.parametrize(("day", "days"), [(TODAY, -1), (TODAY, 367), (date(1, 1, 1), 1), (date(9999, 12, 31), 1)])
def test_what_cannot_be_counted_is_denied(day: date, days: int) -> None:
    with pytest.raises(Denied, match=r"workdays\.out_of_range"):
        CALENDAR.add_working_days(day, days)


def test_a_business_day_ends_at_midnight_in_china() -> None:
    assert day_end(TODAY) == datetime(2026, 11, 26, 16, tzinfo=UTC)


def test_a_span_of_working_time_skips_what_is_not_worked_and_keeps_the_hour() -> None:
    """S62. S69."""
    eve = datetime(2026, 9, 30, 4, tzinfo=UTC)  # noon in China
    assert CALENDAR.after(eve, timedelta(days=2)) == datetime(2026, 10, 9, 4, tzinfo=UTC)
    assert CALENDAR.after(eve, timedelta(days=1, hours=2)) == datetime(2026, 10, 8, 6, tzinfo=UTC)
    assert CALENDAR.after(eve, timedelta(minutes=30)) == eve + timedelta(minutes=30)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC)), st.integers(0, 90))  # noqa: DTZ001
def test_a_span_of_working_days_is_as_long_as_its_days(at: datetime, days: int) -> None:
    there = CALENDAR.after(at, timedelta(days=days))
    assert there.time() == at.time()
    assert there >= at + timedelta(days=days)
    if days:
        assert CALENDAR.between(business_day(at), business_day(there)) == days
