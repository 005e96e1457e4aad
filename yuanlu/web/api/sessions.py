"""Signing in and out, what one proves oneself by, and step-ups."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import signing, signing_store
from yuanlu.people.passkeys import Site, site
from yuanlu.people.signin import IDLE, SESSION_FOR
from yuanlu.people.signing import Entry, Means, Till
from yuanlu.people.stepup import Act
from yuanlu.web.parts import cookies
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.auth import csrf_key
from yuanlu.web.parts.calls import DEVICE_COOKIE, PUBLIC, SESSION_COOKIE, STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import Nothing
from yuanlu.web.parts.signin import (
    AcceptWish,
    AskedTold,
    CodeWish,
    CredentialWish,
    EndedTold,
    EntryTold,
    InvitationWish,
    KnowingWish,
    PasskeySignInWish,
    PasskeysTold,
    PasskeyTold,
    PasswordWish,
    PinSignInWish,
    PinWish,
    RecoveryTold,
    SessionsTold,
    SessionTold,
    SignInWish,
    StepUpActWish,
    StepUpTold,
    StepUpWish,
    TotpTold,
    WhoTold,
    WhoWish,
    passkey_told,
    session_told,
)

DEVICE_SECONDS = 400 * 86_400
"""How long a browser remembers that somebody signed in with it: no browser keeps a cookie longer."""
_encode = msgspec.json.Encoder().encode


def _entered(call: Call, entry: Entry, keep: str = "token") -> Answer:
    session, is_kept = entry.session, keep == "cookie"
    told = EntryTold(
        session=session.id,
        token="" if is_kept else entry.token,
        device="" if is_kept else entry.device,
        csrf=cookies.token(csrf_key(call.office), entry.token) if is_kept else "",
        ends_at=session.ends_at,
        idle_seconds=0 if session.key_id else int(IDLE.total_seconds()),
    )
    if not is_kept:
        return 201, told
    kept = (
        cookies.made(SESSION_COOKIE, entry.token, seconds=int(SESSION_FOR.total_seconds())),
        cookies.made(DEVICE_COOKIE, entry.device, seconds=DEVICE_SECONDS),
    )
    return 201, Told(_encode(told), 201, cookies=kept)


def _left(call: Call, told: Struct) -> Answer:
    """An answer to whoever is signed out by it: their cookie is taken back."""
    if not cookies.read(call.cookie, SESSION_COOKIE):
        return 200, told
    return 200, Told(_encode(told), 200, cookies=(cookies.made(SESSION_COOKIE, "", seconds=0),))


def _device(call: Call) -> str:
    """The device that somebody signs in with, by what they say or by its cookie."""
    return str(call.wish.device) or cookies.read(call.cookie, DEVICE_COOKIE)


async def _demand_themselves(call: Call) -> None:
    """Raises Denied: see `signing.demand_themselves`."""
    await signing.demand_themselves(call.office.desk, call.sure, call.merchant_id, call.wish.password)


def _site(call: Call) -> Site:
    return site(call.office.settings.public_url)


async def sign_in(call: Call) -> Answer:
    """Sign in by password. Whatever is wrong, the answer is the same, and as late."""
    wish: SignInWish = call.wish
    desk = call.office.desk
    entry = await signing.sign_in(
        desk, account=wish.account, password=wish.password, code=wish.code, device=_device(call)
    )
    return _entered(call, entry, wish.keep)


async def ask_passkey_sign_in(call: Call) -> Answer:
    """What a browser is asked to sign in by passkey."""
    wish: WhoWish = call.wish
    return 200, AskedTold(options=await signing.ask_sign_in(call.office.desk, _site(call), wish.account))


async def passkey_sign_in(call: Call) -> Answer:
    """Sign in by passkey."""
    wish: PasskeySignInWish = call.wish
    entry = await signing.sign_in_by_passkey(
        call.office.desk, _site(call), account=wish.account, credential=wish.credential, device=_device(call)
    )
    return _entered(call, entry, wish.keep)


async def pin_sign_in(call: Call) -> Answer:
    """Change in at a till by PIN, and whoever was there out. The till asks this with its own key, and signs it.

    The session counts with that till's signature alone, for the work of a till, until the shift is over.
    """
    wish: PinSignInWish = call.wish
    key = call.key
    if not key.till_id or key.signed_by:
        raise Denied("signin.till_only")
    till = Till(key.merchant_id, key.till_id, key.id, key.store_id)
    office = call.office
    entry = await signing.sign_in_by_pin(office.desk, office.pools.recorder, till, account=wish.account, pin=wish.pin)
    return _entered(call, entry)


async def ask_accept(call: Call) -> Answer:
    """What a browser is asked to take an invitation up by a new passkey."""
    wish: InvitationWish = call.wish
    office = call.office
    return 200, AskedTold(options=await signing.ask_accept(office.desk, office.pools.recorder, _site(call), wish.token))


async def accept(call: Call) -> Answer:
    """Take an invitation up, by a password or a passkey. Whatever was open for this person ends.

    With the link of a new installation it makes the first owner.
    """
    wish: AcceptWish = call.wish
    office = call.office
    means = Means(wish.password, wish.credential, _site(call) if wish.credential else None)
    staff = await signing.accept(
        office.desk, office.pools.recorder, wish.token, means, name=wish.name.strip(), shop=wish.shop.strip()
    )
    return 200, WhoTold(account=staff.id)


async def set_pin(call: Call) -> Answer:
    """Set one's PIN for quick changes at a till."""
    await _demand_themselves(call)
    await signing.set_pin(call.office.desk, call.merchant_id, call.who, call.wish.pin)
    return 200, WhoTold(account=call.who)


