"""Bad input at the border: a clear no, and nothing changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.web.conftest import Shop
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.web.parts import calls

LIMIT = 64 * 1024

BAD_AMOUNTS = [
    "0",
    "-1",
    "1.0",
    "1.5",
    "1e2",
    '"100"',
    "true",
    "null",
    "[]",
    "{}",
    "100000001",
    "1" + "0" * 400,
    "-1e400",
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
async def test_an_amount_that_is_no_whole_number_of_fen_in_bounds_is_refused(bare_shop: Shop, amount: str) -> None:
    before = await bare_shop.counts()
    for path, wish in (
        ("/v1/payments", {"id": ids.new(Kind.PAYMENT), "till": bare_shop.till, "code": "130123456789012345"}),
        ("/v1/refunds", {"id": ids.new(Kind.REFUND), "payment": ids.new(Kind.PAYMENT)}),
    ):
        told = ", ".join(f'"{name}": "{value}"' for name, value in wish.items())
        answer = await bare_shop.post(path, raw=f'{{{told}, "amount_fen": {amount}}}'.encode())
        assert (answer.status, answer.code) == (400, "request.invalid")
        assert answer.told["where"] == "$.amount_fen"
    assert await bare_shop.counts() == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "01", "1_000", ".5", "1."])
async def test_a_number_that_json_does_not_know_is_refused(bare_shop: Shop, number: str) -> None:
    wish = f'{{"id": "{ids.new(Kind.PAYMENT)}", "till": "{bare_shop.till}", "amount_fen": {number}}}'
    answer = await bare_shop.post("/v1/payments", raw=wish.encode())
    assert (answer.status, answer.code) == (400, "request.malformed")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"not json",
        b'{"id":1}{}',
        b"\xef\xbb\xbf{}",
        b'{"id": "\xff\xfe"}',
        b'{"id": "\\ud800"}',
        b'"' + b"\x00" * 10 + b'"',
        b'{"id": ' * 5000,
    ],
)
async def test_a_body_that_is_no_json_is_refused(bare_shop: Shop, raw: bytes) -> None:
    for path in ("/v1/payments", "/v1/refunds", "/v1/cases", "/v1/recognise"):
        answer = await bare_shop.post(path, raw=raw)
        assert answer.status == 400
        assert answer.code in ("request.malformed", "request.invalid")


@pytest.mark.parametrize("raw", [b"[" * 60_000, b"[]", b"1", b'"text"', b"null"])
async def test_a_body_that_is_no_object_is_refused(bare_shop: Shop, raw: bytes) -> None:
    answer = await bare_shop.post("/v1/payments", raw=raw)
    assert (answer.status, answer.code) == (400, "request.invalid")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"amout_fen": 1}, "$"),
        ({"merchant_id": "YM"}, "$"),
        ({"currency": "RMBY"}, "$.currency"),
        ({"currency": "cny"}, "$.currency"),
        ({"id": "1"}, "$.id"),
        ({"id": ids.new(Kind.REFUND)}, "$.id"),
        ({"id": ids.new(Kind.PAYMENT).lower()}, "$.id"),
        ({"id": ids.new(Kind.PAYMENT) + "\n"}, "$.id"),
        ({"description": "one line\n"}, "$.description"),
        ({"till": "'; drop table payments; --"}, "$.till"),
        ({"channel": "unionpay"}, "$.channel"),
        ({"typed": 1}, "$.typed"),
        ({"description": "a\x00b"}, "$.description"),
        ({"description": "two\nlines"}, "$.description"),
        ({"description": "x" * 121}, "$.description"),
        ({"code": "1" * 2049}, "$.code"),
        ({"code": 130123456789012345}, "$.code"),
    ],
)
async def test_a_field_that_is_wrong_is_named(bare_shop: Shop, change: dict[str, Any], where: str) -> None:
    before = await bare_shop.counts()
    answer = await bare_shop.post("/v1/payments", bare_shop.wish() | change)
    assert (answer.status, answer.code) == (400, "request.invalid")
    assert answer.told["where"] == where
    assert await bare_shop.counts() == before


async def test_an_id_with_a_wrong_check_character_is_refused(bare_shop: Shop) -> None:
    good = ids.new(Kind.PAYMENT)
    wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
    answer = await bare_shop.post("/v1/payments", bare_shop.wish(id=wrong))
    assert (answer.status, answer.code) == (422, "id.invalid")


@pytest.mark.parametrize("currency", ["USD", "HKD", "XXX"])
async def test_another_currency_is_refused(shop: Shop, currency: str) -> None:
    before = await shop.counts()
    answer = await shop.post("/v1/payments", shop.wish(currency=currency))
    assert (answer.status, answer.code, answer.told["currency"]) == (422, "payment.currency", currency)
    assert await shop.counts() == before


async def test_a_channel_that_the_shop_has_not_is_refused(bare_shop: Shop) -> None:
    answer = await bare_shop.post("/v1/payments", bare_shop.wish(code=None, channel="wechat"))
    assert (answer.status, answer.code) == (409, "payment.channel_off")
    answer = await bare_shop.post("/v1/payments", bare_shop.wish(code=None))
    assert (answer.status, answer.code) == (422, "payment.channel_missing")


async def test_a_code_of_the_other_wallet_is_refused(shop: Shop) -> None:
    answer = await shop.post("/v1/payments", shop.wish(channel="alipay"))
    assert (answer.status, answer.code) == (422, "payment.wrong_wallet")


async def test_any_text_at_all_may_be_recognised(bare_shop: Shop) -> None:
    for text in ("", "\x00", "\x02 130123456789012345 \x03", "🧾" * 1000, "\u202e", "9" * 4096, "a\x00b"):
        answer = await bare_shop.post("/v1/recognise", {"text": text})
        assert answer.status == 200
        assert set(answer.told) == {"kind", "wallet", "ok", "advice_zh", "advice_en"}


async def test_a_body_over_the_limit_is_refused_whether_or_not_its_length_is_told(bare_shop: Shop) -> None:
    answer = await bare_shop.post("/v1/payments", raw=b" " * (LIMIT + 1))
    assert (answer.status, answer.code) == (413, "request.too_large")

    async def in_pieces() -> Any:
        for _ in range(80):
            yield b" " * 1024

    headers = {"authorization": f"Bearer {bare_shop.keys['cashier']}", "content-type": "application/json"}
    url = f"{bare_shop.base_url}/v1/payments"
    async with bare_shop.session.post(url, data=in_pieces(), headers=headers) as told:
        assert told.status == 413


async def test_a_body_that_never_ends_is_given_up(bare_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "BODY_WITHIN_SECONDS", 0.2)
    host, port = "127.0.0.1", int(bare_shop.base_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(
        b"POST /v1/payments HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        b"Authorization: Bearer " + bare_shop.keys["cashier"].encode() + b"\r\n\r\n{"
    )
    line = await asyncio.wait_for(reader.readline(), 5)
    assert b" 408 " in line
    writer.close()


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=gbk", "application/jsonp", " "],
)
async def test_a_body_of_another_type_is_refused(bare_shop: Shop, kind: str) -> None:
    answer = await bare_shop.post("/v1/payments", bare_shop.wish(), content_type=kind)
    assert (answer.status, answer.code) == (415, "request.wrong_type")


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "state=NOPE", "what=1", "after=%00", "&".join(["a=1"] * 40)],
)
async def test_a_query_that_is_wrong_is_refused(bare_shop: Shop, query: str) -> None:
    for path in ("/v1/payments", "/v1/refunds", "/v1/cases"):
        answer = await bare_shop.get(f"{path}?{query}")
        assert (answer.status, answer.code) == (400, "request.invalid")


@pytest.mark.parametrize("text", ["%00", "x", "YP%2F..", "%FF%FE", "YR01KATE3S400000000000000000F%0A", "🧾"])
async def test_an_id_in_a_path_that_cannot_be_is_unknown(bare_shop: Shop, text: str) -> None:
    for name in ("payment", "refund", "case"):
        answer = await bare_shop.get(f"/v1/{name}s/{text}")
        assert (answer.status, answer.code) in ((404, f"{name}.unknown"), (404, "request.no_such_page"))


async def test_a_page_that_is_not_there_and_a_method_that_does_not_fit_are_told(bare_shop: Shop) -> None:
    answer = await bare_shop.get("/v1/nothing")
    assert (answer.status, answer.code) == (404, "request.no_such_page")
    answer = await bare_shop.call("DELETE", "/v1/payments")
    assert (answer.status, answer.code) == (405, "request.method")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST", "OPTIONS"}


async def test_a_cancel_takes_no_wishes(bare_shop: Shop) -> None:
    answer = await bare_shop.post(f"/v1/payments/{ids.new(Kind.PAYMENT)}/cancel", {"refund": True})
    assert (answer.status, answer.code) == (400, "request.invalid")


async def test_what_was_refused_does_not_say_the_code_that_was_sent(bare_shop: Shop) -> None:
    answer = await bare_shop.post("/v1/payments", bare_shop.wish() | {"channel": "130123456789012345"})
    assert answer.code == "request.invalid"
    assert "130123456789012345" not in answer.raw.decode()
