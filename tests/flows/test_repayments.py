"""Repayments on the books: money back by another road, the account sealed and forgotten."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.flows.shop import Shop
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import CaseAsk, What
from yuanlu.channels.contract import Word
from yuanlu.errors import Broken, Denied
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.payments import store as payments_store
from yuanlu.people.rules import Person, Role
from yuanlu.repayments import flow, store
from yuanlu.repayments.flow import Account, Wish
from yuanlu.repayments.rules import Because, Refusal, Repayment, State
from yuanlu.web.parts import lists

NUMBER = "6200000000001234"
ACCOUNT = Account(payer_name="张 三", account_name="张三", account_number=NUMBER, bank="工商银行")


def wish(shop: Shop, payment_id: str, **given: Any) -> Wish:
    values: dict[str, Any] = {
        "merchant_id": shop.merchant,
        "id": ids.new(Kind.REPAYMENT),
        "payment_id": payment_id,
        "amount": Money(11520),
        "because": Because.WINDOW_OVER,
        "account": ACCOUNT,
        "who": "anna",
        "role": "manager",
    }
    return Wish(**values | given)


async def late(shop: Shop) -> str:
    """A payment whose window is over."""
    payment = await shop.paid()
    shop.wait(days=400)
    return payment.id


async def proposed(shop: Shop, **given: Any) -> Repayment:
    return (await flow.propose(shop.desk, wish(shop, await late(shop), **given))).row


async def back(shop: Shop, payment_id: str) -> int:
    found = await shop.desk.see(payments_store.by_id(shop.merchant, payment_id))
    assert found is not None
    return found.back_fen


async def test_two_people_and_a_proof_pay_a_named_account(shop: Shop) -> None:
    """S65, S33."""
    row = await proposed(shop)
    assert (await lists.books(shop.pools.reader, shop.merchant)).balanced
    row = await flow.approve(shop.desk, shop.merchant, row.id, "bert", role="finance")
    assert await flow.account(shop.desk, shop.merchant, row.id, "bert", role="finance") == ACCOUNT
    row = await flow.pay(shop.desk, shop.merchant, row.id, "bert", "ICBC 2026-1", role="finance")
    again = await flow.pay(shop.desk, shop.merchant, row.id, "bert", "ICBC 2026-1", role="finance")
    assert (row.state, again) == (State.PAID, row)
    books = await lists.books(shop.pools.reader, shop.merchant)
    assert books.balanced
    assert books.accounts == {"due:wechat": -12800, "owed": 1280, "held": 0, "repaid:offline": 11520}
    assert await shop.facts(row.id) == [
        "RepaymentProposed",
        "RepaymentApproved",
        "RepaymentAccountRead",
        "RepaymentPaid",
    ]
    assert await back(shop, row.payment_id) == 11520


async def test_the_account_stands_nowhere_in_the_clear(shop: Shop) -> None:
    """S57."""
    row = await proposed(shop)
    await flow.approve(shop.desk, shop.merchant, row.id, "bert", role="finance")
    for table in ("repayments", "facts", "evidence", "jobs", "subject_keys"):
        text = await shop.pools.recorder.fetchval(f"select coalesce(string_agg(t::text, ' '), '') from {table} t")
        assert NUMBER not in text
        assert "张三" not in text
    assert row.account_tail == "1234"
    assert NUMBER not in repr(wish(shop, row.payment_id))


async def test_the_account_is_forgotten_when_its_purpose_ends(shop: Shop) -> None:
    """S57."""
    row = await proposed(shop)
    await flow.approve(shop.desk, shop.merchant, row.id, "bert", role="finance")
    await flow.pay(shop.desk, shop.merchant, row.id, "bert", "ICBC 1", role="finance")
    sealed = row.account
    shop.wait(days=29)
    await shop.work()
    assert (await shop.desk.sealed(shop.merchant, row.id)).open(sealed)
    shop.wait(days=2)
    await shop.work()
    seen = await shop.desk.see(store.by_id(shop.merchant, row.id))
    assert seen.repayment
    assert (seen.repayment.state, seen.repayment.is_forgotten, seen.repayment.account) == (State.PAID, True, "")
    with pytest.raises(Denied, match=r"seal\.forgotten"):
        (await shop.desk.sealed(shop.merchant, row.id)).open(sealed)
    assert not await shop.pools.recorder.fetchval("select count(*) from jobs where name = 'repayments.drive'")


async def test_a_proposal_nobody_agrees_to_ends_and_gives_its_money_free(shop: Shop) -> None:
    row = await proposed(shop)
    shop.wait(days=7)
    await shop.work()
    seen = await shop.desk.see(store.by_id(shop.merchant, row.id))
    assert seen.repayment
    assert (seen.repayment.state, seen.repayment.is_forgotten) == (State.EXPIRED, True)
    assert await back(shop, row.payment_id) == 0
    assert (await lists.books(shop.pools.reader, shop.merchant)).accounts["held"] == 0


async def test_a_refused_one_gives_its_money_free_and_forgets_at_once(shop: Shop) -> None:
    row = await proposed(shop)
    row = await flow.refuse(shop.desk, shop.merchant, row.id, "bert", Refusal.WITHDRAWN, role="finance")
    assert (row.state, row.is_forgotten) == (State.REFUSED, True)
    assert await back(shop, row.payment_id) == 0
    with pytest.raises(Denied, match=r"repayment\.not_waiting"):
        await flow.approve(shop.desk, shop.merchant, row.id, "bert", role="finance")


async def test_an_approved_one_is_told_overdue_and_goes_on_holding_its_money(shop: Shop) -> None:
    row = await proposed(shop)
    await flow.approve(shop.desk, shop.merchant, row.id, "bert", role="finance")
    shop.wait(days=4)
    await shop.work()
    assert (await shop.facts(row.id))[-1] == "RepaymentOverdue"
    assert await back(shop, row.payment_id) == 11520


async def test_twenty_at_once_never_take_more_than_was_paid(shop: Shop) -> None:
    """S65, I1."""
    payment_id = await late(shop)
    wishes = [wish(shop, payment_id, amount=Money(5000)) for _ in range(20)]
    found = await asyncio.gather(*(flow.propose(shop.desk, each) for each in wishes), return_exceptions=True)
    denied = [each for each in found if isinstance(each, Denied)]
    assert len(denied) == 18
    assert {each.code for each in denied} == {"repayment.over_limit"}
    assert await back(shop, payment_id) == 10000
    assert (await lists.books(shop.pools.reader, shop.merchant)).balanced


async def test_twenty_who_approve_and_refuse_at_once_end_it_once(shop: Shop) -> None:
    row = await proposed(shop)
    verbs = [flow.approve(shop.desk, shop.merchant, row.id, f"p{n}", role="finance") for n in range(10)]
    verbs += [flow.refuse(shop.desk, shop.merchant, row.id, f"r{n}", Refusal.OTHER, role="finance") for n in range(10)]
    await asyncio.gather(*verbs, return_exceptions=True)
    kinds = await shop.facts(row.id)
    assert kinds.count("RepaymentApproved") <= 1
    assert kinds.count("RepaymentRefused") == 1
    assert await back(shop, row.payment_id) == 0
    assert (await lists.books(shop.pools.reader, shop.merchant)).balanced


async def test_a_refused_refund_opens_the_other_road_and_one_on_its_way_shuts_it(shop: Shop) -> None:
    """S64."""
    payment = await shop.paid()
    refund = await shop.ask_refund(payment)
    given = {"because": Because.REFUND_REFUSED, "refund_id": refund.id}
    with pytest.raises(Denied, match=r"repayment\.refund_open"):
        await flow.propose(shop.desk, wish(shop, payment.id, **given))
    await shop.drive(refund, Word.REFUSED)
    row = (await flow.propose(shop.desk, wish(shop, payment.id, **given))).row
    assert (row.state, await back(shop, payment.id)) == (State.PROPOSED, 11520)


async def test_asking_again_is_one_repayment_and_other_content_is_refused(shop: Shop) -> None:
    payment_id = await late(shop)
    one = wish(shop, payment_id)
    first, again = await flow.propose(shop.desk, one), await flow.propose(shop.desk, one)
    assert (first.changed, again.changed, again.row) == (True, False, first.row)
    other = wish(shop, payment_id, id=one.id, account=Account(
        payer_name="张三", account_name="张三", account_number="6200000000009999"
    ))  # fmt: skip
    with pytest.raises(Denied, match=r"repayment\.id_taken"):
        await flow.propose(shop.desk, other)
    assert await back(shop, payment_id) == 11520


async def test_a_legal_hold_keeps_the_account_until_it_is_lifted(shop: Shop) -> None:
    """S57, S65."""
    payment = await shop.paid()
    ask = CaseAsk(merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.OTHER, who="x")
    case = await cases.request(shop.desk, ask)
    boss = Person("YWboss", Role.OWNER)
    await cases.withdraw(shop.desk, shop.merchant, case.id, Person("x"), case.version)
    await cases.hold(shop.desk, shop.merchant, case.id, boss, cases.Words(text="律师函"), on=True)
    shop.wait(days=400)
    row = (await flow.propose(shop.desk, wish(shop, payment.id))).row
    row = await flow.refuse(shop.desk, shop.merchant, row.id, "bert", Refusal.OTHER, role="finance")
    assert not row.is_forgotten
    shop.wait(days=2)
    await shop.work()
    held = (await shop.desk.see(store.by_id(shop.merchant, row.id))).repayment
    assert held
    assert held.account
    await cases.hold(shop.desk, shop.merchant, case.id, boss, cases.Words(text="撤回"), on=False)
    shop.wait(days=2)
    await shop.work()
    assert (await shop.facts(row.id)).count("RepaymentAccountForgotten") == 1


async def test_a_crash_between_forgetting_and_writing_it_down_is_made_good(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await proposed(shop)
    decide = shop.desk.decide
    calls = 0

    async def crashing(view: Any, rule: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:  # refuse, next_step, then what was forgotten
            raise Broken("the process died here")
        return await decide(view, rule)

    monkeypatch.setattr(shop.desk, "decide", crashing)
    with pytest.raises(Broken):
        await flow.refuse(shop.desk, shop.merchant, row.id, "bert", Refusal.OTHER, role="finance")
    monkeypatch.setattr(shop.desk, "decide", decide)
    await shop.work()
    seen = await shop.desk.see(store.by_id(shop.merchant, row.id))
    assert seen.repayment
    assert seen.repayment.is_forgotten
    assert (await shop.facts(row.id)).count("RepaymentAccountForgotten") == 1


async def test_a_neighbour_knows_nothing_of_it(shop: Shop) -> None:
    row = await proposed(shop)
    for verb in (
        flow.approve(shop.desk, "YMother", row.id, "bert", role="finance"),
        flow.account(shop.desk, "YMother", row.id, "bert", role="finance"),
        flow.pay(shop.desk, "YMother", row.id, "bert", "x", role="finance"),
        flow.refuse(shop.desk, "YMother", row.id, "bert", Refusal.OTHER, role="finance"),
    ):
        with pytest.raises(Denied, match=r"repayment\.unknown"):
            await verb
