"""Reports at the console, without a script: questions, filters by a form, charts with their table, and the file."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from tests.web.conftest import Shop
from tests.web.test_console import PASSWORD, Browser, entered
from tests.web.test_guards import question
from tests.web.test_reports import DAYS, NAMES, Ledger, ledger
from yuanlu.guards.rules import Guard
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.words import say

__all__ = ["ledger"]


@pytest.fixture
async def owner(ledger: Ledger) -> Browser:
    return await entered(ledger.shop, "owner")


async def test_the_menu_leads_to_the_questions_and_each_to_its_report(owner: Browser) -> None:
    page = await owner.open("/console/reports")
    assert "报表" in page
    for name in NAMES:
        assert f'href="/console/reports/{name}"' in page
        one = await owner.open(f"/console/reports/{name}?{DAYS}")
        assert owner.status == 200, one
        assert f"<h1>{say(f'console.reports.{name}')}</h1>" in one


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_report_is_whole_and_its_charts_say_what_they_are(owner: Browser, lang: str) -> None:
    for guard in (Guard.TIMES_10, Guard.TIMES_10, Guard.TWICE):
        await question(owner.shop, guard, reply="confirmed")
    for name in NAMES:
        days = "" if name == "guards" else DAYS
        page = await owner.open(f"/console/reports/{name}?{days}&lang={lang}")
        assert owner.status == 200, (name, page)
        assert page.count("<h1") == 1
        assert not re.search(r"\{\{|>None<|None</|>console\.|>report\.|style=|<script>", page), name
        for drawn in re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL):
            svg = ET.fromstring(drawn)
            named = (svg.get("aria-labelledby") or "").split()
            parts = {each.get("id"): each.text for each in svg if each.tag in ("title", "desc")}
            assert svg.get("role") == "img"
            assert [bool(parts[each]) for each in named] == [True, True]
        if name not in ("time-back",):
            assert "<details" in page, name
            assert 'class="chart"' in page or 'class="heat"' in page, name


async def test_a_table_below_the_chart_has_the_figures_of_the_route(owner: Browser, ledger: Ledger) -> None:
    page = await owner.open(f"/console/reports/refund-rate?{DAYS}")
    told = (await ledger.shop.get(f"/v1/reports/refund-rate?{DAYS}", who="olga")).told
    body = page.partition("<details")[2]
    for each in told["items"]:
        assert f'<th scope="row">{each["day"]}</th>' in body
        assert f"<td>¥{each['taken_fen'] / 100:,.2f}</td>" in body


async def test_a_form_chooses_days_and_store_and_its_file_is_of_the_same(owner: Browser, ledger: Ledger) -> None:
    page = await owner.open(f"/console/reports/refund-rate?{DAYS}&store={ledger.there}")
    assert f'<option value="{ledger.there}" selected>' in page
    assert 'value="2026-11-01"' in page
    link = re.search(r'href="(/console/reports/refund-rate/csv\?[^"]+)"', page)
    assert link
    file = await owner.open(link[1].replace("&amp;", "&"))
    assert owner.status == 200
    rows = file.splitlines()
    assert len(rows) > 3
    assert all("分店" in row for row in rows[1:])


async def test_what_makes_no_report_comes_back_with_why(owner: Browser) -> None:
    page = await owner.open("/console/reports/causes?from=2026-11-20&to=2026-11-01")
    assert owner.status == 422
    assert 'role="alert"' in page
    assert 'value="2026-11-20"' in page
    await owner.open("/console/reports/causes?from=yesterday")
    assert owner.status == 400
    await owner.open("/console/reports/nothing")
    assert owner.status == 404
    page = await owner.open("/console/reports/causes?from=2020-01-01&to=2020-01-05")
    assert "没有可看的" in page


async def test_the_hours_of_people_are_told_under_their_names(owner: Browser, ledger: Ledger) -> None:
    """Who is named, and not by an id; how dark a cell is, its number says too."""
    one = await people.add(ledger.shop.app.desk, ledger.shop.merchant_id, role="cashier", name="李雷", who="boss")
    pool = ledger.shop.app.pools.recorder
    await pool.execute("update payments set opened_by = $1 where opened_by = 'clerk 1'", one.id)
    page = await owner.open(f"/console/reports/mistakes?{DAYS}&by=cashier")
    assert "李雷" in page
    assert one.id not in page
    cells = re.findall(r'<td class="grade-(\d)"[^>]*>(\d+)</td>', page)
    assert cells
    assert all((grade == "0") == (count == "0") for grade, count in cells)
    assert max(cells)[0] == "5"


@pytest.mark.parametrize("role", ["cashier", "trainee"])
async def test_who_may_not_read_reports_sees_no_way_to_them(shop: Shop, role: str) -> None:
    browser = await entered(shop, role)
    assert "/console/reports" not in browser.page
    for path in ("/console/reports", "/console/reports/causes", "/console/reports/causes/csv"):
        await browser.open(path)
        assert browser.status == 403, path


async def test_who_belongs_to_a_store_chooses_no_other(ledger: Ledger) -> None:
    desk = ledger.shop.app.desk
    one = await people.add(
        desk, ledger.shop.merchant_id, role="manager", name="韩梅梅", who="boss", store_id=ledger.here
    )
    token = await signing.invite(desk, ledger.shop.merchant_id, one.id, "boss")
    await signing.accept(desk, ledger.shop.app.pools.recorder, token, signing.Means(PASSWORD), name="", shop="")
    browser = Browser(ledger.shop)
    await browser.open("/console/enter")
    await browser.send("/console/enter", account=one.id, password=PASSWORD)
    page = await browser.open(f"/console/reports/refund-rate?{DAYS}")
    assert browser.status == 200
    assert "分店" not in page
    assert 'name="store"' not in page
    await browser.open(f"/console/reports/refund-rate?{DAYS}&store={ledger.there}")
    assert browser.status == 403
