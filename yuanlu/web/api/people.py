"""The people of a merchant: who works here and signs in by what and where; hiring, inviting, leaving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from yuanlu.clock import business_day
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import flow, signing, signing_store, store
from yuanlu.people.rules import OF_STAFF, Purse, Staff, demand_other, demand_over, stands_over, verbs
from yuanlu.people.stepup import Act
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.proving import PEOPLE, link
from yuanlu.web.parts.shapes import _ID, _LINE, END, Page, Wish
from yuanlu.web.parts.signin import EndedTold, SessionsTold, SessionTold, session_told

StaffId = Annotated[str, Meta(pattern=f"^YW{_ID}{END}", examples=["YW01KATE3S400000000000000061"])]
Hired = Literal["owner", "finance", "risk", "manager", "cashier", "trainee", "auditor"]
WAYS = ("password", "code", "passkey", "pin", "key")
"""What somebody may prove themselves by: a password, codes of an app, a passkey, a PIN at tills, an API key."""


class StaffAsked(Page):
    """Which people, by id. `left`: those who left too."""

    left: bool = False


class StaffWish(Wish):
    """Somebody to be hired. `store`: the only one they act in; empty: all of them.

    `id` is made by whoever asks, so that asking again is the same; the account of the person follows from it and from
    the merchant, and is another.
    """

    id: StaffId
    role: Hired
    name: Annotated[str, Meta(pattern=_LINE, min_length=1, max_length=64)]
    store: Annotated[str, Meta(pattern=f"^(YS{_ID})?{END}")] = ""


class InviteWish(Wish):
    """Whether their app, recovery codes and passkeys count no more either, once the invitation is taken up."""

    forgets_second: bool = False


class PlaceWish(Wish):
    """Another role, and another store: the only one they act in; empty: all of them."""

    role: Hired
    store: Annotated[str, Meta(pattern=f"^(YS{_ID})?{END}")] = ""


class StaffTold(Struct, frozen=True, kw_only=True):
    """Somebody on the staff. `name`: empty where it was forgotten. `ways`: what they prove themselves by: password,
    code, passkey, pin, key. `invited_until`: an invitation waits for them. `seen_at`: of their last session.
    `item_fen`, `day_fen`: what one of their role may send back alone, at once and in a day; null: anything."""

    id: str
    name: str
    role: str
    store: str
    store_name: str
    since: datetime
    until: datetime | None
    ways: Sequence[str]
    invited_until: datetime | None
    seen_at: datetime | None
    item_fen: int | None
    day_fen: int | None


class PersonTold(StaffTold, frozen=True, kw_only=True):
    """One of them, with the verbs of the table they have. `left_fen`: what is left of their day; null: anything.

    `may_end`, `may_invite`: whether whoever asks may do so with them now. `may_become`: the roles they
    may give them."""

    may: Sequence[str]
    left_fen: int | None
    may_end: bool
    may_invite: bool
    may_become: Sequence[str]


class StaffListTold(Struct, frozen=True, kw_only=True):
    """Some of the staff, who was hired first in front; `next` is what to go on behind.

    `may_hire`: the roles of people whom whoever asks may hire."""

    items: Sequence[StaffTold]
    next: str | None
    may_hire: Sequence[str]


class InvitationTold(Struct, frozen=True, kw_only=True):
    """A one-time way in, told this once. `link`: where a browser takes it up; what is behind `#` no server is told."""

    account: str
    token: str
    link: str
    until: datetime | None


_STAFF = """
  select s.merchant_id, s.id, s.version, s.role, s.name, s.store_id, s.since, s.until,
    coalesce(t.name, '') as store_name,
    coalesce(c.password <> '', false) as has_password, coalesce(c.totp <> '', false) as has_code,
    coalesce(c.pin <> '', false) as has_pin, c.invited_until,
    exists (select from passkeys p where p.merchant_id = s.merchant_id and p.staff_id = s.id and p.ended_at is null)
      as has_passkey,
    exists (select from api_keys k where k.merchant_id = s.merchant_id and k.staff_id = s.id and k.revoked_at is null)
      as has_key,
    (select w.seen_at from sessions w where w.merchant_id = s.merchant_id and w.staff_id = s.id
      order by w.id desc limit 1) as seen_at
  from staff s
  left join credentials c on c.merchant_id = s.merchant_id and c.id = s.id
  left join stores t on t.merchant_id = s.merchant_id and t.id = s.store_id
  where s.merchant_id = $1 and s.id > $2 and ($4 = '' or s.store_id = $4) and ($5 or s.until is null)
    and ($6 = '' or s.id = $6)
  order by s.id limit $3
