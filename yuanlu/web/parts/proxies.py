"""Who calls: the peer of a connection, or whom a proxy of ours names. Pure.

`X-Forwarded-For` and `X-Forwarded-Proto` are what anybody may write. They count only where the peer is a proxy that the
operator listed; the list is read from the right, and the first address that is no proxy of ours is the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yuanlu.errors import Denied

Network = IPv4Network | IPv6Network
HOPS_MAX = 16


def read(text: str) -> tuple[Network, ...]:
    """The proxies of a setting: addresses and networks, separated by commas.

    Raises Denied: settings.invalid.
    """
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        wants = "addresses and networks with commas between, such as 10.0.0.7,10.1.0.0/16"
        raise Denied("settings.invalid", name="YUANLU_TRUSTED_PROXIES", wants=wants) from None


def caller(peer: str, headers: Iterable[tuple[bytes, bytes]], proxies: Sequence[Network]) -> tuple[str, bool]:
    """The address that calls, and whether it says so over TLS to a proxy of ours.

    Shape: `headers` as they came, each name as often as it came. Law: a peer that is not listed is the caller, whatever
    it writes.
    """
    if not proxies or not is_listed(peer, proxies):
        return peer, False
    pairs = list(headers)
    forwarded = b",".join(value for name, value in pairs if name == b"x-forwarded-for")
    schemes = [value for name, value in pairs if name == b"x-forwarded-proto"]
    said = schemes[-1].rpartition(b",")[2].strip().lower() if schemes else b""  # the last word is our own proxy's
    return _last_stranger(peer, forwarded, proxies), said == b"https"


def _last_stranger(peer: str, forwarded: bytes, proxies: Sequence[Network]) -> str:
    found = peer
    for part in reversed(forwarded.split(b",")[-HOPS_MAX:]):
        address = _address(part.strip().decode("latin-1"))
        if address is None:
            return found  # what stands left of nonsense is nobody's word
        found = str(address)
        if not is_listed(found, proxies):
            return found
    return found


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address, perhaps in brackets, perhaps with a port."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_listed(address: str, proxies: Sequence[Network]) -> bool:
    """Whether this address is a proxy of ours."""
    found = _address(address)
    return found is not None and any(found in each for each in proxies if each.version == found.version)


@lru_cache(maxsize=4096)
def household(address: str) -> str:
    """Whose an address is, as limits count: one of IPv4, or a network of IPv6 as it is given to one customer (/64)."""
    found = _address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        return str(IPv6Network((int(found) >> 64 << 64, 64)))
    return address if found is None else str(found)
