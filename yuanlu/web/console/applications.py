"""入驻: who wants to become a merchant.

For reviewers a queue, and one application with its papers beside the fields; for an applicant their own: form, papers,
where it stands, and the link of the first owner once there is a merchant.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from yuanlu import ids
from yuanlu.applications.rules import ABOUT, OPTIONAL, SEALED, TRADES, Form, PaperKind
from yuanlu.channels.contract import REMOTE
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.web.console.acting import act, ask_sure, filled, sure
from yuanlu.web.console.me import drawn
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

LIST, ONE, OWN = "/console/applications", "/console/applications/{application}", "/console/apply"
_API, _ONE = "/v1/applications", "/v1/applications/{application}"
STATES = ("SUBMITTED", "RETURNED", "DRAFT", "OPENED", "DECLINED", "WITHDRAWN")
PARTS = {
    "business": ("name", "credit_code", "mcc", "address"),
    "people": ("legal_name", "legal_id", "contact_name", "contact_phone", "contact_email"),
    "money": ("account_name", "account_bank", "account_number", "channels", "wechat_mchid", "alipay_app_id"),
}
"""The fields of a form, as they stand together."""
PAPERS_OF = {
    "business": ("licence", "shopfront", "permit"),
    "people": ("identity",),
    "money": ("account",),
}
"""The papers that are read beside them."""
TELEPHONE = {"contact_phone": "tel", "contact_email": "email"}


# --- reviewers ---


async def show(here: Visitor, form: Mapping[str, str], problem: Any = None, **more: Any) -> Seen:
    """The queue, those that wait for a reviewer first. `more`: what is told once."""
    state = here.query.get("state", STATES[0])
    query = {"state": state if state in STATES else STATES[0], "after": here.query.get("after", "")}
    told = await here.ask(_API, query=query)
    given = {
        "drawn": "", "items": told.items, "next": told.next, "state": query["state"], "states": STATES,
        "id": form.get("id") or ids.new(Kind.APPLICATION), "form": form, "problem": problem, "invitation": None, **more,
    }  # fmt: skip
    return View("applications.html", given, UNPROCESSED if problem else 200)


async def invite(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Let somebody apply: a link, shown once, and drawn so that a telephone can read it."""
    try:
        told = await here.do(_API, wish={"id": form.get("id", ""), "name": form.get("name", "").strip()})
    except NOS as error:
        return await show(here, form, problems.of_error(error))
    return await show(here, {}, invitation=told, drawn=drawn(told.link))


async def show_one(here: Visitor, form: Mapping[str, str], problem: Any = None, **more: Any) -> Seen:
    """One application, each part with its papers beside it, and what may be decided. `more`: what is told once."""
    told = await here.ask(_ONE, here.place)
    given = {**_shown(told), "drawn": "", "form": form, "problem": problem, "invitation": None, **more}
    return View("application.html", given, UNPROCESSED if problem else 200)


def _shown(told: Any) -> dict[str, Any]:
    wrong = {each.about: each.code for each in told.findings}
    return {
        "one": told, "parts_of": PARTS, "papers_of": PAPERS_OF, "wrong": wrong, "optional": OPTIONAL, "private": SEALED,
        "reasons": {each.about: each.words for each in told.reasons}, "trades": TRADES, "channels": REMOTE,
        "kinds": [kind.value for kind in PaperKind], "telephone": TELEPHONE, "about": ABOUT,
    }  # fmt: skip


