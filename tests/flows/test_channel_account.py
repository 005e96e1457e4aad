"""Who a merchant is at a channel cannot change under its payments; what is secret of it lies nowhere in plain."""

from __future__ import annotations

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


async def test_no_key_itself_is_taken_for_the_path_of_its_file(shop: Shop) -> None:
    pem = "-----BEGIN " + "PRIVATE KEY-----\nAAAA\n-----END " + "PRIVATE KEY-----"
    pool, at = shop.pools.recorder, shop.clock.now()
    with pytest.raises(Denied, match=r"channel\.config_invalid") as no:
        await store.set_channel(pool, shop.merchant, "alipay", {"app_private_key": pem}, at, shop.desk.sealed)
    assert "AAAA" not in str(no.value)
    with pytest.raises(Broken):
        await store.set_channel(pool, shop.merchant, "wechat", {"apiv3_key": "x"}, at)
