"""Diagnosing a channel's code: which of the seven causes, what became of the money, may it be retried, what to do.

The rows stand in dated books (`data/error_codes.toml` lists them), replaceable without code. A code may mean another
thing in another operation: WeChat Pay v2's NOTENOUGH is the payer's purse when we charge, and the merchant's when we
refund. Such rows carry the operation behind the code, `NOTENOUGH(refund)`, and are looked up first.

Law: whatever is asked, there is an answer; a code nobody knows is system / unknown / query_first, never "failed".
Source: channels.md section 9, read 2026-11-23.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from yuanlu import packaged


class Cause(StrEnum):
    """The seven causes of a failed payment, and none."""

    INPUT = "input"
    SYSTEM = "system"
    """Also set-up faults and shortage of the merchant's funds: the seven have no place for the merchant's side."""
    NETWORK = "network"
    LIMIT = "limit"
    BANK = "bank"
    ORDER_INFO = "order_info"
    ACCOUNT = "account"
    NONE = "none"


class Verdict(StrEnum):
    """What the code says about the money."""

    SUCCESS = "success"
    FAILED = "failed"
    PENDING = "pending"
    UNKNOWN = "unknown"


class Retry(StrEnum):
    """Whether, and how, to send again."""

    NEVER = "never"
    SAME_REQUEST = "same_request"
    """Identical numbers and amounts."""
    QUERY_FIRST = "query_first"
    NEW_REQUEST = "new_request"
    """A new order number, and usually a new payment code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What a code means. `known` is false where no row fits and the rule for unknown codes speaks."""

    channel: str
    code: str
    meaning_zh: str
    meaning_en: str
    cause: Cause
    outcome: Verdict
    retry: Retry
    cashier_action_zh: str
    cashier_action_en: str
    source: str
    known: bool = True

    def as_dict(self) -> dict[str, str]:
        """What `yuanlu diagnose --json` prints."""
        return {
            "cause": self.cause.value,
            "outcome": self.outcome.value,
            "retry": self.retry.value,
            "cashier_action_zh": self.cashier_action_zh,
            "cashier_action_en": self.cashier_action_en,
        }


CLIENT = "client"
"""The channel of what happens on our side of the wire: no connection, no answer, an answer we cannot trust."""

CHANNELS = ("wechat_v3", "wechat_v2", "alipay", "unionpay_acp", "iso8583", CLIENT)
ALIASES = {"wechat": "wechat_v3", "unionpay": "unionpay_acp", "card": "iso8583"}
"""A channel by its plain name is its newest protocol."""

_SUFFIXES = {
    "refund": ("refund", "refund_apply"),
    "refund_apply": ("refund_apply", "refund"),
    "rescue": ("rescue", "refund"),
}
"""Operations that go by several names in the books. A rescue is a refund sent on: what is unclear is asked the same."""


@dataclass(frozen=True, slots=True)
class Book:
    """One dated file of codes."""

    valid_from: date
    rows: Mapping[tuple[str, str], Diagnosis]


def read_book(valid_from: date, lines: Iterable[str]) -> Book:
    """Read a file of codes.

    Raises ValueError or KeyError when a row names no cause, outcome or retry of ours, or names a code twice.
    """
    rows: dict[tuple[str, str], Diagnosis] = {}
    for row in csv.DictReader(lines):
        key = (row["channel"], row["code"])
        if key in rows:
            raise ValueError(f"{key} is in the book twice")
        rows[key] = Diagnosis(
            channel=row["channel"],
            code=row["code"],
            meaning_zh=row["meaning_zh"],
            meaning_en=row["meaning_en"],
            cause=Cause(row["cause"]),
            outcome=Verdict(row["outcome"]),
            retry=Retry(row["retry"]),
            cashier_action_zh=row["cashier_action_zh"],
            cashier_action_en=row["cashier_action_en"],
            source=row["source"],
        )
    return Book(valid_from, rows)


@lru_cache(maxsize=1)
def packaged_books() -> tuple[Book, ...]:
    """The books that came with yuanlu, oldest first."""
    listed = tomllib.loads(packaged.text("channels/data/error_codes.toml"))["book"]
    books = (
        read_book(entry["valid_from"], io.StringIO(packaged.text(f"channels/data/{entry['file']}"), newline=""))
        for entry in listed
    )
    return tuple(sorted(books, key=lambda book: book.valid_from))


@lru_cache(maxsize=8)
def known_codes(today: date | None = None) -> Mapping[tuple[str, str], Diagnosis]:
    """Every code that counts on this day (without a day: all), by channel and code."""
    valid = [book for book in packaged_books() if today is None or book.valid_from <= today] or packaged_books()[:1]
    return {key: row for book in valid for key, row in book.rows.items()}


def diagnose(channel: str, code: str, operation: str | None = None, *, today: date | None = None) -> Diagnosis:
    """Say what a channel's code means.

    Shape: `channel` as in the books, or wechat, unionpay, card for the newest of each; `code` exactly as the channel
    wrote it (the state of a WeChat Pay v3 refund is `REFUND:CLOSED`); `operation` as in `contract.Operation`.
    """
    book, place = known_codes(today), channel.strip().lower()
    found = _found(book, ALIASES.get(place, place), code.strip(), operation)
    return found or _unknown(book, channel, code, operation)


def _found(
    book: Mapping[tuple[str, str], Diagnosis], channel: str, code: str, operation: str | None
) -> Diagnosis | None:
    suffixes = _SUFFIXES.get(operation, (operation,)) if operation else ()
    names = [*(f"{code}({suffix})" for suffix in suffixes), code]
    return next((book[channel, name] for name in names if (channel, name) in book), None)


def _unknown(book: Mapping[tuple[str, str], Diagnosis], channel: str, code: str, operation: str | None) -> Diagnosis:
    told = _found(book, CLIENT, "UNKNOWN_CODE", operation)
    assert told is not None
    return Diagnosis(
        channel=channel,
        code=code,
        meaning_zh=told.meaning_zh,
        meaning_en=told.meaning_en,
        cause=Cause.SYSTEM,
        outcome=Verdict.UNKNOWN,
        retry=Retry.QUERY_FIRST,
        cashier_action_zh=told.cashier_action_zh,
        cashier_action_en=told.cashier_action_en,
        source=told.source,
        known=False,
    )
