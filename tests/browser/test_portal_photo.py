"""A customer's photo: made small on the phone, sent again after a break, with nothing of a browser but a list."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.async_api import Browser, FilePayload, expect

from tests.browser.conftest import Counter, Place, counter_in, settled
from tests.browser.test_portal import case_in
from tests.web.test_portal import receipt_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "portal.md"
WECHAT = (
    "Mozilla/5.0 (Linux; Android 12; M2104K10AC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0"
    " Mobile Safari/537.36 XWEB/1160065 MMWEBSDK/20230805 MicroMessenger/8.0.42.2460(0x28002A35) WeChat/arm64 Weixin"
    " NetType/4G Language/zh_CN ABI/arm64"
)
ALIPAY = (
    "Mozilla/5.0 (Linux; U; Android 12; zh-CN; M2104K10AC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0"
    " Chrome/100.0.4896.58 UWS/4.2.0.1 Mobile Safari/537.36 UCBS/3.22 NebulaSDK/1.8 AlipayClient/10.5.0.8000"
    " Language/zh-Hans useStatusBar/true"
)
_LANGUAGE = (
    "Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date Promise RegExp"
    " Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis JSON Math Intl"
    " ArrayBuffer Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float32Array Float64Array"
    " Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set WeakMap WeakSet WeakRef Proxy Reflect"
    " Iterator FinalizationRegistry decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval"
    " isFinite isNaN"
)
"""What belongs to the language and not to the browser."""
_STRIP = """((kept) => {
  const ours = Object.getPrototypeOf(navigator);
  for (const name of Object.getOwnPropertyNames(ours)) if (name !== 'constructor') delete ours[name];
  for (const name of Object.getOwnPropertyNames(window)) {
    if (!kept.has(name) && Object.getOwnPropertyDescriptor(window, name).configurable) delete window[name];
  }
})(new Set(KEPT));"""


def allowed() -> list[str]:
    """What the documentation says the script may use."""
    part = PAGE.read_text().partition("## What the page needs of a browser")[2]
    return re.findall(r"^- `(\w+)`$", part, re.MULTILINE)


def stripping() -> str:
    """A script that takes all else away, before any of the page's own runs."""
    return _STRIP.replace("KEPT", json.dumps([*allowed(), *_LANGUAGE.split()]))


