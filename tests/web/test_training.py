"""What was practised, over HTTP: written by whoever did it, read by them and by those who teach."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind


def drill(**given: Any) -> dict[str, Any]:
    return {"id": ids.new(Kind.DRILL), "drill": "extra_zero", "outcome": "right", "seconds": 9} | given


async def test_who_practised_is_on_record_and_read_by_them_and_by_who_teaches(shop: Shop) -> None:
    """S8. S84."""
    account = await hire(shop, "wang", "cashier")
    await hire(shop, "li", "cashier")
    await hire(shop, "zhao", "manager")
    wish = drill()
    assert (await shop.post("/v1/drills", wish, who="wang")).status == 201
    assert (await shop.post("/v1/drills", wish, who="wang")).status == 200
    assert (await shop.post("/v1/drills", wish | {"seconds": 1}, who="wang")).code == "drill.id_taken"
    assert (await shop.post("/v1/drills", wish, who="li")).code == "drill.id_taken"
    assert (await shop.post("/v1/drills", drill(drill="no_such"), who="wang")).code == "drill.unknown"
    assert (await shop.post("/v1/drills", drill(), who="neighbour")).code == "staff.not_allowed"  # a machine
    for outcome, seconds in (("mistake", 3), ("right", 7), ("slow", 40)):
        await shop.post("/v1/drills", drill(outcome=outcome, seconds=seconds), who="wang")
    own = (await shop.get("/v1/drills", who="wang")).told
    assert [(each["drill"], each["tries"], each["best"]) for each in own["items"]] == [("extra_zero", 4, 7)]
    assert (own["account"], own["called_for"]) == (account, [])
    assert (await shop.get("/v1/drills", who="li")).told["items"] == []
    assert (await shop.get(f"/v1/drills/of?account={account}", who="li")).code == "staff.not_allowed"
    assert (await shop.get(f"/v1/drills/of?account={account}", who="zhao")).told == own


async def test_a_real_mistake_of_ones_own_calls_for_practice(shop: Shop) -> None:
    """S84: until a drill that mends it was done right."""
    await hire(shop, "wang", "cashier")
    await hire(shop, "li", "cashier")
    wish = shop.wish()
    assert (await shop.post("/v1/payments", wish, who="wang")).status == 201
    case = {"id": ids.new(Kind.CASE), "payment": wish["id"], "what": "wrong_amount", "meant_fen": 100}
    assert (await shop.post("/v1/cases", case, who="li")).status == 201
    called = (await shop.get("/v1/drills", who="wang")).told["called_for"]
    assert "extra_zero" in called
    assert (await shop.get("/v1/drills", who="li")).told["called_for"] == []  # who reported it did not key it
    await shop.post("/v1/drills", drill(outcome="slow"), who="wang")
    assert (await shop.get("/v1/drills", who="wang")).told["called_for"] == called
    await shop.post("/v1/drills", drill(), who="wang")
    assert "extra_zero" not in (await shop.get("/v1/drills", who="wang")).told["called_for"]
