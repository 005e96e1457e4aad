"""On real books: what lies beside a payment, the cause of a case, the second charge of one mistake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.flows.scene import CODES, Scene, said, standing
from yuanlu import ids, jobs
from yuanlu.cases import beside, doubles, store
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import Case, CaseAsk, State, What
from yuanlu.channels.contract import Channel, Operation, Outcome, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Busy, Denied
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.worker import VERBS

SECOND_CODE = "134567890123456780"


@pytest.fixture
async def scene(database: Database, pools: Pools) -> AsyncIterator[Scene]:
    async with standing(database, pools) as made:
        yield made


def paid_by(fen: int, payer: str) -> Outcome:
    return Outcome(word=Word.SETTLED, amount=Money(fen), channel_number="4200001", payer=payer)


async def charge(scene: Scene, fen: int, heard: Outcome, code: str = CODES[Channel.WECHAT]) -> Payment:
    """A charge whose id is made by the clock of the scene, as a till's would be."""
    scene.says[Operation.PAY] = heard
    ask = ChargeAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.PAYMENT, scene.clock.now()),
        till_id=scene.till_id,
        amount=Money(fen),
        who="cashier",
        code=code,
    )
    return await payments.request(scene.desk, ask)


async def twice(scene: Scene, payers: tuple[str, str] = ("p1", "p1")) -> tuple[Payment, Payment]:
    """The first has no answer, the second is charged meanwhile and paid; then the first turns out to be paid."""
    first = await charge(scene, 1500, said(Word.UNKNOWN, "client.timeout"))
    scene.clock.step(timedelta(seconds=8))
    second = await charge(scene, 1500, paid_by(1500, payers[1]), SECOND_CODE)
    scene.clock.step(timedelta(seconds=4))
    scene.says[Operation.QUERY] = paid_by(1500, payers[0])
    return await payments.drive(scene.desk, scene.merchant_id, first.id), second


async def run_due(scene: Scene, name: str, after: timedelta = timedelta(minutes=1)) -> int:
    """Run what is due of one name, as the worker does; answers how many there were."""
    scene.clock.step(after)
    leased = await jobs.lease(scene.pools.recorder, scene.clock.now(), 50)
    ran = 0
    for job in leased:
        if job.name == name:
            await VERBS[job.name](scene.desk, job.merchant_id, job.object_id)
            ran += 1
        await jobs.finish(scene.pools.recorder, job, scene.clock.now())
    return ran


async def open_cases(scene: Scene, payment: Payment) -> list[Case]:
    rows = await scene.pools.recorder.fetch(
        "select id from cases where merchant_id = $1 and payment_id = $2", scene.merchant_id, payment.id
    )
    seen = [await scene.desk.see(store.by_id(scene.merchant_id, row["id"])) for row in rows]
    return [each.case for each in seen if each.case is not None]


async def test_a_case_about_the_second_charge_opens_by_itself_and_waits_for_a_person(scene: Scene) -> None:
    """S41."""
    first, second = await twice(scene)
    assert (first.state, second.state) == (PaymentState.PAID, PaymentState.PAID)
    assert await run_due(scene, doubles.WAKE) == 1
    (case,) = await open_cases(scene, second)
    await cases.drive(scene.desk, scene.merchant_id, case.id)
    (case,) = await open_cases(scene, second)
    assert (case.state, case.what, case.opened_by) == (State.REVIEW, What.CHARGED_TWICE, "system")
    assert await open_cases(scene, first) == []
    assert case.remedy_fen == 0


async def test_reported_on_both_charges_only_the_second_goes_back_by_itself(scene: Scene) -> None:
    """S41, S55. Whichever is reported first, or both at once: the first charge of a pair waits for a person."""
    first, second = await twice(scene)
    scene.says[Operation.QUERY] = paid_by(1500, "p1")
    reports = [
        CaseAsk(
            merchant_id=scene.merchant_id,
            id=ids.new(ids.Kind.CASE),
            payment_id=payment.id,
            what=What.CHARGED_TWICE,
            who="anna",
        )
        for payment in (first, second)
    ]
    opened = await asyncio.gather(*(cases.request(scene.desk, report) for report in reports))
    of_first, of_second = await asyncio.gather(
        *(cases.drive(scene.desk, scene.merchant_id, case.id) for case in opened)
    )
    assert (of_first.state, of_first.remedy_fen) == (State.REVIEW, 0)
    assert (of_second.state, of_second.remedy_fen) == (State.REMEDY, 1500)


async def test_looking_again_opens_no_second_case(scene: Scene) -> None:
    first, second = await twice(scene)
    for _ in range(3):
        await beside.look_twice(scene.desk, scene.merchant_id, first.id)
        await beside.look_twice(scene.desk, scene.merchant_id, second.id)
    assert len(await open_cases(scene, second)) == 1
    assert await open_cases(scene, first) == []


async def test_another_payer_is_another_sale(scene: Scene) -> None:
    first, second = await twice(scene, ("p1", "p2"))
    assert await beside.look_twice(scene.desk, scene.merchant_id, first.id) is None
    assert await open_cases(scene, second) == []


async def test_a_payment_that_was_clear_at_once_costs_no_look(scene: Scene) -> None:
    await charge(scene, 1500, paid_by(1500, "p1"))
    names = await scene.pools.recorder.fetch("select name from jobs where merchant_id = $1", scene.merchant_id)
    assert doubles.WAKE not in {row["name"] for row in names}


