"""Reports in a real browser: read by all, light and dark, in both languages, wide, narrow and on paper."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import LEAST, NARROW, WIDE, enter
from tests.web.test_guards import question
from tests.web.test_refunds_and_cases import later
from tests.web.test_reports import NAMES, made
from yuanlu import ids
from yuanlu.guards.rules import Guard
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants

DAYS = "from=2026-11-01&to=2026-11-20"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_report_is_read_by_all(chromium: Browser, place: Place, lang: str) -> None:
    """S19."""
    trouble = []
    async with counter_in(chromium, place, lang=lang, viewport=WIDE, reduced_motion="reduce") as counter:
        shop, page = counter.shop, counter.page
        payment, case = await shop.paid(), ids.new(Kind.CASE)
        wish = {"id": case, "payment": payment, "what": "wrong_amount", "meant_fen": 1280, "said": "多按了一个零"}
        assert (await shop.post("/v1/cases", wish)).status == 201
        for _ in range(3):
            await later(shop, 600)
        here = (await shop.get("/v1/tills")).told["items"][0]["store"]
        pool, now = shop.app.pools.recorder, shop.app.clock.now()
        there = await merchants.add_store(pool, shop.merchant_id, "人民路二店", now)
        second = await merchants.add_till(pool, shop.merchant_id, there, "二店收银台 1", now)
        await made(shop, shop.merchant_id, [(here, shop.till), (there, second)])
        for guard in (Guard.TIMES_10, Guard.TIMES_10, Guard.TWICE, Guard.BIG):
            await question(shop, guard, reply="confirmed", sale=payment)
        await enter(counter, "owner")
        for size in ("wide", "narrow") if lang == "en" else ("wide",):
            await page.set_viewport_size(WIDE if size == "wide" else NARROW)
            await page.goto(f"{counter.url}/console/reports")
            trouble += await seen(page, f"console-reports-{size}-{lang}", least=LEAST, full_page=True)
            for name in NAMES:
                days = "" if name in ("guards", "time-back") else DAYS
                days = "from=2026-11-11&to=2026-11-20" if name == "change" else days
                await page.goto(f"{counter.url}/console/reports/{name}?{days}")
                await page.locator("details.figures-of > summary").click()
                await expect(page.locator("table.figures")).to_be_visible()
                trouble += await seen(page, f"console-report-{name}-{size}-{lang}", least=LEAST, full_page=True)
        await page.emulate_media(media="print")
        await expect(page.locator("form.asks")).to_be_hidden()
        await expect(page.locator("svg.chart").first).to_be_visible()
        if folder := os.environ.get("SHOTS"):
            await page.screenshot(path=Path(folder) / f"console-report-print-{lang}.png", full_page=True)
    assert not trouble, "\n".join(trouble)
