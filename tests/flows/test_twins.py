"""On real books: of a pair of charges only one goes back for being charged twice, whoever decides, and whenever."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from tests.flows.scene import CODES, Scene, said, settled, standing
from yuanlu import ids
from yuanlu.app import FOLLOWED, FOLLOWERS, ROWS
from yuanlu.cases import flow as cases
from yuanlu.cases import twins
from yuanlu.cases.flow import Words
from yuanlu.cases.review import OfferKind
from yuanlu.cases.rules import Case, CaseAsk, Conclusion, Remedy, State, What
from yuanlu.channels.contract import Channel, Operation, Outcome, Word
from yuanlu.db import Database, Pools, Role, connect
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Person
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder

FEN = 1500
SORRY = Words(text="很抱歉给您添麻烦了")


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


@asynccontextmanager
async def another_process(scene: Scene, database: Database) -> AsyncIterator[Desk]:
    """A desk of its own on the same books: its reads and writes share no queue and no batch with the scene's."""
    reader = Reader(scene.pools.recorder)
    recorder = Recorder(lambda: connect(database, Role.RECORDER, deadline_within=30), ROWS, followed=FOLLOWED)
    yield Desk(
        reader, recorder, scene._ask, scene.clock, mark_key=b"k" * 32, followers=FOLLOWERS, seal=scene.seal
    )  # fmt: skip
    await reader.close()
    await recorder.close()


def paid_by(payer: str = "p1", fen: int = FEN) -> Outcome:
    return Outcome(word=Word.SETTLED, amount=Money(fen), channel_number="4200001", payer=payer)


async def charge(scene: Scene, heard: Outcome | None = None, fen: int = FEN) -> Payment:
    scene.clock.step(timedelta(seconds=8))
    scene.says |= {Operation.PAY: heard or paid_by(fen=fen), Operation.QUERY: paid_by(fen=fen)}
    ask = ChargeAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.PAYMENT, scene.clock.now()),
        till_id=scene.till_id,
        amount=Money(fen),
        who="cashier",
        code=CODES[Channel.WECHAT][:-6] + f"{scene.clock.now().timestamp() % 1_000_000:06.0f}",
    )
    return await payments.request(scene.desk, ask)


async def reported(scene: Scene, payment: Payment, what: What = What.CHARGED_TWICE, **given: Any) -> Case:
    """A report that was checked live, and not yet carried out."""
    ask = {"id": ids.new(ids.Kind.CASE), "payment_id": payment.id, "what": what, "who": "till"} | given
    case = await cases.request(scene.desk, CaseAsk(merchant_id=scene.merchant_id, **ask))
    return await cases.drive(scene.desk, scene.merchant_id, case.id)


async def before_a_person(scene: Scene, payment: Payment) -> Case:
    """A report of being charged twice that a person decides, whichever of the pair it is about."""
    await scene.pools.recorder.execute(
        "update payments set policy = '' where merchant_id = $1", scene.merchant_id
    )  # fmt: skip
    case = await reported(scene, payment, What.OTHER)
    if case.state is State.ATTENTION:
        await scene.pools.recorder.execute(
            "update cases set what = 'charged_twice', state = 'REVIEW', note = '' where id = $1", case.id
        )
    return await now(scene, case)


async def now(scene: Scene, case: Case) -> Case:
    found = (await cases.find(scene.desk, scene.merchant_id, case.id)).case
    assert found is not None
    return found


async def paid_back(scene: Scene) -> None:
    scene.says[Operation.REFUND] = lambda step: settled(step.back.amount)  # type: ignore[attr-defined]
    for _ in range(3):
        await scene.work()
        scene.clock.step(timedelta(minutes=2))


async def went_back(scene: Scene) -> dict[str, int]:
    """What was drawn for being charged twice, by payment."""
    rows = await scene.pools.recorder.fetch(
        "select payment_id, sum(amount_fen)::bigint as fen from refunds where merchant_id = $1"
        " and reason = 'charged_twice' group by 1", scene.merchant_id,
    )  # fmt: skip
    return {row["payment_id"]: row["fen"] for row in rows}


def at(scene: Scene, case: Case) -> tuple[Any, str, str]:
    return scene.desk, scene.merchant_id, case.id


