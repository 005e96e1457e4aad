"""Decision tables: read, checked, compiled; and the slow, plain meaning beside each."""

from __future__ import annotations

import ast
import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.making import MERCHANT, NOON, changed
from yuanlu import ids
from yuanlu.cases import causes
from yuanlu.change import Stay
from yuanlu.errors import Broken, Denied
from yuanlu.policies import check, flow, rules, table
from yuanlu.policies.rules import Facts, Line, PolicyAsk, PolicySeen, Ruling, Span
from yuanlu.terminal import policies as checking

HEAD = ",".join(table.COLUMNS)
WHATS = ("wrong_amount", "wrong_code", "other")
CAUSES = ("", "input.amount.extra_digit", "input.code")
POLICY = ids.derived(ids.Kind.POLICY, NOON, "a")


def file(*rows: str) -> str:
    return "\n".join([HEAD, *rows]) + "\n"


def found(*rows: str) -> list[tuple[int, str, str]]:
    """Row, column and code of each finding."""
    return [(each.row, each.column, each.code) for each in check.check(file(*rows))[1]]


ALL = "*,*,*,*,*,*,*,review,好,ok"


def facts(**given_: Any) -> Facts:
    values = {"amount_fen": 100, "age_hours": 1, "what": "wrong_amount", "channel": "wechat", "tender": "scanned"}
    return Facts(**{**values, **given_})


@st.composite
def spans(draw: Any, low: int, high: int) -> Span:
    first = draw(st.integers(low, high))
    return Span(first, draw(st.none() | st.integers(first, high)))


