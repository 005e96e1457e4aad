"""Is it alive, may it be given work, and how is it doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler

from yuanlu.recorder import QUEUE_MAX
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.meters import Meters
from yuanlu.web.parts.office import Office

ANSWERS_WITHIN_SECONDS = 2.0
JAMMED_AT = QUEUE_MAX // 2


async def _ready(office: Office) -> dict[str, bool]:
    """What must hold to be given work: the database answers, and recording keeps up."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
            await office.pools.recorder.fetchval("select 1")
        database = True
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        database = False
    return {"database": database, "recorder": office.recorder.waiting < JAMMED_AT}


def handlers(office: Office, meters: Meters, in_flight: Callable[[], int]) -> Sequence[HTTPRouteHandler]:
    """What the server runs for health and metrics."""

    async def alive(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = "/healthz"
        return Told(b'{"alive":true}')

    async def ready(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = "/readyz"
        found = await _ready(office)
        body = msgspec.json.encode({"ready": all(found.values()), **found})
        return Told(body, 200 if all(found.values()) else 503)

    async def metrics(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = "/metrics"
        return Told(await meters.page(in_flight()), kind="text/plain; version=0.0.4; charset=utf-8")

    return [
        HTTPRouteHandler(path, http_method="GET", include_in_schema=False)(run)
        for path, run in (("/healthz", alive), ("/readyz", ready), ("/metrics", metrics))
    ]
