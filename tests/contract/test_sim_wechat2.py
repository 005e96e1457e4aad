"""The simulated WeChat Pay v2 keeps the rules of its documents, over the same books as v3."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.contract.callers import Caller, standing


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


async def micropay(
    caller: Caller, number: str, code: str = "wechat_ok", fen: int = 1280, **more: str
) -> dict[str, str]:
    told = {"body": "茶", "out_trade_no": number, "total_fee": str(fen), "spbill_create_ip": "127.0.0.1"}
    return await caller.v2("/pay/micropay", auth_code=caller.codes.get(code, code), **(told | more))


async def refund(caller: Caller, order: str, number: str, fen: int, total: int = 1280) -> dict[str, str]:
    fields = {"out_trade_no": order, "out_refund_no": number, "refund_fee": str(fen), "total_fee": str(total)}
    return await caller.v2("/secapi/pay/refund", **fields)


@pytest.mark.parametrize("method", ["MD5", "HMAC-SHA256"])
async def test_a_code_payment_is_signed_either_way(caller: Caller, method: str) -> None:
    told = {"body": "茶", "out_trade_no": "ORDER1", "total_fee": "1280", "spbill_create_ip": "127.0.0.1"}
    paid = await caller.v2("/pay/micropay", method, auth_code=caller.codes["wechat_ok"], **told)
    assert (paid["result_code"], paid["trade_type"], paid["cash_fee"]) == ("SUCCESS", "MICROPAY", "1280")
    assert await caller.state("ORDER1") == "SUCCESS"  # v3 sees the same books


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("wechat_password", "USERPAYING"),
        ("wechat_no_funds", "NOTENOUGH"),
        ("wechat_over_limit", "TRADE_ERROR"),
        ("wechat_frozen", "TRADE_ERROR"),
        ("wechat_used", "AUTH_CODE_ERROR"),
        ("wechat_expired", "AUTHCODEEXPIRE"),
        ("alipay_ok", "AUTH_CODE_INVALID"),
    ],
)
async def test_payers_who_do_not_pay_at_once(caller: Caller, code: str, word: str) -> None:
    told = await micropay(caller, "ORDER1", code)
    assert (told["return_code"], told["result_code"], told["err_code"]) == ("SUCCESS", "FAIL", word)


async def test_the_same_number_charges_once(caller: Caller) -> None:
    await micropay(caller, "ORDER1")
    assert (await micropay(caller, "ORDER1"))["err_code"] == "ORDERPAID"
    assert (await micropay(caller, "ORDER1", fen=1))["err_code"] == "OUT_TRADE_NO_USED"


async def test_bad_signatures_and_bodies_are_transport_failures(caller: Caller) -> None:
    assert (await micropay(caller, "ORDER1", sign="0" * 32))["return_code"] == "FAIL"
    for body in (b"", b"<xml>", b"\xff", b'<!DOCTYPE x [<!ENTITY a "b">]><xml><appid>&a;</appid></xml>'):
        async with caller.session.post(caller.base_url + "/pay/micropay", data=body) as answer:
            assert "<return_code>FAIL</return_code>" in await answer.text()


async def test_a_password_is_polled_until_it_is_typed(caller: Caller) -> None:
    await micropay(caller, "ORDER1", "wechat_password")
    assert (await caller.v2("/pay/orderquery", out_trade_no="ORDER1"))["trade_state"] == "USERPAYING"
    await caller.steer("clock", {"advance_seconds": 8})
    told = await caller.v2("/pay/orderquery", out_trade_no="ORDER1")
    assert (told["trade_state"], told["total_fee"]) == ("SUCCESS", "1280")
    assert (await caller.v2("/pay/orderquery", out_trade_no="NONE01"))["err_code"] == "ORDERNOTEXIST"


async def test_a_reverse_tells_whether_to_call_again(caller: Caller) -> None:
    await micropay(caller, "ORDER1")
    early = await caller.v2("/secapi/pay/reverse", out_trade_no="ORDER1")
    assert (early["err_code"], early["recall"]) == ("INVALID_REQUEST", "N")
    await caller.steer("clock", {"advance_seconds": 15})
    assert (await caller.v2("/secapi/pay/reverse", out_trade_no="ORDER1"))["recall"] == "N"
    assert (await caller.v2("/pay/orderquery", out_trade_no="ORDER1"))["trade_state"] == "REVOKED"
    assert (await micropay(caller, "ORDER1"))["err_code"] == "ORDERREVERSED"


async def test_refunds_carry_the_statuses_of_v2(caller: Caller) -> None:
    await caller.steer("rules", {"wallet": "wechat", "refunds_apart_seconds": 0})
    await micropay(caller, "ORDER1")
    await caller.steer("fault", {"kind": "abnormal", "match": {"number": "R2"}})
    await caller.steer("fault", {"kind": "closed", "match": {"number": "R3"}})
    for number in ("R1", "R2", "R3"):
        assert (await refund(caller, "ORDER1", number, 100))["result_code"] == "SUCCESS"
    told = await caller.v2("/pay/refundquery", out_refund_no="R1")
    assert told["refund_status_0"] == "PROCESSING"
    await caller.steer("clock", {"advance_seconds": 2})
    told = await caller.v2("/pay/refundquery", out_trade_no="ORDER1")
    statuses = [told[f"refund_status_{place}"] for place in range(3)]
    assert statuses == ["SUCCESS", "CHANGE", "REFUNDCLOSE"]
    assert told["refund_recv_accout_0"] == "支付用户零钱"


async def test_refund_rules_have_their_words_in_v2(caller: Caller) -> None:
    await micropay(caller, "ORDER1")
    assert (await caller.v2("/pay/refundquery", out_refund_no="R1"))["err_code"] == "REFUNDNOTEXIST"
    await refund(caller, "ORDER1", "R1", 100)
    assert (await refund(caller, "ORDER1", "R1", 101))["err_code"] == "REFUND_FEE_MISMATCH"
    assert (await refund(caller, "ORDER1", "R2", 100))["err_code"] == "FREQUENCY_LIMITED"
    await caller.steer("clock", {"advance_seconds": 60})
    assert (await refund(caller, "ORDER1", "R2", 1181))["err_code"] == "ERROR"
    await caller.steer("funds", {"wallet": "wechat", "set_fen": 0})
    assert (await refund(caller, "ORDER1", "R2", 100))["err_code"] == "NOTENOUGH"
    assert (await refund(caller, "NONE01", "R2", 100))["err_code"] == "ORDERNOTEXIST"


async def test_the_day_can_be_fetched_as_a_bill(caller: Caller) -> None:
    await micropay(caller, "ORDER1")
    assert (await caller.v2("/pay/closeorder", out_trade_no="ORDER1"))["err_code"] == "ORDERPAID"
    fields = {"appid": caller.wechat["appid"], "mch_id": caller.wechat["mchid"], "nonce_str": "n"}
    fields["bill_date"] = (await caller.query("ORDER1"))[1]["success_time"][:10].replace("-", "")
    fields["sign"] = caller.sign_v2(fields, "MD5")
    body = "<xml>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</xml>"
    async with caller.session.post(caller.base_url + "/pay/downloadbill", data=body) as answer:
        assert "`ORDER1" in await answer.text()
