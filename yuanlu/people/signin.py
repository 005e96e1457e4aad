"""Signing in, as rules: what is a good password, who is let in by what, who is locked out, when a session ends.

Law: no secret is in a fact. A code and a recovery code count once (they leave the row in the Change that lets in), a
passkey's answer once (its challenge is unique among sessions and step-ups). Strangers' tries never lock a known device.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

import pyotp

from yuanlu.change import Change, Row, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact

PASSWORD_MIN, PASSWORD_MAX = 12, 128
GUESSES_SCORE_MIN = 3
"""zxcvbn's: safe against 10^8 guesses. Its lists of common passwords, names and words are in it."""
PAST_KEPT = 4
TRIES_MAX = 10
PIN_TRIES_MAX = 5
LOCKED_FOR = timedelta(minutes=30)
"""Source: PCI DSS 4.0.1, 8.3.4: after at most 10 wrong tries, for at least 30 minutes."""
PIN_LENGTH = 6
PIN_SCOPES = "charge,drawer,own,print,read,refund,report"
"""What somebody may who changed in at a till by PIN: the work of a till, never more than their role."""
INVITED_FOR = timedelta(hours=24)
IDLE = timedelta(minutes=15)
"""Source: PCI DSS 4.0.1, 8.2.8."""
SESSION_FOR = timedelta(hours=12)
"""A shift: a session at a till lasts it out, idle or not; any other ends with it at the latest."""
SEEN_EVERY = timedelta(minutes=1)
"""How often it is written down that a session is in use: one ends up to so much earlier than its idle time."""
CODE_SECONDS = 30
RECOVERY_CODES = 10


Opens = Callable[[str], str]
"""Opens what was sealed for this person."""


