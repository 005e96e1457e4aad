"""`make docs`: draws again what is drawn from the code. A test holds the drawings to it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import click
import msgspec

import yuanlu.app  # noqa: F401 - every fact there is
from yuanlu import told, words
from yuanlu.cases import review
from yuanlu.cli import main as cli
from yuanlu.facts import Fact
from yuanlu.machine import Table, Turn, picture
from yuanlu.mailing import rules as mailing
from yuanlu.notify import templates
from yuanlu.notify.rules import SILENT, TYPES
from yuanlu.payments import rules as payments
from yuanlu.people.rules import LIMITS, MAY, OF_MERCHANT, Role
from yuanlu.receipts import rules as receipts
from yuanlu.refunds import rules as refunds
from yuanlu.shifts import rules as shifts
from yuanlu.web.parts import problems

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ROOT / "docs" / "reference" / "machines.md"
NOTICES = ROOT / "docs" / "reference" / "notices.md"
PEOPLE = ROOT / "docs" / "reference" / "people.md"
CLI = ROOT / "docs" / "reference" / "cli.md"
ERRORS = ROOT / "docs" / "reference" / "errors.md"
REQUIREMENTS = ROOT / "docs" / "reference" / "requirements.md"

S = TypeVar("S", bound=StrEnum)
W = TypeVar("W", bound=StrEnum)

HEAD = """# State machines

Drawn from the tables in the code by `make docs`; do not edit. A word in capitals is heard from the channel, a word in
«marks» is our own doing. What is not drawn stays as it is. In the tables `·` is stay, and `!` is a contradiction:
nothing moves, the object is marked with an incident and waits for a person. [words.md](words.md) says what the words
mean.
"""


def grid(table: Table[S, W]) -> str:
    """The table itself, as Markdown: a row a state, a column a word."""
    rows = [["", *[word.name for word in table.words]], ["---"] * (len(table.words) + 1)]
    for state in table.states:
        turns = [table.turn(state, word) for word in table.words]
        rows.append([state.name, *[turn.value if isinstance(turn, Turn) else turn.name for turn in turns]])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def machine(title: str, says: str, table: Table[S, W], commands: Mapping[tuple[S, str], S]) -> str:
    """One machine: a heading, its picture, its table."""
    return f"\n## {title}\n\n{says}\n\n```mermaid\n{picture(table, commands)}```\n\n{grid(table)}"


def machines() -> str:
    """The page of all state machines."""
    return HEAD + "".join(
        [
            machine(
                "Payments",
                "What is shown is closed where what was scanned is reversed.",
                payments.TABLE,
                payments.COMMANDS,
            ),
            machine(
                "Refunds",
                "ABSENT counts only when heard twice, apart. DONE becomes PROVEN only by another source than the one "
                "that made it DONE.",
                refunds.TABLE,
                refunds.COMMANDS,
            ),
            machine(
                "Shifts",
                "Words in capitals are what people do. Here `!` is refused, and nothing is changed. "
                "[shifts.md](shifts.md) says more.",
                shifts.TABLE,
                {},
            ),
            machine(
                "Cases",
                "Words in capitals are what people do; APPROVE_FIRST and ACCEPT_FIRST wait for a second person, SETTLE "
                "accepts a voucher or an exchange. Here `!` is refused, and nothing is changed. "
                "[cases.md](cases.md) says more.",
                review.TABLE,
                review.ROADS,
            ),
            machine(
                "Prints",
                "What we hear is the printer's own word, or a till's. BROKEN may have come out: the next is marked a "
                "reprint. [receipts.md](receipts.md) says more.",
                receipts.TABLE,
                receipts.COMMANDS,
            ),
            machine(
                "Receipts that are sent",
                "TAKEN is the mail server's or SMS provider's own word. LATER is tried again for a day, then it is "
                "NEVER. [receipts.md](receipts.md) says more.",
                mailing.TABLE,
                {},
            ),
        ]
    )


def denied() -> dict[str, set[str]]:
    """Every code the tree denies with, and the facts that go with it anywhere."""
    found: dict[str, set[str]] = {code: set() for code in problems.STATUSES}
    for path in (ROOT / "yuanlu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Denied":
                code = node.args[0]
                if isinstance(code, ast.Constant):
                    found.setdefault(code.value, set()).update(each.arg for each in node.keywords if each.arg)
    return found


def errors() -> str:
    """The page of all codes: its head as it stands, then a table a family."""
    facts = denied()
    page = [ERRORS.read_text().partition("\n## ")[0].rstrip("\n") + "\n"]
    for family, codes in groupby(sorted(facts), key=lambda code: code.partition(".")[0]):
        page.append(f"\n## {family}\n\n| code | status | English | 中文 | facts |\n| --- | --- | --- | --- | --- |\n")
        for code in codes:
            zh, en = (words.catalogue()[f"problem.{code}"][lang].replace("\n", " ") for lang in ("zh", "en"))
            named = ", ".join(f"`{name}`" for name in sorted(facts[code]))
            page.append(f"| `{code}` | {problems.Problem(code).status} | {en} | {zh} | {named} |\n")
    return "".join(page)


_NAMED = re.compile(r"(?:S[1-9][0-9]?(?:[.,:]| and|$)\s*)+")
"""How a docstring names what its test proves: at its head, so that a bucket at S3 proves nothing."""


def named(docstring: str) -> list[str]:
    """The requirements that a docstring names."""
    head = _NAMED.match(docstring)
    return sorted(set(re.findall("S[0-9]+", head[0]))) if head else []


def proofs() -> dict[str, dict[str, int]]:
    """Which requirements tests name in their docstrings: id to file to how many tests."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for each in named(ast.get_docstring(node) or ""):
                    files = found.setdefault(each, {})
                    name = path.relative_to(ROOT / "tests").as_posix()
                    files[name] = files.get(name, 0) + 1
    return found


