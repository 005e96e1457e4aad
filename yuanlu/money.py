"""Money: an integer of the smallest unit and a currency."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from yuanlu.errors import Denied

AMOUNT_MAX = 10**12
"""Fen. Ten thousand million yuan: far above any till, far below what a bigint column holds."""

_YUAN = re.compile(r"-?(0|[1-9][0-9]{0,12})(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the smallest unit (fen) of a currency (ISO 4217). May be negative: a difference is money too."""

    amount: int
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError(f"money is an integer number of fen, not {self.amount!r}")
        if abs(self.amount) > AMOUNT_MAX:
            raise Denied("money.too_large", limit_fen=AMOUNT_MAX)

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise Denied("money.currencies_differ", one=self.currency, other=other.currency)

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def __gt__(self, other: Money) -> bool:
        return other < self

    def __ge__(self, other: Money) -> bool:
        return other <= self

    def split(self, weights: Sequence[int]) -> list[Money]:
        """Share money out without losing any.

        Shape: one part per weight, same order; weights >= 0, at least one > 0.
        Law: the parts add up to self; equal weights differ by one unit at most.
        Source: largest remainder, ties to the earlier part.
        """
        whole = sum(weights)
        if whole <= 0 or min(weights) < 0:
            raise ValueError(f"weights must be >= 0 and not all 0: {weights}")
        sign = -1 if self.amount < 0 else 1
        floors = [divmod(abs(self.amount) * weight, whole) for weight in weights]
        missing = abs(self.amount) - sum(part for part, _ in floors)
        first = sorted(range(len(weights)), key=lambda place: (-floors[place][1], place))[:missing]
        return [Money(sign * (part + (place in first)), self.currency) for place, (part, _) in enumerate(floors)]

    def yuan(self) -> str:
        """The amount as decimal text with two digits, such as `12.80`: what Alipay and statements write."""
        sign = "-" if self.amount < 0 else ""
        return f"{sign}{abs(self.amount) // 100}.{abs(self.amount) % 100:02d}"

    def __str__(self) -> str:
        sign = "-" if self.amount < 0 else ""
        mark = "¥" if self.currency == "CNY" else f"{self.currency} "
        return f"{sign}{mark}{abs(self.amount) // 100:,}.{abs(self.amount) % 100:02d}"


def from_yuan(text: str, currency: str = "CNY") -> Money:
    """Read decimal text exactly.

    Raises ValueError when the text is not a plain decimal number with at most two digits behind the point.
    """
    if not _YUAN.fullmatch(text):
        raise ValueError(f"not an amount in yuan: {text!r}")
    return Money(int((Decimal(text) * 100).to_integral_value(ROUND_DOWN)), currency)
