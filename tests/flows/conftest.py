"""What the flows stand on: a shop on real books, and an endpoint that hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.flows.receivers import Receiver, receiving
from tests.flows.shop import Shop, opened
from yuanlu.db import Database, Pools


@pytest.fixture
async def shop(database: Database, pools: Pools) -> AsyncIterator[Shop]:
    """One merchant with one till, whose channels answer from a script."""
    async with opened(database, pools) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that takes everything."""
    async with receiving() as made:
        yield made
