"""Webhooks: told in order an object, at least once, under the same id, never before the commit, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.flows.noticing import Noticing, noticing
from tests.flows.receivers import FAULTS, Receiver, receiving
from tests.flows.scene import said
from yuanlu.channels.contract import Operation, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.letters import Letter, Receipt
from yuanlu.notify import flow
from yuanlu.notify.rules import TYPES, DeliveryState


@pytest.fixture
async def shop(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Noticing]:
    """A shop whose facts may be told."""
    async with noticing(database, pools, tmp_path) as made:
        yield made


async def in_order(shop: Noticing, receiver: Receiver) -> bool:
    """Whether what was taken in, repeats collapsed by id, is what was recorded, in order for each object."""
    by_object: dict[str, list[tuple[int, str]]] = {}
    for got in receiver.once:
        data = got.told["data"]
        by_object.setdefault(data["id"], []).append((data["transition"], data["kind"]))
    for object_id, told in by_object.items():
        assert told == [(transition, kind) for transition, _, kind in await shop.recorded(object_id)]
    return True


async def test_each_transition_is_told_signed_in_order_with_the_object_as_of_then(
    shop: Noticing, receiver: Receiver
) -> None:
    """S63."""
    made = await shop.hook(receiver.url)
    payment = await shop.paid(12800)
    refund = await shop.refund(payment, 11520)
    await shop.work()
    assert await in_order(shop, receiver)
    types = [got.told["type"] for got in receiver.got if got.told["data"]["id"] == refund.id]
    assert types == ["refund.requested", "refund.released", "refund.sent", "refund.done"]
    for got in receiver.got:
        told = Webhook(made.secret).verify(got.body, dict(got.headers))
        assert told["type"] == TYPES[told["data"]["kind"]]
        assert told["data"]["words_zh"]
        assert told["data"]["words_en"]
    *_, sent, done = [got.told for got in receiver.got if got.told["data"]["id"] == refund.id]
    assert done["data"]["object"]["state"] == "DONE"
    assert done["data"]["object"]["amount_fen"] == 11520
    assert sent["data"]["object"] is None  # SENT has moved on: nothing newer than the fact is told


async def test_nothing_is_told_that_was_recorded_before_the_hook_was_made(shop: Noticing, receiver: Receiver) -> None:
    payment = await shop.paid(12800)
    await shop.hook(receiver.url)
    await shop.refund(payment, 100)
    await shop.work()
    assert {got.told["data"]["id"][:2] for got in receiver.got} == {"YR"}


async def test_a_hook_hears_only_the_types_it_asked_for(shop: Noticing, receiver: Receiver) -> None:
    await shop.hook(receiver.url, "refund.done", "payment.*")
    payment = await shop.paid(12800)
    await shop.refund(payment, 100)
    await shop.work()
    assert sorted(got.told["type"] for got in receiver.got) == ["payment.opened", "payment.paid", "refund.done"]


async def test_nothing_is_told_when_the_state_did_not_change(shop: Noticing, receiver: Receiver) -> None:
    await shop.hook(receiver.url)
    payment = await shop.paid(12800)
    refund = await shop.refund(payment, 100, said(Word.PENDING))
    await shop.work()
    before = [got.told["type"] for got in receiver.got if got.told["data"]["id"] in (payment.id, refund.id)]
    shop.says[Operation.REFUND_QUERY] = said(Word.PENDING)
    for _ in range(5):
        await shop.later(minutes=10)
    after = [got.told["type"] for got in receiver.got if got.told["data"]["id"] in (payment.id, refund.id)]
    assert after == before  # the float is another object: at midnight in China it is told of
    # In order of an object, not among objects: the payment's own notice may come behind the refund's.
    assert [got.told["type"] for got in receiver.got if got.told["data"]["id"] == refund.id][-1] == "refund.sent"


async def test_a_merchants_hook_never_hears_of_another_merchant(shop: Noticing, receiver: Receiver) -> None:
    other = await shop.neighbour()
    async with receiving() as theirs:
        await shop.hook(receiver.url)
        await other.hook(theirs.url)
        mine, yours = await shop.paid(12800), await other.paid(999)
        await shop.work()
    assert {got.told["data"]["id"] for got in receiver.got} == {mine.id}
    assert {got.told["data"]["id"] for got in theirs.got} == {yours.id}


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_a_receiver_does_the_letter_comes_again_under_the_same_id_and_in_order(
    shop: Noticing, receiver: Receiver, fault: str
) -> None:
    await shop.hook(receiver.url)
    receiver.acts.extend([fault, fault])
    payment = await shop.paid(12800)
    await shop.refund(payment, 100)
    await shop.until_told()
    assert await in_order(shop, receiver)
    assert {got.path for got in receiver.got} == {"/hook"}  # a redirect is not followed
    repeated = [got.id for got in receiver.got if got.act == fault]
    assert set(repeated) <= {got.id for got in receiver.once}
    assert all(each.state is DeliveryState.IDLE and not each.attempts for each in await shop.deliveries())


async def test_a_letter_that_does_not_arrive_holds_back_those_behind_it_and_no_others(
    shop: Noticing, receiver: Receiver
) -> None:
    await shop.hook(receiver.url)
    receiver.acts.append("500")
    first = await shop.paid(100)
    await shop.work()
    assert [got.told["data"]["id"] for got in receiver.got] == [first.id]
    second = await shop.paid(200)
    await shop.work()
    assert {got.told["data"]["id"] for got in receiver.taken} == {second.id}
    await shop.until_told()
    assert await in_order(shop, receiver)


async def test_what_was_sent_and_not_recorded_is_sent_again_under_the_same_id(
    shop: Noticing, receiver: Receiver
) -> None:
    """A crash between sending and recording: at least once, never twice as distinct."""
    await shop.hook(receiver.url)
    carried = shop.tell

    async def crashes(letter: Letter) -> Receipt:
        await carried(letter)
        raise KeyError("the process dies here")

    shop.tell = crashes
    payment = await shop.paid(12800)
    await shop.worker.once()
    shop.tell = carried
    await shop.until_told()
    assert len(receiver.taken) > len(receiver.once)
    assert [got.told["data"]["kind"] for got in receiver.once] == ["PaymentOpened", "PaymentPaid"]
    assert payment.id == receiver.once[0].told["data"]["id"]


async def test_two_workers_at_once_tell_each_letter_in_order(shop: Noticing, receiver: Receiver) -> None:
    await shop.hook(receiver.url)
    receiver.usual = "slow"
    payment = await shop.paid(12800)
    await shop.work()
    delivery = (await shop.deliveries())[0]
    receiver.usual = "200"
    receiver.got.clear()
    await flow.replay(shop.desk, shop.merchant_id, delivery.hook_id, letter=f"{delivery.id}-1-0", who="boss")
    sends = (flow.send(shop.desk, shop.merchant_id, delivery.id) for _ in range(4))
    await asyncio.gather(*sends)
    await shop.until_told()
    assert [got.told["data"]["kind"] for got in receiver.once] == ["PaymentOpened", "PaymentPaid"]
    assert {got.told["data"]["id"] for got in receiver.got} == {payment.id}


async def test_a_fact_recorded_while_its_predecessor_is_being_sent_is_not_forgotten(
    shop: Noticing, receiver: Receiver
) -> None:
    await shop.hook(receiver.url, "payment.*", "refund.*")
    shop.says[Operation.PAY] = said(Word.PENDING)
    payment = await shop.pay(12800)
    recorded = asyncio.Event()

    async def meanwhile(_: object) -> None:
        if not recorded.is_set():
            recorded.set()
            await shop.desk.decide(*await _paid(shop, payment.id))
            await flow.wake(shop.desk, shop.merchant_id, payment.id)

    receiver.on_get = meanwhile
    await flow.wake(shop.desk, shop.merchant_id, payment.id)
    delivery = (await shop.deliveries())[0]
    await flow.send(shop.desk, shop.merchant_id, delivery.id)
    assert [got.told["type"] for got in receiver.once] == ["payment.opened", "payment.paid"]
    assert (await shop.deliveries())[0].state is DeliveryState.IDLE


async def _paid(shop: Noticing, payment_id: str) -> tuple[object, object]:
    from functools import partial

    from tests.flows.scene import heard, settled
    from yuanlu.channels.registry import FACTS
    from yuanlu.payments import rules, store

    outcome = heard(settled(12800), Operation.QUERY, shop.clock.now())
    return store.by_id(shop.merchant_id, payment_id), partial(rules.hear, FACTS, outcome)


async def test_a_letter_nobody_takes_for_a_day_is_parked_and_the_next_fact_tries_it_again_first(
    shop: Noticing, receiver: Receiver
) -> None:
    async with receiving("500") as poisoned:
        await shop.hook(poisoned.url)
        payment = await shop.paid(12800)
        other = await shop.paid(1)
        receiver.usual = "200"
        for hours in (1, 1, 3, 6, 9):
            poisoned.usual = "500"
            await shop.later(hours=hours)
        for _ in range(6):
            await shop.later(hours=3)
        parked = await shop.deliveries(state="PARKED")
        assert {each.object_id for each in parked} <= {payment.id, other.id}
        assert parked
        assert not await shop.jobs("notify.send")
    assert await shop.facts_of("NoticeParked")


async def test_a_hook_that_stays_dead_is_asked_ever_more_rarely_then_disabled_and_the_others_are_told(
    shop: Noticing, receiver: Receiver
) -> None:
    async with receiving("hang") as dead:
        made = await shop.hook(dead.url)
        await shop.hook(receiver.url)
        for _ in range(12):
            await shop.paid(100)
        await shop.work()
        assert len(receiver.once) == 24  # the living one heard everything at once
        first = len(dead.got)
        assert first <= 12
        for _ in range(56):
            await shop.later(minutes=30)
        assert len(dead.got) - first <= 60  # one letter at a time, whatever waits behind
    hook = await shop.desk.see(flow.store.hook(shop.merchant_id, made.hook.id))
    assert hook is not None
    assert (hook.state, hook.why) == ("DISABLED", "dead")
    told = [got.told for got in receiver.once if got.told["type"] == "hook.disabled"]
    assert [each["data"]["object"]["id"] for each in told] == [made.hook.id]
    assert "secret" not in msgspec.json.encode(told[0]).decode().replace("old_secret_until", "")


async def test_a_hook_that_is_enabled_again_hears_what_it_missed_once(shop: Noticing, receiver: Receiver) -> None:
    made = await shop.hook(receiver.url)
    first = await shop.paid(100)
    await shop.work()
    await flow.disable(shop.desk, shop.merchant_id, made.hook.id, "boss")
    second = await shop.paid(200)
    await shop.refund(first, 50)
    await shop.work()
    assert {got.told["data"]["id"] for got in receiver.got} == {first.id}
    await flow.enable(shop.desk, shop.merchant_id, made.hook.id, "boss")
    await shop.until_told()
    assert await in_order(shop, receiver)
    assert {got.told["data"]["id"][:2] for got in receiver.got} == {"YP", "YR"}
    assert second.id in {got.told["data"]["id"] for got in receiver.got}
    assert len(receiver.got) == len(receiver.once)


async def test_a_replay_tells_again_since_a_moment_under_the_ids_of_then(shop: Noticing, receiver: Receiver) -> None:
    made = await shop.hook(receiver.url)
    before = await shop.paid(100)
    shop.clock.step(timedelta(minutes=5))
    since = shop.clock.now()
    after = await shop.paid(200)
    await shop.work()
    ids_then = [got.id for got in receiver.got if got.told["data"]["id"] == after.id]
    receiver.got.clear()
    await flow.replay(shop.desk, shop.merchant_id, made.hook.id, since=since, who="boss")
    await shop.until_told()
    assert [got.id for got in receiver.got] == ids_then
    assert before.id not in {got.told["data"]["id"] for got in receiver.got}


async def test_a_replay_from_one_letter_tells_it_and_what_followed_on_its_object(
    shop: Noticing, receiver: Receiver
) -> None:
    made = await shop.hook(receiver.url)
    refund = await shop.refund(await shop.paid(12800), 100)
    await shop.work()
    mine = [got.id for got in receiver.got if got.told["data"]["id"] == refund.id]
    receiver.got.clear()
    await flow.replay(shop.desk, shop.merchant_id, made.hook.id, letter=mine[1], who="boss")
    await shop.until_told()
    assert [got.id for got in receiver.got] == mine[1:]
    other = await shop.neighbour()
    stranger = await other.hook(receiver.url)
    with pytest.raises(Denied, match=r"hook\.letter_unknown"):
        await flow.replay(shop.desk, other.merchant_id, stranger.hook.id, letter=mine[1], who="boss")


async def test_an_old_secret_signs_beside_the_new_one_for_a_set_time(shop: Noticing, receiver: Receiver) -> None:
    made = await shop.hook(receiver.url)
    new = await flow.rotate(shop.desk, shop.merchant_id, made.hook.id, timedelta(hours=1), "boss")
    await shop.paid(100)
    await shop.work()
    for secret in (made.secret, new.secret):
        Webhook(secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))
    shop.clock.step(timedelta(hours=2))
    await shop.paid(100)
    await shop.work()
    late = {**receiver.got[-1].headers, "webhook-timestamp": receiver.got[-1].headers["webhook-timestamp"]}
    assert len(late["webhook-signature"].split(" ")) == 1
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(receiver.got[-1].body, late)


async def test_a_receiver_that_says_gone_is_told_nothing_more(shop: Noticing, receiver: Receiver) -> None:
    made = await shop.hook(receiver.url)
    receiver.usual = "410"
    await shop.paid(100)
    await shop.work()
    hook = await shop.desk.see(flow.store.hook(shop.merchant_id, made.hook.id))
    assert hook is not None
    assert (hook.state, hook.why) == ("DISABLED", "gone")
    await shop.paid(100)
    await shop.until_told()
    assert len(receiver.got) == 1


async def test_a_receivers_wish_for_patience_is_kept(shop: Noticing, receiver: Receiver) -> None:
    await shop.hook(receiver.url)
    receiver.acts.append("429")
    await shop.paid(100)
    await shop.work()
    await shop.later(minutes=10)
    assert len(receiver.got) == 1
    await shop.later(minutes=6)
    assert len(receiver.once) == 2


async def test_the_secret_and_the_address_are_nowhere_in_the_books(shop: Noticing, receiver: Receiver) -> None:
    made = await shop.hook(receiver.url)
    await shop.paid(100)
    await shop.work()
    for table in ("hooks", "deliveries", "facts"):
        rows = await shop.pools.recorder.fetch(f"select * from {table}")
        text = repr([dict(row) for row in rows])
        assert made.secret not in text
        assert "/hook" not in text.replace("/hooks", "")
