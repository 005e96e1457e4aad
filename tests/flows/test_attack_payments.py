"""Attacks on payments: news that was overtaken, orders nobody scanned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.flows.scene import Scene, heard, said, settled, standing
from yuanlu import ids
from yuanlu.channels.contract import Channel, Operation, Outcome, Reason, Word
from yuanlu.db import Database, Pools
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment, State


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def reversed_(scene: Scene) -> Payment:
    """A payment that was given up and went back, before the answers on their way had come in."""
    scene.says |= {
        Operation.PAY: said(Word.UNKNOWN, "client.timeout"),
        Operation.QUERY: said(Word.ENDED, "TRADE_CLOSED"),
        Operation.REVERSE: said(Word.ENDED, "action=refund"),
    }
    payment = await scene.pay(2000, Channel.ALIPAY)
    return await payments.cancel(scene.desk, scene.merchant_id, payment.id, "cashier")


async def moves(scene: Scene) -> int:
    count: int = await scene.pools.recorder.fetchval("select count(*) from moves")
    return count


@pytest.mark.parametrize(("operation", "kind"), [("pay", "answer"), ("query", "answer"), ("", "notice")])
async def test_a_paid_that_was_overtaken_by_the_reverse_is_no_late_payment(
    scene: Scene, operation: str, kind: str
) -> None:
    """The channel said "paid", then took it back; its first word was only slower."""
    payment = await reversed_(scene)
    assert payment.state is State.REVERSED
    late = heard(settled(2000), operation, scene.clock.now(), kind)
    payment = await payments.learn(scene.desk, scene.merchant_id, payment.id, late)
    scene.clock.step(timedelta(minutes=10))
    payment = await payments.drive(scene.desk, scene.merchant_id, payment.id)
    assert payment.state is State.REVERSED
    assert not await moves(scene)
    assert not await scene.pools.recorder.fetch("select * from jobs")


@pytest.mark.parametrize("after", [timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)])
async def test_a_payment_that_was_really_paid_late_is_asked_about_and_posted(scene: Scene, after: timedelta) -> None:
    payment = await reversed_(scene)
    scene.says[Operation.QUERY] = settled(2000)
    scene.clock.step(after)
    notice = heard(settled(2000), "", scene.clock.now(), "notice")
    await payments.learn(scene.desk, scene.merchant_id, payment.id, notice)
    scene.clock.step(timedelta(minutes=1))
    payment = await payments.drive(scene.desk, scene.merchant_id, payment.id)
    assert payment.state is State.LATE_PAID
    assert await moves(scene) == 1


async def test_a_failed_payment_that_is_said_to_be_paid_is_asked_about_until_it_is_clear(scene: Scene) -> None:
    scene.says |= {Operation.PAY: said(Word.REFUSED, "NOT_ENOUGH"), Operation.QUERY: said(Word.UNKNOWN)}
    payment = await scene.pay(2000, Channel.ALIPAY)
    assert payment.state is State.FAILED
    scene.clock.step(timedelta(minutes=1))
    notice = heard(settled(2000), "", scene.clock.now(), "notice")
    await payments.learn(scene.desk, scene.merchant_id, payment.id, notice)
    assert await scene.pools.recorder.fetchval("select count(*) from jobs where name = 'payments.drive'") == 1
    scene.clock.step(timedelta(minutes=10))
    scene.says[Operation.QUERY] = said(Word.ENDED, "TRADE_CLOSED")
    payment = await payments.drive(scene.desk, scene.merchant_id, payment.id)
    assert payment.state is State.FAILED
    assert not await scene.pools.recorder.fetch("select * from jobs")


async def test_a_shown_order_nobody_scanned_ends_once_its_code_is_dead(scene: Scene) -> None:
    """Alipay knows no trade until the payer scans: neither close nor query ever says more than "not there"."""
    nobody = said(Word.PENDING, "ACQ.TRADE_NOT_EXIST", Reason.NOT_PAID)
    scene.says |= {
        Operation.SHOW: Outcome(word=Word.SHOWN, qr="https://qr.example/1"),
        Operation.QUERY: nobody,
        Operation.CLOSE: nobody,
    }
    ask = ChargeAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.PAYMENT),
        till_id=scene.till_id,
        amount=Money(2000),
        who="cashier",
        channel=Channel.ALIPAY,
    )
    payment = await payments.request(scene.desk, ask)
    assert payment.state is State.SHOWN
    scene.clock.step(timedelta(hours=2))
    payment = await payments.drive(scene.desk, scene.merchant_id, payment.id)
    assert payment.state is State.CLOSING  # it may be scanned at the last moment, and paid within its time
    scene.clock.step(timedelta(hours=2))
    payment = await payments.drive(scene.desk, scene.merchant_id, payment.id)
    assert payment.state is State.CLOSED
    scene.clock.step(timedelta(minutes=6))
    payment = await payments.drive(scene.desk, scene.merchant_id, payment.id)
    assert payment.state is State.CLOSED
    assert not await scene.pools.recorder.fetch("select * from jobs where name = 'payments.drive'")
