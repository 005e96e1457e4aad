"""What the guards stop of planted mistakes, and how often they ask in vain: a day's sales of a made-up shop, seeded."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from yuanlu.bench.measure import Figure, Size, cpu_of
from yuanlu.guards.rules import AMOUNTS_MAX, Earlier, Finding, Guard, Known, Rung, judge
from yuanlu.postgres import Server

SEED = 5
PLANTED = ("times_10", "times_100", "swapped", "previous", "twice", "price", "scanned_again", "big")
GOODS_FEN = (150, 200, 250, 300, 350, 450, 500, 600, 800, 990, 1280, 1590, 1880, 2600, 3590, 4990, 6800, 12800)
MENU_FEN = (900, 1200, 1500, 1500, 1800, 1800, 2200, 2800)
"""What a small shop takes that has a pad only: a short menu, one or two things a sale, so sums come again."""
WITHOUT_BASKET = 0.3
"""How many sales of the large shop are typed on the pad, without a basket."""


@dataclass(frozen=True, slots=True)
class Sale:
    """A charge as it is about to be made. `planted`: the mistake that is in it; empty: it is as it should be."""

    planted: str
    known: Known


def sales(count: int, *, pad_only: bool = False) -> Iterator[Sale]:
    """So many sales, one in a hundred with each kind of mistake; a kind that cannot be made of a sale is not.

    Shape: of the large shop, or of the small one that has a pad only.
    """
    dice = random.Random(SEED)  # noqa: S311 # nosec B311 - a made-up shop
    at, past = 0, list[tuple[int, int, str]]()
    for number in range(count):
        at += int(dice.expovariate(1 / 75)) + 8
        basket = _menu(dice) if pad_only else _basket(dice)
        right = sum(each.amount_fen for each in basket)
        kind = PLANTED[number % 100] if number % 100 < len(PLANTED) else ""
        if pad_only or dice.random() < WITHOUT_BASKET or kind == "big":
            basket = []
        earlier = [Earlier(fen, at - then, lines) for fen, then, lines in reversed(past[-AMOUNTS_MAX:])]
        made = _planted(dice, kind, right, basket, earlier)
        past.append((right, at, str(basket) if basket else ""))
        if made is not None:
            yield made


def _basket(dice: random.Random) -> list[Rung]:
    return [
        Rung(f"g{fen}", pieces, fen * pieces, fen)
        for fen in dice.choices(GOODS_FEN, weights=range(len(GOODS_FEN), 0, -1), k=1 + int(dice.expovariate(0.6)))
        for pieces in [dice.choice((1, 1, 1, 2, 3))]
    ]


def _menu(dice: random.Random) -> list[Rung]:
    return [Rung(f"m{fen}", 1, fen, fen) for fen in dice.choices(MENU_FEN, k=dice.choice((1, 1, 1, 2)))]


def _planted(
    dice: random.Random, kind: str, right: int, basket: Sequence[Rung], earlier: Sequence[Earlier]
) -> Sale | None:
    """The sale with its mistake; None where the mistake would change nothing."""
    amount, code_seconds = right, None
    if kind in ("times_10", "times_100", "big"):
        amount = right * {"times_10": 10, "times_100": 100, "big": 10}[kind]
    elif kind == "swapped":
        digits = list(str(right))
        places = [n for n in range(len(digits) - 1) if digits[n] != digits[n + 1] and (n or digits[1] != "0")]
        if not places:
            return None
        place = dice.choice(places)
        digits[place], digits[place + 1] = digits[place + 1], digits[place]
        amount = int("".join(digits))
    elif kind == "previous":
        if not earlier or earlier[0].amount_fen == right:
            return None
        amount = earlier[0].amount_fen
    elif kind == "twice":
        earlier = [Earlier(right, 25, str(list(basket)) if basket else ""), *earlier]
    elif kind == "price":
        if not basket:
            return None
        wrong = basket[0]
        fen = wrong.amount_fen + 10 * dice.randint(1, 20)
        basket = [Rung(wrong.name, wrong.quantity, fen, wrong.list_fen), *basket[1:]]
        amount = sum(each.amount_fen for each in basket)
    elif kind == "scanned_again":
        code_seconds = dice.randint(1, 110)
    lines = str(list(basket)) if basket else ""
    return Sale(kind, Known(amount_fen=amount, basket=basket, lines=lines, earlier=earlier, code_seconds=code_seconds))


async def guards(_: Server, size: Size) -> list[Figure]:
    """Of each mistake how many of a hundred were asked about, of good sales how many of a hundred, by guard."""
    large, small = list(sales(size.sales)), list(sales(size.sales, pad_only=True))
    cpu = cpu_of(os.getpid())
    found = [judge(sale.known) for sale in large]
    spent = (cpu_of(os.getpid()) - cpu) / len(large) * 1e6
    return [
        Figure(name="guards", unit="us", value=spent, cpu_us=spent),
        *_counted("guards", large, found),
        *_counted("guards_pad", small, [judge(sale.known) for sale in small]),
    ]


def _counted(name: str, made: Sequence[Sale], found: Sequence[Sequence[Finding]]) -> Iterator[Figure]:
    asked = [next((each.guard for each in findings if each.asks), None) for findings in found]
    planted, stopped, in_vain = Counter[str](), Counter[str](), Counter[Guard]()
    for sale, guard in zip(made, asked, strict=True):
        planted[sale.planted] += 1
        if sale.planted and guard is not None:
            stopped[sale.planted] += 1
        elif guard is not None:
            in_vain[guard] += 1
    good, of_good = planted.pop(""), "% of good sales"
    yield Figure(name=f"{name}_in_vain", unit=of_good, value=in_vain.total() / good * 100)
    for guard in Guard:
        if in_vain[guard]:
            yield Figure(name=f"{name}_in_vain_{guard.name.lower()}", unit=of_good, value=in_vain[guard] / good * 100)
    for kind in PLANTED:
        if planted[kind]:
            yield Figure(name=f"{name}_{kind}", unit="% stopped", value=stopped[kind] / planted[kind] * 100)
