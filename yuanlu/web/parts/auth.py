"""Who asks: the API key of a call, and whom it acts for."""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.merchants.store import ApiKey, key_by_secret
from yuanlu.web.parts.office import Office

GOOD_FOR_SECONDS = 5.0
"""How long a key that was good counts without asking again: a revoked key ends within this."""
KEPT_MAX = 1024


class Doorkeeper:
    """Knows the keys that were good a moment ago."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._good: OrderedDict[str, tuple[ApiKey, float]] = OrderedDict()

    async def who(self, authorization: str) -> ApiKey:
        """Whose key this is.

        Shape: the header as it came, `Bearer yk_…`. Raises Denied: auth.key_missing, auth.key_invalid.
        """
        known = self._good.get(authorization)
        now = monotonic()
        if known is not None and now < known[1] and known[0].counts(self._office.clock.now()):
            return known[0]
        scheme, _, text = authorization.partition(" ")
        if not text.strip() or scheme.lower() != "bearer":
            raise Denied("auth.key_missing")
        key = await self._office.desk.see(key_by_secret(text)) if _is_key(text) else None
        if key is None or not key.counts(self._office.clock.now()):
            self._good.pop(authorization, None)
            raise Denied("auth.key_invalid")
        self._good[authorization] = (key, now + GOOD_FOR_SECONDS)
        self._good.move_to_end(authorization)
        if len(self._good) > KEPT_MAX:
            self._good.popitem(last=False)
        return key


def _is_key(text: str) -> bool:
    """Whether it looks like a key at all: what does not is not worth a read."""
    head, _, rest = text.partition("_")
    return head == "yk" and len(text) < 128 and text.isascii() and is_id(rest.partition("_")[0], Kind.KEY)
