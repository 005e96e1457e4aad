"""退款审核: the queue of cases, one of them beside it, and what may be done with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuanlu import ids
from yuanlu.cases import declines
from yuanlu.cases.review import Event, Fault, Place, Status, allows
from yuanlu.cases.rules import State
from yuanlu.cases.together import MOST
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.web.console.acting import Again, act, file, filled
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor, wish_of

LIST, ONE = "/console/refunds", "/console/refunds/{case}"
LIST_PART, DETAIL_PART = "section#list", "section#detail"
CONFLICT = 409
TABS: Mapping[str, Sequence[str]] = {
    "review": ("REVIEW", "SECOND"),
    "needs_info": ("NEEDS_INFO", "OFFERED"),
    "on_its_way": ("REMEDY", "OPENED"),
    "trouble": ("ATTENTION",),
    "declined": ("DECLINED",),
    "closed": ("CLOSED",),
}
"""Tabs of the list: what they are called, and the states they hold. Those of `_ENDED`: newest first."""
_ENDED = frozenset({"declined", "closed"})


@dataclass(frozen=True, slots=True)
class Act:
    """Something that may be done with a case. `name`: the last part of the route's path; the words are called after it.

    `verb`: who has it (`people.rules`); `event`: the state must allow it (`cases.review.allows`), empty: `states` are
    meant. `fields`: what its form asks for. `key`: of the keyboard. `is_apart`: it stands behind the others.
    """

    name: str
    verb: str
    event: str = ""
    fields: tuple[str, ...] = ()
    tone: str = ""
    icon: str = ""
    key: str = ""
    states: tuple[str, ...] = ()
    is_apart: bool = False

    def is_for(self, case: Any) -> bool:
        """Whether a case is in a state in which this may be done."""
        if self.states:
            return case.state in self.states
        return allows(State(case.state), Event(self.event))


ACTS = (
    Act("approve", "approve", Event.APPROVE, ("amount", "to_customer", "no_return"), "main", "check", "a"),
    Act("confirm", "confirm", Event.CONFIRM, ("among_us", "no_return"), "main", "check", "a"),
    Act("decision", "attend", "", ("refund", "no_return"), "main", states=("ATTENTION",)),
    Act("ask", "ask", Event.ASK, ("to_customer_needed",), "", "message-circle"),
    Act("offer", "offer", Event.OFFER, ("kind", "amount_empty", "hours", "to_customer")),
    Act("send-back", "send_back", Event.SEND_BACK, ("among_us_needed",)),
    Act("decline", "decline", Event.DECLINE, ("reason", "to_customer_needed", "decline_why"), "danger", "x", "r"),
    Act("reopen", "reopen", Event.REOPEN, ("among_us_needed",)),
    Act("withdraw", "withdraw", Event.WITHDRAW, ("words_of_customer",), is_apart=True),
    Act("object", "object", Event.OBJECT, ("words_of_customer_needed",), is_apart=True),
    Act("accept", "accept", Event.ACCEPT, ("words_of_customer",), is_apart=True),
    Act("turn-down", "turn_down", Event.TURN_DOWN, ("words_of_customer",), is_apart=True),
    Act("judge", "judge", Event.NOTE, ("fault", "among_us"), is_apart=True),
    Act("escalate", "escalate", Event.NOTE, ("place", "status", "among_us"), is_apart=True),
    Act("hold", "hold", Event.NOTE, ("on", "among_us"), is_apart=True),
)
_CLAIMS = ("claim", "release")
_SHOWN_MAX = 50
_MESSAGES = "/v1/cases/{case}/messages"


async def queue(here: Visitor, tab: str) -> tuple[list[Any], dict[str, Any]]:
    """The cases of a tab, and their payments by id: most urgent first, or newest first where they have an end."""
    found, paid = list[Any](), dict[str, Any]()
    for state in TABS[tab]:
        query = {"state": state, "limit": _SHOWN_MAX} | ({} if tab in _ENDED else {"order": "due"})
        told = await here.ask("/v1/cases", query=query)
        found += told.items
        paid |= told.payments
    if tab not in _ENDED:
        found.sort(key=lambda case: (case.due_at is None, case.due_at))
    return found, paid


def tab_of(state: str) -> str:
    """The tab in which a case of this state is."""
    return next(name for name, states in TABS.items() if state in states)


def tabs(states: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """The tabs that hold open cases, with how many, and a mark that changes where they are other ones.

    Shape: `states` has by state what has `n` and `mark`.
    """
    return {
        tab: {"n": sum(states[each].n for each in of), "mark": sum(states[each].mark for each in of)}
        for tab, of in TABS.items()
        if all(each in states for each in of)
    }


async def show(here: Visitor, _: Mapping[str, str], problem: Any = None) -> Seen:
    """The queue, opened on its most urgent case. `problem`: what was wrong with what was chosen in it."""
    tab = here.query.get("tab", "review")
    if tab not in TABS:
        raise Denied("request.no_such_page")
    beside = await _list(here, tab)
    cases = beside["cases"]
    told = await detail(here, cases[0].id) if cases and here.part != LIST_PART else {}
    return _page({**beside, **told, "list_problem": problem}, problem)


async def show_one(here: Visitor, form: Mapping[str, str], problem: Any = None, *, act: str = "") -> Seen:
    """One case, and beside it the queue that it is in.

    `problem`: what was wrong with a form of it: then `act` is which, and `form` what was filled in, which is kept.
    """
    told = await detail(here, here.place["case"])
    typed = {**form, "act": act} if problem else {"act": ""}
    is_row = here.part == DETAIL_PART and here.source != "form"  # the list stays as it is beside it
    tab = tab_of(told["case"].state)
    beside = blank(tab) if is_row else await _list(here, tab)
    at = "" if is_row else filled(ONE, here)
    return _page({**beside, **told, "problem": problem, "typed": typed, "with_list": not is_row}, problem, at)


async def _list(here: Visitor, tab: str) -> dict[str, Any]:
    """The queue of a tab, how many are in each, and which of these may be approved together."""
    cases, paid = await queue(here, tab)
    free: set[str] = set()
    if tab == "review" and here.may("approve"):
        wanted = [each.id for each in cases if each.state == State.REVIEW.value][:MOST]
        weighed = (await here.ask("/v1/approvals", query={"cases": ",".join(wanted)})).items
        free = {each.case for each in weighed if not each.code}
    counts = tabs((await here.ask("/v1/queue")).states)
    return {**blank(tab), "cases": cases, "paid": paid, "counts": counts, "free": free if len(free) > 1 else set()}


def blank(tab: str) -> dict[str, Any]:
    """What the page shows of a tab in which there is nothing."""
    return {
        "tab": tab, "tabs": TABS, "cases": [], "paid": {}, "counts": {}, "free": set(), "most": _SHOWN_MAX,
        "case": None, "problem": None, "list_problem": None, "typed": {"act": ""}, "with_list": False,
    }  # fmt: skip


def _page(told: Mapping[str, Any], problem: Any, at: str = "") -> View:
    status = 200 if not problem else CONFLICT if problem.code == "case.stale" else UNPROCESSED
    return View("refunds.html", told, status, {LIST_PART: "_list.html", DETAIL_PART: "_detail.html"}, at)


def _again(act: str) -> Again:
    """The case once more, with what was wrong with a form of it, and what was filled in."""

    async def again(here: Visitor, form: Mapping[str, str], problem: Any) -> Seen:
        return await show_one(here, form, problem, act=act)

    return again


async def detail(here: Visitor, case_id: str) -> dict[str, Any]:
    """All that stands on a case's page."""
    place = {"case": case_id}
    case = await here.ask("/v1/cases/{case}", place)
    payment = await here.ask("/v1/payments/{payment}", {"payment": case.payment})
    timeline = await here.ask("/v1/payments/{payment}/timeline", {"payment": case.payment})
    thread = await here.ask("/v1/cases/{case}/thread", place)
    files = await here.ask("/v1/cases/{case}/files", place)
    findings = await here.ask("/v1/cases/{case}/findings", place)
    completeness = await here.ask("/v1/cases/{case}/completeness", place)
    return {
        "case": case,
        "payment": payment,
        "stream": stream(timeline.items, thread.items),
        "files": files.items,
        "findings": findings,
        "completeness": completeness,
        "acts": [each for each in ACTS if here.may(each.verb) and each.is_for(case)],
        "can_claim": here.may("claim") and Act("claim", "claim", Event.CLAIM).is_for(case),
        "choices": {
            "reason": {code: told[here.lang] for code, told in declines.reasons().items()},
            **{name: {each.value: "" for each in kinds} for name, kinds in _CHOICES.items()},
        },
        "packs": (await here.ask("/v1/cases/{case}/packs", place)).items if here.may("note") else (),
        "replies": (await here.ask("/v1/replies")).items,
        "names": await here.names([case.opened_by, *(each.who for each in (*timeline.items, *thread.items))]),
        "message_id": ids.new(Kind.EVIDENCE),
    }


