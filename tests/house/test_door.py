"""What a machine can check of the door in the code itself: compares, redirects, tables for spreadsheets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from yuanlu.errors import Broken
from yuanlu.web.console import pages
from yuanlu.web.portal import case

ROOT = Path(__file__).resolve().parents[2] / "yuanlu"
SECRET = re.compile(
    r"(^|_)(secret|token|digest|mac|hmac|signature|sign|password|pin|otp|totp|nonce|fingerprint|hash|mark|csrf)s?$",
    re.I,
)
NOT_OURS = {"sim", "bench", "demo"}
"""What plays the far side, or measures, keeps nobody's secret."""

ASKED = "what the same caller asked before under this id: a repetition is known by it"
SHOWN = "a digest that is shown to whoever may read the thing itself"
EXCEPTIONS = {
    "audit/chain.py: found.digest != wanted.digest": "links of the audit log, public by design",
    "audit/flow.py: self.said['digest'] == self.line.digest": "links of the audit log, public by design",
    "cases/causes.py: first.code_mark == second.code_mark": "both are rows of ours",
    "cases/handovers.py: known.fingerprint != wish.fingerprint": ASKED,
    "cases/rules.py: refund.fingerprint == refund_ask(case).fingerprint": "both are rows of ours",
    "cases/rules.py: seen.case.fingerprint != ask.fingerprint": ASKED,
    "complaints/answers.py: seen.answer.fingerprint != fingerprint": ASKED,
    "complaints/answers.py: mark_of_text(sealed, each.text) == answer.mark": "our own words, found at the channel",
    "complaints/answers.py: each.mark == answer.mark": "our own words, found again at the channel",
    "complaints/rules.py: known.digest == digest + _mark(entries)": "what a verified channel told before",
    "devices/rules.py: seen.code.fingerprint != ask.fingerprint": ASKED,
    "keyring/rules.py: seen.mark != found.mark": "both are ours: what a secret was, and what it is",
    "losses/rules.py: seen.loss.fingerprint != ask.fingerprint": ASKED,
    "notify/rules.py: seen.hook.fingerprint != ask.fingerprint": ASKED,
    "notify/rules.py: hook.fingerprint == ask.fingerprint": ASKED,
    "packs/audit.py: digest_of(said.body.encode()) != said.digest": SHOWN,
    "packs/signature.py: attributes['message_digest'][0].native != digest": SHOWN,
    "packs/verify.py: digest_of(content) != kept.digest": SHOWN,
    "payments/rules.py: seen.known.fingerprint != ask.fingerprint": ASKED,
    "refunds/rules.py: seen.refund.fingerprint != ask.fingerprint": ASKED,
    "repayments/rules.py: seen.repayment.fingerprint != ask.fingerprint": ASKED,
    "receipts/rules.py: seen.printer.fingerprint != ask.fingerprint": ASKED,
    "statements/flow.py: digest_of(found) != row.digest": SHOWN,
    "statements/rules.py: seen.digest == examined.digest": SHOWN,
    "receipts/rules.py: seen.known.fingerprint != ask.fingerprint": ASKED,
    "mailing/rules.py: seen.known.fingerprint != ask.mark": ASKED,
    "shifts/rules.py: seen.shift.fingerprint != ask.fingerprint": ASKED,
    "tickets/rules.py: seen.ticket.fingerprint != ask.fingerprint": ASKED,
    "seal.py: sealed[:mark] != _MARK.encode()": "the letters that sealed text begins with",
}
"""Where what is named so is compared by == because it is no secret to whoever could measure it, and why."""


def names(node: ast.AST) -> Iterator[str]:
    """The names that a side of a comparison is made of."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            yield name
        case ast.Call(func=func, args=args):
            yield from names(func)
            if isinstance(func, ast.Attribute) and func.attr in {"get", "pop"}:
                yield from (
                    each.value for each in args[:1] if isinstance(each, ast.Constant) and isinstance(each.value, str)
                )
            if isinstance(func, ast.Attribute):
                yield from names(func.value)


def is_plain(node: ast.AST) -> bool:
    """Whether a side is written in the code itself: nothing, a number, one word of a few."""
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Attribute) and node.attr.isupper())


def compared(source: str) -> list[str]:
    """Where what is named like a secret is compared with something that came, by == or !=."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Compare) or not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            continue
        sides = [node.left, *node.comparators]
        if any(is_plain(side) for side in sides):
            continue
        if any(SECRET.search(name) for side in sides for name in names(side)):
            found.append(ast.unparse(node))
    return found


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in NOT_OURS)


def test_no_secret_is_compared_in_a_way_that_tells_how_much_of_it_was_right() -> None:
    """Each exception has its reason, and is still there."""
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {each}" for path in modules() for each in compared(path.read_text())
    }
    assert found - EXCEPTIONS.keys() == set(), "use hmac.compare_digest, or say in EXCEPTIONS why it is no secret"
    assert EXCEPTIONS.keys() - found == set(), "no longer there"


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("row['digest'] == digest", 1), ("given.token != self._token", 1), ("headers.get('x-signature') == s", 0),
        ("headers.get('signature') == s", 1), ("secret == ''", 0), ("made.hexdigest() == mac", 1), ("x == y", 0),
        ("mode == Mode.SIGN", 0), ("hmac.compare_digest(secret, given)", 0), ("count == markers", 0),
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(line: str, caught: int) -> None:
    assert len(compared(line)) == caught


def test_no_code_of_ours_sends_a_caller_elsewhere() -> None:
    """No redirect is made, by us or by the framework's own means; no header `location` is written.

    But for the console and the customer's page, which send whoever sent a form on to a page of their own
    (`test_the_console_sends_nobody_away`, `test_the_customers_page_sends_nobody_away`).
    """
    guilty = []
    own = {ROOT / "web" / "console" / "pages.py", ROOT / "web" / "portal" / "case.py"}
    for path in {*(ROOT / "web").rglob("*.py")} - own:
        text = path.read_text()
        guilty += [path.name for word in ("Redirect", "redirect(", '"location"', "'location'") if word in text]
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Constant) and type(node.value) is int and node.value in (301, 302, 303, 307, 308):
                guilty.append(f"{path.name}:{node.lineno}")
    assert not guilty


def test_every_table_for_spreadsheets_is_written_where_cells_are_defused() -> None:
    writers = {
        path.relative_to(ROOT).as_posix()
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"writer", "DictWriter", "to_csv", "write_csv"}
        and isinstance(node.value, ast.Name) and node.value.id in {"csv", "frame", "pandas", "polars"}
    }  # fmt: skip
    assert writers == {"sheets.py"}


ELSEWHERE = (
    "https://a.example", "//a.example", "/console//a.example", "/console\\a", "/console\r\nx: y", "/console?to=//x",
    "/console?to=https:",
    "/till", "/consoles", "",
)  # fmt: skip


@pytest.mark.parametrize("to", ELSEWHERE)
def test_the_console_sends_nobody_away(to: str) -> None:
    assert pages._turned(pages.Turn("/console/refunds")).headers["location"] == "/console/refunds"
    with pytest.raises(Broken):
        pages._turned(pages.Turn(to))


@pytest.mark.parametrize(
    "to", [*ELSEWHERE, "/console", "/r/x/case", f"/r/{'A' * 43}/case/ask", f"/r/{'A' * 43}/case?x=//b"]
)
def test_the_customers_page_sends_nobody_away(to: str) -> None:
    own = f"/r/{'A' * 43}/case"
    assert case.away(own) == own
    with pytest.raises(Broken):
        case.away(to)
