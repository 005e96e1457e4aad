"""Stores, tills and channel accounts that are set up: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yuanlu.machines.store import TILL_BY_ID, made_till
from yuanlu.onboarding.rules import ChannelSetup, Store, StoreSeen, TillSeen
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

STORE, SETUP = rows_by_id(Store), rows_by_id(ChannelSetup)
OPEN_TILLS = over_keys(
    "select k.place, count(*) as tills from keys k join tills t on t.merchant_id = k.merchant_id and t.store_id = k.a"
    " and t.closed_at is null group by k.place"
)
made_store, made_setup = maker(Store), maker(ChannelSetup)

Found = Sequence[Sequence[Mapping[str, Any]]]


def store_by_id(merchant_id: str, store_id: str) -> View[StoreSeen]:
    """A store, and how many open tills it has."""

    def make(found: Found) -> StoreSeen:
        own, tills = found
        return StoreSeen(made_store(own[0]) if own else None, tills[0]["tills"] if tills else 0)

    return View((Read(STORE, merchant_id, store_id), Read(OPEN_TILLS, merchant_id, store_id)), make)


def for_till(merchant_id: str, till_id: str, store_id: str) -> View[TillSeen]:
    """What a new till is decided on."""

    def make(found: Found) -> TillSeen:
        till, own = found
        return TillSeen(made_till(till[0]) if till else None, made_store(own[0]) if own else None)

    return View((Read(TILL_BY_ID, merchant_id, till_id), Read(STORE, merchant_id, store_id)), make)


def setup(merchant_id: str, channel: str) -> View[ChannelSetup | None]:
    """How an account at a channel was set up."""
    return View((Read(SETUP, merchant_id, channel),), lambda found: made_setup(found[0][0]) if found[0] else None)
