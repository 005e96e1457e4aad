"""Passkeys, as rules: what is asked of a browser, and whether what it answers counts.

A challenge carries what it is for and until when, under our own keyed hash: nothing is kept for it until it is
answered, and whoever asks for thousands leaves no trace. Answered, it is unique among sessions and step-ups.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact

ASKED_FOR = timedelta(minutes=5)
_BAD = (WebAuthnException, ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What a browser may send us for a passkey: the library falls over some of it."""

Mark = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Site:
    """Where our pages stand: passkeys of other places do not count here."""

    origin: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey(Row):
    """A key pair in somebody's device. `handle`, `public_key`: base 64."""

    table = "passkeys"

    staff_id: str
    handle: str
    public_key: str
    sign_count: int
    made_at: datetime
    used_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAdded(Fact):
    """A passkey counts from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyEnded(Fact):
    """A passkey counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyUsed(Fact):
    """A passkey answered."""

    sign_count: int


def site(public_url: str) -> Site:
    """Where our pages stand.

    Raises Denied: passkey.no_site, where the installation does not know.
    """
    parts = urlsplit(public_url)
    if not parts.hostname:
        raise Denied("passkey.no_site")
    return Site(f"{parts.scheme}://{parts.netloc}", parts.hostname)


def challenge(what: str, mark: Mark, at: datetime) -> str:
    """A challenge that only answers `what`. Shape: chance, the second it ends, our keyed hash."""
    head = f"{secrets.token_hex(16)}.{int((at + ASKED_FOR).timestamp())}"
    return f"{head}.{mark(f'challenge:{what}:{head}')}"


def answered(credential: str, what: str, mark: Mark, at: datetime) -> str:
    """The challenge that was answered, if it is ours, for this, and not too old.

    Raises Denied: signin.passkey_wrong.
    """
    try:
        told: Any = json.loads(base64url_to_bytes(json.loads(credential)["response"]["clientDataJSON"]))
        text = base64url_to_bytes(told["challenge"]).decode("ascii")
        head, _, kept = text.rpartition(".")
        until = int(head.partition(".")[2])
    except (*_BAD, RecursionError):
        raise Denied("signin.passkey_wrong") from None
    if not hmac.compare_digest(kept, mark(f"challenge:{what}:{head}")) or at.timestamp() >= until:
        raise Denied("signin.passkey_wrong")
    return text


def registration(where: Site, staff_id: str, known: Sequence[Passkey], asked: str) -> dict[str, Any]:
    """What a browser is asked for a new passkey."""
    options = webauthn.generate_registration_options(
        rp_id=where.host,
        rp_name="yuanlu",
        user_id=staff_id.encode(),
        user_name=staff_id,
        challenge=asked.encode(),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.handle)) for each in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    told: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return told


def assertion(where: Site, known: Sequence[Passkey], asked: str) -> dict[str, Any]:
    """What a browser is asked for an answer of one of these passkeys."""
    options = webauthn.generate_authentication_options(
        rp_id=where.host,
        challenge=asked.encode(),
        allow_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.handle)) for each in known],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    told: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return told


def registered(row: Passkey, where: Site, credential: str, asked: str) -> Passkey:
    """The new passkey of what a browser answered; the person was verified by their device.

    Raises Denied: signin.passkey_wrong.
    """
    try:
        made = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=asked.encode(),
            expected_rp_id=where.host,
            expected_origin=where.origin,
            require_user_verification=True,
        )
    except _BAD:
        raise Denied("signin.passkey_wrong") from None
    return replace(
        row,
        handle=bytes_to_base64url(made.credential_id),
        public_key=bytes_to_base64url(made.credential_public_key),
        sign_count=made.sign_count,
    )


def add(row: Passkey, is_known: bool, seen: Passkey | None, at: datetime) -> Change[Passkey]:
    """Let a passkey count from now on.

    Raises Denied: signin.passkey_wrong, where it is another's or there already.
    """
    if seen is not None or is_known:
        raise Denied("signin.passkey_wrong")
    row = replace(row, version=1, made_at=at)
    return Change(row=row, at=at, who=row.staff_id, facts=(PasskeyAdded(),))


def end(staff_id: str, seen: Passkey | None, at: datetime) -> Change[Passkey] | Stay[Passkey]:
    """A passkey of this person counts no more.

    Raises Denied: passkey.unknown; another's is unknown too.
    """
    if seen is None or seen.staff_id != staff_id:
        raise Denied("passkey.unknown")
    if seen.ended_at is not None:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, ended_at=at)
    return Change(row=row, at=at, who=staff_id, facts=(PasskeyEnded(),))


def handle_of(credential: str) -> str:
    """Which passkey answers, as it says itself.

    Raises Denied: signin.passkey_wrong.
    """
    try:
        return bytes_to_base64url(base64url_to_bytes(json.loads(credential)["rawId"]))
    except (*_BAD, RecursionError):
        raise Denied("signin.passkey_wrong") from None


def use(where: Site, credential: str, asked: str, seen: Passkey | None, at: datetime) -> Change[Passkey]:
    """Whether what a passkey answered counts; a count that does not grow tells of a copy.

    Raises Denied: signin.passkey_wrong.
    """
    if seen is None or seen.ended_at is not None:
        raise Denied("signin.passkey_wrong")
    try:
        shown = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=asked.encode(),
            expected_rp_id=where.host,
            expected_origin=where.origin,
            credential_public_key=base64url_to_bytes(seen.public_key),
            credential_current_sign_count=seen.sign_count,
            require_user_verification=True,
        )
    except _BAD:
        raise Denied("signin.passkey_wrong") from None
    row = replace(seen, version=seen.version + 1, sign_count=shown.new_sign_count, used_at=at)
    return Change(row=row, at=at, who=seen.staff_id, facts=(PasskeyUsed(sign_count=shown.new_sign_count),))
