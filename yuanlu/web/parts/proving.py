"""What signing in, ways in and step-ups share: where passkeys count, who one is, and their noes."""

from __future__ import annotations

from yuanlu.people import signing
from yuanlu.people.passkeys import Site, site
from yuanlu.web.parts.calls import STEP_UP, Call

PEOPLE = ("staff.not_allowed", "key.out_of_scope")
PASSWORD_DENIED = (
    "signin.password_short",
    "signin.password_long",
    "signin.password_plain",
    "signin.password_common",
    "signin.password_used",
)
THEMSELVES = ("signin.refused", *STEP_UP, *PEOPLE)
PASSKEY_DENIED = ("signin.passkey_wrong", "passkey.no_site")


async def demand_themselves(call: Call) -> None:
    """Whoever calls says once more who they are.

    Raises Denied: see `signing.demand_themselves`.
    """
    await signing.demand_themselves(call.office.desk, call.sure, call.merchant_id, call.wish.password)


def link(call: Call, token: str) -> str:
    """Where a browser takes an invitation up: what is behind `#` no server is told."""
    settings = call.office.settings
    place = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{place.rstrip('/')}/accept#{token}"


def site_of(call: Call) -> Site:
    """Where passkeys count. Raises Denied: passkey.no_site."""
    return site(call.office.settings.public_url)
