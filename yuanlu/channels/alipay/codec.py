"""Alipay's open platform as bytes and values.

Everything goes into the form body: a payment code has no place in a URL. The answer is always HTTP 200; its signature
covers the exact text of one node, so that text is cut out and verified before it is read. Only a refusal of the gateway
itself (bad app_id, bad signature) comes unsigned (channels.md 4.2); it is believed as little as the law allows: such
codes say "not sent on", never "paid", and rest on TLS like WeChat Pay's 4xx.

"10000 proves neither payment nor refund" (4.3): the answer to a payment is PENDING until a query says TRADE_SUCCESS; a
refund is settled by `fund_change=Y` or by the refund query.
Source: channels.md section 4, read 2026-11-23.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from yuanlu.channels import law, wire
from yuanlu.channels.alipay import complaints, statements
from yuanlu.channels.alipay import keys as alipay_keys
from yuanlu.channels.alipay.keys import AlipayKeys, signed_text
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
    Reverse,
    SendRefund,
    Show,
    StatementStep,
    Step,
    Word,
)
from yuanlu.channels.law import Said
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money, from_yuan

BOOK = "alipay"
_json = msgspec.json.Encoder().encode

EXCEPTIONS: law.Exceptions = {
    # "Trade closed by timeout or full refund": whatever was paid under this number went back.
    (Operation.PAY, "ACQ.TRADE_HAS_CLOSE"): Said(Word.ENDED),
    (Operation.CLOSE, "ACQ.TRADE_HAS_CLOSE"): Said(Word.ENDED),
    (Operation.REVERSE, "ACQ.TRADE_HAS_CLOSE"): Said(Word.ENDED),
    # "交易不存在": a clear answer to a question (of a shown order, see `_no_such_trade`).
    (Operation.QUERY, "ACQ.TRADE_NOT_EXIST"): Said(Word.ABSENT),
    (Operation.REVERSE, "ACQ.TRADE_NOT_EXIST"): Said(Word.ABSENT),
    (Operation.REFUND_QUERY, "ACQ.TRADE_NOT_EXIST"): Said(Word.ABSENT),
    # "no trade exists until the payer scans": nothing to close yet, and the QR still works until it expires.
    (Operation.CLOSE, "ACQ.TRADE_NOT_EXIST"): Said(Word.PENDING, Reason.NOT_PAID),
    # "same day/24 h only", "meant for unknown outcomes only".
    (Operation.REVERSE, "ACQ.TRADE_CANCEL_TIME_OUT"): Said(Word.BARRED),
    (Operation.REVERSE, "ACQ.CANCEL_NOT_ALLOWED"): Said(Word.BARRED),
    (Operation.REVERSE, "ACQ.TRADE_HAS_FINISHED"): Said(Word.BARRED),
    (Operation.REVERSE, "ACQ.REASON_TRADE_STATUS_INVALID"): Said(Word.BARRED),
    (Operation.REVERSE, "ACQ.REASON_TRADE_BEEN_FREEZEN"): Said(Word.DEFERRED, Reason.BUSY),
    # "Only an unpaid trade can be closed".
    (Operation.CLOSE, "ACQ.REASON_ILLEGAL_STATUS"): Said(Word.BARRED),
    (Operation.CLOSE, "ACQ.REASON_TRADE_STATUS_INVALID"): Said(Word.BARRED),
    (Operation.CLOSE, "ACQ.TRADE_STATUS_ERROR"): Said(Word.BARRED),
    (Operation.CLOSE, "ACQ.TRADE_HAS_SUCCESS"): Said(Word.BARRED),
    (Operation.CLOSE, "ACQ.TRADE_HAS_FINISHED"): Said(Word.BARRED),
    # "Trade frozen": thawed, the identical refund passes.
    (Operation.REFUND, "ACQ.REASON_TRADE_BEEN_FREEZEN"): Said(Word.DEFERRED, Reason.BUSY),
}
"""Where a provider's sentence says otherwise than the general law."""

TRADE_STATES: Mapping[str, Said] = {
    "WAIT_BUYER_PAY": Said(Word.PENDING, Reason.PAYER_CONFIRMS),
    "TRADE_SUCCESS": Said(Word.SETTLED),
    "TRADE_FINISHED": Said(Word.SETTLED),
    "TRADE_CLOSED": Said(Word.ENDED),  # "never paid or fully refunded": either way nothing of it is ours
}

