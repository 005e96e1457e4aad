"""What a shop sells, and at which price since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from yuanlu.catalog import flow, store
from yuanlu.catalog.rules import PRICE_MAX_FEN, Goods, GoodsAsk, price_at, prices
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Line, Page, Wish

GoodsId = Annotated[str, Meta(pattern=f"^ZG{_ID}{END}", examples=["ZG01KATE3S4000000000000000007"])]
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
            "id": "ZG01KATE3S4000000000000000007",
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
)
