"""Bytes nobody would send: no call makes the service fail, and none that is refused changes a row."""

from __future__ import annotations

import asyncio
import contextlib
import random
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from tests.web.conftest import Shop
from tests.web.test_review import asked, hire
from tests.web.test_thieves import path_of
from yuanlu.change import Change, Row
from yuanlu.db import Pools
from yuanlu.web.parts import calls as routes
from yuanlu.web.parts import logs
from yuanlu.web.parts.calls import Route
from yuanlu.web.server import ROUTES

BATCH = 25
TRIES = {"tries"}
"""What a refused call may write: that somebody tried a password or a code, which is how tries are counted."""
SEALS_NOTHING = {"subject_keys", "merchant_keys", "key_uses"}
"""A key is made for words before it is decided whether they are taken. One whose words were refused seals nothing.
When a key was last used is written now and then, by any call that knew it."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "M-SEARCH", "PROPFIND")
VALUES: Sequence[Any] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**40, 0.5, 1e308, "", " ", "\x00",
    "a\x00b", "\ud7ff", "\uffff", "🧾" * 50, "\u202e", "é", "x" * 5000, "'; drop table payments; --",
    "../../etc/passwd", "%00", "${7*7}", "{{7*7}}", "<script>", "2026-13-45", "2026-11-26", "2026-11-26T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01", "https://[::1", "file:///etc/passwd", "130123456789012345", "YC01M83A34ZBYXREVXAYQY9KV9072",
    [], {}, [[]], [None] * 50, {"": ""}, {"a": {"b": {"c": {}}}}, [{}] * 20,
)  # fmt: skip
TRICKS = (
    "..", ".", "%2e%2e", "%2f", "%5c", "%00", "%ff", "%c0%af", "%u002f", ";", "a;b=c", "*", "~", "%0d%0a", "x" * 900,
    "%", "%2", "'", '"', "<x>", "\\", "|", "{case}", "-1", "0", "%e2%80%ae", "%F0%9F%A7%BE",
)  # fmt: skip
HEADERS = (
    "x-forwarded-for: 127.0.0.1", "x-forwarded-host: evil", "x-http-method-override: DELETE",
    "x-original-url: /metrics", "content-encoding: gzip", "accept-encoding: br", "range: bytes=0-1",
    "expect: 100-continue", "upgrade: websocket",
    "upgrade: h2c", "te: trailers", "accept: application/xml", "accept-language: zh;q=1e9,*;q=nan", "cookie: a=b; c",
    "x-request-id: x\x0by", "x-request-id: ../../../../etc", "if-none-match: *", "origin: null",
    "content-language: \xff",
    "content-type: multipart/form-data; boundary=", "content-type: application/json; charset=utf-7", "host: a\thost",
    "content-type: application/x-msgpack", "transfer-encoding: identity", "connection: close, x", "via: " + "x" * 3000,
)  # fmt: skip


def near(dice: random.Random, value: Any) -> Any:
    """A value like this one, wrong in one place or more."""
    match value:
        case dict() if value and dice.random() < 0.8:
            name = dice.choice(list(value))
            return {**value, name: near(dice, value[name])}
        case list() if value and dice.random() < 0.8:
            return [near(dice, value[0]), *value[1:]]
        case str() if value and dice.random() < 0.4:
            at = dice.randrange(len(value))
            return value[:at] + dice.choice(["", "\x00", "🧾", "é", "'", "\\", "0", "\u202e"]) + value[at + 1 :]
        case _:
            return dice.choice(VALUES)


def wish_of(dice: random.Random, route: Route, known: dict[str, str]) -> bytes:
    """A body for a route: nearly what it wants, or anything at all."""
    kind = dice.random()
    if kind < 0.15:
        return dice.randbytes(dice.choice([0, 1, 7, 300, 3000]))
    example: Any = {name: known.get(name, value) for name, value in route.example.items()}
    if kind > 0.7:
        return msgspec.json.encode(example)
    if kind < 0.25:
        for name in route.takes.__struct_fields__:
            example.setdefault(name, dice.choice(VALUES))
    if kind < 0.35:
        example[dice.choice(["", "__proto__", "merchant_id", "version", "id", "é"])] = dice.choice(VALUES)
    body = msgspec.json.encode(near(dice, example))
    if kind < 0.45:
        at = dice.randrange(len(body) + 1)
        body = body[:at] + dice.choice([b"\xff", b"\x00", b"{", b"]", b'"', b"\\u", b"9" * 400, b"NaN"]) + body[at:]
    return body


def target_of(dice: random.Random, route: Route, known: dict[str, str]) -> str:
    path = path_of(route, **(known if dice.random() < 0.8 else {}))
    parts = path.split("/")
    if dice.random() < 0.15:
        parts[dice.randrange(1, len(parts))] = dice.choice(TRICKS)
    if dice.random() < 0.1:
        parts.insert(dice.randrange(1, len(parts) + 1), dice.choice(["", *TRICKS]))
    target = "/".join(parts)
    if dice.random() < 0.3:
        names = [*route.query.__struct_fields__, "limit", "after", "x"]
        many = dice.choice([1, 2, 2, 40])
        told = "&".join(f"{dice.choice(names)}={dice.choice([*TRICKS, '1', 'é', '9' * 30])}" for _ in range(many))
        target += "?" + told
    return target or "/"


def made(dice: random.Random, shop: Shop, known: dict[str, str]) -> bytes:
    """One call, as bytes."""
    route = dice.choice(ROUTES)
    method = route.method if dice.random() < 0.85 else dice.choice(METHODS)
    keys = [*shop.keys.values(), "yk_x", "yk_" + "\xff" * 20]
    key = shop.keys["olga"] if dice.random() < 0.7 else dice.choice(keys)
    body = wish_of(dice, route, known) if method not in ("GET", "HEAD") or dice.random() < 0.1 else b""
    lines = [f"{method} {target_of(dice, route, known)} HTTP/1.{dice.choice('1111110')}", "host: x"]
    lines += [f"authorization: Bearer {key}"] if dice.random() < 0.97 else []
    lines += (
        [f"content-type: {dice.choice(route.takes_kinds or ('application/json',))}"] if dice.random() < 0.95 else []
    )
    lines += dice.sample(HEADERS, dice.choice([0, 0, 1, 3]))
    if dice.random() < 0.1:
        lines.append("transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    else:
        lines.append(f"content-length: {len(body)}")
    if dice.random() < 0.02:
        lines.append("".join(dice.choices(string.printable, k=30)))
    lines.append(f"x-request-id: fuzz-{dice.getrandbits(60):015x}")
    lines.append("connection: close")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


async def answered(port: int, call: bytes) -> tuple[int, str]:
    """The status that a call is answered with, and the number it had; 0 where the line was closed without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = b""
    try:
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                writer.write(call)
                while piece := await reader.read(65536):
                    found += piece
    finally:
        writer.close()
    while found.startswith(b"HTTP/1.1 100 "):
        found = found.partition(b"\r\n\r\n")[2]
    if not found:
        return 0, ""
    head = found.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    number = next((line[14:].strip() for line in head if line.lower().startswith("x-request-id:")), "")
    return int(head[0].split()[1]), number


