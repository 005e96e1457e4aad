"""People decide about cases over HTTP: roles, versions, the queue, the thread."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stdnum import luhn

from tests.web.conftest import Shop
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people


async def hire(shop: Shop, name: str, role: str, store_id: str = "") -> str:
    """A member of staff with a key under this name; their id."""
    one = await people.add(shop.app.desk, shop.merchant_id, role=role, name=name, who="boss", store_id=store_id)
    now = shop.app.clock.now()
    key = await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, one.id, now, staff_id=one.id)
    shop.keys[name] = key.secret
    return one.id


async def asked(shop: Shop, **more: Any) -> str:
    """A wish for a refund that lies with a person; its path."""
    payment = await shop.paid()
    wish = {"id": ids.new(Kind.CASE), "payment": payment, "what": "request", "asked_fen": 3000} | more
    assert (await shop.post("/v1/cases", wish)).status == 201
    await shop.work()
    path = f"/v1/cases/{wish['id']}"
    assert (await shop.get(path)).told["state"] == "REVIEW"
    return path


async def version(shop: Shop, path: str) -> int:
    return int((await shop.get(path)).told["version"])


async def test_a_manager_approves_a_part_and_the_money_is_on_its_way(shop: Shop) -> None:
    """S51 S61."""
    anna = await hire(shop, "anna", "manager")
    path = await asked(shop)
    claimed = await shop.post(f"{path}/claim", who="anna")
    assert (claimed.status, claimed.told["claimed_by"]) == (200, anna)
    mine = (await shop.get("/v1/cases?mine=true", who="anna")).told["items"]
    assert [one["id"] for one in mine] == [path.rpartition("/")[2]]
    wish = {"version": claimed.told["version"], "amount_fen": 1000, "words": "很抱歉，先退您 10 元"}
    done = await shop.post(f"{path}/approve", wish, who="anna")
    assert (done.status, done.told["state"], done.told["amount_fen"]) == (200, "REMEDY", 1000)
    assert (done.told["decided_by"], done.told["holder"]) == (anna, "channel")
    again = await shop.post(f"{path}/approve", wish, who="anna")
    assert (again.status, again.code, again.told["state"]) == (409, "case.stale", "REMEDY")
    await shop.work()
    refund = (await shop.get(f"/v1/refunds/{done.told['refund']}")).told
    assert refund["amount_fen"] == 1000


@pytest.mark.parametrize("who", ["cashier", "carl", "aude"])
async def test_a_machine_a_cashier_and_an_auditor_decide_nothing(shop: Shop, who: str) -> None:
    """S61."""
    await hire(shop, "carl", "cashier")
    await hire(shop, "aude", "auditor")
    path = await asked(shop)
    seen = await version(shop, path)
    before = await shop.counts()
    for verb, more in (
        ("claim", None),
        ("approve", {"version": seen}),
        ("decline", {"version": seen, "reason": "no_proof", "words": "x"}),
        ("offer", {"version": seen, "kind": "voucher", "amount_fen": 1, "words": "x"}),
        ("hold", {"on": True, "words": "x"}),
        ("judge", {"fault": "payer", "words": "x"}),
    ):
        answer = await shop.post(f"{path}/{verb}", more, who=who)
        assert (answer.status, answer.code) == (403, "staff.not_allowed"), verb
    assert await shop.counts() == before


async def test_who_belongs_to_a_store_sees_and_decides_its_cases_only(shop: Shop) -> None:
    await hire(shop, "far", "manager", "YS01KATE3S4000000000000000ZZ")
    path = await asked(shop)
    answer = await shop.get(path, who="far")
    assert (answer.status, answer.code) == (404, "case.unknown")
    for query in ("", "?order=due", "?order=due&state=REVIEW"):
        assert (await shop.get(f"/v1/cases{query}", who="far")).told["items"] == []
    answer = await shop.post(f"{path}/approve", {"version": await version(shop, path)}, who="far")
    assert (answer.status, answer.code) == (404, "case.unknown")


async def test_a_key_ends_when_its_person_leaves(shop: Shop) -> None:
    anna = await hire(shop, "anna", "manager")
    assert (await shop.get("/v1/cases", who="anna")).status == 200
    await people.end(shop.app.desk, shop.merchant_id, anna, "boss")
    await asyncio.sleep(1)  # a key that was good counts a little longer
    answer = await shop.get("/v1/cases", who="anna")
    assert (answer.status, answer.code) == (401, "auth.key_invalid")


async def test_the_customer_reads_what_is_theirs_and_staff_read_all(shop: Shop) -> None:
    """S71."""
    await hire(shop, "anna", "manager")
    path = await asked(shop)
    said = {"id": ids.new(Kind.EVIDENCE), "text": "顾客来电催", "side": "customer", "how": "phone"}
    for _ in range(2):
        assert (await shop.post(f"{path}/messages", said, who="anna")).status == 200
    note = {"id": ids.new(Kind.EVIDENCE), "text": "小心", "audience": "internal"}
    assert (await shop.post(f"{path}/messages", note, who="anna")).status == 200
    assert (await shop.post(f"{path}/messages", note)).code == "staff.not_allowed"
    inside = (await shop.get(f"{path}/thread", who="anna")).told["items"]
    assert [(one["kind"], one["text"]) for one in inside] == [
        ("answer", None), ("message", "顾客来电催"), ("message", "小心"),
    ]  # fmt: skip
    for outside in (f"{path}/thread?view=customer", f"{path}/thread"):
        who = "anna" if "view" in outside else "cashier"
        told = (await shop.get(outside, who=who)).told["items"]
        assert [(one["text"], one["who"]) for one in told] == [("顾客来电催", "customer")]


async def test_what_is_reported_is_read_by_whoever_may_see_the_case_and_in_no_list(shop: Shop) -> None:
    """S57. S71."""
    await hire(shop, "carl", "cashier", ids.new(Kind.STORE))
    payment = await shop.paid()
    wish = {"id": ids.new(Kind.CASE), "payment": payment, "what": "request", "said": " 我扫错了码 "}
    for status in (201, 200):
        done = await shop.post("/v1/cases", wish)
        assert (done.status, done.told["said"], done.told["masked"]) == (status, "我扫错了码", [])
    other = await shop.post("/v1/cases", wish | {"said": "不是我"})
    assert (other.status, other.code) == (409, "case.id_taken")
    path = f"/v1/cases/{wish['id']}"
    assert (await shop.get(path)).told["said"] == "我扫错了码"
    assert (await shop.get(path, who="carl")).code == "case.unknown"
    assert [one["said"] for one in (await shop.get("/v1/cases?limit=1")).told["items"]] == [None]
    timeline = await shop.get(f"/v1/payments/{payment}/timeline")
    assert "我扫错了码" not in str(timeline.told)


async def test_a_ready_reply_is_listed_and_said_by_its_name(shop: Shop) -> None:
    """S56. S71."""
    await hire(shop, "anna", "manager")
    path = await asked(shop)
    listed = {one["name"]: one for one in (await shop.get("/v1/replies", who="anna")).told["items"]}
    assert listed["received"]["fills"] == ["paid", "number"]
    wish = {"id": ids.new(Kind.EVIDENCE), "template": "received", "lang": "zh"}
    for _ in range(2):
        assert (await shop.post(f"{path}/messages", wish, who="anna")).status == 200
    said = (await shop.get(f"{path}/thread", who="cashier")).told["items"][-1]
    assert (said["reply"], said["side"], "很抱歉" in said["text"]) == ("received", "staff", True)
    for wrong, status, code in (
        ({"template": "thanks"}, 422, "case.reply_unknown"),
        ({"template": "late"}, 409, "case.reply_lacks"),
        ({"template": "received", "text": "也要说"}, 400, "request.invalid"),
        ({"template": "received", "side": "customer"}, 400, "request.invalid"),
        ({}, 400, "request.invalid"),
    ):
        answer = await shop.post(f"{path}/messages", {"id": ids.new(Kind.EVIDENCE)} | wrong, who="anna")
        assert (answer.status, answer.code) == (status, code)
    taken = await shop.post(f"{path}/messages", {"id": wish["id"], "text": "另一句"}, who="anna")
    assert (taken.status, taken.code) == (409, "case.message_taken")


async def test_a_card_number_said_by_mistake_is_masked_and_the_answer_says_so(shop: Shop) -> None:
    """S36. S57."""
    await hire(shop, "anna", "manager")
    card = "4" + "1" * 14
    card += luhn.calc_check_digit(card)
    path = await asked(shop, said=f"请退到 {card}")
    assert (await shop.get(path)).told["said"] == f"请退到 ****{card[-4:]}"
    said = {"id": ids.new(Kind.EVIDENCE), "text": f"顾客报卡号 {card}", "side": "customer", "how": "phone"}
    assert (await shop.post(f"{path}/messages", said, who="anna")).told["masked"] == ["card"]
    wish = {"version": await version(shop, path), "reason": "no_proof", "words": f"很抱歉，{card} 不是付款的卡"}
    assert (await shop.post(f"{path}/decline", wish, who="anna")).told["masked"] == ["card"]
    thread = (await shop.get(f"{path}/thread", who="anna")).told["items"]
    assert [one["masked"] for one in thread if one["kind"] == "message"] == [["card"]] * 3
    assert card not in str(thread)


async def test_declined_with_a_reason_the_customer_reads_and_may_object_to(shop: Shop) -> None:
    """S74."""
    await hire(shop, "anna", "manager")
    path = await asked(shop)
    wish = {"version": await version(shop, path), "reason": "goods_used", "words": "很抱歉，已经拆封"}
    unknown = await shop.post(f"{path}/decline", wish | {"reason": "mood"}, who="anna")
    assert (unknown.status, unknown.code) == (422, "case.reason_unknown")
    told = (await shop.post(f"{path}/decline", wish, who="anna")).told
    assert (told["state"], told["declined"], told["holder"]) == ("DECLINED", "goods_used", "customer")
    assert told["declined_zh"]
    assert told["object_until"] == told["due_at"]
    objection = {"version": told["version"], "words": "没有拆封"}
    told = (await shop.post(f"{path}/object", objection)).told
    assert told["state"] == "REVIEW"
    barred = await shop.post(f"{path}/approve", {"version": told["version"]}, who="anna")
    assert (barred.status, barred.code) == (403, "case.barred")


async def test_the_queue_comes_in_pages_by_deadline_and_loses_nothing(shop: Shop) -> None:
    paths = [await asked(shop) for _ in range(5)]
    found: list[str] = []
    dues: list[str] = []
    after = ""
    while True:
        page = (await shop.get(f"/v1/cases?order=due&state=REVIEW&limit=2&after={after}")).told
        found += [one["id"] for one in page["items"]]
        dues += [one["due_at"] for one in page["items"]]
        after = page["next"]
        if after is None:
            break
    assert sorted(found) == sorted(path.rpartition("/")[2] for path in paths)
    assert dues == sorted(dues)
    assert (await shop.get("/v1/cases?order=due", who="neighbour")).told["items"] == []
    bad = await shop.get("/v1/cases?order=newest&after=1-YC01KATE3S40000000000000000J3")
    assert (bad.status, bad.code) == (400, "request.invalid")
