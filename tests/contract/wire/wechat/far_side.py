"""WeChat Pay's side of the wire: v3 in both key modes, and v2 in both kinds of signature.

Our requests are judged by `wechatpayv3`'s own code where it has any; answers are signed with it too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from wechatpayv3 import utils as sdk

from tests.contract.speaking import NOON, STRANGER
from yuanlu.channels.contract import Call, Callback, Reply, Step
from yuanlu.sim.keys import KeyRing, Pair

_NONCE = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"


class V3:
    """API v3, public-key mode."""

    folder: ClassVar[str] = "v3"
    config: Mapping[str, Any]

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.signer, self.serial = self._platform()
        self.config = {
            "base_url": "https://api.mch.weixin.qq.com",
            "mchid": "1900000109",
            "appid": "wx0000000000000001",
            "apiv3_key": ring.apiv3_key,
            "merchant_serial": ring.merchant.name,
            "merchant_key": ring.paths["merchant_key"],
            "notify_url": "https://shop.example/callbacks/wechat",
        } | self._mode()

    def _platform(self) -> tuple[Pair, str]:
        return self.ring.wechat, self.ring.wechat.name

    def _mode(self) -> dict[str, str]:
        return {
            "mode": "public_key",
            "platform_public_key": self.ring.paths["wechat_public"],
            "platform_public_key_id": self.ring.wechat.name,
        }

    def others(self) -> list[Mapping[str, Any]]:
        return [{**self.config, "mchid": "1900000110"}]

    def read(self, call: Call) -> Mapping[str, Any]:
        kind, _, rest = call.headers["Authorization"].partition(" ")
        assert kind == "WECHATPAY2-SHA256-RSA2048"
        told = {name: value.strip('"') for name, _, value in (part.partition("=") for part in rest.split(","))}
        assert (told["mchid"], told["serial_no"]) == (self.config["mchid"], self.ring.merchant.name)
        assert (told["timestamp"], told["nonce_str"]) == (str(int(NOON.timestamp())), "nonce")
        path = call.url.removeprefix(self.config["base_url"])
        # The SDK signs `method, path, time, nonce, body` one a line, and verifies the last three so: the first two
        # lines stand before the time.
        head = f"{call.method}\n{path}\n{told['timestamp']}"
        merchant = self.ring.merchant.public
        assert sdk.rsa_verify(head, told["nonce_str"], call.body.decode(), told["signature"], merchant)
        assert call.headers["Accept"] == "application/json"
        assert call.headers["User-Agent"]
        said = json.loads(call.body) if call.body else {}
        for name in {"bank_account", "real_name"} & set(said):
            assert call.headers["Wechatpay-Serial"] == self.serial
            said[name] = sdk.rsa_decrypt(said[name], self.signer.private)
        return {"method": call.method, "path": path, "says": said}

    def answer(self, step: Step, status: int, body: str, *, signed: bool = True) -> Reply:
        return self._answered(status, body.encode(), self.signed(body) if signed else {})

    def signed(self, body: str, *, at: int = 0, signer: Pair | None = None, serial: str = "") -> dict[str, str]:
        stamp = int(NOON.timestamp()) + at
        key = (signer or self.signer).private
        return {
            "wechatpay-timestamp": str(stamp),
            "wechatpay-nonce": _NONCE,
            "wechatpay-signature": sdk.rsa_sign(key, f"{stamp}\n{_NONCE}\n{body}\n"),
            "wechatpay-serial": serial or self.serial,
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        }

    def _answered(self, status: int, body: bytes, headers: Mapping[str, str]) -> Reply:
        return Reply(status=status, headers={"content-type": "application/json", **headers}, body=body)

    def refusal(self, step: Step, code: str) -> Reply:
        if code.isdigit():
            body = json.dumps({"code": "INVALID_REQUEST", "message": "…"})
            return self._answered(400, body.encode(), {"request-id": f"08F0C7BC-{code}"})
        return self._answered(403, json.dumps({"code": code, "message": "…"}).encode(), {})

    def _bad(self, body: str) -> dict[str, dict[str, str]]:
        good = self.signed(body)
        stranger = Pair(STRANGER, STRANGER.public_key())
        bad = {
            "by a stranger": self.signed(body, signer=stranger),
            "of other bytes": self.signed(body + " "),
            "301 s old": self.signed(body, at=-301),
            "301 s early": self.signed(body, at=301),
            "under an unknown serial": self.signed(body, serial="4BF" * 13 + "4"),
            "of another kind": good | {"wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"},
            "of a probe": good | {"wechatpay-signature": "WECHATPAY/SIGNTEST/" + good["wechatpay-signature"]},
            "not in base 64": good | {"wechatpay-signature": "é"},
            "at no time": good | {"wechatpay-timestamp": "²"},
            "with another nonce": good | {"wechatpay-nonce": "another"},
            "none at all": {},
        }
        return bad | {f"without {name}": {k: v for k, v in good.items() if k != name} for name in list(good)[:4]}

    def spoilt(self, step: Step, status: int, body: str) -> Mapping[str, Reply]:
        return {name: self._answered(status, body.encode(), headers) for name, headers in self._bad(body).items()}

    def _sealed(self, example: Mapping[str, Any], plain: str, key: str = "") -> str:
        kind = "refund" if example["event"].startswith("REFUND") else "transaction"
        box = AESGCM((key or self.ring.apiv3_key).encode()).encrypt(_NONCE[:12].encode(), plain.encode(), kind.encode())
        resource = {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": b64encode(box).decode(),
            "associated_data": kind,
            "nonce": _NONCE[:12],
        }
        notice = {
            "id": "EV-2026112312000000001",
            "create_time": "2026-11-23T12:00:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": example["event"],
            "summary": "…",
            "resource": resource,
        }
        return json.dumps(notice)

    def notice(self, example: Mapping[str, Any], body: str) -> Callback:
        sealed = self._sealed(example, body)
        return Callback(headers=self.signed(sealed), body=sealed.encode())

    def forged(self, example: Mapping[str, Any], body: str) -> Mapping[str, tuple[str, Callback]]:
        sealed = self._sealed(example, body)
        place = sealed.index('"ciphertext": "') + 20
        changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
        other_key = self._sealed(example, body, key="k" * 32)
        xml = "<xml><return_code>SUCCESS</return_code><req_info>…</req_info></xml>"

        def posted(text: str, headers: Mapping[str, str]) -> Callback:
            return Callback(headers=headers, body=text.encode())

        good = self.signed(sealed)
        return {
            **{name: ("callback.forged", posted(sealed, headers)) for name, headers in self._bad(sealed).items()},
            "a changed ciphertext": ("callback.forged", posted(changed, good)),
            "a changed ciphertext, signed": ("callback.unreadable", posted(changed, self.signed(changed))),
            "sealed with another key": ("callback.unreadable", posted(other_key, self.signed(other_key))),
            "another merchant's": ("callback.forged", self.notice(example, body.replace("1900000109", "1900000110"))),
            "v2 xml": ("callback.unreadable", posted(xml, {"content-type": "text/xml"})),
            "v2 xml, signed": ("callback.unreadable", posted(xml, self.signed(xml))),
        }


class V3Certificates(V3):
    """API v3, certificate mode, with a certificate that is known."""

    def _platform(self) -> tuple[Pair, str]:
        return self.ring.platform, self.ring.platform.name

    def _mode(self) -> dict[str, str]:
        return {"mode": "certificate", "platform_cert": self.ring.paths["platform_cert"]}


class V2:
    """API v2 with HMAC-SHA256. Examples are written as JSON and sent as XML."""

    folder: ClassVar[str] = "v2"
    config: Mapping[str, Any]
    kind: ClassVar[str] = "HMAC-SHA256"

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring
        self.config = {
            **V3(ring).config,
            "code_pay": "v2",
            "refund": "v2",
            "v2_key": ring.v2_key,
            "v2_sign_type": self.kind,
            "merchant_cert": ring.paths["merchant_cert"],
        }

    def others(self) -> list[Mapping[str, Any]]:
        return [{**self.config, "mchid": "1900000110"}, {**self.config, "appid": "wx0000000000000002"}]

    def sign(self, fields: Mapping[str, str], key: str = "") -> str:
        key = key or self.ring.v2_key
        text = "".join(f"{name}={fields[name]}&" for name in sorted(fields) if fields[name]) + f"key={key}"
        if self.kind == "MD5":
            return hashlib.md5(text.encode()).hexdigest().upper()
        assert sdk.hmac_sign(key, text) == hmac.new(key.encode(), text.encode(), "sha256").hexdigest().upper()
        return str(sdk.hmac_sign(key, text))

    def read(self, call: Call) -> Mapping[str, Any]:
        said = {child.tag: child.text or "" for child in fromstring(call.body.decode())}
        assert said.pop("sign") == self.sign(said)
        assert said.pop("sign_type") == self.kind
        assert (said.pop("mch_id"), said.pop("appid")) == (self.config["mchid"], self.config["appid"])
        assert said.pop("nonce_str") == "nonce"
        path = call.url.removeprefix(self.config["base_url"])
        shows_itself = (self.config["merchant_cert"], self.config["merchant_key"])
        assert call.identity == (shows_itself if path.startswith("/secapi/") else None)
        return {"method": call.method, "path": path, "says": said}

    def _fields(self, body: str) -> dict[str, str]:
        common = {"appid": self.config["appid"], "mch_id": self.config["mchid"], "nonce_str": _NONCE}
        return {"return_code": "SUCCESS", **common, **json.loads(body)}

    def _xml(self, status: int, fields: Mapping[str, str]) -> Reply:
        root = Element("xml")
        for name, value in fields.items():
            SubElement(root, name).text = value
        return Reply(status=status, headers={"content-type": "text/xml"}, body=tostring(root, encoding="utf-8"))

    def answer(self, step: Step, status: int, body: str, *, signed: bool = True) -> Reply:
        fields = self._fields(body)
        return self._xml(status, fields | ({"sign": self.sign(fields)} if signed else {}))

    def refusal(self, step: Step, code: str) -> Reply:
        return self.answer(step, 200, json.dumps({"result_code": "FAIL", "err_code": code, "err_code_des": "…"}))

    def spoilt(self, step: Step, status: int, body: str) -> Mapping[str, Reply]:
        fields = self._fields(body)
        good = self.sign(fields)
        return {
            "by a stranger": self._xml(status, fields | {"sign": self.sign(fields, "k" * 32)}),
            "of other fields": self._xml(status, fields | {"sign": good, "added": "1"}),
            "in small letters": self._xml(status, fields | {"sign": good.lower()}),
            "not in letters": self._xml(status, fields | {"sign": "é"}),
            "none at all": self._xml(status, fields),
        }

    def notice(self, example: Mapping[str, Any], body: str) -> Callback:
        raise AssertionError("v2 is not heard")

    def forged(self, example: Mapping[str, Any], body: str) -> Mapping[str, tuple[str, Callback]]:
        raise AssertionError("v2 is not heard")


class V2Md5(V2):
    """API v2 with MD5."""

    kind = "MD5"


DIALECTS = [V3, V3Certificates, V2, V2Md5]
