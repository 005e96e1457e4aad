"""The door over the wire: limits, headers, who calls, TLS, and what raw bytes can do."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.web.conftest import Shop, opened
from yuanlu import ids
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.web import server
from yuanlu.web.parts import guard
from yuanlu.web.server import ROUTES

OPEN = "/healthz"

# --- limits ---


async def test_who_calls_too_often_is_told_when_to_come_again_and_nobody_else_waits(
    database: Database, tmp_path: Path
) -> None:
    """S95."""
    async with opened(database, tmp_path, said={"rate_key": 3, "trusted_proxies": "127.0.0.1"}) as shop:
        for _ in range(3):
            assert (await shop.get("/v1/tills")).status == 200
        before = await shop.counts()
        answer = await shop.post("/v1/cases", {"id": ids.new(Kind.CASE)})
        assert (answer.status, answer.code, answer.told["of"]) == (429, "request.too_many", "key")
        assert int(answer.headers["retry-after"]) == answer.told["seconds"] == 20
        assert "20" in answer.told["detail"]
        assert await shop.counts() == before
        assert (await shop.get("/v1/tills", who="boss")).status == 200
        assert (await shop.get("/v1/tills", who="neighbour")).status == 200


async def test_a_flood_from_one_address_leaves_the_others_alone(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path, said={"rate_address": 5, "trusted_proxies": "127.0.0.1"}) as shop:
        said = [(await shop.get("/v1/tills", x_forwarded_for="203.0.113.1", authorization="")).status for _ in range(8)]
        assert said == [401] * 5 + [429] * 3
        assert (await shop.get("/v1/tills", x_forwarded_for="203.0.113.2")).status == 200
        assert (await shop.get("/readyz", x_forwarded_for="203.0.113.1")).status == 200
        # A provider calls back from the address of the flood: it has buckets of its own.
        answer = await shop.post(f"/callbacks/wechat/{shop.merchant_id}", {"id": "1"}, x_forwarded_for="203.0.113.1")
        assert (answer.status, answer.told["message"]) == (404, "channel.unknown")


async def test_a_callback_too_many_is_refused_in_the_providers_manner(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path, said={"rate_callback": 1}) as shop:
        path = f"/callbacks/alipay/{shop.merchant_id}"
        await shop.post(path, raw=b"x=1")
        answer = await shop.post(path, raw=b"x=1")
        assert (answer.status, answer.raw) == (429, b"fail")


async def test_who_is_not_behind_a_listed_proxy_cannot_borrow_an_address(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path, said={"rate_address": 3}) as shop:
        said = [(await shop.get("/v1/tills", x_forwarded_for=f"203.0.113.{n}")).status for n in range(5)]
        assert said == [200, 200, 200, 429, 429]


async def test_one_till_and_one_object_have_their_limits(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path, said={"rate_device": 2, "rate_object": 2}) as shop:
        said = [(await shop.post("/v1/payments", shop.wish(code=None))) for _ in range(3)]
        assert [each.status for each in said] == [422, 422, 429]
        assert said[2].told["of"] == "device"
        path = f"/v1/cases/{ids.new(Kind.CASE)}"
        said = [await shop.get(path) for _ in range(3)]
        assert [each.status for each in said] == [404, 404, 429]
        assert said[2].told["of"] == "object"


# --- headers ---


async def test_every_answer_carries_the_headers_that_protect_a_browser(bare_shop: Shop) -> None:
    for path, status in (("/healthz", 200), ("/v1/tills", 200), ("/v1/nothing", 404), ("/metrics", 200)):
        answer = await bare_shop.get(path)
        assert answer.status == status
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers
        assert "server" not in answer.headers


async def test_hsts_is_sent_where_a_listed_proxy_says_tls(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path, said={"trusted_proxies": "127.0.0.1"}) as shop:
        assert "strict-transport-security" in (await shop.get(OPEN, x_forwarded_proto="https")).headers
        assert "strict-transport-security" not in (await shop.get(OPEN, x_forwarded_proto="http")).headers
    async with opened(database, tmp_path) as shop:
        assert "strict-transport-security" not in (await shop.get(OPEN, x_forwarded_proto="https")).headers


async def test_no_page_of_somebody_else_is_let_read_or_send(bare_shop: Shop) -> None:
    """CORS is off: a preflight is answered without a word of leave, on every route."""
    asks = {"origin": "https://evil.example", "access_control_request_method": "POST"}
    for path in sorted({*(route.path for route in ROUTES), OPEN, "/callbacks/wechat/x"}):
        for method in ("OPTIONS", "GET"):
            answer = await bare_shop.call(method, path.replace("{", "").replace("}", ""), authorization="", **asks)
            assert not [name for name in answer.headers if name.startswith("access-control")], path


async def test_a_cookie_that_another_page_sends_along_opens_nothing(bare_shop: Shop) -> None:
    before = await bare_shop.counts()
    answer = await bare_shop.post(
        "/v1/recognise", {"text": "x"}, cookie="__Host-session=x", sec_fetch_site="cross-site"
    )
    assert (answer.status, answer.code) == (403, "session.csrf")
    assert await bare_shop.counts() == before
    ours = await bare_shop.post("/v1/recognise", {"text": "x"}, cookie="a=b", sec_fetch_site="same-origin")
    assert ours.status == 200


async def test_no_address_leads_elsewhere(bare_shop: Shop) -> None:
    paths = [
        "//evil.example", "//evil.example/%2f..", "/v1/tills/", "/v1//tills", "/\\evil.example", "/%5cevil.example",
        "/v1/tills?next=https://evil.example", "/v1/payments/..%2f..%2fevil", "/v1/tills/%0d%0alocation:%20x", "/.",
    ]  # fmt: skip
    for path in paths:
        for wish in ({}, {"host": "evil.example", "x_forwarded_host": "evil.example"}):
            status, headers, body = await raw_get(bare_shop, path, **wish)
            assert not 300 <= status < 400, path
            assert "location" not in headers, path
            assert b"//evil" not in body, path


# --- raw bytes ---


@contextlib.asynccontextmanager
async def connected(shop: Shop) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(shop.base_url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def said_to(shop: Shop, *parts: bytes, pause: float = 0) -> bytes:
    """All that is answered until the connection is closed by the other side."""
    async with asyncio.timeout(15), connected(shop) as (reader, writer):
        answered = asyncio.create_task(_all_of(reader))
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
                if answered.done():
                    break
        return await answered


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    found = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            found += piece
    return bytes(found)


async def raw_get(shop: Shop, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in ({"host": "x"} | headers).items())
    key = shop.keys["cashier"]
    text = f"GET {path} HTTP/1.1\r\n{told}authorization: Bearer {key}\r\nconnection: close\r\n\r\n"
    head, _, body = (await said_to(shop, text.encode())).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}, body


def code_of(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 "), answer[:100]
    return int(head.split()[1]), str(msgspec.json.decode(body)["code"])


HEAD = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize(
    ("bytes_", "status", "code"),
    [
        (HEAD + b"".join(b"x-%d: y\r\n" % n for n in range(100)) + b"\r\n", 431, "request.head_too_large"),
        (HEAD + b"x: " + b"y" * 20_000 + b"\r\n\r\n", 431, "request.head_too_large"),
        (HEAD + b"y" * 40_000, 431, "request.head_too_large"),
        (HEAD + b"x: " + b"y" * 40_000, 431, "request.head_too_large"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414, "request.target_too_long"),
        (b"\r\n" * 20_000, 431, "request.head_too_large"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "request.not_http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", 400, "request.not_http"),
        (b"GET /healthz HTTP/1.1\r\nbad header: x\r\n\r\n", 400, "request.not_http"),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", 400, "request.not_http"),
        (b"POST /v1/cases HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400,
         "request.not_http"),
        (b"POST /v1/cases HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400, "request.not_http"),
        (b"POST /v1/cases HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400,
         "request.not_http"),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\n\r\n", 400, "request.not_http"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "request.not_http"),
    ],
)  # fmt: skip
async def test_a_head_that_is_too_large_or_none_is_refused_and_the_line_is_closed(
    bare_shop: Shop, bytes_: bytes, status: int, code: str
) -> None:
    assert code_of(await said_to(bare_shop, bytes_)) == (status, code)


@pytest.mark.parametrize("path", ["/v1/tills?" + "a" * 5000, "/v1/" + "x" * 1100, "/healthz?" + "a=1&" * 1100])
async def test_an_address_that_is_too_long_is_refused(bare_shop: Shop, path: str) -> None:
    status, headers, body = await raw_get(bare_shop, path)
    assert (status, msgspec.json.decode(body)["code"]) == (414, "request.target_too_long")
    assert headers["content-type"] == "application/problem+json"


async def test_a_head_that_comes_slowly_is_given_up(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "HEAD_WITHIN_SECONDS", 0.3)
    drops = [HEAD, *[b"x: y\r\n"] * 40]
    assert code_of(await said_to(bare_shop, *drops, pause=0.05)) == (408, "request.too_slow")
    assert code_of(await said_to(bare_shop, b"G")) == (408, "request.too_slow")
    assert await said_to(bare_shop) == b"", "who says nothing at all is told nothing"
    # A second call on the same line, slowly.
    answer = await said_to(bare_shop, HEAD + b"\r\n", HEAD, pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert code_of(b"HTTP/1.1" + answer.split(b"HTTP/1.1")[2]) == (408, "request.too_slow")


async def test_who_goes_on_with_a_body_that_was_answered_is_cut_off(
    bare_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte of it would else put the end of the line off, and the last one for ever."""
    monkeypatch.setattr(guard, "LINGER_SECONDS", 0.3)
    call = b"POST /v1/cases HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    answer = await said_to(bare_shop, call, *[b"x"] * 40, pause=0.05)
    assert code_of(answer) == (401, "auth.key_missing")
    assert (await said_to(bare_shop, call, b"x")).startswith(b"HTTP/1.1 401 ")


