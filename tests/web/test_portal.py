"""The customer's own page, without any script: whose it is, asking, following, talking; and what a thief gets."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import brotli
import pytest
from aiohttp import FormData

from tests.flows import files
from tests.web import test_policies_and_repayments
from tests.web.conftest import Shop
from tests.web.test_console import entered
from tests.web.test_refunds_and_cases import later
from yuanlu import ids
from yuanlu.ids import Kind
from yuanlu.receipts import flow as receipts
from yuanlu.receipts.visits import TRIES_MAX

PLANTED = "NUR-UNTER-UNS-4711"


@dataclass
class Phone:
    """The browser of a customer: keeps cookies, follows the page's own links and forms, runs nothing."""

    shop: Shop
    path: str
    jar: dict[str, str] = field(default_factory=dict)
    page: str = ""
    status: int = 0

    async def _ask(self, method: str, path: str, form: Any = None) -> str:
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.jar.items()), "accept-language": "zh"}
        url = self.shop.base_url + path
        async with self.shop.session.request(method, url, data=form, headers=headers, allow_redirects=False) as answer:
            self.page, self.status = await answer.text(), answer.status
            for said in answer.headers.getall("set-cookie", []):
                name, _, value = said.partition(";")[0].partition("=")
                self.jar[name] = value
            away = answer.headers.get("location")
        assert PLANTED not in self.page
        return await self._ask("GET", away) if away else self.page

    async def open(self, more: str = "/case") -> str:
        return await self._ask("GET", self.path + more)

    async def take(self) -> str:
        """Be the first to act, and do nothing else."""
        await self.open()
        token = re.search(r'name="csrf" value="([^"]+)"', self.page)
        assert token, self.page
        return await self._ask("POST", f"{self.path}/case/take", {"csrf": token[1]})

    async def send(self, name: str, **filled: str) -> str:
        """Send the form of this name as it stands on the page."""
        action = f"{self.path}/case/{name}"
        form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', self.page, re.DOTALL)
        assert form, f"no form to {action}: {self.page}"
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[1])
        return await self._ask("POST", action, {each: unescape(value) for each, value in hidden} | filled)


async def receipt_of(shop: Shop, payment: str) -> str:
    """The path of a payment's page."""
    return f"/r/{await receipts.token_of(shop.app.desk, shop.merchant_id, payment, 'boss')}"


@pytest.fixture
async def payment(shop: Shop) -> str:
    return await shop.paid()


@pytest.fixture
async def phone(shop: Shop, payment: str) -> Phone:
    """The phone that opened the link first. It has not acted yet."""
    phone = Phone(shop, await receipt_of(shop, payment))
    await phone.open("")
    assert f'href="{phone.path}/case"' in phone.page
    return phone


async def tail_of(shop: Shop, payment: str) -> str:
    """The last four digits of what the payer's wallet shows."""
    number: str = (await shop.get(f"/v1/payments/{payment}")).told["channel_number"]
    return number[-4:]


async def cases_of(shop: Shop, payment: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await shop.get(f"/v1/cases?payment={payment}")).told["items"]
    return found


async def test_the_first_to_open_it_asks_and_it_is_a_person_who_decides(phone: Phone, payment: str) -> None:
    """S1, S48, S52: in two taps. What a customer says alone sends no money anywhere, however small and fresh."""
    page = await phone.open()
    assert "哪里不对" in page
    page = await phone.send("ask", what="wrong_amount", meant="12.80", said="多按了一个零 <b>")
    assert phone.status == 200, page
    await phone.shop.work()
    (case,) = await cases_of(phone.shop, payment)
    assert (case["what"], case["meant_fen"], case["state"], case["opened_by"]) == (
        "wrong_amount", 1280, "REVIEW", "customer",
    )  # fmt: skip
    page = await phone.open()
    assert "商家核对中" in page
    assert str(case["id"]) in page
    assert "多按了一个零 &lt;b&gt;" in page