def codes(known: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.sets(st.sampled_from(known)).map(lambda found_: tuple(sorted(found_)))


@st.composite
def a_line(draw: Any) -> Line:
    reasons = draw(codes((*WHATS, "input.amount", "input.code")))
    causes = {c for c in table.vocabulary()[1] for r in reasons if c == r or c.startswith(f"{r}.")}
    return Line(
        amount=draw(spans(1, 4)),
        age=draw(spans(0, 3)),
        reasons=reasons,
        whats=frozenset(reasons) & frozenset(WHATS),
        causes=frozenset(causes),
        channels=draw(codes(table.CHANNELS)),
        tenders=draw(codes(table.TENDERS)),
        verdict=draw(st.sampled_from(Ruling)),
        zh="好",
        en="ok",
    )


LINES = st.lists(a_line(), min_size=1, max_size=6)
EVERYWHERE = [
    Facts(amount_fen=amount, age_hours=age, what=what, cause=cause, channel=channel, tender=tender)
    for amount, age, what, cause, channel, tender in itertools.product(
        range(1, 6), range(5), (*WHATS, "late_paid"), CAUSES, table.CHANNELS, table.TENDERS
    )
]
"""Every place that can differ: one value beyond each end the lines above may have."""


@given(st.lists(a_line(), min_size=1, max_size=3 * rules.GROUP))
def test_the_compiled_table_and_the_plain_reading_always_agree(lines: list[Line]) -> None:
    """S68."""
    one = rules.compiled(tuple(lines))
    for at in EVERYWHERE:
        answer = one(at.amount_fen, at.age_hours, at.what, at.cause, at.channel, at.tender)
        assert answer == rules.first_fit(lines, at)


@given(LINES)
@settings(max_examples=200)
def test_the_check_finds_just_what_looking_at_every_place_finds(lines: list[Line]) -> None:
    """S68."""
    told = check.check_lines(lines)
    first = {rules.first_fit(lines, at) for at in EVERYWHERE}
    assert any(each.code == "gap" for each in told) == (-1 in first)
    assert {each.row - 1 for each in told if each.code == "unreachable"} == set(range(len(lines))) - first
    assert {(each.row - 1, each.facts["other_row"]) for each in told if each.code == "contradicts"} == {
        (one, other + 1) for one, other in contradictions(lines)
    }


def contradictions(lines: list[Line]) -> set[tuple[int, int]]:
    """Pairs that contradict, by looking at every place."""
    where = [{n for n, at in enumerate(EVERYWHERE) if line.fits(at)} for line in lines]
    pairs = set()
    for at in EVERYWHERE:
        one = rules.first_fit(lines, at)
        for other, line in enumerate(lines):
            stricter = rules.STRICTNESS[line.verdict] > rules.STRICTNESS[lines[one].verdict]
            crossing = not where[one] <= where[other] and not where[other] <= where[one]
            if one >= 0 and line.fits(at) and stricter and crossing:
                pairs.add((one, other))
    return pairs


@given(LINES)
def test_an_example_of_a_gap_lies_in_a_gap(lines: list[Line]) -> None:
    for each in check.check_lines(lines):
        if each.code == "gap":
            assert rules.first_fit(lines, Facts(**each.facts)) == -1  # type: ignore[arg-type]


@given(LINES)
def test_a_table_that_was_written_reads_the_same(lines: list[Line]) -> None:
    assert table.read(table.written(lines)).lines == tuple(lines)


def test_a_planted_gap_is_told_with_an_example() -> None:
    """S68."""
    _, (gap,) = check.check(file("<=100,*,*,*,*,*,*,approve,好,ok", ">=102,*,*,*,*,*,*,review,好,ok"))
    assert (gap.row, gap.code, gap.facts["amount_fen"]) == (3, "gap", 101)


def test_days_and_hours_that_do_not_meet_leave_a_gap() -> None:
    assert found("*,<=7d,*,*,*,*,*,approve,好,ok", "*,>=8d,*,*,*,*,*,review,好,ok") == [(3, "*", "gap")]
    assert found("*,<=7d,*,*,*,*,*,approve,好,ok", "*,>7d,*,*,*,*,*,review,好,ok") == []


def test_a_row_that_others_take_together_is_unreachable() -> None:
    _, findings = check.check(
        file("*,*,*,wechat,*,*,*,review,好,ok", "*,*,*,alipay,*,*,*,review,好,ok", "<=9,*,other,*,*,*,*,approve,好,ok")
    )
    assert [(each.row, each.code, each.facts) for each in findings] == [(3, "unreachable", {"by": [1, 2]})]


def test_a_lenient_row_before_a_stricter_one_that_crosses_it_contradicts() -> None:
    rows = ("*,*,wrong_amount,*,*,*,*,approve,好,ok", ">=500,*,*,*,*,*,*,second,好,ok", ALL)
    assert found(*rows) == [(1, "amount_fen", "contradicts")]
    assert found(rows[1], rows[0], ALL) == []


def test_an_exception_before_its_rule_is_no_contradiction() -> None:
    assert found("<=500,*,wrong_amount,*,*,*,*,approve,好,ok", ALL) == []


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("5.00,*,*,*,*,*,*,review,好,ok", "amount_fen", "value"),
        ("-5,*,*,*,*,*,*,review,好,ok", "amount_fen", "value"),
        ("９,*,*,*,*,*,*,review,好,ok", "amount_fen", "value"),
        ("9..5,*,*,*,*,*,*,review,好,ok", "amount_fen", "empty_range"),
        ("<1,*,*,*,*,*,*,review,好,ok", "amount_fen", "empty_range"),
        (f"<={10**12 + 1},*,*,*,*,*,*,review,好,ok", "amount_fen", "value"),
        ("*,7,*,*,*,*,*,review,好,ok", "age", "value"),
        ("*,<0h,*,*,*,*,*,review,好,ok", "age", "empty_range"),
        ("*,*,wrong_amont,*,*,*,*,review,好,ok", "reason", "value"),
        ("*,*,input.amoun,*,*,*,*,review,好,ok", "reason", "value"),
        ("*,*,*,paypal,*,*,*,review,好,ok", "channel", "value"),
        ("*,*,*,*,cash,*,*,review,好,ok", "tender", "value"),
        ("*,*,*,*,*,gold,*,review,好,ok", "member", "reserved"),
        ("*,*,*,*,*,*,high,review,好,ok", "risk", "reserved"),
        ("*,*,*,*,*,*,*,maybe,好,ok", "verdict", "value"),
        ("*,*,*,*,*,*,*,review,,ok", "zh", "words_missing"),
        ("*,*,*,*,*,*,*,review,好,=1+1", "en", "words"),
        (f"*,*,*,*,*,*,*,review,{'好' * 81},ok", "zh", "words"),
    ],
)
def test_a_bad_value_is_named_by_row_and_column(row: str, column: str, code: str) -> None:
    assert found(ALL, row) == [(2, column, code)]


