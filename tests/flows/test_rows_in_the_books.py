"""The 23 rows of refunds.md (C), walked through the verbs, on a real database, with scripted answers.

Each test says in its name which rows it walks. Rows 15 and 22 take two named people.
"""

from __future__ import annotations

import pytest

from tests.flows.shop import Shop
from tests.making import fen, heard
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import CaseAsk, What
from yuanlu.channels.contract import Evidence, News, Reason, RescueTo, Word
from yuanlu.errors import Denied
from yuanlu.payments import store as payments_store
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import End, Refund, RescueAsk, Resolution, State

S, W = State, Word
ANNA = Person("anna", Role.MANAGER)
CARD = RescueAsk(
    to=RescueTo.PAYER_CARD, bank_type="ICBC_DEBIT", card_number="6222000000001234", holder_name="Li", card_mark="k"
)
OURS = RescueAsk(to=RescueTo.MERCHANT_CARD)
PAID = {"owed": 12800, "due:wechat": -12800}
HELD = {"owed": 1280, "held": 11520, "due:wechat": -12800}
BACK = {"owed": 1280, "due:wechat": -1280}
ADRIFT = {"owed": 1280, "suspense": 11520, "due:wechat": -12800}


async def drawn(shop: Shop, refund: Refund) -> int:
    payment = await shop.desk.see(payments_store.by_id(shop.merchant, refund.payment_id))
    assert payment is not None
    return payment.back_fen


async def stranded(shop: Shop) -> Refund:
    refund = await shop.ask_refund(await shop.paid())
    return await shop.drive(refund, heard(W.STRANDED, channel_number="5030"))


async def test_rows_01_02_04_05_10_a_refund_is_held_sent_accepted_and_done(shop: Shop) -> None:
    payment = await shop.paid()
    assert await shop.books() == PAID
    refund = await shop.ask_refund(payment)
    assert (refund.state, await shop.books(), await drawn(shop, refund)) == (S.RESERVED, HELD, 11520)
    refund = await shop.drive(refund, heard(W.PENDING, Reason.PROCESSING))
    assert (refund.state, await shop.books()) == (S.SENT, HELD)
    refund = await shop.drive(refund, W.SETTLED)
    assert (refund.state, await shop.books(), await drawn(shop, refund)) == (S.DONE, BACK, 11520)
    assert shop.outside.operations == ["pay", "refund", "refund_query"]
    assert await shop.facts(refund.id) == [
        "RefundRequested", "RefundReleased", "RefundSent", "RefundAccepted", "RefundDone",
    ]  # fmt: skip


async def test_row_03_a_refund_that_was_not_sent_is_cancelled(shop: Shop) -> None:
    refund = await shop.ask_refund(await shop.paid())
    refund = await refunds.cancel(shop.desk, shop.merchant, refund.id, "cashier")
    assert (refund.state, await shop.books(), await drawn(shop, refund)) == (S.CANCELLED, PAID, 0)
    assert shop.outside.operations == ["pay"]


async def test_row_06_a_refund_is_done_with_the_first_answer(shop: Shop) -> None:
    refund = await shop.drive(await shop.ask_refund(await shop.paid()), W.SETTLED)
    assert (refund.state, await shop.books()) == (S.DONE, BACK)


async def test_rows_07_13_funds_short_waits_and_resumes_by_itself_under_the_same_number(shop: Shop) -> None:
    refund = await shop.ask_refund(await shop.paid())
    shop.will_hear(heard(W.DEFERRED, Reason.FUNDS_SHORT))
    await shop.work()
    waiting = await shop.refund(refund.id)
    assert (waiting.state, waiting.waiting_for, await shop.books()) == (S.WAITING, "funds_short", HELD)
    assert await shop.work() == []
    shop.wait(60)
    shop.will_hear(W.SETTLED)
    await shop.work()
    assert ((await shop.refund(refund.id)).state, await shop.books()) == (S.DONE, BACK)
    first, second = shop.outside.steps[1:]
    assert first == second


