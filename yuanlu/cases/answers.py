"""What people ask before and while money goes back: which way, by when, what is missing, where. Nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from yuanlu.cases import flow, store
from yuanlu.cases.chain import Side
from yuanlu.cases.flow import Said
from yuanlu.cases.rules import Case, CaseSeen, State
from yuanlu.cases.where import CaseNow, Where, where
from yuanlu.cases.windows import of_case
from yuanlu.channels.registry import FACTS
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.lawbook import law, promises, proof
from yuanlu.lawbook.promises import Back
from yuanlu.lawbook.proof import Completeness
from yuanlu.lawbook.shapes import Need, Part, Promises, Stage
from yuanlu.payments.rules import Payment
from yuanlu.refunds import store as refunds_store
from yuanlu.refunds.routes import Route, Way, route
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.windows import Window, parts_left, windows
from yuanlu.repayments import store as repayments_store


@dataclass(frozen=True, slots=True)
class WayBack:
    """What is shown before anybody asks for money back: the way, its windows, its steps, by when, what is needed.

    `back` None: by this way nothing can be promised.
    """

    payment: Payment
    route: Route
    windows: tuple[Window, ...]
    parts_left: int | None
    steps: tuple[Part, ...]
    back: Back | None
    needs: tuple[Need, ...]
    cites: tuple[str, ...]


async def way_back(desk: Desk, merchant_id: str, payment_id: str, cause: str = "") -> WayBack:
    """Which way the money of a payment can go back, and what it takes (S50).

    Raises Denied: payment.unknown, pack.none_valid.
    """
    seen = await desk.see(refunds_store.of_payment(merchant_id, payment_id))
    is_repaying = await desk.see(repayments_store.is_open(merchant_id, payment_id))
    payment, at = seen.payment, desk.clock.now()
    if payment is None:
        raise Denied("payment.unknown")
    bound, book = FACTS[payment.channel], desk.book(at)
    way = route(bound, book, payment, seen.refunds, at, is_repaying=is_repaying)
    steps = book.one(Promises).steps if way.way in (Way.REFUND, Way.CASH) else ()
    names = [step.id for step in steps]
    return WayBack(
        payment=payment,
        route=way,
        windows=windows(bound, book, payment, at),
        parts_left=parts_left(bound, payment),
        steps=steps,
        back=promises.promised(book, payment.channel, "", names, at) if steps else None,
        needs=proof.needed(book, cause),
        cites=tuple(law.cite(book, rule.id) for rule in law.rights(book, Stage.REPORTED)),
    )


async def where_is_refund(desk: Desk, merchant_id: str, refund_id: str) -> Where:
    """Where the money of a refund is (S78).

    Raises Denied: refund.unknown.
    """
    seen = await desk.see(refunds_store.with_payment(merchant_id, refund_id))
    if seen.refund is None or seen.payment is None:
        raise Denied("refund.unknown")
    about = CaseSeen(None, seen.payment)
    if seen.refund.case_id:
        about = await desk.see(store.by_id(merchant_id, seen.refund.case_id))
    return _where(desk, about, seen.payment, seen.refund)


async def where_is_case(desk: Desk, merchant_id: str, case_id: str) -> Where:
    """Where the money is that a case is about, whether or not a refund was made yet (S78).

    Raises Denied: case.unknown.
    """
    seen = await _seen(desk, merchant_id, case_id)
    assert seen.payment is not None
    return _where(desk, seen, seen.payment, seen.refund)


def _where(desk: Desk, seen: CaseSeen, payment: Payment, refund: Refund | None) -> Where:
    """Where money is, and which window of its case shuts next."""
    at = desk.clock.now()
    book = desk.book(at)
    found = where(book, payment, refund, _now(seen.case), at)
    shown = of_case(FACTS, book, seen, seen.case, at) if seen.case is not None else ()
    return replace(found, window=shown[0].name, shuts_at=shown[0].shuts_at) if shown else found


async def completeness(desk: Desk, merchant_id: str, case_id: str) -> Completeness:
    """How complete a case is, what is missing, and what would speed it up (S60).

    Raises Denied: case.unknown.
    """
    seen = await _seen(desk, merchant_id, case_id)
    assert seen.case is not None
    book = desk.book(desk.clock.now())
    said = (await flow.thread(desk, merchant_id, case_id, as_customer=False)).items
    held = _held(seen, said) | _shown(proof.needed(book, seen.case.what), said)
    if await desk.see(store.has_contact(merchant_id, case_id)):
        held |= {"contact"}
    return proof.score(book, seen.case.what, held)


async def _seen(desk: Desk, merchant_id: str, case_id: str) -> CaseSeen:
    seen = await desk.see(store.by_id(merchant_id, case_id))
    if seen.case is None:
        raise Denied("case.unknown")
    return seen


PICTURES = ("wallet_bill", "code_photo", "receipt")
"""Needs that a file meets. What one shows only a person sees: each counts for one of these that the case needs."""


def _shown(needs: Sequence[Need], said: Sequence[Said]) -> frozenset[str]:
    files = sum(each.kind == "file" for each in said)
    wanted = sorted((need for need in needs if need.id in PICTURES), key=lambda need: (not need.required, -need.weight))
    return frozenset(need.id for need in wanted[:files])


def _held(seen: CaseSeen, said: Sequence[Said]) -> frozenset[str]:
    """What of the needs a case holds, files aside."""
    case, payment = seen.case, seen.payment
    assert case is not None
    holds = {
        "reason": True,
        "statement": bool(case.said_id),
        "meant": case.meant_fen is not None,
        "channel_answer": case.state is not State.OPENED,
        "payer_tail": payment is not None and bool(payment.code_tail),
        "twin": bool(case.twin_id),
        "cashier_word": any(each.side == Side.STAFF for each in said),
    }
    return frozenset(name for name, is_held in holds.items() if is_held)


def _now(case: Case | None) -> CaseNow | None:
    if case is None:
        return None
    return CaseNow(
        state=case.state,
        conclusion=case.conclusion,
        holder=case.holder,
        due_at=case.due_at,
        promised_on=case.promised_on,
        promised_certain=case.promised_certain,
    )
