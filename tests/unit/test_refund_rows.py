"""The 23 rows of refunds.md (C), one by one, as rules: from, event, to, and where the money goes.

`tests/flows/test_rows_in_the_books.py` walks those that need a database or two people once more.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.making import PAYMENT, RAILS, REFUND, after, changed, fen, heard, kinds, moved, payment, refund
from yuanlu import ids
from yuanlu.change import Change, Draw
from yuanlu.channels.contract import Evidence, News, Reason, RescueTo, SendRefund, Word
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds import rules
from yuanlu.refunds.rules import End, Refund, RefundAsk, RefundSeen, RescueAsk, Resolution, State

S, W = State, Word
DUE = "due:wechat"
TAKEN, GIVEN_BACK = Draw(PAYMENT, fen(11520)), Draw(PAYMENT, fen(-11520))


def hear(row: Refund, word: Word, reason: Reason | None = None, by: str = "refund_query", at: int = 120) -> Change[Any]:
    return changed(rules.hear(RAILS, heard(word, reason, by=by), row, after(at)))


def next_of(row: Refund, at: float = 120) -> Change[Any]:
    return changed(rules.next_step(RAILS, RefundSeen(row, None), after(at)))


def went(change: Change[Any], to: State, fact: str, moves: list[tuple[str, str]], draw: Draw | None = None) -> bool:
    """Whether a change goes to a state, says so in a fact, and moves all of the refund's money these ways."""
    assert change.row.state is to
    assert kinds(change) == ((fact,) if fact else ())
    assert moved(change) == [(source, target, 11520) for source, target in moves]
    assert change.draw == draw
    return True


def test_row_01_creating_reserves_the_amount() -> None:
    ask = RefundAsk(merchant_id=payment().merchant_id, id=REFUND, payment_id=PAYMENT, amount=fen(11520), who="cashier")
    seen = RefundSeen(None, payment(PaymentState.PAID))
    change = changed(rules.open_refund(RAILS, ask, seen, after(60)))
    assert went(change, S.RESERVED, "RefundRequested", [("owed", "held")], TAKEN)
    assert change.step is None, "a decision, a movement and a call are never the same record"


def test_row_02_reserved_is_released_to_be_sent() -> None:
    assert went(next_of(refund(S.RESERVED)), S.READY, "RefundReleased", [])


@pytest.mark.parametrize("state", [S.RESERVED, S.READY])
def test_row_03_a_cancel_before_any_sending_releases_the_money(state: State) -> None:
    change = changed(rules.cancel("cashier", refund(state), after(1)))
    assert went(change, S.CANCELLED, "RefundCancelled", [("held", "owed")], GIVEN_BACK)


def test_row_04_the_attempt_is_written_before_the_call() -> None:
    change = next_of(refund(S.READY))
    assert went(change, S.SENT, "RefundSent", [])
    assert isinstance(change.step, SendRefund)


def test_row_05_accepted_is_in_transit_not_done() -> None:  # lesson 24: acceptance is not success
    assert went(hear(refund(), W.PENDING, Reason.PROCESSING, by="refund"), S.SENT, "RefundAccepted", [])


def test_row_06_success_at_once_clears_it() -> None:
    assert went(hear(refund(), W.SETTLED, by="refund"), S.DONE, "RefundDone", [("held", DUE)])


@pytest.mark.parametrize("reason", [Reason.FUNDS_SHORT, Reason.TOO_MANY_CALLS, Reason.BUSY, Reason.UNREACHABLE])
def test_row_07_a_clear_not_now_waits_with_its_money_held(reason: Reason) -> None:
    change = hear(refund(), W.DEFERRED, reason, by="refund")
    assert went(change, S.WAITING, "RefundWaits", [])
    assert (change.row.waiting_for, change.row.id) == (reason, REFUND)


def test_row_08_a_refusal_for_good_releases_the_money() -> None:
    assert went(hear(refund(), W.REFUSED, by="refund"), S.REFUSED, "RefundRefused", [("held", "owed")], GIVEN_BACK)


def test_row_09_no_clear_answer_holds_the_money_and_is_asked_about() -> None:
    change = hear(refund(), W.UNKNOWN, by="refund")
    assert went(change, S.SENT, "RefundUnclear", [])
    assert change.row.unclear_since == after(120)
    assert change.looks[0].at is not None


@pytest.mark.parametrize("by", ["refund_query", "notice"])
@pytest.mark.parametrize("before", [W.UNKNOWN, W.PENDING])
def test_row_10_any_evidence_of_success_clears_it(before: Word, by: str) -> None:
    waiting = hear(refund(), before, by="refund", at=60).row
    assert went(hear(waiting, W.SETTLED, by=by), S.DONE, "RefundDone", [("held", DUE)])


def test_row_11_absent_twice_apart_frees_the_same_number() -> None:
    unclear = hear(refund(), W.UNKNOWN, by="refund", at=10).row
    once = hear(unclear, W.ABSENT, at=70).row
    assert once.state is S.SENT
    twice = hear(once, W.ABSENT, at=100)
    assert went(twice, S.READY, "RefundNotThere", [])
    assert twice.row.id == REFUND


