"""S54: no refund is written down before the channel was asked about its payment, and its answer is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.flows.scene import Scene, said, settled, standing
from yuanlu import ids
from yuanlu.channels.contract import Operation, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Busy, Denied
from yuanlu.money import Money
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


def wish(scene: Scene, payment_id: str, fen: int = 500) -> RefundAsk:
    refund_id = ids.new(ids.Kind.REFUND)
    return RefundAsk(
        merchant_id=scene.merchant_id, id=refund_id, payment_id=payment_id, amount=Money(fen), who="cashier"
    )


async def kept(scene: Scene, object_id: str) -> list[tuple[str, str]]:
    sql = "select f.kind, e.operation from facts f join evidence e on e.id = f.evidence_id where f.object_id = $1"
    return [tuple(row) for row in await scene.pools.recorder.fetch(sql, object_id)]


async def test_the_payment_is_checked_and_the_answer_kept_with_the_refund(scene: Scene) -> None:
    """S54."""
    payment = await scene.paid(2000)
    scene.steps.clear()
    done = await refunds.requested_alone(scene.desk, wish(scene, payment.id))
    assert done.changed
    assert [step.operation for step in scene.steps] == [Operation.QUERY]
    assert await scene.facts(done.row.id) == ["PaymentChecked", "RefundRequested"]
    assert ("PaymentChecked", "query") in await kept(scene, done.row.id)


async def test_asking_again_checks_nothing_anew(scene: Scene) -> None:
    payment = await scene.paid(2000)
    ask = wish(scene, payment.id)
    first = await refunds.requested_alone(scene.desk, ask)
    scene.steps.clear()
    again = await refunds.requested_alone(scene.desk, ask)
    assert (again.row, again.changed, scene.steps) == (first.row, False, [])


async def test_without_an_answer_nothing_is_written(scene: Scene) -> None:
    """S54: unclear is not paid."""
    payment = await scene.paid(2000)
    scene.says[Operation.QUERY] = said(Word.UNKNOWN, "client.timeout")
    ask = wish(scene, payment.id)
    with pytest.raises(Busy):
        await refunds.requested_alone(scene.desk, ask)
    assert await scene.facts(ask.id) == []
    scene.says[Operation.QUERY] = settled(2000)
    assert (await refunds.requested_alone(scene.desk, ask)).changed


async def test_what_the_rules_refuse_is_refused_before_the_channel_is_asked(scene: Scene) -> None:
    payment = await scene.paid(2000)
    scene.steps.clear()
    with pytest.raises(Denied, match=r"refund\.over_limit"):
        await refunds.requested_alone(scene.desk, wish(scene, payment.id, 2001))
    assert scene.steps == []


async def test_a_channel_that_says_it_was_never_paid_stops_the_refund(scene: Scene) -> None:
    """S54: what contradicts our books waits for a person, and no money leaves by itself."""
    payment = await scene.paid(2000)
    scene.says[Operation.QUERY] = said(Word.REFUSED, "ORDER_CLOSED")
    ask = wish(scene, payment.id)
    with pytest.raises(Denied, match=r"refund\.contradicted"):
        await refunds.requested_alone(scene.desk, ask)
    assert await scene.facts(ask.id) == []
