"""Stories of a till: each a walk from a charge to a rest, told once and crashed everywhere.

A story asks as a till would and asserts little: what must hold at the end is the auditor's to say (`audit.py`). What
it may end with beside "all is put right" stands in its `ends`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.world import ALIPAY_TOLD, EVERY, SHOWING, V3, WECHAT, WECHAT_TOLD, WECHAT_V2, Story, Till, Variant
from yuanlu.cases.rules import What
from yuanlu.cases.rules import refund_id as id_of_refund
from yuanlu.channels.contract import RescueTo
from yuanlu.ids import Kind


@dataclass(frozen=True)
class Told:
    """A story, for which merchants it is told, and the states its objects may rest in beside the usual ones."""

    name: str
    story: Story
    variants: Sequence[Variant]
    ends: frozenset[str] = frozenset()


STORIES: dict[str, Told] = {}


def told(variants: Sequence[Variant] = EVERY, *ends: str) -> Callable[[Story], Story]:
    def keep(story: Story) -> Story:
        name = story.__name__  # type: ignore[attr-defined]
        STORIES[name] = Told(name, story, variants, frozenset(ends))
        return story

    return keep


@told()
async def paid_at_once(till: Till) -> None:
    await till.pay()


@told()
async def mistaken_scan(till: Till) -> None:
    payment = await till.pay()
    await till.report(payment, What.WRONG_AMOUNT, 1280)


@told((WECHAT,))
async def cash_back_out_of_the_drawer(till: Till) -> None:
    shift = await till.open_shift(50000)
    payment = await till.cash()
    refund = await till.refund(payment, 11520)
    assert refund
    await till.pay_out(refund)
    await till.close_shift(shift, 51200, "one note short")


@told((WECHAT,))
async def cash_by_a_case(till: Till) -> None:
    payment = await till.cash()
    case = await till.report(payment, What.WRONG_AMOUNT, 1280)
    assert case
    found = await till.case_at(case, "REMEDY")
    refund = await till.refund_made(id_of_refund(found, 1))
    await till.pay_out(refund)


@told()
async def password_typed(till: Till) -> None:
    payment = await till.pay("password")
    await till.ended(payment)


@told()
async def password_timeout(till: Till) -> None:
    payment = await till.pay("walks_away")
    await till.ended(payment)


@told()
async def lost_answer(till: Till) -> None:
    payment_id = till.new(Kind.PAYMENT)
    till.trouble("lost_answer", "pay", payment_id)
    payment = await till.pay(payment_id=payment_id)
    await till.report(payment, What.WRONG_AMOUNT, 0)


@told()
async def lost_request(till: Till) -> None:
    payment_id = till.new(Kind.PAYMENT)
    till.trouble("lost_request", "pay", payment_id)
    await till.pay(payment_id=payment_id)


@told(EVERY, "REVIEW")
async def double_charge(till: Till) -> None:
    await till.ended(await till.pay())
    second = await till.pay()
    await till.report(second, What.CHARGED_TWICE)


@told()
async def wrong_code(till: Till) -> None:
    payment = await till.pay("password")
    await till.report(payment, What.WRONG_CODE)


@told()
async def given_up(till: Till) -> None:
    payment = await till.pay("walks_away")
    await till.wait(4)
    await till.cancel(payment)


@told()
async def given_up_while_paying(till: Till) -> None:
    payment = await till.pay("password")
    await till.wait(7)
    await till.cancel(payment)


@told(SHOWING)
async def shown_and_paid(till: Till) -> None:
    payment = await till.show()
    await till.wait(12)
    till.scan(payment)
    await till.wait(30)


@told(SHOWING)
async def shown_and_closed(till: Till) -> None:
    payment = await till.show()
    await till.wait(12)
    await till.cancel(payment)


@told(SHOWING)
async def shown_closed_and_scanned(till: Till) -> None:
    payment = await till.show()
    await till.wait(3)
    till.scan(payment, "password")
    await till.wait(7)
    await till.cancel(payment)
    await till.wait(900)
    till.scan(payment)


@told(SHOWING)
async def shown_and_scanned_after_all(till: Till) -> None:
    """The QR that the cashier gave up is still on somebody's phone."""
    payment = await till.show()
    await till.wait(3)
    await till.cancel(payment)
    await till.wait(1500)
    till.scan(payment)


@told()
async def late_paid(till: Till) -> None:
    payment = await till.pay("walks_away")
    await till.ended(payment)
    await till.wait(60)
    till.pay_late(payment)


@told((WECHAT_TOLD, ALIPAY_TOLD))
async def stale_news(till: Till) -> None:
    """The notice of a payment is slower than the reverse that undid it."""
    payment_id = till.new(Kind.PAYMENT)
    till.trouble("late_notice", None, payment_id, seconds=90.0)
    payment = await till.pay("password", payment_id=payment_id)
    await till.wait(9)
    await till.cancel(payment)