def requirements() -> str:
    """The page of requirements: as it stands, with its last column drawn again."""
    proved, lines = proofs(), []
    for line in REQUIREMENTS.read_text().splitlines():
        cells = line.split(" | ")
        if re.match(r"\| S[0-9]+ \|", line):
            files = proved.get(cells[0].strip("| "), {}) if cells[2] != "later" else {}
            cells[-1] = ", ".join(f"`{name}` ({count})" for name, count in files.items()) + " |"
        lines.append(" | ".join(cells))
    return "\n".join(lines) + "\n"


_SAMPLES: Mapping[str, object] = {
    "channel_id": "2000000001", "channel_number": "4200000001", "case_id": "YC01KATE3S40000000000000000J3",
    "complaint_id": "YN01KATE3S400000000000000003", "payment_id": "YP01KATE3S40000000000000000S8",
    "payment": "YP01KATE3S40000000000000000S8", "refund_id": "YR01KATE3S40000000000000000XZ", "account_tail": "1234",
    "until": "2026-12-01T16:00:00+00:00", "object_until": "2026-12-01T16:00:00+00:00", "tail": "klmn",
    "said_at": "2026-11-23T04:00:00+00:00", "digest": "9f86d081…", "shown": "shop.example", "on": "2026-12-01",
    "known_fen": 3520, "short_fen": 8000, "open_fen": 3520, "cause": "extra_digit", "found": "covered",
    "code_kind": "wechat", "CodeHung.place": "door", "ComplaintChanged.was": "NEW",
    "ComplaintChanged.state": "ANSWERED", "ComplaintChanged.channel_state": "PROCESSING",
    "HandoverMoved.state": "DONE", "HandoverAsked.by": "payment",
    "HookDisabled.stopped": "dead", "remedy": "refund_all", "next_holder": "manager",
    "shuts_at": "2026-12-01T16:00:00+00:00",
    "proposed_by": "YW01KATE3S400000000000000010", "recorded_by": "YW01KATE3S400000000000000010", "entry": "1",
    **{f"ComplaintAnswer{turn}.what": "reply" for turn in ("Written", "Sent", "Waits", "Done", "Refused", "Stopped")},
}  # fmt: skip
"""What stands in a letter's facts, by the field of one kind or of any; what has words of its own has its first code."""


def sample(kind: type[Fact]) -> dict[str, object]:
    """The facts of a letter, made up: every field by its name and type."""
    return {each.name: _made_up(f"{kind.__name__}.{each.name}", str(each.type)) for each in fields(kind)}


def _made_up(path: str, says: str) -> object:
    name = path.partition(".")[2]
    if path in _SAMPLES or name in _SAMPLES:
        return _SAMPLES.get(path, _SAMPLES.get(name))
    if "int" in says:
        return 11520 if name.endswith("_fen") else 1
    if "bool" in says:
        return True
    family = told.VOCABULARIES.get(name)
    known = (code.partition(".")[2] for code in words.catalogue() if family and code.startswith(f"{family}."))
    return next(known, "")


