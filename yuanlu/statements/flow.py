"""The verbs of statements: want one, get it from the channel, take one that is handed in, read it again.

Crash order: a file's bytes go to the store first, its row after; bytes without a row are a file that nobody took, and
are put again under the same key when the day is asked for again.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from yuanlu.change import Done
from yuanlu.channels import wire
from yuanlu.channels.contract import (
    AskStatement,
    Channel,
    FetchStatement,
    Handed,
    Paper,
    StatementFacts,
    Word,
    digest_of,
)
from yuanlu.channels.registry import FACTS
from yuanlu.desk import Desk
from yuanlu.errors import Broken, Denied
from yuanlu.evidence.flow import Files
from yuanlu.merchants import store as merchants
from yuanlu.people.rules import Person, demand
from yuanlu.statements import rules, store
from yuanlu.statements.rules import Examined, Statement

if TYPE_CHECKING:
    import pyarrow as pa

BOUNDS: Mapping[Channel, StatementFacts] = {
    channel: facts.statements for channel, facts in FACTS.items() if facts.statements is not None
}
"""What binds the statements of each channel that has them."""
ACCOUNT_FIELDS = {"wechat": "mchid", "alipay": "seller_id", "unionpay": "mer_id"}
"""Which field of a merchant's configuration is their account in the rows of a statement."""


async def channels(desk: Desk, merchant_id: str) -> Sequence[str]:
    """The channels of a merchant that can be asked for statements."""
    accounts = await desk.see(merchants.channels_of(merchant_id))
    return [channel for channel in BOUNDS if channel in accounts]


async def want(
    desk: Desk, merchant_id: str, channel: str, day: date, by: Person, papers: Sequence[Paper] = ()
) -> Sequence[Statement]:
    """Ask a channel for the papers of a day now: those named, else those of every day.

    Raises Denied: staff.not_allowed, staff.other_store, channel.unknown, statement.channel_cannot,
    statement.day_not_over, statement.day_too_old.
    """
    demand(by, "statements")
    if channel not in await desk.see(merchants.channels_of(merchant_id)):
        raise Denied("channel.unknown", channel=channel)
    at, found = desk.clock.now(), []
    for paper in papers or (BOUNDS[Channel(channel)].daily if channel in set(BOUNDS) else (Paper.TRADES,)):
        facts = rules.may_want(BOUNDS, channel, paper, day, at)
        found.append((await _wanted(desk, facts, merchant_id, channel, paper, day, by.id, now=True)).row)
    return found


async def want_daily(desk: Desk, merchant_id: str) -> int:
    """Want what is asked for by itself, of the last days; answers how many were new. What is wanted already stays."""
    since = await desk.see(store.since(merchant_id))
    if since is None:
        return 0
    count = 0
    for channel in await channels(desk, merchant_id):
        facts = BOUNDS[Channel(channel)]
        for day in rules.days_wanted(desk.clock.now(), since):
            for paper in facts.daily:
                done = await _wanted(desk, facts, merchant_id, channel, paper, day, "system", now=False)
                count += done.changed
    return count


async def _wanted(
    desk: Desk, facts: StatementFacts, merchant_id: str, channel: str, paper: Paper, day: date, who: str, *, now: bool
) -> Done[Statement]:
    which = rules.statement_id(merchant_id, channel, paper, day)

    rule = partial(rules.want, facts, merchant_id, channel, paper, day, who, now)
    return await desk.decide(store.by_id(merchant_id, which), rule)


async def drive(desk: Desk, files: Files, merchant_id: str, statement_id: str) -> Statement:
    """Ask the channel for a statement that is waited for, and take it if it is there.

    Raises Denied: statement.unknown, file.no_room, file.store_away, file.store_refused.
    """
    view = store.by_id(merchant_id, statement_id)
    row = await desk.see(view)
    if row is None:
        raise Denied("statement.unknown")
    if row.state is not rules.State.WAITING:
        return row
    channel, facts = Channel(row.channel), BOUNDS[Channel(row.channel)]
    handed = await desk.ask_statement(
        AskStatement(merchant_id=merchant_id, channel=channel, paper=row.paper, on=row.day)
    )
    if handed.word is Word.SETTLED:
        promised = handed
        step = FetchStatement(
            merchant_id=merchant_id,
            channel=channel,
            paper=row.paper,
            on=row.day,
            place=handed.place,
            digest=handed.digest,
        )
        handed = await desk.ask_statement(step)
        if handed.word is Word.SETTLED:
            return await _came(desk, files, row, facts, promised, handed)
        if handed.code == wire.MISMATCH:
            return (await desk.decide(view, partial(rules.spoilt, facts, handed, handed.code))).row
    return (await desk.decide(view, partial(rules.hear, facts, handed))).row


