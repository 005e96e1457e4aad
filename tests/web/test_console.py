"""The console over HTTP, without any script: pages are read, forms are sent, and the books change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape

import pytest

from tests.web.conftest import Shop
from tests.web.test_keys import ask, enrolled
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.web.console.review import TABS

PASSWORD = "seven 4 green ladders sing"
PIN = "471920"


@dataclass
class Browser:
    """What a browser without a script does: follows links, sends forms, keeps cookies."""

    shop: Shop
    jar: dict[str, str] = field(default_factory=dict)
    page: str = ""
    status: int = 0
    at: str = ""

    async def _ask(self, method: str, path: str, form: Mapping[str, str] | None = None) -> None:
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items()), "accept-language": "zh"}
        async with self.shop.session.request(
            method, self.shop.base_url + path, data=form, headers=headers, allow_redirects=False
        ) as answer:
            self.page, self.status, self.at = (await answer.text()), answer.status, path
            for said in answer.headers.getall("set-cookie", []):
                name, _, value = said.partition(";")[0].partition("=")
                self.jar[name] = value
            away = answer.headers.get("location")
        if self.status == 303 and away:
            await self._ask("GET", away)

    async def open(self, path: str) -> str:
        await self._ask("GET", path)
        return self.page

    async def send(self, action: str, **filled: str) -> str:
        """Send the form of this address as it stands on the page, with these fields filled in."""
        form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.page, re.DOTALL)
        assert form, f"no form to {action}"
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1])
        await self._ask("POST", action, {name: unescape(value) for name, value in hidden} | filled)
        return self.page


async def person(shop: Shop, role: str) -> str:
    """Somebody of this role who signs in by password; their account."""
    one = await people.add(shop.app.desk, shop.merchant_id, role=role, name="周敏", who="boss")
    token = await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")
    await signing.accept(shop.app.desk, shop.app.pools.recorder, token, signing.Means(PASSWORD), name="", shop="")
    return one.id


async def entered(shop: Shop, role: str) -> Browser:
    """A browser in which somebody of this role has signed in."""
    browser = Browser(shop)
    await browser.open("/console/enter")
    await browser.send("/console/enter", account=await person(shop, role), password=PASSWORD)
    assert browser.at == "/console", browser.page
    return browser


async def asked(shop: Shop) -> tuple[str, str]:
    """A payment, and a request for all of it that a person decides."""
    payment, case = await shop.paid(), ids.new(Kind.CASE)
    answer = await shop.post("/v1/cases", {"id": case, "payment": payment, "what": "request", "said": "<b>不要了</b>"})
    assert answer.status == 201, answer.raw
    await shop.work()
    return payment, case


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    return await entered(shop, "manager")


async def test_nobody_sees_a_page_who_has_not_signed_in(shop: Shop) -> None:
    browser = Browser(shop)
    for path in ("/console", "/console/refunds", "/console/payments"):
        await browser.open(path)
        assert browser.at == "/console/enter", path


async def test_a_wrong_password_stays_at_the_door_and_says_so(shop: Shop) -> None:
    browser = Browser(shop)
    await browser.open("/console/enter")
    page = await browser.send("/console/enter", account=await person(shop, "manager"), password="wrong")
    assert browser.status == 422
    assert "__Host-session" not in browser.jar
    assert 'role="alert"' in page


async def test_a_request_is_approved_by_a_form_and_the_money_goes_back(browser: Browser) -> None:
    """S61."""
    payment, case = await asked(browser.shop)
    page = await browser.open("/console/refunds")
    assert case in page
    assert "&lt;b&gt;不要了" in page
    await browser.send(f"/console/refunds/{case}/approve", amount="", words="对不起")
    assert browser.status == 200, browser.page
    told = (await browser.shop.get(f"/v1/cases/{case}")).told
    assert told["decided_by"]
    assert told["state"] in ("REMEDY", "CLOSED")
    page = await browser.open(f"/console/payments/{payment}")
    assert case in page


async def test_what_is_wrong_with_a_form_is_said_beside_it_and_nothing_is_done(browser: Browser) -> None:
    _, case = await asked(browser.shop)
    before = (await browser.shop.get(f"/v1/cases/{case}")).told
    for amount in ("999999", "-1", "1.234", "all"):
        await browser.open(f"/console/refunds/{case}")
        page = await browser.send(f"/console/refunds/{case}/approve", amount=amount, words="")
        assert browser.status == 422, amount
        assert 'role="alert"' in page
    assert (await browser.shop.get(f"/v1/cases/{case}")).told == before


async def test_a_form_without_the_token_of_its_session_does_nothing(browser: Browser) -> None:
    _, case = await asked(browser.shop)
    await browser._ask("POST", f"/console/refunds/{case}/approve", {"version": "2", "csrf": "x"})
    assert browser.status == 403
    assert (await browser.shop.get(f"/v1/cases/{case}")).told["decided_by"] == ""


@pytest.mark.parametrize("role", ["owner", "finance", "risk", "manager", "cashier", "trainee", "auditor"])
async def test_a_role_sees_the_buttons_it_may_press(shop: Shop, role: str) -> None:
    """S10: by page and button; the route says no besides."""
    _, case = await asked(shop)
    browser = await entered(shop, role)
    page = await browser.open(f"/console/refunds/{case}")
    assert browser.status == 200
    assert (f"/console/refunds/{case}/approve" in page) == (role in ("owner", "finance", "manager"))
    assert (f"/console/refunds/{case}/ask" in page) == (role in ("owner", "finance", "risk", "manager"))
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    if role in ("risk", "cashier", "trainee", "auditor"):
        await browser._ask("POST", f"/console/refunds/{case}/approve", {"version": "2", "csrf": token[1]})
        assert browser.status in (403, 422)
        assert (await shop.get(f"/v1/cases/{case}")).told["decided_by"] == ""


async def test_every_page_is_whole_in_both_languages(browser: Browser) -> None:
    payment, case = await asked(browser.shop)
    tabs = (f"/console/refunds?tab={tab}" for tab in TABS)
    for path in ("/console", *tabs, f"/console/refunds/{case}", "/console/payments", f"/console/payments/{payment}"):
        for lang in ("zh", "en"):
            page = await browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            assert browser.status == 200, (path, page)
            assert "<h1" in page
            assert "{{" not in page, path
            assert "None" not in page, path


async def test_the_session_of_a_till_opens_no_page(shop: Shop) -> None:
    """A token that was stolen from a till is useless without that till's key, here too."""
    account = await person(shop, "cashier")
    await signing.set_pin(shop.app.desk, shop.merchant_id, account, PIN)
    await hire(shop, "owner", "owner")
    device = await enrolled(shop, shop.till)
    entry = await ask(shop, device, "POST", "/v1/sessions/pin", {"account": account, "pin": PIN})
    assert entry.status == 201, entry.told
    browser = Browser(shop, {"__Host-session": entry.told["token"]})
    for path in ("/console", "/console/refunds", "/console/payments"):
        page = await browser.open(path)
        assert browser.status == 401, (path, page)
        assert "nav" not in page


