"""The shapes of dated packs: what a file of rules may say, and what must hold of it.

Every pack has a name, a version, the day from which it counts and its source. The newest valid one of a name wins. A
pack that says until when it counts may not be cut short by another one: that would leave two rules for one day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9-]{1,39}\Z")]
Version = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z][0-9A-Za-z.-]{0,23}\Z")]
Id = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9_-]{0,39}\Z")]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Days = Annotated[int, Meta(ge=0, le=366)]


class Invalid(ValueError):
    """A pack says what cannot be: at which key, and why."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


class Pack(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="kind"):
    """What all packs say of themselves."""

    name: Name
    version: Version
    valid_from: date
    valid_until: date | None = None
    """The last day on which it counts, where that is known beforehand."""
    source: Text

    def check(self) -> None:
        """Raises Invalid, naming the key, where the parts of a pack do not fit together."""
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise Invalid("valid_until", "it ends before it begins")

    def counts(self, day: date) -> bool:
        """Whether it counts on this day, if no newer one does."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


# --- working days ---


class Rest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A public holiday, from its first to its last day."""

    name_zh: Text
    name_en: Text
    first: date
    last: date

    def days(self) -> Iterator[date]:
        day = self.first
        while day <= self.last:
            yield day
            day += timedelta(days=1)


class Workdays(Pack, frozen=True, kw_only=True, tag="workdays"):
    """The holidays of one year, and the weekend days that are worked for them."""

    year: Annotated[int, Meta(ge=2000, le=2100)]
    rest: tuple[Rest, ...]
    work: tuple[date, ...]

    def check(self) -> None:
        Pack.check(self)
        rests: set[date] = set()
        for place, rest in enumerate(self.rest):
            if not self._has(rest.first) or not self._has(rest.last):
                raise Invalid(f"rest[{place}]", f"it is not in {self.year}")
            if rest.last < rest.first:
                raise Invalid(f"rest[{place}].last", "it ends before it begins")
            if rests & set(rest.days()):
                raise Invalid(f"rest[{place}]", "a day of it is in another holiday too")
            rests |= set(rest.days())
        for place, day in enumerate(self.work):
            if not self._has(day):
                raise Invalid(f"work[{place}]", f"it is not in {self.year}")
            if day.weekday() < 5:
                raise Invalid(f"work[{place}]", "it is no day of a weekend")
            if day in rests:
                raise Invalid(f"work[{place}]", "it is a holiday too")
        if len(set(self.work)) < len(self.work):
            raise Invalid("work", "a day stands there twice")

    def _has(self, day: date) -> bool:
        """Whether a notice for this year may name the day: New Year's holiday can begin at the end of December."""
        return day.year == self.year or (day.year == self.year - 1 and (day.month, day.day) >= (12, 25))


# --- law ---


class Stage(StrEnum):
    """Where a quarrel about money stands, as far as rights go."""

    REPORTED = "reported"
    REVIEW = "review"
    DECLINED = "declined"
    OVERDUE = "overdue"
    ESCALATED = "escalated"
    CLOSED = "closed"


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rule in plain words of our own, and where it stands.

    `certainty`: C the text was read, L known but not read here, M several public sources agree.
    """

    id: Id
    law_zh: Text
    law_en: Text
    valid_from: date
    valid_until: date | None = None
    certainty: Literal["C", "L", "M"]
    stages: Annotated[tuple[Stage, ...], Meta(min_length=1)]
    source: Text
    zh: Text
    en: Text
    working_days: Days | None = None
    """How long whoever it binds has."""
    keep_years: Annotated[int, Meta(ge=1, le=100)] | None = None
    """How long records must be kept."""


class Rung(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rung of the ladder by which a dispute goes up."""

    id: Id
    rule: Id
    who_zh: Text
    who_en: Text
    zh: Text
    en: Text
    contact: str = ""
    working_days: Days | None = None


class Law(Pack, frozen=True, kw_only=True, tag="law"):
    """The rules of one jurisdiction."""

    jurisdiction: Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")]
    rules: Annotated[tuple[Rule, ...], Meta(min_length=1)]
    ladder: tuple[Rung, ...] = ()

    def check(self) -> None:
        Pack.check(self)
        known = _once("rules", [rule.id for rule in self.rules])
        _once("ladder", [rung.id for rung in self.ladder])
        for place, rung in enumerate(self.ladder):
            if rung.rule not in known:
                raise Invalid(f"ladder[{place}].rule", f"there is no rule {rung.rule}")
        for place, rule in enumerate(self.rules):
            if rule.valid_until is not None and rule.valid_until < rule.valid_from:
                raise Invalid(f"rules[{place}].valid_until", "it ends before it begins")


# --- what a channel promises ---


