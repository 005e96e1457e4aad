"""Where is my refund: an answer for every refund, case and payment there can be."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime
from itertools import product

import pytest

from tests.making import NOON, REFUND, after, payment, refund, shown
from tests.unit.test_words import width
from yuanlu import words
from yuanlu.cases.rules import State as CaseState
from yuanlu.cases.where import NOBODY, OF_CASE, OF_PAYMENT, OF_REFUND, CaseNow, Where, where
from yuanlu.channels.contract import REMOTE, Channel
from yuanlu.lawbook import shelf
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import Refund, State

BOOK = shelf.read().on(date(2026, 11, 23))
PAID = payment(PaymentState.PAID, back_fen=11520)
HOLDERS = {"customer", "cashier", "manager", "finance", "owner", "channel", "system", NOBODY}
TIMES = [NOON, after(minutes=4), after(hours=2), after(days=2), after(days=5), after(days=40)]


def at(when: datetime, one: Refund | None, case: CaseNow | None = None, paid: Payment = PAID) -> Where:
    return where(BOOK, paid, one, case, when)


def cases() -> list[CaseNow | None]:
    found: list[CaseNow | None] = [None]
    for state in OF_CASE:
        found += [CaseNow(state=state), CaseNow(state=state, holder="manager", due_at=after(days=1))]
        found.append(CaseNow(state=state, promised_on=date(2026, 11, 26), due_at=after(days=10)))
    return found


def test_the_tables_know_every_state() -> None:
    """S78."""
    assert set(OF_REFUND) == set(State)
    assert set(OF_PAYMENT) == set(PaymentState)
    assert {state.value for state in CaseState} <= set(OF_CASE)


@pytest.mark.parametrize("state", [None, *State])
def test_there_is_an_answer_for_every_refund_case_and_payment_at_any_time(state: State | None) -> None:
    """S78."""
    stages = {code.removeprefix("where.") for code in words.catalogue() if code.startswith("where.")}
    for payment_state, case, when, channel in product(PaymentState, cases(), TIMES, REMOTE):
        for into in ("", "零钱", "招商银行信用卡0403"):
            one = None if state is None else refund(state, received_into=into, channel=channel)
            found = at(when, one, case, payment(payment_state, channel=channel))
            assert found.stage in stages
            assert found.holder in HOLDERS
            assert found.reference == (REFUND if one else found.reference)
            assert all(width(line) <= 24 for line in found.zh.split("\n"))
            assert found.overdue == (words.say("where.overdue") in found.zh)
            assert not (found.overdue and found.holder in (NOBODY, "customer"))
            if found.holder == NOBODY:
                assert (found.next_event, found.next_at) == ("", None)
            else:
                assert found.next_event


def test_a_sent_refund_is_with_the_channel_until_its_own_promise_is_over() -> None:
    """S78."""
    one = refund(State.SENT, channel_number="50300000002026112300000000001")
    found = at(after(minutes=1), one)
    assert (found.stage, found.holder, found.next_event) == ("sent", "channel", "arrives")
    assert found.reference == "50300000002026112300000000001"
    assert found.reference in found.zh
    assert found.next_at == datetime.fromisoformat("2026-11-26T16:00:00+00:00")  # a card, at worst: three working days
    assert not found.overdue
    assert at(after(days=4), one).overdue


def test_a_wallet_of_wechat_has_it_five_minutes_after_it_is_done() -> None:
    """S78."""
    one = refund(State.DONE, received_into="支付用户零钱")
    assert at(after(minutes=2), one).stage == "arriving"
    assert at(after(minutes=2), one).next_at == after(minutes=6)
    there = at(after(minutes=6), one)
    assert (there.stage, there.holder, there.next_event, there.overdue) == ("arrived", NOBODY, "", False)


def test_of_alipay_no_time_of_arrival_is_made_up() -> None:
    """S62. S78."""
    one = refund(State.SENT, channel=Channel.ALIPAY)
    found = at(after(days=40), one)
    assert (found.next_at, found.overdue) == (None, False)
    assert at(NOON, refund(State.DONE, channel=Channel.ALIPAY)).stage == "arrived"


def test_an_unclear_refund_is_being_asked_about_and_then_people_have_it() -> None:
    """S78."""
    one = refund(State.SENT, unclear_since=NOON)
    found = at(after(hours=1), one)
    assert (found.stage, found.holder, found.next_event) == ("confirming", "channel", "resolved")
    assert found.next_at == after(hours=24)
    stuck = at(after(hours=25), refund(State.MANUAL))
    assert (stuck.stage, stuck.holder, stuck.overdue) == ("unclear", "finance", True)


def test_a_refund_that_waits_for_the_shops_funds_is_with_finance() -> None:
    """S78."""
    one = refund(State.WAITING, waiting_for="funds_short", release_at=after(minutes=5))
    found = at(NOON, one)
    assert (found.stage, found.holder, found.next_event, found.next_at) == (
        "funds_short",
        "finance",
        "sent",
        after(minutes=5),
    )
    assert at(NOON, replace(one, waiting_for="busy")).holder == "channel"
    assert not at(after(minutes=19), one).overdue
    assert at(after(minutes=21), one).overdue


@pytest.mark.parametrize("state", [State.REFUSED, State.RETURNED, State.STRANDED])
def test_a_refund_that_goes_no_further_by_itself_is_due_when_its_case_is(state: State) -> None:
    """S78. S69."""
    case = CaseNow(state="ATTENTION", holder="manager", due_at=after(hours=3))
    found = at(after(hours=1), refund(state), case)
    assert (found.holder, found.next_at, found.overdue) == ("manager", after(hours=3), False)
    assert at(after(hours=4), refund(state), case).overdue
    assert at(after(hours=4), refund(state), replace(case, state="CLOSED")).holder == "finance"


def test_a_promised_day_that_is_over_is_broken_openly() -> None:
    """S62. S69."""
    case = CaseNow(state="REMEDY", promised_on=date(2026, 11, 24))
    one = refund(State.SENT)
    assert not at(after(days=1), one, case).overdue
    late = at(after(days=2), one, case)
    assert late.overdue
    assert late.zh.endswith("已经超过答应的时间，抱歉")
    assert not at(after(days=2), refund(State.DONE, received_into="零钱"), case).overdue


def test_before_there_is_a_refund_the_case_says_who_has_it() -> None:
    """S78."""
    review = at(NOON, None, CaseNow(state="REVIEW", due_at=after(days=1)))
    assert (review.stage, review.holder, review.next_event, review.next_at) == (
        "review",
        "manager",
        "decided",
        after(days=1),
    )
    assert review.reference == PAID.id
    asked = at(after(days=9), None, CaseNow(state="NEEDS_INFO", due_at=after(days=7)))
    assert (asked.holder, asked.overdue) == ("customer", False)
    assert at(NOON, None).stage == "not_asked"


@pytest.mark.parametrize("state", [state for state in PaymentState if state not in HAS_MONEY])
def test_a_payment_without_its_money_says_so_whatever_its_case(state: PaymentState) -> None:
    """S53. S78."""
    found = at(NOON, None, CaseNow(state="OPENED"), payment(state))
    assert found.stage == OF_PAYMENT[state].stage
    assert found.stage not in ("not_asked", "checking")


def test_what_contradicts_our_books_is_with_finance() -> None:
    """S78."""
    assert at(NOON, refund(incident="two words")).stage == "incident"
    found = where(BOOK, shown(incident="two words"), None, None, NOON)
    assert (found.stage, found.holder) == ("incident", "finance")


def test_the_answer_says_all_that_is_asked_for() -> None:
    """S78."""
    asked = {"stage", "holder", "reference", "next_event", "next_at", "overdue"}
    assert asked < {each.name for each in fields(Where)}


def test_a_day_over_a_year_that_is_not_published_is_said_not_to_be_certain() -> None:
    """S62. S78."""
    for day, sure in ((date(2026, 12, 1), True), (date(2026, 12, 30), False)):
        sent_at = datetime.combine(day, NOON.timetz())
        found = at(sent_at, refund(State.SENT, received_into="招商银行信用卡0403", sent_at=sent_at))
        assert found.next_at is not None
        assert (found.certain, words.say("where.uncertain") in found.zh) == (sure, not sure)
    promised = CaseNow(state="REMEDY", holder="channel", promised_on=date(2027, 1, 5), promised_certain=False)
    assert not at(NOON, None, promised).certain
