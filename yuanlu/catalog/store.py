"""Goods: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yuanlu.catalog.rules import Goods, GoodsAsk, GoodsSeen, barcode
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

BY_ID = rows_by_id(Goods)
SAME = over_keys(
    "select k.place, g.* from keys k join goods g on g.barcode = k.a and g.merchant_id = k.merchant_id"
    " and g.barcode <> '' and g.ended_at is null"
)
"""What is on sale under a barcode: one, or nothing."""
made = maker(Goods)


def one(found: Sequence[Mapping[str, Any]]) -> Goods | None:
    """The goods of a read, if they are there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, goods_id: str) -> View[Goods | None]:
    """Goods by their id, or None."""
    return View((Read(BY_ID, merchant_id, goods_id),), lambda found: one(found[0]))


def by_barcode(merchant_id: str, text: str) -> View[Goods | None]:
    """What is on sale under a barcode, or None.

    Raises Denied: goods.barcode.
    """
    return View((Read(SAME, merchant_id, barcode(text)),), lambda found: one(found[0]))


def by_barcodes(merchant_id: str, texts: Sequence[str]) -> View[dict[str, Goods]]:
    """What is on sale under some barcodes, by barcode; what is not, is not in it. One read.

    Raises Denied: goods.barcode.
    """
    reads = tuple(Read(SAME, merchant_id, barcode(text)) for text in texts)

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, Goods]:
        return {goods.barcode: goods for goods in map(one, found) if goods is not None}

    return View(reads, make)


def for_ask(ask: GoodsAsk) -> View[GoodsSeen]:
    """What a wish is decided on.

    Raises Denied: goods.barcode.
    """
    same = Read(SAME, ask.merchant_id, barcode(ask.barcode))

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> GoodsSeen:
        return GoodsSeen(one(found[0]), found[1][0]["id"] if found[1] else None)

    return View((Read(BY_ID, ask.merchant_id, ask.id), same), make)
