"""Which way money goes back: the cheapest that is correct, by what the channel allows (S53, S64, S67).

    CLOSE     not paid, our order is on the screen: end it, nothing has to go back
    REVERSE   scanned and not certain: end it whatever became of it
    REFUND    paid: back the way it came, no account has to be named
    CASH      paid in cash: a named person gives it back out of a drawer
    RESCUE    it left and cannot reach the payer: to another card, by two people
    OFFLINE   the channel takes no refund any more: a manager approves a repayment with proof
    WAIT      something is under way, by whichever road, or contradicts our books: a second way now could pay twice
    NONE      there is nothing that could go back

A reverse is never the way for what is known to be paid: both channels mean it for what is not certain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from yuanlu.channels.contract import Channel, Facts
from yuanlu.lawbook.shelf import Book
from yuanlu.payments.rules import Mode, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import OPEN, Refund, State
from yuanlu.refunds.windows import parts_left, refund_shuts_at, reverse_shuts_at


class Way(StrEnum):
    CLOSE = "close"
    REVERSE = "reverse"
    REFUND = "refund"
    CASH = "cash"
    RESCUE = "rescue"
    OFFLINE = "offline"
    WAIT = "wait"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Route:
    """The way to take, why (words under `route.<why>`), and until when it is open (None: no end is known)."""

    way: Way
    why: str
    until: datetime | None = None


def route(
    bound: Facts, book: Book, payment: Payment, refunds: Sequence[Refund], at: datetime, *, is_repaying: bool = False
) -> Route:
    """The way for what may still go back of a payment.

    Shape: `bound` are the facts of its channel, `refunds` its refunds (all, or those of one case and what contradicts
    our books), `is_repaying`: a repayment of it is open. Total: there is an answer in every state.
    """
    if payment.incident or any(each.incident for each in refunds):
        return Route(Way.WAIT, "incident")
    match payment.state:
        case PaymentState.SENT | PaymentState.REVERSING if payment.mode is Mode.SCANNED:
            return _reverse(bound, book, payment, at)
        case PaymentState.SENT | PaymentState.SHOWN | PaymentState.REVERSING:
            return Route(Way.CLOSE, "not_paid", payment.give_up_at if payment.give_up_at > at else None)
        case PaymentState.CLOSING:
            return Route(Way.WAIT, "closing")
        case PaymentState.FAILED | PaymentState.REVERSED | PaymentState.CLOSED:
            return Route(Way.NONE, "nothing_paid")
        case PaymentState.PAID | PaymentState.LATE_PAID:
            if is_repaying:
                return Route(Way.WAIT, "repaying")
            return _back(bound, payment, refunds, at)


def _reverse(bound: Facts, book: Book, payment: Payment, at: datetime) -> Route:
    until = reverse_shuts_at(bound, book, payment)
    return Route(Way.REVERSE, "not_certain", until) if at < until else Route(Way.WAIT, "reverse_shut")


def _back(bound: Facts, payment: Payment, refunds: Sequence[Refund], at: datetime) -> Route:
    """The way back of a payment that has its money: what lies stranded comes first, then what is left."""
    states = {each.state for each in refunds}
    if State.STRANDED in states:
        return Route(Way.RESCUE, "stranded") if bound.has_rescue else Route(Way.OFFLINE, "no_rescue")
    if payment.rest.amount <= 0:
        under_way = any(each.state in OPEN for each in refunds)
        return Route(Way.WAIT, "under_way") if under_way else Route(Way.NONE, "all_back")
    until = refund_shuts_at(bound, payment)
    if at > until:
        return Route(Way.OFFLINE, "too_late")
    if parts_left(bound, payment) == 0:
        return Route(Way.OFFLINE, "no_parts_left")
    if payment.channel is Channel.CASH:
        return Route(Way.CASH, "cash", until)
    return Route(Way.REFUND, "came_back" if State.RETURNED in states else "paid", until)
