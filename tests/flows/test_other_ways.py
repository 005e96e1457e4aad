"""Apprise and SMS, sent over HTTP on loopback; names that lead inside; a post that is full."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.noticing import Noticing, noticing, short
from tests.flows.receivers import Receiver, receiving
from tests.flows.test_mail import reported
from yuanlu.app import PEN
from yuanlu.config import Settings
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.letters import Letter, Reach, Way
from yuanlu.notify import flow, post, sms
from yuanlu.notify.post import Post

PHONE = "+8613800001234"  # made up
TEMPLATE = sms.Template(
    url="", headers={"x-account": "secret account"}, body='{"to": "{{phone}}", "text": "{{text}}", "ref": "{{id}}"}'
)


@pytest.fixture
async def shop(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Noticing]:
    """A shop whose facts may be told."""
    async with noticing(database, pools, tmp_path) as made:
        yield made


async def gateway(shop: Noticing, receiver: Receiver, **changes: Any) -> None:
    from msgspec.structs import replace

    template = replace(TEMPLATE, **({"url": f"http://127.0.0.1:{receiver.port}/send"} | changes))
    await flow.set_gateway(shop.desk, shop.merchant_id, template, loopback=True, who="boss")


async def test_apprise_sends_what_happened_in_words(shop: Noticing, receiver: Receiver) -> None:
    await shop.hook(f"json://127.0.0.1:{receiver.port}/chat", "payment.paid", way=Way.APPRISE)
    await shop.paid(12800)
    await shop.work()
    (got,) = receiver.got
    assert got.path == "/chat"
    assert "¥128.00" in got.told["title"]
    assert "payment.paid" in got.told["message"]


async def test_a_shortage_comes_by_apprise_and_by_sms(shop: Noticing, receiver: Receiver) -> None:
    await gateway(shop, receiver)
    await shop.hook(f"json://127.0.0.1:{receiver.port}/chat", "float.short", way=Way.APPRISE)
    await shop.hook(PHONE, "float.short", way=Way.SMS)
    await short(shop)
    chat, sms = sorted((json.loads(got.body) for got in receiver.got), key=lambda told: "to" in told)
    assert "微信退款资金不足" in chat["title"]
    assert sms["to"] == PHONE
    assert "微信退款资金不足" in sms["text"]


async def test_apprise_that_is_refused_is_tried_again(shop: Noticing, receiver: Receiver) -> None:
    receiver.acts.append("500")
    await shop.hook(f"json://127.0.0.1:{receiver.port}/chat", "payment.paid", way=Way.APPRISE)
    await shop.paid(12800)
    await shop.work()
    (waiting,) = await shop.deliveries(state="DUE")
    assert waiting.why == "apprise_refused"
    await shop.until_told()
    assert len(receiver.got) == 2


def test_apprise_checks_the_urls_of_the_chats_without_sending() -> None:
    token = "b1946ac9-2492-4d23-a1e5-5f0f0d4f1b3a"  # made up
    for url in (f"wecombot://{token}", f"dingtalk://{token.replace('-', '')}", f"feishu://{token}", f"lark://{token}"):
        assert post.apprise_understands(url), url
    for url in ("wecombot://", "dingtalk://", "feishu://", "lark://"):
        assert not post.apprise_understands(url), url


async def test_a_payer_is_told_by_sms_through_the_template(shop: Noticing, receiver: Receiver) -> None:
    """S63."""
    await gateway(shop, receiver)
    case = await reported(shop, way=Way.SMS, target=PHONE)
    await shop.until_told()
    first = json.loads(receiver.got[0].body)
    assert first["to"] == PHONE
    assert "抱歉" in first["text"]
    assert case.id in first["text"]
    assert receiver.got[0].headers["x-account"] == "secret account"
    refs = [json.loads(got.body)["ref"] for got in receiver.got]
    assert len(refs) == len(set(refs)) >= 2
    told = repr(await shop.pools.recorder.fetch("select * from hooks")) + repr(
        await shop.pools.recorder.fetch("select * from facts")
    )
    assert PHONE not in told
    assert "secret account" not in told


async def test_quotes_and_ampersands_of_a_shops_name_stay_text(shop: Noticing, receiver: Receiver) -> None:
    name = 'A"&to=+86000{{phone}}\\'
    await shop.pools.recorder.execute("update merchants set name = $1 where merchant_id = $2", name, shop.merchant_id)
    await gateway(shop, receiver, content="form", body="to={{phone}}&text={{text}}")
    await reported(shop, way=Way.SMS, target=PHONE)
    await shop.worker.once()
    from urllib.parse import parse_qsl

    told = parse_qsl(receiver.got[0].body.decode())
    assert [each for each, _ in told] == ["to", "text"]
    assert told[0][1] == PHONE
    assert name in told[1][1]


async def test_an_sms_without_a_template_is_parked_and_one_whose_answer_says_no_is_tried_again(
    shop: Noticing, receiver: Receiver
) -> None:
    await shop.hook(PHONE, "payment.paid", way=Way.SMS)
    first = await shop.paid(100)
    await shop.work()
    (parked,) = await shop.deliveries(state="PARKED")
    assert parked.why == "sms.no_template"
    receiver.answer = b'{"code": "QUOTA"}'
    await gateway(shop, receiver, answer_has='"code": "OK"')
    await flow.wake(shop.desk, shop.merchant_id, first.id)
    await shop.work()
    (waiting,) = await shop.deliveries(state="DUE")
    assert waiting.why == "answer_says_no"
    receiver.answer = b'{"code": "OK"}'
    await shop.until_told()
    assert not await shop.deliveries(state="DUE")


async def test_a_name_that_leads_inside_is_not_called(
    shop: Noticing, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that was harmless when it was given may lead inside when it is called: the call is what is guarded."""

    async def inside(*_: Any, **__: Any) -> Any:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", receiver.port)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port)),
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", inside)
    async with Post(Settings(state=tmp_path), PEN) as guarded:
        receipt = await guarded.carry(letter(shop, f"https://rebound.example:{receiver.port}/"))
    assert (receipt.why, receipt.is_final) == ("inside", True)
    assert not receiver.got


