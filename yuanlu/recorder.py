"""Records Changes: many at once, in one round trip and one commit.

Natural batching: a change joins the queue; whenever one of the recording connections is free, what has gathered is
cut into a batch and sent. One caller alone waits for one round trip; under load batches fill by themselves. There is
no timer.

A batch is one call of one PL/pgSQL function, generated from the row types and made in `pg_temp` when a recording
connection opens: no function in migrations, and old code keeps its own column lists on a new schema. Objectors are
filtered, not thrown: the function returns the places of the changes that found their row moved (or their id taken, or
their draw too large); those decide again. Only what cannot be filtered (a floor) rolls a batch back; it is then cut in
two until one is left, and that one is `Broken`.

Locks are taken in one order everywhere: allowances, rows of other tables, then payments, each in key order, then
accounts, then looks. The connection has hash join, merge join, sequential scan and JIT off, so rows are locked in the
order sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import asyncpg
import msgspec
import structlog

from yuanlu.change import Change, Column, Row, columns_of
from yuanlu.errors import Broken, Busy
from yuanlu.ledger.accounts import FLOORED

BATCH_MAX = 128
CONNECTIONS = 2
QUEUE_MAX = 20_000
DEADLINE = 30.0
"""Seconds a batch may take before its connection is given up."""

SESSION = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "client_min_messages": "error",
}
"""What a recording connection is set to: rows are found by key and locked in the order sent."""

log = structlog.get_logger(__name__)

Connect = Callable[[], Awaitable["asyncpg.Connection[Any]"]]

_PAYMENTS = "payments"

_SIDE_TYPES = {
    "spend": "item int, merchant_id text, who text, day date, amount_fen bigint, limit_fen bigint",
    "draw": "item int, fresh boolean, merchant_id text, payment_id text, amount_fen bigint",
    "move": "item int, merchant_id text, object_id text, transition int, seq int, source text, target text,"
    " amount_fen bigint, currency text",
    "held": "item int, merchant_id text, account text, currency text, amount_fen bigint",
    "fact": "item int, merchant_id text, object_id text, transition int, seq int, kind text, who text,"
    " at timestamptz, evidence_id text, body text",
    "evidence": "item int, merchant_id text, object_id text, id text, kind text, at timestamptz, operation text,"
    " status int, took_ms int, digest text, body text",
    "ended": "item int, merchant_id text, name text, object_id text",
    "look": "item int, merchant_id text, name text, object_id text, run_at timestamptz",
    "step_up": "item int, merchant_id text, id text, object_id text",
}

_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""The database is away, full, or no longer the one that writes: it says nothing about the changes themselves."""

_CROSSED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


_encode = msgspec.json.Encoder().encode
_WIRE_ZERO = datetime(2000, 1, 1, tzinfo=UTC)


def _on_the_wire(at: datetime) -> tuple[int]:
    """A moment as PostgreSQL sends it, in half the time the driver takes: seven of them are in a payment.

    Raises TypeError for a moment without a zone.
    """
    since = at - _WIRE_ZERO
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds,)


def _from_the_wire(sent: tuple[int]) -> datetime:
    return _WIRE_ZERO + timedelta(microseconds=sent[0])


def _is_taken(error: Exception, row: Row) -> bool:
    """Whether another row of this table was there first, by a unique index: deciding again sees it.

    New rows never come here (they stand back, and are stale); a row that changes into a place that is taken does, and
    so does what a spent step-up would permit.
    """
    return isinstance(error, asyncpg.UniqueViolationError) and error.table_name in (row.table, "step_ups_spent")


