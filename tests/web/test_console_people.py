"""People at the console, without any script: hired, invited, ended; limits by two; the access review."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from html import unescape

import pyotp
import pytest

from tests.web.conftest import Shop
from tests.web.test_console import PASSWORD, Browser, entered, person
from tests.web.test_review import hire
from yuanlu import ids, words
from yuanlu.ids import Kind
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.people.limits import SENDERS
from yuanlu.people.rules import MAY
from yuanlu.web.console import people as page_of
from yuanlu.web.console.people import limits_in

HOSTILE = "\"><script>alert(1)</script>'=1+1"
PAGES = ("/console/people", "/console/people/limits", "/console/people/review")


@pytest.fixture
async def owner(shop: Shop) -> Browser:
    return await entered(shop, "owner")


async def hired(browser: Browser, role: str, name: str = "李雷", store: str = "") -> str:
    """Somebody who was added by the form; their account. The browser stands on their page."""
    await browser.open("/console/people")
    await browser.send("/console/people", name=name, role=role, store=store)
    assert browser.at.startswith("/console/people/YW"), browser.page
    return browser.at.rpartition("/")[2]


async def came_in(shop: Shop, page: str) -> Browser:
    """Another browser in which the link on this page was taken up."""
    link = re.search(r"<code>(http[^<]+/accept#[^<]+)</code>", page)
    assert link, page
    browser = Browser(shop)
    await browser.open("/accept")
    await browser.send("/accept", token=unescape(link[1]), password=PASSWORD)
    assert browser.at == "/console/me", browser.page
    return browser


async def sent(browser: Browser, path: str, at: str) -> int:
    """The status of a form that stands on no page they see, sent with the token of their session."""
    token = re.search(r'name="csrf" value="([^"]+)"', await browser.open(at))
    assert token
    await browser._ask("POST", path, {"csrf": token[1]})
    return browser.status


async def test_an_owner_hires_and_invites_somebody_who_signs_in_and_is_cut_off_when_they_leave(owner: Browser) -> None:
    """The link is shown once; after the end their very next page is the door."""
    one = await hired(owner, "manager")
    assert "还不能登录" in owner.page
    at = f"/console/people/{one}"
    page = await owner.send(f"{at}/invite")
    assert 'src="data:image/svg+xml' in page
    other = await came_in(owner.shop, page)
    await other.open("/console/refunds")
    assert (other.at, other.status) == ("/console/refunds", 200)
    page = await owner.open(at)
    assert "accept#" not in page
    assert "密码" in page
    assert "停用李雷的账号" in page
    await owner.send(f"{at}/end")
    assert owner.at == at
    assert f"{at}/end" not in owner.page
    assert f"{at}/invite" not in owner.page
    await asyncio.sleep(1)  # as long as a process believes a key without asking
    await other.open("/console/refunds")
    assert other.at == "/console/enter"
    assert one not in await owner.open("/console/people")
    assert one in await owner.open("/console/people?left=true")


async def test_sessions_are_ended_and_their_person_signs_in_again(owner: Browser) -> None:
    account = await person(owner.shop, "cashier")
    other = Browser(owner.shop)
    await other.open("/console/enter")
    await other.send("/console/enter", account=account, password=PASSWORD)
    assert other.at == "/console"
    page = await owner.open(f"/console/people/{account}")
    assert "现在登录着 1 处" in page
    await owner.send(f"/console/people/{account}/sign-out")
    await asyncio.sleep(1)
    await other.open("/console")
    assert other.at == "/console/enter"
    await other.send("/console/enter", account=account, password=PASSWORD)
    assert other.at == "/console"


async def test_one_session_of_somebody_is_ended_and_their_others_go_on(owner: Browser) -> None:
    """A handset that was lost, a till that goes on."""
    account = await person(owner.shop, "cashier")
    lost, kept = Browser(owner.shop), Browser(owner.shop)
    for each in (lost, kept):
        await each.open("/console/enter")
        await each.send("/console/enter", account=account, password=PASSWORD)
    page = await owner.open(f"/console/people/{account}")
    first, second = re.findall(rf'action="(/console/people/{account}/sessions/\w+/end)"', page)
    await owner.send(first)
    assert owner.at == f"/console/people/{account}"
    assert first not in owner.page
    assert second in owner.page
    await asyncio.sleep(1)
    await lost.open("/console")
    assert lost.at == "/console/enter"
    await kept.open("/console")
    assert kept.at == "/console"


async def test_a_session_is_ended_by_the_way_of_its_own_person_alone(owner: Browser) -> None:
    """A thief who may end a cashier's sessions tries the owner's under the cashier's name."""
    account, boss = await person(owner.shop, "cashier"), await person(owner.shop, "owner")
    other = Browser(owner.shop)
    await other.open("/console/enter")
    await other.send("/console/enter", account=boss, password=PASSWORD)
    page = await owner.open(f"/console/people/{boss}")
    (action,) = re.findall(rf'action="(/console/people/{boss}/sessions/\w+/end)"', page)
    assert await sent(owner, action.replace(boss, account), f"/console/people/{boss}") == 422
    await asyncio.sleep(1)
    await other.open("/console")
    assert other.at == "/console"