async def _came(
    desk: Desk, files: Files, row: Statement, facts: StatementFacts, promised: Handed, handed: Handed
) -> Statement:
    """What came is read whole before it is taken: what is no statement of this day is asked for again."""
    view = store.by_id(row.merchant_id, row.id)
    try:
        examined = await _examined(handed.content, f"{row.channel}-{row.paper}", row.channel, row.day)
        rules.fits(examined, await _account(desk, row.merchant_id, row.channel), row.paper)
    except Denied as no:
        return (await desk.decide(view, partial(rules.spoilt, facts, handed, no.code))).row
    return await _kept(desk, files, row.merchant_id, examined, handed.content, rules.CHANNEL_WHO, (promised, handed))


async def take(
    desk: Desk,
    files: Files,
    merchant_id: str,
    content: bytes,
    by: Person,
    *,
    name: str = "",
    channel: str | None = None,
    day: date | None = None,
) -> Statement:
    """Take a statement that somebody hands in. The same bytes again give the same back.

    Raises Denied: staff.not_allowed, staff.other_store, statement.other_account, statement.other_day,
    statement.several_days, and see `reading.open_statement`; file.no_room, file.store_away, file.store_refused.
    """
    rules.may_hand_in(by, content)
    examined = await _examined(content, name, channel, day)
    rules.fits(examined, await _account(desk, merchant_id, examined.channel), examined.paper)
    return await _kept(desk, files, merchant_id, examined, content, by.id, ())


async def _examined(content: bytes, name: str, channel: str | None, day: date | None) -> Examined:
    """Read a file whole, beside the loop: a large one takes seconds."""
    return await asyncio.to_thread(examine, content, name, channel, day)


def examine(content: bytes, name: str, channel: str | None, day: date | None) -> Examined:
    """Read a file whole. Raises Denied: statement.… (`reading.open_statement`, `rules.day_of`)."""
    from yuanlu.statements.reading import open_statement  # noqa: PLC0415 - heavy: loaded when one is read

    reading = open_statement(io.BytesIO(content), name, channel, day)
    for _ in reading.batches():
        pass
    end = reading.end()
    return Examined(
        channel=reading.channel,
        layout=reading.layout,
        day=rules.day_of(end, day),
        end=end,
        digest=digest_of(content),
        size_bytes=len(content),
        name=name,
    )


async def _account(desk: Desk, merchant_id: str, channel: str) -> str:
    """The merchant's account at a channel, as rows of a statement name it; nothing where we do not know it."""
    known = (await desk.see(merchants.channels_of(merchant_id))).get(channel)
    return str(msgspec.json.decode(known.config).get(ACCOUNT_FIELDS[channel], "")) if known is not None else ""


async def _kept(
    desk: Desk,
    files: Files,
    merchant_id: str,
    examined: Examined,
    content: bytes,
    taken_by: str,
    heard: Sequence[Handed],
) -> Statement:
    which = rules.statement_id(merchant_id, examined.channel, examined.paper, examined.day)
    sealed = await desk.sealed(merchant_id, which)
    body = await asyncio.to_thread(sealed.seal_bytes, content, which)
    await files.shelf.put(rules.storage_key(merchant_id, which, examined.digest), body)
    rule = partial(rules.take, merchant_id, examined, taken_by, heard)
    return (await desk.decide(store.by_id(merchant_id, which), rule)).row


async def see(desk: Desk, merchant_id: str, statement_id: str) -> Statement:
    """A statement as it stands. Raises Denied: statement.unknown."""
    row = await desk.see(store.by_id(merchant_id, statement_id))
    if row is None:
        raise Denied("statement.unknown")
    return row


async def content(desk: Desk, files: Files, row: Statement) -> bytes:
    """The bytes of a taken statement, proved by their digest.

    Raises Denied: statement.not_taken, file.store_away, file.store_refused, seal.forgotten; Broken when what lies there
    is not what was kept.
    """
    if not row.storage_key:
        raise Denied("statement.not_taken")
    body = await files.shelf.get(row.storage_key)
    if body is None:
        raise Broken(f"the content of {row.id} is not in the store")
    sealed = await desk.sealed(row.merchant_id, row.id)
    found = await asyncio.to_thread(sealed.open_bytes, body, row.id)
    if digest_of(found) != row.digest:
        raise Broken(f"the content of {row.id} is not what was kept")
    return found


async def table(desk: Desk, files: Files, row: Statement) -> pa.Table:
    """The rows of a taken statement, as `rows.schema()` says. Raises: as `content`."""
    found = await content(desk, files, row)

    def read() -> pa.Table:
        from yuanlu.statements.reading import open_statement  # noqa: PLC0415 - heavy: loaded when one is read

        return open_statement(io.BytesIO(found), row.name, row.channel, row.day).table()

    return await asyncio.to_thread(read)
