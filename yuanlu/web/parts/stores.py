"""Which store an object belongs to, for whoever belongs to one store: what of the others they do not see.

Payments, cases, codes, tills, printers, prints, letters with receipts, tickets and staff name their store; what hangs
on one of these belongs where that does. Who works in all stores belongs to none, and is not seen by who belongs to one.
A version of a policy may be of no store, and so may a hand-over (the side that asks has no payment): everybody of the
merchant sees those. A complaint about no payment of ours belongs to no store, and who belongs to one does not see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from yuanlu import ids
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.people.rules import Person
from yuanlu.reading import Read, View, over_keys

_PAYMENT = (
    "exists (select from payments p where p.merchant_id = {t}.merchant_id and p.id = {t}.payment_id"
    " and p.store_id = {store})"
)
_CASE = (
    "exists (select from cases c where c.merchant_id = {t}.merchant_id and c.id = {t}.case_id and c.store_id = {store})"
)
IN_STORE: Mapping[str, str] = {
    "payments": "{t}.store_id = {store}",
    "cases": "{t}.store_id = {store}",
    "codes": "{t}.store_id = {store}",
    "tills": "{t}.store_id = {store}",
    "shifts": "{t}.store_id = {store}",
    "printers": "{t}.store_id = {store}",
    "prints": "{t}.store_id = {store}",
    "mailings": "{t}.store_id = {store}",
    "tickets": "{t}.store_id = {store}",
    "staff": "{t}.store_id = {store}",
    "policies": "{t}.store_id in ('', {store})",
    "refunds": _PAYMENT,
    "repayments": _PAYMENT,
    "complaints": _PAYMENT,
    "handovers": "({t}.payment_id = '' or " + _PAYMENT + ")",
    "complaint_answers": (
        "exists (select from complaints c join payments p on p.merchant_id = c.merchant_id and p.id = c.payment_id"
        " where c.merchant_id = {t}.merchant_id and c.id = {t}.complaint_id and p.store_id = {store})"
    ),
    "losses": _CASE,
    "case_files": _CASE,
}
"""By table, when a row `{t}` is of the store `{store}`: each asks one row by its key, so a page stays one walk."""

TABLES: Mapping[Kind, str] = {
    Kind.PAYMENT: "payments",
    Kind.REFUND: "refunds",
    Kind.CASE: "cases",
    Kind.FILE: "case_files",
    Kind.COMPLAINT: "complaints",
    Kind.ANSWER: "complaint_answers",
    Kind.REPAYMENT: "repayments",
    Kind.LOSS: "losses",
    Kind.CODE: "codes",
    Kind.TILL: "tills",
    Kind.HANDOVER: "handovers",
    Kind.POLICY: "policies",
    Kind.SHIFT: "shifts",
    Kind.PRINTER: "printers",
    Kind.PRINT: "prints",
    Kind.MAILING: "mailings",
    Kind.TICKET: "tickets",
    Kind.STAFF: "staff",
}
"""The kinds of object that belong to a store. The others are the merchant's: verbs of `OF_MERCHANT` are for those."""

_OWN = {
    kind: over_keys(
        f"select k.place from keys k join {table} t on t.merchant_id = k.merchant_id and t.id = k.a"
        f" where {IN_STORE[table].format(t='t', store='k.b')}"
    )
    for kind, table in TABLES.items()
}
_NAMES = {**{kind.name.lower(): (kind,) for kind in TABLES}, "object": tuple(Kind)}
_NAMES |= dict.fromkeys(("receipt", "of", "about"), (Kind.PAYMENT, Kind.REFUND))
"""What a part of a path or a field of a wish is called that names an object. `object`: of any kind."""


async def own(desk: Desk, merchant_id: str, by: Person, objects: Sequence[tuple[Kind, str]]) -> frozenset[str]:
    """Which of these somebody may know of: all, unless they belong to a store; then those that are there and of it."""
    if not by.store_id:
        return frozenset(each for _, each in objects)
    reads = tuple(Read(_OWN[kind], merchant_id, each, by.store_id) for kind, each in objects if kind in _OWN)
    if not reads:
        return frozenset()
    seen = View(reads, lambda found: frozenset(read.a for read, rows in zip(reads, found, strict=True) if rows))
    return await desk.see(seen)


async def hidden(desk: Desk, merchant_id: str, by: Person, parts: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """The objects a call names that are not of the store of who calls, each with an id that nothing has.

    `parts`: names and values, of a path or a wish.
    """
    named = {
        text: Kind(text[:2])
        for part in parts
        for name, text in part.items()
        if name in _NAMES and isinstance(text, str) and is_id(text, *_NAMES[name])
    }
    known = await own(desk, merchant_id, by, [(kind, text) for text, kind in named.items()])
    return {text: ids.new(kind) for text, kind in named.items() if text not in known}


def swapped(part: Mapping[str, Any], texts: Mapping[str, str]) -> Mapping[str, str]:
    """What of a part says one of these texts, with the other text in its place."""
    return {name: texts[said] for name, said in part.items() if isinstance(said, str) and said in texts}


def fields(wish: Struct) -> Mapping[str, Any]:
    """What a wish says, by name. What a step-up is for is left out: it is only compared with what is done later."""
    return {name: said for name, said in msgspec.structs.asdict(wish).items() if name != "object"}


def demand(by: Person, wish: Struct) -> None:
    """Let a wish that names a store, or all of them, be for the own one.

    Raises Denied: staff.other_store.
    """
    if "store" in wish.__struct_fields__:
        demand_store(by, fields(wish)["store"])


def demand_store(by: Person, store_id: str) -> None:
    """Let somebody set something for this store (empty: for all of them), or say no.

    Raises Denied: staff.other_store.
    """
    if by.store_id not in ("", store_id):
        raise Denied("staff.other_store")
