"""The stage of a story: a shop on the simulated providers, with a time that can be stepped in both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from yuanlu import db
from yuanlu.app import App
from yuanlu.clock import SystemClock
from yuanlu.config import Settings
from yuanlu.demo.people import Told, Wire
from yuanlu.demo.timeline import Timeline
from yuanlu.sim import Sim
from yuanlu.terminal import simulated, verbs
from yuanlu.terminal.screen import Screen

STEP = timedelta(seconds=5)
"""Time is stepped by so much at most: news of the providers then comes close to its own moment."""
STEPS_MAX = 400
SETTLE_WITHIN = 20.0
ACTORS = ("cashier", "finance", "manager", "owner")
"""The first acts through the till's own key, and carries what customers say; the others are staff."""

S = TypeVar("S")

_WAITING = """
select count(*) filter (where run_at <= $2) as due, min(run_at) filter (where run_at > $2) as next_at
from jobs where merchant_id = any($1)
"""


class WentWrong(Exception):
    """A story did not go as it must."""


@dataclass
class Stage:
    """What a story is given. `payments` are the ids of all it charged: their timelines are read.

    `merchants` and `worlds` are those of every shop on stage: time passes in all of them.
    """

    app: App
    clock: SystemClock
    merchant_id: str
    till_ids: tuple[str, ...]
    keys: dict[str, str]
    cashier: Wire
    finance: Wire
    manager: Wire
    owner: Wire
    sim: Wire
    codes: dict[str, str]
    timeline: Timeline
    service_address: str
    sim_address: str
    seed: int
    stack: AsyncExitStack
    merchants: list[str]
    worlds: list[Wire]
    payments: list[str] = field(default_factory=list)

    def tell(self, who: str, zh: str, en: str, evidence: str = "") -> None:
        """Somebody did something."""
        self.timeline.tell(who, zh, en, evidence)

    def expect(self, holds: bool, what: str) -> None:
        """Raises WentWrong when it does not hold."""
        if not holds:
            raise WentWrong(what)

    async def catch_up(self) -> None:
        """Write down what yuanlu did meanwhile."""
        for payment_id in self.payments:
            await self.timeline.catch_up(self.cashier, payment_id)

    async def neighbour(self, name: str) -> Stage:
        """Another shop of this installation, with a manager and accounts at the providers of its own."""
        place = self.app.settings.state / f"sim{len(self.worlds) + 1}"
        sim = await self.stack.enter_async_context(Sim(place, seed=self.seed + len(self.worlds), clock=SystemClock()))
        shop = await verbs.import_sim(self.app, place / "sim.json", name, ACTORS[0])
        hired = await verbs.staff_added(
            verbs.Counter(self.app, shop["merchant_id"], timedelta()), "manager", f"{name} (demo 演示)", ""
        )
        self.timeline.names[hired["id"]] = "neighbour"
        manager = await self.stack.enter_async_context(Wire(self.cashier.base_url, hired["api_key"]))
        cashier = await self.stack.enter_async_context(Wire(self.cashier.base_url, str(shop["api_key"])))
        steering = await self.stack.enter_async_context(Wire(sim.base_url))
        self.merchants.append(shop["merchant_id"])
        self.worlds.append(steering)
        return replace(
            self,
            merchant_id=shop["merchant_id"],
            till_ids=tuple(till["id"] for till in shop["tills"]),
            cashier=cashier,
            manager=manager,
            sim=steering,
            codes=sim.describe()["payer_codes"],
            payments=[],
        )

    async def until(self, look: Callable[[], Awaitable[S]], is_so: Callable[[S], bool], what: str) -> S:
        """Let time pass, step by step, until something is so.

        Raises WentWrong when it does not come about in half an hour.
        """
        passed = timedelta()
        for _ in range(STEPS_MAX):
            next_at = await self._settled()
            seen = await look()
            await self.catch_up()
            if is_so(seen):
                return seen
            passed += await self._step(next_at)
        raise WentWrong(f"{what}: still not so after {passed}")

    async def leap(self, span: timedelta) -> None:
        """Let a long time pass at once, and all that was due in it be done."""
        for world in self.worlds:
            await world.post("/_sim/clock", advance_seconds=span.total_seconds())
        self.clock.step(span)
        self.timeline.passed(span.total_seconds())
        await self._settled()
        await self.catch_up()

    async def _settled(self) -> datetime | None:
        """Wait until the worker has done all that is due; answers when something is due next."""
        async with asyncio.timeout(SETTLE_WITHIN):
            while True:
                row = await self.app.pools.recorder.fetchrow(_WAITING, self.merchants, self.clock.now())
                if not row["due"]:
                    at: datetime | None = row["next_at"]
                    return at
                await asyncio.sleep(0.01)

    async def _step(self, next_at: datetime | None) -> timedelta:
        """Step both clocks: to the next thing due, never by much. The world goes first, as it does."""
        span = STEP if next_at is None else min(STEP, max(next_at - self.clock.now(), timedelta(seconds=0.01)))
        for world in self.worlds:
            await world.post("/_sim/clock", advance_seconds=span.total_seconds())
        self.clock.step(span)
        self.timeline.passed(span.total_seconds())
        return span

    async def books(self, wallet: str) -> Told:
        """The provider's books."""
        told: Told = (await self.sim.get("/_sim/books", wallet=wallet, calls=0))[wallet]
        return told


@asynccontextmanager
async def stage(state: Path, seed: int, screen: Screen | None) -> AsyncIterator[Stage]:
    """Build everything up on free ports, for one new merchant; and take it down again."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(db.ground(None, state))
        name = "原路小店 Yuanlu's corner shop"
        shop = await stack.enter_async_context(
            simulated.shop(Settings(state=state), database, name=name, actor=ACTORS[0], seed=seed, clock=clock)
        )
        keys = {ACTORS[0]: str(shop.told["api_key"])}
        names: dict[str, str] = {}
        for actor in ACTORS[1:]:
            hired = await verbs.staff_added(
                verbs.Counter(shop.app, shop.merchant_id, timedelta()), actor, f"{actor} (demo 演示)", ""
            )
            keys[actor], names[hired["id"]] = hired["api_key"], actor
        called = simulated.numbered(shop.address)
        wires = {actor: await stack.enter_async_context(Wire(called, key)) for actor, key in keys.items()}
        steering = await stack.enter_async_context(Wire(shop.sim.base_url))
        timeline = Timeline(screen, clock.now)
        timeline.names = names
        yield Stage(
            app=shop.app,
            clock=clock,
            merchant_id=shop.merchant_id,
            till_ids=tuple(till["id"] for till in shop.told["tills"]),
            keys=keys,
            cashier=wires["cashier"],
            finance=wires["finance"],
            manager=wires["manager"],
            owner=wires["owner"],
            sim=steering,
            codes=shop.sim.describe()["payer_codes"],
            timeline=timeline,
            service_address=shop.address,
            sim_address=shop.sim.base_url.replace("127.0.0.1", "localhost"),
            seed=seed,
            stack=stack,
            merchants=[shop.merchant_id],
            worlds=[steering],
        )
