"""Whether a merchant's keys for WeChat Pay are right: what is seen here, what is asked, what the answers say.

Source: channels.md 2.1 to 2.5. Refusals (4xx) are not signed, so who answers is proved by a list of complaints, which
is. A wrong app id shows only where one is sent: with the reverse of an order that cannot exist. Whether the APIv3 key
is right only shows where something was sealed with it: platform certificates, which new merchants do not have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from yuanlu.channels import checking, wire
from yuanlu.channels.checking import Answered, Finding
from yuanlu.channels.contract import Call, Reply
from yuanlu.channels.wechat import keys as wechat_keys
from yuanlu.channels.wechat.keys import AGE_MAX, Sealed, WechatKeys
from yuanlu.clock import CHINA

FIELDS = ("mchid", "appid", "apiv3_key", "merchant_cert", "merchant_serial", "merchant_key",
          "platform_public_key_id", "platform_public_key")  # fmt: skip
"""What a merchant fills in, in this order. The certificate may be left out: then its serial number is typed."""
_NEEDED = tuple(name for name in FIELDS if name not in ("merchant_cert", "merchant_serial"))
_SHAPES = {
    "mchid": (re.compile(r"\d{8,10}"), "mchid_shape"),
    "appid": (re.compile(r"wx[0-9a-zA-Z]{16}"), "appid_shape"),
    "apiv3_key": (re.compile(r"[0-9a-zA-Z]{32}"), "apiv3_shape"),
    "merchant_serial": (re.compile(r"[0-9A-F]{40}"), "serial_shape"),
    "platform_public_key_id": (re.compile(r"PUB_KEY_ID_\d{10,40}"), "public_key_id_shape"),
}
_NO_SUCH_ORDER = frozenset({"ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS", "ORDERNOTEXIST"})
T = TypeVar("T")
QUERY, REVERSE, LIST, CERTIFICATES = range(4)
"""The questions, by place."""


class _Said(msgspec.Struct):
    code: str = ""


class _Certificate(msgspec.Struct):
    encrypt_certificate: Sealed


class _Certificates(msgspec.Struct):
    data: list[_Certificate]


_said, _certificates = msgspec.json.Decoder(_Said), msgspec.json.Decoder(_Certificates)


class WechatChecker:
    """What WeChat Pay's keys are held to."""

    def look(self, given: Mapping[str, str], at: datetime) -> tuple[dict[str, str], list[Finding]]:
        """See `Checker.look`."""
        kept, found = dict(given), checking.missing(given, _NEEDED)
        merchant = certificate = platform = None
        for name, (shape, code) in _SHAPES.items():
            text = "".join(given.get(name, "").split())
            kept[name] = text.upper() if name == "merchant_serial" else text
            if text and not shape.fullmatch(kept[name]):
                found.append(Finding(code, name, facts={"length": len(text)}))
        if given.get("merchant_key", "").strip():
            merchant = _noted(checking.private_key(given["merchant_key"], "merchant_key"), found)
        if given.get("merchant_cert", "").strip():
            certificate = _noted(checking.certificate(given["merchant_cert"], "merchant_cert", at), found)
        if given.get("platform_public_key", "").strip():
            platform = _noted(checking.public_key(given["platform_public_key"], "platform_public_key"), found)
        if certificate is not None:
            found += _belongs(kept, certificate, merchant)
            kept["merchant_serial"] = kept["merchant_serial"] or _serial(certificate)
            kept["merchant_cert"] = certificate.public_bytes(Encoding.PEM).decode()
        elif not kept["merchant_serial"] and not given.get("merchant_cert", "").strip():
            found.append(Finding("missing", "merchant_serial"))
        if merchant is not None:
            kept["merchant_key"] = checking.kept_private(merchant)
        if platform is not None:
            kept["platform_public_key"] = checking.kept_public(platform)
        if platform is not None and merchant is not None and checking.is_same(platform, merchant.public_key()):
            found.append(Finding("own_key", "platform_public_key"))
        return {name: text for name, text in kept.items() if text}, found

    def ask(self, keys: WechatKeys, at: datetime, nonce: str, number: str) -> Sequence[Call]:
        """See `Checker.ask`."""
        order = f"/v3/pay/transactions/out-trade-no/{number}"
        today = at.astimezone(CHINA).date()
        days = {"begin_date": (today - timedelta(days=1)).isoformat(), "end_date": today.isoformat()}
        listed = urlencode({"limit": 1, "offset": 0, **days, "complainted_mchid": keys.mchid})
        who = msgspec.json.encode({"appid": keys.appid, "mchid": keys.mchid})
        asked = (
            ("GET", f"{order}?{urlencode({'mchid': keys.mchid})}", b""),
            ("POST", f"{order}/reverse", who),
            ("GET", f"/v3/merchant-service/complaints-v2?{listed}", b""),
            ("GET", "/v3/certificates", b""),
        )
        return [wechat_keys.call(keys, *each, at, f"{nonce}{place}") for place, each in enumerate(asked)]

    def judge(
        self, given: Mapping[str, str], keys: WechatKeys, heard: Sequence[Answered], at: datetime
    ) -> list[Finding]:
        """See `Checker.judge`."""
        found: list[Finding] = []
        for place, each in enumerate(heard):
            if isinstance(each, str):
                found.append(checking.silent(each))
            elif place == QUERY:
                found += _of_query(given, keys, each, at)
            elif place == REVERSE:
                found += _of_reverse(each)
            elif place == LIST:
                found += _of_list(keys, each, at)
            else:
                found += _of_certificates(keys, each)
        return found


