"""Who was shown what is personal is on record before it is shown: once a person, object and business day."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows import files as pictures
from tests.web.conftest import Shop
from tests.web.test_files import add
from tests.web.test_refunds_and_cases import report
from tests.web.test_review import hire
from yuanlu import db, ids
from yuanlu.change import Change, Stay
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.people import readings
from yuanlu.people.rules import SEES, Role
from yuanlu.terminal import cases
from yuanlu.terminal.verbs import Counter
from yuanlu.web.parts import veil
from yuanlu.web.server import ROUTES

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


async def read(shop: Shop) -> list[tuple[str, str, str]]:
    """Who read what, of which sorts, in the order it was recorded."""
    facts = await shop.app.pools.recorder.fetch(
        "select who, body from facts where kind = 'PersonalDataRead' and merchant_id = $1 order by at", shop.merchant_id
    )
    return [(row["who"], *(json.loads(row["body"])[name] for name in ("about", "sorts"))) for row in facts]


async def told_case(shop: Shop) -> dict[str, Any]:
    """A case that somebody reported with words."""
    case = report(await shop.paid(), what="other", said="the noodles were cold")
    del case["meant_fen"]
    answer = await shop.post("/v1/cases", case)
    assert answer.status == 201
    return dict(answer.told)


def test_the_day_of_china_is_in_the_id_and_the_second_reading_of_a_day_writes_nothing() -> None:
    def id_at(at: datetime, who: str = "anna", about: str = "YC1", sorts: str = "words") -> str:
        return readings.id_of("YM1", who, about, sorts, at)

    late = NOON.replace(hour=15, minute=59)
    assert id_at(NOON) == id_at(late) != id_at(late + timedelta(minutes=1)), "midnight in China is 16:00 UTC"
    assert len({id_at(NOON), id_at(NOON, "bert"), id_at(NOON, about="YC2"), id_at(NOON, sorts="contact")}) == 4
    assert ids.is_id(id_at(NOON), Kind.READING)
    row = readings.Reading(
        merchant_id="YM1", id=id_at(NOON), who="anna", about="YC1", sorts="contact,words", read_at=NOON
    )
    first = readings.note(row, None, NOON)
    assert isinstance(first, Change)
    assert (first.row, first.who) == (row, "anna")
    assert first.facts == (readings.PersonalDataRead(about="YC1", sorts="contact,words"),)
    assert isinstance(readings.note(row, row, NOON), Stay)


async def test_reading_a_case_is_on_record_once_a_day_and_leaves_the_case_as_it_is(shop: Shop) -> None:
    """S36. S57."""
    await hire(shop, "anna", "manager")
    await hire(shop, "tom", "trainee")
    case = await told_case(shop)
    assert await read(shop) == [], "who wrote it did not read it"
    for _ in range(2):
        assert (await shop.get(f"/v1/cases/{case['id']}", who="anna")).told["said"] == "the noodles were cold"
    told = await asyncio.gather(*(shop.get(f"/v1/cases/{case['id']}/thread", who="anna") for _ in range(5)))
    assert {each.status for each in told} == {200}
    anna = await shop.app.pools.recorder.fetchval("select id from staff where role = 'manager'")
    assert await read(shop) == [(anna, case["id"], "words")]
    assert (await shop.get(f"/v1/cases/{case['id']}", who="tom")).told["said"] == veil.COVER
    assert (await shop.get("/v1/cases", who="anna")).told["items"][0]["said"] is None
    assert (await shop.get(f"/v1/cases/{case['id']}", who="neighbour")).status == 404
    assert len(await read(shop)) == 1, "a veil, a list without words and a no leave none"
    machine = await shop.get(f"/v1/cases/{case['id']}")
    assert machine.told["version"] == case["version"], "what was read stands as it stood"
    assert [each[1:] for each in await read(shop)] == [(case["id"], "words")] * 2, "a machine's key reads too"


async def test_a_list_is_one_reading_however_much_it_shows(shop: Shop) -> None:
    """S36."""
    await hire(shop, "anna", "manager")
    case = await told_case(shop)
    for name in ("slip.png", "cup.png", "till.png"):
        assert (await add(shop, case["id"], pictures.png(), name=name)).status == 201
    shown = (await shop.get(f"/v1/cases/{case['id']}/files", who="anna")).told["items"]
    assert len(shown) == 3
    assert [each[1:] for each in await read(shop) if each[0].startswith("YW")] == [(case["id"], "words")]


async def test_at_the_terminal_it_is_on_record_too(shop: Shop, tmp_path: Path) -> None:
    """S36: by the key in the file; without one nothing is shown, and nothing recorded."""
    await hire(shop, "anna", "manager")
    (tmp_path / "anna").write_text(shop.keys["anna"])
    case, counter = await told_case(shop), Counter(shop.app, shop.merchant_id, timedelta())
    await cases.shown(counter, case["id"], None)
    assert await read(shop) == []
    await cases.shown(counter, case["id"], tmp_path / "anna")
    assert [each[1:] for each in await read(shop)] == [(case["id"], "words")]


async def test_what_cannot_be_recorded_is_not_shown(shop: Shop, database: Database) -> None:
    """S36."""
    case = await told_case(shop)
    owner = await db.connect(database)
    await owner.execute("alter table readings add constraint none_any_more check (about = '') not valid")
    await owner.close()
    answer = await shop.get(f"/v1/cases/{case['id']}")
    assert answer.status >= 500
    assert b"noodles" not in answer.raw


@pytest.mark.parametrize("route", [each for each in ROUTES if each.is_open], ids=lambda each: each.path)
def test_no_open_route_shows_anything_personal(route: Any) -> None:
    """Nobody could be named."""
    assert not any(veil._personal(route.gives))


def test_who_runs_the_installation_is_shown_nothing_so_a_list_at_the_terminal_needs_no_line() -> None:
    assert not any(Role.OPERATOR in roles for roles in SEES.values())
