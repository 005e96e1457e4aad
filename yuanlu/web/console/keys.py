"""密钥: the keys of machines, what ends when, and who is told by hook. A secret is shown once, as it is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, get_args

import msgspec

from yuanlu import ids, words
from yuanlu.clock import CHINA, midnight
from yuanlu.ids import Kind
from yuanlu.notify.rules import TYPES
from yuanlu.web.console.acting import act, ask_sure, filled, sure
from yuanlu.web.console.pages import UNPROCESSED, Page, Run, Seen, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor
from yuanlu.web.parts.key_shapes import Scope

LIST, ONE = "/console/keys", "/console/keys/{key}"
HOOKS, HOOK, ROUTE = "/console/hooks", "/console/hooks/{hook}", "/v1/hooks/{hook}"
SCOPES: tuple[str, ...] = get_args(Scope)
GRACES = (0, 3_600, 86_400, 604_800)
"""Seconds that an old secret may count beside the new one, as a form offers them."""
USUAL_GRACE = 86_400
WAYS = ("webhook", "email", "sms")
ABOUT = tuple(dict.fromkeys(name.partition(".")[0] for name in TYPES.values()))
"""What one may be told of, by the first word of a type."""
PARKED = "PARKED"

Wished = Callable[[Mapping[str, str]], dict[str, Any]]
Shown = Callable[..., Awaitable[Seen]]


def told_once(route: str, at: str, wished: Wished, shown: Shown) -> Run:
    """What runs where a form makes a secret: the page again, with what is told this once.

    Raises nothing that a form may mend: what is wrong stands on its page, and a step-up is asked for on its own.
    """

    async def run(here: Visitor, form: Mapping[str, str]) -> Seen:
        try:
            told = await here.do(route, here.place, wished(form), await sure(here, form))
        except NOS as error:
            problem = problems.of_error(error)
            if problem.code == "step_up.needed":
                return ask_sure(problem.facts, filled(at, here), form)
            return await shown(here, form, problem)
        return await shown(here, {}, made=told)

    return run


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None, made: Any = None) -> Seen:
    """The keys and what ends when. `made`: a key with its secret, which is in this page and in no other."""
    after = {"after": here.query["after"]} if here.query.get("after") else {}
    keys = await here.ask("/v1/keys", query=after)
    secrets = await here.ask("/v1/secrets", query={"limit": 100})
    names = await here.names([each.staff for each in keys.items if each.staff])
    given = {
        "keys": keys.items,
        "next": keys.next,
        "secrets": [each for each in secrets.items if each.gone_at is None],
        "called": lambda key: names.get(key.staff) or key.actor,
        "dated": dated,
        "scopes": SCOPES,
        "graces": GRACES,
        "usual_grace": USUAL_GRACE,
        "new_id": form.get("id") or ids.new(Kind.KEY),
        "form": form,
        "problem": problem,
        "made": made,
        "now": here.office.clock.now(),
        "soon": here.office.clock.now() + timedelta(days=30),
    }
    return View("keys.html", given, UNPROCESSED if problem else 200)


def dated(at: datetime) -> str:
    """A moment with its year: what ends does so in another one."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def key_wish(form: Mapping[str, str]) -> dict[str, Any]:
    """A key as a form asks for it: it ends with the day that is named, in China.

    Raises msgspec.ValidationError: it is no day.
    """
    wish: dict[str, Any] = {name: form[name].strip() for name in ("id", "actor") if form.get(name)}
    wish["scopes"] = [each for each in SCOPES if form.get(f"scope_{each}")]
    if day := form.get("until", "").strip():
        try:
            until = midnight(date.fromisoformat(day) + timedelta(days=1))
        except (ValueError, OverflowError) as no:
            raise msgspec.ValidationError("Expected a day such as 2026-12-31 - at `$.until`") from no
        wish["until"] = until.isoformat()
    return wish


