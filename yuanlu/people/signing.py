"""The verbs of signing in: invite, accept, sign in and out, PINs, second factors, step-ups."""

from __future__ import annotations

import asyncio
import hmac
import secrets as chance
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import asyncpg
import pyotp
import structlog
from webauthn.helpers import bytes_to_base64url

from yuanlu import ids
from yuanlu.change import Change, Done, Row, Stay
from yuanlu.desk import Desk, Rule
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.people import flow as people
from yuanlu.people import passkeys, secrets, signin, stepup, store
from yuanlu.people import signing_store as kept
from yuanlu.people.passkeys import Passkey, Site
from yuanlu.people.rules import Role, Staff
from yuanlu.people.signin import By, Credential, Session
from yuanlu.people.stepup import Act, Proof, StepUp
from yuanlu.reading import View

REFUSED_AFTER_SECONDS = 0.25
"""No sooner is anybody refused: how long it took tells nothing of why."""
SESSIONS_MAX = 200
_SAME = frozenset({"signin.code_wrong", "signin.refused"})
_STRANGE, _INSIDE, _STEP_UP, _TILL = "strange", "inside", "step_up", "till"
"""Where somebody tries, beside the devices that are known: each has a count of its own."""

_FIRST = "yo_"
"""How the token of an installation's first owner begins; any other's is `yi_`."""

log = structlog.get_logger(__name__)

