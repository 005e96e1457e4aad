"""Payments found at the console, and the one search box: by forms alone, and nothing of others'."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from urllib.parse import urlencode

import pytest

from tests.web.conftest import Shop
from tests.web.test_complaints import complained
from tests.web.test_console import PASSWORD, Browser, asked, entered
from yuanlu import ids
from yuanlu.clock import CHINA
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.people import signing

LIST = "/console/payments"


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    return await entered(shop, "manager")


def listed(page: str) -> list[str]:
    """The payments a page links to, by id, in order."""
    return list(dict.fromkeys(re.findall(r'href="/console/payments/(YP[0-9A-Z]{27})"', page)))


async def looked(browser: Browser, path: str, query: Mapping[str, str]) -> str:
    return await browser.open(f"{path}?{urlencode(query)}")


async def far(shop: Shop) -> Browser:
    """A browser in which a manager of another store has signed in."""
    pool, now = shop.app.pools.recorder, shop.app.clock.now()
    there = await merchants.add_store(pool, shop.merchant_id, "there", now)
    one = await people.add(shop.app.desk, shop.merchant_id, role="manager", name="李雷", who="boss", store_id=there)
    token = await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")
    await signing.accept(shop.app.desk, pool, token, signing.Means(PASSWORD), name="", shop="")
    browser = Browser(shop)
    await browser.open("/console/enter")
    await browser.send("/console/enter", account=one.id, password=PASSWORD)
    return browser


async def test_every_field_of_the_form_finds_and_is_kept(browser: Browser) -> None:
    """S15."""
    shop = browser.shop
    one, other = await shop.paid(amount_fen=4321), await shop.paid(amount_fen=99)
    told = (await shop.get(f"/v1/payments/{one}")).told
    code = {"code_tail": told["code_tail"], "cashier": told["opened_by"], "till": told["till"], "store": told["store"]}
    for query, wanted in (
        ({"number": one.lower()}, [one]),
        ({"number": f" {told['channel_number'][:4]} {told['channel_number'][4:]} "}, [one]),
        ({"amount": "43.21"}, [one]),
        ({"from": "40", "to": "¥50"}, [one]),
        ({"to": "0.99"}, [other]),
        ({"since": "2020-01-01T00:00"}, None),
        ({**code, "channel": "wechat", "state": "PAID"}, [other, one]),
        ({"channel": "alipay"}, []),
        ({"state": "FAILED"}, []),
    ):
        page = await looked(browser, LIST, query)
        if wanted is None:  # longer ago than may be looked through: said, and the form is as it was
            assert browser.status == 422
            assert 'role="alert"' in page
        else:
            assert (browser.status, listed(page)) == (200, wanted), query
        for name, text in query.items():
            assert f'name="{name}"' in page
            assert f'value="{text.strip()}"' in unescape(page), name
    for wrong in ({"amount": "12,80"}, {"since": "yesterday"}, {"number": "42"}, {"code_tail": "1"}):
        page = await looked(browser, LIST, wrong)
        assert browser.status == 422, wrong
        assert not listed(page)


async def test_times_are_those_of_the_clock_on_the_wall(browser: Browser) -> None:
    one = await browser.shop.paid()
    at = await browser.shop.app.pools.recorder.fetchval("select opened_at from payments where id = $1", one)
    local = at.astimezone(CHINA)
    minute = local.strftime("%Y-%m-%dT%H:%M")
    assert listed(await looked(browser, LIST, {"since": minute})) == [one]
    assert listed(await looked(browser, LIST, {"until": minute})) == []


async def test_older_ones_are_on_the_next_page_of_the_same_search(browser: Browser) -> None:
    made = [await browser.shop.paid(amount_fen=777) for _ in range(51)]
    await browser.shop.paid(amount_fen=1)
    page = await looked(browser, LIST, {"amount": "7.77"})
    assert listed(page) == made[:0:-1]
    further = re.search(r'href="(/console/payments\?[^"]*after=[^"]*)"', page)
    assert further
    assert listed(await browser.open(unescape(further[1]))) == made[:1]


async def test_the_box_opens_the_one_thing_whatever_its_kind(browser: Browser) -> None:
    """S15."""
    shop = browser.shop
    payment, case = await asked(shop)
    told = (await shop.get(f"/v1/payments/{payment}")).told
    complaint, _ = await complained(shop)
    other, refund = await shop.paid(amount_fen=5), ids.new(Kind.REFUND)
    assert (await shop.post("/v1/refunds", {"id": refund, "payment": other, "amount_fen": 1})).status == 201
    ticket = ids.new(Kind.TICKET)
    wish = {"id": ticket, "till": shop.till, "about": payment, "cause": "device"}
    assert (await shop.post("/v1/tickets", wish)).status == 201
    for text, to in (
        (payment, f"/payments/{payment}"),
        (f" {case.lower()}\n", f"/refunds/{case}"),
        (f"http://x.example/c/{case}", f"/refunds/{case}"),
        (refund, f"/payments/{other}"),
        (complaint, f"/disputes/{complaint}"),
        (shop.till, f"/devices/{shop.till}"),
        (ticket, f"/tickets/{ticket}"),
        (told["channel_number"], f"/payments/{payment}"),
        ("0.05", f"/payments/{other}"),
        ("0.05元", f"/payments/{other}"),
    ):
        await looked(browser, "/console/find", {"q": text})
        assert (browser.at, browser.status) == (f"/console{to}", 200), text


async def test_what_may_be_several_things_is_listed_by_kind(browser: Browser) -> None:
    one, two = await browser.shop.paid(amount_fen=600), await browser.shop.paid(amount_fen=600)
    case = (await asked(browser.shop))[1]
    assert listed(await looked(browser, "/console/find", {"q": "6.00"})) == [two, one]
    page = await looked(browser, "/console/find", {"q": f"{one} {case}"})
    assert listed(page) == [one]
    assert f'href="/console/refunds/{case}"' in page
    tail = (await browser.shop.get(f"/v1/payments/{one}")).told["code_tail"]
    assert set(listed(await looked(browser, "/console/find", {"q": tail}))) >= {one, two}


async def test_what_is_of_another_store_or_merchant_or_nobody_looks_like_nothing(shop: Shop) -> None:
    """S15. S2. S95."""
    payment, case = await asked(shop)
    told = (await shop.get(f"/v1/payments/{payment}")).told
    complaint, _ = await complained(shop)
    browser = await far(shop)
    for text in (payment, case, complaint, shop.till, told["channel_number"], told["code_tail"], "128.00", "128"):
        page = await looked(browser, "/console/find", {"q": text})
        assert browser.at.startswith("/console/find"), text
        assert "没有找到" in page
        assert not listed(page)
    for query in ({"number": payment}, {"amount": "128"}, {"store": told["store"]}, {"cashier": told["opened_by"]}):
        assert listed(await looked(browser, LIST, query)) == []


@pytest.mark.parametrize(
    "text", ["", "  ", "<script>alert(1)</script>", "退款" * 200, "\x00", "'; drop table payments", "%"]
)
async def test_any_text_gets_a_page(browser: Browser, text: str) -> None:
    page = await looked(browser, "/console/find", {"q": text})
    assert browser.status == 200
    assert "<h1" in page
    assert "<script>alert" not in page


async def test_nobody_searches_who_has_not_signed_in(shop: Shop) -> None:
    browser = Browser(shop)
    await looked(browser, "/console/find", {"q": await shop.paid()})
    assert browser.at == "/console/enter"
    assert "/console/find" not in browser.page
