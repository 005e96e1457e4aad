"""A till in a real Chromium, against the whole service, its worker and the simulated providers."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, async_playwright, expect

from tests.web.conftest import Shop, keys_of_sim, opened, sim
from yuanlu import words
from yuanlu.db import Database
from yuanlu.machines import flow as machines
from yuanlu.people import flow as people
from yuanlu.people import signing
from yuanlu.postgres import Server
from yuanlu.sim.server import Sim
from yuanlu.terminal import services

__all__ = ["keys_of_sim", "sim"]
CHROMIUM = shutil.which("chromium")
PIN = "471920"
PASSWORD = "seven 4 green ladders sing"
STAFF = (("cashier", "王芳"),)
SCOPES = ("charge", "read", "report", "refund", "drawer", "print")
PHONE = {"width": 390, "height": 844}
_numbers = itertools.count(1)
TABLET = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, as it is: no security is switched off, but root needs `--no-sandbox`."""
    if CHROMIUM is None:
        pytest.skip("Debian's package `chromium` is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@dataclass
class Counter:
    """A counter of the shop: one browser, one page. `taps` counts what a finger does; `asked` what the page fetched."""

    shop: Shop
    context: BrowserContext
    page: Page
    url: str
    accounts: dict[str, str]
    lang: str = "zh"
    keyboard: CDPSession | None = None
    taps: int = 0
    refused: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def say(self, code: str, **facts: object) -> str:
        """The first line of some words, in the language of this till."""
        return words.say(code, self.lang, **facts).split("\n")[0]

    async def tap(self, name: str, *, role: Any = "button", exact: bool = False) -> None:
        """Press what has this name, as a finger does."""
        self.taps += 1
        await self.page.get_by_role(role, name=name, exact=exact).first.click()

    async def key(self, digits: str) -> None:
        """Press keys of the pad. Digits are counted apart: they are no taps of the table."""
        for digit in digits:
            await self.page.get_by_role("button", name=digit, exact=True).first.click()

    async def gun(self, text: str, *, enter: bool = True, apart: float = 0.005) -> None:
        """Scan as a gun in keyboard mode: the letters come 5 ms apart by the browser's own clock of events, then Enter.

        They are sent at once and dated, since this machine may be too busy to send each in time.
        """
        if self.keyboard is None:  # kept: one that is detached takes virtual authenticators with it
            self.keyboard = await self.context.new_cdp_session(self.page)
        device = self.keyboard
        began, sent = time.time(), []
        for place, letter in enumerate(text + ("\r" if enter else "")):
            said = {"key": "Enter" if letter == "\r" else letter, "text": letter, "timestamp": began + place * apart}
            sent += [
                device.send(
                    "Input.dispatchKeyEvent", {**said, "type": kind, "text": said["text"] if kind == "keyDown" else ""}
                )
                for kind in ("keyDown", "keyUp")
            ]
        await asyncio.gather(*sent)

    async def fresh(self, habit: str = "ok", wallet: str = "wechat") -> str:
        """A new payment code of a payer with this habit: it serves one order."""
        return str((await self.steer("payer", action="code", wallet=wallet, habit=habit))["code"])

    async def steer(self, what: str, **said: Any) -> Any:
        """Ask the simulated world for something."""
        assert self.shop.sim is not None
        async with self.shop.session.post(f"{self.shop.sim.base_url}/_sim/{what}", json=said) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def books(self, wallet: str = "wechat") -> Any:
        """The provider's books."""
        assert self.shop.sim is not None
        async with self.shop.session.get(f"{self.shop.sim.base_url}/_sim/books", params={"wallet": wallet}) as answer:
            return (await answer.json())[wallet]

    async def payments(self) -> list[Any]:
        """What our own books have."""
        items: list[Any] = (await self.shop.get("/v1/payments", who="boss")).told["items"]
        return items

    async def sees(self, words: str) -> None:
        """The page shows these words."""
        await expect(self.page.get_by_text(words).first).to_be_visible(timeout=15_000)

    async def enrol(self) -> None:
        """Make this browser a till."""
        made = await machines.invite(self.shop.app.desk, self.shop.merchant_id, self.shop.till, "boss", SCOPES)
        await self.page.goto(f"{self.url}/till#enrol={made.secret}")
        await self.page.get_by_role("button", name=self.say("till.enrol_do")).click()
        await self.sees(self.say("till.who"))

    async def enter(self, name: str = "王芳", pin: str = PIN) -> None:
        """Sign in by PIN."""
        await self.page.get_by_role("button", name=name).click()
        await self.key(pin)
        await self.at("pad")

    async def at(self, screen: str) -> None:
        """The till shows this screen."""
        await expect(self.page.locator(f"#till[data-screen={screen}]")).to_be_visible(timeout=30_000)

    async def back(self, *screens: str) -> None:
        """Go back, by way of these screens. Each is there before the next tap: until then the screen that is left still
        stands there and takes it, and leads to where it led before.
        """
        for screen in screens:
            await self.tap(self.say("till.back"))
            await self.at(screen)

    async def begin(self) -> None:
        """An enrolled till with a cashier at it."""
        await self.enrol()
        await self.enter()

    async def stored(self, store: str) -> list[Any]:
        """What the page keeps in one of its stores."""
        told = await self.page.evaluate(
            "name => import('/till/static/store.js').then(store => store.all(name)).then(JSON.stringify)", store
        )
        kept: list[Any] = json.loads(told)
        return kept


async def hired(shop: Shop, role: str, name: str, *, pin: str = PIN) -> str:
    """A member of staff with a PIN and a password; their account."""
    desk = shop.app.desk
    one = await people.add(desk, shop.merchant_id, role=role, name=name, who="boss")
    token = await signing.invite(desk, shop.merchant_id, one.id, "boss")
    await signing.accept(desk, shop.app.pools.recorder, token, signing.Means(PASSWORD), name="", shop="")
    if pin:
        await signing.set_pin(desk, shop.merchant_id, one.id, pin)
    return one.id


@dataclass
class Place:
    """A shop with a cashier and a manager, answered and worked for. `url`: its address as browsers know it."""

    shop: Shop
    url: str
    accounts: dict[str, str]


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.long)], ids=["pairs", "product"])
def whole(request: pytest.FixtureRequest) -> bool:
    """Whether each screen and state is looked at in both themes and both languages (`make laws`), or every pair is."""
    return bool(request.param)


