"""Who a merchant is at a channel cannot change under its payments."""

from __future__ import annotations

import pytest

from tests.flows.shop import Shop
from yuanlu.channels.contract import Word
from yuanlu.errors import Denied
from yuanlu.merchants import store


async def test_the_account_at_a_channel_may_not_change_once_there_are_payments(shop: Shop) -> None:
    pool, at = shop.pools.recorder, shop.clock.now()
    await store.set_channel(pool, shop.merchant, "wechat", {"mchid": "1", "appid": "a", "apiv3_key": "x"}, at)
    await store.set_channel(pool, shop.merchant, "wechat", {"mchid": "2", "appid": "a", "apiv3_key": "x"}, at)
    shop.will_hear(Word.UNKNOWN)
    await shop.charge()
    with pytest.raises(Denied, match=r"channel\.account_in_use"):
        await store.set_channel(pool, shop.merchant, "wechat", {"mchid": "3", "appid": "a", "apiv3_key": "x"}, at)
    await store.set_channel(pool, shop.merchant, "wechat", {"mchid": "2", "appid": "a", "apiv3_key": "new"}, at)
    configs = await shop.desk.see(store.channels_of(shop.merchant))
    assert (configs["wechat"]["mchid"], configs["wechat"]["apiv3_key"]) == ("2", "new")
