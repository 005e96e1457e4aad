"""The driver: takes a step outside, and turns whatever happens into an `Outcome`.

It alone opens connections (`lines.py`): kept alive, with a limit of calls at once for each channel and a deadline on
every call; nothing outside can make it raise. What went wrong *before* a byte was sent is a clear "not now"; whatever
goes wrong after is UNKNOWN, and so is everything that goes wrong with a question. Nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

from yuanlu import ids
from yuanlu.channels import evidence, wire
from yuanlu.channels.checking import Answered, Checker, Finding, Verdict, verdict
from yuanlu.channels.contract import (
    REMOTE,
    Call,
    Callback,
    Channel,
    Codec,
    ComplaintStep,
    Errand,
    Handed,
    Heard,
    Matter,
    Operation,
    Outcome,
    Reason,
    Reply,
    StatementStep,
    Step,
    Word,
)
from yuanlu.channels.lines import Lines, Silence
from yuanlu.clock import Clock, SystemClock
from yuanlu.errors import Denied

DEADLINES: Mapping[Operation | Matter | Errand, float] = {
    Operation.PAY: 20.0,
    Matter.UPLOAD: 30.0,
    Matter.FETCH: 30.0,
    Errand.FETCH: 120.0,
}
"""Seconds. A payment may take long at the payer's bank, an image or a statement on the line; all others have the
driver's usual deadline."""
UNWRITTEN = {
    "channel.keys_missing": "the channel's keys could not be fetched",
    "channel.notify_url_missing": "nobody said how the channel reaches us",
}
"""Why a request could not be written: nothing was sent."""


