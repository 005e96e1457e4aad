"""What reports say of counts: shares, orders, chance, days and axes, for any counts there can be."""

from __future__ import annotations

import itertools
import re
from datetime import date, timedelta
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_words import width
from yuanlu import words
from yuanlu.cases import clockwork, review
from yuanlu.cases import rules as cases
from yuanlu.cases.rules import Conclusion, What
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.insight import rules
from yuanlu.insight.rules import DAYS_MAX, EXACT_MAX, HELD_BY, MISTAKES, Days, chance, grade, pareto, ticks
from yuanlu.web.console import charts
from yuanlu.web.console.charts import Point
from yuanlu.web.parts.reports import label, span

TODAY = date(2026, 11, 28)
counts = st.dictionaries(st.text(max_size=5), st.tuples(st.integers(1, 10**6), st.integers(0, 10**9)), min_size=1)
halves = st.integers(0, 40).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(counts)
def test_shares_of_a_pareto_add_up_to_one_and_go_down(of: dict[str, tuple[int, int]]) -> None:
    bars = pareto([(key, count, fen) for key, (count, fen) in of.items()])
    assert {bar.key: (bar.count, bar.fen) for bar in bars} == of
    assert [bar.count for bar in bars] == sorted((bar.count for bar in bars), reverse=True)
    assert sum(Fraction(bar.count, sum(each.count for each in bars)) for bar in bars) == 1
    assert sum(bar.share for bar in bars) == pytest.approx(1)
    assert bars[-1].up_to == 1.0
    assert all(one.up_to < other.up_to for one, other in itertools.pairwise(bars))


def test_of_equal_causes_the_dearer_comes_first_and_of_none_there_is_nothing() -> None:
    assert [bar.key for bar in pareto([("a", 2, 5), ("b", 2, 9), ("c", 3, 0)])] == ["c", "b", "a"]
    assert pareto([]) == []


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((3, 4, 1, 4), 0.4857142857142857),  # Fisher's lady tasting tea: 34/70
        ((1, 10, 11, 14), 0.0027594561852200832),  # 1, 9 / 11, 3
        ((8, 10, 1, 6), 0.034965034965034965),  # 8, 2 / 1, 5
        ((0, 10, 0, 10), 1.0),
        ((5, 5, 0, 5), 2 / 252),
    ],
)
def test_chance_is_counted_as_fisher_does(table: tuple[int, int, int, int], p: float) -> None:
    found = chance(*table)
    assert found is not None
    assert found.is_exact
    assert found.p == pytest.approx(p, rel=1e-9)


@given(halves, halves)
def test_chance_is_the_sum_of_all_tables_no_likelier_and_the_same_from_both_sides(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    found = chance(*one, *other)
    assert found == chance(*other, *one) or found is not None
    if not one[1] or not other[1]:
        assert found is None
        return
    both = one[0] + other[0]
    ways = {k: comb(one[1], k) * comb(other[1], both - k) for k in range(both + 1) if k <= one[1]}
    wanted = Fraction(sum(way for way in ways.values() if way <= ways[one[0]]), sum(ways.values()))
    assert found is not None
    assert found.p == pytest.approx(float(wanted), rel=1e-7)
    back = chance(*other, *one)
    assert back is not None
    assert back.p == pytest.approx(found.p, rel=1e-7)


def test_of_many_the_normal_curve_says_the_same() -> None:
    """By hand: of 2,750 and 2,250 in 200,000 z is 7.116, of 1,050 and 1,000 in 100,000 it is 1.110."""
    far = chance(2750, 200_000, 2250, 200_000)
    assert far is not None
    assert not far.is_exact
    z = 500 / 200_000 / (0.0125 * 0.9875 * 2 / 200_000) ** 0.5
    assert z == pytest.approx(7.116, abs=1e-3)
    assert far.p == pytest.approx(1.11e-12, rel=0.02)
    near = chance(1050, 100_000, 1000, 100_000)
    assert near is not None
    assert near.p == pytest.approx(0.2669, abs=2e-3)
    exact = rules._fisher(1050, 100_000, 1000, 100_000)
    assert near.p == pytest.approx(exact, abs=0.01)
    assert EXACT_MAX < 2050


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ((1, 1000, 20, 1000), "fewer"),
        ((20, 1000, 1, 1000), "more"),
        ((5, 1000, 6, 1000), "chance"),
        ((0, 0, 1, 9), "nothing"),
    ],
)
def test_what_may_be_said_of_a_difference(table: tuple[int, int, int, int], said: str) -> None:
    wrong, of, was, of_was = table
    assert rules.verdict(chance(*table), rules.per_mille(wrong, of) - rules.per_mille(was, of_was)) == said


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 50))
def test_a_cell_is_never_lighter_for_more(one: int, other: int, most: int) -> None:
    low, high = sorted((min(one, most), min(other, most)))
    assert 0 <= grade(low, most) <= grade(high, most) <= rules.GRADES
    assert (grade(high, most) == 0) == (high == 0)
    assert grade(most, most) == rules.GRADES


