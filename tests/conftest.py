"""What tests stand on: one embedded PostgreSQL a session, a migrated database of its own for each test that asks."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from tests.faults import tally
from yuanlu.db import Database, Pools, migrate, open_pools
from yuanlu.postgres import Server

settings.register_profile("yuanlu", deadline=None)  # a machine may be busy: no test is timed
settings.load_profile("yuanlu")
_numbers = itertools.count(1)
_coming: list[asyncio.Future[str]] = []
"""The migrated database that the next test will ask for: making one takes longer than most tests do."""
_going: set[asyncio.Future[None]] = set()
GOING_MAX = 4
T = TypeVar("T")


@pytest.fixture(scope="session")
def spot() -> Iterator[Path]:
    """A directory that the service user can reach and whose path is short (pytest's own is neither)."""
    place = Path(tempfile.mkdtemp(prefix="yuanlu-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="session")
async def server(spot: Path) -> AsyncIterator[Server]:
    """The PostgreSQL all tests share, with a migrated template."""
    async with Server(spot / "state") as running:
        await running.create("migrated")
        await migrate(Database(running.url("migrated"), logs_in_as_roles=True))
        yield running
        await asyncio.gather(*_coming, *_going)


async def _made(server: Server, template: str | None = None) -> str:
    name = f"test_{next(_numbers)}"
    await server.create(name, template)
    return name


async def _migrated(server: Server) -> str:
    """The name of a migrated database; the next one begins to be made."""
    while len(_coming) < 2:
        _coming.append(_beside(_made(server, "migrated")))
    return await _coming.pop(0)


def _beside(work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
    """Do it in a thread of its own: it goes on while tests run that leave our loop alone, and its deadlines hold."""
    return asyncio.get_running_loop().run_in_executor(None, asyncio.run, work)


@asynccontextmanager
async def _lent(server: Server, name: str) -> AsyncIterator[Database]:
    """A database for the length of a test: dropped at its end, or hundreds of them would fill the disk.

    The next test does not wait for that, unless drops come slower than tests.
    """
    yield Database(server.url(name), logs_in_as_roles=True)
    while len(_going) >= GOING_MAX:
        await asyncio.wait(_going, return_when=asyncio.FIRST_COMPLETED)
    dropped = _beside(server.drop(name))
    _going.add(dropped)
    dropped.add_done_callback(_going.discard)


@pytest.fixture
async def empty_database(server: Server) -> AsyncIterator[Database]:
    """A database of one's own with nothing in it."""
    async with _lent(server, await _made(server)) as made:
        yield made


@pytest.fixture
async def database(server: Server) -> AsyncIterator[Database]:
    """A migrated database of one's own: a copy of the template."""
    async with _lent(server, await _migrated(server)) as made:
        yield made


@pytest.fixture
async def pools(database: Database) -> AsyncIterator[Pools]:
    """The recorder's and the reader's connections to this test's database."""
    opened = await open_pools(database)
    yield opened
    await opened.close()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes that test hands its counts over."""
    handed: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if handed is not None:
        handed["crashed"], handed["killed"] = [repr(point) for point in tally.POINTS], tally.KILLS


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The counts of a process that tested."""
    handed = getattr(node, "workeroutput", {})
    tally.POINTS.update(handed.get("crashed", ()))
    tally.KILLS.extend(handed.get("killed", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much was crashed and killed."""
    if tally.POINTS or tally.KILLS:
        terminalreporter.write_line(tally.summary())
