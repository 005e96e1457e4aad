"""Clients of the simulated providers, written for these tests from the documents alone."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import fromstring

import aiohttp
import pytest
import yarl
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from yuanlu.clock import SetClock
from yuanlu.sim import Sim

Fields = dict[str, Any]


@lru_cache(maxsize=16)
def read_key(path: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(Path(path).read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def read_public(path: str) -> rsa.RSAPublicKey:
    content = Path(path).read_bytes()
    is_certificate = b"CERTIFICATE" in content
    key = load_pem_x509_certificate(content).public_key() if is_certificate else load_pem_public_key(content)
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def sign(key: rsa.RSAPrivateKey, text: bytes) -> str:
    return b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def verify(key: rsa.RSAPublicKey, signature: str, text: bytes) -> None:
    key.verify(b64decode(signature), text, padding.PKCS1v15(), hashes.SHA256())


class Caller:
    """A merchant with a client session, the sim's keys and the steering controls."""

    def __init__(self, sim: Sim, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.session = session
        told = sim.describe()
        self.base_url, self.wechat, self.alipay = told["base_url"], told["wechat"], told["alipay"]
        self.codes: dict[str, str] = told["payer_codes"]
        self.merchant_key = read_key(self.wechat["merchant_key"])
        self.app_key = read_key(self.alipay["app_private_key"])
        self.platform = {
            self.wechat["platform_public_key_id"]: read_public(self.wechat["platform_public_key"]),
            self.wechat["platform_serial"]: read_public(self.wechat["platform_cert"]),
        }
        self.alipay_key = read_public(self.alipay["alipay_public_key"])

    async def steer(self, name: str, body: Fields | None = None, method: str = "POST") -> Fields:
        async with self.session.request(method, f"{self.base_url}/_sim/{name}", json=body) as answer:
            told: Fields = await answer.json()
            assert answer.status == 200, told
            return told

    async def books(self, wallet: str) -> Fields:
        told: Fields = (await self.steer("books", method="GET"))[wallet]
        return told

    # WeChat Pay v3

    def authorization(self, method: str, target: str, body: bytes, **changes: str) -> str:
        told = {
            "mchid": self.wechat["mchid"],
            "nonce_str": secrets.token_hex(6),
            "timestamp": str(int(time.time())),
            "serial_no": self.wechat["merchant_serial"],
        } | changes
        text = f"{method}\n{target}\n{told['timestamp']}\n{told['nonce_str']}\n".encode() + body + b"\n"
        told.setdefault("signature", sign(self.merchant_key, text))
        return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in told.items())

    async def v3(
        self, method: str, target: str, fields: Fields | None = None, *, headers: Fields | None = None, **changes: str
    ) -> tuple[int, Fields]:
        """Call, check that 2xx is signed and nothing else is, and give status and fields."""
        body = b"" if fields is None else json.dumps(fields).encode()
        sent = {
            "Authorization": self.authorization(method, target, body, **changes),
            "Accept": "application/json",
            "User-Agent": "test",
            "Content-Type": "application/json",
            "Wechatpay-Serial": self.wechat["platform_public_key_id"],
        } | (headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        skip = [name for name in ("User-Agent", "Accept") if name not in sent]
        url = self.base_url + target
        async with self.session.request(method, url, data=body, headers=sent, skip_auto_headers=skip) as answer:
            content = await answer.read()
            if 200 <= answer.status < 300 and "billdownload" not in target:
                self.check_v3(answer.headers, content)
            else:
                assert not [name for name in answer.headers if name.lower().startswith("wechatpay-")]
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(content) if is_json and content else {"raw": content}

    def check_v3(self, headers: Any, body: bytes) -> None:
        text = f"{headers['Wechatpay-Timestamp']}\n{headers['Wechatpay-Nonce']}\n".encode() + body + b"\n"
        verify(self.platform[headers["Wechatpay-Serial"]], headers["Wechatpay-Signature"], text)
        assert headers["Wechatpay-Signature-Type"] == "WECHATPAY2-SHA256-RSA2048"

    async def codepay(
        self, number: str, code: str = "wechat_ok", fen: int = 1280, **changes: Any
    ) -> tuple[int, Fields]:
        fields = {
            "appid": self.wechat["appid"],
            "mchid": self.wechat["mchid"],
            "description": "茶",
            "out_trade_no": number,
            "payer": {"auth_code": self.codes.get(code, code)},
            "amount": {"total": fen, "currency": "CNY"},
            "scene_info": {"store_info": {"id": "S1"}},
        } | changes
        return await self.v3("POST", "/v3/pay/transactions/codepay", fields)

    async def native(self, number: str, fen: int = 1280, **changes: Any) -> tuple[int, Fields]:
        fields = {
            "appid": self.wechat["appid"],
            "mchid": self.wechat["mchid"],
            "description": "茶",
            "out_trade_no": number,
            "amount": {"total": fen},
            "notify_url": "http://127.0.0.1:1/never",
        } | changes
        return await self.v3("POST", "/v3/pay/transactions/native", fields)

    async def query(self, number: str) -> tuple[int, Fields]:
        return await self.v3("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={self.wechat['mchid']}")

    async def state(self, number: str) -> str:
        _, fields = await self.query(number)
        return str(fields.get("trade_state", fields.get("code")))

    async def reverse(self, number: str) -> tuple[int, Fields]:
        fields = {"appid": self.wechat["appid"], "mchid": self.wechat["mchid"]}
        return await self.v3("POST", f"/v3/pay/transactions/out-trade-no/{number}/reverse", fields)

    async def close(self, number: str) -> tuple[int, Fields]:
        target = f"/v3/pay/transactions/out-trade-no/{number}/close"
        return await self.v3("POST", target, {"mchid": self.wechat["mchid"]})

    async def refund(self, order: str, number: str, fen: int, total: int = 1280, **changes: Any) -> tuple[int, Fields]:
        amount = {"refund": fen, "total": total, "currency": "CNY"}
        fields = {"out_trade_no": order, "out_refund_no": number, "amount": amount} | changes
        return await self.v3("POST", "/v3/refund/domestic/refunds", fields)

    async def refund_query(self, number: str) -> tuple[int, Fields]:
        return await self.v3("GET", f"/v3/refund/domestic/refunds/{number}")

    # WeChat Pay v2

    def sign_v2(self, fields: Fields, method: str) -> str:
        text = "&".join(f"{name}={value}" for name, value in sorted(fields.items()) if value and name != "sign")
        text += f"&key={self.wechat['v2_key']}"
        if method == "MD5":
            return hashlib.md5(text.encode()).hexdigest().upper()
        key = self.wechat["v2_key"].encode()
        return hmac.new(key, text.encode(), "sha256").hexdigest().upper()

    async def v2(self, path: str, method: str = "MD5", **fields: str) -> Fields:
        """Call v2 and check the answer's signature where there is one."""
        fields = {"appid": self.wechat["appid"], "mch_id": self.wechat["mchid"], "nonce_str": "n"} | fields
        fields["sign_type"] = method
        fields["sign"] = fields.get("sign") or self.sign_v2(fields, method)
        body = "<xml>" + "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items()) + "</xml>"
        async with self.session.post(self.base_url + path, data=body.encode()) as answer:
            assert answer.status == 200
            told = {child.tag: child.text or "" for child in fromstring(await answer.text())}
        if told["return_code"] == "SUCCESS":
            assert told["sign"] == self.sign_v2(told, method)
        return told

    # Alipay

    def params(self, method: str, biz: Fields, **changes: str) -> dict[str, str]:
        told = {
            "app_id": self.alipay["app_id"],
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            "biz_content": json.dumps(biz, ensure_ascii=False),
        } | changes
        told = {name: value for name, value in told.items() if value}
        text = "&".join(f"{name}={value}" for name, value in sorted(told.items()) if name != "sign")
        return {"sign": sign(self.app_key, text.encode())} | told

    async def gateway(self, method: str, biz: Fields, style: str = "mixed", **changes: str) -> Fields:
        """Call, check the signature over the node's text as sent, and give the node (with `is_signed`)."""
        params = self.params(method, biz, **changes)
        url, data = self.alipay["gateway"], None
        if style == "query":
            url += "?" + urlencode(params)
        elif style == "form":
            data = urlencode(params)
        else:
            content = params.pop("biz_content")
            url, data = f"{url}?{urlencode(params)}", urlencode({"biz_content": content})
        verb = "GET" if style == "query" else "POST"
        headers = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
        where = yarl.URL(url, encoded=True)
        async with self.session.request(verb, where, data=data, headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
            text = await answer.text()
        name = method.replace(".", "_") + "_response"
        whole = json.loads(text)
        node: Fields = whole[name]
        if "sign" in whole:
            start, end = text.index(":") + 1, text.rindex(',"sign"')
            verify(self.alipay_key, whole["sign"], text[start:end].encode())
        return node | {"is_signed": "sign" in whole}

    async def trade(self, verb: str, style: str = "mixed", **biz: Any) -> Fields:
        return await self.gateway(f"alipay.trade.{verb}", biz, style)

    async def trade_pay(self, number: str, code: str = "alipay_ok", amount: str = "12.80", **biz: Any) -> Fields:
        fields = {"out_trade_no": number, "total_amount": amount, "subject": "茶", "scene": "bar_code"}
        return await self.trade("pay", **(fields | {"auth_code": self.codes.get(code, code)} | biz))

    async def trade_status(self, number: str) -> str:
        node = await self.trade("query", out_trade_no=number)
        return str(node.get("trade_status", node.get("sub_code")))


@asynccontextmanager
async def standing(factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    """A fresh world whose clock stands still until it is stepped, and a caller of it; keys are made once a session."""
    clock = SetClock(datetime.now(UTC))
    async with Sim(factory.getbasetemp() / "sim-keys", clock=clock) as sim, aiohttp.ClientSession() as session:
        yield Caller(sim, session)


class Listener:
    """A merchant's callback address: keeps what comes and answers as told."""

    def __init__(self, answer: Callable[[], web.Response]) -> None:
        self.answer = answer
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self._runner: web.ServerRunner | None = None

    async def _hear(self, request: web.BaseRequest) -> web.Response:
        self.heard.append((dict(request.headers), await request.read()))
        return self.answer()

    async def __aenter__(self) -> Listener:
        self._runner = web.ServerRunner(web.Server(self._hear))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/notify"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()
