"""What a receipt printer makes of the bytes it is sent: ESC/POS read one command after the other, and paper to look at.

Source: Epson, ESC/POS command reference (ESC @, ESC a, ESC E, ESC d, FS &, GS !, GS V, GS r, GS ( k). A command that is
not known here stops the reading with a ValueError: a real printer would print it as rubbish.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import segno
from PIL import Image, ImageDraw, ImageFont

CELL, ROW = 12, 30
"""Dots of one column, and of one line."""
_MONO_SC = 7  # which font of the collection: Noto Sans Mono CJK SC
FONTS = {
    False: (
        (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), _MONO_SC),
        (Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"), 0),
    ),
    True: (
        (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"), _MONO_SC),
        (Path("/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf"), 0),
    ),
}
"""Fonts for plain and bold signs, the first that is there; without any: Pillow's own, which has no Chinese."""
_ALIGN = ("left", "center", "right")


@dataclass(frozen=True, slots=True)
class Line:
    """One printed line. `size`: how many times as wide as normal."""

    text: str
    align: str = "left"
    size: int = 1
    bold: bool = False

    @property
    def columns(self) -> int:
        return self.size * sum(1 if sign < "\x80" else 2 for sign in self.text)


@dataclass(frozen=True, slots=True)
class Qr:
    """A printed QR. `dots`: of one square."""

    text: str
    align: str
    dots: int


@dataclass(slots=True)
class Roll:
    """Paper of so many columns: what came out so far. `spilled`: lines that were too wide for it."""

    columns: int = 32
    printed: list[Line | Qr] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    """Behind how many lines it was cut."""
    spilled: int = 0

    @property
    def text(self) -> list[str]:
        return [line.text for line in self.printed if isinstance(line, Line)]

    @property
    def codes(self) -> list[str]:
        return [line.text for line in self.printed if isinstance(line, Qr)]

    def draw(self) -> Image.Image:
        """A picture of it, a dot a pixel."""
        across = self.columns * CELL + 48
        heights = [ROW * line.size if isinstance(line, Line) else _squares(line) * line.dots for line in self.printed]
        image = Image.new("L", (across, sum(heights) + 48), 252)
        pen = ImageDraw.Draw(image)
        down = 24
        for place, (line, height) in enumerate(zip(self.printed, heights, strict=True)):
            if place in self.cuts:
                pen.line((0, down, across, down), fill=160)
            if isinstance(line, Line):
                _write(pen, line, down, across)
            else:
                _square(pen, line, down, across)
            down += height
        return image


def _left(align: str, wide: int, across: int) -> int:
    room = across - 48 - wide
    return 24 + {"left": 0, "center": room // 2, "right": room}[align]


def _write(pen: ImageDraw.ImageDraw, line: Line, down: int, across: int) -> None:
    height = 23 * line.size
    found = next(((path, index) for path, index in FONTS[line.bold] if path.exists()), None)
    font = ImageFont.truetype(str(found[0]), height, found[1]) if found else ImageFont.load_default(height)
    x = _left(line.align, line.columns * CELL, across)
    for sign in line.text:
        wide = (1 if sign < "\x80" else 2) * CELL * line.size
        pen.text((x + wide / 2, down + 2), sign, fill=20, font=font, anchor="ma")
        x += wide


def _squares(code: Qr) -> int:
    return len(segno.make_qr(code.text, error="m").matrix) + 8


def _square(pen: ImageDraw.ImageDraw, code: Qr, down: int, across: int) -> None:
    left = _left(code.align, _squares(code) * code.dots, across)
    for y, row in enumerate(segno.make_qr(code.text, error="m").matrix_iter(border=4)):
        for x, dark in enumerate(row):
            if dark:
                at = (left + x * code.dots, down + y * code.dots)
                pen.rectangle((*at, at[0] + code.dots - 1, at[1] + code.dots - 1), fill=20)


class Head:
    """Reads bytes as they come, and prints. `take` answers what it was asked in its turn (GS r)."""

    def __init__(self, roll: Roll) -> None:
        self.roll = roll
        self._left = bytearray()
        self._line = ""
        self._qr = b""
        self._dots = 3
        self._reset()

    def _reset(self) -> None:
        self._align, self._size, self._bold, self._chinese = "left", 1, False, False

    def take(self, data: bytes) -> Iterator[int]:
        """Work bytes off. Shape: yields 0 for each line, and 1 for each question that is to be answered now."""
        self._left += data
        while self._left and (length := self._length()):
            one = bytes(self._left[:length])
            del self._left[:length]
            yield from self._do(one)

    def _length(self) -> int:
        """How many bytes the next command or sign takes; 0: not all of it is there yet."""
        bytes_ = self._left
        first, second = bytes_[0], bytes_[1] if len(bytes_) > 1 else None
        wants = 1
        if first in (0x1B, 0x1C, 0x1D):
            if second is None:
                return 0
            wants = 3
            if (first, second) in ((0x1B, 0x40), (0x1C, 0x26), (0x1C, 0x2E)):
                wants = 2
            elif (first, second) == (0x1D, 0x28):  # GS ( k pL pH ...
                wants = 5 + int.from_bytes(bytes_[3:5], "little") if len(bytes_) >= 5 else 5
            elif (first, second) == (0x1D, 0x56) and len(bytes_) > 2 and bytes_[2] in (65, 66):
                wants = 4
        elif first >= 0x81 and self._chinese:
            wants = 2 if second is None or not 0x30 <= second <= 0x39 else 4
        return wants if len(bytes_) >= wants else 0

    def _do(self, one: bytes) -> Iterator[int]:
        if one[0] == 0x0A:
            yield from self._feed()
        elif one[0] >= 0x20 and one[0] != 0x7F:
            if one[0] >= 0x80 and not self._chinese:
                raise ValueError(f"a byte that is no sign: {one!r}")
            sign = one.decode("gb18030")
            if self._wide(self._line + sign) > self.roll.columns:
                self.roll.spilled += 1
                yield from self._feed()
            self._line += sign
        else:
            yield from self._command(one)

    def _wide(self, text: str) -> int:
        return Line(text, size=self._size).columns

    def _feed(self) -> Iterator[int]:
        self.roll.printed.append(Line(self._line, self._align, self._size, self._bold))
        self._line = ""
        yield 0

    def _command(self, one: bytes) -> Iterator[int]:
        match one[:2]:
            case b"\x1b@":
                self._line = ""
                self._reset()
            case b"\x1ba":
                self._align = _ALIGN[one[2] % 48]
            case b"\x1bE":
                self._bold = bool(one[2] & 1)
            case b"\x1bd":
                for _ in range(one[2]):
                    yield from self._feed()
            case b"\x1c&" | b"\x1c.":
                self._chinese = one[1:] == b"&"
            case b"\x1d!":
                self._size = (one[2] >> 4) + 1
            case b"\x1d(" if one[2:3] == b"k":
                yield from self._code(one[5:])
            case b"\x1dV":
                self.roll.cuts.append(len(self.roll.printed))
            case b"\x1dr":
                yield 1
            case _:
                raise ValueError(f"an unknown command: {one!r}")

    def _code(self, told: bytes) -> Iterator[int]:
        match told[:2]:
            case b"1C":
                self._dots = told[2]
            case b"1P":
                self._qr = told[3:]
            case b"1Q":
                self.roll.printed.append(Qr(self._qr.decode(), self._align, self._dots))
                yield 0
