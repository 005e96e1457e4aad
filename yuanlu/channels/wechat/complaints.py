"""WeChat Pay's complaints 2.0 as bytes and values.

The same law as for payments: 2xx is signed and verified before a byte of it counts, 4xx rest on TLS, a 5xx never means
failed. Two calls are otherwise: an image is uploaded as multipart of which only the JSON `meta` is signed, and an image
that is fetched comes unsigned. `payer_phone` is sealed for the merchant's own certificate (RSA-OAEP with SHA-1).
Source: channels.md 2.3, 2.8 (read 2026-11-23); words of the history as in the public documents of the API's clients.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1

from yuanlu.channels import law, wire
from yuanlu.channels.contract import (
    Call,
    ComplaintStep,
    DecideRefund,
    Deed,
    Entry,
    FetchImage,
    FinishComplaint,
    Grievance,
    Heard,
    ListComplaints,
    Matter,
    NotifyOfComplaints,
    Operation,
    Reply,
    SeeComplaint,
    SeeHistory,
    SendReply,
    Side,
    UploadImage,
    Word,
)
from yuanlu.channels.wechat import keys as wechat_keys
from yuanlu.channels.wechat.keys import WechatKeys
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money

COMPLAINTS = "/v3/merchant-service/complaints-v2"
IMAGES = "/v3/merchant-service/images"
NOTIFICATIONS = "/v3/merchant-service/complaint-notifications"
FINISHED = "PROCESSED"
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "bmp": "image/bmp"}
_json = msgspec.json.Encoder().encode
_OAEP = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 # nosec B303 - WeChat Pay's choice

ENTRIES: Mapping[str, tuple[Side, Deed]] = {
    "USER_CREATE_COMPLAINT": (Side.PAYER, Deed.OPENED),
    "USER_CONTINUE_COMPLAINT": (Side.PAYER, Deed.SPOKE),
    "USER_RESPONSE": (Side.PAYER, Deed.SPOKE),
    "MERCHANT_RESPONSE": (Side.MERCHANT, Deed.SPOKE),
    "MERCHANT_CONFIRM_COMPLETE": (Side.MERCHANT, Deed.FINISHED),
    "MERCHANT_APPROVE_REFUND": (Side.MERCHANT, Deed.APPROVED),
    "MERCHANT_REFUSE_RERUND": (Side.MERCHANT, Deed.DECLINED),  # spelt so by them
    "MERCHANT_REJECT_REFUND": (Side.MERCHANT, Deed.DECLINED),  # and so in their notices
    "PLATFORM_RESPONSE": (Side.PLATFORM, Deed.SPOKE),
    "USER_REVOKE_COMPLAINT": (Side.PAYER, Deed.FINISHED),
    "USER_COMFIRM_COMPLAINT": (Side.PAYER, Deed.FINISHED),  # spelt so by them
}
"""What the words of the history say. All others are remarks of the system."""


EXCEPTIONS: law.Exceptions = {
    # What a complaint's call says with it is about its content or the complaint's state: said once, it stays so.
    (Operation.REFUND, "PARAM_ERROR"): law.Said(Word.REFUSED),
    (Operation.REFUND, "INVALID_REQUEST"): law.Said(Word.REFUSED),
}
"""Where the sending of an answer is otherwise than the general law of what sends (that of a refund)."""


class _Order(msgspec.Struct):
    transaction_id: str = ""
    out_trade_no: str = ""
    amount: int | None = None


class _Media(msgspec.Struct):
    media_type: str = ""
    media_url: list[str] = msgspec.field(default_factory=list)


class _Complaint(msgspec.Struct):
    complaint_id: str
    complaint_state: str
    complaint_time: str = ""
    complaint_detail: str | None = None
    payer_phone: str | None = None
    payer_openid: str | None = None
    complaint_order_info: list[_Order] = msgspec.field(default_factory=list)
    complaint_media_list: list[_Media] | None = None
    complaint_full_refunded: bool = False
    incoming_user_response: bool = False
    user_complaint_times: int = 1
    problem_type: str | None = None
    apply_refund_amount: int | None = None


class _Page(msgspec.Struct):
    data: list[_Complaint]
    total_count: int = 0


class _Entry(msgspec.Struct):
    log_id: str
    operate_time: str
    operate_type: str
    operate_details: str | None = None
    image_list: list[str] | None = None
    complaint_media_list: list[_Media] | _Media | None = None


class _History(msgspec.Struct):
    data: list[_Entry]
    total_count: int = 0


class _Uploaded(msgspec.Struct):
    media_id: str


class _Trouble(msgspec.Struct):
    code: str = ""


_complaint = msgspec.json.Decoder(_Complaint).decode
_page = msgspec.json.Decoder(_Page).decode
_history = msgspec.json.Decoder(_History).decode
_uploaded = msgspec.json.Decoder(_Uploaded).decode
_trouble = msgspec.json.Decoder(_Trouble).decode


# Asking


def ask(step: ComplaintStep, keys: WechatKeys, at: datetime, nonce: str) -> Call:
    """Write the request.

    Raises Denied: channel.notify_url_missing.
    """
    if isinstance(step, UploadImage):
        return _upload(step, keys, at, nonce)
    method, path, said = _asked(step, keys)
    return wechat_keys.call(keys, method, path, _json(said) if said else b"", at, nonce)


def _asked(step: ComplaintStep, keys: WechatKeys) -> tuple[str, str, dict[str, Any] | None]:
    """Method, path and body."""
    match step:
        case ListComplaints():
            place = f"limit={step.page_size}&offset={step.page * step.page_size}"
            days = f"begin_date={step.begin_on.isoformat()}&end_date={step.end_on.isoformat()}"
            return "GET", f"{COMPLAINTS}?{place}&{days}&complainted_mchid={keys.mchid}", None
        case SeeComplaint():
            return "GET", _place(step.complaint), None
        case SeeHistory():
            place = f"limit={step.page_size}&offset={step.page * step.page_size}"
            return "GET", f"{_place(step.complaint)}/negotiation-historys?{place}", None
        case SendReply():
            said: dict[str, Any] = {"complainted_mchid": keys.mchid, "response_content": step.text}
            if step.media:
                said["response_images"] = list(step.media)
            return "POST", f"{_place(step.complaint)}/response", said
        case DecideRefund():
            return "POST", f"{_place(step.complaint)}/update-refund-progress", _decision(step)
        case FinishComplaint():
            return "POST", f"{_place(step.complaint)}/complete", {"complainted_mchid": keys.mchid}
        case FetchImage():
            return "GET", image_path(step.place, keys), None
        case NotifyOfComplaints():
            if not keys.notify_url:
                raise Denied("channel.notify_url_missing", channel="wechat")
            return ("PUT" if step.again else "POST"), NOTIFICATIONS, {"url": keys.notify_url}
    raise Broken(f"WeChat Pay knows no step {type(step).__name__}")


def _place(complaint: str) -> str:
    return f"{COMPLAINTS}/{quote(complaint, safe='')}"


def _decision(step: DecideRefund) -> dict[str, Any]:
    if step.approves:
        return {"action": "APPROVE", "launch_refund_day": step.days} | ({"remark": step.text} if step.text else {})
    said: dict[str, Any] = {"action": "REJECT", "reject_reason": step.text}
    return said | ({"reject_media_list": list(step.media)} if step.media else {})


def image_path(place: str, keys: WechatKeys) -> str:
    """The path of an image, wherever the channel says it is: never another host, never another kind of call.

    Raises ValueError: it is no image of WeChat Pay's.
    """
    parts = urlsplit(place)
    own = urlsplit(keys.base_url)
    name = parts.path.removeprefix(f"{IMAGES}/")
    is_there = (parts.scheme, parts.netloc) in {(own.scheme, own.netloc), ("", "")}
    if not is_there or name == parts.path or not name or "/" in name or ".." in name or parts.query:
        raise ValueError("no image of this channel")
    return f"{IMAGES}/{name}"


def _upload(step: UploadImage, keys: WechatKeys, at: datetime, nonce: str) -> Call:
    """ "Multipart ...: only the `meta` JSON text" is signed (2.1). The boundary stands in neither part."""
    meta = _json({"filename": step.name, "sha256": hashlib.sha256(step.body).hexdigest()})
    boundary = f"yuanlu{hashlib.sha256(meta + nonce.encode()).hexdigest()}"
    lines = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="meta"\r\n'
        "Content-Type: application/json\r\n\r\n".encode(),
        meta,
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{step.name}"\r\n'
        f"Content-Type: {MEDIA_TYPES[step.kind]}\r\n\r\n".encode(),
        step.body,
        f"\r\n--{boundary}--\r\n".encode(),
    )
    signed = wechat_keys.call(keys, "POST", f"{IMAGES}/upload", meta, at, nonce)
    headers = {**signed.headers, "Content-Type": f"multipart/form-data; boundary={boundary}"}
    return Call(method="POST", url=signed.url, headers=headers, body=b"".join(lines))


# Hearing


def hear(step: ComplaintStep, reply: Reply, keys: WechatKeys, at: datetime) -> Heard:
    """Read the answer. Never raises."""
    try:
        if reply.status >= 300:
            return _refused(step, reply)
        if isinstance(step, FetchImage):
            return Heard(word=Word.SETTLED, image=reply.body) if reply.body else _unknown(wire.MALFORMED)
        if not wechat_keys.is_genuine(reply, keys, at):
            return _unknown(wire.BAD_SIGNATURE)
        return _HEARD.get(step.operation, _done)(step, reply, keys)
    except wire.UNREADABLE:
        return _unknown(wire.MALFORMED)


def _unknown(code: str) -> Heard:
    return Heard(word=Word.UNKNOWN, code=code)


def _refused(step: ComplaintStep, reply: Reply) -> Heard:
    """An answer that is no 2xx: a question's refusal says nothing, but for "there is none"."""
    try:
        code = _trouble(reply.body).code
    except wire.UNREADABLE:
        code = ""
    if not code or reply.status < 400 or reply.status >= 500:
        return _unknown(code or wire.no_words(reply.status).code)
    if code in {"RESOURCE_NOT_EXISTS", "NOT_FOUND"}:
        return Heard(word=Word.ABSENT, code=code)
    if not step.sends and step.operation is not Matter.NOTIFY:
        return _unknown(code)
    told = law.judged("wechat_v3", code, Operation.REFUND, EXCEPTIONS)
    return Heard(word=told.word, code=code, reason=told.reason)


