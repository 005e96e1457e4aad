"""Being sure of one act: step-ups."""

from __future__ import annotations

from yuanlu.people import signing
from yuanlu.people.stepup import Act
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.proving import PASSKEY_DENIED, PEOPLE, site_of
from yuanlu.web.parts.signin import (
    AskedTold,
    StepUpActWish,
    StepUpTold,
    StepUpWish,
)

_ACT_EXAMPLE = {
    "verb": "refund",
    "object": "YR01KATE3S400000000000000000F",
    "amount_fen": 128000,
    "payee": "YP01KATE3S40000000000000000S8",
}


def _act(wish: StepUpActWish) -> Act:
    return Act(wish.verb, wish.object, wish.amount_fen, wish.payee)


async def ask_step_up(call: Call) -> Answer:
    """What a browser is asked to be sure of one act by passkey."""
    asked = await signing.ask_step_up(call.office.desk, site_of(call), call.merchant_id, call.who, _act(call.wish))
    return 200, AskedTold(options=asked)


async def step_up(call: Call) -> Answer:
    """Be sure of one act, by a code or a passkey: exactly this verb, object, amount and payee, once."""
    wish: StepUpWish = call.wish
    desk, act = call.office.desk, _act(wish)
    if wish.credential:
        where = site_of(call)
        row = await signing.step_up_by_passkey(desk, where, call.merchant_id, call.who, act, wish.credential)
    else:
        row = await signing.step_up_by_code(desk, call.merchant_id, call.who, act, wish.code)
    return 201, StepUpTold(id=row.id, by=row.by.value, until=row.until)


ROUTES = (
    Route(
        method="POST",
        path="/v1/step-ups/options",
        verb=ask_step_up,
        may="own",
        says="What a browser is asked to be sure of one act",
        takes=StepUpActWish,
        gives=AskedTold,
        denied=("signin.no_passkey", "passkey.no_site", *PEOPLE),
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
        denied=("signin.code_wrong", "signin.refused", *PASSKEY_DENIED, *PEOPLE),
        example={**_ACT_EXAMPLE, "code": "123456"},
    ),
)
