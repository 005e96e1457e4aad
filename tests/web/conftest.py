"""A shop that is called over HTTP: the whole service on a free port, the simulated providers behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from yuanlu import ids
from yuanlu.app import App, running
from yuanlu.clock import SystemClock
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.sim.server import Sim
from yuanlu.web.server import make_asgi, serve
from yuanlu.worker import Worker


@dataclass
class Answer:
    """What a call was answered."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def told(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def code(self) -> str:
        """The problem's code, after checking that it is a whole problem."""
        told = self.told
        assert self.headers["content-type"] == "application/problem+json"
        assert told["status"] == self.status
        assert told["type"] == f"/problems/{told['code']}"
        assert told["title"] in (told["title_zh"], told["title_en"])
        assert told["instance"].endswith(self.headers["x-request-id"])
        return str(told["code"])


@dataclass
class Shop:
    """A merchant with a till, two people with keys, and a neighbour who must see nothing of it."""

    app: App
    base_url: str
    session: aiohttp.ClientSession
    merchant_id: str
    till: str
    keys: dict[str, str]
    codes: Mapping[str, str] = field(default_factory=dict)
    sim: Sim | None = None

    async def call(
        self,
        method: str,
        path: str,
        wish: Any = None,
        *,
        who: str = "cashier",
        raw: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Call as one of the people. `raw` instead of `wish` sends bytes as they are."""
        sent = {"authorization": f"Bearer {self.keys[who]}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value}
        body = raw if raw is not None else (None if wish is None else msgspec.json.encode(wish))
        async with self.session.request(method, self.base_url + path, data=body, headers=sent) as answer:
            return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, await answer.read())

    async def post(self, path: str, wish: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, wish, **more)

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    def wish(self, **changes: Any) -> dict[str, Any]:
        """A wish to be paid 128.00 by a WeChat payer who pays at once."""
        wish = {
            "id": ids.new(Kind.PAYMENT),
            "till": self.till,
            "amount_fen": 12800,
            "code": self.codes.get("wechat_ok", "130123456789012345"),
        } | changes
        return {name: value for name, value in wish.items() if value is not None}

    async def paid(self, **changes: Any) -> str:
        """A payment that is paid; its id."""
        answer = await self.post("/v1/payments", self.wish(**changes))
        assert (answer.status, answer.told["state"]) == (201, "PAID"), answer.told
        return str(answer.told["id"])

    async def work(self) -> None:
        """Let the worker run what is due."""
        await Worker(self.app).once()

    async def counts(self) -> tuple[int, ...]:
        """How many rows there are of everything that could change."""
        tables = ("payments", "refunds", "cases", "moves", "facts", "evidence", "jobs")
        found = await self.app.pools.recorder.fetchrow(
            "select " + ", ".join(f"(select count(*) from {table}) as {table}" for table in tables)
        )
        return tuple(found)


@contextlib.contextmanager
def logged() -> Iterator[list[Any]]:
    """What is logged meanwhile, whatever level a command that ran in this process before has set."""
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield lines


@pytest.fixture(scope="session")
def keys_of_sim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the simulated providers keep their keys, which take long to make."""
    return Path(tmp_path_factory.mktemp("sim"))


@pytest.fixture(scope="module")
async def sim(keys_of_sim: Path) -> AsyncIterator[Sim]:
    """The simulated providers that the tests of a module share: days that pass in one module pass in no other."""
    async with Sim(keys_of_sim) as started:
        yield started


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.asynccontextmanager
async def opened(
    database: Database,
    state: Path,
    sim: Sim | None = None,
    *,
    on_loopback: bool = False,
    said: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[Shop]:
    """A shop, served until the block ends. `on_loopback`: its hooks may lead to this machine. `said`: more settings;
    without, tills do not practise: no test starts a practice ground unasked."""
    port = free_port()
    usual = {"public_url": f"http://127.0.0.1:{port}", "hooks_on_loopback": int(on_loopback), "practice": 0}
    settings = Settings(state=state, **{**usual, **(said or {})})
    async with running(settings, database) as app, aiohttp.ClientSession() as session:
        pool, now = app.pools.recorder, app.clock.now()
        shops = {}
        for name in ("shop", "neighbour"):
            merchant_id = await merchants.add_merchant(pool, name, now)
            store_id = await merchants.add_store(pool, merchant_id, "store", now)
            shops[name] = (merchant_id, await merchants.add_till(pool, merchant_id, store_id, "till 1", now))
            if sim is not None:
                told = sim.describe()
                config = {"base_url": told["base_url"], **told["wechat"]}
                await merchants.set_channel(pool, merchant_id, "wechat", config, now, app.desk.sealed)
                await merchants.set_channel(pool, merchant_id, "alipay", told["alipay"], now)
        keys = {who: (await merchants.add_key(pool, shops["shop"][0], who, now)).secret for who in ("cashier", "boss")}
        keys["neighbour"] = (await merchants.add_key(pool, shops["neighbour"][0], "neighbour", now)).secret
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        served = serve(make_asgi(app, **options), "127.0.0.1", port, ready.set_result, settings=settings)
        serving = asyncio.create_task(served)
        await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
        codes = dict(sim.world.payer_codes) if sim is not None else {}
        try:
            yield Shop(app, await ready, session, *shops["shop"], keys, codes, sim)
        finally:
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving


@pytest.fixture
async def shop(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """A shop with both channels."""
    async with opened(database, tmp_path, sim) as each:
        yield each


@pytest.fixture
async def bare_shop(database: Database, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop that no channel knows."""
    async with opened(database, tmp_path) as each:
        yield each


class Clock(SystemClock):
    """The real clock, ahead by so much."""

    later = timedelta()

    def now(self) -> datetime:
        return super().now() + self.later


@pytest.fixture
def clock(shop: Shop) -> Clock:
    """The shop's clock, to be put ahead."""
    made = Clock()
    shop.app.desk.clock = shop.app.clock = made
    return made