_SPENDS = """
  if a_spend is not null then
    insert into allowances (merchant_id, who, day, spent_fen, limit_fen)
      select distinct on (merchant_id, who, day) merchant_id, who, day, 0, limit_fen from unnest(a_spend)
      order by merchant_id, who, day
    on conflict do nothing;
    perform 1 from allowances t where (t.merchant_id, t.who, t.day) in
      (select merchant_id, who, day from unnest(a_spend)) order by t.merchant_id, t.who, t.day for update;
    with s as (
      select s.*, sum(amount_fen) over (partition by merchant_id, who, day order by item) as running
      from unnest(a_spend) s
    )
    select dead || coalesce(array_agg(s.item), '{}') into dead
      from s join allowances t on t.merchant_id = s.merchant_id and t.who = s.who and t.day = s.day
      where t.spent_fen + s.running > s.limit_fen;
  end if;
"""

_SPENT = """
  if a_spend is not null then
    update allowances t set spent_fen = t.spent_fen + s.total, limit_fen = s.limit_fen
    from (select merchant_id, who, day, sum(amount_fen)::bigint as total, max(limit_fen) as limit_fen
          from unnest(a_spend) where item <> all(dead) group by merchant_id, who, day) s
    where t.merchant_id = s.merchant_id and t.who = s.who and t.day = s.day;
  end if;
"""

_DRAWS = """
  if a_draw is not null then
    perform 1 from payments t where (t.merchant_id, t.id) in
      (select merchant_id, payment_id from unnest(a_draw) union select merchant_id, id from unnest(old_payments))
      order by t.merchant_id, t.id for no key update;  -- a foreign key's own lock may pass: reports are not draws
  end if;
"""

_DRAWS_TAKEN = """
  if a_draw is not null then
    stale := dead;
    with d as (
      select d.*, sum(amount_fen) over (partition by merchant_id, payment_id order by amount_fen > 0, item) as running
      from unnest(a_draw) d where item <> all(dead)
    ), ok as (
      select d.* from d join payments t on t.merchant_id = d.merchant_id and t.id = d.payment_id
      where t.back_fen + d.running between 0 and t.amount_fen
        and (t.state in ('PAID', 'LATE_PAID') or t.back_fen + d.running = 0)  -- it may have lost its money meanwhile
    ), taken as (
      update payments t set back_fen = t.back_fen + s.total, parts = t.parts + s.parts
      from (select merchant_id, payment_id, sum(amount_fen)::bigint as total,
                   count(*) filter (where amount_fen > 0) as parts
            from ok group by merchant_id, payment_id) s
      where t.merchant_id = s.merchant_id and t.id = s.payment_id
    )
    select dead || coalesce(array_agg(d.item), '{}') into dead from d where d.item not in (select item from ok);
    if exists (select 1 from unnest(a_draw) d
               where not d.fresh and d.item = any(dead) and d.item <> all(stale)) then
      raise exception 'the draw of a row that is already changed does not fit' using errcode = 'check_violation';
    end if;
    late := dead;
  end if;
"""

_DRAWS_UNDONE = """
  if a_draw is not null then
    -- New rows that stood back after their draw was taken.
    late := array(select unnest(dead) except select unnest(late));
    if cardinality(late) > 0 then
      update payments t set back_fen = t.back_fen - s.total, parts = t.parts - s.parts
      from (select merchant_id, payment_id, sum(amount_fen)::bigint as total,
                   count(*) filter (where amount_fen > 0) as parts
            from unnest(a_draw) where item = any(late) group by merchant_id, payment_id) s
      where t.merchant_id = s.merchant_id and t.id = s.payment_id;
    end if;
  end if;
"""

