"""Every wish that carries free words masks them when it is made: nothing behind it has them as they came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pytest
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from tests.making import MERCHANT, NOON, PAYMENT, REFUND, after
from tests.unit.test_complaint_rules import SEALED, complaint, entry, heard
from tests.unit.test_devices_rules import hung
from yuanlu.cases.flow import Words
from yuanlu.cases.handovers import By, HandoverAsk, Voucher
from yuanlu.cases.rules import CaseAsk, What
from yuanlu.channels.contract import Deed, Side
from yuanlu.complaints import rules as complaints
from yuanlu.complaints.answers import AnswerAsk
from yuanlu.complaints.answers import What as Answering
from yuanlu.devices import rules as devices
from yuanlu.devices.rules import FoundAs
from yuanlu.money import Money
from yuanlu.refunds.rules import RefundAsk

CARD = "62" + "7" * 13
CARD = CARD + luhn.calc_check_digit(CARD)
ID_NUMBER = "31010119900307001"
ID_NUMBER = ID_NUMBER + mod_11_2.calc_check_digit(ID_NUMBER)
SAID = f"卡 {CARD} 证 {ID_NUMBER}"
KEPT = f"卡 ****{CARD[-4:]} 证 ****"
WISHES: dict[str, Callable[[str], object]] = {
    "message": lambda text: Words(text=text),
    "report": lambda text: CaseAsk(
        merchant_id=MERCHANT, id="YC", payment_id=PAYMENT, what=What.OTHER, who="x", said=text
    ),
    "refund": lambda text: RefundAsk(
        merchant_id=MERCHANT, id=REFUND, payment_id=PAYMENT, amount=Money(1), who="x", reason=text
    ),
    "handover": lambda text: HandoverAsk(
        merchant_id=MERCHANT, id="YV", voucher=Voucher(by=By.ORDER, key=PAYMENT), who="x", said=text
    ),
    "answer": lambda text: AnswerAsk(
        merchant_id=MERCHANT, id="YA", complaint_id="YN", what=Answering.REPLY, who="x", text=text
    ),
}


@pytest.mark.parametrize("name", WISHES)
def test_a_wish_masks_its_words(name: str) -> None:
    """S36. S57."""
    wish = WISHES[name](SAID)
    assert wish == WISHES[name](KEPT) or asdict(wish).get("masked")  # type: ignore[call-overload]
    told = str(asdict(wish))  # type: ignore[call-overload]
    assert KEPT in told
    assert CARD not in told
    assert ID_NUMBER not in told


def test_what_a_payer_wrote_to_the_channel_is_kept_masked() -> None:
    """S36. S57."""
    row = heard(None, entry(Side.PAYER, Deed.SPOKE, 2, SAID), text=SAID).row
    kept = complaints.opened(SEALED, row)
    assert kept.text == KEPT
    assert [each.text for each in kept.entries] == ["", KEPT]
    assert complaint().digest != row.digest


def test_the_note_to_a_code_is_kept_masked() -> None:
    """S36."""
    for change in (
        devices.audit(FoundAs.DAMAGED, SAID, "cashier", hung(), NOON),
        devices.retire(SAID, "cashier", hung(), after(9)),
    ):
        assert change.row.note == KEPT
        assert CARD not in str(change)
