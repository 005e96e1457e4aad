"""Shifts as they are asked for and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from yuanlu.clock import CHINA
from yuanlu.money import Money
from yuanlu.payments.rules import AMOUNT_MAX_FEN
from yuanlu.shifts.rules import CASH, Shift, ShiftSeen, State, Total, expected
from yuanlu.told import both
from yuanlu.web.parts.shapes import END, Page, TillId, Wish

_ID = "[0-7][0-9A-HJKMNP-TV-Z]{25}[0-9A-Z]"
ShiftId = Annotated[str, Meta(pattern=f"^ZS{_ID}{END}", examples=["ZS01KATE3S400000000000000000M"])]
StaffId = Annotated[str, Meta(pattern=f"^YW{_ID}{END}", examples=["YW01KATE3S400000000000000000Y"])]
Counted = Annotated[int, Meta(ge=0, le=AMOUNT_MAX_FEN)]
Why = Annotated[str, Meta(min_length=1, max_length=80, pattern=f"^[^\\x00-\\x1f\\x7f]+{END}")]
Version = Annotated[int, Meta(ge=1, le=1_000_000)]


class ShiftWish(Wish):
    """A shift to open, by whoever asks. `float_fen`: the cash counted in the drawer."""

    id: ShiftId
    till: TillId
    float_fen: Counted


class Sums(Wish):
    """What was counted, in fen: the cash in the drawer, and of the others what their slips say."""

    cash: Counted
    wechat: Counted | None = None
    alipay: Counted | None = None


class Reasons(Wish):
    """Why a tender is not what it should be."""

    cash: Why | None = None
    wechat: Why | None = None
    alipay: Why | None = None


class CountWish(Wish):
    """What was counted. `version`: the shift as you saw it; another one is refused."""

    counted: Sums
    version: Version
    reasons: Reasons = msgspec.field(default_factory=Reasons)


class HandOverWish(CountWish, kw_only=True):
    """What was counted between two cashiers, and who answers for the drawer from now on."""

    to: StaffId


class CloseWish(CountWish):
    """What was counted at the end, and how much of it went to the safe and the bank; the rest goes back as float."""

    safe_fen: Counted = 0
    bank_fen: Counted = 0


class ShiftsWish(Page):
    """Which shifts."""

    state: Literal["", "OPEN", "CLOSED"] = ""
    till: TillId | Literal[""] = ""


class ShiftTold(Struct, frozen=True, kw_only=True):
    """A shift as it stands."""

    id: str
    version: int
    state: str
    till: str
    store: str
    cashier: str
    float_fen: int
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str
    safe_fen: int
    bank_fen: int


class ShiftsTold(Struct, frozen=True, kw_only=True):
    """Some shifts, newest first."""

    items: Sequence[ShiftTold]
    next: str | None


class TenderTold(Struct, frozen=True, kw_only=True):
    """One tender of a shift.

    `expected_fen` = taken less given back (of cash with the float), as known now; `late_fen` is what of it became known
    after the close. `difference_fen` = counted less what was expected at the count; below zero, some is missing.
    """

    tender: str
    taken: int
    taken_fen: int
    back: int
    back_fen: int
    expected_fen: int
    counted_fen: int | None
    difference_fen: int | None
    reason: str
    late_fen: int


class CountTold(Struct, frozen=True, kw_only=True):
    """A count in between, or at a hand-over (then with who took over)."""

    at: datetime
    by: str
    cashier: str
    taker: str
    counted: Mapping[str, int]
    expected: Mapping[str, int]
    reasons: Mapping[str, str]


class PendingTold(Struct, frozen=True, kw_only=True):
    """What is still open at the till."""

    kind: str
    id: str
    state: str


class LateTold(Struct, frozen=True, kw_only=True):
    """Cash of an earlier shift, told in this one: in none of its figures. `taken_at`: by the till's clock."""

    payment: str
    amount_fen: int
    taken_at: datetime
    told_at: datetime


class ReportTold(Struct, frozen=True, kw_only=True):
    """A shift with what passed in it, as figures and as a text to print."""

    shift: ShiftTold
    tenders: Sequence[TenderTold]
    counts: Sequence[CountTold]
    still_open: Sequence[PendingTold]
    told_late: Sequence[LateTold]
    text_zh: str
    text_en: str


def shift_told(shift: Shift) -> ShiftTold:
    """A shift as others see it."""
    return ShiftTold(
        id=shift.id,
        version=shift.version,
        state=shift.state.value,
        till=shift.till_id,
        store=shift.store_id,
        cashier=shift.cashier,
        float_fen=shift.float_fen,
        opened_at=shift.opened_at,
        opened_by=shift.opened_by,
        closed_at=shift.closed_at,
        closed_by=shift.closed_by,
        safe_fen=shift.safe_fen,
        bank_fen=shift.bank_fen,
    )


