"""Where packs are read, and which of them count on a day.

Our own packs travel inside the package. A folder of an installation (`YUANLU_PACKS`) adds to them: a pack of a new name
or a new `valid_from` is added, one of the same name and `valid_from` takes the place of ours. A version means one text
for ever, so a replacement carries a version of its own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import msgspec

from yuanlu import packaged
from yuanlu.errors import Denied
from yuanlu.lawbook.shapes import AnyPack, Invalid, Law, Pack, Workdays
from yuanlu.lawbook.workdays import Calendar, calendar

OWN = "lawbook/data"
BYTES_MAX = 1024 * 1024
FILES_MAX = 500
BOOKS_MAX = 64

P = TypeVar("P", bound=Pack)

_FIELD = re.compile(r"(?:unknown field|required field) `(\w+)`")
_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")


@dataclass(frozen=True, slots=True)
class Placed:
    """A pack and the file it was read from."""

    file: str
    pack: AnyPack


@dataclass(frozen=True)
class Book:
    """The packs that count on one day, by name."""

    on: date
    packs: tuple[AnyPack, ...]
    calendar: Calendar

    def one(self, kind: type[P]) -> P:
        """The pack of a kind of which there is one.

        Raises Denied: pack.none_valid.
        """
        found = self.all(kind)
        if not found:
            raise Denied("pack.none_valid", kind=kind.__name__.lower(), on=self.on.isoformat())
        return found[-1]

    def all(self, kind: type[P]) -> tuple[P, ...]:
        """All packs of a kind, by name."""
        return tuple(pack for pack in self.packs if isinstance(pack, kind))


@dataclass(frozen=True)
class Shelf:
    """All packs of an installation, checked against each other."""

    placed: tuple[Placed, ...]
    _books: dict[date, Book] = field(default_factory=dict, repr=False, compare=False)
    """Books already put together: nearly every question is about today."""

    def on(self, day: date) -> Book:
        """What counts on a day: of each name the newest that is valid."""
        if day not in self._books:
            if len(self._books) >= BOOKS_MAX:
                self._books.clear()
            self._books[day] = _book(self.placed, day)
        return self._books[day]


def _book(placed: tuple[Placed, ...], day: date) -> Book:
    newest: dict[str, AnyPack] = {}
    for each in placed:  # ordered by name and valid_from: the later one overwrites
        if each.pack.counts(day):
            newest[each.pack.name] = each.pack
    packs = tuple(newest.values())
    years: dict[int, Workdays] = {}
    for pack in sorted((one for one in packs if isinstance(one, Workdays)), key=lambda one: one.valid_from):
        years[pack.year] = pack
    return Book(day, packs, calendar(years))


def parse(text: str, file: str) -> AnyPack:
    """Read one pack.

    Raises Denied: pack.syntax, pack.invalid.
    """
    try:
        given = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as wrong:  # a date such as 2026-02-30 is a ValueError
        found = _LINE.search(str(wrong))
        why = _LINE.sub("", str(wrong)) or "it is nested too deeply"
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        raise Denied("pack.syntax", file=file, line=line, because=why) from wrong
    try:
        pack: AnyPack = msgspec.convert(given, AnyPack)
        pack.check()
    except msgspec.ValidationError as wrong:
        raise Denied(
            "pack.invalid", file=file, key=_key(str(wrong)), because=str(wrong).partition(" - at `")[0]
        ) from wrong
    except Invalid as wrong:
        raise Denied("pack.invalid", file=file, key=wrong.key, because=wrong.why) from wrong
    return pack


def _key(wrong: str) -> str:
    """The key that a validation error is about: its place, and the field that is missing or unknown there."""
    what, _, place = wrong.partition(" - at `$")
    field_name = _FIELD.search(what)
    parts = (place.strip(".`"), field_name[1] if field_name else "")
    return ".".join(part for part in parts if part) or "(the file)"


def shelf(own: Sequence[Placed], added: Sequence[Placed] = ()) -> Shelf:
    """Put packs together: ours, and those of a folder, which may take the place of ours.

    Raises Denied: pack.duplicate, pack.overlap, pack.version_taken, pack.several, pack.kind_differs.
    """
    taken = {(each.pack.name, each.pack.valid_from) for each in added}
    kept = [each for each in own if (each.pack.name, each.pack.valid_from) not in taken]
    for mine in own:
        for theirs in added:
            _demand_new_version(mine, theirs)
    placed = tuple(sorted((*kept, *added), key=lambda each: (each.pack.name, each.pack.valid_from, each.file)))
    for one, other in pairwise(placed):
        if one.pack.name == other.pack.name:
            _demand_apart(one, other)
    _demand_one_name(placed)
    return Shelf(placed)


def _demand_new_version(mine: Placed, theirs: Placed) -> None:
    same = (mine.pack.name, mine.pack.version) == (theirs.pack.name, theirs.pack.version)
    if same and mine.pack != theirs.pack:
        raise Denied("pack.version_taken", file=theirs.file, name=theirs.pack.name, version=theirs.pack.version)


def _demand_apart(one: Placed, other: Placed) -> None:
    """Two packs of one name, the earlier first."""
    if type(one.pack) is not type(other.pack):
        raise Denied("pack.kind_differs", file=other.file, other=one.file, name=one.pack.name)
    if one.pack.valid_from == other.pack.valid_from:
        raise Denied("pack.duplicate", file=other.file, other=one.file, name=one.pack.name)
    if one.pack.version == other.pack.version:
        raise Denied("pack.version_taken", file=other.file, name=one.pack.name, version=one.pack.version)
    if one.pack.valid_until is not None and other.pack.valid_from <= one.pack.valid_until:
        raise Denied("pack.overlap", file=other.file, other=one.file, name=one.pack.name)


def _demand_one_name(placed: Sequence[Placed]) -> None:
    """Two names for one thing (a year, a jurisdiction, the rails) would be two answers to one question."""
    owners: dict[tuple[str, object], Placed] = {}
    for each in placed:
        owner = owners.setdefault(_subject(each.pack), each)
        if owner.pack.name != each.pack.name:
            raise Denied("pack.several", file=each.file, other=owner.file, kind=_subject(each.pack)[0])


def _subject(pack: AnyPack) -> tuple[str, object]:
    """What a pack is about."""
    match pack:
        case Workdays():
            return "workdays", pack.year
        case Law():
            return "law", pack.jurisdiction
        case _:
            return type(pack).__name__.lower(), ""


@lru_cache(maxsize=1)
def own_packs() -> tuple[Placed, ...]:
    """The packs that travel with us."""
    return tuple(Placed(name, parse(packaged.text(f"{OWN}/{name}"), name)) for name in packaged.names(OWN, ".toml"))


def files_of(folder: Path) -> list[Path]:
    """The pack files of a folder, by name.

    Raises Denied: pack.folder_unreadable.
    """
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
    except OSError as wrong:
        raise Denied("pack.folder_unreadable", folder=str(folder), because=type(wrong).__name__) from wrong
    if len(found) > FILES_MAX:
        raise Denied("pack.folder_unreadable", folder=str(folder), because=f"more than {FILES_MAX} files")
    return found


def read_file(path: Path) -> Placed:
    """Read a pack from a file.

    Raises Denied: pack.unreadable, and as `parse`.
    """
    try:
        with path.open("rb") as source:
            raw = source.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise Denied("pack.unreadable", file=path.name, because=f"more than {BYTES_MAX} bytes")
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise Denied("pack.unreadable", file=path.name, because=type(wrong).__name__) from wrong
    return Placed(path.name, parse(text.replace("\r\n", "\n"), path.name))


def read(folder: str = "") -> Shelf:
    """Our own packs, and those of a folder.

    Raises Denied: see `files_of`, `read_file` and `shelf`.
    """
    added = [read_file(path) for path in files_of(Path(folder))] if folder else []
    return shelf(own_packs(), added)


def check(folder: Path) -> tuple[list[Placed], list[Denied]]:
    """What a folder holds, and everything that is wrong with it: for people who write packs.

    Raises Denied: pack.folder_unreadable.
    """
    good: list[Placed] = []
    wrong: list[Denied] = []
    for path in files_of(folder):
        try:
            good.append(read_file(path))
        except Denied as no:
            wrong.append(no)
    try:
        shelf(own_packs(), good)
    except Denied as no:
        wrong.append(no)
    return good, wrong
