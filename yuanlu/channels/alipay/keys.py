"""A merchant's keys for Alipay, and how a request is signed with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from yuanlu.channels import wire
from yuanlu.channels.contract import Call
from yuanlu.channels.keyfiles import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class AlipayKeys:
    """What one merchant needs to speak with Alipay. Its secrets are in no repr."""

    gateway: str
    app_id: str
    app_private_key: RSAPrivateKey = field(repr=False)
    alipay_public_key: RSAPublicKey = field(repr=False)
    seller_id: str
    """Empty: not checked."""
    notify_url: str


def read(config: Mapping[str, Any]) -> AlipayKeys:
    """Read a merchant's configuration.

    Raises Denied: channel.config_invalid, naming the field.
    """
    given = Settings("alipay", config)
    return AlipayKeys(
        gateway=given.address("gateway", "https://openapi.alipay.com/gateway.do"),
        app_id=given.text("app_id"),
        app_private_key=given.private_key("app_private_key"),
        alipay_public_key=given.public_key("alipay_public_key"),
        seller_id=given.text("seller_id", ""),
        notify_url=given.callback(),
    )


def signed_text(said: Mapping[str, str]) -> bytes:
    """All non-empty parameters except `sign`, sorted, `k=v` joined by `&`."""
    return "&".join(f"{name}={said[name]}" for name in sorted(said) if said[name] and name != "sign").encode()


def said_as(keys: AlipayKeys, method: str, said: Mapping[str, str], at: datetime) -> dict[str, str]:
    """All parameters of a request, the signature among them."""
    whole = {
        "app_id": keys.app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": wire.beijing_text(at),
        "version": "1.0",
        **said,
    }
    return whole | {"sign": wire.sign(keys.app_private_key, signed_text(whole))}


def call(keys: AlipayKeys, method: str, said: Mapping[str, str], at: datetime) -> Call:
    """A signed request, all of it in the form body."""
    return Call(
        method="POST",
        url=keys.gateway,
        headers={
            "Accept": "application/json",
            "User-Agent": wire.AGENT,
            "Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
        },
        body=urlencode(said_as(keys, method, said, at)).encode(),
    )
