"""docs/tutorial.md, walked: each step on a fresh installation, each word in bold found on the pages of its step."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from tests.web.conftest import Shop, free_port
from tests.web.test_console import PASSWORD, Browser
from tests.web.test_onboarding import right, strange
from yuanlu import ids
from yuanlu.app import running
from yuanlu.channels.contract import Channel
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import signing
from yuanlu.sim.server import Sim
from yuanlu.web.server import make_asgi, serve

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


class Reader(Browser):
    """Somebody who follows the page, in English, and remembers all that they saw in a step."""

    seen = ""

    async def open(self, path: str) -> str:
        page = await super().open(path)
        self.seen += page
        return page

    async def send(self, action: str, **filled: str) -> str:
        page = await super().send(action, **filled)
        self.seen += page
        return page


def steps() -> Mapping[str, set[str]]:
    """The steps of the page, in order: by heading, the words in bold."""
    parts = re.split(r"(?m)^## (.+)$", PAGE.read_text())[1:]
    return {head: set(re.findall(r"\*\*(.+?)\*\*", text)) for head, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.fixture
async def new_shop(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """An installation in which there is nothing and nobody yet, and whose channels are simulated."""
    port = free_port()
    settings = Settings(
        state=tmp_path, public_url=f"http://127.0.0.1:{port}", practice=0,
        wechat_url=sim.base_url, alipay_url=f"{sim.base_url}/gateway.do",
    )  # fmt: skip
    async with running(settings, database) as app, aiohttp.ClientSession() as session:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(make_asgi(app), "127.0.0.1", port, ready.set_result, settings=settings))
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        try:
            yield Shop(app, await ready, session, "", "", {}, dict(sim.world.payer_codes), sim)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving


async def own(reader: Reader) -> None:
    """1."""
    app = reader.shop.app
    token = await signing.first_link(app.desk, app.pools.recorder)
    await reader.open("/accept?lang=en")
    await reader.send("/accept", token=token, name="陈立", shop="江边小馆", password=PASSWORD)
    assert reader.at == "/console/me", reader.page
    reader.shop.merchant_id = await app.pools.recorder.fetchval("select merchant_id from merchants")


async def add_store(reader: Reader) -> None:
    """2."""
    await reader.open("/console/shop")
    await reader.send("/console/shop", name="Riverside")
    form = re.search(
        r'action="/console/shop/tills".*?name="id" value="(\w+)"', reader.page[reader.page.index("Rivers") :], re.S
    )
    assert form
    wish = re.search(rf'value="{form[1]}".*?name="store" value="(\w+)"', reader.page, re.S)
    token = re.search(r'name="csrf" value="([^"]+)"', reader.page)
    assert wish
    assert token
    await reader._ask(
        "POST", "/console/shop/tills", {"csrf": token[1], "id": form[1], "store": wish[1], "name": "Front"}
    )
    assert "Front" in reader.page
    reader.shop.till = form[1]


async def give_keys(reader: Reader) -> None:
    """3: a wrong one first."""
    given = right(reader.shop.sim, Channel.WECHAT)
    await reader.open("/console/channels")
    await reader.send("/console/channels/wechat", **(given | {"merchant_key": strange()[0]}))
    assert reader.status == 422
    await reader.open("/console/channels")
    await reader.send("/console/channels/wechat", **given)
    assert reader.status == 200, reader.page


async def enrol(reader: Reader) -> None:
    """4."""
    till = reader.shop.till
    await reader.open("/console/devices")
    await reader.open(f"/console/devices/{till}")
    page = await reader.send(f"/console/devices/{till}/enrol")
    assert 'src="data:image/svg+xml' in page


async def hire(reader: Reader) -> None:
    """5."""
    await reader.open("/console/people")
    await reader.send("/console/people", role="cashier", name="王芳")
    assert "王芳" in reader.page
    page = await reader.send(f"{reader.at}/invite")
    link = re.search(r"/accept#(y[\w.-]+)", unescape(page))
    assert link
    cashier = Reader(reader.shop)
    await cashier.open("/accept?lang=en")
    await cashier.send("/accept", token=link[1], password="another 8 battery horse sings")
    assert cashier.at == "/console/me", cashier.page
    reader.seen += cashier.seen


async def charge(reader: Reader) -> None:
    """6: as the till does."""
    shop = reader.shop
    key = await merchants.add_key(shop.app.pools.recorder, shop.merchant_id, "till", shop.app.clock.now())
    shop.keys["cashier"] = shop.keys["boss"] = key.secret
    payment = await shop.paid()
    page = await reader.open("/console/payments")
    assert payment in page
    reader.shop.keys["payment"] = payment


async def mend(reader: Reader) -> None:
    """7."""
    shop, case = reader.shop, ids.new(Kind.CASE)
    payment = shop.keys["payment"]
    wish = {"id": case, "payment": payment, "what": "request", "said": "多按了一个零"}
    assert (await shop.post("/v1/cases", wish)).status == 201
    await shop.work()
    page = await reader.open("/console/refunds")
    assert case in page
    await reader.open(f"/console/refunds/{case}")
    await reader.send(f"/console/refunds/{case}/approve", amount="115.20", words="")
    assert reader.status == 200, reader.page
    for _ in range(6):
        await shop.work()
    assert (await shop.get(f"/v1/payments/{payment}")).told["back_fen"] == 11520


async def look(reader: Reader) -> None:
    """8."""
    await reader.open("/console/books")
    page = await reader.open("/console/books/account?account=due:wechat")
    assert reader.shop.keys["payment"] in page


WALK: tuple[Callable[[Reader], Awaitable[None]], ...] = (own, add_store, give_keys, enrol, hire, charge, mend, look)


async def test_the_first_day_is_as_the_tutorial_says(new_shop: Shop) -> None:
    reader, told = Reader(new_shop), steps()
    assert [head.partition(".")[0] for head in told] == [str(n) for n in range(1, len(WALK) + 1)]
    for step, (head, words) in zip(WALK, told.items(), strict=True):
        reader.seen = ""
        await step(reader)
        shown = unescape(re.sub(r"<[^>]+>", " ", reader.seen))
        missing = {each for each in words if each not in shown}
        assert not missing, (head, missing)
