"""Letters: what somebody outside who asked to know is told, and what became of telling. Values only; `desk.tell` sends.

A letter carries what happened, not yet its words: how it is written depends on its way and its reader (`notify`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu.change import Row


class Way(StrEnum):
    """How a letter goes."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    APPRISE = "apprise"
    SMS = "sms"
    GATEWAY = "gateway"
    """Nobody is told by it: it is the merchant's template of how an SMS is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How a receiver is reached. All of it is secret: it is opened for one letter and kept nowhere."""

    way: Way
    target: str = field(repr=False)
    """Where to: a URL, an e-mail address, a telephone number."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What a webhook is signed with: the newest first, then one that is being retired."""
    gateway: str = field(default="", repr=False)
    """How an SMS is sent (`notify.sms`)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A notice as it is read: one line, and the whole."""

    line: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One notice to one receiver.

    Shape: `id` is the same however often it is sent. `row` is the object as it stands now; it is as of the fact only
    where `row.version == transition`. `text`: its words, where whoever sends it has written them.
    """

    merchant_id: str
    hook_id: str
    id: str
    reach: Reach
    lang: str = "zh"
    to_payer: bool = False
    shop: str = ""
    type: str
    kind: str
    facts: Mapping[str, object]
    object_id: str
    transition: int
    happened_at: datetime
    now: datetime
    row: Row | None = None
    text: Text | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a letter. Trouble outside is a receipt too.

    Shape: `why` is a code of ours (`http_500`, `timeout`, `smtp_550`); empty when it arrived.
    """

    ok: bool = False
    why: str = ""
    status: int = 0
    took_ms: int = 0
    is_final: bool = False
    """The receiver refused this letter for good: sending it again would be refused again."""
    is_ours: bool = False
    """The trouble lies between us and what carries our letters: it says nothing about the receiver."""
    is_crowded: bool = False
    """It was not tried: too many are being sent at this moment."""
    is_gone: bool = False
    """The receiver says that it wants no more letters."""
    is_silent: bool = False
    """Nothing was sent, for there is nothing to say about it to this reader."""
    after: timedelta | None = None
    """The receiver asked for this much patience."""
    digest: str = ""
    """SHA-256 of what was written."""
