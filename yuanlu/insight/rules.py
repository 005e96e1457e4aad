"""What reports count, and what may be said of two counts. Pure.

A *mistake* is a case in which somebody says that a scan went wrong, unless it was taken back or nothing was wrong. A
report's days are days of China; a payment belongs to the day on which it was opened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from yuanlu.cases.clockwork import Holder
from yuanlu.cases.rules import Conclusion, What
from yuanlu.clock import midnight
from yuanlu.errors import Denied

DAYS_MAX = 400
USUAL_DAYS = 30
SLACK = timedelta(days=1)
"""How far the clock that made an id may be off: ids are looked at so much wider, and the moment on record decides."""
MISTAKES = (
    What.WRONG_AMOUNT,
    What.WRONG_CODE,
    What.CHARGED_TWICE,
    What.WRONG_CUSTOMER,
    What.WRONG_PAYEE,
    What.OTHER,
)
NOT_WRONG = (Conclusion.WITHDRAWN, Conclusion.DECLINED, Conclusion.NOTHING_OWED)
"""Ends of a case after which it counts as no mistake."""
FEW_DAYS = 7
"""A payment younger than this may still be reported."""
EXACT_MAX = 2_000
"""Up to so many mistakes in all, chance is counted exactly; beyond, by the normal curve, which is then as good."""
UNLIKELY = 0.05
"""Below it, a difference is said to be more than chance."""
GRADES = 5


class Stage(StrEnum):
    """The parts of the way from a wish for money back to the money."""

    DECIDED = "decided"
    SENT = "sent"
    ARRIVED = "arrived"
    WHOLE = "whole"
    """From asked to arrived."""


class Group(StrEnum):
    """By what mistakes are laid out."""

    STORE = "store"
    TILL = "till"
    CASHIER = "cashier"


HELD_BY: Mapping[str, str] = {
    "CaseOpened": Holder.SYSTEM,
    "RemedyOvertaken": Holder.SYSTEM,
    "CaseToReview": Holder.MANAGER,
    "CaseAnswered": Holder.MANAGER,
    "CaseUnanswered": Holder.MANAGER,
    "CaseSentBack": Holder.MANAGER,
    "OfferTurnedDown": Holder.MANAGER,
    "OfferExpired": Holder.MANAGER,
    "CaseObjected": Holder.MANAGER,
    "CaseReopened": Holder.MANAGER,
    "ApprovalLapsed": Holder.MANAGER,
    "CaseInfoAsked": Holder.CUSTOMER,
    "OfferMade": Holder.CUSTOMER,
    "CaseDeclined": Holder.CUSTOMER,
    "CaseApproved": Holder.FINANCE,
    "OfferAccepted": Holder.FINANCE,
    "CaseNeedsPerson": Holder.FINANCE,
    "CaseBackInTrouble": Holder.FINANCE,
    "RemedyChosen": Holder.CHANNEL,
    "CaseOverdue": "",
    "CaseClosed": "",
}
"""Who has a case after a fact of it. Empty: the fact names them (`next_holder`), or nobody has it any more.

What is approved goes to a second person; where none is needed, the remedy is chosen in the same change, and that fact
comes last. A remedy that cancels is the system's, a repayment finance's (`remedy` of the fact)."""


@dataclass(frozen=True, slots=True)
class Days:
    """Some days of China, both ends included."""

    first: date
    last: date

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def since(self) -> datetime:
        """The first moment."""
        return midnight(self.first)

    @property
    def until(self) -> datetime:
        """The first moment that is no more of it."""
        return midnight(self.last + timedelta(days=1))

    @property
    def before(self) -> Days:
        """As many days, just before these."""
        return Days(self.first - timedelta(days=self.count), self.first - timedelta(days=1))


def days(first: date | None, last: date | None, today: date) -> Days:
    """The days that are asked for: where an end is not said, a month up to the other, or up to today.

    Raises Denied: report.span.
    """
    span = timedelta(days=USUAL_DAYS - 1)
    try:
        last = last or (min(today, first + span) if first and first <= today else today)
        first = first or last - span
        found = Days(first, last)
        fits = 0 < found.count <= DAYS_MAX and found.before.first.year > 1 and found.until.year < 9_999
    except OverflowError:
        fits = False
    if not fits:
        raise Denied("report.span", max_days=DAYS_MAX)
    return found


def per_mille(part: int, whole: int) -> float:
    """How many of a thousand; 0 of nothing."""
    return part / whole * 1000 if whole else 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One cause of a Pareto chart. `share`: its part of all; `up_to`: that of all down to it."""

    key: str
    count: int
    fen: int
    share: float
    up_to: float