def notices() -> str:
    """The page of notices: its head as it stands, then each type with what its letter says, and what is silent."""
    kinds = {kind.__name__: kind for kind in Fact.__subclasses__()}
    page = [NOTICES.read_text().partition("| --- | --- | --- |")[0], "| --- | --- | --- | --- | --- |\n"]
    for kind, name in TYPES.items():
        body = sample(kinds[kind])
        payer = "told" if kind in templates.KINDS else ""
        facts = msgspec.json.encode(body).decode()
        page.append(f"| `{name}` | `{kind}` | {payer} | `{facts}` | {told.told(kind, body)[1]} |\n")
    page.append("\n## What is not told, and why\n\n| why | facts |\n| --- | --- |\n")
    page += [
        f"| {why} | {', '.join(f'`{kind}`' for kind, each in SILENT.items() if each == why)} |\n"
        for why in dict.fromkeys(SILENT.values())
    ]
    return "".join(page)


def people() -> str:
    """The page of people: its head as it stands, then the table of verbs and the built-in limits."""
    rows = [["verb", *[role.value for role in Role], "of one store"], ["---"] * (len(Role) + 2)]
    rows += [
        [f"`{verb}`", *["yes" if role in may else "·" for role in Role], "·" if verb in OF_MERCHANT else "there"]
        for verb, may in MAY.items()
    ]
    limits = [["role", "at once", "in a day"], ["---"] * 3]
    limits += [[role.value, _yuan(one.item_fen), _yuan(one.day_fen)] for role, one in LIMITS.items()]
    head = PEOPLE.read_text().partition("\n## The table\n")[0].rstrip("\n")
    drawn = ["".join(f"| {' | '.join(cells)} |\n" for cells in each) for each in (rows, limits)]
    return f"{head}\n\n## The table\n\n{drawn[0]}\n## The built-in limits\n\n{drawn[1]}"


def _yuan(fen: int | None) -> str:
    return "anything" if fen is None else f"¥{fen / 100:,.2f}"


_EVERYWHERE = frozenset({"--merchant", "--state"})


def commands() -> str:
    """The page of the terminal: its head as it stands, then a table a group of commands, as `--help` tells it."""
    plain = {name: one for name, one in cli.commands.items() if not isinstance(one, click.Group)}
    page = [CLI.read_text().partition("\n## Commands\n")[0].rstrip("\n"), "\n\n## Commands\n", _rows("yuanlu", plain)]
    for name, one in sorted(cli.commands.items()):
        if isinstance(one, click.Group):
            own = {"": one} if one.invoke_without_command else {}
            page.append(f"\n### {name}\n\n{_linked(one.help or '')}\n{_rows(f'yuanlu {name}', own | one.commands)}")
    return "".join(page)


def _rows(path: str, found: Mapping[str, click.Command]) -> str:
    rows = [f"| `{_usage(f'{path} {name}'.rstrip(), one)}` | {_said(one)} |\n" for name, one in sorted(found.items())]
    return "\n| command | what it does |\n| --- | --- |\n" + "".join(rows)


def _said(one: click.Command) -> str:
    """What the help says before the first blank line."""
    return _linked(" ".join(inspect.cleandoc(one.help or "").partition("\n\n")[0].split()))


def _linked(text: str) -> str:
    return re.sub(r"docs/reference/(\w+\.md)", r"[\1](\1)", text.replace("|", "\\|"))


def _usage(path: str, one: click.Command) -> str:
    """A command with what it takes: what it must be told first, the rest in brackets."""
    parts = [path]
    for each in sorted(one.params, key=lambda each: not each.required):
        if isinstance(each, click.Argument):
            parts.append(each.make_metavar(click.Context(one)).replace("|", "/"))
        elif isinstance(each, click.Option) and not each.hidden and each.opts[-1] not in _EVERYWHERE:
            told = "/".join([each.opts[-1], *each.secondary_opts])
            if not each.is_flag:
                told += " " + _value(each)
            told += "…" if each.multiple else ""
            parts.append(told if each.required else f"[{told}]")
    return " ".join(parts)


def _value(option: click.Option) -> str:
    """What stands behind an option: its choices, where these are short, or what it is."""
    if isinstance(option.type, click.Choice) and len(told := "/".join(filter(None, option.type.choices))) <= 32:
        return told
    name = {"--in": "STATE"}.get(option.opts[-1], option.opts[-1].strip("-").rpartition("-")[2].upper())
    return (option.metavar or name).replace("|", "/")


if __name__ == "__main__":
    CLI.write_text(commands())
    NOTICES.write_text(notices())
    PEOPLE.write_text(people())
    MACHINES.write_text(machines())
    ERRORS.write_text(errors())
    REQUIREMENTS.write_text(requirements())
