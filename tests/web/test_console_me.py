"""Ways in at the console, without any script: an invitation, an app that shows codes, PIN, password, sessions."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import pyotp
import pytest

from tests.web.conftest import Shop
from tests.web.test_console import PASSWORD, Browser, entered
from yuanlu.people import flow as people
from yuanlu.people import signing

NEW = "another 8 battery horse sings"


async def invited(shop: Shop, role: str = "manager") -> str:
    """The token of an invitation."""
    one = await people.add(shop.app.desk, shop.merchant_id, role=role, name="陈立", who="boss")
    return await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")


@pytest.mark.parametrize("written", ["{token}", "http://localhost:8000/accept#{token}"])
async def test_an_invitation_is_taken_up_once_and_lets_in(shop: Shop, written: str) -> None:
    """S33: the link's part or the whole of it; a second time it is worth nothing."""
    token = await invited(shop)
    browser = Browser(shop)
    await browser.open("/accept")
    await browser.send("/accept", token=written.format(token=token), password=PASSWORD)
    assert browser.at == "/console/me", browser.page
    again = Browser(shop)
    await again.open("/accept")
    page = await again.send("/accept", token=token, password=NEW)
    assert again.status == 422
    assert 'role="alert"' in page
    assert "__Host-session" not in again.jar


@pytest.mark.parametrize("password", ["short 1", "", "password1234"])
async def test_a_weak_password_is_refused_and_the_invitation_stays(shop: Shop, password: str) -> None:
    token = await invited(shop)
    browser = Browser(shop)
    await browser.open("/accept")
    page = await browser.send("/accept", token=token, password=password)
    assert browser.status == 422, page
    assert f'value="{token}"' in page
    assert password == "" or password not in page
    await browser.send("/accept", token=token, password=PASSWORD)
    assert browser.at == "/console/me"


async def test_an_app_that_shows_codes_counts_once_confirmed_and_is_asked_for(shop: Shop) -> None:
    """S33."""
    browser = await entered(shop, "owner")
    page = await browser.open("/console/me")
    page = await browser.send("/console/me/codes", password="wrong")
    assert browser.status == 422
    page = await browser.send("/console/me/codes", password=PASSWORD)
    secret = re.search(r"<code>([A-Z2-7]{16,})</code>", page)
    assert secret
    assert 'src="data:image/svg+xml' in page
    page = await browser.send("/console/me/codes/confirm", code=pyotp.TOTP(secret[1]).at(shop.app.clock.now()))
    assert browser.status == 200, page
    assert len(re.findall(r"<li><code>", page)) >= 8
    assert "<li><code>" not in await browser.open("/console/me")  # told once
    door = Browser(shop)
    account = re.search(r"YW[0-9A-Z]{27}", unescape(str(browser.jar)))
    assert account
    await door.open("/console/enter")
    await door.send("/console/enter", account=account[0], password=PASSWORD)
    assert door.status == 422


async def test_pin_password_and_sessions(shop: Shop) -> None:
    """S33: another password ends all other sessions; a session of one's own is ended from the list."""
    browser = await entered(shop, "manager")
    account = re.search(r"YW[0-9A-Z]{27}", unescape(str(browser.jar)))
    assert account
    await browser.open("/console/me")
    await browser.send("/console/me/pin", password=PASSWORD, pin="123456")
    assert browser.status == 422  # plain
    await browser.send("/console/me/pin", password=PASSWORD, pin="471920")
    assert browser.at == "/console/me", browser.page
    other = Browser(shop)
    for path, fields in (("", {}), ("/password", {"password": PASSWORD, "new": NEW})):
        await other.open("/console/enter")
        await other.send("/console/enter", account=account[0], password=PASSWORD)
        assert other.at == "/console", other.page
        page = await browser.open("/console/me")
        if path:
            await browser.send("/console/me/password", **fields)
        else:
            ends = re.findall(r'action="(/console/me/sessions/\w+/end)"', page)
            assert len(ends) == 1
            await browser.send(ends[0])
        assert browser.at == "/console/me", browser.page
        for _ in range(30):  # seen by every process within a second
            await other.open("/console")
            if other.at == "/console/enter":
                break
            await asyncio.sleep(0.1)
        assert other.at == "/console/enter"


async def test_nobody_ends_anothers_session_or_passkey(shop: Shop) -> None:
    mine, theirs = await entered(shop, "manager"), await entered(shop, "owner")
    page = await theirs.open("/console/me")
    token = re.search(r'name="csrf" value="([^"]+)"', await mine.open("/console/me"))
    assert token
    sessions = await signing.sessions(
        shop.app.desk, shop.app.pools.recorder, shop.merchant_id, re.findall(r"YW[0-9A-Z]{27}", str(theirs.jar))[0]
    )
    await mine._ask("POST", f"/console/me/sessions/{sessions[0].id}/end", {"csrf": token[1]})
    assert mine.status == 422, page
    await asyncio.sleep(1.5)
    await theirs.open("/console")
    assert theirs.at == "/console"
