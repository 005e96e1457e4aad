"""Whole journeys: a wrong scan seen by three people at three browsers, each role at its work, keys alone, no script."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pypdf
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import Counter, Place, counter_in
from tests.browser.looking import WIDEST
from tests.browser.test_console import HOSTILE, NARROW, WIDE, asked, enter
from tests.browser.test_portal import case_in
from tests.browser.test_undoing import paid
from tests.flows import files
from tests.web.test_complaints import complained
from tests.web.test_console import PASSWORD, person
from tests.web.test_files import add
from tests.web.test_policies_and_repayments import people, put
from tests.web.test_portal import receipt_of
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.people import flow
from yuanlu.people.rules import Role
from yuanlu.web.console.table import PAGES

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 800}}
DESK: dict[str, Any] = {"viewport": WIDE, "reduced_motion": "reduce"}
STEPS_MAX = 200
SHUT = "form[action='/console/leave'] button"


async def reach(page: Page, wanted: Locator) -> None:
    """Walk there by the Tab key alone, as who has no mouse does."""
    for _ in range(STEPS_MAX):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("(wanted) => wanted === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached in {STEPS_MAX} steps")


async def press(page: Page, wanted: Locator) -> None:
    """Reach it by Tab and press it by Enter."""
    await reach(page, wanted)
    await page.keyboard.press("Enter")


async def write(page: Page, wanted: Locator, text: str) -> None:
    """Reach a field by Tab and type."""
    await reach(page, wanted)
    await page.keyboard.type(text)


async def taken(page: Page, button: Locator) -> bytes:
    """The file that a button gives."""
    async with page.expect_download() as coming:
        await button.click()
    path = await (await coming.value).path()
    return Path(path).read_bytes()


def rows_of(body: bytes) -> list[list[str]]:
    """A table as a spreadsheet reads it."""
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


async def test_a_wrong_scan_at_the_till_is_decided_at_the_console_and_seen_by_the_customer(
    chromium: Browser, place: Place
) -> None:
    """S1, S51, S61: 128.00 taken for 12.80, where the shop's own policy lets a person decide."""
    async with (
        counter_in(chromium, place) as till,
        counter_in(chromium, place, **DESK) as desk,
        counter_in(chromium, place, **PHONE) as phone,
    ):
        await people(till.shop)
        assert (await put(till.shop)).status == 201
        await till.begin()
        await paid(till, "128")
        (payment,) = [each["id"] for each in await till.payments() if each["amount_fen"] == 12_800]
        await till.tap("退这笔")
        await till.tap("金额输错")
        await till.key("12.8")
        await till.tap("确认退差额 ¥115.20")
        case = await case_in(till, payment, "REVIEW")
        await phone.page.goto(phone.url + await receipt_of(phone.shop, payment) + "/case")
        await phone.page.locator("form[action$='/take'] button").click()
        await expect(phone.page.locator("li[aria-current=step]")).to_contain_text("商家核对中")
        await enter(desk, "manager")
        await desk.page.locator("nav.menu a[href='/console/refunds']").click()
        await desk.page.locator(f"[data-row][href$='{case}']").click()
        await expect(desk.page.locator("#detail .sum")).to_have_text("¥115.20")
        await desk.page.locator("#text").fill("核对过了，多收的马上退给您")
        await desk.page.locator("form.say button").click()
        await expect(desk.page.locator("#detail .bubble").last).to_have_text("核对过了，多收的马上退给您")
        await desk.page.locator("details[data-key=a] > summary").click()
        await desk.page.locator("details[data-key=a] form button").click()
        await expect(desk.page.locator("header.case .chip").first).not_to_contain_text("待审核")
        await case_in(till, payment, "CLOSED")
        await phone.page.reload()
        await expect(phone.page.locator(".chip").first).to_contain_text("钱已到账")
        await expect(phone.page.get_by_text("¥115.20").first).to_be_visible()
        await expect(phone.page.locator(".talk .bubble").first).to_have_text("核对过了，多收的马上退给您")
        orders = (await till.books())["orders"]
        assert [each["back_fen"] for each in orders if each["amount_fen"] == 12_800] == [11_520]
        pdf = await taken(phone.page, phone.page.locator("a[href$='/voucher.pdf']"))
        text = "".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(pdf)).pages)
        assert "115.20" in text
        assert case in "".join(text.split())


async def works_as_owner(counter: Counter) -> None:
    """Hires somebody by keys alone."""
    page = counter.page
    await press(page, page.locator("nav.menu a[href='/console/people']"))
    await write(page, page.locator("#name"), "林小雨")
    await press(page, page.locator("form.people-hire button"))
    await expect(page.locator("h1")).to_have_text("林小雨")


