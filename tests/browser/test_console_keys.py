"""Keys, hooks, codes and the audit log in a real browser: wide and narrow, read by all, pressed by any finger."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import HOSTILE, LEAST, NARROW, WIDE, asked, enter
from yuanlu.audit import flow

TEXT = "wxp://f2f0abcdefghijklmnop"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_keys_codes_and_the_audit_log_are_read_by_all(chromium: Browser, place: Place, lang: str) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, viewport=WIDE, reduced_motion="reduce") as counter:
        page, shop = counter.page, counter.shop
        await enter(counter, "owner")
        case = await asked(counter, "多按了一个零")
        await page.goto(f"{counter.url}/console/keys")
        await page.locator("#actor").fill(f"仓库系统 {HOSTILE}"[:60])
        await page.locator("input[name=scope_read]").check()
        await page.locator("main form[action='/console/keys'] button").click()
        await expect(page.locator("code.secret")).to_contain_text("yk_")
        trouble += await seen(page, f"keys-made-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/hooks")
        await page.locator("#target").fill("https://shop.example/" + "long" * 40)
        await page.locator("main form[action='/console/hooks'] button").click()
        await expect(page.locator("code.secret")).to_be_visible()
        trouble += await seen(page, f"hooks-made-{lang}", least=LEAST, full_page=True)
        hook = await page.locator("main table a").first.get_attribute("href")
        await page.goto(f"{counter.url}/console/codes")
        await page.locator("#text").fill(TEXT + lang)
        await page.locator("#place").fill(HOSTILE[:60])
        await page.locator("main form[action='/console/codes'] button").click()
        await expect(page.locator("main h1")).to_contain_text(lang)
        code = page.url.removeprefix(counter.url)
        await flow.link(shop.app.pools.recorder, timedelta(0))
        pages = {
            "keys": "/console/keys", "hooks": "/console/hooks", "hook": hook, "codes": "/console/codes", "code": code,
            "audit": "/console/audit", "audit-of": f"/console/audit?object={case}",
            "audit-check": "/console/audit/check",
            "audit-wrong": "/console/audit?from=2026-02-02&to=2026-02-01",
        }  # fmt: skip
        for size in ("wide", "narrow") if lang == "en" else ("wide",):
            await page.set_viewport_size(WIDE if size == "wide" else NARROW)
            for name, path in pages.items():
                await page.goto(f"{counter.url}{path}")
                trouble += await seen(page, f"{name}-{size}-{lang}", least=LEAST, full_page=True)
            for name in ("keys", "hook", "code", "audit"):
                await page.goto(f"{counter.url}{pages[name]}")
                for act in await page.locator("main details.act > summary").all():
                    await act.click()
                await page.evaluate("() => scrollTo(0, 0)")  # the head stays in sight, over whatever was scrolled to
                trouble += await seen(page, f"{name}-acts-{size}-{lang}", least=LEAST, full_page=True)
    assert not trouble, "\n".join(trouble)
