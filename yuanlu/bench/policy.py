"""How long a decision of a policy takes, beside the same rows written out by hand."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence

from yuanlu.bench.measure import Figure, Size, against, cpu_of, median
from yuanlu.policies import rules, table
from yuanlu.policies.rules import Facts, Line, Ruling, Span
from yuanlu.postgres import Server

ROWS = 100


def rows() -> list[Line]:
    """A hundred rows such as people write, the last for all that is left."""
    steps = [
        Line(
            verdict=Ruling.REVIEW,
            zh="好",
            en="ok",
            amount=Span(1 + step * 1_000, (step + 1) * 1_000),
            age=Span(0, 24 + step),
            reasons=("wrong_amount", "wrong_code"),
            whats=frozenset(("wrong_amount", "wrong_code")),
            channels=("wechat",),
        )
        for step in range(ROWS - 1)
    ]
    return [*steps, Line(verdict=Ruling.REVIEW, zh="好", en="ok")]


def by_hand(lines: Sequence[Line]) -> Callable[[Facts], int]:
    """The floor: a chain of ifs over the same rows, as one would write it, compiled from our own text."""
    text = ["def chain(facts):", "    amount, age, what, channel ="]
    text[-1] += " facts.amount_fen, facts.age_hours, facts.what, facts.channel"
    for place, line in enumerate(lines[:-1]):
        text += [
            (
                f"    if {line.amount.low} <= amount <= {line.amount.high} and age <= {line.age.high} and what in"
                " ('wrong_amount', 'wrong_code') and channel == 'wechat':"
            ),
            f"        return {place}",
        ]
    made: dict[str, Callable[[Facts], int]] = {}
    exec("\n".join([*text, f"    return {len(lines) - 1}"]), made)  # noqa: S102 # nosec B102 - numbers of this file alone
    return made["chain"]


async def policy(_: Server, size: Size) -> list[Figure]:
    """A decision at a hundred rows, most rows tried, and what it costs when none of the early ones fits."""
    lines = rows()
    one, chain = table.made(lines), by_hand(lines)
    wishes = [
        Facts(amount_fen=500 + 4_001 * n, age_hours=n % 30, what="wrong_amount", channel="wechat", tender="scanned")
        for n in range(40)
    ]
    assert all(rules.decide(one, wish).line == chain(wish) + 1 for wish in wishes)
    rounds = [
        (_each(chain, wishes, size.changes), _each(lambda wish: rules.decide(one, wish), wishes, size.changes))
        for _ in range(size.rounds)
    ]
    floor, value = (median([each[side] for each in rounds]) for side in (0, 1))
    ratio = median([ours / theirs for theirs, ours in rounds])
    figure = against(floor, value) | {"ratio": ratio}
    return [Figure(name="policy", unit="us", **figure, cpu_us=value)]


def _each(decide: Callable[[Facts], object], wishes: Sequence[Facts], number: int) -> float:
    """Microseconds of CPU one decision takes."""
    began, cpu = time.perf_counter(), cpu_of(os.getpid())
    for wish in itertools.islice(itertools.cycle(wishes), number):
        decide(wish)
    return (cpu_of(os.getpid()) - cpu or time.perf_counter() - began) / number * 1e6
