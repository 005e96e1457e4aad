"""The devices of tills: how each says it is, which are silent, what is written to them, which are locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.stations import flow
from yuanlu.stations.rules import SILENT_AFTER, Station
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import END, Line, Page, Wish

Release = Annotated[str, Meta(pattern=f"^[0-9a-z-]{{0,40}}{END}", examples=["till-3f2a9c01d4e5"])]
Standing = Literal["ok", "off", "none", "unknown"]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Health(Wish):
    """How a device says it is. `ok`: it works; `off`: it is there and does not; `none`: there is none.

    `behind_ms`: how far its clock is behind the server's. `battery`: of a hundred. `waiting`: notes not yet sent.
    """

    camera: Standing = "unknown"
    printer: Standing = "unknown"
    network: Standing = "unknown"
    storage: Standing = "unknown"
    behind_ms: Annotated[int, Meta(ge=-(2**52), le=2**52)] = 0
    battery: Annotated[int, Meta(ge=0, le=100)] | None = None
    charging: bool | None = None
    free_mb: Annotated[int, Meta(ge=0, le=2**31)] | None = None
    waiting: Count = 0
    screen: Annotated[str, Meta(pattern=f"^[0-9x]{{0,16}}{END}")] = ""


class BeatWish(Wish, kw_only=True):
    """What a till says of itself, about once a minute."""

    release: Release = ""
    health: Health = msgspec.field(default_factory=Health)


class TillMessageWish(Wish):
    """What whoever works at the till is to read. Empty: no more."""

    message: Line


class LockWish(Wish):
    """Why a till may take no money."""

    why: Line = ""


class StationsWish(Page):
    """Which devices."""

    silent: bool = False


class StationTold(Struct, frozen=True, kw_only=True):
    """A till's device. `silent`: nothing was heard of it for ten minutes. `health`: as it last said, or nothing."""

    till: str
    store: str
    beat_at: datetime | None
    silent: bool
    release: str
    health: Health | None
    message: str
    message_at: datetime | None
    locked_at: datetime | None
    locked_why: str


class NamedStationTold(StationTold, frozen=True, kw_only=True):
    """A till's device, with the till's name and its store's."""

    name: str
    store_name: str


class StationsTold(Struct, frozen=True, kw_only=True):
    """The devices of open tills, by till. `next`: behind which till the next page begins."""

    items: Sequence[NamedStationTold]
    next: str | None


def _told(row: Station, at: datetime) -> Mapping[str, Any]:
    return {
        "till": row.id,
        "store": row.store_id,
        "beat_at": row.beat_at,
        "silent": row.is_silent(at),
        "release": row.release,
        "health": msgspec.json.decode(row.health, type=Health) if row.health else None,
        "message": row.message,
        "message_at": row.message_at,
        "locked_at": row.locked_at,
        "locked_why": row.locked_why,
    }


def told(row: Station, at: datetime) -> StationTold:
    """A till's device as its own shop sees it."""
    return StationTold(**_told(row, at))


async def beat(call: Call) -> Answer:
    """Keep how a till says it is; tell it what it should know. Only the till itself says so, by its own signature."""
    wish: BeatWish = call.wish
    till_id = call.id(Kind.TILL)
    if call.key.till_id != till_id:
        raise Denied("signin.till_only")
    health = msgspec.json.encode(wish.health).decode()
    row = await flow.beat(call.office.desk, call.merchant_id, till_id, wish.release, health, call.who)
    return 200, told(row, call.office.clock.now())


_STATIONS = """
  select t.id, t.merchant_id, t.name, t.store_id, s.name as store_name, w.beat_at, coalesce(w.release, '') as release,
    coalesce(w.health, '') as health, coalesce(w.message, '') as message, w.message_at,
    w.locked_at, coalesce(w.locked_why, '') as locked_why
  from tills t join stores s on s.merchant_id = t.merchant_id and s.id = t.store_id
  left join stations w on w.merchant_id = t.merchant_id and w.id = t.id
  where t.merchant_id = $1 and t.id > $2 and t.closed_at is null and ($4 = '' or t.store_id = $4)
    and (not $5 or w.beat_at is null or w.beat_at < $6) and ($7 = '' or t.id = $7)
  order by t.id limit $3
"""


