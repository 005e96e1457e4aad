"""收款记录: payments, found by any number, and one payment's whole story."""

from __future__ import annotations

from collections.abc import Mapping

from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.web.console.books import names_of
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor, wish_of
from yuanlu.web.parts.shapes import PaymentsTold

LIST, ONE = "/console/payments", "/console/payments/{payment}"
STATES = ("PAID", "SENT", "REVERSING", "LATE_PAID", "FAILED", "REVERSED")


async def show(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Payments, newest first; a whole number of ours opens what it names."""
    wanted = here.query.get("q", "").strip().upper()
    if ids.is_id(wanted, Kind.PAYMENT):
        return Turn(ONE.replace("{payment}", wanted))
    if ids.is_id(wanted, Kind.CASE):
        return Turn(f"/console/refunds/{wanted}")
    query = {name: here.query[name] for name in ("after", "state", "till") if here.query.get(name)}
    told = PaymentsTold(items=(), next=None) if wanted else await here.ask("/v1/payments", query=query)
    given = {"payments": told.items, "next": told.next, "state": query.get("state", ""), "states": STATES}
    return View("payments.html", {**given, "wanted": wanted})


async def show_one(here: Visitor, form: Mapping[str, str], problem: object = None) -> Seen:
    """A payment: what it is, what happened, what may be done about it now."""
    place = {"payment": here.place["payment"]}
    moves = (await here.ask("/v1/payments/{payment}/moves", place)).items
    told = {
        "moves": moves,
        "named": await names_of(here, {side for each in moves for side in (each.source, each.target)}),
        "payment": await here.ask("/v1/payments/{payment}", place),
        "timeline": (await here.ask("/v1/payments/{payment}/timeline", place)).items,
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
    Page("POST", f"{ONE}/case", report),
)
