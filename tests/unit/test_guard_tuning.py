"""How a store has its guards, and what is written down of what they asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.guards.questions import GuardAnswered, GuardAsked, Question, QuestionAsk, QuestionSeen, Reply, written
from yuanlu.guards.rules import BOUNDS, Guard, Tuning, defaults
from yuanlu.guards.tuning import GuardsTuned, StoreTuning, TuningSeen, content_of, said_by, tune, tuning_of
from yuanlu.ids import Kind

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
STORE, TILL, SALE = ids.new(Kind.STORE, NOON), ids.new(Kind.TILL, NOON), ids.new(Kind.PAYMENT, NOON)
LINES = st.fixed_dictionaries({name: st.none() | st.integers(low, high) for name, (low, high) in BOUNDS.items()})
OFF = st.none() | st.frozensets(st.sampled_from(list(Guard)))


@given(OFF, LINES)
def test_what_a_store_says_counts_and_the_rest_is_as_for_everybody(
    off: frozenset[Guard] | None, lines: dict[str, int | None]
) -> None:
    content = content_of(off, lines)
    counts = tuning_of(content)
    assert counts.off == (defaults().off if off is None else off)
    for name, value in lines.items():
        assert getattr(counts, name) == (getattr(defaults(), name) if value is None else value)
    assert said_by(content) == {name for name, value in {"off": off, **lines}.items() if value is not None}


def test_a_store_that_says_nothing_has_the_defaults_also_when_they_change() -> None:
    better = Tuning(twice_within=45, off=frozenset({Guard.BIG}))
    assert tuning_of("") == tuning_of("{}") == defaults()
    assert tuning_of('{"usual_times":20}', better) == replace(better, usual_times=20)
    assert tuning_of('{"off":[]}', better).off == frozenset()


def test_what_only_a_newer_release_knows_is_passed_over() -> None:
    assert tuning_of('{"off":["amount.newer","amount.big"],"newer":1}') == Tuning(off=frozenset({Guard.BIG}))


def tuned(content: str, seen: TuningSeen) -> Change[StoreTuning] | Stay[StoreTuning]:
    return tune("M", STORE, content, "anna", seen, NOON)


def test_a_tuning_is_on_record_with_what_was_before() -> None:
    """S88."""
    made = tuned('{"usual_times":20}', TuningSeen(is_store=True))
    assert isinstance(made, Change)
    assert made.facts == (GuardsTuned(said='{"usual_times":20}', was="{}"),)
    assert (made.row.id, made.row.version, made.row.set_by) == (STORE, 1, "anna")
    assert tuned('{"usual_times":20}', TuningSeen(is_store=True, row=made.row)) == Stay(made.row)
    back = tuned("{}", TuningSeen(is_store=True, row=made.row))
    assert isinstance(back, Change)
    assert back.facts == (GuardsTuned(said="{}", was='{"usual_times":20}'),)
    assert back.row.version == 2
    with pytest.raises(Denied, match=r"guards\.store_unknown"):
        tuned("{}", TuningSeen(is_store=False))


ASK = QuestionAsk(
    merchant_id="M",
    id=ids.new(Kind.QUESTION, NOON),
    who="cashier",
    till_id=TILL,
    guard=Guard.TIMES_10,
    amount_fen=12_800,
    expected_fen=1280,
)
CONFIRMED = replace(ASK, reply=Reply.CONFIRMED, sale_id=SALE)


def said(ask: QuestionAsk, row: Question | None = None) -> Change[Question]:
    done = written(ask, QuestionSeen(STORE, row), NOON)
    assert isinstance(done, Change)
    return done


def test_a_question_is_written_down_and_then_its_answer() -> None:
    """S88."""
    made = said(replace(ASK, sale_id=SALE))
    assert (made.row.reply, made.row.sale_id, made.row.replied_at) == (Reply.OPEN, "", None)
    assert [type(fact) for fact in made.facts] == [GuardAsked]
    answered = said(CONFIRMED, made.row)
    assert (answered.row.reply, answered.row.sale_id, answered.row.version) == (Reply.CONFIRMED, SALE, 2)
    assert answered.facts == (GuardAnswered(guard="amount.times_10", reply="confirmed", sale_id=SALE),)
    at_once = said(CONFIRMED)
    assert [type(fact) for fact in at_once.facts] == [GuardAsked, GuardAnswered]


@pytest.mark.parametrize("again", [ASK, CONFIRMED])
def test_said_again_or_late_a_question_takes_no_answer_back(again: QuestionAsk) -> None:
    row = said(CONFIRMED).row
    assert written(again, QuestionSeen(STORE, row), NOON + timedelta(hours=1)) == Stay(row)


@pytest.mark.parametrize(
    "other",
    [
        {"reply": Reply.CHANGED},
        {"sale_id": ids.new(Kind.PAYMENT, NOON)},
        {"guard": Guard.TWICE},
        {"amount_fen": 1},
        {"expected_fen": None},
        {"till_id": ids.new(Kind.TILL, NOON)},
    ],
)
def test_a_question_is_answered_once_and_stays_the_same(other: dict[str, object]) -> None:
    with pytest.raises(Denied, match=r"guards\.question_taken"):
        written(replace(CONFIRMED, **other), QuestionSeen(STORE, said(CONFIRMED).row), NOON)  # type: ignore[arg-type]


def test_a_question_is_of_a_till_that_is_there() -> None:
    with pytest.raises(Denied, match=r"payment\.till_unknown"):
        written(ASK, QuestionSeen(None), NOON)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_ids_made_since_a_moment_lie_behind_its_bound(one: int, other: int) -> None:
    made = ids.new(Kind.QUESTION, NOON + timedelta(milliseconds=one))
    assert (made >= ids.since(Kind.QUESTION, NOON + timedelta(milliseconds=other))) is (one >= other)
