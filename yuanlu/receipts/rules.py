"""What a printer is, and what becomes of a slip that is to be printed.

    QUEUED   waits for its printer         SENT     bytes leave us, or have left: no word yet
    PRINTED  the printer says it came out  JAMMED   it did not come out, or not wholly; it is tried again by itself
    GONE     a person gave it up

A print is written down as SENT before a byte leaves. Whoever finds it SENT later than a sending can last knows only
that it may have come out: it is sent again, and marked a reprint. So a paper jam loses nothing, and no two slips look
like originals of one payment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network

from yuanlu import ids
from yuanlu.change import Change, Look, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.machine import Turn, parse
from yuanlu.masking import kept
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Person
from yuanlu.receipts.layout import COLUMNS, Kind
from yuanlu.refunds.rules import State as RefundState
from yuanlu.slips import Report, Word

DRIVE = "prints.drive"
LOST_AFTER = timedelta(seconds=45)
"""After this nobody is sending any more: whoever was, is gone."""
PAUSE_FIRST, PAUSE_MAX = timedelta(seconds=5), timedelta(minutes=5)
PORT = 9100
HAS_SLIP = (PaymentState.PAID, PaymentState.LATE_PAID, PaymentState.REVERSED)
"""Payments that have a receipt: money came, though it may have gone back."""


class State(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    PRINTED = "PRINTED"
    JAMMED = "JAMMED"
    GONE = "GONE"


TABLE = parse(
    State,
    tuple(Word),
    """
    |         | DONE    | AWAY   | BLOCKED | BROKEN |
    | ------- | ------- | ------ | ------- | ------ |
    | QUEUED  | PRINTED | ·      | JAMMED  | JAMMED |
    | SENT    | PRINTED | QUEUED | JAMMED  | JAMMED |
    | JAMMED  | PRINTED | ·      | ·       | ·      |
    | PRINTED | ·       | ·      | ·       | ·      |
    | GONE    | ·       | ·      | ·       | ·      |
    """,
)
COMMANDS: Mapping[tuple[State, str], State] = {
    (State.QUEUED, "send"): State.SENT,
    (State.JAMMED, "send"): State.SENT,
    (State.QUEUED, "give up"): State.GONE,
    (State.JAMMED, "give up"): State.GONE,
}
"""What we decide ourselves; for the picture."""
WAITING = (State.QUEUED, State.JAMMED)
OVER = (State.PRINTED, State.GONE)


class Standing(StrEnum):
    """What a page says of a payment in a word, its refunds reckoned in."""

    CHECKING = "CHECKING"
    NOT_PAID = "NOT_PAID"
    CANCELLED = "CANCELLED"
    PAID = "PAID"
    GOING_BACK = "GOING_BACK"
    TROUBLE = "TROUBLE"
    PARTLY_BACK = "PARTLY_BACK"
    BACK = "BACK"


_NO_MONEY = {
    PaymentState.FAILED: Standing.NOT_PAID,
    PaymentState.CLOSED: Standing.NOT_PAID,
    PaymentState.REVERSED: Standing.CANCELLED,
}
_BACK = (RefundState.DONE, RefundState.PROVEN, RefundState.EXTERNAL)
_NEVER_LEFT = (RefundState.REFUSED, RefundState.CANCELLED, RefundState.SUPERSEDED)
_TROUBLED = (RefundState.STRANDED, RefundState.RETURNED)


def standing(payment: str, amount_fen: int, refunds: Sequence[tuple[str, int]]) -> Standing:
    """How a payment of `amount_fen` stands, by its state and (state, fen) of each of its refunds.

    Law: BACK and PARTLY_BACK count only what is confirmed to be back, and are said when nothing is on its way.
    """
    if payment not in HAS_MONEY:
        return _NO_MONEY.get(PaymentState(payment), Standing.CHECKING)
    states = [state for state, _ in refunds]
    if any(state in _TROUBLED for state in states):
        return Standing.TROUBLE
    if any(state not in (*_BACK, *_NEVER_LEFT) for state in states):
        return Standing.GOING_BACK
    back = sum(fen for state, fen in refunds if state in _BACK)
    return Standing.BACK if back >= amount_fen else Standing.PARTLY_BACK if back else Standing.PAID


TURNED_BACK = (Standing.GOING_BACK, Standing.TROUBLE, Standing.PARTLY_BACK, Standing.BACK)
"""What refunds make of a payment: then its own state is no longer the whole truth."""


def said_of(payment: Payment, refunds: Sequence[tuple[str, int]]) -> str:
    """The state that the slip of a payment says: its own, or what its refunds made of it."""
    stands = standing(payment.state, payment.amount_fen, refunds)
    return (stands if stands in TURNED_BACK else payment.state).value


class Via(StrEnum):
    """Who speaks with a printer."""

    NETWORK = "network"
    """We do, over TCP."""
    TILL = "till"
    """The till does, over USB or Bluetooth: it fetches the bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer(Row):
    """A printer of a till, or of a whole store where `till_id` is empty."""

    table = "printers"

    via: Via
    name: str
    store_id: str
    till_id: str
    address: str
    paper_mm: int
    fingerprint: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Row):
    """The page of a payment or refund, whose id it has. `mark`: keyed hash of its token; `sealed`: the token, sealed,
    so that a reprint leads to the same page."""

    table = "receipts"

    mark: str
    sealed: str
    opened_at: datetime
    opened_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Print(Row):
    """One slip to be printed. `turn`: which print of its object it is; `again`: how many before it may have come out;
    `unclear`: how many of its own sendings may have."""

    table = "prints"

    state: State
    kind: Kind
    object_id: str
    turn: int
    again: int
    printer_id: str
    via: Via
    store_id: str
    lang: str
    copies: int
    fingerprint: str
    opened_at: datetime
    opened_by: str
    sends: int = 0
    unclear: int = 0
    waits: int = 0
    sent_at: datetime | None = None
    trouble: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterAdded(Fact):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterClosed(Fact):
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintAsked(Fact):
    object_id: str
    printer_id: str
    again: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintSent(Fact):
    sends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintDone(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintHeld(Fact):
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintGone(Fact):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PrinterAsk:
    """A printer to be written down."""

    merchant_id: str
    id: str
    via: Via
    name: str
    store_id: str
    till_id: str = ""
    address: str = ""
    paper_mm: int = 58
    by: Person

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        return _hash(self.via, self.name, self.store_id, self.till_id, self.address, str(self.paper_mm))


@dataclass(frozen=True, slots=True)
class PrinterSeen:
    """What a new printer is decided on: itself, and whether store and till are there."""

    printer: Printer | None
    has_store: bool = True
    has_till: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintAsk:
    """A slip to be printed: of a payment, a refund, or (`Kind.TEST`) of the printer itself."""

    merchant_id: str
    id: str
    kind: Kind
    object_id: str
    printer_id: str
    lang: str = "zh"
    copies: int = 1
    by: Person

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        return _hash(self.kind, self.object_id, self.printer_id, self.lang, str(self.copies))


@dataclass(frozen=True, slots=True)
class PrintSeen:
    """What a print is decided on. `turns`: prints of its object so far; `again`: how many may have come out or will;
    `has_object`, `has_money`: whether there is what it is of, and whether that has a slip."""

    known: Print | None
    printer: Printer | None
    turns: int = 0
    again: int = 0
    has_object: bool = True
    has_money: bool = True


def _hash(*content: str) -> str:
    return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


def address_checked(text: str, networks: str) -> str:
    """A printer's address, IP and port, if it lies in a network that the settings allow.

    Shape: `192.168.1.50:9100`, `[fd00::1]:9100`; the port is 9100 where none is named. Names are not taken: what they
    lead to can change. Raises Denied: printer.address, printer.address_outside.
    """
    host, port = _parted(text)
    try:
        ip = ip_address(host)
    except ValueError:
        raise Denied("printer.address") from None
    if "%" in host or not 1024 <= port <= 65535:
        raise Denied("printer.address")
    if not any(ip in network for network in networks_of(networks) if network.version == ip.version):
        raise Denied("printer.address_outside")
    return f"[{ip}]:{port}" if ip.version == 6 else f"{ip}:{port}"


def networks_of(text: str) -> list:  # type: ignore[type-arg]
    """The networks of the setting: parted by commas or spaces.

    Raises Denied: settings.invalid.
    """
    try:
        return [ip_network(each) for each in text.replace(",", " ").split()]
    except ValueError:
        wants = "networks such as 192.168.1.0/24, parted by commas"
        raise Denied("settings.invalid", name="YUANLU_PRINTER_NETWORKS", wants=wants) from None


def _parted(text: str) -> tuple[str, int]:
    bare = text.strip()
    if bare.startswith("["):
        host, shut, port = bare[1:].partition("]")
        if not shut or (port and not port.startswith(":")):
            raise Denied("printer.address")
        port = port.removeprefix(":")
    elif bare.count(":") == 1:
        host, _, port = bare.partition(":")
    else:
        host, port = bare, ""
    if port and not (port.isascii() and port.isdigit() and len(port) < 6):
        raise Denied("printer.address")
    return host, int(port or PORT)


def add(ask: PrinterAsk, networks: str, seen: PrinterSeen, at: datetime) -> Change[Printer] | Stay[Printer]:
    """Write a printer down. Asking again with the same id and content gives the same one back.

    Raises Denied: printer.id_taken, printer.store_unknown, printer.till_unknown, printer.till_needed, printer.address,
    printer.address_outside, id.invalid.
    """
    if ask.via is Via.NETWORK:
        ask = replace(ask, address=address_checked(ask.address, networks))
    elif ask.address:
        raise Denied("printer.address")
    if seen.printer is not None:
        if seen.printer.fingerprint != ask.fingerprint:
            raise Denied("printer.id_taken", id=ask.id)
        return Stay(seen.printer)
    if not seen.has_store or ask.by.store_id not in ("", ask.store_id):
        raise Denied("printer.store_unknown", store=ask.store_id)
    if not seen.has_till:
        raise Denied("printer.till_unknown", till=ask.till_id)
    if ask.via is Via.TILL and not ask.till_id:
        raise Denied("printer.till_needed")
    assert ask.paper_mm in COLUMNS
    row = Printer(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.PRINTER),
        via=ask.via,
        name=kept(ask.name),
        store_id=ask.store_id,
        till_id=ask.till_id,
        address=ask.address,
        paper_mm=ask.paper_mm,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.by.id,
    )
    return Change(row=row, at=at, who=ask.by.id, facts=(PrinterAdded(name=row.name),))


