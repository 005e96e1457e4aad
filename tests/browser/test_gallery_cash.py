"""The screens of cash, of what waits for a network, and of shifts, as `test_gallery` looks at the others."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in, hired, settled
from tests.browser.looking import seen
from tests.browser.test_offline import all_sent, kept

NEXT = {"zh": "小吴", "en": "小郑"}
FIRST = {"zh": ("128", "115.20", "521.8"), "en": ("126", "113.20", "519.8")}
"""Keyed, its difference to 12.80, what the drawer holds then: not twice the same, or a guard asks, as it shall."""


async def walk(counter: Counter) -> AsyncIterator[str]:
    """Go through these screens, and stop at each and in each state."""
    page, say = counter.page, counter.say
    amount, difference, drawer = FIRST[counter.lang]
    other, small = {"zh": ("35", "9"), "en": ("33", "7")}[counter.lang]

    async def tap(code: str, **facts: object) -> None:
        await counter.tap(say(code, **facts))

    async def pressed(word: str) -> None:
        await page.get_by_role("button", name=word).first.click()

    await counter.begin()
    await page.evaluate("() => navigator.serviceWorker.ready")
    await counter.key(amount)
    await tap("till.take_cash")
    await counter.at("open")
    yield "open"
    await counter.key("500")
    await pressed("500.00")
    await counter.at("cash")
    yield "cash"
    await pressed("¥150")
    yield "cash-change"
    await counter.key("1")
    yield "cash-short"
    await pressed("¥200")
    await page.locator(".foot .btn.main").click()
    await counter.at("taken")
    await all_sent(counter)
    yield "taken"
    await tap("till.undo_wrong")
    await counter.at("undo")
    await tap("till.why.wrong_amount")
    await counter.key("12.8")
    await pressed(difference)
    await counter.at("payout")
    await expect(page.locator(".result .btn.main")).to_be_visible(timeout=30_000)
    yield "payout"
    await page.locator(".result .btn.main").click()
    await expect(page.locator(".result.ok")).to_be_visible()
    yield "paid-out"
    await tap("till.done")
    await counter.key(other)
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh())
    await counter.sees(say("till.paid"))
    await counter.at("pad")
    await counter.context.set_offline(True)
    await counter.sees(say("till.offline"))
    yield "offline"
    await counter.key(small)
    await page.wait_for_timeout(900)
    await counter.gun("130123456789012345")
    await counter.at("wrong")
    yield "offline-scan"
    await tap("till.back")
    await tap("till.take_cash")
    await page.locator(".foot .btn.main").click()
    await counter.at("taken")
    yield "taken-kept"
    await tap("till.next")
    await counter.at("pad")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.locator("aside .row .btn").nth(1).click()
    await counter.at("undo")
    await tap("till.why.wrong_customer")
    await pressed(f"{other}.00")
    await counter.at("case")
    yield "undo-kept"
    await tap("till.done")
    await counter.key("1280")
    yield "tablet-offline-queue"
    await page.set_viewport_size({"width": 390, "height": 844})
    yield "offline-queue"
    await page.locator("button.banner").click()
    await counter.at("queue")
    yield "queue"
    (request,) = [each for each in await kept(counter) if each["kind"] == "case"]
    spoil = (
        f"store.change('outbox', {request['key']!r}, (now) => ({{ ...now, wish: {{ ...now.wish, payment: 'YP0' }} }}))"
    )
    await page.evaluate(f"() => import('/till/static/store.js').then((store) => {spoil})")
    await counter.context.set_offline(False)
    await counter.sees(say("till.chip_refused"))
    await page.wait_for_timeout(1000)
    words = await page.locator("#till").inner_text()
    assert say("tills.odd.case") in words
    assert "$" not in words
    yield "queue-refused"
    await tap("tills.ticket")
    await counter.sees(say("tills.ticket_done", tail="").rstrip("…"))
    yield "queue-ticket"
    await tap("till.seen_it")
    await counter.sees(say("till.queue_none"))
    yield "queue-empty"
    await tap("till.back")
    await counter.at("pad")
    await counter.sees(say("net.back", n=1))
    yield "back-online"
    await tap("till.more")
    await counter.at("more")
    yield "more-cash"
    await tap("till.shift")
    await counter.sees(say("tills.nothing_open"))
    yield "shift"
    await tap("tills.shift_do.hand")
    await counter.key(drawer)
    yield "count"
    await tap("tills.count_next")
    await counter.at("check")
    await counter.tap(NEXT[counter.lang])
    yield "hand-over"
    await tap("tills.shift_confirm.hand")
    await counter.at("signin")
    await counter.key("471920")
    await counter.at("pad")
    await page.keyboard.press("Escape")
    await page.keyboard.type("77", delay=200)
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh("walks_away"))
    await counter.sees(say("till.ask_again"))
    await tap("till.aside")
    await tap("till.more")
    await tap("till.shift")
    await tap("tills.shift_do.close")
    await counter.key("520")
    await tap("tills.count_next")
    await counter.at("check")
    await page.locator("#safe").fill("20")
    await page.locator("#why-cash").fill("找错一元" if counter.lang == "zh" else "one yuan wrong in change")
    yield "close"
    await tap("tills.shift_confirm.close")
    await counter.sees(say("tills.shift_report"))
    yield "report"
    await tap("till.done")
    await page.evaluate("() => import('/till/static/app.js').then((till) => { till.go('full'); })")
    await counter.at("full")
    yield "full"
    await settled(lambda: nothing_open(counter), 90)  # the next walk is at the same till


async def nothing_open(counter: Counter) -> bool:
    """Cancel what still waits for its payer; whether nothing does."""
    waiting = [each for each in await counter.payments() if each["state"] in ("SENT", "CLOSING", "REVERSING")]
    for each in waiting:
        await counter.shop.post(f"/v1/payments/{each['id']}/cancel", {}, who="boss")
    return not waiting


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_screen_of_cash_is_read_by_all_and_pressed_by_any_finger(
    chromium: Browser, place: Place, lang: str, whole: bool
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as counter:
        await hired(place.shop, "cashier", NEXT[lang])
        number = 50
        async for name in walk(counter):
            number += 1
            trouble += await seen(counter.page, f"{number:02}-{name}-{lang}", whole=whole)
    assert not trouble, "\n".join(trouble)
