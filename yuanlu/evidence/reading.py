"""Card and identity numbers in what a picture shows, read by Tesseract and blacked out in the picture's own pixels.

Loaded by the child that makes files anew (`remaking.py`), and by nothing else. Tesseract is a child of that child, held
to what that is held to; it gets pixels of ours on its standard input and no name of a file.

A picture is evened out against its surroundings (light ink on dark and a shadow across it are the same then) and read
in several sizes and on all four sides. What a number is, `masking` says; four groups of four in a row of even gaps
count too, since one digit that is read wrongly would save the whole of such a number.

Law: a picture counts as searched when every reading of it came to its end, and not else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

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

    def black_out(self, image: Image.Image) -> tuple[bool, tuple[Found, ...]]:
        """Paint over the numbers that a picture shows; answers whether it was searched, and what was found."""
        kinds: dict[Found, None] = {}
        if not self._reads:
            return False, ()
        try:
            for seen in _as_seen(image):
                for reading in READINGS:
                    kinds |= dict.fromkeys(self._blacked(image, seen, reading))
        except (subprocess.SubprocessError, OSError, MemoryError):
            return False, tuple(kinds)
        return True, tuple(kinds)

    def _blacked(self, image: Image.Image, seen: Image.Image, reading: Reading) -> tuple[Found, ...]:
        share = min(1.0, reading.side / max(seen.size))
        small = seen.resize([max(1, round(side * share)) for side in seen.size], reducing_gap=2.0)
        turned = evened(small.transpose(reading.turn) if reading.turn is not None else small, reading.ink)
        boxes, kinds = numbers(self._lines(turned, reading.signs))
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
