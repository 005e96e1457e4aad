"""The law of notices: whatever breaks, what is heard, repeats collapsed by id, is what was recorded, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.flows.noticing import Noticing, noticing
from tests.flows.receivers import FAULTS, Receiver, receiving
from tests.flows.scene import said, settled
from yuanlu import db
from yuanlu.change import Change
from yuanlu.channels.contract import Word
from yuanlu.letters import Letter, Receipt, Way
from yuanlu.notify import flow, rules
from yuanlu.notify.rules import TYPES
from yuanlu.payments.rules import Payment

WITHIN = {Way.WEBHOOK: 0.1, Way.SMS: 0.1, Way.EMAIL: 0.1, Way.APPRISE: 0.1}
DEEDS = (
    "pay",
    "refund",
    "work",
    "work",
    "two",
    "crash_before",
    "crash_after",
    "minute",
    "hour",
    "back",
    "restart",
    "replay",
)


class Dies(Exception):
    """The process dies here."""


class Play:
    """One merchant, one hook; deeds come in any order, the receiver does anything."""

    def __init__(self, shop: Noticing, receiver: Receiver) -> None:
        self.shop = shop
        self.receiver = receiver
        self.payments: list[Payment] = []
        self.carry = shop.post.carry

    async def begin(self) -> None:
        self.hook = (await self.shop.hook(self.receiver.url)).hook

    async def do(self, deed: str) -> None:
        shop = self.shop
        match deed:
            case "pay":
                self.payments.append(await shop.paid(1000))
            case "refund" if self.payments:
                outcome = settled(1) if len(self.payments) % 2 else said(Word.PENDING)
                await shop.refund(self.payments[-1], 1, outcome)
            case "work":
                await shop.work()
            case "two":
                await asyncio.gather(shop.worker.once(), shop.worker.once())
            case "crash_before" | "crash_after":
                await self.crash(sends=deed == "crash_after")
            case "minute" | "hour":
                await shop.later(**{f"{deed}s": 1})
            case "back":
                shop.clock.at -= timedelta(minutes=20)
            case "restart":
                shop.desk = shop.new_desk()
            case "replay":
                since = shop.clock.now().replace(hour=0, minute=0)
                with suppress(flow.Denied):
                    await flow.replay(shop.desk, shop.merchant_id, self.hook.id, since=since, who="boss")

    async def crash(self, *, sends: bool) -> None:
        """A worker dies in the middle of telling: its lease ends later."""

        async def dying(letter: Letter) -> Receipt:
            if sends:
                await self.carry(letter)
            raise Dies

        self.shop.tell = dying
        await self.shop.work()
        self.shop.tell = self.carry

    async def end(self) -> None:
        """The receiver is well again, and time passes."""
        self.receiver.acts.clear()
        self.receiver.usual = "200"
        await flow.enable(self.shop.desk, self.shop.merchant_id, self.hook.id, "boss")
        await self.shop.until_told()
        for parked in await self.shop.deliveries(state="PARKED", merchant_id=self.shop.merchant_id):
            await flow.wake(self.shop.desk, self.shop.merchant_id, parked.object_id)
        await self.shop.until_told()

    async def judge(self) -> None:
        rows = await self.shop.pools.recorder.fetch(
            "select object_id, transition, seq, kind from facts where merchant_id = $1"
            " order by object_id, transition, seq",
            self.shop.merchant_id,
        )
        recorded: dict[str, list[tuple[int, str]]] = {}
        for row in rows:
            if row["kind"] in TYPES and row["object_id"] != self.hook.id:
                recorded.setdefault(row["object_id"], []).append((row["transition"], row["kind"]))
        heard: dict[str, list[tuple[int, str]]] = {}
        for got in self.receiver.once:
            data = got.told["data"]
            heard.setdefault(data["id"], []).append((data["transition"], data["kind"]))
        assert heard == recorded
        assert not await self.shop.jobs("notify.%")


@pytest.fixture
async def shop(database: db.Database, pools: db.Pools, tmp_path: Path) -> AsyncIterator[Noticing]:
    """A shop with a post; each example has a merchant of its own."""
    async with noticing(database, pools, tmp_path, within=WITHIN) as made:
        yield made


async def played(shop: Noticing, deeds: list[str], acts: list[str]) -> None:
    async with receiving() as receiver:
        receiver.acts.extend(acts)
        play = Play(await shop.neighbour(), receiver)
        await play.begin()
        for deed in deeds:
            await play.do(deed)
        await play.end()
        await play.judge()


PLAYS: dict[str, Any] = {
    "deeds": st.lists(st.sampled_from(DEEDS), min_size=1, max_size=14),
    "acts": st.lists(st.sampled_from(("200", *FAULTS)), max_size=12),
}


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@example(deeds=["pay", "refund", "crash_after", "two", "replay"], acts=["lost", "hang", "500"])
@given(**PLAYS)
async def test_whatever_breaks_each_fact_is_heard_once_by_its_id_and_in_order(
    shop: Noticing, deeds: list[str], acts: list[str]
) -> None:
    """S63."""
    await played(shop, deeds, acts)


@pytest.mark.long
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(**PLAYS)
async def test_whatever_breaks_for_long_each_fact_is_heard_once_by_its_id_and_in_order(
    shop: Noticing, deeds: list[str], acts: list[str]
) -> None:
    await played(shop, deeds, acts)


async def test_the_law_bites_when_the_cursor_moves_past_what_did_not_arrive(
    shop: Noticing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(told: Any, receipt: Receipt, seen: Any, at: Any) -> Any:
        return honest(told, Receipt(ok=True), seen, at)

    honest = rules.hear
    monkeypatch.setattr(rules, "hear", careless)
    with pytest.raises(AssertionError):
        await played(shop, ["pay", "work"], ["500"])


async def test_the_law_bites_when_a_nudge_does_not_move_the_version(
    shop: Noticing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race it is there for: a fact recorded after the sender has looked for the last time."""
    honest = rules.nudge

    def lazy(hook: Any, object_id: str, seen: Any, at: Any) -> Any:
        change = honest(hook, object_id, seen, at)
        is_due = seen is not None and seen.state is rules.DeliveryState.DUE
        return rules.Stay(seen) if isinstance(change, Change) and is_due else change

    monkeypatch.setattr(rules, "nudge", lazy)
    with pytest.raises(AssertionError):
        await _raced(shop)
    monkeypatch.setattr(rules, "nudge", honest)
    await _raced(shop)