async def test_a_line_that_is_idle_is_closed(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "KEEP_ALIVE_SECONDS", 0)
    async with opened(database, tmp_path) as shop:
        assert (await said_to(shop, HEAD + b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_reader_who_takes_nothing_is_given_up(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "READER_SECONDS", 0.2)
    before = asyncio.all_tasks()
    call = b"GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n"
    async with connected(bare_shop) as (reader, writer):
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(60):
            writer.write(call)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        async with asyncio.timeout(10):
            while not await _is_gone(writer):
                await asyncio.sleep(0.1)
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks() - before) < 3


async def _is_gone(writer: asyncio.StreamWriter) -> bool:
    try:
        writer.write(b"\r\n")
        await writer.drain()
    except ConnectionError:
        return True
    return writer.transport.is_closing()


async def test_what_stands_behind_a_body_is_no_header(bare_shop: Shop) -> None:
    """A field behind a chunked body passes proxies unread: it signs nobody in and names nobody."""
    key = bare_shop.keys["cashier"].encode()
    call = (
        b"POST /v1/recognise HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
        b'connection: close\r\n\r\nc\r\n{"text":"x"}\r\n0\r\nauthorization: Bearer ' + key + b"\r\n\r\n"
    )
    assert code_of(await said_to(bare_shop, call)) == (401, "auth.key_missing")


async def test_a_frame_much_larger_than_its_body_is_cut_off(bare_shop: Shop) -> None:
    key = bare_shop.keys["cashier"].encode()
    call = (
        b"POST /v1/recognise HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
        b"authorization: Bearer " + key + b"\r\n\r\n1;"
    )
    assert await said_to(bare_shop, call, *[b"x" * 60_000] * 20) == b""


async def test_one_address_has_a_share_of_the_lines_only(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "PER_ADDRESS_MAX", 2)
    await bare_shop.session.close()
    await asyncio.sleep(0.1)
    async with connected(bare_shop), connected(bare_shop):
        assert await said_to(bare_shop, HEAD + b"\r\n") == b""
    await asyncio.sleep(0.1)
    assert (await said_to(bare_shop, HEAD + b"connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


# --- TLS ---


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate for this machine that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "yuanlu test")])
    now = dt.datetime.now(dt.UTC)
    where = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(where), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    for file, lock in (
        ("key.pem", serialization.NoEncryption()),
        ("locked.pem", serialization.BestAvailableEncryption(b"x")),
    ):
        (folder / file).write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        )
    return {"tls_cert_file": str(folder / "cert.pem"), "tls_key_file": str(folder / "key.pem")}


