"""Two charges of one mistake: which payments are looked at, and the case that opens by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.making import NOON, after, changed, kinds, payment
from yuanlu import ids
from yuanlu.cases import causes, doubles, rules
from yuanlu.cases.rules import CaseSeen, State, What
from yuanlu.change import Stay
from yuanlu.errors import Denied
from yuanlu.payments.rules import Payment
from yuanlu.payments.rules import State as P
from yuanlu.policies.rules import Ruling
from yuanlu.policies.table import default as default_policy


def charge(name: str, state: P = P.PAID, **given: Any) -> Payment:
    made = replace(payment(state), id=ids.derived(ids.Kind.PAYMENT, NOON, name), payer="p1", asked_at=after(20))
    return replace(made, **given)


def pair() -> causes.Twin:
    first, second = charge("a", opened_at=NOON), charge("b", opened_at=after(8), code_mark="other")
    found = causes.paired(doubles.sibling(first), doubles.sibling(second))
    assert found is not None
    return found


def test_only_a_payment_that_was_unclear_and_whose_payer_is_known_is_looked_at() -> None:
    assert doubles.wants_look(charge("a", looks=1))
    assert not doubles.wants_look(charge("a", looks=0))
    assert not doubles.wants_look(charge("a", looks=1, payer=""))


def test_what_was_paid_late_goes_back_by_its_own_case_and_has_no_twin() -> None:
    late = charge("a", P.LATE_PAID, opened_at=NOON)
    assert causes.paired(doubles.sibling(late), doubles.sibling(charge("b", opened_at=after(8)))) is None


def test_what_nobody_reported_waits_for_a_person_unless_the_merchants_own_policy_says_otherwise() -> None:
    """S41, S61."""
    opened = changed(doubles.open_pair(pair(), doubles.own_ask("YM1", pair()), CaseSeen(None, charge("b")), after(30)))
    seen = CaseSeen(opened.row, charge("b"))
    own = replace(default_policy(), policy="YL1")
    for table, by, word in (
        (default_policy(), "system", Ruling.REVIEW),
        (own, "system", Ruling.APPROVE),
        (default_policy(), "anna", Ruling.APPROVE),
    ):
        case = CaseSeen(replace(opened.row, opened_by=by), seen.payment)
        assert rules.by_policy(table, case, 1500, after(60)).verdict is word


def test_a_pair_opens_a_case_about_its_second_charge_with_what_was_found() -> None:
    """S41, S82."""
    found = pair()
    ask = doubles.own_ask("YM1", found)
    assert (ask.payment_id, ask.what, ask.who) == (found.second.id, What.CHARGED_TWICE, "system")
    assert ask == doubles.own_ask("YM1", found)
    change = changed(doubles.open_pair(found, ask, CaseSeen(None, charge("b")), after(30)))
    assert (change.row.state, change.row.remedy_fen) == (State.OPENED, 0)
    assert change.row.twin_id == found.first.id
    assert kinds(change) == ("CaseOpened", "CauseFound")
    assert found.first.id in str(change.facts[1])
    assert isinstance(doubles.open_pair(found, ask, CaseSeen(change.row, None), after(40)), Stay)
    with pytest.raises(Denied, match="already_open"):
        doubles.open_pair(found, ask, CaseSeen(None, charge("b"), other="YC1"), after(30))
