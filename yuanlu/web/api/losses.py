"""Losses: who bears what; and the money that refunds will need."""

from __future__ import annotations

from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.losses import flow, store
from yuanlu.losses.rules import Bearer, Loss, LossAsk, Settling
from yuanlu.money import Money
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.losses import (
    FloatTold,
    FloatWish,
    LossesTold,
    LossesWish,
    LossTold,
    LossWish,
    SettlingWish,
    float_told,
    loss_told,
)


async def record(call: Call) -> Answer:
    """Write a loss down."""
    wish: LossWish = call.wish
    ask = LossAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.LOSS),
        case_id=wish.case,
        cause=wish.cause,
        bearer=Bearer(wish.bearer),
        amount=Money(wish.amount_fen),
        who=call.who,
        role=call.role,
    )
    done = await flow.record(call.office.desk, ask)
    return 201 if done.changed else 200, loss_told(done.row)


async def see(call: Call) -> Answer:
    """One loss."""
    seen = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.LOSS)))
    if seen.loss is None:
        raise Denied("loss.unknown")
    return 200, loss_told(seen.loss)


async def page(call: Call) -> Answer:
    """Some losses, newest first."""
    wish: LossesWish = call.query
    found = await lists.page(
        call.office.pools.reader,
        call.merchant_id,
        Loss,
        wish.after,
        wish.limit,
        {"state": wish.state, "bearer": wish.bearer},
        store_id=call.by.store_id,
    )
    return 200, LossesTold(items=[loss_told(store.made(row)) for row in found.rows], next=found.next)


def _settling(call: Call) -> Settling:
    wish: SettlingWish = call.wish
    return Settling(amount=Money(wish.amount_fen), version=wish.version, who=call.who, role=call.role)


async def recover(call: Call) -> Answer:
    """Money came back."""
    desk = call.office.desk
    return 200, loss_told(await flow.recover(desk, call.merchant_id, call.id(Kind.LOSS), _settling(call)))


async def write_off(call: Call) -> Answer:
    """Nobody will make it good."""
    desk = call.office.desk
    return 200, loss_told(await flow.write_off(desk, call.merchant_id, call.id(Kind.LOSS), _settling(call)))


async def ahead(call: Call) -> Answer:
    """What refunds will need in the next days."""
    wish: FloatWish = call.query
    return 200, float_told(await flow.forecasts(call.office.desk, call.merchant_id, wish.days), wish.days)


_SETTLE = ("loss.unknown", "loss.stale", "loss.amount")

ROUTES = (
    Route(
        method="POST",
        path="/v1/losses",
        verb=record,
        may="lose",
        says="Write a loss down",
        takes=LossWish,
        gives=LossTold,
        statuses=(201, 200),
        denied=("id.invalid", "loss.id_taken", "loss.case_unknown"),
        example={
            "id": "YX01KATE3S400000000000000000X",
            "case": "YC01KATE3S40000000000000000J3",
            "cause": "wrong_customer",
            "bearer": "merchant",
            "amount_fen": 1280,
        },
    ),
    Route(
        method="GET",
        path="/v1/losses",
        verb=page,
        may="see",
        says="Losses, newest first",
        query=LossesWish,
        gives=LossesTold,
    ),
    Route(
        method="GET",
        path="/v1/losses/{loss}",
        verb=see,
        may="see",
        says="One loss",
        gives=LossTold,
        denied=("loss.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/losses/{loss}/recover",
        verb=recover,
        may="lose",
        says="Money came back from who bears a loss",
        takes=SettlingWish,
        gives=LossTold,
        denied=_SETTLE,
        example={"amount_fen": 1280, "version": 1},
    ),
    Route(
        method="POST",
        path="/v1/losses/{loss}/write-off",
        verb=write_off,
        may="lose",
        says="Write a loss off",
        takes=SettlingWish,
        gives=LossTold,
        denied=(*_SETTLE, "loss.same_person"),
        example={"amount_fen": 1280, "version": 1},
    ),
    Route(
        method="GET",
        path="/v1/float",
        verb=ahead,
        may="sum",
        says="What refunds will need in the next days, and whether it is there",
        query=FloatWish,
        gives=FloatTold,
    ),
)
