"""Amounts explained, and lines shared: every fen has a place, in whatever order money goes back."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.unit.test_words import width
from yuanlu.amounts import lines
from yuanlu.amounts.lines import Line
from yuanlu.amounts.rules import Back, Bill, What, differences, expected_payer_back, explain
from yuanlu.channels.contract import Figures
from yuanlu.errors import Denied

TEA = (Line("1", "tea", 3, 1000), Line("2", "cake", 1, 999), Line("3", "bag", 1, 0))


@some.composite
def sales(draw: Any) -> tuple[tuple[Line, ...], int]:
    """Lines, and what was paid for them after a discount on the whole order."""
    count = draw(some.integers(1, 8))
    told = tuple(Line(str(n), "", draw(some.integers(1, 9)), draw(some.integers(0, 100_000))) for n in range(count))
    whole = sum(line.amount_fen for line in told)
    if not whole:
        told, whole = (replace(told[0], amount_fen=7), *told[1:]), 7
    return told, draw(some.integers(1, whole))


@given(sales(), some.randoms(use_true_random=False))
def test_parts_add_up_to_the_whole_in_whatever_order_they_go_back(
    sale: tuple[tuple[Line, ...], int], chance: Any
) -> None:
    """S70."""
    told, paid = sale
    pieces = [line.id for line in told for _ in range(line.quantity)]
    chance.shuffle(pieces)
    returned: dict[str, int] = {}
    total = 0
    while pieces:
        some_ = pieces[: chance.randint(1, len(pieces))]
        del pieces[: len(some_)]
        wanted = {line_id: some_.count(line_id) for line_id in some_}
        part = lines.back(told, paid, returned, wanted)
        assert part >= 0
        total += part
        returned = lines.added([returned, wanted])
        assert total <= paid
    assert total == paid


@given(sales())
def test_shares_add_up_and_none_exceeds_its_line(sale: tuple[tuple[Line, ...], int]) -> None:
    """S70."""
    told, paid = sale
    parts = lines.shares(told, paid)
    assert sum(parts.values()) == paid
    assert all(0 <= parts[line.id] <= line.amount_fen for line in told)


def test_three_pieces_of_ten_yuan_one_by_one() -> None:
    worth = [lines.back(TEA, 1999, {"1": n}, {"1": 1}) for n in range(3)]
    assert (worth, sum(worth)) == ([333, 333, 334], 1000)


def test_lines_are_kept_and_read_again() -> None:
    assert lines.of_text(lines.as_text(TEA)) == TEA
    assert (lines.as_text(()), lines.of_text("")) == ("", ())
    assert lines.pieces_of(lines.pieces_text({"2": 1, "1": 3})) == {"1": 3, "2": 1}


@pytest.mark.parametrize(
    ("told", "paid", "code"),
    [
        ((Line("1", "", 1, 5), Line("1", "", 1, 5)), 10, "lines.id_twice"),
        ((Line("1", "", 0, 5),), 5, "lines.quantity"),
        ((Line("1", "", 1, -5),), 5, "lines.quantity"),
        ((Line("1", "", 1, 4),), 5, "lines.sum"),
        (tuple(Line(str(n), "", 1, 1) for n in range(201)), 5, "lines.too_many"),
    ],
)
def test_lines_that_cannot_be_shared_are_refused(told: tuple[Line, ...], paid: int, code: str) -> None:
    with pytest.raises(Denied) as no:
        lines.checked(told, paid)
    assert no.value.code == code


@pytest.mark.parametrize(
    ("told", "wanted", "code"),
    [
        ((), {"1": 1}, "lines.none"),
        (TEA, {"9": 1}, "lines.unknown"),
        (TEA, {"1": 3}, "lines.over"),
        (TEA, {"1": 0}, "lines.over"),
    ],
)
def test_pieces_that_are_not_there_do_not_go_back(told: tuple[Line, ...], wanted: dict[str, int], code: str) -> None:
    with pytest.raises(Denied) as no:
        lines.back(told, 1999, {"1": 1}, wanted)
    assert no.value.code == code


# Explained.


def back(fen: int, name: str = "a", *, done: bool = True, into: str = "", **said: int) -> Back:
    return Back(id=name, amount_fen=fen, figures=Figures(**said), is_done=done, received_into=into)


def told(bill: Bill) -> dict[What, int]:
    return {each.what: each.amount_fen for each in explain(bill).amounts}


def test_you_paid_90_the_coupon_gave_10_you_get_90() -> None:
    """S77. The sentence that no other system says."""
    bill = Bill(
        charged_fen=10000,
        figures=Figures(payer=9000, coupon=1000, coupon_shop=0, settled=10000),
        backs=(back(10000, into="招商银行信用卡0403", payer=9000, coupon=1000),),
    )
    assert told(bill) == {
        What.CHARGED: 10000,
        What.PAYER: 9000,
        What.COUPON: 1000,
        What.SETTLED: 10000,
        What.BACK: 10000,
        What.ARRIVED: 9000,
        What.COUPON_BACK: 1000,
        What.LEFT: 0,
    }
    said = {each.what: each for each in explain(bill).amounts}
    assert said[What.PAYER].customer_zh == "您自己付了 ¥90.00"
    assert "招商银行信用卡0403" in said[What.ARRIVED].customer_zh
    assert explain(bill).differences == ()


def test_part_has_arrived_and_part_is_on_its_way() -> None:
    """S77, S78."""
    bill = Bill(charged_fen=900, figures=Figures(payer=900), backs=(back(300), back(200, "b", done=False)))
    amounts = told(bill)
    assert (amounts[What.ARRIVED], amounts[What.ARRIVING], amounts[What.LEFT]) == (300, 200, 400)
    assert What.COUPON not in amounts


def test_where_the_channel_says_nothing_what_follows_is_told_as_reckoned() -> None:
    explained = explain(Bill(charged_fen=900, figures=Figures()))
    assert {each.what: each.said for each in explained.amounts}[What.PAYER] is False
    assert explained.differences == ()


@pytest.mark.parametrize(
    ("bill", "kinds"),
    [
        (Bill(charged_fen=1000, figures=Figures(payer=900, coupon=200)), ["paid_sum"]),
        (Bill(charged_fen=1000, figures=Figures(payer=1100)), ["payer"]),
        (Bill(charged_fen=1000, figures=Figures(payer=1000, settled=990)), ["settled"]),
        (Bill(charged_fen=1000, figures=Figures(payer=900, coupon_shop=100, settled=900)), []),
        (Bill(charged_fen=1000, figures=Figures(payer=900), backs=(back(500, payer=500),)), ["payer_back"]),
        (Bill(charged_fen=1000, figures=Figures(payer=900), backs=(back(500, payer=450, coupon=49),)), ["back_sum"]),
        (Bill(charged_fen=1000, figures=Figures(payer=900), backs=(back(500, payer=451),)), []),
        (
            Bill(charged_fen=1000, figures=Figures(payer=900), backs=(back(1000, payer=800),)),
            ["payer_back", "all_back"],
        ),
    ],
)
def test_what_does_not_fit_is_a_difference(bill: Bill, kinds: list[str]) -> None:
    """S77."""
    assert [each.kind for each in differences(bill)] == kinds


@given(some.integers(1, 10**6), some.data())
def test_a_channel_that_shares_in_proportion_is_no_difference(charged: int, data: Any) -> None:
    """S77, S70. Whatever parts go back, with each cumulative rounding a channel may use."""
    payer = data.draw(some.integers(0, charged))
    cuts = sorted([*data.draw(some.lists(some.integers(0, charged), max_size=6, unique=True)), charged])
    backs, before = [], 0
    for n, cut in enumerate(cuts):
        if cut > before:
            part = cut * payer // charged - before * payer // charged
            backs.append(back(cut - before, str(n), payer=part, coupon=cut - before - part))
            before = cut
    bill = Bill(charged_fen=charged, figures=Figures(payer=payer, coupon=charged - payer), backs=tuple(backs))
    assert differences(bill) == ()
    assert sum(each.figures.payer or 0 for each in backs) == payer
    assert expected_payer_back(bill, charged) == payer


@given(
    some.builds(
        Figures,
        **{
            name: some.none() | some.integers(0, 10**8) for name in ("payer", "coupon", "coupon_shop", "settled", "fee")
        },
    )
)
def test_figures_are_kept_and_read_again(figures: Figures) -> None:
    assert Figures.of_text(figures.text) == figures


def test_every_sentence_fits_the_screen() -> None:
    bills = [
        Bill(
            charged_fen=12800000,
            figures=Figures(payer=9000000, coupon=3800000, coupon_shop=100, settled=12800000, fee=600),
            backs=(back(6400000), back(6400000 * has_more, "b", done=False)),
        )
        for has_more in (0, 1)
    ]
    told_ = list(itertools.chain.from_iterable(explain(bill).amounts for bill in bills))
    assert {each.what for each in told_} == set(What)
    assert all(width(line) <= 24 for each in told_ for line in f"{each.customer_zh}\n{each.clerk_zh}".split("\n"))
