"""The one world: both wallets' books, their payers and merchant funds, and the log of calls."""

from __future__ import annotations

import random
from collections import deque
from datetime import datetime
from typing import Any

from yuanlu.sim.agenda import Agenda
from yuanlu.sim.books import Books, Hooks, Order, Refund, Rules, Turn, alipay_rules
from yuanlu.sim.complaints import Complaints
from yuanlu.sim.faults import ON_REFUNDS, Faults
from yuanlu.sim.payers import Fate, Habit, Wallet
from yuanlu.sim.plants import Plants

CALLS_KEPT = 200_000
RICH_FEN = 10**13
"""What payers of means have: enough for any number of payments."""

Told = dict[str, Any]


class World:
    """Law: v3 and v2 of WeChat Pay share one set of books; everything random comes from the seed."""

    def __init__(self, agenda: Agenda, faults: Faults, seed: int) -> None:
        self.agenda = agenda
        self.faults = faults
        self.chance = random.Random(seed)  # noqa: S311 - one seed reproduces a run
        self.calls: deque[tuple[str, str, str, datetime, str]] = deque(maxlen=CALLS_KEPT)
        self.tell_paid: list[Any] = []
        self.tell_refunded: list[Any] = []
        hooks = Hooks(self._paid, self._refunded, self._turn)
        self.books = {
            wallet: Books(wallet, rules, agenda, random.Random(f"{wallet} {seed}"), hooks)  # noqa: S311
            for wallet, rules in ((Wallet.WECHAT, Rules()), (Wallet.ALIPAY, alipay_rules()))
        }
        self.plants = {wallet: Plants() for wallet in self.books}
        self.complaints = {wallet: Complaints(wallet, agenda) for wallet in self.books}
        self.tell_refunded += [each.refunded for each in self.complaints.values()]
        self.payer_codes: dict[str, str] = {}
        for books in self.books.values():
            self._people(books)

    def _people(self, books: Books) -> None:
        """One payer for each habit, each with one code that never wears out; and two codes that are no good."""
        for habit in Habit:
            balance_fen = 0 if habit is Habit.NO_FUNDS else RICH_FEN
            limit_fen = 0 if habit is Habit.OVER_LIMIT else None
            name = self.payer_name(books.wallet)
            payer = books.add_payer(name, habit, balance_fen=balance_fen, limit_fen=limit_fen)
            self.payer_codes[f"{books.wallet}_{habit}"] = books.add_code(payer).text
        for fate in (Fate.USED, Fate.EXPIRED):
            code = books.add_code(books.payers[0], fate=fate)
            self.payer_codes[f"{books.wallet}_{fate}"] = code.text

    def payer_name(self, wallet: Wallet) -> str:
        """An openid of 28 characters, or a user number of 16 digits."""
        if wallet is Wallet.WECHAT:
            return f"oSim{self.chance.getrandbits(96):024x}"
        return f"2088{self.chance.randrange(10**12):012d}"

    def _paid(self, order: Order) -> None:
        for tell in self.tell_paid:
            tell(order)

    def _refunded(self, refund: Refund) -> None:
        for tell in self.tell_refunded:
            tell(refund)

    def _turn(self, wallet: Wallet, order: Order, number: str) -> Turn:
        trouble = self.faults.take(ON_REFUNDS, wallet, "refund", (order.number, number))
        return Turn.DONE if trouble is None else Turn(trouble.kind.value)

    def log(self, wallet: str, operation: str, number: str, code: str) -> None:
        self.calls.append((wallet, operation, number, self.agenda.now(), code))

    def as_json(self, wallet: str | None, number: str | None, *, with_calls: bool) -> Told:
        """Everything, or one wallet, or what concerns one number."""
        told: Told = {"now": self.agenda.now().isoformat()}
        for name, books in self.books.items():
            if wallet in {None, name}:
                told[name] = books_json(books, number)
        if with_calls:
            told["calls"] = [
                {"wallet": of, "operation": operation, "number": about, "at": at.isoformat(), "code": code}
                for of, operation, about, at, code in self.calls
                if wallet in {None, of} and number in {None, about}
            ]
        return told


def books_json(books: Books, number: str | None) -> Told:
    orders = [order for order in books.orders.values() if number in {None, order.number}]
    refunds = [one for one in books.refunds.values() if number in {None, one.number, one.order.number}]
    return {
        "funds_fen": books.funds_fen,
        "bank_fen": books.bank_fen,
        "topped_fen": books.topped_fen,
        "in_transit_fen": books.in_transit_fen,
        "orders": [order_json(order) for order in orders],
        "refunds": [refund_json(refund) for refund in refunds],
        "payers": [
            {
                "name": payer.name,
                "habit": payer.habit,
                "balance_fen": payer.balance_fen,
                "limit_fen": payer.limit_fen,
                "bank_fen": payer.bank_fen,
                "is_gone": payer.is_gone,
            }
            for payer in books.payers
        ],
    }


def order_json(order: Order) -> Told:
    return {
        "number": order.number,
        "channel_number": order.channel_number,
        "state": order.state,
        "amount_fen": order.amount_fen,
        "back_fen": order.back_fen,
        "is_shown": order.is_shown,
        "is_late": order.is_late,
        "payments": order.payments,
        "payer": order.payer.name if order.payer else None,
        "qr_text": order.qr_text,
        "made_at": order.made_at.isoformat(),
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "ended_at": order.ended_at.isoformat() if order.ended_at else None,
    }


def refund_json(refund: Refund) -> Told:
    return {
        "number": refund.number,
        "channel_number": refund.channel_number,
        "order": refund.order.number,
        "state": refund.state,
        "amount_fen": refund.amount_fen,
        "payouts": refund.payouts,
        "is_by_hand": refund.is_by_hand,
        "is_rescued": refund.is_rescued,
        "received_by": refund.received_by,
        "made_at": refund.made_at.isoformat(),
        "done_at": refund.done_at.isoformat() if refund.done_at else None,
    }
