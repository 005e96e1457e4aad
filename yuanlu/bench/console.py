"""The console with many rows: the page of the refund desk, and payments found by whatever is known of them.

One merchant has half of the payments, in nine stores, the rest is spread over many; they were made over `DAYS`, so of a
million the big one has over a thousand a day. Each number of payments has a database of its own, and a round goes
through all of them in turn. The floor of each is a bare select of the very rows it found, by their primary key.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from yuanlu import db, ids
from yuanlu.app import App, running
from yuanlu.bench import cases, ground
from yuanlu.bench.cases import SMALL, STORES, Round
from yuanlu.bench.ground import CLOCK, Till
from yuanlu.bench.measure import Figure, Size, against, cpu_of, median, say, short, spread
from yuanlu.cases.rules import Case
from yuanlu.change import Row
from yuanlu.config import Settings
from yuanlu.ids import Kind
from yuanlu.merchants.store import ApiKey
from yuanlu.payments.rules import Payment
from yuanlu.postgres import Server
from yuanlu.web.api import payments as api
from yuanlu.web.console import pages, review
from yuanlu.web.parts.asking import Visitor
from yuanlu.web.parts.calls import Call
from yuanlu.web.parts.shapes import PaymentsTold, PaymentsWish
from yuanlu.web.server import ROUTES

DAYS = 400
CASHIERS, SUMS = 20, 3_000
"""Of how many each payment has one."""
_AT_ONCE = 100_000
_PAGE = next(page for page in review.PAGES if page.menu)

Do = Callable[[], Awaitable[Sequence[str]]]
"""One operation; answers the ids of what it found."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with so many rows, and an installation on it. `big`: the tills of the big merchant, one a store."""

    number: int
    app: App
    connection: asyncpg.Connection[Any]
    big: Sequence[Till]

    def owner(self) -> ApiKey:
        """Who asks: the owner of the big merchant."""
        return ApiKey(self.big[0].merchant_id, "key", "owner", "owner")


async def console(server: Server, size: Size) -> list[Figure]:
    """The page of the desk among the most open cases, then every search at each number of payments."""
    return [*await _desk(server, size), *await _searches(server, size)]


async def _desk(server: Server, size: Size) -> list[Figure]:
    """The list of the tab of what is to be decided, and the page with it, drawn and with no case opened beside it."""
    async with cases.beds(server, replace(size, cases=(max(size.cases),))) as made:
        bed = made[0]
        here = Visitor(
            bed.app, {f"{route.method} {route.path}": route for route in ROUTES},
            Ground(bed.number, bed.app, bed.connection, bed.big).owner(), "", "zh",
        )  # fmt: skip

        async def listed() -> Sequence[str]:
            return [case.id for case in (await review.queue(here, "review"))[0]]

        async def paged() -> Sequence[str]:
            found, paid = await review.queue(here, "review")
            counts = review.tabs((await here.ask("/v1/queue")).states)
            given = {**review.blank("review"), "cases": found, "paid": paid, "counts": counts}
            pages.shown(pages.View("refunds.html", given), here, (), _PAGE)
            return [case.id for case in found]

        each = {"review_list": (Case, listed, size.pages), "review_page": (Case, paged, size.pages)}
        return await _measured(bed.app, bed.big, short(bed.number), size.rounds, each)


# --- searches ---


async def _searches(server: Server, size: Size) -> list[Figure]:
    figures: list[Figure] = []
    async with grounds(server, size) as made:
        for place in made:
            those = {name: (Payment, _search(place, wish), size.pages) for name, wish in (await wishes(place)).items()}
            figures += await _measured(place.app, place.big, short(place.number), size.rounds, those)
    return figures


def _search(place: Ground, wish: PaymentsWish) -> Do:
    call, encoder = Call(place.app, place.owner(), None, wish, {}), msgspec.json.Encoder()

    async def do() -> Sequence[str]:
        _, told = await api.page(call)
        assert isinstance(told, PaymentsTold)
        encoder.encode(told)
        return [each.id for each in told.items]

    return do


async def wishes(place: Ground) -> Mapping[str, PaymentsWish]:
    """Every search by one thing, and some by two or all. What they look for is there, if seldom."""
    found = await place.connection.fetchrow(
        "select * from payments where merchant_id = $1 order by id desc"
        " offset least(40, (select count(*) - 1 from payments where merchant_id = $1)) limit 1",
        place.big[0].merchant_id,
    )
    month = CLOCK.now() - timedelta(days=31)
    fen, tail, cashier = found["amount_fen"], found["code_tail"], found["opened_by"]
    return {
        "newest": PaymentsWish(),
        "number": PaymentsWish(number=found["id"]),
        "prefix": PaymentsWish(number=found["id"][:8]),
        "channel_number": PaymentsWish(number=found["channel_number"]),
        "amount": PaymentsWish(amount_fen=fen),
        "range": PaymentsWish(from_fen=fen, to_fen=fen + 100),
        "time": PaymentsWish(since=month, until=month + timedelta(days=1)),
        "tail": PaymentsWish(code_tail=tail),
        "cashier": PaymentsWish(cashier=cashier),
        "till": PaymentsWish(till=found["till_id"]),
        "store": PaymentsWish(store=found["store_id"]),
        "channel": PaymentsWish(channel="wechat"),
        "state": PaymentsWish(state="SENT"),
        "nothing": PaymentsWish(code_tail="none"),
        "tail_and_year": PaymentsWish(code_tail=tail, since=CLOCK.now() - timedelta(days=390)),
        "all": PaymentsWish(
            amount_fen=fen, code_tail=tail, cashier=cashier, till=found["till_id"], store=found["store_id"],
            channel="wechat", state="PAID", since=month,
        ),
    }  # fmt: skip


