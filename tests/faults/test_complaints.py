"""Complaints between the provider and us: heard once, answered once, whatever goes wrong on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from tests.faults.complaining import PNG, Moment, World, emptied, opened
from tests.flows import files
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.complaints import hand_in
from yuanlu.cases.rules import CaseAsk
from yuanlu.cases.rules import What as Case
from yuanlu.channels.contract import REMOTE, Channel
from yuanlu.complaints import flow
from yuanlu.complaints.answers import State as Said
from yuanlu.complaints.answers import What
from yuanlu.complaints.rules import State
from yuanlu.db import Database
from yuanlu.evidence import flow as evidence
from yuanlu.evidence.rules import Why
from yuanlu.money import Money
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk
from yuanlu.sim.complaints import Act

BOTH = pytest.mark.parametrize("channel", list(REMOTE))
WECHAT, ALIPAY = Channel.WECHAT, Channel.ALIPAY


@pytest.fixture
async def world(database: Database, spot: Path) -> AsyncIterator[World]:
    async with opened(database, spot) as made:
        yield made


@pytest.fixture
async def deaf(database: Database, spot: Path) -> AsyncIterator[World]:
    async with opened(database, spot, told=False) as made:
        yield made


def acts(world: World, channel: Channel, *wanted: Act) -> list[str]:
    """What the provider has of these acts, over all complaints."""
    wanted = wanted or (Act.REPLY, Act.FEEDBACK, Act.SUPPLEMENT, Act.APPROVE, Act.REJECT, Act.COMPLETE)
    found = [each for one in world.far(channel).all.values() for each in one.history if each.act in wanted]
    return sorted(f"{each.act}:{each.text}" for each in found)


async def audit(world: World, channel: Channel) -> list[str]:
    """The law: their complaints are ours, each once; what they have of our answers is what we know to be done."""
    wrong = []
    ours, theirs = await world.complaints(), world.far(channel).all
    if sorted(each.channel_id for each in ours) != sorted(theirs):
        wrong.append(f"ours {[each.channel_id for each in ours]}, theirs {sorted(theirs)}")
    given = await world.answers()
    open_ones = [each for each in given if each.state in (Said.READY, Said.SENT, Said.WAITING)]
    wrong += [f"{each.what} is still {each.state}" for each in open_ones]
    act_of = {
        What.REPLY: Act.REPLY, What.FEEDBACK: Act.FEEDBACK, What.PROMISE: Act.APPROVE,
        What.DECLINE: Act.REJECT, What.FINISH: Act.COMPLETE,
    }  # fmt: skip
    known: dict[str, str] = {}
    for complaint in ours:
        known |= await flow.words_of(
            world.app.desk, complaint, [each for each in given if each.complaint_id == complaint.id]
        )
    done = sorted(f"{act_of[each.what]}:{known[each.id]}" for each in given if each.state is Said.DONE)
    if acts(world, channel) != done:
        wrong.append(f"answers at the provider {acts(world, channel)}, ours {done}")
    for complaint in ours:
        there = theirs[complaint.channel_id]
        if (complaint.state is State.FINISHED) != (there.finished_at is not None):
            wrong.append(f"ours {complaint.state}, theirs {there.standing}")
    return wrong


@BOTH
async def test_a_complaint_is_pulled_once_and_its_words_are_sealed(channel: Channel, deaf: World) -> None:
    """S79."""
    payment = await deaf.paid(channel)
    deaf.complain(payment, "我被多扣了48元")
    await deaf.watch(channel)
    one = await deaf.one()
    assert (one.payment_id, one.state) == (payment.id, State.NEW)
    assert one.reply_by is not None
    kept = await flow.said(deaf.app.desk, one)
    assert (kept.text, kept.phone) == ("我被多扣了48元", "13800000000")
    tables = "select string_agg(t::text, ' ') from {} t"
    for table in ("complaints", "facts", "evidence"):
        everything = await deaf.connection.fetchval(tables.format(table)) or ""
        assert "我被多扣了" not in everything
        assert "13800000000" not in everything
    await deaf.wait(hours=1)
    assert len(await deaf.facts("ComplaintHeard")) == 1


async def test_a_notice_leads_to_a_look(world: World) -> None:
    """S79."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    world.complain(payment)
    await world.work()
    assert (await world.one()).channel_state == "PENDING"
    assert not world.denied


