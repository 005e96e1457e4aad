"""What shuts, and when: the windows in which a payment can still be put right, and the warning before each (S67).

Windows follow from the payment and the channel's facts alone, so nothing is stored and no job watches a payment: who
has a reason to look (an open case, `cases/clockwork.py`) works them out again when it looks, and keeps of which it
has warned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from yuanlu.channels.contract import Facts
from yuanlu.clock import business_day
from yuanlu.lawbook.promises import rail
from yuanlu.lawbook.shapes import Rails
from yuanlu.lawbook.shelf import Book
from yuanlu.lawbook.workdays import day_end
from yuanlu.payments.rules import HAS_MONEY, Mode, Payment, State

REVERSE, CLOSE, REFUND, POLICY, REPLY = "reverse", "close", "refund", "policy", "reply"
"""Names of windows. The last two are not the payment's: the shop's policy, and an answer owed to a complaint."""


@dataclass(frozen=True, slots=True)
class Window:
    """Something that can be done until `shuts_at`; people are warned so long before, once for each of `leads`."""

    name: str
    shuts_at: datetime
    leads: tuple[timedelta, ...]

    @property
    def warn_at(self) -> datetime:
        """When people are warned first."""
        return self.shuts_at - max(self.leads)

    def lead(self, at: datetime) -> timedelta | None:
        """The lead time to warn with now: of all that have come, the latest. None: none has come, or it has shut."""
        come = [lead for lead in self.leads if self.shuts_at - lead <= at < self.shuts_at]
        return min(come, default=None)

    def next_warning(self, at: datetime) -> datetime | None:
        """When the next warning comes; None: there is none to come."""
        return min((self.shuts_at - lead for lead in self.leads if self.shuts_at - lead > at), default=None)


def window(book: Book, name: str, shuts_at: datetime) -> Window:
    """A window with the warnings that the pack sets for its name."""
    before = book.one(Rails).warn_before
    return Window(name, shuts_at, before.get(name, before["other"]))


def windows(
    bound: Facts, book: Book, payment: Payment, at: datetime, more: Sequence[tuple[str, datetime]] = ()
) -> tuple[Window, ...]:
    """The windows of a payment that are open now, the next to shut first.

    Shape: `bound` are the facts of the payment's channel; `more` are windows known elsewhere, name and end.
    """
    ends = [*_ends(bound, book, payment), *more]
    found = (window(book, name, shuts_at) for name, shuts_at in ends if shuts_at > at)
    return tuple(sorted(found, key=lambda each: (each.shuts_at, each.name)))


def _ends(bound: Facts, book: Book, payment: Payment) -> list[tuple[str, datetime]]:
    if payment.state in HAS_MONEY:
        return [(REFUND, refund_shuts_at(bound, payment))]
    if payment.state in (State.SENT, State.REVERSING) and payment.mode is Mode.SCANNED:
        return [(REVERSE, reverse_shuts_at(bound, book, payment))]
    if payment.state is State.SHOWN:
        return [(CLOSE, payment.give_up_at)]
    return []


def refund_shuts_at(bound: Facts, payment: Payment) -> datetime:
    """Until when the channel takes refunds of a payment."""
    return (payment.paid_at or payment.sent_at) + bound.refund_open_for


def reverse_shuts_at(bound: Facts, book: Book, payment: Payment) -> datetime:
    """Until when a scanned payment can be reversed: the channel's span, or sooner where the business day counts."""
    shuts_at = payment.sent_at + bound.reverse_within
    known = rail(book, payment.channel)
    if known is None or known.reverse_day_end_plus is None:
        return shuts_at
    return min(shuts_at, day_end(business_day(payment.sent_at)) + known.reverse_day_end_plus)


def parts_left(bound: Facts, payment: Payment) -> int | None:
    """How many more refunds the channel takes of a payment. None: it sets no limit."""
    return None if bound.refund_parts_max is None else max(bound.refund_parts_max - payment.parts, 0)
