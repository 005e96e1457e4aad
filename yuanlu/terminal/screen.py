"""What a terminal shows: columns that line up although a Chinese character is two wide, and colour where it is seen."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TextIO

from yuanlu.clock import CHINA

COLUMNS_MAX = 110
"""Longer lines are hard to read, however wide the window is."""

_STOPS = "，。：；！？、）”》"
_INKS = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


def width(text: str) -> int:
    """How many columns a text takes: two for each wide character, none for a combining one."""
    return sum(_columns(letter) for letter in text)


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def padded(text: str, columns: int) -> str:
    """The text, filled up with spaces to so many columns."""
    return text + " " * max(0, columns - width(text))


def wrapped(text: str, columns: int) -> list[str]:
    """The text in lines of at most so many columns, broken at spaces, or between Chinese characters."""
    lines, line = [], ""
    for piece in _pieces(text):
        if width(line + piece.rstrip()) > columns and line.strip():
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*lines, line.rstrip()]


def _pieces(text: str) -> list[str]:
    """What may stand at the start of a line: a word with the space before it, or one wide character with its stop."""
    pieces: list[str] = []
    for letter in text:
        is_wide = _columns(letter) == 2
        stops = letter in _STOPS
        starts = is_wide or letter == " " or (pieces and pieces[-1] and _columns(pieces[-1][-1]) == 2)
        if not pieces or (starts and not stops):
            pieces.append(letter)
        else:
            pieces[-1] += letter
    return pieces


@dataclass(frozen=True)
class Screen:
    """Where lines are written, how wide it is, and whether it shows colour."""

    out: TextIO
    columns: int
    has_colour: bool

    def ink(self, text: str, *inks: str) -> str:
        """The text in bold, in a colour …, where colour is seen."""
        if not self.has_colour or not text:
            return text
        return f"\x1b[{';'.join(_INKS[name] for name in inks)}m{text}\x1b[0m"

    def line(self, text: str = "") -> None:
        """Write a line, now."""
        print(text, file=self.out, flush=True)


def screen(out: TextIO) -> Screen:
    """The screen behind a stream. Colour needs a terminal that has it, and nobody who asked for none (NO_COLOR)."""
    is_terminal = out.isatty()
    has_colour = is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    columns = shutil.get_terminal_size((COLUMNS_MAX, 24)).columns if is_terminal else COLUMNS_MAX
    return Screen(out, max(50, min(columns, COLUMNS_MAX)), has_colour)


# --- a timeline ---

NAMES = {
    "cashier": "收银员 cashier",
    "customer": "顾客 customer",
    "finance": "财务 finance",
    "manager": "店长 manager",
    "owner": "老板 owner",
    "neighbour": "邻店 neighbour",
    "handover": "转交 hand-over",
    "network": "网络 network",
    "channel": "渠道 channel",
    "system": "系统 system",
    "clock": "时间 clock",
    "demo": "演示 demo",
}
INKS = {"cashier": "cyan", "customer": "magenta", "network": "red", "channel": "blue", "clock": "dim"}
_TIME, _WHO = 10, 18
_DAY = 24 * 3600


def happened(on: Screen, item: Mapping[str, str]) -> None:
    """One item: time, who, what in Chinese, and below it in English with the id of the evidence."""
    who = item["who"]
    ink = INKS.get(who, "green")
    at = datetime.fromisoformat(item["at"]).astimezone(CHINA).strftime("%H:%M:%S")
    name = NAMES.get(who, who)
    left, room = _TIME + _WHO, on.columns - _TIME - _WHO
    head = f"{on.ink(padded(at, _TIME), 'dim')}{on.ink(padded(name, _WHO), ink)}"
    for number, line in enumerate(wrapped(flat(item["what_zh"]), room)):
        on.line((head if not number else " " * left) + on.ink(line, "bold"))
    english = wrapped(flat(item["what_en"]), room)
    for line in english:
        on.line(" " * left + line)
    if item["evidence"]:
        mark = f"↳ {item['evidence']}"
        on.line(" " * left + on.ink(mark, "dim") if width(mark) <= room else on.ink(mark, "dim"))


def flat(text: str) -> str:
    """Lines of a sentence behind each other: with a space, or, where Chinese has no stop of its own, with one."""
    first, *rest = text.splitlines() or [""]
    for line in rest:
        joint = " " if width(first[-1:]) < 2 else "" if first[-1] in _STOPS else "。"
        first += joint + line
    return first


def passed(on: Screen, seconds: float) -> None:
    """A line that says how much time was stepped."""
    days = round(seconds / _DAY)
    span = f"+{seconds:.0f} s" if seconds < 2 * _DAY else f"+{days} 天 days"
    on.line(on.ink(f"{' ' * _TIME}{padded(NAMES['clock'], _WHO)}{span}", "dim"))
