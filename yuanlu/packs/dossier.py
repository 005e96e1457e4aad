"""All there is about a case, as one plain value: what a pack is made of, and what is read back out of one.

Maker and verifier are pure over it. Rows of payments, refunds and cases travel as their columns (name to plain value):
a column that comes later travels too. Times are aware, UTC. Texts are opened already; what the reader of a pack may
not see is cut by `readers.cut`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Columns = Mapping[str, Any]

CHAINED_FIRST = ""
"""What stands before the first link of a chain."""
MESSAGE, FILE, PACK = "message", "file", "pack"
PEOPLE = "people"
"""In the merchant's columns: the names of staff by id, for whoever may read them."""
SEALED = "s1."
"""How sealed text begins."""
CUSTOMER, INTERNAL = "customer", "internal"
COMPLAINT, ENTRY, ALARM, HANDOVER = "complaint", "complaint_entry", "complaint_alarm", "handover"
COMPLAINT_KINDS = (COMPLAINT, ENTRY, ALARM)
"""Links that tell of a complaint."""


def digest_of(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def linked(before: str, kind: str, item: str, digest: str, at: datetime) -> str:
    """The chain after one more item: SHA-256 over what was before, kind, id, digest and time."""
    return digest_of("\x1f".join((before, kind, item, digest, at.isoformat())).encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A fact: what happened to `object` in its `transition` (the version of its row), first, second … (`seq`)."""

    object: str
    transition: int
    seq: int
    at: datetime
    who: str
    kind: str
    evidence: str
    body: Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A piece of evidence: an answer, a notice, silence, a person's word, a pack that was made (its `body` says for
    whom). `digest` is of the bytes as they came, or of the pack.
    """

    object: str
    id: str
    kind: str
    at: datetime
    operation: str
    status: int
    took_ms: int
    digest: str
    body: str
    withheld: bool = False

    @property
    def told(self) -> Columns:
        """The body in its parts; nothing where it has none."""
        try:
            parts = json.loads(self.body)
        except ValueError:
            parts = None
        return parts if isinstance(parts, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A move of the books, whole fen."""

    object: str
    transition: int
    seq: int
    source: str
    target: str
    amount_fen: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message of the thread, in its body as it was chained: JSON of `from`, `how`, `text` and a grain of salt.

    `digest` is SHA-256 of the body. `gone`: it was forgotten; only its digest is left.
    """

    id: str
    at: datetime
    who: str
    audience: str
    body: str
    digest: str
    gone: bool = False

    @property
    def told(self) -> Columns:
        """The body in its parts; a body that is no JSON is all text."""
        try:
            parts = json.loads(self.body)
        except ValueError:
            parts = None
        return parts if isinstance(parts, dict) else {"text": self.body}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file of the case. `digest` is SHA-256 of its bytes; `enclosed`: they are in the pack; `gone`: forgotten.

    `searched`: numbers were surely looked for in all that it shows; False: some may still be seen, which `says_zh` and
    `says_en` tell the reader. None: a pack from before that was said.
    """

    id: str
    name: str
    media: str
    size: int
    digest: str
    at: datetime
    who: str
    audience: str
    enclosed: bool = True
    gone: bool = False
    searched: bool | None = None
    says_zh: str = ""
    says_en: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the case's chain. `withheld`: what it links is not shown to this reader; its digest is."""

    kind: str
    id: str
    digest: str
    at: datetime
    chain: str
    audience: str = INTERNAL
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision, by whom, and under which dated rules."""

    at: datetime
    who: str
    kind: str
    body: Columns
    policy: str = ""
    law: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A rule in plain words, the law it stands in, and how it is cited: such as `law-cn/2026-01#art-39`.

    `at_stage`: it matters as the case stands; else a decision rests on it.
    """

    cite: str
    law_zh: str
    law_en: str
    zh: str
    en: str
    at_stage: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Uttered:
    """An entry in the history of a complaint, as the channel has it: who did what, and said what with it."""

    id: str
    at: datetime
    side: str
    deed: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complained:
    """A complaint about the payment: its columns, and the talk at the channel. `gone`: that was forgotten."""

    row: Columns
    text: str = ""
    phone: str = ""
    entries: Sequence[Uttered] = ()
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything about one case at one moment, in the order in which it came."""

    made_at: datetime
    merchant: Columns
    """`id`, `name`, `store`, `till`: names as the customer knows them."""
    case: Columns
    payment: Columns
    refunds: Sequence[Columns] = ()
    facts: Sequence[Happened] = ()
    evidence: Sequence[Heard] = ()
    moves: Sequence[Moved] = ()
    thread: Sequence[Said] = ()
    files: Sequence[Kept] = ()
    chain: Sequence[Link] = ()
    decisions: Sequence[Decided] = ()
    rights: Sequence[Right] = ()
    repayments: Sequence[Columns] = ()
    complaints: Sequence[Complained] = ()
    handovers: Sequence[Columns] = ()
    """Our own side of a request that another shop handed over; who that was stands nowhere in it."""


@dataclass(frozen=True, slots=True)
class OfComplaint:
    """What a link of the chain says of a complaint: which, and of an entry or an alarm its id or name."""

    complaint: Complained
    part: str
    entry: Uttered | None


def of_complaint(dossier: Dossier, link: Link) -> OfComplaint | None:
    """The complaint that a link tells of; None where it tells of something else, or of none that is here."""
    head, _, part = link.id.partition(".")
    for each in dossier.complaints:
        if each.row.get("id") == head and link.kind in COMPLAINT_KINDS:
            return OfComplaint(each, part, next((one for one in each.entries if one.id == part), None))
    return None


@dataclass(frozen=True, slots=True)
class Found:
    """What the books say about a case. `evidence` holds messages too, sealed as they are kept."""

    merchant: Columns
    case: Columns
    payment: Columns
    refunds: Sequence[Columns]
    facts: Sequence[Happened]
    evidence: Sequence[Heard]
    moves: Sequence[Moved]
    repayments: Sequence[Columns] = ()
    complaints: Sequence[Columns] = ()
    """Their words are sealed, each under the key of its own subject."""
    handovers: Sequence[Columns] = ()