async def approve(scene: Scene, case: Case, by: Person, desk: Desk | None = None) -> Case:
    version = (await now(scene, case)).version
    return await cases.approve(desk or scene.desk, scene.merchant_id, case.id, by, version)


async def test_a_person_approves_one_of_two_and_is_told_of_it_at_the_other(scene: Scene) -> None:
    """S41, S55, S61. This failed before: a person could send both back."""
    owner = await scene.staff("owner")
    first, second = await charge(scene), await charge(scene)
    of_first = await reported(scene, first)
    assert (of_first.state, of_first.twin_id) == (State.REVIEW, second.id)
    of_first = await approve(scene, of_first, owner)
    assert of_first.state is State.REMEDY
    of_second = await reported(scene, second)
    assert (of_second.state, of_second.twin_id) == (State.REVIEW, first.id)
    with pytest.raises(Denied) as told:
        await approve(scene, of_second, owner)
    assert (told.value.code, told.value.facts["case"], told.value.facts["state"]) == (
        "case.twin_open", of_first.id, "REMEDY",
    )  # fmt: skip
    await paid_back(scene)
    with pytest.raises(Denied) as told:
        await approve(scene, of_second, owner)
    assert (told.value.code, told.value.facts["case"]) == ("case.twin_back", of_first.id)
    assert await went_back(scene) == {first.id: FEN}
    declined = await cases.decline(
        *at(scene, of_second), owner, (await now(scene, of_second)).version, "already_back", SORRY
    )
    assert declined.state is State.DECLINED


@pytest.mark.parametrize("round_", range(6))
async def test_of_two_people_who_approve_the_two_cases_at_the_same_moment_one_wins(
    scene: Scene, database: Database, round_: int
) -> None:
    """S41, S61. In one process, where both travel in one batch, and in two."""
    anna, bert = await scene.staff("owner"), await scene.staff("owner", "李雷")
    first, second = await charge(scene), await charge(scene)
    pair = [await before_a_person(scene, each) for each in (first, second)]
    assert [each.state for each in pair] == [State.REVIEW] * 2
    async with another_process(scene, database) as elsewhere:
        other = elsewhere if round_ % 2 else scene.desk
        answers = await asyncio.gather(
            approve(scene, pair[0], anna), approve(scene, pair[1], bert, other), return_exceptions=True
        )
    won = [each for each in answers if isinstance(each, Case)]
    lost = [each for each in answers if isinstance(each, Denied)]
    assert (len(won), [each.code for each in lost]) == (1, ["case.twin_open"])
    assert lost[0].facts["case"] == won[0].id
    await paid_back(scene)
    assert await went_back(scene) == {won[0].payment_id: FEN}


async def test_two_decisions_of_a_release_that_knew_no_twins_do_not_both_go_back(
    scene: Scene, database: Database
) -> None:
    """S41. Both cases are in their remedy already, without a twin; two workers carry them out at the same moment."""
    owner = await scene.staff("owner")
    sent_back = 0
    for _ in range(5):
        pair = [await before_a_person(scene, await charge(scene, fen=FEN)) for _ in range(2)]
        await approve(scene, pair[0], owner)
        await scene.pools.recorder.execute("update cases set twin_id = '' where merchant_id = $1", scene.merchant_id)
        row = await now(scene, pair[0])
        await scene.pools.recorder.execute(
            "update cases set state = 'REMEDY', remedy = $2, remedy_fen = $3, attempt = 1, decided_by = $4,"
            " approved_fen = $3, refund_id = $5 where id = $1",
            pair[1].id, row.remedy.value, FEN, owner.id, cases.rules.refund_id(pair[1], 1),
        )  # fmt: skip
        async with another_process(scene, database) as elsewhere:
            await asyncio.gather(
                cases.drive(scene.desk, scene.merchant_id, pair[0].id),
                cases.drive(elsewhere, scene.merchant_id, pair[1].id),
            )
        await paid_back(scene)
        gone = {payment for payment in await went_back(scene) if payment in {each.payment_id for each in pair}}
        assert len(gone) <= 1
        sent_back += len(gone)
        states = {(await now(scene, each)).state for each in pair}
        assert states <= {State.REVIEW, State.CLOSED}
        for each in pair:
            case = await now(scene, each)
            if case.state is State.REVIEW:
                await cases.withdraw(*at(scene, case), Person("till"), case.version)
        scene.clock.step(timedelta(minutes=30))


