"""The chart of accounts, and the move.

A move takes money from a source to a target, so a list of moves always balances. Every account belongs to one
merchant; the balance of an account is what came in less what went out.

    due(channel)  what the channel owes us: goes down when a payer pays (money enters our books from there), up when
                  a refund leaves. Its negative is what we expect to be paid out.
    cash(till)    what is in a drawer, negative as `due` is: goes down when cash is taken, up when it is paid out
    owed          what we owe the merchant
    HELD          promised to payers: the sum of all open refunds, at every commit; never below zero
    SUSPENSE      left the merchant, did not reach the payer: stranded refunds; never below zero

    REPAID        went back by another road, by hand; never due from the channel, which has paid it out to the merchant
    FLOAT         what stands in drawers as their opening float; SAFE and BANK, negative: cash moved there from them
    DIFFERENCE    what drawers held less (above zero: more) than the books said, when they were counted
    loss(bearer)  what a bearer still has to make good; LOST stands against it, WRITTEN_OFF is what nobody will. These
                  three balance among themselves: a loss moves no payer's money

`docs/reference/accounts.md` shows each posting with an example.
"""

from __future__ import annotations

from dataclasses import dataclass

from yuanlu.errors import Broken
from yuanlu.money import Money

OWED = "owed"
HELD = "held"
SUSPENSE = "suspense"
REPAID = "repaid:offline"
FLOAT = "float"
SAFE = "safe"
BANK = "bank"
DIFFERENCE = "difference:cash"
LOST = "lost"
WRITTEN_OFF = "loss:written"

FLOORED = (HELD, SUSPENSE)
"""Accounts with a kept balance that may not fall below zero. All others are the sum of their moves, no row is hot."""


def due(channel: str) -> str:
    """What this channel owes us."""
    return f"due:{channel}"


def cash(till: str) -> str:
    """What is in this till's drawer."""
    return f"cash:{till}"


def loss(bearer: str) -> str:
    """What this bearer (merchant, cashier, provider, payer) still has to make good."""
    return f"loss:{bearer}"


@dataclass(frozen=True, slots=True)
class Move:
    """Money from one account to another, within one merchant. Law: money > 0; a correction is a new move."""

    source: str
    target: str
    money: Money

    def __post_init__(self) -> None:
        if self.money.amount <= 0 or self.source == self.target:
            raise Broken(f"not a move: {self}")
