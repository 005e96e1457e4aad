"""Printers and prints: addresses, and every state with every word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.payments.rules import HAS_MONEY
from yuanlu.payments.rules import State as PaymentState
from yuanlu.receipts import rules, wire
from yuanlu.receipts.layout import Kind
from yuanlu.receipts.rules import Print, State, Via, address_checked
from yuanlu.refunds.rules import State as RefundState
from yuanlu.slips import Report, Word
from yuanlu.words import say

NOON = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
NETWORKS = "192.168.1.0/24, fd00::/64 10.1.2.3/32"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("192.168.1.50", "192.168.1.50:9100"),
        (" 192.168.1.50:9101 ", "192.168.1.50:9101"),
        ("10.1.2.3:9100", "10.1.2.3:9100"),
        ("fd00::5", "[fd00::5]:9100"),
        ("[fd00::5]:9102", "[fd00::5]:9102"),
    ],
)
def test_an_address_in_an_allowed_network_is_read(text: str, read: str) -> None:
    assert address_checked(text, NETWORKS) == read


@pytest.mark.parametrize(
    "text",
    ["192.168.2.50", "127.0.0.1:9100", "10.1.2.4", "::1", "::ffff:192.168.1.50", "169.254.169.254:9100", "fd01::5"],
)
def test_an_address_outside_is_refused(text: str) -> None:
    with pytest.raises(Denied, match=r"printer\.address_outside"):
        address_checked(text, NETWORKS)


@pytest.mark.parametrize(
    "text",
    ["", "printer.local", "localhost:9100", "192.168.1.50:80", "192.168.1.50:0", "192.168.1.50:70000", "0x7f.1", "1",
     "192.168.1.50:９１００", "[fd00::5", "fd00::5%eth0", "192.168.1.050", "http://192.168.1.50"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Denied, match=r"printer\.address"):
        address_checked(text, NETWORKS)


def test_without_networks_there_is_no_printer() -> None:
    with pytest.raises(Denied, match=r"printer\.address_outside"):
        address_checked("192.168.1.50", "")


def row(state: State = State.QUEUED, **given: Any) -> Print:
    base: dict[str, Any] = {
        "merchant_id": "YM1", "id": "ZP1", "state": state, "kind": Kind.PAYMENT, "object_id": "YP1", "turn": 1,
        "again": 0, "printer_id": "ZR1", "via": Via.NETWORK, "store_id": "YS1", "lang": "zh", "copies": 1,
        "fingerprint": "f", "opened_at": NOON, "opened_by": "cashier", "sends": 1, "sent_at": NOON,
        "ended_at": NOON if state in rules.OVER else None,
    }  # fmt: skip
    return Print(**base | given)


@pytest.mark.parametrize(("state", "word"), list(product(State, Word)))
def test_every_state_with_every_word(state: State, word: Word) -> None:
    seen = row(state)
    done = rules.hear(Report(word, "paper"), 1, "who", seen, NOON)
    turn = rules.TABLE.turn(state, word)
    if isinstance(done, Stay):
        assert done.row == seen
        return
    assert done.row.state is turn
    assert (done.row.ended_at is not None) == (done.row.state in rules.OVER)
    assert done.row.unclear == seen.unclear + (word is Word.BROKEN)
    (look,) = done.looks
    assert (look.at is None) == (done.row.state is State.PRINTED)


@pytest.mark.parametrize("state", State)
def test_sending_begins_from_what_waits_or_was_lost(state: State) -> None:
    early = rules.send("who", row(state), NOON + timedelta(seconds=1))
    late = rules.send("who", row(state), NOON + rules.LOST_AFTER)
    assert isinstance(early, Change) == (state in rules.WAITING)
    assert isinstance(late, Change) == (state in (*rules.WAITING, State.SENT))
    if isinstance(late, Change):
        assert late.row.unclear == (state is State.SENT)


def test_the_pauses_grow_and_never_end() -> None:
    seen, spans = row(State.SENT), []
    for _ in range(12):
        done = rules.hear(Report(Word.AWAY, "away"), 0, "who", seen, NOON)
        assert isinstance(done, Change)
        assert done.looks[0].at is not None
        spans.append(done.looks[0].at - NOON)
        seen = replace(done.row, state=State.SENT)
    assert spans == sorted(spans)
    assert (spans[0], spans[-1]) == (rules.PAUSE_FIRST, rules.PAUSE_MAX)


def test_a_sending_cannot_outlast_the_time_after_which_it_counts_as_lost() -> None:
    longest = wire.CONNECT_WITHIN + 3 * wire.ANSWER_WITHIN + wire.WRITE_WITHIN + wire.PRINT_WITHIN
    longest += wire.POLL_EVERY + 3 * wire.ANSWER_WITHIN
    assert longest < rules.LOST_AFTER.total_seconds()


@pytest.mark.parametrize(
    ("payment", "refunds", "stands"),
    [
        ("SENT", [], "CHECKING"),
        ("FAILED", [], "NOT_PAID"),
        ("CLOSED", [], "NOT_PAID"),
        ("REVERSING", [], "CHECKING"),
        ("REVERSED", [], "CANCELLED"),
        ("PAID", [], "PAID"),
        ("PAID", [("SENT", 12800)], "GOING_BACK"),
        ("PAID", [("DONE", 2000)], "PARTLY_BACK"),
        ("PAID", [("DONE", 2000), ("WAITING", 10800)], "GOING_BACK"),
        ("PAID", [("DONE", 2000), ("REFUSED", 10800)], "PARTLY_BACK"),
        ("PAID", [("PROVEN", 2000), ("EXTERNAL", 10800)], "BACK"),
        ("PAID", [("SUPERSEDED", 12800), ("DONE", 12800)], "BACK"),
        ("PAID", [("CANCELLED", 12800)], "PAID"),
        ("PAID", [("DONE", 2000), ("STRANDED", 100)], "TROUBLE"),
        ("PAID", [("RETURNED", 12800)], "TROUBLE"),
        ("LATE_PAID", [("READY", 12800)], "GOING_BACK"),
        ("LATE_PAID", [("DONE", 12800)], "BACK"),
    ],
)
def test_a_payment_stands_as_its_refunds_are_confirmed(
    payment: str, refunds: list[tuple[str, int]], stands: str
) -> None:
    assert rules.standing(payment, 12800, refunds) == stands


@pytest.mark.parametrize(("payment", "refund"), list(product(PaymentState, RefundState)))
def test_nothing_is_said_to_be_back_that_nobody_confirmed(payment: PaymentState, refund: RefundState) -> None:
    stands = rules.standing(payment, 12800, [(refund, 12800)])
    is_back = payment in HAS_MONEY and refund in ("DONE", "PROVEN", "EXTERNAL")
    assert (stands in (rules.Standing.BACK, rules.Standing.PARTLY_BACK)) == is_back
    for lang in ("zh", "en"):
        assert say(f"page.receipt.standing.{stands}", lang)
        if stands in rules.TURNED_BACK:
            assert say(f"slip.state.payment.{stands}", lang)
