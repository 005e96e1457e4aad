"""The refund desk with many open cases: a page of the queue, and the sweep of deadlines.

One merchant has half of the cases, in nine stores; the rest is spread over many. Each number of cases has a database of
its own, and a round goes through all of them in turn: what grows with the number is told by the ratio, whatever else
the machine is busy with.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec

from yuanlu import db, ids
from yuanlu.app import App, running
from yuanlu.bench import ground
from yuanlu.bench.ground import CLOCK, Till
from yuanlu.bench.measure import Figure, Size, against, cpu_of, median, say, short, spread
from yuanlu.cases import clockwork, rules
from yuanlu.cases.rules import Case, CaseAsk, CaseSeen, State, What
from yuanlu.change import Change
from yuanlu.config import Settings
from yuanlu.merchants import store as merchants
from yuanlu.merchants.store import ApiKey
from yuanlu.payments import store as payments
from yuanlu.postgres import Server
from yuanlu.web.api import cases as api
from yuanlu.web.parts.calls import Call
from yuanlu.web.parts.shapes import CasesTold, CasesWish
from yuanlu.worker import Worker

SMALL = 63
"""Merchants beside the big one."""
STORES = 9
"""Stores of the big one; each has as many payments as seven of the small merchants."""
CLERK = 500
"""Of so many neighbouring cases whoever works at them has claimed a part."""
MIX = (
    State.OPENED, State.REVIEW, State.REVIEW, State.REVIEW, State.SECOND, State.NEEDS_INFO, State.OFFERED,
    State.REMEDY, State.ATTENTION, State.DECLINED,
)  # fmt: skip
"""In which states open cases are, each as often as it stands here."""
SPREAD = timedelta(days=15)
"""Over which time their deadlines lie."""


@dataclass(frozen=True, slots=True)
class Bed:
    """A database with so many open cases, and an installation on it."""

    number: int
    app: App
    connection: asyncpg.Connection[Any]
    big: Sequence[Till]
    """The tills of the big merchant, one a store."""


@asynccontextmanager
async def beds(server: Server, size: Size) -> AsyncIterator[list[Bed]]:
    """A bed for each number of open cases."""
    async with AsyncExitStack() as stack:
        made = []
        for number in size.cases:
            say(f"filling to {number} open cases")
            database = await ground.database(server)
            app = await stack.enter_async_context(running(Settings(state=server.state), database))
            connection = await db.connect(database)
            stack.push_async_callback(connection.close)
            big = await big_one(app.pools.recorder)
            small = await ground.tills(app.pools.recorder, SMALL)
            await ground.filled(connection, [*small, *big * (SMALL // STORES)], number)
            await filled(connection)
            made.append(Bed(number, app, connection, big))
        yield made


async def big_one(pool: asyncpg.Pool[Any]) -> list[Till]:
    """A merchant with nine stores: a till of each."""
    first, at = (await ground.tills(pool, 1))[0], CLOCK.now()
    made = [first]
    for place in range(1, STORES):
        store_id = await merchants.add_store(pool, first.merchant_id, f"Store {place}", at)
        till_id = await merchants.add_till(pool, first.merchant_id, store_id, "Till", at)
        made.append(Till(first.merchant_id, till_id, store_id))
    return made


async def filled(connection: asyncpg.Connection[Any]) -> None:
    """Give every payment an open case with its fact and its deadline's job, by SQL."""
    at = CLOCK.now()
    payment = payments.made(await connection.fetchrow("select * from payments limit 1"))
    ask = CaseAsk(
        merchant_id=payment.merchant_id, id=ids.new(ids.Kind.CASE, at), payment_id=payment.id, what=What.REQUEST,
        who="till", said="杯子是裂的，想退这一单。",
    )  # fmt: skip
    opened = clockwork.passed(None, rules.open_case(ask, CaseSeen(None, payment), at))
    assert isinstance(opened, Change)
    templates = [_text(standing(opened.row, state, at)) for state in MIX]
    for table, sql in _FILL.items():
        given: tuple[object, ...] = () if table == "facts" else (at, SPREAD.total_seconds())
        if table == "cases":
            given = (templates, *given, [State.REVIEW, State.SECOND], CLERK)
        await connection.execute(sql, *given, timeout=600)
        await connection.execute(f"analyze {table}")
    await connection.execute("checkpoint")