def test_all_bad_cells_are_named_not_only_the_first() -> None:
    assert found("x,y,*,*,*,*,*,z,好,ok") == [(1, "amount_fen", "value"), (1, "age", "value"), (1, "verdict", "value")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "unreadable"),
        ('verdict,zh,en\n"', "unreadable"),
        ("verdict,zh\nreview,好\n", "column_missing"),
        ("verdict,zh,en,colour\nreview,好,ok,red\n", "column"),
        ("verdict,zh,en,en\nreview,好,ok,ok\n", "column"),
        ("verdict,zh,en\nreview,好\n", "cells"),
        ("verdict,zh,en\n", "how_many"),
        ("verdict,zh,en\n" + "review,好,ok\n" * 201, "how_many"),
        ("verdict,zh,en\n" + "x" * 50_000, "too_large"),
    ],
)
def test_a_file_that_is_no_table_is_told_so(text: str, code: str) -> None:
    assert [each.code for each in check.check(text)[1]] == [code]


def test_toml_says_the_same_as_csv() -> None:
    text = """
      [[rows]]
      amount_fen = "<=20000"
      age = "<=24h"
      reason = "wrong_amount|input.amount"
      verdict = "approve"
      zh = "马上退"
      en = "at once"
      [[rows]]
      verdict = "review"
      zh = "好"
      en = "ok"
    """
    lines, findings = check.check(text, is_toml=True)
    assert not findings
    assert lines == table.read(file("<=20000,<=1d,wrong_amount|input.amount,*,*,*,*,approve,马上退,at once", ALL)).lines
    assert [each.code for each in check.check("rows = 3", is_toml=True)[1]] == ["unreadable"]
    assert [each.code for each in check.check("[[rows]]\ncolour = 'red'", is_toml=True)[1]] == ["column"]


def test_a_spreadsheets_mark_and_empty_lines_do_no_harm() -> None:
    assert check.check("\ufeff" + file(ALL) + "\n,,,,,,,,,\n")[1] == ()


def test_nothing_a_person_wrote_is_run() -> None:
    words = "__import__('os').abort()"
    one = table.made(check.check(file(f"*,*,*,*,*,*,*,review,{words},{words}"))[0])
    assert rules.decide(one, facts()).en == words
    assert one.found.__code__.co_names == ()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "code",
    ["def found(amount): return abort()", "def found(amount): return (lambda: 1)", "x = amount.real", "import os"],
)
def test_what_is_not_on_the_white_list_is_a_bug_of_ours(code: str) -> None:
    with pytest.raises(Broken):
        rules.checked_tree(ast.parse(code))


def test_a_table_with_a_gap_decides_nothing_where_the_gap_is() -> None:
    one = table.made(check.check(file("<=9,*,*,*,*,*,*,review,好,ok"))[0])
    with pytest.raises(Broken):
        rules.decide(one, facts(amount_fen=10))


def test_the_built_in_policy_has_no_fault() -> None:
    """S68."""
    assert check.check_lines(table.default().lines) == ()


@pytest.mark.parametrize(
    ("given_", "verdict"),
    [
        ({"amount_fen": 20_000}, "approve"),
        ({"amount_fen": 20_001}, "review"),
        ({"age_hours": 24}, "approve"),
        ({"age_hours": 25}, "review"),
        ({"what": "other"}, "review"),
        ({"what": "outside_refund"}, "review"),
        ({"what": "late_paid", "age_hours": 900, "amount_fen": 500_000}, "approve"),
        ({"amount_fen": 500_001}, "second"),
        ({"what": "late_paid", "amount_fen": 500_001}, "second"),
    ],
)
def test_the_built_in_policy_approves_small_mistakes_and_leaves_the_rest_to_people(
    given_: dict[str, Any], verdict: str
) -> None:
    """S68."""
    assert rules.decide(table.default(), facts(**given_)).verdict == verdict


