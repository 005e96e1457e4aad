"""The review page alive in real browsers: parts are swapped, what another did is marked, nothing goes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import LEAST, WIDE, asked, chosen, enter

LOOK: dict[str, Any] = {"viewport": WIDE, "reduced_motion": "reduce"}
HEARD_MS = 20_000
"""Until it is heard, on a machine with much else to do."""


@pytest.fixture
async def desks(chromium: Browser, place: Place) -> AsyncIterator[tuple[Counter, Counter]]:
    """Two people at two browsers."""
    async with counter_in(chromium, place, **LOOK) as one, counter_in(chromium, place, **LOOK) as other:
        await asyncio.gather(enter(one, "manager"), enter(other, "manager"))
        yield one, other


async def cleared(counter: Counter) -> None:
    """Nothing waits for review: what tests before left there is closed."""
    items = (await counter.shop.get("/v1/cases?state=REVIEW", who="boss")).told["items"]
    for each in items:
        wish = {"version": each["version"]}
        assert (await counter.shop.post(f"/v1/cases/{each['id']}/withdraw", wish, who="boss")).status == 200


async def test_what_one_does_is_marked_at_the_other_and_swapped_when_asked(desks: tuple[Counter, Counter]) -> None:
    """S61: the badge moves, a banner stands there, and what is being written stays."""
    one, other = desks
    await cleared(one)
    cases = [await asked(one, said) for said in ("不要了", "多按了一个零")]
    at = f"{one.url}/console/refunds/{cases[0]}"
    page = one.page
    await page.goto(at)
    await expect(page.locator("[data-count=review]")).to_have_text("2")
    await page.keyboard.press("r")
    await page.locator("#decline-to_customer_needed").fill("我正在写给顾客的话")
    await other.page.goto(at)
    await other.page.keyboard.press("a")
    await other.page.keyboard.press("Enter")
    await expect(other.page.locator("header.case .chip").first).to_contain_text("退款中")
    await expect(other.page.locator("[data-count=review]")).to_have_text("1")
    assert other.page.url == at
    await expect(page.locator("[data-count=review]")).to_have_text("1", timeout=HEARD_MS)
    await expect(page.locator("[data-moved=case]")).to_be_visible(timeout=HEARD_MS)
    await expect(page.locator("[data-moved=list]")).to_be_visible(timeout=HEARD_MS)
    await expect(page.locator("#decline-to_customer_needed")).to_have_value("我正在写给顾客的话")
    assert not await seen(page, "console-moved-zh", least=LEAST, full_page=True)
    await page.locator("details[data-key=r] form button").click()
    await expect(page.get_by_role("alert")).to_contain_text("别人刚处理过这笔")
    await expect(page.locator("#kept")).to_have_value("我正在写给顾客的话")
    await expect(page.locator("header.case .chip").first).not_to_contain_text("待审核")
    await expect(page.locator(".wrong")).to_be_focused()
    assert not await seen(page, "console-stale-zh", least=LEAST, full_page=True)


async def test_a_fresh_detail_is_swapped_in_by_a_button_and_keeps_what_was_written(
    desks: tuple[Counter, Counter],
) -> None:
    one, other = desks
    await cleared(one)
    case = await asked(one, "不要了")
    at = f"{one.url}/console/refunds/{case}"
    await one.page.goto(at)
    await one.page.keyboard.press("r")
    await one.page.locator("#decline-to_customer_needed").fill("还没写完")
    await other.page.goto(at)
    await other.page.locator("#text").fill("我来看一下")
    await other.page.locator("form.say button").click()
    await expect(other.page.locator("#stream .bubble").last).to_have_text("我来看一下")
    await expect(other.page.locator("#text")).to_have_value("")
    await expect(one.page.locator("[data-moved=case]")).to_be_visible(timeout=HEARD_MS)
    await one.page.locator("[data-fresh]").click()
    await expect(one.page.locator("#stream .bubble").last).to_have_text("我来看一下")
    await expect(one.page.locator("[data-moved=case]")).to_be_hidden()
    await expect(one.page.locator("#decline-to_customer_needed")).to_have_value("还没写完")
    await expect(one.page.locator("#decline-to_customer_needed")).to_be_visible()


async def test_a_row_swaps_the_detail_alone_by_click_and_by_key_and_back_goes_back(
    desks: tuple[Counter, Counter],
) -> None:
    """S61: no page is loaded; the focus goes to the heading, since it was asked for."""
    one, _ = desks
    page = one.page
    await cleared(one)
    cases = [await asked(one, said) for said in ("不要了", "多按了一个零", "扫错了")]
    await page.goto(f"{one.url}/console/refunds")
    await expect(page.locator("[data-row]")).to_have_count(3)
    await page.locator("h1").evaluate("(each) => { each.dataset.same = 'yes'; }")
    await page.locator(f"[data-row][href$='{cases[2]}']").click()
    await expect(page.locator(f"[data-case='{cases[2]}']")).to_be_visible()
    await chosen(one, cases[2])
    assert page.url.endswith(cases[2])
    await expect(page.locator("#detail h2")).to_be_focused()
    await page.keyboard.press("k")
    await expect(page.locator(f"[data-case='{cases[1]}']")).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.locator("details[data-key=a] input[name=amount]")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("details[data-key=a]")).not_to_have_attribute("open", "")
    await page.go_back()
    await expect(page.locator(f"[data-case='{cases[2]}']")).to_be_visible()
    await expect(page.locator("[data-row]")).to_have_count(3)
    await page.reload()
    await chosen(one, cases[2])


async def test_several_are_chosen_looked_at_and_approved(desks: tuple[Counter, Counter]) -> None:
    """S61: in both languages, wide and narrow, nothing that axe finds."""
    one, _ = desks
    page = one.page
    await cleared(one)
    for said in ("不要了", "多按了一个零", "扫错了"):
        await asked(one, said)
    trouble = []
    for lang in ("en", "zh"):
        await page.goto(f"{one.url}/console/refunds?lang={lang}")
        for box in await page.locator(".pick input").all():
            await box.check()
        trouble += await seen(page, f"console-picked-{lang}", least=LEAST, full_page=True)
        await page.locator("button[form=together]").click()
        await expect(page.locator(".sum")).to_have_text("¥384.00")
        for name, width in (("narrow", 320), ("wide", WIDE["width"])):
            await page.set_viewport_size({"width": width, "height": 900})
            trouble += await seen(page, f"console-together-{name}-{lang}", least=LEAST, full_page=True)
    await page.locator("form button.main").click()
    await expect(page.locator(".picked .chip")).to_have_count(3)
    trouble += await seen(page, "console-became-zh", least=LEAST, full_page=True)
    await page.set_viewport_size({"width": 320, "height": 900})
    trouble += await seen(page, "console-became-narrow-zh", least=LEAST, full_page=True)
    assert not trouble, "\n".join(trouble)
