"""What is known of a till before it charges: one read each, all travel together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yuanlu.guards.rules import AMOUNTS_MAX, Earlier
from yuanlu.reading import Read, View, over_keys

_NOTHING_TAKEN = "('FAILED', 'REVERSED', 'CLOSED')"

EARLIER = over_keys(
    "select k.place, p.amount_fen, p.lines, p.opened_at from keys k cross join lateral (select looked.* from ("
    " select q.amount_fen, q.lines, q.opened_at, q.till_id, q.state, q.id from payments q"
    f" where q.merchant_id = k.merchant_id order by q.id desc limit 1000) looked"
    f" where looked.till_id = k.a and looked.state not in {_NOTHING_TAKEN} order by looked.id desc"
    f" limit {AMOUNTS_MAX}) p"
)
"""Charges of a till, the newest first, of the last thousand of the merchant: bounded, whatever is in the books."""
SAME_CODE = over_keys(
    "select k.place, p.opened_at from keys k cross join lateral (select looked.* from ("
    " select q.opened_at, q.code_mark, q.state, q.id from payments q where q.merchant_id = k.merchant_id"
    " order by q.id desc limit 1000) looked"
    f" where looked.code_mark = k.a and looked.state not in {_NOTHING_TAKEN} order by looked.id desc limit 1) p"
)
TILL = over_keys("select k.place, t.store_id from keys k join tills t on t.merchant_id = k.merchant_id and t.id = k.a")


@dataclass(frozen=True, slots=True)
class TillSeen:
    """What is known of a till and a code. `store_id` None: there is no such till."""

    store_id: str | None
    earlier: Sequence[Earlier]
    code_seconds: int | None


def _ago(at: datetime, then: datetime) -> int:
    return max(0, int((at - then).total_seconds()))


def of_till(merchant_id: str, till_id: str, code_mark: str, at: datetime) -> View[TillSeen]:
    """What is known of a till, and of a code if there is one (`code_mark`: its keyed hash), at a moment."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> TillSeen:
        return TillSeen(
            store_id=found[0][0]["store_id"] if found[0] else None,
            earlier=[Earlier(row["amount_fen"], _ago(at, row["opened_at"]), row["lines"]) for row in found[1]],
            code_seconds=_ago(at, found[2][0]["opened_at"]) if len(found) > 2 and found[2] else None,
        )

    reads = (Read(TILL, merchant_id, till_id), Read(EARLIER, merchant_id, till_id))
    return View((*reads, Read(SAME_CODE, merchant_id, code_mark)) if code_mark else reads, make)