async def test_pressed_twice_is_asked_once(phone: Phone, payment: str) -> None:
    await phone.open()
    form = phone.page
    await phone.send("ask", what="request", meant="", said="")
    phone.page = form
    await phone.send("ask", what="request", meant="", said="")
    assert phone.status == 200
    assert len(await cases_of(phone.shop, payment)) == 1


async def test_another_phone_proves_it_or_sees_nothing(phone: Phone, payment: str) -> None:
    await phone.open()
    await phone.send("ask", what="request", meant="", said="我的话")
    other = Phone(phone.shop, phone.path)
    page = await other.open()
    assert "我的话" not in page
    assert 'name="what"' not in page
    page = await other.send("prove", tail="0000")
    assert other.status == 422
    assert "我的话" not in page
    page = await other.send("prove", tail=await tail_of(phone.shop, payment))
    assert "我的话" in page, page
    assert "我的话" in await phone.open()  # the first one stays


async def test_five_wrong_ones_lock_it_for_all_strangers_and_a_right_one_does_not_open_it(
    phone: Phone, payment: str
) -> None:
    """S66: tries count in the books, whichever phone and process they come from."""
    await phone.take()
    tail = await tail_of(phone.shop, payment)
    wrong = [f"{number:04}" for number in range(20) if f"{number:04}" != tail][:TRIES_MAX]
    for each in wrong:
        other = Phone(phone.shop, phone.path)
        await other.open()
        await other.send("prove", tail=each)
        assert other.status == 422
    other = Phone(phone.shop, phone.path)
    await other.open()
    page = await other.send("prove", tail=tail)
    assert other.status == 403
    assert "店员会帮您" in page
    assert 'name="what"' not in await other.open()
    assert 'name="what"' in await phone.open()


async def test_a_stranger_acts_on_nothing_and_a_cookie_of_another_page_opens_nothing(phone: Phone, shop: Shop) -> None:
    second = Phone(shop, await receipt_of(shop, await shop.paid()))
    await second.take()
    await phone.take()
    thief = Phone(shop, phone.path, jar=dict(second.jar))
    page = await thief.open()
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    for name in ("ask", "say", "withdraw", "object", "accept"):
        await thief._ask("POST", f"{phone.path}/case/{name}", {"csrf": token[1], "what": "request", "version": "1"})
        assert thief.status in (403, 422), name
    mine = re.search(r'name="csrf" value="([^"]+)"', await second.open())
    assert mine
    await thief._ask("POST", f"{phone.path}/case/ask", {"csrf": mine[1], "what": "request"})
    assert thief.status == 403
    await phone.open()
    await phone._ask("POST", f"{phone.path}/case/ask", {"csrf": "x", "what": "request"})
    assert phone.status == 403


async def test_a_preview_that_looks_first_takes_nothing_from_whoever_acts(shop: Shop, payment: str) -> None:
    """Bots of chats, prefetches and HEAD look at every page, with and without a cookie; the customer comes after."""
    bot = Phone(shop, await receipt_of(shop, payment))
    for _ in range(2):
        for more in ("", "/case", "/policy", "/privacy"):
            await bot.open(more)
            url = f"{shop.base_url}{bot.path}{more}"
            async with shop.session.get(url, headers={"sec-purpose": "prefetch", "user-agent": "WeChat-preview"}) as a:
                await a.read()
            async with shop.session.head(url) as answer:
                await answer.read()
    phone = Phone(shop, bot.path)
    await phone.open()
    assert 'name="what"' in phone.page
    await phone.send("ask", what="request", meant="", said="我的话")
    assert phone.status == 200
    assert "我的话" in phone.page
    await bot.open()
    assert "我的话" not in bot.page
    assert 'name="tail"' in bot.page


