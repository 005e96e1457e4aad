"""Card and identity numbers in the text layer of a PDF's page, blacked out where they stand in its picture.

Loaded by the child that makes files anew (`remaking.py`), and by nothing else. The text is searched twice: in the order
in which the document holds it, and in the order in which it is seen, since what draws a page need not keep to lines.
What is invisible counts too: the text that a scanner lays behind its picture stands where the picture shows it.

Law: nothing of what is found stays, not even a card's last four. Fonts that do not say which letters they draw, and
letters that are pictures, cannot be found: the answer says of how many pages there was text at all.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from PIL import Image, ImageDraw
from pypdfium2 import raw

from yuanlu import masking

Box = tuple[float, float, float, float]
"""Left, lower, right, upper; in points of the page."""
ROOM = 0.12
"""Of its height: how much further than a letter the black goes, to every side."""
GAP = 0.35
"""Of its height: letters that far apart have a space between them."""
COLUMN = 3.0
"""Of its height: letters that far apart are not read on."""


class Letter(NamedTuple):
    sign: str
    box: Box

    @property
    def height(self) -> float:
        return max(self.box[3] - self.box[1], 1.0)

    @property
    def middle(self) -> float:
        return (self.box[1] + self.box[3]) / 2


def letters(page: Any) -> list[Letter]:
    """The letters of a page with their places, as the document holds them; what has no place has an empty one."""
    text = page.get_textpage()
    found = []
    for place in range(text.count_chars()):
        code = raw.FPDFText_GetUnicode(text, place)
        sign = chr(code) if 0 < code < 0x110000 else "\ufffd"
        found.append(Letter(sign, text.get_charbox(place, loose=True)))
    return found


def as_seen(held: Sequence[Letter]) -> list[Letter]:
    """The letters in the order in which they are seen: line by line, with spaces where there are gaps."""
    drawn = [each for each in held if not each.sign.isspace() and each.box[0] < each.box[2]]
    rows: list[list[Letter]] = []
    for each in sorted(drawn, key=lambda letter: -letter.middle):
        if rows and abs(rows[-1][0].middle - each.middle) < min(rows[-1][0].height, each.height) / 2:
            rows[-1].append(each)
        else:
            rows.append([each])
    return [letter for row in rows for letter in spaced(sorted(row, key=lambda letter: letter.box[0]))]


def spaced(row: Sequence[Letter]) -> Iterator[Letter]:
    """The letters of a row with spaces where there are gaps, and an end."""
    before: Letter | None = None
    for each in row:
        gap = each.box[0] - before.box[2] if before is not None else 0.0
        if gap > GAP * each.height:
            yield Letter(" " if gap < COLUMN * each.height else "¶", (0, 0, 0, 0))
        yield each
        before = each
    yield Letter("¶", (0, 0, 0, 0))


def found_in(held: Sequence[Letter]) -> tuple[list[Box], tuple[masking.Found, ...]]:
    """The boxes of all letters of numbers, and what these were."""
    boxes: dict[Box, None] = {}
    kinds: dict[masking.Found, None] = {}
    for order in (held, as_seen(held)):
        for place in masking.places("".join(letter.sign for letter in order)):
            kinds[place.kind] = None
            boxes |= dict.fromkeys(letter.box for letter in order[place.start : place.end])
    return [box for box in boxes if box[0] < box[2]], tuple(kinds)


def black_out(page: Any, image: Image.Image) -> tuple[bool, tuple[masking.Found, ...]]:
    """Paint over the numbers of a page in its picture; answers whether it had text, and what was found."""
    held = letters(page)
    boxes, kinds = found_in(held)
    pen = ImageDraw.Draw(image)
    for left, lower, right, upper in boxes:
        room = (upper - lower) * ROOM
        corners = [(left - room, upper + room), (right + room, upper + room), (right + room, lower - room),
                   (left - room, lower - room)]  # fmt: skip
        pen.polygon([_pixel(page, image, corner) for corner in corners], fill="black", outline="black")
    return any(not each.sign.isspace() for each in held), kinds


def _pixel(page: Any, image: Image.Image, point: tuple[float, float]) -> tuple[int, int]:
    """Where a point of the page is in its picture, whichever way the page is turned and cut."""
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, image.width, image.height, 0, *point, across, down)
    return across.value, down.value
