"""Every report over a year of one merchant's payments, beside a bare sum over the same rows."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from yuanlu import db, ids
from yuanlu.bench import ground
from yuanlu.bench.ground import CLOCK, Till
from yuanlu.bench.measure import Figure, Size, against, median, say, spread
from yuanlu.cases import rules as cases
from yuanlu.channels.registry import FACTS
from yuanlu.clock import business_day
from yuanlu.ids import Kind
from yuanlu.insight import store
from yuanlu.insight.rules import Days, Group
from yuanlu.insight.store import Of
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import rules as payments
from yuanlu.postgres import Server
from yuanlu.refunds import rules as refunds

STORES, TILLS, CASHIERS = 4, 3, 24
YEAR = timedelta(days=365)
ONE_IN = 100
"""Of so many payments one was a mistake, and its money went back."""


async def reports(server: Server, size: Size) -> list[Figure]:
    """How long each report takes; the floor is a count and a sum of the same payments by the same connection."""
    database = await ground.database(server)
    connection = await db.connect(database)
    pools = await db.open_pools(database, reports_within=120)
    try:
        tills = await _tills(pools.recorder)
        say(f"reports: filling to {size.reported} payments")
        await _filled(connection, tills, size.reported)
        today = business_day(CLOCK.now())
        year = Of(tills[0].merchant_id, Days(today - YEAR, today))
        half = Of(year.merchant_id, Days(today - YEAR / 2, today))
        before = Of(year.merchant_id, half.days.before)

        async def change(pool: asyncpg.Pool[Any]) -> object:
            return await store.mistaken(pool, half), await store.mistaken(pool, before)

        made: Mapping[str, Callable[[asyncpg.Pool[Any]], Awaitable[object]]] = {
            "refund_rate": lambda pool: store.refund_rate(pool, year),
            "time_back": lambda pool: store.time_back(pool, year),
            "causes": lambda pool: store.causes(pool, year),
            "mistakes": lambda pool: store.mistakes(pool, year, Group.CASHIER),
            "guards": lambda pool: store.guarded(pool, year),
            "change": change,
        }
        return [await _figure(name, pools.reports, each, year, size.rounds) for name, each in made.items()]
    finally:
        await pools.close()
        await connection.close()


async def _figure(
    name: str,
    pool: asyncpg.Pool[Any],
    made: Callable[[asyncpg.Pool[Any]], Awaitable[object]],
    of: Of,
    rounds: int,
) -> Figure:
    took, floors = list[float](), list[float]()
    for _ in range(rounds):
        for seconds, run in ((floors, _summed(of)), (took, made)):
            began = time.perf_counter()
            await run(pool)
            seconds.append(time.perf_counter() - began)
    pairs = [each / floor for each, floor in zip(took, floors, strict=True)]
    told = against(median(floors) * 1000, median(took) * 1000) | {"ratio": median(pairs)}
    return Figure(name=f"reports_{name}", unit="ms", **told, **spread(took))


def _summed(of: Of) -> Callable[[asyncpg.Pool[Any]], Awaitable[object]]:
    low, high = of.span(Kind.PAYMENT)
    sql = (
        "select count(*) as n, sum(amount_fen)::bigint as fen from payments"
        " where merchant_id = $1 and id >= $2 and id < $3"
    )

    async def run(pool: asyncpg.Pool[Any]) -> object:
        return await db.read(pool, of.merchant_id, sql, of.merchant_id, low, high)

    return run


async def _tills(pool: asyncpg.Pool[Any]) -> list[Till]:
    first, at = (await ground.tills(pool, 1))[0], CLOCK.now()
    made = list[Till]()
    for place in range(STORES):
        store_id = await merchants.add_store(pool, first.merchant_id, f"Store {place}", at)
        for till in range(TILLS):
            name = f"Till {place}.{till}"
            made.append(
                Till(first.merchant_id, await merchants.add_till(pool, first.merchant_id, store_id, name, at), store_id)
            )
    return made


async def _filled(connection: asyncpg.Connection[Any], tills: list[Till], number: int) -> None:
    """A year of payments, spread evenly; of one in a hundred a case was opened, decided, and its money arrived."""
    at = CLOCK.now()
    payment = ground.paying(ground.opening(tills[0]).row).row
    ask = refunds.RefundAsk(
        merchant_id=payment.merchant_id, id=ids.new(Kind.REFUND, at), payment_id=payment.id, amount=Money(100), who="x"
    )
    refund = refunds.open_refund(FACTS, ask, refunds.RefundSeen(None, payment), at).row
    case = cases.Case(
        merchant_id=payment.merchant_id, id=ids.new(Kind.CASE, at), version=4, state=cases.State.CLOSED,
        payment_id=payment.id, what=cases.What.WRONG_AMOUNT, meant_fen=None, fingerprint="", opened_at=at,
        opened_by="till", remedy=cases.Remedy.REFUND_ALL, remedy_fen=100, conclusion=cases.Conclusion.MONEY_BACK,
        closed_at=at,
    )  # fmt: skip
    refund = replace(refund, state=refunds.State.DONE, sent_at=at, done_at=at, ended_at=at, case_id=case.id)
    paid = replace(payment, state=payments.State.PAID)
    given = (
        number, YEAR.total_seconds(), at, [each.id for each in tills], [each.store_id for each in tills], ONE_IN,
        CASHIERS, [each.value for each in cases.BY_PEOPLE],
    )  # fmt: skip
    for table, row in (("payments", paid), ("cases", case), ("refunds", refund), ("facts", None)):
        template = msgspec.json.encode(asdict(row)).decode() if row is not None else ""
        await connection.execute(_EACH + _FILL[table], *given, template, timeout=1800)
        await connection.execute(f"analyze {table}")
    await connection.execute("checkpoint")


_EACH = """
  with given as materialized (
    select $1::bigint as number, $2::double precision as seconds, $3::timestamptz as at, $4::text[] as tills,
      $5::text[] as stores, $6::bigint as one_in, $7::bigint as cashiers, $8::text[] as whats, $9::text as template
  ), every as (
    select n, at - make_interval(secs => seconds * (number - n) / number) as at, template, whats, one_in,
      tills[1 + (n % cardinality(tills))::int] as till_id, stores[1 + (n % cardinality(tills))::int] as store_id,
      'clerk ' || n % cashiers as clerk
    from given cross join lateral generate_series(1, number) n
  ), each as (
    select e.*, m.marks || lpad(n::text, 16, '0') || 'X' as marks from every e cross join lateral (
      select string_agg(substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ',
        1 + ((extract(epoch from e.at) * 1000)::bigint >> (45 - 5 * i) & 31)::int, 1), '' order by i) as marks
      from generate_series(0, 9) i) m
  )
