"""The verbs of a shop's codes, and whose money a voucher leads to, for a terminal."""

from __future__ import annotations

from datetime import datetime, timedelta

from yuanlu import ids
from yuanlu.cases import tracing
from yuanlu.clock import CHINA
from yuanlu.devices import flow
from yuanlu.devices.rules import Code, CodeAsk, FoundAs
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.terminal.verbs import Counter, till_of, who
from yuanlu.web.api import devices
from yuanlu.web.api.devices import CodesTold, CodesWish, CodeTold, TraceTold


async def add(
    counter: Counter, text: str, till: str, place: str, until: datetime | None, audit_days: int, code_id: str
) -> Code:
    """Write a code down. `until`: the last day on which it counts.

    Raises Denied: see `devices.flow.hang`.
    """
    at = await till_of(counter, till)
    ask = CodeAsk(
        merchant_id=counter.merchant_id,
        id=ids.checked(code_id, Kind.CODE) if code_id else ids.new(Kind.CODE),
        store_id=at.store_id,
        till_id=at.id,
        place=place,
        who=who(),
        text=text,
        valid_until=None if until is None else until.replace(tzinfo=CHINA) + timedelta(days=1),
        audit_days=audit_days,
    )
    return (await flow.hang(counter.app.desk, ask)).row


async def listed(counter: Counter, due: bool, limit: int) -> CodesTold:
    """Some codes, newest first; those due, soonest first."""
    wish = CodesWish(limit=limit, due=due)
    return await devices.codes_told(counter.app.pools.reader, counter.merchant_id, wish, counter.app.clock.now())


async def audit(counter: Counter, code_id: str, found: str, note: str) -> Code:
    """Say how a sticker was found.

    Raises Denied: code.unknown, code.retired.
    """
    code_id = _known(code_id)
    return await flow.audit(counter.app.desk, counter.merchant_id, code_id, FoundAs(found), note, who())


async def retire(counter: Counter, code_id: str, note: str) -> Code:
    """Say that a code is taken down for good.

    Raises Denied: code.unknown.
    """
    return await flow.retire(counter.app.desk, counter.merchant_id, _known(code_id), note, who())


def _known(code_id: str) -> str:
    if not ids.is_id(code_id, Kind.CODE):
        raise Denied("code.unknown")
    return code_id


def told(code: Code, counter: Counter) -> CodeTold:
    """A code as it is printed."""
    return devices.code_told(code, counter.app.clock.now())


async def trace(counter: Counter, text: str, amount_fen: int | None) -> TraceTold:
    """Say whose money a voucher leads to.

    Raises Denied: trace.unreadable.
    """
    desk = counter.app.desk
    voucher = tracing.voucher_of(desk, text)
    found = await tracing.trace(desk, counter.merchant_id, voucher, amount_fen, counter.app.clock.now())
    return devices.trace_told(found)
