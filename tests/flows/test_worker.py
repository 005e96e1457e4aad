"""A worker ends when it is told to: whatever ends in the same moment, and after what runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.noticing import Noticing, noticing
from yuanlu.db import Database, Pools
from yuanlu.terminal import services
from yuanlu.worker import Worker

WITHIN = 10.0


@pytest.fixture
async def shop(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Noticing]:
    async with noticing(database, pools, tmp_path) as made:
        yield made


async def _a_job_ends(worker: Worker) -> None:
    """A run of a job that ends now, as the loop learns of it."""
    ended = asyncio.create_task(asyncio.sleep(0))
    await ended
    worker._ended(ended)  # type: ignore[arg-type]


async def test_a_worker_that_is_cancelled_in_the_moment_a_job_ends_has_ended(shop: Noticing) -> None:
    """Once it hung for ever: the wait it stood in took the job's end for an answer, and lost the cancellation."""
    worker = shop.worker
    running = asyncio.create_task(worker.run())
    await asyncio.sleep(0.1)
    await _a_job_ends(worker)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=WITHIN)
    worker.stop()
    await asyncio.wait([running])
    assert done


async def test_what_runs_when_a_worker_is_told_to_stop_is_finished_first(shop: Noticing) -> None:
    carried, began, ended = shop.tell, asyncio.Event(), asyncio.Event()

    async def slow(letter: object) -> object:
        began.set()
        await asyncio.sleep(0.3)
        told = await carried(letter)  # type: ignore[arg-type]
        ended.set()
        return told

    await shop.hook("http://127.0.0.1:9/")
    shop.tell = slow
    await shop.paid(12800)
    async with services.working(shop) as task:  # type: ignore[arg-type]
        async with asyncio.timeout(WITHIN):
            await began.wait()
    assert ended.is_set()
    assert task.done()
    assert not task.cancelled()
