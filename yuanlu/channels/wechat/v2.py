"""WeChat Pay v2: XML, for merchants whose payment codes (or refunds) still go by it.

HTTP is always 200; read `return_code` (transport), then `result_code` (business), then `err_code`. A transport failure
is unsigned and has no code: it says nothing. Every business answer is signed, failures too, and is verified first.
Source: channels.md section 3, read 2026-11-23.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from xml.sax.saxutils import escape

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from yuanlu.channels import law, wire
from yuanlu.channels.contract import (
    Call,
    Figures,
    Operation,
    Outcome,
    Pay,
    Query,
    QueryRefund,
    Reason,
    Reply,
    Reverse,
    SendRefund,
    Step,
    Word,
)
from yuanlu.channels.law import Said
from yuanlu.channels.wechat.keys import WechatKeys
from yuanlu.errors import Broken
from yuanlu.money import Money

BOOK = "wechat_v2"

EXCEPTIONS: law.Exceptions = {
    # "订单已关闭", "订单已撤销": whatever was paid under this number went back.
    (Operation.PAY, "ORDERCLOSED"): Said(Word.ENDED),
    (Operation.PAY, "ORDERREVERSED"): Said(Word.ENDED),
    # "Payer must key the password".
    (Operation.PAY, "USERPAYING"): Said(Word.PENDING, Reason.PAYER_CONFIRMS),
    # "订单不存在", "退款不存在": clear answers to a question.
    (Operation.QUERY, "ORDERNOTEXIST"): Said(Word.ABSENT),
    (Operation.REFUND_QUERY, "REFUNDNOTEXIST"): Said(Word.ABSENT),
    (Operation.REVERSE, "ORDERNOTEXIST"): Said(Word.ABSENT),
    (Operation.REVERSE, "ORDERREVERSED"): Said(Word.ENDED),
    (Operation.REVERSE, "ORDERCLOSED"): Said(Word.ENDED),
    # "Reverse: within 7 days" (2.6); after it, a refund is the way.
    (Operation.REVERSE, "REVERSE_EXPIRE"): Said(Word.BARRED),
    # "Order state does not allow reversal": repeating cannot change that; asking tells which state.
    (Operation.REVERSE, "TRADE_STATE_ERROR"): Said(Word.BARRED),
}

_PATHS: Mapping[Operation, str] = {
    Operation.PAY: "/pay/micropay",
    Operation.QUERY: "/pay/orderquery",
    Operation.REVERSE: "/secapi/pay/reverse",
    Operation.REFUND: "/secapi/pay/refund",
    Operation.REFUND_QUERY: "/pay/refundquery",
}
TRADE_STATES: Mapping[str, Said] = {
    "SUCCESS": Said(Word.SETTLED),
    "REFUND": Said(Word.SETTLED),
    "NOTPAY": Said(Word.PENDING, Reason.NOT_PAID),
    "USERPAYING": Said(Word.PENDING, Reason.PAYER_CONFIRMS),
    "CLOSED": Said(Word.ENDED),
    "REVOKED": Said(Word.ENDED),
    "PAYERROR": Said(Word.REFUSED),
}
REFUND_STATES: Mapping[str, tuple[str, Said]] = {
    "SUCCESS": ("REFUND:SUCCESS", Said(Word.SETTLED)),
    "PROCESSING": ("REFUND:PROCESSING", Said(Word.PENDING, Reason.PROCESSING)),
    "REFUNDCLOSE": ("REFUND:CLOSED", Said(Word.REFUSED)),
    "CHANGE": ("REFUND:ABNORMAL", Said(Word.STRANDED)),
}
"""v2's state, the v3 word for it (the books know that one), and what it says."""


def is_for(step: Step, keys: WechatKeys) -> bool:
    """Whether this merchant's step goes by v2. Shown orders never do."""
    match step:
        case Pay() | Reverse():
            return keys.code_pay_v2
        case Query():
            return keys.code_pay_v2 and step.scanned
        case SendRefund() | QueryRefund():
            return keys.refund_v2
    return False