"""


async def _found(
    call: Call, *, after: str = "", most: int = 1, left: bool = True, staff_id: str = ""
) -> Sequence[Mapping[str, Any]]:
    """People as rows. Raises Busy when the database stays away."""
    return await lists.read(
        call.office.pools.reader, call.merchant_id, _STAFF, call.merchant_id, after, most, call.by.store_id, left,
        staff_id,
    )  # fmt: skip


async def _told(call: Call, row: Mapping[str, Any], staff: Staff, purse: Purse) -> dict[str, Any]:
    limit, until = purse.of(staff.role), row["invited_until"]
    waits = staff.until is None and until is not None and until > call.office.clock.now()
    return {
        "id": staff.id,
        "name": await flow.name_of(call.office.desk, staff),
        "role": staff.role.value,
        "store": staff.store_id,
        "store_name": row["store_name"],
        "since": staff.since,
        "until": staff.until,
        "ways": [way for way in WAYS if row[f"has_{way}"]],
        "invited_until": until if waits else None,
        "seen_at": row["seen_at"],
        "item_fen": limit.item_fen,
        "day_fen": limit.day_fen,
    }


async def _purse(call: Call) -> Purse:
    """What the merchant's people may send back today."""
    return await call.office.desk.see(store.purse(call.merchant_id, business_day(call.office.clock.now())))


async def page(call: Call) -> Answer:
    """Who works here; to somebody of one store, who works there."""
    wish: StaffAsked = call.query
    purse = await _purse(call)
    rows = await _found(call, after=wish.after, most=wish.limit + 1, left=wish.left)
    items = [StaffTold(**await _told(call, row, store.made(row), purse)) for row in rows[: wish.limit]]
    behind = items[-1].id if len(rows) > wish.limit else None
    return 200, StaffListTold(items=items, next=behind, may_hire=_roles_below(call))


def _roles_below(call: Call) -> list[str]:
    return [role.value for role in OF_STAFF if stands_over(call.by.role, role)]


async def _one(call: Call, staff_id: str) -> PersonTold:
    rows = await _found(call, staff_id=staff_id)
    if not rows:
        raise Denied("staff.unknown")
    staff, purse = store.made(rows[0]), await _purse(call)
    may_end = staff.until is None and _is_over(call, staff)
    is_other = may_end and staff.id != call.who
    return PersonTold(
        **await _told(call, rows[0], staff, purse),
        may=verbs(staff.role, staff.store_id) if staff.until is None else [],
        left_fen=purse.left_fen(staff.person, call.office.clock.now()),
        may_end=may_end,
        may_invite=is_other,
        may_become=_roles_below(call) if is_other else [],
    )


def _is_over(call: Call, staff: Staff) -> bool:
    try:
        demand_over(call.by, staff.role, staff.store_id)
    except Denied:
        return False
    return True


async def one(call: Call) -> Answer:
    """One of the people: what they may do, how they sign in."""
    return 200, await _one(call, call.id(Kind.STAFF))


async def hire(call: Call) -> Answer:
    """Write a member of staff down. They have no way in until they are invited."""
    wish: StaffWish = call.wish
    await _demand_store(call, wish.store)
    done = await flow.hire(
        call.office.desk, call.merchant_id, wish.id, call.by, role=wish.role, name=wish.name, store_id=wish.store,
        decide=partial(signing.decide, call.office.desk, call.sure, partial(_sure_of, "hire"), call.merchant_id),
    )  # fmt: skip
    return 201 if done.changed else 200, await _one(call, done.row.id)


async def _demand_store(call: Call, store_id: str) -> None:
    if store_id and store_id not in await store.stores_called(call.office.pools.recorder, call.merchant_id, store_id):
        raise Denied("store.unknown", store=store_id)


def _sure_of(verb: str, row: Staff) -> Act:
    """What whoever hires or places somebody must be sure of: this role, there."""
    return Act(verb, row.id, payee=f"{row.role}{f':{row.store_id}' if row.store_id else ''}")


async def _below(call: Call) -> Staff:
    """The person in the path, if whoever calls stands over them.

    Role and store may change before it is decided: `end` and `place` look again there, `invite` afterwards; ended
    sessions do no harm.
    Raises Denied: staff.unknown; see `rules.demand_over`.
    """
    staff = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.STAFF)))
    if staff is None:
        raise Denied("staff.unknown")
    demand_over(call.by, staff.role, staff.store_id)
    return staff


async def invite(call: Call) -> Answer:
    """Give somebody a one-time way to a password or passkey: the first, or a new one. It is in this answer alone."""
    desk, staff = call.office.desk, await _below(call)
    demand_other(call.by, staff.id)
    token = await signing.invite(
        desk, call.merchant_id, staff.id, call.who, forgets_second=call.wish.forgets_second, sure=call.sure
    )
    try:
        await _below(call)
    except Denied:  # they were given another place meanwhile
        await signing.end_invitation(desk, call.merchant_id, staff.id, call.who)
        raise
    kept = await desk.see(signing_store.credential(call.merchant_id, staff.id))
    assert kept is not None
    return 201, InvitationTold(
        account=staff.id,
        token=token,
        link=link(call, token),
        until=kept.invited_until,
    )


