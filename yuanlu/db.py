"""The books' database: who connects as what, and how the schema moves forward.

Three roles (`schema/roles.sql`), each with as little as it needs:

- `yuanlu_owner` owns the tables and runs migrations;
- `yuanlu_recorder` records, does the keyed reads of `decide` and leases jobs, for all merchants at once; it may only
  add to what is only ever added to;
- `yuanlu_reader` reads for pages and lists, one merchant at a time: row-level security shows it the rows of the
  merchant named for the statement, and none when no merchant is named.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

import asyncpg

from yuanlu.errors import Broken, Busy
from yuanlu.postgres import Server

MONTHS_AHEAD = 3
"""Months that have their partition before they begin, this one counted."""

_ADVISORY_KEY = 0x7975616E6C75  # "yuanlu"
_TRIES_MAX = 5
REPORT_WITHIN = 10.0
"""Seconds after which a report is stopped."""


class Role(StrEnum):
    """Whom a connection acts as."""

    OWNER = "yuanlu_owner"
    RECORDER = "yuanlu_recorder"
    READER = "yuanlu_reader"


@dataclass(frozen=True, slots=True)
class Database:
    """Where the books are.

    Shape: `url` as libpq reads it (several hosts and `target_session_attrs` too); its login acts as our roles by
    `SET ROLE`, unless `logs_in_as_roles` says that the roles themselves are let in (the embedded server).
    """

    url: str
    logs_in_as_roles: bool = False

    def options(self, role: Role | None, *, deadline_within: float) -> dict[str, Any]:
        """What asyncpg needs to connect as a role; None is the login itself."""
        settings = {"application_name": "yuanlu", "timezone": "UTC", "jit": "off"}
        if role is not None and not self.logs_in_as_roles:
            settings["role"] = role.value
        if role in (Role.RECORDER, Role.READER):
            settings["statement_timeout"] = f"{int(deadline_within * 1000)}ms"
            settings["idle_in_transaction_session_timeout"] = "60s"
        login = {"user": role.value} if role is not None and self.logs_in_as_roles else {}
        return {"dsn": self.url, "server_settings": settings, "timeout": 10, **login}


_REPORTING = {
    "default_transaction_read_only": "on",
    "max_parallel_workers_per_gather": "0",  # one report is one processor, never all of them
    "work_mem": "32MB",
    "hash_mem_multiplier": "8",  # how many groups come out nobody can know beforehand: few, but it is taken for many
}


@asynccontextmanager
async def ground(url: str | None, state: Path | None = None, *, name: str = "yuanlu") -> AsyncIterator[Database]:
    """The database to stand on, migrated: the one at this URL, else the embedded one of the state directory.

    Raises Broken when the embedded server cannot start or a migration is refused.
    """
    if url:
        database = Database(url)
        await migrate(database)
        yield database
        return
    async with Server(state) as server:
        await server.create(name)
        database = Database(server.url(name), logs_in_as_roles=True)
        await migrate(database)
        yield database


@dataclass(frozen=True, slots=True)
class Pools:
    """Connections by role. A lost connection shows as asyncpg's errors (or OSError) to whoever used it."""

    recorder: asyncpg.Pool
    reader: asyncpg.Pool
    reports: asyncpg.Pool
    """Of its own, and few: a report that takes long takes no connection from whoever charges."""

    async def close(self, within: float = 10) -> None:
        """Close every connection; those still busy after this many seconds are cut."""
        for pool in (self.recorder, self.reader, self.reports):
            try:
                async with asyncio.timeout(within):
                    await pool.close()
            except TimeoutError:
                pool.terminate()


async def open_pools(
    database: Database,
    *,
    recorder_max: int = 8,
    reader_max: int = 8,
    deadline_within: float = 15,
    reports_url: str = "",
    reports_within: float = REPORT_WITHIN,
) -> Pools:
    """Open all pools; none connects before it is used.

    Shape: `reports_url` names a replica that reports are read from; empty: the same database, by one connection.
    Units: `deadline_within` seconds bound every statement, `reports_within` those of reports, on the server and (a
    little later) on our side.
    """
    recorder, reader = [
        await _pool(database.options(role, deadline_within=deadline_within), size, deadline_within)
        for role, size in ((Role.RECORDER, recorder_max), (Role.READER, reader_max))
    ]
    apart = Database(reports_url) if reports_url else database
    options = apart.options(Role.READER, deadline_within=reports_within)
    options["server_settings"] |= _REPORTING
    return Pools(recorder, reader, await _pool(options, 2 if reports_url else 1, reports_within))


async def _pool(options: Mapping[str, Any], size: int, within: float) -> asyncpg.Pool:
    return await asyncpg.create_pool(**options, min_size=0, max_size=size, command_timeout=within + 5, reset=_as_it_is)


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Give a connection back without the usual RESET ALL, a second round trip as dear as the first.

    asyncpg still ends a transaction left open; we set nothing for longer than a transaction.
    """


async def connect(database: Database, role: Role | None = None, *, deadline_within: float = 15) -> asyncpg.Connection:
    """One connection of one's own, outside the pools."""
    return await asyncpg.connect(**database.options(role, deadline_within=deadline_within))


AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)
"""What is raised when the database is away, full, or takes too long."""


@contextmanager
def away() -> Iterator[None]:
    """Raises Busy when the database stays away or takes too long."""
    try:
        yield
    except AWAY as trouble:
        raise Busy("read.database_away") from trouble


async def read(pool: asyncpg.Pool, merchant_id: str, sql: str, *args: object) -> list[asyncpg.Record]:
    """Select as the reader, with the eyes of one merchant: one statement, one round trip.

    Shape: `sql` is one select, its parameters `$1…` as `args`; every column has a name of its own. Its order is kept.

    Law: the setting lives as long as the statement (`set_config(…, true)` outside a transaction), so the next user of
    the connection starts with none, and a row seen too early would be seen with none, which shows nothing.
    It is set before the first row is asked for: `offset 0` keeps the planner from merging either side, the inner
    select refers to the outer one's value, so the only plan is a nested loop with the setting outside, and the policy
    reads the setting in a sub-select that runs at its first use.
    Raises Busy when the database stays away or the reading takes too long.
    """
    with away():
        rows: list[asyncpg.Record] = await pool.fetch(_seen(sql, len(args)), *args, merchant_id)
    return rows


def _seen(sql: str, count: int) -> str:
    return (  # the select is a constant of ours, its values are parameters
        f"select seen.* from (select set_config('yuanlu.merchant', ${count + 1}, true) as merchant offset 0) as eyes,"
        f" lateral (select told.* from (\n{sql}\n) as told where eyes.merchant is not null offset 0) as seen"
    )


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema. Its first line says why."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """The steps that came with this code, in order.

    Raises Broken when a number is missing or double, or a file does not say why it is there.
    """
    folder = resources.files("yuanlu.schema") / "migrations"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".sql"))
    steps = [Migration(int(name[:4]), name.removesuffix(".sql"), (folder / name).read_text()) for name in files]
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise Broken(f"migrations must be numbered 0001, 0002, …: {files}")
    for step in steps:
        if not step.sql.startswith("-- "):
            raise Broken(f"the first line of migration {step.name} must be a comment that says why")
    return steps


async def migrate(database: Database, steps: Sequence[Migration] | None = None, *, at: datetime | None = None) -> int:
    """Bring roles and schema forward. Answers how many steps were applied.

    Any number of processes may do it at once: they take turns. Each step is a transaction of its own. Steps applied by
    newer code than ours are left alone: old code runs on the new schema.
    Raises Broken when an applied step was changed or is missing from our files.
    """
    steps = migrations() if steps is None else steps
    at = at or datetime.now(UTC)
    async with _alone(database) as connection:
        await connection.execute((resources.files("yuanlu.schema") / "roles.sql").read_text())
        await connection.execute(f"set role {Role.OWNER}")
        await connection.execute(_SCHEMA_MIGRATIONS)
        applied = {row["number"]: row for row in await connection.fetch("select * from schema_migrations")}
        _compare(steps, applied)
        waiting = [step for step in steps if step.number not in applied]
        for step in waiting:
            await _apply(connection, step, at)
        if await connection.fetchval("select to_regproc('yuanlu_months_ahead') is not null"):
            await connection.execute("select yuanlu_months_ahead($1, $2)", at.date(), MONTHS_AHEAD)
    return len(waiting)


_SCHEMA_MIGRATIONS = """
create table if not exists schema_migrations (
    number int primary key,
    name text not null,
    applied_at timestamptz not null,
    sha256 text not null
)"""


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the login that no other process migrates beside."""
    connection = await connect(database)
    try:
        await connection.execute("set lock_timeout = '120s'; set client_min_messages = warning")
        await connection.execute("select pg_advisory_lock($1)", _ADVISORY_KEY)
        yield connection
    finally:
        await connection.close()


def _compare(steps: Sequence[Migration], applied: dict[int, asyncpg.Record]) -> None:
    ours = {step.number: step for step in steps}
    for number, row in applied.items():
        if number > len(steps):
            continue
        if number not in ours or ours[number].name != row["name"]:
            raise Broken(f"migration {row['name']} was applied to this database and is missing from our files")
        if ours[number].sha256 != row["sha256"]:
            raise Broken(f"migration {row['name']} was changed after it was applied: add a new one instead")


async def _apply(connection: asyncpg.Connection, step: Migration, at: datetime) -> None:
    """Apply one step; when a busy table does not let us in, step back and try again rather than queue everybody."""
    for turn in range(1, _TRIES_MAX + 1):
        try:
            async with connection.transaction():
                await connection.execute("set local lock_timeout = '3s'")
                await connection.execute(step.sql)
                await connection.execute(
                    "insert into schema_migrations (number, name, applied_at, sha256) values ($1, $2, $3, $4)",
                    step.number, step.name, at, step.sha256,
                )  # fmt: skip
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if turn == _TRIES_MAX:
                raise
            await asyncio.sleep(turn)
        else:
            return
