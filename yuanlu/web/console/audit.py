"""操作记录: what everybody did, line by line as it is chained; whether the chain holds; and a span of it as a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from yuanlu import ids, words
from yuanlu.clock import CHINA, business_day, midnight
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.web.console.acting import file
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

LIST, CHECK, FILE = "/console/audit", "/console/audit/check", "/console/audit/file"
REFUND = "/console/audit/refunds/{refund}"
FILTERS = ("from", "to", "who", "sort", "kind", "object")
TAKEN_DAYS = 30
"""A file holds so many days, where no other span is asked for."""

PLACES: Mapping[Kind, tuple[str, str]] = {
    Kind.PAYMENT: ("/console/payments/{}", "see"),
    Kind.REFUND: ("/console/audit/refunds/{}", "see"),
    Kind.CASE: ("/console/refunds/{}", "see"),
    Kind.COMPLAINT: ("/console/disputes/{}", "see"),
    Kind.TILL: ("/console/devices/{}", "see"),
    Kind.TICKET: ("/console/tickets/{}", "see"),
    Kind.POLICY: ("/console/policy/{}", "see"),
    Kind.CODE: ("/console/codes/{}", "see"),
    Kind.KEY: ("/console/keys", "keys"),
    Kind.HOOK: ("/console/hooks/{}", "hooks"),
}
"""Where an object is shown, and by which verb."""


def place_of(here: Visitor, object_id: str) -> str:
    """The page of an object, where there is one and they may see it; empty: there is none."""
    for kind, (path, verb) in PLACES.items():
        if ids.is_id(object_id, kind) and here.may(verb):
            return path.format(object_id)
    return ""


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """The newest lines, or those that are looked for; and how to go on."""
    asked = {name: text for name in FILTERS if (text := here.query.get(name, "").strip())}
    found: Any = None
    try:
        query = wanted_of(asked) | {"after": here.query.get("after", "")}
        found = await here.ask("/v1/audit", query={name: each for name, each in query.items() if each})
    except NOS as error:
        problem = problem or problems.of_error(error)
    items = found.items if found else ()
    people = await _people(here)
    names = await here.names({each.who for each in items if each.who} | {*people, *filter(None, [asked.get("who")])})
    today = business_day(here.office.clock.now())
    given = {
        "items": items,
        "end": found.end if found else None,
        "older": f"{LIST}?{urlencode({**asked, 'after': found.next})}" if found and found.next else "",
        "asked": {name: asked.get(name, "") for name in FILTERS},
        "is_narrowed": bool(asked or here.query.get("after")),
        "people": people,
        "names": names,
        "sorts": [each.value for each in Kind if f"console.audit.sort.{each}" in words.catalogue()],
        "problem": problem,
        "place_of": lambda object_id: place_of(here, object_id),
        "exact": exact,
        "taken": {
            "from": form.get("from") or asked.get("from") or (today - timedelta(days=TAKEN_DAYS)).isoformat(),
            "to": form.get("to") or asked.get("to") or today.isoformat(),
        },
    }
    return View("audit.html", given, UNPROCESSED if problem else 200)


async def _people(here: Visitor) -> list[str]:
    """Who may act now: what the list of people offers."""
    if not here.may("staff"):
        return []
    return [each.who for each in (await here.ask("/v1/staff/review")).items if ids.is_id(each.who, Kind.STAFF)]


def exact(at: datetime) -> str:
    """A moment to the second: of what is on record, the order counts."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")


def wanted_of(asked: Mapping[str, str]) -> dict[str, Any]:
    """What a filter asks the API: its days are whole days of China, the last one too.

    Raises Denied: audit.span.
    """
    wanted: dict[str, Any] = {name: asked[name] for name in ("who", "sort", "kind") if asked.get(name)}
    if asked.get("object"):
        number = asked["object"].upper()
        wanted["object"] = number if ids.is_id(number, *Kind) else asked["object"]
    if asked.get("from"):
        wanted["since"] = _midnight(asked["from"])
    if asked.get("to"):
        wanted["until"] = _midnight(asked["to"], days=1)
    if "since" in wanted and "until" in wanted and wanted["since"] >= wanted["until"]:
        raise Denied("audit.span")
    return wanted


def _midnight(day: str, *, days: int = 0) -> datetime:
    """Raises Denied: audit.span."""
    try:
        return midnight(date.fromisoformat(day) + timedelta(days=days))
    except (ValueError, OverflowError) as no:
        raise Denied("audit.span") from no


async def check(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Whether the newest part of the chain holds: what was looked at, and what is wrong by name."""
    return View("audit_check.html", {"check": await here.ask("/v1/audit/check"), "exact": exact})


async def take(here: Visitor, form: Mapping[str, str]) -> Seen:
    """A span of the log as a file. Who has a second factor shows it."""
    try:
        wanted = wanted_of(form)
    except NOS as error:
        return await show(here, form, problems.of_error(error))
    wish = {name: each.isoformat() if isinstance(each, datetime) else each for name, each in wanted.items()}
    return await file(here, "/v1/audit/file", {**wish, "lang": here.lang}, form, FILE, show)


async def refund(here: Visitor, _: Mapping[str, str]) -> Seen:
    """A refund stands on the page of its payment."""
    told = await here.ask("/v1/refunds/{refund}", here.place)
    return Turn(f"/console/payments/{told.payment}")


PAGES = (
    Page("GET", LIST, show, may="audit", menu="console.audit", icon="history"),
    Page("GET", CHECK, check, may="audit"),
    Page("POST", FILE, take, may="audit"),
    Page("GET", REFUND, refund, may="audit"),
)
