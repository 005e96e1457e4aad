"""Key-encryption keys: what wraps the merchants' keys, and lies in no database.

They are in a file of the installation, or in a key management service that speaks like AWS's, where they never leave
it. Each has a name, which stands beside what it wrapped: `file:` and a fingerprint, or `aws:` and the service's own
name for it. With a service set, the file still opens what it once wrapped, until nothing is left of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import secrets
import threading
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from yuanlu.errors import Broken, Busy, Denied
from yuanlu.keyfile import key_text

KEY_BYTES = 32
HEAD = b"yuanlu-keys-1\n"
"""How a file of several keys begins; behind it one key a line in base64, newest first. Without it: one key, raw."""
_MARK = "s1."
_NONCE = 12


def shut(cipher: AESGCM, text: bytes, bound_to: str) -> str:
    """Seal bytes under a key, bound to what they are for. Shape: `s1.` and base64 of nonce, text and tag."""
    nonce = os.urandom(_NONCE)
    return _MARK + urlsafe_b64encode(nonce + cipher.encrypt(nonce, text, bound_to.encode())).decode()


def opened(cipher: AESGCM, sealed: str, bound_to: str) -> bytes:
    """What `shut` sealed. Raises Broken."""
    if not sealed.startswith(_MARK):
        raise Broken("this is no sealed text")
    raw = urlsafe_b64decode(sealed.removeprefix(_MARK))
    try:
        return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound_to.encode())
    except InvalidTag:
        raise Broken("sealed text does not open: another key, another subject, or it was changed") from None


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A key under another, and the name of that other."""

    text: str
    by: str


class Kms(Protocol):
    """What wraps keys."""

    async def newest(self) -> str:
        """The name of the key that wraps from now on. Raises Busy when the service is away."""
        ...

    async def wrap(self, key: bytes, bound_to: str) -> Wrapped:
        """Wrap under the newest key. Raises Busy when the service is away."""
        ...

    async def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        """Open what was wrapped. Raises Busy when the service is away, Broken when it cannot be opened."""
        ...

    async def bare(self, text: str, bound_to: str) -> bytes:
        """Open what was wrapped by a key of the file before keys had names. Raises Broken."""
        ...


def name_of(key: bytes) -> str:
    """The name of a key of the file: it tells nothing of the key."""
    return "file:" + hmac.new(key, b"yuanlu key name", hashlib.sha256).hexdigest()[:16]


def parsed(content: bytes, file: str) -> tuple[bytes, ...]:
    """The keys of a file, newest first.

    Raises Denied: settings.secret_short.
    """
    if not content.startswith(HEAD):
        keys: tuple[bytes, ...] = (content[:KEY_BYTES],)
    else:
        try:
            keys = tuple(b64decode(line, validate=True) for line in content[len(HEAD) :].split())
        except NotBase64:
            keys = ()
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise Denied("settings.secret_short", file=file, bytes_min=KEY_BYTES)
    return keys


