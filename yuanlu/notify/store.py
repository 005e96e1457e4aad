"""Hooks and deliveries: what to read by which key, and what people page through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from yuanlu import db
from yuanlu.cases.rules import Case
from yuanlu.change import Row
from yuanlu.complaints.rules import Complaint
from yuanlu.losses.rules import Loss
from yuanlu.notify import templates
from yuanlu.notify.rules import TYPES, Delivery, DeliverySeen, Hook, HookSeen, Told
from yuanlu.payments.rules import Payment
from yuanlu.reading import Read, Select, View, maker, over_keys, rows_by_id
from yuanlu.refunds.rules import Refund
from yuanlu.repayments.rules import Repayment

Found = Sequence[Sequence[Mapping[str, Any]]]

ALL_KINDS = ",".join(TYPES)
PAYER_KINDS = ",".join(templates.KINDS)

_HOOK = ", ".join(f"h.{each.name}" for each in fields(Hook))
_DELIVERY = ", ".join(f"t.{each.name}" for each in fields(Delivery))

HOOK = rows_by_id(Hook)
DELIVERY = rows_by_id(Delivery)
_SINCE = (
    "(select min(o.recorded_at) from facts o"
    " where o.merchant_id = h.merchant_id and o.object_id = h.id and o.transition = 1)"
)
"""When a hook was made, by the clock that stamps all facts: what was recorded before is none of its business.

A payer is told that their report is noted all the same: a contact is given with the report or after it.
"""
_KINDS = "string_to_array(case when h.about <> '' then k.d when h.kinds = '' then k.b else h.kinds end, ',')"

OPEN_HOOKS = over_keys(
    "select k.place, (select count(*) from hooks h where h.merchant_id = k.merchant_id and h.about = ''"
    " and h.state = 'ACTIVE' and h.way <> 'gateway') as many from keys k"
)
ASKED = over_keys(
    f"select k.place, {_HOOK} from keys k join hooks h on h.merchant_id = k.merchant_id"
    " and h.about = any(array['', k.a, coalesce((select r.case_id from refunds r"
    " where r.merchant_id = k.merchant_id and r.id = k.a), '')])"
    " where h.state = 'ACTIVE' and h.way <> 'gateway'"
)
"""Whoever may be told of an object: the merchant's hooks, and the payer of the case that it is or belongs to."""
HOOK_OF = over_keys(
    f"select k.place, {_HOOK} from keys k join deliveries d on d.merchant_id = k.merchant_id and d.id = k.a"
    " join hooks h on h.merchant_id = d.merchant_id and h.id = d.hook_id"
)
NEXT = over_keys(
    "select k.place, f.transition, f.seq, f.kind, f.at, f.body from keys k"
    " join deliveries d on d.merchant_id = k.merchant_id and d.id = k.a"
    " join hooks h on h.merchant_id = d.merchant_id and h.id = d.hook_id"
    " cross join lateral (select f.* from facts f where f.merchant_id = d.merchant_id and f.object_id = d.object_id"
    " and (f.transition, f.seq) > (d.transition, d.seq)"
    f" and f.kind = any({_KINDS}) and (f.recorded_at >= {_SINCE} or (h.about <> '' and f.kind = 'CaseOpened'))"
    " order by f.transition, f.seq limit 2) f order by k.place, f.transition, f.seq"
)
PROMISED = over_keys(
    "select k.place, case when c.promised_certain then c.promised_on end as promised_on"
    " from keys k join deliveries d on d.merchant_id = k.merchant_id and d.id = k.a"
    " join hooks h on h.merchant_id = d.merchant_id and h.id = d.hook_id"
    " join cases c on c.merchant_id = h.merchant_id and c.id = h.about"
)
SHOP_OF = over_keys("select k.place, m.name from keys k join merchants m on m.merchant_id = k.merchant_id")
GATEWAY = over_keys(
    f"select k.place, {_HOOK} from keys k join hooks h on h.merchant_id = k.merchant_id and h.about = ''"
    " and h.way = 'gateway' and h.state = 'ACTIVE'"
)
OBJECTS = over_keys(
    """select k.place, o.object_id, f.transition, f.seq from keys k
    join hooks h on h.merchant_id = k.merchant_id and h.id = k.a
    cross join lateral (
      with recursive walk as (
        (select min(f.object_id) as object_id, 1 as step from facts f
          where f.merchant_id = k.merchant_id and f.object_id > h.replay_after)
        union all
        select (select min(f.object_id) from facts f
          where f.merchant_id = k.merchant_id and f.object_id > w.object_id), w.step + 1
        from walk w where w.object_id is not null and w.step < k.c)
      select object_id from walk where object_id is not null) o
    left join lateral (select f.transition, f.seq from facts f where f.merchant_id = k.merchant_id
      and f.object_id = o.object_id and f.at >= h.replay_since order by f.transition, f.seq limit 1) f on true
    order by k.place, o.object_id"""
)
"""The next `c` objects of a replay, and the first fact of each since then: the index is walked, not the table."""


def _of_delivery(row_type: type[Row]) -> Select:
    names = ", ".join(f"t.{each.name}" for each in fields(row_type))
    return over_keys(
        f"select k.place, {names} from keys k join deliveries d on d.merchant_id = k.merchant_id and d.id = k.a"
        f" join {row_type.table} t on t.merchant_id = d.merchant_id and t.id = d.object_id"
    )


_ROWS: tuple[type[Row], ...] = (Payment, Refund, Case, Hook, Repayment, Complaint, Loss)
_OBJECTS = tuple((_of_delivery(row_type), maker(row_type)) for row_type in _ROWS)
hook_made = maker(Hook)
delivery_made = maker(Delivery)