_METHODS: Mapping[Operation, str] = {
    Operation.PAY: "alipay.trade.pay",
    Operation.SHOW: "alipay.trade.precreate",
    Operation.QUERY: "alipay.trade.query",
    Operation.REVERSE: "alipay.trade.cancel",
    Operation.CLOSE: "alipay.trade.close",
    Operation.REFUND: "alipay.trade.refund",
    Operation.REFUND_QUERY: "alipay.trade.fastpay.refund.query",
}
_NODES = {operation: method.replace(".", "_") + "_response" for operation, method in _METHODS.items()}
_OF_GATEWAY = frozenset({"20000", "20001", "40001", "40002", "40003", "40005", "40006"})
"""Codes with which the gateway itself refuses, unsigned. A business answer (10000, 10003, 40004) is always signed."""
_UNFIT = str.maketrans("/=&", "   ")


class _Node(msgspec.Struct):
    """What an answer may hold. Fields that some answers write as text and some as JSON stay raw."""

    code: str
    sub_code: str | None = None
    out_trade_no: str | None = None
    trade_no: str | None = None
    trade_status: str | None = None
    total_amount: str | None = None
    buyer_user_id: str | None = None
    buyer_open_id: str | None = None
    gmt_payment: str | None = None
    send_pay_date: str | None = None
    qr_code: str | None = None
    retry_flag: str | None = None
    action: str | None = None
    out_request_no: str | None = None
    fund_change: str | None = None
    refund_fee: str | None = None
    refund_amount: str | None = None
    refund_status: str | None = None
    gmt_refund_pay: str | None = None
    buyer_pay_amount: msgspec.Raw = msgspec.Raw(b"null")
    receipt_amount: msgspec.Raw = msgspec.Raw(b"null")
    discount_amount: msgspec.Raw = msgspec.Raw(b"null")
    mdiscount_amount: msgspec.Raw = msgspec.Raw(b"null")
    charge_amount: msgspec.Raw = msgspec.Raw(b"null")
    present_refund_buyer_amount: msgspec.Raw = msgspec.Raw(b"null")
    present_refund_discount_amount: msgspec.Raw = msgspec.Raw(b"null")
    present_refund_mdiscount_amount: msgspec.Raw = msgspec.Raw(b"null")
    send_back_fee: msgspec.Raw = msgspec.Raw(b"null")
    refund_detail_item_list: msgspec.Raw = msgspec.Raw(b"null")
    deposit_back_info: msgspec.Raw = msgspec.Raw(b"null")


class _Item(msgspec.Struct):
    fund_channel: str = ""
    bank_name: str = ""
    amount: Any = None


_envelope = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_node = msgspec.json.Decoder(_Node).decode
_text = msgspec.json.Decoder(str).decode
_optional = msgspec.json.Decoder(str | None).decode
_items = msgspec.json.Decoder(list[_Item] | _Item | None).decode


class AlipayCodec:
    """Alipay in person."""

    keeper: Keeper | None = None

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    def keys(self, config: Mapping[str, Any]) -> AlipayKeys:
        return alipay_keys.read(config)

    def ask(self, step: Step, keys: AlipayKeys, at: datetime, nonce: str) -> Call:
        """Write the request. Alipay wants no nonce."""
        if step.operation not in _METHODS:
            raise Broken(f"Alipay knows no step {type(step).__name__}")
        notified = {"notify_url": keys.notify_url} if keys.notify_url and isinstance(step, Pay | Show) else {}
        said = {"biz_content": _json(_asked(step, at)).decode(), **notified}
        return alipay_keys.call(keys, _METHODS[step.operation], said, at)

    def hear(self, step: Step, reply: Reply, keys: AlipayKeys, at: datetime) -> Outcome:
        """Read the answer. Alipay's answers carry no time: `at` is not needed."""
        try:
            return _heard(step, reply, keys)
        except wire.UNREADABLE:
            return wire.unknown(wire.MALFORMED)

    def ask_complaint(self, step: ComplaintStep, keys: AlipayKeys, at: datetime, nonce: str) -> Call:
        return complaints.ask(step, keys, at, nonce)

    def hear_complaint(self, step: ComplaintStep, reply: Reply, keys: AlipayKeys, at: datetime) -> Heard:
        return complaints.hear(step, reply, keys)

    def ask_statement(self, step: StatementStep, keys: AlipayKeys, at: datetime, nonce: str) -> Call:
        return statements.ask(step, keys, at)

    def hear_statement(self, step: StatementStep, reply: Reply, keys: AlipayKeys, at: datetime) -> Handed:
        return statements.hear(step, reply, keys)

    def overhear(self, callback: Callback, keys: AlipayKeys, at: datetime) -> News:
        """Verify and read a notification.

        It carries no time of sending that could be checked (a resend of a day later is the same text), so an old one is
        as good as a new one: it says again what is true, and states only move forward.
        """
        try:
            said = _form(callback.body)
        except wire.UNREADABLE as trouble:
            raise Denied("callback.unreadable", channel="alipay", why=type(trouble).__name__) from None
        unsigned = {name: value for name, value in said.items() if name != "sign_type"}
        if said.get("sign_type") != "RSA2" or not wire.is_signed(
            keys.alipay_public_key, signed_text(unsigned), said.get("sign", "")
        ):
            raise Denied("callback.forged", channel="alipay", why="signature")
        if said.get("app_id") != keys.app_id:
            raise Denied("callback.forged", channel="alipay", why="another app's")
        if keys.seller_id and said.get("seller_id") != keys.seller_id:
            raise Denied("callback.forged", channel="alipay", why="another seller's")
        try:
            return _news(said)
        except wire.UNREADABLE as trouble:
            raise Denied("callback.unreadable", channel="alipay", why=type(trouble).__name__) from None


