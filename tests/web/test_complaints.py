"""Complaints over HTTP: heard from the simulated provider, told, answered, decided, and nobody else's."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.web.conftest import Shop
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.sim.complaints import Act, Complaint
from yuanlu.sim.payers import Wallet

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


async def complained(shop: Shop, **more: Any) -> tuple[str, Complaint]:
    """A complaint about a payment of this shop, pulled; our id of it, and the provider's own."""
    payment_id = await shop.paid()
    assert shop.sim is not None
    order = shop.sim.world.books[Wallet.WECHAT].orders[payment_id]
    there = shop.sim.world.complaints[Wallet.WECHAT].complain(
        order, "多扣了", **{"kind": "REFUND", "asked_fen": 100, "phone": "13800000000"} | more
    )
    assert (await shop.post("/v1/complaints/pull", {"channel": "wechat"})).status == 200
    await shop.work()
    found = await shop.get(f"/v1/complaints?payment={payment_id}")
    (one,) = found.told["items"]
    return one["id"], there


async def test_a_complaint_is_listed_and_told_with_its_words_but_not_the_whole_phone(shop: Shop) -> None:
    """S79."""
    one, there = await complained(shop)
    answer = await shop.get(f"/v1/complaints/{one}")
    told = answer.told
    assert (told["text"], told["phone_tail"], told["complaint"]["state"]) == ("多扣了", "0000", "NEW")
    assert told["complaint"]["channel_id"] == there.number
    assert "13800000000" not in answer.raw.decode()
    assert [each["deed"] for each in told["entries"]] == ["opened"]


async def test_a_complaint_is_answered_with_an_image_decided_and_finished(shop: Shop) -> None:
    """S79."""
    one, there = await complained(shop)
    image = (await shop.post(f"/v1/complaints/{one}/images", {"body": b64encode(PNG).decode()})).told["id"]
    wish = {"id": ids.new(Kind.ANSWER), "text": "正在核实", "images": [image]}
    first = await shop.post(f"/v1/complaints/{one}/answers", wish)
    again = await shop.post(f"/v1/complaints/{one}/answers", wish)
    assert (first.status, again.status, again.told["id"]) == (201, 200, wish["id"])
    await shop.work()
    promise = {"id": ids.new(Kind.ANSWER), "promise": True, "days": 1}
    assert (await shop.post(f"/v1/complaints/{one}/decision", promise)).status == 201
    refusal = {"id": ids.new(Kind.ANSWER), "promise": False, "text": "不退"}
    assert (await shop.post(f"/v1/complaints/{one}/decision", refusal)).code == "complaint.already_decided"
    await shop.work()
    assert (await shop.post(f"/v1/complaints/{one}/finish", {"id": ids.new(Kind.ANSWER)})).status == 201
    await shop.work()
    told = (await shop.get(f"/v1/complaints/{one}")).told
    assert told["complaint"]["state"] == "FINISHED", told["answers"]
    assert [each["state"] for each in told["answers"]] == ["DONE"] * 3
    assert [each.act for each in there.history] == [Act.CREATE, Act.REPLY, Act.APPROVE, Act.COMPLETE]


async def test_a_neighbour_sees_and_answers_no_complaint_of_ours(shop: Shop) -> None:
    one, _ = await complained(shop)
    assert (await shop.get(f"/v1/complaints/{one}", who="neighbour")).code == "complaint.unknown"
    wish = {"id": ids.new(Kind.ANSWER), "text": "好"}
    no = await shop.post(f"/v1/complaints/{one}/answers", wish, who="neighbour")
    assert (no.status, no.code) == (404, "complaint.unknown")
    assert (await shop.get("/v1/complaints", who="neighbour")).told["items"] == []


async def test_what_cannot_be_answered_is_refused_and_changes_nothing(shop: Shop) -> None:
    one, there = await complained(shop, kind="OTHERS", asked_fen=None)
    before = await shop.counts()
    tries = [
        ("answers", {"id": ids.new(Kind.ANSWER), "text": " "}, "complaint.words_missing"),
        ("answers", {"id": ids.new(Kind.ANSWER), "text": "字" * 201}, "complaint.words_too_long"),
        ("answers", {"id": ids.new(Kind.ANSWER), "text": "好", "what": "feedback"}, "complaint.channel_cannot"),
        ("answers", {"id": "YA0", "text": "好"}, "request.invalid"),
        ("decision", {"id": ids.new(Kind.ANSWER), "promise": True}, "complaint.asks_no_refund"),
        ("images", {"body": b64encode(b"<svg onload=alert(1)>").decode()}, "complaint.image_kind"),
        ("images", {"body": "$$$$"}, "request.invalid"),
    ]
    for path, wish, code in tries:
        assert (await shop.post(f"/v1/complaints/{one}/{path}", wish)).code == code
    assert await shop.counts() == before
    assert [each.act for each in there.history] == [Act.CREATE]
