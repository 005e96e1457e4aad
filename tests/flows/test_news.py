"""What beside payments, refunds and cases is told: floats, repayments, complaints, hand-overs, losses, codes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.noticing import Noticing, noticing
from tests.flows.receivers import Receiver, receiving
from tests.flows.scene import said, settled
from tests.flows.test_causes import report
from tests.flows.test_wrong_payee import TEXT, hang
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases import store as cases_store
from yuanlu.cases import tracing
from yuanlu.cases.handovers import HandoverAsk
from yuanlu.cases.rules import State, What
from yuanlu.channels.contract import REMOTE, Channel, Deed, Entry, Grievance, Heard, Operation, Reason, Side, Word
from yuanlu.complaints import flow as complaints
from yuanlu.db import Database, Pools
from yuanlu.devices import flow as devices
from yuanlu.devices.rules import FoundAs
from yuanlu.ids import Kind
from yuanlu.losses import flow as losses
from yuanlu.losses.rules import Bearer, LossAsk, Settling
from yuanlu.money import Money
from yuanlu.notify import flow
from yuanlu.payments.rules import Payment
from yuanlu.refunds import flow as refunds
from yuanlu.repayments import flow as repayments
from yuanlu.repayments.rules import Because

ACCOUNT = repayments.Account(payer_name="张三", account_name="张三", account_number="6200000000001234", bank="工商银行")
SAID = "多扣了钱"  # made up


@pytest.fixture
async def shop(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Noticing]:
    """A shop whose facts may be told."""
    async with noticing(database, pools, tmp_path) as made:
        yield made


def types(receiver: Receiver, object_id: str) -> list[str]:
    """What was told of an object, repeats collapsed, in the order it came."""
    return [got.told["type"] for got in receiver.once if got.told["data"]["id"] == object_id]


async def in_review(shop: Noticing, fen: int, channel: Channel = Channel.WECHAT) -> str:
    """A case of yesterday's payment that a person must decide: what came in then is in the bank."""
    payment = await shop.paid(fen, channel)
    shop.clock.step(timedelta(days=1))
    ask = report(shop, payment.id, What.REQUEST)
    await cases.request(shop.desk, ask)
    await cases.drive(shop.desk, shop.merchant_id, ask.id)
    return ask.id


async def state(shop: Noticing, case_id: str) -> State:
    seen = await shop.desk.see(cases_store.by_id(shop.merchant_id, case_id))
    assert seen.case is not None
    return seen.case.state


@pytest.mark.parametrize("channel", list(REMOTE))
async def test_the_float_warns_while_the_case_is_still_in_review(
    shop: Noticing, receiver: Receiver, channel: Channel
) -> None:
    await shop.hook(receiver.url, "float.*")
    case_id = await in_review(shop, 5000, channel)
    assert await state(shop, case_id) is State.REVIEW
    await shop.until_told()
    await shop.later(minutes=5)
    await shop.until_told()
    assert await state(shop, case_id) is State.REVIEW
    (told,) = [got.told for got in receiver.once]
    assert (told["type"], told["data"]["id"]) == ("float.short", channel.value)
    assert told["data"]["facts"]["short_fen"] == 5000
    assert not await shop.pools.recorder.fetchval("select count(*) from refunds")


async def test_the_floats_are_looked_at_as_soon_as_a_remedy_is_chosen(shop: Noticing) -> None:
    """What is small and plain needs nobody: its remedy counts as soon as it is chosen."""
    payment = await shop.paid(1280)
    shop.clock.step(timedelta(days=1))
    ask = report(shop, payment.id, What.WRONG_AMOUNT, 128)
    await cases.request(shop.desk, ask)
    shop.says[Operation.REFUND] = said(Word.DEFERRED, reason=Reason.FUNDS_SHORT)
    await cases.drive(shop.desk, shop.merchant_id, ask.id)
    looks = await shop.pools.recorder.fetch(
        "select object_id from jobs where name = 'losses.float.wake' order by object_id"
    )
    assert [row["object_id"] for row in looks] == ["alipay", "wechat"]  # a refund alone looks at its own channel
    assert (await shop.facts(ask.id)).count("RemedyChosen") == 1


