"""A service that is killed takes its practice ground with it: no process of it is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import aiohttp

from tests.web.conftest import free_port
from yuanlu.config import Settings
from yuanlu.sim.server import Sim
from yuanlu.terminal import verbs

ROOT = Path(__file__).resolve().parents[2]
GONE_WITHIN = 60.0
"""Seconds: a machine that tests may be slow; a ground that stays, stays."""
SERVICE_MAX_KB = 120_000


def running(word: str) -> dict[int, str]:
    """The processes that have this word in their command line."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and int(place.name) != os.getpid():
            found[int(place.name)] = line
    return found


async def cashier_of(state: Path, keys_of_sim: Path) -> str:
    """An installation with a shop and a cashier; the cashier's key."""
    async with Sim(keys_of_sim), verbs.opened(Settings(state=state)) as app:
        shop = await verbs.import_sim(app, keys_of_sim / "sim.json", "shop", "till")
        counter = verbs.Counter(app, shop["merchant_id"], timedelta())
        hired = await verbs.staff_added(counter, "cashier", "wang", "")
        return str(hired["api_key"])


async def test_a_killed_service_leaves_no_practice_ground_behind(spot: Path) -> None:
    """And the service itself stays small while there is one."""
    state, port = spot / "killed", free_port()
    key = await cashier_of(state, spot / "killed-sim")
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "yuanlu", "serve", "--port", str(port), "--state", str(state),
        stdout=asyncio.subprocess.PIPE, cwd="/", env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert service.stdout is not None
    async with asyncio.timeout(60):
        assert b"ready" in await service.stdout.readline()
    ground = str(state / "practice")
    async with aiohttp.ClientSession() as session:
        status = 503
        while status == 503:
            async with session.post(
                f"http://127.0.0.1:{port}/v1/practice",
                json={"drill": "hurry"},
                headers={"authorization": f"Bearer {key}"},
            ) as answer:
                status, told = answer.status, await answer.json()
                assert status == 201 or told["code"] == "practice.starting", told
    names = " ".join(running(ground).values())
    assert all(name in names for name in ("yuanlu.practice", "yuanlu.supervisor", "postgres"))
    kept = Path(f"/proc/{service.pid}/status").read_text()
    assert int(kept.split("VmRSS:")[1].split()[0]) <= SERVICE_MAX_KB
    os.kill(service.pid, signal.SIGKILL)
    await service.wait()
    async with asyncio.timeout(GONE_WITHIN):
        while running(ground):
            await asyncio.sleep(0.2)
    assert not list((state / "practice").glob("*world_*"))
