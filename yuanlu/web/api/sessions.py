"""Signing in and out, what one proves oneself by, and step-ups."""

from __future__ import annotations

from yuanlu.errors import Denied
from yuanlu.ids import Kind, is_id
from yuanlu.people import signing
from yuanlu.people.passkeys import Site, site
from yuanlu.people.signin import IDLE
from yuanlu.people.signing import Entry
from yuanlu.people.stepup import Act
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import Nothing
from yuanlu.web.parts.signin import (
    AcceptWish,
    AccountTold,
    AccountWish,
    AskedTold,
    CodeWish,
    CredentialWish,
    EndedTold,
    EntryTold,
    KnowingWish,
    PasskeySignInWish,
    PasskeyTold,
    PasswordWish,
    RecoveryTold,
    SessionsTold,
    SessionTold,
    SignInWish,
    StepUpActWish,
    StepUpTold,
    StepUpWish,
    TotpTold,
    session_told,
)


def _entered(entry: Entry) -> Answer:
    session = entry.session
    told = EntryTold(
        session=session.id,
        token=entry.token,
        device=entry.device,
        ends_at=session.ends_at,
        idle_seconds=int(IDLE.total_seconds()),
    )
    return 201, told


def _demand_person(call: Call) -> None:
    """Raises Denied: signin.people_only."""
    if not is_id(call.who, Kind.STAFF):
        raise Denied("signin.people_only")


def _site(call: Call) -> Site:
    return site(call.office.settings.public_url)


async def sign_in(call: Call) -> Answer:
    """Sign in by password. Whatever is wrong, the answer is the same, and as late."""
    wish: SignInWish = call.wish
    desk = call.office.desk
    return _entered(
        await signing.sign_in(desk, account=wish.account, password=wish.password, code=wish.code, device=wish.device)
    )


async def ask_passkey_sign_in(call: Call) -> Answer:
    """What a browser is asked to sign in by passkey."""
    wish: AccountWish = call.wish
    return 200, AskedTold(options=await signing.ask_sign_in(call.office.desk, _site(call), wish.account))


async def passkey_sign_in(call: Call) -> Answer:
    """Sign in by passkey."""
    wish: PasskeySignInWish = call.wish
    return _entered(
        await signing.sign_in_by_passkey(
            call.office.desk, _site(call), account=wish.account, credential=wish.credential, device=wish.device
        )
    )


async def accept(call: Call) -> Answer:
    """Set a password by an invitation. Whatever was open for this person ends."""
    wish: AcceptWish = call.wish
    staff = await signing.accept(call.office.desk, call.office.pools.recorder, wish.token, wish.password)
    return 200, AccountTold(account=staff.id)


async def change_password(call: Call) -> Answer:
    """Change one's password. Other sessions end."""
    _demand_person(call)
    wish: PasswordWish = call.wish
    desk = call.office.desk
    await signing.change_password(desk, call.merchant_id, call.who, wish.password, wish.new)
    await signing.end_all(desk, call.office.pools.recorder, call.merchant_id, call.who, but=call.key.id)
    return 200, AccountTold(account=call.who)


async def listed(call: Call) -> Answer:
    """Where one is signed in, oldest first."""
    _demand_person(call)
    found = await signing.sessions(call.office.desk, call.office.pools.recorder, call.merchant_id, call.who)
    return 200, SessionsTold(items=[session_told(each, call.key.id) for each in found])


async def end(call: Call) -> Answer:
    """End one of one's own sessions, at once and everywhere."""
    _demand_person(call)
    done = await signing.end(call.office.desk, call.merchant_id, call.who, call.id(Kind.SESSION))
    return 200, session_told(done, call.key.id)


async def end_all(call: Call) -> Answer:
    """End all of one's sessions, this one too."""
    _demand_person(call)
    ended = await signing.end_all(call.office.desk, call.office.pools.recorder, call.merchant_id, call.who)
    return 200, EndedTold(ended=ended)


async def offer_totp(call: Call) -> Answer:
    """A new secret for an app that shows codes."""
    _demand_person(call)
    wish: KnowingWish = call.wish
    desk = call.office.desk
    await signing.demand_password(desk, call.merchant_id, call.who, wish.password)
    return 200, TotpTold(uri=await signing.offer_totp(desk, call.merchant_id, call.who))


async def confirm_totp(call: Call) -> Answer:
    """The app shows the right code: it counts from now on."""
    _demand_person(call)
    wish: CodeWish = call.wish
    return 200, RecoveryTold(codes=await signing.confirm_totp(call.office.desk, call.merchant_id, call.who, wish.code))