def close(by: Person, seen: Printer | None, at: datetime) -> Change[Printer] | Stay[Printer]:
    """Take a printer out of use. What waits for it waits on, until it is given up.

    Raises Denied: printer.unknown.
    """
    if seen is None or by.store_id not in ("", seen.store_id):
        raise Denied("printer.unknown")
    if seen.closed_at is not None:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, closed_at=at)
    return Change(row=row, at=at, who=by.id, facts=(PrinterClosed(name=row.name),))


def keep_page(row: Receipt, seen: Receipt | None, at: datetime) -> Change[Receipt] | Stay[Receipt]:
    """Give a payment or refund its page. It has one: the first token stays."""
    return Stay(seen) if seen is not None else Change(row=row, at=at, who=row.opened_by)


def ask_print(ask: PrintAsk, seen: PrintSeen, at: datetime) -> Change[Print] | Stay[Print]:
    """Write down that a slip is to be printed. Asking again with the same id and content gives the same one back.

    Raises Denied: print.id_taken, printer.unknown, printer.closed, receipt.unknown, receipt.no_money, id.invalid.
    """
    if seen.known is not None:
        if seen.known.fingerprint != ask.fingerprint:
            raise Denied("print.id_taken", id=ask.id)
        return Stay(seen.known)
    printer = seen.printer
    if printer is None or ask.by.store_id not in ("", printer.store_id):
        raise Denied("printer.unknown")
    if printer.closed_at is not None:
        raise Denied("printer.closed", id=printer.id)
    if not seen.has_object:
        raise Denied("receipt.unknown")
    if not seen.has_money:
        raise Denied("receipt.no_money")
    again = 0 if ask.kind is Kind.TEST else seen.again
    row = Print(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.PRINT),
        state=State.QUEUED,
        kind=ask.kind,
        object_id=ask.object_id,
        turn=seen.turns + 1,
        again=again,
        printer_id=printer.id,
        via=printer.via,
        store_id=printer.store_id,
        lang=ask.lang,
        copies=ask.copies,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.by.id,
    )
    fact = PrintAsked(object_id=row.object_id, printer_id=row.printer_id, again=again)
    return Change(row=row, at=at, who=ask.by.id, facts=(fact,), looks=_looks(row, at))


