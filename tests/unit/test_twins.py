"""The law of a pair: which charge is the twin, how it stands, and what is refused because of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.making import GUIDE, NOON, after, case, changed, heard, kinds, payment, refund
from yuanlu import ids
from yuanlu.cases import review, rules, twins
from yuanlu.cases.chain import Audience, How, Side, message, said
from yuanlu.cases.review import Act, OfferKind
from yuanlu.cases.rules import Case, CaseSeen, Conclusion, Remedy, State, What
from yuanlu.cases.twins import Standing, holds, look, refusal, standing
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import Word
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.payments.rules import Payment
from yuanlu.payments.rules import State as P
from yuanlu.people.rules import Person, Role
from yuanlu.policies.rules import Ruling
from yuanlu.refunds.rules import State as R

OWNER, OTHER_OWNER = Person("YW1", Role.OWNER), Person("YW2", Role.OWNER)
WHOLE = 12800


def chosen(at: CaseSeen, **more: Any) -> Change[Case] | Stay[Case]:
    """The remedy of a case whose charge was just heard to be paid."""
    return rules.choose(heard(Word.SETTLED), at, after(90), guide=GUIDE, **more)


def charge(name: str, state: P = P.PAID, **given: Any) -> Payment:
    """Charges of one payer, eight seconds apart, in the order of their names."""
    at = after(8 * "abc".index(name))
    made = payment(state, opened_at=at, id=ids.derived(ids.Kind.PAYMENT, NOON, name), code_mark=name, payer="p1")
    return replace(made, **{"asked_at": after(60)} | given)


A, B, C = map(charge, "abc")
BACK = {"back_fen": WHOLE}


def about(which: Payment, state: State = State.REVIEW, **given: Any) -> Case:
    """A case of its own about a charge: reported as made twice."""
    values = {"what": What.CHARGED_TWICE, "meant_fen": None, "opened_by": "till", "payment_id": which.id}
    values |= {"id": ids.derived(ids.Kind.CASE, NOON, which.id), "asked_fen": None}
    return case(state, **values | given)


def seen(of: Case, *near: Payment, cases: tuple[Case, ...] = (), payment: Payment = B, **given: Any) -> CaseSeen:
    return CaseSeen(of, payment, near=near, cases=cases, **given)


@pytest.mark.parametrize(
    ("twin", "wanted"),
    [
        (A, Standing.GOES_BACK),
        (charge("a", P.SENT), Standing.UNCLEAR),
        (charge("a", P.REVERSING), Standing.UNCLEAR),
        (charge("a", P.REVERSED), Standing.OTHER_UNPAID),
        (charge("a", P.FAILED), Standing.OTHER_UNPAID),
        (charge("a", P.LATE_PAID), Standing.OTHER_PARTLY_BACK),
        (charge("a", P.LATE_PAID, **BACK), Standing.OTHER_WENT_BACK),
        (charge("a", **BACK), Standing.OTHER_WENT_BACK),
        (charge("a", back_fen=1), Standing.OTHER_PARTLY_BACK),
    ],
)
def test_how_the_other_one_stands(twin: Payment, wanted: Standing) -> None:
    """S41."""
    assert standing(twin) is wanted


CAUSE = {"what": What.WRONG_AMOUNT, "cause": twins.CAUSE, "meant_fen": 1280}


@pytest.mark.parametrize(
    ("of", "other", "wanted"),
    [
        ({}, {}, "case.twin_back"),
        ({"what": What.OTHER}, {}, "case.twin_back"),
        (CAUSE, {}, "case.twin_back"),
        ({"what": What.LATE_PAID}, {}, "case.twin_back"),
        ({}, {"what": What.OTHER}, "case.twin_back"),
        ({}, CAUSE, "case.twin_back"),
        ({"what": What.REQUEST}, {}, None),
        ({"what": What.WRONG_AMOUNT, "meant_fen": 1280}, {}, None),
        ({"what": What.WRONG_CUSTOMER}, {}, None),
        ({}, {"what": What.REQUEST}, None),
        ({}, {"what": What.WRONG_AMOUNT, "meant_fen": 1280}, None),
    ],
)
def test_which_reports_bind_a_pair(of: dict[str, Any], other: dict[str, Any], wanted: str | None) -> None:
    """S41. A refund of the other charge for a reason that says something else stays possible."""
    mine = about(B, **of)
    theirs = about(A, State.CLOSED, conclusion=Conclusion.MONEY_BACK, attempt=1, **other)
    no = refusal(mine, look(mine, seen(mine, A, cases=(theirs,))))
    assert (no.code if no else None) == wanted
    if no is not None:
        assert no.facts["case"] == theirs.id


@pytest.mark.parametrize(
    ("state", "given", "wanted"),
    [
        (State.OPENED, {}, None),
        (State.REVIEW, {}, None),
        (State.NEEDS_INFO, {}, None),
        (State.DECLINED, {}, None),
        (State.SECOND, {}, "case.twin_open"),
        (State.OFFERED, {}, "case.twin_open"),
        (State.REMEDY, {"remedy": Remedy.REFUND_ALL, "refund_id": "YR"}, "case.twin_open"),
        (State.REMEDY, {"remedy": Remedy.CANCEL}, None),
        (State.ATTENTION, {"refund_id": "YR"}, "case.twin_open"),
        (State.ATTENTION, {}, None),
        (State.CLOSED, {"conclusion": Conclusion.MONEY_BACK}, "case.twin_back"),
        (State.CLOSED, {"conclusion": Conclusion.SETTLED_OTHERWISE}, "case.twin_back"),
        *((State.CLOSED, {"conclusion": end}, None) for end in Conclusion
          if end not in (Conclusion.MONEY_BACK, Conclusion.SETTLED_OTHERWISE)),
    ],
)  # fmt: skip
def test_a_case_about_the_twin_is_in_the_way_only_while_it_sends_money_back_or_did(
    state: State, given: dict[str, Any], wanted: str | None
) -> None:
    """S41. One that ended without money back frees the pair, and two that are only talked about block nobody."""
    mine, theirs = about(B), about(A, state, **given)
    assert holds(theirs) is (wanted is not None)
    no = refusal(mine, look(mine, seen(mine, A, cases=(theirs,))))
    assert (no.code if no else None) == wanted


@pytest.mark.parametrize(
    ("twin", "wanted"),
    [
        (A, None),
        (charge("a", **BACK), "case.twin_gone"),
        (charge("a", back_fen=1), None),
        (charge("a", P.LATE_PAID), None),
        (charge("a", P.REVERSED), "case.twin_unpaid"),
        (charge("a", P.SENT), "case.twin_unclear"),
        (charge("a", P.REVERSING, payer=""), "case.twin_unclear"),
        (charge("a", P.REVERSED, payer=""), "case.twin_unpaid"),
        (charge("a", P.REVERSED, payer="", till_id="another"), None),
        (charge("a", P.FAILED), None),
        (charge("a", payer="p2"), None),
        (charge("a", P.SENT, payer="", amount_fen=1), None),
        (charge("a", P.SENT, payer="", opened_at=after(minutes=-6)), None),
    ],
)
def test_what_a_person_may_decide_as_the_twin_stands(twin: Payment, wanted: str | None) -> None:
    """S41. While nobody knows whether the customer paid twice, nothing goes back for it."""
    mine = about(B)
    no = refusal(mine, look(mine, seen(mine, twin)))
    assert (no.code if no else None) == wanted


def test_a_twin_that_is_known_stays_the_twin_whatever_was_forgotten_of_its_payer() -> None:
    mine = about(B, twin_id=A.id)
    forgotten = replace(A, payer="", back_fen=WHOLE)
    assert look(about(B), seen(mine, forgotten)) is None
    no = refusal(mine, look(mine, seen(mine, forgotten)))
    assert no is not None
    assert no.code == "case.twin_gone"


def test_what_part_of_was_given_back_for_the_mistake_is_in_the_way_even_after_its_case_was_declined() -> None:
    """S41. It was reopened to give back more, and then was not."""
    theirs = about(A, State.CLOSED, conclusion=Conclusion.DECLINED, attempt=1)
    mine = about(B)
    no = refusal(mine, look(mine, seen(mine, charge("a", back_fen=500), cases=(theirs,))))
    assert no is not None
    assert (no.code, no.facts["case"]) == ("case.twin_back", theirs.id)
    given_back_after_all = look(mine, seen(mine, A, cases=(theirs,)))
    assert refusal(mine, given_back_after_all) is None


def test_what_is_left_of_a_charge_is_for_the_case_that_gave_the_first_part_back() -> None:
    """A second case about the same charge would hold the same pair: it is told where to go on."""
    first = about(B, State.CLOSED, conclusion=Conclusion.MONEY_BACK, attempt=1, twin_id=A.id)
    mine = about(B, id=ids.derived(ids.Kind.CASE, NOON, "again"))
    no = refusal(mine, look(mine, seen(mine, A, cases=(first,), payment=charge("b", back_fen=500))))
    assert no is not None
    assert (no.code, no.facts["case"]) == ("case.twin_back", first.id)


def gone(which: Payment) -> tuple[Payment, Case]:
    """A charge that went back for being made twice, and its case."""
    return replace(which, **BACK), about(which, State.CLOSED, conclusion=Conclusion.MONEY_BACK, attempt=1)


@pytest.mark.parametrize(
    ("mine", "went", "stays", "twin"),
    [
        (B, (), (A, C), A),
        (C, (), (A, B), A),
        (A, (), (B, C), B),
        (C, (B,), (A,), A),
        (C, (A,), (B,), B),
        (B, (A,), (C,), C),
        (A, (B,), (C,), C),
        (A, (B, C), (), None),
        (B, (A, C), (), None),
        (C, (A, B), (), None),
    ],
)
def test_of_three_charges_two_may_go_back_and_one_stays(
    mine: Payment, went: tuple[Payment, ...], stays: tuple[Payment, ...], twin: Payment | None
) -> None:
    """S41."""
    of, others = about(mine), [gone(each) for each in went]
    at = seen(of, *stays, *(each for each, _ in others), cases=tuple(each for _, each in others), payment=mine)
    pair = look(of, at)
    assert pair is not None
    no = refusal(of, pair)
    if twin is None:
        assert no is not None
        assert no.code == "case.twin_back"
    else:
        assert (no, pair.twin.id) == (None, twin.id)


# --- each place where money is decided -----------------------------------------------------------------------------


def act(of: Case, by: Person = OWNER) -> Act:
    body = said("because", Side.STAFF, How.WRITTEN)
    return Act(by=by, version=of.version, items=(message("YE1", body, "s1.", by.id, Audience.CUSTOMER, after(90)),))


Decide = Callable[[Case, CaseSeen], Change[Case] | Stay[Case]]
UNTIL = after(days=1)
OFFER = {"offer_fen": 500, "offer_until": UNTIL, "decided_by": OTHER_OWNER.id}
DECIDED: list[Any] = [
    ({"state": State.REVIEW}, lambda of, at: review.approve(act(of), None, at, after(90))),
    ({"state": State.SECOND, "approved_fen": 1, "decided_by": OTHER_OWNER.id},
     lambda of, at: review.confirm(act(of), at, after(90))),
    ({"state": State.REVIEW},
     lambda of, at: review.offer(act(of), OfferKind.VOUCHER, Money(500), UNTIL, at, after(90))),
    ({"state": State.OFFERED, "offer_kind": "part", **OFFER}, lambda of, at: review.accept(act(of), at, after(90))),
    ({"state": State.OFFERED, "offer_kind": "voucher", **OFFER}, lambda of, at: review.accept(act(of), at, after(90))),
    ({"state": State.ATTENTION},
     lambda of, at: review.decide(OWNER, Money(500), at, after(90))),
]  # fmt: skip
PLACES = ["approve", "confirm", "offer", "accept a part", "accept a voucher", "decide"]


@pytest.mark.parametrize(("given", "decide"), DECIDED, ids=PLACES)
def test_wherever_people_decide_about_money_the_twin_is_looked_at(given: dict[str, Any], decide: Decide) -> None:
    """S41, S61."""
    of = about(B, **given)
    free = seen(of, A)
    assert changed(twins.passed(free, decide(of, free))).row.twin_id == A.id
    taken = seen(of, A, cases=(about(A, State.SECOND),))
    with pytest.raises(Denied, match=r"case\.twin_open"):
        twins.passed(taken, decide(of, taken))


def test_what_sends_nothing_back_is_never_refused() -> None:
    """The desk is not wedged: declining, asking, noting, withdrawing stay possible, and so does what is only heard."""
    went, its_case = gone(A)
    cases = (its_case,)
    of = about(B)
    at = seen(of, went, cases=cases)
    for decision in (
        review.decline(act(of), "already_back", at, after(90)),
        review.ask(act(of), at, after(90)),
        review.withdraw(act(of), at, after(90)),
    ):
        assert changed(twins.passed(at, decision)) == decision
    waits = about(B, State.ATTENTION)
    at = seen(waits, went, cases=cases)
    noted = review.decide(OWNER, None, at, after(90))
    assert changed(twins.passed(at, noted)).row.conclusion is Conclusion.NOTED
    sent = about(B, State.REMEDY, remedy=Remedy.REFUND_ALL, remedy_fen=WHOLE, attempt=1, twin_id=A.id)
    sent = replace(sent, refund_id=rules.refund_id(sent, 1))
    ask = rules.refund_ask(sent)
    for state, wanted in ((R.DONE, State.CLOSED), (R.REFUSED, State.ATTENTION)):
        made = refund(state, id=ask.id, amount_fen=WHOLE, fingerprint=ask.fingerprint)
        at = seen(sent, went, cases=cases, refund=made)
        assert changed(twins.passed(at, rules.next_step(at, after(90)))).row.state is wanted


@pytest.mark.parametrize(
    ("mine", "near", "cases", "wanted"),
    [
        (B, (A,), (), State.REMEDY),
        (A, (B,), (), State.REVIEW),
        (B, (), (), State.REMEDY),
        (B, (charge("a", **BACK),), (), State.REVIEW),
        (B, (charge("a", back_fen=1),), (), State.REVIEW),
        (B, (charge("a", P.LATE_PAID),), (), State.REVIEW),
        (B, (charge("a", P.SENT, payer=""),), (), State.REVIEW),
        (B, (charge("a", P.REVERSED, payer=""),), (), State.REVIEW),
        (B, (A,), (about(A, State.SECOND),), State.REVIEW),
        (C, (A, B), (), State.REMEDY),
        (C, (charge("a", **BACK), B), (), State.REMEDY),
        (B, (charge("a", **BACK), C), (), State.REVIEW),
    ],
)
def test_by_itself_only_a_later_charge_goes_back_while_an_earlier_one_stays(
    mine: Payment, near: tuple[Payment, ...], cases: tuple[Case, ...], wanted: State
) -> None:
    """S41."""
    of = about(mine, State.OPENED)
    at = seen(of, *near, cases=cases, payment=mine)

    def ruling(told: CaseSeen, back: int, when: Any) -> Any:
        return twins.ruled(rules.built_in, told, back, when)

    change = changed(twins.passed(at, chosen(at, ruling=ruling)))
    assert change.row.state is wanted
    is_sure = [each for each in near if each.payer]
    assert bool(change.row.twin_id) is bool(is_sure)
    assert (change.row.verdict == Ruling.REVIEW) is (wanted is State.REVIEW)


def test_what_was_paid_late_does_not_go_back_by_itself_after_its_twin_did() -> None:
    """S41. Nobody knew of it when the second charge went back: now it is the one that stays."""
    late = charge("a", P.LATE_PAID)
    of = about(late, State.OPENED, what=What.LATE_PAID, opened_by="system")
    went, its_case = gone(B)
    at = seen(of, went, cases=(its_case,), payment=late)
    change = changed(twins.passed(at, chosen(at)))
    assert (change.row.state, change.row.refund_id, change.row.remedy_fen) == (State.REVIEW, "", 0)
    assert change.row.version == of.version + 1
    assert kinds(change) == ("CaseChecked", "CaseItemAdded", "TwinInTheWay")
    assert change.evidence
    at = seen(of, B, payment=late)
    assert changed(twins.passed(at, chosen(at))).row.state is State.REMEDY
    at = seen(of, replace(B, **BACK), payment=late)  # for another reason: what was paid late still goes back
    assert changed(twins.passed(at, chosen(at))).row.state is State.REMEDY


def remedied(of: Payment, **given: Any) -> Case:
    made = about(of, State.REMEDY, remedy=Remedy.REFUND_ALL, remedy_fen=WHOLE, attempt=1, **given)
    return replace(made, refund_id=rules.refund_id(made, 1))


def test_just_before_the_refund_is_asked_for_the_twin_is_looked_at_again() -> None:
    """S41. Whoever decided at the same moment has written it down by now."""
    of = remedied(B, twin_id=A.id)
    at = seen(of, A)
    assert isinstance(twins.next_step(at, after(90)), Stay)
    change = changed(twins.next_step(seen(of, A, cases=(remedied(A),)), after(90)))
    assert (change.row.state, kinds(change)) == (State.REVIEW, ("TwinInTheWay",))
    assert (change.row.twin_id, change.row.decided_by) == ("", "")
    change = changed(twins.next_step(seen(of, charge("a", P.REVERSED)), after(90)))
    assert change.row.state is State.REVIEW


def test_a_twin_that_became_known_after_the_decision_is_written_down_before_anything_is_sent() -> None:
    change = changed(twins.next_step(seen(remedied(B), A), after(90)))
    assert (change.row.state, change.row.twin_id, kinds(change)) == (State.REMEDY, A.id, ("TwinFound",))
    assert [look.at for look in change.looks] == [after(90)]


def test_what_was_asked_for_already_is_not_called_back() -> None:
    of = remedied(B)
    ask = rules.refund_ask(of)
    made = refund(R.SENT, id=ask.id, amount_fen=WHOLE, fingerprint=ask.fingerprint)
    assert isinstance(twins.next_step(seen(of, A, cases=(remedied(A),), refund=made), after(90)), Stay)


def test_a_payment_that_is_cancelled_is_bound_by_nothing() -> None:
    of = about(B, State.REMEDY, remedy=Remedy.CANCEL)
    sent = replace(B, state=P.SENT)
    assert isinstance(twins.next_step(seen(of, A, cases=(remedied(A),), payment=sent), after(90)), Stay)


def test_before_a_person_again_a_case_forgets_its_twin_until_money_is_decided() -> None:
    """So whatever is heard of a refund of before can be written down, though the other case holds the pair by then."""
    closed = about(B, State.CLOSED, conclusion=Conclusion.MONEY_BACK, refund_id="YR", attempt=1, twin_id=A.id)
    again = changed(review.reopen(act(closed), seen(closed, A), after(90)))
    assert again.row.twin_id == ""
