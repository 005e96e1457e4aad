"""A service or a worker as a process of its own, on a clock that another process may step.

    python -m tests.faults.process serve|work STATE CLOCK PORT

What runs is what `yuanlu serve` and `yuanlu worker` run. `CLOCK` is a file of eight bytes: by how many seconds the
clock is ahead of the machine's.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from yuanlu import db
from yuanlu.app import running
from yuanlu.config import Settings
from yuanlu.terminal.services import answering, working


class SharedClock:
    """The machine's time, ahead by what the file says at this moment."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(struct.pack("d", 0.0))
        with file.open("r+b") as opened:
            self._shared = mmap.mmap(opened.fileno(), 8)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=struct.unpack("d", self._shared[:8])[0])

    def step(self, span: timedelta) -> None:
        """Move the clock of every process that shares it."""
        ahead = struct.unpack("d", self._shared[:8])[0] + span.total_seconds()
        self._shared[:8] = struct.pack("d", ahead)


async def main(role: str, state: Path, clock: Path, port: int) -> None:
    settings = Settings(state=state, port=port, public_url=f"http://127.0.0.1:{port}")
    async with (
        db.ground(None, state) as database,
        running(settings, database, clock=SharedClock(clock)) as app,
    ):
        if role == "work":
            async with working(app) as task:
                print("working", flush=True)
                await asyncio.wait([task])
        else:
            async with answering(app, "127.0.0.1", port) as (address, task):
                print(address, flush=True)
                await task


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
