"""News the providers send by themselves: payments and refunds, repeated on their schedules until they are taken.

Law: nothing is ever sent off this machine; a notify_url elsewhere is refused when it is given.
Source: channels.md 2.7 (WeChat Pay v3), 2.7 last item (v2 XML), 4.6 (Alipay).
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from yuanlu.sim.agenda import Agenda
from yuanlu.sim.alipay import APP_ID, SELLER_ID, signed_text, trade_status
from yuanlu.sim.bills import local, yuan
from yuanlu.sim.books import Order, Refund, RefundState
from yuanlu.sim.complaints import Act, Complaint
from yuanlu.sim.faults import ON_NOTICES, Faults, Kind
from yuanlu.sim.keys import KeyRing, Pair
from yuanlu.sim.payers import Wallet
from yuanlu.sim.wechat import APPID, MCHID, WechatV3, is_loopback, refund_amount, rfc3339, seal, transaction
from yuanlu.sim.wechat2 import STATUSES, as_xml
from yuanlu.sim.wechat_complaints import ACTIONS
from yuanlu.sim.wire import Signing

WECHAT_GAPS = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600]
"""Seconds between a try and the next."""
ALIPAY_GAPS = [0, 0, 240, 600, 600, 3600, 7200, 21600, 54000]
ANSWER_SECONDS = 5.0
HELD_SECONDS = 10.0
EVENTS = {
    "TRANSACTION.SUCCESS": ("支付成功", "transaction"),
    "REFUND.SUCCESS": ("退款成功", "refund"),
    "REFUND.ABNORMAL": ("退款异常", "refund"),
    "REFUND.CLOSED": ("退款关闭", "refund"),
    "COMPLAINT.CREATE": ("产生新投诉", "complaint"),
    "COMPLAINT.STATE_CHANGE": ("投诉单状态变化", "complaint"),
}
"""Event type to summary and original_type."""


@dataclass
class Notice:
    """One piece of news; `make` builds headers and body of a try, `is_taken` reads the merchant's answer."""

    wallet: Wallet
    event: str
    numbers: tuple[str, ...]
    url: str
    make: Callable[[Signing], tuple[dict[str, str], bytes]]
    is_taken: Callable[[int, str], bool]
    gaps: list[int]
    tries: list[dict[str, object]] = field(default_factory=list)
    is_done: bool = False

    def as_json(self) -> dict[str, object]:
        return {
            "wallet": self.wallet,
            "event": self.event,
            "numbers": self.numbers,
            "url": self.url,
            "is_done": self.is_done,
            "tries": self.tries,
        }


