"""Packs of real cases: gathered from the books, pressed, checked; and the commands that do it."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pypdf
import pytest
from click.testing import CliRunner

from tests.dossiers import INNER_WORDS, OPEN_WORDS
from tests.flows.room import ANNA, LIMITS, Room, opened
from tests.flows.shop import Shop
from tests.flows.test_repayments import wish
from tests.flows.test_wrong_payee import Street, case_there, charge, close, paid_by, side
from tests.flows.test_wrong_payee import street as street  # noqa: PLC0414 - a fixture
from tests.flows.test_wrong_payee import wish as handing
from tests.making import fen, heard
from yuanlu import ids, words
from yuanlu.cases import complaints as joining
from yuanlu.cases import flow as cases
from yuanlu.cases import store as case_store
from yuanlu.cases import tracing
from yuanlu.cases.chain import Audience, How, Side
from yuanlu.cases.rules import CaseAsk, Conclusion, What
from yuanlu.channels.contract import Channel, Deed, Entry, Grievance, Heard, Word
from yuanlu.channels.contract import Side as Sides
from yuanlu.cli import main
from yuanlu.complaints import flow as complaints
from yuanlu.config import Settings
from yuanlu.db import Database, Pools
from yuanlu.desk import Desk
from yuanlu.errors import Denied
from yuanlu.evidence.flow import Files
from yuanlu.evidence.rules import Audience as FileAudience
from yuanlu.evidence.shelves import Disk
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.packs import flow, paper, press, signer, store, typeset
from yuanlu.packs.audit import faults
from yuanlu.packs.dossier import digest_of
from yuanlu.packs.readers import Reader, cut
from yuanlu.packs.verify import verify
from yuanlu.people import flow as people
from yuanlu.people.rules import Person
from yuanlu.repayments import flow as repayments
from yuanlu.repayments.rules import Refusal

try:
    typeset.typesetter()
    MISSING = ""
except Denied as no:
    MISSING = str(no.facts["package"])
needs_font = pytest.mark.skipif(bool(MISSING), reason=f"needs {MISSING}")


async def put_right(shop: Shop) -> str:
    """A mistaken scan of 128.00 for 12.80, from the report to the money back; answers the case's id."""
    payment = await shop.paid()
    ask = CaseAsk(merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.WRONG_AMOUNT,
                  who="cashier", meant=fen(1280))  # fmt: skip
    case = await cases.request(shop.desk, ask)
    shop.will_hear(
        heard(Word.SETTLED, amount=fen(12800), channel_number="4200"),
        heard(Word.SETTLED, amount=fen(11520), channel_number="5030", received_into="零钱"),
    )
    await shop.work()
    return case.id


async def gathered(shop: Shop, case_id: str, merchant_id: str = "") -> flow.Gathered:
    """What a pack of the shop's case is made of; the shop keeps no files."""
    files = Files(Disk(Path("nowhere")))
    return await flow.gather(shop.desk, files, shop.pools.reader, merchant_id or shop.merchant, case_id, ANNA)


@pytest.fixture
async def room(database: Database, pools: Pools, tmp_path: Path) -> AsyncIterator[Room]:
    async with opened(database, pools, tmp_path / "files") as made:
        yield made


async def pressed(found: flow.Gathered, ours: signer.Signer, reader: Reader) -> bytes:
    return await asyncio.to_thread(press.press, found.dossier, found.contents, ours, reader=reader, lang="zh")


async def test_a_case_that_was_put_right_makes_records_that_agree(shop: Shop) -> None:
    """S7, S76: what the flows write down is what the checks expect, to the move."""
    case_id = await put_right(shop)
    found = await gathered(shop, case_id)
    made = found.dossier
    assert made.case["state"] == "CLOSED"
    assert faults(made) == []
    assert len(made.moves) == 3
    assert {fact.object for fact in made.facts} == {case_id, made.payment["id"], made.refunds[0]["id"]}
    assert [each.kind for each in made.decisions] == ["RemedyChosen", "CaseClosed"]


