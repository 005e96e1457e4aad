"""Keys: what to read by which key, when one was last used, and what a till has signed already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import asyncpg

from yuanlu.db import away
from yuanlu.errors import Busy
from yuanlu.machines.rules import Invited, Key, TillStand
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

BY_ID = rows_by_id(Key)
TILL_BY_ID = rows_by_id(TillStand)
_NAMES = ", ".join(f"t.{each.name}" for each in fields(Key))
BY_MARK = over_keys(
    f"select k.place, {_NAMES} from keys k join api_keys t on t.enrol_mark = k.a and t.enrol_mark <> ''"
)
made = maker(Key)
made_till = maker(TillStand)

_OF_MERCHANT = f"""
  select {_NAMES}, u.used_at from api_keys t
  left join key_uses u on u.merchant_id = t.merchant_id and u.id = t.id
  where t.merchant_id = $1 and t.id > $2 order by t.id limit $3
"""
_USED = """
  insert into key_uses as k (merchant_id, id, used_at)
  select * from unnest($1::text[], $2::text[], $3::timestamptz[])
  on conflict (merchant_id, id) do update set used_at = excluded.used_at
  where k.used_at < excluded.used_at - interval '1 minute'
"""
_ONCE = """
  insert into key_nonces (merchant_id, key_id, nonce, signed_at)
  select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
  on conflict do nothing returning merchant_id, key_id, nonce
"""
_FORGET = """
  delete from key_nonces where ctid = any (array(
    select ctid from key_nonces where signed_at < $1 order by signed_at limit 20000
  ))
"""

Found = Sequence[Sequence[Mapping[str, Any]]]


def one(found: Sequence[Mapping[str, Any]]) -> Key | None:
    """The key of a read by id, if it is there."""
    return made(found[0]) if found else None


def by_id(merchant_id: str, key_id: str) -> View[Key | None]:
    """One key."""
    return View((Read(BY_ID, merchant_id, key_id),), lambda found: one(found[0]))


def by_mark(mark: str) -> View[Key | None]:
    """The key that waits for the code of this mark."""
    return View((Read(BY_MARK, "", mark),), lambda found: one(found[0]))


def till_by_id(merchant_id: str, till_id: str) -> View[TillStand | None]:
    """One till."""
    return View((Read(TILL_BY_ID, merchant_id, till_id),), lambda found: made_till(found[0][0]) if found[0] else None)


def for_invitation(merchant_id: str, key_id: str, till_id: str) -> View[Invited]:
    """What an invitation is decided on."""

    def make(found: Found) -> Invited:
        return Invited(one(found[0]), made_till(found[1][0]) if found[1] else None)

    return View((Read(BY_ID, merchant_id, key_id), Read(TILL_BY_ID, merchant_id, till_id)), make)


@dataclass(frozen=True, slots=True)
class Listed:
    """A key, and when it was last used (to the minute)."""

    key: Key
    used_at: datetime | None


async def of_merchant(pool: asyncpg.Pool[Any], merchant_id: str, after: str, most: int) -> Sequence[Listed]:
    """The keys of a merchant, those that ended too, oldest first.

    Raises Busy when the database stays away.
    """
    with away():
        rows = await pool.fetch(_OF_MERCHANT, merchant_id, after, most)
    return [Listed(made(row), row["used_at"]) for row in rows]


async def used(pool: asyncpg.Pool[Any], uses: Mapping[tuple[str, str], datetime]) -> None:
    """Write down when keys were last used; what is younger than a minute stays as it is.

    Raises Busy when the database stays away.
    """
    rows = sorted((*key, at) for key, at in uses.items())
    with away():
        await pool.execute(_USED, *(list(column) for column in zip(*rows, strict=True)))


class Nonces:
    """What tills have signed, once each, over all processes and restarts: rows, many in one round trip.

    Law: of two requests with the same nonce of the same key one is told True, whichever processes they reach.
    """

    BATCH_MAX = 128
    WAITING_MAX = 20_000
    KEPT = timedelta(minutes=5)
    """Longer than a signature counts (a minute), by more than clocks of two machines are apart."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool
        self._waiting: dict[tuple[str, str, str], tuple[datetime, asyncio.Future[bool]]] = {}
        self._writing: asyncio.Task[None] | None = None
        self._forgot_at = float("-inf")

    async def is_new(self, merchant_id: str, key_id: str, nonce: str, signed_at: datetime) -> bool:
        """Whether this key has never signed with this nonce; from now on it has.

        Raises Busy when the database stays away, or too many wait.
        """
        mark = (merchant_id, key_id, nonce)
        if mark in self._waiting:
            return False
        if len(self._waiting) >= self.WAITING_MAX:
            raise Busy("nonces.queue_full")
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting[mark] = (signed_at, answer)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await answer

    async def _write(self) -> None:
        try:
            while self._waiting:
                cut = dict(list(self._waiting.items())[: self.BATCH_MAX])
                for mark in cut:
                    del self._waiting[mark]
                await self._write_one(cut)
        finally:
            self._writing = None

    async def _write_one(self, cut: Mapping[tuple[str, str, str], tuple[datetime, asyncio.Future[bool]]]) -> None:
        rows = sorted((*mark, at) for mark, (at, _) in cut.items())
        try:
            with away():
                found = await self._pool.fetch(_ONCE, *(list(column) for column in zip(*rows, strict=True)))
                if monotonic() - self._forgot_at > 60:
                    self._forgot_at = monotonic()
                    await self._pool.execute(_FORGET, max(at for at, _ in cut.values()) - self.KEPT)
        except BaseException as trouble:
            for _, answer in cut.values():
                if not answer.done():
                    answer.set_exception(trouble if isinstance(trouble, Exception) else Busy("nonces.stopped"))
            if not isinstance(trouble, Exception):
                raise
            return
        new = {tuple(row) for row in found}
        for mark, (_, answer) in cut.items():
            if not answer.done():
                answer.set_result(mark in new)
