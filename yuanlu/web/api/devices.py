"""The codes of a shop, and where money went that went astray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from yuanlu.cases import beside, tracing
from yuanlu.cases import flow as cases
from yuanlu.cases.handovers import Handover, HandoverAsk
from yuanlu.devices import flow, rules, store
from yuanlu.devices.rules import AUDIT_DAYS, AUDIT_DAYS_MAX, Code, CodeAsk, FoundAs
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.web.api.causes import FindingsTold, findings
from yuanlu.web.parts import lists, stores
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END, Fen, Line, Page, Wish, Words

CodeId = Annotated[str, Meta(pattern=f"^YQ{_ID}{END}", examples=["YQ01KATE3S400000000000000000U"])]
HandoverId = Annotated[str, Meta(pattern=f"^YV{_ID}{END}", examples=["YV01KATE3S400000000000000000G"])]
StoreId = Annotated[str, Meta(pattern=f"^YS{_ID}{END}")]
MaybeTillId = Annotated[str, Meta(pattern=f"^(YT{_ID})?{END}")]
Moment = Annotated[datetime, Meta(tz=True)]
Voucher = Annotated[str, Meta(min_length=1, max_length=2048, examples=["YP01KATE3S40000000000000000S8"])]


class HangWish(Wish):
    """A code that hangs or stands in a shop. Its text is not kept, only a keyed hash and its last letters."""

    id: CodeId
    text: Annotated[str, Meta(min_length=1, max_length=2048)]
    store: StoreId
    till: MaybeTillId = ""
    place: Line = ""
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    audit_days: Annotated[int, Meta(ge=1, le=AUDIT_DAYS_MAX)] = AUDIT_DAYS


class AuditWish(Wish):
    """How somebody found a sticker."""

    found: Literal["in_place", "damaged", "missing", "covered"]
    note: Line = ""


class RetireWish(Wish):
    """Why a code is taken down."""

    note: Line = ""


class CodesWish(Page):
    """Which codes. `due`: only those that somebody must look at, soonest first (`after` is not used then)."""

    state: Literal["", "HANGING", "SUSPECT", "RETIRED"] = ""
    due: bool = False


class CodeTold(Struct, frozen=True, kw_only=True):
    """A code as it stands. `standing`: current, not_yet, audit_overdue, expired, suspect or retired."""

    id: str
    state: str
    standing: str
    kind: str
    wallet: str
    tail: str
    store: str
    till: str
    place: str
    valid_from: datetime
    valid_until: datetime | None
    audit_days: int
    audited_at: datetime | None
    audited_by: str
    found: str
    note: str
    due_at: datetime | None
    opened_at: datetime
    opened_by: str
    retired_at: datetime | None


class CodesTold(Struct, frozen=True, kw_only=True):
    """Codes, newest first; with `due`, soonest due first."""

    items: Sequence[CodeTold]
    next: str | None


class TraceWish(Wish):
    """What a payer can show: our order number, the channel's number, or a code he scanned (with sum and time)."""

    voucher: Voucher
    amount_fen: Fen | None = None
    happened_at: Moment | None = None


class TraceTold(Struct, frozen=True, kw_only=True):
    """Whose the money is: `yours`, `another` (a shop of this installation) or `unknown`. The rest only of yours."""

    whose: str
    payments: Sequence[str]
    code: str
    standing: str


class HandoverWish(TraceWish, kw_only=True):
    """A wish that the shop which has the money puts it right. It learns sum, time, channel and `said`."""

    id: HandoverId
    said: Words = ""


class HandoverTold(Struct, frozen=True, kw_only=True):
    """One side of a hand-over. The asking side sees how far it is; the taking side its own payment and case."""

    id: str
    side: str
    state: str
    opened_at: datetime
    ended_at: datetime | None
    amount_fen: int | None
    channel: str
    happened_at: datetime | None
    payment: str
    case: str


class HandoversWish(Page):
    """Which hand-overs."""

    side: Literal["", "asking", "taking"] = ""


class HandoversTold(Struct, frozen=True, kw_only=True):
    """Hand-overs, newest first."""

    items: Sequence[HandoverTold]
    next: str | None


class LookWish(Wish):
    """What is known besides, when the cause of a case is looked for again."""

    basket_fen: Fen | None = None
    code: Annotated[str, Meta(max_length=2048)] = ""


def code_told(code: Code, at: datetime) -> CodeTold:
    """A code as its own shop sees it."""
    return CodeTold(
        id=code.id,
        state=code.state.value,
        standing=rules.standing(code, at).value,
        kind=code.kind.value,
        wallet=code.wallet,
        tail=code.tail,
        store=code.store_id,
        till=code.till_id,
        place=code.hangs_at,
        valid_from=code.valid_from,
        valid_until=code.valid_until,
        audit_days=code.audit_days,
        audited_at=code.audited_at,
        audited_by=code.audited_by,
        found=code.found_as,
        note=code.note,
        due_at=code.due_at,
        opened_at=code.opened_at,
        opened_by=code.opened_by,
        retired_at=code.retired_at,
    )


