"""The registry of codes at the console, without any script: written down, looked at, marked when over, taken down."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.web.conftest import Clock, Shop
from tests.web.test_console import PASSWORD, Browser, entered, person
from tests.web.test_review import hire
from tests.web.test_thieves import ELSEWHERE
from yuanlu import words
from yuanlu.channels.codes import CodeKind
from yuanlu.devices.rules import REGISTERED, FoundAs, Standing
from yuanlu.people.rules import MAY, OF_STAFF

TEXT = "wxp://f2f0abcdefghijklmnop"
HOSTILE = '"><img src=x onerror=alert(1)>'


async def where(shop: Shop) -> str:
    """The store, and the till in it, as the form names them."""
    till = (await shop.get("/v1/tills")).told["items"][0]
    return f"{till['store']}/{till['id']}"


async def test_a_code_is_written_down_looked_at_and_taken_down(shop: Shop) -> None:
    browser = await entered(shop, "manager")
    await browser.open("/console/codes")
    page = await browser.send("/console/codes", text=TEXT, where=await where(shop), place="一号柜台", audit_days="30")
    path = browser.at
    assert re.fullmatch(r"/console/codes/YQ\w{27}", path), page
    assert TEXT not in page
    assert TEXT[-4:] in page
    assert "till 1" in page
    page = await browser.send(f"{path}/audit", found="covered", note="上面贴了别的码")
    assert browser.at == path
    assert "可疑" in page
    assert "上面贴了别的码" in page
    assert path in await browser.open("/console/codes?tab=suspect")
    assert path in await browser.open("/console/codes?tab=due")
    await browser.open(path)
    page = await browser.send(f"{path}/audit", found="in_place", note="")
    assert "在用" in page
    page = await browser.send(f"{path}/retire", note="柜台搬了")
    assert "已撤下" in page
    assert f'action="{path}/audit"' not in page
    assert f'action="{path}/retire"' not in page
    assert path in await browser.open("/console/codes?tab=retired")
    told = (await shop.get(f"/v1/codes/{path.rpartition('/')[2]}")).told
    assert (told["state"], told["note"]) == ("RETIRED", "柜台搬了")


async def test_what_is_over_is_marked_and_what_is_due_comes_first(shop: Shop, clock: Clock) -> None:
    browser = await entered(shop, "manager")
    last = (clock.now() + timedelta(days=5)).date().isoformat()
    made = {}
    for text, until, days in ((TEXT, last, "60"), (f"{TEXT}2", "", "3"), (f"{TEXT}3", "", "60")):
        await browser.open("/console/codes")
        await browser.send("/console/codes", text=text, where=await where(shop), until=until, audit_days=days)
        made[text] = browser.at
        assert "/YQ" in browser.at, browser.page
    await browser.open("/console/codes?tab=due")
    assert not [path for path in made.values() if path in browser.page]
    clock.later += timedelta(days=7)
    browser = await entered(shop, "manager")
    page = await browser.open("/console/codes?tab=due")
    assert page.index(made[f"{TEXT}2"]) < page.index(made[TEXT])
    assert made[f"{TEXT}3"] not in page
    page = await browser.open("/console/codes")
    rows = dict(re.findall(r'<tr><th scope="row"><a href="([^"]+)">.*?</a></th>(.*?)</tr>', page))
    assert "已过期" in rows[made[TEXT]]
    assert "该去看看了" in rows[made[f"{TEXT}2"]]
    assert "在用" in rows[made[f"{TEXT}3"]]


@pytest.mark.parametrize(
    "filled",
    [
        {"text": "130123456789012345"},  # a payer's own code hangs nowhere
        {"text": TEXT, "until": "2020-01-01"},
        {"text": TEXT, "until": "soon"},
        {"text": TEXT, "audit_days": "0"},
        {"text": TEXT, "audit_days": "x"},
        {"text": TEXT, "where": "elsewhere"},
        {"text": " "},
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_written_down(shop: Shop, filled: dict[str, str]) -> None:
    browser = await entered(shop, "owner")
    await browser.open("/console/codes")
    page = await browser.send("/console/codes", **{"where": await where(shop), "place": HOSTILE, **filled})
    assert browser.status == 422, page
    assert 'role="alert"' in page
    assert "<img src=x" not in page
    assert TEXT not in page  # the text of a code stands in no page, not in the form either
    assert (await shop.get("/v1/codes")).told["items"] == []


async def test_hostile_words_are_shown_harmlessly(shop: Shop) -> None:
    browser = await entered(shop, "owner")
    await browser.open("/console/codes")
    await browser.send("/console/codes", text=TEXT, where=await where(shop), place=HOSTILE)
    path = browser.at
    await browser.send(f"{path}/audit", found="damaged", note=HOSTILE)
    for each in (path, "/console/codes"):
        page = await browser.open(each)
        assert "&lt;img" in page
        assert "<img src=x" not in page


@pytest.mark.parametrize("role", [each.value for each in OF_STAFF])
async def test_a_role_sees_the_forms_it_may_send(shop: Shop, role: str) -> None:
    await hire(shop, "olga", "owner")
    store = (await where(shop)).partition("/")[0]
    wish = {"id": "YQ01KATE3S400000000000000000U", "text": TEXT, "store": store}
    assert (await shop.post("/v1/codes", wish, who="olga")).status == 201
    path = f"/console/codes/{wish['id']}"
    browser = await entered(shop, role)
    page = await browser.open("/console/codes")
    assert ('action="/console/codes"' in page) == (role in MAY["codes"])
    page = await browser.open(path)
    assert (f'action="{path}/audit"' in page) == (role in MAY["open"])
    assert (f'action="{path}/retire"' in page) == (role in MAY["codes"])
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    tries = ((f"{path}/audit", "open", {"found": "missing"}), (f"{path}/retire", "codes", {}))
    for action, verb, form in tries:
        await browser._ask("POST", action, {"csrf": token[1], **form})
        assert browser.status == (200 if role in MAY[verb] else 403), action
    told = (await shop.get(f"/v1/codes/{wish['id']}")).told
    assert (told["state"] == "RETIRED") == (role in MAY["codes"])
    assert (told["found"] == "missing") == (role in MAY["open"])


async def test_somebody_of_another_store_finds_no_such_code(shop: Shop) -> None:
    browser = await entered(shop, "owner")
    await browser.open("/console/codes")
    await browser.send("/console/codes", text=TEXT, where=await where(shop))
    path = browser.at
    account = await person(shop, "manager")
    await shop.app.pools.recorder.execute("update staff set store_id = $1 where id = $2", ELSEWHERE, account)
    far = Browser(shop)
    await far.open("/console/enter")
    await far.send("/console/enter", account=account, password=PASSWORD)
    assert far.at == "/console", far.page
    await far.open(path)
    assert far.status == 404
    assert TEXT[-4:] not in far.page
    assert path not in await far.open("/console/codes")


async def test_the_pages_are_whole_in_both_languages(shop: Shop) -> None:
    browser = await entered(shop, "owner")
    await browser.open("/console/codes")
    await browser.send("/console/codes", text=TEXT, where=(await where(shop)).partition("/")[0])
    for path in ("/console/codes", browser.at, "/console/codes?tab=due", "/console/codes?tab=nonsense"):
        for lang in ("zh", "en"):
            page = await browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            assert browser.status == 200, page
            assert page.count("<h1") == 1
            assert "None" not in page


def test_every_kind_standing_and_find_has_a_word() -> None:
    wanted = [f"console.codes.kind.{CodeKind(each)}" for each in REGISTERED]
    wanted += [f"console.codes.is.{each}" for each in Standing]
    wanted += [f"console.codes.found.{each}" for each in FoundAs]
    assert not [each for each in wanted if each not in words.catalogue()]
