"""What is asked before a charge, over HTTP: known, tuned by a store, written down, counted."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.web.conftest import Shop
from tests.web.test_goods import WATER, put
from tests.web.test_review import hire
from tests.web.test_thieves import ELSEWHERE
from yuanlu import ids
from yuanlu.guards.rules import Guard
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants


async def guards(shop: Shop, amount_fen: int, **given: Any) -> dict[str, Any]:
    answer = await shop.post("/v1/guards", {"till": shop.wish()["till"], "amount_fen": amount_fen} | given)
    assert answer.status == 200, answer.raw
    return dict(answer.told)


async def test_the_guards_know_basket_price_list_and_what_the_till_took(shop: Shop) -> None:
    """S37. S44. S88: in one look, and nothing is written by it."""
    await put(shop)
    water = {"id": WATER, "name": "水", "quantity": 2, "amount_fen": 400}
    before = await shop.counts()
    assert (await guards(shop, 400, lines=[water]))["findings"] == []
    (ten,) = (await guards(shop, 4000, lines=[water]))["findings"]
    assert (ten["guard"], ten["asks"], ten["expected_fen"]) == ("amount.times_10", True, 400)
    assert "¥4.00" in ten["zh"]
    assert "¥40.00" in ten["en"]
    (listed,) = (await guards(shop, 500, lines=[water | {"amount_fen": 500}]))["findings"]
    assert (listed["guard"], listed["line"], listed["expected_fen"]) == ("amount.price", "水", 400)
    assert await shop.counts() == before
    wish = shop.wish()
    assert (await shop.post("/v1/payments", wish)).status == 201
    (twice,) = (await guards(shop, wish["amount_fen"]))["findings"]
    assert (twice["guard"], twice["asks"]) == ("amount.twice", True)
    again = await guards(shop, 1, code=wish["code"])
    assert [each["guard"] for each in again["findings"]] == ["amount.scanned_again"]
    assert (again["scanned"], again["is_payable"]) == ("payment_code", True)
    goods = await guards(shop, 1, code=WATER)
    assert (goods["scanned"], goods["is_payable"]) == ("goods", False)
    unknown = {"till": ids.new(Kind.TILL), "amount_fen": 1}
    assert (await shop.post("/v1/guards", unknown)).code == "payment.till_unknown"


async def test_what_the_cashier_confirmed_is_kept_with_the_payment(shop: Shop) -> None:
    """S88: so that how often it is asked in vain can be counted."""
    wish = shop.wish()
    made = await shop.post("/v1/payments", wish | {"guards": ["amount.twice", "amount.big"]})
    assert made.status == 201
    happened = (await shop.get(f"/v1/payments/{wish['id']}/timeline")).told["items"]
    (said,) = [each for each in happened if each["kind"] == "GuardsConfirmed"]
    assert said["facts"] == {"guards": "amount.twice amount.big"}
    assert (await shop.post("/v1/payments", wish)).status == 200
    assert (await shop.post("/v1/payments", shop.wish() | {"guards": ["no such"]})).code == "request.invalid"


async def store_of(shop: Shop) -> str:
    return str((await shop.get("/v1/tills")).told["items"][0]["store"])


async def test_a_store_has_its_own_guards_on_record_and_the_next_question_follows_them(shop: Shop) -> None:
    """S88. S95."""
    await hire(shop, "anna", "manager", here := await store_of(shop))
    await hire(shop, "cash", "cashier", here)
    usual = (await shop.get("/v1/guards/tuning")).told
    assert (usual["off"], usual["twice_within"], usual["own"]) == ([], 60, [])
    assert (await shop.get(f"/v1/guards/tuning?store={here}", who="cash")).told == usual | {"store": here}
    water = {"id": "x", "name": "水", "amount_fen": 400}
    assert (await guards(shop, 4000, lines=[water]))["findings"][0]["guard"] == "amount.times_10"
    wish = {"store": here, "off": ["amount.times_10", "amount.scanned_again"], "twice_within": 30}
    assert (await shop.post("/v1/guards/tuning", wish, who="cash")).code == "staff.not_allowed"
    assert (await shop.post("/v1/guards/tuning", wish)).code == "staff.not_allowed", "a machine"
    told = (await shop.post("/v1/guards/tuning", wish, who="anna")).told
    assert (told["off"], told["own"]) == (["amount.scanned_again", "amount.times_10"], ["off", "twice_within"])
    assert (told["twice_within"], told["usual_times"]) == (30, usual["usual_times"])
    assert (await shop.get(f"/v1/guards/tuning?store={here}")).told == told
    found = await guards(shop, 4000, lines=[water])
    assert [each["guard"] for each in found["findings"]] == ["amount.basket"]
    assert found["scanned_again"] is None
    assert (await shop.post("/v1/guards/tuning", wish, who="anna")).told == told, "again is the same"
    back = (await shop.post("/v1/guards/tuning", {"store": here}, who="anna")).told
    assert (back["own"], back["off"]) == ([], [])
    facts = await shop.app.pools.recorder.fetch(
        "select who, body from facts where object_id = $1 and kind = 'GuardsTuned' order by transition", here
    )
    assert [fact["body"] for fact in facts] == [
        '{"said":"{\\"off\\":[\\"amount.scanned_again\\",\\"amount.times_10\\"],\\"twice_within\\":30}","was":"{}"}',
        '{"said":"{}","was":"{\\"off\\":[\\"amount.scanned_again\\",\\"amount.times_10\\"],\\"twice_within\\":30}"}',
    ]
    assert {fact["who"] for fact in facts} == {told["set_by"]}


async def test_guards_are_tuned_within_bounds_and_in_ones_own_store(shop: Shop) -> None:
    """S95."""
    await hire(shop, "anna", "manager", here := await store_of(shop))
    await hire(shop, "far", "manager", ELSEWHERE)
    await hire(shop, "olga", "owner")
    for wrong in ({"twice_within": 0}, {"usual_times": 10**6}, {"off": ["no such"]}, {"other": 1}):
        assert (await shop.post("/v1/guards/tuning", {"store": here} | wrong, who="anna")).code == "request.invalid"
    assert (await shop.post("/v1/guards/tuning", {"store": here}, who="far")).code == "staff.other_store"
    assert (await shop.get(f"/v1/guards/tuning?store={here}", who="far")).code == "staff.other_store"
    nowhere = ids.new(Kind.STORE)
    assert (await shop.post("/v1/guards/tuning", {"store": nowhere}, who="olga")).code == "guards.store_unknown"
    assert (await shop.get(f"/v1/guards/tuning?store={nowhere}", who="olga")).code == "guards.store_unknown"
    assert (await shop.get(f"/v1/guards/tuning?store={here}", who="neighbour")).code == "guards.store_unknown"


async def question(shop: Shop, guard: Guard = Guard.TIMES_10, **given: Any) -> Any:
    wish = {"id": ids.new(Kind.QUESTION), "till": shop.till, "guard": guard.value, "amount_fen": 12800}
    return await shop.post("/v1/guards/asked", wish | given)


async def counts(shop: Shop, query: str = "", who: str = "cashier") -> Any:
    now = shop.app.clock.now()
    since, until = ((now + timedelta(days=days)).isoformat().replace("+00:00", "Z") for days in (-30, 1))
    return await shop.get(f"/v1/guards/asked?since={since}&until={until}{query}", who=who)


async def test_what_was_asked_is_counted_with_what_came_of_it(shop: Shop) -> None:
    """S88: asked, confirmed, changed, in vain; from sales, store by store."""
    here, kept, lost = await store_of(shop), await shop.paid(), await shop.paid()
    refund = {"id": ids.new(Kind.REFUND), "payment": lost, "amount_fen": 100}
    assert (await shop.post("/v1/refunds", refund)).status == 201
    opened = await question(shop)
    assert (opened.status, opened.told["reply"], opened.told["store"]) == (201, "open", here)
    answer = {"id": opened.told["id"], "reply": "confirmed", "sale": kept}
    assert (await question(shop, **answer)).status == 200
    assert (await question(shop, **answer)).told == (await question(shop, id=opened.told["id"])).told
    assert (await question(shop, id=opened.told["id"], reply="changed")).code == "guards.question_taken"
    await question(shop, reply="confirmed", sale=lost)
    await question(shop, reply="changed", sale=kept)
    await question(shop)
    await question(shop, Guard.TWICE, reply="confirmed", sale=ids.new(Kind.PAYMENT))
    assert (await question(shop, till=ids.new(Kind.TILL))).code == "payment.till_unknown"
    told = (await counts(shop)).told
    ten = {"asked": 4, "confirmed": 2, "changed": 1, "in_vain": 1, "went_back": 1}
    twice = {"asked": 1, "confirmed": 1, "changed": 0, "in_vain": 0, "went_back": 0}
    assert told["items"] == [
        {"store": here, "guard": "amount.times_10", **ten},
        {"store": here, "guard": "amount.twice", **twice},
    ]
    assert told["sales"] == {here: 2}
    kinds = await shop.app.pools.recorder.fetch(
        "select kind from facts where object_id = $1 order by transition, seq", opened.told["id"]
    )
    assert [row["kind"] for row in kinds] == ["GuardAsked", "GuardAnswered"]


async def test_counts_are_of_a_span_and_of_ones_own_store(shop: Shop) -> None:
    """S95."""
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    there = await merchants.add_store(pool, shop.merchant_id, "there", now)
    till = await merchants.add_till(pool, shop.merchant_id, there, "till 2", now)
    await hire(shop, "near", "manager", here := await store_of(shop))
    await question(shop)
    await question(shop, till=till)
    await question(shop, id=ids.new(Kind.QUESTION, now - timedelta(days=40)))
    for who, query, stores in (
        ("cashier", "", {here, there}),
        ("cashier", f"&store={there}", {there}),
        ("near", "", {here}),
        ("near", f"&store={here}", {here}),
        ("neighbour", "", set()),
    ):
        items = (await counts(shop, query, who)).told["items"]
        assert ({each["store"] for each in items}, {each["asked"] for each in items} - {1}) == (stores, set()), who
    assert (await counts(shop, f"&store={there}", "near")).code == "staff.other_store"
    for span in (
        "since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z",
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
    ):
        assert (await shop.get(f"/v1/guards/asked?{span}")).code == "guards.span"


async def test_a_question_written_twice_at_once_is_one(shop: Shop) -> None:
    same = ids.new(Kind.QUESTION)
    answers = await asyncio.gather(*(question(shop, id=same, reply="changed") for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [*[200] * 7, 201]
    assert [each["asked"] for each in (await counts(shop)).told["items"]] == [1]
