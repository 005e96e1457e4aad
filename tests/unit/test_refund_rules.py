"""What a refund may become: every state with every word, where its money is, what may be asked for, and when.

The expectations are written from refunds.md (C and the tables below it) and channels.md, not from the table in the
rules. `test_refund_rows.py` walks the 23 rows one by one.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.making import (
    CASE,
    MERCHANT,
    NOON,
    PAYMENT,
    RAILS,
    REFUND,
    after,
    changed,
    fen,
    heard,
    kinds,
    moved,
    payment,
    refund,
)
from yuanlu import ids
from yuanlu.change import Change, Draw, Look, Stay
from yuanlu.channels.contract import Channel, Evidence, News, QueryRefund, Reason, Rescue, RescueTo, SendRefund, Word
from yuanlu.errors import Broken, Denied
from yuanlu.money import Money
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds import rules
from yuanlu.refunds.rules import DRIVE, End, Refund, RefundAsk, RefundSeen, RescueAsk, Resolution, State

S, W = State, Word
STAYS = "stays"
CLASHES = "clashes"
NEVER = None
MINUTE, HOUR, DAY = 60, 3600, 24 * 3600

DUE = "due:wechat"
WHERE = {
    # the ledger column of refunds.md (C): reserved and in transit is held, succeeded is cleared, abnormal is suspense
    **dict.fromkeys((S.RESERVED, S.READY, S.SENT, S.WAITING, S.MANUAL), "held"),
    **dict.fromkeys((S.DONE, S.PROVEN, S.EXTERNAL), DUE),
    **dict.fromkeys((S.STRANDED, S.REDIRECTING, S.RECALLING), "suspense"),
    **dict.fromkeys((S.REFUSED, S.CANCELLED, S.RETURNED, S.SUPERSEDED), "owed"),
}

UNSENT = {
    W.SETTLED: CLASHES,
    W.PENDING: CLASHES,
    W.DEFERRED: STAYS,
    W.UNKNOWN: STAYS,
    W.ABSENT: STAYS,
    W.REFUSED: CLASHES,
    W.STRANDED: CLASHES,
}
DONE = (S.DONE, ["RefundDone"], DAY)
REFUSED = (S.REFUSED, ["RefundRefused"], NEVER)
STRANDED = (S.STRANDED, ["RefundStranded"], HOUR)
EXPECTED: dict[State, dict[Word, Any]] = {
    # state: word: nothing at all, a contradiction, or (state, facts, next look in seconds)
    S.RESERVED: UNSENT,
    S.READY: UNSENT,
    S.SENT: {
        W.SETTLED: DONE,
        W.PENDING: (S.SENT, ["RefundAccepted"], MINUTE),
        W.DEFERRED: (S.WAITING, ["RefundWaits"], MINUTE),
        W.UNKNOWN: (S.SENT, ["RefundUnclear"], MINUTE),
        W.ABSENT: (S.SENT, [], 30),
        W.REFUSED: REFUSED,
        W.STRANDED: STRANDED,
    },
    S.WAITING: {
        W.SETTLED: DONE,
        W.PENDING: (S.SENT, ["RefundAccepted"], MINUTE),
        W.DEFERRED: STAYS,
        W.UNKNOWN: STAYS,
        W.ABSENT: STAYS,
        W.REFUSED: REFUSED,
        W.STRANDED: STRANDED,
    },
    S.MANUAL: {
        W.SETTLED: DONE,
        W.PENDING: (S.MANUAL, ["RefundAccepted"], HOUR),
        W.DEFERRED: (S.MANUAL, [], HOUR),
        W.UNKNOWN: (S.MANUAL, ["RefundUnclear"], HOUR),
        W.ABSENT: (S.MANUAL, [], HOUR),
        W.REFUSED: REFUSED,
        W.STRANDED: STRANDED,
    },
    S.STRANDED: {
        W.SETTLED: DONE,
        W.PENDING: (S.STRANDED, ["RefundAccepted"], HOUR),
        W.DEFERRED: (S.STRANDED, [], HOUR),
        W.UNKNOWN: (S.STRANDED, ["RefundUnclear"], HOUR),
        W.ABSENT: CLASHES,
        W.REFUSED: REFUSED,
        W.STRANDED: (S.STRANDED, [], HOUR),
    },
    S.REDIRECTING: {
        W.SETTLED: DONE,
        W.PENDING: (S.REDIRECTING, ["RefundAccepted"], MINUTE),
        W.DEFERRED: (S.REDIRECTING, [], MINUTE),
        W.UNKNOWN: (S.REDIRECTING, ["RefundUnclear"], MINUTE),
        W.ABSENT: CLASHES,
        W.REFUSED: STRANDED,
        W.STRANDED: STRANDED,
    },
    S.RECALLING: {
        W.SETTLED: (S.RETURNED, ["RefundReturned"], NEVER),
        W.PENDING: (S.RECALLING, ["RefundAccepted"], MINUTE),
        W.DEFERRED: (S.RECALLING, [], MINUTE),
        W.UNKNOWN: (S.RECALLING, ["RefundUnclear"], MINUTE),
        W.ABSENT: CLASHES,
        W.REFUSED: STRANDED,
        W.STRANDED: STRANDED,
    },
    S.DONE: {
        **dict.fromkeys(W, STAYS),
        W.ABSENT: CLASHES,
        W.REFUSED: CLASHES,
        W.STRANDED: STRANDED,
    },
    S.PROVEN: {**dict.fromkeys(W, STAYS), W.ABSENT: CLASHES, W.REFUSED: CLASHES, W.STRANDED: STRANDED},
    S.EXTERNAL: {**dict.fromkeys(W, STAYS), W.ABSENT: CLASHES, W.REFUSED: CLASHES, W.STRANDED: STRANDED},
    S.REFUSED: {**dict.fromkeys(W, STAYS), W.SETTLED: CLASHES, W.PENDING: CLASHES, W.STRANDED: CLASHES},
    S.CANCELLED: {**dict.fromkeys(W, STAYS), W.SETTLED: CLASHES, W.PENDING: CLASHES, W.STRANDED: CLASHES},
    S.RETURNED: {**dict.fromkeys(W, STAYS), W.ABSENT: CLASHES, W.STRANDED: CLASHES},
    S.SUPERSEDED: {**dict.fromkeys(W, STAYS), W.ABSENT: CLASHES, W.STRANDED: CLASHES},
}


def outcome(word: Word, by: str = "refund_query", **told: Any) -> Any:
    return heard(word, Reason.FUNDS_SHORT if word is W.DEFERRED else None, by=by, **told)


def is_placed(was: State | None, change: Change[Refund]) -> bool:
    """The PLACE law: moves and draw follow from where the money was and now is, and from nothing else."""
    start, end = "owed" if was is None else WHERE[was], WHERE[change.row.state]
    amount = change.row.amount_fen
    moves = [(start, end, amount)] if start != end else []
    share = (end != "owed") - (start != "owed")
    draw = Draw(PAYMENT, fen(share * amount)) if share else None
    return moved(change) == moves and change.draw == draw


@pytest.mark.parametrize("word", rules.HEARD)
@pytest.mark.parametrize("state", State)
def test_every_state_takes_every_word_as_the_documents_say(state: State, word: Word) -> None:
    was, at = refund(state), after(120)
    decision = rules.hear(RAILS, outcome(word), was, at)
    expected = EXPECTED[state][word]
    if expected == STAYS:
        assert decision == Stay(was)
        return
    change = changed(decision)
    assert change.row.version == was.version + 1
    assert (change.step, len(change.evidence)) == (None, 1)
    if expected == CLASHES:
        assert (change.row.state, change.row.incident) == (state, f"{word} heard when {state}")
        assert (kinds(change), change.moves, change.draw, change.looks) == (("RefundContradicted",), (), None, ())
        return
    becomes, facts, look = expected
    assert change.row.state is becomes
    assert list(kinds(change)) == facts
    assert change.looks == (Look(DRIVE, REFUND, None if look is NEVER else at + timedelta(seconds=look)),)
    assert is_placed(state, change)


def test_the_tables_of_this_test_are_total() -> None:
    assert set(EXPECTED) == set(WHERE) == set(State)
    assert all(set(words) >= set(rules.HEARD) for words in EXPECTED.values())


@pytest.mark.parametrize("channel", Channel)
def test_the_place_of_the_money_follows_from_the_state_alone(channel: Channel) -> None:
    out = "cash" if channel is Channel.CASH else f"due:{channel}"
    assert {**rules.PLACE[channel]} == {s: out if p == DUE else p for s, p in WHERE.items()}


def test_open_is_whatever_has_its_money_promised_or_stranded() -> None:
    assert set(rules.OPEN) == {state for state, place in WHERE.items() if place in ("held", "suspense")}
    assert {S.DONE, *rules.OPEN} == set(rules.DRIVEN), "DONE is looked at once more"


@pytest.mark.parametrize("state", State)
def test_no_time_however_long_ends_a_refund(state: State) -> None:  # lesson 20: no timer decides an outcome
    ends = {S.DONE, S.PROVEN, S.REFUSED, S.CANCELLED, S.RETURNED, S.SUPERSEDED}
    for days in (0, 1, 7, 400):
        for row in (refund(state), refund(state, unclear_since=NOON), refund(state, waits=99, looks=999)):
            decision = rules.next_step(RAILS, RefundSeen(row, None), after(days=days))
            assert decision.row.state not in ends - {state}
            if isinstance(decision, Change):
                assert is_placed(state, decision)


@pytest.mark.parametrize("word", [W.UNKNOWN, W.PENDING, W.DEFERRED])
@pytest.mark.parametrize("state", rules.OPEN)
def test_no_unclear_word_ends_a_refund_however_late(state: State, word: Word) -> None:
    for days in (0, 1, 400):
        decision = rules.hear(RAILS, outcome(word), refund(state), after(days=days))
        assert decision.row.state in rules.OPEN


@pytest.mark.parametrize("state", rules.DRIVEN)
def test_whatever_is_open_has_a_next_look(state: State) -> None:  # I10: one next deadline
    for word in rules.HEARD:
        decision = rules.hear(RAILS, outcome(word), refund(state), after(120))
        if isinstance(decision, Change) and decision.looks and decision.row.state in rules.OPEN:
            assert decision.looks[0].at is not None


def test_a_word_about_payments_alone_is_no_word_about_a_refund() -> None:
    with pytest.raises(Broken):
        rules.hear(RAILS, outcome(W.ENDED), refund(), NOON)


def test_nobody_can_do_anything_with_a_refund_that_is_not_there() -> None:
    ask, resolution = RescueAsk(to=RescueTo.MERCHANT_CARD), Resolution(end=End.DONE, proof=PROOF)
    for call in (
        lambda: rules.hear(RAILS, outcome(W.SETTLED), None, NOON),
        lambda: rules.next_step(RAILS, RefundSeen(None, None), NOON),
        lambda: rules.cancel("a", None, NOON),
        lambda: rules.propose_rescue(RAILS, "a", ask, None, NOON),
        lambda: rules.approve_rescue("a", ask, None, NOON),
        lambda: rules.propose_resolution("a", resolution, None, NOON),
        lambda: rules.approve_resolution("a", resolution, None, NOON),
        lambda: rules.supersede("a", "YR", None, NOON),
    ):
        with pytest.raises(Denied, match=r"refund\.unknown"):
            call()


# Asking for a refund.


def wish(amount_fen: int = 11520, **given: Any) -> RefundAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": REFUND,
        "payment_id": PAYMENT,
        "amount": fen(amount_fen),
        "who": "cashier",
    }
    return RefundAsk(**values | given)


def opened(ask: RefundAsk, at: Any = NOON, **paid: Any) -> Change[Refund]:
    return changed(rules.open_refund(RAILS, ask, RefundSeen(None, payment(PaymentState.PAID, **paid)), at))


@pytest.mark.parametrize("amount", [1, 4999, 5000])
def test_up_to_exactly_the_rest_may_go_back(amount: int) -> None:  # lesson 6: 1, rest-1, rest
    change = opened(wish(amount), back_fen=7800)
    assert (change.row.state, change.row.amount_fen, change.row.total_fen) == (S.RESERVED, amount, 12800)
    assert is_placed(None, change)


@pytest.mark.parametrize(
    ("amount", "code"), [(0, "amount"), (-1, "amount"), (5001, "over_limit"), (12800, "over_limit")]
)
def test_nothing_less_than_a_fen_and_nothing_beyond_the_rest_goes_back(amount: int, code: str) -> None:  # lesson 6
    with pytest.raises(Denied) as no:
        opened(wish(amount), back_fen=7800)
    assert no.value.code == f"refund.{code}"


def test_all_of_it_may_go_back_at_once_and_then_nothing_more() -> None:
    """S70. S73. S70. S73."""
    assert opened(wish(12800)).row.amount_fen == 12800
    with pytest.raises(Denied, match=r"refund\.over_limit"):
        opened(wish(1), back_fen=12800)


@pytest.mark.parametrize(("seconds", "is_open"), [(-1, True), (0, True), (1, False)])
def test_the_window_is_open_for_365_days_from_paying_and_not_a_second_longer(seconds: int, is_open: bool) -> None:
    """S67."""
    at = after(10) + timedelta(days=365, seconds=seconds)
    if is_open:
        assert opened(wish(), at).row.state is S.RESERVED
        return
    with pytest.raises(Denied, match=r"refund\.too_late"):
        opened(wish(), at)


@pytest.mark.parametrize(("parts", "is_open"), [(49, True), (50, False)])
def test_wechat_takes_fifty_refunds_of_one_order(parts: int, is_open: bool) -> None:
    if is_open:
        assert opened(wish(1), parts=parts).row
        return
    with pytest.raises(Denied, match=r"refund\.too_many_parts"):
        opened(wish(1), parts=parts)


def test_alipay_publishes_no_number_of_parts() -> None:
    assert opened(wish(1), parts=5000, channel=Channel.ALIPAY).row.channel is Channel.ALIPAY


@pytest.mark.parametrize("state", [s for s in PaymentState if s not in (PaymentState.PAID, PaymentState.LATE_PAID)])
def test_only_a_payment_that_has_its_money_gives_any_back(state: PaymentState) -> None:
    """S53."""
    with pytest.raises(Denied, match=r"refund\.not_paid"):
        rules.open_refund(RAILS, wish(), RefundSeen(None, payment(state)), NOON)


@pytest.mark.parametrize(
    ("ask", "seen", "code"),
    [
        ({"amount": Money(1, "USD")}, payment(PaymentState.PAID), "refund.currency"),
        ({}, None, "refund.payment_unknown"),
        ({"id": "YR1"}, payment(PaymentState.PAID), "id.invalid"),
        ({"id": PAYMENT}, payment(PaymentState.PAID), "id.invalid"),
    ],
)
def test_what_cannot_go_back_is_denied_before_anything_is_written(ask: Any, seen: Any, code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.open_refund(RAILS, wish(**ask), RefundSeen(None, seen), NOON)
    assert no.value.code == code


def test_a_late_payment_gives_its_money_back_as_any_other() -> None:
    late = RefundSeen(None, payment(PaymentState.LATE_PAID))
    assert changed(rules.open_refund(RAILS, wish(12800), late, NOON)).row.amount_fen == 12800


def test_the_same_wish_again_gives_the_same_refund_and_moves_nothing() -> None:  # lessons 7, 8, 12
    known = opened(wish()).row
    for seen in (payment(PaymentState.PAID, back_fen=12800), None):
        assert rules.open_refund(RAILS, wish(), RefundSeen(known, seen), after(days=400)) == Stay(known)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": fen(11521)},
        {"amount": Money(11520, "USD")},
        {"payment_id": ids.new(ids.Kind.PAYMENT)},
        {"reason": "another"},
        {"case_id": CASE},
    ],
)
def test_the_same_number_with_other_content_is_refused(other: dict[str, Any]) -> None:  # lesson 26
    known = opened(wish()).row
    with pytest.raises(Denied, match=r"refund\.id_taken"):
        rules.open_refund(RAILS, wish(**other), RefundSeen(known, payment(PaymentState.PAID)), NOON)


def test_two_equal_partial_refunds_under_two_numbers_are_two_refunds() -> None:  # lessons 8 and 23
    first, second = wish(100), wish(100, id=ids.new(ids.Kind.REFUND))
    assert opened(first).row.id != opened(second, back_fen=100, parts=1).row.id


# When it is sent.


def step_of(row: Refund, at: Any, sibling_sent_at: Any = None) -> Any:
    return rules.next_step(RAILS, RefundSeen(row, None, sibling_sent_at), at)


def test_it_is_written_down_as_sent_before_it_leaves() -> None:  # lesson 2: "not sent" is not "sent, waiting"
    change = changed(step_of(refund(S.READY), after(1)))
    assert (change.row.state, change.row.sent_at, change.row.sent_times) == (S.SENT, after(1), 1)
    assert change.row.waiting_for == "channel"
    assert isinstance(change.step, SendRefund)
    assert (change.step.refund_id, change.step.back, change.step.amount) == (REFUND, fen(11520), fen(12800))
    assert change.looks == (Look(DRIVE, REFUND, after(61)),), "WeChat is first asked after a minute"


def test_every_sending_has_the_same_number_and_the_same_amount() -> None:  # lessons 8, 10, 25
    first = changed(step_of(refund(S.READY), after(1)))
    again = changed(step_of(replace(first.row, state=S.READY), after(500)))
    assert first.step == again.step
    assert again.row.sent_times == 2


@pytest.mark.parametrize(("seconds", "is_sent"), [(59, False), (60, True)])
def test_two_refunds_of_one_order_leave_a_minute_apart(seconds: int, is_sent: bool) -> None:
    decision = step_of(refund(S.READY), after(seconds), sibling_sent_at=NOON)
    if is_sent:
        assert decision.row.state is S.SENT
        return
    held = changed(decision)
    assert (held.row.state, held.row.waiting_for, held.step) == (S.READY, "gap", None)
    assert held.looks == (Look(DRIVE, REFUND, after(60)),)
    assert step_of(held.row, after(seconds), sibling_sent_at=NOON) == Stay(held.row)


def test_alipay_wants_three_seconds_between_two_refunds() -> None:
    row = refund(S.READY, channel=Channel.ALIPAY)
    assert step_of(row, after(2), sibling_sent_at=NOON).row.state is S.READY
    assert step_of(row, after(3), sibling_sent_at=NOON).row.state is S.SENT


@pytest.mark.parametrize("state", [S.SENT, S.MANUAL, S.STRANDED, S.REDIRECTING, S.RECALLING, S.DONE])
def test_what_was_sent_is_asked_about_never_sent_by_time(state: State) -> None:
    decision = step_of(refund(state), after(120))
    assert isinstance(decision, Stay)
    assert isinstance(decision.step, QueryRefund)


@pytest.mark.parametrize("state", [S.PROVEN, S.REFUSED, S.CANCELLED, S.RETURNED, S.SUPERSEDED, S.EXTERNAL])
def test_what_has_its_end_is_left_alone(state: State) -> None:
    assert step_of(refund(state), after(120)) == Stay(refund(state))


@pytest.mark.parametrize("state", [S.RESERVED, S.READY, S.WAITING])
def test_nothing_is_sent_while_the_channel_contradicts_our_books(state: State) -> None:
    contradicted = refund(state, incident="settled heard when READY")
    assert step_of(contradicted, after(days=1)) == Stay(contradicted)


def test_each_time_funds_are_short_it_waits_longer_and_then_tries_again_by_itself() -> None:
    row, waits = refund(S.READY), []
    for _ in range(5):
        sent = changed(step_of(row, after(0))).row
        waiting = changed(rules.hear(RAILS, outcome(W.DEFERRED, by="refund"), sent, after(0)))
        assert waiting.row.waiting_for == Reason.FUNDS_SHORT
        assert step_of(waiting.row, waiting.row.release_at - timedelta(seconds=1)) == Stay(waiting.row)
        waits.append((waiting.row.release_at - NOON).total_seconds())
        row = changed(step_of(waiting.row, waiting.row.release_at)).row
        assert row.state is S.READY
    assert waits == [60, 300, 900, 900, 900]


# News that crosses, comes twice, or contradicts.


def test_absent_frees_a_second_sending_only_when_heard_twice_apart() -> None:
    once = changed(rules.hear(RAILS, outcome(W.ABSENT), refund(S.SENT), after(60))).row
    early = changed(rules.hear(RAILS, outcome(W.ABSENT), once, after(89))).row
    assert (once.state, early.state, early.absent_at) == (S.SENT, S.SENT, after(60))
    twice = changed(rules.hear(RAILS, outcome(W.ABSENT), early, after(90)))
    assert (twice.row.state, kinds(twice), twice.looks[0].at) == (S.READY, ("RefundNotThere",), after(90))


def test_a_word_that_shows_it_is_there_wipes_the_first_absent_out() -> None:
    once = changed(rules.hear(RAILS, outcome(W.ABSENT), refund(S.SENT), after(60))).row
    there = changed(rules.hear(RAILS, outcome(W.PENDING), once, after(70))).row
    assert changed(rules.hear(RAILS, outcome(W.ABSENT), there, after(100))).row.state is S.SENT


@pytest.mark.parametrize(("word", "becomes"), [(W.SETTLED, S.DONE), (W.REFUSED, S.REFUSED), (W.STRANDED, S.STRANDED)])
def test_what_waits_to_be_sent_again_hears_of_its_first_sending(word: Word, becomes: State) -> None:
    """Rank (refunds.md): ready < sending < succeeded. The first sending may have arrived after all."""
    change = changed(rules.hear(RAILS, outcome(word, by="notice"), refund(S.READY, sent_times=1), after(120)))
    assert change.row.state is becomes
    assert is_placed(S.READY, change)


@pytest.mark.parametrize("word", [W.PENDING, W.UNKNOWN, W.ABSENT])
def test_what_waits_to_be_sent_again_stays_ready_by_an_unclear_word(word: Word) -> None:
    row = refund(S.READY, sent_times=1)
    assert rules.hear(RAILS, outcome(word), row, after(120)) == Stay(row)


def test_another_amount_than_asked_for_moves_nothing_and_waits_for_a_person() -> None:
    """S70."""
    for state in (S.SENT, S.STRANDED, S.DONE, S.RECALLING, S.RETURNED):
        change = changed(rules.hear(RAILS, outcome(W.SETTLED, amount=fen(11519)), refund(state), after(120)))
        assert (change.row.state, change.moves, change.draw, change.looks) == (state, (), None, ())
        assert (kinds(change), change.row.waiting_for) == (("RefundContradicted",), "people")
        assert rules.hear(RAILS, outcome(W.SETTLED, amount=fen(11519)), change.row, after(180)) == Stay(change.row)


@pytest.mark.parametrize("state", [S.DONE, S.PROVEN, S.REFUSED, S.RETURNED, S.SUPERSEDED])
def test_the_same_news_again_changes_nothing(state: State) -> None:  # lesson 21, I9
    word = W.REFUSED if state is S.REFUSED else W.SETTLED
    assert rules.hear(RAILS, outcome(word), refund(state), after(120)) == Stay(refund(state))


@pytest.mark.parametrize("state", [S.DONE, S.PROVEN, S.RETURNED])
def test_an_absent_that_was_asked_for_before_the_end_says_nothing(state: State) -> None:
    row = refund(state, asked_at=after(60))
    assert rules.hear(RAILS, outcome(W.ABSENT, asked_at=after(59)), row, after(61)) == Stay(row)
    assert changed(rules.hear(RAILS, outcome(W.ABSENT, asked_at=after(60)), row, after(61))).row.incident


def test_a_running_that_was_asked_for_before_the_refusal_says_nothing() -> None:
    row = refund(S.REFUSED, asked_at=after(60))
    assert rules.hear(RAILS, outcome(W.PENDING, asked_at=after(59)), row, after(61)) == Stay(row)


def test_done_is_proven_by_another_source_only() -> None:
    done = changed(rules.hear(RAILS, outcome(W.SETTLED, by="refund"), refund(), after(1))).row
    assert rules.hear(RAILS, outcome(W.SETTLED, by="refund"), done, after(2)) == Stay(done)
    for other in ("refund_query", "notice"):
        change = changed(rules.hear(RAILS, outcome(W.SETTLED, by=other), done, after(2)))
        assert (change.row.state, kinds(change), change.moves, change.draw) == (S.PROVEN, ("RefundProven",), (), None)


def test_done_is_looked_at_once_more_after_a_day() -> None:  # lesson 4: final is never sealed against evidence
    done = refund(S.DONE)  # at 60 s
    last = changed(rules.hear(RAILS, outcome(W.SETTLED), done, after(60 + DAY)))
    assert (last.row.state, last.looks[0].at) == (S.DONE, None)
    unclear = changed(rules.hear(RAILS, outcome(W.UNKNOWN), done, after(60 + DAY)))
    assert unclear.looks[0].at == after(60 + DAY + HOUR)


def test_the_channels_number_and_where_it_went_are_kept_from_any_evidence() -> None:  # lesson 3
    running = changed(rules.hear(RAILS, outcome(W.PENDING, channel_number="5030"), refund(), after(60))).row
    told = outcome(W.SETTLED, by="notice", received_into="balance", at=after(70), amount=fen(11520))
    done = changed(rules.hear(RAILS, told, running, after(80))).row
    assert (done.channel_number, done.received_into, done.done_at) == ("5030", "balance", after(70))


def test_a_done_that_strands_has_no_end_any_more() -> None:
    stranded = changed(rules.hear(RAILS, outcome(W.STRANDED, by="notice"), refund(S.DONE), after(120)))
    row = stranded.row
    assert (row.ended_at, row.done_at, row.done_by, row.waiting_for) == (None, None, "", "people")
    assert moved(stranded) == [(DUE, "suspense", 11520)]
    assert stranded.draw is None, "the payer is still owed it: it stays drawn"


@pytest.mark.parametrize("state", [S.REDIRECTING, S.RECALLING])
def test_the_first_stranding_told_once_more_does_not_stop_a_rescue(state: State) -> None:
    """A recalled refund that went back to STRANDED would take the merchant's success for the payer's."""
    row = refund(state, asked_at=after(100))
    for stale in (outcome(W.STRANDED, by="notice"), outcome(W.STRANDED, asked_at=after(99))):
        assert rules.hear(RAILS, stale, row, after(101)) == Stay(row)
    fresh = outcome(W.STRANDED, asked_at=after(100))
    assert changed(rules.hear(RAILS, fresh, row, after(101))).row.state is S.STRANDED


def test_after_a_day_without_a_clear_word_a_person_is_asked_and_the_channel_too() -> None:
    unclear = changed(rules.hear(RAILS, outcome(W.UNKNOWN), refund(), after(60))).row
    assert unclear.unclear_since == after(60)
    still = changed(rules.hear(RAILS, outcome(W.UNKNOWN), unclear, after(120))).row
    assert still.unclear_since == after(60), "it counts from the first unclear word"
    assert isinstance(step_of(still, after(60 + DAY)), Stay)
    held = changed(step_of(still, after(61 + DAY)))
    assert (held.row.state, held.row.waiting_for, kinds(held)) == (S.MANUAL, "people", ("RefundUnclearTooLong",))
    assert isinstance(step_of(held.row, after(62 + DAY)).step, QueryRefund)
    clear = changed(rules.hear(RAILS, outcome(W.PENDING), still, after(180))).row
    assert clear.unclear_since is None


# Cancelling, and what two people do.


@pytest.mark.parametrize("state", State)
def test_only_what_was_never_sent_can_be_cancelled(state: State) -> None:
    """S73."""
    if state in (S.RESERVED, S.READY):
        change = changed(rules.cancel("cashier", refund(state), after(5)))
        assert (change.row.state, kinds(change), change.who) == (S.CANCELLED, ("RefundCancelled",), "cashier")
        assert change.looks == (Look(DRIVE, REFUND, None),)
        assert is_placed(state, change)
    elif state is S.CANCELLED:
        assert rules.cancel("cashier", refund(state), after(5)) == Stay(refund(state))
    else:
        with pytest.raises(Denied, match=r"refund\.already_sent"):
            rules.cancel("cashier", refund(state), after(5))


@pytest.mark.parametrize("sign", [{"sent_times": 1}, {"incident": "settled heard when READY"}])
def test_what_may_be_at_the_channel_already_cannot_be_cancelled(sign: dict[str, Any]) -> None:
    with pytest.raises(Denied, match=r"refund\.already_sent"):
        rules.cancel("cashier", refund(S.READY, **sign), after(5))


CARD = RescueAsk(
    to=RescueTo.PAYER_CARD, bank_type="ICBC_DEBIT", card_number="6222000000001234", holder_name="张三", card_mark="k"
)
OURS = RescueAsk(to=RescueTo.MERCHANT_CARD)


def proposed(ask: RescueAsk, **given: Any) -> Refund:
    return changed(rules.propose_rescue(RAILS, "anna", ask, refund(S.STRANDED, **given), after(1))).row


@pytest.mark.parametrize(("ask", "becomes"), [(CARD, S.REDIRECTING), (OURS, S.RECALLING)])
def test_two_people_send_stranded_money_elsewhere(ask: RescueAsk, becomes: State) -> None:
    change = changed(rules.approve_rescue("bert", ask, proposed(ask, channel_number="5030"), after(2)))
    assert (change.row.state, change.who, kinds(change)) == (becomes, "bert", ("RefundRedirected",))
    assert isinstance(change.step, Rescue)
    assert (change.step.refund_id, change.step.channel_refund_number, change.step.to) == (REFUND, "5030", ask.to)
    assert (change.moves, change.draw) == ((), None)


def test_neither_card_nor_name_is_in_any_row_fact_or_text() -> None:  # I6
    row = proposed(CARD)
    change = changed(rules.approve_rescue("bert", CARD, row, after(2)))
    for kept in (repr(row), repr(change), repr(CARD)):
        assert "6222000000001234" not in kept
        assert "张三" not in kept
    assert "1234" in row.proposal


@pytest.mark.parametrize(
    ("who", "ask", "code"),
    [
        ("anna", CARD, "refund.same_person"),
        ("bert", OURS, "refund.proposal_differs"),
        ("bert", replace(CARD, card_mark="other"), "refund.proposal_differs"),
        ("bert", replace(CARD, bank_type="CCB_DEBIT"), "refund.proposal_differs"),
    ],
)
def test_one_person_alone_or_two_who_differ_move_nothing(who: str, ask: RescueAsk, code: str) -> None:
    """S36. S57. S65. S70."""
    with pytest.raises(Denied) as no:
        rules.approve_rescue(who, ask, proposed(CARD), after(2))
    assert no.value.code == code


@pytest.mark.parametrize("missing", ["bank_type", "card_number", "holder_name"])
def test_a_card_is_named_whole_or_not_at_all(missing: str) -> None:
    with pytest.raises(Denied, match=r"refund\.rescue_incomplete"):
        proposed(replace(CARD, **{missing: ""}))


@pytest.mark.parametrize("state", [s for s in State if s is not S.STRANDED])
def test_only_stranded_money_is_rescued(state: State) -> None:
    with pytest.raises(Denied, match=r"refund\.not_stranded"):
        rules.propose_rescue(RAILS, "anna", OURS, refund(state), NOON)
    with pytest.raises(Denied, match=r"refund\.nothing_proposed"):
        rules.approve_rescue("bert", OURS, refund(state, proposal=OURS.plan, proposed_by="anna"), NOON)


def test_a_channel_without_a_rescue_is_not_asked_for_one() -> None:
    with pytest.raises(Denied, match=r"refund\.no_rescue"):
        rules.propose_rescue(RAILS, "anna", OURS, refund(S.STRANDED, channel=Channel.ALIPAY), NOON)


def test_the_same_proposal_again_changes_nothing_and_a_stranding_wipes_it_out() -> None:
    row = proposed(CARD)
    assert rules.propose_rescue(RAILS, "anna", CARD, row, after(2)) == Stay(row)
    moving = changed(rules.approve_rescue("bert", CARD, row, after(2))).row
    again = changed(rules.hear(RAILS, outcome(W.REFUSED, by="rescue"), moving, after(3))).row
    assert (again.state, again.proposal, again.proposed_by) == (S.STRANDED, "", "")


PROOF = Evidence(id=ids.new(ids.Kind.EVIDENCE), kind="person", at=NOON, body="bank letter", digest="a" * 64)


def resolved(row: Refund, end: End, who: str = "bert", proof: Evidence = PROOF) -> Change[Refund]:
    first = changed(rules.propose_resolution("anna", Resolution(end=end, proof=PROOF), row, after(1))).row
    return changed(rules.approve_resolution(who, Resolution(end=end, proof=proof), first, after(2)))


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("state", State)
def test_a_contradicted_refund_ends_as_two_people_say_with_its_money_where_that_puts_it(state: State, end: End) -> None:
    if end is End.READY and WHERE[state] != "held":
        with pytest.raises(Denied, match=r"refund\.not_sendable"):
            resolved(refund(state, incident="clash"), end)
        return
    change = resolved(refund(state, incident="clash"), end)
    assert (change.row.state, change.row.incident, change.row.proposal) == (State(end), "", "")
    assert change.evidence == (PROOF,)
    assert is_placed(state, change)
    assert (change.looks[0].at is None) is (end is End.REFUSED)


@pytest.mark.parametrize("state", [s for s in State if s is not S.MANUAL])
def test_nobody_resolves_what_the_channel_still_answers_for(state: State) -> None:
    plan = Resolution(end=End.DONE, proof=PROOF)
    with pytest.raises(Denied, match=r"refund\.not_manual"):
        rules.propose_resolution("anna", plan, refund(state), NOON)
    with pytest.raises(Denied, match=r"refund\.nothing_proposed"):
        rules.approve_resolution("bert", plan, refund(state, proposal=plan.plan, proposed_by="anna"), NOON)


def test_what_had_come_back_is_resolved_as_done_only_within_the_rest() -> None:
    plan = Resolution(end=End.DONE, proof=PROOF)
    row = refund(S.REFUSED, incident="clash", proposal=plan.plan, proposed_by="anna")
    assert is_placed(S.REFUSED, changed(rules.approve_resolution("bert", plan, row, after(2), rest=fen(11520))))
    with pytest.raises(Denied, match=r"refund\.over_limit"):
        rules.approve_resolution("bert", plan, row, after(2), rest=fen(11519))


def test_after_a_recall_settled_does_not_say_who_has_it() -> None:
    recalling = refund(S.RECALLING, asked_at=after(100))
    again = changed(rules.hear(RAILS, outcome(W.STRANDED), recalling, after(101))).row
    assert (again.state, again.recalled) == (S.STRANDED, True)
    settled = changed(rules.hear(RAILS, outcome(W.SETTLED), again, after(200)))
    assert (settled.row.state, settled.moves, kinds(settled)) == (S.STRANDED, (), ("RefundContradicted",))
    refused = changed(rules.hear(RAILS, outcome(W.REFUSED, by="rescue"), recalling, after(101))).row
    assert not refused.recalled, "the refusal of the recall itself says that it is not under way"


def test_a_resolution_wants_two_people_one_end_and_one_proof() -> None:
    with pytest.raises(Denied, match=r"refund\.same_person"):
        resolved(refund(S.MANUAL), End.DONE, who="anna")
    with pytest.raises(Denied, match=r"refund\.proposal_differs"):
        resolved(refund(S.MANUAL), End.DONE, proof=replace(PROOF, digest="b" * 64))
    with pytest.raises(Denied, match=r"refund\.nothing_proposed"):
        rules.approve_resolution("bert", Resolution(end=End.DONE, proof=PROOF), refund(S.MANUAL), NOON)


def test_a_proposal_about_what_has_its_end_leaves_no_job_that_comes_for_ever() -> None:
    row = refund(S.REFUSED, incident="settled heard when REFUSED")
    change = changed(rules.propose_resolution("anna", Resolution(end=End.DONE, proof=PROOF), row, after(1)))
    assert change.looks == (Look(DRIVE, REFUND, None),)


@pytest.mark.parametrize("state", [s for s in State if s not in (S.RETURNED, S.SUPERSEDED)])
def test_only_a_refund_whose_money_came_back_is_superseded(state: State) -> None:
    with pytest.raises(Denied, match=r"refund\.not_returned"):
        rules.supersede("anna", "YR2", refund(state), NOON)


# Refunds made at the channel by hand.


def news(amount: int | None = 500, number: str = "50300001", word: Word = W.SETTLED) -> News:
    told = outcome(
        word, by="notice", amount=None if amount is None else fen(amount), channel_number="5031", at=after(9)
    )
    return News(payment_id=PAYMENT, refund_id=number, notice_id="n", outcome=told)


@pytest.mark.parametrize("amount", [1, 12800])
def test_a_refund_made_outside_is_posted_as_found(amount: int) -> None:
    paid = payment(PaymentState.PAID)
    change = changed(rules.found_outside(news(amount), RefundSeen(None, paid), after(20)))
    assert (change.row.state, change.row.amount_fen, change.row.version) == (S.EXTERNAL, amount, 1)
    assert (kinds(change), change.row.case_id) == (("RefundFoundOutside",), "")
    assert is_placed(None, change)


def test_a_refund_made_outside_without_an_amount_is_all_of_the_rest() -> None:
    paid = payment(PaymentState.PAID, back_fen=800)
    assert changed(rules.found_outside(news(None), RefundSeen(None, paid), after(20))).row.amount_fen == 12000


def test_a_refund_made_outside_is_posted_once_however_often_it_is_told() -> None:  # lesson 18, 28
    paid = payment(PaymentState.PAID)
    once = changed(rules.found_outside(news(), RefundSeen(None, paid), after(20))).row
    assert rules.found_outside(news(), RefundSeen(once, paid), after(30)) == Stay(once)
    assert rules.outside_id(paid, "50300001") == once.id != rules.outside_id(paid, "50300002")


@pytest.mark.parametrize(("amount", "back"), [(12801, 0), (1, 12800), (0, 0), (12001, 800)])
def test_a_refund_made_outside_that_does_not_fit_is_not_posted(amount: int, back: int) -> None:
    with pytest.raises(Denied, match=r"refund\.does_not_fit"):
        rules.found_outside(news(amount), RefundSeen(None, payment(PaymentState.PAID, back_fen=back)), after(20))


def test_a_refund_made_outside_of_a_payment_without_money_is_not_posted() -> None:
    with pytest.raises(Denied, match=r"refund\.does_not_fit"):
        rules.found_outside(news(), RefundSeen(None, payment(PaymentState.REVERSED)), after(20))
    with pytest.raises(Denied, match=r"refund\.payment_unknown"):
        rules.found_outside(news(), RefundSeen(None, None), after(20))
