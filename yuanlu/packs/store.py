"""What a pack is made of: one snapshot of one merchant's books, as the reader, in a bounded number of reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import asyncpg
import msgspec

from yuanlu import db
from yuanlu.cases.handovers import Handover, Side
from yuanlu.cases.rules import Case
from yuanlu.complaints.rules import Complaint
from yuanlu.errors import Denied
from yuanlu.packs.dossier import PACK, Found, Happened, Heard, Moved
from yuanlu.payments.rules import Payment
from yuanlu.refunds.rules import Refund
from yuanlu.repayments.rules import Repayment

FACTS_MAX, EVIDENCE_MAX, MOVES_MAX, REFUNDS_MAX = 5000, 2000, 2000, 200
GIVEN_MAX, COMPLAINTS_MAX, HANDOVERS_MAX = 200, 100, 10


def _names(row_type: type, *without: str) -> str:
    return ", ".join(each.name for each in fields(row_type) if each.name not in without)


_CASE = f"select {_names(Case)} from cases where merchant_id = $1 and id = $2"
_PAYMENT = f"select {_names(Payment)} from payments where merchant_id = $1 and id = $2"
_REFUNDS = f"select {_names(Refund)} from refunds where merchant_id = $1 and payment_id = $2 order by id limit $3"
_REPAYMENTS = f"""
  select {_names(Repayment, "account")} from repayments
  where merchant_id = $1 and payment_id = $2 order by id limit $3
"""
_COMPLAINTS = f"""
  select {_names(Complaint)} from complaints where merchant_id = $1 and payment_id = $2
  order by complained_at, id limit $3
"""
_HANDOVERS = f"""
  select {_names(Handover, "fingerprint", "voucher", "said")} from handovers
  where merchant_id = $1 and case_id = $2 and side = '{Side.TAKING}' order by id limit $3
"""
_MERCHANT = """
  select m.merchant_id as id, m.name, coalesce(s.name, '') as store, coalesce(t.name, '') as till from merchants m
  left join stores s on s.merchant_id = m.merchant_id and s.id = $2
  left join tills t on t.merchant_id = m.merchant_id and t.id = $3
  where m.merchant_id = $1
"""
_FACTS = """
  select object_id as object, transition, seq, at, who, kind, evidence_id as evidence, body from facts
  where merchant_id = $1 and object_id = any($2) order by recorded_at, transition, object_id, seq limit $3
"""
_HEARD = "object_id as object, id, kind, at, operation, status, took_ms, digest, body"
_EVIDENCE = f"""
  select {_HEARD} from evidence
  where merchant_id = $1 and object_id = any($2) order by recorded_at, id limit $3
"""
_MOVES = """
  select object_id as object, transition, seq, source, target, amount_fen, currency from moves
  where merchant_id = $1 and object_id = any($2) order by recorded_at, transition, object_id, seq limit $3
"""
_GIVEN = f"""
  select {_HEARD} from evidence
  where merchant_id = $1 and object_id = $2 and kind = '{PACK}' order by recorded_at desc, id desc limit {GIVEN_MAX}
"""


async def found(pool: asyncpg.Pool[Any], merchant_id: str, case_id: str) -> Found:
    """Read all about a case, as of one moment.

    Raises Denied: case.unknown, pack.too_much.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("select set_config('yuanlu.merchant', $1, true)", merchant_id)
        return await _read(connection, merchant_id, case_id)


async def _read(connection: Any, merchant_id: str, case_id: str) -> Found:
    case = await connection.fetchrow(_CASE, merchant_id, case_id)
    if case is None:
        raise Denied("case.unknown")
    payment = await connection.fetchrow(_PAYMENT, merchant_id, case["payment_id"])
    merchant = await connection.fetchrow(_MERCHANT, merchant_id, payment["store_id"], payment["till_id"])

    async def bounded(what: str, sql: str, about: object, most: int) -> Sequence[dict[str, Any]]:
        rows = await connection.fetch(sql, merchant_id, about, most + 1)
        if len(rows) > most:
            raise Denied("pack.too_much", what=what, limit=most)
        return [dict(row) for row in rows]

    refunds = await bounded("refunds", _REFUNDS, payment["id"], REFUNDS_MAX)
    repayments = await bounded("repayments", _REPAYMENTS, payment["id"], REFUNDS_MAX)
    handovers = await bounded("handovers", _HANDOVERS, case["id"], HANDOVERS_MAX)
    objects = [case["id"], payment["id"], *(each["id"] for each in (*refunds, *repayments, *handovers))]
    return Found(
        merchant=dict(merchant),
        case=dict(case),
        payment=dict(payment),
        refunds=refunds,
        facts=[_happened(each) for each in await bounded("facts", _FACTS, objects, FACTS_MAX)],
        evidence=[Heard(**each) for each in await bounded("evidence", _EVIDENCE, objects, EVIDENCE_MAX)],
        moves=[Moved(**each) for each in await bounded("moves", _MOVES, objects, MOVES_MAX)],
        repayments=repayments,
        complaints=await bounded("complaints", _COMPLAINTS, payment["id"], COMPLAINTS_MAX),
        handovers=handovers,
    )


def _happened(row: Mapping[str, Any]) -> Happened:
    return Happened(**{**row, "body": msgspec.json.decode(row["body"])})


async def given(pool: asyncpg.Pool[Any], merchant_id: str, case_id: str) -> Sequence[Heard]:
    """The packs that were made of a case, the newest first, at most 200."""
    rows = await db.read(pool, merchant_id, _GIVEN, merchant_id, case_id)
    return [Heard(**dict(row)) for row in rows]
