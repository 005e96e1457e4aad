"""What somebody typed or scanned into the one search box may be. Pure: any text, never an error."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.money import from_yuan
from yuanlu.payments.rules import AMOUNT_MAX_FEN

TEXT_MAX = 400
"""Letters that are looked at: a scanned link is shorter."""
GUESSES_MAX = 5


class Sort(StrEnum):
    """What a text may be."""

    ID = "id"
    """One of our ids, whole and right."""
    NUMBER = "number"
    """The beginning of a payment's number of ours, or the whole number a channel gave."""
    AMOUNT = "amount"
    TAIL = "tail"
    """The last four letters of the code somebody paid with."""


@dataclass(frozen=True, slots=True)
class Guess:
    """One thing a text may be. `fen`: of an amount."""

    sort: Sort
    text: str
    fen: int = 0


_ID = re.compile(r"(?<![0-9A-Z])[A-Z]{2}[0-7][0-9A-Z]{26}(?![0-9A-Z])")
_BEGINNING = re.compile(f"{Kind.PAYMENT}[0-7][0-9A-Z]{{3,25}}")
_AMOUNT = re.compile(r"[¥￥]?(\d{1,7}|\d{1,3}(?:,\d{3})+)(\.\d{1,2})?元?", re.ASCII)
_TAIL = re.compile(r"[0-9]{4}")
_NUMBER = re.compile(r"(?=(?:.*[0-9]){6})[0-9A-Za-z_-]{6,64}")
_PAYER_CODE = re.compile(r"1[0-5][0-9]{16}|(?:2[5-9]|30)[0-9]{14,22}")
"""A code somebody pays with: of WeChat 18 digits, of Alipay 16 to 24. Their numbers of payments have 28."""


def recognised(text: str) -> tuple[Guess, ...]:
    """What a text may be, the surest first; empty: nothing we know.

    Ids of ours are found within a longer text too (a scanned link). A payer's code is a secret of a minute: nothing
    but its tail is looked for.
    """
    said = unicodedata.normalize("NFKC", text[:TEXT_MAX]).strip()
    found = dict.fromkeys(each for each in _ID.findall(said.upper()) if ids.is_id(each))
    if found:
        return tuple(Guess(Sort.ID, each) for each in list(found)[:GUESSES_MAX])
    tight = "".join(said.split())
    if _BEGINNING.fullmatch(tight.upper()):
        return (Guess(Sort.NUMBER, tight.upper()),)
    if _PAYER_CODE.fullmatch(tight):
        return (Guess(Sort.TAIL, tight[-4:]),)
    guesses = []
    if _NUMBER.fullmatch(tight):
        guesses.append(Guess(Sort.NUMBER, tight))
    if _TAIL.fullmatch(tight):
        guesses.append(Guess(Sort.TAIL, tight))
    if _AMOUNT.fullmatch(tight) and 1 <= (fen := _fen(tight.strip("¥￥元").replace(",", ""))) <= AMOUNT_MAX_FEN:
        guesses.append(Guess(Sort.AMOUNT, tight, fen))
    return tuple(guesses)


def _fen(text: str) -> int:
    """An amount as it was written; 0 where it is none, such as `00`."""
    try:
        return from_yuan(text).amount
    except ValueError:
        return 0
