"""Reports: each answers one question about some days, as figures and as a table that spreadsheets open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

import asyncpg
import msgspec
from msgspec import Meta, Struct

from yuanlu.clock import business_day
from yuanlu.insight import rules, store
from yuanlu.insight.rules import Days, Group
from yuanlu.insight.store import Of, Took
from yuanlu.web.api import names
from yuanlu.web.api.files import SAFE
from yuanlu.web.api.guards import MaybeStoreId
from yuanlu.web.parts import reports, stores
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.reports import Kind, Table
from yuanlu.web.parts.shapes import FileTold, Wish

CSV = "text/csv"
PATH = "/v1/reports"
MaybeDay = Annotated[date | None, Meta(description="A day of China. Both ends belong to the report.")]


class ReportWish(Wish):
    """Which days, at most 400, and which store (empty: all). Without days: the last 30. `lang`: of a table's words."""

    first: MaybeDay = msgspec.field(default=None, name="from")
    last: MaybeDay = msgspec.field(default=None, name="to")
    store: MaybeStoreId = ""
    lang: Literal["zh", "en"] = "zh"


class MistakesWish(ReportWish):
    """`by`: what a row is."""

    by: Group = Group.STORE


class ChangeWish(ReportWish):
    """The days before the change, too. Without them: as many, just before."""

    first_before: MaybeDay = msgspec.field(default=None, name="before_from")
    last_before: MaybeDay = msgspec.field(default=None, name="before_to")


