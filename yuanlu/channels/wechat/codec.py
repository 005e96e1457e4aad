"""WeChat Pay v3 as bytes and values.

What is believed: every 2xx is signed and verified before a byte of it counts. 4xx and 5xx are *not* signed by WeChat
Pay (channels.md 2.2), so a refusal rests on TLS alone: who can forge one already sits inside our connection. Could a
forged "refused" hurt? It could make a cashier charge again for what was paid, but it moves no money by itself, the
payer's wallet shows both, and the statement brings it to light. A 5xx never means failed, a query's refusal never says
anything about the payment, and "no such number" (ABSENT) needs two answers apart in time before it frees anything.

What is checked besides: that the answer is about what we asked (order and refund number, merchant, app, amounts).
Source: channels.md section 2, read 2026-11-23.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1

from yuanlu.channels import law, wire
from yuanlu.channels.contract import (
    Call,
    Callback,
    Close,
    ComplaintStep,
    Facts,
    Figures,
    Handed,
    Heard,
    Keeper,
    News,
    Operation,
    Outcome,
    Pay,
    Query,
    QueryRefund,
    Reason,
    Reply,
    Rescue,
    RescueTo,
    Reverse,
    SendRefund,
    Show,
    StatementStep,
    Step,
    Word,
)
from yuanlu.channels.law import Said
from yuanlu.channels.wechat import complaints, statements, v2
from yuanlu.channels.wechat import keys as wechat_keys
from yuanlu.channels.wechat.keys import Sealed, WechatKeeper, WechatKeys
from yuanlu.clock import CHINA
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money

BOOK = "wechat_v3"

_ORDERS = "/v3/pay/transactions/out-trade-no/"
_REFUNDS = "/v3/refund/domestic/refunds"
_json = msgspec.json.Encoder().encode

EXCEPTIONS: law.Exceptions = {
    # "订单已关闭": whatever was paid under this number went back.
    (Operation.PAY, "ORDER_CLOSED"): Said(Word.ENDED),
    # "404 RESOURCE_NOT_EXISTS = never accepted" (2.5).
    (Operation.REFUND_QUERY, "RESOURCE_NOT_EXISTS"): Said(Word.ABSENT),
    # "订单不存在": a clear answer to a question.
    (Operation.QUERY, "ORDER_NOT_EXIST"): Said(Word.ABSENT),
    (Operation.QUERY, "RESOURCE_NOT_EXISTS"): Said(Word.ABSENT),
    (Operation.QUERY, "268512771"): Said(Word.ABSENT),
    (Operation.REVERSE, "ORDER_NOT_EXIST"): Said(Word.ABSENT),
    (Operation.REVERSE, "RESOURCE_NOT_EXISTS"): Said(Word.ABSENT),
    (Operation.REVERSE, "268512771"): Said(Word.ABSENT),
    (Operation.CLOSE, "ORDER_NOT_EXIST"): Said(Word.ABSENT),
    (Operation.CLOSE, "RESOURCE_NOT_EXISTS"): Said(Word.ABSENT),
    (Operation.CLOSE, "268512771"): Said(Word.ABSENT),
    # "Close: 204; repeatable; refused for code-pay orders" (2.5), and for paid ones.
    (Operation.CLOSE, "ORDER_CLOSED"): Said(Word.ENDED),
    (Operation.CLOSE, "268449641"): Said(Word.BARRED),
    (Operation.CLOSE, "268449538"): Said(Word.BARRED),
    (Operation.CLOSE, "ORDERPAID"): Said(Word.BARRED),
    (Operation.CLOSE, "ORDER_PAID"): Said(Word.BARRED),
    (Operation.REVERSE, "ORDER_CLOSED"): Said(Word.ENDED),
    # "Reverse: within 7 days": the v2 word for too late; v3 publishes none of its own.
    (Operation.REVERSE, "REVERSE_EXPIRE"): Said(Word.BARRED),
    (Operation.REVERSE, "TRADE_OVERDUE"): Said(Word.BARRED),
    # "业务规则限制" names neither rule nor end: the identical request may pass later.
    (Operation.REFUND, "RULE_LIMIT"): Said(Word.DEFERRED, Reason.BUSY),
}
"""Where a provider's sentence says otherwise than the general law."""

