"""Two charges of one mistake: the first had no clear answer, so the till charged again, and both went through.

Which pairs are suspected is `causes.paired`; here is what becomes of one. A case opens by itself about the *second*
charge and waits for a person: two equal sales a minute apart are also just two sales. The other charge, the twin, is
named in it; that of a pair only one goes back, whoever reports what, is the law of `twins`.

When is it looked for? Every payment pays for a look, so only what can be the first of a pair is looked at: a payment
that is paid now and had no clear answer for a while. That is known from its row, without a read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from yuanlu import ids
from yuanlu.cases.causes import Finding, Sibling, Traces, Twin, as_facts, find, taxonomy
from yuanlu.cases.rules import Case, CaseAsk, CaseSeen, What, open_case
from yuanlu.change import Change, Stay
from yuanlu.payments.rules import OPEN, Payment
from yuanlu.payments.rules import State as PaymentState

WAKE = "cases.doubles.wake"
"""Look whether a payment that was unclear has a twin, and open the case of the second charge."""
LOOK_AFTER = timedelta(seconds=5)
"""What was charged at the very moment when the first became clear is on the books by then."""


def wants_look(payment: Payment) -> bool:
    """Whether a payment that was just paid may be one of two: it was not clear at once, and we know who paid."""
    return payment.looks > 0 and bool(payment.payer)


def sibling(payment: Payment) -> Sibling:
    """A payment as a detector sees it. One that was paid late goes back by its own case: it counts as not paid."""
    has_money = payment.state is PaymentState.PAID
    return Sibling(
        id=payment.id,
        till_id=payment.till_id,
        store_id=payment.store_id,
        amount_fen=payment.amount_fen,
        back_fen=payment.back_fen,
        has_money=has_money,
        payer=payment.payer,
        code_mark=payment.code_mark,
        opened_at=payment.opened_at,
        clear_at=payment.asked_at if has_money else None,
    )


def still_unclear(payment: Payment, others: list[Payment]) -> bool:
    """Whether another charge of the same sum, made before this one was clear, has no end yet: too early to say."""
    within = taxonomy().near["twice_within"]
    return any(
        other.state in OPEN
        and other.amount_fen == payment.amount_fen
        and other.store_id == payment.store_id
        and abs(other.opened_at - payment.opened_at) <= within
        and other.opened_at < (payment.asked_at or other.opened_at)
        for other in others
    )


def opens_itself(pair: Twin | None) -> bool:
    """Whether a pair is sure enough for a case that nobody reported."""
    return pair is not None and pair.was_unclear and pair.confidence >= taxonomy().twice["opens_itself"]


def own_ask(merchant_id: str, pair: Twin) -> CaseAsk:
    """The report that a pair makes by itself, about its second charge: the same however often it is found."""
    case_id = ids.derived(ids.Kind.CASE, pair.second.opened_at, pair.second.id, What.CHARGED_TWICE, pair.first.id)
    return CaseAsk(
        merchant_id=merchant_id, id=case_id, payment_id=pair.second.id, what=What.CHARGED_TWICE, who="system"
    )


def findings(pair: Twin) -> list[Finding]:
    """What is found about the second charge of a pair."""
    return find(Traces(payment=pair.second, rest_fen=pair.second.amount_fen, siblings=(pair.first,)))


def open_pair(pair: Twin, ask: CaseAsk, seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """Open the case of a second charge, with what was found kept in it. It is checked live like every other; then a
    person confirms it, unless the merchant's own policy says otherwise (`rules.by_policy`).

    Raises Denied: see `rules.open_case`.
    """
    change = open_case(ask, seen, at)
    if isinstance(change, Stay):
        return change
    row = replace(change.row, twin_id=pair.first.id)
    return replace(change, row=row, facts=(*change.facts, *as_facts(findings(pair))))
