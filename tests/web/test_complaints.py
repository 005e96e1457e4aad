"""Complaints over HTTP: heard from the simulated provider, told, answered, decided, and nobody else's."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.web.conftest import Shop
from yuanlu import ids
from yuanlu.complaints import flow
from yuanlu.ids import Kind
from yuanlu.sim import Sim
from yuanlu.sim.payers import Wallet

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


async def complained(shop: Shop, sim: Sim, **more: Any) -> str:
    """A complaint about a payment of this shop, heard; answers our id of it."""
    payment = await shop.paid()
    order = sim.world.books[Wallet.WECHAT].orders[payment["id"]]
    there = sim.world.complaints[Wallet.WECHAT].complain(
        order, "多扣了", **{"kind": "REFUND", "asked_fen": 100, "phone": "13800000000"} | more
    )
    heard = await flow.told_of(shop.app.desk, shop.merchant_id, flow.Channel.WECHAT, there.number)
    one = await flow.learn(shop.app.desk, shop.merchant_id, flow.Channel.WECHAT, heard, heard.complaints[0])
    return one.id
