"""The verbs of files: take in, open, list, forget.

Crash order: the content goes to the store first, its row after. A row never points at nothing; what lies in the store
without a row is swept (`keeping.sweep_files`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Broken, Busy, Denied
from yuanlu.evidence import clamd, rules, store
from yuanlu.evidence.rules import CaseFile, FileAsk, Limits, Why
from yuanlu.evidence.shelves import Shelf
from yuanlu.evidence.workshop import Workshop
from yuanlu.people.rules import Person, demand

HANDED_IN_AT_ONCE = 4
"""Files being handed in at once: each stands in memory whole."""


class Files:
    """What the verbs work with: the limits, the workshop, the scanner if one is set, and the shelf."""

    def __init__(self, shelf: Shelf, limits: Limits | None = None, *, scanner: str = "") -> None:
        self.limits = limits or Limits()
        self.shelf = shelf
        self.scanner = scanner
        self.workshop = Workshop(self.limits)
        self._handed_in = 0

    @asynccontextmanager
    async def handing_in(self) -> AsyncIterator[None]:
        """A place among those who hand a file in, from its first byte on.

        Raises Busy when all are taken.
        """
        if self._handed_in >= HANDED_IN_AT_ONCE:
            raise Busy("file.handed_in")
        self._handed_in += 1
        try:
            yield
        finally:
            self._handed_in -= 1


@dataclass(frozen=True, slots=True)
class Shown:
    """A file with the name it is shown under; empty once it is gone."""

    file: CaseFile
    name: str


async def take(desk: Desk, files: Files, ask: FileAsk) -> Done[CaseFile]:
    """Take a file in: looked at, made anew, sealed, kept, written down. Its name and what it was are kept as digests.

    Asking again with the same id and content gives the same file back, not `changed`.
    Raises Denied: case.unknown, file.id_taken, file.too_many, file.empty, file.type, file.too_large, file.infected,
    file.unscanned, file.no_room, file.store_away, file.store_refused, seal.forgotten, staff.not_allowed,
    staff.other_store; and see `Workshop.remade`.
    """
    view = store.for_ask(ask)
    known = rules.may_take(ask, files.limits, await desk.see(view))
    if known is not None:
        return Done(known)
    media = rules.media_of(ask.content)
    if files.scanner:
        await clamd.scan(files.scanner, ask.content)
    remade = await files.workshop.remade(ask.content, media)
    shown, found = rules.display_name(ask.name, remade.media)
    sealed = await desk.sealed(ask.merchant_id, ask.case_id)
    key = rules.storage_key(ask)
    body = await asyncio.to_thread(sealed.seal_bytes, remade.content, ask.id)
    await files.shelf.put(key, body)
    rule = partial(rules.take, ask, remade, sealed.seal(shown), found, files.limits)
    try:
        return await desk.decide(view, rule)
    except Denied:
        await files.shelf.drop(key)
        raise


async def opened(desk: Desk, files: Files, merchant_id: str, file_id: str, by: Person, why: Why) -> tuple[Shown, bytes]:
    """Open a file: who and why are written down before a byte is handed out.

    Raises Denied: file.unknown, file.gone, staff.not_allowed, staff.other_store, file.store_away, file.store_refused,
    seal.forgotten; Broken when what lies there is not what was kept.
    """
    file = (await desk.decide(store.to_open(merchant_id, file_id), partial(rules.open_file, by, why))).row
    content = await _content(desk, files, file)
    return await _shown(desk, file), content


async def _content(desk: Desk, files: Files, file: CaseFile) -> bytes:
    """What is kept of a file, proved by its digest."""
    body = await files.shelf.get(file.storage_key)
    if body is None:
        raise Broken(f"the content of {file.id} is not in the store")
    sealed = await desk.sealed(file.merchant_id, file.case_id)
    content = await asyncio.to_thread(sealed.open_bytes, body, file.id)
    if rules.digest_of(content) != file.digest_kept:
        raise Broken(f"the content of {file.id} is not what was kept")
    return content


async def _shown(desk: Desk, file: CaseFile) -> Shown:
    sealed = await desk.sealed(file.merchant_id, file.case_id)
    return Shown(file, sealed.open(file.name) if file.name and sealed.key else "")


async def see(desk: Desk, merchant_id: str, file_id: str) -> Shown:
    """What we know of a file; its content stays shut.

    Raises Denied: file.unknown.
    """
    file = await desk.see(store.by_id(merchant_id, file_id))
    if file is None:
        raise Denied("file.unknown")
    return await _shown(desk, file)


async def of_case(desk: Desk, merchant_id: str, case_id: str, by: Person) -> Sequence[Shown]:
    """The files of a case that are for these eyes, by number, those that are gone too.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store.
    """
    store_id, found = await desk.see(store.of_case(merchant_id, case_id))
    if store_id is None:
        raise Denied("case.unknown")
    demand(by, "see", store_id)
    return [await _shown(desk, file) for file in found if rules.may_see(by, file)]


async def forget(desk: Desk, files: Files, merchant_id: str, file_id: str, who: str, why: Why) -> CaseFile:
    """Forget a file's content: written down first, then taken from the store. Again does no harm.

    Raises Denied: file.unknown, file.store_away, file.store_refused.
    """
    done = await desk.decide(store.by_id(merchant_id, file_id), partial(rules.forget, who, why))
    await files.shelf.drop(done.row.storage_key)
    return done.row