def _asked(step: Step, at: datetime) -> dict[str, Any]:
    match step:
        case Pay():
            return _order(step, at) | {
                "scene": "bar_code",
                "auth_code": step.code,
                "product_code": "FACE_TO_FACE_PAYMENT",
            }
        case Show():
            return _order(step, at) | {"product_code": "QR_CODE_OFFLINE"}
        case Query() | Reverse() | Close():
            return {"out_trade_no": step.payment_id}
        case SendRefund():
            return {
                "out_trade_no": step.payment_id,
                "refund_amount": step.back.yuan(),
                "out_request_no": step.refund_id,
                "query_options": ["refund_detail_item_list"],
            } | ({"refund_reason": wire.clip(step.reason, 256)} if step.reason else {})
        case QueryRefund():
            return {
                "out_trade_no": step.payment_id,
                "out_request_no": step.refund_id,
                "query_options": ["gmt_refund_pay", "refund_detail_item_list", "deposit_back_info"],
            }
    raise Broken(f"Alipay knows no step {type(step).__name__}")


def _order(step: Pay | Show, at: datetime) -> dict[str, Any]:
    """What a payment and a shown order have in common. "subject (no / = &)" (4.4); "set 5 min or more" (4.5)."""
    minutes = max(5, -(-int((step.expires_at - at).total_seconds()) // 60))
    return {
        "out_trade_no": step.payment_id,
        "total_amount": step.amount.yuan(),
        "subject": wire.clip(step.description.translate(_UNFIT), 256),
        "store_id": step.store_id,
        "terminal_id": step.till_id,
        "timeout_express": f"{minutes}m",
    }


def _heard(step: Step, reply: Reply, keys: AlipayKeys) -> Outcome:
    if reply.status != 200:
        return wire.no_words(reply.status)
    nodes = _envelope(reply.body)
    raw = nodes.get(_NODES[step.operation]) or nodes.get("error_response")
    if raw is None:
        return wire.unknown(wire.MALFORMED)
    text = bytes(raw)
    node = _node(text)
    if "sign" not in nodes:
        # What is said about a trade (ACQ.…) is a business answer, whatever code stands over it.
        if node.code not in _OF_GATEWAY or (node.sub_code or "").startswith("ACQ."):
            return wire.unknown(wire.BAD_SIGNATURE)
    elif not wire.is_signed(keys.alipay_public_key, text, _text(nodes["sign"])):
        return wire.unknown(wire.BAD_SIGNATURE)
    if node.code != "10000" and (node.code, step.operation) != ("10003", Operation.PAY):
        return _refused(step, node)
    # "out_trade_no" comes back in every answer that found something: one about another order says nothing about this.
    if node.out_trade_no not in ({None, step.payment_id} if _may_be_empty(step, node) else {step.payment_id}):
        return wire.unknown(wire.MISMATCH)
    return _HEARD[step.operation](step, node)


def _may_be_empty(step: Step, node: _Node) -> bool:
    """A cancel of an unknown order, and a query of a refund that is not there, are answered without a number (4.4)."""
    return step.operation is Operation.REVERSE or (step.operation is Operation.REFUND_QUERY and not node.refund_status)


def _refused(step: Step, node: _Node) -> Outcome:
    code = node.sub_code or node.code
    if node.code == "20000":
        return wire.unknown(code)
    if code == "ACQ.TRADE_NOT_EXIST" and isinstance(step, Query) and not step.scanned:
        return _no_such_trade(code)
    return law.judged(BOOK, code, step.operation, EXCEPTIONS)


def _no_such_trade(code: str) -> Outcome:
    """A shown order: "no trade exists until the payer scans -> query gives ACQ.TRADE_NOT_EXIST" (4.4)."""
    return Outcome(word=Word.PENDING, code=code, reason=Reason.NOT_PAID)


def _amount(text: str | None) -> Money | None:
    return from_yuan(text) if text else None


def _paid_or_not(step: Step, node: _Node) -> Outcome:
    """The answer to a payment: accepted, or the payer confirms. Neither says that it is paid."""
    if _amount(node.total_amount) not in (None, step.amount):
        return wire.unknown(wire.MISMATCH)
    waits = Reason.PAYER_CONFIRMS if node.code == "10003" else Reason.PROCESSING
    return Outcome(
        word=Word.PENDING,
        code=node.code,
        reason=waits,
        amount=step.amount,
        channel_number=node.trade_no or "",
        payer=node.buyer_open_id or node.buyer_user_id or "",
        at=wire.beijing_moment(node.gmt_payment),
    )


def _shown(step: Step, node: _Node) -> Outcome:
    return Outcome(word=Word.SHOWN, qr=node.qr_code) if node.qr_code else wire.unknown(wire.MALFORMED)


def _traded(step: Step, node: _Node) -> Outcome:
    word, reason = TRADE_STATES.get(node.trade_status or "", (Word.UNKNOWN, None))
    amount = _amount(node.total_amount)
    if amount not in (None, step.amount):
        return wire.unknown(wire.MISMATCH)
    if word is Word.SETTLED and (amount is None or not node.trade_no):
        return wire.unknown(wire.MALFORMED)
    return Outcome(
        word=word,
        code=node.trade_status or wire.MALFORMED,
        reason=reason,
        amount=amount,
        channel_number=node.trade_no or "",
        payer=node.buyer_open_id or node.buyer_user_id or "",
        at=wire.beijing_moment(node.send_pay_date),
        figures=_figures(amount, node) if word is Word.SETTLED else None,
        # "TRADE_CLOSED = never paid or fully refunded": with a day of payment it is the second.
        back_seen=amount if word is Word.ENDED and node.send_pay_date else None,
    )


def _cancelled(step: Step, node: _Node) -> Outcome:
    """ "retry_flag Y/N, action close or refund; succeeds with no action for an unknown order" (4.4)."""
    if node.retry_flag == "Y":
        return wire.unknown("retry_flag=Y")
    if node.retry_flag != "N" and not node.action:
        return wire.unknown(wire.MALFORMED)
    return Outcome(word=Word.ENDED, code=f"action={node.action or 'none'}", channel_number=node.trade_no or "")


def _closed(step: Step, node: _Node) -> Outcome:
    return Outcome(word=Word.ENDED, code="TRADE_CLOSED", channel_number=node.trade_no or "")


def _refunded(step: Step, node: _Node) -> Outcome:
    """ "fund_change Y/N, refund_fee (cumulative for the trade)" (4.4): what moved now is what we asked for."""
    assert isinstance(step, SendRefund)
    if node.fund_change != "Y":
        return wire.unknown("fund_change=N" if node.fund_change == "N" else wire.MALFORMED)
    whole = _amount(node.refund_fee)
    if whole is not None and not step.back <= whole <= step.amount:
        return wire.unknown(wire.MISMATCH)
    return Outcome(
        word=Word.SETTLED,
        code="fund_change=Y",
        amount=step.back,
        at=wire.beijing_moment(node.gmt_refund_pay),
        received_into=_received(node),
        figures=_figures_back(step.back, node),
    )


def _refund_found(step: Step, node: _Node) -> Outcome:
    """ "refund_status REFUND_SUCCESS; field absent = not received or failed, or wrong number" (4.4)."""
    assert isinstance(step, QueryRefund)
    if not node.refund_status:
        return Outcome(word=Word.ABSENT, code="10000")
    asked = (step.refund_id, step.back, step.amount)
    if (node.out_request_no, _amount(node.refund_amount), _amount(node.total_amount)) != asked:
        return wire.unknown(wire.MISMATCH)
    if node.refund_status != "REFUND_SUCCESS":
        return wire.unknown(node.refund_status)
    return Outcome(
        word=Word.SETTLED,
        code="REFUND_SUCCESS",
        amount=step.back,
        at=wire.beijing_moment(node.gmt_refund_pay),
        received_into=_received(node),
        figures=_figures_back(step.back, node),
    )


COUPONS = ("COUPON", "DISCOUNT", "MCOUPON", "MDISCOUNT")
"""Funds that are no money of the payer: coupons and discounts of Alipay, and of the shop. Source: fund_channel, 4.4."""


def _fen(raw: msgspec.Raw) -> int | None:
    """An amount in yuan as fen. What cannot be read is not said: it must never spoil an answer."""
    try:
        amount = _amount(_optional(raw))
    except wire.UNREADABLE:
        return None
    return None if amount is None else amount.amount


def _figures(amount: Money | None, node: _Node) -> Figures | None:
    """Who paid how much: buyer_pay_amount by the payer, discounts by Alipay and (mdiscount) by the shop."""
    payer, settled = _fen(node.buyer_pay_amount), _fen(node.receipt_amount)
    if amount is None or (payer is None and settled is None):
        return None
    own, shop = _fen(node.discount_amount), _fen(node.mdiscount_amount)
    said = None if own is None and shop is None else (own or 0) + (shop or 0)
    coupon = amount.amount - payer if said is None and payer is not None else said
    return Figures(payer=payer, coupon=coupon, coupon_shop=shop, settled=settled, fee=_fen(node.charge_amount))


def _figures_back(back: Money, node: _Node) -> Figures | None:
    """Who gets how much of a refund: as said, or by the list of funds it went back into."""
    payer, settled = _fen(node.present_refund_buyer_amount), _fen(node.send_back_fee)
    if payer is None and (funds := _funds(node.refund_detail_item_list)):
        payer = sum(fen for channel, fen in funds if channel not in COUPONS)
    if payer is None and settled is None:
        return None
    own, shop = _fen(node.present_refund_discount_amount), _fen(node.present_refund_mdiscount_amount)
    said = None if own is None and shop is None else (own or 0) + (shop or 0)
    coupon = back.amount - payer if said is None and payer is not None else said
    return Figures(payer=payer, coupon=coupon, coupon_shop=shop, settled=settled)


def _funds(raw: msgspec.Raw) -> list[tuple[str, int]]:
    """The funds of a list, each with its fen; nothing when one of them cannot be read."""
    try:
        text = bytes(raw)
        found = _items(_text(text).encode() if text[:1] == b'"' else text)
        items = found if isinstance(found, list) else [found] if found else []
        return [(item.fund_channel, from_yuan(str(item.amount or "")).amount) for item in items]
    except wire.UNREADABLE:
        return []


def _received(node: _Node) -> str:
    """Where the money went, as far as it is said. What cannot be read is not said."""
    names: list[str] = []
    for raw in (node.refund_detail_item_list, node.deposit_back_info):
        try:
            text = bytes(raw)
            found = _items(_text(text).encode() if text[:1] == b'"' else text)
        except wire.UNREADABLE:
            continue
        items = found if isinstance(found, list) else [found] if found else []
        names += [item.bank_name or item.fund_channel for item in items if item.fund_channel not in COUPONS]
    return ", ".join(dict.fromkeys(name for name in names if name))


_HEARD: Mapping[Operation, Callable[[Step, _Node], Outcome]] = {
    Operation.PAY: _paid_or_not,
    Operation.SHOW: _shown,
    Operation.QUERY: _traded,
    Operation.REVERSE: _cancelled,
    Operation.CLOSE: _closed,
    Operation.REFUND: _refunded,
    Operation.REFUND_QUERY: _refund_found,
}


def _form(body: bytes) -> dict[str, str]:
    """The fields of a notification.

    Raises ValueError when it is no form, or names a field twice.
    """
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=200)
    said = dict(pairs)
    if len(said) != len(pairs):
        raise ValueError("a field twice")
    return said


def _news(said: Mapping[str, str]) -> News:
    """The news in a verified notification: always about the payment, also when a refund brought it.

    `refund_fee` is all that went back so far; which refund it was is not said reliably, so the refund is asked about.
    """
    state = said.get("trade_status", "")
    if state not in TRADE_STATES or not said.get("out_trade_no"):
        raise ValueError("news of something else")
    word, reason = TRADE_STATES[state]
    outcome = Outcome(
        word=word,
        code=state,
        reason=reason,
        amount=from_yuan(said.get("total_amount", "")),
        channel_number=said.get("trade_no", ""),
        payer=said.get("buyer_open_id") or said.get("buyer_id", ""),
        at=wire.beijing_moment(said.get("gmt_payment")),
        back_seen=_amount(said.get("refund_fee")),
    )
    words = "\n".join(f"{name}={value}" for name, value in sorted(said.items()) if name != "sign")
    return News(payment_id=said["out_trade_no"], notice_id=said.get("notify_id", ""), outcome=outcome, said=words)
