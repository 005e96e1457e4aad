"""Two people, or a person and a deadline, decide about one case at once, at two desks that share only the database.

However it falls: one wins, the other is told how the case stands now, and money moves once or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from tests.flows.scene import Scene, settled, standing
from tests.flows.test_review import SORRY, TILL, asked, now
from yuanlu.app import FOLLOWED, FOLLOWERS, ROWS
from yuanlu.cases import flow as cases
from yuanlu.cases.flow import Words
from yuanlu.cases.review import OfferKind
from yuanlu.cases.rules import Case, State
from yuanlu.channels.contract import Operation, Outcome, Word
from yuanlu.clock import SetClock
from yuanlu.db import Database, Pools, Role, connect
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.money import Money
from yuanlu.people.rules import Person
from yuanlu.reading import Reader
from yuanlu.recorder import Recorder

ROUNDS = 8
WHOLE, DEAR = 2000, 60_000
PART = Money(800)


@dataclass
class Street:
    """Two desks, each with connections and a clock of its own, as two processes have."""

    scene: Scene
    there: Desk
    late: SetClock
    people: dict[str, Person]

    @property
    def here(self) -> Desk:
        return self.scene.desk

    def place(self, desk: Desk, case: Case) -> tuple[Desk, str, str]:
        return desk, self.scene.merchant_id, case.id


@asynccontextmanager
async def opened(database: Database, pools: Pools) -> AsyncIterator[Street]:
    async with standing(database, pools) as scene:
        reader = Reader(pools.recorder)
        recorder = Recorder(lambda: connect(database, Role.RECORDER, deadline_within=30), ROWS, followed=FOLLOWED)
        late = SetClock(scene.clock.now())
        there = Desk(reader, recorder, scene._ask, late, mark_key=b"k" * 32, followers=FOLLOWERS, seal=scene.seal)
        names = {"anna": "manager", "bert": "manager", "finn": "finance", "fred": "finance", "olga": "owner"}
        people = {name: await scene.staff(role) for name, role in names.items()}
        yield Street(scene, there, late, people)
        await reader.close()
        await recorder.close()


@pytest.fixture
async def street(database: Database, pools: Pools) -> AsyncIterator[Street]:
    async with opened(database, pools) as made:
        yield made


Begin = Callable[[Street], Awaitable[Case]]
Verb = Callable[[Street, Desk, Case], Awaitable[Case]]


async def in_review(street: Street) -> Case:
    return await asked(street.scene, WHOLE)


async def in_second(street: Street) -> Case:
    case = await asked(street.scene, DEAR)
    return await cases.approve(*street.place(street.here, case), street.people["anna"], case.version)


async def offered(street: Street) -> Case:
    case = await asked(street.scene, WHOLE)
    within = timedelta(hours=1)
    anna = street.people["anna"]
    return await cases.offer(*street.place(street.here, case), anna, case.version, OfferKind.PART, PART, within, SORRY)


async def questioned(street: Street) -> Case:
    case = await asked(street.scene, WHOLE)
    return await cases.ask(*street.place(street.here, case), street.people["anna"], case.version, SORRY)


async def declined(street: Street) -> Case:
    case = await asked(street.scene, WHOLE)
    at = street.place(street.here, case)
    return await cases.decline(*at, street.people["anna"], case.version, "goods_used", SORRY)


async def in_trouble(street: Street) -> Case:
    """Its refund was refused by the channel."""
    case = await asked(street.scene, WHOLE)
    case = await cases.approve(*street.place(street.here, case), street.people["anna"], case.version)
    street.scene.says[Operation.REFUND] = Outcome(word=Word.REFUSED, code="USER_ACCOUNT_ABNORMAL")
    await street.scene.work()
    case = await now(street.scene, case)
    assert case.state is State.ATTENTION
    street.scene.clock.step(timedelta(minutes=2))
    return case


def approve(who: str) -> Verb:
    return lambda street, desk, case: cases.approve(*street.place(desk, case), street.people[who], case.version)


def confirm(who: str) -> Verb:
    return lambda street, desk, case: cases.confirm(*street.place(desk, case), street.people[who], case.version)


def decline(who: str) -> Verb:
    return lambda street, desk, case: cases.decline(
        *street.place(desk, case), street.people[who], case.version, "no_proof", SORRY
    )


def send_back(who: str) -> Verb:
    return lambda street, desk, case: cases.send_back(
        *street.place(desk, case), street.people[who], case.version, SORRY
    )


def offer(who: str) -> Verb:
    return lambda street, desk, case: cases.offer(
        *street.place(desk, case), street.people[who], case.version, OfferKind.PART, PART, timedelta(hours=1), SORRY
    )


def ask(who: str) -> Verb:
    return lambda street, desk, case: cases.ask(*street.place(desk, case), street.people[who], case.version, SORRY)


def decide(who: str) -> Verb:
    return lambda street, desk, case: cases.decide(*street.place(desk, case), street.people[who], PART)


def withdraw(street: Street, desk: Desk, case: Case) -> Awaitable[Case]:
    return cases.withdraw(*street.place(desk, case), TILL, case.version)


def accept(street: Street, desk: Desk, case: Case) -> Awaitable[Case]:
    return cases.accept(*street.place(desk, case), TILL, case.version)


def turn_down(street: Street, desk: Desk, case: Case) -> Awaitable[Case]:
    return cases.turn_down(*street.place(desk, case), TILL, case.version)


def answer(street: Street, desk: Desk, case: Case) -> Awaitable[Case]:
    return cases.answer(*street.place(desk, case), TILL, case.version, Words(text="小票在这里"))


def object_to(street: Street, desk: Desk, case: Case) -> Awaitable[Case]:
    return cases.object_to(*street.place(desk, case), TILL, case.version, Words(text="没拆封"))


def lapse(street: Street, desk: Desk, case: Case) -> Awaitable[Case]:
    """The worker at the other desk, by whose clock the time is just over."""
    return cases.tick(*street.place(desk, case))


RACES: tuple[tuple[Begin, Verb, str, Verb, str], ...] = (
    (in_review, approve("anna"), "CaseApproved", approve("bert"), "CaseApproved"),
    (in_review, approve("anna"), "CaseApproved", decline("bert"), "CaseDeclined"),
    (in_review, decline("anna"), "CaseDeclined", decline("bert"), "CaseDeclined"),
    (in_review, approve("anna"), "CaseApproved", withdraw, "CaseWithdrawn"),
    (in_review, approve("anna"), "CaseApproved", offer("bert"), "OfferMade"),
    (in_review, approve("anna"), "CaseApproved", ask("bert"), "CaseInfoAsked"),
    (in_second, confirm("finn"), "CaseConfirmed", confirm("fred"), "CaseConfirmed"),
    (in_second, confirm("finn"), "CaseConfirmed", send_back("fred"), "CaseSentBack"),
    (in_second, confirm("finn"), "CaseConfirmed", withdraw, "CaseWithdrawn"),
    (offered, accept, "OfferAccepted", turn_down, "OfferTurnedDown"),
    (offered, accept, "OfferAccepted", accept, "OfferAccepted"),
    (offered, accept, "OfferAccepted", withdraw, "CaseWithdrawn"),
    (offered, accept, "OfferAccepted", lapse, "OfferExpired"),
    (offered, withdraw, "CaseWithdrawn", lapse, "OfferExpired"),
    (questioned, answer, "CaseAnswered", lapse, "CaseUnanswered"),
    (declined, object_to, "CaseObjected", lapse, "CaseClosed"),
    (declined, object_to, "CaseObjected", object_to, "CaseObjected"),
    (in_trouble, decide("finn"), "RemedyChosen", decide("fred"), "RemedyChosen"),
)


@pytest.mark.parametrize(("begin", "one", "told_one", "other", "told_other"), RACES)
async def test_of_two_at_once_one_wins_the_other_is_told_and_money_moves_once(
    street: Street, begin: Begin, one: Verb, told_one: str, other: Verb, told_other: str
) -> None:
    """S61 S74 S75: many rounds; either may win."""
    scene = street.scene
    for turn in range(ROUNDS):
        scene.says.pop(Operation.REFUND, None)
        case = await begin(street)
        before = await scene.facts(case.id)
        street.late.at = _just_over(case) if other is lapse else scene.clock.now()
        if other is lapse and case.due_at is not None:
            scene.clock.at = case.due_at - timedelta(seconds=1)
        pair = [one(street, street.here, case), other(street, street.there, case)]
        answers = await asyncio.gather(*(pair if turn % 2 else reversed(pair)), return_exceptions=True)
        stands = await now(scene, case)
        facts = (await scene.facts(case.id))[len(before) :]
        assert sorted(kind for kind in facts if kind in (told_one, told_other)) in ([told_one], [told_other])
        lost = [each for each in answers if isinstance(each, Denied)]
        assert all(isinstance(each, Case | Denied) for each in answers), answers
        assert len(lost) == (0 if other is lapse and told_one in facts else 1), answers
        for no in lost:
            assert no.code in ("case.stale", "case.not_now", "case.not_waiting")
            assert no.facts["state"] == stands.state.value
        await _money_moves_once(street, stands)


def _just_over(case: Case) -> datetime:
    assert case.due_at is not None
    return case.due_at


async def _money_moves_once(street: Street, case: Case) -> None:
    scene = street.scene
    scene.clock.at = max(scene.clock.now(), street.late.now())
    scene.says[Operation.REFUND] = lambda step: settled(step.back.amount)  # type: ignore[attr-defined]
    await scene.work()
    rows = await scene.pools.recorder.fetch("select * from refunds where case_id = $1", case.id)
    paid = [row["amount_fen"] for row in rows if row["state"] == "DONE"]
    assert paid == ([case.remedy_fen] if case.state is State.REMEDY else [])
    payment = await scene.pools.recorder.fetchrow("select * from payments where id = $1", case.payment_id)
    assert payment["back_fen"] == sum(paid)
