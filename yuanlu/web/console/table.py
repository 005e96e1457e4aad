"""Every page of the console, and its menu in this order."""

from __future__ import annotations

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from yuanlu.web.console import (
    applications,
    audit,
    books,
    channels,
    codes,
    devices,
    disputes,
    enter,
    find,
    keys,
    lawbook,
    live,
    me,
    pages,
    payments,
    people,
    policy,
    proof,
    reports,
    review,
    shop,
    today,
    together,
)
from yuanlu.web.console.pages import Page
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import Route
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.live import Watch
from yuanlu.web.parts.office import Office

PAGES: tuple[Page, ...] = (
    *today.PAGES,
    *together.PAGES,
    *review.PAGES,
    *proof.PAGES,
    *payments.PAGES,
    *disputes.PAGES,
    *books.PAGES,
    *devices.PAGES,
    *people.PAGES,
    *policy.PAGES,
    *lawbook.PAGES,
    *reports.PAGES,
    *keys.PAGES,
    *codes.PAGES,
    *audit.PAGES,
    *shop.PAGES,
    *channels.PAGES,
    *applications.PAGES,
    *me.PAGES,
    *find.PAGES,
    *enter.PAGES,
)


def handlers(
    office: Office, door: Doorkeeper, limits: Limits, routes: Sequence[Route], watch: Watch
) -> Sequence[HTTPRouteHandler]:
    """What the server runs for the console."""
    return [*pages.handlers(office, door, limits, routes, PAGES), live.handler(door, limits, watch)]
