"""The verbs of a case: request, drive, decide. Its steps are our own commands to payments and refunds."""

from __future__ import annotations

from functools import partial

from yuanlu.cases import rules, store
from yuanlu.cases.rules import Case, CaseAsk, CaseSeen, Decision, Remedy, State, What
from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.payments import flow as payments
from yuanlu.payments import rules as payment_rules
from yuanlu.payments import store as payments_store
from yuanlu.refunds import flow as refunds


async def request(desk: Desk, ask: CaseAsk) -> Case:
    """Write a report down, and answer the case alone: see `requested`."""
    return (await requested(desk, ask)).row


async def requested(desk: Desk, ask: CaseAsk) -> Done[Case]:
    """Write a report down. Moves nothing.

    Asking again with the same id and content gives the same case back, not `changed`.
    Raises Denied: see `rules.open_case`.
    """
    return await desk.decide(store.for_ask(ask.merchant_id, ask.id, ask.payment_id), partial(rules.open_case, ask))


async def request_itself(desk: Desk, merchant_id: str, payment_id: str, what: What) -> Case | None:
    """Open the case that a fact calls for (paid late, refunded outside): once, under an id that follows from it.

    What comes a second time, after its case was closed, opens another one. Answers None when a payment is not paid late
    at all, or people already have a case about it: then that is where it is put right, and should that close as unpaid
    it asks again.
    """
    payment = await desk.see(payments_store.by_id(merchant_id, payment_id))
    if payment is None:
        raise Denied("payment.unknown")
    if what is What.LATE_PAID and payment.state is not payment_rules.State.LATE_PAID:
        return None
    case_id = rules.own_id(payment, what)
    ask = CaseAsk(merchant_id=merchant_id, id=case_id, payment_id=payment_id, what=what, who="system")
    try:
        return await request(desk, ask)
    except Denied as no:
        if no.code == "case.already_open":
            return None
        raise


async def drive(desk: Desk, merchant_id: str, case_id: str) -> Case:
    """Take a case one step further: check the payment live, choose, carry out, or close.

    Raises Denied: case.unknown.
    """
    view = store.by_id(merchant_id, case_id)
    seen = await desk.see(view)
    if seen.case is None:
        raise Denied("case.unknown")
    if seen.case.state is State.OPENED:
        return await _check(desk, seen)
    done = await desk.decide(view, rules.next_step)
    if done.changed or done.row.state is not State.REMEDY:
        return done.row
    return await _carry_out(desk, done.row)


async def _check(desk: Desk, seen: CaseSeen) -> Case:
    """Ask the channel what really happened; the payment learns it first, then the remedy is chosen."""
    assert seen.case is not None
    assert seen.payment is not None
    case, payment = seen.case, seen.payment
    outcome = await desk.ask(payment_rules.query(payment))
    await payments.learn(desk, case.merchant_id, payment.id, outcome)
    done = await desk.decide(store.by_id(case.merchant_id, case.id), partial(rules.choose, outcome))
    return done.row


async def _carry_out(desk: Desk, case: Case) -> Case:
    view = store.by_id(case.merchant_id, case.id)
    try:
        if case.remedy is Remedy.CANCEL:
            await payments.cancel(desk, case.merchant_id, case.payment_id, case.opened_by)
        else:
            refund = await refunds.request(desk, rules.refund_ask(case))
            await _supersede(desk, case, refund.id)
    except Denied as no:
        if no.code != "payment.already_paid":
            done = await desk.decide(view, partial(rules.attend, str(no)))
            return done.row
    done = await desk.decide(view, rules.next_step)
    if not done.changed and done.row.state is State.REMEDY:
        done = await desk.decide(view, rules.wait)
    return done.row


async def _supersede(desk: Desk, case: Case, by: str) -> None:
    """Mark the refund of the attempt before as superseded, if its money had come back to the merchant."""
    if case.attempt <= 1:
        return
    before = rules.refund_id(case, case.attempt - 1)
    try:
        await refunds.supersede(desk, case.merchant_id, before, by, case.opened_by)
    except Denied as no:
        if no.code not in ("refund.not_returned", "refund.unknown"):
            raise


async def decide(desk: Desk, merchant_id: str, case_id: str, decision: Decision) -> Case:
    """A person chooses what becomes of a case that needs one.

    Raises Denied: see `rules.decide`.
    """
    done = await desk.decide(store.by_id(merchant_id, case_id), partial(rules.decide, decision))
    return done.row
