"""Working days of China: weekdays, but for the holidays of the State Council's notice and the days worked for them.

A year whose notice we do not have is counted by weekdays alone, and the answer says that it is not certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.lawbook.shapes import Workdays

DAYS_MAX = 366
YEARS = range(2000, 2100)
ONE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Promised:
    """A day by which something is promised.

    Law: `on` is None where nobody promises; `certain` is False where a year's notice is not out yet.
    """

    on: date | None
    certain: bool = True


@dataclass(frozen=True)
class Calendar:
    """Which days are worked, as far as it is known."""

    rests: frozenset[date]
    works: frozenset[date]
    years: frozenset[int]
    """Years whose notice is known."""

    def is_working_day(self, day: date) -> bool:
        """Whether people work on this day."""
        if day in self.works:
            return True
        return day.weekday() < 5 and day not in self.rests

    def knows(self, day: date) -> bool:
        """Whether the working days of this day's year are published."""
        return day.year in self.years

    def add_working_days(self, day: date, days: int) -> Promised:
        """The day that lies so many working days after this one.

        Shape: the day itself does not count; with 0 it is the day itself or, if it is no working day, the next one.
        Raises Denied: workdays.out_of_range.
        """
        if not 0 <= days <= DAYS_MAX or day.year not in YEARS:
            raise Denied("workdays.out_of_range", days_max=DAYS_MAX, first=YEARS.start, last=YEARS.stop - 1)
        certain, left = day.year in self.years, days
        while left or not self.is_working_day(day):
            day += ONE
            certain = certain and day.year in self.years
            left -= bool(left) and self.is_working_day(day)
        return Promised(day, certain)

    def after(self, at: datetime, span: timedelta) -> datetime:
        """The moment a span of working time later: whole days are working days, hours are as they are.

        Shape: the time of day stays, in the channel's zone. Raises Denied: workdays.out_of_range.
        """
        local = at.astimezone(CHINA)
        on = self.add_working_days(local.date(), span.days).on if span.days else local.date()
        assert on is not None
        return datetime.combine(on, local.timetz()).astimezone(UTC) + (span - timedelta(days=span.days))

    def between(self, start: date, end: date) -> int:
        """How many working days lie behind `start`, up to and with `end`; 0 where end is not later."""
        count, day = 0, start
        while day < end:
            day += ONE
            count += self.is_working_day(day)
        return count


def calendar(years: Mapping[int, Workdays] | Iterable[Workdays]) -> Calendar:
    """The calendar of these notices. The later year's word counts where two name the same day of a December."""
    notices = years.values() if isinstance(years, Mapping) else years
    known = sorted(notices, key=lambda notice: notice.year)
    rests: set[date] = set()
    works: set[date] = set()
    for notice in known:
        named_rests, named_works = {day for rest in notice.rest for day in rest.days()}, set(notice.work)
        rests |= named_rests
        works = (works - named_rests) | named_works  # what is worked comes first when asked: see is_working_day
    return Calendar(frozenset(rests), frozenset(works), frozenset(notice.year for notice in known))


def day_end(day: date) -> datetime:
    """The moment at which a business day is over."""
    return datetime.combine(day + ONE, time(), CHINA).astimezone(UTC)
