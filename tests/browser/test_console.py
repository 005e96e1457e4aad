"""The console in a real browser: signed in, seen wide and narrow, read by all, worked by keys alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in, settled
from tests.browser.looking import seen
from tests.flows import files
from tests.web.test_complaints import complained
from tests.web.test_console import PASSWORD, person
from tests.web.test_files import add
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.people import flow as people
from yuanlu.people import signing

WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 320, "height": 800}
AUTHENTICATOR = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
HOSTILE = '"><img src=x onerror=alert(1)>' + "长" * 40 + ".jpg"
LEAST = 44
"""Pixels of a target (ux.md section 7)."""


async def asked(counter: Counter, said: str, **more: Any) -> str:
    """A request that lies with a person."""
    shop = counter.shop
    payment, case = await shop.paid(**more), ids.new(Kind.CASE)
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
    await counter.page.locator("form.enter button[type=submit]").click()
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
        await page.goto(f"{counter.url}/accept")
        trouble += await seen(page, f"console-accept-{lang}", least=LEAST)
        await enter(counter, "manager")
        case = await asked(counter, "<b>多按了一个零</b> and a word that never ends " + "w" * 200)
        payment = (await counter.shop.get(f"/v1/cases/{case}")).told["payment"]
        file = (await add(counter.shop, case, files.jpeg(), name=HOSTILE)).told["id"]
        dispute, _ = await complained(counter.shop)
        pages = {
            "today": "", "refunds": f"/refunds/{case}", "refunds-empty": "/refunds?tab=trouble",
            "payments": "/payments",
            "payment": f"/payments/{payment}",
            "proof": f"/refunds/{case}/files/{file}?turn=90", "me": "/me",
            "disputes": "/disputes", "dispute": f"/disputes/{dispute}",
            "books": "/books", "devices": "/devices", "device": f"/devices/{counter.shop.till}",
            "policy": "/policy", "policy-edit": "/policy/edit", "deadlines": "/deadlines", "words": "/words",
        }  # fmt: skip
        for size in (
            ("wide", "narrow") if lang == "en" else ("wide",)
        ):  # English is longer: what holds there holds in both
            await page.set_viewport_size(WIDE if size == "wide" else {"width": 320, "height": 800})
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


async def test_a_finger_takes_an_invitation_up_signs_in_and_is_sure(chromium: Browser, place: Place) -> None:
    """S34: the link's own token, a passkey made on this device, and an approval above the limit confirmed by it."""
    async with counter_in(chromium, place, viewport=WIDE) as counter:
        page, shop = counter.page, counter.shop
        session = await counter.context.new_cdp_session(page)
        await session.send("WebAuthn.enable")
        await session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        one = await people.add(shop.app.desk, shop.merchant_id, role="owner", name="周敏", who="boss")
        token = await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")
        await page.goto(f"{counter.url}/accept#{token}")
        await expect(page.locator("#token")).to_have_value(token)
        assert token not in page.url
        await page.locator("[data-passkey]").click()
        await expect(page.locator("#account")).to_have_value(one.id)
        await page.locator("[data-passkey]").click()
        await expect(page.locator("nav.menu")).to_be_visible()
        case = await asked(counter, "多收了", amount_fen=43_210)
        await page.goto(f"{counter.url}/console/refunds/{case}")
        await page.keyboard.press("a")
        await page.keyboard.press("Enter")
        await expect(page.locator("form.enter .sum")).to_have_text("¥432.10")
        await page.locator("[data-passkey]").click()
        await expect(page.locator("header.case .chip").first).to_contain_text("退款中")
