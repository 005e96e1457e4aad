"""A real mail server on loopback with a certificate of a test authority, that refuses when it is told to."""

from __future__ import annotations

import asyncio
import email
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "shop", "correct horse"  # made up


@dataclass
class Mailbox:
    """What came in; `at_rcpt` and `at_data` are answers given in turn before it takes anything."""

    port: int = 0
    at_rcpt: deque[str] = field(default_factory=deque)
    at_data: deque[str] = field(default_factory=deque)
    got: list[EmailMessage] = field(default_factory=list)
    sessions: list[tuple[bool, bool]] = field(default_factory=list)
    """Whether each mail came over TLS, and from somebody who had logged in."""

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, to: str, ___: Any) -> str:  # noqa: N802
        if self.at_rcpt:
            return self.at_rcpt.popleft()
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.at_data:
            return self.at_data.popleft()
        content = envelope.content
        assert isinstance(content, bytes)
        found = email.message_from_bytes(content, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.got.append(found)
        self.sessions.append((session.ssl is not None, bool(session.authenticated)))
        return "250 OK"

    @property
    def texts(self) -> list[str]:
        return [each.get_content() for each in self.got]


def _checks(_: SMTP, __: Session, ___: Envelope, mechanism: str, login: Any) -> AuthResult:
    good = isinstance(login, LoginPassword) and (login.login, login.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=good, handled=good)


def certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a certificate with its key for 127.0.0.1; answers (authority, certificate and key)."""
    now = datetime.now(UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def built(name: str, public: Any, issuer: str) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    authority = (
        built("Test authority", authority_key.public_key(), "Test authority")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    ours = (
        built("mail", key.public_key(), "Test authority")
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    authority_file, our_file = folder / "authority.pem", folder / "mail.pem"
    authority_file.write_bytes(authority.public_bytes(pem))
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    our_file.write_bytes(plain + ours.public_bytes(pem))
    return authority_file, our_file


@asynccontextmanager
async def mailbox(certificate: Path, *, from_first_byte: bool = False, plain: bool = False) -> AsyncIterator[Mailbox]:
    """A mail server that wants STARTTLS and a login, until the block ends.

    Shape: `plain` wants neither; `from_first_byte` speaks nothing but TLS, and wants no login (it cannot see the TLS).
    """
    box, loop = Mailbox(), asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    how: dict[str, Any] = {"tls_context": context, "authenticator": _checks, "auth_required": True}
    how = {} if plain or from_first_byte else {"require_starttls": True, **how}

    def protocol() -> SMTP:
        return SMTP(box, hostname="localhost", loop=loop, enable_SMTPUTF8=True, **how)

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if from_first_byte else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
