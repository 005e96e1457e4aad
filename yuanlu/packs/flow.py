"""Gather what a case is made of, and have it pressed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg

from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.packs import rules, store
from yuanlu.packs.dossier import MESSAGE, Dossier
from yuanlu.packs.rules import File
from yuanlu.seal import Sealed

Files = Callable[[str, str], Awaitable[Sequence[File]]]
"""The files of a case, opened: asked with (merchant, case). Whoever keeps files hands this in."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the press needs: the whole dossier, and the bytes of what is enclosed by the id of the file."""

    dossier: Dossier
    contents: Mapping[str, bytes]


async def none(_: str, __: str) -> Sequence[File]:
    """Where no files are kept."""
    return ()


async def gather(
    desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, case_id: str, *, files: Files = none
) -> Gathered:
    """Read everything about a case: one snapshot of the books, as the reader, then its files.

    Raises Denied: case.unknown, pack.too_much.
    """
    found = await store.found(pool, merchant_id, case_id)
    kept = await files(merchant_id, case_id)
    is_sealed = any(each.kind == MESSAGE for each in found.evidence)
    sealed = await desk.sealed(merchant_id, case_id) if is_sealed else None
    made = rules.dossier(found, desk.clock.now(), partial(_opened, sealed), kept)
    return Gathered(made, rules.contents(made, kept))


def _opened(sealed: Sealed | None, body: str) -> str | None:
    """The text of a sealed body; None: it was forgotten."""
    assert sealed is not None
    try:
        return sealed.open(body)
    except Denied:
        return None
