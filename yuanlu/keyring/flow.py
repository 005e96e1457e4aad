"""Looking through a merchant's secrets: what is new, turned over, gone, or ends soon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import asyncpg
import structlog

from yuanlu.change import Change, Stay
from yuanlu.config import Settings
from yuanlu.desk import Desk
from yuanlu.keyring import files, rules, store
from yuanlu.keyring.files import OpenFile
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
            if seen is None or seen.gone_at is not None:
                continue
            each = replace(each, mark=seen.mark, ends_at=seen.ends_at)  # noqa: PLW2901 - what is known of it still ends
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


async def open_files(settings: Settings, pool: asyncpg.Pool[Any]) -> Sequence[OpenFile]:
    """The key files, the installation's own and those of channel accounts, that others than their owner may read.

    Each is a warning in the log. Raises Busy while the database is away.
    """
    named = {**files.own_files(settings), **await store.key_files(pool)}
    found = await asyncio.to_thread(files.open_files, named)
    for each in found:
        log.warning("key_file.open", **each.told, do=f"chmod 600 {each.path}")
    return found


def warn_of_ends(certificates: Iterable[Found], at: datetime) -> None:
    """Warn in the log of the installation's own certificates that end soon: they are no merchant's and have no fact."""
    for each in (each for each in certificates if rules.due(each.ends_at, at) is not None):
        log.warning("secret.ending", name=each.name, ends_at=each.ends_at, days=rules.due(each.ends_at, at))


async def _found(desk: Desk, merchant_id: str, pool: asyncpg.Pool[Any]) -> list[Found]:
    found = await store.in_database(pool, merchant_id, desk.clock.now())
    for channel, account in (await desk.see(merchants.channels_of(merchant_id))).items():
        config = await account.opened(desk.sealed)
        found += await asyncio.to_thread(_of_channel, channel, config, desk)
    return found


def _of_channel(channel: str, config: dict[str, Any], desk: Desk) -> list[Found]:
    return list(store.of_channel(channel, config, lambda text: desk.mark(f"keyring\x1f{text}")))
