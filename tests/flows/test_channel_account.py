"""Who a merchant is at a channel cannot change under its payments; what is secret of it lies nowhere in plain."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from tests.flows.shop import Shop
from yuanlu.channels.contract import Word
from yuanlu.db import Database, connect
from yuanlu.errors import Broken, Denied
from yuanlu.merchants import store

OLD = '{"mchid":"1","appid":"a","apiv3_key":"made-up-32-signs-of-an-apiv3-key","v2_key":"made-up-v2-key"}'


async def _set(shop: Shop, mchid: str, key: str) -> None:
    config = {"mchid": mchid, "appid": "a", "apiv3_key": key}
    await store.set_channel(shop.pools.recorder, shop.merchant, "wechat", config, shop.clock.now(), shop.desk.sealed)


async def test_the_account_at_a_channel_may_not_change_once_there_are_payments(shop: Shop) -> None:
    await _set(shop, "1", "x")
    await _set(shop, "2", "x")
    shop.will_hear(Word.UNKNOWN)
    await shop.charge()
    with pytest.raises(Denied, match=r"channel\.account_in_use"):
        await _set(shop, "3", "x")
    await _set(shop, "2", "new")
    account = (await shop.desk.see(store.channels_of(shop.merchant)))["wechat"]
    assert "new" not in account.config + account.sealed
    config = await account.opened(shop.desk.sealed)
    assert (config["mchid"], config["apiv3_key"]) == ("2", "new")


async def _lying(shop: Shop) -> str:
    rows = await shop.pools.recorder.fetch("select c::text as whole from channel_accounts c")
    return "".join(row["whole"] for row in rows)


async def test_what_an_earlier_release_stored_in_plain_is_used_until_it_is_sealed_and_then_too(
    shop: Shop, database: Database
) -> None:
    """S29: the database itself takes no plain secret any more, whoever writes it."""
    alter = "alter table channel_accounts {} constraint channel_accounts_tell_no_secret"
    check = " check (config !~ '\"(apiv3_key|v2_key)\"' and config !~ 'PRIVATE KEY') not valid"
    change = "update channel_accounts set config = $2, sealed = '' where merchant_id = $1 and channel = 'wechat'"
    with pytest.raises(asyncpg.CheckViolationError):
        await shop.pools.recorder.execute(change, shop.merchant, OLD)
    owner = await connect(database)
    await owner.execute(alter.format("drop"))
    await shop.pools.recorder.execute(change, shop.merchant, OLD)
    await owner.execute(alter.format("add") + check)
    await owner.close()
    before = (await shop.desk.see(store.channels_of(shop.merchant)))["wechat"]
    whole = await before.opened(shop.desk.sealed)
    assert whole["v2_key"] == "made-up-v2-key"
    assert "made-up" in await _lying(shop)

    assert await store.seal_channels(shop.pools.recorder, shop.desk.sealed) == 1
    assert await store.seal_channels(shop.pools.recorder, shop.desk.sealed) == 0
    assert "made-up" not in await _lying(shop)
    after = (await shop.desk.see(store.channels_of(shop.merchant)))["wechat"]
    assert await after.opened(shop.desk.sealed) == whole
    assert "made-up" not in repr(after)


async def test_a_key_itself_lies_sealed_and_stands_nowhere_but_in_its_place(shop: Shop) -> None:
    """S29."""
    pem = "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END " + "PRIVATE KEY-----"
    pool, at = shop.pools.recorder, shop.clock.now()
    with pytest.raises(Denied, match=r"channel\.config_invalid") as no:
        await store.set_channel(pool, shop.merchant, "alipay", {"app_id": pem}, at, shop.desk.sealed)
    assert "AAAA" not in str(no.value)
    with pytest.raises(Broken):
        await store.set_channel(pool, shop.merchant, "alipay", {"app_private_key": pem}, at)
    await store.set_channel(pool, shop.merchant, "alipay", {"app_private_key": pem}, at, shop.desk.sealed)
    assert "AAAA" not in await _lying(shop)
    account = (await shop.desk.see(store.channels_of(shop.merchant)))["alipay"]
    assert (await account.opened(shop.desk.sealed))["app_private_key"] == pem
    assert "AAAA" not in repr(account)


async def test_an_account_that_another_merchant_has_is_refused_and_new_keys_for_ones_own_are_not(shop: Shop) -> None:
    pool, at, sealed = shop.pools.recorder, shop.clock.now(), shop.desk.sealed
    other = await store.add_merchant(pool, "other", at)
    config = {"mchid": "1900000109", "appid": "wx1", "apiv3_key": "x"}
    await store.claim_channel(pool, shop.merchant, "wechat", config, at, sealed)
    for appid in ("wx1", "wx2"):  # order numbers are unique under the merchant number, whatever the app
        with pytest.raises(Denied, match=r"channel\.account_taken"):
            await store.claim_channel(pool, other, "wechat", config | {"appid": appid}, at, sealed)
    assert await shop.desk.see(store.channels_of(other)) == {}
    await store.claim_channel(pool, shop.merchant, "wechat", config | {"apiv3_key": "y"}, at, sealed)
    await store.claim_channel(pool, other, "wechat", config | {"mchid": "1900000110"}, at, sealed)


async def test_of_two_who_claim_one_account_at_once_one_has_it(shop: Shop) -> None:
    pool, at, sealed = shop.pools.recorder, shop.clock.now(), shop.desk.sealed
    claimers = [await store.add_merchant(pool, f"claimer {n}", at) for n in range(6)]
    config = {"app_id": "2021000000000007"}
    claims = (store.claim_channel(pool, each, "alipay", config, at, sealed) for each in claimers)
    told = await asyncio.gather(*claims, return_exceptions=True)
    assert [str(each) for each in told].count("None") == 1
    assert all(each is None or (isinstance(each, Denied) and each.code == "channel.account_taken") for each in told)
    with pytest.raises(Broken):
        await store.set_channel(pool, shop.merchant, "wechat", {"apiv3_key": "x"}, at)
