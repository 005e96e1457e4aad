"""Card and identity numbers in text: found however they are written, and nothing else is touched."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from yuanlu import ids
from yuanlu.masking import Found, masked
from yuanlu.money import Money

PREFIXES = ["62", "4", "51", "55", "2221", "2720", "34", "37", "3528", "6011", "65", "955880", "81"]
LENGTHS = {"4": 16, "51": 16, "55": 16, "2221": 16, "2720": 16, "34": 15, "37": 15, "955880": 19}
GAPS = ["", " ", "-", " - ", ".", "\u00a0", "\u200b", "·", "\t"]
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")


def card(prefix: str, fill: int) -> str:
    length = LENGTHS.get(prefix, 16)
    body = (prefix + str(fill).zfill(20))[: length - 1]
    return str(body + luhn.calc_check_digit(body))


def id_number(region: int, day: int, order: int) -> str:
    body = f"{region:06}{1950 + day % 60}{1 + day % 12:02}{1 + day % 28:02}{order:03}"
    return str(body + mod_11_2.calc_check_digit(body))


@given(st.sampled_from(PREFIXES), st.integers(0, 10**20 - 1), st.sampled_from(GAPS), st.booleans(), st.text(max_size=8))
def test_a_card_number_is_masked_however_it_is_written(
    prefix: str, fill: int, gap: str, wide: bool, around: str
) -> None:
    """S36."""
    number = card(prefix, fill)
    written = gap.join(number[n : n + 4] for n in range(0, len(number), 4))
    text, found = masked(f"{around}卡{written.translate(WIDE) if wide else written}号{around}")
    assert Found.CARD in found
    assert f"卡****{number[-4:]}号" in text
    assert number not in text


@given(st.integers(110000, 659999), st.integers(0, 9999), st.integers(0, 999), st.sampled_from(GAPS), st.booleans())
def test_an_identity_number_is_masked_whole(region: int, day: int, order: int, gap: str, lower: bool) -> None:
    """S36."""
    number = id_number(region, day, order)
    written = gap.join((number[:6], number[6:14], number[14:]))
    text, found = masked(f"证{written.lower() if lower else written}。")
    assert found == (Found.ID_NUMBER,)
    assert text == "证****。"


@given(st.text(alphabet="0123456789 -xX卡4", max_size=80))
def test_masking_again_changes_nothing(text: str) -> None:
    """S36."""
    once = masked(text)
    again = masked(once.text)
    assert (again.text, again.found) == (once.text, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "收款 ¥128.00，2026-11-23 12:30:05",
        "手机 13800001111",
        "微信单号 4200001234202611231234567890",
        "支付宝单号 2026112322001412345678901234",
        "4111111111111112",
        "条码 6901234567892",
        "YP01M82V7M00076RS7P5RWH8PNH3G",
        "0000000000000000",
        "电话 021-6222 转 0202",
    ],
)
def test_what_is_no_card_and_no_identity_number_stays(text: str) -> None:
    assert masked(text) == (text, ())


def test_a_card_among_other_figures_is_found() -> None:
    """S36."""
    text, found = masked("20261123 4111 1111 1111 1111 127 和 110105 19491231 002X")
    assert (text, found) == ("20261123 ****1111 127 和 ****", (Found.CARD, Found.ID_NUMBER))


def test_a_long_text_is_masked_in_no_time() -> None:
    masked("1 2" * 50_000 + "4" * 50_000)


KINDS = st.sampled_from(list(ids.Kind))
MADE = st.integers(1_600_000_000, 3_700_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))


def id_with(kind: ids.Kind, number: str) -> str:
    """An id of ours in which this number stands, check character and all."""
    body = f"{kind.value}0A{number}".ljust(28, "A")
    return next(body + last for last in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" if ids.is_id(body + last))


@given(KINDS, MADE, st.text(max_size=8), st.lists(st.text(), min_size=1, max_size=3))
def test_our_own_ids_are_never_masked(kind: ids.Kind, at: datetime, around: str, parts: list[str]) -> None:
    """S36."""
    one = ids.derived(kind, at, *parts)
    text = masked(f"{around} 单号{one}，{one} {around}").text
    assert text.count(one) == 2


@given(KINDS, st.sampled_from(PREFIXES), st.integers(0, 10**20 - 1))
def test_a_card_number_inside_one_of_our_ids_is_part_of_the_id(kind: ids.Kind, prefix: str, fill: int) -> None:
    """S36."""
    number = card(prefix, fill)
    one = id_with(kind, number)
    assert masked(f"单号{one}") == (f"单号{one}", ())
    other = one[:-1] + ("A" if one[-1] != "A" else "B")
    assert masked(other).found == (Found.CARD,)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=6), st.sampled_from([" ", "，", " / ", "\n"]))
def test_amounts_are_never_masked(amounts: list[int], gap: str) -> None:
    """S36."""
    for written in (
        [str(Money(each)) for each in amounts],
        [Money(each).yuan() for each in amounts],
        [f"{each // 100:,}.{each % 100:02d}" for each in amounts],
        [f"{each}元" for each in amounts],
    ):
        text = gap.join(written)
        assert masked(text) == (text, ())


@given(st.sampled_from(PREFIXES), st.integers(0, 10**20 - 1), st.integers(0, 10**9), st.sampled_from(GAPS))
def test_a_card_between_amounts_and_ids_is_masked_all_the_same(prefix: str, fill: int, fen: int, gap: str) -> None:
    """S36."""
    number = card(prefix, fill)
    written = gap.join(number[n : n + 4] for n in range(0, len(number), 4))
    one = ids.new(ids.Kind.PAYMENT)
    text = masked(f"{one} 付了 {Money(fen)}，卡{written}，{Money(fen).yuan()}")
    assert text == (f"{one} 付了 {Money(fen)}，卡****{number[-4:]}，{Money(fen).yuan()}", (Found.CARD,))