def report_told(seen: ShiftSeen, facts: Sequence[Mapping[str, Any]]) -> ReportTold:
    """The report of a shift, now or at its close. `facts`: its counts and hand-overs, in order."""
    assert seen.shift is not None
    shift = seen.shift
    tenders = _tenders(shift, seen.totals)
    counts = [_count_told(each) for each in facts]
    lines = [_head(shift), *map(_tender_line, tenders), *map(_count_line, counts), *_tail(shift, seen)]
    return ReportTold(
        shift=shift_told(shift),
        tenders=tenders,
        counts=counts,
        still_open=[PendingTold(kind=each.kind, id=each.id, state=each.state) for each in seen.pending],
        told_late=[
            LateTold(payment=each.payment_id, amount_fen=each.amount_fen, taken_at=each.taken_at, told_at=each.told_at)
            for each in seen.late
        ],
        text_zh="\n".join(zh for zh, _ in lines),
        text_en="\n".join(en for _, en in lines),
    )


def _tenders(shift: Shift, totals: Sequence[Total]) -> list[TenderTold]:
    now = expected(shift.float_fen, totals)
    closed = shift.state is State.CLOSED
    counted: dict[str, int] = msgspec.json.decode(shift.counted) if closed else {}
    then: dict[str, int] = msgspec.json.decode(shift.expected) if closed else {}
    reasons: dict[str, str] = msgspec.json.decode(shift.reasons) if closed else {}
    by_tender = {each.tender: each for each in totals}
    found = []
    for tender in sorted({CASH, *now, *counted}):
        total = by_tender.get(tender, Total(tender=tender))
        fen = counted.get(tender)
        found.append(
            TenderTold(
                tender=tender,
                taken=total.taken,
                taken_fen=total.taken_fen,
                back=total.back,
                back_fen=total.back_fen,
                expected_fen=now.get(tender, 0),
                counted_fen=fen,
                difference_fen=None if fen is None else fen - then.get(tender, 0),
                reason=reasons.get(tender, ""),
                late_fen=now.get(tender, 0) - then.get(tender, 0) if closed else 0,
            )
        )
    return found


def _count_told(fact: Mapping[str, Any]) -> CountTold:
    body = msgspec.json.decode(fact["body"])
    return CountTold(
        at=fact["at"],
        by=fact["who"],
        cashier=body.get("cashier", ""),
        taker=body.get("taker", ""),
        counted=body["counted"],
        expected=body["expected"],
        reasons=body["reasons"],
    )


def _money(fen: int) -> str:
    return str(Money(fen))


def _clock(at: datetime) -> str:
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}"


def _head(shift: Shift) -> tuple[str, str]:
    told = {"id": shift.id, "till": shift.till_id, "cashier": shift.cashier, "at": _clock(shift.opened_at)}
    return both("shift.head", {**told, "float": _money(shift.float_fen)})


def _tender_line(each: TenderTold) -> tuple[str, str]:
    told: dict[str, object] = {
        "channel": each.tender,
        "taken": each.taken,
        "taken_money": _money(each.taken_fen),
        "back": each.back,
        "back_money": _money(each.back_fen),
        "expected": _money(each.expected_fen),
    }
    zh, en = both("shift.tender", told)
    if each.counted_fen is not None:
        told |= {"counted": _money(each.counted_fen), "difference": _money(each.difference_fen or 0)}
        more_zh, more_en = both("shift.difference" if each.difference_fen else "shift.right", told)
        zh, en = f"{zh}{more_zh}{each.reason}", f"{en}{more_en}{each.reason}"
    if each.late_fen:
        late_zh, late_en = both("shift.late", {"late": _money(each.late_fen)})
        zh, en = zh + late_zh, en + late_en
    return zh, en


def _count_line(each: CountTold) -> tuple[str, str]:
    told = {
        "at": _clock(each.at),
        "by": each.by,
        "cashier": each.cashier,
        "taker": each.taker,
        "counted": _money(each.counted[CASH]),
        "difference": _money(each.counted[CASH] - each.expected.get(CASH, 0)),
    }
    return both("shift.handed_over" if each.taker else "shift.counted", told)


def _tail(shift: Shift, seen: ShiftSeen) -> list[tuple[str, str]]:
    lines = []
    if seen.late:
        late_fen = sum(each.amount_fen for each in seen.late)
        lines.append(both("shift.told_late", {"many": len(seen.late), "late": _money(late_fen)}))
        lines += [(f"  {_clock(each.taken_at)} {each.payment_id} {_money(each.amount_fen)}",) * 2 for each in seen.late]
    if seen.pending:
        lines.append(both("shift.still_open", {"many": len(seen.pending)}))
        lines += [(f"  {each.id} {each.state}",) * 2 for each in seen.pending]
    if shift.closed_at is not None:
        told = {"by": shift.closed_by, "at": _clock(shift.closed_at)}
        lines.append(both("shift.closed", {**told, "safe": _money(shift.safe_fen), "bank": _money(shift.bank_fen)}))
    return lines
