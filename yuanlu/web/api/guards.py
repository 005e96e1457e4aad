"""What may be wrong with an amount before it is charged: asked by a till, tuned by its store, counted afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from yuanlu.amounts import lines as sold
from yuanlu.catalog import store as catalog
from yuanlu.catalog.rules import barcode, price_at, prices
from yuanlu.channels import codes
from yuanlu.clock import business_day
from yuanlu.errors import Busy, Denied
from yuanlu.guards import flow, rules, store, tuning
from yuanlu.guards.questions import Question, QuestionAsk, Reply
from yuanlu.guards.rules import BOUNDS, Finding, Guard, Known, Rung
from yuanlu.guards.tuning import StoreTuning
from yuanlu.ids import Kind, checked
from yuanlu.told import both
from yuanlu.web.parts import stores
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Fen, LineWish, TillId, Wish

COUNTED_DAYS_MAX = 31
_COUNTING_MAX = 2
_counting = asyncio.Semaphore(_COUNTING_MAX)

StoreId = Annotated[str, Meta(pattern=f"^YS{_ID}{END}", examples=["YS01KATE3S4000000000000000000"])]
MaybeStoreId = Annotated[str, Meta(pattern=f"^(YS{_ID})?{END}")]
QuestionId = Annotated[str, Meta(pattern=f"^ZQ{_ID}{END}", examples=["ZQ01KATE3S4000000000000000000"])]
Moment = Annotated[datetime, Meta(tz=True)]


def _within(line: str) -> Meta:
    low, high = BOUNDS[line]
    return Meta(ge=low, le=high)


class GuardsWish(Wish):
    """A charge as it would be made. The `id` of a line is its barcode, where the price list shall be asked."""

    till: TillId
    amount_fen: Fen
    lines: Annotated[tuple[LineWish, ...], Meta(max_length=sold.LINES_MAX)] = ()
    code: Annotated[str, Meta(max_length=2048)] = ""
    typed: bool = False


class FindingTold(Struct, frozen=True, kw_only=True):
    """Something that may be wrong. `asks`: ask the cashier once; otherwise show it, without a tap.

    `percent`: how likely it is a mistake. `expected_fen`: what it should be, where that is known. `line`: the name of
    the line it is about. `seconds`: after so many it counts no more; null: while amount and lines stand.
    """

    guard: str
    asks: bool
    percent: int
    expected_fen: int | None
    line: str
    seconds: int | None
    zh: str
    en: str


class GuardsTold(Struct, frozen=True, kw_only=True):
    """What is found, the likeliest first; at most the first asks. `scanned`: which kind of code it is, if any.

    `scanned_again`: what the till asks by itself about a code that it sent less than `seconds` ago; null: nothing.
    """

    findings: Sequence[FindingTold]
    scanned_again: FindingTold | None
    scanned: str
    is_payable: bool


class TuningWish(Wish):
    """How the guards of a store shall be, whole. What is null is as it is for everybody."""

    store: StoreId
    off: Annotated[tuple[Guard, ...], Meta(max_length=len(Guard))] | None = None
    usual_times: Annotated[int, _within("usual_times")] | None = None
    usual_from: Annotated[int, _within("usual_from")] | None = None
    twice_within: Annotated[int, _within("twice_within")] | None = None
    again_within: Annotated[int, _within("again_within")] | None = None
    common_percent: Annotated[int, _within("common_percent")] | None = None


class TuningOfWish(Wish):
    """Of which store. Empty: what counts where a store says nothing."""

    store: MaybeStoreId = ""


class TuningTold(Struct, frozen=True, kw_only=True):
    """The guards of a store as they are. `own`: which of these it said itself. Spans in seconds.

    `usual_times`: so many times the till's median is much more than usual, once it took `usual_from` amounts.
    `twice_within`: the same amount again is asked about, unless it is `common_percent` of what the till takes.
    `again_within`: the same code again is asked about.
    """

    store: str
    off: Sequence[str]
    usual_times: int
    usual_from: int
    twice_within: int
    again_within: int
    common_percent: int
    own: Sequence[str]
    set_at: datetime | None
    set_by: str


class QuestionWish(Wish):
    """A question as it was shown to a cashier, and what came of it by now. `sale`: the payment that did; it may be sent
    before the payment is there, and is looked at only with an answer."""

    id: QuestionId
    till: TillId
    guard: Guard
    amount_fen: Fen
    expected_fen: Fen | None = None
    reply: Reply = Reply.OPEN
    sale: Annotated[str, Meta(pattern=f"^(YP{_ID})?{END}")] = ""


class QuestionTold(Struct, frozen=True, kw_only=True):
    """A question as it stands."""

    id: str
    till: str
    store: str
    guard: str
    amount_fen: int
    expected_fen: int | None
    reply: str
    sale: str
    asked_at: datetime
    replied_at: datetime | None


class CountsWish(Wish):
    """Of which span, at most 31 days, and of which store (empty: of each)."""

    since: Moment
    until: Moment
    store: MaybeStoreId = ""


class CountTold(Struct, frozen=True, kw_only=True):
    """How often a guard asked in a store. What is neither confirmed nor changed was left without an answer.

    `in_vain`: confirmed, and all of the money stayed. `went_back`: confirmed, and some of it went back all the same.
    """

    store: str
    guard: str
    asked: int
    confirmed: int
    changed: int
    in_vain: int
    went_back: int


class CountsTold(Struct, frozen=True, kw_only=True):
    """What the guards asked in a span. `sales`: by store, how many charges took money in it."""

    since: datetime
    until: datetime
    items: Sequence[CountTold]
    sales: Mapping[str, int]


def _barcode(text: str) -> str:
    """The barcode that the id of a line is; empty where it is none."""
    try:
        return barcode(text)
    except Denied:
        return ""


def _demand_till(call: Call, till: str) -> None:
    """Raises Denied: key.other_till."""
    if call.key.till_id not in ("", till):
        raise Denied("key.other_till")


async def guard(call: Call) -> Answer:
    """Say what may be wrong with a charge before it is made. Reads, writes nothing."""
    wish: GuardsWish = call.wish
    _demand_till(call, wish.till)
    desk, now = call.office.desk, call.office.clock.now()
    scanned = codes.recognise(wish.code, typed=wish.typed, today=business_day(now)) if wish.code else None
    mark = desk.mark(scanned.code) if scanned is not None and scanned.ok else ""
    bars = {each.id: _barcode(each.id) for each in wish.lines}
    seen, listed = await asyncio.gather(
        desk.see(store.of_till(call.merchant_id, wish.till, mark, now)),
        desk.see(catalog.by_barcodes(call.merchant_id, [bar for bar in bars.values() if bar])),
    )
    if seen.store_id is None:
        raise Denied("payment.till_unknown", till=wish.till)
    of_bar = {bar: price_at(prices(goods), now) for bar, goods in listed.items()}
    found = rules.judge(
        Known(
            amount_fen=wish.amount_fen,
            basket=[
                Rung(each.name or each.id, each.quantity, each.amount_fen, of_bar.get(bars[each.id]))
                for each in wish.lines
            ],
            lines=sold.as_text([sold.Line(each.id, each.name, each.quantity, each.amount_fen) for each in wish.lines]),
            earlier=seen.earlier,
            code_seconds=seen.code_seconds,
            tuning=seen.tuning,
        )
    )
    again = rules.scanned_again(seen.tuning)
    return 200, GuardsTold(
        findings=[finding_told(each, wish.amount_fen) for each in found],
        scanned_again=finding_told(again, wish.amount_fen) if again else None,
        scanned=str(scanned.kind) if scanned else "",
        is_payable=scanned.ok if scanned else False,
    )


def finding_told(each: Finding, amount_fen: int) -> FindingTold:
    """A finding, with its words."""
    zh, en = both(each.guard.value, dict(rules.facts_of(each, amount_fen)))
    return FindingTold(
        guard=each.guard.value,
        asks=each.asks,
        percent=each.percent,
        expected_fen=each.expected_fen,
        line=each.name,
        seconds=each.seconds,
        zh=zh,
        en=en,
    )


def tuning_told(store_id: str, row: StoreTuning | None) -> TuningTold:
    """The guards of a store as they are."""
    content = row.content if row else ""
    counts = tuning.tuning_of(content)
    lines = {name: value for name, value in asdict(counts).items() if name in BOUNDS}
    return TuningTold(
        store=store_id,
        off=sorted(each.value for each in counts.off),
        own=sorted(tuning.said_by(content)),
        set_at=row.set_at if row else None,
        set_by=row.set_by if row else "",
        **lines,
    )


async def tuned(call: Call) -> Answer:
    """How the guards of a store are."""
    wish: TuningOfWish = call.query
    if not wish.store:
        return 200, tuning_told("", None)
    stores.demand_store(call.by, wish.store)
    seen = await call.office.desk.see(store.tuning_of(call.merchant_id, wish.store))
    if not seen.is_store:
        raise Denied("guards.store_unknown", store=wish.store)
    return 200, tuning_told(wish.store, seen.row)


async def tune(call: Call) -> Answer:
    """Let the guards of a store be so from now on."""
    wish: TuningWish = call.wish
    lines = {name: getattr(wish, name) for name in BOUNDS}
    content = tuning.content_of(None if wish.off is None else frozenset(wish.off), lines)
    done = await flow.tune(call.office.desk, call.merchant_id, wish.store, content, call.who)
    return 200, tuning_told(wish.store, done.row)


def question_told(row: Question) -> QuestionTold:
    """A question as it stands."""
    return QuestionTold(
        id=row.id,
        till=row.till_id,
        store=row.store_id,
        guard=row.guard.value,
        amount_fen=row.amount_fen,
        expected_fen=row.expected_fen,
        reply=row.reply.value,
        sale=row.sale_id,
        asked_at=row.asked_at,
        replied_at=row.replied_at,
    )


async def asked(call: Call) -> Answer:
    """Write down that a cashier was asked, or what they answered."""
    wish: QuestionWish = call.wish
    _demand_till(call, wish.till)
    ask = QuestionAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.QUESTION),
        who=call.who,
        till_id=wish.till,
        guard=wish.guard,
        amount_fen=wish.amount_fen,
        expected_fen=wish.expected_fen,
        reply=wish.reply,
        sale_id=wish.sale,
    )
    done = await flow.asked(call.office.desk, ask)
    is_new = done.changed and done.row.version == 1
    return 201 if is_new else 200, question_told(done.row)


async def counts(call: Call) -> Answer:
    """How often the guards asked, and how often in vain. Only a few count at once: it walks through a span's sales."""
    wish: CountsWish = call.query
    if not timedelta() < wish.until - wish.since <= timedelta(days=COUNTED_DAYS_MAX):
        raise Denied("guards.span", max_days=COUNTED_DAYS_MAX)
    of = wish.store or call.by.store_id
    stores.demand_store(call.by, of)
    if _counting.locked():
        raise Busy("guards.counting")
    async with _counting:
        found = await store.counted(call.office.pools.reader, call.merchant_id, wish.since, wish.until, of)
    items = [
        CountTold(
            store=each.store_id,
            guard=each.guard,
            asked=each.asked,
            confirmed=each.confirmed,
            changed=each.changed,
            in_vain=each.in_vain,
            went_back=each.went_back,
        )
        for each in found.items
    ]
    return 200, CountsTold(since=wish.since, until=wish.until, items=items, sales=found.sales)


