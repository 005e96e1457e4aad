"""What one proves oneself by: password, PIN, codes of an app, passkeys."""

from __future__ import annotations

from yuanlu.ids import Kind
from yuanlu.people import signing, signing_store
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.proving import PASSKEY_DENIED, PASSWORD_DENIED, PEOPLE, THEMSELVES, demand_themselves, site_of
from yuanlu.web.parts.signin import (
    AskedTold,
    CodeWish,
    CredentialWish,
    KnowingWish,
    PasskeysTold,
    PasskeyTold,
    PasswordWish,
    PinWish,
    RecoveryTold,
    TotpTold,
    WhoTold,
    passkey_told,
)


async def set_pin(call: Call) -> Answer:
    """Set one's PIN for quick changes at a till."""
    await demand_themselves(call)
    await signing.set_pin(call.office.desk, call.merchant_id, call.who, call.wish.pin)
    return 200, WhoTold(account=call.who)


async def own_passkeys(call: Call) -> Answer:
    """One's passkeys that count."""
    found = await call.office.desk.see(signing_store.passkeys(call.merchant_id, call.who))
    return 200, PasskeysTold(items=[passkey_told(each) for each in found])


async def end_passkey(call: Call) -> Answer:
    """Let one of one's own passkeys count no more."""
    await demand_themselves(call)
    row = await signing.end_passkey(call.office.desk, call.merchant_id, call.who, call.id(Kind.PASSKEY))
    return 200, passkey_told(row)


async def change_password(call: Call) -> Answer:
    """Change one's password. Other sessions end."""
    wish: PasswordWish = call.wish
    desk = call.office.desk
    await signing.change_password(desk, call.merchant_id, call.who, wish.password, wish.new)
    await signing.end_all(desk, call.office.pools.recorder, call.merchant_id, call.who, but=call.key.id)
    return 200, WhoTold(account=call.who)


async def offer_totp(call: Call) -> Answer:
    """A new secret for an app that shows codes."""
    await demand_themselves(call)
    return 200, TotpTold(uri=await signing.offer_totp(call.office.desk, call.merchant_id, call.who))


async def confirm_totp(call: Call) -> Answer:
    """The app shows the right code: it counts from now on."""
    wish: CodeWish = call.wish
    return 200, RecoveryTold(codes=await signing.confirm_totp(call.office.desk, call.merchant_id, call.who, wish.code))


async def ask_passkey(call: Call) -> Answer:
    """What a browser is asked for a new passkey."""
    where = site_of(call)
    await demand_themselves(call)
    return 200, AskedTold(options=await signing.ask_passkey(call.office.desk, where, call.merchant_id, call.who))


async def add_passkey(call: Call) -> Answer:
    """Let a new passkey count from now on."""
    wish: CredentialWish = call.wish
    done = await signing.add_passkey(call.office.desk, site_of(call), call.merchant_id, call.who, wish.credential)
    return 201, passkey_told(done)


ROUTES = (
    Route(
        method="POST",
        path="/v1/pin",
        verb=set_pin,
        may="own",
        says="Set one's PIN for quick changes at a till",
        takes=PinWish,
        gives=WhoTold,
        denied=("signin.pin_plain", *THEMSELVES),
        example={"password": "correct horse 7 battery", "pin": "471920"},
    ),
    Route(
        method="GET",
        path="/v1/passkeys",
        verb=own_passkeys,
        may="own",
        says="One's passkeys",
        gives=PasskeysTold,
        denied=PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/passkeys/{passkey}/end",
        verb=end_passkey,
        may="own",
        says="Let one of one's passkeys count no more",
        takes=KnowingWish,
        gives=PasskeyTold,
        denied=("passkey.unknown", *THEMSELVES),
        example={"password": "correct horse 7 battery"},
    ),
    Route(
        method="POST",
        path="/v1/password",
        verb=change_password,
        may="own",
        says="Change one's password",
        takes=PasswordWish,
        gives=WhoTold,
        denied=("signin.refused", *PASSWORD_DENIED, *PEOPLE),
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
        denied=THEMSELVES,
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
        denied=("signin.code_wrong", "signin.refused", *PEOPLE),
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
        denied=("passkey.no_site", *THEMSELVES),
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
        denied=(*PASSKEY_DENIED, *PEOPLE),
        example={"credential": "{}"},
    ),
)