_NUMBERED = frozenset({"268512771", "268449641", "268449538", "268447914", "268498688", "268448010"})
"""Detail codes at the end of Request-ID, which say more than the word beside them."""

TRADE_STATES: Mapping[str, Said] = {
    "SUCCESS": Said(Word.SETTLED),
    "REFUND": Said(Word.SETTLED),  # "any refund happened, also partial": so it was paid
    "NOTPAY": Said(Word.PENDING, Reason.NOT_PAID),
    "USERPAYING": Said(Word.PENDING, Reason.PAYER_CONFIRMS),
    "CLOSED": Said(Word.ENDED),
    "REVOKED": Said(Word.ENDED),
    "PAYERROR": Said(Word.REFUSED),
}
REFUND_STATES: Mapping[str, Said] = {
    "SUCCESS": Said(Word.SETTLED),
    "PROCESSING": Said(Word.PENDING, Reason.PROCESSING),
    "CLOSED": Said(Word.REFUSED),
    "ABNORMAL": Said(Word.STRANDED),
}


class _Amount(msgspec.Struct):
    """What is not needed to know whether money moved stays raw: it must never spoil an answer."""

    total: int | None = None
    refund: int | None = None
    currency: str | None = None
    payer_total: msgspec.Raw = msgspec.Raw(b"null")
    payer_refund: msgspec.Raw = msgspec.Raw(b"null")
    settlement_refund: msgspec.Raw = msgspec.Raw(b"null")
    discount_refund: msgspec.Raw = msgspec.Raw(b"null")
    refund_fee: msgspec.Raw = msgspec.Raw(b"null")


class _Coupon(msgspec.Struct):
    """One coupon of a payment: NOCASH ones are the shop's own and are not credited to it."""

    amount: int
    type: str = ""
    merchant_contribute: int | None = None


class _Payer(msgspec.Struct):
    openid: str | None = None


class _Trade(msgspec.Struct):
    """The transaction object."""

    out_trade_no: str
    mchid: str
    trade_state: str = ""
    appid: str | None = None
    transaction_id: str | None = None
    success_time: str | None = None
    payer: _Payer | None = None
    amount: _Amount | None = None
    promotion_detail: msgspec.Raw = msgspec.Raw(b"null")


class _Refund(msgspec.Struct):
    """The refund object. A notification says `refund_status` where an answer says `status`."""

    out_refund_no: str
    out_trade_no: str
    amount: _Amount
    status: str = ""
    refund_status: str = ""
    mchid: str | None = None
    refund_id: str | None = None
    user_received_account: str | None = None
    success_time: str | None = None


class _CodeUrl(msgspec.Struct):
    code_url: str


class _Reversed(msgspec.Struct):
    out_trade_no: str
    mchid: str


class _Trouble(msgspec.Struct):
    code: str = ""


class _Complained(msgspec.Struct):
    complaint_id: str
    action_type: str = ""


class _Notice(msgspec.Struct):
    id: str
    event_type: str
    resource: Sealed


_fen = msgspec.json.Decoder(int | None).decode
_coupons = msgspec.json.Decoder(list[_Coupon] | None).decode
_trade = msgspec.json.Decoder(_Trade).decode
_refund = msgspec.json.Decoder(_Refund).decode
_code_url = msgspec.json.Decoder(_CodeUrl).decode
_reversed = msgspec.json.Decoder(_Reversed).decode
_trouble = msgspec.json.Decoder(_Trouble).decode
_complained = msgspec.json.Decoder(_Complained).decode
_notice = msgspec.json.Decoder(_Notice).decode


