"""Slips: no line wider than its paper, every amount on it, and each drawing says the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.money import Money
from yuanlu.payments.rules import State as PaymentState
from yuanlu.receipts import render
from yuanlu.receipts.layout import COLUMNS, Code, Kind, Slip, Text, clean, copies, laid, width, wrap
from yuanlu.refunds.rules import State as RefundState

NOON = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
NUMBER = "YP01KATE3S40000000000000000S8"
NAMES = st.text(max_size=90) | st.text("汉字ab ·￥¥é👍‍\t", max_size=90)
FEN = st.integers(0, 100_000_000)


def slip(**given: Any) -> Slip:
    base: dict[str, Any] = {
        "kind": Kind.PAYMENT,
        "number": NUMBER,
        "shop": "江边面馆",
        "store": "解放路店",
        "till": "一号台",
        "cashier": "小王",
        "tender": "微信",
        "channel_number": "4200002026112600000000000001",
        "state": "PAID",
        "amount": Money(12800),
        "paid": Money(12800),
        "at": NOON,
        "printed_at": NOON,
        "link": "https://shop.example/r/" + "a" * 43,
    }
    return Slip(**base | given)


def texts(made: Slip, paper: int) -> list[str]:
    return [line.text for line in laid(made, paper).lines if isinstance(line, Text)]


@st.composite
def slips(draw: st.DrawFn) -> Slip:
    kind = draw(st.sampled_from((Kind.PAYMENT, Kind.REFUND)))
    states = PaymentState if kind is Kind.PAYMENT else RefundState
    amount, back = draw(FEN), draw(FEN)
    return slip(
        kind=kind,
        lang=draw(st.sampled_from(("zh", "en"))),
        state=draw(st.sampled_from(sorted(states))).value,
        payment=NUMBER,
        amount=Money(amount),
        paid=Money(max(amount, back)),
        back=Money(back if kind is Kind.REFUND else min(amount, back)),
        again=draw(st.integers(0, 12)),
        copies=draw(st.integers(1, 3)),
        **{name: draw(NAMES) for name in ("shop", "store", "till", "cashier", "description", "channel_number")},
    )


@given(slips(), st.sampled_from(sorted(COLUMNS)))
def test_no_line_is_wider_than_the_paper_and_every_amount_is_there(made: Slip, paper: int) -> None:
    """S23."""
    for sheet in copies(made, paper):
        assert sheet.columns == COLUMNS[paper]
        lines = [line for line in sheet.lines if isinstance(line, Text)]
        assert all(line.columns <= sheet.columns for line in lines)
        assert all("\n" not in line.text and "\r" not in line.text for line in lines)
        whole = [line.text for line in lines]
        wanted = [made.amount]
        if made.kind is Kind.REFUND:
            wanted.append(made.paid)
        if made.back.amount:
            wanted += [made.back, (made.paid if made.kind is Kind.REFUND else made.amount) - made.back]
        for each in wanted:
            assert any(clean(str(each)) in text for text in whole), each
        assert NUMBER in whole
        assert [line.text for line in sheet.lines if isinstance(line, Code)] == [made.link, NUMBER]


@given(NAMES, st.sampled_from((16, 24, 32, 48)))
def test_wrapping_loses_nothing_but_spaces(text: str, columns: int) -> None:
    text = clean(text)
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(slips(), st.sampled_from(sorted(COLUMNS)))
def test_each_drawing_takes_whatever_stands_in_names(made: Slip, paper: int) -> None:
    from defusedxml.ElementTree import fromstring

    sheet = laid(made, paper)
    assert all(width(line) <= sheet.columns for line in render.plain([sheet]).splitlines() if "[QR" not in line)
    drawn = fromstring(render.svg(sheet))
    said = "".join("".join(each.itertext()) for each in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert clean(str(made.amount)) in said
    assert not {each.tag.rpartition("}")[2] for each in drawn.iter()} - {"svg", "g", "rect", "path", "text"}
    for line in sheet.lines:
        if isinstance(line, Text):  # two columns on paper are two bytes, or four, on the wire: never one
            assert len(line.text.encode(render.CHARSET)) >= width(line.text)


def test_copies_and_reprints_are_marked_with_their_count() -> None:
    plain = [render.plain([sheet]) for sheet in copies(slip(copies=2, again=3), 58)]
    assert all("重打（第 3 次）" in text for text in plain)
    assert ["副本" in text for text in plain] == [False, True]
    assert "副本 2/2" in plain[1]
    assert "重打" not in render.plain([laid(slip(), 58)])


def test_what_is_not_yet_money_back_is_not_said_to_be_back() -> None:
    refund = slip(kind=Kind.REFUND, payment=NUMBER, amount=Money(11520), back=Money(11520), state="SENT")
    whole = texts(refund, 58)
    assert "已发出，等渠道确认" in whole
    assert any(line.startswith("还剩") and line.endswith("￥12.80") for line in whole)
    assert not any("确认已退" in line for line in whole)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("paper", sorted(COLUMNS))
def test_the_test_page_fills_the_width_it_is_for(paper: int, lang: str) -> None:
    made = replace(slip(kind=Kind.TEST, number="ZR01KATE3S400000000000000000X"), lang=lang)
    sheet = laid(made, paper)
    assert max(line.columns for line in sheet.lines if isinstance(line, Text)) == COLUMNS[paper]


@pytest.mark.parametrize("link", ["https://shop.example/r/" + "x" * 43, NUMBER])
def test_a_qr_is_no_micro_qr_and_is_read_back(link: str) -> None:
    import zxingcpp
    from PIL import Image, ImageDraw

    path, squares = render.qr_path(link)
    assert squares >= 21 + 8
    image = Image.new("L", (squares * 4, squares * 4), 255)
    pen = ImageDraw.Draw(image)
    for move in path.split("M")[1:]:
        x, y = (int(each) * 4 for each in move.partition("h")[0].split())
        pen.rectangle((x, y, x + 3, y + 3), fill=0)
    assert [(each.text, each.format.name) for each in zxingcpp.read_barcodes(image)] == [(link, "QRCode")]
