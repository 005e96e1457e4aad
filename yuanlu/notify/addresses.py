"""Where a letter may go. Pure: what is refused, and what may be shown of an address.

A merchant names the URLs, and we call them from inside: so nothing may lead to this machine or to the networks around
it, neither by its name, nor by what the name resolves to at the moment of calling (`Post` asks `is_outside` for each).
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from yuanlu.errors import Denied
from yuanlu.letters import Way

URL_MAX = 2000
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_PHONE = re.compile(r"\+?[0-9]{6,15}")
_SCHEME = re.compile(r"([a-z]+)://[!-~]+")
_TRANSLATED = IPv6Network("64:ff9b::/96")
_ROUTED = IPv6Network("2000::/3")
"""All that is given out of IPv6. What Python calls global is more: old site-local networks among them."""
_NOT_ROUTED = tuple(
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
"""Networks for protocols, documents and translation, which some sites route to themselves. Source: IANA, IPv4 and IPv6
special-purpose address registries."""
_ISATAP = (0x00005EFE, 0x02005EFE)
"""An interface identifier that carries an IPv4 address (RFC 5214, section 6.1)."""
HOSTED = ("wecombot", "dingtalk", "feishu", "lark")
"""What Apprise may reach: services whose hosts it knows itself, so that no address of a caller's is called."""


def is_outside(address: str, *, loopback: bool = False) -> bool:
    """Whether an IP address lies outside: not on this machine, not in a network around it.

    Shape: `loopback` lets this machine itself count as outside, for tests and demos. An IPv6 address that carries an
    IPv4 address (mapped, translated, ISATAP) is no better than the one it carries; 6to4 and Teredo are never outside.
    """
    ip = ip_address(address.partition("%")[0])
    carried = _carried(ip)
    if any(not is_outside(str(each), loopback=loopback) for each in carried):
        return False
    if isinstance(ip, IPv6Address) and (ip.ipv4_mapped or ip in _TRANSLATED):
        return True
    if loopback and ip.is_loopback:
        return True
    if any(ip in each for each in _NOT_ROUTED if each.version == ip.version):
        return False
    if isinstance(ip, IPv6Address) and ip not in _ROUTED:
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback)


def _carried(ip: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    if isinstance(ip, IPv4Address):
        return ()
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _TRANSLATED:
        found.append(IPv4Address(ip.packed[12:]))
    if int(ip) >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(ip.packed[12:]))
    return tuple(each for each in found if each is not None)


def url_checked(url: str, *, loopback: bool = False) -> str:
    """A URL that we may call: https to the outside, by name or by address.

    Shape: with `loopback`, http to an address of this machine too. Names are resolved when they are called.
    Raises Denied: hook.url_invalid, hook.url_inside.
    """
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Denied("hook.url_invalid", because="characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Denied("hook.url_invalid", because="unreadable") from None
    if not host or parts.username is not None or parts.password is not None or port == 0 or parts.fragment:
        raise Denied("hook.url_invalid", because="parts")
    ip = _as_ip(host)
    here = loopback and ip is not None and ip.is_loopback
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise Denied("hook.url_invalid", because="https_only")
    if ip is not None and not is_outside(str(ip), loopback=loopback):
        raise Denied("hook.url_inside")
    if ip is None and (host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or _is_number(host)):
        raise Denied("hook.url_inside")
    return url


def _as_ip(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _is_number(host: str) -> bool:
    """`2130706433`, `0x7f.1`, `127.1`: some resolvers read an address in these."""
    return re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", host) is not None


def email_checked(address: str) -> str:
    """One plain e-mail address: no name, no list, nothing a header could be broken with.

    Raises Denied: hook.email_invalid.
    """
    if len(address) > 254 or not _EMAIL.fullmatch(address) or ".." in address or address.startswith("."):
        raise Denied("hook.email_invalid")
    return address


def phone_checked(number: str) -> str:
    """A telephone number in digits, perhaps with a country's +.

    Raises Denied: hook.phone_invalid.
    """
    if not _PHONE.fullmatch(number):
        raise Denied("hook.phone_invalid")
    return number


def apprise_checked(url: str, *, loopback: bool = False) -> str:
    """An Apprise URL whose scheme we let through; whether Apprise itself understands it, `Post` says.

    Raises Denied: hook.apprise_invalid.
    """
    found = _SCHEME.fullmatch(url)
    known = (*HOSTED, "json") if loopback else HOSTED
    if len(url) > URL_MAX or found is None or found[1] not in known:
        raise Denied("hook.apprise_invalid", known=list(HOSTED))
    if found[1] == "json":
        host = urlsplit(url).hostname or ""
        ip = _as_ip(host)
        if ip is None or not ip.is_loopback:
            raise Denied("hook.apprise_invalid", known=list(HOSTED))
    return url


def checked(way: Way, target: str, *, loopback: bool = False) -> str:
    """The address, if a letter may go there by this way.

    Raises Denied: hook.url_invalid, hook.url_inside, hook.email_invalid, hook.phone_invalid, hook.apprise_invalid.
    """
    match way:
        case Way.WEBHOOK | Way.GATEWAY:
            return url_checked(target, loopback=loopback)
        case Way.EMAIL:
            return email_checked(target)
        case Way.SMS:
            return phone_checked(target)
        case Way.APPRISE:
            return apprise_checked(target, loopback=loopback)


def shown(way: Way, target: str) -> str:
    """What may be seen of an address by whoever may see the hook: enough to know it again."""
    match way:
        case Way.WEBHOOK | Way.GATEWAY:
            return urlsplit(target).netloc
        case Way.EMAIL:
            name, _, host = target.partition("@")
            return f"{name[:1]}***@{host}"
        case Way.SMS:
            return f"{target[:-8]}****{target[-4:]}" if len(target) >= 11 else f"****{target[-2:]}"
        case Way.APPRISE:
            return f"{target.partition('://')[0]}://***"
