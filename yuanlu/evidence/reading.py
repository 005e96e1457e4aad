"""Card and identity numbers in what a picture shows, read by Tesseract and blacked out in the picture's own pixels.

Loaded by the child that makes files anew (`remaking.py`), and by nothing else. Tesseract is a child of that child, held
to what that is held to; it gets pixels of ours on its standard input and no name of a file.

A picture is evened out against its surroundings (light ink on dark and a shadow across it are the same then) and read
in several sizes and on all four sides. What a number is, `masking` says; four groups of four in a row of even gaps
count too, since one digit that is read wrongly would save the whole of such a number.

What nobody can read can still be seen to be a number: a row in four even groups (`rows.py`), embossed ones among them,
is blacked out unread. A row as long as a number that no look could read is left, and its picture is not sure.

Law: a picture counts as searched when every reading of it came to its end and no such row is left, and not else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import pairwise
from math import cos, sin
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

from yuanlu.evidence import rows
from yuanlu.evidence.blacking import ROOM, Box, Letter, found_in, spaced
from yuanlu.masking import Found

PROGRAM = Path("/usr/bin/tesseract")
"""Of Debian's `tesseract-ocr`."""
SIDE_MIN = 64
"""Pixels of the longer side: less does not show thirteen digits."""
_FLAT = 1.0
"""Levels of 255: what strays no more from its mean shows nothing."""
_RANGE, _FAINT_RANGE = 0.15, 0.1
"""What differs from its surroundings by this share of 255 levels is black."""
_FLOOR = 8
"""Levels: what differs less is no ink. Without it the noise of a photo is read for seconds. None for faint ink."""
_SIGNS = "0123456789X"
_TURNS = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
_EVEN = 1.8
"""How many times as wide as its narrowest gap the widest of a row of groups may be."""

_WORD, _READ = 3, 0.4
"""Signs of a word that somebody read, and the share of a row's length that has to stand in such words."""


class Ink(Enum):
    """How what is written differs from its ground: darker, lighter, or lighter by a little (embossed)."""

    DARK = auto()
    LIGHT = auto()
    FAINT = auto()


class Reading(NamedTuple):
    """One look at a picture: its longer side in pixels, ink and turn, and which signs there can be (none: all)."""

    side: int
    ink: Ink
    turn: Image.Transpose | None = None
    signs: str = _SIGNS


READINGS = (
    *(Reading(1000, ink, turn) for turn in _TURNS for ink in (Ink.DARK, Ink.LIGHT)),
    Reading(1000, Ink.FAINT),
    Reading(1600, Ink.DARK, signs=""),  # small print, with words between
)


class Reader:
    """Reads until its seconds are over; `seconds` 0 reads nothing."""

    def __init__(self, seconds: float) -> None:
        self._reads = seconds > 0 and PROGRAM.is_file()
        self._until = monotonic() + seconds
        self._words: list[Box] = []
        """What the look for all signs read: left, upper, right and lower side, as shares of the picture."""

    def black_out(self, image: Image.Image) -> tuple[bool, tuple[Found, ...]]:
        """Paint over the numbers that a picture shows; answers whether it was searched, and what was found."""
        kinds: dict[Found, None] = {}
        is_sure = True
        if not self._reads:
            return False, ()
        try:
            for seen in _as_seen(image):
                self._words = []
                for reading in READINGS:
                    kinds |= dict.fromkeys(self._blacked(image, seen, reading))
                is_sure &= self._rows_blacked(image, seen, kinds)
        except (subprocess.SubprocessError, OSError, MemoryError):
            return False, tuple(kinds)
        return is_sure, tuple(kinds)

    def _rows_blacked(self, image: Image.Image, seen: Image.Image, kinds: dict[Found, None]) -> bool:
        """Paint over the rows that stand as a card number; answers whether no other row may be one, unread."""
        edges = rows.relief(seen)
        share, pen = image.width / edges.width, ImageDraw.Draw(image)
        doubtful = []
        for dense in (rows.DENSE, rows.THIN):
            for row in rows.rows(edges, dense):
                if rows.is_card_row(edges, row):
                    pen.polygon([(x * share, y * share) for x, y in row.corners(row.thick * rows.ROOM)], fill="black")
                    kinds[Found.CARD] = None
                elif dense == rows.DENSE and rows.is_as_long(row) and self._read_of(row, edges.size) < _READ:
                    doubtful.append(row)
        now = image.convert("L")
        return all(_is_black(now, seen, row.along(), share) for row in doubtful)

    def _read_of(self, row: rows.Row, size: tuple[int, int]) -> float:
        """The share of a row's length that stands in words somebody could read."""
        along = (abs(cos(row.lean)), abs(sin(row.lean)))
        widths = [
            (right - left) * size[0] * along[0] + (lower - upper) * size[1] * along[1]
            for left, upper, right, lower in self._words
            if row.has((left + right) / 2 * size[0], (upper + lower) / 2 * size[1])
        ]
        return sum(widths) / row.length

    def _blacked(self, image: Image.Image, seen: Image.Image, reading: Reading) -> tuple[Found, ...]:
        share = min(1.0, reading.side / max(seen.size))
        small = seen.resize([max(1, round(side * share)) for side in seen.size], reducing_gap=2.0)
        turned = evened(small.transpose(reading.turn) if reading.turn is not None else small, reading.ink)
        lines = self._lines(turned, reading.signs)
        self._words += [] if reading.signs else _words(lines, small.size)
        boxes, kinds = numbers(lines)
        pen = ImageDraw.Draw(image)
        for box in boxes:
            corners = [_back(corner, reading.turn, small.size) for corner in _roomy(box)]
            across, down = image.width / small.width, image.height / small.height
            (left, right), (upper, lower) = (sorted(each) for each in zip(*corners, strict=True))
            pen.rectangle((left * across, upper * down, right * across, lower * down), fill="black")
        return kinds

    def _lines(self, image: Image.Image, signs: str) -> list[list[Letter]]:
        """What Tesseract reads, line by line; each letter has the box of its word, upper side up."""
        left = self._until - monotonic()
        if left <= 0:
            raise subprocess.TimeoutExpired(str(PROGRAM), 0)
        told = subprocess.run(
            [str(PROGRAM), "stdin", "stdout", "-l", "eng", "--psm", "11", "--dpi", "200",
             "-c", "tessedit_create_tsv=1", "-c", "tessedit_create_txt=0", "-c", f"tessedit_char_whitelist={signs}"],
            input=b"P5\n%d %d\n255\n%b" % (*image.size, image.tobytes()), stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env={"OMP_THREAD_LIMIT": "1"}, timeout=left, check=True,
        ).stdout.decode("utf-8", "replace")  # fmt: skip
        lines: dict[tuple[str, ...], list[Letter]] = {}
        for row in (line.split("\t") for line in told.split("\n")[1:]):
            if len(row) == 12 and row[0] == "5":
                x, y, width, height = (float(each) for each in row[6:10])
                word = [Letter(sign, (x, -y - height, x + width, -y)) for sign in row[11]]
                lines.setdefault(tuple(row[1:5]), []).extend(word)
        return list(lines.values())