async def test_a_reply_with_an_image_arrives_once_and_the_payers_image_is_kept(world: World) -> None:
    """S79."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    there = world.complain(payment, images=[world.given(WECHAT)])
    await world.work()
    one = await world.one()
    image = await flow.attach(world.app.desk, world.merchant_id, one.id, PNG + b"ours", "manager")
    await world.say(one, What.REPLY, "正在核实，马上给您答复", images=(image.id,))
    await world.work()
    assert acts(world, WECHAT) == ["reply:正在核实，马上给您答复"]
    reply = next(each for each in there.history if each.act is Act.REPLY)
    assert [world.far(WECHAT).images[name].body for name in reply.images] == [PNG + b"ours"]
    assert (await world.one()).state is State.ANSWERED
    assert await audit(world, WECHAT) == []
    rows = await world.connection.fetch("select side, bytes from complaint_images order by side")
    assert [(row["side"], row["bytes"]) for row in rows] == [("merchant", len(PNG) + 4), ("payer", len(PNG))]


async def test_the_payers_image_is_a_file_of_the_case_that_staff_open_on_the_record(world: World) -> None:
    """S59, S71, S79: made anew and chained, once, however often it is looked at; a broken one stays where it was."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    picture = files.png_with_texts()
    world.complain(payment, images=[world.given(WECHAT, picture), world.given(WECHAT)])
    await world.wait(hours=1)  # images come with the first look at the complaint itself
    case_id = await world.connection.fetchval("select id from cases where payment_id = $1", payment.id)
    desk, shelf, anna = world.app.desk, world.app.files, Person("anna", Role.OWNER)
    (shown,) = await evidence.of_case(desk, world.merchant_id, case_id, anna)
    assert (shown.file.digest_original, shown.file.taken_by) == (hashlib.sha256(picture).hexdigest(), "channel")
    opened_file, content = await evidence.opened(desk, shelf, world.merchant_id, shown.file.id, anna, Why.REVIEW)
    assert hashlib.sha256(content).hexdigest() == opened_file.file.digest_kept
    assert content != picture  # what the PNG said beside its pixels is not kept
    assert f'"item":"{shown.file.id}"' in "".join(await world.facts("CaseItemAdded")).replace(" ", "")
    rows = await world.connection.fetch("select id from complaint_images where side = 'payer'")
    assert len(rows) == 2
    again = [await hand_in(desk, shelf, world.merchant_id, row["id"]) for row in rows]
    assert sorted(each.id for each in again if each is not None) == [shown.file.id]
    assert len(await evidence.of_case(desk, world.merchant_id, case_id, anna)) == 1
    assert len(await world.facts("FileTaken")) == 1


TROUBLES = [
    ("lost_request", {}), ("lost_answer", {}), ("half_body", {}), ("error_500", {}), ("error_502", {"effect": True}),
    ("error_503", {"effect": True}), ("bad_signature", {}), ("stale_signature", {}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "more"), TROUBLES, ids=str)
@BOTH
async def test_an_answer_whose_sending_is_unclear_stands_at_the_provider_once(
    channel: Channel, kind: str, more: dict[str, object], world: World
) -> None:
    """S79."""
    await world.watch(channel)
    world.complain(await world.paid(channel))
    await world.wait(minutes=11)
    one = await world.one()
    world.trouble(kind, "complaint_reply", **more)
    await world.say(one, What.REPLY, "已经退给您了")
    await world.wait(minutes=10)
    assert acts(world, channel) == ["reply:已经退给您了"]
    assert await audit(world, channel) == []


