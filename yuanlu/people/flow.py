"""The verbs of staff: add, end."""

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


async def add(
    desk: Desk, merchant_id: str, *, role: str, name: str, who: str, store_id: str = "", staff_id: str = ""
) -> Staff:
    """Write a member of staff down, the name sealed under a key of their own.

    Raises Denied: staff.role_unknown, staff.name_empty, id.invalid.
    """
    if role not in set(rules.OF_STAFF):
        raise Denied("staff.role_unknown", role=role)
    if not name.strip():
        raise Denied("staff.name_empty")
    now = desk.clock.now()
    staff_id = staff_id or ids.new(ids.Kind.STAFF, now)
    sealed = await desk.sealed(merchant_id, staff_id)
    row = Staff(
        merchant_id=merchant_id,
        id=staff_id,
        role=Role(role),
        name=sealed.seal(name.strip()),
        store_id=store_id,
        since=now,
    )
    done = await desk.decide(store.by_id(merchant_id, staff_id), partial(rules.add, row, who))
    return done.row


async def end(desk: Desk, merchant_id: str, staff_id: str, who: str) -> Staff:
    """They act for the merchant no more: their keys end at once, and what they approved but is not carried out is
    looked at again.

    Raises Denied: staff.unknown.
    """
    done = await desk.decide(store.by_id(merchant_id, staff_id), partial(rules.end, who))
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
