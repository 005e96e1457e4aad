"""The chain of a case: one changed byte, one missing item, one changed time is found and named."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.making import NOON, after, case
from yuanlu.cases import chain
from yuanlu.cases.chain import Audience, CaseItemAdded, How, Item, Link, Side, broken
from yuanlu.cases.rules import entered
from yuanlu.change import Change

ITEMS = [Item(kind="file", id=f"YF{n}", digest=f"{n}" * 64, who="x") for n in range(4)]


def chained() -> tuple[list[Link], str, int]:
    row, links = case(), []
    for place, item in enumerate(ITEMS):
        change = entered(Change(row=row, at=after(place), who="x"), item)
        row = change.row
        fact = change.facts[0]
        assert isinstance(fact, CaseItemAdded)
        links.append(Link(fact, change.at))
    return links, row.chain, row.chain_length


def test_a_link_is_what_the_docs_say() -> None:
    said = "\x1f".join(("", "file", "YF1", "a" * 64, "2026-11-23T04:00:00+00:00"))
    assert chain.linked("", "file", "YF1", "a" * 64, NOON) == hashlib.sha256(said.encode()).hexdigest()


def test_a_whole_chain_holds() -> None:
    """S71."""
    assert broken(*chained()) is None
    assert broken([], "", 0) is None


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize(
    "change", [{"item": "YF9"}, {"digest": "f" * 64}, {"item_kind": "message"}, {"chain": "0" * 64}]
)
def test_whatever_was_changed_is_found_at_its_place(place: int, change: dict[str, str]) -> None:
    """S71."""
    links, head, length = chained()
    links[place] = replace(links[place], fact=replace(links[place].fact, **change))
    found = broken(links, head, length)
    assert found is not None
    assert found.place == place + 1


def test_a_changed_time_a_missing_an_added_and_a_swapped_item_are_found() -> None:
    links, head, length = chained()
    moved = [replace(links[0], at=links[0].at + timedelta(microseconds=1)), *links[1:]]
    for forged in (moved, links[1:], links[:-1], [*links, links[-1]], [links[1], links[0], *links[2:]]):
        assert broken(forged, head, length) is not None
    assert broken(links, "0" * 64, length) is not None


def test_two_items_of_one_change_are_two_links() -> None:
    change = entered(Change(row=case(), at=NOON, who="x"), *ITEMS[:2])
    links = [Link(fact, NOON) for fact in change.facts if isinstance(fact, CaseItemAdded)]
    assert broken(links, change.row.chain, 2) is None


def test_a_short_text_cannot_be_guessed_from_its_digest() -> None:
    """S57."""
    said = [chain.said("是", Side.CUSTOMER, How.PHONE) for _ in range(2)]
    items = [chain.message("YE1", body, "s1.x", "x", Audience.CUSTOMER, NOON) for body in said]
    assert items[0].digest != items[1].digest
    kept = items[0].evidence
    assert kept is not None
    assert (kept.kind, kept.body, kept.digest) == ("message", "s1.x", items[0].digest)
