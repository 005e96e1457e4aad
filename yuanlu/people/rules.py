"""Who may do what: staff as rows with a role, and one table of verbs.

A person acts through a key bound to a staff row; `who` in facts is then the staff id. A key that is bound to nobody has
the role `machine`: it carries what customers say, reports and reads, and decides nothing that needs a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact


class Role(StrEnum):
    OWNER = "owner"
    FINANCE = "finance"
    MANAGER = "manager"
    CASHIER = "cashier"
    AUDITOR = "auditor"
    MACHINE = "machine"
    """A key bound to nobody: a till, a shop's own system, the customer's page."""


OF_STAFF = tuple(role for role in Role if role is not Role.MACHINE)

_TABLE = """
| verb                                   | owner | finance | manager | cashier | auditor | machine |
| -------------------------------------- | ----- | ------- | ------- | ------- | ------- | ------- |
| see                                    | yes   | yes     | yes     | yes     | yes     | yes     |
| open, say, withdraw, hand_in           | yes   | yes     | yes     | yes     | ·       | yes     |
| answer, accept, turn_down, object      | yes   | yes     | yes     | yes     | ·       | yes     |
| claim, release, ask                    | yes   | yes     | yes     | ·       | ·       | ·       |
| approve, confirm, send_back            | yes   | yes     | yes     | ·       | ·       | ·       |
| offer, decline, reopen, escalate       | yes   | yes     | yes     | ·       | ·       | ·       |
| judge                                  | yes   | yes     | yes     | ·       | ·       | ·       |
| hold                                   | yes   | yes     | ·       | ·       | ·       | ·       |
| export, erase                          | yes   | ·       | ·       | ·       | ·       | ·       |
| pack                                   | yes   | yes     | yes     | ·       | ·       | ·       |
| attend                                 | yes   | yes     | yes     | ·       | ·       | yes     |
| note                                   | yes   | yes     | yes     | yes     | yes     | ·       |
| charge                                 | yes   | yes     | yes     | yes     | ·       | yes     |
| refund, codes, complaints              | yes   | yes     | yes     | ·       | ·       | yes     |
| hooks                                  | yes   | ·       | yes     | ·       | ·       | yes     |
| keys                                   | yes   | ·       | ·       | ·       | ·       | ·       |
| enrol                                  | yes   | ·       | yes     | ·       | ·       | ·       |
"""
"""`say` writes to the customer's side of a thread, `note` to the inner one. `attend`: a remedy is in trouble. `export`,
`erase`: all that is held about one customer. `pack`: gives the records of a case out of the house, under a name.
`charge`: takes money. `refund`: sends it back without a case. `codes`: says which codes are the shop's. `complaints`:
speaks for the shop at a channel. `hooks`: says whom facts of the merchant are told to. `keys`: makes and ends the keys
of machines. `enrol`: lets a device become a till, and closes tills."""


def _parsed(text: str) -> Mapping[str, frozenset[Role]]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.strip().splitlines()]
    roles = [Role(name) for name in rows[0][1:]]
    return {
        verb.strip(): frozenset(role for role, cell in zip(roles, cells, strict=True) if cell == "yes")
        for verbs, *cells in rows[2:]
        for verb in verbs.split(",")
    }


MAY: Mapping[str, frozenset[Role]] = _parsed(_TABLE)

LIMITS_FEN: Mapping[Role, int | None] = {
    Role.OWNER: None,
    Role.FINANCE: 500_000,
    Role.MANAGER: 50_000,
    Role.CASHIER: 0,
    Role.AUDITOR: 0,
    Role.MACHINE: 0,
}
"""What one of a role may approve alone, in fen; None: anything. Above it a second person confirms, within their own."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, as a rule sees them. `store_id`: only there, or anywhere where it is empty.

    `only`: the verbs to which the key they act with is narrowed; None: it is not.
    """

    id: str
    role: Role = Role.MACHINE
    store_id: str = ""
    only: frozenset[str] | None = None

    @property
    def is_named(self) -> bool:
        """Whether this is a member of staff."""
        return self.role is not Role.MACHINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff(Row):
    """A member of staff. `name` is sealed under the key of the subject that is their id."""

    table = "staff"

    role: Role
    name: str
    store_id: str
    since: datetime
    until: datetime | None = None

    def is_active(self, at: datetime) -> bool:
        """Whether they still act for the merchant."""
        return self.since <= at and (self.until is None or at < self.until)

    @property
    def person(self) -> Person:
        """As a rule sees them."""
        return Person(self.id, self.role, self.store_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAdded(Fact):
    role: str
    store_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffEnded(Fact):
    role: str


def may(role: Role, verb: str) -> bool:
    """Whether this role may do this."""
    return role in MAY[verb]


def demand(by: Person, verb: str, store_id: str = "") -> None:
    """Let them do it, in this store, or say no.

    Raises Denied: staff.not_allowed, staff.other_store, key.out_of_scope.
    """
    if by.only is not None and verb not in by.only:
        raise Denied("key.out_of_scope", verb=verb)
    if not may(by.role, verb):
        raise Denied("staff.not_allowed", role=by.role.value, verb=verb)
    if by.store_id and store_id and by.store_id != store_id:
        raise Denied("staff.other_store")


def is_within(by: Person, amount_fen: int) -> bool:
    """Whether they may approve this much alone."""
    limit = LIMITS_FEN[by.role]
    return limit is None or amount_fen <= limit


def add(row: Staff, who: str, seen: Staff | None, at: datetime) -> Change[Staff] | Stay[Staff]:
    """Write a member of staff down; again under the same id is the same.

    Raises Denied: staff.role_unknown.
    """
    if seen is not None:
        return Stay(seen)
    if row.role is Role.MACHINE:
        raise Denied("staff.role_unknown", role=row.role.value)
    row = replace(row, id=ids.checked(row.id, ids.Kind.STAFF), since=at, version=1)
    return Change(row=row, at=at, who=who, facts=(StaffAdded(role=row.role, store_id=row.store_id),))


def end(who: str, seen: Staff | None, at: datetime) -> Change[Staff] | Stay[Staff]:
    """They act for the merchant no more, from now on. What they decided stays theirs.

    Raises Denied: staff.unknown.
    """
    if seen is None:
        raise Denied("staff.unknown")
    if not seen.is_active(at):
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, until=at)
    return Change(row=row, at=at, who=who, facts=(StaffEnded(role=row.role),))
