"""Who may do what: staff as rows with a role, and one table of verbs.

A person acts through a key bound to a staff row; `who` in facts is then the staff id. A key that is bound to nobody has
the role `machine`: it carries what customers say, reports and reads, and decides nothing that needs a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Row, Spend, Stay
from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.merchants.tenants import PLATFORM


class Role(StrEnum):
    OWNER = "owner"
    FINANCE = "finance"
    RISK = "risk"
    MANAGER = "manager"
    """Of one store, or of all."""
    CASHIER = "cashier"
    TRAINEE = "trainee"
    AUDITOR = "auditor"
    MACHINE = "machine"
    """A key bound to nobody: a till, a shop's own system, the customer's page."""
    OPERATOR = "operator"
    """Whoever runs the installation, at its terminal and without a key file; `who` is then `cli:` and their login name.

    They hold the disk and the keys anyhow, so they may do here, under their name, what needs no second look: take money
    and send it back within the merchant's limits, report, speak for the shop at channels, make keys, hand out and erase
    what is held about a customer. What one person decides about another's wish takes a key file: they approve nothing,
    and set no limits and no policy. What customers wrote is covered for them, and no file is opened."""
    REVIEWER = "reviewer"
    """Signs in for whoever runs the installation, and decides who becomes a merchant. Of none: see `PLATFORM`."""
    APPLICANT = "applicant"
    """Wants to become a merchant: fills in one application and follows it. Of no merchant either."""


OF_PLATFORM = (Role.REVIEWER, Role.APPLICANT)
"""People of the installation itself. They live under `PLATFORM` and nowhere else, and nobody else lives there: the
database holds it, so no session of theirs acts for a merchant and none of a merchant's acts for them."""
OF_STAFF = tuple(role for role in Role if role not in (Role.MACHINE, Role.OPERATOR, *OF_PLATFORM))


def roles_in(merchant_id: str) -> tuple[Role, ...]:
    """The roles people may have there."""
    return OF_PLATFORM if merchant_id == PLATFORM else OF_STAFF


