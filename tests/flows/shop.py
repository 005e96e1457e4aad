"""A shop on real books, with a far side that answers from a list."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.making import NOON, fen, heard
from yuanlu import db, ids, jobs
from yuanlu.app import FOLLOWED, FOLLOWERS, ROWS
from yuanlu.channels.contract import Outcome, Step, Word
from yuanlu.clock import SetClock
from yuanlu.db import Database, Pools
from yuanlu.desk import Desk
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import ChargeAsk, Payment
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder
from yuanlu.refunds import flow as refunds
from yuanlu.refunds import store as refunds_store
from yuanlu.refunds.rules import Refund, RefundAsk
from yuanlu.seal import Seal
from yuanlu.worker import VERBS

CODE = "134567890123456789"


class ScriptedAsk:
    """The outside, by script: each step takes the next answer. A step nobody wrote an answer for fails the test."""

    def __init__(self) -> None:
        self.answers: deque[Outcome] = deque()
        self.steps: list[Step] = []

    async def __call__(self, step: Step) -> Outcome:
        assert self.answers, f"nobody expected {step}"
        self.steps.append(step)
        outcome = self.answers.popleft()
        evidence = outcome.evidence
        if evidence is not None and evidence.kind == "answer":  # an answer is that to the step
            outcome = replace(outcome, evidence=replace(evidence, operation=step.operation))
        return outcome

    @property
    def operations(self) -> list[str]:
        """What was asked outside so far, in order."""
        return [step.operation.value for step in self.steps]


class Shop:
    """One merchant with one till, its books, its clock and the far side."""

    def __init__(self, desk: Desk, pools: Pools, clock: SetClock, outside: ScriptedAsk, merchant: str, till: str):
        self.desk = desk
        self.pools = pools
        self.clock = clock
        self.outside = outside
        self.merchant = merchant
        self.till = till

    def will_hear(self, *answers: Outcome | Word) -> None:
        """Script the next answers from outside; a bare word is an answer that says no more."""
        self.outside.answers.extend(heard(each) if isinstance(each, Word) else each for each in answers)

    def wait(self, seconds: float = 0, **span: float) -> None:
        """Let time pass."""
        self.clock.step(timedelta(seconds=seconds, **span))

    async def charge(self, amount: int = 12800, **given: Any) -> Payment:
        """Charge a payer's code."""
        ask = {"merchant_id": self.merchant, "id": ids.new(Kind.PAYMENT), "till_id": self.till, "who": "cashier"}
        return await payments.request(self.desk, ChargeAsk(**{**ask, "amount": fen(amount), "code": CODE} | given))

    async def paid(self, amount: int = 12800) -> Payment:
        """A payment that was paid at once."""
        self.will_hear(heard(Word.SETTLED, amount=fen(amount), channel_number="4200", at=self.clock.now()))
        return await self.charge(amount)

    async def ask_refund(self, payment: Payment, amount: int = 11520, **given: Any) -> Refund:
        """Write a refund down."""
        ask = {"merchant_id": self.merchant, "id": ids.new(Kind.REFUND), "payment_id": payment.id, "who": "cashier"}
        return await refunds.request(self.desk, RefundAsk(**{**ask, "amount": fen(amount)} | given))

    async def drive(self, refund: Refund, *answers: Outcome | Word) -> Refund:
        """Drive a refund, hearing these answers."""
        self.will_hear(*answers)
        return await refunds.drive(self.desk, self.merchant, refund.id)

    async def learn(self, refund: Refund, word: Word, by: str = "notice", **told: Any) -> Refund:
        """Let a refund hear news that nobody asked for."""
        return await refunds.learn(self.desk, self.merchant, refund.id, heard(word, by=by, **told))

    async def refund(self, refund_id: str) -> Refund:
        """A refund as it stands."""
        found = await self.desk.see(refunds_store.by_id(self.merchant, refund_id))
        assert found is not None
        return found

    async def work(self) -> list[str]:
        """Run every job that is due, until none is; answers their names."""
        ran: list[str] = []
        while due := await jobs.lease(self.pools.recorder, self.clock.now(), 10):
            for job in due:
                ran.append(job.name)
                await VERBS[job.name](self.desk, job.merchant_id, job.object_id)
                await jobs.finish(self.pools.recorder, job, self.clock.now())
        return ran

    async def cases(self) -> list[Any]:
        """All cases, oldest first."""
        return list(await self.pools.recorder.fetch("select * from cases order by opened_at, id"))

    async def facts(self, object_id: str) -> list[str]:
        """What happened to an object, in order."""
        rows = await self.pools.recorder.fetch(
            "select kind from facts where object_id = $1 order by transition, seq", object_id
        )
        return [row["kind"] for row in rows]

    async def books(self) -> dict[str, int]:
        """The balance of every account that is not zero, after checking that kept balances are the sums of moves."""
        rows = await self.pools.recorder.fetch(
            "select account, sum(amount)::bigint as amount from ("
            " select target as account, amount_fen as amount from moves"
            " union all select source, -amount_fen from moves) m group by account"
        )
        sums = {row["account"]: row["amount"] for row in rows if row["amount"]}
        kept = await self.pools.recorder.fetch("select account, balance_fen from accounts where balance_fen <> 0")
        assert {row["account"]: row["balance_fen"] for row in kept} == {
            account: amount for account, amount in sums.items() if account in ("held", "suspense")
        }
        assert sum(sums.values()) == 0
        return sums


@asynccontextmanager
async def opened(database: Database, pools: Pools) -> AsyncIterator[Shop]:
    """A shop on a migrated database."""
    clock, outside = SetClock(NOON), ScriptedAsk()
    merchant = await merchants.add_merchant(pools.recorder, "Shop", NOON)
    store = await merchants.add_store(pools.recorder, merchant, "Main street", NOON)
    till = await merchants.add_till(pools.recorder, merchant, store, "1", NOON)
    for channel in ("wechat", "alipay"):
        await merchants.set_channel(pools.recorder, merchant, channel, {}, NOON)
    recorder = Recorder(lambda: db.connect(database, db.Role.RECORDER), ROWS, followed=FOLLOWED)
    reader = Reader(pools.recorder)
    seal = Seal(pools.recorder, b"m" * 32)
    desk = Desk(reader, recorder, outside, clock, mark_key=b"k" * 32, followers=FOLLOWERS, seal=seal)
    yield Shop(desk, pools, clock, outside, merchant, till)
    await reader.close()
    await recorder.close()
    assert not outside.answers, f"nobody asked for {list(outside.answers)}"
