"""Every page of the customer's but the receipt itself."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import Route
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office
from yuanlu.web.portal import case, papers, voucher
from yuanlu.web.portal.guests import Reception


def handlers(office: Office, door: Doorkeeper, limits: Limits, routes: Sequence[Route]) -> Sequence[HTTPRouteHandler]:
    """What the server runs for them."""
    reception = Reception(office, door, limits, routes)
    return [*case.handlers(reception), *papers.handlers(reception), *voucher.handlers(reception)]
