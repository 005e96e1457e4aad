"""Gather what a case is made of, have it pressed, and write down for whom a pack was made before anybody has it.

Crash order: pressed, written down, handed out. Who dies before the pack is written down has handed out nothing: its
bytes are gone, and no entry tells of it. Who dies after leaves an entry of a pack that perhaps never arrived. Such an
entry says no more than it knows ("made"); the other way round a pack could be in the world that its case denies.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg

from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.chain import Audience, Item
from yuanlu.channels.contract import Evidence
from yuanlu.complaints import flow as complaints
from yuanlu.complaints import store as complaints_store
from yuanlu.complaints.rules import Kept
from yuanlu.config import Settings
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.evidence import flow as evidence
from yuanlu.evidence.flow import Files, Shown
from yuanlu.evidence.rules import CaseFile, State, Why
from yuanlu.packs import press, rules, signer, store
from yuanlu.packs.dossier import (
    PACK,
    PEOPLE,
    SEALED,
    Columns,
    Complained,
    Dossier,
    Found,
    Heard,
    Uttered,
    digest_of,
)
from yuanlu.packs.readers import READERS, Naming, Reader
from yuanlu.packs.rules import File
from yuanlu.people import flow as people
from yuanlu.people import store as people_store
from yuanlu.people.rules import Person, demand
from yuanlu.seal import Sealed

PRESSED_AT_ONCE = 2
"""Packs being made at once: each stands in memory whole, and its typesetter takes 130 MB and a core."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the press needs: the whole dossier, and the bytes of what is enclosed by the id of the file."""

    dossier: Dossier
    contents: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack that was made and written down. `id` is that of its entry; `fingerprints` begin with the signer's own."""

    id: str
    case_id: str
    reader: Reader
    file: bytes
    digest: str
    fingerprints: Sequence[str]


Pressed = Callable[[Gathered, Reader, str], Awaitable[tuple[bytes, Sequence[str]]]]


