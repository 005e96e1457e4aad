"""通道: the keys of a merchant's accounts at the channels, and a check that says which of them is wrong.

What a key is stands on no page: whoever changes one hands it in again. So what a step-up is asked for stands in the
form itself, and the form is never kept on a page between.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from yuanlu.channels.contract import REMOTE
from yuanlu.web.api.channels import FIELDS, SHOWN
from yuanlu.web.console.acting import sure
from yuanlu.web.console.pages import UNPROCESSED, Page, Run, Seen, Turn, View
from yuanlu.web.parts import problems
from yuanlu.web.parts.asking import NOS, Visitor

LIST = "/console/channels"
LONG = frozenset({"merchant_cert", "merchant_key", "platform_public_key", "app_private_key", "alipay_public_key"})
"""What is pasted, or handed in as a file; all else is typed."""


async def show(
    here: Visitor, form: Mapping[str, str], told: Any = None, channel: str = "", problem: Any = None
) -> Seen:
    """Every account as it stands. `told`: what a check of this `channel` just found. Of `form` numbers alone stay."""
    accounts = (await here.ask("/v1/channels")).items
    findings = {each.channel: each.findings for each in accounts}
    if told is not None:
        findings[channel] = told.findings
    given = {
        "accounts": accounts,
        "fields": {each.value: FIELDS[each] for each in REMOTE},
        "long": LONG,
        "filled": {name: form.get(name, "") for name in SHOWN},
        "findings": findings,
        "told": told,
        "channel": channel,
        "problem": problem,
    }
    return View("channels.html", given, UNPROCESSED if problem or (told and told.verdict == "wrong") else 200)


async def put(channel: str, here: Visitor, form: Mapping[str, str]) -> Seen:
    """Give an account keys. Those that are not kept are told why, field by field."""
    files = {name.removesuffix("_file"): raw.decode(errors="replace") for name, raw in here.sent.items()}
    route = f"/v1/channels/{channel}"
    wish: dict[str, Any] = {}
    for name in here.routes[f"POST {route}"].takes.__struct_fields__:
        if text := (form.get(name, "").strip() or files.get(name, "").strip()):
            wish[name] = text
    try:
        told = await here.do(route, {}, wish, await sure(here, form))
    except NOS as error:
        return await show(here, form, channel=channel, problem=problems.of_error(error))
    return Turn(f"{LIST}#{channel}") if told.kept else await show(here, form, told, channel)


async def check(here: Visitor, form: Mapping[str, str]) -> Seen:
    """Check the keys that are in use; what was found then stands on the page."""
    try:
        await here.do("/v1/channels/{channel}/check", here.place)
    except NOS as error:
        return await show(here, form, channel=here.place["channel"], problem=problems.of_error(error))
    return Turn(f"{LIST}#{here.place['channel']}")


def _put(channel: str) -> Run:
    return partial(put, channel)


PAGES = (
    Page("GET", LIST, show, may="channels", menu="console.channels", icon="lock"),
    *(Page("POST", f"{LIST}/{each.value}", _put(each.value), may="channels") for each in REMOTE),
    Page("POST", f"{LIST}/{{channel}}/check", check, may="channels"),
)
