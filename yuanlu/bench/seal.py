"""How long it takes to seal a field and to open it, beside the cipher alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from yuanlu.bench.measure import Figure, Size, against, cpu_of, median
from yuanlu.postgres import Server
from yuanlu.seal import Sealed

TEXT = "顾客说：我扫错了码，请原路退回 138.00 元。电话 13800000000，下午三点以后可以接听。"


async def seal(_: Server, size: Size) -> list[Figure]:
    """A field of some forty characters, as names, contacts and messages are."""
    key = AESGCM.generate_key(256)
    sealed = Sealed("YM", "YC", key)
    cipher, nonce, bound_to, text = AESGCM(key), os.urandom(12), b"YM/YC", TEXT.encode()
    shut = sealed.seal(TEXT)
    assert sealed.open(shut) == TEXT
    rounds = [
        tuple(
            _each(act, size.changes)
            for act in (
                lambda: cipher.encrypt(nonce, text, bound_to),
                lambda: sealed.seal(TEXT),
                lambda: sealed.open(shut),
            )
        )
        for _ in range(size.rounds)
    ]
    floor, sealing, opening = (median([each[side] for each in rounds]) for side in range(3))
    return [
        Figure(name=name, unit="us", **against(floor, value), cpu_us=value)
        for name, value in (("seal", sealing), ("seal_open", opening))
    ]


def _each(act: Callable[[], object], number: int) -> float:
    """Microseconds of CPU one act takes."""
    began, cpu = time.perf_counter(), cpu_of(os.getpid())
    for _ in range(number):
        act()
    return (cpu_of(os.getpid()) - cpu or time.perf_counter() - began) / number * 1e6
