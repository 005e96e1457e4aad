"""The desk: the only way to the books (`decide`) and to the outside (`ask` a channel, `tell` who asked to know).

These are the seams of the system: every test that crashes, delays or crosses something does it here.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import Protocol, TypeVar

from yuanlu.change import Change, Done, Look, Row, Stay
from yuanlu.channels.contract import ComplaintStep, Handed, Heard, Outcome, StatementStep, Step
from yuanlu.clock import Clock, business_day
from yuanlu.errors import Broken, Busy
from yuanlu.facts import Fact
from yuanlu.lawbook.shelf import Book, Shelf
from yuanlu.lawbook.shelf import read as read_shelf
from yuanlu.letters import Letter, Receipt
from yuanlu.reading import View
from yuanlu.seal import First, Seal, Sealed
from yuanlu.slips import Printing

TRIES = 40
"""How often a decision is tried again because its ground moved; deciders of one object queue after the first time."""

S = TypeVar("S")
R = TypeVar("R", bound=Row)

Rule = Callable[[S, datetime], "Change[R] | Stay[R]"]
Follower = Callable[[Row, Fact, datetime], Sequence[Look]]
"""Told of a fact just before it is recorded; returns whom to wake, in the same commit."""
Followers = Mapping[str, Sequence[Follower]]


class Sees(Protocol):
    """Reads a view."""

    async def see(self, view: View[S]) -> S: ...


class Records(Protocol):
    """Records a change whole, or answers that its ground moved: as `Recorder.record`."""

    async def record(self, change: Change[Row]) -> bool: ...


class Watch(Protocol):
    """Is told what passes over the desk, to count it. It decides nothing and must not fail."""

    def recorded(self, change: Change[Row]) -> None:
        """A change was recorded."""

    def asked(
        self, step: Step | ComplaintStep | StatementStep, outcome: Outcome | Heard | Handed, seconds: float
    ) -> None:
        """A step was taken outside."""


def marked(key: bytes, secret: str) -> str:
    """The keyed hash of a secret. Shape: 32 hex digits."""
    return hmac.new(key, secret.encode(), hashlib.sha256).hexdigest()[:32]


class Desk:
    """What a flow is given: read, decide, record; and ask outside."""

    def __init__(
        self,
        reader: Sees,
        recorder: Records,
        ask: Callable[[Step], Awaitable[Outcome]],
        clock: Clock,
        *,
        mark_key: bytes,
        followers: Followers | None = None,
        seal: Seal | None = None,
        ask_complaint: Callable[[ComplaintStep], Awaitable[Heard]] | None = None,
        ask_statement: Callable[[StatementStep], Awaitable[Handed]] | None = None,
        tell: Callable[[Letter], Awaitable[Receipt]] | None = None,
        shelf: Shelf | None = None,
        printing: Printing | None = None,
        mails: bool = False,
    ) -> None:
        self.clock = clock
        self.mails = mails
        """Whether this installation can send e-mail: a wish that cannot be met is refused, not kept."""
        self.shelf = shelf or read_shelf()
        self._mark_key = mark_key
        self._reader = reader
        self._recorder = recorder
        self._ask = ask
        self._followers = followers or {}
        self._seal = seal
        self._ask_complaint = ask_complaint
        self._ask_statement = ask_statement
        self._tell = tell
        self._printing = printing
        self._queues: dict[tuple[str, str], _Queue] = {}
        self.watch: Watch | None = None

    def mark(self, secret: str) -> str:
        """The keyed hash under which we remember a secret that we do not keep (a payment code, a card number)."""
        return marked(self._mark_key, secret)

    def book(self, at: datetime) -> Book:
        """The rules with a date (law, working days, promises) that count at this moment."""
        return self.shelf.on(business_day(at))

    async def sealed(self, merchant_id: str, subject: str) -> Sealed:
        """What seals and opens the personal text of a subject.

        Raises Broken where this installation was put together without a seal.
        """
        if self._seal is None:
            raise Broken("there is no seal")
        return await self._seal.of(merchant_id, subject, self.clock.now())

    async def forget(self, merchant_id: str, subject: str, first: First) -> bool:
        """Make everything sealed for a subject unreadable, for good; answers whether it was readable until now.

        `first` looks, in the same transaction, whether that may be: as `Seal.forget_all`. Raises Broken where this
        installation was put together without a seal.
        """
        if self._seal is None:
            raise Broken("there is no seal")
        return bool(await self._seal.forget_all(merchant_id, [subject], self.clock.now(), first=first))

    async def see(self, view: View[S]) -> S:
        """Read, and decide nothing."""
        return await self._reader.see(view)

    async def decide(self, view: View[S], rule: Rule[S, R]) -> Done[R]:
        """Read the view, let the rule decide, record what it decided.

        The rule may run several times: it is given what is true at that moment. Raises what the rule raises, and
        Busy when the books cannot be reached or the object is too contended.
        """
        done = await self._believing(view, rule) or await self._once(view, rule)
        if isinstance(done, Done):
            return done
        async with self._queued(done):
            for attempt in range(TRIES):
                again = await self._once(view, rule)
                if isinstance(again, Done):
                    return again
                await asyncio.sleep(min(0.001 * 2**attempt, 0.25))
        raise Busy("decide.contended")

    async def ask(self, step: Step) -> Outcome:
        """Take a step outside. Never raises for trouble outside: that is an outcome too."""
        started, asked_at = perf_counter(), self.clock.now()
        outcome = replace(await self._ask(step), asked_at=asked_at)
        if self.watch is not None:
            self.watch.asked(step, outcome, perf_counter() - started)
        return outcome

    async def ask_complaint(self, step: ComplaintStep) -> Heard:
        """Take a step about complaints outside: as `ask`."""
        if self._ask_complaint is None:
            raise Broken("nobody here speaks about complaints")
        started, asked_at = perf_counter(), self.clock.now()
        heard = replace(await self._ask_complaint(step), asked_at=asked_at)
        if self.watch is not None:
            self.watch.asked(step, heard, perf_counter() - started)
        return heard

    async def ask_statement(self, step: StatementStep) -> Handed:
        """Take a step about statements outside: as `ask`."""
        if self._ask_statement is None:
            raise Broken("nobody here asks for statements")
        started, asked_at = perf_counter(), self.clock.now()
        handed = replace(await self._ask_statement(step), asked_at=asked_at)
        if self.watch is not None:
            self.watch.asked(step, handed, perf_counter() - started)
        return handed

    async def tell(self, letter: Letter) -> Receipt:
        """Tell somebody outside who asked to know. Never raises for trouble outside: that is a receipt too.

        Raises Broken where this installation was put together without a post.
        """
        if self._tell is None:
            raise Broken("there is no post")
        return await self._tell(letter)

    @property
    def printing(self) -> Printing:
        """How slips are printed, and where their pages are.

        Raises Broken where this installation was put together without printing.
        """
        if self._printing is None:
            raise Broken("nobody here prints")
        return self._printing

    async def _believing(self, view: View[S], rule: Rule[S, R]) -> Done[R] | None:
        """Decide on what we believe is there, without a read: the version tells whether it was."""
        if view.believed is None:
            return None
        decision = rule(view.believed, self.clock.now())
        done = await self._recorded(decision) if isinstance(decision, Change) else None
        return done if isinstance(done, Done) else None

    async def _once(self, view: View[S], rule: Rule[S, R]) -> Done[R] | tuple[str, str]:
        seen = await self._reader.see(view)
        decision = rule(seen, self.clock.now())
        if isinstance(decision, Stay):
            return Done(decision.row, decision.step)
        return await self._recorded(decision)

    async def _recorded(self, decision: Change[R]) -> Done[R] | tuple[str, str]:
        change = self._followed(decision)
        if await self._recorder.record(change):
            if self.watch is not None:
                self.watch.recorded(change)
            return Done(decision.row, decision.step, changed=True)
        return decision.row.key

    def _followed(self, change: Change[R]) -> Change[R]:
        looks = [
            look
            for fact in change.facts
            for follower in self._followers.get(fact.kind, ())
            for look in follower(change.row, fact, change.at)
        ]
        return replace(change, looks=(*change.looks, *looks)) if looks else change

    @asynccontextmanager
    async def _queued(self, key: tuple[str, str]) -> AsyncIterator[None]:
        """Deciders of one object in this process go one by one after the first stale."""
        queue = self._queues.setdefault(key, _Queue())
        queue.length += 1
        try:
            async with queue.lock:
                yield
        finally:
            queue.length -= 1
            if not queue.length:
                self._queues.pop(key, None)


class _Queue:
    __slots__ = ("length", "lock")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.length = 0
