"""What a person sets for themselves: zone, language, and the searches they keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from yuanlu.people import preferences
from yuanlu.people.preferences import HOME, Kept, Preferences
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.proving import PEOPLE
from yuanlu.web.parts.shapes import END, Wish

Name = Annotated[str, Meta(pattern=r"^[^\x00-\x1f\x7f]+" + END, max_length=40, examples=["Late at night"])]
Search = Annotated[str, Meta(pattern=r"^[\x21-\x7e]*" + END, max_length=1000, examples=["state=SENT"])]


class PreferencesWish(Wish):
    """In which zone one reads times, and in which language (empty: as the browser wants)."""

    zone: Annotated[str, Meta(pattern=f"^[A-Za-z0-9_+/-]+{END}", max_length=64, examples=["Europe/Berlin"])]
    lang: Literal["", "zh", "en"] = ""


class KeptWish(Wish):
    """A search of payments to be kept: the query of its address."""

    name: Name
    search: Search


class DroppedWish(Wish):
    """The name of a search that need not be kept."""

    name: Name


class KeptTold(Struct, frozen=True, kw_only=True):
    """A search that is kept."""

    name: str
    search: str


class PreferencesTold(Struct, frozen=True, kw_only=True):
    """What one has set. `zone`: the shop's where nothing was set. `views`: one's searches, by name."""

    zone: str
    is_home: bool
    lang: str
    views: Sequence[KeptTold]


def _told(row: Preferences) -> PreferencesTold:
    views = [KeptTold(name=each.name, search=each.search) for each in row.kept]
    return PreferencesTold(zone=row.zone, is_home=row.zone == HOME, lang=row.lang, views=views)


async def see(call: Call) -> Answer:
    """What one has set."""
    return 200, _told(await preferences.of(call.office.desk, call.merchant_id, call.who))


async def put(call: Call) -> Answer:
    """Set one's zone and language."""
    wish: PreferencesWish = call.wish
    row = await preferences.set_to(call.office.desk, call.merchant_id, call.who, wish.zone, wish.lang)
    return 200, _told(row)


async def keep(call: Call) -> Answer:
    """Keep a search under a name."""
    one = Kept(call.wish.name.strip(), call.wish.search)
    return 200, _told(await preferences.kept(call.office.desk, call.merchant_id, call.who, one))


async def drop(call: Call) -> Answer:
    """Keep a search no more."""
    row = await preferences.dropped(call.office.desk, call.merchant_id, call.who, call.wish.name.strip())
    return 200, _told(row)


ROUTES = (
    Route(
        method="GET",
        path="/v1/preferences",
        verb=see,
        may="own",
        says="One's own zone, language and searches",
        gives=PreferencesTold,
        denied=PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/preferences",
        verb=put,
        may="own",
        says="Set one's own zone and language",
        takes=PreferencesWish,
        gives=PreferencesTold,
        denied=("preferences.zone_unknown", *PEOPLE),
        example={"zone": "Europe/Berlin", "lang": "en"},
    ),
    Route(
        method="POST",
        path="/v1/preferences/searches",
        verb=keep,
        may="own",
        says="Keep a search under a name; the one kept under it before is no more",
        takes=KeptWish,
        gives=PreferencesTold,
        denied=("preferences.too_many", *PEOPLE),
        example={"name": "Late at night", "search": "state=SENT"},
    ),
    Route(
        method="POST",
        path="/v1/preferences/searches/drop",
        verb=drop,
        may="own",
        says="Keep a search no more",
        takes=DroppedWish,
        gives=PreferencesTold,
        denied=PEOPLE,
        example={"name": "Late at night"},
    ),
)