def _looks(row: Print, at: datetime | None) -> tuple[Look, ...]:
    """When we look again. What a till prints, the till looks at."""
    return (Look(DRIVE, row.id, at),) if row.via is Via.NETWORK else ()


def send(who: str, seen: Print | None, at: datetime) -> Change[Print] | Stay[Print]:
    """Mark a print SENT, before anything leaves. One that is SENT is left to whoever sends it; if nobody can be any
    more, it may have come out, and is sent again as a reprint.

    Raises Denied: print.unknown.
    """
    if seen is None:
        raise Denied("print.unknown")
    if seen.state in OVER or (seen.state is State.SENT and not _is_lost(seen, at)):
        return Stay(seen)
    row = replace(
        seen,
        version=seen.version + 1,
        state=State.SENT,
        sends=seen.sends + 1,
        unclear=seen.unclear + (seen.state is State.SENT),
        sent_at=at,
    )
    return Change(row=row, at=at, who=who, facts=(PrintSent(sends=row.sends),), looks=_looks(row, at + LOST_AFTER))


def _is_lost(row: Print, at: datetime) -> bool:
    assert row.sent_at is not None
    return row.via is Via.TILL or at >= row.sent_at + LOST_AFTER


def hear(report: Report, sends: int, who: str, seen: Print | None, at: datetime) -> Change[Print] | Stay[Print]:
    """Take in what became of a sending. Word of an earlier one (`sends`) is late: it is no news of this one.

    Raises Denied: print.unknown.
    """
    if seen is None:
        raise Denied("print.unknown")
    turn = TABLE.turn(seen.state, report.word)
    if isinstance(turn, Turn) or (sends and sends != seen.sends):
        return Stay(seen)
    row = replace(
        seen,
        version=seen.version + 1,
        state=turn,
        unclear=seen.unclear + (report.word is Word.BROKEN),
        trouble="" if turn is State.PRINTED else report.trouble,
    )
    if turn is State.PRINTED:
        row = replace(row, ended_at=at)
        return Change(row=row, at=at, who=who, facts=(PrintDone(),), looks=_looks(row, None))
    row = replace(row, waits=seen.waits + 1)
    next_at = at + min(PAUSE_FIRST * 2 ** min(seen.waits, 10), PAUSE_MAX)
    held = (PrintHeld(trouble=report.trouble),) if report.trouble != seen.trouble else ()
    return Change(row=row, at=at, who=who, facts=held, looks=_looks(row, next_at))


