"""The verbs of signing in: invite, accept, sign in and out, second factors, step-ups."""

from __future__ import annotations

import asyncio
import hmac
import secrets as chance
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import asyncpg
import pyotp
from webauthn.helpers import bytes_to_base64url

from yuanlu import ids
from yuanlu.change import Change, Done, Row, Stay
from yuanlu.desk import Desk, Rule
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import passkeys, secrets, signin, stepup, store
from yuanlu.people import signing_store as kept
from yuanlu.people.passkeys import Passkey, Site
from yuanlu.people.rules import Staff
from yuanlu.people.signin import By, Credential, Session
from yuanlu.people.stepup import Act, Proof, StepUp
from yuanlu.reading import View

REFUSED_AFTER_SECONDS = 0.25
"""No sooner is anybody refused: how long it took tells nothing of why."""
SESSIONS_MAX = 200
_SAME = frozenset({"signin.code_wrong", "signin.refused"})
_STRANGE, _INSIDE, _STEP_UP = "strange", "inside", "step_up"
"""Where somebody tries, beside the devices that are known: each has a count of its own."""

S = TypeVar("S")
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody who was let in is given, this once: the session's token, and the device's for the next time."""

    session: Session
    token: str = field(repr=False)
    device: str = field(repr=False)


# --- invitations and passwords ---


async def invite(desk: Desk, merchant_id: str, staff_id: str, who: str, *, forgets_second: bool = False) -> str:
    """A one-time token for a (new) password; ends in 24 hours. With `forgets_second` it also resets codes.

    Raises Denied: staff.unknown.
    """
    staff = await desk.see(store.by_id(merchant_id, staff_id))
    if staff is None or not staff.is_active(desk.clock.now()):
        raise Denied("staff.unknown")
    secret = signin.new_secret()
    rule = partial(signin.invite, merchant_id, staff_id, signin.digest(secret), who, forgets_second)
    await desk.decide(kept.credential(merchant_id, staff_id), rule)
    return f"yi_{staff_id}_{secret}"


async def accept(desk: Desk, pool: asyncpg.Pool[Any], token: str, password: str) -> Staff:
    """Set a password by an invitation. Whatever was open for this person ends.

    Raises Denied: signin.invitation_invalid; see `secrets.hashed`.
    """
    staff_id, _, secret = token.removeprefix("yi_").partition("_")
    staff = await _person(desk, staff_id)
    seen = None if staff is None else await desk.see(kept.credential(staff.merchant_id, staff.id))
    if staff is None or seen is None or not signin.is_invited(secret, seen, desk.clock.now()):
        raise Denied("signin.invitation_invalid")
    hashed = await secrets.hashed(password, seen.used)
    await desk.decide(kept.credential(staff.merchant_id, staff.id), partial(signin.accept, secret, hashed))
    await end_all(desk, pool, staff.merchant_id, staff.id)
    return staff


async def change_password(desk: Desk, merchant_id: str, staff_id: str, was: str, password: str) -> None:
    """Another password, by whoever knows the present one.

    Raises Denied: signin.refused; see `secrets.hashed`.
    """
    seen = await demand_password(desk, merchant_id, staff_id, was)
    hashed = await secrets.hashed(password, seen.used)
    view = kept.credential(merchant_id, staff_id)
    await desk.decide(view, partial(signin.change_password, seen.password, hashed))


async def demand_password(desk: Desk, merchant_id: str, staff_id: str, password: str) -> Credential:
    """Be sure that who acts knows the password. Tries count by themselves: they lock nobody out of signing in.

    Raises Denied: signin.refused.
    """
    async with _tried(desk, merchant_id, staff_id, _INSIDE):
        seen = await desk.see(kept.credential(merchant_id, staff_id))
        if not await secrets.is_password(seen.password if seen else "", password) or seen is None:
            raise Denied("signin.refused")
        return seen


@asynccontextmanager
async def _tried(desk: Desk, merchant_id: str, staff_id: str, device: str) -> AsyncIterator[None]:
    """Count a try before it is looked at; forgive it if all goes well.

    Raises Denied: signin.refused, while this device must wait.
    """
    tries_id = f"{staff_id}.{device}"
    view = kept.tries(merchant_id, tries_id)
    told = device if device in (_STRANGE, _INSIDE, _STEP_UP) else "known"
    await desk.decide(view, partial(signin.try_once, merchant_id, tries_id, staff_id, told))
    yield
    await desk.decide(view, signin.forgive)


# --- signing in ---


async def sign_in(desk: Desk, *, account: str, password: str, code: str = "", device: str = "") -> Entry:
    """Let somebody in by password, and by a code where they have codes.

    Raises Denied: signin.refused (the same, and as late, for every reason), signin.code_needed, signin.passkey_needed.
    """
    loop = asyncio.get_running_loop()
    since = loop.time()
    try:
        return await _signed_in(desk, account, password, code, device)
    except Denied as no:
        await asyncio.sleep(max(0.0, since + REFUSED_AFTER_SECONDS - loop.time()))
        if no.code in _SAME:
            raise Denied("signin.refused") from None
        raise


async def _signed_in(desk: Desk, account: str, password: str, code: str, device: str) -> Entry:
    staff = await _person(desk, account)
    if staff is None:
        await secrets.is_password("", password)  # what it costs tells nothing of whether there is such a person
        raise Denied("signin.refused")
    name = _device_of(desk, staff, device)
    async with _tried(desk, staff.merchant_id, staff.id, name):
        by = await _proved(desk, staff, password, code)
    return await _opened(desk, staff, by, "", device if name != _STRANGE else "")


async def _proved(desk: Desk, staff: Staff, password: str, code: str) -> By:
    seen = await desk.see(kept.credential(staff.merchant_id, staff.id))
    if not await secrets.is_password(seen.password if seen else "", password) or seen is None:
        raise Denied("signin.refused")
    if seen.totp:
        if not code:
            raise Denied("signin.code_needed")
        return await _code_used(desk, staff.merchant_id, staff.id, code)
    if await desk.see(kept.passkeys(staff.merchant_id, staff.id)):
        raise Denied("signin.passkey_needed")
    return By.PASSWORD


async def _code_used(desk: Desk, merchant_id: str, staff_id: str, code: str) -> By:
    sealed = await desk.sealed(merchant_id, staff_id)
    rule = partial(signin.use_code, sealed.open, code, partial(_recovery_mark, desk, merchant_id, staff_id))
    await desk.decide(kept.credential(merchant_id, staff_id), rule)
    return By.CODE if code.isdigit() else By.RECOVERY


def _recovery_mark(desk: Desk, merchant_id: str, staff_id: str, code: str) -> str:
    return desk.mark(f"recovery:{merchant_id}:{staff_id}:{code}")


async def _person(desk: Desk, account: str) -> Staff | None:
    """Who this is, if they may sign in at all."""
    staff = await desk.see(kept.person(account)) if ids.is_id(account, Kind.STAFF) else None
    return staff if staff is not None and staff.is_active(desk.clock.now()) else None


def _device_mark(desk: Desk, staff: Staff, name: str) -> str:
    return desk.mark(f"device:{staff.merchant_id}:{staff.id}:{name}")


def _device_of(desk: Desk, staff: Staff, device: str) -> str:
    """The name of a device that this person signed in from before, by our own mark; else that of all strangers."""
    name, _, mark = device.removeprefix("yd_").partition("_")
    is_ours = device.isascii() and hmac.compare_digest(mark, _device_mark(desk, staff, name))
    return name if is_ours else _STRANGE


async def _opened(desk: Desk, staff: Staff, by: By, proof: str, device: str) -> Entry:
    now, secret = desk.clock.now(), signin.new_secret()
    row = Session(
        merchant_id=staff.merchant_id, id=ids.new(Kind.SESSION, now), staff_id=staff.id, digest=signin.digest(secret),
        by=by, proof=proof, opened_at=now, seen_at=now, ends_at=now,
    )  # fmt: skip
    done = await desk.decide(
        kept.new_session(staff.merchant_id, row.id, proof),
        lambda seen, at: signin.open_session(row, seen[1], seen[0], at),
    )
    if not device:
        name = chance.token_hex(16)
        device = f"yd_{name}_{_device_mark(desk, staff, name)}"
    return Entry(done.row, f"ys_{row.id}_{secret}", device)


async def seen_again(desk: Desk, merchant_id: str, session_id: str) -> Session:
    """A session is in use.

    Raises Denied: auth.key_invalid.
    """
    return (await desk.decide(kept.session(merchant_id, session_id), signin.see_session)).row


async def end(desk: Desk, merchant_id: str, staff_id: str, session_id: str, how: str = "one") -> Session:
    """End a session of one's own at once, everywhere.

    Raises Denied: session.unknown.
    """
    rule = partial(signin.end_session, staff_id, how)
    return (await desk.decide(kept.session(merchant_id, session_id), rule)).row


async def sessions(desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, staff_id: str) -> list[Session]:
    """Where a person is signed in."""
    return await kept.open_sessions(pool, merchant_id, staff_id, desk.clock.now(), SESSIONS_MAX)


async def end_all(desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, staff_id: str, but: str = "") -> int:
    """End all sessions of a person; answers how many. `but`: this one stays."""
    found = [each for each in await sessions(desk, pool, merchant_id, staff_id) if each.id != but]
    for each in found:
        await end(desk, merchant_id, staff_id, each.id, "all")
    return len(found)


# --- second factors ---


async def offer_totp(desk: Desk, merchant_id: str, staff_id: str) -> str:
    """A new secret for an app, as its `otpauth:` address. It counts once a code of it was shown."""
    secret = pyotp.random_base32()
    sealed = (await desk.sealed(merchant_id, staff_id)).seal(secret)
    await desk.decide(kept.credential(merchant_id, staff_id), partial(signin.offer_totp, sealed))
    return pyotp.TOTP(secret).provisioning_uri(name=staff_id, issuer_name="yuanlu")


async def confirm_totp(desk: Desk, merchant_id: str, staff_id: str, code: str) -> tuple[str, ...]:
    """The app shows the right code: answers the recovery codes, this once.

    Raises Denied: signin.code_wrong, signin.refused.
    """
    codes = signin.new_recovery_codes()
    marks = tuple(_recovery_mark(desk, merchant_id, staff_id, each) for each in codes)
    sealed = await desk.sealed(merchant_id, staff_id)
    async with _tried(desk, merchant_id, staff_id, _INSIDE):
        view = kept.credential(merchant_id, staff_id)
        await desk.decide(view, partial(signin.confirm_totp, sealed.open, code, marks))
    return codes


async def ask_passkey(desk: Desk, where: Site, merchant_id: str, staff_id: str) -> dict[str, Any]:
    """What a browser is asked for a new passkey."""
    known = await desk.see(kept.passkeys(merchant_id, staff_id))
    asked = passkeys.challenge(f"register:{merchant_id}:{staff_id}", desk.mark, desk.clock.now())
    return passkeys.registration(where, staff_id, known, asked)


async def add_passkey(desk: Desk, where: Site, merchant_id: str, staff_id: str, credential: str) -> Passkey:
    """Let a new passkey count.

    Raises Denied: signin.passkey_wrong.
    """
    now = desk.clock.now()
    asked = passkeys.answered(credential, f"register:{merchant_id}:{staff_id}", desk.mark, now)
    row = Passkey(
        merchant_id=merchant_id, id=ids.derived(Kind.PASSKEY, now, asked), staff_id=staff_id, handle="",
        public_key="", sign_count=0, made_at=now,
    )  # fmt: skip
    row = passkeys.registered(row, where, credential, asked)
    return (
        await desk.decide(
            kept.passkey(merchant_id, row.handle), lambda seen, at: passkeys.add(row, seen is not None, None, at)
        )
    ).row


async def ask_sign_in(desk: Desk, where: Site, account: str) -> dict[str, Any]:
    """What a browser is asked to sign in by passkey; somebody unknown is asked for one that looks like any other."""
    staff = await _person(desk, account)
    known = await desk.see(kept.passkeys(staff.merchant_id, staff.id)) if staff else []
    if not known:
        handle = bytes_to_base64url(bytes.fromhex(desk.mark(f"handle:{account}") * 2))
        now = desk.clock.now()
        known = [Passkey(merchant_id="", id="", staff_id="", handle=handle, public_key="", sign_count=0, made_at=now)]
    return passkeys.assertion(where, known, passkeys.challenge(f"sign_in:{account}", desk.mark, desk.clock.now()))


async def sign_in_by_passkey(desk: Desk, where: Site, *, account: str, credential: str, device: str = "") -> Entry:
    """Let somebody in by their passkey.

    Raises Denied: signin.passkey_wrong.
    """
    staff = await _person(desk, account)
    asked = passkeys.answered(credential, f"sign_in:{account}", desk.mark, desk.clock.now())
    if staff is None:
        raise Denied("signin.passkey_wrong")
    await _passkey_used(desk, where, staff.merchant_id, staff.id, credential, asked)
    is_known = _device_of(desk, staff, device) != _STRANGE
    return await _opened(desk, staff, By.PASSKEY, desk.mark(f"proof:{asked}"), device if is_known else "")


async def _passkey_used(desk: Desk, where: Site, merchant_id: str, staff_id: str, credential: str, asked: str) -> None:
    def rule(seen: Passkey | None, at: datetime) -> Change[Passkey]:
        theirs = seen if seen is not None and seen.staff_id == staff_id else None
        return passkeys.use(where, credential, asked, theirs, at)

    await desk.decide(kept.passkey(merchant_id, passkeys.handle_of(credential)), rule)


# --- step-ups ---


async def ask_step_up(desk: Desk, where: Site, merchant_id: str, staff_id: str, act: Act) -> dict[str, Any]:
    """What a browser is asked to be sure of this act by passkey.

    Raises Denied: signin.no_passkey.
    """
    known = await desk.see(kept.passkeys(merchant_id, staff_id))
    if not known:
        raise Denied("signin.no_passkey")
    what = f"step_up:{merchant_id}:{staff_id}:{act.digest}"
    return passkeys.assertion(where, known, passkeys.challenge(what, desk.mark, desk.clock.now()))


async def step_up_by_code(desk: Desk, merchant_id: str, staff_id: str, act: Act, code: str) -> StepUp:
    """Be sure of this act by a code.

    Raises Denied: signin.code_wrong, signin.refused (too many tries).
    """
    async with _tried(desk, merchant_id, staff_id, _STEP_UP):
        by = await _code_used(desk, merchant_id, staff_id, code)
    return await _stepped_up(desk, merchant_id, staff_id, act, by, "")


async def step_up_by_passkey(
    desk: Desk, where: Site, merchant_id: str, staff_id: str, act: Act, credential: str
) -> StepUp:
    """Be sure of this act by passkey: it answered for exactly this.

    Raises Denied: signin.passkey_wrong.
    """
    what = f"step_up:{merchant_id}:{staff_id}:{act.digest}"
    asked = passkeys.answered(credential, what, desk.mark, desk.clock.now())
    await _passkey_used(desk, where, merchant_id, staff_id, credential, asked)
    return await _stepped_up(desk, merchant_id, staff_id, act, By.PASSKEY, desk.mark(f"proof:{asked}"))


async def _stepped_up(desk: Desk, merchant_id: str, staff_id: str, act: Act, by: By, proof: str) -> StepUp:
    now = desk.clock.now()
    row = StepUp(
        merchant_id=merchant_id, id=ids.new(Kind.STEP_UP, now), staff_id=staff_id, digest=act.digest, by=by,
        proof=proof, made_at=now, until=now,
    )  # fmt: skip
    done = await desk.decide(
        kept.new_step_up(merchant_id, row.id, proof), lambda seen, at: stepup.make(row, act, seen[1], seen[0], at)
    )
    return done.row


@dataclass(frozen=True, slots=True)
class Sure:
    """Who acts, and the step-up they name."""

    who: str
    step_up_id: str = ""


async def decide(
    desk: Desk, sure: Sure | None, act_of: Callable[[R], Act | None], merchant_id: str, view: View[S], rule: Rule[S, R]
) -> Done[R]:
    """Decide as `desk.decide`; where somebody must be sure, only if they are: see `stepup.guarded`."""
    if sure is None:
        return await desk.decide(view, rule)
    more = kept.proof_reads(merchant_id, sure.who, sure.step_up_id)
    count = len(view.reads)

    def make(found: Any) -> tuple[S, Proof]:
        return view.make(found[:count]), kept.proof(found[count:])

    return await desk.decide(View((*view.reads, *more), make), partial(stepup.guarded, act_of, sure.who, rule))


async def spend(desk: Desk, sure: Sure, merchant_id: str, act: Act) -> None:
    """Be sure of an act that changes no row of its own (an export), just before it is done.

    Raises Denied: see `stepup.demand`.
    """
    view = View(kept.proof_reads(merchant_id, sure.who, sure.step_up_id), kept.proof)
    if not (await desk.see(view)).is_demanded:
        return

    def rule(proof: Proof, at: datetime) -> Change[StepUp] | Stay[StepUp]:
        change = stepup.spend(act, sure.who, proof, at)
        if change is None:  # they gave their second factor up at this very moment
            raise Denied("step_up.stale")
        return change

    await desk.decide(view, rule)
