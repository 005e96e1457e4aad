"""Receipts to a real mail server and an SMS provider that fail: none is lost, nobody is flooded, no address stays."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.mailbox import Mailbox
from tests.flows.noticing import Noticing, noticing
from tests.flows.receivers import Receiver, receiving
from tests.flows.test_mail import settings
from yuanlu import ids
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.evidence import keeping
from yuanlu.ids import Kind
from yuanlu.letters import Letter, Receipt, Way
from yuanlu.mailing import flow, store
from yuanlu.mailing.rules import Mailing, State
from yuanlu.notify import flow as notify
from yuanlu.notify import sms
from yuanlu.people.rules import Person
from yuanlu.receipts import flow as receipts
from yuanlu.receipts import wire
from yuanlu.slips import Printing

LI, PHONE = "li.lei@example.com", "13800001234"  # made up
BASE = "https://shop.example"


@pytest.fixture
async def shop(
    database: Database, pools: Pools, tmp_path: Path, box: Mailbox, papers: tuple[Path, Path]
) -> AsyncIterator[Noticing]:
    """A shop that can send mail, and be reached from outside."""
    async with noticing(database, pools, tmp_path, **settings(box, papers, tmp_path)) as made:
        made.desk._printing = Printing(wire.carry, BASE)
        yield made


async def ask(shop: Noticing, of: str, **given: Any) -> Mailing:
    how: dict[str, Any] = {"way": Way.EMAIL, "target": LI, "lang": "zh", "consent": True, "by": Person("cashier")}
    mailing_id = given.pop("id", None) or ids.new(Kind.MAILING)
    return (await flow.request(shop.desk, shop.merchant_id, mailing_id, of, **how | given)).row


async def now(shop: Noticing, row: Mailing) -> Mailing:
    found = await shop.desk.see(store.mailing(shop.merchant_id, row.id))
    assert found is not None
    return found


async def gateway(shop: Noticing, receiver: Receiver) -> None:
    template = sms.Template(url=receiver.url, body='{"to": "{{phone}}", "text": "{{text}}", "id": "{{id}}"}')
    await notify.set_gateway(shop.desk, shop.merchant_id, template, loopback=True, who="boss")


async def test_a_receipt_is_mailed_with_the_link_of_its_page(shop: Noticing, box: Mailbox) -> None:
    """S23."""
    payment = await shop.paid(12800)
    row = await ask(shop, payment.id)
    assert row.state is State.QUEUED
    await shop.work()
    done = await now(shop, row)
    assert (done.state, done.attempts, done.shown, done.target) == (State.SENT, 1, "l***@example.com", "")
    (mail,), (text,) = box.got, box.texts
    assert (mail["to"], mail["message-id"]) == (LI, f"<{row.id}@yuanlu.invalid>")
    assert str(mail["subject"]) == "Corner shop 街角小店：收款小票 ¥128.00"
    assert "街角小店" in str(mail["from"])
    assert "钱已收到" in text
    assert payment.id in text
    found = re.search(rf"{BASE}/r/(\S+)", text)
    assert found is not None
    shown = await receipts.page(shop.desk, found[1])
    assert shown is not None
    assert shown.payment.id == payment.id
    assert not await shop.jobs("mailings.%")


async def test_a_refund_slip_is_mailed_in_the_language_that_was_asked(shop: Noticing, box: Mailbox) -> None:
    """S23."""
    payment = await shop.paid(12800)
    refund = await shop.refund(payment, 2000)
    await ask(shop, refund.id, lang="en")
    await shop.work()
    assert "refund slip for ¥20.00" in str(box.got[0]["subject"])
    assert "The channel says the money went back" in box.texts[0]
    assert refund.id in box.texts[0]


async def test_a_receipt_goes_by_sms(shop: Noticing) -> None:
    """S23."""
    payment = await shop.paid(12800)
    async with receiving() as receiver:
        with pytest.raises(Denied, match=r"sms\.no_template"):
            await ask(shop, payment.id, way=Way.SMS, target=PHONE)
        await gateway(shop, receiver)
        row = await ask(shop, payment.id, way=Way.SMS, target=PHONE)
        await shop.work()
        (got,) = receiver.got
    assert (got.told["to"], got.told["id"]) == (PHONE, row.id)
    assert re.search(rf"¥128\.00.*钱已收到.*{payment.id}.*{BASE}/r/\S{{43}}", got.told["text"])
    assert ((await now(shop, row)).state, row.shown) == (State.SENT, "138****1234")


async def test_asked_again_it_is_the_same_and_nothing_else_under_its_id(shop: Noticing, box: Mailbox) -> None:
    payment = await shop.paid(100)
    row = await ask(shop, payment.id)
    assert await ask(shop, payment.id, id=row.id) == row
    await shop.work()
    assert (await ask(shop, payment.id, id=row.id)).state is State.SENT
    with pytest.raises(Denied, match=r"mailing\.id_taken"):
        await ask(shop, payment.id, id=row.id, target="other@example.com")
    await shop.work()
    assert len(box.got) == 1


async def test_a_crash_between_sending_and_recording_sends_the_same_message_again(shop: Noticing, box: Mailbox) -> None:
    """At least once, known again by its Message-ID."""
    row = await ask(shop, (await shop.paid(100)).id)

    async def dies(letter: Letter) -> Receipt:
        assert (await shop.post.carry(letter)).ok
        raise ConnectionResetError("killed")

    shop.tell = dies
    with pytest.raises(ConnectionResetError):
        await flow.drive(shop.desk, shop.merchant_id, row.id)
    assert (await now(shop, row)).state is State.QUEUED
    shop.tell = shop.post.carry
    await shop.work()
    assert (await now(shop, row)).state is State.SENT
    assert [str(mail["message-id"]) for mail in box.got] == [f"<{row.id}@yuanlu.invalid>"] * 2
    await shop.later(days=2)
    assert len(box.got) == 2


async def test_a_mailbox_that_is_not_there_ends_it_and_one_that_is_full_is_tried_again(
    shop: Noticing, box: Mailbox
) -> None:
    payment = await shop.paid(100)
    box.at_rcpt.append("550 5.1.1 no such mailbox")
    row = await ask(shop, payment.id)
    await shop.work()
    gone = await now(shop, row)
    assert (gone.state, gone.trouble, gone.target, box.got) == (State.GONE, "smtp_550", "", [])
    box.at_rcpt.append("451 4.7.1 come back later")
    row = await ask(shop, payment.id)
    await shop.work()
    held = await now(shop, row)
    assert (held.state, held.trouble, held.attempts) == (State.QUEUED, "smtp_451", 1)
    await shop.later(seconds=4)
    assert not box.got
    await shop.later(seconds=2)
    assert ((await now(shop, row)).state, len(box.got)) == (State.SENT, 1)


async def test_what_nobody_takes_for_a_day_is_given_up(shop: Noticing, box: Mailbox) -> None:
    box.at_rcpt.extend(["451 later"] * 40)
    row = await ask(shop, (await shop.paid(100)).id)
    for _ in range(40):
        await shop.later(hours=1)
    gone = await now(shop, row)
    assert (gone.state, gone.trouble) == (State.GONE, "smtp_451")
    assert not await shop.jobs("mailings.%")
    assert len(await shop.facts_of("MailingHeld")) == 1
    assert len(await shop.facts_of("MailingGone")) == 1


async def test_of_one_receipt_three_letters_are_taken_in_however_many_ask_at_once(shop: Noticing, box: Mailbox) -> None:
    """Who has a till in their hands has no cannon for mail."""
    payment = await shop.paid(100)
    asked = await asyncio.gather(
        *(ask(shop, payment.id, target=f"a{n}@example.com") for n in range(8)), return_exceptions=True
    )
    refused = [each for each in asked if isinstance(each, BaseException)]
    assert {getattr(each, "code", each) for each in refused} == {"mailing.too_many"}
    assert len(refused) == 5
    await shop.work()
    assert len(box.got) == 3
    await ask(shop, (await shop.paid(200)).id)


async def test_what_cannot_be_sent_is_refused_and_seals_nothing(shop: Noticing) -> None:
    payment = await shop.paid(100)
    other = await shop.neighbour()
    keys = await shop.pools.recorder.fetchval("select count(*) from subject_keys")
    for code, how in (
        ("contact.no_consent", {"consent": False}),
        ("hook.email_invalid", {"target": "li.lei"}),
        ("receipt.unknown", {"by": Person("far", store_id=ids.new(Kind.STORE))}),
    ):
        with pytest.raises(Denied) as no:
            await ask(shop, payment.id, **how)
        assert no.value.code == code
    with pytest.raises(Denied, match=r"receipt\.unknown"):
        await ask(other, payment.id)
    shop.desk._printing = Printing(wire.carry, "")
    with pytest.raises(Denied, match=r"receipt\.no_link"):
        await ask(shop, payment.id)
    shop.desk._printing, shop.desk.mails = Printing(wire.carry, BASE), False
    with pytest.raises(Denied, match=r"mail\.not_set"):
        await ask(shop, payment.id)
    assert await shop.pools.recorder.fetchval("select count(*) from subject_keys") == keys
    assert await shop.pools.recorder.fetchval("select count(*) from mailings") == 0


async def test_another_store_and_another_merchant_see_no_letter(shop: Noticing) -> None:
    row = await ask(shop, (await shop.paid(100)).id)
    other = await shop.neighbour()
    assert (await flow.of(shop.desk, shop.merchant_id, row.id, Person("near", store_id=row.store_id))).id == row.id
    for merchant, by in (
        (shop.merchant_id, Person("far", store_id=ids.new(Kind.STORE))),
        (other.merchant_id, Person("boss")),
    ):
        with pytest.raises(Denied, match=r"mailing\.unknown"):
            await flow.of(shop.desk, merchant, row.id, by)


@pytest.mark.parametrize("what", ["the address", "the page", "the way to us"])
async def test_what_was_forgotten_or_cannot_be_reached_ends_the_letter(shop: Noticing, box: Mailbox, what: str) -> None:
    row = await ask(shop, (await shop.paid(100)).id)
    if what == "the way to us":
        shop.desk._printing = Printing(wire.carry, "")
    else:
        subject = row.id if what == "the address" else "receipts"
        await shop.desk.sealed(shop.merchant_id, subject)
        await shop.seal.forget(shop.merchant_id, subject, shop.clock.now())
    await shop.work()
    gone = await now(shop, row)
    why = "receipt.no_link" if what == "the way to us" else "seal.forgotten"
    assert (gone.state, gone.trouble, box.got) == (State.GONE, why, [])


async def test_a_letter_is_among_what_is_held_about_its_customer(shop: Noticing) -> None:
    """S36: so it is in their export, and erasing it makes the address unreadable."""
    payment = await shop.paid(100)
    refund = await shop.refund(payment, 50)
    rows = [await ask(shop, payment.id), await ask(shop, refund.id)]
    await ask(shop, (await shop.paid(200)).id)
    found = await keeping.held(shop.pools.recorder, shop.merchant_id, payment.id)
    assert {row.id for row in rows} <= found.ids
    assert {each["object_id"] for each in found.rows["mailings"]} >= {payment.id, refund.id}


async def test_no_address_stands_in_the_books_or_the_log(
    shop: Noticing, box: Mailbox, capsys: pytest.CaptureFixture[str]
) -> None:
    box.at_rcpt.append("451 4.7.1 come back later")
    row = await ask(shop, (await shop.paid(100)).id)
    await shop.work()
    kept = await shop.pools.recorder.fetchval("select m::text from mailings m where id = $1", row.id)
    facts = await shop.pools.recorder.fetch("select f::text as fact from facts f where object_id = $1", row.id)
    said = "".join(capsys.readouterr())
    await shop.later(minutes=1)
    over = await shop.pools.recorder.fetchval("select m::text from mailings m where id = $1", row.id)
    for text in (kept, over, said, *(each["fact"] for each in facts)):
        assert LI not in text
        assert "li.lei" not in text
    assert "s1." in kept
    assert "s1." not in over
