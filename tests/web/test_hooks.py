"""Hooks, contacts and the SMS template over HTTP: secrets told once, nothing shown of another merchant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from tests.flows.receivers import Receiver, receiving
from tests.web.conftest import Shop, opened
from yuanlu import ids
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.sim.server import Sim

PHONE = "+8613800001234"  # made up


@pytest.fixture
async def shop(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """A shop whose hooks may lead to this machine."""
    async with opened(database, tmp_path, sim, on_loopback=True) as each:
        yield each


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that takes everything."""
    async with receiving() as made:
        yield made


def wish(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    return {"id": ids.new(Kind.HOOK), "way": "webhook", "target": receiver.url, "types": ["payment.*"]} | changes


async def test_a_hook_is_made_told_listed_pinged_replayed_and_disabled(shop: Shop, receiver: Receiver) -> None:
    asked = wish(receiver)
    made = await shop.post("/v1/hooks", asked)
    assert made.status == 201
    again = await shop.post("/v1/hooks", asked)
    assert (again.status, again.told["secret"], again.told["hook"]) == (200, "", made.told["hook"])
    hook = f"/v1/hooks/{asked['id']}"
    payment = await shop.paid()
    await shop.work()
    for got in receiver.got:
        Webhook(made.told["secret"]).verify(got.body, dict(got.headers))
    assert receiver.got[-1].told["data"]["object"] == (await shop.get(f"/v1/payments/{payment}")).told
    assert [each["id"] for each in (await shop.get("/v1/hooks")).told["items"]] == [asked["id"]]
    assert (await shop.post(f"{hook}/ping")).told["ok"]
    (delivery,) = (await shop.get(f"{hook}/deliveries")).told["items"]
    assert (delivery["object"], delivery["sent"], delivery["state"]) == (payment, 2, "IDLE")
    assert delivery["last_letter"] == receiver.got[1].id
    log = (await shop.get(f"{hook}/deliveries/{delivery['id']}?limit=1")).told
    assert log["items"][0]["kind"] == "NoticeSent"
    assert log["items"][0]["what_zh"]
    rest = (await shop.get(f"{hook}/deliveries/{delivery['id']}?before={log['next']}")).told
    assert [line["facts"]["letter"] for line in (*rest["items"][::-1], *log["items"])] == [
        g.id for g in receiver.got[:2]
    ]
    since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    for how in ({"since": since}, {"letter": receiver.got[0].id}):
        before = len(receiver.got)
        assert (await shop.post(f"{hook}/replay", how)).status == 200
        await shop.work()
        assert [got.id for got in receiver.got[before:]] == [got.id for got in receiver.got[:2]]
    assert (await shop.post(f"{hook}/disable")).told["state"] == "DISABLED"
    assert (await shop.post(f"{hook}/ping")).code == "hook.disabled"
    assert (await shop.post(f"{hook}/enable")).told["state"] == "ACTIVE"


async def test_a_rotated_secret_is_told_once_and_both_sign(shop: Shop, receiver: Receiver) -> None:
    asked = wish(receiver)
    old = (await shop.post("/v1/hooks", asked)).told["secret"]
    new = (await shop.post(f"/v1/hooks/{asked['id']}/secret", {"keep_seconds": 600})).told["secret"]
    await shop.post(f"/v1/hooks/{asked['id']}/ping")
    for secret in (old, new):
        Webhook(secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))
    everything = [await shop.get(path) for path in ("/v1/hooks", f"/v1/hooks/{asked['id']}")]
    for answer in everything:
        assert b"whsec" not in answer.raw
        assert b"/hook" not in answer.raw  # of the address, only the host is shown


