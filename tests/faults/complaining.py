"""A merchant whose payers complain: a service and a worker on real books, both simulated providers, one clock.

`desk` is where a service dies: at the n-th call of a seam, before it, after it, or with the request still on its way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from yuanlu import db, ids
from yuanlu.app import App, running
from yuanlu.channels.contract import REMOTE, Callback, Channel
from yuanlu.clock import SetClock
from yuanlu.complaints import flow, store
from yuanlu.complaints.answers import Answer, AnswerAsk, What
from yuanlu.complaints.rules import Complaint
from yuanlu.config import Settings
from yuanlu.errors import Denied
from yuanlu.jobs import Job
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.sim import complaints as far
from yuanlu.sim.faults import Fault, Kind
from yuanlu.sim.payers import Wallet
from yuanlu.sim.server import Sim
from yuanlu.worker import Worker

T = TypeVar("T")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
ADRIFT = 9.0
"""Seconds a request of a service that died is still on its way."""


class Crash(BaseException):
    """The service is gone."""


class Moment(StrEnum):
    BEFORE = "before"
    AFTER = "after"
    ADRIFT = "adrift"


class DyingDesk:
    """The desk, with the places where the service may die counted."""

    def __init__(self, desk: Any, world: World) -> None:
        self.desk = desk
        self.world = world
        self.calls: list[str] = []
        self.dies: dict[int, Moment] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.desk, name)

    async def decide(self, view: Any, rule: Any) -> Any:
        name = getattr(rule, "func", rule).__name__
        return await self._through(name, 0.0, lambda: self.desk.decide(view, rule))

    async def ask_complaint(self, step: Any) -> Any:
        return await self._through(f"→{step.operation}", ADRIFT, lambda: self.desk.ask_complaint(step))

    async def ask_statement(self, step: Any) -> Any:
        return await self._through(f"→{step.operation}", ADRIFT, lambda: self.desk.ask_statement(step))

    async def _through(self, name: str, adrift: float, go: Callable[[], Awaitable[T]]) -> T:
        self.calls.append(name)
        moment = self.dies.pop(len(self.calls), None)
        if moment is Moment.ADRIFT:
            self.world.later(adrift, go)
        if moment in (Moment.BEFORE, Moment.ADRIFT):
            raise Crash
        done = await go()
        if moment is Moment.AFTER:
            raise Crash
        return done


class Shift(Worker):
    """A worker that goes on when a job's service dies: the lease will end."""

    async def _one(self, job: Job) -> None:
        try:
            await super()._one(job)
        except Crash:
            return