async def test_an_address_inside_is_refused_even_if_it_was_kept(
    shop: Noticing, receiver: Receiver, tmp_path: Path
) -> None:
    async with Post(Settings(state=tmp_path), PEN) as guarded:
        receipt = await guarded.carry(letter(shop, receiver.url))
    assert (receipt.why, receipt.is_final) == ("hook.url_invalid", True)
    assert not receiver.got


def letter(shop: Noticing, url: str, hook_id: str = "YH") -> Letter:
    now = shop.clock.now()
    return Letter(
        merchant_id=shop.merchant_id, hook_id=hook_id, id="YD-1-0", type="payment.paid", kind="PaymentPaid",
        facts={"amount_fen": 1, "channel_number": "1"}, object_id="YP", transition=1, happened_at=now, now=now,
        reach=Reach(way=Way.WEBHOOK, target=url, secrets=("whsec_" + "YQ" * 16,)), shop="Shop",
    )  # fmt: skip


async def test_one_receiver_gets_a_few_places_and_others_get_theirs(shop: Noticing, receiver: Receiver) -> None:
    async with receiving("hang") as slow:
        many = [shop.post.carry(letter(shop, slow.url, "slow")) for _ in range(20)]
        crowded = [asyncio.create_task(each) for each in many]
        await asyncio.sleep(0.05)
        assert (await shop.post.carry(letter(shop, receiver.url, "quick"))).ok
        receipts = await asyncio.gather(*crowded)
    assert slow.open_max == post.PER_HOOK_MAX
    assert sum(receipt.is_crowded for receipt in receipts) == 20 - post.PER_HOOK_MAX
    assert {receipt.why for receipt in receipts} == {"crowded", "timeout"}


async def test_a_pinged_hook_answers_what_became_of_it_and_is_asked_again_when_it_was_dead(
    shop: Noticing, receiver: Receiver
) -> None:
    made = await shop.hook(receiver.url)
    assert (await flow.ping(shop.desk, shop.merchant_id, made.hook.id, "boss")).ok
    assert receiver.got[0].told["type"] == "ping"
    receiver.usual = "500"
    receipt = await flow.ping(shop.desk, shop.merchant_id, made.hook.id, "boss")
    assert (receipt.ok, receipt.status) == (False, 500)
    assert len({got.id for got in receiver.got}) == 2
    await flow.disable(shop.desk, shop.merchant_id, made.hook.id, "boss")
    with pytest.raises(Denied, match=r"hook\.disabled"):
        await flow.ping(shop.desk, shop.merchant_id, made.hook.id, "boss")
