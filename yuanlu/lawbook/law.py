"""Which rights and duties matter at a stage, and how a decision names the rule it rests on (S72, S81)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from yuanlu.errors import Denied
from yuanlu.lawbook.shapes import Law, Rule, Rung, Stage
from yuanlu.lawbook.shelf import Book

JURISDICTION = "CN"


def _in_force(rule: Rule, day: date) -> bool:
    return rule.valid_from <= day and (rule.valid_until is None or day <= rule.valid_until)


def _law(book: Book, jurisdiction: str) -> Law:
    for law in book.all(Law):
        if law.jurisdiction == jurisdiction:
            return law
    raise Denied("pack.none_valid", kind="law", on=book.on.isoformat())


def _rules(book: Book, jurisdiction: str) -> Iterator[Rule]:
    return (rule for rule in _law(book, jurisdiction).rules if _in_force(rule, book.on))


def rights(book: Book, stage: Stage, jurisdiction: str = JURISDICTION) -> tuple[Rule, ...]:
    """The rules that matter at a stage, in the order of the pack.

    Raises Denied: pack.none_valid.
    """
    return tuple(rule for rule in _rules(book, jurisdiction) if stage in rule.stages)


def rule(book: Book, rule_id: str, jurisdiction: str = JURISDICTION) -> Rule:
    """One rule, as it counts on the book's day.

    Raises Denied: law.rule_unknown, pack.none_valid.
    """
    for each in _rules(book, jurisdiction):
        if each.id == rule_id:
            return each
    raise Denied("law.rule_unknown", rule=rule_id, on=book.on.isoformat())


def cite(book: Book, rule_id: str, jurisdiction: str = JURISDICTION) -> str:
    """How a decision names a rule: pack, version and rule, such as `law-cn/2026-01#art-39`.

    Raises Denied: law.rule_unknown, pack.none_valid.
    """
    law = _law(book, jurisdiction)
    return f"{law.name}/{law.version}#{rule(book, rule_id, jurisdiction).id}"


def ladder(book: Book, jurisdiction: str = JURISDICTION) -> tuple[Rung, ...]:
    """By which rungs a dispute goes up, in order.

    Raises Denied: pack.none_valid.
    """
    return _law(book, jurisdiction).ladder


def keep_years(book: Book, jurisdiction: str = JURISDICTION) -> int:
    """How many years records of payments and refunds are kept at least.

    Raises Denied: pack.none_valid.
    """
    return max((each.keep_years or 0 for each in _rules(book, jurisdiction)), default=0)