async def page(call: Call) -> Answer:
    """The devices of the open tills."""
    wish: StationsWish = call.query
    items = await _found(call, wish.after, wish.limit + 1, silent=wish.silent)
    kept = items[: wish.limit]
    return 200, StationsTold(items=kept, next=kept[-1].till if len(items) > wish.limit else None)


async def one(call: Call) -> Answer:
    """The device of one till, however many there are."""
    found = await _found(call, till_id=call.id(Kind.TILL))
    if not found:
        raise Denied("till.unknown")
    return 200, found[0]


async def _found(
    call: Call, after: str = "", most: int = 1, *, silent: bool = False, till_id: str = ""
) -> Sequence[NamedStationTold]:
    at = call.office.clock.now()
    rows = await lists.read(
        call.office.pools.reader, call.merchant_id, _STATIONS, call.merchant_id, after, most,
        call.by.store_id, silent, at - SILENT_AFTER, till_id,
    )  # fmt: skip
    return [
        NamedStationTold(
            **_told(Station(**{name: row[name] for name in _OF_ROW}), at),
            name=row["name"],
            store_name=row["store_name"],
        )
        for row in rows
    ]


_OF_ROW = (
    *("merchant_id", "id", "store_id", "beat_at", "release", "health", "message", "message_at"),
    *("locked_at", "locked_why"),
)


async def message(call: Call) -> Answer:
    """Write to whoever works at a till."""
    desk, till_id = call.office.desk, call.id(Kind.TILL)
    row = await flow.tell(desk, call.merchant_id, till_id, call.wish.message, call.by)
    return 200, told(row, call.office.clock.now())


async def lock(call: Call) -> Answer:
    """Let a till take no more money."""
    row = await flow.lock(call.office.desk, call.merchant_id, call.id(Kind.TILL), call.wish.why, call.by)
    return 200, told(row, call.office.clock.now())


async def unlock(call: Call) -> Answer:
    """Let a till take money again."""
    row = await flow.unlock(call.office.desk, call.merchant_id, call.id(Kind.TILL), call.by)
    return 200, told(row, call.office.clock.now())


_DENIED = ("till.unknown", "staff.other_store")
ROUTES = (
    Route(
        method="GET",
        path="/v1/stations",
        verb=page,
        may="see",
        says="The devices of the tills: when heard of, health, release, locked or silent",
        query=StationsWish,
        gives=StationsTold,
    ),
    Route(
        method="GET",
        path="/v1/stations/{till}",
        verb=one,
        may="see",
        says="The device of one till",
        gives=NamedStationTold,
        denied=("till.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/tills/{till}/beat",
        verb=beat,
        may="charge",
        says="Say how a till is; only the till itself does",
        takes=BeatWish,
        gives=StationTold,
        denied=("signin.till_only", "till.unknown"),
        example={"release": "till-3f2a9c01d4e5", "health": {"printer": "ok", "battery": 80}},
    ),
    Route(
        method="POST",
        path="/v1/tills/{till}/message",
        verb=message,
        may="oversee",
        says="Write to whoever works at a till",
        takes=TillMessageWish,
        gives=StationTold,
        denied=_DENIED,
        example={"message": "Please come to the office"},
    ),
    Route(
        method="POST",
        path="/v1/tills/{till}/lock",
        verb=lock,
        may="oversee",
        says="Let a till take no more money",
        takes=LockWish,
        gives=StationTold,
        denied=_DENIED,
        example={"why": "The handheld is missing"},
    ),
    Route(
        method="POST",
        path="/v1/tills/{till}/unlock",
        verb=unlock,
        may="oversee",
        says="Let a till take money again",
        gives=StationTold,
        denied=_DENIED,
    ),
)