async def works_as_finance(counter: Counter) -> None:
    """Approves by keys, and takes a report away as a table."""
    case = await asked(counter, "不要了")
    page = counter.page
    await page.goto(f"{counter.url}/console/refunds/{case}")
    await page.keyboard.press("a")
    await page.keyboard.press("Enter")
    await expect(page.locator("header.case .chip").first).not_to_contain_text("待审核")
    await press(page, page.locator("nav.menu a[href='/console/reports']"))
    await press(page, page.locator("main a[href='/console/reports/refund-rate']"))
    rows = rows_of(await taken(page, page.locator("main a[href*='refund-rate/csv']")))
    assert len({len(row) for row in rows}) == 1
    assert any("人民路店" in row for row in rows[1:])


async def works_as_manager(counter: Counter) -> None:
    """Walks the queue by J and K, and declines by R with a reason, by keys alone."""
    cases = [await asked(counter, said) for said in ("不要了", "多按了一个零")]
    page = counter.page
    await press(page, page.locator("nav.menu a[href='/console/refunds']"))
    await expect(page.locator(f"[data-row][href$='{cases[1]}']")).to_be_visible()
    await page.goto(f"{counter.url}/console/refunds/{cases[1]}")
    await page.keyboard.press("r")
    await write(page, page.locator("#decline-to_customer_needed"), "超过了本店写明的期限")
    await press(page, page.locator("details[data-key=r] form button"))
    await expect(page.locator("header.case .chip").first).to_contain_text("已拒绝")
    assert (await counter.shop.get(f"/v1/cases/{cases[0]}")).told["state"] == "REVIEW"


async def works_as_risk(counter: Counter) -> None:
    """Follows a payment from the box to its moves, by keys alone."""
    case = await asked(counter, "不是我买的")
    payment = (await counter.shop.get(f"/v1/cases/{case}")).told["payment"]
    page = counter.page
    await write(page, page.locator("#seek"), payment)
    await page.keyboard.press("Enter")
    await expect(page.locator("main h1")).to_have_text("¥128.00")
    await press(page, page.locator(".folded > summary"))
    await expect(page.locator(".folded table")).to_be_visible()
    for raw in ("system", "channel"):
        await expect(page.locator("#stream .meta", has_text=raw)).to_have_count(0)


async def works_as_auditor(counter: Counter) -> None:
    """Looks whether the chain of the audit log holds, and takes the log out."""
    page = counter.page
    await press(page, page.locator("nav.menu a[href='/console/audit']"))
    rows = rows_of(await taken(page, page.locator("form[action='/console/audit/file'] button").first))
    assert len({len(row) for row in rows}) == 1
    assert len(rows) > 1
    await press(page, page.locator("main a[href='/console/audit/check']"))
    await expect(page.locator("main .chip.ok")).to_be_visible()


WORK = {
    Role.OWNER: works_as_owner,
    Role.FINANCE: works_as_finance,
    Role.RISK: works_as_risk,
    Role.MANAGER: works_as_manager,
    Role.AUDITOR: works_as_auditor,
}


@pytest.mark.parametrize("role", WORK)
async def test_each_role_does_its_work_and_leaves(chromium: Browser, place: Place, role: Role) -> None:
    """S10, S15, S61."""
    async with counter_in(chromium, place, **DESK) as counter:
        await enter(counter, role)
        await WORK[role](counter)
        await press(counter.page, counter.page.locator(SHUT))
        await expect(counter.page.locator("form.enter")).to_be_visible()
        await counter.page.goto(f"{counter.url}/console/refunds")
        await expect(counter.page.locator("form.enter")).to_be_visible()


async def test_a_request_is_decided_without_a_script(chromium: Browser, place: Place) -> None:
    """S61: signed in, a queue read, a proof opened, asked for more, approved; each by plain forms."""
    async with counter_in(chromium, place, **DESK, java_script_enabled=False) as counter:
        case = await asked(counter, "不要了")
        await add(counter.shop, case, files.jpeg(), name="slip.jpg")
        page = counter.page
        await page.goto(f"{counter.url}/console")
        await page.locator("#account").fill(await person(counter.shop, "manager"))
        await page.locator("#password").fill(PASSWORD)
        await page.locator("form.enter button[type=submit]").click()
        await page.locator("nav.menu a[href='/console/refunds']").click()
        await page.locator(f"[data-row][href$='{case}']").click()
        await page.locator(".proof a").click()
        await expect(page.locator(".look img")).to_be_visible()
        await page.go_back()
        await page.locator("#text").fill("正在核对")
        await page.locator("form.say button").click()
        await expect(page.locator(".bubble").last).to_have_text("正在核对")
        await page.locator("details[data-key=a] > summary").click()
        await page.locator("details[data-key=a] form button").click()
        await expect(page.locator("header.case .chip").first).not_to_contain_text("待审核")
        await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        await expect(page.locator("nav.menu a[href='/console/payments']")).to_be_visible()


