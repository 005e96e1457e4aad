"""What a customer waits for on a weak phone, in Debian's Chromium: from the slip's QR to a form that can be sent."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import aiohttp

from yuanlu import ids
from yuanlu.app import running
from yuanlu.bench import world
from yuanlu.bench.measure import Figure, Size, against, median, say
from yuanlu.bench.till import PHONE, SLOW, SLOWER, has_browser
from yuanlu.bench.world import World
from yuanlu.config import Settings
from yuanlu.ids import Kind
from yuanlu.postgres import Server
from yuanlu.receipts import flow as receipts

if TYPE_CHECKING:
    from playwright.async_api import Browser

PAGES = ("", "/case", "/policy")
"""The pages that are opened cold: the receipt, where one asks, and the policy."""
_USABLE = """() => {
  const drawn = performance.getEntriesByName('first-contentful-paint')[0];
  return drawn && Math.max(drawn.startTime, performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd);
}"""
_ENDED = "() => performance.getEntriesByType('navigation')[0].responseEnd"


async def portal(server: Server, size: Size) -> list[Figure]:
    """The customer's page in a browser that was never there: drawn, and its forms and its script ready."""
    if not has_browser():
        return []
    from playwright.async_api import async_playwright  # noqa: PLC0415 - a requirement of the tests alone

    async with world.made(server) as made, world.program(("serve", "--port", "0"), server.state) as service:
        url = service.said.split()[-1].replace("127.0.0.1", "localhost")
        link = url + await _receipt(made, url, server)
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            say("portal: from nothing to a form, slowed down")
            empty = [await _cold(browser, f"{url}/healthz", _ENDED) for _ in range(size.starts)]
            took = [[await _cold(browser, link + more, _USABLE) for _ in range(size.starts)] for more in PAGES]
            await browser.close()
    worst = max(took, key=median)
    return [Figure(name="portal_usable", unit="ms", **against(median(empty), median(worst)))]


async def _receipt(made: World, url: str, server: Server) -> str:
    """A payment is made; the path of its page."""
    wish = {
        "id": ids.new(Kind.PAYMENT), "till": made.till.id, "amount_fen": 12_800, "currency": "CNY",
        "code": made.sim["payer_codes"]["wechat_ok"], "description": "bench",
    }  # fmt: skip
    headers = {"authorization": f"Bearer {made.key}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.post(f"{url}/v1/payments", json=wish) as told:
        if told.status != 201:
            raise RuntimeError(f"nothing was paid: {await told.text()}")
    async with running(Settings(state=server.state), made.database) as app:
        return f"/r/{await receipts.token_of(app.desk, made.till.merchant_id, str(wish['id']), 'bench')}"


async def _cold(browser: Browser, url: str, ready: str) -> float:
    """Milliseconds until a page is ready in a browser with nothing kept, at a sixth of the processor, 400 kbit/s."""
    context = await browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    try:
        page = await context.new_page()
        device = await context.new_cdp_session(page)
        await device.send("Network.enable")
        await device.send("Network.emulateNetworkConditions", SLOW)
        await device.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await page.goto(url, wait_until="load")
        while not (took := await page.evaluate(ready)):
            await page.wait_for_timeout(50)
        return float(took)
    finally:
        await context.close()
