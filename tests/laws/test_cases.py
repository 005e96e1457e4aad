"""The laws of a case, whatever people, time and the channel do in whatever order.

One holder and one deadline; an approved case has a refund; parts never exceed the whole; every state names its evidence
and every decision a person and what was known; the chain holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.laws.grounds import Told, on_air
from tests.making import CASE, GUIDE, MERCHANT, NOON, PAYMENT, fen, heard, payment, refund
from yuanlu import ids
from yuanlu.cases import chain, clockwork, review, rules
from yuanlu.cases.chain import Audience, CaseItemAdded, Item, Link
from yuanlu.cases.review import Act, OfferKind
from yuanlu.cases.rules import Case, CaseAsk, CaseClosed, CaseSeen, Conclusion, Remedy, Ruled, State, Verdict, What
from yuanlu.change import Change, Stay
from yuanlu.channels.contract import Word
from yuanlu.errors import Denied
from yuanlu.payments.rules import Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.people.rules import Person, Purse, Role, Staff
from yuanlu.refunds.rules import OPEN as OPEN_REFUNDS
from yuanlu.refunds.rules import Refund
from yuanlu.refunds.rules import State as RefundState

WHOLE = 100_000
PEOPLE = [Person(f"YW{role.name}{n}", role) for role in (Role.OWNER, Role.FINANCE, Role.MANAGER) for n in "12"]
OTHERS = [Person("YWCARL", Role.CASHIER), Person("YWAUDE", Role.AUDITOR), Person("till")]
NAMED = {"CaseApproved", "CaseConfirmed", "CaseSentBack", "CaseBackInTrouble", "OfferMade", "FaultJudged"}

anybody = st.sampled_from([*PEOPLE, *OTHERS])
amounts = st.sampled_from([1, 300, 300, 49_000, 60_000, WHOLE, WHOLE + 1])


class CaseLife(RuleBasedStateMachine):
    """A case, its payment, its refunds, its people."""

    @initialize(
        word=st.sampled_from(Ruled),
        asker=anybody,
        what=st.sampled_from([*[What.REQUEST] * 5, What.OTHER]),
        state=st.sampled_from([*[PaymentState.PAID] * 5, PaymentState.SENT]),
    )
    def report(self, word: Ruled, asker: Person, what: What, state: PaymentState) -> None:
        self.at = NOON + timedelta(minutes=1)
        self.payment: Payment = payment(state, amount_fen=WHOLE)
        self.refunds: dict[str, Refund] = {}
        self.staff = {one.id: Staff(merchant_id=MERCHANT, id=one.id, role=one.role, name="s1.", store_id="", since=NOON)
                      for one in [*PEOPLE, *OTHERS[:2]]}  # fmt: skip
        self.links: list[Link] = []
        self.ruling = Verdict(verdict=word, policy="YL1", line=1, zh="", en="")
        self.case: Case | None = None
        ask = CaseAsk(merchant_id=MERCHANT, id=CASE, payment_id=PAYMENT, what=what, who=asker.id)
        self.do(lambda seen, at: rules.open_case(ask, seen, at))
        self.check()

    def check(self) -> None:
        """As the flow does with what is opened: ask the channel, then choose."""
        word = Word.SETTLED if self.payment.state is PaymentState.PAID else Word.PENDING
        self.do(lambda seen, at: rules.choose(heard(word), seen, at, guide=GUIDE, ruling=lambda *_: self.ruling))

    @precondition(lambda self: self.payment.state is PaymentState.SENT)
    @rule(end=st.sampled_from([PaymentState.PAID, PaymentState.PAID, PaymentState.REVERSED, PaymentState.FAILED]))
    def pay(self, end: PaymentState) -> None:
        """What was not paid yet when it was reported is paid, or ended."""
        self.payment = replace(self.payment, state=end, paid_at=self.at if end is PaymentState.PAID else None)
        self.do(rules.next_step)

    def seen(self) -> CaseSeen:
        case = self.case
        if case is None:
            return CaseSeen(None, self.payment)
        people = tuple(self.staff[who] for who in (case.decided_by, case.seconded_by) if who in self.staff)
        return CaseSeen(case, self.payment, self.refunds.get(case.refund_id), approvers=people)

    def do(self, decide: Callable[[CaseSeen, Any], Change[Case] | Stay[Case]]) -> bool:
        """Decide and record, as the desk does; what is denied changes nothing."""
        seen = self.seen()
        try:
            decision = clockwork.passed(seen.case, decide(seen, self.at))
        except Denied:
            return False
        if isinstance(decision, Change):
            assert decision.row.version == (seen.case.version + 1 if seen.case else 1)
            self.rests_on_something(seen.case, decision)
            for fact in decision.facts:
                if isinstance(fact, CaseItemAdded):
                    self.links.append(Link(fact, decision.at))
                if fact.kind in NAMED:
                    assert decision.who in self.staff, fact
                    assert fact.on_chain, fact  # type: ignore[attr-defined]
                if fact.kind == "CaseConfirmed":
                    assert decision.who not in (seen.case and seen.case.decided_by, seen.case and seen.case.opened_by)
                if fact.kind == "OfferAccepted":
                    assert seen.case is not None, "nothing was offered"
                    assert seen.case.offer_until is not None, "nothing was offered"
                    assert self.at < seen.case.offer_until, "accepted after its time"
                if fact.kind == "CaseObjected":
                    assert seen.case is not None, "nothing was declined"
                    assert seen.case.object_until is not None, "nothing was declined"
                    assert self.at < seen.case.object_until, "objected to after its time"
                if fact.kind == "RemedyChosen" and decision.who in self.staff:
                    self.is_within_somebodys_limit(decision.row)
                if fact.kind in ("CaseApproved", "CaseDeclined", "OfferMade") and seen.case is not None:
                    assert decision.who != seen.case.opened_by
                    assert decision.who not in seen.case.barred.split()
            self.case = decision.row
        return True

    def is_within_somebodys_limit(self, case: Case) -> None:
        """Of those who approved what is carried out now, one may approve so much alone."""
        named = [self.staff[who].person for who in (case.decided_by, case.seconded_by) if who in self.staff]
        assert any(Purse().covers(each, case.remedy_fen) for each in named), "nobody who approved may approve so much"

    def rests_on_something(self, before: Case | None, change: Change[Case]) -> None:
        """Every state names its evidence: what a turn rests on stands in the facts that are kept with it."""
        told = Told(
            what=change.row.what.value,
            before=before.state.value if before else "",
            after=change.row.state.value,
            who=change.who,
            at=change.at,
            facts=[(fact.kind, asdict(fact)) for fact in change.facts],
            due_at=before.due_at if before else None,
        )
        assert not on_air(told), on_air(told)
        kept = {each.id: each.digest for each in change.evidence}
        for fact in change.facts:
            if isinstance(fact, CaseItemAdded) and fact.item_kind != "file":
                assert kept.get(fact.item) == fact.digest, "what is named is kept, under the digest that is named"
            if isinstance(fact, CaseClosed) and fact.conclusion == Conclusion.MONEY_BACK:
                assert self.refunds[fact.rests_on].state is RefundState.DONE, "closed on a refund that is not done"

    def act(self, by: Person, slip: int) -> Act:
        """Something done on the version one saw, which may have moved by `slip`."""
        assert self.case is not None
        body = chain.said("because", chain.Side.STAFF, chain.How.WRITTEN)
        item = chain.message(ids.new(ids.Kind.EVIDENCE), body, "s1.", by.id, Audience.CUSTOMER, self.at)
        return Act(by=by, version=self.case.version - slip, items=(item,))

    slips = st.sampled_from([0, 0, 0, 0, 0, 1])

    @rule(by=anybody, slip=slips, amount=st.none() | amounts)
    def approve(self, by: Person, slip: int, amount: int | None) -> None:
        act, back = self.act(by, slip), None if amount is None else fen(amount)
        done = self.do(lambda seen, at: review.approve(act, back, seen, at))
        assert not (done and slip)

    @precondition(lambda self: self.case is not None and self.case.state is State.SECOND)
    @rule(by=anybody, slip=slips, again=st.booleans())
    def confirm(self, by: Person, slip: int, again: bool) -> None:
        """Often tried by the very person who approved."""
        assert self.case is not None
        first = self.staff.get(self.case.decided_by)
        act = self.act(first.person if again and first is not None else by, slip)
        self.do(lambda seen, at: review.confirm(act, seen, at))

    @rule(by=anybody, kind=st.sampled_from(OfferKind), amount=amounts)
    def offer(self, by: Person, kind: OfferKind, amount: int) -> None:
        act, until = self.act(by, 0), self.at + timedelta(days=2)
        self.do(lambda seen, at: review.offer(act, kind, fen(amount), until, seen, at))

    @rule(by=anybody, slip=slips, what=st.sampled_from(["ask", "answer", "send_back", "accept", "turn_down",
                                                        "object_to", "reopen", "decline"]))  # fmt: skip
    def talk(self, by: Person, slip: int, what: str) -> None:
        act = self.act(by, slip)
        if what == "decline":
            self.do(lambda seen, at: review.decline(act, "no_proof", seen, at))
        else:
            self.do(lambda seen, at: getattr(review, what)(act, seen, at))

    @rule(by=anybody)
    def withdraw(self, by: Person) -> None:
        if self.at.minute % 5 == 0:  # rarely: it ends the story
            act = self.act(by, 0)
            self.do(lambda seen, at: review.withdraw(act, seen, at))

    @rule(by=anybody)
    def claim(self, by: Person) -> None:
        self.do(lambda seen, at: review.claim(by, seen, at))

    @rule(n=st.integers(0, 99))
    def add(self, n: int) -> None:
        known = any(link.fact.item == f"YF{n}" for link in self.links)
        item = Item(kind="file", id=f"YF{n}", digest="a" * 64, who="till")
        self.do(lambda seen, at: review.add(item, seen.case, at, known=known))

    @rule(minutes=st.sampled_from([1, 30, 24 * 60, 3 * 24 * 60, 16 * 24 * 60]))
    def time(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        self.do(lambda seen, at: review.tick(clockwork.PLAIN, seen, at))

    @precondition(lambda self: self.case is not None and self.case.state in (State.OFFERED, State.DECLINED))
    @rule(by=anybody, what=st.sampled_from(["accept", "object_to"]))
    def come_late(self, by: Person, what: str) -> None:
        """The time for it is over, and the worker that should see it sleeps."""
        assert self.case is not None
        assert self.case.due_at is not None
        self.at = max(self.at, self.case.due_at)
        act = self.act(by, 0)
        self.do(lambda seen, at: getattr(review, what)(act, seen, at))

    @rule(by=st.sampled_from(PEOPLE))
    def leave(self, by: Person) -> None:
        if sum(one.until is None for one in self.staff.values()) > 5:
            self.staff[by.id] = replace(self.staff[by.id], until=self.at)

    @rule()
    def drive(self) -> None:
        """As the flow does: look, ask for the refund, which draws on the payment."""
        self.do(rules.next_step)
        case = self.case
        assert case is not None
        if case.state is State.OPENED:
            self.check()
            return
        if case.state is not State.REMEDY or case.remedy is Remedy.CANCEL or case.refund_id in self.refunds:
            return
        ask = rules.refund_ask(case)
        if case.remedy_fen > self.payment.rest.amount:
            self.do(lambda seen, at: rules.attend("refund.over_limit", seen, at))
            return
        gone = [who for who in (case.decided_by, case.seconded_by)
                if who in self.staff and not self.staff[who].is_active(self.at)]  # fmt: skip
        assert not gone, "a leaver's approval was carried out"
        self.refunds[ask.id] = refund(
            RefundState.SENT, id=ask.id, amount_fen=case.remedy_fen, total_fen=WHOLE, fingerprint=ask.fingerprint
        )
        self.payment = replace(self.payment, back_fen=self.payment.back_fen + case.remedy_fen)

    @rule(end=st.sampled_from([RefundState.DONE, RefundState.DONE, RefundState.REFUSED, RefundState.STRANDED]))
    def hear(self, end: RefundState) -> None:
        assert self.case is not None
        made = self.refunds.get(self.case.refund_id)
        if made is None or made.state is not RefundState.SENT:
            return
        self.refunds[made.id] = replace(made, state=end)
        if end is RefundState.REFUSED:
            self.payment = replace(self.payment, back_fen=self.payment.back_fen - made.amount_fen)
        self.do(rules.next_step)

    @rule(by=anybody, amount=st.none() | amounts)
    def look_after(self, by: Person, amount: int | None) -> None:
        self.decide(by, amount)

    def decide(self, by: Person, amount: int | None) -> None:
        back = None if amount is None else fen(amount)
        self.do(partial(review.decide, by, back))

    @precondition(lambda self: self.case is not None and self.case.state is State.ATTENTION)
    @rule(by=st.sampled_from(PEOPLE))
    def press_on(self, by: Person) -> None:
        """While a refund is in trouble, somebody would rather send another one."""
        self.decide(by, 300)

    @invariant()
    def one_holder_one_deadline(self) -> None:
        case = getattr(self, "case", None)
        if case is None:
            return
        held = {bool(case.holder), case.due_at is not None, bool(case.due_what)}
        assert held == {case.state is not State.CLOSED}

    @invariant()
    def an_approved_case_has_a_refund(self) -> None:
        case = getattr(self, "case", None)
        if case is not None and case.state is State.REMEDY and case.remedy is not Remedy.CANCEL:
            assert case.refund_id == rules.refund_id(case, case.attempt)
            assert case.remedy_fen == case.approved_fen > 0
            assert case.decided_by

    @invariant()
    def parts_never_exceed_the_whole(self) -> None:
        if getattr(self, "case", None) is None:
            return
        alive = [one for one in self.refunds.values() if one.state is not RefundState.REFUSED]
        assert sum(one.amount_fen for one in alive) == self.payment.back_fen <= WHOLE
        assert sum(one.state in OPEN_REFUNDS for one in alive) <= 1, "two refunds on their way at once"

    @invariant()
    def what_is_closed_as_paid_back_is(self) -> None:
        case = getattr(self, "case", None)
        if case is not None and case.conclusion is Conclusion.MONEY_BACK:
            assert self.refunds[case.refund_id].state is RefundState.DONE

    @invariant()
    def the_chain_holds(self) -> None:
        case = getattr(self, "case", None)
        if case is not None:
            assert chain.broken(self.links, case.chain, case.chain_length) is None


CaseLife.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestCaseLife = CaseLife.TestCase
