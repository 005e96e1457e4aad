"""What a till signed: HTTP message signatures (RFC 9421) with ecdsa-p256-sha256, and content digests (RFC 9530).

A small part of the two, held strictly: one signature a request, over exactly what decides what the request does.
Whatever is twice, cut short, unknown or of another algorithm is refused; nothing is guessed. Values in, a value out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from yuanlu.errors import Denied

ALGORITHM = "ecdsa-p256-sha256"
WITHIN_SECONDS = 60
COVERED = ("@method", "@authority", "@path", "@query", "authorization")
"""What must be signed of every request; `content-digest` too of one with a body."""
ALLOWED = frozenset({*COVERED, "content-digest", "content-type"})

_PIECE = r"[\x20\x21\x23-\x5b\x5d-\x7e]"
_INPUT = re.compile(
    rf'([a-z][a-z0-9_.-]{{0,31}})=(\(("[a-z@-]{{1,32}}"(?: "[a-z@-]{{1,32}}"){{0,15}})\)'
    rf'((?:;[a-z]{{1,16}}=(?:[0-9]{{1,15}}|"{_PIECE}{{0,128}}")){{1,8}}))'
)
_PARAM = re.compile(rf';([a-z]{{1,16}})=(?:([0-9]{{1,15}})|"({_PIECE}{{0,128}})")')
_SIGNATURE = re.compile(r"([a-z][a-z0-9_.-]{0,31})=:([A-Za-z0-9+/]{86}==):")
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_SHA256 = ECDSA(SHA256())


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it came. `path` and `query` as they stand on the wire; `headers` with names in small letters."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def only(self, name: bytes) -> str | None:
        """The value of a header that may stand there once; None: it does not.

        Raises Denied: signature.malformed where it is there twice.
        """
        found = [value for each, value in self.headers if each == name]
        if len(found) > 1:
            raise Denied("signature.malformed", part=name.decode("latin-1"))
        return found[0].decode("latin-1").strip() if found else None


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature that holds says of itself. `digest`: SHA-256 that the body must have; None: of none."""

    nonce: str
    created: datetime
    digest: bytes | None


def verified(message: Message, key_id: str, key: EllipticCurvePublicKey, at: datetime) -> Signed:
    """Hold a request against its signature.

    The body is not here yet: `Signed.digest` says what it must be (see `demand_body`); whether the nonce is new is
    the caller's to ask, and only after this.
    Raises Denied: signature.missing, signature.malformed, signature.covers, signature.algorithm, signature.too_old,
    signature.wrong_key, signature.wrong.
    """
    said, given = message.only(b"signature-input"), message.only(b"signature")
    if said is None or given is None:
        raise Denied("signature.missing")
    head, proof = _INPUT.fullmatch(said), _SIGNATURE.fullmatch(given)
    if head is None:
        raise Denied("signature.malformed", part="signature-input")
    if proof is None or proof[1] != head[1]:
        raise Denied("signature.malformed", part="signature")
    covered = head[3].replace('"', "").split(" ")
    params = _params(head[4])
    _demand_covered(covered, message)
    if params.get("alg", ALGORITHM) != ALGORITHM:
        raise Denied("signature.algorithm", allowed=ALGORITHM)
    if not hmac.compare_digest(params["keyid"].encode(), key_id.encode()):
        raise Denied("signature.wrong_key")
    _demand_time(params, at)
    base = _base(covered, head[2], message)
    raw = base64.b64decode(proof[2])
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        key.verify(der, base, _SHA256)
    except InvalidSignature:
        raise Denied("signature.wrong") from None
    return Signed(params["nonce"], datetime.fromtimestamp(int(params["created"]), UTC), _digest(message, covered))


def demand_body(signed: Signed, body: bytes) -> None:
    """The body is the one that was signed; of a request with a body there must be a digest.

    Raises Denied: signature.covers, signature.body.
    """
    if signed.digest is None:
        if body:
            raise Denied("signature.covers", part="content-digest")
    elif not hmac.compare_digest(hashlib.sha256(body).digest(), signed.digest):
        raise Denied("signature.body")


def _params(text: str) -> dict[str, str]:
    found = [
        (match[1], match[2] if match[3] is None else match[3], match[2] is not None) for match in _PARAM.finditer(text)
    ]
    params = {name: value for name, value, _ in found}
    numbers = {name for name, _, is_number in found if is_number}
    wanted = {"created", "keyid", "nonce"}
    if len(params) < len(found) or not wanted <= params.keys() <= wanted | {"alg", "expires"}:
        raise Denied("signature.malformed", part="signature-input")
    if numbers != params.keys() & {"created", "expires"} or not _NONCE.fullmatch(params["nonce"]):
        raise Denied("signature.malformed", part="signature-input")
    return params


def _demand_covered(covered: Sequence[str], message: Message) -> None:
    if len(set(covered)) < len(covered) or not ALLOWED.issuperset(covered):
        raise Denied("signature.malformed", part="signature-input")
    digest = ("content-digest",) if message.only(b"content-digest") is not None else ()
    for part in (*COVERED, *digest):
        if part not in covered:
            raise Denied("signature.covers", part=part)


def _demand_time(params: dict[str, str], at: datetime) -> None:
    now, created = at.timestamp(), int(params["created"])
    if abs(now - created) > WITHIN_SECONDS or int(params.get("expires", now + 1)) <= now:
        raise Denied("signature.too_old", seconds=WITHIN_SECONDS)


def _base(covered: Sequence[str], said: str, message: Message) -> bytes:
    """The text that is signed (RFC 9421, 2.5)."""
    lines = [f'"{part}": {_value(part, message)}' for part in covered]
    return "\n".join((*lines, f'"@signature-params": {said}')).encode("latin-1")


def _value(part: str, message: Message) -> str:
    match part:
        case "@method":
            return message.method
        case "@path":
            return message.path.decode("latin-1") or "/"
        case "@query":
            return "?" + message.query.decode("latin-1")
        case "@authority":
            return _authority(message.only(b"host"))
        case _:
            value = message.only(part.encode())
            if value is None:
                raise Denied("signature.covers", part=part)
            return value


def _authority(host: str | None) -> str:
    """In small letters, without the port that goes without saying."""
    if not host:
        raise Denied("signature.covers", part="@authority")
    return re.sub(r":(80|443)\Z", "", host.lower())


def _digest(message: Message, covered: Sequence[str]) -> bytes | None:
    if "content-digest" not in covered:
        return None
    found = _DIGEST.fullmatch(message.only(b"content-digest") or "")
    if found is None:
        raise Denied("signature.malformed", part="content-digest")
    return base64.b64decode(found[1])
