"""What a person sets for themselves: in which zone they read times, in which language, and searches they keep.

One row a person. Nothing of it decides anything: it is how pages look to them, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import lru_cache, partial
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from yuanlu.change import Change, Row, Stay
from yuanlu.clock import CHINA
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.reading import Read, View, maker, rows_by_id

HOME = "Asia/Shanghai"
"""The zone of the shops and of all channels."""
KEPT_MAX = 20


class Kept(msgspec.Struct, frozen=True):
    """A search under a name. `search`: the query of the page's address."""

    name: str
    search: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences(Row):
    """What a person has set. `id` is theirs. `lang` empty: as the browser wants."""

    table = "preferences"

    zone: str = HOME
    lang: str = ""
    views: str = "[]"

    @property
    def kept(self) -> tuple[Kept, ...]:
        """Their searches, by name."""
        return msgspec.json.decode(self.views, type=tuple[Kept, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesSet(Fact):
    zone: str
    lang: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchKept(Fact):
    """They keep so many searches now."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchDropped(Fact):
    count: int


Decided = Change[Preferences] | Stay[Preferences]

BY_ID = rows_by_id(Preferences)
_made = maker(Preferences)


def by_id(merchant_id: str, staff_id: str) -> View[Preferences | None]:
    """What a person has set, if anything."""
    return View((Read(BY_ID, merchant_id, staff_id),), lambda found: _made(found[0][0]) if found[0] else None)


@lru_cache(maxsize=1)
def zones() -> Sequence[str]:
    """The zones one may choose: those named after a place, and the shop's own."""
    return sorted({HOME, *(each for each in available_timezones() if "/" in each and not each.startswith("Etc/"))})


def zone_of(name: str) -> tzinfo:
    """A zone by its name; one that this machine no longer knows is read as the shop's."""
    return ZoneInfo(name) if name != HOME and name in zones() else CHINA


def put(
    who: Preferences, zone: str, lang: str, seen: Preferences | None, at: datetime
) -> Change[Preferences] | Stay[Preferences]:
    """Set zone and language.

    Raises Denied: preferences.zone_unknown.
    """
    if zone not in zones():
        raise Denied("preferences.zone_unknown")
    row = seen or who
    if seen is not None and (seen.zone, seen.lang) == (zone, lang):
        return Stay(seen)
    return _changed(replace(row, zone=zone, lang=lang), seen, at, PreferencesSet(zone=zone, lang=lang))


def keep(
    who: Preferences, one: Kept, seen: Preferences | None, at: datetime
) -> Change[Preferences] | Stay[Preferences]:
    """Keep a search under a name; one that was kept under it before is no more.

    Raises Denied: preferences.too_many.
    """
    row = seen or who
    if one in row.kept:
        return Stay(row)
    kept = sorted([*(each for each in row.kept if each.name != one.name), one], key=lambda each: each.name)
    if len(kept) > KEPT_MAX:
        raise Denied("preferences.too_many", most=KEPT_MAX)
    return _changed(_with(row, kept), seen, at, SearchKept(count=len(kept)))


def drop(
    who: Preferences, name: str, seen: Preferences | None, at: datetime
) -> Change[Preferences] | Stay[Preferences]:
    """Keep a search no more; one that is not there is dropped already."""
    row = seen or who
    kept = [each for each in row.kept if each.name != name]
    if len(kept) == len(row.kept):
        return Stay(row)
    return _changed(_with(row, kept), seen, at, SearchDropped(count=len(kept)))


def _with(row: Preferences, kept: Sequence[Kept]) -> Preferences:
    return replace(row, views=msgspec.json.encode(kept).decode())


def _changed(row: Preferences, seen: Preferences | None, at: datetime, fact: Fact) -> Change[Preferences]:
    version = seen.version + 1 if seen is not None else 1
    return Change(row=replace(row, version=version), at=at, who=row.id, facts=(fact,))


async def of(desk: Desk, merchant_id: str, staff_id: str) -> Preferences:
    """What a person has set; who has set nothing reads times as the shop does."""
    return await desk.see(by_id(merchant_id, staff_id)) or Preferences(merchant_id=merchant_id, id=staff_id)


async def set_to(desk: Desk, merchant_id: str, staff_id: str, zone: str, lang: str) -> Preferences:
    """Set one's zone and language. Raises Denied: preferences.zone_unknown."""
    who = Preferences(merchant_id=merchant_id, id=staff_id)
    return (await desk.decide(by_id(merchant_id, staff_id), partial(put, who, zone, lang))).row


async def kept(desk: Desk, merchant_id: str, staff_id: str, one: Kept) -> Preferences:
    """Keep a search. Raises Denied: preferences.too_many."""
    who = Preferences(merchant_id=merchant_id, id=staff_id)
    return (await desk.decide(by_id(merchant_id, staff_id), partial(keep, who, one))).row


async def dropped(desk: Desk, merchant_id: str, staff_id: str, name: str) -> Preferences:
    """Keep a search no more."""
    who = Preferences(merchant_id=merchant_id, id=staff_id)
    return (await desk.decide(by_id(merchant_id, staff_id), partial(drop, who, name))).row
