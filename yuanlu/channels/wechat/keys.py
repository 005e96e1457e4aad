"""A merchant's keys for WeChat Pay, and what may be believed because of them.

There are two ways to verify what WeChat Pay says. In public-key mode (all new merchants) it signs with one key, known
by an id that begins with `PUB_KEY_ID_`. In certificate mode it signs with platform certificates that change over time:
they are fetched from `GET /v3/certificates`, opened with the APIv3 key, and fetched again when an unknown serial
appears.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509 import load_pem_x509_certificate

from yuanlu.channels import wire
from yuanlu.channels.contract import Call, Callback, Reply
from yuanlu.channels.keyfiles import Settings

SIGNED_AS = "WECHATPAY2-SHA256-RSA2048"
AGE_MAX = 300
"""Seconds. "Merchant must reject: skew over five minutes" (channels.md 2.2)."""
FETCH_GAP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class WechatKeys:
    """What one merchant needs to speak with WeChat Pay. Its secrets are in no repr."""

    base_url: str
    mchid: str
    appid: str
    merchant_serial: str
    merchant_key: RSAPrivateKey = field(repr=False)
    apiv3_key: bytes = field(repr=False)
    platform: Mapping[str, RSAPublicKey] = field(repr=False)
    """By serial number, or by the id of the public key."""
    public_key_id: str
    """Empty in certificate mode."""
    fetched_at: datetime | None = None
    notify_url: str
    code_pay_v2: bool
    refund_v2: bool
    v2_key: str = field(repr=False)
    v2_sign_type: str
    device_ip: str
    identity: tuple[str, str] | None = field(repr=False)
    """Files of the merchant certificate and its key, for v2's mutual TLS."""


def read(config: Mapping[str, Any]) -> WechatKeys:
    """Read a merchant's configuration.

    Raises Denied: channel.config_invalid, naming the field.
    """
    given = Settings("wechat", config)
    code_pay_v2 = given.one_of("code_pay", "v3", "v2") == "v2"
    refund_v2 = given.one_of("refund", "v3", "v2") == "v2"
    secret = given.text("apiv3_key").encode()
    if len(secret) != 32:
        given.deny("apiv3_key", "not 32 bytes")
    v2_key = given.text("v2_key") if code_pay_v2 or refund_v2 else given.text("v2_key", "")
    is_inline = given.is_inline("merchant_key") or given.is_inline("merchant_cert")
    if is_inline and (code_pay_v2 or refund_v2):
        given.deny("merchant_key", "calls of v2 show the certificate as a file: a path, set at the terminal")
    identity = None
    if given.text("merchant_cert", "") and not is_inline:
        identity = (given.text("merchant_cert"), given.text("merchant_key"))
    platform, public_key_id = _platform(given)
    return WechatKeys(
        base_url=given.address("base_url", "https://api.mch.weixin.qq.com"),
        mchid=given.text("mchid"),
        appid=given.text("appid"),
        merchant_serial=given.text("merchant_serial"),
        merchant_key=given.private_key("merchant_key"),
        apiv3_key=secret,
        platform=platform,
        public_key_id=public_key_id,
        notify_url=given.callback(),
        code_pay_v2=code_pay_v2,
        refund_v2=refund_v2,
        v2_key=v2_key,
        v2_sign_type=given.one_of("v2_sign_type", "HMAC-SHA256", "MD5"),
        device_ip=given.text("device_ip", "127.0.0.1"),
        identity=identity,
    )


def _platform(given: Settings) -> tuple[dict[str, RSAPublicKey], str]:
    """What verifies: one public key and its id, or certificates by serial (none yet: they are fetched)."""
    if given.one_of("mode", "public_key", "certificate") == "public_key":
        name = given.text("platform_public_key_id")
        return {name: given.public_key("platform_public_key")}, name
    if not given.text("platform_cert", ""):
        return {}, ""
    certificate = given.certificate("platform_cert")
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        given.deny("platform_cert", "not of an RSA key")
    return {f"{certificate.serial_number:X}": key}, ""


def stranger(heard: Reply | Callback, keys: WechatKeys) -> bool:
    """Whether this was signed by a platform key we do not have."""
    return heard.headers.get("wechatpay-serial", "") not in keys.platform


def is_genuine(heard: Reply | Callback, keys: WechatKeys, at: datetime) -> bool:
    """Whether WeChat Pay said this, now. Never raises.

    Law: a known serial, an age of five minutes at most either way, and a signature over exactly these bytes.
    """
    headers = heard.headers
    key = keys.platform.get(headers.get("wechatpay-serial", ""))
    stamp = headers.get("wechatpay-timestamp", "")
    if key is None or headers.get("wechatpay-signature-type", SIGNED_AS) != SIGNED_AS:
        return False
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        return False
    if abs(at.timestamp() - int(stamp)) > AGE_MAX:
        return False
    try:
        text = f"{stamp}\n{headers.get('wechatpay-nonce', '')}\n".encode() + heard.body + b"\n"
    except UnicodeEncodeError:
        return False
    return wire.is_signed(key, text, headers.get("wechatpay-signature", ""))