async def test_row_08_a_refusal_for_good_releases_the_money(shop: Shop) -> None:
    refund = await shop.drive(await shop.ask_refund(await shop.paid()), W.REFUSED)
    assert (refund.state, await shop.books(), await drawn(shop, refund)) == (S.REFUSED, PAID, 0)


async def test_rows_09_11_what_never_arrived_is_sent_again_under_the_same_number(shop: Shop) -> None:
    refund = await shop.ask_refund(await shop.paid())
    shop.will_hear(W.UNKNOWN)
    await shop.work()
    for seconds in (60, 30):  # first asked after a minute, then again just after that answer may count
        shop.wait(seconds)
        shop.will_hear(W.ABSENT)
        if seconds == 30:
            shop.will_hear(W.SETTLED)
        await shop.work()
    assert ((await shop.refund(refund.id)).state, await shop.books()) == (S.DONE, BACK)
    assert shop.outside.operations == ["pay", "refund", "refund_query", "refund_query", "refund"]
    assert shop.outside.steps[1] == shop.outside.steps[-1]


async def test_row_12_closed_by_the_channel_releases_the_money(shop: Shop) -> None:
    refund = await shop.drive(await shop.ask_refund(await shop.paid()), W.PENDING)
    refund = await shop.learn(refund, W.REFUSED)
    assert (refund.state, await shop.books(), await drawn(shop, refund)) == (S.REFUSED, PAID, 0)


async def test_rows_14_15_16_two_people_send_stranded_money_to_another_card(shop: Shop) -> None:
    refund = await stranded(shop)
    assert (refund.state, await shop.books()) == (S.STRANDED, ADRIFT)
    await refunds.propose_rescue(shop.desk, shop.merchant, refund.id, "anna", CARD)
    with pytest.raises(Denied, match=r"refund\.same_person"):
        await refunds.approve_rescue(shop.desk, shop.merchant, refund.id, "anna", CARD)
    shop.will_hear(W.PENDING)
    moving = await refunds.approve_rescue(shop.desk, shop.merchant, refund.id, "bert", CARD)
    assert (moving.state, await shop.books()) == (S.REDIRECTING, ADRIFT)
    done = await shop.learn(moving, W.SETTLED, received_into="ICBC **** 1234")
    assert (done.state, await shop.books(), await drawn(shop, done)) == (S.DONE, BACK, 11520)
    assert shop.outside.operations[-1] == "rescue"
    kept = await shop.pools.recorder.fetch("select body from facts union all select body from evidence")
    assert not any("6222000000001234" in row["body"] for row in kept)


async def test_row_16_a_rescue_that_is_refused_strands_it_again(shop: Shop) -> None:
    refund = await stranded(shop)
    await refunds.propose_rescue(shop.desk, shop.merchant, refund.id, "anna", CARD)
    shop.will_hear(W.REFUSED)
    again = await refunds.approve_rescue(shop.desk, shop.merchant, refund.id, "bert", CARD)
    assert (again.state, again.proposal, await shop.books()) == (S.STRANDED, "", ADRIFT)


