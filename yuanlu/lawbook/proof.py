"""How complete a case is: what is missing, and what would speed it up (S60)."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from yuanlu import words
from yuanlu.lawbook.shapes import Need, Proof
from yuanlu.lawbook.shelf import Book

WHOLE = 1000


@dataclass(frozen=True, slots=True)
class Completeness:
    """How complete a case is, in parts of a thousand.

    Law: 1000 says that nothing is missing and nothing would make it faster; holding more never lowers it.
    """

    per_mille: int
    missing: tuple[Need, ...]
    faster: tuple[Need, ...]
    zh: str
    en: str


def needed(book: Book, cause: str) -> tuple[Need, ...]:
    """What a case of this cause needs. A cause nobody wrote a row for needs what every case needs."""
    return tuple(need for need in book.one(Proof).needs if "*" in need.causes or cause in need.causes)


def score(book: Book, cause: str, held: Set[str]) -> Completeness:
    """How complete a case is that holds these things.

    Shape: `held` are ids of needs; others (the pack may be newer than the case, or older) count for nothing.
    """
    needs = needed(book, cause)
    absent = sorted((need for need in needs if need.id not in held), key=lambda need: -need.weight)
    missing = tuple(need for need in absent if need.required)
    faster = tuple(need for need in absent if not need.required)
    whole = sum(need.weight for need in needs)
    per_mille = WHOLE * sum(need.weight for need in needs if need.id in held) // whole
    return Completeness(per_mille, missing, faster, _told("zh", missing, faster), _told("en", missing, faster))


def _told(lang: str, missing: tuple[Need, ...], faster: tuple[Need, ...]) -> str:
    if not missing and not faster:
        return words.say("proof.complete", lang)
    lines = [words.say("proof.missing" if missing else "proof.enough", lang)]
    lines += [need.zh if lang == "zh" else need.en for need in missing]
    lines += [need.faster_zh if lang == "zh" else need.faster_en for need in faster]
    return "\n".join(lines)
