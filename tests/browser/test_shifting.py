"""Shifts at the till: asked for before cash alone, counted before told, handed over, closed with a reason."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import PIN, Counter, hired
from tests.browser.test_offline import all_sent, take, told


async def test_a_shift_from_the_first_cash_to_the_report(till: Counter) -> None:
    """S3. One story: each part stands on the one before, as one drawer does."""
    await hired(till.shop, "cashier", "小吴")
    await till.key("81.01")
    await till.gun(await till.fresh())
    await till.sees("收款成功")  # a scan never asks for a shift
    await till.at("pad")
    till.taps = 0
    await till.key("81.02")
    await till.tap("收现金")
    await till.at("open")
    await till.tap("先收钱，等会儿开班")
    await till.at("cash")
    await till.tap("收到 ¥81.02")
    await till.at("taken")
    await all_sent(till)
    assert till.taps == 3
    assert len(await told(till, 8102)) == 1
    await till.tap("更多")
    await till.tap("班次")
    await till.key("500")
    await till.tap("开班，备用金 ¥500.00")
    await till.sees("钱箱应有，含备用金 ¥500.00")
    await till.tap("返回")
    await till.at("more")
    await till.tap("返回")
    await till.at("pad")
    till.taps = 0
    await take(till, "12.8")
    assert till.taps == 2, "nothing is asked while a shift is open"
    await all_sent(till)

    await till.tap("更多")
    await till.tap("班次")
    await till.sees("¥512.80")
    till.taps = 0
    await till.tap("交班")
    await till.at("count")
    assert not await till.page.get_by_text("512.80").count(), "it is counted before it is told"
    await till.key("512.8")
    await till.tap("点好了，核对")
    await till.sees("相符")
    assert await till.page.get_by_role("button", name="确认交班").is_disabled(), "to whom?"
    await till.tap("小吴")
    await till.tap("确认交班")
    assert till.taps == 4
    await till.at("signin")
    await till.key(PIN)
    await till.at("pad")
    await till.sees("小吴")

    await till.tap("更多")
    await till.tap("班次")
    await till.tap("关班")
    await till.key("511.8")
    await till.tap("点好了，核对")
    await till.sees("少 ¥1.00")
    close = till.page.get_by_role("button", name="确认关班")
    await expect(close).to_be_disabled()
    await till.page.get_by_label("现金为什么不符？").fill("找错一元")
    await till.page.get_by_label("存入保险柜（元）").fill("600")
    await till.sees("存走的比点到的多")
    await till.page.get_by_label("存入保险柜（元）").fill("11.8")
    await till.sees("¥500.00")
    await close.click()
    await till.sees("交班报告")
    await till.sees("找错一元")
    await till.sees("王芳 交给 小吴")
    (closed,) = (await till.shop.get("/v1/shifts?state=CLOSED", who="boss")).told["items"]
    assert (closed["safe_fen"], closed["bank_fen"]) == (1180, 0)
    report = (await till.shop.get(f"/v1/shifts/{closed['id']}", who="boss")).told
    (cash,) = [each for each in report["tenders"] if each["tender"] == "cash"]
    assert (cash["difference_fen"], cash["reason"]) == (-100, "找错一元")
    await till.tap("好了")
    await till.key("1")
    await till.tap("收现金")
    await till.at("open")


async def test_what_is_still_open_and_what_waits_is_told_and_holds_nothing_up(till: Counter) -> None:
    await till.tap("更多")
    await till.tap("班次")
    await till.key("100")
    await till.tap("开班，备用金 ¥100.00")
    await till.sees("钱箱应有")
    await till.tap("返回")
    await till.at("more")
    await till.tap("返回")
    await till.key("82.01")
    await till.gun(await till.fresh("walks_away"))
    await till.sees("等顾客输密码")
    await till.tap("先收下一笔，这笔继续查")
    await till.page.route("**/v1/payments", lambda route: route.abort())
    await take(till, "5")
    await till.tap("收下一笔")
    await till.tap("更多")
    await till.tap("班次")
    await till.sees("还没完的 1 件")
    await till.sees("1 笔现金 ¥5.00 还没传，不在应有里")
    await till.tap("关班")
    await till.key("105")
    await till.tap("点好了，核对")
    await till.sees("多 ¥5.00")
    await till.sees("还有 1 件没完，不耽误，会写在报告里。")
    await till.page.get_by_label("现金为什么不符？").fill("现金还没传")
    await till.tap("确认关班")
    await till.sees("还没完的 1 件")
    await till.page.unroute("**/v1/payments")
    await all_sent(till)
    (late,) = await told(till, 500)
    assert late["waiting_for"] == "told_late"


async def test_without_a_network_cash_is_taken_and_shifts_wait(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    await till.context.set_offline(True)
    await till.sees("没有网络")
    await take(till, "83.01")
    await till.tap("收下一笔")
    await till.tap("更多")
    await till.tap("班次")
    await till.sees("没有网络，班次要等网络好了再办。")
    await till.context.set_offline(False)
    await all_sent(till)