class WechatCodec:
    """WeChat Pay, v3 with v2 behind each merchant's switch."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.keeper: Keeper | None = WechatKeeper()

    def keys(self, config: Mapping[str, Any]) -> WechatKeys:
        return wechat_keys.read(config)

    def ask(self, step: Step, keys: WechatKeys, at: datetime, nonce: str) -> Call:
        if v2.is_for(step, keys):
            return v2.ask(step, keys, nonce)
        method, path, said, serial = _asked(step, keys)
        return wechat_keys.call(keys, method, path, _json(said) if said else b"", at, nonce, serial)

    def hear(self, step: Step, reply: Reply, keys: WechatKeys, at: datetime) -> Outcome:
        try:
            if v2.is_for(step, keys):
                return v2.hear(step, reply, keys)
            if reply.status >= 300:
                return _refused(step, reply)
            if not wechat_keys.is_genuine(reply, keys, at):
                return wire.unknown(wire.BAD_SIGNATURE)
            return _HEARD[step.operation](step, reply, keys)
        except wire.UNREADABLE:
            return wire.unknown(wire.MALFORMED)

    def ask_complaint(self, step: ComplaintStep, keys: WechatKeys, at: datetime, nonce: str) -> Call:
        return complaints.ask(step, keys, at, nonce)

    def hear_complaint(self, step: ComplaintStep, reply: Reply, keys: WechatKeys, at: datetime) -> Heard:
        return complaints.hear(step, reply, keys, at)

    def ask_statement(self, step: StatementStep, keys: WechatKeys, at: datetime, nonce: str) -> Call:
        return statements.ask(step, keys, at, nonce)

    def hear_statement(self, step: StatementStep, reply: Reply, keys: WechatKeys, at: datetime) -> Handed:
        return statements.hear(step, reply, keys, at)

    def overhear(self, callback: Callback, keys: WechatKeys, at: datetime) -> News:
        """Verify and read a notification of a payment or a refund.

        "WeChat sends probe notifies whose signature starts with WECHATPAY/SIGNTEST/; they must be answered 4xx/5xx"
        (2.2), and v2 XML may come for refunds made by hand (2.7): both are refused.
        """
        if callback.body.lstrip()[:1] == b"<":
            raise Denied("callback.unreadable", channel="wechat", why="v2 xml")
        if not wechat_keys.is_genuine(callback, keys, at):
            raise Denied("callback.forged", channel="wechat", why="signature, serial or age")
        try:
            notice = _notice(callback.body)
            plain = wechat_keys.opened(notice.resource, keys)
            return _news(notice, plain, keys)
        except wire.UNREADABLE as trouble:
            if isinstance(trouble, Denied) and trouble.code == "callback.forged":
                raise
            raise Denied("callback.unreadable", channel="wechat", why=type(trouble).__name__) from None


def _asked(step: Step, keys: WechatKeys) -> tuple[str, str, dict[str, Any] | None, str]:
    """Method, path, body and the serial of the key that seals something in it."""
    match step:
        case Pay():
            return "POST", "/v3/pay/transactions/codepay", _pay(step, keys), ""
        case Show():
            return "POST", "/v3/pay/transactions/native", _show(step, keys), ""
        case Query():
            return "GET", f"{_ORDERS}{step.payment_id}?mchid={keys.mchid}", None, ""
        case Reverse():
            return "POST", f"{_ORDERS}{step.payment_id}/reverse", {"appid": keys.appid, "mchid": keys.mchid}, ""
        case Close():
            return "POST", f"{_ORDERS}{step.payment_id}/close", {"mchid": keys.mchid}, ""
        case SendRefund():
            return "POST", _REFUNDS, _send_refund(step, keys), ""
        case QueryRefund():
            return "GET", f"{_REFUNDS}/{step.refund_id}", None, ""
        case Rescue():
            serial = next(reversed([*keys.platform]), "")
            path = f"{_REFUNDS}/{step.channel_refund_number}/apply-abnormal-refund"
            return "POST", path, _rescue(step, keys, serial), serial
    raise Broken(f"WeChat Pay knows no step {type(step).__name__}")


def _order(step: Pay | Show, keys: WechatKeys) -> dict[str, Any]:
    return {
        "appid": keys.appid,
        "mchid": keys.mchid,
        "description": wire.clip(step.description, 127),
        "out_trade_no": step.payment_id,
        "amount": {"total": step.amount.amount, "currency": step.amount.currency},
    }


def _pay(step: Pay, keys: WechatKeys) -> dict[str, Any]:
    scene = {"store_info": {"out_id": step.store_id}, "device_id": step.till_id, "device_ip": keys.device_ip}
    return _order(step, keys) | {"payer": {"auth_code": step.code}, "scene_info": scene}


def _show(step: Show, keys: WechatKeys) -> dict[str, Any]:
    said = _order(step, keys)
    said["time_expire"] = step.expires_at.astimezone(CHINA).isoformat(timespec="seconds")
    if keys.notify_url:
        said["notify_url"] = keys.notify_url
    return said


def _send_refund(step: SendRefund, keys: WechatKeys) -> dict[str, Any]:
    said: dict[str, Any] = {
        "out_trade_no": step.payment_id,
        "out_refund_no": step.refund_id,
        "reason": wire.clip(step.reason, 80),
        "amount": {"refund": step.back.amount, "total": step.amount.amount, "currency": step.back.currency},
    }
    if not step.reason:
        del said["reason"]
    if keys.notify_url:
        said["notify_url"] = keys.notify_url
    return said


def _rescue(step: Rescue, keys: WechatKeys, serial: str) -> dict[str, Any]:
    """Stranded money to a card. "Sensitive fields ...: RSA-OAEP with SHA-1" (2.3): the only bytes left to chance."""
    if step.to is RescueTo.MERCHANT_CARD:
        return {"out_refund_no": step.refund_id, "type": "MERCHANT_BANK_CARD"}
    if not serial:
        raise Denied("channel.keys_missing", channel="wechat")

    def sealed(text: str) -> str:
        padding = OAEP(mgf=MGF1(SHA1()), algorithm=SHA1(), label=None)  # noqa: S303 # nosec B303 - WeChat Pay's choice
        return base64.b64encode(keys.platform[serial].encrypt(text.encode(), padding)).decode()

    return {
        "out_refund_no": step.refund_id,
        "type": "USER_BANK_CARD",
        "bank_type": step.bank_type,
        "bank_account": sealed(step.card_number),
        "real_name": sealed(step.holder_name),
    }


def _refused(step: Step, reply: Reply) -> Outcome:
    """Read an answer that is no 2xx. It is not signed: see the top."""
    try:
        code = _trouble(reply.body).code
    except wire.UNREADABLE:
        code = ""
    if not code or reply.status < 400:
        return wire.no_words(reply.status)
    if reply.status >= 500:
        return wire.unknown(code)
    detail = reply.headers.get("request-id", "").rpartition("-")[2]
    return law.judged(BOOK, detail if detail in _NUMBERED else code, step.operation, EXCEPTIONS)


def _traded(step: Step, reply: Reply, keys: WechatKeys) -> Outcome:
    trade = _trade(reply.body)
    if (trade.out_trade_no, trade.mchid, trade.appid) != (step.payment_id, keys.mchid, keys.appid):
        return wire.unknown(wire.MISMATCH)
    outcome = _trade_outcome(trade)
    if outcome.amount not in (None, step.amount):
        return wire.unknown(wire.MISMATCH)
    return outcome


def _trade_outcome(trade: _Trade) -> Outcome:
    word, reason = TRADE_STATES.get(trade.trade_state, (Word.UNKNOWN, None))
    amount = _money(trade.amount.total, trade.amount.currency) if trade.amount else None
    if word is Word.SETTLED and (amount is None or not trade.transaction_id):
        return wire.unknown(wire.MALFORMED)
    return Outcome(
        word=word,
        code=trade.trade_state or wire.MALFORMED,
        reason=reason,
        amount=amount,
        channel_number=trade.transaction_id or "",
        payer=(trade.payer and trade.payer.openid) or "",
        at=wire.moment(trade.success_time),
        figures=_figures(trade) if word is Word.SETTLED else None,
    )


def _figures(trade: _Trade) -> Figures | None:
    """Who paid how much of a payment: "payer_total", and the coupons of promotion_detail.

    A coupon of type NOCASH (免充值) is the shop's and lessens what it is credited. What cannot be read is not said.
    """
    amount = trade.amount
    if amount is None or amount.total is None:
        return None
    try:
        payer, coupons = _fen(amount.payer_total), _coupons(trade.promotion_detail)
    except wire.UNREADABLE:
        return None
    if payer is None:
        return None
    told = coupons or []
    shop = sum(each.amount if each.type == "NOCASH" else each.merchant_contribute or 0 for each in told)
    uncredited = sum(each.amount for each in told if each.type == "NOCASH")
    return Figures(
        payer=payer,
        coupon=sum(each.amount for each in told) if told else amount.total - payer,
        coupon_shop=shop if told else None,
        settled=amount.total - uncredited if told else None,
    )


def _money(fen: int | None, currency: str | None) -> Money | None:
    return None if fen is None else Money(fen, currency or "CNY")


def _shown(step: Step, reply: Reply, keys: WechatKeys) -> Outcome:
    url = _code_url(reply.body).code_url
    return Outcome(word=Word.SHOWN, qr=url) if url else wire.unknown(wire.MALFORMED)


def _ended(step: Step, reply: Reply, keys: WechatKeys) -> Outcome:
    """A close is answered 204 without a word; a reverse says which order."""
    if step.operation is Operation.REVERSE:
        told = _reversed(reply.body)
        if (told.out_trade_no, told.mchid) != (step.payment_id, keys.mchid):
            return wire.unknown(wire.MISMATCH)
    return Outcome(word=Word.ENDED, code="CLOSED" if step.operation is Operation.CLOSE else "REVOKED")


def _refunded(step: Step, reply: Reply, keys: WechatKeys) -> Outcome:
    assert isinstance(step, SendRefund | QueryRefund | Rescue)
    refund = _refund(reply.body)
    asked = (step.refund_id, step.payment_id, step.back.amount, step.amount.amount)
    if (refund.out_refund_no, refund.out_trade_no, refund.amount.refund, refund.amount.total) != asked:
        return wire.unknown(wire.MISMATCH)
    return _refund_outcome(refund, refund.status)


def _refund_outcome(refund: _Refund, status: str) -> Outcome:
    word, reason = REFUND_STATES.get(status, (Word.UNKNOWN, None))
    return Outcome(
        word=word,
        code=f"REFUND:{status}" if status else wire.MALFORMED,
        reason=reason,
        amount=_money(refund.amount.refund, refund.amount.currency),
        channel_number=refund.refund_id or "",
        at=wire.moment(refund.success_time),
        received_into=refund.user_received_account or "",
        figures=_figures_back(refund.amount),
    )


def _figures_back(amount: _Amount) -> Figures | None:
    """Who gets how much of a refund. `discount_refund` is the coupons' part, `refund_fee` the fee that comes back."""
    try:
        payer, coupon = _fen(amount.payer_refund), _fen(amount.discount_refund)
        settled, fee = _fen(amount.settlement_refund), _fen(amount.refund_fee)
    except wire.UNREADABLE:
        return None
    return Figures(payer=payer, coupon=coupon, settled=settled, fee=fee) if payer is not None else None


