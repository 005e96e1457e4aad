"""Receipts that are sent: every state with every word, who may send what, how long it is tried, how it reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from yuanlu import ids
from yuanlu.change import Change, Stay
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.letters import Receipt, Way
from yuanlu.mailing import rules
from yuanlu.mailing.rules import Mailing, MailingAsk, MailingSeen, State, Word
from yuanlu.money import Money
from yuanlu.notify import rules as notices
from yuanlu.people.rules import Person
from yuanlu.receipts import layout
from yuanlu.receipts.layout import Slip
from yuanlu.receipts.rules import HAS_SLIP, TURNED_BACK
from yuanlu.refunds.rules import State as RefundState
from yuanlu.words import say

NOON = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
RECEIPTS = {
    Word.TAKEN: Receipt(ok=True, status=250, digest="d"),
    Word.LATER: Receipt(why="smtp_451"),
    Word.NEVER: Receipt(why="smtp_550", is_final=True),
}


def row(state: State = State.QUEUED, **given: Any) -> Mailing:
    over = state in rules.OVER
    base: dict[str, Any] = {
        "merchant_id": "YM1", "id": "ZM1", "state": state, "object_id": "YP1", "turn": 1, "store_id": "YS1",
        "way": Way.EMAIL, "lang": "zh", "shown": "l***@mail.example", "target": "" if over else "s1.x",
        "fingerprint": "f", "opened_at": NOON, "opened_by": "cashier", "ended_at": NOON if over else None,
    }  # fmt: skip
    return Mailing(**base | given)


def ask(**given: Any) -> MailingAsk:
    base: dict[str, Any] = {
        "merchant_id": "YM1", "id": ids.new(Kind.MAILING), "object_id": "YP1", "way": Way.EMAIL,
        "target": "li@mail.example", "consent": True, "mark": "f", "sealed": "s1.x", "by": Person("cashier"),
    }  # fmt: skip
    return MailingAsk(**base | given)


SEEN = MailingSeen(None, 0, "YS1")


@pytest.mark.parametrize(("state", "word"), list(product(State, Word)))
def test_every_state_with_every_word(state: State, word: Word) -> None:
    seen = row(state)
    done = rules.hear(RECEIPTS[word], seen, NOON)
    if isinstance(done, Stay):
        assert done.row == seen
        assert state in rules.OVER
        return
    turn = rules.TABLE.turn(state, word)
    assert done.row.state is (turn if isinstance(turn, State) else state)
    is_over = done.row.state in rules.OVER
    assert (done.row.target == "", done.row.ended_at is not None) == (is_over, is_over)
    (look,) = done.looks
    assert (look.at is None) == is_over


@pytest.mark.parametrize(
    ("changes", "seen", "code"),
    [
        ({}, SEEN, ""),
        ({"way": Way.SMS, "target": "13800001234"}, SEEN, ""),
        ({"consent": False}, SEEN, "contact.no_consent"),
        ({"way": Way.WEBHOOK}, SEEN, "contact.way"),
        ({"target": "li@@mail"}, SEEN, "hook.email_invalid"),
        ({"target": "li@mail.example,all@mail.example"}, SEEN, "hook.email_invalid"),
        ({"way": Way.SMS, "target": "110;120"}, SEEN, "hook.phone_invalid"),
        ({"id": "ZM1"}, SEEN, "id.invalid"),
        ({"id": ids.new(Kind.PRINT)}, SEEN, "id.invalid"),
        ({}, replace(SEEN, store_id=None), "receipt.unknown"),
        ({"by": Person("far", store_id="YS2")}, SEEN, "receipt.unknown"),
        ({"by": Person("near", store_id="YS1")}, SEEN, ""),
        ({}, replace(SEEN, has_money=False), "receipt.no_money"),
        ({}, replace(SEEN, has_link=False), "receipt.no_link"),
        ({"way": Way.SMS, "target": "13800001234"}, replace(SEEN, has_gateway=False), "sms.no_template"),
        ({}, replace(SEEN, has_mail=False), "mail.not_set"),
        ({"way": Way.SMS, "target": "13800001234"}, replace(SEEN, has_mail=False), ""),
        ({}, replace(SEEN, has_gateway=False), ""),
        ({}, replace(SEEN, turns=2), ""),
        ({}, replace(SEEN, turns=3), "mailing.too_many"),
        ({}, replace(SEEN, known=row(), turns=3), ""),
        ({"mark": "g"}, replace(SEEN, known=row()), "mailing.id_taken"),
    ],
)
def test_who_may_send_what(changes: dict[str, Any], seen: MailingSeen, code: str) -> None:
    if code:
        with pytest.raises(Denied) as no:
            rules.request(ask(**changes), seen, NOON)
        assert no.value.code == code
        return
    done = rules.request(ask(**changes), seen, NOON)
    if isinstance(done, Stay):
        assert done.row is seen.known
        return
    assert (done.row.turn, done.row.target, done.row.state) == (seen.turns + 1, "s1.x", State.QUEUED)
    assert "mail.example" not in repr(done.facts)
    assert done.looks[0].at == NOON


def test_no_sight_of_an_ask_or_a_row_shows_the_address() -> None:
    assert "li@" not in repr(ask())
    assert "s1." not in repr(row())
    done = rules.request(ask(), SEEN, NOON)
    assert done.row.shown == "l***@mail.example"


def test_the_pauses_are_those_of_notices_and_end_after_a_day() -> None:
    seen, at, spans = row(), NOON, []
    while seen.state is State.QUEUED:
        done = rules.hear(RECEIPTS[Word.LATER], seen, at)
        assert isinstance(done, Change)
        seen = done.row
        if done.looks[0].at is not None:
            spans.append(done.looks[0].at - at)
            at = done.looks[0].at
    assert tuple(spans) == (*notices.PAUSES, *notices.PAUSES[-1:] * (len(spans) - len(notices.PAUSES)))
    assert (seen.state, seen.trouble, seen.target) == (State.GONE, "smtp_451", "")
    assert timedelta(days=1) <= at - NOON < timedelta(days=1, hours=9)


def test_one_that_found_no_room_was_not_tried_and_a_receivers_patience_counts_to_an_hour() -> None:
    crowded = rules.hear(Receipt(why="crowded", is_crowded=True), row(), NOON)
    assert isinstance(crowded, Change)
    assert (crowded.row.attempts, crowded.row.trouble, crowded.facts) == (0, "", ())
    patient = rules.hear(Receipt(why="http_429", after=timedelta(hours=5)), row(), NOON)
    assert isinstance(patient, Change)
    assert patient.looks[0].at == NOON + notices.PATIENCE_MAX


SLIPS = [
    *((layout.Kind.PAYMENT, state.value) for state in (*HAS_SLIP, *TURNED_BACK)),
    *((layout.Kind.REFUND, state.value) for state in RefundState),
]


@pytest.mark.parametrize(("kind", "state"), SLIPS)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("way", rules.WAYS)
def test_a_letter_names_shop_sum_state_number_and_link(kind: layout.Kind, state: str, lang: str, way: Way) -> None:
    """S23."""
    link = f"https://pay.a-long-name-of-a-shop.example/r/{'x' * 43}"
    slip = Slip(
        kind=kind, lang=lang, number=ids.new(Kind.PAYMENT), shop="街角小店\r\nBcc: all@mail.example " + "长" * 60,
        store="", till="", at=NOON, printed_at=NOON, amount=Money(12800), state=state, link=link,
    )  # fmt: skip
    told = rules.written(slip, way)
    whole = told.text if way is Way.EMAIL else told.line
    for part in ("街角小店", "¥128.00", slip.number, link):
        assert part in whole, part
    assert say(f"slip.state.{kind.value}.{state}", lang) in whole
    assert not set("\r\n") & set(told.line)
    assert "\r" not in told.text
    assert way is Way.SMS or link not in told.line