async def own_passkeys(call: Call) -> Answer:
    """One's passkeys that count."""
    found = await call.office.desk.see(signing_store.passkeys(call.merchant_id, call.who))
    return 200, PasskeysTold(items=[passkey_told(each) for each in found])


async def end_passkey(call: Call) -> Answer:
    """Let one of one's own passkeys count no more."""
    await _demand_themselves(call)
    row = await signing.end_passkey(call.office.desk, call.merchant_id, call.who, call.id(Kind.PASSKEY))
    return 200, passkey_told(row)


async def change_password(call: Call) -> Answer:
    """Change one's password. Other sessions end."""
    wish: PasswordWish = call.wish
    desk = call.office.desk
    await signing.change_password(desk, call.merchant_id, call.who, wish.password, wish.new)
    await signing.end_all(desk, call.office.pools.recorder, call.merchant_id, call.who, but=call.key.id)
    return 200, WhoTold(account=call.who)


async def listed(call: Call) -> Answer:
    """Where one is signed in, oldest first."""
    found = await signing.sessions(call.office.desk, call.office.pools.recorder, call.merchant_id, call.who)
    token = cookies.read(call.cookie, SESSION_COOKIE)
    csrf = cookies.token(csrf_key(call.office), token) if token else ""
    return 200, SessionsTold(items=[session_told(each, call.key.id) for each in found], csrf=csrf)


async def end(call: Call) -> Answer:
    """End one of one's own sessions, at once and everywhere."""
    done = await signing.end(call.office.desk, call.merchant_id, call.who, call.id(Kind.SESSION))
    told = session_told(done, call.key.id)
    return _left(call, told) if told.is_this else (200, told)


async def end_all(call: Call) -> Answer:
    """End all of one's sessions, this one too."""
    ended = await signing.end_all(call.office.desk, call.office.pools.recorder, call.merchant_id, call.who)
    return _left(call, EndedTold(ended=ended))


async def offer_totp(call: Call) -> Answer:
    """A new secret for an app that shows codes."""
    await _demand_themselves(call)
    return 200, TotpTold(uri=await signing.offer_totp(call.office.desk, call.merchant_id, call.who))


async def confirm_totp(call: Call) -> Answer:
    """The app shows the right code: it counts from now on."""
    wish: CodeWish = call.wish
    return 200, RecoveryTold(codes=await signing.confirm_totp(call.office.desk, call.merchant_id, call.who, wish.code))


async def ask_passkey(call: Call) -> Answer:
    """What a browser is asked for a new passkey."""
    where = _site(call)
    await _demand_themselves(call)
    return 200, AskedTold(options=await signing.ask_passkey(call.office.desk, where, call.merchant_id, call.who))


