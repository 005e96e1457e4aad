"""What yuanlu is made of has licences we may use, and the page says so of the versions that are pinned."""

from __future__ import annotations

import runpy
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DRAW = runpy.run_path(str(ROOT / "scripts" / "licences.py"))
PAGE = ROOT / "docs" / "reference" / "licences.md"


def said(**headers: str | list[str]) -> Message:
    message = Message()
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


def test_everything_that_is_pinned_has_a_licence_of_the_allow_list() -> None:
    rows = DRAW["licences"]()
    assert len(rows) > 20
    assert [row for row in rows if not DRAW["is_allowed"](row[2])] == []


def test_the_page_of_licences_is_that_of_what_is_pinned_now() -> None:
    assert PAGE.read_text() == DRAW["page"](), "run `make docs`"


@pytest.mark.parametrize(
    "expression",
    ["unknown", "GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only", "Proprietary", "SSPL-1.0 OR BUSL-1.1", ""],
)
def test_a_licence_outside_the_list_is_not_taken(expression: str) -> None:
    assert not DRAW["is_allowed"](expression)


def test_of_several_licences_one_may_be_chosen_and_all_of_a_sum_must_be_allowed() -> None:
    assert DRAW["is_allowed"]("GPL-2.0-or-later OR MPL-1.1")
    assert DRAW["is_allowed"]("Apache-2.0 AND MIT")
    assert not DRAW["is_allowed"]("(GPL-2.0-only) OR (MIT AND Commons-Clause)")


@pytest.mark.parametrize(
    ("headers", "licence"),
    [
        ({"License_Expression": "MIT", "License": "GPL"}, "MIT"),
        ({"License": "Apache 2.0"}, "Apache-2.0"),
        ({"Classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        ({"Classifier": ["License :: OSI Approved :: MIT License", "License :: Other/Proprietary License"]}, "unknown"),
        ({"License": "All rights reserved"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_a_distribution_is_taken_at_its_word_and_a_vague_one_is_unknown(
    headers: dict[str, str | list[str]], licence: str
) -> None:
    assert DRAW["licence_of"]("some-library", said(**headers)) == licence


def test_no_licence_is_said_by_hand_of_what_is_not_used() -> None:
    assert set(DRAW["READ"]) <= set(DRAW["pinned"](DRAW["RUN"].read_text()))
