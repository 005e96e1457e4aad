"""Signing in and out, and where one is signed in."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import signing
from yuanlu.people.signin import IDLE, SESSION_FOR
from yuanlu.people.signing import Entry, Means, Till
from yuanlu.web.parts import cookies
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.auth import csrf_key
from yuanlu.web.parts.calls import DEVICE_COOKIE, PUBLIC, SESSION_COOKIE, Answer, Call, Route
from yuanlu.web.parts.proving import PASSKEY_DENIED, PASSWORD_DENIED, PEOPLE, site_of
from yuanlu.web.parts.shapes import Nothing
from yuanlu.web.parts.signin import (
    AcceptWish,
    AskedTold,
    EndedTold,
    EntryTold,
    InvitationWish,
    PasskeySignInWish,
    PinSignInWish,
    SessionsTold,
    SessionTold,
    SignInWish,
    WhoTold,
    WhoWish,
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
    return 200, AskedTold(options=await signing.ask_sign_in(call.office.desk, site_of(call), wish.account))


async def passkey_sign_in(call: Call) -> Answer:
    """Sign in by passkey."""
    wish: PasskeySignInWish = call.wish
    entry = await signing.sign_in_by_passkey(
        call.office.desk, site_of(call), account=wish.account, credential=wish.credential, device=_device(call)
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
    return 200, AskedTold(
        options=await signing.ask_accept(office.desk, office.pools.recorder, site_of(call), wish.token)
    )


async def accept(call: Call) -> Answer:
    """Take an invitation up, by a password or a passkey. Whatever was open for this person ends.

    With the link of a new installation it makes the first owner.
    """
    wish: AcceptWish = call.wish
    office = call.office
    means = Means(wish.password, wish.credential, site_of(call) if wish.credential else None)
    staff = await signing.accept(
        office.desk, office.pools.recorder, wish.token, means, name=wish.name.strip(), shop=wish.shop.strip()
    )
    return 200, WhoTold(account=staff.id)


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
        denied=PASSKEY_DENIED,
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
        denied=("signin.invitation_invalid", *PASSWORD_DENIED, *PASSKEY_DENIED),
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
        denied=("signin.till_only", "signin.refused", *PEOPLE),
        example={"account": "YW01KATE3S400000000000000061", "pin": "471920"},
    ),
    Route(
        method="GET",
        path="/v1/sessions",
        verb=listed,
        may="own",
        says="Where one is signed in",
        gives=SessionsTold,
        denied=PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/sessions/end",
        verb=end_all,
        may="own",
        says="End all of one's sessions",
        takes=Nothing,
        gives=EndedTold,
        denied=PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/sessions/{session}/end",
        verb=end,
        may="own",
        says="End one of one's sessions",
        takes=Nothing,
        gives=SessionTold,
        denied=("session.unknown", *PEOPLE),
    ),
)
