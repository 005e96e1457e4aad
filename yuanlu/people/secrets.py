"""Passwords as hashes: Argon2id, off the event loop.

Source: OWASP Password Storage Cheat Sheet, Argon2id: 19 MiB, 2 passes, 1 lane.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from yuanlu.people import signin

T = TypeVar("T")

HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
AT_ONCE = 2
"""More at once would not be sooner, only take more memory: a flood of tries waits, and nothing else does."""

NOBODYS = HASHER.hash("nobody's password")
"""What a password is compared with where there is none: whoever is unknown costs the same as who is known."""

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")


async def _beside(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)


def _verified(hashed: str, password: str) -> bool:
    try:
        return HASHER.verify(hashed or NOBODYS, password) and bool(hashed)
    except (VerificationError, InvalidHashError):
        return False


async def is_password(hashed: str, password: str) -> bool:
    """Whether this is the password of that hash; with no hash the same work is done, and it is not."""
    return await _beside(lambda: _verified(hashed, signin.tidied(password)))


async def pin_hashed(mark: str) -> str:
    """The hash of a PIN. `mark`: our keyed hash of it, since six digits alone would be found by trying them all."""
    return await _beside(lambda: HASHER.hash(mark))


async def hashed(password: str, past: tuple[str, ...] = ()) -> str:
    """The hash of a new password.

    Raises Denied: signin.password_used (one of `past`), and what `signin.demand_good` raises.
    """

    def work() -> str:
        tidy = signin.tidied(password)
        signin.demand_good(tidy)
        signin.demand_new(any(_verified(each, tidy) for each in past))
        return HASHER.hash(tidy)

    return await _beside(work)