def handover_told(row: Handover) -> HandoverTold:
    """One side of a hand-over, as that side sees it."""
    return HandoverTold(
        id=row.id,
        side=row.side.value,
        state=row.state.value,
        opened_at=row.opened_at,
        ended_at=row.ended_at,
        amount_fen=row.amount_fen,
        channel=row.channel,
        happened_at=row.happened_at,
        payment=row.payment_id,
        case=row.case_id,
    )


async def hang(call: Call) -> Answer:
    """Write a code down."""
    wish: HangWish = call.wish
    ask = CodeAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.CODE),
        store_id=wish.store,
        till_id=wish.till,
        place=wish.place,
        who=call.who,
        text=wish.text,
        valid_from=wish.valid_from,
        valid_until=wish.valid_until,
        audit_days=wish.audit_days,
    )
    done = await flow.hang(call.office.desk, ask)
    return 201 if done.changed else 200, code_told(done.row, call.office.clock.now())


async def see_code(call: Call) -> Answer:
    """One code."""
    code = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.CODE)))
    if code is None:
        raise Denied("code.unknown")
    return 200, code_told(code, call.office.clock.now())


_DUE = """
  select t.* from codes t where t.merchant_id = $1 and t.state <> 'RETIRED'
    and (t.due_at <= $2 or t.valid_until <= $2 or t.state = 'SUSPECT') and ($4 = '' or t.store_id = $4)
  order by least(t.due_at, t.valid_until), t.id limit $3
"""


async def page_codes(call: Call) -> Answer:
    """Some codes."""
    wish: CodesWish = call.query
    now, store_id = call.office.clock.now(), call.by.store_id
    return 200, await codes_told(call.office.pools.reader, call.merchant_id, wish, now, store_id)


async def codes_told(pool: Any, merchant_id: str, wish: CodesWish, now: datetime, store_id: str = "") -> CodesTold:
    """Some codes of a merchant, or of one store of it, for the API and the terminal."""
    if wish.due:
        rows = await lists.read(pool, merchant_id, _DUE, merchant_id, now, wish.limit, store_id)
        return CodesTold(items=[code_told(store.made(row), now) for row in rows], next=None)
    found = await lists.page(pool, merchant_id, Code, wish.after, wish.limit, {"state": wish.state}, store_id=store_id)
    return CodesTold(items=[code_told(store.made(row), now) for row in found.rows], next=found.next)


async def audit(call: Call) -> Answer:
    """Write down how somebody found a sticker."""
    wish: AuditWish = call.wish
    code = await flow.audit(
        call.office.desk, call.merchant_id, call.id(Kind.CODE), FoundAs(wish.found), wish.note, call.who
    )
    return 200, code_told(code, call.office.clock.now())


async def retire(call: Call) -> Answer:
    """Write down that a code is taken down for good."""
    wish: RetireWish = call.wish
    code = await flow.retire(call.office.desk, call.merchant_id, call.id(Kind.CODE), wish.note, call.who)
    return 200, code_told(code, call.office.clock.now())


async def trace(call: Call) -> Answer:
    """Say whose money a voucher leads to."""
    wish: TraceWish = call.wish
    desk = call.office.desk
    voucher = tracing.voucher_of(desk, wish.voucher)
    found = await tracing.trace(desk, call.merchant_id, voucher, wish.amount_fen, wish.happened_at)
    return 200, trace_told(await _at_own_store(call, found))


async def _at_own_store(call: Call, found: tracing.Traced) -> tracing.Traced:
    """What somebody of one store is told: that the money is the merchant's, but of other stores no payment, no code."""
    named = [(Kind.PAYMENT, each) for each in found.payments]
    if found.code_id:
        named.append((Kind.CODE, found.code_id))
    own = await stores.own(call.office.desk, call.merchant_id, call.by, named)
    is_hidden = found.code_id not in {"", *own}
    return replace(
        found,
        payments=tuple(each for each in found.payments if each in own),
        code_id="" if is_hidden else found.code_id,
        standing=None if is_hidden else found.standing,
    )


def trace_told(found: tracing.Traced) -> TraceTold:
    """What a trace tells the one who asks."""
    return TraceTold(
        whose=found.whose.value,
        payments=found.payments,
        code=found.code_id,
        standing=found.standing.value if found.standing else "",
    )


