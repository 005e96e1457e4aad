"""Cash and shifts over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.channels.contract import Channel
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.payments import cash as cash_rules
from yuanlu.payments import store as payments_store
from yuanlu.payments.rules import ChargeAsk


async def books(shop: Shop) -> dict[str, int]:
    """The balance of each account of the merchant that is not zero."""
    rows = await shop.app.pools.recorder.fetch(
        "select account, sum(fen)::bigint as fen from (select target as account, amount_fen as fen from moves"
        " where merchant_id = $1 union all select source, -amount_fen from moves where merchant_id = $1) m"
        " group by account having sum(fen) <> 0",
        shop.merchant_id,
    )
    return {row["account"].replace(shop.till, "T"): row["fen"] for row in rows}


async def cash(shop: Shop, fen: int = 12800, **more: Any) -> dict[str, Any]:
    """Cash that was taken."""
    wish = {"id": ids.new(Kind.PAYMENT), "till": shop.till, "amount_fen": fen, "channel": "cash"} | more
    answer = await shop.post("/v1/payments", wish)
    assert answer.status == 201, answer.told
    told: dict[str, Any] = answer.told
    return told


async def opened(shop: Shop, fen: int = 50000, who: str = "anna") -> str:
    """A shift; its path."""
    wish = {"id": ids.new(Kind.SHIFT), "till": shop.till, "float_fen": fen}
    made = await shop.post("/v1/shifts", wish, who=who)
    assert (made.status, made.told["state"]) == (201, "OPEN"), made.told
    again = await shop.post("/v1/shifts", wish, who=who)
    assert (again.status, again.told) == (200, made.told)
    return f"/v1/shifts/{wish['id']}"


async def test_a_shift_from_the_float_to_the_count(shop: Shop) -> None:
    """S3."""
    anna, bert = await hire(shop, "anna", "cashier"), await hire(shop, "bert", "cashier")
    await hire(shop, "boss2", "manager")
    path = await opened(shop)
    paid = await cash(shop, 12800, handed_fen=20000)
    assert (paid["state"], paid["channel"], paid["mode"]) == ("PAID", "cash", "handed")
    assert (paid["handed_fen"], paid["change_fen"]) == (20000, 7200)
    assert "72.00" in paid["says_en"]
    await shop.paid()
    wish = {"id": ids.new(Kind.REFUND), "payment": paid["id"], "amount_fen": 11520}
    assert (await shop.post("/v1/refunds", wish, who="boss2")).status == 201
    await shop.work()
    waits = (await shop.get(f"/v1/refunds/{wish['id']}")).told
    assert (waits["state"], waits["waiting_for"]) == ("READY", "cashier")
    report = (await shop.get(path)).told
    assert [(each["kind"], each["id"]) for each in report["still_open"]] == [("refund", wish["id"])]
    refused = await shop.post(f"/v1/refunds/{wish['id']}/pay-out", {"till": shop.till})
    assert (refused.status, refused.code) == (403, "staff.not_allowed"), "a key without a name gives no cash back"
    for _ in range(2):
        gone = await shop.post(f"/v1/refunds/{wish['id']}/pay-out", {"till": shop.till}, who="anna")
        assert (gone.status, gone.told["state"], gone.told["till"]) == (200, "DONE", shop.till)
    count = {"counted": {"cash": 51280, "wechat": 12800}, "version": 1}
    handed = await shop.post(f"{path}/hand-over", {**count, "to": bert}, who="anna")
    assert (handed.status, handed.told["cashier"]) == (200, bert), handed.told
    assert (await shop.post(f"{path}/hand-over", {**count, "to": bert}, who="boss2")).told == handed.told
    looked = await shop.post(f"{path}/count", {**count, "version": 2}, who="boss2")
    assert looked.told["version"] == 3
    wrong = {"counted": {"cash": 51180}, "version": 3}
    no = await shop.post(f"{path}/close", wrong, who="bert")
    assert (no.status, no.code) == (422, "shift.reason_missing")
    assert no.told["difference_fen"] == -100
    end = {**wrong, "reasons": {"cash": "一枚硬币找错"}, "safe_fen": 1180}
    closed = await shop.post(f"{path}/close", end, who="bert")
    assert (closed.status, closed.told["state"], closed.told["closed_by"]) == (200, "CLOSED", bert)
    assert (await shop.post(f"{path}/close", end, who="bert")).told == closed.told
    report = (await shop.get(path)).told
    by_tender = {each["tender"]: each for each in report["tenders"]}
    drawer = by_tender["cash"]
    assert (drawer["taken_fen"], drawer["back_fen"], drawer["expected_fen"]) == (12800, 11520, 51280)
    assert (drawer["counted_fen"], drawer["difference_fen"], drawer["reason"]) == (51180, -100, "一枚硬币找错")
    assert (by_tender["wechat"]["taken_fen"], by_tender["wechat"]["counted_fen"]) == (12800, None)
    assert [(each["cashier"], each["taker"]) for each in report["counts"]] == [(anna, bert), ("", "")]
    assert "一枚硬币找错" in report["text_zh"]
    assert bert in report["text_en"]
    assert await books(shop) == {
        "due:wechat": -12800, "owed": 1280 + 12800, "safe": -1180, "difference:cash": -100,
    }  # fmt: skip
    listed = (await shop.get(f"/v1/shifts?state=CLOSED&till={shop.till}")).told["items"]
    assert [f"/v1/shifts/{each['id']}" for each in listed] == [path]


async def test_two_who_close_or_open_at_once_are_one(shop: Shop) -> None:
    await hire(shop, "anna", "cashier")
    await hire(shop, "boss2", "manager")
    wishes = [{"id": ids.new(Kind.SHIFT), "till": shop.till, "float_fen": 1000 + n} for n in range(4)]
    made = await asyncio.gather(*(shop.post("/v1/shifts", wish, who="anna") for wish in wishes))
    assert sorted(each.status for each in made) == [201, 409, 409, 409]
    assert {each.code for each in made if each.status == 409} == {"shift.open_already"}
    opened_one = next(each.told for each in made if each.status == 201)
    path, cash_fen = f"/v1/shifts/{opened_one['id']}", opened_one["float_fen"]
    ends = [
        shop.post(f"{path}/close", {"counted": {"cash": cash_fen}, "safe_fen": n, "version": 1}, who=who)
        for n, who in enumerate(("anna", "boss2", "anna", "boss2"))
    ]
    closed = await asyncio.gather(*ends)
    assert sorted(each.status for each in closed) == [200, 409, 409, 409]
    assert {each.code for each in closed if each.status == 409} == {"shift.closed"}
    assert f"cash:{'T'}" not in await books(shop)
    assert await shop.app.pools.recorder.fetchval("select count(*) from facts where kind = 'ShiftClosed'") == 1


async def test_cash_told_late_belongs_to_its_shift_and_spoils_no_other(shop: Shop) -> None:
    """S26. A till that was cut off tells its cash after its drawer was counted."""
    await hire(shop, "anna", "cashier")
    path = await opened(shop)
    taken_at = shop.app.clock.now()
    more = {"counted": {"cash": 62800}, "reasons": {"cash": "till was offline"}, "version": 1}
    assert (await shop.post(f"{path}/close", more, who="anna")).status == 200
    after = await opened(shop)
    late = await cash(shop, 12800, taken_at=taken_at.isoformat())
    assert late["paid_at"].startswith(taken_at.isoformat()[:19])
    first = (await shop.get(path)).told["tenders"][0]
    assert (first["expected_fen"], first["difference_fen"], first["late_fen"]) == (62800, 12800, 12800)
    assert (await shop.get(after)).told["tenders"][0]["expected_fen"] == 50000
    report = (await shop.get(after)).told
    (told_late,) = report["told_late"]
    assert (told_late["payment"], told_late["amount_fen"]) == (late["id"], 12800)
    assert told_late["taken_at"] == late["paid_at"] < told_late["told_at"]
    assert late["id"] in report["text_en"]
    assert (await shop.get(path)).told["told_late"] == [], "its own shift has it in its figures"
    assert late["waiting_for"] == "told_late"
    again = {"id": late["id"], "till": shop.till, "amount_fen": 12800, "channel": "cash"}
    for more in ({"taken_at": taken_at.isoformat()}, {"taken_at": shop.app.clock.now().isoformat()}, {}):
        same = await shop.post("/v1/payments", again | more)
        assert (same.status, same.told["paid_at"]) == (200, late["paid_at"]), "told twice, taken once"
    found = await books(shop)
    assert (found["cash:T"], found["owed"], found.get("difference:cash", 0)) == (-50000, 12800, 0)
    far = await cash(shop, 100, taken_at=(taken_at - timedelta(days=30)).isoformat())
    assert far["waiting_for"] == "clock_off"
    assert far["paid_at"] > taken_at.isoformat()[:10], "our clock counts then"


async def test_cash_recorded_in_the_moment_of_a_close_is_put_right_at_the_next_opening(shop: Shop) -> None:
    """The close did not see it, and it did not see the close."""
    await hire(shop, "anna", "cashier")
    path = await opened(shop)
    desk, now = shop.app.desk, shop.app.clock.now()
    ask = ChargeAsk(
        merchant_id=shop.merchant_id, id=ids.new(Kind.PAYMENT), till_id=shop.till, amount=Money(12800), who="till",
        channel=Channel.CASH,
    )  # fmt: skip
    view = payments_store.for_cash(ask, now, now)
    before = await desk.see(view)
    end = {"counted": {"cash": 62800}, "reasons": {"cash": "just taken"}, "version": 1}
    assert (await shop.post(f"{path}/close", end, who="anna")).status == 200
    done = await desk.decide(view, lambda _, __: cash_rules.take(ask, before, now))
    assert done.row.reason == ""
    found = await books(shop)
    assert (found["cash:T"], found["difference:cash"]) == (-12800, 12800)
    await opened(shop, 40000)
    found = await books(shop)
    assert (found["cash:T"], found.get("difference:cash", 0), found["owed"]) == (-40000, 0, 12800)


async def test_cash_told_late_into_a_shift_that_is_still_open_is_as_cash_told_at_once(shop: Shop) -> None:
    await hire(shop, "anna", "cashier")
    path = await opened(shop)
    taken_at = shop.app.clock.now()
    shop.app.clock.step(timedelta(hours=3))
    late = await cash(shop, 12800, taken_at=taken_at.isoformat())
    assert (late["waiting_for"], late["paid_at"] < late["opened_at"]) == ("", True)
    report = (await shop.get(path)).told
    assert (report["tenders"][0]["expected_fen"], report["told_late"]) == (62800, [])
    assert (await books(shop))["cash:T"] == -62800


async def test_cash_with_a_code_and_codes_with_cash_are_refused(shop: Shop) -> None:
    before = await shop.counts()
    for wish in (
        shop.wish(channel="cash"),
        shop.wish(handed_fen=20000),
        shop.wish(code=None, channel="wechat", taken_at="2026-11-23T12:00:00Z"),
    ):
        answer = await shop.post("/v1/payments", wish)
        assert (answer.status, answer.code) == (422, "payment.not_cash"), answer.told
    short = shop.wish(code=None, channel="cash", handed_fen=1)
    answer = await shop.post("/v1/payments", short)
    assert (answer.status, answer.code) == (422, "payment.handed_short")
    no_zone = shop.wish(code=None, channel="cash", taken_at="2026-11-23T12:00:00")
    assert (await shop.post("/v1/payments", no_zone)).status in (400, 422)
    assert await shop.counts() == before


async def test_a_case_about_cash_works_to_money_back(shop: Shop) -> None:
    """The case waits until a named person has given the cash back."""
    await hire(shop, "anna", "cashier")
    paid = await cash(shop)
    wish = {"id": ids.new(Kind.CASE), "payment": paid["id"], "what": "wrong_amount", "meant_fen": 1280}
    assert (await shop.post("/v1/cases", wish)).status == 201
    for _ in range(4):
        await shop.work()
    case = (await shop.get(f"/v1/cases/{wish['id']}")).told
    assert (case["state"], case["refund"] != "") == ("REMEDY", True), case
    way = (await shop.get(f"/v1/payments/{paid['id']}/way-back")).told
    assert way["way"] in ("cash", "wait"), way
    gone = await shop.post(f"/v1/refunds/{case['refund']}/pay-out", {"till": shop.till}, who="anna")
    assert (gone.status, gone.told["amount_fen"]) == (200, 11520)
    for _ in range(3):
        await shop.work()
    case = (await shop.get(f"/v1/cases/{wish['id']}")).told
    assert (case["state"], case["conclusion"]) == ("CLOSED", "money_back")
    assert (await shop.get(f"/v1/payments/{paid['id']}")).told["rest_fen"] == 1280
