"""Days of accounts: what is added up once is what its moves come to, whoever adds, however often, whatever dies."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.flows.shop import Shop
from yuanlu.clock import CHINA, business_day
from yuanlu.ledger import days
from yuanlu.web.parts import lists, moves
from yuanlu.web.parts.moves import DaysWish
from yuanlu.worker import SWEEPS

WEEKS = 3


async def earlier(thief: asyncpg.Connection, by: timedelta) -> None:
    """All moves that there are were recorded so much earlier."""
    await thief.execute("update moves set recorded_at = recorded_at - $1::interval", by)


async def some_weeks(shop: Shop, thief: asyncpg.Connection) -> int:
    """A payment a week, and one today; what they come to, in fen."""
    for place in range(WEEKS):
        await shop.paid(1000 + place)
        await earlier(thief, timedelta(days=7))
    await shop.paid(7)
    return sum(1000 + place for place in range(WEEKS)) + 7


async def told(shop: Shop) -> tuple[Any, ...]:
    """Everything that days and moves tell of what is owed, for two spans of days."""
    today = business_day(datetime.now(CHINA))
    wishes = [DaysWish(account="owed", day=today - timedelta(days=back)) for back in (0, 10)]
    by_day = [await moves.days(shop.pools.reader, shop.merchant, wish, today) for wish in wishes]
    return (await lists.books(shop.pools.reader, shop.merchant), *by_day)


async def test_books_and_days_are_the_same_before_and_after_they_are_added_up(
    shop: Shop, thief: asyncpg.Connection
) -> None:
    owed = await some_weeks(shop, thief)
    before = await told(shop)
    assert (before[0].balanced, before[0].accounts["owed"], before[0].moves) == (True, owed, WEEKS + 1)
    assert await days.add_up(shop.pools.recorder, shop.merchant) >= 7 * WEEKS - 1
    assert await thief.fetchval("select count(*) from account_days") == 2 * WEEKS
    assert await told(shop) == before
    await shop.paid(5)
    assert (await told(shop))[0].accounts["owed"] == owed + 5
    assert (await lists.whole_books(shop.pools.reader, shop.merchant)).differ == []


async def test_what_is_added_up_is_not_read_again(shop: Shop, thief: asyncpg.Connection) -> None:
    await some_weeks(shop, thief)
    await days.add_up(shop.pools.recorder, shop.merchant)
    before = await told(shop)
    await thief.execute("delete from moves where recorded_at < now() - interval '2 days'")
    assert await told(shop) == before


async def test_two_who_add_up_at_once_add_once(shop: Shop, thief: asyncpg.Connection) -> None:
    owed = await some_weeks(shop, thief)
    done = await asyncio.gather(*(days.add_up(shop.pools.recorder, shop.merchant) for _ in range(4)))
    assert sum(done) >= 7 * WEEKS - 1
    assert await thief.fetchval("select count(*) from account_days") == 2 * WEEKS
    assert (await told(shop))[0].accounts["owed"] == owed
    assert await days.add_up(shop.pools.recorder, shop.merchant) == 0


async def test_one_that_dies_in_the_midst_leaves_whole_weeks(
    shop: Shop, thief: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owed = await some_weeks(shop, thief)
    before = await told(shop)
    monkeypatch.setattr(
        days, "_UNTIL", days._UNTIL.replace("where", "where $2 < now() - interval '9 days' and 1/0 and")
    )
    with pytest.raises(asyncpg.PostgresError):
        await days.add_up(shop.pools.recorder, shop.merchant)
    monkeypatch.undo()
    assert await told(shop) == before
    await SWEEPS["books.days.wake"](shop, shop.merchant)
    assert (await told(shop))[0].accounts["owed"] == owed
    assert await told(shop) == before


async def test_a_day_that_was_changed_is_named_by_the_whole(shop: Shop, thief: asyncpg.Connection) -> None:
    """Law: a day is the sum of its moves. Broken here on purpose, by whoever owns the database."""
    await some_weeks(shop, thief)
    await days.add_up(shop.pools.recorder, shop.merchant)
    day = await thief.fetchval(
        "update account_days set in_fen = in_fen + 1 where account = 'owed' and in_fen = 1000 returning day"
    )
    assert not (await lists.books(shop.pools.reader, shop.merchant)).balanced
    whole = await lists.whole_books(shop.pools.reader, shop.merchant)
    assert (whole.balanced, whole.differ) == (False, [f"{day} owed"])


async def test_a_merchant_without_moves_has_no_days(shop: Shop, thief: asyncpg.Connection) -> None:
    assert await days.add_up(shop.pools.recorder, shop.merchant) == 0
    assert await thief.fetchval("select count(*) from account_days_until") == 0
