"""The verbs of keys and of tills that enrol, at a terminal: whoever runs the installation may do what its owner may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from yuanlu import ids
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.machines import flow, store
from yuanlu.machines.rules import KeyAsk
from yuanlu.people import store as people
from yuanlu.terminal.verbs import LISTED_MAX, Counter, till_of, who
from yuanlu.web.parts.key_shapes import KeysTold, enrolment_told, key_told


async def made(
    counter: Counter, *, actor: str, scopes: tuple[str, ...], until: datetime | None, staff: str, key_id: str = ""
) -> dict[str, Any]:
    """Make a key for a machine (`actor`) or for a member of staff; its secret is told this once.

    Raises Denied: id.invalid, staff.unknown, and as `machines.rules.make`.
    """
    app, now = counter.app, counter.app.clock.now()
    if staff:
        one = await app.desk.see(people.by_id(counter.merchant_id, ids.checked(staff, Kind.STAFF)))
        if one is None or not one.is_active(now):
            raise Denied("staff.unknown")
    ask = KeyAsk(
        merchant_id=counter.merchant_id,
        id=ids.checked(key_id, Kind.KEY) if key_id else ids.new(Kind.KEY, now),
        actor=staff or actor,
        who=who(),
        scopes=scopes,
        until=until,
        staff_id=staff,
    )
    return _told(counter, await flow.make(app.desk, ask))


def _told(counter: Counter, new: flow.NewSecret) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(key_told(new.key, counter.app.clock.now()))
    return {"api_key": new.secret, "key_id": new.key.id, "merchant_id": counter.merchant_id, **told}


async def listed(counter: Counter, after: str) -> KeysTold:
    """The keys of a merchant, those that ended too, oldest first."""
    now = counter.app.clock.now()
    found = await store.of_merchant(counter.app.pools.recorder, counter.merchant_id, after, LISTED_MAX)
    items = [key_told(each.key, now, each.used_at) for each in found]
    return KeysTold(items=items, next=items[-1].id if len(items) == LISTED_MAX else None)


async def rotated(counter: Counter, key_id: str, grace: timedelta) -> dict[str, Any]:
    """Give a key a new secret, told this once.

    Raises Denied: id.invalid, and as `machines.rules.rotate`.
    """
    key_id = ids.checked(key_id, Kind.KEY)
    return _told(counter, await flow.rotate(counter.app.desk, counter.merchant_id, key_id, grace, who()))


async def ended(counter: Counter, key_id: str) -> dict[str, Any]:
    """End a key at once.

    Raises Denied: id.invalid, key.unknown.
    """
    key = await flow.end(counter.app.desk, counter.merchant_id, ids.checked(key_id, Kind.KEY), who())
    told: dict[str, Any] = msgspec.to_builtins(key_told(key, counter.app.clock.now()))
    return told


async def invited(counter: Counter, till: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    """Make the code with which one device becomes this till.

    Raises Denied: till.unknown, till.several, till.gone, key.scope_unknown.
    """
    till_id = (await till_of(counter, till)).id
    told: dict[str, Any] = msgspec.to_builtins(
        enrolment_told(await flow.invite(counter.app.desk, counter.merchant_id, till_id, who(), scopes))
    )
    return told


async def closed(counter: Counter, till: str) -> dict[str, Any]:
    """Close a till for good.

    Raises Denied: till.unknown, till.several.
    """
    till_id = (await till_of(counter, till)).id
    one = await flow.close(counter.app.desk, counter.merchant_id, till_id, who())
    return {"id": one.id, "closed_at": None if one.closed_at is None else one.closed_at.isoformat()}
