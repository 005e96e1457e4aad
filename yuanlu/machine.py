"""Total state tables.

A table is written as text, one row a state, one column a word we may hear; every cell is filled. A cell is

    NAME    go to that state
    ·       stay: this is no news
    !       a contradiction: nothing moves, the object waits for a person

Being text, the table is the documentation and the picture is drawn from it (`picture`). Being total, there is no
state with an outcome nobody thought of: `parse` refuses a table that misses a cell or names an unknown state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)
W = TypeVar("W", bound=StrEnum)


class Turn(StrEnum):
    """What a cell says beside a next state."""

    STAY = "·"
    CLASH = "!"


@dataclass(frozen=True)
class Table(Generic[S, W]):
    """A parsed, total table: (state, word) to the next state, `Turn.STAY` or `Turn.CLASH`."""

    states: type[S]
    words: tuple[W, ...]
    cells: Mapping[tuple[S, W], S | Turn]

    def turn(self, state: S, word: W) -> S | Turn:
        return self.cells[state, word]


def parse(states: type[S], words: Sequence[W], text: str) -> Table[S, W]:
    """Read a table.

    Shape: first line `| | WORD | WORD |`; then `| STATE, STATE | cell | cell |`; a ruler line is skipped.
    Raises ValueError when a cell is missing, doubled, or names no state.
    """
    lines = [line.strip() for line in text.strip().splitlines() if not set(line.strip()) <= set("|- ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    named = {word.name: word for word in words}
    heard = [named[name] for name in rows[0][1:]]
    cells: dict[tuple[S, W], S | Turn] = {}
    for names, *values in rows[1:]:
        if len(values) != len(heard):
            raise ValueError(f"row {names!r} has {len(values)} cells, not {len(heard)}")
        for name in names.split(","):
            for word, value in zip(heard, values, strict=True):
                key = (states[name.strip()], word)
                if key in cells:
                    raise ValueError(f"{key} is in the table twice")
                cells[key] = Turn(value) if value in set(Turn) else states[value]
    missing = {(state, word) for state in states for word in words} - cells.keys()
    if missing:
        raise ValueError(f"the table misses {sorted(missing)}")
    return Table(states, tuple(words), cells)


def picture(table: Table[S, W], commands: Mapping[tuple[S, str], S]) -> str:
    """Draw the table and our own commands as a Mermaid state diagram (a text that forges and editors render)."""
    edges: dict[tuple[str, str], list[str]] = {}
    for (state, name), goal in commands.items():
        edges.setdefault((state.name, goal.name), []).append(f"«{name}»")
    for (state, word), turn in table.cells.items():
        if not isinstance(turn, Turn):
            edges.setdefault((state.name, turn.name), []).append(word.name)
    lines = [f"    {start} --> {end}: {', '.join(names)}" for (start, end), names in edges.items()]
    return "\n".join(["stateDiagram-v2", *lines, ""])
