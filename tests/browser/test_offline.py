"""Cash, and what waits for a network: kept with its number, sent once, lost by nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Counter, hired, settled
from tests.browser.test_counter import printer_of
from yuanlu.sim.printer import Printer
from yuanlu.web.till import pages


async def open_shift(till: Counter, keys: str = "500") -> None:
    """A shift with this float, by way of the menu; none where one is open already."""
    await till.tap(till.say("till.more"))
    await till.tap(till.say("till.shift"))
    await till.at("shift")
    if await till.page.get_by_role("button", name=till.say("tills.shift_do.close")).count():
        await till.tap(till.say("till.back"))
    else:
        await till.key(keys)
        await till.page.get_by_role("button", name=till.say("tills.open_do", amount="")).click()
        await expect(till.page.get_by_role("button", name=till.say("tills.shift_do.close"))).to_be_visible()
        await till.tap(till.say("till.back"))
    await till.at("more")  # until then 返回 is the one of the screen before, and leads here once more
    await till.tap(till.say("till.back"))
    await till.at("pad")
    till.taps = 0


@asynccontextmanager
async def cut(till: Counter) -> AsyncIterator[None]:
    """No network for a while."""
    await till.context.set_offline(True)
    await till.sees(till.say("till.offline"))
    yield
    await till.context.set_offline(False)


async def take(till: Counter, keys: str) -> None:
    """Take this much in cash, handed exactly."""
    await till.key(keys)
    await till.tap(till.say("till.take_cash"))
    await till.at("cash")
    await till.page.get_by_role("button", name="收到 ¥").click()
    till.taps += 1
    await till.at("taken")


async def told(till: Counter, fen: int) -> list[Any]:
    """What the server has of this amount in cash."""
    return [each for each in await till.payments() if (each["channel"], each["amount_fen"]) == ("cash", fen)]


async def kept(till: Counter) -> list[Any]:
    """What waits to be sent, but for the questions of guards."""
    return [each for each in await till.stored("outbox") if each["kind"] != "asked"]


async def all_sent(till: Counter) -> None:
    """Nothing waits any more."""

    async def nothing() -> bool:
        return not await kept(till)

    await settled(nothing, 30)


def sendings(till: Counter) -> int:
    """How often this page sent a payment."""
    return till.asked.count(("POST", "/v1/payments"))


async def test_cash_is_two_taps_and_its_change_is_shown(till: Counter) -> None:
    """S3. The number is made and kept before anything is sent."""
    await open_shift(till)
    seen: list[Any] = []

    async def look(route: Route) -> None:
        seen.extend(await kept(till))
        await route.continue_()

    await till.page.route("**/v1/payments", look)
    await take(till, "61.01")
    assert till.taps == 2
    await till.sees("已收现金")
    await all_sent(till)
    (paid,) = await told(till, 6101)
    assert (paid["state"], paid["handed_fen"], paid["change_fen"]) == ("PAID", 6101, 0)
    assert paid["opened_by"] == till.accounts["王芳"]
    assert [each["key"] for each in seen] == [paid["id"]]
    await till.at("pad")
    till.taps = 0
    await till.key("61.02")
    await till.tap("收现金")
    await till.tap("¥100", exact=True)
    await till.sees("¥38.98")
    await till.tap("收到 ¥100.00，找 ¥38.98")
    assert till.taps == 3
    await till.sees("找零 ¥38.98")
    await all_sent(till)
    (paid,) = await told(till, 6102)
    assert (paid["handed_fen"], paid["change_fen"]) == (10000, 3898)


async def test_less_than_it_costs_cannot_be_handed(till: Counter) -> None:
    await open_shift(till)
    await till.key("61.03")
    await till.tap("收现金")
    await till.key("61")
    await till.sees("还差")
    await till.sees("¥0.03")
    assert await till.page.get_by_role("button", name="收到 ¥61.00").is_disabled()


async def test_cash_without_a_network_is_sent_once_when_it_is_back(till: Counter) -> None:
    """S26. Also after a reload in between; scanning says what cannot be done."""
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    before = datetime.now(UTC)
    async with cut(till):
        await till.key("62.01")
        await till.gun("130123456789012345")
        await till.sees("没有收钱。可以收现金")
        await till.tap("返回")
        await till.page.wait_for_timeout(900)
        await till.page.keyboard.press("Escape")
        await take(till, "62.01")
        await till.sees("已记在本机，网络好了会补传。")
        (entry,) = await kept(till)
        await till.page.reload()
        await till.at("pad")
        await till.sees("没有网络，现在不能扫码收款，1 条记录等着传")
        await till.sees("已收，待传")
        till.taps = 0
        await till.tap("1 条记录等着传")
        await till.at("queue")
        assert till.taps == 1
        await till.sees("没有网络，等网络好了再传。")
        await till.tap("返回")
        assert not await told(till, 6201)
        await asyncio.sleep(2)
        after = datetime.now(UTC)
    await till.sees("网络好了，1 条记录已补传")
    await all_sent(till)
    (paid,) = await told(till, 6201)
    assert paid["id"] == entry["key"]
    assert before <= datetime.fromisoformat(paid["paid_at"]) < after
    assert sendings(till) == 1
    await till.sees("已收")


async def test_an_answer_that_was_lost_makes_no_second_payment(till: Counter) -> None:
    """S26."""
    await open_shift(till)
    times = 0

    async def lose(route: Route) -> None:
        nonlocal times
        times += 1
        if times == 1:
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await till.page.route("**/v1/payments", lose)
    await take(till, "63.01")
    await all_sent(till)
    assert times >= 2
    assert len(await told(till, 6301)) == 1


async def test_two_pages_of_a_till_have_one_that_sends(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    other = await till.context.new_page()
    sent = []
    for page in (till.page, other):
        page.on("request", lambda asked: sent.append(asked.post_data_json) if asked.url.endswith("/payments") else None)
    await other.goto(f"{till.url}/till")
    await expect(other.locator("#till[data-screen=pad]")).to_be_visible()
    async with cut(till):
        for keys in ("64.01", "64.02", "64.03"):
            await take(till, keys)
            await till.tap("收下一笔")
            await till.at("pad")
        await expect(other.get_by_text("3 条记录等着传").first).to_be_visible()
        assert len(await kept(till)) == 3
    await all_sent(till)
    assert sorted(each["amount_fen"] for each in sent) == [6401, 6402, 6403]
    assert [len(await told(till, fen)) for fen in (6401, 6402, 6403)] == [1, 1, 1]
    await expect(other.get_by_text("条记录等着传")).to_have_count(0)
    await other.close()


async def test_a_page_that_closes_while_it_sends_leaves_the_rest_to_the_other(till: Counter) -> None:
    """The lock is the browser's: it goes with the page that held it."""
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    other = await till.context.new_page()
    await other.goto(f"{till.url}/till")
    await expect(other.locator("#till[data-screen=pad]")).to_be_visible()
    held = asyncio.Event()
    freed = asyncio.Event()

    async def hold(route: Route) -> None:
        if held.is_set():
            return await route.continue_()
        held.set()
        await freed.wait()
        return await route.abort()

    async with cut(till):
        await take(till, "65.01")
        await till.context.route("**/v1/payments", hold)
    async with asyncio.timeout(20):
        await held.wait()
    sender: Page = till.page
    names = "() => navigator.locks.query().then((told) => [told.held.length, told.pending.length])"
    assert await other.evaluate(names) == [1, 1], "one sends, the other waits for it"
    till.page = other
    await sender.close()
    freed.set()
    await all_sent(till)
    assert len(await told(till, 6501)) == 1


