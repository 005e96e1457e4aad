"""Statements on the wire, for both channels: where one is to be had, what is believed of it, and the file itself."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.contract.callers import Caller, standing
from tests.contract.speaking import MERCHANT, NOON, STRANGER
from tests.contract.wire.alipay import far_side as alipay_far
from tests.contract.wire.wechat import far_side as wechat_far
from yuanlu.channels import wire
from yuanlu.channels.contract import (
    STATEMENT_MAX,
    AskStatement,
    Channel,
    FetchStatement,
    Handed,
    Paper,
    Reply,
    Word,
)
from yuanlu.channels.driver import Driver
from yuanlu.channels.registry import CODECS, FACTS
from yuanlu.channels.wechat.statements import is_promised
from yuanlu.clock import CHINA, business_day
from yuanlu.sim.keys import KeyRing, open_ring
from yuanlu.statements.reading import open_statement

WECHAT, ALIPAY = Channel.WECHAT, Channel.ALIPAY
DAY = date(2026, 11, 22)
BILL = b"\xef\xbb\xbf" + "交易时间,…\r\n".encode()
NODE = "alipay_data_dataservice_bill_downloadurl_query_response"


@pytest.fixture(scope="session")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return open_ring(tmp_path_factory.getbasetemp() / "sim-keys", 1)


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


def keys_of(channel: Channel, ring: KeyRing) -> Any:
    far: Any = (wechat_far if channel is WECHAT else alipay_far).DIALECTS[0](ring)
    return far, CODECS[channel].keys(far.config)


def asking(channel: Channel, paper: Paper = Paper.TRADES) -> AskStatement:
    return AskStatement(merchant_id=MERCHANT, channel=channel, paper=paper, on=DAY)


def fetching(channel: Channel, place: str, digest: str = "") -> FetchStatement:
    return FetchStatement(merchant_id=MERCHANT, channel=channel, paper=Paper.TRADES, on=DAY, place=place, digest=digest)


# What a channel has


def test_each_channel_says_which_papers_it_has_and_when() -> None:
    facts = {channel: FACTS[channel].statements for channel in (WECHAT, ALIPAY)}
    for told in facts.values():
        assert told is not None
        assert set(told.daily) <= set(told.has)
    assert FACTS[Channel.CASH].statements is None


# WeChat Pay


@pytest.mark.parametrize(
    ("paper", "wanted"),
    [
        (Paper.TRADES, "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL&tar_type=GZIP"),
        (Paper.PAID, "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=SUCCESS&tar_type=GZIP"),
        (Paper.REFUNDED, "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=REFUND&tar_type=GZIP"),
        (Paper.FLOW, "/v3/bill/fundflowbill?bill_date=2026-11-22&account_type=BASIC&tar_type=GZIP"),
    ],
)
def test_wechat_is_asked_for_each_paper_signed(ring: KeyRing, paper: Paper, wanted: str) -> None:
    _, keys = keys_of(WECHAT, ring)
    call = CODECS[WECHAT].ask_statement(asking(WECHAT, paper), keys, NOON, "nonce")
    assert (call.method, call.url) == ("GET", keys.base_url + wanted)
    assert call.headers["Authorization"].startswith("WECHATPAY2-SHA256-RSA2048 mchid=")
    assert call.answer_max < STATEMENT_MAX


def hear_wechat(ring: KeyRing, told: dict[str, Any]) -> Handed:
    far, keys = keys_of(WECHAT, ring)
    text = json.dumps(told)
    reply = Reply(status=200, headers=far.signed(text, signer=far.signer), body=text.encode())
    return CODECS[WECHAT].hear_statement(asking(WECHAT), reply, keys, NOON)


def place_of(ring: KeyRing, channel: Channel = WECHAT) -> str:
    _, keys = keys_of(channel, ring)
    return f"{keys.base_url}/v3/billdownload/file?token=abc" if channel is WECHAT else f"{keys.gateway}?a=b"


def test_a_signed_place_is_believed_and_a_forged_one_is_not(ring: KeyRing) -> None:
    told = {"download_url": place_of(ring), "hash_type": "SHA1", "hash_value": "AB" * 20}
    handed = hear_wechat(ring, told)
    assert (handed.word, handed.place, handed.digest) == (Word.SETTLED, place_of(ring), "sha1:" + "ab" * 20)
    far, keys = keys_of(WECHAT, ring)
    text = json.dumps(told)
    reply = Reply(status=200, headers=far.signed(text, signer=far.signer), body=text.encode())
    spoilt = replace(reply, body=reply.body.replace(b"abc", b"abd"))
    assert CODECS[WECHAT].hear_statement(asking(WECHAT), spoilt, keys, NOON).code == "client.bad_signature"


@pytest.mark.parametrize(
    "place",
    [
        "https://elsewhere.example/v3/billdownload/file?token=abc",
        "http://127.0.0.1:1/v3/billdownload/file?token=abc",
        "/v3/billdownload/file?token=abc",
        "BASE/v3/refund/domestic/refunds?token=abc",
        "BASE/v3/billdownload/file/../../pay?token=abc",
        "BASE/v3/billdownload/file",
    ],
)
def test_our_signature_is_never_sent_to_another_place(ring: KeyRing, place: str) -> None:
    """The request for the file is signed with the merchant's key: only for WeChat Pay, only for a bill."""
    _, keys = keys_of(WECHAT, ring)
    place = place.replace("BASE", keys.base_url)
    handed = hear_wechat(ring, {"download_url": place, "hash_type": "SHA1", "hash_value": "00"})
    assert handed.word is Word.UNKNOWN
    with pytest.raises(ValueError, match="no bill"):
        CODECS[WECHAT].ask_statement(fetching(WECHAT, place), keys, NOON, "nonce")


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (400, "NO_STATEMENT_EXIST", Word.ABSENT),
        (400, "STATEMENT_CREATING", Word.PENDING),
        (400, "PARAM_ERROR", Word.UNKNOWN),
        (401, "SIGN_ERROR", Word.UNKNOWN),
        (500, "NO_STATEMENT_EXIST", Word.UNKNOWN),
        (503, "", Word.UNKNOWN),
    ],
)
def test_a_no_of_wechat_is_what_it_says_and_no_more(ring: KeyRing, status: int, code: str, word: Word) -> None:
    _, keys = keys_of(WECHAT, ring)
    reply = Reply(status=status, headers={}, body=json.dumps({"code": code}).encode())
    assert CODECS[WECHAT].hear_statement(asking(WECHAT), reply, keys, NOON).word is word