def _noted(made: T | Finding, found: list[Finding]) -> T | None:
    if isinstance(made, Finding):
        found.append(made)
        return None
    return made


def _serial(certificate: Certificate) -> str:
    return f"{certificate.serial_number:040X}"


def _belongs(kept: Mapping[str, str], certificate: Certificate, merchant: RSAPrivateKey | None) -> list[Finding]:
    """What of serial number and private key is not that of the certificate."""
    found = []
    if kept["merchant_serial"] and kept["merchant_serial"] != _serial(certificate):
        found.append(Finding("serial_differs", "merchant_serial"))
    key = certificate.public_key()
    if merchant is not None and not (isinstance(key, RSAPublicKey) and checking.is_same(key, merchant.public_key())):
        found.append(Finding("key_of_another", "merchant_key"))
    return found


def _code(reply: Reply) -> str:
    try:
        return _said.decode(reply.body).code
    except wire.UNREADABLE:
        return ""


def _of_query(given: Mapping[str, str], keys: WechatKeys, reply: Reply, at: datetime) -> list[Finding]:
    """Whether we are who we say: a refusal that there is no such order is a yes."""
    code = _code(reply)
    if reply.status == 404 and code in _NO_SUCH_ORDER:
        return []
    if code == "MCH_NOT_EXISTS":
        return [Finding("merchant_unknown", "mchid")]
    if reply.status == 401:  # "Clock check precedes signature check" (channels.md 2.4)
        apart = checking.behind_seconds(reply, at)
        if apart is not None:
            return [checking.clock(apart)]
        suspects = ("merchant_serial", "mchid") if given.get("merchant_cert") else ("merchant_key", "merchant_serial")
        return [Finding("signature_refused", name) for name in suspects]
    if code == "PARAM_ERROR" and keys.public_key_id:
        return [Finding("public_key_id_unknown", "platform_public_key_id")]
    if code == "NO_AUTH":
        return [Finding("not_permitted", "mchid")]
    return [checking.unclear(reply.status, code)]


def _of_reverse(reply: Reply) -> list[Finding]:
    code = _code(reply)
    if code == "APPID_MCHID_NOT_MATCH":
        return [Finding("app_unbound", "appid")]
    return [] if reply.status == 404 and code in _NO_SUCH_ORDER else [checking.unproved("appid")]


def _of_list(keys: WechatKeys, reply: Reply, at: datetime) -> list[Finding]:
    """Whether what says to be WeChat Pay is: by the public key, or (older mode) not yet."""
    if reply.status != 200 or not keys.public_key_id:
        return [checking.unproved("platform_public_key")]
    if wechat_keys.is_genuine(reply, keys, at):
        return []
    stamp = reply.headers.get("wechatpay-timestamp", "")
    if stamp.isascii() and stamp.isdigit() and len(stamp) < 13 and abs(int(stamp) - at.timestamp()) > AGE_MAX:
        return [checking.clock(int(int(stamp) - at.timestamp()))]
    if wechat_keys.stranger(reply, keys):
        return [Finding("public_key_id_unknown", "platform_public_key_id")]
    return [Finding("answer_unverified", "platform_public_key")]


def _of_certificates(keys: WechatKeys, reply: Reply) -> list[Finding]:
    """Whether what WeChat Pay sealed for us opens."""
    if reply.status != 200:
        return [checking.unproved("apiv3_key")]
    try:
        for each in _certificates.decode(reply.body).data:
            wechat_keys.opened(each.encrypt_certificate, keys)
    except msgspec.MsgspecError:
        return [checking.unproved("apiv3_key")]
    except wire.UNREADABLE:
        return [Finding("apiv3_wrong", "apiv3_key")]
    return []
