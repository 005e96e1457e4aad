"""What a shop sells at which price, and what may be wrong with an amount before it is charged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from yuanlu.amounts import lines as sold
from yuanlu.catalog import flow, store
from yuanlu.catalog.rules import PRICE_MAX_FEN, Goods, GoodsAsk, price_at, prices
from yuanlu.catalog.rules import barcode as tidied
from yuanlu.channels import codes
from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.guards import rules as guards
from yuanlu.guards import store as known
from yuanlu.guards.rules import Finding, Known, Rung
from yuanlu.ids import Kind, checked
from yuanlu.told import both
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Fen, Line, LineWish, Page, TillId, Wish

GoodsId = Annotated[str, Meta(pattern=f"^YG{_ID}{END}", examples=["YG01KATE3S400000000000000000N"])]
Barcode = Annotated[str, Meta(max_length=32, examples=["6901234567892"])]
Moment = Annotated[datetime, Meta(tz=True)]
PriceFen = Annotated[int, Meta(ge=0, le=PRICE_MAX_FEN, description="Whole fen: 1280 is ¥12.80.")]


class GoodsWish(Wish):
    """Goods as they shall stand. `since`: from when the price counts; not said: from now on."""

    id: GoodsId
    price_fen: PriceFen
    barcode: Barcode = ""
    name_zh: Line = ""
    name_en: Line = ""
    since: Moment | None = None
    ended: bool = False


class GoodsPageWish(Page):
    """Which goods. `barcode`: only what is on sale under it."""

    barcode: Barcode = ""


class PriceTold(Struct, frozen=True, kw_only=True):
    """A price of one piece, in fen, and since when it counts."""

    since: datetime
    fen: int


class GoodsTold(Struct, frozen=True, kw_only=True):
    """Goods as they stand. `price_fen`: what one piece costs now; null: no price counts yet."""

    id: str
    barcode: str
    name_zh: str
    name_en: str
    price_fen: int | None
    prices: Sequence[PriceTold]
    added_at: datetime
    ended_at: datetime | None


class GoodsPageTold(Struct, frozen=True, kw_only=True):
    """Goods, those added last first."""

    items: Sequence[GoodsTold]
    next: str | None


class ImportWish(Wish):
    """How a file is taken. `dry_run`: only said what is wrong with it. `skip_bad`: the good rows, despite bad ones."""

    dry_run: bool = False
    skip_bad: bool = False


class BadRowTold(Struct, frozen=True, kw_only=True):
    """A row that is no goods: where it begins in the file, why, and the cell it is about."""

    line: int
    why: str
    cell: str


class ImportTold(Struct, frozen=True, kw_only=True):
    """What became of a file. `changed`: how many goods are new or other than before."""

    done: bool
    good: int
    changed: int
    bad: Sequence[BadRowTold]


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
    the line it is about.
    """

    guard: str
    asks: bool
    percent: int
    expected_fen: int | None
    line: str
    zh: str
    en: str


class GuardsTold(Struct, frozen=True, kw_only=True):
    """What is found, the likeliest first; at most the first asks. `scanned`: which kind of code it is, if any."""

    findings: Sequence[FindingTold]
    scanned: str
    is_payable: bool


def goods_told(goods: Goods, at: datetime) -> GoodsTold:
    """Goods as their shop sees them."""
    past = prices(goods)
    return GoodsTold(
        id=goods.id,
        barcode=goods.barcode,
        name_zh=goods.name_zh,
        name_en=goods.name_en,
        price_fen=price_at(past, at),
        prices=[PriceTold(since=each.since, fen=each.fen) for each in past],
        added_at=goods.added_at,
        ended_at=goods.ended_at,
    )


async def put(call: Call) -> Answer:
    """Write goods down as they shall stand."""
    wish: GoodsWish = call.wish
    ask = GoodsAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.GOODS),
        who=call.who,
        barcode=wish.barcode,
        name_zh=wish.name_zh,
        name_en=wish.name_en,
        price_fen=wish.price_fen,
        since=wish.since,
        ended=wish.ended,
    )
    done = await flow.put(call.office.desk, ask)
    is_new = done.changed and done.row.version == 1
    return 201 if is_new else 200, goods_told(done.row, call.office.clock.now())


async def see(call: Call) -> Answer:
    """Goods by their id."""
    goods = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.GOODS)))
    if goods is None:
        raise Denied("goods.unknown")
    return 200, goods_told(goods, call.office.clock.now())