async def show_hooks(here: Visitor, form: Mapping[str, str], problem: Any = None, made: Any = None) -> Seen:
    """Who is told what happens, and how that goes."""
    after = {"after": here.query["after"]} if here.query.get("after") else {}
    hooks = await here.ask("/v1/hooks", query=after)
    given = {
        "hooks": hooks.items,
        "next": hooks.next,
        "ways": WAYS,
        "about": ABOUT,
        "abouts": abouts,
        "new_id": form.get("id") or ids.new(Kind.HOOK),
        "form": form,
        "problem": problem,
        "made": made,
    }
    return View("hooks.html", given, UNPROCESSED if problem else 200)


def hook_wish(form: Mapping[str, str]) -> dict[str, Any]:
    """A hook as a form asks for it; without a tick it is told all."""
    wish: dict[str, Any] = {name: form[name].strip() for name in ("id", "way", "target", "lang") if form.get(name)}
    return wish | {"types": [f"{each}.*" for each in ABOUT if form.get(f"about_{each}")]}


def abouts(hook: Any) -> list[str]:
    """What a hook is told of, by the first words of its types."""
    return [each for each in ABOUT if any(name.startswith(f"{each}.") for name in hook.types)]


def reason(lang: str, why: str) -> str:
    """Why a hook was not told, in words; what only the other side knows (`http_404`) as it stands."""
    code = f"trouble.{why}"
    return words.say(code, lang) if code in words.catalogue() else why


async def show_hook(
    here: Visitor, _: Mapping[str, str], problem: Any = None, made: Any = None, ping: Any = None
) -> Seen:
    """One hook: what it was told last of each object, and what nobody took."""
    place = {"hook": here.place["hook"]}
    state = PARKED if here.query.get("state") == PARKED else ""
    after = here.query.get("after", "")
    asked = {name: each for name, each in (("state", state), ("after", after)) if each}
    deliveries = await here.ask("/v1/hooks/{hook}/deliveries", place, asked)
    hook = await here.ask("/v1/hooks/{hook}", place)
    given = {
        "hook": hook,
        "abouts": abouts,
        "deliveries": deliveries.items,
        "next": deliveries.next,
        "state": state,
        "graces": GRACES,
        "usual_grace": USUAL_GRACE,
        "names": await here.names([hook.opened_by]),
        "problem": problem,
        "made": made,
        "ping": ping,
        "reason": partial(reason, here.lang),
    }
    return View("hook.html", given, UNPROCESSED if problem else 200)


async def pinged(here: Visitor, form: Mapping[str, str]) -> Seen:
    """A letter that says nothing, and what became of it."""
    try:
        told = await here.do("/v1/hooks/{hook}/ping", here.place)
    except NOS as error:
        problem = problems.of_error(error)
        return await show_hook(here, form, problem)
    return await show_hook(here, form, ping=told)


def _grace(name: str) -> Wished:
    return lambda form: {name: form.get("grace", "")}


PAGES = (
    Page("GET", LIST, show, may="keys", menu="console.keys", icon="lock"),
    Page("POST", LIST, told_once("/v1/keys", LIST, key_wish, show), may="keys"),
    Page(
        "POST",
        f"{ONE}/rotate",
        told_once("/v1/keys/{key}/rotate", f"{ONE}/rotate", _grace("grace_seconds"), show),
        may="keys",
    ),
    Page("POST", f"{ONE}/end", act("/v1/keys/{key}/end", f"{ONE}/end", LIST, show), may="keys"),
    Page("GET", HOOKS, show_hooks, may="hooks", menu="console.hooks", icon="external-link"),
    Page("POST", HOOKS, told_once("/v1/hooks", HOOKS, hook_wish, show_hooks), may="hooks"),
    Page("GET", HOOK, show_hook, may="hooks"),
    Page(
        "POST",
        f"{HOOK}/secret",
        told_once("/v1/hooks/{hook}/secret", f"{HOOK}/secret", _grace("keep_seconds"), show_hook),
        may="hooks",
    ),
    Page("POST", f"{HOOK}/ping", pinged, may="hooks"),
    *(
        Page(
            "POST", f"{HOOK}/{name}", act(f"/v1/hooks/{{hook}}/{name}", f"{HOOK}/{name}", HOOK, show_hook), may="hooks"
        )
        for name in ("disable", "enable")
    ),
)
