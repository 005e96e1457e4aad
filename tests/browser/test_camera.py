"""The camera of the till: what it reads, names and refuses, and what it says where there is none."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, Route, async_playwright, expect

from tests.browser.conftest import CHROMIUM, TABLET, Counter, Place, counter_in, settled
from tests.browser.frames import Scene, film, jpeg, picture
from tests.browser.looking import seen

PAYS, PAYS_TOO, GOODS, PAYEE = "130123456789012345", "2812345678901234567", "6901234567892", "wxp://f2f0abcdefghijk"
OF_EYE = """async (pictures) => {
  const { LONG_PX, TURNS } = await import('/till/static/camera.js');
  const eye = new Worker('/till/static/eye.js');
  const heard = () => new Promise((done) => { eye.onmessage = ({ data }) => done(data); });
  const { reader, trouble } = await heard();
  if (trouble) throw new Error(trouble);
  const told = [];
  for (const source of pictures) {
    const image = new Image();
    image.src = source;
    await image.decode();
    const looks = [];
    for (const turned of TURNS) {
      const size = { resizeWidth: LONG_PX, resizeHeight: LONG_PX * 9 / 16, resizeQuality: 'low' };
      const small = await createImageBitmap(image, size);
      const answer = heard();
      eye.postMessage({ picture: small, turned }, [small]);
      looks.push(await answer);
    }
    told.push(looks.map(({ ms, found }, place) => ({ ms, found, quick: TURNS[place] === null })));
  }
  eye.terminate();
  return { reader, told };
}"""
READ = {
    "bars, straight": (Scene(PAYS), PAYS),
    "bars, small": (Scene(PAYS, wide=520), PAYS),
    "bars, tilted 12 degrees": (Scene(PAYS, turned=12), PAYS),
    "bars, tilted 40 degrees": (Scene(PAYS, turned=40), PAYS),
    "bars, on their side": (Scene(PAYS, turned=90), PAYS),
    "bars, a little blurred": (Scene(PAYS, blurred=1.2), PAYS),
    "bars, in a glare": (Scene(PAYS, glare=0.35), PAYS),
    "QR, straight": (Scene(PAYS_TOO, "qr", 320), PAYS_TOO),
    "QR, tilted 30 degrees": (Scene(PAYS_TOO, "qr", 320, turned=30), PAYS_TOO),
    "QR, blurred": (Scene(PAYS_TOO, "qr", 320, blurred=2.5), PAYS_TOO),
    "QR, in a glare": (Scene(PAYS_TOO, "qr", 360, glare=0.2), PAYS_TOO),
    "goods": (Scene(GOODS, "EAN13", 480), GOODS),
    "a receiving code": (Scene(PAYEE, "qr", 320), PAYEE),
    "a counter": (None, None),
    "bars, blurred beyond reading": (Scene(PAYS, blurred=6), None),
    "bars, all in a glare": (Scene(PAYS, glare=2.5), None),
}


def shown(picture_: Image.Image) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture_)).decode()


async def test_a_code_is_read_tilted_blurred_and_in_a_glare_and_nothing_is_read_where_none_can_be(
    counter: Counter, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each picture is looked at six times, as the camera does: quick looks, and between them some that try harder."""
    await counter.page.goto(f"{counter.url}/till")
    await counter.at("enrol")
    pictures = [shown(picture(*([scene] if scene else []))) for scene, _ in READ.values()]
    told = await counter.page.evaluate(OF_EYE, pictures)
    assert told["reader"] == "zxing"
    lines, wrong = [], []
    for (name, (_, text)), looks in zip(READ.items(), told["told"], strict=True):
        found = {each[3:] for look in looks for each in look["found"]}
        lines.append(f"{name:32} {'read' if found else 'nothing':8} {_ms(looks)}")
        wrong += [] if found == ({text} if text else set()) else [name]
    every = [look for looks in told["told"] for look in looks]
    with capsys.disabled():
        print("\n" + "\n".join([*lines, f"{'all':32} {'':8} {_ms(every)}"]))
    assert not wrong


def _ms(looks: Sequence[Any]) -> str:
    quick = [look["ms"] for look in looks if look["quick"]]
    hard = [look["ms"] for look in looks if not look["quick"]]
    said = (
        f"{name} {median(each):5.1f} ms (least {min(each):4.1f})" for name, each in (("quick", quick), ("harder", hard))
    )
    return ", ".join(said)


