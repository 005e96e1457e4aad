"""Each decision about a case names the rules it rests on, by pack and version: so it can be judged by the rules of its
day (S72).

It is a fact beside the decision's own, in the same Change; a day for which there is no law pack cites nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from yuanlu.cases.rules import Case
from yuanlu.change import Change, Stay
from yuanlu.facts import Fact
from yuanlu.lawbook import law
from yuanlu.lawbook.shapes import Law, Stage
from yuanlu.lawbook.shelf import Book

STAGES: Mapping[str, Stage] = {
    "CaseDeclined": Stage.DECLINED,
    "CaseEscalated": Stage.ESCALATED,
    "CaseOverdue": Stage.OVERDUE,
    "CaseApproved": Stage.REVIEW,
    "CaseConfirmed": Stage.REVIEW,
    "RemedyChosen": Stage.REVIEW,
    "CaseClosed": Stage.CLOSED,
}
"""At which stage of the law each decision stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesCited(Fact):
    """On which rules a decision rests. `cites`: such as `law-cn/2026-01#art-39`, parted by blanks.

    `law_zh`, `law_en`: the laws these stand in, by name, each once; empty in facts of before they were kept.
    """

    stage: str
    cites: str
    law_zh: str = ""
    law_en: str = ""


def cited(book: Book, decision: Change[Case] | Stay[Case]) -> Change[Case] | Stay[Case]:
    """The decision with the rules it rests on, where it is one that rests on any."""
    if isinstance(decision, Stay) or not book.all(Law):
        return decision
    stages = dict.fromkeys(STAGES[fact.kind] for fact in decision.facts if fact.kind in STAGES)
    return replace(decision, facts=(*decision.facts, *(_cited(book, stage) for stage in stages)))


def _cited(book: Book, stage: Stage) -> RulesCited:
    rules = law.rights(book, stage)
    return RulesCited(
        stage=stage.value,
        cites=" ".join(law.cite(book, rule.id) for rule in rules),
        law_zh="；".join(dict.fromkeys(rule.law_zh for rule in rules)),
        law_en="; ".join(dict.fromkeys(rule.law_en for rule in rules)),
    )
