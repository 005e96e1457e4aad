"""What runs until it is told to stop: the HTTP service and the worker."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from yuanlu import db
from yuanlu.app import App, running
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.people import signing
from yuanlu.terminal import verbs
from yuanlu.terminal.secrets import open_file_said
from yuanlu.web import server
from yuanlu.worker import Worker, look_at_keys


@asynccontextmanager
async def answering(app: App, host: str, port: int) -> AsyncIterator[tuple[str, asyncio.Task[None]]]:
    """Answer HTTP from when the block begins until it ends; gives the address as people write it, and the task.

    Raises Denied: serve.address_taken.
    """
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = server.serve(server.make_asgi(app), host, port, address.set_result, settings=app.settings)
    task = asyncio.create_task(serving, name="http")
    try:
        waited: set[asyncio.Future[Any]] = {address, task}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await _started(task, host, port)
        yield await address, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _started(task: asyncio.Task[None], host: str, port: int) -> None:
    try:
        await task
    except (OSError, OverflowError) as taken:
        raise Denied("serve.address_taken", host=host, port=port) from taken


@asynccontextmanager
async def working(app: App) -> AsyncIterator[asyncio.Task[None]]:
    """Run jobs from when the block begins until it ends; what runs then is finished first."""
    worker = Worker(app)
    task = asyncio.create_task(worker.run(), name="worker")
    try:
        yield task
    finally:
        worker.stop()
        await asyncio.gather(task, return_exceptions=True)


async def serve(settings: Settings, say: Callable[[str], None], *, with_worker: bool) -> None:
    """Be the service until told to stop; with a worker in the same process where that is wanted."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(db.ground(settings.database_url or None, settings.state))
        app = await stack.enter_async_context(running(settings, database))
        warnings = await _demand_shut_keys(app)
        address, serving = await stack.enter_async_context(answering(app, settings.host, settings.port))
        tasks = [serving]
        if with_worker:
            tasks.append(await stack.enter_async_context(working(app)))
        _spare_the_collector()
        say(f"ready at {address}")
        for warning in warnings:
            say(warning)
        await _tell_first(app, address, say)
        await _first_to_end(tasks)


async def _tell_first(app: App, address: str, say: Callable[[str], None]) -> None:
    """Where there is nobody yet: the one-time link for the first owner, told to the terminal alone."""
    token = await signing.first_link(app.desk, app.pools.recorder)
    if token:
        place = verbs.link(app, token, address)
        say(f"还没有店主。一次性链接，24小时内有效 No owner yet. A link for the first, once, for 24 hours:\n  {place}")
        say(f"或在终端 or at the terminal: yuanlu staff accept '{place}'")


async def work(settings: Settings, say: Callable[[str], None]) -> None:
    """Be a worker until told to stop."""
    async with (
        db.ground(settings.database_url or None, settings.state) as database,
        running(settings, database) as app,
    ):
        warnings = await _demand_shut_keys(app)
        async with working(app) as task:
            _spare_the_collector()
            say("working")
            for warning in warnings:
                say(warning)
            await _first_to_end([task])


async def _demand_shut_keys(app: App) -> Sequence[str]:
    """Start with no key that everyone on this machine may read; answers what is to be said of those that a group may.

    Raises Denied: settings.key_open, settings.invalid; Busy while the database is away.
    """
    if app.settings.open_key_files not in {"refuse", "warn"}:
        raise Denied("settings.invalid", name="YUANLU_OPEN_KEY_FILES", wants="refuse or warn")
    found = await look_at_keys(app.settings, app.pools.recorder, app.clock.now())
    for each in found if app.settings.open_key_files == "refuse" else ():
        if each.to_everyone:
            told = each.told
            raise Denied("settings.key_open", name=each.name, file=told["file"], mode=told["mode"], open_to="everyone")
    return [open_file_said(each.told) for each in found]


def _spare_the_collector() -> None:
    """What was made at start lives as long as we do: the cycle collector need not look at it over and over.

    It cost a payment 66 us of CPU, 2 % of all; nearly everything we make is freed by its count alone.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _first_to_end(tasks: list[asyncio.Task[None]]) -> None:
    """None of them ends by itself: the first that does has met trouble, which is raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        await task
