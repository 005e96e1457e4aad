"""What a file may be called, where it lies, and what may become of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.making import CASE, MERCHANT, NOON, STORE, changed, kinds
from yuanlu import ids
from yuanlu.change import Stay
from yuanlu.errors import Broken, Denied
from yuanlu.evidence import keeping, rules
from yuanlu.evidence.rules import FileAsk, FileSeen, FileThere, Limits, Media, Remade, State, Why
from yuanlu.evidence.shelves import checked
from yuanlu.people.rules import Person, Role

FILE = ids.derived(ids.Kind.FILE, NOON, "test")
BY = Person("cashier", Role.CASHIER)
LIMITS = Limits(files_max=3)
NEW = FileSeen(None, True, STORE, frozenset())


def ask(content: bytes = b"content", **given: Any) -> FileAsk:
    values = {"merchant_id": MERCHANT, "case_id": CASE, "id": FILE, "by": BY, "content": content}
    return FileAsk(**values | given)


def remade() -> Remade:
    return Remade(media=Media.JPEG, width=2, height=3, pages=1, stripped=("metadata",), content=b"anew")


def taken(seen: FileSeen = NEW, asked: FileAsk | None = None) -> Any:
    return rules.take(asked or ask(), remade(), "s1.name", ("card",), LIMITS, seen, NOON)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("receipt.jpg", "receipt.jpg"),
        ("../../etc/passwd", "passwd.jpg"),
        ("..\\..\\windows\\win.ini", "win.ini.jpg"),
        ("a\0b.jpg", "ab.jpg"),
        ("", "file.jpg"),
        ("...", "file.jpg"),
        ("/", "file.jpg"),
        ("小票.jpg", "小票.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe.jpg"),
        ("<img src=x>.svg", "img src=x.svg.jpg"),
        ("x" * 500, "x" * 116 + ".jpg"),
        ("4111 1111 1111 1111.jpg", "••••1111.jpg"),
    ],
)
def test_a_name_is_shown_without_what_could_do_harm(name: str, shown: str) -> None:
    """S59, S36."""
    assert rules.display_name(name, Media.JPEG)[0] == shown


@given(st.text(max_size=300), st.sampled_from([Media.JPEG, Media.PNG, Media.PDF]))
def test_any_name_is_made_safe_and_stays_so(name: str, media: Media) -> None:
    """S59."""
    shown, _ = rules.display_name(name, media)
    assert shown.isprintable()
    assert not set('/\\:*?"<>|') & set(shown)
    assert not shown.startswith(".")
    assert 4 < len(shown) <= rules.NAME_MAX
    assert rules.display_name(shown, media) == (shown, ())


@given(st.text(max_size=200))
def test_nothing_that_came_with_a_file_is_in_its_place(name: str) -> None:
    """S59: names are never used as paths."""
    key = rules.storage_key(ask(name=name))
    assert key == rules.storage_key(ask())
    assert checked(key) == key


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", f"{MERCHANT}/ab/../x", "", f"{MERCHANT}/ab/{FILE}.{'0' * 17}"])
def test_no_other_key_becomes_a_path(key: str) -> None:
    with pytest.raises(Broken):
        checked(key)


def test_two_contents_or_cases_under_one_id_have_two_places() -> None:
    other = ids.derived(ids.Kind.CASE, NOON, "other")
    assert len({rules.storage_key(each) for each in (ask(), ask(b"other"), ask(case_id=other))}) == 3


def test_a_file_is_taken_with_both_digests_in_its_fact() -> None:
    """S59: hash checks."""
    change = changed(taken())
    assert kinds(change) == ("FileTaken",)
    (fact,) = change.facts
    assert (fact.digest, fact.digest_original) == (rules.digest_of(b"anew"), rules.digest_of(b"content"))
    assert (change.row.number, change.row.state, change.row.stripped) == (1, State.TAKEN, "metadata")
    assert "s1.name" not in repr(change.facts)


def test_the_same_again_is_the_same_and_another_content_is_refused() -> None:
    row = changed(taken()).row
    assert isinstance(taken(FileSeen(row, True, STORE, frozenset({1}))), Stay)
    for other in (ask(b"other"), ask(case_id=ids.derived(ids.Kind.CASE, NOON, "other"))):
        with pytest.raises(Denied, match=r"file\.id_taken"):
            taken(FileSeen(row, True, STORE, frozenset({1})), other)


def test_numbers_run_up_to_the_limit() -> None:
    """S59: count."""
    assert changed(taken(FileSeen(None, True, STORE, frozenset({1, 3})))).row.number == 2
    with pytest.raises(Denied, match=r"file\.too_many"):
        taken(FileSeen(None, True, STORE, frozenset({1, 2, 3})))


def test_what_is_too_large_or_has_no_case_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(Denied, match=r"file\.too_large"):
        rules.may_take(ask(b"x" * 11), replace(LIMITS, bytes_max=10), NEW)
    with pytest.raises(Denied, match=r"case\.unknown"):
        rules.may_take(ask(), LIMITS, FileSeen(None, False, "", frozenset()))


def test_whoever_opens_a_file_is_written_down() -> None:
    """S59: chain of custody."""
    row = changed(taken()).row
    change = rules.open_file(BY, Why.AUDIT, FileThere(row), NOON)
    assert (change.who, change.facts) == ("cashier", (rules.FileOpened(case_id=CASE, why="audit"),))
    assert (change.row.version, change.row.opened_times) == (2, 1)


def test_what_is_gone_keeps_its_digests_and_is_not_opened() -> None:
    """S59."""
    row = changed(taken()).row
    gone = changed(rules.forget("system", Why.RETENTION, row, NOON)).row
    assert (gone.state, gone.name, gone.gone_why) == (State.GONE, "", "retention")
    assert (gone.digest_kept, gone.digest_original) == (row.digest_kept, row.digest_original)
    with pytest.raises(Denied, match=r"file\.gone"):
        rules.open_file(BY, Why.REVIEW, FileThere(gone), NOON)
    assert isinstance(rules.forget("system", Why.RETENTION, gone, NOON), Stay)
    with pytest.raises(Denied, match=r"file\.unknown"):
        rules.there(None)


KEEPING = """
[[table]]
valid_from = 2026-01-01
source = "first"
rule = [{what = "case", days = 10, zh = "十天", en = "ten days"}]
[[table]]
valid_from = 2027-01-01
source = "second"
rule = [{what = "case", days = 20, zh = "二十天", en = "twenty days"}]
"""


def test_the_newest_rule_that_is_valid_counts() -> None:
    """S57, S66: purpose and expiry from a dated rule."""
    assert keeping.rule_for("case", date(2026, 12, 31), KEEPING).days == 10
    assert keeping.rule_for("case", date(2027, 1, 1), KEEPING).source == "second"
    with pytest.raises(Broken):
        keeping.rule_for("case", date(2025, 12, 31), KEEPING)


def test_the_rules_that_come_with_us_cite_the_law_and_keep_trade_records() -> None:
    """S66."""
    case, trade = (keeping.rule_for(what, date(2026, 11, 26)) for what in ("case", "trade"))
    assert case.days >= 3 * 365
    assert trade.days == 0
    assert "个人信息保护法" in case.source
