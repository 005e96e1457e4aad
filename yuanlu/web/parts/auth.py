"""Who asks: the API key of a call, or the session of somebody who signed in, and whom it acts for.

A key that was good is remembered together with the epoch it was read in (`merchants.key_epoch`), which any change of
keys or people moves on. The epoch is read anew every half second at most, by one call for all: so a key that was
revoked ends within a second, in every process, whatever became of them meanwhile. So does a session that was ended;
one that is in use is written down as seen once a minute, and one that is not ends by its time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import UTC, datetime
from time import monotonic

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.merchants.store import ApiKey, key_by_secret, key_epoch
from yuanlu.people.signin import SEEN_EVERY, is_secret
from yuanlu.people.signing import seen_again
from yuanlu.people.signing_store import session_key
from yuanlu.web.parts.office import Office

EPOCH_SECONDS = 0.5
KEPT_MAX = 4096
_ALWAYS = datetime.max.replace(tzinfo=UTC)


class Doorkeeper:
    """Knows the keys that were good in this epoch."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._good: OrderedDict[str, tuple[ApiKey, int, datetime]] = OrderedDict()
        self._epoch = 0
        self._read_at = -EPOCH_SECONDS
        self._reading = asyncio.Lock()

    async def who(self, authorization: str) -> ApiKey:
        """Whose key this is.

        Shape: the header as it came, `Bearer yk_…`, or `ys_…` of a session.
        Raises Denied: auth.key_missing, auth.key_invalid.
        """
        scheme, _, text = authorization.partition(" ")
        if not text.strip() or scheme.lower() != "bearer":
            raise Denied("auth.key_missing")
        epoch = self._epoch if monotonic() - self._read_at < EPOCH_SECONDS else await self._epoch_now()
        known = self._good.get(authorization)
        if known is not None and known[1] == epoch and self._office.clock.now() < known[2]:
            return known[0]
        key = await self._key(text)
        if key is None or not key.counts(self._office.clock.now()):
            self._good.pop(authorization, None)
            raise Denied("auth.key_invalid")
        self._good[authorization] = (key, epoch, self._good_until(key))
        self._good.move_to_end(authorization)
        if len(self._good) > KEPT_MAX:
            self._good.popitem(last=False)
        return key

    def _good_until(self, key: ApiKey) -> datetime:
        """Until when it need not be read again: a session is, each minute, to write down that it is in use."""
        until = key.until or _ALWAYS
        return min(until, self._office.clock.now() + SEEN_EVERY) if is_id(key.id, Kind.SESSION) else until

    async def _key(self, text: str) -> ApiKey | None:
        if _is_ours(text, "yk", Kind.KEY):
            return await self._office.desk.see(key_by_secret(text))
        if not _is_ours(text, "ys", Kind.SESSION):
            return None
        session_id, _, secret = text.removeprefix("ys_").partition("_")
        way = await self._office.desk.see(session_key(session_id))
        now = self._office.clock.now()
        if way is None or not is_secret(way.digest, secret) or not way.key.counts(now):
            return None
        if now - way.seen_at >= SEEN_EVERY:
            await seen_again(self._office.desk, way.key.merchant_id, session_id)
            way = await self._office.desk.see(session_key(session_id))
            if way is None:
                return None
        return way.key

    async def _epoch_now(self) -> int:
        async with self._reading:
            began = monotonic()
            if began - self._read_at >= EPOCH_SECONDS:
                self._epoch = await self._office.desk.see(key_epoch())
                self._read_at = began  # what it tells was true when we asked, not when we heard
            return self._epoch


def _is_ours(text: str, head: str, kind: Kind) -> bool:
    """Whether it looks like a key, or a session, at all: what does not is not worth a read."""
    start, _, rest = text.partition("_")
    return start == head and len(text) < 128 and text.isascii() and is_id(rest.partition("_")[0], kind)
