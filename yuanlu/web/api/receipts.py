"""Slips over HTTP: what stands on them, the printers and the queue to these, and letters that take them along."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.letters import Way
from yuanlu.mailing import flow as mailing
from yuanlu.mailing.rules import Mailing
from yuanlu.receipts import flow, layout, render, rules, store, wire
from yuanlu.receipts.rules import Print, PrintAsk, Printer, PrinterAsk, Via
from yuanlu.slips import Report, Word
from yuanlu.web.parts import lists
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Contact, Line, Page, Wish

BYTES = "application/octet-stream"
PrinterId = Annotated[str, Meta(pattern=f"^ZR{_ID}{END}", examples=["ZR01KATE3S40000000000000000X8"])]
PrintId = Annotated[str, Meta(pattern=f"^ZP{_ID}{END}", examples=["ZP01KATE3S40000000000000000XP"])]
MailingId = Annotated[str, Meta(pattern=f"^ZM{_ID}{END}", examples=["ZM01KATE3S40000000000000000XT"])]
StoreId = Annotated[str, Meta(pattern=f"^YS{_ID}{END}")]
MaybeTillId = Annotated[str, Meta(pattern=f"^(YT{_ID})?{END}")]
ObjectId = Annotated[str, Meta(pattern=f"^(Y[PR]{_ID})?{END}", examples=["YP01KATE3S40000000000000000S8"])]
Lang = Literal["zh", "en"]
_KINDS = {Kind.PAYMENT: layout.Kind.PAYMENT, Kind.REFUND: layout.Kind.REFUND}


class PrinterWish(Wish, kw_only=True):
    """A printer. `via` network: at `address` (IP and port) in a network the service allows; till: the till's own."""

    id: PrinterId
    via: Literal["network", "till"]
    name: Line = ""
    store: StoreId
    till: MaybeTillId = ""
    address: Annotated[str, Meta(max_length=64)] = ""
    paper_mm: Literal[58, 80] = 58


class PrinterTold(Struct, frozen=True, kw_only=True):
    """A printer. `closed_at`: since when it is out of use."""

    id: str
    via: str
    name: str
    store: str
    till: str
    address: str
    paper_mm: int
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None


class PrintersTold(Struct, frozen=True, kw_only=True):
    """Printers, newest first."""

    items: Sequence[PrinterTold]
    next: str | None


class StandingTold(Struct, frozen=True, kw_only=True):
    """What keeps a printer from printing now: paper, cover, offline, away; empty: nothing."""

    id: str
    trouble: str


class PrintWish(Wish, kw_only=True):
    """A slip to be printed: of a payment or a refund, or, where `of` is empty, the printer's test page."""

    id: PrintId
    printer: PrinterId
    of: ObjectId = ""
    lang: Lang = "zh"
    copies: Annotated[int, Meta(ge=1, le=layout.COPIES_MAX)] = 1


class PrintsWish(Page):
    """Which prints."""

    state: Literal["", "QUEUED", "SENT", "PRINTED", "JAMMED", "GONE"] = ""
    printer: Annotated[str, Meta(pattern=f"^(ZR{_ID})?{END}")] = ""


class HeardWish(Wish):
    """What became of a sending that the till did: `sends` says of which. `BROKEN`: it may have come out in part."""

    word: Literal["DONE", "BLOCKED", "BROKEN"]
    sends: Annotated[int, Meta(ge=1, le=2**31)]
    trouble: Literal["", "paper", "cover", "offline", "broken"] = ""


class PrintTold(Struct, frozen=True, kw_only=True):
    """A print as it stands. `again`: how many slips of this may have come out before this one; it says so itself."""

    id: str
    state: str
    kind: str
    of: str
    printer: str
    via: str
    again: int
    copies: int
    lang: str
    sends: int
    trouble: str
    opened_at: datetime
    opened_by: str
    sent_at: datetime | None
    ended_at: datetime | None


class PrintsTold(Struct, frozen=True, kw_only=True):
    """Prints, newest first."""

    items: Sequence[PrintTold]
    next: str | None


class ReceiptWish(Wish):
    """How a slip is drawn."""

    paper_mm: Literal[58, 80] = 58
    lang: Lang = "zh"


