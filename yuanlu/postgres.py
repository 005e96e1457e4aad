"""The embedded PostgreSQL, as its users see it.

    async with Server(state) as server:
        connection = await server.connect()

A service asks `db.ground` instead, which takes an external PostgreSQL as well.

Several processes may use one state directory at once (service, worker, tests, terminal): the first to come starts
the supervisor (`supervisor.py`), the last to go ends it, and whoever is killed counts as gone. A user looks after the
supervisor while it runs: should it be killed, it is started again.

Authentication is `trust` over a Unix socket in a directory only we and the service user may enter; there is no TCP.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import asyncpg

from yuanlu import supervisor
from yuanlu.errors import Broken

_PACKAGE = Path(__file__).resolve().parents[1]
START_WITHIN = 60.0
"""Seconds: initdb on a slow disk, or recovery after a crash."""


def state_default() -> Path:
    """Where state is kept when nobody says: `$YUANLU_STATE`, else `~/.local/state/yuanlu`."""
    named = os.environ.get("YUANLU_STATE")
    return Path(named) if named else Path.home() / ".local" / "state" / "yuanlu"


class Server:
    """One user's hold on the embedded PostgreSQL of a state directory."""

    def __init__(self, state: Path | None = None) -> None:
        self.state = (state or state_default()).absolute()
        self._users = -1
        self._watch: asyncio.Task[None] | None = None

    async def start(self, within: float = START_WITHIN) -> None:
        """Use the server, starting it when nobody has. Returns when it answers.

        Raises Broken when it does not answer in time, with the end of its log.
        """
        assert self._watch is None, "started twice"
        self.state.mkdir(parents=True, exist_ok=True)
        try:
            async with asyncio.timeout(within):
                await self._join()
                await self._answer()
        except TimeoutError as late:
            self._leave()
            raise Broken(f"the embedded PostgreSQL does not answer in {within} s\n{self.log_end()}") from late
        except BaseException:
            self._leave()
            raise
        self._watch = asyncio.create_task(self._look_after(), name="embedded postgres")

    async def stop(self) -> None:
        """Leave. If nobody else uses the server, return when it is down."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self._leave()
        refused = 0
        while supervisor.is_running(self.state) and refused < 10:
            refused = refused + 1 if self._has_users() and not supervisor.is_stopping(self.state) else 0
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def home(self) -> Path:
        """Cluster, log and programs."""
        return supervisor.home_of(self.state)

    @property
    def sockets(self) -> Path:
        """The directory of the socket: what `psql -h` takes."""
        return supervisor.sockets_of(self.home)

    def program(self, name: str) -> Path:
        """A program of this PostgreSQL: psql, pg_dump, pgbench …"""
        return supervisor.programs() / name

    def url(self, database: str = "postgres", role: str = supervisor.SUPERUSER) -> str:
        """Where a role reaches a database of this server, as libpq and asyncpg read it."""
        query = urlencode({"host": str(self.sockets), "port": supervisor.PORT})
        return f"postgresql://{quote(role)}@/{quote(database)}?{query}"

    async def connect(self, database: str = "postgres") -> asyncpg.Connection:
        """Connect as the superuser."""
        if self.sockets.stat().st_uid != (self.home / "data").stat().st_uid:
            raise Broken(f"{self.sockets} is not ours")
        return await asyncpg.connect(self.url(database), timeout=10)

    async def create(self, database: str, template: str | None = None) -> None:
        """Create a database, empty or as a copy; one that is there already stays as it is."""
        connection = await self.connect()
        copy = f' template "{template}"' if template else ""
        try:
            with suppress(asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                await connection.execute(f'create database "{database}"{copy}')
        finally:
            await connection.close()

    async def drop(self, database: str) -> None:
        """Drop a database, cutting off whoever is still in it."""
        connection = await self.connect()
        try:
            await connection.execute(f'drop database if exists "{database}" with (force)')
        finally:
            await connection.close()

    def log_end(self) -> str:
        """The last lines PostgreSQL and its supervisor wrote."""
        try:
            return (self.home / "log").read_text(errors="replace")[-2000:]
        except OSError:
            return ""

    async def _join(self) -> None:
        """Become a user; waits while a supervisor that nobody used any more is stopping."""
        self._users = os.open(self.state / "postgres.users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        while True:
            try:
                fcntl.flock(self._users, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(0.02)
            else:
                return

    def _leave(self) -> None:
        if self._users >= 0:
            os.close(self._users)
            self._users = -1

    async def _supervise(self) -> None:
        """Start the supervisor if none runs.

        Raises Broken with its words when it cannot do its work.
        """
        if supervisor.is_running(self.state):
            return
        paths = [str(_PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
        # In a thread: uvloop's own pipes never end here, for the supervisor goes on when what was started has ended.
        started = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "yuanlu.supervisor", str(self.state)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, cwd="/",
        )  # fmt: skip
        if started.returncode != 0:
            words = started.stdout.decode(errors="replace").strip()
            raise Broken(f"the embedded PostgreSQL cannot start: {words}\n{self.log_end()}")

    async def _answer(self) -> None:
        """Wait for a real connection."""
        while True:
            await self._supervise()
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await self.connect()
                await connection.close()
                return
            await asyncio.sleep(0.03)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            with suppress(Broken):  # it is tried again; callers see their connections fail meanwhile
                await self._supervise()

    def _has_users(self) -> bool:
        with (self.state / "postgres.users").open("ab") as users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
