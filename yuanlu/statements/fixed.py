"""UnionPay's settlement files: lines of fixed width in bytes, whose widths stand in `data/unionpay.toml`.

A line's time has no year: it is that of the settlement day, or the year before where it would lie after it. There are
no totals: whether lines are missing at the end only the archive they came in can tell. Source: channels.md 10.3.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from yuanlu.errors import Denied
from yuanlu.statements import tidying
from yuanlu.statements.opening import Opened
from yuanlu.statements.problems import Code, Problems
from yuanlu.statements.rows import Kind, Layout, State
from yuanlu.statements.shaping import Cells, Columns, all_of
from yuanlu.statements.table import utc

_FILE = Path(__file__).parent / "data" / "unionpay.toml"
_DAY = re.compile(r"IN[ND](\d{2})(\d{2})(\d{2})")
_NEEDED = ("at", "amount", "order", "query_id", "trace", "kind", "merchant", "fee", "original_order")
_LOOKS = re.compile(rb"[A-Z]\d{2} [\d ]{11} [\d ]{11} [\d ]{6} \d{10} ")
"""How a line begins: transaction code, acquirer, sender, trace, time."""


@dataclass(frozen=True)
class Fixed:
    """One form of lines: where each field that we name begins and ends."""

    layout: Layout
    file: str
    length: int
    fields: Mapping[str, tuple[int, int]]
    read_to: int
    """A line may end here: what follows is of no field we read, and transports strip spaces."""


@cache
def _forms() -> tuple[Sequence[Fixed], Mapping[str, str]]:
    told = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return [_form(each) for each in told["form"]], told["kinds"]


def _form(told: Mapping[str, Any]) -> Fixed:
    pairs = [each.split() for each in told["fields"]]
    widths = [int(width) for _, width in pairs]
    begins = [0, *accumulate(width + 1 for width in widths)]
    fields = {name: (begin, begin + width) for (name, _), begin, width in zip(pairs, begins, widths, strict=False)}
    fields.pop("-", None)
    read_to = max(end for name, (_, end) in fields.items() if name in _NEEDED and name != "original_order")
    return Fixed(Layout(told["layout"]), told["file"], begins[-1] - 1, fields, read_to)


def form_of(opened: Opened) -> Fixed | None:
    """Which of UnionPay's forms a file has; None if it has none. A file that is named so may also be empty."""
    first = opened.head.split(b"\n", 1)[0].removesuffix(b"\r")
    named = [form for form in _forms()[0] if form.file in opened.name and _DAY.match(opened.name.rpartition("/")[2])]
    if named and not opened.head.strip():
        return named[0]
    if not _LOOKS.match(first):
        return None
    fitting = [form for form in named or _forms()[0] if len(first) == form.length]
    loose = [form for form in named or _forms()[0] if form.read_to <= len(first) <= form.length]
    return next(iter([*fitting, *loose]), None)


