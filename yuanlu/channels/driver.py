"""The driver: takes a step outside, and turns whatever happens into an `Outcome`.

It alone opens connections. One session, kept alive, with a limit of calls at once for each channel and a deadline on
every call; nothing outside can make it raise. What went wrong *before* a byte was sent is a clear "not now"; whatever
goes wrong after is UNKNOWN, and so is everything that goes wrong with a question.

Nothing is sent twice: aiohttp repeats only idempotent methods (GET: our questions) when a connection breaks before an
answer, and redirects are not followed.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import perf_counter
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

import aiohttp
from yarl import URL

from yuanlu.channels import evidence, wire
from yuanlu.channels.contract import (
    Call,
    Callback,
    Channel,
    Codec,
    Operation,
    Outcome,
    Reason,
    Reply,
    Step,
    Word,
)
from yuanlu.clock import Clock, SystemClock
from yuanlu.errors import Denied

BODY_MAX = 1024 * 1024
"""Bytes. No answer of a provider to a step comes near it."""

DEADLINES: Mapping[Operation, float] = {Operation.PAY: 20.0}
"""Seconds. A payment may take long at the payer's bank; all others have the driver's usual deadline."""


class _Silence(Exception):
    """No whole answer came."""

    def __init__(self, code: str, *, sent: bool, why: str) -> None:
        super().__init__(code)
        self.code = code
        self.sent = sent
        self.why = why


class Driver:
    """Calls the channels. Use it as `async with Driver() as driver`, or `open` and `close` it."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        nonce: Callable[[], str] = lambda: secrets.token_hex(16),
        deadline: float = 10.0,
        deadlines: Mapping[Operation, float] = DEADLINES,
        connect_within: float = 3.0,
        calls_at_once: int = 64,
    ) -> None:
        self._clock = clock or SystemClock()
        self._nonce = nonce
        self._deadline = deadline
        self._deadlines = deadlines
        self._connect_within = connect_within
        self._calls_at_once = calls_at_once
        self._session: aiohttp.ClientSession | None = None
        self._turns: dict[Channel, asyncio.Semaphore] = {}
        self._newer: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._fetching: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()
        self._identities: dict[tuple[str, str], ssl.SSLContext] = {}

    async def open(self) -> None:
        self._turns = {channel: asyncio.Semaphore(self._calls_at_once) for channel in Channel}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=len(Channel) * self._calls_at_once + 8),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

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
        except _Silence as silence:
            return self._silent(step, silence, _since(started))
        newest = await self.fresh(codec, keys, reply)
        now = self._clock.now()
        outcome = codec.hear(step, reply, newest, now)
        return replace(outcome, evidence=evidence.of_answer(step, reply, now, _since(started)))

    async def fresh(self, codec: Codec, keys: Any, heard: Reply | Callback | None = None) -> Any:
        """The newest of these keys, fetched where the channel's keys age. Before `overhear`, hand in the callback."""
        if codec.keeper is None:
            return keys
        newest = self._newer.get(keys, keys)
        if codec.keeper.need(newest, self._clock.now(), "", heard) is None:
            return newest
        async with self._fetching.setdefault(keys, asyncio.Lock()):
            newest = self._newer.get(keys, keys)
            call = codec.keeper.need(newest, self._clock.now(), self._nonce(), heard)
            if call is None:
                return newest
            try:
                reply = await self._call(call, self._deadline)
            except _Silence:
                return newest
            self._newer[keys] = codec.keeper.keep(newest, reply, self._clock.now())
        return self._newer[keys]

    def _written(self, step: Step, codec: Codec, keys: Any) -> Call:
        """The request; a silence where it cannot be written before the channel's keys could be fetched."""
        try:
            return codec.ask(step, keys, self._clock.now(), self._nonce())
        except Denied as denied:
            if denied.code != "channel.keys_missing":
                raise
            raise _Silence(wire.CONNECT_FAILED, sent=False, why="the channel's keys could not be fetched") from None

    async def _turn(self, step: Step, call: Call) -> Reply:
        """Wait for a free line, then call; both within the deadline."""
        deadline = self._deadlines.get(step.operation, self._deadline)
        started = perf_counter()
        turn = self._turns[step.channel]
        try:
            async with asyncio.timeout(deadline):
                await turn.acquire()
        except TimeoutError:
            raise _Silence(wire.CONNECT_FAILED, sent=False, why="no free line within the deadline") from None
        try:
            return await self._call(call, max(deadline - (perf_counter() - started), 0.05))
        finally:
            turn.release()

    async def _call(self, call: Call, deadline: float) -> Reply:
        assert self._session is not None, "the driver is not open"
        # Connecting has its own, shorter limit: whatever runs into the deadline after it may have been sent.
        limits = aiohttp.ClientTimeout(total=deadline, sock_connect=min(self._connect_within, deadline * 0.8))
        try:
            async with self._session.request(
                call.method,
                URL(call.url, encoded=True),
                data=call.body or None,
                headers={**call.headers, "Accept-Encoding": "identity"},
                timeout=limits,
                allow_redirects=False,
                ssl=self._trust(call),
            ) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(status=answer.status, headers=headers, body=await _whole(answer))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as trouble:
            raise _Silence(wire.CONNECT_FAILED, sent=False, why=f"not connected: {type(trouble).__name__}") from None
        except TimeoutError:
            raise _Silence(wire.TIMEOUT, sent=True, why=f"no whole answer within {deadline:.1f} s") from None
        except (aiohttp.ClientPayloadError, aiohttp.ClientResponseError) as trouble:
            raise _Silence(wire.MALFORMED, sent=True, why=f"half an answer: {type(trouble).__name__}") from None
        except (aiohttp.ClientError, OSError) as trouble:
            raise _Silence(wire.RESET, sent=True, why=f"the connection broke: {type(trouble).__name__}") from None

    def _trust(self, call: Call) -> ssl.SSLContext | bool:
        """How to check the other side, and how to show who we are where it asks."""
        if call.identity is None or not call.url.startswith("https://"):
            return True
        if call.identity not in self._identities:
            context = ssl.create_default_context()
            context.load_cert_chain(*call.identity)
            self._identities[call.identity] = context
        return self._identities[call.identity]

    def _silent(self, step: Step, silence: _Silence, took_ms: int) -> Outcome:
        deferred = step.sends and not silence.sent
        return Outcome(
            word=Word.DEFERRED if deferred else Word.UNKNOWN,
            reason=Reason.UNREACHABLE if deferred else None,
            code=silence.code,
            evidence=evidence.of_silence(step, silence.why, self._clock.now(), took_ms),
        )


def _since(started: float) -> int:
    return int((perf_counter() - started) * 1000)


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body, if it is not too large."""
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > BODY_MAX:
            answer.close()
            raise _Silence(wire.MALFORMED, sent=True, why="an answer larger than 1 MiB")
    return bytes(body)
