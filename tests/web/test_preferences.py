"""What a person sets for themselves: their zone, their language, the searches they keep; and nobody else's."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.making import NOON
from tests.web.conftest import Shop
from tests.web.test_console import Browser, entered
from tests.web.test_console_search import listed
from tests.web.test_review import hire
from yuanlu.change import Change, Stay
from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.people import preferences
from yuanlu.people.preferences import HOME, KEPT_MAX, Kept, Preferences
from yuanlu.web.console.pages import moment

WHO = Preferences(merchant_id="YM1", id="YW1")


def test_so_many_searches_are_kept_and_no_more() -> None:
    row: Preferences | None = None
    for number in range(KEPT_MAX):
        made = preferences.keep(WHO, Kept(f"{number:02}", "state=SENT"), row, NOON)
        assert isinstance(made, Change)
        row = made.row
    with pytest.raises(Denied, match="too_many"):
        preferences.keep(WHO, Kept("more", ""), row, NOON)
    again = preferences.keep(WHO, Kept("03", "state=PAID"), row, NOON)  # in the place of what it was
    assert isinstance(again, Change)
    assert len(again.row.kept) == KEPT_MAX
    assert Kept("03", "state=PAID") in again.row.kept
    assert isinstance(preferences.keep(WHO, Kept("03", "state=PAID"), again.row, NOON), Stay)
    assert isinstance(preferences.drop(WHO, "none", row, NOON), Stay)


@given(some.lists(some.tuples(some.booleans(), some.sampled_from("abc"), some.text("xy=&", max_size=3)), max_size=12))
def test_what_is_kept_is_what_was_kept_last_under_each_name(acts: list[tuple[bool, str, str]]) -> None:
    row: Preferences | None = None
    wanted: dict[str, str] = {}
    for is_kept, name, search in acts:
        if is_kept:
            row, wanted[name] = preferences.keep(WHO, Kept(name, search), row, NOON).row, search
        else:
            row = preferences.drop(WHO, name, row, NOON).row
            wanted.pop(name, None)
    assert {each.name: each.search for each in (row or WHO).kept} == wanted


def test_a_moment_is_read_in_a_zone_that_is_named_where_it_is_not_the_shops() -> None:
    at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert moment(at, CHINA) == "07-02 06:30"
    assert moment(at, preferences.zone_of(HOME)) == "07-02 06:30"
    assert moment(at, preferences.zone_of("Europe/Berlin")) == "07-02 00:30 Europe/Berlin"
    assert moment(at, preferences.zone_of("No/Where")) == "07-02 06:30"
    assert moment(None, CHINA) == ""


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    return await entered(shop, "manager")


async def test_a_search_is_kept_under_a_name_opened_and_dropped(browser: Browser) -> None:
    one, _ = await browser.shop.paid(amount_fen=4321), await browser.shop.paid(amount_fen=99)
    await browser.open("/console/payments?amount=43.21&state=PAID")
    page = await browser.send("/console/payments/keep", name="<b>大额</b>")
    assert browser.at == "/console/payments?amount=43.21&state=PAID"
    assert "&lt;b&gt;大额" in page
    page = await browser.open("/console/payments")
    kept = re.search(r'href="(/console/payments\?amount=[^"]*)"', page)
    assert kept
    assert listed(await browser.open(unescape(kept[1]))) == [one]
    other = await entered(browser.shop, "manager")
    assert "大额" not in await other.open("/console/payments")
    await browser.open("/console/payments")
    assert "大额" not in await browser.send("/console/payments/drop")
    await browser.open("/console/payments?state=PAID")
    await browser.send("/console/payments/keep", name="")
    assert browser.status == 422


async def test_times_are_shown_and_asked_in_the_zone_that_was_set(browser: Browser) -> None:
    one, zone = await browser.shop.paid(), ZoneInfo("America/New_York")
    at = await browser.shop.app.pools.recorder.fetchval("select opened_at from payments where id = $1", one)
    assert at.astimezone(CHINA).strftime("%m-%d %H:%M") in await browser.open("/console/payments")
    await browser.open("/console/me")
    page = await browser.send("/console/me/settings", zone="America/New_York", lang="en")
    assert (browser.at, browser.status) == ("/console/me", 200)
    assert 'lang="en"' in page
    local = at.astimezone(zone)
    assert f"{local:%m-%d %H:%M} America/New_York" in await browser.open("/console/payments")
    assert listed(await browser.open(f"/console/payments?since={local:%Y-%m-%dT%H:%M}")) == [one]
    assert listed(await browser.open(f"/console/payments?until={local:%Y-%m-%dT%H:%M}")) == []
    browser.jar.pop("__Host-lang")
    assert 'lang="en"' in await browser.open("/console/payments"), "on another device too"
    assert 'lang="zh-CN"' in await browser.open("/console/payments?lang=zh")
    await browser.open("/console/me")
    await browser.send("/console/me/settings", zone="Mars/Base", lang="en")
    assert browser.status == 422


async def test_what_one_sets_is_ones_own(shop: Shop) -> None:
    """S2: a person of this shop sets theirs; another, and whoever is no person, does not."""
    await hire(shop, "anna", "manager")
    await hire(shop, "bert", "cashier")
    wish = {"zone": "Europe/Berlin", "lang": "en"}
    assert (await shop.post("/v1/preferences", wish, who="anna")).told["zone"] == "Europe/Berlin"
    assert (await shop.get("/v1/preferences", who="anna")).told["is_home"] is False
    assert (await shop.get("/v1/preferences", who="bert")).told == {
        "zone": HOME, "is_home": True, "lang": "", "views": [],
    }  # fmt: skip
    for who in ("boss", "neighbour"):
        assert (await shop.post("/v1/preferences", wish, who=who)).code == "staff.not_allowed"
    answer = await shop.post("/v1/preferences", {"zone": "Etc/UTC"}, who="anna")
    assert (answer.status, answer.code) == (422, "preferences.zone_unknown")
