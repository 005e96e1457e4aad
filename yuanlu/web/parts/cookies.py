"""Cookies of people who are signed in, and the proof that a call with one was meant by them. Pure.

A browser sends a cookie along with whatever any page makes it send. So a call that changes something and is known by a
cookie alone needs two more things: it does not come from a page of somebody else (`demand_own_page`, held at the gate
for every call), and it carries a token that only our own pages were given (`demand_token`, for who reads the cookie).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

from yuanlu.errors import Denied

PREFIX = "__Host-"
"""Browsers take a cookie of this name over TLS only, for this very host and all its paths: no neighbour plants it."""
TOKEN_HEADER = b"x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE_BYTES_MAX = 4096
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_VALUE = re.compile(r"[A-Za-z0-9_.~-]{0,2048}")


def made(name: str, value: str, *, seconds: int, same_site: Literal["Strict", "Lax"] = "Strict") -> str:
    """The text of a Set-Cookie header.

    Shape: `name` without its prefix. Units: `seconds` it is kept; 0 takes it back.
    """
    assert _NAME.fullmatch(name), "a plain name"
    assert _VALUE.fullmatch(value), "a value that needs no quotes"
    return f"{PREFIX}{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite={same_site}"


def read(header: bytes, name: str) -> str:
    """The value of a cookie of ours; empty, if it is not there, or there twice: then one of them is not ours."""
    if len(header) > COOKIE_BYTES_MAX:
        return ""
    wanted = f"{PREFIX}{name}"
    pairs = [part.strip().partition("=") for part in header.decode("latin-1").split(";")]
    found = [value for key, _, value in pairs if key == wanted]
    return found[0] if len(found) == 1 and _VALUE.fullmatch(found[0]) else ""


def token(key: bytes, session: str) -> str:
    """The token of a session, given to our own pages only. It ends with the session."""
    digest = hmac.digest(key, b"csrf\x00" + session.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def demand_token(method: str, headers: Mapping[bytes, bytes], key: bytes, session: str) -> None:
    """A call that changes something carries the token of the session whose cookie it has.

    Raises Denied: session.csrf.
    """
    if method not in SAFE and not hmac.compare_digest(headers.get(TOKEN_HEADER, b""), token(key, session).encode()):
        raise Denied("session.csrf")


def demand_own_page(method: str, headers: Mapping[bytes, bytes]) -> None:
    """A call with a cookie that changes something comes from a page of ours, or from no page.

    Law: a caller that is no browser sends neither header, and passes: nobody can make it send a cookie.
    Raises Denied: session.csrf.
    """
    if method in SAFE or b"cookie" not in headers:
        return
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        if site not in (b"same-origin", b"none"):
            raise Denied("session.csrf")
        return
    origin = headers.get(b"origin")
    if origin is not None and not _is_same_host(origin, headers.get(b"host", b"")):
        raise Denied("session.csrf")


def _is_same_host(origin: bytes, host: bytes) -> bool:
    try:
        return bool(host) and urlsplit(origin.decode("latin-1")).netloc.lower() == host.decode("latin-1").lower()
    except ValueError:
        return False
