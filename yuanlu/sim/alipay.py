"""The Alipay gateway on the wire: one address, four styles of client, answers signed over the text as sent.

Source: channels.md section 4 and error_codes.csv (channel alipay). A refusal of the gateway itself comes unsigned, and
the app_id is looked at before the signature.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from yuanlu.clock import CHINA
from yuanlu.sim.bills import AlipayBills, local, yuan
from yuanlu.sim.books import Books, Order, OrderState, Reason, Refund, RefundState, Refusal
from yuanlu.sim.keys import KeyRing
from yuanlu.sim.wechat import is_loopback
from yuanlu.sim.wire import Answer, Call, Request, Signing, multipart

APP_ID = "2021000000000001"
SELLER_ID = "2088000000000001"

Fields = dict[str, Any]
Action = Callable[[Fields, dict[str, str], Request], Fields]

MESSAGES = {
    "10000": "Success",
    "10003": "order success pay inprocess",
    "20000": "Service Currently Unavailable",
    "20001": "Insufficient Token Permissions",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Insufficient Conditions",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}

WORDS: dict[Reason, tuple[str, str]] = {
    Reason.CODE_UNKNOWN: (
        "ACQ.PAYMENT_AUTH_CODE_INVALID",
        "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款",
    ),
    Reason.CODE_FOREIGN: ("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，请扫描支付宝付款码"),
    Reason.CODE_USED: ("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，付款码已使用，请顾客刷新付款码"),
    Reason.CODE_EXPIRED: ("ACQ.PAYMENT_AUTH_CODE_INVALID", "支付失败，付款码已过期，请顾客刷新付款码"),
    Reason.PAYER_SHORT: ("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"),
    Reason.PAYER_LIMIT: ("ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", "买家付款日限额超限"),
    Reason.PAYER_FROZEN: ("ACQ.BUYER_ENABLE_STATUS_FORBID", "买家状态非法"),
    Reason.PAYER_GONE: ("ACQ.BUYER_NOT_EXIST", "买家账户已注销"),
    Reason.PAYER_OTHER: ("ACQ.TRADE_BUYER_NOT_MATCH", "交易买家不匹配"),
    Reason.NUMBER_TAKEN: ("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
    Reason.SHOWN_TWICE: ("ACQ.APPLY_PC_MERCHANT_CODE_ERROR", "申请二维码失败"),
    Reason.ORDER_UNKNOWN: ("ACQ.TRADE_NOT_EXIST", "交易不存在"),
    Reason.ORDER_UNPAID: ("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"),
    Reason.ORDER_PAID: ("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
    Reason.ORDER_CLOSED: ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    Reason.ORDER_REVERSED: ("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
    Reason.ORDER_REFUNDED: ("ACQ.CANCEL_NOT_ALLOWED", "交易已有退款，不允许撤销"),
    Reason.REVERSE_LATE: ("ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销时间"),
    Reason.REFUND_CHANGED: ("ACQ.DISCORDANT_REPEAT_REQUEST", "同一请求号的退款金额不一致"),
    Reason.REFUND_OVER: ("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额超过交易可退金额"),
    Reason.REFUND_LATE: ("ACQ.TRADE_HAS_FINISHED", "交易已完结"),
    Reason.FUNDS_SHORT: ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "商户的可用余额不足"),
    Reason.COMPLAINT_UNKNOWN: ("COMPLAIN_NOT_EXIST", "投诉单不存在"),
    Reason.COMPLAINT_FINISHED: ("STATUS_NOT_ALLOWED", "投诉单状态不允许此操作"),
    Reason.IMAGE_UNKNOWN: ("INVALID_PARAMETER", "图片不存在"),
}


class Rejected(Exception):
    """A refusal on its way out. `is_gateway`: the gateway's own, which goes unsigned."""

    def __init__(self, code: str, sub_code: str, message: str, *, is_gateway: bool = False) -> None:
        super().__init__(sub_code)
        self.code, self.sub_code, self.message, self.is_gateway = code, sub_code, message, is_gateway


