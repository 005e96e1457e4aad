"""How a letter is written: JSON for machines, text for people. Pure.

A webhook's body is the same however often its letter is sent, but for `data.object`: that is there only while the
object is as of the fact, and null once it has moved on. Nothing in a letter is newer than what it is about.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from yuanlu.change import Row
from yuanlu.letters import Letter
from yuanlu.notify import templates
from yuanlu.notify.templates import one_line

Words = Callable[[str, Mapping[str, object]], tuple[str, str]]
"""What a fact of this kind says, in Chinese and English."""
Shape = Callable[[Row, datetime], object]
"""An object as the API tells it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A letter as it goes: for machines, and for people."""

    body: str
    line: str
    text: str

    def digest(self, *, machine: bool) -> str:
        """SHA-256 of what the reader gets."""
        return hashlib.sha256((self.body if machine else self.text).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Pen:
    """What writing needs of those above: how facts are said, how objects are shown."""

    words: Words
    shape: Shape

    def write(self, letter: Letter) -> Written:
        """Write a letter."""
        if letter.text is not None:
            return Written("", letter.text.line, letter.text.text)
        zh, en = self.words(letter.kind, letter.facts)
        if letter.to_payer:
            told = templates.text(letter.kind, letter.facts, letter.row, shop=letter.shop, lang=letter.lang)
            assert told is not None, "what a payer is not told is not sent"
            return Written("", told.line, told.text)
        said = one_line(zh if letter.lang == "zh" else en)
        about = f"{letter.type} {letter.object_id}"
        line = one_line(f"[{one_line(letter.shop, templates.NAME_MAX)}] {said}")
        text = f"{said}\n\n{about}\n{letter.happened_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\n{letter.id}\n"
        return Written(self._body(letter, zh, en), line, text)

    def _body(self, letter: Letter, zh: str, en: str) -> str:
        row, is_as_of = letter.row, letter.row is not None and letter.row.version == letter.transition
        told = {
            "type": letter.type,
            "timestamp": letter.happened_at,
            "data": {
                "id": letter.object_id,
                "transition": letter.transition,
                "kind": letter.kind,
                "facts": letter.facts,
                "object": self.shape(row, letter.now) if row is not None and is_as_of else None,
                "words_zh": zh,
                "words_en": en,
            },
        }
        return msgspec.json.encode(told).decode()
