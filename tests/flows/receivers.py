"""Receivers of notices on loopback that do what the test tells them: take, refuse, hang, break off, redirect."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec


@dataclass(frozen=True)
class Got:
    """One request as it came, and what was done with it."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    act: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> Any:
        return msgspec.json.decode(self.body)


FAULTS = ("500", "404", "429", "hang", "half", "reset", "lost", "redirect")
"""`lost`: the letter was taken in, but the answer never came. `half`: an answer breaks off in its body."""


@dataclass
class Receiver:
    """An endpoint; `acts` are done in turn, then `usual` for ever."""

    port: int = 0
    usual: str = "200"
    acts: deque[str] = field(default_factory=deque)
    got: list[Got] = field(default_factory=list)
    answer: bytes = b"ok"
    on_get: Callable[[Got], Any] | None = None
    open: int = 0
    open_max: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Got]:
        """What a receiver has really taken in, repeats among it."""
        return [each for each in self.got if each.act in {"200", "lost", "half"}]

    @property
    def once(self) -> list[Got]:
        """What it has taken in, each id once, in the order of their first coming."""
        return list({each.id: each for each in reversed(self.taken)}.values())[::-1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            act = self.acts.popleft() if self.acts else self.usual
            got = Got(head[0].split(" ")[1], headers, body, act)
            self.got.append(got)
            if self.on_get is not None:
                await self.on_get(got)
            self.open += 1
            self.open_max = max(self.open_max, self.open)
            try:
                await self._do(act, writer)
            finally:
                self.open -= 1
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            with suppress(OSError):
                writer.close()

    async def _do(self, act: str, writer: asyncio.StreamWriter) -> None:
        if act == "hang":
            await asyncio.sleep(5)
        elif act in {"reset", "lost"}:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: the connection is reset
            writer.transport.abort()
        elif act == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            await writer.drain()
        elif act == "slow":
            await asyncio.sleep(0.2)
            await self._say(writer, "200")
        else:
            await self._say(writer, act)

    async def _say(self, writer: asyncio.StreamWriter, act: str) -> None:
        status, extra = ("302", f"location: {self.url}/elsewhere\r\n") if act == "redirect" else (act, "")
        if act == "429":
            extra = "retry-after: 900\r\n"
        head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(self.answer)}\r\nconnection: close\r\n{extra}\r\n"
        writer.write(head.encode() + self.answer)
        await writer.drain()


@asynccontextmanager
async def receiving(usual: str = "200", **how: Any) -> AsyncIterator[Receiver]:
    """A receiver, until the block ends."""
    receiver = Receiver(usual=usual, **how)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