@pytest.mark.parametrize(("kind", "more"), TROUBLES, ids=str)
async def test_a_refund_is_approved_once_and_a_complaint_finished_once(
    kind: str, more: dict[str, object], world: World
) -> None:
    """S79."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    world.complain(payment)
    await world.work()
    one = await world.one()
    world.trouble(kind, "complaint_decide", **more)
    world.trouble(kind, "complaint_finish", **more)
    await world.say(one, What.PROMISE, days=1)
    await world.wait(minutes=5)
    assert (await world.one()).state is State.REFUND_PROMISED
    await world.say(one, What.FINISH)
    await world.wait(minutes=5)
    assert acts(world, WECHAT) == ["approve:", "complete:"]
    assert await audit(world, WECHAT) == []


async def test_two_replies_of_the_same_words_are_two_and_never_three(world: World) -> None:
    await world.watch(WECHAT)
    world.complain(await world.paid(WECHAT))
    await world.work()
    one = await world.one()
    await world.say(one, What.REPLY, "请稍等")
    world.trouble("lost_answer", "complaint_reply", count=2)
    await world.say(one, What.REPLY, "请稍等")
    await world.wait(minutes=10)
    assert acts(world, WECHAT) == ["reply:请稍等", "reply:请稍等"]
    assert await audit(world, WECHAT) == []


@pytest.mark.parametrize("operation", ["complaint_list", "complaint_see", "complaint_history"])
@pytest.mark.parametrize("kind", ["lost_request", "lost_answer", "error_502", "half_body", "bad_signature"])
async def test_a_pull_that_is_broken_off_misses_nothing(kind: str, operation: str, deaf: World) -> None:
    """S79."""
    deaf.complain(await deaf.paid(WECHAT))
    deaf.trouble(kind, operation, count=2)
    await deaf.watch(WECHAT)
    await deaf.wait(minutes=12)
    assert await audit(deaf, WECHAT) == []
    assert (await deaf.one()).entries == 1


@BOTH
async def test_a_list_that_grows_while_it_is_turned_over_is_pulled_whole(channel: Channel, deaf: World) -> None:
    payment = await deaf.paid(channel)
    size = flow.BOUNDS[channel].page_max
    for number in range(2 * size + 3):
        deaf.complain(payment, f"第{number}次")
    asked = deaf.desk.desk.ask_complaint
    grown = iter(range(3))

    async def grows(step: object) -> object:
        heard = await asked(step)
        if "List" in type(step).__name__ and next(grown, None) is not None:
            deaf.complain(payment, "又来一个")
        return heard

    deaf.desk.desk.ask_complaint = grows
    await deaf.watch(channel)
    assert await audit(deaf, channel) == []
    assert len(await deaf.complaints()) == 2 * size + 6


async def test_notices_that_come_twice_or_crossed_change_nothing(world: World) -> None:
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    world.trouble("crossed_notices", "notice", count=2)
    world.trouble("duplicate_notice", "notice", count=4)
    there = world.complain(payment)
    world.far(WECHAT).more(there, "还没处理吗")
    await world.wait(seconds=30)
    assert await audit(world, WECHAT) == []
    assert len(await world.facts("ComplaintHeard")) == 1
    assert len(await world.facts("ComplaintSaid")) == 1


async def test_a_forged_notice_is_refused_and_wakes_nobody(world: World) -> None:
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    world.trouble("bad_signature", "notice")
    world.complain(payment)
    await world.work()
    assert world.denied == ["callback.forged"]
    assert await world.complaints() == []
    await world.wait(seconds=20)
    assert len(await world.complaints()) == 1


async def test_a_finished_complaint_taken_up_again_is_new_and_has_a_new_deadline(world: World) -> None:
    """S79."""
    await world.watch(WECHAT)
    there = world.complain(await world.paid(WECHAT))
    await world.work()
    one = await world.one()
    await world.say(one, What.REPLY, "已处理")
    await world.wait(seconds=1)  # words of one moment have no order
    await world.say(one, What.FINISH)
    await world.work()
    assert (await world.one()).state is State.FINISHED
    await world.wait(hours=3)
    world.far(WECHAT).more(there, "没有处理好")
    await world.work()
    again = await world.one()
    assert (again.state, again.times, again.finished_at) == (State.NEW, 2, None)
    assert again.reply_by is not None
    assert one.reply_by is not None
    assert again.reply_by > one.reply_by


async def test_an_approval_without_a_refund_order_is_an_alarm_until_there_is_one(world: World) -> None:
    """S79."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    world.complain(payment)
    await world.work()
    one = await world.one()
    await world.say(one, What.PROMISE, days=3)
    await world.wait(hours=11)
    assert (await world.one()).alarm == ""
    await world.wait(hours=2)
    assert (await world.one()).alarm == "promise_without_refund"
    ask = RefundAsk(
        merchant_id=world.merchant_id, id=ids.new(ids.Kind.REFUND), payment_id=payment.id, amount=Money(4800), who="m"
    )
    await refunds.request(world.app.desk, ask)
    await world.wait(hours=1)
    assert (await world.one()).alarm == ""
    assert len(await world.facts("ComplaintAlarm")) == len(await world.facts("ComplaintCalmed")) == 1