"""
_FILL = {
    "payments": """
  insert into payments select r.* from each e cross join lateral jsonb_populate_record(null::payments,
    e.template::jsonb || jsonb_build_object('id', 'YP' || marks, 'till_id', till_id, 'store_id', store_id,
      'opened_by', clerk, 'opened_at', at, 'paid_at', at, 'fingerprint', md5(marks), 'code_mark', md5(marks),
      'channel_number', '42' || marks, 'back_fen', case when n % one_in = 0 then 100 else 0 end,
      'amount_fen', 1000 + n % 977)) r
""",
    "cases": """
  insert into cases select r.* from each e cross join lateral jsonb_populate_record(null::cases,
    e.template::jsonb || jsonb_build_object('id', 'YC' || marks, 'payment_id', 'YP' || marks, 'store_id', store_id,
      'refund_id', 'YR' || marks, 'opened_at', at + interval '1 minute',
      'what', whats[1 + (n / one_in % cardinality(whats))::int])) r
  where n % one_in = 0
""",
    "refunds": """
  insert into refunds select r.* from each e cross join lateral jsonb_populate_record(null::refunds,
    e.template::jsonb || jsonb_build_object('id', 'YR' || marks, 'payment_id', 'YP' || marks, 'case_id', 'YC' || marks,
      'opened_at', at + interval '1 hour', 'sent_at', at + interval '61 minutes',
      'done_at', at + interval '70 minutes')) r
  where n % one_in = 0
""",
    "facts": """
  insert into facts (merchant_id, recorded_at, object_id, transition, seq, kind, who, at, evidence_id, body)
  select (select merchant_id from payments limit 1), e.at + k.after, 'YC' || marks, k.n, 0, k.kind, 'x', e.at + k.after,
    '', '{"remedy":"refund_all"}'
  from each e cross join (values (1, 'CaseOpened', interval '1 minute'), (2, 'CaseChecked', interval '2 minutes'),
    (3, 'CaseToReview', interval '2 minutes'), (4, 'RemedyChosen', interval '1 hour'),
    (5, 'CaseClosed', interval '70 minutes')) k (n, kind, after)
  where e.n % one_in = 0 and e.template = ''
""",
}