async def hand_over(call: Call) -> Answer:
    """Hand a request over to the shop that has the money."""
    wish: HandoverWish = call.wish
    ask = HandoverAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.HANDOVER),
        voucher=tracing.voucher_of(call.office.desk, wish.voucher),
        who=call.who,
        said=wish.said,
        amount_fen=wish.amount_fen,
        happened_at=wish.happened_at,
    )
    done = await tracing.request(call.office.desk, ask)
    return 201 if done.changed else 200, handover_told(done.row)


async def see_handover(call: Call) -> Answer:
    """One side of a hand-over."""
    row = await call.office.desk.see(tracing.by_id(call.merchant_id, call.id(Kind.HANDOVER)))
    if row is None:
        raise Denied("handover.unknown")
    return 200, handover_told(row)


async def page_handovers(call: Call) -> Answer:
    """Some hand-overs, newest first."""
    wish: HandoversWish = call.query
    pool = call.office.pools.reader
    found = await lists.page(
        pool, call.merchant_id, Handover, wish.after, wish.limit, {"side": wish.side}, store_id=call.by.store_id
    )
    return 200, HandoversTold(items=[handover_told(tracing.made(row)) for row in found.rows], next=found.next)


async def look_again(call: Call) -> Answer:
    """Look for the cause of a case again, with what is known besides; answers all that was found."""
    wish: LookWish = call.wish
    desk, case_id = call.office.desk, call.id(Kind.CASE)
    await cases.find(desk, call.merchant_id, case_id, call.by)
    hint = beside.Hint(basket_fen=wish.basket_fen)
    if wish.code:
        hint = await tracing.hint_of(desk, call.merchant_id, wish.code, hint)
    await beside.find(desk, call.merchant_id, case_id, hint)
    return await findings(call)


ROUTES = (
    Route(
        method="POST",
        path="/v1/codes",
        may="codes",
        verb=hang,
        says="Write a static or till code down",
        takes=HangWish,
        gives=CodeTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "code.id_taken",
            "code.not_ours",
            "code.store_unknown",
            "code.till_unknown",
            "staff.other_store",
            "code.valid",
            "code.audit_days",
            "code.hangs_already",
        ),
        example={
            "id": "YQ01KATE3S400000000000000000U",
            "text": "wxp://f2f0abcdefghijklmnop",
            "store": "YS01KATE3S4000000000000000000",
            "place": "counter 1",
        },
    ),
    Route(
        method="GET",
        path="/v1/codes",
        verb=page_codes,
        may="see",
        says="Codes, or those due",
        query=CodesWish,
        gives=CodesTold,
    ),
    Route(
        method="GET",
        path="/v1/codes/{code}",
        verb=see_code,
        may="see",
        says="One code",
        gives=CodeTold,
        denied=("code.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/codes/{code}/audit",
        may="open",
        verb=audit,
        says="Say how a sticker was found",
        takes=AuditWish,
        gives=CodeTold,
        denied=("code.unknown", "code.retired"),
        example={"found": "in_place"},
    ),
    Route(
        method="POST",
        path="/v1/codes/{code}/retire",
        may="codes",
        verb=retire,
        says="Say that a code is taken down",
        takes=RetireWish,
        gives=CodeTold,
        denied=("code.unknown",),
        example={"note": "counter moved"},
    ),
    Route(
        method="POST",
        path="/v1/trace",
        verb=trace,
        may="see",
        says="Whose money a voucher leads to",
        takes=TraceWish,
        gives=TraceTold,
        denied=("trace.unreadable",),
        example={"voucher": "YP01KATE3S40000000000000000S8"},
    ),
    Route(
        method="POST",
        path="/v1/handovers",
        may="open",
        verb=hand_over,
        says="Hand a request over to the shop that has the money",
        takes=HandoverWish,
        gives=HandoverTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "trace.unreadable",
            "trace.yours",
            "trace.not_found",
            "trace.needs_sum_and_time",
            "handover.id_taken",
        ),
        example={"id": "YV01KATE3S400000000000000000G", "voucher": "YP01KATE3S40000000000000000S8", "said": "扫错了码"},
    ),
    Route(
        method="GET",
        path="/v1/handovers",
        verb=page_handovers,
        may="see",
        says="Hand-overs, newest first",
        query=HandoversWish,
        gives=HandoversTold,
    ),
    Route(
        method="GET",
        path="/v1/handovers/{handover}",
        verb=see_handover,
        may="see",
        says="One side of a hand-over",
        gives=HandoverTold,
        denied=("handover.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/cases/{case}/findings",
        may="open",
        verb=look_again,
        says="Look for the cause of a case again",
        takes=LookWish,
        gives=FindingsTold,
        denied=("case.unknown", "staff.not_allowed", "staff.other_store"),
        example={"basket_fen": 1280},
    ),
)
