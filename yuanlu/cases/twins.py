"""The law of a pair: of two charges of one mistake, only one ever goes back for being charged twice.

A case that may be about being charged twice (`binds`) knows the other charge, its twin: the one that stays when this
one goes back. It is looked for whenever money is decided, since a charge that was unclear may have become paid.
Three things hold the law together:

- `passed`, through which every Change of a case goes: whatever verb decides about money, it is refused while the twin
  goes back, has gone back, was never paid, or is not clear yet.
- `next_step`, just before the refund is asked for: each case has written its own remedy down before it looks at the
  other's. So of two (or of a ring of three) that decided at once, at least one sees another, and goes back to a person.
- The index `cases_one_of_twins`: the database itself takes one case a pair that sends money back, as `holds` says.

A refund for a reason that says something else (a wrong amount, goods returned) is not bound. A case that ends without
money back frees the pair. Of three charges two may go back: the twin is any charge that still has its money.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from yuanlu.cases import causes, rules
from yuanlu.cases.doubles import sibling
from yuanlu.cases.rules import (
    DRIVE,
    Case,
    CaseSeen,
    Conclusion,
    Judge,
    Remedy,
    RemedyChosen,
    State,
    What,
    to_review,
    with_a_person,
)
from yuanlu.change import Change, Look, Stay
from yuanlu.errors import Denied
from yuanlu.facts import Fact
from yuanlu.payments.rules import HAS_MONEY, OPEN, Payment
from yuanlu.payments.rules import State as PaymentState
from yuanlu.policies.rules import Verdict

CAUSE = "network.charged_twice_after_timeout"
BINDING = (What.CHARGED_TWICE, What.OTHER, What.LATE_PAID)
"""Reports whose refund may be that of a second charge. `OTHER` says no reason: it cannot be told from one."""
MONEY = (State.SECOND, State.OFFERED, State.REMEDY)
"""States in which somebody has decided, or promised, that money goes back."""
GIVEN = (Conclusion.MONEY_BACK, Conclusion.SETTLED_OTHERWISE)
"""Ends by which the customer had the mistake made good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinInTheWay(Fact):
    """Not carried out, because of the other charge (`payment`) of the pair: `why` is the code, `other` its case."""

    why: str
    payment: str
    other: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinFound(Fact):
    """The other charge of the pair is known now: it stays when this one goes back."""

    payment: str


class Standing(StrEnum):
    """How the other charge of a pair stands when one of them is about to be put right."""

    GOES_BACK = "goes_back"
    """Both have their money: this one may go back."""
    ALONE = "alone"
    """Perhaps there is no second charge: a person must look."""
    UNCLEAR = "unclear"
    """The other one has no clear end yet: nobody knows whether the customer paid twice."""
    OTHER_UNPAID = "other_unpaid"
    """The other one was never paid, or was reversed: the customer paid once, nothing is owed."""
    OTHER_WENT_BACK = "other_went_back"
    """All of the other one went back, or is on its way: nothing is owed."""
    OTHER_PARTLY_BACK = "other_partly_back"
    """Part of the other one went back, or it was paid late: only a person knows what is still owed."""


