"""Amounts explained and refunds by line, over HTTP, with payers who have coupons."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.web.conftest import Shop
from tests.web.test_refunds_and_cases import later
from yuanlu import ids
from yuanlu.ids import Kind

LINES = [
    {"id": "1", "name": "tea", "quantity": 3, "amount_fen": 3000},
    {"id": "2", "name": "cake", "amount_fen": 1001},
]


async def coupon_code(shop: Shop, wallet: str, coupon_fen: int) -> str:
    """The code of a payer who has a coupon."""
    assert shop.sim is not None
    wish = {"action": "new", "wallet": wallet, "coupon_fen": coupon_fen}
    async with shop.session.post(f"{shop.sim.base_url}/_sim/payer", json=wish) as answer:
        assert answer.status == 200, await answer.text()
        return str((await answer.json())["code"])


def refund(payment: str, **wish: Any) -> dict[str, Any]:
    return {"id": ids.new(Kind.REFUND), "payment": payment} | wish


async def amounts(shop: Shop, payment: str) -> dict[str, int]:
    told = (await shop.get(f"/v1/payments/{payment}/amounts")).told
    assert told["differences"] == []
    return {each["what"]: each["amount_fen"] for each in told["amounts"]}


@pytest.mark.parametrize("wallet", ["wechat", "alipay"])
async def test_a_coupon_is_told_apart_from_what_the_payer_paid_and_gets_back(shop: Shop, wallet: str) -> None:
    """S77."""
    payment = await shop.paid(amount_fen=10000, code=await coupon_code(shop, wallet, 1000))
    assert await amounts(shop, payment) == {
        "charged": 10000,
        "payer": 9000,
        "coupon": 1000,
        "settled": 10000,
        "left": 10000,
    }
    sent = await shop.post("/v1/refunds", refund(payment, amount_fen=3333))
    assert sent.status == 201
    for _ in range(3):
        await later(shop, 61)
    told = await amounts(shop, payment)
    assert (told["back"], told["arrived"], told["coupon_back"], told["left"]) == (3333, 2999, 334, 6667)


async def test_lines_go_back_to_the_fen_and_no_piece_goes_back_twice(shop: Shop) -> None:
    """S70."""
    payment = await shop.paid(amount_fen=4000, lines=LINES)
    first = await shop.post("/v1/refunds", refund(payment, lines=[{"id": "1", "quantity": 2}]))
    again = await asyncio.gather(*(shop.post("/v1/refunds", refund(payment, lines=[{"id": "1"}])) for _ in range(4)))
    assert sorted(each.status for each in again) == [201, 409, 409, 409]
    assert {each.code for each in again if each.status != 201} == {"lines.over"}
    last = await shop.post("/v1/refunds", refund(payment, lines=[{"id": "2"}]))
    one = next(each for each in again if each.status == 201)
    assert first.told["amount_fen"] + one.told["amount_fen"] + last.told["amount_fen"] == 4000
    told = (await shop.get(f"/v1/payments/{payment}/amounts")).told
    assert [(each["share_fen"], each["back_fen"]) for each in told["lines"]] == [(2999, 2999), (1001, 1001)]


async def test_a_refund_is_by_amount_or_by_lines(shop: Shop) -> None:
    payment = await shop.paid()
    for wish in ({}, {"amount_fen": 1, "lines": [{"id": "1"}]}):
        assert (await shop.post("/v1/refunds", refund(payment, **wish))).code == "refund.amount_or_lines"
    assert (await shop.post("/v1/refunds", refund(payment, lines=[{"id": "1"}]))).code == "lines.none"


async def test_lines_are_part_of_what_was_asked(shop: Shop) -> None:
    wish = {"id": ids.new(Kind.PAYMENT), "till": shop.till, "amount_fen": 4001, "code": shop.codes["wechat_ok"]}
    assert (await shop.post("/v1/payments", wish | {"lines": LINES})).status == 201
    assert (await shop.post("/v1/payments", wish | {"lines": LINES})).status == 200
    assert (await shop.post("/v1/payments", wish)).code == "payment.id_taken"
    more = wish | {"id": ids.new(Kind.PAYMENT), "amount_fen": 4002, "lines": LINES}
    assert (await shop.post("/v1/payments", more)).code == "lines.sum"


async def test_amounts_of_what_has_no_money_are_not_explained(shop: Shop) -> None:
    wish = {"id": ids.new(Kind.PAYMENT), "till": shop.till, "amount_fen": 100, "code": shop.codes["wechat_no_funds"]}
    await shop.post("/v1/payments", wish)
    assert (await shop.get(f"/v1/payments/{wish['id']}/amounts")).code == "payment.not_paid"
    assert (await shop.get(f"/v1/payments/{ids.new(Kind.PAYMENT)}/amounts")).code == "payment.unknown"
