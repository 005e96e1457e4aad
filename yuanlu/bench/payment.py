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
            rounds.append(await _round(made, service.pid, worker.pid, work))
        waits = [wait for each in rounds for wait in each.waits]
        peak = memory_mb(service.pid, peak=True)
    floor = median([each.signature for each in rounds]) * 1e6
    apart = {name: median([each.cpu[name] for each in rounds]) * 1e6 for name in ("worker", "postgres", "sim")}
    ours = median([each.cpu["service"] + each.cpu["worker"] for each in rounds]) * 1e6
    return [
        Figure(name="payment", unit="us CPU", **against(floor, ours), cpu_us=ours, peak_mb=peak, **spread(waits)),
        *(Figure(name=f"payment_{name}", unit="us CPU", **against(floor, cpu)) for name, cpu in apart.items()),
        Figure(name="payment_rate", unit="payments/s", value=median([each.rate for each in rounds])),
    ]


@dataclass(frozen=True, slots=True)
class Round:
    """One round. `cpu` is seconds a payment, by who used them: service, worker, postgres, sim."""

    rate: float
    cpu: Mapping[str, float]
    signature: float
    waits: list[float]


async def _round(made: World, service: int, worker: int, work: Mapping[str, object]) -> Round:
    def used() -> dict[str, float]:
        return {
            "service": cpu_of(service),
            "worker": cpu_of(worker),
            "postgres": made.postgres_cpu(),
            "sim": cpu_of(made.sim_pid),
        }

    signing = Signing()
    beside = asyncio.create_task(signing.go_on())
    before = used()
    told = await world.load(work)
    after = used()
    beside.cancel()
    count = len(told["waits"])
    if told["states"] != {"PAID": count}:
        raise RuntimeError(f"not every payment was paid: {told['states']}")
    cpu = {name: (after[name] - before[name]) / count for name in before}
    return Round(count / told["seconds"], cpu, median(signing.seconds), told["waits"])
