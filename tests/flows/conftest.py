"""What the flows stand on: a shop on real books, and an endpoint that hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.flows.mailbox import Mailbox, certificates, mailbox
from tests.flows.receivers import Receiver, receiving
from tests.flows.shop import Shop, opened
from yuanlu.db import Database, Pools, connect


@pytest.fixture
async def shop(database: Database, pools: Pools) -> AsyncIterator[Shop]:
    """One merchant with one till, whose channels answer from a script."""
    async with opened(database, pools) as made:
        yield made


@pytest.fixture
async def thief(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Somebody with the database's own powers."""
    connection = await connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that takes everything."""
    async with receiving() as made:
        yield made


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The test authority and the mail server's certificate."""
    return certificates(tmp_path_factory.mktemp("papers"))


@pytest.fixture
async def box(papers: tuple[Path, Path]) -> AsyncIterator[Mailbox]:
    """A mail server that wants STARTTLS and a login."""
    async with mailbox(papers[1]) as made:
        yield made
