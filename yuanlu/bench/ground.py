"""What the benches stand on: an embedded PostgreSQL of their own, a migrated database each, and invented payments."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

from yuanlu import db, ids
from yuanlu.change import Change, Row, columns_of
from yuanlu.channels.contract import Channel, Evidence, Outcome, Word
from yuanlu.channels.registry import FACTS
from yuanlu.clock import SystemClock
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.payments import rules, store
from yuanlu.payments.rules import ChargeAsk, ChargeSeen, Payment
from yuanlu.postgres import Server
from yuanlu.refunds import rules as refunds
from yuanlu.refunds.rules import RefundAsk, RefundSeen

CLOCK = SystemClock()
_numbers = itertools.count(1)

_SAID = (
    '{"appid":"wx2421b1c4370ec43b","mchid":"1900000109","out_trade_no":"%s","transaction_id":"%s","trade_type":'
    '"MICROPAY","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"CMC","success_time":'
    '"2026-11-23T10:34:56+08:00","payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"amount":{"total":1280,'
    '"payer_total":1280,"currency":"CNY","payer_currency":"CNY"}}'
)
"""An answer of the usual length: what is kept as evidence of a payment."""


@dataclass(frozen=True, slots=True)
class Till:
    """Where an invented payment is made."""

    merchant_id: str
    id: str
    store_id: str


def _spot() -> Path:
    """A new directory: postgres runs as the service user when we are root, which must be able to enter."""
    spot = Path(tempfile.mkdtemp(prefix="yuanlu-bench-"))
    spot.chmod(0o711)
    return spot


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    """An embedded PostgreSQL in a directory of its own, gone with it afterwards."""
    spot = _spot()
    try:
        async with Server(spot / "state") as running:
            yield running
    finally:
        shutil.rmtree(spot, ignore_errors=True)


async def database(server: Server) -> db.Database:
    """A migrated database of its own."""
    name = f"bench_{next(_numbers)}"
    await server.create(name)
    made = db.Database(server.url(name), logs_in_as_roles=True)
    await db.migrate(made)
    return made


def connecting(database: db.Database) -> Callable[[], Awaitable[asyncpg.Connection[Any]]]:
    """How a recorder opens its connections."""
    return partial(db.connect, database, db.Role.RECORDER, deadline_within=30)


async def tills(pool: asyncpg.Pool[Any], number: int) -> list[Till]:
    """Merchants with a store, a till and a channel each; the channel has no keys yet."""
    return list(await asyncio.gather(*(_till(pool, place) for place in range(number))))


async def _till(pool: asyncpg.Pool[Any], place: int) -> Till:
    at = CLOCK.now()
    merchant_id = await merchants.add_merchant(pool, f"Shop {place}", at)
    store_id = await merchants.add_store(pool, merchant_id, "Store", at)
    await merchants.set_channel(pool, merchant_id, Channel.WECHAT, {}, at)
    return Till(merchant_id, await merchants.add_till(pool, merchant_id, store_id, "Till", at), store_id)


def wish(till: Till) -> ChargeAsk:
    """A wish to be paid at this till, with a code of its own: nothing here is about a code used twice."""
    payment_id = ids.new(ids.Kind.PAYMENT)
    return ChargeAsk(
        merchant_id=till.merchant_id,
        id=payment_id,
        till_id=till.id,
        amount=Money(1280),
        who="bench",
        code="134567890123456789",
        code_mark=payment_id,
        channel=Channel.WECHAT,
    )


def opening(till: Till) -> Change[Payment]:
    """The change that writes a payment down before it is sent, as the rules make it: row, fact, look."""
    seen = ChargeSeen(None, till.store_id, frozenset([Channel.WECHAT]), None)
    change = rules.open_payment(FACTS, wish(till), seen, CLOCK.now())
    assert isinstance(change, Change)
    return change


def paid(payment: Payment) -> Outcome:
    """What is heard when a payment is paid, with evidence of the usual length."""
    at = CLOCK.now()
    number = f"42000000{payment.id[4:24]}"
    return Outcome(
        word=Word.SETTLED,
        code="SUCCESS",
        amount=payment.amount,
        channel_number=number,
        payer="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        at=at,
        evidence=Evidence(
            id=ids.new(ids.Kind.EVIDENCE, at),
            kind="answer",
            at=at,
            body=_SAID % (payment.id, number),
            digest=payment.fingerprint,
            operation="pay",
            status=200,
            took_ms=120,
        ),
    )


def paying(payment: Payment) -> Change[Payment]:
    """The change that hears a payment is paid, as the rules make it: row, move, fact, evidence, look ended."""
    change = rules.hear(FACTS, paid(payment), payment, CLOCK.now())
    assert isinstance(change, Change)
    return change


def two_changes(till: Till) -> tuple[Change[Payment], Change[Payment]]:
    """A whole payment: written down, then paid."""
    first = opening(till)
    return first, paying(first.row)


async def filled(connection: asyncpg.Connection[Any], places: Sequence[Till], number: int) -> None:
    """Bring the tables of a database to this many paid payments, with all that belongs to them, by SQL."""
    have = await connection.fetchval("select count(*) from payments")
    if not have:
        await inserted(connection, paying(opening(places[0]).row).row)
    for table, sql in _FILL.items():
        await connection.execute(
            sql + _EACH + _MORE.get(table, ""),
            have,
            number - (not have),
            [till.merchant_id for till in places],
            [till.id for till in places],
            [till.store_id for till in places],
            timeout=600,
        )
        await connection.execute(f"analyze {table}")
    await connection.execute("checkpoint")


async def refunded(connection: asyncpg.Connection[Any]) -> None:
    """Give every payment a refund that was sent and not heard of since."""
    row = await connection.fetchrow("select * from payments limit 1")
    payment = store.made(row)
    at = CLOCK.now()
    ask = RefundAsk(
        merchant_id=payment.merchant_id,
        id=ids.new(ids.Kind.REFUND, at),
        payment_id=payment.id,
        amount=Money(100),
        who="bench",
    )
    refund = refunds.open_refund(FACTS, ask, RefundSeen(None, payment), at).row
    while refund.state is not refunds.State.SENT:
        refund = refunds.next_step(FACTS, RefundSeen(refund, None), at).row
    await inserted(connection, refund)
    await connection.execute(
        "insert into refunds select n.* from refunds r join payments p on p.id <> r.payment_id cross join lateral"
        " jsonb_populate_record(r, jsonb_build_object('merchant_id', p.merchant_id, 'id', 'YR' || substr(p.id, 3),"
        "   'payment_id', p.id)) n"
    )
    await connection.execute("analyze refunds")


async def inserted(connection: asyncpg.Connection[Any], row: Row) -> None:
    """Insert a row as it is."""
    names = [column.name for column in columns_of(type(row))]
    places = ", ".join(f"${n + 1}" for n in range(len(names)))
    values = [getattr(row, name) for name in names]
    await connection.execute(f"insert into {row.table} ({', '.join(names)}) values ({places})", *values)


_EACH = """
  from generate_series($1::bigint + 1, $2::bigint) n
  cross join lateral (select 1 + (n % cardinality($3::text[]))::int as place) p
  cross join lateral (select ($3::text[])[place] as merchant_id, ($4::text[])[place] as till_id,
    ($5::text[])[place] as store_id, 'YP0' || lpad(n::text, 26, '0') as id) e