@pytest.mark.parametrize("hashed", [BILL, gzip.compress(BILL, mtime=0)], ids=["of the plain bytes", "of the packed"])
def test_the_digest_may_be_of_the_plain_or_the_packed_bytes(ring: KeyRing, hashed: bytes) -> None:
    """Open question 3 of channels.md: both are tried, nothing else passes."""
    _, keys = keys_of(WECHAT, ring)
    packed = gzip.compress(BILL, mtime=0)
    digest = "sha1:" + hashlib.sha1(hashed).hexdigest()
    step = fetching(WECHAT, place_of(ring), digest)
    good = CODECS[WECHAT].hear_statement(step, Reply(status=200, headers={}, body=packed), keys, NOON)
    assert (good.word, good.content) == (Word.SETTLED, packed)
    other = gzip.compress(BILL + b" ", mtime=0)
    bad = CODECS[WECHAT].hear_statement(step, Reply(status=200, headers={}, body=other), keys, NOON)
    assert (bad.word, bad.code, bad.content) == (Word.UNKNOWN, "client.mismatch", b"")
    cut = CODECS[WECHAT].hear_statement(step, Reply(status=200, headers={}, body=packed[:-4]), keys, NOON)
    assert cut.word is Word.UNKNOWN
    assert not is_promised("md5", hashlib.sha1(hashed).hexdigest(), packed)


# Alipay


@pytest.mark.parametrize(("paper", "wanted"), [(Paper.TRADES, "trade"), (Paper.FLOW, "signcustomer")])
def test_alipay_is_asked_for_each_paper_signed(ring: KeyRing, paper: Paper, wanted: str) -> None:
    _, keys = keys_of(ALIPAY, ring)
    call = CODECS[ALIPAY].ask_statement(asking(ALIPAY, paper), keys, NOON, "")
    said = {name: values[0] for name, values in parse_qs(call.body.decode()).items()}
    assert said["method"] == "alipay.data.dataservice.bill.downloadurl.query"
    assert json.loads(said["biz_content"]) == {"bill_type": wanted, "bill_date": "2026-11-22"}
    assert said["sign"]