@needs_font
@pytest.mark.parametrize("reader", list(Reader))
async def test_its_pack_is_good_for_each_reader(shop: Shop, tmp_path: Path, reader: Reader) -> None:
    """S7, S76, S80."""
    found = await gathered(shop, await put_right(shop))
    ours = signer.of(Settings(state=tmp_path), shop.clock.now())
    verdict = verify(await pressed(found, ours, reader), ours.fingerprints)
    assert verdict.faults == []
    assert verdict.is_trusted


async def test_a_case_that_is_still_open_makes_records_that_agree(shop: Shop) -> None:
    payment = await shop.paid()
    ask = CaseAsk(merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.OTHER, who="x")
    case = await cases.request(shop.desk, ask)
    found = await gathered(shop, case.id)
    assert faults(found.dossier) == []


async def complained(room: Room) -> str:
    """A case whose payer complained at the channel, and was answered there; answers its id."""
    case = await room.case("oUpF8uMuAJO")
    now = room.clock.now()
    said = (
        Entry(id="1", side=Sides.PAYER, deed=Deed.OPENED, at=now, text="多收了我一百块，没人理"),
        Entry(id="2", side=Sides.MERCHANT, deed=Deed.SPOKE, at=now + timedelta(minutes=5), text="很抱歉，马上退您"),
    )
    told = Grievance(id="200201820200101080076610000", state="PENDING", is_open=True, order_number=case.payment_id,
                     at=now, text=said[0].text, phone="13800000000")  # fmt: skip
    told_by = Heard(word=Word.SETTLED, complaints=(told,), entries=said)
    found = await complaints.learn(room.desk, room.merchant_id, Channel.WECHAT, told_by, told)
    joined = await joining.join(room.desk, room.merchant_id, found.id)
    assert joined is not None
    return joined.id


async def test_what_was_said_at_the_channel_is_in_the_pack_until_it_is_forgotten(room: Room, tmp_path: Path) -> None:
    """S76, S80: the complaint about the payment with its talk; the payer's phone is for counsel alone."""
    case_id = await complained(room)
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA)
    (whole,) = found.dossier.complaints
    assert [(each.side, each.text) for each in whole.entries] == [
        ("payer", "多收了我一百块，没人理"), ("merchant", "很抱歉，马上退您"),
    ]  # fmt: skip
    assert "sealed" not in whole.row
    for reader in Reader:
        (seen,) = cut(found.dossier, reader).complaints
        assert (seen.entries, bool(seen.phone)) == (whole.entries, reader is Reader.COUNSEL)
        assert faults(cut(found.dossier, reader)) == []
    await room.seal.forget(room.merchant_id, whole.row["id"], room.clock.now())
    again = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA)
    (gone,) = again.dossier.complaints
    assert (gone.gone, gone.text, gone.entries) == (True, "", [])


@needs_font
@pytest.mark.parametrize("reader", list(Reader))
async def test_whoever_opens_a_pack_reads_the_complaint_in_it(room: Room, tmp_path: Path, reader: Reader) -> None:
    """S76: on paper and among the records, and the pack is good."""
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, await complained(room), ANNA)
    made = await pressed(found, signer.of(Settings(state=tmp_path), room.clock.now()), reader)
    assert verify(made).faults == []
    opened_pack = pypdf.PdfReader(io.BytesIO(made))
    (told,) = json.loads(opened_pack.attachments["complaints.json"][0])
    assert [each["text"] for each in told["entries"]] == ["多收了我一百块，没人理", "很抱歉，马上退您"]
    assert "很抱歉" in "".join(page.extract_text() for page in opened_pack.pages)


