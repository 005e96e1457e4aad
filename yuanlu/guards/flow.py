"""The verbs of guards: tune those of a store, write a question down, count what was asked."""

from __future__ import annotations

from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.guards import questions, store, tuning
from yuanlu.guards.questions import Question, QuestionAsk
from yuanlu.guards.tuning import StoreTuning


async def tune(desk: Desk, merchant_id: str, store_id: str, content: str, who: str) -> Done[StoreTuning]:
    """Let a store's guards be so from now on; again is the same, not `changed`.

    Raises Denied: see `tuning.tune`.
    """
    rule = partial(tuning.tune, merchant_id, store_id, content, who)
    return await desk.decide(store.tuning_of(merchant_id, store_id), rule)


async def asked(desk: Desk, ask: QuestionAsk) -> Done[Question]:
    """Write down that a cashier was asked, or what they answered; again is the same, not `changed`.

    Raises Denied: see `questions.written`.
    """
    return await desk.decide(store.for_question(ask), partial(questions.written, ask))