async def page(call: Call) -> Answer:
    """Some goods."""
    wish: GoodsPageWish = call.query
    now = call.office.clock.now()
    if wish.barcode:
        goods = await call.office.desk.see(store.by_barcode(call.merchant_id, wish.barcode))
        return 200, GoodsPageTold(items=[goods_told(goods, now)] if goods else [], next=None)
    found = await lists.page(call.office.pools.reader, call.merchant_id, Goods, wish.after, wish.limit, {})
    return 200, GoodsPageTold(items=[goods_told(store.made(row), now) for row in found.rows], next=found.next)


async def take_in(call: Call) -> Answer:
    """Import a CSV file: the body is the file itself."""
    wish: ImportWish = call.query
    done = await flow.take_in(
        call.office.desk,
        call.merchant_id,
        call.body,
        call.who,
        rehearse=wish.dry_run,
        despite_bad=wish.skip_bad,
    )
    bad = [BadRowTold(line=each.line, why=each.why, cell=each.cell) for each in done.bad]
    return 200, ImportTold(done=done.is_done, good=done.good, changed=done.changed, bad=bad)


def _barcode(text: str) -> str:
    """The barcode that the id of a line is; empty where it is none."""
    try:
        return tidied(text)
    except Denied:
        return ""


async def guard(call: Call) -> Answer:
    """Say what may be wrong with a charge before it is made. Reads, writes nothing."""
    wish: GuardsWish = call.wish
    if call.key.till_id not in ("", wish.till):
        raise Denied("key.other_till")
    desk, now = call.office.desk, call.office.clock.now()
    scanned = codes.recognise(wish.code, typed=wish.typed, today=business_day(now)) if wish.code else None
    mark = desk.mark(scanned.code) if scanned is not None and scanned.ok else ""
    seen = await desk.see(known.of_till(call.merchant_id, wish.till, mark, now))
    if seen.store_id is None:
        raise Denied("payment.till_unknown", till=wish.till)
    bars = {each.id: _barcode(each.id) for each in wish.lines}
    listed = await desk.see(store.by_barcodes(call.merchant_id, [bar for bar in bars.values() if bar]))
    of_bar = {bar: price_at(prices(goods), now) for bar, goods in listed.items()}
    basket = [
        Rung(each.name or each.id, each.quantity, each.amount_fen, of_bar.get(bars[each.id])) for each in wish.lines
    ]
    found = guards.judge(
        Known(
            amount_fen=wish.amount_fen,
            basket=basket,
            lines=sold.as_text([sold.Line(each.id, each.name, each.quantity, each.amount_fen) for each in wish.lines]),
            earlier=seen.earlier,
            code_seconds=seen.code_seconds,
        )
    )
    return 200, GuardsTold(
        findings=[finding_told(each, wish.amount_fen) for each in found],
        scanned=str(scanned.kind) if scanned else "",
        is_payable=scanned.ok if scanned else False,
    )


def finding_told(each: Finding, amount_fen: int) -> FindingTold:
    """A finding, with its words."""
    zh, en = both(each.guard.value, dict(guards.facts_of(each, amount_fen)))
    return FindingTold(
        guard=each.guard.value,
        asks=each.asks,
        percent=each.percent,
        expected_fen=each.expected_fen,
        line=each.name,
        zh=zh,
        en=en,
    )


ROUTES = (
    Route(
        method="POST",
        path="/v1/goods",
        may="goods",
        verb=put,
        says="Write goods down, or their price from a moment on",
        takes=GoodsWish,
        gives=GoodsTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "goods.barcode",
            "goods.barcode_taken",
            "goods.nameless",
            "goods.price",
            "goods.backdated",
        ),
        example={
            "id": "YG01KATE3S400000000000000000N",
            "barcode": "6901234567892",
            "name_zh": "矿泉水",
            "price_fen": 200,
        },
    ),
    Route(
        method="GET",
        path="/v1/goods",
        may="see",
        verb=page,
        says="Goods, or what is on sale under a barcode",
        query=GoodsPageWish,
        gives=GoodsPageTold,
        denied=("goods.barcode",),
    ),
    Route(
        method="GET",
        path="/v1/goods/{goods}",
        may="see",
        verb=see,
        says="Goods by their id",
        gives=GoodsTold,
        denied=("goods.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/goods/import",
        may="goods",
        verb=take_in,
        says="Import goods from a CSV file",
        query=ImportWish,
        takes_kinds=("text/csv",),
        gives=ImportTold,
        denied=("goods.file_unreadable", "goods.file_heads", "goods.file_rows", "file.too_large"),
    ),
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
)
