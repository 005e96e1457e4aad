"""今天: four numbers with yesterday beside, what is overdue, silent devices. Every number opens what it counts."""

from __future__ import annotations

from collections.abc import Mapping

from yuanlu.web.console.pages import ROOT, Page, Seen, View
from yuanlu.web.parts.asking import Visitor

_OVERDUE_MAX = 10


async def show(here: Visitor, _: Mapping[str, str]) -> Seen:
    """What whoever opens the shop wants to know first."""
    figures = await here.ask("/v1/today") if here.may("sum") else None
    cases = (await here.ask("/v1/cases", query={"order": "due", "limit": _OVERDUE_MAX})).items
    silent = (await here.ask("/v1/stations", query={"silent": "true"})).items
    overdue = [case for case in cases if case.overdue_since]
    return View("today.html", {"figures": figures, "overdue": overdue, "waiting": cases, "silent": silent})


PAGES = (Page("GET", ROOT, show, may="see", menu="console.today", icon="sun"),)
