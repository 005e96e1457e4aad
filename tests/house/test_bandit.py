"""bandit reads our code in `make lint`; here it is seen to bite with our configuration."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKED = ["--quiet", "--configfile", str(ROOT / "pyproject.toml"), "--recursive", "--severity-level", "medium"]


def bandit(*paths: str, at: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bandit", *ASKED, *paths], cwd=at, capture_output=True, text=True, check=False
    )


def test_nothing_of_medium_weight_or_more_is_found_in_our_code() -> None:
    found = bandit("yuanlu", "scripts")
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    "weak",
    [
        "import pickle\npickle.loads(b'')\n",
        "import hashlib\nhashlib.md5(b'')\n",
        "import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n",
        "import yaml\nyaml.load(open('x'))\n",
        "eval(input())\n",
    ],
)
def test_a_planted_weakness_is_found(tmp_path: Path, weak: str) -> None:
    (tmp_path / "weak.py").write_text(weak)
    assert bandit("weak.py", at=tmp_path).returncode == 1


def test_make_lint_asks_just_this_and_each_exception_says_why() -> None:
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert "bandit --quiet --configfile pyproject.toml --recursive --severity-level medium yuanlu scripts" in lint
    settings = (ROOT / "pyproject.toml").read_text()
    told = tomllib.loads(settings)["tool"]["bandit"]
    for each in (*told["skips"], *told["exclude_dirs"]):
        assert re.search(rf'^    "{each}",  # .{{20,}}$', settings, re.MULTILINE), each
    for path in (ROOT / "yuanlu").rglob("*.py"):
        for line in re.findall(r".*# nosec.*", path.read_text()):
            assert re.search(r"# nosec B\d{3} - \w+", line), f"{path.name}: {line}"
