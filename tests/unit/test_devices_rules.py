"""Codes that hang in a shop: what may hang, how it stands, and what a look at it changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.making import MERCHANT, NOON, STORE, TILL, after, changed, kinds
from yuanlu import ids
from yuanlu.change import Stay
from yuanlu.channels.codes import CodeKind
from yuanlu.devices import rules
from yuanlu.devices.rules import Code, CodeAsk, CodeSeen, FoundAs, Standing, State
from yuanlu.errors import Denied

TEXT = "wxp://f2f0abcdefghijklmnop"


def wish(**given: Any) -> CodeAsk:
    values: dict[str, Any] = {
        "merchant_id": MERCHANT,
        "id": ids.derived(ids.Kind.CODE, NOON, "test"),
        "store_id": STORE,
        "till_id": TILL,
        "place": "counter 1",
        "who": "manager",
        "text": TEXT,
        "mark": "m" * 32,
    }
    return CodeAsk(**values | given)


def hung(**given: Any) -> Code:
    return changed(rules.hang(wish(**given), CodeSeen(None), NOON)).row


def test_a_code_is_written_down_without_its_text() -> None:
    """S38."""
    change = changed(rules.hang(wish(), CodeSeen(None), NOON))
    assert kinds(change) == ("CodeHung",)
    assert (change.row.kind, change.row.wallet, change.row.tail) == (CodeKind.RECEIVING_CODE, "wechat", "mnop")
    assert TEXT not in repr(change)
    assert TEXT not in repr(wish())
    assert change.row.due_at == NOON + timedelta(days=30)


def test_the_same_wish_again_gives_the_same_code_and_another_is_refused() -> None:
    code = hung()
    assert rules.hang(wish(), CodeSeen(code), after(9)) == Stay(code)
    with pytest.raises(Denied, match=r"code.id_taken"):
        rules.hang(wish(place="door"), CodeSeen(code), after(9))


@pytest.mark.parametrize(
    ("text", "seen", "given", "code"),
    [
        ("134567890123456789", CodeSeen(None), {}, "code.not_ours"),
        ("6901234567892", CodeSeen(None), {}, "code.not_ours"),
        ("", CodeSeen(None), {}, "code.not_ours"),
        (TEXT, CodeSeen(None, has_store=False), {}, "code.store_unknown"),
        (TEXT, CodeSeen(None, has_till=False), {}, "code.till_unknown"),
        (TEXT, CodeSeen(None), {"valid_until": NOON}, "code.valid"),
        (TEXT, CodeSeen(None), {"audit_days": 0}, "code.audit_days"),
        (TEXT, CodeSeen(None), {"audit_days": 367}, "code.audit_days"),
        (TEXT, CodeSeen(None, same="YQ1"), {}, "code.hangs_already"),
        (TEXT, CodeSeen(None), {"id": "YQ1"}, "id.invalid"),
    ],
)
def test_what_cannot_hang_is_refused(text: str, seen: CodeSeen, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Denied) as no:
        rules.hang(wish(text=text, **given), seen, NOON)
    assert no.value.code == code
    assert TEXT not in str(no.value)


def test_how_a_code_stands_is_the_worst_that_can_be_said() -> None:
    """S38, S85."""
    code = hung(valid_from=after(60), valid_until=after(days=40))
    assert rules.standing(code, NOON) is Standing.NOT_YET
    assert rules.standing(code, after(60)) is Standing.CURRENT
    assert rules.standing(code, after(60, days=30)) is Standing.AUDIT_OVERDUE
    assert rules.standing(code, after(days=40)) is Standing.EXPIRED
    assert rules.standing(replace(code, state=State.SUSPECT), after(days=40)) is Standing.SUSPECT
    assert rules.standing(replace(code, state=State.RETIRED), NOON) is Standing.RETIRED


@pytest.mark.parametrize("found", list(FoundAs))
def test_a_look_at_a_sticker_sets_the_next_one_and_makes_it_suspect_or_not(found: FoundAs) -> None:
    """S85."""
    change = rules.audit(found, "torn", "cashier", replace(hung(), state=State.SUSPECT), after(days=3))
    assert change.row.state is (State.HANGING if found is FoundAs.IN_PLACE else State.SUSPECT)
    assert (change.row.audited_by, change.row.found_as) == ("cashier", found.value)
    assert change.row.due_at == after(days=33)


def test_what_is_taken_down_is_looked_at_no_more() -> None:
    gone = changed(rules.retire("moved", "manager", hung(), after(9))).row
    assert (gone.state, gone.due_at, gone.retired_at) == (State.RETIRED, None, after(9))
    assert rules.retire("again", "manager", gone, after(10)) == Stay(gone)
    with pytest.raises(Denied, match=r"code.retired"):
        rules.audit(FoundAs.IN_PLACE, "", "cashier", gone, after(11))
    for verb in (lambda: rules.audit(FoundAs.IN_PLACE, "", "", None, NOON), lambda: rules.retire("", "", None, NOON)):
        with pytest.raises(Denied, match=r"code.unknown"):
            verb()
