"""Practice at tills: what was done, told by the till; one's own record, or that of somebody one teaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.training import flow, rules, store
from yuanlu.training.ground import Scene
from yuanlu.training.rules import SECONDS_MAX, DrillAsk, Outcome
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Wish

DrillId = Annotated[str, Meta(pattern=f"^ZD{_ID}{END}", examples=["ZD01KATE3S4000000000000000000"])]


class DrillWish(Wish):
    """A drill that whoever asks has done, as the till saw it."""

    id: DrillId
    drill: Annotated[str, Meta(min_length=1, max_length=40)]
    outcome: Outcome
    seconds: Annotated[int, Meta(ge=0, le=SECONDS_MAX)]
    mistake: Annotated[str, Meta(max_length=80)] = ""


class PracticeWish(Wish):
    """The drill that somebody is about to do."""

    drill: Annotated[str, Meta(min_length=1, max_length=40)]


class DrillTold(Struct, frozen=True, kw_only=True):
    """A drill that was done."""

    id: str
    account: str
    drill: str
    outcome: str
    seconds: int
    mistake: str
    done_at: datetime


class DrillsOfWish(Wish):
    """Whose record; empty: one's own."""

    account: Annotated[str, Meta(max_length=64)] = ""


class RecordTold(Struct, frozen=True, kw_only=True):
    """What somebody did of a drill. `best`: the fewest seconds in which it was right; null: it never was, in time."""

    drill: str
    tries: int
    right_at: datetime | None
    best: int | None
    last_at: datetime


class RecordsTold(Struct, frozen=True, kw_only=True):
    """What somebody practised. `called_for`: the drills that mend what lately went wrong with their charges."""

    account: str
    items: Sequence[RecordTold]
    called_for: Sequence[str]


async def written(call: Call) -> Answer:
    """Write down a drill that was done."""
    wish: DrillWish = call.wish
    ask = DrillAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.DRILL),
        who=call.who,
        drill=wish.drill,
        outcome=wish.outcome,
        seconds=wish.seconds,
        mistake=wish.mistake,
    )
    done = await flow.written(call.office.desk, ask)
    row = done.row
    told = DrillTold(
        id=row.id,
        account=row.account,
        drill=row.drill,
        outcome=row.outcome,
        seconds=row.seconds,
        mistake=row.mistake,
        done_at=row.done_at,
    )
    return 201 if done.changed else 200, told


async def practise(call: Call) -> Answer:
    """Set the scene of a drill on the practice ground, for whoever is about to do it."""
    wish: PracticeWish = call.wish
    if wish.drill not in {each["id"] for each in rules.drills()}:
        raise Denied("drill.unknown", drill=wish.drill)
    return 201, await call.office.ground.scene(wish.drill)


async def own(call: Call) -> Answer:
    """What whoever asks practised, and what their charges call for."""
    return await _record(call, call.who)


async def of(call: Call) -> Answer:
    """The same of somebody else, for who teaches."""
    wish: DrillsOfWish = call.query
    return await _record(call, wish.account or call.who)


async def _record(call: Call, account: str) -> Answer:
    pool, now = call.office.pools.reader, call.office.desk.clock.now()
    done = await store.records(pool, call.merchant_id, account)
    errors = await store.errors(pool, call.merchant_id, account, now)
    items = [
        RecordTold(drill=each.drill, tries=each.tries, right_at=each.right_at, best=each.best, last_at=each.last_at)
        for each in done
    ]
    return 200, RecordsTold(account=account, items=items, called_for=rules.called_for(done, errors))


ROUTES = (
    Route(
        method="POST",
        path="/v1/practice",
        may="own",
        verb=practise,
        says="Set the scene of a drill on the practice ground",
        takes=PracticeWish,
        gives=Scene,
        statuses=(201,),
        denied=("drill.unknown", "practice.off", "practice.starting", "practice.away"),
        example={"drill": "extra_zero"},
    ),
    Route(
        method="POST",
        path="/v1/drills",
        may="own",
        verb=written,
        says="Write down a drill that was done at a till",
        takes=DrillWish,
        gives=DrillTold,
        statuses=(201, 200),
        denied=("id.invalid", "drill.unknown", "drill.id_taken"),
        example={"id": "ZD01KATE3S4000000000000000000", "drill": "extra_zero", "outcome": "right", "seconds": 9},
    ),
    Route(
        method="GET",
        path="/v1/drills",
        may="own",
        verb=own,
        says="What you practised, and which drills your mistakes call for",
        gives=RecordsTold,
    ),
    Route(
        method="GET",
        path="/v1/drills/of",
        may="teach",
        verb=of,
        says="What somebody practised, and which drills their mistakes call for",
        query=DrillsOfWish,
        gives=RecordsTold,
    ),
)
