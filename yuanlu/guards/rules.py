"""What is asked about a charge before money moves. Pure: what is known goes in, findings come out.

Nothing is asked when all is plausible, and never more than one question: of what was found, the likeliest asks, the
others advise. A basket says what the amount should be; without one, what the till mostly takes says what is unusual.
All sums are whole fen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from yuanlu import packaged

AMOUNTS_MAX = 200
"""How many amounts of a till are looked at: the newest."""


class Guard(StrEnum):
    """What may be wrong. The value is the code of its words."""

    TIMES_10 = "amount.times_10"
    TIMES_100 = "amount.times_100"
    BIG = "amount.big"
    SWAPPED = "amount.swapped"
    PREVIOUS = "amount.previous"
    TWICE = "amount.twice"
    BASKET = "amount.basket"
    UNDER = "amount.under"
    PRICE = "amount.price"
    SCANNED_AGAIN = "amount.scanned_again"


ADVISES = frozenset({Guard.UNDER})
"""What never asks: less than the basket is mostly a discount."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Where the guards of a store draw their lines; see `guards.toml`. Spans are whole seconds."""

    off: frozenset[Guard] = frozenset()
    usual_times: int = 10
    usual_from: int = 20
    twice_within: int = 60
    again_within: int = 120
    common_percent: int = 5


@lru_cache(maxsize=1)
def defaults() -> Tuning:
    """The tuning of who has none of their own."""
    said = tomllib.loads(packaged.text("guards/guards.toml"))
    said.pop("since")
    return Tuning(**{**said, "off": frozenset(Guard(name) for name in said["off"])})


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of a basket. `amount_fen`: of all its pieces. `list_fen`: of one, by the price list; None: unlisted."""

    name: str
    quantity: int
    amount_fen: int
    list_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A charge of the same till before this one, that did not fail. `lines`: what was sold, as it was written down."""

    amount_fen: int
    seconds: int
    """How long ago."""
    lines: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known when an amount is about to be charged."""

    amount_fen: int
    basket: Sequence[Rung] = ()
    lines: str = ""
    """The basket, as it would be written down."""
    earlier: Sequence[Earlier] = ()
    """The newest first."""
    code_seconds: int | None = None
    """How long ago the same code was charged here; None: not lately."""
    tuning: Tuning = field(default_factory=defaults)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that may be wrong. `asks`: the cashier is asked; otherwise it stands beside the amount, no tap.

    `percent`: how likely it is a mistake, for order and for show. `expected_fen`: what it should be, where that is
    known. `name`: the line of the basket it is about.
    """

    guard: Guard
    percent: int
    expected_fen: int | None = None
    name: str = ""
    asks: bool = False


def judge(known: Known) -> tuple[Finding, ...]:
    """What is found, the likeliest first; at most the first of them asks.

    Laws: an amount that is its basket's is asked about only where its prices differ from the list, or where the same
    was charged just before; at most one finding asks; what is off is not found.
    """
    found = [*_lines(known), *_again(known), *(_against_basket(known) if known.basket else _against_usual(known))]
    kept = sorted((each for each in found if each.guard not in known.tuning.off), key=lambda each: -each.percent)
    if kept and kept[0].guard not in ADVISES:
        kept[0] = replace(kept[0], asks=True)
    return tuple(kept)


def swapped(one: int, other: int) -> bool:
    """Whether two neighbouring digits changed places between them: 1280 and 2180."""
    left, right = str(one), str(other)
    if len(left) != len(right):
        return False
    differ = [place for place, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    if len(differ) != 2 or differ[1] != differ[0] + 1:
        return False
    first, second = differ
    return left[first] == right[second] and left[second] == right[first]


def _lines(known: Known) -> Sequence[Finding]:
    """Lines whose sum is not what the price list says (S44)."""
    return [
        Finding(Guard.PRICE, 85, each.list_fen * each.quantity, each.name)
        for each in known.basket
        if each.list_fen is not None and each.list_fen * each.quantity != each.amount_fen
    ]


def _again(known: Known) -> Sequence[Finding]:
    """The same code again, or the same amount at the same till."""
    tuning = known.tuning
    if known.code_seconds is not None and known.code_seconds <= tuning.again_within:
        return [Finding(Guard.SCANNED_AGAIN, 98)]
    same = [each for each in known.earlier if each.amount_fen == known.amount_fen]
    if not any(each.seconds <= tuning.twice_within and each.lines == known.lines for each in same):
        return []
    before = len([each for each in known.earlier if each.seconds > tuning.twice_within])
    usual = len([each for each in same if each.seconds > tuning.twice_within])
    if usual * 100 >= before * tuning.common_percent and before >= tuning.usual_from:
        return []
    return [Finding(Guard.TWICE, 60)]


def _against_basket(known: Known) -> Sequence[Finding]:
    amount, basket = known.amount_fen, sum(each.amount_fen for each in known.basket)
    if amount == basket:
        return []
    if amount == basket * 100 or amount * 100 == basket:
        return [Finding(Guard.TIMES_100, 97, basket)]
    if amount == basket * 10 or amount * 10 == basket:
        return [Finding(Guard.TIMES_10, 96, basket)]
    if swapped(amount, basket):
        return [Finding(Guard.SWAPPED, 90, basket)]
    if known.earlier and known.earlier[0].amount_fen == amount:
        return [Finding(Guard.PREVIOUS, 90, basket)]
    return [Finding(Guard.BASKET, 80, basket) if amount > basket else Finding(Guard.UNDER, 20, basket)]


def _against_usual(known: Known) -> Sequence[Finding]:
    """Much more than this till mostly takes, and more than it ever took of what is known."""
    amounts = sorted(each.amount_fen for each in known.earlier)
    if len(amounts) < known.tuning.usual_from:
        return []
    usual = amounts[len(amounts) // 2]
    if known.amount_fen < usual * known.tuning.usual_times or known.amount_fen <= amounts[-1]:
        return []
    return [Finding(Guard.BIG, min(95, 40 + 5 * (known.amount_fen // usual // 10)))]


def facts_of(each: Finding, amount_fen: int) -> Mapping[str, int | str]:
    """What the words of a finding are filled in with, sums in fen."""
    return {"amount_fen": amount_fen, "expected_fen": each.expected_fen or 0, "name": each.name}
