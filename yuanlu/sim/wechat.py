"""WeChat Pay API v3 on the wire: what is checked, how answers are signed, and the provider's words for the world's.

Source: channels.md section 2 and error_codes.csv (channel wechat_v3). Where the documents are silent about code pay
(open question 1), the v2 words are used with HTTP 400, and 403 for payers who cannot pay.
"""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from yuanlu.clock import CHINA
from yuanlu.sim.bills import WechatBills
from yuanlu.sim.books import Books, Order, OrderState, Reason, Refund, RefundState, Refusal
from yuanlu.sim.keys import KeyRing, Pair
from yuanlu.sim.times import Times
from yuanlu.sim.wire import Answer, Call, Request, Signing, multipart

MCHID = "1900000109"
APPID = "wx0000000000000001"
SCHEME = "WECHATPAY2-SHA256-RSA2048"

Fields = dict[str, Any]
Route = tuple[str, re.Pattern[str], str, Callable[..., Answer]]
"""Method, path, operation, and what answers."""

WORDS: dict[Reason, tuple[int, str, str]] = {
    Reason.CODE_UNKNOWN: (400, "AUTH_CODE_INVALID", "付款码无效"),
    Reason.CODE_FOREIGN: (400, "AUTH_CODE_INVALID", "请扫描微信支付付款码"),
    Reason.CODE_USED: (400, "AUTH_CODE_INVALID", "付款码已使用，每个付款码仅限使用一次"),
    Reason.CODE_EXPIRED: (400, "AUTHCODEEXPIRE", "付款码已过期，请刷新后重试"),
    Reason.PAYER_SHORT: (403, "NOT_ENOUGH", "用户余额不足"),
    Reason.PAYER_LIMIT: (403, "RULE_LIMIT", "用户支付超出限额"),
    Reason.PAYER_FROZEN: (403, "TRADE_ERROR", "用户账户异常，交易失败"),
    Reason.PAYER_GONE: (403, "USER_ACCOUNT_ABNORMAL", "用户账户已注销"),
    Reason.PAYER_OTHER: (400, "BUYER_MISMATCH", "同一笔单不能更换支付方"),
    Reason.NUMBER_TAKEN: (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    Reason.SHOWN_TWICE: (403, "OUT_TRADE_NO_USED", "商户订单号重复"),
    Reason.ORDER_UNKNOWN: (404, "ORDER_NOT_EXIST", "订单不存在"),
    Reason.ORDER_UNPAID: (404, "RESOURCE_NOT_EXISTS", "订单不存在或未支付"),
    Reason.ORDER_PAID: (400, "ORDERPAID", "订单已支付"),
    Reason.ORDER_CLOSED: (400, "ORDER_CLOSED", "订单已关闭"),
    Reason.ORDER_REVERSED: (400, "ORDER_CLOSED", "订单已撤销"),
    Reason.ORDER_REFUNDED: (400, "INVALID_REQUEST", "订单已有退款，不能撤销"),
    Reason.CLOSE_BY_REVERSE: (400, "INVALID_REQUEST", "付款码订单不能关单，请使用撤销接口"),
    Reason.REVERSE_SHOWN: (400, "INVALID_REQUEST", "仅付款码支付订单可以撤销"),
    Reason.REVERSE_EARLY: (400, "INVALID_REQUEST", "请在支付请求15秒之后再调用撤销接口"),
    Reason.REVERSE_LATE: (400, "INVALID_REQUEST", "支付超过7天的订单不能撤销"),
    Reason.TOTAL_WRONG: (400, "INVALID_REQUEST", "订单金额与原订单不一致"),
    Reason.REFUND_UNKNOWN: (404, "RESOURCE_NOT_EXISTS", "退款单不存在"),
    Reason.REFUND_CHANGED: (400, "REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致，请核实后再试"),
    Reason.REFUND_OVER: (400, "INVALID_REQUEST", "申请退款金额大于订单剩余可退金额"),
    Reason.REFUND_LATE: (403, "TRADE_OVERDUE", "订单已经超过可退款的最大期限"),
    Reason.REFUND_PARTS: (400, "INVALID_REQUEST", "部分退款次数超过50次"),
    Reason.REFUND_SOON: (429, "FREQUENCY_LIMITED", "同一订单两次退款需间隔1分钟"),
    Reason.RESCUE_NOT_DUE: (400, "INVALID_REQUEST", "退款单不是异常状态"),
    Reason.FUNDS_SHORT: (403, "NOT_ENOUGH", "商户可用退款余额不足"),
    Reason.COMPLAINT_UNKNOWN: (404, "RESOURCE_NOT_EXISTS", "投诉单不存在"),
    Reason.COMPLAINT_FINISHED: (400, "INVALID_REQUEST", "投诉单已处理完成"),
    Reason.COMPLAINT_DECIDED: (400, "INVALID_REQUEST", "退款审批结果已提交，不能重复提交"),
    Reason.COMPLAINT_NOT_ASKED: (400, "INVALID_REQUEST", "投诉单没有申请退款"),
    Reason.IMAGE_UNKNOWN: (400, "PARAM_ERROR", "图片不存在"),
}


class Rejected(Exception):
    """An error envelope on its way out."""

    def __init__(self, status: int, code: str, message: str, detail: Fields | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.detail = status, code, message, detail


def bad_param(name: str, value: object, issue: str, location: str = "body") -> NoReturn:
    """Source: channels.md 2.4."""
    detail = {"field": f"/{name.replace('.', '/')}", "value": value, "issue": issue, "location": location}
    raise Rejected(400, "PARAM_ERROR", f"参数错误：{name} {issue}", detail)


def rfc3339(at: datetime) -> str:
    return at.astimezone(CHINA).isoformat(timespec="seconds")


def trade_state(order: Order) -> str:
    """Source: channels.md 2.5; USERPAYING, PAYERROR and REVOKED exist for code pay only."""
    if order.state is OrderState.PAID:
        return "REFUND" if order.back_fen else "SUCCESS"
    if order.state is OrderState.WAITING and not order.is_shown:
        return "USERPAYING"
    if order.state is OrderState.FAILED and not order.is_shown:
        return "PAYERROR"
    ends = {OrderState.CLOSED: "CLOSED", OrderState.REVERSED: "REVOKED"}
    return ends.get(order.state, "NOTPAY")


STATE_WORDS = {
    "SUCCESS": "支付成功",
    "REFUND": "转入退款",
    "NOTPAY": "订单未支付",
    "CLOSED": "订单已关闭",
    "REVOKED": "订单已撤销",
    "USERPAYING": "用户支付中",
    "PAYERROR": "支付失败",
}


def transaction(order: Order) -> Fields:
    """The transaction object."""
    state = trade_state(order)
    told: Fields = {
        "appid": APPID,
        "mchid": MCHID,
        "out_trade_no": order.number,
        "trade_state": state,
        "trade_state_desc": STATE_WORDS[state],
        "attach": order.extras.get("attach", ""),
        "amount": {"total": order.amount_fen, "currency": "CNY"},
        "promotion_detail": [],
    }
    if order.extras.get("device_id"):
        told["scene_info"] = {"device_id": order.extras["device_id"]}
    if order.payments:
        told["transaction_id"] = order.channel_number
        told["trade_type"] = "NATIVE" if order.is_shown else "MICROPAY"
    if order.payer is not None:
        told["payer"] = {"openid": order.payer.name}
    if order.payments and order.paid_at is not None:
        told["bank_type"] = "OTHERS"
        told["success_time"] = rfc3339(order.paid_at)
        told["amount"] |= {"payer_total": order.amount_fen, "payer_currency": "CNY"}
    return told


def refund_amount(refund: Refund) -> Fields:
    total, back = refund.order.amount_fen, refund.amount_fen
    return {"total": total, "refund": back, "payer_total": total, "payer_refund": back}


def refund_object(refund: Refund) -> Fields:
    told: Fields = {
        "refund_id": refund.channel_number,
        "out_refund_no": refund.number,
        "transaction_id": refund.order.channel_number,
        "out_trade_no": refund.order.number,
        "channel": "OTHER_BANKCARD" if refund.is_rescued else "ORIGINAL",
        "user_received_account": refund.received_by or "支付用户零钱",
        "create_time": rfc3339(refund.made_at),
        "status": refund.state.value.upper(),
        "funds_account": "AVAILABLE",
        "amount": refund_amount(refund)
        | {
            "settlement_total": refund.order.amount_fen,
            "settlement_refund": refund.amount_fen,
            "discount_refund": 0,
            "refund_fee": 0,
            "from": [],
            "currency": "CNY",
        },
        "promotion_detail": [],
    }
    if refund.state is RefundState.SUCCESS and refund.done_at is not None:
        told["success_time"] = rfc3339(refund.done_at)
    return told


def is_loopback(url: str) -> bool:
    """Whether a notify_url stays on this machine: the sim never sends anything elsewhere."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return False
    is_here = host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None
    return parts.scheme == "http" and is_here and port != 0


@dataclass(frozen=True)
class Caller:
    """Who asked, as far as the answer needs it: which pair signs."""

    pair: Pair


class WechatV3:
    """The v3 server for one merchant."""

    def __init__(self, books: Books, keys: KeyRing, bills: WechatBills, times: Times) -> None:
        self.books = books
        self.keys = keys
        self.bills = bills
        self.times = times
        self._certificate_pairs = {keys.platform.name: keys.platform}
        order, refund = r"/v3/pay/transactions", r"/v3/refund/domestic/refunds"
        self._routes: list[Route] = [
            ("POST", re.compile(f"{order}/codepay"), "pay", self._codepay),
            ("POST", re.compile(f"{order}/native"), "show", self._native),
            ("GET", re.compile(f"{order}/out-trade-no/(?P<number>[^/]+)"), "query", self._query),
            ("GET", re.compile(f"{order}/id/(?P<channel_number>[^/]+)"), "query", self._query),
            ("POST", re.compile(f"{order}/out-trade-no/(?P<number>[^/]+)/close"), "close", self._close),
            ("POST", re.compile(f"{order}/out-trade-no/(?P<number>[^/]+)/reverse"), "reverse", self._reverse),
            ("POST", re.compile(refund), "refund", self._refund),
            ("GET", re.compile(f"{refund}/(?P<number>[^/]+)"), "refund_query", self._refund_query),
            (
                "POST",
                re.compile(f"{refund}/(?P<refund_id>[^/]+)/apply-abnormal-refund"),
                "rescue",
                self._rescue,
            ),
            ("GET", re.compile("/v3/certificates"), "certificates", self._certificates),
            ("GET", re.compile("/v3/bill/(?P<kind>tradebill|fundflowbill)"), "bill", self._bill),
            ("GET", re.compile("/v3/billdownload/file"), "bill", self._bill_file),
        ]

    def add(self, routes: Sequence[Route]) -> None:
        """Serve more calls under the same signatures."""
        self._routes += routes

    def open(self, request: Request) -> Call | None:
        """Find the call; a wrong path or method is answered with an empty 404 or 405 (channels.md 2.4)."""
        path = request.path
        if not path.startswith("/v3/"):
            return None
        status = 404
        for method, pattern, operation, action in self._routes:
            found = pattern.fullmatch(path)
            if found is None:
                continue
            if method != request.method:
                status = 405
                continue
            names = {name: unquote(value) for name, value in found.groupdict().items()}
            fields = self._fields(request)
            numbers = self._numbers(operation, names, fields)

            def serve(
                signing: Signing,
                names: dict[str, str] = names,
                fields: Fields | None = fields,
                operation: str = operation,
                action: Callable[..., Answer] = action,
            ) -> Answer:
                return self._serve(request, operation, fields=fields, names=names, action=action, signing=signing)

            return Call(operation, numbers, serve)
        return Call("unknown", (), lambda _: Answer(status, code=str(status)))

    def _fields(self, request: Request) -> Fields | None:
        if request.method not in {"POST", "PUT"} or request.path.endswith("/images/upload"):
            return {}
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            return None
        return fields if isinstance(fields, dict) else None

    def _numbers(self, operation: str, names: dict[str, str], fields: Fields | None) -> tuple[str, ...]:
        told = list(names.values())
        for name in ("out_refund_no", "out_trade_no", "transaction_id") if fields else ():
            value = (fields or {}).get(name)
            if isinstance(value, str):
                told.append(value)
        if operation == "query" and "channel_number" in names:
            order = self.books.orders_by_channel_number.get(names["channel_number"])
            told += [order.number] if order else []
        if operation in {"refund_query", "rescue"} and told:
            known = self.books.refunds.get(("", told[-1]))
            told += [known.order.number] if known else []
        return tuple(told)

    def _serve(
        self,
        request: Request,
        operation: str,
        *,
        fields: Fields | None,
        names: dict[str, str],
        action: Callable[..., Answer],
        signing: Signing,
    ) -> Answer:
        try:
            answer, pair = self._perform(request, operation, fields, names, action)
        except Rejected as rejected:
            return self._envelope(rejected)
        except Refusal as refusal:
            status, code, message = WORDS[refusal.reason]
            if operation == "refund" and refusal.reason in {Reason.ORDER_UNKNOWN, Reason.ORDER_CLOSED}:
                status, code = 404, "RESOURCE_NOT_EXISTS"
            if operation == "refund" and refusal.reason is Reason.ORDER_REVERSED:
                status, code = 400, "INVALID_REQUEST"
            return self._envelope(Rejected(status, code, message))
        if operation == "complaint_fetch" or (operation == "bill" and request.path.endswith("/file")):
            return answer
        return self._sign(answer, pair, signing)

    def _perform(
        self,
        request: Request,
        operation: str,
        fields: Fields | None,
        names: dict[str, str],
        action: Callable[..., Answer],
    ) -> tuple[Answer, Pair]:
        """The answer and the pair that is to sign it."""
        caller = self._recognise(request, operation)
        if fields is None:
            raise Rejected(400, "PARAM_ERROR", "请求体不是合法的JSON")
        return action(request, caller, fields, **names), caller.pair

    def _envelope(self, rejected: Rejected) -> Answer:
        body: Fields = {"code": rejected.code, "message": rejected.message}
        if rejected.detail is not None or rejected.code == "INVALID_REQUEST":
            body["detail"] = rejected.detail or {"location": "body", "issue": rejected.message}
        headers = {"Content-Type": "application/json; charset=utf-8", "Request-ID": _request_id()}
        return Answer(rejected.status, _json(body), headers, rejected.code)

    def word(self, code: str, status: int, request: Request) -> Answer:
        """A refusal with any code."""
        del request
        return self._envelope(Rejected(status, code, "按要求模拟的应答"))

    def trouble(self, status: int) -> Answer:
        code = "SYSTEM_ERROR" if status == 500 else "SERVICE_UNAVAILABLE"
        return self._envelope(Rejected(status, code, "系统异常，请稍后重试"))

    # Who asks

    def _recognise(self, request: Request, operation: str) -> Caller:
        """Check who asks; the clock comes before the signature. Source: channels.md 2.1, 2.4."""
        headers = request.headers
        if operation in {"certificates", "refund", "refund_query", "rescue"}:
            for name in ("Accept", "User-Agent"):
                if not headers.get(name):
                    raise Rejected(400, "PARAM_ERROR", f"Http头缺少{name}")
            accepts = headers["Accept"]
            if "application/json" not in accepts and "*/*" not in accepts:
                raise Rejected(400, "PARAM_ERROR", "Http头Accept应为application/json")
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        told = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        if scheme != SCHEME or not told.keys() >= {"mchid", "serial_no", "nonce_str", "timestamp", "signature"}:
            raise Rejected(401, "SIGN_ERROR", "Http头Authorization值格式错误")
        if told["mchid"] != MCHID:
            raise Rejected(400, "MCH_NOT_EXISTS", "商户号不存在")
        if not told["timestamp"].isdigit() or not self.times.accepts(int(told["timestamp"])):
            raise Rejected(401, "SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
        if told["serial_no"].upper() != self.keys.merchant.name:
            raise Rejected(401, "SIGN_ERROR", "商户证书序列号有误")
        signed = f"{request.method}\n{request.target}\n{told['timestamp']}\n{told['nonce_str']}\n".encode()
        try:
            signature = b64decode(told["signature"], validate=True)
        except Base64Error:
            signature = b""
        if not self.keys.merchant.has_signed(signed + _signed_body(request) + b"\n", signature):
            raise Rejected(401, "SIGN_ERROR", "签名错误，请检查后再试")
        return Caller(self._answering(headers.get("Wechatpay-Serial")))

    def _answering(self, serial: str | None) -> Pair:
        """The pair that signs the answer. Source: channels.md 2.2, serial rule; 2.9 item 8."""
        if serial == self.keys.wechat.name:
            return self.keys.wechat
        is_certificate_mode = not self.books.rules.is_public_key_only
        if serial is None or serial == "":
            return self.keys.platform if is_certificate_mode else self.keys.wechat
        if is_certificate_mode and serial.upper() in self._certificate_pairs:
            return self._certificate_pairs[serial.upper()]
        raise Rejected(400, "PARAM_ERROR", "Http头Wechatpay-Serial有误，找不到对应的证书或公钥")

    def pair_named(self, name: str) -> Pair:
        return self.keys.wechat if name == self.keys.wechat.name else self.keys.platform

    def _sign(self, answer: Answer, pair: Pair, signing: Signing) -> Answer:
        assert 200 <= answer.status < 300
        headers = self.signature_headers(answer.body, pair, signing)
        return Answer(answer.status, answer.body, answer.headers | headers | {"Request-ID": _request_id()}, answer.code)

    def signature_headers(self, body: bytes, pair: Pair, signing: Signing) -> dict[str, str]:
        """The five headers of a signed answer or notice. Source: channels.md 2.2."""
        seconds = self.times.stamp() - (600 if signing is Signing.STALE else 0)
        nonce = secrets.token_hex(16)
        signed = f"{seconds}\n{nonce}\n".encode() + body + b"\n"
        return {
            "Wechatpay-Timestamp": str(seconds),
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": pair.sign(signed if signing is not Signing.BAD else b"other" + signed),
            "Wechatpay-Serial": pair.name,
            "Wechatpay-Signature-Type": SCHEME,
        }

    # Payments

    def _codepay(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del request, caller
        self._check_merchant(fields)
        amount_fen = _amount(fields)
        description = text_of(fields, "description", 127)
        attach = text_of(fields, "attach", 128, is_optional=True)
        store = _inner(_inner(fields, "scene_info"), "store_info", "scene_info.store_info")
        if not (store.get("id") or store.get("out_id")):
            bad_param("scene_info.store_info.id", None, "id与out_id不能同时为空")
        code = text_of(_inner(fields, "payer"), "auth_code", 32, named="payer.auth_code")
        order = self.books.pay(
            number=_order_number(fields),
            amount_fen=amount_fen,
            code=code,
            content=(str(amount_fen), description, attach),
            extras={
                "description": description,
                "attach": attach,
                "device_id": str(fields["scene_info"].get("device_id", "")),
            },
        )
        status = 202 if order.state is OrderState.WAITING else 200
        return told_as(transaction(order), status, trade_state(order))

    def _native(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del request
        self._check_merchant(fields)
        amount_fen = _amount(fields)
        description = text_of(fields, "description", 127)
        attach = text_of(fields, "attach", 128, is_optional=True)
        expires_at = _moment(fields, "time_expire")
        if expires_at is not None and expires_at <= self.books.agenda.now():
            bad_param("time_expire", fields["time_expire"], "已过期")
        extras = {
            "description": description,
            "attach": attach,
            "notify_url": _notify_url(fields, is_optional=False),
            "signer": caller.pair.name,
        }
        order = self.books.show(
            number=_order_number(fields),
            amount_fen=amount_fen,
            content=(str(amount_fen), description, attach),
            extras=extras,
            qr_text=lambda token: f"weixin://wxpay/bizpayurl?pr={token[:7]}zz{token[7:9]}",
            expires_at=expires_at,
        )
        return told_as({"code_url": order.qr_text})

    def _query(
        self, request: Request, caller: Caller, fields: Fields, number: str = "", channel_number: str = ""
    ) -> Answer:
        del caller, fields
        mchid = request.query.get("mchid")
        if mchid != MCHID:
            bad_param("mchid", mchid, "与商户号不一致", "query")
        order = self.books.find(number, channel_number)
        return told_as(transaction(order), code=trade_state(order))

    def _close(self, request: Request, caller: Caller, fields: Fields, number: str) -> Answer:
        del request, caller
        self._check_merchant(fields, has_appid=False)
        self.books.close(number)
        return Answer(204)

    def _reverse(self, request: Request, caller: Caller, fields: Fields, number: str) -> Answer:
        del request, caller
        self._check_merchant(fields)
        self.books.reverse(self.books.find(number))
        return told_as({"appid": APPID, "mchid": MCHID, "out_trade_no": number})

    def _check_merchant(self, fields: Fields, *, has_appid: bool = True) -> None:
        if fields.get("mchid") != MCHID:
            bad_param("mchid", fields.get("mchid"), "与请求头中的商户号不一致")
        if has_appid and not isinstance(fields.get("appid"), str):
            bad_param("appid", fields.get("appid"), "必填")
        if has_appid and fields["appid"] != APPID:
            raise Rejected(400, "APPID_MCHID_NOT_MATCH", "appid和mchid不匹配")

    # Refunds

    def _refund(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del request
        amount = _inner(fields, "amount")
        if amount.get("currency") != "CNY":
            bad_param("amount.currency", amount.get("currency"), "只支持CNY")
        amount_fen, total_fen = _fen(amount, "refund"), _fen(amount, "total")
        number = text_of(fields, "out_refund_no", 64)
        if not re.fullmatch(r"[0-9A-Za-z_\-|*@]+", number):
            bad_param("out_refund_no", number, "含有非法字符")
        channel_number = text_of(fields, "transaction_id", 32, is_optional=True)
        order_number = text_of(fields, "out_trade_no", 32, is_optional=True)
        if not (channel_number or order_number):
            bad_param("out_trade_no", None, "transaction_id与out_trade_no至少填一个")
        reason = text_of(fields, "reason", 80, is_optional=True)
        notify_url = _notify_url(fields, is_optional=True)
        refund, _ = self.books.refund(
            self.books.find(order_number, channel_number),
            number=number,
            amount_fen=amount_fen,
            total_fen=total_fen,
            reason=reason,
            notify_url=notify_url,
            signer=caller.pair.name,
        )
        return told_as(refund_object(refund), code=refund.state.value.upper())

    def _refund_query(self, request: Request, caller: Caller, fields: Fields, number: str) -> Answer:
        del request, caller, fields
        refund = self.books.find_refund("", number)
        return told_as(refund_object(refund), code=refund.state.value.upper())

    def _rescue(self, request: Request, caller: Caller, fields: Fields, refund_id: str) -> Answer:
        number = text_of(fields, "out_refund_no", 64)
        kind = text_of(fields, "type", 32)
        refund = self.books.refunds_by_channel_number.get(refund_id)
        if refund is None or refund.number != number:
            raise Refusal(Reason.REFUND_UNKNOWN)
        if kind not in {"USER_BANK_CARD", "MERCHANT_BANK_CARD"}:
            bad_param("type", kind, "取值有误")
        card = ""
        if kind == "USER_BANK_CARD":
            text_of(fields, "bank_type", 16)
            if not request.headers.get("Wechatpay-Serial"):
                raise Rejected(400, "PARAM_ERROR", "有敏感信息时Http头必须带Wechatpay-Serial")
            card = self._unsealed(fields, "bank_account", caller.pair)
            self._unsealed(fields, "real_name", caller.pair)
            if not re.fullmatch(r"\d{12,19}", card):
                bad_param("bank_account", "", "卡号格式有误")
        rescued = self.books.rescue(refund, is_to_payer=kind == "USER_BANK_CARD", card=card)
        return told_as(refund_object(rescued), code=rescued.state.value.upper())

    def _unsealed(self, fields: Fields, name: str, pair: Pair) -> str:
        sealed = text_of(fields, name, 1024)
        try:
            return pair.open_sealed(b64decode(sealed, validate=True)).decode()
        except (ValueError, Base64Error):
            bad_param(name, "", "解密失败")

    # Certificates and bills

    def _certificates(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        """Source: channels.md 2.3."""
        del request, caller, fields
        if self.books.rules.is_public_key_only:
            raise Rejected(404, "RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥")
        now = self.books.agenda.now()
        item = {
            "serial_no": self.keys.platform.name,
            "effective_time": rfc3339(now - timedelta(days=1)),
            "expire_time": rfc3339(now + timedelta(days=1825)),
            "encrypt_certificate": seal(self.keys, self.keys.platform_certificate, "certificate"),
        }
        return told_as({"data": [item]})

    def _bill(self, request: Request, caller: Caller, fields: Fields, kind: str) -> Answer:
        del caller, fields
        query = request.query
        day = query.get("bill_date", "")
        try:
            asked = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a day, not a moment
        except ValueError:
            bad_param("bill_date", day, "格式应为YYYY-MM-DD", "query")
        tar = query.get("tar_type", "")
        if tar not in {"", "GZIP"}:
            bad_param("tar_type", tar, "取值有误", "query")
        told = self.bills.make(kind, asked, query, is_gzip=tar == "GZIP")
        if isinstance(told, str):
            words = {"NO_STATEMENT_EXIST": "账单文件不存在", "STATEMENT_CREATING": "账单生成中"}
            if told not in words:
                bad_param("bill_type", query.get("bill_type"), "取值有误", "query")
            raise Rejected(400, told, words[told])
        url = f"{request.base_url}/v3/billdownload/file?token={told.token}"
        return told_as({"hash_type": "SHA1", "hash_value": told.sha1, "download_url": url})

    def _bill_file(self, request: Request, caller: Caller, fields: Fields) -> Answer:
        del caller, fields
        content = self.bills.file(request.query.get("token", ""))
        if content is None:
            raise Rejected(400, "PARAM_ERROR", "下载地址已失效")
        return Answer(200, content, {"Content-Type": "text/plain", "Request-ID": _request_id()})


def _signed_body(request: Request) -> bytes:
    """Of a multipart body only the `meta` text is signed. Source: channels.md 2.1, 2.9 item 3."""
    if not request.headers.get("Content-Type", "").startswith("multipart/form-data"):
        return request.body
    meta = multipart(request).get("meta")
    return b"" if meta is None else meta.body


def seal(keys: KeyRing, plain: bytes, associated_data: str) -> Fields:
    """AES-256-GCM under the APIv3 key, nonce of 12 ASCII characters, tag at the end. Source: channels.md 2.3."""
    nonce = secrets.token_hex(6)
    sealed = AESGCM(keys.apiv3_key.encode()).encrypt(nonce.encode(), plain, associated_data.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": b64encode(sealed).decode(),
    }


def _request_id() -> str:
    return secrets.token_hex(16).upper()


def _json(fields: Fields) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def told_as(fields: Fields, status: int = 200, code: str = "") -> Answer:
    return Answer(status, _json(fields), {"Content-Type": "application/json; charset=utf-8"}, code)


def _inner(fields: Fields, name: str, named: str = "") -> Fields:
    value = fields.get(name)
    if not isinstance(value, dict):
        bad_param(named or name, value, "必填")
    return value


def text_of(fields: Fields, name: str, length_max: int, *, is_optional: bool = False, named: str = "") -> str:
    value = fields.get(name)
    if value is None and is_optional:
        return ""
    if not isinstance(value, str) or not (value or is_optional) or len(value) > length_max:
        bad_param(named or name, None if name == "auth_code" else value, f"应为不超过{length_max}个字符的字符串")
    return value


def _fen(amount: Fields, name: str) -> int:
    value = amount.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 10**10:
        bad_param(f"amount.{name}", value, "应为正整数，单位为分")
    return value


def _amount(fields: Fields) -> int:
    amount = _inner(fields, "amount")
    if amount.get("currency", "CNY") != "CNY":
        bad_param("amount.currency", amount["currency"], "只支持CNY")
    return _fen(amount, "total")


def _order_number(fields: Fields) -> str:
    number = text_of(fields, "out_trade_no", 32)
    if not re.fullmatch(r"[0-9A-Za-z_\-*]{6,32}", number):
        bad_param("out_trade_no", number, "只能是6至32位的数字、大小写字母_-*")
    return number


def _notify_url(fields: Fields, *, is_optional: bool) -> str:
    url = text_of(fields, "notify_url", 255, is_optional=is_optional)
    if url and not is_loopback(url):
        bad_param("notify_url", url, "模拟器只通知本机地址")
    return url


def _moment(fields: Fields, name: str) -> datetime | None:
    text = text_of(fields, name, 64, is_optional=True)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        bad_param(name, text, "应为RFC 3339格式")
    if at.tzinfo is None:
        bad_param(name, text, "缺少时区")
    return at