@given(st.floats(1e-6, 1e12))
def test_an_axis_reaches_the_most_by_few_even_steps(most: float) -> None:
    steps = ticks(most)
    assert steps[0] == 0
    assert most <= steps[-1] * (1 + 1e-6)
    assert 2 <= len(steps) <= 5
    assert all(one < other for one, other in itertools.pairwise(steps))


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, DAYS_MAX))
def test_days_have_both_ends_and_what_was_before_is_as_long(first: date, count: int) -> None:
    found = rules.days(first, first + timedelta(days=count - 1), TODAY)
    assert found.count == count == found.before.count
    assert found.until - found.since == timedelta(days=count)
    assert found.before.until == found.since
    assert found.since.utcoffset() == timedelta(hours=8)


def test_without_days_it_is_the_last_month_and_without_one_a_month_from_the_other() -> None:
    assert rules.days(None, None, TODAY) == Days(date(2026, 10, 30), TODAY)
    assert rules.days(date(2026, 1, 1), None, TODAY) == Days(date(2026, 1, 1), date(2026, 1, 30))
    assert rules.days(date(2026, 11, 20), None, TODAY) == Days(date(2026, 11, 20), TODAY)
    assert rules.days(None, date(2026, 1, 30), TODAY) == Days(date(2026, 1, 1), date(2026, 1, 30))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (TODAY, TODAY - timedelta(days=1)),
        (TODAY - timedelta(days=DAYS_MAX), TODAY),
        (date.min, date.min),
        (None, date.min),
        (date.max, date.max),
        (date.max, None),
    ],
)
def test_days_that_are_none_or_too_many_are_refused(first: date | None, last: date | None) -> None:
    with pytest.raises(Denied, match=r"report\.span"):
        rules.days(first, last, TODAY)


def test_mistakes_are_what_people_say_went_wrong_with_a_scan() -> None:
    assert set(MISTAKES) == set(cases.BY_PEOPLE) - {What.REQUEST}
    assert Conclusion.MONEY_BACK not in rules.NOT_WRONG


def test_whoever_holds_a_case_follows_from_facts_that_there_are() -> None:
    kinds = {each.__name__ for module in (cases, review, clockwork) for each in vars(module).values()
             if isinstance(each, type) and issubclass(each, Fact)}  # fmt: skip
    assert set(HELD_BY) <= kinds
    assert set(HELD_BY.values()) - {""} <= set(clockwork.Holder)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_spans_are_told_in_two_units_and_causes_by_their_words(lang: str) -> None:
    said = {n: span(n, lang) for n in (0, 59, 60, 61, 3_600, 3_660, 90_000, 86_400)}
    if lang == "en":
        assert said == {
            0: "0 s", 59: "59 s", 60: "1 min", 61: "1 min 1 s", 3_600: "1 h", 3_660: "1 h 1 min", 90_000: "1 d 1 h",
            86_400: "1 d",
        }  # fmt: skip
    for key in ("amount.twice", "wrong_amount", "input.amount.decimal_slip", "decided", "manager", "system"):
        assert label(key, lang) != key
        assert "\n" not in label(key, lang)
    assert label("made up", lang) == "made up"


@given(st.lists(st.floats(0, 1e9), max_size=400))
def test_bars_lie_on_the_sheet_and_are_as_high_as_what_they_show(values: list[float]) -> None:
    chart = charts.columns([Point(str(n), value, "") for n, value in enumerate(values)], str)
    assert len(chart.bars) == len(values)
    for bar in chart.bars:
        assert charts.LEFT - 0.1 <= bar.x <= bar.x + bar.width <= charts.WIDTH - charts.RIGHT + 1
        assert charts.TOP - 0.2 <= bar.y <= bar.y + bar.height <= charts.HEIGHT - charts.BOTTOM + 0.2
    highest = max((bar.height for bar in chart.bars), default=0)
    assert all(bar.height == highest for bar, value in zip(chart.bars, values, strict=True) if value == max(values))
    assert len(chart.marks) <= charts.MARKS_MAX


def test_words_of_reports_fit_their_lines() -> None:
    for code, told in words.catalogue().items():
        if re.match(r"(console\.reports|report\.|problem\.report)", code):
            assert all(width(line) <= 24 for line in told["zh"].split("\n")), code