async def test_no_page_scrolls_sideways_or_runs_what_people_wrote(chromium: Browser, place: Place) -> None:
    """320 px, and 200 % at 640: every page of the console, with hostile names, messages and file names on it."""
    trouble: list[str] = []
    async with counter_in(chromium, place, **DESK) as counter:
        page, shop = counter.page, counter.shop
        page.on("dialog", lambda said: trouble.append(f"a dialog: {said.message}"))
        case = await asked(counter, HOSTILE)
        payment = (await shop.get(f"/v1/cases/{case}")).told["payment"]
        file = (await add(shop, case, files.jpeg(), name=HOSTILE)).told["id"]
        one = await flow.add(shop.app.desk, shop.merchant_id, role="cashier", name=HOSTILE[:60], who="boss")
        await shop.app.pools.recorder.execute(
            "update tills set name = $2 where merchant_id = $1", shop.merchant_id, HOSTILE[:60]
        )
        await enter(counter, "owner")
        there = {"payment": payment, "case": case, "file": file, "till": shop.till, "staff": one.id, "name": "mistakes"}
        for each in PAGES:
            path = each.path
            for name, value in there.items():
                path = path.replace(f"{{{name}}}", value)
            if (
                each.method != "GET"
                or each.is_open
                or "{" in path
                or path.endswith("csv")
                or path == f"/console/files/{file}"
            ):
                continue
            for wide, zoom in ((320, 1), (640, 2)):
                await page.set_viewport_size({"width": wide, "height": 900})
                await page.goto(f"{counter.url}{path}")
                await page.evaluate("(zoom) => { document.documentElement.style.zoom = zoom; }", zoom)
                over = await page.evaluate(WIDEST)
                if over > 0:
                    trouble.append(f"{path} at {wide} px is {over} too wide")
            if await page.locator("img[src='x']").count():
                trouble.append(f"{path} holds an element that somebody wrote")
    assert not trouble, "\n".join(trouble)


async def test_the_menu_is_folded_on_a_phone_and_opened_by_a_key(chromium: Browser, place: Place) -> None:
    async with counter_in(chromium, place, **DESK) as counter:
        page = counter.page
        await enter(counter, "manager")
        await expect(page.locator("nav.menu summary")).to_be_hidden()
        await page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        link = page.locator("nav.menu a[href='/console/payments']")
        await expect(link).to_be_hidden()
        await press(page, page.locator("nav.menu summary"))
        await expect(link).to_be_visible()
        await press(page, link)
        await expect(page.locator("main h1")).to_have_text("收款记录")
        await expect(link).to_be_hidden()
        await page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        await expect(link).to_be_visible()


async def test_the_main_act_of_each_page_is_done_by_keys_alone(chromium: Browser, place: Place) -> None:
    """A store, a code, a key, a message to a till, a ticket, an answer, a policy, limits and a role."""
    async with counter_in(chromium, place, **DESK) as counter:
        page, shop = counter.page, counter.shop
        wish = {"id": ids.new(Kind.TICKET), "till": shop.till, "cause": "device", "note": "卡纸"}
        assert (await shop.post("/v1/tickets", wish)).status == 201
        dispute, _ = await complained(shop)
        await enter(counter, "owner")
        one = await flow.add(shop.app.desk, shop.merchant_id, role="trainee", name="小林", who="boss")
        till, ticket = f"/console/devices/{shop.till}", f"/console/tickets/{wish['id']}"
        at, answered = f"/console/people/{one.id}", f"/console/disputes/{dispute}"
        acts: list[tuple[str, str, dict[str, str], str, str]] = [
            ("/console/shop", "", {"#new-store": "江边店"}, "/console/shop", "江边店"),
            ("/console/codes", "", {"#text": "wxp://f2f0keysalone"}, "/console/codes", "收款码"),
            ("/console/keys", "", {"#actor": "库存系统"}, "/console/keys", "库存系统"),
            (till, f"form[action='{till}/message']", {"#message": "请来办公室"}, f"{till}/message", ""),
            (ticket, "", {"#said": "换了纸"}, f"{ticket}/close", "换了纸"),
            (answered, "#text", {"#text": "马上核实"}, f"{answered}/answers", "马上核实"),
            ("/console/people/limits", "", {}, "/console/people/limits", ""),
            (at, "#role", {"#role": "a"}, f"{at}/place", ""),
        ]  # fmt: skip
        for path, folded, fields, action, seen in acts:
            await page.goto(f"{counter.url}{path}")
            if folded:
                await press(page, page.locator("details.act", has=page.locator(folded)).locator("> summary").first)
            for field, text in fields.items():
                await write(page, page.locator(field), text)
            async with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
                await press(page, page.locator(f"form[action='{action}'] button[type=submit]").last)
            assert (await sent.value).status in (200, 303), (path, (await sent.value).status)
            if seen:
                await expect(page.locator("main")).to_contain_text(seen)
        await page.goto(f"{counter.url}/console/policy/edit")
        await press(page, page.locator("button[value=set]"))
        await expect(page).to_have_url(f"{counter.url}/console/policy")
        await page.goto(f"{counter.url}/console/payments")
        await write(page, page.locator("#amount"), "128")
        await page.keyboard.press("Enter")
        await expect(page.locator("main tbody tr").first).to_contain_text("¥128.00")
        assert (await shop.get("/v1/policies")).told["items"]
