"""The console in a real browser: signed in, seen wide and narrow, read by all, worked by keys alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in, settled
from tests.browser.looking import seen
from tests.web.test_console import PASSWORD, person
from yuanlu import ids
from yuanlu.ids import Kind

WIDE = {"width": 1440, "height": 1000}
LEAST = 44
"""Pixels of a target (ux.md section 7)."""


async def asked(counter: Counter, said: str) -> str:
    """A request that lies with a person."""
    shop = counter.shop
    payment, case = await shop.paid(), ids.new(Kind.CASE)
    assert (
        await shop.post("/v1/cases", {"id": case, "payment": payment, "what": "request", "said": said})
    ).status == 201

    async def lies_with_a_person() -> bool:
        return bool((await shop.get(f"/v1/cases/{case}")).told["state"] == "REVIEW")

    await settled(lies_with_a_person)
    return case


async def enter(counter: Counter, role: str) -> None:
    account = await person(counter.shop, role)
    await counter.page.goto(f"{counter.url}/console")
    await counter.page.locator("#account").fill(account)
    await counter.page.locator("#password").fill(PASSWORD)
    await counter.page.locator("form.enter button").click()
    await expect(counter.page.locator("nav.menu")).to_be_visible()


async def chosen(counter: Counter, case: str) -> None:
    """This case stands open beside the queue."""
    await expect(counter.page.locator(f"[data-row][aria-current][href$='{case}']")).to_be_visible()


@pytest.fixture
async def desk(chromium: Browser, place: Place) -> AsyncIterator[Counter]:
    async with counter_in(chromium, place, viewport=WIDE) as counter:
        await enter(counter, "manager")
        yield counter


async def test_a_request_is_approved_by_keys_alone(desk: Counter) -> None:
    """S61: J, K, A, Enter."""
    cases = [await asked(desk, said) for said in ("不要了", "多按了一个零")]
    page = desk.page
    await page.goto(f"{desk.url}/console/refunds")
    await expect(page.locator("[data-row]")).to_have_count(2)
    if folder := os.environ.get("SEEN"):
        await page.screenshot(path=Path(folder) / "refunds.png")
    await page.keyboard.press("j")
    await chosen(desk, cases[1])
    await page.keyboard.press("k")
    await chosen(desk, cases[0])
    await page.keyboard.press("a")
    if folder := os.environ.get("SEEN"):
        await page.screenshot(path=Path(folder) / "approve.png")
    await page.keyboard.press("Enter")
    await expect(page.locator("header.case .chip").first).to_contain_text("退款中")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_page_is_read_by_all_and_pressed_by_any_finger(chromium: Browser, place: Place, lang: str) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, viewport=WIDE, reduced_motion="reduce") as counter:
        page = counter.page
        await page.goto(f"{counter.url}/console/enter")
        trouble += await seen(page, f"console-enter-{lang}", least=LEAST)
        await enter(counter, "manager")
        case = await asked(counter, "<b>多按了一个零</b> and a word that never ends " + "w" * 200)
        payment = (await counter.shop.get(f"/v1/cases/{case}")).told["payment"]
        pages = {
            "today": "", "refunds": f"/refunds/{case}", "refunds-empty": "/refunds?tab=trouble",
            "payments": "/payments",
            "payment": f"/payments/{payment}",
        }  # fmt: skip
        for size, viewport in {"wide": WIDE, "narrow": {"width": 320, "height": 800}}.items():
            await page.set_viewport_size(viewport)
            for name, path in pages.items():
                await page.goto(f"{counter.url}/console{path}")
                trouble += await seen(page, f"console-{name}-{size}-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/refunds/{case}")
        for act in await page.locator("details.act > summary").all():
            await act.click()
        trouble += await seen(page, f"console-acts-{lang}", least=LEAST, full_page=True)
        await page.locator("details[data-key=a] form input[name=amount]").fill("99999")
        await page.locator("details[data-key=a] form button").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        trouble += await seen(page, f"console-wrong-{lang}", least=LEAST, full_page=True)
    assert not trouble, "\n".join(trouble)