class By(StrEnum):
    """What somebody proved themselves by."""

    PASSWORD = "password"  # noqa: S105 - the name of a way, no secret
    CODE = "code"
    RECOVERY = "recovery"
    PASSKEY = "passkey"
    PIN = "pin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential(Row):
    """What one person proves themselves by. `past`: hashes by line; `recovery`: marks by blank; `totp*`: sealed."""

    table = "credentials"

    password: str = ""
    past: str = ""
    totp: str = ""
    totp_new: str = ""
    totp_step: int = 0
    recovery: str = ""
    pin: str = ""
    invitation: str = ""
    invited_until: datetime | None = None
    forgets_second: bool = False
    changed_at: datetime

    @property
    def used(self) -> tuple[str, ...]:
        """The hashes of the passwords that may not come again, the present one included."""
        return tuple(each for each in (self.password, *self.past.split("\n")) if each)[:PAST_KEPT]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Row):
    """Where somebody is signed in. Of its secret the hash is kept. `key_id`: of the till that must sign it."""

    table = "sessions"

    staff_id: str
    digest: str
    by: By
    proof: str
    opened_at: datetime
    seen_at: datetime
    ends_at: datetime
    ended_at: datetime | None = None
    key_id: str = ""

    @property
    def until(self) -> datetime:
        """When it ends if nobody does anything."""
        last = self.ends_at if self.key_id else min(self.seen_at + IDLE, self.ends_at)
        return last if self.ended_at is None else min(last, self.ended_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries(Row):
    """How often one person's secret was tried from one device (from strangers' devices: all of them)."""

    table = "tries"

    tries: int
    locked_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invited(Fact):
    """Somebody was given a one-time way in."""

    is_reset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordSet(Fact):
    """`how`: invited or changed."""

    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationUsed(Fact):
    """Somebody took an invitation up. `by`: password or passkey."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinSet(Fact):
    """A PIN for quick changes at a till counts from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorAdded(Fact):
    """Codes of an app count from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeUsed(Fact):
    """A code counted, and does not again."""

    by: str
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInTried(Fact):
    """Somebody tries; whether they were let in, a session says."""

    tries: int
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInFailed(Fact):
    """A try was wrong."""

    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLocked(Fact):
    """The last try before this device must wait. `device`: known or strange."""

    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Fact):
    """Somebody was let in."""

    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Fact):
    """A session was ended. `how`: one, all (of theirs), changed (somebody else changed in at the till)."""

    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationEnded(Fact):
    """An invitation counts no more, though nobody took it up."""


def tidied(password: str) -> str:
    """A password as it is compared: two keyboards' ways to write one text are one."""
    return unicodedata.normalize("NFKC", password)


def demand_good(password: str) -> None:
    """Raises Denied: signin.password_short, signin.password_long, signin.password_plain, signin.password_common."""
    if len(password) < PASSWORD_MIN:
        raise Denied("signin.password_short", least=PASSWORD_MIN)
    if len(password) > PASSWORD_MAX:
        raise Denied("signin.password_long", most=PASSWORD_MAX)
    if not (any(sign.isalpha() for sign in password) and any(sign.isdigit() for sign in password)):
        raise Denied("signin.password_plain")
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its lists of words are megabytes, and few processes see a password

    if zxcvbn(password[:72])["score"] < GUESSES_SCORE_MIN:
        raise Denied("signin.password_common")


def demand_new(is_used: bool) -> None:
    """Raises Denied: signin.password_used."""
    if is_used:
        raise Denied("signin.password_used", last=PAST_KEPT)


def digest(secret: str) -> str:
    """The hash under which a secret of ours is kept: it is long and by chance, nobody guesses it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_secret(kept: str, secret: str) -> bool:
    """Whether this is the secret of that hash, in constant time."""
    return bool(kept) and hmac.compare_digest(kept, digest(secret))


def new_secret() -> str:
    """A secret nobody guesses, without a `_`."""
    return secrets.token_urlsafe(32).replace("_", "-")


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes of 50 bits, easy to copy."""
    letters = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
    return tuple(
        "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in "ab") for _ in range(RECOVERY_CODES)
    )


# --- invitations and passwords ---


def invite(
    merchant_id: str,
    staff_id: str,
    kept: str,
    who: str,
    forgets_second: bool,
    only_first: bool,
    seen: Credential | None,
    at: datetime,
) -> Change[Credential]:
    """Give somebody a one-time way to a password. One given before counts no more.

    `only_first`: not to somebody who has taken one up already, whatever became of it.
    Raises Denied: signin.begun.
    """
    if only_first and seen is not None and not seen.invitation:
        raise Denied("signin.begun")
    row = seen or Credential(merchant_id=merchant_id, id=staff_id, version=0, changed_at=at)
    row = replace(
        row,
        version=row.version + 1,
        invitation=kept,
        invited_until=at + INVITED_FOR,
        forgets_second=forgets_second,
        changed_at=at,
    )
    return Change(row=row, at=at, who=who, facts=(Invited(is_reset=bool(row.password)),))


def is_invited(secret: str, seen: Credential | None, at: datetime) -> bool:
    """Whether this is the invitation that counts."""
    if seen is None or seen.invited_until is None or at >= seen.invited_until:
        return False
    return is_secret(seen.invitation, secret)


def end_invitation(who: str, seen: Credential | None, at: datetime) -> Change[Credential] | Stay[Credential]:
    """Let an invitation count no more."""
    assert seen is not None  # rows are never taken away
    if not seen.invitation:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, invitation="", invited_until=None, forgets_second=False)
    return Change(row=row, at=at, who=who, facts=(InvitationEnded(),))


def accept(secret: str, hashed: str, seen: Credential | None, at: datetime) -> Change[Credential]:
    """Take an invitation up, which is then used up: with a password, or (no hash) with a passkey alone.

    A PIN that somebody else may know does not outlive it.

    Raises Denied: signin.invitation_invalid.
    """
    if seen is None or not is_invited(secret, seen, at):
        raise Denied("signin.invitation_invalid")
    row = replace(_with_password(seen, hashed, at), pin="")
    if seen.forgets_second:
        row = replace(row, totp="", totp_new="", recovery="")
    by = By.PASSWORD if hashed else By.PASSKEY
    return Change(row=row, at=at, who=seen.id, facts=(InvitationUsed(by=by),))


def begin(merchant_id: str, staff_id: str, hashed: str, seen: Credential | None, at: datetime) -> Change[Credential]:
    """The first owner of an installation takes up its link.

    Raises Denied: signin.invitation_invalid.
    """
    if seen is not None:
        raise Denied("signin.invitation_invalid")
    row = Credential(merchant_id=merchant_id, id=staff_id, version=1, password=hashed, changed_at=at)
    by = By.PASSWORD if hashed else By.PASSKEY
    return Change(row=row, at=at, who=staff_id, facts=(InvitationUsed(by=by),))


