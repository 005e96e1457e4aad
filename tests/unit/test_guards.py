"""What is asked about an amount before it is charged, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.guards.rules import ADVISES, Earlier, Guard, Known, Rung, Tuning, defaults, facts_of, judge, swapped
from yuanlu.told import both

RUNGS = st.lists(
    st.builds(lambda fen, pieces: Rung("x", pieces, fen * pieces, fen), st.integers(1, 100_000), st.integers(1, 20)),
    min_size=1,
    max_size=8,
)
EARLIER = st.lists(
    st.builds(Earlier, st.integers(1, 1_000_000), st.integers(0, 100_000), st.sampled_from(["", "others"])),
    max_size=60,
)


def asked(known: Known) -> Guard | None:
    found = [each.guard for each in judge(known) if each.asks]
    assert len(found) <= 1
    return found[0] if found else None


def rung(*fen: int) -> list[Rung]:
    return [Rung("x", 1, each) for each in fen]


@given(RUNGS, EARLIER)
def test_an_amount_that_is_its_baskets_is_never_asked_about(basket: list[Rung], earlier: list[Earlier]) -> None:
    """S88: nothing is found at all, whatever the till took before."""
    amount = sum(each.amount_fen for each in basket)
    assert judge(Known(amount_fen=amount, basket=basket, lines="these", earlier=earlier)) == ()


@given(st.integers(1, 10_000_000), RUNGS, EARLIER, st.none() | st.integers(0, 300))
def test_at_most_one_question_and_what_is_off_is_silent(
    amount: int, basket: list[Rung], earlier: list[Earlier], code: int | None
) -> None:
    """S73."""
    known = Known(amount_fen=amount, basket=basket, earlier=earlier, code_seconds=code)
    found = judge(known)
    assert [each.asks for each in found] == [bool(found) and found[0].guard not in ADVISES, *[False] * len(found)][
        : len(found)
    ]
    assert [each.percent for each in found] == sorted((each.percent for each in found), reverse=True)
    assert judge(replace(known, tuning=Tuning(off=frozenset(Guard)))) == ()
    for each in found:
        assert all(both(each.guard.value, dict(facts_of(each, amount))))


@pytest.mark.parametrize(
    ("amount", "guard"),
    [
        (12_800, Guard.TIMES_10),
        (128, Guard.TIMES_10),
        (128_000, Guard.TIMES_100),
        (2180, Guard.SWAPPED),
        (1208, Guard.SWAPPED),
        (3600, Guard.PREVIOUS),
        (1281, Guard.BASKET),
        (1200, None),
        (1280, None),
    ],
)
def test_an_amount_beside_its_basket(amount: int, guard: Guard | None) -> None:
    """S37."""
    known = Known(amount_fen=amount, basket=rung(280, 1000), earlier=[Earlier(3600, 300)])
    assert asked(known) is guard
    assert all(each.expected_fen == 1280 for each in judge(known))


def test_less_than_the_basket_stands_beside_it_without_a_question() -> None:
    (found,) = judge(Known(amount_fen=1200, basket=rung(1280)))
    assert (found.guard, found.asks) == (Guard.UNDER, False)


def test_a_line_that_is_not_as_the_price_list_says_is_named() -> None:
    """S44: which line, and what it should be."""
    basket = [Rung("水", 2, 400, 200), Rung("茶", 2, 700, 300), Rung("手工", 1, 100, None)]
    (found,) = judge(Known(amount_fen=1200, basket=basket))
    assert (found.guard, found.name, found.expected_fen, found.asks) == (Guard.PRICE, "茶", 600, True)


def test_what_is_unusual_needs_enough_to_compare_with() -> None:
    earlier = [Earlier(1000 + n, 1000 + n) for n in range(defaults().usual_from)]
    assert asked(Known(amount_fen=100_000, earlier=earlier[1:])) is None
    assert asked(Known(amount_fen=100_000, earlier=earlier)) is Guard.BIG
    assert asked(Known(amount_fen=9_000, earlier=earlier)) is None
    assert asked(Known(amount_fen=100_000, earlier=[*earlier, Earlier(120_000, 5000)])) is None


def test_the_same_amount_within_a_minute_is_asked_about_unless_it_is_common() -> None:
    """S37: repeated."""
    assert asked(Known(amount_fen=1280, earlier=[Earlier(1280, 60)])) is Guard.TWICE
    assert asked(Known(amount_fen=1280, earlier=[Earlier(1280, 61)])) is None
    assert asked(Known(amount_fen=1280, earlier=[Earlier(1281, 5)])) is None
    coffee = [Earlier(1280, 10), *(Earlier(1280 if n % 2 else 900, 500) for n in range(40))]
    assert asked(Known(amount_fen=1280, earlier=coffee)) is None
    basket = rung(1280)
    assert asked(Known(amount_fen=1280, basket=basket, lines="a", earlier=[Earlier(1280, 5, "b")])) is None
    assert asked(Known(amount_fen=1280, basket=basket, lines="a", earlier=[Earlier(1280, 5, "a")])) is Guard.TWICE


def test_the_same_code_again_is_the_likeliest_of_all() -> None:
    known = Known(amount_fen=12_800, basket=rung(1280), code_seconds=30)
    assert [each.guard for each in judge(known)] == [Guard.SCANNED_AGAIN, Guard.TIMES_10]
    assert asked(replace(known, code_seconds=121)) is Guard.TIMES_10


@given(st.integers(1, 10_000_000), st.integers(1, 10_000_000))
def test_digits_are_swapped_both_ways_or_not_at_all(one: int, other: int) -> None:
    assert swapped(one, other) == swapped(other, one)
    assert not swapped(one, one)
    assert not swapped(one, other) or sorted(str(one)) == sorted(str(other))


def test_the_defaults_are_those_of_the_code() -> None:
    assert defaults() == Tuning()
