"""Money: whole fen, one currency at a time, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from yuanlu.errors import Denied
from yuanlu.money import AMOUNT_MAX, Money, from_yuan

amounts = some.integers(-AMOUNT_MAX, AMOUNT_MAX)
weights = some.lists(some.integers(0, 1000), min_size=1, max_size=20).filter(any)


@given(amounts, weights)
def test_a_split_loses_nothing_and_treats_equals_alike(amount: int, shares: list[int]) -> None:
    """S70."""
    parts = Money(amount).split(shares)
    assert len(parts) == len(shares)
    assert sum(part.amount for part in parts) == amount
    for one, share in zip(parts, shares, strict=True):
        exact = amount * share
        assert abs(one.amount * sum(shares) - exact) < sum(shares), "no part is a fen or more from its exact share"
        assert share or not one.amount
        same = [other.amount for other, weight in zip(parts, shares, strict=True) if weight == share]
        assert max(same) - min(same) <= 1


def test_the_fen_left_over_goes_to_the_largest_remainder_and_then_to_the_earlier_part() -> None:
    assert [part.amount for part in Money(100).split([1, 1, 1])] == [34, 33, 33]
    assert [part.amount for part in Money(-100).split([1, 1, 1])] == [-34, -33, -33]
    assert [part.amount for part in Money(10).split([1, 2, 4])] == [1, 3, 6]


@pytest.mark.parametrize("shares", [[], [0], [0, 0], [1, -1], [-1]])
def test_there_is_no_split_without_a_share(shares: list[int]) -> None:
    with pytest.raises(ValueError, match=r"weights|min|empty"):
        Money(1).split(shares)


@given(amounts)
def test_yuan_text_reads_back_as_the_same_money(amount: int) -> None:
    """S70."""
    assert from_yuan(Money(amount).yuan()) == Money(amount)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("12.80", 1280), ("0.01", 1), ("0", 0), ("0.1", 10), ("-0.08", -8), ("7", 700), ("10000000000.00", AMOUNT_MAX)],
)
def test_amounts_in_yuan_are_read_exactly(text: str, amount: int) -> None:
    assert from_yuan(text) == Money(amount)


@pytest.mark.parametrize(
    "text",
    ["", " 1.00", "1.00\n", "1.", ".5", "01.00", "1.001", "1e2", "NaN", "Infinity", "１.00", "+1", "1,000.00", "--1"],
)
def test_what_is_no_plain_amount_is_not_read_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        from_yuan(text)


@pytest.mark.parametrize("amount", [1.0, True, "1", None])
def test_money_is_never_anything_but_a_whole_number(amount: object) -> None:
    """S70."""
    with pytest.raises(TypeError, match="integer number of fen"):
        Money(amount)  # type: ignore[arg-type]


def test_the_limit_is_the_last_amount_that_is_taken() -> None:
    assert Money(AMOUNT_MAX).amount == AMOUNT_MAX
    assert Money(-AMOUNT_MAX).amount == -AMOUNT_MAX
    for beyond in (AMOUNT_MAX + 1, -AMOUNT_MAX - 1):
        with pytest.raises(Denied, match=r"money\.too_large"):
            Money(beyond)
    with pytest.raises(Denied, match=r"money\.too_large"):
        Money(AMOUNT_MAX) + Money(1)
    with pytest.raises(Denied, match=r"money\.too_large"):
        from_yuan("10000000000.01")


@pytest.mark.parametrize("joined", ["__add__", "__sub__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_two_currencies_never_meet(joined: str) -> None:
    with pytest.raises(Denied, match=r"money\.currencies_differ"):
        getattr(Money(1), joined)(Money(1, "USD"))
    assert Money(1) != Money(1, "USD")


@given(amounts, amounts)
def test_money_compares_as_its_amounts_do(one: int, other: int) -> None:
    assert (Money(one) < Money(other)) is (one < other)
    assert (Money(one) <= Money(other)) is (one <= other)
    assert (Money(one) > Money(other)) is (one > other)
    assert (Money(one) >= Money(other)) is (one >= other)


def test_people_read_money_with_its_mark() -> None:
    assert str(Money(1234567)) == "¥12,345.67"
    assert str(Money(-5)) == "-¥0.05"
    assert str(Money(100, "USD")) == "USD 1.00"
    assert -Money(5) == Money(-5)