async def test_after_both_stood_back_a_person_sends_one_back_under_the_same_number(scene: Scene) -> None:
    """Standing back is no dead end."""
    owner = await scene.staff("owner")
    pair = [await before_a_person(scene, await charge(scene)) for _ in range(2)]
    await scene.pools.recorder.execute(
        "update cases set state = 'REMEDY', remedy = 'refund_all', remedy_fen = $2, attempt = 1, approved_fen = $2,"
        " refund_id = 'YR' where merchant_id = $1", scene.merchant_id, FEN,
    )  # fmt: skip
    for each in pair:
        number = cases.rules.refund_id(each, 1)
        await scene.pools.recorder.execute("update cases set refund_id = $2 where id = $1", each.id, number)
    stood_back = await cases.drive(*at(scene, pair[0]))
    assert stood_back.state is State.REVIEW
    assert "TwinInTheWay" in await scene.facts(pair[0].id)
    found = await cases.drive(*at(scene, pair[1]))
    assert (found.state, found.twin_id) == (State.REMEDY, pair[0].payment_id)
    with pytest.raises(Denied, match=r"case\.twin_open"):
        await approve(scene, pair[0], owner)
    await paid_back(scene)
    assert await went_back(scene) == {pair[1].payment_id: FEN}


async def test_a_decision_that_crashed_before_its_refund_sees_what_was_charged_meanwhile(scene: Scene) -> None:
    """S41. Approved, then nothing for a while; meanwhile there is a second charge, and a case about that."""
    owner = await scene.staff("owner")
    first = await charge(scene)
    of_first = await approve(scene, await before_a_person(scene, first), owner)
    assert (of_first.state, of_first.twin_id) == (State.REMEDY, "")
    second = await charge(scene)
    of_second = await reported(scene, second)
    assert of_second.state is State.REVIEW
    with pytest.raises(Denied) as told:
        await approve(scene, of_second, owner)
    assert (told.value.code, told.value.facts["case"]) == ("case.twin_open", of_first.id)
    of_first = await cases.drive(*at(scene, of_first))
    assert (of_first.state, of_first.twin_id) == (State.REMEDY, second.id)
    await paid_back(scene)
    assert await went_back(scene) == {first.id: FEN}


async def test_a_case_that_was_opened_before_its_twin_is_known_waits_for_it(scene: Scene) -> None:
    """S41. The first charge has no clear end when the second is reported."""
    owner = await scene.staff("owner")
    first = await charge(scene, said(Word.UNKNOWN, "client.timeout"))
    second = await charge(scene)
    case = await reported(scene, second)
    assert (case.state, case.twin_id) == (State.REVIEW, "")
    with pytest.raises(Denied) as told:
        await approve(scene, case, owner)
    assert (told.value.code, told.value.facts["payment"]) == ("case.twin_unclear", first.id)
    await payments.drive(scene.desk, scene.merchant_id, first.id)
    case = await approve(scene, case, owner)
    assert (case.state, case.twin_id) == (State.REMEDY, first.id)
    await paid_back(scene)
    assert await went_back(scene) == {second.id: FEN}


async def test_when_the_first_was_reversed_meanwhile_the_customer_paid_once(scene: Scene) -> None:
    """S41. We reversed it ourselves, because it had no answer."""
    owner = await scene.staff("owner")
    first = await charge(scene, said(Word.UNKNOWN, "client.timeout"))
    second = await charge(scene)
    case = await reported(scene, second)
    scene.says |= {Operation.QUERY: said(Word.UNKNOWN, "client.timeout"), Operation.REVERSE: said(Word.ENDED)}
    scene.clock.step(timedelta(minutes=2))
    for _ in range(4):
        found = await payments.drive(scene.desk, scene.merchant_id, first.id)
        scene.clock.step(timedelta(seconds=30))
    assert found.state is PaymentState.REVERSED
    with pytest.raises(Denied) as told:
        await approve(scene, case, owner)
    assert (told.value.code, told.value.facts["payment"]) == ("case.twin_unpaid", first.id)
    assert await went_back(scene) == {}