ROUTES = (
    Route(
        method="POST",
        path="/v1/guards",
        may="charge",
        verb=guard,
        says="What may be wrong with a charge before it is made",
        takes=GuardsWish,
        gives=GuardsTold,
        denied=("payment.till_unknown",),
        example={"till": "YT01KATE3S40000000000000000EY", "amount_fen": 12800},
    ),
    Route(
        method="GET",
        path="/v1/guards/tuning",
        may="see",
        verb=tuned,
        says="How the guards of a store are",
        query=TuningOfWish,
        gives=TuningTold,
        denied=("guards.store_unknown", "staff.other_store"),
    ),
    Route(
        method="POST",
        path="/v1/guards/tuning",
        may="tune",
        verb=tune,
        says="Let the guards of a store be so from now on",
        takes=TuningWish,
        gives=TuningTold,
        denied=("guards.store_unknown", "staff.other_store"),
        example={"store": "YS01KATE3S4000000000000000000", "off": ["amount.under"], "twice_within": 30},
    ),
    Route(
        method="POST",
        path="/v1/guards/asked",
        may="charge",
        verb=asked,
        says="Write down that a cashier was asked, or what they answered",
        takes=QuestionWish,
        gives=QuestionTold,
        statuses=(201, 200),
        denied=("id.invalid", "payment.till_unknown", "guards.question_taken"),
        example={
            "id": "ZQ01KATE3S4000000000000000000",
            "till": "YT01KATE3S40000000000000000EY",
            "guard": "amount.times_10",
            "amount_fen": 12800,
            "expected_fen": 1280,
        },
    ),
    Route(
        method="GET",
        path="/v1/guards/asked",
        may="see",
        verb=counts,
        says="How often the guards asked in a span, and how often in vain",
        query=CountsWish,
        gives=CountsTold,
        denied=("guards.span", "staff.other_store"),
    ),
)
