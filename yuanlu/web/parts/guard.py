"""What a connection may cost before any call is read: its head, its patience, its share of connections.

uvicorn's protocol over httptools has no limit of its own for heads, for who sends them slowly, or for who goes on
sending a body that was answered already. This one does. It also drops trailers: a field behind a body would else be
read as a header that no proxy has looked at.
"""

from __future__ import annotations

import asyncio
import secrets
from asyncio.events import TimerHandle
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from yuanlu.web.parts import proxies
from yuanlu.web.parts.answers import Told, refused
from yuanlu.web.parts.problems import Problem

HEAD_WITHIN_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75
LINGER_SECONDS = 5.0
"""How long the rest of a body is taken, and thrown away, after its call was answered."""
READER_SECONDS = 30.0
"""How long an answer may stay where it is before its reader is given up."""
HEADERS_MAX = 64
HEAD_BYTES_MAX = 16 * 1024
URL_BYTES_MAX = 8 * 1024
SLACK_BYTES_MAX = 256 * 1024
"""Bytes of a body's frame (chunk sizes, extensions, trailers) beyond a fair share of its contents."""
PER_ADDRESS_MAX = 1024
"""Connections of one address at once; a listed proxy has as many as there are."""


class _TooMuch(Exception):  # it only leaves the parser, which makes an HttpParserError of it
    pass


class Guard(HttpToolsProtocol):
    """One connection. `guarded` makes the class that a server uses."""

    houses: ClassVar[Counter[str]]
    trusted: ClassVar[Sequence[proxies.Network]] = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._in_head = True
        self._begun = False
        self._raw = self._body = self._head = 0
        self._no = Problem("request.not_http")
        self._timer: TimerHandle | None = None
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        self._house = proxies.household(peer)
        self.houses[self._house] += 1
        if self.houses[self._house] > PER_ADDRESS_MAX and not proxies.is_listed(peer, self.trusted):
            transport.abort()
            return
        self._owe(HEAD_WITHIN_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle()
        self.houses[self._house] -= 1
        if not self.houses[self._house]:
            del self.houses[self._house]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._raw += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            if self._raw > HEAD_BYTES_MAX + URL_BYTES_MAX:
                self._refuse(Problem("request.head_too_large", {"limit_bytes": HEAD_BYTES_MAX}))
            elif self._timer is None and (self._raw or self._begun):
                self._owe(HEAD_WITHIN_SECONDS)
        elif self._raw > SLACK_BYTES_MAX + 16 * self._body:
            self.transport.close()

    # --- what the parser tells ---

    def on_message_begin(self) -> None:
        self._begun, self._head, self._body = True, 0, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > URL_BYTES_MAX:
            self._no = Problem("request.target_too_long", {"limit_bytes": URL_BYTES_MAX})
            raise _TooMuch

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return
        super().on_header(name, value)
        self._head += len(name) + len(value) + 4
        if len(self.headers) > HEADERS_MAX or self._head > HEAD_BYTES_MAX:
            self._no = Problem("request.head_too_large", {"limit_bytes": HEAD_BYTES_MAX})
            raise _TooMuch

    def on_headers_complete(self) -> None:
        self._in_head = self._begun = False
        self._raw = 0
        self._settle()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_head = True
        self._raw = 0
        self._settle()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head:
            self._owe(LINGER_SECONDS)
        waiting = self.transport.get_write_buffer_size()
        if waiting:
            self.loop.call_later(READER_SECONDS, self._look_at_reader, waiting)

    # --- patience ---

    def _owe(self, seconds: float) -> None:
        self._settle()
        self._timer = self.loop.call_later(seconds, self._late)

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._is_answering():
            self._owe(HEAD_WITHIN_SECONDS)  # they wait for us, not we for them
        elif self._in_head and (self._raw or self._begun):
            self._refuse(Problem("request.too_slow", {"seconds": int(HEAD_WITHIN_SECONDS)}))
        else:
            self.transport.close()

    def _look_at_reader(self, before: int) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting >= before > 0:
            self.transport.abort()
        elif waiting:
            self.loop.call_later(READER_SECONDS, self._look_at_reader, waiting)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # --- no ---

    def send_400_response(self, msg: str) -> None:
        """What uvicorn says to bytes that are no HTTP: here it is a problem like any other."""
        self._refuse(self._no)

    def _refuse(self, problem: Problem) -> None:
        if not self._is_answering():  # else it would stand in the middle of another answer
            told = refused(problem, secrets.token_hex(8), dict(self.headers or ()), connection="close")
            self.transport.write(_as_bytes(told))
        self.transport.close()


def _as_bytes(told: Told) -> bytes:
    headers = {**told.headers, "x-content-type-options": "nosniff", "cache-control": "no-store"}
    lines = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items())
    return STATUS_LINE[told.status] + lines + b"\r\n" + told.body


def guarded(trusted: Sequence[proxies.Network]) -> type[Guard]:
    """The protocol of one server, which counts its own connections."""
    members: dict[str, Any] = {"houses": Counter(), "trusted": trusted}
    return type("Guarded", (Guard,), members)