class Notices:
    """Sends notices, tries again, and makes the trouble that is armed for them."""

    def __init__(self, agenda: Agenda, keys: KeyRing, faults: Faults, wechat: WechatV3, chance: random.Random) -> None:
        self.agenda = agenda
        self.keys = keys
        self.faults = faults
        self.wechat = wechat
        self.chance = chance
        self.sent: list[Notice] = []
        self._held: Notice | None = None
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    # What happened

    def paid(self, order: Order) -> None:
        """Source: 2.7: none for WeChat Pay code payments; 4.6: Alipay tells every payment."""
        url = order.extras.get("notify_url", "")
        if not url:
            return
        numbers = (order.number, order.channel_number)
        if order.wallet is Wallet.ALIPAY:
            self.send(self._form("trade_status_sync", numbers, url, self._trade(order)))
        elif order.is_shown:
            signer = self.wechat.pair_named(order.extras.get("signer", ""))
            told = transaction(order)
            self.send(self._sealed("TRANSACTION.SUCCESS", numbers=numbers, url=url, told=told, pair=signer))

    def refunded(self, refund: Refund) -> None:
        """Source: 2.7: SUCCESS, ABNORMAL and CLOSED are told; 4.6: Alipay tells payments only."""
        if refund.order.wallet is Wallet.WECHAT and refund.notify_url:
            self.tell_refund(refund, refund.notify_url, refund.signer)

    def tell_refund(self, refund: Refund, url: str, signer: str) -> Notice:
        numbers = (refund.number, refund.order.number, refund.channel_number)
        word = refund.state.value.upper()
        if signer == "v2":
            return self.send(self._xml(f"REFUND.{word}", numbers, url, refund))
        told: dict[str, object] = {
            "mchid": MCHID,
            "out_trade_no": refund.order.number,
            "transaction_id": refund.order.channel_number,
            "out_refund_no": refund.number,
            "refund_id": refund.channel_number,
            "refund_status": word,
            "user_received_account": refund.received_by or "支付用户零钱",
            "amount": refund_amount(refund),
        }
        if refund.state is RefundState.SUCCESS and refund.done_at is not None:
            told["success_time"] = rfc3339(refund.done_at)
        pair = self.wechat.pair_named(signer)
        return self.send(self._sealed(f"REFUND.{word}", numbers=numbers, url=url, told=told, pair=pair))

    def complained(self, complaint: Complaint, act: Act, url: str) -> None:
        """Source: 2.7; the notice only names the complaint and what was done."""
        if not url:
            return
        event = "COMPLAINT.CREATE" if act is Act.CREATE else "COMPLAINT.STATE_CHANGE"
        numbers = (complaint.number, complaint.order.number)
        told: dict[str, object] = {"complaint_id": complaint.number, "action_type": ACTIONS[act]}
        pair = self.keys.wechat
        self.send(self._sealed(event, numbers=numbers, url=url, told=told, pair=pair))

    async def probe(self, url: str) -> int:
        """A probe whose signature starts with WECHATPAY/SIGNTEST/; it must be answered 4xx or 5xx (2.2)."""
        notice = self._sealed("TRANSACTION.SUCCESS", numbers=(), url=url, told={}, pair=self.keys.wechat)
        headers, body = notice.make(Signing.GOOD)
        headers["Wechatpay-Signature"] = "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"][:324]
        status, _ = await self._post(url, headers, body)
        return status

    def again(self, number: str, event: str | None = None) -> int:
        """Send what was sent about a number once more; tells how many notices that was."""
        chosen = [old for old in self.sent if number in old.numbers and event in {None, old.event}]
        for old in chosen:
            self.agenda.after(0.0, lambda old=old: self._try(old))  # type: ignore[misc]
        return len(chosen)

    # How it is written

    def _sealed(
        self,
        event: str,
        *,
        numbers: tuple[str, ...],
        url: str,
        told: dict[str, object],
        pair: Pair,
    ) -> Notice:
        summary, original_type = EVENTS[event]
        resource = seal(self.keys, json.dumps(told, ensure_ascii=False).encode(), original_type)
        fields = {
            "id": str(self._uuid()),
            "create_time": rfc3339(self.agenda.now()),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": summary,
            "resource": {"original_type": original_type, **resource},
        }
        body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

        def make(signing: Signing) -> tuple[dict[str, str], bytes]:
            headers = self.wechat.signature_headers(body, pair, signing)
            return headers | {"Content-Type": "application/json"}, body

        return Notice(Wallet.WECHAT, event, numbers, url, make, lambda status, _: status in {200, 204}, WECHAT_GAPS)

    def _xml(self, event: str, numbers: tuple[str, ...], url: str, refund: Refund) -> Notice:
        """The v2 form: the fields in AES-256-ECB under the MD5 of the v2 key. Source: public v2 documents."""
        inner = {
            "transaction_id": refund.order.channel_number,
            "out_trade_no": refund.order.number,
            "refund_id": refund.channel_number,
            "out_refund_no": refund.number,
            "total_fee": str(refund.order.amount_fen),
            "refund_fee": str(refund.amount_fen),
            "settlement_refund_fee": str(refund.amount_fen),
            "refund_status": STATUSES[refund.state],
            "success_time": local(refund.done_at),
            "refund_recv_accout": refund.received_by,
            "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS",
            "refund_request_source": "VENDOR_PLATFORM" if refund.is_by_hand else "API",
        }
        plain = as_xml(inner).replace(b"xml>", b"root>")
        padder = padding.PKCS7(128).padder()
        key = hashlib.md5(self.keys.v2_key.encode()).hexdigest().encode()  # noqa: S324 - theirs
        sealer = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - theirs
        sealed = sealer.update(padder.update(plain) + padder.finalize()) + sealer.finalize()
        fields = {
            "return_code": "SUCCESS",
            "appid": APPID,
            "mch_id": MCHID,
            "nonce_str": secrets.token_hex(16),
            "req_info": b64encode(sealed).decode(),
        }
        body = as_xml(fields)

        def is_taken(status: int, text: str) -> bool:
            return status == 200 and "SUCCESS" in text

        return Notice(
            Wallet.WECHAT, event, numbers, url, lambda _: ({"Content-Type": "text/xml"}, body), is_taken, WECHAT_GAPS
        )

    def _trade(self, order: Order) -> dict[str, str]:
        assert order.payer is not None
        assert order.paid_at is not None
        amount = yuan(order.amount_fen)
        funds = [{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}]
        return {
            "trade_no": order.channel_number,
            "out_trade_no": order.number,
            "trade_status": trade_status(order, self.agenda.now(), 10**5),
            "total_amount": amount,
            "receipt_amount": amount,
            "buyer_pay_amount": amount,
            "invoice_amount": amount,
            "point_amount": "0.00",
            "buyer_id": order.payer.name,
            "buyer_logon_id": f"{order.payer.name[-4:-1]}***@sim.test",
            "seller_id": SELLER_ID,
            "subject": order.extras.get("subject", ""),
            "gmt_create": local(order.made_at),
            "gmt_payment": local(order.paid_at),
            "fund_bill_list": json.dumps(funds, separators=(",", ":")),
        }

    def _form(self, event: str, numbers: tuple[str, ...], url: str, told: dict[str, str]) -> Notice:
        fields = {
            "notify_time": local(self.agenda.now()),
            "notify_type": event,
            "notify_id": self._uuid() + "00",
            "app_id": APP_ID,
            "auth_app_id": APP_ID,
            "charset": "utf-8",
            "version": "1.0",
            "sign_type": "RSA2",
            **told,
        }
        signed = signed_text(fields)

        def make(signing: Signing) -> tuple[dict[str, str], bytes]:
            sign = self.keys.alipay.sign(signed if signing is Signing.GOOD else b" " + signed)
            body = urlencode(fields | {"sign": sign}).encode()
            return {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body

        def is_taken(status: int, text: str) -> bool:
            return status == 200 and text.strip() == "success"

        return Notice(Wallet.ALIPAY, event, numbers, url, make, is_taken, ALIPAY_GAPS)

    def _uuid(self) -> str:
        return f"{self.chance.getrandbits(128):032x}"

    # How it travels

    def send(self, notice: Notice) -> Notice:
        """Send soon, after whatever caused it has been answered; trouble that is armed for notices happens here."""
        assert is_loopback(notice.url)
        self.sent.append(notice)
        held, self._held = self._held, None
        trouble = self.faults.take(ON_NOTICES - _SIGNINGS.keys(), notice.wallet, "notice", notice.numbers)
        kind = trouble.kind if trouble else None
        if kind is Kind.DROP_NOTICE:
            notice.tries.append({"at": self.agenda.now().isoformat(), "status": 0, "fault": "drop_notice"})
        elif kind is Kind.CROSSED_NOTICES and held is None:
            self._held = notice
            self.agenda.after(HELD_SECONDS, self._release)
        elif trouble is not None and kind is Kind.LATE_NOTICE:
            self.agenda.after(trouble.seconds, lambda: self._try(notice))
        else:
            self.agenda.after(0.0, lambda: self._try(notice))
            if kind is Kind.DUPLICATE_NOTICE:
                self.agenda.after(0.01, lambda: self._try(notice))
        if held is not None:
            late = held
            self.agenda.after(0.2, lambda: self._try(late))
        return notice

    def _release(self) -> None:
        """A notice was held to cross the next one, and none came."""
        held, self._held = self._held, None
        if held is not None:
            self.agenda.after(0.0, lambda: self._try(held))

    async def _try(self, notice: Notice) -> None:
        trouble = self.faults.take(frozenset(_SIGNINGS), notice.wallet, "notice", notice.numbers)
        signing = _SIGNINGS[trouble.kind] if trouble else Signing.GOOD
        headers, body = notice.make(signing)
        at = self.agenda.now()
        status, text = await self._post(notice.url, headers, body)
        notice.tries.append({"at": at.isoformat(), "status": status, **({"fault": trouble.kind} if trouble else {})})
        if notice.is_taken(status, text):
            notice.is_done = True
            return
        place = len(notice.tries) - 1
        if not notice.is_done and place < len(notice.gaps):
            self.agenda.after(notice.gaps[place], lambda: self._try(notice))

    async def _post(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Status and text; status 0 when nobody answered in time."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                return answer.status, await answer.text(errors="replace")
        except (TimeoutError, aiohttp.ClientError, OSError):
            return 0, ""


_SIGNINGS = {Kind.BAD_SIGNATURE: Signing.BAD, Kind.STALE_SIGNATURE: Signing.STALE}
