"""Cases: report a mistaken scan, see what became of it, decide where a person must."""

from __future__ import annotations

from yuanlu.cases import flow, store
from yuanlu.cases.rules import Case, CaseAsk, Decision, What
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.money import Money
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import CasesTold, CasesWish, CaseTold, CaseWish, DecisionWish, case_told


async def request(call: Call) -> Answer:
    """Write a report down; the worker puts it right."""
    wish: CaseWish = call.wish
    ask = CaseAsk(
        merchant_id=call.merchant_id,
        id=checked(wish.id, Kind.CASE),
        payment_id=wish.payment,
        what=What(wish.what),
        who=call.who,
        meant=None if wish.meant_fen is None else Money(wish.meant_fen),
        said=wish.said,
    )
    done = await flow.requested(call.office.desk, ask)
    return 201 if done.changed else 200, case_told(done.row)


async def see(call: Call) -> Answer:
    """One case."""
    seen = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.CASE)))
    if seen.case is None:
        raise Denied("case.unknown")
    return 200, case_told(seen.case)


async def page(call: Call) -> Answer:
    """Some cases, newest first."""
    wish: CasesWish = call.query
    found = await lists.page(
        call.office.pools.reader,
        call.merchant_id,
        Case,
        wish.after,
        wish.limit,
        {"state": wish.state},
        payment_id=wish.payment,
    )
    return 200, CasesTold(items=[case_told(store.made(row)) for row in found.rows], next=found.next)


async def decide(call: Call) -> Answer:
    """A person chooses what becomes of a case that needs one."""
    wish: DecisionWish = call.wish
    decision = Decision(refund=None if wish.refund_fen is None else Money(wish.refund_fen), who=call.who)
    return 200, case_told(await flow.decide(call.office.desk, call.merchant_id, call.id(Kind.CASE), decision))


ROUTES = (
    Route(
        method="POST",
        path="/v1/cases",
        verb=request,
        says="Report a mistaken scan",
        takes=CaseWish,
        gives=CaseTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "case.id_taken",
            "case.payment_unknown",
            "case.meant_missing",
            "case.meant_unexpected",
            "case.meant_invalid",
            "case.already_open",
        ),
        example={
            "id": "YC01KATE3S40000000000000000J3",
            "payment": "YP01KATE3S40000000000000000S8",
            "what": "wrong_amount",
            "meant_fen": 1280,
        },
    ),
    Route(method="GET", path="/v1/cases", verb=page, says="Cases, newest first", query=CasesWish, gives=CasesTold),
    Route(
        method="GET",
        path="/v1/cases/{case}",
        verb=see,
        says="One case",
        gives=CaseTold,
        denied=("case.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/cases/{case}/decision",
        verb=decide,
        says="Decide a case that needs a person",
        takes=DecisionWish,
        gives=CaseTold,
        denied=("case.unknown", "case.not_waiting", "case.refund_open", "case.amount"),
        example={"refund_fen": 1280},
    ),
)
