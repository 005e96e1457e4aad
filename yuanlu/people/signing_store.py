"""Signing in: what to read by which key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

import asyncpg

from yuanlu.change import Row
from yuanlu.merchants.store import ApiKey
from yuanlu.merchants.tenants import PLATFORM
from yuanlu.people.passkeys import Passkey
from yuanlu.people.rules import Staff
from yuanlu.people.signin import IDLE, PIN_SCOPES, Credential, Session, Tries
from yuanlu.people.stepup import Proof, StepUp
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

R = TypeVar("R", bound=Row)
Found = Sequence[Sequence[Mapping[str, Any]]]


def _columns(row_type: type[Row]) -> str:
    return ", ".join(f"t.{each.name}" for each in fields(row_type))


CREDENTIAL, SESSION, TRIES, PASSKEY, STEP_UP = (
    rows_by_id(each) for each in (Credential, Session, Tries, Passkey, StepUp)
)
OF_PERSON = over_keys(
    f"select k.place, {_columns(Staff)} from keys k join credentials c on c.id = k.a"
    " join staff t on t.merchant_id = c.merchant_id and t.id = c.id"
)
SESSION_KEY = over_keys(
    "select k.place, t.merchant_id, t.id, t.digest, t.seen_at, t.ends_at, t.key_id, s.id as actor, s.role,"
    " least(s.until, a.until) as until, coalesce(i.store_id, s.store_id) as store_id,"
    " coalesce(i.id, '') as till_id, coalesce(a.public_key, '') as public_key"
    " from keys k join sessions t on t.id = k.a"
    " join staff s on s.merchant_id = t.merchant_id and s.id = t.staff_id"
    " left join api_keys a on a.merchant_id = t.merchant_id and a.id = t.key_id and a.revoked_at is null"
    " left join tills i on i.merchant_id = a.merchant_id and i.id = a.till_id and i.closed_at is null"
    " where t.ended_at is null and (t.key_id = '' or i.id is not null and s.store_id in ('', i.store_id))"
)
PASSKEYS_OF = over_keys(
    f"select k.place, {_columns(Passkey)} from keys k"
    " join passkeys t on t.merchant_id = k.merchant_id and t.staff_id = k.a where t.ended_at is null"
)
BY_HANDLE = over_keys(
    f"select k.place, {_columns(Passkey)} from keys k"
    " join passkeys t on t.handle = k.d and t.merchant_id = k.merchant_id"
)
SESSION_OF_PROOF = over_keys(
    "select k.place from keys k join sessions t on t.proof = k.d and t.merchant_id = k.merchant_id where k.d <> ''"
)
STEP_UP_OF_PROOF = over_keys(
    "select k.place from keys k join step_ups t on t.proof = k.d and t.merchant_id = k.merchant_id where k.d <> ''"
)
SPENT = over_keys("select k.place from keys k join step_ups_spent t on t.merchant_id = k.merchant_id and t.id = k.a")
HAS_SECOND = over_keys(
    "select k.place, exists (select 1 from credentials c where c.merchant_id = k.merchant_id and c.id = k.a"
    " and c.totp <> '') or exists (select 1 from passkeys p where p.merchant_id = k.merchant_id and p.staff_id = k.a"
    " and p.ended_at is null) as has_second from keys k"
)
_OPEN = (
    f"select {_columns(Session)} from sessions t where t.merchant_id = $1 and t.staff_id = $2"
    " and t.ended_at is null and t.ends_at > $3 and (t.seen_at > $4 or t.key_id <> '') order by t.id limit $5"
)
_AT_TILL = (
    f"select {_columns(Session)} from sessions t where t.merchant_id = $1 and t.key_id = $2"
    " and t.ended_at is null and t.id < $3 order by t.id limit $4"
)
_OFFER = """
  insert into first_owners (staff_id, digest, until)
  select $1, $2, $3 where not exists (select 1 from staff where merchant_id <> $4)
    and (select count(*) from merchants where merchant_id <> $4) < 2 returning 1
"""
_OFFERED = """
  select exists (select 1 from first_owners where staff_id = $1 and digest = $2 and until > $3)
    and not exists (select 1 from staff where merchant_id <> $4)
"""
_TAKE = f"delete from first_owners where ({_OFFERED}) returning 1"


def _one(row_type: type[R], found: Sequence[Mapping[str, Any]]) -> R | None:
    return maker(row_type)(found[0]) if found else None


def credential(merchant_id: str, staff_id: str) -> View[Credential | None]:
    """What a person proves themselves by."""
    return View((Read(CREDENTIAL, merchant_id, staff_id),), lambda found: _one(Credential, found[0]))


def person(staff_id: str) -> View[Staff | None]:
    """Who signs in, of whatever merchant."""
    return View((Read(OF_PERSON, "", staff_id),), lambda found: _one(Staff, found[0]))


def tries(merchant_id: str, tries_id: str) -> View[Tries | None]:
    """How often was tried."""
    return View((Read(TRIES, merchant_id, tries_id),), lambda found: _one(Tries, found[0]))


def session(merchant_id: str, session_id: str) -> View[Session | None]:
    """One session."""
    return View((Read(SESSION, merchant_id, session_id),), lambda found: _one(Session, found[0]))


def new_session(merchant_id: str, session_id: str, proof: str) -> View[tuple[Session | None, bool]]:
    """What a new session is decided on: itself, and whether its proof opened one."""
    reads = (Read(SESSION, merchant_id, session_id), Read(SESSION_OF_PROOF, merchant_id, d=proof))
    return View(reads, lambda found: (_one(Session, found[0]), bool(found[1])))


def passkeys(merchant_id: str, staff_id: str) -> View[list[Passkey]]:
    """A person's passkeys that count."""
    make = maker(Passkey)
    return View((Read(PASSKEYS_OF, merchant_id, staff_id),), lambda found: [make(row) for row in found[0]])


