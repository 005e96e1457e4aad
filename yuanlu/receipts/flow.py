"""The verbs of slips: write printers down, ask for prints, send them, and open the page of a receipt."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from yuanlu import ids
from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.people.rules import Person
from yuanlu.receipts import layout, render, rules, store
from yuanlu.receipts.layout import COLUMNS, Kind, Sheet, Slip
from yuanlu.receipts.rules import Print, PrintAsk, Printer, PrinterAsk, Receipt, State, Via
from yuanlu.refunds.rules import Refund
from yuanlu.slips import Report, Sheets, Word
from yuanlu.words import say

WHO = "printing"
TOKEN_BYTES = 32
_SUBJECT = "receipts"
"""Under whose key the tokens of a merchant are sealed."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of a receipt tells: the payment, its refunds (oldest first), and how the shop is called."""

    payment: Payment
    refunds: Sequence[Mapping[str, Any]]
    shop: str
    store: str
    seen_at: datetime


async def add_printer(desk: Desk, ask: PrinterAsk) -> Done[Printer]:
    """Write a printer down.

    Raises Denied: see `rules.add`.
    """
    networks = desk.printing.networks
    return await desk.decide(store.for_printer(ask), partial(rules.add, ask, networks))


async def close_printer(desk: Desk, merchant_id: str, printer_id: str, by: Person) -> Printer:
    """Take a printer out of use.

    Raises Denied: printer.unknown.
    """
    return (await desk.decide(store.printer(merchant_id, printer_id), partial(rules.close, by))).row


async def token_of(desk: Desk, merchant_id: str, object_id: str, who: str) -> str:
    """The token of the page of a payment or refund, made at first use. Only its keyed hash can be looked for.

    Raises Denied: seal.forgotten.
    """
    sealed = await desk.sealed(merchant_id, _SUBJECT)
    fresh = secrets.token_urlsafe(TOKEN_BYTES)
    now = desk.clock.now()
    row = Receipt(
        merchant_id=merchant_id,
        id=object_id,
        mark=mark_of(desk, fresh),
        sealed=sealed.seal(fresh),
        opened_at=now,
        opened_by=who,
    )
    done = await desk.decide(store.receipt(merchant_id, object_id), partial(rules.keep_page, row))
    return sealed.open(done.row.sealed)


def mark_of(desk: Desk, token: str) -> str:
    """The keyed hash under which a token is kept."""
    return desk.mark(f"receipt:{token}")


async def slip_of(desk: Desk, merchant_id: str, object_id: str, lang: str, by: Person) -> Slip:
    """The slip of a payment or refund as it stands now, with the address of its page.

    Raises Denied: receipt.unknown, receipt.no_money, staff.other_store, seal.forgotten.
    """
    payment, refund = await desk.see(store.object_of(merchant_id, object_id))
    if refund is not None:
        payment = await desk.see(payments.by_id(merchant_id, refund.payment_id))
    if payment is None:
        raise Denied("receipt.unknown")
    if by.store_id not in ("", payment.store_id):
        raise Denied("receipt.unknown")
    if payment.state not in rules.HAS_SLIP:
        raise Denied("receipt.no_money")
    token = await token_of(desk, merchant_id, object_id, by.id)
    names = await desk.see(store.names(merchant_id, payment.till_id, payment.store_id))
    slip = _of_payment(payment, names, lang, desk.clock.now(), desk.printing.link(token))
    if refund is not None:
        return _of_refund(slip, refund)
    refunds = await desk.see(store.refunds_of(merchant_id, payment.id))
    return replace(slip, state=rules.said_of(payment, [(each["state"], each["amount_fen"]) for each in refunds]))


def _of_payment(payment: Payment, names: store.Ground, lang: str, now: datetime, link: str) -> Slip:
    return Slip(
        kind=Kind.PAYMENT,
        lang=lang,
        number=payment.id,
        payment=payment.id,
        shop=names.shop,
        store=names.store,
        till=names.till,
        cashier=_short(payment.opened_by),
        tender=say(f"channel.{payment.channel}", lang),
        channel_number=payment.channel_number,
        description=payment.description,
        state=payment.state.value,
        amount=payment.amount,
        paid=payment.amount,
        back=payment.amount - payment.rest,
        at=payment.paid_at or payment.opened_at,
        printed_at=now,
        link=link,
    )


def _of_refund(slip: Slip, refund: Refund) -> Slip:
    return replace(
        slip,
        kind=Kind.REFUND,
        number=refund.id,
        cashier=_short(refund.opened_by),
        channel_number=refund.channel_number,
        state=refund.state.value,
        amount=refund.amount,
        at=refund.done_at or refund.opened_at,
    )


def _short(who: str) -> str:
    """Who it was, as far as a customer needs it: the last letters of the number, never a name."""
    return who[-6:] if ids.is_id(who) else who


async def request(desk: Desk, ask: PrintAsk) -> Done[Print]:
    """Write down that a slip is to be printed. Sends nothing.

    Raises Denied: see `rules.ask_print`.
    """
    return await desk.decide(store.for_print(ask), partial(rules.ask_print, ask))


