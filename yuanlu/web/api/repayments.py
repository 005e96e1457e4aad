"""Repayments: money back by another road, when the road it came is shut."""

from __future__ import annotations

from yuanlu.cases import repaying
from yuanlu.errors import Denied
from yuanlu.ids import Kind, checked
from yuanlu.money import Money
from yuanlu.repayments import flow, store
from yuanlu.repayments.flow import Account, Wish
from yuanlu.repayments.rules import Because, Refusal, Repayment
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import STEP_UP, Answer, Call, Route
from yuanlu.web.parts.repayments import (
    AccountTold,
    RepaidWish,
    RepaymentRefusalWish,
    RepaymentsTold,
    RepaymentsWish,
    RepaymentTold,
    RepaymentWish,
    repayment_told,
)


async def propose(call: Call) -> Answer:
    """First of two people."""
    wish: RepaymentWish = call.wish
    given = wish.account
    account = Account(
        payer_name=given.payer_name,
        account_name=given.account_name,
        account_number=given.account_number,
        bank=given.bank,
        statement=given.statement,
    )
    done = await repaying.propose(
        call.office.desk,
        Wish(
            merchant_id=call.merchant_id,
            id=checked(wish.id, Kind.REPAYMENT),
            payment_id=wish.payment,
            amount=Money(wish.amount_fen),
            because=Because(wish.because),
            account=account,
            who=call.who,
            role=call.role,
            refund_id=wish.refund,
            case_id=wish.case,
        ),
        call.sure if call.by.is_named else None,
    )
    return 201 if done.changed else 200, repayment_told(done.row)


async def see(call: Call) -> Answer:
    """One repayment."""
    seen = await call.office.desk.see(store.by_id(call.merchant_id, call.id(Kind.REPAYMENT)))
    if seen.repayment is None:
        raise Denied("repayment.unknown")
    return 200, repayment_told(seen.repayment)


async def page(call: Call) -> Answer:
    """Some repayments, newest first."""
    wish: RepaymentsWish = call.query
    found = await lists.page(
        call.office.pools.reader,
        call.merchant_id,
        Repayment,
        wish.after,
        wish.limit,
        {"state": wish.state},
        payment_id=wish.payment,
        store_id=call.by.store_id,
    )
    return 200, RepaymentsTold(items=[repayment_told(store.made(row)) for row in found.rows], next=found.next)


async def approve(call: Call) -> Answer:
    """Second of two people."""
    sure = call.sure if call.by.is_named else None
    desk, repayment_id = call.office.desk, call.id(Kind.REPAYMENT)
    row = await repaying.approve(desk, call.merchant_id, repayment_id, call.who, call.role, sure)
    return 200, repayment_told(row)


async def account(call: Call) -> Answer:
    """The account, to pay to it."""
    desk = call.office.desk
    found = await flow.account(desk, call.merchant_id, call.id(Kind.REPAYMENT), call.who, call.role)
    told = AccountTold(
        payer_name=found.payer_name,
        account_name=found.account_name,
        account_number=found.account_number,
        bank=found.bank,
        statement=found.statement,
    )
    return 200, told


async def pay(call: Call) -> Answer:
    """It was paid."""
    wish: RepaidWish = call.wish
    desk, repayment_id = call.office.desk, call.id(Kind.REPAYMENT)
    return 200, repayment_told(
        await repaying.pay(desk, call.merchant_id, repayment_id, call.who, wish.proof, call.role)
    )


async def refuse(call: Call) -> Answer:
    """It will not be paid."""
    wish: RepaymentRefusalWish = call.wish
    desk, repayment_id = call.office.desk, call.id(Kind.REPAYMENT)
    return 200, repayment_told(
        await repaying.refuse(desk, call.merchant_id, repayment_id, call.who, Refusal(wish.why), call.role)
    )


_ROAD = ("repayment.refund_open", "repayment.road_open", "repayment.case_open", "repayment.case_not_waiting")

ROUTES = (
    Route(
        method="POST",
        path="/v1/repayments",
        verb=propose,
        may="repay",
        says="Propose to give money back by another road than it came",
        takes=RepaymentWish,
        gives=RepaymentTold,
        statuses=(201, 200),
        denied=(
            "id.invalid",
            "seal.forgotten",
            "repayment.id_taken",
            "repayment.payment_unknown",
            "repayment.not_paid",
            "repayment.amount",
            "repayment.over_limit",
            "repayment.name_differs",
            "repayment.account",
            "repayment.case_unknown",
            "repayment.case_amount",
            *_ROAD,
            *STEP_UP,
        ),
        example={
            "id": "YB01KATE3S400000000000000000E",
            "payment": "YP01KATE3S40000000000000000S8",
            "amount_fen": 1280,
            "because": "window_over",
            "account": {"payer_name": "张三", "account_name": "张三", "account_number": "6200000000000000"},
        },
    ),
    Route(
        method="GET",
        path="/v1/repayments",
        verb=page,
        may="see",
        says="Repayments, newest first",
        query=RepaymentsWish,
        gives=RepaymentsTold,
    ),
    Route(
        method="GET",
        path="/v1/repayments/{repayment}",
        verb=see,
        may="see",
        says="One repayment",
        gives=RepaymentTold,
        denied=("repayment.unknown",),
    ),
    Route(
        method="POST",
        path="/v1/repayments/{repayment}/approve",
        verb=approve,
        may="pay_out",
        says="Agree to a repayment, as the second person",
        gives=RepaymentTold,
        denied=(
            "repayment.unknown",
            "repayment.same_person",
            "repayment.not_waiting",
            "case.own",
            *_ROAD,
            *STEP_UP,
        ),
    ),
    Route(
        method="POST",
        path="/v1/repayments/{repayment}/account",
        verb=account,
        may="pay_out",
        says="Read the account of an approved repayment; that it was read is written down",
        gives=AccountTold,
        denied=(
            "repayment.unknown",
            "repayment.not_approved",
            "repayment.forgotten",
            "seal.forgotten",
        ),
    ),
    Route(
        method="POST",
        path="/v1/repayments/{repayment}/paid",
        verb=pay,
        may="pay_out",
        says="Say that a repayment was paid, with proof",
        takes=RepaidWish,
        gives=RepaymentTold,
        denied=("repayment.unknown", "repayment.proof", "repayment.not_approved"),
        example={"proof": "ICBC 2026112300001"},
    ),
    Route(
        method="POST",
        path="/v1/repayments/{repayment}/refuse",
        verb=refuse,
        may="repay",
        says="Say that a repayment will not be paid, and was not",
        takes=RepaymentRefusalWish,
        gives=RepaymentTold,
        denied=("repayment.unknown", "repayment.ended"),
        example={"why": "withdrawn"},
    ),
)
