"""Complaints on the wire, for both channels: what we ask, what we hear, what we refuse to believe."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wechatpayv3 import utils as sdk

from tests.contract.speaking import MERCHANT, NOON, STRANGER
from tests.contract.wire.alipay import far_side as alipay_far
from tests.contract.wire.wechat import far_side as wechat_far
from tests.making import PAYMENT
from yuanlu.channels import evidence
from yuanlu.channels.alipay.keys import signed_text
from yuanlu.channels.contract import (
    REMOTE,
    Call,
    Channel,
    ComplaintStep,
    DecideRefund,
    Deed,
    FetchImage,
    FinishComplaint,
    Heard,
    ListComplaints,
    Matter,
    NotifyOfComplaints,
    Reply,
    SeeComplaint,
    SeeHistory,
    SendFeedback,
    SendReply,
    SendSupplement,
    Side,
    UploadImage,
    Word,
)
from yuanlu.channels.registry import CODECS, FACTS
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money
from yuanlu.sim.keys import KeyRing, Pair, open_ring
from yuanlu.sim.wire import Request, multipart

WECHAT, ALIPAY = Channel.WECHAT, Channel.ALIPAY
ID = "200201820200101080076610000"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return open_ring(tmp_path_factory.getbasetemp() / "sim-keys", 1)


class Line:
    """Both ends of a channel."""

    def __init__(self, channel: Channel, ring: KeyRing) -> None:
        self.channel, self.ring, self.codec = channel, ring, CODECS[channel]
        self.far: Any = (wechat_far if channel is WECHAT else alipay_far).DIALECTS[0](ring)
        self.keys = self.codec.keys(self.far.config)

    def step(self, kind: type[ComplaintStep], /, **more: Any) -> Any:
        return kind(**{"merchant_id": MERCHANT, "channel": self.channel} | more)

    def ask(self, step: ComplaintStep) -> Call:
        return self.codec.ask_complaint(step, self.keys, NOON, "nonce")

    def hear(self, step: ComplaintStep, reply: Reply) -> Heard:
        return self.codec.hear_complaint(step, reply, self.keys, NOON)

    def answer(self, step: ComplaintStep, told: Any, *, signer: Any = None, spoilt: bool = False) -> Reply:
        """An answer signed as the provider signs (or by a stranger, or of other bytes)."""
        text = json.dumps(told, ensure_ascii=False) if not isinstance(told, str) else told
        pair = signer or (self.far.signer if self.channel is WECHAT else self.ring.alipay)
        if self.channel is WECHAT:
            headers = self.far.signed(text + (" " if spoilt else ""), signer=pair)
            return Reply(status=200, headers=headers, body=text.encode())
        text = json.dumps({"code": "10000", "msg": "Success"} | json.loads(text), ensure_ascii=False)
        name = METHODS[step.operation].replace(".", "_") + "_response"
        sign = pair.sign(text.encode() + (b" " if spoilt else b""))
        return Reply(status=200, headers={}, body=f'{{"{name}":{text},"sign":"{sign}"}}'.encode())


METHODS = {
    Matter.LIST: "alipay.merchant.tradecomplain.batchquery",
    Matter.SEE: "alipay.merchant.tradecomplain.query",
    Matter.REPLY: "alipay.merchant.tradecomplain.reply.submit",
    Matter.FEEDBACK: "alipay.merchant.tradecomplain.feedback.submit",
    Matter.SUPPLEMENT: "alipay.merchant.tradecomplain.supplement.submit",
    Matter.UPLOAD: "alipay.merchant.image.upload",
}


@pytest.fixture
def wechat(ring: KeyRing) -> Line:
    return Line(WECHAT, ring)


@pytest.fixture
def alipay(ring: KeyRing) -> Line:
    return Line(ALIPAY, ring)


@pytest.fixture(params=list(REMOTE))
def line(request: pytest.FixtureRequest, ring: KeyRing) -> Line:
    return Line(request.param, ring)


# What we ask

WECHAT_STEPS = [
    (
        ListComplaints, {"begin_on": date(2026, 11, 1), "end_on": date(2026, 11, 23), "page": 2, "page_size": 50},
        "GET", ("/v3/merchant-service/complaints-v2?limit=50&offset=100&begin_date=2026-11-01&end_date=2026-11-23"
        "&complainted_mchid=1900000109"), {},
    ),
    (SeeComplaint, {"complaint": ID}, "GET", f"/v3/merchant-service/complaints-v2/{ID}", {}),
    (SeeComplaint, {"complaint": "a/../b?c"}, "GET", "/v3/merchant-service/complaints-v2/a%2F..%2Fb%3Fc", {}),
    (
        SeeHistory, {"complaint": ID, "page": 1, "page_size": 300}, "GET",
        f"/v3/merchant-service/complaints-v2/{ID}/negotiation-historys?limit=300&offset=300", {},
    ),
    (
        SendReply, {"complaint": ID, "text": "好的", "media": ("m1",)}, "POST",
        f"/v3/merchant-service/complaints-v2/{ID}/response",
        {"complainted_mchid": "1900000109", "response_content": "好的", "response_images": ["m1"]},
    ),
    (
        DecideRefund, {"complaint": ID, "approves": True, "days": 3}, "POST",
        f"/v3/merchant-service/complaints-v2/{ID}/update-refund-progress",
        {"action": "APPROVE", "launch_refund_day": 3},
    ),
    (
        DecideRefund, {"complaint": ID, "approves": False, "text": "已使用", "media": ("m1",)}, "POST",
        f"/v3/merchant-service/complaints-v2/{ID}/update-refund-progress",
        {"action": "REJECT", "reject_reason": "已使用", "reject_media_list": ["m1"]},
    ),
    (
        FinishComplaint, {"complaint": ID}, "POST", f"/v3/merchant-service/complaints-v2/{ID}/complete",
        {"complainted_mchid": "1900000109"},
    ),
    (
        NotifyOfComplaints, {"again": True}, "PUT", "/v3/merchant-service/complaint-notifications",
        {"url": "https://shop.example/callbacks/wechat"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "more", "method", "path", "says"), WECHAT_STEPS)
def test_wechat_is_asked_as_documented_and_signed(
    kind: Any, more: Any, method: str, path: str, says: Any, wechat: Line
) -> None:
    assert wechat.far.read(wechat.ask(wechat.step(kind, **more))) == {"method": method, "path": path, "says": says}


ALIPAY_STEPS = [
    (
        ListComplaints, {"begin_on": date(2026, 11, 1), "end_on": date(2026, 11, 23), "page": 0, "page_size": 20},
        {"begin_time": "2026-11-01 00:00:00", "end_time": "2026-11-23 23:59:59", "page_num": 1, "page_size": 20},
    ),
    (SeeComplaint, {"complaint": ID}, {"complain_event_id": ID}),
    (
        SendReply, {"complaint": ID, "text": "好的", "media": ("a", "b")},
        {"complain_event_id": ID, "reply_content": "好的", "reply_images": "a,b"},
    ),
    (
        SendFeedback, {"complaint": ID, "text": "已退", "code": "00"},
        {"complain_event_id": ID, "feedback_content": "已退", "feedback_code": "00"},
    ),
    (
        SendSupplement, {"complaint": ID, "text": "凭证"}, {"complain_event_id": ID, "supplement_content": "凭证"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "more", "says"), ALIPAY_STEPS)
def test_alipay_is_asked_as_documented_and_signed(kind: Any, more: Any, says: Any, alipay: Line) -> None:
    step = alipay.step(kind, **more)
    told = {name: values[0] for name, values in parse_qs(alipay.ask(step).body.decode()).items()}
    assert alipay.ring.app.has_signed(signed_text(told), base64.b64decode(told["sign"]))
    assert (told["method"], json.loads(told["biz_content"])) == (METHODS[step.operation], says)


def test_of_wechats_multipart_only_the_meta_is_signed(wechat: Line) -> None:
    call = wechat.ask(wechat.step(UploadImage, name="a.png", kind="png", body=PNG))
    parts = multipart(Request("POST", "/", call.headers, call.body))
    meta = parts["meta"].body
    assert json.loads(meta) == {"filename": "a.png", "sha256": hashlib.sha256(PNG).hexdigest()}
    assert parts["file"].body == PNG
    assert wechat.far.read(replace(call, body=meta))["method"] == "POST"


def test_of_alipays_multipart_the_text_fields_are_signed(alipay: Line) -> None:
    call = alipay.ask(alipay.step(UploadImage, name="a.png", kind="png", body=PNG))
    parts = multipart(Request("POST", "/", call.headers, call.body))
    assert parts.pop("image_content").body == PNG
    told = {name: part.body.decode() for name, part in parts.items()}
    assert alipay.ring.app.has_signed(signed_text(told), base64.b64decode(told["sign"]))
    assert (told["method"], told["image_type"]) == ("alipay.merchant.image.upload", "png")


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/v3/merchant-service/images/a", "https://evil.example/v3/merchant-service/images/a",
        "https://api.mch.weixin.qq.com@evil.example/v3/merchant-service/images/a",
        "https://api.mch.weixin.qq.com/v3/refund/domestic/refunds/a", "/v3/merchant-service/images/../complaints-v2",
        "/v3/merchant-service/images/a?b=c", "/v3/merchant-service/images/", "", "file:///etc/passwd", "//evil/x",
    ],
)  # fmt: skip
def test_an_image_elsewhere_is_never_fetched(place: str, wechat: Line) -> None:
    with pytest.raises(ValueError, match="no image"):
        wechat.ask(wechat.step(FetchImage, place=place))


def test_nobody_is_told_an_address_that_nobody_gave(ring: KeyRing) -> None:
    line = Line(WECHAT, ring)
    keys = line.codec.keys({**line.far.config, "notify_url": ""})
    with pytest.raises(Denied, match="notify_url_missing"):
        line.codec.ask_complaint(line.step(NotifyOfComplaints, again=False), keys, NOON, "n")


def test_what_a_channel_lacks_is_never_asked(alipay: Line) -> None:
    for step in (alipay.step(FinishComplaint, complaint=ID), alipay.step(DecideRefund, complaint=ID, approves=True)):
        with pytest.raises(Broken):
            alipay.ask(step)
        facts = FACTS[ALIPAY].complaints
        assert facts is not None
        assert step.operation not in facts.can


# What we hear


def wechat_complaint(ring: KeyRing, **more: Any) -> dict[str, Any]:
    oaep = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)
    phone = base64.b64encode(ring.merchant.public.encrypt(b"13800000000", oaep)).decode()
    return {
        "complaint_id": ID, "complaint_time": "2026-11-23T11:00:00+08:00", "complaint_detail": "多扣了",
        "complaint_state": "PENDING", "payer_phone": phone, "payer_openid": "oUpF8",
        "complaint_order_info": [{"transaction_id": "4200", "out_trade_no": PAYMENT, "amount": 1280}],
        "complaint_full_refunded": False, "incoming_user_response": True, "user_complaint_times": 2,
        "problem_type": "REFUND", "apply_refund_amount": 480,
        "complaint_media_list": [{"media_type": "USER_COMPLAINT_IMAGE", "media_url": ["https://a/b"]}],
    } | more  # fmt: skip


def alipay_complaint(**more: Any) -> dict[str, Any]:
    return {
        "complain_event_id": ID, "status": "MERCHANT_PROCESSING", "trade_no": "2026", "merchant_order_no": PAYMENT,
        "gmt_create": "2026-11-23 11:00:00", "leaf_category_name": "退款", "content": "多扣了",
        "phone_no": "13800000000", "trade_amount": "12.80",
        "reply_detail_infos": [
            {"replier_role": "MERCHANT", "gmt_create": "2026-11-23 11:05:00", "content": "好"},
            {"replier_role": "MERCHANT", "gmt_create": "2026-11-23 11:05:00", "content": "好"},
            {"replier_role": "USER", "gmt_create": "2026-11-23 11:06:00", "content": "快点"},
        ],
    } | more  # fmt: skip


def seen(line: Line, ring: KeyRing) -> tuple[Any, dict[str, Any]]:
    told = wechat_complaint(ring) if line.channel is WECHAT else alipay_complaint()
    return line.step(SeeComplaint, complaint=ID), told


def test_wechats_complaint_is_read_and_its_phone_opened(wechat: Line, ring: KeyRing) -> None:
    step, told = seen(wechat, ring)
    one = wechat.hear(step, wechat.answer(step, told)).complaints[0]
    assert (one.id, one.state, one.is_open, one.order_number) == (ID, "PENDING", True, PAYMENT)
    assert (one.asks_refund, one.asked, one.paid, one.times) == (True, Money(480), Money(1280), 2)
    assert (one.phone, one.text, one.images) == ("13800000000", "多扣了", ("https://a/b",))
    assert "13800000000" not in repr(one)
    other = wechat.hear(step, wechat.answer(step, told | {"payer_phone": "bm9uZQ=="}))
    assert (other.word, other.complaints[0].phone) == (Word.SETTLED, "")


def test_alipays_complaint_is_read_with_its_history(alipay: Line, ring: KeyRing) -> None:
    step, told = seen(alipay, ring)
    heard = alipay.hear(step, alipay.answer(step, told))
    one, entries = heard.complaints[0], heard.entries or ()
    assert (one.paid, one.has_news, one.is_open) == (Money(1280), True, True)
    assert [(each.side, each.deed) for each in entries] == [
        (Side.MERCHANT, Deed.SPOKE), (Side.MERCHANT, Deed.SPOKE), (Side.PAYER, Deed.SPOKE),
    ]  # fmt: skip
    assert len({each.id for each in entries}) == 3


@pytest.mark.parametrize("status", ["FINISHED", "CANCELLED", "CLOSED", "PLATFORM_FINISH"])
def test_alipays_ended_words_end_a_complaint_and_an_unknown_word_does_not(status: str, alipay: Line) -> None:
    step = alipay.step(SeeComplaint, complaint=ID)
    ended = alipay.hear(step, alipay.answer(step, alipay_complaint(status=status)))
    assert not ended.complaints[0].is_open
    strange = alipay.hear(step, alipay.answer(step, alipay_complaint(status="SOMETHING_NEW")))
    assert (strange.complaints[0].is_open, strange.complaints[0].state) == (True, "SOMETHING_NEW")


def test_an_answer_about_another_complaint_is_no_answer(line: Line, ring: KeyRing) -> None:
    _, told = seen(line, ring)
    step = line.step(SeeComplaint, complaint="another")
    assert line.hear(step, line.answer(step, told)).code == "client.mismatch"


def test_a_signature_that_is_not_the_channels_is_not_believed(line: Line, ring: KeyRing) -> None:
    step, told = seen(line, ring)
    stranger = Pair(STRANGER, STRANGER.public_key())
    for reply in (line.answer(step, told, signer=stranger), line.answer(step, told, spoilt=True)):
        assert (line.hear(step, reply).word, line.hear(step, reply).code) == (Word.UNKNOWN, "client.bad_signature")
    reply = line.answer(step, told)
    body = json.loads(reply.body)
    body.pop("sign", None)
    naked = Reply(status=200, headers={}, body=json.dumps(body).encode())
    assert line.hear(step, naked).code == "client.bad_signature"


@pytest.mark.parametrize("status", [500, 502, 503, 302])
def test_trouble_is_unknown_and_never_a_no(status: int, line: Line) -> None:
    for step in (line.step(SeeComplaint, complaint=ID), line.step(SendReply, complaint=ID, text="好")):
        for body in (b"", b"<html>", b'{"code":"SYSTEM_ERROR"}', b"\xff\xfe"):
            assert line.hear(step, Reply(status=status, headers={}, body=body)).word is Word.UNKNOWN


def test_a_clear_no_to_an_answer_is_refused_and_to_a_question_says_nothing(wechat: Line) -> None:
    no = Reply(status=400, headers={}, body=b'{"code":"INVALID_REQUEST"}')
    gone = Reply(status=404, headers={}, body=b'{"code":"RESOURCE_NOT_EXISTS"}')
    busy = Reply(status=429, headers={}, body=b'{"code":"FREQUENCY_LIMITED"}')
    reply, see = wechat.step(SendReply, complaint=ID, text="好"), wechat.step(SeeComplaint, complaint=ID)
    assert [wechat.hear(reply, each).word for each in (no, gone, busy)] == [Word.REFUSED, Word.ABSENT, Word.UNKNOWN]
    assert [wechat.hear(see, each).word for each in (no, gone, busy)] == [Word.UNKNOWN, Word.ABSENT, Word.UNKNOWN]


@given(body=st.one_of(st.binary(max_size=300), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["data", "complaint_id", "complaint_state", "complaint_order_info", "total_count", "trade_complain_infos"]
    ), inner, max_size=4), max_leaves=8).map(lambda told: json.dumps(told).encode())))  # fmt: skip
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_answer_whatever_it_says_makes_the_codec_raise(body: bytes, ring: KeyRing) -> None:
    line = Line(WECHAT, ring)
    text = body.decode("utf-8", "replace")
    for step in (
        line.step(ListComplaints, begin_on=date(2026, 11, 1), end_on=date(2026, 11, 2), page=0, page_size=5),
        line.step(SeeComplaint, complaint=ID),
        line.step(SeeHistory, complaint=ID, page=0, page_size=5),
        line.step(UploadImage, name="a.png", kind="png", body=PNG),
    ):
        heard = line.hear(step, line.answer(step, text))
        assert heard.word in (Word.UNKNOWN, Word.SETTLED)


# What is kept


def test_evidence_of_a_complaint_tells_nothing_of_a_person(line: Line, ring: KeyRing) -> None:
    step, told = seen(line, ring)
    reply = line.answer(step, told)
    kept = evidence.of_complaint(step, reply, NOON, 3)
    assert kept.digest == hashlib.sha256(reply.body).hexdigest()
    for secret in ("多扣了", "13800000000", "快点", "oUpF8", "https://a/b", told.get("payer_phone", "13800000000")):
        assert secret not in kept.body
    assert PAYMENT in kept.body


def test_evidence_of_what_is_no_json_is_its_size() -> None:
    step = FetchImage(merchant_id=MERCHANT, channel=WECHAT, place="x")
    assert evidence.of_complaint(step, Reply(status=200, headers={}, body=PNG), NOON, 3).body == "208 bytes, no JSON"


# Notices


def test_a_notice_of_a_complaint_names_it_and_disturbs_no_payment(wechat: Line) -> None:
    example = {"event": "COMPLAINT.STATE_CHANGE", "name": "x"}
    body = json.dumps({"complaint_id": ID, "action_type": "USER_RESPONSE"})
    news = wechat.codec.overhear(wechat.far.notice(example, body), wechat.keys, NOON)
    assert (news.complaint, news.payment_id, news.refund_id) == (ID, "", "")
    assert news.outcome.word is Word.PENDING
    bad = wechat.far.forged(example, body)
    for code, forged in (bad[name] for name in bad if "merchant" not in name):  # this notice names no merchant
        with pytest.raises(Denied) as no:
            wechat.codec.overhear(forged, wechat.keys, NOON)
        assert no.value.code in {code, "callback.forged", "callback.unreadable"}


def test_the_signature_of_a_request_is_good_to_the_public_sdk(wechat: Line) -> None:
    call = wechat.ask(wechat.step(FinishComplaint, complaint=ID))
    told = dict(part.split("=", 1) for part in call.headers["Authorization"].partition(" ")[2].split(","))
    head = f"POST\n/v3/merchant-service/complaints-v2/{ID}/complete\n{int(NOON.timestamp())}"
    assert sdk.rsa_verify(head, "nonce", call.body.decode(), told["signature"].strip('"'), wechat.ring.merchant.public)
