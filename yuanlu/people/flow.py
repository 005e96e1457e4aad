"""The verbs of staff: add, end."""

from __future__ import annotations

from functools import partial

from yuanlu import ids
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.people import rules, store
from yuanlu.people.rules import Role, Staff


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
