"""What the lawbook answers: rights at a stage, working days, the way back of a payment, where money is."""

from __future__ import annotations

from yuanlu.cases import answers
from yuanlu.cases import flow as cases
from yuanlu.clock import business_day
from yuanlu.ids import Kind
from yuanlu.lawbook.shapes import Stage
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.lookups import (
    CompletenessTold,
    RightsTold,
    RightsWish,
    WayBackTold,
    WayBackWish,
    WhereTold,
    WorkdaysTold,
    WorkdaysWish,
    completeness_told,
    rights_told,
    way_back_told,
    where_told,
    workdays_told,
)


async def rights(call: Call) -> Answer:
    """The customer's rights and the shop's duties at a stage, each with the law and the version it is cited by."""
    wish: RightsWish = call.query
    day = wish.at or business_day(call.office.clock.now())
    return 200, rights_told(call.office.desk.shelf.on(day), Stage(wish.stage))


async def workdays(call: Call) -> Answer:
    """The day that lies so many working days of China behind another."""
    wish: WorkdaysWish = call.query
    now = call.office.clock.now()
    return 200, workdays_told(call.office.desk.book(now), wish.start or business_day(now), wish.days)


async def way_back(call: Call) -> Answer:
    """Which way the money of a payment goes back, its windows, its steps, by when, and what is needed for it."""
    wish: WayBackWish = call.query
    found = await answers.way_back(call.office.desk, call.merchant_id, call.id(Kind.PAYMENT), wish.what)
    return 200, way_back_told(found)


async def where_refund(call: Call) -> Answer:
    """Where the money of a refund is."""
    return 200, where_told(await answers.where_is_refund(call.office.desk, call.merchant_id, call.id(Kind.REFUND)))


async def where_case(call: Call) -> Answer:
    """Where the money is that a case is about, also before there is a refund."""
    await cases.find(call.office.desk, call.merchant_id, call.id(Kind.CASE), call.by)
    return 200, where_told(await answers.where_is_case(call.office.desk, call.merchant_id, call.id(Kind.CASE)))


async def completeness(call: Call) -> Answer:
    """What a case lacks, and what would speed it up."""
    await cases.find(call.office.desk, call.merchant_id, call.id(Kind.CASE), call.by)
    found = await answers.completeness(call.office.desk, call.merchant_id, call.id(Kind.CASE))
    return 200, completeness_told(found)


ROUTES = (
    Route(
        method="GET",
        path="/v1/rights",
        verb=rights,
        may="see",
        says="Rights and duties at a stage, with the version they are cited by",
        query=RightsWish,
        gives=RightsTold,
        denied=("pack.none_valid",),
    ),
    Route(
        method="GET",
        path="/v1/workdays",
        verb=workdays,
        may="see",
        says="The day so many working days on",
        query=WorkdaysWish,
        gives=WorkdaysTold,
        denied=("workdays.out_of_range",),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/way-back",
        verb=way_back,
        may="see",
        says="Which way the money goes back, and by when: before anybody asks",
        query=WayBackWish,
        gives=WayBackTold,
        denied=("payment.unknown", "pack.none_valid"),
    ),
    Route(
        method="GET",
        path="/v1/refunds/{refund}/where",
        verb=where_refund,
        may="see",
        says="Where is my refund",
        gives=WhereTold,
        denied=("refund.unknown", "pack.none_valid"),
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}/where",
        verb=where_case,
        may="see",
        says="Where is my money, also before there is a refund",
        gives=WhereTold,
        denied=("case.unknown", "staff.not_allowed", "staff.other_store", "pack.none_valid"),
    ),
    Route(
        method="GET",
        path="/v1/cases/{case}/completeness",
        verb=completeness,
        may="see",
        says="What a case lacks, and what would speed it up",
        gives=CompletenessTold,
        denied=("case.unknown", "staff.not_allowed", "staff.other_store", "pack.none_valid"),
    ),
)
