"""What a payment costs through HTTP, beside the one thing nobody can do without: its RSA signature.

Service, worker, sim and load are processes of their own. Counted is the CPU of service and worker; PostgreSQL and sim
are told apart. The signature is measured beside the load, in the same seconds: on a shared machine both sides of the
ratio then suffer alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from yuanlu.bench import world
from yuanlu.bench.measure import Figure, Size, against, cpu_of, forget_peak, median, memory_mb, say, spread
from yuanlu.bench.world import Signing, World
from yuanlu.postgres import Server


async def payment(server: Server, size: Size) -> list[Figure]:
    """Payments over HTTP, one signed call to sim each, back to PAID."""
    async with (
        world.made(server) as made,
        world.program(("serve", "--port", "0"), server.state) as service,
        world.program(("worker",), server.state) as worker,
    ):
        work = made.charges(service, size.payments, size.callers)
        await world.load(made.charges(service, max(size.payments // 4, 1), size.callers))
        forget_peak(service.pid)
        rounds = []
        for turn in range(size.rounds):
            say(f"payment: round {turn + 1} of {size.rounds}")
            rounds.append(await _round(made, (service.pid, worker.pid), work))
        waits = [wait for each in rounds for wait in each.waits]
        peak = memory_mb(service.pid, peak=True)
    floor = median([each.signature for each in rounds]) * 1e6
    ours, postgres, sim = (median([each.cpu[place] for each in rounds]) * 1e6 for place in range(3))
    return [
        Figure(name="payment", unit="us CPU", **against(floor, ours), cpu_us=ours, peak_mb=peak, **spread(waits)),
        Figure(name="payment_postgres", unit="us CPU", **against(floor, postgres)),
        Figure(name="payment_sim", unit="us CPU", **against(floor, sim)),
        Figure(name="payment_rate", unit="payments/s", value=median([each.rate for each in rounds])),
    ]


@dataclass(frozen=True, slots=True)
class Round:
    """One round. `cpu` is seconds a payment: service and worker, PostgreSQL, sim."""

    rate: float
    cpu: tuple[float, float, float]
    signature: float
    waits: list[float]


async def _round(made: World, ours: tuple[int, ...], work: Mapping[str, object]) -> Round:
    def used() -> tuple[float, float, float]:
        return sum(cpu_of(pid) for pid in ours), made.postgres_cpu(), cpu_of(made.sim_pid)

    signing = Signing()
    beside = asyncio.create_task(signing.go_on())
    before = used()
    told = await world.load(work)
    after = used()
    beside.cancel()
    count = len(told["waits"])
    if told["states"] != {"PAID": count}:
        raise RuntimeError(f"not every payment was paid: {told['states']}")
    cpu = tuple((now - then) / count for now, then in zip(after, before, strict=True))
    return Round(count / told["seconds"], (cpu[0], cpu[1], cpu[2]), median(signing.seconds), told["waits"])
