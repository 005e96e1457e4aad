"""The reference documents say what the code does."""

from __future__ import annotations

import re
import runpy
import shlex
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest

from tests.making import PAYMENT, RAILS, REFUND, TILL, after, changed, fen, heard, moved, payment, refund
from yuanlu import ids
from yuanlu.change import Change
from yuanlu.channels.contract import Channel, Evidence, News, Word
from yuanlu.cli import main
from yuanlu.losses import rules as losses
from yuanlu.losses.rules import LossSeen
from yuanlu.machine import Turn
from yuanlu.payments import cash
from yuanlu.payments import rules as payments
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import rules as refunds
from yuanlu.refunds.rules import PLACE, RefundAsk, RefundSeen, Resolution, State
from yuanlu.repayments import rules as repayments
from yuanlu.repayments.rules import RepaymentSeen
from yuanlu.shifts import rules as shifts

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"


def table(page: str, head: str) -> list[list[str]]:
    """The rows of the Markdown table that begins with this head cell."""
    found = re.search(rf"^\| {head} \|.*\n\|[ -|]*\n((?:\|.*\n)+)", (REFERENCE / page).read_text(), re.MULTILINE)
    assert found, f"{page} has no table of {head}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def test_the_machines_are_drawn_as_the_code_has_them() -> None:
    drawn = runpy.run_path(str(ROOT / "scripts" / "draw.py"))
    assert (REFERENCE / "machines.md").read_text() == drawn["machines"](), "run `make docs`"


def test_the_table_of_people_is_drawn_as_the_code_has_it() -> None:
    drawn = runpy.run_path(str(ROOT / "scripts" / "draw.py"))
    assert (REFERENCE / "people.md").read_text() == drawn["people"](), "run `make docs`"


def test_every_command_and_option_is_in_the_page_of_the_terminal_as_the_help_tells_it() -> None:
    drawn = runpy.run_path(str(ROOT / "scripts" / "draw.py"))
    assert (REFERENCE / "cli.md").read_text() == drawn["commands"](), "run `make docs`"


def shown_commands() -> list[tuple[str, str]]:
    """Each command that stands by itself in a page, and where: indented or fenced, as it would be typed."""
    found = []
    for page in [*ROOT.glob("README*.md"), *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text().replace("\\\n", " ")
        for line in re.findall(r"^ *(?:\$ )?(?:\.venv/bin/)?yuanlu( .*)$", text, re.MULTILINE):
            found.append((page.name, line))
    return found


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_each_command_in_a_page_is_understood_as_it_is_printed(page: str, line: str) -> None:
    command: click.Command = main
    words = shlex.split(re.split(r"\s[|>&]+\s", line)[0], comments=True)
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert not isinstance(command, click.Group) or not words, f"{page}: there is no {words}"
    try:
        command.make_context(None, words, parent=click.Context(main, obj={}))
    except click.BadParameter as wrong:  # a file of the reader's is not here
        assert "does not exist" in wrong.message, wrong.message


ROWS = table("words.md", "row")


def test_all_23_rows_of_the_reference_are_mapped() -> None:
    assert {int(row[0].strip("| ")) for row in ROWS} == set(range(1, 24))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row[0].strip('| ')}: {row[2]}")
def test_each_mapped_row_is_what_the_tables_do(row: list[str]) -> None:
    _, start, event, goal, fact = (cell.strip("| ") for cell in row)
    to = State[goal.split(" ")[0]]
    assert fact == "-" or hasattr(refunds, fact)
    if start == "-":
        assert event in ("request", "found outside")
        return
    for state in (State[name] for name in start.split(", ")):
        if event.split(" ")[0].split(",")[0] in Word.__members__:
            for word in re.sub(r" \(.*\)", "", event).split(", "):
                turn = refunds.TABLE.turn(state, Word[word])
                assert (state if turn is Turn.STAY else turn) is to
        else:
            assert refunds.COMMANDS[state, event] is to


def test_every_turn_of_the_tables_is_in_a_mapped_row() -> None:
    mapped = set()
    for row in ROWS:
        _, start, event, goal, _ = (cell.strip("| ") for cell in row)
        for name in start.split(", "):
            for heard_or_done in re.sub(r" \(.*\)", "", event).split(", "):
                mapped.add((name, heard_or_done, goal.split(" ")[0]))
    turns = {(s.name, w.name, t.name) for (s, w), t in refunds.TABLE.cells.items() if not isinstance(t, Turn)}
    commands = {(s.name, name, t.name) for (s, name), t in refunds.COMMANDS.items()}
    assert (turns | commands) - mapped == {
        # roads the reference does not draw: stranded money that reaches the payer, or is refused, after all
        ("STRANDED", "SETTLED", "DONE"),
        ("STRANDED", "REFUSED", "REFUSED"),
        ("RECALLING", "REFUSED", "STRANDED"),
        ("RECALLING", "STRANDED", "STRANDED"),
        ("EXTERNAL", "STRANDED", "STRANDED"),
        # cash: a person's word ends it, nothing is sent
        ("RESERVED", "pay out in cash", "DONE"),
        ("READY", "pay out in cash", "DONE"),
    }


