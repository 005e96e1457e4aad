"""What a key may do and how it turns over, and how a till is enrolled.

A key of a machine or a person is a secret. A till's is a secret *and* a key pair that never leaves the till: it is
invited with a one-time code, enrolled with a public key, and counts from then on with its signature alone.

    invited  a code waits to be used          in use          ended  for good
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from yuanlu import ids
from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.masking import kept

SCOPES: Mapping[str, frozenset[str]] = {
    "charge": frozenset({"charge", "ticket"}),
    "read": frozenset({"see", "sum", "open_file", "reports"}),
    "report": frozenset({"write", "open", "say", "hand_in", "withdraw", "answer", "accept", "turn_down", "object"}),
    "refund": frozenset({"refund"}),
    "desk": frozenset(
        {"claim", "release", "ask", "approve", "confirm", "send_back", "offer", "decline", "reopen", "escalate"}
        | {"judge", "attend", "note", "write"}
    ),
    "codes": frozenset({"codes"}),
    "goods": frozenset({"goods"}),
    "complaints": frozenset({"complaints", "pull"}),
    "hooks": frozenset({"hooks"}),
    "drawer": frozenset({"hand_out", "shift", "count"}),
    "own": frozenset({"own"}),
    "print": frozenset({"print", "see"}),
}
"""Named sets of verbs (those of the table of people). A key may do what is in its scopes *and* what its role may. A
key without scopes may do all that its role may; making keys, exports and erasing are in no scope."""

CODE_WITHIN = timedelta(minutes=15)
CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH = 12
"""Letters of an enrolment code: 60 bits, of which somebody who guesses has 15 minutes."""
GRACE_MAX = timedelta(days=30)
KEY_LETTERS_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Row):
    """A key as it stands. `digest`: SHA-256 of its secret, empty where a till is invited and not enrolled."""

    table = "api_keys"

    digest: bytes = field(repr=False)
    actor: str
    created_at: datetime
    revoked_at: datetime | None = None
    staff_id: str = ""
    scopes: str = ""
    until: datetime | None = None
    old_digest: bytes = field(default=b"", repr=False)
    old_until: datetime | None = None
    till_id: str = ""
    public_key: str = ""
    enrol_mark: str = field(default="", repr=False)
    enrol_until: datetime | None = None

    def standing(self, at: datetime) -> str:
        """How it stands: in_use, rotating, invited, lapsed, ended."""
        if self.revoked_at is not None:
            return "ended"
        if self.until is not None and self.until <= at:
            return "lapsed"
        if not self.digest:
            return "invited" if self.enrol_until is not None and at < self.enrol_until else "lapsed"
        return "rotating" if self.old_until is not None and at < self.old_until else "in_use"


@dataclass(frozen=True, slots=True, kw_only=True)
class TillStand(Row):
    """A till as it stands."""

    table = "tills"

    store_id: str
    name: str
    created_at: datetime
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade(Fact):
    actor: str
    scopes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(Fact):
    old_until: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEnded(Fact):
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillInvited(Fact):
    till: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillEnrolled(Fact):
    till: str
    thumbprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TillClosed(Fact):
    till: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAsk:
    """A key to be made. `scopes` empty: all that its role may. `until` None: no end."""

    merchant_id: str
    id: str
    actor: str
    who: str
    scopes: tuple[str, ...] = ()
    until: datetime | None = None
    staff_id: str = ""


@dataclass(frozen=True, slots=True)
class Invited:
    """What an invitation is decided on: the key of this id, and the till."""

    key: Key | None
    till: TillStand | None


def joined(scopes: Iterable[str]) -> str:
    """Scopes as they are kept: sorted, each once.

    Raises Denied: key.scope_unknown.
    """
    asked = sorted(set(scopes))
    unknown = [each for each in asked if each not in SCOPES]
    if unknown:
        raise Denied("key.scope_unknown", scope=unknown[0], known=", ".join(SCOPES))
    return ",".join(asked)


@lru_cache(maxsize=512)
def verbs_of(scopes: str) -> frozenset[str] | None:
    """The verbs that these scopes narrow a key to; None: it is not narrowed. A scope nobody knows opens nothing."""
    if not scopes:
        return None
    return frozenset().union(*(SCOPES.get(each, frozenset()) for each in scopes.split(",")))


def make(ask: KeyAsk, digest: bytes, seen: Key | None, at: datetime) -> Change[Key] | Stay[Key]:
    """Make a key; again under the same id is the same key, whose secret nobody is told again.

    Raises Denied: key.actor_empty, key.scope_unknown, key.until_past, key.id_taken.
    """
    actor, scopes = kept(ask.actor.strip()), joined(ask.scopes)
    if not actor:
        raise Denied("key.actor_empty")
    if seen is not None:
        if (seen.actor, seen.scopes, seen.until, seen.staff_id) != (actor, scopes, ask.until, ask.staff_id):
            raise Denied("key.id_taken", id=ask.id)
        return Stay(seen)
    if ask.until is not None and ask.until <= at:
        raise Denied("key.until_past")
    row = Key(
        merchant_id=ask.merchant_id,
        id=ids.checked(ask.id, ids.Kind.KEY),
        digest=digest,
        actor=actor,
        created_at=at,
        staff_id=ask.staff_id,
        scopes=scopes,
        until=ask.until,
    )
    return Change(row=row, at=at, who=ask.who, facts=(KeyMade(actor=actor, scopes=scopes),))


def rotate(digest: bytes, grace: timedelta, who: str, seen: Key | None, at: datetime) -> Change[Key]:
    """Give a key a new secret. The old one counts until `grace` is over; without grace it ends now.

    While an old secret still counts there is no further one, or a machine that has the middle one would be shut out
    unasked: `grace` 0 ends them all.
    Raises Denied: key.unknown, key.rotating, key.grace, key.of_till.
    """
    if seen is None or seen.revoked_at is not None:
        raise Denied("key.unknown")
    if seen.till_id:
        raise Denied("key.of_till")
    if not timedelta(0) <= grace <= GRACE_MAX:
        raise Denied("key.grace", days=GRACE_MAX.days)
    if grace and seen.old_until is not None and at < seen.old_until:
        raise Denied("key.rotating", until=seen.old_until.isoformat())
    old_until = at + grace if grace else None
    row = replace(
        seen,
        version=seen.version + 1,
        digest=digest,
        old_digest=seen.digest if grace else b"",
        old_until=old_until,
    )
    return Change(row=row, at=at, who=who, facts=(KeyRotated(old_until=(old_until or at).isoformat()),))


def end(who: str, seen: Key | None, at: datetime) -> Change[Key]:
    """End a key, and what its code could still enrol. What was done with it stays done.

    Raises Denied: key.unknown.
    """
    if seen is None or seen.revoked_at is not None:
        raise Denied("key.unknown")
    row = replace(
        seen,
        version=seen.version + 1,
        revoked_at=at,
        old_digest=b"",
        old_until=None,
        enrol_mark="",
        enrol_until=None,
    )
    return Change(row=row, at=at, who=who, facts=(KeyEnded(actor=seen.actor),))


def invite(
    key_id: str, till_id: str, scopes: tuple[str, ...], mark: str, who: str, seen: Invited, at: datetime
) -> Change[Key]:
    """Make the key of a till that waits for its device: whoever brings the code of this mark in time enrols it.

    Raises Denied: till.gone, key.scope_unknown, key.id_taken.
    """
    if seen.till is None or seen.till.closed_at is not None:
        raise Denied("till.gone")
    if seen.key is not None:
        raise Denied("key.id_taken", id=key_id)
    row = Key(
        merchant_id=seen.till.merchant_id,
        id=ids.checked(key_id, ids.Kind.KEY),
        digest=b"",
        actor=till_id,
        created_at=at,
        scopes=joined(scopes),
        till_id=till_id,
        enrol_mark=mark,
        enrol_until=at + CODE_WITHIN,
    )
    return Change(row=row, at=at, who=who, facts=(TillInvited(till=till_id),))


def enrol(public_key: str, digest: bytes, seen: Key | None, at: datetime) -> Change[Key]:
    """Enrol a device with its public key. The code is used up.

    Raises Denied: enrolment.unknown (no such code, used, over: nobody is told which), enrolment.key.
    """
    thumbprint = thumbprint_of(public_key)
    if seen is None or seen.revoked_at is not None or seen.enrol_until is None or at >= seen.enrol_until:
        raise Denied("enrolment.unknown")
    row = replace(
        seen,
        version=seen.version + 1,
        digest=digest,
        public_key=tidy(public_key),
        enrol_mark="",
        enrol_until=None,
    )
    return Change(row=row, at=at, who=seen.actor, facts=(TillEnrolled(till=seen.till_id, thumbprint=thumbprint),))


def close(who: str, seen: TillStand | None, at: datetime) -> Change[TillStand] | Stay[TillStand]:
    """Close a till for good: its keys end with it.

    Raises Denied: till.gone.
    """
    if seen is None:
        raise Denied("till.gone")
    if seen.closed_at is not None:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, closed_at=at)
    return Change(row=row, at=at, who=who, facts=(TillClosed(till=seen.id),))


def tidy_code(text: str) -> str:
    """An enrolment code as it is hashed: people may write it small, in groups, with O for 0 and I or L for 1."""
    return re.sub(r"[\s-]", "", text).upper().translate(str.maketrans("OIL", "011"))


@lru_cache(maxsize=4096)
def public_key_of(text: str) -> EllipticCurvePublicKey:
    """A P-256 public key of base 64 of its DER (SubjectPublicKeyInfo, what WebCrypto exports as `spki`).

    Raises Denied: enrolment.key.
    """
    if len(text) > KEY_LETTERS_MAX:
        raise Denied("enrolment.key")
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise Denied("enrolment.key") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise Denied("enrolment.key")
    return key


def tidy(text: str) -> str:
    """The public key as we write it: one text for one key."""
    der = public_key_of(text).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def thumbprint_of(text: str) -> str:
    """The first 16 letters of the SHA-256 of a public key: what people compare."""
    return hashlib.sha256(base64.b64decode(tidy(text))).hexdigest()[:16]