async def test_over_tls_calls_are_answered_with_hsts_and_nothing_older_than_1_2_is_spoken(
    database: Database, tmp_path: Path, papers: dict[str, str]
) -> None:
    """S29."""
    async with opened(database, tmp_path, said=papers) as shop:
        assert shop.base_url.startswith("https://")
        port = int(shop.base_url.rpartition(":")[2])
        trusting = ssl.create_default_context(cafile=papers["tls_cert_file"])
        async with shop.session.get(f"https://127.0.0.1:{port}/healthz", ssl=trusting) as answer:
            assert answer.status == 200
            assert answer.headers["strict-transport-security"].startswith("max-age=31536000")
        for version, speaks in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
            assert await _speaks(port, papers["tls_cert_file"], version) == speaks
        assert await said_to(shop, HEAD + b"\r\n") == b"", "plain HTTP is answered nothing"


async def _speaks(port: int, cert_file: str, version: ssl.TLSVersion) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cert_file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def test_a_certificate_that_cannot_be_used_stops_the_start_with_words(tmp_path: Path, papers: dict[str, str]) -> None:
    locked = papers["tls_key_file"].replace("key.pem", "locked.pem")
    (tmp_path / "rubbish").write_text("-----BEGIN CERTIFICATE-----\n")
    for cert, key in (
        (papers["tls_cert_file"], ""), (papers["tls_cert_file"], locked), ("", papers["tls_key_file"]),
        (str(tmp_path / "rubbish"), papers["tls_key_file"]), (str(tmp_path / "none"), papers["tls_key_file"]),
    ):  # fmt: skip
        settings: Any = Settings(state=tmp_path, tls_cert_file=cert, tls_key_file=key)
        with pytest.raises(Denied, match=r"settings\.invalid"):
            server.tls_of(settings)
    assert server.tls_of(Settings(state=tmp_path)) is None