def pareto(counts: Sequence[tuple[str, int, int]]) -> Sequence[Bar]:
    """Causes, the most frequent first; of equal ones the dearer, then by name.

    Shape: key, count (over 0), fen. Law: shares add up to 1, and so does the last `up_to`, exactly.
    """
    ordered = sorted(counts, key=lambda each: (-each[1], -each[2], each[0]))
    whole, so_far, bars = sum(count for _, count, _ in ordered), 0, list[Bar]()
    for key, count, fen in ordered:
        so_far += count
        bars.append(Bar(key, count, fen, count / whole, so_far / whole))
    return bars


def grade(part: int, most: int) -> int:
    """How dark a cell is: 0 for none, up to 5 for the most. Law: it never falls while the number grows."""
    return 0 if part <= 0 or most <= 0 else min(GRADES, 1 + (part * GRADES - 1) // most)


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely two parts would differ by as much if there were no difference. `is_exact`: counted, not by a curve."""

    p: float
    is_exact: bool

    @property
    def is_unlikely(self) -> bool:
        return self.p < UNLIKELY


def chance(wrong: int, of: int, wrong_before: int, of_before: int) -> Chance | None:
    """Whether the difference of two shares can be chance. None: there is nothing to compare.

    Source: Fisher, The Design of Experiments (1935), his exact test, two-sided by the sum of all tables no likelier
    than the one seen; beyond `EXACT_MAX` the test of two proportions with the pooled share, two-sided, without a
    correction.
    """
    if of <= 0 or of_before <= 0:
        return None
    if wrong + wrong_before <= EXACT_MAX:
        return Chance(_fisher(wrong, of, wrong_before, of_before), is_exact=True)
    return Chance(_pooled(wrong, of, wrong_before, of_before), is_exact=False)


def verdict(found: Chance | None, more: float) -> str:
    """What may be said of a difference: `fewer` or `more` mistakes, `chance`, or `nothing` to compare."""
    if found is None:
        return "nothing"
    if not found.is_unlikely or not more:
        return "chance"
    return "more" if more > 0 else "fewer"


def is_young(days: Days, today: date) -> bool:
    """Whether more may still be reported of the newest payments of these days."""
    return days.last > today - timedelta(days=FEW_DAYS)


def _fisher(wrong: int, of: int, wrong_before: int, of_before: int) -> float:
    """Law: between 0 and 1, and the same with the sides swapped."""
    both = wrong + wrong_before
    low, high = max(0, both - of_before), min(both, of)
    logs = [_choose(of, k) + _choose(of_before, both - k) for k in range(low, high + 1)]
    seen, top = logs[wrong - low] + 1e-9, max(logs)  # equal ones may differ by the last digits
    whole = math.fsum(math.exp(each - top) for each in logs)
    return min(1.0, math.fsum(math.exp(each - top) for each in logs if each <= seen) / whole)


def _choose(of: int, k: int) -> float:
    """The logarithm of how many ways there are."""
    return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)


def _pooled(wrong: int, of: int, wrong_before: int, of_before: int) -> float:
    pooled = (wrong + wrong_before) / (of + of_before)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_before))
    return math.erfc(abs(wrong / of - wrong_before / of_before) / spread / math.sqrt(2)) if spread else 1.0


def ticks(most: float, count: int = 4) -> Sequence[float]:
    """Where an axis is marked: from 0, even steps of 1, 2, 2.5 or 5 by powers of ten, to or over the most.

    Law: at most so many steps, and the last is not under the most.
    """
    if most <= 1e-9:
        return (0.0, 1.0)
    rough = most / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1.0, 2.0, 2.5, 5.0, 10.0) if each * power >= rough * (1 - 1e-12))
    return tuple(step * n for n in range(math.ceil(most / step - 1e-9) + 1))