def ask(**given_: Any) -> PolicyAsk:
    values = {"merchant_id": MERCHANT, "id": POLICY, "table": table.default(), "who": "anna", "role": "owner"}
    return PolicyAsk(**{**values, **given_})


def test_a_version_keeps_content_and_digest_and_begins_now() -> None:
    change = changed(rules.set_policy(ask(), PolicySeen(None, has_store=False), NOON))
    row = change.row
    assert (row.digest, row.valid_from) == (rules.digest_of(row.content), NOON)
    assert flow.read(row).lines == table.default().lines
    assert flow.read(row).policy == row.id


def test_setting_the_same_again_is_the_same_and_another_under_its_id_is_refused() -> None:
    row = changed(rules.set_policy(ask(), PolicySeen(None, has_store=False), NOON)).row
    assert rules.set_policy(ask(), PolicySeen(row, has_store=False), NOON) == Stay(row)
    other = table.made(check.check(file(ALL))[0])
    with pytest.raises(Denied, match=r"policy\.id_taken"):
        rules.set_policy(ask(table=other), PolicySeen(row, has_store=False), NOON)


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"role": "cashier"}, "staff.not_allowed"),
        ({"store_id": "YS1"}, "policy.store_unknown"),
        ({"valid_from": NOON - timedelta(seconds=1)}, "policy.backdated"),
        ({"id": "YL1"}, "id.invalid"),
    ],
)
def test_a_version_that_may_not_be_is_refused(given_: dict[str, Any], code: str) -> None:
    with pytest.raises(Denied, match=code.replace(".", r"\.")):
        rules.set_policy(ask(**given_), PolicySeen(None, has_store=False), NOON)


def test_past_cases_are_decided_anew_and_nothing_else() -> None:
    strict = table.made(check.check(file(ALL))[0])
    past = rules.Past(case_id="YC1", facts=facts(), table=table.default(), ended="money_back")
    (one,) = rules.tried(strict, [past])
    assert (one.was.verdict, one.would_be.verdict, one.differs) == (Ruling.APPROVE, Ruling.REVIEW, True)
    assert not rules.tried(strict, [replace(past, table=strict)])[0].differs


def test_the_codes_a_reason_may_name_are_those_of_the_cases_room() -> None:
    from yuanlu.cases.rules import What

    assert table.vocabulary()[0] == {what.value for what in What}


REASONLESS: dict[str, str] = {}
"""Causes that no policy may name, each with its why."""
CAUSELESS: dict[str, str] = {}
"""Reasons of a policy that are no cause, each with its why."""


def test_each_cause_can_be_named_by_a_policy_and_each_reason_is_a_cause() -> None:
    """S68: two files, one taxonomy."""
    _, reasons = table.vocabulary()
    known = frozenset(causes.taxonomy().kinds)
    assert known - reasons == frozenset(REASONLESS)
    assert reasons - known == frozenset(CAUSELESS)


def test_what_the_built_in_policy_says_names_its_version() -> None:
    """S68, S72: a row without a version could not be looked up once the built-in table has changed."""
    built_in = table.default()
    verdict = rules.decide(
        built_in, Facts(amount_fen=100, age_hours=1, what="request", channel="wechat", tender="shown")
    )
    assert (verdict.policy, verdict.line) == (f"built-in/{built_in.digest[:12]}", 5)
    assert built_in.policy == ""  # it is no row of the merchant's


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
def test_a_table_is_read_as_the_spreadsheets_of_china_save_it(tmp_path: Path, encoding: str) -> None:
    """S68: Excel and WPS save CSV in GBK unless they are told otherwise; what is no text is refused."""
    saved = tmp_path / "policy.csv"
    saved.write_bytes("amount_fen,verdict,zh,en\r\n*,review,店里有人核对,Somebody checks it\r\n".encode(encoding))
    told = checking.check(saved)
    assert (told.ok, told.rows, told.problems) == (True, 1, [])
    saved.write_bytes(bytes(range(256)))
    with pytest.raises(Denied, match=r"policy\.file_unreadable"):
        checking.check(saved)
