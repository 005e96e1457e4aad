"""Who asks: the API key of a call, and whom it acts for.

A key that was good is remembered together with the epoch it was read in (`merchants.key_epoch`), which any change of
keys or people moves on. The epoch is read anew every half second at most, by one call for all: so a key that was
revoked ends within a second, in every process, whatever became of them meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from time import monotonic

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.merchants.store import ApiKey, key_by_secret, key_epoch
from yuanlu.web.parts.office import Office

EPOCH_SECONDS = 0.5
KEPT_MAX = 4096


class Doorkeeper:
    """Knows the keys that were good in this epoch."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._good: OrderedDict[str, tuple[ApiKey, int]] = OrderedDict()
        self._epoch = 0
        self._read_at = -EPOCH_SECONDS
        self._reading = asyncio.Lock()

    async def who(self, authorization: str) -> ApiKey:
        """Whose key this is.

        Shape: the header as it came, `Bearer yk_…`. Raises Denied: auth.key_missing, auth.key_invalid.
        """
        scheme, _, text = authorization.partition(" ")
        if not text.strip() or scheme.lower() != "bearer":
            raise Denied("auth.key_missing")
        epoch = self._epoch if monotonic() - self._read_at < EPOCH_SECONDS else await self._epoch_now()
        known = self._good.get(authorization)
        if known is not None and known[1] == epoch and known[0].counts(self._office.clock.now()):
            return known[0]
        key = await self._office.desk.see(key_by_secret(text)) if _is_key(text) else None
        if key is None or not key.counts(self._office.clock.now()):
            self._good.pop(authorization, None)
            raise Denied("auth.key_invalid")
        self._good[authorization] = (key, epoch)
        self._good.move_to_end(authorization)
        if len(self._good) > KEPT_MAX:
            self._good.popitem(last=False)
        return key

    async def _epoch_now(self) -> int:
        async with self._reading:
            began = monotonic()
            if began - self._read_at >= EPOCH_SECONDS:
                self._epoch = await self._office.desk.see(key_epoch())
                self._read_at = began  # what it tells was true when we asked, not when we heard
            return self._epoch


def _is_key(text: str) -> bool:
    """Whether it looks like a key at all: what does not is not worth a read."""
    head, _, rest = text.partition("_")
    return head == "yk" and len(text) < 128 and text.isascii() and is_id(rest.partition("_")[0], Kind.KEY)
