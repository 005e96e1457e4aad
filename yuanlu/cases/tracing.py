"""Where the money went: from what a payer can show to the payment, and over to the shop that has it.

Two merchants of one installation meet here and nowhere else. `trace` tells the one who asks only "yours", "another
shop's" or "unknown"; its SQL gives nothing else out. `drive` alone learns whose it is, and writes on either side only
what that side may know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases import handovers
from yuanlu.cases import store as cases_store
from yuanlu.cases.beside import Hint
from yuanlu.cases.causes import Whose
from yuanlu.cases.handovers import By, Handover, HandoverAsk, Payee, State, Voucher
from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.devices import flow as devices
from yuanlu.devices import rules as device_rules
from yuanlu.devices import store as devices_store
from yuanlu.devices.rules import Standing
from yuanlu.errors import Busy, Denied
from yuanlu.reading import Read, View, maker, over_keys, rows_by_id

Found = Sequence[Sequence[Mapping[str, Any]]]

_PAYEES = """
  (select p.merchant_id, p.id, p.amount_fen, p.channel, p.paid_at from payments p
   where p.channel_number = k.a and p.channel_number <> '' and p.paid_at is not null)
  union all
  (select p.merchant_id, p.id, p.amount_fen, p.channel, p.paid_at from merchants m
   join payments p on p.merchant_id = m.merchant_id and p.id = k.a where p.paid_at is not null)
"""
_PAYEES_BY_CODE = """
  select p.merchant_id, p.id, p.amount_fen, p.channel, p.paid_at from codes c
  join payments p on p.merchant_id = c.merchant_id and p.id > k.b and p.id < k.d
  where c.mark = k.a and p.amount_fen = k.c and p.store_id = c.store_id
    and (c.till_id = '' or p.till_id = c.till_id) and p.paid_at is not null
"""
_SEEN = (
    "select k.place, p.merchant_id = k.merchant_id as is_yours, case when p.merchant_id = k.merchant_id then p.id end"
    " as id from keys k cross join lateral ("
)
SEEN, SEEN_BY_CODE = over_keys(f"{_SEEN}{_PAYEES}) p"), over_keys(f"{_SEEN}{_PAYEES_BY_CODE}) p")
"""What the one who asks is told: his own payments, and of another's only that there is one."""
PAYEES = over_keys(
    f"select k.place, p.* from keys k cross join lateral ({_PAYEES}) p where p.merchant_id <> k.merchant_id"
)
PAYEES_BY_CODE = over_keys(
    f"select k.place, p.* from keys k cross join lateral ({_PAYEES_BY_CODE}) p where p.merchant_id <> k.merchant_id"
)
"""Whose it is. For `drive` alone."""
BY_ID = rows_by_id(Handover)
OF_CASE = over_keys(
    "select k.place, t.id from keys k join handovers t on t.merchant_id = k.merchant_id and t.case_id = k.a"
    " and t.case_id <> ''"
)
OTHER_SIDE = over_keys(
    "select k.place, t.merchant_id from keys k join handovers t on t.id = k.a and t.merchant_id <> k.merchant_id"
    " where t.side = 'asking'"
)
made = maker(Handover)


def by_id(merchant_id: str, handover_id: str) -> View[Handover | None]:
    """One side of a hand-over, or None."""
    return View((Read(BY_ID, merchant_id, handover_id),), lambda found: made(found[0][0]) if found[0] else None)


@dataclass(frozen=True, slots=True)
class Traced:
    """What the one who asks may know: whose it is, and of his own the payments, and the code and how it stands."""

    whose: Whose
    payments: tuple[str, ...] = ()
    code_id: str = ""
    standing: Standing | None = None


def voucher_of(desk: Desk, text: str) -> Voucher:
    """Read what a payer shows.

    Raises Denied: trace.unreadable.
    """
    return handovers.voucher_of(text, devices.mark_of(desk, text))


def _keys(voucher: Voucher, amount_fen: int | None, happened_at: datetime | None) -> tuple[str, str, int, str]:
    """The keys of a search: by number, or by code with sum and time (without these, nothing is found by a code)."""
    if voucher.by is not By.CODE or amount_fen is None or happened_at is None:
        return voucher.key, "", 0, ""
    low, high = ids.around(ids.new(ids.Kind.PAYMENT, happened_at), handovers.NEAR)
    return voucher.key, low, amount_fen, high


async def trace(
    desk: Desk, merchant_id: str, voucher: Voucher, amount_fen: int | None = None, happened_at: datetime | None = None
) -> Traced:
    """Say whose money a voucher leads to: yours (and which payments), another shop's, or nobody's that we know."""
    a, b, c, d = _keys(voucher, amount_fen, happened_at)
    by_code = voucher.by is By.CODE
    found = await desk.see(
        View((Read(SEEN_BY_CODE if by_code else SEEN, merchant_id, a, b, c, d),), lambda found: found[0])
    )
    payments = tuple(row["id"] for row in found if row["is_yours"])
    told = Traced(_whose(bool(payments), bool(found)), payments)
    return await _with_code(desk, merchant_id, voucher, told) if by_code else told


