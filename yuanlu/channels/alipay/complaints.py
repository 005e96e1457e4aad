"""Alipay's trade complaints (`alipay.merchant.tradecomplain.*`) as bytes and values.

They travel as all calls of the gateway do; an image goes as multipart, signed over its text fields. There are no
notices: complaints are found by asking. The status words are kept as text; only those that the field descriptions of
the public SDK call ended count as ended, so a word nobody knows keeps a complaint open.
Source: channels.md 4.1, 4.2, 4.7 (read 2026-11-23), field descriptions of the public SDK.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from yuanlu.channels import law, wire
from yuanlu.channels.alipay import keys as alipay_keys
from yuanlu.channels.alipay.keys import AlipayKeys
from yuanlu.channels.contract import (
    Call,
    ComplaintStep,
    Deed,
    Entry,
    Grievance,
    Heard,
    ListComplaints,
    Matter,
    Operation,
    Reply,
    Saying,
    SeeComplaint,
    SendFeedback,
    SendReply,
    SendSupplement,
    Side,
    UploadImage,
    Word,
)
from yuanlu.errors import Broken
from yuanlu.money import from_yuan

BOOK = "alipay"
METHODS: Mapping[Matter, str] = {
    Matter.LIST: "alipay.merchant.tradecomplain.batchquery",
    Matter.SEE: "alipay.merchant.tradecomplain.query",
    Matter.REPLY: "alipay.merchant.tradecomplain.reply.submit",
    Matter.FEEDBACK: "alipay.merchant.tradecomplain.feedback.submit",
    Matter.SUPPLEMENT: "alipay.merchant.tradecomplain.supplement.submit",
    Matter.UPLOAD: "alipay.merchant.image.upload",
}
ENDED = frozenset({"FINISHED", "CANCELLED", "CLOSED", "PLATFORM_FINISH"})
ROLES: Mapping[str, Side] = {"USER": Side.PAYER, "MERCHANT": Side.MERCHANT}
EXCEPTIONS: law.Exceptions = {
    (Operation.REFUND, "ACQ.INVALID_PARAMETER"): law.Said(Word.REFUSED),
    (Operation.REFUND, "INVALID_PARAMETER"): law.Said(Word.REFUSED),
    (Operation.REFUND, "STATUS_NOT_ALLOWED"): law.Said(Word.REFUSED),
}
ABSENT = frozenset({"COMPLAIN_NOT_EXIST", "ACQ.COMPLAIN_NOT_EXIST", "RECORD_NOT_EXIST"})
_OF_GATEWAY = frozenset({"20000", "20001", "40001", "40002", "40003", "40005", "40006"})
_MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png"}
_json = msgspec.json.Encoder().encode


class _Record(msgspec.Struct):
    content: str | None = None
    gmt_create: str = ""
    images: list[str] | None = None
    replier_role: str = ""


class _Complaint(msgspec.Struct):
    complain_event_id: str
    status: str
    trade_no: str | None = None
    merchant_order_no: str | None = None
    gmt_create: str | None = None
    leaf_category_name: str | None = None
    complain_reason: str | None = None
    content: str | None = None
    images: list[str] | None = None
    phone_no: str | None = None
    trade_amount: str | None = None
    reply_detail_infos: list[_Record] | None = None


class _Page(msgspec.Struct):
    trade_complain_infos: list[_Complaint] | None = None
    total_num: int | str = 0


class _Uploaded(msgspec.Struct):
    image_id: str


class _Node(msgspec.Struct):
    code: str
    sub_code: str | None = None


_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_node = msgspec.json.Decoder(_Node).decode
_text = msgspec.json.Decoder(str).decode
_complaint = msgspec.json.Decoder(_Complaint).decode
_page = msgspec.json.Decoder(_Page).decode
_uploaded = msgspec.json.Decoder(_Uploaded).decode


# Asking


def ask(step: ComplaintStep, keys: AlipayKeys, at: datetime, nonce: str) -> Call:
    """Write the request."""
    if step.operation not in METHODS:
        raise Broken(f"Alipay knows no step {type(step).__name__}")
    if isinstance(step, UploadImage):
        return _upload(step, keys, at, nonce)
    return alipay_keys.call(keys, METHODS[step.operation], {"biz_content": _json(_asked(step)).decode()}, at)


def _asked(step: ComplaintStep) -> dict[str, Any]:
    match step:
        case ListComplaints():
            return {
                "begin_time": f"{step.begin_on.isoformat()} 00:00:00",
                "end_time": f"{step.end_on.isoformat()} 23:59:59",
                "page_num": step.page + 1,
                "page_size": step.page_size,
            }
        case SeeComplaint():
            return {"complain_event_id": step.complaint}
        case SendReply():
            return _answer(step, "reply")
        case SendFeedback():
            return _answer(step, "feedback") | {"feedback_code": step.code}
        case SendSupplement():
            return _answer(step, "supplement")
    raise Broken(f"Alipay knows no step {type(step).__name__}")


def _answer(step: Saying, name: str) -> dict[str, Any]:
    """ "Several image ids, parted by commas" (field description)."""
    said = {"complain_event_id": step.complaint, f"{name}_content": step.text}
    return said | ({f"{name}_images": ",".join(step.media)} if step.media else {})


def _upload(step: UploadImage, keys: AlipayKeys, at: datetime, nonce: str) -> Call:
    """The text fields are signed, the file is not: it travels beside them."""
    fields = alipay_keys.said_as(keys, METHODS[Matter.UPLOAD], {"image_type": step.kind}, at)
    boundary = f"yuanlu{hashlib.sha256(fields['sign'].encode() + nonce.encode()).hexdigest()}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n'
        f"Content-Type: text/plain;charset=utf-8\r\n\r\n{value}\r\n".encode()
        for name, value in fields.items()
    ]
    parts += [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image_content"; filename="{step.name}"\r\n'
        f"Content-Type: {_MEDIA_TYPES[step.kind]}\r\n\r\n".encode(),
        step.body,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    headers = {
        "Accept": "application/json",
        "User-Agent": wire.AGENT,
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    }
    return Call(method="POST", url=keys.gateway, headers=headers, body=b"".join(parts))


# Hearing


def hear(step: ComplaintStep, reply: Reply, keys: AlipayKeys) -> Heard:
    """Read the answer. Never raises."""
    try:
        return _heard(step, reply, keys)
    except wire.UNREADABLE:
        return _unknown(wire.MALFORMED)


def _unknown(code: str) -> Heard:
    return Heard(word=Word.UNKNOWN, code=code)


def _heard(step: ComplaintStep, reply: Reply, keys: AlipayKeys) -> Heard:
    if reply.status != 200:
        return _unknown(wire.no_words(reply.status).code)
    nodes = _envelope(reply.body)
    raw = nodes.get(METHODS[step.operation].replace(".", "_") + "_response") or nodes.get("error_response")
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
        return _refused(step, node)
    return _HEARD.get(step.operation, _done)(step, text)


def _refused(step: ComplaintStep, node: _Node) -> Heard:
    code = node.sub_code or node.code
    if code in ABSENT:
        return Heard(word=Word.ABSENT, code=code)
    if node.code == "20000" or not step.sends:
        return _unknown(code)
    told = law.judged(BOOK, code, Operation.REFUND, EXCEPTIONS)
    return Heard(word=told.word, code=code, reason=told.reason)


def _done(step: ComplaintStep, text: bytes) -> Heard:
    return Heard(word=Word.SETTLED, code="10000")


def _listed(step: ComplaintStep, text: bytes) -> Heard:
    page = _page(text)
    told = tuple(_grievance(each) for each in page.trade_complain_infos or ())
    return Heard(word=Word.SETTLED, complaints=told, total=int(page.total_num))


def _seen(step: ComplaintStep, text: bytes) -> Heard:
    assert isinstance(step, SeeComplaint)
    told = _complaint(text)
    if told.complain_event_id != step.complaint:
        return _unknown(wire.MISMATCH)
    return Heard(word=Word.SETTLED, complaints=(_grievance(told),), entries=_entries(told), total=1)


def _got(step: ComplaintStep, text: bytes) -> Heard:
    media = _uploaded(text).image_id
    return Heard(word=Word.SETTLED, media=media) if media else _unknown(wire.MALFORMED)


_HEARD: Mapping[Matter, Callable[[ComplaintStep, bytes], Heard]] = {
    Matter.LIST: _listed,
    Matter.SEE: _seen,
    Matter.UPLOAD: _got,
}


def _grievance(told: _Complaint) -> Grievance:
    if not told.complain_event_id or not told.status:
        raise ValueError("a complaint without id or state")
    paid = from_yuan(told.trade_amount) if told.trade_amount else None
    records = told.reply_detail_infos or []
    return Grievance(
        id=told.complain_event_id,
        state=told.status,
        is_open=told.status not in ENDED,
        order_number=told.merchant_order_no or "",
        channel_number=told.trade_no or "",
        kind=told.leaf_category_name or "",
        paid=paid,
        at=wire.beijing_moment(told.gmt_create),
        has_news=bool(records) and records[-1].replier_role == "USER",
        text="\n".join(each for each in (told.complain_reason, told.content) if each),
        phone=told.phone_no or "",
        images=tuple(told.images or ()),
    )


def _entries(told: _Complaint) -> tuple[Entry, ...] | None:
    """The history. Its entries have no ids: one follows from what is said, and of equals from the place among them."""
    if told.reply_detail_infos is None:
        return None
    found: list[Entry] = []
    seen: dict[str, int] = {}
    for record in told.reply_detail_infos:
        at = wire.beijing_moment(record.gmt_create)
        if at is None:
            raise ValueError("an entry without time")
        said = "\x1f".join((record.replier_role, record.gmt_create, record.content or "", *(record.images or ())))
        mark = hashlib.sha256(said.encode()).hexdigest()[:24]
        seen[mark] = seen.get(mark, 0) + 1
        side = ROLES.get(record.replier_role, Side.PLATFORM)
        images = tuple(record.images or ())
        entry = Entry(
            id=f"{mark}.{seen[mark]}", side=side, deed=Deed.SPOKE, at=at, text=record.content or "", images=images
        )
        found.append(entry)
    return tuple(found)
