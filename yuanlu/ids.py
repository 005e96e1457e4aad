"""Typed ids: what we call a payment, a refund, a case, wherever it goes.

An id is a two-letter kind, 26 time-ordered characters in Crockford's base 32 (48 bits of milliseconds, 80 bits of
chance, as in a ULID) and one check character (ISO 7064 MOD 37,36 over the first 28): 29 capital letters and digits.

Every channel takes that as our order number (UnionPay refuses `_` and `-`, WeChat Pay more than 32 characters); it
begins with a letter, so it is never mistaken for a payment code; it prints as a QR and is read back from the payer's
own wallet bill. Whoever starts makes it and stores it before sending: it is the idempotency key.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32hexencode
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique

from yuanlu.errors import Denied

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BASE36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PLACES = bytes.maketrans(_BASE36.encode(), bytes(range(36)))
_TO_CROCKFORD = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUV", _BASE32.encode())
_SHAPE = re.compile(f"[A-Z]{{2}}[0-7][{_BASE32}]{{25}}[{_BASE36}]")
LENGTH = 29
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@unique
class Kind(StrEnum):
    """What an id is the id of."""

    PAYMENT = "YP"
    REFUND = "YR"
    CASE = "YC"
    EVIDENCE = "YE"
    MERCHANT = "YM"
    STORE = "YS"
    TILL = "YT"
    KEY = "YK"
    STAFF = "YW"
    FILE = "YF"
    POLICY = "YL"
    CODE = "YQ"
    COMPLAINT = "YN"
    ANSWER = "YA"
    HOOK = "YH"
    DELIVERY = "YD"
    REPAYMENT = "YB"
    LOSS = "YX"
    HANDOVER = "YV"
    LIMITS = "YI"
    SESSION = "YG"
    PASSKEY = "YJ"
    STEP_UP = "YU"
    GOODS = "ZG"
    QUESTION = "ZQ"
    DRILL = "ZD"
    SHIFT = "ZS"
    PRINTER = "ZR"
    PRINT = "ZP"
    TICKET = "ZT"
    READING = "ZL"
    MAILING = "ZM"
    EXPORT = "ZE"
    APPLICATION = "ZA"
    STATEMENT = "ZB"


_KINDS = tuple(Kind)


def _check(text: str) -> str:
    """The check character of ISO 7064 MOD 37,36 (written out: it stands in the path of every payment)."""
    left = 36
    for place in text.encode().translate(_PLACES):
        left = _STEPS[left][place]
    return _BASE36[(1 - left) % 36]


_STEPS = tuple(bytes((((left + place) % 36 or 36) * 2) % 37 for place in range(36)) for left in range(37))
"""What one more letter (by its place in base 36) makes of what is left."""


def _base32(number: int) -> str:
    """The 26 letters of 130 bits. The library's base 32 has other letters, and takes whole bytes from the top."""
    return b32hexencode((number << 6).to_bytes(17)).translate(_TO_CROCKFORD)[:26].decode()


def _made(kind: Kind, at: datetime, chance: int) -> str:
    body = kind.value + _base32(int(at.timestamp() * 1000) << 80 | chance)
    return body + _check(body)


def new(kind: Kind, at: datetime | None = None) -> str:
    """Make an id that nobody has made before."""
    return _made(kind, at or datetime.now(UTC), secrets.randbits(80))


def derived(kind: Kind, at: datetime, *parts: str) -> str:
    """Make the id that these parts always give, so that doing it again is doing the same.

    A refund asked by a case takes its id from the case: `derived(Kind.REFUND, case.opened_at, case.id, "1")`.
    """
    seed = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return _made(kind, at, int.from_bytes(seed[:10], "big"))


def kin(text: str, *parts: str) -> str:
    """The id of this one's kind and moment that it and these parts always give.

    Whoever makes the one cannot choose the other: as where ids of all merchants are looked for among each other.
    """
    seed = hashlib.sha256("\x1f".join((text, *parts)).encode()).digest()
    body = text[:12] + _base32(int.from_bytes(seed[:10], "big"))[10:]
    return body + _check(body)


def around(text: str, within: timedelta) -> tuple[str, str]:
    """Bounds between which all ids lie that were made within a span of this one, by the same clock.

    Shape: kind and time only, so they sort (as bytes) before every id of their moment. Raises ValueError: no id.
    """
    made_ms, span_ms = _made_ms(text), within // timedelta(milliseconds=1)
    bounds = (max(made_ms - span_ms, 0), min(made_ms + span_ms + 1, 2**48 - 1))
    low, high = (text[:2] + _base32(bound << 80)[:10] for bound in bounds)
    return low, high


def _made_ms(text: str) -> int:
    made_ms = 0
    for letter in text[2:12]:
        made_ms = made_ms * 32 + _BASE32.index(letter)
    return made_ms


def made_at(text: str) -> datetime:
    """When an id was made, by whoever's clock made it. Raises ValueError: no id."""
    try:
        return _EPOCH + timedelta(milliseconds=_made_ms(text))
    except (ValueError, OverflowError):
        raise ValueError("this is no id") from None


def since(kind: Kind, at: datetime) -> str:
    """The bound from which on all ids of a kind lie that were made at a moment or later, by whoever's clock made them.

    Shape: kind and time only, so it sorts (as bytes) before every id of its moment.
    """
    return kind.value + _base32(int(at.timestamp() * 1000) << 80)[:10]


def is_id(text: str, *kinds: Kind) -> bool:
    """Whether this is one of our ids (of these kinds, or of any), check character included."""
    return _SHAPE.fullmatch(text) is not None and text[:2] in (kinds or _KINDS) and text[28] == _check(text[:28])


def checked(text: str, *kinds: Kind) -> str:
    """The id, if it is one.

    Raises Denied: id.invalid.
    """
    if not is_id(text, *kinds):
        raise Denied("id.invalid", kinds=[kind.name.lower() for kind in kinds])
    return text
