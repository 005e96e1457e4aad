"""People: own limits, proposed by one and agreed to by another; and who may do what, to be looked through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta, Struct

from yuanlu.ids import Kind
from yuanlu.people import flow, review, signing, store
from yuanlu.people.limits import LimitTable, limits_of
from yuanlu.people.rules import LIMITS, Limit, Role
from yuanlu.people.stepup import Act
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import END, Nothing, Page, Wish

Fen = Annotated[int, Meta(ge=0, le=100_000_000_000)]


class LimitShape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one of a role may send back alone, in fen: at once, and in a day. null: anything."""

    item_fen: Fen | None
    day_fen: Fen | None


class LimitsWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole table of limits, by role: who is not in it sends nothing back."""

    id: str
    limits: Annotated[dict[str, LimitShape], Meta(max_length=9)]


class LimitsTold(Struct, frozen=True, kw_only=True):
    """A table of limits. Empty `id`: the built-in one."""

    id: str
    state: str
    limits: Mapping[str, LimitShape]
    proposed_by: str = ""
    proposed_at: datetime | None = None
    agreed_by: str = ""
    agreed_at: datetime | None = None


class LimitTablesTold(Struct, frozen=True, kw_only=True):
    """Tables of limits, newest first: proposed ones, and those that counted from `agreed_at` on."""

    items: Sequence[LimitsTold]
    next: str | None


class LimitTablesWish(Page):
    """Which tables."""

    state: Literal["", "PROPOSED", "AGREED"] = ""


class ReviewWish(Wish):
    """Whose: of everybody, or of who belongs to this store."""

    store: Annotated[str, Meta(pattern=f"^(YS[0-9A-Z]{{27}})?{END}")] = ""


class ReviewedTold(Struct, frozen=True, kw_only=True):
    """Somebody, or a key bound to nobody, who may act for the merchant."""

    who: str
    role: str
    store: str
    since: datetime
    may: Sequence[str]
    item_fen: int | None
    day_fen: int | None
    keys: Sequence[str]
    last_act_at: datetime | None
    look_at: Sequence[str]
    """Why somebody should look: `no_key` (nor a way to sign in), `unused` (nothing done for 90 days), `long_in_role` (a
    year in one role), `known_to_leaver` (a machine's key whose secret somebody was told who left since: rotate it)."""


class ReviewTold(Struct, frozen=True, kw_only=True):
    """Who may do what now."""

    at: datetime
    items: Sequence[ReviewedTold]


def _shape(limits: Mapping[Role, Limit]) -> Mapping[str, LimitShape]:
    return {role.value: LimitShape(item_fen=one.item_fen, day_fen=one.day_fen) for role, one in limits.items()}


def limits_told(row: LimitTable | None) -> LimitsTold:
    """A table as it is told; None: the built-in one."""
    if row is None:
        return LimitsTold(id="", state="AGREED", limits=_shape(LIMITS))
    return LimitsTold(
        id=row.id,
        state=row.state.value,
        limits=_shape(limits_of(row.content)),
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        agreed_by=row.agreed_by,
        agreed_at=row.agreed_at,
    )


async def in_force(call: Call) -> Answer:
    """The limits that count now."""
    return 200, limits_told(await call.office.desk.see(store.limits_in_force(call.merchant_id)))


async def tables(call: Call) -> Answer:
    """All tables there were, those that are only proposed too."""
    wish: LimitTablesWish = call.query
    pool = call.office.pools.reader
    found = await store.limit_tables(pool, call.merchant_id, wish.state, wish.after, wish.limit + 1)
    items = [limits_told(row) for row in found[: wish.limit]]
    return 200, LimitTablesTold(items=items, next=items[-1].id if len(found) > wish.limit else None)


async def propose(call: Call) -> Answer:
    """Write a table down; it counts once another person agrees."""
    wish: LimitsWish = call.wish
    limits = {name: Limit(one.item_fen, one.day_fen) for name, one in wish.limits.items()}
    done = await flow.propose_limits(call.office.desk, call.merchant_id, wish.id, limits, call.by)
    return 201 if done.changed else 200, limits_told(done.row)


def _agreed(row: LimitTable) -> Act:
    """What whoever agrees must be sure of: this very table."""
    return Act("agree_limit", row.id, payee=sha256(row.content.encode()).hexdigest())


async def agree(call: Call) -> Answer:
    """Put a table in force, as the second person."""
    desk = call.office.desk
    decide = partial(signing.decide, desk, call.sure, _agreed, call.merchant_id)
    row = await flow.agree_limits(desk, call.merchant_id, call.id(Kind.LIMITS), call.by, decide)
    return 200, limits_told(row)


async def reviewed(call: Call) -> Answer:
    """Who may do what, and what to look at."""
    at = call.office.clock.now()
    found = await review.reviewed(call.office.desk, call.office.pools.recorder, call.merchant_id, at, call.query.store)
    items = [
        ReviewedTold(
            who=one.who,
            role=one.role.value,
            store=one.store_id,
            since=one.since,
            may=one.may,
            item_fen=one.limit.item_fen,
            day_fen=one.limit.day_fen,
            keys=one.keys,
            last_act_at=one.last_act_at,
            look_at=one.look_at(at),
        )
        for one in found
    ]
    return 200, ReviewTold(at=at, items=items)


ROUTES = (
    Route(
        method="GET", path="/v1/limits", verb=in_force, may="see", says="Who may send back how much", gives=LimitsTold
    ),
    Route(
        method="GET",
        path="/v1/limits/tables",
        verb=tables,
        may="see",
        says="All tables of limits, proposed ones too",
        query=LimitTablesWish,
        gives=LimitTablesTold,
    ),
    Route(
        method="POST",
        path="/v1/limits",
        verb=propose,
        may="limit",
        says="Propose other limits",
        takes=LimitsWish,
        gives=LimitsTold,
        statuses=(201, 200),
        denied=("id.invalid", "limits.role", "limits.id_taken"),
        example={
            "id": "YI01KATE3S4000000000000000000",
            "limits": {
                "owner": {"item_fen": None, "day_fen": None},
                "manager": {"item_fen": 20_000, "day_fen": 200_000},
                "machine": {"item_fen": 5_000, "day_fen": 100_000},
            },
        },
    ),
    Route(
        method="POST",
        path="/v1/limits/{limits}/agree",
        verb=agree,
        may="agree_limit",
        says="Put proposed limits in force, as the second person",
        takes=Nothing,
        gives=LimitsTold,
        denied=("limits.unknown", "limits.same_person", *STEP_UP),
    ),
    Route(
        method="GET",
        path="/v1/staff/review",
        verb=reviewed,
        may="staff",
        says="Who may do what, since when, and what to look at",
        query=ReviewWish,
        gives=ReviewTold,
    ),
)
