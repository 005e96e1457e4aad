"""The verbs of a ticket: raise, close, read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.people.rules import Person
from yuanlu.tickets import rules, store
from yuanlu.tickets.rules import Ticket, TicketAsk


async def request(desk: Desk, ask: TicketAsk) -> Done[Ticket]:
    """Keep a ticket. No key is made for one that is refused anyway.

    Raises Denied: see `rules.raise_ticket`.
    """
    view = store.for_ask(ask)
    rules.raise_ticket(ask, str, await desk.see(view), desk.clock.now())
    sealed = await desk.sealed(ask.merchant_id, ask.id)
    return await desk.decide(view, partial(rules.raise_ticket, ask, sealed.seal))


async def close(desk: Desk, merchant_id: str, ticket_id: str, said: str, by: Person) -> Ticket:
    """End a ticket with what was done.

    Raises Denied: see `rules.close`.
    """
    await of(desk, merchant_id, ticket_id, by)
    sealed = await desk.sealed(merchant_id, ticket_id)
    return (await desk.decide(store.by_id(merchant_id, ticket_id), partial(rules.close, said, by, sealed))).row


async def of(desk: Desk, merchant_id: str, ticket_id: str, by: Person) -> Ticket:
    """One ticket, sealed as it is kept.

    Raises Denied: ticket.unknown.
    """
    ticket = await desk.see(store.by_id(merchant_id, ticket_id))
    if ticket is None or by.store_id not in ("", ticket.store_id):
        raise Denied("ticket.unknown")
    return ticket


async def opened(desk: Desk, ticket: Ticket) -> Ticket:
    """A ticket with its words and log to be read; empty where they were forgotten."""
    if not (ticket.note or ticket.log or ticket.said):
        return ticket
    read = partial(rules.opened, await desk.sealed(ticket.merchant_id, ticket.id))
    return replace(ticket, note=read(ticket.note), log=read(ticket.log), said=read(ticket.said))
