"""The thread of a case: what is said stands there sealed, masked and for good, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from tests.flows.room import ANNA, Room, opened
from tests.flows.test_keeping import dumped
from yuanlu import ids
from yuanlu.cases import answers, replies
from yuanlu.cases import flow as cases
from yuanlu.cases.chain import Audience, How, Side
from yuanlu.cases.flow import Words
from yuanlu.cases.rules import Case, CaseAsk, What
from yuanlu.channels.contract import digest_of
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.evidence import keeping
from yuanlu.people.rules import Person, Role

WORDS = "我扫错了码，把钱付给了隔壁"
CARD = "6222" + "0212345" + "0678"
CARD = CARD + luhn.calc_check_digit(CARD)
ID_NUMBER = "11010519900101123"
ID_NUMBER = ID_NUMBER + mod_11_2.calc_check_digit(ID_NUMBER)
MANAGER = Person(ids.new(ids.Kind.STAFF), Role.MANAGER)
MACHINE = Person("till")


@pytest.fixture
async def room(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(database, pools, tmp_path / "files") as made:
        yield made


async def wish(room: Room, said: str = WORDS, **given: Any) -> CaseAsk:
    payment = await room.scene.paid(2000)
    values: dict[str, Any] = {"id": ids.new(ids.Kind.CASE), "what": What.REQUEST, "who": "till", "said": said}
    return CaseAsk(merchant_id=room.merchant_id, payment_id=payment.id, **values | given)


async def thread(room: Room, case: Case, *, as_customer: bool = False) -> list[cases.Said]:
    found = await cases.thread(room.desk, room.merchant_id, case.id, as_customer=as_customer)
    return list(found.items)


def place(room: Room, case: Case) -> tuple[Any, str, str]:
    return room.desk, room.merchant_id, case.id


async def test_what_a_reporter_says_is_in_the_sealed_thread_and_nowhere_else(room: Room) -> None:
    """S57. S71."""
    case = await cases.request(room.desk, await wish(room))
    (first,) = await thread(room, case, as_customer=True)
    assert (first.text, first.side, first.how, first.item) == (WORDS, "customer", "written", case.said_id)
    assert await cases.said_of(room.desk, case) == WORDS
    assert await cases.broken(*place(room, case)) is None
    everything = await dumped(room)
    assert case.id.encode() in everything
    assert WORDS.encode() not in everything


async def test_the_words_of_a_member_of_staff_are_the_staffs(room: Room) -> None:
    case = await cases.request(room.desk, await wish(room, who=MANAGER.id))
    assert [one.side for one in await thread(room, case)] == ["staff"]


async def test_a_report_without_words_makes_no_message_and_no_key(room: Room) -> None:
    """S57. S60."""
    case = await cases.request(room.desk, await wish(room, said="  "))
    assert (case.said_id, case.chain_length, await cases.said_of(room.desk, case)) == ("", 0, "")
    assert await room.pool.fetchval("select count(*) from subject_keys") == 0
    spoken = await cases.request(room.desk, await wish(room))
    for one, is_held in ((case, False), (spoken, True)):
        told = await answers.completeness(room.desk, room.merchant_id, one.id)
        assert ("statement" in {need.id for need in told.missing}) is not is_held


async def test_a_refused_report_leaves_no_key(room: Room) -> None:
    """S57."""
    with pytest.raises(Denied, match=r"case\.payment_unknown"):
        await cases.request(room.desk, replace(await wish(room), payment_id=ids.new(ids.Kind.PAYMENT)))
    assert await room.pool.fetchval("select count(*) from subject_keys") == 0


async def test_the_same_report_again_is_the_same_and_other_words_are_refused(room: Room) -> None:
    """S57."""
    ask = await wish(room)
    first = await cases.requested(room.desk, ask)
    assert first.changed
    again = await cases.requested(room.desk, ask)
    assert (again.changed, again.row) == (False, first.row)
    for said in ("", WORDS + "！"):
        with pytest.raises(Denied, match=r"case\.id_taken"):
            await cases.request(room.desk, replace(ask, said=said))
    assert len(await thread(room, first.row)) == 1


async def test_the_same_report_twice_at_once_is_said_once(room: Room) -> None:
    ask = await wish(room)
    done = await asyncio.gather(*(cases.requested(room.desk, ask) for _ in range(4)))
    assert sorted(one.changed for one in done) == [False, False, False, True]
    assert len(await thread(room, done[0].row)) == 1
    assert await room.pool.fetchval("select count(*) from evidence where kind = 'message'") == 1


async def test_a_forgotten_customers_words_are_unreadable_and_not_to_be_guessed(room: Room) -> None:
    """S57."""
    ask = await wish(room, said="是")
    case = await cases.request(room.desk, ask)
    await room.close(case)
    await keeping.erase(room.desk, room.files, room.seal, room.reader, room.merchant_id, ask.payment_id, ANNA)
    assert await cases.said_of(room.desk, case) is None
    assert [one.text for one in await thread(room, case)] == [None]
    assert await cases.broken(*place(room, case)) is None
    assert case.fingerprint not in {
        replace(ask, said_mark=each).fingerprint for each in ("是", digest_of("是".encode()))
    }
    with pytest.raises(Denied, match=r"seal\.forgotten"):
        await cases.request(room.desk, ask)


SAID = f"卡号 {CARD[:4]} {CARD[4:8]} {CARD[8:12]} {CARD[12:]}，身份证 {ID_NUMBER}"
MASKED = f"卡号 ****{CARD[-4:]}，身份证 ****"
Verb = Callable[[Room, Case, Words], Coroutine[Any, Any, Case]]
VERBS: dict[str, Verb] = {
    "say": lambda room, case, words: cases.say(*place(room, case), MANAGER, words),
    "ask": lambda room, case, words: cases.ask(*place(room, case), MANAGER, case.version, words),
    "decline": lambda room, case, words: cases.decline(*place(room, case), MANAGER, case.version, "no_proof", words),
    "approve": lambda room, case, words: cases.approve(*place(room, case), MANAGER, case.version, None, words),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_a_card_and_an_identity_number_are_never_kept_whatever_they_are_said_with(room: Room, verb: str) -> None:
    """S36. S57."""
    case = await cases.request(room.desk, await wish(room, said=SAID))
    await room.scene.work()
    case = (await cases.find(*place(room, case))).case or case
    words = Words(text=SAID, how=How.PHONE)
    assert words.masked == ("card", "id_number")
    await VERBS[verb](room, case, words)
    shown = [one for one in await thread(room, case) if one.kind == "message"]
    assert [(one.text, one.masked) for one in shown] == [(MASKED, ("card", "id_number"))] * 2
    everything = await dumped(room)
    for secret in (CARD, ID_NUMBER, CARD[4:12]):
        assert secret.encode() not in everything
        assert secret not in repr(words)


async def test_talk_is_one_thread_and_inner_notes_stay_inside(room: Room) -> None:
    """S71."""
    case = await cases.request(room.desk, await wish(room))
    call = Words(text="顾客来电，说收银员很客气", side=Side.CUSTOMER, how=How.PHONE)
    counter = Words(text="顾客到店，看过小票", side=Side.STAFF, how=How.COUNTER)
    note = Words(text="这位顾客上个月也扫错过", audience=Audience.INTERNAL)
    for words in (call, counter, note):
        await cases.say(*place(room, case), MANAGER, words)
    whole = [(one.side, one.how, one.audience) for one in await thread(room, case)]
    assert whole == [
        ("customer", "written", "customer"),
        ("customer", "phone", "customer"),
        ("staff", "counter", "customer"),
        ("staff", "written", "internal"),
    ]
    shown = await thread(room, case, as_customer=True)
    assert note.text not in {one.text for one in shown}
    assert MANAGER.id not in {one.who for one in shown}
    with pytest.raises(Denied, match=r"staff\.not_allowed"):
        await cases.say(*place(room, case), MACHINE, note)


async def test_a_message_said_again_is_the_same_and_another_under_its_id_is_refused(room: Room) -> None:
    """S71."""
    case = await cases.request(room.desk, await wish(room))
    words = Words(text="请稍等", id=ids.new(ids.Kind.EVIDENCE))
    done = await cases.say(*place(room, case), MANAGER, words)
    assert (await cases.say(*place(room, case), MANAGER, words)).version == done.version
    for other in (
        Words(text="不用等了", id=words.id),
        Words(text=words.text, id=words.id, side=Side.CUSTOMER),
        Words(text=words.text, id=words.id, how=How.PHONE),
        Words(text=words.text, id=words.id, audience=Audience.INTERNAL),
        Words(text="", reply="received", id=words.id),
    ):
        with pytest.raises(Denied, match=r"case\.message_taken"):
            await cases.say(*place(room, case), MANAGER, other)
    assert len(await thread(room, case)) == 2


async def test_a_ready_reply_is_filled_in_and_said_once_though_the_case_moves(room: Room) -> None:
    """S56. S71."""
    case = await cases.request(room.desk, await wish(room))
    words = Words(text="", reply="received", id=ids.new(ids.Kind.EVIDENCE))
    await cases.say(*place(room, case), MANAGER, words)
    said = (await thread(room, case, as_customer=True))[-1]
    assert (said.reply, said.side) == ("received", "staff")
    assert said.text is not None
    for part in ("¥20.00", case.id, "很抱歉", "sorry"):
        assert part in said.text
    await room.scene.work()
    await cases.say(*place(room, case), MANAGER, words)
    assert len([one for one in await thread(room, case) if one.reply]) == 1


async def test_a_reply_that_lacks_what_it_names_is_not_said(room: Room) -> None:
    """S56."""
    case = await cases.request(room.desk, await wish(room))
    with pytest.raises(Denied, match=r"case\.reply_lacks") as lacks:
        await cases.say(*place(room, case), MANAGER, Words(text="", reply="on_its_way"))
    assert lacks.value.facts["lacks"] == ["back", "day"]
    with pytest.raises(Denied, match=r"case\.reply_unknown"):
        await cases.say(*place(room, case), MANAGER, Words(text="", reply="thanks"))
    assert len(await thread(room, case)) == 1
    await room.scene.work()
    standing = (await cases.find(*place(room, case))).case
    assert standing is not None
    await cases.approve(*place(room, case), MANAGER, standing.version, None)
    await cases.say(*place(room, case), MANAGER, Words(text="", reply="on_its_way", lang="zh"))
    text = (await thread(room, case))[-1].text
    standing = (await cases.find(*place(room, case))).case
    assert standing is not None
    assert text is not None
    assert str(standing.promised_on) in text
    assert "Hello" not in text
    assert set(replies.replies()) > {"received", "on_its_way"}


@pytest.mark.parametrize("role", ["recorder", "reader"])
@pytest.mark.parametrize("table", ["facts", "evidence"])
@pytest.mark.parametrize("deed", ["update {} set merchant_id = merchant_id", "delete from {}", "truncate {}"])
async def test_nobody_edits_or_deletes_what_was_said(room: Room, role: str, table: str, deed: str) -> None:
    """S71."""
    await cases.request(room.desk, await wish(room))
    pool = getattr(room.scene.pools, role)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(deed.format(table))
    part = await room.pool.fetchval(
        "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass"
        " limit 1", table,
    )  # fmt: skip
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(deed.format(part))
