"""Drills: what somebody practised at a till, and which drills their real mistakes call for. Pure.

A till says itself how a drill went: it is done at a practice ground (`ground.py`), where nothing touches money. So the
record says what was practised, for those who teach; it proves nothing and decides nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from yuanlu import ids, packaged
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact

SECONDS_MAX = 3600
ERRORS_DAYS = 30
"""So long a real mistake calls for practice."""


class Outcome(StrEnum):
    """How a drill went."""

    RIGHT = "right"
    SLOW = "slow"
    """Right, but not in good time."""
    MISTAKE = "mistake"
    """The very mistake that it is made of."""
    STOPPED = "stopped"


@lru_cache(maxsize=1)
def drills() -> Sequence[Mapping[str, Any]]:
    """The drills as their table has them (`drills.toml`)."""
    return tuple(tomllib.loads(packaged.text("training/drills.toml"))["drill"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill(Row):
    """A drill that somebody did. `account`: who; `mistake`: which step was wrong, if one was."""

    table = "drills"

    account: str
    drill: str
    outcome: Outcome
    seconds: int
    mistake: str
    done_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillDone(Fact):
    drill: str
    outcome: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillAsk:
    """A drill as the till saw it done."""

    merchant_id: str
    id: str
    who: str
    drill: str
    outcome: Outcome
    seconds: int
    mistake: str = ""


def written(ask: DrillAsk, was: Drill | None, at: datetime) -> Change[Drill] | Stay[Drill]:
    """Write a drill down; again is the same.

    Raises Denied: drill.unknown, drill.id_taken, id.invalid.
    """
    if ask.drill not in {each["id"] for each in drills()}:
        raise Denied("drill.unknown", drill=ask.drill)
    row = Drill(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.DRILL),
        account=ask.who,
        drill=ask.drill,
        outcome=ask.outcome,
        seconds=ask.seconds,
        mistake=ask.mistake,
        done_at=at if was is None else was.done_at,
    )
    if was == row:
        return Stay(was)
    if was is not None:
        raise Denied("drill.id_taken", id=ask.id)
    return Change(
        row=row, at=at, who=ask.who, facts=(DrillDone(drill=ask.drill, outcome=ask.outcome, seconds=ask.seconds),)
    )


@dataclass(frozen=True, slots=True)
class Record:
    """What somebody did of a drill. `right_at`: when last right and in time; `best`: in how many seconds."""

    drill: str
    tries: int
    right_at: datetime | None
    best: int | None
    last_at: datetime


def called_for(records: Sequence[Record], errors: Mapping[str, datetime]) -> list[str]:
    """The drills that somebody's real mistakes call for: `errors` says of each kind of case when the last one was.

    A drill is called for where it `mends` such a kind and was not done right since; those of the latest mistake first.
    """
    right = {each.drill: each.right_at for each in records}
    found = []
    for drill in drills():
        last = max((errors[kind] for kind in drill["mends"] if kind in errors), default=None)
        done = right.get(drill["id"])
        if last is not None and (done is None or done < last):
            found.append((last, drill["id"]))
    return [name for _, name in sorted(found, key=lambda each: each[0], reverse=True)]
