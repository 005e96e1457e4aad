"""Repayments: every state with every verb, the shut road, two people, names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.making import MERCHANT, NOON, PAYMENT, RAILS, REFUND, after, changed, fen, moved, payment, refund
from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import REMOTE, Evidence
from yuanlu.errors import Denied
from yuanlu.payments import rules as payments
from yuanlu.refunds.rules import State as RefundState
from yuanlu.repayments import rules
from yuanlu.repayments.rules import Because, Match, Refusal, Repayment, RepaymentAsk, RepaymentSeen, State

REPAYMENT = ids.derived(ids.Kind.REPAYMENT, NOON, "test")
LATE = after(days=366)
PAID = payment(payments.State.PAID)
PROOF = Evidence(id=ids.derived(ids.Kind.EVIDENCE, NOON, "p"), kind="person", at=LATE, body="ICBC 1", digest="a" * 64)


def ask(**given: Any) -> RepaymentAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": REPAYMENT,
        "payment_id": PAYMENT,
        "amount": fen(11520),
        "because": Because.WINDOW_OVER,
        "match": Match.EXACT,
        "account": "s1.x",
        "account_tail": "0000",
        "account_mark": "m",
        "who": "anna",
        "role": "manager",
    }
    return RepaymentAsk(**values | given)


def row(state: State, **given: Any) -> Repayment:
    proposed = changed(rules.propose(RAILS, ask(), RepaymentSeen(None, PAID), LATE)).row
    approved = {} if state is State.PROPOSED else {"approved_by": "bert", "approved_at": LATE}
    paid = {"proof": PROOF.id, "paid_by": "bert"} if state is State.PAID else {}
    return replace(proposed, state=state, **{**approved, **paid, **given})


def seen(repayment: Repayment | None, *refunds: Any) -> RepaymentSeen:
    return RepaymentSeen(repayment, PAID, refunds)


Verb = Callable[[RepaymentSeen, datetime], object]
VERBS: dict[str, Verb] = {
    "approve": lambda at, now: rules.approve(RAILS, "bert", "finance", at, now),
    "account": lambda at, now: rules.read_account("bert", "finance", at, now),
    "pay": lambda at, now: rules.pay("bert", "finance", PROOF, at, now),
    "refuse": lambda at, now: rules.refuse("bert", "finance", Refusal.OTHER, at, now),
    "time": lambda at, now: rules.next_step(at, now + timedelta(days=8)),
    "forget": rules.forgotten,
}
BACK, OUT = [("held", "owed", 11520)], [("held", "repaid:offline", 11520)]
ENDS: dict[tuple[State, str], Any] = {
    (State.PROPOSED, "approve"): (State.APPROVED, [], 0),
    (State.PROPOSED, "account"): "repayment.not_approved",
    (State.PROPOSED, "pay"): "repayment.not_approved",
    (State.PROPOSED, "refuse"): (State.REFUSED, BACK, -11520),
    (State.PROPOSED, "time"): (State.EXPIRED, BACK, -11520),
    (State.PROPOSED, "forget"): (State.PROPOSED, [], 0),
    (State.APPROVED, "approve"): None,
    (State.APPROVED, "account"): (State.APPROVED, [], 0),
    (State.APPROVED, "pay"): (State.PAID, OUT, 0),
    (State.APPROVED, "refuse"): (State.REFUSED, BACK, -11520),
    (State.APPROVED, "time"): (State.APPROVED, [], 0),
    (State.APPROVED, "forget"): (State.APPROVED, [], 0),
    (State.PAID, "approve"): "repayment.not_waiting",
    (State.PAID, "account"): "repayment.not_approved",
    (State.PAID, "pay"): None,
    (State.PAID, "refuse"): "repayment.ended",
    (State.PAID, "time"): None,
    (State.PAID, "forget"): (State.PAID, [], 0),
    (State.REFUSED, "approve"): "repayment.not_waiting",
    (State.REFUSED, "account"): "repayment.not_approved",
    (State.REFUSED, "pay"): "repayment.not_approved",
    (State.REFUSED, "refuse"): None,
    (State.REFUSED, "time"): None,
    (State.REFUSED, "forget"): (State.REFUSED, [], 0),
    (State.EXPIRED, "approve"): "repayment.not_waiting",
    (State.EXPIRED, "account"): "repayment.not_approved",
    (State.EXPIRED, "pay"): "repayment.not_approved",
    (State.EXPIRED, "refuse"): "repayment.ended",
    (State.EXPIRED, "time"): None,
    (State.EXPIRED, "forget"): (State.EXPIRED, [], 0),
}


def test_every_state_is_tried_with_every_verb() -> None:
    assert set(ENDS) == {(state, verb) for state in State for verb in VERBS}


@pytest.mark.parametrize(("state", "verb"), list(ENDS), ids=str)
def test_a_state_with_a_verb_ends_as_the_table_says(state: State, verb: str) -> None:
    """S65."""
    wanted, now = ENDS[state, verb], row(state)
    if isinstance(wanted, str):
        with pytest.raises(Denied) as no:
            VERBS[verb](seen(now), LATE)
        assert no.value.code == wanted
    elif wanted is None:
        assert VERBS[verb](seen(now), LATE) == Stay(now)
    else:
        change: Change[Repayment] = changed(VERBS[verb](seen(now), LATE))
        drawn = change.draw.amount.amount if change.draw else 0
        assert (change.row.state, moved(change), drawn) == wanted
        assert change.row.version == now.version + 1


def test_proposing_holds_the_money_and_draws_on_the_payment() -> None:
    """S65."""
    change = changed(rules.propose(RAILS, ask(), seen(None), LATE))
    assert change.draw is not None
    assert (change.row.state, moved(change), change.draw.amount) == (
        State.PROPOSED,
        [("owed", "held", 11520)],
        fen(11520),
    )


def test_asking_again_is_the_same_and_another_account_under_its_id_is_refused() -> None:
    now = row(State.PROPOSED)
    assert rules.propose(RAILS, ask(account="s1.again"), seen(now), LATE) == Stay(now)
    with pytest.raises(Denied, match=r"repayment\.id_taken"):
        rules.propose(RAILS, ask(account_mark="other"), seen(now), LATE)


def test_while_the_channel_still_takes_refunds_the_road_is_open() -> None:
    """S64."""
    with pytest.raises(Denied, match=r"repayment\.road_open"):
        rules.propose(RAILS, ask(), seen(None), after(days=365))
    assert changed(rules.propose(RAILS, ask(), seen(None), after(10, days=365, microseconds=1)))


@pytest.mark.parametrize("state", list(RefundState))
def test_a_refund_that_may_still_pay_out_bars_it_and_one_that_cannot_shuts_the_road(state: RefundState) -> None:
    """S64."""
    wish = ask(because=Because.REFUND_REFUSED, refund_id=REFUND)
    at = seen(None, refund(state))
    if state in (RefundState.REFUSED, RefundState.RETURNED):
        assert changed(rules.propose(RAILS, wish, at, after(600))).row.refund_id == REFUND
        return
    may_pay = state in rules.refunds.OPEN
    with pytest.raises(Denied, match=r"repayment\.refund_open" if may_pay else r"repayment\.road_open"):
        rules.propose(RAILS, wish, at, after(600))


def test_a_refused_refund_the_channel_contradicts_bars_it() -> None:
    with pytest.raises(Denied, match=r"repayment\.refund_open"):
        rules.propose(
            RAILS,
            ask(because=Because.REFUND_REFUSED, refund_id=REFUND),
            seen(None, refund(RefundState.REFUSED, incident="settled heard when REFUSED")),
            LATE,
        )


def test_the_road_is_looked_at_once_more_by_the_second_person() -> None:
    with pytest.raises(Denied, match=r"repayment\.refund_open"):
        rules.approve(RAILS, "bert", "finance", seen(row(State.PROPOSED), refund(RefundState.SENT)), LATE)


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"amount": fen(12801)}, "repayment.over_limit"),
        ({"amount": fen(0)}, "repayment.amount"),
        ({"role": "cashier"}, "staff.not_allowed"),
        ({"role": "auditor"}, "staff.not_allowed"),
        ({"account": ""}, "repayment.account"),
    ],
)
def test_a_wish_that_does_not_fit_is_refused(given_: dict[str, Any], code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.propose(RAILS, ask(**given_), seen(None), LATE)
    assert no.value.code == code


def test_no_more_than_was_refused_goes_by_the_other_road() -> None:
    wish = ask(because=Because.REFUND_REFUSED, refund_id=REFUND, amount=fen(12000))
    with pytest.raises(Denied, match=r"repayment\.over_limit"):
        rules.propose(RAILS, wish, seen(None, refund(RefundState.REFUSED)), LATE)


def test_a_payment_without_its_money_has_nothing_to_repay() -> None:
    with pytest.raises(Denied, match=r"repayment\.not_paid"):
        rules.propose(RAILS, ask(), RepaymentSeen(None, payment(payments.State.REVERSED)), LATE)
    with pytest.raises(Denied, match=r"repayment\.payment_unknown"):
        rules.propose(RAILS, ask(), RepaymentSeen(None, None), LATE)


def test_whoever_proposed_cannot_approve() -> None:
    """S65."""
    with pytest.raises(Denied, match=r"repayment\.same_person"):
        rules.approve(RAILS, "anna", "finance", seen(row(State.PROPOSED)), LATE)
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        rules.approve(RAILS, "bert", "manager", seen(row(State.PROPOSED)), LATE)


def test_another_proof_for_what_is_paid_is_refused() -> None:
    with pytest.raises(Denied, match=r"repayment\.not_approved"):
        rules.pay("bert", "finance", replace(PROOF, id="YEother"), seen(row(State.PAID)), LATE)
    with pytest.raises(Denied, match=r"repayment\.proof"):
        rules.pay("bert", "finance", replace(PROOF, digest=""), seen(row(State.APPROVED)), LATE)


def test_an_approved_one_is_told_overdue_once_and_never_ends_by_a_timer() -> None:
    now = row(State.APPROVED)
    told = changed(rules.next_step(seen(now), LATE + timedelta(days=400))).row
    assert (told.state, told.is_overdue) == (State.APPROVED, True)
    assert rules.next_step(seen(told), LATE + timedelta(days=400)) == Stay(told)


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        ("张三", "张三", True),
        ("张 三", "张三", True),
        ("阿依古丽·买买提", "阿依古丽买买提", True),
        ("ＬＩ　ＬＥＩ", "Li Lei", True),
        ("张三", "张三丰", False),
        ("张三", "李四", False),
        ("", "", False),
        ("·", "-", False),
    ],
)
def test_names_are_the_same_whatever_their_width_case_and_dots(one: str, other: str, match: bool) -> None:
    """S65."""
    assert rules.same_name(one, other) is match


def test_names_that_differ_need_a_statement() -> None:
    """S65."""
    with pytest.raises(Denied, match=r"repayment\.name_differs"):
        rules.match_of("张三", "李四", " ")
    assert rules.match_of("张三", "李四", "夫妻共用账户") is Match.STATEMENT


def test_every_channel_knows_its_window() -> None:
    assert set(RAILS) == set(REMOTE)