_SIDES = """
  if a_move is not null then
    insert into moves (merchant_id, recorded_at, object_id, transition, seq, source, target, amount_fen, currency)
      select merchant_id, noted, object_id, transition, seq, source, target, amount_fen, currency
      from unnest(a_move) where item <> all(dead);
  end if;
  if a_held is not null then
    with net as materialized (
      select merchant_id, account, currency, sum(amount_fen)::bigint as amount_fen
      from unnest(a_held) where item <> all(dead)
      group by merchant_id, account, currency having sum(amount_fen) <> 0
      order by merchant_id, account, currency
    ), kept as (
      update accounts t set balance_fen = t.balance_fen + net.amount_fen from net
      where t.merchant_id = net.merchant_id and t.account = net.account and t.currency = net.currency
      returning t.merchant_id, t.account, t.currency
    )
    -- An account's first move. Should another batch be first at this very moment, its row is waited for and added to.
    insert into accounts (merchant_id, account, currency, balance_fen)
      select merchant_id, account, currency, amount_fen from net
      where (merchant_id, account, currency) not in (select merchant_id, account, currency from kept)
    on conflict (merchant_id, account, currency)
      do update set balance_fen = accounts.balance_fen + excluded.balance_fen;
  end if;
  if a_fact is not null then
    insert into facts (merchant_id, recorded_at, object_id, transition, seq, kind, who, at, evidence_id, body)
      select merchant_id, noted, object_id, transition, seq, kind, who, at, evidence_id, body
      from unnest(a_fact) where item <> all(dead);
  end if;
  if a_step_up is not null then
    insert into step_ups_spent (merchant_id, id, object_id)
      select merchant_id, id, object_id from unnest(a_step_up) where item <> all(dead) order by merchant_id, id;
  end if;
  if a_evidence is not null then
    insert into evidence (merchant_id, recorded_at, id, object_id, kind, at, operation, status, took_ms, digest, body)
      select merchant_id, noted, id, object_id, kind, at, operation, status, took_ms, digest, body
      from unnest(a_evidence) where item <> all(dead);
  end if;
  if a_ended is not null then
    delete from jobs t using unnest(a_ended) l
      where l.item <> all(dead)
        and t.merchant_id = l.merchant_id and t.name = l.name and t.object_id = l.object_id;
  end if;
  if a_look is not null then
    insert into jobs (merchant_id, name, object_id, run_at)
      select distinct on (merchant_id, name, object_id) merchant_id, name, object_id, run_at
      from unnest(a_look) l where item <> all(dead){followed}
      order by merchant_id, name, object_id, run_at
    on conflict (merchant_id, name, object_id)
      do update set run_at = excluded.run_at, lease_until = null, lease_token = null, attempts = 0;
  end if;
"""


def sections_of(row_types: Sequence[type[Row]]) -> dict[str, str]:
    """The arguments of a call, and what each is an array of: of every table its new rows and its changed ones.

    Shape: `new_<table>`, `old_<table>`, then `a_<side>`. `payments` comes after all other tables (see the order of
    locks above). An argument nobody fills is NULL, not an empty array: to ask whether it is there then costs nothing,
    while every function in a condition is looked up and checked for permission again in each transaction.
    """
    tables = sorted((t.table for t in row_types), key=lambda name: (name == _PAYMENTS, name))
    old = {f"old_{name}": f"changed_{name}" for name in tables}
    new = {f"new_{name}": name for name in tables}
    return old | new | {f"a_{name}": name for name in _SIDE_TYPES}


def function_sql(row_types: Sequence[type[Row]], followed: Mapping[str, str] = MappingProxyType({})) -> str:
    """The types and the function of a recording connection, as one script.

    `followed`: looks of these names are kept only of merchants that have a row in this table. Who follows everything is
    mostly nobody, and a look that finds nobody costs more than the rest of a payment.

    Shape: `pg_temp.record(<sections_of>) returns int[]`, the places of the changes that were not recorded.
    """
    tables = {row_type.table: columns_of(row_type) for row_type in row_types}
    order = sorted(tables, key=lambda name: (name == _PAYMENTS, name))
    types = {name: _shape(tables[name]) for name in order}
    types |= {f"changed_{name}": _shape(_changing(tables[name])) for name in order}
    types |= _SIDE_TYPES
    made = [f"create type pg_temp.in_{name} as ({shape});" for name, shape in types.items()]
    arguments = ", ".join(f"{name} pg_temp.in_{kind}[]" for name, kind in sections_of(row_types).items())
    body = ["dead int[] := '{}'; stale int[]; late int[]; noted timestamptz := clock_timestamp();", "begin"]
    body.append(_SPENDS)
    others = [name for name in order if name != _PAYMENTS]
    body.extend(_where_any(others, "old", (_update_sql(name, tables[name]) for name in others)))
    if _PAYMENTS in tables:
        body += [_DRAWS, _update_sql(_PAYMENTS, tables[_PAYMENTS]), _DRAWS_TAKEN]
    body.extend(_where_any(others, "new", (_insert_sql(name, tables[name]) for name in others)))
    if _PAYMENTS in tables:
        body += [_insert_sql(_PAYMENTS, tables[_PAYMENTS]), _DRAWS_UNDONE]
    body.append(_SPENT)
    kept = "".join(
        f" and (name <> '{name}' or exists (select 1 from {table} f where f.merchant_id = l.merchant_id))"
        for name, table in followed.items()
    )
    body.append(_SIDES.replace("{followed}", kept))
    body.append("  return dead;\nend")
    return "\n".join(
        [
            *made,
            f"create function pg_temp.record({arguments}) returns int[] language plpgsql as $record$ declare",
            *body,
            "$record$;",
        ]
    )