async def add_passkey(call: Call) -> Answer:
    """Let a new passkey count from now on."""
    wish: CredentialWish = call.wish
    done = await signing.add_passkey(call.office.desk, _site(call), call.merchant_id, call.who, wish.credential)
    return 201, passkey_told(done)


def _act(wish: StepUpActWish) -> Act:
    return Act(wish.verb, wish.object, wish.amount_fen, wish.payee)


async def ask_step_up(call: Call) -> Answer:
    """What a browser is asked to be sure of one act by passkey."""
    asked = await signing.ask_step_up(call.office.desk, _site(call), call.merchant_id, call.who, _act(call.wish))
    return 200, AskedTold(options=asked)


async def step_up(call: Call) -> Answer:
    """Be sure of one act, by a code or a passkey: exactly this verb, object, amount and payee, once."""
    wish: StepUpWish = call.wish
    desk, act = call.office.desk, _act(wish)
    if wish.credential:
        where = _site(call)
        row = await signing.step_up_by_passkey(desk, where, call.merchant_id, call.who, act, wish.credential)
    else:
        row = await signing.step_up_by_code(desk, call.merchant_id, call.who, act, wish.code)
    return 201, StepUpTold(id=row.id, by=row.by.value, until=row.until)


_PEOPLE = ("staff.not_allowed", "key.out_of_scope")
_PASSWORD = (
    "signin.password_short",
    "signin.password_long",
    "signin.password_plain",
    "signin.password_common",
    "signin.password_used",
)
_THEMSELVES = ("signin.refused", *STEP_UP, *_PEOPLE)
_PASSKEY = ("signin.passkey_wrong", "passkey.no_site")
_ACT_EXAMPLE = {
    "verb": "refund",
    "object": "YR01KATE3S400000000000000000F",
    "amount_fen": 128000,
    "payee": "YP01KATE3S40000000000000000S8",
}

