"""Lists as files: what is found goes out, whole or said to be cut, on record, and only by whom it may."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.web.conftest import Answer, Shop, opened
from tests.web.test_console import asked, entered
from tests.web.test_review import hire
from tests.web.test_thieves import ELSEWHERE
from yuanlu.db import Database
from yuanlu.people.rules import MAY, OF_STAFF
from yuanlu.sheets import restored
from yuanlu.sim.server import Sim
from yuanlu.web.api import exports

PAYMENTS, CASES = "/v1/exports/payments", "/v1/exports/cases"
BOTH: tuple[tuple[str, dict[str, Any]], ...] = ((PAYMENTS, {}), (CASES, {"states": ["REVIEW"]}))
WRONG: tuple[dict[str, Any], ...] = ({"lang": "fr"}, {"of": {"number": "42"}}, {"of": {"colour": "red"}})


def table(raw: bytes) -> list[list[str]]:
    """The rows of a file, as a spreadsheet reads them."""
    return list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


def column(rows: list[list[str]], name: str) -> list[str]:
    place = rows[0].index(name)
    return [restored(row[place]) for row in rows[1:]]


async def carried(shop: Shop, path: str, who: str = "olga", **wish: Any) -> Answer:
    return await shop.post(path, {"lang": "en", **wish}, who=who)


async def recorded(shop: Shop) -> list[Any]:
    rows = await shop.app.pools.recorder.fetch("select who, body from facts where kind = 'ListExported' order by at")
    return [(row["who"], msgspec.json.decode(row["body"])) for row in rows]


async def test_what_is_found_goes_out_and_comes_back_the_same(shop: Shop) -> None:
    """And a cell that would run is text."""
    olga = await hire(shop, "olga", "owner")
    await shop.paid(amount_fen=500, description="=1+1|cmd")
    await shop.paid(amount_fen=501)
    evil = await shop.paid(amount_fen=500, description='@SUM(A1),"x"\'')
    answer = await carried(shop, PAYMENTS, of={"amount_fen": 500})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8"), answer.raw
    rows = table(answer.raw)
    assert tuple(rows[0]) == exports.PAYMENT_COLUMNS
    assert column(rows, "amount_fen") == ["5.00", "5.00"]
    assert column(rows, "description") == ['@SUM(A1),"x"\'', "=1+1|cmd"]
    assert column(rows, "id")[0] == evil
    assert not any(cell.startswith(("=", "@")) for row in rows for cell in row)
    who, fact = (await recorded(shop))[0]
    assert (who, fact["what"], fact["count"], fact["is_cut"]) == (olga, "payments", 2, False)
    assert msgspec.json.decode(fact["asked"])["amount_fen"] == 500


async def test_pages_are_put_together_and_a_file_says_that_it_is_cut(shop: Shop, monkeypatch: Any) -> None:
    await hire(shop, "olga", "owner")
    made = [await shop.paid(amount_fen=100 + n) for n in range(7)]
    monkeypatch.setattr(exports, "PAGE", 3)
    whole = table((await carried(shop, PAYMENTS)).raw)
    assert column(whole, "id") == made[::-1]
    monkeypatch.setattr(exports, "ROWS_MAX", 5)
    cut = table((await carried(shop, PAYMENTS)).raw)
    assert [row[0] for row in cut[1:-1]] == made[:1:-1]
    assert cut[-1] == ["There are more: here are 5 rows"]
    monkeypatch.setattr(exports, "ROWS_MAX", 7)
    assert table((await carried(shop, PAYMENTS)).raw) == whole
    assert [fact["is_cut"] for _, fact in await recorded(shop)] == [False, True, False]


async def test_cases_of_a_queue_go_out_without_what_customers_wrote(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    _, case = await asked(shop)
    answer = await carried(shop, CASES, states=["REVIEW", "SECOND"])
    assert column(table(answer.raw), "id") == [case]
    assert "不要了" not in answer.raw.decode()
    assert table((await carried(shop, CASES, states=["CLOSED"])).raw) == [list(exports.CASE_COLUMNS)]


async def test_only_who_may_carries_a_list_out(shop: Shop) -> None:
    """S95. S2: and nothing is on record where nothing went out."""
    payment = await shop.paid()
    for role in OF_STAFF:
        await hire(shop, role.value, role.value)
    await hire(shop, "far", "owner", ELSEWHERE)
    for path, wish in BOTH:
        for role in OF_STAFF:
            if role not in MAY["export"]:
                answer = await carried(shop, path, role.value, **wish)
                assert (answer.status, answer.code) == (403, "staff.not_allowed")
        assert (await carried(shop, path, "far", **wish)).code == "staff.other_store"
        assert (await carried(shop, path, "neighbour", **wish)).code == "staff.not_allowed"
    assert await recorded(shop) == []
    for wrong in WRONG:
        assert (await carried(shop, PAYMENTS, "owner", **wrong)).code == "request.invalid"
    assert column(table((await carried(shop, PAYMENTS, "owner")).raw), "id") == [payment]


async def test_it_takes_somebody_who_is_sure(database: Database, tmp_path: Path, sim: Sim) -> None:
    async with opened(database, tmp_path, sim, said={"step_up_always": 1}) as shop:
        await hire(shop, "olga", "owner")
        for path, wish in BOTH:
            answer = await carried(shop, path, **wish)
            assert (answer.status, answer.code, answer.told["verb"]) == (403, "step_up.needed", "export")
        assert await recorded(shop) == []


async def test_the_console_gives_the_file_of_what_it_shows(shop: Shop) -> None:
    one, _ = await shop.paid(amount_fen=4321), await shop.paid(amount_fen=99)
    _, case = await asked(shop)
    owner = await entered(shop, "owner")
    await owner.open("/console/payments?amount=43.21")
    assert column(table((await owner.send("/console/payments/export")).encode()), "id") == [one]
    await owner.open("/console/refunds?tab=review")
    assert column(table((await owner.send("/console/refunds/export")).encode()), "id") == [case]
    manager = await entered(shop, "manager")
    for path in ("/console/payments", "/console/refunds"):
        assert f"{path}/export" not in await manager.open(path)


@pytest.mark.parametrize("tab", ["", "x"])
async def test_a_tab_that_is_none_has_no_file(shop: Shop, tab: str) -> None:
    owner = await entered(shop, "owner")
    await asked(shop)
    await owner.open("/console/refunds")
    await owner.send("/console/refunds/export", tab=tab)
    assert owner.status == 404
