"""Who works at the till: enrolling, signing in, changing over, locking; and starting without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PIN, Counter, hired, settled, with_finger
from yuanlu.web.till import pages


async def test_a_device_that_is_enrolled_keeps_a_key_that_nobody_can_take_out(counter: Counter) -> None:
    await counter.enrol()
    told = await counter.page.evaluate(
        "async () => { const { get } = await import('/till/static/store.js');"
        " const { key } = await get('state', 'device');"
        " const out = await crypto.subtle.exportKey('pkcs8', key).then(() => 'out', (no) => no.name);"
        " return [key.extractable, key.algorithm.name, out]; }"
    )
    assert told == [False, "ECDSA", "InvalidAccessError"]


async def test_a_code_counts_once(counter: Counter) -> None:
    await counter.page.goto(f"{counter.url}/till#enrol=AAAA-BBBB-CCCC")
    await counter.tap("登记为收银台")
    await counter.sees("登记码不对")
    assert not await counter.stored("charges")


async def test_a_wrong_pin_opens_nothing(counter: Counter) -> None:
    await counter.enrol()
    await counter.tap("王芳")
    await counter.key("111122")
    await counter.sees("PIN 不对")
    await counter.key(PIN)
    await counter.at("pad")


async def test_a_manager_signs_in_by_finger_in_one_tap_and_a_cashier_changes_in_with_six_digits(
    counter: Counter,
) -> None:
    """S3, S34."""
    await with_finger(counter, "韩梅")
    await counter.begin()
    await counter.tap("更多")
    counter.taps = 0
    await counter.tap("换人")
    await counter.tap("韩梅")
    await counter.tap("用指纹或面容")
    await counter.at("pad")
    await counter.sees("韩梅")
    await counter.tap("更多")
    await counter.tap("换人")
    await counter.enter()
    await counter.sees("王芳")


async def test_a_finger_that_is_not_known_opens_nothing(counter: Counter) -> None:
    device = await with_finger(counter, "何方")
    await counter.enrol()
    told = await device.send("WebAuthn.enable")
    assert told == {}
    await counter.tap("何方")
    await counter.page.evaluate(
        "() => { navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError')); }"
    )
    await counter.tap("用指纹或面容")
    await counter.sees("没有认出来")
    await counter.at("signin")


async def test_five_quiet_minutes_lock_the_till(counter: Counter) -> None:
    """S3."""
    await counter.page.clock.install()
    await counter.begin()
    await counter.key("5")
    await counter.page.clock.fast_forward("04:58")
    await counter.at("pad")
    await counter.page.clock.fast_forward("00:04")
    await counter.at("signin")
    await counter.sees("已锁屏")
    await counter.key(PIN)
    await counter.at("pad")
    await expect(counter.page.get_by_label("金额", exact=True)).to_have_text("¥5")  # what was keyed is still there


async def test_a_session_that_was_ended_asks_who_is_there(till: Counter) -> None:
    account = till.accounts["王芳"]
    await till.shop.app.pools.recorder.execute(
        "update sessions set ended_at = now(), version = version + 1 where staff_id = $1 and ended_at is null", account
    )
    await till.page.wait_for_timeout(1000)
    await till.key("6")
    await till.gun(await till.fresh())
    await till.sees("登录到时间了")


async def test_a_till_starts_without_a_network_and_says_what_it_cannot_do(till: Counter) -> None:
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    await till.context.set_offline(True)
    await till.page.reload()
    await till.at("pad")
    await till.sees("没有网络，现在不能扫码收款")
    await till.key("7.5")
    await expect(till.page.get_by_label("金额", exact=True)).to_have_text("¥7.5")
    assert await till.page.get_by_role("button", name="扫码收款").is_disabled()
    await till.gun("130123456789012345")
    await till.sees("没有收钱")
    await till.context.set_offline(False)
    await till.tap("返回")
    await till.sees("在线")
    await till.page.wait_for_timeout(900)
    await till.gun(await till.fresh())
    await till.sees("收款成功")


async def test_a_newer_release_takes_over_between_payments_only(till: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of the next release waits while an amount stands on the pad."""
    await till.page.evaluate("() => navigator.serviceWorker.ready")
    await till.key("8")
    now = pages.assets()
    worker = now[pages.WORKER]
    later = replace(worker, plain=worker.plain.replace(b"'till-' + \"", b"'till-' + \"next-"))
    assert later.plain != worker.plain
    monkeypatch.setattr(pages, "assets", lambda: {**now, pages.WORKER: later})
    await till.page.evaluate("() => navigator.serviceWorker.getRegistration('/till').then((known) => known.update())")
    names = "() => caches.keys().then((kept) => kept.filter((each) => each.startsWith('till-')))"

    async def both() -> bool:
        return len(await till.page.evaluate(names)) == 2

    await settled(both)
    await till.page.wait_for_timeout(2500)
    assert await both()
    await expect(till.page.get_by_label("金额", exact=True)).to_have_text("¥8")  # it was not taken over
    async with till.page.expect_navigation():
        await till.tap("退一格")
    await till.at("pad")

    async def next_alone() -> bool:
        (name,) = await till.page.evaluate(names)
        return str(name).startswith("till-next-")

    await settled(next_alone)


async def test_names_are_told_to_an_enrolled_till_alone(counter: Counter) -> None:
    await hired(counter.shop, "trainee", "小赵")
    no = await counter.shop.get(f"/v1/tills/{counter.shop.till}/people", who="boss")
    assert (no.status, no.code) == (403, "signin.till_only")
    await counter.enrol()
    await counter.sees("小赵")
