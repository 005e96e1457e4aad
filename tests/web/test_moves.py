"""Every figure of the books comes down to its moves: over the API, and on the pages."""

from __future__ import annotations

import pytest

from tests.web.conftest import Shop
from tests.web.test_console import Browser, asked, entered
from yuanlu import ids
from yuanlu.ids import Kind


async def moved(shop: Shop) -> str:
    """Two payments, one of which went back; its id."""
    await shop.paid()
    payment, case = await asked(shop)
    browser = await entered(shop, "manager")
    await browser.open(f"/console/refunds/{case}")
    await browser.send(f"/console/refunds/{case}/approve", amount="", words="")
    for _ in range(6):
        await shop.work()
    assert (await shop.get(f"/v1/payments/{payment}")).told["back_fen"] > 0
    return payment


async def test_days_and_moves_of_each_account_come_to_its_balance(shop: Shop) -> None:
    """Law: what was before, what came in and what went out is the balance; a day's moves are the day's sums."""
    await moved(shop)
    books = (await shop.get("/v1/books")).told
    assert books["balanced"]
    for account, balance in books["accounts"].items():
        days = (await shop.get(f"/v1/moves/days?account={account}")).told
        sums = [(day["in_fen"], day["out_fen"]) for day in days["items"]]
        assert days["earlier_fen"] + sum(came - went for came, went in sums) == balance, account
        for day in days["items"]:
            found, after = [], ""
            while True:
                page = (await shop.get(f"/v1/moves?account={account}&day={day['day']}&limit=1&after={after}")).told
                found += page["items"]
                if not (after := page["next"] or ""):
                    break
            assert len(found) == day["moves"]
            assert len({(each["object"], each["at"], each["source"], each["target"]) for each in found}) == len(found)
            assert sum(each["amount_fen"] for each in found if each["target"] == account) == day["in_fen"]
            assert sum(each["amount_fen"] for each in found if each["source"] == account) == day["out_fen"]
            assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)


async def test_a_payments_moves_are_its_own_and_those_of_its_refunds(shop: Shop) -> None:
    payment = await moved(shop)
    items = (await shop.get(f"/v1/payments/{payment}/moves")).told["items"]
    refund = (await shop.get(f"/v1/refunds?payment={payment}")).told["items"][0]["id"]
    assert {each["object"] for each in items} == {payment, refund}
    assert {each["payment"] for each in items} == {payment}
    assert sum(each["amount_fen"] for each in items if each["source"].startswith("due:")) == 12800


@pytest.mark.parametrize("query", ["", "account=", "account=due", "account=a%27b", "account=due:wechat&day=2026-13-01",
                                   "account=due:wechat&after=x", "account=due:wechat&limit=0"])  # fmt: skip
async def test_a_wish_that_is_none_is_refused(shop: Shop, query: str) -> None:
    answer = await shop.get(f"/v1/moves?{query}")
    assert answer.status == (200 if query == "account=due" else 400), answer.told
    assert answer.told.get("items", []) == []


async def test_moves_of_a_payment_that_is_not_there_are_unknown(shop: Shop) -> None:
    answer = await shop.get(f"/v1/payments/{ids.new(Kind.PAYMENT)}/moves")
    assert (answer.status, answer.told["code"]) == (404, "payment.unknown")


async def test_a_figure_of_the_books_leads_to_the_payment_that_made_it(shop: Shop) -> None:
    payment = await moved(shop)
    owner: Browser = await entered(shop, "owner")
    page = await owner.open("/console/books")
    assert "微信应结给我们" in page
    for account in ("due:wechat", "owed", "held"):
        page = await owner.open(f"/console/books/account?account={account}")
        assert f"/console/payments/{payment}" in page
    assert "已答应退、还在路上" in page
    page = await owner.open(f"/console/payments/{payment}")
    assert "已答应退、还在路上" in page
    assert "{{" not in await owner.open("/console/books/account?account=due:wechat&lang=en")
    assert "WeChat" in owner.page


async def test_an_account_that_does_not_exist_holds_nothing_and_breaks_nothing(shop: Shop) -> None:
    owner = await entered(shop, "owner")
    for name in ("due:nobody", "cash:YT", "lost", "nonsense", "%3Cb%3E"):
        page = await owner.open(f"/console/books/account?account={name}")
        assert owner.status == (400 if "%" in name else 200), (name, page)
        assert "<b>" not in page
