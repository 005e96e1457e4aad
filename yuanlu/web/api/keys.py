"""Keys of machines: make, list, rotate, end; and tills: invite, enrol, close."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.keyring import store as keyring
from yuanlu.machines import flow, store
from yuanlu.machines.flow import Decides
from yuanlu.machines.rules import Key, KeyAsk
from yuanlu.people import signing
from yuanlu.people.rules import demand
from yuanlu.people.stepup import Act
from yuanlu.web.parts.calls import PUBLIC, STEP_UP, Answer, Call, Route
from yuanlu.web.parts.key_shapes import (
    DeviceWish,
    EnrolmentTold,
    EnrolmentWish,
    GraceWish,
    KeyMadeTold,
    KeysTold,
    KeysWish,
    KeyTold,
    KeyWish,
    SecretsTold,
    SecretsWish,
    TillClosedTold,
    enrolment_told,
    key_told,
    made_told,
    secret_told,
)


def _sure(call: Call, act_of: Callable[[Key], Act]) -> Decides:
    """Decides only where whoever calls is sure of it."""
    return partial(signing.decide, call.office.desk, call.sure, act_of, call.merchant_id)


def _made(row: Key) -> Act:
    return Act("key", row.id, payee=row.scopes or "whole")


async def make(call: Call) -> Answer:
    """Make a key. Its secret is in this answer and in no other; asking again with the same id gives the key without it.

    Nobody makes a key that acts as another person.
    """
    wish: KeyWish = call.wish
    ask = KeyAsk(
        merchant_id=call.merchant_id,
        id=wish.id,
        actor=call.who if wish.mine else wish.actor,
        who=call.who,
        scopes=tuple(wish.scopes),
        until=_aware(wish.until),
        staff_id=call.who if wish.mine else "",
    )
    made = await flow.make(call.office.desk, ask, _sure(call, _made))
    return 201 if made.secret else 200, made_told(made, call.office.clock.now())


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


async def page(call: Call) -> Answer:
    """The merchant's keys, those that ended too, oldest first. No secret is among them."""
    wish: KeysWish = call.query
    now = call.office.clock.now()
    found = await store.of_merchant(call.office.pools.recorder, call.merchant_id, wish.after, wish.limit + 1)
    items = [key_told(each.key, now, each.used_at) for each in found[: wish.limit]]
    return 200, KeysTold(items=items, next=items[-1].id if len(found) > wish.limit else None)


async def rotate(call: Call) -> Answer:
    """Give a key a new secret, told this once. The old one counts until the grace is over."""
    wish: GraceWish = call.wish
    grace = timedelta(seconds=wish.grace_seconds)
    decide = _sure(call, lambda row: Act("rotate", row.id))
    made = await flow.rotate(call.office.desk, call.merchant_id, call.id(Kind.KEY), grace, call.who, decide)
    return 200, made_told(made, call.office.clock.now())


async def end(call: Call) -> Answer:
    """End a key: within a second it opens nothing."""
    key = await flow.end(call.office.desk, call.merchant_id, call.id(Kind.KEY), call.who)
    return 200, key_told(key, call.office.clock.now())


async def secrets(call: Call) -> Answer:
    """What secrets the merchant has, and when they end. What they are is told nowhere."""
    wish: SecretsWish = call.query
    found = await keyring.page(call.office.pools.reader, call.merchant_id, wish.after, wish.limit + 1)
    items = [secret_told(each) for each in found[: wish.limit]]
    return 200, SecretsTold(items=items, next=items[-1].name if len(found) > wish.limit else None)


async def _demand_till(call: Call) -> str:
    """The till in the path, if whoever calls may enrol there.

    Raises Denied: till.unknown, staff.not_allowed, staff.other_store.
    """
    till = await call.office.desk.see(store.till_by_id(call.merchant_id, call.id(Kind.TILL)))
    if till is None:
        raise Denied("till.gone")
    demand(call.by, "enrol", till.store_id)
    return till.id


