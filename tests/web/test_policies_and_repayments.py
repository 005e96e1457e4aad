"""Policies, losses, the float and repayments over HTTP, as the people of a shop call them."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind

STRICT = "verdict,zh,en\nreview,有人会看,Somebody looks\n"


async def people(shop: Shop) -> None:
    """Who may decide about money: finance, and the owner."""
    await hire(shop, "fay", "finance")
    await hire(shop, "olga", "owner")


async def put(shop: Shop, content: str = STRICT, **more: Any) -> Any:
    return await shop.post("/v1/policies", {"id": ids.new(Kind.POLICY), "content": content, **more}, who="olga")


async def test_what_counts_is_told_before_paying_and_stands_on_the_payment(shop: Shop) -> None:
    """S50, S68."""
    await people(shop)
    built_in = (await shop.get(f"/v1/policy?till={shop.till}")).told
    assert built_in["id"] == ""
    assert built_in["lines"][3]["when_zh"].startswith("要退 ¥200.00 以内，付款后 24 小时内，原因：")
    made = await put(shop)
    assert made.status == 201
    told = (await shop.get(f"/v1/policy?till={shop.till}")).told
    assert told["id"] == made.told["id"]
    assert told["lines"][0] == {
        "line": 1, "verdict": "review", "when_zh": "其余情况", "when_en": "in all other cases",
        "zh": "有人会看", "en": "Somebody looks",
    }  # fmt: skip
    payment = (await shop.get(f"/v1/payments/{await shop.paid()}")).told
    assert payment["policy"] == made.told["id"]
    assert (await shop.get(f"/v1/policies/{made.told['id']}")).told == made.told


async def test_a_table_with_a_fault_is_told_where_and_not_kept(shop: Shop) -> None:
    await people(shop)
    content = "amount_fen,verdict,zh,en\n<=5,approve,好,ok\nx,review,好,ok\n"
    checked = (await shop.post("/v1/policies/check", {"content": content})).told
    assert [(each["row"], each["column"], each["code"]) for each in checked["problems"]] == [(2, "amount_fen", "value")]
    assert "第 2 行" in checked["problems"][0]["zh"]
    no = await put(shop, content)
    assert (no.status, no.code, no.told["problems"]) == (
        422, "policy.invalid", [{"row": 2, "column": "amount_fen", "problem": "value", "value": "x"}],
    )  # fmt: skip
    assert (await shop.get("/v1/policy")).told["id"] == ""


async def test_a_neighbour_reads_no_policy_of_ours(shop: Shop) -> None:
    await people(shop)
    made = (await put(shop)).told
    assert (await shop.get(f"/v1/policies/{made['id']}", who="neighbour")).code == "policy.unknown"
    assert (await shop.get(f"/v1/policy?till={shop.till}", who="neighbour")).code == "payment.till_unknown"
    assert (await shop.get("/v1/policy", who="neighbour")).told["id"] == ""


async def test_a_table_is_tried_on_the_past_over_http(shop: Shop) -> None:
    """S68."""
    await people(shop)
    payment = await shop.paid()
    wish = {"id": ids.new(Kind.CASE), "payment": payment, "what": "wrong_amount", "meant_fen": 1280}
    assert (await shop.post("/v1/cases", wish)).status == 201
    trial = await shop.post("/v1/policies/try", {"content": STRICT, "since": "2020-01-01T00:00:00Z"})
    assert (trial.told["cases"], trial.told["changes"]) == (1, {"approve>review": 1})
    assert trial.told["items"][0]["case"] == wish["id"]


async def test_a_loss_is_kept_over_http(shop: Shop) -> None:
    """S83."""
    await people(shop)
    payment = await shop.paid()
    case = {"id": ids.new(Kind.CASE), "payment": payment, "what": "other"}
    await shop.post("/v1/cases", case)
    wish = {
        "id": ids.new(Kind.LOSS), "case": case["id"], "cause": "wrong_customer", "bearer": "payer",
        "amount_fen": 30_000,
    }  # fmt: skip
    assert (await shop.post("/v1/losses", wish, who="fay")).status == 201
    assert (await shop.post("/v1/losses", wish, who="fay")).status == 200
    place = f"/v1/losses/{wish['id']}"
    no = await shop.post(f"{place}/write-off", {"amount_fen": 30_000, "version": 1}, who="fay")
    assert (no.status, no.code) == (403, "loss.same_person")
    done = await shop.post(f"{place}/write-off", {"amount_fen": 30_000, "version": 1}, who="olga")
    assert done.told["state"] == "SETTLED"
    assert (await shop.get("/v1/losses?state=SETTLED&bearer=payer")).told["items"] == [done.told]
    assert (await shop.get(place, who="neighbour")).code == "loss.unknown"
    told = (await shop.get(f"/v1/payments/{payment}/timeline")).told
    assert "LossWrittenOff" in [item["kind"] for item in told["items"]]


async def test_the_float_is_told_for_every_channel(shop: Shop) -> None:
    await people(shop)
    await shop.paid()
    told = (await shop.get("/v1/float?days=7")).told
    assert (told["days"], [item["channel"] for item in told["items"]]) == (7, ["wechat", "alipay"])
    assert told["items"][0]["known_fen"] == 12800
    assert (await shop.get("/v1/float?days=0")).code == "request.invalid"


async def test_money_that_can_go_back_the_way_it_came_has_no_other_road(shop: Shop) -> None:
    """S64."""
    await people(shop)
    wish = {
        "id": ids.new(Kind.REPAYMENT), "payment": await shop.paid(), "amount_fen": 1280, "because": "window_over",
        "account": {"payer_name": "张三", "account_name": "张三", "account_number": "6200000000001234"},
    }  # fmt: skip
    no = await shop.post("/v1/repayments", wish, who="fay")
    assert (no.status, no.code) == (409, "repayment.road_open")
    wish["account"] = {"payer_name": "张三", "account_name": "李四", "account_number": "6200000000001234"}
    no = await shop.post("/v1/repayments", wish, who="fay")
    assert (no.status, no.code) == (422, "repayment.name_differs")
    assert (await shop.get("/v1/repayments")).told == {"items": [], "next": None}


async def test_a_named_account_is_paid_by_two_people_over_http(shop: Shop) -> None:
    """S65."""
    await people(shop)
    payment = await shop.paid()
    await shop.app.pools.recorder.execute("update payments set paid_at = paid_at - interval '400 days'")
    wish = {
        "id": ids.new(Kind.REPAYMENT), "payment": payment, "amount_fen": 1280, "because": "window_over",
        "account": {"payer_name": "张三", "account_name": "张三", "account_number": "6200000000001234"},
    }  # fmt: skip
    made = await shop.post("/v1/repayments", wish, who="fay")
    assert (made.status, made.told["account_tail"]) == (201, "1234")
    assert b"6200000000001234" not in made.raw
    place = f"/v1/repayments/{wish['id']}"
    assert (await shop.post(f"{place}/account", {}, who="fay")).code == "repayment.not_approved"
    assert (await shop.post(f"{place}/approve", {}, who="fay")).code == "repayment.same_person"
    assert (await shop.post(f"{place}/approve", {}, who="olga")).told["state"] == "APPROVED"
    assert (await shop.post(f"{place}/account", {}, who="olga")).told["account_number"] == "6200000000001234"
    assert (await shop.post(f"{place}/paid", {"proof": " "}, who="olga")).code == "request.invalid"
    paid = await shop.post(f"{place}/paid", {"proof": "ICBC 1"}, who="olga")
    assert (paid.told["state"], (await shop.get("/v1/books")).told["balanced"]) == ("PAID", True)
    listed = f"/v1/repayments?payment={payment}&state=PAID"
    assert (await shop.get(listed, who="fay")).told["items"] == [paid.told]
    assert (await shop.get(listed)).told["items"] == [{**paid.told, "account_tail": "•••"}]  # a machine sees no account
    assert (await shop.get(place, who="neighbour")).code == "repayment.unknown"