async def test_of_two_phones_that_both_looked_one_is_the_first(shop: Shop, payment: str) -> None:
    """A forwarded link: the second to act is told to prove it, whatever its page still shows."""
    path = await receipt_of(shop, payment)
    one, two = Phone(shop, path), Phone(shop, path)
    await one.open()
    await two.open()
    await asyncio.gather(
        one.send("ask", what="request", meant="", said="第一"), two.send("ask", what="request", meant="", said="第二")
    )
    assert sorted((one.status, two.status)) == [200, 403]
    late = one if one.status == 403 else two
    assert 'name="tail"' in late.page
    assert 'name="what"' not in late.page
    assert len(await cases_of(shop, payment)) == 1


async def test_a_request_that_the_shop_wrote_down_is_shown_to_who_says_it_is_theirs(shop: Shop, payment: str) -> None:
    """One press; until then the page names no number, no word and no state of it."""
    wish = {"id": ids.new(Kind.CASE), "payment": payment, "what": "request", "said": "顾客在柜台说的"}
    case = (await shop.post("/v1/cases", wish)).told
    assert case["opened_by"] != "customer"
    phone = Phone(shop, await receipt_of(shop, payment))
    page = await phone.open()
    assert case["id"] not in page
    assert "顾客在柜台说的" not in page
    page = await phone.send("take")
    assert case["id"] in page
    assert 'name="tail"' in await Phone(shop, phone.path).open()


@pytest.mark.parametrize("token", ["A" * 43, "x", "A" * 44])
async def test_a_wrong_link_says_the_same_as_none(shop: Shop, token: str) -> None:
    phone = Phone(shop, f"/r/{token}")
    first = await phone.open()
    assert phone.status == 404
    assert "<form" not in first


@pytest.mark.parametrize(("what", "meant"), [("wrong_amount", ""), ("wrong_amount", "12,80"), ("steal", "")])
async def test_what_is_wrong_with_a_form_is_said_and_nothing_is_lost(
    phone: Phone, payment: str, what: str, meant: str
) -> None:
    await phone.open()
    page = await phone.send("ask", what=what, meant=meant, said="我的话")
    assert phone.status == 422, page
    assert 'role="alert"' in page
    assert "我的话" in page
    assert await cases_of(phone.shop, payment) == []


async def test_they_talk_and_inner_notes_stay_inside_and_card_numbers_are_covered(phone: Phone, payment: str) -> None:
    """S71: planted inner words are in no answer of the page (`Phone._ask` looks at each)."""
    await phone.open()
    await phone.send("ask", what="request", meant="", said="")
    await phone.shop.work()
    (case,) = await cases_of(phone.shop, payment)
    desk = await entered(phone.shop, "manager")
    at = f"/console/refunds/{case['id']}"
    await desk.open(at)
    await desk.send(f"{at}/messages", text=PLANTED, audience="internal")
    await desk.send(f"{at}/messages", text="正在核对小票", audience="customer")
    await desk.send(f"{at}/ask", words="请把小票拍一张")
    page = await phone.open()
    assert "正在核对小票" in page
    assert "周敏" not in page
    assert "请您补充" in page
    page = await phone.send("say", text="卡号是 6200000000000005")
    assert phone.status == 200, page
    assert "6200000000000005" not in page
    assert "请不要发卡号和密码" in page
    (case,) = await cases_of(phone.shop, payment)
    assert case["state"] == "REVIEW"  # it was the answer that the shop waited for


@pytest.mark.parametrize("secret", ["6200 0000 0000 0005", "密码是 abc12345", "PIN: 471920"])
async def test_a_secret_is_covered_and_whoever_wrote_it_is_warned(phone: Phone, payment: str, secret: str) -> None:
    """On the answer to it at once, above all else; gone again after the next message that has none."""
    await phone.open()
    page = await phone.send("ask", what="other", meant="", said=f"给您 {secret}")
    for _ in range(2):
        assert phone.status == 200
        assert secret not in page
        assert "****" in page
        assert '<section class="card careful" role="alert">' in page
        assert "请不要发卡号和密码" in page
        page = await phone.send("say", text=f"再发一次 {secret}")
    page = await phone.send("say", text="好的，谢谢")
    assert 'role="alert"' not in page
    assert secret not in page


