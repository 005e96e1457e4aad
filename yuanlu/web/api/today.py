"""What a merchant sees of the day first."""

from __future__ import annotations

from msgspec import Struct

from yuanlu.insight import today
from yuanlu.web.parts.calls import Answer, Call, Route


class TodayTold(Struct, frozen=True, kw_only=True):
    """Today's figures beside yesterday's, by days of China. `rate`: what part goes back. `uncertain`: payments of the
    last week of which nobody knows for over an hour what became of them."""

    taken_fen: int
    taken_before_fen: int
    back_fen: int
    back_before_fen: int
    rate: str
    rate_before: str
    uncertain: int


async def see(call: Call) -> Answer:
    """The figures of today."""
    found = await today.day(call.office.pools.reader, call.merchant_id, call.office.clock.now())
    return 200, TodayTold(
        taken_fen=found.taken_fen,
        taken_before_fen=found.taken_before_fen,
        back_fen=found.back_fen,
        back_before_fen=found.back_before_fen,
        rate=today.rate(found.back_fen, found.taken_fen),
        rate_before=today.rate(found.back_before_fen, found.taken_before_fen),
        uncertain=found.uncertain,
    )


ROUTES = (
    Route(
        method="GET", path="/v1/today", verb=see, may="sum", says="Today's figures beside yesterday's", gives=TodayTold
    ),
)