@asynccontextmanager
async def filming(place: Place, source: Path | None, *, lang: str = "zh", **options: Any) -> AsyncIterator[Counter]:
    """A browser whose camera shows this film, allowed to every page; without one, a camera that nobody may use."""
    if CHROMIUM is None:
        pytest.skip("Debian's package `chromium` is not installed")
    args = ["--no-sandbox", "--use-fake-device-for-media-stream"]
    if source:
        args += [f"--use-file-for-fake-video-capture={source}", "--use-fake-ui-for-media-stream"]
        options["permissions"] = ["camera"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        try:
            async with counter_in(browser, place, lang=lang, **options) as made:
                yield made
        finally:
            await browser.close()


async def looking_at(counter: Counter, fen: str) -> None:
    """An amount on the pad, then the camera."""
    await counter.key(fen)
    await counter.tap(counter.say("till.scan_to_charge"))
    await counter.at("camera")


async def orders(counter: Counter, fen: int) -> list[Any]:
    """The orders over this amount at the provider."""
    return [each for each in (await counter.books())["orders"] if each["amount_fen"] == fen]


async def test_a_code_held_to_the_camera_is_charged_once_with_one_tap(
    place: Place, counter: Counter, tmp_path: Path
) -> None:
    """S25: wrong kinds before it are named where they are seen, and send nothing; the film goes round, charged once."""
    code = await counter.fresh()
    parts = [
        (picture(), 1.0),
        (picture(Scene(GOODS, "EAN13", 480)), 5.0),
        (picture(Scene(PAYEE, "qr", 320)), 5.0),
        (picture(Scene(code, turned=9, blurred=0.8)), 9.0),
    ]
    async with filming(place, film(tmp_path / "film.mjpeg", parts)) as till:
        await till.begin()
        await looking_at(till, "12.34")
        named = till.page.get_by_role("alert")
        await expect(named).to_contain_text("这是商品条码", timeout=60_000)
        await expect(named).to_contain_text("这是收款码，不是付款码", timeout=30_000)
        assert not [path for method, path in till.asked if method == "POST" and path == "/v1/payments"]
        await till.sees("收款成功")
        assert till.taps == 1
        await till.at("pad")
        assert len(await orders(till, 1234)) == 1


async def test_the_camera_is_let_go_of_and_what_reads_codes_is_fetched_once(place: Place, tmp_path: Path) -> None:
    async with filming(place, film(tmp_path / "film.mjpeg", [(picture(), 2.0)])) as till:
        await till.begin()
        assert not [path for _, path in till.asked if "zxing" in path]  # nothing of it before the first camera
        for _ in range(2):
            await looking_at(till, "5")
            await till.sees("把顾客的付款码放进框里")
            video = await till.page.query_selector("video")
            assert video is not None
            track = await video.evaluate_handle("each => each.srcObject.getVideoTracks()[0]")
            assert await track.evaluate("each => each.readyState") == "live"
            await settled(lambda: till.page.evaluate(
                "async () => (await Promise.all((await caches.keys()).filter((each) => each.startsWith('till-reader-'))"
                ".map(async (each) => (await (await caches.open(each)).keys()).length))).join() === '2'"
            ))  # fmt: skip
            await till.tap("返回")
            await till.at("pad")
            assert await track.evaluate("each => each.readyState") == "ended"
            await till.page.get_by_role("button", name=till.say("till.key_back")).click()
        kept = [path for _, path in till.asked if path.endswith(".wasm")]
        assert len(kept) <= 2, kept  # asked of the service worker twice, of the server once
        await till.context.set_offline(True)
        told = await till.page.evaluate(OF_EYE, [shown(picture(Scene(PAYS)))])
        assert PAYS in str(told)


async def test_two_payment_codes_in_sight_charge_neither_customer(place: Place, tmp_path: Path) -> None:
    both = picture(Scene(PAYS_TOO, "qr", 250, left=-170), Scene("134567890123456789", "qr", 250, left=170))
    async with filming(
        place, film(tmp_path / "film.mjpeg", [(both, 2.0)]), viewport={"width": 1280, "height": 800}
    ) as till:
        await till.begin()
        await looking_at(till, "7.7")
        await expect(till.page.get_by_role("alert")).to_contain_text("看到两个付款码", timeout=60_000)
        assert not [path for method, path in till.asked if method == "POST" and path == "/v1/payments"]


async def test_a_camera_that_is_refused_or_missing_is_said_plainly_with_what_to_do(
    chromium: Browser, place: Place, counter: Counter
) -> None:
    await counter.begin()
    await looking_at(counter, "8")
    await counter.sees("没有找到摄像头")
    assert await counter.page.evaluate("() => document.activeElement.tagName") == "H1"
    async with filming(place, None) as till:
        await till.begin()
        await looking_at(till, "8")
        await till.sees("没有准许用摄像头")
        await till.context.grant_permissions(["camera"])
        await till.tap("再试一次")
        await till.sees("把顾客的付款码放进框里")
        await till.tap("输入数字")
        await till.at("code")


async def test_our_own_number_on_a_receipt_opens_its_sale(place: Place, counter: Counter, tmp_path: Path) -> None:
    await counter.begin()
    await counter.key("15.15")
    await counter.gun(await counter.fresh())
    await counter.sees("收款成功")
    number = (await counter.payments())[0]["id"]
    async with filming(place, film(tmp_path / "film.mjpeg", [(picture(Scene(number, "qr", 330)), 2.0)])) as till:
        await till.begin()
        await looking_at(till, "1")
        await till.at("bill")
        await till.sees("15.15")


async def test_a_browser_that_reads_codes_itself_fetches_nothing_more(chromium: Browser, place: Place) -> None:
    """Chromium on Linux has no BarcodeDetector: here the worker is given one that says what Android's would."""
    own = (
        "self.BarcodeDetector = class {"
        " static async getSupportedFormats() { return ['code_128', 'qr_code', 'ean_13']; }"
        f" async detect() {{ return [{{ rawValue: '{GOODS}', format: 'ean_13' }}]; }} }};\n"
    )

    async def give(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, body=own + await answer.text())

    async with counter_in(chromium, place, service_workers="block") as till:
        await till.page.route("**/eye.js", give)
        await till.page.goto(f"{till.url}/till")
        await till.at("enrol")
        told = await till.page.evaluate(OF_EYE, [shown(picture())])
        assert told["reader"] == "browser"
        assert told["told"][0][0]["found"] == [f"]E0{GOODS}"]
        assert not [path for _, path in till.asked if "zxing" in path]


async def test_a_torch_is_shown_where_there_is_one_and_only_what_is_in_sight_is_read(counter: Counter) -> None:
    await counter.page.goto(f"{counter.url}/till")
    told = await counter.page.evaluate("""async () => {
      const { torchOf, inSight } = await import('/till/static/camera.js');
      const asked = [];
      const lit = (torch, works = true) => ({
        getCapabilities: () => ({ torch }),
        applyConstraints: async (wish) => { if (!works) throw new Error('no'); asked.push(wish.advanced[0].torch); },
      });
      const press = torchOf(lit(true));
      return {
        none: [torchOf(lit(false)), torchOf({})],
        pressed: [await press(), await press(), await torchOf(lit(true, false))()],
        asked,
        sights: [inSight(1280, 720, 390, 500), inSight(1280, 720, 1280, 500), inSight(640, 480, 640, 480)],
      };
    }""")
    assert told == {
        "none": [None, None],
        "pressed": [True, False, False],
        "asked": [True, False],
        "sights": [[359, 0, 562, 720], [0, 110, 1280, 500], [0, 0, 640, 480]],
    }


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_screens_of_the_camera_are_read_by_all_and_pressed_by_any_finger(
    place: Place, tmp_path: Path, lang: str, whole: bool
) -> None:
    parts = [(picture(Scene(GOODS, "EAN13", 480)), 4.0)]
    options: dict[str, Any] = {"lang": lang, "reduced_motion": "reduce"}
    async with filming(place, film(tmp_path / "film.mjpeg", parts), **options) as till:
        await till.begin()
        await looking_at(till, "12.8")
        await till.sees(till.say("scan.goods"))
        trouble = await seen(till.page, f"camera-wrong-{lang}", whole=whole)
        await till.page.set_viewport_size(TABLET)
        trouble += await seen(till.page, f"camera-wrong-tablet-{lang}", whole=whole)
    async with filming(place, film(tmp_path / "film.mjpeg", [(picture(), 1.0)]), **options) as till:
        await till.begin()
        await looking_at(till, "12.8")
        await till.sees(till.say("tills.eye.aim"))
        trouble += await seen(till.page, f"camera-{lang}", whole=whole)
    async with filming(place, None, **options) as till:
        await till.begin()
        await looking_at(till, "12.8")
        await till.sees(till.say("tills.eye.refused"))
        trouble += await seen(till.page, f"camera-refused-{lang}", whole=whole)
    assert not trouble, "\n".join(trouble)
