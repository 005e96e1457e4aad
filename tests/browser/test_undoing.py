"""Undoing at the till: three taps, the difference worked out, a manager's finger where it is needed."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Counter, with_finger


async def paid(till: Counter, keys: str) -> None:
    await till.key(keys)
    await till.gun(await till.fresh())
    await till.sees("收款成功")
    await till.at("pad")
    await till.page.wait_for_timeout(300)


async def test_the_last_payment_goes_back_in_three_taps(till: Counter) -> None:
    """S20, S48, S51."""
    await paid(till, "41.01")
    await till.tap("退这笔")
    await till.tap("扫错顾客")
    await till.tap("确认退 ¥41.01")
    assert till.taps == 3
    await expect(till.page.get_by_text("钱已退回顾客").first).to_be_visible(timeout=30_000)
    (order,) = [each for each in (await till.books())["orders"] if each["amount_fen"] == 4101]
    assert order["back_fen"] == 4101
    await till.tap("好了")
    await till.sees("已全退")


async def test_of_a_wrong_amount_the_difference_goes_back(till: Counter) -> None:
    """S51."""
    await paid(till, "128")
    await till.tap("退这笔")
    await till.tap("金额输错")
    assert await till.page.get_by_role("button", name="确认退").is_disabled()
    await till.key("12.8")
    await till.tap("确认退差额 ¥115.20")
    assert till.taps == 3
    await expect(till.page.get_by_text("钱已退回顾客").first).to_be_visible(timeout=30_000)
    (order,) = [each for each in (await till.books())["orders"] if each["amount_fen"] == 12800]
    assert order["back_fen"] == 11520


async def test_more_than_was_taken_cannot_have_been_meant(till: Counter) -> None:
    """S51."""
    await paid(till, "42.02")
    await till.tap("退这笔")
    await till.tap("金额输错")
    await till.key("43")
    await till.sees("应收要比已收的少")
    assert await till.page.get_by_role("button", name="确认退").is_disabled()


async def test_above_the_limit_a_manager_agrees_on_the_same_device_by_finger(counter: Counter) -> None:
    """S33, S34: the manager's session is ended with the deed; the cashier stays who works here."""
    await with_finger(counter, "李雷")
    await counter.begin()
    await paid(counter, "432.1")
    await counter.tap("退这笔")
    await counter.tap("商品退货")
    await counter.tap("确认退 ¥432.10")
    await counter.sees("这笔要店长同意")
    counter.taps = 0
    await counter.tap("店长在这里同意")
    await counter.tap("李雷")
    assert counter.taps == 2
    await expect(counter.page.get_by_text("钱已退回顾客").first).to_be_visible(timeout=30_000)
    (case,) = (await counter.shop.get("/v1/cases", who="boss")).told["items"][:1]
    assert (case["opened_by"], case["decided_by"] != case["opened_by"]) == (counter.accounts["王芳"], True)
    await counter.tap("好了")
    await counter.key("1")
    await counter.gun(await counter.fresh())
    await counter.sees("收款成功")
    assert (await counter.payments())[0]["opened_by"] == counter.accounts["王芳"]


async def test_a_receipts_number_scanned_on_the_pad_opens_its_bill_and_goes_back_in_three_taps(till: Counter) -> None:
    """S20, S51."""
    await paid(till, "44.04")
    number = (await till.payments())[0]["id"]
    await till.gun(number)
    await till.at("bill")
    await till.sees(number)
    await till.tap("退这笔")
    await till.tap("顾客不要了")
    await till.tap("确认退 ¥44.04")
    assert till.taps == 3
    await till.sees("这笔要店长同意")


async def test_without_a_receipt_it_is_five_taps(till: Counter) -> None:
    """S20."""
    await paid(till, "45.05")
    await till.tap("今日账单")
    await till.page.get_by_role("button", name="看看 ¥45.05").click()
    await till.tap("退这笔")
    await till.tap("扫错顾客")
    await till.tap("确认退 ¥45.05")
    assert till.taps + 1 == 5
    await expect(till.page.get_by_text("钱已退回顾客").first).to_be_visible(timeout=30_000)


async def test_the_report_is_kept_before_it_is_sent(till: Counter) -> None:
    await paid(till, "46.06")
    await till.page.route("**/v1/cases", lambda route: route.abort())
    await till.tap("退这笔")
    await till.tap("扫错顾客")
    await till.tap("确认退 ¥46.06")
    await till.sees("没有网络，还没有发出")
    (kept,) = [each for each in await till.stored("outbox") if each["kind"] == "case"]
    assert kept["wish"]["what"] == "wrong_customer"