def test_every_word_we_may_hear_is_explained() -> None:
    assert [row[0].strip("| ") for row in table("words.md", "word")] == [word.name for word in Word]


PROOF = Evidence(id=ids.new(ids.Kind.EVIDENCE), kind="person", at=after(0), body="letter", digest="a" * 64)


def pay(state: payments.State, word: Word) -> Change[Any]:
    return changed(payments.hear(RAILS, heard(word), payment(state), after(120)))


def hear(state: State, word: Word) -> Change[Any]:
    return changed(refunds.hear(RAILS, heard(word), refund(state), after(120)))


def requested() -> Change[Any]:
    ask = RefundAsk(merchant_id=payment().merchant_id, id=REFUND, payment_id=PAYMENT, amount=fen(11520), who="cashier")
    return changed(refunds.open_refund(RAILS, ask, RefundSeen(None, payment(payments.State.PAID)), after(60)))


def found_outside() -> Change[Any]:
    news = News(payment_id=PAYMENT, refund_id="503", outcome=heard(Word.SETTLED, by="notice", amount=fen(11520)))
    return changed(refunds.found_outside(news, RefundSeen(None, payment(payments.State.PAID)), after(60)))


def resolved(end: refunds.End) -> Change[Any]:
    plan = Resolution(end=end, proof=PROOF)
    row = changed(refunds.propose_resolution("anna", plan, refund(State.MANUAL), after(1))).row
    return changed(refunds.approve_resolution("bert", plan, row, after(2)))


PAID = payment(payments.State.PAID)
REPAY = repayments.RepaymentAsk(
    merchant_id=PAID.merchant_id, id=ids.new(ids.Kind.REPAYMENT), payment_id=PAYMENT, amount=fen(11520),
    because=repayments.Because.WINDOW_OVER, match=repayments.Match.EXACT, account="s1.x", account_tail="0000",
    account_mark="m", who="anna", role="finance",
)  # fmt: skip


def proposed() -> RepaymentSeen:
    row = changed(repayments.propose(RAILS, REPAY, RepaymentSeen(None, PAID), after(days=366))).row
    return RepaymentSeen(row, PAID)


def agreed() -> RepaymentSeen:
    row = changed(repayments.approve(RAILS, "bert", "finance", proposed(), after(days=366))).row
    return RepaymentSeen(row, PAID)


LOST = losses.LossAsk(
    merchant_id=PAID.merchant_id, id=ids.new(ids.Kind.LOSS), case_id="YC", cause="wrong_customer",
    bearer=losses.Bearer.CASHIER, amount=fen(11520), who="anna", role="finance",
)  # fmt: skip


def settled(verb: Callable[[losses.Settling, LossSeen, datetime], Change[Any]]) -> Change[Any]:
    row = changed(losses.record(LOST, LossSeen(None, True), after(1))).row
    return verb(
        losses.Settling(amount=fen(11520), version=1, who="bert", role="finance"), LossSeen(row, True), after(2)
    )


ANNA = Person("anna", Role.CASHIER)


def taken(*, is_counted: bool) -> Change[Any]:
    ask = payments.ChargeAsk(
        merchant_id=PAID.merchant_id, id=PAYMENT, till_id=TILL, amount=fen(12800), who="anna", channel=Channel.CASH
    )
    sees = payments.ChargeSeen(None, "s", frozenset(), None, is_counted=is_counted)
    return changed(cash.take(ask, sees, after(0)))


def paid_out() -> Change[Any]:
    waits = refund(State.READY, channel=Channel.CASH)
    return changed(refunds.pay_out(ANNA, TILL, "s", waits, after(1)))


def shift_opened(float_fen: int = 50000, drift_fen: int = 0) -> Change[Any]:
    ask = shifts.ShiftAsk(
        merchant_id=PAID.merchant_id, id=ids.new(ids.Kind.SHIFT), till_id=TILL, float_fen=float_fen, by=ANNA
    )
    return changed(shifts.open_shift(ask, shifts.OpeningSeen(None, "s", drift_fen=drift_fen), after(0)))


def shift_closed(counted: int, safe: int, bank: int) -> Change[Any]:
    ask = shifts.CountAsk(by=ANNA, counted={"cash": counted}, reasons={"cash": "gone"}, version=1)
    return changed(shifts.close(ask, safe, bank, shifts.ShiftSeen(shift_opened().row), after(9)))


