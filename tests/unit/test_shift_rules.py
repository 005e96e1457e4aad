"""Shifts, cash taken and cash given back, as values: every state with every deed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import (
    MERCHANT,
    NOON,
    PAYMENT,
    REFUND,
    STORE,
    TILL,
    after,
    changed,
    fen,
    kinds,
    moved,
    payment,
    refund,
)
from yuanlu import ids
from yuanlu.change import Change, Draw, Stay
from yuanlu.channels.contract import Channel, Figures
from yuanlu.channels.registry import FACTS
from yuanlu.errors import Broken, Denied
from yuanlu.ids import Kind
from yuanlu.payments import cash
from yuanlu.payments import rules as payments
from yuanlu.payments.rules import ChargeAsk, ChargeSeen, Mode
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Person, Role, Staff
from yuanlu.refunds import rules as refunds
from yuanlu.refunds.rules import RefundAsk, RefundSeen
from yuanlu.refunds.rules import State as RefundState
from yuanlu.shifts import rules
from yuanlu.shifts.rules import CountAsk, OpeningSeen, Pending, Shift, ShiftAsk, ShiftSeen, State, Total

SHIFT = ids.derived(Kind.SHIFT, NOON, "test")
DRAWER = f"cash:{TILL}"
ANNA, BERT = Person("YWanna", Role.CASHIER), Person("YWbert", Role.CASHIER)
BOSS = Person("YWboss", Role.MANAGER)
TAKER = Staff(
    merchant_id=MERCHANT, id=BERT.id, role=Role.CASHIER, name="s", store_id="", since=NOON - timedelta(days=1)
)
CASH = payment(PaymentState.PAID, channel=Channel.CASH, mode=Mode.HANDED)


# --- cash taken ---


def charge(**given_: Any) -> ChargeAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT, "id": PAYMENT, "till_id": TILL, "amount": fen(12800), "who": "anna",
        "channel": Channel.CASH, "handed_fen": 20000,
    }  # fmt: skip
    return ChargeAsk(**values | given_)


def seen(**given_: Any) -> ChargeSeen:
    return ChargeSeen(**{"known": None, "store_id": STORE, "channels": frozenset(), "same_code": None} | given_)


def test_cash_is_paid_when_it_is_written_down_with_what_was_handed_over_and_the_change() -> None:
    change = changed(cash.take(charge(), seen(), NOON))
    assert (change.row.state, change.row.mode, change.row.paid_at) == (PaymentState.PAID, Mode.HANDED, NOON)
    assert kinds(change) == ("PaymentOpened", "CashTaken", "PaymentPaid")
    asked = changed(cash.take(charge(guards=("times_10",)), seen(), NOON))
    assert kinds(asked) == ("PaymentOpened", "GuardsConfirmed", "CashTaken", "PaymentPaid")
    assert moved(change) == [(DRAWER, "owed", 12800)]
    assert (change.step, change.looks) == (None, ()), "nobody outside is asked, now or later"
    figures = Figures.of_text(change.row.figures)
    assert (figures.payer, figures.handed, figures.change) == (12800, 20000, 7200)
    assert [each.kind for each in change.evidence] == ["person"]


def test_the_same_cash_told_again_is_the_same_and_another_under_its_id_is_refused() -> None:
    known = changed(cash.take(charge(), seen(), NOON)).row
    assert cash.take(charge(), seen(known=known), after(99)) == Stay(known)
    again = charge(taken_at=NOON - timedelta(hours=1))
    assert cash.take(again, seen(known=known), after(99)) == Stay(known), "asked with a network, told again without"
    for other in (charge(handed_fen=12800), charge(amount=fen(12801))):
        with pytest.raises(Denied, match=r"payment\.id_taken"):
            cash.take(other, seen(known=known), after(99))


@pytest.mark.parametrize(
    ("ask", "sees", "code"),
    [
        (charge(handed_fen=12799), seen(), "payment.handed_short"),
        (charge(amount=fen(0)), seen(), "payment.amount"),
        (charge(amount=fen(payments.AMOUNT_MAX_FEN + 1), handed_fen=0), seen(), "payment.amount"),
        (charge(), seen(store_id=None), "payment.till_unknown"),
        (charge(id="YP1"), seen(), "id.invalid"),
    ],
    ids=["handed_short", "nothing", "too_much", "no_till", "no_id"],
)
def test_cash_that_cannot_be_is_refused(ask: ChargeAsk, sees: ChargeSeen, code: str) -> None:
    with pytest.raises(Denied) as no:
        cash.take(ask, sees, NOON)
    assert no.value.code == code


@pytest.mark.parametrize(
    ("told", "counts", "reason"),
    [
        (timedelta(hours=-30), timedelta(hours=-30), ""),
        (timedelta(minutes=4), timedelta(), ""),
        (timedelta(minutes=6), timedelta(), "clock_off"),
        (timedelta(minutes=5), timedelta(), ""),
        (timedelta(days=-7), timedelta(days=-7), ""),
        (timedelta(days=-7, seconds=-1), timedelta(), "clock_off"),
    ],
    ids=["offline", "a_little_ahead", "ahead", "just_so_ahead", "a_week_ago", "long_ago"],
)
def test_a_tills_clock_counts_unless_it_is_far_off(told: timedelta, counts: timedelta, reason: str) -> None:
    change = changed(cash.take(charge(taken_at=NOON + told), seen(), NOON))
    assert (change.row.paid_at, change.row.reason) == (NOON + counts, reason)
    assert change.row.opened_at == NOON


def test_cash_told_after_its_drawer_was_counted_explains_the_difference_and_leaves_the_drawer_alone() -> None:
    change = changed(cash.take(charge(taken_at=NOON - timedelta(hours=1)), seen(is_counted=True), NOON))
    assert moved(change) == [("difference:cash", "owed", 12800)]
    assert (change.row.paid_at, change.row.reason) == (NOON - timedelta(hours=1), "told_late")
    assert (change.row.opened_at, change.row.sent_at) == (NOON, NOON), "our own time stands beside the till's"


def test_nothing_asks_about_cash_again() -> None:
    assert payments.next_step(FACTS, CASH, after(days=9)) == Stay(CASH)
    with pytest.raises(Denied, match=r"payment\.already_paid"):
        payments.cancel(FACTS, "anna", CASH, after(1))


# --- cash given back ---


def back(state: RefundState = RefundState.READY, **given_: Any) -> refunds.Refund:
    return refund(state, channel=Channel.CASH, release_at=NOON, **given_)


def test_a_refund_of_cash_waits_for_a_cashier_and_is_never_sent() -> None:
    ask = RefundAsk(merchant_id=MERCHANT, id=REFUND, payment_id=PAYMENT, amount=fen(11520), who="anna")
    made = changed(refunds.open_refund(FACTS, ask, RefundSeen(None, CASH), after(60)))
    assert (moved(made), made.draw) == ([("owed", "held", 11520)], Draw(PAYMENT, fen(11520)))
    ready = changed(refunds.next_step(FACTS, RefundSeen(made.row, None), after(60))).row
    waits = changed(refunds.next_step(FACTS, RefundSeen(ready, None), after(61)))
    assert (waits.row.state, waits.row.waiting_for, waits.step) == (RefundState.READY, "cashier", None)
    assert refunds.next_step(FACTS, RefundSeen(waits.row, None), after(62)) == Stay(waits.row)
    again = changed(refunds.next_step(FACTS, RefundSeen(waits.row, None), after(days=2)))
    assert (again.step, [look.at for look in again.looks]) == (None, [after(days=3)])


@pytest.mark.parametrize("state", RefundState)
def test_cash_is_paid_out_once_and_only_where_it_waits(state: RefundState) -> None:
    was = back(state)
    if state in (RefundState.RESERVED, RefundState.READY):
        change = changed(refunds.pay_out(ANNA, TILL, STORE, was, after(5)))
        assert moved(change) == [("held", DRAWER, 11520)]
        assert (change.row.state, change.row.done_by, change.draw) == (RefundState.DONE, ANNA.id, None)
        assert kinds(change) == ("CashPaidOut", "RefundDone")
        assert refunds.pay_out(ANNA, TILL, STORE, change.row, after(9)) == Stay(change.row)
        with pytest.raises(Denied, match=r"refund\.not_waiting"):
            refunds.pay_out(BERT, TILL, STORE, change.row, after(9))
        return
    with pytest.raises(Denied, match=r"refund\.not_waiting"):
        refunds.pay_out(ANNA, TILL, STORE, was, after(5))


@pytest.mark.parametrize("state", RefundState)
def test_nobody_outside_is_asked_about_a_refund_of_cash(state: RefundState) -> None:
    decision = refunds.next_step(FACTS, RefundSeen(back(state), None), after(days=3))
    assert decision.step is None


def test_money_that_no_drawer_paid_is_in_none() -> None:
    assert refunds.place(back(till_id=TILL), RefundState.DONE) == DRAWER
    with pytest.raises(Broken):
        refunds.place(back(), RefundState.DONE)


@pytest.mark.parametrize("role", Role)
def test_only_a_named_person_of_the_table_pays_out(role: Role) -> None:
    by = Person("YWx", role)
    if role in (Role.OWNER, Role.FINANCE, Role.MANAGER, Role.CASHIER):
        assert changed(refunds.pay_out(by, TILL, STORE, back(), NOON)).row.done_by == "YWx"
        return
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        refunds.pay_out(by, TILL, STORE, back(), NOON)


def test_what_was_not_paid_in_cash_is_not_paid_out_and_the_undo_window_holds() -> None:
    with pytest.raises(Denied, match=r"refund\.not_cash"):
        refunds.pay_out(ANNA, TILL, STORE, refund(RefundState.READY), NOON)
    with pytest.raises(Denied, match=r"refund\.not_waiting"):
        refunds.pay_out(ANNA, TILL, STORE, back(incident="a person looks"), NOON)
    undo = back(RefundState.RESERVED)
    with pytest.raises(Denied, match=r"refund\.not_waiting"):
        refunds.pay_out(ANNA, TILL, STORE, replace(undo, release_at=after(60)), NOON)
    elsewhere = replace(ANNA, store_id="YSelse")
    for by, till_store, code in ((elsewhere, STORE, "staff.other_store"), (ANNA, None, "payment.till_unknown")):
        with pytest.raises(Denied) as no:
            refunds.pay_out(by, TILL, till_store, back(), NOON)
        assert no.value.code == code


# --- shifts ---


def opening(**given_: Any) -> ShiftAsk:
    return ShiftAsk(**{"merchant_id": MERCHANT, "id": SHIFT, "till_id": TILL, "float_fen": 50000, "by": ANNA} | given_)


def shift(state: State = State.OPEN, **given_: Any) -> Shift:
    made = changed(rules.open_shift(opening(), OpeningSeen(None, STORE), NOON)).row
    ended = {"closed_at": after(60), "closed_by": "YWx"} if state is State.CLOSED else {}
    return replace(made, state=state, **ended | given_)


TOTALS = (
    Total(tender="cash", taken=2, taken_fen=12800, back=1, back_fen=2800),
    Total(tender="wechat", taken=1, taken_fen=500),
)
"""The drawer should hold 600.00."""


def counted(cash_fen: int = 60000, **given_: Any) -> CountAsk:
    return CountAsk(**{"by": ANNA, "counted": {"cash": cash_fen}, "version": 1} | given_)


def looked(one: Shift | None = None, **given_: Any) -> ShiftSeen:
    return ShiftSeen(one or shift(), **{"totals": TOTALS, "taker": TAKER} | given_)


DEEDS = {
    rules.Deed.COUNT: lambda one: rules.count(counted(by=BOSS), looked(one), after(9)),
    rules.Deed.HAND_OVER: lambda one: rules.hand_over(counted(), BERT.id, looked(one), after(9)),
    rules.Deed.CLOSE: lambda one: rules.close(counted(), 0, 0, looked(one), after(9)),
}


@pytest.mark.parametrize(("state", "deed"), list(product(State, rules.Deed)), ids=lambda each: each.name)
def test_every_state_takes_every_deed_as_the_table_says(state: State, deed: rules.Deed) -> None:
    if state is State.CLOSED:
        with pytest.raises(Denied, match=r"shift\.closed"):
            DEEDS[deed](shift(state))
        return
    change = changed(DEEDS[deed](shift(state)))
    assert change.row.state is (State.CLOSED if deed is rules.Deed.CLOSE else State.OPEN)
    assert change.row.version == 2
    assert change.row.cashier == (BERT.id if deed is rules.Deed.HAND_OVER else ANNA.id)


def test_a_shift_opens_with_what_was_counted_and_one_at_a_till() -> None:
    change = changed(rules.open_shift(opening(), OpeningSeen(None, STORE, loose_fen=20000), NOON))
    assert moved(change) == [(DRAWER, "float", 30000)], "200.00 of it were taken before, and are in the books"
    less = changed(rules.open_shift(opening(float_fen=15000), OpeningSeen(None, STORE, loose_fen=20000), NOON))
    assert moved(less) == [("float", DRAWER, 5000)]
    assert rules.open_shift(opening(), OpeningSeen(change.row, STORE), after(9)) == Stay(change.row)
    for ask, sees, code in (
        (opening(float_fen=1), OpeningSeen(change.row, STORE), "shift.id_taken"),
        (opening(), OpeningSeen(None, None), "payment.till_unknown"),
        (opening(), OpeningSeen(None, STORE, open_id="ZSx"), "shift.open_already"),
        (opening(by=Person("key")), OpeningSeen(None, STORE), "staff.not_allowed"),
        (opening(by=replace(ANNA, store_id="YSelse")), OpeningSeen(None, STORE), "staff.other_store"),
    ):
        with pytest.raises(Denied) as no:
            rules.open_shift(ask, sees, NOON)
        assert no.value.code == code


def test_a_close_posts_the_difference_and_empties_the_drawer() -> None:
    ask = counted(59000, reasons={"cash": "one note short"})
    change = changed(rules.close(ask, 8000, 1000, looked(pending=(Pending("refund", REFUND, "READY"),)), after(9)))
    assert moved(change) == [
        ("difference:cash", DRAWER, 1000), ("safe", DRAWER, 8000), ("bank", DRAWER, 1000), ("float", DRAWER, 50000),
    ]  # fmt: skip
    assert sum(move[2] for move in moved(change)) == 60000
    (fact,) = change.facts
    assert isinstance(fact, rules.ShiftClosed)
    assert (fact.difference_fen, fact.still_open, fact.expected) == (-1000, 1, {"cash": 60000, "wechat": 500})
    assert rules.close(ask, 8000, 1000, looked(change.row), after(99)) == Stay(change.row)
    for other in (counted(59000, by=BOSS, reasons=ask.reasons), counted(60000)):
        with pytest.raises(Denied, match=r"shift\.closed"):
            rules.close(other, 8000, 1000, looked(change.row), after(99))


@pytest.mark.parametrize(
    ("ask", "one", "code"),
    [
        (counted(60001), shift(), "shift.reason_missing"),
        (counted(60001, reasons={"cash": ""}), shift(), "shift.reason_missing"),
        (counted(counted={"cash": 60000, "alipay": 1}), shift(), "shift.reason_missing"),
        (counted(counted={"wechat": 500}), shift(), "shift.cash_uncounted"),
        (counted(version=2), shift(), "shift.stale"),
        (counted(by=BERT), shift(), "staff.not_allowed"),
        (counted(by=replace(BOSS, store_id="YSelse")), shift(), "staff.other_store"),
    ],
    ids=["more", "no_words", "slips", "no_cash", "stale", "not_their_drawer", "other_store"],
)
def test_a_count_that_cannot_be_changes_nothing(ask: CountAsk, one: Shift, code: str) -> None:
    above = replace(ask, by=BOSS) if ask.by == ANNA else ask
    for deed in (
        lambda: rules.close(ask, 0, 0, looked(one), after(9)),
        lambda: rules.hand_over(ask, BERT.id, looked(one), after(9)),
        lambda: rules.count(above, looked(one), after(9)),
    ):
        with pytest.raises(Denied) as no:
            deed()
        assert no.value.code == code


def test_nobody_counts_their_own_drawer_in_between_and_nobody_moves_more_than_there_is() -> None:
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        rules.count(counted(), looked(), after(9))
    with pytest.raises(Denied, match=r"shift\.moved_more"):
        rules.close(counted(), 60000, 1, looked(), after(9))
    with pytest.raises(Denied, match=r"shift\.unknown"):
        rules.close(counted(), 0, 0, ShiftSeen(None), after(9))


def test_a_hand_over_names_both_and_the_count_between_them() -> None:
    ask = counted(59900, reasons={"cash": "a coin"})
    change = changed(rules.hand_over(ask, BERT.id, looked(), after(9)))
    (fact,) = change.facts
    assert isinstance(fact, rules.ShiftHandedOver)
    assert (fact.cashier, fact.taker, fact.difference_fen) == (ANNA.id, BERT.id, -100)
    assert change.moves == ()
    assert rules.hand_over(ask, BERT.id, looked(change.row), after(99)) == Stay(change.row)
    for taker, to, code in (
        (None, BERT.id, "shift.taker_unknown"),
        (replace(TAKER, until=NOON), BERT.id, "shift.taker_unknown"),
        (replace(TAKER, role=Role.TRAINEE), BERT.id, "shift.taker_unknown"),
        (replace(TAKER, store_id="YSelse"), BERT.id, "staff.other_store"),
        (replace(TAKER, id=ANNA.id), ANNA.id, "shift.same_cashier"),
    ):
        with pytest.raises(Denied) as no:
            rules.hand_over(counted(), to, looked(taker=taker), after(9))
        assert no.value.code == code


# --- the law of the drawer ---

MONEY = st.integers(1, 1_000_000)


@given(
    start=st.integers(0, 1_000_000),
    loose=st.integers(-10_000, 1_000_000),
    drift=st.integers(-10_000, 10_000),
    passed=st.lists(st.tuples(MONEY, st.integers(0, 100)), max_size=12),
    found=st.integers(-5_000, 5_000),
    shares=st.tuples(st.integers(0, 100), st.integers(0, 100)),
)
def test_the_drawer_holds_float_and_taken_less_paid_out_and_is_empty_after_the_close(
    start: int, loose: int, drift: int, passed: list[tuple[int, int]], found: int, shares: tuple[int, int]
) -> None:
    """I3 for cash: whatever passes, in whichever order."""
    books: Counter[str] = Counter({DRAWER: -loose - drift, "owed": loose + drift})

    def post(change: Change[Any]) -> None:
        for source, target, amount in moved(change):
            assert amount > 0
            books[source] -= amount
            books[target] += amount

    sees = OpeningSeen(None, STORE, loose_fen=loose, drift_fen=drift)
    post(changed(rules.open_shift(opening(float_fen=start), sees, NOON)))
    assert books[DRAWER] == -start
    taken = given_back = 0
    for amount, percent in passed:
        paid = changed(cash.take(charge(amount=fen(amount), handed_fen=0), seen(), NOON))
        post(paid)
        taken += amount
        part = amount * percent // 100
        if part:
            ask = RefundAsk(merchant_id=MERCHANT, id=REFUND, payment_id=PAYMENT, amount=fen(part), who="anna")
            asked = changed(refunds.open_refund(FACTS, ask, RefundSeen(None, paid.row), after(1)))
            post(asked)
            post(changed(refunds.pay_out(ANNA, TILL, STORE, asked.row, after(2))))
            given_back += part
        assert books[DRAWER] == -(start + taken - given_back)
        assert books["held"] == 0
    holds = max(0, start + taken - given_back + found)
    totals = (Total(tender="cash", taken=1, taken_fen=taken, back=1, back_fen=given_back),)
    safe = holds * shares[0] // 200
    bank = holds * shares[1] // 200
    ask_close = counted(holds, reasons={"cash": "found"})
    post(changed(rules.close(ask_close, safe, bank, looked(shift(float_fen=start), totals=totals), after(9))))
    assert books[DRAWER] == 0
    assert (books["safe"], books["bank"]) == (-safe, -bank)
    assert books["difference:cash"] == holds - (start + taken - given_back) - drift
    assert sum(books.values()) == 0
    assert books["owed"] == loose + drift + taken - given_back
