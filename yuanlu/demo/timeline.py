"""What happens, written down as it happens: by those who play, and by yuanlu itself (read from its API)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from yuanlu.demo.people import Wire
from yuanlu.terminal.screen import NAMES, Screen, happened, passed

_PAGE = 200


class Timeline:
    """The items so far. Shape: `at` (ISO 8601, UTC), `who`, `what_zh`, `what_en`, `evidence` (an id, or nothing)."""

    def __init__(self, screen: Screen | None, now: Callable[[], datetime]) -> None:
        self.items: list[dict[str, str]] = []
        self._screen = screen
        self._now = now
        self._read: dict[str, int] = {}
        self._passed = 0.0
        self.names: dict[str, str] = {}
        """Who the ids of staff are in the story."""

    def tell(self, who: str, zh: str, en: str, evidence: str = "") -> None:
        """Somebody did something."""
        self._add({"at": _iso(self._now()), "who": who, "what_zh": zh, "what_en": en, "evidence": evidence})

    async def catch_up(self, api: Wire, payment_id: str) -> None:
        """Read what happened to a payment, its refunds and its cases since we last looked."""
        after: int | None = self._read.get(payment_id, 0)
        while after is not None:
            page = await api.get(f"/v1/payments/{payment_id}/timeline", after=after, limit=_PAGE)
            for item in page["items"]:
                self._add(self._named(_own(item)))
            self._read[payment_id] = after + len(page["items"])
            after = page["next"]

    def _named(self, item: dict[str, str]) -> dict[str, str]:
        """The item with the names of people where their ids stand."""
        told = item | {"who": self.names.get(item["who"], item["who"])}
        for staff_id, actor in self.names.items():
            zh, _, en = NAMES.get(actor, f"{actor} {actor}").partition(" ")
            told["what_zh"] = told["what_zh"].replace(staff_id, zh)
            told["what_en"] = told["what_en"].replace(staff_id, en)
        return told

    def passed(self, seconds: float) -> None:
        """Time was stepped. It is shown before the next thing that happens; it is nothing anybody did."""
        self._passed += seconds

    def _add(self, item: dict[str, str]) -> None:
        self.items.append(item)
        if self._screen is not None:
            if self._passed >= 1:
                passed(self._screen, self._passed)
            self._passed = 0.0
            happened(self._screen, item)


def _own(item: dict[str, Any]) -> dict[str, str]:
    at = datetime.fromisoformat(item["at"])
    return {
        "at": _iso(at),
        "who": item["who"],
        "what_zh": item["what_zh"],
        "what_en": item["what_en"],
        "evidence": item["evidence"] or "",
    }


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
