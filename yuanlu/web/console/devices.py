"""设备: the tills, how each is, what is written to it, locking it, letting a device become one; and tickets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yuanlu.web.console.acting import act, ask_sure, filled, sure
from yuanlu.web.console.me import drawn
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

LIST, ONE = "/console/devices", "/console/devices/{till}"
TICKET = "/console/tickets/{ticket}"
ACTS = ("message", "lock", "unlock", "close")
"""What is done with a till: the last part of the route's path."""


async def show(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The tills a page at a time, the silent ones marked, and the tickets that are open."""
    tickets = await here.ask("/v1/tickets", query={"state": "OPEN"})
    told = await here.ask("/v1/stations", query={"after": here.query.get("after", "")})
    given = {"stations": told.items, "next": told.next, "tickets": tickets.items}
    return View("devices.html", given)


async def show_one(here: Visitor, _: Mapping[str, str], problem: Any = None, **more: Any) -> Seen:
    """One till. `more`: what is told once."""
    station = await here.ask("/v1/stations/{till}", {"till": here.place["till"]})
    tickets = (await here.ask("/v1/tickets", query={"till": station.till})).items
    given = {"station": station, "tickets": tickets, "problem": problem, "enrolment": None, **more}
    return View("device.html", given, UNPROCESSED if problem else 200)


async def enrol(here: Visitor, form: Mapping[str, str]) -> Seen:
    """A code by which one device becomes this till, shown once, and drawn so that the device can read it."""
    try:
        told = await here.do("/v1/tills/{till}/enrolment", here.place, {}, await sure(here, form))
    except NOS as error:
        problem = problems.of_error(error)
        if problem.code == "step_up.needed":
            return ask_sure(problem.facts, filled(f"{ONE}/enrol", here), form)
        return await show_one(here, form, problem)
    return await show_one(here, form, enrolment=told, drawn=drawn(told.code))


async def ticket(here: Visitor, _: Mapping[str, str], problem: Any = None) -> Seen:
    """A ticket with its log."""
    told = await here.ask("/v1/tickets/{ticket}", here.place)
    given = {"ticket": told, "names": await here.names([told.opened_by, told.closed_by]), "problem": problem}
    return View("ticket.html", given, UNPROCESSED if problem else 200)


PAGES = (
    Page("GET", LIST, show, may="see", menu="console.devices", icon="device-tablet"),
    Page("GET", ONE, show_one, may="see"),
    Page("POST", f"{ONE}/enrol", enrol, may="enrol"),
    *(
        Page("POST", f"{ONE}/{name}", act(f"/v1/tills/{{till}}/{name}", f"{ONE}/{name}", LIST, show_one))
        for name in ACTS
    ),
    Page("GET", TICKET, ticket, may="see"),
    Page("POST", f"{TICKET}/close", act("/v1/tickets/{ticket}/close", f"{TICKET}/close", TICKET, ticket)),
)
