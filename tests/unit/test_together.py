"""Which cases one person may approve by one act: plain ones, of little money, for one reason, within their day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import NOON, STORE, after, case, payment
from tests.unit.test_case_review import ANNA, BERT, S, staff, wish
from yuanlu import ids
from yuanlu.cases import review
from yuanlu.cases.review import Act
from yuanlu.cases.rules import Case, CaseSeen, State, What
from yuanlu.cases.together import MOST, REASONS, Chosen, weigh
from yuanlu.ids import Kind
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Limit, Person, Purse, Role
from yuanlu.people.stepup import REFUND_FREE_FEN

LATER = after(3600)


def one(amount_fen: int = 12800, *, row: Case | None = None, causes: tuple[str, ...] = (), **told: Any) -> Chosen:
    """A wish for so much, that nothing speaks against."""
    made = row or wish(id=ids.new(Kind.CASE), asked_fen=amount_fen, **told)
    paid = payment(PaymentState.PAID, amount_fen=amount_fen)
    return Chosen(made.id, CaseSeen(made, paid, approvers=(staff(ANNA), staff(BERT))), causes)


def with_purse(these: list[Chosen], purse: Purse) -> list[Chosen]:
    return [replace(each, seen=replace(each.seen, purse=purse)) for each in these]


def test_plain_wishes_for_one_reason_go_together_and_their_sum_is_told() -> None:
    """S61."""
    found = weigh(BERT, [one(1280), one(20_000)], LATER)
    assert (found.no, found.sum_fen, len(found.those)) == (None, 21_280, 2)


ALONE: dict[str, Callable[[], Chosen]] = {
    "case.together_large": lambda: one(REFUND_FREE_FEN + 1),
    "case.together_second": lambda: one(verdict="second"),
    "case.together_doubtful": lambda: one(causes=("amount_digits",)),
    "case.own": lambda: one(opened_by=BERT.id),
    "case.barred": lambda: one(barred=BERT.id),
    "case.claimed": lambda: one(claimed_by=ANNA.id, claimed_until=after(7200)),
    "case.not_now": lambda: one(row=wish(S.NEEDS_INFO)),
    "case.unknown": lambda: Chosen("YC1", CaseSeen(None, None)),
}


@pytest.mark.parametrize("code", ALONE)
def test_what_is_looked_at_by_itself_does_not_go_along_and_says_why(code: str) -> None:
    """S61."""
    found = weigh(BERT, [one(), ALONE[code]()], LATER)
    assert [each.no.code if each.no else "" for each in found.items] == ["", code]
    assert (found.no, found.sum_fen) == (None, 12800)


@pytest.mark.parametrize(
    "told", [{"what": What.OTHER}, {"barred": ANNA.id}, {"escalations": "12315=filed"}, {"legal_hold": True}]
)
def test_what_is_in_doubt_is_looked_at_by_itself(told: dict[str, Any]) -> None:
    (found,) = weigh(BERT, [one(**told)], LATER).items
    assert found.no is not None
    assert found.no.code == "case.together_doubtful"


def test_another_reason_too_many_none_or_more_than_a_day_stops_them_all() -> None:
    day = Purse({Role.MANAGER: Limit(50_000, 25_000)})
    for code, these in (
        ("case.together_reason", [one(), one(row=case(State.REVIEW, meant_fen=1280, store_id=STORE), amount_fen=2000)]),
        ("case.together_many", [one(100) for _ in range(MOST + 1)]),
        ("case.together_none", [one(verdict="second")]),
        ("case.together_none", []),
        ("staff.over_day", with_purse([one(), one()], day)),
    ):
        found = weigh(BERT, these, LATER)
        assert found.no is not None, code
        assert found.no.code == code


@pytest.mark.parametrize("role", Role)
def test_nobody_approves_together_who_may_not_approve(role: Role) -> None:
    """S61."""
    (found,) = weigh(Person("YWX", role), [one()], LATER).items
    assert (found.no is None) == (role in (Role.OWNER, Role.FINANCE, Role.MANAGER))


def test_a_case_of_another_store_is_unknown_and_shows_nothing() -> None:
    (found,) = weigh(Person("YWX", Role.MANAGER, "YSELSEWHERE"), [one()], LATER).items
    assert found.no is not None
    assert (found.no.code, found.case, found.amount_fen) == ("case.unknown", None, 0)


WISHES = st.builds(
    one,
    st.integers(1, 40_000),
    what=st.sampled_from(What),
    verdict=st.sampled_from(["", "review", "approve", "second"]),
    claimed_by=st.sampled_from(["", ANNA.id, BERT.id]),
    claimed_until=st.just(after(7200)),
    opened_by=st.sampled_from(["cashier", BERT.id]),
)


@given(st.lists(WISHES, max_size=MOST + 2), st.integers(0, 100_000))
def test_what_goes_together_would_each_be_carried_out_at_once(these: list[Chosen], day_fen: int) -> None:
    """S61: no act for many lets anything through that the act for one does not."""
    purse = Purse({Role.MANAGER: Limit(50_000, day_fen)})
    found = weigh(BERT, with_purse(these, purse), LATER)
    if found.no is not None:
        return
    assert 0 < len(found.those) <= MOST
    assert found.sum_fen <= day_fen
    assert len({each.case.what for each in found.those if each.case}) == 1
    for each in found.those:
        chosen = next(one for one in with_purse(these, purse) if one.id == each.id)
        assert each.case is not None
        assert each.case.what in REASONS
        done = review.approve(Act(by=BERT, version=each.case.version), None, chosen.seen, LATER)
        assert (done.row.state, done.row.approved_fen) == (State.REMEDY, each.amount_fen)


def test_a_case_is_weighed_as_it_stands_at_the_moment() -> None:
    mine = one(claimed_by=ANNA.id, claimed_until=after(60))
    assert [each.no is None for each in weigh(BERT, [mine], NOON).items] == [False]
    assert [each.no is None for each in weigh(BERT, [mine], LATER).items] == [True]
