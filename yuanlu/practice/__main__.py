"""`python -m yuanlu.practice FOLDER`: a practice ground as a process; `training.ground` starts it and speaks to it.

It says in one line of JSON where it answers, and lasts as long as whoever started it holds the other end of our stdin:
so it ends with them, however they end. Several may use one folder: they share an embedded PostgreSQL, and each has a
database and a place of its own, which the next one throws away should this one be killed.
"""

from __future__ import annotations

import asyncio
import fcntl
import hmac
import os
import secrets
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import msgspec
from aiohttp import web

from yuanlu import db
from yuanlu.clock import SystemClock
from yuanlu.config import Settings
from yuanlu.postgres import Server
from yuanlu.practice.scenes import Scenes
from yuanlu.terminal import loop, simulated
from yuanlu.training.ground import Address
from yuanlu.web.parts import logs

HOST, NAME = "127.0.0.1", "练习 practice"
NICE = 5
"""Whoever charges goes first."""


@contextmanager
def _place(folder: Path) -> Iterator[Path]:
    """A place of our own in the folder, held while we live; named once it is held, so nobody finds it before."""
    name = f"world_{secrets.token_hex(6)}"
    place, unheld = folder / name, folder / f"new_{name}"
    unheld.mkdir(parents=True)
    held = _held(unheld)
    assert held is not None
    unheld.rename(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(held)


def _held(place: Path) -> int | None:
    """Hold a place; None: somebody else does."""
    lock = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _left_behind(folder: Path) -> Iterator[tuple[Path, int]]:
    """Places that nobody holds any more; now we do."""
    for place in folder.glob("world_*"):
        with suppress(FileNotFoundError):  # another one tidies too
            if (held := _held(place)) is not None:
                yield place, held


@asynccontextmanager
async def _database(folder: Path, name: str) -> AsyncIterator[db.Database]:
    """A database of our own; those of grounds that were killed are thrown away first."""
    async with Server(folder) as server:
        for place, held in _left_behind(folder):
            await server.drop(place.name)
            shutil.rmtree(place)
            os.close(held)
        await server.create(name)
        database = db.Database(server.url(name), logs_in_as_roles=True)
        await db.migrate(database)
        try:
            yield database
        finally:
            with suppress(asyncpg.PostgresError, OSError):
                await server.drop(name)


@asynccontextmanager
async def _told_what_to_set(scenes: Scenes, token: str) -> AsyncIterator[str]:
    """Set scenes for whoever knows the token; gives the address."""

    async def answer(asked: web.Request) -> web.Response:
        if not hmac.compare_digest(asked.headers.get("authorization", "").encode(), token.encode()):
            return web.Response(status=401)
        scene = await scenes.set(str((await asked.json())["drill"]))
        return web.Response(body=msgspec.json.encode(scene), content_type="application/json")

    site = web.Application()
    site.router.add_post("/scene", answer)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _play(folder: Path) -> None:
    """Be a practice ground until cancelled."""
    with _place(folder) as place:
        async with _database(folder, place.name) as database:
            settings = Settings(state=place, rate_address=0, ocr="off")  # whoever calls, it is from one address
            clock, seed = SystemClock(), secrets.randbits(32)
            async with simulated.shop(settings, database, name=NAME, actor="practice", seed=seed, clock=clock) as shop:
                token = secrets.token_urlsafe(24)
                async with _told_what_to_set(await Scenes.of(shop), token) as control:
                    address = Address(api=simulated.numbered(shop.address), scenes=control, token=token)
                    sys.stdout.buffer.write(msgspec.json.encode(address) + b"\n")
                    sys.stdout.buffer.flush()
                    await asyncio.Event().wait()


async def _until_left(folder: Path) -> None:
    """Play until whoever started us lets go of our stdin."""
    left = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, left.set)
    playing, leaving = asyncio.create_task(_play(folder)), asyncio.create_task(left.wait())
    try:
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asyncio.get_running_loop().remove_reader(0)
        for task in (leaving, playing):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await playing


def main() -> None:
    """Play on this folder."""
    os.nice(NICE)
    logs.set_up("warning", sys.stderr)
    loop.run(lambda: _until_left(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
