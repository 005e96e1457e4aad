"""Cases: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from yuanlu.cases.rules import Case, CaseSeen, KeptItem, State
from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.people import store as people
from yuanlu.people.rules import Staff
from yuanlu.policies import store as policies
from yuanlu.policies.rules import Policy
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


_CASE = ", ".join(f"t.{each.name}" for each in fields(Case))
PAYMENTS_OF = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Payment))} from keys k"
    " join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join payments t on t.merchant_id = c.merchant_id and t.id in (c.payment_id, c.twin_id)"
)
"""The payment of a case, and its twin."""
REFUND_OF = _of_case(", ".join(f"t.{each.name}" for each in fields(Refund)), "refunds", "refund_id")
_COUNTS = "(t.state <> 'CLOSED' or t.attempt > 0 or t.conclusion = 'settled_otherwise')"
"""Open, or something was given back by it."""
CASES_BESIDE = over_keys(
    f"select k.place, {_CASE} from keys k join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join cases t on t.merchant_id = c.merchant_id and t.payment_id in (c.payment_id, c.twin_id)"
    f" where t.id <> c.id and {_COUNTS}"
)
"""Other cases about the payment of a case, and about its twin."""
CASES_OF = over_keys(
    f"select k.place, {_CASE} from keys k join cases t on t.merchant_id = k.merchant_id and t.payment_id = k.a"
    f" where {_COUNTS}"
)
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
APPROVERS_OF = over_keys(
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Staff))} from keys k"
    " join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
    " join staff t on t.merchant_id = c.merchant_id and t.id in (c.decided_by, c.seconded_by)"
)
_LIMITS = (
    f"select k.place, {', '.join(f't.{each.name}' for each in fields(Policy))},"
    " array(select q.reply_by from complaints q where q.merchant_id = k.merchant_id and q.payment_id = p.id"
    " and q.payment_id <> '' and q.reply_by is not null) as replies from keys k {}"
    " left join policies t on t.merchant_id = k.merchant_id and t.id = p.policy"
)
LIMITS_OF = over_keys(
    _LIMITS.format(
        "join cases c on c.merchant_id = k.merchant_id and c.id = k.a"
        " join payments p on p.merchant_id = c.merchant_id and p.id = c.payment_id"
    )
)
"""What sets a case times beside its channel: the policy of its payment, and by when complaints must be answered."""
LIMITS_OF_PAYMENT = over_keys(_LIMITS.format("join payments p on p.merchant_id = k.merchant_id and p.id = k.a"))
ITEM_OF = over_keys(
    "select k.place, t.body::jsonb ->> 'audience' as audience, e.body as said from keys k"
    " join facts t on t.merchant_id = k.merchant_id and t.object_id = k.a"
    " and t.kind = 'CaseItemAdded' and t.body::jsonb ->> 'item' = k.b"
    " left join evidence e on e.merchant_id = k.merchant_id and e.object_id = k.a and e.id = k.b and e.kind = 'message'"
)
"""Whether a thing is in a case, who may read it, and the sealed words of a message.

