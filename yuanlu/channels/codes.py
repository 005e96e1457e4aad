"""Recognising any scanned text: what it is, whose it is, whether it may be charged now, and what to say if not.

The shapes stand in `data/codes.toml`, in the order in which they are tested: dated tables of which the newest valid
one counts, since wallets change their codes. This file only knows how to tidy what a scanner sends and how to check
digits. What was scanned may be a secret (a payment code, a card number, an identity number): nothing here logs, and a
`Recognised` keeps the text only where it is needed to go on, and never shows it.

Law: `recognise` never raises, whatever it is given, and its time is bounded by the length it looks at.
Law: only a payment code is ever `ok`; of two readings the one that charges nobody by mistake wins.
Source: channels.md sections 7 and 8, read 2026-11-23.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from stdnum import ean, luhn
from stdnum.iso7064 import mod_11_2

from yuanlu import ids, packaged, words
from yuanlu.channels.contract import REMOTE


class CodeKind(StrEnum):
    """What a scanned text is."""

    PAYMENT_CODE = "payment_code"
    """Shown by a payer, to be charged by us, once, within about a minute."""
    RECEIVING_CODE = "receiving_code"
    """Someone's code for being paid: a person's or a shop's."""
    ORDER_CODE = "order_code"
    """An order that waits for a payer to scan it."""
    OUR_NUMBER = "our_number"
    """An id of ours: opens the sale."""
    GOODS = "goods"
    CARD_NUMBER = "card_number"
    CONSUMER_EMV = "consumer_emv"
    MERCHANT_EMV = "merchant_emv"
    MEMBER = "member"
    WEB_PAGE = "web_page"
    MAYBE_ID_CARD = "maybe_id_card"
    """Passes as a Chinese identity number. Looking like WeChat Pay too, it is a question, else a no."""
    UNKNOWN = "unknown"


class Wallet(StrEnum):
    """Whose code it is."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    ECNY = "ecny"


OFFERED: Collection[str] = frozenset(REMOTE)
"""The wallets that can be charged when nobody says otherwise: those whose channel there is."""


@dataclass(frozen=True, kw_only=True)
class Recognised:
    """What a scanned text is.

    `ok`: it may be charged now, that is: it is a payment code, of a wallet that is offered, and came in a way that
    wallet's code may come. A code of UnionPay or e-CNY is recognised, and not ok while this shop cannot take it. Goods
    are never ok, whole or damaged.
    `says`: the code of the advice in `words.toml`. `row`: the row of channels.md section 8.
    `question`: the cashier may overrule it: recognise again with `no_id_card=True`.
    `code`: the text as the channel (or our books) must get it, kept only for payment codes that are ok, our numbers,
    goods and members; a payment code is a secret of a minute, so it never shows in a repr or in `as_dict`.
    """

    kind: CodeKind
    wallet: Wallet | None = None
    ok: bool = False
    says: str
    row: int = 19
    question: bool = False
    others: tuple[str, ...] = ()
    code: str = field(default="", repr=False)

    def advice(self, lang: str) -> str:
        """What to tell the cashier: what happened, then what to do, in lines."""
        channel = words.say(f"channel.{self.wallet or 'card'}", lang)
        names = [words.say(f"channel.{other}", lang) for other in self.others or ("other",)]
        return words.say(self.says, lang, channel=channel, others=words.say("words.or", lang).join(names))

    @property
    def advice_zh(self) -> str:
        return self.advice("zh")

    @property
    def advice_en(self) -> str:
        return self.advice("en")

    def as_dict(self) -> dict[str, str | bool | None]:
        """What `yuanlu recognise --json` prints."""
        return {
            "kind": self.kind.value,
            "wallet": self.wallet and self.wallet.value,
            "ok": self.ok,
            "advice_zh": self.advice_zh,
            "advice_en": self.advice_en,
        }


# --- what a scanner sends, made tidy -------------------------------------------------------------------------------

_EDGES = "".join(chr(sign) for sign in range(0x3001) if chr(sign).isspace()) + "\x02\x03\u200b\ufeff"
"""Falls off both ends: white space, the STX and ETX some scanners frame with, zero-width signs of copied text."""

_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {
    ord("。"): ".",
    ord("、"): "/",
    0x200B: None,
    0xFEFF: None,
}
"""A keyboard scanner types into a Chinese input method: full-width letters, its full stop, its enumeration comma."""

_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""The symbology identifier of ISO/IEC 15424 that scanners can be set to send first, such as `]C1`."""


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of letters: no code has them inside."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A text made tidy. `read`: inner blanks kept, as EMV codes count them; `tight`: without any."""

    read: str = field(repr=False)
    tight: str = field(repr=False)
    symbology: str
    typed: bool
    born: tuple[date, date]


def _tidied(text: str, *, typed: bool, born: tuple[date, date]) -> _Seen:
    read = text.strip(_EDGES)
    aim = _AIM.match(read[:3].translate(_NARROW))
    read = read[3:].strip(_EDGES) if aim else read
    tight = "".join(read.translate(_NARROW).split())
    if typed and re.fullmatch(r"[0-9A-Za-z-]+", tight):
        tight = tight.replace("-", "")
    return _Seen(read, tight, aim[0][1:] if aim else "", typed, born)


