"""Who carried a list out of the house: one row an export, written before a byte is handed out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.desk import Desk
from yuanlu.facts import Fact
from yuanlu.reading import Read, View, maker, rows_by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported(Row):
    """A list that was handed out as a file. `asked`: the search; `count`: its rows; `is_cut`: there were more."""

    table = "exports"

    who: str
    what: str
    asked: str
    count: int
    is_cut: bool
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListExported(Fact):
    what: str
    asked: str
    count: int
    is_cut: bool


EXPORTED = rows_by_id(Exported)
_made = maker(Exported)


def by_id(merchant_id: str, export_id: str) -> View[Exported | None]:
    """An export, if there was one."""
    return View((Read(EXPORTED, merchant_id, export_id),), lambda found: _made(found[0][0]) if found[0] else None)


def note(row: Exported, seen: Exported | None, at: datetime) -> Change[Exported] | Stay[Exported]:
    """Write an export down, once."""
    if seen is not None:
        return Stay(seen)
    fact = ListExported(what=row.what, asked=row.asked, count=row.count, is_cut=row.is_cut)
    return Change(row=row, at=at, who=row.who, facts=(fact,))


async def noted(desk: Desk, merchant_id: str, who: str, what: str, asked: str, count: int, *, is_cut: bool) -> None:
    """Put it on record that a list goes out. Raises Busy: then it does not."""
    at = desk.clock.now()
    row = Exported(
        merchant_id=merchant_id, id=ids.new(ids.Kind.EXPORT, at), who=who, what=what, asked=asked, count=count,
        is_cut=is_cut, made_at=at,
    )  # fmt: skip
    await desk.decide(by_id(merchant_id, row.id), partial(note, row))
