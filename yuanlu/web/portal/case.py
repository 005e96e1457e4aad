"""`/r/{token}/case`: the customer's own page. They ask for their money, see how far it is, talk, and are answered.

Nobody signs in: whose page it is `receipts.visits` says. All that is asked and done goes by the API's own routes in
this process, as the customer's side (`Role.MACHINE`, the store of the payment): nothing here holds a rule, and a thread
is read as a customer may read it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import ids, words
from yuanlu.errors import Broken, Denied
from yuanlu.ids import Kind
from yuanlu.payments.rules import HAS_MONEY
from yuanlu.receipts import visits
from yuanlu.receipts.visits import Standing
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.asking import NOS, form_of, upload_of, wish_of
from yuanlu.web.parts.calls import BODY_MAX, BODY_WITHIN_SECONDS, body_of, file_of
from yuanlu.web.portal.guests import Guest, Reception, kept, rendered, shown
from yuanlu.web.portal.receipt import CASE_PATH, HTML

WHATS = ("wrong_amount", "charged_twice", "wrong_customer", "wrong_payee", "request", "other")
"""What a customer may say is wrong, in the order of the tiles."""
STEPS = ("sent", "checked", "agreed", "back", "arrived")
_AT: Mapping[str, int] = {
    **dict.fromkeys(("OPENED", "REVIEW", "SECOND", "NEEDS_INFO", "OFFERED"), 1),
    **dict.fromkeys(("REMEDY", "ATTENTION"), 3),
}
"""How many steps are behind, by the state of a case that is open."""
PHOTO = "photo"
THREADS_MAX = 10
"""Parts of a thread that are read for a page: two thousand things said. Nobody has so many."""
SAYS = ("answer", "object", "withdraw", "accept", "turn-down")
"""What a customer does with a case by its form: the last part of the route's path."""
_SAID_SO = (403, 429, 503)
"""Statuses a form comes back with as they are; with all other trouble it is the form that is wrong: 422."""
_OURS = re.compile(r"/r/[A-Za-z0-9_-]{43}/case")

Act = Callable[[Guest, Mapping[str, str]], Awaitable[None]]


async def prove(guest: Guest, form: Mapping[str, str]) -> None:
    """Another browser gives the last four digits of the channel's number.

    Raises Denied: receipt.wrong_tail; see `visits.prove`.
    """
    if not await visits.prove(guest.api.office.desk, guest.shown.payment, guest.visitor, form.get("tail", "").strip()):
        raise Denied("receipt.wrong_tail")


async def ask(guest: Guest, form: Mapping[str, str]) -> None:
    """Ask for money back. The form has the case's number: pressed twice is asked once."""
    route = guest.api.routes["POST /v1/cases"]
    meant = {name: text for name, text in form.items() if name != "meant" or form.get("what") == "wrong_amount"}
    await guest.api.do("/v1/cases", wish=wish_of(meant, route, payment=guest.shown.payment.id))


async def take(_: Guest, __: Mapping[str, str]) -> None:
    """Say that this is one's own payment. That it was said is all: who acts first is known from then on."""


async def say(guest: Guest, form: Mapping[str, str]) -> None:
    """Write to the shop. Where it asked for something, that is the answer."""
    case = await _case(guest)
    if case.state == "NEEDS_INFO":
        await _does("answer")(guest, {"version": str(case.version), "words": form.get("text", "")})
        return
    wish = {"id": form.get("id", ""), "text": form.get("text", ""), "side": "customer", "audience": "customer"}
    await guest.api.do("/v1/cases/{case}/messages", {"case": case.id}, wish)


async def photo(guest: Guest, form: Mapping[str, str], name: str, file: bytes) -> None:
    """Hand a photo or PDF in. It is made anew before it is kept. Raises Denied: file.empty, and what the route says."""
    if not file:
        raise Denied("file.empty")
    query = {"id": form.get("id", ""), "name": name[:_NAME_MAX]}
    await guest.api.hand_in("/v1/cases/{case}/files", {"case": (await _case(guest)).id}, query, file)


_NAME_MAX = 120


async def nudge(guest: Guest, _: Mapping[str, str]) -> None:
    """催一下, once the promised time is over: one message for each time that passed.

    Raises Denied: case.not_now.
    """
    case = await _case(guest)
    if not case.overdue_since:
        raise Denied("case.not_now", id=case.id, state=case.state, verb="nudge")
    text = words.say("portal.nudge.text", guest.api.lang)
    wish = {
        "id": ids.derived(Kind.EVIDENCE, case.overdue_since, case.id, "nudge"), "text": text, "side": "customer",
        "audience": "customer",
    }  # fmt: skip
    await guest.api.do("/v1/cases/{case}/messages", {"case": case.id}, wish)


def _does(name: str) -> Act:
    path = f"/v1/cases/{{case}}/{name}"

    async def run(guest: Guest, form: Mapping[str, str]) -> None:
        case = await _case(guest)
        await guest.api.do(path, {"case": case.id}, wish_of(form, guest.api.routes[f"POST {path}"]))

    return run


ACTS: Mapping[str, Act] = {
    "prove": prove,
    "take": take,
    "ask": ask,
    "say": say,
    "nudge": nudge,
    **{name: _does(name) for name in SAYS},
}


async def _cases(guest: Guest) -> Sequence[Any]:
    found: Sequence[Any] = (await guest.api.ask("/v1/cases", query={"payment": guest.shown.payment.id})).items
    return found


