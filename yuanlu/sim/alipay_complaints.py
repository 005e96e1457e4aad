"""Alipay's trade complaints on the wire. Source: channels.md 4.1, 4.7; field descriptions of the public SDK."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from yuanlu.clock import CHINA
from yuanlu.sim.alipay import Action, Fields, bad_param
from yuanlu.sim.bills import local, yuan
from yuanlu.sim.complaints import Act, Complaint, Complaints, Standing, kind_of
from yuanlu.sim.wire import Request, multipart

WORDS_MAX = 200
PAGE_MAX = 20
SPAN_MAX = timedelta(days=366)
IMAGE_BYTES_MAX = 5 * 1024 * 1024
STATES = {
    Standing.PENDING: "MERCHANT_PROCESSING",
    Standing.PROCESSING: "MERCHANT_FEEDBACKED",
    Standing.PLATFORM: "PLATFORM_PROCESSING",
    Standing.PROCESSED: "FINISHED",
    Standing.WITHDRAWN: "CANCELLED",
}
ROLES = {
    Act.CONTINUE: "USER",
    Act.RESPOND: "USER",
    Act.REPLY: "MERCHANT",
    Act.FEEDBACK: "MERCHANT",
    Act.SUPPLEMENT: "MERCHANT",
}
"""Whose words the history shows. What the payer first wrote is the complaint itself."""
METHOD = "alipay.merchant.tradecomplain."
OPERATIONS = {
    f"{METHOD}batchquery": "complaint_list",
    f"{METHOD}query": "complaint_see",
    f"{METHOD}reply.submit": "complaint_reply",
    f"{METHOD}feedback.submit": "complaint_feedback",
    f"{METHOD}supplement.submit": "complaint_supplement",
    "alipay.merchant.image.upload": "complaint_upload",
}


class AlipayComplaints:
    """The methods of `tradecomplain`."""

    def __init__(self, complaints: Complaints) -> None:
        self.complaints = complaints
        self.actions: dict[str, Action] = {
            f"{METHOD}batchquery": self._list,
            f"{METHOD}query": self._see,
            f"{METHOD}reply.submit": self._reply,
            f"{METHOD}feedback.submit": self._feedback,
            f"{METHOD}supplement.submit": self._supplement,
            "alipay.merchant.image.upload": self._upload,
        }

    def _list(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        now = self.complaints.agenda.now()
        begin, end = _moment(fields, "begin_time", now - timedelta(days=30)), _moment(fields, "end_time", now)
        if end < begin or end - begin > SPAN_MAX:
            bad_param("begin_time和end_time时间跨度最大一年")
        page, size = _whole(fields, "page_num", 1, 10**6), _whole(fields, "page_size", 10, PAGE_MAX)
        found = self.complaints.between(begin.astimezone(CHINA).date(), end.astimezone(CHINA).date())
        found = [each for each in found if begin <= each.at <= end + timedelta(seconds=1)]
        if wanted := fields.get("status"):
            found = [each for each in found if STATES[each.standing] == wanted]
        told = [self._told(each) for each in found[(page - 1) * size : page * size]]
        pages = -(-len(found) // size)
        return {
            "page_num": page,
            "page_size": size,
            "total_num": len(found),
            "total_page_num": pages,
            "trade_complain_infos": told,
        }

    def _see(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        return self._told(self.complaints.find(_text(fields, "complain_event_id", 64)))

    def _told(self, complaint: Complaint) -> Fields:
        order = complaint.order
        told: Fields = {
            "complain_event_id": complaint.number,
            "status": STATES[complaint.standing],
            "trade_no": order.channel_number,
            "merchant_order_no": order.number,
            "gmt_create": local(complaint.at),
            "gmt_modified": local(complaint.changed_at),
            "leaf_category_name": complaint.kind,
            "complain_reason": "",
            "content": complaint.text,
            "images": [f"https://images.sim.test/{name}" for name in complaint.images],
            "phone_no": complaint.phone,
            "trade_amount": yuan(order.amount_fen),
            "reply_detail_infos": [
                {
                    "replier_role": ROLES[each.act],
                    "replier_name": "",
                    "gmt_create": local(each.at),
                    "content": each.text,
                    "images": [f"https://images.sim.test/{name}" for name in each.images],
                }
                for each in complaint.history
                if each.act in ROLES
            ],
        }
        if complaint.finished_at is not None:
            told["gmt_finished"] = local(complaint.finished_at)
        return told

    def _reply(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        return self._answer(fields, Act.REPLY, "reply")

    def _feedback(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        _text(fields, "feedback_code", 32)
        return self._answer(fields, Act.FEEDBACK, "feedback")

    def _supplement(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        return self._answer(fields, Act.SUPPLEMENT, "supplement")

    def _answer(self, fields: Fields, act: Act, name: str) -> Fields:
        number = _text(fields, "complain_event_id", 64)
        text = _text(fields, f"{name}_content", WORDS_MAX)
        images = fields.get(f"{name}_images", "")
        if not isinstance(images, str):
            bad_param(f"{name}_images")
        self.complaints.answer(number, act, text, [each for each in images.split(",") if each])
        return {}

    def _upload(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del fields
        parts = multipart(request)
        kind = params.get("image_type", "")
        if kind not in {"jpg", "jpeg", "png"} or "image_content" not in parts:
            bad_param("image_type")
        body = parts["image_content"].body
        if kind_of(body) != kind.replace("jpeg", "jpg") or len(body) > IMAGE_BYTES_MAX:
            bad_param("image_content")
        return {"image_id": self.complaints.keep(kind, body)}


def _text(fields: Fields, name: str, length_max: int) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > length_max:
        bad_param(name)
    return value


def _whole(fields: Fields, name: str, usual: int, most: int) -> int:
    text = str(fields.get(name, usual))
    if not re.fullmatch(r"[1-9]\d{0,6}", text) or int(text) > most:
        bad_param(name)
    return int(text)


def _moment(fields: Fields, name: str, usual: datetime) -> datetime:
    if name not in fields:
        return usual
    try:
        return datetime.strptime(str(fields[name]), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        bad_param(name)
