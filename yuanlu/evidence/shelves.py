"""Where sealed contents lie: this machine's disk, or an S3-compatible store.

A key is made by us alone (`rules.storage_key`): merchant, two letters for fan-out, the file's id and some of a digest.
Contents come sealed: whoever reads the disk or the bucket reads nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from yuanlu.errors import Broken, Denied
from yuanlu.keyfile import key_text

_KEY = re.compile(r"YM[0-9A-Z]{27}/[0-9a-f]{2}/(?:YF|ZB)[0-9A-Z]{27}\.[0-9a-f]{16}")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Lying:
    """A content in the store, and when it was put there, by the store's clock."""

    key: str
    at: datetime


class Shelf(Protocol):
    """A place for sealed contents. What it raises: Denied file.no_room, file.store_away, file.store_refused."""

    async def put(self, key: str, content: bytes) -> None:
        """Put a content down: when this returns it is there for good. Twice is the same as once."""

    async def get(self, key: str) -> bytes | None:
        """The content, or None where there is none."""

    async def drop(self, key: str) -> None:
        """Take a content away. One that is not there is no trouble."""

    async def lying(self, merchant_id: str) -> Sequence[Lying]:
        """Everything of a merchant."""


def checked(key: str) -> str:
    """The key, if it is one of ours: nothing else ever becomes a path."""
    if not _KEY.fullmatch(key):
        raise Broken("this is no storage key of ours")
    return key


class Disk:
    """A directory of this machine. Only its owner may read it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, key: str, content: bytes) -> None:
        await asyncio.to_thread(self._put, self._root / checked(key), content)

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, self._root / checked(key))

    async def drop(self, key: str) -> None:
        await asyncio.to_thread(self._drop, self._root / checked(key))

    async def lying(self, merchant_id: str) -> Sequence[Lying]:
        return await asyncio.to_thread(self._lying, merchant_id)

    def _put(self, path: Path, content: bytes) -> None:
        """Written beside, made sure of, and then moved into place: a name never stands for half a content."""
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                _write(beside, content)
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
            for folder in (path.parent, path.parent.parent):
                _sync(folder)
        except OSError as trouble:
            raise _no(trouble) from trouble

    def _get(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as trouble:
            raise _no(trouble) from trouble

    def _drop(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
            if path.parent.exists():
                _sync(path.parent)
        except OSError as trouble:
            raise _no(trouble) from trouble

    def _lying(self, merchant_id: str) -> Sequence[Lying]:
        """Unfinished ones (hidden names) too: whoever sweeps takes them away by age."""
        folder = self._root / merchant_id
        found = []
        for path in folder.glob("*/*") if folder.exists() else ():
            try:
                at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            except FileNotFoundError:
                continue
            if path.name.startswith("."):
                if (datetime.now(UTC) - at).total_seconds() > UNFINISHED_SECONDS:
                    path.unlink(missing_ok=True)
            else:
                found.append(Lying(str(path.relative_to(self._root)), at))
        return found


UNFINISHED_SECONDS = 3600


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    """A new name is only sure to be there once its folder is written out."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _no(trouble: OSError) -> Denied:
    if trouble.errno in _FULL:
        return Denied("file.no_room")
    return Denied("file.store_away", why=type(trouble).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where an S3-compatible store is, and how to be let in. Keys are in files."""

    endpoint: str
    bucket: str
    region: str
    key_id_file: str
    secret_file: str


_REFUSALS = ("NoSuchBucket", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "InvalidBucketName", "403")


class S3:
    """An S3-compatible store. Its library is loaded, and its keys are read, at first use."""

    def __init__(self, at: Bucket, *, seconds_max: float = 15.0) -> None:
        self._at = at
        self._seconds_max = seconds_max
        self._lock = threading.Lock()
        self._made: Any = None

    async def put(self, key: str, content: bytes) -> None:
        await asyncio.to_thread(self._asked, "put_object", Key=checked(key), Body=content)

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, checked(key))

    async def drop(self, key: str) -> None:
        await asyncio.to_thread(self._asked, "delete_object", Key=checked(key))

    async def lying(self, merchant_id: str) -> Sequence[Lying]:
        return await asyncio.to_thread(self._lying, merchant_id)

    def _get(self, key: str) -> bytes | None:
        told = self._asked("get_object", Key=key)
        return None if told is None else bytes(told["content"])

    def _lying(self, merchant_id: str) -> Sequence[Lying]:
        found: list[Lying] = []
        more: dict[str, str] = {}
        while True:
            told = self._asked("list_objects_v2", Prefix=f"{merchant_id}/", **more)
            if told is None:
                return found
            found += [Lying(each["Key"], each["LastModified"]) for each in told.get("Contents", ())]
            if not told.get("IsTruncated"):
                return found
            more = {"ContinuationToken": told["NextContinuationToken"]}

    def _asked(self, what: str, **told: object) -> Any:
        """Ask the store. Its own trouble becomes ours; None: there is no such content."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415

        try:
            answer = getattr(self._client(), what)(Bucket=self._at.bucket, **told)
            if "Body" in answer:
                answer["content"] = answer["Body"].read()
        except ClientError as no:
            code = str(no.response.get("Error", {}).get("Code", ""))
            if code in {"NoSuchKey", "404"}:
                return None
            if code in _REFUSALS:
                raise Denied("file.store_refused", why=code) from no
            raise Denied("file.store_away", why=code) from no
        except (BotoCoreError, HTTPClientError, OSError) as trouble:
            raise Denied("file.store_away", why=type(trouble).__name__) from trouble
        return answer

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._connected()
        return self._made

    def _connected(self) -> Any:
        import boto3  # noqa: PLC0415  # 40 MB of memory, for those alone who keep files there
        from botocore.config import Config  # noqa: PLC0415

        return boto3.session.Session().client(
            "s3",
            endpoint_url=self._at.endpoint,
            region_name=self._at.region or "us-east-1",
            aws_access_key_id=key_text(self._at.key_id_file, "YUANLU_S3_KEY_ID_FILE"),
            aws_secret_access_key=key_text(self._at.secret_file, "YUANLU_S3_SECRET_FILE"),
            config=Config(
                connect_timeout=5,
                read_timeout=self._seconds_max,
                retries={"max_attempts": 2, "mode": "standard"},
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )
