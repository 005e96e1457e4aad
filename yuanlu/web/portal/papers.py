"""退款政策 and 隐私: what the shop promised for this very payment, what the law gives, what is kept and for how long.

Whoever has the link may read both: they name nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu.receipts.visits import TRIES_MAX
from yuanlu.web.parts.answers import Told
from yuanlu.web.portal.guests import Guest, Reception, rendered, shown
from yuanlu.web.portal.receipt import PATH, VISITOR_SECONDS

POLICY_PATH, PRIVACY_PATH = f"{PATH}/policy", f"{PATH}/privacy"
STAGE = "declined"
"""The stage whose rights are the widest: what a customer has when the shop says no."""
PRIVACY_STAGES, PRIVACY_LAWS = ("review", "closed"), ("art-29", "pipl-minimum", "ecommerce-31")
"""Where the laws about personal data stand in the lawbook, and which they are."""
ABOUT_CUSTOMERS = ("case", "complaint", "handover", "trade")
"""The sorts of what is kept that may be about a customer, in the order of the page."""


async def policy(_: Request[Any, Any, Any], guest: Guest) -> Told:
    """The policy that was frozen onto this payment, row by row, and the customer's rights."""
    told = await guest.api.ask("/v1/payments/{payment}/policy", {"payment": guest.shown.payment.id})
    rights = await guest.api.ask("/v1/rights", query={"stage": STAGE})
    return shown(rendered("policy.html", guest, policy=told, rights=rights), 200, guest)


async def privacy(_: Request[Any, Any, Any], guest: Guest) -> Told:
    """What is kept about whoever paid, how long and why, and how they get it or have it erased."""
    rules = {each.what: each for each in (await guest.api.ask("/v1/keeping")).items}
    found = [(await guest.api.ask("/v1/rights", query={"stage": stage})).rules for stage in PRIVACY_STAGES]
    laws = {each.id: each for part in found for each in part if each.id in PRIVACY_LAWS}
    given = {
        "rules": [rules[what] for what in ABOUT_CUSTOMERS if what in rules],
        "laws": [laws[each] for each in PRIVACY_LAWS if each in laws],
        "days": VISITOR_SECONDS // 86_400,
        "tries": TRIES_MAX,
    }
    return shown(rendered("privacy.html", guest, **given), 200, guest)


def handlers(reception: Reception) -> Sequence[HTTPRouteHandler]:
    """What the server runs for both."""
    return [reception.handler("GET", POLICY_PATH, policy), reception.handler("GET", PRIVACY_PATH, privacy)]