async def test_rows_17_18_money_back_at_the_merchant_is_sent_by_a_new_refund_of_the_case(shop: Shop) -> None:
    payment = await shop.paid()
    ask = CaseAsk(
        merchant_id=shop.merchant, id=ids.new(ids.Kind.CASE), payment_id=payment.id,
        what=What.WRONG_AMOUNT, meant=fen(1280), who="cashier",
    )  # fmt: skip
    await cases.request(shop.desk, ask)
    shop.will_hear(heard(W.SETTLED, amount=fen(12800)), W.STRANDED)
    await shop.work()
    (case,) = await shop.cases()
    first = await shop.refund(case["refund_id"])
    assert (case["state"], first.state) == ("ATTENTION", S.STRANDED)
    with pytest.raises(Denied, match=r"case\.refund_open"):
        await cases.decide(shop.desk, shop.merchant, ask.id, ANNA, fen(11520))
    await refunds.propose_rescue(shop.desk, shop.merchant, first.id, "anna", OURS)
    shop.will_hear(W.PENDING)
    await refunds.approve_rescue(shop.desk, shop.merchant, first.id, "bert", OURS)
    returned = await shop.learn(first, W.SETTLED)
    assert (returned.state, await shop.books(), await drawn(shop, first)) == (S.RETURNED, PAID, 0)
    await shop.work()
    (case,) = await shop.cases()
    assert "still owed" in case["note"]
    await cases.decide(shop.desk, shop.merchant, ask.id, ANNA, fen(11520))
    shop.wait(60)
    shop.will_hear(W.SETTLED)
    await shop.work()
    (case,) = await shop.cases()
    assert case["refund_id"] != first.id
    assert ((await shop.refund(first.id)).state, (await shop.refund(case["refund_id"])).state) == (S.SUPERSEDED, S.DONE)
    assert (case["state"], case["conclusion"], await shop.books()) == ("CLOSED", "money_back", BACK)


async def test_row_19_a_second_source_proves_it(shop: Shop) -> None:
    refund = await shop.drive(await shop.ask_refund(await shop.paid()), W.SETTLED)
    same = await shop.learn(refund, W.SETTLED, by="refund")
    assert same.state is S.DONE
    proven = await shop.learn(refund, W.SETTLED, by="notice")
    assert (proven.state, await shop.books()) == (S.PROVEN, BACK)


async def test_row_20_what_is_proven_can_still_strand_and_opens_its_case_again(shop: Shop) -> None:
    payment = await shop.paid()
    ask = CaseAsk(
        merchant_id=shop.merchant, id=ids.new(ids.Kind.CASE), payment_id=payment.id,
        what=What.WRONG_AMOUNT, meant=fen(1280), who="cashier",
    )  # fmt: skip
    await cases.request(shop.desk, ask)
    shop.will_hear(heard(W.SETTLED, amount=fen(12800)), W.SETTLED)
    await shop.work()
    (case,) = await shop.cases()
    refund = await shop.refund(case["refund_id"])
    await shop.learn(refund, W.SETTLED)
    assert (case["state"], (await shop.refund(refund.id)).state) == ("CLOSED", S.PROVEN)
    await shop.learn(refund, W.STRANDED)
    await shop.work()
    (case,) = await shop.cases()
    assert (case["state"], case["conclusion"], case["closed_at"]) == ("ATTENTION", "", None)
    assert await shop.books() == ADRIFT


async def manual(shop: Shop) -> Refund:
    refund = await shop.ask_refund(await shop.paid())
    shop.will_hear(W.UNKNOWN)
    await shop.work()
    for _ in range(60):
        shop.wait(hours=1)
        shop.will_hear(W.UNKNOWN)
        await shop.work()
        refund = await shop.refund(refund.id)
        if refund.state is S.MANUAL:
            return refund
    raise AssertionError("it never waited for people")


async def test_row_21_unclear_for_a_day_waits_for_people_and_is_still_asked_about(shop: Shop) -> None:
    refund = await manual(shop)
    assert (refund.waiting_for, await shop.books()) == ("people", HELD)
    asked = len(shop.outside.steps)
    shop.wait(hours=1)
    shop.will_hear(W.UNKNOWN)
    await shop.work()
    assert shop.outside.operations[asked:] == ["refund_query"]
    assert shop.outside.operations.count("refund") == 1, "it was sent once"