P, W = payments.State, Word
POSTINGS = {
    "payment paid": lambda: pay(P.SENT, W.SETTLED),
    "payment late paid": lambda: pay(P.REVERSED, W.SETTLED),
    "payment late paid after all not": lambda: pay(P.LATE_PAID, W.ENDED),
    "cash taken": lambda: taken(is_counted=False),
    "cash told after the count": lambda: taken(is_counted=True),
    "cash given back": paid_out,
    "shift opened": shift_opened,
    "shift opened, of what its last count missed": lambda: shift_opened(0, 12800),
    "shift closed, all back as float": lambda: shift_closed(50000, 0, 0),
    "shift closed, all to the safe": lambda: shift_closed(50000, 50000, 0),
    "shift closed, all to the bank": lambda: shift_closed(50000, 0, 50000),
    "shift closed, nothing there": lambda: shift_closed(0, 0, 0),
    "refund requested": requested,
    "refund cancelled": lambda: changed(refunds.cancel("cashier", refund(State.RESERVED), after(1))),
    "refund refused": lambda: hear(State.SENT, W.REFUSED),
    "refund done": lambda: hear(State.SENT, W.SETTLED),
    "refund stranded": lambda: hear(State.SENT, W.STRANDED),
    "refund stranded after done": lambda: hear(State.DONE, W.STRANDED),
    "stranded refund done": lambda: hear(State.REDIRECTING, W.SETTLED),
    "stranded refund refused": lambda: hear(State.STRANDED, W.REFUSED),
    "refund returned to the merchant": lambda: hear(State.RECALLING, W.SETTLED),
    "refund found outside": found_outside,
    "resolved as done": lambda: resolved(refunds.End.DONE),
    "resolved as refused": lambda: resolved(refunds.End.REFUSED),
    "repayment proposed": lambda: changed(repayments.propose(RAILS, REPAY, RepaymentSeen(None, PAID), after(days=366))),
    "repayment paid": lambda: changed(repayments.pay("bert", "finance", PROOF, agreed(), after(days=366))),
    "repayment refused": lambda: changed(
        repayments.refuse("bert", "finance", repayments.Refusal.OTHER, agreed(), after(days=366))
    ),
    "repayment expired": lambda: changed(repayments.next_step(proposed(), after(days=400))),
    "loss recorded": lambda: changed(losses.record(LOST, LossSeen(None, True), after(1))),
    "loss recovered": lambda: settled(losses.recover),
    "loss written off": lambda: settled(losses.write_off),
}


def test_each_posting_in_the_docs_is_what_the_rules_post() -> None:
    told = {}
    for name, _, goal, moves, drawn in ([c.strip("| ") for c in row] for row in table("accounts.md", "posting")):
        found = re.fullmatch(r"`([a-z:]+)` -> `([a-z:]+)` (\d+)", moves)
        assert found
        told[name] = (goal, (found[1], found[2], int(found[3])), int(drawn or 0))
    made = {}
    for name, build in POSTINGS.items():
        change = build()
        ((source, target, amount),) = moved(change)
        move = (source.replace(TILL, "till"), target.replace(TILL, "till"), amount)
        made[name] = (change.row.state.name, move, change.draw.amount.amount if change.draw else 0)
    assert told == made


def test_every_way_the_money_of_a_refund_can_go_is_in_the_docs() -> None:
    told = {tuple(re.findall(r"`([a-z:]+)`", line)) for line in (REFERENCE / "accounts.md").read_text().splitlines()}
    ways = set()
    turns = [(s, t) for (s, _), t in refunds.TABLE.cells.items() if not isinstance(t, Turn)]
    for start, goal in [*turns, *((s, t) for (s, _), t in refunds.COMMANDS.items())]:
        was, now = (PLACE[payment().channel][state] for state in (start, goal))
        if was != now:
            ways.add((was, now))
    assert ways - told == set()


def test_every_lesson_is_kept_by_a_test_that_exists_or_says_why_not_yet() -> None:
    tests = {
        name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())
    }
    rows = [[cell.strip("| ") for cell in row] for row in table("lessons.md", "lesson")]
    assert [int(row[0]) for row in rows] == list(range(1, 29))
    named = Counter(name for row in rows for name in re.findall(r"`(test_\w+)`", row[2]))
    assert set(named) - tests == set()
    assert all("later" in row[2] or "`test_" in row[2] for row in rows)


def test_every_decision_fits_on_a_page_and_says_what_was_turned_down() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text()
        assert len(text.splitlines()) <= 50, page.name
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Choice", "Price", "Turned down"], page.name


def test_no_two_notes_of_changes_share_a_number() -> None:
    numbers = Counter(note.name[:4] for note in (ROOT / "changes").glob("*.md"))
    assert [number for number, how_many in numbers.items() if how_many > 1] == []
