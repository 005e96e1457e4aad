"""The review page alive: what is told over a stream and to whom, stale forms, parts of a page, several approvals."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import brotli
import msgspec
import pytest

from tests.web.conftest import Clock, Shop, free_port, opened
from tests.web.test_console import Browser, asked, entered, person
from tests.web.test_review import hire
from tests.web.test_thieves import ELSEWHERE
from yuanlu import ids
from yuanlu.db import Database
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.people import flow as people
from yuanlu.web.parts.live import ALL_MAX, PER_PERSON_MAX, Watch, moved
from yuanlu.web.server import Gate, make_asgi, serve

HANGS_SECONDS = 20
"""Less than a stop would wait for an answer that has no end."""
BYTES_MAX = 60_000


@dataclass
class Heard:
    """A stream as it is read."""

    answer: aiohttp.ClientResponse

    async def next(self) -> tuple[str, Any]:
        """The next event: its name and what it tells. Of a stream that was ended: empty."""
        while text := await self.answer.content.readuntil(b"\n\n") if not self.answer.content.at_eof() else b"":
            lines = dict(line.split(": ", 1) for line in text.decode().strip().split("\n") if not line.startswith(":"))
            if "event" in lines:
                return lines["event"], msgspec.json.decode(lines["data"])
        return "", None

    async def until(self, name: str) -> Any:
        """What the next event of this name tells."""
        while True:
            found, told = await self.next()
            if found == name:
                return told
            assert found, "the stream ended"

    async def ended(self) -> None:
        """Read on until it is over."""
        await self.answer.content.read()


@asynccontextmanager
async def listening(browser: Browser, case: str = "") -> AsyncIterator[Heard]:
    """A stream, as the page asks for it."""
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.jar.items())}
    url = f"{browser.shop.base_url}/console/live?case={case}"
    async with asyncio.timeout(HANGS_SECONDS), browser.shop.session.get(url, headers=headers) as answer:
        yield Heard(answer)


@pytest.fixture
async def browser(shop: Shop) -> Browser:
    return await entered(shop, "manager")


async def part(browser: Browser, path: str, target: str, source: str = "a", **form: str) -> aiohttp.ClientResponse:
    """Ask for a part of a page, as the script does; the answer, read."""
    headers = {
        "cookie": "; ".join(f"{name}={value}" for name, value in browser.jar.items()),
        "hx-request-type": "partial", "hx-target": target, "hx-source": source, "accept-language": "zh",
    }  # fmt: skip
    method = "POST" if form else "GET"
    url = browser.shop.base_url + path
    async with browser.shop.session.request(method, url, data=form or None, headers=headers) as answer:
        await answer.read()
        return answer


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of a form."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert form, action
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1]))


# --- the stream ---


async def test_a_stream_tells_the_counts_and_that_the_case_has_moved(browser: Browser) -> None:
    """What another does is heard; nothing is told where nothing moved."""
    shop = browser.shop
    _, case = await asked(shop)
    async with listening(browser, case) as heard:
        assert heard.answer.headers["content-type"].startswith("text/event-stream")
        assert heard.answer.headers["cache-control"] == "no-store"
        queue = await heard.until("queue")
        assert queue["review"]["n"] == 1
        assert "closed" not in queue
        before = (await heard.until("case"))["version"]
        other = await entered(shop, "owner")
        await other.open(f"/console/refunds/{case}")
        await other.send(f"/console/refunds/{case}/ask", words="小票还在吗？")
        name, queue = await heard.next()
        assert name == "queue"
        assert (queue["review"]["n"], queue["needs_info"]["n"]) == (0, 1)
        assert (await heard.until("case"))["version"] > before


async def test_all_who_listen_for_a_merchant_cost_one_question_and_nobody_none(shop: Shop) -> None:
    watch = Watch(shop.app.pools.reader)
    await asyncio.sleep(0)
    assert (watch.asked, watch.listening) == (0, 0)
    with (
        watch.listen(shop.merchant_id, "a", "", "") as one,
        watch.listen(shop.merchant_id, "b", ELSEWHERE, "") as other,
    ):
        told = await asyncio.gather(one.turn(), other.turn())
        assert told[0] is told[1]
        assert watch.asked == 1
    assert watch.listening == 0
    assert not watch._shops


async def test_nobody_listens_without_a_session(shop: Shop) -> None:
    """A key of the API is none."""
    async with listening(Browser(shop)) as heard:
        assert heard.answer.status == 401
    async with listening(Browser(shop, {"__Host-session": shop.keys["boss"]})) as heard:
        assert heard.answer.status == 401


async def test_who_belongs_to_a_store_hears_of_no_other(shop: Shop) -> None:
    """S95: neither how many cases it has nor that one of them moved."""
    _, case = await asked(shop)
    browser = Browser(shop)
    account = await person(shop, "manager")
    await shop.app.pools.recorder.execute("update staff set store_id = $1 where id = $2", ELSEWHERE, account)
    await browser.open("/console/enter")
    await browser.send("/console/enter", account=account, password="seven 4 green ladders sing")
    async with listening(browser, case) as heard:
        assert (await heard.until("queue"))["review"]["n"] == 0
    found = await moved(shop.app.pools.reader, shop.merchant_id, ["", ELSEWHERE], [case])
    assert found.version(case, "") > 0
    assert found.version(case, ELSEWHERE) == 0
    assert found.queue("")["REVIEW"].n == 1
    assert found.queue(ELSEWHERE)["REVIEW"].n == 0
    neighbour = await moved(shop.app.pools.reader, ids.new(Kind.MERCHANT), [""], [case])
    assert (neighbour.version(case, ""), neighbour.queue("")["REVIEW"].n) == (0, 0)


async def test_a_person_has_so_many_streams_and_a_clear_no_for_the_next(browser: Browser) -> None:
    async with (
        listening(browser) as one, listening(browser) as two, listening(browser) as three, listening(browser) as four,
    ):  # fmt: skip
        assert len([one, two, three, four]) == PER_PERSON_MAX
        for each in (one, two, three, four):
            await each.until("queue")
        async with listening(browser) as more:
            told = msgspec.json.decode(await more.answer.read())
            assert (more.answer.status, told["code"], told["of"]) == (429, "live.full", "person")
            assert more.answer.headers["retry-after"] == "30"
        other = await entered(browser.shop, "owner")
        async with listening(other) as theirs:
            await theirs.until("queue")
    async with listening(browser) as again:
        await again.until("queue")


async def test_a_process_has_so_many_listeners_and_none_once_it_stops(shop: Shop) -> None:
    watch = Watch(shop.app.pools.reader)
    with ExitStack() as held:
        for place in range(ALL_MAX):
            held.enter_context(watch.listen(shop.merchant_id, f"YW{place}", "", ""))
        with pytest.raises(Denied) as no, watch.listen(shop.merchant_id, "another", "", ""):
            pass
        assert (no.value.code, no.value.facts["of"]) == ("live.full", "all")
    with watch.listen(shop.merchant_id, "another", "", ""):
        watch.close()
        with pytest.raises(Denied), watch.listen(shop.merchant_id, "one more", "", ""):
            pass


async def test_a_stream_ends_when_its_person_signs_out_or_is_ended(shop: Shop) -> None:
    """S34: a session that is over tells nothing any more, in every process."""
    for ends in ("leave", "end"):
        account = await person(shop, "manager")
        browser = Browser(shop)
        await browser.open("/console/enter")
        await browser.send("/console/enter", account=account, password="seven 4 green ladders sing")
        async with listening(browser) as heard:
            await heard.until("queue")
            if ends == "leave":
                await browser.open("/console/me")
                await browser.send("/console/leave")
            else:
                await people.end(shop.app.desk, shop.merchant_id, account, "boss")
            await heard.ended()
        async with listening(browser) as heard:
            assert heard.answer.status == 401


async def test_a_stream_that_is_open_is_no_use_of_the_session(browser: Browser, clock: Clock) -> None:
    """S34: who has left their desk is signed out, whatever page stands open there."""
    pool = browser.shop.app.pools.recorder
    clock.later = timedelta(minutes=5)
    before = await pool.fetchval("select max(seen_at) from sessions")
    async with listening(browser) as heard:
        await heard.until("queue")
        await asked(browser.shop)
        await heard.until("queue")
    assert await pool.fetchval("select max(seen_at) from sessions") == before
    await browser.open("/console")
    assert await pool.fetchval("select max(seen_at) from sessions") > before


async def test_a_stop_waits_for_no_stream(database: Database, tmp_path: Path) -> None:
    """Whoever listens is let go at once, and nobody is let in after."""
    async with opened(database, tmp_path) as shop:
        browser = await entered(shop, "manager")
        port = free_port()
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        gate = make_asgi(shop.app)
        assert isinstance(gate, Gate)
        serving = asyncio.create_task(serve(gate, "127.0.0.1", port, ready.set_result, settings=shop.app.settings))
        await ready
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.jar.items())}
        url = f"http://127.0.0.1:{port}/console/live"
        async with asyncio.timeout(HANGS_SECONDS), shop.session.get(url, headers=headers) as answer:
            await Heard(answer).until("queue")
            assert gate.in_flight == 1
            serving.cancel()
            await Heard(answer).ended()
            with pytest.raises(asyncio.CancelledError):
                await serving
        assert gate.in_flight == 0
        assert gate.watch is not None
        assert gate.watch.listening == 0


# --- parts ---


async def test_a_row_is_answered_by_the_case_alone_and_an_act_by_the_list_too(browser: Browser) -> None:
    _, case = await asked(browser.shop)
    at = f"/console/refunds/{case}"
    told = await part(browser, at, "section#detail")
    page = await told.text()
    assert 'data-version="' in page
    assert "<html" not in page
    assert 'id="list"' not in page
    assert "hx-replace-url" not in told.headers
    assert "hx-target" in told.headers["vary"]
    told = await part(browser, f"{at}/claim", "section#detail", "form", **hidden(page, f"{at}/claim"))
    page = await told.text()
    assert (told.status, told.headers["hx-replace-url"]) == (200, at)
    assert re.search(r'id="list"[^>]*hx-swap-oob="true"', page)
    assert f'action="{at}/release"' in page
    whole = await browser.open("/console/refunds")
    assert "hx-swap-oob" not in whole
    page = await (await part(browser, "/console/refunds?tab=review", "section#list")).text()
    assert page.strip().startswith("<section")
    assert "data-version" not in page


async def test_where_a_whole_page_is_the_answer_the_script_is_told_so(browser: Browser) -> None:
    """Signed out, a step-up, a case that is not there: a part of these would stand in the wrong place."""
    app = browser.shop.app
    app.settings = replace(app.settings, step_up_always=1)
    payment, case = await browser.shop.paid(amount_fen=43_210), ids.new(Kind.CASE)
    await browser.shop.post("/v1/cases", {"id": case, "payment": payment, "what": "request"})
    await browser.shop.work()
    at = f"/console/refunds/{case}"
    form = hidden(await browser.open(at), f"{at}/approve")
    for path, who, fields in (
        (f"{at}/approve", browser, form),
        (f"/console/refunds/{ids.new(Kind.CASE)}", browser, {}),
        (at, Browser(browser.shop), {}),
    ):
        told = await part(who, path, "section#detail", "form" if fields else "a", **fields)
        assert (told.headers.get("x-whole"), await told.text()) == ("1", ""), path
    assert (await browser.shop.get(f"/v1/cases/{case}")).told["decided_by"] == ""


# --- stale ---


@pytest.mark.parametrize("by_script", [False, True])
async def test_a_form_that_comes_too_late_shows_how_it_stands_and_keeps_what_was_written(
    browser: Browser, by_script: bool
) -> None:
    """S61: nothing is done, and nothing that was typed is lost."""
    _, case = await asked(browser.shop)
    at = f"/console/refunds/{case}"
    form = hidden(await browser.open(at), f"{at}/approve") | {"amount": "99.50", "words": "对不起，<b>这就退</b>"}
    other = await entered(browser.shop, "owner")
    await other.open(at)
    await other.send(f"{at}/messages", text="我也在看", audience="internal")
    if by_script:
        told = await part(browser, f"{at}/approve", "section#detail", "form", **form)
        status, page = told.status, await told.text()
    else:
        await browser._ask("POST", f"{at}/approve", form)
        status, page = browser.status, browser.page
    assert status == 409
    assert 'role="alert"' in page
    assert "我也在看" in page
    assert 'value="99.50"' in page
    assert "&lt;b&gt;这就退" in page
    assert re.search(r'<details class="act" data-key="a" open>', page)
    kept = (await browser.shop.get(f"/v1/cases/{case}")).told
    assert (kept["decided_by"], hidden(page, f"{at}/approve")["version"]) == ("", str(kept["version"]))


async def test_what_was_written_for_an_act_that_is_over_is_shown_to_be_copied(browser: Browser) -> None:
    _, case = await asked(browser.shop)
    at = f"/console/refunds/{case}"
    form = hidden(await browser.open(at), f"{at}/decline") | {"reason": "policy", "words": "超过了期限，很抱歉"}
    other = await entered(browser.shop, "owner")
    await other.open(at)
    await other.send(f"{at}/approve", amount="", words="")
    await browser._ask("POST", f"{at}/decline", form)
    assert browser.status == 409
    assert f'action="{at}/decline"' not in browser.page
    assert re.search(r"<textarea[^>]*readonly>超过了期限，很抱歉", browser.page)


# --- together ---


async def chosen(browser: Browser) -> dict[str, str]:
    """The boxes that stand in the queue, with the version of each."""
    page = await browser.open("/console/refunds")
    return dict(re.findall(r'<input type="checkbox" form="together" name="(\w+)" value="(\d+)"', page))


async def test_several_plain_requests_are_approved_by_one_act_and_only_once(browser: Browser) -> None:
    """S61: with sum and number before, and what became of each after; sent twice, nothing is done twice."""
    shop = browser.shop
    cases = [(await asked(shop))[1] for _ in range(3)]
    boxes = await chosen(browser)
    assert sorted(boxes) == sorted(cases)
    await browser.send("/console/refunds/together", **boxes)
    assert "¥384.00" in browser.page
    form = hidden(browser.page, "/console/refunds/together/approve")
    moved = cases[1]
    other = await entered(shop, "owner")
    await other.open(f"/console/refunds/{moved}")
    await other.send(f"/console/refunds/{moved}/messages", text="等一下", audience="internal")
    await browser._ask("POST", "/console/refunds/together/approve", form)
    assert (browser.status, "¥256.00" in browser.page) == (200, True), browser.page
    assert (browser.page.count("已批准</span>"), browser.page.count("刚有变化")) == (2, 1)
    states = {each: (await shop.get(f"/v1/cases/{each}")).told for each in cases}
    assert [states[each]["state"] for each in cases] == ["REMEDY", "REVIEW", "REMEDY"]
    assert {states[cases[0]]["approved_fen"], states[cases[2]]["approved_fen"]} == {12800}
    refunds = len((await shop.get("/v1/refunds")).told["items"])
    await browser._ask("POST", "/console/refunds/together/approve", form)
    assert (browser.page.count("您已批准过"), browser.page.count("刚有变化")) == (2, 1), browser.page
    assert {each: (await shop.get(f"/v1/cases/{each}")).told for each in cases} == states
    assert len((await shop.get("/v1/refunds")).told["items"]) == refunds


async def test_what_is_looked_at_by_itself_has_no_box_and_is_not_approved_though_it_is_sent(browser: Browser) -> None:
    shop = browser.shop
    cases = [(await asked(shop))[1] for _ in range(2)]
    payment, large = await shop.paid(amount_fen=43_210), ids.new(Kind.CASE)
    await shop.post("/v1/cases", {"id": large, "payment": payment, "what": "request"})
    await shop.work()
    boxes = await chosen(browser)
    assert sorted(boxes) == sorted(cases)
    version = str((await shop.get(f"/v1/cases/{large}")).told["version"])
    await browser.send("/console/refunds/together", **boxes, **{large: version})
    assert "金额大，要单独看" in browser.page
    form = hidden(browser.page, "/console/refunds/together/approve")
    assert large not in form
    await browser._ask("POST", "/console/refunds/together/approve", form | {large: f"{version}-43210"})
    assert browser.page.count("金额大，要单独看") == 1
    assert (await shop.get(f"/v1/cases/{large}")).told["decided_by"] == ""


async def test_nothing_or_too_many_chosen_is_said_and_nothing_done(browser: Browser) -> None:
    for _ in range(2):
        await asked(browser.shop)
    boxes = await chosen(browser)
    await browser.send("/console/refunds/together")
    assert (browser.status, "请先勾选" in browser.page) == (422, True)
    await browser.open("/console/refunds")
    many = {ids.new(Kind.CASE): "2" for _ in range(60)}
    await browser.send("/console/refunds/together", **boxes, **many)
    assert (browser.status, "最多一起批 20 单" in browser.page) == (422, True), browser.page
    for wrong in ("", "x", "2", "2-²", "9" * 40):
        await browser.open("/console/refunds")
        token = hidden(browser.page, "/console/refunds/together")
        await browser._ask("POST", "/console/refunds/together/approve", token | dict.fromkeys(boxes, wrong))
        assert browser.status == 200
    for case in boxes:
        assert (await browser.shop.get(f"/v1/cases/{case}")).told["decided_by"] == ""


@pytest.mark.parametrize("role", ["risk", "cashier", "trainee", "auditor"])
async def test_who_approves_nothing_approves_nothing_together(shop: Shop, role: str) -> None:
    """S10: no box, no page, no act."""
    cases = [(await asked(shop))[1] for _ in range(2)]
    browser = await entered(shop, role)
    assert await chosen(browser) == {}
    token = re.search(r'name="csrf" value="([^"]+)"', browser.page)
    assert token
    for path, value in (("", "3"), ("/approve", "3-12800")):
        form = {"csrf": token[1], **dict.fromkeys(cases, value)}
        await browser._ask("POST", f"/console/refunds/together{path}", form)
        assert browser.status == 403
    for case in cases:
        assert (await shop.get(f"/v1/cases/{case}")).told["decided_by"] == ""


async def test_a_case_of_another_store_is_unknown_to_the_route_that_weighs(shop: Shop) -> None:
    """S95."""
    _, case = await asked(shop)
    await hire(shop, "far", "manager", ELSEWHERE)
    await hire(shop, "near", "manager")
    query = f"/v1/approvals?cases={case},{ids.new(Kind.CASE)}"
    told = (await shop.get(query, who="far")).told
    assert [(each["code"], each["version"], each["amount_fen"]) for each in told["items"]] == [
        ("case.unknown", 0, 0)
    ] * 2
    told = (await shop.get(query, who="near")).told
    assert [each["code"] for each in told["items"]] == ["", "case.unknown"]
    assert (told["count"], told["sum_fen"], told["code"]) == (1, 12800, "")
    assert (await shop.get("/v1/queue", who="far")).told["states"]["REVIEW"]["n"] == 0
    assert (await shop.get("/v1/queue", who="near")).told["states"]["REVIEW"]["n"] == 1
    assert (await shop.get(f"/v1/approvals?cases={','.join([case] * 51)}", who="near")).status == 400


# --- weight ---


async def test_all_that_the_review_page_loads_is_small(browser: Browser) -> None:
    """ux.md 11: at most 60 kB cold, pressed by brotli 11, the page itself with it."""
    await asked(browser.shop)
    page = await browser.open("/console/refunds")
    names = set(re.findall(r'(?:src|href)="(/(?:static|console/static|till/static)/[^"#]+)', page))
    assert {"/console/static/htmx.min.js", "/console/static/live.js", "/static/icons.svg"} <= names
    total = len(brotli.compress(page.encode(), quality=11))
    for name in names:
        async with browser.shop.session.get(browser.shop.base_url + name) as answer:
            assert answer.status == 200, name
            total += len(brotli.compress(await answer.read(), quality=11))
    assert total <= BYTES_MAX


def test_no_template_hands_the_script_anything_to_evaluate() -> None:
    """htmx evaluates `hx-on`, `js:` and filters of triggers: the policy would refuse it, and none is there."""
    folder = Path(__file__).resolve().parents[2] / "yuanlu/web/console/templates"
    for path in folder.glob("*.html"):
        assert not re.search(r"hx-on|js:|javascript:|hx-trigger=\"[^\"]*\[", path.read_text()), path.name