def passkey_by_id(merchant_id: str, passkey_id: str) -> View[Passkey | None]:
    """One passkey."""
    return View((Read(PASSKEY, merchant_id, passkey_id),), lambda found: _one(Passkey, found[0]))


def passkey(merchant_id: str, handle: str) -> View[Passkey | None]:
    """The passkey that says this of itself."""
    return View((Read(BY_HANDLE, merchant_id, d=handle),), lambda found: _one(Passkey, found[0]))


def new_step_up(merchant_id: str, step_up_id: str, proof: str) -> View[tuple[StepUp | None, bool]]:
    """What a new step-up is decided on."""
    reads = (Read(STEP_UP, merchant_id, step_up_id), Read(STEP_UP_OF_PROOF, merchant_id, d=proof))
    return View(reads, lambda found: (_one(StepUp, found[0]), bool(found[1])))


def step_up(merchant_id: str, step_up_id: str) -> View[StepUp | None]:
    """One step-up."""
    return View((Read(STEP_UP, merchant_id, step_up_id),), lambda found: _one(StepUp, found[0]))


def proof_reads(merchant_id: str, staff_id: str, step_up_id: str) -> tuple[Read, ...]:
    """What is read beside the ground of an act that may need a step-up."""
    return (
        Read(HAS_SECOND, merchant_id, staff_id),
        Read(STEP_UP, merchant_id, step_up_id),
        Read(SPENT, merchant_id, step_up_id),
    )


def proof(found: Found) -> Proof:
    """The proof of these reads: whoever has a second factor must show it."""
    return Proof(bool(found[0][0]["has_second"]), _one(StepUp, found[1]), bool(found[2]))


@dataclass(frozen=True, slots=True)
class Way:
    """A session as a key: whom it acts for, its hash, and when it was last seen."""

    key: ApiKey
    digest: str
    seen_at: datetime


def session_key(session_id: str) -> View[Way | None]:
    """The session with this id as a key that acts for somebody. It counts until it, or they, end."""

    def make(found: Found) -> Way | None:
        if not found[0]:
            return None
        row = found[0][0]
        idle_at = None if row["key_id"] else row["seen_at"] + IDLE
        key = ApiKey(
            merchant_id=row["merchant_id"],
            id=row["id"],
            actor=row["actor"],
            role=row["role"],
            store_id=row["store_id"],
            until=min(each for each in (idle_at, row["ends_at"], row["until"]) if each is not None),
            scopes=PIN_SCOPES if row["key_id"] else "",
            till_id=row["till_id"],
            public_key=row["public_key"],
            signed_by=row["key_id"],
        )
        return Way(key, row["digest"], row["seen_at"])

    return View((Read(SESSION_KEY, "", session_id),), make)


async def open_sessions(
    pool: asyncpg.Pool[Any], merchant_id: str, staff_id: str, at: datetime, most: int
) -> list[Session]:
    """Where a person is signed in, oldest first."""
    rows = await pool.fetch(_OPEN, merchant_id, staff_id, at, at - IDLE, most)
    return [maker(Session)(row) for row in rows]


async def before_at_till(
    pool: asyncpg.Pool[Any], merchant_id: str, key_id: str, session_id: str, most: int
) -> list[Session]:
    """Who was signed in at a till before this session."""
    return [maker(Session)(row) for row in await pool.fetch(_AT_TILL, merchant_id, key_id, session_id, most)]


async def offer_first(pool: asyncpg.Pool[Any], staff_id: str, digest: str, until: datetime) -> bool:
    """Let this link make the first owner; not where there are people, or several merchants, already."""
    return await pool.fetchval(_OFFER, staff_id, digest, until, PLATFORM) is not None


async def is_first(pool: asyncpg.Pool[Any], staff_id: str, digest: str, at: datetime) -> bool:
    """Whether this link may still make the first owner."""
    return bool(await pool.fetchval(_OFFERED, staff_id, digest, at, PLATFORM))


async def take_first(pool: asyncpg.Pool[Any], staff_id: str, digest: str, at: datetime) -> bool:
    """Use this link up, and with it all others; of two at once one is told that it did."""
    return await pool.fetchval(_TAKE, staff_id, digest, at, PLATFORM) is not None