async def test_a_refund_is_followed_until_the_money_is_back(phone: Phone, payment: str) -> None:
    """S63, S78: approved at the console, then the channel's number by which the wallet shows it."""
    await phone.open()
    await phone.send("ask", what="request", meant="", said="")
    await phone.shop.work()
    (case,) = await cases_of(phone.shop, payment)
    desk = await entered(phone.shop, "manager")
    await desk.open(f"/console/refunds/{case['id']}")
    await desk.send(f"/console/refunds/{case['id']}/approve", amount="", words="马上退")
    for _ in range(200):
        await phone.shop.work()
        refund = (await phone.shop.get(f"/v1/refunds?payment={payment}")).told["items"][0]
        if refund["state"] == "DONE":
            break
        await asyncio.sleep(0.1)
    assert refund["state"] == "DONE", refund
    page = await phone.open()
    assert "钱已到账" in page
    assert refund["channel_number"] in page


async def test_a_decline_says_why_and_what_can_still_be_done(phone: Phone, payment: str) -> None:
    """S74, S81: with the words of the shop, the law, and a form to object."""
    await phone.open()
    await phone.send("ask", what="request", meant="", said="")
    await phone.shop.work()
    (case,) = await cases_of(phone.shop, payment)
    desk = await entered(phone.shop, "manager")
    await desk.open(f"/console/refunds/{case['id']}")
    await desk.send(f"/console/refunds/{case['id']}/decline", reason="policy", words="超过了期限")
    page = await phone.open()
    assert "没有同意" in page
    assert "12315" in page
    assert "超过了期限" in page
    page = await phone.send("object", words="小票上写着三天内可退")
    assert phone.status == 200, page
    (case,) = await cases_of(phone.shop, payment)
    assert case["state"] == "REVIEW"


async def test_a_photo_is_handed_in_once_and_made_anew(phone: Phone, payment: str) -> None:
    """S59, S71: by a plain form; what is no picture is refused, and nothing is kept of it."""
    await phone.open()
    await phone.send("ask", what="request", meant="", said="")
    (case,) = await cases_of(phone.shop, payment)
    for content, status, kept in (
        (b"", 422, 0),
        (b"<svg onload=alert(1)>", 422, 0),
        (files.jpeg_with_everything(), 200, 1),
    ):
        await phone.open()
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', phone.page.partition("/photo")[2])[:2]
        form = FormData(dict(hidden), quote_fields=False)
        form.add_field("file", content, filename="小票.jpg", content_type="image/jpeg")
        await phone._ask("POST", f"{phone.path}/case/photo", form)
        assert phone.status == status, phone.page
        found = (await phone.shop.get(f"/v1/cases/{case['id']}/files")).told["items"]
        assert len(found) == kept
    assert (found[0]["name"], found[0]["stripped"]) == ("小票.jpg", ["metadata"])
    assert "已交 1 份凭证" in phone.page


async def test_they_ask_where_it_stands_once_the_promised_time_is_over_and_once_for_it(
    phone: Phone, payment: str
) -> None:
    """S69: before that there is no button, and none that is made up works."""
    await phone.open()
    await phone.send("ask", what="request", meant="", said="")
    await phone.shop.work()
    page = await phone.open()
    assert "/case/nudge" not in page
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    await phone._ask("POST", f"{phone.path}/case/nudge", {"csrf": token[1]})
    assert phone.status == 422
    await later(phone.shop, 5 * 86_400)
    await phone.shop.work()
    await phone.open()
    for _ in range(2):
        await phone.send("nudge")
        assert phone.status == 200
    assert phone.page.count("请问处理得怎么样了") == 1


