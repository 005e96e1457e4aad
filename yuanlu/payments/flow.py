"""The verbs of a payment: request, drive, learn, cancel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from yuanlu.change import Done
from yuanlu.channels.contract import Channel, Outcome
from yuanlu.channels.registry import FACTS
from yuanlu.desk import Desk
from yuanlu.payments import cash, rules, store
from yuanlu.payments.rules import ChargeAsk, Payment

PAYER_MARK = "p1."


async def request(desk: Desk, ask: ChargeAsk) -> Payment:
    """Charge, and answer the payment alone: see `requested`."""
    return (await requested(desk, ask)).row


async def requested(desk: Desk, ask: ChargeAsk) -> Done[Payment]:
    """Write a payment down as SENT and charge it at once; what is not clear then is driven by its job.

    The code is in the hand of this call only: it is never stored, so nobody can send it again. Asking again with the
    same id and content sends nothing and gives the same payment back, not `changed`.
    Cash is paid when it is written down.
    Raises Denied: see `rules.scanned`, `rules.open_payment`, `cash.take`.
    """
    now = desk.clock.now()
    if ask.channel is Channel.CASH:
        return await desk.decide(store.for_cash(ask, now, cash.when(ask, now)), partial(cash.take, ask))
    ask = rules.scanned(ask, now)
    if ask.code:
        ask = replace(ask, code_mark=desk.mark(ask.code))
    done = await desk.decide(store.for_charge(ask, now), partial(rules.open_payment, FACTS, ask))
    if done.step is None:
        return done
    heard = await learn(desk, done.row.merchant_id, done.row.id, await desk.ask(done.step), done.row)
    return replace(done, row=heard)


async def drive(desk: Desk, merchant_id: str, payment_id: str) -> Payment:
    """Take one step towards certainty: ask what became of it, end it, or ask for our QR again.

    Raises Denied: payment.unknown.
    """
    done = await desk.decide(store.by_id(merchant_id, payment_id), partial(rules.next_step, FACTS))
    if done.step is None:
        return done.row
    return await learn(desk, merchant_id, payment_id, await desk.ask(done.step), done.row)


async def looked(desk: Desk, payment: Payment) -> Outcome:
    """What its channel says of a payment at this moment; of cash our books say it."""
    if payment.channel is Channel.CASH:
        return cash.word_of(payment, desk.clock.now())
    return await desk.ask(rules.query(payment))


async def cancel(desk: Desk, merchant_id: str, payment_id: str, who: str) -> Payment:
    """Give a payment up before it is paid: reversed if we scanned, closed if we showed.

    Raises Denied: payment.unknown, payment.already_paid.
    """
    done = await desk.decide(store.by_id(merchant_id, payment_id), partial(rules.cancel, FACTS, who))
    if done.step is None:
        return done.row
    return await learn(desk, merchant_id, payment_id, await desk.ask(done.step), done.row)


async def learn(
    desk: Desk, merchant_id: str, payment_id: str, outcome: Outcome, believed: Payment | None = None
) -> Payment:
    """The one door for news: reply, callback, query and statement all come through here.

    Whoever asked hands in the payment as it stood when asking (`believed`): mostly it still stands so.
    When time has run out the news ends in a reverse, which is sent at once: right behind the last query.
    Raises Denied: payment.unknown.
    """
    if outcome.payer:
        outcome = replace(outcome, payer=payer_mark(desk.mark, merchant_id, outcome.payer))
    done = await desk.decide(store.by_id(merchant_id, payment_id, believed), partial(rules.hear, FACTS, outcome))
    if done.step is None:
        return done.row
    return await learn(desk, merchant_id, payment_id, await desk.ask(done.step), done.row)


def payer_mark(mark: Callable[[str], str], merchant_id: str, payer: str) -> str:
    """How a payer is known again: a keyed hash of what the channel calls them, which we keep nowhere.

    Shape: `p1.` and 32 hex digits; the same payer has another mark at another merchant.
    """
    return PAYER_MARK + mark(f"payer\x1f{merchant_id}\x1f{payer}")


async def contradict(desk: Desk, merchant_id: str, payment_id: str, why: str, outcome: Outcome) -> Payment:
    """Mark a payment about which the channel says what our books cannot take in: a person must look.

    Raises Denied: payment.unknown.
    """
    done = await desk.decide(store.by_id(merchant_id, payment_id), partial(rules.contradict, why, outcome))
    return done.row
