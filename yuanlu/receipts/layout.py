"""How a slip is laid out, to the column. Pure: values in, lines out; `render.py` draws the lines.

Receipt printers count in columns: 32 on paper of 58 mm, 48 on 80 mm. A letter of ASCII takes one, every other sign two,
and a big sign twice as many. What a printer cannot show as one sign in one place (controls, marks that join the sign
before, signs that turn the direction) is taken out first, so that what is counted here is what comes out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from yuanlu.clock import CHINA
from yuanlu.money import Money
from yuanlu.words import say

COLUMNS = {58: 32, 80: 48}
"""Columns of each width of paper, in millimetres."""
COPIES_MAX = 3
NOTHING = Money(0)
_TURNED = str.maketrans({"¥": "￥", "\t": " "})  # U+00A5 is in no Chinese printer's table


class Kind(StrEnum):
    """What a slip is of."""

    PAYMENT = "payment"
    REFUND = "refund"
    TEST = "test"


class Align(StrEnum):
    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """All that stands on a slip. Of a refund: `amount` is what goes back, `paid` the payment's own amount.

    `back`: what has gone back or is on its way, of the whole payment. `link`: the address its QR leads to; empty: none.
    `again`: how many times it may have come out before. `copy` of `copies`: which piece this is.
    """

    kind: Kind
    lang: str = "zh"
    number: str
    payment: str = ""
    shop: str = ""
    store: str = ""
    till: str = ""
    cashier: str = ""
    tender: str = ""
    channel_number: str = ""
    description: str = ""
    state: str = ""
    amount: Money = NOTHING
    paid: Money = NOTHING
    back: Money = NOTHING
    at: datetime
    """When it was paid, or asked for."""
    printed_at: datetime
    link: str = ""
    again: int = 0
    copy: int = 1
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text: no wider than its paper, big signs counted twice."""

    text: str
    align: Align = Align.LEFT
    big: bool = False
    bold: bool = False

    @property
    def columns(self) -> int:
        return width(self.text) * (2 if self.big else 1)


@dataclass(frozen=True, slots=True)
class Code:
    """A QR, in the middle."""

    text: str


Line = Text | Code


@dataclass(frozen=True, slots=True)
class Sheet:
    """A slip laid out for one width of paper: lines from the top; it is cut behind the last."""

    columns: int
    lines: tuple[Line, ...]


def clean(text: str) -> str:
    """The text as a printer can show it: one line, a place for each sign."""
    whole = unicodedata.normalize("NFC", text.translate(_TURNED).replace("\n", " "))
    return "".join(_shown(each) for each in whole)


def _shown(sign: str) -> str:
    category = unicodedata.category(sign)
    if category[0] == "M" or category in ("Cf", "Cc"):
        return ""
    return "?" if category[0] == "C" or category in ("Zl", "Zp") else " " if category == "Zs" and sign < "　" else sign


def width(text: str) -> int:
    """Columns that a cleaned text takes."""
    return sum(1 if sign < "\x80" else 2 for sign in text)


def wrap(text: str, columns: int) -> list[str]:
    """Cut a cleaned text into lines of at most `columns` (>= 2), between words where that is possible.

    Law: nothing is lost but spaces where a line ends.
    """
    lines: list[str] = []
    line = ""
    for piece in _pieces(text):
        if width(line) + width(piece) <= columns:
            line += piece
            continue
        if piece == " ":  # a line that is full needs no space at its end
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = ""
        for sign in piece:
            if width(line) + width(sign) > columns:
                lines.append(line)
                line = ""
            line += sign
    if line.strip() or not lines:
        lines.append(line.rstrip())
    return lines


def _pieces(text: str) -> Iterator[str]:
    """What stays together: words of ASCII; every other sign, and every space, stands alone."""
    word = ""
    for sign in text:
        if sign < "\x80" and sign != " ":
            word += sign
            continue
        if word:
            yield word
        word = ""
        yield sign
    if word:
        yield word


def laid(slip: Slip, paper_mm: int) -> Sheet:
    """Lay a slip out on paper of 58 or 80 mm."""
    pen = _Pen(COLUMNS[paper_mm], slip.lang)
    _head(pen, slip)
    if slip.kind is Kind.TEST:
        _test(pen, slip)
    else:
        _sums(pen, slip)
        _particulars(pen, slip)
        _foot(pen, slip)
    return Sheet(pen.columns, tuple(pen.lines))


