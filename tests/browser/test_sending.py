"""A receipt that a customer wants by mail: from the slip of the till to a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import Counter, Place, counter_in, settled
from tests.browser.looking import seen
from tests.browser.test_counter import paid
from tests.flows.mailbox import Mailbox, certificates, mailbox
from tests.flows.receivers import receiving
from yuanlu.notify import flow as notify
from yuanlu.notify import sms


@pytest.fixture(scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mailbox]:
    """A mail server on this machine."""
    async with mailbox(certificates(tmp_path_factory.mktemp("papers"))[1], plain=True) as made:
        yield made


@pytest.fixture(scope="module")
def said(box: Mailbox) -> Mapping[str, Any]:
    """A shop that can send mail."""
    smtp = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_from": "desk@shop.example", "smtp_tls": "none"}
    return {"rate_signin": 0, "hooks_on_loopback": 1, **smtp}


async def fill(counter: Counter, target: str) -> None:
    await counter.page.get_by_label(counter.say("tills.send_to")).fill(target)
    await counter.tap(counter.say("tills.send"))


@pytest.mark.parametrize(("lang", "digits"), [("zh", "43"), ("en", "57")])
async def test_a_slip_is_sent_and_the_till_says_what_became_of_it(
    chromium: Browser, place: Place, box: Mailbox, lang: str, digits: str, whole: bool
) -> None:
    """S23."""
    box.got.clear()
    async with counter_in(chromium, place, lang=lang, reduced_motion="reduce") as till:
        await till.begin()
        payment = await paid(till, digits)
        await till.tap(till.say("till.show_slip"))
        await till.at("slip")
        await fill(till, "li.lei")
        await till.sees({"zh": "这不是一个电话号码", "en": "This is not a telephone number"}[lang])
        box.at_rcpt.append("550 5.1.1 no such mailbox")
        await fill(till, "nobody@mail.example")
        await till.sees(till.say("tills.mailing.GONE"))
        await till.sees(till.say("tills.mailing_gone"))
        trouble = await seen(till.page, f"slip-not-sent-{lang}", whole=whole)
        box.at_rcpt.append("451 4.7.1 come back later")
        await fill(till, "li.lei@mail.example")
        await till.sees(till.say("tills.mailing.QUEUED"))
        await till.sees(till.say("tills.mailing_waits"))
        await till.sees(till.say("tills.mailing.SENT"))
        await till.sees("l***@mail.example")
        await expect(till.page.get_by_text(till.say("tills.mailing_waits").strip())).to_have_count(0, timeout=60_000)
        trouble += await seen(till.page, f"slip-sent-{lang}", whole=whole)
        assert not trouble, "\n".join(trouble)
        (mail,) = box.got
        assert mail["to"] == "li.lei@mail.example"
        assert payment["id"] in box.texts[0]
        assert "/r/" in box.texts[0]
        await fill(till, "li.lei@mail.example")

        async def twice() -> bool:
            return len(box.got) == 2

        await settled(twice, 15)
        await fill(till, "another@mail.example")
        await till.sees({"zh": "这张小票已发过 3 次", "en": "This receipt was sent 3 times already"}[lang])


@pytest.mark.parametrize(("lang", "digits"), [("zh", "44"), ("en", "58")])
async def test_a_slip_is_sent_by_sms_where_the_shop_has_said_how(
    chromium: Browser, place: Place, lang: str, digits: str, whole: bool
) -> None:
    """S23."""
    desk, merchant = place.shop.app.desk, place.shop.merchant_id
    async with receiving() as receiver, counter_in(chromium, place, lang=lang, reduced_motion="reduce") as till:
        template = sms.Template(url=receiver.url, body='{"to": "{{phone}}", "text": "{{text}}"}')
        await notify.set_gateway(desk, merchant, template, loopback=True, who="boss")
        await till.begin()
        await paid(till, digits)
        await till.tap(till.say("till.show_slip"))
        await till.at("slip")
        await fill(till, "138-0000 1234")
        await till.sees(till.say("tills.mailing.SENT"))
        await till.sees("138****1234")
        trouble = await seen(till.page, f"slip-sms-{lang}", whole=whole)
        assert not trouble, "\n".join(trouble)
        assert receiver.got[0].told["to"] == "13800001234"
