"""The verbs of staff: add, hire, end; and of their limits."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from yuanlu import ids
from yuanlu.change import Done
from yuanlu.desk import Desk, Rule
from yuanlu.errors import Denied
from yuanlu.people import limits, rules, store
from yuanlu.people.limits import LimitTable
from yuanlu.people.rules import Limit, Person, Role, Staff
from yuanlu.reading import View

S = TypeVar("S")


class Decides(Protocol):
    """How a change of limits is decided: as `Desk.decide` does, or only by somebody who is sure of it."""

    def __call__(self, view: View[S], rule: Rule[S, LimitTable], /) -> Awaitable[Done[LimitTable]]: ...


class DecidesStaff(Protocol):
    """How it is decided that somebody is hired or placed: as `Desk.decide` does, or by somebody who is sure of it."""

    def __call__(self, view: View[S], rule: Rule[S, Staff], /) -> Awaitable[Done[Staff]]: ...


async def hire(
    desk: Desk, merchant_id: str, asked_id: str, by: Person, *, role: str, name: str, store_id: str = "",
    decide: DecidesStaff | None = None,
) -> Done[Staff]:  # fmt: skip
    """Write a member of staff down, by somebody who stands over them. Asking again with the same id is the same.

    Their own id follows from the merchant's and the asked one: an account is looked for among all merchants' when its
    person signs in, so nobody may choose one.
    Raises Denied: id.invalid, staff.id_taken, staff.role_unknown, staff.name_empty; see `rules.demand_over`.
    """
    ids.checked(asked_id, ids.Kind.STAFF)
    if role not in set(rules.OF_STAFF):
        raise Denied("staff.role_unknown", role=role)
    rules.demand_over(by, Role(role), store_id)
    staff_id = ids.kin(asked_id, merchant_id)
    done = await _added(desk, merchant_id, staff_id, Role(role), name, store_id, by.id, decide)
    if not done.changed:
        same = (done.row.role, done.row.store_id, await name_of(desk, done.row)) == (role, store_id, name.strip())
        if not same:
            raise Denied("staff.id_taken", id=asked_id)
    return done


async def add(
    desk: Desk, merchant_id: str, *, role: str, name: str, who: str, store_id: str = "", staff_id: str = ""
) -> Staff:
    """Write a member of staff down, the name sealed under a key of their own.

    Raises Denied: staff.role_unknown, staff.name_empty, id.invalid.
    """
    if role not in set(rules.roles_in(merchant_id)):
        raise Denied("staff.role_unknown", role=role)
    staff_id = staff_id or ids.new(ids.Kind.STAFF, desk.clock.now())
    return (await _added(desk, merchant_id, staff_id, Role(role), name, store_id, who, None)).row


async def _added(
    desk: Desk, merchant_id: str, staff_id: str, role: Role, name: str, store_id: str, who: str,
    decide: DecidesStaff | None,
) -> Done[Staff]:  # fmt: skip
    if not name.strip():
        raise Denied("staff.name_empty")
    sealed = await desk.sealed(merchant_id, staff_id)
    row = Staff(
        merchant_id=merchant_id, id=staff_id, role=role, name=sealed.seal(name.strip()), store_id=store_id,
        since=desk.clock.now(),
    )  # fmt: skip
    return await (decide or desk.decide)(store.by_id(merchant_id, staff_id), partial(rules.add, row, who))


async def place(
    desk: Desk, merchant_id: str, staff_id: str, by: Person, *, role: str, store_id: str,
    decide: DecidesStaff | None = None,
) -> Staff:  # fmt: skip
    """Give somebody another role or store, at once and everywhere. What they approved and may approve no more, and is
    not carried out, is looked at again.

    Raises Denied: see `rules.place`.
    """
    rule = partial(rules.place, by, Role(role), store_id)
    return (await (decide or desk.decide)(store.leaver(merchant_id, staff_id), rule)).row


async def end(desk: Desk, merchant_id: str, staff_id: str, who: str, by: Person | None = None) -> Staff:
    """They act for the merchant no more: their keys end at once, and what they approved but is not carried out is
    looked at again. `by`: who must stand over them; None: whoever runs the installation.

    Raises Denied: staff.unknown, staff.last_owner; see `rules.demand_over`.
    """
    done = await desk.decide(store.leaver(merchant_id, staff_id), partial(rules.end, who, by))
    return done.row


async def name_of(desk: Desk, staff: Staff) -> str:
    """Their name, opened; empty where it was forgotten."""
    sealed = await desk.sealed(staff.merchant_id, staff.id)
    try:
        return sealed.open(staff.name)
    except Denied:
        return ""


async def propose_limits(
    desk: Desk, merchant_id: str, table_id: str, wanted: Mapping[str, Limit], by: Person
) -> Done[LimitTable]:
    """Write a table of limits down, for another person to agree to.

    Raises Denied: id.invalid, limits.role; see `limits.propose`.
    """
    content = limits.content_of(wanted)
    rule = partial(limits.propose, merchant_id, ids.checked(table_id, ids.Kind.LIMITS), content, by)
    return await desk.decide(store.limits_by_id(merchant_id, table_id), rule)


async def agree_limits(
    desk: Desk, merchant_id: str, table_id: str, by: Person, decide: Decides | None = None
) -> LimitTable:
    """Put a table in force. `decide`: how, where it is not as `Desk.decide` does.

    Raises Denied: see `limits.agree`.
    """
    view = store.limits_by_id(merchant_id, table_id)
    return (await (decide or desk.decide)(view, partial(limits.agree, by))).row
