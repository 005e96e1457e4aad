"""Who asks: the API key of a call, whom it acts for, and what a till signed.

A key that was good is remembered together with the epoch it was read in (`merchants.key_epoch`), which any change of
keys or people moves on. The epoch is read anew every half second at most, by one call for all: so a key that was
revoked ends within a second, in every process, whatever became of them meanwhile.

A key of a till is not enough: each of its calls is signed by the till (`signatures.py`), and each signature counts once
(`machines.store.Nonces`: rows, so in every process and after every restart).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import datetime
from time import monotonic

import structlog

from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind, is_id
from yuanlu.machines.rules import public_key_of
from yuanlu.machines.store import Nonces, used
from yuanlu.merchants.store import ApiKey, key_by_secret, key_epoch
from yuanlu.web.parts import signatures
from yuanlu.web.parts.office import Office
from yuanlu.web.parts.signatures import Message, Signed

EPOCH_SECONDS = 0.5
KEPT_MAX = 4096
USED_SECONDS = 60.0
"""How often it is written down at most that a key was used."""
WRITE_AFTER_SECONDS = 2.0

log = structlog.get_logger(__name__)


class Doorkeeper:
    """Knows the keys that were good in this epoch."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._good: OrderedDict[str, tuple[ApiKey, int]] = OrderedDict()
        self._epoch = 0
        self._read_at = -EPOCH_SECONDS
        self._reading = asyncio.Lock()
        self._nonces = Nonces(office.pools.recorder)
        self._uses = _Uses(office)

    async def who(self, authorization: str) -> ApiKey:
        """Whose key this is.

        Shape: the header as it came, `Bearer yk_…`. Raises Denied: auth.key_missing, auth.key_invalid.
        """
        scheme, _, text = authorization.partition(" ")
        if not text.strip() or scheme.lower() != "bearer":
            raise Denied("auth.key_missing")
        epoch = self._epoch if monotonic() - self._read_at < EPOCH_SECONDS else await self._epoch_now()
        known = self._good.get(authorization)
        now = self._office.clock.now()
        if known is not None and known[1] == epoch and known[0].counts(now):
            self._uses.note(known[0], now)
            return known[0]
        key = await self._office.desk.see(key_by_secret(text)) if _is_key(text) else None
        if key is None or not key.counts(self._office.clock.now()):
            self._good.pop(authorization, None)
            raise Denied("auth.key_invalid")
        self._good[authorization] = (key, epoch)
        self._good.move_to_end(authorization)
        if len(self._good) > KEPT_MAX:
            self._good.popitem(last=False)
        self._uses.note(key, now)
        return key

    def signed(self, key: ApiKey, message: Message) -> Signed | None:
        """What the till of this key signed; None: it is no till's key.

        Raises Denied: see `signatures.verified`.
        """
        if not key.till_id:
            return None
        return signatures.verified(message, key.id, public_key_of(key.public_key), self._office.clock.now())

    async def admit(self, key: ApiKey, signed: Signed | None, body: bytes) -> None:
        """Let a call in that was signed, with the body that it turned out to have; never a second time.

        Raises Denied: signature.body, signature.covers, signature.replayed.
        """
        if signed is None:
            return
        signatures.demand_body(signed, body)
        if not await self._nonces.is_new(key.merchant_id, key.id, signed.nonce, signed.created):
            raise Denied("signature.replayed")

    async def _epoch_now(self) -> int:
        async with self._reading:
            began = monotonic()
            if began - self._read_at >= EPOCH_SECONDS:
                self._epoch = await self._office.desk.see(key_epoch())
                self._read_at = began  # what it tells was true when we asked, not when we heard
            return self._epoch


class _Uses:
    """When keys were last used: noted at once, written together and later, so that no call waits for it."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._noted: dict[str, float] = {}
        self._unwritten: dict[tuple[str, str], datetime] = {}
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, key: ApiKey, at: datetime) -> None:
        """This key was used."""
        now = monotonic()
        if now - self._noted.get(key.id, -USED_SECONDS) < USED_SECONDS:
            return
        if len(self._noted) >= KEPT_MAX:
            self._noted.clear()
        self._noted[key.id] = now
        self._unwritten[key.merchant_id, key.id] = at
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(WRITE_AFTER_SECONDS, self._start)

    def _start(self) -> None:
        self._due = None
        self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        uses, self._unwritten = self._unwritten, {}
        try:
            await used(self._office.pools.recorder, uses)
        except Busy:
            log.warning("keys.uses_unwritten", keys=len(uses))  # the next use in a minute writes it


def _is_key(text: str) -> bool:
    """Whether it looks like a key at all: what does not is not worth a read."""
    head, _, rest = text.partition("_")
    return head == "yk" and len(text) < 128 and text.isascii() and is_id(rest.partition("_")[0], Kind.KEY)