async def test_another_merchant_sees_and_touches_nothing_of_it(shop: Shop, receiver: Receiver) -> None:
    asked = wish(receiver)
    await shop.post("/v1/hooks", asked)
    await shop.paid()
    await shop.work()
    hook = f"/v1/hooks/{asked['id']}"
    (delivery,) = (await shop.get(f"{hook}/deliveries")).told["items"]
    for path in (hook, f"{hook}/deliveries", f"{hook}/deliveries/{delivery['id']}"):
        assert (await shop.get(path, who="neighbour")).code == "hook.unknown"
    for path, body in (
        ("ping", None),
        ("disable", None),
        ("enable", None),
        ("secret", {}),
        ("replay", {"letter": "x"}),
    ):
        assert (await shop.post(f"{hook}/{path}", body, who="neighbour")).status in (404, 400, 422)
    assert not (await shop.get("/v1/hooks", who="neighbour")).told["items"]
    assert (await shop.get(hook)).told["state"] == "ACTIVE"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"target": "http://shop.example/"}, "hook.url_invalid"),
        ({"target": "https://10.0.0.1/"}, "hook.url_inside"),
        ({"target": "https://169.254.169.254/latest/meta-data"}, "hook.url_inside"),
        ({"types": ["refund.gone"]}, "hook.type_unknown"),
        ({"way": "email", "target": "a@b.example,c@d.example"}, "hook.email_invalid"),
        ({"way": "sms", "target": "call-me"}, "hook.phone_invalid"),
        ({"way": "apprise", "target": "mailto://a:b@c.example"}, "hook.apprise_invalid"),
        ({"way": "apprise", "target": "dingtalk://not!a!token"}, "hook.apprise_invalid"),
        ({"id": "YH00000000000000000000000000Z"}, "id.invalid"),
        ({"way": "pigeon"}, "request.invalid"),
    ],
)
async def test_bad_wishes_are_refused_and_nothing_is_changed(
    shop: Shop, receiver: Receiver, changes: dict[str, Any], code: str
) -> None:
    before = await shop.counts()
    assert (await shop.post("/v1/hooks", wish(receiver, **changes))).code == code
    assert await shop.counts() == before
    assert not await shop.app.pools.recorder.fetchval("select count(*) from hooks")


async def test_the_same_id_with_another_content_is_refused_and_there_is_a_most(shop: Shop, receiver: Receiver) -> None:
    asked = wish(receiver)
    await shop.post("/v1/hooks", asked)
    assert (await shop.post("/v1/hooks", asked | {"lang": "en"})).code == "hook.id_taken"
    await asyncio.gather(*(shop.post("/v1/hooks", wish(receiver)) for _ in range(19)))
    assert (await shop.post("/v1/hooks", wish(receiver))).code == "hook.too_many"


async def test_a_payer_gives_a_contact_changes_it_and_withdraws(shop: Shop, receiver: Receiver) -> None:
    """S63."""
    template = {"url": receiver.url, "body": '{"to": "{{phone}}", "text": "{{text}}"}'}
    assert (await shop.post("/v1/sms", template)).status == 200
    broken = template | {"body": '{"to": "{{phone}}", "text": {{text}}}'}
    assert (await shop.post("/v1/sms", broken)).code == "sms.template_invalid"
    payment = await shop.paid()
    case = ids.new(Kind.CASE)
    await shop.post("/v1/cases", {"id": case, "payment": payment, "what": "other"})
    contact = f"/v1/cases/{case}/contact"
    given = {"way": "sms", "target": PHONE, "consent": True}
    assert (await shop.get(contact)).code == "contact.unknown"
    assert (await shop.post(contact, given | {"consent": False})).code == "contact.no_consent"
    assert (await shop.post(contact, given | {"way": "webhook"})).code == "request.invalid"
    told = (await shop.post(contact, given)).told
    assert told["shown"] == "+86138****1234"
    await shop.work()
    texts = [got.told["text"] for got in receiver.got]
    assert texts
    assert all("抱歉" in text and case in text for text in texts)
    assert (await shop.get(contact, who="neighbour")).code == "case.unknown"
    assert not (await shop.get("/v1/hooks")).told["items"]  # a payer is nobody's hook
    assert (await shop.post(f"{contact}/withdraw")).told["state"] == "DISABLED"
    assert (await shop.get(contact)).code == "contact.unknown"
