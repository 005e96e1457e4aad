"""Alipay's side of the wire.

Our requests are judged by `python-alipay-sdk`'s own code; answers are signed with it too.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

from alipay import AliPay
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.contract.speaking import STRANGER
from yuanlu.channels.contract import Call, Callback, Operation, Reply, Step
from yuanlu.sim.keys import KeyRing, Pair

_NODES = {
    Operation.PAY: "alipay_trade_pay_response",
    Operation.SHOW: "alipay_trade_precreate_response",
    Operation.QUERY: "alipay_trade_query_response",
    Operation.REVERSE: "alipay_trade_cancel_response",
    Operation.CLOSE: "alipay_trade_close_response",
    Operation.REFUND: "alipay_trade_refund_response",
    Operation.REFUND_QUERY: "alipay_trade_fastpay_refund_query_response",
}


class Gateway:
    """The open platform's gateway."""

    folder: ClassVar[str] = "gateway"
    config: Mapping[str, Any]

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.config = {
            "gateway": "https://openapi.alipay.com/gateway.do",
            "app_id": "2026112300000001",
            "app_private_key": ring.paths["app_key"],
            "alipay_public_key": ring.paths["alipay_public"],
            "seller_id": "2088000000000001",
            "notify_url": "https://shop.example/callbacks/alipay",
        }
        # Seen from Alipay: its own key signs, the app's verifies.
        self.judge = AliPay(
            appid=self.config["app_id"],
            app_notify_url=None,
            app_private_key_string=_pkcs1(ring.alipay),
            alipay_public_key_string=Path(ring.paths["app_public"]).read_text(),
            sign_type="RSA2",
        )

    def others(self) -> list[Mapping[str, Any]]:
        return []  # an answer names no merchant: the signature over the order number must do

    def read(self, call: Call) -> Mapping[str, Any]:
        assert call.url == self.config["gateway"]
        said = dict(parse_qsl(call.body.decode(), strict_parsing=True))
        signature = said.pop("sign")
        # A request is signed with `sign_type`, a notification without: the SDK's `verify` takes it out.
        assert self.judge._verify("&".join(f"{name}={said[name]}" for name in sorted(said)), signature)
        assert (said["app_id"], said["timestamp"]) == (self.config["app_id"], "2026-11-23 12:00:00")
        assert (said["sign_type"], said["version"], said["charset"]) == ("RSA2", "1.0", "utf-8")
        told = {"method": said["method"], "says": json.loads(said["biz_content"])}
        return told | ({"notify_url": said["notify_url"]} if "notify_url" in said else {})

    def answer(self, step: Step, status: int, body: str, *, signed: bool = True) -> Reply:
        return self._answered(step, status, body, self.judge._sign(body) if signed else None)

    def _answered(self, step: Step, status: int, body: str, signature: str | None) -> Reply:
        rest = "" if signature is None else f',"sign":{json.dumps(signature)}'
        whole = f'{{"{_NODES[step.operation]}":{body}{rest}}}'
        return Reply(status=status, headers={"content-type": "text/html;charset=utf-8"}, body=whole.encode())

    def refusal(self, step: Step, code: str) -> Reply:
        return self.answer(step, 200, json.dumps({"code": "40004", "msg": "…", "sub_code": code, "sub_msg": "…"}))

    def spoilt(self, step: Step, status: int, body: str) -> Mapping[str, Reply]:
        signatures = {
            "by a stranger": _by_stranger(body),
            "of other bytes": self.judge._sign(body + " "),
            "not in base 64": "é",
            "empty": "",
        }
        bad = {name: self._answered(step, status, body, one) for name, one in signatures.items()}
        if json.loads(body)["code"] in {"10000", "10003", "40004"}:
            bad["none at all"] = self._answered(step, status, body, None)
        return bad

    def notice(self, example: Mapping[str, Any], body: str) -> Callback:
        return _posted(self._signed(json.loads(body)))

    def _signed(self, said: Mapping[str, str]) -> dict[str, str]:
        text = "&".join(f"{name}={said[name]}" for name in sorted(said) if said[name])
        return {**said, "sign_type": "RSA2", "sign": self.judge._sign(text)}

    def forged(self, example: Mapping[str, Any], body: str) -> Mapping[str, tuple[str, Callback]]:
        said = json.loads(body)
        good = self._signed(said)
        text = "&".join(f"{name}={said[name]}" for name in sorted(said) if said[name])
        changes: dict[str, tuple[str, Mapping[str, str]]] = {
            "by a stranger": ("callback.forged", good | {"sign": _by_stranger(text)}),
            "a changed amount": ("callback.forged", good | {"total_amount": "0.01"}),
            "another order": ("callback.forged", good | {"out_trade_no": "YP0"}),
            "another sum gone back": ("callback.forged", good | {"refund_fee": "0.01"}),
            "signed as RSA": ("callback.forged", good | {"sign_type": "RSA"}),
            "without a signature": ("callback.forged", said),
            "another app's": ("callback.forged", self._signed(said | {"app_id": "2026112300000002"})),
            "another seller's": ("callback.forged", self._signed(said | {"seller_id": "2088000000000002"})),
            "without an amount": ("callback.unreadable", self._signed(said | {"total_amount": ""})),
            "without an order": ("callback.unreadable", self._signed(said | {"out_trade_no": ""})),
            "of another state": ("callback.unreadable", self._signed(said | {"trade_status": "TRADE_PENDING"})),
        }
        twice = Callback(headers={}, body=_posted(good).body + b"&total_amount=0.01")
        return {
            **{name: (code, _posted(fields)) for name, (code, fields) in changes.items()},
            "a field twice": ("callback.unreadable", twice),
            "not a form": ("callback.unreadable", Callback(headers={}, body=b"{}")),
            "not text": ("callback.unreadable", Callback(headers={}, body=b"a=\xff")),
        }


def _posted(fields: Mapping[str, str]) -> Callback:
    return Callback(headers={"content-type": "application/x-www-form-urlencoded"}, body=urlencode(fields).encode())


def _by_stranger(text: str) -> str:
    return b64encode(STRANGER.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def _pkcs1(pair: Pair) -> str:
    return pair.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


DIALECTS = [Gateway]
