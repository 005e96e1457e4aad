"""Attacks through the callbacks: another channel's number, another payment's refund, refunds made by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.scene import Scene, heard, settled, standing
from yuanlu import ids
from yuanlu.app import App
from yuanlu.channels.contract import Channel, News, Outcome, Word
from yuanlu.channels.driver import Driver
from yuanlu.config import Settings
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.payments import store as payments
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


@pytest.fixture
async def app(scene: Scene, database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[App]:
    """The app over the scene's books; its callbacks are taken as verified."""
    made = App(Settings(state=tmp_path), database, pools, Driver(clock=scene.clock), scene.clock)
    yield made
    await made.reader.close()
    await made.recorder.close()


async def told(
    scene: Scene, app: App, channel: Channel, payment_id: str, outcome: Outcome, refund_id: str = ""
) -> None:
    outcome = heard(outcome, "", scene.clock.now(), "notice")
    await app._learn(channel, scene.merchant_id, News(payment_id=payment_id, refund_id=refund_id, outcome=outcome))


async def back(scene: Scene, payment_id: str) -> int:
    payment = await scene.desk.see(payments.by_id(scene.merchant_id, payment_id))
    assert payment is not None
    return payment.back_fen


async def test_one_channel_has_no_word_about_the_payments_of_another(scene: Scene, app: App) -> None:
    scene.says = {}
    payment = await scene.pay(2000, Channel.WECHAT)
    with pytest.raises(Denied, match=r"payment\.unknown"):
        await told(scene, app, Channel.ALIPAY, payment.id, settled(2000))


async def test_a_refund_of_another_payment_under_our_refunds_number_does_not_end_ours(scene: Scene, app: App) -> None:
    payment, other = await scene.paid(2000), await scene.paid(2000)
    ask = RefundAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.REFUND),
        payment_id=payment.id,
        amount=Money(500),
        who="cashier",
    )
    await refunds.request(scene.desk, ask)
    await told(scene, app, Channel.WECHAT, other.id, settled(500), ask.id)
    assert (await refunds.drive(scene.desk, scene.merchant_id, ask.id)).incident == ""
    assert await back(scene, other.id) == 500


async def test_a_refund_under_a_number_like_ours_that_we_lost_is_posted(scene: Scene, app: App) -> None:
    payment = await scene.paid(2000)
    for _ in range(2):
        await told(scene, app, Channel.WECHAT, payment.id, settled(500), ids.new(ids.Kind.REFUND, scene.clock.now()))
    assert await back(scene, payment.id) == 1000


async def test_a_refund_made_by_hand_at_alipay_is_posted_once(scene: Scene, app: App) -> None:
    """Alipay tells no number of it, only how much went back of the trade in all."""
    payment = await scene.paid(2000, Channel.ALIPAY)
    seen = Outcome(word=Word.SETTLED, amount=Money(2000), back_seen=Money(500))
    for _ in range(2):
        await told(scene, app, Channel.ALIPAY, payment.id, seen)
        assert await back(scene, payment.id) == 500
    names = [row["name"] for row in await scene.pools.recorder.fetch("select name from jobs")]
    assert names == ["cases.outside_refund.wake"]


async def test_our_own_refund_told_by_alipay_is_no_refund_made_outside(scene: Scene, app: App) -> None:
    payment = await scene.paid(2000, Channel.ALIPAY)
    ask = RefundAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.REFUND),
        payment_id=payment.id,
        amount=Money(500),
        who="cashier",
    )
    await refunds.request(scene.desk, ask)
    await refunds.drive(scene.desk, scene.merchant_id, ask.id)
    await told(scene, app, Channel.ALIPAY, payment.id, Outcome(word=Word.SETTLED, back_seen=Money(500)))
    assert await back(scene, payment.id) == 500


async def test_a_whole_refund_made_by_hand_at_alipay_leaves_no_contradiction(scene: Scene, app: App) -> None:
    payment = await scene.paid(2000, Channel.ALIPAY)
    closed = Outcome(word=Word.ENDED, code="TRADE_CLOSED", back_seen=Money(2000))
    await told(scene, app, Channel.ALIPAY, payment.id, closed)
    now = await scene.desk.see(payments.by_id(scene.merchant_id, payment.id))
    assert now is not None
    assert (now.back_fen, now.incident) == (2000, "")
