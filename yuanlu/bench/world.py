"""A whole installation to put under load: sim, service and worker as processes of their own, and what they cost."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from yuanlu import db
from yuanlu.app import kms_of
from yuanlu.bench import ground
from yuanlu.bench.ground import Till
from yuanlu.bench.measure import cpu_of
from yuanlu.config import Settings
from yuanlu.merchants import store as merchants
from yuanlu.postgres import Server
from yuanlu.seal import Seal, Sealed

START_WITHIN = 30.0
STOP_WITHIN = 60.0
UNLIMITED = {f"YUANLU_RATE_{name}": "0" for name in ("ADDRESS", "KEY", "DEVICE", "OBJECT", "PERSON")}
"""One caller, one key and one till carry the whole load here."""
_PACKAGE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Program:
    """A running process of ours, and what it said when it was ready."""

    pid: int
    said: str
    seconds: float
    """How long it took from being started to saying so."""


@asynccontextmanager
async def program(words: Sequence[str], state: Path, *, writes: Path | None = None) -> AsyncIterator[Program]:
    """Run `yuanlu …` on this state directory until the block ends.

    It is ready when it says its first line; or, where one is named, when it has written this file.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("YUANLU_")}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yuanlu", *words,
        stdout=asyncio.subprocess.PIPE,
        env={**own, "PYTHONPATH": str(_PACKAGE), "YUANLU_STATE": str(state), "YUANLU_LOG_LEVEL": "error",
             **UNLIMITED},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_WITHIN):
            said = (await process.stdout.readline()).decode() if writes is None else await _written(writes)
        if not said:
            raise RuntimeError(f"yuanlu {' '.join(words)} ended before it was ready")
        yield Program(process.pid, said.strip(), time.perf_counter() - began)
    finally:
        await _stopped(process)


async def _stopped(process: asyncio.subprocess.Process) -> None:
    """End a program as its users do; one that does not obey is an error, and is killed."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        raise


async def _written(file: Path) -> str:
    """What another process writes, once it has: it appears whole, by a rename."""
    while True:
        with suppress(FileNotFoundError):
            return await asyncio.to_thread(file.read_text)
        await asyncio.sleep(0.02)


@dataclass(frozen=True, slots=True)
class World:
    """An installation with one merchant, ready to be paid."""

    server: Server
    database: db.Database
    sim: Mapping[str, Any]
    sim_pid: int
    till: Till
    key: str

    def charges(self, service: Program, payments: int, callers: int) -> dict[str, object]:
        """The load that charges this many payments: see `load.py`."""
        return {
            "url": service.said.split()[-1],
            "key": self.key,
            "till": self.till.id,
            "code": self.sim["payer_codes"]["wechat_ok"],
            "payments": payments,
            "callers": callers,
        }

    def postgres_cpu(self) -> float:
        """Seconds of CPU of the embedded PostgreSQL and its living backends."""
        postmaster = int((self.server.home / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        used = 0.0
        for pid in (postmaster, *map(int, children)):
            with suppress(OSError):
                used += cpu_of(pid)
        return used


@asynccontextmanager
async def made(server: Server) -> AsyncIterator[World]:
    """Sim in a process of its own, and a merchant with both channels in the database the service uses."""
    async with AsyncExitStack() as stack:
        await server.create("yuanlu")
        database = db.Database(server.url("yuanlu"), logs_in_as_roles=True)
        await db.migrate(database)
        spot = Path(tempfile.mkdtemp(prefix="sim-", dir=server.state.parent))
        words = ("sim", "--port", "0", "--dir", str(spot))
        simulated = await stack.enter_async_context(program(words, server.state, writes=spot / "sim.json"))
        sim = json.loads(simulated.said)
        pools = await db.open_pools(database)
        stack.push_async_callback(pools.close)
        at = ground.CLOCK.now()
        till = (await ground.tills(pools.recorder, 1))[0]
        seal = Seal(pools.recorder, kms_of(Settings(state=server.state)))

        async def sealing(merchant_id: str, subject: str) -> Sealed:
            return await seal.of(merchant_id, subject, at)

        wechat = {"base_url": sim["base_url"], **sim["wechat"]}
        await merchants.set_channel(pools.recorder, till.merchant_id, "wechat", wechat, at, sealing)
        await merchants.set_channel(pools.recorder, till.merchant_id, "alipay", sim["alipay"], at)
        key = await merchants.add_key(pools.recorder, till.merchant_id, "bench", at)
        yield World(server, database, sim, simulated.pid, till, key.secret)


async def load(work: Mapping[str, Any]) -> dict[str, Any]:
    """Put load on a service from a process of its own: see `load.py` for what it takes and gives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yuanlu.bench.load",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_PACKAGE)},
    )  # fmt: skip
    said, _ = await process.communicate(json.dumps(work).encode())
    if process.returncode:
        raise RuntimeError("the load ended with trouble")
    told: dict[str, Any] = json.loads(said)
    return told


class Signing:
    """Signs now and then, beside a load: what one RSA-2048 signature costs on this machine at this very time."""

    def __init__(self) -> None:
        self._key = generate_private_key(65537, 2048)
        self._padding, self._hash = PKCS1v15(), SHA256()
        self.seconds: list[float] = []

    def sign(self) -> None:
        """One signature, and the CPU it took."""
        began = time.thread_time()
        self._key.sign(b"x" * 300, self._padding, self._hash)
        self.seconds.append(time.thread_time() - began)

    async def go_on(self) -> None:
        """Sign every 20 ms until cancelled: a few per cent of one core."""
        for _ in range(20):
            self.sign()  # the first ones find nothing in the caches
        self.seconds.clear()
        while True:
            await asyncio.sleep(0.02)
            self.sign()
