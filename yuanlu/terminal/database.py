"""The installation's database, for whoever must see it: where it is, a prompt in it, its schema brought forward."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from yuanlu import db
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.postgres import Server

NAME = "yuanlu"


def url(settings: Settings) -> str:
    """Where it is, as libpq reads it. Of your own database it may hold the password you put there."""
    return settings.database_url or Server(settings.state).url(NAME)


@asynccontextmanager
async def _reached(settings: Settings) -> AsyncIterator[Database]:
    """The database, not migrated; the embedded one is started if need be."""
    if settings.database_url:
        yield Database(settings.database_url)
        return
    async with Server(settings.state) as server:
        await server.create(NAME)
        yield Database(server.url(NAME), logs_in_as_roles=True)


async def migrate(settings: Settings) -> int:
    """Bring the schema forward; answers how many steps were applied."""
    async with _reached(settings) as database:
        return await db.migrate(database)


async def psql(settings: Settings, arguments: Sequence[str]) -> int:
    """Open psql in it; answers its exit code."""
    program = Server(settings.state).program("psql")
    async with _reached(settings) as database:
        process = await asyncio.create_subprocess_exec(str(program), *arguments, "--dbname", database.url)
        return await process.wait()