class ReportTold(Struct, frozen=True, kw_only=True):
    """Of which days and which store (empty: all). `names`: what stores, tills and people in it are called."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    store: str
    names: Mapping[str, str] = msgspec.field(default_factory=dict)


class RateOfDayTold(Struct, frozen=True, kw_only=True):
    """The payments of a day in a store that took money, and those that gave some of it back until now."""

    day: date
    store: str
    payments: int
    taken_fen: int
    refunded: int
    back_fen: int


class RefundRateTold(ReportTold, frozen=True, kw_only=True):
    """What part of the payments, and of the money, goes back; by the day of the payment."""

    items: Sequence[RateOfDayTold]
    payments: int
    taken_fen: int
    refunded: int
    back_fen: int


class TookTold(Struct, frozen=True, kw_only=True):
    """How long a stage took, or a holder had the case. `share`: its part of all the time taken together."""

    name: str
    count: int
    median_seconds: float
    p90_seconds: float
    total_seconds: float
    share: float


class TimeBackTold(ReportTold, frozen=True, kw_only=True):
    """Refunds that were asked for in these days and have arrived. `open`: how many are still on their way."""

    stages: Sequence[TookTold]
    holders: Sequence[TookTold]
    open: int


class CauseCountTold(Struct, frozen=True, kw_only=True):
    """A cause, or what was said where none was named. `up_to`: the share of all down to this one."""

    cause: str
    count: int
    fen: int
    share: float
    up_to: float


class MistakeCausesTold(ReportTold, frozen=True, kw_only=True):
    """What went wrong, the most frequent first, of the mistakes reported in these days."""

    items: Sequence[CauseCountTold]
    count: int
    fen: int


class HourTold(Struct, frozen=True, kw_only=True):
    """An hour of the day in China."""

    hour: int
    payments: int
    mistakes: int


class MistakesOfTold(Struct, frozen=True, kw_only=True):
    """A store, till or cashier: payments and mistakes, in all and by the hour of the payment."""

    key: str
    payments: int
    mistakes: int
    per_mille: float
    hours: Sequence[HourTold]


class MistakesTold(ReportTold, frozen=True, kw_only=True):
    """Where and when scans go wrong; the most mistakes first."""

    by: str
    items: Sequence[MistakesOfTold]


class GuardCountTold(Struct, frozen=True, kw_only=True):
    """How often a guard asked. `in_vain`: confirmed, and all of the money stayed; `share_in_vain`: of what it asked.
    `went_back`: confirmed, and some of it went back. `per_mille`: asked in a thousand payments that took money."""

    guard: str
    asked: int
    confirmed: int
    changed: int
    in_vain: int
    went_back: int
    share_in_vain: float
    per_mille: float


class GuardReportTold(ReportTold, frozen=True, kw_only=True):
    """What the guards asked, the most first. `sales`: payments that took money."""

    items: Sequence[GuardCountTold]
    sales: int


class PartTold(Struct, frozen=True, kw_only=True):
    """The payments of some days, and with how many of them a scan went wrong."""

    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    payments: int
    mistakes: int
    per_mille: float


class ChangeTold(ReportTold, frozen=True, kw_only=True):
    """Before and after. `p`: how likely chance alone makes a difference as great (null: nothing to compare).
    `is_exact`: counted, not by the normal curve. `verdict`: `fewer`, `more`, `chance` (may be chance), `nothing`.
    `is_young`: newest payments are so young that more may be reported of them."""

    before: PartTold
    after: PartTold
    p: float | None
    is_exact: bool
    verdict: str
    is_young: bool


def _of(call: Call, wish: ReportWish) -> Of:
    """Whose report. Who belongs to a store gets that of their store.

    Raises Denied: report.span, staff.other_store.
    """
    store_id = wish.store or call.by.store_id
    stores.demand_store(call.by, store_id)
    return Of(call.merchant_id, rules.days(wish.first, wish.last, _today(call)), store_id)


def _today(call: Call) -> date:
    return business_day(call.office.clock.now())


async def _made(call: Call, make: Callable[[asyncpg.Pool[Any]], Awaitable[Any]]) -> Any:
    return await call.office.reports.made(call.merchant_id, make)


async def refund_rate(call: Call) -> Answer:
    """How much of what was taken goes back, by the day and store of the payment."""
    of = _of(call, call.query)

    async def make(pool: asyncpg.Pool[Any]) -> tuple[Sequence[store.RateOfDay], Mapping[str, str]]:
        found = await store.refund_rate(pool, of)
        return found, await store.named(pool, of.merchant_id, sorted({each.store_id for each in found}))

    found, called = await _made(call, make)
    items = [
        RateOfDayTold(
            day=each.day, store=each.store_id, payments=each.payments, taken_fen=each.taken_fen,
            refunded=each.refunded, back_fen=each.back_fen,
        )
        for each in found
    ]  # fmt: skip
    return 200, RefundRateTold(
        first=of.days.first,
        last=of.days.last,
        store=of.store_id,
        names=called,
        items=items,
        payments=sum(each.payments for each in items),
        taken_fen=sum(each.taken_fen for each in items),
        refunded=sum(each.refunded for each in items),
        back_fen=sum(each.back_fen for each in items),
    )


async def time_back(call: Call) -> Answer:
    """How long it takes until money is back, by stage and by who had the case."""
    of = _of(call, call.query)
    found: store.TimeBack = await _made(call, lambda pool: store.time_back(pool, of))
    order = [stage.value for stage in rules.Stage]
    return 200, TimeBackTold(
        first=of.days.first,
        last=of.days.last,
        store=of.store_id,
        stages=_took(sorted(found.stages, key=lambda each: order.index(each.name)), rules.Stage.WHOLE.value),
        holders=_took(sorted(found.holders, key=lambda each: (-each.total, each.name)), ""),
        open=found.open,
    )


def _took(parts: Sequence[Took], whole: str) -> list[TookTold]:
    total = sum(each.total for each in parts if each.name != whole)
    return [
        TookTold(
            name=each.name,
            count=each.count,
            median_seconds=each.median,
            p90_seconds=each.p90,
            total_seconds=each.total,
            share=each.total / total if total else 0.0,
        )
        for each in parts
    ]


async def mistake_causes(call: Call) -> Answer:
    """What goes wrong most often, and what it costs."""
    of = _of(call, call.query)
    bars = rules.pareto(await _made(call, lambda pool: store.causes(pool, of)))
    return 200, MistakeCausesTold(
        first=of.days.first,
        last=of.days.last,
        store=of.store_id,
        items=[
            CauseCountTold(cause=each.key, count=each.count, fen=each.fen, share=each.share, up_to=each.up_to)
            for each in bars
        ],
        count=sum(each.count for each in bars),
        fen=sum(each.fen for each in bars),
    )


async def mistakes(call: Call) -> Answer:
    """Where, with whom and at which hour scans go wrong."""
    wish: MistakesWish = call.query
    of = _of(call, wish)

    async def make(pool: asyncpg.Pool[Any]) -> tuple[Sequence[store.HourOf], Mapping[str, str]]:
        found = await store.mistakes(pool, of, wish.by)
        return found, await store.named(pool, of.merchant_id, sorted({each.key for each in found}))

    found, called = await _made(call, make)
    by_key: Mapping[str, list[store.HourOf]] = defaultdict(list)
    for each in found:
        by_key[each.key].append(each)
    items = sorted(
        (_mistakes_of(*each) for each in by_key.items()), key=lambda one: (-one.mistakes, -one.payments, one.key)
    )
    if wish.by is Group.CASHIER:
        called = await names.called(call, [each.key for each in items])
    return 200, MistakesTold(
        first=of.days.first, last=of.days.last, store=of.store_id, names=called, by=wish.by.value, items=items
    )


def _mistakes_of(key: str, hours: Sequence[store.HourOf]) -> MistakesOfTold:
    payments, wrong = sum(each.payments for each in hours), sum(each.mistakes for each in hours)
    return MistakesOfTold(
        key=key,
        payments=payments,
        mistakes=wrong,
        per_mille=rules.per_mille(wrong, payments),
        hours=[HourTold(hour=each.hour, payments=each.payments, mistakes=each.mistakes) for each in hours],
    )


async def guard_counts(call: Call) -> Answer:
    """Which guards ask, and which of them in vain."""
    of = _of(call, call.query)
    found = await _made(call, lambda pool: store.guarded(pool, of))
    sales, sums = sum(found.sales.values()), defaultdict[str, list[int]](lambda: [0] * 5)
    for each in found.items:
        counts = (each.asked, each.confirmed, each.changed, each.in_vain, each.went_back)
        sums[each.guard] = [one + more for one, more in zip(sums[each.guard], counts, strict=True)]
    return 200, GuardReportTold(
        first=of.days.first,
        last=of.days.last,
        store=of.store_id,
        sales=sales,
        items=[
            GuardCountTold(
                guard=guard, asked=asked, confirmed=confirmed, changed=changed, in_vain=in_vain, went_back=back,
                share_in_vain=in_vain / asked, per_mille=rules.per_mille(asked, sales),
            )
            for guard, (asked, confirmed, changed, in_vain, back) in sorted(
                sums.items(), key=lambda one: (-one[1][0], one[0])
            )
        ],
    )  # fmt: skip


async def change(call: Call) -> Answer:
    """Whether fewer scans went wrong after a change than before it, or whether that may be chance."""
    wish: ChangeWish = call.query
    after = _of(call, wish)
    said = wish.first_before or wish.last_before
    days_before = rules.days(wish.first_before, wish.last_before, _today(call)) if said else after.days.before
    before = Of(after.merchant_id, days_before, after.store_id)

    async def make(pool: asyncpg.Pool[Any]) -> tuple[store.Part, store.Part]:
        return await store.mistaken(pool, before), await store.mistaken(pool, after)

    was, now = await _made(call, make)
    found = rules.chance(now.mistakes, now.payments, was.mistakes, was.payments)
    parts = [_part(was, before.days), _part(now, after.days)]
    return 200, ChangeTold(
        first=after.days.first,
        last=after.days.last,
        store=after.store_id,
        before=parts[0],
        after=parts[1],
        p=None if found is None else found.p,
        is_exact=found is not None and found.is_exact,
        verdict=rules.verdict(found, parts[1].per_mille - parts[0].per_mille),
        is_young=rules.is_young(after.days, _today(call)),
    )


def _part(found: store.Part, days: Days) -> PartTold:
    return PartTold(
        first=days.first,
        last=days.last,
        payments=found.payments,
        mistakes=found.mistakes,
        per_mille=rules.per_mille(found.mistakes, found.payments),
    )


def table(told: ReportTold, lang: str, called: Mapping[str, str] | None = None) -> Table:
    """A report as a table. `called`: more names than the report has itself."""
    name = reports.labelled(lang, {**told.names, **(called or {})})
    match told:
        case RefundRateTold():
            return Table(
                (("day", Kind.TEXT), ("store", Kind.TEXT), ("payments", Kind.COUNT), ("taken", Kind.FEN),
                 ("refunded", Kind.COUNT), ("refunded_share", Kind.PERCENT), ("back", Kind.FEN),
                 ("back_share", Kind.PERCENT)),
                [(each.day.isoformat(), name(each.store), each.payments, each.taken_fen, each.refunded,
                  each.refunded / each.payments, each.back_fen, each.back_fen / each.taken_fen)
                 for each in told.items],
            )  # fmt: skip
        case TimeBackTold():
            return Table(
                (("sort", Kind.TEXT), ("part", Kind.TEXT), ("refunds", Kind.COUNT), ("median", Kind.SECONDS),
                 ("p90", Kind.SECONDS), ("total", Kind.SECONDS), ("time_share", Kind.PERCENT)),
                [(reports.sort(sort, lang), name(each.name), each.count, each.median_seconds, each.p90_seconds,
                  each.total_seconds, each.share)
                 for sort, parts in (("stage", told.stages), ("holder", told.holders)) for each in parts],
            )  # fmt: skip
        case MistakeCausesTold():
            return Table(
                (("cause", Kind.TEXT), ("mistakes", Kind.COUNT), ("put_right", Kind.FEN), ("share", Kind.PERCENT),
                 ("up_to", Kind.PERCENT)),
                [(name(each.cause), each.count, each.fen, each.share, each.up_to) for each in told.items],
            )  # fmt: skip
        case MistakesTold():
            return Table(
                ((told.by, Kind.TEXT), ("hour", Kind.TEXT), ("payments", Kind.COUNT), ("mistakes", Kind.COUNT),
                 ("per_mille", Kind.PER_MILLE)),
                [(name(each.key), f"{hour.hour:02}:00", hour.payments, hour.mistakes,
                  rules.per_mille(hour.mistakes, hour.payments))
                 for each in told.items for hour in each.hours],
            )  # fmt: skip
        case GuardReportTold():
            return Table(
                (("guard", Kind.TEXT), ("asked", Kind.COUNT), ("asked_per_mille", Kind.PER_MILLE),
                 ("confirmed", Kind.COUNT), ("changed", Kind.COUNT), ("in_vain", Kind.COUNT),
                 ("vain_share", Kind.PERCENT), ("went_back", Kind.COUNT)),
                [(name(each.guard), each.asked, each.per_mille, each.confirmed, each.changed, each.in_vain,
                  each.share_in_vain, each.went_back) for each in told.items],
            )  # fmt: skip
        case ChangeTold():
            return Table(
                (("part", Kind.TEXT), ("from", Kind.TEXT), ("to", Kind.TEXT), ("payments", Kind.COUNT),
                 ("mistakes", Kind.COUNT), ("per_mille", Kind.PER_MILLE)),
                [(reports.sort(sort, lang), part.first.isoformat(), part.last.isoformat(), part.payments,
                  part.mistakes, part.per_mille)
                 for sort, part in (("before", told.before), ("after", told.after))],
            )  # fmt: skip
        case _:
            raise TypeError(type(told))


Verb = Callable[[Call], Awaitable[Answer]]


def _as_table(name: str, verb: Verb) -> Verb:
    async def made(call: Call) -> Answer:
        _, told = await verb(call)
        assert isinstance(told, ReportTold)
        lang = call.query.lang
        file = f"{name}-{told.first.isoformat()}-{told.last.isoformat()}.csv"
        headers = {**SAFE, "content-disposition": f'attachment; filename="{file}"', "content-language": lang}
        return 200, Told(reports.csv(table(told, lang), lang), 200, f"{CSV}; charset=utf-8", headers)

    made.__name__, made.__doc__ = f"{verb.__name__}_csv", f"{verb.__doc__} As a table for spreadsheets."
    return made


_EACH: Sequence[tuple[str, Verb, str, type[Struct], type[Struct]]] = (
    ("refund-rate", refund_rate, "How much of what was taken goes back", ReportWish, RefundRateTold),
    ("time-back", time_back, "How long it takes until money is back", ReportWish, TimeBackTold),
    ("causes", mistake_causes, "What goes wrong most often", ReportWish, MistakeCausesTold),
    ("mistakes", mistakes, "Where and when scans go wrong", MistakesWish, MistakesTold),
    ("guards", guard_counts, "Which guards ask in vain", ReportWish, GuardReportTold),
    ("change", change, "Whether a change made fewer scans go wrong", ChangeWish, ChangeTold),
)
NAMES = tuple(name for name, *_ in _EACH)
"""The reports, in the order in which they are offered."""
_DENIED = ("report.span", "report.too_large", "report.busy", "report.too_slow", "staff.other_store")

ROUTES = tuple(
    route
    for name, verb, says, query, gives in _EACH
    for route in (
        Route(
            method="GET", path=f"{PATH}/{name}", verb=verb, may="reports", says=says, query=query, gives=gives,
            denied=_DENIED,
        ),
        Route(
            method="GET", path=f"{PATH}/{name}.csv", verb=_as_table(name, verb), may="reports",
            says=f"{says}, as a table", query=query, gives=FileTold, gives_kinds=(CSV,), denied=_DENIED,
        ),
    )
)  # fmt: skip