def ask(step: Step, keys: WechatKeys, nonce: str) -> Call:
    """Write the request for a step."""
    path = _PATHS[step.operation]
    said = {"appid": keys.appid, "mch_id": keys.mchid, "nonce_str": nonce, "out_trade_no": step.payment_id}
    said |= _details(step, keys) | {"sign_type": keys.v2_sign_type}
    said["sign"] = signature(said, keys.v2_key, keys.v2_sign_type)
    body = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in said.items() if value)
    return Call(
        method="POST",
        url=keys.base_url + path,
        headers={"Accept": "text/xml", "User-Agent": wire.AGENT, "Content-Type": "text/xml; charset=utf-8"},
        body=f"<xml>{body}</xml>".encode(),
        identity=keys.identity if path.startswith("/secapi/") else None,
    )


def _details(step: Step, keys: WechatKeys) -> dict[str, str]:
    match step:
        case Pay():
            return {
                "body": wire.clip(step.description, 127),
                "total_fee": str(step.amount.amount),
                "fee_type": step.amount.currency,
                "spbill_create_ip": keys.device_ip,
                "auth_code": step.code,
                "device_info": step.till_id,
            }
        case SendRefund():
            return {
                "out_refund_no": step.refund_id,
                "total_fee": str(step.amount.amount),
                "refund_fee": str(step.back.amount),
                "refund_desc": wire.clip(step.reason, 80),
                "notify_url": keys.notify_url,
            }
        case QueryRefund():
            return {"out_refund_no": step.refund_id}
        case Query() | Reverse():
            return {}
    raise Broken(f"WeChat Pay v2 knows no step {type(step).__name__}")


def signature(said: Mapping[str, str], key: str, sign_type: str) -> str:
    """Sort the non-empty fields except `sign`, join `k=v` with `&`, append the key; upper-case hex."""
    text = "&".join(f"{name}={said[name]}" for name in sorted(said) if said[name] and name != "sign")
    text = f"{text}&key={key}"
    if sign_type == "HMAC-SHA256":
        return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def fields(body: bytes) -> dict[str, str]:
    """The fields of a flat XML document.

    Raises ValueError when it is no XML, or nests, or reaches outside itself.
    """
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError) as trouble:
        raise ValueError("no XML") from trouble
    if any(len(child) for child in root):
        raise ValueError("not flat")
    return {child.tag: (child.text or "").strip() for child in root}


def hear(step: Step, reply: Reply, keys: WechatKeys) -> Outcome:
    """Read the answer to a step. May raise `wire.UNREADABLE`."""
    if reply.status != 200:
        return wire.no_words(reply.status)
    told = fields(reply.body)
    if told.get("return_code") != "SUCCESS":
        return wire.unknown("return_code=FAIL" if told.get("return_code") == "FAIL" else wire.MALFORMED)
    if not hmac.compare_digest(told.get("sign", "").encode(), signature(told, keys.v2_key, keys.v2_sign_type).encode()):
        return wire.unknown(wire.BAD_SIGNATURE)
    if (told.get("mch_id"), told.get("appid")) != (keys.mchid, keys.appid):
        return wire.unknown(wire.MISMATCH)
    if step.operation is Operation.REVERSE and told.get("recall") == "Y":
        return wire.unknown("recall=Y")
    if told.get("result_code") != "SUCCESS":
        code = told.get("err_code", "")
        return law.judged(BOOK, code, step.operation, EXCEPTIONS) if code else wire.unknown(wire.MALFORMED)
    return _heard(step, told)


def _heard(step: Step, told: Mapping[str, str]) -> Outcome:
    match step:
        case Pay():
            return _traded(step, told, "SUCCESS")
        case Query():
            return _traded(step, told, told.get("trade_state", ""))
        case Reverse():
            return Outcome(word=Word.ENDED, code="REVOKED")
        case SendRefund():
            return _accepted(step, told)
        case QueryRefund():
            return _refund_found(step, told)
    raise Broken(f"WeChat Pay v2 knows no step {type(step).__name__}")