async def test_a_float_is_told_in_order_though_the_pull_of_complaints_has_its_name(
    shop: Noticing, receiver: Receiver
) -> None:
    await complaints.watch(shop.desk, shop.merchant_id, Channel.WECHAT, "boss")
    await shop.hook(receiver.url, "float.*")
    payment = await shop.paid(12800)
    refund = await shop.refund(payment, 2800, said(Word.DEFERRED, reason=Reason.FUNDS_SHORT))
    receiver.acts.extend(["500", "500"])
    await losses.watch(shop.desk, shop.merchant_id, "wechat")
    shop.says[Operation.REFUND] = settled(2800)
    shop.clock.step(timedelta(minutes=2))
    await refunds.drive(shop.desk, shop.merchant_id, refund.id)
    await losses.watch(shop.desk, shop.merchant_id, "wechat")
    await shop.until_told()
    assert types(receiver, "wechat") == ["float.short", "float.enough"]
    assert len(receiver.got) > len(receiver.once)  # what failed came again, under the id it had
    (delivery,) = await shop.deliveries(object_id="wechat")
    assert (delivery.sent, delivery.attempts) == (2, 0)
    assert await flow.replay(shop.desk, shop.merchant_id, delivery.hook_id, letter=receiver.once[0].id, who="boss")
    await shop.until_told()
    assert types(receiver, "wechat") == ["float.short", "float.enough"]  # the same letters, under the same ids


async def test_two_merchants_floats_of_one_channel_are_two(shop: Noticing, receiver: Receiver) -> None:
    other = await shop.neighbour()
    async with receiving() as theirs:
        await shop.hook(receiver.url, "float.*")
        await other.hook(theirs.url, "float.*")
        refund = await shop.paid(12800)
        await shop.refund(refund, 2800, said(Word.DEFERRED, reason=Reason.FUNDS_SHORT))
        await losses.watch(shop.desk, shop.merchant_id, "wechat")
        await losses.watch(other.desk, other.merchant_id, "wechat")
        await shop.until_told()
    assert types(receiver, "wechat") == ["float.short"]
    assert not theirs.got


async def late(shop: Noticing) -> Payment:
    """A payment whose window is over."""
    payment = await shop.paid(12800)
    shop.clock.step(timedelta(days=400))
    return payment


async def test_a_repayment_is_told_at_each_turn_and_its_account_never(shop: Noticing, receiver: Receiver) -> None:
    payment = await late(shop)
    await shop.hook(receiver.url, "repayment.*")
    wish = repayments.Wish(
        merchant_id=shop.merchant_id, id=ids.new(Kind.REPAYMENT), payment_id=payment.id, amount=Money(11520),
        because=Because.WINDOW_OVER, account=ACCOUNT, who="anna", role="finance",
    )  # fmt: skip
    await repayments.propose(shop.desk, wish)
    await repayments.approve(shop.desk, shop.merchant_id, wish.id, "bert", "finance")
    await repayments.account(shop.desk, shop.merchant_id, wish.id, "bert", "finance")
    await repayments.pay(shop.desk, shop.merchant_id, wish.id, "bert", "ICBC 1", "finance")
    await shop.work()
    assert types(receiver, wish.id) == ["repayment.proposed", "repayment.approved", "repayment.paid"]
    last = receiver.once[-1].told["data"]
    assert last["object"]["state"] == "PAID"
    for got in receiver.got:
        assert ACCOUNT.account_number.encode() not in got.body
        assert "张三".encode() not in got.body


