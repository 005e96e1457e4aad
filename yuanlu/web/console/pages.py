"""The pages of the console as a table, and what the server runs for them."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

import structlog
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu import packaged, words
from yuanlu.clock import CHINA
from yuanlu.errors import Broken
from yuanlu.ids import Kind, is_id
from yuanlu.money import Money
from yuanlu.people import preferences
from yuanlu.people.rules import demand
from yuanlu.told import both
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.asking import Visitor, demand_meant, form_with_files
from yuanlu.web.parts.assets import CSP, KINDS, Asset
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import (
    BODY_MAX,
    BODY_WITHIN_SECONDS,
    NOBODY,
    SESSION_COOKIE,
    Route,
    body_of,
    file_of,
    message_of,
    person_of,
)
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office
from yuanlu.web.parts.reports import span

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

ROOT, ENTER = "/console", "/console/enter"
LANGUAGE_COOKIE = "lang"
WHOLE = "x-whole"
COOKIE_SECONDS = 400 * 86_400
"""No browser keeps a cookie longer."""
UNPROCESSED, SEE_OTHER = 422, 303
_OURS = re.compile(r"/console(/[A-Za-z0-9_-]+)*(\?[A-Za-z0-9_.~%=&+-]*)?(#[a-z]+)?")
_AWAY = frozenset({"auth.key_missing", "auth.key_invalid"})
_ASSETS = (
    Asset("/console/static/console.css", "css", packaged.text("web/console/static/console.css").encode()),
    Asset("/console/static/console.js", "js", packaged.text("web/console/static/console.js").encode()),
    Asset("/console/static/live.js", "js", packaged.text("web/console/static/live.js").encode()),
    Asset("/console/static/htmx.min.js", "js", packaged.text("web/console/static/htmx.min.js").encode()),
    Asset("/console/static/passkey.js", "js", packaged.text("web/console/static/passkey.js").encode()),
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows: a template and its values. `status`: 422 where a form comes back with what is wrong.

    `parts`: the templates of those parts that a script may ask for alone, by what they are swapped into.
    `at`: where the page with this part is found, where a form changed what is shown.
    """

    template: str
    told: Mapping[str, Any]
    status: int = 200
    parts: Mapping[str, str] = field(default_factory=dict)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """Go and see another page: what was asked is done. `cookies`: set on the way."""

    to: str
    cookies: Sequence[str] = ()


Seen = View | Turn | Told
"""`Told`: a file, as the API gives it."""


Run = Callable[[Visitor, Mapping[str, str]], Awaitable[Seen]]
"""What a page or a form does, asked by whom and with what was filled in."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or an act of one. `may`: the verb without which it is in no menu and not shown; empty: for everyone."""

    method: Literal["GET", "POST"]
    path: str
    run: Run
    may: str = ""
    menu: str = ""
    """The words it has in the menu; empty: it is in none."""
    icon: str = ""
    is_open: bool = False
    takes_file: bool = False
    """Whether its form may have a file chosen in it, as large as files may be."""


@lru_cache(maxsize=1)
def _space() -> Environment:
    import jinja2  # noqa: PLC0415 - loaded when the first person comes

    space = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: packaged.text(f"web/console/templates/{name}")),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # nosec B701 - autoescape is on  # fmt: skip
    space.filters |= {"yuan": _yuan, "plain": _plain, "iso": datetime.isoformat, "lines": str.splitlines}
    space.filters |= {name: jinja2.pass_context(how) for name, how in _OF_NOW.items()}
    return space


def _yuan(fen: int | None) -> str:
    return "" if fen is None else str(Money(fen))


def _plain(fen: int) -> str:
    """As it stands in a field of a form: `12.80`."""
    return Money(fen).yuan()


def moment(at: datetime | None, zone: tzinfo) -> str:
    """A moment as whoever looks reads it; the zone is named where it is not the shop's."""
    if at is None:
        return ""
    named = "" if zone is CHINA else f" {zone}"
    return at.astimezone(zone).strftime("%m-%d %H:%M") + named


