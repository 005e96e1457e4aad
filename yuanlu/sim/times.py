"""Whose time it is on the wire.

The sim's clock may be stepped days ahead while a client keeps the machine's time, or steps along. A request is in time
by either clock, and the answer is stamped by the one the caller keeps, so that both kinds of client go on working.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

SKEW_SECONDS = 300
"""Source: channels.md 2.1, 2.2: more than five minutes off is refused by both sides."""


class Stamps(StrEnum):
    """Which clock stamps what the sim signs: the one the last caller kept, or always the one or the other."""

    CALLER = "caller"
    WORLD = "world"
    MACHINE = "machine"


class Times:
    """Tells whether a request is in time, and the second to stamp answers and notices with."""

    def __init__(self, machine: Callable[[], float], world: Callable[[], datetime]) -> None:
        self._machine = machine
        self._world = world
        self._keeps_world = False
        self.stamps = Stamps.CALLER

    def accepts(self, told: int) -> bool:
        machine, world = self._machine(), self._world().timestamp()
        if abs(machine - told) <= SKEW_SECONDS:
            self._keeps_world = False
            return True
        if abs(world - told) <= SKEW_SECONDS:
            self._keeps_world = True
            return True
        return False

    def stamp(self) -> int:
        """Seconds since 1970."""
        by_world = self.stamps is Stamps.WORLD or (self.stamps is Stamps.CALLER and self._keeps_world)
        return int(self._world().timestamp() if by_world else self._machine())
