"""`/r/{token}/case`: the customer's own page. They ask for their money, see how far it is, talk, and are answered.

Nobody signs in: whose page it is `receipts.visits` says. All that is asked and done goes by the API's own routes in
this process, as the customer's side (`Role.MACHINE`, the store of the payment): nothing here holds a rule, and a thread
is read as a customer may read it.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import structlog
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import ids, packaged, words
from yuanlu.cases.rules import CUSTOMER
from yuanlu.errors import Broken, Denied
from yuanlu.ids import Kind
from yuanlu.merchants.store import ApiKey
from yuanlu.money import Money
from yuanlu.payments.rules import HAS_MONEY
from yuanlu.receipts import flow, visits
from yuanlu.receipts.flow import Shown
from yuanlu.told import both
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.asking import NOS, Visitor, form_of, upload_of, wish_of
from yuanlu.web.parts.assets import CSP
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import BODY_MAX, BODY_WITHIN_SECONDS, Route, body_of, file_of
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office
from yuanlu.web.portal.receipt import (
    CASE_PATH,
    HTML,
    ICONS,
    TOKEN,
    VISITOR_SECONDS,
    cookie,
    language,
    moment,
    sorry,
    told,
    visitor_of,
)

if TYPE_CHECKING:
    from jinja2 import Template

LANGUAGE_COOKIE = "lang"
WHATS = ("wrong_amount", "charged_twice", "wrong_customer", "wrong_payee", "request", "other")
"""What a customer may say is wrong, in the order of the tiles."""
STEPS = ("sent", "checked", "agreed", "back", "arrived")
_AT: Mapping[str, int] = {
    **dict.fromkeys(("OPENED", "REVIEW", "SECOND", "NEEDS_INFO", "OFFERED"), 1),
    **dict.fromkeys(("REMEDY", "ATTENTION"), 3),
}
"""How many steps are behind, by the state of a case that is open."""
PHOTO = "photo"
SAYS = ("answer", "object", "withdraw", "accept", "turn-down")
"""What a customer does with a case by its form: the last part of the route's path."""
_SAID_SO = (403, 429, 503)
"""Statuses a form comes back with as they are; with all other trouble it is the form that is wrong: 422."""
_OURS = re.compile(r"/r/[A-Za-z0-9_-]{43}/case")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guest:
    """A browser on the page of a payment. `is_known`: it may see all, and act."""

    shown: Shown
    visitor: str
    is_known: bool
    api: Visitor
    path: str
    csrf: str


Act = Callable[[Guest, Mapping[str, str]], Awaitable[None]]


@lru_cache(maxsize=1)
def _template() -> Template:
    import jinja2  # noqa: PLC0415 - loaded when the first customer comes

    space = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # nosec B701 - autoescape is on
    space.filters |= {"yuan": lambda fen: str(Money(fen)), "plain": lambda fen: Money(fen).yuan(), "moment": moment}
    space.filters["lines"] = str.splitlines
    return space.from_string(packaged.text("web/portal/case.html"))


async def prove(guest: Guest, form: Mapping[str, str]) -> None:
    """Another browser gives the last four digits of the channel's number.

    Raises Denied: receipt.wrong_tail; see `visits.prove`.
    """
    if not await visits.prove(guest.api.office.desk, guest.shown.payment, guest.visitor, form.get("tail", "").strip()):
        raise Denied("receipt.wrong_tail")


async def ask(guest: Guest, form: Mapping[str, str]) -> None:
    """Ask for money back. The form has the case's number: pressed twice is asked once."""
    route = guest.api.routes["POST /v1/cases"]
    kept = {name: text for name, text in form.items() if name != "meant" or form.get("what") == "wrong_amount"}
    await guest.api.do("/v1/cases", wish=wish_of(kept, route, payment=guest.shown.payment.id))


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
    if guest.is_known:
        cases = await _cases(guest)
        case = cases[0] if cases else None
        given = await _told(guest, case) if case else {"case": None}
        is_over = case is None or case.state == "CLOSED"
        given["can_ask"] = is_over and payment.state in HAS_MONEY and payment.rest.amount > 0
        given |= {"whats": WHATS, "case_id": ids.new(Kind.CASE), "message_id": ids.new(Kind.EVIDENCE)}
    body = _template().render(
        lang={"zh": "zh-CN", "en": "en"}[guest.api.lang],
        other={"zh": "en", "en": "zh"}[guest.api.lang],
        say=lambda code, **facts: words.say(f"portal.{code}", guest.api.lang, **facts),
        word=lambda code, **facts: words.say(code, guest.api.lang, **facts),
        says=lambda each, name="says": getattr(each, f"{name}_{guest.api.lang}"),
        no=lambda no: both(f"problem.{no.code}", no.facts)[words.LANGUAGES.index(guest.api.lang)],
        guest=guest, payment=payment, icons=ICONS, path=guest.path, csrf=guest.csrf, problem=problem, form=form or {},
        has_number=len(payment.channel_number) >= visits.TAIL, **given,
    )  # fmt: skip
    return body.encode()


