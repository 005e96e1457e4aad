"""The verb of training: write a drill down."""

from __future__ import annotations

from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.training import rules, store
from yuanlu.training.rules import Drill, DrillAsk


async def written(desk: Desk, ask: DrillAsk) -> Done[Drill]:
    """Write down that somebody did a drill; again is the same, not `changed`.

    Raises Denied: see `rules.written`.
    """
    return await desk.decide(store.by_id(ask.merchant_id, ask.id), partial(rules.written, ask))
