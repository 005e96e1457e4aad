"""What people call those whom facts name by an id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from yuanlu.ids import Kind, is_id
from yuanlu.people import flow, store
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route

NAMES_MAX = 100
_STAFF = """
  select merchant_id, id, version, role, name, store_id, since, until from staff
  where merchant_id = $1 and id = any($2) and ($3 = '' or store_id in ('', $3))
"""


class NamesWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ids of staff between commas; what is no such id has no name here."""

    ids: str = ""


class NamesTold(Struct, frozen=True, kw_only=True):
    """Names by id. Who belongs to another store than the caller's, or was forgotten, has none."""

    names: Mapping[str, str]


async def called(call: Call, ids: Sequence[str]) -> Mapping[str, str]:
    """What these members of staff are called, the first of them: those whom the caller may know the name of."""
    wanted = [each for each in ids if is_id(each, Kind.STAFF)][:NAMES_MAX]
    rows = await lists.read(
        call.office.pools.reader, call.merchant_id, _STAFF, call.merchant_id, wanted, call.key.store_id
    )
    found = {row["id"]: await flow.name_of(call.office.desk, store.made(row)) for row in rows}
    return {each: name for each, name in found.items() if name}


async def names(call: Call) -> Answer:
    """The names of these members of staff, those who left too."""
    return 200, NamesTold(names=await called(call, call.query.ids.split(",")))


ROUTES = (
    Route(
        method="GET",
        path="/v1/names",
        verb=names,
        may="see",
        says="What members of staff are called",
        query=NamesWanted,
        gives=NamesTold,
    ),
)
