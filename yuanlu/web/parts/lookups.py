"""The shapes of what the lawbook answers: rights, working days, the way back, where money is, what a case lacks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from yuanlu import words
from yuanlu.cases.answers import WayBack
from yuanlu.cases.where import Where
from yuanlu.lawbook import law
from yuanlu.lawbook.proof import Completeness
from yuanlu.lawbook.shapes import Law, Need, Rule, Stage
from yuanlu.lawbook.shelf import Book
from yuanlu.lawbook.workdays import DAYS_MAX
from yuanlu.refunds.windows import Window
from yuanlu.web.parts.shapes import Wish

StageName = Literal["reported", "review", "declined", "overdue", "escalated", "closed"]


class RightsWish(Wish):
    """Which stage, and on which day (null: today)."""

    stage: StageName = "reported"
    at: date | None = None


class WorkdaysWish(Wish):
    """From which day (null: today), and how many working days on."""

    start: date | None = msgspec.field(default=None, name="from")
    days: Annotated[int, Meta(ge=0, le=DAYS_MAX)] = 1


class WayBackWish(Wish):
    """For which reason money shall go back; it decides what is needed."""

    what: Literal[
        "", "wrong_amount", "wrong_code", "charged_twice", "wrong_customer", "wrong_payee", "request", "other"
    ] = ""  # fmt: skip


class RightTold(Struct, frozen=True, kw_only=True):
    """A rule in plain words, the law it stands in, and how sure that is: C text read, L known, M several sources."""

    id: str
    cite: str
    law_zh: str
    law_en: str
    zh: str
    en: str
    certainty: str
    source: str
    valid_from: date
    working_days: int | None


class RungTold(Struct, frozen=True, kw_only=True):
    """A rung of the ladder by which a dispute goes up."""

    id: str
    cite: str
    who_zh: str
    who_en: str
    zh: str
    en: str
    contact: str
    working_days: int | None


class RightsTold(Struct, frozen=True, kw_only=True):
    """The rights and duties that matter at a stage. Not legal advice."""

    pack: str
    version: str
    stage: str
    on: date
    rules: Sequence[RightTold]
    ladder: Sequence[RungTold]


class WorkdaysTold(Struct, frozen=True, kw_only=True):
    """The day so many working days on. `certain` is false where a year's holidays are not published yet."""

    start: date = msgspec.field(name="from")
    days: int
    on: date
    certain: bool
    is_working_day: bool
    """Whether the day asked from is one itself."""
    says_zh: str
    says_en: str


class WindowTold(Struct, frozen=True, kw_only=True):
    """Something that can be done until a moment, and when people are warned."""

    name: str
    shuts_at: datetime
    warn_at: datetime
    zh: str
    en: str


class StepTold(Struct, frozen=True, kw_only=True):
    """A step on the way back: who has it, for how many working days at most."""

    id: str
    holder: str
    working_days: int
    zh: str
    en: str


class NeedTold(Struct, frozen=True, kw_only=True):
    """Something a case should hold; what is not required says what it makes faster."""

    id: str
    required: bool
    zh: str
    en: str
    faster_zh: str
    faster_en: str


class WayBackTold(Struct, frozen=True, kw_only=True):
    """Which way the money of a payment goes back and by when, shown before anybody asks. Null dates: not promised."""

    payment: str
    way: str
    why: str
    until: datetime | None
    parts_left: int | None
    windows: Sequence[WindowTold]
    steps: Sequence[StepTold]
    sent_on: date | None
    arrived_on: date | None
    certain: bool
    needs: Sequence[NeedTold]
    cites: Sequence[str]
    says_zh: str
    says_en: str
    promise_zh: str
    promise_en: str


class WhereTold(Struct, frozen=True, kw_only=True):
    """Where money on its way back is: the stage, who has it, the number to ask with, what comes next.

    `certain` false: `next_at` counts over a year whose working days are not published. `window`: what shuts next.
    """

    stage: str
    holder: str
    reference: str
    next_event: str
    next_at: datetime | None
    overdue: bool
    certain: bool
    window: str
    shuts_at: datetime | None
    says_zh: str
    says_en: str


