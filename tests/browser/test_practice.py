"""Practice at the till: every drill can be done right, the mistake it is made of is seen, and nothing of it is real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import TABLET, Counter, Place, counter_in
from tests.browser.looking import seen
from yuanlu import words
from yuanlu.training.rules import drills

DRILLS = {drill["id"]: drill for drill in drills()}
CLEAR, SCAN = "*clear", "*scan"
UNDO, CONFIRM = "till.undo", "*confirm"
RIGHT: dict[str, Sequence[str]] = {
    "extra_zero": [CLEAR, "12.8", SCAN],
    "decimal_slip": [CLEAR, "36.5", SCAN],
    "previous_amount": [CLEAR, "18", SCAN],
    "goods_barcode": ["9.9", SCAN, "till.scan_again", SCAN],
    "receiving_code": ["22", SCAN, "till.scan_again", SCAN],
    "wrong_code": ["6", SCAN, "till.scan_again", SCAN],
    "expired_code": ["30", SCAN, "till.anew", SCAN],
    "no_funds": ["88", SCAN, "till.anew", SCAN],
    "password_timeout": ["260", SCAN],
    "walks_away": ["15", SCAN, "till.cancel"],
    "no_network": ["52", SCAN],
    "late_paid": ["19", SCAN, "till.cancel", "till.anew", SCAN],
    "charged_twice": [UNDO, "till.why.charged_twice", CONFIRM],
    "wrong_amount": [UNDO, "till.why.wrong_amount", "12.8", CONFIRM],
    "over_limit": [UNDO, "till.why.returned", CONFIRM, "till.boss_later"],
    "hurry": ["25", SCAN, "till.is_right"],
}


@pytest.fixture(scope="module")
def state(spot: Path) -> Path:
    """Where the embedded PostgreSQL of the practice ground can be reached by whom it runs as."""
    return spot / "practised"


@pytest.fixture(scope="module")
def said() -> Mapping[str, Any]:
    """Settings of the shop."""
    return {"rate_signin": 0, "practice": 1}


async def practising(counter: Counter) -> None:
    """From the pad to the drills: two taps."""
    await counter.tap(counter.say("till.more"))
    await counter.tap(counter.say("till.practice"))
    await counter.at("practice")


async def drilled(counter: Counter, name: str, steps: Sequence[str]) -> str:
    """Do a drill by these steps; the heading of what comes after."""
    page, say = counter.page, counter.say
    await counter.tap(DRILLS[name]["title"][counter.lang])
    await expect(counter.page.locator("#till[data-screen=pad]")).to_be_visible(timeout=90_000)  # it may have to start
    for step in steps:
        if step == CLEAR:
            await page.keyboard.press("Escape")
        elif step == SCAN:
            await page.wait_for_timeout(900)  # what the server says of an amount is there, and scans are heard again
            await counter.tap(say("tills.practice.scan"))
        elif step == CONFIRM:
            await page.locator(".foot .btn.main").click()
        elif step.startswith("till."):
            await page.get_by_role("button", name=say(step), exact=step == "till.cancel").first.click()
        else:
            await counter.key(step)
    await counter.at("practised")
    heading = await page.get_by_role("heading").first.inner_text()
    await counter.tap(say("tills.practice.list"))
    await counter.at("practice")
    return heading


async def test_every_drill_can_be_done_right_and_only_that_it_was_done_reaches_the_server(till: Counter) -> None:
    """S8, S84: whether it was quick is not asked here: this machine may be busy."""
    assert RIGHT.keys() == DRILLS.keys()
    await practising(till)
    before, kept = len(await till.payments()), len(till.asked)
    good = {till.say("tills.practice.good"), till.say("tills.practice.slow")}
    wrong = {name: told for name, steps in RIGHT.items() if (told := await drilled(till, name, steps)) not in good}
    assert not wrong
    assert {path for _, path in till.asked[kept:] if path.startswith("/v1")} == {"/v1/drills", "/v1/practice"}
    assert len(await till.payments()) == before
    await till.tap(till.say("tills.practice.leave"))
    await till.at("pad")
    assert not await till.stored("charges")
    await practising(till)
    await expect(till.page.get_by_text(till.say("tills.practice.new"))).to_have_count(
        0
    )  # the record is kept by the server
    done = await till.shop.app.pools.recorder.fetch("select drill, outcome, account from drills")
    assert {row["drill"] for row in done} == DRILLS.keys()
    assert {row["outcome"] for row in done} <= {"right", "slow"}
    assert {row["account"] for row in done} == {till.accounts["王芳"]}


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("extra_zero", [SCAN, "till.is_right"]),
        ("previous_amount", [SCAN, "till.is_right"]),
        ("password_timeout", ["260", SCAN, "till.aside", "260", SCAN, "till.is_right"]),
        ("wrong_amount", [UNDO, "till.why.charged_twice", CONFIRM]),
    ],
)
async def test_the_mistake_a_drill_is_made_of_ends_it_and_is_named(
    till: Counter, name: str, steps: Sequence[str]
) -> None:
    await practising(till)
    assert await drilled(till, name, steps) == till.say("tills.practice.mistake")


async def test_without_a_network_practice_says_that_it_needs_one(till: Counter) -> None:
    await practising(till)
    await till.context.set_offline(True)
    await till.tap(DRILLS["hurry"]["title"][till.lang])
    await till.sees(till.say("tills.practice.no_net"))
    await till.context.set_offline(False)
    await till.tap(till.say("tills.practice.again"))
    await till.at("pad")


async def test_a_practice_ground_that_ends_in_the_midst_is_no_answer_and_the_next_drill_has_a_new_one(
    till: Counter,
) -> None:
    await practising(till)
    await till.tap(DRILLS["no_funds"]["title"][till.lang])
    await till.at("pad")
    await till.shop.app.ground.close()
    await till.key("88")
    await till.page.wait_for_timeout(900)
    await till.tap(till.say("tills.practice.scan"))
    await till.sees(words.say("pay.unknown", till.lang).split("\n")[0])
    await till.tap(till.say("tills.practice.stop"))
    await till.at("practised")
    await till.tap(till.say("tills.practice.again"))
    await expect(till.page.locator("#till[data-screen=pad]")).to_be_visible(timeout=90_000)


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_practice_is_unmistakably_marked_on_every_screen_and_read_by_all(
    chromium: Browser, place: Place, lang: str
) -> None:
    trouble = []
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as till:
        say, page = till.say, till.page
        await till.begin()
        await practising(till)

        async def look(name: str) -> list[str]:
            await expect(page.locator(".banner.train")).to_contain_text(say("train.on"))
            return await seen(page, f"practice-{name}-{lang}")

        trouble += await look("list")
        await till.tap(DRILLS["extra_zero"]["title"][lang])
        await till.at("pad")
        await page.wait_for_timeout(900)
        trouble += await look("pad")
        await till.tap(say("tills.practice.scan"))
        await till.at("question")
        trouble += await look("question")
        await till.tap(say("till.is_right"))
        await till.at("practised")
        trouble += await look("mistake")
        await till.tap(say("tills.practice.next"))
        await till.at("pad")
        await page.keyboard.press("Escape")
        await till.key("36.5")
        await page.set_viewport_size(TABLET)
        trouble += await look("tablet")
        await page.set_viewport_size({"width": 390, "height": 844})
        await till.tap(say("tills.practice.scan"))
        await till.at("practised")
        trouble += await look("right")
    assert not trouble, "\n".join(trouble)
