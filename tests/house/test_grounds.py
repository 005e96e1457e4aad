"""Every way a case can go is in the table of what it rests on, and the facts have a place for what they must name."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest

import yuanlu.app  # noqa: F401 - every fact there is
from tests.laws.grounds import GROUNDS, OF_EVENT, OF_ROAD, Told, on_air
from yuanlu.cases import review
from yuanlu.cases.review import Event
from yuanlu.cases.rules import State
from yuanlu.facts import Fact
from yuanlu.machine import Turn
from yuanlu.notify.rules import TYPES

NOON, DAY = datetime(2026, 11, 23, 4, tzinfo=UTC), timedelta(days=1)
KINDS = {kind.__name__: kind for kind in Fact.__subclasses__()}
BESIDE = {"person", "somebody", "system", "words", "answer", "time"}
"""Grounds that stand beside the fact, not in it."""


def test_every_verb_of_people_that_turns_a_case_is_carried_by_a_fact_to_that_state() -> None:
    assert set(OF_EVENT) == set(Event)
    for (state, event), goal in review.TABLE.cells.items():
        if not isinstance(goal, Turn):
            kind = OF_EVENT[event]
            assert kind is not None, (state, event)
            assert GROUNDS[kind].state is goal, (state, event)


def test_everything_that_happens_by_itself_is_carried_by_a_fact_to_that_state() -> None:
    assert set(OF_ROAD) == {name for _, name in review.ROADS}
    for (state, name), goal in review.ROADS.items():
        assert GROUNDS[OF_ROAD[name]].state is goal, (state, name)


def test_every_state_has_a_fact_that_leads_to_it_and_every_such_fact_is_told() -> None:
    assert {ground.state for ground in GROUNDS.values()} == set(State)
    assert set(GROUNDS) <= set(TYPES)


@pytest.mark.parametrize("kind", sorted(GROUNDS))
def test_a_fact_has_a_place_for_what_it_must_name(kind: str) -> None:
    named = {each.name for each in fields(KINDS[kind])}
    for each in GROUNDS[kind].rests_on:
        assert each - BESIDE <= named


@pytest.mark.parametrize("kind", sorted(GROUNDS))
def test_a_fact_that_names_nothing_stands_on_air(kind: str) -> None:
    body = {each.name: "" for each in fields(KINDS[kind])}
    goal = GROUNDS[kind].state.value
    for who in ("", "system"):
        told = Told(what="request", before="x", after=goal, who=who, at=NOON, facts=[(kind, body)], due_at=NOON + DAY)
        assert on_air(told)