def _moment(seen: Context, at: datetime | None) -> str:
    return moment(at, seen["here"].zone)


def _left(seen: Context, at: datetime) -> float:
    """Seconds from now until a moment; below nought once it is past."""
    now: datetime = seen["here"].office.clock.now()
    return (at - now).total_seconds()


def _away(seen: Context, at: datetime, units: int = 2) -> str:
    """How far off a moment is, before or behind us, in whole minutes; one that is nearer is told as one."""
    return span(max(60, abs(_left(seen, at)) // 60 * 60), seen["here"].lang, units)


_OF_NOW = {"moment": _moment, "left": _left, "away": _away}
"""Filters that look at who reads, and at the clock."""


def handlers(
    office: Office, door: Doorkeeper, limits: Limits, routes: Sequence[Route], pages: Sequence[Page]
) -> Sequence[HTTPRouteHandler]:
    """What the server runs for the console."""
    by_name = {f"{route.method} {route.path}": route for route in routes}
    menu = [page for page in pages if page.menu]

    async def visitor(request: Request[Any, Any, Any], page: Page, lang: str) -> Visitor:
        headers = dict(request.scope["headers"])
        key, token, cookie = NOBODY, "", headers.get(b"cookie", b"")
        session = cookies.read(cookie, SESSION_COOKIE)
        if not page.is_open:
            key = await door.who(f"Bearer {session}" if session else "")
            door.signed(key, message_of(request.scope))  # a till's session opens nothing without that till
            limits.act(request.scope["state"], key, request.path_params)
            limits.use(key, "")
            token = cookies.token(door.csrf_key, session)
        query = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), max_num_fields=32))
        is_part = headers.get(b"hx-request-type") == b"partial"
        part, source = (headers.get(name, b"").decode("latin-1") for name in (b"hx-target", b"hx-source"))
        here = Visitor(office, by_name, key, token, lang, cookie, query, request.path_params)
        return replace(here, part=part, source=source.partition("#")[0]) if is_part else here

    async def run(request: Request[Any, Any, Any], page: Page) -> Told:
        headers = dict(request.scope["headers"])
        lang = _language(request, headers)
        here, form = Visitor(office, by_name, NOBODY, "", lang), dict[str, str]()
        try:
            here = await _as_set(await visitor(request, page, lang), headers)
            if page.method == "POST":
                body = await _sent(request, headers, office, page)
                form, sent = form_with_files(headers.get(b"content-type", b"").decode("latin-1"), body)
                here = replace(here, sent=sent)
                if not page.is_open:
                    demand_meant(form, door.csrf_key, cookies.read(here.cookie, SESSION_COOKIE))
            if page.path == ROOT and not here.may(page.may):  # whoever may not see it begins with what they may
                return _turned(Turn(next((each.path for each in menu if here.may(each.may)), f"{ROOT}/me")))
            if page.may:
                demand(person_of(here.key), page.may)
            seen = await page.run(here, form)
        except Exception as error:  # everybody gets a page; what is our bug is logged
            problem = problems.of_error(error)
            if problem.code in _AWAY:
                return _whole() if headers.get(b"hx-request-type") == b"partial" else _turned(Turn(ENTER))
            log.warning("console.refused", code=problem.code, page=page.path)
            seen = View("sorry.html", {"problem": problem}, problem.status)
        match seen:
            case Turn():
                return _turned(seen)
            case Told():
                return seen
            case _:
                return shown(seen, here, menu, page)

    def handler(page: Page) -> HTTPRouteHandler:
        async def serve(request: Request[Any, Any, Any]) -> Told:
            request.scope["state"]["route"] = page.path
            return await run(request, page)

        serve.__name__ = f"{page.method.lower()} {page.path}"
        path = page.path.replace("}", ":str}")
        return HTTPRouteHandler(path, http_method=page.method, include_in_schema=False)(serve)

    return [*map(handler, pages), *map(_asset, _ASSETS)]