@pytest.mark.parametrize(
    ("keyed", "sent"),
    [("12.8", 1280), ("¥12.80", 1280), ("100", 10000), ("12,80", None), ("1,28", None), ("1e3", None), ("²", None)],
)
async def test_an_amount_is_taken_as_it_is_written_or_refused(browser: Browser, keyed: str, sent: int | None) -> None:
    """A comma is never a point: 12,80 would be a hundred times the money."""
    _, case = await asked(browser.shop)
    await browser.open(f"/console/refunds/{case}")
    await browser.send(f"/console/refunds/{case}/approve", amount=keyed)
    told = (await browser.shop.get(f"/v1/cases/{case}")).told
    assert (browser.status, told["approved_fen"]) == ((200, sent) if sent else (422, 0)), browser.page


async def test_a_language_that_was_chosen_stays(browser: Browser) -> None:
    assert 'lang="en"' in await browser.open("/console?lang=en")
    assert 'lang="en"' in await browser.open("/console/payments")
    assert 'lang="en"' in await browser.open("/console/payments?lang=xx")
    assert 'lang="zh-CN"' in await browser.open("/console?lang=zh")


async def test_a_number_is_found_or_said_to_be_unknown(browser: Browser) -> None:
    payment, case = await asked(browser.shop)
    await browser.open(f"/console/find?q={payment.lower()}")
    assert browser.at == f"/console/payments/{payment}"
    await browser.open(f"/console/find?q={case}")
    assert browser.at == f"/console/refunds/{case}"
    page = await browser.open("/console/find?q=YP4711")
    assert "没有找到" in page
    assert payment[-6:] not in page


async def test_today_counts_what_was_taken_and_asked_back(browser: Browser) -> None:
    first, _ = await browser.shop.paid(), await browser.shop.paid()
    wish = {"id": ids.new(Kind.REFUND), "payment": first, "amount_fen": 6400}
    assert (await browser.shop.post("/v1/refunds", wish)).status == 201
    told = (await browser.shop.get("/v1/today", who="boss")).told
    assert (told["taken_fen"], told["back_fen"], told["rate"]) == (25600, 6400, "25.0 %")
    assert (told["taken_before_fen"], told["back_before_fen"], told["rate_before"], told["uncertain"]) == (0, 0, "—", 0)


async def test_a_row_of_the_review_says_where_by_what_by_whom_and_how_long_there_is(browser: Browser) -> None:
    """As ux.md's wireframe 4 has it: what, amount, store, channel, payer, age, time left; the overdue one first."""
    shop = browser.shop
    (_, late), (_, soon) = [await asked(shop) for _ in range(2)]
    async with shop.app.pools.recorder.acquire() as connection, connection.transaction():
        await connection.execute("select set_config('yuanlu.merchant_id', $1, true)", shop.merchant_id)
        for case, due, more in ((late, -245, "verdict = 'second'"), (soon, 1250, "legal_hold = true")):
            await connection.execute(
                "update cases set due_at = now() + make_interval(secs => $3), opened_at = now() - interval '9 minutes',"
                f" {more} where merchant_id = $1 and id = $2", shop.merchant_id, case, due,
            )  # fmt: skip
    page = await browser.open("/console/refunds")
    rows = {
        case: re.sub(r"<[^>]+>|\s", "", text)
        for case, text in re.findall(r'<a href="/console/refunds/(\w+)" data-row(.*?)</a>', page, re.DOTALL)
    }
    assert list(rows) == [late, soon]
    for each in rows.values():
        assert "¥128.00" in each
        assert "store·微信·尾号" in each
        assert "9分前" in each
    assert "要两个人决定" in rows[late]
    assert "超时4分" in rows[late]
    assert "法律保留" in rows[soon]
    assert "还剩20分" in rows[soon]
    page = await browser.open("/console/refunds?lang=en")
    assert "4 min over" in page
    assert "20 min left" in page
    assert "9 min ago" in page
    told = (await shop.get("/v1/cases?order=due")).told
    assert set(told["payments"]) == {each["payment"] for each in told["items"]}
    assert {each["store_name"] for each in told["payments"].values()} == {"store"}
