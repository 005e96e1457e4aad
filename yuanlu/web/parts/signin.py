"""The shapes of signing in. What is secret goes in, or comes out once, and is never shown in a problem or a log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from yuanlu.payments.rules import AMOUNT_MAX_FEN
from yuanlu.people.passkeys import Passkey
from yuanlu.people.signin import Session
from yuanlu.web.parts.shapes import END, Wish

Account = Annotated[str, Meta(pattern=f"^[0-9A-Za-z]+{END}", max_length=64, examples=["YW01KATE3S400000000000000061"])]
Password = Annotated[str, Meta(min_length=1, max_length=512)]
Code = Annotated[str, Meta(pattern=f"^[0-9A-Za-z-]*{END}", max_length=16, examples=["123456"])]
Pin = Annotated[str, Meta(pattern=f"^[0-9]{{6}}{END}", examples=["471920"])]
Token = Annotated[str, Meta(max_length=128, examples=["yi_YW01KATE3S400000000000000061_…"])]
Device = Annotated[str, Meta(pattern=f"^[\\x21-\\x7e]*{END}", max_length=128)]
Keep = Literal["token", "cookie"]
"""Where the session is kept: told to whoever asks, or in a cookie that no script reads."""
Credential = Annotated[str, Meta(max_length=8000, description="JSON, as `PublicKeyCredential.toJSON()` gives it.")]


class SignInWish(Wish):
    """Who, by which password, and the code of their app (or a recovery code) where they have one.

    `device`: what was given when they were last let in here; it keeps strangers from locking this device out.
    """

    account: Account
    password: Password
    code: Code = ""
    device: Device = ""
    keep: Keep = "token"


class WhoWish(Wish):
    """Who."""

    account: Account


class PasskeySignInWish(Wish):
    """Who, and what their passkey answered."""

    account: Account
    credential: Credential
    device: Device = ""
    keep: Keep = "token"


class PinSignInWish(Wish):
    """Who changes in at the till that asks this and signs it."""

    account: Account
    pin: Pin


class InvitationWish(Wish):
    """An invitation."""

    token: Token


class AcceptWish(Wish):
    """An invitation, and the password to be; or instead of it what a new passkey answered.

    `name`, `shop`: of the first owner of an installation, and of what they own.
    """

    token: Token
    password: Annotated[str, Meta(max_length=512)] = ""
    credential: Credential = ""
    name: Annotated[str, Meta(max_length=64)] = ""
    shop: Annotated[str, Meta(max_length=64)] = ""


class PasswordWish(Wish):
    """The present password and the next."""

    password: Password
    new: Password


class KnowingWish(Wish):
    """The password, once more, or a step-up for `ways_in` of oneself: who holds a session alone adds no way in."""

    password: Annotated[str, Meta(max_length=512)] = ""


class PinWish(KnowingWish, kw_only=True):
    """The PIN to be."""

    pin: Pin


class CodeWish(Wish):
    """What the app shows."""

    code: Code


class CredentialWish(Wish):
    """What a passkey answered."""

    credential: Credential


class StepUpActWish(Wish):
    """Exactly what shall be done: as the problem `step_up.needed` says it."""

    verb: Annotated[str, Meta(pattern=f"^[a-z_]+{END}", max_length=40, examples=["refund"])]
    object: Annotated[str, Meta(pattern=f"^[0-9A-Z]{{29}}{END}", examples=["YR01KATE3S400000000000000000F"])]
    amount_fen: Annotated[int, Meta(ge=0, le=AMOUNT_MAX_FEN)] = 0
    payee: Annotated[str, Meta(pattern=f"^[\\x21-\\x7e]*{END}", max_length=64)] = ""


class StepUpWish(StepUpActWish):
    """Exactly what shall be done, and a code or what a passkey answered."""

    code: Code = ""
    credential: Credential = ""


class EntryTold(Struct, frozen=True, kw_only=True):
    """Somebody was let in. `token` is the bearer of what they do; both secrets are told this once.

    Where a cookie keeps them both are empty, and `csrf` is what each call that changes something sends along.
    """

    session: str
    token: str
    device: str
    ends_at: datetime
    idle_seconds: int
    csrf: str = ""


class SessionTold(Struct, frozen=True, kw_only=True):
    """Where somebody is signed in. `by`: password, code, recovery, passkey, pin."""

    id: str
    by: str
    opened_at: datetime
    seen_at: datetime
    ends_at: datetime
    is_this: bool


class SessionsTold(Struct, frozen=True, kw_only=True):
    """Where somebody is signed in, oldest first."""

    items: Sequence[SessionTold]
    csrf: str = ""
    """What each call that changes something sends along, where a cookie keeps this session."""


class EndedTold(Struct, frozen=True, kw_only=True):
    """How many sessions were ended."""

    ended: int


class WhoTold(Struct, frozen=True, kw_only=True):
    """Whom it is about."""

    account: str


class TotpTold(Struct, frozen=True, kw_only=True):
    """What an app is to read, as a QR or by hand. Told this once; it counts when confirmed."""

    uri: str


class RecoveryTold(Struct, frozen=True, kw_only=True):
    """Codes that count once each, for the day the app is lost. Told this once."""

    codes: Sequence[str]


class AskedTold(Struct, frozen=True, kw_only=True):
    """What to hand to `navigator.credentials` (`parse…OptionsFromJSON`)."""

    options: dict[str, Any]


class PasskeyTold(Struct, frozen=True, kw_only=True):
    """A passkey that counts, until it is ended."""

    id: str
    made_at: datetime
    used_at: datetime | None = None
    ended_at: datetime | None = None


class PasskeysTold(Struct, frozen=True, kw_only=True):
    """One's passkeys that count."""

    items: Sequence[PasskeyTold]


class StepUpTold(Struct, frozen=True, kw_only=True):
    """A proof for one act: name it in the header `Step-Up` of the call that does it, before `until`, once."""

    id: str
    by: str
    until: datetime


def passkey_told(row: Passkey) -> PasskeyTold:
    """A passkey as its owner sees it."""
    return PasskeyTold(id=row.id, made_at=row.made_at, used_at=row.used_at, ended_at=row.ended_at)


def session_told(session: Session, this: str) -> SessionTold:
    """A session as its owner sees it."""
    return SessionTold(
        id=session.id,
        by=session.by.value,
        opened_at=session.opened_at,
        seen_at=session.seen_at,
        ends_at=session.until,
        is_this=session.id == this,
    )
