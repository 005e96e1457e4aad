"""A policy as a file that people edit: CSV, or TOML with the same names.

    amount_fen,age,reason,channel,tender,member,risk,verdict,zh,en
    <=20000,<=24h,wrong_amount|wrong_code,*,*,*,*,approve,金额不大，马上退,Small sums go back at once
    *,*,*,*,*,*,*,review,店里有人会看,Somebody at the shop will look

docs/reference/policies.md says what may stand in each column. Reading never raises for what a person wrote: it answers
findings, each with its row and column.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from yuanlu import masking, packaged, sheets
from yuanlu.errors import Broken
from yuanlu.money import AMOUNT_MAX
from yuanlu.policies.rules import AGE_ANY, AMOUNT_ANY, Line, Ruling, Span, Table, table_of

COLUMNS = ("amount_fen", "age", "reason", "channel", "tender", "member", "risk", "verdict", "zh", "en")
NEEDED = ("verdict", "zh", "en")
RESERVED = ("member", "risk")
"""Columns that no rule may use until something in the installation knows their values."""
CHANNELS = ("wechat", "alipay")
TENDERS = ("scanned", "shown")
"""How the payment was tendered: the payer's code was scanned, or ours was."""
ROWS_MAX = 200
SIZE_MAX = 48 * 1024
WORDS_MAX = 80
AGE_MAX_HOURS = 24 * 366 * 10
ANY = "*"

