"""What a payment may become: every state with every word, then time, wishes, and news that crosses.

The expectations are written from channels.md (1.2, 2.6, 4.5) and refunds.md (A), not from the table in the rules.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.making import (
    CODE,
    MERCHANT,
    NOON,
    PAYMENT,
    RAILS,
    STORE,
    TILL,
    WECHAT,
    after,
    changed,
    fen,
    heard,
    kinds,
    moved,
    payment,
    shown,
)
from yuanlu import ids
from yuanlu.change import Look, Stay
from yuanlu.channels.contract import Channel, Close, Pay, Query, Reason, Reverse, Show, Word
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money
from yuanlu.payments import rules
from yuanlu.payments.rules import DRIVE, ChargeAsk, ChargeSeen, Mode, Payment, State

S, W = State, Word
STAYS = "stays"
CLASHES = "clashes"
IN = [("due:wechat", "owed", 12800)]
OUT = [("owed", "due:wechat", 12800)]
SOON, POLL, POLL_SHOWN, LAST, NEVER = 0, 5, 7, 300, None

EXPECTED: dict[State, dict[Word, Any]] = {
    # state: word: nothing at all, a contradiction, or (state, facts, moves, next look in seconds)
    S.SENT: {
        W.SETTLED: (S.PAID, ["PaymentPaid"], IN, NEVER),
        W.PENDING: (S.SENT, ["PaymentWaits"], [], POLL),
        W.DEFERRED: (S.FAILED, ["PaymentFailed"], [], NEVER),
        W.UNKNOWN: (S.SENT, ["PaymentUnclear"], [], POLL),
        W.ABSENT: (S.SENT, [], [], POLL),
        W.REFUSED: (S.FAILED, ["PaymentFailed"], [], NEVER),
        W.ENDED: (S.FAILED, ["PaymentFailed"], [], NEVER),
        W.SHOWN: (S.SHOWN, ["PaymentShown"], [], POLL_SHOWN),
        W.BARRED: (S.SENT, [], [], POLL),
    },
    S.SHOWN: {
        W.SETTLED: (S.PAID, ["PaymentPaid"], IN, NEVER),
        W.PENDING: (S.SHOWN, ["PaymentWaits"], [], POLL_SHOWN),
        W.DEFERRED: (S.SHOWN, [], [], POLL_SHOWN),
        W.UNKNOWN: (S.SHOWN, ["PaymentUnclear"], [], POLL_SHOWN),
        W.ABSENT: (S.SHOWN, [], [], POLL_SHOWN),
        W.REFUSED: (S.FAILED, ["PaymentFailed"], [], NEVER),
        W.ENDED: (S.CLOSED, ["PaymentClosed"], [], LAST),
        W.SHOWN: (S.SHOWN, [], [], POLL_SHOWN),
        W.BARRED: (S.SHOWN, [], [], POLL_SHOWN),
    },
    S.REVERSING: {
        W.SETTLED: (S.REVERSING, [], [], POLL),
        W.PENDING: (S.REVERSING, ["PaymentWaits"], [], POLL),
        W.DEFERRED: (S.REVERSING, [], [], POLL),
        W.UNKNOWN: (S.REVERSING, ["PaymentUnclear"], [], POLL),
        W.ABSENT: (S.REVERSING, [], [], POLL),
        W.REFUSED: (S.REVERSED, ["PaymentReversed"], [], LAST),
        W.ENDED: (S.REVERSED, ["PaymentReversed"], [], LAST),
        W.SHOWN: (S.REVERSING, [], [], POLL),
        W.BARRED: (S.CLOSING, ["PaymentClosing"], [], POLL),
    },
    S.CLOSING: {
        W.SETTLED: (S.LATE_PAID, ["PaymentLatePaid"], IN, NEVER),
        W.PENDING: (S.CLOSING, ["PaymentWaits"], [], POLL),
        W.DEFERRED: (S.CLOSING, [], [], POLL),
        W.UNKNOWN: (S.CLOSING, ["PaymentUnclear"], [], POLL),
        W.ABSENT: (S.CLOSING, [], [], POLL),
        W.REFUSED: (S.CLOSED, ["PaymentClosed"], [], LAST),
        W.ENDED: (S.CLOSED, ["PaymentClosed"], [], LAST),
        W.SHOWN: (S.CLOSING, [], [], POLL),
        W.BARRED: (S.CLOSING, [], [], POLL),
    },
    S.REVERSED: {
        **dict.fromkeys(W, STAYS),
        W.SETTLED: (S.LATE_PAID, ["PaymentLatePaid"], IN, NEVER),
        W.PENDING: (S.REVERSING, ["PaymentReversing"], [], SOON),
    },
    S.CLOSED: {
        **dict.fromkeys(W, STAYS),
        W.SETTLED: (S.LATE_PAID, ["PaymentLatePaid"], IN, NEVER),
        W.PENDING: (S.CLOSING, ["PaymentClosing"], [], SOON),
    },
    S.FAILED: {
        **dict.fromkeys(W, STAYS),
        W.SETTLED: (S.LATE_PAID, ["PaymentLatePaid"], IN, NEVER),
        W.PENDING: (S.REVERSING, ["PaymentReversing"], [], SOON),
    },
    S.PAID: {**dict.fromkeys(W, STAYS), W.ABSENT: CLASHES, W.REFUSED: CLASHES, W.ENDED: CLASHES},
    S.LATE_PAID: {
        **dict.fromkeys(W, STAYS),
        W.ABSENT: CLASHES,
        W.REFUSED: CLASHES,
        W.ENDED: (S.REVERSED, ["PaymentReversed"], OUT, LAST),
    },
}
SHOWN_STATES = (S.SHOWN, S.CLOSING)
MEANWHILE = {S.SENT: 20, S.SHOWN: 20, S.REVERSING: 60, S.CLOSING: 60}


def standing(state: State) -> Payment:
    return shown(state) if state in SHOWN_STATES else payment(state)


@pytest.mark.parametrize("word", rules.HEARD)
@pytest.mark.parametrize("state", State)
def test_every_state_takes_every_word_as_the_documents_say(state: State, word: Word) -> None:
    was, at = standing(state), after(MEANWHILE.get(state, 120))
    reason = Reason.PAYER_CONFIRMS if word is W.PENDING else None
    decision = rules.hear(RAILS, heard(word, reason), was, at)
    expected = EXPECTED[state][word]
    if expected == STAYS:
        assert decision == Stay(was)
        return
    change = changed(decision)
    assert change.row.version == was.version + 1
    assert len(change.evidence) == 1
    assert change.draw is None
    if expected == CLASHES:
        assert (change.row.state, change.row.incident) == (state, f"{word} heard when {state}")
        assert (kinds(change), change.moves, change.looks) == (("PaymentContradicted",), (), ())
        return
    becomes, facts, moves, look = expected
    assert change.row.state is becomes
    assert list(kinds(change)) == facts
    assert moved(change) == moves
    assert change.looks == (Look(DRIVE, PAYMENT, None if look is NEVER else after(look + (at - NOON).total_seconds())),)


def test_the_table_of_this_test_is_total() -> None:
    assert set(EXPECTED) == set(State)
    assert all(set(words) >= set(rules.HEARD) for words in EXPECTED.values())


def test_only_a_barred_reverse_takes_a_step_by_itself() -> None:
    steps = {}
    for state in State:
        for word in rules.HEARD:
            decision = rules.hear(RAILS, heard(word), standing(state), after(MEANWHILE.get(state, 120)))
            if decision.step is not None:
                steps[state, word] = decision.step.operation
    assert steps == {(S.REVERSING, W.BARRED): "query"}


@pytest.mark.parametrize("state", State)
def test_money_is_in_the_books_exactly_while_the_state_says_so(state: State) -> None:
    for word in rules.HEARD:
        decision = rules.hear(RAILS, heard(word), standing(state), after(MEANWHILE.get(state, 120)))
        moves = moved(changed(decision)) if not isinstance(decision, Stay) else []
        had, has = state in rules.HAS_MONEY, decision.row.state in rules.HAS_MONEY
        assert moves == (IN if has and not had else OUT if had and not has else [])
        assert (decision.row.paid_at is not None) is has


def test_a_word_about_refunds_alone_is_no_word_about_a_payment() -> None:
    with pytest.raises(Broken):
        rules.hear(RAILS, heard(W.STRANDED), payment(), NOON)


def test_nobody_hears_of_a_payment_that_is_not_there() -> None:
    for rule in (rules.hear, lambda *given: rules.contradict("x", *given[1:])):
        with pytest.raises(Denied, match=r"payment\.unknown"):
            rule(RAILS, heard(W.SETTLED), None, NOON)
    with pytest.raises(Denied, match=r"payment\.unknown"):
        rules.next_step(RAILS, None, NOON)
    with pytest.raises(Denied, match=r"payment\.unknown"):
        rules.cancel(RAILS, "cashier", None, NOON)


# What is kept of an answer.


def test_paid_keeps_the_channels_number_its_time_and_the_payers_token() -> None:
    outcome = heard(W.SETTLED, amount=fen(12800), channel_number="4200", payer="o-1", at=after(9))
    row = changed(rules.hear(RAILS, outcome, payment(), after(10))).row
    assert (row.channel_number, row.payer, row.paid_at) == ("4200", "o-1", after(9))


def test_a_payment_gets_its_channel_number_from_any_evidence() -> None:  # lesson 3 of refunds.md
    waiting = changed(rules.hear(RAILS, heard(W.PENDING, channel_number="4200"), payment(), after(5))).row
    paid = changed(rules.hear(RAILS, heard(W.SETTLED), waiting, after(10))).row
    assert paid.channel_number == "4200"


def test_a_fact_of_waiting_is_told_once_however_often_it_is_polled() -> None:
    first = changed(rules.hear(RAILS, heard(W.PENDING, Reason.PAYER_CONFIRMS), payment(), after(5)))
    again = changed(rules.hear(RAILS, heard(W.PENDING, Reason.PAYER_CONFIRMS), first.row, after(10)))
    assert (kinds(first), kinds(again)) == (("PaymentWaits",), ())


def test_a_picture_shown_again_replaces_the_one_it_killed() -> None:
    once = changed(rules.hear(RAILS, heard(W.SHOWN, qr="weixin://1"), shown(S.SENT), after(1))).row
    twice = changed(rules.hear(RAILS, heard(W.SHOWN, qr="weixin://2"), once, after(2))).row
    assert (once.qr, twice.qr) == ("weixin://1", "weixin://2")
    assert changed(rules.hear(RAILS, heard(W.SETTLED), twice, after(3))).row.qr == "", "nobody pays it twice"


# Time.


def test_an_answer_that_only_accepts_is_asked_about_at_once_and_only_once() -> None:
    first = changed(rules.hear(RAILS, heard(W.PENDING, Reason.PROCESSING, by="pay"), payment(), after(1)))
    assert isinstance(first.step, Query)
    assert changed(rules.hear(RAILS, heard(W.PENDING, Reason.PROCESSING), first.row, after(2))).step is None


@pytest.mark.parametrize(("seconds", "state"), [(44, S.SENT), (45, S.REVERSING), (46, S.REVERSING)])
def test_the_last_query_in_time_waits_and_the_first_out_of_time_reverses(seconds: int, state: State) -> None:
    change = changed(rules.hear(RAILS, heard(W.PENDING, Reason.PAYER_CONFIRMS), payment(), after(seconds)))
    assert change.row.state is state


@pytest.mark.parametrize("word", [W.PENDING, W.UNKNOWN, W.ABSENT, W.BARRED])
def test_out_of_time_the_reverse_is_sent_right_behind_the_last_query(word: Word) -> None:
    """S41."""
    change = changed(rules.hear(RAILS, heard(word), payment(), after(50)))
    assert change.row.state is S.REVERSING
    assert isinstance(change.step, Reverse)
    assert kinds(change)[-1] == "PaymentReversing"
    assert change.row.version == payment().version + 1


def test_paid_with_the_last_query_is_paid_however_late_it_is() -> None:
    assert changed(rules.hear(RAILS, heard(W.SETTLED), payment(), after(hours=3))).row.state is S.PAID


def test_out_of_time_a_shown_order_is_closed_not_reversed() -> None:
    late = after(hours=2)
    for word in (W.PENDING, W.UNKNOWN):
        change = changed(rules.hear(RAILS, heard(word), shown(), late))
        assert change.row.state is S.CLOSING
        assert isinstance(change.step, Close)
    assert changed(rules.hear(RAILS, heard(W.PENDING), shown(), after(hours=2, seconds=-1))).row.state is S.SHOWN


@pytest.mark.parametrize("state", [S.REVERSING, S.CLOSING])
def test_no_timer_ends_what_is_not_clear(state: State) -> None:  # lesson 20: only a clear word ends anything
    row = standing(state)
    for hours in (1, 24, 24 * 7, 24 * 365):
        for word in (W.UNKNOWN, W.PENDING, W.DEFERRED, W.SETTLED) if state is S.REVERSING else (W.UNKNOWN, W.PENDING):
            change = changed(rules.hear(RAILS, heard(word), row, after(hours=hours)))
            assert change.row.state is state
            assert change.looks[0].at is not None
        assert rules.next_step(RAILS, row, after(hours=hours)).step is not None


def test_what_stays_unclear_is_asked_ever_more_slowly_but_never_not_at_all() -> None:
    """S40. S41."""
    gaps = []
    row = payment(S.REVERSING)
    for _ in range(120):
        change = changed(rules.hear(RAILS, heard(W.UNKNOWN), row, after(60)))
        look = change.looks[0].at
        assert look is not None
        gaps.append((look - after(60)).total_seconds())
        row = change.row
    assert gaps[0] == 5
    assert gaps == sorted(gaps)
    assert gaps[-1] == 30 * 60


def test_absent_ends_a_reverse_only_when_it_is_heard_twice_apart() -> None:
    first = changed(rules.hear(RAILS, heard(W.ABSENT), payment(S.REVERSING), after(60)))
    assert (first.row.state, first.row.absent_at) == (S.REVERSING, after(60))
    early = changed(rules.hear(RAILS, heard(W.ABSENT), first.row, after(89)))
    assert (early.row.state, early.row.absent_at) == (S.REVERSING, after(60))
    assert changed(rules.hear(RAILS, heard(W.ABSENT), early.row, after(90))).row.state is S.REVERSED


def test_a_word_that_shows_it_is_there_wipes_the_first_absent_out() -> None:
    absent = changed(rules.hear(RAILS, heard(W.ABSENT), payment(S.REVERSING), after(60))).row
    silent = changed(rules.hear(RAILS, heard(W.UNKNOWN), absent, after(65))).row
    there = changed(rules.hear(RAILS, heard(W.PENDING), silent, after(70))).row
    assert (silent.absent_at, there.absent_at) == (after(60), None)
    assert changed(rules.hear(RAILS, heard(W.ABSENT), there, after(95))).row.state is S.REVERSING


# What is done next.


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (S.SENT, Query),
        (S.REVERSING, Reverse),
        (S.REVERSED, Query),
        (S.CLOSED, Query),
        (S.PAID, None),
        (S.FAILED, Query),
        (S.LATE_PAID, None),
        (S.CLOSING, Query),
    ],
)
def test_what_was_scanned_is_asked_about_reversed_looked_at_once_more_or_left(state: State, step: type | None) -> None:
    decision = rules.next_step(RAILS, payment(state), after(30))
    assert isinstance(decision, Stay)
    assert (type(decision.step) if decision.step else None) is step


@pytest.mark.parametrize(("state", "step"), [(S.SENT, Show), (S.SHOWN, Query), (S.CLOSING, Close), (S.CLOSED, Query)])
def test_what_is_shown_is_shown_asked_about_closed_or_looked_at_once_more(state: State, step: type) -> None:
    decision = rules.next_step(RAILS, shown(state), after(30))
    assert isinstance(decision.step, step)
    if isinstance(decision.step, Query):
        assert not decision.step.scanned


def test_an_order_that_could_not_be_closed_is_asked_about_first() -> None:
    assert isinstance(rules.next_step(RAILS, shown(S.CLOSING, last_word=W.BARRED), after(30)).step, Query)


def test_an_order_that_was_never_shown_is_closed_when_its_time_is_over() -> None:
    change = changed(rules.next_step(RAILS, shown(S.SENT), after(hours=2)))
    assert change.row.state is S.CLOSING
    assert isinstance(change.step, Close)


@pytest.mark.parametrize(("seconds", "is_sent"), [(0, False), (14, False), (15, True)])
def test_a_reverse_is_not_sent_before_fifteen_seconds_have_passed(seconds: int, is_sent: bool) -> None:
    decision = rules.next_step(RAILS, payment(S.REVERSING), after(seconds))
    assert isinstance(decision.step, Reverse) is is_sent


def test_after_the_end_there_is_one_last_look() -> None:
    reversed_ = payment(S.REVERSED)  # at 60 s
    assert rules.hear(RAILS, heard(W.UNKNOWN), reversed_, after(359)) == Stay(reversed_)
    last = changed(rules.hear(RAILS, heard(W.ENDED), reversed_, after(360)))
    assert (last.row.state, last.looks[0].at, last.facts) == (S.REVERSED, None, ())
    unclear = changed(rules.hear(RAILS, heard(W.UNKNOWN), reversed_, after(360)))
    assert unclear.looks[0].at is not None, "an unclear last look is repeated"


# Giving up.


@pytest.mark.parametrize("seconds", [0, 14])
def test_a_cancel_soon_after_the_charge_waits_with_its_reverse(seconds: int) -> None:
    change = changed(rules.cancel(RAILS, "cashier", payment(), after(seconds)))
    assert (change.row.state, change.step, change.who) == (S.REVERSING, None, "cashier")
    assert change.looks == (Look(DRIVE, PAYMENT, after(15)),)


def test_a_cancel_after_fifteen_seconds_reverses_at_once() -> None:
    change = changed(rules.cancel(RAILS, "cashier", payment(), after(15)))
    assert isinstance(change.step, Reverse)
    alipay = payment(channel=Channel.ALIPAY)
    assert isinstance(changed(rules.cancel(RAILS, "cashier", alipay, NOON)).step, Reverse)


def test_a_cancel_of_a_shown_order_closes_it_at_once() -> None:
    for state in (S.SENT, S.SHOWN):
        change = changed(rules.cancel(RAILS, "cashier", shown(state), after(1)))
        assert (change.row.state, type(change.step)) == (S.CLOSING, Close)


@pytest.mark.parametrize("state", rules.HAS_MONEY)
def test_what_is_paid_is_refunded_not_cancelled(state: State) -> None:
    """S53."""
    with pytest.raises(Denied, match=r"payment\.already_paid"):
        rules.cancel(RAILS, "cashier", payment(state), after(30))


@pytest.mark.parametrize("state", [S.REVERSING, S.REVERSED, S.CLOSING, S.CLOSED, S.FAILED])
def test_a_cancel_of_what_ends_or_ended_changes_nothing_and_sends_nothing(state: State) -> None:
    assert rules.cancel(RAILS, "cashier", payment(state), after(30)) == Stay(payment(state))


# News that crosses, comes twice, or contradicts.


def test_another_amount_than_asked_for_moves_nothing_and_waits_for_a_person() -> None:
    """S70."""
    for amount in (fen(12799), fen(1280), Money(12800, "USD")):
        for state in (S.SENT, S.REVERSED, S.PAID, S.CLOSING):
            change = changed(rules.hear(RAILS, heard(W.SETTLED, amount=amount), payment(state), after(20)))
            assert (change.row.state, change.moves, change.looks) == (state, (), ())
            assert kinds(change) == ("PaymentContradicted",)


def test_the_same_contradiction_is_written_down_once() -> None:
    paid = changed(rules.hear(RAILS, heard(W.ABSENT), payment(S.PAID), after(20))).row
    assert rules.hear(RAILS, heard(W.ABSENT), paid, after(30)) == Stay(paid)
    assert isinstance(rules.contradict(paid.incident, heard(W.SETTLED), paid, after(40)), Stay)
    assert changed(rules.contradict("another", heard(W.SETTLED), paid, after(40))).row.incident == "another"


@pytest.mark.parametrize("state", [S.PAID, S.LATE_PAID, S.FAILED, S.REVERSED, S.CLOSED])
def test_the_same_news_again_changes_nothing(state: State) -> None:  # lesson 7: a duplicate is balance-inert
    word = {S.PAID: W.SETTLED, S.LATE_PAID: W.SETTLED, S.FAILED: W.REFUSED}.get(state, W.ENDED)
    row = payment(state)
    assert rules.hear(RAILS, heard(word, by="notice"), row, after(120)) == Stay(row)


def test_paid_heard_while_reversing_goes_on_reversing_until_that_is_clear() -> None:
    row = changed(rules.hear(RAILS, heard(W.SETTLED, by="notice"), payment(S.REVERSING), after(60))).row
    assert row.state is S.REVERSING
    ended = changed(rules.hear(RAILS, heard(W.ENDED, by="reverse"), row, after(65)))
    assert (ended.row.state, ended.moves) == (S.REVERSED, ())


def test_a_reverse_that_is_barred_becomes_a_late_payment_when_it_turns_out_paid() -> None:
    barred = changed(rules.hear(RAILS, heard(W.BARRED, by="reverse"), payment(S.REVERSING), after(60)))
    assert (barred.row.state, type(barred.step)) == (S.CLOSING, Query)
    paid = changed(rules.hear(RAILS, heard(W.SETTLED), barred.row, after(61)))
    assert (paid.row.state, moved(paid)) == (S.LATE_PAID, IN)


def test_a_late_payment_that_the_live_check_finds_gone_back_is_posted_back() -> None:
    late = changed(rules.hear(RAILS, heard(W.SETTLED), payment(S.REVERSED), after(120))).row
    gone = changed(rules.hear(RAILS, heard(W.ENDED), late, after(130)))
    assert (gone.row.state, moved(gone), gone.row.paid_at) == (S.REVERSED, OUT, None)
    assert gone.looks == (Look(DRIVE, PAYMENT, after(430)),), "and it is looked at once more"


def test_a_late_payment_that_refunds_drew_on_does_not_end_by_a_word() -> None:
    drawn = payment(S.LATE_PAID, back_fen=100)
    assert changed(rules.hear(RAILS, heard(W.ENDED), drawn, after(130))).row.incident


@pytest.mark.parametrize("state", rules.HAS_MONEY)
def test_what_went_back_whole_by_our_refunds_may_be_called_closed(state: State) -> None:
    row = payment(state, back_fen=12800)
    assert rules.hear(RAILS, heard(W.ENDED), row, after(130)) == Stay(row)


def test_an_answer_older_than_the_end_does_not_make_it_late_paid() -> None:
    ended = payment(S.REVERSED, asked_at=after(60))
    overtaken = heard(W.SETTLED, asked_at=after(59))
    assert rules.hear(RAILS, overtaken, ended, after(61)) == Stay(ended)
    fresh = heard(W.SETTLED, asked_at=after(60))
    assert changed(rules.hear(RAILS, fresh, ended, after(61))).row.state is S.LATE_PAID
    after_the_last_look = changed(rules.hear(RAILS, overtaken, ended, after(400)))
    assert isinstance(after_the_last_look.step, Query), "no look comes after it: it is asked anew"


@pytest.mark.parametrize("state", [S.REVERSED, S.CLOSED, S.FAILED])
def test_a_notice_of_paid_after_the_end_is_kept_and_asked_about_at_once(state: State) -> None:
    change = changed(rules.hear(RAILS, heard(W.SETTLED, by="notice"), payment(state), after(120)))
    assert (change.row.state, change.moves, change.facts) == (state, (), ())
    assert isinstance(change.step, Query)
    assert (change.looks, len(change.evidence)) == ((Look(DRIVE, PAYMENT, after(120)),), 1), "a crash does not lose it"
    assert isinstance(rules.next_step(RAILS, change.row, after(121)).step, Query)
    assert changed(rules.hear(RAILS, heard(W.SETTLED), change.row, after(122))).row.state is S.LATE_PAID


@pytest.mark.parametrize("word", [W.ABSENT, W.REFUSED, W.ENDED])
def test_an_answer_older_than_paid_says_nothing_against_it(word: Word) -> None:
    paid = payment(S.PAID, asked_at=after(10))
    assert rules.hear(RAILS, heard(word, asked_at=after(9)), paid, after(12)) == Stay(paid)
    assert changed(rules.hear(RAILS, heard(word, asked_at=after(10)), paid, after(12))).row.incident


def test_paid_after_a_failure_is_never_passed_over_however_old_the_answer() -> None:
    failed = payment(S.FAILED, asked_at=after(60))
    assert isinstance(rules.hear(RAILS, heard(W.SETTLED, asked_at=after(1)), failed, after(61)).step, Query)


@pytest.mark.parametrize(("hours", "state"), [(4, S.CLOSED), (3.99, S.CLOSING)])
def test_a_picture_that_nobody_can_scan_any_more_is_closed_by_not_paid(hours: float, state: State) -> None:
    not_paid = heard(W.PENDING, Reason.NOT_PAID)
    row = changed(rules.hear(RAILS, not_paid, shown(S.CLOSING), after(hours=hours))).row
    assert row.state is state, "made in the last moment of its two hours, it lives two hours more"


@pytest.mark.parametrize("state", [S.FAILED, S.CLOSED])
def test_a_shown_order_that_can_still_be_paid_is_closed(state: State) -> None:
    change = changed(rules.hear(RAILS, heard(W.PENDING), shown(state), after(120)))
    assert change.row.state is S.CLOSING
    assert isinstance(rules.next_step(RAILS, change.row, after(121)).step, Close)


# Asking for a payment.


def wish(**given: Any) -> ChargeAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": PAYMENT,
        "till_id": TILL,
        "amount": fen(12800),
        "who": "cashier",
        "code": CODE,
        "code_mark": "m",
        "channel": Channel.WECHAT,
    }
    return ChargeAsk(**values | given)


SEEN = ChargeSeen(known=None, store_id=STORE, channels=frozenset({"wechat", "alipay"}), same_code=None)


def test_a_payment_is_written_down_as_sent_before_its_charge_leaves() -> None:
    """S26."""
    change = changed(rules.open_payment(RAILS, wish(), SEEN, NOON))
    assert (change.row.state, change.row.version, kinds(change), change.moves) == (S.SENT, 1, ("PaymentOpened",), ())
    assert change.looks == (Look(DRIVE, PAYMENT, after(5)),)
    assert isinstance(change.step, Pay)
    assert (change.step.payment_id, change.step.amount, change.step.code) == (PAYMENT, fen(12800), CODE)
    assert change.row.give_up_at == after(45)
    assert change.step.expires_at >= after(45 + 5 * 60), "five minutes or more (channels.md 4.5)"


def test_the_payment_code_is_in_no_row_no_fact_and_no_text_of_the_step() -> None:
    """S36."""
    change = changed(rules.open_payment(RAILS, wish(), SEEN, NOON))
    assert CODE not in repr(change)
    assert CODE not in repr(wish())
    assert change.row.code_tail == CODE[-4:]


def test_a_shown_order_is_open_as_long_as_its_picture() -> None:
    """S11."""
    ask = wish(code="", code_mark="", channel=Channel.ALIPAY)
    change = changed(rules.open_payment(RAILS, ask, SEEN, NOON))
    assert (change.row.mode, change.row.give_up_at) == (Mode.SHOWN, after(hours=2))
    assert isinstance(change.step, Show)
    assert change.step.expires_at == after(hours=2)


def test_the_same_wish_again_gives_the_payment_back_and_sends_nothing() -> None:
    known = changed(rules.open_payment(RAILS, wish(), SEEN, NOON)).row
    assert rules.open_payment(RAILS, wish(), replace(SEEN, known=known), after(9)) == Stay(known)
    nothing_else_matters = ChargeSeen(known=known, store_id=None, channels=frozenset(), same_code="YP1")
    assert rules.open_payment(RAILS, wish(), nothing_else_matters, after(9)) == Stay(known)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": fen(12801)},
        {"amount": Money(12800, "USD")},
        {"till_id": ids.new(ids.Kind.TILL)},
        {"code_mark": "n"},
        {"description": "coffee"},
        {"channel": Channel.ALIPAY},
        {"code": "", "code_mark": ""},
    ],
)
def test_the_same_id_with_any_other_content_is_refused(other: dict[str, Any]) -> None:
    known = changed(rules.open_payment(RAILS, wish(), SEEN, NOON)).row
    with pytest.raises(Denied, match=r"payment\.id_taken"):
        rules.open_payment(RAILS, wish(**other), replace(SEEN, known=known), NOON)


@pytest.mark.parametrize(
    ("ask", "seen", "code"),
    [
        ({"amount": fen(0)}, {}, "payment.amount"),
        ({"amount": fen(-1)}, {}, "payment.amount"),
        ({"amount": fen(100_000_001)}, {}, "payment.amount"),
        ({"amount": Money(1, "USD")}, {}, "payment.currency"),
        ({}, {"store_id": None}, "payment.till_unknown"),
        ({}, {"same_code": "YP1"}, "payment.code_in_use"),
        ({"channel": None}, {}, "payment.channel_missing"),
        ({}, {"channels": frozenset({"alipay"})}, "payment.channel_off"),
        ({"id": "YP1"}, {}, "id.invalid"),
        ({"id": ids.new(ids.Kind.REFUND)}, {}, "id.invalid"),
    ],
)
def test_what_cannot_be_charged_is_denied_before_anything_is_written(ask: Any, seen: Any, code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.open_payment(RAILS, wish(**ask), replace(SEEN, **seen), NOON)
    assert no.value.code == code


@pytest.mark.parametrize("amount", [1, 100_000_000])
def test_the_smallest_and_the_largest_amount_are_taken(amount: int) -> None:
    assert changed(rules.open_payment(RAILS, wish(amount=fen(amount)), SEEN, NOON)).row.amount_fen == amount


def test_the_scanned_code_decides_the_channel() -> None:
    """S11. S13."""
    assert rules.scanned(wish(channel=None), NOON).channel is Channel.WECHAT
    assert rules.scanned(wish(channel=None, code="28" + "1" * 16), NOON).channel is Channel.ALIPAY
    assert rules.scanned(wish(code=f" {CODE}\r\n"), NOON).code == CODE


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        ({"channel": Channel.ALIPAY}, "payment.wrong_wallet"),
        ({"code": "6901234567892"}, "scan.not_payable"),
        ({"code": PAYMENT}, "scan.not_payable"),
        ({"code": "", "channel": None}, "payment.channel_missing"),
    ],
)
def test_what_is_wrong_with_a_scan_is_said_before_anything_is_written(ask: Any, code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.scanned(wish(**ask), NOON)
    assert no.value.code == code


@pytest.mark.parametrize(
    "code",
    [
        "6" + "2" * 18,
        "01" + "1" * 17,
        "hQVDUFYwMWFBTwigAAADMwEBAloIYgAAAAAAAAVjK58mCAECAwQFBgcInycBgJ8QCQcBAQOgAAABCp82AgABggJ8AJ83BBEiM0Q=",
    ],
    ids=["unionpay", "e-cny", "emv"],
)
def test_a_wallet_we_have_no_channel_for_is_said_at_once(code: str) -> None:
    with pytest.raises(Denied, match=r"scan\.not_payable|payment\.channel"):
        rules.scanned(wish(channel=None, code=code), NOON)


def test_the_numbers_of_a_channel_are_its_own() -> None:
    """S13."""

    def given_up(channel: Channel) -> datetime:
        return changed(rules.open_payment(RAILS, wish(channel=channel), SEEN, NOON)).row.give_up_at

    assert given_up(Channel.WECHAT) == NOON + WECHAT.pay_within
    assert given_up(Channel.ALIPAY) == after(60)
