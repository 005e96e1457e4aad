"""GET /console/live: what moves while the review page is open, as server-sent events (HTML, 9.2).

Told are the tabs' counts and the version of the case that stands open; a page marks both and swaps nothing by itself.
The stream ends with the session, by itself after `LIFE_SECONDS` (browsers come again), and at once when the service
stops. That it is open does not count as use of the session: who has left their desk is signed out all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.people.rules import demand
from yuanlu.web.console.review import tabs
from yuanlu.web.parts import cookies, problems
from yuanlu.web.parts.answers import Told, refused
from yuanlu.web.parts.auth import Doorkeeper, Glance
from yuanlu.web.parts.calls import SESSION_COOKIE, message_of, person_of
from yuanlu.web.parts.limits import Limits
from yuanlu.web.parts.live import Listener, Moved, Watch

PATH = "/console/live"
BEAT_SECONDS = 15.0
"""How long a stream is silent at most: proxies cut what is silent for a minute."""
LIFE_SECONDS = 600.0
SEND_WITHIN_SECONDS, END_WITHIN_SECONDS = 10.0, 1.0
_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}
_BEAT = b": beat\n\n"
_HELLO = b"retry: 5000\n\n"


def event(name: str, told: object) -> bytes:
    """One event as it stands on the wire."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(told) + b"\n\n"


class Stream(Told):
    """An answer that goes on until the session, the browser or the service ends it."""

    __slots__ = ("_authorization", "_case_id", "_door", "_glance", "_watch")

    def __init__(self, watch: Watch, door: Doorkeeper, authorization: str, glance: Glance, case_id: str) -> None:
        super().__init__(b"")
        self._watch, self._door = watch, door
        self._authorization, self._glance, self._case_id = authorization, glance, case_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._glance.key
        scope["state"]["is_stream"] = True
        try:
            with self._watch.listen(key.merchant_id, key.actor, key.store_id, self._case_id) as listener:
                await self._until_over(listener, receive, send)
        except Denied as no:  # before anything was sent: nobody is let in
            problem = problems.Problem(no.code, no.facts)
            request_id = scope["state"].get("request_id", "")
            await refused(problem, request_id, dict(scope["headers"]))(scope, receive, send)

    async def _until_over(self, listener: Listener, receive: Receive, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        telling = asyncio.create_task(self._tell(listener, send))
        ends = [asyncio.create_task(_gone(receive)), asyncio.create_task(self._watch.closed.wait())]
        try:
            await asyncio.wait({telling, *ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            is_gone = ends[0].done()
            for each in (telling, *ends):
                each.cancel()
            told, *_ = await asyncio.gather(telling, *ends, return_exceptions=True)
        if isinstance(told, Exception) and not isinstance(told, TimeoutError):
            problems.of_error(told)  # logged; the browser comes again
        if not is_gone:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_WITHIN_SECONDS):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, listener: Listener, send: Send) -> None:
        async with aclosing(self._said(listener)) as said:
            async for body in said:
                async with asyncio.timeout(SEND_WITHIN_SECONDS):
                    await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _said(self, listener: Listener) -> AsyncGenerator[bytes, None]:
        began = beat = monotonic()
        queue: object = None
        version = 0
        yield _HELLO
        while monotonic() - began < LIFE_SECONDS:
            moved = await _next(listener)
            if not await self._still():
                return
            said = b""
            if moved is not None:
                told = tabs(moved.queue(listener.store_id))
                if told != queue:
                    queue = told
                    said += event("queue", told)
                now = moved.version(listener.case_id, listener.store_id)
                if now != version:
                    version = now
                    said += event("case", {"id": listener.case_id, "version": now})
            if not said and monotonic() - beat >= BEAT_SECONDS:
                said = _BEAT
            if said:
                beat = monotonic()
                yield said

    async def _still(self) -> bool:
        """Whether the session counts, for the same person in the same store."""
        before = self._glance.key
        try:
            self._glance = await self._door.glance(self._authorization, self._glance)
            demand(person_of(self._glance.key), "see")
        except Denied:
            return False
        return (self._glance.key.role, self._glance.key.store_id) == (before.role, before.store_id)


async def _next(listener: Listener) -> Moved | None:
    """How it stands, once it was asked anew; None: nothing was heard for long."""
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            return await listener.turn()
    except TimeoutError:
        return None


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def handler(door: Doorkeeper, limits: Limits, watch: Watch) -> HTTPRouteHandler:
    """What the server runs for the stream."""

    async def serve(request: Request[Any, Any, Any]) -> Told:
        scope = request.scope
        scope["state"]["route"] = PATH
        headers = dict(scope["headers"])
        try:
            session = cookies.read(headers.get(b"cookie", b""), SESSION_COOKIE)
            authorization = f"Bearer {session}" if session else ""
            glance = await door.glance(authorization)
            door.signed(glance.key, message_of(scope))
            limits.act(scope["state"], glance.key, {})
            demand(person_of(glance.key), "see")
        except Exception as error:  # as everywhere: a no is told, what is our bug is logged
            return refused(problems.of_error(error), scope["state"].get("request_id", ""), headers)
        case_id = request.query_params.get("case", "")
        return Stream(watch, door, authorization, glance, case_id if is_id(case_id, Kind.CASE) else "")

    serve.__name__ = f"get {PATH}"
    return HTTPRouteHandler(PATH, http_method="GET", include_in_schema=False)(serve)
