"""Devices of tills over HTTP: beats, silence, messages, the lock; tickets; and why a payment failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.web.conftest import Shop
from tests.web.test_keys import Device, ask, enrolled
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind


@pytest.fixture
async def owned(shop: Shop) -> Shop:
    await hire(shop, "owner", "owner")
    await hire(shop, "mia", "manager")
    return shop


@pytest.fixture
async def device(owned: Shop) -> Device:
    return await enrolled(owned, owned.till, ("charge", "read", "report", "refund"))


HEALTH = {"printer": "off", "camera": "ok", "battery": 41, "behind_ms": -1500}


async def beat(shop: Shop, device: Device, **given: Any) -> Any:
    wish = {"release": "till-abc", "health": HEALTH} | given
    return await ask(shop, device, "POST", f"/v1/tills/{shop.till}/beat", wish)


async def test_a_beat_is_kept_as_the_last_one_only_and_a_till_that_stops_is_silent(owned: Shop, device: Device) -> None:
    """S85."""
    (one,) = (await owned.get("/v1/stations", who="mia")).told["items"]
    assert (one["silent"], one["beat_at"], one["health"]) == (True, None, None)
    before = await owned.counts()
    for release in ("till-abc", "till-def"):
        await owned.app.pools.recorder.execute("update stations set beat_at = beat_at - interval '1 minute'")
        answer = await beat(owned, device, release=release)
        assert (answer.status, answer.told["silent"]) == (200, False), answer.raw
    assert await owned.counts() == before, "a beat is no fact, and makes no job"
    (one,) = (await owned.get("/v1/stations", who="mia")).told["items"]
    assert (one["release"], one["till"], one["silent"]) == ("till-def", owned.till, False)
    assert {name: one["health"][name] for name in HEALTH} == HEALTH
    assert (await owned.get("/v1/stations?silent=true", who="mia")).told["items"] == []
    await owned.app.pools.recorder.execute("update stations set beat_at = beat_at - interval '11 minutes'")
    assert [each["till"] for each in (await owned.get("/v1/stations?silent=true")).told["items"]] == [owned.till]


async def test_only_the_till_itself_beats(owned: Shop, device: Device) -> None:
    wish = {"release": "", "health": {}}
    assert (await owned.post(f"/v1/tills/{owned.till}/beat", wish, who="owner")).code == "signin.till_only"
    other = ids.new(Kind.TILL)
    assert (await ask(owned, device, "POST", f"/v1/tills/{other}/beat", wish)).code == "signin.till_only"
    wrong = await ask(owned, device, "POST", f"/v1/tills/{owned.till}/beat", {"health": {"battery": 101}})
    assert wrong.status == 400


async def test_a_locked_till_takes_no_charge_and_gives_money_back_all_the_same(owned: Shop, device: Device) -> None:
    """S85: the server refuses, whatever the page does."""
    paid = await owned.paid()
    locked = await owned.post(f"/v1/tills/{owned.till}/lock", {"why": "missing"}, who="mia")
    assert (locked.status, locked.told["locked_why"]) == (200, "missing")
    assert (await beat(owned, device)).told["locked_at"] == locked.told["locked_at"]
    before = await owned.counts()
    for wish in (owned.wish(), owned.wish(code=None, channel="wechat")):
        for answer in (await owned.post("/v1/payments", wish), await ask(owned, device, "POST", "/v1/payments", wish)):
            assert (answer.status, answer.code) == (409, "till.locked")
    assert await owned.counts() == before
    refund = {"id": ids.new(Kind.REFUND), "payment": paid, "amount_fen": 100}
    assert (await owned.post("/v1/refunds", refund)).status == 201
    assert (await owned.post(f"/v1/tills/{owned.till}/unlock", who="mia")).told["locked_at"] is None
    assert await owned.paid()


async def test_cash_that_was_taken_before_the_lock_may_still_be_told(owned: Shop) -> None:
    """S26."""
    taken = owned.app.clock.now() - timedelta(minutes=1)
    await owned.post(f"/v1/tills/{owned.till}/lock", {}, who="mia")
    cash = {"id": ids.new(Kind.PAYMENT), "till": owned.till, "amount_fen": 500, "channel": "cash"}
    assert (await owned.post("/v1/payments", cash)).code == "till.locked"
    told = await owned.post("/v1/payments", {**cash, "taken_at": taken.isoformat()})
    assert (told.status, told.told["state"]) == (201, "PAID"), told.raw


async def test_who_may_write_to_a_till_and_lock_it(owned: Shop) -> None:
    """S95."""
    await hire(owned, "ann", "cashier")
    for deed, wish in (("message", {"message": "x"}), ("lock", {}), ("unlock", None)):
        for who in ("ann", "cashier", "neighbour"):
            assert (await owned.post(f"/v1/tills/{owned.till}/{deed}", wish, who=who)).code == "staff.not_allowed"
        other = await owned.post(f"/v1/tills/{ids.new(Kind.TILL)}/{deed}", wish, who="mia")
        assert (other.status, other.code) == (404, "till.unknown")
    told = (await owned.post(f"/v1/tills/{owned.till}/message", {"message": "来办公室"}, who="mia")).told
    assert (told["message"], told["message_at"] is not None) == ("来办公室", True)


async def test_a_ticket_is_raised_once_masked_and_read_with_its_log(owned: Shop, device: Device) -> None:
    """S40.."""
    payment = await owned.paid()
    wish = {
        "id": ids.new(Kind.TICKET), "till": owned.till, "about": payment, "cause": "device", "code": "print.fail",
        "health": HEALTH, "log": ["POST /v1/payments away", "scanned 130123456789012345"],
    }  # fmt: skip
    assert (await ask(owned, device, "POST", "/v1/tickets", wish)).status == 201
    assert (await ask(owned, device, "POST", "/v1/tickets", wish)).status == 200
    assert (await ask(owned, device, "POST", "/v1/tickets", {**wish, "note": "x"})).code == "ticket.id_taken"
    (listed,) = (await owned.get(f"/v1/tickets?till={owned.till}")).told["items"]
    assert (listed["about"], listed["code"]) == (payment, "print.fail")
    whole = (await owned.get(f"/v1/tickets/{wish['id']}")).told
    assert whole["log"] == ["POST /v1/payments away", "scanned ••••"]
    assert whole["health"]["printer"] == "off"
    stranger = {**wish, "id": ids.new(Kind.TICKET), "about": ids.new(Kind.PAYMENT)}
    assert (await ask(owned, device, "POST", "/v1/tickets", stranger)).code == "payment.unknown"
    long = {**wish, "id": ids.new(Kind.TICKET), "log": ["x"] * 101}
    assert (await ask(owned, device, "POST", "/v1/tickets", long)).status == 400
    assert (await owned.get(f"/v1/tickets/{wish['id']}", who="neighbour")).code == "ticket.unknown"


async def test_a_ticket_is_closed_once_by_who_looks_after_tills(owned: Shop, device: Device) -> None:
    """S40.."""
    await hire(owned, "ann", "cashier")
    max_ = await hire(owned, "max", "manager")
    payment = await owned.paid()
    wish = {"id": ids.new(Kind.TICKET), "till": owned.till, "about": payment, "cause": "device", "note": "打印机不动"}
    told = await ask(owned, device, "POST", "/v1/tickets", {**wish, "log": ["GET /healthz 200"]})
    assert (told.status, told.told["state"], told.told["note"], told.told["said"]) == (201, "OPEN", "打印机不动", "")
    path, done = f"/v1/tickets/{wish['id']}/close", {"said": "换了纸，重新开机。"}
    kept = "select note || log || said as words from tickets where id = $1"
    assert "打印机" not in await owned.app.pools.recorder.fetchval(kept, wish["id"])
    for who in ("ann", "cashier"):
        assert (await owned.post(path, done, who=who)).code == "staff.not_allowed"
    assert (await ask(owned, device, "POST", path, done)).code in ("key.out_of_scope", "staff.not_allowed")
    assert (await owned.post(path, done, who="neighbour")).code == "staff.not_allowed"
    stranger = f"/v1/tickets/{ids.new(Kind.TICKET)}/close"
    assert (await owned.post(stranger, done, who="mia")).code == "ticket.unknown"
    assert (await owned.post(path, {"said": ""}, who="mia")).status == 400
    closed = await owned.post(path, done, who="max")
    assert (closed.status, closed.told["state"], closed.told["said"]) == (200, "CLOSED", done["said"]), closed.raw
    assert closed.told["closed_by"] == max_
    before = await owned.counts()
    assert (await owned.post(path, done, who="max")).told == closed.told
    assert (await owned.post(path, {"said": "别的"}, who="mia")).code == "ticket.closed"
    assert (await owned.post(path, done, who="owner")).code == "ticket.closed"
    assert await owned.counts() == before
    for query, many in (("state=OPEN", 0), ("state=CLOSED", 1), (f"about={payment}", 1),
                        (f"about={payment}&state=OPEN", 0)):  # fmt: skip
        assert len((await owned.get(f"/v1/tickets?{query}")).told["items"]) == many, query
    await owned.app.seal.forget_all(owned.merchant_id, [wish["id"]], owned.app.clock.now(), who="system")
    whole = (await owned.get(f"/v1/tickets/{wish['id']}")).told
    assert (whole["note"], whole["log"], whole["said"], whole["state"]) == ("", [], "", "CLOSED")


async def test_why_says_cause_money_and_words_for_both_sides(owned: Shop) -> None:
    """S45."""
    paid = await owned.paid()
    told = (await owned.get(f"/v1/payments/{paid}/why")).told
    assert (told["cause"], told["money"], told["ticket"]) == ("none", "taken", False)
    refund = {"id": ids.new(Kind.REFUND), "payment": paid, "amount_fen": 100, "undo_seconds": 600}
    assert (await owned.post("/v1/refunds", refund)).status == 201
    told = (await owned.get(f"/v1/refunds/{refund['id']}/why")).told
    assert (told["state"], told["money"], told["cause"]) == ("RESERVED", "back_later", "none")
    poor = owned.wish(code=owned.codes["wechat_no_funds"])
    assert (await owned.post("/v1/payments", poor)).told["state"] == "FAILED"
    told = (await owned.get(f"/v1/payments/{poor['id']}/why")).told
    assert (told["cause"], told["money"]) == ("account", "not_taken")
    assert all(told[name] for name in ("now_zh", "now_en", "customer_zh", "customer_en", "meaning_zh", "code", "kind"))
    assert (await owned.get(f"/v1/payments/{paid}/why", who="neighbour")).code == "payment.unknown"
