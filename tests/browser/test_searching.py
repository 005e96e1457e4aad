"""Finding a payment in a real browser: by the box, by the form, with what is kept; seen wide and narrow."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import LEAST, NARROW, WIDE, enter


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_a_payment_is_found_by_all_and_with_any_finger(chromium: Browser, place: Place, lang: str) -> None:
    """S15: typed into the box, filled into the form, kept under a name, opened again, dropped."""
    trouble = []
    async with counter_in(chromium, place, lang=lang, viewport=WIDE, reduced_motion="reduce") as counter:
        page, shop = counter.page, counter.shop
        one = await shop.paid(amount_fen=7_654_321 if lang == "zh" else 7_654_322)
        for _ in range(2):
            await shop.paid(amount_fen=6_600)
        await enter(counter, "owner")
        await page.locator("#seek").fill("76543.21" if lang == "zh" else "¥76,543.22")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{counter.url}/console/payments/{one}")
        await page.locator("#seek").fill("66")
        await page.keyboard.press("Enter")
        await expect(page.locator("main li a").nth(1)).to_be_visible()
        trouble += await seen(page, f"console-find-{lang}", least=LEAST, full_page=True)
        await page.locator("#seek").fill("ABC")
        await page.keyboard.press("Enter")
        await expect(page.locator(".empty")).to_be_visible()
        trouble += await seen(page, f"console-find-none-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/payments")
        await page.locator("#amount").fill("66")
        await page.locator("form.search summary").click()
        await page.locator("#channel").select_option("wechat")
        await page.locator("form.search button[type=submit]").click()
        await expect(page.locator("tbody tr").nth(1)).to_be_visible()
        await expect(page.locator("#channel")).to_have_value("wechat")
        await page.locator("details.act summary").click()
        await page.locator("#kept-name").fill("微信 66")
        await page.keyboard.press("Enter")
        await expect(page.locator(".kept a[aria-current]")).to_have_text("微信 66")
        for size, name in ((WIDE, "wide"), (NARROW, "narrow")):
            await page.set_viewport_size(size)  # type: ignore[arg-type]
            trouble += await seen(page, f"console-search-{name}-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/payments?code_tail=none")
        trouble += await seen(page, f"console-search-none-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/payments?amount=12,80")
        await expect(page.get_by_role("alert")).to_be_visible()
        trouble += await seen(page, f"console-search-wrong-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/me")
        trouble += await seen(page, f"console-me-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/payments")
        await page.locator(".kept form button").click()
        await expect(page.locator(".kept")).to_have_count(0)
    assert not trouble, "\n".join(trouble)
