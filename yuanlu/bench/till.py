"""What a cashier waits for, in Debian's Chromium: the first key, a scan on its way, a frame read, a day without a leak.

Seconds of a browser depend on the machine, so each stands beside a floor of the same run. The page's memory after many
payments is beside the page's memory after the first of them.
"""

from __future__ import annotations

import asyncio
import base64
import io
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import aiohttp
import segno
from PIL import Image, ImageDraw

from yuanlu.app import running
from yuanlu.bench import world
from yuanlu.bench.measure import Figure, Size, against, median, say, spread
from yuanlu.bench.world import World
from yuanlu.config import Settings
from yuanlu.machines import flow as machines
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.postgres import Server

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page

PIN, PASSWORD, CASHIER = "471920", "seven 4 green ladders sing", "王芳"
PHONE = {"width": 390, "height": 844}
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""400 kbit/s and 400 ms, with a processor a sixth as fast: a weak phone in a bad corner."""
SLOWER = 6
EVERY = 200
"""The page's memory is taken each so many payments; from the first time on it must stay as it is."""
STEP_MS = 14_400
"""2,000 payments in 8 hours of the page's own clock."""
_READY = """() => {
  const seen = new MutationObserver(() => {
    if (document.querySelector('#till[data-screen=pad] .key')) { seen.disconnect(); performance.mark('usable'); }
  });
  seen.observe(document, { subtree: true, childList: true, attributes: true });
}"""
_AT = "(name) => performance.getEntriesByName(name)[0]?.startTime ?? 0"
_SCAN = """async ([text, code]) => {
  const { app } = await import('/till/static/app.js');
  performance.clearMarks();
  for (const key of text) app.type(key);
  for (const key of [...code, 'Enter']) {
    if (key === 'Enter') performance.mark('enter');
    window.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true }));
  }
}"""
_SENT = """() => { const marks = performance.getEntriesByType('mark');
  const at = (name) => marks.find((each) => each.name.startsWith(name))?.startTime;
  return at('sent-') && at('sent-') - at('enter'); }"""
_LOOK = """async (pictures) => {
  const { LONG_PX } = await import('/till/static/camera.js');
  const eye = new Worker('/till/static/eye.js');
  const heard = () => new Promise((done) => { eye.onmessage = ({ data }) => done(data); });
  await heard();
  const told = [];
  for (let turn = 0; turn < 12; turn += 1) {
    for (const source of pictures) {
      const image = new Image();
      image.src = source;
      await image.decode();
      const size = { resizeWidth: LONG_PX, resizeHeight: LONG_PX * 9 / 16, resizeQuality: 'low' };
      const small = await createImageBitmap(image, size);
      const answer = heard();
      eye.postMessage({ picture: small, turned: null }, [small]);
      const { ms, found } = await answer;
      if (turn > 1) told.push([ms, found.length]);
    }
  }
  eye.terminate();
  return told;
}"""
_FLOOR = """() => {
  const began = performance.now();
  let sum = 0;
  for (let at = 0; at < 2e6; at += 1) sum += at % 7;
  return sum ? performance.now() - began : 0;
}"""
_FORGET = """async () => {
  for (const each of await navigator.serviceWorker.getRegistrations()) await each.unregister();
  for (const each of await caches.keys()) await caches.delete(each);
}"""


async def till(server: Server, size: Size) -> list[Figure]:
    """A till in a browser: usable in, scan to request, a frame."""
    if not _has_browser():
        return []
    async with _counter(server) as (made, page, device):
        sims = made.sim["base_url"]
        floor = median([await page.evaluate(_FLOOR) for _ in range(9)])
        say("till: from nothing to its first key, slowed down")
        cold, empty = await _cold(page, device, size.starts)
        say("till: scans")
        scans = [await _taken(page, sims, number) for number in range(size.scans)]
        say("till: frames")
        looks = await page.evaluate(_LOOK, [_frame(0), _frame(25)])
    if not all(found for _, found in looks):
        raise RuntimeError("a frame was not read")
    frames = [ms for ms, _ in looks]
    return [
        Figure(name="till_usable", unit="ms", **against(median(empty), median(cold))),
        Figure(name="till_scan", unit="ms", **against(floor, median(scans)), **spread([each / 1e3 for each in scans])),
        Figure(
            name="till_frame", unit="ms", **against(floor, median(frames)), **spread([each / 1e3 for each in frames])
        ),
    ]


async def till_day(server: Server, size: Size) -> list[Figure]:
    """What a till's page holds over a day of payments: what the browser compiles of it, as it is used, is left out."""
    if not _has_browser():
        return []
    async with _counter(server, "--js-flags=--jitless") as (made, page, device):
        say(f"till_day: {size.taken} payments in {size.taken * STEP_MS / 3_600_000:.1f} hours of its own clock")
        heaps = await _day(page, device, made.sim["base_url"], size)
    return [Figure(name="till_day", unit="MB", **against(heaps[0], heaps[-1]), peak_mb=max(heaps))]


def _has_browser() -> bool:
    """Whether Playwright and Debian's Chromium are here; says so where they are not."""
    if shutil.which("chromium") and find_spec("playwright"):
        return True
    say("till: left out, it needs Playwright and Debian's package `chromium`: make setup")
    return False


