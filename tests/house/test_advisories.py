"""The advisory check finds what a (made-up) export of OSV records says, and never passes for having checked."""

from __future__ import annotations

import json
import runpy
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = runpy.run_path(str(ROOT / "scripts" / "advisories.py"))


def record(name: str = "Some.Library", **more: Any) -> dict[str, Any]:
    between = [{"introduced": "1.0"}, {"fixed": "1.4.2"}]
    return {
        "id": "OSV-0000-1",
        "modified": "2026-11-20T08:00:00Z",
        "summary": "it lets anybody in",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": more.pop("events", between)}],
                "versions": more.pop("versions", []),
            }
        ],
        **more,
    }


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "run.txt"
    path.write_text("some-library==1.4.1 \\\n    --hash=sha256:00\nother[extra]==2.0\n")
    return path


def export(tmp_path: Path, *told: object) -> str:
    path = tmp_path / "osv.json"
    path.write_text(json.dumps(list(told)))
    return str(path)


def test_a_known_hit_fails_and_is_named(tmp_path: Path, pins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CHECK["main"](["--osv", export(tmp_path, record()), str(pins)]) == 1
    told = capsys.readouterr().out
    assert "run.txt: some-library 1.4.1 is affected by OSV-0000-1  it lets anybody in" in told
    assert "newest of 2026-11-20T08:00:00Z: 1 known hits" in told


def test_without_an_export_it_says_that_nothing_was_checked(pins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert CHECK["main"]([str(pins)]) == CHECK["main"](["--osv", "", str(pins)]) == 0
    assert capsys.readouterr().out.count("not checked: no OSV export given") == 2


@pytest.mark.parametrize(
    "harmless",
    [
        record("another-library"),
        record(events=[{"introduced": "0"}, {"fixed": "1.4.1"}]),
        record(events=[{"introduced": "1.5"}]),
        record(events=[{"introduced": "0"}, {"last_affected": "1.4.0"}]),
        record(events=[{"introduced": "1.10"}, {"fixed": "1.11"}]),
        record(withdrawn="2026-11-21T00:00:00Z"),
    ],
)
def test_what_does_not_concern_us_passes(tmp_path: Path, pins: Path, harmless: dict[str, Any]) -> None:
    assert CHECK["main"](["--osv", export(tmp_path, harmless), str(pins)]) == 0


@pytest.mark.parametrize(
    "harmful",
    [
        record(events=[{"introduced": "0"}]),
        record(events=[{"introduced": "0"}, {"last_affected": "1.4.1"}]),
        record(events=[{"fixed": "1.2"}, {"introduced": "1.4.1rc1"}, {"introduced": "0"}]),
        record(events=[], versions=["1.4.1"]),
        record(events=[{"introduced": "0"}, {"fixed": "next spring"}]),
    ],
)
def test_what_concerns_us_fails_also_when_it_cannot_be_compared(
    tmp_path: Path, pins: Path, harmful: dict[str, Any]
) -> None:
    assert CHECK["main"](["--osv", export(tmp_path, harmful), str(pins)]) == 1


def test_an_export_is_read_as_a_zip_a_list_an_object_and_lines(tmp_path: Path, pins: Path) -> None:
    one, other = record(), record("other", id="OSV-0000-2", events=[{"introduced": "2"}])
    shapes = {"object": json.dumps({"vulns": [one, other]}), "lines": f"{json.dumps(one)}\n{json.dumps(other)}\n"}
    with zipfile.ZipFile(tmp_path / "zip", "w") as packed:
        packed.writestr("PyPI/OSV-0000-1.json", json.dumps(one))
        packed.writestr("PyPI/OSV-0000-2.json", json.dumps(other))
    for name, text in shapes.items():
        (tmp_path / name).write_text(text)
    for name in ("zip", *shapes):
        assert [each.id for each in CHECK["hits"]([pins], CHECK["records"](tmp_path / name))] == [
            "OSV-0000-1",
            "OSV-0000-2",
        ]


@pytest.mark.parametrize("text", ["", "no json", "[]", '{"vulns": []}', '[{"id": "GO-1", "affected": []}]', "[1]"])
def test_an_export_that_says_nothing_about_us_is_no_check(tmp_path: Path, pins: Path, text: str) -> None:
    path = tmp_path / "osv.json"
    path.write_text(text)
    assert CHECK["main"](["--osv", str(path), str(pins)]) == 2
    assert CHECK["main"](["--osv", str(tmp_path / "nowhere"), str(pins)]) == 2


def test_every_file_of_requirements_is_compared() -> None:
    pinned = {path.name: CHECK["pinned"](path) for path in (ROOT / "requirements").glob("*.txt")}
    assert {"run.txt", "test.txt", "build.txt"} <= set(pinned)
    assert all(pinned.values())
    assert "cryptography" in pinned["run.txt"]
