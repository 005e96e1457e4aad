"""Differences planted in statements on order: what a provider's file may say otherwise than its books.

Rows are changed before they are summed, so that a file agrees with itself; only `summary` makes it disagree, and only
`hash` makes its bytes other than promised. Which row: the one with that number, else the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

Row = dict[str, str]

NUMBERS = ("商户退款单号", "退款批次号/请求号", "商户订单号", "业务凭证号")
CHANNEL_NUMBERS = ("微信退款单号", "微信订单号", "支付宝交易号", "微信支付业务单号", "业务流水号")
AMOUNTS = (
    ("申请退款金额", "退款金额"),
    ("订单金额", "应结订单金额"),
    ("订单金额（元）", "商家实收（元）"),
    ("收支金额(元)",),
    ("收入金额（+元）",),
    ("支出金额（-元）",),
)
"""Columns that tell one amount: the first of these groups that is not nought is the row's."""
ACCOUNT, OTHER_ACCOUNT = "商户号", "1900000999"


class What(StrEnum):
    MISSING = "missing"
    EXTRA = "extra"
    AMOUNT = "amount"
    TWICE = "twice"
    OTHER_MERCHANT = "other_merchant"
    HASH = "hash"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """One difference. `count`: how many statements have it (None: all from now on)."""

    id: int
    what: What
    number: str = ""
    fen: int = 100
    count: int | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Plants:
    """What is planted in the statements of one wallet."""

    def __init__(self) -> None:
        self._planted: dict[int, Plant] = {}
        self._left: dict[int, int] = {}
        self._made = 0

    def add(self, what: What, number: str = "", fen: int = 100, count: int | None = None) -> Plant:
        self._made += 1
        plant = Plant(id=self._made, what=what, number=number, fen=fen, count=count)
        self._planted[plant.id] = plant
        if count is not None:
            self._left[plant.id] = count
        return plant

    def clear(self) -> int:
        count = len(self._planted)
        self._planted.clear()
        self._left.clear()
        return count

    @property
    def planted(self) -> Sequence[Plant]:
        return list(self._planted.values())

    def taken(self) -> Sequence[Plant]:
        """What is in the statement that is made now."""
        now = self.planted
        for plant in now:
            if plant.id in self._left:
                self._left[plant.id] -= 1
                if self._left[plant.id] <= 0:
                    del self._left[plant.id], self._planted[plant.id]
        return now


def grown(rows: Sequence[Row], plants: Sequence[Plant]) -> list[Row]:
    """The rows with what is planted in them."""
    told = [dict(row) for row in rows]
    for plant in plants:
        place = _place(told, plant.number)
        if place is None:
            continue
        match plant.what:
            case What.MISSING:
                del told[place]
            case What.TWICE:
                told.insert(place + 1, dict(told[place]))
            case What.AMOUNT:
                told[place] = _changed(told[place], plant.fen)
            case What.EXTRA:
                told.insert(place + 1, _stranger(told[place], plant.id))
            case What.OTHER_MERCHANT:
                told.insert(place + 1, _stranger(told[place], plant.id) | _foreign(told[place]))
            case What.HASH | What.SUMMARY:
                pass
    return told


def _place(rows: Sequence[Row], number: str) -> int | None:
    for place, row in enumerate(rows):
        if not number or number == _number(row):
            return place
    return None


def _number(row: Row) -> str:
    """A row's own number: of a refund its refund's."""
    return next((row[name] for name in NUMBERS if row.get(name) not in (None, "", "0")), "")


def _changed(row: Row, fen: int) -> Row:
    for names in AMOUNTS:
        if names[0] in row and row[names[0]].strip("-0. "):
            return row | {name: _more(row[name], fen) for name in names if name in row}
    return row


def _more(yuan: str, fen: int) -> str:
    sign = -1 if yuan.startswith("-") else 1
    whole = int(yuan.replace(".", "").replace("-", "")) + fen
    text = f"{abs(whole) // 100}.{abs(whole) % 100:02d}"
    return f"-{text}" if sign * whole < 0 else text


def _stranger(row: Row, serial: int) -> Row:
    """A row like this one, of numbers nobody knows."""
    told = dict(row)
    for name in NUMBERS:
        if told.get(name) not in (None, "", "0"):
            told[name] = f"STRANGER{serial:08d}"
    for name in CHANNEL_NUMBERS:
        if told.get(name) not in (None, "", "0"):
            told[name] = f"{told[name][:-6]}{900000 + serial:06d}"
    return told


def _foreign(row: Row) -> Row:
    return {ACCOUNT: OTHER_ACCOUNT} if ACCOUNT in row else {}