def standing(case: Case, state: State, at: datetime) -> Case:
    """The case as it stands in this state, its deadline set as always."""
    row = replace(case, state=state, version=2 + (state is State.SECOND))
    if state is State.OPENED:
        return case
    if state is State.REMEDY:
        row = replace(row, refund_id=rules.refund_id(row, 1), remedy=rules.Remedy.REFUND_ALL, remedy_fen=1280)
    if state is State.DECLINED:
        row = replace(row, object_until=at + rules.TO_OBJECT, reason_code="no_proof")
    if state is State.OFFERED:
        row = replace(row, offer_kind="voucher", offer_fen=500, offer_until=at + timedelta(days=3))
    passed = clockwork.passed(case, Change(row=row, at=at, who="system"))
    assert isinstance(passed, Change)
    return passed.row


def _text(case: Case) -> str:
    return msgspec.json.encode(asdict(case)).decode()


_FILL = {
    # A case's state and deadline follow from a hash of its payment's id: they have nothing to do with its till.
    "cases": """
insert into cases
select r.* from (
  select p.*, h.h, row_number() over (order by p.id) as n from payments p
  cross join lateral (select hashtext(p.id)::bigint + 2147483648 as h) h
) p
cross join lateral (select $1::text[] as t) t
cross join lateral (select t.t[1 + (p.h % cardinality(t.t))::int]::jsonb as case_now,
  $2::timestamptz + interval '1 hour' + $3::float8 * (p.h / 4294967296.0) * interval '1 second' as due_at) c
cross join lateral (select c.case_now ->> 'state' = any($4::text[]) and p.h % 3 > 0 as is_claimed) d
cross join lateral jsonb_populate_record(null::cases, c.case_now || jsonb_build_object(
  'merchant_id', p.merchant_id, 'id', 'YC' || substr(p.id, 3), 'payment_id', p.id, 'store_id', p.store_id,
  'due_at', c.due_at, 'claimed_by', case when is_claimed then 'clerk-' || p.n / $5 else '' end,
  'claimed_until', case when is_claimed then $2::timestamptz + p.h % 2 * interval '1 day' end)) r
""",
    "facts": """
insert into facts (merchant_id, recorded_at, object_id, transition, seq, kind, who, at, evidence_id, body)
select merchant_id, now(), id, 1, 0, 'CaseOpened', 'till', now(), '',
  '{"payment_id":"' || payment_id || '","what":"request","meant_fen":null,"said":""}' from cases
""",
    "jobs": """
insert into jobs (merchant_id, name, object_id, run_at)
select merchant_id, 'cases.clock', id, due_at from cases
union all
select merchant_id, 'cases.drive', id, $1::timestamptz + $2::float8 * interval '1 second' from cases
where state in ('OPENED', 'REMEDY')
""",
}


# --- a page of the queue ---


@dataclass(frozen=True, slots=True)
class Page:
    """A page somebody asks for: the wish, and as whom."""

    wish: CasesWish
    who: ApiKey


async def pages(bed: Bed) -> Mapping[str, Page]:
    """The pages that are measured, by name; all of the big merchant."""
    merchant_id, store_id = bed.big[0].merchant_id, bed.big[0].store_id
    middle = await bed.connection.fetchrow(
        "select due_at, id, claimed_by from cases where merchant_id = $1 and claimed_by <> '' and claimed_until > now()"
        " order by due_at, id offset (select count(*) / 2 from cases where merchant_id = $1 and claimed_by <> ''"
        " and claimed_until > now()) limit 1",
        merchant_id,
    )
    cursor = f"{int(middle['due_at'].timestamp() * 1_000_000)}-{middle['id']}"
    owner = ApiKey(merchant_id, "key", "owner", "owner")
    clerk = ApiKey(merchant_id, "key", middle["claimed_by"], "manager")
    there = ApiKey(merchant_id, "key", "manager", "manager", store_id)
    return {
        "first": Page(CasesWish(order="due"), owner),
        "middle": Page(CasesWish(order="due", after=cursor), owner),
        "state": Page(CasesWish(order="due", state="REVIEW"), owner),
        "store": Page(CasesWish(order="due"), there),
        "store_state": Page(CasesWish(order="due", state="REVIEW", limit=10), there),
        "mine": Page(CasesWish(mine=True, limit=10), clerk),
    }


