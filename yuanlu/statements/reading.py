"""Reading a statement: which channel's and which layout's it is, its rows, and whether it agrees with its own totals.

Pure but for the source it is given: it reads no clock, no setting, no database. Memory is bounded by one block,
whatever the size of the file: `Reading.batches` gives rows as they are read.

    with path.open("rb") as source:
        reading = open_statement(source, path.name)
        for batch in reading.batches():   # Arrow record batches of `rows.schema()`
            …
        end = reading.end()               # what the file says of itself, and what is wrong with it
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from yuanlu.errors import Denied
from yuanlu.statements import fixed, layouts, opening, shaping
from yuanlu.statements.layouts import Head, plain
from yuanlu.statements.opening import Cut, Opened
from yuanlu.statements.problems import Code, End, Problems
from yuanlu.statements.rows import Kind, Layout, schema
from yuanlu.statements.shaping import Cells
from yuanlu.statements.summing import Totals
from yuanlu.statements.table import Table

CHANNELS = ("wechat", "alipay", "unionpay")
HEAD_LINES = 40
"""Lines among which the header stands."""
ACCOUNTS_MAX = 20
_ACCOUNT = re.compile(r"账号:\s*\[(\d{8,32})\]")
_DAY = re.compile(r"起始日期:\s*\[(\d{4})年(\d{2})月(\d{2})日")
_DAY_IN_NAME = re.compile(r"(20\d{2})-?([01]\d)-?([0-3]\d)(?!\d)")


@dataclass(frozen=True)
class _Part:
    """One file whose lines are rows."""

    opened: Opened
    layout: Layout
    head: Head | None
    delimiter: str
    account: str
    line: int
    rest: Iterator[bytes]


class Reading:
    """A statement opened: its channel and layout are known, its rows are to come."""

    def __init__(self, source: BinaryIO, name: str, channel: str | None, on: date | None) -> None:
        self._on = on
        self._wanted = channel
        self._problems = Problems()
        self._rows = 0
        self._accounts: dict[str, None] = {}
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._day: date | None = _day(_DAY_IN_NAME, name)
        self._unknown: Denied | None = None
        self._totals: Totals | None = None
        self._is_over = False
        self._parts = self._known(opening.parts(source, name))
        first = next(self._parts, None)
        if first is None:
            raise self._unknown or Denied("statement.not_one")
        self._first_part = first
        self.layout = first.layout
        self.channel = first.layout.partition("_")[0]
        self.encoding = first.opened.encoding

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, in the file's order, some thousands at a time. To be gone through once.

        Raises Denied: statement.spoilt, statement.not_one, statement.too_large, also in its midst: then none of the
        rows counts.
        """
        for part in chain([self._first_part], self._parts):
            try:
                for cells, columns in self._shaped(part):
                    yield self._batch(part.layout, cells, columns)
            except Cut:
                self._problems.add(Code.CUT_OFF)
        self._is_over = True

    def table(self) -> pa.Table:
        """All rows at once."""
        return pa.Table.from_batches(self.batches(), schema())

    def end(self) -> End:
        """What is known now that all rows were read."""
        assert self._is_over, "the rows were not read"
        agrees = self._totals.compare(self._problems) if self._totals is not None else None
        if len(self._accounts) > 1:
            self._problems.add(Code.ACCOUNTS_SEVERAL, what=" ".join(self._accounts))
        summary = self._totals.told() if self._totals is not None else None
        return End(
            rows=self._rows,
            left_out=self._problems.left_out,
            summary=dict(summary) if summary is not None else None,
            summary_agrees=agrees,
            problems=tuple(self._problems.told()),
            accounts=tuple(self._accounts),
            first_at=self._first,
            last_at=self._last,
            day=self._day,
        )

    def _known(self, parts: Iterator[opening.Part]) -> Iterator[_Part]:
        """The parts that are of a statement. Those beside it (a letter, a picture) are passed over."""
        for part in parts:
            try:
                known = self._looked_at(opening.opened(part))
            except Denied as no:
                if no.code not in {"statement.not_one", "statement.empty"}:
                    raise
                self._unknown = self._unknown or no
                continue
            if known is None:
                continue
            channel = known.layout.partition("_")[0]
            if self._wanted not in (None, channel):
                raise Denied("statement.other_channel", wanted=self._wanted, found=channel)
            yield known

    def _looked_at(self, opened: Opened) -> _Part | None:
        """What a part is; None if it was a summary, which is then heard."""
        head_text = opened.decoded(opened.head)
        self._day = _day(_DAY, plain(head_text)) or self._day or _day(_DAY_IN_NAME, opened.name)
        form = fixed.form_of(opened)
        if form is not None:
            return _Part(opened, form.layout, None, "", "", 1, chain([opened.head], opened.rest))
        if not head_text.strip(layouts.MARKS + "\r\n"):
            raise Denied("statement.empty")
        lines = head_text.split("\n")
        for place, line in enumerate(lines[:HEAD_LINES]):
            delimiter = "\t" if "\t" in line and "," not in line else ","
            cells = line.split(delimiter)
            head = layouts.head_of(cells)
            if head is not None:
                return self._table(opened, lines[:place], head, delimiter)
            if self._summarised(cells, lines[place + 1 :], place + 2):
                return None
        if layouts.is_personal(head_text[:4096]):
            raise Denied("statement.personal_export")
        raise Denied("statement.not_one")

    def _table(self, opened: Opened, before: list[str], head: Head, delimiter: str) -> _Part:
        account = _ACCOUNT.search(plain("\n".join(before)))
        number = account[1] if account else ""
        if len(number) == 20 and number.startswith("2088"):
            number = number[:16]  # the partner's id, and which of its accounts
        for name in head.missing:
            self._problems.add(Code.COLUMN_MISSING, what=name)
        for name in head.twice:
            self._problems.add(Code.COLUMN_TWICE, what=name)
        if self._totals is None:
            self._totals = Totals(head.form)
        skipped = 0
        for _ in range(len(before) + 1):
            skipped = opened.head.index(b"\n", skipped) + 1
        rest = chain([opened.head[skipped:]] if opened.head[skipped:] else [], opened.rest)
        return _Part(opened, head.form.layout, head, delimiter, number, len(before) + 2, rest)

    def _summarised(self, names: list[str], lines: list[str], place: int) -> bool:
        """Whether a line heads Alipay's second file; its row of totals is then taken."""
        if sum(plain(name) in layouts.SUMMARY_OF_ALIPAY for name in names) < 3:
            return False
        form = next(form for form in layouts.FORMS if form.layout is Layout.ALIPAY_BUSINESS)
        self._totals = self._totals or Totals(form)
        for where, line in enumerate(lines, place):
            if plain(line).startswith("合计"):
                self._totals.row(names, line.split(","), where, self._problems)
        return True

    def _shaped(self, part: _Part) -> Iterator[tuple[Cells, shaping.Columns]]:
        if part.head is None:
            lines = fixed.Lines(part.opened, part.layout, self._on or self._day, self._problems)
            yield from lines.shaped(part.rest)
            return
        assert self._totals is not None
        self._totals.is_over = False
        table = Table(part.head, part.opened, part.delimiter, part.account, self._problems, self._totals, part.line)
        for cells in table.cells(part.rest):
            yield cells, shaping.SHAPES[part.layout](cells)

    def _batch(self, layout: Layout, cells: Cells, columns: shaping.Columns) -> pa.RecordBatch:
        count = cells.count
        whole = columns | {
            "channel": shaping.all_of(layout.partition("_")[0], count),
            "layout": shaping.all_of(layout, count),
            "at": cells.at,
            "line": cells.lines,
        }
        self._rows += count
        self._time(cells.at, columns["kind"])
        self._note(columns["account"])
        told = schema()
        return pa.RecordBatch.from_arrays([whole[name].cast(told.field(name).type) for name in told.names], schema=told)

    def _time(self, at: Any, kind: Any) -> None:
        """From when to when its payments are: a refund may be dated by its payment, months ago."""
        paid = pc.filter(at, pc.equal(kind, Kind.PAYMENT))
        if not len(paid):
            return
        span = pc.min_max(paid).as_py()
        self._first = min(self._first or span["min"], span["min"])
        self._last = max(self._last or span["max"], span["max"])

    def _note(self, account: Any) -> None:
        known = account[0].as_py()
        others = [known] if pc.all(pc.equal(account, known)).as_py() else pc.unique(account).to_pylist()
        for each in others:
            if each and len(self._accounts) < ACCOUNTS_MAX:
                self._accounts[each] = None


def _day(pattern: re.Pattern[str], text: str) -> date | None:
    found = pattern.search(text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def open_statement(source: BinaryIO, name: str = "", channel: str | None = None, on: date | None = None) -> Reading:
    """Look at a file and say whose statement it is.

    `source` can be sought and stays open until the rows are read; `name` is the file's (UnionPay's tells its kind and
    day); `channel` refuses any other; `on` is the business day where the file does not tell it.
    Raises Denied: statement.not_one, statement.empty, statement.personal_export, statement.workbook,
    statement.encrypted, statement.archive_broken, statement.archive_unknown, statement.too_large,
    statement.other_channel, statement.day_unknown, statement.spoilt.
    """
    return Reading(source, name, channel, on)
