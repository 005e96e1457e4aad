"""Chain what was recorded; take the ends of the chains elsewhere; check them."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from yuanlu.audit import store
from yuanlu.audit.chain import Anchor, Line, Problem, Reading, Wrong, anchors, line, pages
from yuanlu.db import away
from yuanlu.errors import Denied

WAITING_MAX = 1000
CHECKED_PAGES_MAX, CHECKED_LETTERS_MAX = 1000, 1_000_000
"""What is checked while somebody waits: about 7,000 lines. `yuanlu audit verify` checks them all."""
SLICE_PAGES_MAX, SLICE_LETTERS_MAX = 1000, 300_000
"""What is read at once of the chain: about 2,000 lines."""
_FIRST_OF_ALL, _LAST_OF_ALL = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_LAST_PAGE = 2**31 - 1


async def link(pool: asyncpg.Pool[Any], margin: timedelta = store.MARGIN) -> int:
    """Chain what was recorded since the last time and is complete by now; answers how many lines that were.

    Any number of processes may: one at a time does. What it did not come to comes the next time.
    """
    async with pool.acquire() as connection, connection.transaction():
        if not await store.is_alone(connection):
            return 0
        after, until = await store.linked_until(connection), await store.horizon(connection, margin)
        found, until = await store.new_lines(connection, after, until)
        ends = await store.last_pages(connection, list(found))
        made = [page for each, lines in found.items() for page in pages(each, ends.get(each), until, lines)]
        await store.add(connection, made)
    return sum(len(lines) for lines in found.values())


async def ends(pool: asyncpg.Pool[Any], at: datetime) -> Sequence[Anchor]:
    """An anchor of every merchant's chain, to be kept where nobody of this installation reaches."""
    async with pool.acquire() as connection:
        found = await store.last_pages(connection)
    return [Anchor(each.merchant_id, each.number, each.chain, at) for each in found.values()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a merchant's chain came to."""

    merchant_id: str
    pages: int
    lines: int
    until: datetime
    problems: Sequence[Problem]

    @property
    def ok(self) -> bool:
        return not self.problems


async def verify(
    connection: asyncpg.Connection[Any],
    merchant_id: str,
    anchored: Iterable[Anchor] = (),
    late: timedelta | None = None,
) -> Verdict:
    """Compare a merchant's chain with what is recorded, and with anchors taken earlier. Changes nothing.

    `late`: lines that are not chained and older than this are wrong too, so that no chain at all does not pass for a
    good one: it was taken away whole, or no worker runs. None: not looked at (a backup that was just restored).
    It reads all of it once, in order, and holds a page at a time. The connection wants no deadline for that.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        until = await store.linked_until(connection)
        reading = Reading(each for each in anchored if each.merchant_id == merchant_id)
        await reading.compare(store.kept(connection, merchant_id), store.recorded(connection, merchant_id, until))
        lines, since = (0, None) if late is None else await store.waiting(connection, merchant_id, until, late)
    problems = list(reading.problems)
    if since is not None:
        problems.append(Problem(Wrong.UNCHAINED, f"{lines} lines since {since.isoformat()}"))
    return Verdict(merchant_id, reading.pages, reading.lines, until, problems)


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking the newest part of a chain came to. `first`: the page it began with; 0: there is no chain."""

    verdict: Verdict
    first: int


async def verify_newest(pool: asyncpg.Pool[Any], merchant_id: str, late: timedelta) -> Checked:
    """Compare the newest pages of a merchant's chain with what is recorded, while somebody waits. Changes nothing.

    Raises Busy when the database stays away or it takes too long.
    """
    with away():
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute("select set_config('yuanlu.merchant', $1, true)", merchant_id)
            until = await store.linked_until(connection)
            before = await store.before_newest(connection, merchant_id, CHECKED_PAGES_MAX, CHECKED_LETTERS_MAX)
            number, since = (before.number + 1, before.until) if before else (1, _FIRST_OF_ALL)
            reading = Reading(before=before)
            await reading.compare(
                store.pages_since(connection, merchant_id, number),
                store.recorded_since(connection, merchant_id, since, until),
            )
            lines, waits_since = await store.waiting(connection, merchant_id, until, late)
    problems = list(reading.problems)
    if waits_since is not None:
        problems.append(Problem(Wrong.UNCHAINED, f"{lines} lines since {waits_since.isoformat()}"))
    verdict = Verdict(merchant_id, reading.pages, reading.lines, until, problems)
    return Checked(verdict, number if reading.pages else 0)


@dataclass(frozen=True, slots=True)
class End:
    """How far a merchant's chain has come. `waiting`: so many lines wait for the next page, counted up to a bound."""

    number: int
    chain: str
    until: datetime | None
    waiting: int


async def end_of(pool: asyncpg.Pool[Any], merchant_id: str) -> End:
    """The end of a merchant's chain as it is now. Raises Busy."""
    row = await store.end_of(pool, merchant_id, WAITING_MAX)
    return End(row["number"] or 0, row["chain"] or "", row["until"], min(row["waiting"], WAITING_MAX))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines. `object_kind`: two letters of an id; `kind`: of fact, or `move`; empty: any."""

    since: datetime | None = None
    until: datetime | None = None
    who: str = ""
    kind: str = ""
    object_id: str = ""
    object_kind: str = ""

    @property
    def is_of_books(self) -> bool:
        """Whether the chain alone does not tell which lines these are."""
        return bool(self.who or self.kind)

    def is_line(self, found: Line) -> bool:
        """Whether it is one of these, as far as the chain tells."""
        return (
            (self.since is None or found.at >= self.since)
            and (self.until is None or found.at < self.until)
            and self.object_id in ("", found.object_id)
            and found.object_id.startswith(self.object_kind)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """A line where the chain has it, and what it says in the books now; None: nothing, or it is not there."""

    page: int
    place: int
    line: Line
    said: Mapping[str, Any] | None

    @property
    def standing(self) -> str:
        """Whether the books still say it."""
        if self.said is None or self.said["digest"] is None:
            return Wrong.REMOVED.value
        return "kept" if self.said["digest"] == self.line.digest else Wrong.CHANGED.value


@dataclass(frozen=True, slots=True)
class Listed:
    """Some lines, newest first, and behind which the next part begins: `page-place` (empty: there is none)."""

    entries: Sequence[Entry]
    next: str


async def listed(pool: asyncpg.Pool[Any], merchant_id: str, wanted: Wanted, after: str, limit: int) -> Listed:
    """The lines of a merchant's chain behind a place, newest first.

    Law: what is chained stays where it is, and what is new comes before it: so going on from `next` loses no line and
    gives none twice, whatever is recorded meanwhile.
    It looks at no more than a slice of the chain: it may give fewer than `limit`, or none, and a `next` with them.
    Raises Busy.
    """
    number, _, text = after.partition("-")
    start = (int(number), int(text)) if after else (_LAST_PAGE, _LAST_PAGE)
    found = await store.slice_of(
        pool, merchant_id, start[0] - (start[1] == 1),
        since=wanted.since or _FIRST_OF_ALL, until=wanted.until or _LAST_OF_ALL, object_id=wanted.object_id,
        pages_max=SLICE_PAGES_MAX if wanted != Wanted() else limit + 1, letters_max=SLICE_LETTERS_MAX,
    )  # fmt: skip
    placed = _placed(found, wanted, start, None if wanted.is_of_books else limit + 1)
    rows = await store.said(pool, merchant_id, [each for *_, each in placed], who=wanted.who, kind=wanted.kind)
    said = {row["n"]: row for row in rows}
    entries = [
        Entry(*each, said.get(n)) for n, each in enumerate(placed, 1) if n in said or not wanted.is_of_books
    ]  # fmt: skip
    if len(entries) > limit:
        last = entries[limit - 1]
        return Listed(entries[:limit], f"{last.page}-{last.place}")
    is_more = bool(found) and found[-1]["is_more"] and found[-1]["number"] > 1
    return Listed(entries, f"{found[-1]['number']}-1" if is_more else "")


def _placed(
    found: Sequence[Mapping[str, Any]], wanted: Wanted, before: tuple[int, int], many: int | None
) -> list[tuple[int, int, Line]]:
    """The lines of these pages that are wanted and lie before a place, newest first; so many at most."""
    placed: list[tuple[int, int, Line]] = []
    for row in found:
        texts = row["lines"].split("\n")
        for place in range(len(texts), 0, -1):
            if (row["number"], place) >= before:
                continue
            try:
                each = line(texts[place - 1])
            except ValueError:
                continue  # the page was changed: checking it says so
            if wanted.is_line(each):
                placed.append((row["number"], place, each))
                if len(placed) == many:
                    return placed
    return placed


async def keep_anchors(pool: asyncpg.Pool[Any], folder: Path, at: datetime) -> Path:
    """The anchors of a day in a file of their own, made once a day: what is taken elsewhere.

    Shape: `<folder>/2026-11-26.jsonl`. A day that has its file keeps it; while there is no chain at all there is none.
    """
    file = folder / f"{at.date().isoformat()}.jsonl"
    if not file.exists() and (taken := await ends(pool, at)):
        await asyncio.to_thread(_written_once, file, "".join(f"{each.text}\n" for each in taken))
    return file


def _written_once(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    fresh.write_text(text)
    try:
        os.link(fresh, file)  # the first process wins
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def anchors_of(folder: Path) -> list[Anchor]:
    """All anchors in the files of a folder, or in one file.

    Raises Denied: audit.anchor_unreadable.
    """
    files = sorted(folder.glob("*.jsonl")) if folder.is_dir() else [folder]
    try:
        return [each for file in files for each in anchors(file.read_text(), str(file))]
    except (OSError, UnicodeDecodeError) as trouble:
        raise Denied("audit.anchor_unreadable", file=str(folder), line=0) from trouble
