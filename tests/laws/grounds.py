"""What each state of a case rests on: every turn of a case names it in the facts that are kept, or it stands on air.

One table for the pure walk (`test_cases.py`), for the books after crashes (`tests/faults/audit.py`) and for the house.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yuanlu.cases.review import Event
from yuanlu.cases.rules import BY_PEOPLE, State

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ground:
    """Of a fact: the state it leads to, and what must be named with it: all of one of these sets.

    `person`: a member of staff; `somebody`: no machine of ours; `system`: nobody; `words`: a message in the chain;
    `answer`: the channel's answer in the chain, by its digest; `offer`: the customer's word on an offer, in the same
    Change; `time`: a deadline that was over; any other name is a field of the fact.
    """

    state: State
    rests_on: tuple[frozenset[str], ...]


def _ground(state: State, *sets: str) -> Ground:
    return Ground(state, tuple(frozenset(each.split()) for each in sets))


GROUNDS: Mapping[str, Ground] = {
    "CaseOpened": _ground(State.OPENED, "payment_id what"),
    "RemedyOvertaken": _ground(State.OPENED, "system payment_state rests_on"),
    "CaseToReview": _ground(State.REVIEW, "system answer line verdict"),
    "CaseSentBack": _ground(State.REVIEW, "person words approver on_chain"),
    "CaseBackInTrouble": _ground(State.ATTENTION, "person words approver why on_chain"),
    "CaseAnswered": _ground(State.REVIEW, "somebody words"),
    "CaseUnanswered": _ground(State.REVIEW, "system time"),
    "CaseObjected": _ground(State.REVIEW, "somebody words decided_by"),
    "CaseReopened": _ground(State.REVIEW, "person words conclusion"),
    "OfferTurnedDown": _ground(State.REVIEW, "somebody offer"),
    "OfferExpired": _ground(State.REVIEW, "system time offer"),
    "ApprovalLapsed": _ground(State.REVIEW, "system approver"),
    "TwinInTheWay": _ground(State.REVIEW, "system why payment"),
    "CaseInfoAsked": _ground(State.NEEDS_INFO, "person words"),
    "OfferMade": _ground(State.OFFERED, "person words offer until on_chain"),
    "OfferAccepted": _ground(State.SECOND, "somebody offer"),
    "CaseApproved": _ground(State.SECOND, "person amount_fen on_chain"),
    "CaseDeclined": _ground(
        State.DECLINED, "person words reason_code object_until on_chain", "system answer reason_code object_until line"
    ),
    "RemedyChosen": _ground(State.REMEDY, "system answer", "somebody remedy on_chain"),
    "CaseNeedsPerson": _ground(State.ATTENTION, "system why rests_on"),
    "CaseClosed": _ground(
        State.CLOSED, "system rests_on on_chain", "system answer", "somebody conclusion", "system time conclusion"
    ),
}
"""An approval that needs no second person, and an offer accepted, are followed by what they lead to in one Change."""

AFTER: Mapping[str, str] = {kind: ground.state.value for kind, ground in GROUNDS.items()}

OF_EVENT: Mapping[Event, str | None] = {
    Event.CLAIM: None,
    Event.RELEASE: None,
    Event.NOTE: None,
    Event.ASK: "CaseInfoAsked",
    Event.ANSWER: "CaseAnswered",
    Event.APPROVE: "RemedyChosen",
    Event.APPROVE_FIRST: "CaseApproved",
    Event.CONFIRM: "RemedyChosen",
    Event.SEND_BACK: "CaseSentBack",
    Event.OFFER: "OfferMade",
    Event.ACCEPT: "RemedyChosen",
    Event.ACCEPT_FIRST: "OfferAccepted",
    Event.SETTLE: "CaseClosed",
    Event.TURN_DOWN: "OfferTurnedDown",
    Event.DECLINE: "CaseDeclined",
    Event.OBJECT: "CaseObjected",
    Event.WITHDRAW: "CaseClosed",
    Event.REOPEN: "CaseReopened",
}
"""The fact that carries each verb of people to its state; None: it turns nothing."""

OF_ROAD: Mapping[str, str] = {
    "remedy": "RemedyChosen",
    "a person decides": "CaseToReview",
    "the policy declines": "CaseDeclined",
    "a person must look": "CaseNeedsPerson",
    "nothing to do": "CaseClosed",
    "done": "CaseClosed",
    "trouble": "CaseNeedsPerson",
    "paid meanwhile": "RemedyOvertaken",
    "the approval lapsed": "ApprovalLapsed",
    "decide": "RemedyChosen",
    "decide, first of two": "CaseApproved",
    "sent back to its trouble": "CaseBackInTrouble",
    "a repayment is proposed": "RemedyChosen",
    "note": "CaseClosed",
    "no answer in time": "CaseUnanswered",
    "not accepted in time": "OfferExpired",
    "no objection in time": "CaseClosed",
    "the channel takes it back": "CaseNeedsPerson",
}
"""The fact that carries what happens by itself (`review.ROADS`)."""

WITH_MONEY = ("refund_all", "refund_difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One turn of a case as it is kept: what stands in the books, and nothing else."""

    what: str
    before: str
    after: str
    who: str
    at: datetime
    facts: Sequence[tuple[str, Body]]
    due_at: datetime | None = None
    """When the state before was due, where that is known."""


def on_air(turn: Told) -> str:
    """Why a turn stands on air; nothing, where its facts name what it rests on."""
    if turn.before == turn.after:
        return ""
    found = [(kind, body) for kind, body in turn.facts if AFTER.get(kind) == turn.after]
    said = f"{turn.before or 'nothing'} -> {turn.after}"
    if not found:
        return f"{said}: no fact tells of it: {[kind for kind, _ in turn.facts]}"
    kind, body = found[-1]
    named = _named(turn, body)
    if not any(each <= named for each in GROUNDS[kind].rests_on):
        return f"{said}: {kind} by {turn.who or 'nobody'} names {sorted(named)} only"
    if kind == "RemedyChosen" and body["remedy"] in WITH_MONEY and not body["refund_id"]:
        return f"{said}: money shall go back and no refund is named"
    is_ruled = kind == "RemedyChosen" and turn.who == "system" and turn.what in BY_PEOPLE
    if is_ruled and body["remedy"] in WITH_MONEY and not body["line"]:
        return f"{said}: nobody approved, and no line of a policy is named"
    return ""


def _named(turn: Told, body: Body) -> frozenset[str]:
    items = [told for kind, told in turn.facts if kind == "CaseItemAdded" and told["digest"]]
    kinds = {kind for kind, _ in turn.facts}
    grounds = {
        "person": turn.who.startswith("YW"),
        "somebody": turn.who not in ("", "system"),
        "system": turn.who == "system",
        "words": any(each["item_kind"] == "message" for each in items),
        "answer": "CaseChecked" in kinds and any(each["item_kind"] != "message" for each in items),
        "time": turn.who == "system" and (turn.due_at is None or turn.at >= turn.due_at),
    }
    return frozenset(name for name, there in (grounds | dict(body)).items() if there)
