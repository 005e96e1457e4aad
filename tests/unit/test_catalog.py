"""Goods, their dated prices, and files of them as spreadsheets write them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu import ids
from yuanlu.catalog import sheets
from yuanlu.catalog.rules import (
    Goods,
    GoodsAsk,
    GoodsEnded,
    GoodsPriced,
    GoodsPut,
    GoodsSeen,
    Price,
    barcode,
    price_at,
    priced,
    prices,
    put,
)
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.sheets import written

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
WATER, TEA = "6901234567892", "4006381333931"
ASK = GoodsAsk(
    merchant_id="YM", id=ids.new(ids.Kind.GOODS, NOON), who="anna", barcode=WATER, name_zh="水", price_fen=200
)
PRICES = st.lists(
    st.builds(Price, st.integers(0, 1000).map(lambda n: NOON + timedelta(hours=n)), st.integers(0, 9999)),
    unique_by=lambda each: each.since,
    max_size=20,
)


def stood(ask: GoodsAsk = ASK) -> Goods:
    done = put(ask, GoodsSeen(None), NOON)
    assert isinstance(done, Change)
    return done.row


@given(PRICES, st.integers(-5, 1005), st.randoms())
def test_the_price_at_a_moment_is_the_last_that_began(known: list[Price], hour: int, dice: object) -> None:
    at = NOON + timedelta(hours=hour)
    past = sorted(each for each in known if each.since <= at)
    assert price_at(known, at) == (past[-1].fen if past else None)
    assert price_at(known[::-1], at) == price_at(known, at)


@given(PRICES, st.integers(0, 1000), st.integers(0, 9999))
def test_a_new_price_counts_from_its_moment_and_changes_nothing_before(known: list[Price], hour: int, fen: int) -> None:
    """S44: what was charged before is judged by the prices of its time."""
    since = NOON + timedelta(hours=hour)
    now = priced(known, fen, since)
    assert price_at(now, since) == fen
    for each in range(hour):
        assert price_at(now, NOON + timedelta(hours=each)) == price_at(known, NOON + timedelta(hours=each))
    assert priced(now, fen, since) == now


def test_putting_again_is_the_same_and_a_price_is_added() -> None:
    goods = stood()
    assert put(ASK, GoodsSeen(goods, goods.id), NOON + timedelta(days=1)) == Stay(goods)
    done = put(replace(ASK, price_fen=250), GoodsSeen(goods, goods.id), NOON + timedelta(days=1))
    assert isinstance(done, Change)
    assert done.row.version == 2
    assert [type(fact) for fact in done.facts] == [GoodsPriced]
    assert [each.fen for each in prices(done.row)] == [200, 250]
    ended = put(replace(ASK, ended=True), GoodsSeen(goods), NOON)
    assert isinstance(ended, Change)
    assert [type(fact) for fact in ended.facts] == [GoodsEnded]
    assert put(replace(ASK, ended=True), GoodsSeen(ended.row), NOON + timedelta(days=1)) == Stay(ended.row)
    back = put(ASK, GoodsSeen(ended.row), NOON)
    assert isinstance(back, Change)
    assert [type(fact) for fact in back.facts] == [GoodsPut]
    assert back.row.ended_at is None


@pytest.mark.parametrize(
    ("changed", "seen", "code"),
    [
        ({"barcode": "6901234567890"}, GoodsSeen(None), "goods.barcode"),
        ({"name_zh": "  "}, GoodsSeen(None), "goods.nameless"),
        ({"price_fen": -1}, GoodsSeen(None), "goods.price"),
        ({}, GoodsSeen(None, "ZG-other"), "goods.barcode_taken"),
        ({"since": NOON - timedelta(days=1), "price_fen": 1}, GoodsSeen(stood()), "goods.backdated"),
    ],
)
def test_what_cannot_be_goods(changed: dict[str, object], seen: GoodsSeen, code: str) -> None:
    with pytest.raises(Denied) as no:
        put(replace(ASK, **changed), seen, NOON)  # type: ignore[arg-type]
    assert no.value.code == code


def test_barcodes_have_a_check_digit_and_one_form() -> None:
    assert barcode(" 690 1234-567892 ") == WATER
    assert barcode("036000291452") == "0036000291452"
    assert barcode("96385074") == "96385074"
    assert barcode("") == ""
    for wrong in ("6901234567891", "12345", "abc", "٦٩٠١٢٣٤٥٦٧٨٩٢", "130123456789012345"):
        with pytest.raises(Denied, match=r"goods\.barcode"):
            barcode(wrong)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_in_any_order_of_columns(encoding: str, end: str) -> None:
    text = f"售价,备注,商品名称,条码{end}￥2.50,冷,矿泉水,{WATER}{end}{end}12,,茶,{TEA}{end}"
    sheet = sheets.read(text.encode(encoding))
    assert [(each.line, each.barcode, each.name_zh, each.price_fen) for each in sheet.good] == [
        (2, WATER, "矿泉水", 250),
        (4, TEA, "茶", 1200),
    ]
    assert sheet.bad == ()


def test_each_bad_row_is_named_with_its_line_and_why() -> None:
    rows = [
        ("Barcode", "Name", "Price_fen"),
        (WATER, "water", "200"),
        (WATER, "again", "200"),
        ("6901234567891", "wrong digit", "200"),
        ("", "none", "200"),
        (TEA, "", "200"),
        (TEA, "two\nlines", "200"),
        (TEA, "tea", "2.50"),
        (TEA, "tea", "-1"),
        (TEA, "tea", "100000001"),
        (TEA,),
    ]
    sheet = sheets.read(written(rows).encode())
    assert [(each.line, each.why) for each in sheet.bad] == [
        (3, "barcode_twice"),
        (4, "barcode"),
        (5, "barcode_missing"),
        (6, "name"),
        (7, "name"),
        (9, "price"),
        (10, "price"),
        (11, "price"),
        (12, "cells"),
    ]
    assert [each.name_zh for each in sheet.good] == ["water"]


@pytest.mark.parametrize("yuan", ["1e3", "2.505", "NaN", "1,000", "", "0x10", "２", "=2", "2.", "99999999"])
def test_a_price_that_is_not_plain_is_no_price(yuan: str) -> None:
    sheet = sheets.read(f'name,price,barcode\nwater,"{yuan}",{WATER}\n'.encode())
    assert [(each.why, each.cell) for each in sheet.bad] == [("price", yuan)]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xff\xfe\x00", "goods.file_unreadable"),
        (b"\x80\x00\xff", "goods.file_unreadable"),
        (b'name,price,barcode\n"open', "goods.file_unreadable"),
        (b"", "goods.file_heads"),
        (b"name,barcode\n", "goods.file_heads"),
        (b"name,price,price_fen,barcode\n", "goods.file_heads"),
        (b"name,name,price,barcode\n", "goods.file_heads"),
        (b"name,price,barcode\n" + b"x,1,1\n" * 5001, "goods.file_rows"),
    ],
    ids=["utf-16", "binary", "open quote", "empty", "no price", "two prices", "twice", "too many"],
)
def test_a_file_that_is_none_is_refused_whole(raw: bytes, code: str) -> None:
    with pytest.raises(Denied) as no:
        sheets.read(raw)
    assert no.value.code == code


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_whatever_stands_in_a_file_is_read_or_refused(raw: bytes) -> None:
    try:
        sheets.read(b"name,price,barcode\n" + raw)
    except Denied as no:
        assert no.code.startswith("goods.file_")


@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20))
def test_a_cell_that_would_run_is_read_back_as_it_was(name: str) -> None:
    sheet = sheets.read(written([("name", "price", "barcode"), (name, "1", WATER)]).encode())
    assert [each.name_zh for each in sheet.good] == [name]
