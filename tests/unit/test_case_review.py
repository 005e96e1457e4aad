"""What people may do with a case: every state with every verb, and the laws beside the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.making import CASE, GUIDE, MERCHANT, NOON, STORE, after, case, changed, fen, heard, kinds, payment, refund
from yuanlu import ids
from yuanlu.cases import chain, clockwork, review, rules
from yuanlu.cases.chain import Audience, Item
from yuanlu.cases.review import Act, Event, Fault, OfferKind, Place, Status
from yuanlu.cases.rules import Case, CaseSeen, Conclusion, Remedy, State, What
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import Word
from yuanlu.errors import Denied
from yuanlu.machine import Turn
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import MAY, Person, Role, Staff
from yuanlu.policies.rules import Policy, Verdict
from yuanlu.policies.rules import Ruling as Ruled
from yuanlu.refunds.rules import State as RefundState
from yuanlu.web.server import ROUTES

S, R = State, RefundState
ANNA, BERT = Person("YWANNA", Role.MANAGER), Person("YWBERT", Role.MANAGER)
FINN, OLGA = Person("YWFINN", Role.FINANCE), Person("YWOLGA", Role.OWNER)
TILL = Person("till")
LATER = after(3600)


def staff(by: Person, **given: Any) -> Staff:
    values: dict[str, Any] = {"role": by.role, "name": "s1.", "store_id": by.store_id, "since": NOON}
    return Staff(merchant_id=MERCHANT, id=by.id, **values | given)


def wish(state: State = S.REVIEW, **given: Any) -> Case:
    """A wish for a refund of 128.00, in this state, with what that state has."""
    values: dict[str, Any] = {"what": What.REQUEST, "meant_fen": None, "asked_fen": 12800, "store_id": STORE}
    values |= {"verdict": "review", "chain": "c" * 64, "chain_length": 1}
    if state in (S.OFFERED, S.SECOND):
        values |= {"decided_by": ANNA.id, "approved_fen": 5000, "offer_kind": "part", "offer_fen": 5000}
        values |= {"offer_until": after(7200)}
    if state is S.DECLINED:
        values |= {"decided_by": ANNA.id, "object_until": after(days=15), "reason_code": "goods_used"}
    if state is S.REMEDY:
        values |= {"remedy": Remedy.REFUND_ALL, "remedy_fen": 12800, "refund_id": "YR1", "attempt": 1}
    if state is S.CLOSED:
        values |= {"conclusion": Conclusion.NOTED, "closed_at": after(60)}
    return case(state, **values | given)


def words(text: str = "because") -> tuple[Item, ...]:
    body = chain.said(text, chain.Side.STAFF, chain.How.WRITTEN)
    item_id = ids.new(ids.Kind.EVIDENCE)
    return (chain.message(item_id, body, "s1.sealed", "x", Audience.CUSTOMER, NOON),)


def act(by: Person = BERT, version: int = 2, **given: Any) -> Act:
    return Act(by=by, version=version, items=given.get("items", words()))


def seen(row: Case, back: int = 0, **given: Any) -> CaseSeen:
    people = given.pop("approvers", (staff(ANNA), staff(BERT), staff(FINN), staff(OLGA)))
    return CaseSeen(row, payment(PaymentState.PAID, back_fen=back), approvers=people, **given)


Do = Callable[[CaseSeen], Change[Case] | Stay[Case]]
DOES: dict[Event, Do] = {
    Event.CLAIM: lambda one: review.claim(BERT, one, LATER),
    Event.RELEASE: lambda one: review.release(BERT, one, LATER),
    Event.ASK: lambda one: review.ask(act(), one, LATER),
    Event.ANSWER: lambda one: review.answer(act(TILL), one, LATER),
    Event.APPROVE: lambda one: review.approve(act(), fen(5000), one, LATER),
    Event.APPROVE_FIRST: lambda one: review.approve(act(), fen(5000), with_verdict(one, "second"), LATER),
    Event.CONFIRM: lambda one: review.confirm(act(), one, LATER),
    Event.SEND_BACK: lambda one: review.send_back(act(), one, LATER),
    Event.OFFER: lambda one: review.offer(act(), OfferKind.PART, fen(100), after(9000), one, LATER),
    Event.ACCEPT: lambda one: review.accept(act(TILL), one, LATER),
    Event.ACCEPT_FIRST: lambda one: review.accept(act(TILL), with_verdict(one, "second"), LATER),
    Event.SETTLE: lambda one: review.accept(
        act(TILL), replace(one, case=replace(one.case, offer_kind="voucher")), LATER
    ),  # type: ignore[type-var]
    Event.TURN_DOWN: lambda one: review.turn_down(act(TILL), one, LATER),
    Event.DECLINE: lambda one: review.decline(act(), "goods_used", one, LATER),
    Event.OBJECT: lambda one: review.object_to(act(TILL), one, LATER),
    Event.WITHDRAW: lambda one: review.withdraw(act(TILL), one, LATER),
    Event.REOPEN: lambda one: review.reopen(act(), one, LATER),
    Event.NOTE: lambda one: review.add(words()[0], one.case, LATER, known=False),
}


def with_verdict(one: CaseSeen, verdict: str) -> CaseSeen:
    assert one.case is not None
    return replace(one, case=replace(one.case, verdict=verdict))


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_every_verb_does_in_every_state_what_the_table_says(state: State, event: Event) -> None:
    """S61."""
    turn = review.TABLE.turn(state, event)
    if turn is Turn.CLASH:
        with pytest.raises(Denied) as no:
            DOES[event](seen(wish(state)))
        assert no.value.code == "case.not_now"
        return
    decision = DOES[event](seen(wish(state)))
    assert decision.row.state is (state if turn is Turn.STAY else turn)


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_whatever_is_done_leaves_one_holder_and_one_deadline(state: State, event: Event) -> None:
    """S69."""
    before = clockwork.passed(None, Change(row=wish(state), at=NOON, who="x")).row
    if review.TABLE.turn(state, event) is Turn.CLASH:
        return
    one = seen(replace(before, version=2))
    decision = clockwork.passed(one.case, DOES[event](one))
    row = decision.row
    if row.state is S.CLOSED:
        assert (row.holder, row.due_at, row.due_what) == ("", None, "")
    else:
        assert row.holder
        assert row.due_what
        assert row.due_at is not None
    looks = [look for look in decision.looks if look.name == clockwork.CLOCK] if isinstance(decision, Change) else []
    assert [look.at for look in looks] == ([row.due_at] if row.due_at != before.due_at else [])


OF_ROUTES = {route.may for route in ROUTES}


@pytest.mark.parametrize("verb", sorted(MAY))
@pytest.mark.parametrize("role", Role)
def test_the_table_of_roles_is_what_the_verbs_ask(verb: str, role: Role) -> None:
    """S61."""
    by = Person("YWX", role)
    one = act(by)
    open_to: dict[str, tuple[State, Do]] = {
        "claim": (S.REVIEW, lambda at: review.claim(by, at, LATER)),
        "release": (S.REVIEW, lambda at: review.release(by, at, LATER)),
        "ask": (S.REVIEW, lambda at: review.ask(one, at, LATER)),
        "answer": (S.NEEDS_INFO, lambda at: review.answer(one, at, LATER)),
        "approve": (S.REVIEW, lambda at: review.approve(one, None, at, LATER)),
        "confirm": (S.SECOND, lambda at: review.confirm(one, at, LATER)),
        "send_back": (S.SECOND, lambda at: review.send_back(one, at, LATER)),
        "offer": (S.REVIEW, lambda at: review.offer(one, OfferKind.PART, fen(9), after(9000), at, LATER)),
        "accept": (S.OFFERED, lambda at: review.accept(one, at, LATER)),
        "turn_down": (S.OFFERED, lambda at: review.turn_down(one, at, LATER)),
        "decline": (S.REVIEW, lambda at: review.decline(one, "no_proof", at, LATER)),
        "object": (S.DECLINED, lambda at: review.object_to(one, at, LATER)),
        "withdraw": (S.REVIEW, lambda at: review.withdraw(one, at, LATER)),
        "reopen": (S.CLOSED, lambda at: review.reopen(one, at, LATER)),
        "escalate": (S.DECLINED, lambda at: review.escalate(one, Place.HOTLINE, Status.FILED, at, LATER)),
        "judge": (S.CLOSED, lambda at: review.judge(one, Fault.CASHIER, at, LATER)),
        "hold": (S.REVIEW, lambda at: review.hold(one, on=True, seen=at, at=LATER)),
        "attend": (
            S.ATTENTION,
            lambda at: review.decide(by, None, at, LATER),
        ),
    }
    if verb not in open_to:
        assert verb in {"note", "hand_in", *OF_ROUTES}, "asked by the flow"
        return
    state, does = open_to[verb]
    if role in MAY[verb]:
        assert isinstance(does(seen(wish(state))), Change | Stay)
        return
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        does(seen(wish(state)))


def test_a_person_of_one_store_decides_nothing_of_another() -> None:
    by = replace(BERT, store_id="YSOTHER")
    with pytest.raises(Denied, match=r"staff\.other_store"):
        review.approve(act(by), None, seen(wish()), LATER)
    assert review.approve(act(replace(BERT, store_id=STORE)), None, seen(wish()), LATER).row.state is S.REMEDY


# Who may decide.


@pytest.mark.parametrize("verb", [Event.CLAIM, Event.APPROVE, Event.OFFER, Event.DECLINE, Event.CONFIRM])
def test_whoever_asked_cannot_decide(verb: Event) -> None:
    """S61, S95."""
    state = S.SECOND if verb is Event.CONFIRM else S.REVIEW
    with pytest.raises(Denied, match=r"case\.own"):
        DOES[verb](seen(wish(state, opened_by=BERT.id)))


@pytest.mark.parametrize("verb", [Event.CLAIM, Event.APPROVE, Event.OFFER, Event.DECLINE, Event.CONFIRM])
def test_whose_decision_was_objected_to_does_not_decide_again(verb: Event) -> None:
    """S74."""
    state = S.SECOND if verb is Event.CONFIRM else S.REVIEW
    with pytest.raises(Denied, match=r"case\.barred"):
        DOES[verb](seen(wish(state, barred=f"YWX {BERT.id}")))


def test_an_objection_bars_whoever_decided_and_goes_to_another_person() -> None:
    """S74."""
    change = changed(review.object_to(act(TILL), seen(wish(S.DECLINED)), LATER))
    assert (change.row.state, change.row.barred, change.row.decided_by) == (S.REVIEW, ANNA.id, "")
    assert kinds(change) == ("CaseObjected", "CaseItemAdded")
    again = changed(review.decline(act(BERT, 3), "no_proof", seen(change.row), LATER)).row
    assert changed(review.object_to(act(TILL, 4), seen(again), LATER)).row.barred == f"{ANNA.id} {BERT.id}"


def test_what_the_policy_declined_bars_nobody_when_objected_to() -> None:
    change = changed(review.object_to(act(TILL), seen(wish(S.DECLINED, decided_by="system")), LATER))
    assert (change.row.state, change.row.barred) == (S.REVIEW, "")


def test_it_is_too_late_to_object_when_the_time_is_over() -> None:
    with pytest.raises(Denied, match=r"case\.objection_over"):
        review.object_to(act(TILL), seen(wish(S.DECLINED)), after(days=15))


def test_the_second_person_is_another_one() -> None:
    """S61."""
    for does in (
        lambda: review.confirm(act(ANNA), seen(wish(S.SECOND)), LATER),
        lambda: review.claim(ANNA, seen(wish(S.SECOND)), LATER),
    ):
        with pytest.raises(Denied, match=r"case\.same_person"):
            does()


def test_what_is_claimed_is_left_to_whoever_claimed_it_until_the_claim_ends() -> None:
    """S61."""
    claimed = wish(claimed_by=ANNA.id, claimed_until=after(3601))
    with pytest.raises(Denied, match=r"case\.claimed"):
        review.approve(act(), None, seen(claimed), LATER)
    with pytest.raises(Denied, match=r"case\.claimed"):
        review.claim(BERT, seen(claimed), LATER)
    with pytest.raises(Denied, match=r"case\.claimed"):
        review.release(BERT, seen(claimed), LATER)
    assert changed(review.release(OLGA, seen(claimed), LATER)).row.claimed_by == ""
    assert changed(review.claim(BERT, seen(claimed), after(3601))).row.claimed_by == BERT.id
    assert changed(review.approve(act(ANNA), None, seen(claimed), LATER)).row.claimed_by == ""


# On what it was decided.


STALE = {
    Event.ASK, Event.APPROVE, Event.CONFIRM, Event.SEND_BACK, Event.OFFER, Event.DECLINE, Event.REOPEN,
}  # fmt: skip
STATE_OF = {Event.CONFIRM: S.SECOND, Event.SEND_BACK: S.SECOND, Event.REOPEN: S.CLOSED}


@pytest.mark.parametrize("event", sorted(STALE))
@pytest.mark.parametrize("version", [1, 3])
def test_a_decision_on_another_version_is_refused_with_the_fresh_state(event: Event, version: int) -> None:
    row = wish(STATE_OF.get(event, S.REVIEW), version=version)
    with pytest.raises(Denied) as no:
        DOES[event](seen(row))
    assert no.value.code == "case.stale"
    assert (no.value.facts["state"], no.value.facts["version"]) == (row.state.value, version)


@pytest.mark.parametrize(("version", "since", "is_taken"), [(2, 2, True), (5, 2, True), (5, 3, False), (1, 1, False)])
def test_a_customer_answers_the_offer_they_saw_whatever_was_noted_since(
    version: int, since: int, is_taken: bool
) -> None:
    row = wish(S.OFFERED, version=version, stands_since=since)
    if is_taken:
        assert review.accept(act(TILL), seen(row), LATER).row.state is S.REMEDY
        return
    with pytest.raises(Denied, match=r"case\.stale"):
        review.accept(act(TILL), seen(row), LATER)


# Approving.


@pytest.mark.parametrize(("amount", "is_taken"), [(0, False), (1, True), (7800, True), (7801, False), (-5, False)])
def test_no_more_is_approved_than_may_still_go_back(amount: int, is_taken: bool) -> None:
    """S70."""
    if is_taken:
        assert review.approve(act(), fen(amount), seen(wish(), back=5000), LATER).row.remedy_fen == amount
        return
    with pytest.raises(Denied, match=r"case\.amount"):
        review.approve(act(), fen(amount), seen(wish(), back=5000), LATER)


@pytest.mark.parametrize(("asked", "back", "whole"), [(12800, 0, 12800), (3000, 0, 3000), (12800, 5000, 7800)])
def test_the_whole_is_what_was_asked_and_is_still_there(asked: int, back: int, whole: int) -> None:
    change = changed(review.approve(act(), None, seen(wish(asked_fen=asked), back), LATER))
    assert (change.row.approved_fen, change.row.remedy_fen) == (whole, whole)
    assert kinds(change) == ("CaseApproved", "RemedyChosen", "CaseItemAdded")
    assert (change.row.refund_id, change.row.attempt) == (rules.refund_id(change.row, 1), 1)


@pytest.mark.parametrize(
    ("by", "amount", "given", "state"),
    [
        (BERT, 50_000, {}, S.REMEDY),
        (BERT, 50_001, {}, S.SECOND),
        (FINN, 500_000, {}, S.REMEDY),
        (FINN, 500_001, {}, S.SECOND),
        (OLGA, 500_000, {}, S.REMEDY),
        (OLGA, 500_001, {}, S.SECOND),
        (OLGA, 1, {"verdict": "second"}, S.SECOND),
    ],
)
def test_the_tier_and_the_policy_want_a_second_person(by: Person, amount: int, given: Any, state: State) -> None:
    """S61, S33."""
    one = seen(wish(**given))
    one = replace(one, payment=payment(PaymentState.PAID, amount_fen=10_000_000))
    change = changed(review.approve(act(by), fen(amount), one, LATER))
    assert (change.row.state, change.row.approved_fen, change.row.decided_by) == (state, amount, by.id)
    assert bool(change.row.refund_id) is (state is S.REMEDY)


def test_an_old_payment_wants_a_second_person() -> None:
    """S61."""
    late = after(10) + review.OLD
    assert review.approve(act(), fen(1), seen(wish()), late).row.state is S.REMEDY
    assert review.approve(act(), fen(1), seen(wish()), late + timedelta(seconds=1)).row.state is S.SECOND


def test_of_two_people_one_must_be_allowed_the_amount() -> None:
    """S61, S95."""
    row = wish(S.SECOND, approved_fen=60_000)
    one = replace(seen(row), payment=payment(PaymentState.PAID, amount_fen=100_000))
    with pytest.raises(Denied, match=r"staff\.over_limit"):
        review.confirm(act(BERT), one, LATER)
    change = changed(review.confirm(act(FINN), one, LATER))
    assert (change.row.state, change.row.decided_by, change.row.seconded_by) == (S.REMEDY, ANNA.id, FINN.id)
    assert change.row.remedy_fen == 60_000
    first_was_owner = replace(row, decided_by=OLGA.id)
    assert review.confirm(act(BERT), replace(one, case=first_was_owner), LATER).row.state is S.REMEDY


def test_there_is_no_second_number_while_the_first_may_still_pay_out() -> None:
    row = wish(remedy=Remedy.REFUND_ALL, remedy_fen=5000, refund_id="YR1", attempt=1)
    for state in RefundState:
        own = refund(state, fingerprint=rules.refund_ask(row).fingerprint)
        if state in review.ENDED:
            change = changed(review.approve(act(), fen(1), seen(row, refund=own), LATER))
            assert (change.row.attempt, change.row.refund_id) == (2, rules.refund_id(row, 2))
        else:
            with pytest.raises(Denied, match=r"case\.refund_open"):
                review.approve(act(), fen(1), seen(row, refund=own), LATER)


# A case in trouble: money goes back by the same rule.


def in_trouble(**given: Any) -> Case:
    """Its refund was refused by the channel."""
    values = {"remedy": Remedy.REFUND_ALL, "remedy_fen": 12800, "refund_id": "YR1", "attempt": 1, "note": "refused"}
    return wish(S.ATTENTION, **values | given)


@pytest.mark.parametrize(
    ("by", "amount", "given", "state"),
    [
        (BERT, 50_000, {}, S.REMEDY),
        (BERT, 50_001, {}, S.SECOND),
        (FINN, 500_001, {}, S.SECOND),
        (OLGA, 500_000, {}, S.REMEDY),
        (OLGA, 1, {"verdict": "second"}, S.SECOND),
        (OLGA, 500_001, {"verdict": ""}, S.SECOND),
    ],
)
def test_in_trouble_the_tier_and_the_policy_want_a_second_person_too(
    by: Person, amount: int, given: Any, state: State
) -> None:
    """S61, S33: what the policy never ruled on, it is asked about now."""
    one = replace(seen(in_trouble(**given)), payment=payment(PaymentState.PAID, amount_fen=10_000_000))
    change = changed(review.decide(by, fen(amount), one, LATER))
    assert (change.row.state, change.row.approved_fen, change.row.decided_by) == (state, amount, by.id)
    assert kinds(change) == (("CaseApproved",) if state is S.SECOND else ("CaseApproved", "RemedyChosen"))


def test_in_trouble_the_policy_that_was_frozen_is_asked_for_a_second_person() -> None:
    """S61."""
    rows = "amount_fen,age,reason,channel,tender,member,risk,verdict,zh,en\n*,*,*,*,*,*,*,second,两人,Two people\n"
    policy = Policy(
        merchant_id=MERCHANT, id="YO1", store_id="", content=rows, digest="", valid_from=NOON, made_at=NOON,
        made_by="x",
    )  # fmt: skip
    one = seen(in_trouble(verdict=""))
    assert review.decide(OLGA, fen(1), one, LATER).row.state is S.REMEDY
    assert review.decide(OLGA, fen(1), replace(one, policy=policy), LATER).row.state is S.SECOND


def test_in_trouble_an_old_payment_wants_a_second_person_too() -> None:
    """S61."""
    late = after(10) + review.OLD
    assert review.decide(OLGA, fen(1), seen(in_trouble()), late).row.state is S.REMEDY
    assert review.decide(OLGA, fen(1), seen(in_trouble()), late + timedelta(seconds=1)).row.state is S.SECOND


@pytest.mark.parametrize("refund", [None, 1])
def test_a_key_bound_to_nobody_decides_nothing_of_a_case_in_trouble(refund: int | None) -> None:
    """S61, S95."""
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        review.decide(TILL, None if refund is None else fen(refund), seen(in_trouble()), LATER)


def test_a_key_narrowed_to_less_than_approving_sends_nothing_back() -> None:
    """S61, S95."""
    narrow = replace(OLGA, only=frozenset({"attend"}))
    assert review.decide(narrow, None, seen(in_trouble()), LATER).row.conclusion is Conclusion.NOTED
    with pytest.raises(Denied, match=r"key\.out_of_scope"):
        review.decide(narrow, fen(1), seen(in_trouble()), LATER)


def test_in_trouble_whoever_asked_is_barred_or_finds_it_claimed_decides_nothing() -> None:
    """S61, S95."""
    claimed = {"claimed_by": ANNA.id, "claimed_until": after(3601)}
    for given, code in (({"opened_by": BERT.id}, "own"), ({"barred": BERT.id}, "barred"), (claimed, "claimed")):
        with pytest.raises(Denied, match=rf"case\.{code}"):
            review.decide(BERT, fen(1), seen(in_trouble(**given)), LATER)


def test_the_second_person_carries_out_what_was_decided_in_trouble_or_sends_it_back_there() -> None:
    """S61."""
    own = refund(R.RETURNED, fingerprint=rules.refund_ask(in_trouble()).fingerprint)
    note = changed(rules.next_step(replace(seen(in_trouble()), refund=own), LATER)).row.note
    one = replace(seen(in_trouble(note=note, verdict="second")), refund=own)
    first = changed(review.decide(BERT, fen(900), one, LATER)).row
    waits = replace(one, case=first)
    assert isinstance(rules.next_step(waits, LATER), Stay), "what it is about is known"
    assert rules.next_step(replace(waits, refund=replace(own, incident="x")), LATER).row.state is S.ATTENTION
    with pytest.raises(Denied, match=r"case\.same_person"):
        review.confirm(act(BERT, first.version), waits, LATER)
    done = changed(review.confirm(act(FINN, first.version), waits, LATER)).row
    assert (done.state, done.remedy_fen, done.attempt, done.seconded_by) == (S.REMEDY, 900, 2, FINN.id)
    sent_back = changed(review.send_back(act(FINN, first.version), waits, LATER)).row
    assert (sent_back.state, sent_back.note, sent_back.decided_by) == (S.ATTENTION, note, "")


# Carrying it out: the approver is looked at once more.


def approved(*people: Staff, **given: Any) -> CaseSeen:
    values = {"decided_by": ANNA.id, "seconded_by": FINN.id, "approved_fen": 12800}
    return seen(wish(S.REMEDY, **values | given), approvers=people)


def test_what_a_leaver_approved_and_is_not_carried_out_is_decided_again() -> None:
    """S61."""
    gone = staff(ANNA, until=after(1800))
    change = changed(rules.next_step(approved(gone, staff(FINN)), LATER))
    assert (change.row.state, change.row.decided_by, kinds(change)) == (S.REVIEW, "", ("ApprovalLapsed",))
    assert isinstance(rules.next_step(approved(staff(ANNA), staff(FINN)), LATER), Stay)
    assert rules.next_step(approved(staff(ANNA), staff(FINN, until=NOON)), LATER).row.state is S.REVIEW
    demoted = staff(replace(ANNA, role=Role.CASHIER))
    assert rules.next_step(approved(demoted, staff(FINN)), LATER).row.state is S.REVIEW


def test_what_was_sent_already_is_not_taken_back_by_a_leaver() -> None:
    one = approved(staff(ANNA, until=after(1)), staff(FINN))
    assert one.case is not None
    sent = refund(R.SENT, fingerprint=rules.refund_ask(one.case).fingerprint)
    assert isinstance(rules.next_step(replace(one, refund=sent), LATER), Stay)


def test_a_lapsed_approval_that_is_given_again_keeps_its_number() -> None:
    lapsed = changed(rules.next_step(approved(staff(ANNA, until=after(1))), LATER)).row
    again = changed(review.approve(act(BERT, 3), fen(100), seen(lapsed), LATER)).row
    assert (again.state, again.attempt, again.refund_id) == (S.REMEDY, 1, rules.refund_id(lapsed, 1))


# Offers.


def test_an_accepted_part_is_a_refund_and_a_voucher_settles_it_otherwise() -> None:
    """S75."""
    part = changed(review.accept(act(TILL), seen(wish(S.OFFERED)), LATER))
    assert (part.row.state, part.row.remedy_fen, part.row.approved_fen) == (S.REMEDY, 5000, 5000)
    assert kinds(part)[:2] == ("OfferAccepted", "RemedyChosen")
    other = changed(review.accept(act(TILL), seen(wish(S.OFFERED, offer_kind="exchange")), LATER))
    assert (other.row.state, other.row.conclusion) == (S.CLOSED, Conclusion.SETTLED_OTHERWISE)


def test_an_offer_is_over_when_its_time_is_up() -> None:
    """S75."""
    with pytest.raises(Denied, match=r"case\.offer_over"):
        review.accept(act(TILL), seen(wish(S.OFFERED)), after(7200))
    due = replace(wish(S.OFFERED), due_at=after(7200))
    change = changed(review.tick(clockwork.PLAIN, seen(due), after(7200)))
    assert (change.row.state, kinds(change), change.row.offer_kind) == (S.REVIEW, ("OfferExpired",), "")


@pytest.mark.parametrize("until", [LATER, LATER + review.OFFER_MAX + timedelta(seconds=1), NOON])
def test_an_offer_is_open_for_a_set_time(until: Any) -> None:
    with pytest.raises(Denied, match=r"case\.offer_until"):
        review.offer(act(), OfferKind.VOUCHER, fen(100), until, seen(wish()), LATER)


# Declining.


def test_it_is_declined_for_a_coded_reason_with_words_and_the_way_to_object() -> None:
    """S74."""
    change = changed(review.decline(act(), "goods_used", seen(wish()), LATER))
    assert (change.row.state, change.row.reason_code, change.row.decided_by) == (S.DECLINED, "goods_used", BERT.id)
    assert change.row.object_until == LATER + rules.TO_OBJECT
    assert kinds(change) == ("CaseDeclined", "CaseItemAdded")
    with pytest.raises(Denied, match=r"case\.reason_unknown"):
        review.decline(act(), "no_mood", seen(wish()), LATER)
    with pytest.raises(Denied, match=r"case\.words_missing"):
        review.decline(act(items=()), "goods_used", seen(wish()), LATER)


@pytest.mark.parametrize("what", [What.LATE_PAID, What.CONTRADICTED, What.OUTSIDE_REFUND])
def test_what_opened_by_itself_is_nobodys_to_withdraw(what: What) -> None:
    with pytest.raises(Denied, match=r"case\.not_asked"):
        review.withdraw(act(), seen(wish(what=what)), LATER)


def test_a_case_is_not_reopened_beside_another() -> None:
    with pytest.raises(Denied, match=r"case\.already_open"):
        review.reopen(act(), seen(wish(S.CLOSED), other="YC2"), LATER)


# What only adds.


def test_escalations_are_kept_side_by_side_with_how_far_they_are() -> None:
    """S6, S76."""
    row = changed(review.escalate(act(), Place.COUNSEL, Status.PREPARED, seen(wish()), LATER)).row
    row = changed(review.escalate(act(), Place.HOTLINE, Status.FILED, seen(row), LATER)).row
    row = changed(review.escalate(act(), Place.COUNSEL, Status.ANSWERED, seen(row), LATER)).row
    assert review.escalations_of(row) == {Place.HOTLINE: Status.FILED, Place.COUNSEL: Status.ANSWERED}


def test_a_legal_hold_is_set_and_lifted_with_a_reason() -> None:
    """S80."""
    by = act(FINN)
    row = changed(review.hold(by, on=True, seen=seen(wish()), at=LATER)).row
    assert row.legal_hold
    assert review.hold(by, on=True, seen=seen(row), at=LATER) == Stay(row)
    with pytest.raises(Denied, match=r"case\.words_missing"):
        review.hold(act(FINN, items=()), on=False, seen=seen(row), at=LATER)
    assert not changed(review.hold(by, on=False, seen=seen(row), at=LATER)).row.legal_hold


def test_fault_is_a_judgement_with_a_name_and_a_reason() -> None:
    """S82."""
    change = changed(review.judge(act(), Fault.CASHIER, seen(wish(S.CLOSED)), LATER))
    assert (change.row.fault, change.row.fault_by, change.who) == ("cashier", BERT.id, BERT.id)
    with pytest.raises(Denied, match=r"case\.words_missing"):
        review.judge(act(items=()), Fault.PAYER, seen(wish()), LATER)


def test_what_is_in_a_case_does_not_enter_again() -> None:
    assert review.add(words()[0], wish(), LATER, known=True) == Stay(wish())
    with pytest.raises(Denied, match=r"case\.unknown"):
        review.add(words()[0], None, LATER, known=False)


# The ruling.


def ruled(word: Ruled, **given: Any) -> Change[Case]:
    row = case(what=What.REQUEST, meant_fen=None, **given)
    said = Verdict(verdict=word, policy="YL1", line=3, zh="", en="")
    one = CaseSeen(row, payment(PaymentState.PAID))
    return changed(rules.choose(heard(Word.SETTLED), one, LATER, guide=GUIDE, ruling=lambda _, __, ___: said))


@pytest.mark.parametrize(
    ("word", "state"),
    [(Ruled.APPROVE, S.REMEDY), (Ruled.REVIEW, S.REVIEW), (Ruled.SECOND, S.REVIEW), (Ruled.DECLINE, S.DECLINED)],
)
def test_the_policy_decides_what_becomes_of_a_checked_report(word: Ruled, state: State) -> None:
    """S61."""
    row = ruled(word, asked_fen=3000).row
    assert (row.state, row.verdict, row.policy, row.policy_line) == (state, word.value, "YL1", "3")
    if state is S.REMEDY:
        assert (row.remedy_fen, row.approved_fen, row.decided_by) == (3000, 3000, "system")
    else:
        assert (row.refund_id, row.attempt, row.asked_fen) == ("", 0, 3000)


def test_no_policy_is_asked_before_the_channel_said_that_it_is_paid() -> None:
    """S54."""
    one = CaseSeen(case(what=What.REQUEST, meant_fen=None), payment(PaymentState.PAID))
    change = changed(rules.choose(heard(Word.UNKNOWN), one, LATER, guide=GUIDE, ruling=lambda _, __, ___: 1 / 0))  # type: ignore[arg-type, return-value]
    assert change.row.state is S.OPENED


def test_without_a_policy_a_wish_goes_to_a_person_and_a_mistake_is_put_right() -> None:
    """S53."""
    for what in (What.REQUEST, What.WRONG_PAYEE):
        one = CaseSeen(case(what=what, meant_fen=None), payment(PaymentState.PAID))
        assert rules.choose(heard(Word.SETTLED), one, LATER, guide=GUIDE).row.state is S.REVIEW
    assert (
        rules.choose(heard(Word.SETTLED), CaseSeen(case(), payment(PaymentState.PAID)), LATER, guide=GUIDE).row.state
        is S.REMEDY
    )


@pytest.mark.parametrize(
    ("asked", "what", "code"),
    [
        (fen(1), What.WRONG_CODE, "case.asked_unexpected"),
        (fen(0), What.REQUEST, "case.asked_invalid"),
        (fen(12801), What.REQUEST, "case.asked_invalid"),
        (fen(12800), What.REQUEST, ""),
        (None, What.REQUEST, ""),
    ],
)
def test_what_is_asked_for_fits_the_payment(asked: Any, what: What, code: str) -> None:
    """S53."""
    ask = rules.CaseAsk(merchant_id=MERCHANT, id=CASE, payment_id="YP", what=what, who="x", asked=asked)
    one = CaseSeen(None, payment(PaymentState.PAID))
    if not code:
        assert changed(rules.open_case(ask, one, NOON)).row.store_id == STORE
        return
    with pytest.raises(Denied) as no:
        rules.open_case(ask, one, NOON)
    assert no.value.code == code


def test_refund_trouble_of_before_comes_first_while_people_talk() -> None:
    row = wish(remedy=Remedy.REFUND_ALL, remedy_fen=5000, refund_id="YR1", attempt=1)
    for state in RefundState:
        own = refund(state, fingerprint=rules.refund_ask(row).fingerprint)
        decision = rules.next_step(seen(row, refund=own), LATER)
        late = state in (R.STRANDED, R.MANUAL, R.RETURNED)
        assert decision.row.state is (S.ATTENTION if late else S.REVIEW)
