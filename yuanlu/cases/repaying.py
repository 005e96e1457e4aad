"""Repayments as people ask for them: the case that one belongs to learns of it at once.

The follower of each fact leaves the case a job in the same commit: whatever dies in between, the case learns of it.
"""

from __future__ import annotations

import contextlib

from yuanlu.cases import flow as cases
from yuanlu.change import Done
from yuanlu.desk import Desk
from yuanlu.errors import Busy
from yuanlu.people.signing import Sure
from yuanlu.repayments import flow, store
from yuanlu.repayments.flow import Wish
from yuanlu.repayments.rules import Refusal, Repayment


async def propose(desk: Desk, wish: Wish, sure: Sure | None = None) -> Done[Repayment]:
    """First of two people. The case it belongs to waits for it from now on.

    Raises Denied: see `repayments.flow.propose`.
    """
    done = await flow.propose(desk, wish, sure)
    await _tell(desk, done.row)
    return done


async def approve(
    desk: Desk, merchant_id: str, repayment_id: str, who: str, role: str = "machine", sure: Sure | None = None
) -> Repayment:
    """Second of two people. A case that has not learnt yet of its repayment does so first.

    Raises Denied: see `repayments.flow.approve`.
    """
    found = (await desk.see(store.by_id(merchant_id, repayment_id))).repayment
    if found is not None:
        await _tell(desk, found)
    return await flow.approve(desk, merchant_id, repayment_id, who, role, sure)


async def pay(
    desk: Desk, merchant_id: str, repayment_id: str, who: str, proof: str, role: str = "machine"
) -> Repayment:
    """It was paid: its case closes.

    Raises Denied: see `repayments.flow.pay`.
    """
    row = await flow.pay(desk, merchant_id, repayment_id, who, proof, role)
    await _tell(desk, row)
    return row


async def refuse(
    desk: Desk, merchant_id: str, repayment_id: str, who: str, because: Refusal, role: str = "machine"
) -> Repayment:
    """It will not be paid: a person must look at its case.

    Raises Denied: see `repayments.flow.refuse`.
    """
    row = await flow.refuse(desk, merchant_id, repayment_id, who, because, role)
    await _tell(desk, row)
    return row


async def _tell(desk: Desk, row: Repayment) -> None:
    if row.case_id:
        with contextlib.suppress(Busy):  # the follower's job comes again
            await cases.drive(desk, row.merchant_id, row.case_id)
