"""What is wrong with a statement and does not make it another file: told, counted and bounded, never swallowed.

What makes a file no statement at all is `Denied` with a `statement.…` code, raised where it is seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

TOLD_MAX = 20
"""Lines that are named for each code; all are counted."""


class Code(StrEnum):
    """What may be wrong; each has words in both languages (`statement.problem.…`)."""

    ROW_SHORT = "row_short"
    ROW_LONG = "row_long"
    TIME_UNREADABLE = "time_unreadable"
    AMOUNT_UNREADABLE = "amount_unreadable"
    NUMBER_UNREADABLE = "number_unreadable"
    PART_OF_FEN = "part_of_fen"
    """An amount finer than a fen: the row is left out. A fee finer than a fen is rounded, and told of as well."""
    FEE_ROUNDED = "fee_rounded"
    WORD_UNKNOWN = "word_unknown"
    COLUMN_MISSING = "column_missing"
    COLUMN_TWICE = "column_twice"
    HEADER_AGAIN = "header_again"
    AFTER_SUMMARY = "after_summary"
    SUMMARY_MISSING = "summary_missing"
    SUMMARY_UNREADABLE = "summary_unreadable"
    SUMMARY_DISAGREES = "summary_disagrees"
    ACCOUNTS_SEVERAL = "accounts_several"
    CUT_OFF = "cut_off"


LEFT_OUT = frozenset(
    {
        Code.ROW_SHORT,
        Code.ROW_LONG,
        Code.TIME_UNREADABLE,
        Code.AMOUNT_UNREADABLE,
        Code.NUMBER_UNREADABLE,
        Code.PART_OF_FEN,
    }
)
"""Problems of a line that is therefore not among the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong. `line` is 0 where it is no single line's; `what` names a column, a word or a figure."""

    code: Code
    line: int = 0
    what: str = ""
    count: int = 1
    """How many lines have it: beyond `TOLD_MAX` the last one told stands for the rest."""
    said: int | None = None
    read: int | None = None
    """Of totals that disagree: what the file says and what its rows add up to, in fen, or a count."""


class Problems:
    """Those of one statement."""

    def __init__(self) -> None:
        self._told: list[Problem] = []
        self._counts: Counter[Code] = Counter()

    def add(
        self,
        code: Code,
        line: int = 0,
        what: str = "",
        count: int = 1,
        said: int | None = None,
        read: int | None = None,
    ) -> None:
        self._counts[code] += count
        if sum(problem.code is code for problem in self._told) < TOLD_MAX:
            told = Problem(code=code, line=line, what=what[:80], count=count, said=said, read=read)
            self._told.append(told)

    @property
    def left_out(self) -> int:
        """How many lines are not among the rows because of what is wrong with them."""
        return sum(self._counts[code] for code in LEFT_OUT)

    def told(self) -> list[Problem]:
        """In the order of their lines; the last of a code also counts those of it that are not told."""
        told, last = [], {problem.code: place for place, problem in enumerate(self._told)}
        for place, problem in enumerate(self._told):
            more = 0
            if last[problem.code] == place:
                more = self._counts[problem.code] - sum(each.count for each in self._told if each.code is problem.code)
            told.append(replace(problem, count=problem.count + more))
        return sorted(told, key=lambda problem: problem.line or 10**12)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What is known when all rows were read."""

    rows: int
    left_out: int
    """Lines that are not among the rows: each is among the problems."""
    summary: dict[str, int] | None
    """What the file says of itself: counts, and fen by names ending in `_fen`."""
    summary_agrees: bool | None
    """None: it says nothing."""
    problems: tuple[Problem, ...]
    accounts: tuple[str, ...]
    first_at: datetime | None
    """Of its payments, as `last_at`; None where it has none."""
    last_at: datetime | None
    day: date | None
    """The business day that the file names in its head or its name; None where it does not."""
