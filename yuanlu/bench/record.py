"""How fast changes are recorded, beside the same SQL function called by pgbench.

A payment is two changes: written down before it is sent (row, fact, look), and paid (row, move, fact, evidence, look
ended). Callers record changes made beforehand, so what is measured is the recorder and PostgreSQL, not the rules.
Both sides run in turn, several short rounds, in one database; the figures are the medians of the rounds,
ratios too.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import asyncpg

from yuanlu import db
from yuanlu.app import ROWS
from yuanlu.bench import ground
from yuanlu.bench.ground import Till, two_changes
from yuanlu.bench.measure import Figure, Size, against, cpu_of, forget_peak, median, memory_mb, say, spread
from yuanlu.change import Change, Row
from yuanlu.postgres import Server
from yuanlu.recorder import BATCH_MAX, SESSION, Recorder, order_of

MERCHANTS = 64
LAG = 8
"""In pgbench's batches a payment is paid this many batches after it was written down: by then that is committed."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one side did in one round."""

    rate: float
    cpu_us: float
    seconds: Sequence[float]
    """What each change waited; empty for pgbench."""


@dataclass(slots=True)
class Bed:
    """A database to record in."""

    server: Server
    database: db.Database
    pool: asyncpg.Pool[Any]
    tills: Sequence[Till]

    @classmethod
    @asynccontextmanager
    async def made(cls, server: Server, held: int = 0) -> AsyncIterator[Self]:
        """A bed whose tables hold this many payments."""
        database = await ground.database(server)
        pools = await db.open_pools(database)
        try:
            tills = await ground.tills(pools.recorder, MERCHANTS)
            if held:
                connection = await db.connect(database)
                await ground.filled(connection, tills, held)
                await connection.close()
            yield cls(server, database, pools.recorder, tills)
        finally:
            await pools.close()

    @asynccontextmanager
    async def recorder(self, *, batch_max: int = BATCH_MAX) -> AsyncIterator[Recorder]:
        recorder = Recorder(ground.connecting(self.database), ROWS, batch_max=batch_max)
        try:
            yield recorder
        finally:
            await recorder.close()


async def callers_record(recorder: Recorder, work: Sequence[Sequence[Change[Row]]]) -> Round:
    """Each caller records its changes one behind the other, all callers at once.

    Law: the rate counts what was recorded, not what was asked.
    """
    waits: list[float] = []
    recorded = 0

    async def caller(changes: Sequence[Change[Row]]) -> None:
        nonlocal recorded
        for change in changes:
            began = time.perf_counter()
            done = await recorder.record(change)
            recorded += done
            waits.append(time.perf_counter() - began)

    began, cpu = time.perf_counter(), cpu_of(os.getpid())
    await asyncio.gather(*(caller(changes) for changes in work))
    seconds = time.perf_counter() - began
    return Round(recorded / seconds, (cpu_of(os.getpid()) - cpu) / max(recorded, 1) * 1e6, waits)


