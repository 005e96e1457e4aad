"""`make advisories OSV=file`: are versions that we pin known to be vulnerable?

The file is a dated export of OSV records (https://ossf.github.io/osv-schema/): a zip of JSON files, one JSON list, an
object with `vulns`, or one record a line. Nothing is fetched: a build must not hang on somebody's server, and must say
what it was compared with. Ends with 0 (nothing known, or nothing given to compare with), 1 (a known hit) or 2 (the
export cannot be read, or says nothing about Python packages: that would be a check that checks nothing).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
NOT_CHECKED = "advisories: not checked: no OSV export given (make advisories OSV=file)"

Record = Mapping[str, Any]


class Hit(NamedTuple):
    """A pinned version that a record names."""

    where: str
    name: str
    version: str
    id: str
    says: str


def canonical(name: str) -> str:
    """A package's name as all spellings of it are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(path: Path) -> dict[str, str]:
    """Names (canonical) and versions that a file of requirements pins."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", path.read_text(), re.MULTILINE)
    return {canonical(name): version for name, version in found}


def records(path: Path) -> list[Record]:
    """The records of an export about Python packages. Raises ValueError when it is none."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as opened:
            told = [json.loads(opened.read(name)) for name in opened.namelist() if name.endswith(".json")]
    else:
        text = path.read_text()
        try:
            whole = json.loads(text)
        except json.JSONDecodeError:
            whole = [json.loads(line) for line in text.splitlines() if line.strip()]
        told = whole.get("vulns", [whole]) if isinstance(whole, dict) else whole
    found = [each for each in told if isinstance(each, dict) and "id" in each and list(_ours(each))]
    if not found:
        raise ValueError("no record about a Python package")
    return found


def _ours(record: Record) -> Iterator[Mapping[str, Any]]:
    """What a record says is affected, of Python packages."""
    for each in record.get("affected", []):
        if each.get("package", {}).get("ecosystem", "").partition(":")[0] == "PyPI":
            yield each


def is_affected(version: str, affected: Mapping[str, Any]) -> bool:
    """Whether a version is listed, or lies in a range. One that cannot be compared counts: a person looks."""
    if version in affected.get("versions", []):
        return True
    return any(_lies_in(version, each.get("events", [])) for each in affected.get("ranges", []) if _by_version(each))


def _by_version(one: Mapping[str, Any]) -> bool:
    return one.get("type") in ("ECOSYSTEM", "SEMVER")


def _lies_in(version: str, events: Iterable[Mapping[str, str]]) -> bool:
    """OSV's own rule: sorted by version, the last event at or before this version says whether it is affected."""
    try:
        ours = Version(version)
        turns = [(Version(_number(at)), kind) for event in events for kind, at in event.items()]
    except InvalidVersion:
        return True
    state = False
    for at, kind in sorted(turns, key=lambda each: (each[0], each[1] == "introduced")):
        if kind == "introduced" and at <= ours:
            state = True
        elif (kind == "fixed" and at <= ours) or (kind == "last_affected" and at < ours):
            state = False
    return state


def _number(at: str) -> str:
    return "0.dev0" if at == "0" else at  # `0` stands for the beginning of all versions


def hits(files: Iterable[Path], known: Iterable[Record]) -> list[Hit]:
    """Every pinned version that a record names and nobody has withdrawn."""
    by_name: dict[str, list[tuple[Record, Mapping[str, Any]]]] = {}
    for record in known:
        for affected in _ours(record) if not record.get("withdrawn") else ():
            by_name.setdefault(canonical(affected["package"]["name"]), []).append((record, affected))
    return [
        Hit(path.name, name, version, record["id"], record.get("summary", ""))
        for path in files
        for name, version in pinned(path).items()
        for record, affected in by_name.get(name, [])
        if is_affected(version, affected)
    ]


def main(argv: list[str] | None = None) -> int:
    """Compare and print. Answers the exit code."""
    parser = argparse.ArgumentParser(description="Compare pinned versions with an export of OSV records.")
    parser.add_argument("--osv", default="", help="the export; without it nothing is checked")
    parser.add_argument("files", nargs="*", type=Path, default=sorted((ROOT / "requirements").glob("*.txt")))
    asked = parser.parse_args(argv)
    if not asked.osv:
        print(NOT_CHECKED)
        return 0
    try:
        known = records(Path(asked.osv))
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        print(f"advisories: {asked.osv} cannot be read as an OSV export: {error}", file=sys.stderr)
        return 2
    newest = max((each.get("modified", "") for each in known), default="")
    found = hits(asked.files, known)
    for hit in found:
        print(f"advisories: {hit.where}: {hit.name} {hit.version} is affected by {hit.id}  {hit.says}".rstrip())
    print(f"advisories: {len(known)} records, newest of {newest or 'no date'}: {len(found) or 'no'} known hits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
