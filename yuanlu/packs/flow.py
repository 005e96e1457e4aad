"""Gather what a case is made of, and have it pressed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.evidence import flow as evidence
from yuanlu.evidence.flow import Files, Shown
from yuanlu.evidence.rules import CaseFile, State, Why
from yuanlu.packs import rules, store
from yuanlu.packs.dossier import SEALED, Dossier
from yuanlu.packs.rules import File
from yuanlu.people.rules import Person
from yuanlu.seal import Sealed


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the press needs: the whole dossier, and the bytes of what is enclosed by the id of the file."""

    dossier: Dossier
    contents: Mapping[str, bytes]


async def gather(
    desk: Desk, files: Files, pool: asyncpg.Pool[Any], merchant_id: str, case_id: str, by: Person
) -> Gathered:
    """Read everything about a case: one snapshot of the books, as the reader, then its files.

    That a file was opened for a pack, and by whom, is written down. Raises Denied: case.unknown, staff.not_allowed,
    staff.other_store, pack.too_much; file.store_away, file.store_refused.
    """
    kept = await _files(desk, files, merchant_id, case_id, by)
    found = await store.found(pool, merchant_id, case_id)
    is_sealed = any(each.body.startswith(SEALED) for each in found.evidence)
    sealed = await desk.sealed(merchant_id, case_id) if is_sealed else None
    made = rules.dossier(found, desk.clock.now(), partial(_opened, sealed), kept)
    return Gathered(made, rules.contents(made, kept))


async def _files(desk: Desk, files: Files, merchant_id: str, case_id: str, by: Person) -> list[File]:
    """The files of a case by number; as many are opened as a pack has room for."""
    shown = await evidence.of_case(desk, merchant_id, case_id, by)
    there = [each.file for each in shown if each.file.state is not State.GONE]
    fit = {file.id for file in there[: rules.fitting([file.size_bytes for file in there])]}
    found = []
    for each in shown:
        content = await _content(desk, files, each.file, by) if each.file.id in fit else None
        found.append(_handed(each, content))
    return found


async def _content(desk: Desk, files: Files, file: CaseFile, by: Person) -> bytes | None:
    """What is kept of a file; None: it was forgotten."""
    try:
        return (await evidence.opened(desk, files, file.merchant_id, file.id, by, Why.PACK))[1]
    except Denied as no:
        if no.code in ("seal.forgotten", "file.gone"):
            return None
        raise


def _handed(shown: Shown, content: bytes | None) -> File:
    file = shown.file
    return File(
        id=file.id,
        name=shown.name or file.id,
        media=file.media.value,
        size=file.size_bytes,
        digest=file.digest_kept,
        who=file.taken_by,
        content=content,
    )


def _opened(sealed: Sealed | None, body: str) -> str | None:
    """The text of a sealed body; None: it was forgotten."""
    assert sealed is not None
    try:
        return sealed.open(body)
    except Denied:
        return None
