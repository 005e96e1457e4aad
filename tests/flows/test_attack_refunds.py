"""Attacks on refunds: who has the money, and what two people may not do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.flows.scene import Scene, heard, said, settled, standing
from yuanlu import ids
from yuanlu.channels.contract import Evidence, News, Operation, RescueTo, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import End, Refund, RefundAsk, RescueAsk, Resolution, State


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def asked(scene: Scene, payment_id: str, fen: int = 500) -> Refund:
    ask = RefundAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.REFUND),
        payment_id=payment_id,
        amount=Money(fen),
        who="cashier",
    )
    return await refunds.request(scene.desk, ask)


async def notice(scene: Scene, refund: Refund, word: Word, code: str) -> Refund:
    outcome = settled(refund.amount_fen) if word is Word.SETTLED else said(word, code)
    news = heard(outcome, "", scene.clock.now(), "notice")
    return await refunds.learn(scene.desk, scene.merchant_id, refund.id, news)


@pytest.mark.parametrize("told", ["notice", "answer"])
async def test_money_recalled_to_the_merchant_is_never_booked_as_the_payers(scene: Scene, told: str) -> None:
    """ABNORMAL is told again after the recall, by a notice or a query too early: the success that follows is the
    recall's."""
    refund = await asked(scene, (await scene.paid(2000)).id)
    scene.says[Operation.REFUND] = said(Word.PENDING, "REFUND:PROCESSING")
    await refunds.drive(scene.desk, scene.merchant_id, refund.id)
    await notice(scene, refund, Word.STRANDED, "REFUND:ABNORMAL")
    plan = RescueAsk(to=RescueTo.MERCHANT_CARD)
    await refunds.propose_rescue(scene.desk, scene.merchant_id, refund.id, "one", plan)
    scene.says[Operation.RESCUE] = said(Word.PENDING, "REFUND:PROCESSING")
    refund = await refunds.approve_rescue(scene.desk, scene.merchant_id, refund.id, "two", plan)
    assert refund.state is State.RECALLING
    again = heard(said(Word.STRANDED, "REFUND:ABNORMAL"), "refund_query", scene.clock.now(), told)
    await refunds.learn(scene.desk, scene.merchant_id, refund.id, again)
    refund = await notice(scene, refund, Word.SETTLED, "REFUND:SUCCESS")
    assert refund.state is not State.DONE


async def test_a_success_heard_between_two_sends_is_no_contradiction(scene: Scene) -> None:
    refund = await asked(scene, (await scene.paid(2000)).id)
    scene.says |= {
        Operation.REFUND: said(Word.UNKNOWN, "client.timeout"),
        Operation.REFUND_QUERY: said(Word.ABSENT, "RESOURCE_NOT_EXISTS"),
    }
    await refunds.drive(scene.desk, scene.merchant_id, refund.id)
    for _ in range(2):
        scene.clock.step(timedelta(minutes=1))
        refund = await refunds.drive(scene.desk, scene.merchant_id, refund.id)
    assert refund.state is State.READY
    refund = await notice(scene, refund, Word.SETTLED, "REFUND:SUCCESS")
    assert (refund.state, refund.incident) == (State.DONE, "")


async def test_two_people_cannot_send_what_was_never_ours_to_send(scene: Scene) -> None:
    """A refund made outside that the channel contradicts: sending "it" would be a new payout under our number."""
    payment = await scene.paid(2000)
    outcome = heard(settled(500), "", scene.clock.now(), "notice")
    news = News(payment_id=payment.id, refund_id="BY-HAND-1", outcome=outcome)
    refund = await refunds.learn_outside(scene.desk, scene.merchant_id, news)
    await notice(scene, refund, Word.REFUSED, "REFUND:CLOSED")
    proof = Evidence(id=ids.new(ids.Kind.EVIDENCE), kind="person", at=scene.clock.now(), body="seen", digest="d")
    end = Resolution(end=End.READY, proof=proof)
    with pytest.raises(Denied, match=r"refund\.not_sendable"):
        await refunds.propose_resolution(scene.desk, scene.merchant_id, refund.id, "one", end)


async def test_a_refund_the_channel_has_seen_cannot_be_taken_back(scene: Scene) -> None:
    refund = await asked(scene, (await scene.paid(2000)).id)
    await notice(scene, refund, Word.SETTLED, "REFUND:SUCCESS")
    with pytest.raises(Denied, match=r"refund\.already_sent"):
        await refunds.cancel(scene.desk, scene.merchant_id, refund.id, "cashier")


async def test_a_proposal_about_an_ended_refund_leaves_no_job_behind(scene: Scene) -> None:
    payment = await scene.paid(2000)
    refund = await asked(scene, payment.id)
    scene.says[Operation.REFUND] = said(Word.REFUSED, "PARAM_ERROR")
    await refunds.drive(scene.desk, scene.merchant_id, refund.id)
    await notice(scene, refund, Word.SETTLED, "REFUND:SUCCESS")
    proof = Evidence(id=ids.new(ids.Kind.EVIDENCE), kind="person", at=scene.clock.now(), body="seen", digest="d")
    end = Resolution(end=End.DONE, proof=proof)
    await refunds.propose_resolution(scene.desk, scene.merchant_id, refund.id, "one", end)
    assert not await scene.pools.recorder.fetch("select * from jobs where name = 'refunds.drive'")


async def test_two_people_are_told_when_the_rest_of_the_payment_is_gone(scene: Scene) -> None:
    """The refused refund was paid after all, and the whole went back by another: no draw can hold it."""
    payment = await scene.paid(2000)
    refund = await asked(scene, payment.id)
    scene.says[Operation.REFUND] = said(Word.REFUSED, "PARAM_ERROR")
    await refunds.drive(scene.desk, scene.merchant_id, refund.id)
    await asked(scene, payment.id, 2000)
    await notice(scene, refund, Word.SETTLED, "REFUND:SUCCESS")
    proof = Evidence(id=ids.new(ids.Kind.EVIDENCE), kind="person", at=scene.clock.now(), body="seen", digest="d")
    end = Resolution(end=End.DONE, proof=proof)
    await refunds.propose_resolution(scene.desk, scene.merchant_id, refund.id, "one", end)
    before = await scene.pools.recorder.fetch("select * from accounts")
    with pytest.raises(Denied, match=r"refund\.over_limit"):
        await refunds.approve_resolution(scene.desk, scene.merchant_id, refund.id, "two", end)
    assert await scene.pools.recorder.fetch("select * from accounts") == before
