"""WeChat Pay's bills: where one is to be had, and whether what came is what was promised.

A bill's place is signed as every answer is; the file itself is not (channels.md 2.2), so what was promised about it is
what it is held to: the SHA-1 of its bytes, plain or packed ("undocumented whether of the plain or the gzip bytes":
both are tried). The request for the file is signed like any other, so its place must be WeChat Pay's own.
Source: channels.md 2.5, 10.1, 12 (read 2026-11-23).
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from urllib.parse import urlsplit

import msgspec

from yuanlu.channels import wire
from yuanlu.channels.contract import (
    STATEMENT_MAX,
    AskStatement,
    Call,
    FetchStatement,
    Handed,
    Paper,
    Reply,
    StatementStep,
    Word,
)
from yuanlu.channels.wechat import keys as wechat_keys
from yuanlu.channels.wechat.keys import WechatKeys
from yuanlu.errors import Broken

DOWNLOAD = "/v3/billdownload/file"
PATHS = {
    Paper.TRADES: "/v3/bill/tradebill?bill_date={on}&bill_type=ALL&tar_type=GZIP",
    Paper.PAID: "/v3/bill/tradebill?bill_date={on}&bill_type=SUCCESS&tar_type=GZIP",
    Paper.REFUNDED: "/v3/bill/tradebill?bill_date={on}&bill_type=REFUND&tar_type=GZIP",
    Paper.FLOW: "/v3/bill/fundflowbill?bill_date={on}&account_type=BASIC&tar_type=GZIP",
}
WORDS = {
    "NO_STATEMENT_EXIST": Word.ABSENT,
    "STATEMENT_CREATING": Word.PENDING,
}
UNPACKED_MAX = 4 << 30
_PIECE = 1 << 20


class _Place(msgspec.Struct):
    download_url: str
    hash_type: str = ""
    hash_value: str = ""


class _Trouble(msgspec.Struct):
    code: str = ""


_place = msgspec.json.Decoder(_Place).decode
_trouble = msgspec.json.Decoder(_Trouble).decode


def ask(step: StatementStep, keys: WechatKeys, at: datetime, nonce: str) -> Call:
    """Write the request. Raises ValueError: the place is none of WeChat Pay's."""
    match step:
        case AskStatement():
            path = PATHS[step.paper].format(on=step.on.isoformat())
            return wechat_keys.call(keys, "GET", path, b"", at, nonce)
        case FetchStatement():
            call = wechat_keys.call(keys, "GET", path_of(step.place, keys), b"", at, nonce)
            return replace(call, answer_max=STATEMENT_MAX)
    raise Broken(f"WeChat Pay knows no step {type(step).__name__}")


def path_of(place: str, keys: WechatKeys) -> str:
    """The path of a bill's file, wherever the channel says it is: never another host, never another kind of call.

    Raises ValueError: it is no bill of WeChat Pay's.
    """
    parts, own = urlsplit(place), urlsplit(keys.base_url)
    path = parts.path.removeprefix(own.path)
    if (parts.scheme, parts.netloc) != (own.scheme, own.netloc) or path != DOWNLOAD or not parts.query:
        raise ValueError("no bill of this channel")
    return f"{path}?{parts.query}"


def hear(step: StatementStep, reply: Reply, keys: WechatKeys, at: datetime) -> Handed:
    """Read the answer. Never raises."""
    try:
        if reply.status >= 300:
            return _refused(reply)
        if isinstance(step, FetchStatement):
            return _fetched(step, reply)
        if not wechat_keys.is_genuine(reply, keys, at):
            return _unknown(wire.BAD_SIGNATURE)
        told = _place(reply.body)
        path_of(told.download_url, keys)
        digest = f"{told.hash_type.lower()}:{told.hash_value.lower()}" if told.hash_value else ""
        return Handed(word=Word.SETTLED, place=told.download_url, digest=digest)
    except wire.UNREADABLE:
        return _unknown(wire.MALFORMED)


def _unknown(code: str) -> Handed:
    return Handed(word=Word.UNKNOWN, code=code)


def _refused(reply: Reply) -> Handed:
    """An answer that is no 2xx: of a question its refusal says nothing, but for the two clear words."""
    try:
        code = _trouble(reply.body).code
    except wire.UNREADABLE:
        code = ""
    if not code or reply.status < 400 or reply.status >= 500:
        return _unknown(code or wire.no_words(reply.status).code)
    return Handed(word=WORDS.get(code, Word.UNKNOWN), code=code)


def _fetched(step: FetchStatement, reply: Reply) -> Handed:
    if not reply.body:
        return _unknown(wire.MALFORMED)
    name, _, promised = step.digest.partition(":")
    if promised and not is_promised(name, promised, reply.body):
        return _unknown(wire.MISMATCH)
    return Handed(word=Word.SETTLED, content=reply.body, digest=step.digest)


def is_promised(name: str, promised: str, content: bytes) -> bool:
    """Whether bytes make the digest they were promised with, as they came or unpacked. An unknown kind is not."""
    if name != "sha1":
        return False
    return any(promised == hashed for hashed in _digests(content))


def _digests(content: bytes) -> Iterator[str]:
    yield hashlib.sha1(content, usedforsecurity=False).hexdigest()
    if content[:2] != b"\x1f\x8b":
        return
    plain, left = hashlib.sha1(usedforsecurity=False), UNPACKED_MAX
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as packed:
            while (piece := packed.read(_PIECE)) and left > 0:
                plain.update(piece)
                left -= len(piece)
    except (OSError, EOFError, zlib.error):
        return
    yield plain.hexdigest()
