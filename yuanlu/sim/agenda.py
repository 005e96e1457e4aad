"""What is still to happen in the simulated world, and the clock it happens by.

Things fall due by the sim's clock. It runs with real time; a step moves it forward event by event, so that whatever
falls due on the way happens in order and at its own moment.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

Action = Callable[[], Awaitable[None] | None]


class StepClock(Protocol):
    """A clock that can be moved forward (`SystemClock` and `SetClock` both can)."""

    def now(self) -> datetime: ...

    def step(self, span: timedelta) -> None: ...


class Agenda:
    """Actions by due time; those of one moment in the order they were written down.

    Law: an action runs once, with the clock at or after its due time.
    """

    def __init__(self, clock: StepClock) -> None:
        self.clock = clock
        self._heap: list[tuple[datetime, int, Action]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Future[None]] = set()
        self._stepping = asyncio.Lock()
        self._is_closed = False

    def now(self) -> datetime:
        return self.clock.now()

    def after(self, seconds: float, action: Action) -> None:
        """Write an action down, seconds of sim time from now."""
        due = self.now() + timedelta(seconds=seconds)
        heapq.heappush(self._heap, (due, next(self._order), action))
        if self._heap[0][0] == due:
            self._arm()

    def fire(self) -> None:
        """Run all that is due; what has to wait for others goes on in the background."""
        while self._heap and self._heap[0][0] <= self.now():
            _, _, action = heapq.heappop(self._heap)
            waiting = action()
            if waiting is not None:
                future = asyncio.ensure_future(waiting)
                self._running.add(future)
                future.add_done_callback(self._running.discard)
        self._arm()

    async def advance(self, seconds: float) -> None:
        """Step the clock, from one due moment to the next, letting each be done with before the next."""
        async with self._stepping:
            goal = self.now() + timedelta(seconds=seconds)
            self.fire()
            await self.quiet()  # what is under way may write down more that falls due before the goal
            while self._heap and self._heap[0][0] <= goal:
                self._step_to(self._heap[0][0])
                self.fire()
                await self.quiet()
            self._step_to(goal)
            self.fire()
            await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing that was fired is still under way."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def close(self) -> None:
        """Forget what is still to happen and stop what is under way."""
        self._is_closed = True
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
        for future in list(self._running):
            future.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _step_to(self, at: datetime) -> None:
        span = at - self.now()
        if span > timedelta():
            self.clock.step(span)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap and not self._is_closed:
            wait = max((self._heap[0][0] - self.now()).total_seconds(), 0.0)
            self._timer = asyncio.get_running_loop().call_later(wait + 0.001, self.fire)