async def _told(guest: Guest, case: Any) -> dict[str, Any]:
    place = {"case": case.id}
    thread = await guest.api.ask("/v1/cases/{case}/thread", place, {"view": "customer"})
    rights = await guest.api.ask("/v1/rights", query={"stage": "declined"}) if case.state == "DECLINED" else None
    refund = await guest.api.ask("/v1/refunds/{refund}", {"refund": case.refund}) if case.refund else None
    arrived = refund is not None and refund.state in ("DONE", "PROVEN", "EXTERNAL")
    return {
        "case": case,
        "thread": [each for each in thread.items if each.text],
        "files": (await guest.api.ask("/v1/cases/{case}/files", place)).items,
        "file_id": ids.new(Kind.FILE),
        "where": await guest.api.ask("/v1/cases/{case}/where", place),
        "refund": refund,
        "rights": rights,
        "steps": STEPS,
        "done": len(STEPS) if arrived else _AT.get(case.state, 0),
        "is_open": case.state in _AT,
    }


def handlers(office: Office, door: Doorkeeper, limits: Limits, routes: Sequence[Route]) -> Sequence[HTTPRouteHandler]:
    """What the server runs for the customer's page."""
    by_name = {f"{route.method} {route.path}": route for route in routes}

    async def guest_of(request: Request[Any, Any, Any], lang: str) -> Guest | None:
        token = request.path_params["token"]
        shown = await flow.page(office.desk, token) if TOKEN.fullmatch(token) else None
        if shown is None:
            return None
        payment = shown.payment
        visitor = visitor_of(dict(request.scope["headers"])) or secrets.token_urlsafe(32)
        known = await visits.opened(office.desk, payment, visitor)
        key = ApiKey(payment.merchant_id, "", CUSTOMER, store_id=payment.store_id)
        api = Visitor(office, by_name, key, "", lang)
        csrf = cookies.token(door.csrf_key, f"{visitor}:{payment.id}")
        return Guest(shown, visitor, known, api, CASE_PATH.replace("{token}", token), csrf)

    async def run(request: Request[Any, Any, Any], name: str) -> Told:
        request.scope["state"]["route"] = CASE_PATH
        headers, lang = dict(request.scope["headers"]), _language(request)
        try:
            limits.look(request.scope["state"])
            guest = await guest_of(request, lang)
            if guest is None:
                return told(sorry("unknown", lang), 404, lang)
            if not name:
                return _shown(await page(guest), 200, guest)
            return await pressed(request, headers, guest, name)
        except Denied as no:
            status = 429 if no.code == "request.too_many" else problems.of_error(no).status
            return told(sorry("many" if status == 429 else "trouble", lang), status, lang)
        except Exception as error:  # the customer gets a page; what is our bug is logged
            problem = problems.of_error(error)
            log.warning("portal.trouble", code=problem.code)
            return told(sorry("trouble", lang), problem.status, lang)

    async def pressed(request: Request[Any, Any, Any], headers: Mapping[bytes, bytes], guest: Guest, name: str) -> Told:
        called, file = "", b""
        if name == PHOTO:
            most = office.files.limits.bytes_max + BODY_MAX
            body = await file_of(request.receive, headers, most)
            form, called, file = upload_of(headers.get(b"content-type", b"").decode("latin-1"), body)
        else:
            form = form_of(await body_of(request.receive, headers, BODY_MAX, BODY_WITHIN_SECONDS))
        cookies.demand_token("POST", {cookies.TOKEN_HEADER: form.get("csrf", "").encode()}, door.csrf_key,
                             f"{guest.visitor}:{guest.shown.payment.id}")  # fmt: skip
        try:
            if name != "prove" and not guest.is_known:
                raise Denied("receipt.locked")
            await (photo(guest, form, called, file) if name == PHOTO else ACTS[name](guest, form))
        except NOS as error:
            problem = problems.of_error(error)
            return _shown(
                await page(guest, problem, form), problem.status if problem.status in _SAID_SO else 422, guest
            )
        return _back(guest)

    def handler(method: str, name: str) -> HTTPRouteHandler:
        async def serve(request: Request[Any, Any, Any]) -> Told:
            return await run(request, name)

        path = CASE_PATH.replace("}", ":str}") + (f"/{name}" if name else "")
        serve.__name__ = f"{method.lower()} {path}"
        return HTTPRouteHandler(path, http_method=method, include_in_schema=False)(serve)  # type: ignore[arg-type]

    return [handler("GET", ""), *(handler("POST", name) for name in (*ACTS, PHOTO))]


def _language(request: Request[Any, Any, Any]) -> str:
    """What they chose now, or before (a cookie), else what the browser wants first."""
    chosen = parse_qs(request.scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    kept = chosen or cookies.read(dict(request.scope["headers"]).get(b"cookie", b""), LANGUAGE_COOKIE)
    return kept if kept in words.LANGUAGES else language(request)


def _kept(guest: Guest) -> list[str]:
    return [cookie(guest.visitor), cookies.made(LANGUAGE_COOKIE, guest.api.lang, seconds=VISITOR_SECONDS)]


def _shown(body: bytes, status: int, guest: Guest) -> Told:
    headers = {
        "content-security-policy": CSP,
        "content-language": guest.api.lang,
        "vary": "accept-language, cookie",
        "x-robots-tag": "noindex, nofollow",
    }
    return Told(body, status, HTML, headers, _kept(guest))


def away(path: str) -> str:
    """Where a customer is sent on: only to their own page again. Raises Broken: it is none."""
    if not _OURS.fullmatch(path):
        raise Broken(f"nobody is sent to {path!r}")
    return path


def _back(guest: Guest) -> Told:
    to = away(guest.path)
    body = f'<!doctype html><title>→</title><a href="{html.escape(to)}">→</a>'.encode()
    return Told(body, 303, HTML, {"location": to}, _kept(guest))