class Lines:
    """The lines of one file being read."""

    def __init__(self, opened: Opened, layout: Layout, on: date | None, problems: Problems) -> None:
        form = form_of(opened)
        assert form is not None
        told = _DAY.match(opened.name.rpartition("/")[2])
        if told:
            on = date(2000 + int(told[1]), int(told[2]), int(told[3]))
        if on is None:
            raise Denied("statement.day_unknown")
        self._form = form
        self._layout = layout
        self._on = on
        self._problems = problems
        self._line = 1

    def shaped(self, blocks: Iterator[bytes]) -> Iterator[tuple[Cells, Columns]]:
        """Cells and columns of all lines, in their order."""
        for block in blocks:
            lines, places = self._lines(block)
            if len(lines):
                yield self._columns(lines, places)

    def _lines(self, block: bytes) -> tuple[Any, Any]:
        """The lines that can be rows, and their places."""
        try:
            column = csv.read_csv(
                pa.BufferReader(block),
                csv.ReadOptions(column_names=["line"], use_threads=False, block_size=len(block) + 1),
                csv.ParseOptions(delimiter="\x01", quote_char=False),
                csv.ConvertOptions(column_types={"line": pa.binary()}, strings_can_be_null=False),
            ).column("line")
            whole = column.combine_chunks()
            span = pc.min_max(pc.binary_length(whole)).as_py()
            if len(whole) == block.count(b"\n") and span["min"] == span["max"] == self._form.length:
                found, places = self._readable(whole, pa.arange(self._line, self._line + len(whole)))
                self._line += block.count(b"\n")
                return found, places
        except pa.ArrowInvalid:
            pass
        return self._readable(*self._by_lines(block))

    def _by_lines(self, block: bytes) -> tuple[Any, Any]:
        kept, places = [], []
        for line in block.replace(b"\r\n", b"\n").split(b"\n")[:-1]:
            place, self._line = self._line, self._line + 1
            if not line.strip():
                continue
            if not self._form.read_to <= len(line) <= self._form.length:
                short = len(line) < self._form.read_to
                self._problems.add(Code.ROW_SHORT if short else Code.ROW_LONG, place)
                continue
            kept.append(line.ljust(self._form.length))
            places.append(place)
        return pa.array(kept, pa.binary()), pa.array(places, pa.int64())

    def _readable(self, lines: Any, places: Any) -> tuple[Any, Any]:
        """Leave out the lines whose numbers, amount or time cannot be read, and tell of them."""
        good = pa.repeat(pa.scalar(True), len(lines))
        for code, mask in (
            (Code.TIME_UNREADABLE, self._digits(lines, "at")),
            (Code.AMOUNT_UNREADABLE, self._digits(lines, "amount")),
            (Code.NUMBER_UNREADABLE, self._ascii(lines, "order", "query_id", "merchant", "original_order")),
        ):
            bad = pc.and_(good, pc.invert(mask))
            for place in pc.filter(places, bad).to_pylist():
                self._problems.add(code, place)
            good = pc.and_(good, mask)
        if pc.all(good).as_py():
            return lines, places
        return pc.filter(lines, good), pc.filter(places, good)

    def _cut(self, lines: Any, name: str) -> Any:
        """A field without its spaces; empty text where the form has no such field."""
        if name not in self._form.fields:
            return all_of("", len(lines))
        begin, end = self._form.fields[name]
        return pc.ascii_trim(pc.binary_slice(lines, begin, end).cast(pa.string()), " ")

    def _digits(self, lines: Any, name: str) -> Any:
        begin, end = self._form.fields[name]
        shown = pc.match_substring_regex(pc.binary_slice(lines, begin, end), rf"\A\d{{{end - begin}}}\z")
        if name != "at":
            return shown
        return pc.and_(shown, self._is_a_day(lines))

    def _is_a_day(self, lines: Any) -> Any:
        begin, end = self._form.fields["at"]
        shown = pc.binary_slice(lines, begin, end)
        known = {text: self._seconds(text) is not None for text in pc.unique(shown).to_pylist()}
        return pa.array([known[text] for text in shown.to_pylist()], pa.bool_())

    def _ascii(self, lines: Any, *names: str) -> Any:
        good = pa.repeat(pa.scalar(True), len(lines))
        for name in names:
            if name in self._form.fields:
                begin, end = self._form.fields[name]
                good = pc.and_(good, pc.match_substring_regex(pc.binary_slice(lines, begin, end), r"\A[\x20-\x7e]*\z"))
        return good

    def _seconds(self, text: bytes) -> int | None:
        """`MMDDhhmmss` as seconds of UTC."""
        if not text.isdigit():
            return None
        year = self._on.year - (text[:4] > b"%02d%02d" % (self._on.month, self._on.day))
        return tidying.moment_of(f"{year:04d}{text.decode()}")

    def _columns(self, lines: Any, places: Any) -> tuple[Cells, Columns]:
        begin, end = self._form.fields["at"]
        coded = pc.dictionary_encode(pc.binary_slice(lines, begin, end))
        seconds = [self._seconds(text.as_py()) for text in coded.dictionary]
        at = utc(pc.take(pa.array(seconds, pa.int64()), coded.indices))
        cells = Cells({}, {}, {}, at, places, bytes.decode, "", self._problems)
        amount = pc.cast(self._cut(lines, "amount"), pa.int64())
        kind = self._kinds(lines, cells)
        back = pc.equal(kind, Kind.REFUND)
        fee = self._fees(lines)
        signed = pc.if_else(pc.equal(kind, Kind.OTHER), 0, pc.if_else(back, pc.negate(amount), amount))
        return cells, {
            "kind": kind,
            "number": self._cut(lines, "order"),
            "payment_number": pc.if_else(back, self._cut(lines, "original_order"), ""),
            "channel_number": self._cut(lines, "query_id" if "query_id" in self._form.fields else "trace"),
            "state": all_of(State.SUCCESS, len(lines)),
            "amount_fen": amount,
            "fee_fen": pc.if_else(back, pc.negate(fee), fee),
            "settled_fen": signed,
            "refund_fen": pc.if_else(back, amount, 0),
            "account": self._cut(lines, "merchant"),
            "currency": all_of("CNY", len(lines)),
        }

    def _kinds(self, lines: Any, cells: Cells) -> Any:
        if "kind" not in self._form.fields:
            return all_of(Kind.OTHER, len(lines))
        coded = pc.dictionary_encode(self._cut(lines, "kind"))
        known = _forms()[1]
        said = pa.array([known.get(word.as_py(), "") for word in coded.dictionary], pa.string())
        kind = pc.take(said, coded.indices)
        cells.unknown(kind, "", "kind")
        return pc.if_else(pc.equal(kind, ""), Kind.OTHER, kind)

    def _fees(self, lines: Any) -> Any:
        """Fen after a letter that says which way: the amount alone, what it is of says the rest."""
        if "fee" not in self._form.fields:
            return all_of(0, len(lines))
        coded = pc.dictionary_encode(self._cut(lines, "fee"))
        said = [int("".join(re.findall(r"\d", word.as_py())) or "0") for word in coded.dictionary]
        return pc.take(pa.array(said, pa.int64()), coded.indices)
