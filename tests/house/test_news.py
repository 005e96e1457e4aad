"""Every kind of fact is told, or it is said why not; and what is told has words and an object that can be told."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from yuanlu import words
from yuanlu.channels.contract import Channel
from yuanlu.ids import Kind
from yuanlu.notify.rules import PREFIXES, SECRET, SILENT, TYPES

ROOT = Path(__file__).resolve().parents[2] / "yuanlu"
FACTS = {
    node.name
    for path in ROOT.rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id == "Fact" for base in node.bases)
}


def unsaid(facts: set[str]) -> set[str]:
    """Kinds that are neither told nor named as silent, that are both, or that are not there any more."""
    return facts ^ set(TYPES) ^ set(SILENT) | set(TYPES) & set(SILENT)


def test_every_kind_of_fact_is_told_or_it_is_said_why_not() -> None:
    assert len(FACTS) > 100
    assert not unsaid(FACTS)
    assert all(why.strip() for why in SILENT.values())


def test_a_new_kind_of_fact_that_nobody_thought_of_is_found() -> None:
    assert unsaid(FACTS | {"TillBurnt"}) == {"TillBurnt"}
    assert unsaid(FACTS - {"FloatShort"}) == {"FloatShort"}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_what_is_told_has_words(kind: str) -> None:
    assert f"fact.{kind}" in words.catalogue()


def test_every_object_that_is_told_of_has_one_prefix_and_every_prefix_an_object() -> None:
    assert {name.partition(".")[0] + "." for name in TYPES.values()} == {*PREFIXES.values(), SECRET}
    assert set(PREFIXES) <= set(Kind) | set(Channel)
    assert not {channel[:2] for channel in Channel} & set(Kind)  # a float is never mistaken for what has an id