_TABLE = """
| verb                     | owner | finance | risk | manager | cashier | trainee | auditor | machine | operator |
| ------------------------ | ----- | ------- | ---- | ------- | ------- | ------- | ------- | ------- | -------- |
| see, sum, write          | yes   | yes     | yes  | yes     | yes     | yes     | yes     | yes     | yes      |
| open, say, hand_in       | yes   | yes     | yes  | yes     | yes     | yes     | ·       | yes     | yes      |
| withdraw, answer, accept | yes   | yes     | yes  | yes     | yes     | ·       | ·       | yes     | yes      |
| turn_down, object        | yes   | yes     | yes  | yes     | yes     | ·       | ·       | yes     | yes      |
| own                      | yes   | yes     | yes  | yes     | yes     | yes     | yes     | ·       | ·        |
| teach                    | yes   | ·       | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| note                     | yes   | yes     | yes  | yes     | yes     | yes     | yes     | ·       | yes      |
| claim, release, ask      | yes   | yes     | yes  | yes     | ·       | ·       | ·       | ·       | ·        |
| approve, confirm         | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| send_back, judge         | yes   | yes     | yes  | yes     | ·       | ·       | ·       | ·       | ·        |
| offer, decline           | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| reopen, escalate         | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| hold                     | yes   | yes     | yes  | ·       | ·       | ·       | ·       | ·       | ·        |
| export, erase            | yes   | ·       | ·    | ·       | ·       | ·       | ·       | ·       | yes      |
| open_file                | yes   | yes     | yes  | yes     | yes     | ·       | ·       | yes     | ·        |
| pack                     | yes   | yes     | yes  | yes     | ·       | ·       | ·       | ·       | yes      |
| attend                   | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| charge                   | yes   | yes     | ·    | yes     | yes     | ·       | ·       | yes     | yes      |
| refund                   | yes   | yes     | ·    | yes     | ·       | ·       | ·       | yes     | yes      |
| hand_out, shift          | yes   | yes     | ·    | yes     | yes     | ·       | ·       | ·       | ·        |
| count                    | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| codes, complaints, pull  | yes   | yes     | ·    | yes     | ·       | ·       | ·       | yes     | yes      |
| goods                    | yes   | yes     | ·    | yes     | ·       | ·       | ·       | yes     | yes      |
| tune                     | yes   | ·       | yes  | yes     | ·       | ·       | ·       | ·       | yes      |
| hooks                    | yes   | ·       | ·    | yes     | ·       | ·       | ·       | yes     | yes      |
| policy                   | yes   | ·       | yes  | yes     | ·       | ·       | ·       | ·       | ·        |
| lose                     | yes   | yes     | ·    | ·       | ·       | ·       | ·       | ·       | ·        |
| repay                    | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
| pay_out                  | yes   | yes     | ·    | ·       | ·       | ·       | ·       | ·       | ·        |
| limit                    | yes   | yes     | yes  | ·       | ·       | ·       | ·       | ·       | ·        |
| agree_limit              | yes   | ·       | ·    | ·       | ·       | ·       | ·       | ·       | ·        |
| staff                    | yes   | ·       | ·    | ·       | ·       | ·       | yes     | ·       | yes      |
| people                   | yes   | yes     | yes  | yes     | ·       | ·       | yes     | ·       | yes      |
| hire                     | yes   | ·       | ·    | yes     | ·       | ·       | ·       | ·       | yes      |
| audit                    | yes   | ·       | ·    | ·       | ·       | ·       | yes     | ·       | yes      |
| print                    | yes   | yes     | ·    | yes     | yes     | ·       | ·       | yes     | yes      |
| printers                 | yes   | ·       | ·    | yes     | ·       | ·       | ·       | ·       | yes      |
| keys                     | yes   | ·       | ·    | ·       | ·       | ·       | ·       | ·       | yes      |
| enrol                    | yes   | ·       | ·    | yes     | ·       | ·       | ·       | ·       | yes      |
| shops, channels          | yes   | ·       | ·    | ·       | ·       | ·       | ·       | ·       | yes      |
| ticket                   | yes   | yes     | ·    | yes     | yes     | yes     | ·       | yes     | yes      |
| oversee                  | yes   | ·       | ·    | yes     | ·       | ·       | ·       | ·       | yes      |
| reports                  | yes   | yes     | yes  | yes     | ·       | ·       | yes     | ·       | ·        |
| statements               | yes   | yes     | ·    | ·       | ·       | ·       | ·       | yes     | yes      |
"""
"""`see`: reads, and asks what something would be. `sum`: reads what is summed over all stores. `write`: adds words or
files to a case, where `say` or `hand_in` (the customer's side of the thread) or `note` (the inner one) is asked
besides. `open_file`: opens a file of a case whole; that it is there, its kind and size `see` tells. `attend`: a remedy
is in trouble. `export`, `erase`: all that is held about one customer. `pack`: gives the records of a case out of the
house, under a name. `charge`: takes money. `refund`: sends it back without a case. `hand_out`: pays the cash of a
refund out of a drawer. `shift`: answers for a drawer: opens, hands over and closes what is their own. `count`: counts,
hands over and closes a drawer that somebody else answers for. `codes`: says which codes are the shop's. `goods`: says
what is sold at which price. `tune`: says what tills ask before a charge. `complaints`: speaks for the shop at a
channel. `pull`: asks a channel for all complaints now. `hooks`: says whom facts of the merchant are told to. `policy`:
says what goes back without a person. `lose`: keeps the losses. `repay`: proposes and refuses another road for money;
`pay_out` agrees to it, reads the account and says that it was paid. `limit`: proposes who may send back how much;
`agree_limit` puts it in force. `teach`: reads what others practised. `own`: signs out, says what one proves oneself by
and that one is sure, practises. `staff`: reads who may do what. `audit`: reads what everybody did, and takes it out.
`people`: reads who works here; `hire`: adds, invites, signs out and ends people whom they stand over.
`print`: has slips printed, and speaks for a printer; `printers`: says which there are. `keys`: makes
and ends the keys of machines. `enrol`: lets a device become a till, and closes tills. `shops`: says which stores and
tills there are. `channels`: gives an account at a channel its keys, and has them checked. `ticket`: tells of a fault,
with a till's log. `oversee`: writes to a till, locks and unlocks it, closes tickets. `reports`: reads reports, and
takes them away as tables.
`statements`: asks channels for the statement of a day, and hands one in.

A machine decides nothing that needs a name. It may `refund` because shops' own systems do so with a key: how much, the
merchant's own limits say."""

