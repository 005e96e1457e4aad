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
from yuanlu.people.rules import Limit, Role, verbs

UNUSED_AFTER = timedelta(days=90)
LONG_AFTER = timedelta(days=365)
MOST = 1000
"""People and keys in a review: a merchant with more looks at them a store at a time."""

_WHO = """
  with named as (
    select s.id as who, s.role, s.store_id, greatest(s.since, (select max(f.at) from facts f
        where f.merchant_id = $1 and f.object_id = s.id and f.kind in ('StaffRoleChanged', 'StaffStoreChanged')))
      as since, array_remove(array_agg(k.id order by k.id), null) as keys,
      exists (select from credentials c where c.merchant_id = $1 and c.id = s.id and c.password <> '')
        or exists (select from passkeys p where p.merchant_id = $1 and p.staff_id = s.id and p.ended_at is null)
        as is_known
    from staff s left join api_keys k on k.merchant_id = s.merchant_id and k.staff_id = s.id and k.revoked_at is null
    where s.merchant_id = $1 and (s.until is null or s.until > $2) group by s.id, s.role, s.store_id, s.since
    union all
    select k.actor, 'machine', coalesce(i.store_id, ''), k.created_at, array[k.id], false from api_keys k
    left join tills i on i.merchant_id = k.merchant_id and i.id = k.till_id
    where k.merchant_id = $1 and k.staff_id = '' and k.revoked_at is null
  ), told as (
    select distinct on (f.object_id) f.object_id as id, f.who from facts f
    where f.merchant_id = $1 and f.kind in ('KeyMade', 'KeyRotated')
      and f.object_id in (select unnest(keys) from named where role = 'machine')
    order by f.object_id, f.transition desc
  )
  select n.*, f.last_act_at, exists (
    select from told t join api_keys k on k.merchant_id = $1 and k.id = t.id and k.till_id = ''
    join staff s on s.merchant_id = $1 and s.id = t.who and s.until <= $2
    where t.id = any(n.keys) and n.role = 'machine') as is_known_to_leaver
  from named n
  left join (select who, max(at) as last_act_at from facts where merchant_id = $1 group by who) f on f.who = n.who
  where $4 = '' or n.store_id = $4
  order by n.role, n.who, n.keys limit $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """Somebody, or a key bound to nobody. `since`: in this role and store. `last_act_at`: when something was last
    recorded under their name."""

    who: str
    role: Role
    store_id: str
    since: datetime
    limit: Limit
    keys: Sequence[str]
    last_act_at: datetime | None
    is_known: bool = False
    """Whether they sign in by a password or passkey."""
    is_known_to_leaver: bool = False
    """A machine's key whose secret was last told to somebody who has left since: it should be rotated."""

    @property
    def may(self) -> Sequence[str]:
        """The verbs of the table they have."""
        return verbs(self.role, self.store_id)

    def look_at(self, at: datetime) -> Sequence[str]:
        """Why somebody should look at them."""
        has_way = bool(self.keys) or self.is_known
        found = [] if has_way else ["no_key"]
        if has_way and at - (self.last_act_at or self.since) >= UNUSED_AFTER:
            found.append("unused")
        if at - self.since >= LONG_AFTER and self.role is not Role.MACHINE:
            found.append("long_in_role")
        if self.is_known_to_leaver:
            found.append("known_to_leaver")
        return found


async def reviewed(
    desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, at: datetime, store_id: str = ""
) -> Sequence[Reviewed]:
    """Everybody who may act for a merchant now, machines too, by role. `store_id`: only who belongs to that store."""
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
            is_known=row["is_known"],
            is_known_to_leaver=row["is_known_to_leaver"],
        )
        for row in await pool.fetch(_WHO, merchant_id, at, MOST, store_id)
    ]
