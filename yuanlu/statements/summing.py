"""What a statement says its lines add up to, and what they do add up to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from yuanlu.statements import layouts, tidying
from yuanlu.statements.layouts import Form, plain
from yuanlu.statements.problems import Code, Problems
from yuanlu.statements.rows import Layout
from yuanlu.statements.shaping import PER_FEN, Cells

COUNTS = frozenset({"count", "in_count", "out_count"})
_COMMENT = re.compile(r"(交易|退款|收入|支出)合计:\s*(\d+)笔,[^,]*?共\s*(-?[\d.]+)\s*元")
_TOTAL_MAX = 10**18
_SIDES = {"交易": "in", "收入": "in", "退款": "out", "支出": "out"}


class Totals:
    """The two of them, for one statement. Amounts are thousandths of a fen, below nought as the file has them."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._read: dict[str, int] = {"count": 0}
        self._said: dict[str, int] = {}
        self._next: list[str] = []
        self.is_over = False
        """Whether the closing lines of a table have come: what follows should not be there."""

    def add(self, cells: Cells) -> None:
        """Lines that were read."""
        self._more("count", cells.count)
        for name, units in cells.amounts.items():
            self._more(name, pc.sum(units).as_py() or 0)
        for name, figure in _sides(self._form.layout, cells).items():
            self._more(name, figure)

    def _more(self, name: str, figure: int) -> None:
        self._read[name] = self._read.get(name, 0) + figure

    def hears(self, cells: Sequence[str], line: int, problems: Problems) -> bool:
        """Take a line as one of the closing two of a table; whether it is."""
        if self._next:
            names, self._next = self._next, []
            self.is_over = True
            self._say(names, cells, line, problems)
            return True
        self._next = layouts.totals_of(self._form, cells) or []
        return bool(self._next)

    def _say(self, names: Sequence[str], cells: Sequence[str], line: int, problems: Problems) -> None:
        if len(cells) < len(names):
            problems.add(Code.SUMMARY_UNREADABLE, line)
        for name, cell in zip(names, cells, strict=False):
            if name:
                self._told(name, plain(cell), line, problems, before=self._said.get(name, 0))

    def _told(self, name: str, text: str, line: int, problems: Problems, before: int = 0) -> None:
        """`before`: what files in the same archive have said of it already."""
        figure = (int(text) if text.isdecimal() else None) if name in COUNTS else tidying.units_of(text, _TOTAL_MAX)
        if figure is None:
            problems.add(Code.SUMMARY_UNREADABLE, line, name)
        else:
            self._said[name] = before + figure

    def comment(self, text: str) -> None:
        """A line of remarks: Alipay's totals are such."""
        for side, count, yuan in _COMMENT.findall(plain(text)):
            figure = tidying.units_of(yuan, _TOTAL_MAX)
            if figure is not None:
                self._said[f"{_SIDES[side]}_count"] = int(count)
                self._said[_SIDES[side]] = figure
                self.is_over = True

    def row(self, names: Sequence[str], cells: Sequence[str], line: int, problems: Problems) -> None:
        """The row of totals of a second file: Alipay's summary."""
        for name, cell in zip(names, cells, strict=False):
            ours = layouts.SUMMARY_OF_ALIPAY.get(plain(name))
            if ours:
                self._told(ours, plain(cell), line, problems)
        self.is_over = True

    def compare(self, problems: Problems) -> bool | None:
        """Whether what is said is what was read; None where nothing is said. Differences become problems."""
        if self._next:
            problems.add(Code.SUMMARY_UNREADABLE)
        if not self._said:
            problems.add(Code.SUMMARY_MISSING)
            return None
        agrees = not self._next
        for name, said in self._said.items():
            read = self._read.get(name, 0)
            same = abs(said) == abs(read) if name == "out" else said == read
            if not same and self._is_there(name):
                agrees = False
                problems.add(
                    Code.SUMMARY_DISAGREES,
                    what=_told_name(name),
                    said=_told_figure(name, said),
                    read=_told_figure(name, read),
                )
        return agrees

    def _is_there(self, name: str) -> bool:
        """A file whose column was left out cannot be held to its total."""
        return name in self._read or name in COUNTS or not self._read["count"]

    def told(self) -> Mapping[str, int] | None:
        """What the file says, in whole fen and counts."""
        if not self._said:
            return None
        return {_told_name(name): _told_figure(name, figure) for name, figure in self._said.items()}


def _told_name(name: str) -> str:
    return name if name in COUNTS else f"{name}_fen"


def _told_figure(name: str, figure: int) -> int:
    if name in COUNTS:
        return figure
    return (abs(figure) + PER_FEN // 2) // PER_FEN * (-1 if figure < 0 else 1)


def _sides(layout: Layout, cells: Cells) -> Mapping[str, int]:
    """What came and what went, as the layouts count it that tell the two apart."""
    match layout:
        case Layout.WECHAT_FUND_FLOW:
            side = cells.word("way", lambda word: word)
            return _split(side, layouts.INCOME, layouts.OUTGO, cells.units("amount"))
        case Layout.ALIPAY_BUSINESS:
            return _split(cells.word("kind", lambda word: word), "交易", "退款", cells.units("settled", "amount"))
        case Layout.ALIPAY_ACCOUNT:
            comes, goes = cells.units("income"), cells.units("outgo")
            return {
                "in_count": pc.sum(pc.not_equal(comes, 0)).as_py() or 0,
                "in": pc.sum(comes).as_py() or 0,
                "out_count": pc.sum(pc.not_equal(goes, 0)).as_py() or 0,
                "out": pc.sum(goes).as_py() or 0,
            }
        case _:
            return {}


def _split(side: Any, comes: str, goes: str, units: Any) -> Mapping[str, int]:
    is_in, is_out = pc.equal(side, comes), pc.equal(side, goes)
    return {
        "in_count": pc.sum(is_in).as_py() or 0,
        "in": pc.sum(pc.if_else(is_in, units, 0)).as_py() or 0,
        "out_count": pc.sum(is_out).as_py() or 0,
        "out": pc.sum(pc.if_else(is_out, units, 0)).as_py() or 0,
    }
