"""Slips, printers and prints: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuanlu.payments import store as payments
from yuanlu.payments.rules import Payment
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id
from yuanlu.receipts.layout import Kind
from yuanlu.receipts.rules import HAS_SLIP, Print, PrintAsk, Printer, PrinterAsk, PrinterSeen, PrintSeen, Receipt
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund

Found = Sequence[Sequence[Mapping[str, Any]]]

PRINTER, PRINT, RECEIPT = rows_by_id(Printer), rows_by_id(Print), rows_by_id(Receipt)
GROUND = over_keys(
    "select k.place,"
    " exists (select 1 from stores s where s.merchant_id = k.merchant_id and s.id = k.a) as has_store,"
    " k.b = '' or exists (select 1 from tills t where t.merchant_id = k.merchant_id and t.id = k.b"
    "   and t.store_id = k.a and t.closed_at is null) as has_till from keys k"
)
TURNS = over_keys(
    "select k.place, coalesce(max(p.turn), 0) as turns,"
    " coalesce(sum(p.unclear + (p.state <> 'GONE')::int), 0)::bigint as again"
    " from keys k left join prints p on p.merchant_id = k.merchant_id and p.object_id = k.a group by k.place"
)
NAMES = over_keys(
    "select k.place, m.name as shop, s.name as store, t.name as till from keys k"
    " join merchants m on m.merchant_id = k.merchant_id"
    " left join tills t on t.merchant_id = k.merchant_id and t.id = k.a"
    " left join stores s on s.merchant_id = k.merchant_id and s.id = k.b"
)
PAGE = over_keys("select k.place, r.merchant_id, r.id from keys k join receipts r on r.mark = k.a")
"""Whose page a token leads to, over all merchants."""
OF_PAYMENT = over_keys(
    "select k.place, r.id, r.state, r.amount_fen, r.currency, r.opened_at, r.done_at from keys k"
    " join refunds r on r.merchant_id = k.merchant_id and r.payment_id = k.a order by r.opened_at, r.id"
)
printer_made, print_made, receipt_made = maker(Printer), maker(Print), maker(Receipt)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a slip is laid out from, beside the payment and the refund: names."""

    shop: str
    store: str
    till: str


def printer(merchant_id: str, printer_id: str) -> View[Printer | None]:
    """One printer, or None."""
    return View(
        (Read(PRINTER, merchant_id, printer_id),), lambda found: printer_made(found[0][0]) if found[0] else None
    )


def print_(merchant_id: str, print_id: str) -> View[Print | None]:
    """One print, or None."""
    return View((Read(PRINT, merchant_id, print_id),), lambda found: print_made(found[0][0]) if found[0] else None)


def receipt(merchant_id: str, object_id: str) -> View[Receipt | None]:
    """The page of a payment or refund, or None."""
    return View((Read(RECEIPT, merchant_id, object_id),), lambda found: receipt_made(found[0][0]) if found[0] else None)


def for_printer(ask: PrinterAsk) -> View[PrinterSeen]:
    """What a new printer is decided on."""

    def make(found: Found) -> PrinterSeen:
        row = found[1][0]
        known = printer_made(found[0][0]) if found[0] else None
        return PrinterSeen(known, row["has_store"], row["has_till"])

    ground = Read(GROUND, ask.merchant_id, ask.store_id, ask.till_id)
    return View((Read(PRINTER, ask.merchant_id, ask.id), ground), make)


def for_print(ask: PrintAsk) -> View[PrintSeen]:
    """What a new print is decided on."""
    has = {Kind.PAYMENT: payments.BY_ID, Kind.REFUND: refunds.BY_ID, Kind.TEST: PRINTER}[ask.kind]

    def make(found: Found) -> PrintSeen:
        known, printers, turns, objects = found
        return PrintSeen(
            known=print_made(known[0]) if known else None,
            printer=printer_made(printers[0]) if printers else None,
            turns=turns[0]["turns"],
            again=turns[0]["again"],
            has_object=bool(objects),
            has_money=bool(objects) and (ask.kind is not Kind.PAYMENT or objects[0]["state"] in HAS_SLIP),
        )

    keys = ((PRINT, ask.id), (PRINTER, ask.printer_id), (TURNS, ask.object_id), (has, ask.object_id))
    return View(tuple(Read(select, ask.merchant_id, key) for select, key in keys), make)


def names(merchant_id: str, till_id: str, store_id: str) -> View[Ground]:
    """What shop, store and till are called."""

    def make(found: Found) -> Ground:
        row = found[0][0]
        return Ground(row["shop"], row["store"] or "", row["till"] or "")

    return View((Read(NAMES, merchant_id, till_id, store_id),), make)


def object_of(merchant_id: str, object_id: str) -> View[tuple[Payment | None, Refund | None]]:
    """The payment, or the refund, with this id."""

    def make(found: Found) -> tuple[Payment | None, Refund | None]:
        payment = payments.made(found[0][0]) if found[0] else None
        return payment, refunds.made(found[1][0]) if found[1] else None

    return View((Read(payments.BY_ID, merchant_id, object_id), Read(refunds.BY_ID, merchant_id, object_id)), make)


def page_of(mark: str) -> View[tuple[str, str] | None]:
    """Merchant and id of what the page with this mark is of, or None."""
    return View(
        (Read(PAGE, "", mark),), lambda found: (found[0][0]["merchant_id"], found[0][0]["id"]) if found[0] else None
    )


def refunds_of(merchant_id: str, payment_id: str) -> View[Sequence[Mapping[str, Any]]]:
    """State, amount and times of the refunds of a payment, oldest first."""
    return View((Read(OF_PAYMENT, merchant_id, payment_id),), lambda found: found[0])
