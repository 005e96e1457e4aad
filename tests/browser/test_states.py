"""The states that no walk comes by: each screen of what the server knows, with nothing to show, refused, and away.

A screen is opened as the till opens it (`go`); the server's own answers are emptied, refused or lost on their way.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Route, expect

from tests.browser.conftest import Counter, Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_counter import paid
from yuanlu import ids, words
from yuanlu.ids import Kind

EMPTY, REFUSED, AWAY = "empty", "refused", "away"
DIGITS = {"zh": "91.35", "en": "92.57"}
GO = "([name, params]) => import('/till/static/app.js').then((till) => till.go(name, params))"


class Server:
    """Stands before the server; `mode`: what becomes of its answers."""

    def __init__(self) -> None:
        self.mode = ""

    async def answer(self, route: Route) -> None:
        if self.mode == AWAY:
            await route.abort()
        elif self.mode == REFUSED and route.request.method == "GET":
            titles = {f"title_{lang}": words.say("problem.staff.not_allowed", lang) for lang in words.LANGUAGES}
            await route.fulfill(status=403, json={"code": "staff.not_allowed", "status": 403, **titles})
        elif self.mode == EMPTY:
            got = await route.fetch()
            told = await got.json()
            if isinstance(told, dict) and "items" in told:
                told |= {"items": [], "next": ""}
            await route.fulfill(response=got, body=json.dumps(told))
        else:
            await route.continue_()


async def states(counter: Counter, server: Server) -> AsyncIterator[str]:
    """Stop at each."""
    page, say = counter.page, counter.say

    async def go(screen: str, params: dict[str, Any], mode: str, words_: str) -> None:
        server.mode = mode
        await page.evaluate(GO, [screen, params])
        await counter.at(screen)
        await counter.sees(say(words_).split("{")[0])

    payment = await paid(counter, DIGITS[counter.lang])
    of, nobody = payment["id"], ids.new(Kind.PAYMENT)
    await page.route("**/v1/**", server.answer)
    for name, screen, params, mode, words_ in (
        ("bills-empty", "bills", {}, EMPTY, "till.none_yet"),
        ("bills-away", "bills", {}, AWAY, "till.bills_offline"),
        ("bill-away", "bill", {"id": nobody}, AWAY, "till.bill_away"),
        ("bill-refused", "bill", {"id": nobody}, REFUSED, "problem.staff.not_allowed"),
        ("bill-of-a-refund", "bill", {"id": ids.new(Kind.REFUND)}, "", "till.not_a_bill"),
        ("slip-no-printer", "slip", {"of": of}, EMPTY, "tills.no_printer"),
        ("slip-away", "slip", {"of": of}, AWAY, "tills.slip_away"),
        ("slip-refused", "slip", {"of": of}, REFUSED, "problem.staff.not_allowed"),
        ("slips-empty", "slips", {}, EMPTY, "tills.queue_empty"),
        ("slips-away", "slips", {}, AWAY, "tills.away"),
        ("slips-refused", "slips", {}, REFUSED, "problem.staff.not_allowed"),
        ("shift-none", "shift", {}, EMPTY, "tills.open_how"),
        ("shift-away", "shift", {}, AWAY, "tills.shift_away"),
        ("shift-refused", "shift", {}, REFUSED, "problem.staff.not_allowed"),
        ("why-away", "why", {"refund": ids.new(Kind.REFUND)}, AWAY, "tills.why_away"),
        ("device-away", "device", {}, AWAY, "till.offline"),
        ("queue-empty", "queue", {}, "", "till.queue_none"),
        ("basket-none", "basket", {}, "", "till.basket_none"),
    ):
        await go(screen, params, mode, words_)
        yield name
    server.mode = ""
    await page.evaluate(GO, ["undo", {"payment": payment}])
    await counter.at("undo")
    await counter.tap(say("till.why.wrong_amount"))
    await counter.key("999")
    await counter.sees(say("till.meant_too_much"))
    yield "undo-too-much"
    server.mode = EMPTY
    await page.evaluate(GO, ["signin", {"changing": True}])
    await counter.at("signin")
    await expect(page.locator(".empty")).to_be_visible()
    yield "who-nobody"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_screens_with_nothing_to_show_refused_and_away_are_read_by_all_and_pressed_by_any_finger(
    chromium: Browser, place: Place, lang: str, whole: bool
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as counter:
        await counter.begin()
        async for name in states(counter, Server()):
            trouble += await seen(counter.page, f"s-{name}-{lang}", whole=whole)
    assert not trouble, "\n".join(trouble)
