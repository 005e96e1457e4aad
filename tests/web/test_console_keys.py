"""Keys and hooks at the console, without any script: made, turned over, ended; a secret is shown once."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pyotp
import pytest

from tests.web.conftest import Clock, Shop, logged
from tests.web.signing_in import PASSWORD, entered, invited, with_codes
from tests.web.test_console import Browser
from tests.web.test_console import entered as at_console
from yuanlu import words
from yuanlu.keyring import flow as keyring
from yuanlu.keyring.rules import Sort
from yuanlu.machines.rules import SCOPES as ALL_SCOPES
from yuanlu.notify.rules import TYPES
from yuanlu.people.rules import MAY, OF_STAFF
from yuanlu.web.console import keys

SECRET = re.compile(r'<code class="secret">([^<]+)</code>')
HOSTILE = '"><script>alert(1)</script>'


async def code_entered(shop: Shop, account: str, app: pyotp.TOTP, clock: Clock) -> Browser:
    """A browser in which somebody with a second factor has signed in."""
    browser = Browser(shop)
    clock.later += timedelta(seconds=31)  # a code counts once: the next window of half a minute
    await browser.open("/console/enter")
    await browser.send("/console/enter", account=account, password=PASSWORD, code=app.at(clock.now()))
    assert browser.at == "/console", browser.page
    return browser


async def known_anywhere(shop: Shop, secret: str) -> list[str]:
    """The tables in which a text stands."""
    pool = shop.app.pools.recorder
    names = await pool.fetch(
        "select c.relname from pg_class c where c.relkind in ('r', 'p') and not c.relispartition"
        " and c.relnamespace = 'public'::regnamespace and has_table_privilege(c.oid, 'select')"
    )
    return [
        row["relname"]
        for row in names
        if await pool.fetchval(f"select exists(select from {row['relname']} t where strpos(t::text, $1) > 0)", secret)
    ]


async def test_a_key_is_made_shown_once_works_is_turned_over_and_ended(shop: Shop) -> None:
    browser = await at_console(shop, "owner")
    await browser.open("/console/keys")
    with logged() as lines:
        page = await browser.send("/console/keys", actor="仓库系统", scope_read="1")
    shown = SECRET.findall(page)
    assert (browser.status, len(shown)) == (200, 1)
    secret = unescape(shown[0])
    assert (await shop.get("/v1/tills", authorization=f"Bearer {secret}")).status == 200
    assert (await shop.get("/v1/keys", authorization=f"Bearer {secret}")).status == 403
    page = await browser.open("/console/keys")
    assert secret not in page
    assert secret.rpartition("_")[2] not in page
    assert "仓库系统" in page
    assert secret.rpartition("_")[2] not in str(lines)
    assert await known_anywhere(shop, secret.rpartition("_")[2]) == []
    key = re.search(r"yk_(YK\w{27})_", secret)
    assert key
    page = await browser.send(f"/console/keys/{key[1]}/rotate", grace="3600")
    newer = unescape(SECRET.findall(page)[0])
    assert newer != secret
    assert "正在更换" in page
    for each in (secret, newer):
        assert (await shop.get("/v1/tills", authorization=f"Bearer {each}")).status == 200
    page = await browser.send(f"/console/keys/{key[1]}/rotate", grace="3600")
    assert browser.status == 422
    assert 'role="alert"' in page
    assert not SECRET.findall(page)
    await browser.open("/console/keys")
    page = await browser.send(f"/console/keys/{key[1]}/end")
    assert browser.at == "/console/keys"
    assert f"/console/keys/{key[1]}/end" not in page
    told = (await shop.get("/v1/keys", authorization=f"Bearer {newer}")).status
    assert told in (401, 403)


async def test_a_form_that_is_sent_again_makes_no_second_key_and_shows_no_secret(shop: Shop) -> None:
    browser = await at_console(shop, "owner")
    first = await browser.open("/console/keys")
    page = await browser.send("/console/keys", actor="till helper")
    assert len(SECRET.findall(page)) == 1
    browser.page = first
    page = await browser.send("/console/keys", actor="till helper")
    assert browser.status == 200
    assert SECRET.findall(page) == []
    assert "已经显示过" in page
    browser.page = first
    await browser.send("/console/keys", actor="another name")
    assert browser.status == 422


@pytest.mark.parametrize(
    "filled", [{"actor": "x", "until": "2020-01-01"}, {"actor": "x", "until": "soon"}, {"actor": " "}]
)
async def test_what_is_wrong_with_a_key_is_said_and_what_was_filled_in_stays(
    shop: Shop, filled: dict[str, str]
) -> None:
    browser = await at_console(shop, "owner")
    await browser.open("/console/keys")
    page = await browser.send("/console/keys", **filled, scope_refund="1")
    assert browser.status == 422
    assert 'role="alert"' in page
    assert 'name="scope_refund" value="1" checked' in page
    assert SECRET.findall(page) == []


async def test_whoever_has_a_second_factor_is_sure_of_a_key_first(shop: Shop, clock: Clock) -> None:
    account = await invited(shop)
    await entered(shop, account)
    app, _ = await with_codes(shop)
    browser = await code_entered(shop, account, app, clock)
    await browser.open("/console/keys")
    page = await browser.send("/console/keys", actor="仓库系统", scope_read="1", scope_codes="1")
    assert "确认" in page
    assert SECRET.findall(page) == []
    assert "仓库系统" not in str((await shop.get("/v1/keys", who="wang")).told)
    clock.later += timedelta(seconds=31)
    page = await browser.send("/console/keys", code=app.at(clock.now()))
    assert len(SECRET.findall(page)) == 1, page
    made = [each for each in (await shop.get("/v1/keys", who="wang")).told["items"] if each["actor"] == "仓库系统"]
    assert [sorted(each["scopes"]) for each in made] == [["codes", "read"]]


@pytest.mark.parametrize("role", [each.value for each in OF_STAFF])
async def test_who_may_not_sees_no_page_and_no_entry_of_the_menu(shop: Shop, role: str) -> None:
    browser = await at_console(shop, role)
    home = await browser.open("/console")
    token = re.search(r'name="csrf" value="([^"]+)"', home)
    assert token
    for path, verb in (("/console/keys", "keys"), ("/console/hooks", "hooks")):
        may = role in MAY[verb]
        assert (f'href="{path}"' in home) == may, path
        await browser.open(path)
        assert browser.status == (200 if may else 403), path
        if not may:
            await browser._ask("POST", path, {"csrf": token[1], "actor": "x", "target": "https://shop.example/x"})
            assert browser.status == 403
            assert SECRET.findall(browser.page) == []


async def test_a_hook_is_added_shown_once_turned_over_tried_and_stopped(shop: Shop) -> None:
    browser = await at_console(shop, "manager")
    await browser.open("/console/hooks")
    with logged() as lines:
        page = await browser.send(
            "/console/hooks", way="webhook", target="https://shop.example/in?token=tail", about_refund="1"
        )
    assert browser.status == 200, page
    secret = unescape(SECRET.findall(page)[0])
    assert secret not in str(lines)
    assert await known_anywhere(shop, secret) == []
    hook = re.search(r'href="/console/hooks/(YH\w{27})"', page)
    assert hook
    path = f"/console/hooks/{hook[1]}"
    page = await browser.open(path)
    assert "refund.done" in page
    assert "payment.paid" not in page
    assert secret not in page
    page = await browser.send(f"{path}/secret", grace="86400")
    newer = unescape(SECRET.findall(page)[0])
    assert newer not in (secret, await browser.open(path))
    page = await browser.send(f"{path}/disable")
    assert "已停发" in page
    assert f'action="{path}/secret"' not in page
    page = await browser.send(f"{path}/enable")
    assert "已停发" not in page
    assert (await shop.get(f"/v1/hooks/{hook[1]}")).told["state"] == "ACTIVE"
    page = await browser.send(f"{path}/ping")
    assert "没有送到" in page  # nobody is at that address
    assert browser.status == 200


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", HOSTILE, "https://127.0.0.1/x", "not an address", "https://a b.example"]
)
async def test_an_address_that_cannot_be_is_refused_and_shown_harmlessly(shop: Shop, target: str) -> None:
    browser = await at_console(shop, "owner")
    await browser.open("/console/hooks")
    page = await browser.send("/console/hooks", way="webhook", target=target)
    assert browser.status == 422
    assert "<script>alert" not in page
    assert 'role="alert"' in page
    assert (await shop.get("/v1/hooks")).told["items"] == []


async def test_a_hostile_name_is_shown_harmlessly(shop: Shop) -> None:
    browser = await at_console(shop, "owner")
    await browser.open("/console/keys")
    page = await browser.send("/console/keys", actor=HOSTILE)
    assert browser.status == 200
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_what_ends_soon_is_marked_and_what_has_ended_too(shop: Shop, clock: Clock) -> None:
    browser = await at_console(shop, "owner")
    await browser.open("/console/keys")
    last = (clock.now() + timedelta(days=10)).date().isoformat()
    page = await browser.send("/console/keys", actor="仓库系统", until=last)
    key = re.search(r"yk_(YK\w{27})_", page)
    assert key
    for later, mark in ((timedelta(), "chip warn"), (timedelta(days=12), "已过期")):
        clock.later += later
        await keyring.look(shop.app.desk, shop.merchant_id, "system", shop.app.pools.reader)
        if later:
            browser = await at_console(shop, "owner")  # a session does not last so long
        page = await browser.open("/console/keys")
        row = re.search(rf"<tr><th scope=\"row\">key/{key[1]}</th>(.*?)</tr>", page)
        assert row, page
        assert mark in row[1]


async def test_the_pages_are_whole_in_both_languages(shop: Shop) -> None:
    browser = await at_console(shop, "owner")
    await browser.open("/console/hooks")
    page = await browser.send("/console/hooks", way="email", target="li@shop.example")
    hook = re.search(r'href="/console/hooks/(YH\w{27})"', page)
    assert hook
    one = f"/console/hooks/{hook[1]}"
    for path in ("/console/keys", "/console/hooks", one, f"{one}?state=PARKED"):
        for lang in ("zh", "en"):
            page = await browser.open(f"{path}{'&' if '?' in path else '?'}lang={lang}")
            assert browser.status == 200, page
            assert page.count("<h1") == 1
            assert "None" not in page


def test_every_scope_sort_and_thing_told_of_has_a_word() -> None:
    wanted = [f"console.keys.scope.{each}" for each in ALL_SCOPES]
    wanted += [f"console.keys.sort.{each}" for each in Sort]
    wanted += [f"console.hooks.about.{name.partition('.')[0]}" for name in TYPES.values()]
    wanted += [f"console.keys.grace.{each}" for each in keys.GRACES]
    assert not [each for each in wanted if each not in words.catalogue()]
