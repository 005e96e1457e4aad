"""Looking through who may do what, at a terminal."""

from __future__ import annotations

from pathlib import Path

from yuanlu.terminal.asking import ask
from yuanlu.terminal.verbs import Counter, store_of
from yuanlu.web.api.staff import ROUTES, ReviewTold


async def reviewed(counter: Counter, store: str, key_file: Path | None) -> ReviewTold:
    """Who may do what: everybody, or the people of one store (its name or id).

    Raises Denied: store.unknown, store.several; see `asking.ask`.
    """
    query = {"store": await store_of(counter, store) if store else ""}
    told: ReviewTold = await ask(counter, ROUTES, "GET /v1/staff/review", key_file=key_file, query=query)
    return told
