"""What shuts while a case is open, and when (S67): whatever of it is near, people are warned of by `clockwork`.

The windows of its payment (reverse, close, refund), the age from which the policy frozen onto the payment declines, the
answers owed to complaints about it, and what its customer was given time for (an answer, an offer, an objection).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

from yuanlu.cases import clockwork
from yuanlu.cases.rules import Case, CaseSeen, State, frozen, policy_facts
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import Channel, Facts
from yuanlu.lawbook.shelf import Book
from yuanlu.payments.rules import HAS_MONEY, Payment
from yuanlu.policies.rules import Policy, declines_from
from yuanlu.refunds.windows import POLICY, REPLY, Window, windows

Decided = Change[Case] | Stay[Case]
UNDECIDED = (State.OPENED, State.REVIEW, State.NEEDS_INFO, State.OFFERED)
"""While nobody has decided, the policy's age limit counts."""

End = tuple[str, datetime]


def wound(bounds: Mapping[Channel, Facts], book: Book, seen: CaseSeen, decision: Decided) -> Decided:
    """The decision as the clock has it: with its holder, its deadline and the warnings that are due."""
    return clockwork.passed(seen.case, decision, clockwork.of_book(book), partial(of_case, bounds, book, seen))


def of_case(
    bounds: Mapping[Channel, Facts], book: Book, seen: CaseSeen, case: Case, at: datetime
) -> tuple[Window, ...]:
    """The windows of a case that are open now, the next to shut first.

    Shape: `seen` is what it was decided on, `case` how it stands. Law: a closed case has none.
    """
    payment = seen.payment
    if payment is None or case.state is State.CLOSED:
        return ()
    more = [(REPLY, by) for by in seen.replies]
    more += [*_customers(case), *_policy(seen.policy, case, payment, at)]
    return windows(bounds[payment.channel], book, payment, at, more)


def _customers(case: Case) -> list[End]:
    """What the customer was given time for."""
    return (
        [(case.due_what, case.due_at)] if case.holder == clockwork.Holder.CUSTOMER and case.due_at is not None else []
    )


def _policy(policy: Policy | None, case: Case, payment: Payment, at: datetime) -> list[End]:
    """When the policy begins to decline."""
    back_fen = _back_fen(case, payment)
    if case.state not in UNDECIDED or payment.state not in HAS_MONEY or back_fen <= 0:
        return []
    hours = declines_from(frozen(policy), policy_facts(case, payment, back_fen, at))
    paid_at = payment.paid_at or payment.opened_at
    return [] if hours is None else [(POLICY, paid_at + timedelta(hours=hours))]


def _back_fen(case: Case, payment: Payment) -> int:
    """What shall go back: what was asked for, the difference to what was meant, or all that is left."""
    rest = payment.rest.amount
    if case.asked_fen is not None:
        return min(case.asked_fen, rest)
    return rest if case.meant_fen is None else min(payment.amount_fen - case.meant_fen, rest)
