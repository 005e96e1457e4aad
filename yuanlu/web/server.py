"""The service as an ASGI application, and the server that runs it.

`make_asgi` puts the routes together; `serve` listens. A call passes the gate (a number of its own, a limit of calls at
once, the meters), Litestar's routing, and `calls.handler_of`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import msgspec
import structlog
import uvicorn
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from yuanlu.web import callbacks, health
from yuanlu.web.api import (
    amounts,
    books,
    cases,
    causes,
    codes,
    complaints,
    devices,
    files,
    hooks,
    lawbook,
    losses,
    packs,
    payments,
    policies,
    refunds,
    repayments,
    sessions,
)
from yuanlu.web.parts import logs, openapi, problems
from yuanlu.web.parts.answers import Told, refused
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import BODY_MAX, Route, handler_of
from yuanlu.web.parts.meters import Meters
from yuanlu.web.parts.office import Office

ROUTES: tuple[Route, ...] = (
    *payments.ROUTES,
    *refunds.ROUTES,
    *cases.ROUTES,
    *files.ROUTES,
    *packs.ROUTES,
    *codes.ROUTES,
    *books.ROUTES,
    *hooks.ROUTES,
    *lawbook.ROUTES,
    *policies.ROUTES,
    *losses.ROUTES,
    *repayments.ROUTES,
    *complaints.ROUTES,
    *amounts.ROUTES,
    *causes.ROUTES,
    *devices.ROUTES,
    *sessions.ROUTES,
)
"""Every endpoint of the merchant's API."""

API_VERSION = "1"
CALLS_MAX = 2048
"""Calls at once. More are told to come again: a queue nobody sees the end of helps no one."""
CONNECTIONS_MAX = 8192
STOP_WITHIN_SECONDS = 25

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")

log = structlog.get_logger(__name__)


class Gate:
    """Stands before everything: numbers calls, limits how many there are, and counts them."""

    inner: ASGIApp

    def __init__(self, meters: Meters, calls_max: int) -> None:
        self._meters = meters
        self._calls_max = calls_max
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return  # uvicorn speaks HTTP alone here: no lifespan, no WebSocket
        started = perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["route"] = "other"
        status = 500

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"cache-control", b"no-store"),
                ]
            await send(message)

        self.in_flight += 1
        numbered = logs.request_id.set(request_id)
        try:
            if self.in_flight > self._calls_max:
                await refused(problems.Problem("service.busy"), request_id, dict(scope["headers"]))(
                    scope, receive, tell
                )
            else:
                await self.inner(scope, receive, tell)
        finally:
            self.in_flight -= 1
            seconds = perf_counter() - started
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._meters.served(method, state["route"], status, seconds)
            if status >= 500:
                took = round(seconds, 3)
                log.warning("request.trouble", method=method, route=state["route"], status=status, seconds=took)
            logs.request_id.reset(numbered)


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def _request_id(scope: Scope) -> str:
    """The caller's own number for this call, if it is a decent one; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return secrets.token_hex(8)


def _no_route(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """No such page, or not with this method."""
    if error.status_code == 405:
        allow = (error.headers or {}).get("allow", "")
        return _answer(request, problems.Problem("request.method"), allow=allow)
    if error.status_code == 404:
        return _answer(request, problems.Problem("request.no_such_page"))
    return _answer(request, problems.Problem("request.malformed"))


def _broken(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A bug of ours outside any route."""
    return _answer(request, problems.of_error(error))


def _answer(request: Request[Any, Any, Any], problem: problems.Problem, **headers: str) -> Response[bytes]:
    asked = dict(request.scope["headers"])
    told = refused(problem, request.scope["state"].get("request_id", ""), asked, **headers)
    return Response(content=told.body, status_code=told.status, headers=told.headers, media_type=problems.MEDIA_TYPE)


def described() -> bytes:
    """The description of the API (OpenAPI), as it is served."""
    return msgspec.json.format(msgspec.json.encode(openapi.description(ROUTES, API_VERSION)), indent=2)


def _description() -> HTTPRouteHandler:
    body = described()

    async def describe(request: Request[Any, Any, Any]) -> Told:
        request.scope["state"]["route"] = "/v1/openapi.json"
        return Told(body)

    return HTTPRouteHandler("/v1/openapi.json", http_method="GET", include_in_schema=False)(describe)


def make_asgi(office: Office, *, calls_max: int = CALLS_MAX) -> ASGIApp:
    """The service over HTTP, for one running installation."""
    meters = Meters(office)
    office.desk.watch = meters
    door = Doorkeeper(office)
    gate = Gate(meters, calls_max)
    gate.inner = Litestar(
        route_handlers=[
            *(handler_of(route, office, door) for route in ROUTES),
            callbacks.handler(office),
            *health.handlers(office, meters, lambda: gate.in_flight),
            _description(),
        ],
        exception_handlers={HTTPException: _no_route, Exception: _broken},
        openapi_config=None,
        logging_config=None,
        request_max_body_size=BODY_MAX,
    )
    return gate


class _Server(uvicorn.Server):
    """uvicorn, told to stop by us and not by signals: whoever runs us has other things to end too."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        assert sockets is not None
        self._ready(f"http://localhost:{sockets[0].getsockname()[1]}")


async def serve(asgi: ASGIApp, host: str, port: int, ready: Callable[[str], None] = lambda _: None) -> None:
    """Listen until cancelled; then let what is being served end.

    Shape: port 0 picks a free one; `ready` is told the address once calls are answered.
    """
    if not structlog.is_configured():
        logs.set_up()  # structlog's own default shows the values around a failure: payment codes too
    config = uvicorn.Config(
        asgi,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
        backlog=2048,
    )
    with _listening(host, port) as listener:
        server = _Server(config, ready)
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            server.should_exit = True
            await serving
            raise


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


if __name__ == "__main__":
    sys.stdout.buffer.write(described() + b"\n")
