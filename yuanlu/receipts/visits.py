"""Whose a receipt's page is: the browser that acted on it first, or whoever knows what only the payer's wallet shows.

The link stands on a slip, and a slip can be forwarded, photographed, found; and a chat that shows what is behind a
link looks at it before anybody does. So looking makes nobody the first: the first browser is the one that first *acts*
(sends a form of the page), and it is known again by its cookie. Any other one gives the last four digits of the
channel's number, which is in the payer's bill and on no slip of ours. After `TRIES_MAX` wrong ones nobody new gets in,
whatever they give: 10,000 guesses are not far.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

from yuanlu.change import Change, Row, Stay
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.payments.rules import Payment
from yuanlu.reading import Read, View, maker, rows_by_id

TRIES_MAX = 5
TAIL = 4
VISITORS_MAX = 20
"""Browsers a receipt is known in; the one longest there goes, but for the first."""


class Standing(StrEnum):
    """What a browser is to a page."""

    FREE = "free"
    """Nobody has acted on the page yet: whoever does so first is known."""
    KNOWN = "known"
    STRANGER = "stranger"
    """Others were first: it gives four digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit(Row):
    """The page of a payment, whose id it has. `visitors`: keyed digests of cookies, between blanks."""

    table = "visits"

    opened_at: datetime
    visitors: str
    tries: int = 0

    def knows(self, mark: str) -> bool:
        """Whether this browser may see all."""
        return mark in self.visitors.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptOpened(Fact):
    """A browser acted on the page, the first of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptProven(Fact):
    """Another browser gave what the payer's bill shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptTried(Fact):
    """Another browser gave something else."""

    tries: int


VISIT = rows_by_id(Visit)
_made = maker(Visit)


def by_id(merchant_id: str, payment_id: str) -> View[Visit | None]:
    """The visits to a payment's page, if there were any."""
    return View((Read(VISIT, merchant_id, payment_id),), lambda found: _made(found[0][0]) if found[0] else None)


def standing(mark: str, seen: Visit | None) -> Standing:
    """What the browser of this mark is to a page. Law: to be asked changes nothing, however often and by whomever."""
    if seen is None:
        return Standing.FREE
    return Standing.KNOWN if seen.knows(mark) else Standing.STRANGER


def claims(
    merchant_id: str, payment_id: str, mark: str, seen: Visit | None, at: datetime
) -> Change[Visit] | Stay[Visit]:
    """A browser acts on the page: the first of all is known from now on. Law: of two at once, one is the first."""
    if seen is not None:
        return Stay(seen)
    row = Visit(merchant_id=merchant_id, id=payment_id, opened_at=at, visitors=mark)
    return Change(row=row, at=at, who="customer", facts=(ReceiptOpened(),))


def proves(mark: str, is_right: bool, seen: Visit | None, at: datetime) -> Change[Visit] | Stay[Visit]:
    """A browser gives four digits. Law: each wrong one is counted before anything is told, whoever asks and where.

    Raises Denied: receipt.unknown, receipt.locked.
    """
    if seen is None:
        raise Denied("receipt.unknown")
    if seen.knows(mark):
        return Stay(seen)
    if seen.tries >= TRIES_MAX:
        raise Denied("receipt.locked")
    row = replace(seen, version=seen.version + 1)
    if not is_right:
        row = replace(row, tries=seen.tries + 1)
        return Change(row=row, at=at, who="customer", facts=(ReceiptTried(tries=row.tries),))
    first, *others = seen.visitors.split()
    row = replace(row, visitors=" ".join([first, *others[-(VISITORS_MAX - 2) :], mark]))
    return Change(row=row, at=at, who="customer", facts=(ReceiptProven(),))


def mark_of(desk: Desk, payment_id: str, visitor: str) -> str:
    """Under what a browser is kept for one payment: no two payments show that it was the same one."""
    return desk.mark(f"visit:{payment_id}:{visitor}")


async def seen(desk: Desk, payment: Payment, visitor: str) -> Standing:
    """What this browser is to the page of a payment; nothing is written down."""
    return standing(mark_of(desk, payment.id, visitor), await desk.see(by_id(payment.merchant_id, payment.id)))


async def claimed(desk: Desk, payment: Payment, visitor: str) -> bool:
    """This browser acts: whether it may, being known or the first of all."""
    mark = mark_of(desk, payment.id, visitor)
    rule = partial(claims, payment.merchant_id, payment.id, mark)
    return (await desk.decide(by_id(payment.merchant_id, payment.id), rule)).row.knows(mark)


async def prove(desk: Desk, payment: Payment, visitor: str, tail: str) -> bool:
    """Give the four digits. Raises Denied: see `proves`; receipt.no_number."""
    if len(payment.channel_number) < TAIL:
        raise Denied("receipt.no_number")
    is_right = hmac.compare_digest(tail.encode(), payment.channel_number[-TAIL:].encode())
    mark = mark_of(desk, payment.id, visitor)
    view = by_id(payment.merchant_id, payment.id)
    return (await desk.decide(view, partial(proves, mark, is_right))).row.knows(mark)
