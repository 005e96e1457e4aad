"""Keyed reads that travel together.

A `View` is a value: what to read by which key, and how to make what a rule sees of it. Reads of concurrent requests
with the same SQL go in one query with arrays of keys, one round trip, without a lock.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar, get_type_hints

import asyncpg

from yuanlu.change import Row
from yuanlu.errors import Busy

BATCH_MAX = 128
CONNECTIONS = 2
QUEUE_MAX = 20_000
TRIES = 5
DEADLINE = 30.0

S_co = TypeVar("S_co", covariant=True)
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True, eq=False)
class Select:
    """A keyed select, complete. `columns` are the keys it uses: only those are sent."""

    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """One keyed read: a select of a store, and its keys. A key the select does not use is not sent."""

    select: Select
    merchant_id: str
    a: str = ""
    b: str = ""
    c: int = 0
    d: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class View(Generic[S_co]):
    """What a rule wants to see: some reads, and how to make a value of their records, in order.

    `believed` is what we have every reason to see: we have just recorded or read it. A change decided on it is safe,
    since it holds for one version only; should it not hold, or nothing be changed, the reads are done after all.
    """

    reads: tuple[Read, ...]
    make: Callable[[Sequence[Sequence[Mapping[str, Any]]]], S_co]
    believed: S_co | None = None


_KEYS = {"merchant_id": "text", "a": "text", "b": "text", "c": "bigint", "d": "text", "at": "timestamptz"}


def over_keys(sql: str) -> Select:
    """Complete a select over `keys k`, written once as a constant of a store.

    Shape: it selects `k.place` first, then columns, from `keys k` (place bigint, merchant_id text, a text, b text,
    c bigint, d text, at timestamptz) joined to what is wanted.
    """
    used = tuple(name for name in _KEYS if re.search(rf"\bk\.{name}\b", sql))
    arrays = ", ".join(f"${n + 1}::{_KEYS[name]}[]" for n, name in enumerate(used))
    names = ", ".join(used)
    keys = f"select place, {names} from unnest({arrays}) with ordinality u({names}, place)"
    return Select(f"with keys as ({keys}) {sql}", used)


def rows_by_id(row_type: type[Row]) -> Select:
    """The SQL that reads rows of this type by (merchant_id, id = a)."""
    names = ", ".join(f"t.{each.name}" for each in fields(row_type))
    return over_keys(
        f"select k.place, {names} from keys k join {row_type.table} t on t.merchant_id = k.merchant_id and t.id = k.a"
    )


def maker(row_type: type[R]) -> Callable[[Mapping[str, Any]], R]:
    """How to make a row of a record: enums from text, the rest as it is."""
    hints = get_type_hints(row_type)
    enums = {n: h for n, h in hints.items() if isinstance(h, type) and issubclass(h, StrEnum)}
    names = [each.name for each in fields(row_type)]

    def made(record: Mapping[str, Any]) -> R:
        values: dict[str, Any] = {n: enums[n](record[n]) if n in enums else record[n] for n in names}
        return row_type(**values)

    return made


@dataclass(slots=True)
class _Waiting:
    read: Read
    answer: asyncio.Future[list[Mapping[str, Any]]]


class Reader:
    """The queue in front of the reading connections of this process."""

    def __init__(self, pool: asyncpg.Pool[Any], *, connections: int = CONNECTIONS) -> None:
        self._pool = pool
        self._queues: dict[Select, list[_Waiting]] = defaultdict(list)
        self._waiting = 0
        self._free = connections
        self._kicked = False
        self._flights: set[asyncio.Task[None]] = set()
        self.batches = 0

    @property
    def waiting(self) -> int:
        """How many reads wait for a free connection."""
        return self._waiting

    async def see(self, view: View[S_co]) -> S_co:
        """Read what a view wants and make its value.

        Raises Busy when too many are waiting, or the database stays away.
        """
        if self._waiting >= QUEUE_MAX:
            raise Busy("read.queue_full")
        loop = asyncio.get_running_loop()
        answers = []
        for read in view.reads:
            answer: asyncio.Future[list[Mapping[str, Any]]] = loop.create_future()
            self._queues[read.select].append(_Waiting(read, answer))
            self._waiting += 1
            answers.append(answer)
        if not self._kicked:
            self._kicked = True
            loop.call_soon(self._kick)
        if len(answers) == 1:
            return view.make([await answers[0]])
        return view.make(await asyncio.gather(*answers))

    async def close(self) -> None:
        """Wait for what is in flight."""
        while self._flights:
            await asyncio.gather(*self._flights, return_exceptions=True)

    def _kick(self) -> None:
        self._kicked = False
        while self._free and self._queues:
            select = next(iter(self._queues))
            waiting = self._queues.pop(select)
            batch, rest = waiting[:BATCH_MAX], waiting[BATCH_MAX:]
            if rest:
                self._queues[select] = rest  # to the back: no kind of read starves another
            self._waiting -= len(batch)
            self._free -= 1
            flight = asyncio.get_running_loop().create_task(self._fly(select, batch))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    async def _fly(self, select: Select, batch: Sequence[_Waiting]) -> None:
        try:
            await self._answer(select, batch)
        finally:
            self._free += 1
            self._kick()

    async def _answer(self, select: Select, batch: Sequence[_Waiting]) -> None:
        """Give every caller an answer. A key that cannot be read (no UTF-8, a NUL) takes no other reader with it."""
        try:
            found = await self._fetched(select, batch)
        except Busy as error:
            self._fail(batch, error)
        except Exception as error:
            if len(batch) == 1:
                self._fail(batch, error)
                return
            middle = len(batch) // 2
            await self._answer(select, batch[:middle])
            await self._answer(select, batch[middle:])
        else:
            for waiting, records in zip(batch, found, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(records)

    @staticmethod
    def _fail(batch: Sequence[_Waiting], error: Exception) -> None:
        for waiting in batch:
            if not waiting.answer.done():
                waiting.answer.set_exception(error)

    async def _fetched(self, select: Select, batch: Sequence[_Waiting]) -> list[list[Mapping[str, Any]]]:
        reads = [waiting.read for waiting in batch]
        arguments = [[getattr(read, name) for read in reads] for name in select.columns]
        for attempt in range(TRIES):
            try:
                records = await self._pool.fetch(select.sql, *arguments, timeout=DEADLINE)
                break
            except (
                OSError,
                TimeoutError,
                asyncpg.PostgresConnectionError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
                asyncpg.OperatorInterventionError,
                asyncpg.InsufficientResourcesError,
            ):
                await asyncio.sleep(0.1 * 2**attempt)
        else:
            raise Busy("read.database_away")
        self.batches += 1
        found: list[list[Mapping[str, Any]]] = [[] for _ in reads]
        for record in records:
            found[record["place"] - 1].append(record)
        return found
