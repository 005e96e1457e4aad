"""A shop is set up at the console, without any script: stores, tills, keys of channels, and which of them is wrong."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import FormData

from tests.web.conftest import Shop, opened
from tests.web.test_console import Browser, entered
from tests.web.test_onboarding import SPOILED, right, strange
from yuanlu.channels.contract import Channel
from yuanlu.db import Database
from yuanlu.sim.server import Sim
from yuanlu.web.api.channels import FIELDS


@pytest.fixture
async def new_shop(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """A shop that no channel knows yet, in an installation whose channels are simulated."""
    said = {"wechat_url": sim.base_url, "alipay_url": f"{sim.base_url}/gateway.do"}
    async with opened(database, tmp_path, said=said) as each:
        each.sim = sim
        each.codes = dict(sim.world.payer_codes)
        yield each


async def send_files(browser: Browser, action: str, texts: dict[str, str], files: dict[str, str]) -> str:
    """Send the form of this address as a browser does that has files chosen in it."""
    token = re.search(r'name="csrf" value="([^"]+)"', browser.page)
    assert token
    form = FormData(quote_fields=False)
    for name, text in {"csrf": token[1], **texts}.items():
        form.add_field(name, text)
    for name, text in files.items():
        form.add_field(name, text.encode(), filename=f"{name}.pem", content_type="application/x-pem-file")
    await browser._ask("POST", action, form)  # type: ignore[arg-type]
    return browser.page


async def test_an_owner_adds_store_and_till_and_gets_its_code(new_shop: Shop) -> None:
    browser = await entered(new_shop, "owner")
    page = await browser.open("/console/shop")
    assert 'aria-current="page"' in page
    page = await browser.send("/console/shop", name="<b>江边店</b>")
    assert browser.at == "/console/shop"
    assert "&lt;b&gt;江边店" in page
    assert "<b>江边店" not in page
    rest = page[page.index("&lt;b&gt;江边店") :]
    till = re.search(r'action="/console/shop/tills".*?name="id" value="(\w+)".*?name="store" value="(\w+)"', rest, re.S)
    assert till
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    for _ in range(2):  # a form that is sent twice is one till
        form = {"csrf": token[1], "id": till[1], "store": till[2], "name": "T7"}
        await browser._ask("POST", "/console/shop/tills", form)
        assert browser.at == "/console/shop", browser.page
    assert browser.page.count(">T7<") == 1
    await browser.open(f"/console/devices/{till[1]}")
    page = await browser.send(f"/console/devices/{till[1]}/enrol")
    assert 'src="data:image/svg+xml' in page
    page = await browser.open("/console/shop")
    page = await browser.send(f"/console/shop/{till[2]}/close")
    assert browser.status == 422
    assert 'role="alert"' in page
    page = await browser.send(f"/console/shop/{till[2]}/rename", name="桥头店")
    assert "桥头店" in page
    assert "江边店" not in page


@pytest.mark.parametrize("as_files", [True, False])
async def test_keys_are_pasted_or_chosen_as_files_and_found_well(new_shop: Shop, as_files: bool) -> None:
    """S29: what was handed in stands on no page again."""
    browser = await entered(new_shop, "owner")
    for channel in FIELDS:
        given = right(new_shop.sim, channel)
        long = {name: text for name, text in given.items() if "\n" in text}
        await browser.open("/console/channels")
        if as_files:
            short = {name: text for name, text in given.items() if name not in long}
            files = {f"{name}_file": text for name, text in long.items()}
            await send_files(browser, f"/console/channels/{channel}", short, files)
        else:
            await browser.send(f"/console/channels/{channel}", **given)
        assert (browser.status, browser.at) == (200, f"/console/channels#{channel}"), browser.page
        assert "密钥都对" in browser.page
        for name in ("apiv3_key", "merchant_key", "app_private_key"):
            text = given.get(name, "")
            assert not text or text.splitlines()[-2 if "\n" in text else 0] not in browser.page, name
        await browser.send(f"/console/channels/{channel}/check")
        assert "密钥都对" in browser.page
    await new_shop.paid(code=new_shop.codes["alipay_ok"])


@pytest.mark.parametrize("name", [name for fields in FIELDS.values() for name in fields])
async def test_each_wrong_key_is_named_beside_its_field(new_shop: Shop, name: str) -> None:
    browser = await entered(new_shop, "owner")
    channel = next(each for each, fields in FIELDS.items() if name in fields)
    private, public = strange()
    wrong = SPOILED.get(name) or (private if name in ("merchant_key", "app_private_key") else public)
    given = right(new_shop.sim, channel) | {name: wrong}
    await browser.open("/console/channels")
    page = await browser.send(f"/console/channels/{channel}", **given)
    assert browser.status == 422
    assert "没有保存" in page
    field = re.search(rf'<(?:input|textarea) id="{name}"[^>]*>', page)
    assert field
    assert 'aria-invalid="true"' in field[0]
    for secret in (private.splitlines()[1], given.get("apiv3_key", private), given.get("app_private_key", private)):
        assert secret not in page
    assert not await new_shop.app.pools.recorder.fetchval("select count(*) from channel_accounts")


async def test_numbers_stay_in_the_form_and_secrets_do_not(new_shop: Shop) -> None:
    browser = await entered(new_shop, "owner")
    await browser.open("/console/channels")
    given = right(new_shop.sim, Channel.WECHAT) | {"apiv3_key": "tooshort"}
    page = await browser.send("/console/channels/wechat", **given)
    assert f'value="{given["mchid"]}"' in page
    assert "tooshort" not in page
    assert "BEGIN" not in page


@pytest.mark.parametrize("role", ["finance", "risk", "manager", "cashier", "trainee", "auditor"])
async def test_who_is_no_owner_sees_neither_page(new_shop: Shop, role: str) -> None:
    browser = await entered(new_shop, role)
    assert "/console/channels" not in browser.page
    for path in ("/console/shop", "/console/channels"):
        await browser.open(path)
        assert browser.status == 403, path
        token = re.search(r'name="csrf" value="([^"]+)"', browser.page)
        assert token
        await browser._ask("POST", path if path.endswith("shop") else f"{path}/wechat", {"csrf": token[1], "name": "x"})
        assert browser.status == 403, path


async def test_the_pages_are_whole_in_both_languages(new_shop: Shop) -> None:
    browser = await entered(new_shop, "owner")
    await browser.open("/console/channels")
    await browser.send("/console/channels/alipay", **right(new_shop.sim, Channel.ALIPAY))
    for path in ("/console/shop", "/console/channels"):
        for lang in ("zh", "en"):
            page = await browser.open(f"{path}?lang={lang}")
            assert browser.status == 200, page
            assert page.count("<h1") == 1
            assert "{{" not in page
            assert "None" not in page
