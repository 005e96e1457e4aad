"""The customer's page in a real browser: read by all, large enough for any finger, the whole walk without a script."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in, settled
from tests.browser.looking import seen
from tests.web.test_console import entered
from tests.web.test_portal import receipt_of
from yuanlu import ids
from yuanlu.ids import Kind

LEAST = 44


async def case_in(counter: Counter, payment: str, state: str) -> str:
    """The case of a payment, once it is in this state; its id."""

    async def there() -> str:
        items = (await counter.shop.get(f"/v1/cases?payment={payment}")).told["items"]
        return str(items[0]["id"]) if items and items[0]["state"] == state else ""

    return str(await settled(there, seconds=60))


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_state_is_read_by_all_and_pressed_by_any_finger(chromium: Browser, place: Place, lang: str) -> None:
    """S1: asked, in review, asked for more, declined, taken up again, money back; and a stranger's door."""
    trouble: list[str] = []
    async with (
        counter_in(chromium, place, lang=lang, viewport={"width": 360, "height": 800}, reduced_motion="reduce") as mine,
        counter_in(chromium, place, lang=lang, viewport={"width": 320, "height": 700}) as other,
    ):
        payment = await mine.shop.paid()
        link = mine.url + await receipt_of(mine.shop, payment)

        async def look(name: str) -> None:
            nonlocal trouble
            await mine.page.goto(f"{link}/case")
            trouble += await seen(mine.page, f"portal-{name}-{lang}", least=LEAST, full_page=True)

        desk = await entered(mine.shop, "owner")

        async def does(act: str, **filled: str) -> None:
            case = await case_in(mine, payment, "REVIEW")
            await desk.open(f"/console/refunds/{case}")
            await desk.send(f"/console/refunds/{case}/{act}", **filled)
            assert desk.status == 200, desk.page

        await mine.page.goto(link)
        trouble += await seen(mine.page, f"portal-receipt-{lang}", least=LEAST, full_page=True)
        await look("ask")
        await other.page.goto(f"{link}/case")
        trouble += await seen(other.page, f"portal-stranger-{lang}", least=LEAST, full_page=True)
        await mine.page.locator("input[value=request]").check()
        await mine.page.locator("#said").fill("<b>多按了一个零</b> " + "w" * 120)
        await mine.page.locator("form[action$='/ask'] button").click()
        await case_in(mine, payment, "REVIEW")
        await look("review")
        await does("ask", words="请把小票拍一张给我们")
        await look("asked-for-more")
        await mine.page.locator("#text").fill("小票在这里，卡号 6200000000000005")
        await mine.page.locator("form[action$='/say'] button").click()
        await does("decline", reason="policy", words="超过了期限")
        await look("declined")
        await mine.page.locator("#objection").fill("小票上写着三天内可退")
        await mine.page.locator("form[action$='/object'] button").click()
        desk = await entered(mine.shop, "finance")  # not who declined it
        await does("approve", amount="", words="对不起")
        await case_in(mine, payment, "CLOSED")
        await look("arrived")
        await expect(mine.page.locator(".chip")).to_contain_text({"zh": "钱已到账", "en": "Money back"}[lang])
    assert not trouble, "\n".join(trouble)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_papers_are_read_by_all_and_enlarged(chromium: Browser, place: Place, lang: str) -> None:
    """退款政策, 隐私, and the page of a request that the shop wrote down: 320 px wide, and at 200 % without a sideways
    scroll."""
    trouble: list[str] = []
    async with counter_in(chromium, place, lang=lang, viewport={"width": 320, "height": 700}) as phone:
        payment = await phone.shop.paid()
        link = phone.url + await receipt_of(phone.shop, payment)
        wish = {"id": ids.new(Kind.CASE), "payment": payment, "what": "request", "said": "顾客在柜台说的"}
        assert (await phone.shop.post("/v1/cases", wish)).status == 201
        for more in ("", "/policy", "/privacy", "/case"):
            await phone.page.goto(link + more)
            name = f"portal{more.replace('/', '-') or '-first'}-320-{lang}"
            trouble += await seen(phone.page, name, least=LEAST, full_page=True)
            await phone.page.set_viewport_size({"width": 640, "height": 900})
            await phone.page.evaluate("() => { document.documentElement.style.zoom = '2'; }")
            wide = await phone.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{more} at 200 % is {wide} too wide"
            await phone.page.set_viewport_size({"width": 320, "height": 700})
        await phone.page.locator("form[action$='/take'] button").click()
        await expect(phone.page.locator(".mono").first).to_have_text(str(wish["id"]))
        await phone.page.emulate_media(media="print")
        for gone in ("form", "nav", ".save", ".help"):
            for each in await phone.page.locator(gone).all():
                await expect(each).to_be_hidden()
        await expect(phone.page.get_by_text(str(wish["id"]))).to_be_visible()
        if folder := os.environ.get("SHOTS"):
            await phone.page.screenshot(path=f"{folder}/portal-print-{lang}.png", full_page=True)
    assert not trouble, "\n".join(trouble)


async def test_the_walk_needs_no_script_and_two_taps(chromium: Browser, place: Place) -> None:
    async with counter_in(chromium, place, viewport={"width": 360, "height": 800}, java_script_enabled=False) as phone:
        payment = await phone.shop.paid()
        await phone.page.goto(phone.url + await receipt_of(phone.shop, payment) + "/case")
        await phone.page.locator("label", has_text="想退货").click()
        await phone.page.locator("button", has_text="提交申请").click()
        await expect(phone.page.locator("li[aria-current=step]")).to_contain_text("商家核对中")
        await case_in(phone, payment, "REVIEW")


async def test_a_page_is_small(chromium: Browser, place: Place) -> None:
    """Budget of ux.md section 11: 40 kB compressed, cold."""
    async with counter_in(chromium, place) as phone:
        link = phone.url + await receipt_of(phone.shop, await phone.shop.paid()) + "/case"
        sizes: list[int] = []
        session = await phone.context.new_cdp_session(phone.page)
        await session.send("Network.enable")
        session.on("Network.loadingFinished", lambda told: sizes.append(int(told["encodedDataLength"])))
        await phone.page.goto(link)
        assert 1_000 < sum(sizes) <= 40_000
