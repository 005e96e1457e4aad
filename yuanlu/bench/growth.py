"""How recording and deciding change as the tables grow."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from functools import partial

from yuanlu import db
from yuanlu.app import App, running
from yuanlu.bench import ground
from yuanlu.bench.ground import Till
from yuanlu.bench.measure import Figure, Size, against, cpu_of, forget_peak, memory_mb, say, short, spread
from yuanlu.bench.record import Round, callers_record, work_for
from yuanlu.channels.registry import FACTS
from yuanlu.config import Settings
from yuanlu.payments import rules, store
from yuanlu.postgres import Server

MERCHANTS = 64


async def growth(server: Server, size: Size) -> list[Figure]:
    """Recording (prepared changes) and deciding (read, rule, record) at each size; the floor is the smallest size."""
    database = await ground.database(server)
    connection = await db.connect(database)
    figures: list[Figure] = []
    try:
        async with running(Settings(state=server.state), database) as app:
            places = await ground.tills(app.pools.recorder, MERCHANTS)
            for number in size.growth:
                say(f"growth: filling to {number} payments")
                await ground.filled(connection, places, number)
                await _decided(app, places, size.changes // 8, size.callers)
                forget_peak()
                recorded = await callers_record(
                    app.recorder, await work_for(app.recorder, places, size.changes, size.callers)
                )
                decided = await _decided(app, places, size.changes, size.callers)
                first = figures[:2]
                for place, (what, each) in enumerate((("", recorded), ("_decide", decided))):
                    floor = first[place].value if first else each.rate
                    figures.append(_figure(f"growth_{short(number)}{what}", floor, each))
    finally:
        await connection.close()
    return figures


def _figure(name: str, floor: float, each: Round) -> Figure:
    return Figure(
        name=name,
        unit="changes/s",
        **against(floor, each.rate),
        cpu_us=each.cpu_us,
        **spread(each.seconds),
        peak_mb=memory_mb(peak=True),
    )


async def _decided(app: App, tills: list[Till], changes: int, callers: int) -> Round:
    """Payments written down and paid through the desk, as the flow does it, with an outcome in the place of a call."""
    places = itertools.cycle(tills)
    waits: list[float] = []

    async def caller() -> None:
        for _ in range(max(changes // callers // 2, 1)):
            ask = ground.wish(next(places))
            began = time.perf_counter()
            done = await app.desk.decide(
                store.for_charge(ask, app.clock.now()), partial(rules.open_payment, FACTS, ask)
            )
            waits.append(time.perf_counter() - began)
            view = store.by_id(done.row.merchant_id, done.row.id)
            began = time.perf_counter()
            await app.desk.decide(view, partial(rules.hear, FACTS, ground.paid(done.row)))
            waits.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), cpu_of(os.getpid())
    await asyncio.gather(*(caller() for _ in range(callers)))
    seconds = time.perf_counter() - began
    return Round(len(waits) / seconds, (cpu_of(os.getpid()) - cpu) / len(waits) * 1e6, waits)
