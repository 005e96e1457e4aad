"""The audit log: what everybody did, line by line as it is chained; whether the chain holds; and taking it out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from yuanlu import sheets
from yuanlu.audit import flow
from yuanlu.audit.flow import Entry, Wanted
from yuanlu.clock import CHINA
from yuanlu.errors import Denied
from yuanlu.people import readings, signing
from yuanlu.people.readings import AuditTaken
from yuanlu.people.stepup import Act
from yuanlu.told import both, shown_money, told
from yuanlu.web.api.files import SAFE
from yuanlu.web.parts.answers import Told
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.shapes import END, FileTold, Wish

CSV = "text/csv; charset=utf-8"
EXPORT_MAX = 10_000
"""Lines of a file that is taken out; a shop of one till makes so many in a month or two."""
LATE = timedelta(hours=1)
PROBLEMS_MAX = 50
MARK = "\ufeff"
"""What a spreadsheet knows UTF-8 by."""

Moment = Annotated[datetime, Meta(tz=True)]
Who = Annotated[str, Meta(max_length=120)]
FactKind = Annotated[str, Meta(max_length=60, pattern=f"^[A-Za-z]*{END}", examples=["RefundDone"])]


class SpanWish(Wish, kw_only=True):
    """Whose lines, of which kind (a fact's name, or `move`), about which object, or which kind of object (`YR`)."""

    who: Who = ""
    kind: FactKind = ""
    object: Annotated[str, Meta(max_length=120, pattern=f"^[!-~]*{END}")] = ""
    sort: Annotated[str, Meta(pattern=f"^([A-Z]{{2}})?{END}", examples=["YR"])] = ""


class AuditLinesWish(SpanWish, kw_only=True):
    """Which lines: at most `limit` behind `after` (the `next` of the part before), from `since`, before `until`."""

    since: Moment | None = None
    until: Moment | None = None
    after: Annotated[str, Meta(pattern=f"^([0-9]{{1,9}}-[0-9]{{1,4}})?{END}")] = ""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AuditTakeWish(SpanWish, kw_only=True):
    """Which lines shall be handed out, in which language."""

    since: Moment
    until: Moment
    lang: Literal["zh", "en"] = "zh"


class AuditLineTold(Struct, frozen=True, kw_only=True):
    """A line of the chain: its page, its place there, its SHA-256, and what it says. `sort`: fact or move.

    `standing`: whether the books still say what was chained: kept, changed or removed.
    """

    page: int
    place: int
    at: datetime
    sort: str
    kind: str
    object: str
    who: str
    what_zh: str
    what_en: str
    evidence: str
    facts: Mapping[str, Any]
    digest: str
    standing: str


class AuditEndTold(Struct, frozen=True, kw_only=True):
    """The end of the chain: an anchor, to be kept elsewhere. `waiting`: what is not chained yet, counted to 1,000."""

    page: int
    chain: str
    until: datetime | None
    waiting: int


class AuditLinesTold(Struct, frozen=True, kw_only=True):
    """Some lines, newest first: those that are chained; what happened just now follows within seconds."""

    items: Sequence[AuditLineTold]
    next: str | None
    end: AuditEndTold


class AuditProblemTold(Struct, frozen=True, kw_only=True):
    """What is not as it was recorded: which line or page, and in words."""

    wrong: str
    name: str
    wrong_zh: str
    wrong_en: str


class AuditCheckTold(Struct, frozen=True, kw_only=True):
    """What checking the newest part of the chain came to: from page `first` on; its first 50 problems, oldest first."""

    ok: bool
    first: int
    pages: int
    lines: int
    end: AuditEndTold
    problems: Sequence[AuditProblemTold]
    problems_all: int


def line_told(entry: Entry) -> AuditLineTold:
    """A line as it is told."""
    line, said = entry.line, entry.said or {}
    facts: Mapping[str, Any] = {}
    kind, what = line.kind, both("audit.removed", {})
    if said.get("fact"):
        facts = msgspec.json.decode(said["body"])
        kind, what = said["fact"], told(said["fact"], facts)
    elif said.get("source"):
        facts = {name: said[name] for name in ("source", "target", "amount_fen", "currency")}
        amount = shown_money(said["amount_fen"], said["currency"])
        what = both("audit.move", {"source": said["source"], "target": said["target"], "amount": amount})
    return AuditLineTold(
        page=entry.page, place=entry.place, at=line.at, sort=line.kind, kind=kind, object=line.object_id,
        who=said.get("who") or "", what_zh=what[0], what_en=what[1], evidence=said.get("evidence_id") or "",
        facts=facts, digest=line.digest, standing=entry.standing,
    )  # fmt: skip


def _wanted(wish: AuditLinesWish | AuditTakeWish) -> Wanted:
    return Wanted(
        since=wish.since, until=wish.until, who=wish.who, kind=wish.kind, object_id=wish.object, object_kind=wish.sort
    )


async def _end(call: Call) -> AuditEndTold:
    end = await flow.end_of(call.office.pools.reader, call.merchant_id)
    return AuditEndTold(page=end.number, chain=end.chain, until=end.until, waiting=end.waiting)


async def page(call: Call) -> Answer:
    """Some lines, newest first, and the end of the chain."""
    wish: AuditLinesWish = call.query
    found = await flow.listed(call.office.pools.reader, call.merchant_id, _wanted(wish), wish.after, wish.limit)
    items = [line_told(each) for each in found.entries]
    return 200, AuditLinesTold(items=items, next=found.next or None, end=await _end(call))


async def check(call: Call) -> Answer:
    """Compare the newest part of the chain with what is recorded. The whole of it: `yuanlu audit verify`."""
    found = await flow.verify_newest(call.office.pools.reader, call.merchant_id, LATE)
    verdict = found.verdict
    problems = []
    for each in verdict.problems[:PROBLEMS_MAX]:
        zh, en = both(f"audit.{each.wrong}", {})
        problems.append(AuditProblemTold(wrong=each.wrong.value, name=each.name, wrong_zh=zh, wrong_en=en))
    return 200, AuditCheckTold(
        ok=verdict.ok, first=found.first, pages=verdict.pages, lines=verdict.lines, end=await _end(call),
        problems=problems, problems_all=len(verdict.problems),
    )  # fmt: skip


async def take(call: Call) -> Answer:
    """Hand a span of the audit log out as a table. Who took which span is on record before a byte is sent.

    Raises Denied: audit.too_many, audit.span, and what a step-up says.
    """
    wish: AuditTakeWish = call.wish
    if wish.since >= wish.until:
        raise Denied("audit.span")
    office, since, until = call.office, _text(wish.since), _text(wish.until)
    await signing.spend(office.desk, call.sure, call.merchant_id, Act("audit", call.merchant_id, payee=since + until))
    entries: list[Entry] = []
    after = ""
    while True:
        found = await flow.listed(office.pools.reader, call.merchant_id, _wanted(wish), after, EXPORT_MAX)
        entries += found.entries
        if len(entries) > EXPORT_MAX or (len(entries) == EXPORT_MAX and found.next):
            raise Denied("audit.too_many", max=EXPORT_MAX)
        if not found.next:
            break
        after = found.next
    fact = AuditTaken(since=since, until=until, lines=len(entries))
    await readings.taken(office.desk, call.merchant_id, call.who, fact)
    body = await asyncio.to_thread(_table, entries, wish.lang)
    name = f"audit-{wish.since.astimezone(CHINA):%Y%m%d}-{wish.until.astimezone(CHINA):%Y%m%d}.csv"
    return 200, Told(body, 200, CSV, {**SAFE, "content-disposition": f"attachment; filename={name}"})


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


HEAD = ("at", "who", "object", "kind", "what", "evidence", "standing", "page", "place", "sha256")


def _table(entries: Sequence[Entry], lang: str) -> bytes:
    """Lines as a table for spreadsheets, oldest first, no cell of which can run."""
    rows = [line_told(each) for each in reversed(entries)]
    cells = (
        (
            each.at.isoformat(), each.who, each.object, each.kind, each.what_zh if lang == "zh" else each.what_en,
            each.evidence, each.standing, str(each.page), str(each.place), each.digest,
        )
        for each in rows
    )  # fmt: skip
    return (MARK + sheets.written([HEAD, *cells])).encode()


_NO = ("staff.not_allowed", "staff.other_store", "key.out_of_scope")

ROUTES = (
    Route(
        method="GET",
        path="/v1/audit",
        verb=page,
        may="audit",
        says="The audit log, newest first",
        query=AuditLinesWish,
        gives=AuditLinesTold,
        denied=_NO,
    ),
    Route(
        method="GET",
        path="/v1/audit/check",
        verb=check,
        may="audit",
        says="Whether the newest part of the audit log holds",
        gives=AuditCheckTold,
        denied=_NO,
    ),
    Route(
        method="POST",
        path="/v1/audit/file",
        verb=take,
        may="audit",
        says="A span of the audit log as CSV",
        takes=AuditTakeWish,
        gives=FileTold,
        gives_kinds=("text/csv",),
        denied=(*_NO, "audit.span", "audit.too_many", *STEP_UP),
        example={"since": "2026-11-01T00:00:00+08:00", "until": "2026-12-01T00:00:00+08:00"},
    ),
)
