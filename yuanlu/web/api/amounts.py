"""The amounts of a payment, explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from msgspec import Struct

from yuanlu.amounts import lines, rules
from yuanlu.cases import beside
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.payments import store as payments
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.refunds import rules as refund_rules
from yuanlu.refunds import store as refunds
from yuanlu.refunds.rules import Refund
from yuanlu.web.parts import lists
from yuanlu.web.parts.calls import Answer, Call, Route


class AmountTold(Struct, frozen=True, kw_only=True):
    """One amount, in one sentence each. `said`: by the channel itself; else it follows from what it said."""

    what: str
    amount_fen: int
    said: bool
    customer_zh: str
    customer_en: str
    clerk_zh: str
    clerk_en: str


class DifferenceTold(Struct, frozen=True, kw_only=True):
    """What does not fit: of the payment, or of the refund with this id."""

    kind: str
    refund: str
    expected_fen: int
    got_fen: int


class ShareTold(Struct, frozen=True, kw_only=True):
    """A line of the sale: its share of what was paid, and what of it went back."""

    id: str
    name: str
    quantity: int
    amount_fen: int
    share_fen: int
    back_quantity: int
    back_fen: int


class AmountsTold(Struct, frozen=True, kw_only=True):
    """All amounts of a payment in the order in which they are told; lines where it has any."""

    payment: str
    amounts: Sequence[AmountTold]
    differences: Sequence[DifferenceTold]
    lines: Sequence[ShareTold]


_REFUNDS = f"""
  select {", ".join(each.name for each in fields(Refund))} from refunds
  where merchant_id = $1 and payment_id = $2 order by opened_at, id limit 500
"""


async def explain(call: Call) -> Answer:
    """Every amount of a payment, in one sentence each."""
    payment_id = call.id(Kind.PAYMENT)
    payment = await call.office.desk.see(payments.by_id(call.merchant_id, payment_id))
    if payment is None:
        raise Denied("payment.unknown")
    if payment.state not in HAS_MONEY:
        raise Denied("payment.not_paid", id=payment.id, state=payment.state)
    rows = await lists.read(call.office.pools.reader, call.merchant_id, _REFUNDS, call.merchant_id, payment_id)
    found = [refunds.made(row) for row in rows]
    going = [refund for refund in found if refund.state not in refund_rules.NOT_RETURNED]
    told = rules.explain(
        rules.bill_of(payment.amount_fen, payment.figures, [beside.as_back(refund) for refund in going])
    )
    return 200, AmountsTold(
        payment=payment.id,
        amounts=[_amount_told(each) for each in told.amounts],
        differences=[
            DifferenceTold(kind=each.kind, refund=each.where, expected_fen=each.expected_fen, got_fen=each.got_fen)
            for each in told.differences
        ],
        lines=_shares(payment, going),
    )


def _amount_told(told: rules.Told) -> AmountTold:
    return AmountTold(**{each.name: getattr(told, each.name) for each in fields(rules.Told)})


def _shares(payment: Payment, going: Sequence[Refund]) -> list[ShareTold]:
    known = lines.of_text(payment.lines)
    returned = lines.added([lines.pieces_of(refund.lines) for refund in going])
    parts = lines.shares(known, payment.amount_fen) if known else {}
    return [
        ShareTold(
            id=line.id,
            name=line.name,
            quantity=line.quantity,
            amount_fen=line.amount_fen,
            share_fen=parts[line.id],
            back_quantity=returned.get(line.id, 0),
            back_fen=lines.worth(parts[line.id], line.quantity, returned.get(line.id, 0)),
        )
        for line in known
    ]


ROUTES = (
    Route(
        method="GET",
        path="/v1/payments/{payment}/amounts",
        verb=explain,
        may="see",
        says="The amounts of a payment, explained",
        gives=AmountsTold,
        denied=("payment.unknown", "payment.not_paid"),
    ),
)
