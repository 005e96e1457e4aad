"""Each law broken on purpose once, and seen to be caught: in our books, in the providers', and in the rules."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.audit import Audit, Provider, Snapshot, provider, snapshot, states_known
from tests.faults.stories import STORIES
from tests.faults.world import ALIPAY, WECHAT, opened
from tests.laws.model import quick
from tests.laws.test_rules import Laws
from yuanlu import db
from yuanlu.change import Change, Look, Stay
from yuanlu.channels.contract import Channel
from yuanlu.ledger.accounts import HELD
from yuanlu.payments import rules as payments
from yuanlu.postgres import Server
from yuanlu.refunds import rules as refunds

Books = tuple[Snapshot, Provider, dict[str, list[str]]]


@pytest.fixture(scope="module")
async def rested(server: Server, spot: Path) -> AsyncIterator[Books]:
    """Books at rest: a mistaken scan and three partial refunds, with both channels."""
    await server.create("rested", "migrated")
    database = db.Database(server.url("rested"), logs_in_as_roles=True)
    async with opened(database, spot) as world:
        for name in ("mistaken_scan", "three_parts"):
            for variant in (WECHAT, ALIPAY):
                await world.run(name, STORIES[name].story, variant)
        await world.rest()
        codes = {merchant_id: run.codes for merchant_id, run in world.runs.items()}
        yield await snapshot(world.connection), provider(world.sim.world.books.values()), codes
    await server.drop("rested")


def laws_broken(books: Books, plant: Callable[[Snapshot, Provider], None] = lambda _, __: None) -> set[str]:
    """Which laws the auditor says are broken, once something was planted."""
    written, world, codes = copy.deepcopy(books)
    plant(written, world)
    return {each.law for each in Audit(written, world, codes).at_rest().found}


async def test_books_that_nobody_touched_break_no_law(rested: Books) -> None:
    assert laws_broken(rested) == set()


def _payment_of_refund(books: Snapshot) -> dict[str, Any]:
    return next(row for row in books.payments if row["back_fen"])


def _more_back_than_drawn(books: Snapshot, _: Provider) -> None:
    _payment_of_refund(books)["back_fen"] -= 1


def _more_back_than_paid(books: Snapshot, _: Provider) -> None:
    payment = _payment_of_refund(books)
    payment["back_fen"] = payment["amount_fen"] + 1


def _paid_out_twice(_: Snapshot, world: Provider) -> None:
    next(iter(world.refunds.values()))["payouts"] = 2  # type: ignore[index]


def _refund_nobody_knows(books: Snapshot, world: Provider) -> None:
    known = next(iter(world.refunds.values()))
    world.refunds["YRNEW"] = {**known, "number": "YRNEW"}


def _charged_twice(_: Snapshot, world: Provider) -> None:
    next(iter(world.orders.values()))["payments"] = 2  # type: ignore[index]


def _move_lost(books: Snapshot, _: Provider) -> None:
    books.moves.pop()


def _move_of_another_amount(books: Snapshot, _: Provider) -> None:
    books.moves[0]["amount_fen"] += 1


def _balance_off_by_one(books: Snapshot, _: Provider) -> None:
    next(row for row in books.accounts if row["account"] == "held")["balance_fen"] += 1


def _evidence_lost(books: Snapshot, _: Provider) -> None:
    books.evidence.clear()


def _end_without_evidence(books: Snapshot, _: Provider) -> None:
    next(fact for fact in books.facts if fact["kind"] == "RefundDone")["evidence_id"] = ""


def _said_less(books: Snapshot, kind: str, **less: str) -> None:
    fact = next(fact for fact in books.facts if fact["kind"] == kind)
    fact["body"] = json.dumps(json.loads(fact["body"]) | less)


def _remedy_by_no_rule(books: Snapshot, _: Provider) -> None:
    _said_less(books, "RemedyChosen", line="")


def _closed_on_no_refund(books: Snapshot, _: Provider) -> None:
    _said_less(books, "CaseClosed", rests_on="")


def _decided_on_no_answer(books: Snapshot, _: Provider) -> None:
    books.facts.remove(next(fact for fact in books.facts if fact["kind"] == "CaseChecked"))


def _fact_lost(books: Snapshot, _: Provider) -> None:
    books.facts.remove(next(fact for fact in books.facts if fact["kind"] == "PaymentPaid"))


def _state_without_fact(books: Snapshot, _: Provider) -> None:
    next(row for row in books.refunds if row["state"] == "PROVEN" or row["state"] == "DONE")["state"] = "REFUSED"


def _code_written_down(books: Snapshot, _: Provider) -> None:
    books.evidence[0]["body"] = "auth_code=CODE"


def _case_without_refund(books: Snapshot, _: Provider) -> None:
    books.cases[0]["refund_id"] = "YR0"


def _refund_without_case(books: Snapshot, _: Provider) -> None:
    books.cases.clear()


def _second_open_case(books: Snapshot, _: Provider) -> None:
    books.cases += [{**books.cases[0], "id": f"YC{n}", "state": "OPENED", "conclusion": ""} for n in range(2)]


def _open_and_forgotten(books: Snapshot, _: Provider) -> None:
    books.payments[0]["state"] = "REVERSING"


def _job_left(books: Snapshot, _: Provider) -> None:
    merchant_id = books.payments[0]["merchant_id"]
    books.jobs.append({"merchant_id": merchant_id, "name": "payments.drive", "object_id": "YP"})


def _provider_without_money(_: Snapshot, world: Provider) -> None:
    next(iter(world.orders.values()))["has_money"] = False  # type: ignore[index]


def _fen_missing_at_the_provider(_: Snapshot, world: Provider) -> None:
    next(iter(world.refunds.values()))["amount_fen"] -= 1  # type: ignore[index]


PLANTS = (
    ("I1", _more_back_than_drawn),
    ("I1", _more_back_than_paid),
    ("I2", _paid_out_twice),
    ("I2", _refund_nobody_knows),
    ("I2", _charged_twice),
    ("I3", _move_lost),
    ("I3", _move_of_another_amount),
    ("I3", _balance_off_by_one),
    ("I4", _evidence_lost),
    ("I4", _end_without_evidence),
    ("I4", _remedy_by_no_rule),
    ("I4", _closed_on_no_refund),
    ("I4", _decided_on_no_answer),
    ("I5", _fact_lost),
    ("I5", _state_without_fact),
    ("I6", _code_written_down),
    ("I7", _case_without_refund),
    ("I7", _refund_without_case),
    ("I7", _second_open_case),
    ("I10", _open_and_forgotten),
    ("rest", _job_left),
    ("agree", _provider_without_money),
    ("agree", _fen_missing_at_the_provider),
)


@pytest.mark.parametrize(("law", "plant"), PLANTS, ids=lambda each: getattr(each, "__name__", each))
async def test_a_planted_violation_is_seen_under_its_law(
    rested: Books, law: str, plant: Callable[[Snapshot, Provider], None]
) -> None:
    def planted(books: Snapshot, world: Provider) -> None:
        plant(books, world)
        for row in books.evidence:
            code = rested[2][row["merchant_id"]][0]
            row["body"] = row["body"].replace("auth_code=CODE", f"auth_code={code}")

    assert law in laws_broken(rested, planted)


def test_the_auditor_knows_a_place_for_every_state() -> None:
    assert states_known() == {state.value for state in refunds.State}


# The rules, broken


def _forgets_the_draw(patch: pytest.MonkeyPatch) -> None:
    true = refunds._to

    def to(refund: Any, state: Any, *args: Any, **more: Any) -> Change[Any]:
        change = true(refund, state, *args, **more)
        return replace(change, draw=None) if state is refunds.State.REFUSED else change

    patch.setattr(refunds, "_to", to)


def _forgets_the_move(patch: pytest.MonkeyPatch) -> None:
    true = refunds._to
    patch.setattr(refunds, "_to", lambda *args, **more: replace(true(*args, **more), moves=()))


def _keeps_refused_money_held(patch: pytest.MonkeyPatch) -> None:
    place = {channel: dict(places) | {refunds.State.REFUSED: HELD} for channel, places in refunds.PLACE.items()}
    patch.setattr(refunds, "PLACE", place)


def _sends_before_it_is_written_down(patch: pytest.MonkeyPatch) -> None:
    true = refunds._sent

    def sent(bound: Any, refund: Any, at: Any) -> Stay[Any]:
        return Stay(refund, true(bound, refund, at).step)

    patch.setattr(refunds, "_sent", sent)


def _lets_a_timer_end_it(patch: pytest.MonkeyPatch) -> None:
    true = refunds.next_step

    def next_step(facts: Any, seen: Any, at: Any) -> Any:
        refund = seen.refund
        if refund.state is refunds.State.SENT and at > refund.sent_at + timedelta(hours=1):
            ended = (refunds.RefundRefused(code="timeout"),)
            return refunds._to(refund, refunds.State.REFUSED, at, "system", ended, look=None)
        return true(facts, seen, at)

    patch.setattr(refunds, "next_step", next_step)


def _ends_without_evidence(patch: pytest.MonkeyPatch) -> None:
    true = refunds._turned
    patch.setattr(refunds, "_turned", lambda *args: replace(true(*args), evidence=()))


def _lets_one_person_rescue(patch: pytest.MonkeyPatch) -> None:
    true = refunds.approve_rescue

    def approve(who: str, ask: Any, refund: Any, at: Any) -> Any:
        return true(who, ask, replace(refund, proposed_by="somebody else"), at)

    patch.setattr(refunds, "approve_rescue", approve)


def _makes_a_repeat_a_new_refund(patch: pytest.MonkeyPatch) -> None:
    true = refunds.open_refund

    def open_refund(facts: Any, ask: Any, seen: Any, at: Any) -> Any:
        return true(facts, ask, replace(seen, refund=None), at)

    patch.setattr(refunds, "open_refund", open_refund)


def _forgets_to_look_again(patch: pytest.MonkeyPatch) -> None:
    true = refunds._noted

    def noted(bound: Any, refund: Any, outcome: Any, at: Any) -> Any:
        change = true(bound, refund, outcome, at)
        if isinstance(change, Stay):
            return change
        return replace(change, looks=(Look(refunds.DRIVE, refund.id, None),))

    patch.setattr(refunds, "_noted", noted)


def _books_a_payment_twice(patch: pytest.MonkeyPatch) -> None:
    true = payments._turned

    def turned(*args: Any) -> Any:
        change = true(*args)
        return replace(change, moves=(*change.moves, *change.moves))

    patch.setattr(payments, "_turned", turned)


def _gives_itself_more_time(patch: pytest.MonkeyPatch) -> None:
    true = payments._turned

    def turned(*args: Any) -> Any:
        change = true(*args)
        return replace(change, row=replace(change.row, give_up_at=change.at))

    patch.setattr(payments, "_turned", turned)


def _takes_a_shown_order_for_paid_when_time_is_out(patch: pytest.MonkeyPatch) -> None:
    true = payments.next_step

    def next_step(facts: Any, payment: Any, at: Any) -> Any:
        if payment.state in payments.OPEN and at > payment.give_up_at:
            row = replace(payment, state=payments.State.FAILED, version=payment.version + 1)
            failed = (payments.PaymentFailed(code="timeout"),)
            return Change(row=row, at=at, who="system", facts=failed, looks=(Look(payments.DRIVE, row.id, None),))
        return true(facts, payment, at)

    patch.setattr(payments, "next_step", next_step)


BREAKS = (
    ("I1", _forgets_the_draw),
    ("I3", _forgets_the_move),
    ("I3", _keeps_refused_money_held),
    ("I3", _books_a_payment_twice),
    ("I2", _sends_before_it_is_written_down),
    ("I4", _lets_a_timer_end_it),
    ("I4", _ends_without_evidence),
    ("I4", _lets_one_person_rescue),
    ("I4", _takes_a_shown_order_for_paid_when_time_is_out),
    ("I9", _makes_a_repeat_a_new_refund),
    ("I9", _gives_itself_more_time),
    ("I10", _forgets_to_look_again),
)


@pytest.mark.parametrize(("law", "break_it"), BREAKS, ids=lambda each: getattr(each, "__name__", each))
def test_a_rule_that_breaks_a_law_is_caught_by_the_machine(
    law: str, break_it: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match=f"{law}:"):
        run_state_machine_as_test(Laws, settings=quick(2000))


def test_every_channel_has_a_place_for_every_state() -> None:
    assert set(refunds.PLACE) == set(Channel)
    assert all(set(places) == set(refunds.State) for places in refunds.PLACE.values())
