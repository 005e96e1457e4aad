"""A channel's facts, from dated data files.

Each channel's folder `facts/` holds files named by the day from which they count; the newest valid one wins. A new
rule of a provider is a new file, no code. Spans are written as ISO 8601 durations (`PT15S`, `P365D`).
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from datetime import date
from pathlib import Path

import msgspec

from yuanlu.channels.contract import Facts


def read(text: str) -> Facts:
    """Read one file of facts.

    Raises ValueError when a fact is missing, unknown, or no span.
    """
    given = tomllib.loads(text)
    given.setdefault("refund_parts_max", None)
    stray = set(given) - {fact.name for fact in fields(Facts)}
    if stray:
        raise ValueError(f"no such fact: {', '.join(sorted(stray))}")
    return msgspec.convert(given, Facts)


def newest(folder: Path, on: date) -> Facts:
    """The facts that count on this day; before the first file's day, the first file."""
    read_all = sorted((read(path.read_text()) for path in folder.glob("*.toml")), key=lambda facts: facts.valid_from)
    valid = [facts for facts in read_all if facts.valid_from <= on.isoformat()]
    return valid[-1] if valid else read_all[0]
