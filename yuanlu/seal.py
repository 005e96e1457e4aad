"""Personal text, sealed: AES-GCM under a key of its subject, which is wrapped by a key from a file.

A subject is whom or what the text belongs to: a case, a member of staff, a complaint. Forgetting a subject is deleting
its key: sealed text may then stand in append-only tables and backups, nobody reads it again. Digests and books stay.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from yuanlu import db
from yuanlu.errors import Broken, Denied

First = Callable[[Any], Awaitable[None]]
"""Looks whether subjects may be forgotten, in the transaction that forgets them; raises Denied where not."""

_MARK = "s1."
_NONCE = 12
_TAG = 16


def _shut(key: bytes, text: bytes, bound_to: str) -> str:
    nonce = os.urandom(_NONCE)
    return _MARK + urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, bound_to.encode())).decode()


def _shut_bytes(key: bytes, content: bytes, bound_to: str) -> bytes:
    nonce = os.urandom(_NONCE)
    return _MARK.encode() + nonce + AESGCM(key).encrypt(nonce, content, bound_to.encode())


def _opened_bytes(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    mark = len(_MARK)
    if sealed[:mark] != _MARK.encode() or len(sealed) < mark + _NONCE + _TAG:
        raise Broken("this is no sealed content")
    raw = memoryview(sealed)[mark:]
    try:
        return AESGCM(key).decrypt(bytes(raw[:_NONCE]), raw[_NONCE:], bound_to.encode())
    except InvalidTag:
        raise Broken("sealed content does not open: another key, another subject, or it was changed") from None


def _opened(key: bytes, sealed: str, bound_to: str) -> bytes:
    if not sealed.startswith(_MARK):
        raise Broken("this is no sealed text")
    raw = urlsafe_b64decode(sealed.removeprefix(_MARK))
    try:
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], bound_to.encode())
    except InvalidTag:
        raise Broken("sealed text does not open: another key, another subject, or it was changed") from None


@dataclass(frozen=True, slots=True)
class Sealed:
    """What seals and opens the text of one subject. Pure: a rule may be handed one."""

    merchant_id: str
    subject: str
    key: bytes | None = field(repr=False)

    @property
    def _bound_to(self) -> str:
        return f"{self.merchant_id}/{self.subject}"

    def seal(self, text: str) -> str:
        """Seal a text. Shape: `s1.` and base64; the same text gives another one each time.

        Raises Denied: seal.forgotten.
        """
        if self.key is None:
            raise Denied("seal.forgotten", subject=self.subject)
        return _shut(self.key, text.encode(), self._bound_to)

    def open(self, sealed: str) -> str:
        """Read what was sealed for this subject.

        Raises Denied: seal.forgotten; Broken when it was sealed for another, or changed.
        """
        if self.key is None:
            raise Denied("seal.forgotten", subject=self.subject)
        return _opened(self.key, sealed, self._bound_to).decode()

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
        if self.key is None:
            raise Denied("seal.forgotten", subject=self.subject)
        return _shut_bytes(self.key, content, f"{self._bound_to}/{name}")

    def open_bytes(self, sealed: bytes, name: str) -> bytes:
        """The content that was sealed under this name.

        Raises Denied: seal.forgotten; Broken when it was sealed otherwise, or changed.
        """
        if self.key is None:
            raise Denied("seal.forgotten", subject=self.subject)
        return _opened_bytes(self.key, sealed, f"{self._bound_to}/{name}")


class Seal:
    """The keys of all subjects. The master key never leaves this object. Raises Busy while the database is away."""

    def __init__(self, pool: asyncpg.Pool[Any], master: bytes) -> None:
        self._pool = pool
        self._master = master[:32]

    async def of(self, merchant_id: str, subject: str, at: datetime) -> Sealed:
        """The seal of a subject; its key is made at first use. A forgotten subject gets none again."""
        found = await self._found(merchant_id, subject)
        if found is None:
            fresh = _shut(self._master, AESGCM.generate_key(256), f"{merchant_id}/{subject}")
            await self._execute(
                "insert into subject_keys (merchant_id, subject, wrapped, made_at) values ($1, $2, $3, $4)"
                " on conflict do nothing",
                merchant_id, subject, fresh, at,
            )  # fmt: skip
            found = await self._found(merchant_id, subject)
        assert found is not None
        wrapped = found or None
        key = _opened(self._master, wrapped, f"{merchant_id}/{subject}") if wrapped else None
        return Sealed(merchant_id, subject, key)

    async def keep_until(self, merchant_id: str, subject: str, purpose: str, until: datetime) -> None:
        """Say what a subject's text is kept for, and until when: then the sweep forgets it."""
        await self._execute(
            "update subject_keys set purpose = $3, keep_until = $4 where merchant_id = $1 and subject = $2",
            merchant_id, subject, purpose, until,
        )  # fmt: skip

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

    async def _found(self, merchant_id: str, subject: str) -> str | None:
        with db.away():
            found: str | None = await self._pool.fetchval(
                "select wrapped from subject_keys where merchant_id = $1 and subject = $2", merchant_id, subject
            )
        return found

    async def _execute(self, sql: str, *values: object) -> None:
        with db.away():
            await self._pool.execute(sql, *values)
