"""Where card and identity numbers stand in what was read, and how they are blacked out.

What reads (`reading.py` by sight, `remaking.py` the text of a PDF) hands letters over with their places.
Letters on one line are joined, whatever boxes they came in, and lines of digits alone below each other too: there are
cards that print their number in four rows. Nothing of a number stays, not even its last four.

Law: no I/O, and nothing heavy is imported: both child programs load it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from yuanlu import ids
from yuanlu.masking import Found, Place, places

if TYPE_CHECKING:
    from PIL import Image

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Upper left, upper right, lower right, lower left, as the line is read. Units: pixels."""


class Letter(NamedTuple):
    """A sign, the box it was read in, and where in the box it stands (0: its left edge, 1: its right edge)."""

    sign: str
    box: Quad
    start: float
    end: float


Segment = Sequence[Letter]
"""Letters read in one box, from left to right."""

_BREAK = "¶"
"""Between lines that are not read on: no number goes over it."""
_DIGITS = re.compile(r"[\d\s]+")
_ALIKE = str.maketrans({"O": "0", "o": "0", "D": "0", "l": "1", "I": "1", "|": "1", "S": "5", "B": "8", "Z": "2"})
_TAKEN_FOR = re.compile(r"(?<=\d)[OoDlI|SBZ](?=[\d\s])")
_OURS = re.compile(r"(?<![0-9A-Za-z])Y[A-Z][0-9A-Z]{27}(?![0-9A-Za-z])")
_GROUPED = re.compile(r"(?<!\d)(?<!\d )(?:62|4\d|5[1-5]|3[57]|6[05]|9[58])\d\d \d{4} \d{4} \d{4}(?: \d{1,3})?(?! ?\d)")
_CITIZEN = re.compile(
    r"(?<!\d)(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])\d{4} ?"
    r"(?P<born>(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])) ?\d{3}[\dXx](?!\d)"
)


def found_in(text: str) -> list[Place]:
    """Where numbers stand in what was read.

    Besides what passes its check, what can hardly be anything else is taken for one: four groups of four behind an
    issuer's prefix, eighteen digits with a province and a date of birth. A letter read wrongly must not show a number.
    """
    text = _OURS.sub(lambda ours: "#" * 29 if ids.is_id(ours[0]) else ours[0], text)
    text = _TAKEN_FOR.sub(lambda one: one[0].translate(_ALIKE), text)
    found = places(text)
    found += [Place(*hit.span(), Found.CARD) for hit in _GROUPED.finditer(text)]
    this_year = datetime.now(UTC).year
    for hit in _CITIZEN.finditer(text):
        if int(hit["born"][:4]) < this_year:
            found.append(Place(*hit.span(), Found.ID_NUMBER))
    return found


def lines(segments: Iterable[Segment]) -> list[Letter | None]:
    """The letters of all boxes in the order they are read; None stands where a line is not read on."""
    rows: list[list[Segment]] = []
    for segment in sorted((each for each in segments if each), key=_middle):
        if rows and _on_one_line(rows[-1][-1], segment):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    out: list[Letter | None] = []
    was_digits = False
    for row in rows:
        row.sort(key=lambda segment: min(x for x, _ in segment[0].box))
        text = " ".join("".join(letter.sign for letter in segment) for segment in row)
        is_digits = _DIGITS.fullmatch(text) is not None
        if out:
            out.append(_space(row[0]) if is_digits and was_digits else None)
        for number, segment in enumerate(row):
            if number:
                out.append(_space(segment))
            out += segment
        was_digits = is_digits
    return out


def _space(segment: Segment) -> Letter:
    """A space before a segment: it has no width."""
    return Letter(" ", segment[0].box, segment[0].start, segment[0].start)


def _middle(segment: Segment) -> float:
    return sum(y for _, y in segment[0].box) / 4


def _height(segment: Segment) -> float:
    return max(abs(segment[0].box[3][1] - segment[0].box[0][1]), 1.0)


def _on_one_line(one: Segment, other: Segment) -> bool:
    return abs(_middle(one) - _middle(other)) < min(_height(one), _height(other)) / 2


def spots(letters: Sequence[Letter | None]) -> tuple[list[Quad], tuple[Found, ...]]:
    """What is to be blacked out, and what it was."""
    text = "".join(_BREAK if letter is None else letter.sign for letter in letters)
    quads: list[Quad] = []
    found = found_in(text)
    for place in found:
        quads += _covers([letter for letter in letters[place.start : place.end] if letter is not None])
    return quads, tuple(dict.fromkeys(place.kind for place in found))


def _covers(letters: Sequence[Letter]) -> Iterator[Quad]:
    """One piece of every box that letters of a number stand in."""
    spans: dict[Quad, tuple[float, float]] = {}
    for letter in letters:
        start, end = spans.get(letter.box, (letter.start, letter.end))
        spans[letter.box] = (min(start, letter.start), max(end, letter.end))
    for box, (start, end) in spans.items():
        if start < end:
            yield (_along(box[0], box[1], start), _along(box[0], box[1], end), _along(box[3], box[2], end),
                   _along(box[3], box[2], start))  # fmt: skip


def _along(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share


def black_out(image: Image.Image, quads: Iterable[Quad]) -> None:
    """Paint over these places. The picture itself is changed."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(image)
    for quad in quads:
        pen.polygon(quad, fill="black", outline="black", width=3)
