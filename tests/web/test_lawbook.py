"""The lawbook over HTTP: rights, working days, the way back, where money is, what a case lacks."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.flows import files
from tests.web.conftest import Shop
from tests.web.test_refunds_and_cases import later, report, trouble, wish_back
from yuanlu import ids
from yuanlu.app import running
from yuanlu.config import Settings
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.ids import Kind


async def test_rights_come_with_the_law_and_the_version_they_are_cited_by(bare_shop: Shop) -> None:
    """S72. S81."""
    told = (await bare_shop.get("/v1/rights?stage=declined&at=2026-11-23")).told
    assert (told["pack"], told["version"], told["stage"], told["on"]) == (
        "law-cn",
        "2026-01",
        "declined",
        "2026-11-23",
    )
    rule = next(one for one in told["rules"] if one["id"] == "art-39")
    assert rule["cite"] == "law-cn/2026-01#art-39"
    assert "第三十九条" in rule["law_zh"]
    assert [rung["id"] for rung in told["ladder"]] == ["settle", "mediation", "authority", "arbitration", "court"]
    assert (await bare_shop.get("/v1/rights?stage=reported")).told["ladder"] == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/rights?stage=quarrel", 400, "request.invalid"),
        ("/v1/rights?at=2026-02-30", 400, "request.invalid"),
        ("/v1/rights?at=2019-01-01", 409, "pack.none_valid"),
        ("/v1/workdays?from=tomorrow", 400, "request.invalid"),
        ("/v1/workdays?days=367", 400, "request.invalid"),
        ("/v1/workdays?days=-1", 400, "request.invalid"),
        ("/v1/workdays?from=9999-12-31", 422, "workdays.out_of_range"),
        ("/v1/workdays?from=0001-01-01", 422, "workdays.out_of_range"),
    ],
)
async def test_what_cannot_be_answered_is_denied(bare_shop: Shop, path: str, status: int, code: str) -> None:
    answer = await bare_shop.get(path)
    assert (answer.status, answer.code) == (status, code)


async def test_working_days_are_counted_and_an_unpublished_year_is_not_certain(bare_shop: Shop) -> None:
    """S62."""
    told = (await bare_shop.get("/v1/workdays?from=2026-09-30&days=3")).told
    assert told["on"] == "2026-10-10"
    assert told["certain"] is True
    assert told["is_working_day"] is True
    told = (await bare_shop.get("/v1/workdays?from=2028-03-01&days=3")).told
    assert (told["on"], told["certain"]) == ("2028-03-06", False)
    assert told["says_zh"] == "大约是2028-03-06，日期不定\n那一年的放假安排还没公布。"


async def test_the_way_back_and_its_times_are_shown_before_anybody_asks(shop: Shop) -> None:
    """S50. S64. S67: way, windows, steps, dates and what is needed, and nothing was written."""
    payment = await shop.paid()
    before = await shop.counts()
    told = (await shop.get(f"/v1/payments/{payment}/way-back?what=wrong_amount")).told
    assert (told["way"], told["why"], told["parts_left"]) == ("refund", "paid", 50)
    assert told["says_zh"] == "原路退回付款的账户\n不用提供卡号。"
    assert [step["id"] for step in told["steps"]] == ["check", "review", "second", "send"]
    assert [one["name"] for one in told["windows"]] == ["refund"]
    assert told["until"] == told["windows"][0]["shuts_at"]
    assert told["sent_on"] <= told["arrived_on"]
    assert told["sent_on"] in told["promise_zh"]
    assert "meant" in [need["id"] for need in told["needs"]]
    assert "law-cn/2026-01#original-route" in told["cites"]
    assert await shop.counts() == before


async def test_of_alipay_the_way_back_promises_no_arrival(shop: Shop) -> None:
    """S50. S62."""
    payment = await shop.paid(code=shop.codes["alipay_ok"])
    told = (await shop.get(f"/v1/payments/{payment}/way-back")).told
    assert (told["arrived_on"], told["parts_left"]) == (None, None)
    assert told["sent_on"] is not None
    assert told["promise_zh"].endswith("到账时间以渠道为准")


async def test_while_all_of_it_is_on_its_way_there_is_no_second_way(shop: Shop) -> None:
    payment = await shop.paid()
    await shop.post("/v1/refunds", wish_back(payment, 12800))
    told = (await shop.get(f"/v1/payments/{payment}/way-back")).told
    assert (told["way"], told["why"], told["steps"], told["sent_on"]) == ("wait", "under_way", [], None)


async def test_where_a_refund_is_follows_it_from_held_to_arrived(shop: Shop) -> None:
    """S78."""
    wish = wish_back(await shop.paid(), undo_seconds=60)
    path = f"/v1/refunds/{wish['id']}/where"
    await shop.post("/v1/refunds", wish)
    held = (await shop.get(path)).told
    assert (held["stage"], held["holder"], held["reference"]) == ("held", "system", wish["id"])
    await later(shop, 61)
    sent = (await shop.get(path)).told
    assert (sent["stage"], sent["holder"], sent["next_event"]) == ("sent", "channel", "arrives")
    assert sent["next_at"] is not None
    assert sent["overdue"] is False
    for _ in range(3):
        await later(shop, 61)
    await later(shop, 5 * 24 * 3600)
    there = (await shop.get(path)).told
    assert (there["stage"], there["holder"], there["overdue"]) == ("arrived", "nobody", False)
    assert there["reference"] not in ("", wish["id"])  # the channel's own number, to ask a bank with


async def test_where_a_refund_is_that_the_channel_never_answers_for(shop: Shop) -> None:
    """S78."""
    wish = wish_back(await shop.paid())
    await trouble(shop, kind="error_503", match={"number": wish["id"]}, count=None)
    await shop.post("/v1/refunds", wish)
    await shop.work()
    told = (await shop.get(f"/v1/refunds/{wish['id']}/where")).told
    assert (told["stage"], told["next_event"], told["overdue"]) == ("confirming", "resolved", False)
    for _ in range(3):
        await later(shop, 25 * 3600)
    told = (await shop.get(f"/v1/refunds/{wish['id']}/where")).told
    assert (told["stage"], told["holder"], told["overdue"]) == ("unclear", "finance", True)
    assert told["says_zh"].endswith("已经超过答应的时间，抱歉")


async def test_where_a_case_is_before_and_after_there_is_a_refund(shop: Shop) -> None:
    """S78."""
    case = report(await shop.paid())
    await shop.post("/v1/cases", case)
    path = f"/v1/cases/{case['id']}/where"
    told = (await shop.get(path)).told
    assert (told["stage"], told["holder"], told["next_event"]) == ("checking", "system", "checked")
    assert told["reference"] == case["payment"]
    await shop.work()
    assert (await shop.get(path)).told["stage"] in ("held", "ready", "sent")


async def test_a_case_says_what_it_lacks_and_what_would_speed_it_up(shop: Shop) -> None:
    """S60."""
    case = report(await shop.paid())
    await shop.post("/v1/cases", case)
    path = f"/v1/cases/{case['id']}/completeness"
    told = (await shop.get(path)).told
    assert [need["id"] for need in told["missing"]] == ["channel_answer", "statement"]
    assert [need["id"] for need in told["faster"]] == ["receipt", "contact"]
    assert told["per_mille"] == 1000 * 70 // 140
    await shop.work()
    checked = (await shop.get(path)).told
    assert checked["per_mille"] == 1000 * 100 // 140
    assert [need["id"] for need in checked["missing"]] == ["statement"]


async def test_a_case_that_holds_all_it_needs_is_whole(shop: Shop) -> None:
    """S60: words, what was meant, a file, a contact and the channel's answer: nothing is missing, nothing is faster."""
    case = report(await shop.paid()) | {"said": "多按了一个零"}
    await shop.post("/v1/cases", case)
    path = f"/v1/cases/{case['id']}"
    await shop.work()
    contact = {"way": "email", "target": "li@mail.example", "consent": True, "lang": "zh"}
    assert (await shop.post(f"{path}/contact", contact)).status // 100 == 2
    told = (await shop.get(f"{path}/completeness")).told
    assert ([need["id"] for need in told["missing"]], [need["id"] for need in told["faster"]]) == ([], ["receipt"])
    file = f"{path}/files?id={ids.new(Kind.FILE)}&name=receipt.jpg"
    assert (await shop.post(file, raw=files.jpeg_with_everything(), content_type="image/jpeg")).status == 201
    await shop.work()
    told = (await shop.get(f"{path}/completeness")).told
    assert (told["per_mille"], told["missing"], told["faster"]) == (1000, [], [])


