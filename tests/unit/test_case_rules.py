"""Which remedy a mistaken scan gets, when a case is closed, and when a person must look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.making import (
    CASE,
    GUIDE,
    MERCHANT,
    NOON,
    PAYMENT,
    RAILS,
    REFUND,
    after,
    case,
    changed,
    fen,
    heard,
    kinds,
    payment,
    refund,
)
from yuanlu import ids
from yuanlu.cases import review, rules
from yuanlu.cases.rules import DRIVE, Case, CaseAsk, CaseSeen, Conclusion, Remedy, State, What
from yuanlu.change import Change, Look, Stay
from yuanlu.channels.contract import Word
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.payments import rules as payments
from yuanlu.payments.rules import Mode, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Person, Role
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.rules import State as RefundState

S, P, R, W = State, PaymentState, RefundState, Word


def wish(**given: Any) -> CaseAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": CASE,
        "payment_id": PAYMENT,
        "what": What.WRONG_AMOUNT,
        "meant": fen(1280),
        "who": "cashier",
    }
    return CaseAsk(**values | given)


def chosen(row: Case, paid: Payment, word: Word = W.SETTLED) -> Change[Case]:
    return changed(rules.choose(heard(word), CaseSeen(row, paid), after(60), guide=GUIDE))


def stands(change: Change[Case], state: State, **fields: Any) -> bool:
    assert change.row.state is state
    assert {name: getattr(change.row, name) for name in fields} == fields
    return True


# Reporting.


def test_a_report_is_written_down_and_looked_at_at_once() -> None:
    change = changed(rules.open_case(wish(), CaseSeen(None, payment(P.PAID)), NOON))
    assert stands(change, S.OPENED, meant_fen=1280, opened_by="cashier", version=1)
    assert (kinds(change), change.looks) == (("CaseOpened",), (Look(DRIVE, CASE, NOON),))
    assert (change.moves, change.draw) == ((), None)


def test_the_same_report_again_gives_the_same_case() -> None:
    known = changed(rules.open_case(wish(), CaseSeen(None, payment(P.PAID)), NOON)).row
    assert rules.open_case(wish(), CaseSeen(known, None, other="YC1"), after(9)) == Stay(known)


@pytest.mark.parametrize(
    "other", [{"meant": fen(1281)}, {"said_mark": "x"}, {"what": What.OTHER, "meant": None}, {"payment_id": "YP1"}]
)
def test_the_same_id_with_another_report_is_refused(other: dict[str, Any]) -> None:
    known = changed(rules.open_case(wish(), CaseSeen(None, payment(P.PAID)), NOON)).row
    with pytest.raises(Denied, match=r"case\.id_taken"):
        rules.open_case(wish(**other), CaseSeen(known, payment(P.PAID)), NOON)


@pytest.mark.parametrize(
    ("ask", "seen", "code"),
    [
        ({}, CaseSeen(None, None), "case.payment_unknown"),
        ({"meant": None}, CaseSeen(None, payment()), "case.meant_missing"),
        ({"what": What.WRONG_CODE}, CaseSeen(None, payment()), "case.meant_unexpected"),
        ({"meant": fen(-1)}, CaseSeen(None, payment()), "case.meant_invalid"),
        ({"meant": Money(1, "USD")}, CaseSeen(None, payment()), "case.meant_invalid"),
        ({}, CaseSeen(None, payment(), other="YC1"), "case.already_open"),
        ({"id": PAYMENT}, CaseSeen(None, payment()), "id.invalid"),
    ],
)
def test_a_report_that_makes_no_sense_is_denied(ask: Any, seen: CaseSeen, code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.open_case(wish(**ask), seen, NOON)
    assert no.value.code == code


# Choosing, by what went wrong.


@pytest.mark.parametrize(
    ("meant", "remedy", "back"),
    [(1280, Remedy.REFUND_DIFFERENCE, 11520), (12799, Remedy.REFUND_DIFFERENCE, 1), (0, Remedy.REFUND_ALL, 12800)],
)
def test_of_a_wrong_amount_the_difference_goes_back(meant: int, remedy: Remedy, back: int) -> None:
    """S46."""
    change = chosen(case(meant_fen=meant), payment(P.PAID))
    assert stands(change, S.REMEDY, remedy=remedy, remedy_fen=back, attempt=1)
    assert kinds(change) == ("CaseChecked", "RemedyChosen", "CaseItemAdded")
    assert len(change.evidence) == 1, "the live answer is kept"
    assert change.row.chain_length == 1, "and chained"
    ask = rules.refund_ask(change.row)
    assert (ask.amount, ask.case_id, ask.id) == (fen(back), CASE, rules.refund_id(change.row, 1))


@pytest.mark.parametrize("meant", [12800, 12801])
def test_nothing_is_owed_when_no_more_was_taken_than_meant(meant: int) -> None:
    """S46."""
    change = chosen(case(meant_fen=meant), payment(P.PAID))
    assert stands(change, S.CLOSED, conclusion=Conclusion.NOTHING_OWED, refund_id="")


@pytest.mark.parametrize("back", [1, 1280, 1281, 12799])
def test_a_difference_is_not_guessed_when_part_has_gone_back_already(back: int) -> None:
    assert stands(chosen(case(), payment(P.PAID, back_fen=back)), S.ATTENTION, refund_id="")


@pytest.mark.parametrize("what", [What.WRONG_CODE, What.CHARGED_TWICE, What.WRONG_CUSTOMER, What.LATE_PAID])
def test_of_a_charge_that_should_not_be_the_rest_goes_back(what: What) -> None:
    row = case(what=what, meant_fen=None)
    assert stands(chosen(row, payment(P.PAID)), S.REMEDY, remedy=Remedy.REFUND_ALL, remedy_fen=12800)
    assert stands(chosen(row, payment(P.PAID, back_fen=800)), S.REMEDY, remedy_fen=12000)
    assert stands(chosen(row, payment(P.PAID, back_fen=12800)), S.CLOSED, conclusion=Conclusion.NOTHING_OWED)


@pytest.mark.parametrize("what", [What.OTHER, What.OUTSIDE_REFUND, What.CONTRADICTED])
def test_what_no_rule_can_know_is_put_before_a_person(what: What) -> None:
    assert stands(chosen(case(what=what, meant_fen=None), payment(P.PAID)), S.ATTENTION, remedy=Remedy.NONE)


@pytest.mark.parametrize("what", What)
def test_every_kind_of_mistake_gets_an_answer(what: What) -> None:
    meant = 1280 if what is What.WRONG_AMOUNT else None
    change = chosen(case(what=what, meant_fen=meant), payment(P.PAID))
    assert change.row.state in (S.REMEDY, S.ATTENTION, S.REVIEW)


def test_a_late_payment_goes_back_whole_whatever_was_reported() -> None:
    assert stands(chosen(case(), payment(P.LATE_PAID)), S.REMEDY, remedy=Remedy.REFUND_ALL, remedy_fen=12800)


def test_what_went_back_whole_and_is_called_closed_by_the_channel_owes_nothing() -> None:
    change = chosen(case(), payment(P.PAID, back_fen=12800), W.ENDED)
    assert stands(change, S.CLOSED, conclusion=Conclusion.NOTHING_OWED)


# Choosing, by what the live check says.


@pytest.mark.parametrize("word", [word for word in W if word is not W.SETTLED])
@pytest.mark.parametrize("state", [P.PAID, P.LATE_PAID])
def test_no_refund_is_chosen_before_the_channel_said_live_that_it_is_paid(state: PaymentState, word: Word) -> None:
    """S53. S54."""
    change = chosen(case(), payment(state), word)
    assert stands(change, S.OPENED, refund_id="")
    assert change.looks[0].at is not None
    assert change.looks[0].at > after(60)


@pytest.mark.parametrize("word", W)
@pytest.mark.parametrize("state", [P.FAILED, P.REVERSED, P.CLOSED])
def test_nothing_was_paid_is_said_on_a_clear_word_only(state: PaymentState, word: Word) -> None:
    change = chosen(case(), payment(state), word)
    if word in (W.ENDED, W.ABSENT, W.REFUSED):
        assert stands(change, S.CLOSED, conclusion=Conclusion.NOTHING_PAID)
    else:
        assert stands(change, S.OPENED, conclusion=Conclusion.OPEN)


@pytest.mark.parametrize("state", [P.SENT, P.SHOWN, P.REVERSING, P.CLOSING])
def test_what_is_not_paid_yet_is_ended_not_refunded(state: PaymentState) -> None:
    """S53."""
    assert stands(chosen(case(), payment(state), W.PENDING), S.REMEDY, remedy=Remedy.CANCEL, refund_id="", attempt=0)


@pytest.mark.parametrize("state", PaymentState)
def test_a_payment_that_the_channel_contradicts_is_put_before_a_person(state: PaymentState) -> None:
    assert stands(chosen(case(), payment(state, incident="clash")), S.ATTENTION, refund_id="")


def test_an_unclear_check_is_repeated_ever_more_slowly() -> None:
    """S54."""
    row, pauses = case(), []
    for _ in range(12):
        change = chosen(row, payment(P.PAID), W.UNKNOWN)
        assert change.looks[0].at is not None
        pauses.append((change.looks[0].at - after(60)).total_seconds())
        row = change.row
    assert pauses[:3] == [5, 10, 20]
    assert pauses[-1] == 600


@pytest.mark.parametrize("state", [S.REMEDY, S.ATTENTION, S.CLOSED])
def test_a_remedy_is_chosen_once(state: State) -> None:
    assert rules.choose(heard(W.SETTLED), CaseSeen(case(state), payment(P.PAID)), NOON, guide=GUIDE) == Stay(
        case(state)
    )


# Carrying it out.

REMEDY = case(S.REMEDY, remedy=Remedy.REFUND_DIFFERENCE, remedy_fen=11520, attempt=1, refund_id="YR1")
ATTENTION = {R.REFUSED, R.CANCELLED, R.STRANDED, R.MANUAL, R.RETURNED}
BACK = {R.DONE, R.PROVEN}


def driven(row: Case, state: RefundState, **given: Any) -> Change[Case] | Stay[Case]:
    return rules.next_step(CaseSeen(row, payment(P.PAID), own(row, state, **given)), after(120))


def own(row: Case, state: RefundState, **given: Any) -> Refund:
    """The refund that this case asked for."""
    return refund(state, **({"fingerprint": rules.refund_ask(row).fingerprint} | given))


@pytest.mark.parametrize("state", RefundState)
def test_a_case_follows_every_state_of_its_refund(state: RefundState) -> None:
    decision = driven(REMEDY, state)
    if state in BACK:
        change = changed(decision)
        assert stands(change, S.CLOSED, conclusion=Conclusion.MONEY_BACK, closed_at=after(120))
        assert change.looks == (Look(DRIVE, CASE, None),)
    elif state in ATTENTION:
        assert stands(changed(decision), S.ATTENTION, conclusion=Conclusion.OPEN)
    else:
        assert decision == Stay(REMEDY)


@pytest.mark.parametrize("state", RefundState)
def test_a_refund_that_is_contradicted_is_put_before_a_person_whatever_its_state(state: RefundState) -> None:
    assert stands(changed(driven(REMEDY, state, incident="clash")), S.ATTENTION)


@pytest.mark.parametrize("state", sorted(ATTENTION))
def test_a_case_closed_with_the_money_back_opens_again_when_that_is_taken_back(state: RefundState) -> None:
    closed = replace(REMEDY, state=S.CLOSED, conclusion=Conclusion.MONEY_BACK, closed_at=after(90))
    change = changed(driven(closed, state))
    assert stands(change, S.ATTENTION, conclusion=Conclusion.OPEN, closed_at=None)
    assert driven(closed, R.PROVEN) == Stay(closed)


def test_a_case_closed_otherwise_stays_closed() -> None:
    closed = replace(REMEDY, state=S.CLOSED, conclusion=Conclusion.NOTED)
    assert driven(closed, R.STRANDED) == Stay(closed)


def test_why_a_person_must_look_follows_the_refund() -> None:
    stranded = changed(driven(REMEDY, R.STRANDED)).row
    assert driven(stranded, R.STRANDED) == Stay(stranded), "told once"
    assert driven(stranded, R.REDIRECTING) == Stay(stranded)
    returned = changed(driven(stranded, R.RETURNED)).row
    assert returned.note != stranded.note
    assert stands(changed(driven(stranded, R.DONE)), S.CLOSED, conclusion=Conclusion.MONEY_BACK)


CANCEL = case(S.REMEDY, remedy=Remedy.CANCEL)


@pytest.mark.parametrize("state", PaymentState)
def test_a_case_follows_every_state_of_the_payment_it_ends(state: PaymentState) -> None:
    decision = rules.next_step(CaseSeen(CANCEL, payment(state)), after(120))
    if state in (P.REVERSED, P.CLOSED):
        assert stands(changed(decision), S.CLOSED, conclusion=Conclusion.ENDED_UNPAID)
    elif state is P.FAILED:
        assert stands(changed(decision), S.CLOSED, conclusion=Conclusion.NOTHING_PAID)
    elif state in (P.PAID, P.LATE_PAID):
        assert stands(changed(decision), S.OPENED, remedy=Remedy.NONE), "checked again, then refunded"
    else:
        assert decision == Stay(CANCEL)
    contradicted = payment(state, incident="clash")
    assert stands(changed(rules.next_step(CaseSeen(CANCEL, contradicted), after(120))), S.ATTENTION)


def test_a_case_whose_refund_is_not_asked_for_yet_waits() -> None:
    assert rules.next_step(CaseSeen(REMEDY, payment(P.PAID)), NOON) == Stay(REMEDY)
    assert rules.next_step(CaseSeen(case(), payment(P.PAID)), NOON) == Stay(case())


def test_waiting_looks_again_only_while_the_case_is_driven() -> None:
    assert changed(rules.wait(CaseSeen(REMEDY, None), NOON)).looks[0].at == after(5)
    for state in (S.CLOSED, S.ATTENTION):
        assert rules.wait(CaseSeen(case(state), None), NOON) == Stay(case(state))


def test_a_remedy_that_a_rule_denies_is_put_before_a_person() -> None:
    assert stands(changed(rules.attend("refund.too_late", CaseSeen(REMEDY, None), NOON)), S.ATTENTION)
    assert rules.attend("x", CaseSeen(case(), None), NOON) == Stay(case())


# A person decides.

ANNA = Person("YWANNA", Role.MANAGER)

OPEN_ONES = [state for state in R if state not in (R.REFUSED, R.CANCELLED, R.RETURNED)]


def decided(amount: int | None, state: RefundState | None, back: int = 0, **given: Any) -> Change[Case]:
    row = replace(REMEDY, state=S.ATTENTION, note="?")
    made = None if state is None else own(row, state, **given)
    seen = CaseSeen(row, payment(P.PAID, back_fen=back), made)
    return changed(review.decide(ANNA, None if amount is None else fen(amount), seen, after(200)))


@pytest.mark.parametrize("state", OPEN_ONES)
def test_there_is_no_second_number_while_the_first_may_still_pay_out(state: RefundState) -> None:
    for amount in (100, None):
        with pytest.raises(Denied, match=r"case\.refund_open"):
            decided(amount, state)


@pytest.mark.parametrize("state", [R.REFUSED, R.CANCELLED, R.RETURNED])
def test_there_is_no_second_number_while_the_channel_contradicts_the_end_of_the_first(state: RefundState) -> None:
    with pytest.raises(Denied, match=r"case\.refund_open"):
        decided(100, state, incident="settled heard when REFUSED")


def test_a_refund_that_was_never_made_keeps_its_number() -> None:
    change = decided(900, None)
    assert stands(change, S.REMEDY, attempt=1, remedy_fen=900, refund_id=rules.refund_id(REMEDY, 1))


@pytest.mark.parametrize("state", [R.REFUSED, R.CANCELLED, R.RETURNED])
def test_after_a_proven_release_a_new_refund_has_a_new_number(state: RefundState) -> None:
    change = decided(11520, state)
    assert stands(change, S.REMEDY, attempt=2, remedy=Remedy.REFUND_DIFFERENCE, remedy_fen=11520, note="")
    assert change.row.refund_id == rules.refund_id(REMEDY, 2) != rules.refund_id(REMEDY, 1)
    assert change.who == ANNA.id


@pytest.mark.parametrize(("amount", "is_taken"), [(0, False), (1, True), (5000, True), (5001, False)])
def test_a_person_too_gives_back_no_more_than_the_rest(amount: int, is_taken: bool) -> None:
    if is_taken:
        assert decided(amount, None, back=7800).row.remedy_fen == amount
        return
    with pytest.raises(Denied, match=r"case\.amount"):
        decided(amount, None, back=7800)


def test_a_person_may_close_a_case_as_noted() -> None:
    change = decided(None, R.REFUSED)
    assert stands(change, S.CLOSED, conclusion=Conclusion.NOTED)
    assert change.who == ANNA.id


@pytest.mark.parametrize("state", [S.OPENED, S.REMEDY, S.CLOSED])
def test_nobody_decides_what_needs_nobody(state: State) -> None:
    with pytest.raises(Denied, match=r"case\.not_waiting"):
        review.decide(ANNA, None, CaseSeen(case(state), payment(P.PAID)), NOON)


def test_nobody_can_do_anything_with_a_case_that_is_not_there() -> None:
    nothing = CaseSeen(None, payment(P.PAID))
    for call in (
        lambda: rules.choose(heard(W.SETTLED), nothing, NOON, guide=GUIDE),
        lambda: rules.next_step(nothing, NOON),
        lambda: rules.wait(nothing, NOON),
        lambda: rules.attend("x", nothing, NOON),
        lambda: review.decide(ANNA, None, nothing, NOON),
    ):
        with pytest.raises(Denied, match=r"case\.unknown"):
            call()


# Ids that follow.


def test_the_refund_of_each_attempt_has_one_number_for_life() -> None:
    numbers = [rules.refund_id(REMEDY, attempt) for attempt in (1, 2, 3)]
    assert numbers == [rules.refund_id(replace(REMEDY, version=99, state=S.CLOSED), attempt) for attempt in (1, 2, 3)]
    assert len(set(numbers)) == 3
    assert all(ids.is_id(number, ids.Kind.REFUND) for number in numbers)


def test_a_case_that_opens_by_itself_opens_once_each_time_something_new_is_heard() -> None:
    late = payment(P.LATE_PAID, ended_at=after(60))
    assert rules.own_id(late, What.LATE_PAID) == rules.own_id(replace(late, version=9, back_fen=5), What.LATE_PAID)
    assert rules.own_id(late, What.LATE_PAID) != rules.own_id(replace(late, ended_at=after(90)), What.LATE_PAID)
    outside = payment(P.PAID, parts=1)
    assert rules.own_id(outside, What.OUTSIDE_REFUND) != rules.own_id(replace(outside, parts=2), What.OUTSIDE_REFUND)
    clash = payment(P.PAID, incident="a")
    assert rules.own_id(clash, What.CONTRADICTED) != rules.own_id(replace(clash, incident="b"), What.CONTRADICTED)


# The way it takes.

REFUNDING = case(S.REMEDY, remedy=Remedy.REFUND_DIFFERENCE, remedy_fen=11520, attempt=1, refund_id=REFUND)
CANCELLING = case(S.REMEDY, remedy=Remedy.CANCEL)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("state", P)
def test_what_is_not_paid_is_ended_the_way_the_rule_says(state: P, mode: Mode) -> None:
    """S53. S64: the payment's own rule closes what the route closes, and reverses what the route reverses."""
    if state is P.SHOWN and mode is Mode.SCANNED:
        return  # only our own code is shown
    paid = payment(state, mode=mode)
    out = rules.set_out(GUIDE, CaseSeen(CANCELLING, paid), after(60))
    if state in (P.SENT, P.SHOWN):
        ended = changed(payments.cancel(RAILS, "cashier", paid, after(60))).row.state
        assert out.row.way == {P.CLOSING: "close", P.REVERSING: "reverse"}[ended]
    else:
        assert out.row.way in ("", "close", "reverse")
        assert out.row.state is S.REMEDY


