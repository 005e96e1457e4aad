"""The guards of a store as it wants them: which are off, where they draw their lines. Pure.

Only what a store said otherwise is kept, so that better defaults reach everybody else. There is one row a store, whose
id is the store's; how it came about is in the facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import msgspec

from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.guards.rules import BOUNDS, Guard, Tuning, defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTuning(Row):
    """What a store said of its guards. `content`: JSON, read it with `tuning_of`."""

    table = "guard_tunings"

    content: str
    set_at: datetime
    set_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardsTuned(Fact):
    """`said` and `was`: what the store says otherwise than the defaults, now and before, as JSON."""

    said: str
    was: str


@dataclass(frozen=True, slots=True)
class TuningSeen:
    """What a wish is decided on. `is_store`: there is such a store."""

    is_store: bool
    row: StoreTuning | None = None


def content_of(off: frozenset[Guard] | None, lines: Mapping[str, int | None]) -> str:
    """What a store says, as it is kept: the same for the same; None: nothing, the default counts.

    Shape: `lines` by the names of `BOUNDS`, within them (the API lets no other in).
    """
    said: dict[str, object] = {name: lines[name] for name in BOUNDS if lines.get(name) is not None}
    names = {} if off is None else {"off": sorted(guard.value for guard in off)}
    return msgspec.json.encode({**names, **said}).decode()


def tuning_of(content: str, usual: Tuning | None = None) -> Tuning:
    """The tuning that counts where a store said this; empty: the defaults (or `usual`).

    Law: a guard this release does not know is passed over, and so is a line.
    """
    usual = usual or defaults()
    said = msgspec.json.decode(content) if content else {}
    known = {guard.value for guard in Guard}
    off = frozenset(Guard(name) for name in said["off"] if name in known) if "off" in said else usual.off
    return replace(usual, off=off, **{name: said[name] for name in BOUNDS if name in said})


def said_by(content: str) -> frozenset[str]:
    """Which of the fields of a `Tuning` a store said itself."""
    return frozenset(msgspec.json.decode(content)) & frozenset(asdict(defaults())) if content else frozenset()


def tune(
    merchant_id: str, store_id: str, content: str, who: str, seen: TuningSeen, at: datetime
) -> Change[StoreTuning] | Stay[StoreTuning]:
    """Let a store's guards be so from now on; again is the same.

    Raises Denied: guards.store_unknown.
    """
    if not seen.is_store:
        raise Denied("guards.store_unknown", store=store_id)
    was = seen.row
    if was is not None and was.content == content:
        return Stay(was)
    row = StoreTuning(
        merchant_id=merchant_id,
        id=store_id,
        version=was.version + 1 if was else 1,
        content=content,
        set_at=at,
        set_by=who,
    )
    return Change(row=row, at=at, who=who, facts=(GuardsTuned(said=content, was=was.content if was else "{}"),))
