"""The laws I1-I10 against a small model: any word, in any order, twice, crossed, at any time.

The model keeps the rows itself and takes a change in as the database would (`Books.record`); it knows where money is
only by the moves it saw, and shares no table with the rules. `test_broken_laws.py` breaks each law and sees it caught.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.laws.model import Books, said
from yuanlu.channels.contract import REMOTE, Channel, Reason, RescueTo, Word

PAYMENT_WORDS = st.sampled_from([word for word in Word if word is not Word.STRANDED])
REFUND_WORDS = st.sampled_from(
    [Word.SETTLED, Word.PENDING, Word.DEFERRED, Word.UNKNOWN, Word.ABSENT, Word.REFUSED, Word.STRANDED]
)
KINDS = st.sampled_from(["answer", "notice"])
REASONS = st.sampled_from([None, Reason.NOT_PAID, Reason.FUNDS_SHORT, Reason.PROCESSING])
SPANS = st.sampled_from([0, 1, 5, 31, 61, 400, 4000, 90_000])
AMOUNT = 1000


class Laws(RuleBasedStateMachine):
    """One payment and its refunds."""

    @initialize(channel=st.sampled_from(REMOTE), shown=st.booleans(), paid=st.sampled_from([True, True, False]))
    def opened(self, channel: Channel, shown: bool, paid: bool) -> None:
        self.books = Books()
        self.books.charge(AMOUNT, channel, shown=shown)
        if paid:
            self.books.hear_payment(said(self.books.at, Word.SETTLED))

    @rule(seconds=SPANS)
    def time_passes(self, seconds: int) -> None:
        before = self.books.states()
        self.books.at += timedelta(seconds=seconds)
        assert self.books.states() == before

    @rule(word=PAYMENT_WORDS, kind=KINDS, reason=REASONS, late=SPANS)
    def the_payment_is_told(self, word: Word, kind: str, reason: Reason | None, late: int) -> None:
        self.books.hear_payment(said(self.books.at, word, kind, reason, late))

    @rule(word=PAYMENT_WORDS, kind=KINDS)
    def the_payment_is_told_twice(self, word: Word, kind: str) -> None:
        outcome = said(self.books.at, word, kind)
        self.books.hear_payment(outcome)
        money = self.books.balances()
        state = self.books.states()
        if word not in (Word.ABSENT, Word.PENDING):
            self.books.hear_payment(outcome)
            if self.books.states() == state:
                assert self.books.balances() == money

    @rule()
    def the_payment_is_driven(self) -> None:
        self.books.drive_payment()

    @rule()
    def the_cashier_gives_up(self) -> None:
        self.books.cancel_payment()

    @rule(fen=st.sampled_from([1, 300, 600, 999, 1000, 1001]), undo=st.sampled_from([0, 30]))
    def a_refund_is_asked(self, fen: int, undo: int) -> None:
        self.books.ask_refund(fen, undo)

    @rule(fen=st.sampled_from([300, 600]), word=REFUND_WORDS)
    def a_refund_is_on_its_way(self, fen: int, word: Word) -> None:
        """What chance alone seldom finds: asked, released, sent, and a first word about it."""
        self._sent(fen, word)

    @rule(to=st.sampled_from(list(RescueTo)), same=st.booleans(), word=REFUND_WORDS)
    def a_refund_strands_and_people_send_it_on(self, to: RescueTo, same: bool, word: Word) -> None:
        which = self._sent(200, Word.STRANDED)
        if which is not None:
            self.books.rescue(which, to, "finance", "finance" if same else "manager")
            self.books.hear_refund(which, said(self.books.at, word))

    @rule(seconds=SPANS)
    def time_passes_and_everything_is_driven(self, seconds: int) -> None:
        self.books.at += timedelta(seconds=seconds)
        self.books.drive_payment()
        for which in range(len(self.books.refunds)):
            self.books.drive_refund(which)

    def _sent(self, fen: int, word: Word) -> int | None:
        which = len(self.books.refunds)
        self.books.at += timedelta(seconds=61)
        self.books.ask_refund(fen, 0)
        if len(self.books.refunds) == which:
            return None
        for _ in range(3):
            self.books.drive_refund(which)
        self.books.hear_refund(which, said(self.books.at, word))
        return which

    @precondition(lambda self: self.books.refunds)
    @rule(which=st.integers(0, 50))
    def a_refund_is_asked_again(self, which: int) -> None:
        before = self.books.balances(), self.books.payment
        self.books.ask_again(which)
        assert (self.books.balances(), self.books.payment) == before, "I9: asking again moved money"

    @precondition(lambda self: self.books.refunds)
    @rule(which=st.integers(0, 50))
    def a_refund_is_driven(self, which: int) -> None:
        self.books.drive_refund(which)

    @precondition(lambda self: self.books.refunds)
    @rule(which=st.integers(0, 50), word=REFUND_WORDS, kind=KINDS, reason=REASONS, late=SPANS)
    def a_refund_is_told(self, which: int, word: Word, kind: str, reason: Reason | None, late: int) -> None:
        self.books.hear_refund(which, said(self.books.at, word, kind, reason, late))

    @precondition(lambda self: self.books.refunds)
    @rule(which=st.integers(0, 50))
    def a_refund_is_taken_back(self, which: int) -> None:
        self.books.cancel_refund(which)

    @precondition(lambda self: self.books.refunds)
    @rule(which=st.integers(0, 50), to=st.sampled_from(list(RescueTo)), same=st.booleans())
    def two_people_rescue(self, which: int, to: RescueTo, same: bool) -> None:
        self.books.rescue(which, to, "finance", "finance" if same else "manager")

    @precondition(lambda self: self.books.refunds)
    @rule(which=st.integers(0, 50), end=st.sampled_from(["DONE", "REFUSED", "READY"]))
    def two_people_resolve(self, which: int, end: str) -> None:
        self.books.resolve(which, end)

    @rule(fen=st.sampled_from([1, 400, 1000]), number=st.sampled_from(["H1", "H2"]))
    def a_refund_is_found_outside(self, fen: int, number: str) -> None:
        self.books.outside(fen, number)

    @invariant()
    def every_law_holds(self) -> None:
        wrong = self.books.broken() if hasattr(self, "books") else []
        assert not wrong, "; ".join(wrong)


Laws.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
test_laws_of_payments_and_refunds = Laws.TestCase
