"""Several approvals by one act: chosen in the queue, looked at once more, and each approved by itself.

Which may go together `cases.together` says (`GET /v1/approvals`). Each is approved by the API's own route, on the
version and for the amount that stood on the page: so nothing is done twice that is sent twice, and what has moved is
told, not done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, View
from yuanlu.web.console.review import LIST, show
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

PATH = f"{LIST}/together"
_DONE = frozenset({"REMEDY", "CLOSED"})


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a case: `approved`, `already` (by the same person, before), `moved`, or `refused`.

    `problem`: why not, as a problem or as the route that weighs says it.
    """

    told: Any
    amount_fen: int
    word: str
    problem: Any = None


async def ask(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Show what would be approved, with its sum, and what would not, with why."""
    seen = {name: version for name, version in form.items() if is_id(name, Kind.CASE)}
    try:
        told = await _weighed(here, seen)
    except NOS as error:
        return await show(here, {}, problems.of_error(error))
    if told.code == "case.together_none":
        return await show(here, {}, problems.Problem(told.code))
    those = [each for each in told.items if not each.code and str(each.version) == seen[each.case]]
    others = [each for each in told.items if each not in those]
    return _confirm(those, others, problems.Problem(told.code, {"most": told.most}) if told.code else None)


def _confirm(those: list[Any], others: list[Any], problem: Any) -> View:
    given = {"those": those, "others": others, "sum_fen": sum(each.amount_fen for each in those), "problem": problem}
    return View("together.html", given, UNPROCESSED if problem else 200)


async def _weighed(here: Visitor, seen: Mapping[str, Any]) -> Any:
    """Raises Denied: case.together_none, case.together_many."""
    if not seen:
        raise Denied("case.together_none")
    told = await here.ask("/v1/approvals", query={"cases": ",".join(list(seen)[:_ASKED_MAX])})
    if len(seen) > told.most:
        raise Denied("case.together_many", most=told.most)
    return told


_ASKED_MAX = 50
"""So many at once the route weighs."""


async def approve(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Approve each as it was seen, and tell of each what became of it."""
    seen = {name: _pair(text) for name, text in form.items() if is_id(name, Kind.CASE)}
    try:
        told = await _weighed(here, seen)
    except NOS as error:
        return await show(here, {}, problems.of_error(error))
    if told.code and told.code != "case.together_none":  # none: they are told one by one, and done before most often
        others = [each for each in told.items if each.code]
        those = [each for each in told.items if not each.code]
        return _confirm(those, others, problems.Problem(told.code, {"most": told.most}))
    became = [await _became(here, each, *seen[each.case]) for each in told.items]
    done = sum(each.amount_fen for each in became if each.word == "approved")
    return View("together_done.html", {"became": became, "sum_fen": done})


async def _became(here: Visitor, told: Any, version: int, amount_fen: int) -> Became:
    if not told.code and told.version == version:
        try:
            wish = {"version": version, "amount_fen": amount_fen}
            await here.do("/v1/cases/{case}/approve", {"case": told.case}, wish)
        except NOS as error:
            problem = problems.of_error(error)
            return Became(told, amount_fen, "moved" if problem.code == "case.stale" else "refused", problem)
        return Became(told, amount_fen, "approved")
    if told.code == "case.unknown":
        return Became(told, amount_fen, "refused", told)
    case = await here.ask("/v1/cases/{case}", {"case": told.case})
    if case.decided_by == here.key.actor and case.state in _DONE:
        return Became(told, amount_fen, "already")
    return Became(told, amount_fen, "moved" if told.version != version else "refused", told)


def _pair(text: str) -> tuple[int, int]:
    """A version and an amount as the form has them: `3-12800`."""
    version, _, amount = text.partition("-")
    return (int(version), int(amount)) if _is_number(version) and _is_number(amount) else (0, 0)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


PAGES = (
    Page("POST", PATH, ask, may="approve"),
    Page("POST", f"{PATH}/approve", approve, may="approve"),
)
