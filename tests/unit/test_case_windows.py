"""What shuts while a case is open, and that people are warned of it: once for each lead time, never too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import MERCHANT, NOON, RAILS, after, case, changed, kinds, payment
from yuanlu.cases import clockwork, review, windows
from yuanlu.cases.clockwork import CLOCK, CaseWarned, look_at
from yuanlu.cases.rules import Case, CaseSeen, Conclusion, Remedy, State, What
from yuanlu.change import Change, Look, Stay
from yuanlu.lawbook import shelf
from yuanlu.payments.rules import Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.policies import check, table
from yuanlu.policies.rules import Policy

BOOK = shelf.read().on(date(2026, 11, 23))
WORK = clockwork.of_book(BOOK)
DAY = timedelta(days=1)
PAID = payment(PaymentState.PAID)
REFUND_SHUTS = after(10) + 365 * DAY
SEVEN_DAYS = """amount_fen,age,reason,channel,tender,member,risk,verdict,zh,en
*,<=168h,*,*,*,*,*,review,七天内可退,Within seven days
*,*,*,*,*,*,*,decline,过了七天不退,After seven days nothing goes back
"""


def policy(text: str = SEVEN_DAYS) -> Policy:
    lines, findings = check.check(text)
    assert not findings
    return Policy(
        merchant_id=MERCHANT, id="YL1", store_id="", content=table.made(lines).content, digest="", valid_from=NOON,
        made_at=NOON, made_by="boss",
    )  # fmt: skip


def shown(row: Case, at: datetime = NOON, paid: Payment = PAID, **given: object) -> list[tuple[str, datetime]]:
    seen = replace(CaseSeen(row, paid), **given)  # type: ignore[arg-type]
    return [(each.name, each.shuts_at) for each in windows.of_case(RAILS, BOOK, seen, row, at)]


def wound(
    row: Case, at: datetime = NOON, *, before: Case | None = None, paid: Payment = PAID, **given: object
) -> Change[Case]:
    """The row as it is recorded at this moment."""
    seen = replace(CaseSeen(before, paid), **given)  # type: ignore[arg-type]
    return changed(windows.wound(RAILS, BOOK, seen, Change(row=row, at=at, who="x")))


def ticked(row: Case, at: datetime, **given: object) -> Change[Case] | Stay[Case]:
    seen = replace(CaseSeen(row, PAID), **given)  # type: ignore[arg-type]
    return windows.wound(RAILS, BOOK, seen, review.tick(WORK, seen, at))


def warned(change: Change[Case]) -> list[tuple[str, int]]:
    return [(fact.window, fact.lead) for fact in change.facts if isinstance(fact, CaseWarned)]


# --- what shuts ---


@pytest.mark.parametrize("state", State)
def test_every_open_case_of_a_paid_payment_has_its_refund_window_and_a_closed_one_has_none(state: State) -> None:
    """S67."""
    row = case(state, object_until=after(days=20), offer_until=after(days=3))
    assert (("refund", REFUND_SHUTS) in shown(row)) is (state is not State.CLOSED)


def test_what_was_scanned_and_is_not_certain_has_its_reverse_window() -> None:
    """S67."""
    assert shown(case(), paid=payment()) == [("reverse", NOON + 7 * DAY)]


def test_each_complaint_that_must_be_answered_is_a_window() -> None:
    """S67. S69."""
    found = shown(case(State.REVIEW), replies=(after(days=1), after(days=2)))
    assert found[:2] == [("reply", after(days=1)), ("reply", after(days=2))]


@pytest.mark.parametrize(
    ("state", "name", "given"),
    [
        (State.OFFERED, "offer", {"offer_until": after(days=3)}),
        (State.DECLINED, "objection", {"object_until": after(days=3)}),
        (State.NEEDS_INFO, "answer", {}),
    ],
)
def test_what_the_customer_was_given_time_for_is_a_window(state: State, name: str, given: dict[str, datetime]) -> None:
    """S67."""
    row = wound(case(state, **given)).row
    assert row.due_at is not None
    assert (name, row.due_at) in shown(row)


def test_the_age_limit_of_the_frozen_policy_is_a_window_until_somebody_has_decided() -> None:
    """S67. S68."""
    ends = ("policy", after(10) + timedelta(hours=169))
    for state in (State.OPENED, State.REVIEW, State.NEEDS_INFO, State.OFFERED):
        assert ends in shown(case(state, what=What.REQUEST, meant_fen=None), policy=policy())
    for state in (State.SECOND, State.REMEDY, State.DECLINED, State.CLOSED):
        assert "policy" not in dict(shown(case(state), policy=policy()))
    assert "policy" not in dict(shown(case(State.REVIEW), at=after(days=8), policy=policy()))
    assert "policy" not in dict(shown(case(State.REVIEW))), "the built-in one has no age from which it declines"


def test_a_policy_of_which_nothing_shall_go_back_has_no_window() -> None:
    whole = replace(PAID, back_fen=PAID.amount_fen)
    assert "policy" not in dict(shown(case(State.REVIEW), paid=whole, policy=policy()))


# --- the warning ---


def test_a_case_looks_at_the_next_warning_or_deadline_whichever_is_sooner_by_one_job() -> None:
    """S67."""
    row = wound(case(State.REVIEW), replies=(after(days=1),))
    assert row.looks == (Look(CLOCK, row.row.id, after(days=1) - timedelta(hours=4)),)
    late = wound(case(State.REVIEW))
    assert late.looks == (Look(CLOCK, late.row.id, late.row.due_at),)


def test_a_window_is_warned_of_once_for_each_lead_time_with_who_has_the_case() -> None:
    """S67."""
    replies = (after(days=1),)
    row = wound(case(State.REVIEW), replies=replies).row
    first = changed(ticked(row, after(hours=20), replies=replies))
    assert [fact for fact in first.facts if isinstance(fact, CaseWarned)] == [
        CaseWarned(window="reply", shuts_at=after(days=1).isoformat(), holder="manager", lead=4 * 3600)
    ]
    assert first.looks == (Look(CLOCK, row.id, after(hours=23)),)
    assert ticked(first.row, after(hours=20), replies=replies) == Stay(first.row), "run twice, told once"
    second = changed(ticked(first.row, after(hours=23), replies=replies))
    assert warned(second) == [("reply", 3600)]
    assert (second.row.state, second.row.holder, second.row.due_at) == (row.state, row.holder, row.due_at)
    assert clockwork.warned_ends(second.row) == {"reply": after(days=1)}


def test_a_clock_that_jumped_past_several_warnings_tells_the_latest_only() -> None:
    """S67."""
    row = wound(case(State.REVIEW), replies=(after(days=1),)).row
    assert warned(changed(ticked(row, after(hours=23, minutes=30), replies=(after(days=1),)))) == [("reply", 3600)]


def test_what_has_shut_is_not_warned_of_any_more() -> None:
    """S67."""
    row = wound(case(State.REVIEW), replies=(after(days=1),)).row
    change = changed(ticked(row, after(days=1), replies=(after(days=1),)))
    assert (warned(change), change.row.warn_at) == ([], REFUND_SHUTS - 14 * DAY)


def test_what_was_answered_meanwhile_is_not_warned_of() -> None:
    """S67."""
    row = wound(case(State.REVIEW), replies=(after(days=1),)).row
    assert warned(changed(ticked(row, after(hours=20)))) == []


def test_a_case_that_is_opened_near_the_end_of_a_window_warns_at_once_whatever_turned_it() -> None:
    """S67."""
    near = REFUND_SHUTS - 13 * DAY
    opened = wound(case(version=1), near)
    assert warned(opened) == [("refund", 14 * 86400)]
    turned = wound(replace(opened.row, version=2, state=State.REVIEW), near, before=opened.row)
    assert warned(turned) == []


def test_a_complaint_that_comes_later_is_warned_of_though_its_warning_was_due_before_the_last_look() -> None:
    """S67."""
    row = wound(case(State.REVIEW)).row
    looked = wound(replace(row, version=3), after(hours=5), before=row).row
    added = wound(replace(looked, version=4), after(hours=6), before=looked, replies=(after(hours=7),))
    assert warned(added) == [("reply", 3600)]


def test_an_end_that_moves_is_another_window() -> None:
    """S67."""
    opened = wound(case(State.REVIEW), after(hours=21), replies=(after(days=1),))
    assert warned(opened) == [("reply", 4 * 3600)]
    moved = wound(replace(opened.row, version=3), after(hours=21), before=opened.row, replies=(after(days=2),))
    assert (warned(moved), moved.row.warn_at) == ([], after(hours=44))
    assert warned(changed(ticked(moved.row, after(hours=44), replies=(after(days=2),)))) == [("reply", 4 * 3600)]


def test_what_the_customer_is_given_time_for_now_says_itself_until_when() -> None:
    """S67."""
    row = wound(case(State.OFFERED, offer_until=after(hours=5)))
    assert warned(row) == []
    assert ticked(row.row, after(hours=4)) == Stay(row.row)
    long = wound(case(State.OFFERED, offer_until=after(days=3))).row
    assert warned(changed(ticked(long, after(days=2)))) == [("offer", 86400)]


def test_a_closed_case_is_not_warned_about_and_one_reopened_is_not_warned_again() -> None:
    """S67."""
    near = REFUND_SHUTS - 13 * DAY
    row = wound(case(State.REVIEW), near).row
    closed = wound(replace(row, state=State.CLOSED, conclusion=Conclusion.NOTED), near, before=row)
    assert (kinds(closed), closed.row.warn_at, look_at(closed.row)) == ((), None, None)
    assert ticked(closed.row, REFUND_SHUTS - DAY) == Stay(closed.row)
    again = wound(replace(closed.row, state=State.REVIEW), near + DAY, before=closed.row)
    assert (warned(again), again.row.warn_at) == ([], REFUND_SHUTS - 2 * DAY)


def test_the_money_on_its_way_is_watched_too() -> None:
    """S67."""
    row = wound(case(State.REMEDY, remedy=Remedy.REFUND_ALL), REFUND_SHUTS - 3 * DAY).row
    assert clockwork.warned_ends(row) == {"refund": REFUND_SHUTS}


ENDS = st.lists(st.integers(1, 60 * 24 * 20), max_size=3)


@given(ENDS, st.lists(st.integers(0, 60 * 24 * 3), min_size=1, max_size=25), st.booleans())
def test_whatever_the_clock_does_each_lead_time_is_told_at_most_once_and_none_after_its_end(
    ends: list[int], pauses: list[int], punctual: bool
) -> None:
    """S67: and a clock that always comes in time tells each of them."""
    replies = tuple(after(minutes=end) for end in sorted(set(ends)))
    row, at, told = wound(case(State.REVIEW), replies=replies).row, NOON, list[tuple[str, int]]()
    told += [(mark, lead) for mark, lead in clockwork.warned_of(row).items()]
    for pause in [*pauses, *[60 * 24] * 40]:
        goal, upcoming = at + timedelta(minutes=pause), look_at(row)
        at = min(goal, max(upcoming, at)) if punctual and upcoming is not None else goal
        decision = ticked(row, at, replies=replies)
        if isinstance(decision, Change):
            row = decision.row
            for fact in decision.facts:
                if isinstance(fact, CaseWarned):
                    assert datetime.fromisoformat(fact.shuts_at) > at
                    told.append((f"{fact.window}@{fact.shuts_at}", fact.lead))
        upcoming = look_at(row)
        assert upcoming is not None
        assert upcoming > at, "it looks again later, not at once"
    assert len(told) == len(set(told))
    if punctual and at > after(days=20):
        begun = {(f"reply@{end.isoformat()}", lead) for end in replies for lead in (4 * 3600, 3600)}
        assert {mark for mark, _ in told} == {mark for mark, _ in begun}
