"""The simulated Alipay keeps the rules of its documents."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

import pytest
from aiohttp import web

from tests.contract.callers import Caller, Listener, standing, verify


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


def sub_code(node: dict[str, object]) -> tuple[object, object]:
    return node["code"], node.get("sub_code")


@pytest.mark.parametrize("style", ["query", "form", "mixed"])
async def test_every_style_of_client_is_understood(caller: Caller, style: str) -> None:
    node = await caller.trade("query", style, out_trade_no="NONE01")
    assert sub_code(node) == ("40004", "ACQ.TRADE_NOT_EXIST")
    assert node["is_signed"]


async def test_an_absolute_request_target_is_understood(caller: Caller) -> None:
    target = f"{caller.alipay['gateway']}?{urlencode(caller.params('alipay.trade.query', {'out_trade_no': 'N'}))}"
    reader, writer = await asyncio.open_connection("127.0.0.1", int(caller.base_url.rpartition(":")[2]))
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert b"ACQ.TRADE_NOT_EXIST" in await reader.read()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("changes", "code", "word"),
    [
        ({"app_id": "1", "sign": "AAAA"}, "40002", "isv.invalid-app-id"),
        ({"app_id": ""}, "40001", "isv.missing-app-id"),
        ({"sign": "AAAA"}, "40002", "isv.invalid-signature"),
        ({"timestamp": "now"}, "40002", "isv.invalid-timestamp"),
        ({"timestamp": ""}, "40001", "isv.missing-timestamp"),
        ({"biz_content": "{"}, "40002", "isv.illegal-json"),
        ({"notify_url": "http://example.com/"}, "40002", "isv.invalid-parameter"),
    ],
)
async def test_the_gateway_refuses_unsigned_and_looks_at_the_app_first(
    caller: Caller, changes: dict[str, str], code: str, word: str
) -> None:
    node = await caller.gateway("alipay.trade.query", {"out_trade_no": "N"}, **changes)
    assert sub_code(node) == (code, word)
    assert not node["is_signed"]


async def test_slashes_are_escaped_in_the_signed_text(caller: Caller) -> None:
    node = await caller.trade("precreate", out_trade_no="Q1", total_amount="1.00", subject="茶")
    assert node["qr_code"].startswith("https://qr.alipay.com/bax")


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("alipay_no_funds", "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
        ("alipay_over_limit", "ACQ.BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR"),
        ("alipay_frozen", "ACQ.BUYER_ENABLE_STATUS_FORBID"),
        ("alipay_used", "ACQ.PAYMENT_AUTH_CODE_INVALID"),
        ("alipay_expired", "ACQ.PAYMENT_AUTH_CODE_INVALID"),
        ("wechat_ok", "ACQ.PAYMENT_AUTH_CODE_INVALID"),
    ],
)
async def test_payers_who_cannot_pay_are_refused(caller: Caller, code: str, word: str) -> None:
    assert sub_code(await caller.trade_pay("P1", code)) == ("40004", word)
    assert await caller.trade_status("P1") == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize("amount", ["0", "-1.00", "12.805", "NaN", "Infinity", "1e3x", "", None, True])
async def test_bad_amounts_change_nothing(caller: Caller, amount: object) -> None:
    node = await caller.trade_pay("P1", total_amount=amount)
    assert sub_code(node) == ("40004", "ACQ.INVALID_PARAMETER")
    assert (await caller.books("alipay"))["orders"] == []


async def test_the_same_number_charges_once(caller: Caller) -> None:
    assert (await caller.trade_pay("P1"))["code"] == "10000"
    assert sub_code(await caller.trade_pay("P1")) == ("40004", "ACQ.TRADE_HAS_SUCCESS")
    assert sub_code(await caller.trade_pay("P1", amount="12.81")) == ("40004", "ACQ.CONTEXT_INCONSISTENT")
    assert sub_code(await caller.trade_pay("P1", subject="酒")) == ("40004", "ACQ.CONTEXT_INCONSISTENT")
    assert (await caller.books("alipay"))["funds_fen"] == 1280


async def test_a_password_is_waited_for(caller: Caller) -> None:
    assert (await caller.trade_pay("P1", "alipay_password"))["code"] == "10003"
    assert (await caller.trade_pay("P1", "alipay_password"))["code"] == "10003"
    assert await caller.trade_status("P1") == "WAIT_BUYER_PAY"
    await caller.steer("clock", {"advance_seconds": 8})
    assert await caller.trade_status("P1") == "TRADE_SUCCESS"


async def test_a_trade_closes_by_itself(caller: Caller) -> None:
    await caller.trade_pay("P1", "alipay_walks_away", timeout_express="5m")
    await caller.trade_pay("P2", "alipay_walks_away")
    await caller.steer("clock", {"advance_seconds": 300})
    assert [await caller.trade_status(number) for number in ("P1", "P2")] == ["TRADE_CLOSED", "WAIT_BUYER_PAY"]
    await caller.steer("clock", {"advance_seconds": 3 * 3600})
    assert await caller.trade_status("P2") == "TRADE_CLOSED"
    assert sub_code(await caller.trade_pay("P2", "alipay_walks_away")) == ("40004", "ACQ.TRADE_HAS_CLOSE")


# Cancel and close


async def test_cancelling_an_unknown_order_succeeds_without_an_action(caller: Caller) -> None:
    node = await caller.trade("cancel", out_trade_no="NONE01")
    assert (node["code"], node["retry_flag"], node.get("action")) == ("10000", "N", None)


async def test_cancel_closes_the_unpaid_and_refunds_the_paid(caller: Caller) -> None:
    await caller.trade_pay("P1", "alipay_walks_away")
    await caller.trade_pay("P2")
    for _ in range(2):
        assert (await caller.trade("cancel", out_trade_no="P1"))["action"] == "close"
        assert (await caller.trade("cancel", out_trade_no="P2"))["action"] == "refund"
    assert [await caller.trade_status(number) for number in ("P1", "P2")] == ["TRADE_CLOSED", "TRADE_CLOSED"]
    assert (await caller.books("alipay"))["funds_fen"] == 0


async def test_cancel_is_for_the_first_day_only(caller: Caller) -> None:
    await caller.trade_pay("P1")
    await caller.steer("clock", {"advance_seconds": 86401})
    assert sub_code(await caller.trade("cancel", out_trade_no="P1")) == ("40004", "ACQ.TRADE_CANCEL_TIME_OUT")


async def test_only_unpaid_trades_are_closed(caller: Caller) -> None:
    await caller.trade_pay("P1")
    assert sub_code(await caller.trade("close", out_trade_no="P1")) == ("40004", "ACQ.REASON_ILLEGAL_STATUS")
    await caller.trade_pay("P2", "alipay_walks_away")
    assert (await caller.trade("close", out_trade_no="P2"))["code"] == "10000"
    assert sub_code(await caller.trade("close", out_trade_no="NONE01")) == ("40004", "ACQ.TRADE_NOT_EXIST")


# Shown orders


async def test_no_trade_exists_until_the_payer_scans(caller: Caller) -> None:
    async with Listener(lambda: web.Response(text="success")) as listener:
        biz = {"out_trade_no": "Q1", "total_amount": "1.00", "subject": "茶"}
        node = await caller.gateway("alipay.trade.precreate", biz, notify_url=listener.url)
        assert await caller.trade_status("Q1") == "ACQ.TRADE_NOT_EXIST"
        await caller.steer("payer", {"action": "scan", "qr_code": node["qr_code"]})
        await caller.steer("clock", {"advance_seconds": 3600})
        assert await caller.trade_status("Q1") == "TRADE_SUCCESS"
        ((_, body),) = listener.heard
    told = dict(parse_qsl(body.decode()))
    text = "&".join(f"{name}={value}" for name, value in sorted(told.items()) if name not in {"sign", "sign_type"})
    verify(caller.alipay_key, told["sign"], text.encode())
    assert (told["trade_status"], told["total_amount"], told["out_trade_no"]) == ("TRADE_SUCCESS", "1.00", "Q1")
    assert (told["app_id"], told["seller_id"]) == (caller.alipay["app_id"], caller.alipay["seller_id"])


async def test_a_notice_is_sent_again_until_it_is_taken(caller: Caller) -> None:
    async with Listener(lambda: web.Response(text="no")) as listener:
        biz = {"out_trade_no": "P1", "total_amount": "1.00", "subject": "茶", "auth_code": caller.codes["alipay_ok"]}
        await caller.gateway("alipay.trade.pay", biz, notify_url=listener.url)
        await caller.steer("clock", {"advance_seconds": 200})
        assert len(listener.heard) == 3
        await caller.steer("clock", {"advance_seconds": 2 * 86400})
        assert len(listener.heard) == 10
    assert len({dict(parse_qsl(body.decode()))["notify_id"] for _, body in listener.heard}) == 1


async def test_asking_for_a_qr_code_twice_may_be_refused(caller: Caller) -> None:
    biz = {"out_trade_no": "Q1", "total_amount": "1.00", "subject": "茶"}
    assert (await caller.trade("precreate", **biz))["code"] == "10000"
    await caller.steer("rules", {"wallet": "alipay", "shows_again": False})
    assert sub_code(await caller.trade("precreate", **biz)) == ("40004", "ACQ.APPLY_PC_MERCHANT_CODE_ERROR")


# Refunds


async def test_a_refund_moves_money_once(caller: Caller) -> None:
    await caller.trade_pay("P1")
    asked = {"out_trade_no": "P1", "refund_amount": "4.80", "out_request_no": "R1"}
    first = await caller.trade("refund", **asked, query_options=["refund_detail_item_list"])
    assert (first["fund_change"], first["refund_fee"], first["send_back_fee"]) == ("Y", "4.80", "4.80")
    again = await caller.trade("refund", **asked)
    assert (again["fund_change"], again["refund_fee"]) == ("N", "4.80")
    other = await caller.trade("refund", **(asked | {"refund_amount": "4.81"}))
    assert sub_code(other) == ("40004", "ACQ.DISCORDANT_REPEAT_REQUEST")
    found = await caller.trade("fastpay.refund.query", out_trade_no="P1", out_request_no="R1")
    assert (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "4.80")
    books = await caller.books("alipay")
    assert (books["funds_fen"], books["refunds"][0]["payouts"]) == (800, 1)


async def test_an_unknown_refund_has_no_status(caller: Caller) -> None:
    await caller.trade_pay("P1")
    node = await caller.trade("fastpay.refund.query", out_trade_no="P1", out_request_no="R1")
    assert node["code"] == "10000"
    assert "refund_status" not in node


async def test_refunds_are_three_seconds_apart_cumulative_and_bounded(caller: Caller) -> None:
    await caller.trade_pay("P1")
    await caller.trade("refund", out_trade_no="P1", refund_amount="10.00", out_request_no="R1")
    rest = {"out_trade_no": "P1", "refund_amount": "2.80", "out_request_no": "R2"}
    assert sub_code(await caller.trade("refund", **rest)) == ("40005", "isv.method-call-limited")
    await caller.steer("clock", {"advance_seconds": 3})
    too_much = await caller.trade("refund", **(rest | {"refund_amount": "2.81"}))
    assert sub_code(too_much) == ("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR")
    assert await caller.trade_status("P1") == "TRADE_SUCCESS"
    assert (await caller.trade("refund", **rest))["refund_fee"] == "12.80"
    assert await caller.trade_status("P1") == "TRADE_CLOSED"


async def test_a_part_needs_a_request_number_and_the_whole_does_not(caller: Caller) -> None:
    await caller.trade_pay("P1")
    node = await caller.trade("refund", out_trade_no="P1", refund_amount="1.00")
    assert sub_code(node) == ("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
    assert (await caller.trade("refund", out_trade_no="P1", refund_amount="12.80"))["fund_change"] == "Y"
    found = await caller.trade("fastpay.refund.query", out_trade_no="P1", out_request_no="P1")
    assert found["refund_status"] == "REFUND_SUCCESS"


async def test_refunds_know_funds_window_and_state(caller: Caller) -> None:
    await caller.trade_pay("P1")
    await caller.trade_pay("P2", "alipay_walks_away")
    asked = {"refund_amount": "1.00", "out_request_no": "R1"}
    assert sub_code(await caller.trade("refund", out_trade_no="P2", **asked)) == ("40004", "ACQ.TRADE_STATUS_ERROR")
    assert sub_code(await caller.trade("refund", out_trade_no="NO", **asked)) == ("40004", "ACQ.TRADE_NOT_EXIST")
    await caller.steer("funds", {"wallet": "alipay", "set_fen": 99})
    node = await caller.trade("refund", out_trade_no="P1", **asked)
    assert sub_code(node) == ("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH")
    await caller.steer("funds", {"wallet": "alipay", "set_fen": 10000})
    await caller.steer("rules", {"wallet": "alipay", "refund_window_days": 90})
    await caller.steer("clock", {"advance_seconds": 90 * 86400 + 1})
    assert sub_code(await caller.trade("refund", out_trade_no="P1", **asked)) == ("40004", "ACQ.TRADE_HAS_FINISHED")
    assert await caller.trade_status("P1") == "TRADE_FINISHED"


async def test_a_pending_refund_is_done_later_and_a_failed_one_may_be_asked_again(caller: Caller) -> None:
    await caller.trade_pay("P1")
    await caller.steer("fault", {"kind": "pending"})
    asked = {"out_trade_no": "P1", "refund_amount": "1.00", "out_request_no": "R1"}
    assert (await caller.trade("refund", **asked))["fund_change"] == "N"
    await caller.steer("clock", {"advance_seconds": 10})
    found = await caller.trade("fastpay.refund.query", out_trade_no="P1", out_request_no="R1")
    assert found["refund_status"] == "REFUND_SUCCESS"
    await caller.steer("fault", {"kind": "closed"})
    assert (await caller.trade("refund", **(asked | {"out_request_no": "R2"})))["fund_change"] == "N"
    await caller.steer("clock", {"advance_seconds": 10})
    assert (await caller.trade("refund", **(asked | {"out_request_no": "R2"})))["fund_change"] == "Y"


async def test_the_bill_is_a_zip_of_two_gbk_files_and_dies_soon(caller: Caller) -> None:
    paid = await caller.trade_pay("P1")
    await caller.trade("refund", out_trade_no="P1", refund_amount="1.00", out_request_no="R1")
    biz = {"bill_type": "trade", "bill_date": paid["gmt_payment"][:10]}
    node = await caller.gateway("alipay.data.dataservice.bill.downloadurl.query", biz)
    async with caller.session.get(node["bill_download_url"]) as answer:
        archive = zipfile.ZipFile(io.BytesIO(await answer.read()))
    names = [name.encode("cp437").decode("gbk") for name in archive.namelist()]
    assert names[0].endswith("_业务明细.csv")
    assert names[1].endswith("_业务明细(汇总).csv")
    text = archive.read(archive.namelist()[0]).decode("gbk")
    assert "P1\t,交易\t" in text
    assert "-1.00\t" in text
    await caller.steer("clock", {"advance_seconds": 31})
    async with caller.session.get(node["bill_download_url"]) as answer:
        assert answer.status == 404
    empty = await caller.gateway("alipay.data.dataservice.bill.downloadurl.query", biz | {"bill_date": "2020-01-01"})
    assert sub_code(empty) == ("40004", "NO_BILL_DATA")
