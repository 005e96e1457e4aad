"""Card and identity numbers, tracks and passwords in what people write: masked before anything is kept or told.

A card number counts when the networks' prefix, its length and its Luhn check fit; a Chinese identity number when its
ISO 7064 MOD 11-2 check and its date of birth do. Spaces, dashes and dots inside do not hide one, nor do full-width
digits. A card's track is masked whole, and what follows a word such as 密码, CVV or PIN. Our own ids and amounts
(`1,280.00`) are never taken for one.

Every wish that carries free words masks them when it is made, so the words as they came are nowhere behind it.
Phone numbers stay: somebody gives one to be called back; they are sealed like all that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from yuanlu import ids


class Found(StrEnum):
    """What was masked."""

    CARD = "card"
    ID_NUMBER = "id_number"
    SECRET = "secret"  # noqa: S105 - the kind
    """A password, PIN, card verification code or one-time code that was named as such."""


class Masked(NamedTuple):
    """The text as it may be kept, and what was masked in it, each kind once."""

    text: str
    found: tuple[Found, ...]


class _Hit(NamedTuple):
    start: int
    end: int
    kind: Found
    tail: str


_BETWEEN = r"[\s\-‐-―./·_|,\u00ad\u200b-\u200f\u2060\ufeff]{0,3}"
_RUN = re.compile(rf"\d(?:{_BETWEEN}\d){{12,}}(?:{_BETWEEN}[xXＸｘ](?![A-Za-z]))?")
_OURS = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}[0-9A-Z]{27}(?![0-9A-Za-z])")
_AMOUNT = re.compile(r"(?<![\d.,])(?:\d{1,3}(?:,\d{3})+|\d{1,8})\.\d{2}(?![\d.,])")
_BLOCK = re.compile(r"\d+|[xXＸｘ]$")

_CARD = re.compile(
    r"(?:62|81)\d{14,17}"  # UnionPay
    r"|4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12,14}"  # Mastercard; the lengths sorted out below
    r"|3[47]\d{13}"  # American Express
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|3(?:0[0-5]|095|6\d|8\d|9\d)\d{11,16}"  # Diners Club
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12,15}"  # Discover
    r"|(?:50|5[6-9]|6[0137])\d{11,17}"  # Maestro
    r"|9[0-9]\d{14,17}"  # cards of Chinese banks from before UnionPay
)
"""Issuer prefixes (ISO/IEC 7812) with their lengths; what fits and passes Luhn is taken for a card."""
_CARD_LENGTHS = range(13, 20)
_BORN_FROM = 1900
_BORN_TO = 2100


_TRACK = re.compile(
    r"%?[Bb](?P<one>\d{13,19})\^[^^\n]{0,40}\^\d{4}[^\s?]*\??|;?(?<!\d)(?P<two>\d{13,19})[=D]\d{7,}[^\s?]*\??"
)
"""ISO/IEC 7813: track 1 and track 2."""
_NAMED = re.compile(
    r"(?P<name>(?:(?<![A-Za-z])(?:cvv2?|cvc2?|pin|password|passwd|pwd)|密码|口令|安全码|验证码)\s{0,3}[:：=是为]\s{0,3})"
    r"(?!\*{4}(?:[^!-~]|$))[!-~]{3,}",
    re.IGNORECASE,
)


class Place(NamedTuple):
    """Where something to be masked stands."""

    start: int
    end: int
    kind: Found


def places(text: str) -> list[Place]:
    """Where that stands which `masked` would mask, each with all its signs."""
    found = [Place(*hit.span(), Found.CARD) for hit in _TRACK.finditer(text) if luhn.is_valid(hit["one"] or hit["two"])]
    found += [Place(hit.end("name"), hit.end(), Found.SECRET) for hit in _NAMED.finditer(text)]
    while hits := list(_hits(text)):
        for hit in hits:
            found.append(Place(hit.start, hit.end, hit.kind))
            text = text[: hit.start] + "#" * (hit.end - hit.start) + text[hit.end :]
    return found


def kept(text: str) -> str:
    """The text as it may be kept, where nobody asks what was masked in it."""
    return masked(text).text


def masked(text: str) -> Masked:
    """Mask card and identity numbers, tracks, and secrets that are named.

    Shape: a card keeps its last four digits (`****1234`), an identity number or a secret nothing (`****`). Law:
    masking again changes nothing and finds nothing.
    """
    kinds: list[Found] = []

    def track(found: re.Match[str]) -> str:
        number = found["one"] or found["two"]
        if not luhn.is_valid(number):
            return found[0]
        kinds.append(Found.CARD)
        return f"****{number[-4:]}"

    def named(found: re.Match[str]) -> str:
        kinds.append(Found.SECRET)
        return f"{found['name']}****"

    text = _NAMED.sub(named, _TRACK.sub(track, text))
    while hits := list(_hits(text)):
        parts, place = [], 0
        for hit in hits:
            parts += [text[place : hit.start], "****", hit.tail]
            place = hit.end
            kinds.append(hit.kind)
        text = "".join([*parts, text[place:]])
    return Masked(text, tuple(dict.fromkeys(kinds)))


def _hits(text: str) -> Iterator[_Hit]:
    """What stands in a text, from left to right, none inside another."""
    for run in _RUN.finditer(_without_ours(text)):
        blocks = [(run.start() + b.start(), b[0]) for b in _BLOCK.finditer(run[0])]
        place = 0
        while place < len(blocks):
            used, hit = _hit_at(blocks[place:])
            if hit is not None:
                yield hit
            place += used


def _without_ours(text: str) -> str:
    """The text with our ids and amounts blotted out, sign by sign: every place stays where it is."""
    text = _OURS.sub(lambda found: "#" * 29 if ids.is_id(found[0]) else found[0], text)
    return _AMOUNT.sub(lambda found: "#" * len(found[0]), text)


def _hit_at(blocks: list[tuple[int, str]]) -> tuple[int, _Hit | None]:
    """The longest number that begins with the first block and ends with a block; and how many blocks were used."""
    joined, best, used = "", None, 1
    for count, (start, block) in enumerate(blocks, 1):
        joined += _plain(block)
        if len(joined) > _CARD_LENGTHS.stop - 1:
            break
        kind = _kind(joined)
        if kind is not None:
            tail = joined[-4:] if kind is Found.CARD else ""
            best, used = _Hit(blocks[0][0], start + len(block), kind, tail), count
            if kind is Found.ID_NUMBER:
                break
    return used, best


def _plain(block: str) -> str:
    """Digits of any script as ASCII; the check character X as a capital."""
    return "".join(str(int(sign)) if sign.isdecimal() else "X" for sign in block)


def _kind(number: str) -> Found | None:
    if len(number) == 18 and mod_11_2.is_valid(number) and _is_birth(number[6:14]):
        return Found.ID_NUMBER
    if len(number) in _CARD_LENGTHS and number.isdecimal() and _CARD.fullmatch(number) and luhn.is_valid(number):
        return Found.CARD
    return None


def _is_birth(text: str) -> bool:
    try:
        born = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return _BORN_FROM <= born.year < _BORN_TO
