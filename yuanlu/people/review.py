"""The access review: who may do what for a merchant, and what somebody should look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from yuanlu.clock import business_day
from yuanlu.desk import Desk
from yuanlu.people import store
from yuanlu.people.rules import MAY, OF_MERCHANT, Limit, Role

UNUSED_AFTER = timedelta(days=90)
LONG_AFTER = timedelta(days=365)
MOST = 1000
"""People and keys in a review: a merchant with more looks at them a store at a time."""

_WHO = """
  with named as (
    select s.id as who, s.role, s.store_id, s.since, array_remove(array_agg(k.id order by k.id), null) as keys
    from staff s left join api_keys k on k.merchant_id = s.merchant_id and k.staff_id = s.id and k.revoked_at is null
    where s.merchant_id = $1 and (s.until is null or s.until > $2) group by s.id, s.role, s.store_id, s.since
    union all
    select k.actor, 'machine', '', k.created_at, array[k.id] from api_keys k
    where k.merchant_id = $1 and k.staff_id = '' and k.revoked_at is null
  )
  select n.*, f.last_act_at from named n
  left join (select who, max(at) as last_act_at from facts where merchant_id = $1 group by who) f on f.who = n.who
  order by n.role, n.who, n.keys limit $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """Somebody, or a key bound to nobody. `last_act_at`: when something was last recorded under their name."""

    who: str
    role: Role
    store_id: str
    since: datetime
    limit: Limit
    keys: Sequence[str]
    last_act_at: datetime | None

    @property
    def may(self) -> Sequence[str]:
        """The verbs of the table they have."""
        beyond = OF_MERCHANT if self.store_id else frozenset()
        return sorted(verb for verb, roles in MAY.items() if self.role in roles and verb not in beyond)

    def look_at(self, at: datetime) -> Sequence[str]:
        """Why somebody should look at them."""
        found = [] if self.keys else ["no_key"]
        if self.keys and at - (self.last_act_at or self.since) >= UNUSED_AFTER:
            found.append("unused")
        if at - self.since >= LONG_AFTER and self.role is not Role.MACHINE:
            found.append("long_in_role")
        return found


async def reviewed(desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, at: datetime) -> Sequence[Reviewed]:
    """Everybody who may act for a merchant now, machines too, by role."""
    purse = await desk.see(store.purse(merchant_id, business_day(at)))
    return [
        Reviewed(
            who=row["who"],
            role=Role(row["role"]),
            store_id=row["store_id"],
            since=row["since"],
            limit=purse.of(Role(row["role"])),
            keys=row["keys"],
            last_act_at=row["last_act_at"],
        )
        for row in await pool.fetch(_WHO, merchant_id, at, MOST)
    ]