@pytest.mark.parametrize(("end", "state", "books"), [(End.DONE, S.DONE, BACK), (End.REFUSED, S.REFUSED, PAID)])
async def test_row_22_two_people_resolve_it_on_proof(shop: Shop, end: End, state: State, books: dict[str, int]) -> None:
    refund = await manual(shop)
    proof = Evidence(
        id=ids.new(ids.Kind.EVIDENCE), kind="person", at=shop.clock.now(), body="bank letter", digest="a" * 64
    )
    plan = Resolution(end=end, proof=proof)
    await refunds.propose_resolution(shop.desk, shop.merchant, refund.id, "anna", plan)
    with pytest.raises(Denied, match=r"refund\.same_person"):
        await refunds.approve_resolution(shop.desk, shop.merchant, refund.id, "anna", plan)
    ended = await refunds.approve_resolution(shop.desk, shop.merchant, refund.id, "bert", plan)
    assert (ended.state, await shop.books()) == (state, books)
    who = await shop.pools.recorder.fetch(
        "select who from facts where kind in ('RefundResolutionProposed', 'RefundResolved') order by transition"
    )
    assert [row["who"] for row in who] == ["anna", "bert"]


async def test_row_22_two_people_may_have_it_sent_again_under_the_same_number(shop: Shop) -> None:
    refund = await manual(shop)
    proof = Evidence(
        id=ids.new(ids.Kind.EVIDENCE), kind="person", at=shop.clock.now(), body="the channel's word", digest="b" * 64
    )
    plan = Resolution(end=End.READY, proof=proof)
    await refunds.propose_resolution(shop.desk, shop.merchant, refund.id, "anna", plan)
    await refunds.approve_resolution(shop.desk, shop.merchant, refund.id, "bert", plan)
    shop.will_hear(W.SETTLED)
    await shop.work()
    assert ((await shop.refund(refund.id)).state, await shop.books()) == (S.DONE, BACK)
    sent = [step for step in shop.outside.steps if step.operation == "refund"]
    assert (len(sent), sent[0]) == (2, sent[1])


def outside(shop: Shop, payment_id: str, number: str, amount: int) -> News:
    told = heard(W.SETTLED, by="notice", amount=fen(amount), channel_number=f"50{number}", at=shop.clock.now())
    return News(payment_id=payment_id, refund_id=number, notice_id=number, outcome=told)


async def test_row_23_a_refund_we_never_made_is_posted_once_and_reported(shop: Shop) -> None:
    payment = await shop.paid()
    for _ in range(2):
        found = await refunds.learn_outside(shop.desk, shop.merchant, outside(shop, payment.id, "1", 11520))
        assert found is not None
        assert (found.state, await shop.books(), await drawn(shop, found)) == (S.EXTERNAL, BACK, 11520)
    shop.will_hear(heard(W.SETTLED, amount=fen(12800)))
    await shop.work()
    (case,) = await shop.cases()
    assert (case["what"], case["state"]) == ("outside_refund", "ATTENTION")


async def test_row_23_a_second_refund_we_never_made_is_reported_too(shop: Shop) -> None:
    payment = await shop.paid()
    for number in ("1", "2"):
        await refunds.learn_outside(shop.desk, shop.merchant, outside(shop, payment.id, number, 100))
        shop.will_hear(heard(W.SETTLED, amount=fen(12800)))
        await shop.work()
        case = (await shop.cases())[-1]
        await cases.decide(shop.desk, shop.merchant, case["id"], ANNA, None)
        shop.wait(1)
    assert [case["what"] for case in await shop.cases()] == ["outside_refund", "outside_refund"]


async def test_row_23_a_refund_we_never_made_that_does_not_fit_is_reported_though_it_cannot_be_posted(
    shop: Shop,
) -> None:
    payment = await shop.paid()
    await shop.ask_refund(payment)
    for _ in range(2):
        found = await refunds.learn_outside(shop.desk, shop.merchant, outside(shop, payment.id, "1", 12800))
        assert found is None
    assert await shop.books() == HELD
    kept = await shop.pools.recorder.fetchval("select count(*) from evidence where object_id = $1", payment.id)
    assert kept == 2, "the answer that paid it, and the notice that does not fit"
    shop.will_hear(heard(W.SETTLED, amount=fen(12800)), W.SETTLED)
    await shop.work()
    (case,) = await shop.cases()
    assert (case["what"], case["state"]) == ("contradicted", "ATTENTION")
    assert "does not fit" in case["note"]
