"""Windows, the warnings before they shut, and the way money goes back, over all states."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from tests.making import ALIPAY, NOON, WECHAT, after, payment, refund, shown
from yuanlu import words
from yuanlu.channels.contract import Channel, Facts
from yuanlu.channels.registry import FACTS
from yuanlu.lawbook import shelf
from yuanlu.payments.rules import HAS_MONEY, Mode, Payment, State
from yuanlu.refunds.routes import Route, Way, route
from yuanlu.refunds.rules import OPEN, Refund
from yuanlu.refunds.rules import State as RefundState
from yuanlu.refunds.windows import parts_left, window, windows

BOOK = shelf.read().on(date(2026, 11, 23))
YEAR = timedelta(days=365)


def way(paid: Payment, *refunds: Refund, at: datetime = NOON, bound: Facts = WECHAT) -> Route:
    return route(bound, BOOK, paid, refunds, at)


# --- windows ---


def test_a_reverse_of_wechat_is_open_for_seven_days_and_of_alipay_until_the_day_and_a_quarter_is_over() -> None:
    """S67."""
    (wechat,) = windows(WECHAT, BOOK, payment(), NOON)
    assert (wechat.name, wechat.shuts_at) == ("reverse", NOON + timedelta(days=7))
    (alipay,) = windows(ALIPAY, BOOK, payment(channel=Channel.ALIPAY), NOON)
    assert alipay.shuts_at == datetime(2026, 11, 23, 16, 15, tzinfo=UTC)  # a quarter past midnight in Shanghai


def test_a_payment_a_minute_before_midnight_is_reversed_within_sixteen_minutes() -> None:
    """S67."""
    late = payment(channel=Channel.ALIPAY, sent_at=datetime(2026, 11, 23, 15, 59, tzinfo=UTC))
    (found,) = windows(ALIPAY, BOOK, late, late.sent_at)
    assert found.shuts_at - late.sent_at == timedelta(minutes=16)


def test_what_is_paid_can_be_refunded_for_as_long_as_the_channel_says() -> None:
    """S67."""
    (found,) = windows(WECHAT, BOOK, payment(State.PAID), NOON)
    assert (found.name, found.shuts_at) == ("refund", after(10) + YEAR)
    assert found.warn_at == found.shuts_at - timedelta(days=14)


def test_an_order_on_the_screen_shuts_when_it_is_given_up() -> None:
    (found,) = windows(WECHAT, BOOK, shown(), NOON)
    assert (found.name, found.shuts_at) == ("close", after(hours=2))


@pytest.mark.parametrize("state", [State.FAILED, State.REVERSED, State.CLOSED, State.CLOSING])
def test_what_ended_has_no_window(state: State) -> None:
    assert windows(WECHAT, BOOK, payment(state), NOON) == ()


def test_windows_known_elsewhere_stand_beside_the_next_to_shut_first() -> None:
    """S67. S69."""
    more = [("policy", after(days=7)), ("reply", after(days=1)), ("warranty", after(days=2))]
    found = windows(WECHAT, BOOK, payment(State.PAID), NOON, more)
    assert [each.name for each in found] == ["reply", "warranty", "policy", "refund"]
    assert found[0].warn_at == after(days=1) - timedelta(hours=4)
    assert found[1].warn_at == after(days=2) - timedelta(hours=4)  # a name the pack does not know


def test_what_has_shut_is_no_window_any_more() -> None:
    paid = payment(State.PAID)
    assert windows(WECHAT, BOOK, paid, after(10) + YEAR - timedelta(seconds=1))
    assert windows(WECHAT, BOOK, paid, after(10) + YEAR) == ()


def test_parts_that_are_left_are_counted_down_where_the_channel_limits_them() -> None:
    """S67."""
    assert [parts_left(WECHAT, payment(State.PAID, parts=n)) for n in (0, 49, 50, 51)] == [50, 1, 0, 0]
    assert parts_left(ALIPAY, payment(State.PAID, parts=99)) is None


def test_a_window_is_warned_of_with_the_latest_lead_time_that_has_come_and_never_after_it_shut() -> None:
    """S67."""
    found = window(BOOK, "refund", NOON)
    two_weeks, two_days = timedelta(days=14), timedelta(days=2)
    assert (found.warn_at, found.leads) == (NOON - two_weeks, (two_weeks, two_days))
    told = [
        (timedelta(days=15), None, NOON - two_weeks),
        (two_weeks, two_weeks, NOON - two_days),
        (timedelta(days=3), two_weeks, NOON - two_days),
        (two_days, two_days, None),
        (timedelta(seconds=1), two_days, None),
        (timedelta(), None, None),
    ]
    for before, lead, later in told:
        assert (found.lead(NOON - before), found.next_warning(NOON - before)) == (lead, later), before


# --- the way ---

TIMES = [NOON, after(days=1), after(days=8), after(days=366)]


@pytest.mark.parametrize("mode", [Mode.SCANNED, Mode.SHOWN])
@pytest.mark.parametrize("state", State)
def test_every_payment_with_every_refund_has_a_way_and_words_for_it(state: State, mode: Mode) -> None:
    """S53. S64: total over the states; a refund only for what is paid, a reverse or close only for what is not."""
    for refund_state, back, at, bound in product((None, *RefundState), (0, 5000, 12800), TIMES, (WECHAT, ALIPAY)):
        channel = Channel.WECHAT if bound is WECHAT else Channel.ALIPAY
        paid = payment(state, mode=mode, back_fen=back, channel=channel)
        refunds = () if refund_state is None else (refund(refund_state, channel=channel),)
        found = way(paid, *refunds, at=at, bound=bound)
        assert words.both(f"route.{found.why}")
        assert found.until is None or found.until >= at
        if found.way in (Way.REFUND, Way.RESCUE, Way.OFFLINE):
            assert state in HAS_MONEY
        if found.way is Way.REFUND:
            assert back < 12800
            assert at <= after(10) + YEAR
        if found.way is Way.REVERSE:
            assert state in (State.SENT, State.REVERSING)
            assert mode is Mode.SCANNED
        if found.way is Way.CLOSE:
            assert mode is Mode.SHOWN or state is State.SHOWN
        if state in (State.FAILED, State.REVERSED, State.CLOSED):
            assert found.way is Way.NONE


def test_what_is_not_certain_is_reversed_and_never_refunded() -> None:
    """S53."""
    assert way(payment()) == Route(Way.REVERSE, "not_certain", NOON + timedelta(days=7))
    assert way(shown()) == Route(Way.CLOSE, "not_paid", after(hours=2))
    assert way(payment(mode=Mode.SHOWN), at=after(days=1)) == Route(Way.CLOSE, "not_paid")


def test_a_reverse_that_is_too_late_waits_to_be_certain() -> None:
    """S67."""
    found = way(payment(channel=Channel.ALIPAY), at=after(hours=13), bound=ALIPAY)
    assert found == Route(Way.WAIT, "reverse_shut")


def test_what_is_paid_goes_back_the_way_it_came_until_the_window_shuts() -> None:
    """S64. S67."""
    until = after(10) + YEAR
    assert way(payment(State.PAID)) == Route(Way.REFUND, "paid", until)
    assert way(payment(State.PAID), at=until) == Route(Way.REFUND, "paid", until)
    assert way(payment(State.PAID), at=until + timedelta(seconds=1)) == Route(Way.OFFLINE, "too_late")
    assert way(payment(State.PAID, parts=50)) == Route(Way.OFFLINE, "no_parts_left")
    assert way(payment(State.PAID, parts=50, channel=Channel.ALIPAY), bound=ALIPAY).way is Way.REFUND


def test_stranded_money_is_rescued_where_the_channel_can_and_repaid_by_people_where_not() -> None:
    """S65: another account only as the exception."""
    gone = payment(State.PAID, back_fen=11520)
    assert way(gone, refund(RefundState.STRANDED)) == Route(Way.RESCUE, "stranded")
    assert way(gone, refund(RefundState.STRANDED), bound=ALIPAY) == Route(Way.OFFLINE, "no_rescue")


@pytest.mark.parametrize("state", [each for each in OPEN if each is not RefundState.STRANDED])
def test_while_the_whole_is_under_way_there_is_no_second_way(state: RefundState) -> None:
    paid = payment(State.PAID, back_fen=12800)
    assert way(paid, refund(state, amount_fen=12800)) == Route(Way.WAIT, "under_way")


def test_what_came_back_to_the_merchant_is_refunded_anew() -> None:
    assert way(payment(State.PAID), refund(RefundState.RETURNED)).why == "came_back"


def test_what_went_back_whole_needs_nothing() -> None:
    paid = payment(State.PAID, back_fen=12800)
    assert way(paid, refund(RefundState.PROVEN, amount_fen=12800)) == Route(Way.NONE, "all_back")


@pytest.mark.parametrize("state", State)
def test_what_contradicts_our_books_waits_for_a_person(state: State) -> None:
    assert way(payment(state, incident="two words")) == Route(Way.WAIT, "incident")
    assert way(payment(state), refund(incident="two words")) == Route(Way.WAIT, "incident")


def test_what_was_paid_in_cash_goes_back_in_cash_for_as_long_as_books_are_kept() -> None:
    paid = payment(State.PAID, channel=Channel.CASH, mode=Mode.HANDED)
    bound = FACTS[Channel.CASH]
    for at in TIMES:
        assert way(paid, at=at, bound=bound).way is Way.CASH
    assert words.both("route.cash")
    assert words.both("way.cash")
    assert way(replace(paid, back_fen=12800), at=NOON, bound=bound).way is Way.NONE