class ReceiptTold(Struct, frozen=True, kw_only=True):
    """A slip, not printed: as text and as an SVG. `link`: the address its QR leads to; empty: nobody can reach us.

    `link_svg`: that QR alone, to be held to a customer who wants no paper.
    """

    of: str
    kind: str
    state: str
    link: str
    link_svg: str
    text: str
    svg: str


class SendWish(Wish):
    """A receipt to be sent to a customer who agreed to it: to one e-mail address or telephone number."""

    id: MailingId
    way: Literal["email", "sms"]
    target: Annotated[str, Meta(pattern=f"^[!-~]+{END}", max_length=254)]
    consent: bool
    lang: Lang = "zh"


class MailingTold(Struct, frozen=True, kw_only=True):
    """A letter with a receipt, as it stands. `trouble`: what kept it from going so far, or for good."""

    id: str
    state: str
    of: str
    way: str
    shown: Contact
    lang: str
    attempts: int
    trouble: str
    opened_at: datetime
    opened_by: str
    ended_at: datetime | None


def printer_told(row: Printer) -> PrinterTold:
    """A printer as its own shop sees it."""
    return PrinterTold(
        id=row.id,
        via=row.via.value,
        name=row.name,
        store=row.store_id,
        till=row.till_id,
        address=row.address,
        paper_mm=row.paper_mm,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        closed_at=row.closed_at,
    )


def print_told(row: Print) -> PrintTold:
    """A print as its own shop sees it."""
    return PrintTold(
        id=row.id,
        state=row.state.value,
        kind=row.kind.value,
        of=row.object_id,
        printer=row.printer_id,
        via=row.via.value,
        again=row.again + row.unclear,
        copies=row.copies,
        lang=row.lang,
        sends=row.sends,
        trouble=row.trouble,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        sent_at=row.sent_at,
        ended_at=row.ended_at,
    )


def mailing_told(row: Mailing) -> MailingTold:
    """A letter with a receipt as its own shop sees it: of the address only what may be seen."""
    return MailingTold(
        id=row.id,
        state=row.state.value,
        of=row.object_id,
        way=row.way.value,
        shown=row.shown,
        lang=row.lang,
        attempts=row.attempts,
        trouble=row.trouble,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        ended_at=row.ended_at,
    )


async def add_printer(call: Call) -> Answer:
    """Write a printer down."""
    wish: PrinterWish = call.wish
    ask = PrinterAsk(
        merchant_id=call.merchant_id,
        id=wish.id,
        via=Via(wish.via),
        name=wish.name,
        store_id=wish.store,
        till_id=wish.till,
        address=wish.address,
        paper_mm=wish.paper_mm,
        by=call.by,
    )
    done = await flow.add_printer(call.office.desk, ask)
    return 201 if done.changed else 200, printer_told(done.row)


async def page_printers(call: Call) -> Answer:
    """Some printers, newest first."""
    wish: Page = call.query
    found = await lists.page(
        call.office.pools.reader, call.merchant_id, Printer, wish.after, wish.limit, {"store_id": call.by.store_id}
    )
    return 200, PrintersTold(items=[printer_told(store.printer_made(row)) for row in found.rows], next=found.next)


async def _printer(call: Call) -> Printer:
    row = await call.office.desk.see(store.printer(call.merchant_id, call.id(Kind.PRINTER)))
    if row is None or call.by.store_id not in ("", row.store_id):
        raise Denied("printer.unknown")
    return row


async def see_printer(call: Call) -> Answer:
    """One printer."""
    return 200, printer_told(await _printer(call))


async def ask_printer(call: Call) -> Answer:
    """Ask a printer of the network how it is, now."""
    row = await _printer(call)
    if row.via is not Via.NETWORK:
        raise Denied("printer.not_network")
    rules.address_checked(row.address, call.office.desk.printing.networks)
    return 200, StandingTold(id=row.id, trouble=await wire.status(row.address))


async def close_printer(call: Call) -> Answer:
    """Take a printer out of use."""
    row = await flow.close_printer(call.office.desk, call.merchant_id, call.id(Kind.PRINTER), call.by)
    return 200, printer_told(row)


