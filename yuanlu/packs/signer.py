"""The certificate an installation signs its packs with: made at first use, or given by files.

Made here: an authority of the installation's own, and under it the certificate that signs; both keys are readable by
their owner alone and stay in the state directory. A fingerprint is the SHA-256 of a certificate, in hexadecimal.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from yuanlu.config import Settings
from yuanlu.errors import Denied

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
RSA_BITS = 3072
GOOD_FOR = timedelta(days=3650)
_FOLDER = "packs"
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs. Shape: `certificates` begin with the signer's own; who vouches for it follows."""

    key: Key = field(repr=False)
    certificates: Sequence[x509.Certificate]

    @property
    def fingerprints(self) -> list[str]:
        """Of each certificate."""
        return [fingerprint(each) for each in self.certificates]

    @property
    def pem(self) -> str:
        """The certificates, for whoever shall trust them."""
        return "".join(each.public_bytes(_PEM).decode() for each in self.certificates)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def of(settings: Settings, at: datetime) -> Signer:
    """The installation's signer; without files of one's own, made at first use.

    Raises Denied: pack.key_unfit.
    """
    if settings.pack_key_file or settings.pack_cert_file:
        return _read(Path(settings.pack_key_file), Path(settings.pack_cert_file))
    folder = settings.state / _FOLDER
    if not folder.exists():
        _make(folder, at)
    return _read(folder / "pack.key", folder / "pack.pem")


def known(settings: Settings) -> list[str]:
    """The fingerprints of the installation's certificates, if it has any yet. Makes nothing."""
    path = certificate_path(settings)
    return [] if path is None else [fingerprint(each) for each in _certificates(path)]


def certificate_path(settings: Settings) -> Path | None:
    """Where the certificates are, if there are any yet."""
    if settings.pack_key_file or settings.pack_cert_file:
        return Path(settings.pack_cert_file)
    own = settings.state / _FOLDER / "pack.pem"
    return own if own.exists() else None


def _read(key_file: Path, cert_file: Path) -> Signer:
    certificates = _certificates(cert_file)
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError) as wrong:
        raise Denied("pack.key_unfit", file=str(key_file), why=type(wrong).__name__) from wrong
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Denied("pack.key_unfit", file=str(key_file), why="neither RSA nor EC")
    if key.public_key() != certificates[0].public_key():
        raise Denied("pack.key_unfit", file=str(key_file), why="not the key of the certificate")
    return Signer(key, certificates)


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as wrong:
        raise Denied("pack.key_unfit", file=str(path), why=type(wrong).__name__) from wrong


def _make(folder: Path, at: datetime) -> None:
    """Make both certificates beside, then put the folder in its place: whoever is second throws his away."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    try:
        _fill(fresh, min(at, datetime.now(UTC)) - timedelta(days=1))
        fresh.rename(folder)
    except OSError:
        if not (folder / "pack.pem").exists():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _fill(folder: Path, since: datetime) -> None:
    mark = secrets.token_hex(4)
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"yuanlu {mark} authority")])
    ours = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"yuanlu {mark} evidence packs")])
    ca_key, key = (rsa.generate_private_key(65537, RSA_BITS) for _ in range(2))
    ca = _certificate(authority, authority, ca_key, ca_key, since, is_authority=True)
    leaf = _certificate(ours, authority, key, ca_key, since, is_authority=False)
    _secret(folder / "authority.key", ca_key)
    _secret(folder / "pack.key", key)
    (folder / "pack.pem").write_bytes(leaf.public_bytes(_PEM) + ca.public_bytes(_PEM))


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, by: rsa.RSAPrivateKey, since: datetime,
    *, is_authority: bool,
) -> x509.Certificate:  # fmt: skip
    usage = x509.KeyUsage(
        digital_signature=not is_authority, content_commitment=not is_authority, key_cert_sign=is_authority,
        crl_sign=is_authority, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(since + GOOD_FOR)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, hashes.SHA256())
    )


def _secret(path: Path, key: rsa.RSAPrivateKey) -> None:
    text = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(text)