class Driver:
    """Calls the channels. Use it as `async with Driver() as driver`, or `open` and `close` it."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
        deadline: float = 10.0,
        deadlines: Mapping[Operation | Matter | Errand, float] = DEADLINES,
        connect_within: float = 3.0,
        calls_at_once: int = 64,
    ) -> None:
        self._clock = clock or SystemClock()
        self._nonce = nonce
        self._deadline = deadline
        self._deadlines = deadlines
        self._lines = Lines(connect_within=connect_within)
        self._calls_at_once = calls_at_once
        self._turns: dict[Channel, asyncio.Semaphore] = {}
        self._newer: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._fetching: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()
        self._fetches: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    async def open(self) -> None:
        self._turns = {channel: asyncio.Semaphore(self._calls_at_once) for channel in REMOTE}

    async def close(self) -> None:
        self._lines.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def ask(self, step: Step, codec: Codec, keys: Any) -> Outcome:
        """Take a step outside. Never raises for trouble outside.

        Law: an outcome always comes with its evidence.
        """
        started = perf_counter()
        try:
            call = self._written(step, codec, await self.fresh(codec, keys))
            reply = await self._turn(step, call)
        except Silence as silence:
            return self._silent(step, silence, _since(started))
        newest = await self.fresh(codec, keys, reply)
        now = self._clock.now()
        outcome = codec.hear(step, reply, newest, now)
        return replace(outcome, evidence=evidence.of_answer(step, reply, now, _since(started)))

    async def ask_complaint(self, step: ComplaintStep, codec: Codec, keys: Any) -> Heard:
        """Take a step about complaints outside: as `ask`, with the same laws. Its evidence is free of personal text."""
        started = perf_counter()
        try:
            call = self._written(step, codec, await self.fresh(codec, keys))
            reply = await self._turn(step, call)
        except Silence as silence:
            silent = self._silent(step, silence, _since(started))
            return Heard(word=silent.word, reason=silent.reason, code=silent.code, evidence=silent.evidence)
        newest = await self.fresh(codec, keys, reply)
        now = self._clock.now()
        heard = codec.hear_complaint(step, reply, newest, now)
        return replace(heard, evidence=evidence.of_complaint(step, reply, now, _since(started)))

    async def ask_statement(self, step: StatementStep, codec: Codec, keys: Any) -> Handed:
        """Take a step about statements outside: as `ask`, with the same laws. Its evidence is free of what is in it."""
        started = perf_counter()
        try:
            call = self._written(step, codec, await self.fresh(codec, keys))
            reply = await self._turn(step, call)
        except Silence as silence:
            silent = self._silent(step, silence, _since(started))
            return Handed(word=silent.word, code=silent.code, evidence=silent.evidence)
        newest = await self.fresh(codec, keys, reply)
        now = self._clock.now()
        handed = await asyncio.to_thread(codec.hear_statement, step, reply, newest, now)  # hashes and unpacks
        return replace(handed, evidence=evidence.of_statement(step, reply, now, _since(started)))

    async def check(self, checker: Checker, given: Mapping[str, str], keys: Any) -> list[Finding]:
        """Ask a channel what tells whether these keys are right, until one is found wrong or nothing is heard.

        Nothing is moved, and nothing that is asked about exists. Never raises for trouble outside.
        """
        now, number = self._clock.now(), ids.new(ids.Kind.PAYMENT)
        heard: list[Answered] = []
        found: list[Finding] = []
        for call in checker.ask(keys, now, self._nonce()[:30], number):
            try:
                heard.append(await self._lines.call(call, self._deadline))
            except Silence as silence:
                heard.append(silence.code)
            found = checker.judge(given, keys, heard, now)
            if verdict(found) is not Verdict.WELL:
                break
        return found

    async def fresh(self, codec: Codec, keys: Any, heard: Reply | Callback | None = None) -> Any:
        """The newest of these keys, fetched where the channel's keys age. Before `overhear`, hand in the callback.

        Law: who waits while another fetches takes what came of that, nothing included: nobody waits for two fetches.
        """
        if codec.keeper is None:
            return keys
        newest = self._newer.get(keys, keys)
        if codec.keeper.need(newest, self._clock.now(), "", heard) is None:
            return newest
        fetches = self._fetches.get(keys, 0)
        async with self._fetching.setdefault(keys, asyncio.Lock()):
            newest = self._newer.get(keys, keys)
            call = codec.keeper.need(newest, self._clock.now(), self._nonce(), heard)
            if call is None or self._fetches.get(keys, 0) != fetches:
                return newest
            try:
                reply = await self._lines.call(call, self._deadline)
                self._newer[keys] = codec.keeper.keep(newest, reply, self._clock.now())
            except Silence:
                pass
            self._fetches[keys] = fetches + 1  # not when we are cancelled: then the next one fetches
        return self._newer.get(keys, keys)

    def _written(self, step: Step | ComplaintStep | StatementStep, codec: Codec, keys: Any) -> Call:
        """The request; a silence where it cannot be written before the channel's keys could be fetched."""
        match step:
            case Step():
                write: Callable[..., Call] = codec.ask
            case StatementStep():
                write = codec.ask_statement
            case ComplaintStep():
                write = codec.ask_complaint
        try:
            return write(step, keys, self._clock.now(), self._nonce())
        except Denied as denied:
            if denied.code not in UNWRITTEN:
                raise
            raise Silence(wire.CONNECT_FAILED, sent=False, why=UNWRITTEN[denied.code]) from None

    async def _turn(self, step: Step | ComplaintStep | StatementStep, call: Call) -> Reply:
        """Wait for a free line, then call; both within the deadline."""
        deadline = self._deadlines.get(step.operation, self._deadline)
        turn = self._turns[step.channel]
        if turn.locked():
            started = perf_counter()
            await self._waited(turn, deadline)
            deadline = max(deadline - (perf_counter() - started), 0.05)
        else:
            await turn.acquire()  # a line is free: nothing is waited for
        try:
            return await self._lines.call(call, deadline)
        finally:
            turn.release()

    async def _waited(self, turn: asyncio.Semaphore, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline):
                await turn.acquire()
        except TimeoutError:
            raise Silence(wire.CONNECT_FAILED, sent=False, why="no free line within the deadline") from None

    def _silent(self, step: Step | ComplaintStep | StatementStep, silence: Silence, took_ms: int) -> Outcome:
        deferred = step.sends and not silence.sent
        return Outcome(
            word=Word.DEFERRED if deferred else Word.UNKNOWN,
            reason=Reason.UNREACHABLE if deferred else None,
            code=silence.code,
            evidence=evidence.of_silence(step, silence.why, self._clock.now(), took_ms),
        )


def _since(started: float) -> int:
    return int((perf_counter() - started) * 1000)