@contextlib.contextmanager
def writers(shop: Shop) -> Iterator[dict[str, set[str]]]:
    """What each call had recorded, by its number, as tables: the recorder is asked in the context of the call."""
    found: dict[str, set[str]] = {}
    record = shop.app.recorder.record

    async def watched(change: Change[Row]) -> bool:
        number = logs.request_id.get()
        done = await record(change)
        found.setdefault(number, set()).add(change.row.table)
        return done

    shop.app.recorder.record = watched  # type: ignore[method-assign]
    try:
        yield found
    finally:
        del shop.app.recorder.record  # type: ignore[method-assign]


async def rows_of(pools: Pools) -> dict[str, str]:
    """A print of all that is in the database, a table each."""
    tables = await pools.recorder.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and not relispartition and has_table_privilege(oid, 'select') order by 1"
    )
    asked = [
        f"select '{name}' as name, count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0) as print"
        f" from {name} t"
        for (name,) in tables
    ]
    return {row["name"]: row["print"] for row in await pools.recorder.fetch(" union all ".join(asked))}


async def fuzzed(shop: Shop, many: int, seed: int) -> Counter[int]:
    """So many calls; answers how often each status came."""
    port, dice, statuses = int(shop.base_url.rpartition(":")[2]), random.Random(seed), Counter[int]()
    await hire(shop, "olga", "owner")
    case = (await asked(shop)).rpartition("/")[2]
    known = {"till": shop.till, "case": case, "payment": (await shop.get(f"/v1/cases/{case}")).told["payment"]}
    await shop.work()
    before = await rows_of(shop.app.pools)
    with writers(shop) as wrote:
        for _ in range(0, many, BATCH):
            calls = [made(dice, shop, known) for _ in range(BATCH)]
            told = await asyncio.gather(*(answered(port, call) for call in calls))
            taken = was_tried = False
            for call, (status, number) in zip(calls, told, strict=True):
                assert status < 500, (status, call[:3000])
                assert not 300 <= status < 400, call[:3000]
                written = wrote.get(number, set())
                assert status < 400 or written <= TRIES, ("refused, and yet recorded", status, written, call[:3000])
                taken |= 0 < status < 400 and not call.startswith(b"GET ")
                taken |= bool(written - TRIES)  # nobody waited for the answer
                was_tried |= bool(written)
                statuses[status] += 1
            after = await rows_of(shop.app.pools)
            if not taken:
                allowed = SEALS_NOTHING | ({*TRIES, "facts"} if was_tried else set())
                changed = {name for name in before if before[name] != after[name]} - allowed
                assert not changed, (changed, told, [call[:200] for call in calls])
            before = after
    assert wrote, "some calls are good, and are seen to record"
    return statuses


def is_wide(statuses: Counter[int]) -> bool:
    """Whether the calls reached far enough to mean something: past the key, past the body, into the rules."""
    reached = set(statuses)
    return {200, 400, 401, 403, 404, 405, 409, 415, 422} <= reached and bool({201, 204} & reached)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who never sends the rest of a body is waited for, but not for long."""
    monkeypatch.setattr(routes, "BODY_WITHIN_SECONDS", 0.5)
    monkeypatch.setattr(routes, "FILE_WITHIN_SECONDS", 0.5)


async def test_fifteen_hundred_calls_break_nothing(shop: Shop) -> None:
    """S98."""
    statuses = await fuzzed(shop, 1500, seed=4)
    assert is_wide(statuses), statuses


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_ten_thousand_calls_break_nothing(shop: Shop) -> None:
    """S98."""
    statuses = await fuzzed(shop, 10_000, seed=10_000)
    assert is_wide(statuses), statuses
