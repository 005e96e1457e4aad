"""What opening a case may cost: one query at the channel, at most three batches, however it is reported and ruled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tests.flows.scene import Scene, said, settled, standing
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import Case, CaseAsk, State, What
from yuanlu.channels.contract import Operation, Word
from yuanlu.db import Database, Pools
from yuanlu.money import Money
from yuanlu.payments.rules import Payment
from yuanlu.payments.rules import State as PaymentState

BATCHES_MAX = 3
"""Written down; the payment has learnt; chosen."""
SELECTS_MAX = 20
"""What the reader sends: to write it down, before the query, for the payment, and to choose; for twins two more."""


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def opened(scene: Scene, payment: Payment, what: What, **given: Any) -> tuple[Case, int]:
    """A case reported and checked, and how many batches the recorder sent meanwhile; what is asked is in `scene.steps`.

    One caller alone: no batch has changes of others in it.
    """
    ask = CaseAsk(
        merchant_id=scene.merchant_id, id=ids.new(ids.Kind.CASE), payment_id=payment.id, what=what, who="till", **given
    )
    scene.steps.clear()
    before, selects = scene.recorder.batches, scene.reader.batches
    await cases.request(scene.desk, ask)
    case = await cases.drive(scene.desk, ask.merchant_id, ask.id)
    assert 0 < scene.reader.batches - selects <= SELECTS_MAX
    return case, scene.recorder.batches - before


@pytest.mark.parametrize(
    ("what", "given", "state"),
    [
        (What.REQUEST, {}, State.REVIEW),
        (What.WRONG_AMOUNT, {"meant": Money(1280)}, State.REMEDY),
        (What.WRONG_CODE, {}, State.REMEDY),
        (What.CHARGED_TWICE, {}, State.REMEDY),
        (What.WRONG_CUSTOMER, {}, State.REMEDY),
        (What.WRONG_PAYEE, {}, State.REVIEW),
        (What.OTHER, {}, State.ATTENTION),
    ],
)
async def test_a_case_opens_with_one_query_and_few_batches(
    scene: Scene, what: What, given: dict[str, Any], state: State
) -> None:
    """Whatever is reported, and whatever becomes of it."""
    payment = await scene.paid(12800)
    case, batches = await opened(scene, payment, what, **given)
    assert case.state is state
    assert [step.operation for step in scene.steps] == [Operation.QUERY]
    assert 2 <= batches <= BATCHES_MAX


async def test_what_the_check_finds_out_costs_the_third_batch(scene: Scene) -> None:
    """The payment was still open: it learns from the check that it is paid."""
    scene.says = {Operation.PAY: said(Word.PENDING), Operation.QUERY: settled(12800)}
    payment = await scene.pay(12800)
    assert payment.state is PaymentState.SENT
    case, batches = await opened(scene, payment, What.WRONG_CODE)
    assert case.state is State.REMEDY
    assert [step.operation for step in scene.steps] == [Operation.QUERY]
    assert batches == BATCHES_MAX


async def test_a_fourth_batch_would_be_seen(scene: Scene) -> None:
    """What is counted is what was sent: one more change is one more batch, and one more look one more query."""
    payment = await scene.paid(12800)
    scene.says[Operation.QUERY] = said(Word.UNKNOWN)  # nothing is chosen: it is looked at again
    case, batches = await opened(scene, payment, What.WRONG_CODE)
    assert case.state is State.OPENED
    await cases.drive(scene.desk, scene.merchant_id, case.id)
    assert [step.operation for step in scene.steps] == [Operation.QUERY] * 2
    commits = await scene.pools.recorder.fetchval("select max(version) from cases where id = $1", case.id)
    assert commits == batches + 1
    assert replace(case, version=commits).looks == 1