def _done(step: ComplaintStep, reply: Reply, keys: WechatKeys) -> Heard:
    """204, or 200 with the address of notices."""
    return Heard(word=Word.SETTLED)


def _listed(step: ComplaintStep, reply: Reply, keys: WechatKeys) -> Heard:
    page = _page(reply.body)
    told = tuple(_grievance(each, keys) for each in page.data)
    return Heard(word=Word.SETTLED, complaints=told, total=page.total_count)


def _seen(step: ComplaintStep, reply: Reply, keys: WechatKeys) -> Heard:
    assert isinstance(step, SeeComplaint)
    told = _complaint(reply.body)
    if told.complaint_id != step.complaint:
        return _unknown(wire.MISMATCH)
    return Heard(word=Word.SETTLED, complaints=(_grievance(told, keys),), total=1)


def _told(step: ComplaintStep, reply: Reply, keys: WechatKeys) -> Heard:
    page = _history(reply.body)
    entries = tuple(_entry(each) for each in page.data)
    return Heard(word=Word.SETTLED, entries=entries, total=page.total_count)


def _got(step: ComplaintStep, reply: Reply, keys: WechatKeys) -> Heard:
    media = _uploaded(reply.body).media_id
    return Heard(word=Word.SETTLED, media=media) if media else _unknown(wire.MALFORMED)


