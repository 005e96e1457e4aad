"""Stores, tills and channel keys over HTTP: what is set, what is refused, and what is told of a secret (nothing)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.web.conftest import Answer, Shop, logged, opened
from tests.web.signing_in import Clock, entered, invited, sure, with_codes
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.channels.contract import Channel
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.sim.server import Sim
from yuanlu.web.api import channels
from yuanlu.web.api.channels import FIELDS

PLACES = {Channel.WECHAT: "base_url", Channel.ALIPAY: "gateway"}


@pytest.fixture
async def new_shop(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """A shop that no channel knows yet, in an installation whose channels are simulated."""
    said = {"wechat_url": sim.base_url, "alipay_url": f"{sim.base_url}/gateway.do"}
    async with opened(database, tmp_path, said=said) as each:
        each.sim = sim
        each.codes = dict(sim.world.payer_codes)
        await hire(each, "olga", "owner")
        yield each


def right(sim: Sim | None, channel: Channel) -> dict[str, str]:
    """What an owner fills in who makes no mistake."""
    assert sim is not None
    told = sim.describe()[channel.value]
    given = {name: told[name] for name in FIELDS[channel]}
    return {name: Path(text).read_text() if text.endswith(".pem") else text for name, text in given.items()}


def strange() -> tuple[str, str]:
    """A private and a public key that nobody knows. Shape: PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), key.public_key().public_bytes(*form).decode()


async def put(shop: Shop, channel: Channel, wish: dict[str, Any], **more: Any) -> Answer:
    return await shop.post(f"/v1/channels/{channel}", wish, **{"who": "olga", **more})


async def facts(shop: Shop, merchant_id: str = "") -> list[tuple[str, str, str]]:
    rows = await shop.app.pools.recorder.fetch(
        "select kind, who, body from facts where merchant_id = $1 order by recorded_at, seq",
        merchant_id or shop.merchant_id,
    )
    return [tuple(row) for row in rows]


async def test_a_store_and_a_till_are_added_once_and_take_money(shop: Shop) -> None:
    """S2."""
    await hire(shop, "olga", "owner")
    store, till = ids.new(Kind.STORE), ids.new(Kind.TILL)
    for _ in range(2):
        made = await shop.post("/v1/stores", {"id": store, "name": "江边店"}, who="olga")
        assert (made.status, made.told["name"], made.told["tills"]) == (201, "江边店", 0), made.raw
    for _ in range(2):
        made = await shop.post("/v1/tills", {"id": till, "store": store, "name": "T9"}, who="olga")
        assert (made.status, made.told["store"]) == (201, store), made.raw
    found = (await shop.get("/v1/stores", who="olga")).told["items"]
    assert [(each["name"], each["tills"]) for each in found] == [("store", 1), ("江边店", 1)]
    await shop.paid(till=till)
    kinds = [kind for kind, who, _ in await facts(shop)]
    assert (kinds.count("StoreAdded"), kinds.count("TillAdded")) == (1, 1)


