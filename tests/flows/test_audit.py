"""The audit chain over real books: complete, and nothing done to them behind its back stays unseen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from tests.flows.noticing import Noticing as Shop
from tests.flows.noticing import noticing
from yuanlu import worker
from yuanlu.audit import flow
from yuanlu.audit.chain import Anchor
from yuanlu.audit.flow import Verdict
from yuanlu.db import Database, Pools

AT_ONCE = timedelta(0)


@pytest.fixture
async def shop(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Shop]:
    async with noticing(database, pools, tmp_path) as made:
        yield made


async def verdict(shop: Shop, thief: asyncpg.Connection, *anchored: Anchor) -> Verdict:
    return await flow.verify(thief, shop.merchant_id, anchored)


def told(found: Verdict) -> list[str]:
    return [f"{each.wrong} {each.name.partition(' of ')[0]}" for each in found.problems]


async def chained(shop: Shop) -> int:
    return await flow.link(shop.pools.recorder, AT_ONCE)


async def test_everything_recorded_is_chained_once(shop: Shop, thief: asyncpg.Connection) -> None:
    payment = await shop.paid(1280)
    first = await chained(shop)
    assert first == await thief.fetchval("select (select count(*) from facts) + (select count(*) from moves)")
    assert await chained(shop) == 0
    await shop.paid(500)
    assert await chained(shop) > 0
    found = await verdict(shop, thief)
    assert (found.ok, found.pages) == (True, 2)
    assert found.lines == await thief.fetchval("select (select count(*) from facts) + (select count(*) from moves)")
    assert payment.id in await thief.fetchval("select lines from audit_pages order by number limit 1")


async def test_what_is_not_yet_complete_waits(shop: Shop, database: Database, thief: asyncpg.Connection) -> None:
    """A batch that began before others and ends after them must not be passed over."""
    slow = await shop.pools.recorder.acquire()
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.fetchval("select 1")
        await shop.paid(1280)
        assert await chained(shop) == 0
        await transaction.rollback()
    finally:
        await shop.pools.recorder.release(slow)
    assert await chained(shop) > 0
    assert (await verdict(shop, thief)).ok


async def test_several_chain_at_once_and_each_line_enters_once(shop: Shop, thief: asyncpg.Connection) -> None:
    for _ in range(4):
        await shop.paid(1280)
        await asyncio.gather(*(chained(shop) for _ in range(5)))
    await chained(shop)
    assert (await verdict(shop, thief)).ok


DEEDS = {
    "a fact that says something else": (
        "update facts set body = '{}' where kind = 'PaymentPaid'", ["changed fact {id} 2.0"],
    ),
    "a decision put on somebody else": (
        "update facts set who = 'nobody' where kind = 'PaymentPaid'", ["changed fact {id} 2.0"],
    ),
    "an answer of the channel that is another": (
        "update evidence set body = '{}' where id = (select evidence_id from facts where kind = 'PaymentPaid')",
        ["changed fact {id} 2.0"],
    ),
    "money moved otherwise": (
        "update moves set amount_fen = amount_fen + 1 where object_id = '{id}'", ["changed move {id} 2.0"],
    ),
    "a fact that is gone": ("delete from facts where kind = 'PaymentPaid'", ["removed fact {id} 2.0"]),
    "a fact slipped in": (
        "insert into facts select merchant_id, recorded_at, object_id, 9, seq, kind, who, at, '', body from facts",
        ["added fact {id} 9.0", "added fact {id} 9.0"],
    ),
    "two facts swapped": (
        "update facts f set kind = o.kind, body = o.body from facts o where f.kind <> o.kind",
        ["changed fact {id} 1.0", "changed fact {id} 2.0"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
async def test_what_a_thief_does_to_the_records_is_named(
    shop: Shop, database: Database, thief: asyncpg.Connection, deed: str
) -> None:
    payment = await shop.paid(1280)
    await chained(shop)
    assert (await verdict(shop, thief)).ok
    sql, wanted = DEEDS[deed]
    await thief.execute(sql.replace("{id}", payment.id))
    assert told(await verdict(shop, thief)) == [each.replace("{id}", payment.id) for each in wanted]


async def test_no_chain_at_all_does_not_pass_for_a_good_one(shop: Shop, thief: asyncpg.Connection) -> None:
    """S57: all of it taken away, with no anchor at hand."""
    await shop.paid(1280)
    await chained(shop)
    assert (await flow.verify(thief, shop.merchant_id, late=AT_ONCE)).ok
    await thief.execute("delete from audit_pages")
    assert (await verdict(shop, thief)).ok
    assert (await flow.verify(thief, shop.merchant_id, late=timedelta(hours=1))).ok, "a worker may still come to it"
    lines = await thief.fetchval("select (select count(*) from facts) + (select count(*) from moves)")
    (found,) = (await flow.verify(thief, shop.merchant_id, late=AT_ONCE)).problems
    assert (found.wrong, found.name.partition(" since ")[0]) == ("unchained", f"{lines} lines")


async def test_the_service_itself_cannot_mend_the_chain(shop: Shop) -> None:
    await shop.paid(1280)
    await chained(shop)
    for sql in ("update audit_pages set chain = ''", "delete from audit_pages"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await shop.pools.recorder.execute(sql)


async def test_anchors_are_written_down_once_a_day_and_find_an_end_that_was_cut(
    shop: Shop, thief: asyncpg.Connection, tmp_path: Path
) -> None:
    await flow.keep_anchors(shop.pools.recorder, tmp_path / "anchors", shop.clock.now())
    assert not (tmp_path / "anchors").exists(), "an empty file would be the first day's, and anchor nothing"
    await shop.paid(1280)
    await chained(shop)
    await shop.paid(500)
    await chained(shop)
    file = await flow.keep_anchors(shop.pools.recorder, tmp_path / "anchors", shop.clock.now())
    held = file.read_text()
    taken = flow.anchors_of(tmp_path / "anchors")
    assert [each.number for each in taken] == [2]
    assert (await verdict(shop, thief, *taken)).ok
    await shop.paid(100)
    await chained(shop)
    await flow.keep_anchors(shop.pools.recorder, tmp_path / "anchors", shop.clock.now())
    assert file.read_text() == held
    assert (await verdict(shop, thief, *taken)).ok
    for table in ("facts", "moves"):
        await thief.execute(f"delete from {table} where recorded_at > (select min(until) from audit_pages)")
    await thief.execute("delete from audit_pages where number > 1")
    assert (await verdict(shop, thief)).ok, "without an anchor nobody can tell"
    assert [each.wrong for each in (await verdict(shop, thief, *taken)).problems] == ["anchor_differs"]


async def test_a_worker_chains_and_writes_anchors_down_by_itself(
    shop: Shop, thief: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CHAIN_SECONDS", 0.2)
    await shop.paid(1280)
    running = shop.worker
    task = asyncio.create_task(running.run())
    async with asyncio.timeout(20):
        while not list(shop.settings.anchors.glob("*.jsonl")):
            await asyncio.sleep(0.1)
    running.stop()
    await task
    assert await thief.fetchval("select count(*) from audit_pages")
    assert (await verdict(shop, thief)).ok
