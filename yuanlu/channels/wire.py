"""What all codecs write and read alike: time, text, signatures, and the words for what goes wrong on our side.

Pure: bytes and values only.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from yuanlu.channels.contract import Outcome, Word
from yuanlu.clock import CHINA
from yuanlu.errors import Denied

AGENT = "yuanlu/0.1"

# The codes of our side of the wire: channel `client` of the books, lower case (see `law.diagnosis_of`).
CONNECT_FAILED = "client.connect_failed"
TIMEOUT = "client.timeout"
RESET = "client.reset"
BAD_SIGNATURE = "client.bad_signature"
MALFORMED = "client.malformed_body"
MISMATCH = "client.mismatch"

UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, Denied, RecursionError)
"""What reading bytes from outside may raise: no JSON, wrong types, no number, money without bounds, nested too deep."""

_PADDING = PKCS1v15()
_HASH = SHA256()


def unknown(code: str) -> Outcome:
    """No clear word: never means failed."""
    return Outcome(word=Word.UNKNOWN, code=code)


def no_words(status: int) -> Outcome:
    """An answer without a readable code: only its HTTP class speaks, and no class means failed."""
    if status in {502, 503, 504}:
        return unknown(f"client.http_{status}")
    return unknown("client.http_5xx" if status >= 500 else MALFORMED)


def sign(key: RSAPrivateKey, text: bytes) -> str:
    """RSA PKCS#1 v1.5 with SHA-256, in base 64."""
    return base64.b64encode(key.sign(text, _PADDING, _HASH)).decode()


def is_signed(key: RSAPublicKey, text: bytes, signature: str) -> bool:
    """Whether this signature is this key's over this text. Never raises."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text, _PADDING, _HASH)
    except (InvalidSignature, ValueError):
        return False
    return True


def clip(text: str, size: int) -> str:
    """The beginning of a text, in at most this many bytes of UTF-8, no character cut in two."""
    raw = text.encode()
    return text if len(raw) <= size else raw[:size].decode(errors="ignore")


def moment(text: str | None) -> datetime | None:
    """Read RFC 3339. None when it is no moment: a time is told beside the money, it does not decide about it."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def beijing_moment(text: str | None, form: str = "%Y-%m-%d %H:%M:%S") -> datetime | None:
    """Read a wall clock of Beijing. None when it is no moment."""
    try:
        return datetime.strptime(text, form).replace(tzinfo=CHINA).astimezone(UTC) if text else None
    except (ValueError, OverflowError):
        return None


def beijing_text(at: datetime) -> str:
    """Write a wall clock of Beijing: `2026-11-23 10:00:00`."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
