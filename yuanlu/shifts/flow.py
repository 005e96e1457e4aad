"""The verbs of a shift: open, count, hand over, close; and its report."""

from __future__ import annotations

from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.shifts import rules, store
from yuanlu.shifts.rules import CountAsk, Shift, ShiftAsk, ShiftSeen


async def open_shift(desk: Desk, ask: ShiftAsk) -> Done[Shift]:
    """Open a shift at a till.

    Asking again with the same id and content gives the same shift back, not `changed`.
    Raises Denied: see `rules.open_shift`.
    """
    return await desk.decide(store.for_opening(ask), partial(rules.open_shift, ask))


async def seen(desk: Desk, merchant_id: str, shift_id: str) -> ShiftSeen:
    """A shift, what passed in it, and what is still open.

    Raises Denied: shift.unknown.
    """
    return await desk.see(store.whole(await _known(desk, merchant_id, shift_id), desk.clock.now()))


async def count(desk: Desk, merchant_id: str, shift_id: str, ask: CountAsk) -> Shift:
    """Count the drawer in between.

    Raises Denied: see `rules.count`.
    """
    view = store.whole(await _known(desk, merchant_id, shift_id), desk.clock.now())
    return (await desk.decide(view, partial(rules.count, ask))).row


async def hand_over(desk: Desk, merchant_id: str, shift_id: str, taker_id: str, ask: CountAsk) -> Shift:
    """Let another cashier answer for the drawer.

    Raises Denied: see `rules.hand_over`.
    """
    view = store.whole(await _known(desk, merchant_id, shift_id), desk.clock.now(), taker_id)
    return (await desk.decide(view, partial(rules.hand_over, ask, taker_id))).row


async def close(desk: Desk, merchant_id: str, shift_id: str, ask: CountAsk, safe_fen: int, bank_fen: int) -> Shift:
    """Close a shift.

    Raises Denied: see `rules.close`.
    """
    view = store.whole(await _known(desk, merchant_id, shift_id), desk.clock.now())
    return (await desk.decide(view, partial(rules.close, ask, safe_fen, bank_fen))).row


async def _known(desk: Desk, merchant_id: str, shift_id: str) -> Shift:
    shift = await desk.see(store.by_id(merchant_id, shift_id))
    if shift is None:
        raise Denied("shift.unknown")
    return shift
