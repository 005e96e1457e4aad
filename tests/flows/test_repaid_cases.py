"""A case whose road back is shut: two people repay it; it pays one way only, whatever comes at once or dies between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.flows.scene import Scene, said, settled, standing
from yuanlu import ids
from yuanlu.cases import answers, repaying
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import Case, CaseAsk, Conclusion, State, What
from yuanlu.channels.contract import Operation, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.losses import flow as losses
from yuanlu.money import Money
from yuanlu.payments import store as payments_store
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.routes import Way
from yuanlu.repayments import flow as repayments
from yuanlu.repayments.flow import Account, Wish
from yuanlu.repayments.rules import Because, Refusal, Repayment
from yuanlu.repayments.rules import State as RepaymentState
from yuanlu.web.parts import lists

ACCOUNT = Account(payer_name="张三", account_name="张三", account_number="6200000000001234", bank="工商银行")
BOSS = Person("boss", Role.OWNER)


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def now(scene: Scene, case: Case) -> Case:
    found = (await cases.find(scene.desk, scene.merchant_id, case.id)).case
    assert found is not None
    return found


async def opened(scene: Scene, payment_id: str, what: What = What.REQUEST, **given: Any) -> Case:
    ask = {"merchant_id": scene.merchant_id, "id": ids.new(Kind.CASE), "payment_id": payment_id, "what": what}
    case = await cases.request(scene.desk, CaseAsk(**{**ask, "who": "till"} | given))
    await scene.work()
    return await now(scene, case)


async def too_late(scene: Scene, fen: int = 3000, paid_fen: int = 10000) -> Case:
    """A wish of 400 days later, which a manager agrees to: it cannot go back the way it came."""
    payment = await scene.paid(paid_fen)
    scene.clock.step(timedelta(days=400))
    case = await opened(scene, payment.id, asked=Money(fen))
    boss = await scene.staff("owner", "李雷")
    case = await cases.approve(scene.desk, scene.merchant_id, case.id, boss, case.version)
    if case.state is State.SECOND:
        second = await scene.staff("finance", "韩梅")
        case = await cases.confirm(scene.desk, scene.merchant_id, case.id, second, case.version)
    await scene.work()
    return await now(scene, case)


async def refused(scene: Scene, fen: int = 3000, paid_fen: int = 10000) -> Case:
    """A wrong amount whose refund the channel refuses for good."""
    payment = await scene.paid(paid_fen)
    scene.says[Operation.REFUND] = said(Word.REFUSED, "USER_ACCOUNT_ABNORMAL")
    return await opened(scene, payment.id, What.WRONG_AMOUNT, meant=Money(paid_fen - fen))


def wish(scene: Scene, case: Case, because: Because = Because.WINDOW_OVER, **given: Any) -> Wish:
    values: dict[str, Any] = {
        "merchant_id": scene.merchant_id,
        "id": ids.new(Kind.REPAYMENT),
        "payment_id": case.payment_id,
        "amount": Money(case.remedy_fen),
        "because": because,
        "account": ACCOUNT,
        "who": "anna",
        "case_id": case.id,
        "refund_id": case.refund_id if because is Because.REFUND_REFUSED else "",
    }
    return Wish(**{"role": "finance"} | values | given)


async def proposed(scene: Scene, case: Case, because: Because = Because.WINDOW_OVER, **given: Any) -> Repayment:
    return (await repaying.propose(scene.desk, wish(scene, case, because, **given))).row


async def back(scene: Scene, case: Case) -> int:
    found = await scene.desk.see(payments_store.by_id(scene.merchant_id, case.payment_id))
    assert found is not None
    return found.back_fen


async def sound(scene: Scene, case: Case) -> None:
    assert (await lists.books(scene.pools.reader, scene.merchant_id)).balanced
    assert await cases.broken(scene.desk, scene.merchant_id, case.id) is None


async def test_a_case_too_late_for_its_road_is_repaid_by_two_people_and_closes_with_the_proof(scene: Scene) -> None:
    """S64. S65. S67: the window is looked at when the money is about to leave, not only when it is decided."""
    case = await too_late(scene)
    assert (case.state, case.way, case.holder) == (State.ATTENTION, "", "finance")
    assert case.note == "too late for the way it came; two people repay it"
    assert Operation.REFUND not in [step.operation for step in scene.steps]
    row = await proposed(scene, case)
    case = await now(scene, case)
    assert (case.state, case.remedy, case.repayment_id) == (State.REMEDY, "repayment", row.id)
    assert (case.way, case.holder, case.remedy_fen) == ("offline", "finance", 3000)
    way = await answers.way_back(scene.desk, scene.merchant_id, case.payment_id)
    assert (way.route.way, way.route.why) == (Way.WAIT, "repaying")
    assert (await losses.forecasts(scene.desk, scene.merchant_id, 7))[0].promised_fen == 0  # no channel account pays it
    await repaying.approve(scene.desk, scene.merchant_id, row.id, "bert", role="finance")
    row = await repaying.pay(scene.desk, scene.merchant_id, row.id, "bert", "ICBC 2027-1", role="finance")
    case = await now(scene, case)
    assert (case.state, case.conclusion, case.closed_at) == (State.CLOSED, Conclusion.MONEY_BACK, scene.clock.now())
    thread = await cases.thread(scene.desk, scene.merchant_id, case.id, as_customer=False)
    proof = await scene.pools.recorder.fetchrow("select id, digest from evidence where object_id = $1", row.id)
    assert (thread.items[-1].item, thread.items[-1].digest) == (proof["id"], proof["digest"])
    kinds = [kind for kind in await scene.facts(case.id) if kind not in ("RulesCited", "CauseFound")]
    assert kinds[-6:] == [  # a year later than the calendar is published for
        "RemedyChosen", "RouteTaken", "CasePromised", "PromiseUncertain", "CaseClosed", "CaseItemAdded",
    ]  # fmt: skip
    assert await back(scene, case) == 3000
    await sound(scene, case)
    await scene.work()
    assert not await scene.pools.recorder.fetchval("select count(*) from jobs where object_id = $1", case.id)


async def test_what_the_channel_refused_is_repaid_and_never_refunded_as_well(scene: Scene) -> None:
    """S64. S65."""
    case = await refused(scene)
    assert (case.state, case.note.partition(":")[0]) == (State.ATTENTION, "the channel refused the refund")
    row = await proposed(scene, case, Because.REFUND_REFUSED)
    with pytest.raises(Denied, match=r"case\.not_waiting"):
        await cases.decide(scene.desk, scene.merchant_id, case.id, BOSS, Money(3000))
    await repaying.approve(scene.desk, scene.merchant_id, row.id, "bert", role="finance")
    await repaying.pay(scene.desk, scene.merchant_id, row.id, "bert", "ICBC 1", role="finance")
    assert (await now(scene, case)).conclusion is Conclusion.MONEY_BACK
    assert await back(scene, case) == 3000
    await refunds.learn(scene.desk, scene.merchant_id, case.refund_id, settled(3000))  # it came after all
    await scene.work()
    case = await now(scene, case)
    assert case.state is State.ATTENTION
    assert case.note.startswith("repaid")


@pytest.mark.parametrize("end", ["refused", "expired"])
async def test_a_repayment_that_comes_to_nothing_gives_the_case_back_to_people(scene: Scene, end: str) -> None:
    """S65."""
    case = await too_late(scene)
    row = await proposed(scene, case)
    if end == "refused":
        await repaying.refuse(scene.desk, scene.merchant_id, row.id, "bert", Refusal.WRONG_ACCOUNT, role="finance")
    else:
        scene.clock.step(timedelta(days=7))
        await scene.work()
    case = await now(scene, case)
    assert (case.state, case.holder) == (State.ATTENTION, "finance")
    assert await back(scene, case) == 0
    again = await proposed(scene, case)
    assert (await now(scene, case)).repayment_id == again.id
    with pytest.raises(Denied, match=r"repayment\.not_waiting"):
        await repaying.approve(scene.desk, scene.merchant_id, row.id, "bert", role="finance")
    await repaying.approve(scene.desk, scene.merchant_id, again.id, "bert", role="finance")
    await repaying.pay(scene.desk, scene.merchant_id, again.id, "bert", "ICBC 2", role="finance")
    assert (await now(scene, case)).state is State.CLOSED
    await sound(scene, case)


async def test_whoever_dies_after_a_repayment_was_written_down_its_case_learns_of_it(scene: Scene) -> None:
    """The verbs below are those of a process that died before it told the case."""
    case = await too_late(scene)
    row = (await repayments.propose(scene.desk, wish(scene, case))).row
    assert (await now(scene, case)).state is State.ATTENTION
    with pytest.raises(Denied, match=r"repayment\.case_not_waiting"):
        await repayments.approve(scene.desk, scene.merchant_id, row.id, "bert", role="finance")
    await scene.work()
    assert (await now(scene, case)).repayment_id == row.id
    await repayments.approve(scene.desk, scene.merchant_id, row.id, "bert", role="finance")
    await repayments.pay(scene.desk, scene.merchant_id, row.id, "bert", "ICBC 3", role="finance")
    assert (await now(scene, case)).state is State.REMEDY
    await scene.work()
    case = await now(scene, case)
    assert (case.state, case.conclusion) == (State.CLOSED, Conclusion.MONEY_BACK)
    facts = await scene.facts(case.id)
    await cases.drive(scene.desk, scene.merchant_id, case.id)  # told twice: nothing more
    assert await scene.facts(case.id) == facts


@pytest.mark.parametrize("turn", range(6))
async def test_deciding_a_refund_and_proposing_a_repayment_at_once_pays_one_way_only(scene: Scene, turn: int) -> None:
    """I1. S65: ¥30 of ¥100 is owed, so the floor of the payment alone would let both through."""
    case = await refused(scene)
    scene.says[Operation.REFUND] = lambda step: settled(step.back.amount)  # type: ignore[attr-defined]

    async def refund() -> None:
        await cases.decide(scene.desk, scene.merchant_id, case.id, BOSS, Money(3000))
        await scene.work()

    async def repay(who: str) -> None:
        row = await proposed(scene, case, Because.REFUND_REFUSED, who=who)
        await repaying.approve(scene.desk, scene.merchant_id, row.id, f"{who}'s boss", role="finance")
        await repaying.pay(scene.desk, scene.merchant_id, row.id, f"{who}'s boss", f"ICBC {who}", role="finance")

    wishes = [refund(), repay("anna"), repay("carl"), refund()]
    wishes = wishes[turn % 4 :] + wishes[: turn % 4]
    ends = await asyncio.gather(*wishes, return_exceptions=True)
    assert all(end is None or isinstance(end, Denied) for end in ends), ends
    scene.clock.step(timedelta(days=8))
    await scene.work()
    paid = await scene.pools.recorder.fetchval("select count(*) from repayments where state in ('APPROVED', 'PAID')")
    refunded = await scene.pools.recorder.fetchval(
        "select count(*) from refunds where state not in ('REFUSED', 'CANCELLED')"
    )
    assert paid + refunded <= 1
    assert await back(scene, case) == 3000 * (paid + refunded)
    case = await now(scene, case)
    assert (case.conclusion is Conclusion.MONEY_BACK) == (paid + refunded == 1)
    await sound(scene, case)


async def test_a_payment_with_an_open_case_is_repaid_in_that_case_alone(scene: Scene) -> None:
    """S65."""
    case = await too_late(scene)
    other = ids.new(Kind.CASE)
    for given, code in (
        ({"case_id": ""}, "case_open"),
        ({"case_id": other}, "case_open"),
        ({"amount": Money(2999)}, "case_amount"),
    ):
        with pytest.raises(Denied, match=rf"repayment\.{code}"):
            await repaying.propose(scene.desk, wish(scene, case, **given))
    row = await proposed(scene, case, who="anna")
    with pytest.raises(Denied, match=r"repayment\.case_not_waiting"):
        await proposed(scene, case)
    with pytest.raises(Denied, match=r"case\.own"):
        await repaying.approve(scene.desk, scene.merchant_id, row.id, "till", role="finance")
    free = await scene.paid(5000)
    scene.clock.step(timedelta(days=400))
    with pytest.raises(Denied, match=r"repayment\.case_unknown"):
        await repaying.propose(scene.desk, wish(scene, case, payment_id=free.id))


async def test_a_case_opened_while_a_repayment_is_open_waits_and_so_does_the_second_person(scene: Scene) -> None:
    """I1. S65."""
    payment = await scene.paid(10000)
    scene.clock.step(timedelta(days=400))
    row = (
        await repaying.propose(
            scene.desk,
            Wish(
                merchant_id=scene.merchant_id,
                id=ids.new(Kind.REPAYMENT),
                payment_id=payment.id,
                amount=Money(3000),
                because=Because.WINDOW_OVER,
                account=ACCOUNT,
                who="anna",
                role="finance",
            ),
        )
    ).row
    case = await opened(scene, payment.id, What.WRONG_AMOUNT, meant=Money(7000))
    assert (case.state, case.note) == (State.ATTENTION, "the payment is being repaid by another road")
    with pytest.raises(Denied, match=r"repayment\.case_open"):
        await repaying.approve(scene.desk, scene.merchant_id, row.id, "bert", role="finance")
    with pytest.raises(Denied, match=r"case\.repayment_open"):
        await cases.decide(scene.desk, scene.merchant_id, case.id, BOSS, Money(3000))
    row = await repaying.refuse(scene.desk, scene.merchant_id, row.id, "anna", Refusal.WITHDRAWN, role="finance")
    assert row.state is RepaymentState.REFUSED
    again = await proposed(scene, case, amount=Money(3000))
    assert (await now(scene, case)).repayment_id == again.id


async def test_an_asker_who_is_staff_does_not_agree_to_the_repayment(scene: Scene) -> None:
    boss: Person = await scene.staff("finance")
    payment = await scene.paid(3000)
    scene.clock.step(timedelta(days=400))
    case = await opened(scene, payment.id, What.OTHER, who=boss.id)
    assert case.state is State.ATTENTION
    row = await proposed(scene, case, amount=Money(3000))
    with pytest.raises(Denied, match=r"case\.own"):
        await repaying.approve(scene.desk, scene.merchant_id, row.id, boss.id, "finance")
