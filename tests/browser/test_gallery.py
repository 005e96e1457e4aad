"""Every screen of the till in every state, light and dark, Chinese and English: axe finds nothing, every target is wide
enough, nothing scrolls sideways. With `SHOTS=folder` (`make shots`) each is a picture to be looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import PIN, TABLET, Counter, Place, counter_in, with_finger
from tests.browser.looking import seen

GOODS, PAYEE, ID_CARD = "6901234567892", "wxp://f2f0abcdefghijk", "110101199003070097"
MANAGERS = {"zh": "李雷", "en": "韩梅梅"}
SUMS = {"zh": ("12.8", "36", "7", "128", "300"), "en": ("13.8", "37", "8", "129", "301")}
"""What is taken in a walk: others in each, or the guards would ask about the same amount twice."""


async def walk(counter: Counter) -> AsyncIterator[str]:
    """Go through the till, and stop at each screen and state."""
    page, say = counter.page, counter.say
    first, second, third, large, larger = SUMS[counter.lang]
    await page.goto(f"{counter.url}/till")
    await counter.at("enrol")
    yield "enrol"
    await page.get_by_label(say("till.enrol_code")).fill("AAAA-BBBB-CCCC")
    await counter.tap(say("till.enrol_do"))
    await expect(page.get_by_role("alert")).not_to_be_empty()
    yield "enrol-wrong"
    await counter.enrol()
    yield "who"
    await counter.tap("王芳")
    await counter.sees(say("till.pin"))
    await counter.key("47")
    yield "pin"
    await counter.key("1111")
    await expect(page.get_by_role("alert")).not_to_be_empty()
    yield "pin-wrong"
    await counter.key(PIN)
    await counter.at("pad")
    yield "pad-empty"
    await counter.gun(GOODS)
    yield "wrong-goods"
    await counter.tap(say("till.back"))
    await counter.key(first)
    await page.wait_for_timeout(900)  # scans are not heard for 800 ms after a result
    await counter.gun(PAYEE)
    await counter.at("wrong")
    yield "wrong-payee"
    await counter.tap(say("till.scan_again"))
    await page.wait_for_timeout(900)
    await counter.gun(ID_CARD)
    await counter.at("wrong")
    yield "wrong-id-card"
    await counter.tap(say("till.scan_again"))
    await counter.tap(say("till.scan_to_charge"))
    await counter.sees(say("tills.eye.none"))
    yield "camera-none"
    await counter.tap(say("tills.eye.key"))
    await counter.at("code")
    yield "code"
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh("walks_away"))
    await counter.sees(say("till.ask_again"))
    await expect(page.locator("[data-wait]")).not_to_be_empty()
    yield "waiting"
    await counter.tap(say("till.aside"))
    await counter.at("pad")
    await counter.key(second)
    await page.route("**/v1/payments", lambda route: route.abort())
    await counter.gun(await counter.fresh())
    await counter.sees(say("pay.unknown"))
    yield "unknown"
    await page.unroute("**/v1/payments")
    await counter.tap(say("till.aside"))
    await counter.at("pad")
    await counter.key(third)
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh("no_funds"))
    await counter.sees(say("till.anew"))
    yield "failed"
    await counter.tap(say("till.back"))
    await counter.at("pad")
    await counter.key(large)
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh())
    await counter.sees(say("till.paid"))
    yield "paid"
    await counter.at("pad")
    await counter.key(large)
    await counter.sees(say("amount.twice", amount=""))
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh())
    await counter.at("question")
    yield "question"
    await counter.tap(say("till.change_it"))
    await counter.at("pad")
    await page.keyboard.press("Escape")
    await counter.key("1280")
    await expect(page.locator(".strip, aside .row").first).to_be_attached()
    yield "pad"
    await page.set_viewport_size(TABLET)
    yield "tablet"
    await counter.context.set_offline(True)
    await counter.sees(say("till.offline"))
    yield "tablet-offline"
    await counter.context.set_offline(False)
    await page.set_viewport_size({"width": 390, "height": 844})
    await counter.sees(say("till.online"))
    await counter.tap(say("till.show_qr"))
    await expect(page.locator("img.qr")).to_be_visible()
    yield "our-qr"
    await counter.tap(say("till.back"))
    await counter.at("charge")
    await counter.tap(say("till.aside"))
    await counter.at("pad")
    await counter.tap(say("till.bills"))
    await counter.at("bills")
    yield "bills"
    await page.get_by_role("button", name=f"{large}.00").first.click()
    await counter.at("bill")
    yield "bill"
    await counter.tap(say("till.undo"))
    await counter.at("undo")
    yield "undo"
    await counter.tap(say("till.why.other"))
    yield "undo-other"
    await counter.tap(say("till.why.wrong_amount"))
    await counter.key("12.8")
    yield "undo-amount"
    await page.get_by_role("button", name=f"{int(large) - 13}.20").click()
    await counter.at("case")
    await expect(page.locator(".result.ok")).to_be_visible(timeout=30_000)
    yield "undone"
    await counter.tap(say("till.done"))
    await counter.key(larger)
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh())
    await counter.sees(say("till.paid"))
    await counter.tap(say("till.undo_wrong"))
    await counter.tap(say("till.why.returned"))
    await page.get_by_role("button", name=f"{larger}.00").click()
    await counter.sees(say("till.needs_boss"))
    yield "needs-manager"
    await counter.tap(say("till.boss_here"))
    await expect(page.get_by_role("button", name=MANAGERS[counter.lang])).to_be_visible()
    yield "which-manager"
    await counter.tap(say("till.boss_later"))
    await counter.tap(say("till.more"))
    await counter.at("more")
    yield "more"
    await counter.tap(say("till.lock"))
    await counter.at("signin")
    yield "locked"
    await page.goto(f"{counter.url}/till?second#display")
    await counter.at("display")
    yield "display"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_screen_is_read_by_all_and_pressed_by_any_finger(
    chromium: Browser, place: Place, lang: str, whole: bool
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as counter:
        await with_finger(counter, MANAGERS[lang])
        number = 0
        async for name in walk(counter):
            number += 1
            trouble += await seen(counter.page, f"{number:02}-{name}-{lang}", whole=whole)
    assert not trouble, "\n".join(trouble)
