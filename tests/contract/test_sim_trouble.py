"""Trouble made on order, the clock, the money of the world, and what sim.json promises."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidSignature

from tests.contract.callers import Caller, Listener, standing
from yuanlu.sim import Sim


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)


async def test_a_lost_request_never_reaches_the_world(caller: Caller) -> None:
    await caller.steer("fault", {"kind": "lost_request", "match": {"operation": "pay"}})
    with pytest.raises(LOST):
        await caller.codepay("ORDER1")
    assert await caller.state("ORDER1") == "ORDER_NOT_EXIST"
    calls = (await caller.steer("books", method="GET"))["calls"]
    assert [call["operation"] for call in calls] == ["query"]


@pytest.mark.parametrize("kind", ["lost_answer", "half_body"])
async def test_a_lost_answer_leaves_its_effect(caller: Caller, kind: str) -> None:
    await caller.steer("fault", {"kind": kind, "match": {"number": "ORDER1"}})
    await caller.codepay("ORDER2")
    with pytest.raises(LOST):
        await caller.codepay("ORDER1")
    assert await caller.state("ORDER1") == "SUCCESS"


@pytest.mark.parametrize(("kind", "status"), [("error_500", 500), ("error_502", 502), ("error_503", 503)])
@pytest.mark.parametrize("effect", [True, False])
async def test_an_error_comes_with_or_without_its_effect(caller: Caller, kind: str, status: int, effect: bool) -> None:
    await caller.steer("fault", {"kind": kind, "effect": effect, "match": {"operation": "pay"}})
    assert (await caller.codepay("ORDER1"))[0] == status
    assert await caller.state("ORDER1") == ("SUCCESS" if effect else "ORDER_NOT_EXIST")


@pytest.mark.parametrize("kind", ["bad_signature", "stale_signature"])
async def test_signatures_go_bad_for_both_wallets(caller: Caller, kind: str) -> None:
    await caller.trade_pay("P0")
    await caller.steer("fault", {"kind": kind, "match": {"wallet": "alipay"}})
    with pytest.raises(InvalidSignature):
        await caller.trade_pay("P1")
    await caller.steer("fault", {"kind": kind, "match": {"wallet": "wechat"}})
    if kind == "bad_signature":
        with pytest.raises(InvalidSignature):
            await caller.codepay("ORDER1")
    else:
        body, target = b"", "/v3/certificates"
        headers = {"Authorization": caller.authorization("GET", target, body)}
        async with caller.session.get(caller.base_url + target, headers=headers) as answer:
            caller.check_v3(answer.headers, await answer.read())
            assert int(answer.headers["Wechatpay-Timestamp"]) < caller.sim.agenda.now().timestamp() - 300


async def test_any_code_can_be_had(caller: Caller) -> None:
    await caller.steer("fault", {"kind": "refusal", "code": "BANKERROR", "status": 500, "match": {"wallet": "wechat"}})
    assert (await caller.codepay("ORDER1"))[1]["code"] == "BANKERROR"
    await caller.steer("fault", {"kind": "refusal", "code": "ACQ.SYSTEM_ERROR", "effect": True})
    assert (await caller.trade_pay("P1"))["sub_code"] == "ACQ.SYSTEM_ERROR"
    assert await caller.trade_status("P1") == "TRADE_SUCCESS"
    await caller.steer("fault", {"kind": "refusal", "code": "20000"})
    node = await caller.trade_pay("P2")
    assert (node["code"], node["sub_code"]) == ("20000", "isp.unknow-error")


async def test_slowness_takes_its_time(caller: Caller) -> None:
    await caller.steer("fault", {"kind": "slow", "seconds": 5, "effect": True})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(caller.codepay("ORDER1"), 0.1)
    assert await caller.state("ORDER1") == "SUCCESS"


async def test_faults_are_counted_listed_and_cleared(caller: Caller) -> None:
    await caller.steer("fault", {"kind": "error_500", "count": 2, "match": {"operation": "query"}})
    await caller.steer("fault", {"kind": "error_503", "count": None})
    assert [await caller.query("N0") for _ in range(2)][1][0] == 500
    assert [(await caller.query("N0"))[0] for _ in range(3)] == [503] * 3
    assert len((await caller.steer("fault", method="GET"))["faults"]) == 1
    assert (await caller.steer("fault", method="DELETE"))["cleared"] == 1
    assert (await caller.query("N0"))[0] == 404


@pytest.mark.parametrize(
    "wrong", [{"kind": "nothing"}, {"kind": "slow", "match": {"operation": "dance"}}, {"kind": "slow", "often": 1}, {}]
)
async def test_a_fault_that_makes_no_sense_is_refused(caller: Caller, wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError, match="error"):
        await caller.steer("fault", wrong)


# Notices


async def shown_and_paid(caller: Caller, number: str, url: str) -> None:
    await caller.native(number, notify_url=url)
    await caller.steer("payer", {"action": "scan", "wallet": "wechat", "number": number})


async def test_notices_double_drop_and_come_late(caller: Caller) -> None:
    async with Listener(web.Response) as listener:
        for number, fault in (
            ("ORDER1", {"kind": "duplicate_notice"}),
            ("ORDER2", {"kind": "drop_notice"}),
            ("ORDER3", {"kind": "late_notice", "seconds": 100}),
        ):
            await caller.steer("fault", fault)
            await shown_and_paid(caller, number, listener.url)
        await caller.steer("clock", {"advance_seconds": 99})
        assert len(listener.heard) == 2
        await caller.steer("clock", {"advance_seconds": 1})
        assert len(listener.heard) == 3
        assert listener.heard[0][1] == listener.heard[1][1]


async def test_two_notices_cross(caller: Caller) -> None:
    async with Listener(web.Response) as listener:
        await caller.codepay("ORDER1")
        await caller.steer("rules", {"wallet": "wechat", "refunds_apart_seconds": 0})
        await caller.steer("fault", {"kind": "crossed_notices"})
        for number in ("R1", "R2"):
            await caller.refund("ORDER1", number, 100, notify_url=listener.url)
            await caller.steer("clock", {"advance_seconds": 1})
        await caller.steer("clock", {"advance_seconds": 3})
        notices = (await caller.steer("notices", method="GET"))["notices"]
        first, second = (one["tries"][0]["at"] for one in notices)
        assert first > second
        assert len(listener.heard) == 2


async def test_a_refused_notice_comes_fifteen_times_more(caller: Caller) -> None:
    async with Listener(lambda: web.Response(status=500)) as listener:
        await shown_and_paid(caller, "ORDER1", listener.url)
        await caller.steer("clock", {"advance_seconds": 60})
        assert len(listener.heard) == 4  # at once, after 15, 30 and 60 seconds
        await caller.steer("clock", {"advance_seconds": 2 * 86400})
        assert len(listener.heard) == 16
        listener.answer = web.Response
        assert (await caller.steer("notice", {"kind": "again", "number": "ORDER1"}))["notices"] == 1
        await caller.steer("clock", {"advance_seconds": 1})
        assert len(listener.heard) == 17


async def test_a_notice_with_a_bad_signature_and_a_probe(caller: Caller) -> None:
    async with Listener(lambda: web.Response(status=401)) as listener:
        await caller.steer("fault", {"kind": "bad_signature", "match": {"operation": "notice"}})
        await shown_and_paid(caller, "ORDER1", listener.url)
        await caller.steer("clock", {"advance_seconds": 15})
        (bad, body), (good, _) = listener.heard
        with pytest.raises(InvalidSignature):
            caller.check_v3(bad, body)
        caller.check_v3(good, body)
        assert (await caller.steer("notice", {"kind": "probe", "notify_url": listener.url}))["status"] == 401
        assert listener.heard[2][0]["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")


async def test_code_payments_are_not_told(caller: Caller) -> None:
    async with Listener(web.Response) as listener:
        await caller.codepay("ORDER1", notify_url=listener.url)
        await caller.steer("clock", {"advance_seconds": 60})
        assert listener.heard == []


@pytest.mark.parametrize("form", ["v2", "v3"])
async def test_a_refund_by_hand_is_seen_and_may_be_told(caller: Caller, form: str) -> None:
    async with Listener(lambda: web.Response(text="SUCCESS")) as listener:
        await caller.codepay("ORDER1")
        asked = {"wallet": "wechat", "number": "ORDER1", "amount_fen": 100, "notify_url": listener.url, "form": form}
        told = await caller.steer("refund", asked)
        await caller.steer("clock", {"advance_seconds": 0})
        ((_, body),) = listener.heard
    assert told["is_by_hand"]
    assert await caller.state("ORDER1") == "REFUND"
    assert body.startswith(b"<xml>" if form == "v2" else b"{")


# Time and money


async def test_a_caller_may_keep_the_machines_time_or_step_along(caller: Caller) -> None:
    await caller.steer("clock", {"advance_seconds": 86400})
    assert (await caller.v3("GET", "/v3/certificates"))[0] == 200
    ahead = str(int(caller.sim.agenda.now().timestamp()))
    headers = {"Authorization": caller.authorization("GET", "/v3/certificates", b"", timestamp=ahead)}
    async with caller.session.get(caller.base_url + "/v3/certificates", headers=headers) as answer:
        assert answer.headers["Wechatpay-Timestamp"] == ahead


async def test_without_a_step_the_world_runs_with_real_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with Sim(tmp_path_factory.getbasetemp() / "sim-keys") as sim, aiohttp.ClientSession() as session:
        caller = Caller(sim, session)
        await caller.steer("rules", {"wallet": "wechat", "password_seconds": 0.05})
        await caller.codepay("ORDER1", "wechat_password")
        order = sim.world.books["wechat"].orders["ORDER1"]
        assert order.state == "waiting"
        await asyncio.sleep(0.3)
        assert order.state == "paid"


def wealth(books: dict[str, Any]) -> int:
    payers = sum(payer["balance_fen"] + payer["bank_fen"] for payer in books["payers"])
    merchant = books["funds_fen"] + books["bank_fen"] + books["in_transit_fen"]
    return int(payers + merchant - books["topped_fen"])


@pytest.mark.parametrize("seed", range(3))
async def test_money_is_never_made_or_lost(caller: Caller, seed: int) -> None:
    chance = random.Random(seed)
    start = {wallet: wealth(await caller.books(wallet)) for wallet in ("wechat", "alipay")}
    for step in range(120):
        order, part = f"ORDER{chance.randrange(12)}", chance.randrange(1, 700)
        kind = chance.choice(["abnormal", "closed", "pending", "lost_answer", "error_500"])
        habit = chance.choice(["ok", "password", "walks_away", "no_funds"])
        wallet = chance.choice(["wechat", "alipay"])
        try:
            match chance.randrange(7):
                case 0 | 1:
                    await (
                        caller.codepay(order, f"wechat_{habit}")
                        if wallet == "wechat"
                        else caller.trade_pay(order, f"alipay_{habit}")
                    )
                case 2 | 3:
                    biz = {"out_trade_no": order, "refund_amount": part / 100, "out_request_no": f"R{step % 9}"}
                    await (
                        caller.refund(order, f"R{step % 9}", part)
                        if wallet == "wechat"
                        else caller.trade("refund", **biz)
                    )
                case 4:
                    await (caller.reverse(order) if wallet == "wechat" else caller.trade("cancel", out_trade_no=order))
                case 5:
                    await caller.steer("fault", {"kind": kind})
                case _:
                    await caller.steer("funds", {"wallet": wallet, "add_fen": chance.randrange(-500, 500)})
        except (*LOST, AssertionError):
            pass  # the caller was answered 500, or not at all: the books must hold all the same
        await caller.steer("clock", {"advance_seconds": chance.choice([1, 20, 70])})
        for name, whole in start.items():
            books = await caller.books(name)
            assert wealth(books) == whole
            assert {refund["payouts"] for refund in books["refunds"]} <= {0, 1}
            assert all(0 <= order["back_fen"] <= order["amount_fen"] for order in books["orders"])


# sim.json


def text(path: str | Path) -> str:
    return Path(path).read_text()


def has(path: Path) -> bool:
    return path.exists()


async def test_the_process_writes_sim_json_and_stops_on_a_signal(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "sim-process"
    arguments = [sys.executable, "-m", "yuanlu.sim", "--port", "0", "--dir", str(folder), "--seed", "7"]
    process = await asyncio.create_subprocess_exec(*arguments, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    try:
        for _ in range(400):
            if has(folder / "sim.json"):
                break
            await asyncio.sleep(0.05)
        told = json.loads(text(folder / "sim.json"))
        async with aiohttp.ClientSession() as session, session.get(told["base_url"] + "/_sim/clock") as answer:
            assert answer.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    wallets, habits = (
        ("wechat", "alipay"),
        ("ok", "password", "walks_away", "no_funds", "over_limit", "frozen", "used", "expired"),
    )
    assert set(told["payer_codes"]) == {f"{wallet}_{habit}" for wallet in wallets for habit in habits}
    for name in ("merchant_key", "merchant_cert", "platform_public_key"):
        assert Path(told["wechat"][name]).is_absolute()
        assert text(told["wechat"][name]).startswith("-----BEGIN")
    assert re.fullmatch(r"[0-9A-F]{40}", told["wechat"]["merchant_serial"])
    assert len(told["wechat"]["apiv3_key"]) == len(told["wechat"]["v2_key"]) == 32
    assert "RSA PRIVATE KEY" in text(told["alipay"]["app_private_key_pkcs1"])


async def test_one_seed_gives_the_same_codes_and_none_looks_like_an_identity_number(caller: Caller) -> None:
    days = {(date(1900, 1, 1) + timedelta(days)).strftime("%Y%m%d") for days in range(73000)}
    for key, code in caller.codes.items():
        assert re.fullmatch(r"13\d{16}" if key.startswith("wechat") else r"28\d{16}", code)
        assert code[6:14] not in days
    assert Sim(caller.sim.directory).world.payer_codes == caller.codes
    assert Sim(caller.sim.directory, seed=2).world.payer_codes != caller.codes
