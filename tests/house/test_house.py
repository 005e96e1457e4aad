"""What a machine can check of the house guide."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from yuanlu import bench, config, worker
from yuanlu.errors import Denied

ROOT = Path(__file__).resolve().parents[2]


def _tracked() -> list[Path]:
    """Every file of the project: what git knows, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def _modules() -> list[Path]:
    return [path for path in _tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "yuanlu")]


_MONEY = re.compile(r"fen|money|amount|price", re.IGNORECASE)


def _is_float_money(node: ast.AST, line: str) -> bool:
    """A name that smells of money declared as float, or a float made on a line about money."""
    match node:
        case ast.arg(arg=name, annotation=ast.Name(id="float")):
            return bool(_MONEY.search(name))
        case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="float")):
            return bool(_MONEY.search(name))
        case ast.Call(func=ast.Name(id="float")):
            return bool(_MONEY.search(line))
        case _:
            return False


def test_no_float_stands_near_money() -> None:
    guilty = []
    for path in _modules():
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse(path.read_text())):
            line = lines[node.lineno - 1] if hasattr(node, "lineno") else ""
            if _is_float_money(node, line):
                guilty.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert not guilty


def test_nothing_waits_in_a_way_that_loses_a_cancellation() -> None:
    """`asyncio.wait_for` of Python 3.11 does, when what it waits for ends in the same moment; `asyncio.timeout` not."""
    assert not [path.name for path in _modules() if "wait_for" + "(" in path.read_text()]


def test_every_setting_is_in_the_docs() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text()
    missing = [each.name for each in fields(config.Settings) if f"`{config.PREFIX}{each.name.upper()}`" not in page]
    assert not missing


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(Denied, match="YUANLU_PROT"):
        config.read({"YUANLU_PROT": "8000"})


def test_every_job_is_in_the_docs() -> None:
    page = (ROOT / "docs/reference/jobs.md").read_text()
    missing = [name for name in (*worker.VERBS, *worker.WITH_FILES, *worker.SWEEPS) if f"`{name}`" not in page]
    assert not missing


def test_nothing_names_a_download_host_or_a_path_of_one_machine() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "registry." + "npmjs", "--index" + "-url", "--find" + "-links")
    paths = ("/wo" + "rk/", "/root/." + "pyenv")
    guilty = []
    for path in _tracked():
        if path.suffix in {".png", ".ico", ".woff2"}:
            continue
        text = path.read_text(errors="replace")
        guilty += [f"{path.relative_to(ROOT)}: {word}" for word in (*hosts, *paths) if word in text]
    assert not guilty


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _modules()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def test_every_public_function_of_a_flow_says_what_it_does() -> None:
    silent = []
    for path in _modules():
        if path.name not in {"flow.py", "rules.py", "store.py"}:
            continue
        for node in ast.parse(path.read_text()).body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
            if named and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(ROOT)}: {node.name}")
    assert not silent


def test_no_module_is_dead() -> None:
    """Every module is imported by another one, is a command, or is loaded by name."""
    sources = {path: path.read_text() for path in _modules()}
    commands = {"yuanlu.cli", "yuanlu.supervisor", "yuanlu.schema.dump"}
    commands |= {f"yuanlu.bench.{name}" for name in set(bench.BENCHES.values())}
    dead = []
    for path in sources:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if path.name in {"__init__.py", "__main__.py"} or name in commands:
            continue
        package, _, leaf = name.rpartition(".")
        forms = (f"from {name} import", f"import {name}", f'"{name}"')
        member = re.compile(rf"from {re.escape(package)} import [^\n]*\b{leaf}\b|from {re.escape(package)} import \(")
        used = any(
            any(form in text for form in forms) or (member.search(text) and re.search(rf"\b{leaf}\b", text))
            for other, text in sources.items()
            if other != path
        )
        if not used:
            dead.append(name)
    assert not dead


def test_the_banned_words_of_naming_are_not_used() -> None:
    banned = re.compile(r"class \w*(Manager|Service|Helper|Util|Handler|Impl)\b|def process_data\b|_v2\(")
    guilty = [str(p.relative_to(ROOT)) for p in _modules() if "sim" not in p.parts and banned.search(p.read_text())]
    assert not guilty
