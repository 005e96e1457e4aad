"""Laws of statements: however a file is turned, cut or spoilt, its rows are the same or what is wrong has a name."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from tests import statements as made
from yuanlu.errors import Denied
from yuanlu.statements import opening
from yuanlu.statements.reading import End

AMOUNTS = st.integers(1, 10**9).map(lambda fen: f"{fen // 100}.{fen % 100:02d}")


@st.composite
def bills(draw: st.DrawFn, least: int = 1) -> list[made.Cells]:
    kinds = draw(st.lists(st.tuples(st.booleans(), AMOUNTS), min_size=least, max_size=12))
    return [made.refund(n, yuan) if back else made.payment(n, yuan) for n, (back, yuan) in enumerate(kinds, 1)]


def read(content: bytes, name: str = "bill.csv") -> tuple[list[dict[str, Any]], End] | None:
    """Rows and end; None where the file is refused, by a name."""
    try:
        return made.rows_of(content, name)
    except Denied as no:
        assert no.code.startswith("statement.")
        return None


def without_line(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "line"} for row in rows]


def is_said(end: End) -> bool:
    """Whether the file is known to be other than it should be."""
    return end.summary_agrees is not True or bool(end.problems)


@given(
    bills(),
    st.randoms(use_true_random=False),
    st.sampled_from(["utf-8", "utf-8-sig", "gbk"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_the_order_of_columns_the_encoding_and_the_ends_of_lines_change_nothing(
    rows: list[made.Cells], chance: random.Random, encoding: str, end: str
) -> None:
    header = list(made.ALL)
    chance.shuffle(header)
    told = read(made.written(made.wechat_lines(rows, header), encoding=encoding, end=end))
    assert told is not None
    assert told[0] == made.rows_of(made.wechat(*rows))[0]
    assert told[1].problems == ()


@given(bills(), st.data())
def test_a_row_told_twice_or_left_out_does_not_pass_unseen(rows: list[made.Cells], data: st.DataObject) -> None:
    lines = made.wechat_lines(rows)
    place = data.draw(st.integers(1, len(rows)))
    changed = (
        lines[:place] + lines[place + 1 :]
        if data.draw(st.booleans())
        else [*lines[:place], lines[place], *lines[place:]]
    )
    told = read(made.written(changed))
    assert told is not None
    assert told[1].summary_agrees is False


@given(bills(), st.data())
def test_a_changed_amount_does_not_pass_unseen(rows: list[made.Cells], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    name = "申请退款金额" if rows[place]["交易状态"] == "REFUND" else "订单金额"
    amount = data.draw(AMOUNTS)
    assume(amount != rows[place][name])
    lines = made.wechat_lines(rows)
    changed = {**rows[place], name: amount}
    lines[place + 1] = ",".join(f"`{changed[column]}" for column in made.ALL)
    told = read(made.written(lines))
    assert told is not None
    assert told[1].summary_agrees is False


@given(bills(), st.data())
def test_a_statement_cut_off_anywhere_is_whole_or_said_to_be_cut(rows: list[made.Cells], data: st.DataObject) -> None:
    """Split, too: the second half has no header."""
    whole = made.wechat(*rows)
    at = data.draw(st.integers(0, len(whole)))
    want = without_line(made.rows_of(whole)[0])
    told = read(whole[:at])
    if told is not None:
        assert want[: len(told[0])] == without_line(told[0])
        assert is_said(told[1]) or len(told[0]) == len(want)
    other = read(whole[at:])
    assert other is None or is_said(other[1]) or without_line(other[0]) == want


@given(bills(), st.data(), st.booleans())
def test_a_packed_statement_cut_off_anywhere_never_passes_for_whole(
    rows: list[made.Cells], data: st.DataObject, is_zip: bool
) -> None:
    whole = made.zipped({"a.csv": made.wechat(*rows)}) if is_zip else made.gzipped(made.wechat(*rows))
    told = read(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert told is None or is_said(told[1])


@given(bills(), st.data())
def test_bytes_that_are_spoilt_never_crash_and_no_line_vanishes(rows: list[made.Cells], data: st.DataObject) -> None:
    """A byte within a row leaves a row, other or the same, or a problem with a name, or the file is refused."""
    content = bytearray(made.wechat(*rows))
    end = content.rindex(made.TOTALS.encode())
    places = st.integers(content.index(b"\n") + 1, end - 1).filter(lambda place: content[place] not in b"\r\n")
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(32, 255)), max_size=8)):
        content[place] = byte
    told = read(bytes(content))
    if told is not None:
        others = sum(problem.code in ("header_again", "after_summary") for problem in told[1].problems)
        assert told[1].rows + told[1].left_out + others >= len(rows)


@given(st.binary(max_size=3000), st.sampled_from(["bill.csv", "INN26112288ZM_777290058110048", "a.zip"]))
def test_any_bytes_at_all_are_a_statement_or_refused_by_name(content: bytes, name: str) -> None:
    told = read(content, name)
    assert told is None or told[1].rows == len(told[0])


@given(bills(least=3), st.integers(200, 5000))
def test_the_size_of_blocks_changes_nothing(rows: list[made.Cells], size: int) -> None:
    """The pieces in which a file is read are no part of what it says."""
    want = made.rows_of(made.wechat(*rows))
    before = opening.BLOCK, opening.HEAD
    try:
        opening.BLOCK, opening.HEAD = size, 1000
        told = read(made.wechat(*rows))
    finally:
        opening.BLOCK, opening.HEAD = before
    assert told == want


@given(
    st.lists(st.tuples(st.integers(1, 10**10), st.sampled_from(["01", "04", "31"])), min_size=1, max_size=10), st.data()
)
def test_lines_of_fixed_width_are_rows_or_named(amounts: list[tuple[int, str]], data: st.DataObject) -> None:
    lines = [made.unionpay_line(serial, fen, kind) for serial, (fen, kind) in enumerate(amounts, 1)]
    whole = made.written(lines, encoding="gbk")
    told = read(whole[: data.draw(st.integers(1, len(whole)))], "INN26112288ZM_777290058110048")
    if told is not None:
        assert [row["amount_fen"] for row in told[0]] == [fen for fen, _ in amounts[: len(told[0])]]
        assert len(told[0]) + told[1].left_out >= 1 or told[1].problems
