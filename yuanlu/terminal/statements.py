"""Statements at a terminal: read from a file, as one JSON object or as a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from yuanlu import words
from yuanlu.clock import CHINA
from yuanlu.money import Money
from yuanlu.statements.problems import End, Problem
from yuanlu.statements.reading import open_statement
from yuanlu.terminal.screen import Screen, flat, padded, screen

SHOWN = 20
"""Rows that a table shows."""
_WIDTHS = {"at": 20, "kind": 9, "number": 31, "channel_number": 30, "amount": 13, "state": 10}


def show(file: Path, channel: str | None, on: date | None, *, as_json: bool) -> None:
    """Read a file and say what it says. Raises Denied: statement.… (`open_statement`)."""
    end, told = _read(file, channel, on, keep=SHOWN)
    if as_json:
        _write_json(file, channel, on, end, told)
    else:
        _table(screen(sys.stdout), end, told)


def _read(file: Path, channel: str | None, on: date | None, keep: int) -> tuple[End, Mapping[str, Any]]:
    """Read all of it once: only then is it known to be a statement. The first rows are kept."""
    first: list[dict[str, Any]] = []
    with file.open("rb") as source:
        reading = open_statement(source, file.name, channel, on)
        for batch in reading.batches():
            first += batch.slice(0, keep - len(first)).to_pylist() if len(first) < keep else []
        end = reading.end()
    return end, {"channel": reading.channel, "layout": str(reading.layout), "first": first}


def _rows(file: Path, channel: str | None, on: date | None) -> Iterator[bytes]:
    with file.open("rb") as source:
        for batch in open_statement(source, file.name, channel, on).batches():
            for row in batch.to_pylist():
                yield msgspec.json.encode(row)


def _write_json(file: Path, channel: str | None, on: date | None, end: End, told: Mapping[str, Any]) -> None:
    """One object, its rows as they are read: however many there are, few are held at once."""
    out = sys.stdout
    head = msgspec.json.encode({"channel": told["channel"], "layout": told["layout"]}).decode()
    out.write(f'{head[:-1]},"rows":[')
    for place, row in enumerate(_rows(file, channel, on)):
        out.write(("," if place else "") + row.decode())
    rest = {
        "summary": end.summary,
        "summary_agrees": end.summary_agrees,
        "problems": [_problem(problem) for problem in end.problems],
    }
    out.write(f"],{msgspec.json.encode(rest).decode()[1:]}\n")
    out.flush()


def _problem(problem: Problem) -> Mapping[str, Any]:
    return asdict(problem) | words.both(f"statement.problem.{problem.code}", **asdict(problem))


def _table(on: Screen, end: End, told: Mapping[str, Any]) -> None:
    on.line(on.ink(f"{told['channel']} {told['layout']} · {end.rows} rows", "bold"))
    for row in told["first"]:
        at = row["at"].astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        sign = "-" if row["settled_fen"] < 0 or row["fee_fen"] < 0 else ""
        shown = row | {"at": at, "amount": f"{sign}{Money(row['amount_fen'], row['currency'])}"}
        on.line("  ".join(padded(_clean(shown[name]), width) for name, width in _WIDTHS.items()).rstrip())
    if end.rows > len(told["first"]):
        on.line(on.ink(f"… {end.rows - len(told['first'])} more (--json has all)", "dim"))
    agrees = {
        True: ("合计相符 totals agree", "green"),
        False: ("合计不符 totals disagree", "red"),
        None: ("没有合计 no totals", "yellow"),
    }
    text, ink = agrees[end.summary_agrees]
    on.line(on.ink(text, ink))
    for problem in end.problems:
        said = words.both(f"statement.problem.{problem.code}", **asdict(problem))
        for language in words.LANGUAGES:
            on.line(f"  {flat(said[language])}")


def _clean(told: object) -> str:
    """What a file says, without what a terminal would obey."""
    return "".join(sign if sign.isprintable() else "·" for sign in str(told))