def call(keys: WechatKeys, method: str, path: str, body: bytes, at: datetime, nonce: str, serial: str = "") -> Call:
    """A signed v3 request.

    `serial` names the platform key that something in it is encrypted with; in public-key mode its id is always sent,
    for it asks for an answer signed with the public key.
    """
    stamp = int(at.timestamp())
    text = f"{method}\n{path}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
    headers = {
        "Accept": "application/json",
        "User-Agent": wire.AGENT,
        "Authorization": (
            f'{SIGNED_AS} mchid="{keys.mchid}",nonce_str="{nonce}",timestamp="{stamp}",'
            f'serial_no="{keys.merchant_serial}",signature="{wire.sign(keys.merchant_key, text)}"'
        ),
    }
    if body or method == "POST":
        headers["Content-Type"] = "application/json"
    if serial or keys.public_key_id:
        headers["Wechatpay-Serial"] = serial or keys.public_key_id
    return Call(method=method, url=keys.base_url + path, headers=headers, body=body)


class Sealed(msgspec.Struct):
    """Something encrypted with the APIv3 key."""

    ciphertext: str
    nonce: str
    algorithm: str = ""
    associated_data: str = ""
    original_type: str = ""


def opened(sealed: Sealed, keys: WechatKeys) -> bytes:
    """Decrypt what was sealed with the APIv3 key.

    Raises ValueError when it was sealed with another key, or changed.
    """
    if sealed.algorithm != "AEAD_AES_256_GCM":
        raise ValueError("no algorithm of ours")
    box = base64.b64decode(sealed.ciphertext, validate=True)
    try:
        return AESGCM(keys.apiv3_key).decrypt(sealed.nonce.encode(), box, sealed.associated_data.encode())
    except InvalidTag:
        raise ValueError("sealed with another key, or changed") from None


class _Certificate(msgspec.Struct):
    serial_no: str
    encrypt_certificate: Sealed


class _Certificates(msgspec.Struct):
    data: list[_Certificate]


_CERTIFICATES = msgspec.json.Decoder(_Certificates)


def with_certificates(keys: WechatKeys, reply: Reply, at: datetime) -> WechatKeys:
    """The keys with the certificates of an answer to `GET /v3/certificates`.

    Law: only certificates sealed with our APIv3 key, valid now, in an answer signed by one of them or one we knew.
    In any case the time is kept, so that strange serials cannot make us ask all day.
    """
    platform = dict(keys.platform)
    try:
        for one in _CERTIFICATES.decode(reply.body).data if reply.status == 200 else ():
            platform |= _valid(one, keys, at)
    except wire.UNREADABLE:
        return replace(keys, fetched_at=at)
    newer = replace(keys, platform=platform, fetched_at=at)
    return newer if is_genuine(reply, newer, at) else replace(keys, fetched_at=at)


def _valid(one: _Certificate, keys: WechatKeys, at: datetime) -> dict[str, RSAPublicKey]:
    """A certificate's key by its serial; nothing when it is not valid now."""
    certificate = load_pem_x509_certificate(opened(one.encrypt_certificate, keys))
    key = certificate.public_key()
    if int(one.serial_no, 16) != certificate.serial_number or not isinstance(key, RSAPublicKey):
        raise ValueError("a certificate under another's number")
    in_time = certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
    return {one.serial_no: key} if in_time else {}


class WechatKeeper:
    """Keeps platform certificates fresh. In public-key mode there is nothing to keep."""

    def need(self, keys: WechatKeys, at: datetime, nonce: str, reply: Reply | Callback | None = None) -> Call | None:
        """Fetch when there is no certificate yet, or something came under a serial we do not know."""
        if keys.public_key_id or (keys.fetched_at is not None and abs(at - keys.fetched_at) < FETCH_GAP):
            return None
        if keys.platform if reply is None else (not _claims(reply) or not stranger(reply, keys)):
            return None
        return call(keys, "GET", "/v3/certificates", b"", at, nonce)

    def keep(self, keys: WechatKeys, reply: Reply, at: datetime) -> WechatKeys:
        return with_certificates(keys, reply, at)


def _claims(heard: Reply | Callback) -> bool:
    """Whether it says to be signed at all (4xx and 5xx are not)."""
    return bool(heard.headers.get("wechatpay-signature"))
