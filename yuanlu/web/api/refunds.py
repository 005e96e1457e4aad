"""Refunds: ask for one, see it, take it back, and what two people do with one that is stuck."""

from __future__ import annotations

from datetime import timedelta

from msgspec import UnsetType

from yuanlu import ids
from yuanlu.amounts.lines import added
from yuanlu.channels.contract import Evidence, RescueTo, digest_of
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.masking import kept
from yuanlu.money import Money
from yuanlu.refunds import flow, store
from yuanlu.refunds.rules import End, Refund, RefundAsk, RescueAsk, Resolution
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import (
    PayOutWish,
    RefundsTold,
    RefundsWish,
    RefundTold,
    RefundWish,
    RescueWish,
    ResolutionWish,
    refund_told,
)


async def request(call: Call) -> Answer:
    """Write a refund down and hold its money; the worker sends it."""
    wish: RefundWish = call.wish
    if isinstance(wish.amount_fen, UnsetType) == (not wish.lines):
        raise Denied("refund.amount_or_lines")
    ask = RefundAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.REFUND),
        payment_id=wish.payment,
        amount=Money(0 if isinstance(wish.amount_fen, UnsetType) else wish.amount_fen, wish.currency),
        lines=tuple(added([{each.id: each.quantity} for each in wish.lines]).items()),
        who=call.who,
        reason=wish.reason,
        undo_within=timedelta(seconds=wish.undo_seconds),
        by=call.by,
    )
    done = await flow.requested_alone(call.office.desk, ask, call.sure if call.by.is_named else None)
    return 201 if done.changed else 200, refund_told(done.row, call.office.clock.now())


def _told(call: Call, refund: Refund) -> Answer:
    return 200, refund_told(refund, call.office.clock.now())


async def see(call: Call) -> Answer:
    """One refund."""
    refund = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.REFUND)))
    if refund is None:
        raise Denied("refund.unknown")
    return _told(call, refund)


async def page(call: Call) -> Answer:
    """Some refunds, newest first."""
    wish: RefundsWish = call.query
    found = await lists.page(
        call.office.pools.reader,
        call.merchant_id,
        Refund,
        wish.after,
        wish.limit,
        {"state": wish.state},
        payment_id=wish.payment,
        store_id=call.by.store_id,
    )
    now = call.office.clock.now()
    return 200, RefundsTold(items=[refund_told(store.made(row), now) for row in found.rows], next=found.next)


async def cancel(call: Call) -> Answer:
    """Take a refund back before it was sent."""
    return _told(call, await flow.cancel(call.office.desk, call.merchant_id, call.id(Kind.REFUND), call.who))


async def pay_out(call: Call) -> Answer:
    """A named person gave the cash of a refund back, out of a till's drawer."""
    wish: PayOutWish = call.wish
    refund = await flow.pay_out(call.office.desk, call.merchant_id, call.id(Kind.REFUND), wish.till, call.by)
    return _told(call, refund)


def _rescue(call: Call) -> RescueAsk:
    wish: RescueWish = call.wish
    return RescueAsk(
        to=RescueTo(wish.to),
        bank_type=wish.bank_type,
        card_number=wish.card_number,
        holder_name=wish.holder_name,
        card_mark=call.office.desk.mark(wish.card_number) if wish.card_number else "",
    )


async def propose_rescue(call: Call) -> Answer:
    """First of two people: where stranded money shall go instead."""
    desk, refund_id = call.office.desk, call.id(Kind.REFUND)
    done = await flow.propose_rescue(desk, call.merchant_id, refund_id, call.who, _rescue(call), call.sure)
    return _told(call, done)


async def approve_rescue(call: Call) -> Answer:
    """Second of two people: the same destination, keyed in again; then it is sent."""
    desk, refund_id = call.office.desk, call.id(Kind.REFUND)
    done = await flow.approve_rescue(desk, call.merchant_id, refund_id, call.who, _rescue(call), call.sure)
    return _told(call, done)


def _resolution(call: Call) -> Resolution:
    wish: ResolutionWish = call.wish
    at, text = call.office.clock.now(), kept(wish.proof)
    proof = Evidence(
        id=ids.new(Kind.EVIDENCE, at),
        kind="person",
        at=at,
        body=text,
        digest=digest_of(text.encode()),
        operation="resolution",
    )
    return Resolution(end=End(wish.end), proof=proof)


