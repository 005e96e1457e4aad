"""A merchant's keys for Alipay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

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
