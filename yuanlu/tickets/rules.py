"""A ticket: a fault of the system or of a device, told by a till with the last lines of its log.

What is kept is bounded and masked before it is kept: no card or identity number, no secret, and no long run of digits
at all, since a payment code is one. Words and log are sealed under the ticket's own key. It is never changed
afterwards, but closed: once, by a person, with what was done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept
from yuanlu.people.rules import Person, demand

LINES_MAX, LINE_MAX, HEALTH_MAX = 100, 160, 2000
_DIGITS = re.compile(r"(?<![0-9A-Za-z])\d{10,}(?![0-9A-Za-z])")
_SEALED = "s1."
"""Text that does not begin so was kept before words were sealed."""


class State(StrEnum):
    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Sealed(Protocol):
    """What seals and opens the text of one ticket (`yuanlu.seal.Sealed`); without a key it was forgotten."""

    @property
    def key(self) -> bytes | None: ...

    def seal(self, text: str) -> str: ...

    def open(self, sealed: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket(Row):
    """A ticket. `about`: the payment or refund it is of, or nothing; `log`: lines of the till, oldest first; `said`:
    what was done, once it is closed. `note`, `log` and `said` are sealed."""

    table = "tickets"

    till_id: str
    store_id: str
    about: str
    cause: str
    code: str
    note: str
    health: str
    log: str
    fingerprint: str
    opened_at: datetime
    opened_by: str
    state: State = State.OPEN
    closed_at: datetime | None = None
    closed_by: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRaised(Fact):
    till_id: str
    about: str
    cause: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClosed(Fact):
    till_id: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAsk:
    """A ticket to be raised. `health`: JSON."""

    merchant_id: str
    id: str
    till_id: str
    about: str
    cause: str
    code: str
    note: str
    health: str
    log: Sequence[str]
    by: Person

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content = (self.till_id, self.about, self.cause, self.code, self.note, self.health, *self.log)
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TicketSeen:
    """What a ticket is decided on: itself, and the store its till stands in (None: there is no such till)."""

    ticket: Ticket | None
    store_id: str | None


def clean(text: str) -> str:
    """A text without what must not be kept. Our own numbers stay: they are how a fault is found."""
    return kept(_DIGITS.sub("••••", text))


def bounded(lines: Sequence[str]) -> str:
    """The last lines of a log, cut and cleaned, one below the other."""
    return "\n".join(clean(line)[:LINE_MAX] for line in lines[-LINES_MAX:])


def opened(sealed: Sealed, text: str) -> str:
    """A text of a ticket as it was said. Nothing of it where it was forgotten."""
    if not text.startswith(_SEALED):
        return text
    return "" if sealed.key is None else sealed.open(text)


def _shut(sealed: Sealed, text: str) -> str:
    return text if not text or text.startswith(_SEALED) else sealed.seal(text)


def raise_ticket(
    ask: TicketAsk, seal: Callable[[str], str], seen: TicketSeen, at: datetime
) -> Change[Ticket] | Stay[Ticket]:
    """Keep a ticket, its words and log sealed. Again with the same id and content is the same.

    Raises Denied: ticket.id_taken, till.unknown, staff.not_allowed, staff.other_store.
    """
    if seen.ticket is not None:
        if seen.ticket.fingerprint != ask.fingerprint:
            raise Denied("ticket.id_taken", id=ask.id)
        return Stay(seen.ticket)
    if seen.store_id is None:
        raise Denied("till.unknown")
    demand(ask.by, "ticket", seen.store_id)
    ticket = Ticket(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.TICKET),
        till_id=ask.till_id,
        store_id=seen.store_id,
        about=ask.about,
        cause=ask.cause,
        code=clean(ask.code),
        note=ask.note and seal(clean(ask.note)),
        health=clean(ask.health)[:HEALTH_MAX],
        log=seal(bounded(ask.log)) if ask.log else "",
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.by.id,
    )
    raised = TicketRaised(till_id=ticket.till_id, about=ticket.about, cause=ticket.cause, code=ticket.code)
    return Change(row=ticket, at=at, who=ask.by.id, facts=(raised,))


def close(said: str, by: Person, sealed: Sealed, seen: Ticket | None, at: datetime) -> Change[Ticket] | Stay[Ticket]:
    """End a ticket with what was done; what was not sealed yet is. The same words by the same person: the same.

    Raises Denied: ticket.unknown, ticket.closed, staff.not_allowed, staff.other_store, key.out_of_scope.
    """
    if seen is None:
        raise Denied("ticket.unknown")
    demand(by, "oversee", seen.store_id)
    text = clean(said)
    if seen.closed_at is not None:
        if seen.closed_by != by.id or opened(sealed, seen.said) != text:
            raise Denied("ticket.closed", id=seen.id)
        return Stay(seen)
    row = replace(
        seen,
        version=seen.version + 1,
        state=State.CLOSED,
        closed_at=at,
        closed_by=by.id,
        said=sealed.seal(text),
        note=_shut(sealed, seen.note),
        log=_shut(sealed, seen.log),
    )
    closed = TicketClosed(till_id=row.till_id, about=row.about)
    return Change(row=row, at=at, who=by.id, facts=(closed,))