async def test_a_twin_whose_case_waits_for_the_second_person_blocks_and_frees_when_sent_back(scene: Scene) -> None:
    """S41, S61, S65."""
    manager, owner = await scene.staff("manager"), await scene.staff("owner", "李雷")
    fen = 80_000
    pair = [await before_a_person(scene, await charge(scene, fen=fen)) for _ in range(2)]
    waits = await approve(scene, pair[0], manager)
    assert waits.state is State.SECOND
    with pytest.raises(Denied, match=r"case\.twin_open"):
        await approve(scene, pair[1], owner)
    await cases.send_back(*at(scene, waits), owner, waits.version, SORRY)
    assert (await approve(scene, pair[1], owner)).state is State.REMEDY
    with pytest.raises(Denied, match=r"case\.twin_open"):
        await approve(scene, pair[0], manager)


async def test_the_second_person_is_refused_when_the_twin_went_back_otherwise_meanwhile(scene: Scene) -> None:
    """S41, S61. The goods were returned, and the other charge refunded for that."""
    manager, owner = await scene.staff("manager"), await scene.staff("owner", "李雷")
    first, second = await charge(scene, fen=80_000), await charge(scene, fen=80_000)
    waits = await approve(scene, await before_a_person(scene, second), manager)
    returned = await reported(scene, first, What.REQUEST)
    returned = await approve(scene, returned, owner)
    await cases.drive(*at(scene, returned))
    with pytest.raises(Denied) as told:
        await cases.confirm(*at(scene, waits), owner, waits.version)
    assert (told.value.code, told.value.facts["payment"]) == ("case.twin_gone", first.id)


@pytest.mark.parametrize("end", ["withdraw", "note", "offer over"])
async def test_a_case_that_ends_without_money_back_frees_the_pair(scene: Scene, end: str) -> None:
    """S41. The desk is not wedged."""
    owner = await scene.staff("owner")
    pair = [await before_a_person(scene, await charge(scene)) for _ in range(2)]
    one = await now(scene, pair[0])
    if end == "note":
        one = await approve(scene, one, owner)
        scene.says[Operation.REFUND] = said(Word.REFUSED, "NOTENOUGH")
        await scene.work()
        one = await now(scene, one)
        assert one.state is State.ATTENTION
    else:
        one = await cases.offer(
            *at(scene, one), owner, one.version, OfferKind.VOUCHER, Money(500), timedelta(hours=1), SORRY
        )
    with pytest.raises(Denied, match=r"case\.twin_open"):
        await approve(scene, pair[1], owner)
    if end == "note":
        await cases.decide(*at(scene, one), owner, None)
    elif end == "withdraw":
        await cases.withdraw(*at(scene, one), Person("till"), one.version)
    else:
        scene.clock.step(timedelta(hours=2))
        assert (await cases.tick(*at(scene, one))).state is State.REVIEW
    assert (await approve(scene, pair[1], owner)).state is State.REMEDY


async def test_a_voucher_for_one_charge_settles_the_pair(scene: Scene) -> None:
    owner = await scene.staff("owner")
    pair = [await before_a_person(scene, await charge(scene)) for _ in range(2)]
    one = await now(scene, pair[0])
    one = await cases.offer(
        *at(scene, one), owner, one.version, OfferKind.VOUCHER, Money(500), timedelta(hours=1), SORRY
    )
    one = await cases.accept(*at(scene, one), Person("till"), one.version)
    assert (one.state, one.conclusion) == (State.CLOSED, Conclusion.SETTLED_OTHERWISE)
    with pytest.raises(Denied, match=r"case\.twin_back"):
        await approve(scene, pair[1], owner)


async def test_for_another_reason_the_charge_that_stayed_may_go_back(scene: Scene) -> None:
    """S41, S49. One went back as charged twice; then the goods of the other are returned."""
    owner = await scene.staff("owner")
    first, second = await charge(scene), await charge(scene)
    assert (await reported(scene, second)).state is State.REMEDY
    await paid_back(scene)
    returned = await reported(scene, first, What.REQUEST)
    assert (await approve(scene, returned, owner)).state is State.REMEDY
    await paid_back(scene)
    assert (await now(scene, returned)).conclusion is Conclusion.MONEY_BACK
    assert await went_back(scene) == {second.id: FEN}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
