"""A till's device as it last said it is, what was written to it, and whether it is locked.

A beat is no fact: only the last one is kept, since nobody asks how the battery was a month ago. What people do to a
till (write to it, lock it, unlock it) is a fact each. A locked till takes no charge, whatever its page shows: what it
asked for before goes on to its end, and money still goes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept
from yuanlu.people.rules import Person, demand

BEAT_WITHIN = timedelta(seconds=60)
"""How often a till says how it is."""
AGAIN_WITHIN = timedelta(seconds=5)
"""Beats that follow closer than this are not written: a till that runs wild costs nothing."""
SILENT_AFTER = timedelta(minutes=10)
"""Source: ux.md section 5, "devices silent > 10 min"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Station(Row):
    """The device of a till. Its id is the till's. `release`: of the page it runs; `health`: JSON of its last beat."""

    table = "stations"

    store_id: str
    beat_at: datetime | None = None
    release: str = ""
    health: str = ""
    message: str = ""
    message_at: datetime | None = None
    message_by: str = ""
    locked_at: datetime | None = None
    locked_by: str = ""
    locked_why: str = ""

    def is_silent(self, at: datetime) -> bool:
        """Whether nothing was heard of it for too long."""
        return self.beat_at is None or at - self.beat_at > SILENT_AFTER


@dataclass(frozen=True, slots=True, kw_only=True)
class TillWrittenTo(Fact):
    """Somebody wrote to whoever works at a till. An empty message takes the last one away."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillLocked(Fact):
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillUnlocked(Fact):
    pass


@dataclass(frozen=True, slots=True)
class StationSeen:
    """What a device is decided on: itself, and the store its till stands in (None: there is no such till)."""

    station: Station | None
    store_id: str | None


def _of(merchant_id: str, till_id: str, seen: StationSeen) -> tuple[Station, int]:
    """The device as it stands, or one nothing is known of; and the version a change of it makes.

    Raises Denied: till.unknown.
    """
    if seen.store_id is None:
        raise Denied("till.unknown")
    if seen.station is None:
        return Station(merchant_id=merchant_id, id=till_id, store_id=seen.store_id), 1
    return seen.station, seen.station.version + 1


def beat(
    merchant_id: str, till_id: str, release: str, health: str, who: str, seen: StationSeen, at: datetime
) -> Change[Station] | Stay[Station]:
    """Keep how a till says it is, in place of what it said before.

    Raises Denied: till.unknown.
    """
    station, version = _of(merchant_id, till_id, seen)
    if station.beat_at is not None and at - station.beat_at < AGAIN_WITHIN:
        return Stay(station)
    row = replace(station, version=version, beat_at=at, release=release, health=kept(health))
    return Change(row=row, at=at, who=who)


def tell(
    merchant_id: str, till_id: str, message: str, by: Person, seen: StationSeen, at: datetime
) -> Change[Station] | Stay[Station]:
    """Write to whoever works at a till; the page shows it with the next beat. Empty: what was written is over.

    Raises Denied: till.unknown, staff.not_allowed, staff.other_store.
    """
    station, version = _of(merchant_id, till_id, seen)
    demand(by, "oversee", station.store_id)
    text = kept(message)
    row = replace(station, version=version, message=text, message_at=at, message_by=by.id)
    return Change(row=row, at=at, who=by.id, facts=(TillWrittenTo(message=text),))


def lock(
    merchant_id: str, till_id: str, why: str, by: Person, seen: StationSeen, at: datetime
) -> Change[Station] | Stay[Station]:
    """Let a till take no more money. Locked already stays as it is.

    Raises Denied: till.unknown, staff.not_allowed, staff.other_store.
    """
    station, version = _of(merchant_id, till_id, seen)
    demand(by, "oversee", station.store_id)
    if station.locked_at is not None:
        return Stay(station)
    text = kept(why)
    row = replace(station, version=version, locked_at=at, locked_by=by.id, locked_why=text)
    return Change(row=row, at=at, who=by.id, facts=(TillLocked(why=text),))


def unlock(
    merchant_id: str, till_id: str, by: Person, seen: StationSeen, at: datetime
) -> Change[Station] | Stay[Station]:
    """Let a till take money again.

    Raises Denied: till.unknown, staff.not_allowed, staff.other_store.
    """
    station, version = _of(merchant_id, till_id, seen)
    demand(by, "oversee", station.store_id)
    if station.locked_at is None:
        return Stay(station)
    row = replace(station, version=version, locked_at=None, locked_by="", locked_why="")
    return Change(row=row, at=at, who=by.id, facts=(TillUnlocked(),))
