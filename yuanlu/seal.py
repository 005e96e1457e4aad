"""Personal text, sealed: AES-GCM under a key of its subject, which its merchant's key wraps, which `kms` wraps.

A subject is whom or what the text belongs to: a case, a member of staff, a complaint. Forgetting a subject is deleting
its key: sealed text may then stand in append-only tables and backups, nobody reads it again. Digests and books stay.

A merchant's key has versions. Which wrapped a subject's key stands beside it, so old and new open at every moment while
`rotate` moves them, in small steps; a subject's own key stays what it is. Law: a key is only ever wrapped by a version
that is not retired, which the database sees to: whoever retires one waits for those who are wrapping by it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from yuanlu import db
from yuanlu.errors import Broken, Denied
from yuanlu.kms import FileKeys, Kms, Wrapped, opened, shut

First = Callable[[Any], Awaitable[None]]
"""Looks whether subjects may be forgotten, in the transaction that forgets them; raises Denied where not."""

_MARK = "s1."
_NONCE = 12
_TAG = 16
OPEN_FOR_SECONDS = 300.0
"""How long a merchant's key is held in memory, unwrapped."""
OPEN_MAX = 1024
"""How many are."""
STEP = 200
"""Subjects' keys that one step of a rotation moves."""
_MAKING_LOCK = 0x7365616C  # "seal": one makes a merchant's key at a time, and never beside a change of what wraps it


def _shut_bytes(cipher: AESGCM, content: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE)
    return _MARK.encode() + nonce + cipher.encrypt(nonce, content, bound_to.encode())


def _opened_bytes(cipher: AESGCM, sealed: bytes, bound_to: str) -> bytes:
    mark = len(_MARK)
    if sealed[:mark] != _MARK.encode() or len(sealed) < mark + _NONCE + _TAG:
        raise Broken("this is no sealed content")
    raw = memoryview(sealed)[mark:]
    try:
        return cipher.decrypt(bytes(raw[:_NONCE]), raw[_NONCE:], bound_to.encode())
    except InvalidTag:
        raise Broken("sealed content does not open: another key, another subject, or it was changed") from None