_TABLE_OF_PLATFORM = """
| verb         | operator | reviewer | applicant |
| ------------ | -------- | -------- | --------- |
| own          | ·        | yes      | yes       |
| applications | yes      | yes      | yes       |
| take_on      | yes      | yes      | ·         |
| vet          | ·        | yes      | ·         |
| apply        | ·        | ·        | yes       |
"""
"""What people of the installation may; nothing of the table above. `applications`: reads who wants to become a merchant
(an applicant: their own application). `take_on`: invites somebody to apply. `vet`: reads what is sealed in an
application, opens its papers, and decides. `apply`: fills the own one in."""


def _parsed(text: str) -> Mapping[str, frozenset[Role]]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.strip().splitlines()]
    roles = [Role(name) for name in rows[0][1:]]
    return {
        verb.strip(): frozenset(role for role, cell in zip(roles, cells, strict=True) if cell == "yes")
        for verbs, *cells in rows[2:]
        for verb in verbs.split(",")
    }


def _joined(*tables: Mapping[str, frozenset[Role]]) -> Mapping[str, frozenset[Role]]:
    """Several tables as one: whom any of them names."""
    rows = dict.fromkeys(row for table in tables for row in table)
    return {row: frozenset().union(*(table.get(row, ()) for table in tables)) for row in rows}


MAY: Mapping[str, frozenset[Role]] = _joined(_parsed(_TABLE), _parsed(_TABLE_OF_PLATFORM))

OF_MERCHANT = frozenset(
    (
        "sum", "export", "erase", "pull", "goods", "hooks", "limit", "agree_limit", "staff", "keys", "audit", "shops",
        "channels", "statements",
    )
)  # fmt: skip
"""What concerns all stores at once: who belongs to one of them does not do it."""

_SEES = _parsed("""
| personal field | owner | finance | risk | manager | cashier | trainee | auditor | machine | operator |
| -------------- | ----- | ------- | ---- | ------- | ------- | ------- | ------- | ------- | -------- |
| words          | yes   | yes     | yes  | yes     | yes     | ·       | yes     | yes     | ·        |
| contact        | yes   | yes     | yes  | yes     | yes     | ·       | ·       | yes     | ·        |
| account        | yes   | yes     | ·    | yes     | ·       | ·       | ·       | ·       | ·        |
""")
SEES: Mapping[str, frozenset[Role]] = _joined(_SEES, dict.fromkeys(_SEES, frozenset(OF_PLATFORM)))
"""Who sees what of a customer, of what is told at all: `words` they wrote or that were written about them, the tail
of a `contact`, the tail of an `account`. For the others it is covered, wherever it stands. Whoever runs the
installation reads a customer's words with a key file of their own; without one they hand out all that is held about a
customer (`export`) or of a case (`pack`), which is on record."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one of a role may send back alone, in fen: at once, and in a day of China. None: anything."""

    item_fen: int | None = 0
    day_fen: int | None = 0


LIMITS: Mapping[Role, Limit] = {
    Role.OWNER: Limit(None, None),
    Role.FINANCE: Limit(500_000, 5_000_000),
    Role.MANAGER: Limit(50_000, 1_000_000),
    Role.MACHINE: Limit(None, None),
    Role.OPERATOR: Limit(None, None),
}
"""Where the merchant has no limits of its own. Who is not named here sends nothing back. Above it a second person
confirms, within their own."""


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
        return self.role in OF_STAFF


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRoleChanged(Fact):
    role: str
    was_role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffStoreChanged(Fact):
    store_id: str
    was_store_id: str