def masked(text: str) -> str:
    """What may be kept of a scanned text in logs and evidence: the first two and the last four characters at most.

    Law: at most half of the text is shown, so a short one shows less, or nothing.
    Source: channels.md section 8, traps.
    """
    plain = "".join(sign if sign.isprintable() and not sign.isspace() else "" for sign in text)
    if len(plain) >= 12:
        return f"{plain[:2]}****{plain[-4:]}"
    return f"{plain[:2]}****" if len(plain) >= 4 else "****"


# --- checks: what a pattern cannot say -----------------------------------------------------------------------------


def _is_ours(seen: _Seen, _: re.Match[str]) -> bool:
    return ids.is_id(_our_number(seen.tight))


def _our_number(text: str) -> str:
    """Our number as we write it: capitals, and the digits that Crockford's base 32 means by O, I and L."""
    big = text.upper()
    return big[:2] + big[2:-1].translate({ord("O"): "0", ord("I"): "1", ord("L"): "1"}) + big[-1:]


def _is_id_card(seen: _Seen, found: re.Match[str]) -> bool:
    """A plausible birth date at digits 7 to 14, and the ISO 7064 MOD 11-2 check. The county does not matter."""
    try:
        born = date(int(found[0][6:10]), int(found[0][10:12]), int(found[0][12:14]))
    except ValueError:
        return False
    return seen.born[0] <= born <= seen.born[1] and bool(mod_11_2.is_valid(found[0].upper()))


def _is_gtin(_: _Seen, found: re.Match[str]) -> bool:
    return bool(ean.is_valid(found.groupdict().get("gtin") or found[0]))


def _is_luhn(_: _Seen, found: re.Match[str]) -> bool:
    return bool(luhn.is_valid(found[0]))


def _has_crc(_: _Seen, found: re.Match[str]) -> bool:
    """CRC-16/CCITT-FALSE over all but the last four characters, in UTF-8."""
    body, told = found[0][:-4], found[0][-4:]
    return binascii.crc_hqx(body.encode("utf-8", "replace"), 0xFFFF) == int(told, 16)


_CHECKS: dict[str, Callable[[_Seen, re.Match[str]], bool]] = {
    "": lambda _seen, _found: True,
    "ours": _is_ours,
    "id_card": _is_id_card,
    "gtin": _is_gtin,
    "luhn": _is_luhn,
    "crc": _has_crc,
}


# --- EMV codes: whose network --------------------------------------------------------------------------------------

_EMV_MAX = 512
"""Bytes of a consumer-presented code, at most (EMVCo consumer-presented v1.1)."""


