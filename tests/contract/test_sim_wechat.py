"""The simulated WeChat Pay v3 keeps the rules of its documents."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.contract.callers import Caller, Listener, standing


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


def code_of(answer: tuple[int, dict[str, object]]) -> tuple[int, object]:
    return answer[0], answer[1].get("code")


# Who asks


async def test_a_bad_signature_is_refused(caller: Caller) -> None:
    target = f"/v3/pay/transactions/out-trade-no/NONE01?mchid={caller.wechat['mchid']}"
    assert code_of(await caller.v3("GET", target, signature="AAAA")) == (401, "SIGN_ERROR")
    assert code_of(await caller.v3("GET", target)) == (404, "ORDER_NOT_EXIST")


async def test_the_clock_is_checked_before_the_signature(caller: Caller) -> None:
    old = str(int(time.time()) - 301)
    status, fields = await caller.v3("GET", "/v3/certificates", timestamp=old, signature="AAAA")
    assert (status, fields["code"]) == (401, "SIGN_ERROR")
    assert "timestamp" in fields["message"]


async def test_a_merchant_or_serial_of_others_is_refused(caller: Caller) -> None:
    assert code_of(await caller.v3("GET", "/v3/certificates", mchid="1")) == (400, "MCH_NOT_EXISTS")
    assert code_of(await caller.v3("GET", "/v3/certificates", serial_no="1")) == (401, "SIGN_ERROR")


@pytest.mark.parametrize("name", ["Accept", "User-Agent"])
async def test_refund_calls_need_accept_and_user_agent(caller: Caller, name: str) -> None:
    answer = await caller.v3("GET", "/v3/refund/domestic/refunds/R1", headers={name: None})
    assert code_of(answer) == (400, "PARAM_ERROR")


async def test_wrong_paths_and_methods_have_empty_bodies(caller: Caller) -> None:
    assert await caller.v3("GET", "/v3/nowhere") == (404, {"raw": b""})
    assert await caller.v3("GET", "/v3/pay/transactions/codepay") == (405, {"raw": b""})


async def test_an_unknown_platform_serial_is_refused(caller: Caller) -> None:
    answer = await caller.v3("GET", "/v3/certificates", headers={"Wechatpay-Serial": "PUB_KEY_ID_1"})
    assert code_of(answer) == (400, "PARAM_ERROR")


@pytest.mark.parametrize("mode", ["platform_public_key_id", "platform_serial"])
async def test_answers_are_signed_by_the_pair_that_was_asked_for(caller: Caller, mode: str) -> None:
    method, target = "GET", "/v3/certificates"
    headers = {"Authorization": caller.authorization(method, target, b""), "Wechatpay-Serial": caller.wechat[mode]}
    async with caller.session.get(caller.base_url + target, headers=headers) as answer:
        assert answer.headers["Wechatpay-Serial"] == caller.wechat[mode]
        assert answer.headers["Request-ID"]
        caller.check_v3(answer.headers, await answer.read())


async def test_certificates_open_with_the_api_key(caller: Caller) -> None:
    _, fields = await caller.v3("GET", "/v3/certificates", headers={"Wechatpay-Serial": None})
    item = fields["data"][0]
    sealed = item["encrypt_certificate"]
    key = AESGCM(caller.wechat["apiv3_key"].encode())
    plain = key.decrypt(sealed["nonce"].encode(), b64decode(sealed["ciphertext"]), sealed["associated_data"].encode())
    assert plain.startswith(b"-----BEGIN CERTIFICATE-----")
    assert item["serial_no"] == caller.wechat["platform_serial"]


async def test_a_merchant_in_public_key_mode_has_no_certificates(caller: Caller) -> None:
    await caller.steer("rules", {"wallet": "wechat", "is_public_key_only": True})
    assert code_of(await caller.v3("GET", "/v3/certificates")) == (404, "RESOURCE_NOT_EXISTS")
    answer = await caller.v3("GET", "/v3/certificates", headers={"Wechatpay-Serial": caller.wechat["platform_serial"]})
    assert code_of(answer) == (400, "PARAM_ERROR")


# Paying


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        ("wechat_no_funds", 403, "NOT_ENOUGH"),
        ("wechat_over_limit", 403, "RULE_LIMIT"),
        ("wechat_frozen", 403, "TRADE_ERROR"),
        ("wechat_used", 400, "AUTH_CODE_INVALID"),
        ("wechat_expired", 400, "AUTHCODEEXPIRE"),
        ("alipay_ok", 400, "AUTH_CODE_INVALID"),
        ("139999999999999999", 400, "AUTH_CODE_INVALID"),
    ],
)
async def test_payers_who_cannot_pay_are_refused(caller: Caller, code: str, status: int, word: str) -> None:
    assert code_of(await caller.codepay("ORDER1", code)) == (status, word)
    books = await caller.books("wechat")
    assert books["funds_fen"] == 0
    assert await caller.state("ORDER1") == ("PAYERROR" if status == 403 else "ORDER_NOT_EXIST")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": {"total": 0}},
        {"amount": {"total": -1}},
        {"amount": {"total": 12.8}},
        {"amount": {"total": "1280"}},
        {"amount": {"total": True}},
        {"amount": {"total": 1280, "currency": "USD"}},
        {"scene_info": {}},
        {"payer": {}},
        {"description": ""},
        {"description": "x" * 128},
        {"mchid": "1"},
        {"out_trade_no": "a b"},
    ],
)
async def test_bad_parameters_change_nothing(caller: Caller, changes: dict[str, object]) -> None:
    status, fields = await caller.codepay("ORDER1", **changes)
    assert (status, fields["code"]) == (400, "PARAM_ERROR")
    assert fields["detail"]["location"] == "body"
    assert (await caller.books("wechat"))["orders"] == []


async def test_the_same_request_charges_once(caller: Caller) -> None:
    await caller.codepay("ORDER1", "wechat_walks_away")
    assert (await caller.codepay("ORDER1", "wechat_walks_away"))[0] == 202
    await caller.codepay("ORDER2")
    assert code_of(await caller.codepay("ORDER2")) == (400, "ORDERPAID")
    assert code_of(await caller.codepay("ORDER2", fen=1281)) == (403, "OUT_TRADE_NO_USED")
    assert (await caller.books("wechat"))["funds_fen"] == 1280


async def test_a_habit_serves_many_orders_and_a_fresh_code_only_one(caller: Caller) -> None:
    assert [(await caller.codepay(f"ORDER{number}"))[0] for number in range(3)] == [200, 200, 200]
    fresh = (await caller.steer("payer", {"action": "code", "wallet": "wechat"}))["code"]
    assert (await caller.codepay("FRESH1", fresh))[0] == 200
    assert code_of(await caller.codepay("FRESH2", fresh)) == (400, "AUTH_CODE_INVALID")
    late = (await caller.steer("payer", {"action": "code", "wallet": "wechat"}))["code"]
    await caller.steer("clock", {"advance_seconds": 61})
    assert code_of(await caller.codepay("FRESH3", late)) == (400, "AUTHCODEEXPIRE")


async def test_a_password_is_typed_after_eight_seconds(caller: Caller) -> None:
    status, fields = await caller.codepay("ORDER1", "wechat_password")
    assert (status, fields["trade_state"]) == (202, "USERPAYING")
    await caller.steer("clock", {"advance_seconds": 7})
    assert await caller.state("ORDER1") == "USERPAYING"
    await caller.steer("clock", {"advance_seconds": 1})
    assert await caller.state("ORDER1") == "SUCCESS"


async def test_who_walks_away_stays_asked_and_may_come_back_late(caller: Caller) -> None:
    await caller.codepay("ORDER1", "wechat_walks_away")
    await caller.steer("clock", {"advance_seconds": 30})
    assert await caller.state("ORDER1") == "USERPAYING"
    assert (await caller.reverse("ORDER1"))[0] == 200
    assert await caller.state("ORDER1") == "REVOKED"
    await caller.steer("payer", {"action": "pay_late", "wallet": "wechat", "number": "ORDER1"})
    assert await caller.state("ORDER1") == "SUCCESS"


async def test_a_query_needs_the_merchant_number(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    assert code_of(await caller.v3("GET", "/v3/pay/transactions/out-trade-no/ORDER1")) == (400, "PARAM_ERROR")
    _, fields = await caller.query("ORDER1")
    target = f"/v3/pay/transactions/id/{fields['transaction_id']}?mchid={caller.wechat['mchid']}"
    assert (await caller.v3("GET", target))[1] == fields
    assert (len(fields["transaction_id"]), fields["transaction_id"][:4]) == (28, "4200")


# Reversing and closing


async def test_a_reverse_waits_fifteen_seconds_and_gives_the_money_back(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.steer("clock", {"advance_seconds": 14})
    assert code_of(await caller.reverse("ORDER1")) == (400, "INVALID_REQUEST")
    await caller.steer("clock", {"advance_seconds": 1})
    assert (await caller.reverse("ORDER1"))[0] == 200
    assert (await caller.reverse("ORDER1"))[0] == 200
    assert await caller.state("ORDER1") == "REVOKED"
    assert (await caller.books("wechat"))["funds_fen"] == 0
    assert code_of(await caller.refund("ORDER1", "R1", 1)) == (400, "INVALID_REQUEST")


async def test_a_reverse_comes_within_seven_days(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.steer("clock", {"advance_seconds": 7 * 86400 + 1})
    assert code_of(await caller.reverse("ORDER1")) == (400, "INVALID_REQUEST")
    assert code_of(await caller.reverse("NONE01")) == (404, "ORDER_NOT_EXIST")


async def test_code_payments_cannot_be_closed_and_shown_ones_not_reversed(caller: Caller) -> None:
    await caller.codepay("ORDER1", "wechat_walks_away")
    assert code_of(await caller.close("ORDER1")) == (400, "INVALID_REQUEST")
    await caller.native("ORDER2")
    await caller.steer("clock", {"advance_seconds": 20})
    assert code_of(await caller.reverse("ORDER2")) == (400, "INVALID_REQUEST")
    assert (await caller.close("ORDER2"))[0] == 204
    assert (await caller.close("ORDER2"))[0] == 204
    assert await caller.state("ORDER2") == "CLOSED"


# Shown orders


async def test_a_shown_order_is_scanned_paid_and_told(caller: Caller) -> None:
    async with Listener(lambda: web.Response(status=204)) as listener:
        _, fields = await caller.native("ORDER1", notify_url=listener.url)
        assert await caller.state("ORDER1") == "NOTPAY"
        await caller.steer("payer", {"action": "scan", "code_url": fields["code_url"]})
        await caller.steer("clock", {"advance_seconds": 0})
        assert await caller.state("ORDER1") == "SUCCESS"
        ((headers, body),) = listener.heard
    caller.check_v3(headers, body)
    told = json.loads(body)
    resource = told["resource"]
    key = AESGCM(caller.wechat["apiv3_key"].encode())
    plain = key.decrypt(
        resource["nonce"].encode(), b64decode(resource["ciphertext"]), resource["associated_data"].encode()
    )
    assert told["event_type"] == "TRANSACTION.SUCCESS"
    assert json.loads(plain)["out_trade_no"] == "ORDER1"


async def test_a_new_qr_code_kills_the_old_one(caller: Caller) -> None:
    old = (await caller.native("ORDER1"))[1]["code_url"]
    new = (await caller.native("ORDER1"))[1]["code_url"]
    assert old != new
    scan = {"action": "scan", "wallet": "wechat", "number": "ORDER1"}
    with pytest.raises(AssertionError, match="order_closed"):
        await caller.steer("payer", {**scan, "code_url": old})
    await caller.steer("payer", {**scan, "code_url": new})
    assert await caller.state("ORDER1") == "SUCCESS"
    assert code_of(await caller.native("ORDER1")) == (400, "ORDERPAID")
    assert code_of(await caller.native("ORDER1", fen=1)) == (403, "OUT_TRADE_NO_USED")


async def test_a_qr_code_lives_two_hours_and_the_order_as_long_as_asked(caller: Caller) -> None:
    qr = (await caller.native("ORDER1"))[1]["code_url"]
    until = caller.sim.agenda.now().timestamp() + 600
    expires = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(until))
    await caller.native("ORDER2", time_expire=expires)
    await caller.steer("clock", {"advance_seconds": 601})
    assert await caller.state("ORDER2") == "CLOSED"
    await caller.steer("clock", {"advance_seconds": 7200})
    with pytest.raises(AssertionError, match="order_closed"):
        await caller.steer("payer", {"action": "scan", "code_url": qr})
    assert await caller.state("ORDER1") == "NOTPAY"
    await caller.steer("clock", {"advance_seconds": 7 * 86400})
    assert await caller.state("ORDER1") == "CLOSED"


async def test_notices_go_nowhere_but_this_machine(caller: Caller) -> None:
    for url in ("http://example.com/", "https://127.0.0.1/", "http://127.0.0.1.example.com/", "nonsense"):
        assert code_of(await caller.native("ORDER1", notify_url=url)) == (400, "PARAM_ERROR")


# Refunds


async def test_a_refund_is_accepted_first_and_done_after_two_seconds(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    status, fields = await caller.refund("ORDER1", "R1", 480)
    assert (status, fields["status"]) == (200, "PROCESSING")
    assert await caller.state("ORDER1") == "REFUND"
    await caller.steer("clock", {"advance_seconds": 2})
    assert (await caller.refund_query("R1"))[1]["status"] == "SUCCESS"
    assert (await caller.books("wechat"))["funds_fen"] == 800


async def test_a_refund_number_pays_once(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.codepay("ORDER2")
    for _ in range(3):
        assert (await caller.refund("ORDER1", "R1", 480))[0] == 200
        await caller.steer("clock", {"advance_seconds": 61})
    assert code_of(await caller.refund("ORDER1", "R1", 481)) == (400, "REFUND_FEE_MISMATCH")
    assert code_of(await caller.refund("ORDER2", "R1", 480)) == (400, "REFUND_FEE_MISMATCH")
    books = await caller.books("wechat")
    assert books["funds_fen"] == 2 * 1280 - 480
    assert [refund["payouts"] for refund in books["refunds"]] == [1]


async def test_refunds_are_a_minute_apart_and_never_more_than_was_paid(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.refund("ORDER1", "R1", 1000)
    assert code_of(await caller.refund("ORDER1", "R2", 280)) == (429, "FREQUENCY_LIMITED")
    await caller.steer("clock", {"advance_seconds": 60})
    assert code_of(await caller.refund("ORDER1", "R2", 281)) == (400, "INVALID_REQUEST")
    assert code_of(await caller.refund("ORDER1", "R2", 280, total=1281)) == (400, "INVALID_REQUEST")
    assert (await caller.refund("ORDER1", "R2", 280))[0] == 200


async def test_fifty_parts_are_the_most(caller: Caller) -> None:
    await caller.steer("rules", {"wallet": "wechat", "refunds_apart_seconds": 0})
    await caller.codepay("ORDER1")
    assert {(await caller.refund("ORDER1", f"R{part}", 1))[0] for part in range(50)} == {200}
    assert code_of(await caller.refund("ORDER1", "R50", 1)) == (400, "INVALID_REQUEST")


async def test_the_window_is_a_year(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.steer("clock", {"advance_seconds": 365 * 86400 + 1})
    assert code_of(await caller.refund("ORDER1", "R1", 1)) == (403, "TRADE_OVERDUE")


async def test_there_is_no_refund_of_what_was_not_paid(caller: Caller) -> None:
    await caller.codepay("ORDER1", "wechat_walks_away")
    for number in ("ORDER1", "NONE01"):
        assert code_of(await caller.refund(number, "R1", 1)) == (404, "RESOURCE_NOT_EXISTS")
    assert code_of(await caller.refund_query("R1")) == (404, "RESOURCE_NOT_EXISTS")


async def test_short_of_funds_a_refund_is_refused_and_works_after_a_top_up(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.steer("funds", {"wallet": "wechat", "set_fen": 100})
    assert code_of(await caller.refund("ORDER1", "R1", 480)) == (403, "NOT_ENOUGH")
    assert code_of(await caller.refund_query("R1")) == (404, "RESOURCE_NOT_EXISTS")
    await caller.steer("funds", {"wallet": "wechat", "add_fen": 380})
    assert (await caller.refund("ORDER1", "R1", 480))[0] == 200


async def test_an_accepted_refund_waits_for_funds_and_closes_after_seven_days(caller: Caller) -> None:
    await caller.steer("rules", {"wallet": "wechat", "refunds_apart_seconds": 0})
    await caller.codepay("ORDER1")
    await caller.steer("funds", {"wallet": "wechat", "set_fen": 0, "when_short": "accept"})
    for number in ("R1", "R2"):
        assert (await caller.refund("ORDER1", number, 480))[1]["status"] == "PROCESSING"
    await caller.steer("clock", {"advance_seconds": 3600})
    await caller.steer("funds", {"wallet": "wechat", "add_fen": 480})
    assert (await caller.refund_query("R1"))[1]["status"] == "SUCCESS"
    assert (await caller.refund_query("R2"))[1]["status"] == "PROCESSING"
    await caller.steer("clock", {"advance_seconds": 7 * 86400})
    assert (await caller.refund_query("R2"))[1]["status"] == "CLOSED"


async def test_a_payer_who_left_cannot_be_refunded(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.steer("payer", {"action": "close_account", "wallet": "wechat", "habit": "ok"})
    assert code_of(await caller.refund("ORDER1", "R1", 1)) == (403, "USER_ACCOUNT_ABNORMAL")


@pytest.mark.parametrize("kind", ["USER_BANK_CARD", "MERCHANT_BANK_CARD"])
async def test_an_abnormal_refund_is_rescued(caller: Caller, kind: str) -> None:
    async with Listener(web.Response) as listener:
        await caller.codepay("ORDER1")
        await caller.steer("fault", {"kind": "abnormal"})
        _, fields = await caller.refund("ORDER1", "R1", 480, notify_url=listener.url)
        await caller.steer("clock", {"advance_seconds": 2})
        assert (await caller.refund_query("R1"))[1]["status"] == "ABNORMAL"
        assert (await caller.books("wechat"))["in_transit_fen"] == 480
        target = f"/v3/refund/domestic/refunds/{fields['refund_id']}/apply-abnormal-refund"
        asked = {"out_refund_no": "R1", "type": kind}
        if kind == "USER_BANK_CARD":
            assert code_of(await caller.v3("POST", target, asked)) == (400, "PARAM_ERROR")
            key = caller.platform[caller.wechat["platform_public_key_id"]]
            oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
            seal = {
                name: b64encode(key.encrypt(text, oaep)).decode()
                for name, text in (("bank_account", b"6225880000000000"), ("real_name", "某人".encode()))
            }
            asked |= {"bank_type": "CMB_DEBIT", **seal}
        assert (await caller.v3("POST", target, asked))[0] == 200
        await caller.steer("clock", {"advance_seconds": 2})
        events = [json.loads(body)["event_type"] for _, body in listener.heard]
    assert (await caller.refund_query("R1"))[1]["status"] == "SUCCESS"
    assert events == ["REFUND.ABNORMAL", "REFUND.SUCCESS"]
    books = await caller.books("wechat")
    payer = books["payers"][0]["bank_fen"]
    assert (payer, books["bank_fen"]) == ((480, 0) if kind == "USER_BANK_CARD" else (0, 480))


async def test_a_refund_that_is_well_needs_no_rescue(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    _, fields = await caller.refund("ORDER1", "R1", 480)
    await caller.steer("clock", {"advance_seconds": 2})
    target = f"/v3/refund/domestic/refunds/{fields['refund_id']}/apply-abnormal-refund"
    answer = await caller.v3("POST", target, {"out_refund_no": "R1", "type": "MERCHANT_BANK_CARD"})
    assert code_of(answer) == (400, "INVALID_REQUEST")


# Bills


async def test_the_trade_bill_tells_the_day(caller: Caller) -> None:
    await caller.codepay("ORDER1")
    await caller.refund("ORDER1", "R1", 480)
    await caller.steer("clock", {"advance_seconds": 2})
    day = (await caller.query("ORDER1"))[1]["success_time"][:10]
    _, told = await caller.v3("GET", f"/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP")
    assert told["download_url"].startswith(caller.base_url)
    parts = urlsplit(told["download_url"])
    _, content = await caller.v3("GET", f"{parts.path}?{parts.query}")
    plain = gzip.decompress(content["raw"])
    assert hashlib.sha1(plain).hexdigest() == told["hash_value"]
    text = plain.decode("utf-8-sig")
    assert text.endswith("\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    paid, back = rows[0], rows[1]
    assert (paid["商户订单号"], paid["订单金额"], paid["手续费"]) == ("`ORDER1", "`12.80", "`0.08000")
    assert (back["商户退款单号"], back["退款金额"], back["应结订单金额"]) == ("`R1", "`4.80", "`0.00")
    assert rows[3]["交易时间"] == "`2"
    _, other = await caller.v3("GET", f"/v3/bill/fundflowbill?bill_date={day}")
    assert other["hash_type"] == "SHA1"


async def test_a_day_without_trades_has_no_bill_and_a_download_dies(caller: Caller) -> None:
    target = "/v3/bill/tradebill?bill_date=2020-01-01"
    assert code_of(await caller.v3("GET", target)) == (400, "NO_STATEMENT_EXIST")
    assert code_of(await caller.v3("GET", "/v3/billdownload/file?token=none")) == (400, "PARAM_ERROR")
