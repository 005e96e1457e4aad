"""A world to crash in: merchants on one database, both providers on loopback, a clock that stands until it is moved.

Many *runs* live in one world at once, each a merchant with a till and a story of its own. All their requests, jobs and
callbacks pass the two seams (`desk.decide`, `desk.ask`) of one `CrashingDesk`, which counts them for each run and drops
everything of a run at the call it was told to: from then on whatever its old service still does comes to nothing, and
a new service on the same database takes over. Callers repeat what they asked, with the same ids.

Time moves only when everybody waits: the conductor lets stories run until each is parked, lets the worker do all that
is due, and then steps our clock and the providers' to the next moment at which something happens.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web

from tests.faults.audit import NEXT
from yuanlu import db, ids
from yuanlu.app import App, running
from yuanlu.cases import flow as cases
from yuanlu.cases import store as case_store
from yuanlu.cases.rules import Case, CaseAsk, What
from yuanlu.change import Done
from yuanlu.channels.contract import Callback, Channel, Outcome, RescueTo, Step
from yuanlu.clock import SetClock
from yuanlu.config import Settings
from yuanlu.desk import Desk
from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind
from yuanlu.jobs import Job
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments import store as payment_store
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.people.rules import Person, Role
from yuanlu.refunds import flow as refunds
from yuanlu.refunds import store as refund_store
from yuanlu.refunds.rules import Refund, RefundAsk, RescueAsk
from yuanlu.seal import Sealed
from yuanlu.shifts import flow as shifts
from yuanlu.shifts.rules import CountAsk, ShiftAsk
from yuanlu.shifts.rules import Shift as Duty
from yuanlu.sim.books import Order, Refusal
from yuanlu.sim.faults import Fault
from yuanlu.sim.faults import Kind as Trouble
from yuanlu.sim.payers import Wallet
from yuanlu.sim.server import Sim
from yuanlu.worker import Worker

T = TypeVar("T")

GENERATIONS = 3
"""Services one after another: the first, and one after each of two crashes."""
RESTART = 2.0
"""Seconds until a caller finds the new service."""
ADRIFT = 9.0
"""Seconds a request of a service that died is still on its way: less than the shortest deadline of a call."""
DAYS_MAX = 4
"""How far the clock may go until everything must be at rest."""

CASHIER = Person("cashier", Role.CASHIER)

BORN: ContextVar[int] = ContextVar("born")
"""Which service of its run the present task belongs to."""


class Crash(BaseException):
    """The service of this run is gone."""


class Moment(StrEnum):
    """Where at a seam call the service dies."""

    BEFORE = "before"
    AFTER = "after"
    """It was done outside or recorded; nobody here learnt of it."""
    ADRIFT = "adrift"
    """It was on its way and goes on without us: the record is committed, the request arrives later."""


@dataclass(frozen=True, order=True)
class Point:
    """One crash: at which seam call of a run, and when."""

    call: int
    moment: Moment


@dataclass(frozen=True)
class Variant:
    """How a merchant is set up. `v2`: WeChat Pay's older code pay and refund. `told`: callbacks reach us. `deaf`: they
    are sent and never get through."""

    channel: Channel
    v2: bool = False
    told: bool = False
    deaf: bool = False

    def __str__(self) -> str:
        return f"{self.channel}{'-v2' if self.v2 else ''}{'-told' if self.told else ''}{'-deaf' if self.deaf else ''}"


WECHAT = Variant(Channel.WECHAT)
WECHAT_TOLD = Variant(Channel.WECHAT, told=True)
WECHAT_DEAF = Variant(Channel.WECHAT, deaf=True)
WECHAT_V2 = Variant(Channel.WECHAT, v2=True)
ALIPAY = Variant(Channel.ALIPAY)
ALIPAY_TOLD = Variant(Channel.ALIPAY, told=True)
EVERY = (WECHAT, WECHAT_TOLD, WECHAT_V2, ALIPAY, ALIPAY_TOLD)
SHOWING = (WECHAT_DEAF, WECHAT_TOLD, ALIPAY, ALIPAY_TOLD)
"""Who shows codes: WeChat Pay makes none without an address for its notices."""
V3 = (WECHAT, WECHAT_TOLD)

Story = Callable[["Till"], Awaitable[None]]


@dataclass
class Run:
    """One story of one merchant, and where it is to crash."""

    name: str
    variant: Variant
    merchant_id: str
    till_id: str
    crashes: Mapping[int, Moment] = field(default_factory=dict)
    generation: int = 0
    calls: list[str] = field(default_factory=list)
    fired: list[Point] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        planned = ", ".join(f"{moment} call {call}" for call, moment in sorted(self.crashes.items()))
        called = self.calls[: max(self.crashes, default=len(self.calls))]
        return f"{self.name} [{self.variant}] crash {planned or 'never'}; calls {' '.join(called)}"

    def die(self, point: Point) -> None:
        self.fired.append(point)
        self.generation += 1


class CrashingDesk(Desk):
    """The desk of every service of a world. It is where runs die."""

    def __init__(self, world: World, services: Sequence[App]) -> None:
        self.clock = world.clock
        self._world = world
        self._services = [service.desk for service in services]
        self.shelf = self._services[0].shelf

    async def sealed(self, merchant_id: str, subject: str) -> Sealed:
        return await self._services[0].sealed(merchant_id, subject)

    def mark(self, secret: str) -> str:
        return self._services[0].mark(secret)

    async def see(self, view: Any) -> Any:
        return await self._services[0].see(view)

    async def decide(self, view: Any, rule: Any) -> Done[Any]:
        name = getattr(rule, "func", rule).__name__
        run = self._world.runs[view.reads[0].merchant_id]
        return await self._through(run, name, 0.0, lambda desk: desk.decide(view, rule))

    async def ask(self, step: Step) -> Outcome:
        run = self._world.runs[step.merchant_id]
        return await self._through(run, f"→{step.operation}", ADRIFT, lambda desk: desk.ask(step))

    async def _through(self, run: Run, name: str, adrift: float, go: Callable[[Desk], Awaitable[T]]) -> T:
        born = BORN.get()
        if born != run.generation:
            raise Crash
        run.calls.append(name)
        number = len(run.calls)
        moment = run.crashes.get(number)
        if moment is Moment.BEFORE or moment is Moment.ADRIFT:
            run.die(Point(number, moment))
            if moment is Moment.ADRIFT:
                self._world.leave(self._go_on(adrift, go(self._services[born])))
            raise Crash
        done = await go(self._services[born])
        if moment is Moment.AFTER and born == run.generation:
            run.die(Point(number, moment))
        if born != run.generation:
            raise Crash
        return done

    async def _go_on(self, adrift: float, going: Awaitable[T]) -> None:
        """What was on its way when its service died."""
        if adrift:
            await self._world.sleep(adrift)
        try:
            await going
        except Denied:
            return  # told to nobody


class Shift(Worker):
    """The worker of a world: the death of one run's service is not the end of the others'."""

    def __init__(self, world: World, app: App) -> None:
        super().__init__(app, concurrency=128)
        self._world = world

    async def _one(self, job: Job) -> None:
        BORN.set(self._world.runs[job.merchant_id].generation)
        try:
            await super()._one(job)
        except Crash:
            return  # its lease will end


class World:
    """See the top of this file. Use it as `async with opened(...) as world`."""

    def __init__(self, clock: SetClock, sim: Sim) -> None:
        self.clock = clock
        self.sim = sim
        self.runs: dict[str, Run] = {}
        self.services: list[App] = []
        self.desk: CrashingDesk
        self.connection: Any = None
        self.address = ""
        self.troubles: list[str] = []
        self.requests: list[tuple[Run, Callable[[], Awaitable[Any]]]] = []
        self._shift: Shift
        self._busy = 0
        self._idle = asyncio.Event()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()

    # People and their stories

    async def run(self, name: str, story: Story, variant: Variant, crashes: Mapping[int, Moment] | None = None) -> Run:
        """Make a merchant and begin its story."""
        pool, now = self.services[0].pools.recorder, self.clock.now()
        merchant_id = await merchants.add_merchant(pool, name, now)
        store_id = await merchants.add_store(pool, merchant_id, "s", now)
        till_id = await merchants.add_till(pool, merchant_id, store_id, "t", now)
        config = self._config(variant, merchant_id)
        await merchants.set_channel(pool, merchant_id, variant.channel, config, now, self.services[0].desk.sealed)
        run = Run(name, variant, merchant_id, till_id, dict(crashes or {}))
        self.runs[merchant_id] = run
        self.leave(self._told(run, story))
        return run

    def _config(self, variant: Variant, merchant_id: str) -> dict[str, Any]:
        told = self.sim.describe()
        config = dict(told[variant.channel])
        if variant.channel is Channel.WECHAT:
            config["base_url"] = told["base_url"]
        if variant.v2:
            config |= {"code_pay": "v2", "refund": "v2"}
            config.pop("merchant_cert")
        if variant.told:
            config["notify_url"] = f"{self.address}/{variant.channel}/{merchant_id}"
        if variant.deaf:
            config["notify_url"] = f"{self.address}/deaf/{merchant_id}"
        return config

    async def _told(self, run: Run, story: Story) -> None:
        try:
            await story(Till(self, run))
        except Exception as trouble:
            self.troubles.append(f"{run}: the story ended in {trouble!r}")

    def leave(self, going: Awaitable[Any]) -> None:
        """Let something go on by itself; the clock waits for it."""

        async def kept() -> None:
            try:
                await going
            finally:
                self._busy -= 1
                if not self._busy:
                    self._idle.set()

        self._busy += 1
        self._idle.clear()
        task = asyncio.get_running_loop().create_task(kept())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def sleep(self, seconds: float) -> None:
        """Wait by the world's clock."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (due, next(self._order), future))
        self._busy -= 1
        if not self._busy:
            self._idle.set()
        await future

    # Time

    async def rest(self, each: Callable[[], Awaitable[None]] | None = None) -> None:
        """Let everything happen until nothing is left to happen. `each` is called whenever the clock is about to move.

        Raises AssertionError when something would go on for ever.
        """
        last = self.clock.now() + timedelta(days=DAYS_MAX)
        while True:
            await self._idle.wait()
            ran = await self._shift.once()
            await self.sim.agenda.advance(0.0)
            await asyncio.sleep(0)
            if ran or self._busy or self._wake():
                continue
            if each is not None:
                await each()
            due = await self._next()
            if due is None:
                return
            if due > last:
                return
            await self.sim.agenda.advance((due - self.clock.now()).total_seconds())
            self._wake()

    def _wake(self) -> bool:
        woken = False
        while self._sleepers and self._sleepers[0][0] <= self.clock.now():
            _, _, future = heapq.heappop(self._sleepers)
            self._busy += 1
            self._idle.clear()
            future.set_result(None)
            woken = True
        return woken

    async def _next(self) -> datetime | None:
        """When something of ours happens next: a job is due, a lease ends, somebody wakes."""
        dues = [due for due, _, _ in self._sleepers[:1]]
        job = await self.connection.fetchval(NEXT)
        return min([*dues, *([job] if job is not None else [])], default=None)

    async def repeat(self) -> None:
        """Ask everything once more that was ever granted; nobody dies any more."""
        for run, call in self.requests:
            BORN.set(run.generation)
            counted, run.crashes = len(run.calls), {}
            await call()
            del run.calls[counted:]

    # Callbacks

    async def _called(self, asked: web.BaseRequest) -> web.StreamResponse:
        _, channel, merchant_id = asked.path.split("/")
        if channel == "deaf":
            return web.Response(status=502)
        run = self.runs[merchant_id]
        BORN.set(run.generation)
        headers = {name.lower(): value for name, value in asked.headers.items()}
        callback = Callback(headers=headers, body=await asked.read())
        try:
            status, kind, body = await self.services[run.generation].overhear(Channel(channel), merchant_id, callback)
        except Crash:
            return web.Response(status=502)
        except Denied as no:
            return web.Response(status=400, text=str(no))
        return web.Response(status=status, body=body or None, content_type=kind)

    @property
    def points(self) -> int:
        """How many crashes happened."""
        return sum(len(run.fired) for run in self.runs.values())


