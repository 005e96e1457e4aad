"""Slips, printers and prints over HTTP, and the page that a slip's QR leads to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

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
    """S23."""
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
    assert re.findall(r'href="([^"]*)"', text) == ["/r/receipt.css", "?lang=en"]
    sheet = await opened_page(printing, "/r/receipt.css")
    assert (sheet.status, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "url(" not in sheet.raw.decode()


async def test_a_wrong_token_and_one_that_never_was_get_the_same_answer(printing: Shop) -> None:
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
