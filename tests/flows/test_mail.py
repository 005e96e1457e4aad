"""E-mail, to merchants and to payers, through a real mail server: TLS, login, refusals for now and for good."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.flows.mailbox import PASSWORD, USER, Mailbox, certificates, mailbox
from tests.flows.noticing import Noticing, noticing, short
from tests.flows.receivers import receiving
from tests.flows.scene import said, settled
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.rules import Case, CaseAsk, What
from yuanlu.channels.contract import Operation, Word
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.ids import Kind
from yuanlu.keyring import flow as keyring
from yuanlu.letters import Way
from yuanlu.merchants import store as merchants
from yuanlu.money import Money
from yuanlu.notify import flow, rules, templates

PAYER = "li.lei@example.com"  # made up


def settings(box: Mailbox, papers: tuple[Path, Path], place: Path, password: str = PASSWORD) -> dict[str, Any]:
    file = place / "password"
    file.write_text(password + "\n")
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": box.port,
        "smtp_user": USER,
        "smtp_password_file": str(file),
        "smtp_from": "desk@shop.example",
        "smtp_ca_file": str(papers[0]),
    }


@pytest.fixture
async def shop(
    database: Database, pools: Pools, tmp_path: Path, box: Mailbox, papers: tuple[Path, Path]
) -> AsyncIterator[Noticing]:
    """A shop that can send mail."""
    async with noticing(database, pools, tmp_path, **settings(box, papers, tmp_path)) as made:
        yield made


async def reported(shop: Noticing, meant: int = 1280, **contact: Any) -> Case:
    """A case of a wrong amount whose payer wants mail."""
    payment = await shop.paid(12800)
    ask = CaseAsk(
        merchant_id=shop.merchant_id,
        id=ids.new(Kind.CASE),
        payment_id=payment.id,
        what=What.WRONG_AMOUNT,
        who="cashier",
        meant=Money(meant),
    )
    case = await cases.request(shop.desk, ask)
    given = {"way": Way.EMAIL, "target": PAYER, "lang": "zh", "consent": True, "who": "cashier"} | contact
    await flow.give_contact(shop.desk, shop.merchant_id, case.id, **given)
    return case


async def test_a_mail_goes_over_tls_after_a_login_and_says_what_happened(shop: Noticing, box: Mailbox) -> None:
    await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
    await shop.paid(12800)
    await shop.work()
    assert box.sessions == [(True, True)]
    (mail,) = box.got
    assert mail["to"] == "boss@shop.example"
    assert "街角小店" in str(mail["from"])
    assert "¥128.00" in str(mail["subject"])
    assert "payment.paid" in box.texts[0]


async def test_a_shortage_is_mailed(shop: Noticing, box: Mailbox) -> None:
    await shop.hook("boss@shop.example", "float.short", way=Way.EMAIL)
    await short(shop)
    assert "微信退款资金不足" in str(box.got[0]["subject"])
    assert "float.short wechat" in box.texts[0]
    assert len(box.got) == 1


async def test_the_end_of_a_secret_is_mailed_and_told_to_a_hook_once_a_step(
    shop: Noticing, box: Mailbox, papers: tuple[Path, Path]
) -> None:
    """S29: 30, 7 and 1 days before and at its end; looking again, or not being able to read it, changes nothing."""
    ends_at = x509.load_pem_x509_certificate(papers[0].read_bytes()).not_valid_after_utc
    pool, now = shop.pools.recorder, shop.clock.now()
    certificate = papers[0].parent / "account.pem"
    certificate.write_bytes(papers[0].read_bytes())
    await merchants.set_channel(pool, shop.merchant_id, "wechat", {"merchant_cert": str(certificate)}, now)
    async with receiving() as receiver:
        await shop.hook(receiver.url, "secret.*")
        await shop.hook("boss@shop.example", "secret.ending", way=Way.EMAIL)
        await shop.hook("cook@shop.example", "payment.*", way=Way.EMAIL)
        for days in (40, 29, 28, 6, 2, 0.5, -1, -2):
            shop.clock.at = ends_at - timedelta(days=days)
            for _ in range(2):
                await keyring.look(shop.desk, shop.merchant_id, "system", pool)
                await shop.work()
            certificate.unlink(missing_ok=True)  # what is known of it is told all the same
        told = [json.loads(each.body) for each in receiver.once]
    assert [each["type"] for each in told] == ["secret.ending"] * 4
    assert [each["data"]["facts"]["days"] for each in told] == [30, 7, 1, 0]
    assert {each["data"]["id"] for each in told} == {"wechat/merchant_cert"}
    assert [mail["to"] for mail in box.got] == ["boss@shop.example"] * 4
    assert "wechat/merchant_cert" in str(box.got[0]["subject"])
    assert "请确认已换新" in str(box.got[0]["subject"])


async def test_the_payer_is_told_of_each_step_with_an_apology(shop: Noticing, box: Mailbox) -> None:
    """S56, S63, S71: sent, and written down in the thread of the case, sealed and chained."""
    shop.says[Operation.REFUND] = said(Word.PENDING)
    case = await reported(shop)
    await shop.work()
    await shop.later(minutes=2)
    shop.says[Operation.REFUND_QUERY] = settled(11520)
    for _ in range(6):
        await shop.later(minutes=5)
    subjects = [str(mail["subject"]) for mail in box.got]
    assert [subject[:24] for subject in subjects] == [
        templates.written(name, _shown(case), "zh").line[:24] for name in ("reported", "approved", "sent", "done")
    ]
    assert all("歉" in text for text in box.texts)
    assert all(case.id in text for text in box.texts)
    assert "¥115.20" in subjects[1]
    promised = (await cases.find(shop.desk, shop.merchant_id, case.id)).case
    assert promised is not None
    assert promised.promised_on is not None
    assert f"{promised.promised_on.month}月{promised.promised_on.day}日" in subjects[2]
    thread = await cases.thread(shop.desk, shop.merchant_id, case.id, as_customer=True)
    assert [said.text for said in thread.items if said.side == "system"] == [
        text.replace("\r\n", "\n") for text in box.texts
    ]
    assert await cases.broken(shop.desk, shop.merchant_id, case.id) is None
    assert len(await shop.facts_of("NoticeSent")) == 4
    assert PAYER not in repr(await shop.facts_of("NoticeSent"))


def _shown(case: Case) -> dict[str, str]:
    shop = "Corner shop 街角小店"
    return {
        "shop": shop, "number": case.id, "amount": "¥115.20", "where": "原支付账户", "code": "—",
        "date": "以渠道为准，暂无准信", "channel_number": "—",
    }  # fmt: skip


async def test_what_was_told_and_not_recorded_is_written_down_once(shop: Noticing, box: Mailbox) -> None:
    """A crash between writing it into the thread and moving the cursor."""
    shop.says[Operation.REFUND] = said(Word.PENDING)
    case = await reported(shop)
    decide = shop.desk.decide

    async def dies(view: Any, rule: Any) -> Any:
        if getattr(rule, "func", None) is rules.hear:
            raise KeyError("the process dies here")
        return await decide(view, rule)

    shop.desk.decide = dies  # type: ignore[method-assign]
    await shop.worker.once()
    shop.desk.decide = decide  # type: ignore[method-assign]
    for _ in range(4):
        await shop.later(minutes=2)
    told = [str(mail["message-id"]) for mail in box.got]
    assert len(told) > len(set(told))
    thread = await cases.thread(shop.desk, shop.merchant_id, case.id, as_customer=True)
    assert len([said for said in thread.items if said.side == "system"]) == len(set(told))


async def test_a_day_that_was_not_kept_is_not_promised_again(shop: Noticing, box: Mailbox) -> None:
    box.at_data.extend(["451 later"] * 4)
    shop.says[Operation.REFUND] = said(Word.UNKNOWN)
    await reported(shop)
    await shop.work()
    for _ in range(5):
        await shop.later(days=8)
    sent = [text for text in box.texts if "提交给支付渠道。" in text]
    assert sent
    assert all("暂无准信" in text for text in sent)
    assert any("优先处理" in text for text in box.texts)  # and the delay is apologised for


async def test_money_that_cannot_reach_the_payer_is_said_with_their_choice(shop: Noticing, box: Mailbox) -> None:
    shop.says[Operation.REFUND] = said(Word.STRANDED, "ABNORMAL")
    await reported(shop, lang="en")
    await shop.until_told()
    assert any("choose where it should go" in text for text in box.texts)
    assert all("sorry" in text.lower() or "apolog" in text.lower() for text in box.texts)


async def test_a_step_is_told_once_though_the_payer_changes_the_way(shop: Noticing, box: Mailbox) -> None:
    """Payer notices are unique for a case, a transition, a channel (refunds.md, what may be retried)."""
    shop.says[Operation.REFUND] = said(Word.PENDING)
    case = await reported(shop)
    await shop.work()
    before = len(box.got)
    again = {"way": Way.EMAIL, "target": "hanmei@example.com", "lang": "zh", "consent": True, "who": "cashier"}
    await flow.give_contact(shop.desk, shop.merchant_id, case.id, **again)
    await flow.wake(shop.desk, shop.merchant_id, case.id)
    await flow.wake(shop.desk, shop.merchant_id, case.id)
    await shop.work()
    assert len(box.got) == before
    await shop.until_told(6)
    assert {str(mail["to"]) for mail in box.got[before:]} <= {"hanmei@example.com"}
    assert len({str(mail["message-id"]) for mail in box.got}) == len(box.got)


async def test_nothing_is_told_without_consent_and_nothing_after_it_was_withdrawn(shop: Noticing, box: Mailbox) -> None:
    with pytest.raises(Denied, match=r"contact\.no_consent"):
        await reported(shop, consent=False)
    shop.says[Operation.REFUND] = said(Word.PENDING)
    case = await reported(shop)
    await flow.withdraw_contact(shop.desk, shop.merchant_id, case.id, "cashier")
    await shop.until_told()
    assert not box.got


async def test_a_forgotten_payer_is_told_nothing_more(shop: Noticing, box: Mailbox) -> None:
    case = await reported(shop)
    await shop.seal.forget(shop.merchant_id, case.id, shop.clock.now())
    await shop.until_told()
    assert not box.got
    assert {each.why for each in await shop.deliveries(state="PARKED")} == {"seal.forgotten"}


async def test_not_now_is_tried_again_and_arrives_once(shop: Noticing, box: Mailbox) -> None:
    """Greylisting: 4xx at the first try."""
    box.at_rcpt.append("451 4.7.1 come back later")
    box.at_data.append("452 4.3.1 the disk is full")
    await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
    await shop.paid(100)
    await shop.until_told()
    assert len(box.got) == 1
    assert len(await shop.facts_of("NoticeFailed")) == 2


async def test_refused_for_good_is_parked_at_once_and_the_next_fact_tries_it_again(
    shop: Noticing, box: Mailbox
) -> None:
    box.at_rcpt.append("550 5.1.1 no such mailbox")
    await shop.hook("boss@shop.example", "refund.*", way=Way.EMAIL)
    payment = await shop.paid(100)
    refund = await shop.refund(payment, 100, said(Word.PENDING))
    await shop.worker.once()
    (parked,) = await shop.deliveries(state="PARKED")
    assert (parked.object_id, parked.why, parked.attempts) == (refund.id, "smtp_550", 1)
    await flow.wake(shop.desk, shop.merchant_id, refund.id)
    await shop.work()
    assert not await shop.deliveries(state="PARKED")
    kinds = [text.split("\n")[2].split(" ")[0] for text in box.texts]
    assert kinds == ["refund.requested", "refund.released", "refund.sent"]


async def test_a_wrong_password_and_a_server_that_is_down_are_tried_again_and_disable_nobody(
    database: Database, pools: Pools, tmp_path: Path, box: Mailbox, papers: tuple[Path, Path]
) -> None:
    wrong = settings(box, papers, tmp_path, password="wrong")
    async with noticing(database, pools, tmp_path, **wrong) as shop:
        made = await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
        await shop.paid(100)
        await shop.work()
        (waiting,) = await shop.deliveries(state="DUE")
        assert waiting.why == "smtp_login_refused"
        assert not box.got
        hook = await shop.desk.see(flow.store.hook(shop.merchant_id, made.hook.id))
        assert hook is not None
        assert hook.failures == 0  # it is our trouble, not the receiver's
        (tmp_path / "password").write_text(PASSWORD)
        await shop.until_told()
        assert len(box.got) == 1


async def test_a_server_that_is_down_keeps_the_letter(
    database: Database, pools: Pools, tmp_path: Path, box: Mailbox, papers: tuple[Path, Path]
) -> None:
    down = settings(box, papers, tmp_path) | {"smtp_port": 1}
    async with noticing(database, pools, tmp_path, **down) as shop:
        await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
        await shop.paid(100)
        await shop.work()
        (waiting,) = await shop.deliveries(state="DUE")
        assert waiting.why == "smtp_away"


@pytest.mark.parametrize("how", ["a strange authority", "no TLS at all"])
async def test_a_mail_server_that_cannot_prove_itself_gets_no_login_and_no_mail(
    database: Database, pools: Pools, tmp_path: Path, papers: tuple[Path, Path], how: str
) -> None:
    async with mailbox(papers[1], plain=how == "no TLS at all") as box:
        given = settings(box, papers, tmp_path)
        if how == "a strange authority":
            (tmp_path / "other").mkdir()
            given["smtp_ca_file"] = str(certificates(tmp_path / "other")[0])
        async with noticing(database, pools, tmp_path, **given) as shop:
            await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
            await shop.paid(100)
            await shop.work()
            (waiting,) = await shop.deliveries(state="DUE")
            assert waiting.why in {"smtp_tls_failed", "smtp_away"}
            assert not box.got


async def test_tls_from_the_first_byte(
    database: Database, pools: Pools, tmp_path: Path, papers: tuple[Path, Path]
) -> None:
    async with mailbox(papers[1], from_first_byte=True) as box:
        given = settings(box, papers, tmp_path) | {"smtp_tls": "tls", "smtp_user": ""}
        async with noticing(database, pools, tmp_path, **given) as shop:
            await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
            await shop.paid(100)
            await shop.until_told()
            assert len(box.got) == 1


async def test_a_name_with_line_feeds_adds_no_header(shop: Noticing, box: Mailbox) -> None:
    await shop.pools.recorder.execute(
        "update merchants set name = $1 where merchant_id = $2",
        "Shop\r\nBcc: all@example.com\r\n\r\nhi",
        shop.merchant_id,
    )
    await shop.hook("boss@shop.example", "payment.paid", way=Way.EMAIL)
    await shop.paid(100)
    await shop.work()
    (mail,) = box.got
    assert mail["bcc"] is None
    assert "Shop Bcc" in str(mail["subject"])
    for address in ("a@b.example\nBcc: x@y.example", "a@b.example, c@d.example", "<a@b.example>", "a b@c.example"):
        with pytest.raises(Denied, match=r"hook\.email_invalid"):
            flow.addresses.checked(Way.EMAIL, address)
