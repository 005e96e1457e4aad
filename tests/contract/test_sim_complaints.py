"""Complaints at the simulated providers: the public SDK, unchanged, and a plain caller are served as documented."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from wechatpayv3 import WeChatPay, WeChatPayType

from tests.contract.callers import Caller, standing
from tests.contract.test_sdks import NOWHERE, ask, away, codepay
from yuanlu.clock import CHINA

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


@pytest.fixture
def wechat(caller: Caller) -> WeChatPay:
    """The SDK with the public key, told only where the simulator is."""
    told = caller.wechat
    sdk = WeChatPay(
        wechatpay_type=WeChatPayType.CODEPAY,
        mchid=told["mchid"],
        private_key=Path(told["merchant_key"]).read_text(),
        cert_serial_no=told["merchant_serial"],
        appid=told["appid"],
        apiv3_key=told["apiv3_key"],
        notify_url=NOWHERE,
        public_key=Path(told["platform_public_key"]).read_text(),
        public_key_id=told["platform_public_key_id"],
    )
    sdk._core._gate_way = caller.base_url
    return sdk


async def complained(caller: Caller, sdk: WeChatPay, **more: Any) -> str:
    await codepay(sdk, "ORDER1", caller.codes["wechat_ok"])
    asked = {"wallet": "wechat", "number": "ORDER1", "text": "多扣了", "asked_fen": 480, "phone": "13800000000"}
    return str((await caller.steer("complaint", asked | more))["number"])


async def test_wechatpayv3_lists_sees_answers_decides_and_finishes(
    caller: Caller,
    wechat: WeChatPay,
    tmp_path: Path,
) -> None:
    """S79."""
    number = await complained(caller, wechat)
    today = datetime.now(UTC).astimezone(CHINA).date().isoformat()
    mchid = caller.wechat["mchid"]
    status, page = await ask(wechat.complaint_list_query, today, today, 10, 0, mchid)
    assert (status, page["total_count"]) == (200, 1)
    one = (await ask(wechat.complaint_detail_query, number))[1]
    assert (one, one["complaint_state"]) == (page["data"][0] | {"payer_phone": one["payer_phone"]}, "PENDING")
    assert await away(wechat.decrypt, one["payer_phone"]) == "13800000000"
    (tmp_path / "a.png").write_bytes(PNG)
    status, told = await ask(wechat.complaint_image_upload, str(tmp_path / "a.png"))
    assert status == 200
    media = told["media_id"]
    assert (await ask(wechat.complaint_response, number, "正在处理", [media]))[0] == 204
    assert (await ask(wechat.complaint_update_refund, number, "APPROVE", 1))[0] == 204
    assert (await ask(wechat.complaint_update_refund, number, "REJECT", None, "不退"))[0] == 400
    assert (await ask(wechat.complaint_complete, number))[0] == 204
    assert (await ask(wechat.complaint_complete, number))[0] == 400
    assert (await ask(wechat.complaint_response, number, "再说一句"))[0] == 400
    status, history = await ask(wechat.complaint_history_query, number)
    assert [each["operate_type"] for each in history["data"]] == [
        "MERCHANT_CONFIRM_COMPLETE", "MERCHANT_APPROVE_REFUND", "MERCHANT_RESPONSE", "USER_CREATE_COMPLAINT",
    ]  # fmt: skip
    url = history["data"][2]["image_list"][0]
    status, content = await away(wechat.complaint_image_download, url)
    assert (status, content) == (200, PNG)
    assert (await ask(wechat.complaint_detail_query, number))[1]["complaint_state"] == "PROCESSED"


async def test_wechatpayv3_is_refused_what_the_documents_refuse(caller: Caller, wechat: WeChatPay) -> None:
    number = await complained(caller, wechat)
    mchid = caller.wechat["mchid"]
    assert (await ask(wechat.complaint_list_query, "2026-01-01", "2026-02-15", 10, 0, mchid))[0] == 400
    assert (await ask(wechat.complaint_list_query, "2026-01-01", "2026-01-30", 51, 0, mchid))[0] == 400
    assert (await ask(wechat.complaint_response, number, "字" * 201))[0] == 400
    assert (await ask(wechat.complaint_response, number, "图", ["x"] * 5))[0] == 400
    assert (await ask(wechat.complaint_response, number, "图", ["nowhere"]))[0] == 400
    assert (await ask(wechat.complaint_detail_query, "20000002"))[0] == 404


async def test_wechatpayv3_says_where_to_notify(caller: Caller, wechat: WeChatPay) -> None:
    url = "http://127.0.0.1:1/a"
    assert (await ask(wechat.complaint_notification_query))[0] == 404
    assert (await ask(wechat.complaint_notification_create, url))[1]["url"] == url
    assert (await ask(wechat.complaint_notification_create, url))[0] == 400
    assert (await ask(wechat.complaint_notification_update, url + "b"))[1]["url"] == url + "b"
    assert (await ask(wechat.complaint_notification_create, "https://shop.example/a"))[0] == 400
    assert (await ask(wechat.complaint_notification_delete))[0] == 204


async def test_a_refund_of_the_whole_order_is_seen_and_finishes_nothing(caller: Caller, wechat: WeChatPay) -> None:
    number = await complained(caller, wechat)
    await caller.steer("refund", {"wallet": "wechat", "number": "ORDER1", "amount_fen": 1280})
    one = (await ask(wechat.complaint_detail_query, number))[1]
    assert (one["complaint_full_refunded"], one["complaint_state"]) == (True, "PENDING")


async def test_more_words_to_a_finished_complaint_open_it_again(caller: Caller, wechat: WeChatPay) -> None:
    number = await complained(caller, wechat)
    await ask(wechat.complaint_complete, number)
    await caller.steer("complaint", {"wallet": "wechat", "complaint": number, "action": "more", "text": "没有解决"})
    one = (await ask(wechat.complaint_detail_query, number))[1]
    assert (one["complaint_state"], one["user_complaint_times"]) == ("PENDING", 2)
    assert one["incoming_user_response"] is True
