"""Background work, keyed reads, and what a running service needs: time to start, memory to live."""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from pathlib import Path

from yuanlu import db
from yuanlu.bench import ground, world
from yuanlu.bench.measure import (
    Figure,
    Size,
    against,
    cpu_of,
    forget_peak,
    median,
    memory_mb,
    say,
    spread,
)
from yuanlu.bench.world import World
from yuanlu.payments import store as payments
from yuanlu.postgres import Server
from yuanlu.reading import Reader

DRIVEN_WITHIN = 300.0


_DUE = """
insert into jobs (merchant_id, name, object_id, run_at)
select merchant_id, 'refunds.drive', id, now() from refunds
"""
_DRIVEN = "select count(*) from refunds where last_word <> ''"


async def jobs(server: Server, size: Size) -> list[Figure]:
    """Open refunds, all of them due, of which sim has never heard: each is asked about, and what was heard recorded.

    First few, then many, each time with a new worker: its memory must not grow with their number.
    """
    async with world.made(server) as made:
        _, _, few = await _driven(made, size.few)
        rate, cpu, many = await _driven(made, size.many)
    return [
        Figure(name="jobs", value=rate, unit="jobs/s", cpu_us=cpu, peak_mb=many),
        Figure(name="jobs_memory", unit="MB", **against(few, many)),
    ]


async def _driven(made: World, number: int) -> tuple[float, float, float]:
    """Jobs a second, CPU of the worker a job in microseconds, and its peak of memory, for this many open refunds."""
    say(f"jobs: {number} open refunds")
    connection = await db.connect(made.database)
    try:
        await connection.execute("truncate payments, refunds, cases, jobs, moves, facts, evidence cascade")
        await ground.filled(connection, [made.till], number)
        await ground.refunded(connection)
        async with world.program(("worker",), made.server.state) as worker:
            began, cpu = time.perf_counter(), cpu_of(worker.pid)
            await connection.execute(_DUE)
            async with asyncio.timeout(DRIVEN_WITHIN):
                while await connection.fetchval(_DRIVEN) < number:  # noqa: ASYNC110 - another process does the work
                    await asyncio.sleep(0.1)
            seconds = time.perf_counter() - began
            return number / seconds, (cpu_of(worker.pid) - cpu) / number * 1e6, memory_mb(worker.pid, peak=True)
    finally:
        await connection.close()


async def serve_start(server: Server, size: Size) -> list[Figure]:
    """How long `yuanlu serve` takes until it answers: with the database running, and with a new embedded one."""
    beside, whole = [], []
    await server.create("yuanlu")
    await db.migrate(db.Database(server.url("yuanlu"), logs_in_as_roles=True))
    for turn in range(size.starts):
        say(f"serve_start: {turn + 1} of {size.starts}")
        async with world.program(("serve", "--port", "0"), server.state) as service:
            beside.append(service.seconds)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=server.state.parent))
        async with world.program(("serve", "--port", "0"), new) as service:
            whole.append(service.seconds)
    return [
        Figure(name="serve_start", value=median(beside), unit="s"),
        Figure(name="serve_start_embedded", value=median(whole), unit="s"),
    ]


async def serve_memory(server: Server, size: Size) -> list[Figure]:
    """What the service process holds after some payments; the floor is what it holds once it is ready."""
    async with world.made(server) as made, world.program(("serve", "--port", "0"), server.state) as service:
        fresh = memory_mb(service.pid)
        say(f"serve_memory: {size.few} payments")
        await world.load(made.charges(service, size.few, size.callers))
        held = memory_mb(service.pid)
        return [
            Figure(name="serve_memory", unit="MB", **against(fresh, held), peak_mb=memory_mb(service.pid, peak=True))
        ]


async def read(server: Server, size: Size) -> list[Figure]:
    """Keyed reads of 256 callers, travelling together; the floor is one select each through the same pool."""
    database = await ground.database(server)
    pools = await db.open_pools(database)
    connection = await db.connect(database)
    try:
        places = await ground.tills(pools.recorder, 16)
        await ground.filled(connection, places, size.many)
        rows = await connection.fetch("select merchant_id, id from payments order by md5(id)")
        keys = itertools.cycle([(row["merchant_id"], row["id"]) for row in rows])
        single = "select * from payments where merchant_id = $1 and id = $2"
        reader = Reader(pools.recorder)

        async def together() -> object:
            return await reader.see(payments.by_id(*next(keys)))

        async def alone() -> object:
            return payments.made(await pools.recorder.fetchrow(single, *next(keys)))

        async def of(one: object, number: int) -> tuple[float, float, list[float]]:
            waits: list[float] = []

            async def caller() -> None:
                for _ in range(max(number // size.callers, 1)):
                    began = time.perf_counter()
                    assert await one() is not None  # type: ignore[operator]
                    waits.append(time.perf_counter() - began)

            began, cpu = time.perf_counter(), cpu_of(os.getpid())
            await asyncio.gather(*(caller() for _ in range(size.callers)))
            return len(waits) / (time.perf_counter() - began), (cpu_of(os.getpid()) - cpu) / len(waits) * 1e6, waits

        await of(together, size.callers)
        await of(alone, size.callers)
        forget_peak()
        ours, floors = [], []
        for turn in range(size.rounds):
            say(f"read: round {turn + 1} of {size.rounds}")
            ours.append(await of(together, size.reads))
            floors.append(await of(alone, size.reads // 8))
        await reader.close()
    finally:
        await connection.close()
        await pools.close()
    return [
        Figure(
            name="read",
            unit="reads/s",
            **against(median([each[0] for each in floors]), median([each[0] for each in ours])),
            cpu_us=median([each[1] for each in ours]),
            **spread([wait for each in ours for wait in each[2]]),
            peak_mb=memory_mb(peak=True),
        )
    ]
