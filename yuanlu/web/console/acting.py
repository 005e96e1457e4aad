"""What every form of the console does when it is sent: one route of the API, and a page again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from yuanlu.web.console.pages import Run, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor, wish_of

Again = Callable[[Visitor, Mapping[str, str], Any], Awaitable[Seen]]
"""The page a form stands on, once more, with what was wrong."""


def act(route: str, at: str, to: str, again: Again) -> Run:
    """What runs when a form is sent to `at`: the route; then the page `to`, or the form's own page with what was wrong.

    Where the act takes a step-up that was not sent along, it is asked for on a page of its own.
    """

    async def run(here: Visitor, form: Mapping[str, str]) -> Seen:
        try:
            wish = wish_of(form, here.routes[f"POST {route}"])
            await here.do(route, here.place, wish, await sure(here, form))
        except NOS as error:
            problem = problems.of_error(error)
            if problem.code == "step_up.needed":
                return ask_sure(problem.facts, filled(at, here), form)
            return await again(here, form, problem)
        return Turn(filled(to, here))

    return run


async def file(
    here: Visitor, route: str, wish: Mapping[str, Any], form: Mapping[str, str], at: str, again: Again
) -> Seen:
    """The file a route answers with; where it takes a step-up that was not sent along, that is asked for first."""
    try:
        told: Seen = await here.do(route, here.place, wish, await sure(here, form))
    except NOS as error:
        problem = problems.of_error(error)
        if problem.code == "step_up.needed":
            return ask_sure(problem.facts, at, form)
        return await again(here, form, problem)
    return told


def ask_sure(facts: Mapping[str, Any], to: str, form: Mapping[str, str]) -> View:
    """The page on which somebody says that they are sure; the form goes on from there."""
    return View("sure.html", {"act": facts, "to": to, "form": form})


async def sure(here: Visitor, form: Mapping[str, str]) -> str:
    """The step-up of an act that a code or a passkey's answer was sent along for; its id. Nothing where none was."""
    proof = {name: form[name].strip() for name in ("code", "credential") if form.get(name)}
    fields = {name.removeprefix("act_"): text for name, text in form.items() if name.startswith("act_") and text}
    if not proof or not fields:
        return ""
    return str((await here.do("/v1/step-ups", wish={**fields, **proof})).id)


def filled(path: str, here: Visitor) -> str:
    """A path with the ids of the page that was asked."""
    return path.format(**here.place)