async def test_a_loss_and_a_code_are_told(shop: Noticing, receiver: Receiver) -> None:
    case_id = await in_review(shop, 5000)
    await shop.hook(receiver.url, "loss.*", "code.*")
    ask = LossAsk(
        merchant_id=shop.merchant_id, id=ids.new(Kind.LOSS), case_id=case_id, cause="wrong_customer",
        bearer=Bearer.PAYER, amount=Money(10000), who="anna", role="finance",
    )  # fmt: skip
    await losses.record(shop.desk, ask)
    settling = Settling(amount=Money(4000), version=1, who="anna", role="finance")
    await losses.recover(shop.desk, shop.merchant_id, ask.id, settling)
    store_id = await shop.pools.recorder.fetchval("select store_id from tills where id = $1", shop.till_id)
    code = await hang(shop, store_id)
    await devices.audit(shop.desk, shop.merchant_id, code.id, FoundAs.MISSING, "", "anna")
    await shop.work()
    assert types(receiver, ask.id) == ["loss.recorded", "loss.recovered"]
    assert types(receiver, code.id) == ["code.hung", "code.audited"]
    assert all(TEXT.encode() not in got.body for got in receiver.got)


def told(payment: Payment, at: datetime, *entries: Entry) -> Heard:
    grievance = Grievance(
        id="2000000001", state="PENDING", is_open=True, order_number=payment.id, at=at, asks_refund=True,
        asked=Money(4800), text=SAID, phone="13800000000",
    )  # fmt: skip
    opened = Entry(id="1", side=Side.PAYER, deed=Deed.OPENED, at=at, text=SAID)
    return Heard(word=Word.SETTLED, complaints=(grievance,), entries=(opened, *entries), asked_at=at)


async def test_a_complaint_and_its_alarm_are_told_without_what_was_said(shop: Noticing, receiver: Receiver) -> None:
    """S63."""
    await shop.hook(receiver.url, "complaint.*")
    payment, since = await shop.paid(4800), shop.clock.now()
    heard = told(payment, since)
    one = await complaints.learn(shop.desk, shop.merchant_id, Channel.WECHAT, heard, heard.complaints[0])
    await shop.refund(payment, 4800)
    shop.clock.step(timedelta(days=2))
    again = told(payment, since)
    await complaints.learn(shop.desk, shop.merchant_id, Channel.WECHAT, again, again.complaints[0])
    await shop.work()
    assert types(receiver, one.id) == ["complaint.heard", "complaint.alarm"]
    alarm = receiver.once[-1].told["data"]
    assert alarm["facts"] == {"alarm": "refund_without_answer"}
    assert alarm["object"]["alarms"] == ["refund_without_answer"]
    assert all(SAID.encode() not in got.body and b"13800000000" not in got.body for got in receiver.got)


async def test_a_hand_over_is_told_to_each_side_as_that_side_sees_it(shop: Noticing, receiver: Receiver) -> None:
    other = await shop.neighbour()
    async with receiving() as theirs:
        await shop.hook(receiver.url, "handover.*")
        await other.hook(theirs.url, "handover.*")
        payment = await other.paid(900)
        ask = HandoverAsk(
            merchant_id=shop.merchant_id, id=ids.new(Kind.HANDOVER, shop.clock.now()),
            voucher=tracing.voucher_of(shop.desk, payment.id), who="cashier", said=SAID,
        )  # fmt: skip
        await tracing.request(shop.desk, ask)
        for _ in range(3):
            await shop.later(seconds=30)
    assert types(receiver, ask.id)[0] == "handover.asked"
    assert types(theirs, ask.id) == ["handover.taken"]
    assert all(payment.id.encode() not in got.body and SAID.encode() not in got.body for got in receiver.got)


async def test_a_neighbours_hook_hears_only_what_it_asked_for(shop: Noticing, receiver: Receiver) -> None:
    await shop.hook(receiver.url, "loss.*")
    payment = await shop.paid(12800)
    await shop.refund(payment, 2800, said(Word.DEFERRED, reason=Reason.FUNDS_SHORT))
    await losses.watch(shop.desk, shop.merchant_id, "wechat")
    await shop.until_told()
    assert not receiver.got
    assert not await shop.deliveries(object_id="wechat")
