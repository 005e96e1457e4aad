"""A wish for a refund on real books: from the report over people to money back, and what may go otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.flows.scene import Scene, settled, standing
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.chain import Audience, How, Item, Side
from yuanlu.cases.flow import Words
from yuanlu.cases.review import Fault, OfferKind
from yuanlu.cases.rules import Case, CaseAsk, Conclusion, State, What
from yuanlu.channels.contract import Operation
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.people import flow as people
from yuanlu.people.rules import Person

TILL = Person("till")
SORRY = Words(text="很抱歉给您添麻烦了")


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def asked(scene: Scene, fen: int = 2000, **given: Any) -> Case:
    """A wish for a refund that was checked live: it lies with a person."""
    payment = await scene.paid(fen)
    ask = {"what": What.REQUEST, "who": "till", "payment_id": payment.id, "id": ids.new(ids.Kind.CASE)}
    case = await cases.request(scene.desk, CaseAsk(merchant_id=scene.merchant_id, **ask | given))
    await scene.work()
    return await now(scene, case)


async def now(scene: Scene, case: Case) -> Case:
    found = (await cases.find(scene.desk, scene.merchant_id, case.id)).case
    assert found is not None
    return found


async def paid_back(scene: Scene, case: Case) -> Case:
    scene.says[Operation.REFUND] = lambda step: settled(step.back.amount)  # type: ignore[attr-defined]
    await scene.work()
    return await now(scene, case)


def at(scene: Scene, case: Case) -> tuple[Any, str, str]:
    return scene.desk, scene.merchant_id, case.id


async def test_a_wish_is_checked_live_decided_by_a_person_and_paid_back(scene: Scene) -> None:
    """S49 S52 S61 S63."""
    anna = await scene.staff("manager")
    case = await asked(scene)
    assert (case.state, case.asked_fen, case.holder, case.due_what) == (State.REVIEW, 2000, "manager", "review")
    case = await cases.claim(*at(scene, case), anna)
    case = await cases.approve(*at(scene, case), anna, case.version, Money(1500), SORRY)
    assert (case.state, case.decided_by, case.approved_fen) == (State.REMEDY, anna.id, 1500)
    assert case.promised_on is not None
    case = await paid_back(scene, case)
    assert (case.state, case.conclusion, case.remedy_fen) == (State.CLOSED, Conclusion.MONEY_BACK, 1500)
    assert (case.holder, case.due_at) == ("", None)
    told = [kind for kind in await scene.facts(case.id) if kind != "RulesCited"]
    assert told == [
        "CaseOpened", "CaseChecked", "CaseToReview", "CaseItemAdded", "CaseClaimed",
        "CaseApproved", "RemedyChosen", "CaseItemAdded", "CasePromised", "RouteTaken", "CaseClosed",
    ]  # fmt: skip
    assert await cases.broken(*at(scene, case)) is None
    assert await scene.pools.recorder.fetch("select * from jobs where object_id = $1", case.id) == []


async def test_of_two_people_who_decide_at_once_one_wins_and_the_other_is_told(scene: Scene) -> None:
    """S61."""
    anna, bert = await scene.staff("manager"), await scene.staff("manager")
    case = await asked(scene)
    answers = await asyncio.gather(
        cases.approve(*at(scene, case), anna, case.version, None),
        cases.decline(*at(scene, case), bert, case.version, "no_proof", SORRY),
        return_exceptions=True,
    )
    won = [one for one in answers if isinstance(one, Case)]
    lost = [one for one in answers if isinstance(one, Denied)]
    assert (len(won), len(lost)) == (1, 1)
    assert lost[0].code == "case.stale"
    assert (lost[0].facts["state"], lost[0].facts["version"]) == (won[0].state.value, won[0].version)
    assert (await now(scene, case)).decided_by == won[0].decided_by


async def test_above_the_tier_a_second_person_confirms(scene: Scene) -> None:
    """S61."""
    anna, finn = await scene.staff("manager"), await scene.staff("finance")
    case = await asked(scene, 60_000)
    case = await cases.approve(*at(scene, case), anna, case.version)
    assert (case.state, case.refund_id, case.holder) == (State.SECOND, "", "finance")
    await scene.work()
    assert (await now(scene, case)).refund_id == ""
    with pytest.raises(Denied, match=r"case\.same_person"):
        await cases.confirm(*at(scene, case), anna, case.version)
    case = await cases.confirm(*at(scene, case), finn, case.version)
    case = await paid_back(scene, case)
    assert (case.conclusion, case.remedy_fen, case.seconded_by) == (Conclusion.MONEY_BACK, 60_000, finn.id)


async def test_what_somebody_approved_before_leaving_is_decided_again_with_the_same_number(scene: Scene) -> None:
    """S61."""
    anna, bert = await scene.staff("manager"), await scene.staff("manager")
    case = await asked(scene)
    approved = await cases.approve(*at(scene, case), anna, case.version)
    await people.end(scene.desk, scene.merchant_id, anna.id, "boss")
    await scene.work()
    case = await now(scene, case)
    assert (case.state, case.decided_by) == (State.REVIEW, "")
    assert await scene.pools.recorder.fetchval("select count(*) from refunds") == 0
    case = await cases.approve(*at(scene, case), bert, case.version)
    assert case.refund_id == approved.refund_id
    assert (await paid_back(scene, case)).conclusion is Conclusion.MONEY_BACK


async def test_declined_objected_to_and_decided_by_another_person(scene: Scene) -> None:
    """S74."""
    anna, olga = await scene.staff("manager"), await scene.staff("owner")
    case = await asked(scene)
    case = await cases.decline(*at(scene, case), anna, case.version, "goods_used", SORRY)
    assert (case.state, case.holder, case.due_at) == (State.DECLINED, "customer", case.object_until)
    case = await cases.object_to(*at(scene, case), TILL, case.version, Words(text="没拆封", side=Side.CUSTOMER))
    with pytest.raises(Denied, match=r"case\.barred"):
        await cases.approve(*at(scene, case), anna, case.version)
    case = await cases.approve(*at(scene, case), olga, case.version)
    assert (await paid_back(scene, case)).conclusion is Conclusion.MONEY_BACK


async def test_nobody_objects_in_time_and_the_case_is_closed(scene: Scene) -> None:
    """S74."""
    anna = await scene.staff("manager")
    case = await asked(scene)
    case = await cases.decline(*at(scene, case), anna, case.version, "goods_used", SORRY)
    scene.clock.step(timedelta(days=15))
    assert "cases.clock" in await scene.work()
    case = await now(scene, case)
    assert (case.state, case.conclusion) == (State.CLOSED, Conclusion.DECLINED)


async def test_an_offer_runs_out_and_the_next_one_is_accepted(scene: Scene) -> None:
    """S75."""
    anna = await scene.staff("manager")
    case = await asked(scene)
    offer = (OfferKind.PART, Money(800), timedelta(hours=1), SORRY)
    case = await cases.offer(*at(scene, case), anna, case.version, *offer)
    scene.clock.step(timedelta(hours=1))
    await scene.work()
    case = await now(scene, case)
    assert (case.state, case.offer_kind) == (State.REVIEW, "")
    case = await cases.offer(*at(scene, case), anna, case.version, *offer)
    seen_by_customer = case.version
    await cases.say(*at(scene, case), anna, Words(text="电话里答应了", audience=Audience.INTERNAL))
    case = await cases.accept(*at(scene, case), TILL, seen_by_customer)
    case = await paid_back(scene, case)
    assert (case.conclusion, case.remedy_fen) == (Conclusion.MONEY_BACK, 800)


async def test_who_is_late_hands_it_up(scene: Scene) -> None:
    """S69."""
    case = await asked(scene)
    holders = []
    for _ in range(3):
        assert case.due_at is not None
        scene.clock.at = case.due_at
        await scene.work()
        case = await now(scene, case)
        holders.append(case.holder)
    assert (holders, case.state, case.due_steps) == (["manager", "finance", "owner"], State.REVIEW, 3)
    assert (await scene.facts(case.id)).count("CaseOverdue") == 3


async def test_the_thread_is_sealed_chained_and_shown_as_one_may_see_it(scene: Scene) -> None:
    """S56 S57 S71."""
    anna = await scene.staff("manager")
    case = await asked(scene)
    note = Words(text="怀疑重复报", audience=Audience.INTERNAL)
    call = Words(text="顾客 13800001111 来电", side=Side.CUSTOMER, how=How.PHONE, id=ids.new(ids.Kind.EVIDENCE))
    for words in (note, call, call, SORRY):
        await cases.say(*at(scene, case), anna, words)
    file = Item(kind="file", id=ids.new(ids.Kind.FILE), digest="a" * 64, who=anna.id)
    await cases.add(*at(scene, case), file)
    await cases.add(*at(scene, case), file)
    inside = await cases.thread(*at(scene, case), as_customer=False)
    outside = await cases.thread(*at(scene, case), as_customer=True)
    assert [one.text for one in inside.items] == [None, note.text, call.text, SORRY.text, None]
    assert [(one.text, one.who, one.how) for one in outside.items] == [
        (call.text, "customer", "phone"), (SORRY.text, "staff", "written"),
    ]  # fmt: skip
    stored = await scene.pools.recorder.fetch("select body from evidence union all select body from facts")
    assert not any("13800001111" in row["body"] for row in stored)
    case = await now(scene, case)
    assert case.chain_length == 5
    assert await cases.broken(*at(scene, case)) is None
    await scene.seal.forget(scene.merchant_id, case.id, scene.clock.now())
    forgotten = await cases.thread(*at(scene, case), as_customer=True)
    assert [one.text for one in forgotten.items] == [None, None]
    assert await cases.broken(*at(scene, case)) is None


async def test_a_forged_item_is_found_at_its_place(scene: Scene) -> None:
    """S71."""
    anna = await scene.staff("manager")
    case = await asked(scene)
    await cases.say(*at(scene, case), anna, SORRY)
    forged = await cases.thread(*at(scene, case), as_customer=False)
    row = await scene.pools.recorder.fetchrow(
        "select count(*) as many from facts where object_id = $1 and kind = 'CaseItemAdded'", case.id
    )
    assert (len(forged.items), row["many"]) == (2, 2)
    await cases.add(*at(scene, case), Item(kind="file", id="YF1", digest="b" * 64, who="x"))
    await scene.pools.recorder.execute("update cases set chain_length = 2 where id = $1", case.id)
    broken = await cases.broken(*at(scene, case))
    assert broken is not None
    assert broken.place == 3


async def test_a_closed_case_is_taken_up_again_on_new_evidence_and_more_goes_back(scene: Scene) -> None:
    anna = await scene.staff("manager")
    case = await asked(scene)
    case = await cases.approve(*at(scene, case), anna, case.version, Money(500))
    case = await paid_back(scene, case)
    case = await cases.reopen(*at(scene, case), anna, case.version, Words(text="又少了一件"))
    assert (case.state, case.conclusion, case.closed_at) == (State.REVIEW, Conclusion.OPEN, None)
    case = await cases.approve(*at(scene, case), anna, case.version, Money(1500))
    await scene.work()
    scene.clock.step(timedelta(minutes=1))  # the channel wants a minute between two refunds of one payment
    case = await paid_back(scene, case)
    assert (case.conclusion, case.attempt) == (Conclusion.MONEY_BACK, 2)
    assert await scene.pools.recorder.fetchval("select back_fen from payments") == 2000
    case = await cases.judge(*at(scene, case), anna, Fault.CASHIER, Words(text="漏装"))
    assert case.fault_by == anna.id


async def test_a_name_is_sealed_and_a_case_that_is_not_there_makes_no_key(scene: Scene) -> None:
    """S57."""
    await scene.staff("manager", "欧阳不存在")
    rows = await scene.pools.recorder.fetch("select name from staff")
    assert "欧阳" not in rows[0]["name"]
    missing = ids.new(ids.Kind.CASE)
    with pytest.raises(Denied, match=r"case\.unknown"):
        await cases.ask(scene.desk, scene.merchant_id, missing, TILL, 1, SORRY)
    assert await scene.pools.recorder.fetchval("select count(*) from subject_keys where subject = $1", missing) == 0