def _is_black(now: Image.Image, seen: Image.Image, places: Sequence[tuple[float, float]], share: float) -> bool:
    """Whether a row was painted over: black where it was not."""
    spots = [(min(now.width - 1, int(x * share)), min(now.height - 1, int(y * share))) for x, y in places]
    return not any(now.getpixel(spot) for spot in spots) and any(seen.getpixel(spot) for spot in spots)


def _words(lines: Sequence[Sequence[Letter]], size: tuple[int, int]) -> list[Box]:
    """Where words of three letters or digits and more stand, as shares of the picture, lower side down."""
    width, height = size
    signs: dict[Box, str] = {}
    for letter in (each for line in lines for each in line):
        signs[letter.box] = signs.get(letter.box, "") + letter.sign
    return [
        (left / width, -upper / height, right / width, -lower / height)
        for (left, lower, right, upper), word in signs.items()
        if sum(sign.isalnum() for sign in word) >= _WORD
    ]


def _as_seen(image: Image.Image) -> Iterator[Image.Image]:
    """A picture in grey; one that is see-through on white, and without what makes it so. None that shows nothing."""
    looks = [image.convert("L")]
    if image.mode == "RGBA" and image.getchannel("A").getextrema() != (255, 255):
        looks.append(Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("L"))
    for look in looks:
        if max(look.size) >= SIDE_MIN and ImageStat.Stat(look).stddev[0] > _FLAT:
            yield look


def evened(grey: Image.Image, ink: Ink) -> Image.Image:
    """Dark ink on white: each pixel by how it differs from what is around it, so light and shadow are gone."""
    around = grey.filter(ImageFilter.BoxBlur(max(1, max(grey.size) // 60)))
    soft = grey.filter(ImageFilter.GaussianBlur(1.3 if ink is Ink.FAINT else 1))
    pair = (around, soft) if ink is Ink.DARK else (soft, around)
    if ink is Ink.FAINT:
        return ImageOps.invert(ImageChops.subtract(*pair, _FAINT_RANGE))
    return ImageOps.invert(ImageChops.subtract(*pair, _RANGE, -round(_FLOOR / _RANGE)))


def numbers(lines: Sequence[Sequence[Letter]]) -> tuple[list[Box], tuple[Found, ...]]:
    """The boxes of the words of numbers, and what these were."""
    boxes, kinds = found_in([letter for line in lines for letter in spaced(line)])
    grouped = [box for line in lines for box in _in_groups(line)]
    return [*boxes, *grouped], tuple(dict.fromkeys((*kinds, *([Found.CARD] if grouped else []))))


def _in_groups(line: Sequence[Letter]) -> list[Box]:
    """The boxes of four groups of four digits that stand in a row like those of a card."""
    words: dict[Box, str] = {}
    for letter in line:
        words[letter.box] = words.get(letter.box, "") + letter.sign
    row = list(words)
    for place in range(len(row) - 3):
        four = row[place : place + 4]
        if all(len(words[box]) == 4 and words[box].isdecimal() for box in four) and _is_even(four):
            return row[place : place + 5] if len(words.get((*row, row[-1])[place + 4], "")) == 3 else four
    return []


def _is_even(row: Sequence[Box]) -> bool:
    gaps = [right[0] - left[2] for left, right in pairwise(row)]
    height = max(upper - lower for _, lower, _, upper in row)
    return 0.15 * height < min(gaps) and max(gaps) < min(1.5 * height, _EVEN * min(gaps))


def _roomy(box: Box) -> list[tuple[float, float]]:
    """Two corners of a box with room around it, lower side down."""
    left, lower, right, upper = box
    room = 2 * ROOM * (upper - lower)
    return [(left - room, -upper - room), (right + room, -lower + room)]


def _back(point: tuple[float, float], turn: Image.Transpose | None, size: tuple[int, int]) -> tuple[float, float]:
    """Where a point of the turned picture is in the picture of this size."""
    (x, y), (width, height) = point, size
    match turn:
        case Image.Transpose.ROTATE_90:
            return width - y, x
        case Image.Transpose.ROTATE_180:
            return width - x, height - y
        case Image.Transpose.ROTATE_270:
            return y, height - x
        case _:
            return x, y
