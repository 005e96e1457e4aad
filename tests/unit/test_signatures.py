"""What a till signed: our verifier beside the judge, and every way to bend a request."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from tests.tilling import COVERED, Device
from yuanlu.errors import Denied
from yuanlu.web.parts import signatures
from yuanlu.web.parts.signatures import Message

KEY_ID = "YK01KATE3S4000000000000000042"
NOW = datetime(2026, 11, 26, 4, tzinfo=UTC)
URL = "https://shop.example/v1/payments?limit=2&after="
TOO_OLD = "signature.too_old"
BODY = b'{"amount_fen":1280}'
DEVICE = Device(token="yk_x_y", key_id=KEY_ID)


def message(headers: Mapping[str, str], method: str = "POST", url: str = URL, host: str = "shop.example") -> Message:
    parts = urlsplit(url)
    listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Message(method, parts.path.encode(), parts.query.encode(), [(b"host", host.encode()), *listed])


def said_of(found: Message, at: datetime = NOW, body: bytes = BODY) -> str:
    """The code of the no; empty where the request is believed."""
    try:
        signed = signatures.verified(found, KEY_ID, DEVICE.key.public_key(), at)
        signatures.demand_body(signed, body)
    except Denied as no:
        return no.code
    return ""


@given(
    method=st.sampled_from(("GET", "POST")),
    path=st.sampled_from(("/", "/v1/payments", "/v1/a%20b/c", "/v1/%E5%8E%9F")),
    query=st.sampled_from(("", "?", "?a=1&b=%2F", "?after=")),
    host=st.sampled_from(("shop.example", "SHOP.example:443", "127.0.0.1:8000")),
    body=st.binary(max_size=40),
    include_alg=st.booleans(),
)
def test_what_the_judge_signs_we_believe(
    method: str, path: str, query: str, host: str, body: bytes, include_alg: bool
) -> None:
    url = f"https://{host}{path}{query}"
    headers = DEVICE.signed(method, url, body, created=NOW, include_alg=include_alg)
    assert said_of(message(headers, method, url, host), body=body) == ""


def test_the_text_that_is_signed_is_that_of_the_standard() -> None:
    """The example of RFC 9421, B.2.4 for the algorithm, with parts of ours: written out by hand, signed by hand."""
    params = (
        '("@method" "@authority" "@path" "@query" "authorization")'
        f';created={int(NOW.timestamp())};keyid="{KEY_ID}";nonce="AAAAAAAAAAAAAAAA"'
    )
    base = "\n".join(
        (
            '"@method": GET',
            '"@authority": shop.example',
            '"@path": /v1/tills',
            '"@query": ?',
            '"authorization": Bearer yk_x_y',
            f'"@signature-params": {params}',
        )
    )
    der = DEVICE.key.sign(base.encode(), ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    raw = base64.b64encode(r.to_bytes(32, "big") + s.to_bytes(32, "big")).decode()
    headers = {"authorization": "Bearer yk_x_y", "signature-input": f"till={params}", "signature": f"till=:{raw}:"}
    assert said_of(message(headers, "GET", "https://shop.example/v1/tills"), body=b"") == ""
    assert encode_dss_signature(r, s) == der


Headers = dict[str, str]


def _put(name: str, change: Callable[[str], str]) -> Callable[[Headers], Headers]:
    return lambda headers: headers | {name: change(headers[name])}


def _less(name: str) -> Callable[[Headers], Headers]:
    return lambda headers: {each: value for each, value in headers.items() if each != name}


@pytest.mark.parametrize(
    ("bend", "code"),
    [
        (_less("Signature"), "signature.missing"),
        (_less("Signature-Input"), "signature.missing"),
        (_less("Content-Digest"), "signature.covers"),
        (_put("Authorization", lambda _: "Bearer yk_other_key"), "signature.wrong"),
        (_put("Signature", lambda text: text[:-5]), "signature.malformed"),
        (_put("Signature", lambda text: text.replace("till=", "mine=")), "signature.malformed"),
        (_put("Signature", lambda text: f"{text}, {text}"), "signature.malformed"),
        (_put("Signature", lambda text: text[:6] + ("A" if text[6] != "A" else "B") + text[7:]), "signature.wrong"),
        (_put("Signature", lambda _: f"till=:{base64.b64encode(bytes(64)).decode()}:"), "signature.wrong"),
        (_put("Signature-Input", lambda text: text[:40]), "signature.malformed"),
        (_put("Signature-Input", lambda text: f"{text}, {text}"), "signature.malformed"),
        (_put("Signature-Input", lambda text: text + ';tag="x"'), "signature.malformed"),
        (_put("Signature-Input", lambda text: text + ';nonce="BBBBBBBBBBBBBBBB"'), "signature.malformed"),
        (_put("Signature-Input", lambda text: text.replace("ecdsa-p256-sha256", "hmac-sha256")), "signature.algorithm"),
        (_put("Signature-Input", lambda text: text.replace("ecdsa-p256-sha256", "none")), "signature.algorithm"),
        (_put("Signature-Input", lambda text: text.replace(' "authorization"', "")), "signature.covers"),
        (_put("Signature-Input", lambda text: text.replace(' "@path"', "")), "signature.covers"),
        (_put("Signature-Input", lambda text: text.replace(' "content-digest"', "")), "signature.covers"),
        (_put("Signature-Input", lambda text: text.replace('"@path"', '"@path" "@path"')), "signature.malformed"),
        (_put("Signature-Input", lambda text: text.replace('"@path"', '"@path";req')), "signature.malformed"),
        (_put("Signature-Input", lambda text: text.replace('nonce="', 'nonce="x" "')), "signature.malformed"),
        (_put("Signature-Input", lambda text: text.replace(KEY_ID, KEY_ID[:-1] + "6")), "signature.wrong_key"),
        (_put("Signature-Input", lambda text: text.replace("created=", "created=1")), "signature.too_old"),
        (_put("Content-Digest", lambda _: "sha-256=:" + "A" * 43 + "=:"), "signature.wrong"),
        (_put("Content-Digest", lambda text: text.replace("sha-256", "md5")), "signature.wrong"),
    ],
)
def test_a_bent_header_is_refused(bend: Callable[[Headers], Headers], code: str) -> None:
    headers = DEVICE.signed("POST", URL, BODY, created=NOW)
    assert said_of(message(headers)) == ""
    assert said_of(message(bend(headers))) == code


def test_a_bent_request_is_refused() -> None:
    headers = DEVICE.signed("POST", URL, BODY, created=NOW)
    assert said_of(message(headers, "GET")) == "signature.wrong"
    assert said_of(message(headers, url=URL.replace("payments", "refunds"))) == "signature.wrong"
    assert said_of(message(headers, url=URL.replace("limit=2", "limit=3"))) == "signature.wrong"
    assert said_of(message(headers, host="other.example")) == "signature.wrong"
    assert said_of(message(headers), body=b'{"amount_fen":9999}') == "signature.body"
    assert said_of(message(headers), body=b"") == "signature.body"


def test_a_body_that_nobody_signed_is_refused() -> None:
    headers = DEVICE.signed("POST", URL, created=NOW)
    assert said_of(message(headers), body=b"") == ""
    assert said_of(message(headers)) == "signature.covers"


def test_a_digest_of_another_kind_is_refused_even_if_it_is_signed() -> None:
    headers = DEVICE.signed("POST", URL, created=NOW) | {"Content-Digest": "sha-512=:AAAA:"}
    assert said_of(message(headers)) == "signature.covers"


@pytest.mark.parametrize("name", ["Signature", "Signature-Input", "Authorization", "Content-Digest", "Host"])
def test_a_header_that_stands_there_twice_is_refused(name: str) -> None:
    found = message(DEVICE.signed("POST", URL, BODY, created=NOW))
    twice = next((key, value) for key, value in found.headers if key == name.lower().encode())
    doubled = Message(found.method, found.path, found.query, [*found.headers, twice])
    assert said_of(doubled) == "signature.malformed"


@pytest.mark.parametrize(("seconds", "code"), [(-61, TOO_OLD), (-60, ""), (60, ""), (61, TOO_OLD)])
def test_a_signature_counts_for_a_minute_either_way(seconds: int, code: str) -> None:
    headers = DEVICE.signed("POST", URL, BODY, created=NOW + timedelta(seconds=seconds))
    assert said_of(message(headers)) == code


def test_a_signature_may_end_sooner() -> None:
    headers = DEVICE.signed("POST", URL, BODY, created=NOW, expires=NOW + timedelta(seconds=5))
    assert said_of(message(headers)) == ""
    assert said_of(message(headers), NOW + timedelta(seconds=6)) == "signature.too_old"


def test_another_device_signs_for_nobody_here() -> None:
    thief = Device(token="yk_x_y", key_id=KEY_ID)
    assert said_of(message(thief.signed("POST", URL, BODY, created=NOW))) == "signature.wrong"


def test_every_part_that_decides_must_be_signed() -> None:
    for part in COVERED:
        covered = tuple(each for each in COVERED if each != part)
        headers = DEVICE.signed("POST", URL, BODY, created=NOW, covered=covered)
        assert said_of(message(headers)) == "signature.covers", part


@given(name=st.sampled_from(("Signature", "Signature-Input", "Content-Digest")), text=st.text(max_size=300))
def test_no_text_is_more_than_refused(name: str, text: str) -> None:
    headers = DEVICE.signed("POST", URL, BODY, created=NOW)
    listed = [
        (each.lower().encode(), (text if each == name else value).encode("latin-1", "replace"))
        for each, value in headers.items()
    ]
    found = Message("POST", b"/v1/payments", b"limit=2&after=", [(b"host", b"shop.example"), *listed])
    assert said_of(found).startswith("signature.")
