"""账簿: accounts, what the channels' accounts will need, losses, and money that takes another road back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from yuanlu import words
from yuanlu.web.console.acting import act
from yuanlu.web.console.pages import UNPROCESSED, Page, Seen, Turn, View
from yuanlu.web.parts.asking import Visitor

SHOW, ACCOUNT = "/console/books", "/console/books/account"
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
        "named": {},
        "losses": (await here.ask("/v1/losses")).items,
        "repayments": (await here.ask("/v1/repayments")).items,
        "problem": problem,
    }
    if given["books"]:
        given["named"] = await names_of(here, given["books"].accounts)
    return View("books.html", given, UNPROCESSED if problem else 200)


async def account(here: Visitor, _: Mapping[str, str]) -> Seen:
    """One account: what moved on it day by day, and the moves of one of these days."""
    query = {name: here.query[name] for name in ("account", "day") if here.query.get(name)}
    if "account" not in query:
        return Turn(SHOW)
    days = await here.ask("/v1/moves/days", query=query)
    more = {"after": here.query["after"]} if here.query.get("after") else {}
    moves = await here.ask("/v1/moves", query={**query, **more})
    name = query["account"]
    given = {
        "account": name,
        "balance_fen": days.earlier_fen + sum(each.in_fen - each.out_fen for each in days.items),
        "days": days,
        "day": query.get("day") or days.last.isoformat(),
        "moves": moves,
        "named": await names_of(here, {name, *(side for each in moves.items for side in (each.source, each.target))}),
    }
    return View("account.html", given)


async def names_of(here: Visitor, accounts: Iterable[str]) -> Mapping[str, str]:
    """What accounts are called where people read them: a drawer by its till, a channel by its name."""
    wanted = list(accounts)
    tills: Mapping[str, str] = {}
    if any(each.startswith("cash:") for each in wanted):
        tills = {each.id: each.name for each in await here.tills()}

    def named(account: str) -> str:
        sort, _, of = account.partition(":")
        whole = f"account.{account.replace(':', '_')}"
        if whole in words.catalogue():
            return words.say(whole, here.lang)
        if f"account.{sort}" not in words.catalogue():
            return account  # whatever was typed into the address
        said = {"due": f"channel.{of}", "loss": f"console.books.bearer.{of}"}.get(sort, "")
        called = words.say(said, here.lang) if said in words.catalogue() else tills.get(of, of)
        return words.say(f"account.{sort}", here.lang, of=called)

    return {each: named(each) for each in wanted}


PAGES = (
    Page("GET", SHOW, show, may="see", menu="console.books", icon="credit-card"),
    Page("GET", ACCOUNT, account, may="sum"),
    *(Page("POST", f"{SHOW}/{name}", act(route, f"{SHOW}/{name}", SHOW, show)) for name, route in ACTS.items()),
)
