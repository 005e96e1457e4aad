"""Slips, printers and prints over HTTP, and the page that a slip's QR leads to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from tests.flows.mailbox import certificates, mailbox
from tests.web.conftest import Answer, Shop, opened
from tests.web.test_refunds_and_cases import later
from tests.web.test_review import hire
from yuanlu import ids, words
from yuanlu.db import Database
from yuanlu.ids import Kind
from yuanlu.sim.printer import Faults, Printer
from yuanlu.sim.server import Sim


@pytest.fixture
async def printing(database: Database, tmp_path: Path, sim: Sim) -> AsyncIterator[Shop]:
    """A shop whose printers may be on this machine."""
    said = {"printer_networks": "127.0.0.0/8", "rate_receipt": 40}
    async with opened(database, tmp_path, sim, said=said) as each:
        await hire(each, "olga", "owner")
        yield each


async def store_of(shop: Shop) -> str:
    return str((await shop.get("/v1/tills")).told["items"][0]["store"])


async def written(shop: Shop, **given: Any) -> dict[str, Any]:
    wish = {"id": ids.new(Kind.PRINTER), "via": "network", "store": await store_of(shop), "till": shop.till} | given
    answer = await shop.post("/v1/printers", wish, who="olga")
    assert answer.status == 201, answer.raw
    assert (await shop.post("/v1/printers", wish, who="olga")).status == 200
    return dict(answer.told)


async def refunded(shop: Shop, payment: str, amount: int) -> str:
    wish = {"id": ids.new(Kind.REFUND), "payment": payment, "amount_fen": amount, "reason": "amount_wrong"}
    answer = await shop.post("/v1/refunds", wish)
    assert answer.status == 201, answer.raw
    return str(answer.told["id"])


async def opened_page(shop: Shop, path: str, **headers: str) -> Answer:
    return await shop.call("GET", path, authorization="", content_type="", **headers)


async def token_of(shop: Shop, payment: str) -> str:
    link = (await shop.get(f"/v1/receipts/{payment}")).told["link"]
    assert link.startswith(f"{shop.base_url.replace('localhost', '127.0.0.1')}/r/")
    return str(link.rpartition("/")[2])


async def test_a_receipt_is_printed_jams_is_put_right_and_is_listed(printing: Shop) -> None:
    """S23."""
    payment = await printing.paid()
    async with Printer(48) as machine:
        printer = await written(printing, address=machine.address, paper_mm=80)
        assert (await printing.post(f"/v1/printers/{printer['id']}/ask")).told["trouble"] == ""
        machine.faults = Faults(cover_open=True)
        assert (await printing.post(f"/v1/printers/{printer['id']}/ask")).told["trouble"] == "cover"
        wish = {"id": ids.new(Kind.PRINT), "printer": printer["id"], "of": payment}
        assert (await printing.post("/v1/prints", wish)).status == 201
        await printing.work()
        (held,) = (await printing.get("/v1/prints?state=JAMMED")).told["items"]
        assert (held["id"], held["trouble"], held["again"]) == (wish["id"], "cover", 0)
        machine.mend()
        assert (await printing.post(f"/v1/prints/{wish['id']}/retry")).status == 200
        await printing.work()
        done = (await printing.get(f"/v1/prints/{wish['id']}")).told
        assert (done["state"], done["sends"], machine.jobs, machine.roll.spilled) == ("PRINTED", 2, 1, 0)
        assert payment in machine.roll.codes
        assert (await printing.post(f"/v1/prints/{wish['id']}/give-up")).code == "print.ended"
        assert (await printing.post("/v1/prints", {**wish, "copies": 2})).code == "print.id_taken"
        gone = (await printing.post(f"/v1/printers/{printer['id']}/close", who="olga")).told
        assert gone["closed_at"]
        again = await printing.post("/v1/prints", {**wish, "id": ids.new(Kind.PRINT)})
        assert again.code == "printer.closed"


async def test_a_till_takes_bytes_and_says_what_became_of_them(printing: Shop) -> None:
    """S23."""
    payment = await printing.paid()
    printer = await written(printing, via="till")
    wish = {"id": ids.new(Kind.PRINT), "printer": printer["id"], "of": payment}
    await printing.post("/v1/prints", wish)
    taken = await printing.post(f"/v1/prints/{wish['id']}/take")
    assert taken.headers["content-type"] == "application/octet-stream"
    assert "收款小票".encode("gb18030") in taken.raw
    sends = int(taken.headers["yuanlu-sends"])
    jam = {"word": "BROKEN", "trouble": "paper", "sends": sends}
    assert (await printing.post(f"/v1/prints/{wish['id']}/heard", jam)).told["state"] == "JAMMED"
    again = await printing.post(f"/v1/prints/{wish['id']}/take")
    assert "重打".encode("gb18030") in again.raw
    assert "重打".encode("gb18030") not in taken.raw
    done = {"word": "DONE", "sends": sends + 1}
    assert (await printing.post(f"/v1/prints/{wish['id']}/heard", done)).told["state"] == "PRINTED"
    assert (await printing.post(f"/v1/printers/{printer['id']}/ask")).code == "printer.not_network"


async def test_a_slip_is_shown_and_its_codes_are_read_from_the_screen(printing: Shop) -> None:
    """S23, S66."""
    payment = await printing.paid()
    told = (await printing.get(f"/v1/receipts/{payment}?paper_mm=80")).told
    assert payment in told["text"]
    assert "收款小票" in told["svg"]
    page = (await opened_page(printing, f"/r/{told['link'].rpartition('/')[2]}")).raw.decode()
    assert [read(told["link_svg"]), read(page)] == [told["link"], payment]


def read(drawn: str) -> str:
    """What a scanner reads of the one QR that is drawn as a path of squares."""
    image = Image.new("L", (400, 400), 255)
    pen = ImageDraw.Draw(image)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", drawn):
        pen.rectangle((int(x) * 6, int(y) * 6, int(x) * 6 + 5, int(y) * 6 + 5), fill=0)
    (found,) = zxingcpp.read_barcodes(image)
    return str(found.text)


async def test_a_receipt_is_sent_to_a_customer_and_says_what_became_of_it(
    database: Database, tmp_path: Path, sim: Sim
) -> None:
    """S23."""
    async with mailbox(certificates(tmp_path)[1], plain=True) as box:
        said = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_from": "desk@shop.example", "smtp_tls": "none"}
        async with opened(database, tmp_path, sim, said=said) as shop:
            payment = await shop.paid()
            wish = {"id": ids.new(Kind.MAILING), "way": "email", "target": "li.lei@mail.example", "consent": True}
            path = f"/v1/receipts/{payment}/send"
            asked = await shop.post(path, wish)
            assert (asked.status, asked.told["state"], asked.told["of"]) == (201, "QUEUED", payment)
            assert (await shop.post(path, wish)).status == 200
            await shop.work()
            told = (await shop.get(f"/v1/mailings/{wish['id']}")).told
            assert (told["state"], told["shown"], told["trouble"]) == ("SENT", "l***@mail.example", "")
            assert "li.lei" not in str(asked.raw) + str(told)
            link = re.search(r"/r/\S+", box.texts[0])
            assert link is not None
            assert payment in (await opened_page(shop, link[0])).raw.decode()
            for changes, code in (
                ({"target": "other@mail.example"}, "mailing.id_taken"),
                ({"id": ids.new(Kind.MAILING), "consent": False}, "contact.no_consent"),
                ({"id": ids.new(Kind.MAILING), "target": "li.lei"}, "hook.email_invalid"),
                ({"id": ids.new(Kind.MAILING), "way": "sms", "target": "13800001234"}, "sms.no_template"),
            ):
                assert (await shop.post(path, wish | changes)).code == code
            again = [await shop.post(path, wish | {"id": ids.new(Kind.MAILING)}) for _ in range(3)]
            assert [each.status for each in again] == [201, 201, 409]
            assert again[2].code == "mailing.too_many"
            assert (await shop.post(path, wish, who="neighbour")).code == "receipt.unknown"
            assert (await shop.get(f"/v1/mailings/{wish['id']}", who="neighbour")).code == "mailing.unknown"


@pytest.mark.parametrize("smtp", [{}, {"smtp_host": "127.0.0.1"}, {"smtp_from": "desk@shop.example"}])
async def test_a_letter_that_no_server_would_carry_is_refused_at_once(
    database: Database, tmp_path: Path, sim: Sim, smtp: dict[str, str]
) -> None:
    """S23: it is not taken in to be given up a day later."""
    async with opened(database, tmp_path, sim, said=smtp) as shop:
        wish = {"id": ids.new(Kind.MAILING), "way": "email", "target": "li.lei@mail.example", "consent": True}
        no = await shop.post(f"/v1/receipts/{await shop.paid()}/send", wish)
        assert (no.status, no.code) == (409, "mail.not_set")
        assert "还不能发邮件" in no.told["title_zh"]
        assert "nothing was sent" in no.told["title_en"]
        assert (await shop.get(f"/v1/mailings/{wish['id']}")).code == "mailing.unknown"
        assert await shop.app.pools.recorder.fetchval("select count(*) from jobs where name like 'mailings.%'") == 0


async def test_a_slip_asked_for_after_a_refund_says_what_became_of_the_money(printing: Shop) -> None:
    """S23: paper and page tell the same."""
    payment = await printing.paid()

    async def said() -> tuple[str, str, str]:
        told = (await printing.get(f"/v1/receipts/{payment}")).told
        page = (await opened_page(printing, f"/r/{told['link'].rpartition('/')[2]}?lang=zh")).raw.decode()
        return told["state"], told["text"], page

    async def confirmed(refund: str) -> None:
        for _ in range(12):
            await later(printing, 600)
            if (await printing.get(f"/v1/refunds/{refund}")).told["state"] == "DONE":
                return
        raise AssertionError("the refund was never confirmed")

    state, text, page = await said()
    assert (state, "钱已收到" in text) == ("PAID", True)
    first = await refunded(printing, payment, 11520)
    state, text, page = await said()
    assert (state, "钱收到过，退款中" in text, "退款中" in page) == ("GOING_BACK", True, True)
    await confirmed(first)
    state, text, page = await said()
    assert (state, "部分已退回" in text, "部分已退" in page) == ("PARTLY_BACK", True, True)
    await confirmed(await refunded(printing, payment, 1280))
    state, text, page = await said()
    assert (state, "已全部退回" in text, "已全退" in page) == ("BACK", True, True)
    assert "钱已收到" not in text


async def test_what_cannot_be_is_refused_and_changes_nothing(printing: Shop) -> None:
    payment, store = await printing.paid(), await store_of(printing)
    wish = {"id": ids.new(Kind.PRINTER), "via": "network", "store": store, "address": "10.0.0.1:9100"}
    for changes, code in (
        ({}, "printer.address_outside"),
        ({"address": "printer.local"}, "printer.address"),
        ({"address": "127.0.0.1:9100", "store": ids.new(Kind.STORE)}, "printer.store_unknown"),
        ({"address": "127.0.0.1:9100", "till": ids.new(Kind.TILL)}, "printer.till_unknown"),
        ({"via": "till", "address": ""}, "printer.till_needed"),
    ):
        assert (await printing.post("/v1/printers", wish | changes, who="olga")).code == code
    assert (await printing.get("/v1/printers")).told["items"] == []
    printer = await written(printing, via="till")
    ask = {"id": ids.new(Kind.PRINT), "printer": printer["id"], "of": payment}
    assert (await printing.post("/v1/prints", ask | {"of": ids.new(Kind.REFUND)})).code == "receipt.unknown"
    assert (await printing.post("/v1/prints", ask, who="neighbour")).code == "printer.unknown"
    assert (await printing.get(f"/v1/receipts/{payment}", who="neighbour")).code == "receipt.unknown"
    assert (await printing.get("/v1/prints")).told["items"] == []


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_page_tells_payment_money_and_refund_in_words(printing: Shop, lang: str) -> None:
    """S23, S66."""
    payment = await printing.paid()
    refund = await refunded(printing, payment, 11520)
    await later(printing, 3600)
    told = await opened_page(printing, f"/r/{await token_of(printing, payment)}?lang={lang}")
    text = told.raw.decode()
    assert told.status == 200
    assert told.headers["content-type"] == "text/html; charset=utf-8"
    for part in (payment, "¥128.00", "¥115.20", "¥12.80"):
        assert part in text, part
    assert {"zh": "钱已收到", "en": "The money was received"}[lang] in text
    state = (await printing.get(f"/v1/refunds/{refund}")).told["state"]
    assert words.say(f"slip.state.refund.{state}", lang) in text
    assert state == "DONE" or words.say("slip.state.refund.DONE", lang) not in text
    stands = {"DONE": "PARTLY_BACK"}.get(state, "GOING_BACK")
    assert words.say(f"page.receipt.standing.{stands}", lang) in text
    shown = (await printing.get(f"/v1/payments/{payment}")).told
    assert not shown["channel_number"] or shown["channel_number"] not in text
    assert refund not in text  # what the page is asked for by, and no more


async def test_the_page_runs_nothing_and_leads_nowhere(printing: Shop) -> None:
    token = await token_of(printing, await printing.paid())
    told = await opened_page(printing, f"/r/{token}")
    policy = told.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "script" not in policy
    assert (told.headers["cache-control"], told.headers["referrer-policy"]) == ("no-store", "no-referrer")
    text = told.raw.decode()
    assert not re.search(r"<script|<form|\son[a-z]+=|\sstyle=|https?://", text)
    own = [f"/r/{token}{more}" for more in ("/case", "/voucher.png", "/voucher.pdf", "", "/policy", "/privacy")]
    assert re.findall(r'href="([^"]*)"', text) == ["/r/receipt.css", "?lang=en", *own]
    sheet = await opened_page(printing, "/r/receipt.css")
    assert (sheet.status, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "url(" not in sheet.raw.decode()


async def test_a_wrong_token_and_one_that_never_was_get_the_same_answer(printing: Shop) -> None:
    """S66."""
    token = await token_of(printing, await printing.paid())
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    answers = [await opened_page(printing, f"/r/{each}") for each in (wrong, "x" * 43, "short", "x" * 500, "%00")]
    assert {each.status for each in answers} == {404}
    assert len({each.raw for each in answers}) == 1
    assert token not in answers[0].raw.decode()


async def test_who_tries_tokens_is_stopped_and_a_shop_is_not(printing: Shop) -> None:
    payment = await printing.paid()
    token = await token_of(printing, payment)
    answers = [await opened_page(printing, f"/r/{'x' * 42}{n % 10}") for n in range(60)]
    assert [each.status for each in answers].count(429) >= 15
    stopped = await opened_page(printing, f"/r/{token}")
    assert stopped.status == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert stopped.headers["content-type"] == "text/html; charset=utf-8"
    assert (await printing.get(f"/v1/payments/{payment}")).status == 200


async def test_what_stands_in_a_shops_name_is_text(printing: Shop) -> None:
    payment = await printing.paid()
    name = '<img src=x onerror=alert(1)>"&'
    await printing.app.pools.recorder.execute(
        "update merchants set name = $1 where merchant_id = $2", name, printing.merchant_id
    )
    told = await opened_page(printing, f"/r/{await token_of(printing, payment)}")
    assert "<img" not in told.raw.decode()
    assert "&lt;img src=x" in told.raw.decode()
    assert "<img" not in (await printing.get(f"/v1/receipts/{payment}")).told["svg"]