@pytest.fixture(scope="module")
def said() -> Mapping[str, Any]:
    """Settings of the shop; a module may have its own."""
    return {"rate_signin": 0, "printer_networks": "127.0.0.0/8"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of the shop; a module may have its own."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
async def place(server: Server, state: Path, sim: Sim, said: Mapping[str, Any]) -> AsyncIterator[Place]:
    """The shop that the tests of a module share: each has a browser, a till key and a session of its own."""
    name = f"browser_{next(_numbers)}_{os.getpid()}"
    await server.create(name, "migrated")
    database = Database(server.url(name), logs_in_as_roles=True)
    async with (
        opened(database, state, sim, said=said) as shop,
        services.working(shop.app),
    ):
        url = shop.base_url.replace("127.0.0.1", "localhost")
        shop.app.settings = replace(shop.app.settings, public_url=url)
        pool = shop.app.pools.recorder
        await pool.execute("update stores set name = '人民路店' where merchant_id = $1", shop.merchant_id)
        await pool.execute("update tills set name = '1 号台' where merchant_id = $1", shop.merchant_id)
        yield Place(shop, url, {name: await hired(shop, role, name) for role, name in STAFF})
    await server.drop(name)


@asynccontextmanager
async def counter_in(chromium: Browser, place: Place, *, lang: str = "zh", **options: Any) -> AsyncIterator[Counter]:
    """A browser at that shop. Whatever its policy refused, and whatever its scripts fell over, fails the test."""
    options = {
        "viewport": PHONE,
        "locale": {"zh": "zh-CN", "en": "en-GB"}[lang],
        "timezone_id": "Asia/Shanghai",
    } | options
    context = await chromium.new_context(**options)
    page = await context.new_page()
    page.set_default_timeout(30_000)
    made = Counter(place.shop, context, page, place.url, place.accounts, lang)
    page.on("console", lambda said: made.refused.append(said.text) if "Content Security" in said.text else None)
    page.on("pageerror", lambda trouble: made.refused.append(f"{trouble.name}: {trouble.message}"))
    page.on("request", lambda asked: made.asked.append((asked.method, asked.url.removeprefix(place.url))))
    try:
        yield made
        assert not made.refused
    finally:
        if folder := os.environ.get("SEEN"):  # what the till showed at the end of a test
            await made.page.screenshot(path=f"{folder}/last.png")
        await context.close()


@pytest.fixture
async def counter(chromium: Browser, place: Place) -> AsyncIterator[Counter]:
    """A browser with nothing enrolled yet."""
    async with counter_in(chromium, place) as made:
        yield made


@pytest.fixture
async def till(counter: Counter) -> Counter:
    """An enrolled till with a cashier at it."""
    await counter.begin()
    return counter


async def with_finger(counter: Counter, name: str, role: str = "manager") -> CDPSession:
    """Hire somebody with a passkey on this device: a virtual authenticator that verifies its person."""
    account = await hired(counter.shop, role, name, pin="")
    await counter.page.goto(f"{counter.url}/till")
    session = await counter.context.new_cdp_session(counter.page)
    await session.send("WebAuthn.enable")
    await session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
                "isUserVerified": True, "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    shop = counter.shop
    entry = await shop.post("/v1/sessions", {"account": account, "password": PASSWORD}, authorization="")
    shop.keys["finger"] = entry.told["token"]
    asked = await shop.post("/v1/passkeys/options", {"password": PASSWORD}, who="finger")
    credential = await counter.page.evaluate(
        "async options => JSON.stringify((await navigator.credentials.create("
        "{publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options)})).toJSON())",
        asked.told["options"],
    )
    made = await shop.post("/v1/passkeys", {"credential": credential}, who="finger")
    assert made.status == 201, made.told
    return session


async def settled(what: Any, seconds: float = 15.0) -> Any:
    """Ask until it is so."""
    for _ in range(int(seconds / 0.1)):
        if told := await what():
            return told
        await asyncio.sleep(0.1)
    raise AssertionError("it never became so")
