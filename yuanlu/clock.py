"""UTC now, and the channels' business days.

`…_at` is a moment (aware, UTC), `…_on` a business day in the channel's zone, `…_within` a span.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8), "UTC+8")
"""The zone of all mainland channels; it has had no summer time since 1991, so a fixed offset is exact."""


class Clock(Protocol):
    """Tells the time. Everything that decides gets the moment handed in; only `desk` reads a clock."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, shifted by a fixed span where a demo or a test steps the time."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def step(self, span: timedelta) -> None:
        """Move this clock forward: the world's clocks only ever go forward."""
        if span < timedelta():
            raise ValueError("a clock does not go back")
        self.ahead += span


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def step(self, span: timedelta) -> None:
        """Move this clock forward."""
        if span < timedelta():
            raise ValueError("a clock does not go back")
        self.at += span


def midnight(day: date) -> datetime:
    """The moment at which this day begins for a mainland channel."""
    return datetime.combine(day, time(), CHINA)


def business_day(at: datetime) -> date:
    """The day on which a mainland channel books this moment."""
    return at.astimezone(CHINA).date()
