"""Goods at the till: scanned into a basket, charged by its sum, and compared with what was keyed (S44)."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

from tests.browser.conftest import Counter, settled
from yuanlu import ids
from yuanlu.ids import Kind

WATER, BREAD, UNPRICED = "6901234567892", "6923450657713", "4006381333931"


async def sell(till: Counter, barcode: str, name: str, fen: int, **more: object) -> None:
    """Put goods on sale."""
    wish = {"id": ids.new(Kind.GOODS), "barcode": barcode, "name_zh": name, "price_fen": fen, **more}
    answer = await till.shop.post("/v1/goods", wish, who="boss")
    assert answer.status in (200, 201), answer.told


async def on_sale(till: Counter) -> None:
    """Water and bread, once in this shop."""
    told = (await till.shop.get("/v1/goods", who="boss")).told["items"]
    if not told:
        await sell(till, WATER, "水", 200)
        await sell(till, BREAD, "面包", 680)
        await sell(till, UNPRICED, "新货", 300, since="2099-01-01T00:00:00Z")


async def shows(till: Counter, amount: str) -> None:
    await expect(till.page.get_by_label("金额", exact=True)).to_have_text(amount)


async def test_goods_are_scanned_and_their_sum_is_charged_without_a_tap(till: Counter) -> None:
    """S44."""
    await on_sale(till)
    for code in (WATER, BREAD, WATER):
        await till.gun(code)
    await till.sees("3 件 · ¥10.80")
    await shows(till, "¥10.80")
    await till.gun(await till.fresh())
    await till.sees("收款成功")
    assert till.taps == 0
    paid = (await till.payments())[0]
    assert (paid["state"], paid["amount_fen"]) == ("PAID", 1080)
    row = await till.shop.app.pools.recorder.fetchval("select lines from payments where id = $1", paid["id"])
    assert row == f'[["{WATER}","水",2,400],["{BREAD}","面包",1,680]]'
    await till.at("pad")
    assert await till.page.get_by_text("件 ·").count() == 0


async def test_a_code_scanned_while_goods_are_looked_up_is_charged_with_them(till: Counter) -> None:
    await on_sale(till)

    async def slow(route: object) -> None:
        await asyncio.sleep(1)
        await route.continue_()  # type: ignore[attr-defined]

    await till.page.route("**/v1/goods?**", slow)
    await till.gun(BREAD)
    await till.gun(WATER)
    await till.gun(await till.fresh())
    await till.sees("收款成功")
    assert (await till.payments())[0]["amount_fen"] == 880


async def test_an_amount_keyed_over_a_basket_is_asked_about_and_a_key_gives_the_sum_back(till: Counter) -> None:
    """S44: ten times the basket."""
    await on_sale(till)
    await till.gun(BREAD)
    await till.gun(BREAD)
    await shows(till, "¥13.60")
    await till.key("136")
    await shows(till, "¥136")
    await asyncio.sleep(0.9)
    await till.gun(await till.fresh())
    await till.at("question")
    assert not [each for each in await till.payments() if each["amount_fen"] == 13_600]
    await till.tap(till.say("till.change_it"))
    await till.at("pad")
    await till.page.keyboard.press("Escape")
    await shows(till, "¥13.60")
    await asyncio.sleep(0.9)
    await till.gun(await till.fresh())
    await till.sees("收款成功")
    assert (await till.payments())[0]["amount_fen"] == 1360


async def test_goods_are_changed_and_what_was_taken_out_comes_back(till: Counter) -> None:
    await on_sale(till)
    await till.gun(WATER)
    await till.tap("商品")
    await till.tap("多一件：水")
    await till.tap("多一件：水")
    await till.tap("少一件：水")
    await till.sees("¥2.00 × 2 = ¥4.00")
    await till.tap("全部拿掉")
    await till.sees("还没有商品")
    await till.tap("放回来")
    await till.gun(BREAD)
    await till.at("pad")
    await shows(till, "¥10.80")


async def test_goods_of_no_price_and_unknown_ones_are_named_and_nothing_is_charged(till: Counter) -> None:
    await on_sale(till)
    await till.gun(UNPRICED)
    await till.sees("这件商品还没有价格")
    await till.tap("返回")
    await asyncio.sleep(0.9)
    await till.gun("5901234123457")
    await till.sees("这是商品条码")
    await till.tap("返回")
    await shows(till, "¥0")


async def test_goods_seen_before_are_sold_without_a_network_for_cash(till: Counter) -> None:
    await on_sale(till)
    await till.gun(BREAD)
    await till.sees("1 件 · ¥6.80")
    await till.tap("商品")
    await till.tap("全部拿掉")
    await till.tap(till.say("till.basket_leave"))
    await till.context.set_offline(True)
    await till.sees("没有网络")
    for _ in range(3):
        await till.gun(BREAD)
    await till.sees("3 件 · ¥20.40")
    await till.tap("收现金")
    await till.tap("收到 ¥20.40")
    await till.at("taken")
    await till.context.set_offline(False)

    async def told() -> bool:
        return any(each["amount_fen"] == 2040 and each["channel"] == "cash" for each in await till.payments())

    await settled(told, 30)
