"""Clocks only go forward; the channels' day begins at midnight in China."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.making import NOON
from yuanlu.clock import SetClock, SystemClock, business_day


def test_the_business_day_changes_at_midnight_in_china() -> None:
    midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
    assert business_day(midnight) == date(2026, 11, 23)
    assert business_day(midnight - timedelta(microseconds=1)) == date(2026, 11, 22)


@pytest.mark.parametrize("clock", [SetClock(NOON), SystemClock()], ids=["set", "system"])
def test_a_clock_goes_forward_only(clock: SetClock | SystemClock) -> None:
    before = clock.now()
    clock.step(timedelta(minutes=1))
    assert clock.now() >= before + timedelta(minutes=1)
    with pytest.raises(ValueError, match="does not go back"):
        clock.step(timedelta(microseconds=-1))


def test_a_set_clock_stands_still_until_it_is_moved() -> None:
    clock = SetClock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.step(timedelta(seconds=1))
    assert clock.now() == NOON + timedelta(seconds=1)


def test_every_clock_tells_aware_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta()
