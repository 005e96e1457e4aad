"""收款码: the codes that hang or stand in the shop, which of them somebody must look at, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from yuanlu import ids
from yuanlu.clock import business_day, midnight
from yuanlu.devices.rules import AUDIT_DAYS, AUDIT_DAYS_MAX, FoundAs
from yuanlu.ids import Kind
from yuanlu.web.console.acting import act
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

LIST, ONE = "/console/codes", "/console/codes/{code}"
TABS: Mapping[str, Mapping[str, Any]] = {
    "all": {},
    "due": {"due": True, "limit": 200},
    "suspect": {"state": "SUSPECT"},
    "retired": {"state": "RETIRED"},
}
"""What the tabs ask for."""


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """The codes, newest first; those that somebody must look at, soonest first."""
    tab = here.query.get("tab", "")
    tab = tab if tab in TABS else "all"
    after = {"after": here.query["after"]} if here.query.get("after") else {}
    told = await here.ask("/v1/codes", query={**TABS[tab], **after})
    tills = await here.tills()
    given = {
        "codes": told.items,
        "next": told.next,
        "tab": tab,
        "tabs": TABS,
        "tills": {each.id: each.name for each in tills},
        "stores": {each.store: each.store_name for each in tills},
        "places": [(each.id, each.store, f"{each.store_name} · {each.name}") for each in tills],
        "day": day,
        "new_id": form.get("id") or ids.new(Kind.CODE),
        "days": form.get("audit_days") or AUDIT_DAYS,
        "days_max": AUDIT_DAYS_MAX,
        "form": form,
        "problem": problem,
    }
    return View("codes.html", given, UNPROCESSED if problem else 200)


def day(at: datetime) -> str:
    """The day of China of a moment."""
    return business_day(at).isoformat()


def hang_wish(form: Mapping[str, str]) -> dict[str, Any]:
    """A code as a form asks for it: `where` is a store, or a store and a till of it; its last day is a day of China.

    Raises msgspec.ValidationError: it is no day.
    """
    wish: dict[str, Any] = {name: form[name].strip() for name in ("id", "text", "place") if form.get(name)}
    wish["store"], _, wish["till"] = form.get("where", "").partition("/")
    if days := form.get("audit_days", "").strip():
        wish["audit_days"] = days
    if day := form.get("until", "").strip():
        try:
            until = midnight(date.fromisoformat(day) + timedelta(days=1))
        except (ValueError, OverflowError) as no:
            raise msgspec.ValidationError("Expected a day such as 2026-12-31 - at `$.valid_until`") from no
        wish["valid_until"] = until.isoformat()
    return wish


async def hang(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Write a code down. Its text is kept nowhere, so a form that comes back wants it again."""
    try:
        code = await here.do("/v1/codes", wish=hang_wish(form))
    except NOS as error:
        problem = problems.of_error(error)
        return await show(here, {name: each for name, each in form.items() if name != "text"}, problem)
    return Turn(f"{LIST}/{code.id}")


async def show_one(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """One code: where it hangs, until when, and how it was found last."""
    code = await here.ask("/v1/codes/{code}", {"code": here.place["code"]})
    tills = await here.tills()
    given = {
        "code": code,
        "tills": {each.id: each.name for each in tills},
        "stores": {each.store: each.store_name for each in tills},
        "names": await here.names([code.opened_by, code.audited_by]),
        "day": day,
        "last_day": lambda until: day(until - timedelta(microseconds=1)),
        "found_as": [each.value for each in FoundAs],
        "form": form,
        "problem": problem,
    }
    return View("code.html", given, UNPROCESSED if problem else 200)


PAGES = (
    Page("GET", LIST, show, may="see", menu="console.codes", icon="qrcode"),
    Page("POST", LIST, hang, may="codes"),
    Page("GET", ONE, show_one, may="see"),
    Page("POST", f"{ONE}/audit", act("/v1/codes/{code}/audit", f"{ONE}/audit", ONE, show_one), may="open"),
    Page("POST", f"{ONE}/retire", act("/v1/codes/{code}/retire", f"{ONE}/retire", ONE, show_one), may="codes"),
)
