"""员工: who works here and how they sign in; hiring, inviting, leaving; limits by two; the access review."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from yuanlu import ids, sheets, words
from yuanlu.clock import business_day
from yuanlu.ids import Kind
from yuanlu.money import Money, from_yuan
from yuanlu.people.limits import SENDERS
from yuanlu.people.rules import MAY
from yuanlu.web.console.acting import act, ask_sure, filled, sure
from yuanlu.web.console.me import drawn
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.asking import NOS, Visitor, wish_of

LIST, ONE = "/console/people", "/console/people/{staff}"
LIMITS, REVIEW = f"{LIST}/limits", f"{LIST}/review"
AGREE = f"{LIMITS}/{{limits}}/agree"
_STAFF = "/v1/staff"
ANYTHING = frozenset(words.say("console.people.any", lang) for lang in words.LANGUAGES)
"""How a limit that is none is written into a form. An empty field is no such thing: it lets nothing back."""
SHOWN_MAX = 50
_NAMES_AT_ONCE, _TABLES_MAX = 100, 5
_CSV = "text/csv; charset=utf-8"


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """Who works here, a page at a time; who left too, where that is asked."""
    left = here.query.get("left") == "true"
    wish = {"limit": SHOWN_MAX, "after": here.query.get("after", ""), "left": left}
    told = await here.ask(_STAFF, query=wish)
    given = {
        "people": told.items, "day": _day, "next": told.next, "left": left, "may_hire": told.may_hire,
        "stores": await _stores(here) if told.may_hire else {},
        "form": form, "id": form.get("id") or ids.new(Kind.STAFF), "problem": problem,
    }  # fmt: skip
    return View("people.html", given, UNPROCESSED if problem else 200)


async def _stores(here: Visitor) -> Mapping[str, str]:
    """The stores that have a till, by id: those in which whoever looks may hire."""
    every = {} if here.key.store_id else {"": words.say("console.people.all_stores", here.lang)}
    return every | await here.stores()


async def hire(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Write somebody down; then their page, where they are invited."""
    try:
        wish = wish_of(form, here.routes[f"POST {_STAFF}"])
        told = await here.do(_STAFF, wish=wish, step_up=await sure(here, form))
    except NOS as error:
        problem = problems.of_error(error)
        if problem.code == "step_up.needed":
            return ask_sure(problem.facts, LIST, form)
        return await show(here, form, problem)
    return Turn(f"{LIST}/{told.id}")


async def show_one(here: Visitor, _: Mapping[str, str], problem: Any = None, **more: Any) -> Seen:
    """One of the people. `more`: what is told once."""
    told = await here.ask(f"{_STAFF}/{{staff}}", here.place)
    found = (await here.ask(f"{_STAFF}/{{staff}}/sessions", here.place)).items if told.may_end else ()
    given = {
        "one": told,
        "verbs": sorted(told.may, key=list(MAY).index),
        "day": _day,
        "sessions": found,
        "stores": await _stores(here) if told.may_become else {},
        "problem": problem,
        "invitation": None,
        **more,
    }
    return View("person.html", given, UNPROCESSED if problem else 200)


def _day(at: datetime) -> str:
    """With its year: people stay for several."""
    return business_day(at).isoformat()


async def invite(here: Visitor, form: Mapping[str, str]) -> Seen:
    """A one-time way in, shown once, and drawn so that a telephone can read it."""
    try:
        wish = wish_of(form, here.routes[f"POST {_STAFF}/{{staff}}/invite"])
        told = await here.do(f"{_STAFF}/{{staff}}/invite", here.place, wish, await sure(here, form))
    except NOS as error:
        problem = problems.of_error(error)
        if problem.code == "step_up.needed":
            return ask_sure(problem.facts, filled(f"{ONE}/invite", here), form)
        return await show_one(here, form, problem)
    return await show_one(here, form, invitation=told, drawn=drawn(told.link))


# --- limits ---


