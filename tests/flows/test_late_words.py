"""News that comes late, twice or all at once, through the verbs, on a real database."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.flows.shop import Shop
from tests.making import fen, heard
from yuanlu import ids
from yuanlu.channels.contract import Outcome, Reason, Word
from yuanlu.errors import Denied
from yuanlu.payments import flow as payments
from yuanlu.payments.rules import Payment, State
from yuanlu.refunds import flow as refunds
from yuanlu.refunds.rules import RefundAsk

W = Word
PAID = {"owed": 12800, "due:wechat": -12800}


async def given_up(shop: Shop) -> Payment:
    """A payment nobody typed the password for: reversed."""
    shop.will_hear(heard(W.PENDING, Reason.PAYER_CONFIRMS))
    payment = await shop.charge()
    shop.wait(60)
    shop.will_hear(heard(W.PENDING, Reason.PAYER_CONFIRMS), W.ENDED)
    await shop.work()
    assert shop.outside.operations == ["pay", "query", "reverse"]
    return payment


async def learn(shop: Shop, payment: Payment, word: Word, *answers: Outcome | Word) -> Payment:
    """Let a payment hear a notice; what it asks about that is answered so."""
    shop.will_hear(*answers)
    news = heard(word, by="notice", amount=fen(12800) if word is W.SETTLED else None)
    return await payments.learn(shop.desk, shop.merchant, payment.id, news)


async def test_what_is_paid_after_it_was_given_up_goes_back_by_itself(shop: Shop) -> None:
    payment = await given_up(shop)
    paid = heard(W.SETTLED, amount=fen(12800))
    assert (await learn(shop, payment, W.SETTLED, paid)).state is State.LATE_PAID
    assert await shop.books() == PAID
    shop.will_hear(paid, W.SETTLED)
    await shop.work()
    (case,) = await shop.cases()
    assert (case["what"], case["state"], case["conclusion"]) == ("late_paid", "CLOSED", "money_back")
    assert await shop.books() == {}


async def test_a_notice_of_paid_that_was_overtaken_by_the_reverse_leaves_the_books_as_they_are(shop: Shop) -> None:
    payment = await given_up(shop)
    for _ in range(2):
        assert (await learn(shop, payment, W.SETTLED, W.ENDED)).state is State.REVERSED
        assert await shop.books() == {}
    assert await shop.cases() == []


async def test_a_late_payment_that_the_case_finds_gone_back_is_posted_back_each_time(shop: Shop) -> None:
    payment = await given_up(shop)
    for _ in range(2):
        await learn(shop, payment, W.SETTLED, heard(W.SETTLED, amount=fen(12800)))
        assert await shop.books() == PAID
        shop.wait(1)
        shop.will_hear(W.ENDED)
        await shop.work()
        assert await shop.books() == {}
    closed = [(case["what"], case["state"], case["conclusion"]) for case in await shop.cases()]
    assert closed == [("late_paid", "CLOSED", "nothing_paid")] * 2


async def test_a_code_is_in_use_until_its_payment_has_an_end(shop: Shop) -> None:
    shop.will_hear(W.UNKNOWN)
    payment = await shop.charge()
    for answers in ((), (W.BARRED, W.UNKNOWN)):  # while SENT; while CLOSING, because the reverse was barred
        if answers:
            shop.wait(60)
            shop.will_hear(*answers)
            await payments.cancel(shop.desk, shop.merchant, payment.id, "cashier")
        with pytest.raises(Denied, match=r"payment\.code_in_use"):
            await shop.charge()
    await learn(shop, payment, W.ENDED)
    shop.will_hear(W.REFUSED)
    assert (await shop.charge()).state is State.FAILED


async def test_a_replayed_wish_leaves_the_books_as_they_are(shop: Shop) -> None:  # lessons 7 and 12
    payment = await shop.paid()
    refund = await shop.ask_refund(payment)
    before = await shop.books()
    for _ in range(3):
        again = await shop.ask_refund(payment, id=refund.id)
        assert again == refund
        with pytest.raises(Denied, match=r"refund\.id_taken"):
            await shop.ask_refund(payment, 11519, id=refund.id)
    assert await shop.books() == before
    assert await shop.facts(refund.id) == ["RefundRequested"]
    assert await shop.pools.recorder.fetchval("select back_fen from payments where id = $1", payment.id) == 11520


async def test_of_fifty_refunds_at_once_exactly_one_wins(shop: Shop) -> None:  # lessons 1 and 23
    payment = await shop.paid()

    async def ask() -> str:
        wish = RefundAsk(
            merchant_id=shop.merchant, id=ids.new(ids.Kind.REFUND), payment_id=payment.id, amount=fen(7680), who="till"
        )  # fmt: skip
        try:
            await refunds.request(shop.desk, wish)
        except Denied as no:
            return no.code
        return "won"

    ended = Counter(await asyncio.gather(*(ask() for _ in range(50))))
    assert ended == {"won": 1, "refund.over_limit": 49}
    assert await shop.books() == {"owed": 5120, "held": 7680, "due:wechat": -12800}
