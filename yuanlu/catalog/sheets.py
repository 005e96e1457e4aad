"""Goods from a CSV file, as spreadsheets write it: pure. Each row that is no goods is named with its line and why."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

from yuanlu import sheets
from yuanlu.catalog.rules import PRICE_MAX_FEN, barcode
from yuanlu.errors import Denied
from yuanlu.sheets import restored

ROWS_MAX, NAME_MAX = 5_000, 120

HEADS: Mapping[str, tuple[str, ...]] = {
    "barcode": ("barcode", "ean", "upc", "gtin", "条码", "条形码", "商品条码"),
    "name_zh": ("name", "name_zh", "chinese name", "名称", "品名", "商品名", "商品名称", "中文名"),
    "name_en": ("name_en", "english name", "英文名", "英文名称"),
    "price": ("price", "yuan", "price (yuan)", "单价", "价格", "售价", "零售价"),
    "price_fen": ("price_fen", "fen", "单价(分)", "价格(分)"),
}
"""What a column may be called. `price` is in yuan, `price_fen` in fen."""
_YUAN = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?")
_FEN = re.compile(r"[0-9]{1,9}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Good:
    """A row that can be taken. `line`: where it begins in the file, the head is 1."""

    line: int
    barcode: str
    name_zh: str
    name_en: str
    price_fen: int


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot. `why`: barcode, barcode_missing, barcode_twice, name, price or cells."""

    line: int
    why: str
    cell: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file holds."""

    good: tuple[Good, ...]
    bad: tuple[Bad, ...]


def text_of(raw: bytes) -> str:
    """The text of a file: UTF-8 with or without its mark, else GB 18030 (which holds GBK).

    Raises Denied: goods.file_unreadable.
    """
    try:
        return sheets.text_of(raw)
    except ValueError as wrong:
        raise Denied("goods.file_unreadable") from wrong


def read(raw: bytes) -> Sheet:
    """The rows of a file; empty ones are passed over.

    Raises Denied: goods.file_unreadable, goods.file_heads, goods.file_rows.
    """
    text = text_of(raw)
    first = text.partition("\n")[0]
    parted = max(",;\t，", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=parted, strict=True)
    good: list[Good] = []
    bad: list[Bad] = []
    seen: set[str] = set()
    try:
        heads = _heads(next(reader, []))
        line = reader.line_num + 1
        for cells in reader:
            begins, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(good) + len(bad) == ROWS_MAX:
                raise Denied("goods.file_rows", max=ROWS_MAX)
            found = _row(begins, heads, cells, seen)
            if isinstance(found, Good):
                seen.add(found.barcode)
                good.append(found)
            else:
                bad.append(found)
    except csv.Error as wrong:
        raise Denied("goods.file_unreadable") from wrong
    return Sheet(tuple(good), tuple(bad))


def _heads(cells: list[str]) -> Mapping[str, int]:
    """Which column is what.

    Raises Denied: goods.file_heads.
    """
    found: dict[str, int] = {}
    for place, cell in enumerate(cells):
        said = cell.strip().lower().replace("（", "(").replace("）", ")")
        for name, heads in HEADS.items():
            if said in heads:
                if name in found:
                    raise Denied("goods.file_heads", missing=name)
                found[name] = place
    for missing in ("barcode", "name_zh"):
        if missing not in found and not (missing == "name_zh" and "name_en" in found):
            raise Denied("goods.file_heads", missing=missing)
    if ("price" in found) == ("price_fen" in found):
        raise Denied("goods.file_heads", missing="price")
    return found


def _row(line: int, heads: Mapping[str, int], cells: list[str], seen: set[str]) -> Good | Bad:
    if len(cells) <= max(heads.values()):
        return Bad(line, "cells", str(len(cells)))
    said = {name: restored(cells[place].strip()).strip() for name, place in heads.items()}
    try:
        digits = barcode(said["barcode"])
    except Denied:
        return Bad(line, "barcode", said["barcode"][:64])
    if not digits:
        return Bad(line, "barcode_missing", "")
    if digits in seen:
        return Bad(line, "barcode_twice", digits)
    names = [said.get(name, "") for name in ("name_zh", "name_en")]
    if not any(names) or any(len(name) > NAME_MAX or _CONTROL.search(name) for name in names):
        return Bad(line, "name", " ".join(names)[:64])
    fen = _fen(said)
    if fen is None:
        return Bad(line, "price", said.get("price", said.get("price_fen", ""))[:64])
    return Good(line, digits, names[0], names[1], fen)


def _fen(said: Mapping[str, str]) -> int | None:
    """The price of a row in fen. Yuan are read digit by digit: no float comes near money."""
    if "price_fen" in said:
        found = _FEN.fullmatch(said["price_fen"])
        fen = int(found[0]) if found else None
    else:
        yuan = _YUAN.fullmatch(said["price"].lstrip("¥￥").strip().removesuffix("元").strip())
        fen = int(yuan[1]) * 100 + int((yuan[2] or "0").ljust(2, "0")) if yuan else None
    return fen if fen is not None and fen <= PRICE_MAX_FEN else None