def _hook(found: Sequence[Mapping[str, Any]]) -> Hook | None:
    return hook_made(found[0]) if found else None


def _delivery(found: Sequence[Mapping[str, Any]]) -> Delivery | None:
    return delivery_made(found[0]) if found else None


def hook(merchant_id: str, hook_id: str) -> View[Hook | None]:
    """One hook, or None."""
    return View((Read(HOOK, merchant_id, hook_id),), lambda found: _hook(found[0]))


def for_ask(merchant_id: str, hook_id: str) -> View[HookSeen]:
    """What a new hook is decided on."""
    reads = (Read(HOOK, merchant_id, hook_id), Read(OPEN_HOOKS, merchant_id))
    return View(reads, lambda found: HookSeen(_hook(found[0]), found[1][0]["many"]))


def gateway(merchant_id: str) -> View[Hook | None]:
    """How this merchant's SMS are sent, if it said."""
    return View((Read(GATEWAY, merchant_id),), lambda found: _hook(found[0]))


def asked(merchant_id: str, object_id: str) -> View[Sequence[Hook]]:
    """Whoever may be told of an object."""
    return View((Read(ASKED, merchant_id, object_id),), lambda found: [hook_made(row) for row in found[0]])


def delivery(merchant_id: str, delivery_id: str) -> View[Delivery | None]:
    """One delivery, or None."""
    return View((Read(DELIVERY, merchant_id, delivery_id),), lambda found: _delivery(found[0]))


def to_send(merchant_id: str, delivery_id: str) -> View[DeliverySeen]:
    """A delivery with its hook, what stands next, the object as it is, and what a letter needs."""
    reads = (
        Read(DELIVERY, merchant_id, delivery_id),
        Read(HOOK_OF, merchant_id, delivery_id),
        Read(NEXT, merchant_id, delivery_id, b=ALL_KINDS, d=PAYER_KINDS),
        Read(SHOP_OF, merchant_id),
        Read(GATEWAY, merchant_id),
        Read(PROMISED, merchant_id, delivery_id),
        *(Read(select, merchant_id, delivery_id) for select, _ in _OBJECTS),
    )

    def make(found: Found) -> DeliverySeen:
        objects = [made(rows[0]) for (_, made), rows in zip(_OBJECTS, found[6:], strict=True) if rows]
        return DeliverySeen(
            delivery=_delivery(found[0]),
            hook=_hook(found[1]),
            next=[_told(row) for row in found[2]],
            row=objects[0] if objects else None,
            shop=found[3][0]["name"] if found[3] else "",
            gateway=_hook(found[4]),
            promised_on=found[5][0]["promised_on"] if found[5] else None,
        )

    return View(reads, make)


def _told(row: Mapping[str, Any]) -> Told:
    return Told(row["transition"], row["seq"], row["kind"], row["at"], msgspec.json.decode(row["body"]))


@dataclass(frozen=True, slots=True)
class Reached:
    """An object of a replay, and its first fact since then; None: it has none."""

    object_id: str
    first: tuple[int, int] | None


def to_replay(merchant_id: str, hook_id: str, most: int) -> View[Sequence[Reached]]:
    """The next objects of a hook's replay, in order of their ids."""

    def make(found: Found) -> Sequence[Reached]:
        return [
            Reached(row["object_id"], None if row["transition"] is None else (row["transition"], row["seq"]))
            for row in found[0]
        ]

    return View((Read(OBJECTS, merchant_id, hook_id, c=most),), make)


# --- what people page through ---

_HOOKS = f"""
  select {_HOOK} from hooks h where h.merchant_id = $1 and h.about = '' and h.way <> 'gateway' and h.id > $2
  order by h.id limit $3
"""
_DELIVERIES = f"""
  select {_DELIVERY} from deliveries t
  where t.merchant_id = $1 and t.hook_id = $2 and ($3 = '' or t.state = $3) and t.id > $4 order by t.id limit $5
"""
_PARKED = f"""
  select {_DELIVERY} from deliveries t
  where t.merchant_id = $1 and t.hook_id = $2 and t.state = 'PARKED' and $3 <> '' and t.id > $4 order by t.id limit $5
"""
_LOG = """
  select f.transition, f.kind, f.at, f.body from facts f
  where f.merchant_id = $1 and f.object_id = $2 and f.transition < $3 order by f.transition desc, f.seq desc limit $4
"""


async def hooks_page(pool: asyncpg.Pool[Any], merchant_id: str, after: str, limit: int) -> Sequence[Hook]:
    """The merchant's own hooks, oldest first."""
    return [hook_made(row) for row in await db.read(pool, merchant_id, _HOOKS, merchant_id, after, limit)]


async def deliveries_page(
    pool: asyncpg.Pool[Any], merchant_id: str, hook_id: str, state: str, after: str, limit: int
) -> Sequence[Delivery]:
    """How far a hook has been told about each object: all, or those in one state."""
    sql = _PARKED if state == "PARKED" else _DELIVERIES
    rows = await db.read(pool, merchant_id, sql, merchant_id, hook_id, state, after, limit)
    return [delivery_made(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Logged:
    """One line of a delivery's log."""

    transition: int
    kind: str
    at: datetime
    body: Mapping[str, Any]


async def log_page(
    pool: asyncpg.Pool[Any], merchant_id: str, delivery_id: str, before: int, limit: int
) -> Sequence[Logged]:
    """What was sent, failed, parked or rewound of a delivery, newest first."""
    rows = await db.read(pool, merchant_id, _LOG, merchant_id, delivery_id, before, limit)
    return [Logged(row["transition"], row["kind"], row["at"], msgspec.json.decode(row["body"])) for row in rows]
