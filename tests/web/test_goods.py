"""Goods over HTTP, and files of them."""

from __future__ import annotations

from typing import Any

from tests.web.conftest import Shop
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind

WATER, TEA = "6901234567892", "4006381333931"
HEAD = "条码,名称,价格\n"


async def put(shop: Shop, **given: Any) -> Any:
    wish = {"id": ids.new(Kind.GOODS), "barcode": WATER, "name_zh": "水", "price_fen": 200} | given
    return await shop.post("/v1/goods", wish)


async def taken_in(shop: Shop, text: str, how: str = "", **given: Any) -> Any:
    raw = text.encode(given.pop("encoding", "utf-8"))
    return await shop.call("POST", f"/v1/goods/import{how}", raw=raw, content_type="text/csv", **given)


async def test_goods_are_put_priced_anew_found_by_barcode_and_ended(shop: Shop) -> None:
    """S44."""
    made = await put(shop)
    assert (made.status, made.told["price_fen"]) == (201, 200)
    again = await put(shop, id=made.told["id"])
    assert (again.status, again.told) == (200, made.told)
    dearer = (await put(shop, id=made.told["id"], price_fen=250)).told
    assert (dearer["price_fen"], [each["fen"] for each in dearer["prices"]]) == (250, [200, 250])
    later = await put(shop, id=made.told["id"], price_fen=300, since="2099-01-01T00:00:00Z")
    assert (later.told["price_fen"], len(later.told["prices"])) == (250, 3)
    assert (await put(shop)).code == "goods.barcode_taken"
    found = (await shop.get(f"/v1/goods?barcode={WATER}")).told["items"]
    assert [each["id"] for each in found] == [made.told["id"]]
    assert (await shop.get(f"/v1/goods?barcode={WATER}", who="neighbour")).told["items"] == []
    assert (await shop.get(f"/v1/goods/{made.told['id']}", who="neighbour")).code == "goods.unknown"
    ended = await put(shop, id=made.told["id"], price_fen=250, ended=True)
    assert ended.told["ended_at"] is not None
    assert (await shop.get(f"/v1/goods?barcode={WATER}")).told["items"] == []
    assert (await put(shop)).status == 201
    assert (await shop.get("/v1/goods?barcode=1")).code == "goods.barcode"


async def test_goods_are_paged(shop: Shop) -> None:
    for _ in range(3):
        await put(shop, barcode="")
    first = (await shop.get("/v1/goods?limit=2")).told
    rest = (await shop.get(f"/v1/goods?limit=2&after={first['next']}")).told
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


async def test_a_file_is_taken_whole_or_not_at_all_and_again_changes_nothing(shop: Shop) -> None:
    text = f"{HEAD}{WATER},水,2\n{TEA},茶,3.50\n"
    rehearsed = (await taken_in(shop, text, "?dry_run=true")).told
    assert rehearsed == {"done": False, "good": 2, "changed": 0, "bad": []}
    wrong = (await taken_in(shop, text + "1,坏,1\n")).told
    assert wrong == {"done": False, "good": 2, "changed": 0, "bad": [{"line": 4, "why": "barcode", "cell": "1"}]}
    assert (await shop.get("/v1/goods")).told["items"] == []
    assert (await taken_in(shop, text, encoding="gbk")).told["changed"] == 2
    assert (await taken_in(shop, text)).told == {"done": True, "good": 2, "changed": 0, "bad": []}
    dearer = (await taken_in(shop, text.replace("3.50", "4") + "1,坏,1\n", "?skip_bad=true")).told
    assert (dearer["done"], dearer["changed"], len(dearer["bad"])) == (True, 1, 1)
    assert (await shop.get(f"/v1/goods?barcode={TEA}")).told["items"][0]["price_fen"] == 400
    assert (await taken_in(shop, "x")).code == "goods.file_heads"


async def test_a_cashier_sees_goods_and_puts_none(shop: Shop) -> None:
    """S95."""
    await hire(shop, "cash", "cashier")
    assert (await shop.get("/v1/goods", who="cash")).status == 200
    assert (await taken_in(shop, HEAD, who="cash")).code == "staff.not_allowed"
    assert (await shop.get("/v1/goods")).told["items"] == []
