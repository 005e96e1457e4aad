"""What goes to a receipt printer, and what became of it. Values only; `desk.printing` carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Word(StrEnum):
    """What we heard of a slip that was to be printed."""

    DONE = "DONE"
    """The printer says that all of it came out."""
    AWAY = "AWAY"
    """The printer could not be reached: nothing left us."""
    BLOCKED = "BLOCKED"
    """It was reached and cannot print (paper, cover, offline): nothing left us."""
    BROKEN = "BROKEN"
    """Something left us and no good word came back: it may have come out, in part or whole."""


@dataclass(frozen=True, slots=True)
class Sheets:
    """Bytes for a printer, and where it listens: `192.168.1.50:9100`."""

    address: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What became of it. `trouble`: paper, cover, offline, away, broken, lost, refused; empty where there is none."""

    word: Word
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Printing:
    """How this installation prints: what carries bytes, and where the page of a receipt is found."""

    carry: Callable[[Sheets], Awaitable[Report]]
    public_url: str = ""
    networks: str = ""
    """Where a printer may be (`Settings.printer_networks`)."""

    def link(self, token: str) -> str:
        """The address of a receipt's page; empty where nobody outside can reach us."""
        return f"{self.public_url}/r/{token}" if self.public_url else ""