async def test_the_last_owner_stays_and_is_told_why(owner: Browser) -> None:
    (own,) = re.findall(r'href="/console/people/(YW[0-9A-Z]{27})"', await owner.open("/console/people"))[-1:]
    await owner.open(f"/console/people/{own}")
    page = await owner.send(f"/console/people/{own}/end")
    assert owner.status == 422
    assert "最后一位店主" in page
    assert f"/console/people/{own}/invite" not in page, "nobody invites themselves"
    await owner.open("/console")
    assert owner.at == "/console"


async def test_limits_are_proposed_by_one_and_agreed_to_by_another(owner: Browser) -> None:
    """S95: whoever proposed has no button, and no way by a form of their own."""
    await owner.open("/console/people/limits")
    await owner.send("/console/people/limits", **{"item-manager": "12.80", "day-manager": "不限", "item-machine": ""})
    assert owner.at == "/console/people/limits", owner.page
    (table,) = (await owner.shop.get("/v1/limits/tables?state=PROPOSED")).told["items"]
    assert table["limits"]["manager"] == {"item_fen": 1280, "day_fen": None}
    agree = f"/console/people/limits/{table['id']}/agree"
    assert agree not in owner.page
    assert await sent(owner, agree, "/console/people/limits") == 422
    assert (await owner.shop.get("/v1/limits")).told["id"] == ""
    finance = await entered(owner.shop, "finance")
    assert agree not in await finance.open("/console/people/limits")
    second = await entered(owner.shop, "owner")
    page = await second.open("/console/people/limits")
    assert "¥12.80" in page
    await second.send(agree)
    assert (await owner.shop.get("/v1/limits")).told["id"] == table["id"], second.page
    page = await second.open("/console/people/limits")
    assert agree not in page
    assert 'value="12.80"' in page


@pytest.mark.parametrize("typed", ["1,28", "-1", "1e3", "all", "²"])
async def test_a_limit_that_is_no_amount_is_told_and_what_was_typed_stays(owner: Browser, typed: str) -> None:
    await owner.open("/console/people/limits")
    page = await owner.send("/console/people/limits", **{"item-manager": typed, "day-manager": "77.00"})
    assert owner.status == 422
    assert 'role="alert"' in page
    assert f'name="item-manager" value="{typed}"' in page
    assert 'name="day-manager" value="77.00"' in page
    assert (await owner.shop.get("/v1/limits/tables")).told["items"] == []


def test_an_empty_field_is_no_money_and_never_any_amount() -> None:
    form = {f"item-{role}": "" for role in SENDERS} | {"item-owner": "any", "day-owner": "不限", "day-manager": "5"}
    assert limits_in(form) == {
        "owner": {"item_fen": None, "day_fen": None},
        "manager": {"item_fen": 0, "day_fen": 500},
    }


@pytest.mark.parametrize("role", ["cashier", "trainee"])
async def test_who_may_not_see_people_has_no_menu_entry_no_page_and_no_act(shop: Shop, role: str) -> None:
    carl = await person(shop, "cashier")
    browser = await entered(shop, role)
    assert "/console/people" not in browser.page
    acts = [each.path for each in page_of.PAGES if each.method == "POST"]
    for path in (*PAGES, "/console/people/review.csv", f"/console/people/{carl}"):
        await browser.open(path)
        assert browser.status == 403, path
    before = await shop.counts()
    for path in acts:
        where = path.format(staff=carl, limits=ids.new(Kind.LIMITS), session=ids.new(Kind.SESSION))
        assert await sent(browser, where, "/console") == 403, path
    assert await shop.counts() == before


async def test_a_manager_hires_cashiers_and_sees_no_act_on_who_stands_above_or_beside(shop: Shop) -> None:
    olga, bert, carl = [await person(shop, role) for role in ("owner", "manager", "cashier")]
    manager = await entered(shop, "manager")
    page = await manager.open("/console/people")
    assert re.findall(r'<option value="(\w+)"', page)[:2] == ["cashier", "trainee"]
    assert 'value="owner"' not in page
    await manager.send("/console/people", name="李雷", role="owner", store="")
    assert manager.status == 422
    assert 'value="李雷"' in manager.page, "what was typed stays"
    for other in (olga, bert):
        page = await manager.open(f"/console/people/{other}")
        assert manager.status == 200
        assert not re.findall(rf'action="/console/people/{other}/', page)
        for act in ("invite", "end", "sign-out"):
            assert await sent(manager, f"/console/people/{other}/{act}", "/console") == 422, act
    assert f"/console/people/{carl}/end" in await manager.open(f"/console/people/{carl}")
    await manager.open("/console/people/review")
    assert manager.status == 403


