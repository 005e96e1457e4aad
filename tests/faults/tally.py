"""How much was crashed and killed in this session; the summary at the end of a test run prints it."""

from __future__ import annotations

from collections.abc import Iterable

POINTS: set[object] = set()
KILLS: list[str] = []


def crashed(story: str, points: Iterable[object]) -> None:
    """Count crash points that were reached: each (story, merchant's set-up, seam call, moment) once."""
    POINTS.update((story, point) for point in points)


def killed(what: str) -> None:
    """Count a real `kill -9`."""
    KILLS.append(what)


def summary() -> str:
    """One line for people."""
    kinds = {what: KILLS.count(what) for what in sorted(set(KILLS))}
    told = ", ".join(f"{what} {count}" for what, count in kinds.items())
    return f"crash points: {len(POINTS)} distinct; real kill -9: {len(KILLS)}" + (f" ({told})" if told else "")