def copies(slip: Slip, paper_mm: int) -> Sequence[Sheet]:
    """Each piece of a slip, in order, those behind the first marked as copies."""
    return [laid(replace(slip, copy=place + 1), paper_mm) for place in range(slip.copies)]


class _Pen:
    """Writes lines that fit."""

    def __init__(self, columns: int, lang: str) -> None:
        self.columns = columns
        self.lang = lang
        self.lines: list[Line] = []

    def say(self, code: str, **facts: object) -> str:
        return clean(say(f"slip.{code}", self.lang, **facts))

    def write(self, text: str, align: Align = Align.LEFT, *, big: bool = False, bold: bool = False) -> None:
        for line in wrap(clean(text), self.columns // 2 if big else self.columns):
            self.lines.append(Text(line, align, big, bold))

    def pair(self, label: str, value: str) -> None:
        """A label and its value: beside each other, or, where they do not fit, the value below on the right."""
        value = clean(value)
        if not value:
            return
        gap = self.columns - width(label) - width(value)
        if gap >= 1:
            self.lines.append(Text(label + " " * gap + value))
            return
        self.write(label)
        self.write(value, Align.RIGHT)

    def rule(self) -> None:
        self.lines.append(Text("-" * self.columns))


def _head(pen: _Pen, slip: Slip) -> None:
    if slip.again:
        pen.write(pen.say("again", n=slip.again), Align.CENTER, bold=True)
    if slip.copy > 1:
        pen.write(pen.say("copy", n=slip.copy, of=slip.copies), Align.CENTER, bold=True)
    if slip.shop.strip():
        pen.write(slip.shop, Align.CENTER, bold=True)
    if slip.store.strip() and slip.store != slip.shop:
        pen.write(slip.store, Align.CENTER)
    pen.write(pen.say(f"title.{slip.kind}"), Align.CENTER, big=True, bold=True)
    pen.rule()


def _sums(pen: _Pen, slip: Slip) -> None:
    is_refund = slip.kind is Kind.REFUND
    pen.write(str(slip.amount), Align.CENTER, big=True, bold=True)
    pen.write(pen.say(f"state.{slip.kind}.{slip.state}"), Align.CENTER, bold=True)
    pen.rule()
    if is_refund:
        pen.pair(pen.say("paid"), str(slip.paid))
    if slip.back.amount:
        pen.pair(pen.say("back"), str(slip.back))
        pen.pair(pen.say("rest"), str((slip.paid if is_refund else slip.amount) - slip.back))


def _particulars(pen: _Pen, slip: Slip) -> None:
    for name, value in (
        ("description", slip.description),
        ("tender", slip.tender),
        ("at", _moment(slip.at)),
        ("till", slip.till),
        ("cashier", slip.cashier),
        ("payment", slip.payment if slip.kind is Kind.REFUND else slip.number),
        ("refund", slip.number if slip.kind is Kind.REFUND else ""),
        ("channel_number", slip.channel_number),
    ):
        pen.pair(pen.say(name), value)


def _foot(pen: _Pen, slip: Slip) -> None:
    if slip.link:
        pen.rule()
        pen.lines.append(Code(slip.link))
        pen.write(pen.say("scan"), Align.CENTER)
    pen.lines.append(Code(slip.number))
    pen.write(slip.number, Align.CENTER)
    pen.write(pen.say("number"), Align.CENTER)
    pen.pair(pen.say("printed_at"), _moment(slip.printed_at))


def _test(pen: _Pen, slip: Slip) -> None:
    pen.write(("0123456789" * 5)[: pen.columns])
    pen.write(("汉字一二三四五六七八九十" * 2)[: pen.columns // 2])
    pen.write(str(Money(123456)), Align.RIGHT, big=True)
    pen.pair(pen.say("till"), slip.till)
    pen.pair(pen.say("printed_at"), _moment(slip.printed_at))
    pen.lines.append(Code(slip.number))
    pen.write(slip.number, Align.CENTER)


def _moment(at: datetime) -> str:
    """A moment as clocks in China have it."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
