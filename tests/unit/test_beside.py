"""What a case is looked at beside: its payment, its own refund, and what else was paid near it."""

from __future__ import annotations

import pytest

from tests import making
from yuanlu.cases import beside, causes
from yuanlu.cases.beside import Alike
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import State

IN_HAND = (State.RESERVED, State.SENT, State.STRANDED, State.DONE, State.PROVEN)
GIVEN_UP = (State.REFUSED, State.CANCELLED, State.RETURNED)


@pytest.mark.parametrize("state", IN_HAND + GIVEN_UP)
def test_what_is_suggested_stands_while_the_case_sends_it_back(state: State) -> None:
    """S37."""
    refund = making.refund(state)
    payment = making.payment(PaymentState.PAID, back_fen=refund.amount_fen if state in IN_HAND else 0)
    found = causes.find(beside.traces(making.case(), Alike(payment, (), None), refund))
    assert (found[0].cause, found[0].suggested_fen) == ("input.amount.decimal_slip", 11520)


def test_what_went_back_by_another_road_is_not_suggested_again() -> None:
    """S37."""
    payment = making.payment(PaymentState.PAID, back_fen=11520)
    found = causes.find(beside.traces(making.case(), Alike(payment, (), None), None))
    assert found[0].suggested_fen == 1280