async def invite_again(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Another link for whoever applies."""
    try:
        told = await here.do(f"{_ONE}/invite", here.place, step_up=await sure(here, form))
    except NOS as error:
        problem = problems.of_error(error)
        if problem.code == "step_up.needed":
            return ask_sure(problem.facts, filled(f"{ONE}/invite", here), form)
        return await show_one(here, form, problem)
    return await show_one(here, form, invitation=told, drawn=drawn(told.link))


async def send_back(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Back to the applicant: what was written beside a field or a paper is the reason."""
    said = {about: text for about in ABOUT if (text := form.get(f"why-{about}", "").strip())}
    wish = {
        "turn": form.get("turn", ""),
        "reasons": [{"about": about, "words": text} for about, text in said.items()],
    }
    try:
        await here.do(f"{_ONE}/return", here.place, wish)
    except NOS as error:
        return await show_one(here, form, problems.of_error(error))
    return Turn(filled(ONE, here))


async def paper(here: Visitor, _: Mapping[str, str]) -> Seen:
    """A paper, as the API gives it: who looked is on record."""
    told: Seen = await here.ask(f"{_ONE}/papers/{{file}}", here.place)
    return told


# --- applicants ---


async def own(here: Visitor, form: Mapping[str, str], problem: Any = None, **more: Any) -> Seen:
    """The own application. `form`: what was typed, where it was wrong. `more`: what is told once."""
    told = await _own(here)
    typed = {name: form.get(name, getattr(told, name)) for name in Form.__struct_fields__}
    if "name" in form:
        typed["channels"] = _channels(form)
    given = {
        **_shown(told), "typed": typed, "wanted": typed["channels"].split(","), "file": ids.new(Kind.FILE),
        "problem": problem, "owner": None, "drawn": "", **more,
    }  # fmt: skip
    return View("apply.html", given, UNPROCESSED if problem else 200)


async def _own(here: Visitor) -> Any:
    """Each applicant has one application: it came with their invitation.

    Raises Denied: application.unknown.
    """
    listed = await here.ask(_API)
    if not listed.items:
        raise Denied("application.unknown")
    return await here.ask(_ONE, {"application": listed.items[0].id})


def _channels(form: Mapping[str, str]) -> str:
    return ",".join(each.value for each in REMOTE if form.get(f"channel-{each.value}"))


async def save(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Keep what was filled in; with the other button, hand it to a reviewer too."""
    wish = {name: form.get(name, "").strip() for name in Form.__struct_fields__} | {"channels": _channels(form)}
    try:
        place = {"application": (await _own(here)).id}
        await here.do(_ONE, place, wish)
        if form.get("then") == "submit":
            await here.do(f"{_ONE}/submit", place)
    except NOS as error:
        return await own(here, form, problems.of_error(error))
    return Turn(f"{OWN}#main" if form.get("then") == "submit" else OWN)


async def add_paper(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Hand a paper in."""
    try:
        place = {"application": (await _own(here)).id}
        query = {"id": form.get("id", ""), "kind": form.get("kind", "")}
        await here.hand_in(f"{_ONE}/papers", place, query, here.sent.get("paper", b""))
    except NOS as error:
        return await own(here, {}, problems.of_error(error))
    return Turn(f"{OWN}#papers")


async def _do(verb: str, here: Visitor, _: Mapping[str, str]) -> Seen:
    try:
        await here.do(f"{_ONE}/{verb}", {"application": (await _own(here)).id, **here.place})
    except NOS as error:
        return await own(here, {}, problems.of_error(error))
    return Turn(OWN)


async def take_owner_link(here: Visitor, _: Mapping[str, str]) -> Seen:
    """The link by which the first owner begins, shown once."""
    try:
        told = await here.do(f"{_ONE}/owner", {"application": (await _own(here)).id})
    except NOS as error:
        return await own(here, {}, problems.of_error(error))
    return await own(here, {}, owner=told, drawn=drawn(told.link))


async def own_paper(here: Visitor, _: Mapping[str, str]) -> Seen:
    """A paper of one's own."""
    place = {"application": (await _own(here)).id, **here.place}
    told: Seen = await here.ask(f"{_ONE}/papers/{{file}}", place)
    return told


PAGES = (
    Page("GET", LIST, show, may="take_on", menu="console.applications", icon="users"),
    Page("POST", LIST, invite, may="take_on"),
    Page("GET", ONE, show_one, may="vet"),
    Page("POST", f"{ONE}/invite", invite_again, may="take_on"),
    Page("POST", f"{ONE}/return", send_back, may="vet"),
    *(
        Page("POST", f"{ONE}/{verb}", act(f"{_ONE}/{verb}", f"{ONE}/{verb}", ONE, show_one), may="vet")
        for verb in ("approve", "decline")
    ),
    Page("GET", f"{ONE}/papers/{{file}}", paper, may="vet"),
    Page("GET", OWN, own, may="apply", menu="console.apply", icon="receipt"),
    Page("POST", OWN, save, may="apply"),
    Page("POST", f"{OWN}/papers", add_paper, may="apply", takes_file=True),
    Page("GET", f"{OWN}/papers/{{file}}", own_paper, may="apply"),
    Page("POST", f"{OWN}/papers/{{file}}/drop", partial(_do, "papers/{file}/drop"), may="apply"),
    Page("POST", f"{OWN}/withdraw", partial(_do, "withdraw"), may="apply"),
    Page("POST", f"{OWN}/owner", take_owner_link, may="apply"),
)
