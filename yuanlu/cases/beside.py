"""What lies beside a payment: its look-alikes, the cause of a case, the second charge of one mistake.

How near payments are found without an index of their own, which every payment would pay for: ids are ordered by the
time their maker's clock told, and what is looked for was mostly made by the same till. So the primary key answers
"near in time"; a fixed number of rows is looked at on either side, however large the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from yuanlu import ids
from yuanlu.amounts.rules import Back, Difference, bill_of, differences
from yuanlu.cases import causes, doubles, store, twins, windows
from yuanlu.cases.causes import Finding, Heard, Traces
from yuanlu.cases.rules import Case, CaseAsk, CaseSeen
from yuanlu.change import Change, Done, Stay
from yuanlu.channels.contract import Figures
from yuanlu.channels.registry import FACTS
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.ledger.accounts import OWED
from yuanlu.payments import store as payments
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.reading import Read, View, over_keys
from yuanlu.refunds.rules import Refund, place
from yuanlu.refunds.rules import State as RefundState

Found = Sequence[Sequence[Mapping[str, Any]]]

WAKE = "cases.causes.wake"
"""Look for the cause of a case. The live check comes first: what the channel answers is looked at too."""
GONE = (RefundState.DONE, RefundState.PROVEN, RefundState.EXTERNAL)
"""Refunds whose money is back with the payer, as far as the channel knows."""
LOOKED_MAX = 2000
"""Payments looked at on either side in time."""

_COLUMNS = ", ".join(f"t.{each.name}" for each in fields(Payment))
_NEAR = f"""
  select k.place, s.* from keys k
  join payments p on p.merchant_id = k.merchant_id and p.id = k.a
  cross join lateral (
    (select {_COLUMNS} from payments t where t.merchant_id = k.merchant_id and t.id > k.a and t.id < k.d
     order by t.id limit {LOOKED_MAX})
    union all
    (select {_COLUMNS} from payments t where t.merchant_id = k.merchant_id and t.id < k.a and t.id > k.b
     order by t.id desc limit {LOOKED_MAX})
  ) s
  where s.store_id = p.store_id and ("""
ALIKE = over_keys(
    _NEAR
    + " s.amount_fen = p.amount_fen or (s.payer = p.payer and p.payer <> '')"
    + " or (s.code_mark = p.code_mark and p.code_mark <> '')"
    + " or s.id = (select max(b.id) from payments b where b.merchant_id = k.merchant_id and b.id < k.a and b.id > k.b"
    + "   and b.till_id = p.till_id and b.paid_at is not null))"
)
"""Payments near this one that one may take for it, and the one before it at its till."""
CAUSES_OF = over_keys(
    "select k.place, f.body from keys k join facts f on f.merchant_id = k.merchant_id and f.object_id = k.a"
    " where f.kind = 'CauseFound'"
)


@dataclass(frozen=True, slots=True)
class Alike:
    """A payment and those one may take for it: the same store, near in time, and the same sum, payer or code."""

    payment: Payment
    others: tuple[Payment, ...]
    before: Payment | None
    """The payment before it at its till that was paid."""


def alike_view(merchant_id: str, payment_id: str) -> View[Alike | None]:
    """A payment and its look-alikes, nearest first; None where there is no such payment.

    Raises Denied: payment.unknown, where this is no id.
    """
    if not ids.is_id(payment_id, ids.Kind.PAYMENT):
        raise Denied("payment.unknown")
    low, high = ids.around(payment_id, causes.taxonomy().near["alike_within"])
    reads = (Read(payments.BY_ID, merchant_id, payment_id), Read(ALIKE, merchant_id, payment_id, low, 0, high))
    return View(reads, _alike)


def _alike(found: Found) -> Alike | None:
    payment = payments.one(found[0])
    if payment is None:
        return None
    near = sorted(map(payments.made, found[1]), key=lambda each: abs(each.opened_at - payment.opened_at))
    earlier = [each for each in near if each.till_id == payment.till_id and each.id < payment.id and each.paid_at]
    return Alike(
        payment,
        tuple(each for each in near if _looks_like(each, payment)),
        max(earlier, key=lambda each: each.id, default=None),
    )


def _looks_like(one: Payment, other: Payment) -> bool:
    same_payer = bool(other.payer) and one.payer == other.payer
    return one.amount_fen == other.amount_fen or same_payer or (one.code_mark != "" == other.code_mark)


async def alike(desk: Desk, merchant_id: str, payment_id: str) -> Alike:
    """A payment and those one may take for it, to be shown side by side before a refund is bound to one of them.

    Raises Denied: payment.unknown.
    """
    found = await desk.see(alike_view(merchant_id, payment_id))
    if found is None:
        raise Denied("payment.unknown")
    return found


# --- the cause of a case -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Looked:
    """What a cause is found from: the case as it stands, and what was found before (cause, confidence)."""

    seen: CaseSeen
    known: tuple[tuple[str, int], ...]


def _looked(merchant_id: str, case_id: str) -> View[Looked]:
    whole = store.by_id(merchant_id, case_id)

    def make(found: Found) -> Looked:
        bodies = [msgspec.json.decode(row["body"]) for row in found[-1]]
        return Looked(whole.make(found[:-1]), tuple((body["cause"], body["confidence"]) for body in bodies))

    return View((*whole.reads, Read(CAUSES_OF, merchant_id, case_id)), make)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What somebody knows besides: what the till added up, and whose the scanned code is and whether it is stale."""

    basket_fen: int | None = None
    code_owner: causes.Whose = causes.Whose.UNASKED
    code_is_stale: bool = False
    code_id: str = ""


NO_HINT = Hint()


async def find(desk: Desk, merchant_id: str, case_id: str, hint: Hint = NO_HINT) -> Done[Case]:
    """Look for the causes of a case, and keep what is found, with its evidence, as facts of the case.

    Looking again keeps only what is new. Who was at fault is not decided here. Raises Denied: case.unknown.
    """
    view = _looked(merchant_id, case_id)
    looked = await desk.see(view)
    if looked.seen.case is None:
        raise Denied("case.unknown")
    near = await alike(desk, merchant_id, looked.seen.case.payment_id)
    return await desk.decide(view, partial(keep, near, hint))


def keep(near: Alike, hint: Hint, looked: Looked, at: datetime) -> Change[Case] | Stay[Case]:
    """Keep what is found about a case as facts of it; nothing new, nothing written."""
    case = looked.seen.case
    if case is None:
        raise Denied("case.unknown")
    facts = causes.as_facts(causes.find(traces(case, near, looked.seen.refund, hint)), looked.known)
    if not facts:
        return Stay(case)
    return Change(row=replace(case, version=case.version + 1), at=at, who="system", facts=facts)


def traces(case: Case, near: Alike, refund: Refund | None, hint: Hint = NO_HINT) -> Traces:
    """What is known around the payment of a case."""
    payment = near.payment
    return Traces(
        payment=doubles.sibling(payment),
        rest_fen=_may_go_back(payment, refund),
        what=case.what,
        meant_fen=case.meant_fen,
        basket_fen=hint.basket_fen,
        code_owner=hint.code_owner,
        code_is_stale=hint.code_is_stale,
        code_evidence=hint.code_id,
        before=None if near.before is None else doubles.sibling(near.before),
        siblings=tuple(map(doubles.sibling, near.others)),
        heard=tuple(_heard(payment, refund)),
        differs=_differs(payment, refund),
    )


def _may_go_back(payment: Payment, refund: Refund | None) -> int:
    """What may go back, with what this case sends back: what is suggested stands while it is carried out."""
    if payment.state not in HAS_MONEY:
        return 0
    own = 0 if refund is None or place(refund, refund.state) == OWED else refund.amount_fen
    return min(payment.rest.amount + own, payment.amount_fen)


def _differs(payment: Payment, refund: Refund | None) -> tuple[Difference, ...]:
    """What of the channel's figures of a payment and its refund does not fit."""
    if payment.state not in HAS_MONEY:
        return ()
    backs = [] if refund is None or not refund.figures else [as_back(refund)]
    return differences(bill_of(payment.amount_fen, payment.figures, backs))


def as_back(refund: Refund) -> Back:
    """A refund as its amounts are explained."""
    return Back(
        id=refund.id,
        amount_fen=refund.amount_fen,
        figures=Figures.of_text(refund.figures),
        is_done=refund.state in GONE,
        received_into=refund.received_into,
    )


def _heard(payment: Payment, refund: Refund | None) -> Sequence[Heard]:
    heard = []
    if payment.code and payment.state not in HAS_MONEY:
        heard.append(Heard(book=payment.channel, code=payment.code, operation="pay"))
    if refund is not None and refund.code:
        heard.append(Heard(book=refund.channel, code=refund.code, operation="refund", evidence=refund.id))
    return heard


def causes_of(merchant_id: str, case_id: str) -> View[tuple[str, ...]]:
    """The causes that were found about a case."""

    def make(found: Found) -> tuple[str, ...]:
        return tuple(sorted({msgspec.json.decode(row["body"])["cause"] for row in found[0]}))

    return View((Read(CAUSES_OF, merchant_id, case_id),), make)


def as_told(bodies: Sequence[str]) -> list[Finding]:
    """Findings from the facts they were kept as, best first, the newest of a kind."""
    newest = {found.cause: found for found in (msgspec.json.decode(body, type=Finding) for body in bodies)}
    return sorted(newest.values(), key=lambda found: -found.confidence)


async def cause_of(desk: Desk, seen: CaseSeen) -> str:
    """The cause of a case, for a policy that speaks about causes: as it was reported, else the likeliest one found.

    It is found from what is known now; it is kept by `find`, once the live check is. Empty: none is known.
    """
    case = seen.case
    if case is None or case.cause:
        return "" if case is None else case.cause
    near = await alike(desk, case.merchant_id, case.payment_id)
    found = causes.find(traces(case, near, seen.refund))
    return found[0].cause if found else ""


# --- the second charge ---------------------------------------------------------------------------------------------


async def look_twice(desk: Desk, merchant_id: str, payment_id: str) -> Case | None:
    """Look whether a payment that was unclear is one of two charges, and open the case of the second: once.

    Answers None where it is not, or where people have a case about it already. Raises Busy while another charge of
    the same sum has no end yet: it is looked at again.
    """
    near = await alike(desk, merchant_id, payment_id)
    if doubles.still_unclear(near.payment, list(near.others)):
        raise Busy("case.twin_unclear")
    pair = causes.twin_of(doubles.sibling(near.payment), [doubles.sibling(each) for each in near.others])
    if pair is None or not doubles.opens_itself(pair):
        return None
    return await _open(desk, doubles.own_ask(merchant_id, pair), pair)


async def around(desk: Desk, case: Case) -> View[CaseSeen]:
    """What a decision about the money of a case is made on: where it may be about being charged twice, all charges that
    may be of the same mistake, and the cases about them.

    Raises Denied: payment.unknown.
    """
    if not twins.binds(case):
        return store.by_id(case.merchant_id, case.id)
    near = await alike(desk, case.merchant_id, case.payment_id)
    found = [each.id for each in near.others if twins.may_be_twin(near.payment, each)]
    return store.by_id(case.merchant_id, case.id, found)


async def _open(desk: Desk, ask: CaseAsk, pair: causes.Twin) -> Case | None:
    view = store.for_ask(ask.merchant_id, ask.id, ask.payment_id)

    def rule(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
        return windows.wound(FACTS, desk.book(at), seen, doubles.open_pair(pair, ask, seen, at))

    try:
        done = await desk.decide(view, rule)
    except Denied as no:
        if no.code == "case.already_open":
            return None
        raise
    return done.row