@dataclass(frozen=True, slots=True)
class Round:
    """What one operation took: seconds of each, and CPU of our process an operation."""

    seconds: Sequence[float]
    cpu: float

    @property
    def each(self) -> float:
        return median(self.seconds)


async def queue(server: Server, size: Size) -> list[Figure]:
    """Pages of the queue as the API reads them, at each number of open cases; the floor is the smallest number."""
    async with beds(server, size) as made:
        wanted = [(bed, await pages(bed)) for bed in made]
        rounds: dict[tuple[int, str], list[Round]] = {}
        for turn in range(size.rounds + 1):  # the first one warms up, and is not counted
            say(f"queue: round {turn} of {size.rounds}")
            for name in wanted[0][1]:
                for bed, those in wanted:
                    told = await _read(bed.app, those[name], size.pages)
                    if turn:
                        rounds.setdefault((bed.number, name), []).append(told)
    return _grown("queue", "us", size.cases, rounds)


async def _read(app: App, page: Page, number: int) -> Round:
    call, seconds = Call(app, page.who, None, page.wish, {}), []
    encoder, cpu = msgspec.json.Encoder(), cpu_of(os.getpid())
    for _ in range(number):
        began = time.perf_counter()
        _, told = await api.page(call)
        assert isinstance(told, CasesTold)
        encoder.encode(told)
        seconds.append(time.perf_counter() - began)
    return Round(seconds, (cpu_of(os.getpid()) - cpu) / number)


def _grown(
    bench: str, unit: str, numbers: Sequence[int], rounds: Mapping[tuple[int, str], Sequence[Round]]
) -> list[Figure]:
    """A figure for each number but the smallest, which is the floor; of several rounds the medians."""
    figures = []
    for number, name in rounds:
        if number == numbers[0]:
            continue
        ours, floors = rounds[number, name], rounds[numbers[0], name]
        beside = against(median([each.each for each in floors]) * 1e6, median([each.each for each in ours]) * 1e6)
        beside["ratio"] = median([one.each / floor.each for one, floor in zip(ours, floors, strict=True)])
        figures.append(
            Figure(
                name="_".join(filter(None, (bench, short(number), name))),
                unit=unit,
                **beside,
                cpu_us=median([each.cpu for each in ours]) * 1e6,
                **(spread([wait for each in ours for wait in each.seconds]) if name else {}),
            )
        )
    return figures


# --- the sweep of deadlines ---

_COME_DUE = """
with due as (
  update cases c set due_at = now(), object_until = case when state = 'DECLINED' then now() end,
    offer_until = case when state = 'OFFERED' then now() end
  from (select merchant_id, id from cases where state <> 'CLOSED' order by md5(id || $2) limit $1) d
  where c.merchant_id = d.merchant_id and c.id = d.id returning c.merchant_id, c.id
)
update jobs j set run_at = now() from due where j.merchant_id = due.merchant_id and j.name = 'cases.clock'
  and j.object_id = due.id
"""


async def sweep(server: Server, size: Size) -> list[Figure]:
    """Deadlines that have come, the same number among ever more open cases: leased, ticked, recorded, put back."""
    async with beds(server, size) as made:
        rounds: dict[tuple[int, str], list[Round]] = {}
        for turn in range(size.rounds + 1):
            say(f"sweep: round {turn} of {size.rounds}")
            for bed in made:
                await bed.connection.execute(_COME_DUE, size.due, str(turn))
                worker = Worker(bed.app)
                began, cpu = time.perf_counter(), cpu_of(os.getpid())
                ran = await worker.once()
                seconds = time.perf_counter() - began
                if ran != size.due:
                    raise RuntimeError(f"{size.due} deadlines had come, {ran} jobs ran")
                if turn:
                    told = Round([seconds / ran], (cpu_of(os.getpid()) - cpu) / ran)
                    rounds.setdefault((bed.number, ""), []).append(told)
    return _grown("sweep", "us", size.cases, rounds)