_HEARD: Mapping[Matter, Callable[[ComplaintStep, Reply, WechatKeys], Heard]] = {
    Matter.LIST: _listed,
    Matter.SEE: _seen,
    Matter.HISTORY: _told,
    Matter.UPLOAD: _got,
}


def _grievance(told: _Complaint, keys: WechatKeys) -> Grievance:
    if not told.complaint_id or not told.complaint_state:
        raise ValueError("a complaint without id or state")
    order = told.complaint_order_info[0] if told.complaint_order_info else _Order()
    asked = told.apply_refund_amount
    return Grievance(
        id=told.complaint_id,
        state=told.complaint_state,
        is_open=told.complaint_state != FINISHED,
        order_number=order.out_trade_no,
        channel_number=order.transaction_id,
        kind=told.problem_type or "",
        asks_refund=told.problem_type == "REFUND",
        asked=None if asked is None else Money(asked),
        paid=None if order.amount is None else Money(order.amount),
        at=wire.moment(told.complaint_time),
        times=told.user_complaint_times,
        has_news=told.incoming_user_response,
        is_refunded=told.complaint_full_refunded,
        text=told.complaint_detail or "",
        phone=_phone(told.payer_phone, keys),
        payer=told.payer_openid or "",
        images=_urls(told.complaint_media_list),
    )


def _phone(sealed: str | None, keys: WechatKeys) -> str:
    """The payer's phone. One that does not open (sealed for an older certificate) is none: it decides nothing."""
    if not sealed:
        return ""
    try:
        return keys.merchant_key.decrypt(base64.b64decode(sealed, validate=True), _OAEP).decode()
    except ValueError:
        return ""


def _urls(media: list[_Media] | _Media | None) -> tuple[str, ...]:
    each = [media] if isinstance(media, _Media) else media or []
    return tuple(url for one in each for url in one.media_url)


def _entry(told: _Entry) -> Entry:
    at = wire.moment(told.operate_time)
    if at is None or not told.log_id:
        raise ValueError("an entry without id or time")
    side, deed = ENTRIES.get(told.operate_type, (Side.PLATFORM, Deed.NOTED))
    images = tuple(dict.fromkeys((*(told.image_list or ()), *_urls(told.complaint_media_list))))
    return Entry(id=told.log_id, side=side, deed=deed, at=at, text=told.operate_details or "", images=images)
