"""Signing in and out at the console: the API's own sessions, kept in its cookie."""

from __future__ import annotations

from collections.abc import Mapping

from yuanlu.errors import Denied
from yuanlu.web.console.asking import NOS, Visitor
from yuanlu.web.console.pages import COOKIE_SECONDS, ENTER, ROOT, UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.calls import DEVICE_COOKIE

ACCOUNT_COOKIE = "account"
"""A browser remembers who signed in with it last: an account is no secret, and nobody types 29 letters twice."""


async def ask(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Who is there?"""
    return View("enter.html", {"account": cookies.read(here.cookie, ACCOUNT_COOKIE), "problem": None})


async def enter(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Sign in by password, and a code where they have an app for it."""
    account = form.get("account", "").strip().upper()
    wish = {"account": account, "password": form.get("password", ""), "code": form.get("code", "").strip(),
            "device": cookies.read(here.cookie, DEVICE_COOKIE), "keep": "cookie"}  # fmt: skip
    try:
        told = await here.do("/v1/sessions", wish={name: each for name, each in wish.items() if each})
    except NOS as error:
        problem = problems.of_error(error)
        return View("enter.html", {"account": account, "problem": problem}, UNPROCESSED)
    return Turn(ROOT, (*told.cookies, cookies.made(ACCOUNT_COOKIE, account, seconds=COOKIE_SECONDS)))


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
    Page("POST", "/console/leave", leave),
)
