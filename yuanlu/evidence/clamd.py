"""Asks a clamd whether a file is known to be harmful, where one is set. Optional: making anew is what protects.

Source: clamd(8), INSTREAM: `zINSTREAM\\0`, chunks with their length in 4 bytes (network order), a chunk of length 0;
the answer ends in `OK`, `… FOUND` or `… ERROR`, with a NUL.
"""

from __future__ import annotations

import asyncio
import contextlib

from yuanlu.errors import Denied

CHUNK = 64 * 1024
ANSWER_MAX = 4096
WITHIN_SECONDS = 15.0


async def scan(address: str, content: bytes, *, within_seconds: float = WITHIN_SECONDS) -> None:
    """Let a clamd look at the bytes as they came.

    Shape: `host:port`. Raises Denied: file.infected; file.unscanned when it does not answer with a clear word: where a
    scanner is set, nothing passes unseen. settings.invalid.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise Denied("settings.invalid", name="YUANLU_CLAMD", wants="host:port")
    try:
        async with asyncio.timeout(within_seconds):
            said = await _asked(host.strip("[]"), int(port), content)
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Denied("file.unscanned") from None
    if said.endswith(" FOUND"):
        raise Denied("file.infected", name=said.removesuffix(" FOUND").partition(": ")[2][:80])
    if not said.endswith(": OK"):
        raise Denied("file.unscanned")


async def _asked(host: str, port: int, content: bytes) -> str:
    reader, writer = await asyncio.open_connection(host, port, limit=ANSWER_MAX)
    try:
        writer.write(b"zINSTREAM\0")
        for place in range(0, len(content), CHUNK):
            piece = content[place : place + CHUNK]
            writer.write(len(piece).to_bytes(4, "big") + piece)
            await writer.drain()
        writer.write(b"\0\0\0\0")
        await writer.drain()
        answer = await reader.readuntil(b"\0")
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return answer.rstrip(b"\0").decode("utf-8", "replace").strip()