async def _case(guest: Guest) -> Any:
    """The case the page is about: the newest. Raises Denied: case.unknown."""
    found = await _cases(guest)
    if not found:
        raise Denied("case.unknown")
    return found[0]


async def page(guest: Guest, problem: Any = None, form: Mapping[str, str] | None = None) -> bytes:
    """The page in one language. `problem`: what was wrong with a form; `form`: as it was sent."""
    payment, given = guest.shown.payment, dict[str, Any]()
    cases = await _cases(guest) if guest.is_known or guest.is_free else []
    if guest.is_known:
        given = await told_of(guest, cases[0]) if cases else {"case": None}
    if guest.is_known or (guest.is_free and not cases):
        is_over = not cases or cases[0].state == "CLOSED"
        given["can_ask"] = is_over and payment.state in HAS_MONEY and payment.rest.amount > 0
        given |= {"whats": WHATS, "case_id": ids.new(Kind.CASE), "message_id": ids.new(Kind.EVIDENCE)}
    has_number = len(payment.channel_number) >= visits.TAIL
    given = {"case": None, "can_ask": False, "has_case": bool(cases), "has_number": has_number} | given
    return rendered("case.html", guest, problem=problem, form=form or {}, **given)


async def case_of(guest: Guest) -> Any:
    """The case the pages are about, the newest; None: there is none."""
    found = await _cases(guest)
    return found[0] if found else None


async def told_of(guest: Guest, case: Any) -> dict[str, Any]:
    """What a known guest is told of a case."""
    place = {"case": case.id}
    rights = await guest.api.ask("/v1/rights", query={"stage": "declined"}) if case.state == "DECLINED" else None
    refund = await guest.api.ask("/v1/refunds/{refund}", {"refund": case.refund}) if case.refund else None
    arrived = refund is not None and refund.state in ("DONE", "PROVEN", "EXTERNAL")
    return {
        "case": case,
        "thread": await _thread(guest, case),
        "files": (await guest.api.ask("/v1/cases/{case}/files", place)).items,
        "file_id": ids.new(Kind.FILE),
        "where": await guest.api.ask("/v1/cases/{case}/where", place),
        "refund": refund,
        "rights": rights,
        "steps": STEPS,
        "done": len(STEPS) if arrived else _AT.get(case.state, 0),
        "is_open": case.state in _AT,
    }


async def _thread(guest: Guest, case: Any) -> Sequence[Any]:
    """What was said, in order: as a customer may read it."""
    said: list[Any] = []
    after: int | None = 0
    for _ in range(THREADS_MAX):
        query = {"view": "customer", "after": after}
        found = await guest.api.ask("/v1/cases/{case}/thread", {"case": case.id}, query)
        said += [each for each in found.items if each.text]
        after = found.next
        if after is None:
            break
    return said


def handlers(reception: Reception) -> Sequence[HTTPRouteHandler]:
    """What the server runs for the customer's page."""
    office, door = reception.office, reception.door

    async def look(_: Request[Any, Any, Any], guest: Guest) -> Told:
        return shown(await page(guest), 200, guest)

    def pressed(name: str) -> Callable[[Request[Any, Any, Any], Guest], Awaitable[Told]]:
        async def press(request: Request[Any, Any, Any], guest: Guest) -> Told:
            headers, called, file = dict(request.scope["headers"]), "", b""
            if name == PHOTO:
                most = office.files.limits.bytes_max + BODY_MAX
                body = await file_of(request.receive, headers, most)
                form, called, file = upload_of(headers.get(b"content-type", b"").decode("latin-1"), body)
            else:
                form = form_of(await body_of(request.receive, headers, BODY_MAX, BODY_WITHIN_SECONDS))
            cookies.demand_token("POST", {cookies.TOKEN_HEADER: form.get("csrf", "").encode()}, door.csrf_key,
                                 f"{guest.visitor}:{guest.shown.payment.id}")  # fmt: skip
            try:
                if name != "prove":
                    guest = await _acting(guest)
                    if not guest.is_known:
                        raise Denied("receipt.locked")
                await (photo(guest, form, called, file) if name == PHOTO else ACTS[name](guest, form))
            except NOS as error:
                problem = problems.of_error(error)
                status = problem.status if problem.status in _SAID_SO else 422
                return shown(await page(guest, problem, form), status, guest)
            return _back(guest)

        return press

    return [
        reception.handler("GET", CASE_PATH, look),
        *(reception.handler("POST", f"{CASE_PATH}/{name}", pressed(name), CASE_PATH) for name in (*ACTS, PHOTO)),
    ]


async def _acting(guest: Guest) -> Guest:
    """The guest, who acts: known from now on if nobody was before, a stranger if somebody was."""
    is_known = await visits.claimed(guest.api.office.desk, guest.shown.payment, guest.visitor)
    return replace(guest, standing=Standing.KNOWN if is_known else Standing.STRANGER)


def away(path: str) -> str:
    """Where a customer is sent on: only to their own page again. Raises Broken: it is none."""
    if not _OURS.fullmatch(path):
        raise Broken(f"nobody is sent to {path!r}")
    return path


def _back(guest: Guest) -> Told:
    to = away(guest.path)
    body = f'<!doctype html><title>→</title><a href="{html.escape(to)}">→</a>'.encode()
    return Told(body, 303, HTML, {"location": to}, kept(guest))
