"""What stands in the books: tills, balances, the moves behind them, and the evidence behind each state."""

from __future__ import annotations

import asyncio
from datetime import date

from yuanlu.clock import business_day
from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind, is_id
from yuanlu.web.parts import lists
from yuanlu.web.parts import moves as moved
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.moves import DaysTold, DaysWish, MovesTold, MovesWish
from yuanlu.web.parts.shapes import BooksTold, BooksWish, EvidenceTold, Page, TillsTold

_SUMMING_MAX = 2
_summing = asyncio.Semaphore(_SUMMING_MAX)


async def tills(call: Call) -> Answer:
    """The merchant's tills."""
    wish: Page = call.query
    found = await lists.tills(
        call.office.pools.reader, call.merchant_id, wish.after, wish.limit, store_id=call.by.store_id
    )
    return 200, found


async def books(call: Call) -> Answer:
    """The merchant's books. The whole adds up every move, so only a few may at once."""
    wish: BooksWish = call.query
    if not wish.whole:
        return 200, await lists.books(call.office.pools.reader, call.merchant_id)
    if _summing.locked():
        raise Busy("books.summing")
    async with _summing:
        return 200, await lists.whole_books(call.office.pools.reader, call.merchant_id)


async def days(call: Call) -> Answer:
    """What moved on an account, by day."""
    wish: DaysWish = call.query
    return 200, await moved.days(call.office.pools.reader, call.merchant_id, wish, _today(call))


async def moves(call: Call) -> Answer:
    """The moves of an account on a day."""
    wish: MovesWish = call.query
    return 200, await moved.of_day(call.office.pools.reader, call.merchant_id, wish, _today(call))


async def of_payment(call: Call) -> Answer:
    """What a payment and its refunds moved."""
    return 200, await moved.of_payment(call.office.pools.reader, call.merchant_id, call.id(Kind.PAYMENT))


def _today(call: Call) -> date:
    return business_day(call.office.clock.now())


async def evidence(call: Call) -> Answer:
    """What justifies a state."""
    object_id, evidence_id = call.place["object"], call.place["evidence"]
    if not (is_id(object_id) and is_id(evidence_id, Kind.EVIDENCE)):
        raise Denied("evidence.unknown")
    return 200, await lists.evidence(call.office.pools.reader, call.merchant_id, object_id, evidence_id)


ROUTES = (
    Route(
        method="GET", path="/v1/tills", verb=tills, may="see", says="The merchant's tills", query=Page, gives=TillsTold
    ),
    Route(
        method="GET",
        path="/v1/books",
        verb=books,
        may="sum",
        says="The merchant's books",
        query=BooksWish,
        gives=BooksTold,
    ),
    Route(
        method="GET",
        path="/v1/moves",
        verb=moves,
        may="sum",
        says="The moves of an account on a day, newest first",
        query=MovesWish,
        gives=MovesTold,
    ),
    Route(
        method="GET",
        path="/v1/moves/days",
        verb=days,
        may="sum",
        says="What moved on an account, by day",
        query=DaysWish,
        gives=DaysTold,
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/moves",
        verb=of_payment,
        may="see",
        says="What a payment and its refunds moved",
        gives=MovesTold,
        denied=("payment.unknown",),
    ),
    Route(
        method="GET",
        path="/v1/evidence/{object}/{evidence}",
        verb=evidence,
        may="see",
        says="What justifies a state",
        gives=EvidenceTold,
        denied=("evidence.unknown",),
    ),
)