async def invite(call: Call) -> Answer:
    """Make the code with which one device becomes this till, within 15 minutes and once."""
    wish: EnrolmentWish = call.wish
    till_id = await _demand_till(call)
    decide = _sure(call, lambda row: Act("enrol", row.till_id, payee=row.scopes or "whole"))
    made = await flow.invite(call.office.desk, call.merchant_id, till_id, call.who, tuple(wish.scopes), decide)
    return 201, enrolment_told(made)


async def enrol(call: Call) -> Answer:
    """Become a till: bring the code and a public key. The token in the answer counts with this device's signature.

    Asked without a key: the code is what counts.
    """
    wish: DeviceWish = call.wish
    made = await flow.enrol(call.office.desk, wish.code, wish.public_key)
    return 201, made_told(made, call.office.clock.now())


async def close(call: Call) -> Answer:
    """Close a till for good: its keys end, and nothing is charged there any more."""
    till_id = await _demand_till(call)
    till = await flow.close(call.office.desk, call.merchant_id, till_id, call.who)
    return 200, TillClosedTold(id=till.id, closed_at=till.closed_at)


_NO = ("staff.not_allowed", "key.out_of_scope")

ROUTES = (
    Route(
        method="POST",
        path="/v1/keys",
        verb=make,
        may="keys",
        says="Make a key",
        takes=KeyWish,
        gives=KeyMadeTold,
        statuses=(201, 200),
        denied=(*_NO, "id.invalid", "key.actor_empty", "key.scope_unknown", "key.until_past", "key.id_taken", *STEP_UP),
        example={"id": "YK01KATE3S4000000000000000042", "actor": "stock system", "scopes": ["read", "report"]},
    ),
    Route(
        method="GET",
        path="/v1/keys",
        verb=page,
        may="keys",
        says="Keys, oldest first",
        query=KeysWish,
        gives=KeysTold,
        denied=_NO,
    ),
    Route(
        method="GET",
        path="/v1/secrets",
        verb=secrets,
        may="keys",
        says="Secrets and certificates, and when they end",
        query=SecretsWish,
        gives=SecretsTold,
        denied=_NO,
    ),
    Route(
        method="POST",
        path="/v1/keys/{key}/rotate",
        verb=rotate,
        may="keys",
        says="Give a key a new secret",
        takes=GraceWish,
        gives=KeyMadeTold,
        denied=(*_NO, "key.unknown", "key.rotating", "key.grace", "key.of_till", *STEP_UP),
        example={"grace_seconds": 86400},
    ),
    Route(
        method="POST",
        path="/v1/keys/{key}/end",
        verb=end,
        may="keys",
        says="End a key",
        gives=KeyTold,
        denied=(*_NO, "key.unknown"),
    ),
    Route(
        method="POST",
        path="/v1/tills/{till}/enrolment",
        verb=invite,
        may="enrol",
        says="Make the code that enrols a till",
        takes=EnrolmentWish,
        gives=EnrolmentTold,
        statuses=(201,),
        denied=(*_NO, "staff.other_store", "till.gone", "till.unknown", *STEP_UP),
        example={"scopes": ["charge", "read", "report"]},
    ),
    Route(
        method="POST",
        path="/v1/tills/{till}/close",
        verb=close,
        may="enrol",
        says="Close a till for good",
        gives=TillClosedTold,
        denied=(*_NO, "staff.other_store", "till.gone", "till.unknown"),
    ),
    Route(
        method="POST",
        path="/v1/enrolments",
        verb=enrol,
        may=PUBLIC,
        is_open=True,
        says="Become a till, with a code",
        takes=DeviceWish,
        gives=KeyMadeTold,
        statuses=(201,),
        denied=("enrolment.unknown", "enrolment.key"),
        example={
            "code": "7K2M-0QXV-4TJD",
            "public_key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9kA2Cbs+UxgdNfVcEOBT3suoUnPs"
            "akP5MvvoEm90R3n6ooWM7f5r8PnLeOjjg7Jw+TxcSIDQFcBqjsusEf9+pg==",
        },
    ),
)
