"""纠纷: what payers complained of at the channels, and what the shop answers there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.web.console.acting import act
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, View
from yuanlu.web.parts.asking import Visitor

LIST, ONE = "/console/disputes", "/console/disputes/{complaint}"
STATES = ("NEW", "ANSWERED", "REFUND_PROMISED", "FINISHED")
ACTS = ("answers", "decision", "finish")
"""What may be done: the last part of the route's path."""


async def show(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Complaints of a state, newest first; without one, all."""
    query = {name: here.query[name] for name in ("state", "after") if here.query.get(name)}
    told = await here.ask("/v1/complaints", query=query)
    given = {"items": told.items, "next": told.next, "state": query.get("state", ""), "states": STATES}
    return View("disputes.html", given)


async def show_one(here: Visitor, _: Mapping[str, str], problem: Any = None) -> Seen:
    """A complaint whole: what was said, by when it must be answered, the payment and its cases."""
    told = await here.ask("/v1/complaints/{complaint}", here.place)
    cases = await here.ask("/v1/cases", query={"payment": told.complaint.payment}) if told.complaint.payment else None
    given = {
        "whole": told,
        "one": told.complaint,
        "cases": cases.items if cases else (),
        "names": await here.names([each.written_by for each in told.answers]),
        "answer_id": ids.new(Kind.ANSWER),
        "problem": problem,
    }
    return View("dispute.html", given, UNPROCESSED if problem else 200)


PAGES = (
    Page("GET", LIST, show, may="see", menu="console.disputes", icon="user-question"),
    Page("GET", ONE, show_one, may="see"),
    *(
        Page("POST", f"{ONE}/{name}", act(f"/v1/complaints/{{complaint}}/{name}", f"{ONE}/{name}", ONE, show_one))
        for name in ACTS
    ),
)
