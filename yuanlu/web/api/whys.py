"""Why it failed, over HTTP: of a payment and of a refund."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from yuanlu.cases import causes, whys
from yuanlu.cases.whys import Became, Why
from yuanlu.channels.contract import Channel, Operation
from yuanlu.channels.diagnosis import Diagnosis
from yuanlu.channels.law import diagnosis_of
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.payments import store as payments
from yuanlu.refunds import store as refunds
from yuanlu.told import both
from yuanlu.web.parts import says
from yuanlu.web.parts.calls import Answer, Call, Route


class WhyTold(Struct, frozen=True, kw_only=True):
    """Why it is as it is. `cause`: one of the seven, or none. `kind`: of `/v1/causes`, or nothing.

    `money`: taken, not_taken, unknown; of a refund back, not_back, back_later, back_unknown. `now`: what to do;
    `customer`: what to say; `meaning`: what the channel's code says. `ticket`: whether somebody can mend it who should
    be told.
    """

    of: str
    state: str
    cause: str
    cause_zh: str
    cause_en: str
    kind: str
    money: str
    money_zh: str
    money_en: str
    now_zh: str
    now_en: str
    customer_zh: str
    customer_en: str
    code: str
    meaning_zh: str
    meaning_en: str
    ticket: bool


BY_MONEY = frozenset({Became.UNKNOWN, Became.BACK_UNKNOWN, Became.TAKEN, Became.BACK})
"""Where what became of the money says what to do and to say, whatever the code: above all not to charge again."""


def _told(of: str, state: str, code: str, why: Why, of_refund: bool) -> WhyTold:
    cause = both(f"cause.{why.cause.value}", {})
    money = both(f"money.{why.money.value}", {})
    now, customer = both(f"now.{why.money.value}", {}), both(f"customer.{why.money.value}", {})
    kind = causes.taxonomy().kinds.get(why.kind)
    if why.money not in BY_MONEY and why.diagnosis is not None:
        if of_refund or kind is None:
            now = (why.diagnosis.cashier_action_zh, why.diagnosis.cashier_action_en)
        else:
            now, customer = _pair(kind.cashier), _pair(kind.customer)
    meaning = (why.diagnosis.meaning_zh, why.diagnosis.meaning_en) if why.diagnosis else ("", "")
    return WhyTold(
        of=of,
        state=state,
        cause=why.cause.value,
        cause_zh=cause[0],
        cause_en=cause[1],
        kind=why.kind,
        money=why.money.value,
        money_zh=money[0],
        money_en=money[1],
        now_zh=now[0],
        now_en=now[1],
        customer_zh=customer[0],
        customer_en=customer[1],
        code=code if why.diagnosis else "",
        meaning_zh=meaning[0],
        meaning_en=meaning[1],
        ticket=why.is_for_ticket,
    )


def _pair(words: Mapping[str, str]) -> tuple[str, str]:
    return words["zh"], words["en"]


def _diagnosis(channel: Channel, code: str, operation: Operation) -> Diagnosis | None:
    return diagnosis_of(says.book_of(channel, code), code, operation) if code else None


async def of_payment(call: Call) -> Answer:
    """Why a payment is as it is."""
    payment = await call.office.desk.see(payments.by_id(call.merchant_id, call.id(Kind.PAYMENT)))
    if payment is None:
        raise Denied("payment.unknown")
    why = whys.of_payment(payment, _diagnosis(payment.channel, payment.code, says.operation_of(payment)))
    return 200, _told(payment.id, payment.state.value, payment.code, why, False)


async def of_refund(call: Call) -> Answer:
    """Why a refund is as it is."""
    refund = await call.office.desk.see(refunds.by_id(call.merchant_id, call.id(Kind.REFUND)))
    if refund is None:
        raise Denied("refund.unknown")
    why = whys.of_refund(refund, _diagnosis(refund.channel, refund.code, Operation.REFUND))
    return 200, _told(refund.id, refund.state.value, refund.code, why, True)


ROUTES = (
    Route(
        method="GET",
        path="/v1/payments/{payment}/why",
        verb=of_payment,
        may="see",
        says="Why a payment failed, or is not clear: cause, money, what to do now, what to say",
        gives=WhyTold,
        denied=("payment.unknown",),
    ),
    Route(
        method="GET",
        path="/v1/refunds/{refund}/why",
        verb=of_refund,
        may="see",
        says="Why a refund failed, or is not clear: cause, money, what to do now, what to say",
        gives=WhyTold,
        denied=("refund.unknown",),
    ),
)