No `limit` here: it would count over all the reads that travel together."""
THREAD = over_keys(
    "select k.place, t.at, t.who, t.transition, t.seq, t.body, e.body as said from keys k"
    " join lateral (select * from facts f where f.merchant_id = k.merchant_id and f.object_id = k.a"
    " and f.kind = 'CaseItemAdded' and f.transition::bigint * 64 + f.seq > k.c"
    " order by f.transition, f.seq limit 201) t on true"
    " left join evidence e on e.merchant_id = k.merchant_id and e.object_id = k.a and e.kind = 'message'"
    " and e.id = t.body::jsonb ->> 'item' order by t.transition, t.seq"
)
"""The things that entered a case behind a place (transition * 64 + seq), at most 201, in order."""
CONTACT_OF = over_keys(
    "select k.place, t.id from keys k join hooks t on t.merchant_id = k.merchant_id and t.about = k.a"
    " where t.state = 'ACTIVE'"
)
THREAD_MAX = 200
made = maker(Case)


def one(found: Sequence[Mapping[str, Any]]) -> Case | None:
    """The case of a read by id, if it is there."""
    return made(found[0]) if found else None


def _limits(found: Sequence[Mapping[str, Any]]) -> tuple[Policy | None, tuple[datetime, ...]]:
    return policies.one(found), tuple(sorted(found[0]["replies"])) if found else ()


def glance(merchant_id: str, case_id: str) -> View[CaseSeen]:
    """A case and its payment: to see what is to be done, not to decide on."""
    reads = (Read(BY_ID, merchant_id, case_id), Read(PAYMENTS_OF, merchant_id, case_id))

    def make(found: Found) -> CaseSeen:
        case = one(found[0])
        own = [payments.made(row) for row in found[1] if case is not None and row["id"] == case.payment_id]
        return CaseSeen(case, own[0] if own else None)

    return View(reads, make)


def by_id(merchant_id: str, case_id: str, near: Sequence[str] = ()) -> View[CaseSeen]:
    """A case with its payment, its twin, its refunds and repayments, the other cases about them, its approvers.

    `near`: further payments that may be its twin; they and the cases about them are read too.
    """
    reads = (
        Read(BY_ID, merchant_id, case_id),
        Read(PAYMENTS_OF, merchant_id, case_id),
        Read(REFUND_OF, merchant_id, case_id),
        Read(CASES_BESIDE, merchant_id, case_id),
        Read(APPROVERS_OF, merchant_id, case_id),
        Read(LIMITS_OF, merchant_id, case_id),
        Read(OWN_REFUNDS, merchant_id, case_id),
        Read(REPAYMENTS_OF, merchant_id, case_id),
        *(Read(select, merchant_id, each) for each in near for select in (payments.BY_ID, CASES_OF)),
    )

    def make(found: Found) -> CaseSeen:
        case = one(found[0])
        if case is None:
            return CaseSeen(None, None)
        charges = {row["id"]: payments.made(row) for rows in (found[1], *found[8::2]) for row in rows}
        cases = {row["id"]: made(row) for rows in (found[3], *found[9::2]) for row in rows}
        beside = tuple(each for each in cases.values() if each.id != case.id)
        open_one = (each.id for each in beside if each.payment_id == case.payment_id and each.state is not State.CLOSED)
        policy, by = _limits(found[5])
        return CaseSeen(
            case,
            charges.pop(case.payment_id, None),
            refunds.one(found[2]),
            next(open_one, None),
            tuple(people.made(row) for row in found[4]),
            tuple(charges.values()),
            beside,
            policy,
            by,
            refunds=tuple(map(refunds.made, found[6])),
            repayments=tuple(map(repayments.made, found[7])),
            proof_digest=next((row["proof_digest"] or "" for row in found[7] if row["is_own"]), ""),
        )

    return View(reads, make)


def with_purse(view: View[CaseSeen], merchant_id: str, day: date) -> View[CaseSeen]:
    """The same, and what people may send back on this day of China."""
    purse = people.purse(merchant_id, day)

    def make(found: Found) -> CaseSeen:
        return replace(view.make(found[:-1]), purse=purse.make(found[-1:]))

    return View((*view.reads, *purse.reads), make)


def for_ask(merchant_id: str, case_id: str, payment_id: str) -> View[CaseSeen]:
    """What a new case is decided on: whether it is known, its payment, and another open case about it."""
    reads = (
        Read(BY_ID, merchant_id, case_id),
        Read(payments.BY_ID, merchant_id, payment_id),
        Read(OPEN_OF_PAYMENT, merchant_id, payment_id, case_id),
        Read(LIMITS_OF_PAYMENT, merchant_id, payment_id),
    )

    def make(found: Found) -> CaseSeen:
        other = found[2][0]["id"] if found[2] else None
        policy, replies = _limits(found[3])
        return CaseSeen(one(found[0]), payments.one(found[1]), None, other, policy=policy, replies=replies)

    return View(reads, make)


def for_item(merchant_id: str, case_id: str, item_id: str) -> View[CaseSeen]:
    """A case, and whether this is in it."""
    whole = by_id(merchant_id, case_id)
    reads = (*whole.reads, Read(ITEM_OF, merchant_id, case_id, item_id))

    def make(found: Found) -> CaseSeen:
        rows = found[-1]
        item = KeptItem(rows[0]["audience"], rows[0]["said"] or "") if rows else None
        return replace(whole.make(found[:-1]), item=item)

    return View(reads, make)


@dataclass(frozen=True, slots=True)
class ThreadSeen:
    """Things that entered a case, as they are kept."""

    case: Case | None
    rows: Sequence[Mapping[str, Any]]


def thread(merchant_id: str, case_id: str, after: int) -> View[ThreadSeen]:
    """What entered a case behind this place, in order; one more than a page holds, if there is one."""
    reads = (Read(BY_ID, merchant_id, case_id), Read(THREAD, merchant_id, case_id, c=after))
    return View(reads, lambda found: ThreadSeen(one(found[0]), found[1]))


def has_contact(merchant_id: str, case_id: str) -> View[bool]:
    """Whether its payer can be reached."""
    return View((Read(CONTACT_OF, merchant_id, case_id),), lambda found: bool(found[0]))
