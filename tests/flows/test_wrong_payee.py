"""Two shops of one installation: money that went astray is found and handed over, and neither sees the other's rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.flows.scene import Scene, standing
from tests.flows.test_causes import charge, paid_by, report
from yuanlu import db, ids, jobs
from yuanlu.cases import beside, handovers, tracing
from yuanlu.cases import flow as cases
from yuanlu.cases import store as cases_store
from yuanlu.cases.causes import Whose
from yuanlu.cases.handovers import HandoverAsk, Side, State
from yuanlu.cases.rules import Case, CaseClosed, CaseSeen, Conclusion, What
from yuanlu.cases.rules import State as CaseState
from yuanlu.change import Change
from yuanlu.db import Database, Pools
from yuanlu.devices import flow as devices
from yuanlu.devices.rules import Code, CodeAsk, FoundAs, Standing
from yuanlu.errors import Busy, Denied
from yuanlu.payments.rules import Payment
from yuanlu.worker import VERBS

TEXT = "wxp://f2f0abcdefghijklmnop"


@dataclass
class Street:
    """Two shops side by side: the payer stands in `here`, his money is at `there`."""

    here: Scene
    there: Scene
    store_id: str

    async def work(self) -> None:
        """Run what is due of hand-overs, as the worker does."""
        pool = self.here.pools.recorder
        self.here.clock.step(timedelta(seconds=30))
        self.there.clock.step(timedelta(seconds=30))
        for job in await jobs.lease(pool, self.here.clock.now(), 50):
            if job.name in (handovers.WAKE, handovers.CASE_WAKE):
                await VERBS[job.name](self.here.desk, job.merchant_id, job.object_id)
                await jobs.finish(pool, job, self.here.clock.now())


@pytest.fixture
async def street(database: Database, pools: Pools) -> AsyncIterator[Street]:
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(standing(database, pools))
        there = await stack.enter_async_context(standing(database, pools))
        store = await pools.recorder.fetchval("select store_id from tills where id = $1", there.till_id)
        yield Street(here, there, store)


def wish(street: Street, voucher: str, **given: Any) -> HandoverAsk:
    values: dict[str, Any] = {
        "merchant_id": street.here.merchant_id,
        "id": ids.derived(ids.Kind.HANDOVER, street.here.clock.now(), "test"),
        "voucher": tracing.voucher_of(street.here.desk, voucher),
        "who": "cashier",
        "said": "我扫错了码",
    }
    return HandoverAsk(**values | given)


async def hang(scene: Scene, store_id: str, text: str = TEXT, **given: Any) -> Code:
    ask = CodeAsk(
        merchant_id=scene.merchant_id,
        id=ids.new(ids.Kind.CODE),
        store_id=store_id,
        till_id="",
        place="door",
        who="manager",
        text=text,
        **given,
    )
    return (await devices.hang(scene.desk, ask)).row


async def case_there(street: Street) -> Case:
    (row,) = await street.there.pools.recorder.fetch(
        "select id from cases where merchant_id = $1", street.there.merchant_id
    )
    seen = await street.there.desk.see(cases_store.by_id(street.there.merchant_id, row["id"]))
    assert seen.case is not None
    return seen.case


async def side(scene: Scene, handover_id: str) -> handovers.Handover:
    row = await scene.desk.see(tracing.by_id(scene.merchant_id, handover_id))
    assert row is not None
    return row


# Whose is it?


async def test_ones_own_payment_is_found_by_our_number_and_by_the_channels(street: Street) -> None:
    """S47."""
    payment = await charge(street.here, 900, paid_by(900, "p1"))
    for text in (payment.id, payment.id.lower(), f" {payment.channel_number} "):
        voucher = tracing.voucher_of(street.here.desk, text)
        told = await tracing.trace(street.here.desk, street.here.merchant_id, voucher)
        assert (told.whose, told.payments) == (Whose.YOURS, (payment.id,))


async def test_of_anothers_payment_it_is_said_that_there_is_one_and_nothing_else(street: Street) -> None:
    """S47."""
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    voucher = tracing.voucher_of(street.here.desk, payment.id)
    told = await tracing.trace(street.here.desk, street.here.merchant_id, voucher)
    assert told == tracing.Traced(Whose.ANOTHER)
    nobody = tracing.voucher_of(street.here.desk, ids.new(ids.Kind.PAYMENT))
    assert await tracing.trace(street.here.desk, street.here.merchant_id, nobody) == tracing.Traced(Whose.UNKNOWN)


@pytest.mark.parametrize("text", ["", "  ", "134567890123456789", "6222020200112233445"])
async def test_a_payers_secret_is_no_voucher(street: Street, text: str) -> None:
    with pytest.raises(Denied, match=r"trace.unreadable"):
        tracing.voucher_of(street.here.desk, text)


async def test_whose_a_code_is_and_how_it_stands_is_told_of_ones_own_only(street: Street) -> None:
    """S38, S47."""
    code = await hang(street.there, street.store_id, valid_until=street.there.clock.now() + timedelta(days=1))
    voucher = tracing.voucher_of(street.here.desk, TEXT)
    mine = await tracing.trace(street.there.desk, street.there.merchant_id, voucher)
    assert (mine.whose, mine.code_id, mine.standing) == (Whose.YOURS, code.id, Standing.CURRENT)
    assert await tracing.trace(street.here.desk, street.here.merchant_id, voucher) == tracing.Traced(Whose.ANOTHER)
    street.there.clock.step(timedelta(days=2))
    stale = await tracing.trace(street.there.desk, street.there.merchant_id, voucher)
    assert stale.standing is Standing.EXPIRED


async def test_the_text_of_a_code_is_nowhere_in_the_books(street: Street) -> None:
    code = await hang(street.there, street.store_id)
    await devices.audit(street.there.desk, street.there.merchant_id, code.id, FoundAs.COVERED, "", "cashier")
    for table in ("codes", "facts"):
        rows = await street.there.pools.recorder.fetch(f"select t::text as line from {table} t")
        assert rows
        assert not [row for row in rows if "f2f0" in row["line"]]


async def test_a_code_hangs_once_and_again_after_it_was_taken_down(street: Street) -> None:
    code = await hang(street.there, street.store_id)
    with pytest.raises(Denied, match=r"code.hangs_already"):
        await hang(street.there, street.store_id)
    await devices.retire(street.there.desk, street.there.merchant_id, code.id, "moved", "manager")
    again = await hang(street.there, street.store_id)
    owner = await devices.whose(street.there.desk, street.there.merchant_id, f" {TEXT} ")
    assert (owner.is_yours, owner.code_id) == (True, again.id)


# Handing over.


@pytest.mark.parametrize(
    ("conclusion", "end"), [(Conclusion.MONEY_BACK, State.DONE), (Conclusion.NOTED, State.DECLINED)]
)
async def test_a_request_is_handed_over_and_ends_on_both_sides_with_the_case(
    street: Street, conclusion: Conclusion, end: State
) -> None:
    """S47."""
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    done = await tracing.request(street.here.desk, wish(street, payment.id))
    assert (done.row.side, done.row.state) == (Side.ASKING, State.ASKED)
    await street.work()
    case = await case_there(street)
    assert (case.payment_id, case.what, await cases.said_of(street.there.desk, case), case.opened_by) == (
        payment.id,
        handovers.WHAT,
        "我扫错了码",
        handovers.WHO,
    )
    taking = await side(street.there, done.row.id)
    assert (taking.side, taking.amount_fen, taking.channel, taking.case_id) == (Side.TAKING, 900, "wechat", case.id)
    assert (await side(street.here, done.row.id)).state is State.HANDED
    await close(street, case, conclusion)
    await street.work()
    assert (await side(street.here, done.row.id)).state is end
    assert (await side(street.there, done.row.id)).state is end


async def close(street: Street, case: Case, conclusion: Conclusion) -> None:
    """The other shop closes its case; how it came to that is told elsewhere."""

    def rule(seen: CaseSeen, at: datetime) -> Change[Case]:
        assert seen.case is not None
        row = replace(
            seen.case, version=seen.case.version + 1, state=CaseState.CLOSED, conclusion=conclusion, closed_at=at
        )
        fact = CaseClosed(conclusion=conclusion, amount_fen=0)
        return Change(row=row, at=at, who="manager", facts=(fact,))

    await street.there.desk.decide(cases_store.by_id(street.there.merchant_id, case.id), rule)


async def test_neither_side_can_read_a_row_of_the_other(street: Street, pools: Pools) -> None:
    """S47."""
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    done = await tracing.request(street.here.desk, wish(street, payment.id))
    await street.work()
    for scene, mine in ((street.here, Side.ASKING), (street.there, Side.TAKING)):
        rows = await db.read(pools.reader, scene.merchant_id, "select * from handovers")
        assert [row["side"] for row in rows] == [mine.value]
        other = street.there if scene is street.here else street.here
        shown = " ".join(str(dict(row)) for row in rows)
        facts = await db.read(pools.reader, scene.merchant_id, "select object_id, body, who from facts")
        shown += " ".join(str(dict(row)) for row in facts)
        assert other.merchant_id not in shown
    seen = await db.read(pools.reader, street.here.merchant_id, "select id from payments")
    assert seen == []
    assert await db.read(pools.reader, street.here.merchant_id, "select id from cases") == []
    asking = await db.read(pools.reader, street.here.merchant_id, "select * from handovers")
    told = str(dict(asking[0]))
    assert "我扫错了码" not in told  # sealed
    assert (asking[0]["payment_id"], asking[0]["case_id"], asking[0]["amount_fen"]) == ("", "", None)
    assert done.row.id in told


async def test_asking_twice_or_working_twice_hands_over_once(street: Street) -> None:
    """S47."""
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    first = await tracing.request(street.here.desk, wish(street, payment.id))
    again = await tracing.request(street.here.desk, wish(street, payment.id))
    assert (first.changed, again.changed) == (True, False)
    for _ in range(2):
        await tracing.drive(street.here.desk, street.here.merchant_id, first.row.id)
    await case_there(street)
    with pytest.raises(Denied, match=r"handover.id_taken"):
        await tracing.request(street.here.desk, wish(street, payment.id, said="something else"))


async def test_a_crash_between_the_two_sides_loses_nothing(street: Street) -> None:
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    done = await tracing.request(street.here.desk, wish(street, payment.id))
    (payee,) = await tracing._payees(street.here.desk, done.row)
    await street.here.desk.decide(
        tracing.by_id(payee.merchant_id, done.row.id), lambda known, at: handovers.take(payee, done.row, known, at)
    )
    await street.work()
    assert (await case_there(street)).payment_id == payment.id
    assert (await side(street.here, done.row.id)).state is State.HANDED


async def test_ones_own_money_and_nobodys_money_are_not_handed_over(street: Street) -> None:
    payment = await charge(street.here, 900, paid_by(900, "p1"))
    with pytest.raises(Denied, match=r"trace.yours"):
        await tracing.request(street.here.desk, wish(street, payment.id))
    with pytest.raises(Denied, match=r"trace.not_found"):
        await tracing.request(street.here.desk, wish(street, ids.new(ids.Kind.PAYMENT)))


async def test_while_the_other_shop_has_a_case_about_it_the_request_waits(street: Street) -> None:
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    await cases.request(street.there.desk, report(street.there, payment.id, What.OTHER))
    done = await tracing.request(street.here.desk, wish(street, payment.id))
    with pytest.raises(Busy):
        await tracing.drive(street.here.desk, street.here.merchant_id, done.row.id)
    assert (await side(street.here, done.row.id)).state is State.ASKED


async def test_a_code_with_sum_and_time_leads_to_the_payment_and_without_them_to_nothing(street: Street) -> None:
    """S47."""
    await hang(street.there, street.store_id)
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    at: datetime = street.there.clock.now() + timedelta(minutes=3)
    with pytest.raises(Denied, match="needs_sum_and_time"):
        await tracing.request(street.here.desk, wish(street, TEXT))
    for given in ({"amount_fen": 901, "happened_at": at}, {"amount_fen": 900, "happened_at": at + timedelta(hours=1)}):
        with pytest.raises(Denied, match=r"trace.not_found"):
            await tracing.request(street.here.desk, wish(street, TEXT, **given))
    done = await tracing.request(street.here.desk, wish(street, TEXT, amount_fen=900, happened_at=at))
    assert "f2f0" not in done.row.voucher
    await street.work()
    assert (await case_there(street)).payment_id == payment.id


async def test_two_payments_that_fit_are_not_guessed_between(street: Street) -> None:
    await hang(street.there, street.store_id)
    for payer in ("p1", "p2"):
        await charge(street.there, 900, paid_by(900, payer))
    at = street.there.clock.now()
    with pytest.raises(Denied, match=r"trace.not_found"):
        await tracing.request(street.here.desk, wish(street, TEXT, amount_fen=900, happened_at=at))


async def test_a_scanned_code_of_another_shop_is_a_cause_of_the_case(street: Street) -> None:
    """S38."""
    await hang(street.there, street.store_id)
    payment: Payment = await charge(street.here, 900, paid_by(900, "p1"))
    case = await cases.request(street.here.desk, report(street.here, payment.id, What.WRONG_CODE))
    hint = await tracing.hint_of(street.here.desk, street.here.merchant_id, TEXT, beside.NO_HINT)
    assert replace(hint, code_owner=Whose.UNASKED) == beside.NO_HINT
    done = await beside.find(street.here.desk, street.here.merchant_id, case.id, hint)
    assert done.changed