class FileKeys:
    """Keys that lie in a file, read anew whenever it changes; or one that is handed in, for tests.

    `optional`: the file need not be there, because something else wraps.
    """

    def __init__(self, source: Path | bytes, *, optional: bool = False) -> None:
        self._path = source if isinstance(source, Path) else None
        self._keys: tuple[bytes, ...] = () if isinstance(source, Path) else (source[:KEY_BYTES],)
        self._optional = optional
        self._seen: tuple[int, int, int] | None = None

    def keys(self) -> tuple[bytes, ...]:
        """All keys, newest first. Raises Busy when the file cannot be read; Denied: settings.secret_short."""
        if self._path is None:
            return self._keys
        try:
            told = self._path.stat()
            seen = (told.st_ino, told.st_mtime_ns, told.st_size)
            if seen != self._seen:
                self._keys = parsed(self._path.read_bytes(), str(self._path))
                self._seen = seen
        except FileNotFoundError as gone:
            if self._optional:
                return ()
            raise Busy("seal.key_file_away") from gone
        except OSError as trouble:
            raise Busy("seal.key_file_away") from trouble
        return self._keys

    def by_name(self) -> Mapping[str, bytes]:
        """Every key by its name."""
        return {name_of(key): key for key in self.keys()}

    async def newest(self) -> str:
        return name_of(self.keys()[0])

    async def wrap(self, key: bytes, bound_to: str) -> Wrapped:
        first = self.keys()[0]
        return Wrapped(shut(AESGCM(first), key, bound_to), name_of(first))

    async def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        key = self.by_name().get(wrapped.by)
        if key is None:
            raise Broken(
                f"a merchant's key is wrapped by {wrapped.by}, which is not in the key file: put it back there"
            )
        return opened(AESGCM(key), wrapped.text, bound_to)

    async def bare(self, text: str, bound_to: str) -> bytes:
        for key in self.keys():
            try:
                return opened(AESGCM(key), text, bound_to)
            except Broken:
                continue
        raise Broken("sealed text does not open: another key, another subject, or it was changed")

    def put_first(self) -> str:
        """Make a new key and put it before the others; answers its name. The file appears whole or not at all.

        Raises Denied: secrets.unwritable.
        """
        return self._written((secrets.token_bytes(KEY_BYTES), *self.keys()))

    def keep_newest(self) -> int:
        """Leave only the newest key in the file; answers how many were removed. Raises Denied: secrets.unwritable."""
        keys = self.keys()
        if len(keys) > 1:
            self._written(keys[:1])
        return max(len(keys) - 1, 0)

    def _written(self, keys: tuple[bytes, ...]) -> str:
        path = self._path
        if path is None:
            raise Denied("secrets.unwritable", file="")
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as out:
                    os.fchown(out.fileno(), path.stat().st_uid, path.stat().st_gid)
                    out.write(HEAD + b"".join(b64encode(key) + b"\n" for key in keys))
                    out.flush()
                    os.fsync(out.fileno())
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as wrong:
            raise Denied("secrets.unwritable", file=str(path)) from wrong
        return name_of(keys[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """Where an AWS-compatible key management service is, which key of it wraps, and how to be let in."""

    endpoint: str
    region: str
    key: str
    key_id_file: str
    secret_file: str


class AwsKms:
    """A service whose keys never leave it. What it cannot open is opened by `before`: the file, as long as it is there.

    Its library is loaded, and its keys are read, at first use.
    """

    def __init__(self, at: Vault, before: FileKeys, *, seconds_max: float = 5.0) -> None:
        self._at = at
        self._before = before
        self._seconds_max = seconds_max
        self._lock = threading.Lock()
        self._made: Any = None

    async def newest(self) -> str:
        told = await self._asked("describe_key", KeyId=self._at.key)
        return f"aws:{told['KeyMetadata']['Arn']}"

    async def wrap(self, key: bytes, bound_to: str) -> Wrapped:
        told = await self._asked("encrypt", KeyId=self._at.key, Plaintext=key, EncryptionContext={"yuanlu": bound_to})
        return Wrapped(b64encode(told["CiphertextBlob"]).decode(), f"aws:{told['KeyId']}")

    async def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        if not wrapped.by.startswith("aws:"):
            return await self._before.unwrap(wrapped, bound_to)
        told = await self._asked(
            "decrypt", KeyId=wrapped.by.removeprefix("aws:"), CiphertextBlob=b64decode(wrapped.text),
            EncryptionContext={"yuanlu": bound_to},
        )  # fmt: skip
        return bytes(told["Plaintext"])

    async def bare(self, text: str, bound_to: str) -> bytes:
        return await self._before.bare(text, bound_to)

    async def _asked(self, what: str, **told: object) -> Any:
        return await asyncio.to_thread(self._ask, what, told)

    def _ask(self, what: str, told: Mapping[str, object]) -> Any:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            return getattr(self._client(), what)(**told)
        except ClientError as no:
            code = str(no.response.get("Error", {}).get("Code", ""))
            if code == "InvalidCiphertextException":
                raise Broken("the key service does not open a merchant's key: it was changed, or is of another") from no
            raise Busy(f"seal.kms_refused: {code}") from no
        except (BotoCoreError, OSError) as trouble:
            raise Busy(f"seal.kms_away: {type(trouble).__name__}") from trouble

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                import boto3  # noqa: PLC0415  # 40 MB of memory, for those alone who keep keys there
                from botocore.config import Config  # noqa: PLC0415

                self._made = boto3.session.Session().client(
                    "kms",
                    endpoint_url=self._at.endpoint or None,
                    region_name=self._at.region or "us-east-1",
                    aws_access_key_id=key_text(self._at.key_id_file, "YUANLU_KMS_KEY_ID_FILE"),
                    aws_secret_access_key=key_text(self._at.secret_file, "YUANLU_KMS_SECRET_FILE"),
                    config=Config(
                        connect_timeout=self._seconds_max,
                        read_timeout=self._seconds_max,
                        retries={"max_attempts": 2, "mode": "standard"},
                    ),
                )
            return self._made
