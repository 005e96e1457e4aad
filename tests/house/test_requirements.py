"""docs/reference/requirements.md: every requirement has a row, and what is called done is proved by a test."""

from __future__ import annotations

import re
import runpy
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "requirements.md").read_text()
DRAW = runpy.run_path(str(ROOT / "scripts" / "draw.py"))
PROOFS: Mapping[str, Mapping[str, int]] = DRAW["proofs"]()
ROWS = [[cell.strip("| ") for cell in line.split(" | ")] for line in PAGE.splitlines() if re.match(r"\| S\d", line)]
ALL = [f"S{number}" for number in range(1, 99)]


def wrong(row: list[str], proofs: Mapping[str, Mapping[str, int]]) -> str:
    """What is wrong with a row; nothing, if it says what the tests say."""
    number, what, state, missing, drawn = row
    proved, files = proofs.get(number, {}), re.findall(r"`([\w/]+\.py)`", drawn)
    if not what or state not in ("done", "partly", "later"):
        return "say what it is, and whether it is done, partly or later"
    if state != "later" and not proved:
        return "no test names it at the head of its docstring"
    if state == "done" and missing:
        return "a row with something missing is not done"
    if state != "done" and not re.search(r"\bissue [3-8]\b", missing):
        return "say in which issue it comes"
    if bool(files) == (state == "later") or not set(files) <= set(proved):
        return "draw the page again: make docs"
    return ""


def test_every_requirement_has_one_row_in_order() -> None:
    assert [row[0] for row in ROWS] == ALL


def test_no_test_names_a_requirement_that_there_is_not() -> None:
    assert set(PROOFS) <= set(ALL)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_what_is_done_is_proved_and_what_is_not_says_where_it_comes(row: list[str]) -> None:
    assert wrong(row, PROOFS) == ""


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (["S1", "x", "done", "", ""], "no test"),
        (["S1", "x", "partly", "issue 3", ""], "no test"),
        (["S2", "x", "done", "a lot", "`unit/test_a.py` (1)"], "missing"),
        (["S2", "x", "done", "", "`unit/test_b.py` (1)"], "draw"),
        (["S2", "x", "done", "", ""], "draw"),
        (["S2", "x", "later", "some day", ""], "which issue"),
        (["S2", "x", "almost", "", ""], "whether"),
    ],
)
def test_a_row_that_claims_too_much_is_caught(row: list[str], why: str) -> None:
    assert why in wrong(row, {"S2": {"unit/test_a.py": 1}})


def test_a_requirement_is_named_at_the_head_of_a_docstring_only() -> None:
    named = DRAW["named"]
    assert named("S59.") == named("S59: a file") == ["S59"]
    assert named("S7, S71. S32: and more") == ["S32", "S7", "S71"]
    assert named("S3-compatible storage") == named("It goes to S3.") == []
