"""What the lawbook answers, for a terminal: where money is, which packs there are, what is wrong with a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from yuanlu import ids
from yuanlu.cases import answers
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.lawbook import shelf
from yuanlu.lawbook.shelf import Placed
from yuanlu.terminal.verbs import Counter
from yuanlu.told import both
from yuanlu.web.parts.lookups import WhereTold, where_told


async def where(counter: Counter, any_id: str) -> WhereTold:
    """Where the money of a refund is, or that of a case.

    Raises Denied: id.invalid, refund.unknown, case.unknown.
    """
    kind = Kind(ids.checked(any_id, Kind.REFUND, Kind.CASE)[:2])
    found = answers.where_is_refund if kind is Kind.REFUND else answers.where_is_case
    return where_told(await found(counter.app.desk, counter.merchant_id, any_id))


def packs(settings: Settings) -> list[dict[str, Any]]:
    """Every pack of an installation, by name and the day from which it counts.

    Raises Denied: see `shelf.read`.
    """
    return [_pack_told(each) for each in shelf.read(settings.packs).placed]


def _pack_told(each: Placed) -> dict[str, Any]:
    pack = each.pack
    return {
        "name": pack.name,
        "kind": type(pack).__name__.lower(),
        "version": pack.version,
        "valid_from": pack.valid_from.isoformat(),
        "valid_until": pack.valid_until.isoformat() if pack.valid_until else None,
        "file": each.file,
        "source": pack.source,
    }


def checked(folder: Path) -> dict[str, Any]:
    """What a folder of packs holds, and everything that is wrong with it.

    Raises Denied: pack.folder_unreadable.
    """
    good, wrong = shelf.check(folder)
    return {"ok": not wrong, "packs": [_pack_told(each) for each in good], "problems": [_told(no) for no in wrong]}


def _told(no: Denied) -> dict[str, Any]:
    zh, en = both(f"problem.{no.code}", no.facts)
    return {"code": no.code, **json.loads(json.dumps(no.facts, default=str)), "zh": zh, "en": en}