def hear_alipay(ring: KeyRing, told: dict[str, Any], key: Any = None, *, signed: bool = True) -> Handed:
    _, keys = keys_of(ALIPAY, ring)
    node = json.dumps(told)
    sign = wire.sign(key, node.encode()) if key is not None else ring.alipay.sign(node.encode())
    body = f'{{"{NODE}":{node}' + (f',"sign":"{sign}"}}' if signed else "}")
    reply = Reply(status=200, headers={}, body=body.encode())
    return CODECS[ALIPAY].hear_statement(asking(ALIPAY), reply, keys, NOON)


def test_a_place_of_alipay_is_believed_signed_alone(ring: KeyRing) -> None:
    told = {"code": "10000", "bill_download_url": "https://files.alipay.com/a/b.zip?token=x"}
    assert hear_alipay(ring, told).place == told["bill_download_url"]
    assert hear_alipay(ring, told, STRANGER).code == "client.bad_signature"
    assert hear_alipay(ring, told, signed=False).code == "client.bad_signature"


@pytest.mark.parametrize(
    "place",
    [
        "http://files.alipay.com/a.zip",
        "https://alipay.com.example/a.zip",
        "https://notalipay.com/a.zip",
        "https://files.alipay.com:8443/a.zip",
        "https://files.alipay.com@elsewhere.example/a.zip",
        "https://me@files.alipay.com/a.zip",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_file_of_alipay_is_fetched_from_its_own_names_only(ring: KeyRing, place: str) -> None:
    _, keys = keys_of(ALIPAY, ring)
    assert hear_alipay(ring, {"code": "10000", "bill_download_url": place}).word is Word.UNKNOWN
    with pytest.raises(ValueError, match="no file"):
        CODECS[ALIPAY].ask_statement(fetching(ALIPAY, place), keys, NOON, "")


@pytest.mark.parametrize(
    ("code", "sub_code", "word"),
    [
        ("40004", "NO_BILL_DATA", Word.ABSENT),
        ("40004", "BILL_NOT_EXIST", Word.PENDING),
        ("40004", "ELSE", Word.UNKNOWN),
        ("20000", "isp.unknow-error", Word.UNKNOWN),
    ],
)
def test_a_no_of_alipay_is_what_it_says_and_no_more(ring: KeyRing, code: str, sub_code: str, word: Word) -> None:
    assert hear_alipay(ring, {"code": code, "sub_code": sub_code}).word is word


# Both, against the simulated providers


def keys_at(caller: Caller, channel: Channel) -> Any:
    given = {**caller.wechat, "base_url": caller.base_url} if channel is WECHAT else dict(caller.alipay)
    if channel is ALIPAY:
        given["gateway"] = caller.base_url + "/gateway.do"
    return CODECS[channel].keys(given)


async def got(caller: Caller, channel: Channel, paper: Paper, day: date) -> Handed:
    """Ask for a paper and fetch it."""
    async with Driver(deadline=5.0) as driver:
        codec, keys = CODECS[channel], keys_at(caller, channel)
        asked = AskStatement(merchant_id=MERCHANT, channel=channel, paper=paper, on=day)
        told = await driver.ask_statement(asked, codec, keys)
        assert told.evidence is not None
        if told.word is not Word.SETTLED:
            return told
        assert "token=****" in told.evidence.body
        step = FetchStatement(
            merchant_id=MERCHANT, channel=channel, paper=paper, on=day, place=told.place, digest=told.digest
        )
        return await driver.ask_statement(step, codec, keys)


async def sold(caller: Caller, channel: Channel) -> date:
    """Two payments, one of them refunded in part; answers the day."""
    if channel is WECHAT:
        await caller.codepay("YPONE1", fen=1280)
        await caller.codepay("YPTWO2", fen=720)
        await caller.refund("YPONE1", "YRONE1", 480)
        await caller.steer("clock", {"advance_seconds": 2})
    else:
        await caller.trade_pay("YPONE1")
        await caller.trade_pay("YPTWO2", amount="7.20")
        await caller.trade("refund", out_trade_no="YPONE1", refund_amount="4.80", out_request_no="YRONE1")
    return business_day(datetime.now(UTC).astimezone(CHINA))


PAPERS = [(WECHAT, paper) for paper in Paper] + [(ALIPAY, Paper.TRADES), (ALIPAY, Paper.FLOW)]


@pytest.mark.parametrize(("channel", "paper"), PAPERS)
async def test_every_paper_of_a_simulated_day_is_fetched_and_read(
    caller: Caller, channel: Channel, paper: Paper
) -> None:
    """S54."""
    day = await sold(caller, channel)
    handed = await got(caller, channel, paper, day)
    assert handed.word is Word.SETTLED, handed
    reading = open_statement(io.BytesIO(handed.content), "bill")
    rows = reading.table().to_pylist()
    end = reading.end()
    assert (end.summary_agrees, end.problems) == (True, ())
    told = {(row["kind"], row["number"] or row["payment_number"]): row["amount_fen"] for row in rows}
    if paper is not Paper.REFUNDED:
        assert (told["payment", "YPONE1"], told["payment", "YPTWO2"]) == (1280, 720)
    if paper is not Paper.PAID:
        number = "YPONE1" if (channel, paper) == (ALIPAY, Paper.FLOW) else "YRONE1"
        assert told["refund", number] == 480
    assert end.accounts in ((), ("1900000109",), (keys_at(caller, channel).seller_id,) if channel is ALIPAY else ())


@pytest.mark.parametrize("channel", [WECHAT, ALIPAY])
async def test_a_day_without_trades_has_none(caller: Caller, channel: Channel) -> None:
    assert (await got(caller, channel, Paper.TRADES, date(2026, 1, 5))).word is Word.ABSENT


async def test_a_digest_that_is_wrong_is_caught(caller: Caller) -> None:
    day = await sold(caller, WECHAT)
    await caller.steer("statement", {"wallet": "wechat", "what": "hash", "count": 1})
    assert (await got(caller, WECHAT, Paper.TRADES, day)).code == "client.mismatch"
    assert (await got(caller, WECHAT, Paper.TRADES, day)).word is Word.SETTLED


@pytest.mark.parametrize("channel", [WECHAT, ALIPAY])
@pytest.mark.parametrize(
    ("what", "numbers", "agrees"),
    [
        ("missing", ["YPTWO2", "YRONE1"], True),
        ("extra", ["YPONE1", "STRANGER00000001", "YPTWO2", "YRONE1"], True),
        ("twice", ["YPONE1", "YPONE1", "YPTWO2", "YRONE1"], True),
        ("other_merchant", ["YPONE1", "STRANGER00000001", "YPTWO2", "YRONE1"], True),
        ("amount", ["YPONE1", "YPTWO2", "YRONE1"], True),
        ("summary", ["YPONE1", "YPTWO2", "YRONE1"], False),
    ],
)
async def test_what_is_planted_in_a_statement_is_in_it(
    caller: Caller, channel: Channel, what: str, numbers: list[str], agrees: bool
) -> None:
    day = await sold(caller, channel)
    plant = {"wallet": channel, "what": what, "number": "YPONE1", "fen": 100}
    await caller.steer("statement", plant)
    assert (await caller.steer("statement", method="GET"))[channel][0]["what"] == what
    handed = await got(caller, channel, Paper.TRADES, day)
    reading = open_statement(io.BytesIO(handed.content), "bill")
    rows = reading.table().to_pylist()
    end = reading.end()
    assert [row["number"] for row in rows] == numbers
    assert end.summary_agrees is agrees
    assert (rows[0]["amount_fen"] == 1380) is (what == "amount")
    if channel is WECHAT:
        assert (len(end.accounts) == 2) is (what == "other_merchant")
    await caller.steer("statement", method="DELETE")
    clean = open_statement(io.BytesIO((await got(caller, channel, Paper.TRADES, day)).content), "bill")
    assert [row["number"] for row in clean.table().to_pylist()] == ["YPONE1", "YPTWO2", "YRONE1"]