def change_password(was: str, hashed: str, seen: Credential | None, at: datetime) -> Change[Credential]:
    """Another password instead of the one that was shown to be theirs (`was`, its hash).

    Raises Denied: signin.refused (it is another one meanwhile).
    """
    if seen is None or not hmac.compare_digest(seen.password, was):
        raise Denied("signin.refused")
    return Change(row=_with_password(seen, hashed, at), at=at, who=seen.id, facts=(PasswordSet(how="changed"),))


def _with_password(seen: Credential, hashed: str, at: datetime) -> Credential:
    return replace(
        seen,
        version=seen.version + 1,
        password=hashed,
        past="\n".join(seen.used[: PAST_KEPT - 1]),
        invitation="",
        invited_until=None,
        forgets_second=False,
        changed_at=at,
    )


# --- PINs ---


def demand_pin(pin: str) -> None:
    """Raises Denied: signin.pin_plain (not six digits, one digit alone, or a run of them)."""
    if not (len(pin) == PIN_LENGTH and pin.isascii() and pin.isdigit()):
        raise Denied("signin.pin_plain")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        raise Denied("signin.pin_plain")


def set_pin(hashed: str, seen: Credential | None, at: datetime) -> Change[Credential]:
    """Another PIN.

    Raises Denied: signin.refused.
    """
    if seen is None:
        raise Denied("signin.refused")
    row = replace(seen, version=seen.version + 1, pin=hashed, changed_at=at)
    return Change(row=row, at=at, who=seen.id, facts=(PinSet(),))


# --- codes ---


def offer_totp(sealed: str, seen: Credential | None, at: datetime) -> Change[Credential]:
    """A new secret for an app; it counts once a code of it was shown.

    Raises Denied: signin.refused.
    """
    if seen is None:
        raise Denied("signin.refused")
    row = replace(seen, version=seen.version + 1, totp_new=sealed, changed_at=at)
    return Change(row=row, at=at, who=seen.id)


def confirm_totp(
    opens: Opens, code: str, marks: tuple[str, ...], seen: Credential | None, at: datetime
) -> Change[Credential]:
    """The app shows the right code: it counts from now on, and so do these recovery codes.

    Raises Denied: signin.code_wrong.
    """
    step = _step(opens, seen.totp_new if seen else "", code, 0, at)
    if seen is None or step is None:
        raise Denied("signin.code_wrong")
    row = replace(
        seen,
        version=seen.version + 1,
        totp=seen.totp_new,
        totp_new="",
        totp_step=step,
        recovery=" ".join(marks),
        changed_at=at,
    )
    return Change(row=row, at=at, who=seen.id, facts=(SecondFactorAdded(),))


def use_code(
    opens: Opens, code: str, mark: Callable[[str], str], seen: Credential | None, at: datetime
) -> Change[Credential]:
    """Let a code of the app, or a recovery code, count: once.

    Raises Denied: signin.code_wrong.
    """
    if seen is None or not seen.totp:
        raise Denied("signin.code_wrong")
    step = _step(opens, seen.totp, code, seen.totp_step, at)
    if step is not None:
        row = replace(seen, version=seen.version + 1, totp_step=step)
        return Change(row=row, at=at, who=seen.id, facts=(CodeUsed(by=By.CODE, left=len(seen.recovery.split())),))
    wanted = mark(code.strip().upper())
    left = [each for each in seen.recovery.split() if not hmac.compare_digest(each, wanted)]
    if len(left) == len(seen.recovery.split()):
        raise Denied("signin.code_wrong")
    row = replace(seen, version=seen.version + 1, recovery=" ".join(left))
    return Change(row=row, at=at, who=seen.id, facts=(CodeUsed(by=By.RECOVERY, left=len(left)),))