_HEARD: Mapping[Operation, Callable[[Step, Reply, WechatKeys], Outcome]] = {
    Operation.PAY: _traded,
    Operation.SHOW: _shown,
    Operation.QUERY: _traded,
    Operation.REVERSE: _ended,
    Operation.CLOSE: _ended,
    Operation.REFUND: _refunded,
    Operation.REFUND_QUERY: _refunded,
    Operation.RESCUE: _refunded,
}


def _news(notice: _Notice, plain: bytes, keys: WechatKeys) -> News:
    """The news in an opened notification."""
    said = plain.decode()
    if notice.event_type == "TRANSACTION.SUCCESS":
        trade = _trade(plain)
        if (trade.mchid, trade.appid) != (keys.mchid, keys.appid):
            raise Denied("callback.forged", channel="wechat", why="another merchant's")
        return News(
            payment_id=trade.out_trade_no, notice_id=notice.id, outcome=_known(_trade_outcome(trade)), said=said
        )
    if notice.event_type.startswith("REFUND."):
        refund = _refund(plain)
        if refund.mchid != keys.mchid:
            raise Denied("callback.forged", channel="wechat", why="another merchant's")
        return News(
            payment_id=refund.out_trade_no,
            refund_id=refund.out_refund_no,
            notice_id=notice.id,
            outcome=_known(_refund_outcome(refund, refund.refund_status)),
            said=said,
        )
    if notice.event_type.startswith("COMPLAINT."):
        told = _complained(plain)
        if not told.complaint_id:
            raise ValueError("a complaint without id")
        look = Outcome(word=Word.PENDING, reason=Reason.PROCESSING, code=told.action_type or notice.event_type)
        return News(payment_id="", complaint=told.complaint_id, notice_id=notice.id, outcome=look, said=said)
    raise ValueError("news of something else")


def _known(outcome: Outcome) -> Outcome:
    """News must say something: an unknown state is told by asking, not by believing."""
    if outcome.word is Word.UNKNOWN:
        raise ValueError("a state we do not know")
    return outcome
