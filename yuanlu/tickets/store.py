"""Tickets: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yuanlu.reading import Read, View, maker, rows_by_id
from yuanlu.stations.store import STORE
from yuanlu.tickets.rules import Ticket, TicketAsk, TicketSeen

BY_ID = rows_by_id(Ticket)
made = maker(Ticket)


def by_id(merchant_id: str, ticket_id: str) -> View[Ticket | None]:
    """One ticket, or None."""
    return View((Read(BY_ID, merchant_id, ticket_id),), lambda found: made(found[0][0]) if found[0] else None)


def for_ask(ask: TicketAsk) -> View[TicketSeen]:
    """What a new ticket is decided on."""

    def make(found: Sequence[Sequence[Mapping[str, Any]]]) -> TicketSeen:
        own, till = found
        return TicketSeen(made(own[0]) if own else None, till[0]["store_id"] if till else None)

    return View((Read(BY_ID, ask.merchant_id, ask.id), Read(STORE, ask.merchant_id, ask.till_id)), make)
