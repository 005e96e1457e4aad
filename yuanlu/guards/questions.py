"""What a till asked a cashier, and what they answered. Pure.

A till writes a question down when it is shown, behind the cashier's back: never between a scan and its charge. The till
makes the id, so writing again is the same, and what waits in its queue is written later. So what is asked in vain is
counted from real sales, also where nobody charged in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.guards.rules import Guard


class Reply(StrEnum):
    """What came of a question."""

    OPEN = "open"
    """Nothing, or not yet: the cashier left it."""
    CONFIRMED = "confirmed"
    """The amount was right, they said: if so, it was asked in vain."""
    CHANGED = "changed"
    """The amount, the basket or the code was put right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Row):
    """A question that a cashier was asked. `sale_id`: the charge that came of it, if one did."""

    table = "guard_questions"

    till_id: str
    store_id: str
    guard: Guard
    amount_fen: int
    expected_fen: int | None
    reply: Reply
    sale_id: str
    asked_at: datetime
    replied_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAsked(Fact):
    guard: str
    amount_fen: int
    expected_fen: int | None
    till_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAnswered(Fact):
    guard: str
    reply: str
    sale_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsk:
    """A question as the till has it now. A sale comes of an answer only: without one it is not looked at."""

    merchant_id: str
    id: str
    who: str
    till_id: str
    guard: Guard
    amount_fen: int
    expected_fen: int | None = None
    reply: Reply = Reply.OPEN
    sale_id: str = ""


@dataclass(frozen=True, slots=True)
class QuestionSeen:
    """What it is decided on. `store_id`: where the till stands; None: there is no such till."""

    store_id: str | None
    row: Question | None = None


def written(ask: QuestionAsk, seen: QuestionSeen, at: datetime) -> Change[Question] | Stay[Question]:
    """Write a question down, or its answer. Law: it is answered once; an open one said again takes no answer back.

    Raises Denied: payment.till_unknown, id.invalid, guards.question_taken.
    """
    if seen.store_id is None:
        raise Denied("payment.till_unknown", till=ask.till_id)
    was = seen.row
    if was is None:
        row = Question(
            merchant_id=ask.merchant_id,
            id=ids.checked(ask.id, ids.Kind.QUESTION),
            till_id=ask.till_id,
            store_id=seen.store_id,
            guard=ask.guard,
            amount_fen=ask.amount_fen,
            expected_fen=ask.expected_fen,
            reply=ask.reply,
            sale_id="" if ask.reply is Reply.OPEN else ask.sale_id,
            asked_at=at,
            replied_at=None if ask.reply is Reply.OPEN else at,
        )
        asked = GuardAsked(
            guard=ask.guard, amount_fen=ask.amount_fen, expected_fen=ask.expected_fen, till_id=ask.till_id
        )
        return Change(row=row, at=at, who=ask.who, facts=(asked, *_answered(row)))
    if _content(was) != (ask.till_id, ask.guard, ask.amount_fen, ask.expected_fen):
        raise Denied("guards.question_taken", id=ask.id)
    if ask.reply is Reply.OPEN or (ask.reply, ask.sale_id) == (was.reply, was.sale_id):
        return Stay(was)
    if was.reply is not Reply.OPEN:
        raise Denied("guards.question_taken", id=ask.id)
    row = replace(was, version=was.version + 1, reply=ask.reply, sale_id=ask.sale_id, replied_at=at)
    return Change(row=row, at=at, who=ask.who, facts=_answered(row))


def _content(row: Question) -> tuple[str, Guard, int, int | None]:
    return row.till_id, row.guard, row.amount_fen, row.expected_fen


def _answered(row: Question) -> tuple[GuardAnswered, ...]:
    if row.reply is Reply.OPEN:
        return ()
    return (GuardAnswered(guard=row.guard, reply=row.reply, sale_id=row.sale_id),)
