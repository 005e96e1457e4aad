"""Prints the figures: a table for people, one list of objects for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields

import msgspec

from yuanlu.bench.measure import Figure

_COLUMNS = tuple(each.name for each in fields(Figure))


def _told(value: object) -> object:
    """A number with as many digits as mean something."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def rows(figures: Sequence[Figure]) -> list[dict[str, object]]:
    """The figures as plain objects."""
    return [{name: _told(getattr(figure, name)) for name in _COLUMNS} for figure in figures]


def show(figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print them on stdout."""
    if as_json:
        sys.stdout.write(msgspec.json.encode(rows(figures)).decode() + "\n")
        return
    lines = [_COLUMNS, *(tuple(_cell(row[name]) for name in _COLUMNS) for row in rows(figures))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(_COLUMNS))]
    for line in lines:
        cells = (
            cell.ljust(width) if name in {"name", "unit"} else cell.rjust(width)
            for name, cell, width in zip(_COLUMNS, line, widths, strict=True)
        )
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float() if abs(value) >= 1000:
            return f"{value:,.0f}"
        case float():
            return f"{value:.4g}"
    return str(value)