def retry(by: Person, seen: Print | None, at: datetime) -> Change[Print] | Stay[Print]:
    """The printer was put right: try again now. One that is being sent is left alone.

    Raises Denied: print.unknown, print.ended.
    """
    row = _of(by, seen)
    if row.state in OVER:
        raise Denied("print.ended", id=row.id)
    if row.state is State.SENT:
        return Stay(row)
    row = replace(row, version=row.version + 1, waits=0)
    return Change(row=row, at=at, who=by.id, looks=_looks(row, at))


def give_up(by: Person, seen: Print | None, at: datetime) -> Change[Print] | Stay[Print]:
    """Print this no more.

    Raises Denied: print.unknown, print.ended, print.being_sent.
    """
    row = _of(by, seen)
    if row.state is State.GONE:
        return Stay(row)
    if row.state is State.PRINTED:
        raise Denied("print.ended", id=row.id)
    if row.state is State.SENT and not _is_lost(row, at):
        raise Denied("print.being_sent")
    unclear = row.unclear + (row.state is State.SENT)
    row = replace(row, version=row.version + 1, state=State.GONE, unclear=unclear, ended_at=at)
    return Change(row=row, at=at, who=by.id, facts=(PrintGone(),), looks=_looks(row, None))


def _of(by: Person, seen: Print | None) -> Print:
    """The print, if whoever asks is of its store.

    Raises Denied: print.unknown.
    """
    if seen is None or by.store_id not in ("", seen.store_id):
        raise Denied("print.unknown")
    return seen
