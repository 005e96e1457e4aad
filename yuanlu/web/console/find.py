"""The one search box: what was typed or scanned is opened, or shown as a short list by kind.

Each kind is asked for by its own route of the API, as whoever searches: what is not theirs to see is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.web.console.pages import Page, Seen, Turn, View
from yuanlu.web.parts.asking import Visitor
from yuanlu.web.parts.recognising import TEXT_MAX, Guess, Sort, recognised

FIND = "/console/find"
_SHOWN_MAX = 10


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found: its kind, what the API told of it, and where its page is."""

    kind: str
    id: str
    told: Any
    to: str


@dataclass(frozen=True, slots=True)
class Group:
    """Payments found by one thing that is known of them. `more`: the search that shows all, as the form has it."""

    sort: Sort
    hits: Sequence[Hit]
    more: Mapping[str, str]
    is_cut: bool
    """There are more, or not all was looked at."""


async def _payment(here: Visitor, one: str) -> Hit:
    return Hit("payment", one, await here.ask("/v1/payments/{payment}", {"payment": one}), f"/console/payments/{one}")


async def _case(here: Visitor, one: str) -> Hit:
    return Hit("case", one, await here.ask("/v1/cases/{case}", {"case": one}), f"/console/refunds/{one}")


async def _refund(here: Visitor, one: str) -> Hit:
    told = await here.ask("/v1/refunds/{refund}", {"refund": one})
    return Hit("refund", one, told, f"/console/payments/{told.payment}")


async def _complaint(here: Visitor, one: str) -> Hit:
    told = await here.ask("/v1/complaints/{complaint}", {"complaint": one})
    return Hit("complaint", one, told, f"/console/disputes/{one}")


async def _ticket(here: Visitor, one: str) -> Hit:
    return Hit("ticket", one, await here.ask("/v1/tickets/{ticket}", {"ticket": one}), f"/console/tickets/{one}")


async def _till(here: Visitor, one: str) -> Hit:
    return Hit("till", one, await here.ask("/v1/stations/{till}", {"till": one}), f"/console/devices/{one}")


OPENED: Mapping[str, Callable[[Visitor, str], Awaitable[Hit]]] = {
    Kind.PAYMENT: _payment,
    Kind.CASE: _case,
    Kind.REFUND: _refund,
    Kind.COMPLAINT: _complaint,
    Kind.TICKET: _ticket,
    Kind.TILL: _till,
}
"""What has a page, by the first two letters of its id."""


async def find(here: Visitor, _: Mapping[str, str]) -> Seen:
    """Open the one thing that this is, or list what it may be."""
    text = here.query.get("q", "").strip()[:TEXT_MAX]
    guesses = recognised(text)
    hits = [hit for each in guesses if each.sort is Sort.ID and (hit := await _opened(here, each.text))]
    groups = [await _group(here, each) for each in guesses if each.sort is not Sort.ID]
    groups = [each for each in groups if each.hits or each.is_cut]
    all_hits = [*hits, *(hit for each in groups for hit in each.hits)]
    if len(all_hits) == 1 and not any(each.is_cut for each in groups):
        return Turn(all_hits[0].to)
    return View("find.html", {"q": text, "hits": hits, "groups": groups})


async def _opened(here: Visitor, one: str) -> Hit | None:
    opened = OPENED.get(one[:2])
    try:
        return await opened(here, one) if opened else None
    except Denied:  # unknown, of others, or not for this role: for whoever asks it is not there
        return None


async def _group(here: Visitor, guess: Guess) -> Group:
    """Payments of which this is so: the newest of them."""
    asked: dict[Sort, tuple[dict[str, Any], dict[str, str]]] = {
        Sort.NUMBER: ({"number": guess.text}, {"number": guess.text}),
        Sort.TAIL: ({"code_tail": guess.text}, {"code_tail": guess.text}),
        Sort.AMOUNT: ({"amount_fen": guess.fen}, {"amount": Money(guess.fen).yuan()}),
    }
    query, more = asked[guess.sort]
    told = await here.ask("/v1/payments", query={**query, "limit": _SHOWN_MAX})
    hits = [Hit("payment", each.id, each, f"/console/payments/{each.id}") for each in told.items]
    return Group(guess.sort, hits, more, told.next is not None)


PAGES = (Page("GET", FIND, find, may="see"),)
