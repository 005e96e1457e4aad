"""Who signs in: a clock put ahead, a finger on an authenticator, an app that shows codes."""

from __future__ import annotations

import json
import os
import struct
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cbor2
import pyotp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import bytes_to_base64url

from tests.web.conftest import Answer, Clock, Shop
from yuanlu.people import flow as people
from yuanlu.people import signing

PASSWORD = "seven green 4 ladders sing"
NEXT = "quiet 9 rivers bend twice"


class Finger:
    """An authenticator with a finger on it: one ES256 key pair, which says that its person was verified, or not."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.handle = os.urandom(32)
        self.sign_count = 0
        self.verifies = True

    def _data(self, host: str, attested: bytes = b"") -> bytes:
        flags = 0x01 | (0x04 if self.verifies else 0) | (0x40 if attested else 0)
        return sha256(host.encode()).digest() + struct.pack(">BI", flags, self.sign_count) + attested

    def _answer(self, kind: str, options: Any, origin: str, **response: bytes) -> str:
        told = {"type": kind, "challenge": options["challenge"], "origin": origin}
        return json.dumps({
            "id": bytes_to_base64url(self.handle),
            "rawId": bytes_to_base64url(self.handle),
            "type": "public-key",
            "response": {"clientDataJSON": bytes_to_base64url(json.dumps(told).encode())}
            | {name: bytes_to_base64url(each) for name, each in response.items()},
        })  # fmt: skip

    def made(self, options: Any, origin: str) -> str:
        """A new passkey, as a browser would post it."""
        numbers = self.key.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})
        attested = bytes(16) + struct.pack(">H", len(self.handle)) + self.handle + public
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(options["rp"]["id"], attested)}
        return self._answer("webauthn.create", options, origin, attestationObject=cbor2.dumps(made))

    def shown(self, options: Any, origin: str) -> str:
        """An answer, as a browser would post it."""
        self.sign_count += 1
        data = self._data(options["rpId"])
        told = {"type": "webauthn.get", "challenge": options["challenge"], "origin": origin}
        signed = data + sha256(json.dumps(told).encode()).digest()
        signature = self.key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return self._answer("webauthn.get", options, origin, authenticatorData=data, signature=signature)


def origin(shop: Shop) -> str:
    """Where a browser would say that our pages stand."""
    return shop.app.settings.public_url


async def invited(shop: Shop, role: str = "owner") -> str:
    """A member of staff who set their password by an invitation; their account."""
    one = await people.add(shop.app.desk, shop.merchant_id, role=role, name="王芳", who="boss")
    token = await signing.invite(shop.app.desk, shop.merchant_id, one.id, "boss")
    answer = await shop.post("/v1/invitations/accept", {"token": token, "password": PASSWORD}, authorization="")
    assert (answer.status, answer.told) == (200, {"account": one.id})
    return one.id


async def enter(shop: Shop, account: str, password: str = PASSWORD, **more: str) -> Answer:
    return await shop.post("/v1/sessions", {"account": account, "password": password, **more}, authorization="")


async def entered(shop: Shop, account: str, name: str = "wang", **more: str) -> Any:
    """Sign in, and call as `name` from now on."""
    answer = await enter(shop, account, **more)
    assert answer.status == 201, answer.told
    shop.keys[name] = answer.told["token"]
    return answer.told


async def with_codes(shop: Shop, who: str = "wang") -> tuple[pyotp.TOTP, list[str]]:
    """Give whoever is signed in an app that shows codes; the app, and the recovery codes."""
    answer = await shop.post("/v1/second-factor", {"password": PASSWORD}, who=who)
    app = pyotp.TOTP(parse_qs(urlsplit(answer.told["uri"]).query)["secret"][0])
    done = await shop.post("/v1/second-factor/confirm", {"code": app.at(shop.app.clock.now())}, who=who)
    assert done.status == 200, done.told
    return app, done.told["codes"]


async def with_passkey(shop: Shop, who: str = "wang") -> Finger:
    """Give whoever is signed in a passkey."""
    finger = Finger()
    asked = await shop.post("/v1/passkeys/options", {"password": PASSWORD}, who=who)
    made = await shop.post("/v1/passkeys", {"credential": finger.made(asked.told["options"], origin(shop))}, who=who)
    assert made.status == 201, made.told
    return finger


async def sure(shop: Shop, clock: Clock, app: pyotp.TOTP, act: Any) -> str:
    """A step-up for an act, by the next code; its id."""
    clock.later += timedelta(seconds=60)
    answer = await shop.post("/v1/step-ups", act | {"code": app.at(clock.now())}, who="wang")
    assert answer.status == 201, answer.told
    return str(answer.told["id"])
