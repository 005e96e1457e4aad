"""Reading a merchant's channel configuration: texts, addresses, keys. The only place where codecs touch files.

A key is the path of a file, or (what was set at the console, which is kept sealed) the PEM itself.

Every refusal is Denied: channel.config_invalid, naming the field and never its content.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import Certificate, load_pem_x509_certificate

from yuanlu.errors import Denied


@dataclass(frozen=True, slots=True)
class Settings:
    """One channel's part of a merchant's configuration, read field by field."""

    channel: str
    given: Mapping[str, Any]

    def deny(self, field: str, why: str) -> NoReturn:
        raise Denied("channel.config_invalid", channel=self.channel, field=field, why=why)

    def text(self, field: str, default: str | None = None) -> str:
        value = self.given.get(field)
        if value in (None, "") and default is not None:
            return default
        if not isinstance(value, str) or not value.strip():
            self.deny(field, "missing")
        return str(value).strip()

    def one_of(self, field: str, *choices: str) -> str:
        """A choice; the first one where nothing is said."""
        value = self.text(field, choices[0])
        if value not in choices:
            self.deny(field, f"not one of {', '.join(choices)}")
        return value

    def address(self, field: str, default: str | None = None) -> str:
        """An address we call: https, or plain http to this very machine."""
        value = self.text(field, default)
        if value:
            try:
                parts = urlsplit(value)
                host, _ = parts.hostname, parts.port
            except ValueError:
                self.deny(field, "not an address")
            local = parts.scheme == "http" and host in {"127.0.0.1", "localhost", "::1"}
            if not host or not (parts.scheme == "https" or local) or parts.username or parts.query or parts.fragment:
                self.deny(field, "https, or http to this machine, without a query")
        return value.rstrip("/")

    def callback(self, field: str = "notify_url") -> str:
        """Where providers reach us; empty where nothing is said. They take no query in it."""
        value = self.text(field, "")
        if value and (not value.startswith(("https://", "http://")) or "?" in value or "#" in value):
            self.deny(field, "an http address without a query")
        return value

    def is_inline(self, field: str) -> bool:
        """Whether a key or certificate stands in the configuration itself, and not in a file it names."""
        return self.text(field, "").startswith("-----BEGIN")

    def _file(self, field: str) -> bytes:
        if self.is_inline(field):
            return self.text(field).encode()
        try:
            return Path(self.text(field)).read_bytes()
        except OSError as trouble:
            self.deny(field, trouble.strerror or "cannot be read")

    def _pem(self, field: str, label: str) -> bytes:
        """A PEM file. Alipay's own tool writes bare base 64: that gets its frame."""
        raw = self._file(field).strip()
        if raw.startswith(b"-----BEGIN"):
            return raw
        bare = "\n".join(textwrap.wrap("".join(raw.decode(errors="replace").split()), 64))
        return f"-----BEGIN {label}-----\n{bare}\n-----END {label}-----\n".encode()

    def private_key(self, field: str) -> RSAPrivateKey:
        raw = self._file(field)
        for label in ("PRIVATE KEY", "RSA PRIVATE KEY"):
            try:
                key = _parsed(raw if raw.lstrip().startswith(b"-----") else self._pem(field, label))
            except (ValueError, TypeError):
                continue
            if isinstance(key, RSAPrivateKey):
                return key
        return self.deny(field, "not an RSA private key")

    def public_key(self, field: str) -> RSAPublicKey:
        try:
            key = load_pem_public_key(self._pem(field, "PUBLIC KEY"))
        except ValueError:
            self.deny(field, "not a public key")
        if not isinstance(key, RSAPublicKey):
            self.deny(field, "not an RSA public key")
        return key

    def certificate(self, field: str) -> Certificate:
        try:
            return load_pem_x509_certificate(self._file(field))
        except ValueError:
            self.deny(field, "not a certificate")


@lru_cache(maxsize=64)
def _parsed(pem: bytes) -> object:
    """A private key. Checking one takes 50 ms, in which nothing else runs; many shops of a chain share one."""
    return load_pem_private_key(pem, None)
