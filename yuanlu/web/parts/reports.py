"""Reports as tables: what each column is, for spreadsheets and for pages, and what the rows are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from yuanlu import sheets, words
from yuanlu.cases import causes
from yuanlu.cases.clockwork import Holder
from yuanlu.cases.rules import What
from yuanlu.guards.rules import Guard
from yuanlu.insight.rules import Stage
from yuanlu.money import Money

BOM = "\ufeff"
"""Excel takes a table without it for GBK."""
_GUARDS, _WHATS, _STAGES, _HOLDERS = (frozenset(map(str, each)) for each in (Guard, What, Stage, Holder))


class Kind(StrEnum):
    """What stands in a column."""

    TEXT = "text"
    COUNT = "count"
    FEN = "fen"
    SECONDS = "seconds"
    PERCENT = "percent"
    PER_MILLE = "per_mille"


@dataclass(frozen=True, slots=True)
class Table:
    """A report as rows. Shape: each row has a cell for each column, text or a number as the column's kind says."""

    columns: Sequence[tuple[str, Kind]]
    rows: Sequence[Sequence[str | float]]


def said(cell: str | float, kind: Kind, lang: str) -> str:
    """A cell as people read it."""
    if isinstance(cell, str):
        return cell
    match kind:
        case Kind.FEN:
            return str(Money(int(cell)))
        case Kind.SECONDS:
            return span(cell, lang)
        case Kind.PERCENT:
            return f"{cell * 100:.1f}%"
        case Kind.PER_MILLE:
            return f"{cell:.2f}"
        case _:
            return f"{cell:,.0f}"


def _plain(cell: str | float, kind: Kind) -> str:
    """A cell as a program reads it: yuan with two digits, whole seconds, percent without its sign."""
    if isinstance(cell, str):
        return cell
    match kind:
        case Kind.FEN:
            return Money(int(cell)).yuan()
        case Kind.PERCENT:
            return f"{cell * 100:.2f}"
        case Kind.PER_MILLE:
            return f"{cell:.3f}"
        case _:
            return f"{cell:.0f}"


def head(column: str, kind: Kind, lang: str, *, plain: bool = False) -> str:
    """What a column is called; in a table for programs with its unit."""
    unit = words.say(f"report.unit.{kind}", lang) if plain and kind in (Kind.FEN, Kind.SECONDS, Kind.PERCENT) else ""
    return words.say(f"report.column.{column}", lang) + unit


def csv(table: Table, lang: str) -> bytes:
    """The table as spreadsheets open it, no cell of which can run."""
    heads = [head(name, kind, lang, plain=True) for name, kind in table.columns]
    kinds = [kind for _, kind in table.columns]
    rows = ([_plain(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in table.rows)
    return (BOM + sheets.written([heads, *rows])).encode()


def span(seconds: float, lang: str, units: int = 2) -> str:
    """How long something took, in its two largest units, or the largest alone."""
    left = round(seconds)
    parts = []
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1)):
        count, left = divmod(left, size)
        parts.append((unit, count))
    first = next((place for place, (_, count) in enumerate(parts) if count), len(parts) - 1)
    shown = [(unit, count) for unit, count in parts[first : first + units] if count or unit == parts[first][0]]
    return " ".join(words.say(f"report.span.{unit}", lang, n=n) for unit, n in shown)


def label(key: str, lang: str) -> str:
    """What a cause, guard, stage or holder is called, as a line begins; a key of another kind is its own name."""
    text = _word(key, lang)
    return text[:1].upper() + text[1:] if text else key


def _word(key: str, lang: str) -> str:
    """The first sentence of our words for a key; empty: there are none."""
    if key in causes.taxonomy().kinds:
        return causes.called(key, lang)
    if key in _GUARDS:
        return words.say(key, lang, amount="", expected="", name="").partition("\n")[0].rstrip(".")
    if key in _WHATS:
        return words.say(f"what.{key}", lang).partition("\n")[0]
    if key in _STAGES:
        return words.say(f"report.stage.{key}", lang)
    return words.say(f"holder.{key}", lang) if key in _HOLDERS else ""


def labelled(lang: str, called: Mapping[str, str]) -> Callable[[str], str]:
    """How keys are shown: by the name somebody gave, else by our word for it."""
    return lambda key: called.get(key) or label(key, lang)


def sort(name: str, lang: str) -> str:
    """What a group of rows is called."""
    return words.say(f"report.sort.{name}", lang)
