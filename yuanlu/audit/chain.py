"""The chain over what was recorded: lines, pages, anchors, and what is wrong where they do not agree.

A *line* stands for one fact or one move: when and what it is, and the SHA-256 of all it says (of the evidence it names
too). Lines of one merchant come in one order. A *page* holds the next of them, and

    chain = SHA-256 of chain before, number, until, lines, joined by U+001F, in hex

An *anchor* is a page's number and chain, written down elsewhere: whoever holds one can tell that all up to that page
is still what it was. What was taken away together with the end of the chain shows by an anchor alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from yuanlu.errors import Denied

JOINT = "\x1f"
PAGE_LINES = 1000


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One thing that was recorded. Sorted as the chain holds it; two lines of one place are the same thing."""

    at: datetime
    object_id: str
    transition: int
    kind: str
    """`fact` or `move`."""
    seq: int
    digest: str

    @property
    def place(self) -> tuple[datetime, str, int, str, int]:
        """Where it stands: all of it but what it says."""
        return self.at, self.object_id, self.transition, self.kind, self.seq

    @property
    def name(self) -> str:
        """As people are told of it."""
        return f"{self.kind} {self.object_id} {self.transition}.{self.seq} of {self.at.isoformat()}"

    @property
    def text(self) -> str:
        """As a page holds it."""
        place = (self.at.isoformat(), self.object_id, str(self.transition), self.kind, str(self.seq))
        return " ".join((*place, self.digest))


def line(text: str) -> Line:
    """A line as a page holds it.

    Raises ValueError when it is none.
    """
    at, object_id, transition, kind, seq, digest = text.split(" ")
    return Line(datetime.fromisoformat(at), object_id, int(transition), kind, int(seq), digest)


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines of a merchant. `until`: everything recorded up to then was read when it was made."""

    merchant_id: str
    number: int
    until: datetime
    lines: str
    chain: str


def pages(merchant_id: str, last: Page | None, until: datetime, lines: Sequence[Line]) -> list[Page]:
    """The next pages of a merchant: as many as its new lines need."""
    number, before = (last.number, last.chain) if last else (0, "")
    made = []
    for start in range(0, len(lines), PAGE_LINES):
        number += 1
        text = "\n".join(each.text for each in lines[start : start + PAGE_LINES])
        before = chained(before, number, until, text)
        made.append(Page(merchant_id, number, until, text, before))
    return made


def chained(before: str, number: int, until: datetime, lines: str) -> str:
    """The chain with one more page."""
    return hashlib.sha256(JOINT.join((before, str(number), until.isoformat(), lines)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Anchor:
    """How far a merchant's chain had come, and its end, at a moment."""

    merchant_id: str
    number: int
    chain: str
    at: datetime

    @property
    def text(self) -> str:
        """A line of an anchor file: JSON."""
        told = {"merchant": self.merchant_id, "page": self.number, "chain": self.chain, "at": self.at.isoformat()}
        return json.dumps(told)


def anchors(text: str, file: str) -> list[Anchor]:
    """The anchors of a file.

    Raises Denied: audit.anchor_unreadable.
    """
    found = []
    for number, each in enumerate(text.splitlines(), 1):
        try:
            told = json.loads(each)
            at = datetime.fromisoformat(told["at"])
            found.append(Anchor(str(told["merchant"]), int(told["page"]), str(told["chain"]), at))
        except (ValueError, KeyError, TypeError):
            raise Denied("audit.anchor_unreadable", file=file, line=number) from None
    return found


class Wrong(StrEnum):
    """What can be wrong."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    PAGE_CHANGED = "page_changed"
    PAGE_MISSING = "page_missing"
    ANCHOR_DIFFERS = "anchor_differs"
    UNCHAINED = "unchained"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was recorded: what, and its name."""

    wrong: Wrong
    name: str


class Reading:
    """Reads a merchant's pages, in order, beside what is recorded, in order; never holds more than a page of either."""

    def __init__(self, anchored: Iterable[Anchor] = (), before: Page | None = None) -> None:
        """`before`: the page behind which it begins; None: with the first."""
        self.problems: list[Problem] = []
        self.lines = 0
        self.pages = 0
        self._anchored = {(each.number, each.chain): each for each in anchored}
        self._chain, self._number = (before.chain, before.number) if before else ("", 0)

    async def compare(self, kept: AsyncIterator[Page], recorded: AsyncIterator[Line]) -> None:
        """Read both to their ends; `problems` says what is wrong."""
        found = await anext(recorded, None)
        async for page in kept:
            for text in self._read(page):
                try:
                    wanted = line(text)
                except ValueError:
                    continue  # the page was said to be changed; what it hid shows as added
                self.lines += 1
                while found is not None and found.place < wanted.place:
                    self._say(Wrong.ADDED, found.name)
                    found = await anext(recorded, None)
                if found is None or found.place != wanted.place:
                    self._say(Wrong.REMOVED, wanted.name)
                    continue
                if found.digest != wanted.digest:
                    self._say(Wrong.CHANGED, wanted.name)
                found = await anext(recorded, None)
        while found is not None:
            self._say(Wrong.ADDED, found.name)
            found = await anext(recorded, None)
        for each in self._anchored.values():
            self._say(Wrong.ANCHOR_DIFFERS, f"page {each.number}, anchored at {each.at.isoformat()}")

    def _read(self, page: Page) -> Sequence[str]:
        """The lines of a page, once it is known whether it continues the chain."""
        for missing in range(self._number + 1, page.number):
            self._say(Wrong.PAGE_MISSING, f"page {missing}")
        follows = page.number == self._number + 1
        if follows and chained(self._chain, page.number, page.until, page.lines) != page.chain:
            self._say(Wrong.PAGE_CHANGED, f"page {page.number}")
        self._anchored.pop((page.number, page.chain), None)
        self._chain, self._number = page.chain, page.number
        self.pages += 1
        return page.lines.split("\n")

    def _say(self, wrong: Wrong, name: str) -> None:
        self.problems.append(Problem(wrong, name))
