"""Setting a shop up in a real browser: stores, tills and keys, seen wide and narrow, read by all."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.conftest import Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import LEAST, NARROW, WIDE, enter
from tests.web.test_onboarding import right
from yuanlu.channels.contract import Channel


async def test_a_shop_is_set_up_and_a_wrong_key_is_seen_beside_its_field(
    chromium: Browser, place: Place, tmp_path: Path
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang="zh", viewport=WIDE, reduced_motion="reduce") as counter:
        page = counter.page
        await enter(counter, "owner")
        await page.goto(f"{counter.url}/console/shop")
        await page.locator("#new-store").fill("江边店" + "长" * 40)
        await page.locator("form[action='/console/shop'] button").click()
        await expect(page.get_by_role("heading", name="江边店")).to_be_visible()
        for act in await page.locator("details.act > summary").all():
            await act.click()
        trouble += await seen(page, "console-shop-wide-zh", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/channels")
        trouble += await seen(page, "console-channels-wide-zh", least=LEAST, full_page=True)
        await page.locator("#alipay details > summary").click()
        given = right(counter.shop.sim, Channel.ALIPAY)
        key = tmp_path / "key.pem"
        key.write_text(given["app_private_key"])
        await page.locator("#app_id").fill("2021000000000002")
        await page.locator("#app_private_key-file").set_input_files(key)
        await page.locator("#alipay .btn.main").click()
        await expect(page.get_by_role("alert").first).to_be_visible()
        await expect(page.locator("#app_id")).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#alipay .findings")).to_contain_text("应用号")
        trouble += await seen(page, "console-channels-wrong-zh", least=LEAST, full_page=True)
        await page.locator("#app_id").fill(given["app_id"])
        await page.locator("#alipay .btn.main").click()
        await expect(page.locator("#alipay .head .chip")).to_contain_text("密钥都对")
        await page.set_viewport_size(NARROW)
        for name in ("shop", "channels"):
            await page.goto(f"{counter.url}/console/{name}?lang=en")
            await page.evaluate("() => { for (const each of document.querySelectorAll('details')) each.open = true; }")
            trouble += await seen(page, f"console-{name}-narrow-en", least=LEAST, full_page=True)
    assert not trouble, "\n".join(trouble)
