"""Files of cases: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from yuanlu.evidence.rules import CaseFile, FileAsk, FileSeen, FileThere
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(CaseFile)
CASE = over_keys(
    "select k.place, c.id, c.store_id, array(select f.number from case_files f"
    " where f.merchant_id = k.merchant_id and f.case_id = k.a) as numbers"
    " from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
)
STORE_OF = over_keys(
    "select k.place, c.store_id from keys k join case_files f on f.merchant_id = k.merchant_id and f.id = k.a"
    " join cases c on c.merchant_id = f.merchant_id and c.id = f.case_id"
)
OF_CASE = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(CaseFile))}"
    " from keys k join case_files t on t.merchant_id = k.merchant_id and t.case_id = k.a"
)
made = maker(CaseFile)


def one(found: Sequence[Mapping[str, Any]]) -> CaseFile | None:
    """The file of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, file_id: str) -> View[CaseFile | None]:
    """One file, or None."""
    return View((Read(BY_ID, merchant_id, file_id),), lambda found: one(found[0]))


def for_ask(ask: FileAsk) -> View[FileSeen]:
    """What a new file is decided on."""

    def make(found: Found) -> FileSeen:
        case = found[1]
        if not case:
            return FileSeen(one(found[0]), False, "", frozenset())
        return FileSeen(one(found[0]), True, case[0]["store_id"], frozenset(case[0]["numbers"]))

    return View((Read(BY_ID, ask.merchant_id, ask.id), Read(CASE, ask.merchant_id, ask.case_id)), make)


def to_open(merchant_id: str, file_id: str) -> View[FileThere]:
    """What it is decided on whether a file is opened."""

    def make(found: Found) -> FileThere:
        return FileThere(one(found[0]), found[1][0]["store_id"] if found[1] else "")

    return View((Read(BY_ID, merchant_id, file_id), Read(STORE_OF, merchant_id, file_id)), make)


def of_case(merchant_id: str, case_id: str) -> View[tuple[str | None, Sequence[CaseFile]]]:
    """The store of a case (None: there is no such case), and its files by number."""

    def make(found: Found) -> tuple[str | None, Sequence[CaseFile]]:
        return found[0][0]["store_id"] if found[0] else None, sorted(
            (made(row) for row in found[1]), key=lambda file: file.number
        )

    return View((Read(CASE, merchant_id, case_id), Read(OF_CASE, merchant_id, case_id)), make)