ROUTES = (
    Route(
        method="POST",
        path="/v1/sessions",
        is_open=True,
        verb=sign_in,
        may=PUBLIC,
        says="Sign in by password",
        takes=SignInWish,
        gives=EntryTold,
        statuses=(201,),
        denied=("signin.refused", "signin.code_needed", "signin.passkey_needed"),
        example={"account": "YW01KATE3S400000000000000061", "password": "correct horse 7 battery", "code": "123456"},
    ),
    Route(
        method="POST",
        path="/v1/sessions/passkey/options",
        is_open=True,
        verb=ask_passkey_sign_in,
        may=PUBLIC,
        says="What a browser is asked to sign in by passkey",
        takes=WhoWish,
        gives=AskedTold,
        denied=("passkey.no_site",),
        example={"account": "YW01KATE3S400000000000000061"},
    ),
    Route(
        method="POST",
        path="/v1/sessions/passkey",
        is_open=True,
        verb=passkey_sign_in,
        may=PUBLIC,
        says="Sign in by passkey",
        takes=PasskeySignInWish,
        gives=EntryTold,
        statuses=(201,),
        denied=_PASSKEY,
        example={"account": "YW01KATE3S400000000000000061", "credential": "{}"},
    ),
    Route(
        method="POST",
        path="/v1/invitations/accept",
        is_open=True,
        verb=accept,
        may=PUBLIC,
        says="Take an invitation up",
        takes=AcceptWish,
        gives=WhoTold,
        denied=("signin.invitation_invalid", *_PASSWORD, *_PASSKEY),
        example={"token": "yi_YW01KATE3S400000000000000061_x", "password": "correct horse 7 battery"},
    ),
    Route(
        method="POST",
        path="/v1/invitations/options",
        is_open=True,
        verb=ask_accept,
        may=PUBLIC,
        says="What a browser is asked to take an invitation up by passkey",
        takes=InvitationWish,
        gives=AskedTold,
        denied=("signin.invitation_invalid", "passkey.no_site"),
        example={"token": "yi_YW01KATE3S400000000000000061_x"},
    ),
    Route(
        method="POST",
        path="/v1/sessions/pin",
        verb=pin_sign_in,
        may="charge",
        says="Change in at a till by PIN",
        takes=PinSignInWish,
        gives=EntryTold,
        statuses=(201,),
        denied=("signin.till_only", "signin.refused", *_PEOPLE),
        example={"account": "YW01KATE3S400000000000000061", "pin": "471920"},
    ),
    Route(
        method="POST",
        path="/v1/pin",
        verb=set_pin,
        may="own",
        says="Set one's PIN for quick changes at a till",
        takes=PinWish,
        gives=WhoTold,
        denied=("signin.pin_plain", *_THEMSELVES),
        example={"password": "correct horse 7 battery", "pin": "471920"},
    ),
    Route(
        method="GET",
        path="/v1/passkeys",
        verb=own_passkeys,
        may="own",
        says="One's passkeys",
        gives=PasskeysTold,
        denied=_PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/passkeys/{passkey}/end",
        verb=end_passkey,
        may="own",
        says="Let one of one's passkeys count no more",
        takes=KnowingWish,
        gives=PasskeyTold,
        denied=("passkey.unknown", *_THEMSELVES),
        example={"password": "correct horse 7 battery"},
    ),
    Route(
        method="GET",
        path="/v1/sessions",
        verb=listed,
        may="own",
        says="Where one is signed in",
        gives=SessionsTold,
        denied=_PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/sessions/end",
        verb=end_all,
        may="own",
        says="End all of one's sessions",
        takes=Nothing,
        gives=EndedTold,
        denied=_PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/sessions/{session}/end",
        verb=end,
        may="own",
        says="End one of one's sessions",
        takes=Nothing,
        gives=SessionTold,
        denied=("session.unknown", *_PEOPLE),
    ),
    Route(
        method="POST",
        path="/v1/password",
        verb=change_password,
        may="own",
        says="Change one's password",
        takes=PasswordWish,
        gives=WhoTold,
        denied=("signin.refused", *_PASSWORD, *_PEOPLE),
        example={"password": "correct horse 7 battery", "new": "another 8 battery horse"},
    ),
    Route(
        method="POST",
        path="/v1/second-factor",
        verb=offer_totp,
        may="own",
        says="A new secret for an app that shows codes",
        takes=KnowingWish,
        gives=TotpTold,
        denied=_THEMSELVES,
        example={"password": "correct horse 7 battery"},
    ),
    Route(
        method="POST",
        path="/v1/second-factor/confirm",
        verb=confirm_totp,
        may="own",
        says="Let the codes of an app count",
        takes=CodeWish,
        gives=RecoveryTold,
        denied=("signin.code_wrong", "signin.refused", *_PEOPLE),
        example={"code": "123456"},
    ),
    Route(
        method="POST",
        path="/v1/passkeys/options",
        verb=ask_passkey,
        may="own",
        says="What a browser is asked for a new passkey",
        takes=KnowingWish,
        gives=AskedTold,
        denied=("passkey.no_site", *_THEMSELVES),
        example={"password": "correct horse 7 battery"},
    ),
    Route(
        method="POST",
        path="/v1/passkeys",
        verb=add_passkey,
        may="own",
        says="Let a new passkey count",
        takes=CredentialWish,
        gives=PasskeyTold,
        statuses=(201,),
        denied=(*_PASSKEY, *_PEOPLE),
        example={"credential": "{}"},
    ),
    Route(
        method="POST",
        path="/v1/step-ups/options",
        verb=ask_step_up,
        may="own",
        says="What a browser is asked to be sure of one act",
        takes=StepUpActWish,
        gives=AskedTold,
        denied=("signin.no_passkey", "passkey.no_site", *_PEOPLE),
        example=_ACT_EXAMPLE,
    ),
    Route(
        method="POST",
        path="/v1/step-ups",
        verb=step_up,
        may="own",
        says="Be sure of one act",
        takes=StepUpWish,
        gives=StepUpTold,
        statuses=(201,),
        denied=("signin.code_wrong", "signin.refused", *_PASSKEY, *_PEOPLE),
        example={**_ACT_EXAMPLE, "code": "123456"},
    ),
)
