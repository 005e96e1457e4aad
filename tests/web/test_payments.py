"""Payments over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.web.conftest import Shop
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.web.parts import finding

NONE = {"items": [], "next": None, "looked_until": None}


async def until(shop: Shop, path: str, **wanted: Any) -> dict[str, Any]:
    """Read until it is so."""
    for _ in range(100):
        told = (await shop.get(path)).told
        if all(told[name] == value for name, value in wanted.items()):
            return dict(told)
        await asyncio.sleep(0.05)
    raise AssertionError(told)


async def test_a_scanned_code_is_charged_at_once(shop: Shop) -> None:
    """S11."""
    answer = await shop.post("/v1/payments", shop.wish())
    assert answer.status == 201
    told = answer.told
    assert (told["state"], told["mode"], told["channel"]) == ("PAID", "scanned", "wechat")
    assert (told["amount_fen"], told["back_fen"], told["rest_fen"]) == (12800, 0, 12800)
    assert told["opened_by"] == "cashier"
    assert told["says_en"] == "¥128.00 received.\nHand over the goods."


async def test_the_same_wish_again_is_the_same_payment(shop: Shop) -> None:
    wish = shop.wish()
    first = await shop.post("/v1/payments", wish)
    again = await shop.post("/v1/payments", wish, who="boss")
    assert (first.status, again.status) == (201, 200)
    assert first.told == again.told


async def test_fifty_of_the_same_wish_at_once_charge_once(shop: Shop) -> None:
    wish = shop.wish(amount_fen=777)
    answers = await asyncio.gather(*(shop.post("/v1/payments", wish) for _ in range(50)))
    assert sorted(each.status for each in answers) == [200] * 49 + [201]
    assert shop.sim is not None
    async with shop.session.get(f"{shop.sim.base_url}/_sim/books?wallet=wechat&number={wish['id']}") as told:
        calls = (await told.json())["calls"]
    assert [call["operation"] for call in calls] == ["pay"]


async def test_the_same_id_with_another_amount_is_refused(shop: Shop) -> None:
    wish = shop.wish()
    await shop.post("/v1/payments", wish)
    answer = await shop.post("/v1/payments", wish | {"amount_fen": 1})
    assert (answer.status, answer.code) == (409, "payment.id_taken")


async def test_a_payer_without_money_is_told_in_words_and_causes(shop: Shop) -> None:
    """S45."""
    told = (await shop.post("/v1/payments", shop.wish(code=shop.codes["alipay_no_funds"]))).told
    assert told["state"] == "FAILED"
    assert told["diagnosis"]["cause"] == "account"
    assert told["says_en"] == "Not enough money in the account.\nNothing was charged."
    assert told["rest_fen"] == 0


async def test_a_password_is_waited_for_and_the_cashier_sees_for_how_long(shop: Shop) -> None:
    """S39."""
    told = (await shop.post("/v1/payments", shop.wish(code=shop.codes["wechat_password"]))).told
    assert (told["state"], told["waiting_for"]) == ("SENT", "payer_confirms")
    assert told["says_en"].startswith("Waiting for the customer to confirm on their phone.\n0 of at most ")


async def test_our_own_code_is_shown_and_paid_by_notice(shop: Shop) -> None:
    """S11."""
    shown = (await shop.post("/v1/payments", shop.wish(code=None, channel="wechat"))).told
    assert (shown["state"], shown["mode"]) == ("SHOWN", "shown")
    assert shown["qr"].startswith("weixin://")
    scan = {"action": "scan", "code_url": shown["qr"], "habit": "ok"}
    assert shop.sim is not None
    async with shop.session.post(f"{shop.sim.base_url}/_sim/payer", json=scan) as done:
        assert done.status == 200
    told = await until(shop, f"/v1/payments/{shown['id']}", state="PAID")
    assert told["qr"] == ""


async def test_an_alipay_notice_is_taken_in_too(shop: Shop) -> None:
    shown = (await shop.post("/v1/payments", shop.wish(code=None, channel="alipay"))).told
    assert shown["state"] == "SHOWN", shown
    scan = {"action": "scan", "qr_code": shown["qr"], "habit": "ok"}
    assert shop.sim is not None
    async with shop.session.post(f"{shop.sim.base_url}/_sim/payer", json=scan) as done:
        assert done.status == 200
    await until(shop, f"/v1/payments/{shown['id']}", state="PAID")


async def test_a_payment_is_given_up_before_it_is_paid(shop: Shop) -> None:
    shown = (await shop.post("/v1/payments", shop.wish(code=None, channel="wechat"))).told
    answer = await shop.post(f"/v1/payments/{shown['id']}/cancel")
    assert (answer.status, answer.told["state"]) == (200, "CLOSED")


async def test_what_is_paid_cannot_be_given_up(shop: Shop) -> None:
    answer = await shop.post(f"/v1/payments/{await shop.paid()}/cancel")
    assert (answer.status, answer.code) == (409, "payment.already_paid")


async def test_goods_are_not_charged_and_the_advice_says_what_to_do(shop: Shop) -> None:
    answer = await shop.post("/v1/payments", shop.wish(code="6901234567892"), accept_language="zh-CN")
    assert (answer.status, answer.code) == (422, "scan.not_payable")
    assert "付款码" in answer.told["detail"]
    assert answer.headers["content-language"] == "zh"


async def test_a_till_of_the_neighbour_does_not_exist(shop: Shop) -> None:
    wish = shop.wish()
    answer = await shop.post("/v1/payments", wish, who="neighbour")
    missing = await shop.post("/v1/payments", shop.wish(till=ids.new(Kind.TILL)))
    assert (answer.status, answer.code) == (missing.status, missing.code) == (404, "payment.till_unknown")


async def test_a_payment_of_the_neighbour_does_not_exist(shop: Shop) -> None:
    """S2."""
    payment_id = await shop.paid()
    for path in ("", "/timeline"):
        answer = await shop.get(f"/v1/payments/{payment_id}{path}", who="neighbour")
        missing = await shop.get(f"/v1/payments/{ids.new(Kind.PAYMENT)}{path}")
        assert (answer.status, answer.code) == (missing.status, missing.code) == (404, "payment.unknown")
    answer = await shop.post(f"/v1/payments/{payment_id}/cancel", who="neighbour")
    assert (answer.status, answer.code) == (404, "payment.unknown")


async def test_lists_are_paged_without_gap_or_double(shop: Shop) -> None:
    made = [await shop.paid(amount_fen=100 + n) for n in range(7)]
    seen: list[str] = []
    after = ""
    while True:
        page = (await shop.get(f"/v1/payments?limit=3&after={after}")).told
        seen += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted(made, reverse=True)


async def test_lists_show_what_was_asked_for(shop: Shop) -> None:
    paid = await shop.paid()
    failed = (await shop.post("/v1/payments", shop.wish(code=shop.codes["wechat_frozen"]))).told["id"]
    assert [each["id"] for each in (await shop.get("/v1/payments?state=FAILED")).told["items"]] == [failed]
    assert [each["id"] for each in (await shop.get("/v1/payments?state=PAID")).told["items"]] == [paid]
    assert (await shop.get(f"/v1/payments?till={ids.new(Kind.TILL)}")).told == NONE
    assert (await shop.get("/v1/payments", who="neighbour")).told == NONE


async def test_a_filter_looks_at_a_bounded_part_and_says_where_to_go_on(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(finding, "LOOKED_MAX", 2)
    oldest = (await shop.post("/v1/payments", shop.wish(code=shop.codes["wechat_frozen"]))).told["id"]
    for n in range(4):
        await shop.paid(amount_fen=100 + n)
    found, after, pages = [], "", 0
    while True:
        page = (await shop.get(f"/v1/payments?state=FAILED&after={after}")).told
        found += [each["id"] for each in page["items"]]
        pages += 1
        if page["next"] is None:
            break
        after = page["next"]
    assert found == [oldest]
    assert pages == 3


async def test_evidence_stands_behind_each_state_and_hides_the_code(shop: Shop) -> None:
    """S15. S36."""
    wish = shop.wish()
    await shop.post("/v1/payments", wish)
    items = (await shop.get(f"/v1/payments/{wish['id']}/timeline")).told["items"]
    assert [each["kind"] for each in items] == ["PaymentOpened", "PaymentPaid"]
    kept = await shop.get(f"/v1/evidence/{wish['id']}/{items[1]['evidence']}")
    assert (kept.told["operation"], kept.told["status"]) == ("pay", 200)
    assert wish["code"] not in kept.raw.decode()
    other = await shop.get(f"/v1/evidence/{wish['id']}/{items[1]['evidence']}", who="neighbour")
    assert (other.status, other.code) == (404, "evidence.unknown")
