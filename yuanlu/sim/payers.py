"""People with phones: what they have, how they behave, and the payment codes they show."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Wallet(StrEnum):
    WECHAT = "wechat"
    ALIPAY = "alipay"


class Habit(StrEnum):
    """How a payer behaves when asked for money."""

    OK = "ok"
    """Pays at once."""
    PASSWORD = "password"  # noqa: S105 - a habit, not a secret
    """Must type a password first and does so after a while."""
    WALKS_AWAY = "walks_away"
    """Must type a password first and never does."""
    NO_FUNDS = "no_funds"
    OVER_LIMIT = "over_limit"
    FROZEN = "frozen"


class Fate(StrEnum):
    """What is wrong with a payment code."""

    GOOD = "good"
    USED = "used"
    EXPIRED = "expired"


@dataclass
class Payer:
    """Law: money moves only in `books`; `bank_fen` is what came back to the payer's bank card, outside the wallet."""

    wallet: Wallet
    name: str
    habit: Habit
    balance_fen: int
    limit_fen: int | None = None
    bank_fen: int = 0
    coupon_fen: int = 0
    """A coupon of the wallet, used for each order: the wallet pays so much of it (never all)."""
    is_gone: bool = False


@dataclass
class Code:
    """A payment code as scanned.

    Law: a habit's code serves any number of orders; any other serves one order number, until `valid_until`.
    """

    text: str
    payer: Payer
    fate: Fate = Fate.GOOD
    valid_until: datetime | None = None
    serves: str | None = None


def code_text(wallet: Wallet, chance: random.Random) -> str:
    """A new payment code: 18 digits, 13… for WeChat Pay, 28… for Alipay.

    Law: digits 7 to 14 are no birth date (the year is 99xx), so no code can pass for an identity number.
    Source: channels.md section 8, rows 2 and 3 and the first trap.
    """
    start = {Wallet.WECHAT: "13", Wallet.ALIPAY: "28"}[wallet]
    return f"{start}{chance.randrange(10**4):04d}99{chance.randrange(10**10):010d}"


def looks_like(wallet: Wallet, text: str) -> bool:
    """Whether a scanned text has the shape of this wallet's payment codes."""
    if not (text.isascii() and text.isdigit()):
        return wallet is Wallet.ALIPAY and len(text) == 35 and text.startswith("fp")
    if wallet is Wallet.WECHAT:
        return len(text) == 18 and 10 <= int(text[:2]) <= 15
    return 16 <= len(text) <= 24 and 25 <= int(text[:2]) <= 30