def bad_param(message: str) -> NoReturn:
    raise Rejected("40004", "ACQ.INVALID_PARAMETER", f"参数无效：{message}")


def trade_status(order: Order, now: datetime, window_days: int) -> str:
    """Source: channels.md 4.4. TRADE_CLOSED is never paid, cancelled or refunded in full."""
    if order.state is OrderState.PAID:
        if (
            sum(refund.amount_fen for refund in order.refunds if refund.state is RefundState.SUCCESS)
            == order.amount_fen
        ):
            return "TRADE_CLOSED"
        assert order.paid_at is not None
        return "TRADE_FINISHED" if now > order.paid_at + timedelta(days=window_days) else "TRADE_SUCCESS"
    if order.state in {OrderState.WAITING, OrderState.SHOWN}:
        return "WAIT_BUYER_PAY"
    return "TRADE_CLOSED"


OPERATIONS = {
    "alipay.trade.pay": "pay",
    "alipay.trade.precreate": "show",
    "alipay.trade.query": "query",
    "alipay.trade.cancel": "reverse",
    "alipay.trade.close": "close",
    "alipay.trade.refund": "refund",
    "alipay.trade.fastpay.refund.query": "refund_query",
    "alipay.data.dataservice.bill.downloadurl.query": "bill",
}


