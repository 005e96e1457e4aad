"""收款记录: payments, found by whatever is known of them, and one payment's whole story."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any
from urllib.parse import urlencode

import msgspec

from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.money import from_yuan
from yuanlu.web.console.acting import file
from yuanlu.web.console.books import names_of
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor, wish_of
from yuanlu.web.parts.shapes import PaymentsTold

LIST, ONE = "/console/payments", "/console/payments/{payment}"
STATES = ("PAID", "SENT", "REVERSING", "LATE_PAID", "FAILED", "REVERSED")
CHANNELS = ("wechat", "alipay", "cash")
TEXTS = ("number", "code_tail", "cashier", "till", "store", "state", "channel")
SUMS = {"amount": "amount_fen", "from": "from_fen", "to": "to_fen"}
TIMES = ("since", "until")
FIELDS = ("number", *SUMS, *TIMES, *TEXTS[1:])
"""What the form of the search asks for."""
MORE = ("from", "to", *TEXTS[2:])
"""What of it is folded away where nothing is filled in."""
SEARCHES = "/v1/preferences/searches"


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None) -> Seen:
    """Payments, newest first: all, or those that are looked for. The search stands in the address."""
    kept = kept_of(form or here.query)
    told = PaymentsTold(items=(), next=None)
    try:
        after = {"after": here.query["after"]} if here.query.get("after") else {}
        told = await here.ask("/v1/payments", query={**query_of(kept, here.zone), **after})
    except NOS as error:
        problem = problem or problems.of_error(error)
    tills = await here.tills()
    cashiers = {each.opened_by for each in told.items} | ({kept["cashier"]} if "cashier" in kept else set())
    given = {
        "payments": told.items,
        "next": told.next,
        "looked_until": told.looked_until,
        "kept": kept,
        "is_more": bool(kept.keys() & set(MORE)),
        "states": STATES,
        "channels": CHANNELS,
        "tills": tills,
        "stores": {each.store: each.store_name for each in tills},
        "cashiers": await here.names(sorted(cashiers)),
        "views": (await here.ask("/v1/preferences")).views,
        "search": urlencode(kept),
        "problem": problem,
    }
    return View("payments.html", given, UNPROCESSED if problem else 200)


def kept_of(filled: Mapping[str, str]) -> dict[str, str]:
    """What of the search is filled in, of an address or a form."""
    return {name: filled[name].strip() for name in FIELDS if filled.get(name, "").strip()}


async def keep(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Keep the search under a name; or, where nothing is searched, the list as it is."""
    search = urlencode(kept_of(form))
    try:
        await here.do(SEARCHES, wish={"name": form.get("name", ""), "search": search})
    except NOS as error:
        return await show(here, form, problems.of_error(error))
    return Turn(f"{LIST}?{search}")


async def drop(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Keep a search no more."""
    await here.do(f"{SEARCHES}/drop", wish={"name": form.get("name", "")})
    return Turn(LIST)


async def export(here: Visitor, form: Mapping[str, str]) -> Seen:
    """All that the search finds, as a file."""
    try:
        wish = {"lang": here.lang, "of": query_of(kept_of(form), here.zone)}
    except NOS as error:
        return await show(here, form, problems.of_error(error))
    return await file(here, "/v1/exports/payments", wish, form, f"{LIST}/export", show)


def query_of(kept: Mapping[str, str], zone: tzinfo) -> dict[str, Any]:
    """What the API is asked where this stands in the form. Sums are in yuan there, times in the zone of who looks.

    Raises msgspec.ValidationError: it is no sum, no time.
    """
    asked: dict[str, Any] = {name: kept[name] for name in TEXTS if name in kept}
    if "number" in asked:
        asked["number"] = "".join(asked["number"].split())
    for name, field in SUMS.items():
        if name in kept:
            asked[field] = _read(name, lambda text: from_yuan(text.removeprefix("¥")).amount, kept[name])
    for name in TIMES:
        if name in kept:
            asked[name] = _read(name, partial(_moment, zone), kept[name])
    return asked


def _moment(zone: tzinfo, text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone).astimezone(UTC)


def _read(name: str, how: Any, text: str) -> Any:
    try:
        return how(text)
    except (ValueError, OverflowError) as no:
        raise msgspec.ValidationError(f"{no} - at `$.{name}`") from no


async def show_one(here: Visitor, form: Mapping[str, str], problem: object = None) -> Seen:
    """A payment: what it is, what happened, what may be done about it now."""
    place = {"payment": here.place["payment"]}
    moves = (await here.ask("/v1/payments/{payment}/moves", place)).items
    payment = await here.ask("/v1/payments/{payment}", place)
    timeline = (await here.ask("/v1/payments/{payment}/timeline", place)).items
    told = {
        "moves": moves,
        "named": await names_of(here, {side for each in moves for side in (each.source, each.target)}),
        "payment": payment,
        "timeline": timeline,
        "names": await here.names({payment.opened_by, *(each.who for each in timeline)}),
        "refunds": (await here.ask("/v1/refunds", query=place)).items,
        "cases": (await here.ask("/v1/cases", query=place)).items,
        "case_id": ids.new(Kind.CASE),
    }
    return View("payment.html", {**told, "form": form, "problem": problem}, UNPROCESSED if problem else 200)


async def report(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Report a mistaken scan, or ask for a refund: a case of its own. The form has its number."""
    try:
        case = await here.do(
            "/v1/cases", wish=wish_of(form, here.routes["POST /v1/cases"], payment=here.place["payment"])
        )
    except NOS as error:
        problem = problems.of_error(error)
        return await show_one(here, form, problem)
    return Turn(f"/console/refunds/{case.id}")


PAGES = (
    Page("GET", LIST, show, may="see", menu="console.payments", icon="cash"),
    Page("GET", ONE, show_one, may="see"),
    Page("POST", f"{LIST}/keep", keep, may="own"),
    Page("POST", f"{LIST}/drop", drop, may="own"),
    Page("POST", f"{LIST}/export", export, may="export"),
    Page("POST", f"{ONE}/case", report),
)
