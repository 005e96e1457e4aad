"""What is wrong with a decision table as a whole: gaps, rows nobody reaches, rows that contradict each other.

All tables of this kind are boxes over few axes, so it can be known for certain. Axes are cut where some row begins or
ends; codes that all rows treat alike are one. What is left is a finite set of places, each with the set of rows that
fit there (a bit a row): these sets are all that matters, and there are few.

    gap          a place where no row fits
    unreachable  a row that is nowhere the first that fits
    contradicts  a more lenient row stands first where a stricter one fits too, and neither is an exception to the
                 other (lies wholly inside it): which of the two was meant cannot be told from the table

An exception before its rule, and a stricter row before a more lenient one, are how such tables are written: no finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from yuanlu.policies.rules import AGE_ANY, AMOUNT_ANY, STRICTNESS, Line, Span
from yuanlu.policies.table import ANY, CHANNELS, TENDERS, Finding, read, vocabulary

GAPS_MAX = 5
"""How many gaps are told, one example each."""
OTHER = "other"
"""The example of a code that no row names."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A place of the table: one value of each axis, and the rows that fit there (bit 0 is the first row)."""

    values: Mapping[str, object]
    rows: int


def check(text: str, *, is_toml: bool = False) -> tuple[tuple[Line, ...], tuple[Finding, ...]]:
    """Read a file and check it: its rows, and all that is wrong with it. What does not read is not checked further."""
    found = read(text, is_toml=is_toml)
    return found.lines, found.findings or check_lines(found.lines)


def check_lines(lines: Sequence[Line]) -> tuple[Finding, ...]:
    """All that is wrong with a table whose cells are right."""
    places = _places(lines)
    return (*_gaps(lines, places), *_unreachable(lines, places), *_contradictions(lines, places))


def _places(lines: Sequence[Line]) -> list[_Place]:
    """Every set of rows that fit somewhere, each with an example of where."""
    reasons = [{"what": what, "cause": cause} for what, cause in _reasons(lines)]
    found = _cut(lines, reasons, _fits_reason)
    for name, values, fits in _AXES:
        cuts = _cut(lines, [{name: value} for value in values(lines)], partial(_fits_at, name, fits))
        found = _merged(({**p.values, **c.values}, p.rows & c.rows) for p in found for c in cuts)
    return found


def _cut(
    lines: Sequence[Line], values: Iterable[Mapping[str, Any]], fits: Callable[[Line, Mapping[str, Any]], bool]
) -> list[_Place]:
    """One axis: each value with the rows that fit there; values that all rows treat alike are one."""
    return _merged((at, sum(1 << place for place, line in enumerate(lines) if fits(line, at))) for at in values)


def _merged(found: Iterable[tuple[Mapping[str, Any], int]]) -> list[_Place]:
    kept: dict[int, Mapping[str, Any]] = {}
    for values, rows in found:
        kept.setdefault(rows, values)
    return [_Place(values, rows) for rows, values in kept.items()]


def _reasons(lines: Sequence[Line]) -> Iterator[tuple[str, str]]:
    """Each report with each cause, and with none; of the codes no row names, one speaks for all."""
    whats, causes = vocabulary()
    named_whats = {code for line in lines for code in line.whats}
    named_causes = {code for line in lines for code in line.causes}
    for what in (*sorted(named_whats), *sorted(whats - named_whats, key=lambda code: code != OTHER)[:1]):
        for cause in ("", *sorted(named_causes), *sorted(causes - named_causes)[:1]):
            yield what, cause


def _fits_reason(line: Line, at: Mapping[str, Any]) -> bool:
    return not line.reasons or at["what"] in line.whats or at["cause"] in line.causes


def _fits_at(name: str, fits: Callable[[Line, Any], bool], line: Line, at: Mapping[str, Any]) -> bool:
    return fits(line, at[name])


def _cuts(spans: Iterable[Span], anything: Span) -> list[int]:
    """The first number of each piece into which the spans cut their axis."""
    starts = {anything.low}
    for span in spans:
        starts |= {span.low} | ({span.high + 1} if span.high is not None else set())
    return sorted(starts)


_Axis = tuple[str, Callable[[Sequence[Line]], Sequence[Any]], Callable[[Line, Any], bool]]

_AXES: tuple[_Axis, ...] = (
    ("channel", lambda _: CHANNELS, lambda line, value: not line.channels or value in line.channels),
    ("tender", lambda _: TENDERS, lambda line, value: not line.tenders or value in line.tenders),
    (
        "amount_fen",
        lambda lines: _cuts((line.amount for line in lines), AMOUNT_ANY),
        lambda line, value: value in line.amount,
    ),
    (
        "age_hours",
        lambda lines: _cuts((line.age for line in lines), AGE_ANY),
        lambda line, value: value in line.age,
    ),
)


def _bits(rows: int) -> Iterator[int]:
    while rows:
        low = rows & -rows
        yield low.bit_length() - 1
        rows ^= low


def _first(rows: int) -> int:
    return (rows & -rows).bit_length() - 1


def _gaps(lines: Sequence[Line], places: Sequence[_Place]) -> Iterator[Finding]:
    for place in [each for each in places if not each.rows][:GAPS_MAX]:
        yield Finding(row=len(lines) + 1, column=ANY, code="gap", facts=dict(place.values))


def _unreachable(lines: Sequence[Line], places: Sequence[_Place]) -> Iterator[Finding]:
    for row in range(len(lines)):
        fits = [place.rows for place in places if place.rows >> row & 1]
        before = {_first(rows) for rows in fits}
        if row not in before:
            by = [each + 1 for each in sorted(before)]
            yield Finding(row=row + 1, column=ANY, code="unreachable", facts={"by": by})


def _contradictions(lines: Sequence[Line], places: Sequence[_Place]) -> Iterator[Finding]:
    inside = {row: _inside(row, places) for row in range(len(lines))}
    found: set[tuple[int, int]] = set()
    for place in places:
        if not place.rows:
            continue
        first = _first(place.rows)
        for row in _bits(place.rows & ~inside[first]):
            if STRICTNESS[lines[first].verdict] < STRICTNESS[lines[row].verdict]:
                found.add((first, row))
    for first, row in sorted(found):
        if not inside[row] >> first & 1:
            column = _wider(lines[first], lines[row])
            facts = {
                "other_row": row + 1,
                "verdict": lines[first].verdict.value,
                "other_verdict": lines[row].verdict.value,
            }
            yield Finding(row=first + 1, column=column, code="contradicts", facts=facts)


def _inside(row: int, places: Sequence[_Place]) -> int:
    """The rows that hold all of this row."""
    rows = -1
    for place in places:
        if place.rows >> row & 1:
            rows &= place.rows
    return rows


def _wider(line: Line, other: Line) -> str:
    """The column in which one row reaches beyond another: the one to mend."""
    if not _holds(other.amount, line.amount):
        return "amount_fen"
    if not _holds(other.age, line.age):
        return "age"
    if other.channels and not (line.channels and set(line.channels) <= set(other.channels)):
        return "channel"
    if other.tenders and not (line.tenders and set(line.tenders) <= set(other.tenders)):
        return "tender"
    return "reason"


def _holds(wide: Span, narrow: Span) -> bool:
    return wide.low <= narrow.low and (wide.high is None or (narrow.high is not None and narrow.high <= wide.high))
