"""The small model: rows in memory, changes taken in as the database does, and what must hold after each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, Phase, settings

from tests.faults.audit import BACK_STATES, ENDS, OPEN_PAYMENTS, OPEN_REFUNDS, WITH_MONEY, place_of
from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import Channel, Evidence, News, Operation, Outcome, Reason, RescueTo, Word
from yuanlu.channels.registry import FACTS
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.payments import rules as payments
from yuanlu.payments.rules import ChargeAsk, ChargeSeen, Payment
from yuanlu.refunds import rules as refunds
from yuanlu.refunds.rules import Refund, RefundAsk, RefundSeen, RescueAsk, Resolution

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MERCHANT = "YM01KATE3S40000000000000000X0"


def quick(lives: int) -> settings:
    """How a machine looks for the one counter-example that a rule broken on purpose must have."""
    return settings(
        max_examples=lives,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


def said(at: datetime, word: Word, kind: str = "answer", reason: Reason | None = None, late: int = 0) -> Outcome:
    """What a channel says; an answer may have been asked for `late` seconds ago."""
    operation = "query" if kind == "answer" else ""
    evidence = Evidence(
        id=ids.new(Kind.EVIDENCE, at), kind=kind, at=at, body="{}", digest="0", operation=operation, took_ms=late * 1000
    )
    return Outcome(word=word, reason=reason, evidence=evidence)


class Books:
    """One payment, its refunds, its moves. What a rule denies changes nothing."""

    def __init__(self) -> None:
        self.at = START
        self.payment: Payment
        self.refunds: dict[str, Refund] = {}
        self.asks: dict[str, RefundAsk] = {}
        self.moves: list[Any] = []
        self.jobs: set[str] = set()
        self.wrong: list[str] = []
        self.sent: Counter[str] = Counter()

    # What may happen

    def charge(self, fen: int, channel: Channel, *, shown: bool) -> None:
        ask = ChargeAsk(
            merchant_id=MERCHANT,
            id=ids.new(Kind.PAYMENT, self.at),
            till_id="t",
            amount=Money(fen),
            who="cashier",
            code="" if shown else "130123456789012345",
            code_mark="" if shown else "m",
            channel=channel,
        )
        seen = ChargeSeen(known=None, store_id="s", channels=frozenset({channel}), same_code=None)
        self._take(payments.open_payment(FACTS, ask, seen, self.at), None)

    def hear_payment(self, outcome: Outcome) -> None:
        self._take(payments.hear(FACTS, outcome, self.payment, self.at), self.payment)

    def drive_payment(self) -> None:
        self._take(payments.next_step(FACTS, self.payment, self.at), self.payment)

    def cancel_payment(self) -> None:
        self._try(lambda: payments.cancel(FACTS, "cashier", self.payment, self.at), self.payment)

    def ask_refund(self, fen: int, undo: int) -> None:
        ask = RefundAsk(
            merchant_id=MERCHANT,
            id=ids.new(Kind.REFUND, self.at),
            payment_id=self.payment.id,
            amount=Money(fen),
            who="cashier",
            undo_within=timedelta(seconds=undo),
        )
        self.asks[ask.id] = ask
        self._try(lambda: refunds.open_refund(FACTS, ask, RefundSeen(None, self.payment), self.at), None)

    def ask_again(self, which: int) -> None:
        refund = self._which(which)
        ask = self.asks.get(refund.id)
        if ask is None:
            return
        try:
            decision = refunds.open_refund(FACTS, ask, RefundSeen(refund, self.payment), self.at)
        except Denied as no:
            self.wrong.append(f"I9: what was granted is denied when it is asked again: {no}")
        else:
            self._take(decision, refund)

    def drive_refund(self, which: int) -> None:
        refund = self._which(which)
        siblings = [each.sent_at for each in self.refunds.values() if each.sent_at and each.id != refund.id]
        seen = RefundSeen(refund, None, max(siblings, default=None))
        self._take(refunds.next_step(FACTS, seen, self.at), refund)

    def hear_refund(self, which: int, outcome: Outcome) -> None:
        refund = self._which(which)
        self._take(refunds.hear(FACTS, outcome, refund, self.at), refund)

    def cancel_refund(self, which: int) -> None:
        refund = self._which(which)
        self._try(lambda: refunds.cancel("boss", refund, self.at), refund)

    def rescue(self, which: int, to: RescueTo, first: str, second: str) -> None:
        refund = self._which(which)
        card = {"bank_type": "B", "card_number": "6222020000001234", "holder_name": "张三"}
        ask = RescueAsk(to=to, **card, card_mark="m")
        self._try(lambda: refunds.propose_rescue(FACTS, first, ask, refund, self.at), refund)
        refund = self.refunds[refund.id]
        if refund.state is refunds.State.STRANDED:
            self._try(lambda: refunds.approve_rescue(second, ask, refund, self.at), refund)
            if first == second and self.refunds[refund.id].state is not refunds.State.STRANDED:
                self.wrong.append("I4: one person alone sent stranded money on")

    def resolve(self, which: int, end: str) -> None:
        refund = self._which(which)
        proof = Evidence(id=ids.new(Kind.EVIDENCE, self.at), kind="person", at=self.at, body="p", digest="p")
        resolution = Resolution(end=refunds.End(end), proof=proof)
        self._try(lambda: refunds.propose_resolution("finance", resolution, refund, self.at), refund)
        refund = self.refunds[refund.id]
        self._try(lambda: refunds.approve_resolution("manager", resolution, refund, self.at), refund)

    def outside(self, fen: int, number: str) -> None:
        outcome = replace(said(self.at, Word.SETTLED, "notice"), amount=Money(fen))
        news = News(payment_id=self.payment.id, refund_id=number, outcome=outcome)
        known = self.refunds.get(refunds.outside_id(self.payment, number))
        self._try(lambda: refunds.found_outside(news, RefundSeen(known, self.payment), self.at), known)

    def _which(self, which: int) -> Refund:
        return list(self.refunds.values())[which % len(self.refunds)]

    # How it is recorded

    def _try(self, decide: Any, was: Any) -> None:
        try:
            decision = decide()
        except Denied:
            return
        self._take(decision, was)

    def _take(self, decision: Change[Any] | Stay[Any], was: Payment | Refund | None) -> None:
        if decision.step is not None and decision.step.operation is Operation.REFUND:
            self.sent[decision.step.refund_id] += 1
            if isinstance(decision, Stay):
                self.wrong.append("I2: a refund was sent that is not marked as sent")
        if isinstance(decision, Stay):
            if was is not None and decision.row != was:
                self.wrong.append("I9: a row differs and nothing was recorded")
            return
        self._judge(decision, was)
        self.record(decision)

    def _judge(self, change: Change[Any], was: Payment | Refund | None) -> None:
        if was is not None and change.row.version != was.version + 1:
            self.wrong.append("I3: a version was skipped")
        for name in change.row.written_once if was is not None else ():
            if getattr(change.row, name) != getattr(was, name):
                self.wrong.append(f"I9: {name} is written once, and differs")
        state_was = was.state if was is not None else None
        if change.row.state != state_was:
            if not change.facts:
                self.wrong.append(f"I4: {state_was} became {change.row.state} without a fact")
            proven = any(fact.kind in ENDS for fact in change.facts)
            if proven and not change.evidence:
                self.wrong.append(f"I4: {state_was} became {change.row.state} without evidence")
        ended = {"FAILED", "REVERSED", "CLOSED", "DONE", "REFUSED"}
        if change.row.state != state_was and change.row.state in ended and not change.evidence:
            self.wrong.append(f"I4: a timer ended {change.row.id} as {change.row.state}")

    def record(self, change: Change[Any]) -> None:
        """As the database does: the draw under its ceiling, moves, looks; a draw that does not fit is refused."""
        if change.draw is not None:
            back = self.payment.back_fen + change.draw.amount.amount
            if not 0 <= back <= self.payment.amount_fen:
                if change.row.version > 1:
                    self.wrong.append("I1: the draw of a known refund does not fit")
                return
            self.payment = replace(
                self.payment, back_fen=back, parts=self.payment.parts + (change.draw.amount.amount > 0)
            )
        if isinstance(change.row, Payment):
            drawn = (self.payment.back_fen, self.payment.parts) if hasattr(self, "payment") else (0, 0)
            self.payment = replace(change.row, back_fen=drawn[0], parts=drawn[1])
        else:
            self.refunds[change.row.id] = change.row
        self.moves += [(change.row.id, move) for move in change.moves]
        for look in change.looks:
            self.jobs.discard(f"{look.name} {look.object_id}")
            if look.at is not None:
                self.jobs.add(f"{look.name} {look.object_id}")

    # What must hold

    def states(self) -> tuple[Any, ...]:
        """Every state there is."""
        return (self.payment.state, *(refund.state for refund in self.refunds.values()))

    def balances(self) -> Counter[str]:
        """Every account, by the moves."""
        total: Counter[str] = Counter()
        for _, move in self.moves:
            total[move.source] -= move.money.amount
            total[move.target] += move.money.amount
        return total

    def broken(self) -> list[str]:
        """Which law does not hold."""
        wrong = list(self.wrong)
        drawn = sum(each.amount_fen for each in self.refunds.values() if each.state not in BACK_STATES)
        if not drawn == self.payment.back_fen <= self.payment.amount_fen:
            wrong.append(f"I1: refunds draw {drawn}, back is {self.payment.back_fen} of {self.payment.amount_fen}")
        if self.payment.back_fen and self.payment.state not in WITH_MONEY:
            wrong.append(f"I1: money is back of a payment that is {self.payment.state}")
        expected: Counter[str] = Counter()
        if self.payment.state in WITH_MONEY:
            expected["owed"] += self.payment.amount_fen
            expected[f"due:{self.payment.channel}"] -= self.payment.amount_fen
        for refund in self.refunds.values():
            place = place_of({"state": refund.state, "channel": refund.channel})
            expected["owed"] -= refund.amount_fen
            expected[place] += refund.amount_fen
        has = self.balances()
        wrong += [
            f"I3: {account} is {has[account]}, states say {expected[account]}"
            for account in expected.keys() | has.keys()
            if has[account] != expected[account]
        ]
        if sum(has.values()):
            wrong.append("I3: moves do not come to nothing")
        if has["held"] < 0 or has["suspense"] < 0:
            wrong.append("I3: a floor")
        if self.payment.state in OPEN_PAYMENTS and f"payments.drive {self.payment.id}" not in self.jobs:
            wrong.append(f"I10: nobody looks at a payment that is {self.payment.state}")
        for refund in self.refunds.values():
            if refund.state in OPEN_REFUNDS and f"refunds.drive {refund.id}" not in self.jobs:
                wrong.append(f"I10: nobody looks at a refund that is {refund.state}")
            if self.sent[refund.id] != refund.sent_times and refund.state != "EXTERNAL":
                wrong.append("I2: sent more often than is written down")
        return wrong
