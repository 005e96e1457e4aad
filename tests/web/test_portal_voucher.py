"""保存凭证: a PDF and a picture hold what the same browser sees on the page, and no more; few are drawn at once."""

from __future__ import annotations

import asyncio
import io
import os
from dataclasses import dataclass
from pathlib import Path

import pypdf
import pytest
from PIL import Image

from tests.web.conftest import Shop
from tests.web.test_console import entered
from tests.web.test_portal import Phone, cases_of, payment, phone, receipt_of, tail_of
from yuanlu import ids
from yuanlu.config import Settings
from yuanlu.errors import Busy, Denied
from yuanlu.ids import Kind
from yuanlu.money import Money
from yuanlu.packs.typeset import Page
from yuanlu.web.parts.limits import VOUCHERS_OF_ONE, Limits
from yuanlu.web.portal.voucher import DRAWN_AT_ONCE, PDF, Board

__all__ = ["payment", "phone"]


@dataclass
class Got:
    """What a browser was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The words of a PDF, or of a page, without their line breaks."""
        if not self.body.startswith(b"%PDF"):
            return self.body.decode()
        pages = pypdf.PdfReader(io.BytesIO(self.body)).pages
        return "".join(page.extract_text() for page in pages).replace("\n", "").replace(" ", "")


async def saved(phone: Phone, what: str, lang: str = "zh") -> Got:
    """What this phone gets for 保存凭证."""
    headers = {"cookie": "; ".join(f"{name}={value}" for name, value in phone.jar.items())}
    url = f"{phone.shop.base_url}{phone.path}/voucher.{what}?lang={lang}"
    async with phone.shop.session.get(url, headers=headers) as answer:
        got = Got(answer.status, {name.lower(): value for name, value in answer.headers.items()}, await answer.read())
    if folder := os.environ.get("SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"voucher-{lang}-{len(got.body)}.{what}").write_bytes(got.body)
    return got


async def declined(phone: Phone, payment: str) -> dict[str, object]:
    """A case that this phone asked for and the shop declined, with a word that holds a card number."""
    await phone.open()
    await phone.send("ask", what="wrong_amount", meant="12.80", said="多按了一个零")
    await phone.shop.work()
    (case,) = await cases_of(phone.shop, payment)
    await phone.open()
    await phone.send("say", text="卡号 6200000000000005")
    desk = await entered(phone.shop, "manager")
    await desk.open(f"/console/refunds/{case['id']}")
    await desk.send(f"/console/refunds/{case['id']}/messages", text="只给店里看的话", audience="internal")
    await desk.send(f"/console/refunds/{case['id']}/decline", reason="policy", words="超过了期限")
    return case


async def test_the_voucher_tells_the_whole_case_to_whoever_may_see_it(phone: Phone, payment: str) -> None:
    """Number, amounts, times, why it was declined and by which row, what can still be done; opened and read back."""
    case = await declined(phone, payment)
    got = await saved(phone, "pdf")
    assert (got.status, got.headers["content-type"]) == (200, "application/pdf")
    assert f'attachment; filename="{payment}.pdf"' == got.headers["content-disposition"]
    told = (await phone.shop.get(f"/v1/cases/{case['id']}")).told
    for words in (
        str(case["id"]), payment, "¥128.00", "¥12.80", "多按了一个零", "****0005", "没有同意", "超过了期限",
        told["declined_zh"], f"第{told['policy_line']}行", "再说明一次", "12315", "消费者协会",
        "北京时间",
    ):  # fmt: skip
        assert words.replace(" ", "") in got.text, words
    payment_told = (await phone.shop.get(f"/v1/payments/{payment}")).told
    for words in ("6200000000000005", "只给店里看的话", payment_told["channel_number"], "周敏"):
        assert words not in got.text
    english = await saved(phone, "pdf", "en")
    assert "Arecordof" not in english.text
    assert "Recordofapaymentanditsrefund" in english.text
    got = await saved(phone, "png")
    assert (got.status, got.headers["content-type"]) == (200, "image/png")
    picture = Image.open(io.BytesIO(got.body))
    picture.load()
    assert picture.width > 700
    assert picture.height > picture.width
    assert len(picture.convert("L").getcolors() or ()) > 8, "something is drawn on it"
    assert not picture.info.keys() & {"exif", "xmp"}


async def test_who_has_the_link_alone_saves_no_word_of_the_case(phone: Phone, payment: str) -> None:
    """Before anybody acted, and as a stranger after; with the four digits all of it."""
    first = await saved(Phone(phone.shop, phone.path), "pdf")
    assert payment in first.text
    assert "¥128.00" in first.text
    await phone.open()
    await phone.send("ask", what="request", meant="", said="我的话")
    (case,) = await cases_of(phone.shop, payment)
    other = Phone(phone.shop, phone.path)
    await other.open()
    got = await saved(other, "pdf")
    assert got.status == 200
    assert payment in got.text
    for words in (str(case["id"]), "我的话", await tail_of(phone.shop, payment)):
        assert words not in got.text
    assert "只给付款的人看" in got.text
    await other.send("prove", tail=await tail_of(phone.shop, payment))
    assert "我的话" in (await saved(other, "pdf")).text


async def test_money_that_went_back_has_the_channels_number(phone: Phone, payment: str) -> None:
    await phone.take()
    wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": 2800}
    made = await phone.shop.post("/v1/refunds", wish)
    assert made.status == 201, made.told
    for _ in range(100):
        await phone.shop.work()
        refund = (await phone.shop.get(f"/v1/refunds/{wish['id']}")).told
        if refund["state"] == "DONE":
            break
    assert refund["channel_number"]
    got = await saved(phone, "pdf")
    assert refund["channel_number"] in got.text
    assert str(Money(2800)) in got.text
    assert refund["channel_number"] not in (await saved(Phone(phone.shop, phone.path), "pdf")).text


async def test_few_are_drawn_at_once_and_the_others_are_told_to_press_again(phone: Phone) -> None:
    answers = await asyncio.gather(*(saved(phone, "png") for _ in range(DRAWN_AT_ONCE + 2)))
    by_status = sorted(each.status for each in answers)
    assert by_status[0] == 200
    assert by_status[-1] == 503
    busy = next(each for each in answers if each.status == 503)
    assert int(busy.headers["retry-after"]) > 0
    assert "请过几秒再点一次" in busy.text
    assert (await saved(phone, "png")).status == 200, "its place is free again"


async def test_a_place_is_given_back_by_whoever_does_not_draw() -> None:
    board = Board(1)
    async with board.place():
        with pytest.raises(Busy):
            async with board.place():
                pass
    async with board.place() as draw:
        assert (await draw(Page("<p>x"), PDF)).startswith(b"%PDF")


def test_one_payment_is_drawn_so_often_a_minute(tmp_path: Path) -> None:
    limits = Limits(Settings(state=tmp_path), 100, now=lambda: 0.0)
    for _ in range(VOUCHERS_OF_ONE):
        limits.draw({"house": "one"}, "YP1")
    with pytest.raises(Denied, match=r"request\.too_many"):
        limits.draw({"house": "two"}, "YP1")
    limits.draw({"house": "one"}, "YP2")


@pytest.mark.parametrize("what", ["pdf", "png"])
async def test_a_wrong_link_draws_nothing(shop: Shop, what: str) -> None:
    got = await saved(Phone(shop, "/r/" + "A" * 43), what)
    assert (got.status, got.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert await receipt_of(shop, await shop.paid())