def _shape(columns: Iterable[Column]) -> str:
    return "item int, " + ", ".join(f"{column.name} {column.sql_type}" for column in columns)


def _changing(columns: Iterable[Column]) -> list[Column]:
    """What is sent of a row that is there: its key, and what a Change may write."""
    return [column for column in columns if column.changes]


def _where_any(tables: Sequence[str], age: str, sections: Iterable[str]) -> list[str]:
    """Sections that are looked at only if one of them is filled: most changes are of payments."""
    empty = " and ".join(f"{age}_{name} is null" for name in tables)
    return [f"  if not ({empty}) then", *sections, "  end if;"] if tables else []


def _update_sql(name: str, columns: Sequence[Column]) -> str:
    sets = ", ".join(f"{c.name} = r.{c.name}" for c in _changing(columns) if c.name not in {"merchant_id", "id"})
    # Draws do not move a payment's version: whoever takes its money away must have seen what is drawn of it.
    fits = " and (t.back_fen = 0 or r.state in ('PAID', 'LATE_PAID'))" if name == _PAYMENTS else ""
    return f"""
  if old_{name} is not null then
    with done as (
      update {name} t set {sets} from unnest(old_{name}) r
      where r.item <> all(dead)
        and t.merchant_id = r.merchant_id and t.id = r.id and t.version = r.version - 1{fits} returning r.item)
    select dead || coalesce(array_agg(item), '{{}}') into dead from unnest(old_{name})
      where item <> all(dead) and item not in (select item from done);
  end if;"""


def _insert_sql(name: str, columns: Sequence[Column]) -> str:
    names = ", ".join(c.name for c in columns)
    return f"""
  if new_{name} is not null then
    with done as (
      insert into {name} ({names}) select {names} from unnest(new_{name}) where item <> all(dead)
      on conflict do nothing returning merchant_id, id)
    select dead || coalesce(array_agg(item), '{{}}') into dead from unnest(new_{name})
      where item <> all(dead) and (merchant_id, id) not in (select merchant_id, id from done);
  end if;"""


def order_of(change: Change[Row]) -> tuple[str, str]:
    """Where a change stands in its batch: by key, so that rows are locked in the same order everywhere."""
    return change.row.merchant_id, change.row.id