def _tags(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk BER-TLV: tag and value. A damaged rest is left out."""
    at = 0
    while at + 2 <= len(data):
        tag, at = data[at], at + 1
        if tag & 0x1F == 0x1F:
            tag, at = tag << 8 | data[at], at + 1
        size, at = (data[at], at + 1) if at < len(data) else (len(data), at)
        if size > 0x80:
            end = at + (size & 0x7F)
            size, at = int.from_bytes(data[at:end], "big"), end
        if at + size > len(data):
            return
        yield tag, data[at : at + size]
        at += size


def _consumer_network(text: str, networks: dict[str, Wallet]) -> Wallet | None:
    """The network of a payer's EMV code, by its application ids (4F in 61). The card number in it is never touched."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None
    for tag, template in _tags(data[:_EMV_MAX]):
        for inner, value in _tags(template) if tag == 0x61 else ():
            if inner == 0x4F:
                return networks.get(value[:5].hex().upper())
    return None


def _merchant_network(text: str, _: dict[str, Wallet]) -> Wallet | None:
    """UnionPay if the shop's EMV code names no other account than UnionPay's (ids 15 and 16), else nobody's."""
    named, at = set(), 0
    while re.fullmatch(r"[0-9]{4}", text[at : at + 4]):
        named.add(int(text[at : at + 2]))
        at += 4 + int(text[at + 2 : at + 4])
    accounts = {tag for tag in named if 2 <= tag <= 51}
    return Wallet.UNIONPAY if accounts and accounts <= {15, 16} else None


_NETWORKS: dict[str, Callable[[str, dict[str, Wallet]], Wallet | None]] = {
    "": lambda _text, _networks: None,
    "consumer": _consumer_network,
    "merchant": _merchant_network,
}


# --- the table -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One row of the table: what a text of this shape is. Field by field in docs/reference/codes.md."""

    row: int
    kind: CodeKind
    says: str
    pattern: re.Pattern[str]
    wallet: Wallet | None = None
    length: tuple[int, int] | None = None
    check: str = ""
    network: str = ""
    symbologies: frozenset[str] = frozenset()
    typed_only: bool = False
    scanner_only: bool = False
    question: bool = False
    as_read: bool = False

    def fits(self, seen: _Seen) -> bool:
        """Whether the text has this shape."""
        if (self.typed_only and not seen.typed) or (self.symbologies and seen.symbology not in self.symbologies):
            return False
        text = seen.read if self.as_read else seen.tight
        if self.length and not self.length[0] <= len(text) <= self.length[1]:
            return False
        found = self.pattern.fullmatch(text)
        return found is not None and _CHECKS[self.check](seen, found)


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """A dated table of shapes."""

    valid_from: date
    source: str
    length_max: int
    born_from: date
    networks: dict[str, Wallet]
    rows: tuple[Shape, ...]


def _shape(row: dict[str, object]) -> Shape:
    words.say(str(row["says"]), channel="", others="")
    assert row.get("check", "") in _CHECKS
    assert row.get("network", "") in _NETWORKS
    wallet, length = row.get("wallet"), row.pop("length", None)
    return Shape(
        **row  # type: ignore[arg-type]
        | {
            "kind": CodeKind(str(row["kind"])),
            "wallet": Wallet(str(wallet)) if wallet else None,
            "pattern": re.compile(str(row["pattern"]), re.IGNORECASE | re.ASCII | re.DOTALL),
            "length": tuple(length) if isinstance(length, list) else None,
            "symbologies": frozenset(map(str, row.get("symbologies", ()))),  # type: ignore[call-overload]
        }
    )


def parse(text: str) -> tuple[Shapes, ...]:
    """Read tables of shapes, oldest first: our own, or one that an operator put in their place.

    Raises ValueError, KeyError, TypeError or AssertionError when the file makes no sense: at start, not at the till.
    """
    tables = [
        Shapes(
            **{name: value for name, value in table.items() if name not in {"row", "networks"}},
            networks={rid: Wallet(name) for rid, name in table["networks"].items()},
            rows=tuple(_shape(row) for row in table["row"]),
        )
        for table in tomllib.loads(text)["table"]
    ]
    return tuple(sorted(tables, key=lambda table: table.valid_from))


@lru_cache(maxsize=1)
def packaged_shapes() -> tuple[Shapes, ...]:
    """The tables that came with yuanlu."""
    return parse(packaged.text("channels/data/codes.toml"))


def newest(tables: tuple[Shapes, ...], today: date | None) -> Shapes:
    """The newest table that is valid on this day; the oldest where none is yet, the newest where no day is given."""
    valid = [table for table in tables if today is None or table.valid_from <= today]
    return valid[-1] if valid else tables[0]


# --- the one verb --------------------------------------------------------------------------------------------------


def recognise(
    text: str,
    *,
    typed: bool = False,
    today: date | None = None,
    offered: Collection[str] = OFFERED,
    no_id_card: bool = False,
    tables: tuple[Shapes, ...] | None = None,
) -> Recognised:
    """Say what a scanned or typed text is. Never raises.

    Shape: `typed`: by hand, not by a scanner: card numbers are refused, and so are codes that only a scanner may
    bring. `today`: the business day, for birth dates and for the table that counts; without it every birth date before
    2100 is plausible. `offered`: the wallets this shop can take. `no_id_card`: the cashier was asked and said so.
    """
    table = newest(packaged_shapes() if tables is None else tables, today)
    others = tuple(wallet.value for wallet in Wallet if wallet in offered)
    nothing = Recognised(kind=CodeKind.UNKNOWN, says="scan.unknown", others=others)
    if not isinstance(text, str) or len(text) > table.length_max:
        return nothing
    seen = _tidied(text, typed=typed, born=(table.born_from, today or date(2099, 12, 31)))
    if _CONTROL.search(seen.tight):
        return nothing
    for shape in table.rows:
        if not (shape.question and no_id_card) and shape.fits(seen):
            return _told(shape, seen, table, offered, others)
    return nothing


def _told(shape: Shape, seen: _Seen, table: Shapes, offered: Collection[str], others: tuple[str, ...]) -> Recognised:
    says, ok = shape.says, False
    if shape.kind is CodeKind.PAYMENT_CODE:
        if seen.typed and shape.scanner_only:
            says = "scan.scanner_only"
        elif shape.wallet not in offered:
            says = "scan.channel_off"
        else:
            ok = True
    return Recognised(
        kind=shape.kind,
        wallet=shape.wallet or _NETWORKS[shape.network](seen.read if shape.as_read else seen.tight, table.networks),
        ok=ok,
        says=says,
        row=shape.row,
        question=shape.question,
        others=others,
        code=_kept(shape.kind, seen.tight, ok=ok),
    )


def _kept(kind: CodeKind, text: str, *, ok: bool) -> str:
    """The text as it must go on, where it may go on at all: never card numbers, identity numbers or EMV codes."""
    if kind is CodeKind.OUR_NUMBER:
        return _our_number(text)
    if ok:
        return text.lower() if text.isupper() else text  # a scanner made capitals of Alipay's `fp…`
    return text if kind in {CodeKind.GOODS, CodeKind.MEMBER} else ""