async def test_it_is_withdrawn(phone: Phone, payment: str) -> None:
    await phone.open()
    await phone.send("ask", what="request", meant="", said="")
    await phone.shop.work()
    await phone.open()
    await phone.send("withdraw")
    (case,) = await cases_of(phone.shop, payment)
    assert case["state"] == "CLOSED"
    assert "还有问题" in phone.page


async def test_a_cold_page_is_small_even_with_a_long_talk(phone: Phone, payment: str) -> None:
    """Budget of ux.md section 11: 40 kB compressed (brotli 11), with the sheet and the script."""
    await phone.open()
    await phone.send("ask", what="request", meant="", said="我的话" * 100)
    for number in range(10):
        await phone.open()
        await phone.send("say", text=f"第 {number} 条：" + "小票在这里，请看一下。" * 20)
    total = 0
    files = re.findall(r'(?:src|href)="(/r/[a-z]+\.(?:css|js))"', phone.page)
    assert len(files) == 2
    for path in files:
        async with phone.shop.session.get(phone.shop.base_url + path, headers={"accept-encoding": "br"}) as answer:
            assert answer.headers["content-encoding"] == "br"
            total += len(brotli.compress(await answer.read(), quality=11))
    total += len(brotli.compress(phone.page.encode(), quality=11))
    assert 4_000 < total <= 40_000


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_page_is_whole(phone: Phone, lang: str) -> None:
    for _ in range(2):
        page = await phone.open(f"/case?lang={lang}")
        assert phone.status == 200
        assert page.count("<h1") == 1
        assert not re.search(r"\{\{|>None<|>portal\.", page)
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/r/portal.js" defer>']
        assert not re.search(r"\son[a-z]+=|\sstyle=", page)
        if 'name="what"' in page:
            await phone.send("ask", what="other", meant="", said="")


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_policy_is_the_one_that_was_frozen_onto_this_payment(shop: Shop, payment: str, lang: str) -> None:
    """A version set later counts for later payments: the page of this one goes on saying what it said."""
    phone = Phone(shop, await receipt_of(shop, payment))
    before = await phone.open(f"/policy?lang={lang}")
    assert phone.status == 200
    await test_policies_and_repayments.people(shop)
    made = await test_policies_and_repayments.put(shop, "verdict,zh,en\ndecline,售出不退,No returns\n")
    assert made.status == 201
    after = Phone(shop, await receipt_of(shop, await shop.paid()))
    mine = {"zh": "扫错了，金额不大：马上退", "en": "A mistaken scan of a small sum goes back at once"}[lang]
    new = {"zh": "售出不退", "en": "No returns"}[lang]
    for page in (before, await phone.open(f"/policy?lang={lang}")):
        assert mine in page
        assert new not in page
    page = await after.open(f"/policy?lang={lang}")
    assert new in page
    assert mine not in page
    assert "12315" in page
    assert ("消费者权益保护法" if lang == "zh" else "Consumer Rights Protection Law") in page


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_privacy_says_what_the_rules_say(shop: Shop, payment: str, lang: str) -> None:
    phone = Phone(shop, await receipt_of(shop, payment))
    page = await phone.open(f"/privacy?lang={lang}")
    assert phone.status == 200
    rules = {each["what"]: each for each in (await shop.get("/v1/keeping")).told["items"]}
    assert {"case", "complaint", "trade"} <= rules.keys()
    for what in ("case", "complaint", "handover", "trade"):
        assert rules[what][lang] in page
    assert rules["staff"][lang] not in page
    assert {"zh": "个人信息保护法", "en": "Personal Information Protection Law"}[lang] in page


async def test_every_page_leads_to_both_papers(phone: Phone) -> None:
    for more in ("", "/case", "/policy", "/privacy"):
        page = await phone.open(more)
        assert phone.status == 200
        for paper in ("policy", "privacy"):
            assert f'href="{phone.path}/{paper}"' in page
