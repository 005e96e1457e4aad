"""Attacks on the recorder and the reader: bad text, crossed locks, callers who leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.flows.scene import Scene, standing
from yuanlu import ids
from yuanlu.change import Change
from yuanlu.channels.registry import FACTS
from yuanlu.db import Database, Pools
from yuanlu.errors import Broken
from yuanlu.money import Money
from yuanlu.payments import store as payments
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund, RefundAsk, open_refund


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def hold(scene: Scene, payment_id: str, fen: int) -> Change[Refund]:
    """The change that opens a refund."""
    ask = RefundAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.REFUND),
        payment_id=payment_id,
        amount=Money(fen),
        who="cashier",
    )
    seen = await scene.desk.see(refunds.for_ask(ask.merchant_id, ask.id, ask.payment_id))
    change = open_refund(FACTS, ask, seen, scene.clock.now())
    assert isinstance(change, Change)
    return change


@pytest.mark.parametrize("evil", ["\x00", "\ud800"])
async def test_text_that_cannot_be_recorded_hurts_nobody_else(scene: Scene, evil: str) -> None:
    payment = await scene.paid(2000)
    good = [await hold(scene, payment.id, 1) for _ in range(6)]
    bad = await hold(scene, payment.id, 1)
    bad = replace(bad, facts=(replace(bad.facts[0], reason=evil),), row=replace(bad.row, reason=evil))
    changes = [*good[:3], bad, *good[3:]]
    answers = await asyncio.gather(*map(scene.recorder.record, changes), return_exceptions=True)
    assert [answer for answer in answers if answer is not True] == [answers[3]]
    assert isinstance(answers[3], Broken)


@pytest.mark.parametrize("evil", ["\x00", "\ud800"])
async def test_a_key_that_cannot_be_read_hurts_no_other_reader(scene: Scene, evil: str) -> None:
    payment = await scene.paid(2000)
    keys = [payment.id, evil, payment.id]
    answers = await asyncio.gather(
        *(scene.desk.see(payments.by_id(scene.merchant_id, key)) for key in keys), return_exceptions=True
    )
    assert answers[0] == answers[2] == payment
    assert isinstance(answers[1], Exception)


async def test_a_caller_who_leaves_does_not_stop_the_rest_of_a_batch_that_the_books_refuse(scene: Scene) -> None:
    payment = await scene.paid(2000)
    good = [await hold(scene, payment.id, 1) for _ in range(3)]
    bad = await hold(scene, payment.id, 1)
    bad = replace(bad, row=replace(bad.row, amount_fen=-1, id=ids.derived(ids.Kind.REFUND, scene.clock.now(), "1")))
    tasks = [asyncio.create_task(scene.recorder.record(change)) for change in [bad, *good]]
    attempt = scene.recorder._attempt
    leaving = asyncio.Event()

    async def slowly(batch: Sequence[Any]) -> list[int]:
        leaving.set()
        await asyncio.sleep(0.05)
        return await attempt(batch)

    scene.recorder._attempt = slowly  # type: ignore[method-assign]
    await leaving.wait()
    tasks[0].cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert answers[1:] == [True, True, True]


async def test_a_draw_and_a_report_on_two_payments_crosswise_do_not_lock_each_other_out(
    scene: Scene,
) -> None:
    """A report's foreign key only asks that its payment stays; a draw must not bar that, or the two deadlock."""
    payment = await scene.paid(2000)
    async with scene.pools.recorder.acquire() as connection, connection.transaction():
        # What recording a report does to its payment until it commits.
        await connection.execute("select 1 from payments where id = $1 for key share", payment.id)
        change = await hold(scene, payment.id, 1)
        assert await asyncio.wait_for(scene.recorder.record(change), 3)
