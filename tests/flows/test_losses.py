"""Losses and the refund float on the books."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.flows.shop import Shop
from tests.making import heard
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import CaseAsk, What
from yuanlu.channels.contract import Channel, Reason, Word
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.losses import flow, store
from yuanlu.losses.floats import Forecast
from yuanlu.losses.rules import Bearer, LossAsk, Settling, State
from yuanlu.money import Money
from yuanlu.web.parts import lists


async def a_case(shop: Shop, amount: int = 12800) -> str:
    payment = await shop.paid(amount)
    ask = CaseAsk(
        merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.OTHER, who="cashier"
    )
    return (await cases.request(shop.desk, ask)).id


def ask(shop: Shop, case_id: str, **given: Any) -> LossAsk:
    values: dict[str, Any] = {
        "merchant_id": shop.merchant, "id": ids.new(Kind.LOSS), "case_id": case_id, "cause": "wrong_customer",
        "bearer": Bearer.PAYER, "amount": Money(10_000), "who": "anna", "role": "finance",
    }  # fmt: skip
    return LossAsk(**values | given)


def settling(amount_fen: int, version: int) -> Settling:
    return Settling(amount=Money(amount_fen), version=version, who="anna", role="finance")


async def test_a_loss_is_recorded_recovered_and_written_off_in_the_books(shop: Shop) -> None:
    """S83."""
    loss = (await flow.record(shop.desk, ask(shop, await a_case(shop)))).row
    loss = await flow.recover(shop.desk, shop.merchant, loss.id, settling(4000, 1))
    loss = await flow.write_off(shop.desk, shop.merchant, loss.id, settling(6000, 2))
    assert (loss.state, loss.open_fen) == (State.SETTLED, 0)
    books = await lists.books(shop.pools.reader, shop.merchant)
    assert books.balanced
    assert books.accounts == {
        "due:wechat": -12800, "owed": 12800, "lost": -6000, "loss:payer": 0, "loss:written": 6000,
    }  # fmt: skip
    assert await shop.facts(loss.id) == ["LossRecorded", "LossRecovered", "LossWrittenOff"]


async def test_twenty_who_recover_at_once_with_one_version_are_one(shop: Shop) -> None:
    """S83."""
    loss = (await flow.record(shop.desk, ask(shop, await a_case(shop)))).row
    wish = settling(1000, 1)
    found = await asyncio.gather(
        *(flow.recover(shop.desk, shop.merchant, loss.id, wish) for _ in range(20)), return_exceptions=True
    )
    assert sum(not isinstance(each, Exception) for each in found) == 1
    assert {each.code for each in found if isinstance(each, Denied)} == {"loss.stale"}
    seen = await shop.desk.see(store.by_id(shop.merchant, loss.id))
    assert seen.loss
    assert seen.loss.recovered_fen == 1000


async def test_a_loss_of_no_case_or_of_a_neighbour_is_refused(shop: Shop) -> None:
    with pytest.raises(Denied, match=r"loss\.case_unknown"):
        await flow.record(shop.desk, ask(shop, ids.new(Kind.CASE)))
    with pytest.raises(Denied, match=r"loss\.case_unknown"):
        await flow.record(shop.desk, ask(shop, await a_case(shop), merchant_id="YMother"))
    assert not await shop.pools.recorder.fetchval("select count(*) from losses")


async def wechat(shop: Shop) -> Forecast:
    return next(each for each in await flow.forecasts(shop.desk, shop.merchant) if each.channel is Channel.WECHAT)


async def test_the_float_counts_open_refunds_and_cases_against_what_came_in(shop: Shop) -> None:
    payment = await shop.paid(12800)
    await shop.ask_refund(payment, 2800)
    case_id = await a_case(shop, 5000)
    shop.will_hear(heard(Word.SETTLED, amount=Money(5000), channel_number="4200"))
    await cases.drive(shop.desk, shop.merchant, case_id)
    one = await wechat(shop)
    assert (one.open_fen, one.expected_fen, one.need_fen) == (2800, 5000, 7800)
    assert (one.known_fen, one.is_short) == (17800, False)


async def test_a_refund_that_waits_for_funds_is_told_as_a_shortage_and_told_when_it_ends(shop: Shop) -> None:
    payment = await shop.paid(12800)
    refund = await shop.ask_refund(payment, 2800)
    await shop.drive(refund, heard(Word.DEFERRED, Reason.FUNDS_SHORT))
    one = await wechat(shop)
    assert (one.waiting, one.waiting_fen, one.short_fen, one.is_short) == (1, 2800, 2800, True)
    await flow.watch(shop.desk, shop.merchant, "wechat")
    await flow.watch(shop.desk, shop.merchant, "wechat")
    assert await shop.facts("wechat") == ["FloatShort"]
    shop.wait(120)
    await shop.drive(refund, Word.SETTLED)
    await flow.watch(shop.desk, shop.merchant, "wechat")
    assert await shop.facts("wechat") == ["FloatShort", "FloatEnough"]


async def test_asking_for_refunds_has_the_float_looked_at_once(shop: Shop) -> None:
    payment = await shop.paid(12800)
    for _ in range(3):
        await shop.ask_refund(payment, 100)
    looks = await shop.pools.recorder.fetch("select * from jobs where name = 'losses.float.wake'")
    assert [look["object_id"] for look in looks] == ["wechat"]
