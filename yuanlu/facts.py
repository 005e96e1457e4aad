"""Facts: things that happened, named in the past.

A fact is stored once, with who and when and on what evidence, and is never edited or deleted. Facts serve the
timeline, the audit, the followers and risk. Rows stay the truth about state; facts say how it came about.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base of all facts. Fields are plain values (they are stored as JSON)."""

    @property
    def kind(self) -> str:
        """The name under which it is stored and followed."""
        return type(self).__name__