class Layout:
    """How a batch is laid out: the sections of the call, and the arguments that fill them."""

    def __init__(self, row_types: Sequence[type[Row]], followed: Mapping[str, str] = MappingProxyType({})) -> None:
        self.sql = function_sql(row_types, followed)
        self.sections = sections_of(row_types)
        self.call = f"select pg_temp.record({', '.join(f'${n + 1}' for n in range(len(self.sections)))})"
        places = {name: place for place, name in enumerate(self.sections)}
        self._sides = tuple(places[f"a_{name}"] for name in _SIDE_TYPES)
        self._rows = {
            t: (
                (places[f"new_{t.table}"], attrgetter(*(each.name for each in columns_of(t)))),
                (places[f"old_{t.table}"], attrgetter(*(each.name for each in _changing(columns_of(t))))),
            )
            for t in row_types
        }

    def arguments(self, batch: Sequence[Change[Row]]) -> list[list[tuple[object, ...]] | None]:
        """The changes of a batch as the sections of one call; a change is known by its place in the batch.

        Shape: the batch is in the order of `order_of`; a section that nobody fills is None.
        """
        arrays: list[list[tuple[object, ...]]] = [[] for _ in self.sections]
        spends, draws, moves, held, facts, evidence, ended, looks, step_ups = (arrays[place] for place in self._sides)
        for item, change in enumerate(batch):
            row = change.row
            merchant_id, object_id, version = row.merchant_id, row.id, row.version
            place, values = self._rows[type(row)][version > 1]
            arrays[place].append((item,) + values(row))  # noqa: RUF005 - one copy, not two
            if change.draw is not None:
                draws.append((item, version == 1, merchant_id, change.draw.payment_id, change.draw.amount.amount))
            if (spend := change.spend) is not None:
                spends.append((item, merchant_id, spend.who, spend.day, spend.amount_fen, spend.limit_fen))
            for seq, move in enumerate(change.moves):
                money = move.money
                moves.append(
                    (item, merchant_id, object_id, version, seq, move.source, move.target, money.amount, money.currency)
                )
                if move.target in FLOORED:
                    held.append((item, merchant_id, move.target, money.currency, money.amount))
                if move.source in FLOORED:
                    held.append((item, merchant_id, move.source, money.currency, -money.amount))
            cited = change.evidence[0].id if change.evidence else ""
            for seq, fact in enumerate(change.facts):
                body = _encode(fact).decode()
                facts.append(
                    (item, merchant_id, object_id, version, seq, fact.kind, change.who, change.at, cited, body)
                )
            for each in change.evidence:
                evidence.append(
                    (
                        item,
                        merchant_id,
                        object_id,
                        each.id,
                        each.kind,
                        each.at,
                        each.operation,
                        each.status,
                        each.took_ms,
                        each.digest,
                        each.body,
                    )
                )
            if change.step_up:
                step_ups.append((item, merchant_id, change.step_up, object_id))
            for look in change.looks:
                if look.at is None:
                    ended.append((item, merchant_id, look.name, look.object_id))
                else:
                    looks.append((item, merchant_id, look.name, look.object_id, look.at))
        return [array or None for array in arrays]


@dataclass(slots=True)
class _Waiting:
    """A change and who waits for it. A caller that was cancelled meanwhile is told nothing: that is no error."""

    change: Change[Row]
    answer: asyncio.Future[bool]
    order: tuple[str, str]

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


_by_order = attrgetter("order")


