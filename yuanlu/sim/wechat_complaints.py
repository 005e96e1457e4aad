"""WeChat Pay's complaints 2.0 on the wire. Source: channels.md 2.1 (multipart), 2.3 (payer_phone), 2.7, 2.8, 2.9."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from datetime import date, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from yuanlu.sim.books import Reason, Refusal
from yuanlu.sim.complaints import Act, Complaint, Complaints, Standing, kind_of
from yuanlu.sim.keys import KeyRing
from yuanlu.sim.wechat import MCHID, Caller, Fields, Rejected, Route, bad_param, is_loopback, rfc3339, text_of, told_as
from yuanlu.sim.wire import Answer, Request, multipart

ROOT = "/v3/merchant-service"
SPAN_DAYS_MAX = 30
WORDS_MAX = 200
IMAGES_MAX = 4
IMAGE_BYTES_MAX = 2 * 1024 * 1024
STATES = {
    Standing.PENDING: "PENDING",
    Standing.PROCESSING: "PROCESSING",
    Standing.PLATFORM: "PROCESSING",
    Standing.PROCESSED: "PROCESSED",
    Standing.WITHDRAWN: "PROCESSED",
}
ACTS = {
    Act.CREATE: ("USER_CREATE_COMPLAINT", "投诉人"),
    Act.CONTINUE: ("USER_CONTINUE_COMPLAINT", "投诉人"),
    Act.RESPOND: ("USER_RESPONSE", "投诉人"),
    Act.REPLY: ("MERCHANT_RESPONSE", "商家"),
    Act.APPROVE: ("MERCHANT_APPROVE_REFUND", "商家"),
    Act.REJECT: ("MERCHANT_REFUSE_RERUND", "商家"),
    Act.COMPLETE: ("MERCHANT_CONFIRM_COMPLETE", "商家"),
    Act.CONFIRM: ("USER_COMFIRM_COMPLAINT", "投诉人"),
    Act.REFUNDED: ("COMPLAINT_FULL_REFUNDED_SYSTEM_MESSAGE", "系统"),
}
"""What the history calls an act, and who did it. Two of the words are spelt as the provider spells them."""
ACTIONS = {
    Act.CREATE: "CREATE_COMPLAINT",
    Act.CONTINUE: "CONTINUE_COMPLAINT",
    Act.RESPOND: "USER_RESPONSE",
    Act.REPLY: "MERCHANT_RESPONSE",
    Act.APPROVE: "MERCHANT_APPROVE_REFUND",
    Act.REJECT: "MERCHANT_REJECT_REFUND",
    Act.COMPLETE: "MERCHANT_CONFIRM_COMPLETE",
    Act.CONFIRM: "USER_COMFIRM_COMPLAINT",
    Act.REFUNDED: "SELLER_REFUND",
}
"""What a notice calls it."""
_OAEP = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303 - theirs


class WechatComplaints:
    """The calls of `merchant-service`."""

    def __init__(self, complaints: Complaints, keys: KeyRing) -> None:
        self.complaints = complaints
        self.keys = keys
        one = rf"{ROOT}/complaints-v2/(?P<complaint>[^/]+)"
        self.routes: list[Route] = [
            ("GET", re.compile(f"{ROOT}/complaints-v2"), "complaint_list", self._list),
            ("GET", re.compile(one), "complaint_see", self._see),
            ("GET", re.compile(f"{one}/negotiation-historys"), "complaint_history", self._history),
            ("POST", re.compile(f"{one}/response"), "complaint_reply", self._reply),
            ("POST", re.compile(f"{one}/complete"), "complaint_finish", self._complete),
            ("POST", re.compile(f"{one}/update-refund-progress"), "complaint_decide", self._decide),
            ("POST", re.compile(f"{ROOT}/images/upload"), "complaint_upload", self._upload),
            ("GET", re.compile(f"{ROOT}/images/(?P<media>[^/]+)"), "complaint_fetch", self._image),
            *(
                (method, re.compile(f"{ROOT}/complaint-notifications"), "complaint_notify", self._notify)
                for method in ("POST", "GET", "PUT", "DELETE")
            ),
        ]

    # Reading

    def _list(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del caller, fields
        query = request.query
        begin, end = _day(query, "begin_date"), _day(query, "end_date")
        if end < begin or (end - begin) >= timedelta(days=SPAN_DAYS_MAX):
            bad_param("end_date", query.get("end_date"), "查询日期跨度不超过30天", "query")
        if query.get("complainted_mchid", MCHID) != MCHID:
            bad_param("complainted_mchid", query["complainted_mchid"], "与商户号不一致", "query")
        limit, offset = _whole(query, "limit", 10, 1, 50), _whole(query, "offset", 0, 0, 10**6)
        found = self.complaints.between(begin, end)
        told = [self._told(each, request) for each in found[offset : offset + limit]]
        return told_as({"data": told, "limit": limit, "offset": offset, "total_count": len(found)})

    def _see(self, request: Request, caller: Caller, fields: Fields, complaint: str) -> Answer:
        del caller, fields
        return told_as(self._told(self.complaints.find(complaint), request))

    def _history(self, request: Request, caller: Caller, fields: Fields, complaint: str) -> Answer:
        del caller, fields
        query = request.query
        limit, offset = _whole(query, "limit", 100, 1, 300), _whole(query, "offset", 0, 0, 10**6)
        found = self.complaints.find(complaint).history[::-1]
        told = [
            {
                "log_id": each.id,
                "operator": ACTS[each.act][1],
                "operate_time": rfc3339(each.at),
                "operate_type": ACTS[each.act][0],
                "operate_details": each.text,
                "image_list": [self._url(request, name) for name in each.images],
            }
            for each in found[offset : offset + limit]
        ]
        return told_as({"data": told, "limit": limit, "offset": offset, "total_count": len(found)})

    def _told(self, complaint: Complaint, request: Request) -> Fields:
        order = complaint.order
        sealed = self.keys.merchant.public.encrypt(complaint.phone.encode(), _OAEP)
        told: dict[str, Any] = {
            "complaint_id": complaint.number,
            "complaint_time": rfc3339(complaint.at),
            "complaint_detail": complaint.text,
            "complaint_state": STATES[complaint.standing],
            "payer_phone": b64encode(sealed).decode() if complaint.phone else None,
            "payer_openid": order.payer.name if order.payer else "",
            "complaint_order_info": [
                {
                    "transaction_id": order.channel_number,
                    "out_trade_no": order.number,
                    "amount": order.amount_fen,
                }
            ],
            "complaint_full_refunded": complaint.is_refunded,
            "incoming_user_response": complaint.has_news,
            "user_complaint_times": complaint.times,
            "problem_description": complaint.text[:20],
            "problem_type": complaint.kind,
            "user_tag_list": [],
            "in_platform_service": complaint.standing is Standing.PLATFORM,
            "need_immediate_service": False,
        }
        if complaint.images:
            urls = [self._url(request, name) for name in complaint.images]
            told["complaint_media_list"] = [{"media_type": "USER_COMPLAINT_IMAGE", "media_url": urls}]
        if complaint.asked_fen is not None:
            told["apply_refund_amount"] = complaint.asked_fen
        return told

    def _url(self, request: Request, name: str) -> str:
        return f"{request.base_url}{ROOT}/images/{name}"

    # Answering

    def _reply(self, request: Request, caller: Caller, fields: Fields, complaint: str) -> Answer:
        del request, caller
        _merchant(fields)
        text = text_of(fields, "response_content", WORDS_MAX)
        self.complaints.answer(complaint, Act.REPLY, text, _images(fields, "response_images"))
        return Answer(204)

    def _decide(self, request: Request, caller: Caller, fields: Fields, complaint: str) -> Answer:
        del request, caller
        action = fields.get("action")
        if action not in {"APPROVE", "REJECT"}:
            bad_param("action", action, "取值有误")
        if action == "REJECT":
            text = text_of(fields, "reject_reason", WORDS_MAX)
            images = _images(fields, "reject_media_list")
            self.complaints.decide(complaint, approves=False, text=text, days=None, images=images)
            return Answer(204)
        days = fields.get("launch_refund_day")
        if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= 30:
            bad_param("launch_refund_day", days, "应为0至30的整数")
        text = text_of(fields, "remark", WORDS_MAX, is_optional=True)
        self.complaints.decide(complaint, approves=True, text=text, days=days, images=())
        return Answer(204)

    def _complete(self, request: Request, caller: Caller, fields: Fields, complaint: str) -> Answer:
        del request, caller
        _merchant(fields)
        self.complaints.complete(complaint)
        return Answer(204)

    # Images

    def _upload(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del caller, fields
        parts = multipart(request)
        try:
            meta = json.loads(parts["meta"].body)
            name, sha256 = str(meta["filename"]), str(meta["sha256"])
            body = parts["file"].body
        except (KeyError, ValueError, TypeError):
            bad_param("meta", None, "应为含filename与sha256的JSON")
        if not re.fullmatch(r"[^/\\]+\.(jpg|jpeg|png|bmp)", name, re.IGNORECASE) or not kind_of(body):
            bad_param("file", name, "只支持jpg、png、bmp")
        if len(body) > IMAGE_BYTES_MAX:
            bad_param("file", name, "图片不超过2M")
        if hashlib.sha256(body).hexdigest() != sha256.lower():
            bad_param("meta.sha256", sha256, "与文件不一致")
        return told_as({"media_id": self.complaints.keep(kind_of(body), body)})

    def _image(self, request: Request, caller: Caller, fields: Fields, media: str) -> Answer:
        del request, caller, fields
        image = self.complaints.images.get(media)
        if image is None:
            raise Refusal(Reason.IMAGE_UNKNOWN)
        return Answer(200, image.body, {"Content-Type": f"image/{image.kind}"})

    # Where notices go

    def _notify(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del caller
        known = self.complaints.notify_url
        if request.method == "DELETE":
            self.complaints.notify_url = ""
            return Answer(204)
        if request.method in {"GET", "PUT"} and not known:
            raise Rejected(404, "RESOURCE_NOT_EXISTS", "未设置投诉通知回调地址")
        if request.method in {"POST", "PUT"}:
            url = text_of(fields, "url", 255)
            if not is_loopback(url):
                bad_param("url", url, "模拟器只通知本机地址")
            if request.method == "POST" and known:
                raise Rejected(400, "INVALID_REQUEST", "投诉通知回调地址已存在，请使用更新接口")
            self.complaints.notify_url = url
        return told_as({"mchid": MCHID, "url": self.complaints.notify_url})


def _merchant(fields: Fields) -> None:
    if fields.get("complainted_mchid") != MCHID:
        bad_param("complainted_mchid", fields.get("complainted_mchid"), "与商户号不一致")


def _images(fields: Fields, name: str) -> list[str]:
    given = fields.get(name) or []
    if not isinstance(given, list) or len(given) > IMAGES_MAX or not all(isinstance(each, str) for each in given):
        bad_param(name, given, f"最多{IMAGES_MAX}张")
    return given


def _day(query: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(query.get(name, ""))
    except ValueError:
        bad_param(name, query.get(name), "格式应为YYYY-MM-DD", "query")


def _whole(query: dict[str, str], name: str, usual: int, least: int, most: int) -> int:
    text = query.get(name, str(usual))
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        bad_param(name, text, f"应为{least}至{most}", "query")
    return int(text)
