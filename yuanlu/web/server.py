"""The service as an ASGI application, and the server that runs it.

`make_asgi` puts the routes together; `serve` listens. A call passes the gate (a number of its own, a limit of calls at
once, the meters), Litestar's routing, and `calls.handler_of`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import ssl
import sys
from collections.abc import Callable, Generator, Sequence
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
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.web import callbacks, health, practice
from yuanlu.web.api import (
    amounts,
    applications,
    audit,
    books,
    cases,
    causes,
    channels,
    codes,
    complaints,
    devices,
    exports,
    files,
    goods,
    guards,
    hooks,
    keys,
    lawbook,
    losses,
    names,
    packs,
    payments,
    people,
    policies,
    preferences,
    queue,
    receipts,
    refunds,
    repayments,
    reports,
    sessions,
    shifts,
    shops,
    staff,
    statements,
    stations,
    stepups,
    tickets,
    tills,
    today,
    training,
    ways,
    whys,
)
from yuanlu.web.console import table as console
from yuanlu.web.parts import cookies, guard, logs, openapi, problems, proxies
from yuanlu.web.parts.answers import Told, refused
from yuanlu.web.parts.auth import Doorkeeper
from yuanlu.web.parts.calls import BODY_MAX, Route, handler_of
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.live import Watch
from yuanlu.web.parts.meters import Meters
from yuanlu.web.parts.office import Office
from yuanlu.web.portal import receipt
from yuanlu.web.portal import table as portal
from yuanlu.web.till import pages as till_pages

ROUTES: tuple[Route, ...] = (
    *payments.ROUTES,
    *refunds.ROUTES,
    *receipts.ROUTES,
    *cases.ROUTES,
    *files.ROUTES,
    *exports.ROUTES,
    *packs.ROUTES,
    *codes.ROUTES,
    *books.ROUTES,
    *hooks.ROUTES,
    *keys.ROUTES,
    *lawbook.ROUTES,
    *policies.ROUTES,
    *losses.ROUTES,
    *shifts.ROUTES,
    *repayments.ROUTES,
    *complaints.ROUTES,
    *amounts.ROUTES,
    *causes.ROUTES,
    *devices.ROUTES,
    *goods.ROUTES,
    *guards.ROUTES,
    *training.ROUTES,
    *staff.ROUTES,
    *people.ROUTES,
    *sessions.ROUTES,
    *ways.ROUTES,
    *stepups.ROUTES,
    *tills.ROUTES,
    *names.ROUTES,
    *preferences.ROUTES,
    *stations.ROUTES,
    *tickets.ROUTES,
    *statements.ROUTES,
    *whys.ROUTES,
    *today.ROUTES,
    *queue.ROUTES,
    *reports.ROUTES,
    *audit.ROUTES,
    *shops.ROUTES,
    *channels.ROUTES,
    *applications.ROUTES,
)
"""Every endpoint of the merchant's API."""

