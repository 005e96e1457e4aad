"""All keys and certificates of the simulated world, made once for a directory and never committed."""

from __future__ import annotations

import random
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()


@dataclass(frozen=True)
class Pair:
    """A private key and the name under which others know its public half."""

    private: rsa.RSAPrivateKey
    public: rsa.RSAPublicKey
    name: str = ""

    def sign(self, text: bytes) -> str:
        """RSA PKCS#1 v1.5 with SHA-256, base64."""
        return b64encode(self.private.sign(text, _PKCS1, _SHA256)).decode()

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        try:
            self.public.verify(signature, text, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True

    def open_sealed(self, sealed: bytes) -> bytes:
        """Decrypt a sensitive field. Source: channels.md 2.3, RSA-OAEP with SHA-1. Raises ValueError."""
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303 - theirs
        return self.private.decrypt(sealed, oaep)


@dataclass(frozen=True)
class KeyRing:
    """Whose keys these are: the merchant's, WeChat Pay's two (public-key and certificate mode), the app's, Alipay's."""

    merchant: Pair
    wechat: Pair
    platform: Pair
    app: Pair
    alipay: Pair
    paths: dict[str, str]
    platform_certificate: bytes
    apiv3_key: str
    v2_key: str


def open_ring(directory: Path, seed: int) -> KeyRing:
    """Read the directory's keys, making those that are missing.

    Law: the same directory gives the same keys for ever; shared secrets follow from the seed alone.
    """
    directory.mkdir(parents=True, exist_ok=True)
    folder = directory.absolute()
    private = {
        name: _private(folder / f"{name}_key.pem") for name in ("merchant", "wechat", "platform", "app", "alipay")
    }
    merchant_certificate = _certificate(folder / "merchant_cert.pem", private["merchant"], "yuanlu sim merchant")
    platform_certificate = _certificate(folder / "platform_cert.pem", private["platform"], "yuanlu sim platform")
    chance = random.Random(f"secrets of {seed}")  # noqa: S311 - play secrets of a simulated world, the same each run
    names = {
        "merchant": _serial(merchant_certificate),
        "wechat": "PUB_KEY_ID_0119000001092026112300000000000001",
        "platform": _serial(platform_certificate),
        "app": "",
        "alipay": "",
    }
    pkcs1 = private["app"].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    files = {
        "app_pkcs1_key.pem": pkcs1,
        "wechat_public.pem": _public_text(private["wechat"]),
        "alipay_public.pem": _public_text(private["alipay"]),
        "app_public.pem": _public_text(private["app"]),
    }
    for name, text in files.items():
        _keep(folder / name, text)
    return KeyRing(
        **{who: Pair(key, key.public_key(), names[who]) for who, key in private.items()},
        paths={path.stem: str(path) for path in folder.glob("*.pem")},
        platform_certificate=platform_certificate.public_bytes(serialization.Encoding.PEM),
        apiv3_key=_secret(chance),
        v2_key=_secret(chance),
    )


def _secret(chance: random.Random) -> str:
    return "".join(chance.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=32))


def _serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:040X}"


def _keep(path: Path, text: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(text)


def _private(path: Path) -> rsa.RSAPrivateKey:
    if path.exists():
        return _parsed(path.read_bytes())
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _keep(path, key.private_bytes(*form))
    return key


@lru_cache(maxsize=64)
def _parsed(pem: bytes) -> rsa.RSAPrivateKey:
    """Checking a private key takes 50 ms; worlds that are started often in one process share theirs."""
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _public_text(key: rsa.RSAPrivateKey) -> bytes:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form)


def _certificate(path: Path, key: rsa.RSAPrivateKey, subject: str) -> x509.Certificate:
    """A self-signed certificate of ten years whose serial is 40 hex digits."""
    if path.exists():
        return x509.load_pem_x509_certificate(path.read_bytes())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    start = datetime.now(UTC) - timedelta(days=2)
    serial = (0x4 << 156) | (x509.random_serial_number() >> 4)  # the first digit is 4, so 40 digits in all
    made = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    _keep(path, made.public_bytes(serialization.Encoding.PEM))
    return made
