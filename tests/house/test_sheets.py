"""Style sheets are whole: a brace that is lost leaves all that follows to another rule, and no page says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "yuanlu"
SHEETS = sorted(ROOT.rglob("*.css"))


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_brace_is_closed_and_no_layer_begins_within_a_rule(path: Path) -> None:
    text, depth = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL), 0
    for part in re.findall(r"[{}]|@layer[^{;]*", text):
        if part.startswith("@layer"):
            assert depth == 0, part
        depth += {"{": 1, "}": -1}.get(part, 0)
        assert depth >= 0
    assert depth == 0