async def test_who_signs_out_leaves_the_queue_and_cash_goes_out_as_the_tills(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    await hired(till.shop, "cashier", "小林")
    await till.page.route("**/v1/payments", lambda route: route.abort())
    await till.page.route("**/v1/shifts?**", lambda route: route.abort())
    await take(till, "66.01")
    await till.tap("收下一笔")
    (entry,) = await kept(till)
    assert entry["by"] == till.accounts["王芳"]
    await till.tap("更多")
    await till.tap("换人")
    await till.enter("小林")
    assert [each["key"] for each in await kept(till)] == [entry["key"]]
    await till.tap("1 条记录等着传")
    await till.page.unroute("**/v1/payments")
    await till.sees("都传上去了")
    (paid,) = await told(till, 6601)
    assert paid["id"] == entry["key"]
    assert not paid["opened_by"].startswith("YW"), "the till's own name: who sent it did not take it"


async def test_a_request_for_money_back_waits_under_the_name_of_who_made_it(till: Counter) -> None:
    """S26. Nothing says that money went back before the server does."""
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    await hired(till.shop, "cashier", "小周")
    await till.key("67.01")
    await till.gun(await till.fresh())
    await till.sees("收款成功")
    await till.at("pad")
    await till.context.set_offline(True)
    await till.sees("没有网络")
    till.taps = 0
    await till.tap("退这笔")
    await till.tap("扫错顾客")
    await till.tap("确认退 ¥67.01")
    assert till.taps == 3
    await till.sees("退款申请先记下了")
    await till.tap("好了")
    await till.sees("退款待发")
    await till.page.route("**/v1/cases", lambda route: route.abort())
    await till.context.set_offline(False)
    await till.sees("在线")
    await till.tap("更多")
    await till.tap("换人")
    await till.enter("小周")
    await till.page.unroute("**/v1/cases")
    await till.tap("1 条记录等着传")
    await till.sees("等 王芳 登录后再发。")
    await till.tap("现在试试")
    await till.page.wait_for_timeout(1500)
    assert len(await kept(till)) == 1
    await till.tap("返回")
    await till.tap("更多")
    await till.tap("换人")
    await till.enter("王芳")
    await till.tap("1 条记录等着传")
    await till.tap("现在试试")
    await all_sent(till)
    (case,) = (await till.shop.get("/v1/cases", who="boss")).told["items"][:1]
    assert (case["opened_by"], case["what"]) == (till.accounts["王芳"], "wrong_customer")

    async def is_back() -> bool:
        orders = (await till.books())["orders"]
        return any(each["amount_fen"] == 6701 and each["back_fen"] == 6701 for each in orders)

    await settled(is_back, 30)


async def test_what_the_server_refuses_stays_and_says_why(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    async with cut(till):
        await take(till, "68.01")
        await till.tap("收下一笔")
        wish = "store => store.change('outbox', %r, (now) => ({ ...now, wish: { ...now.wish, handed_fen: 1 } }))"
        (entry,) = await kept(till)
        await till.page.evaluate(f"() => import('/till/static/store.js').then({wish % entry['key']})")
    await till.sees("在线")
    await till.tap("1 条记录等着传")
    await till.sees("没有传成，要人来看。")
    (entry,) = await kept(till)
    assert entry["problem"]["code"] == "payment.handed_short"
    await till.page.reload()
    await till.at("pad")
    assert len(await kept(till)) == 1, "a note of money is never thrown away"


async def test_a_slip_that_was_asked_for_without_a_network_is_printed_once_when_it_is_back(till: Counter) -> None:
    """S23, S26. Also after a reload in between."""
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    async with Printer(32) as machine:
        await printer_of(till, address=machine.address)
        await till.key("74.01")
        await till.gun(await till.fresh())
        await till.sees("收款成功")
        await till.tap(till.say("till.show_slip"))
        await till.at("slip")
        await till.sees(till.say("tills.hold_out"))
        await till.context.set_offline(True)
        await till.tap(till.say("tills.print"))
        await till.sees("已记下，网络好了就打。")
        (entry,) = await kept(till)
        await till.page.reload()
        await till.at("pad")
        await till.tap("1 条记录等着传")
        await till.at("queue")
        for words in ("¥74.01", "待打印", "打小票", "没有网络，等网络好了再传。"):
            await till.sees(words)
        await till.tap("返回")
        assert machine.jobs == 0
        await till.context.set_offline(False)
        await till.sees("网络好了，1 条记录已补传")
        await all_sent(till)

        async def is_printed() -> bool:
            told = (await till.shop.get("/v1/prints", who="boss")).told["items"]
            mine = [(each["id"], each["state"]) for each in told if each["of"] == entry["wish"]["of"]]
            assert [each for each, _ in mine] == [entry["key"]]
            return mine == [(entry["key"], "PRINTED")]

        await settled(is_printed, 30)
        assert machine.jobs == 1


async def test_a_slip_asked_for_again_while_it_waits_is_the_same_and_a_refused_one_says_so(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    async with Printer(32) as machine:
        printer = await printer_of(till, address=machine.address)
        await till.key("75.01")
        await till.gun(await till.fresh())
        await till.sees("收款成功")
        await till.tap(till.say("till.show_slip"))
        await till.sees(till.say("tills.hold_out"))
        await till.context.set_offline(True)
        await till.tap(till.say("tills.print"))
        await till.sees("已记下，网络好了就打。")
        (entry,) = await kept(till)
        await till.tap("返回")
        await till.at("pad")
        await till.page.wait_for_timeout(900)
        await till.gun(entry["wish"]["of"])
        await till.at("bill")
        await till.tap(till.say("till.slip"))
        await till.at("slip")
        await till.sees("已记下，网络好了就打。")
        await till.sees("没有网络：小票内容和二维码")
        await till.tap(till.say("tills.print"))
        await till.page.wait_for_timeout(500)
        assert [each["key"] for each in await kept(till)] == [entry["key"]]
        assert (await till.shop.post(f"/v1/printers/{printer}/close", who="olga")).status == 200
        await till.context.set_offline(False)
        await till.sees("小票没有打。给店长看。")
        await till.tap("返回")
        await till.at("bill")
        await till.tap("返回")
        await till.tap("1 条记录等着传")
        await till.sees("没传成")
        await till.tap(till.say("till.seen_it"))
        await till.sees("没有等着传的")
        assert machine.jobs == 0


async def test_a_refusal_of_what_we_sent_names_no_field_of_ours_and_its_ticket_does(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    async with cut(till):
        await take(till, "76.01")
        await till.tap("收下一笔")
        (entry,) = await kept(till)
        spoil = "store => store.change('outbox', %r, (now) => ({ ...now, wish: { ...now.wish, handed_fen: 'x' } }))"
        await till.page.evaluate(f"() => import('/till/static/store.js').then({spoil % entry['key']})")
    await till.tap("1 条记录等着传")
    await till.sees("现金收了，但没有记进系统。给店长看。")
    (entry,) = await kept(till)
    assert entry["problem"]["code"] == "request.invalid"
    assert "$" not in await till.page.locator("#till").inner_text()
    await till.tap(till.say("tills.ticket"))
    await till.sees("已提交工单")
    await till.tap("现在试试")
    await till.page.wait_for_timeout(1000)
    await till.sees("现金收了，但没有记进系统。给店长看。")
    assert "$" not in await till.page.locator("#till").inner_text()
    (listed,) = (await till.shop.get("/v1/tickets?cause=system")).told["items"]
    assert entry["key"] in listed["note"]
    assert "$.handed_fen" in listed["note"]
    assert len(await kept(till)) == 1


FILL = """async () => {
  const store = await import('/till/static/store.js');
  for (const size of [1 << 20, 1 << 16, 1 << 12, 1 << 8, 1 << 4]) {
    const block = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(block.subarray(at, at + 65536));
    try {
      for (;;) await store.put('state', `filler-${crypto.randomUUID()}`, block);
    } catch { /* no block of this size fits any more */ }
  }
}"""
EMPTY = """async () => {
  const asked = indexedDB.open('yuanlu-till', 1);
  const db = await new Promise((done) => { asked.onsuccess = () => done(asked.result); });
  const work = db.transaction('state', 'readwrite');
  work.objectStore('state').delete(IDBKeyRange.bound('filler-', 'filler.'));
  await new Promise((done) => { work.oncomplete = done; });
}"""


async def test_a_full_disk_is_said_before_anything_is_done(counter: Counter) -> None:
    """The browser's own quota, and blocks of less and less until nothing fits."""
    till = counter
    session = await till.context.new_cdp_session(till.page)
    await session.send("Storage.overrideQuotaForOrigin", {"origin": till.url, "quotaSize": 4_000_000})
    await till.begin()
    await open_shift(till)
    await till.page.evaluate(FILL)
    sent = sendings(till)
    await till.key("69.01")
    await till.tap("收现金")
    await till.tap("收到 ¥69.01")
    await till.sees("本机存储满了")
    await till.sees("这一步没有做")
    await till.tap("返回")
    await till.page.wait_for_timeout(900)
    await till.gun(await till.fresh())
    await till.sees("本机存储满了")
    assert sendings(till) == sent
    await till.page.evaluate(EMPTY)
    await till.tap("返回")
    await till.tap("收现金")
    await till.tap("收到 ¥69.01")
    await till.sees("已收现金")
    await all_sent(till)
    assert len(await told(till, 6901)) == 1


async def test_a_clock_three_hours_slow_does_not_move_the_cash(counter: Counter) -> None:
    """Even where the till starts without a network and does not know that its clock is wrong."""
    await counter.page.clock.install(time=datetime.now(UTC) - timedelta(hours=3))
    await counter.begin()
    await counter.page.evaluate("() => navigator.serviceWorker.ready")
    before = datetime.now(UTC) - timedelta(seconds=3)
    async with cut(counter):
        await counter.page.reload()
        await counter.at("pad")
        await take(counter, "70.01")
        (entry,) = await kept(counter)
        assert not entry["sure"]
        assert datetime.fromtimestamp(entry["at"] / 1000, UTC) < before - timedelta(hours=2)
        after = datetime.now(UTC) + timedelta(seconds=3)
    await all_sent(counter)
    (paid,) = await told(counter, 7001)
    assert before <= datetime.fromisoformat(paid["paid_at"]) <= after


async def test_a_new_release_takes_over_and_the_queue_stays(till: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    await till.page.route("**/v1/shifts?**", lambda route: route.abort())
    # Answered, not cut off: in Chromium one that is cut off may keep the worker busy for minutes, and none takes over
    # before it is idle.
    await till.page.route("**/v1/payments", lambda route: route.fulfill(status=503, json={"code": "service.busy"}))
    for keys in ("71.01", "71.02"):
        await take(till, keys)
        await till.tap("收下一笔")
    ids = sorted(each["key"] for each in await kept(till))
    now = pages.assets()
    worker = now[pages.WORKER]
    later = replace(worker, plain=worker.plain.replace(b"'till-' + \"", b"'till-' + \"next-"))
    monkeypatch.setattr(pages, "assets", lambda: {**now, pages.WORKER: later})
    async with till.page.expect_navigation(timeout=90_000):
        await till.page.evaluate(  # again and again: a look that was under way already may have seen the release before
            "() => { setInterval(() => navigator.serviceWorker.getRegistration('/till')"
            ".then((known) => known.update()).catch(() => {}), 2000); }"
        )
    await till.at("pad")
    names = await till.page.evaluate("() => caches.keys()")
    assert any(str(name).startswith("till-next-") for name in names)
    assert sorted(each["key"] for each in await kept(till)) == ids
    await till.tap("2 条记录等着传")
    await till.page.unroute("**/v1/payments")
    await till.tap("现在试试")
    await all_sent(till)
    assert [len(await told(till, fen)) for fen in (7101, 7102)] == [1, 1]


async def test_cash_goes_back_out_of_the_drawer_by_who_gives_it(till: Counter) -> None:
    """S3."""
    await open_shift(till)
    await take(till, "72.01")
    await all_sent(till)
    await till.at("pad")
    till.taps = 0
    await till.tap("退这笔")
    await till.tap("扫错顾客")
    await till.tap("确认退 ¥72.01")
    await expect(till.page.get_by_role("button", name="已把 ¥72.01 现金给顾客")).to_be_visible(timeout=30_000)
    await till.tap("已把 ¥72.01 现金给顾客")
    assert till.taps == 4
    await till.sees("现金 ¥72.01 已退给顾客")
    (paid,) = await told(till, 7201)
    (refund,) = (await till.shop.get(f"/v1/refunds?payment={paid['id']}", who="boss")).told["items"]
    assert (refund["state"], refund["till"]) == ("DONE", till.shop.till)
    await till.tap("好了")
    await till.sees("已全退")


async def test_cash_by_keyboard_alone(till: Counter) -> None:
    await open_shift(till)

    async def to(words: str) -> None:
        for _ in range(60):
            await till.page.keyboard.press("Tab")
            if words in await till.page.evaluate("() => document.activeElement.textContent"):
                return
        raise AssertionError(words)

    await till.page.keyboard.type("73.01", delay=200)
    await to("收现金")
    await till.page.keyboard.press("Enter")
    await till.at("cash")
    await till.page.keyboard.type("100", delay=200)
    await till.sees("¥26.99")
    await to("收到 ¥100.00，找 ¥26.99")
    await till.page.keyboard.press("Enter")
    await till.at("taken")
    await all_sent(till)
    assert len(await told(till, 7301)) == 1
