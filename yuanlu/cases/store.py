"""Cases: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from yuanlu.cases.rules import Case, CaseSeen
from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.people import store as people
from yuanlu.people.rules import Staff
from yuanlu.reading import Read, Select, View, maker, over_keys, rows_by_id
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund
from yuanlu.repayments import store as repayments
from yuanlu.repayments.rules import Repayment

Found = Sequence[Sequence[Mapping[str, Any]]]

BY_ID = rows_by_id(Case)
OPEN_OF_PAYMENT = over_keys(
    "select k.place, t.id from keys k join cases t on t.merchant_id = k.merchant_id and t.payment_id = k.a"
    " where t.state <> 'CLOSED' and t.id <> k.b"
)


def _of_case(names: str, table: str, column: str) -> Select:
    return over_keys(
        f"select k.place, {names} from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
        f" join {table} t on t.merchant_id = c.merchant_id and t.id = c.{column}"
    )


PAYMENT_OF = _of_case(", ".join(f"t.{each.name}" for each in fields(Payment)), "payments", "payment_id")
REFUND_OF = _of_case(", ".join(f"t.{each.name}" for each in fields(Refund)), "refunds", "refund_id")
OWN_REFUNDS = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Refund))} from keys k"
    " join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join refunds t on t.merchant_id = c.merchant_id and t.payment_id = c.payment_id"
    " where t.case_id = c.id or t.incident <> ''"
)
REPAYMENTS_OF = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Repayment))}, e.digest as proof_digest,"
    " t.id = c.repayment_id as is_own from keys k"
    " join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join repayments t on t.merchant_id = c.merchant_id and t.payment_id = c.payment_id"
    " left join evidence e on e.merchant_id = t.merchant_id and e.object_id = t.id and e.id = t.proof order by t.id"
)
OPEN_BESIDE = over_keys(
    "select k.place, t.id from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join cases t on t.merchant_id = c.merchant_id and t.payment_id = c.payment_id"
    " where t.state <> 'CLOSED' and t.id <> c.id"
)
APPROVERS_OF = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Staff))} from keys k"
    " join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join staff t on t.merchant_id = c.merchant_id and t.id in (c.decided_by, c.seconded_by)"
)
ITEM_OF = over_keys(
    "select k.place, k.a as object_id from keys k where exists (select from facts t"
    " where t.merchant_id = k.merchant_id and t.object_id = k.a"
    " and t.kind = 'CaseItemAdded' and t.body::jsonb ->> 'item' = k.b)"
)
"""Whether a thing is in a case. No `limit` here: it would count over all the reads that travel together."""
THREAD = over_keys(
    "select k.place, t.at, t.who, t.transition, t.seq, t.body, e.body as said from keys k"
    " join lateral (select * from facts f where f.merchant_id = k.merchant_id and f.object_id = k.a"
    " and f.kind = 'CaseItemAdded' and f.transition::bigint * 64 + f.seq > k.c"
    " order by f.transition, f.seq limit 201) t on true"
    " left join evidence e on e.merchant_id = k.merchant_id and e.object_id = k.a and e.kind = 'message'"
    " and e.id = t.body::jsonb ->> 'item' order by t.transition, t.seq"
)
"""The things that entered a case behind a place (transition * 64 + seq), at most 201, in order."""
THREAD_MAX = 200
made = maker(Case)


def one(found: Sequence[Mapping[str, Any]]) -> Case | None:
    """The case of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, case_id: str) -> View[CaseSeen]:
    """A case with its payment, its refunds and repayments, another open case about it, its approvers."""
    reads = (
        Read(BY_ID, merchant_id, case_id),
        Read(PAYMENT_OF, merchant_id, case_id),
        Read(REFUND_OF, merchant_id, case_id),
        Read(OPEN_BESIDE, merchant_id, case_id),
        Read(APPROVERS_OF, merchant_id, case_id),
        Read(OWN_REFUNDS, merchant_id, case_id),
        Read(REPAYMENTS_OF, merchant_id, case_id),
    )

    def make(found: Found) -> CaseSeen:
        other = found[3][0]["id"] if found[3] else None
        approvers = tuple(people.made(row) for row in found[4])
        proof = next((row["proof_digest"] or "" for row in found[6] if row["is_own"]), "")
        return CaseSeen(
            one(found[0]),
            payments.one(found[1]),
            refunds.one(found[2]),
            other,
            approvers,
            refunds=tuple(map(refunds.made, found[5])),
            repayments=tuple(map(repayments.made, found[6])),
            proof_digest=proof,
        )

    return View(reads, make)


def for_ask(merchant_id: str, case_id: str, payment_id: str) -> View[CaseSeen]:
    """What a new case is decided on: whether it is known, its payment, and another open case about it."""
    reads = (
        Read(BY_ID, merchant_id, case_id),
        Read(payments.BY_ID, merchant_id, payment_id),
        Read(OPEN_OF_PAYMENT, merchant_id, payment_id, case_id),
    )

    def make(found: Found) -> CaseSeen:
        other = found[2][0]["id"] if found[2] else None
        return CaseSeen(one(found[0]), payments.one(found[1]), None, other)

    return View(reads, make)


@dataclass(frozen=True, slots=True)
class ItemSeen:
    """What it is decided on whether something enters a case: the case, and whether it is in there already."""

    case: Case | None
    known: bool


def for_item(merchant_id: str, case_id: str, item_id: str) -> View[ItemSeen]:
    """A case, and whether this is in it."""
    reads = (Read(BY_ID, merchant_id, case_id), Read(ITEM_OF, merchant_id, case_id, item_id))
    return View(reads, lambda found: ItemSeen(one(found[0]), bool(found[1])))


@dataclass(frozen=True, slots=True)
class ThreadSeen:
    """Things that entered a case, as they are kept."""

    case: Case | None
    rows: Sequence[Mapping[str, Any]]


def thread(merchant_id: str, case_id: str, after: int) -> View[ThreadSeen]:
    """What entered a case behind this place, in order; one more than a page holds, if there is one."""
    reads = (Read(BY_ID, merchant_id, case_id), Read(THREAD, merchant_id, case_id, c=after))
    return View(reads, lambda found: ThreadSeen(one(found[0]), found[1]))
