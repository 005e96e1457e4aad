"""What moves while somebody looks: asked of the books once for all who look, and told to each of them.

A page that is open asks nothing by itself. While anybody listens, one bounded query a merchant goes out every
`EVERY_SECONDS` seconds, in this process, for all its listeners together; without listeners none does. Nothing is
kept: who comes late is told how it stands.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from yuanlu.cases.rules import State
from yuanlu.errors import Busy, Denied
from yuanlu.web.parts import lists

EVERY_SECONDS = 2.0
COUNTED_MAX = 50
"""Cases of a state that are counted: of more a page says so many and a plus."""
PER_PERSON_MAX, ALL_MAX = 4, 256
"""Listeners of one person, and of this process."""
COME_AGAIN_SECONDS = 30
OPEN = tuple(state.value for state in State if state is not State.CLOSED)


@dataclass(frozen=True, slots=True)
class Count:
    """How many cases are in a state, and a mark that changes where they are other ones."""

    n: int = 0
    mark: int = 0


_MOVED = """
  with open_states as (select unnest($2::text[]) as state), shops as (select unnest($3::text[]) as store_id)
  select 'count' as kind, '' as a, s.state as b, c.n, c.mark from open_states s cross join lateral (
    select count(*) as n, coalesce(sum(hashtext(x.id)::bigint), 0)::bigint as mark from (
      select id from cases where merchant_id = $1 and state = s.state and state <> 'CLOSED' order by due_at, id limit $5
    ) x
  ) c where $6
  union all
  select 'count', h.store_id, s.state, c.n, c.mark from open_states s cross join shops h cross join lateral (
    select count(*) as n, coalesce(sum(hashtext(x.id)::bigint), 0)::bigint as mark from (
      select id from cases where merchant_id = $1 and store_id = h.store_id and state = s.state and state <> 'CLOSED'
      order by due_at, id limit $5
    ) x
  ) c
  union all
  select 'case', id, store_id, version, 0 from cases where merchant_id = $1 and id = any($4)
"""
"""Each count walks an index of the queue, `COUNTED_MAX` + 1 entries of it at most."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How it stands: by store (empty: all) and state the cases, by id the version of those that are looked at."""

    counts: Mapping[tuple[str, str], Count]
    versions: Mapping[str, tuple[str, int]]
    """Store and version."""

    def queue(self, store_id: str) -> Mapping[str, Count]:
        """The cases of a store, or of all, by state."""
        return {state: self.counts.get((store_id, state), Count()) for state in OPEN}

    def version(self, case_id: str, store_id: str) -> int:
        """The version of a case; 0: whoever asks may not know of it."""
        of, version = self.versions.get(case_id, ("", 0))
        return version if store_id in ("", of) else 0


async def moved(pool: asyncpg.Pool[Any], merchant_id: str, stores: Sequence[str], cases: Sequence[str] = ()) -> Moved:
    """How the queue and these cases stand. Raises Busy."""
    some = sorted({each for each in stores if each})
    rows = await lists.read(
        pool, merchant_id, _MOVED, merchant_id, list(OPEN), some, sorted(set(cases)), COUNTED_MAX + 1, "" in stores
    )  # fmt: skip
    return Moved(
        {(row["a"], row["b"]): Count(row["n"], row["mark"]) for row in rows if row["kind"] == "count"},
        {row["a"]: (row["b"], row["n"]) for row in rows if row["kind"] == "case"},
    )


@dataclass(eq=False, slots=True)
class Listener:
    """Somebody who looks: at the queue of a store or of all, and at one case."""

    store_id: str
    case_id: str
    _shop: _Shop
    _turn: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self) -> Moved:
        """How it stands, once it was asked anew."""
        await self._turn.wait()
        self._turn.clear()
        assert self._shop.seen is not None
        return self._shop.seen

    def tell(self) -> None:
        """It was asked anew."""
        self._turn.set()


@dataclass(eq=False, slots=True)
class _Shop:
    """A merchant somebody listens for."""

    listeners: set[Listener] = field(default_factory=set)
    seen: Moved | None = None
    asking: asyncio.Task[None] | None = None


class Watch:
    """All who listen in one process. `asked`: how many queries that has cost."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._shops: dict[str, _Shop] = {}
        self._people: Counter[tuple[str, str]] = Counter()
        self.closed = asyncio.Event()
        self.asked = 0

    @property
    def listening(self) -> int:
        """How many listen."""
        return self._people.total()

    @contextmanager
    def listen(self, merchant_id: str, who: str, store_id: str, case_id: str) -> Iterator[Listener]:
        """Be told until the block ends.

        Raises Denied: live.full.
        """
        person = (merchant_id, who)
        for of, held, most in (
            ("person", self._people[person], PER_PERSON_MAX),
            ("all", self.listening, 0 if self.closed.is_set() else ALL_MAX),
        ):
            if held >= most:
                raise Denied("live.full", of=of, seconds=COME_AGAIN_SECONDS)
        shop = self._shops.setdefault(merchant_id, _Shop())
        listener = Listener(store_id, case_id, shop)
        shop.listeners.add(listener)
        self._people[person] += 1
        if shop.asking is None or shop.asking.done():
            shop.asking = asyncio.create_task(self._ask(merchant_id, shop))
        try:
            yield listener
        finally:
            shop.listeners.discard(listener)
            self._people[person] -= 1
            self._people += Counter()  # who listens no more is not kept
            if not shop.listeners:
                shop.asking.cancel()
                self._shops.pop(merchant_id, None)

    async def _ask(self, merchant_id: str, shop: _Shop) -> None:
        while True:
            stores = [each.store_id for each in shop.listeners]
            cases = [each.case_id for each in shop.listeners if each.case_id]
            self.asked += 1
            with suppress(Busy):  # it is asked again in a moment
                shop.seen = await moved(self._pool, merchant_id, stores, cases)
                for each in shop.listeners:
                    each.tell()
            await asyncio.sleep(EVERY_SECONDS)

    def close(self) -> None:
        """Let everybody go, and nobody in any more: the service stops."""
        self.closed.set()
