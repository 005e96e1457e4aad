"""Looking through a merchant's secrets: what is new, turned over, gone, or ends soon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import asyncpg
import structlog

from yuanlu.change import Change, Stay
from yuanlu.desk import Desk
from yuanlu.keyring import rules, store
from yuanlu.keyring.rules import Found, Secret
from yuanlu.merchants import store as merchants

log = structlog.get_logger(__name__)


async def look(desk: Desk, merchant_id: str, who: str, pool: asyncpg.Pool[Any]) -> Sequence[Secret]:
    """Look through all secrets of a merchant and write down what changed, and what ends soon; answers them.

    Raises Busy while the database or the key service is away; Denied: seal.forgotten.
    """
    found = await _found(desk, merchant_id, pool)
    known = await store.known(pool, merchant_id)
    now, rows = desk.clock.now(), []
    for each in found:
        seen = known.get(each.name)
        if not each.mark:
            log.warning("secret.unreadable", merchant=merchant_id, name=each.name)
            rows += [seen] if seen is not None else []
            continue
        decided = rules.note(merchant_id, each, who, seen, now)
        if isinstance(decided, Stay):
            rows.append(decided.row)
            continue
        rows.append(await _noted(desk, merchant_id, each, who, seen))
    names = {each.name for each in found}
    for row in known.values():
        if row.id not in names and row.gone_at is None:
            await desk.decide(store.by_id(merchant_id, row.id), partial(_lost, who))
    return rows


def _lost(who: str, seen: Secret | None, now: Any) -> Change[Secret] | Stay[Secret]:
    assert seen is not None  # rows are never taken away
    return rules.lose(who, seen, now)


async def _noted(desk: Desk, merchant_id: str, found: Found, who: str, seen: Secret | None) -> Secret:
    rule = partial(rules.note, merchant_id, found, who)
    row = (await desk.decide(store.by_id(merchant_id, found.name), rule)).row
    if row.warned_days is not None and (seen is None or seen.warned_days != row.warned_days):
        log.warning("secret.ending", merchant=merchant_id, name=row.id, ends_at=row.ends_at, days=row.warned_days)
    return row


async def _found(desk: Desk, merchant_id: str, pool: asyncpg.Pool[Any]) -> list[Found]:
    found = await store.in_database(pool, merchant_id, desk.clock.now())
    for channel, account in (await desk.see(merchants.channels_of(merchant_id))).items():
        config = await account.opened(desk.sealed)
        found += await asyncio.to_thread(_of_channel, channel, config, desk)
    return found


def _of_channel(channel: str, config: dict[str, Any], desk: Desk) -> list[Found]:
    return list(store.of_channel(channel, config, lambda text: desk.mark(f"keyring\x1f{text}")))
