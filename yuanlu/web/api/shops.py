"""The stores and tills of a merchant: which there are, made, renamed, closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from yuanlu.ids import Kind
from yuanlu.onboarding import flow
from yuanlu.onboarding.rules import Store
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, _LINE, END, Page, TillId, Wish

StoreId = Annotated[str, Meta(pattern=f"^YS{_ID}{END}", examples=["YS01KATE3S4000000000000000000"])]
Name = Annotated[str, Meta(pattern=_LINE, min_length=1, max_length=60)]


class StoresWish(Page):
    """Which stores."""

    closed: bool = False


class StoreWish(Wish):
    """A store to be."""

    id: StoreId
    name: Name


class StoreNameWish(Wish):
    """What a store is called from now on."""

    name: Name


class NewTillWish(Wish):
    """A till to be. A device becomes it by enrolment."""

    id: TillId
    store: StoreId
    name: Name


class StoreTold(Struct, frozen=True, kw_only=True):
    """A store. `tills`: how many of them are open."""

    id: str
    name: str
    created_at: datetime
    closed_at: datetime | None
    tills: int


class StoresTold(Struct, frozen=True, kw_only=True):
    """Stores, oldest first. `next`: behind which the next page begins."""

    items: Sequence[StoreTold]
    next: str | None


class NewTillTold(Struct, frozen=True, kw_only=True):
    """A till."""

    id: str
    store: str
    name: str
    created_at: datetime
    closed_at: datetime | None


_STORES = """
  select s.id, s.name, s.created_at, s.closed_at,
    (select count(*) from tills t where t.merchant_id = s.merchant_id and t.store_id = s.id and t.closed_at is null)
      as tills
  from stores s where s.merchant_id = $1 and s.id > $2 and ($4 = '' or s.id = $4) and ($5 or s.closed_at is null)
  order by s.id limit $3
"""
_ONE = _STORES.replace("s.id > $2", "s.id > $2 and s.id = $6")


def _told(row: Mapping[str, Any]) -> StoreTold:
    return StoreTold(**{name: row[name] for name in StoreTold.__struct_fields__})


async def page(call: Call) -> Answer:
    """The stores of the merchant; to who belongs to one, that one."""
    wish: StoresWish = call.query
    rows = await lists.read(
        call.office.pools.reader, call.merchant_id, _STORES, call.merchant_id, wish.after, wish.limit + 1,
        call.by.store_id, wish.closed,
    )  # fmt: skip
    items = [_told(row) for row in rows[: wish.limit]]
    return 200, StoresTold(items=items, next=items[-1].id if len(rows) > wish.limit else None)


async def _whole(call: Call, store: Store) -> StoreTold:
    """A store as it now stands, with its tills."""
    rows = await lists.read(
        call.office.pools.recorder, call.merchant_id, _ONE, call.merchant_id, "", 1, "", True, store.id
    )
    return _told(rows[0])


async def add(call: Call) -> Answer:
    """Write a store down. Again with the same id and name gives the same store."""
    wish: StoreWish = call.wish
    store = await flow.add_store(call.office.desk, call.merchant_id, wish.id, wish.name, call.by)
    return 201, await _whole(call, store)


async def rename(call: Call) -> Answer:
    """Call a store something else; what was done there stays there."""
    store = await flow.rename_store(call.office.desk, call.merchant_id, call.id(Kind.STORE), call.wish.name, call.by)
    return 200, await _whole(call, store)


async def close(call: Call) -> Answer:
    """Close a store for good, once its tills are closed."""
    store = await flow.close_store(call.office.desk, call.merchant_id, call.id(Kind.STORE), call.by)
    return 200, await _whole(call, store)


async def add_till(call: Call) -> Answer:
    """Write a till down. Again with the same id, name and store gives the same till."""
    wish: NewTillWish = call.wish
    till = await flow.add_till(call.office.desk, call.merchant_id, wish.id, wish.store, wish.name, call.by)
    return 201, NewTillTold(
        id=till.id, store=till.store_id, name=till.name, created_at=till.created_at, closed_at=till.closed_at
    )


_NO = ("staff.not_allowed", "staff.other_store", "key.out_of_scope")
_STORE = "YS01KATE3S4000000000000000000"
ROUTES = (
    Route(
        method="GET",
        path="/v1/stores",
        verb=page,
        may="see",
        says="Stores, oldest first",
        query=StoresWish,
        gives=StoresTold,
    ),
    Route(
        method="POST",
        path="/v1/stores",
        verb=add,
        may="shops",
        says="Add a store",
        takes=StoreWish,
        gives=StoreTold,
        statuses=(201,),
        denied=(*_NO, "id.invalid", "shop.name_empty", "store.id_taken"),
        example={"id": _STORE, "name": "Corner shop"},
    ),
    Route(
        method="POST",
        path="/v1/stores/{store}/rename",
        verb=rename,
        may="shops",
        says="Rename a store",
        takes=StoreNameWish,
        gives=StoreTold,
        denied=(*_NO, "store.unknown", "store.closed", "shop.name_empty"),
        example={"name": "Shop at the corner"},
    ),
    Route(
        method="POST",
        path="/v1/stores/{store}/close",
        verb=close,
        may="shops",
        says="Close a store for good",
        gives=StoreTold,
        denied=(*_NO, "store.unknown", "store.has_tills"),
    ),
    Route(
        method="POST",
        path="/v1/tills",
        verb=add_till,
        may="shops",
        says="Add a till to a store",
        takes=NewTillWish,
        gives=NewTillTold,
        statuses=(201,),
        denied=(*_NO, "id.invalid", "store.unknown", "store.closed", "shop.name_empty", "till.id_taken"),
        example={"id": "YT01KATE3S40000000000000000EY", "store": _STORE, "name": "T3"},
    ),
)