_CHOICES: Mapping[str, Iterable[Any]] = {"fault": Fault, "place": Place, "status": Status}


def stream(happened: Sequence[Any], said: Sequence[Any]) -> list[Any]:
    """Money, people and messages in one stream, in the order of time: `(at, "fact" | "said", item)`."""
    both = [(each.at, "fact", each) for each in happened] + [(each.at, "said", each) for each in said if each.text]
    return sorted(both, key=lambda each: each[0])


async def pack(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Make the evidence pack of a case for a reader, and give it out; on record before a byte is sent."""
    wish = {name: form.get(name, "") for name in ("for", "lang")}
    return await file(here, "/v1/cases/{case}/packs", wish, form, filled(f"{ONE}/packs", here), _again("packs"))


async def write(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Say something: to the customer, or among ourselves. The form has the id: pressed twice is said once."""
    try:
        await here.do(_MESSAGES, here.place, wish_of(form, here.routes[f"POST {_MESSAGES}"]))
    except NOS as error:
        problem = problems.of_error(error)
        return await show_one(here, form, problem, act="messages")
    return Turn(filled(f"{ONE}#stream", here))


async def export(here: Visitor, form: Mapping[str, str]) -> Seen:
    """The cases of a tab as a file."""
    tab = form.get("tab", "")
    if tab not in TABS:
        raise Denied("request.no_such_page")

    async def again(here: Visitor, _: Mapping[str, str], problem: Any) -> Seen:
        return _page({**await _list(here, tab), "list_problem": problem}, problem)

    wish = {"lang": here.lang, "states": TABS[tab]}
    return await file(here, "/v1/exports/cases", wish, form, f"{LIST}/export", again)


PAGES = (
    Page("GET", LIST, show, may="see", menu="console.refunds", icon="receipt"),
    Page("GET", ONE, show_one, may="see"),
    *(
        Page("POST", f"{ONE}/{name}", act(f"/v1/cases/{{case}}/{name}", f"{ONE}/{name}", ONE, _again(name)))
        for name in (*_CLAIMS, *(each.name for each in ACTS))
    ),
    Page("POST", f"{ONE}/messages", write),
    Page("POST", f"{ONE}/packs", pack),
    Page("POST", f"{LIST}/export", export, may="export"),
)