async def test_a_manager_of_a_store_sees_the_people_of_that_store(shop: Shop) -> None:
    here = (await shop.get("/v1/tills")).told["items"][0]["store"]
    near = await people.add(shop.app.desk, shop.merchant_id, role="manager", name="近", who="boss", store_id=here)
    token = await signing.invite(shop.app.desk, shop.merchant_id, near.id, "boss")
    away = await hire(shop, "away", "cashier")
    browser = Browser(shop)
    await browser.open("/accept")
    await browser.send("/accept", token=token, password=PASSWORD)
    page = await browser.open("/console/people")
    assert near.id in page
    assert away not in page
    assert re.findall(r'<option value="(YS\w*|)"', page) == [here], "hires there alone"
    await browser.open(f"/console/people/{away}")
    assert browser.status == 404
    own = await hired(browser, "cashier", store=here)
    assert own in await browser.open("/console/people")


async def test_hostile_names_are_shown_harmlessly_on_every_page_and_in_the_file(owner: Browser) -> None:
    """A name runs in no page, and no spreadsheet."""
    one = await hired(owner, "finance", HOSTILE)
    formula = await people.add(
        owner.shop.app.desk, owner.shop.merchant_id, role="auditor", name="=HYPERLINK(1)", who="boss"
    )
    for path in (*PAGES, f"/console/people/{one}"):
        page = await owner.open(path)
        assert owner.status == 200, page
        assert "<script>alert" not in page, path
    file = await owner.open("/console/people/review.csv")
    rows = {row[0]: row for row in csv.reader(io.StringIO(file.removeprefix("\ufeff")))}
    assert rows[formula.id][1] == "'=HYPERLINK(1)"
    assert rows[one][1] == HOSTILE
    assert rows[one][2] == "财务"


async def test_the_review_names_whom_to_look_at(owner: Browser) -> None:
    """S95."""
    anna = await hire(owner.shop, "anna", "manager")
    recorder = owner.shop.app.pools.recorder
    await recorder.execute("update staff set since = since - interval '400 days' where id = $1", anna)
    page = await owner.open("/console/people/review")
    assert "同一岗位满一年" in page
    assert "不能登录，也没密钥" not in page, "who signs in by a password needs no key"
    strange = await people.add(owner.shop.app.desk, owner.shop.merchant_id, role="risk", name="空", who="boss")
    page = await owner.open("/console/people/review")
    assert "不能登录，也没密钥" in page.partition(strange.id)[2].partition("</tr>")[0]
    auditor = await entered(owner.shop, "auditor")
    assert anna in await auditor.open("/console/people/review")
    page = await auditor.open(f"/console/people/{anna}")
    assert auditor.status == 200
    assert not re.findall(rf'action="/console/people/{anna}/', page)


async def test_who_has_an_app_is_asked_once_more_before_they_invite(owner: Browser) -> None:
    """The form is kept, and goes on from the page that asks."""
    one = await hired(owner, "cashier")
    (who,) = [value for name, value in owner.jar.items() if name.endswith("account")]
    desk, merchant = owner.shop.app.desk, owner.shop.merchant_id
    app = pyotp.parse_uri(await signing.offer_totp(desk, merchant, who))
    assert isinstance(app, pyotp.TOTP)
    codes = await signing.confirm_totp(desk, merchant, who, app.at(owner.shop.app.clock.now()))
    await owner.open(f"/console/people/{one}")
    page = await owner.send(f"/console/people/{one}/invite", forgets_second="true")
    assert "accept#" not in page
    assert 'name="act_verb" value="invite"' in page
    page = await owner.send(f"/console/people/{one}/invite", code=codes[0])
    assert "accept#" in page
    row = await owner.shop.app.pools.recorder.fetchrow("select forgets_second from credentials where id = $1", one)
    assert row["forgets_second"]


def test_every_verb_has_words_for_who_reads_what_they_may_do() -> None:
    assert all(words.say(f"console.people.may.{verb}", lang) for verb in MAY for lang in words.LANGUAGES)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_every_page_is_whole(owner: Browser, lang: str) -> None:
    one = await hired(owner, "manager")
    for path in (*PAGES, "/console/people?left=true", f"/console/people/{one}"):
        page = await owner.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
        assert owner.status == 200, (path, page)
        assert page.count("<h1") == 1
        assert not re.search(r"\{\{|>None<|console\.people\.[a-z]", page), path


async def test_a_role_is_changed_on_the_page_and_it_says_so(owner: Browser) -> None:
    account = await hired(owner, "cashier", "李雷")
    at = f"/console/people/{account}"
    page = await owner.send(f"{at}/place", role="manager", store="")
    assert owner.status == 200, page
    assert '<option value="manager" selected>' in page
    assert "店长" in page
    page = await owner.open(f"/console/audit?object={account}")
    me = re.search(r'href="/console/people/(YW\w+)"', await owner.open("/console/people"))
    assert me
    manager = await entered(owner.shop, "manager")
    assert await sent(manager, f"{at}/place", "/console/me") in (400, 403, 422), "managers do not stand over managers"
    assert f"{at}/place" not in await manager.open(at)
    for each in re.findall(r'href="(/console/people/YW\w+)"', await owner.open("/console/people")):
        page = await owner.open(each)
        if "role=owner" in page or 'value="owner" selected' in page:
            assert f'action="{each}/place"' not in page, "nobody places themselves"