async def handed_over(street: Street) -> tuple[str, str]:
    """A request of `here` about a payment of `there`, handed over; answers its id and that of the case it opened."""
    payment = await charge(street.there, 900, paid_by(900, "p1"))
    done = await tracing.request(street.here.desk, handing(street, payment.id, who="askers-clerk"))
    await street.work()
    case = await case_there(street)
    await close(street, case, Conclusion.NOTED)
    await street.work()
    return done.row.id, case.id


async def gathered_there(street: Street, case_id: str) -> flow.Gathered:
    there = street.there
    return await flow.gather(
        there.desk, Files(Disk(Path("nowhere"))), there.pools.reader, there.merchant_id, case_id, ANNA
    )


async def test_a_handed_over_request_is_in_the_pack_without_a_word_of_who_asked(street: Street) -> None:
    """S47, S76: the taking side's row, its facts and its link; nothing of the asking side is read at all."""
    handover_id, case_id = await handed_over(street)
    made = (await gathered_there(street, case_id)).dossier
    assert [(each["id"], each["state"], each["amount_fen"]) for each in made.handovers] == [
        (handover_id, "DECLINED", 900)
    ]
    assert [link.kind for link in made.chain] == ["handover", "message"]
    kinds = [fact.kind for fact in made.facts if fact.object == handover_id]
    assert kinds == ["HandoverTaken", "HandoverMoved"]
    for reader in Reader:
        seen = cut(made, reader)
        assert faults(seen) == []
        told = msgspec.json.encode(seen).decode()
        asking = await side(street.here, handover_id)
        for secret in (street.here.merchant_id, street.here.till_id, asking.fingerprint, asking.said, "askers-clerk"):
            assert secret not in told


@needs_font
@pytest.mark.parametrize("reader", list(Reader))
async def test_whoever_opens_a_pack_reads_the_hand_over_and_a_changed_byte_is_named(
    street: Street, tmp_path: Path, reader: Reader
) -> None:
    """S47, S76: on paper and among the records."""
    handover_id, case_id = await handed_over(street)
    found = await gathered_there(street, case_id)
    made = await pressed(found, signer.of(Settings(state=tmp_path), street.there.clock.now()), reader)
    assert verify(made).faults == []
    opened_pack = pypdf.PdfReader(io.BytesIO(made))
    (told,) = json.loads(opened_pack.attachments["handovers.json"][0])
    assert (told["id"], told["opened_by"]) == (handover_id, "handover")
    assert "别店转来的请求" in "".join(page.extract_text() for page in opened_pack.pages)
    writer = pypdf.PdfWriter(clone_from=opened_pack)
    for each in writer.attachment_list:
        if each.name == "handovers.json":
            each.content = each.content.replace(b"900", b"901")
    forged = io.BytesIO()
    writer.write(forged)
    codes = {each.code for each in verify(forged.getvalue()).faults}
    assert {"records.differs", "chain.handover"} <= codes


async def talked(room: Room) -> str:
    """A case with two messages and two files, one of each for our own people; answers its id."""
    case = await room.case("oUpF8uMuAJO")
    for text, audience in ((OPEN_WORDS, Audience.CUSTOMER), (INNER_WORDS, Audience.INTERNAL)):
        said = cases.Words(text=text, side=Side.STAFF, how=How.PHONE, audience=audience)
        await cases.say(room.desk, room.merchant_id, case.id, ANNA, said)
        room.clock.step(timedelta(minutes=1))
        file = await room.take(room.ask(case, name=f"{audience}.jpg", audience=FileAudience(audience.value)))
        await cases.file_taken(room.desk, room.merchant_id, file.id)
    return case.id


async def test_messages_are_opened_and_files_too_and_that_is_written_down(room: Room) -> None:
    """S71, S76: the thread and the files of a case are in its pack, each as it was chained; custody knows of it."""
    case_id = await talked(room)
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA)
    made = found.dossier
    assert faults(made) == []
    assert [each.told["text"] for each in made.thread] == [OPEN_WORDS, INNER_WORDS]
    assert [link.kind for link in made.chain] == ["message", "file", "message", "file"]
    assert made.case["chain_length"] == 4
    for each in made.files:
        assert digest_of(found.contents[each.id]) == each.digest
        assert ("FileOpened", "anna") in await room.facts(each.id)
    assert [each.name for each in made.files] == ["customer.jpg", "internal.jpg"]


@needs_font
async def test_the_pack_of_a_case_people_talked_about_is_cut_and_good(room: Room, tmp_path: Path) -> None:
    """S7, S71, S76."""
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, await talked(room), ANNA)
    ours = signer.of(Settings(state=tmp_path), room.clock.now())
    for reader, messages in ((Reader.CUSTOMER, 1), (Reader.COUNSEL, 2)):
        verdict = verify(await pressed(found, ours, reader))
        assert verdict.faults == []
        assert (verdict.counts["messages"], verdict.counts["files"], verdict.counts["links"]) == (messages, messages, 4)


@needs_font
@pytest.mark.parametrize("reader", list(Reader))
async def test_a_file_that_was_not_searched_surely_says_so_beside_it_to_every_reader(
    room: Room, tmp_path: Path, reader: Reader
) -> None:
    """S36, S59, S76: in the record and on the page, in the reader's language; not beside one that was searched."""
    case_id = await talked(room)
    room.files.workshop.limits = replace(LIMITS, read_seconds=0)  # as with YUANLU_OCR=off
    case = (await room.desk.see(case_store.by_id(room.merchant_id, case_id))).case
    assert case is not None
    unread = await room.take(room.ask(case, name="unread.jpg"))
    await cases.file_taken(room.desk, room.merchant_id, unread.id)
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA, reader)
    told = {each.id: (each.searched, each.says_zh, each.says_en) for each in found.dossier.files}
    assert told.pop(unread.id) == (False, *(words.both("file.unsearched")[each] for each in ("zh", "en")))
    assert set(told.values()) == {(True, "", "")}
    ours = signer.of(Settings(state=tmp_path), room.clock.now())
    for lang in ("zh", "en"):
        file = await asyncio.to_thread(press.press, found.dossier, found.contents, ours, reader=reader, lang=lang)
        assert verify(file).faults == []
        text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file)).pages)
        warning = words.both("file.unsearched")[lang].replace("\n", " ")
        assert _solid(text).count(_solid(warning)) == 1


def _solid(text: str) -> str:
    """Text without what breaks its lines."""
    return "".join(text.split())


async def test_what_was_forgotten_leaves_its_digest_in_the_pack(room: Room) -> None:
    """S80: erasure leaves books and chain whole."""
    case_id = await talked(room)
    await room.seal.forget(room.merchant_id, case_id, room.clock.now())
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA)
    assert [each.gone for each in found.dossier.thread] == [True, True]
    assert faults(found.dossier) == []


async def test_a_file_that_has_not_entered_its_case_yet_is_left_out(room: Room) -> None:
    case = await room.case()
    await room.take(room.ask(case))
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case.id, ANNA)
    assert found.dossier.files == []
    assert faults(found.dossier) == []


async def test_the_decisions_cite_the_rules_of_their_day_and_the_rights_are_there(shop: Shop) -> None:
    """S72, S81: each rule that a decision rests on is in the pack with its law, in both languages."""
    made = (await gathered(shop, await put_right(shop))).dossier
    assert all(each.law.startswith("law-cn/") for each in made.decisions)
    cited = {cite for each in made.decisions for cite in each.law.split()}
    known = {each.cite: each for each in made.rights}
    assert cited <= known.keys()
    assert any(each.at_stage for each in made.rights)
    for each in made.rights:
        assert each.law_zh
        assert each.law_en
        assert each.zh
        assert each.en