S = TypeVar("S")
R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody who was let in is given, this once: the session's token, and the device's for the next time."""

    session: Session
    token: str = field(repr=False)
    device: str = field(repr=False)


# --- invitations and passwords ---


async def invite(
    desk: Desk,
    merchant_id: str,
    staff_id: str,
    who: str,
    *,
    forgets_second: bool = False,
    only_first: bool = False,
    sure: Sure | None = None,
) -> str:
    """A one-time token for a (new) password; ends in 24 hours. With `forgets_second` it also resets codes.

    `sure`: who must be sure of it, where somebody must. `only_first`: only as long as they never had a way in.
    Raises Denied: staff.unknown, signin.begun; see `stepup.demand`.
    """
    staff = await desk.see(store.by_id(merchant_id, staff_id))
    if staff is None or not staff.is_active(desk.clock.now()):
        raise Denied("staff.unknown")
    secret = signin.new_secret()
    rule = partial(signin.invite, merchant_id, staff_id, signin.digest(secret), who, forgets_second, only_first)
    await decide(desk, sure, _invites, merchant_id, kept.credential(merchant_id, staff_id), rule)
    return f"yi_{staff_id}_{secret}"


async def end_invitation(desk: Desk, merchant_id: str, staff_id: str, who: str) -> None:
    """An invitation that waits for somebody counts no more; where none does, nothing is done."""
    if await desk.see(kept.credential(merchant_id, staff_id)) is not None:
        await desk.decide(kept.credential(merchant_id, staff_id), partial(signin.end_invitation, who))


def _invites(row: Credential) -> Act:
    return Act("invite", row.id, payee="second" if row.forgets_second else "")


@dataclass(frozen=True, slots=True)
class Means:
    """By what an invitation is taken up: a password, or what a new passkey of this site answered."""

    password: str = field(default="", repr=False)
    credential: str = field(default="", repr=False)
    where: Site | None = None


async def ask_accept(desk: Desk, pool: asyncpg.Pool[Any], where: Site, token: str) -> dict[str, Any]:
    """What a browser is asked to take an invitation up by passkey.

    Raises Denied: signin.invitation_invalid.
    """
    staff_id, secret = _told(token)
    known: list[Passkey] = []
    if token.startswith(_FIRST):
        await _demand_first(desk, pool, staff_id, secret)
    else:
        staff, _ = await _invited(desk, staff_id, secret)
        known = await desk.see(kept.passkeys(staff.merchant_id, staff.id))
    asked = passkeys.challenge(_accepts(token), desk.mark, desk.clock.now())
    return passkeys.registration(where, staff_id, known, asked)


async def accept(
    desk: Desk, pool: asyncpg.Pool[Any], token: str, means: Means, *, name: str = "", shop: str = ""
) -> Staff:
    """Take an invitation up, by password or passkey. Whatever was open for this person ends.

    The first owner of an installation says their name and their shop's too.
    Raises Denied: signin.invitation_invalid, signin.passkey_wrong; see `secrets.hashed`.
    """
    staff_id, secret = _told(token)
    if token.startswith(_FIRST):
        return await _begun(desk, pool, token, staff_id, means, name or "店主 Owner", shop or "我的商店 My shop")
    staff, seen = await _invited(desk, staff_id, secret)
    hashed, handed = await _means(desk, staff.merchant_id, staff.id, token, means, seen.used)
    await desk.decide(kept.credential(staff.merchant_id, staff.id), partial(signin.accept, secret, hashed))
    if seen.forgets_second:
        for each in await desk.see(kept.passkeys(staff.merchant_id, staff.id)):
            await end_passkey(desk, staff.merchant_id, staff.id, each.id)
    await _hand_over(desk, handed)
    await end_all(desk, pool, staff.merchant_id, staff.id)
    return staff


def _told(token: str) -> tuple[str, str]:
    """Whom a token is for, and its secret."""
    staff_id, _, secret = token.partition("_")[2].partition("_")
    return staff_id, secret


def _accepts(token: str) -> str:
    return f"accept:{signin.digest(token)}"


async def _invited(desk: Desk, staff_id: str, secret: str) -> tuple[Staff, Credential]:
    staff = await _person(desk, staff_id)
    seen = None if staff is None else await desk.see(kept.credential(staff.merchant_id, staff.id))
    if staff is None or seen is None or not signin.is_invited(secret, seen, desk.clock.now()):
        raise Denied("signin.invitation_invalid")
    return staff, seen


async def _means(
    desk: Desk, merchant_id: str, staff_id: str, token: str, means: Means, past: tuple[str, ...]
) -> tuple[str, Passkey | None]:
    """The hash of the password, or (no hash) the new passkey."""
    if means.where is None or not means.credential:
        return await secrets.hashed(means.password, past), None
    row = _new_passkey(desk, means.where, merchant_id, staff_id, means.credential, _accepts(token))
    return "", row


async def _hand_over(desk: Desk, row: Passkey | None) -> None:
    if row is not None:
        await _added(desk, row)


# --- the first owner ---


async def first_link(desk: Desk, pool: asyncpg.Pool[Any]) -> str:
    """A one-time token for the first owner of an installation in which there is nobody; else nothing."""
    now = desk.clock.now()
    staff_id, secret = ids.new(Kind.STAFF, now), signin.new_secret()
    is_offered = await kept.offer_first(pool, staff_id, signin.digest(secret), now + signin.INVITED_FOR)
    return f"{_FIRST}{staff_id}_{secret}" if is_offered else ""


async def _demand_first(desk: Desk, pool: asyncpg.Pool[Any], staff_id: str, secret: str) -> None:
    if not await kept.is_first(pool, staff_id, signin.digest(secret), desk.clock.now()):
        raise Denied("signin.invitation_invalid")


async def _begun(
    desk: Desk, pool: asyncpg.Pool[Any], token: str, staff_id: str, means: Means, name: str, shop: str
) -> Staff:
    """Make the first owner, and the merchant where there is none."""
    _, secret = _told(token)
    await _demand_first(desk, pool, staff_id, secret)
    hashed, handed = await _means(desk, "", staff_id, token, means, ())
    now = desk.clock.now()
    if not await kept.take_first(pool, staff_id, signin.digest(secret), now):
        raise Denied("signin.invitation_invalid")
    found = await merchants.merchants_called(pool, "", 1)
    merchant_id = found[0].id if found else await merchants.add_merchant(pool, shop, now)
    staff = await people.add(desk, merchant_id, role=Role.OWNER, name=name, who=staff_id, staff_id=staff_id)
    rule = partial(signin.begin, merchant_id, staff_id, hashed)
    await desk.decide(kept.credential(merchant_id, staff_id), rule)
    await _hand_over(desk, None if handed is None else replace(handed, merchant_id=merchant_id))
    return staff


# --- passwords and PINs ---


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


async def demand_themselves(desk: Desk, sure: Sure, merchant_id: str, password: str) -> None:
    """Be sure that who changes their ways in is the person: by the password, or by a step-up for just that.

    Raises Denied: signin.refused; see `stepup.demand`.
    """
    if password:
        await demand_password(desk, merchant_id, sure.who, password)
    else:
        await spend(desk, replace(sure, always=True), merchant_id, Act("ways_in", sure.who))


async def set_pin(desk: Desk, merchant_id: str, staff_id: str, pin: str) -> None:
    """Another PIN for quick changes at a till.

    Raises Denied: signin.pin_plain, signin.refused.
    """
    signin.demand_pin(pin)
    hashed = await secrets.pin_hashed(_pin_mark(desk, merchant_id, staff_id, pin))
    await desk.decide(kept.credential(merchant_id, staff_id), partial(signin.set_pin, hashed))


def _pin_mark(desk: Desk, merchant_id: str, staff_id: str, pin: str) -> str:
    return desk.mark(f"pin:{merchant_id}:{staff_id}:{pin}")


@asynccontextmanager
async def _tried(
    desk: Desk, merchant_id: str, staff_id: str, device: str, most: int = signin.TRIES_MAX
) -> AsyncIterator[None]:
    """Count a try before it is looked at; forgive it if all goes well, write it down if it was wrong.

    Raises Denied: signin.refused, while this device must wait.
    """
    tries_id = f"{staff_id}.{device}"
    view = kept.tries(merchant_id, tries_id)
    told = device.partition(".")[0]
    told = told if told in (_STRANGE, _INSIDE, _STEP_UP, _TILL) else "known"
    await desk.decide(view, partial(signin.try_once, merchant_id, tries_id, staff_id, told, most))
    try:
        yield
    except Denied as no:
        if no.code in _SAME:
            await desk.decide(view, partial(signin.fail, staff_id, told))
        raise
    await desk.decide(view, signin.forgive)


@asynccontextmanager
async def _passkey_tried(desk: Desk, merchant_id: str, staff_id: str) -> AsyncIterator[None]:
    """Write down that a passkey was wrong."""
    try:
        yield
    except Denied:
        tries_id = f"{staff_id}.passkey"
        rule = partial(signin.fail_passkey, merchant_id, tries_id, staff_id)
        await desk.decide(kept.tries(merchant_id, tries_id), rule)
        raise


# --- signing in ---


async def sign_in(desk: Desk, *, account: str, password: str, code: str = "", device: str = "") -> Entry:
    """Let somebody in by password, and by a code where they have codes.

    Raises Denied: signin.refused (the same, and as late, for every reason), signin.code_needed, signin.passkey_needed.
    """
    async with _late():
        return await _signed_in(desk, account, password, code, device)


@asynccontextmanager
async def _late() -> AsyncIterator[None]:
    """Whoever is refused is so with one word, and not before some time is over."""
    loop = asyncio.get_running_loop()
    since = loop.time()
    try:
        yield
    except Denied as no:
        await asyncio.sleep(max(0.0, since + REFUSED_AFTER_SECONDS - loop.time()))
        if no.code in _SAME:
            raise Denied("signin.refused") from None
        raise


async def _signed_in(desk: Desk, account: str, password: str, code: str, device: str) -> Entry:
    staff = await _person(desk, account)
    if staff is None:
        log.warning("signin.unknown")  # on no merchant's record; the account may be a password in the wrong field
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


@dataclass(frozen=True, slots=True)
class Till:
    """An enrolled till, which has signed what is asked."""

    merchant_id: str
    id: str
    key_id: str
    store_id: str


async def sign_in_by_pin(desk: Desk, pool: asyncpg.Pool[Any], till: Till, *, account: str, pin: str) -> Entry:
    """Let somebody change in at a till, and whoever was there out.

    Tries count for this person at this till alone: nobody is locked out anywhere else.
    Raises Denied: signin.refused (the same, and as late, for every reason).
    """
    async with _late():
        staff = await _person(desk, account)
        if staff is None or staff.merchant_id != till.merchant_id or staff.store_id not in ("", till.store_id):
            await secrets.is_password("", pin)
            raise Denied("signin.refused")
        async with _tried(desk, staff.merchant_id, staff.id, f"{_TILL}.{till.id}", signin.PIN_TRIES_MAX):
            seen = await desk.see(kept.credential(staff.merchant_id, staff.id))
            mark = _pin_mark(desk, staff.merchant_id, staff.id, pin)
            if not await secrets.is_password(seen.pin if seen else "", mark):
                raise Denied("signin.refused")
    entry = await _opened(desk, staff, By.PIN, "", "", till.key_id)
    for each in await kept.before_at_till(pool, till.merchant_id, till.key_id, entry.session.id, SESSIONS_MAX):
        rule = partial(signin.end_session, each.staff_id, staff.id, "changed")
        await desk.decide(kept.session(till.merchant_id, each.id), rule)
    return entry


async def _opened(desk: Desk, staff: Staff, by: By, proof: str, device: str, key_id: str = "") -> Entry:
    now, secret = desk.clock.now(), signin.new_secret()
    row = Session(
        merchant_id=staff.merchant_id, id=ids.new(Kind.SESSION, now), staff_id=staff.id, digest=signin.digest(secret),
        by=by, proof=proof, opened_at=now, seen_at=now, ends_at=now, key_id=key_id,
    )  # fmt: skip
    done = await desk.decide(
        kept.new_session(staff.merchant_id, row.id, proof),
        lambda seen, at: signin.open_session(row, seen[1], seen[0], at),
    )
    if not device and not key_id:
        name = chance.token_hex(16)
        device = f"yd_{name}_{_device_mark(desk, staff, name)}"
    return Entry(done.row, f"ys_{row.id}_{secret}", device)


async def seen_again(desk: Desk, merchant_id: str, session_id: str) -> Session:
    """A session is in use.

    Raises Denied: auth.key_invalid.
    """
    return (await desk.decide(kept.session(merchant_id, session_id), signin.see_session)).row


async def end(desk: Desk, merchant_id: str, staff_id: str, session_id: str, how: str = "one", who: str = "") -> Session:
    """End a session of one's own at once, everywhere.

    Raises Denied: session.unknown.
    """
    rule = partial(signin.end_session, staff_id, who or staff_id, how)
    return (await desk.decide(kept.session(merchant_id, session_id), rule)).row


async def sessions(desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, staff_id: str) -> list[Session]:
    """Where a person is signed in."""
    return await kept.open_sessions(pool, merchant_id, staff_id, desk.clock.now(), SESSIONS_MAX)


async def end_all(
    desk: Desk, pool: asyncpg.Pool[Any], merchant_id: str, staff_id: str, but: str = "", who: str = ""
) -> int:
    """End all sessions of a person; answers how many. `but`: this one stays. `who`: ends them, where it is not they."""
    ended = 0
    while found := [each for each in await sessions(desk, pool, merchant_id, staff_id) if each.id != but]:
        for each in found:
            await end(desk, merchant_id, staff_id, each.id, "all", who)
        ended += len(found)
    return ended


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
    what = f"register:{merchant_id}:{staff_id}"
    return await _added(desk, _new_passkey(desk, where, merchant_id, staff_id, credential, what))


def _new_passkey(desk: Desk, where: Site, merchant_id: str, staff_id: str, credential: str, what: str) -> Passkey:
    now = desk.clock.now()
    asked = passkeys.answered(credential, what, desk.mark, now)
    row = Passkey(
        merchant_id=merchant_id, id=ids.derived(Kind.PASSKEY, now, asked), staff_id=staff_id, handle="",
        public_key="", sign_count=0, made_at=now,
    )  # fmt: skip
    return passkeys.registered(row, where, credential, asked)


async def _added(desk: Desk, row: Passkey) -> Passkey:
    view = kept.passkey(row.merchant_id, row.handle)
    done: Done[Passkey] = await desk.decide(view, lambda seen, at: passkeys.add(row, seen is not None, None, at))
    return done.row


async def end_passkey(desk: Desk, merchant_id: str, staff_id: str, passkey_id: str) -> Passkey:
    """One's own passkey counts no more.

    Raises Denied: passkey.unknown.
    """
    view = kept.passkey_by_id(merchant_id, passkey_id)
    return (await desk.decide(view, partial(passkeys.end, staff_id))).row


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
    if staff is None:
        log.warning("signin.unknown")
        raise Denied("signin.passkey_wrong")
    async with _passkey_tried(desk, staff.merchant_id, staff.id):
        asked = passkeys.answered(credential, f"sign_in:{account}", desk.mark, desk.clock.now())
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
    async with _passkey_tried(desk, merchant_id, staff_id):
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
    """Who acts, and the step-up they name. `always`: it is demanded of those without a second factor too."""

    who: str
    step_up_id: str = ""
    always: bool = False


async def decide(
    desk: Desk, sure: Sure | None, act_of: Callable[[R], Act | None], merchant_id: str, view: View[S], rule: Rule[S, R]
) -> Done[R]:
    """Decide as `desk.decide`; where somebody must be sure, only if they are: see `stepup.guarded`."""
    if sure is None:
        return await desk.decide(view, rule)
    more = kept.proof_reads(merchant_id, sure.who, sure.step_up_id)
    count = len(view.reads)

    def make(found: Any) -> tuple[S, Proof]:
        return view.make(found[:count]), _proof(sure, found[count:])

    return await desk.decide(View((*view.reads, *more), make), partial(stepup.guarded, act_of, sure.who, rule))


def _proof(sure: Sure, found: Any) -> Proof:
    proof = kept.proof(found)
    return replace(proof, is_demanded=proof.is_demanded or sure.always)


async def spend(desk: Desk, sure: Sure, merchant_id: str, act: Act) -> None:
    """Be sure of an act that changes no row of its own (an export), just before it is done.

    Raises Denied: see `stepup.demand`.
    """
    view = View(kept.proof_reads(merchant_id, sure.who, sure.step_up_id), partial(_proof, sure))
    if not (await desk.see(view)).is_demanded:
        return

    def rule(proof: Proof, at: datetime) -> Change[StepUp] | Stay[StepUp]:
        change = stepup.spend(act, sure.who, proof, at)
        if change is None:  # they gave their second factor up at this very moment
            raise Denied("step_up.stale")
        return change

    await desk.decide(view, rule)
