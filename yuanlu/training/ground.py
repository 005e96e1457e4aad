"""The practice ground as the service sees it: a process of ours that is started when somebody first practises.

It is a whole installation of its own on simulated providers (`yuanlu.practice`), so nothing that is practised can be in
the books. It ends when we end, and after a while in which nobody practised. Each process of the service has its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec
import structlog
from msgspec import Struct

from yuanlu.channels.contract import Call, Reply
from yuanlu.channels.lines import Lines, Silence
from yuanlu.config import PREFIX, Settings
from yuanlu.errors import Denied

START_WITHIN = 90.0
"""Seconds: the first start on a slow disk makes a cluster of PostgreSQL, and keys for the simulated providers."""
ANSWER_WITHIN = 8.0
"""So long a till is kept waiting while it starts; then it is told to come again."""
SCENE_WITHIN = 20.0
CARRY_WITHIN = 25.0
END_WITHIN = 10.0
IDLE_SECONDS = 900.0
KEYS_MAX = 1000
"""As many tills may be in the midst of a drill."""
LOG_BYTES_MAX = 1 << 20
AGAIN_SECONDS = 10.0
"""One that could not start is not tried again at once."""
_PACKAGE = Path(__file__).resolve().parents[2]

log = structlog.get_logger(__name__)


class Address(Struct, frozen=True, kw_only=True):
    """Where a ground answers: its API, and where scenes are asked for with this token."""

    api: str
    scenes: str
    token: str


class Scene(Struct, frozen=True, kw_only=True):
    """A scene that is set: a till, a key of the cashier at it, and what customers hold out, one after the other.

    `codes`: empty where it is no code of a wallet.
    """

    key: str
    till: str
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    address: Address

    @property
    def is_there(self) -> bool:
        return self.process.poll() is None


class Ground:
    """The practice ground of this process. `words`: what Python runs, with the folder behind."""

    def __init__(self, settings: Settings, words: Sequence[str] = ("-m", "yuanlu.practice")) -> None:
        self._words = words
        self._is_on = bool(settings.practice)
        self._folder = settings.state / "practice"
        self._lines = Lines(connect_within=3.0)
        self._starting: asyncio.Task[_Child] | None = None
        self._child: _Child | None = None
        self._failed_at = -AGAIN_SECONDS
        self._used_at = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self._keys: dict[bytes, None] = {}

    async def scene(self, drill: str) -> Scene:
        """Set the scene of a drill.

        Raises Denied: practice.off, practice.starting, practice.away.
        """
        child = await self._there()
        body = msgspec.json.encode({"drill": drill})
        headers = {"authorization": child.address.token, "content-type": "application/json"}
        reply = await self._asked(
            Call(method="POST", url=f"{child.address.scenes}/scene", headers=headers, body=body), SCENE_WITHIN
        )
        if reply.status != 200:
            log.error("practice.scene", drill=drill, status=reply.status)
            raise Denied("practice.away")
        scene = msgspec.json.decode(reply.body, type=Scene)
        self._keys[_digest(scene.key)] = None
        while len(self._keys) > KEYS_MAX:
            del self._keys[next(iter(self._keys))]
        return scene

    def knows(self, key: str) -> bool:
        """Whether this key was given out with a scene of the ground that is there."""
        return _digest(key) in self._keys

    async def carry(self, method: str, target: str, key: str, body: bytes) -> Reply:
        """Ask the API of the ground. Nothing is started for it: whoever has a key there was given it by `scene`.

        Raises Denied: practice.away.
        """
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        if self._child is None or not self._child.is_there:
            raise Denied("practice.away")
        return await self._asked(
            Call(method=method, url=f"{self._child.address.api}{target}", headers=headers, body=body), CARRY_WITHIN
        )

    async def close(self) -> None:
        """End it, if it is there."""
        if self._idle is not None:
            self._idle.cancel()
        if self._starting is not None:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, Denied):
                await self._starting
        self._lines.close()
        if self._child is not None:
            await asyncio.to_thread(_ended, self._child.process)
        if self._ending is not None:
            await self._ending

    async def _there(self) -> _Child:
        """The ground, started if need be.

        Raises Denied: practice.off, practice.starting, practice.away.
        """
        if not self._is_on:
            raise Denied("practice.off")
        if self._child is not None and self._child.is_there:
            self._starting = None
            return self._child
        if self._starting is None:
            if monotonic() - self._failed_at < AGAIN_SECONDS:
                raise Denied("practice.away")
            self._starting = asyncio.create_task(self._start(), name="practice ground")
        started = self._starting
        await asyncio.wait({started}, timeout=ANSWER_WITHIN)
        if not started.done():
            raise Denied("practice.starting")
        if self._starting is started:
            self._starting = None
        return await started

    async def _start(self) -> _Child:
        self._folder.mkdir(parents=True, exist_ok=True)
        process = await asyncio.to_thread(_started, self._words, self._folder)
        try:
            async with asyncio.timeout(START_WITHIN):
                said = await asyncio.to_thread(_first_line, process)
            address = msgspec.json.decode(said, type=Address)
        except (TimeoutError, msgspec.DecodeError) as trouble:
            process.kill()
            await asyncio.to_thread(_ended, process)
            self._failed_at = monotonic()
            log.error("practice.not_started", why=type(trouble).__name__, log=str(self._folder / "log"))
            raise Denied("practice.away") from trouble
        except asyncio.CancelledError:
            process.kill()
            await asyncio.to_thread(_ended, process)
            raise
        if self._idle is not None:
            self._idle.cancel()
        self._keys.clear()
        self._child = _Child(process, address)
        self._used_at = monotonic()
        self._look_at_idle()
        return self._child

    async def _asked(self, call: Call, within: float) -> Reply:
        self._used_at = monotonic()
        try:
            return await self._lines.call(call, within)
        except Silence as silence:
            log.warning("practice.silent", why=silence.why)
            raise Denied("practice.away") from silence

    def _look_at_idle(self) -> None:
        """Let it go once nobody practised for a while; it is started anew for the next one."""
        child, left = self._child, self._used_at + IDLE_SECONDS - monotonic()
        assert child is not None
        if left > 0:
            self._idle = asyncio.get_running_loop().call_later(left, self._look_at_idle)
            return
        self._child = None
        self._ending = asyncio.create_task(asyncio.to_thread(_ended, child.process), name="practice ground ends")


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _started(words: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start one on this folder: a process of a session of its own, that ends when our end of its stdin is shut.

    It gets none of our settings. A plain pipe, which nothing else that we start inherits: uvloop's might be.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    kept = folder / "log"
    is_long = kept.exists() and kept.stat().st_size > LOG_BYTES_MAX
    with kept.open("wb" if is_long else "ab") as file:
        return subprocess.Popen(
            [sys.executable, *words, str(folder.absolute())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, start_new_session=True, cwd="/",
            env={**own, "PYTHONPATH": os.pathsep.join(filter(None, [str(_PACKAGE), own.get("PYTHONPATH")]))},
        )  # fmt: skip


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Let go of its stdin, which tells it to end; or end it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    try:
        process.wait(END_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
