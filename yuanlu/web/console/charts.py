"""Charts as geometry: where bars, lines, marks and words of an SVG go. Pure; a template draws them.

All are laid out on a sheet of 720 by some height; whoever draws scales it. Nothing is told by colour alone: each bar
has its words, a second series has a pattern, and the table below has every number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from unicodedata import east_asian_width

from yuanlu.insight.rules import ticks

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 48, 16, 36
MARKS_MAX = 7
LABEL, LABEL_MAX = 190, 13.5
"""Room for what a lying bar is of: its width, and how many Chinese characters it holds."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, what it is of, and what it says."""

    x: float
    y: float
    width: float
    height: float
    label: str
    said: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Words at a place of an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Upright bars over one axis. `line`: points of a line over them, as SVG has them; `dots`: the same, one by one."""

    bars: Sequence[Bar]
    levels: Sequence[Mark]
    marks: Sequence[Mark]
    line: str = ""
    dots: Sequence[tuple[float, float]] = ()
    right: Sequence[Mark] = ()
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Row:
    """One thing with one or two lying bars. `more`: the second, behind the first or below it."""

    label: str
    y: float
    bar: Bar
    more: Bar | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Lying bars, a row each."""

    rows: Sequence[Row]
    width: int
    height: float


@dataclass(frozen=True, slots=True)
class Point:
    """What a bar shows: its value, and how that is said."""

    label: str
    value: float
    said: str


def columns(points: Sequence[Point], level: Callable[[float], str], shares: Sequence[float] = ()) -> Columns:
    """Upright bars in the order given; a line for shares (0 to 1) that go with them.

    Law: the highest bar is not above the last level, and all lie on the sheet.
    """
    steps = ticks(max((each.value for each in points), default=0))
    top, plot = steps[-1], HEIGHT - TOP - BOTTOM
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(points))
    wide = max(1.0, min(slot * 0.72, 56))
    bars = []
    for place, each in enumerate(points):
        high = each.value / top * plot
        x = LEFT + slot * place + (slot - wide) / 2
        bars.append(Bar(_r(x), _r(TOP + plot - high), _r(wide), _r(high), each.label, each.said))
    every = max(1, -(-len(points) // MARKS_MAX))
    dots = [(_r(LEFT + slot * (n + 0.5)), _r(TOP + plot * (1 - share))) for n, share in enumerate(shares)]
    return Columns(
        bars=bars,
        levels=[Mark(_r(TOP + plot * (1 - step / top)), level(step)) for step in steps],
        marks=[
            Mark(_r(LEFT + slot * (place + 0.5)), each.label) for place, each in enumerate(points) if place % every == 0
        ],
        line=" ".join(f"{x},{y}" for x, y in dots),
        dots=dots,
        right=[Mark(_r(TOP + plot * (1 - n / 4)), f"{n * 25}%") for n in range(5)] if shares else (),
    )


def rows(points: Sequence[tuple[Point, Point | None]]) -> Rows:
    """Lying bars, a row each; the longest ends where words still fit behind it."""
    most = max((each.value for pair in points for each in pair if each is not None), default=0) or 1
    room, thick, step = WIDTH - LABEL - 160, 12, 44 if any(second for _, second in points) else 32

    def lying(point: Point, at: float) -> Bar:
        return Bar(LABEL, _r(at), _r(max(1.0, point.value / most * room)), thick, point.label, point.said)

    made = []
    for place, (first, second) in enumerate(points):
        y = TOP + step * place
        more = lying(second, y + 15) if second else None
        made.append(Row(cut(first.label), _r(y + (18 if second else 11)), lying(first, y), more))
    return Rows(made, WIDTH, TOP + step * max(1, len(points)))


def cut(label: str, most: float = LABEL_MAX) -> str:
    """As much of some words as there is room for, a Chinese character taking that of two letters."""
    room = 0.0
    for place, sign in enumerate(label):
        room += 1 if east_asian_width(sign) in "WFA" else 0.5
        if room > most:
            return f"{label[:place].rstrip()}…"
    return label


def _r(number: float) -> float:
    return round(number, 1)
