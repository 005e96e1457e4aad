"""Codes of a shop: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuanlu.devices.rules import Code, CodeAsk, CodeSeen
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Code)
GROUND = over_keys(
    "select k.place,"
    " exists (select 1 from stores s where s.merchant_id = k.merchant_id and s.id = k.a) as has_store,"
    " k.b = '' or exists (select 1 from tills t where t.merchant_id = k.merchant_id and t.id = k.b"
    "   and t.store_id = k.a) as has_till,"
    " (select c.id from codes c where c.mark = k.d and c.merchant_id = k.merchant_id and c.state <> 'RETIRED') as same"
    " from keys k"
)
WHOSE = over_keys(
    "select k.place, c.merchant_id = k.merchant_id as is_yours,"
    " case when c.merchant_id = k.merchant_id then c.id end as id"
    " from keys k join codes c on c.mark = k.a order by c.state = 'RETIRED', c.opened_at desc"
)
"""Whose a code is, over all merchants: of another's it is said that there is one, and nothing else."""
made = maker(Code)


def one(found: Sequence[Mapping[str, Any]]) -> Code | None:
    """The code of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, code_id: str) -> View[Code | None]:
    """One code, or None."""
    return View((Read(BY_ID, merchant_id, code_id),), lambda found: one(found[0]))


def for_ask(ask: CodeAsk) -> View[CodeSeen]:
    """What a new code is decided on."""
    ground = Read(GROUND, ask.merchant_id, ask.store_id, ask.till_id, 0, ask.mark)

    def make(found: Found) -> CodeSeen:
        row = found[1][0]
        return CodeSeen(one(found[0]), row["has_store"], row["has_till"], row["same"])

    return View((Read(BY_ID, ask.merchant_id, ask.id), ground), make)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a code is, as far as the one who asks may know. `code_id` only where it is his own."""

    is_known: bool
    is_yours: bool
    code_id: str = ""


def owner_of(merchant_id: str, mark: str) -> View[Owner]:
    """Whose the code with this mark is: yours before another's, what hangs before what is retired."""

    def make(found: Found) -> Owner:
        yours = next((row["id"] for row in found[0] if row["is_yours"]), None)
        return Owner(bool(found[0]), yours is not None, yours or "")

    return View((Read(WHOSE, merchant_id, mark),), make)
