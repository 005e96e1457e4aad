"""Each law of a case broken on purpose once, and seen to be caught by the walk of `test_cases.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.laws.model import quick
from tests.laws.test_cases import CaseLife
from yuanlu.cases import clockwork, review, rules
from yuanlu.change import Change, Stay

Patch = pytest.MonkeyPatch


def _allows(*names: str) -> Callable[[Patch], None]:
    """Forget to ask."""

    def break_it(patch: Patch) -> None:
        for name in names:
            for module in (rules, review):
                if hasattr(module, name):
                    patch.setattr(module, name, lambda *_, **__: None)

    return break_it


def _changes(module: Any, name: str, how: Callable[[Change[Any]], Change[Any]]) -> Callable[[Patch], None]:
    """Let a rule's Change be another one."""

    def break_it(patch: Patch) -> None:
        true = getattr(module, name)

        def broken(*args: Any, **named: Any) -> Any:
            change = true(*args, **named)
            return change if isinstance(change, Stay) else how(change)

        for each in (rules, review, clockwork):
            if getattr(each, name, None) is true:
                patch.setattr(each, name, broken)

    return break_it


def _without(*kinds: str) -> Callable[[Change[Any]], Change[Any]]:
    """The same Change, and nobody is told of it."""
    return lambda change: replace(change, facts=tuple(each for each in change.facts if each.kind not in kinds))


def _saying_less(kind: str, **emptied: Any) -> Callable[[Change[Any]], Change[Any]]:
    """The same Change, whose fact names less."""

    def less(change: Change[Any]) -> Change[Any]:
        facts = (replace(each, **emptied) if each.kind == kind else each for each in change.facts)
        return replace(change, facts=tuple(facts))

    return less


def _row(**changes: Any) -> Callable[[Change[Any]], Change[Any]]:
    return lambda change: replace(change, row=replace(change.row, **changes))


def _takes_any_version(patch: Patch) -> None:
    def decides(act: Any, verb: str, event: Any, seen: Any, at: Any) -> Any:
        case = review._there(seen)
        review.demand(act.by, verb, case.store_id)
        review._demand_event(case, event)
        return case

    patch.setattr(review, "_decides", decides)


def _carries_out_what_a_leaver_approved(patch: Patch) -> None:
    patch.setattr(rules, "_lapsed", lambda seen, case, at: Stay(case))


def _pays_out_an_offer_that_ran_out(patch: Patch) -> None:
    true = review.tick

    def tick(work: Any, seen: Any, at: Any) -> Any:
        case = seen.case
        if clockwork.is_due(case, at) and case.state is rules.State.OFFERED and case.offer_kind == "part":
            row = replace(case, approved_fen=case.offer_fen)
            return rules.remedied(row, at, rules.Remedy.REFUND_DIFFERENCE, case.offer_fen)
        return true(work, seen, at)

    patch.setattr(review, "tick", tick)


def _takes_a_word_after_its_time(patch: Patch) -> None:
    true = review._says

    def says(*args: Any) -> Any:
        case = true(*args)
        far = case.opened_at + review.OFFER_MAX * 100
        return replace(case, offer_until=case.offer_until and far, object_until=case.object_until and far)

    patch.setattr(review, "_says", says)


def _closes_while_the_refund_is_on_its_way(patch: Patch) -> None:
    patch.setattr(rules, "_has_arrived", lambda refund: refund.state is not rules.RefundState.REFUSED)


def _asks_no_second_person(patch: Patch) -> None:
    patch.setattr(review, "_needs_second", lambda *_: False)


def _enters_without_a_link(patch: Patch) -> None:
    true = rules.entered

    def entered(change: Any, *items: Any) -> Any:
        return replace(true(change, *items), row=change.row)

    patch.setattr(rules, "entered", entered)
    patch.setattr(review, "entered", entered)


def _forgets_the_answer(patch: Patch) -> None:
    patch.setattr(rules, "entered", lambda change, *_: change)


def _keeps_no_evidence(patch: Patch) -> None:
    true = rules.entered

    def entered(change: Any, *items: Any) -> Any:
        return replace(true(change, *items), evidence=())

    patch.setattr(rules, "entered", entered)


BREAKS: dict[str, Callable[[Patch], None]] = {
    "approved without a refund": _changes(rules, "remedied", _row(refund_id="")),
    "approved without an amount": _changes(rules, "remedied", _row(remedy_fen=0)),
    "two refunds at once": _allows("demand_refund_ended"),
    "whoever asked approves": _allows("demand_may_decide"),
    "one person is two": _allows("_demand_other"),
    "no second person": _asks_no_second_person,
    "a stale decision counts": _takes_any_version,
    "a leaver's approval": _carries_out_what_a_leaver_approved,
    "no holder": _changes(clockwork, "passed", _row(holder="")),
    "no deadline": _changes(clockwork, "passed", _row(due_at=None)),
    "time pays out": _pays_out_an_offer_that_ran_out,
    "a word after its time": _takes_a_word_after_its_time,
    "closed on its way": _closes_while_the_refund_is_on_its_way,
    "the chain is not linked": _enters_without_a_link,
    "the channel's answer is not named": _forgets_the_answer,
    "what is named is not kept": _keeps_no_evidence,
    "an end without a fact": _changes(rules, "closed", _without("CaseClosed")),
    "paid meanwhile, without a fact": _changes(rules, "_cancelled", _without("RemedyOvertaken")),
    "an end names no refund": _changes(rules, "closed", _saying_less("CaseClosed", rests_on="")),
    "trouble names no refund": _changes(rules, "_attention", _saying_less("CaseNeedsPerson", rests_on="")),
    "an offer on nothing known": _changes(review, "offer", _saying_less("OfferMade", on_chain="")),
    "the policy's line is not named": _changes(rules, "remedied", _saying_less("RemedyChosen", line="")),
    "declined on nothing known": _changes(rules, "declined", _saying_less("CaseDeclined", on_chain="", line="")),
    "words that are not there": _changes(review, "ask", _without("CaseItemAdded")),
    "a question to nobody": _changes(review, "tick", _without("CaseUnanswered", "OfferExpired")),
}


RARE = {
    "one person is two",
    "two refunds at once",
    "no second person",
    "a leaver's approval",
    "time pays out",
    "paid meanwhile, without a fact",
    "a stale decision counts",
}
"""What the walk comes to in some hundred lives: `make laws` breaks these, and each has its unit test."""


@pytest.mark.parametrize("name", [pytest.param(each, marks=[pytest.mark.long] * (each in RARE)) for each in BREAKS])
def test_a_rule_that_breaks_a_law_of_a_case_is_caught(name: str, monkeypatch: Patch) -> None:
    BREAKS[name](monkeypatch)
    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(CaseLife, settings=quick(5000))