async def work_for(recorder: Recorder, tills: Sequence[Till], changes: int, callers: int) -> list[list[Change[Row]]]:
    """What each caller shall record: payments of two changes each.

    Every second caller begins with the second half of a payment whose first half is recorded here, so that a batch
    holds as many new payments as paid ones at any time.
    """
    places = itertools.cycle(tills)
    work: list[list[Change[Row]]] = []
    begun: list[Change[Row]] = []
    for place in range(callers):
        pairs = [two_changes(next(places)) for _ in range(max(changes // callers // 2, 1))]
        own: list[Change[Row]] = [change for pair in pairs for change in pair]
        if place % 2:
            begun.append(own.pop(0))
        work.append(own)
    await asyncio.gather(*(recorder.record(change) for change in begun))
    return work


class Pgbench:
    """The floor: pgbench calling the same function with the same batches, from two clients.

    The recorder's function lives in `pg_temp`, where pgbench cannot reach it, so its text is made once more in a
    schema of the bench's database, nothing else changed. pgbench cannot send arrays of composites: the batches are
    made by the same rules and laid out by the recorder's own `Layout`, stored in a table beforehand, and each
    transaction of pgbench passes the next one of them to the function. That leaves out what our side has besides:
    making the arguments, sending them, and parsing them on the server. So the floor is, if anything, too fast.
    """

    def __init__(self, bed: Bed, recorder: Recorder) -> None:
        self._bed = bed
        self._recorder = recorder
        self._layout = recorder.layout

    async def prepare(self) -> None:
        """Make the function, and the table of batches."""
        columns = ", ".join(f"{name} bench.in_{kind}[]" for name, kind in self._layout.sections.items())
        plain = "; ".join(f"alter table bench.batches alter {name} set storage external" for name in
                          self._layout.sections)  # fmt: skip
        connection = await db.connect(self._bed.database)
        await connection.execute("create schema bench; grant all on schema bench to public")
        await connection.execute(self._layout.sql.replace("pg_temp.", "bench."))
        await connection.execute(
            f"create table bench.batches (n int primary key, {columns}); {plain};"
            "create sequence bench.turn; create table bench.bare (id bigint primary key, body text);"
            "grant all on bench.batches, bench.turn, bench.bare to public"
        )
        await connection.close()

    async def round(self, tills: Sequence[Till], batches: int) -> Round:
        """Let pgbench record this many batches, half new payments and half paid ones."""
        await self._store(tills, batches)
        paid = await self._paid()
        call = ", ".join(self._layout.sections)
        with tempfile.TemporaryDirectory(prefix="yuanlu-bench-") as spot:
            script = Path(spot) / "record.sql"
            script.write_text(
                f"select bench.record({call}) from bench.batches where n = (select nextval('bench.turn'));\n"
            )
            pgbench = await asyncio.create_subprocess_exec(
                str(self._bed.server.program("pgbench")),
                *("--no-vacuum", "--protocol=prepared", "--client=2", "--jobs=1", "--log"),
                *(f"--transactions={batches // 2}", f"--file={script}"),
                self._bed.database.url.replace("postgres@", f"{db.Role.RECORDER}@", 1),
                cwd=spot,
                env={"PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in SESSION.items())},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            _, cried = await pgbench.communicate()
            if pgbench.returncode:
                raise RuntimeError(f"pgbench: {cried.decode(errors='replace')}")
            lines = _logged(Path(spot))
        assert await self._paid() - paid == batches * BATCH_MAX // 2, "pgbench has not recorded all it was given"
        return Round(BATCH_MAX * _rate(lines), 0.0, ())

    async def _paid(self) -> int:
        counted: int = await self._bed.pool.fetchval("select count(*) from payments where state = 'PAID'")
        return counted

    async def _store(self, tills: Sequence[Till], batches: int) -> None:
        places = itertools.cycle(tills)
        half = BATCH_MAX // 2
        pairs = [[two_changes(next(places)) for _ in range(half)] for _ in range(batches + LAG)]
        # By the recorder that is there: one that opens makes types, and PostgreSQL then plans anew in every connection.
        await asyncio.gather(*(self._recorder.record(first) for group in pairs[:LAG] for first, _ in group))
        connection = await db.connect(self._bed.database)
        await connection.execute("truncate bench.batches; select setval('bench.turn', 1, false)")
        places_ = ", ".join(f"${n + 2}" for n in range(len(self._layout.sections)))
        insert = await connection.prepare(f"insert into bench.batches values ($1, {places_})")
        for n in range(batches):
            changes = [pair[0] for pair in pairs[n + LAG]] + [pair[1] for pair in pairs[n]]
            await insert.fetch(n + 1, *self._layout.arguments(sorted(changes, key=order_of)))
        await connection.close()


def _logged(spot: Path) -> list[list[str]]:
    """The lines of pgbench's logs: one a transaction."""
    return [line.split() for log in spot.glob("pgbench_log.*") for line in log.read_text().splitlines()]


def _rate(lines: Sequence[Sequence[str]]) -> float:
    """Transactions a second of pgbench's log, without the first one of each client, which plans.

    Shape: client, transaction, microseconds it took, script, seconds and microseconds of its end.
    """
    ends = [(int(line[4]) + int(line[5]) / 1e6, int(line[1]), int(line[2]) / 1e6) for line in lines]
    counted = [(end, took) for end, number, took in ends if number > 0]
    return len(counted) / (max(end for end, _ in counted) - min(end - took for end, took in counted))


async def record(server: Server, size: Size) -> list[Figure]:
    """All callers at once, two batches in flight; the floor is pgbench with the same function.

    The tables hold a shop's payments beforehand: empty ones grow by half in a round, and the halves of a round then
    stand on different ground.
    """
    async with Bed.made(server, size.held) as bed, bed.recorder() as recorder:
        pgbench = Pgbench(bed, recorder)
        await pgbench.prepare()
        forget_peak()

        async def all_at_once() -> Round:
            return await callers_record(recorder, await work_for(recorder, bed.tills, size.fresh, size.callers))

        async def floor() -> Round:
            return await pgbench.round(bed.tills, max(size.fresh // BATCH_MAX // 2 * 2, 4))

        ours, floors = await _in_turn("record", size, all_at_once, floor)
        return [_figure("record", ours, floors)]


def _figure(name: str, ours: Sequence[Round], floors: Sequence[Round]) -> Figure:
    """Law: the ratio is the median of the rounds' own ratios. Both halves of a round stand beside each other in time; a
    machine whose speed drifts from round to round drifts in both."""
    return Figure(
        name=name,
        unit="changes/s",
        value=median([each.rate for each in ours]),
        floor=median([each.rate for each in floors]),
        ratio=median([each.rate / floor.rate for each, floor in zip(ours, floors, strict=True)]),
        cpu_us=median([each.cpu_us for each in ours]),
        **spread([second for each in ours for second in each.seconds]),
        peak_mb=memory_mb(peak=True),
    )


async def record_single(server: Server, size: Size) -> list[Figure]:
    """What batches are worth: the floor is the same recorder with one change a transaction."""
    async with Bed.made(server) as bed, bed.recorder() as batched, bed.recorder(batch_max=1) as single:

        async def one(recorder: Recorder, changes: int) -> Round:
            return await callers_record(recorder, await work_for(batched, bed.tills, changes, size.callers))

        ours, floors = await _in_turn(
            "record_single", size, lambda: one(batched, size.fresh), lambda: one(single, size.fresh // 8)
        )
        return [_figure("record_single", ours, floors)]


async def record_objections(server: Server, size: Size) -> list[Figure]:
    """1 % known changes sent again and 1 % that rely on an old version; the floor is the same without them."""
    async with Bed.made(server) as bed, bed.recorder() as recorder:

        async def clean() -> Round:
            return await callers_record(recorder, await work_for(recorder, bed.tills, size.fresh, size.callers))

        async def troubled() -> Round:
            work = await work_for(recorder, bed.tills, size.fresh, size.callers)
            known = [two_changes(till) for till in bed.tills]
            for change in itertools.chain(*known):
                await recorder.record(change)
            replays, stale = itertools.cycle(first for first, _ in known), itertools.cycle(last for _, last in known)
            places = itertools.count()
            return await callers_record(
                recorder, [list(_troubled(changes, places, replays, stale)) for changes in work]
            )

        ours, floors = await _in_turn("record_objections", size, troubled, clean)
        return [_figure("record_objections", ours, floors)]


def _troubled(
    changes: Iterable[Change[Row]], places: Iterator[int], replays: Iterator[Change[Row]], stale: Iterator[Change[Row]]
) -> Iterator[Change[Row]]:
    """The same changes, and before every fiftieth one that was recorded long ago: new rows and old versions in turn."""
    for change in changes:
        place = next(places)
        if place % 50 == 0:
            yield next(replays if place % 100 else stale)
        yield change


async def record_one_merchant(server: Server, size: Size) -> list[Figure]:
    """All callers are one busy merchant's; the floor is the same load spread over many."""
    async with Bed.made(server) as bed, bed.recorder() as recorder:

        async def of(tills: Sequence[Till]) -> Round:
            return await callers_record(recorder, await work_for(recorder, tills, size.fresh, size.callers))

        ours, floors = await _in_turn("record_one_merchant", size, lambda: of(bed.tills[:1]), lambda: of(bed.tills))
        return [_figure("record_one_merchant", ours, floors)]


async def record_alone(server: Server, size: Size) -> list[Figure]:
    """One caller alone: the median wait for one change; the floor is a bare insert of one row, committed."""
    async with Bed.made(server) as bed, bed.recorder() as recorder:
        connection = await db.connect(bed.database)
        await connection.execute("create table bare (id bigint primary key, body text not null)")
        insert = await connection.prepare("insert into bare values ($1, $2)")
        numbers = itertools.count()

        async def alone() -> Round:
            return await callers_record(recorder, await work_for(recorder, bed.tills, size.alone, callers=1))

        async def bare() -> Round:
            waits = []
            for _ in range(size.alone):
                began = time.perf_counter()
                await insert.fetch(next(numbers), "x" * 100)
                waits.append(time.perf_counter() - began)
            return Round(0.0, 0.0, waits)

        ours, floors = await _in_turn("record_alone", size, alone, bare)
        await connection.close()
        waits = spread([second for each in ours for second in each.seconds])
        floor = median([second for each in floors for second in each.seconds]) * 1000
        cpu = median([each.cpu_us for each in ours])
        return [Figure(name="record_alone", unit="ms", **against(floor, waits["p50_ms"]), cpu_us=cpu, **waits)]


async def _in_turn(
    name: str, size: Size, ours: Callable[[], Awaitable[Round]], floor: Callable[[], Awaitable[Round]]
) -> tuple[list[Round], list[Round]]:
    """Both sides in turn, after a round of each that does not count: connections open, plans are made."""
    await ours()
    await floor()
    forget_peak()
    rounds = []
    for turn in range(size.turns):
        say(f"{name}: round {turn + 1} of {size.turns}")
        rounds.append((await ours(), await floor()))
    return [one for one, _ in rounds], [other for _, other in rounds]
