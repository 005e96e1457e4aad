"""Goods of a shop: what they are called, which barcode they bear, and what they cost at a moment.

A price counts from a moment on until the next one does; the past keeps its prices, so that what was charged last week
is judged by last week's. Nothing is deleted: goods end, and their barcode is free again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
from stdnum import ean

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact

PRICE_MAX_FEN = 100_000_000
PRICES_KEPT = 100
"""How many prices stand in the row: the newest. The facts keep all."""
BARCODE_DIGITS = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods(Row):
    """What is sold under one barcode. `prices`: JSON, read it with `price_at`."""

    table = "goods"

    barcode: str
    name_zh: str
    name_en: str
    prices: str
    added_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsPut(Fact):
    barcode: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsPriced(Fact):
    price_fen: int
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsEnded(Fact):
    barcode: str


class Price(msgspec.Struct, frozen=True, order=True):
    """What one piece costs from a moment on, in fen."""

    since: datetime
    fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodsAsk:
    """Goods as they shall stand. `since`: from when the price counts; None: from now on."""

    merchant_id: str
    id: str
    who: str
    barcode: str = ""
    name_zh: str = ""
    name_en: str = ""
    price_fen: int
    since: datetime | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class GoodsSeen:
    """What a wish is decided on: the goods under this id, and the id of those on sale under the same barcode."""

    goods: Goods | None
    same: str | None = None


def barcode(text: str) -> str:
    """A barcode as it is kept: the digits of an EAN-8, UPC-A, EAN-13 or GTIN-14. Empty: goods without one.

    UPC-A is kept as the EAN-13 that scanners make of it: a zero in front.
    Raises Denied: goods.barcode.
    """
    digits = text.strip().replace(" ", "").replace("-", "")
    if not digits:
        return ""
    if not (digits.isascii() and digits.isdigit() and len(digits) in BARCODE_DIGITS and ean.is_valid(digits)):
        raise Denied("goods.barcode", barcode=text.strip()[:32])
    return digits.zfill(13) if len(digits) == 12 else digits


def prices(goods: Goods) -> tuple[Price, ...]:
    """Its prices, the oldest first."""
    return tuple(msgspec.json.decode(goods.prices, type=list[Price]))


def price_at(known: Sequence[Price], at: datetime) -> int | None:
    """What one piece costs at a moment, in fen; None before the first price.

    Law: it is the price with the latest `since` that is not after the moment, whatever the order of the list.
    """
    past = [each for each in known if each.since <= at]
    return max(past, key=lambda each: each.since).fen if past else None


def priced(known: Sequence[Price], fen: int, since: datetime) -> tuple[Price, ...]:
    """The prices with one more; one that says nothing new is left out, one of the same moment replaced."""
    others = [each for each in known if each.since != since]
    if price_at(known, since) == fen:
        return tuple(known)
    return tuple(sorted([*others, Price(since, fen)]))[-PRICES_KEPT:]


def put(ask: GoodsAsk, seen: GoodsSeen, at: datetime) -> Change[Goods] | Stay[Goods]:
    """Write goods down as they shall stand from now on; again is the same.

    Raises Denied: goods.barcode, goods.barcode_taken, goods.nameless, goods.price, goods.backdated.
    """
    digits, was = barcode(ask.barcode), seen.goods
    since = ask.since or at
    _demand(ask, seen, was, at)
    known = prices(was) if was else ()
    now = priced(known, ask.price_fen, since)
    row = Goods(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.GOODS),
        version=was.version + 1 if was else 1,
        barcode=digits,
        name_zh=ask.name_zh.strip(),
        name_en=ask.name_en.strip(),
        prices=was.prices if was and now == known else msgspec.json.encode(now).decode(),
        added_at=was.added_at if was else at,
        ended_at=(was.ended_at if was and was.ended_at else at) if ask.ended else None,
    )
    if was is not None and replace(row, version=was.version) == was:
        return Stay(was)
    facts: list[Fact] = []
    if was is None or (was.barcode, was.name_zh, was.name_en) != (row.barcode, row.name_zh, row.name_en):
        facts.append(GoodsPut(barcode=digits, name=row.name_zh or row.name_en))
    if now != known:
        facts.append(GoodsPriced(price_fen=ask.price_fen, since=since.isoformat()))
    if row.ended_at is not None:
        facts.append(GoodsEnded(barcode=digits))
    elif was is not None and was.ended_at is not None:
        facts.append(GoodsPut(barcode=digits, name=row.name_zh or row.name_en))
    return Change(row=row, at=at, who=ask.who, facts=tuple(facts))


def _demand(ask: GoodsAsk, seen: GoodsSeen, was: Goods | None, at: datetime) -> None:
    if not (ask.name_zh.strip() or ask.name_en.strip()):
        raise Denied("goods.nameless")
    if not 0 <= ask.price_fen <= PRICE_MAX_FEN:
        raise Denied("goods.price", max_fen=PRICE_MAX_FEN)
    is_known = was is not None and any(each == Price(ask.since, ask.price_fen) for each in prices(was) if ask.since)
    if ask.since is not None and ask.since < at and was is not None and not is_known:
        raise Denied("goods.backdated")
    if not ask.ended and seen.same not in (None, ask.id):
        raise Denied("goods.barcode_taken", goods=seen.same)
