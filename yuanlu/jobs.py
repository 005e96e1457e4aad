"""Durable work: when to look at which object again.

A job is one row a (merchant, name, object). It is written in the same commit as the change that asks for it. A worker
leases what is due, runs it and forgets it; a job may run twice, since every verb may. There are two kinds:

- a *schedule* (`payments.drive`) belongs to the object: only a Change moves it or ends it. Should a run end without
  writing a new time, the job comes again after a pause, ever longer: an open object is never forgotten.
- a *wake* (`….wake`) is somebody else's word to look now: it is gone once it has run.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

LEASE = timedelta(seconds=60)
PAUSE_FIRST = timedelta(seconds=2)
PAUSE_MAX = timedelta(minutes=15)

_LEASE = """
with due as (
  select merchant_id, name, object_id from jobs
  where run_at <= $1 and (lease_until is null or lease_until <= $1)
  order by run_at limit $2 for update skip locked
)
update jobs j set lease_until = $3, lease_token = $4, attempts = least(j.attempts + 1, 1000)
from due where j.merchant_id = due.merchant_id and j.name = due.name and j.object_id = due.object_id
returning j.merchant_id, j.name, j.object_id, j.attempts
"""
_LEASE_OF = """
with due as (
  select merchant_id, name, object_id from jobs
  where merchant_id = $5 and object_id = any($6) and run_at <= $1 and (lease_until is null or lease_until <= $1)
  order by run_at limit $2 for update skip locked
)
update jobs j set lease_until = $3, lease_token = $4, attempts = least(j.attempts + 1, 1000)
from due where j.merchant_id = due.merchant_id and j.name = due.name and j.object_id = due.object_id
returning j.merchant_id, j.name, j.object_id, j.attempts
"""
_DUE_OF = "select count(*) from jobs where merchant_id = $2 and object_id = any($3) and run_at <= $1"
_FORGET = "delete from jobs where merchant_id = $1 and name = $2 and object_id = $3 and lease_token = $4"
_AGAIN = """
update jobs set run_at = $5, lease_until = null, lease_token = null
where merchant_id = $1 and name = $2 and object_id = $3 and lease_token = $4
"""
_RENEW = """
update jobs set lease_until = $5
where merchant_id = $1 and name = $2 and object_id = $3 and lease_token = $4
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job. `token` proves the lease: whoever moved the job meanwhile has taken it away."""

    merchant_id: str
    name: str
    object_id: str
    attempts: int
    token: str

    @property
    def is_wake(self) -> bool:
        return self.name.endswith(".wake")


async def lease(pool: asyncpg.Pool[Any], at: datetime, most: int) -> Sequence[Job]:
    """Take up to `most` jobs that are due, for a while; nobody else gets them meanwhile."""
    token = secrets.token_hex(8)
    rows = await pool.fetch(_LEASE, at, most, at + LEASE, token)
    return _leased(rows, token)


async def lease_of(
    pool: asyncpg.Pool[Any], at: datetime, most: int, merchant_id: str, objects: Sequence[str]
) -> Sequence[Job]:
    """Take what is due of some objects only: for whoever stands waiting for them."""
    token = secrets.token_hex(8)
    rows = await pool.fetch(_LEASE_OF, at, most, at + LEASE, token, merchant_id, list(objects))
    return _leased(rows, token)


async def due_of(pool: asyncpg.Pool[Any], at: datetime, merchant_id: str, objects: Sequence[str]) -> int:
    """How much is due of some objects, whoever is at it."""
    due: int = await pool.fetchval(_DUE_OF, at, merchant_id, list(objects))
    return due


def _leased(rows: Sequence[Any], token: str) -> Sequence[Job]:
    return [Job(row["merchant_id"], row["name"], row["object_id"], row["attempts"], token) for row in rows]


async def renew(pool: asyncpg.Pool[Any], job: Job, at: datetime) -> None:
    """Keep a lease while its job is still running."""
    await pool.execute(_RENEW, job.merchant_id, job.name, job.object_id, job.token, at + LEASE)


async def finish(pool: asyncpg.Pool[Any], job: Job, at: datetime, *, failed: bool = False) -> None:
    """A run has ended. What a Change has rescheduled or ended meanwhile is left as it is."""
    if job.is_wake and not failed:
        await pool.execute(_FORGET, job.merchant_id, job.name, job.object_id, job.token)
        return
    pause = min(PAUSE_FIRST * 2 ** min(job.attempts - 1, 12), PAUSE_MAX)
    await pool.execute(_AGAIN, job.merchant_id, job.name, job.object_id, job.token, at + pause)
