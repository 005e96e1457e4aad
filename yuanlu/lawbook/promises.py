"""What may be promised, and by when: the shop's own steps in working days, then the channel's own word about arrival.

A channel that promises nothing is not made to: then the answer is the day on which we have sent it (S62, S69).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from yuanlu import words
from yuanlu.channels.contract import Channel
from yuanlu.clock import business_day
from yuanlu.errors import Broken
from yuanlu.lawbook.shapes import Arrival, Part, Promises, Rail, Rails, Step
from yuanlu.lawbook.shelf import Book
from yuanlu.lawbook.workdays import ONE, Promised, day_end

WALLET, CARD = "wallet", "card"


@dataclass(frozen=True, slots=True)
class Expected:
    """When money that was sent should be with the payer. `by` None: the channel promises nothing."""

    by: datetime | None
    certain: bool
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Back:
    """What a customer is told before asking: sent by which day, there by which day."""

    sent: Promised
    arrived: Promised
    zh: str
    en: str


def rail(book: Book, channel: Channel) -> Rail | None:
    """What the pack says of a channel."""
    return book.one(Rails).channels.get(channel)


def place_of(book: Book, channel: Channel, received_into: str) -> str:
    """What kind of place the channel's own words name: `wallet`, `card`, or nothing while it has not said."""
    known = rail(book, channel)
    if not received_into or known is None:
        return ""
    return WALLET if any(word in received_into for word in known.wallet_words) else CARD


def arrival(book: Book, channel: Channel, into: str) -> Arrival | None:
    """The channel's own word about arrival at this kind of place; the slowest, where the place is not known yet."""
    known = rail(book, channel)
    found = [each for each in known.arrivals if into in (each.into, "")] if known else []
    return max(found, key=lambda each: (each.working_days_max or 0, each.within or timedelta()), default=None)


def expected(book: Book, channel: Channel, into: str, sent_at: datetime) -> Expected:
    """When money sent at this moment should be there.

    Law: a span counts from the moment, working days from the channel's business day to that day's end.
    """
    said = arrival(book, channel, into)
    if said is None:
        none = words.both("promise.none")
        return Expected(None, certain=True, zh=none["zh"], en=none["en"])
    if said.within is not None:
        return Expected(sent_at + said.within, certain=True, zh=said.zh, en=said.en)
    promised = book.calendar.add_working_days(business_day(sent_at), said.working_days_max or 0)
    assert promised.on is not None
    return Expected(day_end(promised.on), promised.certain, said.zh, said.en)


def part(book: Book, part_id: str) -> Part:
    """A step or a wait of the shop's promises.

    Raises Broken where the pack in force has none of this id: `shapes.PARTS` are in every pack.
    """
    service = book.one(Promises)
    for each in (*service.steps, *service.waits):
        if each.id == part_id:
            return each
    raise Broken(f"{service.name}/{service.version} has no part {part_id}")


def due(book: Book, part_id: str, at: datetime) -> tuple[datetime, bool]:
    """By when a part that begins now must be done: the end of its last working day, and whether that is certain."""
    promised = book.calendar.add_working_days(business_day(at), part(book, part_id).working_days)
    assert promised.on is not None
    return day_end(promised.on), promised.certain


def promised(book: Book, channel: Channel, into: str, steps: Sequence[str], at: datetime) -> Back:
    """By when money is sent and there, with these steps of the shop still to come.

    Law: later with more steps, never earlier; where the channel promises nothing, `arrived.on` is None.
    """
    days = sum(part(book, step).working_days for step in steps)
    sent = book.calendar.add_working_days(business_day(at), days) if days else Promised(business_day(at))
    assert sent.on is not None
    said = arrival(book, channel, into)
    if said is None:
        arrived = Promised(None, certain=sent.certain)
    elif said.within is not None:
        arrived = Promised(sent.on, sent.certain)
    else:
        there = book.calendar.add_working_days(sent.on, said.working_days_max or 0)
        arrived = Promised(there.on, sent.certain and there.certain)
    return Back(sent, arrived, *_told(sent, arrived))


def _told(sent: Promised, arrived: Promised) -> tuple[str, str]:
    said = [words.both("promise.sent", day=sent.on)]
    said.append(words.both("promise.arrived", day=arrived.on) if arrived.on else words.both("promise.none"))
    if not arrived.certain:
        said.append(words.both("promise.uncertain"))
    return "\n".join(one["zh"] for one in said), "\n".join(one["en"] for one in said)


@dataclass(frozen=True, slots=True)
class Late:
    """How far something that is overdue has gone up: who is asked now, and when it goes to the next."""

    working_days: int
    step: Step
    next_at: datetime | None


def late(book: Book, due_at: datetime, at: datetime) -> Late | None:
    """The step of the ladder on which something stands that was due then. None: it is not late.

    Law: it only ever goes up with time; a working day counts once it is over.
    """
    if at < due_at:
        return None
    ladder = book.one(Promises).ladder
    due_on = business_day(due_at - timedelta(microseconds=1))  # what is due at midnight is due on the day before
    days = book.calendar.between(due_on, business_day(at) - ONE)
    reached = [step for step in ladder if step.after_working_days <= days]
    later = ladder[len(reached) :]
    return Late(days, reached[-1], _over(book, due_on, later[0].after_working_days) if later else None)


def _over(book: Book, due_on: date, days: int) -> datetime:
    """The moment at which so many working days are over since something was due."""
    on = book.calendar.add_working_days(due_on, days).on
    assert on is not None
    return day_end(on)
