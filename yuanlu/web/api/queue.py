"""How many cases wait, by state, and which of them one person may approve together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from yuanlu.cases import flow, together
from yuanlu.cases.together import Weighed
from yuanlu.errors import Denied
from yuanlu.told import both
from yuanlu.web.parts import live
from yuanlu.web.parts.calls import Answer, Call, Route
from yuanlu.web.parts.shapes import _ID, END

WEIGHED_MAX = 50


class CountTold(Struct, frozen=True, kw_only=True):
    """How many cases are in a state: counted up to 51. `mark` changes where they are other ones."""

    n: int
    mark: int


class QueueTold(Struct, frozen=True, kw_only=True):
    """The open cases by state, of all stores or of the caller's."""

    states: Mapping[str, CountTold]


class ApprovalsWanted(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ids of cases between commas, at most 50."""

    cases: Annotated[str, Meta(pattern=f"^(YC{_ID}(,YC{_ID}){{0,{WEIGHED_MAX - 1}}})?{END}")] = ""


class ApprovalTold(Struct, frozen=True, kw_only=True):
    """A case that is to be approved with others, as it stands. `code`: why it does not go along; empty: it does."""

    case: str
    version: int
    what: str
    amount_fen: int
    code: str
    says_zh: str
    says_en: str


class ApprovalsTold(Struct, frozen=True, kw_only=True):
    """Which cases may be approved together by whoever asks: those without a `code`, unless all have one in common.

    `sum_fen`, `count`: of those. At most `most` go together.
    """

    items: Sequence[ApprovalTold]
    count: int
    sum_fen: int
    most: int
    code: str
    says_zh: str
    says_en: str


def _words(no: Denied | None) -> tuple[str, str, str]:
    return ("", "", "") if no is None else (no.code, *both(f"problem.{no.code}", no.facts))


def _told(one: Weighed) -> ApprovalTold:
    code, zh, en = _words(one.no)
    return ApprovalTold(
        case=one.id,
        version=one.case.version if one.case is not None else 0,
        what=one.case.what.value if one.case is not None else "",
        amount_fen=one.amount_fen,
        code=code,
        says_zh=zh,
        says_en=en,
    )


async def counts(call: Call) -> Answer:
    """How many cases there are of each state that is open."""
    found = await live.moved(call.office.pools.reader, call.merchant_id, [call.by.store_id])
    states = found.queue(call.by.store_id)
    return 200, QueueTold(states={state: CountTold(n=each.n, mark=each.mark) for state, each in states.items()})


async def approvals(call: Call) -> Answer:
    """Which of these may be approved together. Nothing is decided."""
    wanted = list(dict.fromkeys(each for each in call.query.cases.split(",") if each))
    found = await flow.weigh(call.office.desk, call.merchant_id, wanted, call.by)
    code, zh, en = _words(found.no)
    return 200, ApprovalsTold(
        items=[_told(each) for each in found.items],
        count=len(found.those),
        sum_fen=found.sum_fen,
        most=together.MOST,
        code=code,
        says_zh=zh,
        says_en=en,
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/queue",
        verb=counts,
        may="see",
        says="How many cases wait, by state",
        gives=QueueTold,
    ),
    Route(
        method="GET",
        path="/v1/approvals",
        verb=approvals,
        may="approve",
        says="Which cases may be approved together",
        query=ApprovalsWanted,
        gives=ApprovalsTold,
    ),
)