@dataclass(frozen=True, slots=True)
class Sealed:
    """What seals and opens the text of one subject. Pure: a rule may be handed one."""

    merchant_id: str
    subject: str
    key: bytes | None = field(repr=False)
    _cipher: AESGCM | None = field(init=False, repr=False, compare=False)
    """Made once: making it takes longer than sealing a line."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_cipher", AESGCM(self.key) if self.key is not None else None)

    @property
    def _bound_to(self) -> str:
        return f"{self.merchant_id}/{self.subject}"

    @property
    def _able(self) -> AESGCM:
        if self._cipher is None:
            raise Denied("seal.forgotten", subject=self.subject)
        return self._cipher

    def seal(self, text: str) -> str:
        """Seal a text. Shape: `s1.` and base64; the same text gives another one each time.

        Raises Denied: seal.forgotten.
        """
        return shut(self._able, text.encode(), self._bound_to)

    def open(self, sealed: str) -> str:
        """Read what was sealed for this subject.

        Raises Denied: seal.forgotten; Broken when it was sealed for another, or changed.
        """
        return opened(self._able, sealed, self._bound_to).decode()

    def mark(self, text: str) -> str:
        """The keyed hash by which a text is known again and not told: nobody guesses it once the key is forgotten.

        Raises Denied: seal.forgotten.
        """
        if self.key is None:
            raise Denied("seal.forgotten", subject=self.subject)
        return hmac.new(self.key, f"mark\x1f{self._bound_to}\x1f{text}".encode(), hashlib.sha256).hexdigest()

    def seal_bytes(self, content: bytes, name: str) -> bytes:
        """Seal a file's content under a name of ours (its id): it opens under no other.

        Shape: `s1.`, 12 bytes of nonce, then as long as the content and 16 bytes more. Raises Denied: seal.forgotten.
        """
        return _shut_bytes(self._able, content, f"{self._bound_to}/{name}")

    def open_bytes(self, sealed: bytes, name: str) -> bytes:
        """The content that was sealed under this name.

        Raises Denied: seal.forgotten; Broken when it was sealed otherwise, or changed.
        """
        return _opened_bytes(self._able, sealed, f"{self._bound_to}/{name}")


_KEY_COLUMNS = (
    "select s.subject, s.wrapped, s.key_version, k.wrapped as merchant_key, k.wrapped_by from subject_keys s"
    " left join merchant_keys k on k.merchant_id = s.merchant_id and k.version = s.key_version"
    " where s.merchant_id = $1"
)
_FOUND = _KEY_COLUMNS + " and s.subject = $2"
_BEHIND = _KEY_COLUMNS + " and s.wrapped <> '' and s.key_version is distinct from $2 order by s.subject limit $3"
_BARE = "select exists (select from subject_keys where merchant_id = $1 and wrapped <> '' and key_version is null)"
_CURRENT = "select version, wrapped, wrapped_by from merchant_keys where merchant_id = $1 and retired_at is null"
_BEHIND_RETIRED = (
    "select exists (select from subject_keys s join merchant_keys k on k.merchant_id = s.merchant_id"
    " and k.version = s.key_version where s.merchant_id = $1 and s.wrapped <> '' and k.retired_at is not null)"
)
_LIVE = (
    "with live as (select version from merchant_keys"
    " where merchant_id = $1 and version = {version} and retired_at is null for share)"
)
_ADD = (
    _LIVE.format(version="$4") + " insert into subject_keys (merchant_id, subject, wrapped, key_version, made_at)"
    " select $1, $2, $3, live.version, $5 from live on conflict do nothing"
)
_MOVE = (
    _LIVE.format(version="$5") + " update subject_keys s set wrapped = n.fresh, key_version = live.version"
    " from live, unnest($2::text[], $3::text[], $4::text[]) as n(subject, old, fresh)"
    " where s.merchant_id = $1 and s.subject = n.subject and s.wrapped = n.old returning s.subject"
)
"""Whoever forgets a subject meanwhile wins: its key is no more the old one."""
_WIPE = (
    "update merchant_keys k set wrapped = '' where k.merchant_id = $1 and k.retired_at is not null and k.wrapped <> ''"
    " and not exists (select from subject_keys s where s.merchant_id = k.merchant_id and s.key_version = k.version"
    " and s.wrapped <> '')"
)


def _bound(merchant_id: str, version: int) -> str:
    return f"merchant/{merchant_id}/{version}"


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation came to. `is_new`: it made a key; else it finished one that was cut off."""

    merchant_id: str
    is_new: bool
    moved: int


