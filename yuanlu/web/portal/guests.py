"""Whoever comes to the customer's own pages: who they are there, in which language, and what they are answered with.

Nobody signs in: whose page it is `receipts.visits` says. To look is free of consequences; who acts first is known.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import structlog
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import words
from yuanlu.cases.rules import CUSTOMER
from yuanlu.errors import Denied
from yuanlu.merchants.store import ApiKey
from yuanlu.receipts import flow, visits
from yuanlu.receipts.flow import Shown
from yuanlu.receipts.visits import Standing
from yuanlu.told import both
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.asking import Visitor
from yuanlu.web.parts.assets import CSP
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import Route
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office
from yuanlu.web.portal.receipt import HTML, ICONS, PATH, TOKEN, VISITOR_SECONDS, cookie, sorry, space, told, visitor_of
from yuanlu.web.portal.receipt import language as wished

LANGUAGE_COOKIE = "lang"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guest:
    """A browser on the pages of a payment. `home`: the path of the first of them."""

    shown: Shown
    visitor: str
    standing: Standing
    api: Visitor
    home: str
    csrf: str

    @property
    def is_known(self) -> bool:
        """Whether it may see all, and act."""
        return self.standing is Standing.KNOWN

    @property
    def is_free(self) -> bool:
        """Whether it would be the first, if it acted."""
        return self.standing is Standing.FREE

    @property
    def path(self) -> str:
        """Where the case is."""
        return f"{self.home}/case"

    @property
    def lang(self) -> str:
        return self.api.lang


Serve = Callable[[Request[Any, Any, Any], Guest], Awaitable[Told]]


def rendered(template: str, guest: Guest, **given: object) -> bytes:
    """A page for this guest."""
    lang = guest.lang
    return (
        space()
        .get_template(template)
        .render(
            lang={"zh": "zh-CN", "en": "en"}[lang],
            other={"zh": "en", "en": "zh"}[lang],
            say=lambda code, **facts: words.say(f"portal.{code}", lang, **facts),
            word=lambda code, **facts: words.say(code, lang, **facts),
            says=lambda each, name="says": getattr(each, f"{name}_{lang}"),
            in_lang=lambda each, name="": getattr(each, f"{name}_{lang}" if name else lang),
            no=lambda no: both(f"problem.{no.code}", no.facts)[words.LANGUAGES.index(lang)],
            guest=guest, payment=guest.shown.payment, icons=ICONS, home=guest.home, path=guest.path, csrf=guest.csrf,
            **given,
        )
        .encode()
    )  # fmt: skip


def shown(body: bytes, status: int, guest: Guest) -> Told:
    """A page of ours: it may run our own script, and no other."""
    headers = {
        "content-security-policy": CSP,
        "content-language": guest.lang,
        "vary": "accept-language, cookie",
        "x-robots-tag": "noindex, nofollow",
    }
    return Told(body, status, HTML, headers, kept(guest))


def kept(guest: Guest) -> list[str]:
    """What this browser is known again by, and its language."""
    return [cookie(guest.visitor), cookies.made(LANGUAGE_COOKIE, guest.lang, seconds=VISITOR_SECONDS)]


def language(request: Request[Any, Any, Any]) -> str:
    """What they chose now, or before (a cookie), else what the browser wants first."""
    chosen = parse_qs(request.scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    found = chosen or cookies.read(dict(request.scope["headers"]).get(b"cookie", b""), LANGUAGE_COOKIE)
    return found if found in words.LANGUAGES else wished(request)


class Reception:
    """Lets guests in: the link is looked at, then who they are, then the page is served; all trouble gets a page."""

    def __init__(self, office: Office, door: Doorkeeper, limits: Limits, routes: Sequence[Route]) -> None:
        self.office = office
        self.door = door
        self.limits = limits
        self._routes: Mapping[str, Route] = {f"{route.method} {route.path}": route for route in routes}

    async def guest_of(self, request: Request[Any, Any, Any], lang: str) -> Guest | None:
        """Who this is; None: there is no such page. Changes nothing."""
        token, desk = request.path_params["token"], self.office.desk
        found = await flow.page(desk, token) if TOKEN.fullmatch(token) else None
        if found is None:
            return None
        payment = found.payment
        visitor = visitor_of(dict(request.scope["headers"])) or secrets.token_urlsafe(32)
        standing = await visits.seen(desk, payment, visitor)
        key = ApiKey(payment.merchant_id, "", CUSTOMER, store_id=payment.store_id)
        api = Visitor(self.office, self._routes, key, "", lang)
        csrf = cookies.token(self.door.csrf_key, f"{visitor}:{payment.id}")
        return Guest(found, visitor, standing, api, PATH.replace("{token}", token), csrf)

    def handler(self, method: str, path: str, serve: Serve, route: str = "") -> HTTPRouteHandler:
        """What the server runs for a page. `route`: what meters call it, where that is not its path."""

        async def run(request: Request[Any, Any, Any]) -> Told:
            request.scope["state"]["route"] = route or path
            lang = language(request)
            try:
                self.limits.look(request.scope["state"])
                guest = await self.guest_of(request, lang)
                return told(sorry("unknown", lang), 404, lang) if guest is None else await serve(request, guest)
            except Denied as no:
                status = 429 if no.code == "request.too_many" else problems.of_error(no).status
                waits = {"retry-after": str(no.facts["seconds"])} if status == 429 else {}
                return told(sorry("many" if status == 429 else "trouble", lang), status, lang, **waits)
            except Exception as error:  # the customer gets a page; what is our bug is logged
                problem = problems.of_error(error)
                log.warning("portal.trouble", code=problem.code)
                return told(sorry("trouble", lang), problem.status, lang)

        where = path.replace("{token}", "{token:str}")
        run.__name__ = f"{method.lower()} {where}"
        return HTTPRouteHandler(where, http_method=method, include_in_schema=False)(run)  # type: ignore[arg-type]