_NUMBER = r"([0-9]{1,12})"
_UNITS = {"h": 1, "d": 24}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with a table: where (row counted from 1 below the heading, 0: all of it) and what.

    `code` has words in both languages under `policy.<code>`, filled with row, column and `facts`.
    """

    row: int
    column: str
    code: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Read:
    """What a file says, and what is wrong with it. With findings there may be fewer rows than the file has."""

    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]


class _Bad(Exception):
    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


@lru_cache(maxsize=1)
def vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """The codes a `reason` may have: what people report, and the causes found."""
    told = tomllib.loads(packaged.text("policies/data/reasons.toml"))
    return frozenset(told["whats"]), frozenset(told["causes"])


def read(text: str, *, is_toml: bool = False) -> Read:
    """Read a file: TOML, or CSV with a heading."""
    if len(text.encode()) > SIZE_MAX:
        return Read((), (Finding(row=0, column=ANY, code="too_large", facts={"kilobytes": SIZE_MAX // 1024}),))
    try:
        rows = _toml_rows(text) if is_toml else _csv_rows(text)
    except _Bad as bad:
        at, column = int(str(bad.facts.get("at", 0))), str(bad.facts.get("name", ANY))
        return Read((), (Finding(row=at, column=column, code=bad.code, facts=bad.facts),))
    if not 1 <= len(rows) <= ROWS_MAX:
        return Read((), (Finding(row=0, column=ANY, code="how_many", facts={"rows_max": ROWS_MAX}),))
    lines: list[Line] = []
    findings: list[Finding] = []
    for number, cells_ in enumerate(rows, 1):
        line, wrong = _line(number, cells_)
        findings += wrong
        lines += [] if line is None else [line]
    return Read(tuple(lines), tuple(findings))


def _csv_rows(text: str) -> list[dict[str, str]]:
    try:
        found = list(csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True))
    except csv.Error:
        raise _Bad("unreadable") from None
    found = [[sheets.restored(cell.strip()) for cell in row] for row in found if any(cell.strip() for cell in row)]
    if not found:
        raise _Bad("unreadable")
    heading, *rows = found
    _demand_columns(heading)
    short = next((number for number, row in enumerate(rows, 1) if len(row) != len(heading)), None)
    if short is not None:
        raise _Bad("cells", at=short, wanted=len(heading))
    return [dict(zip(heading, row, strict=True)) for row in rows]


def _toml_rows(text: str) -> list[dict[str, str]]:
    try:
        told = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise _Bad("unreadable") from None
    rows = told.pop("rows", None)
    if told or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _Bad("unreadable")
    for row in rows:
        _demand_columns(list(row), all_needed=False)
    return [{name: str(value).strip() for name, value in row.items()} for row in rows]


def _demand_columns(names: Sequence[str], *, all_needed: bool = True) -> None:
    for name in names:
        if name not in COLUMNS or names.count(name) > 1:
            raise _Bad("column", name=name[:40])
    for name in NEEDED if all_needed else ():
        if name not in names:
            raise _Bad("column_missing", name=name)


def _line(number: int, row: Mapping[str, str]) -> tuple[Line | None, list[Finding]]:
    """One row, and what is wrong with its cells: all of them, not only the first."""
    found: dict[str, Any] = {}
    wrong: list[Finding] = []
    for column in COLUMNS:
        try:
            found[column] = _CELLS[column](row.get(column, ""))
        except _Bad as bad:
            wrong.append(Finding(row=number, column=column, code=bad.code, facts=bad.facts))
    if wrong:
        return None, wrong
    reasons, whats, causes = found["reason"]
    line = Line(
        amount=found["amount_fen"],
        age=found["age"],
        reasons=reasons,
        whats=whats,
        causes=causes,
        channels=found["channel"],
        tenders=found["tender"],
        verdict=found["verdict"],
        zh=found["zh"],
        en=found["en"],
    )
    return line, []


def _span(cell: str, unit: str, most: int, anything: Span, number: Callable[[re.Match[str], int], int]) -> Span:
    """`*`, `5`, `2..5`, `<5`, `<=5`, `>5`, `>=5`, each number with the unit."""
    if cell in ("", ANY):
        return anything
    one = _NUMBER + unit
    if match := re.fullmatch(f"(<=|<|>=|>)? *{one}", cell):
        value = number(match, 2)
        low, high = {
            "<=": (anything.low, value),
            "<": (anything.low, value - 1),
            ">=": (value, None),
            ">": (value + 1, None),
            None: (value, value),
        }[match[1]]
    elif match := re.fullmatch(f"{one} *\\.\\. *{one}", cell):
        low, high = number(match, 1), number(match, 2 if not unit else 3)
    else:
        raise _Bad("value", value=cell[:40])
    if max(low, high or 0) > most:
        raise _Bad("value", value=cell[:40])
    low = max(low, anything.low)
    if high is not None and high < low:
        raise _Bad("empty_range", value=cell[:40])
    return anything if (low, high) == (anything.low, None) else Span(low, high)


def _amount(cell: str) -> Span:
    return _span(cell, "", AMOUNT_MAX, AMOUNT_ANY, lambda match, group: int(match[group]))


def _age(cell: str) -> Span:
    def hours(match: re.Match[str], group: int) -> int:
        return int(match[group]) * _UNITS[match[group + 1]]

    return _span(cell, "([hd])", AGE_MAX_HOURS, AGE_ANY, hours)


def _codes(cell: str) -> tuple[str, ...]:
    """`*`, or codes between bars: sorted, each once."""
    if cell in ("", ANY):
        return ()
    return tuple(sorted({code.strip() for code in cell.split("|")}))


def _of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def codes(cell: str) -> tuple[str, ...]:
        for code in _codes(cell):
            if code not in known:
                raise _Bad("value", value=code[:40])
        return _codes(cell)

    return codes


def _reason(cell: str) -> tuple[tuple[str, ...], frozenset[str], frozenset[str]]:
    """Codes of reports and causes. `input.amount` stands for all causes below it."""
    whats, causes = vocabulary()
    found: set[str] = set()
    for code in _codes(cell):
        below = {cause for cause in causes if cause == code or cause.startswith(f"{code}.")}
        if code not in whats and not below:
            raise _Bad("value", value=code[:40])
        found |= below
    return _codes(cell), frozenset(_codes(cell)) & whats, frozenset(found)


def _reserved(cell: str) -> None:
    if cell not in ("", ANY):
        raise _Bad("reserved")


def _ruling(cell: str) -> Ruling:
    if cell not in set(Ruling):
        raise _Bad("value", value=cell[:40])
    return Ruling(cell)


def _words(cell: str) -> str:
    """A line for the customer, masked. One that a spreadsheet would take for a formula is refused."""
    if not cell:
        raise _Bad("words_missing")
    if len(cell) > WORDS_MAX or not cell.isprintable() or cell[0] in "=+-@":
        raise _Bad("words", most=WORDS_MAX)
    return masking.kept(cell)


_CELLS: Mapping[str, Callable[[str], object]] = {
    "amount_fen": _amount,
    "age": _age,
    "reason": _reason,
    "channel": _of(CHANNELS),
    "tender": _of(TENDERS),
    "member": _reserved,
    "risk": _reserved,
    "verdict": _ruling,
    "zh": _words,
    "en": _words,
}


# --- written ---


def written(lines: Sequence[Line]) -> str:
    """The rows as their canonical file (CSV): what is stored, hashed and shown. Law: reading it gives the same rows."""
    return sheets.written([COLUMNS, *(cells(line) for line in lines)])


def cells(line: Line) -> tuple[str, ...]:
    """One row as its cells, in the order of `COLUMNS`."""
    return (
        shown(line.amount, AMOUNT_ANY, ""),
        shown(line.age, AGE_ANY, "h"),
        "|".join(line.reasons) or ANY,
        "|".join(line.channels) or ANY,
        "|".join(line.tenders) or ANY,
        ANY,
        ANY,
        line.verdict.value,
        line.zh,
        line.en,
    )


def shown(span: Span, anything: Span, unit: str) -> str:
    """A span as a cell."""
    if span == anything:
        return ANY
    if span.high is None:
        return f">={span.low}{unit}"
    if span.low == anything.low:
        return f"<={span.high}{unit}"
    if span.low == span.high:
        return f"{span.low}{unit}"
    return f"{span.low}{unit}..{span.high}{unit}"


def made(lines: Sequence[Line]) -> Table:
    """A table of these rows, not yet anybody's."""
    return table_of(lines, written(lines))


@lru_cache(maxsize=256)
def kept(content: str, policy: str) -> Table:
    """The table of a version, from its stored content.

    Raises Broken when it cannot be read any more.
    """
    found = read(content)
    if found.findings:
        raise Broken(f"policy {policy} does not read: {found.findings[0]}")
    return table_of(found.lines, content, policy)


@lru_cache(maxsize=1)
def default() -> Table:
    """The built-in policy: what counts where a merchant has set none."""
    found = read(packaged.text("policies/data/default.csv"))
    if found.findings:
        raise Broken(f"the built-in policy does not read: {found.findings[0]}")
    built_in = made(found.lines)
    name = f"built-in/{built_in.digest[:12]}"
    return replace(built_in, verdicts=tuple(replace(each, policy=name) for each in built_in.verdicts))