@dataclass(frozen=True, slots=True)
class Leaver:
    """Somebody who may leave, or get another place. `is_replaced`: whether there is another owner of all stores."""

    staff: Staff | None
    is_replaced: bool


def may(role: Role, verb: str) -> bool:
    """Whether this role may do this."""
    return role in MAY[verb]


def verbs(role: Role, store_id: str = "") -> list[str]:
    """The verbs of the table that one of a role has; with a store, there. Shape: by name."""
    beyond = OF_MERCHANT if store_id else frozenset()
    return sorted(verb for verb, roles in MAY.items() if role in roles and verb not in beyond)


def stands_over(by: Role, role: Role) -> bool:
    """Whether one of a role may hire, invite and end one of another.

    Owners do so with everybody; others with those whose verbs are all theirs, and fewer: so nobody makes a second
    person out of themselves, who then agrees to what they proposed. Whoever runs the installation does too.
    """
    if by in (Role.OWNER, Role.OPERATOR):
        return role in OF_STAFF
    return may(by, "hire") and role in OF_STAFF and set(verbs(role)) < set(verbs(by))


def demand_over(by: Person, role: Role, store_id: str) -> None:
    """Let them decide about somebody of this role and store, or say no.

    Raises Denied: staff.above, staff.other_store; see `demand`.
    """
    demand(by, "hire", store_id)
    if by.store_id != store_id and by.store_id:
        raise Denied("staff.other_store")
    if not stands_over(by.role, role):
        raise Denied("staff.above", role=role.value)


def demand_other(by: Person, staff_id: str) -> None:
    """Nobody gives themselves a new way in: a session that was left open would be one for good.

    Raises Denied: staff.oneself.
    """
    if by.id == staff_id:
        raise Denied("staff.oneself")


def demand(by: Person, verb: str, store_id: str = "") -> None:
    """Let them do it, in this store, or say no. Who belongs to a store does nothing that concerns all of them.

    Raises Denied: staff.not_allowed, staff.other_store, key.out_of_scope.
    """
    if by.only is not None and verb not in by.only:
        raise Denied("key.out_of_scope", verb=verb)
    if not may(by.role, verb):
        raise Denied("staff.not_allowed", role=by.role.value, verb=verb)
    if by.store_id and (verb in OF_MERCHANT or store_id not in ("", by.store_id)):
        raise Denied("staff.other_store")


@dataclass(frozen=True, slots=True)
class Purse:
    """What people may still send back today: the merchant's limits, and what each has sent back since midnight.

    It is what was seen; that nobody exceeds their day, whoever else acts at the same time, the books hold (`Spend`).
    """

    limits: Mapping[Role, Limit] = field(default_factory=lambda: LIMITS)
    spent_fen: Mapping[str, int] = field(default_factory=dict)
    day: date | None = None
    """The day of China it was read for."""

    def of(self, role: Role) -> Limit:
        """What one of a role may send back."""
        return self.limits.get(role, Limit())

    def left_fen(self, by: Person, at: datetime) -> int | None:
        """What is left of their day; None: any amount."""
        day_fen = self.of(by.role).day_fen
        spent = self.spent_fen.get(by.id, 0) if self.day in (None, business_day(at)) else 0
        return None if day_fen is None else max(0, day_fen - spent)

    def covers(self, by: Person, amount_fen: int) -> bool:
        """Whether this much at once is within their limit, whatever they sent back today."""
        item_fen = self.of(by.role).item_fen
        return item_fen is None or amount_fen <= item_fen

    def is_within(self, by: Person, amount_fen: int, at: datetime) -> bool:
        """Whether they may send this much back alone, now."""
        left = self.left_fen(by, at)
        return self.covers(by, amount_fen) and (left is None or amount_fen <= left)

    def demand(self, by: Person, amount_fen: int, at: datetime) -> None:
        """Let them send this much back alone, or say no.

        Raises Denied: staff.over_limit, staff.over_day.
        """
        if not self.covers(by, amount_fen):
            raise Denied("staff.over_limit", role=by.role.value, limit_fen=self.of(by.role).item_fen)
        self.demand_day(by, amount_fen, at)

    def demand_day(self, by: Person, amount_fen: int, at: datetime) -> None:
        """Let it be part of their day, or say no.

        Raises Denied: staff.over_day.
        """
        left = self.left_fen(by, at)
        if left is not None and amount_fen > left:
            raise Denied("staff.over_day", role=by.role.value, limit_fen=self.of(by.role).day_fen, left_fen=left)

    def spend(self, by: Person, amount_fen: int, at: datetime) -> Spend | None:
        """What is taken from their day, with the decision; nothing, where their day has no limit."""
        day_fen = self.of(by.role).day_fen
        return None if day_fen is None else Spend(by.id, business_day(at), amount_fen, day_fen)