@pytest.mark.parametrize("until", ["proposed", "approved", "paid", "refused"])
async def test_what_went_back_by_another_road_counts_too(shop: Shop, until: str) -> None:
    """S65, S76: the draws of repayments are in the sum of what went back, and their moves where their state says."""
    payment = await shop.paid()
    ask = CaseAsk(merchant_id=shop.merchant, id=ids.new(Kind.CASE), payment_id=payment.id, what=What.OTHER, who="x")
    case = await cases.request(shop.desk, ask)
    await cases.withdraw(shop.desk, shop.merchant, case.id, Person("x"), case.version)
    shop.wait(days=400)
    row = (await repayments.propose(shop.desk, wish(shop, payment.id))).row
    if until in ("approved", "paid"):
        await repayments.approve(shop.desk, shop.merchant, row.id, "bert", role="finance")
    if until == "paid":
        await repayments.pay(shop.desk, shop.merchant, row.id, "bert", "ICBC 2026-1", role="finance")
    if until == "refused":
        await repayments.refuse(shop.desk, shop.merchant, row.id, "bert", Refusal.WITHDRAWN, role="finance")
    made = (await gathered(shop, case.id)).dossier
    assert faults(made) == []
    assert made.payment["back_fen"] == (0 if until == "refused" else 11520)
    (told,) = made.repayments
    assert "account" not in told
    assert faults(cut(made, Reader.CUSTOMER)) == []
    less = replace(made, repayments=[{**told, "amount_fen": 11519}])
    assert {"amounts.row", "moves.balance"} & {each.code for each in faults(less)}


class Dies(Exception):
    """The process ends here."""


class Dying(Desk):
    """A desk whose process dies before or after its next decision."""

    def __init__(self, desk: Desk, *, after: bool) -> None:
        self.__dict__.update(desk.__dict__)
        self._after = after

    async def decide(self, *args: Any, **more: Any) -> Any:
        if self._after:
            await super().decide(*args, **more)
        raise Dies


@needs_font
@pytest.mark.parametrize("after", [False, True])
async def test_who_dies_has_given_nothing_out_and_the_chain_lies_about_nothing(
    shop: Shop, tmp_path: Path, after: bool
) -> None:
    """S71, S76: before the entry, nothing is told; after it, a pack was made, and the next one shows that it was."""
    case_id = await put_right(shop)
    files, presses = Files(Disk(tmp_path / "files")), flow.Presses(Settings(state=tmp_path))

    async def make(desk: Desk) -> flow.Pack:
        return await flow.make(
            desk, files, presses, shop.pools.reader, shop.merchant, case_id, ANNA, Reader.CUSTOMER, "zh"
        )

    with pytest.raises(Dies):
        await make(Dying(shop.desk, after=after))
    told = await flow.given(shop.desk, shop.pools.reader, shop.merchant, case_id, ANNA)
    assert len(told) == (1 if after else 0)
    pack = await make(shop.desk)
    assert verify(pack.file).faults == []
    shown = (await gathered(shop, case_id)).dossier
    assert faults(shown) == []
    links = [link for link in shown.chain if link.kind == "pack"]
    assert [link.digest for link in links][-1] == pack.digest
    assert len(links) == (2 if after else 1)
    assert [each.told["made_by"] for each in cut(shown, Reader.CUSTOMER).evidence if each.kind == "pack"] == [
        "staff"
    ] * len(links)


async def test_counsel_reads_the_names_of_staff_and_nobody_else_does(room: Room) -> None:
    """S80: a name stands in counsel's pack alone, also where somebody cuts what was gathered for counsel."""
    case_id = (await room.case()).id
    added = (await people.add(room.desk, room.merchant_id, role="manager", name="王芳", who="boss")).person
    await cases.say(room.desk, room.merchant_id, case_id, added, cases.Words(text="好的"))
    for reader, names in ((Reader.COUNSEL, {added.id: "王芳"}), (Reader.CUSTOMER, {}), (Reader.REGULATOR, {})):
        found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA, reader)
        assert found.dossier.merchant.get("people", {}) == names
    whole = (await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA)).dossier
    assert "people" not in cut(whole, Reader.REGULATOR).merchant
    tongue = paper.Tongue("zh", {"a1234": "王芳", "b5678": "王芳", "c9012": "李四"})
    assert [paper._who(who, tongue) for who in ("a1234", "b5678", "c9012")] == ["王芳 …1234", "王芳 …5678", "李四"]


