"""Who asks: the API key of a call, or the session of somebody who signed in, whom it acts for, and what a till signed.

A key that was good is remembered together with the epoch it was read in (`merchants.key_epoch`), which any change of
keys or people moves on. The epoch is read anew every half second at most, by one call for all: so a key that was
revoked ends within a second, in every process, whatever became of them meanwhile. So does a session that was ended;
one that is in use is written down as seen once a minute, and one that is not ends by its time.

A key of a till is not enough: each of its calls is signed by the till (`signatures.py`), and each signature counts once
(`machines.store.Nonces`: rows, so in every process and after every restart).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import structlog

from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind, is_id
from yuanlu.machines.rules import public_key_of
from yuanlu.machines.store import Nonces, used
from yuanlu.merchants.store import ApiKey, key_by_secret, key_epoch
from yuanlu.people.signin import SEEN_EVERY, is_secret
from yuanlu.people.signing import seen_again
from yuanlu.people.signing_store import Way, session_key
from yuanlu.web.parts import signatures
from yuanlu.web.parts.office import Office
from yuanlu.web.parts.signatures import Message, Signed

EPOCH_SECONDS = 0.5
KEPT_MAX = 4096
USED_SECONDS = 60.0
"""How often it is written down at most that a key was used."""
WRITE_AFTER_SECONDS = 2.0

log = structlog.get_logger(__name__)
_ALWAYS = datetime.max.replace(tzinfo=UTC)


def csrf_key(office: Office) -> bytes:
    """The key of the tokens that our own pages send with a cookie."""
    return office.desk.mark("csrf").encode()


@dataclass(frozen=True, slots=True)
class Glance:
    """Whose session it was, in which epoch."""

    key: ApiKey
    epoch: int


class Doorkeeper:
    """Knows the keys that were good in this epoch."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._good: OrderedDict[str, tuple[ApiKey, int, datetime]] = OrderedDict()
        self._epoch = 0
        self._read_at = -EPOCH_SECONDS
        self._reading = asyncio.Lock()
        self._nonces = Nonces(office.pools.recorder)
        self._uses = _Uses(office)
        self.csrf_key = csrf_key(office)

    async def who(self, authorization: str) -> ApiKey:
        """Whose key this is.

        Shape: the header as it came, `Bearer yk_…`, or `ys_…` of a session.
        Raises Denied: auth.key_missing, auth.key_invalid.
        """
        scheme, _, text = authorization.partition(" ")
        if not text.strip() or scheme.lower() != "bearer":
            raise Denied("auth.key_missing")
        epoch = await self._epoch_of_now()
        known = self._good.get(authorization)
        now = self._office.clock.now()
        if known is not None and known[1] == epoch and now < known[2]:
            self._uses.note(known[0], now)
            return known[0]
        key = await self._key(text)
        if key is None or not key.counts(self._office.clock.now()):
            self._good.pop(authorization, None)
            raise Denied("auth.key_invalid")
        self._good[authorization] = (key, epoch, self._good_until(key))
        self._good.move_to_end(authorization)
        if len(self._good) > KEPT_MAX:
            self._good.popitem(last=False)
        self._uses.note(key, now)
        return key

    async def glance(self, authorization: str, before: Glance | None = None) -> Glance:
        """Whose session this is, without that counting as use of it: what a page does by itself keeps nobody signed in.

        `before`: what a glance told a moment ago. While nothing changed, nothing is read.
        Raises Denied: auth.key_missing, auth.key_invalid.
        """
        epoch, now = await self._epoch_of_now(), self._office.clock.now()
        if before is not None and before.epoch == epoch and before.key.counts(now):
            return before
        _, _, text = authorization.partition(" ")
        if not text:
            raise Denied("auth.key_missing")
        way = await self._way(text) if _is_ours(text, "ys", Kind.SESSION) else None
        if way is None:
            raise Denied("auth.key_invalid")
        return Glance(way.key, epoch)

    def signed(self, key: ApiKey, message: Message) -> Signed | None:
        """What the till of this key signed; None: it is no till's key.

        Raises Denied: see `signatures.verified`.
        """
        if not key.till_id:
            return None
        return signatures.verified(
            message, key.signed_by or key.id, public_key_of(key.public_key), self._office.clock.now()
        )

    async def admit(self, key: ApiKey, signed: Signed | None, body: bytes) -> None:
        """Let a call in that was signed, with the body that it turned out to have; never a second time.

        Raises Denied: signature.body, signature.covers, signature.replayed.
        """
        if signed is None:
            return
        signatures.demand_body(signed, body)
        if not await self._nonces.is_new(key.merchant_id, key.signed_by or key.id, signed.nonce, signed.created):
            raise Denied("signature.replayed")

    def _good_until(self, key: ApiKey) -> datetime:
        """Until when it need not be read again: a session is, each minute, to write down that it is in use."""
        until = key.until or _ALWAYS
        return min(until, self._office.clock.now() + SEEN_EVERY) if is_id(key.id, Kind.SESSION) else until

    async def _key(self, text: str) -> ApiKey | None:
        if _is_ours(text, "yk", Kind.KEY):
            return await self._office.desk.see(key_by_secret(text))
        if not _is_ours(text, "ys", Kind.SESSION):
            return None
        way = await self._way(text)
        if way is None:
            return None
        if self._office.clock.now() - way.seen_at >= SEEN_EVERY:
            await seen_again(self._office.desk, way.key.merchant_id, way.key.id)
            way = await self._office.desk.see(session_key(way.key.id))
            if way is None:
                return None
        return way.key

    async def _way(self, text: str) -> Way | None:
        """The session of this token, while it counts."""
        session_id, _, secret = text.removeprefix("ys_").partition("_")
        way = await self._office.desk.see(session_key(session_id))
        is_theirs = way is not None and is_secret(way.digest, secret)
        return way if way is not None and is_theirs and way.key.counts(self._office.clock.now()) else None

    async def _epoch_of_now(self) -> int:
        return self._epoch if monotonic() - self._read_at < EPOCH_SECONDS else await self._epoch_now()

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
        """This key was used. Of a session its own row tells when it was seen."""
        if is_id(key.id, Kind.SESSION):
            return
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


def _is_ours(text: str, head: str, kind: Kind) -> bool:
    """Whether it looks like a key, or a session, at all: what does not is not worth a read."""
    start, _, rest = text.partition("_")
    return start == head and len(text) < 128 and text.isascii() and is_id(rest.partition("_")[0], kind)
