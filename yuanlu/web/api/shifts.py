"""Shifts: open one, count, hand over, close, and the report."""

from __future__ import annotations

import msgspec

from yuanlu.ids import Kind, checked
from yuanlu.shifts import flow, store
from yuanlu.shifts.rules import CountAsk, Shift, ShiftAsk
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shift_shapes import (
    CloseWish,
    CountWish,
    HandOverWish,
    ReportTold,
    ShiftsTold,
    ShiftsWish,
    ShiftTold,
    ShiftWish,
    report_told,
    shift_told,
)

_COUNTS = """
  select at, who, body from facts where merchant_id = $1 and object_id = $2
    and kind in ('ShiftCounted', 'ShiftHandedOver') order by transition, seq
"""


async def request(call: Call) -> Answer:
    """Open a shift."""
    wish: ShiftWish = call.wish
    ask = ShiftAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.SHIFT),
        till_id=wish.till,
        float_fen=wish.float_fen,
        by=call.by,
    )
    done = await flow.open_shift(call.office.desk, ask)
    return 201 if done.changed else 200, shift_told(done.row)


async def page(call: Call) -> Answer:
    """Some shifts, newest first."""
    wish: ShiftsWish = call.query
    wanted = {"state": wish.state, "till_id": wish.till}
    found = await lists.page(
        call.office.pools.reader, call.merchant_id, Shift, wish.after, wish.limit, wanted, store_id=call.by.store_id
    )
    return 200, ShiftsTold(items=[shift_told(store.made(row)) for row in found.rows], next=found.next)


async def see(call: Call) -> Answer:
    """The report of a shift."""
    seen = await flow.seen(call.office.desk, call.merchant_id, call.id(Kind.SHIFT))
    assert seen.shift is not None
    facts = await lists.read(call.office.pools.reader, call.merchant_id, _COUNTS, call.merchant_id, seen.shift.id)
    return 200, report_told(seen, facts)


def _counted(call: Call, wish: CountWish) -> CountAsk:
    counted = {tender: fen for tender, fen in msgspec.structs.asdict(wish.counted).items() if fen is not None}
    reasons = {tender: why for tender, why in msgspec.structs.asdict(wish.reasons).items() if why is not None}
    return CountAsk(by=call.by, counted=counted, reasons=reasons, version=wish.version)


async def count(call: Call) -> Answer:
    """Count a drawer that somebody else answers for."""
    ask = _counted(call, call.wish)
    return 200, shift_told(await flow.count(call.office.desk, call.merchant_id, call.id(Kind.SHIFT), ask))


async def hand_over(call: Call) -> Answer:
    """Let another cashier answer for the drawer."""
    wish: HandOverWish = call.wish
    taker = checked(wish.to, Kind.STAFF)
    desk, shift_id = call.office.desk, call.id(Kind.SHIFT)
    return 200, shift_told(await flow.hand_over(desk, call.merchant_id, shift_id, taker, _counted(call, wish)))


async def close(call: Call) -> Answer:
    """Close a shift."""
    wish: CloseWish = call.wish
    desk, shift_id, ask = call.office.desk, call.id(Kind.SHIFT), _counted(call, wish)
    return 200, shift_told(await flow.close(desk, call.merchant_id, shift_id, ask, wish.safe_fen, wish.bank_fen))


_COUNTED = ("shift.unknown", "staff.other_store", "shift.closed", "shift.stale", "shift.reason_missing")
_EXAMPLE = {"counted": {"cash": 51280}, "version": 1}

ROUTES = (
    Route(
        method="POST",
        path="/v1/shifts",
        verb=request,
        may="shift",
        says="Open a shift at a till",
        takes=ShiftWish,
        gives=ShiftTold,
        statuses=(201, 200),
        denied=("id.invalid", "shift.id_taken", "payment.till_unknown", "staff.other_store", "shift.open_already"),
        example={"id": "ZS01KATE3S400000000000000000M", "till": "YT01KATE3S40000000000000000EY", "float_fen": 50000},
    ),
    Route(
        method="GET",
        path="/v1/shifts",
        verb=page,
        may="see",
        says="Shifts, newest first",
        query=ShiftsWish,
        gives=ShiftsTold,
    ),
    Route(
        method="GET",
        path="/v1/shifts/{shift}",
        verb=see,
        may="see",
        says="The report of a shift: expected against counted, hand-overs, what is still open",
        gives=ReportTold,
        denied=("shift.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/shifts/{shift}/count",
        verb=count,
        may="count",
        says="Count a drawer that somebody else answers for",
        takes=CountWish,
        gives=ShiftTold,
        denied=_COUNTED,
        example=_EXAMPLE,
    ),
    Route(
        method="POST",
        path="/v1/shifts/{shift}/hand-over",
        verb=hand_over,
        may="shift",
        says="Let another cashier answer for the drawer",
        takes=HandOverWish,
        gives=ShiftTold,
        denied=("id.invalid", *_COUNTED, "shift.taker_unknown", "shift.same_cashier"),
        example={**_EXAMPLE, "to": "YW01KATE3S400000000000000000Y"},
    ),
    Route(
        method="POST",
        path="/v1/shifts/{shift}/close",
        verb=close,
        may="shift",
        says="Close a shift: post the difference, move the cash",
        takes=CloseWish,
        gives=ShiftTold,
        denied=(*_COUNTED, "shift.moved_more"),
        example={**_EXAMPLE, "safe_fen": 1280},
    ),
)
