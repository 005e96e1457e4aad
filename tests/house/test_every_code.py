"""Every no and every fact has words in both languages; every no is in the docs."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from string import Formatter
from typing import get_type_hints

import pytest

from yuanlu import words
from yuanlu.app import FOLLOWERS, ROWS
from yuanlu.cases.rules import Remedy, What
from yuanlu.channels.contract import Reason, RescueTo, Word
from yuanlu.facts import Fact
from yuanlu.packs.dossier import PACK
from yuanlu.refunds.rules import End
from yuanlu.told import told
from yuanlu.web.parts import problems
from yuanlu.web.server import ROUTES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/reference/errors.md").read_text()
_LISTED = re.compile(r"^\| `([a-z_.]+)` \| (\d{3}) \|", re.MULTILINE)


def denied() -> dict[str, set[str]]:
    """Every code the tree denies with, and the facts that may go with it."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / "yuanlu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Denied"):
                continue
            code = node.args[0]
            if isinstance(code, ast.Constant):
                facts = {each.arg for each in node.keywords if each.arg}
                found[code.value] = found.get(code.value, facts) & facts  # what is there wherever it is raised
    return found


DENIED = denied()
CODES = sorted({*DENIED, *problems.STATUSES})


def names(code: str) -> set[str]:
    return {name for text in words.catalogue()[code].values() for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("code", CODES)
def test_every_no_has_words(code: str) -> None:
    assert set(words.catalogue()[f"problem.{code}"]) == {"zh", "en"}


@pytest.mark.parametrize("code", sorted(DENIED))
def test_the_words_of_a_no_need_only_facts_that_go_with_it(code: str) -> None:
    given = {re.sub("_(fen|zh|en)$", "", name) for name in DENIED[code]}
    assert names(f"problem.{code}") <= given
    assert not DENIED[code] & {"type", "title", "title_zh", "title_en", "status", "detail", "code", "instance"}


@pytest.mark.parametrize("code", CODES)
def test_every_no_is_in_the_docs_with_its_status(code: str) -> None:
    assert dict(_LISTED.findall(PAGE))[code] == str(problems.Problem(code).status)


def test_the_docs_list_no_code_that_nobody_says() -> None:
    assert set(dict(_LISTED.findall(PAGE))) == set(CODES)


def test_no_words_are_kept_for_a_no_that_nobody_says() -> None:
    kept = {code.removeprefix("problem.") for code in words.catalogue() if code.startswith("problem.")}
    assert kept == set(CODES)


def test_every_code_of_a_route_is_said_somewhere() -> None:
    assert {code for route in ROUTES for code in route.denied} <= set(CODES)


def kinds() -> list[type[Fact]]:
    assert ROWS  # all capabilities are loaded
    return sorted(Fact.__subclasses__(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_fact_is_told_in_words_with_its_own_fields(kind: type[Fact]) -> None:
    hints = get_type_hints(kind)
    body = {each.name: (1280 if hints[each.name] in (int, int | None) else "x") for each in fields(kind)}
    zh, en = told(kind.__name__, body)
    assert zh != kind.__name__
    assert en != kind.__name__
    empty = {each.name: (0 if hints[each.name] is int else None) for each in fields(kind)}
    assert all(told(kind.__name__, empty))


def test_every_fact_that_is_followed_exists() -> None:
    assert set(FOLLOWERS) <= {kind.__name__ for kind in kinds()}


def test_no_words_are_kept_for_a_fact_that_does_not_exist() -> None:
    kept = {code.removeprefix("fact.").removesuffix(".bare") for code in words.catalogue() if code.startswith("fact.")}
    assert kept == {kind.__name__ for kind in kinds()}


def test_amounts_and_channels_are_told_as_people_say_them() -> None:
    opened = {"amount_fen": 1280, "channel": "wechat", "mode": "scanned", "till_id": "YT"}
    assert told("PaymentOpened", opened)[0] == "登记收款 ¥12.80（微信，扫顾客的码）"


def test_a_fact_of_newer_code_is_told_by_its_name() -> None:
    assert told("SomethingNew", {"amount_fen": 1}) == ("SomethingNew", "SomethingNew")


def test_a_reason_with_a_detail_keeps_the_detail() -> None:
    assert told("CaseNeedsPerson", {"why": "the channel refused the refund: NOT_ENOUGH"}) == (
        "需要人来处理：渠道拒绝了退款：NOT_ENOUGH",
        "A person must look: the channel refused the refund: NOT_ENOUGH",
    )
    assert told("CaseNeedsPerson", {"why": "refund.too_late (channel=wechat)"})[0].startswith("需要人来处理：超过")


def test_a_moment_is_told_to_the_minute_as_clocks_in_china_have_it() -> None:
    offered = {"offer": "part", "amount_fen": 2500, "until": "2026-11-28T17:53:43.252087+00:00", "on_chain": ""}
    assert told("OfferMade", offered)[0] == "提议：退一部分 ¥25.00，2026-11-29 01:53 前有效"
    assert "until soon" in told("OfferMade", offered | {"until": "soon"})[1]


def reasons() -> set[str]:
    """Why a case needs a person: each sentence of its rules, up to what is filled in."""
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "yuanlu/cases/rules.py").read_text())):
        match node:
            case ast.Call(func=ast.Name(id="_attention"), args=[_, _, said]) | ast.Return(value=said):
                text = said.values[0] if isinstance(said, ast.JoinedStr) else said
                if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value:
                    found.add(text.value.rstrip(": "))
    return found


def test_every_reason_why_a_person_must_look_has_chinese_words() -> None:
    assert len(reasons()) >= 8
    missing = [why for why in reasons() if f"why.{why.replace(' ', '_')}" not in words.catalogue()]
    assert not missing


def test_every_vocabulary_is_told_in_words() -> None:
    missing = [
        f"{name}.{value}"
        for name, values in {
            "what": What,
            "remedy": Remedy,
            "word": Word,
            "reason": Reason,
            "to": RescueTo,
            "end": End,
        }.items()
        for value in values
        if f"{name}.{value}" not in words.catalogue()
    ]
    assert not missing


def item_kinds() -> set[str]:
    """Every kind of thing the tree lets enter a case, or keeps as evidence that may: the first word of each."""
    found: set[str] = set()
    for path in (ROOT / "yuanlu").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            given = {each.arg: each.value for each in node.keywords}
            if node.func.id in ("Item", "Evidence"):
                kind = given.get("kind")
            elif node.func.id == "_item" and node.args:
                kind = node.args[0]
            else:
                continue
            if isinstance(kind, ast.Constant) and isinstance(kind.value, str):
                found.add(kind.value)
            elif isinstance(kind, ast.Name) and kind.id.isupper():
                found.add({"PACK": PACK}[kind.id])
    return found


def test_every_thing_that_enters_a_case_has_words() -> None:
    kinds = item_kinds()
    assert {"message", "silence", "complaint_alarm", "pack", "file"} <= kinds
    kept = {code.removeprefix("item.") for code in words.catalogue() if code.startswith("item.")}
    assert kinds == kept
    assert all(set(words.catalogue()[f"item.{kind}"]) == {"zh", "en"} for kind in kinds)