class World:
    """See the top."""

    def __init__(self, app: App, sim: Sim, clock: SetClock, connection: Any) -> None:
        self.app = app
        self.sim = sim
        self.clock = clock
        self.connection = connection
        self.desk: Any = DyingDesk(app.desk, self)
        app.desk = self.desk
        self.shift = Shift(app, concurrency=16)
        self.merchant_id = self.till_id = ""
        self.denied: list[str] = []

    @contextmanager
    def people(self) -> Iterator[None]:
        """What people do meanwhile does not die: they ask again until they are answered."""
        self.app.desk = self.desk.desk
        yield
        self.app.desk = self.desk

    def later(self, seconds: float, go: Callable[[], Awaitable[Any]]) -> None:
        """What was on its way when its service died arrives after all."""

        async def arrives() -> None:
            await go()

        self.sim.agenda.after(seconds, arrives)

    def far(self, channel: Channel) -> far.Complaints:
        """What the provider has."""
        return self.sim.world.complaints[Wallet(channel)]

    async def paid(self, channel: Channel, fen: int = 12800) -> Payment:
        """A payment by code that was paid."""
        ask = ChargeAsk(
            merchant_id=self.merchant_id,
            id=ids.new(ids.Kind.PAYMENT, self.clock.now()),
            till_id=self.till_id,
            amount=Money(fen),
            who="cashier",
            code=self.sim.world.payer_codes[f"{channel}_ok"],
        )
        payment = await payments.request(self.app.desk, ask)
        await self.work()
        return payment

    def complain(self, payment: Payment, text: str = "多扣了钱", **more: Any) -> far.Complaint:
        """The payer complains at the provider."""
        channel = payment.channel
        order = self.sim.world.books[Wallet(channel)].orders[payment.id]
        return self.far(channel).complain(
            order, text, **{"kind": "REFUND", "asked_fen": 4800, "phone": "13800000000", **more}
        )

    def given(self, channel: Channel, body: bytes = PNG) -> str:
        """An image the payer gave to the provider."""
        return self.far(channel).keep("png", body)

    async def watch(self, channel: Channel) -> None:
        await flow.watch(self.app.desk, self.merchant_id, channel, "manager")
        await self.work()

    async def work(self) -> None:
        """Let everything happen that is due now."""
        quiet = 0
        while quiet < 2:
            ran = await self.shift.once()
            await self.sim.agenda.advance(0.0)
            quiet = 0 if ran else quiet + 1

    async def wait(self, seconds: float = 0, **span: float) -> None:
        """Let time pass, everything happening at its moment."""
        goal = self.clock.now() + timedelta(seconds=seconds, **span)
        while True:
            await self.work()
            due = await self.connection.fetchval(
                "select min(greatest(run_at, coalesce(lease_until, run_at))) from jobs"
            )
            if due is None or due >= goal:
                break
            await self.sim.agenda.advance(max((due - self.clock.now()).total_seconds(), 0.001))
        await self.sim.agenda.advance(max((goal - self.clock.now()).total_seconds(), 0.0))
        await self.work()

    async def complaints(self) -> list[Complaint]:
        """All of ours, oldest first."""
        rows = await self.connection.fetch("select * from complaints order by complained_at, id")
        return [store.made(row) for row in rows]

    async def one(self) -> Complaint:
        found = await self.complaints()
        assert len(found) == 1
        return found[0]

    async def answers(self) -> list[Answer]:
        rows = await self.connection.fetch("select * from complaint_answers order by written_at, id")
        return [store.answer_made(row) for row in rows]

    async def facts(self, kind: str) -> list[str]:
        rows = await self.connection.fetch("select body from facts where kind = $1 order by recorded_at", kind)
        return [row["body"] for row in rows]

    async def say(self, complaint: Complaint, what: What, text: str = "", **more: Any) -> Answer:
        """Write an answer down."""
        ask = AnswerAsk(
            merchant_id=self.merchant_id,
            id=more.pop("id", "") or ids.new(ids.Kind.ANSWER, self.clock.now()),
            complaint_id=complaint.id,
            what=what,
            who="manager",
            text=text,
            **more,
        )
        return await flow.request(self.app.desk, ask)

    def trouble(self, kind: str, operation: str, **more: Any) -> None:
        self.sim.world.faults.arm(Fault(0, Kind(kind), operation, **more))

    async def called(self, asked: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        callback = Callback(headers=headers, body=await asked.read())
        try:
            channel = Channel(asked.path.split("/")[-2])
            status, kind, body = await self.app.overhear(channel, self.merchant_id, callback)
        except Denied as no:
            self.denied.append(no.code)
            return web.Response(status=400, text=str(no))
        except Crash:
            return web.Response(status=502)
        return web.Response(status=status, body=body or None, content_type=kind)


@asynccontextmanager
async def opened(database: db.Database, place: Path, *, told: bool = True, seed: int = 1) -> AsyncIterator[World]:
    """A world on a migrated database. `told`: notices reach us."""
    clock = SetClock(datetime.now(UTC).replace(microsecond=0))
    async with AsyncExitStack() as stack:
        sim = Sim(place / "sim", seed=seed, clock=clock, machine=lambda: clock.now().timestamp())
        await stack.enter_async_context(sim)
        connection = await db.connect(database, deadline_within=60)
        stack.push_async_callback(connection.close)
        worlds: list[World] = []

        async def called(asked: web.BaseRequest) -> web.StreamResponse:
            return await worlds[0].called(asked)

        runner = web.ServerRunner(web.Server(called, access_log=None))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        address = f"http://127.0.0.1:{runner.addresses[0][1]}" if told else ""
        settings = Settings(state=place / "state", public_url=address, port=0)
        app = await stack.enter_async_context(running(settings, database, clock=clock))
        world = World(app, sim, clock, connection)
        worlds.append(world)
        pool, now, described = app.pools.recorder, clock.now(), sim.describe()
        world.merchant_id = await merchants.add_merchant(pool, "Shop", now)
        store_id = await merchants.add_store(pool, world.merchant_id, "s", now)
        world.till_id = await merchants.add_till(pool, world.merchant_id, store_id, "t", now)
        for channel in REMOTE:
            config = dict(described[channel])
            if channel is Channel.WECHAT:
                config["base_url"] = described["base_url"]
            await merchants.set_channel(pool, world.merchant_id, channel, config, now, app.desk.sealed)
        yield world


@asynccontextmanager
async def emptied(database: db.Database) -> AsyncIterator[None]:
    """The database with nothing of the story before in it."""
    connection = await db.connect(database, deadline_within=60)
    try:
        await connection.execute("truncate merchants cascade; truncate jobs, facts, evidence, moves, accounts")
    finally:
        await connection.close()
    yield