async def test_it_is_too_early_to_say_while_the_other_charge_has_no_end(scene: Scene) -> None:
    first = await charge(scene, 1500, said(Word.UNKNOWN, "client.timeout"))
    scene.clock.step(timedelta(seconds=8))
    second = await charge(scene, 1500, said(Word.UNKNOWN, "client.timeout"), SECOND_CODE)
    scene.clock.step(timedelta(seconds=4))
    scene.says[Operation.QUERY] = paid_by(1500, "p1")
    await payments.drive(scene.desk, scene.merchant_id, first.id)
    with pytest.raises(Busy):
        await beside.look_twice(scene.desk, scene.merchant_id, first.id)
    await payments.drive(scene.desk, scene.merchant_id, second.id)
    case = await beside.look_twice(scene.desk, scene.merchant_id, first.id)
    assert case is not None
    assert case.payment_id == second.id


async def test_a_case_of_people_about_the_second_charge_is_left_to_them(scene: Scene) -> None:
    first, second = await twice(scene)
    await cases.request(scene.desk, report(scene, second.id, What.OTHER))
    assert await beside.look_twice(scene.desk, scene.merchant_id, first.id) is None
    assert len(await open_cases(scene, second)) == 1


def report(scene: Scene, payment_id: str, what: What, meant: int | None = None) -> CaseAsk:
    return CaseAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.CASE),
        payment_id=payment_id,
        what=what,
        meant=None if meant is None else Money(meant),
        who="cashier",
    )


async def found(scene: Scene, case_id: str) -> list[str]:
    rows = await scene.pools.recorder.fetch(
        "select body from facts where merchant_id = $1 and object_id = $2 and kind = 'CauseFound'"
        " order by recorded_at, transition, seq", scene.merchant_id, case_id,
    )  # fmt: skip
    return [each.cause for each in beside.as_told([row["body"] for row in rows])]


async def test_the_cause_of_a_case_is_looked_for_once_it_was_checked_and_kept_with_its_evidence(scene: Scene) -> None:
    """S37, S82."""
    payment = await charge(scene, 12800, paid_by(12800, "p1"))
    case = await cases.request(scene.desk, report(scene, payment.id, What.WRONG_AMOUNT, 1280))
    scene.says[Operation.QUERY] = paid_by(12800, "p1")
    await cases.drive(scene.desk, scene.merchant_id, case.id)
    assert await run_due(scene, beside.WAKE, timedelta()) == 1
    assert await found(scene, case.id) == [
        f"input.amount.{slip}" for slip in ("decimal_slip", "repeated_digit", "extra_digit")
    ]
    again = await beside.find(scene.desk, scene.merchant_id, case.id)
    assert not again.changed


async def test_what_is_found_later_is_added_to_what_was_found(scene: Scene) -> None:
    payment = await charge(scene, 12800, paid_by(12800, "p1"))
    case = await cases.request(scene.desk, report(scene, payment.id, What.OTHER))
    assert not (await beside.find(scene.desk, scene.merchant_id, case.id)).changed
    assert (await beside.find(scene.desk, scene.merchant_id, case.id, beside.Hint(basket_fen=19900))).changed is False
    assert (await beside.find(scene.desk, scene.merchant_id, case.id, beside.Hint(basket_fen=21800))).changed
    assert await found(scene, case.id) == ["input.amount.digits_swapped"]


async def test_look_alikes_are_of_the_same_store_near_in_time_and_alike_in_sum_or_payer(scene: Scene) -> None:
    """S55."""
    far = await charge(scene, 900, paid_by(900, "p1"))
    scene.clock.step(timedelta(minutes=30))
    same_payer = await charge(scene, 700, paid_by(700, "p1"))
    scene.clock.step(timedelta(minutes=2))
    other = await charge(scene, 800, paid_by(800, "p9"))
    scene.clock.step(timedelta(minutes=1))
    payment = await charge(scene, 900, paid_by(900, "p1"))
    scene.clock.step(timedelta(seconds=30))
    same_sum = await charge(scene, 900, paid_by(900, "p2"))
    near = await beside.alike(scene.desk, scene.merchant_id, payment.id)
    assert [each.id for each in near.others] == [same_sum.id, same_payer.id]
    assert near.before is not None
    assert near.before.id == other.id
    assert far.id not in {each.id for each in near.others}


async def test_look_alikes_of_another_merchant_are_not_seen(scene: Scene, database: Database, pools: Pools) -> None:
    """S55."""
    payment = await charge(scene, 900, paid_by(900, "p1"))
    async with standing(database, pools) as other:
        with pytest.raises(Denied):
            await beside.alike(other.desk, other.merchant_id, payment.id)
        await charge(other, 900, paid_by(900, "p1"))
    near = await beside.alike(scene.desk, scene.merchant_id, payment.id)
    assert near.others == ()


async def test_the_search_uses_the_primary_key_and_looks_at_no_more_than_its_bound(scene: Scene) -> None:
    """The plan names one index of payments only: no payment pays for another."""
    payment = await charge(scene, 900, paid_by(900, "p1"))
    low, high = ids.around(payment.id, timedelta(minutes=15))
    connection = await scene.pools.recorder.acquire()
    try:
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch("explain " + beside.ALIKE.sql, [scene.merchant_id], [payment.id], [low], [high])
    finally:
        await scene.pools.recorder.release(connection)
    lines = [row[0] for row in plan if "Index" in row[0] and "using" in row[0]]
    assert lines
    assert all("payments_pkey" in line for line in lines), lines