def test_a_refund_sets_out_once_and_is_due_before_its_window_shuts() -> None:
    """S67."""
    paid, shuts_at = payment(P.PAID), after(10) + timedelta(days=365)
    at = shuts_at - timedelta(hours=1)
    row = replace(REFUNDING, due_at=at + timedelta(days=3))
    change = changed(rules.set_out(GUIDE, CaseSeen(row, paid), at))
    assert stands(change, S.REMEDY, way="refund", due_at=shuts_at)
    assert change.facts == (rules.RouteTaken(way="refund", route="paid", until=shuts_at.isoformat()),)
    assert rules.set_out(GUIDE, CaseSeen(change.row, paid), at) == Stay(change.row)


@pytest.mark.parametrize(
    ("given", "days", "why"),
    [
        ({}, 366, "too late for the way it came; two people repay it"),
        ({"parts": 50}, 1, "the channel takes no further part; two people repay it"),
        ({"incident": "two words"}, 1, "the channel contradicts our books: two words"),
        ({"back_fen": 12800}, 1, "nothing of it can go back any more"),
    ],
)
def test_what_has_no_way_by_itself_is_for_people(given: dict[str, Any], days: int, why: str) -> None:
    """S64."""
    change = changed(rules.set_out(GUIDE, CaseSeen(REFUNDING, payment(P.PAID, **given)), after(days=days)))
    assert stands(change, S.ATTENTION, note=why, way="")


def test_a_person_who_saw_that_the_channel_contradicts_our_books_may_decide_all_the_same() -> None:
    paid = payment(P.PAID, incident="two words")
    decided = replace(REFUNDING, decided_by="anna")
    assert stands(changed(rules.set_out(GUIDE, CaseSeen(decided, paid), after(60))), S.REMEDY, way="refund")
    late = changed(rules.set_out(GUIDE, CaseSeen(decided, paid), after(days=366)))
    assert stands(late, S.ATTENTION, note="too late for the way it came; two people repay it")


def test_a_refund_that_was_made_already_needs_no_way_any_more() -> None:
    seen = CaseSeen(REFUNDING, payment(P.PAID), refund(RefundState.SENT))
    assert rules.set_out(GUIDE, seen, after(days=400)) == Stay(REFUNDING)


def test_a_refund_is_in_the_name_of_whoever_decided_it_not_of_who_reported() -> None:
    """S61: an approval by the manager is no refund of the cashier's, nor of the channel that passed a complaint on."""
    row = replace(case(S.REMEDY), refund_id="YR1", remedy_fen=100, opened_by="channel")
    assert rules.refund_ask(replace(row, decided_by="manager")).who == "manager"
    assert rules.refund_ask(row).who == "system"