def _whose(is_yours: bool, is_known: bool) -> Whose:
    if is_yours:
        return Whose.YOURS
    return Whose.ANOTHER if is_known else Whose.UNKNOWN


async def _with_code(desk: Desk, merchant_id: str, voucher: Voucher, told: Traced) -> Traced:
    """The same, with what the registry of codes says."""
    owner = await desk.see(devices_store.owner_of(merchant_id, voucher.key))
    told = replace(told, whose=_whose(owner.is_yours, owner.is_known))
    code = await desk.see(devices_store.by_id(merchant_id, owner.code_id)) if owner.code_id else None
    if code is None:
        return told
    return replace(told, code_id=code.id, standing=device_rules.standing(code, desk.clock.now()))


async def request(desk: Desk, wish: HandoverAsk) -> Done[Handover]:
    """Write down that a request shall be handed over to the shop that has the money; a job does it.

    Asking again with the same id and content gives the same back, not `changed`.
    Raises Denied: handover.id_taken, trace.yours, trace.not_found, trace.needs_sum_and_time.
    """
    if wish.voucher.by is By.CODE and (wish.amount_fen is None or wish.happened_at is None):
        raise Denied("trace.needs_sum_and_time")
    told = await trace(desk, wish.merchant_id, wish.voucher, wish.amount_fen, wish.happened_at)
    if told.whose is Whose.ANOTHER and len(await _payees(desk, wish)) != 1:
        told = replace(told, whose=Whose.UNKNOWN)
    if wish.said:
        sealed = await desk.sealed(wish.merchant_id, wish.id)
        wish = replace(wish, said=sealed.seal(wish.said), said_mark=sealed.mark(wish.said))
    view = by_id(wish.merchant_id, wish.id)
    return await desk.decide(view, lambda known, at: handovers.ask(wish, known, told.whose, at))


async def _payees(desk: Desk, wish: HandoverAsk | Handover) -> list[Payee]:
    voucher = handovers.kept_voucher(wish.voucher) if isinstance(wish, Handover) else wish.voucher
    a, b, c, d = _keys(voucher, wish.amount_fen, wish.happened_at)
    select = PAYEES_BY_CODE if voucher.by is By.CODE else PAYEES
    rows = await desk.see(View((Read(select, wish.merchant_id, a, b, c, d),), lambda found: found[0]))
    return [Payee(row["merchant_id"], row["id"], row["amount_fen"], row["channel"], row["paid_at"]) for row in rows]


async def drive(desk: Desk, merchant_id: str, handover_id: str) -> Handover:
    """Hand a request over: the taking side's row, its case, then the word on the asking side.

    Each step may be done twice. Raises Denied: handover.unknown; Busy while people have another case about that
    payment: it comes again.
    """
    asking = await desk.see(by_id(merchant_id, handover_id))
    if asking is None:
        raise Denied("handover.unknown")
    if asking.state is not State.ASKED:
        return asking
    payees = await _payees(desk, asking)
    if len(payees) != 1:
        return await _moved(desk, merchant_id, handover_id, State.DECLINED)
    try:
        await _taken(desk, asking, payees[0])
    except Denied as no:
        if no.code == "case.already_open":
            raise Busy("handover.case_open") from no
        return await _moved(desk, merchant_id, handover_id, State.DECLINED)
    return await _moved(desk, merchant_id, handover_id, State.HANDED)


async def _taken(desk: Desk, asking: Handover, payee: Payee) -> None:
    view = by_id(payee.merchant_id, asking.id)
    taking = await desk.decide(view, partial(handovers.take, payee, asking))
    said = (await desk.sealed(asking.merchant_id, asking.id)).open(asking.said) if asking.said else ""
    await cases.request(desk, handovers.case_ask(taking.row, said))


async def _moved(desk: Desk, merchant_id: str, handover_id: str, state: State) -> Handover:
    done = await desk.decide(by_id(merchant_id, handover_id), partial(handovers.move, state))
    return done.row


async def learn_case(desk: Desk, merchant_id: str, case_id: str) -> None:
    """Tell both sides how far a hand-over is, by the case at the taking side."""
    found = await desk.see(View((Read(OF_CASE, merchant_id, case_id),), lambda found: found[0]))
    seen = await desk.see(cases_store.by_id(merchant_id, case_id))
    if not found or seen.case is None:
        return
    handover_id, state = found[0]["id"], handovers.state_of(seen.case)
    await _moved(desk, merchant_id, handover_id, state)
    others = await desk.see(View((Read(OTHER_SIDE, merchant_id, handover_id),), lambda found: found[0]))
    for row in others:
        await _moved(desk, row["merchant_id"], handover_id, state)


async def hint_of(desk: Desk, merchant_id: str, text: str, hint: Hint) -> Hint:
    """A hint for the causes of a case, with what the registry says about a scanned code."""
    owner = await devices.whose(desk, merchant_id, text)
    code = await desk.see(devices_store.by_id(merchant_id, owner.code_id)) if owner.code_id else None
    is_stale = code is not None and device_rules.standing(code, desk.clock.now()) in device_rules.STALE
    return replace(
        hint,
        code_owner=_whose(owner.is_yours, owner.is_known),
        code_is_stale=is_stale,
        code_id=owner.code_id,
    )
