"""Payments: ask for one, see it, give it up, and what happened to it."""

from __future__ import annotations

import msgspec

from yuanlu.amounts.lines import Line
from yuanlu.channels.contract import Channel
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.money import Money
from yuanlu.payments import flow, store
from yuanlu.payments.rules import ChargeAsk
from yuanlu.people.rules import Person
from yuanlu.web.parts import finding, lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.finding import Sought, Wanted
from yuanlu.web.parts.shapes import (
    PaymentsTold,
    PaymentsWish,
    PaymentTold,
    PaymentWish,
    TimelineTold,
    TimelineWish,
    payment_told,
)


async def request(call: Call) -> Answer:
    """Charge the payer's code, or make our QR."""
    wish: PaymentWish = call.wish
    if call.key.till_id not in ("", wish.till):
        raise Denied("key.other_till")
    is_cash = wish.channel == "cash"
    if wish.code if is_cash else (wish.handed_fen or wish.taken_at):
        raise Denied("payment.not_cash")
    ask = ChargeAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.PAYMENT),
        till_id=wish.till,
        amount=Money(wish.amount_fen, wish.currency),
        who=call.who,
        description=wish.description,
        code=wish.code,
        typed=wish.typed,
        no_id_card=wish.no_id_card,
        channel=Channel(wish.channel) if wish.channel else None,
        lines=tuple(Line(each.id, each.name, each.quantity, each.amount_fen) for each in wish.lines),
        guards=tuple(each.value for each in wish.guards),
        handed_fen=wish.handed_fen or 0,
        taken_at=wish.taken_at,
    )
    done = await flow.requested(call.office.desk, ask)
    return 201 if done.changed else 200, payment_told(done.row, call.office.clock.now())


async def see(call: Call) -> Answer:
    """One payment."""
    payment = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.PAYMENT)))
    if payment is None:
        raise Denied("payment.unknown")
    return 200, payment_told(payment, call.office.clock.now())


async def page(call: Call) -> Answer:
    """Some payments, newest first: those of which all is so that is said. Who belongs to a store sees its own."""
    found = await sought(call, call.query)
    now = call.office.clock.now()
    items = [payment_told(store.made(row), now) for row in found.rows]
    return 200, PaymentsTold(items=items, next=found.next, looked_until=found.looked_until)


async def sought(call: Call, wish: PaymentsWish) -> Sought:
    """The rows of a page. Raises msgspec.ValidationError: that cannot be looked for."""
    if call.by.store_id and wish.store not in ("", call.by.store_id):
        return Sought((), None)  # of another store there is nothing
    pool, now = call.office.pools.reader, call.office.clock.now()
    try:
        return await finding.payments(pool, call.merchant_id, wanted(wish, call.by), wish.after, wish.limit, now)
    except ValueError as no:
        raise msgspec.ValidationError(str(no)) from no


def wanted(wish: PaymentsWish, by: Person) -> Wanted:
    """What somebody looks for among the payments they may see."""
    columns = {
        "state": wish.state,
        "till_id": wish.till,
        "store_id": by.store_id or wish.store,
        "code_tail": wish.code_tail,
        "opened_by": wish.cashier,
        "channel": wish.channel,
    }
    return Wanted(
        number=wish.number,
        since=wish.since,
        until=wish.until,
        from_fen=wish.from_fen if wish.amount_fen is None else wish.amount_fen,
        to_fen=wish.to_fen if wish.amount_fen is None else wish.amount_fen,
        equal={column: value for column, value in columns.items() if value},
    )


async def cancel(call: Call) -> Answer:
    """Give a payment up before it is paid: it is reversed (scanned) or closed (shown)."""
    payment = await flow.cancel(call.office.desk, call.merchant_id, call.id(Kind.PAYMENT), call.who)
    return 200, payment_told(payment, call.office.clock.now())


async def timeline(call: Call) -> Answer:
    """What happened to a payment, its refunds and its cases, in order."""
    wish: TimelineWish = call.query
    payment_id = call.id(Kind.PAYMENT)
    found = await lists.timeline(call.office.pools.reader, call.merchant_id, payment_id, wish.after, wish.limit)
    return 200, found


ROUTES = (
    Route(
        method="POST",
        path="/v1/payments",
        may="charge",
        verb=request,
        says="Charge a payer's code, or show our own QR",
        takes=PaymentWish,
        gives=PaymentTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "payment.id_taken",
            "payment.till_unknown",
            "payment.currency",
            "payment.channel_missing",
            "payment.channel_off",
            "payment.wrong_wallet",
            "payment.code_in_use",
            "payment.not_cash",
            "payment.handed_short",
            "lines.id_twice",
            "lines.sum",
            "scan.not_payable",
        ),
        example={
            "id": "YP01KATE3S40000000000000000S8",
            "till": "YT01KATE3S40000000000000000EY",
            "amount_fen": 1280,
            "code": "130123456789012345",
        },
    ),
    Route(
        method="GET",
        path="/v1/payments",
        verb=page,
        may="see",
        says="Payments, newest first, by whatever is known of them",
        query=PaymentsWish,
        gives=PaymentsTold,
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}",
        verb=see,
        may="see",
        says="One payment",
        gives=PaymentTold,
        denied=("payment.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/payments/{payment}/cancel",
        may="charge",
        verb=cancel,
        says="Give a payment up before it is paid",
        gives=PaymentTold,
        denied=("payment.unknown", "payment.already_paid"),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/timeline",
        verb=timeline,
        may="see",
        says="What happened to a payment, its refunds and its cases",
        query=TimelineWish,
        gives=TimelineTold,
        denied=("payment.unknown",),
    ),
)
