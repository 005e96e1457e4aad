"""What a code of a shop may become, and how it stands.

A sticker that hangs for years is where money goes astray: it outlives its contract, it is moved to another counter, or
somebody sticks his own over it. So each is written down with its place and its time, and looked at again and again.
The text of a code is nobody's secret but leads to money: it is kept as a keyed hash, with its last letters for people.

    HANGING   in use          SUSPECT   looked at, and not as it should be          RETIRED   taken down
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.channels import codes
from yuanlu.channels.codes import CodeKind
from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept

REGISTERED = (CodeKind.RECEIVING_CODE, CodeKind.ORDER_CODE, CodeKind.MERCHANT_EMV, CodeKind.WEB_PAGE)
"""What may hang: codes for being paid, and pages that lead to them. A payer's own code never does."""
AUDIT_DAYS, AUDIT_DAYS_MAX = 30, 366


class State(StrEnum):
    HANGING = "HANGING"
    SUSPECT = "SUSPECT"
    RETIRED = "RETIRED"


class FoundAs(StrEnum):
    """How somebody who looked found a sticker."""

    IN_PLACE = "in_place"
    DAMAGED = "damaged"
    MISSING = "missing"
    COVERED = "covered"
    """Another code is stuck over it."""


class Standing(StrEnum):
    """How a code stands at a moment."""

    CURRENT = "current"
    NOT_YET = "not_yet"
    AUDIT_OVERDUE = "audit_overdue"
    EXPIRED = "expired"
    SUSPECT = "suspect"
    RETIRED = "retired"


STALE = (Standing.EXPIRED, Standing.SUSPECT, Standing.RETIRED)
"""What should not be paid to any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code(Row):
    """A static or till code as it stands. `mark`: keyed hash of its text; `tail`: its last letters, for people."""

    table = "codes"

    state: State
    kind: CodeKind
    wallet: str
    mark: str
    tail: str
    store_id: str
    till_id: str
    hangs_at: str
    fingerprint: str
    opened_at: datetime
    opened_by: str
    valid_from: datetime
    valid_until: datetime | None = None
    audit_days: int
    audited_at: datetime | None = None
    audited_by: str = ""
    found_as: str = ""
    note: str = ""
    due_at: datetime | None
    """When somebody must look next."""
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeHung(Fact):
    code_kind: str
    tail: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAudited(Fact):
    found: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRetired(Fact):
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAsk:
    """A code to be written down. `mark` is the keyed hash of `text`; the text itself goes no further than the rule."""

    merchant_id: str
    id: str
    store_id: str
    till_id: str
    place: str
    who: str
    text: str = field(repr=False)
    mark: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    audit_days: int = AUDIT_DAYS

    @property
    def fingerprint(self) -> str:
        """Hash of everything asked but the id."""
        content = (
            self.mark,
            self.store_id,
            self.till_id,
            self.place,
            str(self.valid_from),
            str(self.valid_until),
            str(self.audit_days),
        )
        return hashlib.sha256("\x1f".join(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """What a code is decided on: itself, whether store and till are there, and whether its text hangs already."""

    code: Code | None
    has_store: bool = True
    has_till: bool = True
    same: str | None = None
    """Id of a code of this merchant with the same text that is not retired."""


def tidied(text: str) -> str:
    """The text as it is hashed: as a scanner gives it, without what stands around it."""
    return text.strip()


def hang(ask: CodeAsk, seen: CodeSeen, at: datetime) -> Change[Code] | Stay[Code]:
    """Write a code down that hangs or stands in a shop.

    Asking again with the same id and content gives the same code back. Raises Denied: code.id_taken, code.not_ours,
    code.store_unknown, code.till_unknown, code.valid, code.audit_days, code.hangs_already.
    """
    if seen.code is not None:
        if seen.code.fingerprint != ask.fingerprint:
            raise Denied("code.id_taken", id=ask.id)
        return Stay(seen.code)
    found = codes.recognise(ask.text, today=business_day(at))
    valid_from = ask.valid_from or at
    _demand(ask, seen, found.kind, valid_from)
    code = Code(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.CODE),
        state=State.HANGING,
        kind=found.kind,
        wallet=found.wallet or "",
        mark=ask.mark,
        tail=codes.masked(tidied(ask.text))[-4:],
        store_id=ask.store_id,
        till_id=ask.till_id,
        hangs_at=ask.place,
        fingerprint=ask.fingerprint,
        opened_at=at,
        opened_by=ask.who,
        valid_from=valid_from,
        valid_until=ask.valid_until,
        audit_days=ask.audit_days,
        due_at=max(at, valid_from) + timedelta(days=ask.audit_days),
    )
    hung = CodeHung(code_kind=code.kind, tail=code.tail, place=code.hangs_at)
    return Change(row=code, at=at, who=ask.who, facts=(hung,))


def _demand(ask: CodeAsk, seen: CodeSeen, kind: CodeKind, valid_from: datetime) -> None:
    if kind not in REGISTERED:
        raise Denied("code.not_ours", kind=kind.value)
    if not seen.has_store:
        raise Denied("code.store_unknown", store=ask.store_id)
    if not seen.has_till:
        raise Denied("code.till_unknown", till=ask.till_id)
    if ask.valid_until is not None and ask.valid_until <= valid_from:
        raise Denied("code.valid")
    if not 0 < ask.audit_days <= AUDIT_DAYS_MAX:
        raise Denied("code.audit_days", max=AUDIT_DAYS_MAX)
    if seen.same is not None:
        raise Denied("code.hangs_already", code_id=seen.same)


def audit(found: FoundAs, note: str, who: str, code: Code | None, at: datetime) -> Change[Code]:
    """Write down how somebody found a sticker. What is not in place is suspect until it is again, or is retired.

    Raises Denied: code.unknown, code.retired.
    """
    if code is None:
        raise Denied("code.unknown")
    if code.state is State.RETIRED:
        raise Denied("code.retired", id=code.id)
    note = kept(note)
    row = replace(
        code,
        version=code.version + 1,
        state=State.HANGING if found is FoundAs.IN_PLACE else State.SUSPECT,
        audited_at=at,
        audited_by=who,
        found_as=found.value,
        note=note,
        due_at=at + timedelta(days=code.audit_days),
    )
    return Change(row=row, at=at, who=who, facts=(CodeAudited(found=found.value, note=note),))


def retire(note: str, who: str, code: Code | None, at: datetime) -> Change[Code] | Stay[Code]:
    """Write down that a code is taken down for good; its text may then hang anew.

    Raises Denied: code.unknown.
    """
    if code is None:
        raise Denied("code.unknown")
    if code.state is State.RETIRED:
        return Stay(code)
    note = kept(note)
    row = replace(code, version=code.version + 1, state=State.RETIRED, retired_at=at, due_at=None, note=note)
    return Change(row=row, at=at, who=who, facts=(CodeRetired(note=note),))


def standing(code: Code, at: datetime) -> Standing:
    """How a code stands at a moment: the worst that can be said of it."""
    if code.state is State.RETIRED:
        return Standing.RETIRED
    if code.state is State.SUSPECT:
        return Standing.SUSPECT
    if code.valid_until is not None and at >= code.valid_until:
        return Standing.EXPIRED
    if at < code.valid_from:
        return Standing.NOT_YET
    is_due = code.due_at is not None and at >= code.due_at
    return Standing.AUDIT_OVERDUE if is_due else Standing.CURRENT