async def _raced(shop: Noticing) -> None:
    async with receiving() as receiver:
        own = await shop.neighbour()
        play = Play(own, receiver)
        await play.begin()
        payment = await own.paid(1000)
        await flow.wake(own.desk, own.merchant_id, payment.id)
        (delivery,) = await own.deliveries(merchant_id=own.merchant_id)
        decided = own.desk.decide
        hears = rules.hear

        async def late(view: Any, rule: Any) -> Any:
            """Between the sender's last look and its record, another fact is recorded and its wake runs."""
            if getattr(rule, "func", None) is hears and len(receiver.got) == 2 and not raced:
                raced.append(True)
                seen = await own.desk.see(view)
                await _incident(own, payment)
                await flow.wake(own.desk, own.merchant_id, payment.id)
                first = [seen]
                stale = type(view)(view.reads, lambda found: first.pop() if first else view.make(found))
                return await decided(stale, rule)
            return await decided(view, rule)

        raced: list[bool] = []
        own.desk.decide = late  # type: ignore[method-assign]
        await flow.send(own.desk, own.merchant_id, delivery.id)
        own.desk.decide = decided  # type: ignore[method-assign]
        assert raced
        await own.pools.recorder.execute("delete from jobs where name = $1 and object_id = $2", rules.WAKE, payment.id)
        await play.end()
        await play.judge()


async def _incident(shop: Noticing, payment: Payment) -> None:
    from yuanlu.payments import flow as payments

    await payments.contradict(shop.desk, shop.merchant_id, payment.id, "two answers", said(Word.UNKNOWN))
