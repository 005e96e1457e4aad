"""What is asked about an amount before it is charged, and what is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuanlu.guards.rules import (
    ADVISES,
    BOUNDS,
    Earlier,
    Guard,
    Known,
    Rung,
    Tuning,
    defaults,
    facts_of,
    judge,
    scanned_again,
    swapped,
)
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


OFTEN = [Earlier(1280 if n % 4 == 0 else 2000 + n, 500 + n) for n in range(40)]
"""A till that takes 12.80 every fourth time, and else around 20.00."""

ASKS: Mapping[Guard, Known] = {
    Guard.TIMES_10: Known(amount_fen=12_800, basket=rung(280, 1000)),
    Guard.TIMES_100: Known(amount_fen=128_000, basket=rung(280, 1000)),
    Guard.USUAL_10: Known(amount_fen=12_800, earlier=OFTEN),
    Guard.USUAL_100: Known(amount_fen=128_000, earlier=OFTEN),
    Guard.BIG: Known(amount_fen=31_313, earlier=OFTEN),
    Guard.SWAPPED: Known(amount_fen=2180, basket=rung(1280)),
    Guard.PREVIOUS: Known(amount_fen=3600, basket=rung(1280), earlier=[Earlier(3600, 300), Earlier(990, 400)]),
    Guard.TWICE: Known(amount_fen=990, earlier=[Earlier(990, 60)]),
    Guard.BASKET: Known(amount_fen=1281, basket=rung(1280)),
    Guard.PRICE: Known(amount_fen=700, basket=[Rung("茶", 2, 700, 300)]),
    Guard.SCANNED_AGAIN: Known(amount_fen=990, code_seconds=120),
}
"""By guard, what it asks about."""

SILENT_ABOUT: Mapping[Guard, Sequence[Known]] = {
    Guard.TIMES_10: [Known(amount_fen=12_801, basket=rung(1280)), Known(amount_fen=1280, basket=rung(1280))],
    Guard.TIMES_100: [Known(amount_fen=128_100, basket=rung(1280))],
    Guard.USUAL_10: [
        Known(amount_fen=12_810, earlier=OFTEN),
        Known(amount_fen=12_800, earlier=OFTEN[:19]),
        Known(amount_fen=12_800, earlier=[*OFTEN, Earlier(12_800, 5000)]),
        Known(amount_fen=20_010, earlier=OFTEN),
    ],
    Guard.USUAL_100: [Known(amount_fen=128_000, earlier=OFTEN[:19]), Known(amount_fen=128_100, earlier=OFTEN)],
    Guard.BIG: [
        Known(amount_fen=20_000, earlier=OFTEN),
        Known(amount_fen=31_313, earlier=[*OFTEN, Earlier(40_000, 9000)]),
        Known(amount_fen=31_313, earlier=OFTEN[:19]),
        Known(amount_fen=31_313, basket=rung(31_313), earlier=OFTEN),
    ],
    Guard.SWAPPED: [Known(amount_fen=8210, basket=rung(1280)), Known(amount_fen=1280, basket=rung(1280))],
    Guard.PREVIOUS: [
        Known(amount_fen=1280, basket=rung(1280), earlier=[Earlier(1280, 300)]),
        Known(amount_fen=3600, basket=rung(1280), earlier=[Earlier(990, 300), Earlier(3600, 400)]),
    ],
    Guard.TWICE: [
        Known(amount_fen=990, earlier=[Earlier(990, 61)]),
        Known(amount_fen=990, earlier=[Earlier(991, 5)]),
        Known(amount_fen=1280, earlier=[Earlier(1280, 5), *OFTEN]),
        Known(amount_fen=990, basket=rung(990), lines="a", earlier=[Earlier(990, 5, "b")]),
        Known(amount_fen=990, basket=rung(990), lines="a", earlier=[Earlier(990, 5)]),
    ],
    Guard.BASKET: [Known(amount_fen=1279, basket=rung(1280)), Known(amount_fen=1280, basket=rung(1280))],
    Guard.PRICE: [
        Known(amount_fen=600, basket=[Rung("茶", 2, 600, 300)]),
        Known(amount_fen=100, basket=[Rung("手工", 1, 100, None)]),
    ],
    Guard.SCANNED_AGAIN: [Known(amount_fen=990, code_seconds=121), Known(amount_fen=990)],
}
"""By guard, what it does not ask about, however near."""


def test_every_guard_that_asks_has_an_example_of_both() -> None:
    assert set(ASKS) == set(SILENT_ABOUT) == set(Guard) - ADVISES


@pytest.mark.parametrize("guard", ASKS)
def test_a_guard_asks(guard: Guard) -> None:
    """S37. S88."""
    assert asked(ASKS[guard]) is guard


@pytest.mark.parametrize(("guard", "known"), [(guard, known) for guard, some in SILENT_ABOUT.items() for known in some])
def test_a_guard_does_not_ask(guard: Guard, known: Known) -> None:
    """S88."""
    assert guard not in {each.guard for each in judge(known)}


@pytest.mark.parametrize("guard", ASKS)
def test_a_guard_that_is_off_hides_none_that_is_on(guard: Guard) -> None:
    known = ASKS[guard]
    found = {each.guard for each in judge(known)}
    others = {each.guard for each in judge(replace(known, tuning=Tuning(off=frozenset({guard}))))}
    assert guard not in others
    assert others >= found - {guard}


def test_a_wrong_amount_is_still_more_than_the_basket_where_its_guard_is_off() -> None:
    tuning = Tuning(off=frozenset({Guard.TIMES_10, Guard.PREVIOUS}))
    known = Known(amount_fen=12_800, basket=rung(1280), earlier=[Earlier(12_800, 300)], tuning=tuning)
    assert asked(known) is Guard.BASKET


def test_what_counts_for_a_while_says_how_long() -> None:
    """So that a till drops it by itself, without asking again."""
    assert [each.seconds for each in judge(Known(amount_fen=990, earlier=[Earlier(990, 20)]))] == [40]
    assert [each.seconds for each in judge(Known(amount_fen=990, code_seconds=20))] == [100]
    assert [each.seconds for each in judge(ASKS[Guard.TIMES_10])] == [None]
    by_itself = scanned_again(defaults())
    assert by_itself is not None
    assert (by_itself.guard, by_itself.asks, by_itself.seconds) == (Guard.SCANNED_AGAIN, True, 120)
    assert scanned_again(Tuning(off=frozenset({Guard.SCANNED_AGAIN}))) is None


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
    for name, (low, high) in BOUNDS.items():
        assert low <= getattr(defaults(), name) <= high
