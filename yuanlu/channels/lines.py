"""HTTP/1.1 over kept connections: as much of it as calling a channel needs, and no more.

A call is one write and one answer on one connection. What a library does besides (sessions, redirects, cookies, events,
decoding, three timers a call) cost four times the CPU of this; docs/decisions/0006-lines-of-our-own.md has the figures.
Reading HTTP is left to llhttp (httptools), which uvicorn uses too; TLS and connecting to the loop.

Laws: whatever goes wrong is a `Silence`, and it says whether anything had left. Nothing is sent twice, but a GET whose
kept connection turned out closed before a byte of the answer came. Redirects are answers like others.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import cast
from urllib.parse import urlsplit

import httptools

from yuanlu.channels import wire
from yuanlu.channels.contract import ANSWER_MAX, Call, Reply

BODY_MAX = ANSWER_MAX
"""Bytes. No answer of a provider to a step comes near it."""
HEAD_MAX = 64 * 1024
IDLE_WITHIN = 15.0
"""Seconds a connection is kept without work: servers close theirs after some longer while."""


class Silence(Exception):
    """No whole answer came. `sent`: whether anything may have reached the other side."""

    def __init__(self, code: str, *, sent: bool, why: str) -> None:
        super().__init__(code)
        self.code = code
        self.sent = sent
        self.why = why


@dataclass(frozen=True, slots=True)
class _Goal:
    """Where a connection leads. Connections of one goal serve each other's calls."""

    host: str
    port: int
    secure: bool
    identity: tuple[str, str] | None