def _step(opens: Opens, kept: str, code: str, after: int, at: datetime) -> int | None:
    """Which step's code this is, one to each side of now, if it comes after the last that counted."""
    if not kept or not (len(code) == 6 and code.isascii() and code.isdigit()):
        return None
    app = pyotp.TOTP(opens(kept), interval=CODE_SECONDS)
    now = int(at.timestamp()) // CODE_SECONDS
    found = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(app.at(step * CODE_SECONDS), code)]
    return next((step for step in found if step > after), None)


# --- tries ---


def try_once(
    merchant_id: str, tries_id: str, staff_id: str, device: str, most: int, seen: Tries | None, at: datetime
) -> Change[Tries]:
    """Count a try before its secret is looked at: however many come at once, no more than the most are looked at.

    Raises Denied: signin.refused, while this device must wait.
    """
    row = seen or Tries(merchant_id=merchant_id, id=tries_id, version=0, tries=0)
    if row.locked_until is not None:
        if at < row.locked_until:
            raise Denied("signin.refused")
        row = replace(row, tries=0, locked_until=None)
    row = replace(row, version=row.version + 1, tries=row.tries + 1)
    facts: tuple[Fact, ...] = (SignInTried(tries=row.tries, device=device),)
    if row.tries >= most:
        row = replace(row, locked_until=at + LOCKED_FOR)
        facts = (*facts, SignInLocked(device=device))
    return Change(row=row, at=at, who=staff_id, facts=facts)


def fail(staff_id: str, device: str, seen: Tries | None, at: datetime) -> Change[Tries]:
    """The secret was wrong: written down."""
    assert seen is not None
    row = replace(seen, version=seen.version + 1)
    return Change(row=row, at=at, who=staff_id, facts=(SignInFailed(device=device),))


def fail_passkey(
    merchant_id: str, tries_id: str, staff_id: str, seen: Tries | None, at: datetime
) -> Change[Tries] | Stay[Tries]:
    """A passkey was wrong: written down, ten times in half an hour. Nobody guesses one, so nobody is locked out."""
    row = seen or Tries(merchant_id=merchant_id, id=tries_id, version=0, tries=0)
    if row.locked_until is not None:
        if at < row.locked_until:
            return Stay(row)
        row = replace(row, tries=0, locked_until=None)
    until = at + LOCKED_FOR if row.tries + 1 >= TRIES_MAX else None
    row = replace(row, version=row.version + 1, tries=row.tries + 1, locked_until=until)
    return Change(row=row, at=at, who=staff_id, facts=(SignInFailed(device="passkey"),))


def forgive(seen: Tries | None, at: datetime) -> Change[Tries] | Stay[Tries]:
    """The secret was right: the tries before it do not count any more."""
    assert seen is not None
    if not seen.tries:
        return Stay(seen)
    return Change(row=replace(seen, version=seen.version + 1, tries=0, locked_until=None), at=at, who="")


# --- sessions ---


def open_session(row: Session, is_proof_used: bool, seen: Session | None, at: datetime) -> Change[Session]:
    """Somebody is signed in.

    Raises Denied: signin.passkey_wrong (its answer has opened a session already).
    """
    if seen is not None or is_proof_used:
        raise Denied("signin.passkey_wrong")
    row = replace(row, version=1, opened_at=at, seen_at=at, ends_at=at + SESSION_FOR)
    return Change(row=row, at=at, who=row.staff_id, facts=(SignedIn(by=row.by),))


def see_session(seen: Session | None, at: datetime) -> Change[Session] | Stay[Session]:
    """A session is in use.

    Raises Denied: auth.key_invalid, where it has ended.
    """
    if seen is None or at >= seen.until:
        raise Denied("auth.key_invalid")
    if at - seen.seen_at < SEEN_EVERY:
        return Stay(seen)
    return Change(row=replace(seen, version=seen.version + 1, seen_at=at), at=at, who="")


def end_session(
    staff_id: str, who: str, how: str, seen: Session | None, at: datetime
) -> Change[Session] | Stay[Session]:
    """A session of this person's ends at once.

    Raises Denied: session.unknown; another's is unknown too.
    """
    if seen is None or seen.staff_id != staff_id:
        raise Denied("session.unknown")
    if seen.ended_at is not None:
        return Stay(seen)
    row = replace(seen, version=seen.version + 1, ended_at=at)
    return Change(row=row, at=at, who=who, facts=(SignedOut(how=how),))
