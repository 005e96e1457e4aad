"""The chain of a case: whatever enters it is bound to all that entered before, so nothing is edited or left out.

    chain = SHA-256 of chain before, kind, id, digest, time (ISO 8601, UTC), joined by U+001F, in hex

The first link has an empty chain before it. `digest` is that of the thing itself. Of a message it is the digest of the
text with a grain of salt (see `said`), so that a short text cannot be guessed from it once it was forgotten.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from yuanlu.channels.contract import Evidence, digest_of
from yuanlu.facts import Fact

JOINT = "\x1f"


class Audience(StrEnum):
    """Who may read it."""

    CUSTOMER = "customer"
    INTERNAL = "internal"


class Side(StrEnum):
    """Whose words a message is."""

    CUSTOMER = "customer"
    STAFF = "staff"
    SYSTEM = "system"


class How(StrEnum):
    """How it was said: written, or written down after it was spoken."""

    WRITTEN = "written"
    PHONE = "phone"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that enters a case. `evidence` is kept with it, where it is not kept elsewhere (a file is)."""

    kind: str
    id: str
    digest: str
    who: str
    audience: Audience = Audience.INTERNAL
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseItemAdded(Fact):
    """`digest`: SHA-256 of the thing, in hex; `chain`: of all up to and with it."""

    item: str
    item_kind: str
    digest: str
    chain: str
    audience: str


def linked(before: str, kind: str, item_id: str, digest: str, at: datetime) -> str:
    """The chain with one more link."""
    return hashlib.sha256(JOINT.join((before, kind, item_id, digest, at.isoformat())).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is kept: the fact and its time."""

    fact: CaseItemAdded
    at: datetime


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold: the place (from 1; 0 is the case itself), the item, and why."""

    place: int
    item: str
    why: str


def broken(links: Iterable[Link], chain: str, length: int) -> Break | None:
    """The first place where a chain does not hold, or None. `chain`, `length`: as the case has them.

    Shape: links in the order in which they were recorded.
    """
    before, place = "", 0
    for link in links:
        place += 1
        fact = link.fact
        before = linked(before, fact.item_kind, fact.item, fact.digest, link.at)
        if before != fact.chain:
            return Break(place, fact.item, "this item, its digest or its time is not what was chained")
    if place != length:
        return Break(place, "", f"{length} items entered, {place} are there")
    return None if before == chain else Break(place, "", "the case ends in another chain")


def said(text: str, side: Side, how: How, *, reply: str = "", masked: Iterable[str] = ()) -> str:
    """The body of a message before it is sealed: what was said, by whose side, how, and a grain of salt.

    `reply`: the ready reply it was made of; `masked`: what was masked in it.
    """
    told: dict[str, object] = {"from": side.value, "how": how.value, "text": text}
    told |= {"reply": reply} if reply else {}
    told |= {"masked": list(masked)} if masked else {}
    return json.dumps({**told, "salt": secrets.token_hex(16)}, ensure_ascii=False)


def message(item_id: str, body: str, sealed: str, who: str, audience: Audience, at: datetime) -> Item:
    """A message as an item: `body` made by `said`, and the same sealed."""
    digest = digest_of(body.encode())
    kept = Evidence(id=item_id, kind="message", at=at, body=sealed, digest=digest)
    return Item(kind="message", id=item_id, digest=digest, who=who, audience=audience, evidence=kept)