API_VERSION = "1"
CALLS_MAX = 2048
"""Calls at once. More are told to come again: a queue nobody sees the end of helps no one."""
CONNECTIONS_MAX = 8192
STOP_WITHIN_SECONDS = 25
PATH_BYTES_MAX = 1024
QUERY_BYTES_MAX = 4096

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)
"""On every answer. Nothing we say may run, be framed, or be read by a page of somebody else."""
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
"""Only where the caller came over TLS: on plain HTTP a browser may not believe it."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{8,64}")

log = structlog.get_logger(__name__)


class Gate:
    """Stands before everything: numbers calls, says who calls, limits how many there are, and counts them."""

    inner: ASGIApp

    def __init__(self, meters: Meters, limits: Limits, trusted: Sequence[proxies.Network], calls_max: int) -> None:
        self._meters = meters
        self._limits = limits
        self._trusted = trusted
        self._calls_max = calls_max
        self.in_flight = 0
        self.watch: Watch | None = None

    def stop(self) -> None:
        """Let those go who only listen: a stream has no end of its own that a stop could wait for."""
        if self.watch is not None:
            self.watch.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            return  # uvicorn speaks HTTP alone here: no lifespan, no WebSocket
        started = perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["route"] = "other"
        peer = (scope["client"] or ("",))[0]
        state["address"], over_tls = proxies.caller(peer, scope["headers"], self._trusted)
        if over_tls:
            scope["scheme"] = "https"
        always = (*HEADERS, HSTS) if scope["scheme"] == "https" else HEADERS
        status, begun = 500, 0.0

        async def tell(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], perf_counter()
                own = {name for name, _ in message["headers"]}  # a file's own policy is stricter still: it stays
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *(header for header in always if header[0] not in own),
                ]
            await send(message)

        self.in_flight += 1
        numbered = logs.request_id.set(request_id)
        try:
            no = self._refusal(scope)
            if no is not None:
                await refused(no, request_id, dict(scope["headers"]))(scope, receive, tell)
            else:
                await self.inner(scope, receive, tell)
        finally:
            self.in_flight -= 1
            self._limits.leave(state)
            seconds = (begun if state.get("is_stream") else perf_counter()) - started  # a stream lasts as it likes
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._meters.served(method, state["route"], status, seconds)
            if status >= 500:
                took = round(seconds, 3)
                log.warning("request.trouble", method=method, route=state["route"], status=status, seconds=took)
            logs.request_id.reset(numbered)

    def _refusal(self, scope: HTTPScope) -> problems.Problem | None:
        """Why a call is not let in; None, if it is."""
        if self.in_flight > self._calls_max:
            return problems.Problem("service.busy")
        for part, limit in ((scope["raw_path"], PATH_BYTES_MAX), (scope["query_string"], QUERY_BYTES_MAX)):
            if len(part) > limit:
                return problems.Problem("request.target_too_long", {"limit_bytes": limit})
        try:
            self._limits.enter(scope["state"], scope["state"]["address"], scope["path"])
            if scope["method"] not in cookies.SAFE:
                cookies.demand_own_page(scope["method"], dict(scope["headers"]))
        except Denied as no:
            return problems.Problem(no.code, no.facts)
        return None


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
    limits = Limits(office.settings, calls_max)
    gate = Gate(meters, limits, proxies.read(office.settings.trusted_proxies), calls_max)
    gate.watch = Watch(office.pools.reader)
    gate.inner = Litestar(
        route_handlers=[
            *(handler_of(route, office, door, limits) for route in ROUTES),
            callbacks.handler(office, limits),
            *receipt.handlers(office, limits),
            *portal.handlers(office, door, limits, ROUTES),
            practice.handler(office),
            *health.handlers(office, meters, lambda: gate.in_flight),
            _description(),
            *till_pages.handlers(),
            *console.handlers(office, door, limits, ROUTES, gate.watch),
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
        scheme = "https" if self.config.is_ssl else "http"
        self._ready(f"{scheme}://localhost:{sockets[0].getsockname()[1]}")


def tls_of(settings: Settings) -> ssl.SSLContext | None:
    """How we speak TLS: 1.2 or newer, with the certificate of the settings. None: we do not.

    Raises Denied: settings.invalid.
    """
    if not settings.tls_cert_file and not settings.tls_key_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file or None, password=_no_password)
    except (OSError, ValueError):
        wants = "a certificate chain in PEM, and YUANLU_TLS_KEY_FILE its key without a password; both can be read"
        raise Denied("settings.invalid", name="YUANLU_TLS_CERT_FILE", wants=wants) from None
    return context


def _no_password() -> str:
    raise ValueError("a key with a password would make the service stop and ask for it")


async def serve(
    asgi: ASGIApp,
    host: str,
    port: int,
    ready: Callable[[str], None] = lambda _: None,
    *,
    settings: Settings | None = None,
) -> None:
    """Listen until cancelled; then let what is being served end.

    Shape: port 0 picks a free one; `ready` is told the address once calls are answered. `settings`: with whose TLS, and
    behind which proxies; none without.
    Raises Denied: settings.invalid.
    """
    tls = tls_of(settings) if settings is not None else None
    trusted = proxies.read(settings.trusted_proxies) if settings is not None else ()
    if not structlog.is_configured():
        logs.set_up()  # structlog's own default shows the values around a failure: payment codes too
    config = uvicorn.Config(
        asgi,
        loop="none",
        http=guard.guarded(trusted),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=guard.KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_WITHIN_SECONDS,
        backlog=2048,
        ssl_context_factory=(lambda *_: tls) if tls is not None else None,
    )
    with _listening(host, port) as listener:
        server = _Server(config, ready)
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            if isinstance(asgi, Gate):
                asgi.stop()
            server.should_exit = True
            await serving
            raise


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # by this protocol asyncio knows that TCP may send at once: else each answer waits 40 ms for the reader's word
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
