"""A till as a device of its own: a key pair, and every request signed by the library that judges our verifier."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256

COVERED = ("@method", "@authority", "@path", "@query", "authorization")


class _One(HTTPSignatureKeyResolver):
    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    def resolve_private_key(self, key_id: str) -> Any:
        return self._key

    def resolve_public_key(self, key_id: str) -> Any:
        return self._key.public_key()


@dataclass
class Device:
    """What stands at the counter. `token` and `key_id` are there once it is enrolled."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    token: str = ""
    key_id: str = ""

    @property
    def public_key(self) -> str:
        der = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def signed(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        *,
        token: str = "",
        created: datetime | None = None,
        nonce: str = "",
        covered: tuple[str, ...] = COVERED,
        key_id: str = "",
        **more: Any,
    ) -> dict[str, str]:
        """The headers of a request that this device signed."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if body:
            headers["Content-Type"] = "application/json"
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers["Content-Digest"] = f"sha-256=:{digest}:"
            covered = (*covered, "content-digest")
        message = SimpleNamespace(method=method, url=url, headers=headers)
        HTTPMessageSigner(signature_algorithm=ECDSA_P256_SHA256, key_resolver=_One(self.key)).sign(
            message,
            key_id=key_id or self.key_id,
            created=created or datetime.now(UTC),
            nonce=nonce or secrets.token_urlsafe(16),
            label="till",
            covered_component_ids=covered,
            use_existing_digest=bool(body),
            **more,
        )
        return headers
