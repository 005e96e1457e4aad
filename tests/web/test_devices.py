"""The registry of codes, traces and hand-overs over HTTP."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Shop
from tests.web.test_refunds_and_cases import later, report
from yuanlu import ids
from yuanlu.ids import Kind

TEXT = "wxp://f2f0abcdefghijklmnop"


async def hang(shop: Shop, **given: Any) -> dict[str, Any]:
    store = (await shop.get("/v1/tills")).told["items"][0]["store"]
    wish = {"id": ids.new(Kind.CODE), "text": TEXT, "store": store, "place": "counter 1"} | given
    answer = await shop.post("/v1/codes", wish)
    assert answer.status in (200, 201), answer.raw
    return dict(answer.told)


async def test_a_code_is_hung_looked_at_listed_when_due_and_taken_down(shop: Shop) -> None:
    """S38, S85."""
    code = await hang(shop, audit_days=1)
    assert (code["standing"], code["kind"], code["wallet"], code["tail"]) == (
        "current",
        "receiving_code",
        "wechat",
        "mnop",
    )
    assert (await shop.get("/v1/codes?due=true")).told["items"] == []
    await later(shop, 25 * 3600)
    due = (await shop.get("/v1/codes?due=true")).told["items"]
    assert [(each["id"], each["standing"]) for each in due] == [(code["id"], "audit_overdue")]
    looked = (await shop.post(f"/v1/codes/{code['id']}/audit", {"found": "covered", "note": "a strange sticker"})).told
    assert (looked["state"], looked["standing"]) == ("SUSPECT", "suspect")
    assert (await shop.get("/v1/codes?state=SUSPECT")).told["items"][0]["note"] == "a strange sticker"
    gone = (await shop.post(f"/v1/codes/{code['id']}/retire", {"note": "replaced"})).told
    assert gone["state"] == "RETIRED"
    assert (await shop.post(f"/v1/codes/{code['id']}/audit", {"found": "in_place"})).code == "code.retired"
    assert (await shop.get(f"/v1/codes/{code['id']}")).told == gone


async def test_what_is_no_code_of_a_shop_is_refused(shop: Shop) -> None:
    store = (await shop.get("/v1/tills")).told["items"][0]["store"]
    wish = {"id": ids.new(Kind.CODE), "text": "134567890123456789", "store": store}
    assert (await shop.post("/v1/codes", wish)).code == "code.not_ours"
    assert (await shop.post("/v1/codes", wish | {"text": TEXT, "store": ids.new(Kind.STORE)})).code == (
        "code.store_unknown"
    )
    assert (await shop.get(f"/v1/codes/{ids.new(Kind.CODE)}")).code == "code.unknown"


async def test_a_neighbour_is_told_that_it_is_anothers_and_nothing_else(shop: Shop) -> None:
    """S47."""
    payment, code = await shop.paid(), await hang(shop)
    for voucher in (payment, TEXT):
        told = (await shop.post("/v1/trace", {"voucher": voucher}, who="neighbour")).told
        assert told == {"whose": "another", "payments": [], "code": "", "standing": ""}
    assert (await shop.post("/v1/trace", {"voucher": payment})).told["payments"] == [payment]
    assert (await shop.post("/v1/trace", {"voucher": TEXT})).told["code"] == code["id"]
    assert (await shop.get(f"/v1/codes/{code['id']}", who="neighbour")).code == "code.unknown"
    assert (await shop.get("/v1/codes", who="neighbour")).told["items"] == []


async def test_a_request_is_handed_over_and_each_side_sees_its_own(shop: Shop) -> None:
    """S47."""
    payment = await shop.paid()
    wish = {"id": ids.new(Kind.HANDOVER), "voucher": payment, "said": "我扫错了码"}
    asked = await shop.post("/v1/handovers", wish, who="neighbour")
    assert (asked.status, asked.told["state"]) == (201, "ASKED")
    await later(shop, 1)
    asking = (await shop.get(f"/v1/handovers/{wish['id']}", who="neighbour")).told
    assert (asking["side"], asking["state"], asking["payment"], asking["case"], asking["amount_fen"]) == (
        "asking",
        "HANDED",
        "",
        "",
        None,
    )
    taking = (await shop.get("/v1/handovers?side=taking")).told["items"][0]
    assert (taking["payment"], taking["side"]) == (payment, "taking")
    case = (await shop.get(f"/v1/cases/{taking['case']}")).told
    assert (case["payment"], case["said"]) == (payment, "我扫错了码")
    assert (await shop.get(f"/v1/cases/{taking['case']}", who="neighbour")).code == "case.unknown"
    assert (await shop.post("/v1/handovers", wish, who="neighbour")).status == 200
    assert (await shop.post("/v1/handovers", wish | {"id": ids.new(Kind.HANDOVER)})).code == "trace.yours"


async def test_the_cause_is_looked_for_again_with_what_the_till_added_up(shop: Shop) -> None:
    """S37."""
    payment = await shop.paid()
    case = (await shop.post("/v1/cases", report(payment, what="other", meant_fen=None))).told
    found = await shop.post(f"/v1/cases/{case['id']}/findings", {"basket_fen": 18200, "code": TEXT})
    assert [each["cause"] for each in found.told["items"]] == ["input.amount.digits_swapped"]
