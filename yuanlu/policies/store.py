"""Policies: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from yuanlu.policies.rules import Policy, PolicyAsk, PolicySeen
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]


def id_in_force(store_id: str) -> str:
    """The SQL of the id in force for the keys `k` (merchant_id, at) in the store this SQL names: the store's own
    newest, else the merchant's newest, else null. Written into the read of every payment: no trip of its own."""
    newest = (
        "(select p.id from policies p where p.merchant_id = k.merchant_id and p.store_id = {}"
        " and p.valid_from <= k.at order by p.valid_from desc, p.id desc limit 1)"
    )
    own, common = newest.format(f"nullif({store_id}, '')"), newest.format("''")
    return f"coalesce({own}, {common})"


BY_ID = rows_by_id(Policy)
STORE = over_keys("select k.place, s.id from keys k join stores s on s.merchant_id = k.merchant_id and s.id = k.a")
IN_FORCE = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Policy))} from keys k join policies t"
    f" on t.merchant_id = k.merchant_id and t.id = {id_in_force('k.a')}"
)
FOR_TILL = over_keys(
    f"select k.place, i.store_id as till_store, {', '.join(f't.{each.name}' for each in fields(Policy))} from keys k"
    " join tills i on i.merchant_id = k.merchant_id and i.id = k.a left join policies t"
    f" on t.merchant_id = k.merchant_id and t.id = {id_in_force('i.store_id')}"
)
made = maker(Policy)


def one(found: Sequence[Mapping[str, Any]]) -> Policy | None:
    """The version of a read, if it is there."""
    return made(found[0]) if found and found[0]["id"] else None


def by_id(merchant_id: str, policy_id: str) -> View[Policy | None]:
    """One version, or None."""
    return View((Read(BY_ID, merchant_id, policy_id),), lambda found: one(found[0]))


def in_force(merchant_id: str, store_id: str, at: datetime) -> View[Policy | None]:
    """The version in force in a store (empty: for the whole merchant); None: the built-in one is."""
    return View((Read(IN_FORCE, merchant_id, store_id, at=at),), lambda found: one(found[0]))


def for_till(merchant_id: str, till_id: str, at: datetime) -> View[tuple[bool, Policy | None]]:
    """Whether there is such a till, and the version in force there; None: the built-in one is."""
    return View((Read(FOR_TILL, merchant_id, till_id, at=at),), lambda found: (bool(found[0]), one(found[0])))


def for_ask(ask: PolicyAsk) -> View[PolicySeen]:
    """What a new version is decided on."""
    reads = (Read(BY_ID, ask.merchant_id, ask.id), Read(STORE, ask.merchant_id, ask.store_id))
    return View(reads, lambda found: PolicySeen(one(found[0]), bool(found[1])))