async def propose_resolution(call: Call) -> Answer:
    """First of two people: what became of a refund that no channel answers for."""
    desk, refund_id = call.office.desk, call.id(Kind.REFUND)
    done = await flow.propose_resolution(desk, call.merchant_id, refund_id, call.who, _resolution(call), call.sure)
    return _told(call, done)


async def approve_resolution(call: Call) -> Answer:
    """Second of two people: the same end on the same proof."""
    desk, refund_id = call.office.desk, call.id(Kind.REFUND)
    done = await flow.approve_resolution(desk, call.merchant_id, refund_id, call.who, _resolution(call), call.sure)
    return _told(call, done)


_SECOND = ("refund.unknown", "refund.nothing_proposed", "refund.same_person", "refund.proposal_differs", *STEP_UP)
_RESCUE_EXAMPLE = {
    "to": "payer_card",
    "bank_type": "ICBC_DEBIT",
    "card_number": "6222020000000000",
    "holder_name": "张三",
}
_RESOLUTION_EXAMPLE = {"end": "DONE", "proof": "The channel's support confirmed on the phone: ticket 4711."}

ROUTES = (
    Route(
        method="POST",
        path="/v1/refunds",
        may="refund",
        verb=request,
        says="Send money back the way it came",
        takes=RefundWish,
        gives=RefundTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "staff.other_store",
            "staff.over_limit",
            *STEP_UP,
            "refund.id_taken",
            "refund.payment_unknown",
            "refund.not_paid",
            "refund.contradicted",
            "refund.currency",
            "refund.over_limit",
            "refund.too_late",
            "refund.too_many_parts",
            "refund.amount_or_lines",
            "lines.none",
            "lines.unknown",
            "lines.over",
        ),
        example={
            "id": "YR01KATE3S400000000000000000F",
            "payment": "YP01KATE3S40000000000000000S8",
            "amount_fen": 1280,
            "reason": "wrong amount",
        },
    ),
    Route(
        method="GET",
        path="/v1/refunds",
        verb=page,
        may="see",
        says="Refunds, newest first",
        query=RefundsWish,
        gives=RefundsTold,
    ),
    Route(
        method="GET",
        path="/v1/refunds/{refund}",
        verb=see,
        may="see",
        says="One refund",
        gives=RefundTold,
        denied=("refund.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/refunds/{refund}/cancel",
        may="refund",
        verb=cancel,
        says="Take a refund back before it was sent",
        gives=RefundTold,
        denied=("refund.unknown", "refund.already_sent"),
    ),
    Route(
        method="POST",
        path="/v1/refunds/{refund}/pay-out",
        may="hand_out",
        verb=pay_out,
        says="Give the cash of a refund back, out of a till's drawer",
        takes=PayOutWish,
        gives=RefundTold,
        denied=(
            "refund.unknown",
            "refund.not_cash",
            "refund.not_waiting",
            "payment.till_unknown",
            "staff.other_store",
        ),
        example={"till": "YT01KATE3S40000000000000000EY"},
    ),
    Route(
        method="POST",
        path="/v1/refunds/{refund}/rescue",
        may="attend",
        verb=propose_rescue,
        says="First of two people: where stranded money shall go instead",
        takes=RescueWish,
        gives=RefundTold,
        denied=("refund.unknown", "refund.not_stranded", "refund.no_rescue", "refund.rescue_incomplete", *STEP_UP),
        example=_RESCUE_EXAMPLE,
    ),
    Route(
        method="POST",
        path="/v1/refunds/{refund}/rescue/approve",
        may="attend",
        verb=approve_rescue,
        says="Second of two people: the same destination, keyed in again",
        takes=RescueWish,
        gives=RefundTold,
        denied=_SECOND,
        example=_RESCUE_EXAMPLE,
    ),
    Route(
        method="POST",
        path="/v1/refunds/{refund}/resolution",
        may="attend",
        verb=propose_resolution,
        says="First of two people: what became of a refund that no channel answers for",
        takes=ResolutionWish,
        gives=RefundTold,
        denied=("refund.unknown", "refund.not_manual", "refund.not_sendable", *STEP_UP),
        example=_RESOLUTION_EXAMPLE,
    ),
    Route(
        method="POST",
        path="/v1/refunds/{refund}/resolution/approve",
        may="attend",
        verb=approve_resolution,
        says="Second of two people: the same end on the same proof",
        takes=ResolutionWish,
        gives=RefundTold,
        denied=_SECOND,
        example=_RESOLUTION_EXAMPLE,
    ),
)
