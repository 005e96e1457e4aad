"""The reasons a refund may be declined with: a fixed set of codes, with words for the customer in both languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache

from yuanlu import packaged


@lru_cache(maxsize=1)
def reasons() -> Mapping[str, Mapping[str, str]]:
    """Code to language to words."""
    return tomllib.loads(packaged.text("cases/declines.toml"))


def words_of(code: str) -> tuple[str, str]:
    """What the customer reads, in Chinese and English; the code itself where it is of a newer release."""
    told = reasons().get(code, {})
    return told.get("zh", code), told.get("en", code)