async def _sent(request: Request[Any, Any, Any], headers: Mapping[bytes, bytes], office: Office, page: Page) -> bytes:
    """A form as it came. One with a file in it has a place among those that hand one in."""
    if not page.takes_file:
        return await body_of(request.receive, headers, BODY_MAX, BODY_WITHIN_SECONDS)
    async with office.files.handing_in():
        return await file_of(request.receive, headers, office.files.limits.bytes_max + BODY_MAX)


async def _as_set(here: Visitor, headers: Mapping[bytes, bytes]) -> Visitor:
    """Whoever looks, in the zone they set, and in the language where this browser knows of none."""
    if not is_id(here.key.actor, Kind.STAFF):
        return here
    own = await preferences.of(here.office.desk, here.key.merchant_id, here.key.actor)
    lang = here.lang if here.query.get("lang") or not own.lang or _kept_language(headers) else own.lang
    return replace(here, zone=preferences.zone_of(own.zone), lang=lang)


def _asset(asset: Asset) -> HTTPRouteHandler:
    async def give(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = asset.path
        return asset.told(dict(request.scope["headers"]))

    return HTTPRouteHandler(asset.path, http_method="GET", include_in_schema=False)(give)


def _turned(turn: Turn) -> Told:
    """The one place where somebody is sent on, and only to another page of the console."""
    if not _OURS.fullmatch(turn.to):
        raise Broken(f"nobody is sent to {turn.to!r}")
    away = html.escape(turn.to)
    body = f'<!doctype html><title>→</title><a href="{away}">{away}</a>'.encode()
    return Told(body, SEE_OTHER, KINDS["html"], {"location": turn.to}, turn.cookies)


def _whole() -> Told:
    """What a script is told that asked for a part, where a whole page is the answer: to do it as without a script."""
    return Told(b"", 200, KINDS["html"], {WHOLE: "1"})


def shown(view: View, here: Visitor, menu: Sequence[Page], page: Page) -> Told:
    """A page as it is sent, or the part of it that was asked for."""
    template = view.parts.get(here.part, "") if here.part else view.template
    if not template:
        return _whole()
    given = {
        "lang": {"zh": "zh-CN", "en": "en"}[here.lang],
        "other": {"zh": "en", "en": "zh"}[here.lang],
        "say": lambda code, **facts: words.say(code, here.lang, **facts),
        "says": lambda told, name="says": getattr(told, f"{name}_{here.lang}"),
        "no": lambda problem: both(f"problem.{problem.code}", problem.facts)[words.LANGUAGES.index(here.lang)],
        "menu": [each for each in menu if not each.may or here.may(each.may)] if here.key is not NOBODY else [],
        "page": page, "here": here, "may": here.may, "csrf": here.token,
    }  # fmt: skip
    body = _space().get_template(template).render(**given, **view.told)
    headers = {
        "content-security-policy": CSP,
        "content-language": here.lang,
        "vary": "accept-language, cookie, hx-request-type, hx-target",
    }
    if here.part and view.at:
        headers["hx-replace-url"] = view.at
    kept = here.query.get("lang", "")
    chosen = [cookies.made(LANGUAGE_COOKIE, kept, seconds=COOKIE_SECONDS)] if kept in words.LANGUAGES else []
    return Told(body.encode(), view.status, KINDS["html"], headers, chosen)


def _language(request: Request[Any, Any, Any], headers: Mapping[bytes, bytes]) -> str:
    """What they chose now, or before (a cookie), else what the browser wants first."""
    chosen = dict(parse_qsl(request.scope["query_string"].decode("latin-1"), max_num_fields=32)).get("lang", "")
    kept = _kept_language(headers)
    wish = next((each for each in (chosen, kept) if each in words.LANGUAGES), "")
    return wish or words.language(headers.get(b"accept-language", b"").decode("latin-1").strip())


def _kept_language(headers: Mapping[bytes, bytes]) -> str:
    return cookies.read(headers.get(b"cookie", b""), LANGUAGE_COOKIE)
