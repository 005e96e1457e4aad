"""Why it failed, slips, and the device: the screens that a till opens when something is not as it should be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in, settled
from tests.browser.looking import seen
from tests.web.test_review import hire
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.sim.printer import Faults, Printer

USB = """
  window.carried = [];
  const device = {
    configuration: {interfaces: [{interfaceNumber: 0, alternate: {interfaceClass: 7, endpoints: [
      {direction: 'out', type: 'bulk', endpointNumber: 1}, {direction: 'in', type: 'bulk', endpointNumber: 2}]}}]},
    open: async () => {}, close: async () => {}, claimInterface: async () => {},
    transferOut: async (_, part) => { if (window.unplugged) throw new Error('gone'); window.carried.push(...part); },
    transferIn: () => window.isMute ? new Promise(() => {}) : Promise.resolve({data: new DataView(new ArrayBuffer(1))}),
  };
  Object.defineProperty(navigator, 'usb', {value: {getDevices: async () => [device]}});
  Object.defineProperty(Navigator.prototype, 'bluetooth', {value: undefined});
  delete Navigator.prototype.bluetooth;
"""
"""A USB printer, as a page sees one: what it is sent is kept."""


async def owner(shop: Any) -> str:
    if "olga" not in shop.keys:
        await hire(shop, "olga", "owner")
    return "olga"


async def printer_of(counter: Counter, **given: Any) -> str:
    """A printer written down for this till; the others are closed."""
    shop = counter.shop
    who = await owner(shop)
    for each in (await shop.get("/v1/printers", who=who)).told["items"]:
        await shop.post(f"/v1/printers/{each['id']}/close", who=who)
    store = (await shop.get("/v1/tills")).told["items"][0]["store"]
    wish = {"id": ids.new(Kind.PRINTER), "via": "network", "store": store, "till": shop.till, "name": "前台"} | given
    answer = await shop.post("/v1/printers", wish, who=who)
    assert answer.status == 201, answer.raw
    return str(wish["id"])


async def beat(counter: Counter) -> None:
    await counter.page.evaluate("() => import('/till/static/beat.js').then((beat) => beat.beat())")


async def lock(counter: Counter, deed: str, **wish: Any) -> None:
    path = f"/v1/tills/{counter.shop.till}/{deed}"
    answer = await counter.shop.post(path, wish or None, who=await owner(counter.shop))
    assert answer.status == 200, answer.raw


async def paid(counter: Counter, digits: str) -> dict[str, Any]:
    await counter.key(digits)
    await counter.page.wait_for_timeout(900)  # scans are not heard for 800 ms after a result
    await counter.gun(await counter.fresh())
    await counter.sees(counter.say("till.paid"))
    return dict((await counter.payments())[0])


async def failed(counter: Counter, digits: str, habit: str = "no_funds") -> None:
    await counter.key(digits)
    await counter.page.wait_for_timeout(900)
    await counter.gun(await counter.fresh(habit))
    await counter.sees(counter.say("till.anew"))


async def test_why_a_payment_failed_is_one_tap_away_and_says_what_to_tell_the_customer(till: Counter) -> None:
    """S45."""
    await failed(till, "7")
    await till.tap(till.say("till.why_failed"))
    await till.at("why")
    for words in ("顾客的账户", "没有收钱", "现在怎么办", "跟顾客这样说", "没有扣款"):
        await till.sees(words)
    assert till.taps == 1
    assert await till.page.get_by_role("button", name=till.say("tills.ticket")).count() == 0, "nobody here can mend it"
    await till.tap(till.say("till.back"))
    await till.at("charge")


async def test_what_never_arrived_is_the_network_and_a_ticket_takes_one_tap(till: Counter) -> None:
    """S41. The log goes along, without the payment code."""
    await till.page.route("**/v1/payments", lambda route: route.abort())
    code = await till.fresh()
    await till.key("8")
    await till.gun(code)
    await till.sees(till.say("pay.unknown"))
    await till.page.get_by_text(till.say("till.never")).first.wait_for(timeout=60_000)
    await till.page.unroute("**/v1/payments")
    await till.tap(till.say("till.why_failed"))
    await till.sees("网络问题")
    await till.sees("没有收钱")
    await till.tap(till.say("tills.ticket"))
    await till.sees("已提交工单")
    shop = till.shop
    (listed,) = (await shop.get("/v1/tickets?cause=network")).told["items"]
    whole = (await shop.get(f"/v1/tickets/{listed['id']}")).told
    assert any("POST /v1/payments away" in line for line in whole["log"])
    assert code not in str(whole)
    assert whole["health"]["network"] == "ok"


async def test_a_bill_says_how_far_its_refund_is_and_prints_its_slip(till: Counter) -> None:
    payment = await paid(till, "25")
    wish = {"id": ids.new(Kind.REFUND), "payment": payment["id"], "amount_fen": 500}
    assert (await till.shop.post("/v1/refunds", wish, who="boss")).status == 201

    async def back() -> bool:
        return bool((await till.shop.get(f"/v1/refunds/{wish['id']}", who="boss")).told["state"] in ("DONE", "PROVEN"))

    await settled(back, 30)
    await till.at("pad")
    await till.gun(payment["id"])
    await till.at("bill")
    await till.tap(till.say("till.how_far"))
    await till.sees("渠道已确认退回")
    await till.tap(till.say("till.back"))
    await till.at("bill")
    await till.page.locator(".card").filter(has_text="5.00").get_by_role("button", name="小票").click()
    await till.at("slip")
    await till.sees("退款小票")
    await till.page.locator("summary").click() if not await till.page.locator("pre.slip").is_visible() else None
    await expect(till.page.locator("pre.slip")).to_contain_text(wish["id"])


async def test_a_slip_is_printed_after_paid_and_a_jam_stays_in_the_queue(till: Counter) -> None:
    """S23."""
    async with Printer(32) as machine:
        await printer_of(till, address=machine.address)
        payment = await paid(till, "31")
        taps = till.taps
        await till.tap(till.say("till.print"))
        await till.sees("打好了")
        assert till.taps == taps + 1
        assert payment["id"] in machine.roll.codes
        machine.faults = Faults(cover_open=True)
        await till.tap(till.say("tills.print"))
        await till.sees("打印机盖子没关好")
        await till.sees("检查纸和电源")
        await till.tap(till.say("till.back"))
        await till.tap(till.say("till.more"))
        await till.tap(till.say("till.slips"))
        await till.sees("没打出来")
        await till.sees("重打（第 1 次）")
        machine.mend()
        await till.tap(till.say("tills.retry"))
        await till.sees("打好了")
        assert (machine.jobs, machine.roll.spilled) == (2, 0)


async def test_a_printer_at_the_till_is_carried_to_and_a_mute_one_is_asked_about(
    chromium: Browser, place: Place
) -> None:
    """S23."""
    async with counter_in(chromium, place) as till:
        await till.context.add_init_script(USB)
        await till.begin()
        await printer_of(till, via="till")
        payment = await paid(till, "33")
        await till.tap(till.say("till.print"))
        await till.tap("USB")  # once; from then on it is known
        await till.sees("打好了")
        carried = bytes(await till.page.evaluate("() => window.carried"))
        assert "收款小票".encode("gb18030") in carried
        await till.page.evaluate("() => { window.isMute = true; window.carried = []; }")
        await till.tap(till.say("tills.print"))
        await till.sees("小票完整打出来了吗？")
        assert "重打".encode("gb18030") in bytes(await till.page.evaluate("() => window.carried"))
        await till.tap(till.say("tills.came_not"))
        await till.sees("没打出来")
        await till.page.evaluate("() => { window.isMute = false; window.unplugged = true; }")
        await till.tap(till.say("tills.retry"))
        await till.sees("打到一半断了")
        await till.page.evaluate("() => { window.unplugged = false; }")
        await till.tap(till.say("tills.retry"))
        await till.sees("打好了")
        prints = (await till.shop.get("/v1/prints", who="boss")).told["items"]
        assert [each["state"] for each in prints if each["of"] == payment["id"]] == ["PRINTED", "PRINTED"]


async def test_a_printer_at_the_till_prints_what_waited_for_the_network(chromium: Browser, place: Place) -> None:
    """S23, S26."""
    async with counter_in(chromium, place) as till:
        await till.context.add_init_script(USB)
        await till.begin()
        await till.page.evaluate("() => navigator.serviceWorker.ready")
        await printer_of(till, via="till")
        payment = await paid(till, "34")
        await till.tap(till.say("till.show_slip"))
        await till.sees(till.say("tills.hold_out"))
        await till.context.set_offline(True)
        await till.tap("USB")
        await till.sees("已记下，网络好了就打。")
        assert await till.page.evaluate("() => window.carried.length") == 0
        await till.context.set_offline(False)
        await till.sees("打好了")
        assert "重打".encode("gb18030") not in bytes(await till.page.evaluate("() => window.carried"))
        prints = (await till.shop.get("/v1/prints", who="boss")).told["items"]
        assert [(each["state"], each["sends"]) for each in prints if each["of"] == payment["id"]] == [("PRINTED", 1)]


async def test_a_mute_printers_slip_that_waited_for_the_network_is_asked_about_in_the_queue(
    chromium: Browser, place: Place
) -> None:
    """S23, S26: the outbox brought it to the printer, which says nothing, and nobody stood before its slip."""
    async with counter_in(chromium, place) as till:
        await till.context.add_init_script(USB)
        await till.begin()
        await till.page.evaluate("() => navigator.serviceWorker.ready.then(() => { window.isMute = true; })")
        await printer_of(till, via="till")
        payment = await paid(till, "36")
        await till.tap(till.say("till.show_slip"))
        await till.sees(till.say("tills.hold_out"))
        await till.context.set_offline(True)
        await till.tap("USB")
        await till.sees("已记下，网络好了就打。")
        await till.tap(till.say("till.back"))
        await till.context.set_offline(False)

        async def prints(state: str) -> list[Any]:
            items = (await till.shop.get(f"/v1/prints?state={state}", who="boss")).told["items"]
            return [each for each in items if each["of"] == payment["id"]]

        await settled(lambda: prints("SENT"), 30)
        await till.tap(till.say("till.more"))
        await till.tap(till.say("till.slips"))
        await till.sees("小票完整打出来了吗？")
        assert await till.page.get_by_role("button", name=till.say("tills.retry")).count() == 0
        await till.tap(till.say("tills.came_not"))
        await till.sees("没打出来")
        await till.page.evaluate("() => { window.isMute = false; }")
        await till.tap(till.say("tills.retry"))
        await till.sees("打好了")
        assert [each["sends"] for each in await prints("PRINTED")] == [2]


async def test_the_qr_of_a_slip_is_shown_without_paper(till: Counter) -> None:
    """S23."""
    await paid(till, "35")
    await till.tap(till.say("till.show_slip"))
    await till.at("slip")
    await expect(till.page.locator("img.qr")).to_be_visible()
    assert await till.page.locator("img.qr").evaluate("(each) => each.naturalWidth > 0")


async def test_a_till_says_how_it_is_and_is_locked_and_freed_from_afar(till: Counter) -> None:
    """S85."""
    await beat(till)
    (station,) = (await till.shop.get("/v1/stations", who="boss")).told["items"]
    assert (station["silent"], station["health"]["storage"], station["health"]["network"]) == (False, "ok", "ok")
    await till.key("9")
    await lock(till, "lock", why="手持机找不到了")
    await beat(till)
    await till.at("held")
    await till.sees("手持机找不到了")
    till.asked.clear()
    await till.gun(await till.fresh())
    await till.page.reload()
    await till.at("held")
    assert not [path for method, path in till.asked if (method, path) == ("POST", "/v1/payments")]
    await till.tap(till.say("till.bills"))
    await till.at("bills")
    await till.tap(till.say("till.back"))
    await till.at("held")
    await lock(till, "unlock")
    await till.tap(till.say("tills.held_ask"))
    await till.at("pad")


async def test_a_charge_that_is_under_way_is_not_cut_off_by_a_lock(till: Counter) -> None:
    await till.key("10")
    await till.gun(await till.fresh("walks_away"))
    await till.page.locator("[data-wait]").wait_for()  # the server has it: a lock refuses what comes after it
    await lock(till, "lock", why="盘点")
    try:
        await beat(till)
        await till.at("charge")
        await till.tap(till.say("till.aside"))
        await till.at("held")
    finally:
        await lock(till, "unlock")


async def test_what_was_written_to_a_till_stands_on_every_screen_until_it_is_read(till: Counter) -> None:
    await lock(till, "message", message="请来办公室")
    await beat(till)
    await till.sees("请来办公室")
    await till.tap(till.say("till.more"))
    await till.sees("请来办公室")
    await till.tap(till.say("tills.read"))
    await expect(till.page.get_by_text("请来办公室")).to_have_count(0)
    await beat(till)
    await expect(till.page.get_by_text("请来办公室")).to_have_count(0)


async def test_the_self_check_names_each_thing_and_a_wrong_clock(chromium: Browser, place: Place) -> None:
    """S85.."""
    async with counter_in(chromium, place) as till:
        await till.context.add_init_script("const now = Date.now; Date.now = () => now() - 90_000;")
        await till.begin()
        await till.tap(till.say("till.more"))
        await till.tap(till.say("till.device"))
        for name in ("camera", "printer", "network", "clock", "storage", "battery", "outbox", "release"):
            await till.sees(till.say(f"tills.check.{name}"))
        row = till.page.locator(".checks li").filter(has_text="时钟")
        await expect(row).to_contain_text("留意")
        await expect(row).to_contain_text("秒")
        await expect(till.page.locator(".checks li").filter(has_text="版本")).to_contain_text("till-")


async def test_the_self_check_shows_what_was_done_about_a_ticket(till: Counter) -> None:
    await till.tap(till.say("till.more"))
    await till.tap(till.say("till.device"))
    await till.tap(till.say("tills.ticket"))
    await till.sees("已提交工单")
    shop, who = till.shop, await owner(till.shop)
    ticket = (await shop.get("/v1/tickets?cause=device&state=OPEN", who=who)).told["items"][0]["id"]
    closed = await shop.post(f"/v1/tickets/{ticket}/close", {"said": "换了打印纸"}, who=who)
    assert closed.status == 200, closed.raw
    await till.tap(till.say("till.back"))
    await till.tap(till.say("till.device"))
    await till.sees("换了打印纸")
    await till.sees("已处理")


async def walk(counter: Counter, machine: Printer, cents: str) -> AsyncIterator[str]:
    """Stop at each of these screens and states. `cents`: so that no two walks take the same amounts: a guard asks."""
    page, say = counter.page, counter.say
    await failed(counter, "7" + cents)
    await counter.tap(say("till.why_failed"))
    await counter.at("why")
    yield "why-failed"
    await counter.back("charge", "pad")
    await counter.key("8" + cents)
    await page.wait_for_timeout(900)
    await counter.gun(await counter.fresh("walks_away"))
    await counter.sees(say("till.ask_again"))
    await counter.tap(say("till.aside"))
    await counter.at("pad")
    payment = (await counter.payments())[0]
    await counter.gun(payment["id"])
    await counter.at("bill")
    yield "bill-waiting"
    await counter.tap(say("till.why_failed"))
    await counter.at("why")
    yield "why-unknown"
    await counter.back("bill", "pad")
    await paid(counter, "31" + cents)
    yield "paid"
    await counter.tap(say("till.print"))
    await counter.sees(say("tills.print.PRINTED"))
    yield "slip-printed"
    machine.faults = Faults(cover_open=True)
    await counter.tap(say("tills.print"))
    await counter.sees(say("tills.trouble.cover"))
    yield "slip-jammed"
    await counter.tap(say("till.back"))
    await counter.tap(say("till.more"))
    yield "more"
    await counter.tap(say("till.slips"))
    await counter.sees(say("tills.print.JAMMED"))
    yield "queue-jammed"
    await counter.tap(say("tills.give_up"))
    await counter.sees(say("tills.print.GONE"))
    await counter.tap(say("till.back"))
    await counter.tap(say("till.slips"))
    await counter.sees(say("tills.queue_empty"))
    yield "queue-empty"
    await counter.tap(say("till.back"))
    await counter.tap(say("till.device"))
    await counter.sees(say("tills.check.release"))
    yield "device"
    await counter.tap(say("tills.ticket"))
    await counter.sees(say("tills.ticket_done", tail="").rstrip("…"))
    yield "device-ticket"
    await lock(counter, "message", message="Please come to the office · 请来办公室")
    await beat(counter)
    await counter.back("more", "pad")
    yield "pad-message"
    await counter.tap(say("tills.read"))
    await lock(counter, "lock", why="The handheld is missing · 手持机找不到了")
    await beat(counter)
    await counter.at("held")
    yield "held"


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_each_of_these_screens_is_read_by_all_and_pressed_by_any_finger(
    chromium: Browser, place: Place, lang: str, whole: bool
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as counter, Printer(32) as machine:
        await counter.begin()
        await printer_of(counter, address=machine.address)
        try:
            async for name in walk(counter, machine, {"zh": ".3", "en": ".6"}[lang]):
                trouble += await seen(counter.page, f"c-{name}-{lang}", whole=whole)
        finally:
            await lock(counter, "unlock")
    assert not trouble, "\n".join(trouble)