@told()
async def funds_short(till: Till) -> None:
    payment = await till.pay()
    if till.order(payment) is not None:
        till.books.add_funds(-12800)
    await till.refund(payment, 12800)
    await till.wait(200)
    till.books.add_funds(12800)


@told(V3)
async def abnormal_to_card(till: Till) -> None:
    payment = await till.pay()
    refund_id = till.new(Kind.REFUND)
    till.trouble("abnormal", "refund", refund_id)
    refund = await till.refund(payment, 3000, refund_id=refund_id)
    if refund is not None:
        await till.rescue(refund, RescueTo.PAYER_CARD)


@told(V3, "RETURNED")
async def abnormal_recalled(till: Till) -> None:
    payment = await till.pay()
    refund_id = till.new(Kind.REFUND)
    till.trouble("abnormal", "refund", refund_id)
    refund = await till.refund(payment, 3000, refund_id=refund_id)
    if refund is not None:
        await till.rescue(refund, RescueTo.MERCHANT_CARD)


@told((WECHAT_TOLD,), "RETURNED")
async def abnormal_told_late(till: Till) -> None:
    """The notice that a refund is stranded crosses with its rescue."""
    payment = await till.pay()
    refund_id = till.new(Kind.REFUND)
    till.trouble("abnormal", "refund", refund_id)
    till.trouble("late_notice", None, refund_id, seconds=200.0)
    refund = await till.refund(payment, 3000, refund_id=refund_id)
    if refund is not None:
        await till.rescue(refund, RescueTo.MERCHANT_CARD)


@told()
async def three_parts(till: Till) -> None:
    payment = await till.pay()
    for fen in (1, 4000, 8799):
        await till.refund(payment, fen)


@told()
async def taken_back(till: Till) -> None:
    payment = await till.pay()
    refund = await till.refund(payment, 5000, undo=30)
    if refund is not None:
        await till.wait(10)
        await till.take_back(refund)


@told()
async def refund_request_lost(till: Till) -> None:
    payment = await till.pay()
    refund_id = till.new(Kind.REFUND)
    till.trouble("lost_request", "refund", refund_id)
    await till.refund(payment, 5000, refund_id=refund_id)


@told()
async def refund_answer_lost(till: Till) -> None:
    payment = await till.pay()
    refund_id = till.new(Kind.REFUND)
    till.trouble("lost_answer", "refund", refund_id)
    till.trouble("error_502", "refund_query", refund_id)
    await till.refund(payment, 5000, refund_id=refund_id)


@told((WECHAT, WECHAT_TOLD, WECHAT_V2), "ATTENTION")
async def refund_closed(till: Till) -> None:
    """The channel closes the refund; the case needs a person, who sends another."""
    payment = await till.pay()
    case = await till.report(payment, What.WRONG_CUSTOMER)
    if case is None:
        return
    till.trouble("closed", "refund", id_of_refund(case, 1))
    now = await till.case_at(case, "ATTENTION", "CLOSED")
    if now.state == "ATTENTION":
        await till.note(case)


@told()
async def bad_answers(till: Till) -> None:
    payment_id = till.new(Kind.PAYMENT)
    till.trouble("bad_signature", "pay", payment_id)
    till.trouble("half_body", "query", payment_id)
    till.trouble("error_500", "query", payment_id)
    payment = await till.pay(payment_id=payment_id)
    await till.ended(payment)
    await till.refund(payment, 12800)


@told()
async def reverse_in_trouble(till: Till) -> None:
    payment_id = till.new(Kind.PAYMENT)
    till.trouble("lost_answer", "reverse", payment_id)
    till.trouble("error_503", "reverse", payment_id, count=2)
    payment = await till.pay("walks_away", payment_id=payment_id)
    await till.ended(payment)


@told((WECHAT_TOLD, ALIPAY_TOLD))
async def crossed_news(till: Till) -> None:
    payment_id, refund_id = till.new(Kind.PAYMENT), till.new(Kind.REFUND)
    till.trouble("duplicate_notice", None, payment_id, count=2)
    till.trouble("pending", "refund", refund_id)
    till.trouble("crossed_notices", None, refund_id)
    payment = await till.pay(payment_id=payment_id)
    await till.refund(payment, 5000, refund_id=refund_id)


@told((WECHAT_TOLD,), "ATTENTION")
async def made_outside(till: Till) -> None:
    """Somebody refunds by hand in the provider's own site."""
    payment = await till.ended(await till.pay())
    order = till.order(payment)
    if order is None or not order.payments or order.state != "paid":
        return
    refund, _ = till.books.refund(order, number=f"HAND{payment.id[-8:]}", amount_fen=500, is_by_hand=True)
    sim = till.world.sim
    sim.notices.tell_refund(refund, f"{till.world.address}/wechat/{till.run.merchant_id}", sim.keys.wechat.name)
    await till.wait(300)


@told()
async def no_funds(till: Till) -> None:
    await till.pay("no_funds")


@told()
async def frozen_then_paid(till: Till) -> None:
    await till.pay("frozen")
    await till.pay("ok")
