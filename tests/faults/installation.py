"""A whole installation of real processes: PostgreSQL under its supervisor, services, a worker; and both providers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from tests.faults import tally
from tests.faults.audit import NEXT
from tests.faults.process import SharedClock
from yuanlu import db
from yuanlu.app import kms_of
from yuanlu.channels.contract import Channel
from yuanlu.config import Settings
from yuanlu.merchants import store as merchants
from yuanlu.postgres import Server
from yuanlu.seal import Seal, Sealed
from yuanlu.sim.server import Sim
from yuanlu.sim.times import Stamps

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class Process:
    """A service or a worker that is started again whenever it is gone."""

    role: str
    state: Path
    clock: Path
    port: int
    child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready. It starts again should its database be away."""
        for _ in range(20):
            with (self.state / f"{self.role}-{self.port}.err").open("ab") as errors:
                self.child = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.faults.process", self.role, str(self.state), str(self.clock),
                    str(self.port), cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=errors, start_new_session=True,
                )  # fmt: skip
            assert self.child.stdout is not None
            if await self.child.stdout.readline():
                self._drain = asyncio.create_task(self._read(self.child.stdout))
                return
            await self.child.wait()
        raise AssertionError(f"{self.role} does not start: see its errors beside the state")

    async def _read(self, stdout: asyncio.StreamReader) -> None:
        """Keep the pipe from filling: its words go where its errors go."""
        with (self.state / f"{self.role}-{self.port}.out").open("ab") as kept:
            while said := await stdout.read(65536):
                kept.write(said)

    async def kill(self) -> None:
        """Kill -9."""
        assert self.child is not None
        with suppress(ProcessLookupError):
            os.kill(self.child.pid, signal.SIGKILL)
        await self.child.wait()

    async def end(self) -> None:
        if self.child is None or self.child.returncode is not None:
            return
        self.child.terminate()
        try:
            await asyncio.wait_for(self.child.wait(), 15)
        except TimeoutError:
            await self.kill()


@dataclass
class Installation:
    """What runs, and how to reach it."""

    server: Server
    sim: Sim
    clock: SharedClock
    services: list[Process]
    workers: list[Process]
    merchant_id: str = ""
    till_id: str = ""
    key: str = ""
    session: aiohttp.ClientSession | None = None

    @property
    def database(self) -> db.Database:
        return db.Database(self.server.url("yuanlu"), logs_in_as_roles=True)

    async def post(self, path: str, body: dict[str, Any], service: int = 0) -> tuple[int, dict[str, Any]]:
        """Ask once. Raises aiohttp.ClientError or TimeoutError when no answer comes."""
        assert self.session is not None
        url = f"http://127.0.0.1:{self.services[service].port}{path}"
        async with self.session.post(url, json=body, headers={"Authorization": f"Bearer {self.key}"}) as answer:
            return answer.status, await answer.json(content_type=None)

    async def insist(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ask, with the same body, until there is an answer that is one."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError, OSError, ValueError):
                status, told = await self.post(path, body)
                if status < 500 and status != 429:
                    return status, told
            await asyncio.sleep(0.1)

    async def connect(self) -> Any:
        """The database as its owner sees it, as soon as it is there."""
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                return await db.connect(self.database, deadline_within=60)
            await asyncio.sleep(0.1)

    # Kill -9

    async def kill(self, what: str) -> None:
        """Kill -9 one of: service, worker, postmaster, backend. What has no supervisor of its own is started again."""
        if what in ("service", "worker"):
            process = (self.services if what == "service" else self.workers)[0]
            await process.kill()
            tally.killed(what)
            await process.start()
            return
        pid = await (self._backend() if what == "backend" else self._postmaster())
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                tally.killed(what)

    async def _postmaster(self) -> int:
        file = self.server.home / "data" / "postmaster.pid"
        for _ in range(200):
            with suppress(OSError, ValueError, IndexError):
                return int(file.read_text().splitlines()[0])
            await asyncio.sleep(0.05)
        return 0

    async def _backend(self) -> int:
        connection = await self.connect()
        try:
            pid: int | None = await connection.fetchval(
                "select pid from pg_stat_activity where usename = 'yuanlu_recorder' order by random() limit 1"
            )
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=5)
        return pid or 0

    # Time

    async def rest(self, steps_max: int = 400) -> None:
        """Step everybody's clock until no job is left.

        Raises AssertionError when some would go on for ever.
        """
        connection = await self.connect()
        try:
            for _ in range(steps_max):
                await self._quiet(connection)
                due = await connection.fetchval(NEXT)
                if due is None:
                    return
                await self.sim.agenda.advance(max((due - self.clock.now()).total_seconds(), 20.0))
            left = await connection.fetch("select name, object_id, run_at from jobs order by name desc limit 5")
            raise AssertionError(f"does not come to rest: {left}")
        finally:
            await connection.close()

    async def _quiet(self, connection: Any) -> None:
        """Wait until no job is due and none is running."""
        for _ in range(600):
            busy = await connection.fetchval(
                "select count(*) from jobs where run_at <= $1 or lease_until > $1", self.clock.now()
            )
            if not busy:
                return
            await asyncio.sleep(0.05)


@asynccontextmanager
async def installed(place: Path, *, services: int = 1, workers: int = 1, seed: int = 1) -> AsyncIterator[Installation]:
    """An installation with one merchant of both channels."""
    state, clock_file = place / "state", place / "clock"
    state.mkdir(parents=True)
    clock = SharedClock(clock_file)
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(Sim(place / "sim", seed=seed, clock=clock))
        sim.times.stamps = Stamps.WORLD
        server = await stack.enter_async_context(Server(state))
        made = Installation(
            server,
            sim,
            clock,
            [Process("serve", state, clock_file, free_port()) for _ in range(services)],
            [Process("work", state, clock_file, free_port()) for _ in range(workers)],
        )
        for process in (*made.services, *made.workers):
            stack.push_async_callback(process.end)
        await asyncio.gather(*(process.start() for process in (*made.services, *made.workers)))
        made.session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), connector=aiohttp.TCPConnector(limit=200))
        )
        await _merchant(made)
        yield made


async def _merchant(made: Installation) -> None:
    pools = await db.open_pools(made.database)
    try:
        pool, now = pools.recorder, made.clock.now()
        made.merchant_id = await merchants.add_merchant(pool, "shop", now)
        store_id = await merchants.add_store(pool, made.merchant_id, "s", now)
        made.till_id = await merchants.add_till(pool, made.merchant_id, store_id, "t", now)
        told = made.sim.describe()
        seal = Seal(pool, kms_of(Settings(state=made.server.state)))

        async def sealing(merchant_id: str, subject: str) -> Sealed:
            return await seal.of(merchant_id, subject, now)

        wechat = {"base_url": told["base_url"], **told["wechat"]}
        await merchants.set_channel(pool, made.merchant_id, Channel.WECHAT, wechat, now, sealing)
        await merchants.set_channel(pool, made.merchant_id, Channel.ALIPAY, told["alipay"], now)
        made.key = (await merchants.add_key(pool, made.merchant_id, "till", now)).secret
    finally:
        await pools.close()
