"""People at the console in a real browser: hired, invited by a QR, ended; read by all, wide and narrow."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Place, counter_in
from tests.browser.looking import seen
from tests.browser.test_console import LEAST, NARROW, WIDE, enter
from tests.web.test_console import PASSWORD

LONG = "阿卜杜热依木·买买提 " + "n" * 40


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_somebody_is_hired_invited_and_ended_and_every_page_is_read_by_all(
    chromium: Browser, place: Place, lang: str
) -> None:
    """The link they are given opens the page on which they choose a password, by its own part behind the `#`."""
    trouble = []
    async with counter_in(chromium, place, lang=lang, viewport=WIDE, reduced_motion="reduce") as counter:
        page = counter.page
        await enter(counter, "owner")
        await page.locator("nav.menu a[href='/console/people']").click()
        await page.locator("#name").fill(LONG)
        await page.locator("#role").select_option("manager")
        await page.locator("form.people-hire button").click()
        await expect(page.locator("h1")).to_have_text(LONG)
        account = page.url.rpartition("/")[2]
        await page.locator(f"form[action$='{account}/invite']").locator("xpath=..").locator("summary").click()
        await page.locator(f"form[action$='{account}/invite'] button").click()
        await expect(page.locator("img.qr")).to_be_visible()
        link = await page.locator(".link code").inner_text()
        trouble += await seen(page, f"console-people-invited-{lang}", least=LEAST, full_page=True)
        theirs = await chromium.new_page()
        await theirs.goto(link)
        await expect(theirs.locator("#token")).to_have_value(link.partition("#")[2])
        await theirs.locator("#password").fill(PASSWORD)
        await theirs.locator("form.enter button[type=submit]").click()
        await expect(theirs.locator("nav.menu")).to_be_visible()
        await theirs.close()
        await page.goto(f"{counter.url}/console/people/limits")
        await page.locator("input[name=item-manager]").fill("200")
        await page.locator("form[action='/console/people/limits'] button").click()
        await expect(page.locator("main section > .note").first).to_be_visible()  # it waits for another owner
        pages = {"people": "", "person": f"/{account}", "limits": "/limits", "review": "/review"}
        for size in ("wide", "narrow") if lang == "en" else ("wide",):
            await page.set_viewport_size(WIDE if size == "wide" else NARROW)
            for name, path in pages.items():
                await page.goto(f"{counter.url}/console/people{path}")
                for summary in await page.locator("details.act > summary").all():
                    await summary.click()
                trouble += await seen(page, f"console-people-{name}-{size}-{lang}", least=LEAST, full_page=True)
        await page.goto(f"{counter.url}/console/people/{account}")
        end = page.locator(f"form[action$='{account}/end']")
        await end.locator("xpath=..").locator("summary").click()
        await expect(end.locator("button")).to_contain_text(LONG)
        await end.locator("button").click()
        await expect(page.locator("main .chip.bad")).to_be_visible()
        trouble += await seen(page, f"console-people-gone-{lang}", least=LEAST, full_page=True)
    assert not trouble, "\n".join(trouble)
