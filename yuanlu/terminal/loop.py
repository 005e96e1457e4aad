"""The event loop of a command: from its first step to its end, or to Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
    """Run on the fast loop, to the end or until Ctrl-C or SIGTERM (None): then what was opened is closed in order."""

    async def whole() -> T | None:
        task = asyncio.current_task()
        assert task is not None
        told: list[signal.Signals] = []

        def stop(name: signal.Signals) -> None:
            if not told:  # a second Ctrl-C must not break off the closing, which has its own deadlines
                told.append(name)
                task.cancel()

        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, stop, name)
        try:
            return await main()
        except asyncio.CancelledError:
            if not told:
                raise
            return None

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())