async def ask_passkey(call: Call) -> Answer:
    """What a browser is asked for a new passkey."""
    _demand_person(call)
    wish: KnowingWish = call.wish
    desk, where = call.office.desk, _site(call)
    await signing.demand_password(desk, call.merchant_id, call.who, wish.password)
    return 200, AskedTold(options=await signing.ask_passkey(desk, where, call.merchant_id, call.who))


async def add_passkey(call: Call) -> Answer:
    """Let a new passkey count from now on."""
    _demand_person(call)
    wish: CredentialWish = call.wish
    done = await signing.add_passkey(call.office.desk, _site(call), call.merchant_id, call.who, wish.credential)
    return 201, PasskeyTold(id=done.id, made_at=done.made_at)


def _act(wish: StepUpActWish) -> Act:
    return Act(wish.verb, wish.object, wish.amount_fen, wish.payee)


async def ask_step_up(call: Call) -> Answer:
    """What a browser is asked to be sure of one act by passkey."""
    _demand_person(call)
    asked = await signing.ask_step_up(call.office.desk, _site(call), call.merchant_id, call.who, _act(call.wish))
    return 200, AskedTold(options=asked)


async def step_up(call: Call) -> Answer:
    """Be sure of one act, by a code or a passkey: exactly this verb, object, amount and payee, once."""
    _demand_person(call)
    wish: StepUpWish = call.wish
    desk, act = call.office.desk, _act(wish)
    if wish.credential:
        where = _site(call)
        row = await signing.step_up_by_passkey(desk, where, call.merchant_id, call.who, act, wish.credential)
    else:
        row = await signing.step_up_by_code(desk, call.merchant_id, call.who, act, wish.code)
    return 201, StepUpTold(id=row.id, by=row.by.value, until=row.until)


_PEOPLE = ("signin.people_only",)
_PASSWORD = (
    "signin.password_short",
    "signin.password_long",
    "signin.password_plain",
    "signin.password_common",
    "signin.password_used",
)
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
        says="What a browser is asked to sign in by passkey",
        takes=AccountWish,
        gives=AskedTold,
        denied=("passkey.no_site",),
        example={"account": "YW01KATE3S400000000000000061"},
    ),
    Route(
        method="POST",
        path="/v1/sessions/passkey",
        is_open=True,
        verb=passkey_sign_in,
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
        says="Set a password by an invitation",
        takes=AcceptWish,
        gives=AccountTold,
        denied=("signin.invitation_invalid", *_PASSWORD),
        example={"token": "yi_YW01KATE3S400000000000000061_x", "password": "correct horse 7 battery"},
    ),
    Route(
        method="GET",
        path="/v1/sessions",
        verb=listed,
        says="Where one is signed in",
        gives=SessionsTold,
        denied=_PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/sessions/end",
        verb=end_all,
        says="End all of one's sessions",
        takes=Nothing,
        gives=EndedTold,
        denied=_PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/sessions/{session}/end",
        verb=end,
        says="End one of one's sessions",
        takes=Nothing,
        gives=SessionTold,
        denied=("session.unknown", *_PEOPLE),
    ),
    Route(
        method="POST",
        path="/v1/password",
        verb=change_password,
        says="Change one's password",
        takes=PasswordWish,
        gives=AccountTold,
        denied=("signin.refused", *_PASSWORD, *_PEOPLE),
        example={"password": "correct horse 7 battery", "new": "another 8 battery horse"},
    ),
    Route(
        method="POST",
        path="/v1/second-factor",
        verb=offer_totp,
        says="A new secret for an app that shows codes",
        takes=KnowingWish,
        gives=TotpTold,
        denied=("signin.refused", *_PEOPLE),
        example={"password": "correct horse 7 battery"},
    ),
    Route(
        method="POST",
        path="/v1/second-factor/confirm",
        verb=confirm_totp,
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
        says="What a browser is asked for a new passkey",
        takes=KnowingWish,
        gives=AskedTold,
        denied=("signin.refused", "passkey.no_site", *_PEOPLE),
        example={"password": "correct horse 7 battery"},
    ),
    Route(
        method="POST",
        path="/v1/passkeys",
        verb=add_passkey,
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
        says="Be sure of one act",
        takes=StepUpWish,
        gives=StepUpTold,
        statuses=(201,),
        denied=("signin.code_wrong", "signin.refused", *_PASSKEY, *_PEOPLE),
        example={**_ACT_EXAMPLE, "code": "123456"},
    ),
)