def add(row: Staff, who: str, seen: Staff | None, at: datetime) -> Change[Staff] | Stay[Staff]:
    """Write a member of staff down; again under the same id is the same.

    Raises Denied: staff.role_unknown.
    """
    if seen is not None:
        return Stay(seen)
    if row.role not in roles_in(row.merchant_id):
        raise Denied("staff.role_unknown", role=row.role.value)
    row = replace(row, id=ids.checked(row.id, ids.Kind.STAFF), since=at, version=1)
    return Change(row=row, at=at, who=who, facts=(StaffAdded(role=row.role, store_id=row.store_id),))


def place(by: Person, role: Role, store_id: str, seen: Leaver, at: datetime) -> Change[Staff] | Stay[Staff]:
    """Give somebody another role or store, by one who stands over both what they were and what they become.

    Law: as of `end`. Nobody does so with themselves.
    Raises Denied: staff.unknown, staff.own_place, staff.last_owner, staff.role_unknown; see `demand_over`.
    """
    staff = _below(by, seen)
    if not staff.is_active(at):
        raise Denied("staff.unknown")
    if by.id == staff.id:
        raise Denied("staff.own_place")
    if role not in roles_in(staff.merchant_id):
        raise Denied("staff.role_unknown", role=role)
    demand_over(by, role, store_id)
    if (role, store_id) == (staff.role, staff.store_id):
        return Stay(staff)
    _demand_owner(seen, staff)
    row = replace(staff, version=staff.version + 1, role=role, store_id=store_id)
    moved = StaffStoreChanged(store_id=store_id, was_store_id=staff.store_id)
    facts = (
        *([StaffRoleChanged(role=role, was_role=staff.role)] if role is not staff.role else ()),
        *([moved] if store_id != staff.store_id else ()),
    )
    return Change(row=row, at=at, who=by.id, facts=facts)


def _below(by: Person | None, seen: Leaver) -> Staff:
    """The one it is decided about, whom `by` stands over as they are now; None: whoever runs the installation asks."""
    if seen.staff is None:
        raise Denied("staff.unknown")
    if by is not None:
        demand_over(by, seen.staff.role, seen.staff.store_id)
    return seen.staff


def _demand_owner(seen: Leaver, staff: Staff) -> None:
    """Somebody else must be an owner of all stores, where this one is and will not be."""
    if staff.role is Role.OWNER and not staff.store_id and not seen.is_replaced:
        raise Denied("staff.last_owner")


def end(who: str, by: Person | None, seen: Leaver, at: datetime) -> Change[Staff] | Stay[Staff]:
    """They act for the merchant no more, from now on. What they decided stays theirs.

    Law: there is always an owner of all stores; the database holds it too, whoever does what at the same time.
    Raises Denied: staff.unknown, staff.last_owner; with `by` see `demand_over`.
    """
    staff = _below(by, seen)
    if not staff.is_active(at):
        return Stay(staff)
    _demand_owner(seen, staff)
    row = replace(staff, version=staff.version + 1, until=at)
    return Change(row=row, at=at, who=who, facts=(StaffEnded(role=row.role),))