class CompletenessTold(Struct, frozen=True, kw_only=True):
    """How complete a case is, in parts of a thousand; what is missing, and what would speed it up."""

    per_mille: int
    missing: Sequence[NeedTold]
    faster: Sequence[NeedTold]
    says_zh: str
    says_en: str


def rights_told(book: Book, stage: Stage) -> RightsTold:
    """The rights at a stage, and the ladder where a dispute may go up.

    Raises Denied: pack.none_valid.
    """
    rules = law.rights(book, stage)
    pack = book.one(Law)
    climbs = stage in (Stage.DECLINED, Stage.OVERDUE, Stage.ESCALATED)
    return RightsTold(
        pack=pack.name,
        version=pack.version,
        stage=stage.value,
        on=book.on,
        rules=[_right_told(book, rule) for rule in rules],
        ladder=[
            RungTold(
                id=rung.id,
                cite=law.cite(book, rung.rule),
                who_zh=rung.who_zh,
                who_en=rung.who_en,
                zh=rung.zh,
                en=rung.en,
                contact=rung.contact,
                working_days=rung.working_days,
            )
            for rung in (law.ladder(book) if climbs else ())
        ],
    )


def _right_told(book: Book, rule: Rule) -> RightTold:
    return RightTold(
        id=rule.id,
        cite=law.cite(book, rule.id),
        law_zh=rule.law_zh,
        law_en=rule.law_en,
        zh=rule.zh,
        en=rule.en,
        certainty=rule.certainty,
        source=rule.source,
        valid_from=rule.valid_from,
        working_days=rule.working_days,
    )


def workdays_told(book: Book, start: date, days: int) -> WorkdaysTold:
    """The day so many working days behind this one.

    Raises Denied: workdays.out_of_range.
    """
    promised = book.calendar.add_working_days(start, days)
    assert promised.on is not None
    code = "workdays.certain" if promised.certain else "workdays.uncertain"
    says = words.both(code, day=promised.on)
    return WorkdaysTold(
        start=start,
        days=days,
        on=promised.on,
        certain=promised.certain,
        is_working_day=book.calendar.is_working_day(start),
        says_zh=says["zh"],
        says_en=says["en"],
    )


def where_told(found: Where) -> WhereTold:
    """Where money is, as others see it."""
    return WhereTold(
        stage=found.stage,
        holder=found.holder,
        reference=found.reference,
        next_event=found.next_event,
        next_at=found.next_at,
        overdue=found.overdue,
        certain=found.certain,
        window=found.window,
        shuts_at=found.shuts_at,
        says_zh=found.zh,
        says_en=found.en,
    )


def completeness_told(found: Completeness) -> CompletenessTold:
    """What a case lacks, as others see it."""
    return CompletenessTold(
        per_mille=found.per_mille,
        missing=[_need_told(need) for need in found.missing],
        faster=[_need_told(need) for need in found.faster],
        says_zh=found.zh,
        says_en=found.en,
    )


def _need_told(need: Need) -> NeedTold:
    return NeedTold(
        id=need.id,
        required=need.required,
        zh=need.zh,
        en=need.en,
        faster_zh=need.faster_zh,
        faster_en=need.faster_en,
    )


def _window_told(one: Window) -> WindowTold:
    code = f"window.{one.name}"
    says = words.both(code if code in words.catalogue() else "window.other")
    return WindowTold(name=one.name, shuts_at=one.shuts_at, warn_at=one.warn_at, zh=says["zh"], en=says["en"])


def way_back_told(found: WayBack) -> WayBackTold:
    """The way back, as others see it."""
    says, back = words.both(f"route.{found.route.why}"), found.back
    return WayBackTold(
        payment=found.payment.id,
        way=found.route.way.value,
        why=found.route.why,
        until=found.route.until,
        parts_left=found.parts_left,
        windows=[_window_told(one) for one in found.windows],
        steps=[
            StepTold(id=step.id, holder=step.holder, working_days=step.working_days, zh=step.zh, en=step.en)
            for step in found.steps
        ],
        sent_on=back.sent.on if back else None,
        arrived_on=back.arrived.on if back else None,
        certain=back.arrived.certain if back else True,
        needs=[_need_told(need) for need in found.needs],
        cites=list(found.cites),
        says_zh=says["zh"],
        says_en=says["en"],
        promise_zh=back.zh if back else "",
        promise_en=back.en if back else "",
    )
