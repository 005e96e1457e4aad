"""Causes, findings and look-alikes over HTTP."""

from __future__ import annotations

from tests.web.conftest import Shop
from tests.web.test_refunds_and_cases import later, report
from yuanlu import ids
from yuanlu.ids import Kind


async def test_the_kinds_of_causes_are_told_with_words_for_both_sides(shop: Shop) -> None:
    """S37."""
    items = (await shop.get("/v1/causes")).told["items"]
    assert {"input.amount.extra_digit", "network.charged_twice_after_timeout"} <= {each["id"] for each in items}
    assert all(each[f"{who}_{lang}"] for each in items for who in ("cashier", "customer") for lang in ("zh", "en"))


async def test_what_was_found_about_a_case_is_told_best_first(shop: Shop) -> None:
    """S37, S70."""
    payment = await shop.paid()
    case = (await shop.post("/v1/cases", report(payment))).told
    assert (await shop.get(f"/v1/cases/{case['id']}/findings")).told["items"] == []
    await later(shop, 2)
    items = (await shop.get(f"/v1/cases/{case['id']}/findings")).told["items"]
    assert (items[0]["cause"], items[0]["suggested_fen"]) == ("input.amount.decimal_slip", 11520)
    assert items[0]["evidence"] == [payment]
    confidences = [each["confidence"] for each in items]
    assert confidences == sorted(confidences, reverse=True)


async def test_a_neighbour_sees_neither_findings_nor_look_alikes(shop: Shop) -> None:
    """S55."""
    payment = await shop.paid()
    case = (await shop.post("/v1/cases", report(payment))).told
    assert (await shop.get(f"/v1/cases/{case['id']}/findings", who="neighbour")).code == "case.unknown"
    assert (await shop.get(f"/v1/payments/{payment}/alike", who="neighbour")).code == "payment.unknown"
    assert (await shop.get(f"/v1/payments/{ids.new(Kind.PAYMENT)}/alike")).code == "payment.unknown"


async def test_look_alikes_are_told_side_by_side(shop: Shop) -> None:
    """S55."""
    first, second = await shop.paid(), await shop.paid()
    told = (await shop.get(f"/v1/payments/{second}/alike")).told
    assert (told["payment"], told["before"]) == (second, first)
    assert [each["id"] for each in told["items"]] == [first]
    assert told["items"][0]["same_amount"]
    assert told["items"][0]["same_till"]
