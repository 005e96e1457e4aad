"""Chain what was recorded; take the ends of the chains elsewhere; check them."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from yuanlu.audit import store
from yuanlu.audit.chain import Anchor, Problem, Reading, Wrong, anchors, pages
from yuanlu.errors import Denied


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