async def request(call: Call) -> Answer:
    """Ask for a slip to be printed."""
    wish: PrintWish = call.wish
    if wish.of and not is_id(wish.of, *_KINDS):
        raise Denied("receipt.unknown")
    ask = PrintAsk(
        merchant_id=call.merchant_id,
        id=wish.id,
        kind=_KINDS[Kind(wish.of[:2])] if wish.of else layout.Kind.TEST,
        object_id=wish.of or wish.printer,
        printer_id=wish.printer,
        lang=wish.lang,
        copies=wish.copies,
        by=call.by,
    )
    done = await flow.request(call.office.desk, ask)
    return 201 if done.changed else 200, print_told(done.row)


async def page_prints(call: Call) -> Answer:
    """Some prints, newest first."""
    wish: PrintsWish = call.query
    wanted = {"state": wish.state, "printer_id": wish.printer, "store_id": call.by.store_id}
    found = await lists.page(call.office.pools.reader, call.merchant_id, Print, wish.after, wish.limit, wanted)
    return 200, PrintsTold(items=[print_told(store.print_made(row)) for row in found.rows], next=found.next)


async def see_print(call: Call) -> Answer:
    """One print."""
    return 200, print_told(await flow.of(call.office.desk, call.merchant_id, call.id(Kind.PRINT), call.by))


async def take(call: Call) -> Answer:
    """Give the bytes to the till whose printer it is."""
    row, data = await flow.take(call.office.desk, call.merchant_id, call.id(Kind.PRINT), call.by)
    return 200, Told(data, 200, BYTES, {"yuanlu-sends": str(row.sends), "content-disposition": "attachment"})


async def hear(call: Call) -> Answer:
    """Take in what became of a sending that the till did."""
    wish: HeardWish = call.wish
    row = await flow.of(call.office.desk, call.merchant_id, call.id(Kind.PRINT), call.by)
    if row.via is not Via.TILL:
        raise Denied("print.not_till")
    report = Report(Word(wish.word), wish.trouble)
    return 200, print_told(await flow.learn(call.office.desk, call.merchant_id, row.id, report, wish.sends, call.who))


async def retry(call: Call) -> Answer:
    """Try a print again now."""
    return 200, print_told(await flow.retry(call.office.desk, call.merchant_id, call.id(Kind.PRINT), call.by))


async def give_up(call: Call) -> Answer:
    """Print this no more."""
    return 200, print_told(await flow.give_up(call.office.desk, call.merchant_id, call.id(Kind.PRINT), call.by))


async def see_receipt(call: Call) -> Answer:
    """A slip, not printed."""
    wish: ReceiptWish = call.query
    of = call.place["receipt"]
    if not is_id(of, *_KINDS):
        raise Denied("receipt.unknown")
    slip = await flow.slip_of(call.office.desk, call.merchant_id, of, wish.lang, call.by)
    return 200, await asyncio.to_thread(_receipt_told, of, slip, layout.laid(slip, wish.paper_mm))


async def send(call: Call) -> Answer:
    """Ask for a receipt to be sent to a customer, by mail or SMS. At most three letters of one receipt."""
    wish: SendWish = call.wish
    of = call.place["receipt"]
    if not is_id(of, *_KINDS):
        raise Denied("receipt.unknown")
    done = await mailing.request(
        call.office.desk, call.merchant_id, wish.id, of,
        way=Way(wish.way), target=wish.target, lang=wish.lang, consent=wish.consent, by=call.by,
    )  # fmt: skip
    return 201 if done.changed else 200, mailing_told(done.row)


async def see_mailing(call: Call) -> Answer:
    """What became of one letter with a receipt."""
    return 200, mailing_told(await mailing.of(call.office.desk, call.merchant_id, call.id(Kind.MAILING), call.by))


def _receipt_told(of: str, slip: layout.Slip, sheet: layout.Sheet) -> ReceiptTold:
    """Two QR codes are drawn, about 20 ms of CPU: in a thread."""
    return ReceiptTold(
        of=of,
        kind=slip.kind.value,
        state=slip.state,
        link=slip.link,
        link_svg=render.qr_svg(slip.link),
        text=render.plain([sheet]),
        svg=render.svg(sheet),
    )


