"""Every page of the console with every role: who sees it, whether it is whole, and by whom no form changes anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

import pytest

from tests.web.conftest import Shop
from tests.web.test_complaints import complained
from tests.web.test_console import Browser, asked, entered, person
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.people.rules import MAY, OF_STAFF, Role
from yuanlu.web.api.reports import NAMES as REPORTS
from yuanlu.web.console.pages import Page
from yuanlu.web.console.table import PAGES
from yuanlu.words import LANGUAGES

ROLES = sorted(OF_STAFF)
"""People of a shop. Those of the installation are tried in `test_platform.py`."""
READS = {"FileOpened", "PersonalDataRead"}
"""Facts that tell of a look, not of an act."""
SHOWN = [page for page in PAGES if page.method == "GET" and not page.is_open]
SENT = [
    page for page in PAGES if page.method == "POST" and not page.is_open and not page.path.startswith("/console/me")
]


async def places(shop: Shop) -> Mapping[str, str]:
    """What the ids in paths stand for: what is there, and ids of nothing for the rest."""
    payment, case = await asked(shop)
    return {"payment": payment, "case": case, "till": shop.till}


def path_of(page: Page, there: Mapping[str, str]) -> str:
    """The page's path with ids in it. What nobody has made has an id too, of nothing."""
    return re.sub(r"\{(\w+)\}", lambda found: there.get(found[1]) or ids.new(Kind.FILE), page.path)


def is_whole(page: Page, there: Mapping[str, str]) -> bool:
    return set(re.findall(r"\{(\w+)\}", page.path)) <= there.keys()


KINDS = {"code": Kind.CODE, "ticket": Kind.TICKET}
POLICY = {
    "reason-1": "wrong_amount | input.amount", "verdict-1": "approve", "zh-1": "马上退", "en-1": "At once",
    "verdict-2": "review", "zh-2": "店里看", "en-2": "We look", "then": "set",
}  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_sees_the_pages_it_may_see_and_no_others(shop: Shop, role: Role) -> None:
    """S10: the menu names just these, and a path that is typed in is refused."""
    there, browser = await places(shop), await entered(shop, role)
    menu = set(re.findall(r'<li><a href="([^"]+)"', browser.page))
    for page in SHOWN:
        is_theirs = not page.may or role in MAY[page.may]
        if page.menu:
            assert (page.path in menu) == is_theirs, page.path
        text = await browser.open(path_of(page, there))
        if not is_theirs:
            assert browser.status == 403, page.path
        elif is_whole(page, there):
            assert browser.status == 200, (page.path, text)
        else:
            assert browser.status < 500, (page.path, text)
        assert "{{" not in text, page.path
        assert ">None<" not in text, page.path


async def test_an_auditor_changes_nothing_by_any_form(shop: Shop) -> None:
    """Every form of the console, sent with the token of their own session."""
    there, browser = await places(shop), await entered(shop, "auditor")
    token = re.search(r'name="csrf" value="([^"]+)"', browser.page)
    assert token
    before = await standing(shop)
    for page in SENT:
        if page.path == "/console/leave":
            continue
        form = {"csrf": token[1], "version": "2", "amount": "1.00", "words": "好", "text": "好", "reason": "other"}
        await browser._ask("POST", path_of(page, there), form)
        assert 400 <= browser.status < 500, (page.path, browser.status)
    assert await standing(shop) == before


async def test_no_form_does_anything_without_the_token_of_its_session(shop: Shop) -> None:
    there, browser = await places(shop), await entered(shop, "owner")
    before = await standing(shop)
    for page in SENT:
        await browser._ask("POST", path_of(page, there), {"csrf": "x", "version": "2", "text": "好"})
        assert browser.status == 403, page.path
    assert await standing(shop) == before


async def standing(shop: Shop) -> Mapping[str, int]:
    """How many rows there are of what could change, and how many acts are on record, by kind."""
    rows = await shop.app.pools.recorder.fetch(
        "select kind, count(*) as n from facts group by kind union all select 'moves', count(*) from moves"
        " union all select 'payments', count(*) from payments union all select 'refunds', count(*) from refunds"
        " union all select 'cases', count(*) from cases"
    )
    return {row["kind"]: row["n"] for row in rows if row["kind"] not in READS}


async def test_whoever_has_not_signed_in_is_sent_to_the_door_from_every_page(shop: Shop) -> None:
    browser = Browser(shop)
    there = await places(shop)
    for page in SHOWN:
        await browser.open(path_of(page, there))
        assert browser.at == "/console/enter", page.path


_HIDDEN = re.compile(r"<(script|style|code|option|textarea|title)\b.*?</\1>|<[^>]+>", re.DOTALL)
_RAW = re.compile(
    r"\b[a-z]+(?:[_.][a-z]+)+\b|\b[a-z]+(?:-[a-z]+)?:[a-z]\w+|\d{4}-\d\d-\d\dT\d\d|\b[A-Z]{3,}_[A-Z]+\b|\b[A-Z][a-z]+[A-Z]\w+"
)
NAMES = {"WeChat", "UnionPay", "AppID", "apiclient_cert.pem", "apiclient_key.pem", "pub_key.pem", "RefundDone"}
"""What is called so: brands, files as a channel hands them out, and a fact, by whose name the audit is searched."""


@pytest.mark.parametrize("lang", LANGUAGES)
async def test_no_page_shows_a_code_of_ours_or_a_moment_of_machines(shop: Shop, lang: str) -> None:
    """What stands on a page for people to read is words: no `late_paid`, no `2026-11-28T08:00`, no name of a fact.

    Not asked: pages of hooks, which name what is told as the programs know it that hear it.
    """
    there, browser = await places(shop), await entered(shop, "owner")
    dispute, _ = await complained(shop)
    there |= {"complaint": dispute, "staff": await person(shop, "cashier")}
    store = (await shop.get("/v1/tills")).told["items"][0]["store"]
    wishes = {
        "code": ("/v1/codes", {"text": "wxp://f2f0abcdefghijklmnop", "store": store, "place": "1"}),
        "ticket": ("/v1/tickets", {"till": shop.till, "cause": "device"}),
    }
    for name, (path, wish) in wishes.items():
        made = await shop.post(path, {"id": ids.new(KINDS[name]), **wish}, who="boss")
        assert made.status == 201, made.raw
        there |= {name: made.told["id"]}
    await browser.open("/console/policy/edit")
    await browser.send("/console/policy/edit", **POLICY)
    assert browser.at == "/console/policy", browser.page
    there |= {"policy": (await shop.get("/v1/policies")).told["items"][0]["id"]}
    trouble = {}
    for page in SHOWN:
        if page.path.endswith("csv") or not is_whole(page, there | {"name": ""}):
            continue
        for name in REPORTS if "{name}" in page.path else ("",):
            text = await browser.open(f"{path_of(page, there | {'name': name})}?lang={lang}")
            seen = unescape(_HIDDEN.sub(" ", text))
            assert browser.status == 200 or "/appl" in page.path, (page.path, name)
            if found := set(_RAW.findall(seen)) - NAMES:
                trouble[page.path, name] = sorted(found)
    assert not trouble
