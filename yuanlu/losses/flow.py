"""The verbs of a loss: record, recover, write off; and the watch over the refund float."""

from __future__ import annotations

from functools import partial

from yuanlu.change import Done
from yuanlu.channels.contract import REMOTE, Channel
from yuanlu.desk import Desk
from yuanlu.losses import floats, rules, store
from yuanlu.losses.floats import DAYS, Forecast
from yuanlu.losses.rules import Loss, LossAsk, Settling


async def record(desk: Desk, ask: LossAsk) -> Done[Loss]:
    """Write a loss down.

    Asking again with the same id and content gives the same loss back, not `changed`.
    Raises Denied: see `rules.record`.
    """
    return await desk.decide(store.for_ask(ask), partial(rules.record, ask))


async def recover(desk: Desk, merchant_id: str, loss_id: str, ask: Settling) -> Loss:
    """Money came back from the bearer.

    Raises Denied: see `rules.recover`.
    """
    return (await desk.decide(store.by_id(merchant_id, loss_id), partial(rules.recover, ask))).row


async def write_off(desk: Desk, merchant_id: str, loss_id: str, ask: Settling) -> Loss:
    """Nobody will make it good.

    Raises Denied: see `rules.write_off`.
    """
    return (await desk.decide(store.by_id(merchant_id, loss_id), partial(rules.write_off, ask))).row


async def forecasts(desk: Desk, merchant_id: str, days: int = DAYS) -> list[Forecast]:
    """What each channel account will need in the next days."""
    now = desk.clock.now()
    return [floats.forecast((await desk.see(store.ahead(merchant_id, channel, days, now))).ahead) for channel in REMOTE]


async def watch(desk: Desk, merchant_id: str, channel: str) -> None:
    """Look whether a channel account runs short, and say so when that turned."""
    view = store.ahead(merchant_id, Channel(channel), DAYS, desk.clock.now())
    await desk.decide(view, partial(floats.watch, merchant_id))
