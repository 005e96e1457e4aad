"""Who read what is personal: one line a person, object and business day, written before the answer is given.

What a call asks about is its object: a case, a payment, a complaint; of a list about none, the list itself. A line is
a row of its own, whose id follows from who, what and when: so reading on the same day again writes nothing, two at once
are one, and the object's own version never moves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.clock import business_day
from yuanlu.desk import Desk
from yuanlu.facts import Fact
from yuanlu.reading import Read, View, maker, rows_by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Row):
    """Somebody was shown personal fields of these sorts (`people.rules.SEES`), first at this moment of the day."""

    table = "readings"

    who: str
    about: str
    sorts: str
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalDataRead(Fact):
    about: str
    sorts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTaken(Fact):
    """The audit log of a span was handed out as a file, each time."""

    since: str
    until: str
    lines: int


READING = rows_by_id(Reading)
_made = maker(Reading)


def by_id(merchant_id: str, reading_id: str) -> View[Reading | None]:
    """A reading, if there was one."""
    return View((Read(READING, merchant_id, reading_id),), lambda found: _made(found[0][0]) if found[0] else None)


def id_of(merchant_id: str, who: str, about: str, sorts: str, at: datetime) -> str:
    """The id of what somebody reads on the business day of a moment. Shape: `sorts` in order, with commas."""
    day = business_day(at)
    start = datetime.combine(day, time(), UTC)
    return ids.derived(ids.Kind.READING, start, merchant_id, who, about, sorts, day.isoformat())


def note(row: Reading, seen: Reading | None, at: datetime) -> Change[Reading] | Stay[Reading]:
    """Write a reading down, once."""
    if seen is not None:
        return Stay(seen)
    return Change(row=row, at=at, who=row.who, facts=(PersonalDataRead(about=row.about, sorts=row.sorts),))


async def noted(desk: Desk, merchant_id: str, who: str, about: str, sorts: Iterable[str]) -> Reading:
    """Put it on record that somebody is shown personal fields, before they are. Raises Busy: then nothing is shown."""
    at, names = desk.clock.now(), ",".join(sorted(sorts))
    row = Reading(
        merchant_id=merchant_id,
        id=id_of(merchant_id, who, about, names, at),
        who=who,
        about=about,
        sorts=names,
        read_at=at,
    )
    return (await desk.decide(by_id(merchant_id, row.id), partial(note, row))).row


def take(row: Reading, fact: AuditTaken, seen: Reading | None, at: datetime) -> Change[Reading] | Stay[Reading]:
    """Write down that the audit log was handed out. Once more is another row."""
    return Stay(seen) if seen is not None else Change(row=row, at=at, who=row.who, facts=(fact,))


async def taken(desk: Desk, merchant_id: str, who: str, fact: AuditTaken) -> Reading:
    """Put it on record that somebody is handed the audit log, before they are. Raises Busy: then nothing is given."""
    at = desk.clock.now()
    row = Reading(
        merchant_id=merchant_id, id=ids.new(ids.Kind.READING, at), who=who, about="audit", sorts="audit", read_at=at
    )
    return (await desk.decide(by_id(merchant_id, row.id), partial(take, row, fact))).row
