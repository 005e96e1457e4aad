"""How often somebody may call, and how many calls of theirs are served at once.

A bucket a name: it holds the calls of one minute, and fills evenly. What is kept of it is one number, the moment at
which it will be full again, so a look costs a microsecond (docs/reference/door.md has the figures). Buckets belong to a
process: with several, everybody has as many times the rate. They keep one caller from starving the others; what money
may move, and how many tries a password has, is decided elsewhere, in the database.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.merchants.store import ApiKey
from yuanlu.web.parts import proxies

WINDOW_SECONDS = 60.0
KEPT_MAX = 65_536
"""Buckets that are kept. A flood of new names empties none that is in use before the oldest half."""
ADDRESS_SHARE, KEY_SHARE = 2, 4
"""One address holds at most half of all calls at once, one key a quarter."""
COME_AGAIN_SECONDS = 2
VOUCHERS_A_MINUTE, VOUCHERS_OF_ONE = 12, 6
"""Vouchers that are drawn for one address and of one payment: each takes seconds of a processor."""

OWN_RATE: Mapping[str, str] = {
    "/v1/sessions": "rate_signin",
    "/v1/invitations": "rate_signin",
    "/v1/passkeys": "rate_signin",
    "/v1/enrolments": "rate_signin",
    "/console/enter": "rate_signin",
    "/accept": "rate_signin",
    "/healthz": "rate_address",
    "/readyz": "rate_address",
    "/metrics": "rate_address",
}
"""Beginnings of paths (two parts at most) that have a bucket of their own for each address, and the setting of its
rate. All others share the address's bucket; callbacks have theirs (`call_back`)."""
CALLBACKS = "/callbacks"


class Buckets:
    """Buckets by name. `now` is a clock in seconds that never goes back."""

    def __init__(self, now: Callable[[], float] = monotonic, kept_max: int = KEPT_MAX) -> None:
        self._now = now
        self._kept_max = kept_max
        self._full_at: dict[tuple[str, ...], float] = {}

    def take(self, name: tuple[str, ...], a_minute: int) -> float:
        """Take one call out of a bucket; answers 0, or the seconds until there is one.

        Shape: `a_minute` 0 is no limit. Law: who is told to wait loses nothing by asking.
        """
        if a_minute <= 0:
            return 0.0
        now = self._now()
        each = WINDOW_SECONDS / a_minute
        full_at = max(self._full_at.get(name, now), now) + each
        late = full_at - now - WINDOW_SECONDS
        if late > 1e-9:
            return late
        self._full_at[name] = full_at
        if len(self._full_at) > self._kept_max:
            self._tidy(now)
        return 0.0

    def _tidy(self, now: float) -> None:
        """Forget the full ones; if that is not half, the oldest too: whoever makes up names pays the memory of few."""
        left = [(name, full_at) for name, full_at in self._full_at.items() if full_at > now]
        self._full_at = dict(left[-(self._kept_max // 2) :])

    def __len__(self) -> int:
        return len(self._full_at)


class Limits:
    """The limits of one process."""

    def __init__(self, settings: Settings, calls_max: int, now: Callable[[], float] = monotonic) -> None:
        self._rates: dict[str, int] = {
            name: getattr(settings, name)
            for name in (
                "rate_address",
                "rate_signin",
                "rate_callback",
                "rate_receipt",
                "rate_key",
                "rate_person",
                "rate_device",
            )
        }
        self._object_rate = settings.rate_object
        self._buckets = Buckets(now)
        self._calls_max = calls_max
        self._held: Counter[tuple[str, str]] = Counter()

    def enter(self, state: dict[str, Any], address: str, path: str) -> None:
        """Let a call of an address in, before anything else is known of it. `leave` gives its place back.

        Raises Denied: request.too_many.
        """
        house = proxies.household(address)
        parts = [part for part in path.split("/") if part][:2]  # as the router reads it: `//v1//x/` is /v1/x
        beginning = "/" + "/".join(parts)
        state["house"] = house
        if beginning in OWN_RATE:
            self._demand(("path", beginning, house), self._rates[OWN_RATE[beginning]], "address")
        elif beginning.startswith(CALLBACKS):
            self._demand(("callbacks", house), self._rates["rate_callback"] * 10, "address")
        else:
            self._demand(("address", house), self._rates["rate_address"], "address")
        self._hold(state, ("address", house), self._calls_max // ADDRESS_SHARE)

    def call_back(self, state: dict[str, Any], channel: str, merchant_id: str) -> None:
        """Let a provider's call in. Providers come from few addresses for all merchants: each merchant has a bucket.

        Raises Denied: request.too_many.
        """
        self._demand(("callback", state["house"], channel, merchant_id), self._rates["rate_callback"], "address")

    def look(self, state: dict[str, Any]) -> None:
        """Let somebody open the page of a receipt. Their tries at tokens have a bucket of their own.

        Raises Denied: request.too_many.
        """
        self._demand(("receipt", state["house"]), self._rates["rate_receipt"], "address")

    def draw(self, state: dict[str, Any], payment_id: str) -> None:
        """Let somebody have the voucher of a payment drawn.

        Raises Denied: request.too_many.
        """
        self._demand(("voucher", payment_id), VOUCHERS_OF_ONE, "object")
        self._demand(("vouchers", state["house"]), VOUCHERS_A_MINUTE, "address")

    def act(self, state: dict[str, Any], key: ApiKey, place: Mapping[str, str]) -> None:
        """Let whoever shows this key act on what the path names.

        Raises Denied: request.too_many.
        """
        rates = self._rates
        self._demand(("key", key.id), rates["rate_key"], "key")
        if key.role != "machine":
            self._demand(("person", key.merchant_id, key.actor), rates["rate_person"], "person")
        for kind, object_id in place.items():
            self._demand(("object", key.merchant_id, kind, object_id[:64]), self._object_rate, "object")
        self._hold(state, ("key", key.id), self._calls_max // KEY_SHARE)

    def use(self, key: ApiKey, device: str) -> None:
        """Let a till be used. None: the call is of no till.

        Raises Denied: request.too_many.
        """
        if device:
            self._demand(("device", key.merchant_id, device), self._rates["rate_device"], "device")

    def leave(self, state: dict[str, Any]) -> None:
        """A call is over: its places are free."""
        for name in state.pop("held", ()):
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]

    def _demand(self, name: tuple[str, ...], a_minute: int, of: str) -> None:
        wait = self._buckets.take(name, a_minute)
        if wait:
            raise Denied("request.too_many", seconds=math.ceil(wait), of=of)

    def _hold(self, state: dict[str, Any], name: tuple[str, str], most: int) -> None:
        if self._held[name] >= max(1, most):
            raise Denied("request.too_many", seconds=COME_AGAIN_SECONDS, of=name[0])
        self._held[name] += 1
        state.setdefault("held", []).append(name)