class Alipay:
    """The gateway for one app and one seller."""

    def __init__(self, books: Books, keys: KeyRing, bills: AlipayBills) -> None:
        self.books = books
        self.keys = keys
        self.bills = bills
        self._last_node = b"{}"
        self._operations = dict(OPERATIONS)
        self._actions: dict[str, Action] = {
            "alipay.trade.pay": self._pay,
            "alipay.trade.precreate": self._precreate,
            "alipay.trade.query": self._query,
            "alipay.trade.cancel": self._cancel,
            "alipay.trade.close": self._close,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refund_query,
            "alipay.data.dataservice.bill.downloadurl.query": self._bill,
        }

    def add(self, actions: Mapping[str, Action], operations: Mapping[str, str]) -> None:
        """Serve more methods at the same gateway."""
        self._actions |= actions
        self._operations |= operations

    def open(self, request: Request) -> Call | None:
        """Merge query and form, whichever style the client has. Source: channels.md 4.1."""
        if request.path == "/alipay/billdownload":
            return Call("bill", (), lambda _: self._bill_file(request))
        if request.path not in {"/gateway.do", "/gateway.do/"}:
            return None
        params = self._params(request)
        try:
            fields = json.loads(params.get("biz_content") or "{}", parse_float=Decimal)
        except ValueError:
            fields = None
        fields = fields if isinstance(fields, dict) else None
        numbers = [str((fields or {}).get(name, "")) for name in ("out_request_no", "out_trade_no", "trade_no")]
        known = self.books.orders_by_channel_number.get(numbers[2])
        told = [number for number in numbers if number] + ([known.number] if known else [])
        told += [str(fields["complain_event_id"])] if fields and fields.get("complain_event_id") else []
        operation = self._operations.get(params.get("method", ""), "unknown")
        return Call(operation, tuple(told), lambda signing: self._serve(request, params, fields, signing))

    def _params(self, request: Request) -> dict[str, str]:
        if request.headers.get("Content-Type", "").startswith("multipart/form-data"):
            parts = {name: part.body for name, part in multipart(request).items() if not part.filename}
            return request.query | {name: body.decode("utf-8", "replace") for name, body in parts.items()}
        query = request.target.partition("?")[2]
        charset = re.search(r"(?:^|&)charset=([\w-]+)", query)
        text = request.body.decode("latin-1") if request.method == "POST" else ""
        charset = charset or re.search(r"(?:^|&)charset=([\w-]+)", text)
        encoding = "gbk" if charset is not None and charset[1].lower() in {"gbk", "gb2312", "gb18030"} else "utf-8"
        pairs = parse_qsl(query, keep_blank_values=True, encoding=encoding)
        # A form body is ASCII once it is percent-encoded; a client that leaves raw UTF-8 in it is still read.
        raw = request.body.decode(encoding, errors="replace") if request.method == "POST" else ""
        return dict(pairs + parse_qsl(raw, keep_blank_values=True, encoding=encoding))

    def _serve(self, request: Request, params: dict[str, str], fields: Fields | None, signing: Signing) -> Answer:
        try:
            node = self._perform(request, params, fields)
        except Rejected as rejected:
            return self._refused(params, rejected, signing)
        except Refusal as refusal:
            return self._refused(params, self._worded(params["method"], refusal.reason), signing)
        code = node.pop("code", "10000")
        return self._node(params, {"code": code, "msg": MESSAGES[code]} | node, signing, str(code))

    def _perform(self, request: Request, params: dict[str, str], fields: Fields | None) -> Fields:
        self._recognise(params)
        if fields is None:
            raise Rejected("40002", "isv.illegal-json", "JSON格式非法", is_gateway=True)
        action = self._actions.get(params["method"])
        if action is None:
            raise Rejected("40002", "isv.invalid-method", "不存在的方法名", is_gateway=True)
        return action(fields, params, request)

    def _worded(self, method: str, reason: Reason) -> Rejected:
        if reason is Reason.REFUND_SOON:
            return Rejected("40005", "isv.method-call-limited", "同一笔交易两次退款需间隔3秒")
        sub_code, message = WORDS.get(reason, ("ACQ.SYSTEM_ERROR", "系统错误"))
        if method == "alipay.trade.close" and sub_code != "ACQ.TRADE_NOT_EXIST":
            sub_code, message = "ACQ.REASON_ILLEGAL_STATUS", "交易状态异常，非待支付状态下不支持关单操作"
        if method == "alipay.trade.refund" and reason in {Reason.ORDER_CLOSED, Reason.ORDER_REVERSED}:
            sub_code, message = "ACQ.TRADE_STATUS_ERROR", "交易状态不合法"
        return Rejected("40004", sub_code, message)

    def _refused(self, params: dict[str, str], rejected: Rejected, signing: Signing) -> Answer:
        node: Fields = {"code": rejected.code, "msg": MESSAGES[rejected.code]}
        node |= {"sub_code": rejected.sub_code, "sub_msg": rejected.message}
        if rejected.is_gateway:
            return self._send(params, _text(node), None, rejected.sub_code)
        return self._node(params, node, signing, rejected.sub_code)

    def _node(self, params: dict[str, str], node: Fields, signing: Signing, code: str) -> Answer:
        text = _text(node)
        encoded = text.encode(_encoding(params))
        signed = {Signing.GOOD: encoded, Signing.BAD: b" " + encoded, Signing.STALE: self._last_node}[signing]
        self._last_node = encoded if signing is Signing.GOOD else self._last_node
        return self._send(params, text, self.keys.alipay.sign(signed), code)

    def _send(self, params: dict[str, str], node: str, sign: str | None, code: str) -> Answer:
        name = params.get("method", "").replace(".", "_") + "_response" if params.get("method") else "error_response"
        tail = "" if sign is None else f',"sign":"{sign}"'
        body = f'{{"{name}":{node}{tail}}}'.encode(_encoding(params))
        return Answer(200, body, {"Content-Type": "text/html;charset=utf-8"}, code)

    def word(self, code: str, status: int, request: Request) -> Answer:
        """A refusal with any sub_code; codes of four kinds tell their own main code."""
        del status
        mains = {"isp.": "20000", "aop.": "20000", "isv.": "40005"}
        main = next((main for start, main in mains.items() if code.startswith(start)), "40004")
        if code in MESSAGES:
            main, code = code, "isp.unknow-error" if code == "20000" else "ACQ.SYSTEM_ERROR"
        params = self._params(request)
        return self._refused(params, Rejected(main, code, "按要求模拟的应答"), Signing.GOOD)

    def trouble(self, status: int) -> Answer:
        body = f"<html><head><title>{status}</title></head><body>{status}</body></html>".encode()
        return Answer(status, body, {"Content-Type": "text/html"}, str(status))

    def _recognise(self, params: dict[str, str]) -> None:
        """Source: channels.md 4.2: app_id before the signature."""

        def stop(code: str, sub_code: str, message: str) -> NoReturn:
            raise Rejected(code, sub_code, message, is_gateway=True)

        if not params.get("method"):
            stop("40001", "isv.missing-method", "缺少方法名参数")
        if not params.get("app_id"):
            stop("40001", "isv.missing-app-id", "缺少AppID参数")
        if params["app_id"] != APP_ID:
            stop("40002", "isv.invalid-app-id", "无效的AppID参数")
        if not params.get("sign"):
            stop("40001", "isv.missing-signature", "缺少签名参数")
        if not params.get("timestamp"):
            stop("40001", "isv.missing-timestamp", "缺少时间戳参数")
        try:
            datetime.strptime(params["timestamp"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - only its shape
        except ValueError:
            stop("40002", "isv.invalid-timestamp", "非法的时间戳参数")
        told = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if value and name != "sign")
        try:
            signature = b64decode(params["sign"].replace(" ", "+"), validate=True)
        except Base64Error:
            signature = b""
        is_signed = self.keys.app.has_signed(told.encode(_encoding(params), errors="replace"), signature)
        if params.get("sign_type") != "RSA2" or not is_signed:
            stop("40002", "isv.invalid-signature", "验签出错，请确认签名是否正确")
        notify_url = params.get("notify_url", "")
        if notify_url and not is_loopback(notify_url):
            stop("40002", "isv.invalid-parameter", "模拟器只通知本机地址")

    # Trades

    def _pay(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del request
        number, amount_fen, subject = self._asked(fields)
        code = fields.get("auth_code")
        if not isinstance(code, str) or not code:
            bad_param("auth_code")
        if fields.get("scene", "bar_code") not in {"bar_code", "wave_code", "security_code"}:
            bad_param("scene")
        order = self.books.pay(
            number=number,
            amount_fen=amount_fen,
            code=code,
            content=(str(amount_fen), subject),
            extras=self._extras(fields, params, subject),
            closes_after_seconds=_timeout(fields),
        )
        if order.state is OrderState.WAITING:
            return {"code": "10003", **self._buyer(order), **_numbers(order), **self._amounts(order)}
        assert order.paid_at is not None
        funds = [{"amount": yuan(order.amount_fen), "fund_channel": "ALIPAYACCOUNT"}]
        return {
            **self._buyer(order),
            "fund_bill_list": funds,
            "gmt_payment": local(order.paid_at),
            **_numbers(order),
            **self._amounts(order),
        }

    def _precreate(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del request
        number, amount_fen, subject = self._asked(fields)
        timeout = _timeout(fields)
        expires_at = None if timeout is None else self.books.agenda.now() + timedelta(seconds=timeout)
        known = self.books.orders.get(number)
        if known is not None and known.is_shown and known.state is OrderState.CLOSED and not known.is_scanned:
            raise Refusal(Reason.ORDER_CLOSED)
        order = self.books.show(
            number=number,
            amount_fen=amount_fen,
            content=(str(amount_fen), subject),
            extras=self._extras(fields, params, subject),
            qr_text=lambda token: f"https://qr.alipay.com/bax{token}{token[:5]}",
            expires_at=expires_at,
        )
        return {"out_trade_no": number, "qr_code": order.qr_text}

    def _query(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        order = self._trade(fields)
        status = trade_status(order, self.books.agenda.now(), self.books.rules.refund_window_days)
        told: Fields = {**self._buyer(order), **_numbers(order), **self._amounts(order), "trade_status": status}
        if order.paid_at is not None:
            told["send_pay_date"] = local(order.paid_at)
            told["fund_bill_list"] = [{"amount": yuan(order.amount_fen), "fund_channel": "ALIPAYACCOUNT"}]
        return told

    def _cancel(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        """An unknown order is cancelled with success and no action (channels.md 4.4)."""
        del params, request
        number = _number(fields)
        try:
            order = self._trade(fields)
        except Refusal:
            return {"out_trade_no": number, "retry_flag": "N"}
        if order.state is OrderState.CLOSED:
            return {**_numbers(order), "retry_flag": "N", "action": "close"}
        if order.state is OrderState.PAID and order.back_fen == order.amount_fen:
            return {**_numbers(order), "retry_flag": "N", "action": "refund"}
        action = self.books.reverse(order)
        return {**_numbers(order), "retry_flag": "N", "action": action}

    def _close(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        order = self._trade(fields)
        if order.state is not OrderState.WAITING:
            raise Refusal(Reason.ORDER_PAID)
        self.books.close(order.number)
        return _numbers(order)

    def _refund(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params, request
        order = self._trade(fields)
        amount_fen = _fen(fields.get("refund_amount"), "refund_amount")
        number = fields.get("out_request_no")
        if number is not None and (not isinstance(number, str) or not 0 < len(number) <= 64):
            bad_param("out_request_no")
        if len(str(fields.get("refund_reason", ""))) > 256:
            bad_param("refund_reason")
        if number is None and amount_fen != order.amount_fen:
            raise Rejected("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "部分退款须传退款请求号")
        refund, is_new = self.books.refund(
            order, number=number or order.number, amount_fen=amount_fen, reason=str(fields.get("refund_reason", ""))
        )
        is_done = refund.state is RefundState.SUCCESS
        told: Fields = {
            **self._buyer(order),
            **_numbers(order),
            "fund_change": "Y" if is_new and is_done else "N",
            "refund_fee": yuan(_refunded(order)),
        }
        if refund.done_at is not None and is_done:
            told["gmt_refund_pay"] = local(refund.done_at)
        options = fields.get("query_options")
        if isinstance(options, list) and "refund_detail_item_list" in options and is_done:
            told["refund_detail_item_list"] = [{"amount": yuan(amount_fen), "fund_channel": "ALIPAYACCOUNT"}]
        if isinstance(options, list) and options and is_done:
            told["send_back_fee"] = yuan(amount_fen)
        return told

    def _refund_query(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        """A missing refund_status means: not received, or failed, or a wrong number (channels.md 4.4)."""
        del params, request
        order = self._trade(fields)
        number = fields.get("out_request_no")
        if not isinstance(number, str) or not number:
            bad_param("out_request_no")
        refund: Refund | None = self.books.refunds.get(self.books.refund_key(order.number, number))
        if refund is None or refund.state is not RefundState.SUCCESS:
            return {}
        told = {**_numbers(order), "out_request_no": number, "total_amount": yuan(order.amount_fen)}
        told |= {"refund_amount": yuan(refund.amount_fen), "refund_status": "REFUND_SUCCESS"}
        if "gmt_refund_pay" in (fields.get("query_options") or []):
            told["gmt_refund_pay"] = local(refund.done_at)
        return told

    def _trade(self, fields: Fields) -> Order:
        """The trade; one that was only shown and not scanned does not exist yet (channels.md 4.4)."""
        number, trade_no = _number(fields), str(fields.get("trade_no") or "")
        if not number and not trade_no:
            bad_param("out_trade_no与trade_no不能同时为空")
        order = self.books.find(number, trade_no)
        if order.is_shown and not order.is_scanned:
            raise Refusal(Reason.ORDER_UNKNOWN)
        return order

    def _asked(self, fields: Fields) -> tuple[str, int, str]:
        number, subject = fields.get("out_trade_no"), fields.get("subject")
        if not isinstance(number, str) or not re.fullmatch(r"[0-9A-Za-z_]{1,64}", number):
            bad_param("out_trade_no")
        if not isinstance(subject, str) or not subject or len(subject) > 256 or re.search(r"[/=&]", subject):
            bad_param("subject")
        return number, _fen(fields.get("total_amount"), "total_amount"), subject

    def _extras(self, fields: Fields, params: dict[str, str], subject: str) -> dict[str, str]:
        told = {"subject": subject, "notify_url": params.get("notify_url", "")}
        return told | {name: str(fields.get(name, "")) for name in ("store_id", "terminal_id", "operator_id")}

    def _buyer(self, order: Order) -> Fields:
        if order.payer is None:
            return {}
        return {"buyer_logon_id": f"{order.payer.name[-4:-1]}***@sim.test", "buyer_user_id": order.payer.name}

    def _amounts(self, order: Order) -> Fields:
        paid = yuan(order.amount_fen if order.payments else 0)
        names = ("receipt_amount", "buyer_pay_amount", "invoice_amount")
        return {"total_amount": yuan(order.amount_fen), "point_amount": "0.00", **dict.fromkeys(names, paid)}

    # Bills

    def _bill(self, fields: Fields, params: dict[str, str], request: Request) -> Fields:
        del params
        if fields.get("bill_type") not in {"trade", "signcustomer"}:
            raise Rejected("40004", "INVAILID_ARGUMENTS", "入参不合法")
        try:
            asked = datetime.strptime(str(fields.get("bill_date")), "%Y-%m-%d").date()  # noqa: DTZ007 - a day
        except ValueError:
            raise Rejected("40004", "INVAILID_ARGUMENTS", "入参不合法") from None
        if asked > self.books.agenda.now().astimezone(CHINA).date():
            raise Rejected("40004", "BILL_NOT_EXIST", "账单不存在")
        token = self.bills.make(str(fields["bill_type"]), asked)
        if token is None:
            raise Rejected("40004", "NO_BILL_DATA", "当日无账单数据")
        return {"bill_download_url": f"{request.base_url}/alipay/billdownload?token={token}"}

    def _bill_file(self, request: Request) -> Answer:
        content = self.bills.file(request.query.get("token", ""))
        if content is None:
            return Answer(404)
        return Answer(200, content, {"Content-Type": "application/zip"})


def signed_text(fields: dict[str, str]) -> bytes:
    """What a notice is signed over. Source: channels.md 4.6: neither sign nor sign_type, no empty values."""
    told = sorted((name, value) for name, value in fields.items() if value and name not in {"sign", "sign_type"})
    return "&".join(f"{name}={value}" for name, value in told).encode()


def _encoding(params: dict[str, str]) -> str:
    return "gbk" if params.get("charset", "").lower() in {"gbk", "gb2312", "gb18030"} else "utf-8"


def _text(node: Fields) -> str:
    """The live gateway writes `/` as `\\/`; the signature covers the text with it."""
    return json.dumps(node, ensure_ascii=False, separators=(",", ":")).replace("/", "\\/")


def _numbers(order: Order) -> Fields:
    return {"trade_no": order.channel_number, "out_trade_no": order.number}


def _number(fields: Fields) -> str:
    number = fields.get("out_trade_no", "")
    if not isinstance(number, str):
        bad_param("out_trade_no")
    return number


def _refunded(order: Order) -> int:
    return sum(refund.amount_fen for refund in order.refunds if refund.state is RefundState.SUCCESS)


def _fen(value: object, name: str) -> int:
    """Yuan as text or number, two decimals at most."""
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else None
        fen = None if amount is None or not amount.is_finite() else amount * 100
    except InvalidOperation:
        fen = None
    if fen is None or fen != fen.to_integral_value() or not 0 < fen <= 10**10:
        bad_param(name)
    return int(fen)


def _timeout(fields: Fields) -> float | None:
    """timeout_express such as 5m, 2h, 1d."""
    text = fields.get("timeout_express")
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d*)([mhd])", str(text))
    if found is None:
        bad_param("timeout_express")
    return float(found[1]) * {"m": 60, "h": 3600, "d": 86400}[found[2]]
