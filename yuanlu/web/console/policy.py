"""退款政策: the table as it counts, its versions, and a new one: edited, checked, tried on past cases, set."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from yuanlu import ids, words
from yuanlu.ids import Kind
from yuanlu.money import Money, from_yuan
from yuanlu.policies.table import CHANNELS, COLUMNS, RESERVED, TENDERS, vocabulary
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor
from yuanlu.web.parts.policies import code_told

SHOW, EDIT, ONE = "/console/policy", "/console/policy/edit", "/console/policy/{policy}"
SHOWN = tuple(each for each in COLUMNS if each not in RESERVED)
"""The columns of the editor: those that have a meaning yet."""
MORE_ROWS = 3
TRIED_DAYS = 30
"""A new table is tried on the cases of so many days."""

Rows = Sequence[Mapping[str, str]]


def _reasons() -> Sequence[str]:
    """What people report; the causes found, each below the names it may be told by together (`input.amount`)."""
    whats, causes = vocabulary()
    above = {cause[: end.start()] for cause in causes for end in re.finditer(r"\.", cause)}
    return [*sorted(whats), *sorted(causes | above)]


_CODES: Mapping[str, tuple[str, Sequence[str]]] = {
    "reason": ("what", _reasons()),
    "channel": ("channel", CHANNELS),
    "tender": ("tender", TENDERS),
}
"""Columns whose cells are codes: the words these have, and all of them."""


async def show(here: Visitor, _: Mapping[str, str]) -> Seen:
    """What counts now, and the versions before."""
    versions = (await here.ask("/v1/policies")).items
    return View("policy.html", {"policy": await here.ask("/v1/policy"), "versions": versions, "is_now": True})


async def show_one(here: Visitor, _: Mapping[str, str]) -> Seen:
    """One version, as it was frozen onto payments."""
    told = await here.ask("/v1/policies/{policy}", here.place)
    return View("policy.html", {"policy": told, "versions": (), "is_now": False})


async def edit(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The table that counts now, to be changed."""
    now = await here.ask("/v1/policy")
    return _editor(here, rows_of(now.content, here.lang), policy_id=ids.new(Kind.POLICY))


async def edited(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Check, try, or set what stands in the form: `then` says which. Nothing is lost by a no."""
    rows = rows_in(form)
    wish = {
        "content": content_of([{name: read(name, cell) for name, cell in row.items()} for row in rows]),
        "form": "toml",
    }
    found: dict[str, Any] = {}
    try:
        found["check"] = await here.do("/v1/policies/check", wish=wish)
        if form.get("then") == "try" and found["check"].ok:
            since = (here.office.clock.now() - timedelta(days=TRIED_DAYS)).isoformat()
            found["trial"] = await here.do("/v1/policies/try", wish={**wish, "since": since})
        if form.get("then") == "set" and found["check"].ok:
            await here.do("/v1/policies", wish={**wish, "id": form.get("id", "")})
            return Turn(SHOW)
    except NOS as error:
        found["problem"] = problems.of_error(error)
    return _editor(here, rows, policy_id=form.get("id", ""), **found)


def _editor(
    here: Visitor, rows: Rows, *, policy_id: str, check: Any = None, trial: Any = None, problem: Any = None
) -> View:
    """The editor. The rows of what is wrong are numbered as they stand here."""
    wrong = problem or (check and not check.ok)
    given = {
        "rows": [*rows, *({} for _ in range(MORE_ROWS))],
        "columns": SHOWN,
        "choices": choices(here.lang),
        "id": policy_id,
        "check": check,
        "trial": trial,
        "problem": problem,
        "days": TRIED_DAYS,
    }
    return View("policy_edit.html", given, UNPROCESSED if wrong else 200)


def rows_of(content: str, lang: str) -> Rows:
    """A table kept as CSV, row by row. Shape: cells by column as people read them, those that mean "any" are empty."""
    return [
        {name: "" if cell == "*" else shown(name, cell, lang) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(content))
    ]


def shown(column: str, cell: str, lang: str) -> str:
    """A cell as people read it: codes in words, sums in yuan, spans with their unit."""
    if column == "amount_fen":
        return re.sub(r"\d+", lambda found: Money(int(found[0])).yuan(), cell)
    if column == "age":
        return re.sub(r"[hd]", lambda found: words.say(f"console.policy.unit.{found[0]}", lang), cell)
    if column in _CODES:
        return " | ".join(code_told(_CODES[column][0], each, lang) for each in cell.split("|"))
    return cell


def read(column: str, text: str) -> str:
    """A cell as the table has it, of what `shown` says in either language. The check names what is neither."""
    if column == "amount_fen":
        return re.sub(r"\d+(\.\d+)?", lambda found: _fen(found[0]), text.replace("¥", "").replace(",", ""))
    if column == "age":
        return re.sub(r"(?<=\d)\s*([^\W\d]+)", lambda found: _units().get(found[1].lower(), found[0]), text)
    if column in _CODES:
        known = _by_words(column)
        return "|".join(known.get(each.strip().lower(), each.strip()) for each in re.split(r"[|｜]", text))
    return text


def _fen(yuan: str) -> str:
    try:
        return str(from_yuan(yuan).amount)
    except ValueError:
        return yuan


@lru_cache(maxsize=1)
def _units() -> Mapping[str, str]:
    return {words.say(f"console.policy.unit.{each}", lang).strip(): each for each in "hd" for lang in words.LANGUAGES}


@lru_cache(maxsize=len(_CODES))
def _by_words(column: str) -> Mapping[str, str]:
    """The codes of a column by what they are called, in every language."""
    vocabulary_, codes = _CODES[column]
    return {code_told(vocabulary_, code, lang).lower(): code for code in codes for lang in words.LANGUAGES}


def choices(lang: str) -> Mapping[str, Sequence[str]]:
    """What may stand in those columns whose values are codes, in words."""
    return {column: [code_told(kind, each, lang) for each in codes] for column, (kind, codes) in _CODES.items()}


def rows_in(form: Mapping[str, str]) -> Rows:
    """The rows a form holds (`amount_fen-3`), in the order their `order` says; empty ones are left out."""
    numbers = {name.rpartition("-")[2] for name in form if name.rpartition("-")[0] in SHOWN}
    rows = [
        (
            _place(form.get(f"order-{each}", each)),
            int(each),
            {name: form.get(f"{name}-{each}", "").strip() for name in SHOWN},
        )
        for each in numbers
        if each.isdecimal()
    ]
    return [row for _, _, row in sorted(rows, key=lambda each: each[:2]) if any(row.values())]


def _place(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def content_of(rows: Rows) -> str:
    """Rows as TOML, a table a row; an empty cell means "any". A string of JSON is one of TOML."""
    cells = [[f"{name} = {json.dumps(cell, ensure_ascii=False)}" for name, cell in row.items() if cell] for row in rows]
    return "\n".join(line for row in cells for line in ("[[rows]]", *row))


PAGES = (
    Page("GET", SHOW, show, may="see", menu="console.policies", icon="check"),
    Page("GET", EDIT, edit, may="policy"),
    Page("POST", EDIT, edited, may="policy"),
    Page("GET", ONE, show_one, may="see"),
)
