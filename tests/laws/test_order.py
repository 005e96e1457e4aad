"""I5: the same evidence in any order that can be, told once or often, comes to the same end."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.laws.model import Books, said
from yuanlu.channels.contract import Channel, Word

TOLD = {
    "paid": ((Word.PENDING, "answer"), (Word.UNKNOWN, "answer"), (Word.SETTLED, "notice"), (Word.SETTLED, "answer")),
    "refused": ((Word.PENDING, "answer"), (Word.UNKNOWN, "answer"), (Word.REFUSED, "answer")),
}
ENDS = {"paid": {"PAID"}, "refused": {"FAILED", "REVERSING"}}
"""A slow "can still be paid" after the refusal is not trusted to be old: the order is reversed as well."""

REFUND_TOLD = {
    "done": ((Word.PENDING, "answer"), (Word.UNKNOWN, "answer"), (Word.SETTLED, "notice"), (Word.SETTLED, "answer")),
    "refused": ((Word.PENDING, "answer"), (Word.UNKNOWN, "answer"), (Word.REFUSED, "notice"), (Word.REFUSED, "answer")),
    "stranded": ((Word.PENDING, "answer"), (Word.STRANDED, "notice"), (Word.STRANDED, "answer")),
}
REFUND_ENDS = {"done": {"PROVEN"}, "refused": {"REFUSED"}, "stranded": {"STRANDED"}}


def charged(channel: Channel = Channel.WECHAT) -> Books:
    books = Books()
    books.charge(1000, channel, shown=False)
    return books


def refunded() -> Books:
    books = charged()
    books.hear_payment(said(books.at, Word.SETTLED))
    books.ask_refund(600, 0)
    for _ in range(3):
        books.drive_refund(0)
    assert books.states()[1] == "SENT"
    return books


@pytest.mark.parametrize("history", TOLD)
def test_news_of_a_payment_comes_to_one_end_in_every_order(history: str) -> None:
    for order in itertools.permutations(TOLD[history]):
        books = charged()
        for word, kind in order:
            books.hear_payment(said(books.at, word, kind))
        assert str(books.payment.state) in ENDS[history], order
        assert not books.payment.incident
        assert not books.broken()


@pytest.mark.parametrize("history", REFUND_TOLD)
def test_news_of_a_refund_comes_to_one_end_in_every_order(history: str) -> None:
    for order in itertools.permutations(REFUND_TOLD[history]):
        books = refunded()
        for word, kind in order:
            books.hear_refund(0, said(books.at, word, kind))
        refund = next(iter(books.refunds.values()))
        assert str(refund.state) in REFUND_ENDS[history], order
        assert not books.broken()


@pytest.mark.parametrize("history", REFUND_TOLD)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_news_told_again_and_again_moves_no_more_money(history: str, data: st.DataObject) -> None:
    told = list(REFUND_TOLD[history])
    once, often = refunded(), refunded()
    for word, kind in told:
        once.hear_refund(0, said(once.at, word, kind))
    for word, kind in data.draw(st.permutations(told * 3)):
        often.at += timedelta(seconds=1)
        often.hear_refund(0, said(often.at, word, kind))
    assert often.balances() == once.balances()
    assert often.payment.back_fen == once.payment.back_fen
