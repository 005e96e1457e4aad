"""A decision as a value: the new row, the draw, the ledger moves, the facts, the looks, the evidence.

A `Change` changes one object of one capability. It is recorded whole or not at all, many at once (`recorder.py`). It
relies on one version of its row: `row.version` is the version it makes, so 1 is a new row and 7 replaces 6. If the
row has moved meanwhile, nothing is recorded and the rule decides again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, ClassVar, Generic, TypeVar

from yuanlu.channels.contract import Evidence, Step
from yuanlu.facts import Fact
from yuanlu.ledger.accounts import Move
from yuanlu.money import Money

KEPT_BY_DRAWS = {"kept_by": "draws"}
"""Field metadata of a column that only draws change: read with the row, written only when it is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Base of the rows that carry state. Each subclass is a table; a test compares it with the schema."""

    table: ClassVar[str]
    written_once: ClassVar[frozenset[str]] = frozenset()
    """Columns that are written when a row is new. A later Change does not even send them: no rule can change them."""

    merchant_id: str
    id: str
    version: int = 1

    @property
    def key(self) -> tuple[str, str]:
        return self.merchant_id, self.id


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


@dataclass(frozen=True, slots=True)
class Draw:
    """A part taken from a payment (amount > 0) or given back (amount < 0).

    Law: what is drawn of a payment stays between 0 and its amount, whoever draws at the same time.
    """

    payment_id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Spend:
    """A part taken of what somebody may send back in a day.

    Law: what is taken in a day stays within its limit, whoever takes at the same time.
    """

    who: str
    day: date
    amount_fen: int
    limit_fen: int


@dataclass(frozen=True, slots=True)
class Look:
    """When to look at an object again: one row a (name, object), so an object has one next look of each name.

    `at` None: no further look is needed. Names ending in `.wake` are somebody else's word to look now.
    """

    name: str
    object_id: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[R_co]):
    """What a rule decided. `step` is not recorded: it is what to do outside once the change is."""

    row: R_co
    at: datetime
    who: str
    draw: Draw | None = None
    spend: Spend | None = None
    moves: tuple[Move, ...] = ()
    facts: tuple[Fact, ...] = ()
    looks: tuple[Look, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    step_up: str = ""
    """The step-up that permits this: it is spent in the same commit, and no other Change can spend it."""
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Stay(Generic[R_co]):
    """What a rule decided when nothing needs writing: the row as it stands, and perhaps a question to ask outside."""

    row: R_co
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Done(Generic[R_co]):
    """What became of a decision: the row as it now stands, the step to take outside, and whether anything changed."""

    row: R_co
    step: Step | None = None
    changed: bool = False


@dataclass(frozen=True)
class Column:
    """One column of a row's table."""

    name: str
    sql_type: str
    kept_by_draws: bool = False
    written_once: bool = False

    @property
    def changes(self) -> bool:
        """Whether a Change of a row that is there writes it."""
        return not self.kept_by_draws and not self.written_once


_SQL_TYPES = {
    "str": "text",
    "int": "bigint",
    "bool": "boolean",
    "datetime": "timestamptz",
    "date": "date",
    "bytes": "bytea",
}


def columns_of(row_type: type[Row]) -> tuple[Column, ...]:
    """The columns of a row type, in order. An enum of text is text; `| None` may be null."""
    found = []
    for each in fields(row_type):
        name = str(each.type).removesuffix(" | None")
        by_draws, once = each.metadata == KEPT_BY_DRAWS, each.name in row_type.written_once
        found.append(Column(each.name, _SQL_TYPES.get(name, "text"), by_draws, once))
    return tuple(found)


def drawn() -> Any:
    """Declare a column that only draws change."""
    return field(default=0, metadata=KEPT_BY_DRAWS)
