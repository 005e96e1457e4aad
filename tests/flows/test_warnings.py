"""On real books: a case warns before a window shuts, once, whatever crashes, runs twice or comes late."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.flows.noticing import noticing
from tests.flows.receivers import receiving
from tests.flows.scene import Scene, standing
from yuanlu import ids
from yuanlu.cases import answers, complaints
from yuanlu.cases import flow as cases
from yuanlu.cases.clockwork import look_at, warned_ends
from yuanlu.cases.flow import Words
from yuanlu.cases.review import OfferKind
from yuanlu.cases.rules import Case, CaseAsk, State, What
from yuanlu.change import Change
from yuanlu.channels.contract import Channel
from yuanlu.complaints.rules import Complaint, ComplaintHeard
from yuanlu.complaints.rules import State as ComplaintState
from yuanlu.db import Database, Pools
from yuanlu.letters import Way
from yuanlu.money import Money
from yuanlu.policies import flow as policies
from yuanlu.policies.rules import PolicyAsk

SORRY = Words(text="很抱歉给您添麻烦了")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEVEN_DAYS = """amount_fen,age,reason,channel,tender,member,risk,verdict,zh,en
*,<=168h,*,*,*,*,*,review,七天内可退,Within seven days
*,*,*,*,*,*,*,decline,过了七天不退,After seven days nothing goes back
"""


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


async def asked(scene: Scene) -> Case:
    """A wish for a refund that was checked live: it lies with a person."""
    payment = await scene.paid(2000)
    ask = CaseAsk(
        merchant_id=scene.merchant_id, id=ids.new(ids.Kind.CASE), payment_id=payment.id, what=What.REQUEST, who="till"
    )
    await cases.request(scene.desk, ask)
    await scene.work()
    return await now(scene, ask.id)


async def now(scene: Scene, case_id: str) -> Case:
    found = (await cases.find(scene.desk, scene.merchant_id, case_id)).case
    assert found is not None
    return found


async def complained(scene: Scene, case: Case, reply_by: datetime) -> None:
    """A payer complains at the channel, and the complaint enters the case."""
    at = scene.clock.now()
    own_id = ids.new(ids.Kind.COMPLAINT)
    complaint = Complaint(
        merchant_id=scene.merchant_id, id=own_id, state=ComplaintState.NEW,
        channel=Channel.WECHAT, channel_id=own_id, channel_state="PENDING",
        payment_id=case.payment_id, order_number=case.payment_id, channel_number="", kind="", asks_refund=True,
        asked_fen=2000, paid_fen=2000, times=1, is_refunded=False, complained_at=at, heard_at=at, reply_by=reply_by,
    )  # fmt: skip
    told = ComplaintHeard(
        channel="wechat",
        channel_id=complaint.channel_id,
        payment_id=case.payment_id,
        about="",
        asked_fen=2000,
        digest="",
    )
    assert await scene.recorder.record(Change(row=complaint, at=at, who="channel", facts=(told,)))
    await complaints.join(scene.desk, scene.merchant_id, complaint.id)


async def warnings(scene: Scene, case_id: str) -> list[tuple[str, int]]:
    """Of which windows was warned, with which lead time, in order."""
    rows = await scene.pools.recorder.fetch(
        "select body from facts where object_id = $1 and kind = 'CaseWarned' order by transition, seq", case_id
    )
    return [(body["window"], body["lead"]) for body in (json.loads(row["body"]) for row in rows)]


async def jobs_of(scene: Scene, case_id: str) -> list[tuple[str, datetime]]:
    rows = await scene.pools.recorder.fetch("select name, run_at from jobs where object_id = $1", case_id)
    return [(row["name"], row["run_at"]) for row in rows]


async def test_a_complaint_that_must_be_answered_is_warned_of_once_for_each_lead_time(scene: Scene) -> None:
    """S67. S69."""
    case = await asked(scene)
    reply_by = scene.clock.now() + DAY
    await complained(scene, case, reply_by)
    assert await jobs_of(scene, case.id) == [("cases.clock", reply_by - 4 * HOUR)]
    where = await answers.where_is_case(scene.desk, scene.merchant_id, case.id)
    assert (where.window, where.shuts_at) == ("reply", reply_by)
    told = []
    for moment in (reply_by - 4 * HOUR, reply_by - 2 * HOUR, reply_by - HOUR, reply_by, reply_by + HOUR):
        scene.clock.at = moment
        await scene.work()
        told.append(len(await warnings(scene, case.id)))
    assert told == [1, 1, 2, 2, 2]
    assert await warnings(scene, case.id) == [("reply", 4 * 3600), ("reply", 3600)]
    after = await now(scene, case.id)
    assert (after.state, after.holder, after.due_at) == (State.REVIEW, "manager", case.due_at)
    assert len(await jobs_of(scene, case.id)) == 1


async def test_a_warning_that_dies_before_or_after_it_was_recorded_is_told_once(scene: Scene) -> None:
    """S67."""
    case = await asked(scene)
    await complained(scene, case, scene.clock.now() + 2 * HOUR)
    assert await warnings(scene, case.id) == [("reply", 4 * 3600)], "it came late, and is told with the complaint"
    scene.clock.step(HOUR)
    recorded, record = scene.recorder.record, list[object]()

    async def dies(change: Change[Case]) -> bool:
        record.append(change)
        raise ConnectionError

    scene.recorder.record = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        await cases.tick(scene.desk, scene.merchant_id, case.id)
    scene.recorder.record = recorded  # type: ignore[method-assign]
    assert record
    assert len(await warnings(scene, case.id)) == 1
    for _ in range(2):  # dead between the change and the end of its job: it runs again
        await cases.tick(scene.desk, scene.merchant_id, case.id)
    assert await warnings(scene, case.id) == [("reply", 4 * 3600), ("reply", 3600)]


async def test_a_clock_that_slept_through_warnings_tells_the_latest_and_nothing_that_has_shut(scene: Scene) -> None:
    """S67."""
    case = await asked(scene)
    await complained(scene, case, scene.clock.now() + DAY)
    await complained(scene, case, scene.clock.now() + DAY + 2 * HOUR)
    scene.clock.step(DAY + 90 * timedelta(minutes=1))
    await scene.work()
    assert await warnings(scene, case.id) == [("reply", 3600)]


async def test_the_refund_window_of_the_channel_is_warned_of_while_people_talk(scene: Scene) -> None:
    """S67. S69."""
    case = await asked(scene)
    shuts_at = scene.clock.now() + 365 * DAY
    while scene.clock.now() < shuts_at + 3 * DAY:  # nobody does anything for a year
        moment = look_at(await now(scene, case.id))
        assert moment is not None
        assert moment > scene.clock.now()
        scene.clock.at = moment
        await scene.work()
    assert await warnings(scene, case.id) == [("refund", 14 * 86400), ("refund", 2 * 86400)]


async def test_the_age_limit_of_the_policy_frozen_onto_the_payment_is_warned_of(scene: Scene) -> None:
    """S67. S68."""
    ask = PolicyAsk(
        merchant_id=scene.merchant_id, id=ids.new(ids.Kind.POLICY), table=policies.checked(SEVEN_DAYS), who="boss",
        role="owner",
    )  # fmt: skip
    await policies.requested(scene.desk, ask)
    case = await asked(scene)
    paid_at = scene.clock.now()
    scene.clock.at = paid_at + 6 * DAY + HOUR
    await scene.work()
    assert await warnings(scene, case.id) == [("policy", 86400)]
    assert warned_ends(await now(scene, case.id)) == {"policy": paid_at + 169 * HOUR}


async def test_that_an_offer_ends_is_told_to_everyone_who_asked(
    database: Database, pools: Pools, tmp_path: Path
) -> None:
    """S67. S75. S63."""
    async with noticing(database, pools, tmp_path, within={Way.WEBHOOK: 5.0}) as shop, receiving() as receiver:
        await shop.hook(receiver.url, "case.warned")
        payment = await shop.paid(2000)
        ask = CaseAsk(
            merchant_id=shop.merchant_id,
            id=ids.new(ids.Kind.CASE),
            payment_id=payment.id,
            what=What.REQUEST,
            who="till",
        )
        await cases.request(shop.desk, ask)
        await shop.work()
        anna = await shop.staff("manager")
        case = await now(shop, ask.id)
        place = (shop.desk, shop.merchant_id, case.id)
        await cases.offer(*place, anna, case.version, OfferKind.PART, Money(800), 3 * DAY, SORRY)
        await shop.work()
        shop.clock.step(2 * DAY)
        for _ in range(3):  # the clock, whom to tell, the letter
            await shop.work()
        await shop.until_told()  # on a busy machine it may be tried again
        (letter,) = [got.told for got in receiver.once]
    assert (letter["type"], letter["data"]["facts"]["window"], letter["data"]["facts"]["holder"]) == (
        "case.warned", "offer", "customer",
    )  # fmt: skip
    assert letter["data"]["object"]["warned"].keys() == {"offer"}
    assert "顾客接受提议" in letter["data"]["words_zh"]
