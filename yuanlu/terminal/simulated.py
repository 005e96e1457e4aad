"""A whole shop on the simulated providers, on this machine: what the demo and practice at tills stand on.

Service and worker run in this process; the simulated providers have a server of their own, so that every word between
a till, yuanlu and the providers goes over HTTP on loopback.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from yuanlu.app import App, running
from yuanlu.clock import SystemClock
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.sim import Sim
from yuanlu.terminal import services, verbs


@dataclass(frozen=True, slots=True)
class Shop:
    """A shop that is answered and worked for. `address`: its service's, as people write it; `told`: by `import_sim`."""

    app: App
    sim: Sim
    address: str
    told: dict[str, Any]

    @property
    def merchant_id(self) -> str:
        return str(self.told["merchant_id"])


@asynccontextmanager
async def shop(
    settings: Settings, database: Database, *, name: str, actor: str, seed: int, clock: SystemClock
) -> AsyncIterator[Shop]:
    """Build it up on free ports, for one new merchant; and take it down again. `actor`: whom its key names."""
    place = settings.state / "sim"
    async with (
        Sim(place, seed=seed, clock=SystemClock()) as sim,
        running(settings, database, clock=clock) as app,
    ):
        told = await verbs.import_sim(app, place / "sim.json", name, actor)
        async with services.answering(app, "127.0.0.1", 0) as (address, _):
            app.settings = replace(settings, public_url=numbered(address))  # the providers call back from now on
            async with services.working(app):
                yield Shop(app, sim, address, told)


def numbered(address: str) -> str:
    """The address as it is called: `localhost` may mean IPv6 first, where nobody listens."""
    return address.replace("localhost", "127.0.0.1")
