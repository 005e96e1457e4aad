"""One line at a time: what the fast way does not read (`table.py`), made plain where it can be, told of where not.

Full-width signs, quotes, commas inside cells, thousands marks, times without a space: here. What a spreadsheet has
spoilt cannot be made whole again, and refuses the file.
"""

from __future__ import annotations

import csv
import re
from datetime import datetime
from decimal import Decimal, InvalidOperation

from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.statements.layouts import plain

_AMOUNT = re.compile(r"[+-]?(\d{1,13}(\.\d{0,8})?|\.\d{1,8})")
_TIME = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})[T\s]*(\d{2}):?(\d{2}):?(\d{2})(?:\.0+)?")
_REFORMATTED = re.compile(
    r"\d{4}/\d{1,2}/\d{1,2}.*"  # 2026/1/28 17:07
    r"|\d{1,2}/\d{1,2}/\d{2,4}.*"  # 1/28/2026 17:07
    r"|\d{4}-\d{1,2}-\d{1,2}(\s+\d{1,2}:\d{1,2}(:\d{1,2})?)?"  # 2026-1-28 7:07
    r"|\d{4}年.*|\d{1,2}:\d{2}(\.\d+)?|\d{5}(\.\d+)?"  # 07:11.0, 46050.71
)
_SHORTENED = re.compile(r"\d(\.\d+)?[Ee]\+\d{1,3}")
"""A long number as a spreadsheet shows it: 4.2E+27. The digits are gone."""
DIGITS_KEPT = 15
"""Of a longer number a spreadsheet keeps these and writes noughts for the rest."""
ROUNDED = "0" * (26 - DIGITS_KEPT)
"""How the channel's numbers end then."""
UNITS = 100_000
"""Of a yuan: thousandths of a fen."""
UNITS_MAX = 1_000_000_000 * UNITS
"""A thousand million yuan: no line of a statement has more, and the sum of a block's lines still fits 64 bits."""


def split(line: str, width: int, delimiter: str) -> list[str]:
    """A line's cells. Where there are too many the marks that channels and spreadsheets use are tried.

    Shape: as many as there are columns if that can be had; empty cells beyond them are dropped.
    """
    cells = _dropped(line.split(delimiter), width)
    if len(cells) <= width:
        return cells
    if line.startswith("`"):
        marked = _dropped(line.removeprefix("`").split(f"{delimiter}`"), width)
        if len(marked) == width:
            return marked
    if '"' in line:
        try:
            quoted = _dropped(next(csv.reader([line], delimiter=delimiter, strict=True)), width)
        except (csv.Error, StopIteration):
            return cells
        if len(quoted) == width:
            return quoted
    return cells


def _dropped(cells: list[str], width: int) -> list[str]:
    while len(cells) > width and not plain(cells[-1]):
        cells.pop()
    return cells


def units_of(text: str, most: int = UNITS_MAX) -> int | None:
    """Yuan as thousandths of a fen, exactly; None if it is no amount, finer than that or more than `most`."""
    told = plain(text).replace(",", "").removeprefix("¥").removesuffix("元").strip()
    told = told.replace("−", "-").replace("﹣", "-").replace("–", "-")
    if not _AMOUNT.fullmatch(told):
        return None
    try:
        units = Decimal(told) * UNITS
    except InvalidOperation:  # pragma: no cover - the pattern lets none through
        return None
    return int(units) if units == int(units) and abs(units) <= most else None


def moment_of(text: str) -> int | None:
    """A time in Beijing as seconds of UTC since 1970; None if it is none.

    Raises Denied: statement.spoilt (a spreadsheet wrote the time in its own way: seconds or order are lost).
    """
    told = plain(text)
    found = _TIME.fullmatch(told)
    if not found:
        if _REFORMATTED.fullmatch(told):
            raise Denied("statement.spoilt", what="times", example=told[:24])
        return None
    try:
        return int(datetime(*map(int, found.groups()), tzinfo=CHINA).timestamp())  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def number_of(text: str, *, is_channels: bool = False) -> str | None:
    """A number as it is, ours or the channel's; None if it has signs that no number has.

    Raises Denied: statement.spoilt (a spreadsheet shortened it).
    """
    told = plain(text)
    if is_shortened(told, is_channels=is_channels):
        raise Denied("statement.spoilt", what="numbers", example=told[:24])
    return told if told.isascii() and told.isprintable() else None


def is_shortened(number: str, *, is_channels: bool) -> bool:
    """Whether a number has lost its digits to a spreadsheet: 4.2E+27, or (of the channel's own) 42000…000."""
    rounded = is_channels and len(number) >= 26 and number.isdigit() and not number[DIGITS_KEPT:].strip("0")
    return rounded or bool(_SHORTENED.fullmatch(number))
