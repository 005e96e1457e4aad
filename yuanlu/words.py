"""What people read: every sentence in both languages, keyed by code, from `words.toml`. No words stand in code."""

from __future__ import annotations

import tomllib
from functools import lru_cache

from yuanlu import packaged
from yuanlu.errors import Broken

LANGUAGES = ("zh", "en")
"""Chinese first: it is the source, English is a full translation."""


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[str, str]]:
    """All words: code to language to text. First line: what happened; then whether money moved, and what to do."""
    return tomllib.loads(packaged.text("words.toml"))


def language(wish: str) -> str:
    """The language we speak for a wish such as `en-GB`; Chinese where we do not know it."""
    return "en" if wish[:2].lower() == "en" else "zh"


def say(code: str, lang: str = "zh", /, **facts: object) -> str:
    """The words for a code, with the facts filled in. Lines are parted by a line feed.

    Raises Broken when there are no such words, or a fact is missing: a test walks all codes.
    """
    try:
        return catalogue()[code][language(lang)].format_map(facts)
    except KeyError as missing:
        raise Broken(f"no words for {code!r}, or a fact is missing: {missing}") from missing


def both(code: str, /, **facts: object) -> dict[str, str]:
    """The words in every language, for answers that carry them all: `{"zh": …, "en": …}`."""
    return {lang: say(code, lang, **facts) for lang in LANGUAGES}
