"""The driver against the simulated providers, and against a server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from tests.contract.callers import Caller, Listener, standing
from tests.contract.rogue import BEHAVIOURS, Behaviour, Rogue, nothing, raw, resets
from tests.contract.speaking import CARD, CODE, step
from yuanlu import ids
from yuanlu.channels.contract import Callback, Channel, Operation, Outcome, Reason, RescueTo, Word
from yuanlu.channels.driver import Driver
from yuanlu.channels.registry import CODECS
from yuanlu.errors import Denied
from yuanlu.money import Money

WIRES = {"v3": Channel.WECHAT, "v2": Channel.WECHAT, "alipay": Channel.ALIPAY}
NOWHERE = "http://127.0.0.1:1/never"
SENDS = [Operation.PAY, Operation.SHOW, Operation.REVERSE, Operation.CLOSE, Operation.REFUND]
ASKS = [Operation.QUERY, Operation.REFUND_QUERY]


@pytest.fixture
async def caller(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    async with standing(tmp_path_factory) as one:
        yield one


class Till:
    """A merchant at a till: asks the sim (or whatever stands at `at`) through the driver."""

    def __init__(self, caller: Caller, driver: Driver, wire: str, at: str = "", **config: str) -> None:
        self.caller = caller
        self.driver = driver
        self.channel = WIRES[wire]
        self.codec = CODECS[self.channel]
        base = at or caller.base_url
        if self.channel is Channel.WECHAT:
            switch = "v2" if wire == "v2" else "v3"
            given = {**caller.wechat, "base_url": base, "code_pay": switch, "refund": switch, "notify_url": NOWHERE}
        else:
            given = {**caller.alipay, "gateway": base + "/gateway.do"}
        self.keys = self.codec.keys(given | config)

    async def ask(self, operation: Operation, **changes: Any) -> Outcome:
        if operation in {Operation.PAY, Operation.SHOW}:
            changes = {"expires_at": datetime.now(UTC) + timedelta(minutes=6)} | changes
        outcome = await self.driver.ask(step(self.channel, operation, **changes), self.codec, self.keys)
        assert outcome.evidence is not None
        assert outcome.evidence.operation == operation
        return outcome

    async def pay(self, habit: str = "ok", **changes: Any) -> Outcome:
        return await self.ask(Operation.PAY, code=self.caller.codes[f"{self.channel}_{habit}"], **changes)


@asynccontextmanager
async def till(caller: Caller, wire: str, at: str = "", *, deadline: float = 5.0, **config: str) -> AsyncIterator[Till]:
    async with Driver(deadline=deadline, deadlines={}) as driver:
        yield Till(caller, driver, wire, at, **config)


any_wire = pytest.mark.parametrize("wire", list(WIRES))


# With the simulated providers


@any_wire
async def test_a_payment_is_paid_found_and_refunded(caller: Caller, wire: str) -> None:
    async with till(caller, wire) as one:
        await one.pay()
        paid = await one.ask(Operation.QUERY)
        assert (paid.word, paid.amount) == (Word.SETTLED, Money(1280))
        assert paid.channel_number
        assert paid.evidence is not None
        assert paid.evidence.kind == "answer"
        sent = await one.ask(Operation.REFUND)
        assert sent.word in {Word.PENDING, Word.SETTLED}
        await caller.steer("clock", {"advance_seconds": 2})
        back = await one.ask(Operation.REFUND_QUERY)
        assert (back.word, back.amount) == (Word.SETTLED, Money(480))
        assert (await one.ask(Operation.QUERY)).word is Word.SETTLED


HABITS = {
    "password": (Word.PENDING, Reason.PAYER_CONFIRMS),
    "walks_away": (Word.PENDING, Reason.PAYER_CONFIRMS),
    "no_funds": (Word.REFUSED, None),
    "over_limit": (Word.REFUSED, None),
    "frozen": (Word.REFUSED, None),
    "used": (Word.REFUSED, None),
    "expired": (Word.REFUSED, None),
}


@any_wire
@pytest.mark.parametrize("habit", list(HABITS))
async def test_each_habit_of_a_payer_is_heard(caller: Caller, wire: str, habit: str) -> None:
    async with till(caller, wire) as one:
        heard = await one.pay(habit)
        assert (heard.word, heard.reason) == HABITS[habit]


@any_wire
async def test_a_payment_nobody_confirmed_is_reversed(caller: Caller, wire: str) -> None:
    """S41."""
    async with till(caller, wire) as one:
        assert (await one.pay("walks_away")).word is Word.PENDING
        await caller.steer("clock", {"advance_seconds": 16})
        assert (await one.ask(Operation.REVERSE)).word is Word.ENDED
        assert (await one.ask(Operation.QUERY)).word is Word.ENDED


@any_wire
async def test_what_was_never_sent_is_absent(caller: Caller, wire: str) -> None:
    async with till(caller, wire) as one:
        assert (await one.ask(Operation.QUERY)).word is Word.ABSENT
        await one.pay()
        assert (await one.ask(Operation.REFUND_QUERY)).word is Word.ABSENT


@pytest.mark.parametrize("wire", ["v3", "alipay"])
async def test_a_shown_order_is_scanned_paid_and_cannot_be_closed_then(caller: Caller, wire: str) -> None:
    async with till(caller, wire) as one:
        shown = await one.ask(Operation.SHOW)
        assert shown.word is Word.SHOWN
        waiting = await one.ask(Operation.QUERY, scanned=False)
        assert (waiting.word, waiting.reason) == (Word.PENDING, Reason.NOT_PAID)
        scan = {"code_url" if wire == "v3" else "qr_code": shown.qr, "habit": "ok"}
        await caller.steer("payer", {"action": "scan", **scan})
        assert (await one.ask(Operation.QUERY, scanned=False)).word is Word.SETTLED
        assert (await one.ask(Operation.CLOSE)).word is Word.BARRED


async def test_a_v2_shop_shows_its_orders_by_v3(caller: Caller) -> None:
    async with till(caller, "v2") as one:
        assert (await one.ask(Operation.SHOW)).word is Word.SHOWN
        assert (await one.ask(Operation.QUERY, scanned=False)).reason is Reason.NOT_PAID
        assert (await one.ask(Operation.CLOSE)).word is Word.ENDED


@any_wire
async def test_a_refund_waits_for_funds(caller: Caller, wire: str) -> None:
    async with till(caller, wire) as one:
        await one.pay()
        await caller.steer("funds", {"wallet": one.channel, "set_fen": 0})
        short = await one.ask(Operation.REFUND)
        assert (short.word, short.reason) == (Word.DEFERRED, Reason.FUNDS_SHORT)
        await caller.steer("funds", {"wallet": one.channel, "add_fen": 5000})
        assert (await one.ask(Operation.REFUND)).word in {Word.PENDING, Word.SETTLED}


@pytest.mark.parametrize("to", list(RescueTo))
async def test_stranded_money_is_sent_to_a_card(caller: Caller, to: RescueTo) -> None:
    async with till(caller, "v3") as one:
        await one.pay()
        await caller.steer("fault", {"kind": "abnormal"})
        await one.ask(Operation.REFUND)
        await caller.steer("clock", {"advance_seconds": 2})
        stranded = await one.ask(Operation.REFUND_QUERY)
        assert stranded.word is Word.STRANDED
        sent_on = await one.ask(Operation.RESCUE, channel_refund_number=stranded.channel_number, to=to)
        assert sent_on.word is Word.PENDING
        await caller.steer("clock", {"advance_seconds": 2})
        assert (await one.ask(Operation.REFUND_QUERY)).word is Word.SETTLED


# Trouble made on order: the table of docs/reference/sim.md

FAULTS: list[tuple[dict[str, Any], str, bool]] = [
    ({"kind": "lost_request"}, "client.reset", False),
    ({"kind": "lost_answer"}, "client.reset", True),
    ({"kind": "error_500"}, "client.http_5xx", False),
    ({"kind": "error_500", "effect": True}, "client.http_5xx", True),
    ({"kind": "error_502"}, "client.http_502", False),
    ({"kind": "error_502", "effect": True}, "client.http_502", True),
    ({"kind": "error_503"}, "client.http_503", False),
    ({"kind": "error_503", "effect": True}, "client.http_503", True),
    ({"kind": "half_body"}, "client.malformed_body", True),
    ({"kind": "bad_signature"}, "client.bad_signature", True),
    ({"kind": "stale_signature"}, "client.bad_signature", True),
    ({"kind": "slow", "seconds": 30, "effect": True}, "client.timeout", True),
    ({"kind": "slow", "seconds": 30}, "client.timeout", False),
]
REFUSALS = {"v3": ("SYSTEM_ERROR", 500), "v2": ("SYSTEMERROR", 200), "alipay": ("ACQ.SYSTEM_ERROR", 200)}
FAULT_NAMES = [fault["kind"] + (", which happened" if had else "") for fault, _, had in FAULTS]


def is_as(code: str, wanted: str) -> bool:
    """v3 answers a 5xx with its own word for it."""
    return code == wanted or (wanted.startswith("client.http") and code in {"SYSTEM_ERROR", "SERVICE_UNAVAILABLE"})


@any_wire
@pytest.mark.parametrize(("fault", "code", "happened"), FAULTS, ids=FAULT_NAMES)
async def test_after_trouble_the_payment_is_unknown_and_the_query_knows(
    caller: Caller, wire: str, fault: dict[str, Any], code: str, happened: bool
) -> None:
    """S40. S41."""
    async with till(caller, wire, deadline=0.4 if fault["kind"] == "slow" else 5.0) as one:
        await one.pay(payment_id="YP0000000000000000000000000")  # so that there is a signature of before
        await caller.steer("fault", fault | {"match": {"operation": "pay"}})
        heard = await one.pay()
        assert (heard.word, heard.reason) == (Word.UNKNOWN, None)
        assert is_as(heard.code, code)
        assert (await one.ask(Operation.QUERY)).word is (Word.SETTLED if happened else Word.ABSENT)


@any_wire
@pytest.mark.parametrize(("fault", "code", "happened"), FAULTS[:-2], ids=FAULT_NAMES[:-2])
async def test_after_trouble_the_refund_is_unknown_and_the_query_knows(
    caller: Caller, wire: str, fault: dict[str, Any], code: str, happened: bool
) -> None:
    async with till(caller, wire) as one:
        await one.pay()
        await caller.steer("fault", fault | {"match": {"operation": "refund"}})
        heard = await one.ask(Operation.REFUND)
        assert (heard.word, heard.reason) == (Word.UNKNOWN, None)
        assert is_as(heard.code, code)
        await caller.steer("clock", {"advance_seconds": 2})
        assert (await one.ask(Operation.REFUND_QUERY)).word is (Word.SETTLED if happened else Word.ABSENT)


@any_wire
@pytest.mark.parametrize("operation", [Operation.PAY, Operation.QUERY, Operation.REFUND])
@pytest.mark.parametrize("effect", [True, False])
async def test_a_fault_of_the_system_is_unknown(caller: Caller, wire: str, operation: Operation, effect: bool) -> None:
    async with till(caller, wire) as one:
        if operation is not Operation.PAY:
            await one.pay()
        code, status = REFUSALS[wire]
        armed = {"kind": "refusal", "code": code, "status": status, "effect": effect}
        await caller.steer("fault", armed | {"match": {"operation": operation}})
        changes = {"code": caller.codes[f"{one.channel}_ok"]} if operation is Operation.PAY else {}
        heard = await one.ask(operation, **changes)
        assert (heard.word, heard.code) == (Word.UNKNOWN, code)


ENDS = {
    ("abnormal", "wechat"): (Word.PENDING, Word.STRANDED),
    ("closed", "wechat"): (Word.PENDING, Word.REFUSED),
    ("pending", "wechat"): (Word.PENDING, Word.PENDING),
    # Alipay only says that no money moved, and knows no such refund: the identical request is sent again.
    ("abnormal", "alipay"): (Word.UNKNOWN, Word.ABSENT),
    ("closed", "alipay"): (Word.UNKNOWN, Word.ABSENT),
    ("pending", "alipay"): (Word.UNKNOWN, Word.ABSENT),
}


@any_wire
@pytest.mark.parametrize("kind", ["abnormal", "closed", "pending"])
async def test_a_refund_that_goes_wrong_is_heard(caller: Caller, wire: str, kind: str) -> None:
    async with till(caller, wire) as one:
        await one.pay()
        await caller.steer("fault", {"kind": kind})
        at_once, later = ENDS[kind, one.channel]
        assert (await one.ask(Operation.REFUND)).word is at_once
        await caller.steer("clock", {"advance_seconds": 3})
        assert (await one.ask(Operation.REFUND_QUERY)).word is later
        if kind == "pending":
            await caller.steer("clock", {"advance_seconds": 10})
            assert (await one.ask(Operation.REFUND_QUERY)).word is Word.SETTLED


NOTICES: list[tuple[dict[str, Any], list[str]]] = [
    ({"kind": "duplicate_notice"}, ["settled", "settled"]),
    ({"kind": "drop_notice"}, []),
    ({"kind": "late_notice", "seconds": 5}, ["settled"]),
    ({"kind": "bad_signature", "match": {"operation": "notice"}}, ["callback.forged"]),
    ({"kind": "stale_signature", "match": {"operation": "notice"}}, ["callback.forged"]),
    ({"kind": "slow", "seconds": 0, "match": {"operation": "pay"}}, ["settled"]),
]


@pytest.mark.parametrize("wire", ["v3", "alipay"])
@pytest.mark.parametrize(("fault", "heard"), NOTICES, ids=[fault["kind"] for fault, _ in NOTICES])
async def test_notices_are_read_or_refused(caller: Caller, wire: str, fault: dict[str, Any], heard: list[str]) -> None:
    async with (
        Listener(lambda: web.Response(text="success")) as listener,
        till(caller, wire, notify_url=listener.url) as one,
    ):
        await one.ask(Operation.SHOW)
        await caller.steer("fault", fault)
        number = step(one.channel, Operation.SHOW).payment_id
        await caller.steer("payer", {"action": "scan", "wallet": one.channel, "number": number})
        await caller.steer("clock", {"advance_seconds": 6})
        assert [await said(one, headers, body) for headers, body in listener.heard] == heard


async def said(one: Till, headers: dict[str, str], body: bytes) -> str:
    callback = Callback(headers={name.lower(): value for name, value in headers.items()}, body=body)
    keys = await one.driver.fresh(one.codec, one.keys, callback)
    try:
        news = one.codec.overhear(callback, keys, one.driver._clock.now())
    except Denied as denied:
        return denied.code
    assert news.payment_id == step(one.channel, Operation.SHOW).payment_id
    return news.outcome.word


# Certificates that age (WeChat Pay's older key mode)


async def certificates_asked(caller: Caller) -> int:
    calls = (await caller.steer("books", method="GET"))["calls"]
    return sum(call["operation"] == "certificates" for call in calls)


CERTIFICATES = {"mode": "certificate", "platform_cert": ""}


async def test_certificates_are_fetched_once_and_then_believed(caller: Caller) -> None:
    async with till(caller, "v3", **CERTIFICATES) as one:
        paid = await asyncio.gather(*(one.pay(payment_id=f"YP000000000000000000000000{n}") for n in range(4)))
        assert {outcome.word for outcome in paid} == {Word.SETTLED}
        assert await certificates_asked(caller) == 1
        assert one.keys.platform == {}  # what was configured stays as it is


async def test_an_unknown_serial_brings_the_new_certificate(caller: Caller) -> None:
    old = {"mode": "certificate", "platform_cert": caller.wechat["merchant_cert"]}  # a certificate of someone else
    async with till(caller, "v3", **old) as one:
        assert (await one.pay()).word is Word.SETTLED
        assert (await one.ask(Operation.QUERY)).word is Word.SETTLED
        assert await certificates_asked(caller) == 1


async def test_without_certificates_nothing_is_believed_and_little_is_asked(caller: Caller) -> None:
    await caller.steer("rules", {"wallet": "wechat", "is_public_key_only": True})
    async with till(caller, "v3", **CERTIFICATES) as one:
        for _ in range(3):
            heard = await one.ask(Operation.QUERY)
            assert heard.word is not Word.SETTLED
        assert await certificates_asked(caller) <= 1


async def test_certificates_sealed_with_another_key_are_not_taken(caller: Caller) -> None:
    async with till(caller, "v3", **CERTIFICATES, apiv3_key="k" * 32) as one:
        heard = await one.pay()
        assert (heard.word, heard.code) == (Word.UNKNOWN, "client.bad_signature")


async def test_certificates_that_do_not_come_hold_nobody_up_twice(caller: Caller) -> None:
    async with Rogue(nothing) as rogue, till(caller, "v3", rogue.url, deadline=0.3, **CERTIFICATES) as one:
        heard = await asyncio.gather(*(one.ask(Operation.QUERY) for _ in range(12)))
        assert {outcome.code for outcome in heard} == {"client.timeout"}
        assert sum("/v3/certificates" in asked for asked in rogue.asked) == 1


@pytest.mark.parametrize("kind", ["bad_signature", "stale_signature", "error_500", "half_body", "lost_answer"])
async def test_certificates_that_come_badly_are_not_taken(caller: Caller, kind: str) -> None:
    await caller.steer("fault", {"kind": kind, "count": None, "match": {"operation": "certificates"}})
    async with till(caller, "v3", **CERTIFICATES) as one:
        assert (await one.pay()).word is Word.UNKNOWN


# A server that misbehaves


@pytest.mark.parametrize("operation", [Operation.PAY, Operation.QUERY, Operation.REFUND, Operation.REVERSE])
@any_wire
@pytest.mark.parametrize("behaviour", list(BEHAVIOURS))
async def test_whatever_a_server_does_is_unknown_and_nothing_is_sent_twice(
    caller: Caller, wire: str, behaviour: str, operation: Operation
) -> None:
    behave, code = BEHAVIOURS[behaviour]
    async with Rogue(behave) as rogue, till(caller, wire, rogue.url, deadline=0.6) as one, asyncio.timeout(10):
        heard = await one.ask(operation)
        assert (heard.word, heard.reason, heard.code) == (Word.UNKNOWN, None, code)
        is_question = rogue.asked[0].startswith("GET ")  # a question may be asked again
        assert len(rogue.asked) == 1 or (is_question and len(rogue.asked) == 2)
        assert heard.evidence is not None
        assert heard.evidence.kind == ("answer" if heard.evidence.status else "silence")


@any_wire
@pytest.mark.parametrize("operation", [*SENDS, *ASKS])
async def test_a_refused_connection_is_not_now_for_what_sends_and_unknown_for_what_asks(
    caller: Caller, wire: str, operation: Operation
) -> None:
    async with Rogue(nothing) as gone:
        pass
    async with till(caller, wire, gone.url) as one:
        heard = await one.ask(operation)
    wanted = (Word.DEFERRED, Reason.UNREACHABLE) if operation in SENDS else (Word.UNKNOWN, None)
    assert (heard.word, heard.reason) == wanted
    assert heard.code == "client.connect_failed"


@any_wire
@pytest.mark.parametrize("operation", [Operation.PAY, Operation.REFUND, Operation.QUERY])
async def test_a_kept_connection_that_dies_does_not_make_us_send_twice(
    caller: Caller, wire: str, operation: Operation
) -> None:
    async with Rogue(raw("404 Not Found"), then=resets) as rogue, till(caller, wire, rogue.url) as one:
        await one.ask(Operation.REFUND)
        heard = await one.ask(operation)
        assert heard.word is Word.UNKNOWN
        methods = [asked.split()[0] for asked in rogue.asked]
        if wire == "v3" and operation is Operation.QUERY:
            assert methods == ["POST", "GET", "GET"]  # a question may be asked again
        else:
            assert methods == ["POST", "POST"]
            assert heard.code == "client.reset"


async def test_a_connection_closed_while_idle_is_opened_anew(caller: Caller) -> None:
    once = raw("404 Not Found", b"", "Connection: close\r\n")
    async with Rogue(once) as rogue, till(caller, "v3", rogue.url) as one:
        for _ in range(3):
            await one.ask(Operation.REFUND)
            await asyncio.sleep(0.01)
        assert len(rogue.asked) == 3


async def test_the_deadline_holds_while_waiting_for_a_line(caller: Caller) -> None:
    async with Rogue(nothing) as rogue, Driver(deadline=0.2, deadlines={}, calls_at_once=1) as driver:
        one = Till(caller, driver, "v3", rogue.url)
        started = time.perf_counter()
        first, second = await asyncio.gather(one.ask(Operation.REFUND), one.ask(Operation.REFUND))
        assert time.perf_counter() - started < 5
        assert (first.word, first.code) == (Word.UNKNOWN, "client.timeout")
        assert second.word in {Word.DEFERRED, Word.UNKNOWN}
        assert len(rogue.asked) <= 2


async def test_a_payment_may_take_longer_than_the_rest(caller: Caller) -> None:
    async with Rogue(nothing) as rogue, Driver(deadline=30, deadlines={Operation.PAY: 0.2}) as driver:
        async with asyncio.timeout(5):
            heard = await Till(caller, driver, "v3", rogue.url).ask(Operation.PAY)
        assert heard.code == "client.timeout"


async def test_a_caller_who_leaves_takes_the_call_with_him(caller: Caller) -> None:
    async with Rogue(nothing) as rogue, Driver(deadline=30, deadlines={}, calls_at_once=1) as driver:
        one = Till(caller, driver, "v3", rogue.url)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(one.ask(Operation.REFUND), 0.2)
        with pytest.raises(TimeoutError):  # the line is free again: this one is sent, too
            await asyncio.wait_for(one.ask(Operation.REFUND), 0.2)
        assert len(rogue.asked) == 2


# What our own reading of HTTP must withstand


@pytest.mark.parametrize("later", [False, True])
async def test_an_answer_nobody_asked_for_is_not_the_next_one(caller: Caller, later: bool) -> None:
    async def twice(writer: asyncio.StreamWriter) -> None:
        one = b'HTTP/1.1 400 Bad\r\nContent-Length: 22\r\n\r\n{"code":"PARAM_ERROR"}'
        writer.write(one if later else one + one)
        await writer.drain()
        if later:
            await asyncio.sleep(0.05)
            writer.write(one)
            await writer.drain()

    async with Rogue(twice, then=nothing) as rogue, till(caller, "v3", rogue.url, deadline=0.4) as one:
        assert (await one.ask(Operation.REFUND)).word is Word.REFUSED
        await asyncio.sleep(0.2)
        heard = await one.ask(Operation.REFUND)
        assert heard.word is not Word.REFUSED or len(rogue.asked) == 2
        if len(rogue.asked) == 2:
            # the second call went by a new connection, whose first answer it got
            assert rogue.connections == 2
        else:
            assert heard.code in {"client.timeout", "client.reset", "client.malformed_body"}


STRANGE: dict[str, tuple[bytes, str]] = {
    "endless head": (b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 200_000, "client.malformed_body"),
    "two lengths": (b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}", "client.malformed_body"),
    "a negative length": (b"HTTP/1.1 400 Bad\r\nContent-Length: -1\r\n\r\n{}", "client.malformed_body"),
    "chunks that are none": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "client.malformed_body"),
    "an upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "client."),
    "only a hint": (b"HTTP/1.1 100 Continue\r\n\r\n", "client."),
    "HTTP/2": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "client."),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", "client."),
}


@pytest.mark.parametrize("name", list(STRANGE))
async def test_strange_http_is_unknown(caller: Caller, name: str) -> None:
    said, code = STRANGE[name]

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    async with Rogue(behave) as rogue, till(caller, "v3", rogue.url, deadline=0.4) as one, asyncio.timeout(10):
        heard = await one.ask(Operation.REFUND)
        assert heard.word is Word.UNKNOWN
        assert heard.code.startswith(code)
        assert len(rogue.asked) == 1


async def test_a_hint_before_the_answer_is_passed_over(caller: Caller) -> None:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        writer.write(b'HTTP/1.1 400 Bad\r\nContent-Length: 22\r\n\r\n{"code":"PARAM_ERROR"}')
        await writer.drain()

    async with Rogue(behave) as rogue, till(caller, "v3", rogue.url) as one:
        assert (await one.ask(Operation.REFUND)).code == "PARAM_ERROR"


async def test_a_body_that_ends_with_the_connection_is_whole_or_nothing(caller: Caller) -> None:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n{"code":"PARAM_ERROR"}')
        await writer.drain()
        writer.close()

    async with Rogue(behave) as rogue, till(caller, "v3", rogue.url) as one:
        heard = await one.ask(Operation.REFUND)
        assert (heard.word, heard.code) in {(Word.REFUSED, "PARAM_ERROR"), (Word.UNKNOWN, "client.malformed_body")}


async def test_the_next_call_does_not_hear_the_answer_to_one_that_timed_out(caller: Caller) -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        writer.write(b'HTTP/1.1 400 Bad\r\nContent-Length: 22\r\n\r\n{"code":"PARAM_ERROR"}')
        await writer.drain()

    async with Rogue(late) as rogue, till(caller, "v3", rogue.url, deadline=0.3) as one:
        first, second = await one.ask(Operation.REFUND), await one.ask(Operation.REFUND)
        assert (first.code, second.code) == ("client.timeout", "client.timeout")
        assert rogue.connections == 2


# Secrets


def echo(text: str) -> Behaviour:
    return raw("400 Bad Request", text.encode(), "Content-Type: application/json\r\n")


@any_wire
@pytest.mark.parametrize("behaviour", ["echoes", "resets", "hangs up", "is no web server"])
async def test_a_payment_code_is_in_no_address_evidence_or_log(
    caller: Caller, wire: str, behaviour: str, caplog: pytest.LogCaptureFixture
) -> None:
    """S36."""
    said_back = echo(f'{{"code": "PARAM_ERROR", "message": "{CODE} is no code"}}')
    behave = BEHAVIOURS[behaviour][0] if behaviour in BEHAVIOURS else said_back
    with caplog.at_level(logging.DEBUG):
        async with Rogue(behave) as rogue, till(caller, wire, rogue.url) as one:
            heard = await one.ask(Operation.PAY)
    assert CODE in rogue.asked[0]
    assert CODE not in rogue.asked[0].partition("\r\n\r\n")[0]
    assert CODE not in f"{heard!r}{caplog.text}{one.keys!r}"
    if behaviour == "echoes":
        assert heard.evidence is not None
        assert f"{CODE[:2]}****{CODE[-4:]} is no code" in heard.evidence.body


NAME = "王小\U00020bb7"
"""The last character is beyond the first plane: JSON writes it as two escapes."""
SPELLINGS = {
    "plain": NAME,
    "escaped": json.dumps(NAME)[1:-1],
    "escaped in capitals": json.dumps(NAME)[1:-1].upper().replace("\\U", "\\u"),
}


@pytest.mark.parametrize("spelling", list(SPELLINGS.values()), ids=list(SPELLINGS))
async def test_a_card_and_a_name_are_in_no_request_evidence_or_log(
    caller: Caller, spelling: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        said_back = f'{{"code": "PARAM_ERROR", "message": "{CARD} {spelling}"}}'
        async with Rogue(echo(said_back)) as rogue, till(caller, "v3", rogue.url) as one:
            heard = await one.ask(Operation.RESCUE, holder_name=NAME)
    assert heard.evidence is not None
    for secret in (CARD, NAME, spelling, quote(NAME)):
        assert secret not in rogue.asked[0]
        assert secret not in heard.evidence.body
        assert secret not in f"{heard!r}{caplog.text}"
    assert heard.evidence.body == f'{{"code": "PARAM_ERROR", "message": "****{CARD[-4:]} ****"}}'


async def test_our_keys_are_in_no_evidence_or_log(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with till(caller, "v2") as one:
            heard = await one.pay()
    for secret in (caller.wechat["apiv3_key"], caller.wechat["v2_key"]):
        assert secret not in f"{heard!r}{caplog.text}{one.keys!r}"


async def test_evidence_keeps_the_bytes_digest_and_a_bounded_body(caller: Caller) -> None:
    async with Rogue(echo('"\x00' + "茶" * 60_000)) as rogue, till(caller, "v3", rogue.url) as one:
        heard = await one.ask(Operation.PAY)
    assert heard.evidence is not None
    assert len(heard.evidence.body) <= 16 * 1024
    assert "\x00" not in heard.evidence.body
    assert len(heard.evidence.digest) == 64
    assert ids.is_id(heard.evidence.id)
