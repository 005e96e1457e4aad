"""A merchant's own limits: one person proposes a table, another puts it in force. Never changed; the newest counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import msgspec

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.people.rules import MAY, Limit, Person, Role, demand

SENDERS = tuple(role for role in Role if role in MAY["approve"] | MAY["refund"])
"""Who may send anything back at all: only they have limits."""


class State(StrEnum):
    PROPOSED = "PROPOSED"
    AGREED = "AGREED"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTable(Row):
    """A version of a merchant's limits. It is in force from `agreed_at` until a newer one is agreed."""

    table = "limits"

    state: State
    content: str
    proposed_at: datetime
    proposed_by: str
    agreed_at: datetime | None = None
    agreed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsProposed(Fact):
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsAgreed(Fact):
    content: str
    proposed_by: str


def content_of(limits: Mapping[str, Limit]) -> str:
    """A table as it is kept. Raises Denied: limits.role."""
    if not set(limits) <= {role.value for role in SENDERS}:
        raise Denied("limits.role", known=[role.value for role in SENDERS])
    rows = {role.value: [limits[role.value].item_fen, limits[role.value].day_fen] for role in SENDERS if role in limits}
    return msgspec.json.encode(rows).decode()


@lru_cache(maxsize=1024)
def limits_of(content: str) -> Mapping[Role, Limit]:
    """A table as it was kept: who is not in it sends nothing back."""
    rows = msgspec.json.decode(content, type=dict[str, tuple[int | None, int | None]])
    return {Role(name): Limit(*pair) for name, pair in rows.items()}


def propose(
    merchant_id: str, table_id: str, content: str, by: Person, seen: LimitTable | None, at: datetime
) -> Change[LimitTable] | Stay[LimitTable]:
    """Write a table down; it counts for nothing until another person agrees. Again with the same id is the same.

    Raises Denied: staff.not_allowed, limits.id_taken.
    """
    demand(by, "limit")
    if seen is not None:
        if seen.content != content:
            raise Denied("limits.id_taken", id=table_id)
        return Stay(seen)
    row = LimitTable(
        merchant_id=merchant_id,
        id=ids.checked(table_id, ids.Kind.LIMITS),
        state=State.PROPOSED,
        content=content,
        proposed_at=at,
        proposed_by=by.id,
    )
    return Change(row=row, at=at, who=by.id, facts=(LimitsProposed(content=content),))


def agree(by: Person, seen: LimitTable | None, at: datetime) -> Change[LimitTable] | Stay[LimitTable]:
    """Put a table in force, from now on. Law: whoever proposed it does not.

    Raises Denied: staff.not_allowed, limits.unknown, limits.same_person.
    """
    demand(by, "agree_limit")
    if seen is None:
        raise Denied("limits.unknown")
    if seen.proposed_by == by.id:
        raise Denied("limits.same_person")
    if seen.state is State.AGREED:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, state=State.AGREED, agreed_at=at, agreed_by=by.id)
    return Change(row=row, at=at, who=by.id, facts=(LimitsAgreed(content=seen.content, proposed_by=seen.proposed_by),))
