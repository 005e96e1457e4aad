"""Where files are made anew: a child process a file, bounded in number, seconds and memory.

A child and not a thread: a decoder in C that crashes, spins or eats memory on hostile bytes cannot be stopped inside
our process, and would take the service with it. What the child does is in `remaking.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

from yuanlu.errors import Denied
from yuanlu.evidence import remaking
from yuanlu.evidence.rules import Limits, Media, Remade

AT_ONCE = 2
GRACE_SECONDS = 5
"""Seconds a child has beside its CPU time: to start, and to be waited for on a busy machine."""
_KEPT_TIMES = 3
"""How many times as large as what came in what is kept may be."""
_KILLED_BY_LIMIT = (-24, -9)
"""SIGXCPU, and what the kernel sends when memory is at its end."""


class Workshop:
    """Makes files anew, so many at once."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._room = asyncio.Semaphore(AT_ONCE)

    async def remade(self, content: bytes, media: Media) -> Remade:
        """The file made anew from what can be seen of it.

        Raises Denied: file.damaged, file.bomb, file.too_large, file.too_many_pixels, file.too_many_pages, file.moving,
        file.locked.
        """
        async with self._room:
            code, out = await self._child(content, media)
        if code in _KILLED_BY_LIMIT:
            raise Denied("file.bomb")
        head, _, body = out.partition(b"\n")
        if code != 0 or not head.startswith(b"{"):
            raise Denied("file.damaged")
        told = json.loads(head)
        if "no" in told:
            _refuse(told)
        return Remade(
            media=Media(told["media"]),
            width=told["width"],
            height=told["height"],
            pages=told["pages"],
            stripped=tuple(told["stripped"]),
            searched_pages=told["searched_pages"],
            masked=tuple(told["masked"]),
            content=body,
        )

    async def _child(self, content: bytes, media: Media) -> tuple[int, bytes]:
        """Run the program on these bytes; answers its exit code and what it wrote."""
        limits = self.limits
        asked = {
            "kind": media.value,
            "pixels_max": limits.pixels_max,
            "pages_max": limits.pages_max,
            "bytes_max": limits.bytes_max * _KEPT_TIMES,
            "seconds_max": limits.seconds_max,
            "memory_max": limits.memory_max,
            "read_seconds": limits.read_seconds,
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-X", "utf8", str(Path(remaking.__file__)), json.dumps(asked),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env={}, cwd="/", start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(limits.seconds_max + limits.read_seconds + GRACE_SECONDS):
                out, _ = await child.communicate(content)
        except TimeoutError:
            raise Denied("file.bomb") from None
        finally:
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # and the reader that it may have started
                await child.wait()
        assert child.returncode is not None
        return child.returncode, out


def _refuse(told: dict[str, object]) -> None:
    """Say no in our words, with the figures that go with it."""
    match told["no"]:
        case "file.too_many_pixels":
            raise Denied("file.too_many_pixels", pixels_max=told["pixels_max"])
        case "file.too_many_pages":
            raise Denied("file.too_many_pages", pages=told["pages"], pages_max=told["pages_max"])
        case "file.too_large":
            raise Denied("file.too_large", limit_bytes=told["limit_bytes"])
        case "file.moving":
            raise Denied("file.moving")
        case "file.locked":
            raise Denied("file.locked")
        case "file.bomb":
            raise Denied("file.bomb")
        case _:
            raise Denied("file.damaged")