def standing(twin: Payment) -> Standing:
    """How a charge of a pair stands for the other one. What is promised counts: a refund is drawn when asked for."""
    if twin.state in OPEN:
        return Standing.UNCLEAR
    if twin.state not in HAS_MONEY:
        return Standing.OTHER_UNPAID
    if not twin.rest.amount:
        return Standing.OTHER_WENT_BACK
    whole = not twin.back_fen and twin.state is PaymentState.PAID
    return Standing.GOES_BACK if whole else Standing.OTHER_PARTLY_BACK


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The twin of a charge, how it stands, and the case that sends it back or did (`holder`), if there is one.

    `is_sure`: payer or code are the same. `is_second`: the twin was charged first.
    """

    twin: Payment
    standing: Standing
    holder: Case | None
    is_sure: bool
    is_second: bool

    @property
    def stays(self) -> bool:
        """Whether the twin has all its money, and nobody sends it back."""
        return self.is_sure and self.standing is Standing.GOES_BACK and self.holder is None


def binds(case: Case) -> bool:
    """Whether what goes back by this case may go back for being charged twice."""
    return case.what in BINDING or case.cause == CAUSE


def holds(case: Case) -> bool:
    """Whether a case sends its charge back or did: then its twin stays. Law: the index of the database says the same,
    of cases that know their twin."""
    match case.state:
        case State.REMEDY:
            return case.remedy is not Remedy.CANCEL
        case State.ATTENTION:
            return bool(case.refund_id)
        case State.CLOSED:
            return case.conclusion in GIVEN
        case _:
            return case.state in MONEY


def may_be_twin(payment: Payment, other: Payment) -> bool:
    """Whether this is looked at when a charge is said to be made twice: the same sum at the same store, near in time,
    and the same payer or code; or nobody knows yet who pays it, if anybody does."""
    return _paired(payment, other) is not None or _unknown(payment, other)


def look(case: Case, seen: CaseSeen) -> Pair | None:
    """The twin of a case's charge: the one that stays, should there be several; the earliest of those.

    None where nothing in our books says that it was charged twice, or where the case is not about that.
    """
    payment = seen.payment
    if payment is None or not binds(case):
        return None
    pairs = [each for other in seen.near if (each := _pair(case, payment, other, seen.cases)) is not None]
    return min(pairs, key=_preferred, default=None)


def _preferred(pair: Pair) -> tuple[int, bool, bool, datetime, str]:
    if pair.holder is not None:
        rank = 3
    else:
        rank = {Standing.GOES_BACK: 0, Standing.OTHER_PARTLY_BACK: 1, Standing.UNCLEAR: 2}.get(pair.standing, 3)
    return rank, not pair.is_sure, not pair.is_second, pair.twin.opened_at, pair.twin.id


def _pair(case: Case, payment: Payment, other: Payment, cases: tuple[Case, ...]) -> Pair | None:
    found, is_known = _paired(payment, other), other.id == case.twin_id
    has_reason = case.what is not What.OTHER or case.cause == CAUSE
    is_sure = is_known or (found is not None and (has_reason or found.was_unclear))
    if not is_sure and not (has_reason and _unknown(payment, other)):
        return None
    is_near = is_sure or other.state in OPEN or other.till_id == payment.till_id
    stands = standing(other) if is_near else Standing.ALONE
    is_second = (other.opened_at, other.id) < (payment.opened_at, payment.id)
    holder = next(_holders(case, other, cases), None) if is_sure else None
    return Pair(twin=other, standing=stands, holder=holder, is_sure=is_sure, is_second=is_second)


def _holders(case: Case, twin: Payment, cases: tuple[Case, ...]) -> Iterator[Case]:
    """The cases by which the twin goes back or went; and one about this charge that put this very pair right before."""
    for each in cases:
        if each.id == case.id or not binds(each):
            continue
        if each.payment_id == twin.id:
            comes = each.what is What.LATE_PAID and each.state is State.OPENED
            if holds(each) or comes or (each.attempt and twin.back_fen):
                yield each
        elif each.payment_id == case.payment_id and each.twin_id == twin.id and holds(each):
            yield each


def _paired(payment: Payment, other: Payment) -> causes.Twin | None:
    """The two as charges of one mistake, by payer, code, sum, store and time. What came to nothing is none."""
    if other.state in (PaymentState.FAILED, PaymentState.CLOSED):
        return None
    one, two = sibling(payment), sibling(other)
    return causes.paired(replace(one, has_money=True), replace(two, has_money=True))


def _unknown(payment: Payment, other: Payment) -> bool:
    """Whether this may be a charge of the same mistake, whose payer nobody knows: it has no end, or was reversed."""
    within = causes.taxonomy().near["twice_within"]
    return (
        other.id != payment.id
        and not other.payer
        and (other.state in OPEN or other.state is PaymentState.REVERSED)
        and other.amount_fen == payment.amount_fen
        and other.store_id == payment.store_id
        and abs(other.opened_at - payment.opened_at) <= within
    )


def goes_by_itself(pair: Pair | None) -> bool:
    """Whether a charge reported as made twice may go back without a person, as far as its twin is concerned.

    Law: only a later charge ever does, while the earlier one stays. Without a twin in our books, the policy alone says.
    """
    return pair is None or (pair.stays and pair.is_second)


def ruled(ruling: Judge, seen: CaseSeen, back_fen: int, at: datetime) -> Verdict:
    """The verdict of a ruling, with a person where a pair wants one."""
    assert seen.case is not None
    if goes_by_itself(look(seen.case, seen)):
        return ruling(seen, back_fen, at)
    return with_a_person(ruling, seen, back_fen, at)


def refusal(case: Case, pair: Pair | None) -> Denied | None:
    """Why a charge may not go back because of its twin: case.twin_open, case.twin_back, case.twin_gone,
    case.twin_unpaid, case.twin_unclear. None where it may.

    What was paid late goes back whatever became of the other one, unless that went back for being charged twice.
    """
    if pair is None:
        return None
    twin, other = pair.twin, pair.holder
    if other is not None and other.state is not State.CLOSED:
        return Denied("case.twin_open", case=other.id, payment=twin.id, state=other.state.value)
    if other is not None:
        return Denied("case.twin_back", case=other.id, payment=twin.id, conclusion=other.conclusion.value)
    if case.what is What.LATE_PAID:
        return None
    match pair.standing:
        case Standing.OTHER_WENT_BACK:
            return Denied("case.twin_gone", payment=twin.id)
        case Standing.OTHER_UNPAID:
            return Denied("case.twin_unpaid", payment=twin.id, state=twin.state.value)
        case Standing.UNCLEAR:
            return Denied("case.twin_unclear", payment=twin.id, state=twin.state.value)
        case _:
            return None


def passed(seen: CaseSeen, decision: Change[Case] | Stay[Case]) -> Change[Case] | Stay[Case]:
    """The decision, where the twin allows it, with the twin in its row: every Change of a case goes through here.

    What nobody decided is put before a person instead. Raises Denied: see `refusal`.
    """
    before = seen.case
    if isinstance(decision, Stay) or before is None or not binds(decision.row):
        return decision
    row = decision.row
    if row.state is before.state or not (_decides(row) or (before.state, row.state) == (State.OPENED, State.REVIEW)):
        return decision
    pair = look(before, seen)
    no = refusal(row, pair) if _decides(row) else None
    if no is not None and decision.who != "system":
        raise no
    change = decision if no is None else _before_a_person(before, decision, no)
    return replace(change, row=replace(change.row, twin_id=pair.twin.id if pair is not None and pair.is_sure else ""))


def _decides(row: Case) -> bool:
    """Whether a case that comes into this state was decided to send money back. Trouble and arrival are only heard."""
    return holds(row) and row.state is not State.ATTENTION and row.conclusion is not Conclusion.MONEY_BACK


def _before_a_person(before: Case, change: Change[Case], no: Denied) -> Change[Case]:
    """What was about to go back by itself (it was just checked), before a person; what was heard stays in it."""
    heard = tuple(fact for fact in change.facts if not isinstance(fact, RemedyChosen))
    row = replace(
        change.row, version=before.version, remedy=before.remedy, remedy_fen=before.remedy_fen,
        refund_id=before.refund_id, attempt=before.attempt, asked_fen=before.asked_fen,
    )  # fmt: skip
    return replace(to_review(row, change.at, "system", *heard, _in_the_way(no)), evidence=change.evidence)


def _in_the_way(no: Denied) -> TwinInTheWay:
    return TwinInTheWay(why=no.code, payment=str(no.facts["payment"]), other=str(no.facts.get("case", "")))


def next_step(seen: CaseSeen, at: datetime) -> Change[Case] | Stay[Case]:
    """As `rules.next_step`; and what is about to be asked for goes back to a person if the twin is in its way now.

    The remedy of this case is on the books already, so whoever decides about the twin sees it. Raises Denied:
    case.unknown.
    """
    decision, case = rules.next_step(seen, at), seen.case
    if isinstance(decision, Change) or case is None or seen.refund is not None:
        return decision
    if case.state is not State.REMEDY or not holds(case) or case.remedy is Remedy.REPAYMENT:
        return decision  # of a repayment two people decide, and a case that waits for one holds its pair already
    pair = look(case, seen)
    no = refusal(case, pair)
    if no is not None:
        return to_review(case, at, "system", _in_the_way(no))
    if pair is None or not pair.is_sure or pair.twin.id == case.twin_id:
        return decision
    row = replace(case, version=case.version + 1, twin_id=pair.twin.id)
    told = TwinFound(payment=pair.twin.id)
    return Change(row=row, at=at, who="system", facts=(told,), looks=(Look(DRIVE, row.id, at),))
