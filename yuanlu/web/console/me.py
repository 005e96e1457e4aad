"""我的登录方式: what one proves oneself by, and where one is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import segno

from yuanlu.people.preferences import zones
from yuanlu.web.console.acting import act
from yuanlu.web.console.enter import ME
from yuanlu.web.console.pages import COOKIE_SECONDS, LANGUAGE_COOKIE, UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.asking import NOS, Visitor

ACTS: Mapping[str, str] = {
    "pin": "/v1/pin",
    "password": "/v1/password",
    "passkeys": "/v1/passkeys",
    "passkeys/{passkey}/end": "/v1/passkeys/{passkey}/end",
    "sessions/{session}/end": "/v1/sessions/{session}/end",
}
"""What is done by one form, and then shows in the lists: the page and the route."""


async def show(here: Visitor, _: Mapping[str, str], problem: Any = None, **more: Any) -> Seen:
    """One's passkeys and sessions, and forms for the rest. `more`: what is told once."""
    given = {
        "passkeys": (await here.ask("/v1/passkeys")).items,
        "sessions": (await here.ask("/v1/sessions")).items,
        "own": await here.ask("/v1/preferences"),
        "zones": zones(),
        "problem": problem,
        "uri": "",
        "codes": (),
        **more,
    }
    return View("me.html", given, UNPROCESSED if problem else 200)


async def offer(here: Visitor, form: Mapping[str, str]) -> Seen:
    """A new secret for an app that shows codes: drawn once, and to be confirmed by its first code."""
    try:
        told = await here.do("/v1/second-factor", wish={"password": form.get("password", "")})
    except NOS as error:
        problem = problems.of_error(error)
        return await show(here, form, problem)
    return await show(here, form, uri=told.uri, drawn=drawn(told.uri), secret=secret_of(told.uri))


async def confirm(here: Visitor, form: Mapping[str, str]) -> Seen:
    """The app shows the right code: its codes count from now on, and the codes for the day it is lost are told once."""
    try:
        told = await here.do("/v1/second-factor/confirm", wish={"code": form.get("code", "").strip()})
    except NOS as error:
        problem = problems.of_error(error)
        return await show(here, form, problem)
    return await show(here, form, codes=told.codes)


async def settle(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Set zone and language; this browser keeps the language too."""
    try:
        told = await here.do("/v1/preferences", wish={name: form.get(name, "") for name in ("zone", "lang")})
    except NOS as error:
        return await show(here, form, problems.of_error(error))
    return Turn(ME, (cookies.made(LANGUAGE_COOKIE, told.lang, seconds=COOKIE_SECONDS if told.lang else 0),))


def drawn(text: str) -> str:
    """A QR of this text, as the address of a picture that stands in the page itself."""
    return str(segno.make_qr(text, error="m").svg_data_uri(scale=5, border=2))


def secret_of(uri: str) -> str:
    """What to type into an app that reads no QR. Source: the key URI format of authenticator apps."""
    return parse_qs(urlsplit(uri).query)["secret"][0]


PAGES = (
    Page("GET", ME, show, may="own"),
    *(Page("POST", f"{ME}/{name}", act(route, f"{ME}/{name}", ME, show), may="own") for name, route in ACTS.items()),
    Page("POST", f"{ME}/settings", settle, may="own"),
    Page("POST", f"{ME}/codes", offer, may="own"),
    Page("POST", f"{ME}/codes/confirm", confirm, may="own"),
)
