"""时限与话术: what customers may ask for at each stage, working days, and the ready replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yuanlu import words
from yuanlu.lawbook.shapes import Stage
from yuanlu.web.console.pages import Page, Seen, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

DEADLINES, WORDS = "/console/deadlines", "/console/words"
_AHEAD = (1, 3, 7, 15)
"""Working days ahead that the calendar names."""


async def deadlines(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The rules of a stage with the law they stand in, and which day lies so many working days ahead."""
    stage = here.query.get("stage", Stage.REPORTED.value)
    start = {"from": here.query["from"]} if here.query.get("from") else {}
    found: dict[str, Any] = {"days": (), "problem": None}
    try:
        found["days"] = [await here.ask("/v1/workdays", query={**start, "days": each}) for each in _AHEAD]
    except NOS as error:
        found["problem"] = problems.of_error(error)
    rights = await here.ask("/v1/rights", query={"stage": stage})
    overdue = (await here.ask("/v1/cases", query={"order": "due", "limit": 20})).items
    given = {"rights": rights, "stages": [each.value for each in Stage], "start": here.query.get("from", "")}
    return View("deadlines.html", {**found, **given, "next_due": overdue})


async def replies(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The ready replies, in both languages, with what is filled in."""
    found = (await here.ask("/v1/replies")).items
    fills = {name for each in found for name in each.fills}
    called = {lang: {name: words.say(f"console.reply.fill.{name}", lang) for name in fills} for lang in words.LANGUAGES}
    return View("words.html", {"replies": found, "called": called})


PAGES = (
    Page("GET", DEADLINES, deadlines, may="see", menu="console.deadlines", icon="clock"),
    Page("GET", WORDS, replies, may="see", menu="console.replies", icon="message-circle"),
)
