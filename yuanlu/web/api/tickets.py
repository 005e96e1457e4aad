"""Tickets over HTTP: a till tells of a fault, people read what it told and close it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.payments import store as payments
from yuanlu.refunds import store as refunds
from yuanlu.tickets import flow, store
from yuanlu.tickets.rules import LINE_MAX, LINES_MAX, Ticket, TicketAsk
from yuanlu.web.api.stations import Health
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, _TEXT, END, Line, Page, TillId, Wish

TicketId = Annotated[str, Meta(pattern=f"^ZT{_ID}{END}", examples=["ZT01KATE3S40000000000000000T6"])]
AboutId = Annotated[str, Meta(pattern=f"^(Y[PR]{_ID})?{END}", examples=["YP01KATE3S40000000000000000S8"])]
LogLine = Annotated[str, Meta(max_length=LINE_MAX, pattern=f"^[^\\x00-\\x1f\\x7f]*{END}")]


class TicketWish(Wish, kw_only=True):
    """A fault. `about`: the payment or refund it is of. `log`: the till's last lines, oldest first; they are masked."""

    id: TicketId
    till: TillId
    about: AboutId = ""
    cause: Literal["system", "network", "device"]
    code: Annotated[str, Meta(max_length=128, pattern=f"^[^\\x00-\\x1f\\x7f]*{END}")] = ""
    note: Line = ""
    health: Health | None = None
    log: Annotated[Sequence[LogLine], Meta(max_length=LINES_MAX)] = ()


class TicketEndWish(Wish):
    """What was done about a fault."""

    said: Annotated[str, Meta(pattern=_TEXT, min_length=1, max_length=1000)]


class TicketsWish(Page):
    """Which tickets."""

    till: TillId | Literal[""] = ""
    cause: Literal["", "system", "network", "device"] = ""
    about: AboutId = ""
    state: Literal["", "OPEN", "CLOSED"] = ""


class TicketTold(Struct, frozen=True, kw_only=True):
    """A ticket, without its log. `said`: what was done, once it is closed."""

    id: str
    state: str
    till: str
    store: str
    about: str
    cause: str
    code: str
    note: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str
    said: str


class WholeTicketTold(TicketTold, frozen=True, kw_only=True):
    """A ticket with its log (lines, oldest first) and the device's health."""

    health: Health | None
    log: Sequence[str]


class TicketsTold(Struct, frozen=True, kw_only=True):
    """Tickets, newest first."""

    items: Sequence[TicketTold]
    next: str | None


def _fields(row: Ticket) -> dict[str, object]:
    return {
        "id": row.id,
        "state": row.state,
        "till": row.till_id,
        "store": row.store_id,
        "about": row.about,
        "cause": row.cause,
        "code": row.code,
        "note": row.note,
        "opened_at": row.opened_at,
        "opened_by": row.opened_by,
        "closed_at": row.closed_at,
        "closed_by": row.closed_by,
        "said": row.said,
    }


def ticket_told(row: Ticket) -> TicketTold:
    """A ticket as a list shows it."""
    return msgspec.convert(_fields(row), TicketTold)


def whole_told(row: Ticket) -> WholeTicketTold:
    """A ticket with all that is attached."""
    health = msgspec.json.decode(row.health, type=Health) if row.health else None
    return msgspec.convert({**_fields(row), "health": None, "log": row.log.splitlines()}, WholeTicketTold).__replace__(
        health=health
    )


async def _about_known(call: Call, about: str) -> None:
    """Let a ticket name a payment or refund that is there.

    Raises Denied: payment.unknown, refund.unknown.
    """
    kind = Kind(about[:2])
    reads = {Kind.PAYMENT: payments.by_id, Kind.REFUND: refunds.by_id}
    if await call.office.desk.see(reads[kind](call.merchant_id, about)) is None:  # type: ignore[operator]
        raise Denied(f"{kind.name.lower()}.unknown")


async def request(call: Call) -> Answer:
    """Keep a ticket."""
    wish: TicketWish = call.wish
    if wish.about:
        await _about_known(call, wish.about)
    ask = TicketAsk(
        merchant_id=call.merchant_id,
        id=wish.id,
        till_id=wish.till,
        about=wish.about,
        cause=wish.cause,
        code=wish.code,
        note=wish.note,
        health=msgspec.json.encode(wish.health).decode() if wish.health else "",
        log=wish.log,
        by=call.by,
    )
    done = await flow.request(call.office.desk, ask)
    return 201 if done.changed else 200, ticket_told(await flow.opened(call.office.desk, done.row))


async def page(call: Call) -> Answer:
    """Some tickets, newest first."""
    wish: TicketsWish = call.query
    wanted = {"till_id": wish.till, "cause": wish.cause, "about": wish.about, "state": wish.state}
    found = await lists.page(
        call.office.pools.reader, call.merchant_id, Ticket, wish.after, wish.limit, wanted, store_id=call.by.store_id
    )
    tickets = [await flow.opened(call.office.desk, replace(store.made(row), log="")) for row in found.rows]
    return 200, TicketsTold(items=[ticket_told(each) for each in tickets], next=found.next)


async def see(call: Call) -> Answer:
    """One ticket with its log."""
    desk = call.office.desk
    ticket = await flow.of(desk, call.merchant_id, call.id(Kind.TICKET), call.by)
    return 200, whole_told(await flow.opened(desk, ticket))


async def close(call: Call) -> Answer:
    """End a ticket with what was done."""
    desk = call.office.desk
    ticket = await flow.close(desk, call.merchant_id, call.id(Kind.TICKET), call.wish.said, call.by)
    return 200, ticket_told(await flow.opened(desk, ticket))


ROUTES = (
    Route(
        method="POST",
        path="/v1/tickets",
        verb=request,
        may="ticket",
        says="Tell of a fault of the system or of a device, with a till's log",
        takes=TicketWish,
        gives=TicketTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "ticket.id_taken",
            "till.unknown",
            "staff.other_store",
            "payment.unknown",
            "refund.unknown",
        ),
        example={"id": "ZT01KATE3S40000000000000000T6", "till": "YT01KATE3S40000000000000000EY", "cause": "device"},
    ),
    Route(
        method="GET",
        path="/v1/tickets",
        verb=page,
        may="see",
        says="Tickets, newest first",
        query=TicketsWish,
        gives=TicketsTold,
    ),
    Route(
        method="GET",
        path="/v1/tickets/{ticket}",
        verb=see,
        may="see",
        says="One ticket with its log",
        gives=WholeTicketTold,
        denied=("ticket.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/tickets/{ticket}/close",
        verb=close,
        may="oversee",
        says="End a ticket with what was done, once",
        takes=TicketEndWish,
        gives=TicketTold,
        denied=("ticket.unknown", "ticket.closed"),
        example={"said": "The roll of paper was put in the wrong way round"},
    ),
)
