"""Causes: the seven and their kinds, what was found about a case, and the look-alikes of a payment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from yuanlu.cases import beside, causes, doubles
from yuanlu.cases import flow as cases
from yuanlu.cases.causes import Finding, Kind
from yuanlu.ids import Kind as IdKind
from yuanlu.payments.rules import Payment
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route


class KindTold(Struct, frozen=True, kw_only=True):
    """One kind of cause, with its words. `remedy` is the usual one; `amount` says how the suggested amount follows."""

    id: str
    cause: str
    row: str
    detector: str
    remedy: str
    amount: str
    cashier_zh: str
    cashier_en: str
    customer_zh: str
    customer_en: str


class CausesTold(Struct, frozen=True, kw_only=True):
    """Every kind of cause there is."""

    items: Sequence[KindTold]


class FindingTold(Struct, frozen=True, kw_only=True):
    """What was found about a case: how far it is believed (per mille), what may go back, why, on what evidence."""

    cause: str
    confidence: int
    suggested_fen: int
    remedy: str
    because_zh: str
    because_en: str
    cashier_zh: str
    cashier_en: str
    customer_zh: str
    customer_en: str
    evidence: Sequence[str]


class FindingsTold(Struct, frozen=True, kw_only=True):
    """What was found about a case, best first. Who was at fault is not said."""

    items: Sequence[FindingTold]


class AlikeTold(Struct, frozen=True, kw_only=True):
    """One of the payments that one may take for another. The booleans say in what they are alike."""

    id: str
    state: str
    till: str
    amount_fen: int
    back_fen: int
    opened_at: datetime
    paid_at: datetime | None
    code_tail: str
    channel_number: str
    same_till: bool
    same_amount: bool
    same_payer: bool
    charged_twice: int
    """How far the two are believed to be two charges of one mistake, per mille; 0: not at all."""


class AlikesTold(Struct, frozen=True, kw_only=True):
    """A payment's look-alikes, nearest in time first; `before` is the paid one before it at its till."""

    payment: str
    items: Sequence[AlikeTold]
    before: str


def _kind_told(kind: Kind) -> KindTold:
    words = _words(kind)
    return KindTold(
        id=kind.id,
        cause=kind.cause,
        row=kind.row,
        detector=kind.detector,
        remedy=kind.remedy,
        amount=kind.amount,
        **words,
    )


def _words(kind: Kind) -> Mapping[str, str]:
    return {
        f"{who}_{lang}": told[lang]
        for who, told in (("cashier", kind.cashier), ("customer", kind.customer))
        for lang in ("zh", "en")
    }


def _finding_told(found: Finding) -> FindingTold:
    kind = causes.taxonomy().kinds.get(found.cause)
    words = _words(kind) if kind else dict.fromkeys(("cashier_zh", "cashier_en", "customer_zh", "customer_en"), "")
    return FindingTold(
        cause=found.cause,
        confidence=found.confidence,
        suggested_fen=found.suggested_fen,
        remedy=found.remedy,
        because_zh=found.because_zh,
        because_en=found.because_en,
        evidence=found.evidence,
        **words,
    )


def _alike_told(one: Payment, payment: Payment) -> AlikeTold:
    pair = causes.paired(doubles.sibling(one), doubles.sibling(payment))
    return AlikeTold(
        id=one.id,
        state=one.state.value,
        till=one.till_id,
        amount_fen=one.amount_fen,
        back_fen=one.back_fen,
        opened_at=one.opened_at,
        paid_at=one.paid_at,
        code_tail=one.code_tail,
        channel_number=one.channel_number,
        same_till=one.till_id == payment.till_id,
        same_amount=one.amount_fen == payment.amount_fen,
        same_payer=bool(payment.payer) and one.payer == payment.payer,
        charged_twice=pair.confidence if pair else 0,
    )


async def kinds(call: Call) -> Answer:
    """Every kind of cause."""
    return 200, CausesTold(items=[_kind_told(kind) for kind in causes.taxonomy().kinds.values()])


_FINDINGS = """
  select body from facts where merchant_id = $1 and object_id = $2 and kind = 'CauseFound'
  order by recorded_at, transition, seq limit 200
"""


async def findings(call: Call) -> Answer:
    """What was found about a case."""
    case_id = call.id(IdKind.CASE)
    await cases.find(call.office.desk, call.merchant_id, case_id, call.by)
    rows = await lists.read(call.office.pools.reader, call.merchant_id, _FINDINGS, call.merchant_id, case_id)
    found = beside.as_told([row["body"] for row in rows])
    return 200, FindingsTold(items=[_finding_told(each) for each in found])


async def alike(call: Call) -> Answer:
    """The payments that one may take for this one."""
    near = await beside.alike(call.office.desk, call.merchant_id, call.id(IdKind.PAYMENT))
    items = [_alike_told(each, near.payment) for each in near.others]
    return 200, AlikesTold(payment=near.payment.id, items=items, before=near.before.id if near.before else "")


ROUTES = (
    Route(method="GET", path="/v1/causes", verb=kinds, may="see", says="Every kind of cause", gives=CausesTold),
    Route(
        method="GET",
        path="/v1/cases/{case}/findings",
        verb=findings,
        may="see",
        says="What was found about a case",
        gives=FindingsTold,
        denied=("case.unknown", "staff.not_allowed", "staff.other_store"),
    ),
    Route(
        method="GET",
        path="/v1/payments/{payment}/alike",
        verb=alike,
        may="see",
        says="The payments that one may take for this one",
        gives=AlikesTold,
        denied=("payment.unknown",),
    ),
)
