"""Lists as files that spreadsheets open: payments that were found, and cases of a queue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from yuanlu import sheets, words
from yuanlu.cases.rules import Case
from yuanlu.clock import CHINA
from yuanlu.money import Money
from yuanlu.people import exports, signing
from yuanlu.people.rules import demand
from yuanlu.people.stepup import Act
from yuanlu.web.api.files import SAFE
from yuanlu.web.api.payments import sought
from yuanlu.web.parts import lists
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import PaymentsWish, Wish

CSV = "text/csv"
ROWS_MAX = 50_000
"""Rows of one file."""
PAGES_MAX = 200
"""Pages that are looked through for one file: what is seldom is not looked for for ever."""
PAGE = 1_000
PAYMENT_COLUMNS = (
    *("id", "opened_at", "paid_at", "state", "channel", "channel_number", "store_id", "till_id", "amount_fen"),
    *("back_fen", "currency", "code_tail", "opened_by", "description"),
)
CASE_COLUMNS = (
    *("id", "payment_id", "what", "state", "store_id", "opened_at", "opened_by", "due_at", "due_what", "asked_fen"),
    *("approved_fen", "remedy", "decided_by", "seconded_by", "conclusion", "closed_at"),
)
"""The columns of the files, in this order. What customers wrote is in none."""
_MARK = "\ufeff"
"""By this a spreadsheet knows that it is UTF-8."""

State = Literal["OPENED", "REVIEW", "SECOND", "NEEDS_INFO", "OFFERED", "REMEDY", "ATTENTION", "DECLINED", "CLOSED"]


class PaymentsFileWish(Wish):
    """Which payments go out: a search as in the list (its `limit` does not count), and the language of the file."""

    lang: Literal["zh", "en"]
    of: PaymentsWish = msgspec.field(default_factory=PaymentsWish)


class CasesFileWish(Wish):
    """Cases of these states go out, and the language of the file."""

    lang: Literal["zh", "en"]
    states: Annotated[tuple[State, ...], Meta(min_length=1, max_length=9)]


async def payments(call: Call) -> Answer:
    """The payments of a search, as a table."""
    wish: PaymentsFileWish = call.wish

    async def found() -> AsyncIterator[tuple[Sequence[Mapping[str, Any]], bool]]:
        of = msgspec.structs.replace(wish.of, limit=PAGE)
        while True:
            told = await sought(call, of)
            yield told.rows, told.next is not None
            if told.next is None:
                return
            of = msgspec.structs.replace(of, after=told.next)

    return await _file(call, "payments", PAYMENT_COLUMNS, found(), wish.of, wish.lang)


async def cases(call: Call) -> Answer:
    """The cases of some states, as a table: each state's next due first."""
    wish: CasesFileWish = call.wish
    pool, now = call.office.pools.reader, call.office.clock.now()

    async def found() -> AsyncIterator[tuple[Sequence[Mapping[str, Any]], bool]]:
        for place, state in enumerate(wish.states, 1):
            after: str | None = ""
            while after is not None:
                if state == "CLOSED":
                    told = await lists.page(pool, call.merchant_id, Case, after, PAGE, {"state": state})
                else:
                    told = await lists.queue(pool, call.merchant_id, after, PAGE, now, state=state)
                after = told.next
                yield told.rows, after is not None or place < len(wish.states)

    return await _file(call, "cases", CASE_COLUMNS, found(), wish, wish.lang)


async def _file(
    call: Call,
    what: str,
    columns: Sequence[str],
    found: AsyncIterator[tuple[Sequence[Mapping[str, Any]], bool]],
    asked: Struct,
    lang: str,
) -> Answer:
    """Rows as a file, on record before it is handed out. It ends with a line that says so where there are more."""
    desk = call.office.desk
    demand(call.by, "export")
    await signing.spend(desk, call.sure, call.merchant_id, Act("export", call.merchant_id))
    text, count, pages, is_cut = [_MARK + sheets.written([columns])], 0, 0, False
    async for rows, is_more in found:
        room, pages = ROWS_MAX - count, pages + 1
        text.append(sheets.written([_cell(row[name], name) for name in columns] for row in rows[:room]))
        count += min(len(rows), room)
        is_cut = len(rows) > room or (is_more and (count == ROWS_MAX or pages == PAGES_MAX))
        if is_cut:
            break
    if is_cut:
        text.append(sheets.written([[words.say("export.cut", lang, count=count)]]))
    said = msgspec.json.encode(asked).decode()
    await exports.noted(desk, call.merchant_id, call.who, what, said, count, is_cut=is_cut)
    headers = {**SAFE, "content-disposition": f"attachment; filename={what}.csv", "rows": str(count)}
    return 200, Told("".join(text).encode(), 200, f"{CSV}; charset=utf-8", headers)


def _cell(value: Any, name: str) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone(CHINA).isoformat(" ", "seconds")
        case int() if name.endswith("_fen"):
            return Money(value).yuan()
    return str(value)


_DENIED = ("staff.not_allowed", "staff.other_store", *STEP_UP)
ROUTES = (
    Route(
        method="POST",
        path="/v1/exports/payments",
        verb=payments,
        may="export",
        says="Payments that are found, as a table for spreadsheets",
        takes=PaymentsFileWish,
        gives=Struct,
        gives_kinds=(CSV,),
        denied=_DENIED,
        example={"lang": "en", "of": {"state": "PAID"}},
    ),
    Route(
        method="POST",
        path="/v1/exports/cases",
        verb=cases,
        may="export",
        says="Cases of a queue, as a table for spreadsheets",
        takes=CasesFileWish,
        gives=Struct,
        gives_kinds=(CSV,),
        denied=_DENIED,
        example={"lang": "en", "states": ["REVIEW", "SECOND"]},
    ),
)