async def limits(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """Who may send back how much, what is proposed, and a new proposal. `form`: what was typed, where it was wrong."""
    now = await here.ask("/v1/limits")
    query = {"state": "PROPOSED", "limit": _TABLES_MAX}
    proposed = [each for each in (await here.ask("/v1/limits/tables", query=query)).items if _is_newer(each, now)]
    typed = {role: _typed(here, form, role, now.limits.get(role)) for role in SENDERS}
    given = {
        "now": now, "proposed": proposed, "typed": typed, "roles": SENDERS, "id": ids.new(Kind.LIMITS),
        "names": await here.names([each.proposed_by for each in (*proposed, now) if each.proposed_by]),
        "problem": problem,
    }  # fmt: skip
    return View("limits.html", given, UNPROCESSED if problem else 200)


def _is_newer(table: Any, now: Any) -> bool:
    """Whether a proposal came after what counts: an older one was passed over."""
    return now.proposed_at is None or table.proposed_at > now.proposed_at


def _typed(here: Visitor, form: Mapping[str, str], role: str, limit: Any) -> tuple[str, str]:
    """What stands in the two fields of a role: what was typed, else what counts now."""
    if f"item-{role}" in form:
        return form[f"item-{role}"], form.get(f"day-{role}", "")
    return ("", "") if limit is None else (_written(here, limit.item_fen), _written(here, limit.day_fen))


def _written(here: Visitor, fen: int | None) -> str:
    return words.say("console.people.any", here.lang) if fen is None else Money(fen).yuan()


def limits_in(form: Mapping[str, str]) -> Mapping[str, Mapping[str, int | None]]:
    """The table a form holds. Who has nothing in both fields is not in it.

    Raises msgspec.ValidationError: it is no amount.
    """

    def said(name: str) -> str:
        return form.get(name, "").strip()

    return {
        role.value: {"item_fen": _fen(said(item), item), "day_fen": _fen(said(day), day)}
        for role in SENDERS
        if said(item := f"item-{role}") + said(day := f"day-{role}")
    }


def _fen(text: str, name: str) -> int | None:
    if text in ANYTHING:
        return None
    try:
        return from_yuan(text.removeprefix("¥") or "0").amount
    except ValueError as no:
        raise msgspec.ValidationError(f"Expected yuan such as 12.80 - at `$.{name}`") from no


async def propose(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Write a table down for another person to agree to."""
    try:
        await here.do("/v1/limits", wish={"id": form.get("id", ""), "limits": limits_in(form)})
    except NOS as error:
        problem = problems.of_error(error)
        return await limits(here, form, problem)
    return Turn(LIMITS)


# --- the access review ---


async def review(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Who may do what, since when, and whom to look at."""
    told = await here.ask("/v1/staff/review")
    names = await _names(here, told.items)
    return View("people_review.html", {"at": told.at, "day": _day, "found": told.items, "names": names})


async def _names(here: Visitor, found: Sequence[Any]) -> Mapping[str, str]:
    """What all of them are called, however many they are."""
    who = sorted({each.who for each in found})
    named: dict[str, str] = {}
    for start in range(0, len(who), _NAMES_AT_ONCE):
        named |= await here.names(who[start : start + _NAMES_AT_ONCE])
    return named


async def review_file(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The same as a table that spreadsheets open. Its mark tells them that it is UTF-8."""
    told = await here.ask("/v1/staff/review")
    rows = rows_of(told.items, await _names(here, told.items), here.lang)
    name = f"access-review-{told.at:%Y-%m-%d}.csv"
    body = f"\ufeff{sheets.written(rows)}".encode()
    return Told(body, 200, _CSV, {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"})


_COLUMNS = ("who", "name", "role", "store", "since", "last", "item", "day", "may", "keys", "look")


def rows_of(found: Sequence[Any], names: Mapping[str, str], lang: str) -> Iterable[Sequence[str]]:
    """The rows of the review, its heads in front."""

    def say(name: str) -> str:
        return words.say(f"console.people.{name}", lang)

    def money(fen: int | None) -> str:
        return say("any") if fen is None else Money(fen).yuan()

    yield [say(f"head.{name}") for name in _COLUMNS]
    for each in found:
        yield [
            each.who, names[each.who], words.say(f"console.role.{each.role}", lang), each.store,
            each.since.isoformat(), each.last_act_at.isoformat() if each.last_act_at else "",
            money(each.item_fen), money(each.day_fen), " ".join(each.may), " ".join(each.keys),
            " ".join(say(f"look.{why}") for why in each.look_at),
        ]  # fmt: skip


_SESSION = "sessions/{session}/end"

PAGES = (
    Page("GET", LIST, show, may="people", menu="console.people", icon="users"),
    Page("POST", LIST, hire, may="hire"),
    Page("GET", LIMITS, limits, may="people"),
    Page("POST", LIMITS, propose, may="limit"),
    Page("POST", AGREE, act("/v1/limits/{limits}/agree", AGREE, LIMITS, limits), may="agree_limit"),
    Page("GET", REVIEW, review, may="staff"),
    Page("GET", f"{REVIEW}.csv", review_file, may="staff"),
    Page("GET", ONE, show_one, may="people"),
    Page("POST", f"{ONE}/invite", invite, may="hire"),
    *(
        Page("POST", f"{ONE}/{name}", act(f"{_STAFF}/{{staff}}/{name}", f"{ONE}/{name}", ONE, show_one), may="hire")
        for name in ("sign-out", _SESSION, "end", "place")
    ),
)
