"""Becoming a merchant in a real browser: the applicant on a small telephone, the reviewer with the papers beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import LEAST, NARROW, WIDE
from tests.flows import files
from tests.web.signing_in import PASSWORD
from tests.web.test_applications import FORM
from tests.web.test_platform import platform_person
from yuanlu import words
from yuanlu.applications.rules import PaperKind

SMALL = {"width": 320, "height": 640}


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_an_application_is_filled_in_sent_back_and_approved_and_every_page_is_read_by_all(
    chromium: Browser, place: Place, tmp_path: Path, lang: str
) -> None:
    """S9: two browsers at once."""
    trouble, photo = [], tmp_path / "photo.jpg"
    code = {"zh": "91110000600037341L", "en": "91440300708461136T"}[lang]  # one business is one merchant
    photo.write_bytes(files.jpeg(files.picture(800, 600)))
    async with (
        counter_in(chromium, place, lang=lang, viewport=WIDE, reduced_motion="reduce") as counter,
        counter_in(chromium, place, lang=lang, viewport=SMALL, reduced_motion="reduce") as phone,
    ):
        page, theirs = counter.page, phone.page
        await page.goto(f"{counter.url}/console/enter")
        await page.locator("#account").fill(await platform_person(counter.shop))
        await page.locator("#password").fill(PASSWORD)
        await page.locator("form.enter button[type=submit]").first.click()
        await expect(page.locator("h1")).to_be_visible()
        assert page.url.endswith("/console/applications")
        await page.locator("#name").fill("陈静" + "n" * 40)
        await page.locator("form[action='/console/applications'] button").click()
        await expect(page.locator("img.qr")).to_be_visible()
        link = await page.locator(".link code").inner_text()
        trouble += await seen(page, f"console-applications-invited-{lang}", least=LEAST, full_page=True)

        await theirs.goto(link)
        await theirs.locator("#password").fill(PASSWORD)
        await theirs.locator("form.enter button[type=submit]").click()
        await theirs.goto(f"{phone.url}/console")
        await expect(theirs.locator("#form")).to_be_visible()
        for name, text in FORM.items():
            if name == "mcc":
                await theirs.locator("#mcc").select_option(text)
            elif name != "channels":
                await theirs.locator(f"#{name}").fill(f"{code[:-1]}0" if name == "credit_code" else text)
        await theirs.locator("input[name=channel-wechat]").check()
        await theirs.locator("button[value=submit]").click()
        await expect(theirs.get_by_role("alert")).to_be_visible()
        await expect(theirs.locator("#credit_code")).to_have_attribute("aria-invalid", "true")
        trouble += await seen(theirs, f"console-apply-wrong-{lang}", least=LEAST, full_page=True)
        await theirs.locator("#credit_code").fill(code)
        await theirs.locator("button[value=save]").click()
        await expect(theirs.get_by_role("alert")).to_have_count(0)
        for n, kind in enumerate(PaperKind, 1):
            await theirs.locator("#kind").select_option(kind.value)
            await theirs.locator("#paper").set_input_files(photo)
            await theirs.locator("form[action='/console/apply/papers'] button").click()
            await expect(theirs.locator(".paper img")).to_have_count(n)
        trouble += await seen(theirs, f"console-apply-whole-{lang}", least=LEAST, full_page=True)
        await theirs.locator("button[value=submit]").click()
        await expect(theirs.locator(".head .chip.warn")).to_contain_text(
            words.say("console.application.SUBMITTED", lang)
        )

        await page.goto(f"{counter.url}/console/applications")
        trouble += await seen(page, f"console-applications-{lang}", least=LEAST, full_page=True)
        await page.locator("main ul.card a").first.click()
        await expect(page.locator(".paper img")).to_have_count(len(PaperKind))
        await expect(page.locator(".paper img").first).to_have_js_property("complete", value=True)
        for size in (WIDE, NARROW):
            await page.set_viewport_size(size)
            await page.evaluate("() => { for (const each of document.querySelectorAll('details')) each.open = true; }")
            name = f"console-application-{'wide' if size is WIDE else 'narrow'}-{lang}"
            trouble += await seen(page, name, least=LEAST, full_page=True)
        await page.locator("#why-licence").fill("照片不清楚，请重拍" + "长" * 40)
        await page.locator("#back button").click()
        await expect(page.locator("#back")).to_have_count(0)

        await theirs.goto(f"{phone.url}/console/apply")
        await expect(theirs.locator("#papers")).to_contain_text("照片不清楚")
        trouble += await seen(theirs, f"console-apply-returned-{lang}", least=LEAST, full_page=True)
        await theirs.locator("button[value=submit]").click()
        await expect(theirs.locator(".head .chip.warn")).to_contain_text(
            words.say("console.application.SUBMITTED", lang)
        )

        await page.reload()
        await page.locator("details.act > summary").first.click()
        await page.locator("form[action$='/approve'] button").click()
        await expect(page.locator("form[action$='/approve']")).to_have_count(0, timeout=20_000)
        await expect(page.locator(".head .chip.ok")).to_be_visible()
        await theirs.goto(f"{phone.url}/console/apply")
        await theirs.locator("form[action='/console/apply/owner'] button").click()
        await expect(theirs.locator("img.qr")).to_be_visible()
        trouble += await seen(theirs, f"console-apply-owner-{lang}", least=LEAST, full_page=True)
    assert not trouble, "\n".join(trouble)
