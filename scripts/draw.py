"""`make docs`: draws again what is drawn from the code. A test holds the drawings to it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from yuanlu import words
from yuanlu.cases import review
from yuanlu.machine import Table, Turn, picture
from yuanlu.notify import templates
from yuanlu.notify.rules import TYPES
from yuanlu.payments import rules as payments
from yuanlu.refunds import rules as refunds
from yuanlu.web.parts import problems

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ROOT / "docs" / "reference" / "machines.md"
NOTICES = ROOT / "docs" / "reference" / "notices.md"
ERRORS = ROOT / "docs" / "reference" / "errors.md"
REQUIREMENTS = ROOT / "docs" / "reference" / "requirements.md"

S = TypeVar("S", bound=StrEnum)
W = TypeVar("W", bound=StrEnum)

HEAD = """# State machines

Drawn from the tables in the code by `make docs`; do not edit. A word in capitals is heard from the channel, a word in
«marks» is our own doing. What is not drawn stays as it is. In the tables `·` is stay, and `!` is a contradiction:
nothing moves, the object is marked with an incident and waits for a person. [words.md](words.md) says what the words
mean.
"""


def grid(table: Table[S, W]) -> str:
    """The table itself, as Markdown: a row a state, a column a word."""
    rows = [["", *[word.name for word in table.words]], ["---"] * (len(table.words) + 1)]
    for state in table.states:
        turns = [table.turn(state, word) for word in table.words]
        rows.append([state.name, *[turn.value if isinstance(turn, Turn) else turn.name for turn in turns]])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def machine(title: str, says: str, table: Table[S, W], commands: Mapping[tuple[S, str], S]) -> str:
    """One machine: a heading, its picture, its table."""
    return f"\n## {title}\n\n{says}\n\n```mermaid\n{picture(table, commands)}```\n\n{grid(table)}"


def machines() -> str:
    """The page of all state machines."""
    return HEAD + "".join(
        [
            machine(
                "Payments",
                "What is shown is closed where what was scanned is reversed.",
                payments.TABLE,
                payments.COMMANDS,
            ),
            machine(
                "Refunds",
                "ABSENT counts only when heard twice, apart. DONE becomes PROVEN only by another source than the one "
                "that made it DONE.",
                refunds.TABLE,
                refunds.COMMANDS,
            ),
            machine(
                "Cases",
                "Words in capitals are what people do; APPROVE_FIRST and ACCEPT_FIRST wait for a second person, SETTLE "
                "accepts a voucher or an exchange. Here `!` is refused, and nothing is changed. "
                "[cases.md](cases.md) says more.",
                review.TABLE,
                review.ROADS,
            ),
        ]
    )


def denied() -> dict[str, set[str]]:
    """Every code the tree denies with, and the facts that go with it anywhere."""
    found: dict[str, set[str]] = {code: set() for code in problems.STATUSES}
    for path in (ROOT / "yuanlu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Denied":
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    found.setdefault(code.value, set()).update(each.arg for each in node.keywords if each.arg)
    return found


def errors() -> str:
    """The page of all codes: its head as it stands, then a table a family."""
    facts = denied()
    page = [ERRORS.read_text().partition("\n## ")[0].rstrip("\n") + "\n"]
    for family, codes in groupby(sorted(facts), key=lambda code: code.partition(".")[0]):
        page.append(f"\n## {family}\n\n| code | status | English | 中文 | facts |\n| --- | --- | --- | --- | --- |\n")
        for code in codes:
            zh, en = (words.catalogue()[f"problem.{code}"][lang].replace("\n", " ") for lang in ("zh", "en"))
            named = ", ".join(f"`{name}`" for name in sorted(facts[code]))
            page.append(f"| `{code}` | {problems.Problem(code).status} | {en} | {zh} | {named} |\n")
    return "".join(page)


_NAMED = re.compile(r"(?:S[1-9][0-9]?(?:[.,:]| and|$)\s*)+")
"""How a docstring names what its test proves: at its head, so that a bucket at S3 proves nothing."""


def named(docstring: str) -> list[str]:
    """The requirements that a docstring names."""
    head = _NAMED.match(docstring)
    return sorted(set(re.findall("S[0-9]+", head[0]))) if head else []


def proofs() -> dict[str, dict[str, int]]:
    """Which requirements tests name in their docstrings: id to file to how many tests."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for each in named(ast.get_docstring(node) or ""):
                    files = found.setdefault(each, {})
                    name = path.relative_to(ROOT / "tests").as_posix()
                    files[name] = files.get(name, 0) + 1
    return found


def requirements() -> str:
    """The page of requirements: as it stands, with its last column drawn again."""
    proved, lines = proofs(), []
    for line in REQUIREMENTS.read_text().splitlines():
        cells = line.split(" | ")
        if re.match(r"\| S[0-9]+ \|", line):
            files = proved.get(cells[0].strip("| "), {}) if cells[2] != "later" else {}
            cells[-1] = ", ".join(f"`{name}` ({count})" for name, count in files.items()) + " |"
        lines.append(" | ".join(cells))
    return "\n".join(lines) + "\n"


def notices() -> str:
    """The page of notices: its head as it stands, then the table of types."""
    head = NOTICES.read_text().partition("| --- | --- | --- |\n")[0]
    rows = [f"| `{name}` | `{kind}` | {'told' if kind in templates.KINDS else ''} |\n" for kind, name in TYPES.items()]
    return head + "| --- | --- | --- |\n" + "".join(rows)


if __name__ == "__main__":
    NOTICES.write_text(notices())
    MACHINES.write_text(machines())
    ERRORS.write_text(errors())
    REQUIREMENTS.write_text(requirements())
