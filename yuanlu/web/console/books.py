"""账簿: accounts, what the channels' accounts will need, losses, and money that takes another road back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yuanlu.web.console.acting import act
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, View
from yuanlu.web.parts.asking import Visitor

SHOW = "/console/books"
ACTS: Mapping[str, str] = {
    "losses/{loss}/recover": "/v1/losses/{loss}/recover",
    "losses/{loss}/write-off": "/v1/losses/{loss}/write-off",
    "repayments/{repayment}/approve": "/v1/repayments/{repayment}/approve",
    "repayments/{repayment}/paid": "/v1/repayments/{repayment}/paid",
    "repayments/{repayment}/refuse": "/v1/repayments/{repayment}/refuse",
}
"""What is done by a form here: the page and the route."""


async def show(here: Visitor, _: Mapping[str, str], problem: Any = None) -> Seen:
    """Who may see sums sees the accounts; whoever belongs to one store sees its losses and repayments."""
    can_sum = here.may("sum")
    given = {
        "books": await here.ask("/v1/books") if can_sum else None,
        "float": await here.ask("/v1/float") if can_sum else None,
        "losses": (await here.ask("/v1/losses")).items,
        "repayments": (await here.ask("/v1/repayments")).items,
        "problem": problem,
    }
    return View("books.html", given, UNPROCESSED if problem else 200)


PAGES = (
    Page("GET", SHOW, show, may="see", menu="console.books", icon="credit-card"),
    *(Page("POST", f"{SHOW}/{name}", act(route, f"{SHOW}/{name}", SHOW, show)) for name, route in ACTS.items()),
)
