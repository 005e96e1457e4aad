"""Alipay's bills: where one is to be had, and the file.

The place is in a signed answer and dead after 30 seconds; the file comes from another host of Alipay's, without a
signature and without a digest: it is told apart by what it says itself (its account, its totals).
Source: channels.md 4.4, 10.2 (read 2026-11-23); words as in the public documents of the call.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from yuanlu.channels import wire
from yuanlu.channels.alipay import keys as alipay_keys
from yuanlu.channels.alipay.keys import AlipayKeys
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
from yuanlu.errors import Broken

METHOD = "alipay.data.dataservice.bill.downloadurl.query"
NODE = METHOD.replace(".", "_") + "_response"
TYPES = {Paper.TRADES: "trade", Paper.FLOW: "signcustomer"}
HOSTS = (".alipay.com", ".alipaydev.com")
"""Where Alipay keeps files: of its own names only, over TLS."""
WORDS = {
    "NO_BILL_DATA": Word.ABSENT,
    "isp.bill_not_exist": Word.ABSENT,
    "BILL_NOT_EXIST": Word.PENDING,
    "isv.invalid-arguments": Word.UNKNOWN,
}
"""`BILL_NOT_EXIST`: not there *yet* ("T+1, usually before 09:00"); a day without trades has words of its own."""
_OF_GATEWAY = frozenset({"20000", "20001", "40001", "40002", "40003", "40005", "40006"})
_json = msgspec.json.Encoder().encode


class _Node(msgspec.Struct):
    code: str
    sub_code: str | None = None
    bill_download_url: str | None = None


_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_node = msgspec.json.Decoder(_Node).decode
_text = msgspec.json.Decoder(str).decode


def ask(step: StatementStep, keys: AlipayKeys, at: datetime) -> Call:
    """Write the request. Raises ValueError: the place is none of Alipay's."""
    match step:
        case AskStatement():
            said = {"bill_type": TYPES[step.paper], "bill_date": step.on.isoformat()}
            return alipay_keys.call(keys, METHOD, {"biz_content": _json(said).decode()}, at)
        case FetchStatement():
            headers = {"Accept": "*/*", "User-Agent": wire.AGENT}
            return Call(method="GET", url=checked(step.place, keys), headers=headers, answer_max=STATEMENT_MAX)
    raise Broken(f"Alipay knows no step {type(step).__name__}")


def checked(place: str, keys: AlipayKeys) -> str:
    """The place of a file, if it is Alipay's own, or on the very host we ask.

    Raises ValueError.
    """
    parts, own = urlsplit(place), urlsplit(keys.gateway)
    is_beside = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    host = f".{parts.hostname or ''}"
    if not is_beside and not (parts.scheme == "https" and host.endswith(HOSTS) and parts.port in (None, 443)):
        raise ValueError("no file of this channel")
    if parts.username is not None or not parts.path:
        raise ValueError("no file of this channel")
    return place


def hear(step: StatementStep, reply: Reply, keys: AlipayKeys) -> Handed:
    """Read the answer. Never raises."""
    try:
        if isinstance(step, FetchStatement):
            return _fetched(reply)
        return _heard(reply, keys)
    except wire.UNREADABLE:
        return _unknown(wire.MALFORMED)


def _unknown(code: str) -> Handed:
    return Handed(word=Word.UNKNOWN, code=code)


def _fetched(reply: Reply) -> Handed:
    if reply.status != 200:
        return _unknown(wire.no_words(reply.status).code)
    return Handed(word=Word.SETTLED, content=reply.body) if reply.body else _unknown(wire.MALFORMED)


def _heard(reply: Reply, keys: AlipayKeys) -> Handed:
    if reply.status != 200:
        return _unknown(wire.no_words(reply.status).code)
    nodes = _envelope(reply.body)
    raw = nodes.get(NODE) or nodes.get("error_response")
    if raw is None:
        return _unknown(wire.MALFORMED)
    text = bytes(raw)
    node = _node(text)
    if "sign" not in nodes:
        if node.code not in _OF_GATEWAY:
            return _unknown(wire.BAD_SIGNATURE)
    elif not wire.is_signed(keys.alipay_public_key, text, _text(nodes["sign"])):
        return _unknown(wire.BAD_SIGNATURE)
    if node.code != "10000":
        code = node.sub_code or node.code
        return Handed(word=WORDS.get(code, Word.UNKNOWN), code=code)
    return Handed(word=Word.SETTLED, place=checked(node.bill_download_url or "", keys))
