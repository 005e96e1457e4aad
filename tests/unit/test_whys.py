"""Why it failed: the state says what became of the money, the code which of the seven causes it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.test_payment_rules import standing
from yuanlu.cases import causes, whys
from yuanlu.cases.whys import OF_PAYMENT, OF_REFUND, Became
from yuanlu.channels.diagnosis import Cause, Diagnosis, diagnose, known_codes
from yuanlu.payments.rules import HAS_MONEY, OPEN
from yuanlu.payments.rules import State as PaymentState
from yuanlu.refunds.rules import State as RefundState
from yuanlu.told import both

NO_FUNDS = diagnose("wechat_v2", "NOTENOUGH")


@pytest.mark.parametrize("state", PaymentState)
def test_what_became_of_the_money_is_the_states_word_alone(state: PaymentState) -> None:
    """S45."""
    expected = Became.TAKEN if state in HAS_MONEY else Became.UNKNOWN if state in OPEN else Became.NOT_TAKEN
    for diagnosis in (None, NO_FUNDS, diagnose("alipay", "no such code")):
        assert whys.of_payment(standing(state), diagnosis).money is expected
    contradicted = replace(standing(state), incident="the channel contradicts our books")
    assert whys.of_payment(contradicted, None).money is Became.UNKNOWN


def test_every_state_and_every_word_has_its_row_in_both_languages() -> None:
    assert set(OF_PAYMENT) == set(PaymentState)
    assert set(OF_REFUND) == set(RefundState)
    for code in (
        *(f"cause.{each.value}" for each in Cause),
        *(f"{about}.{each.value}" for about in ("money", "now", "customer") for each in Became),
    ):
        assert all(both(code, {})), code


@pytest.mark.parametrize("diagnosis", known_codes().values(), ids=lambda each: f"{each.channel}/{each.code}")
def test_every_code_of_the_books_has_a_cause_and_words_for_both_sides(diagnosis: Diagnosis) -> None:
    """S37. S38. S39. S40. S41. S42. S43. S44. S45."""
    why = whys.of_payment(standing(PaymentState.FAILED), diagnosis)
    assert why.is_for_ticket == (why.cause in {Cause.SYSTEM, Cause.NETWORK})
    kind = causes.taxonomy().kinds.get(why.kind)
    assert why.cause == (kind.cause if kind else diagnosis.cause)
    if kind:
        assert all(kind.cashier[lang] and kind.customer[lang] for lang in ("zh", "en"))


def test_money_that_is_here_has_no_cause_whatever_code_was_heard_before() -> None:
    why = whys.of_payment(standing(PaymentState.PAID), NO_FUNDS)
    assert (why.cause, why.kind, why.diagnosis, why.is_for_ticket) == (Cause.NONE, "", None, False)


def test_a_code_that_nobody_knows_is_the_systems_and_worth_a_ticket() -> None:
    why = whys.of_payment(standing(PaymentState.SENT), diagnose("wechat_v3", "BRAND_NEW"))
    assert (why.cause, why.kind, why.is_for_ticket) == (Cause.SYSTEM, "", True)
