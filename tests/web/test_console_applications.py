"""Becoming a merchant at the console, without any script: the applicant's page, the queue, one application."""

from __future__ import annotations

import re

from aiohttp import FormData

from tests.flows import files
from tests.web.conftest import Shop
from tests.web.signing_in import NEXT, PASSWORD
from tests.web.test_applications import FORM, PRIVATE
from tests.web.test_console import Browser
from tests.web.test_platform import at_console
from yuanlu.applications.rules import PaperKind

TYPED = {name: text for name, text in FORM.items() if name != "channels"} | {"channel-wechat": "1"}


async def hand_in(browser: Browser, kind: str, content: bytes | None = None) -> None:
    """Choose a photo and send the form it stands in."""
    form = re.search(r'<form[^>]*action="/console/apply/papers".*?</form>', browser.page, re.S)
    assert form
    sent = FormData()
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]):
        sent.add_field(name, value)
    sent.add_field("kind", kind)
    sent.add_field("paper", content or files.jpeg(), filename="<b>x</b>.jpg", content_type="image/jpeg")
    await browser._ask("POST", "/console/apply/papers", sent)  # type: ignore[arg-type]


async def accepted(shop: Shop, page: str, password: str) -> Browser:
    """Whoever has the link that stands on a page, signed in by it."""
    link = re.search(r"<code>[^<]*/accept#([^<]+)</code>", page)
    assert link
    browser = Browser(shop)
    await browser.open("/accept")
    await browser.send("/accept", token=link[1], password=password)
    assert browser.at == "/console/me", browser.page
    return browser


async def invited(shop: Shop, reviewer: Browser) -> Browser:
    """An applicant whom a reviewer invited, at their own page."""
    await reviewer.open("/console/applications")
    page = await reviewer.send("/console/applications", name="<b>陈静</b>")
    assert "data:image/svg+xml" in page
    applicant = await accepted(shop, page, PASSWORD)
    await applicant.open("/console")
    assert applicant.at == "/console/apply"
    return applicant


async def test_from_the_queue_to_a_merchant_and_back(shop: Shop) -> None:
    """S9: invited, filled in, sent back, mended, approved, and the first owner at their own console."""
    reviewer = await at_console(shop)
    assert reviewer.at == "/console/applications"
    applicant = await invited(shop, reviewer)
    page = await applicant.send("/console/apply", then="submit", **TYPED | {"credit_code": "91110000600037341M"})
    assert applicant.status == 422
    assert "不对，请核对" in page
    assert 'value="江边路一号院"' in page
    page = await applicant.send("/console/apply", then="save", **TYPED)
    assert applicant.status == 200
    await hand_in(applicant, "licence", b"<html>")
    assert applicant.status == 422
    for kind in PaperKind:
        await hand_in(applicant, kind.value)
        assert (applicant.status, applicant.at) == (200, "/console/apply#papers"), applicant.page
    shown = re.search(r'src="(/console/apply/papers/\w+)"', applicant.page)
    assert shown
    page = await applicant.send("/console/apply", then="submit", **TYPED)
    assert "等审核" in page, page
    assert 'action="/console/apply/papers"' not in page

    page = await reviewer.open("/console/applications")
    one = re.search(r'href="(/console/applications/ZA\w+)"', page)
    assert one
    page = await reviewer.open(one[1])
    assert all(each in page for each in PRIVATE)
    paper = re.search(rf'src="({one[1]}/papers/\w+)"', page)
    assert paper
    async with shop.session.get(
        shop.base_url + paper[1], headers={"cookie": "; ".join(f"{n}={v}" for n, v in reviewer.jar.items())}
    ) as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    page = await reviewer.send(f"{one[1]}/return")
    assert reviewer.status in (400, 422)
    page = await reviewer.send(f"{one[1]}/return", **{"why-licence": "照片<b>不清楚</b>"})
    assert (reviewer.status, reviewer.at) == (200, one[1])
    page = await applicant.open("/console/apply")
    assert "照片&lt;b&gt;不清楚" in page
    await applicant.send("/console/apply", then="submit", **TYPED)
    late = await reviewer.open(one[1])
    token = re.search(r'name="csrf" value="([^"]+)"', late)
    assert token
    await reviewer._ask("POST", f"{one[1]}/approve", {"csrf": token[1], "turn": "1"})
    assert reviewer.status == 422
    assert "申请人又提交过" in reviewer.page
    await reviewer.open(one[1])
    page = await reviewer.send(f"{one[1]}/approve")
    assert (reviewer.status, reviewer.at) == (200, one[1]), page
    assert "已开通" in page

    await applicant.open("/console/apply")
    page = await applicant.send("/console/apply/owner")
    owner = await accepted(shop, page, NEXT)
    await owner.open("/console/shop")
    assert owner.status == 200
    page = await applicant.open("/console/apply")
    assert 'action="/console/apply/owner"' not in page


async def test_the_pages_are_whole_in_both_languages_and_private_to_their_people(shop: Shop) -> None:
    reviewer = await at_console(shop)
    applicant = await invited(shop, reviewer)
    await applicant.send("/console/apply", then="save", **TYPED)
    await hand_in(applicant, "licence")
    page = await reviewer.open("/console/applications?state=DRAFT")
    one = re.search(r'href="(/console/applications/ZA\w+)"', page)
    assert one
    for browser, path in ((applicant, "/console/apply"), (reviewer, "/console/applications"), (reviewer, one[1])):
        for lang in ("zh", "en"):
            page = await browser.open(f"{path}?lang={lang}")
            assert browser.status == 200, page
            assert page.count("<h1") == 1
            assert "{{" not in page
            assert "None" not in page
    assert not any(each in page for each in PRIVATE)  # not submitted: the reviewer reads nothing of it
    for browser, path in ((applicant, one[1]), (applicant, "/console/applications"), (reviewer, "/console/apply")):
        await browser.open(path)
        assert browser.status == 403, path


async def test_an_applicant_withdraws_and_a_reviewer_declines_with_a_reason(shop: Shop) -> None:
    reviewer = await at_console(shop)
    applicant = await invited(shop, reviewer)
    page = await applicant.send("/console/apply/withdraw")
    assert "已撤回" in page
    assert 'action="/console/apply"' not in page
    other = await invited(shop, reviewer)
    await other.send("/console/apply", then="save", **TYPED)
    for kind in PaperKind:
        await hand_in(other, kind.value)
    await other.send("/console/apply", then="submit", **TYPED)
    page = await reviewer.open("/console/applications")
    one = re.search(r'href="(/console/applications/ZA\w+)"', page)
    assert one
    await reviewer.open(one[1])
    await reviewer.send(f"{one[1]}/decline", words="执照已吊销")
    assert (reviewer.status, reviewer.at) == (200, one[1])
    page = await other.open("/console/apply")
    assert "执照已吊销" in page