@lru_cache(maxsize=256)
def _origin(url: str) -> tuple[str, int, bool, str, str]:
    """Host, port, whether by TLS, the Host header and the target of an address."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    target = url.split(parts.netloc, 1)[1].partition("#")[0]
    target = target if target.startswith("/") else f"/{target}"
    return parts.hostname or "", parts.port or (443 if secure else 80), secure, parts.netloc, target


def _written(call: Call, host: str, target: str) -> bytes:
    """The bytes of a request.

    Raises Silence when a header would break out of its line.
    """
    lines = [f"{call.method} {target} HTTP/1.1", f"Host: {host}", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in call.headers.items()]
    if call.body or call.method != "GET":
        lines.append(f"Content-Length: {len(call.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head:
        raise Silence(wire.CONNECT_FAILED, sent=False, why="a line break in a header")
    return f"{head}\r\n\r\n".encode() + call.body


class _Line(asyncio.Protocol):
    """One connection, and the one answer it waits for."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.idle_since = 0.0
        self.is_open = False
        self.heard_anything = False
        self._headless = 0
        self._most = BODY_MAX
        self._answer: asyncio.Future[Reply] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._begin()

    def _begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._head_size = 0
        self._body = bytearray()
        self._has_head = False

    async def ask(self, request: bytes, deadline: float, most: int = BODY_MAX) -> Reply:
        """Write a request and wait for its whole answer.

        Raises Silence.
        """
        loop = asyncio.get_running_loop()
        self.heard_anything = False
        self._headless = 0
        self._most = most
        answer: asyncio.Future[Reply] = loop.create_future()
        self._answer = answer
        timer = loop.call_later(deadline, self._late, deadline)
        self.transport.write(request)
        try:
            return await answer
        except asyncio.CancelledError:
            self.abort()  # its answer would be taken for the next one's
            raise
        finally:
            timer.cancel()
            self._answer = None

    def abort(self) -> None:
        self.is_open = False
        self.transport.abort()

    def _late(self, deadline: float) -> None:
        self._fail(wire.TIMEOUT, f"no whole answer within {deadline:.1f} s")

    def _fail(self, code: str, why: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Silence(code, sent=True, why=why))
        self.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass of it
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nobody asked
            return
        self.heard_anything = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as trouble:
            self._fail(wire.MALFORMED, f"no HTTP: {type(trouble).__name__}")
        # A header that never ends is told to nobody by the parser: it is counted here.
        self._headless += 0 if self._has_head else len(data)
        if self._headless > HEAD_MAX:
            self._fail(wire.MALFORMED, "no head within 64 KiB")

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if self._answer is None or self._answer.done():
            return
        if not self._has_head:
            self._fail(wire.RESET, f"the connection broke: {type(error).__name__ if error else 'closed'}")
        elif error is None and not {"content-length", "transfer-encoding"} & self._headers.keys():
            self._end()  # an answer without a length lasts until the connection ends
        else:
            self._fail(wire.MALFORMED, "half an answer")

    # What llhttp says, in this order.

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.is_open = False  # more than was asked for: nothing that comes here may be taken for the next answer

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > HEAD_MAX:
            self._fail(wire.MALFORMED, "an answer with a head larger than 64 KiB")
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._most:
            self._fail(wire.MALFORMED, f"an answer larger than {self._most >> 20} MiB")

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:
            self._begin()  # "100 Continue" and its like: the answer is still to come
            return
        self.is_open = self.is_open and self._parser.should_keep_alive()
        self._end()

    def _end(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(
                Reply(status=self._parser.get_status_code(), headers=self._headers, body=bytes(self._body))
            )
        self._begin()


class Lines:
    """The connections of a driver, by goal."""

    def __init__(self, *, connect_within: float) -> None:
        self._connect_within = connect_within
        self._idle: dict[_Goal, list[_Line]] = defaultdict(list)
        self._trust: dict[tuple[str, str] | None, ssl.SSLContext] = {}

    async def call(self, call: Call, deadline: float) -> Reply:
        """Make a call.

        Units: seconds. Raises Silence.
        """
        host, port, secure, authority, target = _origin(call.url)
        goal = _Goal(host, port, secure, call.identity if secure else None)
        request = _written(call, authority, target)
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        kept = self._kept(goal, loop.time())
        if kept is not None:
            try:
                return await self._asked(goal, kept, request, deadline, call.answer_max)
            except Silence as silence:
                if call.method != "GET" or silence.code != wire.RESET or kept.heard_anything:
                    raise
        # Connecting has its own, shorter limit: whatever runs into the deadline after it may have been sent.
        line = await self._connected(goal, min(self._connect_within, deadline * 0.8))
        return await self._asked(goal, line, request, max(until - loop.time(), 0.05), call.answer_max)

    def close(self) -> None:
        """Close what is kept. Calls that run end by themselves."""
        for lines in self._idle.values():
            for line in lines:
                line.abort()
        self._idle.clear()

    async def _asked(self, goal: _Goal, line: _Line, request: bytes, deadline: float, most: int) -> Reply:
        reply = await line.ask(request, deadline, most)
        if line.is_open:
            line.idle_since = asyncio.get_running_loop().time()
            self._idle[goal].append(line)
        else:
            line.abort()
        return reply

    def _kept(self, goal: _Goal, now: float) -> _Line | None:
        """The connection that worked last, if it is still good."""
        lines = self._idle[goal]
        while lines:
            line = lines.pop()
            if line.is_open and now - line.idle_since < IDLE_WITHIN:
                return line
            line.abort()
        return None

    async def _connected(self, goal: _Goal, within: float) -> _Line:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within):
                trust = self._trusted(goal.identity) if goal.secure else None
                _, line = await loop.create_connection(_Line, goal.host, goal.port, ssl=trust)
        except (OSError, TimeoutError, UnicodeError) as trouble:
            raise Silence(wire.CONNECT_FAILED, sent=False, why=f"not connected: {type(trouble).__name__}") from None
        return line

    def _trusted(self, identity: tuple[str, str] | None) -> ssl.SSLContext:
        """How to check the other side, and how to show who we are where it asks."""
        if identity not in self._trust:
            context = ssl.create_default_context()
            if identity is not None:
                context.load_cert_chain(*identity)
            self._trust[identity] = context
        return self._trust[identity]