class _OneConnection:
    """A connection in the place of a pool: whoever asks for one gets this."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy[Any]) -> None:
        self._connection = connection
        self.execute, self.fetch = connection.execute, connection.fetch
        self.fetchrow, self.fetchval = connection.fetchrow, connection.fetchval

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[Any]]:
        """The connection; it stays open."""
        yield self._connection


class Seal:
    """The keys of all subjects. Raises Busy while the database or the key service is away: nothing is lost then."""

    def __init__(
        self, pool: asyncpg.Pool[Any], kms: Kms | bytes, *, open_for_seconds: float = OPEN_FOR_SECONDS
    ) -> None:
        self._pool = pool
        self.kms: Kms = FileKeys(kms) if isinstance(kms, bytes) else kms
        self._open_for = open_for_seconds
        self._open: OrderedDict[tuple[str, int], tuple[float, bytes]] = OrderedDict()
        self._opening: dict[tuple[str, int], asyncio.Task[bytes]] = {}

    def within(self, connection: asyncpg.pool.PoolConnectionProxy[Any]) -> Seal:
        """The same seal in a transaction of this connection: keys it makes are there when that commits, or never.

        It remembers nothing of ours, and we nothing of it: what is rolled back was never opened.
        """
        return Seal(_OneConnection(connection), self.kms)

    async def of(self, merchant_id: str, subject: str, at: datetime) -> Sealed:
        """The seal of a subject; its key is made at first use. A forgotten subject gets none again."""
        found = await self._found(merchant_id, subject)
        while found is None:
            key = AESGCM.generate_key(256)
            version, merchant_key = await self._current(merchant_id, at)
            await self._execute(
                _ADD, merchant_id, subject, shut(AESGCM(merchant_key), key, f"{merchant_id}/{subject}"), version, at
            )  # adds nothing where somebody else was first, or where this version was retired meanwhile
            found = await self._found(merchant_id, subject)
        key_of = await self._subject_key(found, merchant_id, subject) if found["wrapped"] else None
        return Sealed(merchant_id, subject, key_of)

    async def _subject_key(self, row: Mapping[str, Any], merchant_id: str, subject: str) -> bytes:
        bound_to = f"{merchant_id}/{subject}"
        if row["key_version"] is None:
            return await self.kms.bare(row["wrapped"], bound_to)
        by = Wrapped(row["merchant_key"], row["wrapped_by"])
        merchant_key = await self._merchant_key(merchant_id, row["key_version"], by)
        return opened(AESGCM(merchant_key), row["wrapped"], bound_to)

    async def _merchant_key(self, merchant_id: str, version: int, wrapped: Wrapped) -> bytes:
        """A merchant's key, from memory or from what wraps it; many who ask at once ask once."""
        place = (merchant_id, version)
        known = self._open.get(place)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        self._open.pop(place, None)
        task = self._opening.get(place)
        if task is None:
            task = self._opening[place] = asyncio.create_task(self.kms.unwrap(wrapped, _bound(*place)))
            task.add_done_callback(lambda done: self._unwrapped(place, done))
        return await asyncio.shield(task)

    def _unwrapped(self, place: tuple[str, int], done: asyncio.Task[bytes]) -> None:
        self._opening.pop(place, None)
        if done.cancelled() or done.exception() is not None:
            return
        now = time.monotonic()
        while self._open and (len(self._open) >= OPEN_MAX or next(iter(self._open.values()))[0] <= now):
            self._open.popitem(last=False)
        self._open[place] = (now + self._open_for, done.result())

    async def _current(self, merchant_id: str, at: datetime) -> tuple[int, bytes]:
        """The version of a merchant's key that wraps now, made at first use."""
        with db.away():
            row = await self._pool.fetchrow(_CURRENT, merchant_id)
        if row is None:
            await self._made(merchant_id, at, after=None)
            return await self._current(merchant_id, at)
        wrapped = Wrapped(row["wrapped"], row["wrapped_by"])
        return row["version"], await self._merchant_key(merchant_id, row["version"], wrapped)

    async def _made(self, merchant_id: str, at: datetime, after: int | None) -> None:
        """Make the version after this one and retire that; nothing where somebody else has meanwhile."""
        with db.away():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("select pg_advisory_xact_lock($1)", _MAKING_LOCK)
                row = await connection.fetchrow(_CURRENT, merchant_id)
                if (row["version"] if row else None) != after:
                    return
                version = (after or 0) + 1
                wrapped = await self.kms.wrap(AESGCM.generate_key(256), _bound(merchant_id, version))
                await connection.execute(
                    "update merchant_keys set retired_at = $2 where merchant_id = $1 and retired_at is null",
                    merchant_id, at,
                )  # fmt: skip
                await connection.execute(
                    "insert into merchant_keys (merchant_id, version, wrapped, wrapped_by, made_at)"
                    " values ($1, $2, $3, $4, $5)",
                    merchant_id, version, wrapped.text, wrapped.by, at,
                )  # fmt: skip

    # --- rotation ---

    async def rotate(self, merchant_id: str, at: datetime) -> Rotated:
        """Give a merchant a new key and move all its subjects' keys under it, while others seal and open.

        A rotation that was cut off is finished, and no further key is made for it. Whoever is killed in it loses
        nothing: each step is whole, and what is not moved yet still opens.
        """
        with db.away():
            row = await self._pool.fetchrow(_CURRENT, merchant_id)
            unfinished = await self._pool.fetchval(_BEHIND_RETIRED, merchant_id)
        is_new = not unfinished
        if is_new:
            await self._made(merchant_id, at, after=row["version"] if row else None)
        return Rotated(merchant_id, is_new, await self._moved(merchant_id, at))

    async def _moved(self, merchant_id: str, at: datetime) -> int:
        """Move what the current version does not wrap under it; then wipe the retired versions."""
        version, merchant_key = await self._current(merchant_id, at)
        moved = 0
        while True:
            with db.away():
                rows = await self._pool.fetch(_BEHIND, merchant_id, version, STEP)
            if not rows:
                break
            fresh = []
            for row in rows:
                key = await self._subject_key(row, merchant_id, row["subject"])
                fresh.append(shut(AESGCM(merchant_key), key, f"{merchant_id}/{row['subject']}"))
            with db.away():
                done = await self._pool.fetch(
                    _MOVE,
                    merchant_id,
                    [row["subject"] for row in rows],
                    [row["wrapped"] for row in rows],
                    fresh,
                    version,
                )
            moved += len(done)
            if not done:  # somebody else rotates meanwhile, or forgot these
                version, merchant_key = await self._current(merchant_id, at)
        await self._execute(_WIPE, merchant_id)
        return moved

    async def rewrap(self, merchant_id: str, at: datetime) -> int:
        """Wrap a merchant's keys under the newest key-encryption key; answers how many keys were wrapped anew.

        What no merchant's key wraps yet is moved under one.
        """
        with db.away():
            bare = await self._pool.fetchval(_BARE, merchant_id)
        moved = await self._moved(merchant_id, at) if bare else 0
        newest = await self.kms.newest()
        with db.away():
            rows = await self._pool.fetch(
                "select version, wrapped, wrapped_by from merchant_keys"
                " where merchant_id = $1 and wrapped <> '' and wrapped_by <> $2 order by version",
                merchant_id, newest,
            )  # fmt: skip
        for row in rows:
            bound_to = _bound(merchant_id, row["version"])
            key = await self.kms.unwrap(Wrapped(row["wrapped"], row["wrapped_by"]), bound_to)
            fresh = await self.kms.wrap(key, bound_to)
            await self._execute(
                "update merchant_keys set wrapped = $4, wrapped_by = $5"
                " where merchant_id = $1 and version = $2 and wrapped = $3",
                merchant_id, row["version"], row["wrapped"], fresh.text, fresh.by,
            )  # fmt: skip
        return moved + len(rows)

    async def barrier(self) -> None:
        """Wait for whoever is making a merchant's key: from here on they see what wraps now."""
        with db.away():
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute("select pg_advisory_xact_lock($1)", _MAKING_LOCK)

    async def behind(self) -> int:
        """How many keys are still wrapped by anything but the newest key-encryption key."""
        return sum(await self.behind_each())

    async def behind_each(self) -> tuple[int, int]:
        """Of those: merchants' keys; and subjects' keys that no merchant's key wraps, from before there were any."""
        newest = await self.kms.newest()
        with db.away():
            row = await self._pool.fetchrow(
                "select (select count(*) from merchant_keys where wrapped <> '' and wrapped_by <> $1) as named,"
                " (select count(*) from subject_keys where wrapped <> '' and key_version is null) as bare",
                newest,
            )
        return row["named"], row["bare"]

    async def forget(self, merchant_id: str, subject: str, at: datetime, *, who: str = "", why: str = "") -> bool:
        """Make everything sealed for a subject unreadable, for good; answers whether it was readable until now."""
        return bool(await self.forget_all(merchant_id, [subject], at, who=who, why=why))

    async def forget_all(
        self, merchant_id: str, subjects: Sequence[str], at: datetime, *, who: str = "", why: str = "",
        first: First | None = None,
    ) -> list[str]:  # fmt: skip
        """Forget these subjects, all or none; answers those that were readable until now.

        `first` looks, in the same transaction, whether they may be forgotten; whatever it raises leaves them all. What
        it locks stays as it saw it until the keys are gone.
        """
        with db.away():
            async with self._pool.acquire() as connection, connection.transaction():
                if first is not None:
                    await first(connection)
                rows = await connection.fetch(
                    "update subject_keys set wrapped = '', forgotten_at = $3, forgotten_by = $4, forgotten_why = $5"
                    " where merchant_id = $1 and subject = any($2) and wrapped <> '' returning subject",
                    merchant_id, subjects, at, who, why,
                )  # fmt: skip
        return sorted(row["subject"] for row in rows)

    async def _found(self, merchant_id: str, subject: str) -> Mapping[str, Any] | None:
        with db.away():
            found: Mapping[str, Any] | None = await self._pool.fetchrow(_FOUND, merchant_id, subject)
        return found

    async def _execute(self, sql: str, *values: object) -> None:
        with db.away():
            await self._pool.execute(sql, *values)
