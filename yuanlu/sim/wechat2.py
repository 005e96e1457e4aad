"""WeChat Pay API v2 on the wire: XML both ways, MD5 or HMAC-SHA256, over the same books as v3.

Source: channels.md section 3 and error_codes.csv (channel wechat_v2). HTTP is always 200; `return_code` speaks of the
transport, `result_code` of the business, `err_code` says which.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import NoReturn
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import escape

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from yuanlu.clock import CHINA
from yuanlu.sim.bills import WechatBills
from yuanlu.sim.books import Books, Order, OrderState, Reason, Refund, RefundState, Refusal
from yuanlu.sim.keys import KeyRing
from yuanlu.sim.wechat import APPID, MCHID, STATE_WORDS, is_loopback, trade_state
from yuanlu.sim.wire import Answer, Call, Request, Signing

Fields = dict[str, str]

WORDS: dict[Reason, tuple[str, str]] = {
    Reason.CODE_UNKNOWN: ("AUTH_CODE_ERROR", "付款码参数错误"),
    Reason.CODE_FOREIGN: ("AUTH_CODE_INVALID", "请扫描微信支付被扫条码/二维码"),
    Reason.CODE_USED: ("AUTH_CODE_ERROR", "每个二维码仅限使用一次，请刷新再试"),
    Reason.CODE_EXPIRED: ("AUTHCODEEXPIRE", "二维码已过期，请用户在微信上刷新后再试"),
    Reason.PAYER_SHORT: ("NOTENOUGH", "余额不足"),
    Reason.PAYER_LIMIT: ("TRADE_ERROR", "超出支付限额"),
    Reason.PAYER_FROZEN: ("TRADE_ERROR", "用户账户异常"),
    Reason.PAYER_GONE: ("USER_ACCOUNT_ABNORMAL", "用户账户注销"),
    Reason.PAYER_OTHER: ("BUYER_MISMATCH", "支付帐号错误"),
    Reason.NUMBER_TAKEN: ("OUT_TRADE_NO_USED", "商户订单号重复"),
    Reason.ORDER_UNKNOWN: ("ORDERNOTEXIST", "订单不存在"),
    Reason.ORDER_UNPAID: ("ORDERNOTEXIST", "订单不存在或未支付"),
    Reason.ORDER_PAID: ("ORDERPAID", "订单已支付"),
    Reason.ORDER_CLOSED: ("ORDERCLOSED", "订单已关闭"),
    Reason.ORDER_REVERSED: ("ORDERREVERSED", "订单已撤销"),
    Reason.ORDER_REFUNDED: ("TRADE_STATE_ERROR", "订单状态错误"),
    Reason.CLOSE_BY_REVERSE: ("INVALID_REQUEST", "付款码订单请使用撤销接口"),
    Reason.REVERSE_SHOWN: ("TRADE_STATE_ERROR", "订单状态错误"),
    Reason.REVERSE_EARLY: ("INVALID_REQUEST", "请在支付请求15秒之后再调用撤销接口"),
    Reason.REVERSE_LATE: ("REVERSE_EXPIRE", "订单无法撤销"),
    Reason.TOTAL_WRONG: ("REFUND_FEE_MISMATCH", "订单金额不一致"),
    Reason.REFUND_UNKNOWN: ("REFUNDNOTEXIST", "退款单查询失败"),
    Reason.REFUND_CHANGED: ("REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致，请核实后再试"),
    Reason.REFUND_OVER: ("ERROR", "申请退款金额超过可退金额"),
    Reason.REFUND_LATE: ("TRADE_OVERDUE", "订单已经超过退款期限"),
    Reason.REFUND_PARTS: ("ERROR", "部分退款次数超限"),
    Reason.REFUND_SOON: ("FREQUENCY_LIMITED", "频率限制"),
    Reason.FUNDS_SHORT: ("NOTENOUGH", "余额不足"),
}

STATUSES = {
    RefundState.PROCESSING: "PROCESSING",
    RefundState.SUCCESS: "SUCCESS",
    RefundState.CLOSED: "REFUNDCLOSE",
    RefundState.ABNORMAL: "CHANGE",
}


class Rejected(Exception):
    """`return_code` FAIL (transport) when `is_transport`, else `result_code` FAIL."""

    def __init__(self, code: str, message: str, *, is_transport: bool = False) -> None:
        super().__init__(code)
        self.code, self.message, self.is_transport = code, message, is_transport


def signature(fields: Fields, key: str, method: str) -> str:
    """Source: channels.md section 3."""
    told = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "sign")
    text = f"{told}&key={key}".encode()
    if method == "HMAC-SHA256":
        return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()
    return hashlib.md5(text).hexdigest().upper()  # noqa: S324 - theirs


def as_xml(fields: Fields) -> bytes:
    told = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f"<xml>{told}</xml>".encode()


def compact(at: datetime | None) -> str:
    return at.astimezone(CHINA).strftime("%Y%m%d%H%M%S") if at is not None else ""


class WechatV2:
    """The v2 server for one merchant. The client certificate of /secapi is not asked for: loopback has no TLS."""

    def __init__(self, books: Books, keys: KeyRing, bills: WechatBills) -> None:
        self.books = books
        self.bills = bills
        self.keys = keys
        self._routes: dict[str, tuple[str, Callable[[Fields], Fields]]] = {
            "/pay/micropay": ("pay", self._micropay),
            "/pay/orderquery": ("query", self._query),
            "/pay/closeorder": ("close", self._close),
            "/secapi/pay/reverse": ("reverse", self._reverse),
            "/secapi/pay/refund": ("refund", self._refund),
            "/pay/refundquery": ("refund_query", self._refund_query),
        }

    def open(self, request: Request) -> Call | None:
        if request.path == "/pay/downloadbill":
            asked, wrong = self._read(request)
            return Call("bill", (), lambda _: self._bill(asked, wrong))
        found = self._routes.get(request.path)
        if found is None:
            return None
        operation, action = found
        fields, problem = self._read(request)
        names = ("out_refund_no", "out_trade_no", "transaction_id", "refund_id")
        numbers = tuple(fields[name] for name in names if fields.get(name))
        return Call(operation, numbers, lambda signing: self._serve(fields, problem, operation, action, signing))

    def _bill(self, fields: Fields, problem: Rejected | None) -> Answer:
        """The plain statement, or XML saying why not."""
        try:
            if problem is not None:
                raise problem
            self._recognise(fields)
            text = self._bill_text(fields)
        except Rejected as rejected:
            body = {"return_code": "FAIL", "return_msg": rejected.code}
            return Answer(200, as_xml(body), {"Content-Type": "text/xml"}, rejected.code)
        return Answer(200, ("\ufeff" + text).encode(), {"Content-Type": "text/plain"}, "SUCCESS")

    def _bill_text(self, fields: Fields) -> str:
        need(fields, "bill_date")
        try:
            day = datetime.strptime(fields["bill_date"], "%Y%m%d").date()  # noqa: DTZ007 - a day, not a moment
        except ValueError:
            bad("bill_date")
        text = self.bills.trade_text(day, fields.get("bill_type") or "ALL")
        if text is None:
            raise Rejected("No Bill Exist", "账单不存在")
        return text

    def _read(self, request: Request) -> tuple[Fields, Rejected | None]:
        if request.method != "POST":
            return {}, Rejected("REQUIRE_POST_METHOD", "请使用post方法", is_transport=True)
        if not request.body:
            return {}, Rejected("POST_DATA_EMPTY", "post数据为空", is_transport=True)
        try:
            text = request.body.decode()
        except UnicodeDecodeError:
            return {}, Rejected("NOT_UTF8", "编码格式错误", is_transport=True)
        try:
            root: Element = fromstring(text, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError):
            return {}, Rejected("XML_FORMAT_ERROR", "XML格式错误", is_transport=True)
        return {child.tag: child.text or "" for child in root}, None

    def _serve(
        self,
        fields: Fields,
        problem: Rejected | None,
        operation: str,
        action: Callable[[Fields], Fields],
        signing: Signing,
    ) -> Answer:
        try:
            if problem is not None:
                raise problem
            self._recognise(fields)
            told = {"result_code": "SUCCESS"} | action(fields)
        except Rejected as rejected:
            if rejected.is_transport:
                body = {"return_code": "FAIL", "return_msg": rejected.message}
                return Answer(200, as_xml(body), {"Content-Type": "text/xml"}, rejected.code)
            told = _failed(rejected.code, rejected.message)
        except Refusal as refusal:
            code, message = WORDS.get(refusal.reason, ("SYSTEMERROR", "系统错误"))
            told = _failed(code, message)
            if operation == "reverse":
                told["recall"] = "Y" if code in {"SYSTEMERROR", "NOTENOUGH"} else "N"
        return self._signed(told, fields.get("sign_type") or "MD5", signing)

    def _signed(self, told: Fields, method: str, signing: Signing) -> Answer:
        fields = {"return_code": "SUCCESS", "return_msg": "OK", "appid": APPID, "mch_id": MCHID}
        fields |= {"nonce_str": secrets.token_hex(16), **told}
        fields = {name: value for name, value in fields.items() if value}
        key = self.keys.v2_key if signing is Signing.GOOD else self.keys.v2_key[::-1]
        fields["sign"] = signature(fields, key, method)
        return Answer(200, as_xml(fields), {"Content-Type": "text/xml"}, told.get("err_code", "SUCCESS"))

    def word(self, code: str, status: int, request: Request) -> Answer:
        del status
        fields, _ = self._read(request)
        return self._signed(_failed(code, "按要求模拟的应答"), fields.get("sign_type") or "MD5", Signing.GOOD)

    def trouble(self, status: int) -> Answer:
        return Answer(
            status, f"<html><body>{status}</body></html>".encode(), {"Content-Type": "text/html"}, str(status)
        )

    def _recognise(self, fields: Fields) -> None:
        for name in ("appid", "mch_id", "nonce_str", "sign"):
            if not fields.get(name):
                raise Rejected("LACK_PARAMS", f"缺少参数{name}", is_transport=True)
        method = fields.get("sign_type") or "MD5"
        if method not in {"MD5", "HMAC-SHA256"}:
            raise Rejected("SIGNERROR", "签名类型错误", is_transport=True)
        if not hmac.compare_digest(signature(fields, self.keys.v2_key, method).encode(), fields["sign"].encode()):
            raise Rejected("SIGNERROR", "签名错误", is_transport=True)
        if fields["mch_id"] != MCHID:
            raise Rejected("MCHID_NOT_EXIST", "MCHID不存在")
        if fields["appid"] != APPID:
            raise Rejected("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")

    # Payments

    def _micropay(self, fields: Fields) -> Fields:
        need(fields, "body", "out_trade_no", "total_fee", "spbill_create_ip", "auth_code")
        number, amount_fen = _number(fields["out_trade_no"]), fen(fields, "total_fee")
        if len(fields["body"]) > 127:
            raise Rejected("PARAM_ERROR", "body过长")
        body, attach = fields["body"], fields.get("attach", "")
        order = self.books.pay(
            number=number,
            amount_fen=amount_fen,
            code=fields["auth_code"],
            content=(str(amount_fen), body, attach),
            extras={"description": body, "attach": attach, "device_id": fields.get("device_info", "")},
        )
        if order.state is OrderState.WAITING:
            raise Rejected("USERPAYING", "需要用户输入支付密码")
        return _paid(order)

    def _order(self, fields: Fields) -> Order:
        if not (fields.get("transaction_id") or fields.get("out_trade_no")):
            raise Rejected("LACK_PARAMS", "缺少参数out_trade_no")
        return self.books.find(fields.get("out_trade_no", ""), fields.get("transaction_id", ""))

    def _query(self, fields: Fields) -> Fields:
        order = self._order(fields)
        state = trade_state(order)
        told = {"trade_state": state, "trade_state_desc": STATE_WORDS[state], "out_trade_no": order.number}
        return told | (_paid(order) if order.payments else {"total_fee": str(order.amount_fen)})

    def _close(self, fields: Fields) -> Fields:
        need(fields, "out_trade_no")
        self.books.close(fields["out_trade_no"])
        return {}

    def _reverse(self, fields: Fields) -> Fields:
        self.books.reverse(self._order(fields))
        return {"recall": "N"}

    # Refunds

    def _refund(self, fields: Fields) -> Fields:
        need(fields, "out_refund_no", "total_fee", "refund_fee")
        notify_url = fields.get("notify_url", "")
        if notify_url and not is_loopback(notify_url):
            raise Rejected("PARAM_ERROR", "模拟器只通知本机地址")
        refund, _ = self.books.refund(
            self._order(fields),
            number=fields["out_refund_no"],
            amount_fen=fen(fields, "refund_fee"),
            total_fen=fen(fields, "total_fee"),
            reason=fields.get("refund_desc", ""),
            notify_url=notify_url,
            signer="v2",
        )
        order = refund.order
        return {
            "transaction_id": order.channel_number,
            "out_trade_no": order.number,
            "out_refund_no": refund.number,
            "refund_id": refund.channel_number,
            "refund_fee": str(refund.amount_fen),
            "total_fee": str(order.amount_fen),
            "cash_fee": str(order.payer_fen),
            "cash_refund_fee": str(refund.payer_fen),
        }

    def _refund_query(self, fields: Fields) -> Fields:
        refunds = self._refunds_asked(fields)
        order = refunds[0].order
        told = {
            "transaction_id": order.channel_number,
            "out_trade_no": order.number,
            "total_fee": str(order.amount_fen),
            "cash_fee": str(order.payer_fen),
            "refund_count": str(len(refunds)),
        }
        for place, refund in enumerate(refunds):
            told |= {
                f"out_refund_no_{place}": refund.number,
                f"refund_id_{place}": refund.channel_number,
                f"refund_channel_{place}": "ORIGINAL",
                f"refund_fee_{place}": str(refund.amount_fen),
                f"coupon_refund_fee_{place}": str(refund.amount_fen - refund.payer_fen),
                f"refund_status_{place}": STATUSES[refund.state],
                f"refund_recv_accout_{place}": refund.received_by or "支付用户零钱",
            }
            if refund.done_at is not None and refund.state is RefundState.SUCCESS:
                told[f"refund_success_time_{place}"] = refund.done_at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        return told

    def _refunds_asked(self, fields: Fields) -> list[Refund]:
        if fields.get("refund_id"):
            known = self.books.refunds_by_channel_number.get(fields["refund_id"])
            refunds = [known] if known else []
        elif fields.get("out_refund_no"):
            refunds = [self.books.find_refund("", fields["out_refund_no"])]
        else:
            refunds = self._order(fields).refunds
        if not refunds:
            raise Refusal(Reason.REFUND_UNKNOWN)
        return refunds


def _failed(code: str, message: str) -> Fields:
    return {"result_code": "FAIL", "err_code": code, "err_code_des": message}


def _paid(order: Order) -> Fields:
    assert order.payer is not None
    return {
        "openid": order.payer.name,
        "is_subscribe": "N",
        "trade_type": "NATIVE" if order.is_shown else "MICROPAY",
        "bank_type": "OTHERS",
        "total_fee": str(order.amount_fen),
        "cash_fee": str(order.payer_fen),
        "coupon_fee": str(order.coupon_fen),
        "fee_type": "CNY",
        "transaction_id": order.channel_number,
        "out_trade_no": order.number,
        "attach": order.extras.get("attach", ""),
        "time_end": compact(order.paid_at),
    }


def need(fields: Fields, *names: str) -> None:
    for name in names:
        if not fields.get(name):
            raise Rejected("LACK_PARAMS", f"缺少参数{name}")


def fen(fields: Fields, name: str) -> int:
    text = fields.get(name, "")
    if not re.fullmatch(r"[1-9]\d{0,9}", text):
        bad(name)
    return int(text)


def bad(name: str) -> NoReturn:
    raise Rejected("PARAM_ERROR", f"{name}参数错误")


def _number(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_\-|*@]{1,32}", text):
        bad("out_trade_no")
    return text
