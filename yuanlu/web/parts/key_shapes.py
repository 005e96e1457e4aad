"""The shapes of keys and of tills that enrol: the same names over HTTP and on the terminal. None of them shows a secret
but the one that was just made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from yuanlu.keyring.rules import Secret
from yuanlu.machines import rules
from yuanlu.machines.flow import GRACE, NewSecret
from yuanlu.machines.rules import Key
from yuanlu.web.parts.shapes import _ID, END, Page, Wish

KeyId = Annotated[str, Meta(pattern=f"^YK{_ID}{END}", examples=["YK01KATE3S4000000000000000042"])]
Scope = Literal["charge", "read", "report", "refund", "desk", "codes", "goods", "complaints", "hooks", "print"]
Scopes = Annotated[list[Scope], Meta(max_length=8)]


class KeyWish(Wish):
    """A key for a machine (`actor` names it), or for yourself (`mine`); narrowed to scopes, where there are any."""

    id: KeyId
    actor: Annotated[str, Meta(max_length=60)] = ""
    mine: bool = False
    scopes: Scopes = field(default_factory=list)
    until: datetime | None = None


class KeysWish(Page):
    """Which keys."""


class GraceWish(Wish):
    """How long the old secret counts beside the new one; 0 ends it, and any older one, now."""

    grace_seconds: Annotated[int, Meta(ge=0, le=int(rules.GRACE_MAX.total_seconds()))] = int(GRACE.total_seconds())


class EnrolmentWish(Wish):
    """What the device of a till may do; all that a machine may, where there are no scopes."""

    scopes: Scopes = field(default_factory=list)


class DeviceWish(Wish):
    """The code that a manager read out, and the device's P-256 public key: base 64 of its DER (`spki`)."""

    code: Annotated[str, Meta(min_length=12, max_length=20)]
    public_key: Annotated[str, Meta(pattern=f"^[A-Za-z0-9+/]+=*{END}", max_length=rules.KEY_LETTERS_MAX)]


class KeyTold(Struct, frozen=True, kw_only=True):
    """A key, without its secret. `standing`: in_use, rotating (the old secret still counts, until `old_until`), invited
    (a till's code waits), lapsed (its time, or its code's, is over), ended."""

    id: str
    actor: str
    staff: str
    till: str
    scopes: Sequence[str]
    standing: str
    created_at: datetime
    until: datetime | None
    old_until: datetime | None
    ended_at: datetime | None
    used_at: datetime | None
    device: str
    """The thumbprint of a till's public key."""


class KeysTold(Struct, frozen=True, kw_only=True):
    """Some keys; `next` is what to go on behind."""

    items: Sequence[KeyTold]
    next: str | None


class KeyMadeTold(Struct, frozen=True, kw_only=True):
    """A key with its secret, which is told this once; empty where it was told before."""

    key: KeyTold
    api_key: str


class SecretTold(Struct, frozen=True, kw_only=True):
    """A secret or certificate: when it last changed, and when it ends, if it does. `warned_days`: what was told of that
    so far (30, 7, 1 days before; 0: it has ended). Nothing says what it is."""

    name: str
    sort: str
    changed_at: datetime
    ends_at: datetime | None
    warned_days: int | None
    gone_at: datetime | None


class SecretsTold(Struct, frozen=True, kw_only=True):
    """Some secrets, as the last daily look found them; `next` is what to go on behind."""

    items: Sequence[SecretTold]
    next: str | None


class SecretsWish(Wish):
    """Which secrets: those whose name comes after this one."""

    after: Annotated[str, Meta(max_length=80, pattern=f"^[A-Za-z0-9_/-]*{END}")] = ""
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class EnrolmentTold(Struct, frozen=True, kw_only=True):
    """A code that enrols one device, once, until its time is over."""

    key: str
    till: str
    code: str
    until: datetime


class TillClosedTold(Struct, frozen=True, kw_only=True):
    """A till that is closed for good."""

    id: str
    closed_at: datetime | None


def key_told(key: Key, at: datetime, used_at: datetime | None = None) -> KeyTold:
    """A key as it is told."""
    return KeyTold(
        id=key.id,
        actor=key.actor,
        staff=key.staff_id,
        till=key.till_id,
        scopes=key.scopes.split(",") if key.scopes else [],
        standing=key.standing(at),
        created_at=key.created_at,
        until=key.until,
        old_until=key.old_until,
        ended_at=key.revoked_at,
        used_at=used_at,
        device=rules.thumbprint_of(key.public_key) if key.public_key else "",
    )


def made_told(made: NewSecret, at: datetime) -> KeyMadeTold:
    """A key that was just made or turned over."""
    return KeyMadeTold(key=key_told(made.key, at), api_key=made.secret)


def secret_told(secret: Secret) -> SecretTold:
    """A secret as it is told."""
    return SecretTold(
        name=secret.id,
        sort=secret.kind,
        changed_at=secret.changed_at,
        ends_at=secret.ends_at,
        warned_days=secret.warned_days,
        gone_at=secret.gone_at,
    )


def enrolment_told(made: NewSecret) -> EnrolmentTold:
    """An invitation with its code."""
    key = made.key
    assert key.enrol_until is not None
    return EnrolmentTold(key=key.id, till=key.till_id, code=made.secret, until=key.enrol_until)
