"""Each decision names the rules it rests on, by pack and version."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date

import pytest

from tests.making import NOON, case
from yuanlu.cases import chain, clockwork, review, rules  # noqa: F401 their facts are looked up by name
from yuanlu.cases.citing import STAGES, RulesCited, cited
from yuanlu.cases.rules import CaseClosed, CaseOpened, RemedyChosen
from yuanlu.change import Change, Stay
from yuanlu.facts import Fact
from yuanlu.lawbook import law, shelf
from yuanlu.told import told

SHELF = shelf.read()
BOOK = SHELF.on(date(2026, 11, 23))


def decided(*facts: Fact) -> tuple[Fact, ...]:
    change = cited(BOOK, Change(row=case(), at=NOON, who="anna", facts=facts))
    assert isinstance(change, Change)
    return change.facts


def test_every_fact_that_cites_is_one_there_is() -> None:
    assert set(STAGES) <= {kind.__name__ for kind in Fact.__subclasses__()}


def test_a_remedy_rests_on_the_original_route_in_the_version_of_its_day() -> None:
    """S72."""
    chosen = RemedyChosen(remedy="refund_all", amount_fen=100, refund_id="YR")
    assert decided(chosen)[0] == chosen
    (fact,) = decided(chosen)[1:]
    assert isinstance(fact, RulesCited)
    assert fact.stage == "review"
    assert "law-cn/2026-01#original-route" in fact.cites.split(" ")


def test_a_timeline_names_the_laws_and_reads_facts_of_before_they_were_named() -> None:
    """S72."""
    fact = decided(RemedyChosen(remedy="refund_all", amount_fen=100, refund_id="YR"))[1]
    assert isinstance(fact, RulesCited)
    zh, en = told("RulesCited", asdict(fact))
    assert zh == f"依据：{fact.law_zh}"
    assert "PBoC announcements" in en
    assert "#" not in zh + en
    old = {"stage": "review", "cites": "law-cn/2026-01#art-24"}
    assert told("RulesCited", old) == ("依据：law-cn/2026-01#art-24", "Rests on: law-cn/2026-01#art-24")


def test_what_decides_nothing_cites_nothing() -> None:
    """S72."""
    opened = CaseOpened(payment_id="YP", what="other", meant_fen=None)
    assert decided(opened) == (opened,)
    assert cited(BOOK, Stay(case())) == Stay(case())


def test_two_stages_in_one_decision_are_cited_once_each() -> None:
    chosen = RemedyChosen(remedy="none", amount_fen=0, refund_id="")
    facts = decided(chosen, chosen, CaseClosed(conclusion="noted", amount_fen=0))
    assert [fact.stage for fact in facts if isinstance(fact, RulesCited)] == ["review", "closed"]


@pytest.mark.parametrize("kind", STAGES)
def test_every_stage_a_decision_stands_at_has_rules(kind: str) -> None:
    """S72. S81."""
    assert law.rights(BOOK, STAGES[kind])


def test_a_day_before_the_first_law_pack_stops_nobody() -> None:
    change = Change(row=case(), at=NOON, who="anna", facts=(CaseClosed(conclusion="noted", amount_fen=0),))
    assert cited(SHELF.on(date(2019, 1, 1)), change) == change