async def test_a_refund_with_the_complaint_left_unanswered_is_an_alarm(world: World) -> None:
    """S79."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    world.complain(payment)
    await world.work()
    ask = RefundAsk(
        merchant_id=world.merchant_id, id=ids.new(ids.Kind.REFUND), payment_id=payment.id, amount=Money(12800), who="m"
    )
    await refunds.request(world.app.desk, ask)
    await world.wait(hours=13)
    one = await world.one()
    assert one.is_refunded
    assert one.alarm == "refund_without_answer"
    await world.say(one, What.REPLY, "已全额退款")
    await world.work()
    assert (await world.one()).alarm == ""


async def story(world: World, channel: Channel) -> None:
    """A payer complains with an image and is answered with one; the refund is promised, the complaint finished.

    People ask again until they are answered, so what they ask does not die; all that follows may.
    """
    with world.people():
        payment = await world.paid(channel)
        world.complain(payment, images=[world.given(channel)])
        await flow.watch(world.app.desk, world.merchant_id, channel, "manager")
    await world.wait(minutes=15)
    one = await world.one()
    with world.people():
        image = await flow.attach(world.app.desk, world.merchant_id, one.id, PNG + b"ours", "manager")
        await world.say(one, What.REPLY, "马上处理", images=(image.id,))
        if channel is WECHAT:
            await world.say(one, What.PROMISE, days=1)
        else:
            await world.say(one, What.FEEDBACK, "已退款", feedback_code="00")
    await world.wait(minutes=20)
    if channel is WECHAT:
        with world.people():
            await world.say(one, What.FINISH)
        await world.wait(minutes=20)


EXPECTED = {WECHAT: ["approve:", "complete:", "reply:马上处理"], ALIPAY: ["feedback:已退款", "reply:马上处理"]}


async def told_with(world: World, channel: Channel, dies: dict[int, Moment]) -> list[str]:
    world.desk.dies = dict(dies)
    await story(world, channel)
    wrong = await audit(world, channel)
    if acts(world, channel) != EXPECTED[channel]:
        wrong.append(f"the provider has {acts(world, channel)}")
    return [f"{dies}: {each}; {world.desk.calls}" for each in wrong]


@BOTH
async def test_a_story_told_without_a_crash_ends_well(channel: Channel, world: World) -> None:
    assert await told_with(world, channel, {}) == []


POINTS = 12
"""How many crashes of each story `make test` takes; `make laws` takes all."""


@BOTH
async def test_a_story_crashed_at_any_seam_ends_well(channel: Channel, database: Database, spot: Path) -> None:
    """Every call of a seam, before it, after it, and with the request still on its way. S79."""
    async with opened(database, spot) as world:
        assert await told_with(world, channel, {}) == []
        calls = len(world.desk.calls)
    points = [(call, moment) for call in range(1, calls + 1) for moment in Moment]
    wrong: list[str] = []
    for call, moment in Random(f"complaints {channel}").sample(points, min(POINTS, len(points))):
        async with emptied(database), opened(database, spot) as world:
            wrong += await told_with(world, channel, {call: moment})
    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@BOTH
async def test_every_single_crash_of_the_story(channel: Channel, database: Database, spot: Path) -> None:
    async with opened(database, spot) as world:
        assert await told_with(world, channel, {}) == []
        calls = len(world.desk.calls)
    wrong: list[str] = []
    for call in range(1, calls + 1):
        for moment in Moment:
            async with emptied(database), opened(database, spot) as world:
                wrong += await told_with(world, channel, {call: moment})
    assert not wrong, "\n".join(wrong)


async def test_a_complaint_opens_one_case_and_all_that_is_said_enters_its_chain(world: World) -> None:
    """S79."""
    await world.watch(WECHAT)
    payment = await world.paid(WECHAT)
    there = world.complain(payment)
    await world.work()
    (case,) = await world.connection.fetch("select * from cases")
    assert (case["payment_id"], case["what"], case["asked_fen"]) == (payment.id, "request", 4800)
    world.far(WECHAT).more(there, "还没处理吗")
    await world.work()
    await world.say(await world.one(), What.REPLY, "正在处理")
    await world.work()
    await world.wait(hours=2)
    (case,) = await world.connection.fetch("select * from cases")
    rows = await world.facts("CaseItemAdded")
    kinds = [json.loads(body)["item_kind"] for body in rows if "complaint" in body]
    assert sorted(kinds) == ["complaint", *["complaint_entry"] * 3]


async def test_a_complaint_joins_the_case_that_is_open_about_its_payment(world: World) -> None:
    """S79."""
    payment = await world.paid(WECHAT)
    ask = CaseAsk(
        merchant_id=world.merchant_id, id=ids.new(ids.Kind.CASE), payment_id=payment.id, what=Case.OTHER, who="cashier"
    )
    case = await cases.request(world.app.desk, ask)
    world.complain(payment)
    await world.watch(WECHAT)
    rows = await world.connection.fetch("select id from cases")
    assert [row["id"] for row in rows] == [case.id]
    held = await world.connection.fetchval(
        "select count(*) from facts where object_id = $1 and kind = 'CaseItemAdded'", case.id
    )
    assert held == 2
