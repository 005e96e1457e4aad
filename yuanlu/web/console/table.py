"""Every page of the console, and its menu in this order."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from yuanlu.web.console import (
    books,
    channels,
    devices,
    disputes,
    enter,
    lawbook,
    me,
    pages,
    payments,
    policy,
    proof,
    review,
    shop,
    today,
)
from yuanlu.web.console.pages import Page
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import Route
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.office import Office

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *review.PAGES,
    *proof.PAGES,
    *payments.PAGES,
    *disputes.PAGES,
    *books.PAGES,
    *devices.PAGES,
    *policy.PAGES,
    *lawbook.PAGES,
    *shop.PAGES,
    *channels.PAGES,
    *me.PAGES,
    *enter.PAGES,
)


def handlers(office: Office, door: Doorkeeper, limits: Limits, routes: Sequence[Route]) -> Sequence[HTTPRouteHandler]:
    """What the server runs for the console."""
    return pages.handlers(office, door, limits, routes, PAGES)
