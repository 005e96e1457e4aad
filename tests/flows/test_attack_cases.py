"""Attacks on cases: reporting the same mistake twice, with another's refund, or after the case was closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.flows.scene import Scene, heard, said, settled, standing
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases import store
from yuanlu.cases.rules import Case, CaseAsk, Conclusion, State, What
from yuanlu.channels.contract import Channel, Operation, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk

MANAGER = Person("manager", Role.MANAGER)


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


def report(scene: Scene, payment_id: str, what: What = What.WRONG_AMOUNT, meant: int | None = 1500) -> CaseAsk:
    return CaseAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.CASE),
        payment_id=payment_id,
        what=what,
        meant=None if meant is None else Money(meant),
        who="cashier",
    )


async def back(scene: Scene, case: Case) -> Case:
    """Drive a case and its refund to the end, with a channel that pays back at once."""
    scene.says[Operation.REFUND] = lambda step: settled(step.back.amount)
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    if case.refund_id and case.state is State.REMEDY:
        await refunds.drive(scene.desk, scene.merchant_id, case.refund_id)
        case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    return case


async def test_two_cashiers_reporting_one_mistake_at_once_open_one_case(scene: Scene) -> None:
    payment = await scene.paid(2000)
    asks = [report(scene, payment.id) for _ in range(8)]
    answers = await asyncio.gather(*(cases.request(scene.desk, ask) for ask in asks), return_exceptions=True)
    assert sum(isinstance(answer, Case) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Denied)} == {"case.already_open"}


async def test_a_difference_that_went_back_does_not_go_back_again(scene: Scene) -> None:
    payment = await scene.paid(2000)
    first = await back(scene, await cases.request(scene.desk, report(scene, payment.id)))
    assert (first.state, first.conclusion) == (State.CLOSED, Conclusion.MONEY_BACK)
    again = await back(scene, await cases.request(scene.desk, report(scene, payment.id)))
    assert again.state is State.ATTENTION
    rows = await scene.pools.recorder.fetch("select back_fen from payments")
    assert [row["back_fen"] for row in rows] == [500]


async def test_a_refund_made_under_the_cases_number_by_somebody_else_does_not_close_it(scene: Scene) -> None:
    payment = await scene.paid(2000)
    case = await cases.request(scene.desk, report(scene, payment.id))
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    thief = RefundAsk(
        merchant_id=scene.merchant_id, id=case.refund_id, payment_id=payment.id, amount=Money(1), who="thief"
    )
    scene.says[Operation.REFUND] = settled(1)
    await refunds.request(scene.desk, thief)
    await refunds.drive(scene.desk, scene.merchant_id, thief.id)
    case = await back(scene, case)
    assert case.state is State.ATTENTION
    case = await cases.decide(scene.desk, scene.merchant_id, case.id, MANAGER, Money(500))
    scene.clock.step(timedelta(minutes=2))  # WeChat Pay's gap between two refunds of a payment
    assert (await back(scene, case)).conclusion is Conclusion.MONEY_BACK


async def test_a_closed_case_opens_again_when_its_money_does_not_arrive_after_all(scene: Scene) -> None:
    payment = await scene.paid(2000)
    case = await back(scene, await cases.request(scene.desk, report(scene, payment.id)))
    stranded = heard(said(Word.STRANDED, "REFUND:ABNORMAL"), "", scene.clock.now(), kind="notice")
    await refunds.learn(scene.desk, scene.merchant_id, case.refund_id, stranded)
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    assert case.state is State.ATTENTION
    assert case.conclusion is Conclusion.OPEN


async def test_a_closed_case_opens_again_when_the_channel_takes_its_word_back(scene: Scene) -> None:
    payment = await scene.paid(2000)
    case = await back(scene, await cases.request(scene.desk, report(scene, payment.id)))
    refused = heard(said(Word.REFUSED, "REFUND:CLOSED"), "", scene.clock.now(), kind="notice")
    await refunds.learn(scene.desk, scene.merchant_id, case.refund_id, refused)
    for _ in range(2):
        case = await cases.drive(scene.desk, scene.merchant_id, case.id)
        assert case.state is State.ATTENTION


async def test_no_second_refund_is_decided_while_the_channel_contradicts_the_refusal_of_the_first(
    scene: Scene,
) -> None:
    payment = await scene.paid(2000)
    case = await cases.request(scene.desk, report(scene, payment.id))
    for _ in range(2):
        case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    scene.says[Operation.REFUND] = said(Word.REFUSED, "PARAM_ERROR")
    await refunds.drive(scene.desk, scene.merchant_id, case.refund_id)
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    assert case.state is State.ATTENTION
    paid = heard(settled(500), "", scene.clock.now(), kind="notice")
    await refunds.learn(scene.desk, scene.merchant_id, case.refund_id, paid)
    with pytest.raises(Denied, match=r"case\.refund_open"):
        await cases.decide(scene.desk, scene.merchant_id, case.id, MANAGER, Money(500))


async def test_a_case_about_what_went_back_whole_ends_although_alipay_calls_the_trade_closed(scene: Scene) -> None:
    payment = await scene.paid(2000, Channel.ALIPAY)
    whole = RefundAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.REFUND),
        payment_id=payment.id,
        amount=Money(2000),
        who="cashier",
    )
    scene.says[Operation.REFUND] = settled(2000)
    await refunds.request(scene.desk, whole)
    await refunds.drive(scene.desk, scene.merchant_id, whole.id)
    scene.says[Operation.QUERY] = said(Word.ENDED, "TRADE_CLOSED")
    case = await cases.request(scene.desk, report(scene, payment.id, What.CHARGED_TWICE, None))
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    assert (case.state, case.conclusion) == (State.CLOSED, Conclusion.NOTHING_OWED)


async def test_a_case_closed_as_unpaid_is_looked_at_again_should_the_payment_turn_late_paid(scene: Scene) -> None:
    """The wake of a late payment is spent while a case is open; that case must not close over it."""
    scene.says |= {Operation.PAY: said(Word.REFUSED, "NOT_ENOUGH"), Operation.QUERY: said(Word.REFUSED, "PAYERROR")}
    payment = await scene.pay(2000)
    case = await cases.request(scene.desk, report(scene, payment.id))
    case = await cases.drive(scene.desk, scene.merchant_id, case.id)
    assert case.conclusion is Conclusion.NOTHING_PAID
    rows = await scene.pools.recorder.fetch("select object_id from jobs where name = 'cases.late_paid.wake'")
    assert [row["object_id"] for row in rows] == [payment.id]
    assert await cases.request_itself(scene.desk, scene.merchant_id, payment.id, What.LATE_PAID) is None
    view = store.by_id(scene.merchant_id, case.id)
    assert (await scene.desk.see(view)).case == case
