"""The lines of a table (WeChat Pay, Alipay), a block at a time.

The fast way reads a whole block by columns with Arrow and takes it only if every line has as many cells as the header
and every cell that we need is what it should be. What it does not take is cut in two and tried again; pieces of a few
lines that still will not do are read line by line (`tidying`). So a file as channels write it never leaves the fast way
but for its last lines, and nothing that is odd is guessed at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from yuanlu.errors import Denied
from yuanlu.statements import tidying
from yuanlu.statements.layouts import Head, head_of, plain
from yuanlu.statements.opening import Opened
from yuanlu.statements.problems import Code, Problems
from yuanlu.statements.shaping import Cells
from yuanlu.statements.summing import Totals

SMALL = 8 << 10
"""Bytes of a piece that is not cut any more: some thirty lines."""
_MARKS = "` \t\"'"
_YUAN = pa.decimal64(18, 5)
_CHINA_SECONDS = 8 * 3600
_CHANNELS = frozenset({"channel_number", "refund_channel_number"})


class _Odd(Exception):
    """Something in a block is not as channels write it."""


@dataclass
class Table:
    """One table being read. `line` is the place of the line to come."""

    head: Head
    opened: Opened
    delimiter: str
    account: str
    problems: Problems
    totals: Totals
    line: int

    def cells(self, blocks: Iterator[bytes]) -> Iterator[Cells]:
        """The cells of all lines, in their order. Raises Denied: statement.spoilt, statement.not_one."""
        for block in blocks:
            yield from self._read(block)

    def _read(self, block: bytes) -> Iterator[Cells]:
        try:
            found = self._by_columns(block)
            self.line += found.count
        except (_Odd, pa.ArrowInvalid):
            if len(block) > SMALL and (middle := block.find(b"\n", len(block) // 2) + 1) not in (0, len(block)):
                yield from self._read(block[:middle])
                yield from self._read(block[middle:])
                return
            found = self._by_lines(self.opened.decoded(block))
        if found.count:
            self.totals.add(found)
            yield found

    # The fast way

    def _by_columns(self, block: bytes) -> Cells:
        if self.totals.is_over or b"\0" in block:
            raise _Odd
        form, places = self.head.form, self.head.places
        words = form.words & places.keys()
        needed = [name for name in places if name not in form.times or name == self.head.time]
        read = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(
                column_names=[str(place) for place in range(self.head.width)],
                use_threads=False,
                block_size=len(block) + 1,
            ),
            # a blank line is then a line of one cell, and refused: those after it would be miscounted
            csv.ParseOptions(delimiter=self.delimiter, quote_char=False, ignore_empty_lines=False),
            csv.ConvertOptions(
                include_columns=[str(places[name]) for name in needed],
                column_types={str(places[name]): pa.binary() if name in words else pa.string() for name in needed},
                strings_can_be_null=False,
            ),
        )
        raw = {name: _whole(read.column(str(places[name]))) for name in needed}
        text = {name: pc.ascii_trim(column, _MARKS) for name, column in raw.items() if name not in words}
        for name in _CHANNELS & text.keys():
            _keeps_digits(text[name])
        amounts = {name: self._units(name, text.pop(name)) for name in form.amounts & text.keys()}
        return Cells(
            text=text,
            words={name: raw[name] for name in words},
            amounts=amounts,
            at=_moments(text.pop(self.head.time)),
            lines=pa.arange(self.line, self.line + read.num_rows),
            decode=self.opened.decoded,
            account=self.account,
            problems=self.problems,
        )

    def _units(self, name: str, column: Any) -> Any:
        if name in self.head.form.blank and pc.any(empty := pc.equal(column, "")).as_py():
            column = pc.if_else(empty, "0", column)
        units = pc.cast(column, _YUAN).view(pa.int64())
        span = pc.min_max(units).as_py()
        if span["max"] > tidying.UNITS_MAX or span["min"] < (
            -tidying.UNITS_MAX if name in self.head.form.signed else 0
        ):
            raise _Odd
        if name != "fee" and not pc.all(pc.equal(pc.multiply(pc.divide(units, 1000), 1000), units)).as_py():
            raise _Odd
        return units

    # The careful way

    def _by_lines(self, text: str) -> Cells:
        told: list[tuple[int, dict[str, str], dict[str, int], int]] = []
        for line in text.replace("\r\n", "\n").split("\n")[:-1]:
            place, self.line = self.line, self.line + 1
            if not plain(line):
                continue
            if line.lstrip(_MARKS).startswith("#"):
                self.totals.comment(line)
                continue
            cells = tidying.split(line, self.head.width, self.delimiter)
            if self._is_other(cells, place):
                continue
            kept = self._kept(cells, place)
            if kept is not None:
                told.append((place, *kept))
        return self._built(told)

    def _is_other(self, cells: list[str], place: int) -> bool:
        """Whether a line is no row: the totals, or the header once more."""
        if self.totals.hears(cells, place, self.problems):
            return True
        if head_of(cells) is not None:
            self.problems.add(Code.HEADER_AGAIN, place)
            return True
        if self.totals.is_over:
            self.problems.add(Code.AFTER_SUMMARY, place)
        return False

    def _kept(self, cells: list[str], place: int) -> tuple[dict[str, str], dict[str, int], int] | None:
        """A row's texts, amounts and time; None if one of them is unreadable, which is told of."""
        if len(cells) != self.head.width:
            self.problems.add(Code.ROW_SHORT if len(cells) < self.head.width else Code.ROW_LONG, place)
            return None
        form = self.head.form
        text, amounts = {}, {}
        for name, where in self.head.places.items():
            cell = cells[where]
            if name in form.amounts:
                units = self._amount(name, cell, place)
                if units is None:
                    return None
                amounts[name] = units
            elif name in form.words:
                text[name] = plain(cell)
            elif name not in form.times:
                number = tidying.number_of(cell, is_channels=name in _CHANNELS)
                if number is None:
                    self.problems.add(Code.NUMBER_UNREADABLE, place, name)
                    return None
                text[name] = number
        at = self._moment(cells, place)
        return None if at is None else (text, amounts, at)

    def _amount(self, name: str, cell: str, place: int) -> int | None:
        blank = name in self.head.form.blank and not plain(cell)
        units = 0 if blank else tidying.units_of(cell)
        if units is None or (units < 0 and name not in self.head.form.signed):
            self.problems.add(Code.AMOUNT_UNREADABLE, place, name)
            return None
        if name != "fee" and units % 1000:
            self.problems.add(Code.PART_OF_FEN, place, name)
            return None
        return units

    def _moment(self, cells: list[str], place: int) -> int | None:
        for name in self.head.form.times:
            if name in self.head.places and plain(cells[self.head.places[name]]):
                at = tidying.moment_of(cells[self.head.places[name]])
                if at is not None:
                    return at
                break
        self.problems.add(Code.TIME_UNREADABLE, place)
        return None

    def _built(self, told: list[tuple[int, dict[str, str], dict[str, int], int]]) -> Cells:
        form, places = self.head.form, self.head.places
        texts = places.keys() - form.amounts - form.words - set(form.times)
        return Cells(
            text={name: pa.array([text[name] for _, text, _, _ in told], pa.string()) for name in texts},
            words={
                name: pa.array([text[name].encode() for _, text, _, _ in told], pa.binary())
                for name in form.words & places.keys()
            },
            amounts={
                name: pa.array([amounts[name] for _, _, amounts, _ in told], pa.int64())
                for name in form.amounts & places.keys()
            },
            at=utc(pa.array([at for _, _, _, at in told], pa.int64())),
            lines=pa.array([place for place, _, _, _ in told], pa.int64()),
            decode=bytes.decode,
            account=self.account,
            problems=self.problems,
        )


def _whole(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _moments(column: Any) -> Any:
    """`2026-11-28 10:00:00` in Beijing as UTC."""
    span = pc.min_max(pc.binary_length(column)).as_py()
    if span["min"] != 19 or span["max"] != 19:
        raise _Odd
    seconds = pc.cast(pc.cast(column, pa.timestamp("s")), pa.int64())
    return utc(pc.subtract(seconds, _CHINA_SECONDS))


def utc(seconds: Any) -> Any:
    return pc.cast(pc.cast(seconds, pa.timestamp("s", "UTC")), pa.timestamp("us", "UTC"))


def _keeps_digits(column: Any) -> None:
    """Look whether a spreadsheet shortened the channel's numbers. Raises Denied: statement.spoilt."""
    length = pc.binary_length(column)
    short = pc.filter(column, pc.and_(pc.less(length, 20), pc.greater(length, 3)))
    rounded = pc.filter(column, pc.ends_with(column, tidying.ROUNDED))
    for some in (short, rounded):
        for number in pc.unique(some).to_pylist() if len(some) else ():
            if tidying.is_shortened(number, is_channels=True):
                raise Denied("statement.spoilt", what="numbers", example=number[:24])