class Presses:
    """Where packs are pressed: in threads, never on the event loop, and only so many at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._taken = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Pressed]:
        """A place at a press. It is free again when the press stands still, even if whoever waited has gone before.

        Raises Busy when all are taken.
        """
        if self._taken >= PRESSED_AT_ONCE:
            raise Busy("pack.pressing")
        self._taken += 1
        running: list[asyncio.Future[tuple[bytes, Sequence[str]]]] = []

        async def pressed(found: Gathered, reader: Reader, lang: str) -> tuple[bytes, Sequence[str]]:
            running.append(asyncio.ensure_future(asyncio.to_thread(_pressed, self._settings, found, reader, lang)))
            return await asyncio.shield(running[0])

        try:
            yield pressed
        finally:
            if running:
                running[0].add_done_callback(self._free)
            else:
                self._taken -= 1

    def _free(self, done: asyncio.Future[tuple[bytes, Sequence[str]]]) -> None:
        self._taken -= 1
        if not done.cancelled():
            done.exception()  # whoever waited for it may be gone


def _pressed(settings: Settings, found: Gathered, reader: Reader, lang: str) -> tuple[bytes, Sequence[str]]:
    ours = signer.of(settings, found.dossier.made_at)
    return press.press(found.dossier, found.contents, ours, reader=reader, lang=lang), ours.fingerprints


async def make(
    desk: Desk, files: Files, presses: Presses, pool: asyncpg.Pool[Any], merchant_id: str, case_id: str,
    by: Person, reader: Reader, lang: str,
) -> Pack:  # fmt: skip
    """Make a pack of a case for a reader, and write down who made it for whom. Each time is another pack and entry.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store, pack.too_much, pack.too_slow, pack.no_font,
    pack.key_unfit, file.store_away, file.store_refused; Busy when all presses are taken.
    """
    seen = await cases.find(desk, merchant_id, case_id)
    assert seen.case is not None
    demand(by, "pack", seen.case.store_id)
    async with presses.place() as pressed:
        found = await gather(desk, files, pool, merchant_id, case_id, by, reader)
        file, fingerprints = await pressed(found, reader, lang)
    item = _entry(file, reader, lang, by, fingerprints[0], desk.clock.now())
    await cases.add(desk, merchant_id, case_id, item)
    return Pack(id=item.id, case_id=case_id, reader=reader, file=file, digest=item.digest, fingerprints=fingerprints)


def _entry(file: bytes, reader: Reader, lang: str, by: Person, fingerprint: str, at: datetime) -> Item:
    """A pack as a thing that enters its case: the link of the chain is over its digest."""
    body = json.dumps({"reader": reader, "lang": lang, "bytes": len(file), "made_by": by.id, "signer": fingerprint})
    kept = Evidence(id=ids.new(ids.Kind.EVIDENCE, at), kind=PACK, at=at, body=body, digest=digest_of(file))
    audience = Audience.CUSTOMER if reader is Reader.CUSTOMER else Audience.INTERNAL
    return Item(kind=PACK, id=kept.id, digest=kept.digest, who=by.id, audience=audience, evidence=kept)


async def given(desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, case_id: str, by: Person) -> Sequence[Heard]:
    """Where the records of a case went: the packs that were made of it, the newest first, at most 200.

    Raises Denied: case.unknown, staff.not_allowed, staff.other_store.
    """
    seen = await cases.find(desk, merchant_id, case_id)
    assert seen.case is not None
    demand(by, "note", seen.case.store_id)
    return await store.given(pool, merchant_id, case_id)


async def gather(
    desk: Desk, files: Files, pool: asyncpg.Pool[Any], merchant_id: str, case_id: str, by: Person,
    reader: Reader = Reader.COUNSEL,
) -> Gathered:  # fmt: skip
    """Read everything about a case: one snapshot of the books, as the reader, then the files this reader may have.

    That a file was opened for a pack, and by whom, is written down. Raises Denied: case.unknown, staff.not_allowed,
    staff.other_store, pack.too_much; file.store_away, file.store_refused.
    """
    kept = await _files(desk, files, merchant_id, case_id, by, reader)
    found = await store.found(pool, merchant_id, case_id)
    is_sealed = any(each.body.startswith(SEALED) for each in found.evidence)
    sealed = await desk.sealed(merchant_id, case_id) if is_sealed else None
    now = desk.clock.now()
    if READERS[reader].naming is Naming.NAME:
        found = replace(found, merchant={**found.merchant, PEOPLE: await _names_of(desk, merchant_id, found)})
    said = [await _complained(desk, row) for row in found.complaints]
    made = rules.dossier(found, now, partial(_opened, sealed), kept, rules.rights(desk.book, found, now), said)
    return Gathered(made, rules.contents(made, kept))


_SHUT = ("sealed", "digest")


async def _complained(desk: Desk, row: Columns) -> Complained:
    """A complaint with its words opened; without them where they were forgotten."""
    complaint = complaints_store.made(row)
    there = await complaints.said(desk, complaint)
    entries = [
        Uttered(id=each.id, at=each.at, side=each.side.value, deed=each.deed.value, text=each.text)
        for each in there.entries
    ]
    return Complained(
        row={name: value for name, value in row.items() if name not in _SHUT},
        text=there.text,
        phone=there.phone,
        entries=entries,
        gone=there == Kept(),
    )


async def _names_of(desk: Desk, merchant_id: str, found: Found) -> Mapping[str, str]:
    """The names of the staff who acted, by id; a name that was forgotten is not there."""
    names = {}
    for staff_id in sorted({fact.who for fact in found.facts if ids.is_id(fact.who, ids.Kind.STAFF)}):
        staff = await desk.see(people_store.by_id(merchant_id, staff_id))
        name = await people.name_of(desk, staff) if staff is not None else ""
        if name:
            names[staff_id] = name
    return names


async def _files(
    desk: Desk, files: Files, merchant_id: str, case_id: str, by: Person, reader: Reader
) -> list[File]:  # fmt: skip
    """The files of a case by number; as many are opened as are for this reader and a pack has room for."""
    shown = await evidence.of_case(desk, merchant_id, case_id, by)
    audiences = READERS[reader].audiences
    there = [each.file for each in shown if each.file.state is not State.GONE and each.file.audience in audiences]
    fit = {file.id for file in there[: rules.fitting([file.size_bytes for file in there])]}
    found = []
    for each in shown:
        content = await _content(desk, files, each.file, by) if each.file.id in fit else None
        is_gone = each.file.state is State.GONE or (each.file.id in fit and content is None)
        found.append(_handed(each, content, is_gone=is_gone))
    return found


async def _content(desk: Desk, files: Files, file: CaseFile, by: Person) -> bytes | None:
    """What is kept of a file; None: it was forgotten."""
    try:
        return (await evidence.opened(desk, files, file.merchant_id, file.id, by, Why.PACK))[1]
    except Denied as no:
        if no.code in ("seal.forgotten", "file.gone"):
            return None
        raise


def _handed(shown: Shown, content: bytes | None, *, is_gone: bool) -> File:
    file = shown.file
    return File(
        id=file.id,
        name=shown.name or file.id,
        media=file.media.value,
        size=file.size_bytes,
        digest=file.digest_kept,
        who=file.taken_by,
        content=content,
        is_gone=is_gone,
        is_searched=file.is_searched,
    )


def _opened(sealed: Sealed | None, body: str) -> str | None:
    """The text of a sealed body; None: it was forgotten."""
    assert sealed is not None
    try:
        return sealed.open(body)
    except Denied:
        return None
