"""Devices of tills and tickets: what is kept of them, and who may do what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people.rules import Person, Role
from yuanlu.stations import rules
from yuanlu.stations.rules import Station, StationSeen, TillLocked, TillUnlocked, TillWrittenTo
from yuanlu.tickets import rules as tickets
from yuanlu.tickets.rules import LINE_MAX, LINES_MAX, TicketAsk, TicketClosed, TicketRaised, TicketSeen

NOON = datetime(2026, 11, 27, 4, tzinfo=UTC)
SHOP, TILL, STORE = "YM", "YT", "YS"
BOSS, ANNA, FAR = Person("b", Role.MANAGER), Person("a", Role.CASHIER), Person("f", Role.MANAGER, "YSelse")


def changed(decided: Any) -> Change[Any]:
    assert isinstance(decided, Change)
    return decided


def beaten(at: datetime = NOON, seen: Station | None = None) -> Any:
    return rules.beat(SHOP, TILL, "till-1", '{"battery":80}', "key", StationSeen(seen, STORE), at)


def test_a_beat_takes_the_place_of_the_last_and_is_no_fact() -> None:
    first = changed(beaten())
    assert (first.facts, first.row.version, first.row.beat_at) == ((), 1, NOON)
    assert beaten(NOON + timedelta(seconds=2), first.row) == Stay(first.row)
    second = changed(beaten(NOON + timedelta(seconds=60), first.row))
    assert (second.row.version, second.facts) == (2, ())


def test_a_till_is_silent_after_ten_minutes_or_when_it_never_spoke() -> None:
    row = changed(beaten()).row
    assert [row.is_silent(NOON + timedelta(minutes=each)) for each in (0, 10, 11)] == [False, False, True]
    assert replace(row, beat_at=None).is_silent(NOON)


def test_a_lock_holds_until_it_is_taken_off_and_a_beat_keeps_it() -> None:
    """S85."""
    row = changed(beaten()).row
    locked = changed(rules.lock(SHOP, TILL, "gone", BOSS, StationSeen(row, STORE), NOON))
    assert locked.facts == (TillLocked(why="gone"),)
    assert rules.lock(SHOP, TILL, "again", BOSS, StationSeen(locked.row, STORE), NOON) == Stay(locked.row)
    after = changed(beaten(NOON + timedelta(seconds=60), locked.row)).row
    assert (after.locked_at, after.locked_why) == (NOON, "gone")
    freed = changed(rules.unlock(SHOP, TILL, BOSS, StationSeen(after, STORE), NOON))
    assert (freed.row.locked_at, freed.facts) == (None, (TillUnlocked(),))
    assert rules.unlock(SHOP, TILL, BOSS, StationSeen(freed.row, STORE), NOON) == Stay(freed.row)


def test_a_message_is_masked_and_a_fact() -> None:
    told = changed(rules.tell(SHOP, TILL, "密码: 471920", BOSS, StationSeen(None, STORE), NOON))
    assert told.facts == (TillWrittenTo(message=told.row.message),)
    assert "471920" not in told.row.message


@pytest.mark.parametrize(
    ("by", "store", "code"),
    [(ANNA, STORE, "staff.not_allowed"), (FAR, STORE, "staff.other_store"), (BOSS, None, "till.unknown")],
)
def test_who_may_not_changes_nothing(by: Person, store: str | None, code: str) -> None:
    seen = StationSeen(None, store)
    for deed in (
        lambda: rules.lock(SHOP, TILL, "", by, seen, NOON),
        lambda: rules.unlock(SHOP, TILL, by, seen, NOON),
        lambda: rules.tell(SHOP, TILL, "", by, seen, NOON),
    ):
        with pytest.raises(Denied, match=code.replace(".", r"\.")):
            deed()


def asking(**given: Any) -> TicketAsk:
    said: dict[str, Any] = {
        "merchant_id": SHOP, "id": ids.derived(Kind.TICKET, NOON, "1"), "till_id": TILL, "about": "", "cause": "device",
        "code": "", "note": "", "health": "{}", "log": (), "by": ANNA,
    }  # fmt: skip
    return TicketAsk(**said | given)


def test_a_ticket_keeps_the_last_lines_cut_and_without_codes_or_numbers() -> None:
    """S40.."""
    ours = ids.derived(Kind.PAYMENT, NOON, "x")
    lines = [f"line {number}" for number in range(150)]
    lines += ["x" * 500, "code 130123456789012345", "to 4111111111111111", f"GET /v1/payments/{ours} 200"]
    row = changed(tickets.raise_ticket(asking(log=lines), str, TicketSeen(None, STORE), NOON)).row
    kept = row.log.splitlines()
    assert len(kept) == LINES_MAX
    assert max(map(len, kept)) == LINE_MAX
    assert "130123456789012345" not in row.log
    assert "4111111111111111" not in row.log
    assert kept[-1].endswith(f"{ours} 200")
    assert kept[0] == "line 54"


def test_a_ticket_again_is_the_same_and_other_content_is_refused() -> None:
    made = changed(tickets.raise_ticket(asking(), str, TicketSeen(None, STORE), NOON))
    assert made.facts == (TicketRaised(till_id=TILL, about="", cause="device", code=""),)
    assert tickets.raise_ticket(asking(), str, TicketSeen(made.row, STORE), NOON) == Stay(made.row)
    for ask, seen, code in (
        (asking(note="other"), TicketSeen(made.row, STORE), "ticket.id_taken"),
        (asking(), TicketSeen(None, None), "till.unknown"),
        (asking(by=Person("x", Role.AUDITOR)), TicketSeen(None, STORE), "staff.not_allowed"),
        (asking(by=FAR), TicketSeen(None, STORE), "staff.other_store"),
    ):
        with pytest.raises(Denied, match=code.replace(".", r"\.")):
            tickets.raise_ticket(ask, str, seen, NOON)


class Key:
    """Seals by a letter before it, so that a test can see it."""

    key: bytes | None = b"k"

    def seal(self, text: str) -> str:
        return f"s1.{text}"

    def open(self, sealed: str) -> str:
        return sealed.removeprefix("s1.")


class Gone(Key):
    key = None


def test_a_ticket_is_closed_once_with_what_was_done_and_who_did_it() -> None:
    """S40.."""
    row = changed(tickets.raise_ticket(asking(), str, TicketSeen(None, STORE), NOON)).row
    closed = changed(tickets.close("换了纸 130123456789012345", BOSS, Key(), row, NOON))
    assert (closed.row.state, closed.row.closed_at, closed.row.closed_by) == ("CLOSED", NOON, BOSS.id)
    assert (closed.who, closed.facts) == (BOSS.id, (TicketClosed(till_id=TILL, about=""),))
    assert closed.row.said == "s1.换了纸 ••••"
    assert tickets.close("换了纸 130123456789012345", BOSS, Key(), closed.row, NOON) == Stay(closed.row)
    other = Person("c", Role.OWNER)
    for said, by, key, seen, code in (
        ("换了机器", BOSS, Key(), closed.row, "ticket.closed"),
        ("换了纸 130123456789012345", other, Key(), closed.row, "ticket.closed"),
        ("换了纸 130123456789012345", BOSS, Gone(), closed.row, "ticket.closed"),
        ("x", BOSS, Key(), None, "ticket.unknown"),
        ("x", ANNA, Key(), row, "staff.not_allowed"),
        ("x", Person("m", Role.MACHINE), Key(), row, "staff.not_allowed"),
        ("x", FAR, Key(), row, "staff.other_store"),
    ):
        with pytest.raises(Denied, match=code.replace(".", r"\.")):
            tickets.close(said, by, key, seen, NOON)
    assert changed(tickets.close("x", Person("cli:ann", Role.OPERATOR), Key(), row, NOON)).row.said == "s1.x"


def test_words_and_log_of_a_ticket_are_sealed_and_what_was_forgotten_is_empty() -> None:
    ask = asking(note="打印机", log=("line",))
    row = changed(tickets.raise_ticket(ask, Key().seal, TicketSeen(None, STORE), NOON)).row
    assert (row.note, row.log) == ("s1.打印机", "s1.line")
    assert [tickets.opened(Key(), text) for text in (row.note, "kept before", "")] == ["打印机", "kept before", ""]
    assert tickets.opened(Gone(), row.note) == ""
    before = replace(row, note="kept before", log="")
    closed = changed(tickets.close("x", BOSS, Key(), before, NOON)).row
    assert (closed.note, closed.log) == ("s1.kept before", "")
    assert changed(tickets.close("x", BOSS, Key(), row, NOON)).row.note == row.note
