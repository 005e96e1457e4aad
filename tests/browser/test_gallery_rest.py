"""Goods in a basket, what ends otherwise than paid, slips that are sent, tickets that are closed: as `test_gallery`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import TABLET, Counter, Place, counter_in, settled
from tests.browser.looking import seen
from tests.browser.test_basket import BREAD, UNPRICED, WATER, on_sale
from tests.browser.test_counter import USB, owner, paid, printer_of
from tests.making import fen, heard
from yuanlu.channels.contract import Word
from yuanlu.payments import flow as payments

CENTS = {"zh": ".21", "en": ".42"}
"""So that no two walks take the same amounts: a guard asks."""


@pytest.fixture(scope="module")
def said() -> Mapping[str, Any]:
    """A shop with neither mail nor SMS: a wish to be sent a slip is refused."""
    return {"rate_signin": 0, "printer_networks": "127.0.0.0/8"}


async def waits_for_its_payer(counter: Counter, digits: str) -> str:
    """A charge whose payer does nothing; its number."""
    await counter.key(digits)
    await counter.page.wait_for_timeout(900)
    await counter.gun(await counter.fresh("walks_away"))
    await counter.page.locator("[data-wait]").wait_for()
    return str((await counter.payments())[0]["id"])


async def in_state(counter: Counter, payment: str, state: str) -> None:
    async def is_so() -> bool:
        return bool((await counter.shop.get(f"/v1/payments/{payment}", who="boss")).told["state"] == state)

    await settled(is_so, 60)


async def of_goods(counter: Counter) -> AsyncIterator[str]:
    """The basket."""
    page, say = counter.page, counter.say
    await on_sale(counter)
    await counter.gun(UNPRICED)
    await counter.at("wrong")
    yield "no-price"
    await counter.tap(say("till.back"))
    for code in (WATER, BREAD, WATER):
        await page.wait_for_timeout(900)
        await counter.gun(code)
    await expect(page.locator(".strip.goods")).to_contain_text("10.80")
    yield "pad-goods"
    await counter.tap(say("till.basket"))
    await counter.at("basket")
    yield "basket"
    await page.set_viewport_size(TABLET)
    yield "basket-tablet"
    await page.set_viewport_size({"width": 390, "height": 844})
    await counter.tap(say("till.basket_clear"))
    await counter.sees(say("till.basket_none"))
    yield "basket-empty"
    await counter.tap(say("till.basket_back"))
    await counter.tap(say("till.basket_done", amount="¥10.80"))
    await counter.at("pad")
    await counter.key("108")
    await expect(page.locator(".advice.warn")).to_be_visible()
    yield "pad-goods-differ"
    await page.set_viewport_size(TABLET)
    yield "pad-goods-tablet"
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh())
    await counter.at("question")
    yield "question-goods"
    await counter.tap(say("till.change_it"))
    await counter.at("pad")
    await page.keyboard.press("Escape")
    await counter.tap(say("till.basket"))
    await counter.tap(say("till.basket_clear"))
    await counter.tap(say("till.basket_leave"))
    await counter.at("pad")


async def of_ends(counter: Counter) -> AsyncIterator[str]:
    """Reversed, and paid after that."""
    page, say, cents = counter.page, counter.say, CENTS[counter.lang]
    given_up = await waits_for_its_payer(counter, "61" + cents)
    cancel = page.get_by_role("button", name=say("till.cancel"), exact=True)
    await expect(cancel).to_be_enabled(timeout=25_000)
    yield "waited"
    await cancel.click()
    await in_state(counter, given_up, "REVERSED")
    await counter.sees(say("pay.reversed"))
    yield "reversed"
    await counter.tap(say("till.back"))
    await counter.at("pad")
    await page.wait_for_timeout(900)  # scans are not heard for 800 ms after a result
    await counter.gun(given_up)
    await counter.at("bill")
    yield "bill-reversed"
    await counter.tap(say("till.back"))
    late = await waits_for_its_payer(counter, "62" + cents)
    await page.route("**/v1/payments/**", lambda route: route.abort())  # the till hears of it at its end only
    await counter.sees(say("pay.unknown"))
    await counter.shop.post(f"/v1/payments/{late}/cancel", {}, who="boss")
    await in_state(counter, late, "REVERSED")
    await counter.steer("payer", action="pay_late", wallet="wechat", number=late)
    news = heard(Word.SETTLED, by="notice", amount=fen(6200 + int(cents[1:])))
    await payments.learn(counter.shop.app.desk, counter.shop.merchant_id, late, news)
    await in_state(counter, late, "LATE_PAID")
    await page.unroute("**/v1/payments/**")
    await counter.sees(say("pay.late", amount=f"¥62{cents}"))
    yield "late-paid"
    await counter.tap(say("till.next"))
    await counter.at("pad")
    yield "pad-late"
    await page.wait_for_timeout(900)
    await counter.gun(late)
    await counter.at("bill")
    yield "bill-late"
    await counter.tap(say("till.back"))


async def of_slips(counter: Counter) -> AsyncIterator[str]:
    """Slips that are sent where they cannot be, and one that nobody knows of whether it came out."""
    page, say = counter.page, counter.say
    await printer_of(counter, via="till")
    await paid(counter, "63" + CENTS[counter.lang])
    await counter.tap(say("till.show_slip"))
    await counter.at("slip")
    yield "slip"
    for target, name in (("li.lei", "address"), ("li.lei@mail.example", "mail"), ("13800001234", "sms")):
        await page.get_by_label(say("tills.send_to")).fill(target)
        await counter.tap(say("tills.send"))
        code = {"address": "hook.phone_invalid", "mail": "mail.not_set", "sms": "sms.no_template"}[name]
        await counter.sees(say(f"problem.{code}", because=""))
        yield f"slip-no-{name}"
    await page.evaluate("() => { window.isMute = true; }")
    await counter.tap("USB")
    await counter.sees(say("tills.did_it"))
    yield "slip-asks"
    await counter.tap(say("till.back"))
    await counter.tap(say("till.more"))
    await counter.tap(say("till.slips"))
    await counter.sees(say("tills.did_it"))
    yield "queue-asks"
    await counter.tap(say("tills.came_not"))
    await counter.sees(say("tills.print.JAMMED"))
    yield "queue-not-out"
    await counter.tap(say("tills.give_up"))
    await counter.sees(say("tills.print.GONE"))
    await counter.tap(say("till.back"))


async def of_tickets(counter: Counter) -> AsyncIterator[str]:
    """A ticket that is told, and what was done about it."""
    shop, say = counter.shop, counter.say
    await counter.tap(say("till.device"))
    await counter.sees(say("tills.check.release"))
    await counter.tap(say("tills.ticket"))
    await counter.sees(say("tills.ticket_done", tail="").rstrip("…"))
    who = await owner(shop)
    ticket = (await shop.get("/v1/tickets?cause=device&state=OPEN", who=who)).told["items"][0]["id"]
    await counter.tap(say("till.back"))
    await counter.tap(say("till.device"))
    await counter.sees(say("tills.ticket_in.OPEN"))
    await counter.page.get_by_text(say("tills.ticket_in.OPEN")).scroll_into_view_if_needed()
    yield "device-ticket-open"
    done = {"zh": "换了打印纸，好了", "en": "New paper was put in: it prints"}[counter.lang]
    assert (await shop.post(f"/v1/tickets/{ticket}/close", {"said": done}, who=who)).status == 200
    await counter.tap(say("till.back"))
    await counter.tap(say("till.device"))
    await counter.sees(done)
    await counter.page.get_by_text(done).scroll_into_view_if_needed()
    yield "device-ticket-closed"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_rest_of_the_screens_are_read_by_all_and_pressed_by_any_finger(
    chromium: Browser, place: Place, lang: str, whole: bool
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as counter:
        await counter.context.add_init_script(USB)
        await counter.begin()
        number = 80
        for walk in (of_goods, of_ends, of_slips, of_tickets):
            async for name in walk(counter):
                number += 1
                trouble += await seen(counter.page, f"{number}-{name}-{lang}", whole=whole)
    assert not trouble, "\n".join(trouble)