async def test_a_store_is_renamed_and_closed_after_its_tills(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    store, till = ids.new(Kind.STORE), ids.new(Kind.TILL)
    await shop.post("/v1/stores", {"id": store, "name": "old"}, who="olga")
    await shop.post("/v1/tills", {"id": till, "store": store, "name": "T1"}, who="olga")
    assert (await shop.post(f"/v1/stores/{store}/rename", {"name": "new"}, who="olga")).told["name"] == "new"
    no = await shop.post(f"/v1/stores/{store}/close", who="olga")
    assert (no.status, no.code, no.told["tills"]) == (409, "store.has_tills", 1)
    await shop.post(f"/v1/tills/{till}/close", who="olga")
    assert (await shop.post(f"/v1/stores/{store}/close", who="olga")).told["closed_at"]
    assert (await shop.post(f"/v1/stores/{store}/close", who="olga")).status == 200
    for path, wish in (
        (f"/v1/stores/{store}/rename", {"name": "again"}),
        ("/v1/tills", {"id": ids.new(Kind.TILL), "store": store, "name": "T2"}),
    ):
        assert (await shop.post(path, wish, who="olga")).code == "store.closed"
    assert store not in (await shop.get("/v1/stores", who="olga")).raw.decode()
    assert store in (await shop.get("/v1/stores?closed=true", who="olga")).raw.decode()


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\u0000b", "two\nlines"])
async def test_a_name_that_is_none_is_refused(shop: Shop, name: str) -> None:
    await hire(shop, "olga", "owner")
    answer = await shop.post("/v1/stores", {"id": ids.new(Kind.STORE), "name": name}, who="olga")
    assert answer.status in (400, 409, 422), answer.raw
    assert len((await shop.get("/v1/stores", who="olga")).told["items"]) == 1


async def test_another_merchants_store_is_not_there(shop: Shop) -> None:
    """S2."""
    await hire(shop, "olga", "owner")
    pool = shop.app.pools.recorder
    theirs = await pool.fetchval("select id from stores where merchant_id <> $1", shop.merchant_id)
    for path, wish in (
        (f"/v1/stores/{theirs}/rename", {"name": "mine"}),
        (f"/v1/stores/{theirs}/close", None),
        ("/v1/tills", {"id": ids.new(Kind.TILL), "store": theirs, "name": "T2"}),
    ):
        assert (await shop.post(path, wish, who="olga")).code == "store.unknown", path
    assert await pool.fetchval("select name from stores where id = $1", theirs) == "store"
    again = await shop.post("/v1/stores", {"id": theirs, "name": "mine"}, who="olga")
    assert again.status == 201  # ids are a merchant's own: theirs is as it was
    assert await pool.fetchval("select count(*) from stores where id = $1", theirs) == 2


@pytest.mark.parametrize("channel", FIELDS)
async def test_right_keys_are_kept_and_take_money_and_no_answer_shows_them(new_shop: Shop, channel: Channel) -> None:
    """S29: the journey of an owner; then a payment, by these keys."""
    given = right(new_shop.sim, channel)
    answer = await put(new_shop, channel, given)
    assert (answer.status, answer.told["verdict"], answer.told["kept"]) == (200, "well", True), answer.raw
    told = await new_shop.get("/v1/channels", who="olga")
    mine = next(each for each in told.told["items"] if each["channel"] == channel)
    assert (mine["is_set"], mine["verdict"], bool(mine["set_at"])) == (True, "well", True)
    checked = await new_shop.post(f"/v1/channels/{channel}/check", who="olga")
    assert (checked.told["verdict"], checked.told["findings"]) == ("well", [])
    await new_shop.paid(code=new_shop.codes[f"{channel}_ok"])
    rows = await new_shop.app.pools.recorder.fetch(
        "select a::text as t from channel_accounts a union all select f::text from facts f"
        " union all select s::text from channel_setups s union all select k::text from keyring k"
    )
    lies = "".join(row["t"] for row in rows) + answer.raw.decode() + told.raw.decode() + checked.raw.decode()
    for name, text in given.items():
        if name in ("apiv3_key", "merchant_key", "app_private_key"):
            assert text not in lies
            assert text.splitlines()[min(1, len(text.splitlines()) - 1)] not in lies, name
    kinds = [kind for kind, _, _ in await facts(new_shop)]
    assert kinds.count("ChannelKeysSet") == 1
    assert kinds.count("ChannelChecked") == 1
    assert "SecretNoted" in kinds


SPOILED = {
    "mchid": "1900000108",
    "appid": "wx0000000000000002",
    "apiv3_key": "0" * 32,
    "merchant_serial": "F" * 40,
    "platform_public_key_id": "PUB_KEY_ID_0119000001092026112300000000000002",
    "app_id": "2021000000000002",
}


@pytest.mark.parametrize("name", [name for fields in FIELDS.values() for name in fields])
async def test_a_wrong_key_is_named_and_nothing_is_kept(new_shop: Shop, name: str) -> None:
    channel = next(each for each, fields in FIELDS.items() if name in fields)
    private, public = strange()
    wrong = SPOILED.get(name) or (private if name.endswith("private_key") or name == "merchant_key" else public)
    with logged() as lines:
        answer = await put(new_shop, channel, right(new_shop.sim, channel) | {name: wrong})
    assert (answer.status, answer.told["verdict"], answer.told["kept"]) == (200, "wrong", False), answer.raw
    assert name in {each["field"] for each in answer.told["findings"] if each["weight"] == "fault"}
    assert all(each["says_zh"] and each["says_en"] for each in answer.told["findings"])
    assert not any(each["is_set"] for each in (await new_shop.get("/v1/channels", who="olga")).told["items"])
    assert not [kind for kind, _, _ in await facts(new_shop) if kind.startswith(("Channel", "Secret"))]
    for secret in (private.splitlines()[1], right(new_shop.sim, Channel.WECHAT)["apiv3_key"]):
        assert secret not in answer.raw.decode() + repr(lines)


async def test_a_wrong_key_does_not_take_the_place_of_a_right_one(new_shop: Shop) -> None:
    given = right(new_shop.sim, Channel.ALIPAY)
    await put(new_shop, Channel.ALIPAY, given)
    answer = await put(new_shop, Channel.ALIPAY, {"app_private_key": strange()[0]})
    assert (answer.told["verdict"], answer.told["kept"]) == ("wrong", False)
    assert (await new_shop.post("/v1/channels/alipay/check", who="olga")).told["verdict"] == "well"
    same = await put(new_shop, Channel.ALIPAY, {"app_id": given["app_id"]})  # the others stay as they are
    assert (same.told["verdict"], same.told["kept"]) == ("well", True)


async def test_keys_that_could_not_be_asked_about_are_kept_only_if_somebody_wants_that(new_shop: Shop) -> None:
    assert new_shop.sim is not None
    new_shop.app.settings = replace(new_shop.app.settings, alipay_url="http://127.0.0.1:1/gateway.do")
    given = right(new_shop.sim, Channel.ALIPAY)
    answer = await put(new_shop, Channel.ALIPAY, given)
    assert (answer.told["verdict"], answer.told["kept"]) == ("unsure", False)
    assert [each["code"] for each in answer.told["findings"]] == ["unreachable"]
    answer = await put(new_shop, Channel.ALIPAY, given | {"anyway": True})
    assert (answer.told["verdict"], answer.told["kept"]) == ("unsure", True)
    wrong = given | {"anyway": True, "app_private_key": "no key"}
    assert (await put(new_shop, Channel.ALIPAY, wrong)).told["kept"] is False


async def test_a_form_that_says_nothing_changes_nothing(shop: Shop) -> None:
    await hire(shop, "olga", "owner")
    before = await facts(shop)
    for channel, wish in ((Channel.WECHAT, {}), (Channel.ALIPAY, {"anyway": True, "app_id": " "})):
        answer = await put(shop, channel, wish)
        assert (answer.status, answer.code) == (422, "channel.nothing_given")
    assert await facts(shop) == before


async def test_an_account_of_another_merchant_here_is_refused(new_shop: Shop) -> None:
    """Two merchants under one account could make the same payment id."""
    pool, app = new_shop.app.pools.recorder, new_shop.app
    other = await pool.fetchval("select merchant_id from merchants where merchant_id <> $1", new_shop.merchant_id)
    told = right(new_shop.sim, Channel.WECHAT)
    config = {"mchid": told["mchid"], "appid": "wx0000000000000009"}
    await merchants.set_channel(pool, other, "wechat", config, app.clock.now(), app.desk.sealed)
    answer = await put(new_shop, Channel.WECHAT, told)
    assert (answer.status, answer.code) == (409, "channel.account_taken")
    assert not any(each["is_set"] for each in (await new_shop.get("/v1/channels", who="olga")).told["items"])


async def test_a_text_is_never_taken_for_the_path_of_a_file(new_shop: Shop, tmp_path: Path) -> None:
    """An owner of a shop reads no file of whoever runs the installation."""
    mine = tmp_path / "operator.pem"
    mine.write_text(strange()[0])
    answer = await put(new_shop, Channel.ALIPAY, right(new_shop.sim, Channel.ALIPAY) | {"app_private_key": str(mine)})
    assert [each["code"] for each in answer.told["findings"]] == ["key_unreadable"]


@pytest.mark.parametrize("role", ["finance", "risk", "manager", "cashier", "trainee", "auditor"])
async def test_only_an_owner_sets_keys_and_stores(new_shop: Shop, role: str) -> None:
    await hire(new_shop, "rosa", role)
    for path, wish in (
        ("/v1/channels/wechat", right(new_shop.sim, Channel.WECHAT)),
        ("/v1/channels/alipay", right(new_shop.sim, Channel.ALIPAY)),
        ("/v1/channels/wechat/check", None),
        ("/v1/stores", {"id": ids.new(Kind.STORE), "name": "x"}),
        ("/v1/tills", {"id": ids.new(Kind.TILL), "store": ids.new(Kind.STORE), "name": "x"}),
    ):
        for who in ("rosa", "cashier"):
            assert (await new_shop.post(path, wish, who=who)).code == "staff.not_allowed", (path, who)
    assert (await new_shop.get("/v1/channels", who="rosa")).code == "staff.not_allowed"
    assert not await new_shop.app.pools.recorder.fetchval("select count(*) from channel_accounts")


async def test_keys_are_set_once_by_whoever_is_sure_of_it(shop: Shop, clock: Clock) -> None:
    """S33."""
    await entered(shop, await invited(shop, "owner"))
    app, _ = await with_codes(shop)
    given = right(shop.sim, Channel.ALIPAY)
    no = await put(shop, Channel.ALIPAY, given, who="wang")
    assert no.code == "step_up.needed"
    act = {name: no.told[name] for name in ("verb", "object", "amount_fen", "payee")}
    assert act == {"verb": "channel", "object": shop.merchant_id, "amount_fen": 0, "payee": "alipay"}
    assert not await shop.app.pools.recorder.fetchval("select count(*) from channel_setups")
    other = await sure(shop, clock, app, act | {"payee": "wechat"})
    assert (await put(shop, Channel.ALIPAY, given, who="wang", step_up=other)).code == "step_up.differs"
    mine = await sure(shop, clock, app, act)
    assert (await put(shop, Channel.ALIPAY, given, who="wang", step_up=mine)).told["kept"]
    assert (await put(shop, Channel.ALIPAY, given, who="wang", step_up=mine)).code == "step_up.used"


async def test_two_who_set_keys_at_once_leave_one_whole_account(new_shop: Shop) -> None:
    given = right(new_shop.sim, Channel.ALIPAY)
    answers = await asyncio.gather(*(put(new_shop, Channel.ALIPAY, given) for _ in range(4)))
    assert all(answer.told["kept"] for answer in answers), [answer.raw for answer in answers]
    assert (await new_shop.post("/v1/channels/alipay/check", who="olga")).told["verdict"] == "well"


def test_the_form_has_every_field_of_the_wish() -> None:
    wishes = {Channel.WECHAT: channels.WechatKeysWish, Channel.ALIPAY: channels.AlipayKeysWish}
    for channel, wish in wishes.items():
        names = [each.name for each in msgspec.structs.fields(wish)]
        assert names == [*FIELDS[channel], "anyway"]