async def test_only_files_the_reader_may_have_are_opened_for_his_pack(room: Room) -> None:
    """S57, S76: custody knows of no opening that was not needed."""
    case_id = await talked(room)
    found = await flow.gather(room.desk, room.files, room.reader, room.merchant_id, case_id, ANNA, Reader.CUSTOMER)
    opened_files = {each.id for each in found.dossier.files if ("FileOpened", "anna") in await room.facts(each.id)}
    assert opened_files == {each.id for each in found.dossier.files if each.audience == "customer"}
    assert len(found.contents) == 1


async def test_another_merchants_case_is_unknown(shop: Shop) -> None:
    """S76: whoever asks for one merchant reads that merchant's books alone."""
    case_id = await put_right(shop)
    other = await merchants.add_merchant(shop.pools.recorder, "Other", shop.clock.now())
    with pytest.raises(Denied, match=r"case\.unknown"):
        await gathered(shop, case_id, other)


async def test_a_case_with_more_than_a_pack_holds_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = await put_right(shop)
    monkeypatch.setattr(store, "FACTS_MAX", 3)
    with pytest.raises(Denied, match=r"pack\.too_much"):
        await gathered(shop, case_id)


# --- the commands ---


@pytest.fixture
async def file(shop: Shop, tmp_path: Path) -> Path:
    """A pack, made by an installation that is not the one that checks it."""
    found = await gathered(shop, await put_right(shop))
    ours = signer.of(Settings(state=tmp_path / "shop"), shop.clock.now())
    made = tmp_path / "case.pdf"
    made.write_bytes(await pressed(found, ours, Reader.CUSTOMER))
    return made


def run(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout


@needs_font
async def test_verify_needs_nothing_but_the_file(file: Path, tmp_path: Path) -> None:
    """S7: exit code 0, and JSON with ok and problems; no state directory comes about."""
    code, told = run("pack", "verify", file, "--json", "--state", tmp_path / "nobody")
    assert code == 0
    assert (json.loads(told)["ok"], json.loads(told)["problems"]) == (True, [])
    assert not (tmp_path / "nobody").exists()


@needs_font
async def test_verify_says_what_is_wrong_and_ends_with_1(file: Path, tmp_path: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    code, told = run("pack", "verify", file, "--json", "--state", tmp_path / "nobody")
    assert code == 1
    assert not json.loads(told)["ok"]
    assert f"the file was cut after byte {len(whole) // 2}" in json.loads(told)["problems"][0]
    code, shown = run("pack", "verify", file, "--state", tmp_path / "nobody")
    assert code == 1
    assert f"文件在第 {len(whole) // 2} 个字节之后被截断" in shown


@needs_font
async def test_an_installation_takes_packs_of_its_own_unless_told_whom_to_trust(file: Path, tmp_path: Path) -> None:
    """S32: signed by somebody else, as this installation sees it."""
    other = tmp_path / "other"
    _, trusted = run("pack", "trust", "--json", "--state", other)
    assert json.loads(trusted)["signer"]
    code, told = run("pack", "verify", file, "--json", "--state", other)
    assert code == 1
    assert "signed by somebody else" in json.loads(told)["problems"][0]
    fingerprint = json.loads(run("pack", "trust", "--json", "--state", tmp_path / "shop")[1])["signer"]
    code, told = run("pack", "verify", file, "--json", "--state", other, "--trust", fingerprint)
    assert (code, json.loads(told)["trusted"]) == (0, True)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    code, told = run("pack", "verify", tmp_path / "none.pdf", "--json", "--state", tmp_path)
    assert code == 2
    assert json.loads(told)["code"] == "pack.file_unreadable"