async def drive(desk: Desk, merchant_id: str, print_id: str) -> Print:
    """Send a print that waits for a printer of the network, and take in what became of it.

    Raises Denied: print.unknown.
    """
    done = await desk.decide(store.print_(merchant_id, print_id), partial(rules.send, WHO))
    if not done.changed:
        return done.row
    report = await _sent(desk, done.row)
    return await learn(desk, merchant_id, print_id, report, done.row.sends, WHO)


async def _sent(desk: Desk, row: Print) -> Report:
    printer = await desk.see(store.printer(row.merchant_id, row.printer_id))
    assert printer is not None
    try:
        rules.address_checked(printer.address, desk.printing.networks)
        data = await _bytes_of(await sheets_of(desk, row, printer))
    except Denied:  # the networks were narrowed, or what is printed was forgotten: nothing has left
        return Report(Word.BLOCKED, "refused")
    return await desk.printing.carry(Sheets(printer.address, data))


async def _bytes_of(sheets: Sequence[Sheet]) -> bytes:
    """Drawn in a thread: what draws is loaded at first use (0.4 s of CPU), and payments do not wait for that."""
    return await asyncio.to_thread(render.escpos, sheets)


async def learn(desk: Desk, merchant_id: str, print_id: str, report: Report, sends: int, who: str) -> Print:
    """Take in what became of a sending; `sends`: which one it was, 0: the last.

    Raises Denied: print.unknown.
    """
    rule = partial(rules.hear, report, sends, who)
    return (await desk.decide(store.print_(merchant_id, print_id), rule)).row


async def sheets_of(desk: Desk, row: Print, printer: Printer) -> Sequence[Sheet]:
    """What a print looks like now, each copy a sheet.

    Raises Denied: receipt.unknown, receipt.no_money, seal.forgotten.
    """
    by = Person(row.opened_by)
    if row.kind is Kind.TEST:
        names = await desk.see(store.names(row.merchant_id, printer.till_id, printer.store_id))
        now = desk.clock.now()
        slip = Slip(
            kind=Kind.TEST,
            lang=row.lang,
            number=printer.id,
            shop=names.shop,
            store=names.store,
            till=names.till or printer.name,
            at=now,
            printed_at=now,
        )
    else:
        slip = await slip_of(desk, row.merchant_id, row.object_id, row.lang, by)
    slip = replace(slip, again=row.again + row.unclear, copies=row.copies)
    assert printer.paper_mm in COLUMNS
    return layout.copies(slip, printer.paper_mm)


async def take(desk: Desk, merchant_id: str, print_id: str, by: Person) -> tuple[Print, bytes]:
    """Give a till the bytes for its own printer, having written down that they leave.

    Asked again before it was said what became of them, they are a reprint. Raises Denied: print.unknown,
    print.not_till, print.ended, receipt.unknown, receipt.no_money, seal.forgotten.
    """
    row = await of(desk, merchant_id, print_id, by)
    if row.via is not Via.TILL:
        raise Denied("print.not_till")
    if row.state in rules.OVER:
        raise Denied("print.ended", id=row.id)
    printer = await desk.see(store.printer(merchant_id, row.printer_id))
    assert printer is not None
    done = await desk.decide(store.print_(merchant_id, print_id), partial(rules.send, by.id))
    if done.row.state is not State.SENT:
        raise Denied("print.ended", id=row.id)
    return done.row, await _bytes_of(await sheets_of(desk, done.row, printer))


async def of(desk: Desk, merchant_id: str, print_id: str, by: Person) -> Print:
    """A print, for whoever is of its store.

    Raises Denied: print.unknown.
    """
    row = await desk.see(store.print_(merchant_id, print_id))
    if row is None or by.store_id not in ("", row.store_id):
        raise Denied("print.unknown")
    return row


async def retry(desk: Desk, merchant_id: str, print_id: str, by: Person) -> Print:
    """The printer was put right: try again now.

    Raises Denied: print.unknown, print.ended.
    """
    return (await desk.decide(store.print_(merchant_id, print_id), partial(rules.retry, by))).row


async def give_up(desk: Desk, merchant_id: str, print_id: str, by: Person) -> Print:
    """Print this no more.

    Raises Denied: print.unknown, print.ended, print.being_sent.
    """
    return (await desk.decide(store.print_(merchant_id, print_id), partial(rules.give_up, by))).row


async def page(desk: Desk, token: str) -> Shown | None:
    """What the page with this token tells; None where there is no such page."""
    found = await desk.see(store.page_of(mark_of(desk, token)))
    if found is None:
        return None
    merchant_id, object_id = found
    payment, refund = await desk.see(store.object_of(merchant_id, object_id))
    if refund is not None:
        payment = await desk.see(payments.by_id(merchant_id, refund.payment_id))
    if payment is None:
        return None
    names = await desk.see(store.names(merchant_id, payment.till_id, payment.store_id))
    refunds = await desk.see(store.refunds_of(merchant_id, payment.id))
    return Shown(payment, refunds, names.shop, names.store, desk.clock.now())
