"""The verbs of a refund: request, drive, learn; and what people do with it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial

from yuanlu.change import Change, Done, Stay
from yuanlu.channels.contract import News, Outcome, Word
from yuanlu.channels.registry import FACTS
from yuanlu.clock import business_day
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.payments import flow as payments
from yuanlu.payments import store as payments_store
from yuanlu.people import signing
from yuanlu.people.rules import Person
from yuanlu.people.signing import Sure
from yuanlu.people.stepup import REFUND_FREE_FEN, Act
from yuanlu.reading import View
from yuanlu.refunds import rules, store
from yuanlu.refunds.rules import Refund, RefundAsk, RefundSeen, RescueAsk, Resolution

STEPS_MAX = 4
"""Released, ready, sent, heard: what one drive may do when nothing is in the way."""


async def request(desk: Desk, ask: RefundAsk) -> Refund:
    """Write a refund down, and answer the refund alone: see `requested`."""
    return (await requested(desk, ask)).row


def _asked(desk: Desk, ask: RefundAsk) -> View[RefundSeen]:
    day = None if ask.by is None else business_day(desk.clock.now())
    return store.for_ask(ask.merchant_id, ask.id, ask.payment_id, by_line=bool(ask.lines), day=day)


async def requested(desk: Desk, ask: RefundAsk) -> Done[Refund]:
    """Write a refund down and hold its money. Sends nothing.

    Asking again with the same id and content gives the same refund back, not `changed`.
    Raises Denied: see `rules.open_refund`.
    """
    return await desk.decide(_asked(desk, ask), partial(rules.open_refund, FACTS, ask))


def _sure_of(row: Refund) -> Act | None:
    """What whoever asks must be sure of; nothing where it is little."""
    is_little = row.amount_fen <= REFUND_FREE_FEN
    return None if is_little else Act("refund", row.id, row.amount_fen, row.payment_id)


async def requested_alone(desk: Desk, ask: RefundAsk, sure: Sure | None = None) -> Done[Refund]:
    """Write a refund down that no case asks for: its payment is checked live at the channel first.

    The payment learns what the channel says, then it is decided; the answer is kept with the refund. Sends nothing.
    `sure`: the person who asks, where one does.
    Raises Denied: see `rules.open_refund`, `stepup.demand`; Busy when the channel does not answer: nothing is written.
    """
    view = _asked(desk, ask)
    seen = await desk.see(view)
    decision = rules.open_refund(FACTS, ask, seen, desk.clock.now())
    if isinstance(decision, Stay) or seen.payment is None:
        return Done(decision.row)
    outcome = await payments.looked(desk, seen.payment)
    if outcome.word is Word.UNKNOWN:
        raise Busy("refund.unchecked")
    await payments.learn(desk, ask.merchant_id, ask.payment_id, outcome)
    rule = partial(rules.open_refund, FACTS, ask, checked=outcome)
    return await signing.decide(desk, sure, _sure_of, ask.merchant_id, view, rule)


async def drive(desk: Desk, merchant_id: str, refund_id: str) -> Refund:
    """Take a step towards certainty: release it, send it, or ask what became of it.

    Raises Denied: refund.unknown.
    """
    view = store.to_drive(merchant_id, refund_id)
    for _ in range(STEPS_MAX):
        done = await desk.decide(view, partial(rules.next_step, FACTS))
        if done.step is not None:
            return await learn(desk, merchant_id, refund_id, await desk.ask(done.step), done.row)
        if not done.changed or done.row.waiting_for:
            break
    return done.row


async def learn(
    desk: Desk, merchant_id: str, refund_id: str, outcome: Outcome, believed: Refund | None = None
) -> Refund:
    """The one door for news: reply, callback, query and statement all come through here.

    Whoever asked hands in the refund as it stood when asking (`believed`): mostly it still stands so.
    Raises Denied: refund.unknown.
    """
    done = await desk.decide(store.by_id(merchant_id, refund_id, believed), partial(rules.hear, FACTS, outcome))
    return done.row


async def learn_outside(desk: Desk, merchant_id: str, news: News) -> Refund | None:
    """Hear of a refund under a number that is not ours: somebody made it at the channel by hand. It is posted.

    What cannot be posted, because more would have gone back than was paid, marks its payment: a person must look.
    Raises Denied: refund.payment_unknown.
    """
    payment = await desk.see(payments_store.by_id(merchant_id, news.payment_id))
    refund_id = rules.outside_id(payment, news.refund_id) if payment else ""
    view = store.for_ask(merchant_id, refund_id, news.payment_id)
    try:
        done = await desk.decide(view, partial(rules.found_outside, news))
    except Denied as no:
        if no.code != "refund.does_not_fit":
            raise
        why = f"refund {news.refund_id} made outside does not fit"
        await payments.contradict(desk, merchant_id, news.payment_id, why, news.outcome)
        return None
    if done.changed:
        return done.row
    return await learn(desk, merchant_id, done.row.id, news.outcome)


async def cancel(desk: Desk, merchant_id: str, refund_id: str, who: str) -> Refund:
    """Take a refund back before it was sent.

    Raises Denied: refund.unknown, refund.already_sent.
    """
    done = await desk.decide(store.by_id(merchant_id, refund_id), partial(rules.cancel, who))
    return done.row


async def pay_out(desk: Desk, merchant_id: str, refund_id: str, till_id: str, by: Person) -> Refund:
    """A named person gave the cash of a refund back, out of this till's drawer.

    Raises Denied: see `rules.pay_out`.
    """
    view = store.with_till(merchant_id, refund_id, till_id)
    return (await desk.decide(view, lambda seen, at: rules.pay_out(by, till_id, seen[1], seen[0], at))).row


def _sure_of_plan(verb: str, plan: str, row: Refund) -> Act:
    """What whoever sends money elsewhere, or says what became of it, must be sure of: this refund and this plan."""
    return Act(verb, row.id, row.amount_fen, hashlib.sha256(plan.encode()).hexdigest()[:32])


async def propose_rescue(
    desk: Desk, merchant_id: str, refund_id: str, who: str, ask: RescueAsk, sure: Sure | None = None
) -> Refund:
    """First of two people: where stranded money shall go instead. `sure`: the person who proposes, where one does.

    Raises Denied: see `rules.propose_rescue`, `stepup.demand`.
    """
    rule, act_of = partial(rules.propose_rescue, FACTS, who, ask), partial(_sure_of_plan, "rescue", ask.plan)
    view = store.by_id(merchant_id, refund_id)
    done: Done[Refund] = await signing.decide(desk, sure, act_of, merchant_id, view, rule)
    return done.row


async def approve_rescue(
    desk: Desk, merchant_id: str, refund_id: str, who: str, ask: RescueAsk, sure: Sure | None = None
) -> Refund:
    """Second of two people: the same destination, keyed in again; then it is sent.

    Raises Denied: see `rules.approve_rescue`, `stepup.demand`.
    """
    rule, act_of = partial(rules.approve_rescue, who, ask), partial(_sure_of_plan, "rescue_approve", ask.plan)
    view = store.by_id(merchant_id, refund_id)
    done: Done[Refund] = await signing.decide(desk, sure, act_of, merchant_id, view, rule)
    if done.step is None:
        return done.row
    return await learn(desk, merchant_id, refund_id, await desk.ask(done.step), done.row)


async def propose_resolution(
    desk: Desk, merchant_id: str, refund_id: str, who: str, end: Resolution, sure: Sure | None = None
) -> Refund:
    """First of two people: what became of a refund that no channel answers for, with proof.

    Raises Denied: see `rules.propose_resolution`, `stepup.demand`.
    """
    rule, act_of = partial(rules.propose_resolution, who, end), partial(_sure_of_plan, "resolve", end.plan)
    view = store.by_id(merchant_id, refund_id)
    done: Done[Refund] = await signing.decide(desk, sure, act_of, merchant_id, view, rule)
    return done.row


async def approve_resolution(
    desk: Desk, merchant_id: str, refund_id: str, who: str, end: Resolution, sure: Sure | None = None
) -> Refund:
    """Second of two people: the same end on the same proof.

    Raises Denied: see `rules.approve_resolution`, `stepup.demand`.
    """

    def rule(seen: RefundSeen, at: datetime) -> Change[Refund] | Stay[Refund]:
        rest = seen.payment.rest if seen.payment else None
        return rules.approve_resolution(who, end, seen.refund, at, rest=rest)

    act_of, view = partial(_sure_of_plan, "resolve_approve", end.plan), store.with_payment(merchant_id, refund_id)
    done: Done[Refund] = await signing.decide(desk, sure, act_of, merchant_id, view, rule)
    return done.row


async def supersede(desk: Desk, merchant_id: str, refund_id: str, by: str, who: str) -> Refund:
    """A new refund takes the place of one whose money came back to the merchant.

    Raises Denied: see `rules.supersede`.
    """
    done = await desk.decide(store.by_id(merchant_id, refund_id), partial(rules.supersede, who, by))
    return done.row