class Recorder:
    """The queue in front of the recording connections of this process."""

    def __init__(
        self,
        connect: Connect,
        row_types: Sequence[type[Row]],
        *,
        batch_max: int = BATCH_MAX,
        connections: int = CONNECTIONS,
        followed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._connect = connect
        self.layout = Layout(row_types, followed)
        self._batch_max = batch_max
        self._queue: deque[_Waiting] = deque()
        self._free = connections
        self._idle: list[tuple[asyncpg.Connection[Any], Any]] = []
        self._starting = False
        self._closed = False
        self._flights: set[asyncio.Task[None]] = set()
        self.batches = 0
        self.recorded = 0

    @property
    def waiting(self) -> int:
        """How many changes wait for a free connection."""
        return len(self._queue)

    async def record(self, change: Change[Row]) -> bool:
        """Record a change, whole. True: it is committed. False: it found its ground moved (or the answer was lost);
        read and decide again.

        Raises Busy when too many are waiting; Broken when the books refuse it (a floor, a constraint).
        """
        if self._closed or len(self._queue) >= QUEUE_MAX:
            raise Busy("record.queue_full")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bool] = loop.create_future()
        self._queue.append(_Waiting(change, answer, order_of(change)))
        self._start()
        return await answer

    async def close(self) -> None:
        """Finish what is in flight and close the connections."""
        self._closed = True
        while self._flights:
            await asyncio.gather(*self._flights, return_exceptions=True)
        for waiting in self._queue:
            waiting.refuse(Busy("record.closing"))
        self._queue.clear()
        for connection, _ in self._idle:
            with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=2)
        self._idle.clear()

    def _start(self) -> None:
        """Let the next batch fly, where changes wait, a connection is free and none is starting already."""
        if not self._queue or not self._free or self._starting:
            return
        self._starting = True
        self._free -= 1
        flight = asyncio.get_running_loop().create_task(self._fly())
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)

    def _cut(self) -> list[_Waiting]:
        """Take up to a batch from the queue. A second change of one row in a batch is stale: it is told so at once."""
        batch: list[_Waiting] = []
        keys: set[tuple[str, str]] = set()
        while self._queue and len(batch) < self._batch_max:
            waiting = self._queue.popleft()
            if waiting.answer.done():  # nobody waits any more: the caller was cancelled before it was sent
                continue
            key = waiting.order
            if key in keys:
                waiting.answer.set_result(False)
                continue
            keys.add(key)
            batch.append(waiting)
        return batch

    async def _fly(self) -> None:
        """One batch. It is cut only now, so it holds whatever came in the turn of the loop in which it was started."""
        self._starting = False
        batch = self._cut()
        self._start()  # more than a batch waits: the other connection takes it
        try:
            if batch:
                await self._send(sorted(batch, key=_by_order))
        except Exception as error:  # the last net: a waiting caller must always get an answer
            log.exception("record.failed")
            for waiting in batch:
                waiting.refuse(Broken(f"recording failed: {error}"))
        finally:
            self._free += 1
            self._start()

    async def _send(self, batch: list[_Waiting]) -> None:
        try:
            gone = set(await self._attempt(batch))
        except _LOST as error:
            # We cannot know whether it was committed: deciding again finds out.
            log.warning("record.connection_lost", changes=len(batch), error=repr(error))
            await asyncio.sleep(0.05)
            gone = set(range(len(batch)))
        except Exception as error:  # one change that cannot be written down must not take the others with it
            if len(batch) > 1:
                await self._halved(batch)
                return
            if not isinstance(error, _CROSSED) and not _is_taken(error, batch[0].change.row):
                batch[0].refuse(Broken(f"cannot record {batch[0].order}: {error}"))
                return
            gone = {0}
        self.batches += 1
        self.recorded += len(batch) - len(gone)
        for place, waiting in enumerate(batch):
            if not waiting.answer.done():
                waiting.answer.set_result(place not in gone)

    async def _halved(self, batch: list[_Waiting]) -> None:
        """Send a batch that was rolled back again, in two halves."""
        middle = len(batch) // 2
        await self._send(batch[:middle])
        await self._send(batch[middle:])

    async def _attempt(self, batch: Sequence[_Waiting]) -> list[int]:
        arguments = self.layout.arguments([waiting.change for waiting in batch])
        connection, statement = self._idle.pop() if self._idle else await self._opened()
        try:
            dead: list[int] = await statement.fetchval(*arguments, timeout=DEADLINE)
        except BaseException as error:
            if isinstance(error, asyncpg.PostgresError) and not connection.is_closed() and not isinstance(error, _LOST):
                self._idle.append((connection, statement))
            else:
                connection.terminate()
            raise
        self._idle.append((connection, statement))
        return dead

    async def _opened(self) -> tuple[asyncpg.Connection[Any], Any]:
        connection = await self._connect()
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", encoder=_on_the_wire, decoder=_from_the_wire, format="tuple"
        )
        await connection.execute(";".join(f"set {name} = {value}" for name, value in SESSION.items()))
        await connection.execute(self.layout.sql)
        return connection, await connection.prepare(self.layout.call)
