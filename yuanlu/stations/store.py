"""Stations: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.stations.rules import Station, StationSeen

BY_ID = rows_by_id(Station)
STORE = over_keys(
    "select k.place, t.store_id from keys k join tills t on t.merchant_id = k.merchant_id and t.id = k.a"
    " and t.closed_at is null"
)
made = maker(Station)


def seen(merchant_id: str, till_id: str) -> View[StationSeen]:
    """The device of a till, and where the till stands."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> StationSeen:
        own, till = found
        return StationSeen(made(own[0]) if own else None, till[0]["store_id"] if till else None)

    return View((Read(BY_ID, merchant_id, till_id), Read(STORE, merchant_id, till_id)), make)
