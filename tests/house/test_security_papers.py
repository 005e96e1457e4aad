"""What docs/security claims is proved by tests that exist, or says what is lacking and where it comes."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAPERS = ROOT / "docs" / "security"
STANDARD = ROOT.parent / "shared" / "data" / "asvs-5.0.0.json"
STATES = ("held", "partly", "not yet", "does not apply")
_LATER = re.compile(r"\bissue [4-8]\b")
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def rows(page: str, first: str) -> list[list[str]]:
    """The rows of all tables of a page whose first cell looks like that."""
    lines = (PAPERS / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if re.match(first, line)]


def functions_of(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def missing(text: str) -> list[str]:
    """The tests a text names that do not exist."""
    return [
        f"{file}::{name}"
        for file, name in _NAMED.findall(text)
        if not (ROOT / "tests" / file).is_file() or name not in functions_of(ROOT / "tests" / file)
    ]


def wrong(state: str, evidence: str) -> str:
    """What is wrong with a row; nothing, if it claims no more than it shows."""
    named = _NAMED.findall(evidence)
    words = _NAMED.sub("", evidence).strip(" ,;:.")
    if state not in STATES:
        return "say held, partly, not yet or does not apply"
    if gone := missing(evidence):
        return f"there is no {gone}"
    if state == "not yet":
        return "" if _LATER.search(evidence) and not named else "name the issue it comes in, and no test"
    if state == "does not apply":
        return "" if len(words) > 5 else "say why it does not apply"
    if state == "partly":
        return "" if len(words) > 20 else "say what of it holds and what does not"
    return "" if named or len(words) > 20 else "name a test, or say by what it holds"


ASVS = rows("asvs.md", r"\| V\d")
PCI = rows("pci-dss.md", r"\| \d")
LAW = rows("law.md", r"\| [^|]*[\u4e00-\u9fff〔]")


@pytest.mark.parametrize("row", ASVS, ids=lambda row: str(row[0]))
def test_each_row_of_asvs_claims_what_it_shows(row: list[str]) -> None:
    number, level, what, state, evidence = row
    assert re.fullmatch(r"V\d+\.\d+\.\d+", number)
    assert level in ("1", "2")
    assert what
    assert wrong(state, evidence) == ""


@pytest.mark.parametrize("row", PCI + LAW, ids=lambda row: str(row[0]))
def test_each_row_of_pci_dss_and_the_law_claims_what_it_shows(row: list[str]) -> None:
    """S31."""
    _, what, state, evidence = row
    assert what
    assert wrong(state, evidence) == ""


def test_asvs_has_a_row_for_each_requirement_once_in_order_and_counts_them() -> None:
    """Held by shape alone: 253 rows; where the standard's list lies beside the project, by that."""
    numbers = [row[0] for row in ASVS]
    assert len(numbers) == len(set(numbers)) == 253
    assert numbers == sorted(numbers, key=lambda each: [int(part) for part in each[1:].split(".")])
    counted = ", ".join(f"{sum(row[3] == state for row in ASVS)} {state}" for state in STATES)
    assert f"The state by rows: {counted}." in (PAPERS / "asvs.md").read_text()


def test_asvs_has_the_ids_and_levels_of_the_standard_and_none_of_its_sentences() -> None:
    if not STANDARD.is_file():
        pytest.skip("the standard's list does not lie beside the project")
    listed = [each for each in json.loads(STANDARD.read_text())["requirements"] if each["L"] in ("1", "2")]
    assert [row[:2] for row in ASVS] == [[each["req_id"], each["L"]] for each in listed]
    for row, each in zip(ASVS, listed, strict=True):
        theirs, ours = each["req_description"].lower().split(), row[2].lower().split()
        runs = {tuple(theirs[at : at + 7]) for at in range(len(theirs) - 6)}
        assert not any(tuple(ours[at : at + 7]) in runs for at in range(len(ours) - 6)), row[0]


@pytest.mark.parametrize("page", sorted(path.name for path in PAPERS.glob("*.md")))
def test_no_paper_names_a_test_or_a_page_that_is_not_there(page: str) -> None:
    text = (PAPERS / page).read_text()
    assert missing(text) == []
    links = [each.partition("#")[0] for each in re.findall(r"\]\(([^)]+)\)", text)]
    assert [each for each in links if each and "://" not in each and not (PAPERS / each).exists()] == []


@pytest.mark.parametrize(
    ("state", "evidence", "why"),
    [
        ("held", "`house/test_house.py::test_no_module_was_ever_here`", "there is no"),
        ("held", "`house/test_nowhere.py::test_x`", "there is no"),
        ("held", "", "name a test"),
        ("partly", "`house/test_house.py::test_no_module_is_dead`", "what does not"),
        ("not yet", "soon", "name the issue"),
        ("not yet", "issue 4, `house/test_house.py::test_no_module_is_dead`", "no test"),
        ("does not apply", "", "say why"),
        ("done", "issue 4", "say held"),
    ],
)
def test_a_row_that_claims_too_much_is_caught(state: str, evidence: str, why: str) -> None:
    assert why in wrong(state, evidence)
