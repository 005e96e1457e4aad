"""What opening a case costs: one caller, sim at the other end, each case about a payment of its own.

Opened means: written down, checked live at the channel, the payment has learnt the answer, and it is chosen what
becomes of the report. What comes later - the cause, a refund, people - is not counted.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from yuanlu import ids
from yuanlu.app import App, running
from yuanlu.bench import world
from yuanlu.bench.measure import Figure, Size, against, median, say, spread
from yuanlu.bench.world import Signing, World
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import CaseAsk, State, What
from yuanlu.change import Change, Row
from yuanlu.channels.contract import ComplaintStep, Handed, Heard, Operation, Outcome, StatementStep, Step
from yuanlu.config import Settings
from yuanlu.money import Money
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.postgres import Server


@dataclass(slots=True)
class Asked:
    """Counts what is asked at a channel."""

    steps: list[str] = field(default_factory=list)

    def recorded(self, change: Change[Row]) -> None:
        """Nothing: the recorder itself counts its batches."""

    def asked(
        self, step: Step | ComplaintStep | StatementStep, outcome: Outcome | Heard | Handed, seconds: float
    ) -> None:
        """One step outside."""
        self.steps.append(step.operation)


@dataclass(frozen=True, slots=True)
class Round:
    """One round of cases opened: CPU and waits in seconds; batches, selects and queries in all."""

    cpu: float
    signature: float
    waits: Sequence[float]
    batches: int
    selects: int
    queries: int


async def case(server: Server, size: Size) -> list[Figure]:
    """Cases opened with the live check: CPU beside one signature; batches, queries outside and selects of each."""
    async with world.made(server) as made, running(Settings(state=server.state), made.database) as app:
        asked = Asked()
        app.desk.watch = asked
        await _opened(app, asked, [await _paid(app, made) for _ in range(max(size.opened // 4, 1))])
        rounds = []
        for turn in range(size.rounds):
            say(f"case: round {turn + 1} of {size.rounds}")
            rounds.append(await _opened(app, asked, [await _paid(app, made) for _ in range(size.opened)]))
    number = size.rounds * size.opened
    floor, cpu = median([each.signature for each in rounds]), median([each.cpu for each in rounds])
    counts = {name: sum(getattr(each, name) for each in rounds) / number for name in ("batches", "queries", "selects")}
    beside = against(floor * 1e6, cpu * 1e6) | {"ratio": median([each.cpu / each.signature for each in rounds])}
    waits = [wait for each in rounds for wait in each.waits]
    return [
        Figure(name="case", unit="us CPU", **beside, cpu_us=cpu * 1e6, **spread(waits)),
        *(Figure(name=f"case_{name}", unit="a case", value=value) for name, value in counts.items()),
    ]


async def _paid(app: App, made: World) -> Payment:
    ask = ChargeAsk(
        merchant_id=made.till.merchant_id,
        id=ids.new(ids.Kind.PAYMENT),
        till_id=made.till.id,
        amount=Money(1280),
        who="bench",
        code=made.sim["payer_codes"]["wechat_ok"],
    )
    payment = await payments.request(app.desk, ask)
    if payment.state is not PaymentState.PAID:
        raise RuntimeError(f"a payment was not paid: {payment.state}")
    return payment


async def _opened(app: App, asked: Asked, paid: Sequence[Payment]) -> Round:
    """Open a case about each, one behind the other, and sign once in between."""
    signing, waits, cpu = Signing(), [], 0.0
    asked.steps.clear()
    batches, selects = app.recorder.batches, app.reader.batches
    for payment in paid:
        ask = CaseAsk(
            merchant_id=payment.merchant_id, id=ids.new(ids.Kind.CASE), payment_id=payment.id, what=What.REQUEST,
            who="bench",
        )  # fmt: skip
        began, used = time.perf_counter(), time.process_time()
        await cases.request(app.desk, ask)
        found = await cases.drive(app.desk, ask.merchant_id, ask.id)
        cpu += time.process_time() - used
        waits.append(time.perf_counter() - began)
        if found.state is not State.REVIEW:
            raise RuntimeError(f"a case was not checked: {found.state}")
        signing.sign()
    return Round(
        cpu / len(paid), median(signing.seconds), waits, app.recorder.batches - batches, app.reader.batches - selects,
        asked.steps.count(Operation.QUERY),
    )  # fmt: skip
