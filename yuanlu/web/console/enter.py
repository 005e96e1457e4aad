"""Signing in and out at the console: the API's own sessions, kept in its cookie."""

from __future__ import annotations

from collections.abc import Mapping

from yuanlu.errors import Denied
from yuanlu.web.console.pages import COOKIE_SECONDS, ENTER, ROOT, UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.asking import NOS, Visitor
from yuanlu.web.parts.calls import DEVICE_COOKIE

ACCEPT, ME = "/accept", "/console/me"
ACCOUNT_COOKIE = "account"
"""A browser remembers who signed in with it last: an account is no secret, and nobody types 29 letters twice."""


async def ask(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Who is there?"""
    return View("enter.html", {"account": cookies.read(here.cookie, ACCOUNT_COOKIE), "problem": None})


async def enter(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Sign in by passkey, or by password and a code where they have an app for it."""
    account = form.get("account", "").strip().upper()
    credential = form.get("credential", "")
    by = {"credential": credential} if credential else {
        "password": form.get("password", ""), "code": form.get("code", "").strip(),
    }  # fmt: skip
    wish = {"account": account, "device": cookies.read(here.cookie, DEVICE_COOKIE), "keep": "cookie", **by}
    route = "/v1/sessions/passkey" if credential else "/v1/sessions"
    try:
        told = await here.do(route, wish={name: each for name, each in wish.items() if each})
    except NOS as error:
        problem = problems.of_error(error)
        return View("enter.html", {"account": account, "problem": problem}, UNPROCESSED)
    return Turn(ROOT, (*told.cookies, cookies.made(ACCOUNT_COOKIE, account, seconds=COOKIE_SECONDS)))


async def invited(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The page an invitation leads to, and the link of a new installation."""
    return View("accept.html", {"form": {}, "problem": None})


async def accept(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Take an invitation up by a password or a new passkey; who chose a password is let in at once."""
    token = form.get("token", "").strip().rpartition("#")[2]
    wish = {name: form.get(name, "") for name in ("password", "credential", "name", "shop")} | {"token": token}
    try:
        account = (await here.do("/v1/invitations/accept", wish=wish)).account
    except NOS as error:
        problem = problems.of_error(error)
        return View("accept.html", {"form": {**form, "token": token}, "problem": problem}, UNPROCESSED)
    known = cookies.made(ACCOUNT_COOKIE, account, seconds=COOKIE_SECONDS)
    if wish["credential"]:
        return Turn(ENTER, (known,))
    told = await here.do("/v1/sessions", wish={"account": account, "password": wish["password"], "keep": "cookie"})
    return Turn(ME, (*told.cookies, known))


async def leave(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Sign out here, and only here."""
    try:
        told = await here.do("/v1/sessions/{session}/end", {"session": here.key.id})
    except Denied:
        return Turn(ENTER)
    return Turn(ENTER, getattr(told, "cookies", ()))


PAGES = (
    Page("GET", ENTER, ask, is_open=True),
    Page("POST", ENTER, enter, is_open=True),
    Page("GET", ACCEPT, invited, is_open=True),
    Page("POST", ACCEPT, accept, is_open=True),
    Page("POST", "/console/leave", leave),
)
