"""The load, as a process of its own so that its CPU is not counted as ours: `python -m yuanlu.bench.load`.

Reads one JSON object from stdin: `url, key, till, code, payments, callers`. Charges that many payments, each caller
one behind the other over a kept connection. Writes one JSON object: `seconds`, `waits[]` (seconds each took), and
`states{}` (how many ended in which).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from typing import Any

import aiohttp
import msgspec
import uvloop

from yuanlu import ids


async def charge(work: dict[str, Any]) -> dict[str, Any]:
    """Charge the payments."""
    numbers = iter(range(work["payments"]))
    waits: list[float] = []
    states: Counter[str] = Counter()
    amounts = itertools.cycle(range(100, 5100))  # one code at one till for one amount is one payment at a time
    headers = {"Authorization": f"Bearer {work['key']}", "Content-Type": "application/json"}

    async def caller(session: aiohttp.ClientSession) -> None:
        for _ in numbers:
            wish = {
                "id": ids.new(ids.Kind.PAYMENT),
                "till": work["till"],
                "amount_fen": next(amounts),
                "code": work["code"],
            }
            began = time.perf_counter()
            async with session.post(f"{work['url']}/v1/payments", data=msgspec.json.encode(wish)) as answer:
                told = msgspec.json.decode(await answer.read())
            waits.append(time.perf_counter() - began)
            states[told.get("state") or f"{answer.status} {told.get('code')}"] += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:
        began = time.perf_counter()
        await asyncio.gather(*(caller(session) for _ in range(work["callers"])))
        return {"seconds": time.perf_counter() - began, "waits": waits, "states": states}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(charge(json.load(sys.stdin)))))
