"""Packs of real cases: gathered from the books, pressed, checked; and the commands that do it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.dossiers import INNER_WORDS, OPEN_WORDS
from tests.flows.room import ANNA, Room, opened
from tests.flows.shop import Shop
from tests.making import fen, heard
from yuanlu import ids
from yuanlu.cases import flow as cases
from yuanlu.cases.chain import Audience, How, Side
from yuanlu.cases.rules import CaseAsk, What
from yuanlu.channels.contract import Word
from yuanlu.cli import main
from yuanlu.config import Settings
from yuanlu.db import Database, Pools
from yuanlu.errors import Denied
from yuanlu.evidence.flow import Files
from yuanlu.evidence.rules import Audience as FileAudience
from yuanlu.evidence.shelves import Disk
from yuanlu.ids import Kind
from yuanlu.merchants import store as merchants
from yuanlu.packs import flow, paper, press, signer, store
from yuanlu.packs.audit import faults
from yuanlu.packs.dossier import digest_of
from yuanlu.packs.readers import Reader
from yuanlu.packs.verify import verify

try:
    paper.typesetter()
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