async def end(call: Call) -> Answer:
    """Somebody leaves: at once and everywhere their sessions and keys open nothing any more."""
    desk, staff = call.office.desk, await _below(call)
    row = await flow.end(desk, call.merchant_id, staff.id, call.who, call.by)
    await signing.end_all(desk, call.office.pools.recorder, call.merchant_id, row.id, who=call.who)
    return 200, await _one(call, row.id)


async def place(call: Call) -> Answer:
    """Give somebody another role or store. It counts at once: their sessions end, and an invitation that waits."""
    wish: PlaceWish = call.wish
    desk, staff = call.office.desk, await _below(call)
    await _demand_store(call, wish.store)
    row = await flow.place(
        desk, call.merchant_id, staff.id, call.by, role=wish.role, store_id=wish.store,
        decide=partial(signing.decide, desk, call.sure, partial(_sure_of, "place"), call.merchant_id),
    )  # fmt: skip
    if row.version != staff.version:
        await signing.end_invitation(desk, call.merchant_id, row.id, call.who)
        await signing.end_all(desk, call.office.pools.recorder, call.merchant_id, row.id, who=call.who)
    return 200, await _one(call, row.id)


async def sessions(call: Call) -> Answer:
    """Where somebody is signed in, oldest first."""
    staff = await _below(call)
    found = await signing.sessions(call.office.desk, call.office.pools.recorder, call.merchant_id, staff.id)
    return 200, SessionsTold(items=[session_told(each, call.key.id) for each in found])


async def end_session(call: Call) -> Answer:
    """End one session of somebody, at once and everywhere; their others go on."""
    staff = await _below(call)
    done = await signing.end(call.office.desk, call.merchant_id, staff.id, call.id(Kind.SESSION), who=call.who)
    return 200, session_told(done, call.key.id)


async def sign_out(call: Call) -> Answer:
    """End all sessions of somebody; they may sign in again."""
    staff = await _below(call)
    desk, pool = call.office.desk, call.office.pools.recorder
    return 200, EndedTold(ended=await signing.end_all(desk, pool, call.merchant_id, staff.id, who=call.who))


_BELOW = ("staff.unknown", "staff.above", "staff.other_store", *PEOPLE)

ROUTES = (
    Route(
        method="GET",
        path="/v1/staff",
        verb=page,
        may="people",
        says="Who works here",
        query=StaffAsked,
        gives=StaffListTold,
        denied=PEOPLE,
    ),
    Route(
        method="POST",
        path="/v1/staff",
        verb=hire,
        may="hire",
        says="Hire somebody",
        takes=StaffWish,
        gives=PersonTold,
        statuses=(201, 200),
        denied=(
            "id.invalid", "staff.id_taken", "staff.above", "staff.other_store", "staff.name_empty", "store.unknown",
            *PEOPLE, *STEP_UP,
        ),
        example={"id": "YW01KATE3S400000000000000061", "role": "cashier", "name": "王芳"},
    ),
    Route(
        method="GET",
        path="/v1/staff/{staff}",
        verb=one,
        may="people",
        says="One of the people: what they may do, and how they sign in",
        gives=PersonTold,
        denied=("staff.unknown", *PEOPLE),
    ),
    Route(
        method="POST",
        path="/v1/staff/{staff}/invite",
        verb=invite,
        may="hire",
        says="Give somebody a one-time way in",
        takes=InviteWish,
        gives=InvitationTold,
        statuses=(201,),
        denied=("staff.oneself", *_BELOW, *STEP_UP),
        example={"forgets_second": False},
    ),
    Route(
        method="POST",
        path="/v1/staff/{staff}/end",
        verb=end,
        may="hire",
        says="Let somebody act for the merchant no more, at once and everywhere",
        gives=PersonTold,
        denied=("staff.last_owner", *_BELOW),
    ),
    Route(
        method="POST",
        path="/v1/staff/{staff}/place",
        verb=place,
        may="hire",
        says="Give somebody another role or store, at once and everywhere",
        takes=PlaceWish,
        gives=PersonTold,
        denied=("staff.own_place", "staff.last_owner", "store.unknown", *_BELOW, *STEP_UP),
        example={"role": "manager", "store": ""},
    ),
    Route(
        method="GET",
        path="/v1/staff/{staff}/sessions",
        verb=sessions,
        may="hire",
        says="Where somebody is signed in",
        gives=SessionsTold,
        denied=_BELOW,
    ),
    Route(
        method="POST",
        path="/v1/staff/{staff}/sessions/{session}/end",
        verb=end_session,
        may="hire",
        says="End one session of somebody",
        gives=SessionTold,
        denied=("session.unknown", *_BELOW),
    ),
    Route(
        method="POST",
        path="/v1/staff/{staff}/sign-out",
        verb=sign_out,
        may="hire",
        says="End all sessions of somebody",
        gives=EndedTold,
        denied=_BELOW,
    ),
)  # fmt: skip
