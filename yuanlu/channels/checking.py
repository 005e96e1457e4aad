"""Whether a merchant's keys for a channel are right, and which of them is not.

First what can be seen here: whether each text is what it should be, and whether they belong together. Then what the
channel says to a few questions that move nothing, about an order that cannot exist. What follows from both is a pure
function of what was given and what was heard. No finding holds what a key is.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509 import Certificate, load_pem_x509_certificate

from yuanlu.channels.contract import Call, Reply

KEY_BITS_MIN = 2048
SKEW_SECONDS = 300
"""Clocks further apart than this are told: "more than five minutes off is refused by both sides" (channels.md 2.1)."""
_BEGIN = "-----BEGIN"
_TROUBLE = (ValueError, TypeError, UnsupportedAlgorithm)


class Weight(StrEnum):
    """How much a finding says."""

    FAULT = "fault"
    """This is wrong: nothing works with it."""
    OPEN = "open"
    """The channel gave no clear word, now."""
    NOTE = "note"
    """This one could not be proved; nothing speaks against it."""


class Verdict(StrEnum):
    """What all findings come to."""

    WELL = "well"
    WRONG = "wrong"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one field; an empty field: about none of them. `facts` fill the words."""

    code: str
    field: str = ""
    weight: Weight = Weight.FAULT
    facts: Mapping[str, object] = dataclasses.field(default_factory=dict)


def verdict(findings: Iterable[Finding]) -> Verdict:
    """What findings come to: one fault is enough."""
    weights = {each.weight for each in findings}
    if Weight.FAULT in weights:
        return Verdict.WRONG
    return Verdict.UNSURE if Weight.OPEN in weights else Verdict.WELL


Answered = Reply | str
"""An answer, or the code of a silence."""


class Checker(Protocol):
    """A channel's own knowledge of its keys. Pure, as a codec is."""

    def look(self, given: Mapping[str, str], at: datetime) -> tuple[dict[str, str], list[Finding]]:
        """What can be seen of a configuration without the channel.

        Shape: the configuration as it is kept (keys as PEM, numbers without blanks), and what is wrong with it.
        """

    def ask(self, keys: Any, at: datetime, nonce: str, number: str) -> Sequence[Call]:
        """The questions, in order. `number`: one of ours that nothing has."""

    def judge(self, given: Mapping[str, str], keys: Any, heard: Sequence[Answered], at: datetime) -> list[Finding]:
        """What the answers to the first so many questions say."""


def is_pem(text: str) -> bool:
    """Whether this is a key or certificate itself, and no path."""
    return text.lstrip().startswith(_BEGIN)


def framed(text: str, label: str) -> bytes:
    """A text as PEM. Alipay's own tool writes bare base 64: that gets its frame."""
    if is_pem(text):
        return text.strip().encode()
    bare = "\n".join(textwrap.wrap("".join(text.split()), 64))
    return f"{_BEGIN} {label}-----\n{bare}\n-----END {label}-----\n".encode()


def private_key(text: str, name: str) -> RSAPrivateKey | Finding:
    """An RSA private key, or what is wrong with it."""
    if (other := _other_kind(text, "PRIVATE KEY")) is not None:
        return Finding(other, name)
    for label in ("PRIVATE KEY", "RSA PRIVATE KEY"):
        try:
            key = load_pem_private_key(framed(text, label), None)
        except TypeError:
            return Finding("key_locked", name)
        except _TROUBLE:
            continue
        if not isinstance(key, RSAPrivateKey):
            return Finding("key_not_rsa", name)
        return key if key.key_size >= KEY_BITS_MIN else Finding("key_short", name, facts={"bits": key.key_size})
    return Finding("key_unreadable", name)


def public_key(text: str, name: str) -> RSAPublicKey | Finding:
    """An RSA public key, or what is wrong with it."""
    if (other := _other_kind(text, "PUBLIC KEY")) is not None:
        return Finding(other, name)
    try:
        key = load_pem_public_key(framed(text, "PUBLIC KEY"))
    except _TROUBLE:
        return Finding("key_unreadable", name)
    if not isinstance(key, RSAPublicKey):
        return Finding("key_not_rsa", name)
    return key if key.key_size >= KEY_BITS_MIN else Finding("key_short", name, facts={"bits": key.key_size})


def certificate(text: str, name: str, at: datetime) -> Certificate | Finding:
    """A certificate that counts now, or what is wrong with it."""
    if (other := _other_kind(text, "CERTIFICATE")) is not None:
        return Finding(other, name)
    try:
        found = load_pem_x509_certificate(framed(text, "CERTIFICATE"))
    except _TROUBLE:
        return Finding("certificate_unreadable", name)
    if at > found.not_valid_after_utc:
        return Finding("certificate_over", name, facts={"day": f"{found.not_valid_after_utc:%Y-%m-%d}"})
    if at < found.not_valid_before_utc:
        return Finding("certificate_early", name, facts={"day": f"{found.not_valid_before_utc:%Y-%m-%d}"})
    return found


def _other_kind(text: str, wanted: str) -> str | None:
    """The code where a text says of itself that it is something else: the usual slip is to swap two files."""
    if not is_pem(text):
        return None
    label = text.lstrip().removeprefix(_BEGIN).partition("-----")[0].strip()
    if "ENCRYPTED" in label:
        return "key_locked"
    if label.endswith(wanted):
        return None
    kinds = {"PRIVATE KEY": "is_private_key", "PUBLIC KEY": "is_public_key", "CERTIFICATE": "is_certificate"}
    return next((code for kind, code in kinds.items() if label.endswith(kind)), "key_unreadable")


def kept_private(key: RSAPrivateKey) -> str:
    """A private key as it is kept: sealed, by whoever keeps it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def kept_public(key: RSAPublicKey) -> str:
    """A public key as it is kept."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_same(one: RSAPublicKey, other: RSAPublicKey) -> bool:
    """Whether two public keys are one."""
    return one.public_numbers() == other.public_numbers()


def behind_seconds(reply: Reply, at: datetime) -> int | None:
    """How far the channel's clock is before ours, by the `Date` of its answer; None where it says none, or all is well.

    Source: RFC 9110, 6.6.1.
    """
    try:
        said = parsedate_to_datetime(reply.headers.get("date", ""))
        apart = int((said - at).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
    return apart if abs(apart) > SKEW_SECONDS else None


def clock(seconds: int) -> Finding:
    """Our clock is wrong: `seconds` behind the channel's (before it, where negative)."""
    return Finding("clock_ahead" if seconds < 0 else "clock_behind", facts={"seconds": abs(seconds)})


def silent(code: str) -> Finding:
    """Nothing was heard."""
    return Finding("unreachable", weight=Weight.OPEN, facts={"code": code})


def unclear(status: int, code: str) -> Finding:
    """Something was heard that says nothing about keys."""
    is_busy = status >= 500 or status == 429
    return Finding("busy" if is_busy else "unclear", weight=Weight.OPEN, facts={"code": code or str(status)})


def unproved(name: str) -> Finding:
    """The channel did not say whether this one is right."""
    return Finding("unproved", name, Weight.NOTE)


def missing(given: Mapping[str, str], names: Iterable[str]) -> list[Finding]:
    """Which of these fields are empty."""
    return [Finding("missing", name) for name in names if not given.get(name, "").strip()]