def _traded(step: Step, told: Mapping[str, str], state: str) -> Outcome:
    word, reason = TRADE_STATES.get(state, (Word.UNKNOWN, None))
    amount = Money(int(told["total_fee"])) if told.get("total_fee") else None
    if told.get("out_trade_no") != step.payment_id or amount not in (None, step.amount):
        return wire.unknown(wire.MISMATCH)
    if word is Word.SETTLED and (amount is None or not told.get("transaction_id")):
        return wire.unknown(wire.MALFORMED)
    return Outcome(
        word=word,
        code=state or wire.MALFORMED,
        reason=reason,
        amount=amount,
        channel_number=told.get("transaction_id", ""),
        payer=told.get("openid", ""),
        at=_moment(told.get("time_end")),
        figures=_figures(told) if word is Word.SETTLED else None,
    )


def _figures(told: Mapping[str, str]) -> Figures | None:
    """Who paid how much: `cash_fee` by the payer, `coupon_fee` by coupons; `settlement_total_fee` is credited."""
    payer = _fen(told, "cash_fee")
    if payer is None:
        return None
    total = int(told["total_fee"])
    settled, coupon = _fen(told, "settlement_total_fee"), _fen(told, "coupon_fee")
    shop = None if settled is None else total - settled
    return Figures(payer=payer, coupon=total - payer if coupon is None else coupon, coupon_shop=shop, settled=settled)


def _fen(told: Mapping[str, str], name: str) -> int | None:
    text = told.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 13 else None


def _moment(text: str | None) -> datetime | None:
    return wire.beijing_moment(text, "%Y%m%d%H%M%S")


def _accepted(step: SendRefund, told: Mapping[str, str]) -> Outcome:
    """Success of a refund only means accepted: the query says what became of it."""
    said = (told.get("out_trade_no"), told.get("out_refund_no"), told.get("refund_fee"), told.get("total_fee"))
    if said != (step.payment_id, step.refund_id, str(step.back.amount), str(step.amount.amount)):
        return wire.unknown(wire.MISMATCH)
    return Outcome(
        word=Word.PENDING,
        code="REFUND:PROCESSING",
        reason=Reason.PROCESSING,
        amount=step.back,
        channel_number=told.get("refund_id", ""),
    )


def _refund_found(step: QueryRefund, told: Mapping[str, str]) -> Outcome:
    """The answer lists the refunds of an order, numbered from 0: ours is the one with our number."""
    place = next((name[14:] for name, value in told.items() if _names(name) and value == step.refund_id), None)
    if place is None or told.get("out_trade_no") != step.payment_id:
        return wire.unknown(wire.MISMATCH)
    if told.get(f"refund_fee_{place}") != str(step.back.amount):
        return wire.unknown(wire.MISMATCH)
    state = told.get(f"refund_status_{place}", "")
    code, (word, reason) = REFUND_STATES.get(state, (state or wire.MALFORMED, Said(Word.UNKNOWN)))
    return Outcome(
        word=word,
        code=code,
        reason=reason,
        amount=step.back,
        channel_number=told.get(f"refund_id_{place}", ""),
        at=wire.beijing_moment(told.get(f"refund_success_time_{place}")),
        received_into=told.get(f"refund_recv_accout_{place}", ""),
        figures=_figures_back(step.back.amount, told, place),
    )


def _figures_back(back_fen: int, told: Mapping[str, str], place: str) -> Figures | None:
    """Who gets how much of a refund, where it says the coupons' part."""
    coupon, settled = _fen(told, f"coupon_refund_fee_{place}"), _fen(told, f"settlement_refund_fee_{place}")
    if coupon is None and settled is None:
        return None
    return Figures(payer=None if coupon is None else back_fen - coupon, coupon=coupon, settled=settled)


def _names(field: str) -> bool:
    return field.startswith("out_refund_no_") and field[14:].isdigit()
