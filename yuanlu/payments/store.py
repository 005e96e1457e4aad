"""Payments: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yuanlu.merchants import store as merchants
from yuanlu.payments.rules import ChargeAsk, ChargeSeen, Payment
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Payment)
SAME_CODE = over_keys(
    "select k.place, t.id from keys k join payments t on t.merchant_id = k.merchant_id and t.till_id = k.a"
    " and t.code_mark = k.b and t.amount_fen = k.c where t.code_mark <> ''"
    " and t.state in ('SENT', 'REVERSING', 'CLOSING')"
)
made = maker(Payment)


def one(found: Sequence[Mapping[str, Any]]) -> Payment | None:
    """The payment of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, payment_id: str) -> View[Payment | None]:
    """One payment, or None."""
    return View((Read(BY_ID, merchant_id, payment_id),), lambda found: one(found[0]))


def for_charge(ask: ChargeAsk) -> View[ChargeSeen]:
    """What a charge is decided on."""

    def make(found: Found) -> ChargeSeen:
        known, till, channels, *same = found
        return ChargeSeen(
            known=one(known),
            store_id=till[0]["store_id"] if till else None,
            channels=frozenset(row["channel"] for row in channels),
            same_code=same[0][0]["id"] if same and same[0] else None,
        )

    reads: tuple[Read, ...] = (
        Read(BY_ID, ask.merchant_id, ask.id),
        Read(merchants.TILL, ask.merchant_id, ask.till_id),
        Read(merchants.CHANNELS, ask.merchant_id, ""),
    )
    if ask.code:
        reads += (Read(SAME_CODE, ask.merchant_id, ask.till_id, ask.code_mark, ask.amount.amount),)
    return View(reads, make)
