"""A server that misbehaves on purpose: whatever it is asked, it answers as it is told to, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


def raw(status: str, body: bytes = b"", headers: str = "", *, length: int | None = None) -> Behaviour:
    """An answer; `length` may promise more than `body` keeps."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        promised = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {promised}\r\n{headers}\r\n".encode() + body)
        await writer.drain()
        if promised != len(body):
            writer.close()

    return behave


async def nothing(writer: asyncio.StreamWriter) -> None:
    """Silence, for longer than any test waits."""
    await asyncio.sleep(60)


async def drips(writer: asyncio.StreamWriter) -> None:
    """A body that never ends, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def resets(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def babbles(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ready\r\n\r\n")
    await writer.drain()


async def pours(writer: asyncio.StreamWriter) -> None:
    """More than any answer may hold, without saying how much."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


BEHAVIOURS: Mapping[str, tuple[Behaviour, str]] = {
    "says nothing": (nothing, "client.timeout"),
    "drips": (drips, "client.timeout"),
    "resets": (resets, "client.reset"),
    "hangs up": (hangs_up, "client.reset"),
    "sends half a body": (raw("200 OK", b'{"half', length=100), "client.malformed_body"),
    "is no web server": (babbles, "client.malformed_body"),
    "pours": (pours, "client.malformed_body"),
    "sends too much": (raw("200 OK", b"x" * (1024 * 1024 + 1)), "client.malformed_body"),
    "sends elsewhere": (raw("302 Found", b"", "Location: /elsewhere\r\n"), "client.malformed_body"),
    "sends elsewhere for good": (
        raw("308 Permanent Redirect", b"", "Location: /elsewhere\r\n"),
        "client.malformed_body",
    ),
    "fails": (raw("500 Internal Server Error", b"oops"), "client.http_5xx"),
    "is a bad gateway": (raw("502 Bad Gateway", b"<html>"), "client.http_502"),
    "is too busy": (raw("503 Service Unavailable"), "client.http_503"),
}
"""What it does, and the code under which we hear it."""


class Rogue:
    """The server. `asked` keeps each request whole, as text; `connections` counts."""

    def __init__(self, behave: Behaviour, *, then: Behaviour | None = None) -> None:
        self._behave = behave
        self._then = then or behave
        self.asked: list[str] = []
        self.connections = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Rogue:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        behave = self._behave
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                sizes = [line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
                body = await reader.readexactly(int(sizes[0]) if sizes else 0)
                self.asked.append(head + body.decode())
                await behave(writer)
                behave = self._then
        writer.transport.abort()
