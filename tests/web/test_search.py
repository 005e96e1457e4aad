"""Payments found by whatever is known of them: the same as a slow look at every row finds, and nothing of others'."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu import db, ids
from yuanlu.bench import console, ground
from yuanlu.bench.ground import Till
from yuanlu.channels.contract import Channel
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.payments.rules import Payment, State
from yuanlu.web.parts import finding

DAYS, MADE = 70, 400
Fits = Callable[[Payment], bool]


@dataclass
class Many:
    """Payments of a shop with two stores, in no order, and as many of the neighbour."""

    shop: Shop
    rows: list[Payment]
    now: datetime

    async def found(self, query: Mapping[str, object], *, who: str = "boss", limit: int = 9) -> list[str]:
        """The ids of what is found, page by page, as far back as is looked."""
        seen: list[str] = []
        after = ""
        for _ in range(200):
            told = await self.page({**query, "limit": limit, "after": after}, who=who)
            seen += [each["id"] for each in told["items"]]
            assert told["looked_until"] is None or told["next"] is not None
            if told["next"] is None:
                return seen
            assert told["next"] < after or not after
            after = told["next"]
        raise AssertionError("it has no end")

    async def page(self, query: Mapping[str, object], *, who: str = "boss") -> Any:
        answer = await self.shop.get(f"/v1/payments?{urlencode(query)}", who=who)
        assert answer.status == 200, answer.raw
        return answer.told

    def wanted(self, *fits: Fits) -> list[str]:
        """What a slow look at every row of the shop finds."""
        mine = [row for row in self.rows if row.merchant_id == self.shop.merchant_id]
        return sorted((row.id for row in mine if all(each(row) for each in fits)), reverse=True)


@pytest.fixture
async def many(bare_shop: Shop) -> Many:
    shop = bare_shop
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    tills = [await place_of(shop, shop.merchant_id, shop.till)]
    there = await merchants.add_store(pool, shop.merchant_id, "there", now)
    for _ in range(2):
        till = await merchants.add_till(pool, shop.merchant_id, there, "till", now)
        tills.append(Till(shop.merchant_id, till, there))
    next_door = await pool.fetchrow("select * from tills where merchant_id <> $1", shop.merchant_id)
    tills.append(Till(next_door["merchant_id"], next_door["id"], next_door["store_id"]))
    chance = random.Random(7)
    rows = [made(chance, chance.choice(tills), now) for _ in range(MADE)]
    async with pool.acquire() as connection:
        for row in rows:
            await ground.inserted(connection, row)
    return Many(shop, rows, now)


async def place_of(shop: Shop, merchant_id: str, till: str) -> Till:
    store = await shop.app.pools.recorder.fetchval("select store_id from tills where id = $1", till)
    return Till(merchant_id, till, store)


def made(chance: random.Random, till: Till, now: datetime) -> Payment:
    """A payment of the last days, which shares each thing that is known of it with some others."""
    at = now - timedelta(days=DAYS) * chance.random()
    number = ids.new(Kind.PAYMENT, at)
    return replace(
        ground.paying(ground.opening(till).row).row,
        id=number,
        amount_fen=chance.choice([1, 1280, 12800, 99_999]),
        code_tail=chance.choice(["6789", "0000", "1280"]),
        opened_by=chance.choice(["cashier", "boss"]),
        channel=chance.choice([Channel.WECHAT, Channel.ALIPAY]),
        state=chance.choice([State.PAID, State.SENT, State.FAILED]),
        channel_number=f"42{chance.randrange(10**6):06}" if chance.random() < 0.7 else "",
        opened_at=at,
        code_mark=number,
    )


def known(many: Many) -> list[tuple[str, Mapping[str, object], Fits]]:
    """Everything that can be known of a payment: what it is called, how it is asked for, and what it means."""
    mine = [row for row in many.rows if row.merchant_id == many.shop.merchant_id]
    one, tills = mine[3], sorted({row.till_id for row in mine})
    noon = many.now.replace(microsecond=0)
    start, end = noon - timedelta(days=50), noon - timedelta(days=20)
    numbered = next(row for row in mine if row.channel_number)
    return [
        ("id", {"number": one.id.lower()}, lambda row: row.id == one.id),
        ("prefix", {"number": one.id[:6]}, lambda row: row.id.startswith(one.id[:6])),
        ("channel's", {"number": numbered.channel_number}, lambda row: row.channel_number == numbered.channel_number),
        ("amount", {"amount_fen": 1280}, lambda row: row.amount_fen == 1280),
        ("from", {"from_fen": 1280}, lambda row: row.amount_fen >= 1280),
        ("to", {"to_fen": 12800}, lambda row: row.amount_fen <= 12800),
        ("since", {"since": start.isoformat()}, lambda row: ids.made_at(row.id) >= start),
        ("until", {"until": end.isoformat()}, lambda row: ids.made_at(row.id) < end),
        ("tail", {"code_tail": "1280"}, lambda row: row.code_tail == "1280"),
        ("cashier", {"cashier": "cashier"}, lambda row: row.opened_by == "cashier"),
        ("till", {"till": tills[-1]}, lambda row: row.till_id == tills[-1]),
        ("store", {"store": one.store_id}, lambda row: row.store_id == one.store_id),
        ("state", {"state": "SENT"}, lambda row: row.state is State.SENT),
        ("channel", {"channel": "alipay"}, lambda row: row.channel is Channel.ALIPAY),
    ]


async def test_whatever_is_known_alone_and_in_pairs_finds_what_a_slow_look_finds(many: Many) -> None:
    """S15: by every thing one may know, and by every two of them, in order, without gap or double."""
    things, hits = known(many), 0
    for name, query, fits in things:
        wanted = many.wanted(fits)
        assert wanted, name
        assert await many.found(query) == wanted, name
    for (one, first, fits), (two, second, also) in itertools.combinations(things, 2):
        if first.keys() & second.keys():  # a number is one or the other
            continue
        wanted = many.wanted(fits, also)
        hits += bool(wanted)
        assert await many.found({**first, **second}, limit=150) == wanted, (one, two)
    assert hits > 60


async def test_nothing_said_is_all_of_them(many: Many) -> None:
    assert await many.found({}) == many.wanted()
    assert len(many.wanted()) < len(many.rows)


async def test_what_is_of_a_neighbour_or_of_another_store_is_never_found(many: Many) -> None:
    """S15. S2. S95: whatever is asked for, by whole numbers too."""
    here = (await place_of(many.shop, many.shop.merchant_id, many.shop.till)).store_id
    await hire(many.shop, "near", "manager", here)
    strange = next(row for row in many.rows if row.merchant_id != many.shop.merchant_id)
    other = next(row for row in many.rows if row.store_id != here and row.merchant_id == many.shop.merchant_id)
    for row, who in ((strange, "boss"), (other, "near")):
        known_by = {"number": row.id, "store": row.store_id, "till": row.till_id}
        for name, text in [*known_by.items(), ("number", row.channel_number)]:
            if text:
                assert await many.found({name: text}, who=who) == [], (who, name)
    near = [row.id for row in many.rows if row.store_id == here]
    assert await many.found({}, who="near", limit=150) == sorted(near, reverse=True)
    for _, query, fits in known(many):
        wanted = [each for each in many.wanted(fits) if each in near]
        if "store" not in query:
            assert await many.found(query, who="near", limit=150) == wanted, query


async def test_without_a_time_a_month_is_looked_through_and_the_answer_says_so(many: Many) -> None:
    told = await many.page({"code_tail": "1280", "limit": 200})
    month = many.now - finding.WINDOW
    tail = [row for row in many.rows if row.code_tail == "1280" and row.merchant_id == many.shop.merchant_id]
    assert {each["id"] for each in told["items"]} == {row.id for row in tail if row.opened_at > month}
    looked = datetime.fromisoformat(told["looked_until"])
    assert abs(looked - month) < timedelta(minutes=1)
    further = await many.page({"code_tail": "1280", "limit": 200, "after": told["next"]})
    assert {each["id"] for each in further["items"]} == {
        row.id for row in tail if month - finding.WINDOW < row.opened_at <= month
    }
    said = await many.page({"code_tail": "1280", "limit": 200, "since": (many.now - timedelta(days=80)).isoformat()})
    assert (said["looked_until"], said["next"]) == (None, None)
    assert len(said["items"]) == len(tail)


async def test_so_many_rows_are_looked_at_and_then_it_is_said_how_far(database: Database, bare_shop: Shop) -> None:
    """A shop of more payments in a year than a page compares: the next page goes on where the first stopped."""
    shop, count = bare_shop, finding.LOOKED_MAX + 2_000
    connection = await db.connect(database)
    await console.filled(connection, [await place_of(shop, shop.merchant_id, shop.till)], count)
    rows = await connection.fetch("select id, code_tail from payments order by id desc")
    await connection.close()
    many = Many(shop, [], shop.app.clock.now())
    tail = rows[-50]["code_tail"]  # of one of the oldest
    year = {"code_tail": tail, "since": (many.now - timedelta(days=399, hours=20)).isoformat()}
    first = await many.page(year)
    assert first["next"] == rows[finding.LOOKED_MAX - 1]["id"]
    assert datetime.fromisoformat(first["looked_until"]) == ids.made_at(first["next"])
    assert rows[-50]["id"] not in {each["id"] for each in first["items"]}
    assert await many.found(year) == [row["id"] for row in rows if row["code_tail"] == tail]


@pytest.mark.parametrize(
    "query",
    [
        {"number": "YP01K"}, {"number": "4200%0"}, {"code_tail": "123"}, {"amount_fen": 0}, {"channel": "gold"},
        {"since": "2026-11-27"}, {"since": "2026-11-27T00:00:00Z", "until": "2026-11-26T00:00:00Z"},
        {"since": "2024-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, {"till": "x"}, {"colour": "red"},
        {"code_tail": "1234", "after": "I" * 29}, {"code_tail": "1234", "after": "Z" * 29},
    ],
)  # fmt: skip
async def test_what_cannot_be_looked_for_is_refused(bare_shop: Shop, query: dict[str, str]) -> None:
    answer = await bare_shop.get(f"/v1/payments?{urlencode(query)}")
    assert (answer.status, answer.code) == (400, "request.invalid"), answer.raw


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T00:00:00Z"])
async def test_a_time_at_the_end_of_all_times_finds_nothing_and_breaks_nothing(bare_shop: Shop, moment: str) -> None:
    for name in ("since", "until"):
        answer = await bare_shop.get(f"/v1/payments?{urlencode({name: moment, 'code_tail': '1234'})}")
        assert answer.status in (200, 400), answer.raw