@pytest.mark.parametrize("before", [W.UNKNOWN, W.PENDING])
def test_row_12_closed_by_the_channel_releases_the_money(before: Word) -> None:
    waiting = hear(refund(), before, by="refund", at=60).row
    assert went(hear(waiting, W.REFUSED, by="notice"), S.REFUSED, "RefundRefused", [("held", "owed")], GIVEN_BACK)


def test_row_13_what_waits_is_ready_again_by_itself_under_the_same_number() -> None:
    waiting = hear(refund(), W.DEFERRED, Reason.FUNDS_SHORT, by="refund", at=0).row
    change = next_of(waiting, at=60)
    assert went(change, S.READY, "RefundReleased", [])
    assert change.row.id == REFUND


@pytest.mark.parametrize(("state", "was"), [(S.SENT, "held"), (S.DONE, DUE)])
def test_row_14_what_cannot_reach_the_payer_is_stranded(state: State, was: str) -> None:
    assert went(hear(refund(state), W.STRANDED, by="notice"), S.STRANDED, "RefundStranded", [(was, "suspense")])


def card(to: RescueTo = RescueTo.PAYER_CARD) -> RescueAsk:
    return RescueAsk(to=to, bank_type="ICBC_DEBIT", card_number="6222000000001234", holder_name="Li", card_mark="k")


def redirected(to: RescueTo = RescueTo.PAYER_CARD) -> Change[Any]:
    row = changed(rules.propose_rescue(RAILS, "anna", card(to), refund(S.STRANDED), after(1))).row
    return changed(rules.approve_rescue("bert", card(to), row, after(2)))


def test_row_15_two_people_send_it_to_another_card() -> None:
    change = redirected()
    assert went(change, S.REDIRECTING, "RefundRedirected", []), "suspense until the other card has it"
    assert change.step is not None


def test_row_16_the_other_card_has_it_or_it_is_stranded_again() -> None:
    row = redirected().row
    assert went(hear(row, W.SETTLED), S.DONE, "RefundDone", [("suspense", DUE)])
    assert went(hear(row, W.REFUSED, by="rescue"), S.STRANDED, "RefundStranded", [])
    assert went(hear(row, W.STRANDED), S.STRANDED, "RefundStranded", [])


def test_row_17_money_back_at_the_merchant_is_still_owed_to_the_payer() -> None:
    row = redirected(RescueTo.MERCHANT_CARD).row
    assert row.state is S.RECALLING
    assert went(hear(row, W.SETTLED), S.RETURNED, "RefundReturned", [("suspense", "owed")], GIVEN_BACK)


def test_row_18_a_new_refund_takes_the_place_of_one_that_came_back() -> None:
    change = changed(rules.supersede("anna", "YR2", refund(S.RETURNED), after(1)))
    assert went(change, S.SUPERSEDED, "RefundSuperseded", [])


def test_row_19_a_second_source_proves_it() -> None:
    done = hear(refund(), W.SETTLED, by="notice", at=60).row
    assert went(hear(done, W.SETTLED, by="refund_query"), S.PROVEN, "RefundProven", [])


def test_row_20_what_is_proven_can_still_strand() -> None:  # lesson 4: final is never sealed
    change = hear(refund(S.PROVEN), W.STRANDED, by="notice")
    assert went(change, S.STRANDED, "RefundStranded", [(DUE, "suspense")])
    assert change.facts[0].was == "PROVEN"  # type: ignore[attr-defined]


def test_row_21_unclear_for_too_long_waits_for_people_and_ends_nothing() -> None:
    unclear = hear(refund(), W.UNKNOWN, by="refund", at=60).row
    assert went(next_of(unclear, at=61 + 24 * 3600), S.MANUAL, "RefundUnclearTooLong", [])


@pytest.mark.parametrize(
    ("end", "moves", "draw"),
    [(End.DONE, [("held", DUE)], None), (End.REFUSED, [("held", "owed")], GIVEN_BACK), (End.READY, [], None)],
)
def test_row_22_two_people_resolve_it_on_proof(end: End, moves: Any, draw: Draw | None) -> None:
    proof = Evidence(id=ids.new(ids.Kind.EVIDENCE), kind="person", at=after(0), body="bank letter", digest="a" * 64)
    plan = Resolution(end=end, proof=proof)
    row = changed(rules.propose_resolution("anna", plan, refund(S.MANUAL), after(1))).row
    change = changed(rules.approve_resolution("bert", plan, row, after(2)))
    assert went(change, State(end), "RefundResolved", moves, draw)
    assert (change.who, change.evidence) == ("bert", (proof,))


def test_row_23_a_refund_we_never_made_is_posted_as_found() -> None:
    told = heard(W.SETTLED, by="notice", amount=fen(11520), channel_number="5031")
    news = News(payment_id=PAYMENT, refund_id="50300001", outcome=told)
    change = changed(rules.found_outside(news, RefundSeen(None, payment(PaymentState.PAID)), after(60)))
    assert went(change, S.EXTERNAL, "RefundFoundOutside", [("owed", DUE)], TAKEN)