async def test_a_closed_case_has_cited_the_rules_its_decisions_rest_on(shop: Shop) -> None:
    """S72."""
    case = report(await shop.paid())
    await shop.post("/v1/cases", case)
    for _ in range(4):
        await later(shop, 61)
    items = (await shop.get(f"/v1/payments/{case['payment']}/timeline")).told["items"]
    told = {item["facts"]["stage"]: item for item in items if item["kind"] == "RulesCited"}
    assert set(told) == {"review", "closed"}
    assert "law-cn/2026-01#original-route" in told["review"]["facts"]["cites"]
    assert "消费者权益保护法" in told["review"]["what_zh"]
    assert "Consumer Rights Protection Law" in told["review"]["what_en"]


async def test_nothing_of_the_neighbours_is_told(shop: Shop) -> None:
    payment = await shop.paid()
    refund, case = wish_back(payment), report(payment)
    await shop.post("/v1/refunds", refund)
    await shop.post("/v1/cases", case)
    for path, code in (
        (f"/v1/payments/{payment}/way-back", "payment.unknown"),
        (f"/v1/refunds/{refund['id']}/where", "refund.unknown"),
        (f"/v1/cases/{case['id']}/where", "case.unknown"),
        (f"/v1/cases/{case['id']}/completeness", "case.unknown"),
        (f"/v1/refunds/{ids.new(Kind.REFUND)}/where", "refund.unknown"),
    ):
        answer = await shop.get(path, who="neighbour")
        assert (answer.status, answer.code) == (404, code)


NEXT = """
kind = "workdays"
name = "workdays-cn-2027"
version = "2027-1"
valid_from = 2026-11-10
source = "a notice made up for a test"
year = 2027
work = []
rest = []
"""


async def test_the_packs_of_the_setting_count_for_the_whole_installation(database: Database, tmp_path: Path) -> None:
    """S97. S62."""
    (tmp_path / "next.toml").write_text(NEXT)
    settings = Settings(state=tmp_path, packs=str(tmp_path))
    async with running(settings, database) as app, running(Settings(state=tmp_path), database) as bare:
        now = datetime(2026, 11, 26, tzinfo=UTC)
        assert app.desk.book(now).calendar.add_working_days(date(2027, 3, 1), 1).certain
        assert not bare.desk.book(now).calendar.add_working_days(date(2027, 3, 1), 1).certain


async def test_an_installation_with_a_bad_pack_does_not_start(database: Database, tmp_path: Path) -> None:
    """S97."""
    (tmp_path / "next.toml").write_text(NEXT.replace("year = 2027", "year = two"))
    with pytest.raises(Denied, match=r"pack\.syntax"):
        async with running(Settings(state=tmp_path, packs=str(tmp_path)), database):
            pass