"""
_FILL = {
    "payments": "insert into payments select r.*",
    "moves": """
insert into moves (merchant_id, recorded_at, object_id, transition, seq, source, target, amount_fen, currency)
select merchant_id, now(), id, 2, 0, 'due:wechat', 'owed', 1280, 'CNY'
""",
    "facts": """
insert into facts (merchant_id, recorded_at, object_id, transition, seq, kind, who, at, evidence_id, body)
select merchant_id, now(), id, version, 0, kind, 'bench', now(), '', '{"amount_fen":1280,"channel":"wechat"}'
""",
    "evidence": """
insert into evidence (merchant_id, recorded_at, id, object_id, kind, at, operation, status, took_ms, digest, body)
select merchant_id, now(), 'YE' || substr(id, 3), id, 'answer', now(), 'pay', 200, 120, md5(id) || md5(id),
  repeat('{"trade_state":"SUCCESS"}', 16)
""",
}
_MORE = {
    # A function that gives a row belongs behind `from`: as `(f()).*` it would run once a column.
    "payments": """
  cross join lateral jsonb_populate_record((select t from payments t where t.state = 'PAID' limit 1),
    jsonb_build_object('merchant_id', e.merchant_id, 'id', e.id, 'till_id', e.till_id, 'store_id', e.store_id,
      'fingerprint', md5(e.id) || md5(e.id), 'code_mark', md5(e.id), 'channel_number', '42000000' || e.id)) r
""",
    "facts": " cross join (values (1, 'PaymentOpened'), (2, 'PaymentPaid')) f (version, kind)",
}