@asynccontextmanager
async def _counter(server: Server, *flags: str) -> AsyncIterator[tuple[World, Page, CDPSession]]:
    """A browser, started with these flags, that is an enrolled till with a cashier at it."""
    from playwright.async_api import async_playwright  # noqa: PLC0415 - a requirement of the tests alone

    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world.made(server))
        service = await stack.enter_async_context(world.program(("serve", "--port", "0"), server.state))
        async with running(Settings(state=server.state), made.database) as app:
            one = await people.add(app.desk, made.till.merchant_id, role="cashier", name=CASHIER, who="bench")
            token = await signing.invite(app.desk, made.till.merchant_id, one.id, "bench")
            await signing.accept(app.desk, app.pools.recorder, token, signing.Means(PASSWORD), name="", shop="")
            await signing.set_pin(app.desk, made.till.merchant_id, one.id, PIN)
            scopes = ("charge", "read", "report", "refund", "drawer", "print")
            invited = await machines.invite(app.desk, made.till.merchant_id, made.till.id, "bench", scopes)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", *flags]
        )
        stack.push_async_callback(browser.close)
        context = await browser.new_context(viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai")  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{service.said.split()[-1].replace('127.0.0.1', 'localhost')}/till#enrol={invited.secret}")
        await page.locator(".btn.main").first.click()
        await page.get_by_role("button", name=CASHIER).click()
        for digit in PIN:
            await page.get_by_role("button", name=digit, exact=True).click()
        await _at(page, "pad")
        yield made, page, await context.new_cdp_session(page)


async def _seen(page: Page, what: str, within_ms: int = 60_000) -> None:
    """Wait until the page shows it, and let go of it: a handle that is kept keeps its whole screen in the heap."""
    found = await page.wait_for_selector(what, timeout=within_ms)
    if found:
        await found.dispose()


async def _at(page: Page, screen: str) -> None:
    await _seen(page, f"#till[data-screen={screen}]")


async def _cold(page: Page, device: CDPSession, turns: int) -> tuple[list[float], list[float]]:
    """Milliseconds from nothing kept but who works here to the first key; and those of the smallest page of all."""
    await page.add_init_script(f"({_READY})()")
    await device.send("Network.enable")
    here, cold, empty = page.url.split("#")[0], [], []
    for _ in range(turns):
        await page.evaluate(_FORGET)
        await page.goto("about:blank")
        await device.send("Network.clearBrowserCache")
        await device.send("Network.emulateNetworkConditions", SLOW)
        await device.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        await page.goto(here.replace("/till", "/healthz"))
        empty.append(await page.evaluate("() => performance.getEntriesByType('navigation')[0].responseEnd"))
        await page.goto(here, wait_until="commit")
        await _at(page, "pad")
        cold.append(float(await page.evaluate(_AT, "usable")))
        await device.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        await device.send(
            "Network.emulateNetworkConditions", {**SLOW, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        )
    await page.reload()
    await _at(page, "pad")
    return cold, empty


def _keyed(number: int) -> str:
    """An amount that nobody asks about: near the others, and none comes twice."""
    return f"{10 + number // 100}.{number % 100:02}"


async def _code(sims: str) -> str:
    """A new payment code of a payer who pays at once."""
    wish = {"action": "code", "wallet": "wechat", "habit": "ok"}
    async with aiohttp.ClientSession() as session, session.post(f"{sims}/_sim/payer", json=wish) as answer:
        return str((await answer.json())["code"])


async def _taken(page: Page, sims: str, number: int) -> float:
    """A payment by the gun, to its end and back to the pad; milliseconds from the gun's Enter to the request."""
    await page.evaluate(_SCAN, [_keyed(number), await _code(sims)])
    await _seen(page, ".result.ok")
    took = float(await page.evaluate(_SENT))
    await asyncio.sleep(0.9)  # scans are not heard for so long after a result
    await page.evaluate("() => import('/till/static/app.js').then((till) => { till.go('pad'); })")
    await _at(page, "pad")
    return took


async def _paid(page: Page) -> None:
    """Let the page's clock go on until the payment is taken.

    Raises RuntimeError: it is not.
    """
    from playwright.async_api import TimeoutError as Late  # noqa: PLC0415 - see `_counter`

    for _ in range(30):
        try:
            await _seen(page, ".result.ok", 1_000)
        except Late:
            await page.clock.run_for(1_000)
        else:
            return
    raise RuntimeError(f"a payment was not taken: {await page.locator('#till').inner_text()}")


async def _day(page: Page, device: CDPSession, sims: str, size: Size) -> Sequence[float]:
    """Megabytes the page holds, each after a forced collection: after the 200th payment, and each so many later."""
    await page.clock.install(time=time.time())
    await page.reload()
    await _at(page, "pad")
    heaps = []
    every = min(EVERY, size.taken // 2)
    for number in range(1, size.taken + 1):
        await page.evaluate(_SCAN, [_keyed(number), await _code(sims)])
        await _paid(page)
        await page.clock.run_for(STEP_MS)
        await _at(page, "pad")
        if number % every == 0:
            await device.send("HeapProfiler.collectGarbage")
            heaps.append((await device.send("Runtime.getHeapUsage"))["usedSize"] / 1e6)
            say(f"till_day: {number} payments, {heaps[-1]:.2f} MB")
    return heaps


def _frame(turned: int) -> str:
    """A QR as a camera shows it: on a counter, held like this."""
    made = segno.make("2812345678901234567", error="m")
    code = Image.new("L", (320, 320), 255)
    cells = [list(row) for row in made.matrix_iter(border=4)]
    side = 320 / len(cells)
    draw = ImageDraw.Draw(code)
    for down, row in enumerate(cells):
        for along, dark in enumerate(row):
            if dark:
                draw.rectangle((along * side, down * side, (along + 1) * side - 1, (down + 1) * side - 1), fill=0)
    counter = Image.new("L", (1280, 720), 120)
    held = code.rotate(turned, expand=True, fillcolor=120, resample=Image.Resampling.BICUBIC)
    counter.paste(held, ((1280 - held.width) // 2, (720 - held.height) // 2))
    kept = io.BytesIO()
    counter.convert("RGB").save(kept, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(kept.getvalue()).decode()
