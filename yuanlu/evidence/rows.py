"""Rows of marks in a picture that stand as the digits of a card number do, whether anybody can read them or not.

Embossed digits have the colour of their card: lit edges alone tell them. `relief` shows edges of any direction,
`rows` finds long thin runs of them, and `is_card_row` says whether one stands in four even groups. No letter is read
here: what cannot be read can be seen to be a number all the same. Pillow only; half a second of CPU a photo.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import atan2, cos, sin, sqrt
from typing import NamedTuple

from PIL import Image, ImageChops, ImageFilter, ImageOps

SIDE = 1000
"""Pixels of the longer side of the relief."""
_RIM = 6
"""Pixels at the sides where an edge is one of the picture itself."""
_CELL = 4
"""Pixels of the relief a cell of the map has."""
_CAP = 60
"""Levels of 255 of a cell: a strong edge counts no more than a faint one."""
DENSE, THIN = 9, 5
"""Levels of 255, on the mean of a cell, from which on it belongs to a row: a row that stands out, and one that hardly
does. Of the second many are no rows at all: they count only where they stand in groups."""
_SLIM = 5.5
"""How many times as long as thick a row is at least."""
_THICK = 12
"""Pixels of the relief a row is thick at least."""
_LONG = 150
"""Pixels of the relief a row is long at least: sixteen digits of 9 pixels."""
_ROWS_MAX = 24
ROOM = 0.8
"""Around a row, by its thickness: its ends are told by moments, not to the pixel."""


class Row(NamedTuple):
    """A row: its middle, length and thickness in pixels of the relief, and its lean in radians."""

    x: float
    y: float
    length: float
    thick: float
    lean: float

    def has(self, x: float, y: float) -> bool:
        """Whether a point stands in the row."""
        along = (x - self.x) * cos(self.lean) + (y - self.y) * sin(self.lean)
        across = (y - self.y) * cos(self.lean) - (x - self.x) * sin(self.lean)
        return abs(along) <= self.length / 2 and abs(across) <= self.thick / 2

    def along(self) -> list[tuple[float, float]]:
        """Five places along the middle of the row."""
        steps = [self.length * part / 5 for part in (-2, -1, 0, 1, 2)]
        return [(self.x + step * cos(self.lean), self.y + step * sin(self.lean)) for step in steps]

    def corners(self, room: float) -> list[tuple[float, float]]:
        """The four corners with this much room around, in pixels of the relief."""
        along, across = self.length / 2 + room, self.thick / 2 + room
        turn = (cos(self.lean), sin(self.lean))
        places = ((-along, -across), (along, -across), (along, across), (-along, across))
        return [(self.x + a * turn[0] - b * turn[1], self.y + a * turn[1] + b * turn[0]) for a, b in places]


def relief(grey: Image.Image) -> Image.Image:
    """Edges of any direction, freed of noise and of what is evenly rough. Shape: `SIDE` on its longer side."""
    share = min(1.0, 2 * SIDE / max(grey.size))
    size = [max(2, round(side * share)) for side in grey.size]
    fine = grey.resize(size, reducing_gap=2.0)
    falling = ImageChops.difference(ImageChops.offset(fine, 1, 1), ImageChops.offset(fine, -1, -1))
    rising = ImageChops.difference(ImageChops.offset(fine, 1, -1), ImageChops.offset(fine, -1, 1))
    edges = ImageChops.lighter(falling, rising)
    half = edges.resize([max(1, round(side * SIDE / max(size))) for side in size], Image.Resampling.BOX)
    soft = half.filter(ImageFilter.GaussianBlur(1.5))
    told = ImageChops.subtract(soft, soft.filter(ImageFilter.BoxBlur(25)), 0.05, -30)
    return ImageOps.expand(ImageOps.crop(told, _RIM), _RIM) if min(told.size) > 4 * _RIM else told


def rows(edges: Image.Image, dense: int) -> list[Row]:
    """The long thin runs of edges, the longest first. `dense`: see `DENSE`."""
    small = edges.resize([max(1, side // _CELL) for side in edges.size], Image.Resampling.BOX)
    level = small.point([min(_CAP, level) for level in range(256)]).filter(ImageFilter.GaussianBlur(1.3))
    lying = level.point([255 * (each >= dense) for each in range(256)])
    standing = [[(y, x) for x, y in cells] for cells in _runs(lying.transpose(Image.Transpose.TRANSPOSE))]
    found = [row for cells in (*_runs(lying), *standing) for row in _row(cells)]
    return sorted(found, key=lambda row: -row.length)[:_ROWS_MAX]


_REACH = 7
"""How many cells along a line two of one run may be apart: the gap between two groups. Across it is one."""
_SPAN = re.compile(rb"[^\0](?:\0{0,%d}[^\0])*" % (_REACH - 1))


def _runs(ink: Image.Image) -> list[list[tuple[int, int]]]:
    """Cells that hang together, for rows that lie: spans of each line, joined to those of the line above.

    Law: what it costs grows with the cells, however many hang together: a picture that is all noise is no bomb.
    """
    width, lines = ink.width, ink.tobytes()
    runs: dict[int, list[tuple[int, int]]] = {}
    above: list[tuple[int, int, int]] = []
    for y in range(ink.height):
        line, spans = lines[y * width : (y + 1) * width], list[tuple[int, int, int]]()
        for each in _SPAN.finditer(line):
            left, right = each.start(), each.end() - 1
            touched = {run for start, end, run in above if start - _REACH <= right and left - _REACH <= end}
            run = max(touched, key=lambda name: len(runs[name]), default=y * width + left)
            cells = runs.setdefault(run, [])
            for other in touched - {run}:
                cells += runs.pop(other)
            above = [(start, end, run if name in touched else name) for start, end, name in above]
            spans = [(start, end, run if name in touched else name) for start, end, name in spans]
            spans.append((left, right, run))
            cells += [(x, y) for x in range(left, right + 1) if line[x]]
        above = spans
    return list(runs.values())


def _row(cells: Sequence[tuple[int, int]]) -> Iterator[Row]:
    """A run as a row, by its moments of the second degree; none where it is too short or too thick."""
    count = len(cells)
    if count * _CELL < _LONG:
        return
    x, y = sum(each[0] for each in cells) / count, sum(each[1] for each in cells) / count
    xx = sum((each[0] - x) ** 2 for each in cells) / count
    yy = sum((each[1] - y) ** 2 for each in cells) / count
    xy = sum((each[0] - x) * (each[1] - y) for each in cells) / count
    spread = sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    length, thick = (_CELL * sqrt(12 * max(0.0, (xx + yy) / 2 + sign * spread)) for sign in (1, -1))
    if length >= _LONG and length >= _SLIM * thick and thick >= _THICK:
        yield Row((x + 0.5) * _CELL, (y + 0.5) * _CELL, length, thick, atan2(2 * xy, xx - yy) / 2)


def profile(edges: Image.Image, row: Row) -> list[int]:
    """How much ink each column of a row has, from its one end to the other, with room at both."""
    width, height = round(row.length * 1.1), max(3, round(row.thick * 0.9))
    a, b = cos(row.lean), sin(row.lean)
    left = row.x - a * width / 2 + b * height / 2
    upper = row.y - b * width / 2 - a * height / 2
    lie = (a, -b, left, b, a, upper)
    level = edges.transform((width, height), Image.Transform.AFFINE, lie, Image.Resampling.BILINEAR)
    return list(level.resize((width, 1), Image.Resampling.BOX).tobytes())


def groups(ink: Sequence[int], thick: float, gap: float) -> list[tuple[int, int]]:
    """The groups of a row by its profile: where each begins and ends. Shape: pixels from its left."""
    near = max(1, round(thick * _NEAR))
    windows = [ink[max(0, at - near) : at + near + 1] for at in range(len(ink))]
    soft = [sum(each) / len(each) for each in windows]
    bound = _FAINT * sum(soft) / max(1, len(soft))
    found: list[tuple[int, int]] = []
    for at, level in enumerate(soft):
        if level < bound:
            continue
        if found and at - found[-1][1] <= gap * thick:
            found[-1] = (found[-1][0], at)
        else:
            found.append((at, at))
    return [each for each in found if each[1] - each[0] >= _SPECK * thick]


_NEAR, _FAINT, _GAPS, _SPECK = 0.08, 0.45, (0.2, 0.3, 0.4, 0.5, 0.65), 0.5
"""By the thickness of a row: half the window that evens it, what a gap and a group have at least; and the share of the
mean below which there is no ink."""
_WIDE = (1.5, 4.6)
"""How many times as wide as high four digits are."""
_EVEN = 1.2
"""How many times as wide as the narrowest group the widest may be."""


def is_card_row(edges: Image.Image, row: Row) -> bool:
    """Whether a row stands in groups as a card number does, for one of the gaps that groups may have."""
    ink = profile(edges, row)
    return any(_are_four(groups(ink, row.thick, gap), row.thick) for gap in _GAPS)


def is_as_long(row: Row) -> bool:
    """Whether a row is as long for its thickness as 13 to 19 digits are."""
    return _LENGTHS[0] * row.thick <= row.length <= _LENGTHS[1] * row.thick


_LENGTHS = (11, 24)


def _are_four(found: Sequence[tuple[int, int]], thick: float) -> bool:
    """Whether groups are four of one width, evenly apart; perhaps with a shorter one at an end."""
    widths = [end - start for start, end in found]
    if len(found) == 5:
        kept = slice(0, 4) if widths[4] < widths[0] else slice(1, 5)
        found, widths = found[kept], widths[kept]
    if len(found) != 4:
        return False
    steps = [right[0] - left[0] for left, right in pairwise(found)]
    are_four = all(_WIDE[0] * thick < width < _WIDE[1] * thick for width in widths)
    return are_four and max(widths) < _EVEN * min(widths) and max(steps) < _STEP * min(steps)


_STEP = 1.16
"""The same of the distances between their beginnings."""