def photo(width: int = 2400, height: int = 3200) -> FilePayload:
    """A photo as a phone takes it, with where it was taken."""
    picture = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    exif = Image.Exif()
    exif[0x010F] = "planted maker"
    exif[0x8825] = {1: "N", 2: (31.0, 13.0, 48.0)}
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=92, exif=exif)
    return {"name": "小票.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}


async def asked(phone: Counter, base: str = "") -> str:
    """A payment whose refund this phone has asked for; it is on the page of its case."""
    payment = await phone.shop.paid()
    await phone.page.goto((base or phone.url) + await receipt_of(phone.shop, payment) + "/case")
    await phone.page.locator("label", has_text="想退货").click()
    await phone.page.locator("form[action$='/ask'] button").click()
    await expect(phone.page.locator("li[aria-current=step]")).to_be_visible()
    return payment


async def kept(phone: Counter, payment: str) -> list[Any]:
    """The files the case has."""
    case = (await phone.shop.get(f"/v1/cases?payment={payment}")).told["items"][0]["id"]
    files: list[Any] = (await phone.shop.get(f"/v1/cases/{case}/files")).told["items"]
    return files


@pytest.mark.parametrize("agent", [WECHAT, ALIPAY], ids=["wechat", "alipay"])
async def test_the_walk_uses_nothing_of_a_browser_that_is_not_on_the_list(
    chromium: Browser, place: Place, agent: str
) -> None:
    """Asked, a photo handed in, written, withdrawn, in the browsers of wallets with every other Web API gone."""
    assert {"document", "XMLHttpRequest"} <= set(allowed())
    async with (
        counter_in(chromium, place, viewport={"width": 360, "height": 740}, user_agent=agent) as phone,
        line_to(place.url) as (base, line),
    ):
        await phone.page.add_init_script(stripping())
        payment = await asked(phone, base)
        gone = ("localStorage", "fetch", "indexedDB", "caches", "IntersectionObserver", "BarcodeDetector", "crypto")
        for name in gone:
            assert await phone.page.evaluate("name => typeof window[name]", name) == "undefined", name
        for name in ("serviceWorker", "clipboard", "share", "userAgent"):
            assert await phone.page.evaluate("name => typeof window.navigator?.[name]", name) == "undefined", name
        await expect(phone.page.locator("#photos button")).to_be_hidden()  # the script runs
        taken = photo()
        assert b"planted maker" in taken["buffer"]
        await phone.page.locator("#file").set_input_files(taken)
        await expect(phone.page.locator("#photos [role=status]")).to_have_text("已经交给商家", timeout=120_000)
        await expect(phone.page.locator("#photos")).to_contain_text("已交 1 份凭证")
        (file,) = await kept(phone, payment)
        assert (file["width"], file["height"]) == (1200, 1600)
        assert b"planted maker" not in line.sent
        assert b"Exif" not in line.sent
        await case_in(phone, payment, "REVIEW")
        await phone.page.locator("#text").fill("密码是 abc12345")
        await expect(phone.page.locator("p.careful").first).to_have_text("像是卡号或密码，请删掉。")
        await phone.page.locator("#text").fill("卡号 6200 0000 0000 0005")
        await expect(phone.page.locator("#text + p.careful")).to_have_text("像是卡号或密码，请删掉。")
        await phone.page.locator("#text").fill("小票在照片里，单号 6200000000000006")
        await expect(phone.page.locator("#text + p.careful")).to_have_text("")
        await phone.page.locator("form[action$='/say'] button").click()
        await expect(phone.page.locator(".bubble", has_text="小票在照片里")).to_be_visible()
        await phone.page.locator("summary").click()
        await phone.page.locator("button.danger").click()
        await case_in(phone, payment, "CLOSED")


@pytest.mark.parametrize("broken", ["toBlob", "getImageData"])
async def test_where_a_canvas_fails_the_original_goes_up(chromium: Browser, place: Place, broken: str) -> None:
    spoils = {
        "toBlob": "HTMLCanvasElement.prototype.toBlob = () => { throw new Error('no canvas'); };",
        "getImageData": "CanvasRenderingContext2D.prototype.getImageData = () => ({ data: [9, 9, 9, 9] });",
    }
    async with counter_in(chromium, place, viewport={"width": 360, "height": 740}) as phone:
        await phone.page.add_init_script(spoils[broken])
        payment = await asked(phone)
        await phone.page.locator("#file").set_input_files(photo(2000, 1800))
        await expect(phone.page.locator("#photos [role=status]")).to_have_text("已经交给商家", timeout=120_000)
        (file,) = await kept(phone, payment)
        assert (file["width"], file["height"], file["stripped"]) == (2000, 1800, ["metadata"])


async def test_what_the_shop_cannot_take_is_said_where_it_was_chosen(chromium: Browser, place: Place) -> None:
    async with counter_in(chromium, place, viewport={"width": 360, "height": 740}) as phone:
        payment = await asked(phone)
        fake: FilePayload = {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"this is no PDF"}
        await phone.page.locator("#file").set_input_files(fake)
        await expect(phone.page.locator("#photos [role=alert]")).to_be_visible(timeout=30_000)
        assert await kept(phone, payment) == []
        await phone.page.locator("#file").set_input_files(photo(600, 400))
        await expect(phone.page.locator("#photos [role=status]")).to_have_text("已经交给商家", timeout=120_000)
        assert len(await kept(phone, payment)) == 1


class BadLine:
    """A line between a phone and the service. `cuts`: where it is cut at each photo; `sent`: what came along it."""

    def __init__(self, host: str, port: int, cuts: list[str]) -> None:
        self.to = (host, port)
        self.cuts = cuts
        self.photos = 0
        self.sent = b""

    async def carry(self, phone: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection of the phone's."""
        service, out = await asyncio.open_connection(*self.to)
        cut = ""

        async def home() -> None:
            while data := await service.read(65_536):
                if cut == "answer":
                    back.close()
                    return
                back.write(data)
            back.close()

        answering = asyncio.ensure_future(home())
        try:
            while data := await phone.read(65_536):
                if data.startswith(b"POST ") and b"/photo " in data.partition(b"\r\n")[0]:
                    self.photos += 1
                    cut = self.cuts.pop(0) if self.cuts else ""
                elif data.startswith((b"GET ", b"POST ")):
                    cut = ""
                self.sent += data
                out.write(data[: len(data) // 2] if cut == "body" else data)
                if cut == "body":
                    break
        finally:
            out.close()
            if cut == "body":
                answering.cancel()
                back.close()


@asynccontextmanager
async def line_to(url: str, *cuts: str) -> AsyncIterator[tuple[str, BadLine]]:
    """An address whose line to the service is cut so."""
    to = urlsplit(url)
    assert to.port
    line = BadLine("127.0.0.1", to.port, list(cuts))
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    try:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}", line
    finally:
        server.close()


async def test_a_photo_that_was_cut_off_is_sent_again_by_itself_and_is_there_once(
    chromium: Browser, place: Place
) -> None:
    """Cut in its middle, and once after it arrived but before the answer: the next one is told that it is there.

    The browser itself tries once more where a line that it had in use is cut: the page does so where that is over.
    """
    async with (
        counter_in(chromium, place, viewport={"width": 360, "height": 740}) as phone,
        line_to(place.url, "body", "body", "answer") as (base, line),
    ):
        payment = await asked(phone, base)
        await phone.page.locator("#file").set_input_files(photo(900, 600))
        await expect(phone.page.locator("#photos [role=status]")).to_contain_text("自动再传", timeout=120_000)
        await expect(phone.page.locator("#photos [role=status]")).to_have_text("已经交给商家", timeout=120_000)
        assert line.cuts == []
        assert line.photos >= 4

        async def one() -> list[Any]:
            return await kept(phone, payment)

        assert len(await settled(one)) == 1