@asynccontextmanager
async def opened(database: db.Database, place: Path, seed: int = 1) -> AsyncIterator[World]:
    """A world on a migrated database. `place` keeps the providers' keys, which take long to make."""
    clock = SetClock(datetime.now(UTC).replace(microsecond=0))
    async with AsyncExitStack() as stack:
        sim = Sim(place / "sim", seed=seed, clock=clock, machine=lambda: clock.now().timestamp())
        await stack.enter_async_context(sim)
        world = World(clock, sim)
        for _ in range(GENERATIONS):
            settings = Settings(state=place / "state")
            world.services.append(await stack.enter_async_context(running(settings, database, clock=clock)))
        world.desk = CrashingDesk(world, world.services)
        for service in world.services:
            service.desk = world.desk
        world._shift = Shift(world, world.services[-1])
        world.connection = await db.connect(database, deadline_within=60)
        stack.push_async_callback(world.connection.close)
        runner = web.ServerRunner(web.Server(world._called, access_log=None))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        world.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield world


class Till:
    """What a cashier, a payer and the providers' people do in a story. Requests are repeated until answered."""

    def __init__(self, world: World, run: Run) -> None:
        self.world = world
        self.run = run
        self.channel = run.variant.channel
        self.wallet = Wallet(self.channel.value)
        self.books = world.sim.world.books[self.wallet]

    async def request(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask for something under an id of one's own. What was granted is remembered, to be asked again at the end."""
        granted = await self.insist(call)
        self.world.requests.append((self.run, call))
        return granted

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer: a service that dies is another one a little later."""
        while True:
            BORN.set(self.run.generation)
            try:
                return await call()
            except (Crash, Busy):
                await self.world.sleep(RESTART)

    async def wait(self, seconds: float) -> None:
        await self.world.sleep(seconds)

    # Money in

    def new(self, kind: Kind) -> str:
        return ids.new(kind, self.world.clock.now())

    async def pay(self, habit: str = "ok", fen: int = 12800, *, payment_id: str = "", code: str = "") -> Payment:
        """Charge the code of a payer with this habit, or this code."""
        code = code or self.world.sim.world.payer_codes[f"{self.wallet}_{habit}"]
        self.run.codes.append(code)
        ask = ChargeAsk(
            merchant_id=self.run.merchant_id,
            id=payment_id or self.new(Kind.PAYMENT),
            till_id=self.run.till_id,
            amount=Money(fen),
            who="cashier",
            code=code,
        )
        return await self.request(lambda: payments.request(self.world.desk, ask))

    async def cash(self, fen: int = 12800, handed_fen: int = 20000) -> Payment:
        """Take cash."""
        ask = ChargeAsk(
            merchant_id=self.run.merchant_id,
            id=self.new(Kind.PAYMENT),
            till_id=self.run.till_id,
            amount=Money(fen),
            who="cashier",
            channel=Channel.CASH,
            handed_fen=handed_fen,
        )
        return await self.request(lambda: payments.request(self.world.desk, ask))

    async def pay_out(self, refund: Refund) -> Refund:
        """Give the cash of a refund back."""
        desk, run = self.world.desk, self.run
        return await self.request(lambda: refunds.pay_out(desk, run.merchant_id, refund.id, run.till_id, CASHIER))

    async def open_shift(self, float_fen: int) -> Duty:
        ask = ShiftAsk(
            merchant_id=self.run.merchant_id,
            id=self.new(Kind.SHIFT),
            till_id=self.run.till_id,
            float_fen=float_fen,
            by=CASHIER,
        )
        return (await self.request(lambda: shifts.open_shift(self.world.desk, ask))).row

    async def close_shift(self, shift: Duty, cash_fen: int, why: str = "") -> Duty:
        desk, run = self.world.desk, self.run
        ask = CountAsk(by=CASHIER, counted={"cash": cash_fen}, reasons={"cash": why}, version=shift.version)
        return await self.request(lambda: shifts.close(desk, run.merchant_id, shift.id, ask, cash_fen // 2, 0))

    async def show(self, fen: int = 12800, payment_id: str = "") -> Payment:
        """Show a QR code for the payer to scan."""
        ask = ChargeAsk(
            merchant_id=self.run.merchant_id,
            id=payment_id or self.new(Kind.PAYMENT),
            till_id=self.run.till_id,
            amount=Money(fen),
            who="cashier",
            channel=self.channel,
        )
        return await self.request(lambda: payments.request(self.world.desk, ask))

    async def cancel(self, payment: Payment) -> Payment | None:
        """Give a payment up; None when it was paid first."""
        try:
            return await self.insist(
                lambda: payments.cancel(self.world.desk, self.run.merchant_id, payment.id, "cashier")
            )
        except Denied as no:
            _demand(no, "payment.already_paid")
            return None

    async def payment(self, payment: Payment) -> Payment:
        """The payment as it stands."""
        found = await self.world.desk.see(payment_store.by_id(self.run.merchant_id, payment.id))
        assert isinstance(found, Payment)
        return found

    async def ended(self, payment: Payment) -> Payment:
        """Wait until a payment is no longer open."""
        for _ in range(2000):
            now = await self.payment(payment)
            if now.state not in ("SENT", "SHOWN", "REVERSING", "CLOSING"):
                return now
            await self.wait(5)
        raise AssertionError(f"{payment.id} does not end")

    def order(self, payment: Payment) -> Order | None:
        return self.books.orders.get(payment.id)

    # Money back

    async def refund(self, payment: Payment, fen: int, *, undo: float = 0.0, refund_id: str = "") -> Refund | None:
        """Ask for money back; None when our rules say no because nothing was paid."""
        ask = RefundAsk(
            merchant_id=self.run.merchant_id,
            id=refund_id or self.new(Kind.REFUND),
            payment_id=payment.id,
            amount=Money(fen),
            who="cashier",
            undo_within=timedelta(seconds=undo),
        )
        try:
            return await self.request(lambda: refunds.request(self.world.desk, ask))
        except Denied as no:
            _demand(no, "refund.not_paid")
            return None

    async def refund_now(self, refund: Refund) -> Refund:
        found = await self.world.desk.see(refund_store.by_id(self.run.merchant_id, refund.id))
        assert isinstance(found, Refund)
        return found

    async def refund_made(self, refund_id: str) -> Refund:
        """Wait until a case has asked for its refund."""
        for _ in range(2000):
            found = await self.world.desk.see(refund_store.by_id(self.run.merchant_id, refund_id))
            if isinstance(found, Refund):
                return found
            await self.wait(5)
        raise AssertionError(f"{refund_id} is not asked for")

    async def refund_at(self, refund: Refund, *states: str) -> Refund:
        """Wait until a refund is in one of these states."""
        for _ in range(2000):
            now = await self.refund_now(refund)
            if now.state in states:
                return now
            await self.wait(30)
        raise AssertionError(f"{refund.id} does not get to {states}")

    async def take_back(self, refund: Refund) -> Refund | None:
        """Cancel a refund; None when it had already left."""
        try:
            return await self.insist(lambda: refunds.cancel(self.world.desk, self.run.merchant_id, refund.id, "boss"))
        except Denied as no:
            _demand(no, "refund.already_sent")
            return None

    async def rescue(self, refund: Refund, to: RescueTo) -> None:
        """Two people send stranded money on; again when the request was lost and it is stranded still."""
        card = {"bank_type": "ICBC_DEBIT", "card_number": "6222020000001234", "holder_name": "张三"}
        ask = RescueAsk(to=to, **(card if to is RescueTo.PAYER_CARD else {}), card_mark="m")
        desk, merchant_id = self.world.desk, self.run.merchant_id
        for _ in range(20):
            now = await self.refund_at(refund, "STRANDED", "REDIRECTING", "RECALLING", "DONE", "PROVEN", "RETURNED")
            if now.state in ("DONE", "PROVEN", "RETURNED"):
                return
            if now.state == "STRANDED":
                try:
                    await self.insist(lambda: refunds.propose_rescue(desk, merchant_id, refund.id, "finance", ask))
                    await self.insist(lambda: refunds.approve_rescue(desk, merchant_id, refund.id, "manager", ask))
                except Denied as no:
                    _demand(no, "refund.not_stranded", "refund.nothing_proposed")
            await self.wait(120)
        raise AssertionError(f"{refund.id} cannot be rescued")

    # What went wrong

    async def report(self, payment: Payment, what: What, meant_fen: int | None = None) -> Case | None:
        """Report a mistake; None when there is a case about this payment already."""
        ask = CaseAsk(
            merchant_id=self.run.merchant_id,
            id=self.new(Kind.CASE),
            payment_id=payment.id,
            what=what,
            meant=None if meant_fen is None else Money(meant_fen),
            who="cashier",
        )
        try:
            return await self.request(lambda: cases.request(self.world.desk, ask))
        except Denied as no:
            _demand(no, "case.already_open")
            return None

    async def case_at(self, case: Case, *states: str) -> Case:
        """Wait until a case is in one of these states."""
        for _ in range(2000):
            seen = await self.world.desk.see(case_store.by_id(self.run.merchant_id, case.id))
            if seen.case.state in states:
                found: Case = seen.case
                return found
            await self.wait(60)
        raise AssertionError(f"{case.id} does not get to {states}")

    async def note(self, case: Case) -> None:
        """A person closes a case that needs one."""
        try:
            await self.insist(
                lambda: cases.decide(
                    self.world.desk, self.run.merchant_id, case.id, Person("manager", Role.MANAGER), None
                )
            )
        except Denied as no:
            _demand(no, "case.not_waiting")  # the answer was lost, the decision was not

    # The providers' side

    def trouble(self, kind: str, operation: str | None, number: str, **more: Any) -> None:
        """Let something go wrong at the provider."""
        self.world.sim.faults.arm(Fault(0, Trouble(kind), operation, number, self.wallet, **more))

    def scan(self, payment: Payment, habit: str = "ok") -> bool:
        """A payer scans what we show; answers whether that could be paid."""
        order = self.order(payment)
        if order is None:
            return False
        payer = next(payer for payer in self.books.payers if payer.habit == habit)
        try:
            self.books.scan(order, order.qr_text, payer)
        except Refusal:
            return False
        return True

    def pay_late(self, payment: Payment) -> bool:
        """The payer's bank was slower than the channel."""
        order = self.order(payment)
        if order is None or order.payments or order.payer is None:
            return False
        self.books.pay_late(order, order.payer)
        return True


def _demand(no: Denied, *codes: str) -> None:
    """Raise what a rule said, unless it is one of these."""
    if no.code not in codes:
        raise no
