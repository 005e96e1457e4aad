"""`make docs`: draws again what is drawn from the code. A test holds the drawings to it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from yuanlu.machine import Table, Turn, picture
from yuanlu.payments import rules as payments
from yuanlu.refunds import rules as refunds

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ROOT / "docs" / "reference" / "machines.md"

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
        ]
    )


if __name__ == "__main__":
    MACHINES.write_text(machines())