class Arrival(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When money that was sent arrives at one kind of place: a span, or working days. Never made up by us."""

    into: Literal["wallet", "card"]
    within: timedelta | None = None
    working_days_min: Days | None = None
    working_days_max: Days | None = None
    source: Text
    zh: Text
    en: Text


class Rail(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a channel's own file of facts has no room for."""

    reverse_day_end_plus: timedelta | None = None
    """A reverse must be done by the end of the payment's business day and this span. None: the day does not matter."""
    wallet_words: tuple[str, ...] = ()
    """By which words the channel calls a wallet, where it says where the money went."""
    arrivals: tuple[Arrival, ...]
    """Empty: the channel promises nothing, and so do we."""


class Rails(Pack, frozen=True, kw_only=True, tag="rails"):
    """The promises of all channels, and how long before a window shuts people are warned."""

    warn_before: Mapping[Id, tuple[timedelta, ...]]
    """By the name of a window: so long before it shuts, once for each of these."""
    channels: Mapping[Id, Rail]

    def check(self) -> None:
        Pack.check(self)
        if "other" not in self.warn_before:
            raise Invalid("warn_before.other", "it is missing: it is for windows of any other name")
        for name, spans in self.warn_before.items():
            if not spans or min(spans) < timedelta():
                raise Invalid(f"warn_before.{name}", "say at least one span; nobody is warned after the end")
        for name, rail in self.channels.items():
            _once(f"channels.{name}.arrivals", [arrival.into for arrival in rail.arrivals])
            for place, arrival in enumerate(rail.arrivals):
                _check_arrival(f"channels.{name}.arrivals[{place}]", arrival)


def _check_arrival(key: str, arrival: Arrival) -> None:
    in_days = arrival.working_days_min is not None and arrival.working_days_max is not None
    if (arrival.within is not None) == in_days:
        raise Invalid(key, "say either within, or working_days_min and working_days_max")
    if in_days and (arrival.working_days_min or 0) > (arrival.working_days_max or 0):
        raise Invalid(f"{key}.working_days_max", "it is less than working_days_min")
    if arrival.within is not None and arrival.within <= timedelta():
        raise Invalid(f"{key}.within", "it is no span")


# --- what the shop promises of its own part ---

Holder = Literal["customer", "cashier", "manager", "finance", "owner", "channel", "system"]


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of a case's way: who has it, and for how many working days at most."""

    id: Id
    working_days: Days
    holder: Holder
    zh: Text
    en: Text


class Step(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is asked when something is so many working days late."""

    after_working_days: Days
    to: Holder
    zh: Text
    en: Text


PARTS = frozenset({"check", "review", "second", "send", "needs_info", "offer", "objection", "attention"})
"""What cases ask a pack of the shop's promises for: one that lacks a part would leave a case without a deadline."""


TAKES_TIME = PARTS - {"check", "send"}
"""Parts that wait for people: with no time at all a case would be late in the moment it begins."""


class Promises(Pack, frozen=True, kw_only=True, tag="promises"):
    """The shop's own promises: steps in order, what people are waited for, and the ladder of what is late."""

    steps: Annotated[tuple[Part, ...], Meta(min_length=1)]
    waits: tuple[Part, ...]
    ladder: Annotated[tuple[Step, ...], Meta(min_length=1)]

    def check(self) -> None:
        Pack.check(self)
        known = _once("steps and waits", [part.id for part in (*self.steps, *self.waits)])
        if missing := sorted(PARTS - known):
            raise Invalid("steps and waits", f"{', '.join(missing)} is missing")
        for part in (*self.steps, *self.waits):
            if part.id in TAKES_TIME and part.working_days < 1:
                raise Invalid(f"{part.id}.working_days", "people need a working day at least")
        days = [step.after_working_days for step in self.ladder]
        if days != sorted(set(days)):
            raise Invalid("ladder", "its steps do not follow each other in time")
        if days[0] != 0:
            raise Invalid("ladder[0].after_working_days", "the ladder begins when something is due: 0")


# --- what makes a case complete ---


class Need(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something a case should hold. What is not required only makes it faster, and says how."""

    id: Id
    weight: Annotated[int, Meta(ge=1, le=1000)]
    causes: Annotated[tuple[str, ...], Meta(min_length=1)]
    """For which causes; `*` is any."""
    required: bool
    zh: Text
    en: Text
    faster_zh: str = ""
    faster_en: str = ""


class Proof(Pack, frozen=True, kw_only=True, tag="proof"):
    """What cases need, by cause."""

    needs: Annotated[tuple[Need, ...], Meta(min_length=1)]

    def check(self) -> None:
        Pack.check(self)
        _once("needs", [need.id for need in self.needs])
        if not any(need.required and "*" in need.causes for need in self.needs):
            raise Invalid("needs", "nothing is required of every cause")
        for place, need in enumerate(self.needs):
            if not need.required and not (need.faster_zh and need.faster_en):
                raise Invalid(f"needs[{place}]", "what is not required says what it makes faster")


AnyPack: TypeAlias = Workdays | Law | Rails | Promises | Proof


def _once(key: str, ids: Sequence[str]) -> set[str]:
    """Raises Invalid where an id stands twice."""
    seen: set[str] = set()
    for each in ids:
        if each in seen:
            raise Invalid(key, f"{each} stands there twice")
        seen.add(each)
    return seen
