"""What is asked about a charge before money moves. Pure: what is known goes in, findings come out.

Nothing is asked when all is plausible, and never more than one question: of what was found, the likeliest asks, the
others advise. A basket says what the amount should be; without one, what the till mostly takes says what is unusual.
All sums are whole fen.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache

from yuanlu import packaged

AMOUNTS_MAX = 200
"""How many amounts of a till are looked at: the newest."""


COMMON_MIN = 3
"""How often a till must have taken an amount, at least, for it to be common there."""


class Guard(StrEnum):
    """What may be wrong. The value is the code of its words."""

    TIMES_10 = "amount.times_10"
    TIMES_100 = "amount.times_100"
    USUAL_10 = "amount.usual_10"
    USUAL_100 = "amount.usual_100"
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


BOUNDS: Mapping[str, tuple[int, int]] = {
    "usual_times": (2, 1000),
    "usual_from": (5, AMOUNTS_MAX),
    "twice_within": (10, 600),
    "again_within": (30, 600),
    "common_percent": (1, 100),
}
"""How far a line can be moved: so that a guard is turned off by its name, never by a number that silences it."""


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
    """A charge of the same till before this one, that did not fail.

    `lines`: what was sold, as it was written down; empty: nothing was, or it is too long ago to matter.
    """

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
    known. `name`: the line of the basket it is about. `seconds`: for how long it counts; None: while amount and basket
    stand.
    """

    guard: Guard
    percent: int
    expected_fen: int | None = None
    name: str = ""
    seconds: int | None = None
    asks: bool = False


def judge(known: Known) -> tuple[Finding, ...]:
    """What is found, the likeliest first; at most the first of them asks.

    Laws: an amount that is its basket's is asked about only where its prices differ from the list, or where the same
    was charged just before; at most one finding asks; what is off is not found, and hides nothing that is on.
    """
    beside = _against_basket if known.basket else _against_usual
    ways: tuple[Iterable[Finding], ...] = (*([each] for each in _lines(known)), _again(known), beside(known))
    on = (next((each for each in way if each.guard not in known.tuning.off), None) for way in ways)
    kept = sorted((each for each in on if each is not None), key=lambda each: -each.percent)
    if kept and kept[0].guard not in ADVISES:
        kept[0] = replace(kept[0], asks=True)
    return tuple(kept)


def scanned_again(tuning: Tuning) -> Finding | None:
    """What a till asks by itself about a code it sent within `again_within`; None: nothing, it is off."""
    if Guard.SCANNED_AGAIN in tuning.off:
        return None
    return Finding(Guard.SCANNED_AGAIN, 98, seconds=tuning.again_within, asks=True)


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


def _lines(known: Known) -> Iterator[Finding]:
    """Lines whose sum is not what the price list says (S44)."""
    for each in known.basket:
        if each.list_fen is not None and each.list_fen * each.quantity != each.amount_fen:
            yield Finding(Guard.PRICE, 85, each.list_fen * each.quantity, each.name)


def _again(known: Known) -> Iterator[Finding]:
    """The same payer by the same code, or the same amount at the same till: the likelier first."""
    tuning = known.tuning
    if known.code_seconds is not None and known.code_seconds <= tuning.again_within:
        yield Finding(Guard.SCANNED_AGAIN, 98, seconds=tuning.again_within - known.code_seconds)
    same = [each for each in known.earlier if each.amount_fen == known.amount_fen]
    just = [each.seconds for each in same if each.seconds <= tuning.twice_within and each.lines == known.lines]
    if just and not _common(known, known.amount_fen):
        yield Finding(Guard.TWICE, 60, seconds=tuning.twice_within - min(just))


def _common(known: Known, amount_fen: int) -> bool:
    """Whether a till takes an amount so often that it is no sign of anything. What was just taken does not count."""
    tuning = known.tuning
    past = [each.amount_fen for each in known.earlier if each.seconds > tuning.twice_within]
    times = past.count(amount_fen)
    return len(past) >= tuning.usual_from and times >= COMMON_MIN and times * 100 >= len(past) * tuning.common_percent


def _against_basket(known: Known) -> Iterator[Finding]:
    """How the amount differs from the basket: the most particular way first."""
    amount, basket = known.amount_fen, sum(each.amount_fen for each in known.basket)
    if amount == basket:
        return
    for guard, times, percent in ((Guard.TIMES_100, 100, 97), (Guard.TIMES_10, 10, 96)):
        if amount == basket * times or amount * times == basket:
            yield Finding(guard, percent, basket)
    if swapped(amount, basket):
        yield Finding(Guard.SWAPPED, 90, basket)
    if known.earlier and known.earlier[0].amount_fen == amount:
        yield Finding(Guard.PREVIOUS, 90, basket)
    yield Finding(Guard.BASKET, 80, basket) if amount > basket else Finding(Guard.UNDER, 20, basket)


def _against_usual(known: Known) -> Iterator[Finding]:
    """An amount this till never took: 100 or 10 times what it often takes, or much more than it mostly and ever did."""
    amount, amounts = known.amount_fen, sorted(each.amount_fen for each in known.earlier)
    if len(amounts) < known.tuning.usual_from or amount in amounts:
        return
    for guard, times, percent in ((Guard.USUAL_100, 100, 92), (Guard.USUAL_10, 10, 85)):
        often, rest = divmod(amount, times)
        if not rest and _common(known, often):
            yield Finding(guard, percent, often)
    usual = amounts[len(amounts) // 2]
    if amount >= usual * known.tuning.usual_times and amount > amounts[-1]:
        yield Finding(Guard.BIG, min(95, 40 + 5 * (amount // usual // 10)))


def facts_of(each: Finding, amount_fen: int) -> Mapping[str, int | str]:
    """What the words of a finding are filled in with, sums in fen."""
    return {"amount_fen": amount_fen, "expected_fen": each.expected_fen or 0, "name": each.name}