@asynccontextmanager
async def grounds(server: Server, size: Size) -> AsyncIterator[list[Ground]]:
    """A database for each number of payments."""
    async with AsyncExitStack() as stack:
        made = []
        for number in size.growth:
            say(f"console: filling to {number} payments")
            database = await ground.database(server)
            app = await stack.enter_async_context(running(Settings(state=server.state), database))
            connection = await db.connect(database)
            stack.push_async_callback(connection.close)
            big = await cases.big_one(app.pools.recorder)
            places = [*await ground.tills(app.pools.recorder, SMALL), *big * (SMALL // STORES)]
            await filled(connection, places, number)
            made.append(Ground(number, app, connection, big))
        yield made


async def filled(connection: asyncpg.Connection[Any], places: Sequence[Till], number: int) -> None:
    """Make so many payments over the last `DAYS`, each at one of these places, by SQL: their rows alone."""
    row, now = ground.paying(ground.opening(places[-1]).row).row, CLOCK.now()
    await ground.inserted(connection, row)
    apart = timedelta(days=DAYS) / number
    await connection.execute("create temp table numbers (n bigint, id text, at timestamptz)")
    for begin in range(1, number, _AT_ONCE):
        numbers = range(begin, min(begin + _AT_ONCE, number))
        moments = [now - (number - n) * apart for n in numbers]
        records = [(n, ids.new(Kind.PAYMENT, at), at) for n, at in zip(numbers, moments, strict=True)]
        await connection.copy_records_to_table("numbers", records=records)
        await connection.execute(
            _FILL, *([getattr(each, name) for each in places] for name in ("merchant_id", "id", "store_id")),
            row.id, CASHIERS, SUMS, timeout=600,
        )  # fmt: skip
        await connection.execute("truncate numbers")
    await connection.execute("vacuum analyze payments")
    await connection.execute("checkpoint")


_OWN = {
    "merchant_id": "($1::text[])[p.place]",
    "id": "n.id",
    "till_id": "($2::text[])[p.place]",
    "store_id": "($3::text[])[p.place]",
    "amount_fen": "1 + h.h % $6",
    "code_tail": "lpad((h.h / 7 % 10000)::text, 4, '0')",
    "code_mark": "md5(n.id)",
    "fingerprint": "md5(n.id) || md5(n.id)",
    "channel": "case h.h % 3 when 0 then 'alipay' else 'wechat' end",
    "channel_number": "'42000000' || n.id",
    "state": "case when h.h % 997 = 0 then 'SENT' else 'PAID' end",
    "opened_by": "'cashier-' || h.h / 11 % $5",
    "opened_at": "n.at",
}
_FILL = f"""
insert into payments ({", ".join(each.name for each in fields(Payment))})
select {", ".join(_OWN.get(each.name, f"t.{each.name}") for each in fields(Payment))}
from numbers n cross join (select * from payments where id = $4) t
cross join lateral (select hashtext(n.id)::bigint + 2147483648 as h) h
cross join lateral (select 1 + (h.h / 13 % cardinality($1::text[]))::int as place) p
order by n.id
"""


# --- measuring ---


async def _measured(
    app: App, big: Sequence[Till], size: str, rounds: int, those: Mapping[str, tuple[type[Row], Do, int]]
) -> list[Figure]:
    """A figure for each operation, of several rounds the medians; beside each, a bare select of what it found."""
    took: dict[str, list[tuple[Round, Round]]] = {name: [] for name in those}
    for turn in range(rounds + 1):  # the first one warms up, and is not counted
        say(f"console: {size}, round {turn} of {rounds}")
        for name, (row_type, do, times) in those.items():
            found = await do()
            ours = await _timed(do, times)
            floor = await _timed(lambda r=row_type, f=found: _bare(app, big[0].merchant_id, r, f), times)  # type: ignore[misc]
            if turn:
                took[name].append((ours, floor))
    return [_figure(f"console_{size}_{name}", each) for name, each in took.items()]


async def _bare(app: App, merchant_id: str, row_type: type[Row], found: Sequence[str]) -> Sequence[str]:
    names = ", ".join(each.name for each in fields(row_type))
    sql = f"select {names} from {row_type.table} where merchant_id = $1 and id = any($2)"
    await db.read(app.pools.reader, merchant_id, sql, merchant_id, found)
    return found


async def _timed(do: Do, times: int) -> Round:
    seconds, cpu = [], cpu_of(os.getpid())
    for _ in range(times):
        began = time.perf_counter()
        await do()
        seconds.append(time.perf_counter() - began)
    return Round(seconds, (cpu_of(os.getpid()) - cpu) / times)


def _figure(name: str, took: Sequence[tuple[Round, Round]]) -> Figure:
    beside = against(median([floor.each for _, floor in took]) * 1e3, median([ours.each for ours, _ in took]) * 1e3)
    beside["ratio"] = median([ours.each / floor.each for ours, floor in took])
    return Figure(
        name=name,
        unit="ms",
        **beside,
        cpu_us=median([ours.cpu for ours, _ in took]) * 1e6,
        **spread([wait for ours, _ in took for wait in ours.seconds]),
    )