_PRINTER = "ZR01KATE3S40000000000000000X8"
_MAILING = "ZM01KATE3S40000000000000000XT"
ROUTES = (
    Route(
        method="GET",
        path="/v1/receipts/{receipt}",
        verb=see_receipt,
        may="print",
        says="A receipt or refund slip as text and SVG, by the id of its payment or refund",
        query=ReceiptWish,
        gives=ReceiptTold,
        denied=("receipt.unknown", "receipt.no_money", "seal.forgotten"),
    ),
    Route(
        method="POST",
        path="/v1/receipts/{receipt}/send",
        verb=send,
        may="print",
        says="Send a receipt or refund slip to a customer, by mail or SMS",
        takes=SendWish,
        gives=MailingTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "mailing.id_taken",
            "mailing.too_many",
            "contact.no_consent",
            "contact.way",
            "hook.email_invalid",
            "hook.phone_invalid",
            "receipt.unknown",
            "receipt.no_money",
            "receipt.no_link",
            "mail.not_set",
            "sms.no_template",
            "seal.forgotten",
        ),
        example={"id": _MAILING, "way": "email", "target": "li@mail.example", "consent": True},
    ),
    Route(
        method="GET",
        path="/v1/mailings/{mailing}",
        verb=see_mailing,
        may="see",
        says="What became of a receipt that was sent",
        gives=MailingTold,
        denied=("mailing.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/printers",
        verb=add_printer,
        may="printers",
        says="Write a printer down",
        takes=PrinterWish,
        gives=PrinterTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "printer.id_taken",
            "printer.store_unknown",
            "printer.till_unknown",
            "printer.till_needed",
            "printer.address",
            "printer.address_outside",
        ),
        example={
            "id": _PRINTER,
            "via": "network",
            "name": "counter",
            "store": "YS01KATE3S4000000000000000000",
            "address": "192.168.1.50:9100",
        },
    ),
    Route(
        method="GET",
        path="/v1/printers",
        verb=page_printers,
        may="see",
        says="Printers, newest first",
        query=Page,
        gives=PrintersTold,
    ),
    Route(
        method="GET",
        path="/v1/printers/{printer}",
        verb=see_printer,
        may="see",
        says="One printer",
        gives=PrinterTold,
        denied=("printer.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/printers/{printer}/ask",
        verb=ask_printer,
        may="print",
        says="Ask a printer of the network how it is, now",
        gives=StandingTold,
        denied=("printer.unknown", "printer.not_network", "printer.address_outside"),
    ),
    Route(
        method="POST",
        path="/v1/printers/{printer}/close",
        verb=close_printer,
        may="printers",
        says="Take a printer out of use",
        gives=PrinterTold,
        denied=("printer.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/prints",
        verb=request,
        may="print",
        says="Ask for a slip, or a test page, to be printed",
        takes=PrintWish,
        gives=PrintTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "print.id_taken",
            "printer.unknown",
            "printer.closed",
            "receipt.unknown",
            "receipt.no_money",
        ),
        example={"id": "ZP01KATE3S40000000000000000XP", "printer": _PRINTER, "of": "YP01KATE3S40000000000000000S8"},
    ),
    Route(
        method="GET",
        path="/v1/prints",
        verb=page_prints,
        may="see",
        says="Prints, newest first",
        query=PrintsWish,
        gives=PrintsTold,
    ),
    Route(
        method="GET",
        path="/v1/prints/{print}",
        verb=see_print,
        may="see",
        says="One print",
        gives=PrintTold,
        denied=("print.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/prints/{print}/take",
        verb=take,
        may="print",
        says="The bytes of a print, for the till whose own printer it is",
        gives=PrintTold,
        gives_kinds=(BYTES,),
        denied=(
            "print.unknown",
            "print.not_till",
            "print.ended",
            "receipt.unknown",
            "receipt.no_money",
            "seal.forgotten",
        ),
    ),
    Route(
        method="POST",
        path="/v1/prints/{print}/heard",
        verb=hear,
        may="print",
        says="Say what became of a print that the till did",
        takes=HeardWish,
        gives=PrintTold,
        denied=("print.unknown", "print.not_till"),
        example={"word": "DONE", "sends": 1},
    ),
    Route(
        method="POST",
        path="/v1/prints/{print}/retry",
        verb=retry,
        may="print",
        says="Try a print again now",
        gives=PrintTold,
        denied=("print.unknown", "print.ended"),
    ),
    Route(
        method="POST",
        path="/v1/prints/{print}/give-up",
        verb=give_up,
        may="print",
        says="Print this no more",
        gives=PrintTold,
        denied=("print.unknown", "print.ended", "print.being_sent"),
    ),
)
