"""Statements over HTTP: ask a channel for a day's, hand one in, see what came."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from yuanlu import words
from yuanlu.channels.contract import Paper
from yuanlu.ids import Kind
from yuanlu.statements import flow, rules, store
from yuanlu.statements.rules import Statement
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Line, Page, Wish

StatementId = Annotated[str, Meta(pattern=f"^ZB{_ID}{END}", examples=["ZB01KATE3S40000000000000000T2"])]
Channel = Literal["wechat", "alipay", "unionpay"]
KINDS = ("application/octet-stream", "application/zip", "application/gzip", "text/csv", "text/plain")
_LAST = (date.max, "~", "~")


class StatementWish(Wish, kw_only=True):
    """The papers of a day: those named, else those that are asked for each day. What was taken already stays.

    `channel` empty: all that the merchant has.
    """

    channel: Channel | Literal[""] = ""
    date: date
    papers: Annotated[Sequence[Paper], Meta(max_length=len(Paper))] = ()


class StatementFileWish(Wish):
    """A file that is handed in. `name`: UnionPay's tells kind and day. `date`: where the file does not say it."""

    name: Line = ""
    channel: Channel | Literal[""] = ""
    date: date | None = None


class StatementsWish(Page):
    """Which statements."""

    channel: Channel | Literal[""] = ""


class StatementProblemTold(Struct, frozen=True, kw_only=True):
    """What is wrong inside a statement. `line` 0: no single line's. `said`, `read`: totals, in fen or a count."""

    code: str
    line: int
    what: str
    count: int
    said: int | None
    read: int | None
    zh: str
    en: str


class StatementTold(Struct, frozen=True, kw_only=True):
    """One paper of a day. `agrees`: with its own totals (null: it has none). `code`: the last word that was not it."""

    id: str
    channel: str
    paper: str
    date: date
    state: str
    code: str
    tries: int
    look_at: datetime | None
    taken_at: datetime | None
    taken_by: str
    layout: str
    lines: int
    left_out: int
    agrees: bool | None
    problems: Sequence[StatementProblemTold]
    digest: str
    size_bytes: int


class StatementsTold(Struct, frozen=True, kw_only=True):
    """Some statements, the newest day first."""

    items: Sequence[StatementTold]
    next: str | None


def told(row: Statement) -> StatementTold:
    """A statement as the API tells it."""
    return StatementTold(
        id=row.id,
        channel=row.channel,
        paper=row.paper,
        date=row.day,
        state=row.state,
        code=row.code,
        tries=row.tries,
        look_at=row.look_at,
        taken_at=row.taken_at,
        taken_by=row.taken_by,
        layout=row.layout,
        lines=row.lines,
        left_out=row.left_out,
        agrees={"yes": True, "no": False, "": None}[row.agrees],
        problems=[_problem(asdict(each)) for each in rules.problems_of(row)],
        digest=row.digest,
        size_bytes=row.size_bytes,
    )


def _problem(each: dict[str, Any]) -> StatementProblemTold:
    said: dict[str, Any] = each | words.both(f"statement.problem.{each['code']}", **each)
    return StatementProblemTold(**said)


async def fetch(call: Call) -> Answer:
    """Ask for a day, now. What is not there yet goes on being asked for; what is, is taken before the answer."""
    wish: StatementWish = call.wish
    office = call.office
    channels = [wish.channel] if wish.channel else await flow.channels(office.desk, call.merchant_id)
    rows = [
        row
        for channel in channels
        for row in await flow.want(office.desk, call.merchant_id, channel, wish.date, call.by, tuple(wish.papers))
    ]
    rows = await asyncio.gather(*(flow.drive(office.desk, office.files, row.merchant_id, row.id) for row in rows))
    return 200, StatementsTold(items=[told(row) for row in rows], next=None)


async def take(call: Call) -> Answer:
    """Hand a statement in: the body is the file as it was downloaded. The same bytes again give the same back."""
    wish: StatementFileWish = call.query
    row = await flow.take(
        call.office.desk, call.office.files, call.merchant_id, call.body, call.by,
        name=wish.name, channel=wish.channel or None, day=wish.date,
    )  # fmt: skip
    return 200, told(row)


async def listed(call: Call) -> Answer:
    """Statements, the newest day first."""
    wish: StatementsWish = call.query
    before = _LAST
    if wish.after:
        row = await flow.see(call.office.desk, call.merchant_id, wish.after)
        before = (row.day, row.channel, row.paper)
    rows = await store.listed(call.office.pools.reader, call.merchant_id, wish.channel, before, wish.limit + 1)
    following = rows[wish.limit - 1].id if len(rows) > wish.limit else None
    return 200, StatementsTold(items=[told(row) for row in rows[: wish.limit]], next=following)


async def show(call: Call) -> Answer:
    """One statement."""
    return 200, told(await flow.see(call.office.desk, call.merchant_id, call.id(Kind.STATEMENT)))


_STORE = ("file.no_room", "file.store_away", "file.store_refused")
_STAFF = ("staff.not_allowed", "staff.other_store")
_FILE = (
    "statement.empty", "statement.too_large", "statement.not_one", "statement.personal_export", "statement.workbook",
    "statement.spoilt", "statement.encrypted", "statement.archive_broken", "statement.archive_unknown",
    "statement.other_channel", "statement.other_account", "statement.other_day", "statement.several_days",
    "statement.day_unknown", "file.too_large",
)  # fmt: skip

ROUTES = (
    Route(
        method="POST",
        path="/v1/statements/fetch",
        verb=fetch,
        may="statements",
        says="Ask a channel for the statement of a day",
        takes=StatementWish,
        gives=StatementsTold,
        example={"channel": "wechat", "date": "2026-11-22"},
        denied=(
            "channel.unknown", "statement.unknown", "statement.channel_cannot", "statement.day_not_over",
            "statement.day_too_old", *_STAFF, *_STORE,
        ),
    ),
    Route(
        method="POST",
        path="/v1/statements",
        verb=take,
        may="statements",
        says="Hand a statement in",
        query=StatementFileWish,
        takes_kinds=KINDS,
        gives=StatementTold,
        denied=(*_FILE, *_STAFF, *_STORE),
    ),
    Route(
        method="GET",
        path="/v1/statements",
        verb=listed,
        may="sum",
        says="The statements of days",
        query=StatementsWish,
        gives=StatementsTold,
        denied=("statement.unknown", *_STAFF),
    ),
    Route(
        method="GET",
        path="/v1/statements/{statement}",
        verb=show,
        may="sum",
        says="One statement",
        gives=StatementTold,
        denied=("statement.unknown", *_STAFF),
    ),
)  # fmt: skip