async def test_of_three_charges_two_go_back_in_whatever_order(scene: Scene, order: tuple[int, int, int]) -> None:
    """S41."""
    owner = await scene.staff("owner")
    three = [await charge(scene) for _ in range(3)]
    reports = [await before_a_person(scene, each) for each in three]
    for place in order[:2]:
        assert (await approve(scene, reports[place], owner)).state is State.REMEDY
        await paid_back(scene)
    with pytest.raises(Denied, match=r"case\.twin_back"):
        await approve(scene, reports[order[2]], owner)
    assert await went_back(scene) == {three[place].id: FEN for place in order[:2]}


async def test_three_approved_at_the_same_moment_leave_one_charge(scene: Scene, database: Database) -> None:
    """S41. Each may have another one for its twin: no pair is the same then, and it is found before anything is sent.

    Who stood back is decided again, until two went back.
    """
    people = [await scene.staff("owner", name) for name in ("王芳", "李雷", "韩梅")]
    for _ in range(4):
        three = [await charge(scene) for _ in range(3)]
        reports = [await before_a_person(scene, each) for each in three]
        async with another_process(scene, database) as second, another_process(scene, database) as third:
            desks = (scene.desk, second, third)
            await asyncio.gather(
                *(approve(scene, *each) for each in zip(reports, people, desks, strict=True)), return_exceptions=True
            )
            await asyncio.gather(*(cases.drive(desk, scene.merchant_id, case.id)
                                   for desk, case in zip(desks, reports, strict=True)))  # fmt: skip
        await paid_back(scene)
        gone = set(await went_back(scene)) & {each.id for each in three}
        assert len(gone) <= 2
        for case in reports:
            if (await now(scene, case)).state is State.REVIEW and len(gone) < 2:
                await approve(scene, case, people[0])
                await paid_back(scene)
                gone.add(case.payment_id)
        assert set(await went_back(scene)) & {each.id for each in three} == gone
        assert len(gone) == 2
        (left,) = (case for case in reports if case.payment_id not in gone)
        with pytest.raises(Denied, match=r"case\.twin_back"):
            await approve(scene, left, people[0])
        scene.clock.step(timedelta(minutes=30))


async def test_opening_a_case_with_a_twin_costs_one_query_and_three_batches(scene: Scene) -> None:
    """S41, S55. From the report to the chosen remedy."""
    await charge(scene)
    second = await charge(scene)
    asked, batches = len(scene.steps), scene.recorder.batches
    case = await reported(scene, second)
    assert case.state is State.REMEDY
    assert [step.operation for step in scene.steps[asked:]] == [Operation.QUERY]
    assert scene.recorder.batches - batches <= 3


# --- the database itself -------------------------------------------------------------------------------------------


async def test_the_index_takes_one_case_of_a_pair_that_sends_money_back(scene: Scene) -> None:
    """S41. Whatever code runs on it."""
    pair = [await before_a_person(scene, await charge(scene)) for _ in range(2)]
    take = (
        "update cases set state = 'REMEDY', remedy = 'refund_all', refund_id = 'YR', remedy_fen = 1, twin_id = $2"
        " where id = $1"
    )
    await scene.pools.recorder.execute(take, pair[0].id, pair[1].payment_id)
    with pytest.raises(asyncpg.UniqueViolationError, match="cases_one_of_twins"):
        await scene.pools.recorder.execute(take, pair[1].id, pair[0].payment_id)


async def test_the_index_and_the_rule_mean_the_same_cases(scene: Scene) -> None:
    """`twins.holds` and the predicate of the index, over every state, remedy, end, with and without a refund."""
    predicate = await scene.pools.recorder.fetchval(
        "select pg_get_expr(indpred, indrelid) from pg_index where indexrelid = 'cases_one_of_twins'::regclass"
    )
    case = await reported(scene, await charge(scene))
    for state, remedy, end, refund in itertools.product(State, Remedy, Conclusion, ("", "YR")):
        said = await scene.pools.recorder.fetchval(
            f"select {predicate} from (select $1::text as state, $2::text as remedy, $3::text as conclusion,"
            " $4::text as refund_id, 'YP'::text as twin_id) cases", state.value, remedy.value, end.value, refund,
        )  # fmt: skip
        row = cases.rules.replace(case, state=state, remedy=remedy, conclusion=end, refund_id=refund)
        assert twins.holds(row) is said, (state, remedy, end, refund)
